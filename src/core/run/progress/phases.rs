//! The five phases: entered, skipped or recalled as a whole; their steps in order.

use super::{Move, Next, Note, Progress, Requests, Stage, Task};
use crate::base::time::human_ms;
use crate::run::Phase;
use crate::run::event::Level;

/// The last event of a phase, before its duration is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PhaseEnd {
    phase: Phase,
    level: Level,
    /// The message before and after the duration.
    before: String,
    after: String,
}

impl PhaseEnd {
    /// The event, for a phase that took this long.
    #[must_use]
    pub fn note(&self, took_ms: i64) -> Note {
        let message = format!("{} {}{}", self.before, human_ms(took_ms), self.after);
        Note::of(self.phase, self.level, message)
    }
}

impl<'p> Progress<'p> {
    pub(super) fn enter(&mut self, phase: Phase, requests: Requests<'_>) -> Move<'p> {
        let steps = (0..).zip(&self.plan.steps);
        self.steps = steps
            .filter(|(_, step)| step.phase == phase)
            .map(|(index, step)| Task::of_phase(index, step))
            .collect();
        (self.phase, self.failures) = (phase, 0);
        let conditional = self.condition().is_some();
        let idle = self.steps.is_empty() && !conditional;
        let recorded = |task: &Task<'_>| self.recorded(task.index).is_some();
        if !idle && !conditional && self.steps.iter().all(recorded) {
            return Move::Enter(Stage::PhaseSkipped { at: 0 });
        }
        if !idle {
            self.check_stop(requests.stop);
        }
        if idle || self.stopped.is_some() {
            return self.pass_phase();
        }
        let then = if conditional {
            Stage::Condition { asked: 0 }
        } else {
            Stage::Steps { at: 0 }
        };
        let note = Note::of(phase, Level::Info, format!("{} started", phase.name()));
        Move::then(then, Next::StartPhase(note))
    }

    /// The events of a phase that does not run.
    fn pass_phase(&mut self) -> Move<'p> {
        let (phase, name) = (self.phase, self.phase.name());
        let (level, why) = match &self.stopped {
            Some(why) => (Level::Info, why.as_str()),
            None => (Level::Debug, "nothing to do"),
        };
        let reached = Note::of(phase, Level::Debug, format!("{name} reached"));
        let skipped = Note::of(phase, level, format!("{name} skipped: {why}"));
        let then = Stage::PhaseSkipped { at: 0 };
        Move::then(then, Next::Log(vec![reached, skipped]))
    }

    /// Steps of a phase that does not run. Steps done by an earlier engine stay done.
    pub(super) fn skip_phase(&mut self, at: usize, requests: Requests<'_>) -> Move<'p> {
        let Some(task) = self.steps.get(at).copied() else {
            return Move::Enter(self.later());
        };
        let then = Stage::PhaseSkipped { at: at + 1 };
        if let Some(record) = self.recorded(task.index) {
            self.recall(task.step, record, requests.stop);
            return Move::Enter(then);
        }
        self.skip(task.index, then)
    }

    /// The next step of a phase.
    pub(super) fn step(&mut self, at: usize, requests: Requests<'_>) -> Move<'p> {
        let Some(task) = self.steps.get(at).copied() else {
            let left = self.is_left();
            return Move::Enter(if left { self.later() } else { Stage::PhaseEnd });
        };
        if self.in_flight.contains(&task.index) {
            return Move::only(Next::Await);
        }
        let then = Stage::Steps { at: at + 1 };
        if let Some(record) = self.recorded(task.index) {
            self.recall(task.step, record, requests.stop);
            return Move::Enter(then);
        }
        self.check_stop(requests.stop);
        if let Some(jump) = self.jump.as_ref().filter(|jump| task.index < jump.to) {
            let (step, message) = (task.index, format!("skipped: {}", jump.why));
            return Move::then(then, Next::Skip { step, message });
        }
        self.jump = None;
        if self.stopped.is_some() {
            return self.skip(task.index, then);
        }
        if let Some(each) = task.step.rules.each {
            return self.enter_group(each, at, requests);
        }
        match self.held(task, requests) {
            Some(hold) => Move::hold(hold),
            None => Move::run(task),
        }
    }

    pub(super) fn end_phase(&mut self) -> Move<'p> {
        let (level, how, more) = match (&self.stopped, self.failures) {
            (Some(why), _) if self.stop.is_some() => {
                (Level::Warn, "stopped after", format!(": {why}"))
            }
            (Some(why), _) if self.condition_failed.is_some() => {
                (Level::Info, "finished in", format!(": {why}"))
            }
            (Some(_), _) => (Level::Error, "failed after", String::new()),
            (None, 0) => (Level::Info, "finished in", String::new()),
            (None, n) => (
                Level::Warn,
                "finished in",
                format!(", {n} failed, going on"),
            ),
        };
        let end = PhaseEnd {
            phase: self.phase,
            level,
            before: format!("{} {how}", self.phase.name()),
            after: more,
        };
        Move::then(self.later(), Next::EndPhase(end))
    }

    /// What follows the phase.
    fn later(&self) -> Stage {
        let mut later = Phase::ALL.into_iter().filter(|later| *later > self.phase);
        let later = later.next().filter(|_| !self.is_left());
        later.map_or(Stage::Undo, Stage::Phase)
    }
}
