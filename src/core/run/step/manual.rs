//! `manual`: asks the operator to do something and say whether it is done.

use serde::{Deserialize, Serialize};

use super::{CallKind, Outcome, Reply};

/// Shows `prompt` and waits for "done" or "not done".
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manual {
    pub prompt: String,
}

impl Manual {
    pub(super) fn describe(&self) -> String {
        // On one line: a plan lists its steps.
        let lines: Vec<&str> = self
            .prompt
            .lines()
            .map(str::trim)
            .filter(|line| !line.is_empty())
            .collect();
        format!("by hand: {}", lines.join(" ⏎ "))
    }

    pub(super) fn call(&self) -> CallKind {
        CallKind::Manual(self.clone())
    }

    #[expect(clippy::unused_self, reason = "every step kind has the same shape")]
    pub(super) fn outcome(&self, reply: &Reply) -> Outcome {
        match reply {
            Reply::Answered { done, by, note } => {
                let note = note.as_ref().map(|n| format!(": {n}")).unwrap_or_default();
                if *done {
                    Outcome::ok(format!("done, says {by}{note}"), None)
                } else {
                    Outcome::failed(format!("not done, says {by}{note}"), false, None)
                }
            }
            Reply::TimedOut { after_ms } => Outcome::timed_out(*after_ms),
            other => Outcome::unexpected("manual", other),
        }
    }
}
