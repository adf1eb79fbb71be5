//! Run a finished run again.

use super::{Intent, Need, Object};
use crate::command::explain::run_of;
use crate::command::{ParseOutcome, Parsed};

pub(super) const INTENT: Intent = Intent {
    name: "retry_run",
    outcome: ParseOutcome::Action,
    form: "retry run N",
    mutates: true,
    needs: &[Need::Run],
    takes: &[Object::Run, Object::Env, Object::Service],
    inputs: &["run", "since", "reason"],
    wants: &[Object::Run],
    restate,
    ..Intent::BLANK
};

fn restate(p: &Parsed) -> String {
    format!("retry {}", run_of(p))
}
