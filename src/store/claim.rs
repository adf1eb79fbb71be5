//! Taking a queued run together with its targets: all of them or not at all.

use sqlx::{PgPool, Postgres};

use crate::core::run::{Run, RunId};
use crate::core::time::Timestamp;

use super::db::{Either, text};
use super::rows::RunRow;
use super::{Claim, Store, StoreError, dialect, error, locks};

const QUEUED: &str = "select id from run where status = 'queued' and ($1 = 0 or id = $1) limit 1";
const PUT_BACK: &str = "update run set status = 'queued', holder = null, lease_until = null \
     where id = $1 and token = $2 and status = 'claimed'";

impl Store {
    /// Claims the oldest queued run of any workspace (or just `only`), or says there is none.
    pub async fn claim(
        &self,
        only: Option<RunId>,
        holder: &str,
        lease_until: Timestamp,
        _at: Timestamp,
    ) -> Result<Option<(Claim, Run)>, StoreError> {
        let row = match &self.db.pools {
            Either::Sqlite(_) => return self.claim_in_turn(only, holder, lease_until).await,
            Either::Postgres(pool) => self.claim_at_once(pool, only, holder, lease_until).await?,
        };
        let Some(row) = row else { return Ok(None) };
        let claim = claim_of(&row);
        match Run::try_from(row) {
            Ok(run) => Ok(Some((claim, run))),
            // A run this version cannot read stays in the queue for one that can.
            Err(unreadable) => self.put_back(claim).await.and(Err(unreadable)),
        }
    }

    /// In a transaction: writers take turns.
    async fn claim_in_turn(
        &self,
        only: Option<RunId>,
        holder: &str,
        lease_until: Timestamp,
    ) -> Result<Option<(Claim, Run)>, StoreError> {
        // An idle engine asks often: without work it takes no lock.
        let mut db = self.db.read().await?;
        if fetch_optional!(db, (i64,), QUEUED, only.map_or(0, |run| run.0))?.is_none() {
            return Ok(None);
        }
        drop(db);
        let mut tx = self.db.begin().await?;
        let row = match only {
            None => fetch_optional!(tx, RunRow, dialect::SQLITE_CLAIM_ANY, text(holder), lease_until.0)?,
            Some(run) => fetch_optional!(tx, RunRow, dialect::SQLITE_CLAIM_ONE, text(holder), lease_until.0, run.0)?,
        };
        let Some(row) = row else { return Ok(None) };
        let claim = claim_of(&row);
        // Before the commit: a run this version cannot read stays in the queue for one that can.
        let run = Run::try_from(row)?;
        locks::take(&mut tx, claim.run).await?;
        tx.commit().await?;
        Ok(Some((claim, run)))
    }

    /// In one statement. Somebody who takes a target in the same moment wins: the run stays queued, the next may be free.
    async fn claim_at_once(
        &self,
        pool: &PgPool,
        only: Option<RunId>,
        holder: &str,
        lease_until: Timestamp,
    ) -> Result<Option<RunRow>, StoreError> {
        loop {
            let statement = if only.is_some() { dialect::POSTGRES_CLAIM_ONE } else { dialect::POSTGRES_CLAIM_ANY };
            let mut query = sqlx::query_as::<Postgres, RunRow>(statement).bind(text(holder)).bind(lease_until.0);
            if let Some(run) = only {
                query = query.bind(run.0);
            }
            match query.fetch_optional(pool).await {
                Err(sqlx::Error::Database(e)) if e.is_unique_violation() => {}
                answer => return answer.map_err(|e| error::translate(&e, &self.db.url)),
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

const fn claim_of(row: &RunRow) -> Claim {
    Claim { run: RunId(row.id), token: row.token, workspace: row.workspace_id }
}
