//! One write for everything that happened since the last one.

use super::count;
use super::states::{self, Evidence, RoutineChange, RoutineState};
use crate::core::base::time::Timestamp;
use crate::core::metric::MAX_BLOCK;
use crate::core::metric::batch;
use crate::core::metric::sample::Probed;
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
}

impl Store {
    /// Writes samples, states, changes and answers in one transaction: all or nothing. The cost
    /// hardly depends on the number of samples, so the caller collects them for up to a second.
    pub async fn flush_probes(&self, workspace: i64, flush: &Flush) -> Result<(), StoreError> {
        if let Some(wrong) = flush.samples.iter().find(|p| p.sample.slot < 0) {
            let why = format!(
                "a result of routine {} has a time before 1970; set the clock of this machine",
                wrong.routine
            );
            return Err(StoreError::Database(why));
        }
        let mut tx = self.db.begin().await?;
        for part in flush.samples.chunks(MAX_BLOCK) {
            let slots = || part.iter().map(|p| p.sample.slot);
            let (Some(from), Some(until), Some(bytes)) =
                (slots().min(), slots().max(), batch::pack(part))
            else {
                continue;
            };
            let n = count(part.len() as u64);
            execute!(tx, INSERT, workspace, flush.at.0, from, until, n, bytes)?;
        }
        states::keep(&mut tx, &flush.states).await?;
        states::record(&mut tx, &flush.changes).await?;
        states::keep_answers(&mut tx, &flush.evidence).await?;
        tx.commit().await
    }
}
