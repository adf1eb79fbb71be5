//! Before a step runs: its condition, the placeholders that are filled at run time, and the time
//! its sub-runbook has left.

use tokio::time::Instant;

use super::drive::Drive;
use super::results;
use super::step_ref::{Closing, StepRef};
use crate::core::base::time::human_ms;
use crate::core::run::StepStatus;
use crate::core::run::event::Level;
use crate::core::run::plan::deferred;
use crate::core::run::plan::{Evaluation, PlanStep};
use crate::core::run::progress::StepEnd;
use crate::core::run::step::Reply;
use crate::store::StoreError;

/// Whether a step can begin.
pub(super) enum Ready {
    /// Yes; with its placeholders filled, when it has some.
    Go(Option<Box<PlanStep>>),
    /// It was skipped, or failed before it began.
    Over(StepEnd),
}

impl Drive {
    pub(super) async fn ready(&self, place: StepRef, step: &PlanStep) -> Result<Ready, StoreError> {
        let seen = self.results.seen_by(step);
        match step.should_run(&seen, self.rec.world.clock.now()) {
            Err(why) => {
                let why = self.results.explain(step, why);
                return self.over(place, step, StepStatus::Failed, why).await;
            }
            Ok((false, why)) => {
                return self
                    .over(place, step, StepStatus::Skipped, format!("skipped: {why}"))
                    .await;
            }
            Ok((true, why)) if !why.is_empty() => {
                let message = format!("{}: runs because {why}", step.name);
                self.rec
                    .append(&[self.step_event(place, step, Level::Debug, message)])
                    .await?;
            }
            Ok(_) => {}
        }
        if !step.rules.fills {
            return Ok(Ready::Go(None));
        }
        match deferred::fill(&step.spec, &|name, saved| {
            results::saved(&seen, name, saved)
        }) {
            Ok(spec) => Ok(Ready::Go(Some(Box::new(PlanStep {
                spec,
                ..step.clone()
            })))),
            Err(why) => {
                let mut why = self.results.explain(step, why);
                if step.is_quiet(&seen) {
                    "what a sensitive step left is missing, or does not fit its place here"
                        .clone_into(&mut why);
                }
                self.over(place, step, StepStatus::Failed, why).await
            }
        }
    }

    async fn over(
        &self,
        place: StepRef,
        step: &PlanStep,
        status: StepStatus,
        why: String,
    ) -> Result<Ready, StoreError> {
        let level = if status == StepStatus::Skipped {
            Level::Info
        } else {
            Level::Error
        };
        let why = self.shorten(place, step, why).await?;
        let event = self.step_event(place, step, level, format!("{}: {why}", step.name));
        let closing = Closing {
            status,
            attempt: 0,
            message: &why,
        };
        self.close(place, closing, event).await?;
        self.results.keep_status(step, status);
        Ok(Ready::Over(StepEnd::new(status, why)))
    }

    /// The timeout of an attempt: its own, or the rest of the sub-runbook's. `None`: no time is
    /// left.
    pub(super) fn within(&self, step: &PlanStep, timeout_ms: i64) -> Option<i64> {
        let left = step.rules.within.iter().map(|w| {
            let left = self
                .results
                .deadline(&w.name, w.timeout_ms)
                .saturating_duration_since(Instant::now());
            i64::try_from(left.as_millis()).unwrap_or(i64::MAX)
        });
        Some(left.fold(timeout_ms, i64::min)).filter(|ms| *ms > 0)
    }

    /// The sub-runbook's time was over before the step could be tried (again).
    pub(super) async fn too_late(
        &self,
        place: StepRef,
        step: &PlanStep,
        attempt: u32,
    ) -> Result<StepEnd, StoreError> {
        let limits = step
            .rules
            .within
            .iter()
            .min_by_key(|w| self.results.deadline(&w.name, w.timeout_ms));
        let limit = limits
            .map(|w| format!(" of {} for {}", human_ms(w.timeout_ms), w.name))
            .unwrap_or_default();
        let message = format!("not begun: the time{limit} is over");
        let event = self.step_event(
            place,
            step,
            Level::Error,
            format!("{}: {message}", step.name),
        );
        let closing = Closing {
            status: StepStatus::TimedOut,
            attempt,
            message: &message,
        };
        self.close(place, closing, event).await?;
        self.results.keep_status(step, StepStatus::TimedOut);
        Ok(StepEnd::new(StepStatus::TimedOut, message))
    }

    /// Evaluates an answer, with the results so far.
    pub(super) fn evaluate(&self, step: &PlanStep, reply: &Reply) -> Evaluation {
        step.evaluate(
            reply,
            &self.results.seen_by(step),
            self.rec.world.clock.now(),
        )
    }
}
