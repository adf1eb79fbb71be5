//! Keeps an active run: renews its lease and watches requests by people, the total deadline, and
//! the engine's stop.

use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep_until, timeout};

use super::Mode;
use super::limit::Limit;
use super::record::Recorder;
use super::stop_signal::StopSignal;
use super::wait::POLL;
use crate::core::base::time::Timestamp;
use crate::core::run::orders::Orders;
use crate::core::run::progress::StopReason;
use crate::store::StoreError;

/// Watches over a run while it is driven.
pub(super) struct LeaseKeeper<'a> {
    pub rec: &'a Recorder,
    pub lease_until: Timestamp,
    /// Stops the phases.
    pub stop_signal: &'a StopSignal,
    /// Stops the `finally` steps: only the engine's stop does.
    pub last: &'a StopSignal,
    pub limit: &'a Limit,
    /// Requests by people, as last read from the store.
    pub orders: &'a watch::Sender<Orders>,
}

enum Tick {
    Renew,
    Poll,
    Mode,
    Deadline,
}

impl LeaseKeeper<'_> {
    /// Returns only when the claim is lost, with the reason.
    pub(super) async fn keep(mut self) -> String {
        let mut wake = self.rec.world.signals.wake.subscribe();
        let mut mode = self.rec.world.signals.mode.subscribe();
        mode.mark_changed();
        let mut limit = self.limit.watch();
        let mut renew_at = Instant::now() + self.every();
        let mut poll_at = Instant::now();
        loop {
            let deadline = *limit.borrow_and_update();
            // A run that is ending can still be killed.
            let watched = !self.stop_signal.is_killed();
            let tick = tokio::select! {
                () = sleep_until(renew_at) => Tick::Renew,
                Ok(()) = mode.changed() => Tick::Mode,
                () = sleep_until(deadline.unwrap_or_else(Instant::now)), if deadline.is_some() => Tick::Deadline,
                Ok(()) = limit.changed() => continue,
                () = sleep_until(poll_at), if watched => Tick::Poll,
                Ok(()) = wake.changed(), if watched => Tick::Poll,
            };
            match tick {
                Tick::Renew => match self.renew().await {
                    Ok(next) => renew_at = next,
                    Err(why) => return why,
                },
                Tick::Poll => {
                    self.poll().await;
                    poll_at = Instant::now() + POLL;
                }
                Tick::Mode => self.apply_mode(*mode.borrow()),
                Tick::Deadline => {
                    self.limit.lift();
                    self.stop_signal.fire(StopReason::Deadline);
                }
            }
        }
    }

    fn every(&self) -> Duration {
        Duration::from_millis(
            u64::try_from(self.rec.world.config.renew_ms)
                .unwrap_or(0)
                .max(10),
        )
    }

    fn apply_mode(&self, mode: Mode) {
        if mode == Mode::Leaving {
            self.stop_signal.fire(StopReason::Leaving);
            self.last.fire(StopReason::Leaving);
        }
    }

    /// When to renew next, or why the lease cannot be renewed.
    async fn renew(&mut self) -> Result<Instant, String> {
        let until = self
            .rec
            .world
            .clock
            .now()
            .plus_ms(self.rec.world.config.lease_ms);
        let answer = timeout(
            self.every(),
            self.rec.world.store.renew(self.rec.claim, until),
        )
        .await;
        if self.rec.ending.load(Ordering::Acquire) {
            return Ok(Instant::now() + self.every());
        }
        planted!(LostLeaseIgnored => if matches!(answer, Ok(Err(StoreError::StaleToken(_)))) {
            return Ok(Instant::now() + self.every());
        });
        match answer {
            Ok(Ok(())) => {
                self.lease_until = until;
                Ok(Instant::now() + self.every())
            }
            Ok(Err(e @ (StoreError::StaleToken(_) | StoreError::Refused { .. }))) => {
                Err(e.to_string())
            }
            failed if self.rec.world.clock.now() >= self.lease_until => {
                let why = failed.map_or_else(
                    |_| "the store does not answer".to_owned(),
                    |r| format!("{r:?}"),
                );
                Err(format!("the lease ran out and could not be renewed: {why}"))
            }
            _ => Ok(Instant::now() + self.every() / 4),
        }
    }

    async fn poll(&self) {
        // A store error is handled by the renewal.
        if let Ok(run) = self.rec.world.store.run(self.rec.run()).await {
            self.rec.advance_to(run.last_seq);
            self.stop_signal
                .apply(run.cancel_requested_by, run.orders.ending);
            self.orders.send_if_modified(|known| {
                let changed = *known != run.orders;
                *known = run.orders;
                changed
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::run::orders::{Ending, Order, Pace};
    use crate::core::run::{RunId, Transition};
    use crate::engine::testing::recorder;
    use crate::store::Orderer;

    struct Parts {
        rec: Recorder,
        stop_signal: StopSignal,
        last: StopSignal,
        limit: Limit,
        orders: watch::Sender<Orders>,
    }

    impl Parts {
        async fn new() -> Self {
            Self {
                rec: recorder().await,
                stop_signal: StopSignal::default(),
                last: StopSignal::default(),
                limit: Limit::new(0),
                orders: watch::Sender::new(Orders::default()),
            }
        }

        fn keeper(&self, left_ms: i64) -> LeaseKeeper<'_> {
            LeaseKeeper {
                rec: &self.rec,
                lease_until: self.rec.world.clock.now().plus_ms(left_ms),
                stop_signal: &self.stop_signal,
                last: &self.last,
                limit: &self.limit,
                orders: &self.orders,
            }
        }
    }

    /// The pause until the next renewal, milliseconds.
    async fn renewed(keeper: &mut LeaseKeeper<'_>) -> Result<u128, String> {
        let next = keeper.renew().await?;
        Ok(next.saturating_duration_since(Instant::now()).as_millis())
    }

    #[tokio::test]
    async fn a_lease_is_renewed_for_its_whole_length() {
        let parts = Parts::new().await;
        let mut keeper = parts.keeper(1);
        let before = parts.rec.world.clock.now();
        let pause = renewed(&mut keeper).await.unwrap();
        assert!((700..=1000).contains(&pause), "{pause}");
        let stored = parts.rec.world.store.run(RunId(1)).await.unwrap();
        assert_eq!(stored.lease_until, Some(keeper.lease_until));
        let length = keeper.lease_until.ms_since(before);
        assert!((5000..8000).contains(&length), "{length}");
    }

    #[tokio::test]
    async fn a_store_that_fails_is_tried_more_often_until_the_lease_ends() {
        let parts = Parts::new().await;
        parts.rec.world.store.close().await;
        let mut keeper = parts.keeper(60_000);
        let until = keeper.lease_until;
        let pause = renewed(&mut keeper).await.unwrap();
        assert!((100..=250).contains(&pause), "{pause}");
        assert_eq!(keeper.lease_until, until);
        let why = renewed(&mut parts.keeper(0)).await.unwrap_err();
        assert!(
            why.starts_with("the lease ran out and could not be renewed: "),
            "{why}"
        );
        // The run is ending: a failure means nothing any more.
        parts.rec.ending.store(true, Ordering::Release);
        let pause = renewed(&mut parts.keeper(0)).await.unwrap();
        assert!((700..=1000).contains(&pause), "{pause}");
    }

    #[tokio::test]
    async fn a_claim_that_was_lost_ends_the_watch() {
        let parts = Parts::new().await;
        let (store, now) = (&parts.rec.world.store, parts.rec.world.clock.now());
        store
            .transition(parts.rec.claim, Transition::Cancel, None, &[], now)
            .await
            .unwrap();
        let why = renewed(&mut parts.keeper(60_000)).await.unwrap_err();
        assert!(why.starts_with("run #1 is"), "{why}");
    }

    #[tokio::test]
    async fn requests_of_people_are_read_from_the_store() {
        let parts = Parts::new().await;
        let (store, now) = (&parts.rec.world.store, parts.rec.world.clock.now());
        let by = Orderer {
            actor: "ana",
            reason: None,
        };
        let keeper = parts.keeper(60_000);
        let mut orders = parts.orders.subscribe();
        orders.mark_unchanged();
        keeper.poll().await;
        assert!(!orders.has_changed().unwrap());
        assert_eq!(parts.stop_signal.due(), None);
        store.order(RunId(1), Order::Pause, by, now).await.unwrap();
        let mut bus = parts.rec.world.bus.subscribe();
        keeper.poll().await;
        assert!(orders.has_changed().unwrap());
        assert_eq!(orders.borrow_and_update().pace, Pace::Paused);
        let last = store.run(RunId(1)).await.unwrap().last_seq;
        let notice = crate::bus::Notice::Entries(RunId(1), last);
        assert_eq!(bus.try_recv(), Ok(notice));
        keeper.poll().await;
        assert!(!orders.has_changed().unwrap(), "it is the same");
        let end = Order::End(Ending::AfterStep);
        store.order(RunId(1), end, by, now).await.unwrap();
        keeper.poll().await;
        let stopped = StopReason::Stopped {
            by: "ana".to_owned(),
        };
        assert_eq!(parts.stop_signal.due(), Some(&stopped));
        assert_eq!(parts.last.due(), None);
    }

    #[tokio::test]
    async fn only_an_engine_that_leaves_stops_its_runs() {
        let parts = Parts::new().await;
        let keeper = parts.keeper(60_000);
        assert_eq!(keeper.every(), Duration::from_secs(1));
        for (mode, why) in [
            (Mode::Working, None),
            (Mode::Draining, None),
            (Mode::Leaving, Some(&StopReason::Leaving)),
        ] {
            keeper.apply_mode(mode);
            assert_eq!(parts.stop_signal.why(), why);
            assert_eq!(parts.last.why(), why);
        }
    }
}
