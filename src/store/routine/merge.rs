//! Chunks of a day that is over become one. The rollups have counted their samples already.

use std::collections::BTreeMap;

use super::compact::Compacted;
use super::{DAY, HOUR, OfRoutine, apart, delete_rows, insert_chunks};
use crate::core::base::time::Timestamp;
use crate::core::metric::rollup::WindowLength;
use crate::core::metric::sample::Sample;
use crate::core::metric::{DAY_MS, HOUR_MS, bundle, chunk};
use crate::store::{Store, StoreError};

/// A row of the journal that holds samples of two hours is compacted with the later one, so a day is
/// complete two hours after its end.
const COMPLETE_AFTER_MS: i64 = 2 * HOUR_MS;
/// Days and bundles with chunks to be merged. Times and numbers are not negative.
const UNMERGED: &str = "select distinct from_ms / $2, routine_id / $3 from probe_chunk \
     where level = 'hour' and from_ms < $1 order by 1, 2";
/// All chunks of the routines of a bundle that have one to be merged, in a day.
const CHUNKS: &str = "select c.id, c.routine_id, c.level, c.bytes from probe_chunk c \
     where c.routine_id >= $1 and c.routine_id < $2 and c.from_ms >= $3 and c.from_ms < $4 \
     and exists (select 1 from probe_chunk h where h.routine_id = c.routine_id and h.level = 'hour' \
     and h.from_ms >= $3 and h.from_ms < $4) order by c.routine_id, c.from_ms";
const DELETE: &str = "delete from probe_chunk where id in (";

/// A stored chunk: number, routine, level, bytes.
type Row = (i64, i64, String, Vec<u8>);

#[derive(Default)]
struct Merged {
    ids: Vec<i64>,
    chunks: Vec<OfRoutine>,
    damaged: usize,
}

impl Store {
    /// Merges the chunks of all days that are over.
    pub(super) async fn merge_days(
        &self,
        now: Timestamp,
        done: &mut Compacted,
    ) -> Result<(), StoreError> {
        let over = WindowLength::Day.begin(now.0.saturating_sub(COMPLETE_AFTER_MS));
        let mut db = self.db.read().await?;
        let unmerged = fetch_all!(db, (i64, i64), UNMERGED, over, DAY_MS, bundle::ROUTINES)?;
        drop(db);
        for (day, bundle) in unmerged {
            self.merge_day(day * DAY_MS, bundle, done).await?;
        }
        Ok(())
    }

    async fn merge_day(
        &self,
        from_ms: i64,
        bundle: i64,
        done: &mut Compacted,
    ) -> Result<(), StoreError> {
        let first = bundle * bundle::ROUTINES;
        let (after, until) = (first + bundle::ROUTINES, from_ms + DAY_MS);
        let mut db = self.db.read().await?;
        let rows = fetch_all!(db, Row, CHUNKS, first, after, from_ms, until)?;
        drop(db);
        let merged = apart(move || merge(&rows)).await?;
        done.damaged += merged.damaged;
        let mut tx = self.db.begin().await?;
        if delete_rows(&mut tx, DELETE, &merged.ids).await? < merged.ids.len() {
            // Another process merged some of them.
            return tx.rollback().await;
        }
        insert_chunks(&mut tx, DAY, &merged.chunks).await?;
        tx.commit().await?;
        done.days += merged.chunks.len();
        Ok(())
    }
}

/// A chunk that cannot be read stays as it is; the others of its routine are merged.
fn merge(rows: &[Row]) -> Merged {
    let mut merged = Merged::default();
    let mut by_routine: BTreeMap<i64, Vec<Sample>> = BTreeMap::new();
    for (id, routine, level, bytes) in rows {
        match chunk::unpack(bytes) {
            Ok(samples) => {
                merged.ids.push(*id);
                by_routine.entry(*routine).or_default().extend(samples);
            }
            // One of a whole day was counted as damaged when it was read before.
            Err(_) => merged.damaged += usize::from(level == HOUR),
        }
    }
    for (routine, samples) in by_routine {
        let chunks = chunk::pack(samples).into_iter();
        merged
            .chunks
            .extend(chunks.map(|chunk| OfRoutine { routine, chunk }));
    }
    merged
}
