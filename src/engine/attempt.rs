//! One step: recorded as running, performed, evaluated, recorded again; retried where that is
//! allowed and useful.

use std::hash::{BuildHasher, Hasher};

use tokio::sync::mpsc;
use tokio::time::{Instant, sleep};

use super::breaker::Admission;
use super::drive::Drive;
use super::output::{self, CHANNEL, OutputOrigin};
use super::ready::Ready;
use super::record::Event;
use super::step_ref::StepRef;
use super::stop_signal::StopSignal;
use crate::core::base::time::human_ms;
use crate::core::health::observation::Observation;
use crate::core::run::StepStatus;
use crate::core::run::event::{Level, NewEntry};
use crate::core::run::plan::{Evaluation, PlanStep, Retry};
use crate::core::run::progress::{StepEnd, StopReason};
use crate::core::run::repeat::is_safe;
use crate::core::run::step::document::Finding;
use crate::core::run::step::{Call, Outcome, Reply, StepSpec, Verdict};
use crate::core::stack::state::State;
use crate::store::StoreError;

/// Decision after a failed attempt.
#[derive(Debug, PartialEq)]
enum Again {
    No,
    /// A retry would be useful, but is not safe.
    Unsafe,
    After(i64),
}

impl Drive {
    /// Runs a step with all its attempts, unless a person skipped it before it could begin.
    pub(super) async fn step(
        &self,
        place: StepRef,
        step: &PlanStep,
        timeout_ms: i64,
        stop_signal: &StopSignal,
    ) -> Result<StepEnd, StoreError> {
        match self.attempts(place, step, timeout_ms, stop_signal).await {
            Err(StoreError::Skipped { message, .. }) => {
                self.results.keep_status(step, StepStatus::Skipped);
                Ok(StepEnd::new(StepStatus::Skipped, message))
            }
            other => other,
        }
    }

    async fn attempts(
        &self,
        place: StepRef,
        step: &PlanStep,
        timeout_ms: i64,
        stop_signal: &StopSignal,
    ) -> Result<StepEnd, StoreError> {
        let ready = match self.ready(place, step).await? {
            Ready::Go(step) => step,
            Ready::Over(ended) => return Ok(ended),
        };
        let step = ready.as_deref().unwrap_or(step);
        let mut attempt = 1;
        loop {
            let Some(timeout_ms) =
                self.within(step, if timeout_ms > 0 { timeout_ms } else { i64::MAX })
            else {
                return self.too_late(place, step, attempt).await;
            };
            let call = self.call_of(step, timeout_ms).await?;
            self.begin(place, step, attempt).await?;
            let begun = Instant::now();
            let reply = self.make(place, step, call, stop_signal).await?;
            let evaluation = self.evaluate(step, &reply);
            let outcome = evaluation.outcome.clone();
            let ms = i64::try_from(begun.elapsed().as_millis()).unwrap_or(i64::MAX);
            if let Some(reason) = stop_signal
                .why()
                .filter(|_| outcome.verdict != Verdict::Succeeded)
            {
                return self
                    .cut_short(place, step, attempt, reason, &reply, ms)
                    .await;
            }
            match again(step, attempt, &outcome, &reply, jitter()) {
                Again::After(pause) => {
                    let message = format!(
                        "{}; trying again in {}",
                        summary(step, &outcome, ms),
                        human_ms(pause)
                    );
                    let entries = [self.step_event(place, step, Level::Warn, message)];
                    match place.index {
                        Some(index) => {
                            self.rec
                                .attempt_ended(index, (attempt, verdict_of(&outcome).0), &entries)
                                .await?;
                        }
                        None => self.rec.append(&entries).await?,
                    }
                    tokio::select! {
                        () = sleep(millis(pause)) => {}
                        () = stop_signal.fired() => return self.end(place, step, attempt, &evaluation, &reply, ms).await,
                    }
                    attempt += 1;
                    continue;
                }
                Again::Unsafe => {
                    let message = format!(
                        "{}: not tried again: it may have taken effect and is not idempotent",
                        step.name
                    );
                    self.rec
                        .append(&[self.step_event(place, step, Level::Warn, message)])
                        .await?;
                }
                Again::No => {}
            }
            return self
                .end(place, step, attempt, &evaluation, &reply, ms)
                .await;
        }
    }

    /// The call of the step. A document, or a message with findings, first gets the results of the
    /// steps before it.
    async fn call_of(&self, step: &PlanStep, timeout_ms: i64) -> Result<Call, StoreError> {
        if !step.spec.wants_findings() {
            return Ok(step.spec.call(timeout_ms));
        }
        let done = self.rec.world.store.steps(self.rec.run()).await?;
        let found = done
            .iter()
            .filter(|s| !matches!(s.status, StepStatus::Pending | StepStatus::Running));
        let findings: Vec<_> = found
            .filter_map(|s| {
                let (named, place) = self.run.plan.numbered_step(s.index)?;
                // Undo steps that were not needed are not findings.
                if place == "undo" && s.status == StepStatus::Skipped {
                    return None;
                }
                Some(Finding {
                    step: &named.name,
                    status: s.status,
                    message: s.message.as_deref(),
                })
            })
            .collect();
        Ok(step.spec.with_findings(&findings).call(timeout_ms))
    }

    async fn begin(&self, place: StepRef, step: &PlanStep, attempt: u32) -> Result<(), StoreError> {
        let tries = step.retry.map_or(1, |r| r.attempts);
        let which = if attempt > 1 {
            format!(" (attempt {attempt} of {tries})")
        } else {
            String::new()
        };
        let message = format!("{}: {}{which}", step.name, step.spec.describe());
        let entries = [self.step_event(place, step, Level::Info, message)];
        match place.index {
            // A question is recorded as waiting, when it is asked.
            Some(index) if !planted!(StartNotRecorded, true, asks_people(step)) => {
                self.rec
                    .step(index, StepStatus::Running, attempt, None, &entries)
                    .await
            }
            _ => self.rec.append(&entries).await,
        }
    }

    async fn make(
        &self,
        place: StepRef,
        step: &PlanStep,
        call: Call,
        stop_signal: &StopSignal,
    ) -> Result<Reply, StoreError> {
        match self.rest_of(place, call) {
            Call::Leave(left) => Ok(match self.rec.leave(place.index, left).await? {
                Ok(_kept) => Reply::Stored,
                Err(no) => Reply::Refused { message: no.why },
            }),
            Call::Manual { prompt, timeout_ms } => {
                self.ask(place, &prompt, timeout_ms, stop_signal).await
            }
            Call::Approve { ask, timeout_ms } => {
                self.approval(place, &ask, timeout_ms, stop_signal).await
            }
            call => {
                let call = self.in_session(call);
                let guarded = match self.admission(place, step, &call).await? {
                    Admission::Open => None,
                    Admission::Guarded(way, pass) => Some((way, pass)),
                    Admission::Shut(reply) => return Ok(reply),
                };
                let (tx, rx) = mpsc::channel(CHANNEL);
                let sensitive = step.rules.sensitive;
                let origin = OutputOrigin {
                    step: place.index,
                    phase: place.phase,
                    kind: step.spec.kind(),
                    sensitive,
                };
                let perform = async {
                    Ok(self
                        .rec
                        .world
                        .adapters
                        .perform(call, tx, stop_signal.limits())
                        .await)
                };
                // An error in the pump drops the call: no effect goes on unrecorded.
                let (reply, ()) = tokio::try_join!(perform, output::pump(&self.rec, rx, origin))?;
                if let Some(guarded) = guarded {
                    self.call_ended(guarded, place, step, &reply, stop_signal)
                        .await?;
                }
                Ok(reply)
            }
        }
    }

    async fn end(
        &self,
        place: StepRef,
        step: &PlanStep,
        attempt: u32,
        evaluation: &Evaluation,
        reply: &Reply,
        ms: i64,
    ) -> Result<StepEnd, StoreError> {
        let message = self
            .shorten(place, step, evaluation.outcome.message.clone())
            .await?;
        let outcome = &Outcome {
            message,
            ..evaluation.outcome.clone()
        };
        let (status, level) = verdict_of(outcome);
        let mut data = serde_json::json!({ "status": status.name(), "attempt": attempt, "ms": ms });
        let written = !step.rules.sensitive;
        if let Reply::Exited { outputs, .. } = reply
            && written
            && !outputs.is_empty()
        {
            data["outputs"] = serde_json::json!(outputs);
        }
        if written && !evaluation.saved.is_empty() {
            let saved: serde_json::Map<_, _> = evaluation
                .saved
                .iter()
                .map(|(k, v)| (k.clone(), v.to_json()))
                .collect();
            data["saved"] = saved.into();
        }
        if let Some(kept) = self
            .results
            .keep(step, status, evaluation)
            .filter(|_| written)
        {
            data["kept"] = kept;
        }
        let event = Event {
            data: Some(data),
            ..event(place, step, level, summary(step, outcome, ms))
        };
        let event = self.rec.entry(event);
        self.close(place, status, attempt, &outcome.message, event)
            .await?;
        self.observe(step, outcome).await?;
        Ok(StepEnd::new(status, &outcome.message))
    }

    /// The step was stopped from outside. It may have taken effect until then, and the message says
    /// so.
    async fn cut_short(
        &self,
        place: StepRef,
        step: &PlanStep,
        attempt: u32,
        reason: &StopReason,
        reply: &Reply,
        ms: i64,
    ) -> Result<StepEnd, StoreError> {
        let status = reason.cut_status(step);
        let mut message = format!("stopped after {}: {}", human_ms(ms), reason.describe());
        if matches!(reply, Reply::Exited { .. }) {
            message = format!("{message} ({})", step.outcome(reply).message);
        }
        if !is_safe(step) {
            message.push_str("; whether it took effect is not known");
        }
        let event = self.step_event(
            place,
            step,
            Level::Warn,
            format!("{}: {message}", step.name),
        );
        self.close(place, status, attempt, &message, event).await?;
        Ok(StepEnd {
            stopped_by: Some(reason.clone()),
            ..StepEnd::new(status, message)
        })
    }

    pub(super) async fn close(
        &self,
        place: StepRef,
        status: StepStatus,
        attempt: u32,
        message: &str,
        event: NewEntry,
    ) -> Result<(), StoreError> {
        match place.index {
            Some(index) => {
                self.rec
                    .step(index, status, attempt, Some(message), &[event])
                    .await
            }
            None => self.rec.append(&[event]).await,
        }
    }

    /// A probe's outcome is an observation, unless the failure is on our side: then there is none.
    async fn observe(&self, step: &PlanStep, outcome: &Outcome) -> Result<(), StoreError> {
        let Some(target) = step.target.clone().filter(|_| step.probe) else {
            return Ok(());
        };
        let checked = self
            .rec
            .world
            .adapters
            .check(&step.spec.call(step.timeout_ms));
        if outcome.state == State::Unknown || checked.is_err() {
            return Ok(());
        }
        let at = self.rec.world.clock.now();
        let (state, latency_ms, message) =
            (outcome.state, outcome.latency_ms, outcome.message.clone());
        self.rec
            .observe(Observation {
                target,
                at,
                state,
                latency_ms,
                message,
                run: Some(self.rec.run()),
            })
            .await
    }

    pub(super) fn step_event(
        &self,
        place: StepRef,
        step: &PlanStep,
        level: Level,
        message: String,
    ) -> NewEntry {
        self.rec.entry(event(place, step, level, message))
    }
}

const fn verdict_of(outcome: &Outcome) -> (StepStatus, Level) {
    match (outcome.verdict, outcome.state) {
        (Verdict::Succeeded, State::Ok) => (StepStatus::Succeeded, Level::Success),
        (Verdict::Succeeded, _) => (StepStatus::Succeeded, Level::Warn),
        (Verdict::Failed { .. }, _) => (StepStatus::Failed, Level::Error),
        (Verdict::TimedOut, _) => (StepStatus::TimedOut, Level::Error),
    }
}

fn event(place: StepRef, step: &PlanStep, level: Level, message: String) -> Event<'static> {
    Event {
        step: place.index,
        phase: place.phase,
        source: step.spec.kind(),
        level,
        message,
        data: None,
    }
}

/// `web in prod: HTTP 200 in 41 ms`; the duration is added where the outcome does not carry one.
fn summary(step: &PlanStep, outcome: &Outcome, ms: i64) -> String {
    match outcome.latency_ms {
        Some(_) => format!("{}: {}", step.name, outcome.message),
        None => format!("{}: {} ({})", step.name, outcome.message, human_ms(ms)),
    }
}

/// Whether and when to try again. `jitter` is between −1 and 1.
fn again(step: &PlanStep, attempt: u32, outcome: &Outcome, reply: &Reply, jitter: f64) -> Again {
    let worth = matches!(
        outcome.verdict,
        Verdict::Failed { again: true } | Verdict::TimedOut
    );
    match step.retry.filter(|r| worth && attempt < r.attempts) {
        None => Again::No,
        Some(_) if !planted!(UnsafeRetry, true, is_safe(step)) => Again::Unsafe,
        Some(retry) => Again::After(pause_ms(retry, attempt, jitter).max(retry_after_ms(reply))),
    }
}

/// Whether the step waits for the answer of a person.
const fn asks_people(step: &PlanStep) -> bool {
    matches!(step.spec, StepSpec::Manual(_) | StepSpec::Approve(_))
}

/// Exponential, ±25 % before the cap.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    reason = "pauses are far below 2^52 ms"
)]
fn pause_ms(retry: Retry, attempt: u32, jitter: f64) -> i64 {
    let bare = Retry {
        cap_ms: i64::MAX / 2,
        ..retry
    }
    .wait_ms(attempt);
    ((bare as f64 * (1.0 + jitter / 4.0)) as i64).clamp(0, retry.cap_ms.max(0))
}

/// The server's `Retry-After`, in seconds or as a date; capped at five minutes. A date counts from
/// the server's own `Date`: its clock may differ from ours, and a server without one sends none
/// (RFC 9110, 6.6.1).
fn retry_after_ms(reply: &Reply) -> i64 {
    let headers = match reply {
        Reply::Http { headers, .. } => headers,
        Reply::Operated(progress) => return retry_after_ms(&progress.last),
        _ => return 0,
    };
    let date = |name: &str| chrono::DateTime::parse_from_rfc2822(headers.get(name)?.trim()).ok();
    let seconds = headers.get("retry-after").and_then(|text| {
        let seconds = text.trim().parse::<i64>().ok();
        seconds.or_else(|| Some((date("retry-after")? - date("date")?).num_seconds()))
    });
    seconds.map_or(0, |s| s.clamp(0, 300) * 1000)
}

/// Evenly between −1 and 1. Each standard hasher has random keys: random enough to spread retries.
#[expect(
    clippy::cast_precision_loss,
    reason = "the low bits do not matter here"
)]
fn jitter() -> f64 {
    let random = std::collections::hash_map::RandomState::new()
        .build_hasher()
        .finish();
    random as f64 / u64::MAX as f64 * 2.0 - 1.0
}

fn millis(ms: i64) -> std::time::Duration {
    std::time::Duration::from_millis(u64::try_from(ms).unwrap_or(0))
}

#[cfg(test)]
mod tests;
