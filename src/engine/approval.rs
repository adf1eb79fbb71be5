//! A step that needs approval: the run waits until enough people have approved, one has refused, or
//! the time is over. Votes come through the store, which checks who may vote; an engine that
//! resumes the run continues with the votes there are.

use super::drive::Drive;
use super::record::StepRecord;
use super::step_ref::StepRun;
use super::wait::{PeopleWait, Waited};
use crate::core::run::approval::{Question, Tally, Vote};
use crate::core::run::plan::plan_hash;
use crate::core::run::step::Reply;
use crate::core::run::step::approve::Approve;
use crate::core::run::{StepStatus, Transition};
use crate::store::StoreError;

impl Drive {
    pub(super) async fn approval(
        &self,
        run: StepRun<'_>,
        ask: &Approve,
        timeout_ms: i64,
    ) -> Result<Reply, StoreError> {
        let Some(index) = run.place.index else {
            return Ok(Reply::unreachable(
                "only a step of the run can ask for approval",
            ));
        };
        let record = StepRecord {
            index,
            status: StepStatus::Waiting,
            attempt: 1,
            message: Some(&ask.prompt),
        };
        self.rec.step(record, &[]).await?;
        let requesters = self.rec.world.store.requesters(self.rec.run()).await?;
        let (hash, votes) = (
            plan_hash(&self.run.plan),
            self.votes(index).await.unwrap_or_default(),
        );
        let question = Question {
            ask,
            plan_hash: &hash,
            requesters: &requesters,
            votes: &votes,
            until: self.rec.world.clock.now().plus_ms(timeout_ms),
        };
        self.rec
            .transition(Transition::Wait, Some(&question.describe("")), &[])
            .await?;
        let wait = PeopleWait {
            reads: "look for votes",
            timeout_ms: Some(timeout_ms),
            stop_signal: run.stop_signal,
            stops_soon: false,
            pauses_deadlines: true,
        };
        let decision = || self.decision(index, question);
        let reply = match self.wait_for_people(wait, decision).await {
            Waited::Found(reply) => reply,
            // Reports the whole timeout, not the rest that an earlier engine had left.
            Waited::TimedOut => Reply::TimedOut {
                after_ms: self.time_box(index).unwrap_or(timeout_ms),
            },
            Waited::Stopped => Reply::unreachable("no decision was made"),
        };
        self.rec.transition(Transition::Continue, None, &[]).await?;
        Ok(reply)
    }

    /// The decision of the people asked, once there is one.
    async fn decision(
        &self,
        index: u32,
        question: Question<'_>,
    ) -> Result<Option<Reply>, StoreError> {
        let votes = self.votes(index).await?;
        let question = Question {
            votes: &votes,
            ..question
        };
        Ok(match question.tally() {
            Tally::Approved(by) => Some(Reply::Answered {
                done: true,
                by: by.join(", "),
                note: None,
            }),
            Tally::Denied { by, note } => Some(Reply::Answered {
                done: false,
                by,
                note,
            }),
            Tally::Open(_) => None,
        })
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
