//! Declare an incident.

use super::{Free, Intent, Need};
use crate::command::explain::input;
use crate::command::reading::Reading;
use crate::command::{ParseOutcome, Parsed};

pub(super) const INTENT: Intent = Intent {
    name: "declare_incident",
    available: false,
    outcome: ParseOutcome::Action,
    form: "declare incident sev2 \"TITLE\"",
    mutates: true,
    needs: &[Need::Input("title")],
    inputs: &["severity", "title"],
    free: Free::Text("title"),
    read,
    restate,
    ..Intent::BLANK
};

fn restate(p: &Parsed) -> String {
    format!(
        "declare an incident{}{}",
        input(p, "severity", ", "),
        input(p, "title", ": ")
    )
}

/// The severity may be before or after the title; the rest is the title.
fn read(r: &mut Reading<'_>) {
    r.take_severity();
}
