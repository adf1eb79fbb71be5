//! Orders of people to an active run: pause, go step by step, skip a step, end.

use serde::{Deserialize, Serialize};

use crate::run::plan::Plan;
use crate::run::step::StepSpec;
use crate::run::{Phase, Run, RunStatus, RunStep, StepStatus};
use crate::{serde_by_word, words};

words! {
    /// How a run goes from one step to the next.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
    pub enum Pace {
        #[default]
        Free = "free",
        /// Waits before its next step.
        Paused = "paused",
        /// Waits before every step until a person releases that step.
        Stepping = "stepping",
    }
}

serde_by_word!(Pace);

words! {
    /// How to end a run early; each is harsher than the one before.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
    pub enum Ending {
        /// The step in flight finishes, the rest is not run.
        AfterStep = "after_step",
        /// The step in flight is stopped: TERM, then KILL after a grace period.
        Cancel = "cancel",
        /// The step in flight is killed at once.
        Kill = "kill",
    }
}

serde_by_word!(Ending);

impl Ending {
    /// As in "cancellation requested by ana".
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::AfterStep => "stop after the step in flight",
            Self::Cancel => "cancellation",
            Self::Kill => "kill",
        }
    }
}

/// The orders in effect for a run.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Orders {
    pub pace: Pace,
    /// Who asked for that pace.
    pub by: Option<String>,
    /// Step by step: the number of the step that may go.
    pub let_go: Option<u32>,
    pub ending: Option<Ending>,
}

impl Orders {
    /// Whether the step of that number has to wait before it begins.
    #[must_use]
    pub fn holds(&self, step: u32) -> bool {
        match self.pace {
            Pace::Free => false,
            Pace::Paused => true,
            Pace::Stepping => self.let_go != Some(step),
        }
    }

    /// `paused by ana`; `None` when it goes freely.
    #[must_use]
    pub fn describe(&self) -> Option<String> {
        let by = self.by.as_deref().unwrap_or("somebody");
        match self.pace {
            Pace::Free => None,
            Pace::Paused => Some(format!("paused by {by}")),
            Pace::Stepping => Some(format!("step by step, requested by {by}")),
        }
    }
}

/// One order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    Pause,
    /// From now on, wait before every step.
    StepThrough,
    /// Go on freely.
    Continue,
    /// Step by step: let the step of this number go.
    LetGo(u32),
    /// Leave out the step of this number.
    Skip(u32),
    End(Ending),
}

impl Order {
    /// Its effect, as in "run #41: asked to pause".
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Pause => "asked to pause before its next step",
            Self::StepThrough => "goes step by step from here",
            Self::Continue => "may go on",
            Self::LetGo(_) => "the step may go",
            Self::Skip(_) => "the step is skipped",
            Self::End(Ending::AfterStep) => "asked to stop after its step",
            Self::End(Ending::Cancel) => "asked to stop",
            Self::End(Ending::Kill) => "is being killed",
        }
    }

    /// Its action in the audit log.
    #[must_use]
    pub const fn audit_word(self) -> &'static str {
        match self {
            Self::Pause => "run.pause",
            Self::StepThrough => "run.step_through",
            Self::Continue => "run.continue",
            Self::LetGo(_) => "run.let_go",
            Self::Skip(_) => "run.skip",
            Self::End(_) => "run.cancel",
        }
    }

    /// Whether a run in this status may be waiting for the release of its next step.
    #[must_use]
    pub const fn waits(status: RunStatus) -> bool {
        matches!(status, RunStatus::Waiting | RunStatus::Queued)
    }

    /// Why it cannot be given to a run in this status, as in "run #4 is running; REASON is not
    /// possible".
    ///
    /// # Errors
    /// The impossible action.
    pub const fn check(self, status: RunStatus, orders: &Orders) -> Result<(), &'static str> {
        let under_way = !status.is_terminal();
        match (self, orders.pace) {
            (Self::Pause, _) if !under_way => Err("pausing it"),
            (Self::Pause, Pace::Paused) => Err("pausing it twice"),
            (Self::StepThrough, _) if !under_way => Err("going through it step by step"),
            (Self::StepThrough, Pace::Stepping) => Err("stepping through it twice"),
            (Self::Continue, _) if !under_way => Err("letting it go on"),
            (Self::Continue, Pace::Free) => Err("letting it go on (it is not paused)"),
            (Self::LetGo(_), _) if !under_way => Err("letting a step go"),
            (Self::LetGo(_), Pace::Free | Pace::Paused) => {
                Err("letting a single step go (it is not gone through step by step)")
            }
            (Self::LetGo(_), _) if !Self::waits(status) => {
                Err("letting the next step go (wait until the step in flight has ended)")
            }
            (Self::Skip(_), _) if !under_way => Err("skipping a step"),
            (Self::End(_), _) if !under_way => Err("cancelling it"),
            _ => Ok(()),
        }
    }
}

/// The step that runs next: the first pending one in the order of the phases.
#[must_use]
pub fn next_step(plan: &Plan, steps: &[RunStep]) -> Option<u32> {
    let pending = |index: &u32| {
        steps
            .iter()
            .any(|s| s.index == *index && s.status == StepStatus::Pending)
    };
    let of = |phase: Phase| {
        (0..)
            .zip(&plan.steps)
            .filter(move |(_, s)| s.phase == phase)
            .map(|(index, _)| index)
    };
    Phase::ALL.into_iter().flat_map(of).find(pending)
}

/// The step that a person may release now: the run goes step by step and waits before it.
#[must_use]
pub fn to_let_go(run: &Run, steps: &[RunStep]) -> Option<u32> {
    let in_flight = steps
        .iter()
        .any(|s| matches!(s.status, StepStatus::Running | StepStatus::Waiting));
    let waits = run.orders.pace == Pace::Stepping && Order::waits(run.status) && !in_flight;
    next_step(&run.plan, steps).filter(|_| waits)
}

/// How the message of a step begins that a person skipped.
pub const SKIPPED_BY: &str = "skipped by ";

/// Whether a step may be left out.
///
/// # Errors
/// The rule that forbids it.
pub fn skippable(plan: &Plan, step: u32, status: StepStatus) -> Result<(), &'static str> {
    let Some((planned, place)) = plan.numbered_step(step) else {
        return Err("the plan has no such step");
    };
    match (place, status) {
        ("finally", _) => Err("finally steps always run"),
        ("undo", _) => Err("undo steps only run when they are needed; cancel the run instead"),
        _ if matches!(planned.spec, StepSpec::Approve(_)) => {
            Err("an approval is given or refused by those it asks, never skipped")
        }
        (_, StepStatus::Pending) => Ok(()),
        (_, StepStatus::Waiting) => Err("it waits for an answer: answer it"),
        (_, StepStatus::Running) => Err("it has begun: cancel the run, or let the step end"),
        _ => Err("it is over"),
    }
}

/// The later steps that use the result of this one: without it they cannot run.
#[must_use]
pub fn dependents(plan: &Plan, step: u32) -> Vec<&str> {
    let Some((skipped, _)) = plan.numbered_step(step) else {
        return Vec::new();
    };
    let (key, scope) = (&skipped.rules.key, &skipped.rules.scope);
    if key.is_empty() {
        return Vec::new();
    }
    let others = plan
        .numbered()
        .filter(|(number, s)| *number != step && s.rules.scope == *scope);
    others
        .filter(|(_, s)| s.asks_about(key))
        .map(|(_, s)| s.name.as_str())
        .collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::run::plan::{PlanStep, Rules};
    use crate::run::step::{approve::Approve, wait::Wait};

    fn step(name: &str, phase: Phase, rules: Rules) -> PlanStep {
        PlanStep {
            rules,
            ..PlanStep::new(name, phase, StepSpec::Wait(Wait { ms: 1 }), 0)
        }
    }

    fn record(index: u32, status: StepStatus) -> RunStep {
        RunStep {
            index,
            status,
            attempt: 0,
            started_at: None,
            finished_at: None,
            message: None,
            taken_from: None,
        }
    }

    #[test]
    fn endings_grow_harsher() {
        assert!(Ending::ALL.is_sorted());
    }

    /// The whole table: every order in every state at every pace.
    #[test]
    fn ended_runs_take_no_orders_and_active_runs_take_those_that_change_something() {
        for status in RunStatus::ALL {
            for pace in Pace::ALL {
                let orders = Orders {
                    pace,
                    ..Orders::default()
                };
                let may = |order: Order| order.check(status, &orders).is_ok();
                let live = !status.is_terminal();
                assert_eq!(
                    may(Order::Pause),
                    live && pace != Pace::Paused,
                    "{status:?} {pace:?}"
                );
                assert_eq!(
                    may(Order::StepThrough),
                    live && pace != Pace::Stepping,
                    "{status:?} {pace:?}"
                );
                assert_eq!(
                    may(Order::Continue),
                    live && pace != Pace::Free,
                    "{status:?} {pace:?}"
                );
                let waits = matches!(status, RunStatus::Waiting | RunStatus::Queued);
                assert_eq!(
                    may(Order::LetGo(3)),
                    waits && pace == Pace::Stepping,
                    "{status:?} {pace:?}"
                );
                assert_eq!(may(Order::Skip(3)), live, "{status:?} {pace:?}");
                for ending in Ending::ALL {
                    assert_eq!(may(Order::End(ending)), live, "{status:?} {pace:?}");
                }
            }
        }
    }

    #[test]
    fn the_next_step_is_the_first_pending_one_in_the_order_of_phases() {
        let none = Rules::default;
        let plan = Plan {
            steps: vec![
                step("v", Phase::Verify, none()),
                step("a", Phase::Action, none()),
            ],
            ..Plan::default()
        };
        let (pending, over) = (StepStatus::Pending, StepStatus::Succeeded);
        assert_eq!(
            next_step(&plan, &[record(0, pending), record(1, pending)]),
            Some(1)
        );
        assert_eq!(
            next_step(&plan, &[record(0, pending), record(1, over)]),
            Some(0)
        );
        assert_eq!(next_step(&plan, &[record(0, over), record(1, over)]), None);
    }

    #[test]
    fn only_pending_steps_of_the_phases_are_skipped_and_never_an_approval() {
        let approve = Approve {
            prompt: "ok?".to_owned(),
            ..Approve::default()
        };
        let asks = PlanStep {
            spec: StepSpec::Approve(approve),
            ..step("ask", Phase::Action, Rules::default())
        };
        let plan = Plan {
            steps: vec![step("do", Phase::Action, Rules::default()), asks],
            finally: vec![step("tidy", Phase::Summarize, Rules::default())],
            undo: vec![step("undo do", Phase::Action, Rules::default())],
            ..Plan::default()
        };
        for status in StepStatus::ALL {
            assert_eq!(
                skippable(&plan, 0, status).is_ok(),
                status == StepStatus::Pending,
                "{status:?}"
            );
            for index in [1, 2, 3, 4] {
                assert!(
                    skippable(&plan, index, status).is_err(),
                    "{index} {status:?}"
                );
            }
        }
    }

    #[test]
    fn users_of_a_result_are_found_in_expressions_of_the_same_scope() {
        let named = |key: &str| Rules {
            key: key.to_owned(),
            ..Rules::default()
        };
        let asks = |when: &str, scope: &str| Rules {
            when: Some(when.to_owned()),
            scope: scope.to_owned(),
            ..Rules::default()
        };
        let plan = Plan {
            steps: vec![
                step("log in", Phase::Preflight, named("log_in")),
                step("use it", Phase::Action, asks("steps.log_in.ok", "")),
                step("another", Phase::Action, asks("steps.log_in_2.ok", "")),
                step("elsewhere", Phase::Action, asks("steps.log_in.ok", "sub/")),
            ],
            ..Plan::default()
        };
        assert_eq!(dependents(&plan, 0), ["use it"]);
        assert!(dependents(&plan, 1).is_empty());
    }

    proptest! {
        /// Step by step, exactly the step that was let go goes; paused, none; free, all.
        #[test]
        fn a_held_run_lets_no_other_step_go(step in 0..50_u32, let_go in proptest::option::of(0..50_u32)) {
            let at = |pace| Orders { pace, let_go, ..Orders::default() };
            prop_assert!(!at(Pace::Free).holds(step));
            prop_assert!(at(Pace::Paused).holds(step));
            prop_assert_eq!(at(Pace::Stepping).holds(step), let_go != Some(step));
        }
    }
}
