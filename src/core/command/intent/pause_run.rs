//! Pause a run before its next step.

use super::{Free, Intent, Need, Object};
use crate::command::explain::run_of;
use crate::command::{ParseOutcome, Parsed};

pub(super) const INTENT: Intent = Intent {
    name: "pause_run",
    outcome: ParseOutcome::Action,
    form: "pause run N",
    mutates: true,
    needs: &[Need::Run],
    takes: &[Object::Run, Object::Env, Object::Service],
    inputs: &["run", "reason"],
    wants: &[Object::Run],
    free: Free::Quoted("reason"),
    restate,
    ..Intent::BLANK
};

fn restate(p: &Parsed) -> String {
    format!("pause {}", run_of(p))
}
