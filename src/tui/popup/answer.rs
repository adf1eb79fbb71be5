//! The answer to a manual step: done or not done, with a note. Nothing is selected that answers by itself.

use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::Outcome;
use super::confirm::buttons;
use crate::core::run::RunId;
use crate::tui::app::field::Field;
use crate::tui::keys::{Action, Context};
use crate::tui::msg::Effect;
use crate::tui::view::canvas::{Canvas, row, safe, wrapped};

/// What has the keyboard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Focus {
    Note,
    Later,
    Done,
    NotDone,
}

const ORDER: [Focus; 4] = [Focus::Note, Focus::Later, Focus::Done, Focus::NotDone];

/// The question of one step.
#[derive(Debug, Clone)]
pub struct AnswerForm {
    run: RunId,
    step: u32,
    title: String,
    prompt: String,
    note: Field,
    focus: Focus,
}

impl AnswerForm {
    /// Asks what the step asks.
    #[must_use]
    pub fn new(run: RunId, step: u32, name: &str, prompt: &str) -> Self {
        let title = format!("Run {run} asks: {}", safe(name));
        Self { run, step, title, prompt: safe(prompt), note: Field::default(), focus: Focus::Later }
    }

    pub(super) const fn context(&self) -> Context {
        if matches!(self.focus, Focus::Note) { Context::Text } else { Context::Dialog }
    }

    pub(super) fn insert(&mut self, text: &str) {
        if self.focus == Focus::Note {
            self.note.insert(text);
        }
    }

    pub(super) fn act(&mut self, action: Action) -> Outcome {
        match action {
            Action::NextField | Action::Complete | Action::Newer | Action::Accept => self.turn(1),
            Action::PreviousField | Action::PreviousChoice | Action::Older => self.turn(ORDER.len() - 1),
            Action::PickYes => self.focus = Focus::Done,
            Action::PickNo => self.focus = Focus::NotDone,
            Action::Press => return self.press(),
            other => drop(self.note.act(other)),
        }
        Outcome::Stay
    }

    fn turn(&mut self, step: usize) {
        let at = ORDER.iter().position(|f| *f == self.focus).unwrap_or(0);
        self.focus = ORDER[(at + step) % ORDER.len()];
    }

    fn press(&self) -> Outcome {
        let done = match self.focus {
            Focus::Done => true,
            Focus::NotDone => false,
            Focus::Later | Focus::Note => return Outcome::Close,
        };
        let note = Some(self.note.text().trim().to_owned()).filter(|n| !n.is_empty());
        Outcome::Finish(Effect::Answer { run: self.run, step: self.step, done, note })
    }

    pub(super) fn draw(&self, canvas: &mut Canvas<'_>) {
        let theme = canvas.theme;
        let width = canvas.area().width.min(72);
        let text = wrapped(&self.prompt, usize::from(width.saturating_sub(4)));
        let height = u16::try_from(text.len()).unwrap_or(u16::MAX).saturating_add(6);
        let title = Span::styled(format!(" {} ", self.title), theme.attention());
        let inner = canvas.window(width, height, title.into(), &Line::default());
        let lines: Vec<Line<'_>> = text.iter().map(|l| Line::raw(format!(" {l}"))).collect();
        let foot = inner.bottom().saturating_sub(3).max(inner.y);
        canvas.lines(Rect { height: foot - inner.y, ..inner }, &lines);
        if inner.height >= 3 {
            canvas.field(row(inner, foot), Span::raw(" note: "), &self.note, self.focus == Focus::Note, "");
            let on = |focus| self.focus == focus;
            let all = [("Later", on(Focus::Later)), ("Done", on(Focus::Done)), ("Not done", on(Focus::NotDone))];
            canvas.line(row(inner, foot + 2), &buttons(&all, theme));
        }
    }
}
