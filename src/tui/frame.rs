//! The part of the model that views and popups may read while they paint.

use super::activity::Activity;
use super::facts::Facts;
use super::keys::{Action, Keymap};
use super::logs::Logs;
use super::msg::Overview;
use super::theme::Theme;
use crate::core::base::time::Timestamp;
use crate::core::run::summary::RunSummary;
use crate::core::run::{RunId, RunStatus};
use crate::core::stack::service::Environment;

/// Borrowed from the model for one frame.
#[derive(Debug, Clone, Copy)]
pub struct Frame<'a> {
    pub facts: &'a Facts,
    pub keys: &'a Keymap,
    pub theme: Theme,
    pub now: Timestamp,
    pub overview: Option<&'a Overview>,
    /// Why there is no overview.
    pub trouble: Option<&'a str>,
    pub logs: &'a Logs,
    pub activity: &'a Activity,
}

impl<'a> Frame<'a> {
    /// An action's first key, for display.
    #[must_use]
    pub fn key_name(&self, action: Action) -> String {
        self.keys.name(action)
    }

    /// The environment is protected.
    #[must_use]
    pub fn is_protected(&self, env: &str) -> bool {
        let environments = self.overview.map(|o| &o.stack.environments);
        let named = |e: &&Environment| e.name == env;
        environments
            .and_then(|all| all.iter().find(named))
            .is_some_and(|e| e.protected)
    }

    /// How long a running run is silent, if that is long, milliseconds.
    #[must_use]
    pub fn silence(
        &self,
        run: RunId,
        status: RunStatus,
        started: Option<Timestamp>,
    ) -> Option<i64> {
        let started = started.filter(|_| status == RunStatus::Running)?;
        self.activity.silence(run, started, self.now)
    }

    /// The run in the overview.
    #[must_use]
    pub fn run_of(&self, run: RunId) -> Option<&'a RunSummary> {
        self.overview?.runs.iter().find(|r| r.id == run)
    }
}
