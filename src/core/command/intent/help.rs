//! Help: how a command is typed.

use super::{Free, Intent};
use crate::command::explain::input;
use crate::command::{ParseOutcome, Parsed};

pub(super) const INTENT: Intent = Intent {
    name: "help",
    outcome: ParseOutcome::View,
    form: "help TOPIC",
    inputs: &["topic"],
    free: Free::Everything("topic"),
    restate,
    ..Intent::BLANK
};

fn restate(p: &Parsed) -> String {
    format!("help{}", input(p, "topic", " on "))
}
