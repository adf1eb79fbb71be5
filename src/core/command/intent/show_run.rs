//! Show one run.

use super::{Intent, Object};
use crate::command::explain::run_of;
use crate::command::{ParseOutcome, Parsed};

pub(super) const INTENT: Intent = Intent {
    name: "show_run",
    outcome: ParseOutcome::View,
    form: "show run N",
    takes: &[Object::Run, Object::Env, Object::Service],
    inputs: &["run", "since"],
    wants: &[Object::Run],
    restate,
    ..Intent::BLANK
};

fn restate(p: &Parsed) -> String {
    format!("show {}", run_of(p))
}
