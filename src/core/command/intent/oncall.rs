//! Who is on call.

use super::{Intent, Object};
use crate::command::explain::{input, services_of};
use crate::command::{ParseOutcome, Parsed};

pub(super) const INTENT: Intent = Intent {
    name: "oncall",
    outcome: ParseOutcome::View,
    form: "who is on call",
    takes: &[Object::Env, Object::Service],
    inputs: &["at"],
    restate,
    ..Intent::BLANK
};

fn restate(p: &Parsed) -> String {
    format!(
        "who is on call{}{}",
        services_of(p, " for "),
        input(p, "at", " ")
    )
}
