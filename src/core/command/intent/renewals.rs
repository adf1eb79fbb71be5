//! Contract renewals.

use super::{Intent, Object};
use crate::command::explain::{input, services_of};
use crate::command::{ParseOutcome, Parsed};

pub(super) const INTENT: Intent = Intent {
    name: "renewals",
    available: false,
    outcome: ParseOutcome::View,
    form: "what renews in the next 30 days",
    takes: &[Object::Service],
    inputs: &["within"],
    restate,
    ..Intent::BLANK
};

fn restate(p: &Parsed) -> String {
    format!(
        "renewals{}{}",
        services_of(p, " of "),
        input(p, "within", " within ")
    )
}
