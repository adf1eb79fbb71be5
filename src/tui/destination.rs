//! The places of the console that are opened over home, with the data to open them. `pane.rs` opens
//! the view of each.

use std::sync::Arc;

use super::msg::RunFilter;
use crate::core::base::text;
use crate::core::run::RunId;
use crate::core::run::act::Act;
use crate::core::stack::service::Stack;

/// Maximum number of lines.
const MAX_LINES: usize = 20_000;

/// A place to go over home.
#[derive(Debug, Clone, PartialEq)]
pub enum Destination {
    /// A service; `env` is where it is looked at.
    Service { name: String, env: Option<String> },
    /// The runs that match the filter.
    Runs { filter: RunFilter },
    /// A run; `act` is asked about once it has been read.
    Run { run: RunId, act: Option<Act> },
    /// A text; both are escaped.
    Read { title: String, lines: Vec<String> },
    /// All routines.
    Routines {},
    /// A routine.
    Routine { name: String },
    /// The chart of a routine.
    Chart { name: String },
    /// The form for a routine: a new one, or the routine `name`. `text` is what is written there
    /// first, `stack` what it is read against.
    RoutineForm {
        name: Option<String>,
        text: String,
        stack: Arc<Stack>,
    },
    /// All runbooks.
    Runbooks {},
    /// A runbook.
    Runbook { name: String },
    /// The log of a run on the whole screen.
    Log { run: RunId },
    /// A log file on the whole screen.
    File { path: String },
}

impl Destination {
    /// The view of a run.
    #[must_use]
    pub const fn run(run: RunId) -> Self {
        Self::Run { run, act: None }
    }

    /// The reader with an untrusted text.
    #[must_use]
    pub fn read(title: &str, body: &str) -> Self {
        Self::Read {
            title: text::show(title).into_owned(),
            lines: lines(body),
        }
    }
}

/// The escaped lines of an untrusted text.
#[must_use]
pub fn lines(body: &str) -> Vec<String> {
    let mut lines: Vec<String> = body
        .lines()
        .take(MAX_LINES)
        .map(|l| text::strip_sgr_limited(l, 4096))
        .collect();
    let left = body.lines().count().saturating_sub(MAX_LINES);
    if left > 0 {
        lines.push(format!("… {left} more lines are not shown here"));
    }
    lines
}
