//! The items of a `for_each` with limits: several at once, and a stop after too many failures.

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;

use super::attempt::{Ended, Place};
use super::drive::{Course, Drive};
use crate::core::event::Level;
use crate::core::plan::{Each, PlanStep};
use crate::core::run::{Phase, StepStatus};
use crate::store::StoreError;

impl Drive {
    /// The items of a group, some of which an earlier engine may have done.
    pub(super) async fn items(
        &self,
        phase: Phase,
        items: &[(u32, &PlanStep)],
        each: Each,
        course: &mut Course,
    ) -> Result<usize, StoreError> {
        let (done, open): (Vec<_>, Vec<_>) = items.iter().copied().partition(|(i, _)| self.recorded(*i).is_some());
        self.recall_all(&done, course);
        if course.stopped.is_none() {
            return self.group(phase, &open, each, course).await;
        }
        for (index, _) in open {
            self.skip_step(index, course).await?;
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
        course: &mut Course,
    ) -> Result<usize, StoreError> {
        let allowed = usize::try_from(each.max_errors).unwrap_or(usize::MAX);
        let at_once = usize::try_from(each.max_concurrency.max(1)).unwrap_or(1);
        let mut waiting = items.iter();
        let mut active = FuturesUnordered::new();
        let mut failed: Vec<(&PlanStep, Ended)> = Vec::new();
        loop {
            while active.len() < at_once && failed.len() <= allowed && self.halt.due().is_none() {
                let Some((index, step)) = waiting.as_slice().first() else { break };
                // Held back, the group goes on one by one: active items end first.
                if self.orders.borrow().holds(*index) {
                    if !active.is_empty() {
                        break;
                    }
                    self.hold(*index, step).await?;
                    if self.halt.due().is_some() {
                        break;
                    }
                }
                waiting.next();
                active.push(self.item(*index, phase, step));
            }
            let Some(ended) = active.next().await else { break };
            let (index, step, ended) = ended?;
            if ended.halted {
                course.weigh(step, &ended, &self.halt);
            } else if ended.status == StepStatus::Succeeded {
                course.done.insert(index);
            } else if ended.status != StepStatus::Skipped {
                failed.push((step, ended));
            }
        }
        self.group_end(phase, items, allowed, &failed, course).await?;
        for (index, _) in waiting {
            if course.stopped.is_some() {
                self.skip_step(*index, course).await?;
                continue;
            }
            let message = format!("skipped: {} of {} failed", failed.len(), items.len());
            self.rec.step(*index, StepStatus::Skipped, 0, Some(&message), &[]).await?;
        }
        Ok(if failed.len() > allowed { failed.len() } else { 0 })
    }

    async fn item<'s>(
        &self,
        index: u32,
        phase: Phase,
        step: &'s PlanStep,
    ) -> Result<(u32, &'s PlanStep, Ended), StoreError> {
        let place = Place { index: Some(index), phase: Some(phase) };
        let ended = self.step(place, step, step.timeout_ms, &self.halt).await?;
        Ok((index, step, ended))
    }

    async fn group_end(
        &self,
        phase: Phase,
        items: &[(u32, &PlanStep)],
        allowed: usize,
        failed: &[(&PlanStep, Ended)],
        course: &mut Course,
    ) -> Result<(), StoreError> {
        course.check_halt(&self.halt);
        let Some((step, ended)) = failed.first() else { return Ok(()) };
        let counts = format!("{} of {} failed, {allowed} allowed", failed.len(), items.len());
        let within = failed.len() <= allowed;
        let level = if within { Level::Warn } else { Level::Error };
        self.rec.append(&[self.rec.note(Some(phase), level, format!("for each: {counts}"))]).await?;
        if !within {
            let ended = Ended { message: format!("{} ({counts})", ended.message), ..ended.clone() };
            course.weigh(step, &ended, &self.halt);
            course.apply_failure(phase, step, &self.run.plan);
        }
        Ok(())
    }
}
