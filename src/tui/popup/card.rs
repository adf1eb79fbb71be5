//! The plan card: shows exactly what a run will do, and is the only place to start one.
//!
//! A protected environment requires its confirmation word. Without one, the cancel button is
//! selected if the plan changes something, so pressing Enter twice never starts a change.

mod body;

use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::confirm::buttons;
use super::{Dialog, Outcome};
use crate::core::command::Parsed;
use crate::core::run::act::Act;
use crate::core::run::again::Again;
use crate::core::run::lockout::{self, Lockout};
use crate::core::run::plan::{Plan, is_confirmed};
use crate::core::run::{Run, RunId};
use crate::tui::facts::Facts;
use crate::tui::field::Field;
use crate::tui::keys::{Action, Context, Keymap};
use crate::tui::msg::{Effect, Msg, PlanCard, Ticket};
use crate::tui::view::canvas::{Canvas, badge, row, safe, wrapped};
use crate::tui::view::layout;

/// Rows per page when scrolling.
const PAGE: usize = 8;

/// The card of one plan.
#[derive(Debug, Clone)]
pub struct Card {
    pub card: PlanCard,
    parsed: Box<Parsed>,
    raw_text: String,
    read_only: bool,
    inputs: Vec<(String, Field)>,
    confirm: Option<(String, Field)>,
    focus: Focus,
    top: usize,
    /// The request in flight: planning again, or starting the run.
    busy: Option<Ticket>,
    /// Why nothing was started.
    pub message: Option<String>,
    /// For a retry: the ended run, how much of it, and the reason.
    retry_of: Option<(RunId, Again, Option<String>)>,
}

/// The element with keyboard focus.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Focus {
    Input(usize),
    Confirm,
    Cancel,
    Start,
}

impl Card {
    /// The card of a plan, with the safe choice selected.
    #[must_use]
    pub fn new(card: PlanCard, parsed: Box<Parsed>, raw_text: String, read_only: bool) -> Self {
        let inputs = card
            .plan
            .inputs
            .iter()
            .map(|(k, v)| (k.clone(), Field::with(v)))
            .collect();
        let confirm = card
            .plan
            .confirm_word()
            .map(|word| (word, Field::default()));
        let mut new = Self {
            card,
            parsed,
            raw_text,
            read_only,
            inputs,
            confirm,
            focus: Focus::Cancel,
            top: 0,
            busy: None,
            message: None,
            retry_of: None,
        };
        new.focus = new.safe_focus();
        new.message = new.is_forbidden().then(|| new.why_not());
        new
    }

    /// The card to retry an ended run with the same inputs, the plan that is done again, and what
    /// of the run that is. It can be started once the answer to the request `ticket` says what blocks it now.
    #[must_use]
    pub fn retry(
        run: &Run,
        (again, (plan, about)): (Again, (Plan, Vec<String>)),
        reason: Option<String>,
        ticket: Ticket,
    ) -> Self {
        let last = vec![run.into()];
        let card = PlanCard {
            plan,
            last,
            changed: Vec::new(),
            queue: Vec::new(),
        };
        let mut new = Self::new(card, Box::default(), run.plan.raw_text.clone(), false);
        new.inputs.clear();
        new.retry_of = Some((run.id, again, reason));
        new.busy = Some(ticket);
        new.message = Some(match again {
            Again::All => format!(
                "the plan of run {} again, as it was; with other inputs it is a new command",
                run.id
            ),
            Again::FromFailed | Again::FailedTargets => safe(&about.join("; ")),
        });
        new
    }

    /// Takes the plan for changed inputs and clears the confirmation. A refused value is missing in
    /// the plan; its field keeps the typed text, to be corrected.
    fn replanned(&mut self, card: Result<Box<PlanCard>, String>) {
        self.busy = None;
        match card {
            Ok(card) => {
                let (top, parsed, raw) = (
                    self.top,
                    self.parsed.clone(),
                    std::mem::take(&mut self.raw_text),
                );
                let (typed, focus) = (std::mem::take(&mut self.inputs), self.focus);
                *self = Self::new(*card, parsed, raw, self.read_only);
                self.top = top;
                self.keep_refused(typed, focus);
                let again = "planned again with the new inputs; look, then start";
                self.message = Some(if self.can_start() {
                    again.to_owned()
                } else {
                    self.why_not()
                });
            }
            Err(why) => self.message = Some(format!("not planned: {why}")),
        }
    }

    /// Restores the fields whose values the plan lacks, in order, and moves focus to the first.
    fn keep_refused(&mut self, typed: Vec<(String, Field)>, focus: Focus) {
        let planned = std::mem::take(&mut self.inputs);
        let (mut lines, mut refused) = (Vec::new(), None);
        for (name, field) in typed {
            let right = planned.iter().find(|(known, _)| *known == name).cloned();
            if right.is_none() {
                refused.get_or_insert(lines.len());
            }
            lines.push(right.unwrap_or((name, field)));
        }
        lines.extend(
            planned
                .into_iter()
                .filter(|(name, _)| lines.iter().all(|(known, _)| known != name))
                .collect::<Vec<_>>(),
        );
        self.inputs = lines;
        match (refused, focus) {
            (Some(at), _) => self.focus = Focus::Input(at),
            (None, Focus::Input(_)) if !self.can_start() => self.focus = focus,
            (None, _) => {}
        }
    }

    /// Takes the locks, runs and rules that block the plan now.
    fn set_blockers(&mut self, found: Result<(Vec<Lockout>, Vec<String>), String>) {
        self.busy = None;
        match found {
            Ok((locks, queue)) => {
                self.set_locks(&locks);
                self.card.queue = queue;
            }
            Err(why) => {
                self.message = Some(format!("what stands in its way could not be read: {why}"));
            }
        }
    }

    /// The run could not be started.
    fn refused(&mut self, why: &str) {
        (self.busy, self.message) = (None, Some(format!("nothing was started: {why}")));
    }

    /// The element where Enter starts no change.
    fn safe_focus(&self) -> Focus {
        match &self.confirm {
            _ if !self.can_start() => Focus::Cancel,
            Some(_) => Focus::Confirm,
            None if self.card.plan.changes_something() => Focus::Cancel,
            None => Focus::Start,
        }
    }

    /// Only the confirmation is missing.
    #[must_use]
    pub fn can_start(&self) -> bool {
        !self.is_forbidden() && self.card.plan.blocks().next().is_none()
    }

    /// A read-only console starts no runs, not even read-only ones.
    const fn is_forbidden(&self) -> bool {
        self.read_only
    }

    /// The focus order: as shown, except that Start directly follows a confirmation.
    fn order(&self) -> Vec<Focus> {
        let inputs = (0..self.inputs.len()).map(Focus::Input);
        match (self.can_start(), &self.confirm) {
            (false, _) => inputs.chain([Focus::Cancel]).collect(),
            (true, None) => inputs.chain([Focus::Cancel, Focus::Start]).collect(),
            (true, Some(_)) => inputs
                .chain([Focus::Confirm, Focus::Start, Focus::Cancel])
                .collect(),
        }
    }

    fn field(&mut self) -> Option<&mut Field> {
        match self.focus {
            Focus::Input(i) => self.inputs.get_mut(i).map(|(_, field)| field),
            Focus::Confirm => self.confirm.as_mut().map(|(_, field)| field),
            Focus::Cancel | Focus::Start => None,
        }
    }

    fn longest(&self) -> usize {
        body::lines(&self.card, crate::tui::theme::Theme::new(false), 200).len()
    }

    fn move_focus(&mut self, step: usize) {
        let order = self.order();
        let at = order.iter().position(|f| *f == self.focus).unwrap_or(0);
        self.focus = order[(at + step) % order.len()];
    }

    fn press(&mut self, ticket: Ticket) -> Outcome {
        match self.focus {
            Focus::Cancel if self.can_start() => {
                Outcome::Message("closed; nothing was started".to_owned())
            }
            Focus::Cancel => Outcome::Message(self.why_not()),
            Focus::Input(_) if !self.inputs_changed() => {
                self.move_focus(1);
                Outcome::Stay
            }
            Focus::Input(_) => self.replan(ticket),
            Focus::Confirm | Focus::Start => self.start(ticket),
        }
    }

    fn inputs_changed(&self) -> bool {
        self.inputs.iter().any(|(name, field)| {
            self.card
                .plan
                .inputs
                .get(name)
                .is_none_or(|v| v != field.text())
        })
    }

    fn replan(&mut self, ticket: Ticket) -> Outcome {
        if self.busy.is_some() {
            return Outcome::Stay;
        }
        self.busy = Some(ticket);
        self.message = Some("planning …".to_owned());
        let inputs = self
            .inputs
            .iter()
            .map(|(name, field)| (name.clone(), field.text().to_owned()))
            .collect();
        Outcome::Ask(Effect::Plan {
            ticket,
            parsed: self.parsed.clone(),
            inputs,
            raw_text: self.raw_text.clone(),
        })
    }

    fn start(&mut self, ticket: Ticket) -> Outcome {
        if self.busy.is_some() {
            return Outcome::Stay;
        }
        if !self.can_start() {
            self.message = Some(self.why_not());
            return Outcome::Stay;
        }
        if self.inputs_changed() {
            return self.replan(ticket);
        }
        let typed = match &self.confirm {
            Some((word, field)) if !is_confirmed(word, field.text()) => {
                self.message = Some(format!(
                    "nothing was started: type `{}` to confirm",
                    safe(word)
                ));
                self.focus = Focus::Confirm;
                return Outcome::Stay;
            }
            Some((_, field)) => Some(field.text().trim().to_owned()),
            None => None,
        };
        self.busy = Some(ticket);
        self.message = Some("starting …".to_owned());
        if let Some((run, again, reason)) = self.retry_of.clone() {
            return Outcome::Ask(Effect::Act {
                ticket: Some(ticket),
                acts: vec![Act::Retry {
                    run,
                    again,
                    typed,
                    reason,
                }],
            });
        }
        Outcome::Ask(Effect::Submit {
            ticket,
            plan: Box::new(self.card.plan.clone()),
            typed,
        })
    }

    fn why_not(&self) -> String {
        if self.is_forbidden() {
            return "read-only: nothing can be started from this console".to_owned();
        }
        let blocks: Vec<String> = self
            .card
            .plan
            .blocks()
            .map(|r| format!("{}: {}", r.code, safe(&r.message)))
            .collect();
        format!("cannot be started: {}", blocks.join("; "))
    }

    /// Inputs, confirmation, message and buttons. The buttons are always visible.
    fn draw_foot(&self, area: Rect, message: &[String], facts: &Facts, canvas: &mut Canvas<'_>) {
        let theme = canvas.theme;
        let last = area.bottom().saturating_sub(1);
        if area.is_empty() {
            return;
        }
        let mut y = area.y;
        for (i, (name, field)) in self.inputs.iter().enumerate() {
            let focused = self.focus == Focus::Input(i);
            let label = Span::styled(
                format!("{} = ", safe(name)),
                if focused {
                    theme.strong()
                } else {
                    theme.plain()
                },
            );
            if y < last {
                canvas.field(row(area, y), label, field, focused, "");
            }
            y = y.saturating_add(1);
        }
        if let Some((word, field)) = self.confirm.as_ref().filter(|_| self.can_start()) {
            let y = y.min(last.saturating_sub(1)).max(area.y);
            let label = format!("type `{}` to confirm: ", safe(word));
            canvas.clear(row(area, y));
            canvas.field(
                row(area, y),
                Span::styled(label, theme.attention()),
                field,
                self.focus == Focus::Confirm,
                "",
            );
        }
        let lines: Vec<Line<'_>> = message
            .iter()
            .map(|m| Line::styled(m.as_str(), theme.attention()))
            .collect();
        let first = last
            .saturating_sub(u16::try_from(lines.len()).unwrap_or(0))
            .max(area.y);
        canvas.lines(
            Rect {
                y: first,
                height: last - first,
                ..area
            },
            &lines,
        );
        let start = if facts.simulated {
            "Start (simulated)"
        } else {
            "Start"
        };
        let mut all = vec![(
            if self.can_start() { "Cancel" } else { "Close" },
            self.focus == Focus::Cancel,
        )];
        if self.can_start() {
            all.push((start, self.focus == Focus::Start));
        }
        canvas.line(row(area, last), &buttons(&all, theme));
    }
}

impl Dialog for Card {
    fn context(&self) -> Context {
        match self.focus {
            Focus::Input(_) | Focus::Confirm => Context::Text,
            Focus::Cancel | Focus::Start => Context::Dialog,
        }
    }

    fn insert(&mut self, text: &str) {
        self.message = None;
        if let Some(field) = self.field() {
            field.insert(text);
        }
    }

    fn paste(&mut self, text: &str) -> Option<String> {
        match self.focus {
            Focus::Input(_) => self.insert(text),
            Focus::Confirm => {
                self.message = Some("a paste does not confirm: type the words".to_owned());
            }
            Focus::Cancel | Focus::Start => return Some("a paste does nothing here".to_owned()),
        }
        None
    }

    fn act(&mut self, action: Action, _keys: &Keymap, ticket: Ticket) -> Outcome {
        match action {
            Action::NextField | Action::Complete => self.move_focus(1),
            Action::PreviousField | Action::PreviousChoice => {
                self.move_focus(self.order().len() - 1);
            }
            Action::PickYes if self.can_start() => self.focus = Focus::Start,
            Action::PickYes => self.message = Some(self.why_not()),
            Action::PickNo => self.focus = Focus::Cancel,
            Action::Up | Action::Older => self.top = self.top.saturating_sub(1),
            Action::Down | Action::Newer => {
                self.top = self.top.saturating_add(1).min(self.longest());
            }
            Action::PageUp => self.top = self.top.saturating_sub(PAGE),
            Action::PageDown => self.top = self.top.saturating_add(PAGE).min(self.longest()),
            Action::Top => self.top = 0,
            Action::Bottom => self.top = self.longest(),
            Action::Press | Action::Accept => return self.press(ticket),
            other => {
                if let Some(field) = self.field() {
                    field.act(other);
                }
            }
        }
        Outcome::Stay
    }

    fn receive(&mut self, msg: &Msg) -> Option<Outcome> {
        let busy = self.busy;
        let waits_for = |ticket: &Ticket| busy == Some(*ticket);
        match msg {
            Msg::Planned(ticket, card) if waits_for(ticket) => self.replanned(card.clone()),
            Msg::Blockers(ticket, found) if waits_for(ticket) => self.set_blockers(found.clone()),
            Msg::Submitted(ticket, Ok(_)) | Msg::Acted(Some(ticket), Ok(_))
                if waits_for(ticket) =>
            {
                return Some(Outcome::Close);
            }
            Msg::Submitted(ticket, Err(why)) if waits_for(ticket) => self.refused(why),
            Msg::Acted(Some(ticket), Err(not)) if waits_for(ticket) => self.refused(&not.why),
            _ => return None,
        }
        Some(Outcome::Stay)
    }

    fn set_locks(&mut self, locks: &[Lockout]) {
        let blocks = |card: &PlanCard| card.plan.blocks().cloned().collect::<Vec<_>>();
        let before = blocks(&self.card);
        lockout::set_risks(&mut self.card.plan, locks);
        if blocks(&self.card) == before {
            return;
        }
        if !matches!(self.focus, Focus::Input(_)) {
            self.focus = self.safe_focus();
        }
        self.message = Some(if self.can_start() {
            "the lock has ended; look, then start".to_owned()
        } else {
            self.why_not()
        });
    }

    fn draw(&self, facts: &Facts, _keys: &Keymap, canvas: &mut Canvas<'_>) {
        let theme = canvas.theme;
        let screen = canvas.area();
        let width = screen.width.min(100);
        let lines = body::lines(&self.card, theme, usize::from(width.saturating_sub(4)));
        let message = self.message.as_ref().map_or_else(Vec::new, |m| {
            wrapped(m, usize::from(width.saturating_sub(4)))
        });
        let fields = self.inputs.len() + usize::from(self.confirm.is_some() && self.can_start());
        let foot = fields + message.len() + 2;
        let height = u16::try_from(lines.len() + foot + 2)
            .unwrap_or(u16::MAX)
            .min(screen.height.saturating_sub(2));
        let room = usize::from(height).saturating_sub(foot + 2).max(1);
        let top = self.top.min(lines.len().saturating_sub(room));
        let plan = &self.card.plan;
        let title: Vec<Span<'_>> = plan
            .protected_places()
            .iter()
            .map(|env| badge(env, theme))
            .chain([Span::styled(
                format!(" Plan: {} ", safe(&plan.title)),
                theme.strong(),
            )])
            .collect();
        let inner = canvas.window(
            width,
            height,
            title.into(),
            &layout::position(top, room, lines.len()).into(),
        );
        let inner = Rect {
            x: inner.x.saturating_add(1),
            width: inner.width.saturating_sub(2),
            ..inner
        };
        let split = inner
            .bottom()
            .saturating_sub(u16::try_from(foot).unwrap_or(u16::MAX))
            .max(inner.y);
        canvas.lines(
            Rect {
                height: split - inner.y,
                ..inner
            },
            lines.iter().skip(top),
        );
        self.draw_foot(
            Rect {
                y: split,
                height: inner.bottom().saturating_sub(split),
                ..inner
            },
            &message,
            facts,
            canvas,
        );
    }
}
