//! Healthcheck: check the health of services.

use super::{Intent, Object};
use crate::command::explain::{in_env, input, target};
use crate::command::{ParseOutcome, Parsed};

pub(super) const INTENT: Intent = Intent {
    name: "healthcheck",
    outcome: ParseOutcome::Plan,
    form: "check SERVICE in ENV",
    takes: &[Object::Env, Object::Service],
    inputs: &["at"],
    restate,
    ..Intent::BLANK
};

fn restate(p: &Parsed) -> String {
    match (&p.env, p.services.is_empty()) {
        (Some(env), true) => format!("check {env}{}", input(p, "at", " at ")),
        _ => format!(
            "check {}{}{}",
            target(p, "everything"),
            in_env(p, " in "),
            input(p, "at", " at ")
        ),
    }
}
