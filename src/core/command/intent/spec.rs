//! Spec: write a specification document.

use super::{Free, Intent, Need};
use crate::command::explain::input;
use crate::command::{ParseOutcome, Parsed};

pub(super) const INTENT: Intent = Intent {
    name: "spec",
    outcome: ParseOutcome::Plan,
    form: "generate spec for SUBJECT",
    needs: &[Need::Input("subject")],
    inputs: &["subject"],
    free: Free::Text("subject"),
    restate,
    ..Intent::BLANK
};

fn restate(p: &Parsed) -> String {
    format!("write a spec{}", input(p, "subject", " for "))
}
