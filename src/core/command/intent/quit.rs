//! Leave the console.

use super::Intent;
use crate::command::{ParseOutcome, Parsed};

pub(super) const INTENT: Intent = Intent {
    name: "quit",
    outcome: ParseOutcome::View,
    form: "quit",
    restate,
    ..Intent::BLANK
};

fn restate(_: &Parsed) -> String {
    "quit".to_owned()
}
