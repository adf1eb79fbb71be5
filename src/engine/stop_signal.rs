//! Why a run is to stop before its end, shared by everything that works on it.

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

    /// Why nothing new may begin.
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

#[cfg(test)]
mod tests {
    use super::*;

    fn by(who: &str) -> String {
        who.to_owned()
    }

    #[test]
    fn the_first_reason_counts_and_a_kill_is_added_to_it() {
        let signal = StopSignal::default();
        assert_eq!((signal.why(), signal.due()), (None, None));
        signal.apply(None, Some(Ending::Kill));
        assert!(
            !signal.is_killed() && signal.due().is_none(),
            "by no person"
        );
        signal.apply(Some(by("ana")), Some(Ending::AfterStep));
        let stopped = StopReason::Stopped { by: by("ana") };
        assert_eq!((signal.why(), signal.due()), (None, Some(&stopped)));
        assert!(!signal.limits().cancel.is_cancelled());
        signal.fire_soon(StopReason::Deadline);
        assert_eq!(signal.due(), Some(&stopped));

        signal.apply(Some(by("ben")), Some(Ending::Cancel));
        let cancelled = StopReason::Cancelled { by: by("ben") };
        assert_eq!(signal.why(), Some(&cancelled));
        assert_eq!(signal.due(), Some(&cancelled));
        assert!(signal.limits().cancel.is_cancelled() && !signal.is_killed());
        signal.apply(Some(by("cleo")), Some(Ending::Kill));
        assert_eq!(signal.why(), Some(&cancelled));
        assert!(signal.is_killed() && signal.limits().kill.is_cancelled());
    }

    #[test]
    fn a_cancellation_without_an_ending_cancels() {
        let signal = StopSignal::default();
        signal.apply(Some(by("ana")), None);
        assert_eq!(signal.why(), Some(&StopReason::Cancelled { by: by("ana") }));
        assert!(signal.limits().cancel.is_cancelled() && !signal.is_killed());
        let killed = StopSignal::default();
        killed.apply(Some(by("ana")), Some(Ending::Kill));
        assert_eq!(killed.why(), Some(&StopReason::Cancelled { by: by("ana") }));
        assert!(killed.limits().cancel.is_cancelled() && killed.is_killed());
    }

    #[tokio::test]
    async fn waits_end_when_it_fires_and_some_already_when_it_will() {
        use futures_util::FutureExt;
        let signal = StopSignal::default();
        let state = || {
            (
                signal.fired().now_or_never().is_some(),
                signal.expired().now_or_never().is_some(),
            )
        };
        assert_eq!(state(), (false, false));
        signal.fire_soon(StopReason::Leaving);
        assert_eq!(state(), (false, true));
        signal.fire(StopReason::Leaving);
        assert_eq!(state(), (true, true));
    }

    #[test]
    fn every_reason_is_described() {
        let message = by("no");
        for (why, text) in [
            (
                StopReason::Cancelled { by: by("ana") },
                "the run was cancelled",
            ),
            (
                StopReason::Stopped { by: by("ana") },
                "the run was to stop here",
            ),
            (
                StopReason::Unapproved { message },
                "the run was not approved",
            ),
            (StopReason::Deadline, "the run's deadline passed"),
            (StopReason::Leaving, "the engine was stopped"),
        ] {
            assert_eq!(why.describe(), text);
        }
    }
}
