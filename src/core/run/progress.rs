//! The progress of a run: what comes next, decided from its plan, the steps that earlier engines
//! finished, and what has happened since. No clock and no I/O: the engine performs what
//! [`Progress::next`] returns, and reports it to [`Progress::on`].

mod apply;
mod cleanup;
mod condition;
mod end;
mod group;
mod phases;
mod stop_reason;

use std::collections::{BTreeMap, BTreeSet};

pub use cleanup::FINALLY_TIMEOUT_MS;
pub use end::RunEnd;
pub use phases::PhaseEnd;
pub use stop_reason::StopReason;

use crate::run::event::Level;
use crate::run::orders::Orders;
use crate::run::plan::{Plan, PlanStep};
use crate::run::step::StepSpec;
use crate::run::{Phase, RunStep, StepStatus};
use group::Items;

/// What the engine is to perform next.
#[derive(Debug, Clone, PartialEq)]
pub enum Next<'p> {
    /// Write these events to the run's log.
    Log(Vec<Note>),
    /// Write the first event of a phase; the time of the phase begins with it.
    StartPhase(Note),
    /// Write the last event of a phase.
    EndPhase(PhaseEnd),
    /// Run this step of the run's condition.
    Ask(&'p PlanStep),
    /// Wait for as long as people hold the run back before this step.
    Hold(Hold),
    /// Record that this step does not run, and why.
    Skip { step: u32, message: String },
    /// Begin this step; its end is awaited later.
    Run(Task<'p>),
    /// Wait until a step that was begun has ended.
    Await,
    /// End the run: [`Progress::end`].
    End,
}

/// How the engine performed what was next.
#[derive(Debug, Clone, PartialEq)]
pub enum Performed {
    /// It was written, waited for or begun.
    Done,
    /// A step that was begun has ended.
    Ended { step: u32, end: StepEnd },
    /// A step of the condition has ended, or why it could not be run.
    Asked(Result<StepEnd, String>),
}

/// An event of the engine about the whole run, before it has a time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    pub phase: Option<Phase>,
    pub level: Level,
    pub message: String,
}

/// A wait for people before a step, with the messages of its begin and end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hold {
    pub step: u32,
    pub phase: Phase,
    pub waits: String,
    pub goes_on: String,
}

/// A step to begin.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Task<'p> {
    pub index: u32,
    pub step: &'p PlanStep,
    /// Absent for `finally` and `undo`, which only the engine's stop cuts short.
    pub phase: Option<Phase>,
    /// 0 and less: none.
    pub timeout_ms: i64,
}

/// How a step ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StepEnd {
    pub status: StepStatus,
    pub message: String,
    /// It was cut short from outside.
    pub stopped_by: Option<StopReason>,
}

/// The requests that are known when the next act is decided.
#[derive(Debug, Clone, Copy)]
pub struct Requests<'r> {
    /// Why nothing new may begin in the phases.
    pub stop: Option<&'r StopReason>,
    /// Why `finally` and `undo` are to stop as well.
    pub last: Option<&'r StopReason>,
    pub orders: &'r Orders,
}

/// The progress of one run under one engine.
#[derive(Debug)]
pub struct Progress<'p> {
    plan: &'p Plan,
    /// Steps that an earlier engine finished or a person decided about, by number.
    recorded: BTreeMap<u32, &'p RunStep>,
    stage: Stage,
    /// The effect of the next [`Performed::Done`].
    pending: Pending,
    phase: Phase,
    /// Steps of the phase.
    steps: Vec<Task<'p>>,
    /// How many steps of the phase failed.
    failures: usize,
    group: Items<'p>,
    /// Steps that were begun and have not ended.
    in_flight: BTreeSet<u32>,
    /// The step that people no longer hold back.
    released: Option<u32>,
    /// What speaks against the run's condition so far.
    against: Option<String>,
    /// Why the run's condition cannot be checked.
    unanswerable: Option<String>,
    /// The first failure: `step deploy web: exit code 2`.
    failure: Option<String>,
    /// Why the remaining phases do not run: `action failed`.
    stopped: Option<String>,
    /// The run was stopped from outside, and that cut something short.
    stop: Option<StopReason>,
    /// The step that was active then.
    during: Option<String>,
    /// Why the run's condition did not hold.
    condition_failed: Option<String>,
    jump: Option<Jump>,
    /// Steps that succeeded, by number.
    done: BTreeSet<u32>,
    /// A step of the phases other than an approval has begun.
    worked: bool,
    /// Action or verify failed: completed steps are to be undone.
    undo: bool,
    /// Steps whose undoing failed.
    undo_failed: Vec<&'p str>,
    /// Result of undoing, for the run's final message.
    undone: Option<String>,
}

/// A failed step jumps to the step of this number.
#[derive(Debug)]
struct Jump {
    to: u32,
    /// For the skipped steps between.
    why: String,
}

/// Where the run is. `at` counts the steps of the stage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// To be entered.
    Phase(Phase),
    PhaseSkipped {
        at: usize,
    },
    Condition {
        asked: usize,
    },
    Steps {
        at: usize,
    },
    /// `after`: the first step after the group.
    Group {
        after: usize,
    },
    GroupOver {
        after: usize,
    },
    GroupRest {
        at: usize,
        after: usize,
    },
    PhaseEnd,
    Undo,
    UndoSteps {
        at: usize,
    },
    UndoIdle {
        at: usize,
    },
    Finally,
    FinallySkipped {
        at: usize,
    },
    FinallySteps {
        at: usize,
    },
    End,
}

#[derive(Debug, Clone, Copy, Default)]
enum Pending {
    #[default]
    Nothing,
    Enter(Stage),
    Begin(u32),
    Release(u32),
}

/// One move of a run.
enum Move<'p> {
    /// Without anything to perform.
    Enter(Stage),
    /// What is to be performed, and its effect.
    Perform(Next<'p>, Pending),
}

impl<'p> Move<'p> {
    /// Enters a stage once this has been performed.
    const fn then(stage: Stage, next: Next<'p>) -> Self {
        Self::Perform(next, Pending::Enter(stage))
    }

    const fn run(task: Task<'p>) -> Self {
        Self::Perform(Next::Run(task), Pending::Begin(task.index))
    }

    const fn hold(hold: Hold) -> Self {
        let step = hold.step;
        Self::Perform(Next::Hold(hold), Pending::Release(step))
    }

    /// What has its effect through its result.
    const fn only(next: Next<'p>) -> Self {
        Self::Perform(next, Pending::Nothing)
    }
}

impl<'p> Progress<'p> {
    /// `past`: the steps as earlier engines recorded them; empty for a run that was never active.
    #[must_use]
    pub fn new(plan: &'p Plan, past: &'p [RunStep]) -> Self {
        let recorded = past.iter().filter(|s| s.status != StepStatus::Pending);
        Self {
            plan,
            recorded: recorded.map(|s| (s.index, s)).collect(),
            stage: Stage::Phase(Phase::Validate),
            pending: Pending::Nothing,
            phase: Phase::Validate,
            steps: Vec::new(),
            failures: 0,
            group: Items::default(),
            in_flight: BTreeSet::new(),
            released: None,
            against: None,
            unanswerable: None,
            failure: None,
            stopped: None,
            stop: None,
            during: None,
            condition_failed: None,
            jump: None,
            done: BTreeSet::new(),
            worked: false,
            undo: false,
            undo_failed: Vec::new(),
            undone: None,
        }
    }

    /// A run that ends because opsroom itself failed.
    #[must_use]
    pub fn broken(plan: &'p Plan, why: String) -> Self {
        Self {
            failure: Some(why),
            stage: Stage::End,
            ..Self::new(plan, &[])
        }
    }

    /// What comes next. The answer stays the same until [`Self::on`] is called, or a request comes.
    pub fn next(&mut self, requests: Requests<'_>) -> Next<'p> {
        loop {
            match self.advance(requests) {
                Move::Enter(stage) => self.stage = stage,
                Move::Perform(next, pending) => {
                    self.pending = pending;
                    return next;
                }
            }
        }
    }

    fn advance(&mut self, requests: Requests<'_>) -> Move<'p> {
        match self.stage {
            Stage::Phase(phase) => self.enter(phase, requests),
            Stage::PhaseSkipped { at } => self.skip_phase(at, requests),
            Stage::Condition { asked } => self.ask(asked, requests),
            Stage::Steps { at } => self.step(at, requests),
            Stage::Group { after } => self.item(after, requests),
            Stage::GroupOver { after } => self.count_group(after),
            Stage::GroupRest { at, after } => self.skip_item(at, after),
            Stage::PhaseEnd => self.end_phase(),
            Stage::Undo => self.enter_undo(),
            Stage::UndoSteps { at } => self.undo_step(at),
            Stage::UndoIdle { at } => self.skip_undo(at),
            Stage::Finally => self.enter_finally(),
            Stage::FinallySkipped { at } => self.skip_finally(at),
            Stage::FinallySteps { at } => self.finally_step(at, requests),
            Stage::End => Move::only(Next::End),
        }
    }

    /// Applies what was performed.
    pub fn on(&mut self, performed: Performed) {
        match performed {
            Performed::Done => match std::mem::take(&mut self.pending) {
                Pending::Nothing => {}
                Pending::Enter(stage) => self.stage = stage,
                Pending::Begin(step) => self.begun(step),
                Pending::Release(step) => self.released = Some(step),
            },
            Performed::Ended { step, end } => {
                if self.in_flight.remove(&step) {
                    self.ended(step, end);
                }
            }
            Performed::Asked(answer) => self.asked(answer),
        }
    }

    fn begun(&mut self, step: u32) {
        self.in_flight.insert(step);
        let begun = self.plan.numbered_step(step);
        self.worked |= begun.is_some_and(|(step, _)| is_work(step));
        if matches!(self.stage, Stage::Group { .. }) {
            self.group.started += 1;
        }
    }

    fn ended(&mut self, index: u32, end: StepEnd) {
        let Some((step, _)) = self.plan.numbered_step(index) else {
            return;
        };
        match self.stage {
            Stage::Steps { at } => {
                self.step_ended(Task::of_phase(index, step), &end);
                self.stage = Stage::Steps { at: at + 1 };
            }
            Stage::Group { .. } => self.item_ended(Task::of_phase(index, step), end),
            Stage::UndoSteps { at } => self.undo_ended(at, step, &end),
            Stage::FinallySteps { at } => self.finally_ended(at, step, &end),
            _ => {}
        }
    }

    /// The engine was stopped: what is left is done when the run is resumed.
    #[must_use]
    pub fn is_left(&self) -> bool {
        self.stop == Some(StopReason::Leaving)
    }

    fn recorded(&self, index: u32) -> Option<&'p RunStep> {
        self.recorded.get(&index).copied()
    }

    /// A step that will not run any more. Steps pending when the engine stops are settled with the
    /// run's end.
    fn skip(&mut self, step: u32, then: Stage) -> Move<'p> {
        match &self.stopped {
            Some(why) if !self.is_left() => {
                let message = format!("skipped: {why}");
                Move::then(then, Next::Skip { step, message })
            }
            _ => Move::Enter(then),
        }
    }

    /// The wait before a step, where people hold the run back.
    fn held(&self, task: Task<'_>, requests: Requests<'_>) -> Option<Hold> {
        let holds = requests.orders.holds(task.index) && self.released != Some(task.index);
        let reason = requests.orders.describe().filter(|_| holds)?;
        let name = &task.step.name;
        Some(Hold {
            step: task.index,
            phase: task.step.phase,
            waits: format!("{reason}; waits before step {name}"),
            goes_on: format!("goes on before step {name}"),
        })
    }
}

impl<'p> Task<'p> {
    fn of_phase(index: u32, step: &'p PlanStep) -> Self {
        Self {
            index,
            step,
            phase: Some(step.phase),
            timeout_ms: step.timeout_ms,
        }
    }
}

/// Whether it is more than a question whether the run may go on.
const fn is_work(step: &PlanStep) -> bool {
    !matches!(step.spec, StepSpec::Approve(_))
}

impl StepEnd {
    /// It ended by itself.
    #[must_use]
    pub fn new(status: StepStatus, message: impl Into<String>) -> Self {
        Self {
            status,
            message: message.into(),
            stopped_by: None,
        }
    }
}

impl Note {
    fn new(level: Level, message: impl Into<String>) -> Self {
        Self {
            phase: None,
            level,
            message: message.into(),
        }
    }

    fn of(phase: Phase, level: Level, message: impl Into<String>) -> Self {
        Self {
            phase: Some(phase),
            ..Self::new(level, message)
        }
    }
}

#[cfg(test)]
mod tests;
