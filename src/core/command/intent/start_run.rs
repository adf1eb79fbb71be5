//! Start a run that waits in the queue because the process that queued it is gone.

use super::{Intent, Need, Object};
use crate::command::explain::run_of;
use crate::command::{ParseOutcome, Parsed};

pub(super) const INTENT: Intent = Intent {
    name: "start_run",
    outcome: ParseOutcome::Action,
    form: "start run N",
    mutates: true,
    needs: &[Need::Run],
    takes: &[Object::Run],
    inputs: &["run", "reason"],
    wants: &[Object::Run],
    restate,
    ..Intent::BLANK
};

fn restate(p: &Parsed) -> String {
    format!("start {}, which waits in the queue", run_of(p))
}
