//! A resumed run: what it did before is recalled, not done again; what waited waits on from when it first began.

use super::attempt::Place;
use super::drive::{Course, Drive};
use super::{World, halt::Halt};
use crate::core::plan::{OnFailure, PlanStep};
use crate::core::run::{Run, RunStep, StepStatus};
use crate::core::step::Call;
use crate::store::StoreError;

/// The step records of a run that was under way before; none for a new one.
pub(super) async fn past(world: &World, run: &Run) -> Result<Vec<RunStep>, StoreError> {
    if run.started_at.is_none() { Ok(Vec::new()) } else { world.store.steps(run.id).await }
}

impl Drive {
    /// What is recorded of a step that an earlier engine finished, or a person decided about.
    pub(super) fn recorded(&self, index: u32) -> Option<&RunStep> {
        self.past.iter().find(|s| s.index == index && s.status != StepStatus::Pending)
    }

    /// Whether an earlier engine came as far as a step: then the run's condition held.
    pub(super) fn has_begun(&self) -> bool {
        self.past.iter().any(|s| s.status != StepStatus::Pending)
    }

    /// [`Drive::recall`] for a whole phase.
    pub(super) fn recall_all(&self, steps: &[(u32, &PlanStep)], course: &mut Course) {
        for (index, step) in steps {
            if let Some(record) = self.recorded(*index) {
                self.recall(step, record, course, &self.halt);
            }
        }
    }

    /// What a finished step means for the course of the run.
    pub(super) fn recall(&self, step: &PlanStep, record: &RunStep, course: &mut Course, halt: &Halt) {
        course.heed(halt);
        self.results.keep_status(step, record.status);
        if record.status == StepStatus::Succeeded {
            // What was done before the break is taken back like the rest, should it come to that.
            course.done.insert(record.index);
        }
        if matches!(record.status, StepStatus::Succeeded | StepStatus::Skipped) {
            return;
        }
        if course.failure.is_none() {
            let why = record.message.as_deref().unwrap_or(record.status.name());
            course.failure = Some(format!("step {}: {why}", step.name));
        }
        if step.on_failure == OnFailure::Stop && course.stopped.is_none() {
            course.stopped = Some(format!("{} failed", step.phase.name()));
        }
    }

    /// The call with the time that is left of a wait which began before.
    pub(super) fn rest_of(&self, place: Place, call: Call) -> Call {
        match call {
            Call::Wait { ms } => Call::Wait { ms: (ms - self.waited_ms(place)).max(0) },
            Call::Manual { prompt, timeout_ms } => {
                Call::Manual { prompt, timeout_ms: timeout_ms.saturating_sub(self.waited_ms(place)).max(0) }
            }
            other => other,
        }
    }

    /// How long a step has waited under earlier engines and since, milliseconds.
    fn waited_ms(&self, place: Place) -> i64 {
        let record = place.index.and_then(|index| self.past.iter().find(|s| s.index == index));
        let began = record.and_then(|record| record.started_at);
        began.map_or(0, |began| self.rec.world.clock.now().ms_since(began).max(0))
    }
}
