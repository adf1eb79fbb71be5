//! The end of a run: manifest, one final event, the next link of the chain.

use std::sync::atomic::Ordering;

use serde_json::json;

use super::drive::{Drive, Progress};
use super::stop_signal::Why;
use crate::core::base::time::{Timestamp, human_ms};
use crate::core::run::artifact::{ArtifactDraft, ArtifactKind};
use crate::core::run::event::{Level, NewEntry};
use crate::core::run::plan::{Plan, plan_hash};
use crate::core::run::{RunId, RunStatus, RunStep, StepStatus, Transition};
use crate::store::{NewRun, StoreError};

/// How the run ends.
struct Verdict {
    what: Transition,
    status: RunStatus,
    level: Level,
    /// The final event.
    message: String,
    /// Why, when not plainly succeeded.
    why: Option<String>,
}

impl Drive {
    /// Ends the run; returns the run that follows in its chain, when there is one.
    pub(super) async fn finish(&self, progress: &Progress) -> Result<Option<RunId>, StoreError> {
        let now = self.rec.world.clock.now();
        let verdict = self.verdict(progress, now);
        if verdict.status != RunStatus::Interrupted {
            self.leave_manifest(&verdict, now).await?;
        }
        let mut entries = self.loose_ends(&verdict, progress);
        entries.push(self.rec.note(None, verdict.level, verdict.message));
        self.rec.ending.store(true, Ordering::Release);
        let next = if verdict.what == Transition::Succeed {
            self.rec.succeed(&entries, self.follower(now)).await?
        } else {
            self.rec
                .transition(verdict.what, verdict.why.as_deref(), &entries)
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
                self.rec
                    .step(
                        step.index,
                        StepStatus::Unknown,
                        step.attempt,
                        Some(&why),
                        &[],
                    )
                    .await?;
            }
        }
        if self.rec.world.store.run(self.rec.run()).await?.status == RunStatus::Claimed {
            self.rec.transition(Transition::Start, None, &[]).await?;
        }
        let progress = Progress {
            failure: Some(why),
            ..Progress::default()
        };
        self.finish(&progress).await.map(drop)
    }

    fn verdict(&self, progress: &Progress, now: Timestamp) -> Verdict {
        let took = human_ms(now.ms_since(self.began));
        let during = progress
            .during
            .as_ref()
            .map(|s| format!(" during step {s}"))
            .unwrap_or_default();
        let ended = |what, status, level, word: &str, why: String| Verdict {
            what,
            status,
            level,
            message: format!("{word}: {why}"),
            why: Some(why),
        };
        match (
            &progress.halted,
            &progress.condition_failed,
            &progress.failure,
        ) {
            (Some(Why::Leaving), ..) => ended(
                Transition::Interrupt,
                RunStatus::Interrupted,
                Level::Warn,
                "interrupted",
                format!("the engine was stopped{during}"),
            ),
            (Some(Why::Cancelled { by }), ..) => ended(
                Transition::Cancel,
                RunStatus::Cancelled,
                Level::Warn,
                "cancelled",
                format!("by {by}{during}"),
            ),
            (Some(Why::Stopped { by }), ..) => {
                let why = format!("stopped after its step, as {by} asked");
                ended(
                    Transition::Cancel,
                    RunStatus::Cancelled,
                    Level::Warn,
                    "cancelled",
                    why,
                )
            }
            (Some(Why::Unapproved { message }), ..) => ended(
                Transition::Cancel,
                RunStatus::Cancelled,
                Level::Warn,
                "cancelled",
                message.clone(),
            ),
            (Some(Why::Deadline), ..) => {
                let limit = human_ms(self.run.plan.timeout_ms);
                let why = format!("the run's deadline of {limit} passed{during}");
                ended(
                    Transition::TimeOut,
                    RunStatus::TimedOut,
                    Level::Error,
                    "timed out",
                    why,
                )
            }
            (None, Some(why), _) => ended(
                Transition::Skip,
                RunStatus::Skipped,
                Level::Warn,
                "skipped",
                why.clone(),
            ),
            (None, None, Some(why)) => {
                let undone = progress
                    .undone
                    .as_ref()
                    .map(|u| format!("; {u}"))
                    .unwrap_or_default();
                ended(
                    Transition::Fail,
                    RunStatus::Failed,
                    Level::Error,
                    "failed",
                    format!("{why}{undone}"),
                )
            }
            (None, None, None) => Verdict {
                what: Transition::Succeed,
                status: RunStatus::Succeeded,
                level: Level::Success,
                message: format!("succeeded in {took}"),
                why: None,
            },
        }
    }

    /// Warnings about effects that did not happen, recorded before the final event.
    fn loose_ends(&self, verdict: &Verdict, progress: &Progress) -> Vec<NewEntry> {
        let mut entries = Vec::new();
        let mut warn = |message: String| entries.push(self.rec.note(None, Level::Warn, message));
        if let (None, Some(Why::Cancelled { by } | Why::Stopped { by })) =
            (&progress.halted, self.stop_signal.due())
        {
            warn(format!(
                "the cancellation by {by} came too late: nothing was left to cancel"
            ));
        }
        let unstarted: Vec<_> = self
            .run
            .plan
            .links()
            .iter()
            .skip(1)
            .map(|p| p.title.as_str())
            .collect();
        if verdict.what != Transition::Succeed && !unstarted.is_empty() {
            warn(format!(
                "not started, because this run did not succeed: {}",
                unstarted.join("; ")
            ));
        }
        let undo = || {
            self.run
                .plan
                .undo
                .iter()
                .filter_map(|s| s.rules.undoes.filter(|n| progress.done.contains(n)))
        };
        if progress.halted.is_some() && undo().next().is_some() {
            let names: Vec<_> = undo()
                .filter_map(|n| Some(self.run.plan.numbered_step(n)?.0.name.as_str()))
                .collect();
            warn(format!(
                "not undone, because only a failure is: {}",
                names.join(", ")
            ));
        }
        let left = &self.run.plan.finally;
        if verdict.status == RunStatus::Interrupted && !left.is_empty() {
            let names: Vec<_> = left.iter().map(|s| s.name.as_str()).collect();
            warn(format!(
                "the engine left before all finally steps had run; check: {}",
                names.join(", ")
            ));
        }
        entries
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

    async fn leave_manifest(&self, verdict: &Verdict, now: Timestamp) -> Result<(), StoreError> {
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
            "status": verdict.status,
            "message": verdict.why,
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
