//! The order of a file's steps: which steps an expression may use, and where `on_failure` may jump
//! to.

use std::collections::HashMap;

use super::step::Spot;
use crate::base::toml_doc::{Report, Section};
use crate::run::{Phase, response};
use crate::runbook::definition::StepTemplate;
use crate::runbook::scope::{KnownStep, key_of};

/// Data about the steps before they are read: names, order, saved values.
pub(super) fn known_steps(steps: &[Section<'_>], finally: &[Section<'_>]) -> Vec<KnownStep> {
    let steps = steps
        .iter()
        .enumerate()
        .filter_map(|(at, t)| known(t, Spot::Phase(at)));
    let finally = finally
        .iter()
        .enumerate()
        .filter_map(|(at, t)| known(t, Spot::Finally(at)));
    steps.chain(finally).collect()
}

fn known(table: &Section<'_>, spot: Spot) -> Option<KnownStep> {
    let phase = table
        .peek("phase")
        .and_then(Phase::from_name)
        .unwrap_or(Phase::Summarize);
    let saves = table.get("save").and_then(|f| f.value().as_table());
    Some(KnownStep {
        key: key_of(table.peek("name")?),
        saves: saves
            .into_iter()
            .flat_map(|t| t.keys().map(|k| k.get_ref().to_string()))
            .collect(),
        order: spot.order(phase),
        repeated: table.has("for_each") || table.has("use") || table.has("runbook"),
        asks: table.has("manual"),
        response: match () {
            () if table.has("sql") => response::sql(),
            () if table.has("adapter") => response::adapter(),
            () => response::http(),
        },
    })
}

/// `on_failure = "<step>"` names a step that runs later.
pub(super) fn check_jumps(r: &mut Report, tables: &[Section<'_>], steps: &[StepTemplate]) {
    if steps.iter().all(|s| s.jump.is_none()) {
        return;
    }
    let by_name: HashMap<&str, (usize, Phase)> = steps
        .iter()
        .enumerate()
        .map(|(at, s)| (s.name.as_str(), (at, s.phase)))
        .collect();
    for (at, step) in steps.iter().enumerate() {
        let Some(to) = &step.jump else { continue };
        let why = match by_name.get(to.as_str()) {
            None => format!("`{to}` is not `stop`, `continue` or the name of a step"),
            Some(place) if (place.1, place.0) <= (step.phase, at) => {
                format!("`{to}` does not run after this step; on_failure only jumps forward")
            }
            Some(_) => continue,
        };
        let table = tables.iter().find(|t| t.peek("name") == Some(&step.name));
        let at = table.and_then(|t| t.get("on_failure")).map_or(0, |f| f.at);
        r.wrong(at, format!("step {:?}.on_failure", step.name), why);
    }
}
