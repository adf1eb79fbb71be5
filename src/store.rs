//! The store: one `Store` over two native pools, SQL written once, one suite run on both databases.
//! Times are bigint milliseconds, JSON is text SQL never looks into. Nothing here reads the clock.
//!
//! Text: PostgreSQL cannot keep U+0000, so both databases keep U+2400 (␀) in its place, in events,
//! messages, reasons and artifacts. Captured output and everything kept as JSON (plans, stack
//! objects, event data) comes back exactly.

#[macro_use]
mod db;

mod access;
mod console;
mod health;
mod home;
mod routine;
mod rows;
mod run;
mod scope;
mod stack;

pub use access::{AuditFilter, Written};
pub use db::changes::{Changes, Glimpse};
pub use home::HomeView;
pub use routine::{
    Compacted, Evidence, Expired, Flush, KnownRoutine, Membership, NewRoutine, ProbeSize,
    Retention, RoutineChange, RoutineMember, RoutinePause, RoutineRequested, RoutineState,
    RoutineSummary, RoutineTurns, RoutineWindow,
};
pub use run::artifacts::NewArtifact;
pub use run::claim::{Claimer, QueuePosition};
pub use run::left_over::LeftOver;
pub use run::listing::{Found, Listed};
pub use run::lockouts::NewLock;
pub use run::orders::Orderer;
pub use run::processes::Process;
pub use run::resume::Resumer;
pub use run::submit::Beginning;
pub use run::votes::{Ballot, open_question};
pub use scope::Scope;
pub use stack::version::StackVersion;

use crate::core::base::time::Timestamp;
use crate::core::run::approval::VoteError;
use crate::core::run::concurrency::Member;
use crate::core::run::plan::Plan;
use crate::core::run::{RunId, RunStatus};

/// Store errors; each message says what to do next.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Wrong URL, missing folder, no permission, no server.
    #[error("cannot open the store {url}: {why}")]
    Open { url: String, why: String },
    /// Another program holds the database.
    #[error("the store {url} is locked by another program; close it or wait, then try again")]
    Locked { url: String },
    #[error(
        "the store {url} is damaged ({why}); move it aside and start again, or restore a backup"
    )]
    Corrupt { url: String, why: String },
    #[error(
        "the store {url} was written by a newer opsroom (schema {found}, this one knows {known}); update opsroom"
    )]
    Newer { url: String, found: i64, known: i64 },
    /// The claim was lost: another engine may hold the run now. Nothing was changed.
    #[error("run {0} is no longer held by this engine; nothing was changed")]
    StaleToken(RunId),
    /// The (state, transition) table refuses it. Nothing was changed.
    #[error("run {run} is {status}; {what} is not possible", status = .status.name())]
    Refused {
        run: RunId,
        status: RunStatus,
        what: &'static str,
    },
    /// A person has to decide the outcome of a step first.
    #[error(
        "the outcome of step {step} of run {run} is unknown: say whether it is done, to be repeated or given up, and why"
    )]
    Undecided { run: RunId, step: String },
    /// A step cannot be released or skipped.
    #[error("step {step} of run {run}: {why}")]
    Step {
        run: RunId,
        step: String,
        why: &'static str,
    },
    /// A person skipped the step before it began; it is not to begin.
    #[error("step {step} of run {run} was {message}")]
    Skipped {
        run: RunId,
        step: u32,
        message: String,
    },
    /// Another person locked it: what, and who. Nothing was changed.
    #[error("{}; it has to be unlocked first", .0.as_deref().unwrap_or("it is locked"))]
    LockTaken(Box<Option<String>>),
    /// A run cannot be gone on with. Nothing was changed.
    #[error("run {run}: {why}")]
    NotAgain { run: RunId, why: String },
    #[error("run {run}: {why}")]
    Vote { run: RunId, why: VoteError },
    /// A queued run was written by a newer version; it stays in the queue. Nothing was changed.
    #[error("run {run} stays in the queue: {why}", run = .place.run)]
    Unreadable { place: QueuePosition, why: String },
    /// Its runbook does not allow another run of its group at the same time. Nothing was changed.
    #[error(
        "group {group} is taken by {by}, and its runbook says policy = \"refuse\"; nothing was started"
    )]
    GroupTaken { group: String, by: Member },
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
    /// The run's workspace, which its observations and the next link of its chain belong to.
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
    /// Only runs that this person asked for, whatever the case.
    pub actor: Option<String>,
    /// Only runs whose line in a list ([`crate::core::run::summary::RunSummary::line`]) holds this,
    /// whatever the case.
    pub holds: Option<String>,
    /// Only runs before this one (paging).
    pub before: Option<RunId>,
    /// At most this many.
    pub limit: u32,
}

impl RunFilter {
    /// Whether every run passes.
    #[must_use]
    pub const fn is_everything(&self) -> bool {
        self.status.is_empty()
            && self.runbook.is_none()
            && self.service.is_none()
            && self.env.is_none()
            && self.since.is_none()
            && self.actor.is_none()
            && self.holds.is_none()
    }
}

/// A workspace's row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Workspace {
    pub id: i64,
    pub name: String,
    pub timezone: String,
}

/// An engine that has sent a heartbeat.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EngineRow {
    pub holder: String,
    /// `console`, `cli` or `serve`.
    pub kind: String,
    pub started_at: Timestamp,
    pub seen_at: Timestamp,
    /// It finishes its active runs and claims nothing more.
    pub draining: bool,
    /// Until then it counts as alive; heartbeats are more frequent than that.
    pub alive_until: Timestamp,
    /// A server adopts runs queued since then by processes that are gone. Absent: it adopts none.
    pub adopts_from: Option<Timestamp>,
    /// How often it probes; 0: never.
    pub pulse_ms: i64,
}

/// An open store. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Store {
    db: db::Db,
    /// The process that queues through this store. Empty: none, so any engine may claim those runs.
    process: std::sync::Arc<str>,
}

impl Store {
    /// `sqlite` or `postgres`.
    pub fn kind(&self) -> &'static str {
        self.db.kind()
    }

    /// The same store for this process, identified by the holder of its engine: runs queued through
    /// it are its own.
    #[must_use]
    pub fn of_process(mut self, holder: &str) -> Self {
        self.process = holder.into();
        self
    }

    /// The process it was opened for; empty: none.
    pub fn process(&self) -> &str {
        &self.process
    }

    /// The URL without secrets.
    pub fn url(&self) -> &str {
        &self.db.url
    }

    /// Waits for active writes and closes.
    pub async fn close(&self) {
        self.db.close().await;
    }
}
