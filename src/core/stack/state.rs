//! The state of a component: ok, degraded, failing or unknown.

use crate::{serde_by_word, words};

words! {
    /// State of a component. `unknown` is never averaged and never counts as ok.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
    pub enum State {
        Ok = "ok",
        Degraded = "degraded",
        Failing = "failing",
        Unknown = "unknown",
    }
}

serde_by_word!(State);

impl State {
    /// The symbol beside the word; colour only adds.
    #[must_use]
    pub const fn symbol(self) -> &'static str {
        match self {
            Self::Ok => "●",
            Self::Degraded => "▲",
            Self::Failing => "✗",
            Self::Unknown => "?",
        }
    }
}
