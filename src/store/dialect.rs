//! What differs between the two databases. Everything else is one SQL text.

use super::db::{Either, Tx};

/// Takes the write lock at the start: a transaction that read first and then wants to write would be refused, not queued.
pub(super) const SQLITE_BEGIN: &str = "begin immediate";
/// Read committed: the update that numbers a run's entries locks its row, so writers of one run take turns.
pub(super) const POSTGRES_BEGIN: &str = "begin";

/// The row limit of one multi-row insert, below SQLite's 32,766 values per statement with up to 16 columns.
pub(super) const ROWS_PER_INSERT: usize = 2_000;

macro_rules! claim {
    ($locking:literal) => {
        concat!(
            "update run set status = 'claimed', token = token + 1, holder = $1, lease_until = $2 where status = 'queued' ",
            "and id = (select id from run where status = 'queued' and ($3 = 0 or id = $3) order by id limit 1",
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
        Either::Postgres(_) => claim!(" for update skip locked"),
    }
}
