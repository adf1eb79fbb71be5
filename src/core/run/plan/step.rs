//! One step of a plan: its work, its deadline, and the reaction to a failure.

use serde::{Deserialize, Serialize};

use super::{Rules, Target};
use crate::run::Phase;
use crate::run::step::{Outcome, Reply, StepSpec, Verdict};
use crate::stack::state::State;

/// One step of a plan.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PlanStep {
    pub name: String,
    pub phase: Phase,
    pub spec: StepSpec,
    /// Total deadline of one attempt, milliseconds.
    pub timeout_ms: i64,
    #[serde(default)]
    pub retry: Option<Retry>,
    #[serde(default)]
    pub on_failure: OnFailure,
    #[serde(default)]
    pub idempotent: bool,
    /// The service and environment it acts on, when it acts on one.
    #[serde(default)]
    pub target: Option<Target>,
    /// Its outcome is an observation of the target's state.
    #[serde(default)]
    pub probe: bool,
    /// Conditions, saved values, and its relation to other steps.
    #[serde(default, skip_serializing_if = "Rules::is_none")]
    pub rules: Rules,
}

impl PlanStep {
    /// A step without rules of its own: it is done once, and where it fails the run stops.
    #[must_use]
    pub fn new(name: &str, phase: Phase, spec: StepSpec, timeout_ms: i64) -> Self {
        Self {
            name: name.to_owned(),
            phase,
            spec,
            timeout_ms,
            retry: None,
            on_failure: OnFailure::Stop,
            idempotent: false,
            target: None,
            probe: false,
            rules: Rules::default(),
        }
    }

    /// The same step, acting on this target.
    #[must_use]
    pub fn on(self, target: Target) -> Self {
        Self {
            target: Some(target),
            ..self
        }
    }

    /// The outcome of an answer for this step. A probe may always be retried; any other step that
    /// is slower than `max_ms` has failed, where a probe is only degraded.
    #[must_use]
    pub fn outcome(&self, reply: &Reply) -> Outcome {
        let mut outcome = self.spec.outcome(reply);
        if self.probe {
            if let Verdict::Failed { again } = &mut outcome.verdict {
                *again = true;
            }
        } else if outcome.state == State::Degraded && outcome.verdict == Verdict::Succeeded {
            (outcome.verdict, outcome.state) = (Verdict::Failed { again: false }, State::Failing);
        }
        outcome
    }
}

/// Effect of a failed step on the run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OnFailure {
    /// The run fails after this step; later phases are skipped, and say so.
    #[default]
    Stop,
    /// The rest runs; the run still ends failed.
    Continue,
    /// The steps up to the one of this number are skipped; the run goes on there and still ends
    /// failed.
    Jump(u32),
}

/// Retries of a failed step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Retry {
    /// Attempts in total, at least 1.
    pub attempts: u32,
    /// Wait before attempt n+1 is `min(base · 2^(n−1), cap)`, milliseconds.
    pub base_ms: i64,
    pub cap_ms: i64,
}

impl Retry {
    /// Milliseconds to wait after failed attempt number `attempt` (from 1), without jitter.
    #[must_use]
    pub fn wait_ms(&self, attempt: u32) -> i64 {
        let factor = 1_i64
            .checked_shl(attempt.saturating_sub(1).min(40))
            .unwrap_or(i64::MAX);
        self.base_ms.saturating_mul(factor).min(self.cap_ms)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn probes_are_retried_and_slow_work_has_failed() {
        use crate::run::step::http::Http;
        use crate::stack::service::HttpRequest;

        let request = HttpRequest {
            max_ms: Some(100),
            ..HttpRequest::default()
        };
        let probe = PlanStep {
            probe: true,
            ..PlanStep::new(
                "probe",
                Phase::Verify,
                StepSpec::Http(Http::new(request)),
                1000,
            )
        };
        let work = PlanStep {
            probe: false,
            ..probe.clone()
        };
        let answer = |status, ms| {
            let headers = BTreeMap::new();
            Reply::Http {
                status,
                headers,
                body: String::new(),
                truncated: false,
                ms,
            }
        };
        for (step, reply, verdict, state) in [
            (&probe, answer(200, 10), Verdict::Succeeded, State::Ok),
            (
                &probe,
                answer(200, 200),
                Verdict::Succeeded,
                State::Degraded,
            ),
            (
                &probe,
                answer(404, 10),
                Verdict::Failed { again: true },
                State::Failing,
            ),
            (&work, answer(200, 10), Verdict::Succeeded, State::Ok),
            (
                &work,
                answer(200, 200),
                Verdict::Failed { again: false },
                State::Failing,
            ),
            (
                &work,
                answer(404, 10),
                Verdict::Failed { again: false },
                State::Failing,
            ),
        ] {
            let outcome = step.outcome(&reply);
            assert_eq!((outcome.verdict, outcome.state), (verdict, state));
        }
    }

    #[test]
    fn waits_double_up_to_the_cap() {
        let retry = Retry {
            attempts: 9,
            base_ms: 1000,
            cap_ms: 8000,
        };
        let waits: Vec<_> = (1..=6).map(|n| retry.wait_ms(n)).collect();
        assert_eq!(waits, [1000, 2000, 4000, 8000, 8000, 8000]);
        assert_eq!(
            Retry {
                cap_ms: i64::MAX,
                ..retry
            }
            .wait_ms(u32::MAX),
            1000 << 40
        );
    }
}
