//! Which target of a service its view and its menu are about, and the run whose log shows why.

use crate::core::base::time::Timestamp;
use crate::core::run::RunId;
use crate::core::run::plan::{Target, targets_of};
use crate::core::run::summary::RunSummary;
use crate::core::stack::state::State;
use crate::tui::msg::Overview;
use crate::tui::pane::stack::summary;

/// The target that a service is looked at for: in the environment it was opened for, or in the
/// worst.
#[must_use]
pub fn target_of(
    name: &str,
    env: Option<&str>,
    overview: &Overview,
    now: Timestamp,
) -> Option<Target> {
    let targets = targets_of(overview.stack.service(name)?);
    let is_chosen = |target: &&Target| env.is_some() && target.env.as_deref() == env;
    let chosen = targets.iter().find(is_chosen).cloned();
    let state = |target: &&Target| match overview.current_state(target, now).state {
        State::Failing => 0,
        State::Degraded => 1,
        State::Unknown => 2,
        State::Ok => 3,
    };
    chosen.or_else(|| targets.iter().min_by_key(state).cloned())
}

/// The run whose log is about the present state of a service: the one that observed it, or the last
/// that worked on the service before it began.
#[must_use]
pub fn log_of(name: &str, env: Option<&str>, overview: &Overview, now: Timestamp) -> Option<RunId> {
    let target = target_of(name, env, overview, now)?;
    let observed_by = summary(overview, &target).and_then(|s| s.latest.run);
    let since = overview.current_state(&target, now).since;
    let of = |run: &&RunSummary| run.services.iter().any(|service| service == name);
    let before = |run: &&RunSummary| of(run) && since.is_none_or(|at| run.requested_at <= at);
    let runs = &overview.runs;
    observed_by
        .or_else(|| runs.iter().find(before).map(|run| run.id))
        .or_else(|| runs.iter().find(of).map(|run| run.id))
}
