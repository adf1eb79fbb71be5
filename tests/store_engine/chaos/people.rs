//! People's actions during the test: resuming interrupted runs whose steps have a known outcome,
//! voting for runs that need approval, and cancelling some. Locks: `lockouts.rs`.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use opsroom::clock::Clock;
use opsroom::core::base::time::Timestamp;
use opsroom::core::run::plan::plan_hash;
use opsroom::core::run::resume::Decision;
use opsroom::core::run::{Run, RunStatus, StepStatus};
use opsroom::store::{Ballot, Resumer, StoreError};

use super::runs::{Kind, Work};
use super::{Field, Submitted, Verdict, retry};

/// From the first vote to the second: an engine polls for votes every second.
const SECOND_VOTE: Duration = Duration::from_millis(2500);
/// Limit of resumptions of one run.
const RESUMED_AT_MOST: usize = 5;
/// A wait step that began less than this before the cancellation does not end before the engine
/// notices it.
const EARLY_MS: i64 = 1000;

/// A run that was cancelled.
pub struct Cancelled {
    pub at: Timestamp,
    /// In time: the step after the wait must not run.
    pub early: bool,
}

impl Field {
    pub(super) async fn act_as_people(&mut self) -> Verdict {
        let marks = self.marks();
        let read_at = Clock::System.now();
        let live = self.live().await;
        self.lock_and_unlock(&live, read_at).await?;
        for run in live {
            let Some(&n) = self.by_id.get(&run.id) else {
                continue;
            };
            match self.submitted[n].kind {
                Kind::Approval => self.vote(n, &run, &marks).await?,
                Kind::Cancelled => self.cancel(n, &run, &marks).await,
                _ => {}
            }
        }
        for run in self.with(&[RunStatus::Interrupted], 30).await {
            if let Some(&n) = self.by_id.get(&run.id) {
                self.resume(n, &run).await?;
            }
        }
        Ok(())
    }

    async fn vote(&mut self, n: usize, run: &Run, marks: &HashMap<String, usize>) -> Verdict {
        let voted = self.submitted[n].voted;
        if self.submitted[n].decided {
            return Ok(());
        }
        if marks.contains_key(&format!("{n}.2")) {
            return Err((
                "votes",
                format!("run {} went on with the vote of one of two people", run.id),
            ));
        }
        let actor = match voted {
            None => "ana",
            Some(at) if at.elapsed() > SECOND_VOTE => "bob",
            Some(_) => return Ok(()),
        };
        let hash = plan_hash(&run.plan);
        let ballot = Ballot {
            actor,
            approved: true,
            note: None,
            plan_hash: &hash,
        };
        // Refused while it does not wait for approval yet.
        let given =
            retry(async || self.store.vote(run.id, ballot, Clock::System.now()).await).await;
        match (given, voted) {
            (Ok(_), None) => self.submitted[n].voted = Some(Instant::now()),
            (Ok(_), Some(_)) => {
                self.submitted[n].decided = true;
                self.figures.approved += 1;
            }
            (Err(_), _) => {}
        }
        Ok(())
    }

    async fn cancel(&mut self, n: usize, run: &Run, marks: &HashMap<String, usize>) {
        let waits = run.status == RunStatus::Running && marks.contains_key(&format!("{n}.0"));
        if self.submitted[n].cancelled.is_some() || !waits {
            return;
        }
        let given = retry(async || {
            self.store
                .request_cancel(run.id, "cleo", None, Clock::System.now())
                .await
        })
        .await;
        if given.is_err() {
            return;
        }
        let at = Clock::System.now();
        let steps = retry(async || self.store.steps(run.id).await)
            .await
            .unwrap();
        let began = steps[1].started_at;
        let early = began.is_none_or(|began| at.ms_since(began) < EARLY_MS);
        self.submitted[n].cancelled = Some(Cancelled { at, early });
    }

    /// Decides like a person who has checked the effects of each step: nothing done is repeated.
    async fn resume(&mut self, n: usize, run: &Run) -> Verdict {
        let Submitted {
            kind,
            resumed,
            ref cancelled,
            ..
        } = self.submitted[n];
        if n % 4 == 1 || self.closing || resumed >= RESUMED_AT_MOST || cancelled.is_some() {
            return Ok(());
        }
        let entries = self.entries(run).await?;
        self.check_deaths(run, &entries)?;
        let steps = retry(async || self.store.steps(run.id).await)
            .await
            .unwrap();
        // Read after the interruption: from then on no command of the run is under way.
        let marks = self.marks();
        let unknown: Vec<_> = steps
            .iter()
            .filter(|s| s.status == StepStatus::Unknown)
            .collect();
        let mut decision = None;
        for step in unknown {
            let did = marks
                .get(&format!("{n}.{}", step.index))
                .copied()
                .unwrap_or(0);
            decision = match (kind.work(step.index), did) {
                (Work::Repeatable, _) | (Work::Command, 0) => Some(Decision::Repeat),
                // The value that a step saved is not known when a person marks it done.
                (Work::Command, 1) if (kind, step.index) != (Kind::Plain, 0) => {
                    Some(Decision::Done)
                }
                // A request may still be on its way, when its engine is only stopped.
                _ => return Ok(()),
            };
        }
        let by = Resumer {
            actor: "dora",
            reason: None,
        };
        match retry(async || {
            self.store
                .resume(run.id, decision, by, Clock::System.now())
                .await
        })
        .await
        {
            Ok(_) => {
                self.submitted[n].resumed += 1;
                self.submitted[n].checked = false;
                self.figures.resumed += 1;
                Ok(())
            }
            Err(StoreError::Refused { .. }) => Ok(()),
            Err(e) => Err((
                "resuming",
                format!("run {} cannot be resumed with {decision:?}: {e}", run.id),
            )),
        }
    }
}
