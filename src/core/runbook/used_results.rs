//! The results of earlier steps that the texts of a step use.

use std::collections::HashSet;

use super::definition::{Does, Given};
use crate::run::plan::placeholder::{Piece, Slot, pieces};

/// Names of the steps whose results the texts of a step use.
pub(super) fn used_results(does: &Does, into: &mut HashSet<String>) {
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
