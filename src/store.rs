//! The store: one `Store` over two native pools, SQL written once, one suite run on both databases.
//! Times are bigint milliseconds, JSON is text SQL never looks into. Nothing here reads the clock.
//! Text columns cannot hold U+0000 on PostgreSQL: it is kept as U+2400 (␀) on both. Output keeps every byte.

mod chunk;
mod console;
mod db;
mod journal;
mod observations;
mod open;
mod runs;
mod stack;

use crate::core::plan::Plan;
use crate::core::run::{RunId, RunStatus};
use crate::core::time::Timestamp;

/// Ways the store fails; each text tells the reader what to do next.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Wrong URL, missing folder, no permission, no server.
    #[error("cannot open the store {url}: {why}")]
    Open { url: String, why: String },
    /// Another program holds the database.
    #[error("the store {url} is locked by another program; close it or wait, then try again")]
    Locked { url: String },
    #[error("the store {url} is damaged ({why}); move it aside and start again, or restore a backup")]
    Corrupt { url: String, why: String },
    #[error("the store {url} was written by a newer opsroom (schema {found}, this one knows {known}); update opsroom")]
    Newer { url: String, found: i64, known: i64 },
    /// The claim was lost: somebody else may hold the run now. Nothing was changed.
    #[error("run {0} is no longer held by this engine; nothing was changed")]
    StaleToken(RunId),
    /// The (state, transition) table refuses it. Nothing was changed.
    #[error("run {run} is {status}; {what} is not possible", status = .status.name())]
    Refused { run: RunId, status: RunStatus, what: &'static str },
    #[error("there is no {0}")]
    NotFound(String),
    #[error("the store failed: {0}")]
    Database(String),
}

/// Proof of a claim. Every write to the run carries it; a stale one changes nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Claim {
    pub run: RunId,
    /// Fencing token: grows with every claim of the run.
    pub token: i64,
    /// The run's workspace: where its observations and the next link of its chain belong.
    pub workspace: i64,
}

/// A run to be queued.
#[derive(Debug, Clone, PartialEq)]
pub struct NewRun {
    pub workspace: i64,
    pub plan: Plan,
    pub parent: Option<RunId>,
    pub actor: String,
    pub trigger: String,
    pub reason: Option<String>,
    pub at: Timestamp,
}

/// Which runs to list; newest first.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct RunFilter {
    pub status: Vec<RunStatus>,
    pub runbook: Option<String>,
    pub service: Option<String>,
    pub env: Option<String>,
    pub since: Option<Timestamp>,
    /// Only runs before this one (paging).
    pub before: Option<RunId>,
    /// At most this many.
    pub limit: u32,
}

/// A workspace's row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Workspace {
    pub id: i64,
    pub name: String,
    pub timezone: String,
}

/// An engine that has shown itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EngineRow {
    pub holder: String,
    /// `console`, `cli` or `serve`.
    pub kind: String,
    pub started_at: Timestamp,
    pub seen_at: Timestamp,
}

/// An open store. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Store {
    db: db::Db,
}

impl Store {
    /// `sqlite` or `postgres`.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        self.db.pick("sqlite", "postgres")
    }

    /// Waits for writes under way and closes.
    pub async fn close(&self) {
        db::on!(self, pool => pool.close().await);
    }
}

/// What went wrong below, told apart.
enum Fault {
    Locked,
    Corrupt(String),
    Other(String),
}

impl Fault {
    fn of(error: &sqlx::Error) -> Self {
        let sqlx::Error::Database(inner) = error else { return Self::Other(error.to_string()) };
        // SQLite's primary result code is the low byte: BUSY 5, LOCKED 6, CORRUPT 11, NOTADB 26.
        let sqlite = inner.try_downcast_ref::<sqlx::sqlite::SqliteError>().and(inner.code());
        match sqlite.and_then(|code| code.parse::<u32>().ok()).map(|code| code & 0xff) {
            Some(5 | 6) => Self::Locked,
            Some(11 | 26) => Self::Corrupt(inner.message().to_owned()),
            _ => Self::Other(inner.message().to_owned()),
        }
    }
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        match Fault::of(&error) {
            Fault::Locked => Self::Locked { url: "in use".to_owned() },
            Fault::Corrupt(why) => Self::Corrupt { url: "in use".to_owned(), why },
            Fault::Other(why) => Self::Database(why),
        }
    }
}

/// Text for a text column: see the head of this file.
fn column(text: &str) -> std::borrow::Cow<'_, str> {
    if text.contains('\0') { text.replace('\0', "\u{2400}").into() } else { text.into() }
}

fn json<T: serde::Serialize>(value: &T) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|e| StoreError::Database(format!("cannot be written as JSON: {e}")))
}

fn from_json<T: serde::de::DeserializeOwned>(text: &str, what: &str) -> Result<T, StoreError> {
    serde_json::from_str(text).map_err(|e| StoreError::Database(format!("{what} in the store cannot be read: {e}")))
}
