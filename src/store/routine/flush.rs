//! One write for everything that happened since the last one.

use super::count;
use super::owner::{self, Membership};
use super::runs;
use super::states::{self, Evidence, RoutineChange, RoutineState};
use crate::core::base::time::Timestamp;
use crate::core::health::observation::Observation;
use crate::core::metric::MAX_BLOCK;
use crate::core::metric::batch;
use crate::core::metric::sample::Probed;
use crate::core::run::RunId;
use crate::store::db::Tx;
use crate::store::{Store, StoreError};

const INSERT: &str = "insert into probe_batch (workspace_id, at, from_ms, until_ms, n, bytes) \
     values ($1, $2, $3, $4, $5, $6)";

/// What a flush writes. All routines belong to one workspace.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Flush {
    pub at: Timestamp,
    pub samples: Vec<Probed>,
    /// New states; the last of a routine counts.
    pub states: Vec<RoutineState>,
    pub changes: Vec<RoutineChange>,
    pub evidence: Vec<Evidence>,
    /// Observations of targets, by probes of services.
    pub observations: Vec<Observation>,
    /// Runs of routines whose results are among the samples.
    pub counted: Vec<(i64, RunId)>,
}

impl Store {
    /// Writes samples, states, changes and answers in one transaction: all or nothing. The cost
    /// hardly depends on the number of samples, so the caller collects them for up to a second.
    pub async fn flush_probes(&self, workspace: i64, flush: &Flush) -> Result<(), StoreError> {
        let mut tx = self.db.begin().await?;
        write(&mut tx, workspace, flush).await?;
        tx.commit().await
    }

    /// The same for a member of the engines that run routines, whose membership it renews. False:
    /// the member was removed, and nothing was written.
    pub async fn flush_as_member(
        &self,
        member: Membership<'_>,
        until: Timestamp,
        flush: &Flush,
    ) -> Result<bool, StoreError> {
        let mut tx = self.db.begin().await?;
        if !owner::stay(&mut tx, member, until).await? {
            return Ok(false);
        }
        write(&mut tx, member.workspace, flush).await?;
        tx.commit().await?;
        Ok(true)
    }
}

async fn write(tx: &mut Tx, workspace: i64, flush: &Flush) -> Result<(), StoreError> {
    append(tx, workspace, &flush.samples, flush.at).await?;
    states::keep(tx, &flush.states).await?;
    states::record(tx, &flush.changes).await?;
    states::keep_answers(tx, &flush.evidence).await?;
    runs::count(tx, &flush.counted).await?;
    crate::store::health::remember_latest(tx, workspace, &flush.observations).await
}

/// Appends samples to the journal.
pub(super) async fn append(
    tx: &mut Tx,
    workspace: i64,
    samples: &[Probed],
    at: Timestamp,
) -> Result<(), StoreError> {
    if let Some(wrong) = samples.iter().find(|p| p.sample.slot < 0) {
        let why = format!(
            "a result of routine {} has a time before 1970; set the clock of this machine",
            wrong.routine
        );
        return Err(StoreError::Database(why));
    }
    for part in samples.chunks(MAX_BLOCK) {
        let slots = || part.iter().map(|p| p.sample.slot);
        let (Some(from), Some(until), Some(bytes)) =
            (slots().min(), slots().max(), batch::pack(part))
        else {
            continue;
        };
        let n = count(part.len() as u64);
        execute!(tx, INSERT, workspace, at.0, from, until, n, bytes)?;
    }
    Ok(())
}
