//! The last change of a service: a run that changes something, or an edit of the stack.

use crate::base::time::Timestamp;
use crate::run::RunId;

/// The newest run that changed a service in an environment, or the newest edit of a service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LastChange {
    pub service: String,
    /// Absent for an edit, and for a run without an environment.
    pub env: Option<String>,
    /// Absent for an edit.
    pub run: Option<RunId>,
    /// The runbook; of an edit: `added`, `edited`, `removed`.
    pub what: String,
    /// When the run started, or the edit was applied.
    pub at: Timestamp,
    pub actor: String,
}
