//! Groups of runs of which one is active at a time.

use serde::{Deserialize, Serialize};

use crate::run::{RunId, RunStatus};
use crate::{serde_by_word, words};

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
mod tests {
    use super::*;

    #[test]
    fn the_policy_decides_about_other_runs_of_the_group() {
        let group = |policy| Concurrency {
            group: "g".to_owned(),
            policy,
        };
        let members = [(3, RunStatus::Running), (5, RunStatus::Queued)];
        let members = members.map(|(run, status)| Member {
            run: RunId(run),
            status,
        });
        for (policy, expected) in [
            (Policy::Queue, "waits for run #3 (running) and 1 more"),
            (
                Policy::Refuse,
                "is refused because of run #3 (running) and 1 more",
            ),
            (
                Policy::CancelRunning,
                "cancels run #3 (running), run #5 (queued)",
            ),
        ] {
            assert_eq!(
                group_effect(&group(policy), &members).as_deref(),
                Some(expected)
            );
            assert_eq!(group_effect(&group(policy), &[]), None);
        }
    }
}
