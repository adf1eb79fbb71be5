//! Show one service.

use super::{Intent, Need, Object};
use crate::command::explain::{in_env, target};
use crate::command::{ParseOutcome, Parsed};

pub(super) const INTENT: Intent = Intent {
    name: "show_service",
    outcome: ParseOutcome::View,
    form: "show SERVICE",
    needs: &[Need::Services],
    takes: &[Object::Env, Object::Service],
    restate,
    ..Intent::BLANK
};

fn restate(p: &Parsed) -> String {
    format!("show {}{}", target(p, "?"), in_env(p, " in "))
}
