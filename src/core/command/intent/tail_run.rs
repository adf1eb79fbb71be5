//! Follow the log of a run.

use super::{Intent, Object};
use crate::command::explain::run_of;
use crate::command::{ParseOutcome, Parsed};

pub(super) const INTENT: Intent = Intent {
    name: "tail_run",
    outcome: ParseOutcome::View,
    form: "tail run N",
    takes: &[Object::Run, Object::Env, Object::Service],
    inputs: &["run", "since"],
    restate,
    ..Intent::BLANK
};

fn restate(p: &Parsed) -> String {
    format!("follow the log of {}", run_of(p))
}
