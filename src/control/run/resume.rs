//! Resumes interrupted runs, and retries ended ones.

use crate::bus::Notice;
use crate::control::{Beginning, Control, ProcessKind, Refusal};
use crate::core::run::act::Acted;
use crate::core::run::again::Again;
use crate::core::run::orders::{Order, Pace};
use crate::core::run::plan::Plan;
use crate::core::run::resume::Decision;
use crate::core::run::{RunId, RunStatus};
use crate::core::runbook::stack_approval::lacks_approval;
use crate::store::{Resumer, StoreError};

impl Control {
    /// Resumes an interrupted run at its first unfinished step. When the outcome of a step is
    /// unknown and the step is not idempotent, a decision is needed. Without a decision it also lets
    /// a paused run go on.
    pub(in crate::control) async fn resume(
        &self,
        run: RunId,
        decision: Option<Decision>,
        reason: Option<&str>,
    ) -> Result<Acted, Refusal> {
        let scope = self.scope().await?;
        let now = scope.run(run).await?;
        let paused = now.status != RunStatus::Interrupted && now.orders.pace != Pace::Free;
        if paused && decision.is_none() {
            return self.order(run, Order::Continue, reason).await;
        }
        let reason = self.clean_reason(reason);
        let by = Resumer {
            actor: &self.0.settings.actor,
            reason: reason.as_deref(),
        };
        let status = scope.resume(run, decision, by, self.0.clock.now()).await?;
        self.0.bus.publish(Notice::Run(run, status));
        self.0.bus.publish(Notice::Steps(run));
        if self.0.settings.door == ProcessKind::Cli && !status.is_terminal() {
            self.start_engine(Some(run));
        }
        self.wake();
        Ok(Acted::Resumed(Box::new(scope.run(run).await?)))
    }

    /// Queues a new run with the plan, lane and priority of one that has ended; one that goes on
    /// takes over what succeeded. Block risks, confirmation and the targets' existence are checked
    /// again.
    pub(in crate::control) async fn retry(
        &self,
        run: RunId,
        again: Again,
        typed: Option<&str>,
        reason: Option<&str>,
    ) -> Result<Acted, Refusal> {
        let scope = self.scope().await?;
        let old = scope.run(run).await?;
        if !old.status.is_terminal() {
            return Err(StoreError::Refused {
                run,
                status: old.status,
                what: "doing it again before it has ended",
            }
            .into());
        }
        let steps = scope.steps(run).await?;
        let again_plan = again.plan(&old, &steps);
        let (plan, _) = again_plan.map_err(|why| StoreError::NotAgain { run, why })?;
        self.refresh().await?;
        for link in plan.links() {
            self.exists(link)?;
        }
        self.can_be_approved(&plan, &scope.requesters(run).await?)?;
        let because = reason
            .map(|reason| format!(": {reason}"))
            .unwrap_or_default();
        // Its purpose and importance have not changed.
        let (lane, priority) = (Some(old.lane), Some(old.priority));
        let beginning = Beginning {
            retry_of: Some(run),
            again,
            lane,
            priority,
            ..Beginning::default()
        };
        let reason = match again {
            Again::All => format!("retry of run {run}{because}"),
            Again::FromFailed => format!("goes on with run {run}{because}"),
            Again::FailedTargets => format!("retry of the failed targets of run {run}{because}"),
        };
        let new = self
            .submit_as(plan, typed, Some(&reason), beginning)
            .await?;
        // The ended run has got an entry about it.
        if again == Again::FromFailed {
            self.added(run).await?;
        }
        Ok(Acted::Retried(Box::new(new)))
    }

    pub(in crate::control) fn exists(&self, plan: &Plan) -> Result<(), Refusal> {
        let stack = self.known().stack.clone();
        let env = plan
            .env
            .iter()
            .find(|env| stack.environments.iter().all(|e| e.name != **env));
        let service = plan
            .services
            .iter()
            .find(|service| stack.services.iter().all(|s| s.name != **service));
        match (env, service) {
            (None, None) => self.asks_for_approval(plan),
            (Some(env), _) => Err(gone("environment", env)),
            (None, Some(service)) => Err(gone("service", service)),
        }
    }
}

impl Control {
    /// Refuses a plan that was made before the stack demanded an approval which it lacks.
    pub(in crate::control) fn asks_for_approval(&self, plan: &Plan) -> Result<(), Refusal> {
        match lacks_approval(plan, &self.known().stack) {
            None => Ok(()),
            Some(of) => Err(Refusal::Invalid(format!(
                "{of} demands approval for every change since this plan was made; make a new plan"
            ))),
        }
    }
}

fn gone(what: &str, name: &str) -> Refusal {
    Refusal::Invalid(format!(
        "the {what} {name} is no longer in the stack; make a new plan instead"
    ))
}
