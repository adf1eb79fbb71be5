//! Note something in the incident timeline.

use super::{Free, Intent, Need};
use crate::command::explain::input;
use crate::command::{ParseOutcome, Parsed};

pub(super) const INTENT: Intent = Intent {
    name: "note_incident",
    available: false,
    outcome: ParseOutcome::Action,
    form: "note \"TEXT\"",
    mutates: true,
    needs: &[Need::Input("text")],
    inputs: &["text", "incident"],
    free: Free::Everything("text"),
    restate,
    ..Intent::BLANK
};

fn restate(p: &Parsed) -> String {
    format!("note{}", input(p, "text", ": "))
}
