//! A resumed run: finished steps are recalled, not repeated; waits continue from when they first
//! began.

use std::collections::HashMap;

use super::drive::{Drive, Progress};
use super::results::Results;
use super::step_ref::StepRef;
use super::{World, stop_signal::StopSignal};
use crate::core::run::plan::{OnFailure, PlanStep};
use crate::core::run::step::{Call, CallKind, StepSpec};
use crate::core::run::{Phase, Run, RunStep, StepStatus};
use crate::store::StoreError;

/// The step records and kept results of a run that was active before; empty for a new one.
pub(super) async fn past(world: &World, run: &Run) -> Result<(Vec<RunStep>, Results), StoreError> {
    let results = Results::default();
    if run.started_at.is_none() {
        return Ok((Vec::new(), results));
    }
    let steps = world.store.steps(run.id).await?;
    planted!(SavedValuesLost => return Ok((steps, results)));
    if run
        .plan
        .numbered()
        .any(|(_, step)| !step.rules.key.is_empty())
    {
        let logged: HashMap<_, _> = world.store.outcomes(run.id).await?.into_iter().collect();
        for record in &steps {
            if let Some((step, _)) = run.plan.numbered_step(record.index) {
                results.recall(step, record, logged.get(&record.index));
            }
        }
    }
    Ok((steps, results))
}

impl Progress {
    /// Applies a finished step to the course of the run.
    pub(super) fn recall(&mut self, step: &PlanStep, record: &RunStep, stop_signal: &StopSignal) {
        self.check_halt(stop_signal);
        if record.status == StepStatus::Succeeded {
            // Steps done before the interruption are undone like the others, if needed.
            self.done.insert(record.index);
        }
        if matches!(record.status, StepStatus::Succeeded | StepStatus::Skipped) {
            return;
        }
        if matches!(step.spec, StepSpec::Approve(_)) {
            return self.refuse(
                step,
                record.message.as_deref().unwrap_or(record.status.name()),
            );
        }
        if self.failure.is_none() {
            let why = record.message.as_deref().unwrap_or(record.status.name());
            self.failure = Some(format!("step {}: {why}", step.name));
        }
        if step.on_failure == OnFailure::Stop && self.stopped.is_none() {
            self.stopped = Some(format!("{} failed", step.phase.name()));
            self.undo = matches!(step.phase, Phase::Action | Phase::Verify);
        }
    }
}

impl Drive {
    /// The record of a step that an earlier engine finished, or a person decided about.
    pub(super) fn recorded(&self, index: u32) -> Option<&RunStep> {
        self.past
            .iter()
            .find(|s| s.index == index && s.status != StepStatus::Pending)
    }

    /// Whether an earlier engine reached a step: then the run's condition held.
    pub(super) fn has_begun(&self) -> bool {
        self.past.iter().any(|s| s.status != StepStatus::Pending)
    }

    /// [`Progress::recall`] for a whole phase.
    pub(super) fn recall_all(&self, steps: &[(u32, &PlanStep)], progress: &mut Progress) {
        for (index, step) in steps {
            if let Some(record) = self.recorded(*index) {
                progress.recall(step, record, &self.stop_signal);
            }
        }
    }

    /// The call with the remaining time of a wait that began before.
    pub(super) fn rest_of(&self, place: StepRef, call: Call) -> Call {
        let Call {
            mut kind,
            mut timeout_ms,
        } = call;
        match &mut kind {
            CallKind::Wait(wait) => wait.ms = (wait.ms - self.waited_ms(place)).max(0),
            CallKind::Manual(_) | CallKind::Approve(_) => {
                timeout_ms = timeout_ms.saturating_sub(self.waited_ms(place)).max(0);
            }
            _ => {}
        }
        Call { kind, timeout_ms }
    }

    /// How long a step has waited under earlier engines and since, milliseconds.
    fn waited_ms(&self, place: StepRef) -> i64 {
        let record = place
            .index
            .and_then(|index| self.past.iter().find(|s| s.index == index));
        let began = record.and_then(|record| record.started_at);
        began.map_or(0, |began| self.rec.world.clock.now().ms_since(began).max(0))
    }
}
