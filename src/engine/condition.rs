//! The steps of a run's condition: "only if staging is healthy".

use super::drive::Drive;
use super::step_ref::{StepRef, StepRun};
use crate::core::run::Phase;
use crate::core::run::plan::PlanStep;
use crate::core::run::progress::StepEnd;
use crate::core::run::step::CallKind;
use crate::store::StoreError;

impl Drive {
    /// Runs a step of the condition. The inner error: why it cannot be run.
    pub(super) async fn ask_condition(
        &self,
        step: &PlanStep,
    ) -> Result<Result<StepEnd, String>, StoreError> {
        if let Err(why) = self.can_ask(step) {
            return Ok(Err(why));
        }
        let run = StepRun {
            place: StepRef {
                index: None,
                phase: Some(Phase::Validate),
            },
            step,
            timeout_ms: step.timeout_ms,
            stop_signal: &self.stop_signal,
        };
        // The future of a step is large, and few runs have a condition.
        Box::pin(self.step(run)).await.map(Ok)
    }

    fn can_ask(&self, step: &PlanStep) -> Result<(), String> {
        let call = step.spec.call(step.timeout_ms);
        match call.kind {
            CallKind::Manual(_) | CallKind::Approve(_) => {
                Err("a condition cannot ask a person".to_owned())
            }
            CallKind::Artifact(_) => Err("a condition cannot leave a document".to_owned()),
            _ => {
                let checked = self.rec.world.adapters.check(&call);
                checked.map_err(|refusal| refusal.message)
            }
        }
    }
}
