//! Backup of services.

use super::{Intent, Need, Object};
use crate::command::explain::{in_env, input, target};
use crate::command::{ParseOutcome, Parsed};

pub(super) const INTENT: Intent = Intent {
    name: "backup",
    outcome: ParseOutcome::Plan,
    form: "back up SERVICE in ENV",
    mutates: true,
    needs: &[Need::Env, Need::Services],
    takes: &[Object::Env, Object::Service],
    inputs: &["at", "reason"],
    restate,
    ..Intent::BLANK
};

fn restate(p: &Parsed) -> String {
    format!(
        "back up {}{}{}",
        target(p, "?"),
        in_env(p, " in "),
        input(p, "at", " at ")
    )
}
