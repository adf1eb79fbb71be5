//! The pulse: once per slot every configured probe is run, and all results are written together.

use std::time::Duration;

use futures_util::{StreamExt, stream};
use tokio::time::{sleep, timeout};

use super::{World, redact};
use crate::bus::Notice;
use crate::core::base::time::Timestamp;
use crate::core::health::observation::Observation;
use crate::core::run::plan::{PlanStep, Target};
use crate::core::run::step::{Call, CallKind, Reply};
use crate::core::runbook;
use crate::core::stack::state::State;
use crate::store::StoreError;

/// Probes run at once.
const AT_ONCE: usize = 16;
/// An engine that may see less than others (a console beside a live server, or one that lacks a
/// secret or program a probe needs) leaves them the first quarter of each slot, at most this many
/// milliseconds.
const OTHERS_FIRST_MS: i64 = 5_000;
/// A probe without a timeout of its own.
const TIMEOUT_MS: i64 = 10_000;

/// Pulses until it is dropped: as soon as a pulse is requested, then at the beginning of every
/// slot. Missed slots are not caught up; each slot is taken by one of the engines on a store.
pub(super) async fn beat(world: World) {
    let mut requests = world.signals.pulse.subscribe();
    loop {
        let wanted = *requests.borrow_and_update();
        let Some((workspace, period_ms)) = wanted else {
            if requests.changed().await.is_err() {
                return;
            }
            continue;
        };
        let pause = beat_once(&world, workspace, period_ms.max(1000)).await;
        // In both cases: on to the next slot, or to the new request.
        let _ = timeout(pause, requests.changed()).await;
    }
}

/// Pulses; returns the time until the next slot.
async fn beat_once(world: &World, workspace: i64, period_ms: i64) -> Duration {
    let slot = slot_of(world.clock.now(), period_ms);
    match pulse(world, workspace, slot, period_ms).await {
        Ok(true) => world.bus.publish(Notice::Observations),
        Ok(false) => {}
        Err(e) => tracing::warn!("the pulse of {} was not written: {e}", slot.rfc3339()),
    }
    let now = world.clock.now();
    let pause = slot_of(now, period_ms).plus_ms(period_ms).ms_since(now);
    Duration::from_millis(u64::try_from(pause).unwrap_or(0).max(1))
}

fn slot_of(now: Timestamp, period: i64) -> Timestamp {
    Timestamp(now.0.div_euclid(period) * period)
}

/// One pulse; false when there is nothing to probe, or another engine has this slot.
async fn pulse(
    world: &World,
    workspace: i64,
    slot: Timestamp,
    period_ms: i64,
) -> Result<bool, StoreError> {
    let stack = world.store.stack(workspace).await?;
    let probes = runbook::probes(&stack);
    let unmade = runbook::unmade_probes(&stack);
    if probes.is_empty() && unmade.is_empty() {
        return Ok(false);
    }
    let lacks = || {
        probes
            .iter()
            .any(|step| world.adapters.check(&call_of(step)).is_err())
    };
    if world.defers().await? || lacks() {
        sleep(Duration::from_millis(
            u64::try_from((period_ms / 4).min(OTHERS_FIRST_MS)).unwrap_or(0),
        ))
        .await;
    }
    if !world.store.take_slot(workspace, slot).await? {
        return Ok(false);
    }
    let probing = stream::iter(probes).map(|step| probe(world, step));
    let seen: Vec<_> = probing.buffer_unordered(AT_ONCE).collect().await;
    let redactor = world.adapters.redactor();
    let unmade = unmade
        .into_iter()
        .map(|(target, why)| unknown(world, target, why));
    let seen: Vec<_> = seen
        .into_iter()
        .flatten()
        .chain(unmade)
        .map(|seen| redact::observation(&redactor, seen))
        .collect();
    world.store.pulse(workspace, slot, &seen).await
}

/// Probes one target. When the probe cannot be made, for reasons of ours, the target's state is
/// unknown from now on; `None`: it is not probed in this slot.
async fn probe(world: &World, step: PlanStep) -> Option<Observation> {
    let target = step.target.clone()?;
    let call = call_of(&step);
    let local = matches!(call.kind, CallKind::Shell(_));
    if let Err(why) = world.adapters.check(&call) {
        return Some(unknown(world, target, why));
    }
    // Output of probes is not kept. A probe that the rate limit of its host refuses skips this
    // slot.
    let reply = world.adapters.glance(call).await?;
    if let (true, Reply::Unreachable { message, .. }) | (_, Reply::Refused { message }) =
        (local, &reply)
    {
        return Some(unknown(world, target, message.clone()));
    }
    let outcome = step.outcome(&reply);
    if outcome.state == State::Unknown {
        return Some(unknown(world, target, outcome.message));
    }
    let (state, latency_ms, message) = (outcome.state, outcome.latency_ms, outcome.message);
    let at = world.clock.now();
    Some(Observation {
        target,
        at,
        state,
        latency_ms,
        message,
        run: None,
    })
}

fn call_of(step: &PlanStep) -> Call {
    step.spec.call(if step.timeout_ms > 0 {
        step.timeout_ms
    } else {
        TIMEOUT_MS
    })
}

fn unknown(world: &World, target: Target, message: String) -> Observation {
    tracing::warn!("cannot probe {target}: {message}");
    Observation {
        target,
        at: world.clock.now(),
        state: State::Unknown,
        latency_ms: None,
        message,
        run: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::run::Phase;
    use crate::core::run::step::StepSpec;
    use crate::core::run::step::http::Http;
    use crate::core::stack::service::HttpRequest;
    use crate::engine::testing::{config, world};

    #[test]
    fn a_probe_has_its_own_timeout_or_ten_seconds() {
        for (own_ms, wanted) in [(2500, 2500), (1, 1), (0, 10_000), (-1, 10_000)] {
            let spec = StepSpec::Http(Http::new(HttpRequest::default()));
            let step = PlanStep::new("probe", Phase::Verify, spec, own_ms);
            assert_eq!(call_of(&step).timeout_ms, wanted);
        }
    }

    #[tokio::test]
    async fn without_probes_a_slot_is_left_to_others() {
        let world = world(config("console")).await;
        let (now, mut bus) = (world.clock.now(), world.bus.subscribe());
        let made = world.store.ensure_workspace("acme", "UTC", now).await;
        let workspace = made.unwrap().id;
        let slot = slot_of(now, 3_600_000);
        assert!(!pulse(&world, workspace, slot, 3_600_000).await.unwrap());
        assert!(world.store.take_slot(workspace, slot).await.unwrap());
        let pause = beat_once(&world, workspace, 3_600_000).await;
        assert!(bus.try_recv().is_err(), "nothing was observed");
        let next = slot_of(world.clock.now(), 3_600_000).plus_ms(3_600_000);
        let left = next.ms_since(world.clock.now());
        let pause = i64::try_from(pause.as_millis()).unwrap();
        assert!((left..left + 5000).contains(&pause), "{pause} {left}");
    }

    #[tokio::test]
    async fn what_cannot_be_probed_is_unknown_from_now_on() {
        let world = world(config("console")).await;
        let target = Target {
            service: "web".to_owned(),
            env: None,
        };
        let before = world.clock.now();
        let seen = unknown(&world, target.clone(), "no TOKEN".to_owned());
        assert_eq!((&seen.target, seen.state), (&target, State::Unknown));
        assert_eq!((seen.message.as_str(), seen.latency_ms), ("no TOKEN", None));
        assert!(seen.at >= before && seen.run.is_none());
    }

    #[test]
    fn a_slot_begins_at_a_multiple_of_the_period() {
        for (now, slot) in [(0, 0), (29_999, 0), (30_000, 30_000), (-1, -30_000)] {
            assert_eq!(slot_of(Timestamp(now), 30_000), Timestamp(slot));
        }
    }
}
