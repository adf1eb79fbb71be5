//! List runs.

use super::{Intent, Object};
use crate::command::explain::{in_env, input, services_of};
use crate::command::{ParseOutcome, Parsed};

pub(super) const INTENT: Intent = Intent {
    name: "list_runs",
    outcome: ParseOutcome::View,
    form: "failed runs since 02:00",
    takes: &[Object::Env, Object::Service],
    inputs: &["status", "since"],
    restate,
    ..Intent::BLANK
};

fn restate(p: &Parsed) -> String {
    format!(
        "list {}runs{}{}{}",
        input(p, "status", "").trim_start().to_owned()
            + if p.inputs.contains_key("status") {
                " "
            } else {
                ""
            },
        services_of(p, " of "),
        in_env(p, " in "),
        input(p, "since", " since ")
    )
}
