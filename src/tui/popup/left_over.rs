//! Dialog for queued runs whose process is gone: start or drop one or all. The selected button
//! changes nothing, so Enter alone is safe; a protected environment requires its word.

use std::collections::BTreeSet;

use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::confirm::buttons;
use super::{Dialog, Outcome};
use crate::core::run::RunId;
use crate::core::run::act::Act;
use crate::core::run::plan::is_confirmed;
use crate::tui::facts::Facts;
use crate::tui::field::Field;
use crate::tui::keys::{Action, Context, Keymap};
use crate::tui::msg::{Effect, LeftOver, Ticket};
use crate::tui::view::canvas::{Canvas, row, safe, wrapped};

/// The element with keyboard focus.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Focus {
    List,
    Word,
    Back,
    Start,
    Drop,
}

/// The runs and the selected choice.
#[derive(Debug, Clone)]
pub struct LeftOvers {
    title: String,
    runs: Vec<LeftOver>,
    /// 0: none of them; then all, when there are several; then each.
    index: usize,
    focus: Focus,
    word: Field,
    message: Option<String>,
    read_only: bool,
}

impl LeftOvers {
    /// Lists all runs, with `chosen` preselected.
    #[must_use]
    pub fn new(title: String, runs: &[LeftOver], chosen: Option<RunId>, read_only: bool) -> Self {
        let runs = runs.to_vec();
        let at = chosen.and_then(|run| runs.iter().position(|r| r.run == run));
        let each = 1 + usize::from(runs.len() > 1);
        let (index, focus) = at.map_or((0, Focus::List), |at| (each + at, Focus::Back));
        Self {
            title,
            runs,
            index,
            focus,
            word: Field::default(),
            message: None,
            read_only,
        }
    }

    fn labels(&self) -> Vec<String> {
        let mut labels = vec!["Leave them as they are".to_owned()];
        if self.runs.len() > 1 {
            labels.push(format!("All {}", self.runs.len()));
        }
        labels.extend(self.runs.iter().map(describe));
        labels
    }

    /// The selected runs.
    fn chosen(&self) -> &[LeftOver] {
        let each = 1 + usize::from(self.runs.len() > 1);
        match self.index {
            0 => &[],
            index if index < each => &self.runs,
            index => self
                .runs
                .get(index - each)
                .map_or(&[], std::slice::from_ref),
        }
    }

    /// Confirmation words of the protected environments.
    fn confirm_words(&self) -> BTreeSet<&str> {
        self.chosen()
            .iter()
            .filter_map(|run| run.word.as_deref())
            .collect()
    }

    /// The word to type; `None` if there are several.
    fn wanted(&self) -> Option<&str> {
        let words = self.confirm_words();
        words.first().copied().filter(|_| words.len() == 1)
    }

    fn choose(&mut self, action: Action) -> Outcome {
        let last = self.labels().len() - 1;
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
                self.message = Some("read-only: this console starts and drops nothing".to_owned());
            }
            Action::Press => (self.focus, self.message) = (Focus::Back, None),
            _ => {}
        }
        Outcome::Stay
    }

    fn decide(&mut self, action: Action) -> Outcome {
        let order: &[Focus] = if self.wanted().is_some() {
            &[Focus::Word, Focus::Back, Focus::Start, Focus::Drop]
        } else {
            &[Focus::Back, Focus::Start, Focus::Drop]
        };
        let at = order.iter().position(|f| *f == self.focus).unwrap_or(0);
        match action {
            Action::NextField | Action::Complete | Action::Newer | Action::Accept => {
                self.focus = order[(at + 1) % order.len()];
            }
            Action::PreviousField | Action::PreviousChoice | Action::Older => {
                self.focus = order[(at + order.len() - 1) % order.len()];
            }
            Action::PickNo => self.focus = Focus::Back,
            Action::Press => return self.press(),
            other => drop(self.word.act(other)),
        }
        Outcome::Stay
    }

    fn press(&mut self) -> Outcome {
        match self.focus {
            _ if self.read_only => Outcome::Message("read-only: nothing was done".to_owned()),
            Focus::Drop => self.finish(|run| Act::Drop { run, reason: None }),
            Focus::Start => match self.typed() {
                Ok(typed) => self.finish(|run| Act::Start {
                    run,
                    typed: typed.clone(),
                    reason: None,
                }),
                Err(why) => {
                    (self.message, self.focus) = (Some(why), Focus::Back);
                    Outcome::Stay
                }
            },
            _ => {
                (self.focus, self.index, self.message) = (Focus::List, 0, None);
                self.word = Field::default();
                Outcome::Stay
            }
        }
    }

    /// Performs the act on each of the selected runs.
    fn finish(&self, act: impl Fn(RunId) -> Act) -> Outcome {
        Outcome::Finish(Effect::Act {
            ticket: None,
            acts: self.chosen().iter().map(|run| act(run.run)).collect(),
        })
    }

    /// The typed word, if it is the right one.
    fn typed(&self) -> Result<Option<String>, String> {
        let words = self.confirm_words();
        let typed = self.word.text().trim();
        match words.first() {
            None => Ok(None),
            Some(word) if words.len() == 1 => {
                if is_confirmed(word, typed) {
                    Ok(Some(typed.to_owned()))
                } else {
                    Err(format!("not started: type `{word}` to confirm"))
                }
            }
            _ => Err(
                "not started: several of them want a word typed; start each by itself".to_owned(),
            ),
        }
    }

    fn draw_decision(&self, inner: Rect, canvas: &mut Canvas<'_>) {
        let theme = canvas.theme;
        if let Some(word) = self.wanted() {
            let line = row(inner, inner.bottom() - 3);
            canvas.clear(line);
            let label = Span::raw(format!(" to start it, type `{}`: ", safe(word)));
            canvas.field(line, label, &self.word, self.focus == Focus::Word, "");
        }
        let on = |focus| self.focus == focus;
        let all = [
            ("Back", on(Focus::Back)),
            ("Start", on(Focus::Start)),
            ("Drop", on(Focus::Drop)),
        ];
        canvas.line(row(inner, inner.bottom() - 1), &buttons(&all, theme));
    }
}

impl Dialog for LeftOvers {
    fn context(&self) -> Context {
        if matches!(self.focus, Focus::Word) {
            Context::Text
        } else {
            Context::Dialog
        }
    }

    fn insert(&mut self, text: &str) {
        if self.focus == Focus::Word {
            self.word.insert(text);
        }
    }

    fn act(&mut self, action: Action, _keys: &Keymap, _ticket: Ticket) -> Outcome {
        if self.focus == Focus::List {
            self.choose(action)
        } else {
            self.decide(action)
        }
    }

    fn draw(&self, _facts: &Facts, _keys: &Keymap, canvas: &mut Canvas<'_>) {
        let theme = canvas.theme;
        let screen = canvas.area();
        let width = screen.width.min(78);
        let inside = usize::from(width.saturating_sub(4));
        let labels = self.labels();
        let deciding = self.focus != Focus::List;
        let message: Vec<String> = self
            .message
            .iter()
            .flat_map(|m| wrapped(m, inside))
            .collect();
        let rows =
            if deciding { 1 } else { labels.len() } + message.len() + if deciding { 4 } else { 1 };
        let height = u16::try_from(rows + 2)
            .unwrap_or(u16::MAX)
            .min(screen.height.saturating_sub(2));
        let title = Span::styled(format!(" {} ", self.title), theme.attention());
        let inner = canvas.window(width, height, title.into(), &Line::default());
        let room = usize::from(inner.height)
            .saturating_sub(message.len() + 1)
            .max(1);
        let first = if deciding {
            self.index
        } else {
            self.index.saturating_sub(room - 1)
        };
        let shown = if deciding { 1 } else { room };
        let mut y = inner.y;
        for (i, label) in labels.iter().enumerate().skip(first).take(shown) {
            canvas.line(row(inner, y), &Line::raw(format!(" {label}")));
            if i == self.index {
                if deciding {
                    canvas.restyle(row(inner, y), theme.strong());
                } else {
                    canvas.select(row(inner, y), true);
                }
            }
            y = y.saturating_add(1);
        }
        let lines: Vec<Line<'_>> = message
            .iter()
            .map(|l| Line::styled(format!(" {l}"), theme.attention()))
            .collect();
        canvas.lines(
            Rect {
                y,
                height: inner.bottom().saturating_sub(y),
                ..inner
            },
            &lines,
        );
        if deciding && inner.height >= 3 {
            self.draw_decision(inner, canvas);
        }
    }
}

/// `#41 restart web → prod, requested by ana at 15:55 on ops1:4242`.
fn describe(run: &LeftOver) -> String {
    let title = run
        .title
        .as_deref()
        .unwrap_or("(cannot be read by this version)");
    let by = run
        .actor
        .as_deref()
        .map(|actor| format!(", requested by {actor}"))
        .unwrap_or_default();
    let place = run
        .process
        .as_deref()
        .map(|process| format!(" on {process}"))
        .unwrap_or_default();
    safe(&format!(
        "{} {title}{by} at {}{place}",
        run.run,
        &run.queued_at.clock_utc()[..5]
    ))
}
