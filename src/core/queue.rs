//! The queue: in which order runs are taken, how many of them at once, and which never run together.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::plan::{Plan, Target};
use super::run::{RunId, RunStatus};
use super::time::Timestamp;
use super::touch::touched;

/// How much a run matters beside the others in the queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Priority {
    Low,
    #[default]
    Normal,
    High,
    Urgent,
}

const HOUR_MS: i64 = 3_600_000;

impl Priority {
    /// All of them, least first.
    pub const ALL: [Self; 4] = [Self::Low, Self::Normal, Self::High, Self::Urgent];
    /// Their words, for messages.
    pub const NAMES: [&'static str; 4] = ["low", "normal", "high", "urgent"];

    /// The word in files, in the store and in JSON.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Normal => "normal",
            Self::High => "high",
            Self::Urgent => "urgent",
        }
    }

    /// Reads [`Priority::name`].
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|p| p.name() == name)
    }

    /// Nothing is said about it.
    #[must_use]
    pub const fn is_normal(&self) -> bool {
        matches!(self, Self::Normal)
    }

    /// How much longer than it has waited it counts as having waited.
    const fn head_start_ms(self) -> i64 {
        match self {
            Self::Low => -HOUR_MS,
            Self::Normal => 0,
            Self::High => HOUR_MS,
            Self::Urgent => 24 * HOUR_MS,
        }
    }
}

/// What a run is for decides whose hands it takes: a crowd of routine work never keeps people waiting.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Lane {
    /// A person asked for it, and watches.
    #[default]
    Interactive,
    /// A timetable asked for it: cron, a pipeline.
    Routine,
}

impl Lane {
    /// All of them, in the order an engine looks at them.
    pub const ALL: [Self; 2] = [Self::Interactive, Self::Routine];

    /// The word in the store and in JSON.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Interactive => "interactive",
            Self::Routine => "routine",
        }
    }

    /// Reads [`Lane::name`].
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|l| l.name() == name)
    }
}

/// How many runs of each lane one engine drives at once; those that wait for people do not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lanes {
    pub interactive: usize,
    pub routine: usize,
}

impl Default for Lanes {
    fn default() -> Self {
        Self { interactive: 8, routine: 4 }
    }
}

impl Lanes {
    /// Never less than one: a lane nothing moves in would keep its runs for ever.
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

/// Where a run stands in the queue: the least is taken first, then the oldest. It never changes while the run waits, so
/// whoever was passed over is passed over only by what is asked for within their difference: an hour for each step of
/// priority, a day for `urgent`. Routine work counts as asked for an hour later than people's where both want the same.
#[must_use]
pub const fn rank(requested_at: Timestamp, priority: Priority, lane: Lane) -> i64 {
    let lane = match lane {
        Lane::Interactive => 0,
        Lane::Routine => HOUR_MS,
    };
    requested_at.0.saturating_sub(priority.head_start_ms()).saturating_add(lane)
}

/// What a run does about another one of its group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Policy {
    /// Waits for its turn.
    #[default]
    Queue,
    /// Is not accepted.
    Refuse,
    /// Has it cancelled, and begins when it has ended.
    CancelRunning,
}

impl Policy {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Queue, Self::Refuse, Self::CancelRunning];
    /// Their words, for messages.
    pub const NAMES: [&'static str; 3] = ["queue", "refuse", "cancel_running"];

    /// The word in files and in JSON.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Queue => "queue",
            Self::Refuse => "refuse",
            Self::CancelRunning => "cancel_running",
        }
    }

    /// Reads [`Policy::name`].
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|p| p.name() == name)
    }

    /// What it does, for the plan card.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Queue => "one run at a time, others wait",
            Self::Refuse => "one run at a time, others are refused",
            Self::CancelRunning => "one run at a time, a new one cancels the others",
        }
    }
}

/// The group of a plan: of all runs in it, whatever their runbooks, one is under way at a time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Concurrency {
    pub group: String,
    pub policy: Policy,
}

impl std::fmt::Display for Concurrency {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.group, self.policy.words())
    }
}

/// The longest name of a group, in bytes: it is part of a key.
pub const LONGEST_GROUP: usize = 200;

/// Something only one run has at a time.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Wanted {
    Target(Target),
    Group(String),
}

impl std::fmt::Display for Wanted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Target(target) => target.fmt(f),
            Self::Group(name) => write!(f, "group {name}"),
        }
    }
}

/// All that a run of this plan has to itself while it is under way.
#[must_use]
pub fn wanted(plan: &Plan) -> BTreeSet<Wanted> {
    let group = plan.concurrency.iter().map(|c| Wanted::Group(c.group.clone()));
    touched(plan).into_iter().map(Wanted::Target).chain(group).collect()
}

/// Why something wanted cannot be had yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Blocked {
    #[serde(flatten)]
    pub wanted: Wanted,
    /// The run that has it now.
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
        if self.ahead > 0 { write!(f, ", {} before it", self.ahead) } else { f.write_str(", next in line") }
    }
}

/// A queued run: where it stands, and what it waits for besides free hands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Queued {
    #[serde(skip)]
    pub run: RunId,
    pub lane: Lane,
    /// Queued runs of its lane, of whatever workspace, that stand before it.
    pub ahead: i64,
    pub waits_for: Vec<Blocked>,
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
                return write!(f, "no engine is running: start opsroom serve or a console, or `opsroom start {run}`");
            }
            Some(Untaken::LeftOver) => {
                return write!(
                    f,
                    "the process that queued it is gone: `start run {run}` (`opsroom start {run}`) or `cancel run {run}`"
                );
            }
            None => {}
        }
        if !self.waits_for.is_empty() {
            let each: Vec<_> = self.waits_for.iter().map(ToString::to_string).collect();
            return write!(f, "waits for {}", each.join("; "));
        }
        match self.ahead {
            0 => write!(f, "next in the {} lane", self.lane.name()),
            ahead => write!(f, "{ahead} before it in the {} lane", self.lane.name()),
        }
    }
}

/// A run that is in a group: queued, or under way.
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

/// What starting a run comes to, with those that are in its group now; `None`: it has the group to itself.
#[must_use]
pub fn met(concurrency: &Concurrency, members: &[Member]) -> Option<String> {
    let (first, rest) = members.split_first()?;
    let more = if rest.is_empty() { String::new() } else { format!(" and {} more", rest.len()) };
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
