//! Drives one run: condition, five phases, `finally`, end. Everything is recorded before the next
//! effect.

use std::collections::BTreeSet;
use std::sync::atomic::AtomicBool;

use tokio::sync::watch;
use tokio::time::Instant;

use super::limit::Limit;
use super::record::Recorder;
use super::results::Results;
use super::step_ref::{Ended, StepRef};
use super::stop_signal::{StopSignal, Why};
use crate::core::base::time::{Timestamp, human_ms};
use crate::core::run::event::{Level, NewEntry};
use crate::core::run::orders::Orders;
use crate::core::run::plan::{OnFailure, Plan, PlanStep};
use crate::core::run::step::StepSpec;
use crate::core::run::{Phase, Run, RunId, RunStep, StepStatus};
use crate::store::StoreError;

/// A `finally` step without a timeout must not hold a cancelled run for ever.
pub(super) const FINALLY_TIMEOUT_MS: i64 = 60_000;

/// An active run.
pub(super) struct Drive {
    pub rec: Recorder,
    pub run: Run,
    /// Stops the phases.
    pub stop_signal: StopSignal,
    /// Stops the `finally` steps.
    pub last: StopSignal,
    pub limit: Limit,
    /// Requests by people, as last read from the store.
    pub orders: watch::Sender<Orders>,
    /// When this engine took it.
    pub began: Timestamp,
    /// Results of its steps, for the expressions of later ones.
    pub results: Results,
    /// The recorded steps of a resumed run.
    pub past: Vec<RunStep>,
    /// Whether this engine has run a block of its session.
    pub session_used: AtomicBool,
}

/// The run's progress so far.
#[derive(Debug, Default)]
pub(super) struct Progress {
    /// The first failure: `step deploy web: exit code 2`.
    pub failure: Option<String>,
    /// Why the remaining phases do not run: `action failed`.
    pub stopped: Option<String>,
    /// The run was stopped from outside, and that cut something short.
    pub halted: Option<Why>,
    /// The step that was active then.
    pub during: Option<String>,
    /// Why the run's condition did not hold.
    pub condition_failed: Option<String>,
    /// A failed step jumps to the step of this number; with the reason, for the skipped steps
    /// between.
    pub jump: Option<(u32, String)>,
    /// Steps that succeeded, by number.
    pub done: BTreeSet<u32>,
    /// Action or verify failed: completed steps are to be undone.
    pub undo: bool,
    /// Result of undoing, for the run's final message.
    pub undone: Option<String>,
}

impl Progress {
    pub(super) fn check_halt(&mut self, stop_signal: &StopSignal) {
        if let (None, Some(why)) = (&self.halted, stop_signal.due()) {
            self.halted = Some(why.clone());
            self.stopped = Some(why.describe().to_owned());
        }
    }

    /// Applies a step's end to the run; true when the step failed by itself.
    pub(super) fn evaluate(
        &mut self,
        step: &PlanStep,
        ended: &Ended,
        stop_signal: &StopSignal,
    ) -> bool {
        if ended.halted {
            self.check_halt(stop_signal);
            self.during = Some(step.name.clone());
            return false;
        }
        let failed = !matches!(ended.status, StepStatus::Succeeded | StepStatus::Skipped);
        if failed && matches!(step.spec, StepSpec::Approve(_)) {
            self.refuse(step, &ended.message);
            return false;
        }
        if failed && self.failure.is_none() {
            self.failure = Some(format!("step {}: {}", step.name, ended.message));
        }
        failed
    }

    /// A run that was not approved is cancelled.
    pub(super) fn refuse(&mut self, step: &PlanStep, message: &str) {
        if self.halted.is_none() {
            let why = Why::Unapproved {
                message: format!("{}: {message}", step.name),
            };
            self.stopped = Some(why.describe().to_owned());
            self.halted = Some(why);
        }
    }

    /// Applies the failure of a step to the steps after it.
    pub(super) fn apply_failure(&mut self, phase: Phase, step: &PlanStep, plan: &Plan) {
        if self.stopped.is_some() {
            return;
        }
        match step.on_failure {
            OnFailure::Continue => {}
            OnFailure::Stop => {
                self.stopped = Some(format!("{} failed", phase.name()));
                self.undo = matches!(phase, Phase::Action | Phase::Verify);
            }
            OnFailure::Jump(to) => {
                let on = plan
                    .numbered_step(to)
                    .filter(|(_, place)| *place != "finally" && *place != "undo");
                let on = on.map_or_else(
                    || "nothing is left to do".to_owned(),
                    |(s, _)| format!("going on at {}", s.name),
                );
                self.jump = Some((to, format!("{} failed, {on}", step.name)));
            }
        }
    }

    pub(super) fn is_left(&self) -> bool {
        self.halted == Some(Why::Leaving)
    }
}

impl Drive {
    /// Drives the run to its end; returns the next link of its chain, when there is one.
    pub(super) async fn drive(&self) -> Result<Option<RunId>, StoreError> {
        self.stop_signal
            .apply(self.run.cancel_requested_by.clone(), self.run.orders.ending);
        let started = format!("started: {}", self.run.plan.title);
        self.rec
            .start(self.began, &[self.rec.note(None, Level::Info, started)])
            .await?;
        let mut progress = Progress::default();
        for phase in Phase::ALL {
            if !progress.is_left() {
                self.phase(phase, &mut progress).await?;
            }
        }
        self.undo(&mut progress).await?;
        self.finally(&mut progress).await?;
        self.end_session(&progress);
        self.finish(&progress).await
    }

    async fn phase(&self, phase: Phase, progress: &mut Progress) -> Result<(), StoreError> {
        let steps: Vec<_> = (0..)
            .zip(&self.run.plan.steps)
            .filter(|(_, s)| s.phase == phase)
            .collect();
        let condition = self
            .run
            .plan
            .only_if
            .as_ref()
            .filter(|_| phase == Phase::Validate && !self.has_begun());
        if condition.is_none()
            && !steps.is_empty()
            && steps
                .iter()
                .all(|(index, _)| self.recorded(*index).is_some())
        {
            self.recall_all(&steps, progress);
            return Ok(());
        }
        let idle = steps.is_empty() && condition.is_none();
        if !idle {
            progress.check_halt(&self.stop_signal);
        }
        if idle || progress.stopped.is_some() {
            return self.skip_phase(phase, &steps, progress).await;
        }
        let begun = Instant::now();
        self.rec
            .append(&[self.rec.note(
                Some(phase),
                Level::Info,
                format!("{} started", phase.name()),
            )])
            .await?;
        if let Some(condition) = condition {
            self.condition(condition, progress).await?;
        }
        let failures = self.steps(phase, &steps, progress).await?;
        if progress.is_left() {
            return Ok(());
        }
        let ms = i64::try_from(begun.elapsed().as_millis()).unwrap_or(i64::MAX);
        self.rec
            .append(&[self.phase_end(phase, ms, failures, progress)])
            .await
    }

    /// Runs the steps of a phase in order; returns how many failed.
    async fn steps(
        &self,
        phase: Phase,
        steps: &[(u32, &PlanStep)],
        progress: &mut Progress,
    ) -> Result<usize, StoreError> {
        let mut failures = 0;
        let mut at = 0;
        while let Some((index, step)) = steps.get(at) {
            if let Some(record) = self.recorded(*index) {
                progress.recall(step, record, &self.stop_signal);
                at += 1;
                continue;
            }
            progress.check_halt(&self.stop_signal);
            if let Some((_, why)) = progress.jump.clone().filter(|(to, _)| index < to) {
                let message = format!("skipped: {why}");
                self.rec
                    .step(*index, StepStatus::Skipped, 0, Some(&message), &[])
                    .await?;
                at += 1;
                continue;
            }
            progress.jump = None;
            if progress.stopped.is_none() && step.rules.each.is_none() {
                self.hold(*index, step).await?;
                progress.check_halt(&self.stop_signal);
            }
            if progress.stopped.is_some() {
                self.skip_step(*index, progress).await?;
                at += 1;
                continue;
            }
            if let Some(each) = step.rules.each {
                let rest = &steps[at..];
                let many = rest
                    .iter()
                    .take_while(|(_, s)| s.rules.each.is_some_and(|e| e.group == each.group))
                    .count();
                failures += self.items(phase, &rest[..many], each, progress).await?;
                at += many;
                continue;
            }
            let place = StepRef {
                index: Some(*index),
                phase: Some(phase),
            };
            let ended = self
                .step(place, step, step.timeout_ms, &self.stop_signal)
                .await?;
            if ended.status == StepStatus::Succeeded {
                progress.done.insert(*index);
            }
            if progress.evaluate(step, &ended, &self.stop_signal) {
                failures += 1;
                progress.apply_failure(phase, step, &self.run.plan);
            }
            at += 1;
        }
        Ok(failures)
    }

    fn phase_end(&self, phase: Phase, ms: i64, failures: usize, progress: &Progress) -> NewEntry {
        let (name, took) = (phase.name(), human_ms(ms));
        let (level, message) = match (&progress.stopped, failures) {
            (Some(why), _) if progress.halted.is_some() => {
                (Level::Warn, format!("{name} stopped after {took}: {why}"))
            }
            (Some(why), _) if progress.condition_failed.is_some() => {
                (Level::Info, format!("{name} finished in {took}: {why}"))
            }
            (Some(_), _) => (Level::Error, format!("{name} failed after {took}")),
            (None, 0) => (Level::Info, format!("{name} finished in {took}")),
            (None, n) => (
                Level::Warn,
                format!("{name} finished in {took}, {n} failed, going on"),
            ),
        };
        self.rec.note(Some(phase), level, message)
    }

    async fn skip_phase(
        &self,
        phase: Phase,
        steps: &[(u32, &PlanStep)],
        progress: &mut Progress,
    ) -> Result<(), StoreError> {
        let name = phase.name();
        let (level, why) = match &progress.stopped {
            Some(why) => (Level::Info, why.as_str()),
            None => (Level::Debug, "nothing to do"),
        };
        let start = self
            .rec
            .note(Some(phase), Level::Debug, format!("{name} reached"));
        let end = self
            .rec
            .note(Some(phase), level, format!("{name} skipped: {why}"));
        self.rec.append(&[start, end]).await?;
        for (index, step) in steps {
            // Steps done by an earlier engine stay done.
            match self.recorded(*index) {
                Some(record) => progress.recall(step, record, &self.stop_signal),
                None => self.skip_step(*index, progress).await?,
            }
        }
        Ok(())
    }

    /// A step that will not run any more. Steps pending when the engine stops are settled with the
    /// run's end.
    pub(super) async fn skip_step(
        &self,
        index: u32,
        progress: &Progress,
    ) -> Result<(), StoreError> {
        match &progress.stopped {
            Some(why) if !progress.is_left() => {
                self.rec
                    .step(
                        index,
                        StepStatus::Skipped,
                        0,
                        Some(&format!("skipped: {why}")),
                        &[],
                    )
                    .await
            }
            _ => Ok(()),
        }
    }

    /// Steps that always run: also after failure, deadline and cancel; not when nothing ran at all.
    async fn finally(&self, progress: &mut Progress) -> Result<(), StoreError> {
        let steps = &self.run.plan.finally;
        if steps.is_empty() || progress.is_left() {
            return Ok(());
        }
        planted!(FinallySkipped => if !self.past.is_empty() { return Ok(()) });
        let first = u32::try_from(self.run.plan.steps.len()).unwrap_or(u32::MAX);
        let steps = (first..).zip(steps);
        if progress.condition_failed.is_some() {
            for (index, _) in steps {
                self.skip_step(index, progress).await?;
            }
            return Ok(());
        }
        self.rec
            .append(&[self.rec.note(None, Level::Info, "finally started")])
            .await?;
        for (index, step) in steps {
            if let Some(record) = self.recorded(index) {
                progress.recall(step, record, &self.last);
                continue;
            }
            let timeout_ms = if step.timeout_ms > 0 {
                step.timeout_ms
            } else {
                FINALLY_TIMEOUT_MS
            };
            let place = StepRef {
                index: Some(index),
                phase: None,
            };
            let ended = self.step(place, step, timeout_ms, &self.last).await?;
            progress.evaluate(step, &ended, &self.last);
            if ended.halted {
                progress.halted = Some(Why::Leaving);
                return Ok(());
            }
        }
        self.rec
            .append(&[self.rec.note(None, Level::Info, "finally finished")])
            .await
    }
}
