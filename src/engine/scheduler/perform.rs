//! Makes one check: its call, the end of its output, and what the answer means.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use futures_util::FutureExt;
use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::adapter::CallEvent;
use crate::core::base::time::Timestamp;
use crate::core::metric::sample::Trigger;
use crate::core::routine::check::{self, CheckAnswer, CheckResult};
use crate::core::routine::class::FailureClass;
use crate::core::routine::misfire::SkipReason;
use crate::core::routine::scheduled::Scheduled;
use crate::core::run::step::CallRefusal;
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
    /// The beginning of the answer, redacted.
    pub answer: Option<String>,
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
    let (mut result, answer) = match answered {
        Ok(Some(answer)) => {
            let kept = redactor.redact(&check::evidence(&answer));
            (Ok(task.scheduled.result(&answer, now)), Some(kept))
        }
        Ok(None) => (Err(SkipReason::RateLimit), None),
        Err(result) => (Ok(result), None),
    };
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
        answer: answer.filter(|text| !text.is_empty()),
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
    let (reply, output) = tokio::join!(call, collect(receiver));
    Ok(reply.map(|reply| CheckAnswer { reply, output }))
}

/// The end of the output of a command; a routine keeps no artifacts.
async fn collect(mut events: mpsc::Receiver<CallEvent>) -> String {
    let mut output = String::new();
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
        }
    }
    output
}

fn cut_front(output: &mut String) {
    if output.len() > 2 * MAX_OUTPUT {
        let from = output.ceil_char_boundary(output.len() - MAX_OUTPUT);
        output.drain(..from);
    }
}
