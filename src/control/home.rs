//! What home shows beside the overview: what needs a person, and how the person has set home.

use super::run::orders::approval;
use super::{Control, LeftOver, Refusal};
use crate::core::run::need::{NeedReason, RunNeed};
use crate::core::run::step::StepSpec;
use crate::core::run::summary::RunSummary;
use crate::core::run::{RunId, RunStatus, StepStatus};
use crate::store::Scope;

pub use crate::store::HomeView;

/// At most this many waiting runs are read with their plans.
const READ: usize = 20;

impl Control {
    /// How the person has set home.
    pub async fn home_view(&self) -> Result<HomeView, Refusal> {
        match self.known_scope() {
            Some(scope) => Ok(scope.home_view(&self.0.settings.actor).await?),
            None => Ok(HomeView::default()),
        }
    }

    /// Keeps how the person has set home.
    pub async fn keep_home_view(&self, view: HomeView) -> Result<(), Refusal> {
        if let Some(scope) = self.known_scope().filter(|_| !self.0.settings.read_only) {
            scope.keep_home_view(&self.0.settings.actor, view).await?;
        }
        Ok(())
    }

    /// What needs the person, and failed runs whether or not they were looked at.
    pub(super) async fn needs(
        &self,
        scope: &Scope,
        left_over: &[LeftOver],
    ) -> Result<Vec<RunNeed>, Refusal> {
        let runs = scope.runs_of_concern().await?;
        let mut needs: Vec<RunNeed> = left_over
            .iter()
            .map(|waits| RunNeed {
                reason: NeedReason::LeftOver,
                since: waits.queued_at,
                run: waits.run,
                step: None,
                title: waits.title.clone(),
            })
            .collect();
        let (waiting, ended): (Vec<_>, Vec<_>) = runs
            .into_iter()
            .partition(|run| run.status == RunStatus::Waiting);
        needs.extend(ended.into_iter().map(ended_need));
        if !self.0.settings.read_only {
            let waiting: Vec<RunId> = waiting.iter().take(READ).map(|run| run.id).collect();
            needs.extend(self.questions(scope, &waiting).await?);
        }
        Ok(needs)
    }

    /// The steps of waiting runs that the person may answer.
    async fn questions(&self, scope: &Scope, waiting: &[RunId]) -> Result<Vec<RunNeed>, Refusal> {
        let mut needs = Vec::new();
        for run in scope.whole_runs(waiting).await?.runs {
            let steps = scope.steps(run.id).await?;
            let asked = approval(scope, &run, &steps).await?;
            for step in steps.iter().filter(|s| s.status == StepStatus::Waiting) {
                let spec = run.plan.numbered_step(step.index);
                let reason = match spec.map(|(step, _)| &step.spec) {
                    Some(StepSpec::Manual(_)) => NeedReason::Question,
                    Some(StepSpec::Approve(_)) => {
                        let own = asked.as_ref().filter(|asked| asked.step == step.index);
                        let question = own.and_then(|asked| asked.question(&run));
                        if question.is_none_or(|q| q.may(&self.0.settings.actor).is_err()) {
                            continue;
                        }
                        NeedReason::Approval
                    }
                    _ => continue,
                };
                needs.push(RunNeed {
                    reason,
                    since: step.started_at.unwrap_or(run.requested_at),
                    run: run.id,
                    step: Some(step.index),
                    title: Some(run.plan.title.clone()),
                });
            }
        }
        Ok(needs)
    }
}

/// The need of a run that was interrupted or failed.
fn ended_need(run: RunSummary) -> RunNeed {
    let reason = if run.status == RunStatus::Interrupted {
        NeedReason::Interrupted
    } else {
        NeedReason::Failed
    };
    RunNeed {
        reason,
        since: run.finished_at.unwrap_or(run.requested_at),
        run: run.id,
        step: None,
        title: Some(run.title),
    }
}
