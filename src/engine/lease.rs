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
