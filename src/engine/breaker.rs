//! Before a call: whether the breaker of its target allows it; after it: the outcome. See
//! [`crate::core::run::breaker`] for which calls are guarded, and why the others are not.

use super::drive::Drive;
use super::step_ref::{StepRef, StepRun};
use crate::core::run::Phase;
use crate::core::run::breaker::{
    BreakerKey, Pass, State, THRESHOLD, is_read_only_request, is_targets_fault,
};
use crate::core::run::event::Level;
use crate::core::run::plan::PlanStep;
use crate::core::run::step::{Call, Reply, Verdict};
use crate::store::StoreError;

/// More than a call's own time: its outcome has to be written as well.
const SLACK_MS: i64 = 10_000;
/// At most; the run's deadline ends a longer call sooner or later.
const MAX_WAIT_MS: i64 = 10 * 60_000;

/// Whether a call may be made.
pub(super) enum Admission {
    /// No breaker guards it.
    Open,
    /// It was allowed, and its outcome counts.
    Guarded(Guarded),
    /// It is not made.
    Shut(Reply),
}

/// A call that a breaker allowed.
pub(super) struct Guarded {
    way: BreakerKey,
    pass: Pass,
}

impl Drive {
    pub(super) async fn admission(
        &self,
        place: StepRef,
        step: &PlanStep,
        call: &Call,
    ) -> Result<Admission, StoreError> {
        let cleans_up = place.phase.is_none();
        // Where a run acts on what it changes, a GET may be what triggers the change.
        let acts = self.run.plan.mutates && place.phase == Some(Phase::Action);
        let looks = is_read_only_request(call) && !acts;
        let way = BreakerKey::of(step.target.as_ref(), call).filter(|_| {
            // Not guarded: clean-up, read-only calls, probes, a condition's steps.
            !cleans_up
                && !looks
                && !step.probe
                && place.index.is_some()
                && self.rec.world.adapters.check(call).is_ok()
        });
        let Some(way) = way else {
            return Ok(Admission::Open);
        };
        let max_wait_ms = call.timeout_ms.clamp(0, MAX_WAIT_MS) + SLACK_MS;
        match self.rec.admit_call(&way, max_wait_ms).await? {
            Pass::Refused { since, next } => {
                let name = way.name();
                let message = format!(
                    "not called: the breaker of {way} is open since {} UTC, next call at {} UTC; \
                     `reset breaker of {name}` closes it now",
                    since.clock_utc(),
                    next.clock_utc()
                );
                Ok(Admission::Shut(Reply::refused(message)))
            }
            pass => {
                if matches!(pass, Pass::Probe { .. }) {
                    let message = format!(
                        "{}: the breaker of {way} lets this one call through",
                        step.name
                    );
                    self.rec
                        .append(&[self.step_event(place, step, Level::Info, message)])
                        .await?;
                }
                Ok(Admission::Guarded(Guarded { way, pass }))
            }
        }
    }

    /// Reports the outcome of a guarded call to the breaker; records an event when that opened or
    /// closed it.
    pub(super) async fn call_ended(
        &self,
        guarded: Guarded,
        run: StepRun<'_>,
        reply: &Reply,
    ) -> Result<(), StoreError> {
        let (Guarded { way, pass }, step) = (guarded, run.step);
        // A call stopped from outside has no outcome; a probe's slot passes to the next caller when
        // its time is over.
        if run.stop_signal.why().is_some() || matches!(reply, Reply::Refused { .. }) {
            return Ok(());
        }
        let outcome = step.outcome(reply);
        let failed = outcome.verdict != Verdict::Succeeded && is_targets_fault(reply);
        let result = if failed {
            Err(outcome.message.as_str())
        } else {
            Ok(())
        };
        let news = match self.rec.report_to_breaker(&way, pass, result).await? {
            Some((before, State::Open { .. })) if before.is_open() => Some((
                Level::Warn,
                format!("the breaker of {way} stays open: the call it let through failed as well"),
            )),
            Some((_, State::Open { .. })) => {
                let name = way.name();
                let message = format!(
                    "the breaker of {way} opened after {THRESHOLD} failures in a row: it is not called for 5 min; \
                     `reset breaker of {name}` closes it now"
                );
                Some((Level::Warn, message))
            }
            Some((before, State::Closed { .. })) if before.is_open() => Some((
                Level::Success,
                format!("the breaker of {way} closed: it answers again"),
            )),
            _ => None,
        };
        match news {
            Some((level, message)) => {
                let message = format!("{}: {message}", step.name);
                self.rec
                    .append(&[self.step_event(run.place, step, level, message)])
                    .await
            }
            None => Ok(()),
        }
    }
}
