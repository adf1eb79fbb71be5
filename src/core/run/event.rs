//! Events and captured output: one gapless sequence of entries per run.

use serde::{Deserialize, Serialize};

use crate::base::time::Timestamp;
use crate::run::{Phase, RunId};
use crate::{serde_by_word, words};

words! {
    /// How much an event matters, least first.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
    pub enum Level {
        Debug = "debug",
        Info = "info",
        Success = "success",
        Warn = "warn",
        Error = "error",
    }
}

serde_by_word!(Level);

/// Where a line of output came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Stream {
    Stdout,
    Stderr,
}

/// One line of a run's log as stored and shown. `seq` starts at 1 and has no gaps within a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    pub run: RunId,
    pub seq: i64,
    pub at: Timestamp,
    /// Index of the step in the plan; absent for facts about the whole run.
    pub step: Option<u32>,
    pub body: EntryBody,
}

/// An event is a fact about the run; output is a captured line of a step, as received (not yet safe
/// to show).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum EntryBody {
    Event {
        level: Level,
        phase: Option<Phase>,
        /// Source of the event: `engine`, an adapter (`http`, `shell`), `operator`.
        source: String,
        message: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        data: Option<serde_json::Value>,
    },
    Output {
        stream: Stream,
        text: String,
    },
}

/// An entry before the store has given it its number.
#[derive(Debug, Clone, PartialEq)]
pub struct NewEntry {
    pub at: Timestamp,
    pub step: Option<u32>,
    pub body: EntryBody,
}
