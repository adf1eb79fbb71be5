//! Runs: their states, the total (state, transition) table, and the record kept of each.

pub mod act;
pub mod again;
pub mod approval;
pub mod artifact;
pub mod breaker;
pub mod compare;
pub mod concurrency;
pub mod event;
pub mod lock_set;
pub mod lockout;
pub mod need;
pub mod note;
pub mod orders;
pub mod plan;
pub mod priority;
pub mod progress;
pub mod queue;
pub mod repeat;
pub mod response;
pub mod resume;
pub mod step;
pub mod summary;
pub mod timing;

use serde::{Deserialize, Serialize};

use crate::base::time::Timestamp;
use crate::run::again::Again;
use crate::run::orders::Orders;
use crate::run::plan::Plan;
use crate::run::priority::Priority;
use crate::run::queue::{Lane, Queued};
use crate::{serde_by_word, words};

/// Number of a run, unique in a store, shown as `#41`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RunId(pub i64);

impl std::fmt::Display for RunId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "#{}", self.0)
    }
}

words! {
    /// The five phases, in their order.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
    pub enum Phase {
        Validate = "validate",
        Preflight = "preflight",
        Action = "action",
        Verify = "verify",
        Summarize = "summarize",
    }
}

serde_by_word!(Phase);

words! {
    /// Status of a run, in the order of its life.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
    pub enum RunStatus {
        Queued = "queued",
        Claimed = "claimed",
        Running = "running",
        Waiting = "waiting",
        Succeeded = "succeeded",
        Failed = "failed",
        TimedOut = "timed_out",
        Cancelled = "cancelled",
        Interrupted = "interrupted",
        Skipped = "skipped",
    }
}

serde_by_word!(RunStatus);

impl RunStatus {
    /// Whether no engine works on it any more. Only `interrupted` can change again: when it is
    /// resumed or given up.
    #[must_use]
    pub const fn is_terminal(self) -> bool {
        !matches!(
            self,
            Self::Queued | Self::Claimed | Self::Running | Self::Waiting
        )
    }

    /// An engine holds a lease on it.
    #[must_use]
    pub const fn is_held(self) -> bool {
        matches!(self, Self::Claimed | Self::Running | Self::Waiting)
    }
}

/// A change of the status of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Transition {
    /// An engine takes the lease.
    Claim,
    /// The engine gives the lease back before the first effect.
    Release,
    /// The first phase begins; recorded before the first effect.
    Start,
    /// A step asks a person, or a timer runs.
    Wait,
    /// The wait is over.
    Continue,
    Succeed,
    Fail,
    TimeOut,
    Cancel,
    /// The engine that held it is gone; the step in flight has an unknown outcome.
    Interrupt,
    /// A condition excluded the run.
    Skip,
    /// An interrupted run goes back into the queue, to continue at its first unfinished step.
    Resume,
    /// A person ends an interrupted run as failed.
    GiveUp,
}

impl Transition {
    /// All of them.
    pub const ALL: [Self; 13] = [
        Self::Claim,
        Self::Release,
        Self::Start,
        Self::Wait,
        Self::Continue,
        Self::Succeed,
        Self::Fail,
        Self::TimeOut,
        Self::Cancel,
        Self::Interrupt,
        Self::Skip,
        Self::Resume,
        Self::GiveUp,
    ];
}

/// The table is total: every (state, transition) pair is answered, `None` meaning refused.
///
/// | from | allowed |
/// |---|---|
/// | queued | claim → claimed, cancel → cancelled |
/// | claimed | start → running, release → queued, cancel → cancelled, interrupt → interrupted |
/// | running | wait → waiting, succeed, fail, time_out, cancel, interrupt, skip |
/// | waiting | continue → running, fail, time_out, cancel, interrupt, skip |
/// | interrupted | resume → queued, give_up → failed |
/// | any other terminal | nothing |
#[must_use]
pub const fn next(from: RunStatus, what: Transition) -> Option<RunStatus> {
    use RunStatus as S;
    use Transition as T;
    match (from, what) {
        (S::Queued, T::Claim) => Some(S::Claimed),
        (S::Claimed, T::Release) | (S::Interrupted, T::Resume) => Some(S::Queued),
        (S::Claimed, T::Start) | (S::Waiting, T::Continue) => Some(S::Running),
        (S::Running, T::Wait) => Some(S::Waiting),
        (S::Running, T::Succeed) => Some(S::Succeeded),
        (S::Running | S::Waiting, T::Fail) | (S::Interrupted, T::GiveUp) => Some(S::Failed),
        (S::Running | S::Waiting, T::TimeOut) => Some(S::TimedOut),
        (S::Queued | S::Claimed | S::Running | S::Waiting, T::Cancel) => Some(S::Cancelled),
        (S::Claimed | S::Running | S::Waiting, T::Interrupt) => Some(S::Interrupted),
        (S::Running | S::Waiting, T::Skip) => Some(S::Skipped),
        _ => None,
    }
}

words! {
    /// Status of a step.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
    pub enum StepStatus {
        Pending = "pending",
        Running = "running",
        Waiting = "waiting",
        Succeeded = "succeeded",
        Failed = "failed",
        TimedOut = "timed_out",
        Cancelled = "cancelled",
        Skipped = "skipped",
        /// It had begun when the engine died: whether it took effect is unknown.
        Unknown = "unknown",
    }
}

serde_by_word!(StepStatus);

/// The record of one execution of a plan.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Run {
    pub id: RunId,
    /// The run whose chain (`then`) led to this one.
    pub parent: Option<RunId>,
    pub plan: Plan,
    pub status: RunStatus,
    /// Who asked for it.
    pub actor: String,
    /// `console`, `cli`, `chain`, `pulse`.
    pub trigger: String,
    pub reason: Option<String>,
    pub requested_at: Timestamp,
    pub started_at: Option<Timestamp>,
    pub finished_at: Option<Timestamp>,
    /// Why it ended as it did, when not plainly succeeded.
    pub message: Option<String>,
    /// Identity of the engine that holds or held it.
    pub holder: Option<String>,
    pub lease_until: Option<Timestamp>,
    pub cancel_requested_by: Option<String>,
    /// Further orders of people to it.
    #[serde(default)]
    pub orders: Orders,
    /// The ended run that it repeats.
    #[serde(default)]
    pub retry_of: Option<RunId>,
    /// How much of that run it does again.
    #[serde(default, skip_serializing_if = "Again::is_all")]
    pub again: Again,
    #[serde(default)]
    pub lane: Lane,
    #[serde(default)]
    pub priority: Priority,
    /// Number of the last entry written.
    pub last_seq: i64,
}

/// The record of one step of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunStep {
    /// Index into the plan's steps.
    pub index: u32,
    pub status: StepStatus,
    pub attempt: u32,
    pub started_at: Option<Timestamp>,
    pub finished_at: Option<Timestamp>,
    /// Its result in one line.
    pub message: Option<String>,
    /// The run in which it ended, when this run took it over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub taken_from: Option<RunId>,
}

/// One change of a run, or of one of its steps.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    pub at: Timestamp,
    /// Absent: the run itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub step: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attempt: Option<u32>,
    /// The new status: a [`RunStatus`], or a [`StepStatus`] of a step (of one attempt, when another
    /// followed).
    pub status: String,
    /// The person who made it, or the engine that claimed the run; absent: the engine that holds
    /// it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
}

impl Run {
    /// What it repeats, as in "by ana, run #41 again".
    #[must_use]
    pub fn repeats(&self) -> Option<String> {
        let of = self.retry_of?;
        Some(match self.again {
            Again::All => format!("run {of} again"),
            Again::FromFailed => format!("goes on with run {of}"),
            Again::FailedTargets => format!("the failed targets of run {of} again"),
        })
    }

    /// The reason for its status, without repeating the status.
    #[must_use]
    pub fn why(&self) -> Option<&str> {
        self.message
            .as_deref()
            .map(|message| without_status(message, self.status.name()))
    }
}

impl Run {
    /// The reason for its status: its message, or for a queued run the orders and runs it waits
    /// for.
    #[must_use]
    pub fn status_reason(&self, queued: Option<&Queued>) -> Option<String> {
        status_reason(self.status, self.message.as_deref(), &self.orders, queued)
    }
}

fn status_reason(
    status: RunStatus,
    message: Option<&str>,
    orders: &Orders,
    queued: Option<&Queued>,
) -> Option<String> {
    let reasons = orders
        .describe()
        .into_iter()
        .chain(queued.map(ToString::to_string));
    let waits = reasons
        .filter(|_| status == RunStatus::Queued)
        .collect::<Vec<_>>()
        .join("; ");
    let why = || message.map(|message| without_status(message, status.name()).to_owned());
    Some(waits).filter(|waits| !waits.is_empty()).or_else(why)
}

impl RunStep {
    /// Its result, without repeating the status, and the run it was taken over from.
    #[must_use]
    pub fn result(&self) -> Option<String> {
        let why = self.why().map(str::to_owned);
        match self.taken_from {
            None => why,
            Some(run) => {
                let why = why.map(|why| format!(": {why}")).unwrap_or_default();
                Some(format!("in run {run}{why}"))
            }
        }
    }

    /// Its result, without repeating the status.
    #[must_use]
    pub fn why(&self) -> Option<&str> {
        self.message
            .as_deref()
            .map(|message| without_status(message, self.status.name()))
    }
}

/// A message without the status it may begin with, for display beside the status.
#[must_use]
pub fn without_status<'m>(message: &'m str, status: &str) -> &'m str {
    message
        .strip_prefix(status)
        .and_then(|rest| rest.strip_prefix(": "))
        .unwrap_or(message)
}

/// One row of the audit log: a decision by an identity.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditRow {
    pub id: i64,
    pub at: Timestamp,
    pub actor: String,
    /// `run.submit`, `run.cancel`, `stack.apply` …
    pub action: String,
    /// Object of the action: `run #41`, `service web`.
    pub object: String,
    pub before: Option<String>,
    pub after: Option<String>,
    pub reason: Option<String>,
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A run that has just been queued.
    pub(crate) fn run() -> Run {
        Run {
            id: RunId(41),
            parent: None,
            plan: Plan::default(),
            status: RunStatus::Queued,
            actor: "ana".to_owned(),
            trigger: "console".to_owned(),
            reason: None,
            requested_at: Timestamp(0),
            started_at: None,
            finished_at: None,
            message: None,
            holder: None,
            lease_until: None,
            cancel_requested_by: None,
            orders: Orders::default(),
            retry_of: None,
            again: Again::All,
            lane: Lane::default(),
            priority: Priority::default(),
            last_seq: 0,
        }
    }

    #[test]
    fn terminal_states_never_change_but_for_interrupted_and_every_other_state_can_end() {
        for from in RunStatus::ALL {
            let reachable: Vec<_> = Transition::ALL
                .iter()
                .filter_map(|t| next(from, *t))
                .collect();
            let final_state = from.is_terminal() && from != RunStatus::Interrupted;
            assert_eq!(final_state, reachable.is_empty(), "{from:?}");
            if !from.is_terminal() {
                assert!(
                    reachable.contains(&RunStatus::Cancelled),
                    "{from:?} must be cancellable"
                );
            }
            assert_eq!(RunStatus::from_name(from.name()), Some(from));
        }
    }

    #[test]
    fn only_a_claim_leads_out_of_the_queue_towards_work() {
        let into_running: Vec<_> = RunStatus::ALL
            .into_iter()
            .flat_map(|s| Transition::ALL.map(|t| (s, t)))
            .filter(|(s, t)| next(*s, *t) == Some(RunStatus::Running))
            .collect();
        assert_eq!(
            into_running,
            [
                (RunStatus::Claimed, Transition::Start),
                (RunStatus::Waiting, Transition::Continue)
            ]
        );
    }

    /// The table in the documentation of [`next`], read and held against the function: every pair,
    /// allowed or not.
    #[test]
    fn the_published_table_is_the_function() {
        let word = |t: Transition| {
            serde_json::to_value(t)
                .unwrap()
                .as_str()
                .unwrap()
                .to_owned()
        };
        let source = include_str!("run.rs");
        let published = |from: RunStatus| -> Vec<String> {
            let row = source
                .lines()
                .find(|l| l.starts_with(&format!("/// | {} |", from.name())));
            let cells = row.and_then(|l| l.split('|').nth(2)).unwrap_or_default();
            cells
                .split(',')
                .map(|c| c.split('→').next().unwrap().trim().to_owned())
                .filter(|c| !c.is_empty())
                .collect()
        };
        for from in RunStatus::ALL {
            let allowed: Vec<_> = Transition::ALL
                .into_iter()
                .filter(|t| next(from, *t).is_some())
                .map(word)
                .collect();
            let (mut documented, mut actual) = (published(from), allowed);
            documented.sort();
            actual.sort();
            assert_eq!(documented, actual, "{from:?}");
        }
    }

    proptest::proptest! {
        /// Any transitions in any order: a run follows the table, an ended one stays ended unless
        /// it was interrupted, and it is only active after a claim.
        #[test]
        fn any_sequence_keeps_the_rules(events in proptest::collection::vec(0..Transition::ALL.len(), 0..40)) {
            let (mut now, mut claimed) = (RunStatus::Queued, false);
            for what in events.into_iter().map(|i| Transition::ALL[i]) {
                let Some(then) = next(now, what) else { continue };
                proptest::prop_assert!(!now.is_terminal() || now == RunStatus::Interrupted);
                claimed = match then {
                    RunStatus::Claimed => true,
                    RunStatus::Queued => false,
                    _ => claimed,
                };
                proptest::prop_assert_eq!(then.is_held(), claimed && !then.is_terminal());
                proptest::prop_assert_ne!(now, then);
                claimed &= then.is_held();
                now = then;
            }
        }
    }
}
