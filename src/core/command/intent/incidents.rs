//! Incidents.

use super::{Intent, Object};
use crate::command::explain::{in_env, input, services_of};
use crate::command::{ParseOutcome, Parsed};

pub(super) const INTENT: Intent = Intent {
    name: "incidents",
    available: false,
    outcome: ParseOutcome::View,
    form: "incidents",
    takes: &[Object::Incident, Object::Env, Object::Service],
    inputs: &["status", "since", "severity", "incident"],
    restate,
    ..Intent::BLANK
};

fn restate(p: &Parsed) -> String {
    format!(
        "incidents{}{}{}",
        services_of(p, " of "),
        in_env(p, " in "),
        input(p, "since", " since ")
    )
}
