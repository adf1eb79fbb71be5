//! Incident: gather evidence about a problem.

use super::{Free, Intent, Object};
use crate::command::explain::{in_env, input, target};
use crate::command::{ParseOutcome, Parsed};

pub(super) const INTENT: Intent = Intent {
    name: "incident",
    outcome: ParseOutcome::Plan,
    form: "investigate SERVICE errors in ENV",
    takes: &[Object::Env, Object::Service],
    inputs: &["notes", "since", "severity"],
    free: Free::Notes("notes"),
    restate,
    ..Intent::BLANK
};

fn restate(p: &Parsed) -> String {
    format!(
        "investigate {}{}{}",
        target(p, "what is wrong"),
        in_env(p, " in "),
        input(p, "notes", ": ")
    )
}
