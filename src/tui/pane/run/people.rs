//! Operations on a run from its view. All of them ask first, except releasing a single step and
//! attaching a link.

use super::{Part, RunScreen};
use crate::core::run::act::{Act, Confirmation};
use crate::core::run::orders::{Ending, Order, Pace, to_let_go};
use crate::core::run::plan::PlanStep;
use crate::core::run::step::StepSpec;
use crate::core::run::{RunStatus, StepStatus};
use crate::tui::msg::Effect;
use crate::tui::pane::{Cover, Reaction};
use crate::tui::popup::answer::AnswerForm;
use crate::tui::popup::confirm::Confirm;
use crate::tui::popup::control::Control;
use crate::tui::theme::run_word;
use crate::tui::view::canvas::safe;

impl RunScreen {
    /// The run was read: asks about the act that waits for it, unless something has been opened over
    /// the view.
    pub(super) fn ask_about_wanted(&mut self, cover: Cover) -> Reaction {
        let Some(act) = self.wanted.take().filter(|_| cover != Cover::Popup) else {
            return Reaction::Done;
        };
        match &self.error {
            Some(why) => Reaction::Fail(format!("{why}; nothing was done")),
            None => self.ask(&act),
        }
    }

    /// Opens the dialog to cancel the run.
    pub(super) fn cancel(&self) -> Reaction {
        let Some(detail) = &self.detail else {
            return Reaction::Say("the run is still being read".to_owned());
        };
        let run = &detail.run;
        if run.status.is_terminal() {
            return Reaction::Say(format!(
                "run {} is {}: there is nothing to cancel",
                run.id,
                run_word(run.status)
            ));
        }
        if let Some(by) = run
            .cancel_requested_by
            .as_ref()
            .filter(|_| run.orders.ending >= Some(Ending::Cancel))
        {
            return Reaction::Say(format!("{} has asked for that already", safe(by)));
        }
        Reaction::Popup(Confirm::cancel(run).into())
    }

    pub(super) fn answer(&self) -> Reaction {
        self.answer_with(None)
    }

    /// Opens the form of the waiting step, with the note prefilled.
    fn answer_with(&self, note: Option<&str>) -> Reaction {
        let Some(detail) = &self.detail else {
            return Reaction::Say("the run is still being read".to_owned());
        };
        if let Some(approval) = &detail.approval {
            let question = approval.question(&detail.run);
            if let Some(Err(why)) = question.map(|q| q.may(&self.facts.actor)) {
                return Reaction::Say(why.to_string());
            }
            let form = AnswerForm::approval(detail, approval, &self.facts.actor, note);
            return form.map_or(Reaction::Done, |form| Reaction::Popup(form.into()));
        }
        let waiting = detail
            .steps
            .iter()
            .find(|s| s.status == StepStatus::Waiting);
        let waiting = waiting
            .and_then(|step| Some((step.index, detail.run.plan.numbered_step(step.index)?.0)));
        match waiting {
            Some((
                index,
                PlanStep {
                    name,
                    spec: StepSpec::Manual(manual),
                    rules,
                    ..
                },
            )) => {
                let form = AnswerForm::work(self.run, index, name, &manual.prompt, rules);
                Reaction::Popup(form.into())
            }
            Some(_) => Reaction::Say(
                "the waiting step is not one to answer: it goes on by itself".to_owned(),
            ),
            None => Reaction::Say("no step of this run waits for an answer".to_owned()),
        }
    }

    /// Opens the dialog for an act of a command.
    fn ask(&self, act: &Act) -> Reaction {
        // An interrupted run can still be resumed.
        let status = self.detail.as_ref().map(|detail| detail.run.status);
        let ended = status.filter(|s| s.is_terminal() && *s != RunStatus::Interrupted);
        match (act, ended) {
            (
                Act::Order {
                    order: Order::End(Ending::Cancel),
                    ..
                },
                _,
            ) => self.cancel(),
            (Act::Order { run, .. } | Act::Resume { run, .. }, Some(status)) => {
                let hint = match act {
                    Act::Resume { .. } if status != RunStatus::Succeeded => {
                        format!("; `continue failed run {}` goes on with it", run.0)
                    }
                    _ => String::new(),
                };
                Reaction::Say(format!(
                    "run {run} has ended ({}): nothing was done{hint}",
                    run_word(status)
                ))
            }
            (Act::Link { .. }, _) => Reaction::Ask(Effect::act(act.clone())),
            (act, _) if act.confirmation() == Confirmation::Question => {
                self.answer_with(act.reason())
            }
            (act, _) => self.control(Some(act)),
        }
    }

    /// Opens the dialog of operations, with `wanted` preselected.
    pub(super) fn control(&self, wanted: Option<&Act>) -> Reaction {
        let Some(detail) = &self.detail else {
            return Reaction::Say("the run is still being read".to_owned());
        };
        let selected = self
            .steps
            .key()
            .copied()
            .filter(|_| self.focus == Part::Steps);
        let popup = Control::new(detail, selected, self.facts.read_only, wanted);
        Reaction::Popup(popup.into())
    }

    pub(super) fn let_go(&self) -> Reaction {
        let Some(detail) = &self.detail else {
            return Reaction::Say("the run is still being read".to_owned());
        };
        match to_let_go(&detail.run, &detail.steps) {
            Some(step) => Reaction::Ask(Effect::act(Act::Order {
                run: self.run,
                order: Order::LetGo(step),
                reason: None,
            })),
            None if detail.run.orders.pace == Pace::Stepping
                && !detail.run.status.is_terminal() =>
            {
                Reaction::Say(
                    "it does not wait before a step now: let the step in flight end first"
                        .to_owned(),
                )
            }
            None => Reaction::Say(
                "only a run that is gone through step by step lets a single step go".to_owned(),
            ),
        }
    }
}
