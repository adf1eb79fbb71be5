//! The operations calendar.

use super::{Intent, Object};
use crate::command::explain::input;
use crate::command::{ParseOutcome, Parsed};

pub(super) const INTENT: Intent = Intent {
    name: "calendar",
    available: false,
    outcome: ParseOutcome::View,
    form: "show the calendar",
    takes: &[Object::Env, Object::Service],
    inputs: &["within"],
    restate,
    ..Intent::BLANK
};

fn restate(p: &Parsed) -> String {
    format!("calendar{}", input(p, "within", " within "))
}
