//! `document`: leaves a text behind as an artifact; the text was gathered when the plan was made.

use serde::{Deserialize, Serialize};

use super::{Call, Outcome, Reply};
use crate::core::run::{Artifact, ArtifactKind, RunId};
use crate::core::time::Timestamp;

/// A file artifact. The engine fills in run and time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Document {
    pub title: String,
    pub content: String,
}

impl Document {
    pub(super) fn describe(&self) -> String {
        format!("write the document {} ({} lines)", self.title, self.content.lines().count())
    }

    pub(super) fn call(&self, _timeout_ms: i64) -> Call {
        Call::Leave {
            artifacts: vec![Artifact {
                run: RunId(0),
                kind: ArtifactKind::File,
                title: self.title.clone(),
                content: self.content.clone(),
                at: Timestamp(0),
            }],
        }
    }

    pub(super) fn judge(&self, reply: &Reply) -> Outcome {
        match reply {
            Reply::Left => Outcome::ok(format!("wrote {}", self.title), None),
            other => Outcome::unexpected("document", other),
        }
    }
}
