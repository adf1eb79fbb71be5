//! Lift a freeze.

use super::{Intent, Need, Object};
use crate::command::explain::{in_env, services_of};
use crate::command::{ParseOutcome, Parsed};

pub(super) const INTENT: Intent = Intent {
    name: "unfreeze",
    available: false,
    outcome: ParseOutcome::Action,
    form: "lift the freeze on ENV",
    mutates: true,
    needs: &[Need::EnvOrServices],
    takes: &[Object::Env, Object::Service],
    inputs: &["for", "reason"],
    restate,
    ..Intent::BLANK
};

fn restate(p: &Parsed) -> String {
    format!(
        "lift the freeze{}{}",
        services_of(p, " on "),
        in_env(p, " in ")
    )
}
