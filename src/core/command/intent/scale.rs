//! Scale services to a number of replicas.

use super::{Intent, Need, Object};
use crate::command::explain::{in_env, input, target};
use crate::command::{ParseOutcome, Parsed};

pub(super) const INTENT: Intent = Intent {
    name: "scale",
    outcome: ParseOutcome::Plan,
    form: "scale SERVICE to N in ENV",
    mutates: true,
    needs: &[Need::Env, Need::Services, Need::Input("replicas")],
    takes: &[Object::Env, Object::Service],
    inputs: &["replicas", "from", "at", "reason"],
    restate,
    ..Intent::BLANK
};

fn restate(p: &Parsed) -> String {
    format!(
        "scale {}{}{}{}",
        target(p, "?"),
        input(p, "replicas", " to "),
        in_env(p, " in "),
        input(p, "at", " at ")
    )
}
