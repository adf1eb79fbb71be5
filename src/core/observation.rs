//! Observations: what a probe saw of a service in an environment, when, and from which run.

use serde::{Deserialize, Serialize};

use super::plan::Target;
use super::run::RunId;
use super::time::Timestamp;

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

/// One look at one target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Observation {
    pub target: Target,
    pub at: Timestamp,
    /// Never [`State::Unknown`]: an observation that could not be made is not written.
    pub state: State,
    pub latency_ms: Option<i64>,
    pub message: String,
    /// The run it comes from; absent for a pulse.
    pub run: Option<RunId>,
}

/// What the store knows of a target: the newest observation and a window of the last 24 hours.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TargetSummary {
    pub latest: Observation,
    /// Observations in the window and how many of them were not failing.
    pub samples: i64,
    pub up: i64,
}

impl TargetSummary {
    /// Percent of observations in the window that were not failing.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "counts of a day stay far below 2^52")]
    pub fn uptime_pct(&self) -> Option<f64> {
        (self.samples > 0).then(|| self.up as f64 * 100.0 / self.samples as f64)
    }
}
