//! The inventory.

use super::{Intent, Object};
use crate::command::explain::in_env;
use crate::command::{ParseOutcome, Parsed};

pub(super) const INTENT: Intent = Intent {
    name: "services",
    outcome: ParseOutcome::View,
    form: "list services",
    takes: &[Object::Env, Object::Service, Object::Department],
    inputs: &["department", "status"],
    restate,
    ..Intent::BLANK
};

fn restate(p: &Parsed) -> String {
    format!("services{}", in_env(p, " in "))
}
