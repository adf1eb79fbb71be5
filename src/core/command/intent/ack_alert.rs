//! Acknowledge an alert.

use super::{Intent, Need, Object};
use crate::command::explain::{in_env, target, text_of, until};
use crate::command::{ParseOutcome, Parsed};

pub(super) const INTENT: Intent = Intent {
    name: "ack_alert",
    available: false,
    outcome: ParseOutcome::Action,
    form: "ack SERVICE",
    mutates: true,
    needs: &[Need::AlertOrServices],
    takes: &[Object::Alert, Object::Env, Object::Service],
    inputs: &["alert", "for", "until", "reason"],
    restate,
    ..Intent::BLANK
};

fn restate(p: &Parsed) -> String {
    format!(
        "acknowledge alert {}{}{}",
        target(p, &text_of(p, "alert")),
        in_env(p, " in "),
        until(p)
    )
}
