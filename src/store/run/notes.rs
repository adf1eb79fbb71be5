//! What people add to a run by hand, also after it has ended: notes and links. Each is an entry of its
//! log, numbered like any other, with a row of the audit log.

use crate::core::base::time::Timestamp;
use crate::core::run::RunId;
use crate::core::run::act::audit_word;
use crate::core::run::artifact::{ArtifactDraft, ArtifactKind, RunLink};
use crate::core::run::event::Level;
use crate::core::run::note::RunNote;

use crate::store::access::{self, Decision};
use crate::store::db::{self, Tx, text};
use crate::store::rows::{self, NoteRow};
use crate::store::run::artifacts::{NewArtifact, insert};
use crate::store::run::decisions::{append_event, number};
use crate::store::run::journal::{self, Numbered};
use crate::store::{Store, StoreError};

const INSERT: &str =
    "insert into run_note (run_id, seq, actor, note, at) values ($1, $2, $3, $4, $5)";
const LIST: &str = "select seq, actor, note, at from run_note where run_id = $1 order by seq";

impl Store {
    /// Adds a note to a run, in any state.
    pub async fn note(
        &self,
        run: RunId,
        note: &str,
        actor: &str,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        let mut tx = self.db.begin().await?;
        let numbered = number(&mut tx, run).await?;
        let seq = numbered.last_seq;
        execute!(tx, INSERT, run.0, seq, text(actor), db::message(note), at.0)?;
        let what = (audit_word::NOTE, format!("note by {actor}: {note}"), note);
        record(&mut tx, run, &numbered, (actor, at), what).await?;
        tx.commit().await
    }

    /// Attaches an address to a run, in any state, as an artifact.
    pub async fn link(
        &self,
        run: RunId,
        link: &RunLink,
        actor: &str,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        let draft = ArtifactDraft {
            kind: ArtifactKind::Link,
            title: link.title.clone(),
            content: link.url.clone().into_bytes(),
        };
        let too_long = || StoreError::Database("a link cannot be packed".to_owned());
        let artifact = NewArtifact::pack(draft).ok_or_else(too_long)?;
        let mut tx = self.db.begin().await?;
        let numbered = number(&mut tx, run).await?;
        insert(&mut tx, (run, None), &artifact, at).await?;
        let message = format!("link by {actor}: {link}");
        let what = (audit_word::LINK, message, &*link.to_string());
        record(&mut tx, run, &numbered, (actor, at), what).await?;
        tx.commit().await
    }

    /// The notes of a run, oldest first.
    pub async fn notes(&self, run: RunId) -> Result<Vec<RunNote>, StoreError> {
        let mut db = self.db.read().await?;
        rows::all(fetch_all!(db, NoteRow, LIST, run.0)?)
    }
}

/// The entry in the log, and the row of the audit log: action, message, and what was added.
async fn record(
    tx: &mut Tx,
    run: RunId,
    numbered: &Numbered,
    (actor, at): (&str, Timestamp),
    (action, message, after): (&'static str, String, &str),
) -> Result<(), StoreError> {
    let event = journal::event(Level::Info, "operator", None, message, at);
    append_event(tx, run, numbered, event).await?;
    let decision = Decision {
        workspace: numbered.workspace_id,
        at,
        actor,
        action,
        object: format!("run {run}"),
        before: None,
        after: Some(after.to_owned()),
        reason: None,
    };
    access::insert(tx, decision).await
}
