//! Dialog with the operations on a run and their effects. A choice leads to a reason field and two
//! buttons, with Back selected, so Enter alone changes nothing.

use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::confirm::buttons;
use super::{Dialog, Outcome};
use crate::core::run::act::{Act, Confirmation};
use crate::core::run::again::Again;
use crate::core::run::orders::{Ending, Order, Pace, dependents, next_step, skippable, to_let_go};
use crate::core::run::resume::{Decision, ResumeState, standing};
use crate::core::run::{Run, RunStatus, StepStatus};
use crate::tui::facts::Facts;
use crate::tui::field::Field;
use crate::tui::keys::{Action, Context, Keymap};
use crate::tui::msg::{Effect, RunDetail, Ticket};
use crate::tui::popup::card::Card;
use crate::tui::theme::run_word;
use crate::tui::view::canvas::{Canvas, row, safe, wrapped};

#[derive(Debug, Clone, PartialEq)]
struct Choice {
    label: String,
    /// Its effect.
    about: String,
    /// `None`: nothing is done.
    act: Option<Act>,
}

/// The element with keyboard focus.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Focus {
    List,
    Reason,
    Back,
    Do,
}

/// The choices of one run.
#[derive(Debug, Clone)]
pub struct Control {
    title: String,
    choices: Vec<Choice>,
    index: usize,
    reason: Field,
    focus: Focus,
    message: Option<String>,
    detail: Box<RunDetail>,
    read_only: bool,
}

impl Control {
    /// The operations possible now; `step` is the selected one. Preselects `wanted` if it is
    /// possible, with its reason.
    #[must_use]
    pub fn new(
        detail: &RunDetail,
        step: Option<u32>,
        read_only: bool,
        wanted: Option<&Act>,
    ) -> Self {
        let run = &detail.run;
        let choices = choices(detail, step);
        let is_wanted = |choice: &Choice| is_same(choice.act.as_ref(), wanted);
        let index = choices.iter().position(is_wanted).unwrap_or(0);
        let focus = if index == 0 { Focus::List } else { Focus::Back };
        let title = format!(
            "Run {} {}, {}",
            run.id,
            safe(&run.plan.title),
            run_word(run.status)
        );
        let reason = Field::with(wanted.and_then(Act::reason).unwrap_or_default());
        let detail = Box::new(detail.clone());
        Self {
            title,
            choices,
            index,
            reason,
            focus,
            message: None,
            detail,
            read_only,
        }
    }

    fn choose(&mut self, action: Action) -> Outcome {
        let last = self.choices.len() - 1;
        match action {
            Action::Down | Action::NextField => {
                self.index = if self.index == last {
                    0
                } else {
                    self.index + 1
                }
            }
            Action::Up | Action::PreviousField => {
                self.index = self.index.checked_sub(1).unwrap_or(last);
            }
            Action::Top | Action::PickNo => self.index = 0,
            Action::Bottom => self.index = last,
            Action::Press if self.index == 0 => return Outcome::Close,
            Action::Press if self.read_only => {
                self.message =
                    Some("read-only: nothing can be done to a run from this console".to_owned());
            }
            Action::Press => (self.focus, self.message) = (Focus::Back, None),
            _ => {}
        }
        Outcome::Stay
    }

    /// The label of the field.
    fn asks(&self) -> &'static str {
        match self.choices.get(self.index).and_then(|c| c.act.as_ref()) {
            Some(Act::Note { .. }) => " note: ",
            _ => " why: ",
        }
    }

    fn decide(&mut self, action: Action, ticket: Ticket) -> Outcome {
        const ORDER: [Focus; 3] = [Focus::Reason, Focus::Back, Focus::Do];
        let at = ORDER.iter().position(|f| *f == self.focus).unwrap_or(1);
        match action {
            Action::NextField | Action::Complete | Action::Newer | Action::Accept => {
                self.focus = ORDER[(at + 1) % 3];
            }
            Action::PreviousField | Action::PreviousChoice | Action::Older => {
                self.focus = ORDER[(at + 2) % 3];
            }
            Action::Up | Action::Down => self.focus = Focus::Reason,
            Action::PickYes => self.focus = Focus::Do,
            Action::PickNo => self.focus = Focus::Back,
            Action::Press if self.focus == Focus::Do => return self.perform(ticket),
            Action::Press => (self.focus, self.index, self.message) = (Focus::List, 0, None),
            other => drop(self.reason.act(other)),
        }
        Outcome::Stay
    }

    fn perform(&mut self, ticket: Ticket) -> Outcome {
        let act = self.choices.get(self.index).and_then(|c| c.act.clone());
        let Some(act) = act else {
            return Outcome::Close;
        };
        let reason = Some(self.reason.text().trim().to_owned()).filter(|r| !r.is_empty());
        if self.read_only {
            return Outcome::Message("read-only: nothing was done".to_owned());
        }
        if act.needs_reason() && reason.is_none() {
            self.message = Some(match act {
                Act::Note { .. } => "the note is empty: say what to note".to_owned(),
                _ => "this needs a reason: say why".to_owned(),
            });
            self.focus = Focus::Reason;
            return Outcome::Stay;
        }
        if act.confirmation() == Confirmation::Plan {
            let again = match act {
                Act::Retry { again, .. } => again,
                _ => Again::All,
            };
            let planned = match again.plan(&self.detail.run, &self.detail.steps) {
                Ok(planned) => planned,
                Err(why) => {
                    self.message = Some(why);
                    return Outcome::Stay;
                }
            };
            let card = Card::retry(&self.detail.run, (again, planned), reason, ticket);
            let queue = Effect::Blockers {
                ticket,
                plan: Box::new(card.card.plan.clone()),
            };
            return Outcome::Open(card.into(), Box::new(queue));
        }
        Outcome::Finish(Effect::act(act.because(reason)))
    }
}

impl Dialog for Control {
    fn context(&self) -> Context {
        if matches!(self.focus, Focus::Reason) {
            Context::Text
        } else {
            Context::Dialog
        }
    }

    fn insert(&mut self, text: &str) {
        if self.focus == Focus::Reason {
            self.reason.insert(text);
        }
    }

    fn act(&mut self, action: Action, _keys: &Keymap, ticket: Ticket) -> Outcome {
        if self.focus == Focus::List {
            self.choose(action)
        } else {
            self.decide(action, ticket)
        }
    }

    fn paste(&mut self, text: &str) -> Option<String> {
        self.insert(text);
        None
    }

    fn draw(&self, _facts: &Facts, _keys: &Keymap, canvas: &mut Canvas<'_>) {
        let theme = canvas.theme;
        let screen = canvas.area();
        let width = screen.width.min(78);
        let inside = usize::from(width.saturating_sub(4));
        let about = self.choices.get(self.index).map_or("", |c| &c.about);
        let mut about = wrapped(about, inside);
        about.extend(self.message.iter().flat_map(|m| wrapped(m, inside)));
        let foot = if self.focus == Focus::List { 0 } else { 3 };
        let rows = if self.focus == Focus::List {
            self.choices.len()
        } else {
            1
        };
        let height = u16::try_from(rows + about.len() + foot + 3).unwrap_or(u16::MAX);
        let title = Span::styled(format!(" {} ", self.title), theme.attention());
        let inner = canvas.window(
            width,
            height.min(screen.height.saturating_sub(2)),
            title.into(),
            &Line::default(),
        );
        let mut y = inner.y;
        for (i, choice) in self.choices.iter().enumerate() {
            if y >= inner.bottom() || (self.focus != Focus::List && i != self.index) {
                continue;
            }
            canvas.line(row(inner, y), &Line::raw(format!(" {}", choice.label)));
            if i == self.index {
                if self.focus == Focus::List {
                    canvas.select(row(inner, y), true);
                } else {
                    canvas.restyle(row(inner, y), theme.strong());
                }
            }
            y = y.saturating_add(1);
        }
        let rest = Rect {
            y,
            height: inner.bottom().saturating_sub(y),
            ..inner
        };
        let lines: Vec<Line<'_>> = about
            .iter()
            .map(|l| Line::styled(format!(" {l}"), theme.dim()))
            .collect();
        canvas.lines(
            Rect {
                y: rest.y.saturating_add(1),
                height: rest.height.saturating_sub(1),
                ..rest
            },
            &lines,
        );
        if self.focus != Focus::List && rest.height >= 3 {
            let reason = row(inner, inner.bottom() - 3);
            canvas.clear(reason);
            canvas.field(
                reason,
                Span::raw(self.asks()),
                &self.reason,
                self.focus == Focus::Reason,
                "",
            );
            let all = [
                ("Back", self.focus == Focus::Back),
                ("Do it", self.focus == Focus::Do),
            ];
            canvas.line(row(inner, inner.bottom() - 1), &buttons(&all, theme));
        }
    }
}

/// Whether a choice is the wanted act.
fn is_same(choice: Option<&Act>, wanted: Option<&Act>) -> bool {
    match (choice, wanted) {
        (Some(Act::Order { order: one, .. }), Some(Act::Order { order: other, .. })) => {
            one == other
        }
        // No preselection while a person has to decide about a step first.
        (
            Some(
                Act::Resume { decision: None, .. }
                | Act::Order {
                    order: Order::Continue,
                    ..
                },
            ),
            Some(Act::Resume { .. }),
        ) => true,
        (Some(Act::Note { .. }), Some(Act::Note { .. })) => true,
        (Some(Act::Retry { again: one, .. }), Some(Act::Retry { again: other, .. })) => {
            one == other
        }
        _ => false,
    }
}

fn choice(label: &str, about: &str, act: Act) -> Choice {
    Choice {
        label: label.to_owned(),
        about: about.to_owned(),
        act: Some(act),
    }
}

fn order(run: &Run, label: &str, about: &str, order: Order) -> Choice {
    let (run, reason) = (run.id, None);
    choice(label, about, Act::Order { run, order, reason })
}

fn choices(detail: &RunDetail, step: Option<u32>) -> Vec<Choice> {
    let run = &detail.run;
    let mut all = vec![Choice {
        label: "Leave it as it is".to_owned(),
        about: "Nothing changes.".to_owned(),
        act: None,
    }];
    match run.status {
        RunStatus::Interrupted => interrupted(detail, &mut all),
        status if status.is_terminal() => ended(detail, &mut all),
        _ => {
            pace(detail, &mut all);
            all.extend(skip(detail, step));
            ends(run, &mut all);
        }
    }
    all.push(choice(
        "Add a note",
        "The text is kept in the log of the run, with your name and the time; also after its end.",
        Act::Note {
            run: run.id,
            note: None,
        },
    ));
    all
}

fn ended(detail: &RunDetail, all: &mut Vec<Choice>) {
    let retry = |again| Act::Retry {
        run: detail.run.id,
        again,
        typed: None,
        reason: None,
    };
    if let Ok((_, about)) = Again::FromFailed.plan(&detail.run, &detail.steps) {
        let about = format!(
            "A new run {}. Shows the card first.",
            safe(&about.join("; "))
        );
        all.push(choice(
            "Go on from the failed step",
            &about,
            retry(Again::FromFailed),
        ));
    }
    if let Ok((_, about)) = Again::FailedTargets.plan(&detail.run, &detail.steps) {
        let about = format!(
            "A new run: {}. Shows the card first.",
            safe(&about.join("; "))
        );
        all.push(choice(
            "Only the failed targets",
            &about,
            retry(Again::FailedTargets),
        ));
    }
    all.push(choice(
        "Do it again",
        "Shows the card of the same plan; starting it makes a new run, which waits for approval anew.",
        retry(Again::All),
    ));
}

fn interrupted(detail: &RunDetail, all: &mut Vec<Choice>) {
    let give_up = "The run has failed; what is pending is not run.";
    let resume = |decision| Act::Resume {
        run: detail.run.id,
        decision,
        reason: None,
    };
    if let ResumeState::Undecided(open) = standing(&detail.run.plan, &detail.steps) {
        let names: Vec<_> = open
            .iter()
            .filter_map(|i| detail.run.plan.numbered_step(*i))
            .collect();
        let names = names
            .iter()
            .map(|(s, _)| safe(&s.name))
            .collect::<Vec<_>>()
            .join(", ");
        let done = "Its effect is taken to have happened; the run goes on with the next step.";
        all.push(choice(
            &format!("It happened: {names}"),
            done,
            resume(Some(Decision::Done)),
        ));
        let again = "The step is done again. Be sure that twice does no harm.";
        all.push(choice(
            &format!("Repeat {names}"),
            again,
            resume(Some(Decision::Repeat)),
        ));
    } else {
        let about = "Nothing was in flight: it goes on at its first unfinished step.";
        all.push(choice("Resume", about, resume(None)));
    }
    all.push(choice("Give up", give_up, resume(Some(Decision::GiveUp))));
}

fn pace(detail: &RunDetail, all: &mut Vec<Choice>) {
    let (run, pace) = (&detail.run, detail.run.orders.pace);
    if let Some(next) = to_let_go(run, &detail.steps) {
        let name = run
            .plan
            .numbered_step(next)
            .map(|(s, _)| safe(&s.name))
            .unwrap_or_default();
        all.push(order(
            run,
            &format!("Let step {name} go"),
            "It runs this one step and waits before the next.",
            Order::LetGo(next),
        ));
    }
    if pace != Pace::Free {
        let about = "It runs freely from here.";
        all.push(order(run, "Go on", about, Order::Continue));
    }
    if pace != Pace::Paused {
        let about = "The step in flight ends, then it waits. What it waits does not count against its time limit.";
        all.push(order(run, "Pause", about, Order::Pause));
    }
    if pace != Pace::Stepping {
        let about = "It waits before every step until you let that step go.";
        all.push(order(run, "Step by step", about, Order::StepThrough));
    }
}

/// Skips the selected step, or else the next one.
fn skip(detail: &RunDetail, selected: Option<u32>) -> Option<Choice> {
    let plan = &detail.run.plan;
    let status = |step: u32| {
        detail
            .steps
            .iter()
            .find(|s| s.index == step)
            .map_or(StepStatus::Pending, |s| s.status)
    };
    let may = |step: &u32| skippable(plan, *step, status(*step)).is_ok();
    let step = selected
        .filter(may)
        .or_else(|| next_step(plan, &detail.steps).filter(may))?;
    let (planned, _) = plan.numbered_step(step)?;
    let uses = dependents(plan, step);
    let uses = if uses.is_empty() {
        "No later step uses its result.".to_owned()
    } else {
        format!(
            "These use its result and will fail rather than guess: {}.",
            safe(&uses.join(", "))
        )
    };
    Some(order(
        &detail.run,
        &format!("Skip step {}", safe(&planned.name)),
        &format!("It is not run; your reason is kept. {uses}"),
        Order::Skip(step),
    ))
}

fn ends(run: &Run, all: &mut Vec<Choice>) {
    let mut end = |label, about, ending| all.push(order(run, label, about, Order::End(ending)));
    let after =
        "The step in flight ends, the rest is not run, finally steps run; the run is cancelled.";
    end("Stop after this step", after, Ending::AfterStep);
    let now =
        "The step in flight gets TERM, after 1.5 s KILL; the rest is not run, finally steps run.";
    end("Cancel now", now, Ending::Cancel);
    let kill = "The step in flight gets KILL at once, with all its processes: it cannot tidy up. Finally steps run.";
    end("Kill now", kill, Ending::Kill);
}
