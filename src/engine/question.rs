//! A question to a person: the run waits, its lease is kept, the answer comes through the store.

use super::drive::Drive;
use super::record::StepRecord;
use super::step_ref::StepRun;
use super::wait::{PeopleWait, Waited};
use crate::core::run::step::Reply;
use crate::core::run::{StepStatus, Transition};
use crate::store::StoreError;

impl Drive {
    pub(super) async fn ask(
        &self,
        run: StepRun<'_>,
        prompt: &str,
        timeout_ms: i64,
    ) -> Result<Reply, StoreError> {
        let Some(index) = run.place.index else {
            return Ok(Reply::unreachable(
                "only a step of the run can ask a person",
            ));
        };
        // Lists show it on one line.
        let lines: Vec<&str> = prompt
            .lines()
            .map(str::trim)
            .filter(|line| !line.is_empty())
            .collect();
        let question = lines.join(" ⏎ ");
        let record = StepRecord {
            index,
            status: StepStatus::Waiting,
            attempt: 1,
            message: Some(&question),
        };
        self.rec.step(record, &[]).await?;
        self.rec
            .transition(Transition::Wait, Some(&question), &[])
            .await?;
        let wait = PeopleWait {
            reads: "look for an answer",
            timeout_ms: Some(timeout_ms),
            stop_signal: run.stop_signal,
            stops_soon: false,
            pauses_deadlines: false,
        };
        let reply = match self.wait_for_people(wait, || self.answer(index)).await {
            Waited::Found(reply) => reply,
            Waited::TimedOut => Reply::TimedOut {
                after_ms: timeout_ms,
            },
            Waited::Stopped => Reply::unreachable("no answer was given"),
        };
        self.rec.transition(Transition::Continue, None, &[]).await?;
        Ok(reply)
    }

    async fn answer(&self, index: u32) -> Result<Option<Reply>, StoreError> {
        let answer = self
            .rec
            .world
            .store
            .answer_of(self.rec.run(), index)
            .await?;
        Ok(answer.map(|(done, by, note)| Reply::Answered { done, by, note }))
    }
}
