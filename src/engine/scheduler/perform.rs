//! Makes one check: its call, the end of its output, and what the answer means.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use futures_util::FutureExt;
use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::adapter::CallEvent;
use crate::core::base::time::Timestamp;
use crate::core::metric::sample::Trigger;
use crate::core::routine::canary::is_in_doubt;
use crate::core::routine::check::{self, CheckAnswer, CheckResult};
use crate::core::routine::class::FailureClass;
use crate::core::routine::misfire::SkipReason;
use crate::core::routine::scheduled::Scheduled;
use crate::core::run::step::CallRefusal;
use crate::core::run::timing::Timing;
use crate::core::stack::state::State;
use crate::engine::World;

/// The end of a command's output that is kept, bytes.
const MAX_OUTPUT: usize = 16 * 1024;

/// The message of a check that ended in a bug of ours.
pub(super) const PANICKED: &str = "the check ended in an error of opsroom; its log file says more";

/// A check that was made, or could not be.
#[derive(Debug)]
pub(super) struct Done {
    pub routine: i64,
    pub host: String,
    pub slot: Timestamp,
    pub begun: Timestamp,
    /// `Err`: no check was made.
    pub result: Result<CheckResult, SkipReason>,
    /// Microseconds until the answer; none without one.
    pub latency_us: Option<u32>,
    /// The beginning of the answer, redacted; empty when there is none.
    pub answer: String,
    /// The phases of the call.
    pub timing: Timing,
    /// An outage of our own network could be the reason of the result.
    pub in_doubt: bool,
    pub trigger: Trigger,
    /// The request of a person that asked for it.
    pub request: Option<i64>,
}

/// What to check, and why.
#[derive(Debug)]
pub(super) struct Task {
    pub routine: i64,
    pub scheduled: Arc<Scheduled>,
    /// The host it calls; '' for a local command.
    pub host: String,
    pub slot: Timestamp,
    /// When it was to begin.
    pub planned: Timestamp,
    pub trigger: Trigger,
    pub request: Option<i64>,
}

/// Makes the check. It ends by its own deadline.
pub(super) async fn perform(world: World, task: Task) -> Done {
    let begun = world.clock.now();
    let start = Instant::now();
    // A check that panics is a result like any other: its routine has to go on.
    let answered = AssertUnwindSafe(answer(&world, &task.scheduled))
        .catch_unwind()
        .await
        .unwrap_or_else(|_| Err(CheckResult::unknown(FailureClass::Ours, PANICKED)));
    let measured = start.elapsed().as_micros();
    let now = world.clock.now();
    let redactor = world.adapters.redactor();
    let (mut result, answer, timing) = match answered {
        Ok(Some(answer)) => {
            let kept = redactor.redact(&check::evidence(&answer));
            let result = task.scheduled.result(&answer, now);
            (Ok(result), kept, answer.timing)
        }
        Ok(None) => (Err(SkipReason::RateLimit), String::new(), Timing::default()),
        Err(result) => (Ok(result), String::new(), Timing::default()),
    };
    let canaries = &world.config.canaries;
    let failed = result.as_ref().ok().filter(|r| r.state == State::Failing);
    let in_doubt = !canaries.is_empty()
        && failed
            .zip(task.scheduled.call().ok())
            .is_some_and(|(result, call)| is_in_doubt(canaries, &call, &timing, result));
    if let Ok(result) = &mut result {
        result.message = redactor.redact(&result.message);
    }
    let answered_after = result.as_ref().ok().and_then(|r| r.latency_ms);
    let latency_us = answered_after.map(|ms| {
        // The adapter's own time is exact to a millisecond and leaves out waiting for a secret.
        let most = u128::try_from(ms.saturating_add(1)).unwrap_or(0) * 1000;
        u32::try_from(measured.min(most)).unwrap_or(u32::MAX)
    });
    Done {
        routine: task.routine,
        host: task.host,
        slot: task.slot,
        begun,
        result,
        latency_us,
        answer,
        timing,
        in_doubt,
        trigger: task.trigger,
        request: task.request,
    }
}

/// None: the rate limit of its host leaves no room now. `Err`: the call could not be made.
async fn answer(world: &World, scheduled: &Scheduled) -> Result<Option<CheckAnswer>, CheckResult> {
    let ours = |why: String| CheckResult::unknown(FailureClass::Ours, &why);
    let call = scheduled.call().map_err(ours)?;
    let refused = |refusal: CallRefusal| {
        CheckResult::unknown(FailureClass::refused(refusal.by), &refusal.message)
    };
    world.adapters.check(&call).map_err(refused)?;
    let (sender, receiver) = mpsc::channel(16);
    let call = world.adapters.glance(call, sender);
    let (reply, (output, timing)) = tokio::join!(call, collect(receiver));
    Ok(reply.map(|reply| CheckAnswer {
        reply,
        output,
        timing,
    }))
}

/// The end of the output of a command, or the timing of a call; a routine keeps no artifacts.
async fn collect(mut events: mpsc::Receiver<CallEvent>) -> (String, Timing) {
    let mut output = String::new();
    let mut timing = Timing::default();
    while let Some(event) = events.recv().await {
        match event {
            CallEvent::Ready(_, go) => {
                // The command waits until it is known; a check leaves no record of it.
                let _ = go.send(());
            }
            CallEvent::Lines(lines) => {
                for line in lines {
                    output.push_str(&line.text);
                    output.push('\n');
                }
                cut_front(&mut output);
            }
            CallEvent::Artifact(_, kept) => drop(kept),
            CallEvent::Note(note) => tracing::debug!("{note}"),
            CallEvent::Timed(measured) => timing = measured,
        }
    }
    (output, timing)
}

fn cut_front(output: &mut String) {
    if output.len() > 2 * MAX_OUTPUT {
        let from = output.ceil_char_boundary(output.len() - MAX_OUTPUT);
        output.drain(..from);
    }
}
