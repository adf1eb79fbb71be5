//! The last slot of each routine: where an engine that takes routines over goes on.

use std::collections::HashMap;

use super::damaged;
use crate::core::metric::batch;
use crate::store::{Store, StoreError};

const CHUNKS: &str = "select c.routine_id, max(c.until_ms) from probe_chunk c join probe_routine r on r.id = c.routine_id \
     where r.workspace_id = $1 group by c.routine_id";
const JOURNAL: &str = "select bytes from probe_batch where workspace_id = $1";

impl Store {
    /// The newest slot with a result or a recorded skip, by the routine's number, milliseconds
    /// since the Unix epoch.
    pub async fn last_slots(&self, workspace: i64) -> Result<HashMap<i64, i64>, StoreError> {
        // The journal first: what is compacted meanwhile is found in the chunks.
        let mut db = self.db.read().await?;
        let journal = fetch_all!(db, (Vec<u8>,), JOURNAL, workspace)?;
        let chunks = fetch_all!(db, (i64, i64), CHUNKS, workspace)?;
        drop(db);
        let mut last: HashMap<i64, i64> = chunks.into_iter().collect();
        for (bytes,) in journal {
            let samples = batch::unpack(&bytes).map_err(|e| damaged(&self.db, e))?;
            for probed in samples {
                let newest = last.entry(probed.routine).or_insert(probed.sample.slot);
                *newest = (*newest).max(probed.sample.slot);
            }
        }
        Ok(last)
    }
}
