//! The condition of a run: "only if staging is healthy". A condition that cannot be checked does
//! not hold; one whose check was stopped stays undecided.

use super::{Move, Next, Note, Progress, Requests, Stage, StepEnd};
use crate::run::event::Level;
use crate::run::plan::RunCondition;
use crate::run::{Phase, StepStatus};

impl<'p> Progress<'p> {
    /// The condition to check in the current phase: before anything else, and only once.
    pub(super) fn condition(&self) -> Option<&'p RunCondition> {
        let condition = self.plan.only_if.as_ref();
        condition.filter(|_| self.phase == Phase::Validate && self.recorded.is_empty())
    }

    /// The next step of the condition, or its result.
    pub(super) fn ask(&mut self, asked: usize, requests: Requests<'_>) -> Move<'p> {
        let first = Stage::Steps { at: 0 };
        let Some(condition) = self.condition() else {
            return Move::Enter(first);
        };
        let label = describe(condition);
        if let Some(why) = &self.unanswerable {
            let reason = format!("{label}: cannot be checked: {why}");
            return self.fail_condition(reason);
        }
        // The next check of the stop ends the run.
        if asked > 0 && requests.stop.is_some() {
            return Move::Enter(first);
        }
        if let Some(step) = condition.steps.get(asked) {
            return Move::only(Next::Ask(step));
        }
        let reason = match (condition.negated, &self.against) {
            _ if condition.steps.is_empty() => {
                format!("{label}: nothing is configured that could check it")
            }
            (false, Some(why)) => format!("{label}, but {why}"),
            (true, None) => format!("{label}, and it is"),
            (false, None) | (true, Some(_)) => {
                let holds = Note::of(self.phase, Level::Success, format!("{label}: holds"));
                return Move::then(first, Next::Log(vec![holds]));
            }
        };
        self.fail_condition(reason)
    }

    pub(super) fn asked(&mut self, answer: Result<StepEnd, String>) {
        let Stage::Condition { asked } = self.stage else {
            return;
        };
        let step = self.condition().and_then(|c| c.steps.get(asked));
        match (answer, step) {
            (Err(why), _) => self.unanswerable = Some(why),
            (Ok(end), _) if end.stopped_by.is_some() => self.stage = Stage::Steps { at: 0 },
            (Ok(end), Some(step)) => {
                if end.status != StepStatus::Succeeded && self.against.is_none() {
                    self.against = Some(format!("{}: {}", step.name, end.message));
                }
                self.stage = Stage::Condition { asked: asked + 1 };
            }
            (Ok(_), None) => {}
        }
    }

    /// The condition does not hold: nothing else runs.
    fn fail_condition(&mut self, reason: String) -> Move<'p> {
        let message = format!("condition not met: {reason}");
        self.condition_failed = Some(reason);
        self.stopped = Some("the condition is not met".to_owned());
        let note = Note::of(self.phase, Level::Warn, message);
        Move::then(Stage::Steps { at: 0 }, Next::Log(vec![note]))
    }
}

fn describe(condition: &RunCondition) -> String {
    let word = if condition.negated {
        "unless"
    } else {
        "only if"
    };
    format!("{word} {}", condition.text)
}
