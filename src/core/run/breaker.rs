//! Circuit breakers: after several failures in a row a target gets no calls for a while, then one
//! probe call. A pure state table; the store keeps the states, the engine asks before a call and
//! reports its outcome.
//!
//! Guarded are the calls of a run's steps that change something: requests, statements, operations
//! and messages. A breaker belongs to a target (service and environment, where the step acts on
//! one) and to the host, database or notifier that is called: its failure says nothing about other
//! ways to act on the same service. Commands are not guarded, because the hosts they call are not
//! known. Read-only calls are never refused and never counted: probes, the pulse, conditions,
//! read-only statements and operations, and GET requests (except in the action phase of a run that
//! changes something, which a GET may trigger). They must be able to see that a target is back, and
//! a broken service must not prevent its own restart or rollback. `finally` and `undo` steps are
//! not refused either: they clean up. A failure is what retries treat as a temporary error of the
//! target: no connection, no answer in time, 5xx. Any other answer counts as a success.

use crate::base::outbound::host_of;
use crate::base::time::Timestamp;
use crate::run::plan::Target;
use crate::run::step::{Call, CallKind, Reply};

/// Whether a call is a request with a read-only HTTP method.
#[must_use]
pub fn is_read_only_request(call: &Call) -> bool {
    matches!(&call.kind, CallKind::Http(http) if ["GET", "HEAD", "OPTIONS"].contains(&http.method.as_str()))
}

/// Failures in a row that open a breaker.
pub const THRESHOLD: u32 = 5;
/// How long it stays open before one call is let through.
pub const REST_MS: i64 = 5 * 60_000;

/// The key of a breaker: a host, a database or a notifier that is called on behalf of a target.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
pub struct BreakerKey {
    pub target: Option<Target>,
    /// `api.acme.test:8443`; databases and notifiers as `opsroom.toml` has them: `database.shop`,
    /// `notify.ops`.
    pub host: String,
}

impl std::fmt::Display for BreakerKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.target {
            Some(target) => write!(f, "{target} ({})", self.host),
            None => f.write_str(&self.host),
        }
    }
}

impl BreakerKey {
    /// The breaker of a call on behalf of a target; `None` when the call is not guarded.
    #[must_use]
    pub fn of(target: Option<&Target>, call: &Call) -> Option<Self> {
        let host = match &call.kind {
            CallKind::Http(http) => host_of(&http.url)?,
            CallKind::Operation(adapter) => {
                let (_, operation) = adapter.entry()?;
                operation
                    .mutates()
                    .then(|| host_of(&adapter.base_url))
                    .flatten()?
            }
            CallKind::Sql(sql) if sql.mutates => format!("database.{}", sql.database),
            CallKind::Notify { to, .. } => format!("notify.{to}"),
            CallKind::Sql(_) | CallKind::Shell(_) | CallKind::Wait(_) => return None,
            CallKind::Connect(_) | CallKind::Resolve { .. } | CallKind::Ping { .. } => return None,
            CallKind::Manual(_) | CallKind::Approve(_) | CallKind::Artifact(_) => return None,
        };
        Some(Self {
            target: target.cloned(),
            host,
        })
    }

    /// The argument of `reset breaker of …`: the target, or the host where there is none.
    #[must_use]
    pub fn name(&self) -> String {
        self.target
            .as_ref()
            .map_or_else(|| self.host.clone(), ToString::to_string)
    }
}

/// Whether an answer counts as a failure of the called side: no connection, no answer in time, or a
/// server error. Any other answer is a success, also a refusal.
#[must_use]
pub fn is_targets_fault(reply: &Reply) -> bool {
    match reply {
        Reply::Http { status, .. } => *status >= 500,
        Reply::Unreachable { .. } | Reply::TimedOut { .. } => true,
        Reply::Operated(progress) => is_targets_fault(&progress.last),
        _ => false,
    }
}

/// State of a breaker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(rename_all = "snake_case", tag = "state")]
pub enum State {
    /// Calls go through; `failures` failed in a row.
    Closed { failures: u32 },
    /// Calls are refused.
    Open { since: Timestamp },
    /// One call was let through; until its outcome is reported, or `until`, others are refused.
    HalfOpen { since: Timestamp, until: Timestamp },
}

impl Default for State {
    fn default() -> Self {
        Self::Closed { failures: 0 }
    }
}

/// The answer to "may I call?".
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Pass {
    /// Yes. `clean`: nothing has failed before, so that a success need not be stored.
    Free { clean: bool },
    /// Yes, and its outcome decides the next state of the breaker.
    Probe { until: Timestamp },
    /// No; at that time one call will be let through, unless the breaker is reset before.
    Refused { since: Timestamp, next: Timestamp },
}

impl State {
    /// Asks to make a call that takes at most `timeout_ms`: the answer, and the state from now on.
    #[must_use]
    pub fn admit(self, at: Timestamp, timeout_ms: i64) -> (Self, Pass) {
        let until = at.plus_ms(timeout_ms.max(1));
        match self {
            Self::Closed { failures } => (
                self,
                Pass::Free {
                    clean: failures == 0,
                },
            ),
            Self::Open { since } if rests(since, at) => (
                self,
                Pass::Refused {
                    since,
                    next: since.plus_ms(REST_MS),
                },
            ),
            Self::HalfOpen { since, until } if at < until && since <= at => {
                (self, Pass::Refused { since, next: until })
            }
            Self::Open { since } | Self::HalfOpen { since, .. } => {
                (Self::HalfOpen { since, until }, Pass::Probe { until })
            }
        }
    }

    /// The state after a call that was let through with `pass` has ended. Late outcomes of a call
    /// from before the breaker opened, or of a probe after its deadline, change nothing.
    #[must_use]
    pub fn after(self, pass: Pass, good: bool, at: Timestamp) -> Self {
        match (self, pass, good) {
            (Self::Closed { .. }, Pass::Free { .. } | Pass::Probe { .. }, true) => Self::default(),
            (Self::Closed { failures }, Pass::Free { .. } | Pass::Probe { .. }, false) => {
                let failures = failures.saturating_add(1);
                if failures >= THRESHOLD {
                    Self::Open { since: at }
                } else {
                    Self::Closed { failures }
                }
            }
            (Self::HalfOpen { until, .. }, Pass::Probe { until: mine }, true) if until == mine => {
                Self::default()
            }
            (Self::HalfOpen { until, .. }, Pass::Probe { until: mine }, false) if until == mine => {
                Self::Open { since: at }
            }
            (Self::Closed { .. } | Self::Open { .. } | Self::HalfOpen { .. }, _, _) => self,
        }
    }

    /// The word on screen.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Closed { .. } => "closed",
            Self::Open { .. } => "open",
            Self::HalfOpen { .. } => "half-open",
        }
    }

    /// Whether calls are refused, for a while or until the outcome of the probe is reported.
    #[must_use]
    pub const fn is_open(self) -> bool {
        matches!(self, Self::Open { .. } | Self::HalfOpen { .. })
    }
}

/// Whether an open breaker still refuses calls. A clock that was set back before its opening does
/// not keep
/// it open.
fn rests(since: Timestamp, at: Timestamp) -> bool {
    (0..REST_MS).contains(&at.ms_since(since))
}

/// A stored breaker, for people.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Breaker {
    #[serde(flatten)]
    pub way: BreakerKey,
    #[serde(flatten)]
    pub state: State,
    /// How the last failed call ended.
    pub message: String,
}

impl Breaker {
    /// `open since 13:00:05, next call at 13:05:05; last: HTTP 503 in 12 ms`.
    #[must_use]
    pub fn describe(&self) -> String {
        let how = match self.state {
            State::Closed { failures } => {
                format!("closed, {failures} of {THRESHOLD} failures in a row")
            }
            State::Open { since } => {
                let next = since.plus_ms(REST_MS);
                format!(
                    "open since {}, next call at {}",
                    since.clock_utc(),
                    next.clock_utc()
                )
            }
            State::HalfOpen { since, .. } => format!(
                "half-open since {}, one call is under way",
                since.clock_utc()
            ),
        };
        format!("{how}; last: {}", self.message)
    }
}

#[cfg(test)]
mod tests;
