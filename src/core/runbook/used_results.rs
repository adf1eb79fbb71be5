//! The results of earlier steps that a runbook uses in expressions and texts.

use std::collections::HashSet;

use super::condition::Condition;
use super::definition::{Definition, Does, Given};
use crate::run::plan::placeholder::{Piece, Slot, pieces};

/// The results that the expressions and texts of a runbook use.
pub(super) fn used_results(definition: &Definition) -> HashSet<String> {
    let mut used_results = HashSet::new();
    for step in definition.all_steps() {
        let when = step.when.iter().map(Condition::expr);
        let kept = step.save.values().chain(step.links.values());
        for expr in when.chain(&step.expect).chain(kept) {
            used_results.extend(
                expr.uses()
                    .into_iter()
                    .filter(|(name, _)| name == "steps")
                    .filter_map(|(_, step)| step),
            );
        }
        used_by_texts(&step.does, &mut used_results);
    }
    used_results
}

/// Names of the steps whose results the texts of a step use.
fn used_by_texts(does: &Does, into: &mut HashSet<String>) {
    let texts: Vec<&str> = match does {
        Does::Http(r) => r
            .headers
            .values()
            .chain(&r.body)
            .chain(&r.contains)
            .chain([&r.url])
            .map(String::as_str)
            .collect(),
        Does::Shell { env, .. } => env.iter().map(|(_, text)| text.as_str()).collect(),
        Does::Sql { statement, .. } => statement.params.iter().map(String::as_str).collect(),
        Does::Notify { message: m, .. } => [&m.title, &m.text]
            .into_iter()
            .chain(&m.dedup_key)
            .chain(&m.link)
            .map(String::as_str)
            .collect(),
        Does::Adapter { args, .. } => args
            .values()
            .filter_map(|given| match given {
                Given::Text(text) => Some(text.as_str()),
                Given::Document(_) => None,
            })
            .collect(),
        _ => Vec::new(),
    };
    for text in texts {
        into.extend(pieces(text).into_iter().filter_map(|piece| match piece {
            Piece::Slot(Slot::Saved(step, _)) => Some(step.to_owned()),
            _ => None,
        }));
    }
}
