//! The queue: in which order runs are taken, how many of them at once, and which never run
//! together.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::base::time::Timestamp;
use crate::run::lock_set::touched;
use crate::run::lockout::Lockout;
use crate::run::plan::{Plan, Target};
use crate::run::{RunId, RunStatus};
use crate::{serde_by_word, words};

words! {
    /// Priority of a run in the queue, least first.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Hash)]
    pub enum Priority {
        Low = "low",
        #[default]
        Normal = "normal",
        High = "high",
        Urgent = "urgent",
    }
}

serde_by_word!(Priority);

const HOUR_MS: i64 = 3_600_000;

impl Priority {
    /// Whether it is the default, which is not shown.
    #[must_use]
    pub const fn is_normal(&self) -> bool {
        matches!(self, Self::Normal)
    }

    /// Waiting time that is added to the real one.
    const fn head_start_ms(self) -> i64 {
        match self {
            Self::Low => -HOUR_MS,
            Self::Normal => 0,
            Self::High => HOUR_MS,
            Self::Urgent => 24 * HOUR_MS,
        }
    }
}

words! {
    /// Separate capacity by purpose, so that much routine work never delays the runs of people. In
    /// the order an engine checks them.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Hash)]
    pub enum Lane {
        /// Requested by a person, who watches it.
        #[default]
        Interactive = "interactive",
        /// Requested by a schedule: cron, a pipeline.
        Routine = "routine",
    }
}

serde_by_word!(Lane);

/// Most runs of each lane that one engine drives at once; those that wait for people do not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lanes {
    pub interactive: usize,
    pub routine: usize,
}

impl Default for Lanes {
    fn default() -> Self {
        Self {
            interactive: 8,
            routine: 4,
        }
    }
}

impl Lanes {
    /// At least one: a lane without capacity would never start its runs.
    #[must_use]
    pub fn width(self, lane: Lane) -> usize {
        match lane {
            Lane::Interactive => self.interactive.max(1),
            Lane::Routine => self.routine.max(1),
        }
    }
}

impl std::fmt::Display for Lanes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let each = Lane::ALL.map(|lane| format!("{} {}", lane.name(), self.width(lane)));
        f.write_str(&each.join(", "))
    }
}

/// Sort key of a queued run: the lowest is taken first, then the oldest run. It never changes while
/// the run waits, so a later run is taken first only when it was requested within their difference:
/// an hour for each step of priority, a day for `urgent`. Routine runs count as requested an hour
/// later than the runs of people that want the same target.
#[must_use]
pub const fn rank(requested_at: Timestamp, priority: Priority, lane: Lane) -> i64 {
    let lane = match lane {
        Lane::Interactive => 0,
        Lane::Routine => HOUR_MS,
    };
    requested_at
        .0
        .saturating_sub(priority.head_start_ms())
        .saturating_add(lane)
}

words! {
    /// Behaviour of a run when another run of its group is active.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
    pub enum Policy {
        /// Waits until the other has ended.
        #[default]
        Queue = "queue",
        /// Is not accepted.
        Refuse = "refuse",
        /// Cancels the other, and begins when it has ended.
        CancelRunning = "cancel_running",
    }
}

serde_by_word!(Policy);

impl Policy {
    /// Its description on the plan card.
    #[must_use]
    pub const fn describe(self) -> &'static str {
        match self {
            Self::Queue => "one run at a time, others wait",
            Self::Refuse => "one run at a time, others are refused",
            Self::CancelRunning => "one run at a time, a new one cancels the others",
        }
    }
}

/// The group of a plan: of all runs in it, of any runbook, one is active at a time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Concurrency {
    pub group: String,
    pub policy: Policy,
}

impl std::fmt::Display for Concurrency {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.group, self.policy.describe())
    }
}

/// The longest name of a group, in bytes: it is part of a key.
pub const LONGEST_GROUP: usize = 200;

/// A resource that only one run holds at a time.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Lock {
    Target(Target),
    Group(String),
}

impl std::fmt::Display for Lock {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Target(target) => target.fmt(f),
            Self::Group(name) => write!(f, "group {name}"),
        }
    }
}

/// The resources that a run of this plan holds while it is active.
#[must_use]
pub fn wanted(plan: &Plan) -> BTreeSet<Lock> {
    let group = plan
        .concurrency
        .iter()
        .map(|c| Lock::Group(c.group.clone()));
    touched(plan)
        .into_iter()
        .map(Lock::Target)
        .chain(group)
        .collect()
}

/// Why a resource is not available yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Blocked {
    #[serde(flatten)]
    pub wanted: Lock,
    /// The run that holds it now.
    pub holder: Option<RunId>,
    /// Queued runs that get it before.
    pub ahead: i64,
}

impl std::fmt::Display for Blocked {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.wanted)?;
        match self.holder {
            Some(holder) => write!(f, ", held by run {holder}")?,
            None => f.write_str(", free")?,
        }
        if self.ahead > 0 {
            write!(f, ", {} before it", self.ahead)
        } else {
            f.write_str(", next in line")
        }
    }
}

/// A queued run: its position, and what it waits for besides a free slot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Queued {
    #[serde(skip)]
    pub run: RunId,
    pub lane: Lane,
    /// Queued runs of its lane that are before it, in any workspace.
    pub ahead: i64,
    pub waits_for: Vec<Blocked>,
    /// Locks of people that keep it waiting.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub locked: Vec<Lockout>,
    /// No engine will take it by itself, and why.
    pub untaken: Option<Untaken>,
}

/// Why no engine takes a queued run by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Untaken {
    /// No engine is running.
    NoEngine,
    /// The process that queued it is gone: a person starts it or drops it.
    LeftOver,
}

impl std::fmt::Display for Queued {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let run = self.run.0;
        match self.untaken {
            Some(Untaken::NoEngine) => {
                return write!(
                    f,
                    "no engine is running: start opsroom serve or a console, or `opsroom start {run}`"
                );
            }
            Some(Untaken::LeftOver) => {
                return write!(
                    f,
                    "the process that queued it is gone: `start run {run}` (`opsroom start {run}`) or `cancel run {run}`"
                );
            }
            None => {}
        }
        if !self.waits_for.is_empty() || !self.locked.is_empty() {
            let locked = self.locked.iter().map(ToString::to_string);
            let each: Vec<_> = locked
                .chain(self.waits_for.iter().map(ToString::to_string))
                .collect();
            return write!(f, "waits for {}", each.join("; "));
        }
        match self.ahead {
            0 => write!(f, "next in the {} lane", self.lane.name()),
            ahead => write!(f, "{ahead} before it in the {} lane", self.lane.name()),
        }
    }
}

/// A run in a group: queued or active.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Member {
    pub run: RunId,
    pub status: RunStatus,
}

impl std::fmt::Display for Member {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "run {} ({})", self.run, self.status.name())
    }
}

/// The effect of starting a run on the runs in its group; `None`: the group is empty.
#[must_use]
pub fn group_effect(concurrency: &Concurrency, members: &[Member]) -> Option<String> {
    let (first, rest) = members.split_first()?;
    let more = if rest.is_empty() {
        String::new()
    } else {
        format!(" and {} more", rest.len())
    };
    Some(match concurrency.policy {
        Policy::Queue => format!("waits for {first}{more}"),
        Policy::Refuse => format!("is refused because of {first}{more}"),
        Policy::CancelRunning => {
            let all: Vec<_> = members.iter().map(ToString::to_string).collect();
            format!("cancels {}", all.join(", "))
        }
    })
}

#[cfg(test)]
mod tests;
