//! What differs between the two databases. Everything else is one SQL text.

/// Takes the write lock at the start: a transaction that read first and then wants to write would be refused, not queued.
pub(super) const SQLITE_BEGIN: &str = "begin immediate";
/// Read committed: the update that numbers a run's entries locks its row, so writers of one run take turns.
pub(super) const POSTGRES_BEGIN: &str = "begin";

/// The row limit of one multi-row insert, below SQLite's 32,766 values per statement with up to 16 columns.
pub(super) const ROWS_PER_INSERT: usize = 2_000;

/// Nobody has a target of the queued run `r`. The offset keeps PostgreSQL from turning the question about one run into a
/// join over all of them, which it then answers anew for every claim.
macro_rules! unlocked {
    () => {
        concat!(
            " and not exists (select 1 from run_target t join run_lock l on l.workspace_id = t.workspace_id ",
            "and l.service = t.service and l.env = t.env where t.run_id = r.id limit 1 offset 0)",
        )
    };
}

/// Nobody who waits for a target of the queued run `r` is before it in line.
macro_rules! first_in_line {
    () => {
        concat!(
            " and not exists (select 1 from run_target t join run_target e on e.workspace_id = t.workspace_id ",
            "and e.service = t.service and e.env = t.env and e.run_id < t.run_id join run q on q.id = e.run_id ",
            "where t.run_id = r.id and q.status = 'queued' limit 1 offset 0)",
        )
    };
}

/// Takes the oldest queued run whose targets are free.
macro_rules! claim_any {
    ($locking:literal) => {
        concat!(
            "update run set status = 'claimed', token = token + 1, holder = $1, lease_until = $2 where status = 'queued' ",
            "and id = (select r.id from run r where r.status = 'queued'",
            unlocked!(),
            first_in_line!(),
            " order by r.id limit 1",
            $locking,
            ") returning *",
        )
    };
}

/// Takes run $3 if its targets are free. Who wants just that one does not stand in line: the run before it may be nobody's.
macro_rules! claim_one {
    ($locking:literal) => {
        concat!(
            "update run set status = 'claimed', token = token + 1, holder = $1, lease_until = $2 where status = 'queued' ",
            "and id = (select r.id from run r where r.status = 'queued' and r.id = $3",
            unlocked!(),
            $locking,
            ") returning *",
        )
    };
}

/// A claim together with its locks. A lock somebody took in the same moment fails the statement, and nothing is claimed.
macro_rules! with_locks {
    ($claim:expr) => {
        concat!(
            "with claimed as (",
            $claim,
            "), locked as (insert into run_lock (workspace_id, service, env, run_id) ",
            "select t.workspace_id, t.service, t.env, t.run_id from run_target t join claimed c on c.id = t.run_id ",
            "order by t.service, t.env) select * from claimed",
        )
    };
}

/// SQLite: one writer at a time, a statement costs little.
pub(super) const SQLITE_CLAIM_ANY: &str = claim_any!("");
pub(super) const SQLITE_CLAIM_ONE: &str = claim_one!("");
/// PostgreSQL: one round trip, and claimers skip rows that another one is taking: the plain form comes back empty whenever
/// two of them pick the same row.
pub(super) const POSTGRES_CLAIM_ANY: &str = with_locks!(claim_any!(" for update of r skip locked"));
pub(super) const POSTGRES_CLAIM_ONE: &str = with_locks!(claim_one!(" for update of r skip locked"));
