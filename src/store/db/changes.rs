//! Detects writes by other processes. SQLite counts foreign commits per connection; PostgreSQL
//! notifies its listeners.

use std::time::Duration;

use tokio::time::{sleep, timeout};

use sqlx::pool::PoolConnection;
use sqlx::postgres::PgListener;
use sqlx::{PgPool, Sqlite};

use crate::core::run::{RunId, RunStatus};
use crate::store::db::Either;
use crate::store::db::waker::Waker;
use crate::store::db::{error, open};
use crate::store::{Store, StoreError, rows};

/// Notified by a trigger with every change of a run; the schema separates stores in one database.
const CHANNEL: &str = "select 'opsroom_run_' || current_schema()";
const VERSION: &str = "pragma data_version";
/// A write shows in the counter within this time.
const COUNTED: Duration = Duration::from_millis(100);

/// Detects changes by others. Keeps one connection.
#[derive(Debug)]
pub struct Changes {
    url: std::sync::Arc<str>,
    source: Source,
}

#[derive(Debug)]
enum Source {
    /// The connection is used for nothing else: the counter is of commits by others since the last
    /// query.
    Sqlite {
        conn: PoolConnection<Sqlite>,
        version: i64,
        /// Absent where the system does not report writes: then the counter is polled.
        waker: Option<Waker>,
    },
    Postgres(Box<PgListener>),
}

impl Store {
    /// Listens from now on. In memory there are no other processes, and nothing is ever reported.
    pub async fn changes(&self) -> Result<Changes, StoreError> {
        let url = self.db.url.clone();
        let failed = |e: sqlx::Error| error::translate(&e, &url);
        let source = match &self.db.pools {
            Either::Sqlite(pools) => {
                let mut conn = pools.read.acquire().await.map_err(failed)?;
                let version = sqlx::query_scalar(VERSION)
                    .fetch_one(&mut *conn)
                    .await
                    .map_err(failed)?;
                let waker = open::file_of(&self.db.url).and_then(Waker::on);
                Source::Sqlite {
                    conn,
                    version,
                    waker,
                }
            }
            Either::Postgres(pool) => {
                Source::Postgres(Box::new(listener(pool).await.map_err(failed)?))
            }
        };
        Ok(Changes {
            url: self.db.url.clone(),
            source,
        })
    }

    /// Whether others can write to this store at all.
    pub fn is_shared(&self) -> bool {
        &*self.db.url != "sqlite::memory:"
    }
}

async fn listener(pool: &PgPool) -> Result<PgListener, sqlx::Error> {
    let channel: String = sqlx::query_scalar(CHANNEL).fetch_one(pool).await?;
    let mut listener = PgListener::connect_with(pool).await?;
    listener.listen(&channel).await?;
    Ok(listener)
}

impl Changes {
    /// Returns true as soon as something was written, false after `pause` when not. Where the
    /// system does not report writes, it polls every `between`. A lost connection counts as a
    /// change: writes may have been missed.
    pub async fn changed(
        &mut self,
        pause: Duration,
        between: Duration,
    ) -> Result<bool, StoreError> {
        let failed = |e: sqlx::Error| error::translate(&e, &self.url);
        match &mut self.source {
            Source::Sqlite {
                conn,
                version,
                waker,
            } => {
                let mut woken = false;
                match waker {
                    // Timed out or not, the counter decides.
                    Some(waker) => woken = timeout(pause, waker.written()).await.is_ok(),
                    None => sleep(between.min(pause)).await,
                }
                loop {
                    let now: i64 = sqlx::query_scalar(VERSION)
                        .fetch_one(&mut **conn)
                        .await
                        .map_err(failed)?;
                    if std::mem::replace(version, now) != now {
                        return Ok(true);
                    }
                    if !std::mem::take(&mut woken) {
                        return Ok(false);
                    }
                    // The file is written first, and counted as changed a moment later.
                    sleep(between.min(COUNTED)).await;
                }
            }
            Source::Postgres(listener) => match timeout(pause, listener.try_recv()).await {
                Ok(received) => {
                    received.map_err(failed)?;
                    // Notifications received meanwhile are covered by one read of the store.
                    while listener.next_buffered().is_some() {}
                    Ok(true)
                }
                Err(_) => Ok(false),
            },
        }
    }
}

/// The newest runs, and all that have not ended.
const GLIMPSE: &str = "select id, workspace_id, status, last_seq, holder from run \
     where id > (select coalesce(max(id), 0) - 100 from run) or status in ('queued', 'claimed', 'running', 'waiting') \
     order by id";
const GLIMPSE_OF: &str = "select id, workspace_id, status, last_seq, holder from run where id = $1";
type Row = (i64, i64, String, i64, Option<String>);

/// The part of a run that shows whether it changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Glimpse {
    pub run: RunId,
    pub workspace: i64,
    pub status: RunStatus,
    pub last_seq: i64,
    pub holder: Option<String>,
}

impl TryFrom<Row> for Glimpse {
    type Error = StoreError;

    fn try_from((id, workspace, status, last_seq, holder): Row) -> Result<Self, StoreError> {
        Ok(Self {
            run: RunId(id),
            workspace,
            status: rows::status(&status)?,
            last_seq,
            holder,
        })
    }
}

impl Store {
    /// The newest hundred runs of all workspaces and every one that has not ended, oldest first.
    pub async fn glimpse(&self) -> Result<Vec<Glimpse>, StoreError> {
        let mut db = self.db.read().await?;
        rows::all(fetch_all!(db, Row, GLIMPSE)?)
    }

    /// The same of one run.
    pub async fn glimpse_of(&self, run: RunId) -> Result<Glimpse, StoreError> {
        let mut db = self.db.read().await?;
        let row = fetch_optional!(db, Row, GLIMPSE_OF, run.0)?;
        row.ok_or_else(|| StoreError::NotFound(format!("run {run}")))?
            .try_into()
    }
}
