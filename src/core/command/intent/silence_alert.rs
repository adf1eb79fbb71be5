//! Silence an alert.

use super::{Intent, Need, Object};
use crate::command::explain::{in_env, target, text_of, until};
use crate::command::{ParseOutcome, Parsed};

pub(super) const INTENT: Intent = Intent {
    name: "silence_alert",
    available: false,
    outcome: ParseOutcome::Action,
    form: "silence SERVICE for 2h",
    mutates: true,
    needs: &[Need::AlertOrServices],
    takes: &[Object::Alert, Object::Env, Object::Service],
    inputs: &["alert", "for", "until", "reason"],
    restate,
    ..Intent::BLANK
};

fn restate(p: &Parsed) -> String {
    format!(
        "silence alerts of {}{}{}",
        target(p, &text_of(p, "alert")),
        in_env(p, " in "),
        until(p)
    )
}
