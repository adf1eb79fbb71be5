//! Chunks of a day that is over become one a routine, those of several routines one row. The rollups
//! have counted their samples already.

use std::collections::BTreeMap;

use super::compact::Compacted;
use super::{HOUR, OfRoutine, SHELF, apart, delete_rows, insert_chunks, months};
use crate::core::base::time::Timestamp;
use crate::core::metric::chunk::Chunk;
use crate::core::metric::rollup::{Totals, WindowLength};
use crate::core::metric::sample::Sample;
use crate::core::metric::{DAY_MS, Damaged, HOUR_MS, chunk, shelf};
use crate::store::{Store, StoreError};

/// A row of the journal that holds samples of two hours is compacted with the later one, so a day is
/// complete two hours after its end.
const COMPLETE_AFTER_MS: i64 = 2 * HOUR_MS;
/// Days and shelves with chunks to be merged. Times and numbers are not negative.
const UNMERGED: &str = "select distinct from_ms / $2, routine_id / $3 from probe_chunk \
     where level = 'hour' and from_ms < $1 order by 1, 2";
/// All chunks of the routines of a shelf in a day.
const CHUNKS: &str = "select c.id, r.workspace_id, c.routine_id, c.level, c.bytes from probe_chunk c \
     join probe_routine r on r.id = c.routine_id where c.routine_id >= $1 and c.routine_id < $2 \
     and c.from_ms >= $3 and c.from_ms < $4 order by c.routine_id, c.from_ms";
const DELETE: &str = "delete from probe_chunk where id in (";

/// A stored row: number, workspace, routine, level, bytes.
type Row = (i64, i64, i64, String, Vec<u8>);

#[derive(Default)]
struct Merged {
    ids: Vec<i64>,
    shelves: Vec<OfRoutine>,
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
        let unmerged = fetch_all!(db, (i64, i64), UNMERGED, over, DAY_MS, shelf::ROUTINES)?;
        drop(db);
        for (day, row) in unmerged {
            self.merge_day(day * DAY_MS, row, done).await?;
        }
        Ok(())
    }

    async fn merge_day(
        &self,
        from_ms: i64,
        row: i64,
        done: &mut Compacted,
    ) -> Result<(), StoreError> {
        let first = row * shelf::ROUTINES;
        let (after, until) = (first + shelf::ROUTINES, from_ms + DAY_MS);
        let mut db = self.db.read().await?;
        let rows = fetch_all!(db, Row, CHUNKS, first, after, from_ms, until)?;
        drop(db);
        let merged = apart(move || merge(&rows)).await?;
        done.damaged += merged.damaged;
        months::make(&self.db, months::DAYS_OF_SAMPLES, std::iter::once(from_ms)).await?;
        let mut tx = self.db.begin().await?;
        if delete_rows(&mut tx, DELETE, &merged.ids).await? < merged.ids.len() {
            // Another process merged some of them.
            return tx.rollback().await;
        }
        insert_chunks(&mut tx, SHELF, &merged.shelves).await?;
        tx.commit().await?;
        done.days += merged.shelves.len();
        Ok(())
    }
}

/// A row that cannot be read stays as it is; the others are merged.
fn merge(rows: &[Row]) -> Merged {
    let mut merged = Merged::default();
    let mut workspaces: BTreeMap<i64, BTreeMap<i64, Vec<Sample>>> = BTreeMap::new();
    for (id, workspace, routine, level, bytes) in rows {
        match unpack(*routine, level, bytes) {
            Ok(samples) => {
                merged.ids.push(*id);
                let of_workspace = workspaces.entry(*workspace).or_default();
                for (routine, samples) in samples {
                    of_workspace.entry(routine).or_default().extend(samples);
                }
            }
            // One of a whole day was counted as damaged when it was read before.
            Err(_) => merged.damaged += usize::from(level == HOUR),
        }
    }
    merged.shelves = workspaces.into_values().filter_map(shelve).collect();
    merged
}

/// The samples of a row, by routine.
fn unpack(routine: i64, level: &str, bytes: &[u8]) -> Result<Vec<(i64, Vec<Sample>)>, Damaged> {
    if level != SHELF {
        return Ok(vec![(routine, chunk::unpack(bytes)?)]);
    }
    let chunks = shelf::unpack(bytes)?.into_iter();
    chunks
        .map(|one| Ok((one.routine, chunk::unpack(one.bytes)?)))
        .collect()
}

/// The samples of routines of one workspace in one day as a row of its first routine.
fn shelve(days: BTreeMap<i64, Vec<Sample>>) -> Option<OfRoutine> {
    let routine = *days.keys().next()?;
    let chunks: Vec<(i64, Chunk)> = days
        .into_iter()
        .flat_map(|(routine, samples)| {
            let chunks = chunk::pack(samples).into_iter();
            chunks.map(move |chunk| (routine, chunk))
        })
        .collect();
    let mut totals = Totals::default();
    for (_, chunk) in &chunks {
        totals.merge(&chunk.totals);
    }
    let chunk = Chunk {
        from_ms: chunks.iter().map(|(_, chunk)| chunk.from_ms).min()?,
        until_ms: chunks.iter().map(|(_, chunk)| chunk.until_ms).max()?,
        totals,
        bytes: shelf::pack(&chunks),
    };
    Some(OfRoutine { routine, chunk })
}
