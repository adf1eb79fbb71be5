//! The form for a routine: its `[[routine]]` table as a text, what is wrong with it below, and its
//! next slots once nothing is. Saving shows the difference and asks.

use std::sync::Arc;

use ratatui::layout::{Position, Rect};
use ratatui::text::{Line, Span};

use super::check::Checked;
use crate::config::stack::{RoutineReader, routine_template, write_routine};
use crate::core::base::text;
use crate::core::base::time::Timestamp;
use crate::core::routine::scheduled::Scheduled;
use crate::core::stack::routine::{Routine, RoutineKind};
use crate::core::stack::routine_edit::{RoutineEdit, missing};
use crate::core::stack::service::Stack;
use crate::tui::frame::Frame;
use crate::tui::keys::{Action, Context};
use crate::tui::msg::{Effect, Msg, Ticket};
use crate::tui::pane::{Cover, Delivery, Destination, Opening, Reaction, Scene, View};
use crate::tui::picker::first_visible;
use crate::tui::popup::Popup;
use crate::tui::popup::confirm::Confirm;
use crate::tui::popup::menu::{Menu, MenuChoice, MenuEntry, keys_for};
use crate::tui::text_box::TextBox;
use crate::tui::view::canvas::{Canvas, head_of, row, safe, wrapped};

/// Lines below the text, with their rule: at least and at most.
const FOOT: (u16, u16) = (4, 9);
/// Cells of a line's number, with the mark of a problem.
const NUMBER: usize = 5;

/// The stack whose routines are changed, or why they cannot be.
fn stack_to_change(scene: Scene<'_>, read_only: bool) -> Result<&Arc<Stack>, &'static str> {
    if read_only {
        return Err("read-only: routines cannot be changed from this console");
    }
    let overview = scene.overview.ok_or("the stack was not read yet")?;
    Ok(&overview.stack)
}

/// The menu of kinds for a new routine, or why there is none.
pub fn new(scene: Scene<'_>, read_only: bool) -> Reaction {
    let stack = match stack_to_change(scene, read_only) {
        Ok(stack) => stack,
        Err(why) => return Reaction::Fail(why.to_owned()),
    };
    let kinds = RoutineKind::ALL.into_iter().filter(|kind| kind.is_run());
    let kinds: Vec<RoutineKind> = kinds.collect();
    let keys = keys_for(kinds.iter().map(|kind| kind.name()));
    let entry = |(kind, key): (&RoutineKind, char)| {
        let form = Destination::RoutineForm {
            name: None,
            text: routine_template(*kind),
            stack: Arc::clone(stack),
        };
        MenuEntry::new(key, kind.name(), MenuChoice::Open(form)).noted(about(*kind))
    };
    let entries = kinds.iter().zip(keys).map(entry).collect();
    Reaction::Popup(Menu::new("New routine", entries).into())
}

/// The form for a routine of the stack, or why there is none.
pub fn edit(name: &str, scene: Scene<'_>, read_only: bool) -> Reaction {
    let stack = match stack_to_change(scene, read_only) {
        Ok(stack) => stack,
        Err(why) => return Reaction::Fail(why.to_owned()),
    };
    match stored(stack, Some(name)) {
        None => Reaction::Fail(missing(stack, name)),
        Some(routine) => Reaction::Open(Destination::RoutineForm {
            name: Some(name.to_owned()),
            text: write_routine(&routine),
            stack: Arc::clone(stack),
        }),
    }
}

/// The question whether to delete a routine of the stack, or why it cannot be deleted.
pub(super) fn delete(name: &str, scene: Scene<'_>, read_only: bool) -> Reaction {
    let stack = match stack_to_change(scene, read_only) {
        Ok(stack) => stack,
        Err(why) => return Reaction::Fail(why.to_owned()),
    };
    match stored(stack, Some(name)) {
        None => Reaction::Fail(missing(stack, name)),
        Some(routine) => {
            let scheduled = Scheduled::declared(&routine);
            let (when, call) = (scheduled.when(&stack.timezone), scheduled.describe());
            let what = format!("{}, {when}: {call}", scheduled.kind());
            Reaction::Popup(Confirm::delete_routine(name, &what).into())
        }
    }
}

const fn about(kind: RoutineKind) -> &'static str {
    match kind {
        RoutineKind::Http => "a request, and conditions on its answer",
        RoutineKind::Webhook => "a request with a body",
        RoutineKind::Collect => "a request whose answer is kept",
        RoutineKind::Tcp => "a port that takes connections",
        RoutineKind::Dns => "a name that resolves",
        RoutineKind::Icmp => "a host that answers pings",
        RoutineKind::Tls => "certificates, and how long they last",
        RoutineKind::Shell => "a command",
        RoutineKind::Sql => "a read-only statement on a declared database",
        RoutineKind::Promql => "a query of a Prometheus server",
        RoutineKind::Unit => "a unit of systemd",
        RoutineKind::Runbook => "a run of a runbook",
        RoutineKind::Heartbeat => "a report of another program",
        RoutineKind::Manual => "a task of a person",
    }
}

fn stored(stack: &Stack, name: Option<&str>) -> Option<Box<Routine>> {
    let found = stack
        .routines
        .iter()
        .find(|r| Some(r.name.as_str()) == name);
    found.cloned().map(Box::new)
}

/// The form.
#[derive(Debug, Clone)]
pub struct RoutineForm {
    ticket: Ticket,
    /// The routine that is edited; none: a new one.
    name: Option<String>,
    text: TextBox,
    /// The routine as it was opened, or saved.
    opened: Option<Box<Routine>>,
    /// The routine of the last attempt to save, and the revision it was read from.
    saving: Option<(u64, Box<Routine>)>,
    /// The text as it was opened, or saved.
    before: String,
    stack: Arc<Stack>,
    reader: RoutineReader,
    checked: Checked,
    /// Of the text: grows with every change.
    revision: u64,
    /// Why the last attempt to save failed; until the text is changed.
    failure: Option<String>,
}

impl RoutineForm {
    /// The form with this text.
    #[must_use]
    pub fn open(
        name: Option<String>,
        text: String,
        stack: Arc<Stack>,
        opening: &Opening<'_>,
    ) -> Self {
        let reader = RoutineReader::new(&stack, name.as_deref());
        let mut text_box = TextBox::with(&text);
        if name.is_none() {
            text_box.go_behind("name = \"");
        }
        Self {
            ticket: opening.ticket,
            checked: Checked::of(&text, &reader),
            opened: stored(&stack, name.as_deref()),
            saving: None,
            name,
            text: text_box,
            before: text,
            stack,
            reader,
            revision: 0,
            failure: None,
        }
    }

    fn is_changed(&self) -> bool {
        self.text.text() != self.before
    }

    /// The text was changed, or what it is read against.
    fn check(&mut self) {
        self.checked = Checked::of(&self.text.text(), &self.reader);
    }

    fn changed(&mut self) {
        self.revision += 1;
        self.failure = None;
        self.check();
    }

    fn save(&mut self) -> Reaction {
        let routine = match &self.checked.read {
            Ok(routine) => routine.clone(),
            Err(problems) => {
                let line = problems.first().map_or(0, |problem| problem.line);
                let title = self.checked.title();
                return Reaction::Fail(format!("not saved: {title}, the first in line {line}"));
            }
        };
        if self.opened.as_ref() == Some(&routine) {
            return Reaction::Say("nothing to save: the stack has exactly this".to_owned());
        }
        self.saving = Some((self.revision, routine.clone()));
        let edit = match self.opened.clone() {
            None => RoutineEdit::Add(vec![*routine]),
            Some(opened) => RoutineEdit::Replace { opened, routine },
        };
        Reaction::Ask(Effect::RoutineDifference {
            ticket: self.ticket,
            number: self.revision,
            edit: Box::new(edit),
        })
    }

    /// What was asked for is stored now. Whether the form reads the new stack before or after that
    /// is open.
    fn saved(&mut self, number: u64) -> Reaction {
        let Some((_, routine)) = self.saving.take_if(|(of, _)| *of == number) else {
            return Reaction::Done;
        };
        self.name = Some(routine.name.clone());
        self.opened = Some(routine);
        self.reader = RoutineReader::new(&self.stack, self.name.as_deref());
        self.check();
        if number != self.revision {
            // It was typed on meanwhile.
            return Reaction::Done;
        }
        self.before = self.text.text();
        Reaction::Close
    }

    /// Reads the text against another stack.
    fn read_against(&mut self, stack: &Arc<Stack>) {
        if *self.stack != **stack {
            self.stack = Arc::clone(stack);
            self.reader = RoutineReader::new(stack, self.name.as_deref());
            self.check();
        }
    }

    /// The lines below the text.
    fn below(&self, now: Timestamp, width: usize) -> Vec<String> {
        let lines = match &self.failure {
            Some(why) => vec![format!("not saved: {why}")],
            None => self.checked.lines(&self.stack.timezone, now),
        };
        let lines = lines.iter().map(|line| safe(line));
        lines.flat_map(|line| wrapped(&line, width)).collect()
    }

    fn draw_below(&self, below: &[String], area: Rect, canvas: &mut Canvas<'_>) {
        let theme = canvas.theme;
        let good = self.failure.is_none() && self.checked.read.is_ok();
        let (title, style) = match (&self.failure, good) {
            (Some(_), _) => ("refused".to_owned(), theme.wrong()),
            (None, true) => (self.checked.title(), theme.strong()),
            (None, false) => (self.checked.title(), theme.wrong()),
        };
        let title = Span::styled(format!(" {title} "), style);
        let inner = canvas.rule(area, title.into(), &Line::default(), false);
        let room = usize::from(inner.height);
        let hidden = below.len().saturating_sub(room);
        let shown = if hidden > 0 {
            room.saturating_sub(1)
        } else {
            room
        };
        let mut lines: Vec<Line<'_>> = below
            .iter()
            .take(shown)
            .map(|line| Line::raw(format!(" {line}")))
            .collect();
        if hidden > 0 {
            let more = format!(" … {} more lines", below.len() - shown);
            lines.push(Line::styled(more, theme.dim()));
        }
        canvas.lines(inner, &lines);
    }

    fn draw_text(&self, area: Rect, canvas: &mut Canvas<'_>) {
        let theme = canvas.theme;
        let (at, column) = self.text.cursor();
        let lines = self.text.lines();
        let width = usize::from(area.width).saturating_sub(NUMBER);
        let before: String = lines[at].chars().take(column).collect();
        let cursor = text::width(&before);
        let left = cursor.saturating_sub(width.saturating_sub(1));
        let wrong: Vec<usize> = self.checked.wrong_lines().collect();
        let first = first_visible(at, lines.len(), usize::from(area.height));
        for (y, (i, line)) in (area.y..area.bottom()).zip(lines.iter().enumerate().skip(first)) {
            let number = i + 1;
            let (mark, style) = if wrong.contains(&number) {
                ("✗", theme.wrong())
            } else {
                (" ", theme.dim())
            };
            let rest = if left > 0 {
                &line[head_of(line, left)..]
            } else {
                line
            };
            let style_of_line = if line.trim_start().starts_with('#') {
                theme.dim()
            } else {
                theme.plain()
            };
            let spans = vec![
                Span::styled(format!("{mark}{number:>3} "), style),
                Span::styled(safe(rest), style_of_line),
            ];
            canvas.line(row(area, y), &Line::from(spans));
            if i == at {
                let x = u16::try_from(NUMBER + cursor - left).unwrap_or(u16::MAX);
                canvas.cursor = Some(Position::new(area.x.saturating_add(x), y));
            }
        }
    }
}

impl View for RoutineForm {
    fn context(&self) -> Context {
        Context::Editor
    }

    fn act(&mut self, action: Action, _scene: Scene<'_>) -> Reaction {
        if action == Action::SaveText {
            return self.save();
        }
        let before = self.text.text();
        if !self.text.act(action) {
            return Reaction::Ignored;
        }
        if self.text.text() != before {
            self.changed();
        }
        Reaction::Done
    }

    fn insert(&mut self, text: &str, _scene: Scene<'_>) {
        if self.text.insert(text) {
            self.changed();
        } else {
            self.failure = Some("the text is too long; nothing of that was inserted".to_owned());
        }
    }

    fn before_leaving(&self) -> Option<Popup> {
        self.is_changed().then(|| Confirm::leave_form().into())
    }

    fn receive(&mut self, msg: &Msg, delivery: Delivery<'_>) -> Reaction {
        match msg {
            Msg::Overview(Ok(overview)) => self.read_against(&overview.stack),
            Msg::RoutineDifference(ticket, number, answer)
                if (*ticket, *number) == (self.ticket, self.revision) =>
            {
                return match answer {
                    Ok(_) if delivery.cover != Cover::Nothing => Reaction::Done,
                    Ok(difference) => {
                        let save = Effect::SaveRoutine {
                            ticket: self.ticket,
                            number: *number,
                            difference: difference.clone(),
                        };
                        Reaction::Popup(Confirm::save(&difference.lines(), save).into())
                    }
                    Err(why) => {
                        self.failure = Some(why.clone());
                        // The next attempt shows the difference to what is stored now.
                        self.opened = stored(&self.stack, self.name.as_deref());
                        Reaction::Done
                    }
                };
            }
            Msg::RoutineSaved(ticket, number, answer) if *ticket == self.ticket => {
                return match answer {
                    Ok(()) => self.saved(*number),
                    Err(why) => {
                        self.failure = Some(why.clone());
                        Reaction::Done
                    }
                };
            }
            _ => return Reaction::Ignored,
        }
        Reaction::Done
    }

    fn draw(&self, frame: Frame<'_>, area: Rect, canvas: &mut Canvas<'_>) {
        let title = Span::styled(format!(" {} ", self.crumb()), canvas.theme.strong());
        let mark = if self.is_changed() { " changed " } else { "" };
        let mark = Span::styled(mark, canvas.theme.attention());
        let inner = canvas.pane(area, title.into(), &mark.into(), true);
        let below = self.below(frame.now, usize::from(inner.width).saturating_sub(2));
        let wanted = u16::try_from(below.len() + 1).unwrap_or(u16::MAX);
        let height = wanted.clamp(FOOT.0, FOOT.1).min(inner.height / 2);
        let upper = Rect {
            height: inner.height - height,
            ..inner
        };
        let foot = Rect {
            y: upper.bottom(),
            height,
            ..inner
        };
        self.draw_text(upper, canvas);
        self.draw_below(&below, foot, canvas);
    }

    fn crumb(&self) -> String {
        match &self.name {
            None => "new routine".to_owned(),
            Some(name) => format!("edit {}", text::show(name)),
        }
    }
}
