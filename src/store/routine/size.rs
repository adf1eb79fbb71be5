//! How many results of routines are kept, and how much room they take.

use std::collections::{BTreeSet, HashSet};

use super::damaged;
use crate::core::base::time::Timestamp;
use crate::core::metric::rollup::WindowLength;
use crate::core::metric::{DAY_MS, batch, shelf};
use crate::store::{Store, StoreError};

const CHUNKS: &str = "select cast(coalesce(sum(c.ok + c.degraded + c.failing + c.unknown + c.skipped), 0) as bigint), \
     cast(coalesce(sum(length(c.bytes)), 0) as bigint) from probe_chunk c join probe_routine r on r.id = c.routine_id \
     where r.workspace_id = $1 and c.from_ms >= $2 and c.from_ms < $3";
const JOURNAL: &str = "select cast(coalesce(sum(n), 0) as bigint), cast(coalesce(sum(length(bytes)), 0) as bigint) \
     from probe_batch where workspace_id = $1";
const ROLLUPS: &str = "select cast(coalesce(sum(length(bytes)), 0) as bigint) from probe_rollup where workspace_id = $1";

const OF_ROUTINE: &str = "select cast(coalesce(sum(ok + degraded + failing + unknown + skipped), 0) as bigint) \
     from probe_chunk where routine_id = $1 and level <> 'shelf'";
const SHELVES: &str =
    "select bytes from probe_chunk where level = 'shelf' and routine_id / 16 = $1";
const BATCHES: &str = "select bytes from probe_batch where workspace_id = $1";

/// The results that are kept, and the bytes of their columns, without the overhead of the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize)]
pub struct ProbeSize {
    pub results: i64,
    pub bytes: i64,
    /// Of the day before today (UTC).
    pub day_results: i64,
    pub day_bytes: i64,
    /// Counts and sketches of hours and days.
    pub rollup_bytes: i64,
}

impl Store {
    /// How much is kept of the routines of a workspace. It reads every chunk's size.
    pub async fn probe_size(
        &self,
        workspace: i64,
        now: Timestamp,
    ) -> Result<ProbeSize, StoreError> {
        type Sum = (i64, i64);
        let today = WindowLength::Day.begin(now.0);
        let mut db = self.db.read().await?;
        let journal = fetch_optional!(db, Sum, JOURNAL, workspace)?.unwrap_or_default();
        let all = fetch_optional!(db, Sum, CHUNKS, workspace, 0_i64, i64::MAX)?;
        let (from, to) = (today - DAY_MS, today);
        let day = fetch_optional!(db, Sum, CHUNKS, workspace, from, to)?.unwrap_or_default();
        let rollups = fetch_optional!(db, (i64,), ROLLUPS, workspace)?.unwrap_or_default();
        let all = all.unwrap_or_default();
        Ok(ProbeSize {
            results: journal.0 + all.0,
            bytes: journal.1 + all.1,
            day_results: day.0,
            day_bytes: day.1,
            rollup_bytes: rollups.0,
        })
    }

    /// How many results of these routines are kept. Reads the whole journal and all days of the
    /// routines: for the rare case of a deletion.
    pub async fn result_count(&self, workspace: i64, names: &[String]) -> Result<i64, StoreError> {
        let known = self.routines(workspace).await?.into_iter();
        let wanted = known.filter(|routine| names.contains(&routine.name));
        let numbers: HashSet<i64> = wanted.map(|routine| routine.id).collect();
        let mut count = 0_i64;
        // The journal first: what is compacted meanwhile is counted twice rather than missed.
        let mut db = self.db.read().await?;
        let batches = fetch_all!(db, (Vec<u8>,), BATCHES, workspace)?;
        for number in &numbers {
            let compacted = fetch_optional!(db, (i64,), OF_ROUTINE, *number)?;
            count += compacted.unwrap_or_default().0;
        }
        let shelves: BTreeSet<i64> = numbers.iter().map(|number| shelf::of(*number)).collect();
        for shelf in shelves {
            for (bytes,) in fetch_all!(db, (Vec<u8>,), SHELVES, shelf)? {
                let days = shelf::unpack(&bytes).map_err(|e| damaged(&self.db, e))?;
                let own = days.iter().filter(|day| numbers.contains(&day.routine));
                let n: u64 = own.map(|day| day.n).sum();
                count += i64::try_from(n).unwrap_or(i64::MAX);
            }
        }
        drop(db);
        for (bytes,) in batches {
            let samples = batch::unpack(&bytes).map_err(|e| damaged(&self.db, e))?;
            let own = samples.iter().filter(|p| numbers.contains(&p.routine));
            count += i64::try_from(own.count()).unwrap_or(i64::MAX);
        }
        Ok(count)
    }
}
