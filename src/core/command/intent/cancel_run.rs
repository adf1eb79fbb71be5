//! Cancel a run.

use super::{Intent, Need, Object};
use crate::command::explain::run_of;
use crate::command::{ParseOutcome, Parsed};

pub(super) const INTENT: Intent = Intent {
    name: "cancel_run",
    outcome: ParseOutcome::Action,
    form: "cancel run N",
    mutates: true,
    needs: &[Need::Run],
    takes: &[Object::Run, Object::Env, Object::Service],
    inputs: &["run", "reason"],
    wants: &[Object::Run],
    restate,
    ..Intent::BLANK
};

fn restate(p: &Parsed) -> String {
    format!("cancel {}", run_of(p))
}
