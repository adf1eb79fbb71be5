//! Noticing what other processes write. SQLite counts foreign commits per connection; PostgreSQL tells its listeners.

use std::time::Duration;

use tokio::time::{sleep, timeout};

use sqlx::pool::PoolConnection;
use sqlx::postgres::PgListener;
use sqlx::{PgPool, Sqlite};

use super::db::Either;
use super::nudge::Nudge;
use super::{Store, StoreError, error, open, rows};
use crate::core::run::{RunId, RunStatus};

/// Told by a trigger with every change of a run; the schema keeps stores in one database apart.
const CHANNEL: &str = "select 'opsroom_run_' || current_schema()";
const VERSION: &str = "pragma data_version";
/// What was written is counted within this.
const COUNTED: Duration = Duration::from_millis(100);

/// Hears of changes by others. Keeps one connection.
#[derive(Debug)]
pub struct Changes {
    url: std::sync::Arc<str>,
    heard: Heard,
}

#[derive(Debug)]
enum Heard {
    /// The connection asks nothing else: the counter is of what others did since it asked last.
    Sqlite {
        conn: PoolConnection<Sqlite>,
        version: i64,
        /// Absent where the system does not tell of writes: then the counter is asked again and again.
        nudge: Option<Nudge>,
    },
    Postgres(Box<PgListener>),
}

impl Store {
    /// Listens from now on. In memory there are no others, and nothing is ever heard.
    pub async fn changes(&self) -> Result<Changes, StoreError> {
        let url = self.db.url.clone();
        let failed = |e: sqlx::Error| error::translate(&e, &url);
        let heard = match &self.db.pools {
            Either::Sqlite(pools) => {
                let mut conn = pools.read.acquire().await.map_err(failed)?;
                let version = sqlx::query_scalar(VERSION).fetch_one(&mut *conn).await.map_err(failed)?;
                let nudge = open::file_of(&self.db.url).and_then(Nudge::on);
                Heard::Sqlite { conn, version, nudge }
            }
            Either::Postgres(pool) => Heard::Postgres(Box::new(listener(pool).await.map_err(failed)?)),
        };
        Ok(Changes { url: self.db.url.clone(), heard })
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
    /// Returns true as soon as something was written, false after `pause` when not. Where nobody tells of writes, it looks
    /// every `between`. A connection that was lost counts as a change: what happened meanwhile is not known.
    pub async fn heard(&mut self, pause: Duration, between: Duration) -> Result<bool, StoreError> {
        let failed = |e: sqlx::Error| error::translate(&e, &self.url);
        match &mut self.heard {
            Heard::Sqlite { conn, version, nudge } => {
                let mut nudged = false;
                match nudge {
                    // Out of time or not, the counter has the last word.
                    Some(nudge) => nudged = timeout(pause, nudge.written()).await.is_ok(),
                    None => sleep(between.min(pause)).await,
                }
                loop {
                    let now: i64 = sqlx::query_scalar(VERSION).fetch_one(&mut **conn).await.map_err(failed)?;
                    if std::mem::replace(version, now) != now {
                        return Ok(true);
                    }
                    if !std::mem::take(&mut nudged) {
                        return Ok(false);
                    }
                    // The file is written first, and counted as changed a moment later.
                    sleep(between.min(COUNTED)).await;
                }
            }
            Heard::Postgres(listener) => match timeout(pause, listener.try_recv()).await {
                Ok(told) => {
                    told.map_err(failed)?;
                    // What was told in the meantime is answered by one look at the store.
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

/// As much of a run as tells whether something happened to it.
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
        Ok(Self { run: RunId(id), workspace, status: rows::status(&status)?, last_seq, holder })
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
        row.ok_or_else(|| StoreError::NotFound(format!("run {run}")))?.try_into()
    }
}
