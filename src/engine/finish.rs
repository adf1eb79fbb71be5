//! The end of a run: manifest, one final event, the next link of the chain.

use std::sync::atomic::Ordering;

use serde_json::json;

use super::drive::Drive;
use super::record::StepRecord;
use crate::core::base::time::Timestamp;
use crate::core::run::artifact::{ArtifactDraft, ArtifactKind};
use crate::core::run::plan::{Plan, plan_hash};
use crate::core::run::progress::{Progress, RunEnd};
use crate::core::run::{RunId, RunStatus, RunStep, StepStatus, Transition};
use crate::store::{NewRun, StoreError};

impl Drive {
    /// Ends the run; returns the run that follows in its chain, when there is one.
    pub(super) async fn finish(
        &self,
        progress: &Progress<'_>,
    ) -> Result<Option<RunId>, StoreError> {
        let now = self.rec.world.clock.now();
        let end = progress.end(now.ms_since(self.began));
        if end.status != RunStatus::Interrupted {
            self.leave_manifest(&end, now).await?;
        }
        let notes = progress.loose_ends(&end, self.stop_signal.due());
        let notes = notes.into_iter().chain([end.note]);
        let entries: Vec<_> = notes.map(|note| self.entry_of(note)).collect();
        self.rec.ending.store(true, Ordering::Release);
        let next = if end.what == Transition::Succeed {
            self.rec.succeed(&entries, self.follower(now)).await?
        } else {
            self.rec
                .transition(end.what, end.why.as_deref(), &entries)
                .await?;
            None
        };
        self.rec.publish_last().await;
        Ok(next.map(|run| run.id))
    }

    /// Ends the run after a panic of the engine while driving it. The step in flight has an unknown
    /// outcome.
    pub(super) async fn finish_broken(&self, panic: &str) -> Result<(), StoreError> {
        let why = format!("opsroom itself failed: {panic}");
        for step in self.rec.world.store.steps(self.rec.run()).await? {
            if matches!(step.status, StepStatus::Running | StepStatus::Waiting) {
                let record = StepRecord {
                    index: step.index,
                    status: StepStatus::Unknown,
                    attempt: step.attempt,
                    message: Some(&why),
                };
                self.rec.step(record, &[]).await?;
            }
        }
        if self.rec.world.store.run(self.rec.run()).await?.status == RunStatus::Claimed {
            self.rec.transition(Transition::Start, None, &[]).await?;
        }
        let progress = Progress::broken(&self.run.plan, why);
        self.finish(&progress).await.map(drop)
    }

    /// The run of the next link of the chain.
    fn follower(&self, at: Timestamp) -> Option<NewRun> {
        Some(NewRun {
            workspace: self.rec.claim.workspace,
            plan: self.run.plan.next_link()?,
            parent: Some(self.rec.run()),
            actor: self.run.actor.clone(),
            trigger: "chain".to_owned(),
            reason: self.run.reason.clone(),
            at,
        })
    }

    async fn leave_manifest(&self, end: &RunEnd, now: Timestamp) -> Result<(), StoreError> {
        let (run, plan) = (&self.run, &self.run.plan);
        let steps = self.rec.world.store.steps(run.id).await?;
        let manifest = json!({
            "run": run.id,
            "title": plan.title,
            "runbook": plan.runbook,
            "version": plan.version,
            "definition_hash": plan.definition_hash,
            "plan_hash": plan_hash(plan),
            "env": plan.env,
            "services": plan.services,
            "asked": plan.raw_text,
            "understood": plan.restatement,
            "status": end.status,
            "message": end.why,
            "actor": run.actor,
            "trigger": run.trigger,
            "reason": run.reason,
            "parent": run.parent,
            "engine": self.rec.world.holder.as_ref(),
            "requested_at": run.requested_at.rfc3339(),
            "started_at": self.began.rfc3339(),
            "finished_at": now.rfc3339(),
            "ms": now.ms_since(self.began),
            "steps": steps.iter().map(|s| step_line(plan, s)).collect::<Vec<_>>(),
        });
        let content =
            serde_json::to_string_pretty(&manifest).unwrap_or_else(|_| manifest.to_string());
        let title = format!("manifest of run {}", run.id);
        let left = ArtifactDraft {
            kind: ArtifactKind::Manifest,
            title,
            content: content.into_bytes(),
        };
        // A manifest is never too large to be kept.
        self.rec.leave(None, left).await.map(drop)
    }
}

fn step_line(plan: &Plan, step: &RunStep) -> serde_json::Value {
    let (planned, phase) = plan
        .numbered_step(step.index)
        .map_or((None, "?"), |(p, place)| (Some(p), place));
    let ms = step
        .started_at
        .zip(step.finished_at)
        .map(|(from, to)| to.ms_since(from));
    json!({
        "index": step.index,
        "name": planned.map(|p| p.name.as_str()),
        "does": planned.map(|p| p.spec.describe()),
        "phase": phase,
        "status": step.status,
        "attempt": step.attempt,
        "ms": ms,
        "message": step.message,
    })
}
