//! Resolve an incident.

use super::{Free, Intent, Object};
use crate::command::explain::{in_env, services_of, text_of};
use crate::command::{ParseOutcome, Parsed};

pub(super) const INTENT: Intent = Intent {
    name: "resolve_incident",
    available: false,
    outcome: ParseOutcome::Action,
    form: "resolve the incident",
    mutates: true,
    takes: &[Object::Incident, Object::Env, Object::Service],
    inputs: &["incident", "text", "reason"],
    free: Free::Quoted("text"),
    restate,
    ..Intent::BLANK
};

fn restate(p: &Parsed) -> String {
    format!(
        "resolve {}{}{}",
        if p.inputs.contains_key("incident") {
            format!("incident {}", text_of(p, "incident"))
        } else {
            "the open incident".to_owned()
        },
        services_of(p, " of "),
        in_env(p, " in ")
    )
}
