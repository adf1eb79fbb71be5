//! One entry made safe to show and bounded in size, once, when it arrives.

use crate::core::event::{Entry, EntryBody, Level, Stream};
use crate::core::run::Phase;
use crate::core::text;
use crate::core::time::Timestamp;

/// Cells of a line that are kept; `opsroom log` shows the rest.
pub const LONGEST: usize = 4096;

/// A row of a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    pub seq: i64,
    pub at: Timestamp,
    pub step: Option<u32>,
    pub kind: Kind,
    /// Safe to show.
    pub text: String,
}

/// An event or a line of output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Event { level: Level, phase: Option<Phase> },
    Output(Stream),
}

impl Row {
    /// Makes an entry safe to show.
    #[must_use]
    pub fn of(entry: &Entry) -> Self {
        let (kind, text) = match &entry.body {
            EntryBody::Event { level, phase, message, .. } => (Kind::Event { level: *level, phase: *phase }, message),
            EntryBody::Output { stream, text } => (Kind::Output(*stream), text),
        };
        let text = text::strip_sgr_limited(text, LONGEST);
        Self { seq: entry.seq, at: entry.at, step: entry.step, kind, text }
    }

    /// Output counts as `info`: a level above hides it.
    #[must_use]
    pub const fn level(&self) -> Level {
        match self.kind {
            Kind::Event { level, .. } => level,
            Kind::Output(_) => Level::Info,
        }
    }
}
