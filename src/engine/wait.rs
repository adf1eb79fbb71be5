//! Waits for people: for the release of a step, an answer, votes. The lease is kept; requests come
//! through the store. A run that waits for people does not count towards the runs driven at once.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::time::{Instant, sleep, sleep_until};

use super::Signals;
use super::drive::Drive;
use super::stop_signal::StopSignal;
use crate::core::run::queue::Lane;
use crate::store::StoreError;

/// Poll interval for requests by people: another console on the same store cannot wake us.
pub(super) const POLL: Duration = Duration::from_secs(1);

/// What ends a wait for people, besides what is waited for.
#[derive(Clone, Copy)]
pub(super) struct PeopleWait<'w> {
    /// What the wait does again and again: "look for votes".
    pub reads: &'static str,
    /// `None`: it has no end of its own.
    pub timeout_ms: Option<i64>,
    pub stop_signal: &'w StopSignal,
    /// Also a stop after the step in flight ends it: no step is in flight.
    pub stops_soon: bool,
    /// Its time does not count for the deadlines of the run.
    pub pauses_deadlines: bool,
}

/// How a wait for people ended.
pub(super) enum Waited<T> {
    Found(T),
    TimedOut,
    Stopped,
}

/// A run that waits for people, for as long as this lives.
struct Waiting(Arc<Signals>, Lane);

impl Waiting {
    fn new(drive: &Drive) -> Self {
        let (signals, lane) = (drive.rec.world.signals.clone(), drive.run.lane);
        signals.waiting.of(lane).fetch_add(1, Ordering::AcqRel);
        // Another run can take its slot.
        signals.wake.send_modify(|n| *n += 1);
        Self(signals, lane)
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.waiting.of(self.1).fetch_sub(1, Ordering::AcqRel);
    }
}

impl PeopleWait<'_> {
    async fn stopped(&self) {
        if self.stops_soon {
            self.stop_signal.expired().await;
        } else {
            self.stop_signal.fired().await;
        }
    }
}

impl Drive {
    /// Waits until `read` finds what is waited for in the store.
    pub(super) async fn wait_for_people<T, F>(
        &self,
        wait: PeopleWait<'_>,
        read: impl Fn() -> F,
    ) -> Waited<T>
    where
        F: Future<Output = Result<Option<T>, StoreError>>,
    {
        let _waiting = Waiting::new(self);
        let pause = wait.pauses_deadlines.then(|| self.limit.pause());
        let waited = self.poll(wait, read).await;
        if let Some(pause) = &pause {
            self.results.extend_deadlines(pause.elapsed());
        }
        waited
    }

    async fn poll<T, F>(&self, wait: PeopleWait<'_>, read: impl Fn() -> F) -> Waited<T>
    where
        F: Future<Output = Result<Option<T>, StoreError>>,
    {
        let mut wake = self.rec.world.signals.wake.subscribe();
        // tokio's timers end after about 30 years.
        let limit = wait.timeout_ms.map(|ms| {
            let ms = u64::try_from(ms).unwrap_or(0).min(1_000_000_000_000);
            Instant::now() + Duration::from_millis(ms)
        });
        loop {
            // What comes just within the time counts: the last poll is after the deadline.
            let over = limit.is_some_and(|limit| Instant::now() >= limit);
            if let Some(found) = self.look(wait.reads, read()).await {
                return Waited::Found(found);
            }
            if over {
                return Waited::TimedOut;
            }
            tokio::select! {
                Ok(()) = wake.changed() => {}
                () = sleep(POLL) => {}
                () = wait.stopped() => return Waited::Stopped,
                () = sleep_until(limit.unwrap_or_else(Instant::now)), if limit.is_some() => {}
            }
        }
    }

    /// What is in the store; after a store error, nothing yet.
    pub(super) async fn look<T>(
        &self,
        reads: &str,
        read: impl Future<Output = Result<Option<T>, StoreError>>,
    ) -> Option<T> {
        match read.await {
            Ok(found) => found,
            Err(e) => {
                tracing::warn!(run = %self.rec.run(), "cannot {reads}, trying again: {e}");
                None
            }
        }
    }
}
