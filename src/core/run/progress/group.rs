//! The items of a `for_each` with limits: several at once, and a stop after too many failures. Up to
//! `max_errors` failures are reported, not counted against the run.

use super::{Move, Next, Note, Progress, Requests, Stage, StepEnd, Task};
use crate::run::StepStatus;
use crate::run::event::Level;
use crate::run::plan::{Each, PlanStep};

/// The items of the group that is under way.
#[derive(Debug, Default)]
pub(super) struct Items<'p> {
    /// Without those that an earlier engine finished.
    tasks: Vec<Task<'p>>,
    at_once: usize,
    /// How many may fail.
    allowed: usize,
    /// How many were begun.
    pub started: usize,
    failed: Vec<(&'p PlanStep, StepEnd)>,
}

/// What a group does next.
#[derive(Debug, PartialEq, Eq)]
enum Choice {
    Start,
    Hold,
    Await,
    Over,
}

impl<'p> Items<'p> {
    fn new(tasks: Vec<Task<'p>>, each: Each) -> Self {
        Self {
            tasks,
            at_once: usize::try_from(each.max_concurrency.max(1)).unwrap_or(1),
            allowed: usize::try_from(each.max_errors).unwrap_or(usize::MAX),
            started: 0,
            failed: Vec::new(),
        }
    }

    /// With this many active items; `held`: people hold the next one back. Then the group goes on
    /// one by one: active items end first.
    fn choice(&self, active: usize, stopped: bool, held: bool) -> Choice {
        let more = self.started < self.tasks.len() && !stopped && !self.has_failed();
        match (more && active < self.at_once, held, active) {
            (true, false, _) => Choice::Start,
            (true, true, 0) => Choice::Hold,
            (false, _, 0) => Choice::Over,
            _ => Choice::Await,
        }
    }

    fn has_failed(&self) -> bool {
        self.failed.len() > self.allowed
    }

    /// `2 of 5 failed`
    fn count(&self) -> String {
        format!("{} of {} failed", self.failed.len(), self.tasks.len())
    }

    /// `2 of 5 failed, 1 allowed`
    fn result(&self) -> String {
        format!("{}, {} allowed", self.count(), self.allowed)
    }
}

impl<'p> Progress<'p> {
    /// Enters the group of the step at this place of its phase.
    pub(super) fn enter_group(
        &mut self,
        each: Each,
        at: usize,
        requests: Requests<'_>,
    ) -> Move<'p> {
        let of_group =
            |task: &&Task<'_>| task.step.rules.each.is_some_and(|e| e.group == each.group);
        let rest = self.steps.get(at..).unwrap_or_default();
        let items: Vec<_> = rest.iter().take_while(of_group).copied().collect();
        let after = at + items.len();
        let mut open = Vec::new();
        for task in items {
            match self.recorded(task.index) {
                Some(record) => self.recall(task.step, record, requests.stop),
                None => open.push(task),
            }
        }
        self.group = Items::new(open, each);
        Move::Enter(if self.stopped.is_none() {
            Stage::Group { after }
        } else {
            Stage::GroupRest { at: 0, after }
        })
    }

    /// The next item of a group.
    pub(super) fn item(&mut self, after: usize, requests: Requests<'_>) -> Move<'p> {
        let item = self.group.tasks.get(self.group.started).copied();
        let hold = item.and_then(|task| self.held(task, requests));
        let active = self.in_flight.len();
        let choice = self
            .group
            .choice(active, requests.stop.is_some(), hold.is_some());
        match (choice, item, hold) {
            (Choice::Start, Some(task), _) => Move::run(task),
            (Choice::Hold, _, Some(hold)) => Move::hold(hold),
            (Choice::Await, ..) => Move::only(Next::Await),
            _ => self.end_group(after, requests),
        }
    }

    pub(super) fn item_ended(&mut self, task: Task<'p>, end: StepEnd) {
        if end.stopped_by.is_some() {
            self.evaluate(task.step, &end);
        } else if end.status == StepStatus::Succeeded {
            self.done.insert(task.index);
        } else if end.status != StepStatus::Skipped {
            self.group.failed.push((task.step, end));
        }
    }

    fn end_group(&mut self, after: usize, requests: Requests<'_>) -> Move<'p> {
        self.check_stop(requests.stop);
        let then = Stage::GroupOver { after };
        if self.group.failed.is_empty() {
            return Move::Enter(then);
        }
        let level = if self.group.has_failed() {
            Level::Error
        } else {
            Level::Warn
        };
        let message = format!("for each: {}", self.group.result());
        Move::then(then, Next::Log(vec![Note::of(self.phase, level, message)]))
    }

    /// Counts the failures of a group against the run, where they are too many.
    pub(super) fn count_group(&mut self, after: usize) -> Move<'p> {
        let first = self.group.failed.first();
        if let Some((step, end)) = first.cloned().filter(|_| self.group.has_failed()) {
            let message = format!("{} ({})", end.message, self.group.result());
            self.evaluate(step, &StepEnd { message, ..end });
            self.apply_failure(step);
            self.failures += self.group.failed.len();
        }
        let at = self.group.started;
        Move::Enter(Stage::GroupRest { at, after })
    }

    /// An item that does not run any more.
    pub(super) fn skip_item(&mut self, at: usize, after: usize) -> Move<'p> {
        let Some(task) = self.group.tasks.get(at).copied() else {
            return Move::Enter(Stage::Steps { at: after });
        };
        let then = Stage::GroupRest { at: at + 1, after };
        if self.stopped.is_some() {
            return self.skip(task.index, then);
        }
        let message = format!("skipped: {}", self.group.count());
        let step = task.index;
        Move::then(then, Next::Skip { step, message })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::Phase;
    use crate::run::step::StepSpec;
    use crate::run::step::wait::Wait;

    /// A group of four items, two at once, of which one may fail.
    #[test]
    fn what_a_group_does_next() {
        use Choice::{Await, Hold, Over, Start};
        let each = Each {
            group: 1,
            max_concurrency: 2,
            max_errors: 1,
        };
        let step = PlanStep::new("s", Phase::Action, StepSpec::Wait(Wait { ms: 1 }), 0);
        let items: Vec<_> = (0..4).map(|n| Task::of_phase(n, &step)).collect();
        let failure = (&step, StepEnd::new(StepStatus::Failed, "no"));
        // Begun, active, failed; next: freely, held back, after a stop.
        for (started, active, failed, free, held, stopped) in [
            (0, 0, 0, Start, Hold, Over),
            (1, 1, 0, Start, Await, Await),
            (2, 2, 0, Await, Await, Await),
            (2, 1, 1, Start, Await, Await),
            (2, 0, 1, Start, Hold, Over),
            (2, 0, 2, Over, Over, Over),
            (3, 1, 2, Await, Await, Await),
            (3, 2, 1, Await, Await, Await),
            (4, 1, 1, Await, Await, Await),
            (4, 0, 0, Over, Over, Over),
            (4, 0, 4, Over, Over, Over),
        ] {
            let group = Items {
                started,
                failed: vec![failure.clone(); failed],
                ..Items::new(items.clone(), each)
            };
            let found = [(false, false), (false, true), (true, false)]
                .map(|(stopped, held)| group.choice(active, stopped, held));
            assert_eq!(found, [free, held, stopped], "{started} {active} {failed}");
        }
        let none = Items::new(
            items,
            Each {
                max_concurrency: 0,
                ..each
            },
        );
        assert_eq!(none.choice(0, false, false), Start);
        assert_eq!(none.choice(1, false, false), Await);
    }
}
