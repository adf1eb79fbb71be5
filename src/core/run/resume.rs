//! Resuming an interrupted run: what may happen automatically, and what a person must decide.

use serde::{Deserialize, Serialize};

use crate::run::plan::{OnFailure, Plan, PlanStep};
use crate::run::repeat::is_safe;
use crate::run::step::StepSpec;
use crate::run::{RunStep, StepStatus};

/// A person's decision about a step with an unknown outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Decision {
    /// Its effect happened: go on with the next step.
    Done,
    /// Do it again.
    Repeat,
    /// Do not continue: the run has failed.
    GiveUp,
}

impl Decision {
    /// All decisions.
    pub const ALL: [Self; 3] = [Self::Done, Self::Repeat, Self::GiveUp];

    /// As in "marked done by amos: …".
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Done => "marked done",
            Self::Repeat => "to be repeated",
            Self::GiveUp => "given up",
        }
    }
}

/// State of an interrupted run: how it may continue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ResumeState {
    /// Its next steps are safe to run: it continues without a decision.
    Harmless,
    /// Nothing was in flight, but the next step has an effect: a person must continue it.
    Ready,
    /// The outcome of these steps is unknown and they are not idempotent: a person decides.
    Undecided(Vec<u32>),
}

/// The step of that number in a plan: phases, `finally`, `undo`.
#[must_use]
pub fn step_at(plan: &Plan, index: u32) -> Option<&PlanStep> {
    plan.numbered_step(index).map(|(step, _)| step)
}

/// A step that waits, for a time or for a person: its deadline counts from its first start.
#[must_use]
pub const fn is_timed(step: &PlanStep) -> bool {
    matches!(
        step.spec,
        StepSpec::Wait(_) | StepSpec::Manual(_) | StepSpec::Approve(_)
    )
}

/// Whether a step's failure has ended the phases: what follows is `undo` and `finally`, which a
/// pause does not hold back.
#[must_use]
pub fn has_failed(plan: &Plan, steps: &[RunStep]) -> bool {
    let failed = |s: &&RunStep| matches!(s.status, StepStatus::Failed | StepStatus::TimedOut);
    let ends = |step: &PlanStep| {
        step.on_failure == OnFailure::Stop || matches!(step.spec, StepSpec::Approve(_))
    };
    steps
        .iter()
        .filter(failed)
        .filter_map(|s| step_at(plan, s.index))
        .any(ends)
}

fn is_of_phases(plan: &Plan, index: u32) -> bool {
    usize::try_from(index).is_ok_and(|index| index < plan.steps.len())
}

/// How an interrupted run with these step records may continue.
#[must_use]
pub fn standing(plan: &Plan, steps: &[RunStep]) -> ResumeState {
    let harmless = |step: &&RunStep| step_at(plan, step.index).is_some_and(is_safe);
    let unknown = steps.iter().filter(|s| s.status == StepStatus::Unknown);
    let undecided: Vec<_> = unknown.filter(|s| !harmless(s)).map(|s| s.index).collect();
    if !undecided.is_empty() {
        return ResumeState::Undecided(undecided);
    }
    let open = |s: &&RunStep| matches!(s.status, StepStatus::Pending | StepStatus::Unknown);
    let first = steps.iter().find(open);
    // After a failure the rest of the phases is skipped.
    let failed = has_failed(plan, steps);
    let mut behind = steps
        .iter()
        .filter(open)
        .filter(|s| failed && !is_of_phases(plan, s.index));
    // With every step recorded, only the end of the run is missing.
    let gentle = first.is_none_or(|step| harmless(&step)) && behind.all(|step| harmless(&step));
    if gentle {
        ResumeState::Harmless
    } else {
        ResumeState::Ready
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    use crate::run::Phase;
    use crate::run::step::{manual::Manual, shell::Shell, wait::Wait};
    use crate::stack::shell::ShellCommand;

    fn step(spec: StepSpec, idempotent: bool) -> PlanStep {
        PlanStep {
            idempotent,
            ..PlanStep::new("s", Phase::Action, spec, 0)
        }
    }

    fn shell(idempotent: bool) -> PlanStep {
        let command = ShellCommand::Script("deploy".to_owned());
        step(StepSpec::Shell(Shell::new(command)), idempotent)
    }

    fn kinds() -> [PlanStep; 4] {
        let manual = StepSpec::Manual(Manual {
            prompt: "ok?".to_owned(),
        });
        [
            shell(false),
            shell(true),
            step(StepSpec::Wait(Wait { ms: 5 }), false),
            step(manual, false),
        ]
    }

    fn records(statuses: &[StepStatus]) -> Vec<RunStep> {
        let record = |(index, status): (u32, &StepStatus)| RunStep {
            index,
            status: *status,
            attempt: 1,
            started_at: None,
            finished_at: None,
            message: None,
            taken_from: None,
        };
        (0..).zip(statuses).map(record).collect()
    }

    #[test]
    fn the_first_unfinished_step_decides() {
        use StepStatus::{Failed, Pending, Succeeded, Unknown};
        let plan = Plan {
            steps: vec![shell(false), shell(true)],
            finally: vec![shell(false)],
            ..Plan::default()
        };
        for (statuses, wanted) in [
            ([Unknown, Pending, Pending], ResumeState::Undecided(vec![0])),
            ([Succeeded, Unknown, Pending], ResumeState::Harmless),
            ([Succeeded, Pending, Pending], ResumeState::Harmless),
            ([Pending, Pending, Pending], ResumeState::Ready),
            ([Succeeded, Failed, Pending], ResumeState::Ready),
            ([Failed, Pending, Pending], ResumeState::Ready),
            (
                [Succeeded, Succeeded, Unknown],
                ResumeState::Undecided(vec![2]),
            ),
            ([Succeeded, Succeeded, Succeeded], ResumeState::Harmless),
        ] {
            assert_eq!(standing(&plan, &records(&statuses)), wanted, "{statuses:?}");
        }
    }

    proptest! {
        /// For any records: no step with an effect of its own is ever repeated without a decision.
        #[test]
        fn a_step_that_may_have_had_an_effect_is_never_harmless(
            kinds_of in prop::collection::vec(0..4_usize, 1..6),
            statuses in prop::collection::vec(0..9_usize, 6),
        ) {
            let steps: Vec<_> = kinds_of.iter().map(|k| kinds()[*k].clone()).collect();
            let statuses: Vec<_> = steps.iter().zip(&statuses).map(|(_, s)| StepStatus::ALL[*s]).collect();
            let plan = Plan { steps, ..Plan::default() };
            let next = standing(&plan, &records(&statuses));
            let risky = |i: usize| !is_safe(&plan.steps[i]);
            let unknown = (0..statuses.len()).any(|i| statuses[i] == StepStatus::Unknown && risky(i));
            prop_assert_eq!(matches!(next, ResumeState::Undecided(_)), unknown);
            let first = (0..statuses.len()).find(|i| matches!(statuses[*i], StepStatus::Pending | StepStatus::Unknown));
            if let (Some(first), ResumeState::Harmless) = (first, next) {
                prop_assert!(!risky(first));
            }
        }
    }
}
