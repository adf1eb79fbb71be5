//! Stop a run once its step in flight has ended.

use super::{Free, Intent, Need, Object};
use crate::command::explain::run_of;
use crate::command::{ParseOutcome, Parsed};

pub(super) const INTENT: Intent = Intent {
    name: "stop_run",
    outcome: ParseOutcome::Action,
    form: "stop run N after this step",
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
    format!("stop {} after its step", run_of(p))
}
