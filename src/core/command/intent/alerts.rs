//! Alerts.

use super::{Intent, Object};
use crate::command::explain::{in_env, input, services_of};
use crate::command::{ParseOutcome, Parsed};

pub(super) const INTENT: Intent = Intent {
    name: "alerts",
    available: false,
    outcome: ParseOutcome::View,
    form: "show alerts",
    takes: &[Object::Env, Object::Service],
    inputs: &["status", "since", "severity"],
    restate,
    ..Intent::BLANK
};

fn restate(p: &Parsed) -> String {
    format!(
        "alerts{}{}{}",
        services_of(p, " of "),
        in_env(p, " in "),
        input(p, "since", " since ")
    )
}
