//! Claims a queued run together with its targets: all of them or none. One statement per claim; a
//! trigger (`0005_reliability`) takes the locks, and a lock held by another run fails the
//! statement.

use sqlx::Database;

use crate::core::base::time::Timestamp;
use crate::core::run::queue::Lane;
use crate::core::run::{Run, RunId};

use crate::store::db::{Either, text};
use crate::store::db::{dialect, error};
use crate::store::rows::RunRow;
use crate::store::run::locks;
use crate::store::{Claim, Store, StoreError};

const QUEUED: &str = "select id from run where status = 'queued' and ($1 = 0 or id = $1) limit 1";
/// The run was not driven: this claim does not count as a lost engine.
const PUT_BACK: &str = "update run set status = 'queued', holder = null, lease_until = null, taken_over = taken_over + 1 \
     where id = $1 and token = $2 and status = 'claimed'";

/// A position in the queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct QueuePosition {
    pub rank: i64,
    pub run: RunId,
}

impl QueuePosition {
    /// Before all others.
    pub const HEAD: Self = Self {
        rank: i64::MIN,
        run: RunId(0),
    };
}

/// The claiming engine, and which runs it takes by itself.
#[derive(Debug, Clone, Copy)]
pub struct Claimer<'a> {
    pub holder: &'a str,
    /// It takes runs queued since then by any process; a console takes none: [`Timestamp`]
    /// `i64::MAX`.
    pub adopts_from: Timestamp,
    /// Processes whose heartbeat is still valid at this time are alive: their runs may be taken.
    /// Locks of people that end later keep their runs in the queue.
    pub now: Timestamp,
}

impl<'a> From<&'a str> for Claimer<'a> {
    /// Takes any run that no lock stops, ended or not.
    fn from(holder: &'a str) -> Self {
        Self {
            holder,
            adopts_from: Timestamp(i64::MIN),
            now: Timestamp(0),
        }
    }
}

impl<'a> From<&'a String> for Claimer<'a> {
    fn from(holder: &'a String) -> Self {
        holder.as_str().into()
    }
}

/// The runs to choose from.
#[derive(Clone, Copy)]
enum What {
    One(RunId),
    /// The first of the lane after that position.
    Next(Lane, QueuePosition),
}

impl Store {
    /// Whether anything (or just `only`) is queued, free to start or not. Takes no lock: idle
    /// engines poll it.
    pub async fn has_queued(&self, only: Option<RunId>) -> Result<bool, StoreError> {
        let mut db = self.db.read().await?;
        Ok(fetch_optional!(db, (i64,), QUEUED, only.map_or(0, |run| run.0))?.is_some())
    }

    /// Claims the first run of the queue, of any workspace, people's before routine work (or just
    /// `only`). `None`: no run can start. A run given by its number is claimed no matter
    /// which process queued it.
    pub async fn claim(
        &self,
        only: Option<RunId>,
        by: impl Into<Claimer<'_>>,
        lease_until: Timestamp,
    ) -> Result<Option<(Claim, Run)>, StoreError> {
        let by = by.into();
        if let Some(run) = only {
            return self.claim_what(What::One(run), by, lease_until).await;
        }
        for lane in Lane::ALL {
            let claimed = self
                .claim_next(lane, QueuePosition::HEAD, by, lease_until)
                .await?;
            if claimed.is_some() {
                return Ok(claimed);
            }
        }
        Ok(None)
    }

    /// Claims the first queued run of a lane after `passed` that the claimer takes by itself.
    /// `passed`: the claimer cannot read the runs up to there. A run that cannot be read is
    /// [`StoreError::Unreadable`] and stays in the queue for a version that can.
    pub async fn claim_next(
        &self,
        lane: Lane,
        passed: QueuePosition,
        by: impl Into<Claimer<'_>>,
        lease_until: Timestamp,
    ) -> Result<Option<(Claim, Run)>, StoreError> {
        self.claim_what(What::Next(lane, passed), by.into(), lease_until)
            .await
    }

    async fn claim_what(
        &self,
        what: What,
        by: Claimer<'_>,
        lease_until: Timestamp,
    ) -> Result<Option<(Claim, Run)>, StoreError> {
        let sound = match what {
            What::One(_) => dialect::claim_one(&self.db.pools),
            What::Next(..) => dialect::claim_next(&self.db.pools),
        };
        let statement = planted!(LockoutIgnored, dialect::without_lockouts(sound), sound);
        let row = loop {
            let answer = match &self.db.pools {
                Either::Sqlite(pools) => take(&pools.write, statement, what, by, lease_until).await,
                Either::Postgres(pool) => take(pool, statement, what, by, lease_until).await,
            };
            match answer {
                // Another run took one of the targets at the same time: this one stays queued, the
                // next may be free.
                Err(sqlx::Error::Database(e)) if e.is_unique_violation() => {}
                answer => break answer.map_err(|e| error::translate(&e, &self.db.url))?,
            }
        };
        let Some(row) = row else { return Ok(None) };
        let place = QueuePosition {
            rank: row.rank,
            run: RunId(row.id),
        };
        let claim = Claim {
            run: RunId(row.id),
            token: row.token,
            workspace: row.workspace_id,
        };
        match Run::try_from(row) {
            Ok(run) => {
                planted!(ClaimWithoutLocks => self.drop_locks(claim, UNLOCK).await?);
                planted!(GroupNotLocked => self.drop_locks(claim, UNLOCK_GROUP).await?);
                Ok(Some((claim, run)))
            }
            Err(unreadable) => {
                self.put_back(claim).await?;
                Err(StoreError::Unreadable {
                    place,
                    why: unreadable.to_string(),
                })
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

#[cfg(feature = "faults")]
const UNLOCK: &str = "delete from run_lock where run_id = $1";
#[cfg(feature = "faults")]
const UNLOCK_GROUP: &str = "delete from run_lock where run_id = $1 and service = ''";

#[cfg(feature = "faults")]
impl Store {
    async fn drop_locks(&self, claim: Claim, statement: &'static str) -> Result<(), StoreError> {
        let mut tx = self.db.begin().await?;
        execute!(tx, statement, claim.run.0)?;
        tx.commit().await
    }
}

/// Runs the statement to its end, which is its commit.
async fn take<D: Database>(
    pool: &sqlx::Pool<D>,
    statement: &'static str,
    what: What,
    by: Claimer<'_>,
    lease_until: Timestamp,
) -> Result<Option<RunRow>, sqlx::Error>
where
    RunRow: for<'r> sqlx::FromRow<'r, D::Row> + Unpin,
    D::Arguments: sqlx::IntoArguments<D>,
    for<'c> &'c mut D::Connection: sqlx::Executor<'c, Database = D>,
    for<'q> std::borrow::Cow<'q, str>: sqlx::Encode<'q, D> + sqlx::Type<D>,
    for<'q> &'q str: sqlx::Encode<'q, D> + sqlx::Type<D>,
    i64: for<'q> sqlx::Encode<'q, D> + sqlx::Type<D>,
{
    let query = sqlx::query_as::<D, RunRow>(statement)
        .bind(text(by.holder))
        .bind(lease_until.0);
    let query = match what {
        What::One(run) => query.bind(run.0).bind(by.now.0),
        What::Next(lane, passed) => {
            let query = query.bind(passed.rank).bind(passed.run.0).bind(lane.name());
            query.bind(by.adopts_from.0).bind(by.now.0)
        }
    };
    Ok(query.fetch_all(pool).await?.pop())
}
