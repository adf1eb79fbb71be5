//! Outcome messages of bounded size. A longer text is kept whole, once, as an artifact of the step.

use super::drive::Drive;
use super::step_ref::StepRef;
use crate::core::base::message::{MAX_OUTCOME_BYTES, cut_to};
use crate::core::run::artifact::{ArtifactDraft, ArtifactKind};
use crate::core::run::plan::PlanStep;
use crate::store::StoreError;

impl Drive {
    /// The message as it is kept. Secrets are redacted before it is cut, so that no part of one is
    /// left at the edge.
    pub(super) async fn shorten(
        &self,
        place: StepRef,
        step: &PlanStep,
        message: String,
    ) -> Result<String, StoreError> {
        if message.len() <= MAX_OUTCOME_BYTES {
            return Ok(message);
        }
        let clean = self.rec.world.adapters.redactor().redact(&message);
        // The output of a sensitive step is not kept.
        if step.rules.sensitive {
            return Ok(cut_to(&clean, MAX_OUTCOME_BYTES, None));
        }
        let title = format!("{}: whole message", step.name);
        let whole = format!("the whole is the artifact \"{title}\"");
        let left = ArtifactDraft {
            kind: ArtifactKind::Log,
            title,
            content: clean.clone().into_bytes(),
        };
        let kept = self.rec.leave(place.index, left).await?.is_ok();
        Ok(cut_to(
            &clean,
            MAX_OUTCOME_BYTES,
            kept.then_some(whole.as_str()),
        ))
    }
}
