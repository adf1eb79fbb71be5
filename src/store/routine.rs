//! Routines and the results of their probes. Results are columns, not rows: a flush of the engine is
//! one row of the journal, compaction turns journal rows into chunks of one routine and rollups of
//! many, and readers see all of these as one.
//!
//! Every sample is at any time in exactly one of journal and chunks, and in the rollups exactly when
//! it is in a chunk: what is moved is deleted where it was in the same transaction. So a process may
//! be killed at any point, and compaction simply goes on the next time.

mod bundles;
mod by_hand;
mod compact;
mod flush;
mod last;
mod merge;
mod months;
mod names;
mod owner;
mod pause;
mod read;
mod request;
mod retain;
mod runs;
mod size;
mod states;
mod summary;
mod totals;
mod window;

pub use compact::Compacted;
pub use flush::Flush;
pub use names::{KnownRoutine, NewRoutine};
pub use owner::{Membership, RoutineMember};
pub use pause::RoutinePause;
pub use read::RoutineWindow;
pub use request::RoutineRequested;
pub use retain::{Expired, Retention};
pub use runs::{RoutineBegan, RoutineRun, SlotOfRun};
pub use size::ProbeSize;
pub use states::{AnswerKind, Evidence, RoutineChange, RoutineState};
pub use summary::RoutineSummary;
pub use window::RoutineTurns;

use std::collections::BTreeMap;

use sqlx::QueryBuilder;

use super::StoreError;
use super::db::{Db, Tx, dialect};
use crate::core::metric::Damaged;
use crate::core::metric::chunk::Chunk;

const INSERT_CHUNKS: &str = "insert into probe_chunk (routine_id, level, from_ms, until_ms, ok, degraded, failing, \
     unknown, skipped, timed, min_us, max_us, sum_us, bytes) ";

/// Levels of chunks: of one compaction, and those of several routines of a whole day. Stores of
/// earlier versions have days of single routines, `day`.
const HOUR: &str = "hour";
const SHELF: &str = "shelf";

/// A statement is as large in memory as what it inserts.
const CHUNKS_PER_INSERT: usize = 250;

/// A count as both databases keep it.
fn count(n: u64) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

fn damaged(db: &Db, error: Damaged) -> StoreError {
    StoreError::Corrupt {
        url: db.url.to_string(),
        why: error.to_string(),
    }
}

/// Runs work that keeps a processor busy where it delays no other task.
async fn apart<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, StoreError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|e| StoreError::Database(e.to_string()))
}

/// A chunk of a routine, or the shelf whose first routine it is.
struct OfRoutine {
    routine: i64,
    chunk: Chunk,
}

async fn insert_chunks(
    tx: &mut Tx,
    level: &'static str,
    chunks: &[OfRoutine],
) -> Result<(), StoreError> {
    for part in chunks.chunks(CHUNKS_PER_INSERT) {
        on!(tx, conn: D => {
            let mut query = QueryBuilder::<D>::new(INSERT_CHUNKS);
            query.push_values(part, |mut row, one| {
                let totals = &one.chunk.totals;
                row.push_bind(one.routine)
                    .push_bind(level)
                    .push_bind(one.chunk.from_ms)
                    .push_bind(one.chunk.until_ms)
                    .push_bind(count(totals.ok))
                    .push_bind(count(totals.degraded))
                    .push_bind(count(totals.failing))
                    .push_bind(count(totals.unknown))
                    .push_bind(count(totals.skipped))
                    .push_bind(count(totals.timed))
                    .push_bind(i64::from(totals.min_us))
                    .push_bind(i64::from(totals.max_us))
                    .push_bind(count(totals.sum_us))
                    .push_bind(one.chunk.bytes.as_slice());
            });
            query.build().persistent(false).execute(&mut **conn).await.map(drop)
        })?;
    }
    Ok(())
}

/// Keeps the newest slot of routines in the rows of chunks.
async fn keep_newest(tx: &mut Tx, newest: &BTreeMap<i64, i64>) -> Result<(), StoreError> {
    let newest: Vec<(i64, i64)> = newest.iter().map(|(id, slot)| (*id, *slot)).collect();
    for part in newest.chunks(dialect::ROWS_PER_INSERT) {
        on!(tx, conn: D => {
            let mut query = QueryBuilder::<D>::new("update probe_routine set newest_ms = seen.column2 from (");
            query.push_values(part, |mut row, (id, slot)| {
                row.push_bind(*id).push_bind(*slot);
            });
            query.push(") as seen where id = seen.column1 and (newest_ms is null or newest_ms < seen.column2)");
            query.build().persistent(false).execute(&mut **conn).await.map(drop)
        })?;
    }
    Ok(())
}

/// Deletes rows by number; returns how many there were. `statement` ends with `in (`.
async fn delete_rows(
    tx: &mut Tx,
    statement: &'static str,
    ids: &[i64],
) -> Result<usize, StoreError> {
    let mut deleted = 0;
    for part in ids.chunks(dialect::ROWS_PER_INSERT) {
        deleted += on!(tx, conn: D => {
            let mut query = QueryBuilder::<D>::new(statement);
            let mut list = query.separated(", ");
            for id in part {
                list.push_bind(*id);
            }
            query.push(")");
            query.build().persistent(false).execute(&mut **conn).await.map(|done| done.rows_affected())
        })?;
    }
    Ok(usize::try_from(deleted).unwrap_or(usize::MAX))
}
