//! The order of a file's steps: which steps an expression may use, and where `on_failure` may jump
//! to.

use std::collections::HashMap;

use toml::de::DeTable;

use super::step::Spot;
use crate::run::Phase;
use crate::runbook::definition::StepTemplate;
use crate::runbook::read::{At, Reader};
use crate::runbook::scope::{self, KnownStep, key_of};

/// Data about the steps before they are read: names, order, saved values.
pub(super) fn known_steps<'t>(
    steps: &[At<&'t DeTable<'t>>],
    finally: &[At<&'t DeTable<'t>>],
) -> Vec<KnownStep> {
    let steps = steps
        .iter()
        .enumerate()
        .filter_map(|(at, t)| known(t.value, Spot::Phase(at)));
    let finally = finally
        .iter()
        .enumerate()
        .filter_map(|(at, t)| known(t.value, Spot::Finally(at)));
    steps.chain(finally).collect()
}

fn known<'t>(table: &'t DeTable<'t>, spot: Spot) -> Option<KnownStep> {
    let text = |key: &str| table.get(key).and_then(|v| v.get_ref().as_str());
    let phase = text("phase")
        .and_then(Phase::from_name)
        .unwrap_or(Phase::Summarize);
    let saves = table.get("save").and_then(|v| v.get_ref().as_table());
    Some(KnownStep {
        key: key_of(text("name")?),
        saves: saves
            .into_iter()
            .flat_map(|t| t.keys().map(|k| k.get_ref().to_string()))
            .collect(),
        order: spot.order(phase),
        repeated: table.contains_key("for_each")
            || table.contains_key("use")
            || table.contains_key("runbook"),
        asks: table.contains_key("manual"),
        response: match () {
            () if table.contains_key("sql") => scope::sql_response(),
            () if table.contains_key("adapter") => scope::adapter_response(),
            () => scope::http_response(),
        },
    })
}

/// `on_failure = "<step>"` names a step that runs later.
pub(super) fn check_jumps<'t>(
    r: &mut Reader<'_>,
    tables: &[At<&'t DeTable<'t>>],
    steps: &[StepTemplate],
) {
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
        let table = tables
            .iter()
            .find(|t| t.value.get("name").and_then(|v| v.get_ref().as_str()) == Some(&step.name));
        let span = table
            .and_then(|t| t.value.get("on_failure"))
            .map_or(0, |v| v.span().start);
        r.problem(span, format!("step {:?}.on_failure", step.name), why);
    }
}
