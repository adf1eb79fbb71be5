//! StopReason a run is to stop before its end, shared by everything that works on it.

use std::sync::{Arc, OnceLock};

use tokio_util::sync::CancellationToken;

use crate::adapter::CancelTokens;
use crate::core::run::orders::Ending;
use crate::core::run::progress::StopReason;

/// Fired at most once; cheap to clone.
#[derive(Debug, Clone, Default)]
pub(super) struct StopSignal {
    limits: CancelTokens,
    why: Arc<OnceLock<StopReason>>,
    /// To stop once the step in flight has ended.
    soon: CancellationToken,
    soon_why: Arc<OnceLock<StopReason>>,
}

impl StopSignal {
    pub(super) fn fire(&self, why: StopReason) {
        // Already fired: the first reason counts.
        let _ = self.why.set(why);
        self.limits.cancel.cancel();
    }

    /// Without grace; also after it has fired.
    pub(super) fn kill(&self, why: StopReason) {
        let _ = self.why.set(why);
        // Kill first: the receiver of the cancel must not begin with the grace.
        self.limits.kill.cancel();
        self.limits.cancel.cancel();
    }

    /// Nothing new may begin; steps in flight run to their end.
    pub(super) fn fire_soon(&self, why: StopReason) {
        let _ = self.soon_why.set(why);
        self.soon.cancel();
    }

    /// Applies the requests of people, as read from the store.
    pub(super) fn apply(&self, by: Option<String>, ending: Option<Ending>) {
        planted!(CancelIgnored => return);
        let Some(by) = by else { return };
        match ending {
            Some(Ending::AfterStep) => self.fire_soon(StopReason::Stopped { by }),
            Some(Ending::Kill) => self.kill(StopReason::Cancelled { by }),
            Some(Ending::Cancel) | None => self.fire(StopReason::Cancelled { by }),
        }
    }

    pub(super) fn why(&self) -> Option<&StopReason> {
        self.why.get()
    }

    /// StopReason nothing new may begin.
    pub(super) fn due(&self) -> Option<&StopReason> {
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
