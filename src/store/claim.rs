//! Taking a queued run together with its targets: all of them or not at all. One statement a claim; a trigger
//! (`0005_reliability`) takes the locks with it, and a lock somebody else has fails the statement as a whole.

use sqlx::Database;

use crate::core::run::{Run, RunId};
use crate::core::time::Timestamp;

use super::db::{Either, text};
use super::rows::RunRow;
use super::{Claim, Store, StoreError, dialect, error, locks};

const QUEUED: &str = "select id from run where status = 'queued' and ($1 = 0 or id = $1) limit 1";
/// Nobody drove it: this claim does not count against the run's patience with engines that die.
const PUT_BACK: &str = "update run set status = 'queued', holder = null, lease_until = null, taken_over = taken_over + 1 \
     where id = $1 and token = $2 and status = 'claimed'";

impl Store {
    /// Whether anything (or just `only`) is queued, free to start or not. Takes no lock: an idle engine asks often.
    pub async fn has_queued(&self, only: Option<RunId>) -> Result<bool, StoreError> {
        let mut db = self.db.read().await?;
        Ok(fetch_optional!(db, (i64,), QUEUED, only.map_or(0, |run| run.0))?.is_some())
    }

    /// Claims the oldest queued run of any workspace (or just `only`), or says there is none that can start.
    pub async fn claim(
        &self,
        only: Option<RunId>,
        holder: &str,
        lease_until: Timestamp,
    ) -> Result<Option<(Claim, Run)>, StoreError> {
        match only {
            Some(run) => self.claim_with(dialect::claim_one(&self.db.pools), run, holder, lease_until).await,
            None => self.claim_after(RunId(0), holder, lease_until).await,
        }
    }

    /// Claims the oldest queued run behind `passed`, for whoever cannot read those up to it. A run that cannot be read is
    /// [`StoreError::Unreadable`] and stays in the queue for a version that can.
    pub async fn claim_after(
        &self,
        passed: RunId,
        holder: &str,
        lease_until: Timestamp,
    ) -> Result<Option<(Claim, Run)>, StoreError> {
        self.claim_with(dialect::claim_any(&self.db.pools), passed, holder, lease_until).await
    }

    async fn claim_with(
        &self,
        statement: &'static str,
        run: RunId,
        holder: &str,
        lease_until: Timestamp,
    ) -> Result<Option<(Claim, Run)>, StoreError> {
        let row = loop {
            let answer = match &self.db.pools {
                Either::Sqlite(pools) => take(&pools.write, statement, run, holder, lease_until).await,
                Either::Postgres(pool) => take(pool, statement, run, holder, lease_until).await,
            };
            match answer {
                // Somebody took a target of this run's in the same moment: it stays queued, the next one may be free.
                Err(sqlx::Error::Database(e)) if e.is_unique_violation() => {}
                answer => break answer.map_err(|e| error::translate(&e, &self.db.url))?,
            }
        };
        let Some(row) = row else { return Ok(None) };
        let claim = Claim { run: RunId(row.id), token: row.token, workspace: row.workspace_id };
        match Run::try_from(row) {
            Ok(run) => Ok(Some((claim, run))),
            Err(unreadable) => {
                self.put_back(claim).await?;
                Err(StoreError::Unreadable { run: claim.run, why: unreadable.to_string() })
            }
        }
    }

    async fn put_back(&self, claim: Claim) -> Result<(), StoreError> {
        let mut tx = self.db.begin().await?;
        if execute!(tx, PUT_BACK, claim.run.0, claim.token)? > 0 {
            locks::release(&mut tx, claim.run).await?;
        }
        tx.commit().await
    }
}

/// Runs the statement to its end, which is its commit.
async fn take<D: Database>(
    pool: &sqlx::Pool<D>,
    statement: &'static str,
    run: RunId,
    holder: &str,
    lease_until: Timestamp,
) -> Result<Option<RunRow>, sqlx::Error>
where
    RunRow: for<'r> sqlx::FromRow<'r, D::Row> + Unpin,
    D::Arguments: sqlx::IntoArguments<D>,
    for<'c> &'c mut D::Connection: sqlx::Executor<'c, Database = D>,
    for<'q> std::borrow::Cow<'q, str>: sqlx::Encode<'q, D> + sqlx::Type<D>,
    i64: for<'q> sqlx::Encode<'q, D> + sqlx::Type<D>,
{
    let query = sqlx::query_as::<D, RunRow>(statement).bind(text(holder)).bind(lease_until.0).bind(run.0);
    Ok(query.fetch_all(pool).await?.pop())
}
