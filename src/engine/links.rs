//! Links that a step attaches to its run. One that cannot be kept is a warning in the log: the
//! effect of the step is there already.

use super::drive::Drive;
use super::step_ref::StepRef;
use crate::core::run::artifact::{ArtifactDraft, ArtifactKind, RunLink};
use crate::core::run::event::Level;
use crate::core::run::plan::{PlanStep, StepLink};
use crate::store::StoreError;

impl Drive {
    /// Keeps the links of a step that succeeded, each with an entry in the log.
    pub(super) async fn keep_links(
        &self,
        place: StepRef,
        step: &PlanStep,
        links: &[StepLink],
    ) -> Result<(), StoreError> {
        for StepLink { title, link } in links {
            let kept = match link {
                Ok(link) => self.keep_link(place, link).await?,
                Err(why) => Err(why.clone()),
            };
            let (level, message) = match kept {
                Ok(shown) => (Level::Info, format!("link: {shown}")),
                Err(why) => (
                    Level::Warn,
                    format!("the link \"{title}\" is not kept: {why}"),
                ),
            };
            let event = self.step_event(place, step, level, message);
            self.rec.append(&[event]).await?;
        }
        Ok(())
    }

    /// The link as it is shown, or why it is not kept. An address with the value of a secret is
    /// refused as that of a person is: with the value replaced it would lead nowhere.
    async fn keep_link(
        &self,
        place: StepRef,
        link: &RunLink,
    ) -> Result<Result<String, String>, StoreError> {
        if self.rec.world.adapters.redactor().finds(&link.url) {
            return Ok(Err("its address holds the value of a secret".to_owned()));
        }
        let draft = ArtifactDraft {
            kind: ArtifactKind::Link,
            title: link.title.clone(),
            content: link.url.clone().into_bytes(),
        };
        let kept = self.rec.leave(place.index, draft).await?;
        Ok(kept.map(|_| link.to_string()).map_err(|no| no.why))
    }
}
