//! Show only the log lines that match.

use super::{Free, Intent, Need};
use crate::command::explain::text_of;
use crate::command::{ParseOutcome, Parsed};

pub(super) const INTENT: Intent = Intent {
    name: "filter",
    outcome: ParseOutcome::View,
    form: "grep TEXT",
    needs: &[Need::Input("text")],
    inputs: &["text"],
    free: Free::Everything("text"),
    restate,
    ..Intent::BLANK
};

fn restate(p: &Parsed) -> String {
    format!("only lines with {}", text_of(p, "text"))
}
