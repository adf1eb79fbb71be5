//! Freeze deploys.

use super::{Free, Intent, Need, Object};
use crate::command::explain::{in_env, input, services_of, until};
use crate::command::{ParseOutcome, Parsed};

pub(super) const INTENT: Intent = Intent {
    name: "freeze",
    available: false,
    outcome: ParseOutcome::Action,
    form: "freeze deploys in ENV for 4h",
    mutates: true,
    needs: &[Need::EnvOrServices],
    takes: &[Object::Env, Object::Service],
    inputs: &["for", "until", "reason"],
    free: Free::Quoted("reason"),
    restate,
    ..Intent::BLANK
};

fn restate(p: &Parsed) -> String {
    format!(
        "freeze deploys{}{}{}{}",
        services_of(p, " of "),
        in_env(p, " in "),
        until(p),
        input(p, "reason", ": ")
    )
}
