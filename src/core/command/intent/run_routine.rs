//! Run a routine now.

use super::{Intent, Need, Object};
use crate::command::{ParseOutcome, Parsed};

pub(super) const INTENT: Intent = Intent {
    name: "run_routine",
    available: false,
    outcome: ParseOutcome::Action,
    form: "run ROUTINE now",
    mutates: true,
    needs: &[Need::Routine],
    takes: &[Object::Routine, Object::Env],
    inputs: &["reason"],
    wants: &[Object::Routine],
    restate,
    ..Intent::BLANK
};

fn restate(p: &Parsed) -> String {
    format!("run {} now", p.routine.as_deref().unwrap_or("?"))
}
