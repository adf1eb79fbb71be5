//! A step that needs approval: the run waits until enough people have approved, one has refused, or
//! the time is over. Votes come through the store, which checks who may vote; an engine that
//! resumes the run continues with the votes there are.

use std::time::Duration;

use tokio::time::{Instant, sleep, sleep_until};

use super::drive::Drive;
use super::pause::{POLL, Waiting};
use super::step_ref::StepRef;
use super::stop_signal::StopSignal;
use crate::core::run::approval::{Question, Tally, Vote};
use crate::core::run::plan::plan_hash;
use crate::core::run::step::Reply;
use crate::core::run::step::approve::Approve;
use crate::core::run::{StepStatus, Transition};
use crate::store::StoreError;

impl Drive {
    pub(super) async fn approval(
        &self,
        place: StepRef,
        ask: &Approve,
        timeout_ms: i64,
        stop_signal: &StopSignal,
    ) -> Result<Reply, StoreError> {
        let Some(index) = place.index else {
            return Ok(Reply::Unreachable {
                message: "only a step of the run can ask for approval".to_owned(),
            });
        };
        self.rec
            .step(index, StepStatus::Waiting, 1, Some(&ask.prompt), &[])
            .await?;
        let requesters = self.rec.world.store.requesters(self.rec.run()).await?;
        let (hash, votes) = (
            plan_hash(&self.run.plan),
            self.votes(index).await.unwrap_or_default(),
        );
        let until = self.rec.world.clock.now().plus_ms(timeout_ms);
        let question = Question {
            ask,
            plan_hash: &hash,
            requesters: &requesters,
            votes: &votes,
            until,
        };
        self.rec
            .transition(Transition::Wait, Some(&question.describe("")), &[])
            .await?;
        let reply = {
            let _parked = Waiting::new(self);
            let pause = self.limit.pause();
            let reply = self
                .decision(index, question, timeout_ms, stop_signal)
                .await;
            self.results.extend_deadlines(pause.elapsed());
            match reply {
                // Reports the whole timeout, not the rest that an earlier engine had left.
                Reply::TimedOut { after_ms } => Reply::TimedOut {
                    after_ms: self.time_box(index).unwrap_or(after_ms),
                },
                other => other,
            }
        };
        self.rec.transition(Transition::Continue, None, &[]).await?;
        Ok(reply)
    }

    async fn decision(
        &self,
        index: u32,
        question: Question<'_>,
        timeout_ms: i64,
        stop_signal: &StopSignal,
    ) -> Reply {
        let mut wake = self.rec.world.signals.wake.subscribe();
        // tokio's timers end after about 30 years.
        let left = Duration::from_millis(
            u64::try_from(timeout_ms)
                .unwrap_or(0)
                .min(1_000_000_000_000),
        );
        let limit = Instant::now() + left;
        loop {
            // Votes just within the time count: the last poll comes after the deadline.
            let over = Instant::now() >= limit;
            match self.votes(index).await {
                Ok(votes) => match (Question {
                    votes: &votes,
                    ..question
                })
                .tally()
                {
                    Tally::Approved(by) => {
                        return Reply::Answered {
                            done: true,
                            by: by.join(", "),
                            note: None,
                        };
                    }
                    Tally::Denied { by, note } => {
                        return Reply::Answered {
                            done: false,
                            by,
                            note,
                        };
                    }
                    Tally::Open(_) => {}
                },
                Err(e) => {
                    tracing::warn!(run = %self.rec.run(), "cannot look for votes, trying again: {e}");
                }
            }
            if over {
                return Reply::TimedOut {
                    after_ms: timeout_ms,
                };
            }
            tokio::select! {
                Ok(()) = wake.changed() => {}
                () = sleep(POLL) => {}
                () = stop_signal.fired() => return Reply::Unreachable { message: "no decision was made".to_owned() },
                () = sleep_until(limit) => {}
            }
        }
    }

    fn time_box(&self, index: u32) -> Option<i64> {
        self.run
            .plan
            .numbered_step(index)
            .map(|(step, _)| step.timeout_ms)
    }

    async fn votes(&self, index: u32) -> Result<Vec<Vote>, StoreError> {
        let mut votes = self.rec.world.store.votes(self.rec.run()).await?;
        votes.retain(|vote| vote.step == index);
        planted!(VoteCountedTwice => votes.extend(votes.clone().into_iter().map(|v| Vote { actor: v.actor + "2", ..v })));
        Ok(votes)
    }
}
