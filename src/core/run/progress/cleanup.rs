//! Undo and `finally`. When action or verify failed, completed steps are undone, last first, before
//! `finally`; a failing undo does not keep the others from being tried. A cancelled run is not
//! undone: that was not requested. `finally` steps always run: also after failure, deadline and
//! cancel; not when nothing ran at all, or nothing before an approval that was not given.

use super::{Move, Next, Note, Progress, Requests, Stage, StepEnd, StopReason, Task};
use crate::run::StepStatus;
use crate::run::event::Level;
use crate::run::plan::PlanStep;

/// A `finally` step without a timeout must not hold a cancelled run for ever.
pub const FINALLY_TIMEOUT_MS: i64 = 60_000;

impl<'p> Progress<'p> {
    pub(super) fn enter_undo(&mut self) -> Move<'p> {
        if self.plan.undo.is_empty() || self.is_left() {
            return Move::Enter(Stage::Finally);
        }
        let needed = self.undo_tasks(true).len();
        if needed == 0 {
            return Move::Enter(Stage::UndoIdle { at: 0 });
        }
        let message = format!("undo started: {} completed to take back", steps(needed));
        let note = Note::new(Level::Warn, message);
        Move::then(Stage::UndoSteps { at: 0 }, Next::Log(vec![note]))
    }

    /// The undo steps that are needed, or those that are not.
    fn undo_tasks(&self, needed: bool) -> Vec<Task<'p>> {
        let runs = self.undo && self.stop.is_none();
        let is_needed = |step: &PlanStep| {
            let undoes = step.rules.undoes;
            runs && undoes.is_some_and(|n| self.done.contains(&n))
        };
        let before = self.plan.steps.len() + self.plan.finally.len();
        let tasks = tasks(before, &self.plan.undo);
        tasks.filter(|t| is_needed(t.step) == needed).collect()
    }

    pub(super) fn undo_step(&mut self, at: usize) -> Move<'p> {
        let needed = self.undo_tasks(true);
        let Some(task) = needed.get(at).copied() else {
            return self.end_undo(needed.len());
        };
        if self.in_flight.contains(&task.index) {
            return Move::only(Next::Await);
        }
        // Undone, or tried to, before the run was interrupted.
        if let Some(record) = self.recorded(task.index) {
            if record.status != StepStatus::Succeeded {
                self.undo_failed.push(&task.step.name);
            }
            return Move::Enter(Stage::UndoSteps { at: at + 1 });
        }
        Move::run(task)
    }

    pub(super) fn undo_ended(&mut self, at: usize, step: &'p PlanStep, end: &StepEnd) {
        if end.stopped_by.is_some() {
            self.during = Some(step.name.clone());
            return self.leave();
        }
        if !matches!(end.status, StepStatus::Succeeded | StepStatus::Skipped) {
            self.undo_failed.push(&step.name);
        }
        self.stage = Stage::UndoSteps { at: at + 1 };
    }

    fn end_undo(&mut self, all: usize) -> Move<'p> {
        let (level, result) = if self.undo_failed.is_empty() {
            (Level::Warn, format!("{} undone", steps(all)))
        } else {
            let failed = self.undo_failed.join(", ");
            let result = format!("undo failed, look at it by hand: {failed}");
            (Level::Error, result)
        };
        let note = Note::new(level, format!("undo finished: {result}"));
        self.undone = Some(result);
        Move::then(Stage::UndoIdle { at: 0 }, Next::Log(vec![note]))
    }

    /// An undo step that is not needed.
    pub(super) fn skip_undo(&mut self, at: usize) -> Move<'p> {
        let Some(task) = self.undo_tasks(false).get(at).copied() else {
            return Move::Enter(Stage::Finally);
        };
        let then = Stage::UndoIdle { at: at + 1 };
        if self.recorded(task.index).is_some() {
            return Move::Enter(then);
        }
        let message = format!("skipped: {}", self.why_idle(task.step));
        let step = task.index;
        Move::then(then, Next::Skip { step, message })
    }

    fn why_idle(&self, step: &PlanStep) -> String {
        let undoes = step.rules.undoes.and_then(|n| self.plan.numbered_step(n));
        let name = undoes.map_or("its step", |(s, _)| s.name.as_str());
        match (&self.stop, self.undo) {
            (Some(why), _) => format!("{}, which undoes nothing", why.describe()),
            (None, false) => "nothing is to be undone".to_owned(),
            (None, true) => format!("{name} did not complete"),
        }
    }

    pub(super) fn enter_finally(&mut self) -> Move<'p> {
        if self.plan.finally.is_empty() || self.is_left() {
            return Move::Enter(Stage::End);
        }
        let unapproved = matches!(self.stop, Some(StopReason::Unapproved { .. }));
        if self.condition_failed.is_some() || (unapproved && !self.worked) {
            return Move::Enter(Stage::FinallySkipped { at: 0 });
        }
        let note = Note::new(Level::Info, "finally started");
        Move::then(Stage::FinallySteps { at: 0 }, Next::Log(vec![note]))
    }

    fn finally_task(&self, at: usize) -> Option<Task<'p>> {
        tasks(self.plan.steps.len(), &self.plan.finally).nth(at)
    }

    pub(super) fn skip_finally(&mut self, at: usize) -> Move<'p> {
        match self.finally_task(at) {
            Some(task) if self.recorded(task.index).is_some() => {
                Move::Enter(Stage::FinallySkipped { at: at + 1 })
            }
            Some(task) => self.skip(task.index, Stage::FinallySkipped { at: at + 1 }),
            None => Move::Enter(Stage::End),
        }
    }

    pub(super) fn finally_step(&mut self, at: usize, requests: Requests<'_>) -> Move<'p> {
        let Some(task) = self.finally_task(at) else {
            let note = Note::new(Level::Info, "finally finished");
            return Move::then(Stage::End, Next::Log(vec![note]));
        };
        if self.in_flight.contains(&task.index) {
            return Move::only(Next::Await);
        }
        if let Some(record) = self.recorded(task.index) {
            self.recall(task.step, record, requests.last);
            return Move::Enter(Stage::FinallySteps { at: at + 1 });
        }
        Move::run(task)
    }

    pub(super) fn finally_ended(&mut self, at: usize, step: &PlanStep, end: &StepEnd) {
        self.evaluate(step, end);
        if end.stopped_by.is_some() {
            return self.leave();
        }
        self.stage = Stage::FinallySteps { at: at + 1 };
    }

    /// Only the engine's stop cuts a step short here.
    fn leave(&mut self) {
        self.stop = Some(StopReason::Leaving);
        self.stage = Stage::End;
    }
}

/// Clean-up steps, whose numbers begin after these.
fn tasks(before: usize, steps: &[PlanStep]) -> impl Iterator<Item = Task<'_>> {
    let first = u32::try_from(before).unwrap_or(u32::MAX);
    (first..).zip(steps).map(|(index, step)| Task {
        index,
        step,
        phase: None,
        timeout_ms: if step.timeout_ms > 0 {
            step.timeout_ms
        } else {
            FINALLY_TIMEOUT_MS
        },
    })
}

fn steps(n: usize) -> String {
    if n == 1 {
        "1 step".to_owned()
    } else {
        format!("{n} steps")
    }
}
