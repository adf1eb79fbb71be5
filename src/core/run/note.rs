//! Notes of people on a run, also after it has ended.

use serde::{Deserialize, Serialize};

use crate::base::time::Timestamp;

/// A note on a run. It is also an entry of the run's log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunNote {
    /// The number of the entry.
    pub seq: i64,
    pub actor: String,
    pub text: String,
    pub at: Timestamp,
}

impl std::fmt::Display for RunNote {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.actor, self.text)
    }
}
