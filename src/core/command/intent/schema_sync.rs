//! Schema sync: apply pending migrations.

use super::{Intent, Need, Object};
use crate::command::explain::{in_env, input};
use crate::command::reading::Reading;
use crate::command::{ParseOutcome, Parsed};

pub(super) const INTENT: Intent = Intent {
    name: "schema_sync",
    outcome: ParseOutcome::Plan,
    form: "sync schema in ENV",
    mutates: true,
    needs: &[Need::Env],
    takes: &[Object::Env, Object::Service],
    inputs: &["target", "at", "reason"],
    read,
    restate,
    ..Intent::BLANK
};

fn restate(p: &Parsed) -> String {
    format!(
        "sync the schema{}{}{}",
        input(p, "target", " of "),
        in_env(p, " in "),
        input(p, "at", " at ")
    )
}

/// The one named service is also the target database.
fn read(r: &mut Reading<'_>) {
    r.service_is_target();
}
