//! Reject a run that waits for approval.

use super::{Free, Intent, Need, Object};
use crate::command::explain::run_of;
use crate::command::{ParseOutcome, Parsed};

pub(super) const INTENT: Intent = Intent {
    name: "reject",
    outcome: ParseOutcome::Action,
    form: "reject run N",
    mutates: true,
    needs: &[Need::Run],
    takes: &[Object::Run, Object::Env, Object::Service],
    inputs: &["run", "reason"],
    free: Free::Quoted("reason"),
    restate,
    ..Intent::BLANK
};

fn restate(p: &Parsed) -> String {
    format!("reject {}", run_of(p))
}
