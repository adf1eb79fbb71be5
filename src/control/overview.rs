//! What the home screen shows, read in one go.

use std::sync::Arc;

use super::{Control, Refusal, RunFilter, not_listed};
use crate::core::breaker::Breaker;
use crate::core::check::score::{self, Score};
use crate::core::observation::TargetSummary;
use crate::core::plan::Target;
use crate::core::run::Run;
use crate::core::service::Stack;
use crate::core::time::Timestamp;

/// What the home screen shows, read in one go.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Overview {
    pub at: Timestamp,
    /// Empty until a stack has been applied.
    pub workspace: String,
    pub store_kind: String,
    pub stack: Arc<Stack>,
    /// Newest observation and 24 h window per target; a target without one is `unknown`.
    pub states: Vec<(Target, TargetSummary)>,
    pub score: Option<Score>,
    /// An observation older than this says nothing about now, milliseconds.
    pub stale_ms: i64,
    /// Newest first, 50 at the most.
    pub runs: Vec<Run>,
    /// Where runs are executed: `engine here`, `engine elsewhere`.
    pub engine: String,
    /// Circuit breakers that are open or have counted failures.
    pub breakers: Vec<Breaker>,
    /// What is wrong with the console itself: runbooks that did not load, empty contacts …
    pub problems: Vec<String>,
}

/// Window of the uptime figures, milliseconds.
const WINDOW_MS: i64 = 24 * 3_600_000;
/// An observation older than this many pulses (at least this many milliseconds) says nothing about now.
const STALE_PULSES: i64 = 3;
const STALE_MIN_MS: i64 = 15 * 60_000;

impl Overview {
    /// Says how healthy the stack is at this time, which may be later than it was read: what was not seen since is older.
    pub fn judge(&mut self, now: Timestamp) {
        let components = score::components(&self.stack, &self.states, now, self.stale_ms);
        self.score = (!self.workspace.is_empty()).then(|| score::score(&components));
    }
}

impl Control {
    /// Everything the home screen shows.
    pub async fn overview(&self) -> Result<Overview, Refusal> {
        let now = self.0.clock.now();
        let stack = self.refresh().await?;
        let mut overview = Overview {
            at: now,
            store_kind: self.0.store.kind().to_owned(),
            stack: Arc::clone(&stack),
            engine: self.engine_word().await?,
            stale_ms: self.stale_ms(),
            problems: self.problems(&stack),
            ..Overview::default()
        };
        if let Some(scope) = self.known_scope() {
            overview.states = scope.summaries(now.plus_ms(-WINDOW_MS)).await?;
            let filter = RunFilter { limit: 50, ..RunFilter::default() };
            let found = scope.runs(&filter).await?;
            overview.runs = found.runs;
            overview.problems.extend(found.unreadable.iter().map(|(run, why)| not_listed(*run, why)));
            overview.breakers = scope.breakers().await?;
            overview.workspace.clone_from(&scope.workspace().name);
            overview.judge(now);
        }
        Ok(overview)
    }

    pub(super) fn stale_ms(&self) -> i64 {
        (self.0.settings.pulse_ms * STALE_PULSES).max(STALE_MIN_MS)
    }

    pub(super) fn problems(&self, stack: &Stack) -> Vec<String> {
        let mut problems: Vec<_> = self.library().problems.iter().map(ToString::to_string).collect();
        if self.workspace().is_some() && stack.contacts.is_empty() {
            problems.push("no on-call contacts: add [[contact]] to the stack file".to_owned());
        }
        let blank = stack.contacts.iter().filter(|c| c.email.is_none() && c.phone.is_none());
        problems.extend(blank.map(|c| format!("contact {} has neither e-mail nor phone", c.name)));
        problems
    }
}
