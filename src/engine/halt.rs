//! Why a run is to stop before its end, told once to everything that works on it.

use std::sync::{Arc, OnceLock};

use tokio_util::sync::CancellationToken;

use crate::adapter::Brakes;
use crate::core::orders::Ending;

/// The reason; the first one counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Why {
    Cancelled {
        by: String,
    },
    /// The step in flight finishes first.
    Stopped {
        by: String,
    },
    /// Nobody approved it, or somebody refused: the step's own words.
    Unapproved {
        said: String,
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
            Self::Stopped { .. } => "the run was to stop here",
            Self::Unapproved { .. } => "the run was not approved",
            Self::Deadline => "the run's deadline passed",
            Self::Leaving => "the engine was stopped",
        }
    }
}

/// Fired at most once; cheap to clone.
#[derive(Debug, Clone, Default)]
pub(super) struct Halt {
    brakes: Brakes,
    why: Arc<OnceLock<Why>>,
    /// To stop once the step in flight has ended.
    soon: CancellationToken,
    soon_why: Arc<OnceLock<Why>>,
}

impl Halt {
    pub(super) fn fire(&self, why: Why) {
        // Already fired: the first reason stands.
        let _ = self.why.set(why);
        self.brakes.cancel.cancel();
    }

    /// Without grace; also after it has fired.
    pub(super) fn kill(&self, why: Why) {
        let _ = self.why.set(why);
        // The kill first: whoever hears the cancel must not begin with the grace.
        self.brakes.kill.cancel();
        self.brakes.cancel.cancel();
    }

    /// Nothing new is to begin; what is in flight goes on to its end.
    pub(super) fn fire_soon(&self, why: Why) {
        let _ = self.soon_why.set(why);
        self.soon.cancel();
    }

    /// What people asked for, as the store has it.
    pub(super) fn heed(&self, by: Option<String>, ending: Option<Ending>) {
        planted!(CancelIgnored => return);
        let Some(by) = by else { return };
        match ending {
            Some(Ending::AfterStep) => self.fire_soon(Why::Stopped { by }),
            Some(Ending::Kill) => self.kill(Why::Cancelled { by }),
            Some(Ending::Cancel) | None => self.fire(Why::Cancelled { by }),
        }
    }

    pub(super) fn why(&self) -> Option<&Why> {
        self.why.get()
    }

    /// Why nothing new is to begin.
    pub(super) fn due(&self) -> Option<&Why> {
        self.why().or_else(|| self.soon_why.get())
    }

    pub(super) fn is_killed(&self) -> bool {
        self.brakes.kill.is_cancelled()
    }

    /// For adapters.
    pub(super) fn brakes(&self) -> Brakes {
        self.brakes.clone()
    }

    pub(super) async fn fired(&self) {
        self.brakes.cancel.cancelled().await;
    }

    /// Fired, or to stop soon.
    pub(super) async fn fallen_due(&self) {
        tokio::select! {
            () = self.fired() => {}
            () = self.soon.cancelled() => {}
        }
    }
}
