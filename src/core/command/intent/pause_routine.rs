//! Pause a routine.

use super::{Intent, Need, Object};
use crate::command::explain::until;
use crate::command::{ParseOutcome, Parsed};

pub(super) const INTENT: Intent = Intent {
    name: "pause_routine",
    available: false,
    outcome: ParseOutcome::Action,
    form: "pause ROUTINE for 2h",
    mutates: true,
    needs: &[Need::Routine],
    takes: &[Object::Routine, Object::Env],
    inputs: &["for", "until", "reason"],
    wants: &[Object::Routine],
    restate,
    ..Intent::BLANK
};

fn restate(p: &Parsed) -> String {
    format!("pause {}{}", p.routine.as_deref().unwrap_or("?"), until(p))
}
