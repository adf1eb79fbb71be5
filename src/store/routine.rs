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
mod names;
mod owner;
mod pause;
mod read;
mod request;
mod retain;
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
pub use size::ProbeSize;
pub use states::{Evidence, RoutineChange, RoutineState};
pub use summary::RoutineSummary;
pub use window::RoutineTurns;

use sqlx::QueryBuilder;

use super::StoreError;
use super::db::{Db, Tx, dialect};
use crate::core::metric::Damaged;
use crate::core::metric::chunk::Chunk;

const INSERT_CHUNKS: &str = "insert into probe_chunk (routine_id, level, from_ms, until_ms, ok, degraded, failing, \
     unknown, skipped, timed, min_us, max_us, sum_us, bytes) ";

/// Levels of chunks: of one compaction, and of a whole day.
const HOUR: &str = "hour";
const DAY: &str = "day";

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

/// A chunk of a routine.
struct OfRoutine {
    routine: i64,
    chunk: Chunk,
}

async fn insert_chunks(
    tx: &mut Tx,
    level: &'static str,
    chunks: &[OfRoutine],
) -> Result<(), StoreError> {
    for part in chunks.chunks(dialect::ROWS_PER_INSERT) {
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
