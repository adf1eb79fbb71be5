//! What services cost.

use super::{Intent, Object};
use crate::command::explain::{input, services_of};
use crate::command::{ParseOutcome, Parsed};

pub(super) const INTENT: Intent = Intent {
    name: "costs",
    available: false,
    outcome: ParseOutcome::View,
    form: "costs of the DEPARTMENT department",
    takes: &[Object::Service, Object::Department],
    inputs: &["department", "since"],
    restate,
    ..Intent::BLANK
};

fn restate(p: &Parsed) -> String {
    format!(
        "costs{}{}",
        services_of(p, " of "),
        input(p, "department", " of department ")
    )
}
