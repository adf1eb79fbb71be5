//! Compare two runs.

use super::{Intent, Need};
use crate::command::explain::text_of;
use crate::command::reading::Reading;
use crate::command::{ParseOutcome, Parsed};

pub(super) const INTENT: Intent = Intent {
    name: "compare",
    available: false,
    outcome: ParseOutcome::View,
    form: "compare run N and M",
    needs: &[Need::TwoRuns],
    inputs: &["from", "to"],
    read,
    restate,
    ..Intent::BLANK
};

fn restate(p: &Parsed) -> String {
    format!(
        "compare run {} with run {}",
        text_of(p, "from"),
        text_of(p, "to")
    )
}

fn read(r: &mut Reading<'_>) {
    r.take_run("from");
    r.take_run("to");
}
