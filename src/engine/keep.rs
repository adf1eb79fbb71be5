//! Keeps a run in hand: renews its lease, notices what people ask of it, the total deadline, and that the engine leaves.

use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep_until, timeout};

use super::Mode;
use super::halt::{Halt, Why};
use super::limit::Limit;
use super::record::Recorder;
use crate::core::orders::Orders;
use crate::core::time::Timestamp;
use crate::store::StoreError;

/// How often the store is asked what people want of the run (another console on the same store cannot wake us).
const LOOK: Duration = Duration::from_secs(1);

/// What is kept up while a run is driven.
pub(super) struct Keeper<'a> {
    pub rec: &'a Recorder,
    pub lease_until: Timestamp,
    /// Stops the phases.
    pub halt: &'a Halt,
    /// Stops the `finally` steps: only leaving does.
    pub last: &'a Halt,
    pub limit: &'a Limit,
    /// What people ask of the run, as last heard.
    pub orders: &'a watch::Sender<Orders>,
}

enum Tick {
    Renew,
    Look,
    Mode,
    Deadline,
}

impl Keeper<'_> {
    /// Returns only when the claim is lost, with the reason.
    pub(super) async fn keep(mut self) -> String {
        let mut wake = self.rec.world.signals.wake.subscribe();
        let mut mode = self.rec.world.signals.mode.subscribe();
        mode.mark_changed();
        let mut limit = self.limit.watch();
        let mut renew_at = Instant::now() + self.every();
        let mut look_at = Instant::now();
        loop {
            let deadline = *limit.borrow_and_update();
            // A run that is ending can still be killed.
            let watched = !self.halt.is_killed();
            let tick = tokio::select! {
                () = sleep_until(renew_at) => Tick::Renew,
                Ok(()) = mode.changed() => Tick::Mode,
                () = sleep_until(deadline.unwrap_or_else(Instant::now)), if deadline.is_some() => Tick::Deadline,
                Ok(()) = limit.changed() => continue,
                () = sleep_until(look_at), if watched => Tick::Look,
                Ok(()) = wake.changed(), if watched => Tick::Look,
            };
            match tick {
                Tick::Renew => match self.renew().await {
                    Ok(next) => renew_at = next,
                    Err(why) => return why,
                },
                Tick::Look => {
                    self.look().await;
                    look_at = Instant::now() + LOOK;
                }
                Tick::Mode => self.heed(*mode.borrow()),
                Tick::Deadline => {
                    self.limit.lift();
                    self.halt.fire(Why::Deadline);
                }
            }
        }
    }

    fn every(&self) -> Duration {
        Duration::from_millis(u64::try_from(self.rec.world.config.renew_ms).unwrap_or(0).max(10))
    }

    fn heed(&self, mode: Mode) {
        if mode == Mode::Leaving {
            self.halt.fire(Why::Leaving);
            self.last.fire(Why::Leaving);
        }
    }

    /// When to renew next, or why there is nothing to renew any more.
    async fn renew(&mut self) -> Result<Instant, String> {
        let until = self.rec.world.clock.now().plus_ms(self.rec.world.config.lease_ms);
        let answer = timeout(self.every(), self.rec.world.store.renew(self.rec.claim, until)).await;
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
            Ok(Err(e @ (StoreError::StaleToken(_) | StoreError::Refused { .. }))) => Err(e.to_string()),
            failed if self.rec.world.clock.now() >= self.lease_until => {
                let why = failed.map_or_else(|_| "the store does not answer".to_owned(), |r| format!("{r:?}"));
                Err(format!("the lease ran out and could not be renewed: {why}"))
            }
            _ => Ok(Instant::now() + self.every() / 4),
        }
    }

    async fn look(&self) {
        // A store that fails is the renewal's business.
        if let Ok(run) = self.rec.world.store.run(self.rec.run()).await {
            self.rec.heard(run.last_seq);
            self.halt.heed(run.cancel_requested_by, run.orders.ending);
            self.orders.send_if_modified(|known| {
                let changed = *known != run.orders;
                *known = run.orders;
                changed
            });
        }
    }
}
