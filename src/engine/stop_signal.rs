//! Why a run is to stop before its end, shared by everything that works on it.

use std::sync::{Arc, OnceLock};

use tokio_util::sync::CancellationToken;

use crate::adapter::CancelTokens;
use crate::core::run::orders::Ending;

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
    /// It was not approved, or a person refused: the step's message.
    Unapproved {
        message: String,
    },
    /// The run's total deadline passed.
    Deadline,
    /// The engine has to stop now.
    Leaving,
}

impl Why {
    /// As in "action skipped: …".
    pub(super) fn describe(&self) -> &'static str {
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
pub(super) struct StopSignal {
    limits: CancelTokens,
    why: Arc<OnceLock<Why>>,
    /// To stop once the step in flight has ended.
    soon: CancellationToken,
    soon_why: Arc<OnceLock<Why>>,
}

impl StopSignal {
    pub(super) fn fire(&self, why: Why) {
        // Already fired: the first reason counts.
        let _ = self.why.set(why);
        self.limits.cancel.cancel();
    }

    /// Without grace; also after it has fired.
    pub(super) fn kill(&self, why: Why) {
        let _ = self.why.set(why);
        // Kill first: the receiver of the cancel must not begin with the grace.
        self.limits.kill.cancel();
        self.limits.cancel.cancel();
    }

    /// Nothing new may begin; steps in flight run to their end.
    pub(super) fn fire_soon(&self, why: Why) {
        let _ = self.soon_why.set(why);
        self.soon.cancel();
    }

    /// Applies the requests of people, as read from the store.
    pub(super) fn apply(&self, by: Option<String>, ending: Option<Ending>) {
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

    /// Why nothing new may begin.
    pub(super) fn due(&self) -> Option<&Why> {
        self.why().or_else(|| self.soon_why.get())
    }

    pub(super) fn is_killed(&self) -> bool {
        self.limits.kill.is_cancelled()
    }

    /// The stop signals for adapters.
    pub(super) fn limits(&self) -> CancelTokens {
        self.limits.clone()
    }

    pub(super) async fn fired(&self) {
        self.limits.cancel.cancelled().await;
    }

    /// Fired, or to stop soon.
    pub(super) async fn expired(&self) {
        tokio::select! {
            () = self.fired() => {}
            () = self.soon.cancelled() => {}
        }
    }
}
