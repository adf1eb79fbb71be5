//! The one door: everything the console and the subcommands do goes through here. Checks rights, confirmation and block
//! risks, writes audit, and answers with values.

use std::sync::Arc;

use crate::bus::Notice;
use crate::core::check::score::Score;
use crate::core::command::{Catalogue, Parsed};
use crate::core::event::Entry;
use crate::core::observation::TargetSummary;
use crate::core::plan::{Plan, Target};
use crate::core::run::{Artifact, AuditRow, Run, RunId, RunStep};
use crate::core::service::Stack;
use crate::core::stack::Change;
use crate::core::time::Timestamp;
use crate::store::StoreError;

/// Named here too, so that doors above need not know the store.
pub use crate::store::RunFilter;

/// Why the door stays shut. Every refusal names its rule.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A block risk stands.
    #[error("blocked by {code}: {message}")]
    Blocked { code: String, message: String },
    /// A protected environment wants its word typed.
    #[error("{env} is protected: type `{word}` to confirm")]
    Unconfirmed { env: String, word: String },
    #[error("read-only: started with --read-only, nothing can be changed")]
    ReadOnly,
    #[error("{0}")]
    Invalid(String),
}

/// How the console was started.
#[derive(Debug, Clone)]
pub struct Settings {
    pub store_url: String,
    /// `None`: the only workspace there is, else `default`.
    pub workspace: Option<String>,
    pub actor: String,
    pub read_only: bool,
    /// Everything is invented: the demo world.
    pub simulated: bool,
    /// Period of the pulse that probes every configured service, milliseconds; 0: none.
    pub pulse_ms: i64,
    pub lease_ms: i64,
    pub runbook_dir: Option<std::path::PathBuf>,
    /// Shown to other consoles: `console`, `cli`.
    pub kind: &'static str,
}

/// What the home screen shows, read in one go.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Overview {
    pub at: Timestamp,
    pub workspace: String,
    pub store_kind: String,
    pub stack: Arc<Stack>,
    /// Newest observation and 24 h window per target; a target without one is `unknown`.
    pub states: Vec<(Target, TargetSummary)>,
    pub score: Option<Score>,
    /// Newest first, 50 at the most.
    pub runs: Vec<Run>,
    /// Where runs are executed: `engine here`, `engine host:123`.
    pub engine: String,
    pub problems: Vec<String>,
}

/// A run with everything about it but its log.
#[derive(Debug, Clone, PartialEq)]
pub struct RunDetail {
    pub run: Run,
    pub steps: Vec<RunStep>,
    pub artifacts: Vec<Artifact>,
}

/// A plan ready to be shown.
#[derive(Debug, Clone, PartialEq)]
pub struct PlanCard {
    pub plan: Plan,
    /// The last three runs of the same runbook on the same environment, newest first.
    pub last: Vec<Run>,
}

/// The door. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Control {}

#[expect(clippy::unused_async, clippy::todo, reason = "signatures first")]
impl Control {
    /// Opens store, workspace, runbooks, and starts the engine.
    pub async fn open(_settings: Settings) -> Result<Self, Refusal> {
        todo!()
    }
    pub fn settings(&self) -> &Settings {
        todo!()
    }
    pub fn listen(&self) -> tokio::sync::broadcast::Receiver<Notice> {
        todo!()
    }
    pub async fn overview(&self) -> Result<Overview, Refusal> {
        todo!()
    }
    /// The catalogue of the command language for the present stack and runbooks.
    pub async fn catalogue(&self) -> Result<Arc<Catalogue>, Refusal> {
        todo!()
    }
    /// Makes the plan card of a parsed command whose outcome is `plan`. `inputs` override what was said.
    pub async fn plan(
        &self,
        _parsed: &Parsed,
        _inputs: &[(String, String)],
        _raw_text: &str,
    ) -> Result<PlanCard, Refusal> {
        todo!()
    }
    /// Starts a plan. `typed` is what was typed into the confirmation, when it asked for one.
    pub async fn submit(&self, _plan: Plan, _typed: Option<&str>, _reason: Option<&str>) -> Result<Run, Refusal> {
        todo!()
    }
    pub async fn cancel(&self, _run: RunId, _reason: Option<&str>) -> Result<Run, Refusal> {
        todo!()
    }
    /// Answers a waiting manual step.
    pub async fn answer(&self, _run: RunId, _step: u32, _done: bool, _note: Option<&str>) -> Result<(), Refusal> {
        todo!()
    }
    pub async fn run(&self, _run: RunId) -> Result<RunDetail, Refusal> {
        todo!()
    }
    pub async fn runs(&self, _filter: &RunFilter) -> Result<Vec<Run>, Refusal> {
        todo!()
    }
    /// Entries with `after < seq`, oldest first.
    pub async fn entries_after(&self, _run: RunId, _after: i64, _limit: u32) -> Result<Vec<Entry>, Refusal> {
        todo!()
    }
    /// The last `limit` entries with `seq < before`, oldest first.
    pub async fn entries_before(&self, _run: RunId, _before: i64, _limit: u32) -> Result<Vec<Entry>, Refusal> {
        todo!()
    }
    /// What applying this stack would change, and (unless `dry_run`) the change itself.
    pub async fn apply(&self, _stack: &Stack, _dry_run: bool) -> Result<Vec<Change>, Refusal> {
        todo!()
    }
    pub async fn export(&self) -> Result<Stack, Refusal> {
        todo!()
    }
    pub async fn audit(&self, _limit: u32) -> Result<Vec<AuditRow>, Refusal> {
        todo!()
    }
    pub async fn remember(&self, _text: &str) -> Result<(), Refusal> {
        todo!()
    }
    pub async fn remembered(&self) -> Result<Vec<String>, Refusal> {
        todo!()
    }
    /// Runs this process holds right now.
    pub fn live(&self) -> usize {
        todo!()
    }
    /// Returns when this process holds no run any more.
    pub async fn idle(&self) {
        todo!()
    }
    /// Stops the engine (runs in hand are left to finish first when `wait`) and closes the store.
    pub async fn close(&self, _wait: bool) {
        todo!()
    }
}
