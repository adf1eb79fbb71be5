//! What needs a person: runs that wait for an answer, were interrupted, are left over in the queue,
//! or failed.

use std::collections::BTreeSet;

use crate::base::time::{Timestamp, age};
use crate::run::RunId;

/// Why a run needs a person, in the order in which they are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum NeedReason {
    /// One of its steps asks for an approval that the reader may give.
    Approval,
    /// One of its steps asks a question.
    Question,
    /// Its engine is gone; it waits to be resumed or given up.
    Interrupted,
    /// It waits in the queue to be started or dropped.
    LeftOver,
    Failed,
}

impl NeedReason {
    const fn describe(self) -> &'static str {
        match self {
            Self::Approval => "waits for approval",
            Self::Question => "waits for an answer",
            Self::Interrupted => "was interrupted",
            Self::LeftOver => "waits in the queue",
            Self::Failed => "failed",
        }
    }
}

/// A run that needs a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunNeed {
    pub reason: NeedReason,
    /// When it began to.
    pub since: Timestamp,
    pub run: RunId,
    /// The number of the step that asks.
    pub step: Option<u32>,
    /// Absent for a run that was not read.
    pub title: Option<String>,
}

impl RunNeed {
    /// `#41 deploy web → prod waits for approval, 12 min`. The title is not escaped.
    #[must_use]
    pub fn describe(&self, now: Timestamp) -> String {
        let title = self
            .title
            .as_deref()
            .map_or_else(String::new, |title| format!(" {title}"));
        let ago = age(now.ms_since(self.since).max(0));
        let ago = if self.reason == NeedReason::Failed {
            format!(" {ago} ago")
        } else {
            format!(", {ago}")
        };
        format!("{}{title} {}{ago}", self.run, self.reason.describe())
    }
}

/// What a person has looked at.
#[derive(Debug, Clone, Copy)]
pub struct Looked<'a> {
    /// When the list of runs was last opened.
    pub at: Timestamp,
    /// The runs opened since the console was started.
    pub opened: &'a BTreeSet<RunId>,
}

/// The needs to show, most urgent first, of one kind the oldest first; failed runs only as long as
/// they were not looked at. Several questions of a run are one need here: the run shows them all.
#[must_use]
pub fn open_needs<'a>(needs: &'a [RunNeed], looked: Looked<'_>) -> Vec<&'a RunNeed> {
    let seen = |need: &RunNeed| {
        need.reason == NeedReason::Failed
            && (need.since <= looked.at || looked.opened.contains(&need.run))
    };
    let mut open: Vec<&RunNeed> = needs.iter().filter(|need| !seen(need)).collect();
    open.sort_by_key(|need| (need.reason, need.since, need.run));
    let mut listed = BTreeSet::new();
    open.retain(|need| listed.insert((need.reason, need.run)));
    open
}

#[cfg(test)]
mod tests {
    use super::*;

    fn need(run: i64, reason: NeedReason, since: i64) -> RunNeed {
        RunNeed {
            reason,
            since: Timestamp(since * 60_000),
            run: RunId(run),
            step: None,
            title: Some("deploy web → prod".to_owned()),
        }
    }

    #[test]
    fn several_questions_of_a_run_are_listed_once() {
        let question = |run, step| RunNeed {
            step: Some(step),
            ..need(run, NeedReason::Question, i64::from(step))
        };
        let needs = [question(7, 2), question(7, 1), question(8, 3)];
        let opened = BTreeSet::new();
        let looked = Looked {
            at: Timestamp(0),
            opened: &opened,
        };
        let open = open_needs(&needs, looked);
        let listed: Vec<_> = open.iter().map(|need| (need.run.0, need.step)).collect();
        assert_eq!(listed, [(7, Some(1)), (8, Some(3))], "the oldest question");
    }

    #[test]
    fn the_most_urgent_is_first_and_failures_go_once_they_were_looked_at() {
        use NeedReason::{Approval, Failed, Interrupted, LeftOver, Question};
        let needs = [
            need(1, Failed, 4),
            need(2, Failed, 9),
            need(3, LeftOver, 2),
            need(4, Interrupted, 1),
            need(5, Question, 1),
            need(6, Approval, 8),
            need(7, Approval, 3),
        ];
        for (looked, opened, wanted) in [
            (0, vec![], vec![7, 6, 5, 4, 3, 1, 2]),
            (4, vec![], vec![7, 6, 5, 4, 3, 2]),
            (4, vec![2, 7, 4], vec![7, 6, 5, 4, 3]),
        ] {
            let opened = opened.into_iter().map(RunId).collect();
            let at = Timestamp(looked * 60_000);
            let open = open_needs(
                &needs,
                Looked {
                    at,
                    opened: &opened,
                },
            );
            let runs: Vec<i64> = open.iter().map(|need| need.run.0).collect();
            assert_eq!(runs, wanted, "looked at {looked}");
        }
    }

    #[test]
    fn a_need_names_run_reason_and_time() {
        for (reason, title, wanted) in [
            (
                NeedReason::Approval,
                true,
                "#7 deploy web → prod waits for approval, 12 min",
            ),
            (NeedReason::LeftOver, false, "#7 waits in the queue, 12 min"),
            (
                NeedReason::Failed,
                true,
                "#7 deploy web → prod failed 12 min ago",
            ),
        ] {
            let mut need = need(7, reason, 0);
            need.title = need.title.filter(|_| title);
            assert_eq!(need.describe(Timestamp(12 * 60_000 + 5)), wanted);
        }
    }
}
