//! A question to a person: the run waits, its lease is kept, the answer comes through the store.

use std::time::Duration;

use tokio::time::{Instant, sleep, sleep_until};

use super::drive::Drive;
use super::pause::{POLL, Waiting};
use super::step_ref::StepRef;
use super::stop_signal::StopSignal;
use crate::core::run::step::Reply;
use crate::core::run::{StepStatus, Transition};
use crate::store::StoreError;

impl Drive {
    pub(super) async fn ask(
        &self,
        place: StepRef,
        prompt: &str,
        timeout_ms: i64,
        stop_signal: &StopSignal,
    ) -> Result<Reply, StoreError> {
        let Some(index) = place.index else {
            return Ok(Reply::Unreachable {
                message: "only a step of the run can ask a person".to_owned(),
            });
        };
        // Lists show it on one line.
        let lines: Vec<&str> = prompt
            .lines()
            .map(str::trim)
            .filter(|line| !line.is_empty())
            .collect();
        let question = lines.join(" ⏎ ");
        self.rec
            .step(index, StepStatus::Waiting, 1, Some(&question), &[])
            .await?;
        self.rec
            .transition(Transition::Wait, Some(&question), &[])
            .await?;
        let waiting = Waiting::new(self);
        let reply = self.answer(index, timeout_ms, stop_signal).await;
        drop(waiting);
        self.rec.transition(Transition::Continue, None, &[]).await?;
        Ok(reply)
    }

    async fn answer(&self, index: u32, timeout_ms: i64, stop_signal: &StopSignal) -> Reply {
        let world = &self.rec.world;
        let mut wake = world.signals.wake.subscribe();
        let begun = Instant::now();
        // tokio's timers end after about 30 years.
        let limit = begun
            + Duration::from_millis(
                u64::try_from(timeout_ms)
                    .unwrap_or(0)
                    .min(1_000_000_000_000),
            );
        loop {
            // Answers just within the time count: the last poll comes after the deadline.
            let over = Instant::now() >= limit;
            match world.store.answer_of(self.rec.run(), index).await {
                Ok(Some((done, by, note))) => return Reply::Answered { done, by, note },
                Ok(None) => {}
                Err(e) => {
                    tracing::warn!(run = %self.rec.run(), "cannot look for an answer, trying again: {e}");
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
                () = stop_signal.fired() => return Reply::Unreachable { message: "no answer was given".to_owned() },
                () = sleep_until(limit) => {}
            }
        }
    }
}
