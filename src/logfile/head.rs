//! What the store knows about a line of a run's log.

use crate::core::base::time::Timestamp;
use crate::core::run::Phase;
use crate::core::run::event::{Level, Stream};

/// What the store knows about a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// The entry's number in its run.
    pub seq: i64,
    pub at: Timestamp,
    /// The step's number in the plan.
    pub step: Option<u32>,
    pub origin: SpoolEntry,
    /// It belongs to the record of the line before.
    pub joined: bool,
    /// Position and size in bytes of an event's data.
    pub data: Option<(u64, u32)>,
}

/// Origin of a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SpoolEntry {
    Event {
        level: Level,
        phase: Option<Phase>,
        source: String,
    },
    Output(Stream),
}

impl Head {
    /// The level of an event. `None` for output: its level is read from its text.
    #[must_use]
    pub const fn level(&self) -> Option<Level> {
        match self.origin {
            SpoolEntry::Event { level, .. } => Some(level),
            SpoolEntry::Output(_) => None,
        }
    }
}
