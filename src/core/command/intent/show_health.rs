//! The overall health score and what lowers it.

use super::Intent;
use crate::command::{ParseOutcome, Parsed};

pub(super) const INTENT: Intent = Intent {
    name: "show_health",
    outcome: ParseOutcome::View,
    form: "why is the score low",
    with_objects: Some(&super::healthcheck::INTENT),
    restate,
    ..Intent::BLANK
};

fn restate(_: &Parsed) -> String {
    "show the health score".to_owned()
}
