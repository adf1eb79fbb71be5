//! A run that people hold back: before each step it looks whether it may go on, and waits while it may not. The lease is
//! kept; what they say comes through the store. A run that waits for people takes no place among those driven at once.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::time::sleep;

use super::Signals;
use super::drive::Drive;
use crate::core::event::Level;
use crate::core::plan::PlanStep;
use crate::core::queue::Lane;
use crate::core::run::Transition;
use crate::store::StoreError;

/// Another console on the same store cannot wake us: how often to look what people say.
pub(super) const LOOK: Duration = Duration::from_secs(1);

/// A run that waits for people, for as long as this lives.
pub(super) struct Parked(Arc<Signals>, Lane);

impl Parked {
    pub(super) fn new(drive: &Drive) -> Self {
        let (signals, lane) = (drive.rec.world.signals.clone(), drive.run.lane);
        signals.parked.of(lane).fetch_add(1, Ordering::AcqRel);
        // Another run can take its place.
        signals.wake.send_modify(|n| *n += 1);
        Self(signals, lane)
    }
}

impl Drop for Parked {
    fn drop(&mut self) {
        self.0.parked.of(self.1).fetch_sub(1, Ordering::AcqRel);
    }
}

impl Drive {
    /// Waits before a step for as long as people hold the run back there. Whoever waited looks at the halt again.
    pub(super) async fn hold(&self, index: u32, step: &PlanStep) -> Result<(), StoreError> {
        let orders = self.orders.borrow().clone();
        let Some(told) = orders.told().filter(|_| orders.holds(index) && self.halt.due().is_none()) else {
            return Ok(());
        };
        if !self.is_held_back(index).await {
            return Ok(());
        }
        let message = format!("{told}; waits before step {}", step.name);
        let event = self.rec.note(Some(step.phase), Level::Info, message.clone());
        self.rec.transition(Transition::Wait, Some(&message), &[event]).await?;
        {
            let _parked = Parked::new(self);
            let still = self.limit.still();
            self.wait_until_let_go(index).await;
            self.results.stand_still(still.elapsed());
        }
        let event = self.rec.note(Some(step.phase), Level::Info, format!("goes on before step {}", step.name));
        self.rec.transition(Transition::Continue, None, &[event]).await?;
        Ok(())
    }

    async fn wait_until_let_go(&self, index: u32) {
        let mut wake = self.rec.world.signals.wake.subscribe();
        while self.is_held_back(index).await {
            tokio::select! {
                Ok(()) = wake.changed() => {}
                () = sleep(LOOK) => {}
                () = self.halt.fallen_due() => return,
            }
        }
    }

    /// A store that fails does not let anything go.
    async fn is_held_back(&self, index: u32) -> bool {
        match self.rec.world.store.is_held_back(self.rec.run(), index).await {
            Ok(held) => held,
            Err(e) => {
                tracing::warn!(run = %self.rec.run(), "cannot look whether it may go on, trying again: {e}");
                true
            }
        }
    }
}
