//! Routines.

use super::{Intent, Object};
use crate::command::explain::{in_env, services_of};
use crate::command::{ParseOutcome, Parsed};

pub(super) const INTENT: Intent = Intent {
    name: "routines",
    available: false,
    outcome: ParseOutcome::View,
    form: "list routines",
    takes: &[Object::Routine, Object::Env, Object::Service],
    inputs: &["status"],
    wants: &[Object::Routine],
    restate,
    ..Intent::BLANK
};

fn restate(p: &Parsed) -> String {
    format!("routines{}{}", services_of(p, " of "), in_env(p, " in "))
}
