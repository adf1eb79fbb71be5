//! A yes-or-no dialog. The safe button is selected, so Enter alone changes nothing.

use ratatui::text::{Line, Span};

use super::{Dialog, Outcome};
use crate::core::run::Run;
use crate::core::run::act::Act;
use crate::core::run::orders::{Ending, Order};
use crate::core::run::summary::RunSummary;
use crate::tui::facts::Facts;
use crate::tui::keys::{Action, Keymap};
use crate::tui::msg::{Effect, Ticket};
use crate::tui::theme::{Theme, run_word};
use crate::tui::view::canvas::{Canvas, safe, wrapped};

/// Runs that are listed by name.
const LISTED: usize = 8;

/// A yes-or-no question.
#[derive(Debug, Clone, PartialEq)]
pub struct Confirm {
    title: String,
    lines: Vec<String>,
    no: &'static str,
    yes: &'static str,
    yes_selected: bool,
    yes_does: Yes,
}

/// What the button that goes on does.
#[derive(Debug, Clone, PartialEq)]
enum Yes {
    Perform(Effect),
    Act(Action),
}

impl Confirm {
    /// Asks whether to cancel this run.
    #[must_use]
    pub fn cancel(run: &Run) -> Self {
        let target = run
            .plan
            .env
            .as_deref()
            .map(|env| format!(" in {}", safe(env)))
            .unwrap_or_default();
        Self {
            title: format!("Cancel run {}?", run.id),
            lines: vec![
                format!(
                    "{}{target}, {}",
                    safe(&run.plan.title),
                    run_word(run.status)
                ),
                "The step in flight is stopped (TERM, then KILL); the steps after it are skipped."
                    .to_owned(),
            ],
            no: "Let it run",
            yes: "Cancel the run",
            yes_selected: false,
            yes_does: Yes::Perform(Effect::act(Act::Order {
                run: run.id,
                order: Order::End(Ending::Cancel),
                reason: None,
            })),
        }
    }

    /// Asks whether to cancel all of these runs.
    #[must_use]
    pub fn cancel_all(runs: &[&RunSummary]) -> Self {
        let mut lines: Vec<String> = runs
            .iter()
            .take(LISTED)
            .map(|run| safe(&run.line()))
            .collect();
        if runs.len() > LISTED {
            lines.push(format!("… and {} more", runs.len() - LISTED));
        }
        lines.push(
            "Steps in flight are stopped (TERM, then KILL); the steps after them are skipped."
                .to_owned(),
        );
        let cancel = |run: &&RunSummary| Act::Order {
            run: run.id,
            order: Order::End(Ending::Cancel),
            reason: None,
        };
        Self {
            title: match runs {
                [one] => format!("Cancel run {}?", one.id),
                many => format!("Cancel {} runs?", many.len()),
            },
            lines,
            no: if runs.len() == 1 {
                "Let it run"
            } else {
                "Let them run"
            },
            yes: if runs.len() == 1 {
                "Cancel the run"
            } else {
                "Cancel them all"
            },
            yes_selected: false,
            yes_does: Yes::Perform(Effect::Act {
                ticket: None,
                acts: runs.iter().map(cancel).collect(),
            }),
        }
    }

    /// Asks whether to quit while runs are active.
    #[must_use]
    pub fn quit(live: usize) -> Self {
        let (runs, they) = if live == 1 {
            ("1 run is".to_owned(), "It goes")
        } else {
            (format!("{live} runs are"), "They go")
        };
        Self {
            title: format!("{runs} under way"),
            lines: vec![format!(
                "{they} on without a screen; the next console shows everything."
            )],
            no: "Stay",
            yes: "Leave, let them finish",
            yes_selected: false,
            yes_does: Yes::Perform(Effect::Quit),
        }
    }

    /// Asks whether to make these changes of the stack. The lines are escaped here.
    #[must_use]
    pub fn save(changes: &[String], save: Effect) -> Self {
        let mut lines: Vec<String> = changes.iter().take(LISTED).map(|line| safe(line)).collect();
        if changes.len() > LISTED {
            lines.push(format!("… and {} more", changes.len() - LISTED));
        }
        lines.push(String::new());
        lines.push(
            "A stack file that says otherwise changes it back with the next apply; `opsroom export` \
             prints the stack as it is."
                .to_owned(),
        );
        Self {
            title: "Save?".to_owned(),
            lines,
            no: "Go on editing",
            yes: "Save",
            yes_selected: false,
            yes_does: Yes::Perform(save),
        }
    }

    /// Asks whether to leave a form without saving.
    #[must_use]
    pub fn leave_form() -> Self {
        Self {
            title: "Not saved".to_owned(),
            lines: vec!["What is written here was not saved.".to_owned()],
            no: "Go on editing",
            yes: "Leave without saving",
            yes_selected: false,
            yes_does: Yes::Act(Action::GoBack),
        }
    }

    /// Asks whether to delete a routine; `what` is what it does and when. Both are escaped here.
    #[must_use]
    pub fn delete_routine(name: &str, what: &str) -> Self {
        Self {
            title: format!("Delete {}?", safe(name)),
            lines: vec![
                safe(what),
                String::new(),
                "It leaves the stack and is not run again.".to_owned(),
                "Its results and changes of state are kept.".to_owned(),
                "A stack file that still names it brings it back with the next apply.".to_owned(),
            ],
            no: "Keep it",
            yes: "Delete the routine",
            yes_selected: false,
            yes_does: Yes::Perform(Effect::DeleteRoutine(name.to_owned())),
        }
    }
}

impl Dialog for Confirm {
    fn act(&mut self, action: Action, _keys: &Keymap, _ticket: Ticket) -> Outcome {
        match action {
            Action::NextField | Action::PreviousField => self.yes_selected = !self.yes_selected,
            Action::PickYes => self.yes_selected = true,
            Action::PickNo => self.yes_selected = false,
            Action::Press if self.yes_selected => {
                return match &self.yes_does {
                    Yes::Perform(effect) => Outcome::Finish(effect.clone()),
                    Yes::Act(action) => Outcome::Run(*action),
                };
            }
            Action::Press => return Outcome::Close,
            _ => {}
        }
        Outcome::Stay
    }

    fn draw(&self, _facts: &Facts, _keys: &Keymap, canvas: &mut Canvas<'_>) {
        let theme = canvas.theme;
        let width = canvas.area().width.min(64);
        let text: Vec<String> = self
            .lines
            .iter()
            .flat_map(|l| wrapped(l, usize::from(width.saturating_sub(4))))
            .collect();
        let height = u16::try_from(text.len())
            .unwrap_or(u16::MAX)
            .saturating_add(4);
        let title = Span::styled(format!(" {} ", self.title), theme.attention());
        let inner = canvas.window(width, height, title.into(), &Line::default());
        let mut lines: Vec<Line<'_>> = text.iter().map(|l| Line::raw(format!(" {l}"))).collect();
        lines.push(Line::default());
        lines.push(buttons(
            &[(self.no, !self.yes_selected), (self.yes, self.yes_selected)],
            theme,
        ));
        canvas.lines(inner, &lines);
    }
}

/// A row of buttons; the selected one is reversed and between arrows.
#[must_use]
pub fn buttons(all: &[(&str, bool)], theme: Theme) -> Line<'static> {
    let mut spans = vec![Span::raw(" ")];
    for (label, selected) in all {
        let (text, style) = if *selected {
            (format!("▸ {label} ◂"), theme.selected())
        } else {
            (format!("[ {label} ]"), theme.plain())
        };
        spans.extend([Span::styled(text, style), Span::raw("  ")]);
    }
    Line::from(spans)
}
