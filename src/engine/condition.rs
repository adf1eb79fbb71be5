//! The condition of a run: "only if staging is healthy". A condition that cannot be checked does
//! not hold.

use super::drive::{Drive, Progress};
use super::step_ref::StepRef;
use crate::core::run::event::Level;
use crate::core::run::plan::{PlanStep, RunCondition};
use crate::core::run::step::CallKind;
use crate::core::run::{Phase, StepStatus};
use crate::store::StoreError;

impl Drive {
    /// Runs the condition's steps and decides. When it does not hold, `progress` is stopped and
    /// nothing else runs.
    pub(super) async fn condition(
        &self,
        condition: &RunCondition,
        progress: &mut Progress,
    ) -> Result<(), StoreError> {
        let mut against = None;
        for step in &condition.steps {
            if let Err(why) = self.can_ask(step) {
                return self
                    .condition_failed(
                        format!("{}: cannot be checked: {why}", describe(condition)),
                        progress,
                    )
                    .await;
            }
            let place = StepRef {
                index: None,
                phase: Some(Phase::Validate),
            };
            let ended = self
                .step(place, step, step.timeout_ms, &self.stop_signal)
                .await?;
            if ended.halted || self.stop_signal.due().is_some() {
                // The next check of the halt ends the run; the condition is left undecided.
                return Ok(());
            }
            if ended.status != StepStatus::Succeeded && against.is_none() {
                against = Some(format!("{}: {}", step.name, ended.message));
            }
        }
        let label = describe(condition);
        match (condition.steps.is_empty(), condition.negated, against) {
            (true, ..) => {
                self.condition_failed(
                    format!("{label}: nothing is configured that could check it"),
                    progress,
                )
                .await
            }
            (_, false, Some(why)) => {
                self.condition_failed(format!("{label}, but {why}"), progress)
                    .await
            }
            (_, true, None) => {
                self.condition_failed(format!("{label}, and it is"), progress)
                    .await
            }
            _ => {
                self.rec
                    .append(&[self.rec.note(
                        Some(Phase::Validate),
                        Level::Success,
                        format!("{label}: holds"),
                    )])
                    .await
            }
        }
    }

    fn can_ask(&self, step: &PlanStep) -> Result<(), String> {
        let call = step.spec.call(step.timeout_ms);
        match call.kind {
            CallKind::Manual(_) | CallKind::Approve(_) => {
                Err("a condition cannot ask a person".to_owned())
            }
            CallKind::Artifact(_) => Err("a condition cannot leave a document".to_owned()),
            _ => self.rec.world.adapters.check(&call),
        }
    }

    async fn condition_failed(
        &self,
        reason: String,
        progress: &mut Progress,
    ) -> Result<(), StoreError> {
        let event = self.rec.note(
            Some(Phase::Validate),
            Level::Warn,
            format!("condition not met: {reason}"),
        );
        progress.condition_failed = Some(reason);
        progress.stopped = Some("the condition is not met".to_owned());
        self.rec.append(&[event]).await
    }
}

fn describe(condition: &RunCondition) -> String {
    format!(
        "{} {}",
        if condition.negated {
            "unless"
        } else {
            "only if"
        },
        condition.text
    )
}
