//! Adds notes and links to a run, in any state.

use crate::bus::Notice;
use crate::control::{Control, Refusal};
use crate::core::run::RunId;
use crate::core::run::act::Acted;
use crate::core::run::artifact::RunLink;

impl Control {
    /// Adds a note to a run. Values of secrets are removed from it.
    pub(in crate::control) async fn note(
        &self,
        run: RunId,
        note: Option<&str>,
    ) -> Result<Acted, Refusal> {
        let Some(note) = self.clean_reason(note) else {
            return Err(Refusal::Invalid("the note is empty".to_owned()));
        };
        let scope = self.scope().await?;
        let (actor, now) = (&self.0.settings.actor, self.0.clock.now());
        scope.note(run, &note, actor, now).await?;
        self.added(run).await?;
        Ok(Acted::Noted(run))
    }

    /// Attaches an address to a run. One that holds the value of a secret is refused.
    pub(in crate::control) async fn link(
        &self,
        run: RunId,
        url: &str,
        title: Option<&str>,
    ) -> Result<Acted, Refusal> {
        let title = self.clean_reason(title);
        // Before it is read too: a refused address is shown.
        self.holds_none(url)?;
        let link = RunLink::new(url, title.as_deref()).map_err(Refusal::Invalid)?;
        self.holds_none(&link.url)?;
        let scope = self.scope().await?;
        let (actor, now) = (&self.0.settings.actor, self.0.clock.now());
        scope.link(run, &link, actor, now).await?;
        self.added(run).await?;
        Ok(Acted::Linked { run, link })
    }

    /// Refuses an address that holds the value of a secret.
    fn holds_none(&self, url: &str) -> Result<(), Refusal> {
        match self.clean(Some(url)) {
            Some(clean) if clean != url => Err(Refusal::Invalid(
                "the address holds the value of a secret, which would be kept with the run"
                    .to_owned(),
            )),
            _ => Ok(()),
        }
    }

    /// Notifies listeners of the new entry.
    pub(in crate::control) async fn added(&self, run: RunId) -> Result<(), Refusal> {
        let now = self.scope().await?.glimpse_of(run).await?;
        self.0.bus.publish(Notice::Steps(run));
        self.0.bus.publish(Notice::Entries(run, now.last_seq));
        Ok(())
    }
}
