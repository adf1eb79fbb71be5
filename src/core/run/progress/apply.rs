//! The effect of a step's end, and of a stop, on the rest of the run.

use super::{Jump, Progress, StepEnd, StopReason, Task};
use crate::run::plan::{OnFailure, PlanStep};
use crate::run::step::StepSpec;
use crate::run::{Phase, RunStep, StepStatus};

impl Progress<'_> {
    /// A stop counts where it cuts something short; the first reason stays.
    pub(super) fn check_stop(&mut self, stop: Option<&StopReason>) {
        if let (None, Some(reason)) = (&self.stop, stop) {
            self.stop = Some(reason.clone());
            self.stopped = Some(reason.describe().to_owned());
        }
    }

    /// Applies the end of a step of the phases.
    pub(super) fn step_ended(&mut self, task: Task<'_>, end: &StepEnd) {
        if end.status == StepStatus::Succeeded {
            self.done.insert(task.index);
        }
        if self.evaluate(task.step, end) {
            self.failures += 1;
            self.apply_failure(task.step);
        }
    }

    /// Applies a step's end to the run; true when the step failed by itself.
    pub(super) fn evaluate(&mut self, step: &PlanStep, end: &StepEnd) -> bool {
        if end.stopped_by.is_some() {
            self.check_stop(end.stopped_by.as_ref());
            self.during = Some(step.name.clone());
            return false;
        }
        let failed = !matches!(end.status, StepStatus::Succeeded | StepStatus::Skipped);
        if failed && matches!(step.spec, StepSpec::Approve(_)) {
            self.refuse(step, &end.message);
            return false;
        }
        if failed && self.failure.is_none() {
            self.failure = Some(format!("step {}: {}", step.name, end.message));
        }
        failed
    }

    /// A run that was not approved is cancelled.
    fn refuse(&mut self, step: &PlanStep, message: &str) {
        let message = format!("{}: {message}", step.name);
        self.check_stop(Some(&StopReason::Unapproved { message }));
    }

    /// Applies the failure of a step to the steps after it.
    pub(super) fn apply_failure(&mut self, step: &PlanStep) {
        if self.stopped.is_some() {
            return;
        }
        match step.on_failure {
            OnFailure::Continue => {}
            OnFailure::Stop => self.stop_after(step.phase),
            OnFailure::Jump(to) => {
                let on = self
                    .plan
                    .numbered_step(to)
                    .filter(|(_, place)| *place != "finally" && *place != "undo");
                let on = on.map_or_else(
                    || "nothing is left to do".to_owned(),
                    |(s, _)| format!("going on at {}", s.name),
                );
                let why = format!("{} failed, {on}", step.name);
                self.jump = Some(Jump { to, why });
            }
        }
    }

    fn stop_after(&mut self, phase: Phase) {
        self.stopped = Some(format!("{} failed", phase.name()));
        self.undo = matches!(phase, Phase::Action | Phase::Verify);
    }

    /// Applies a step that an earlier engine finished.
    pub(super) fn recall(
        &mut self,
        step: &PlanStep,
        record: &RunStep,
        reason: Option<&StopReason>,
    ) {
        self.check_stop(reason);
        self.worked |= record.status != StepStatus::Skipped && super::is_work(step);
        if record.status == StepStatus::Succeeded {
            // Steps done before the interruption are undone like the others, if needed.
            self.done.insert(record.index);
        }
        if matches!(record.status, StepStatus::Succeeded | StepStatus::Skipped) {
            return;
        }
        let message = record.message.as_deref().unwrap_or(record.status.name());
        if matches!(step.spec, StepSpec::Approve(_)) {
            return self.refuse(step, message);
        }
        if self.failure.is_none() {
            self.failure = Some(format!("step {}: {message}", step.name));
        }
        if step.on_failure == OnFailure::Stop && self.stopped.is_none() {
            self.stop_after(step.phase);
        }
    }
}
