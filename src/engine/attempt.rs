//! One step: recorded as running, performed, evaluated, recorded again; retried where that is
//! allowed and useful.

use std::hash::{BuildHasher, Hasher};

use tokio::sync::mpsc;
use tokio::time::{Instant, sleep};

use super::breaker::Admission;
use super::drive::Drive;
use super::output::{self, CHANNEL, OutputOrigin};
use super::ready::Ready;
use super::record::{Event, StepRecord};
use super::step_ref::{Closing, StepRef, StepRun};
use crate::core::base::time::human_ms;
use crate::core::health::observation::Observation;
use crate::core::run::StepStatus;
use crate::core::run::event::{Level, NewEntry};
use crate::core::run::plan::{Evaluation, PlanStep, Retry};
use crate::core::run::progress::{StepEnd, StopReason};
use crate::core::run::repeat::is_safe;
use crate::core::run::step::document::Finding;
use crate::core::run::step::{Call, CallKind, Outcome, Reply, StepSpec, Verdict};
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

/// An attempt that has ended.
struct Tried {
    attempt: u32,
    reply: Reply,
    evaluation: Evaluation,
    ms: i64,
}

impl Drive {
    /// Runs a step with all its attempts, unless a person skipped it before it could begin.
    pub(super) async fn step(&self, run: StepRun<'_>) -> Result<StepEnd, StoreError> {
        match self.attempts(run).await {
            Err(StoreError::Skipped { message, .. }) => {
                self.results.keep_status(run.step, StepStatus::Skipped);
                Ok(StepEnd::new(StepStatus::Skipped, message))
            }
            other => other,
        }
    }

    async fn attempts(&self, run: StepRun<'_>) -> Result<StepEnd, StoreError> {
        let place = run.place;
        let ready = match self.ready(place, run.step).await? {
            Ready::Go(step) => step,
            Ready::Over(ended) => return Ok(ended),
        };
        let step = ready.as_deref().unwrap_or(run.step);
        let run = StepRun { step, ..run };
        let timeout_ms = if run.timeout_ms > 0 {
            run.timeout_ms
        } else {
            i64::MAX
        };
        let mut attempt = 1;
        loop {
            let Some(timeout_ms) = self.within(step, timeout_ms) else {
                return self.too_late(place, step, attempt).await;
            };
            let call = self.call_of(step, timeout_ms).await?;
            self.begin(place, step, attempt).await?;
            let begun = Instant::now();
            let reply = self.make(run, call).await?;
            let tried = Tried {
                attempt,
                evaluation: self.evaluate(step, &reply),
                reply,
                ms: i64::try_from(begun.elapsed().as_millis()).unwrap_or(i64::MAX),
            };
            let succeeded = tried.evaluation.outcome.verdict == Verdict::Succeeded;
            if let Some(reason) = run.stop_signal.why().filter(|_| !succeeded) {
                return self.cut_short(run, &tried, reason).await;
            }
            match again(step, &tried, jitter()) {
                Again::After(pause) => {
                    self.attempt_ended(run, &tried, pause).await?;
                    tokio::select! {
                        () = sleep(millis(pause)) => {}
                        () = run.stop_signal.fired() => return self.end(run, &tried).await,
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
            return self.end(run, &tried).await;
        }
    }

    /// Records an attempt that is followed by another one, after this pause.
    async fn attempt_ended(
        &self,
        run: StepRun<'_>,
        tried: &Tried,
        pause: i64,
    ) -> Result<(), StoreError> {
        let outcome = &tried.evaluation.outcome;
        let message = format!(
            "{}; trying again in {}",
            summary(run.step, outcome, tried.ms),
            human_ms(pause)
        );
        let entries = [self.step_event(run.place, run.step, Level::Warn, message)];
        let Some(index) = run.place.index else {
            return self.rec.append(&entries).await;
        };
        let record = StepRecord {
            index,
            status: verdict_of(outcome).0,
            attempt: tried.attempt,
            message: None,
        };
        self.rec.attempt_ended(record, &entries).await
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
                let record = StepRecord {
                    index,
                    status: StepStatus::Running,
                    attempt,
                    message: None,
                };
                self.rec.step(record, &entries).await
            }
            _ => self.rec.append(&entries).await,
        }
    }

    async fn make(&self, run: StepRun<'_>, call: Call) -> Result<Reply, StoreError> {
        let StepRun { place, step, .. } = run;
        let Call { kind, timeout_ms } = self.rest_of(place, call);
        match kind {
            CallKind::Artifact(draft) => Ok(match self.rec.leave(place.index, draft).await? {
                Ok(_kept) => Reply::Stored,
                Err(no) => Reply::refused(no.why),
            }),
            CallKind::Manual(manual) => self.ask(run, &manual.prompt, timeout_ms).await,
            CallKind::Approve(ask) => self.approval(run, &ask, timeout_ms).await,
            kind => {
                let call = self.in_session(Call { kind, timeout_ms });
                let guarded = match self.admission(place, step, &call).await? {
                    Admission::Open => None,
                    Admission::Guarded(guarded) => Some(guarded),
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
                        .perform(call, tx, run.stop_signal.limits())
                        .await)
                };
                // An error in the pump drops the call: no effect goes on unrecorded.
                let (reply, ()) = tokio::try_join!(perform, output::pump(&self.rec, rx, origin))?;
                if let Some(guarded) = guarded {
                    self.call_ended(guarded, run, &reply).await?;
                }
                Ok(reply)
            }
        }
    }

    async fn end(&self, run: StepRun<'_>, tried: &Tried) -> Result<StepEnd, StoreError> {
        let StepRun { place, step, .. } = run;
        let Tried {
            attempt,
            reply,
            evaluation,
            ms,
        } = tried;
        let message = self
            .shorten(place, step, evaluation.outcome.message.clone())
            .await?;
        let outcome = &Outcome {
            message,
            ..evaluation.outcome.clone()
        };
        self.keep_links(place, step, &evaluation.links).await?;
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
            ..event(place, step, level, summary(step, outcome, *ms))
        };
        let event = self.rec.entry(event);
        let closing = Closing {
            status,
            attempt: *attempt,
            message: &outcome.message,
        };
        self.close(place, closing, event).await?;
        self.observe(step, outcome).await?;
        Ok(StepEnd::new(status, &outcome.message))
    }

    /// The step was stopped from outside. It may have taken effect until then, and the message says
    /// so.
    async fn cut_short(
        &self,
        run: StepRun<'_>,
        tried: &Tried,
        reason: &StopReason,
    ) -> Result<StepEnd, StoreError> {
        let StepRun { place, step, .. } = run;
        let status = reason.cut_status(step);
        let mut message = format!(
            "stopped after {}: {}",
            human_ms(tried.ms),
            reason.describe()
        );
        if matches!(tried.reply, Reply::Exited { .. }) {
            message = format!("{message} ({})", step.outcome(&tried.reply).message);
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
        let closing = Closing {
            status,
            attempt: tried.attempt,
            message: &message,
        };
        self.close(place, closing, event).await?;
        Ok(StepEnd {
            stopped_by: Some(reason.clone()),
            ..StepEnd::new(status, message)
        })
    }

    pub(super) async fn close(
        &self,
        place: StepRef,
        closing: Closing<'_>,
        event: NewEntry,
    ) -> Result<(), StoreError> {
        let Some(index) = place.index else {
            return self.rec.append(&[event]).await;
        };
        let record = StepRecord {
            index,
            status: closing.status,
            attempt: closing.attempt,
            message: Some(closing.message),
        };
        self.rec.step(record, &[event]).await
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
fn again(step: &PlanStep, tried: &Tried, jitter: f64) -> Again {
    let (attempt, outcome) = (tried.attempt, &tried.evaluation.outcome);
    let worth = matches!(
        outcome.verdict,
        Verdict::Failed { again: true } | Verdict::TimedOut
    );
    match step.retry.filter(|r| worth && attempt < r.attempts) {
        None => Again::No,
        Some(_) if !planted!(UnsafeRetry, true, is_safe(step)) => Again::Unsafe,
        Some(retry) => {
            Again::After(pause_ms(retry, attempt, jitter).max(retry_after_ms(&tried.reply)))
        }
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
