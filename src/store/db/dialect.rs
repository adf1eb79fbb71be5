//! SQL that differs between the two databases. All other statements are shared.

use sqlx::PgPool;

use crate::store::db::{Either, SqlitePools};

/// Takes the write lock at the start: a transaction that reads first and then writes would be
/// refused, not queued.
pub(in crate::store) const SQLITE_BEGIN: &str = "begin immediate";
/// Read committed: the update that numbers a run's entries locks its row, so writers of one run are
/// serialized.
pub(in crate::store) const POSTGRES_BEGIN: &str = "begin";

/// The row limit of one multi-row insert, below SQLite's 32,766 values per statement with up to 16
/// columns.
pub(in crate::store) const ROWS_PER_INSERT: usize = 2_000;

/// No target of the queued run `r` is locked. The offset keeps PostgreSQL from turning the subquery
/// for one run into a join over all of them, repeated for every claim.
macro_rules! unlocked {
    () => {
        concat!(
            " and not exists (select 1 from run_target t join run_lock l on l.workspace_id = t.workspace_id ",
            "and l.service = t.service and l.env = t.env where t.run_id = r.id limit 1 offset 0)",
        )
    };
}

/// No lock of a person stops the run `$run` at `$now`: on one of its targets, or of its runbook.
macro_rules! not_stopped {
    ($run:literal, $now:literal) => {
        concat!(
            " and not exists (select 1 from lockout k where k.workspace_id = ",
            $run,
            ".workspace_id and k.until > ",
            $now,
            " and ((k.runbook = ",
            $run,
            ".runbook and ",
            $run,
            ".mutates) or (k.runbook = '' and exists (select 1 from run_target u where u.run_id = ",
            $run,
            ".id and u.service = k.service and u.env = k.env))))",
        )
    };
}

pub(in crate::store) use not_stopped;

/// The claimer ($1) takes the queued run `$run` by itself: it queued it, no process did, it was
/// queued since $6, or by a process that is alive at $7.
macro_rules! claimable {
    ($run:literal) => {
        concat!(
            " and (",
            $run,
            ".queued_by in ('', $1) or ",
            $run,
            ".queued_at >= $6 or exists (select 1 from engine p ",
            "where p.holder = ",
            $run,
            ".queued_by and p.alive_until >= $7))",
        )
    };
}

/// No run that waits for a target of the queued run `r` is before it in the queue. A run that waits
/// for a person to start it, or for the end of a lock, blocks no other.
macro_rules! first_in_line {
    () => {
        concat!(
            " and not exists (select 1 from run_target t join run_target e on e.workspace_id = t.workspace_id ",
            "and e.service = t.service and e.env = t.env and (e.rank, e.run_id) < (t.rank, t.run_id) ",
            "join run q on q.id = e.run_id ",
            "where t.run_id = r.id and q.status = 'queued'",
            claimable!("q"),
            not_stopped!("q", "$7"),
            " limit 1 offset 0)",
        )
    };
}

/// Claims the first queued run of lane $5 after the position ($3, $4) that the claimer takes by
/// itself and whose targets are free.
macro_rules! claim_next {
    ($locking:literal) => {
        concat!(
            "update run set status = 'claimed', token = token + 1, holder = $1, lease_until = $2 where status = 'queued' ",
            "and id = (select r.id from run r where r.status = 'queued' and r.lane = $5 and (r.rank, r.id) > ($3, $4)",
            claimable!("r"),
            not_stopped!("r", "$7"),
            unlocked!(),
            first_in_line!(),
            " order by r.rank, r.id limit 1",
            $locking,
            ") returning *",
        )
    };
}

/// Claims run $3 if its targets are free and no person locked them ($4: now). Runs before it in the queue are ignored: they may be
/// ones that no engine takes.
macro_rules! claim_one {
    ($locking:literal) => {
        concat!(
            "update run set status = 'claimed', token = token + 1, holder = $1, lease_until = $2 where status = 'queued' ",
            "and id = (select r.id from run r where r.status = 'queued' and r.id = $3",
            not_stopped!("r", "$4"),
            unlocked!(),
            $locking,
            ") returning *",
        )
    };
}

/// The statement that claims the next run. On PostgreSQL the plain form returns nothing whenever
/// two engines pick the same row, so claimers skip locked rows; SQLite has one writer at a time.
pub(in crate::store) const fn claim_next(pools: &Either<SqlitePools, PgPool>) -> &'static str {
    match pools {
        Either::Sqlite(_) => claim_next!(""),
        Either::Postgres(_) => claim_next!(" for update of r skip locked"),
    }
}

/// A claim that ignores the locks of people. Leaked, as statements are constants: a process with a
/// planted fault lives for seconds.
#[cfg(feature = "faults")]
pub(in crate::store) fn without_lockouts(claim: &str) -> &'static str {
    let never = "from lockout k where 1 = 0 and ";
    claim.replace("from lockout k where ", never).leak()
}

/// The statement that claims a given run, likewise.
pub(in crate::store) const fn claim_one(pools: &Either<SqlitePools, PgPool>) -> &'static str {
    match pools {
        Either::Sqlite(_) => claim_one!(""),
        Either::Postgres(_) => claim_one!(" for update of r skip locked"),
    }
}

/// The statement after which listeners look at the store once the transaction is committed: what a
/// trigger does for runs. SQLite counts every commit by itself.
pub(in crate::store) const fn wake_listeners(
    pools: &Either<SqlitePools, PgPool>,
) -> Option<&'static str> {
    match pools {
        Either::Sqlite(_) => None,
        Either::Postgres(_) => Some("select pg_notify('opsroom_run_' || current_schema(), '')"),
    }
}
