//! The queue: in which order runs are taken, how many of them at once, and what they wait for.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::base::time::Timestamp;
use crate::run::RunId;
use crate::run::lock_set::touched;
use crate::run::lockout::Lockout;
use crate::run::plan::{Plan, Target};
use crate::run::priority::Priority;
use crate::{serde_by_word, words};

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

const HOUR_MS: i64 = 3_600_000;

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
    /// Queued runs of its lane that come before it, in any workspace; none that waits for a person to
    /// start it or for the end of a lock.
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

#[cfg(test)]
mod tests;
