//! Continue an interrupted run.

use super::{Intent, Need, Object};
use crate::command::explain::run_of;
use crate::command::{ParseOutcome, Parsed};

pub(super) const INTENT: Intent = Intent {
    name: "resume_run",
    outcome: ParseOutcome::Action,
    form: "resume run N",
    mutates: true,
    needs: &[Need::Run],
    takes: &[Object::Run, Object::Env, Object::Service],
    inputs: &["run", "reason"],
    wants: &[Object::Run],
    restate,
    ..Intent::BLANK
};

fn restate(p: &Parsed) -> String {
    format!("resume {}", run_of(p))
}
