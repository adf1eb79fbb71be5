//! Close a circuit breaker by hand.

use super::{Intent, Need, Object};
use crate::command::explain::{in_env, text_of};
use crate::command::reading::Reading;
use crate::command::{ParseOutcome, Parsed};

pub(super) const INTENT: Intent = Intent {
    name: "reset_breaker",
    outcome: ParseOutcome::Action,
    form: "reset breaker for TARGET",
    mutates: true,
    needs: &[Need::Input("target")],
    takes: &[Object::Env, Object::Service],
    inputs: &["target", "reason"],
    read,
    restate,
    ..Intent::BLANK
};

fn restate(p: &Parsed) -> String {
    format!(
        "reset the breaker of {}{}",
        text_of(p, "target"),
        in_env(p, " in ")
    )
}

/// A breaker belongs to a service or to a host.
fn read(r: &mut Reading<'_>) {
    r.service_is_target();
    r.host_is_target();
}
