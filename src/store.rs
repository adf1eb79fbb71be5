//! The store: one `Store` over two native pools, SQL written once, one suite run on both databases.
//! Times are bigint milliseconds, JSON is text SQL never looks into. Nothing here reads the clock.

use crate::core::event::{Entry, NewEntry};
use crate::core::observation::{Observation, TargetSummary};
use crate::core::plan::{Plan, Target};
use crate::core::run::{Artifact, AuditRow, Run, RunId, RunStatus, RunStep, StepStatus, Transition};
use crate::core::service::Stack;
use crate::core::stack::Change;
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

/// An open store.
#[derive(Debug, Clone)]
pub struct Store {}

#[expect(clippy::unused_async, clippy::todo, reason = "signatures first")]
impl Store {
    /// Opens (creating an SQLite file when missing) and migrates. URLs: `sqlite:PATH`, `sqlite::memory:`, `postgres://…`.
    pub async fn open(_url: &str) -> Result<Self, StoreError> {
        todo!()
    }
    /// `sqlite` or `postgres`.
    pub fn kind(&self) -> &'static str {
        todo!()
    }
    /// Waits for writes under way and closes.
    pub async fn close(&self) {
        todo!()
    }

    // --- workspaces and stack
    pub async fn workspaces(&self) -> Result<Vec<Workspace>, StoreError> {
        todo!()
    }
    /// The workspace of that name, created when missing.
    pub async fn ensure_workspace(
        &self,
        _name: &str,
        _timezone: &str,
        _at: Timestamp,
    ) -> Result<Workspace, StoreError> {
        todo!()
    }
    pub async fn stack(&self, _workspace: i64) -> Result<Stack, StoreError> {
        todo!()
    }
    /// Applies all changes and their audit rows in one transaction.
    pub async fn apply(
        &self,
        _workspace: i64,
        _changes: &[Change],
        _actor: &str,
        _at: Timestamp,
    ) -> Result<(), StoreError> {
        todo!()
    }

    // --- runs
    /// Queues a run: run row, pending step rows, first event and audit row in one transaction.
    pub async fn submit(&self, _new: NewRun) -> Result<Run, StoreError> {
        todo!()
    }
    /// Claims the oldest queued run of any workspace (or just `only`), or says there is none.
    pub async fn claim(
        &self,
        _only: Option<RunId>,
        _holder: &str,
        _lease_until: Timestamp,
        _at: Timestamp,
    ) -> Result<Option<(Claim, Run)>, StoreError> {
        todo!()
    }
    /// Prolongs the lease; `StaleToken` when the run was taken away.
    pub async fn renew(&self, _claim: Claim, _lease_until: Timestamp) -> Result<(), StoreError> {
        todo!()
    }
    /// Moves the run along the table, conditional on the token; entries are written in the same transaction.
    /// Ending a run (terminal status) clears its lease. Returns the new status.
    pub async fn transition(
        &self,
        _claim: Claim,
        _what: Transition,
        _message: Option<&str>,
        _entries: &[NewEntry],
        _at: Timestamp,
    ) -> Result<RunStatus, StoreError> {
        todo!()
    }
    /// Ends a run as succeeded and queues the next link of its chain, in one transaction. Returns the next run.
    pub async fn succeed_and_chain(
        &self,
        _claim: Claim,
        _message: Option<&str>,
        _entries: &[NewEntry],
        _next: Option<NewRun>,
        _at: Timestamp,
    ) -> Result<Option<Run>, StoreError> {
        todo!()
    }
    /// Records a step's state (and attempt) with its entries, conditional on the token. Called before the effect
    /// (`Running`) and before the next step starts (outcome).
    pub async fn step(
        &self,
        _claim: Claim,
        _index: u32,
        _status: StepStatus,
        _attempt: u32,
        _message: Option<&str>,
        _entries: &[NewEntry],
        _at: Timestamp,
    ) -> Result<(), StoreError> {
        todo!()
    }
    /// Appends entries in order; numbers them without gaps; returns the last number. Conditional on the token.
    pub async fn append(&self, _claim: Claim, _entries: &[NewEntry]) -> Result<i64, StoreError> {
        todo!()
    }
    /// Asks for cancellation (audited). A queued run is cancelled at once; a held one by its engine.
    pub async fn request_cancel(
        &self,
        _run: RunId,
        _actor: &str,
        _reason: Option<&str>,
        _at: Timestamp,
    ) -> Result<RunStatus, StoreError> {
        todo!()
    }
    /// Held runs with a lease that ended before `at`, with their holders.
    pub async fn expired(&self, _at: Timestamp) -> Result<Vec<Run>, StoreError> {
        todo!()
    }
    /// All held runs (claimed, running, waiting).
    pub async fn held(&self) -> Result<Vec<Run>, StoreError> {
        todo!()
    }
    /// Declares a held run interrupted: its running step becomes `unknown`, said in an event. Conditional on the
    /// holder and lease read before, so that a renewal in between wins (then returns false).
    pub async fn interrupt(&self, _run: &Run, _why: &str, _at: Timestamp) -> Result<bool, StoreError> {
        todo!()
    }
    /// Answers a waiting manual step (audited). The engine that holds the run picks it up.
    pub async fn answer(
        &self,
        _run: RunId,
        _step: u32,
        _done: bool,
        _note: Option<&str>,
        _actor: &str,
        _at: Timestamp,
    ) -> Result<(), StoreError> {
        todo!()
    }
    /// The answer given to a step, if any: done, by, note.
    pub async fn answer_of(
        &self,
        _run: RunId,
        _step: u32,
    ) -> Result<Option<(bool, String, Option<String>)>, StoreError> {
        todo!()
    }

    pub async fn run(&self, _run: RunId) -> Result<Run, StoreError> {
        todo!()
    }
    pub async fn runs(&self, _workspace: i64, _filter: &RunFilter) -> Result<Vec<Run>, StoreError> {
        todo!()
    }
    pub async fn steps(&self, _run: RunId) -> Result<Vec<RunStep>, StoreError> {
        todo!()
    }
    /// Entries with `after < seq`, oldest first, at most `limit`.
    pub async fn entries_after(&self, _run: RunId, _after: i64, _limit: u32) -> Result<Vec<Entry>, StoreError> {
        todo!()
    }
    /// The last `limit` entries with `seq < before`, oldest first.
    pub async fn entries_before(&self, _run: RunId, _before: i64, _limit: u32) -> Result<Vec<Entry>, StoreError> {
        todo!()
    }
    /// Adds artifacts, conditional on the token.
    pub async fn leave(&self, _claim: Claim, _artifacts: &[Artifact]) -> Result<(), StoreError> {
        todo!()
    }
    pub async fn artifacts(&self, _run: RunId) -> Result<Vec<Artifact>, StoreError> {
        todo!()
    }

    // --- observations
    /// Writes one pulse: all its observations in one transaction, once per (workspace, slot). False: somebody did it.
    pub async fn pulse(
        &self,
        _workspace: i64,
        _slot: Timestamp,
        _observations: &[Observation],
    ) -> Result<bool, StoreError> {
        todo!()
    }
    /// Writes observations made by a run.
    pub async fn observe(&self, _workspace: i64, _observations: &[Observation]) -> Result<(), StoreError> {
        todo!()
    }
    /// Newest observation per target, with counts over the window since `since`.
    pub async fn summaries(
        &self,
        _workspace: i64,
        _since: Timestamp,
    ) -> Result<Vec<(Target, TargetSummary)>, StoreError> {
        todo!()
    }

    // --- the rest
    pub async fn audit(&self, _workspace: i64, _limit: u32) -> Result<Vec<AuditRow>, StoreError> {
        todo!()
    }
    /// Remembers a line of the command bar; a repetition of the newest is not stored twice.
    pub async fn remember(&self, _workspace: i64, _actor: &str, _text: &str, _at: Timestamp) -> Result<(), StoreError> {
        todo!()
    }
    /// The newest `limit` lines, newest first.
    pub async fn remembered(&self, _workspace: i64, _actor: &str, _limit: u32) -> Result<Vec<String>, StoreError> {
        todo!()
    }
    /// An engine shows itself.
    pub async fn beat(&self, _engine: &EngineRow) -> Result<(), StoreError> {
        todo!()
    }
    pub async fn engines(&self) -> Result<Vec<EngineRow>, StoreError> {
        todo!()
    }
    /// An engine leaves.
    pub async fn leave_engine(&self, _holder: &str) -> Result<(), StoreError> {
        todo!()
    }
}
