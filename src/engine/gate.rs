//! The condition of a run: "only if staging is healthy". What cannot be checked does not hold.

use super::attempt::Place;
use super::drive::{Course, Drive};
use crate::core::event::Level;
use crate::core::plan::{Gate, PlanStep};
use crate::core::run::{Phase, StepStatus};
use crate::core::step::Call;
use crate::store::StoreError;

impl Drive {
    /// Runs the condition's steps and decides. When it does not hold, `course` says so and nothing else runs.
    pub(super) async fn gate(&self, gate: &Gate, course: &mut Course) -> Result<(), StoreError> {
        let mut against = None;
        for step in &gate.steps {
            if let Err(why) = self.can_ask(step) {
                return self.unmet(format!("{}: cannot be checked: {why}", told(gate)), course).await;
            }
            let place = Place { index: None, phase: Some(Phase::Validate) };
            let ended = self.step(place, step, step.timeout_ms, &self.halt).await?;
            if ended.halted || self.halt.due().is_some() {
                // The next look at the halt ends the run; the condition is left undecided.
                return Ok(());
            }
            if ended.status != StepStatus::Succeeded && against.is_none() {
                against = Some(format!("{}: {}", step.name, ended.message));
            }
        }
        let told = told(gate);
        match (gate.steps.is_empty(), gate.negated, against) {
            (true, ..) => self.unmet(format!("{told}: nothing is configured that could check it"), course).await,
            (_, false, Some(why)) => self.unmet(format!("{told}, but {why}"), course).await,
            (_, true, None) => self.unmet(format!("{told}, and it is"), course).await,
            _ => {
                self.rec.append(&[self.rec.note(Some(Phase::Validate), Level::Success, format!("{told}: holds"))]).await
            }
        }
    }

    fn can_ask(&self, step: &PlanStep) -> Result<(), String> {
        match step.spec.call(step.timeout_ms) {
            Call::Manual { .. } | Call::Approve { .. } => Err("a condition cannot ask a person".to_owned()),
            Call::Leave(_) => Err("a condition cannot leave a document".to_owned()),
            call => self.rec.world.adapters.check(&call),
        }
    }

    async fn unmet(&self, reason: String, course: &mut Course) -> Result<(), StoreError> {
        let event = self.rec.note(Some(Phase::Validate), Level::Warn, format!("condition not met: {reason}"));
        course.unmet = Some(reason);
        course.stopped = Some("the condition is not met".to_owned());
        self.rec.append(&[event]).await
    }
}

fn told(gate: &Gate) -> String {
    format!("{} {}", if gate.negated { "unless" } else { "only if" }, gate.text)
}
