//! Who owns a service.

use super::{Intent, Need, Object};
use crate::command::explain::target;
use crate::command::{ParseOutcome, Parsed};

pub(super) const INTENT: Intent = Intent {
    name: "owner",
    outcome: ParseOutcome::View,
    form: "who owns SERVICE",
    needs: &[Need::Services],
    takes: &[Object::Env, Object::Service],
    restate,
    ..Intent::BLANK
};

fn restate(p: &Parsed) -> String {
    format!("owner of {}", target(p, "?"))
}
