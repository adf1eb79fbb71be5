//! A user's runbook, by its name or one of its phrases.

use super::{Intent, Object};
use crate::command::explain::{in_env, services_of};
use crate::command::{ParseOutcome, Parsed, typed_name};

pub(super) const INTENT: Intent = Intent {
    name: "runbook",
    outcome: ParseOutcome::Plan,
    form: "run NAME",
    takes: &[Object::Env, Object::Service],
    wants: &[Object::Runbook],
    restate,
    ..Intent::BLANK
};

fn restate(p: &Parsed) -> String {
    let name = p
        .runbook
        .as_deref()
        .map_or_else(|| "a runbook".to_owned(), typed_name);
    format!("run {name}{}{}", services_of(p, " for "), in_env(p, " in "))
}
