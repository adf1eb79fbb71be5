//! How much room the results of routines take.

use crate::core::base::time::Timestamp;
use crate::core::metric::DAY_MS;
use crate::core::metric::rollup::WindowLength;
use crate::store::{Store, StoreError};

const CHUNKS: &str = "select cast(coalesce(sum(c.ok + c.degraded + c.failing + c.unknown + c.skipped), 0) as bigint), \
     cast(coalesce(sum(length(c.bytes)), 0) as bigint) from probe_chunk c join probe_routine r on r.id = c.routine_id \
     where r.workspace_id = $1 and c.from_ms >= $2 and c.from_ms < $3";
const JOURNAL: &str = "select cast(coalesce(sum(n), 0) as bigint), cast(coalesce(sum(length(bytes)), 0) as bigint) \
     from probe_batch where workspace_id = $1";
const ROLLUPS: &str = "select cast(coalesce(sum(length(bytes)), 0) as bigint) from probe_rollup where workspace_id = $1";

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
}
