//! Pauses by people: before each step it is checked whether the run may go on, and it waits while
//! it may not. The lease is kept; requests come through the store. A run that waits for people does
//! not count towards the runs driven at once.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::time::sleep;

use super::Signals;
use super::drive::Drive;
use crate::core::run::Transition;
use crate::core::run::event::Level;
use crate::core::run::progress::Hold;
use crate::core::run::queue::Lane;
use crate::store::StoreError;

/// Poll interval for requests by people: another console on the same store cannot wake us.
pub(super) const POLL: Duration = Duration::from_secs(1);

/// A run that waits for people, for as long as this lives.
pub(super) struct Waiting(Arc<Signals>, Lane);

impl Waiting {
    pub(super) fn new(drive: &Drive) -> Self {
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

impl Drive {
    /// Waits before a step for as long as people hold the run back there.
    pub(super) async fn hold(&self, hold: &Hold) -> Result<(), StoreError> {
        if !self.is_held_back(hold.step).await {
            return Ok(());
        }
        let note = |message: &str| self.rec.note(Some(hold.phase), Level::Info, message);
        let event = note(&hold.waits);
        self.rec
            .transition(Transition::Wait, Some(&hold.waits), &[event])
            .await?;
        {
            let _parked = Waiting::new(self);
            let pause = self.limit.pause();
            self.wait_until_released(hold.step).await;
            self.results.extend_deadlines(pause.elapsed());
        }
        let event = note(&hold.goes_on);
        self.rec
            .transition(Transition::Continue, None, &[event])
            .await?;
        Ok(())
    }

    async fn wait_until_released(&self, index: u32) {
        let mut wake = self.rec.world.signals.wake.subscribe();
        while self.is_held_back(index).await {
            tokio::select! {
                Ok(()) = wake.changed() => {}
                () = sleep(POLL) => {}
                () = self.stop_signal.expired() => return,
            }
        }
    }

    /// A store error counts as held back.
    async fn is_held_back(&self, index: u32) -> bool {
        match self
            .rec
            .world
            .store
            .is_held_back(self.rec.run(), index)
            .await
        {
            Ok(held) => held,
            Err(e) => {
                tracing::warn!(run = %self.rec.run(), "cannot look whether it may go on, trying again: {e}");
                true
            }
        }
    }
}
