//! Why a run is to stop before its end, told once to everything that works on it.

use std::sync::{Arc, OnceLock};

use tokio_util::sync::CancellationToken;

/// The reason; the first one counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Why {
    Cancelled {
        by: String,
    },
    /// The run's total deadline passed.
    Deadline,
    /// The engine is told to leave now.
    Leaving,
}

impl Why {
    /// As in "action skipped: …".
    pub(super) fn words(&self) -> &'static str {
        match self {
            Self::Cancelled { .. } => "the run was cancelled",
            Self::Deadline => "the run's deadline passed",
            Self::Leaving => "the engine was stopped",
        }
    }
}

/// Fired at most once; cheap to clone.
#[derive(Debug, Clone, Default)]
pub(super) struct Halt {
    token: CancellationToken,
    why: Arc<OnceLock<Why>>,
}

impl Halt {
    pub(super) fn fire(&self, why: Why) {
        // Already fired: the first reason stands.
        let _ = self.why.set(why);
        self.token.cancel();
    }

    pub(super) fn why(&self) -> Option<&Why> {
        self.why.get()
    }

    /// For adapters.
    pub(super) fn token(&self) -> CancellationToken {
        self.token.clone()
    }

    pub(super) async fn fired(&self) {
        self.token.cancelled().await;
    }
}
