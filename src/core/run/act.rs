//! Acts of people: everything a person can do to a run, to one of its steps or to a breaker, and the
//! result of each. `Control::act` performs them for the console, the command bar and the
//! subcommands.

use crate::base::time::Timestamp;
use crate::run::again::Again;
use crate::run::approval::Tally;
use crate::run::artifact::RunLink;
use crate::run::breaker::BreakerKey;
use crate::run::lockout::{LockEnd, Lockable};
use crate::run::orders::{Ending, Order};
use crate::run::resume::Decision;
use crate::run::{Run, RunId, RunStatus};
use crate::stack::state::State;

/// The actions in the audit log of acts that are not orders ([`Order::audit_word`]).
pub mod audit_word {
    pub const START: &str = "run.start";
    pub const RESUME: &str = "run.resume";
    pub const SUBMIT: &str = "run.submit";
    pub const ANSWER: &str = "run.answer";
    pub const APPROVE: &str = "run.approve";
    pub const REJECT: &str = "run.reject";
    pub const NOTE: &str = "run.note";
    pub const LINK: &str = "run.link";
    pub const LOCK: &str = "lock.set";
    pub const UNLOCK: &str = "lock.end";
    pub const RESET_BREAKER: &str = "breaker.reset";
    pub const RUN_ROUTINE: &str = "routine.run";
    pub const PAUSE_ROUTINE: &str = "routine.pause";
    pub const RESUME_ROUTINE: &str = "routine.resume";
    pub const REPORT_ROUTINE: &str = "routine.report";
}

/// One act of a person. `R` is the run it is about; `()` while that run is not known yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Act<R = RunId> {
    /// Pause, step through, continue, let a step go, skip a step, or end.
    Order {
        run: R,
        order: Order,
        reason: Option<String>,
    },
    /// Start a queued run that no engine takes by itself. `typed`: the word of its protected
    /// environment.
    Start {
        run: R,
        typed: Option<String>,
        reason: Option<String>,
    },
    /// Cancel a run that still waits in the queue.
    Drop { run: R, reason: Option<String> },
    /// Let an interrupted run go on, or without a decision also a paused one.
    Resume {
        run: R,
        decision: Option<Decision>,
        reason: Option<String>,
    },
    /// Queue a new run that does an ended one again: its whole plan, or what did not succeed.
    Retry {
        run: R,
        again: Again,
        typed: Option<String>,
        reason: Option<String>,
    },
    /// Answer a waiting manual step.
    Answer {
        run: R,
        step: u32,
        done: bool,
        note: Option<String>,
    },
    /// Approve or reject the step that waits for approval. `plan_hash` is that of the plan the
    /// person has read: a vote without it is refused.
    Vote {
        run: R,
        approved: bool,
        plan_hash: String,
        note: Option<String>,
    },
    /// Add a note to a run, also after it has ended.
    Note { run: R, note: Option<String> },
    /// Attach a web address to a run, also after it has ended.
    Link {
        run: R,
        url: String,
        title: Option<String>,
    },
    /// Keep changing runs away from targets or runbooks until an end.
    Lock {
        of: Vec<Lockable>,
        end: LockEnd,
        reason: Option<String>,
    },
    /// End such locks.
    Unlock {
        of: Vec<Lockable>,
        reason: Option<String>,
    },
    /// Close the breakers of a service (in one environment, or in all) or of a host.
    ResetBreaker {
        target: String,
        env: Option<String>,
        reason: Option<String>,
    },
    /// Run a routine now; its schedule stays as it is.
    RunRoutine {
        routine: String,
        reason: Option<String>,
    },
    /// Skip the slots of a routine until an end.
    PauseRoutine {
        routine: String,
        end: LockEnd,
        reason: Option<String>,
    },
    /// End such a pause.
    ResumeRoutine {
        routine: String,
        reason: Option<String>,
    },
    /// Report how a heartbeat or a task of a person went. `note`: details.
    ReportRoutine {
        routine: String,
        state: State,
        note: Option<String>,
    },
}

/// What a person has to see and confirm before an act.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Confirmation {
    None,
    /// The plan of the run, with the word of a protected environment.
    Plan,
    /// The question the run waits with, and its plan.
    Question,
}

impl<R> Act<R> {
    /// The same act about this run.
    pub fn on<S>(self, run: S) -> Act<S> {
        match self {
            Self::Order { order, reason, .. } => Act::Order { run, order, reason },
            Self::Start { typed, reason, .. } => Act::Start { run, typed, reason },
            Self::Drop { reason, .. } => Act::Drop { run, reason },
            Self::Resume {
                decision, reason, ..
            } => Act::Resume {
                run,
                decision,
                reason,
            },
            Self::Retry {
                again,
                typed,
                reason,
                ..
            } => Act::Retry {
                run,
                again,
                typed,
                reason,
            },
            Self::Answer {
                step, done, note, ..
            } => Act::Answer {
                run,
                step,
                done,
                note,
            },
            Self::Vote {
                approved,
                plan_hash,
                note,
                ..
            } => Act::Vote {
                run,
                approved,
                plan_hash,
                note,
            },
            Self::Note { note, .. } => Act::Note { run, note },
            Self::Lock { of, end, reason } => Act::Lock { of, end, reason },
            Self::Unlock { of, reason } => Act::Unlock { of, reason },
            Self::Link { url, title, .. } => Act::Link { run, url, title },
            Self::ResetBreaker {
                target,
                env,
                reason,
            } => Act::ResetBreaker {
                target,
                env,
                reason,
            },
            Self::RunRoutine { routine, reason } => Act::RunRoutine { routine, reason },
            Self::PauseRoutine {
                routine,
                end,
                reason,
            } => Act::PauseRoutine {
                routine,
                end,
                reason,
            },
            Self::ResumeRoutine { routine, reason } => Act::ResumeRoutine { routine, reason },
            Self::ReportRoutine {
                routine,
                state,
                note,
            } => Act::ReportRoutine {
                routine,
                state,
                note,
            },
        }
    }

    /// The run it is about.
    pub const fn run(&self) -> Option<&R> {
        match self {
            Self::Order { run, .. }
            | Self::Start { run, .. }
            | Self::Drop { run, .. }
            | Self::Resume { run, .. }
            | Self::Retry { run, .. }
            | Self::Answer { run, .. }
            | Self::Vote { run, .. }
            | Self::Note { run, .. }
            | Self::Link { run, .. } => Some(run),
            Self::Lock { .. }
            | Self::Unlock { .. }
            | Self::ResetBreaker { .. }
            | Self::RunRoutine { .. }
            | Self::PauseRoutine { .. }
            | Self::ResumeRoutine { .. }
            | Self::ReportRoutine { .. } => None,
        }
    }

    /// Its reason or note, unless it is blank.
    pub fn reason(&self) -> Option<&str> {
        match self {
            Self::Order { reason, .. }
            | Self::Start { reason, .. }
            | Self::Drop { reason, .. }
            | Self::Resume { reason, .. }
            | Self::Retry { reason, .. }
            | Self::Answer { note: reason, .. }
            | Self::Vote { note: reason, .. }
            | Self::Note { note: reason, .. }
            | Self::Link { title: reason, .. }
            | Self::Lock { reason, .. }
            | Self::Unlock { reason, .. }
            | Self::ResetBreaker { reason, .. }
            | Self::RunRoutine { reason, .. }
            | Self::PauseRoutine { reason, .. }
            | Self::ResumeRoutine { reason, .. }
            | Self::ReportRoutine { note: reason, .. } => {
                reason.as_deref().filter(|reason| !reason.trim().is_empty())
            }
        }
    }

    /// The same act with this reason or note.
    #[must_use]
    pub fn because(mut self, why: Option<String>) -> Self {
        match &mut self {
            Self::Order { reason, .. }
            | Self::Start { reason, .. }
            | Self::Drop { reason, .. }
            | Self::Resume { reason, .. }
            | Self::Retry { reason, .. }
            | Self::Answer { note: reason, .. }
            | Self::Vote { note: reason, .. }
            | Self::Note { note: reason, .. }
            | Self::Link { title: reason, .. }
            | Self::Lock { reason, .. }
            | Self::Unlock { reason, .. }
            | Self::ResetBreaker { reason, .. }
            | Self::RunRoutine { reason, .. }
            | Self::PauseRoutine { reason, .. }
            | Self::ResumeRoutine { reason, .. }
            | Self::ReportRoutine { note: reason, .. } => *reason = why,
        }
        self
    }

    /// The same act, confirmed with this text.
    #[must_use]
    pub fn confirmed(mut self, text: Option<String>) -> Self {
        match &mut self {
            Self::Start { typed, .. } | Self::Retry { typed, .. } => *typed = text,
            Self::Vote { plan_hash, .. } => *plan_hash = text.unwrap_or_default(),
            Self::Order { .. }
            | Self::Drop { .. }
            | Self::Resume { .. }
            | Self::Answer { .. }
            | Self::Note { .. }
            | Self::Link { .. }
            | Self::Lock { .. }
            | Self::Unlock { .. }
            | Self::ResetBreaker { .. }
            | Self::RunRoutine { .. }
            | Self::PauseRoutine { .. }
            | Self::ResumeRoutine { .. }
            | Self::ReportRoutine { .. } => {}
        }
        self
    }

    /// What a person has to see and confirm first.
    pub const fn confirmation(&self) -> Confirmation {
        match self {
            Self::Start { .. } | Self::Retry { .. } => Confirmation::Plan,
            Self::Vote { .. } => Confirmation::Question,
            Self::Order { .. }
            | Self::Drop { .. }
            | Self::Resume { .. }
            | Self::Answer { .. }
            | Self::Note { .. }
            | Self::Link { .. }
            | Self::Lock { .. }
            | Self::Unlock { .. }
            | Self::ResetBreaker { .. }
            | Self::RunRoutine { .. }
            | Self::PauseRoutine { .. }
            | Self::ResumeRoutine { .. }
            | Self::ReportRoutine { .. } => Confirmation::None,
        }
    }

    /// Whether it is possible only with a reason.
    pub const fn needs_reason(&self) -> bool {
        matches!(
            self,
            Self::Order {
                order: Order::Skip(_),
                ..
            } | Self::Resume {
                decision: Some(_),
                ..
            } | Self::Note { .. }
                | Self::Lock { .. }
        )
    }

    /// Its action in the audit log.
    pub const fn audit_word(&self) -> &'static str {
        match self {
            Self::Order { order, .. } => order.audit_word(),
            Self::Start { .. } => audit_word::START,
            Self::Drop { .. } => Order::End(Ending::Cancel).audit_word(),
            Self::Resume { .. } => audit_word::RESUME,
            Self::Retry { .. } => audit_word::SUBMIT,
            Self::Answer { .. } => audit_word::ANSWER,
            Self::Vote { approved: true, .. } => audit_word::APPROVE,
            Self::Vote { .. } => audit_word::REJECT,
            Self::Note { .. } => audit_word::NOTE,
            Self::Link { .. } => audit_word::LINK,
            Self::Lock { .. } => audit_word::LOCK,
            Self::Unlock { .. } => audit_word::UNLOCK,
            Self::ResetBreaker { .. } => audit_word::RESET_BREAKER,
            Self::RunRoutine { .. } => audit_word::RUN_ROUTINE,
            Self::PauseRoutine { .. } => audit_word::PAUSE_ROUTINE,
            Self::ResumeRoutine { .. } => audit_word::RESUME_ROUTINE,
            Self::ReportRoutine { .. } => audit_word::REPORT_ROUTINE,
        }
    }
}

impl Act {
    /// The sentence for an act that was refused.
    #[must_use]
    pub fn refused(&self, why: &str) -> String {
        match self {
            Self::Order {
                run,
                order: Order::End(Ending::Cancel),
                ..
            } => format!("run {run} was not cancelled: {why}"),
            Self::Order { run, .. } => format!("nothing was done: run {run}: {why}"),
            Self::Start { run, .. } => format!("run {run} was not started: {why}"),
            Self::Drop { run, .. } => format!("run {run} was not dropped: {why}"),
            Self::Resume { run, .. } => format!("run {run} does not go on: {why}"),
            Self::Retry { .. } => format!("nothing was started: {why}"),
            Self::Answer { run, .. } => format!("run {run}: not answered: {why}"),
            Self::Vote { .. } => format!("your answer does not count: {why}"),
            Self::Note { run, .. } | Self::Link { run, .. } => {
                format!("nothing was added to run {run}: {why}")
            }
            Self::Lock { .. } => format!("nothing was locked: {why}"),
            Self::RunRoutine { routine, .. } => format!("{routine} was not run: {why}"),
            Self::PauseRoutine { routine, .. } => format!("{routine} was not paused: {why}"),
            Self::ReportRoutine { routine, .. } => format!("{routine}: not reported: {why}"),
            Self::Unlock { .. } | Self::ResetBreaker { .. } | Self::ResumeRoutine { .. } => {
                why.to_owned()
            }
        }
    }
}

/// The result of an act.
#[derive(Debug, Clone, PartialEq)]
pub enum Acted {
    /// `status` is the one the run has now.
    Ordered {
        run: RunId,
        order: Order,
        status: RunStatus,
    },
    Started(Box<Run>),
    Dropped(RunId),
    /// It goes on, or it has failed because it was given up.
    Resumed(Box<Run>),
    /// The new run.
    Retried(Box<Run>),
    Answered(RunId),
    Voted {
        run: RunId,
        tally: Tally,
    },
    Noted(RunId),
    Linked {
        run: RunId,
        link: RunLink,
    },
    Locked {
        of: Vec<Lockable>,
        until: Timestamp,
    },
    Unlocked(Vec<Lockable>),
    BreakersClosed(Vec<BreakerKey>),
    /// An engine will run it; `request` is what to ask for its result.
    RoutineRequested {
        routine: String,
        request: i64,
    },
    RoutinePaused {
        routine: String,
        until: Timestamp,
    },
    RoutineResumed(String),
    RoutineReported {
        routine: String,
        state: State,
    },
}

impl Acted {
    /// The run that has changed; for a retry the new one.
    #[must_use]
    pub fn run(&self) -> Option<RunId> {
        match self {
            Self::Ordered { run, .. }
            | Self::Dropped(run)
            | Self::Answered(run)
            | Self::Noted(run)
            | Self::Linked { run, .. }
            | Self::Voted { run, .. } => Some(*run),
            Self::Started(run) | Self::Resumed(run) | Self::Retried(run) => Some(run.id),
            Self::Locked { .. }
            | Self::Unlocked(_)
            | Self::BreakersClosed(_)
            | Self::RoutineRequested { .. }
            | Self::RoutinePaused { .. }
            | Self::RoutineResumed(_)
            | Self::RoutineReported { .. } => None,
        }
    }

    /// What happened, in one sentence.
    #[must_use]
    pub fn message(&self) -> String {
        match self {
            Self::Ordered {
                run,
                order: Order::End(_),
                status,
            } if status.is_terminal() => format!("run {run} is cancelled"),
            Self::Ordered {
                run,
                order: Order::End(Ending::Cancel),
                ..
            } => format!("run {run} was asked to stop"),
            Self::Ordered { run, order, .. } => format!("run {run}: {}", order.label()),
            Self::Started(run) => format!("run {} was started", run.id),
            Self::Dropped(run) => format!("run {run} is cancelled"),
            Self::Resumed(run) if run.status.is_terminal() => format!("run {}: given up", run.id),
            Self::Resumed(run) => format!("run {}: goes on", run.id),
            Self::Retried(run) => format!("run {} was queued: {}", run.id, run.plan.title),
            Self::Answered(run) => format!("run {run}: answered"),
            Self::Voted { run, tally } => {
                let what = match tally {
                    Tally::Approved(_) => "approved; it goes on",
                    Tally::Denied { .. } => "rejected; it is cancelled",
                    Tally::Open(_) => "your approval counts; more are needed",
                };
                format!("run {run}: {what}")
            }
            Self::Noted(run) => format!("run {run}: noted"),
            Self::Linked { run, link } => format!("run {run}: linked to {}", link.url),
            Self::Locked { of, until } => {
                format!("locked until {}: {}", until.rfc3339(), names(of))
            }
            Self::Unlocked(of) => format!("unlocked: {}", names(of)),
            Self::BreakersClosed(keys) => {
                let names: Vec<String> = keys.iter().map(ToString::to_string).collect();
                format!("closed: the breaker of {}", names.join(", "))
            }
            Self::RoutineRequested { routine, .. } => format!("{routine} is run now"),
            Self::RoutinePaused { routine, until } => {
                format!("{routine} is paused until {}", until.rfc3339())
            }
            Self::RoutineResumed(routine) => format!("{routine} goes on"),
            Self::RoutineReported { routine, state } => {
                format!("{routine}: reported as {}", state.name())
            }
        }
    }
}

fn names(of: &[Lockable]) -> String {
    let names: Vec<String> = of.iter().map(ToString::to_string).collect();
    names.join(", ")
}

/// What happened, in one sentence about acts that were performed together.
#[must_use]
pub fn summary(acted: &[Acted]) -> String {
    let count = |what: &str| match acted.len() {
        1 => format!("1 run was {what}"),
        runs => format!("{runs} runs were {what}"),
    };
    match acted {
        [Acted::Started(_), ..] => count("started"),
        [Acted::Dropped(_), ..] => count("dropped"),
        all => {
            let messages: Vec<String> = all.iter().map(Acted::message).collect();
            messages.join("; ")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(order: Order) -> Act<()> {
        Act::Order {
            run: (),
            order,
            reason: None,
        }
    }

    #[test]
    fn the_run_is_set_and_everything_else_is_kept() {
        let vote = Act::Vote {
            run: (),
            approved: false,
            plan_hash: String::new(),
            note: None,
        };
        let vote = vote
            .because(Some("no".to_owned()))
            .confirmed(Some("abc".to_owned()))
            .on(RunId(7));
        let whole = Act::Vote {
            run: RunId(7),
            approved: false,
            plan_hash: "abc".to_owned(),
            note: Some("no".to_owned()),
        };
        assert_eq!(vote, whole);
        assert_eq!((vote.run(), vote.reason()), (Some(&RunId(7)), Some("no")));
        let paused = order(Order::Pause).on(RunId(3));
        assert_eq!(paused.run(), Some(&RunId(3)));
        assert_eq!(paused.because(Some("  ".to_owned())).reason(), None);
    }

    #[test]
    fn a_skip_and_a_decision_need_a_reason() {
        let resume = |decision| Act::Resume {
            run: (),
            decision,
            reason: None,
        };
        assert!(order(Order::Skip(1)).needs_reason());
        assert!(
            Decision::ALL
                .iter()
                .all(|d| resume(Some(*d)).needs_reason())
        );
        assert!(!order(Order::Pause).needs_reason() && !resume(None).needs_reason());
    }

    #[test]
    fn several_runs_are_counted() {
        let dropped = [Acted::Dropped(RunId(1)), Acted::Dropped(RunId(2))];
        assert_eq!(summary(&dropped[..1]), "1 run was dropped");
        assert_eq!(summary(&dropped), "2 runs were dropped");
        assert_eq!(dropped[0].message(), "run #1 is cancelled");
        let ended = |status| Acted::Ordered {
            run: RunId(4),
            order: Order::End(Ending::Cancel),
            status,
        };
        assert_eq!(
            summary(&[ended(RunStatus::Running)]),
            "run #4 was asked to stop"
        );
        assert_eq!(
            summary(&[ended(RunStatus::Cancelled)]),
            "run #4 is cancelled"
        );
    }
}
