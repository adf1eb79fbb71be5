//! Undo: when action or verify failed, completed steps are undone, last first, before `finally`. A
//! failing undo does not keep the others from being tried. A cancelled run is not undone: that was
//! not requested.

use super::drive::{Drive, FINALLY_TIMEOUT_MS, Progress};
use super::step_ref::StepRef;
use super::stop_signal::Why;
use crate::core::run::StepStatus;
use crate::core::run::event::Level;
use crate::core::run::plan::PlanStep;
use crate::store::StoreError;

impl Drive {
    pub(super) async fn undo(&self, progress: &mut Progress) -> Result<(), StoreError> {
        let plan = &self.run.plan;
        if plan.undo.is_empty() || progress.is_left() {
            return Ok(());
        }
        let first = u32::try_from(plan.steps.len() + plan.finally.len()).unwrap_or(u32::MAX);
        let runs = progress.undo && progress.halted.is_none();
        let (needed, idle): (Vec<_>, Vec<_>) = (first..)
            .zip(&plan.undo)
            .partition(|(_, s)| runs && s.rules.undoes.is_some_and(|n| progress.done.contains(&n)));
        if !needed.is_empty() {
            let message = format!(
                "undo started: {} completed to take back",
                steps(needed.len())
            );
            self.rec
                .append(&[self.rec.note(None, Level::Warn, message)])
                .await?;
        }
        let mut failed: Vec<&str> = Vec::new();
        for (index, step) in &needed {
            // Undone, or tried to, before the run was interrupted.
            if let Some(record) = self.recorded(*index) {
                failed
                    .extend((record.status != StepStatus::Succeeded).then_some(step.name.as_str()));
                continue;
            }
            let timeout_ms = if step.timeout_ms > 0 {
                step.timeout_ms
            } else {
                FINALLY_TIMEOUT_MS
            };
            let place = StepRef {
                index: Some(*index),
                phase: None,
            };
            let ended = self.step(place, step, timeout_ms, &self.last).await?;
            if ended.halted {
                progress.during = Some(step.name.clone());
                progress.halted = Some(Why::Leaving);
                return Ok(());
            }
            if !matches!(ended.status, StepStatus::Succeeded | StepStatus::Skipped) {
                failed.push(&step.name);
            }
        }
        if !needed.is_empty() {
            self.record_undone(needed.len(), &failed, progress).await?;
        }
        for (index, step) in idle
            .into_iter()
            .filter(|(index, _)| self.recorded(*index).is_none())
        {
            let message = format!("skipped: {}", self.why_idle(step, progress));
            self.rec
                .step(index, StepStatus::Skipped, 0, Some(&message), &[])
                .await?;
        }
        Ok(())
    }

    async fn record_undone(
        &self,
        all: usize,
        failed: &[&str],
        progress: &mut Progress,
    ) -> Result<(), StoreError> {
        let (level, result) = if failed.is_empty() {
            (Level::Warn, format!("{} undone", steps(all)))
        } else {
            (
                Level::Error,
                format!("undo failed, look at it by hand: {}", failed.join(", ")),
            )
        };
        progress.undone = Some(result.clone());
        self.rec
            .append(&[self
                .rec
                .note(None, level, format!("undo finished: {result}"))])
            .await
    }

    fn why_idle(&self, step: &PlanStep, progress: &Progress) -> String {
        let undoes = step
            .rules
            .undoes
            .and_then(|n| self.run.plan.numbered_step(n));
        let name = undoes.map_or("its step", |(s, _)| s.name.as_str());
        match (&progress.halted, progress.undo) {
            (Some(why), _) => format!("{}, which undoes nothing", why.describe()),
            (None, false) => "nothing is to be undone".to_owned(),
            (None, true) => format!("{name} did not complete"),
        }
    }
}

fn steps(n: usize) -> String {
    if n == 1 {
        "1 step".to_owned()
    } else {
        format!("{n} steps")
    }
}
