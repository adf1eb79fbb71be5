//! Rollback: return services to an earlier version.

use super::{Intent, Need, Object};
use crate::command::explain::{in_env, input, target};
use crate::command::{ParseOutcome, Parsed};

pub(super) const INTENT: Intent = Intent {
    name: "rollback",
    outcome: ParseOutcome::Plan,
    form: "roll back SERVICE in ENV to VERSION",
    mutates: true,
    needs: &[Need::Env, Need::Services],
    takes: &[Object::Env, Object::Service],
    inputs: &["version", "from", "at", "reason"],
    read: |r| r.take_numbered_version(),
    restate,
    ..Intent::BLANK
};

fn restate(p: &Parsed) -> String {
    format!(
        "roll back {}{}{}{}",
        target(p, "?"),
        in_env(p, " in "),
        input(p, "version", " to "),
        input(p, "at", " at ")
    )
}
