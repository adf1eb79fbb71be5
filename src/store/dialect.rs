//! What differs between the two databases. Everything else is one SQL text.

use super::db::{Either, Tx};

/// Takes the write lock at the start: a transaction that read first and then wants to write would be refused, not queued.
pub(super) const SQLITE_BEGIN: &str = "begin immediate";
/// Read committed: the update that numbers a run's entries locks its row, so writers of one run take turns.
pub(super) const POSTGRES_BEGIN: &str = "begin";

/// The row limit of one multi-row insert, below SQLite's 32,766 values per statement with up to 16 columns.
pub(super) const ROWS_PER_INSERT: usize = 2_000;

/// Nobody has a target of the queued run `r`, and nobody who waits for one is before it in line. Somebody who wants just
/// that run ($n is its number) does not stand in line: the run before it may be nobody's.
macro_rules! free {
    ($only:literal) => {
        concat!(
            " and not exists (select 1 from run_target t join run_lock l on l.workspace_id = t.workspace_id ",
            "and l.service = t.service and l.env = t.env where t.run_id = r.id) and (",
            $only,
            " <> 0 or not exists (select 1 from run_target t join run_target e on e.workspace_id = t.workspace_id ",
            "and e.service = t.service and e.env = t.env and e.run_id < t.run_id join run q on q.id = e.run_id ",
            "where t.run_id = r.id and q.status = 'queued'))",
        )
    };
}

macro_rules! claim {
    ($locking:literal) => {
        concat!(
            "update run set status = 'claimed', token = token + 1, holder = $1, lease_until = $2 where status = 'queued' ",
            "and id = (select r.id from run r where r.status = 'queued' and ($3 = 0 or r.id = $3)",
            free!("$3"),
            " order by r.id limit 1",
            $locking,
            ") returning *",
        )
    };
}

/// Takes the oldest queued run ($3 = 0) or that one. On PostgreSQL the plain form comes back empty whenever two engines pick the
/// same row, so claimers skip rows that another one is taking.
pub(super) const fn claim(tx: &Tx) -> &'static str {
    match tx.link {
        Either::Sqlite(_) => claim!(""),
        Either::Postgres(_) => claim!(" for update of r skip locked"),
    }
}
