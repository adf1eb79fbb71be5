//! `approve`: asks a number of people whether the run may continue. A denial or no answer in time
//! cancels the run.

use serde::{Deserialize, Serialize};

use super::{CallKind, Outcome, Reply};
use crate::base::time::human_ms;
use crate::{serde_by_word, words};

/// Waits until `need` people have agreed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Approve {
    pub prompt: String,
    /// How many different people have to agree, at least 1.
    pub need: u32,
    /// Who may approve; empty: everyone except the requesters of the run.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub from: Vec<String>,
    #[serde(default)]
    pub comment: Comment,
}

words! {
    /// When a comment is required.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
    pub enum Comment {
        Never = "never",
        Always = "always",
        #[default]
        OnDeny = "on_deny",
    }
}

serde_by_word!(Comment);

impl Default for Approve {
    fn default() -> Self {
        Self {
            prompt: String::new(),
            need: 1,
            from: Vec::new(),
            comment: Comment::default(),
        }
    }
}

impl Approve {
    pub(super) fn describe(&self) -> String {
        let people = if self.need == 1 {
            "1 person".to_owned()
        } else {
            format!("{} people", self.need)
        };
        let from = if self.from.is_empty() {
            String::new()
        } else {
            format!(" of {}", self.from.join(", "))
        };
        format!("wants the approval of {people}{from}: {}", self.prompt)
    }

    pub(super) fn call(&self) -> CallKind {
        CallKind::Approve(self.clone())
    }

    #[expect(clippy::unused_self, reason = "every step kind has the same shape")]
    pub(super) fn outcome(&self, reply: &Reply) -> Outcome {
        match reply {
            Reply::Answered { done, by, note } => {
                let note = note.as_ref().map(|n| format!(": {n}")).unwrap_or_default();
                if *done {
                    Outcome::ok(format!("approved by {by}{note}"), None)
                } else {
                    Outcome::failed(format!("denied by {by}{note}"), false, None)
                }
            }
            Reply::TimedOut { after_ms } => {
                let mut outcome = Outcome::timed_out(*after_ms);
                outcome.message = format!("not approved within {}", human_ms(*after_ms));
                outcome
            }
            other => Outcome::unexpected("approve", other),
        }
    }
}
