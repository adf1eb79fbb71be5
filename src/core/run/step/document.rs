//! `document`: stores a text as an artifact. The text is fixed when the plan is made, except for
//! the findings of the steps.

use serde::{Deserialize, Serialize};

use super::{CallKind, Outcome, Reply};
use crate::run::artifact::{ArtifactDraft, ArtifactKind};
use crate::run::{StepStatus, without_status};

/// Where in a document the findings of the run go.
pub const RESULTS: &str = "{results}";

/// A file artifact.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Document {
    pub title: String,
    pub content: String,
}

/// The result of one step of the run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Finding<'a> {
    pub step: &'a str,
    pub status: StepStatus,
    pub message: Option<&'a str>,
}

impl Document {
    /// This document with the findings in their place.
    #[must_use]
    pub fn with_findings(&self, findings: &[Finding<'_>]) -> Self {
        Self {
            title: self.title.clone(),
            content: findings_in(&self.content, findings),
        }
    }

    pub(super) fn describe(&self) -> String {
        format!(
            "write the document {} ({} lines)",
            self.title,
            self.content.lines().count()
        )
    }

    pub(super) fn call(&self) -> CallKind {
        let content = self.content.replace(
            RESULTS,
            "The log of this run has the findings of each step.",
        );
        CallKind::Artifact(ArtifactDraft {
            kind: ArtifactKind::File,
            title: self.title.clone(),
            content: content.into_bytes(),
        })
    }

    pub(super) fn outcome(&self, reply: &Reply) -> Outcome {
        match reply {
            Reply::Refused { message, .. } => Outcome::refused(message),
            Reply::Stored => Outcome::ok(format!("wrote {}", self.title), None),
            other => Outcome::unexpected("document", other),
        }
    }
}

/// A text with the findings in their place, one line each.
pub(super) fn findings_in(text: &str, findings: &[Finding<'_>]) -> String {
    let line = |f: &Finding<'_>| {
        let message = f.message.map(|m| without_status(m, f.status.name()));
        let message = message
            .map(|m| format!(": {}", m.replace(['\n', '\r'], " ")))
            .unwrap_or_default();
        format!("- {}: {}{message}", f.step, f.status.name())
    };
    let lines: Vec<String> = findings.iter().map(line).collect();
    let found = if lines.is_empty() {
        "nothing was run before this".to_owned()
    } else {
        lines.join("\n")
    };
    text.replace(RESULTS, &found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn left(document: &Document) -> String {
        match document.call() {
            CallKind::Artifact(draft) => String::from_utf8(draft.content).unwrap(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn findings_take_their_place_and_are_never_pretended() {
        let document = Document {
            title: "check".to_owned(),
            content: "# Check\n\n{results}\n".to_owned(),
        };
        let findings = [
            Finding {
                step: "probe web",
                status: StepStatus::Failed,
                message: Some("HTTP 500\nin 12 ms"),
            },
            Finding {
                step: "probe api",
                status: StepStatus::Skipped,
                message: None,
            },
        ];
        let filled = document.with_findings(&findings);
        assert_eq!(
            left(&filled),
            "# Check\n\n- probe web: failed: HTTP 500 in 12 ms\n- probe api: skipped\n"
        );
        assert!(left(&document).contains("The log of this run has the findings"));
        assert!(left(&document.with_findings(&[])).contains("nothing was run before this"));
    }
}
