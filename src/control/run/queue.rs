//! Positions of queued runs, and what a new run would wait for.

use std::collections::BTreeSet;

use crate::control::{Control, Refusal, RunFilter};
use crate::core::run::concurrency::group_effect;
use crate::core::run::plan::Plan;
use crate::core::run::queue::{Lane, Lock, Queued, rank};
use crate::core::run::summary::RunSummary;
use crate::core::run::{Run, RunId, RunStatus};
use crate::store::{Found, Listed};

/// Some runs, newest first, and the positions of the queued ones.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct RunPage {
    pub runs: Vec<RunSummary>,
    pub queue: Vec<Queued>,
    /// Runs this version cannot list, newest first: which, and why.
    pub unreadable: Vec<(RunId, String)>,
    /// For a search: older runs than this one were not searched. `None`: all were.
    pub rest: Option<RunId>,
}

/// The line shown in place of a run that cannot be read.
#[must_use]
pub fn not_listed(run: RunId, why: &str) -> String {
    format!("run {run} is not listed: {why}")
}

impl Control {
    /// Runs of the workspace that pass the filter.
    pub async fn runs(&self, filter: &RunFilter) -> Result<RunPage, Refusal> {
        let Some(scope) = self.known_scope() else {
            return Ok(RunPage::default());
        };
        let Listed {
            runs,
            unreadable,
            rest,
        } = scope.runs(filter).await?;
        let queue = self
            .queue(runs.iter().map(|run| (run.id, run.status)))
            .await?;
        Ok(RunPage {
            runs,
            queue,
            unreadable,
            rest,
        })
    }

    /// These runs of the workspace with their plans, newest first, and those that cannot be read.
    pub async fn whole_runs(&self, runs: &[RunId]) -> Result<Found, Refusal> {
        match self.known_scope() {
            Some(scope) => Ok(scope.whole_runs(runs).await?),
            None => Ok(Found::default()),
        }
    }

    /// The positions of the queued ones among these runs.
    async fn queue(
        &self,
        runs: impl Iterator<Item = (RunId, RunStatus)>,
    ) -> Result<Vec<Queued>, Refusal> {
        let ids: BTreeSet<RunId> = runs
            .filter(|(_, status)| *status == RunStatus::Queued)
            .map(|(run, _)| run)
            .collect();
        let (Some(scope), Some(first), Some(last)) = (self.known_scope(), ids.first(), ids.last())
        else {
            return Ok(Vec::new());
        };
        let now = self.0.clock.now();
        let mut queue = scope.queue((*first, *last), now).await?;
        queue.retain(|queued| ids.contains(&queued.run));
        let untaken = self.untaken(&scope).await?;
        for (run, lock) in scope.stopped((*first, *last), now).await? {
            if let Some(queued) = queue.iter_mut().find(|queued| queued.run == run) {
                queued.locked.push(lock);
            }
        }
        for queued in &mut queue {
            queued.untaken = untaken.get(&queued.run).copied();
        }
        Ok(queue)
    }

    /// The position of a run, when it is queued.
    pub(in crate::control) async fn queued(&self, run: &Run) -> Result<Option<Queued>, Refusal> {
        Ok(self
            .queue(std::iter::once((run.id, run.status)))
            .await?
            .into_iter()
            .find(|queued| queued.run == run.id))
    }

    /// What a run of this plan would wait for now, one line each. Locks of people are risks of the
    /// plan.
    pub async fn blockers(&self, plan: &Plan) -> Result<Vec<String>, Refusal> {
        let mut lines = Vec::new();
        let Some(scope) = self.known_scope() else {
            return Ok(lines);
        };
        for link in plan.links() {
            let Some(concurrency) = &link.concurrency else {
                continue;
            };
            let members = scope.members(&concurrency.group).await?;
            lines.extend(
                group_effect(concurrency, &members)
                    .map(|group_effect| format!("{group_effect}, of group {}", concurrency.group)),
            );
        }
        let now = self.0.clock.now();
        let rank = rank(now, plan.priority, Lane::Interactive);
        for blocked in scope.blockers(plan, rank, now).await? {
            // The effect of its group is in a line above.
            if !matches!(blocked.wanted, Lock::Group(_)) {
                lines.push(format!("waits for {blocked}"));
            }
        }
        Ok(lines)
    }
}
