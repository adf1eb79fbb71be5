//! Observations: the result of a probe of a service in an environment, with its time and run.

use std::ops::Deref;

use serde::{Deserialize, Serialize};

use crate::base::time::{self, Timestamp};
use crate::run::RunId;
use crate::run::plan::Target;
use crate::stack::state::State;

/// One result of a probe of one target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Observation {
    pub target: Target,
    pub at: Timestamp,
    /// [`State::Unknown`]: the target could not be probed, for a local reason; the message names
    /// it.
    pub state: State,
    pub latency_ms: Option<i64>,
    pub message: String,
    /// The run it comes from; absent for a pulse.
    pub run: Option<RunId>,
}

/// The stored state of a target.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TargetSummary {
    pub latest: Observation,
    /// The newest answered probe; `latest` may be one that could not be made.
    pub seen: Option<Seen>,
    /// The first observation of the unbroken row of observations in the state of `latest`.
    pub since: Timestamp,
}

/// The stored states of targets, each found by its target.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct TargetStates(Vec<(Target, TargetSummary)>);

impl TargetStates {
    /// The stored state of a target.
    #[must_use]
    pub fn get(&self, target: &Target) -> Option<&TargetSummary> {
        let at = self.0.binary_search_by(|(known, _)| known.cmp(target));
        Some(&self.0.get(at.ok()?)?.1)
    }

    /// Each state, to be changed.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = (&Target, &mut TargetSummary)> {
        self.0.iter_mut().map(|(target, state)| (&*target, state))
    }
}

impl From<Vec<(Target, TargetSummary)>> for TargetStates {
    fn from(mut states: Vec<(Target, TargetSummary)>) -> Self {
        states.sort_by(|(one, _), (other, _)| one.cmp(other));
        Self(states)
    }
}

impl Deref for TargetStates {
    type Target = [(Target, TargetSummary)];

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

/// Time and state of the last answered probe of a target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen {
    pub at: Timestamp,
    pub state: State,
}

/// The current state of a target, as far as it is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TargetState {
    /// [`State::Unknown`] when it was never observed, cannot be probed, or was last observed too
    /// long ago.
    pub state: State,
    pub seen_at: Option<Timestamp>,
    /// When this state began; absent if it was never observed. One that is observed no more is
    /// unknown since it was last observed.
    pub since: Option<Timestamp>,
    /// The last state of a target that was observed before, but is not any more.
    pub lost: Option<State>,
    /// Why it is in that state, with numbers and age: `HTTP 500 in 12 ms, under 1 min ago`.
    pub detail: String,
}

/// The state of a target at `now`; an observation older than `max_age_ms` does not count.
#[must_use]
pub fn current_state(
    summary: Option<&TargetSummary>,
    now: Timestamp,
    max_age_ms: i64,
) -> TargetState {
    let Some(summary) = summary else {
        return TargetState {
            state: State::Unknown,
            seen_at: None,
            since: None,
            lost: None,
            detail: "never observed".to_owned(),
        };
    };
    let (latest, seen) = (&summary.latest, summary.seen);
    let ago = |at: Timestamp| time::age(now.ms_since(at).max(0));
    let unknown = |detail, since| TargetState {
        state: State::Unknown,
        seen_at: seen.map(|seen| seen.at),
        since: Some(since),
        lost: seen.map(|seen| seen.state),
        detail,
    };
    let last = |seen: Seen| format!("last seen {} ago, as {}", ago(seen.at), seen.state.name());
    if latest.state == State::Unknown {
        let before = seen.map_or_else(|| "never seen".to_owned(), last);
        let detail = format!("cannot be probed: {}; {before}", latest.message);
        return unknown(detail, summary.since);
    }
    if now.ms_since(latest.at) > max_age_ms {
        let detail = last(Seen {
            at: latest.at,
            state: latest.state,
        });
        return unknown(detail, latest.at);
    }
    let detail = format!("{}, {} ago", latest.message, ago(latest.at));
    TargetState {
        state: latest.state,
        seen_at: Some(latest.at),
        since: Some(summary.since),
        lost: None,
        detail,
    }
}

impl TargetSummary {
    /// The summary of a target whose newest observation is also the last answered one.
    #[must_use]
    pub fn of(latest: Observation) -> Self {
        let seen = Some(Seen {
            at: latest.at,
            state: latest.state,
        })
        .filter(|seen| seen.state != State::Unknown);
        Self {
            since: latest.at,
            latest,
            seen,
        }
    }
}
