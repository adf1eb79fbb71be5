//! Pauses by people: before each step that they hold back, the run waits until it may go on.

use super::drive::Drive;
use super::wait::PeopleWait;
use crate::core::run::Transition;
use crate::core::run::event::Level;
use crate::core::run::progress::Hold;
use crate::store::StoreError;

impl Drive {
    /// Waits before a step for as long as people hold the run back there.
    pub(super) async fn hold(&self, hold: &Hold) -> Result<(), StoreError> {
        let wait = PeopleWait {
            reads: "look whether it may go on",
            timeout_ms: None,
            stop_signal: &self.stop_signal,
            stops_soon: true,
            pauses_deadlines: true,
        };
        let released = || self.is_released(hold.step);
        if self.look(wait.reads, released()).await.is_some() {
            return Ok(());
        }
        let note = |message: &str| self.rec.note(Some(hold.phase), Level::Info, message);
        self.rec
            .transition(Transition::Wait, Some(&hold.waits), &[note(&hold.waits)])
            .await?;
        // Stopped or released: what comes next is decided by the progress of the run.
        self.wait_for_people(wait, released).await;
        self.rec
            .transition(Transition::Continue, None, &[note(&hold.goes_on)])
            .await?;
        Ok(())
    }

    async fn is_released(&self, step: u32) -> Result<Option<()>, StoreError> {
        let store = &self.rec.world.store;
        let held = store.is_held_back(self.rec.run(), step).await?;
        Ok((!held).then_some(()))
    }
}
