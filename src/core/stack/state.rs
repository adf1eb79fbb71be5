//! The state of a component: ok, degraded, failing or unknown.

use serde::{Deserialize, Serialize};

/// State of a component. `unknown` is never averaged and never counts as ok.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    Ok,
    Degraded,
    Failing,
    Unknown,
}

impl State {
    /// All states.
    pub const ALL: [Self; 4] = [Self::Ok, Self::Degraded, Self::Failing, Self::Unknown];

    /// The word on screen and in the store.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Degraded => "degraded",
            Self::Failing => "failing",
            Self::Unknown => "unknown",
        }
    }

    /// Reads [`State::name`].
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|s| s.name() == name)
    }

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
