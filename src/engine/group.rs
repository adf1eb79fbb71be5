//! The items of a `for_each` with limits: several at once, and a stop after too many failures.

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;

use super::drive::{Drive, Progress};
use super::step_ref::{Ended, StepRef};
use crate::core::run::event::Level;
use crate::core::run::plan::{Each, PlanStep};
use crate::core::run::{Phase, StepStatus};
use crate::store::StoreError;

impl Drive {
    /// The items of a group, some of which an earlier engine may have done.
    pub(super) async fn items(
        &self,
        phase: Phase,
        items: &[(u32, &PlanStep)],
        each: Each,
        progress: &mut Progress,
    ) -> Result<usize, StoreError> {
        let (done, open): (Vec<_>, Vec<_>) = items
            .iter()
            .copied()
            .partition(|(i, _)| self.recorded(*i).is_some());
        self.recall_all(&done, progress);
        if progress.stopped.is_none() {
            return self.group(phase, &open, each, progress).await;
        }
        for (index, _) in open {
            self.skip_step(index, progress).await?;
        }
        Ok(0)
    }

    /// Runs the items of a group; returns how many failed. Up to `max_errors` failures are
    /// reported, not counted against the run.
    async fn group(
        &self,
        phase: Phase,
        items: &[(u32, &PlanStep)],
        each: Each,
        progress: &mut Progress,
    ) -> Result<usize, StoreError> {
        let allowed = usize::try_from(each.max_errors).unwrap_or(usize::MAX);
        let at_once = usize::try_from(each.max_concurrency.max(1)).unwrap_or(1);
        let mut waiting = items.iter();
        let mut active = FuturesUnordered::new();
        let mut failed: Vec<(&PlanStep, Ended)> = Vec::new();
        loop {
            while active.len() < at_once
                && failed.len() <= allowed
                && self.stop_signal.due().is_none()
            {
                let Some((index, step)) = waiting.as_slice().first() else {
                    break;
                };
                // Held back, the group goes on one by one: active items end first.
                if self.orders.borrow().holds(*index) {
                    if !active.is_empty() {
                        break;
                    }
                    self.hold(*index, step).await?;
                    if self.stop_signal.due().is_some() {
                        break;
                    }
                }
                waiting.next();
                active.push(self.item(*index, phase, step));
            }
            let Some(ended) = active.next().await else {
                break;
            };
            let (index, step, ended) = ended?;
            if ended.halted {
                progress.evaluate(step, &ended, &self.stop_signal);
            } else if ended.status == StepStatus::Succeeded {
                progress.done.insert(index);
            } else if ended.status != StepStatus::Skipped {
                failed.push((step, ended));
            }
        }
        self.group_end(phase, items, allowed, &failed, progress)
            .await?;
        for (index, _) in waiting {
            if progress.stopped.is_some() {
                self.skip_step(*index, progress).await?;
                continue;
            }
            let message = format!("skipped: {} of {} failed", failed.len(), items.len());
            self.rec
                .step(*index, StepStatus::Skipped, 0, Some(&message), &[])
                .await?;
        }
        Ok(if failed.len() > allowed {
            failed.len()
        } else {
            0
        })
    }

    async fn item<'s>(
        &self,
        index: u32,
        phase: Phase,
        step: &'s PlanStep,
    ) -> Result<(u32, &'s PlanStep, Ended), StoreError> {
        let place = StepRef {
            index: Some(index),
            phase: Some(phase),
        };
        let ended = self
            .step(place, step, step.timeout_ms, &self.stop_signal)
            .await?;
        Ok((index, step, ended))
    }

    async fn group_end(
        &self,
        phase: Phase,
        items: &[(u32, &PlanStep)],
        allowed: usize,
        failed: &[(&PlanStep, Ended)],
        progress: &mut Progress,
    ) -> Result<(), StoreError> {
        progress.check_halt(&self.stop_signal);
        let Some((step, ended)) = failed.first() else {
            return Ok(());
        };
        let counts = format!(
            "{} of {} failed, {allowed} allowed",
            failed.len(),
            items.len()
        );
        let within = failed.len() <= allowed;
        let level = if within { Level::Warn } else { Level::Error };
        self.rec
            .append(&[self
                .rec
                .note(Some(phase), level, format!("for each: {counts}"))])
            .await?;
        if !within {
            let ended = Ended {
                message: format!("{} ({counts})", ended.message),
                ..ended.clone()
            };
            progress.evaluate(step, &ended, &self.stop_signal);
            progress.apply_failure(phase, step, &self.run.plan);
        }
        Ok(())
    }
}
