//! The last slot of each routine: where an engine that takes routines over goes on.

use std::collections::HashMap;

use super::damaged;
use crate::core::metric::batch;
use crate::store::{Store, StoreError};

/// In the rows of chunks.
const CHUNKS: &str = "select id, newest_ms from probe_routine \
     where workspace_id = $1 and newest_ms is not null";
/// A part of the journal: all of it may be large.
const JOURNAL: &str =
    "select seq, bytes from probe_batch where workspace_id = $1 and seq > $2 order by seq limit 64";

impl Store {
    /// The newest slot with a result or a recorded skip, by the routine's number, milliseconds
    /// since the Unix epoch.
    pub async fn last_slots(&self, workspace: i64) -> Result<HashMap<i64, i64>, StoreError> {
        let mut last: HashMap<i64, i64> = HashMap::new();
        let mut newest = |routine, slot: i64| {
            let newest = last.entry(routine).or_insert(slot);
            *newest = slot.max(*newest);
        };
        // The journal first: what is compacted meanwhile is found in the chunks.
        let mut after = 0;
        loop {
            let mut db = self.db.read().await?;
            let journal = fetch_all!(db, (i64, Vec<u8>), JOURNAL, workspace, after)?;
            drop(db);
            let Some(seq) = journal.last().map(|(seq, _)| *seq) else {
                break;
            };
            after = seq;
            for (_, bytes) in journal {
                let samples = batch::unpack(&bytes).map_err(|e| damaged(&self.db, e))?;
                for probed in samples {
                    newest(probed.routine, probed.sample.slot);
                }
            }
        }
        let mut db = self.db.read().await?;
        for (routine, slot) in fetch_all!(db, (i64, i64), CHUNKS, workspace)? {
            newest(routine, slot);
        }
        Ok(last)
    }
}
