//! Deploy: bring a version of services to an environment.

use super::{Intent, Need, Object};
use crate::command::explain::{in_env, input, target};
use crate::command::{ParseOutcome, Parsed};

pub(super) const INTENT: Intent = Intent {
    name: "deploy",
    outcome: ParseOutcome::Plan,
    form: "deploy SERVICE to ENV",
    mutates: true,
    needs: &[Need::Env],
    takes: &[Object::Env, Object::Service],
    inputs: &["version", "branch", "from", "at", "reason"],
    restate,
    ..Intent::BLANK
};

fn restate(p: &Parsed) -> String {
    format!(
        "deploy {}{}{}{}",
        target(p, "everything deployable"),
        input(p, "version", " version "),
        input(p, "branch", " on branch "),
        in_env(p, " to ")
    ) + &input(p, "from", " from ")
        + &input(p, "at", " at ")
}
