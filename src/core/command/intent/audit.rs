//! Who changed what.

use super::{Intent, Object};
use crate::command::explain::{in_env, input, services_of};
use crate::command::{ParseOutcome, Parsed};

pub(super) const INTENT: Intent = Intent {
    name: "audit",
    outcome: ParseOutcome::View,
    form: "what changed yesterday",
    takes: &[Object::Env, Object::Service, Object::Routine, Object::Run],
    inputs: &["since", "run"],
    restate,
    ..Intent::BLANK
};

fn restate(p: &Parsed) -> String {
    format!(
        "changes{}{}{}",
        services_of(p, " of "),
        in_env(p, " in "),
        input(p, "since", " since ")
    )
}
