//! Approve a run that waits for it.

use super::{Free, Intent, Need, Object};
use crate::command::explain::run_of;
use crate::command::{ParseOutcome, Parsed};

pub(super) const INTENT: Intent = Intent {
    name: "approve",
    outcome: ParseOutcome::Action,
    form: "approve run N",
    mutates: true,
    needs: &[Need::Run],
    takes: &[Object::Run, Object::Env, Object::Service],
    inputs: &["run", "reason"],
    free: Free::Quoted("reason"),
    restate,
    ..Intent::BLANK
};

fn restate(p: &Parsed) -> String {
    format!("approve {}", run_of(p))
}
