//! Help: the active keys of the current context. Typing filters the list, Enter runs the selected
//! one.

use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::{Dialog, Outcome};
use crate::tui::facts::Facts;
use crate::tui::field::Field;
use crate::tui::keys::{Action, Context, Key, Keymap};
use crate::tui::msg::Ticket;
use crate::tui::picker::{first_visible, moved};
use crate::tui::view::canvas::{Canvas, row};

/// The help for one context.
#[derive(Debug, Clone)]
pub struct Help {
    context: Context,
    filter: Field,
    index: usize,
}

impl Help {
    /// Help for this context.
    #[must_use]
    pub fn new(context: Context) -> Self {
        Self {
            context,
            filter: Field::default(),
            index: 0,
        }
    }

    fn rows(&self, keys: &Keymap) -> Vec<(Action, String)> {
        let wanted = self.filter.text().to_lowercase();
        let written = |keys: &[Key]| {
            keys.iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>()
                .join(" ")
        };
        let live = keys
            .live(self.context)
            .into_iter()
            .map(|(action, keys)| (action, written(&keys)));
        live.filter(|(a, k)| {
            wanted.is_empty()
                || a.about().to_lowercase().contains(&wanted)
                || k.to_lowercase() == wanted
        })
        .collect()
    }

    pub(in crate::tui) fn insert(&mut self, text: &str) {
        self.filter.insert(text);
        self.index = 0;
    }

    pub(in crate::tui) fn act(&mut self, action: Action, keys: &Keymap) -> Outcome {
        let rows = self.rows(keys);
        let movement = match action {
            Action::Older | Action::PreviousChoice => Action::Up,
            Action::Newer | Action::Complete => Action::Down,
            other => other,
        };
        if let Some(index) = moved(movement, self.index, rows.len().saturating_sub(1), 10) {
            self.index = index;
            return Outcome::Stay;
        }
        match (action, rows.get(self.index)) {
            (Action::Accept, Some((action, _))) => return Outcome::Run(*action),
            (other, _) => {
                if self.filter.act(other) {
                    self.index = 0;
                }
            }
        }
        Outcome::Stay
    }

    pub(in crate::tui) fn draw(&self, keys: &Keymap, canvas: &mut Canvas<'_>) {
        let theme = canvas.theme;
        let rows = self.rows(keys);
        let screen = canvas.area();
        let mark = format!(" {} of {} ", (self.index + 1).min(rows.len()), rows.len());
        let title = Span::styled(" Keys that work here ", theme.strong());
        let inner = canvas.window(
            100.min(screen.width),
            screen.height.saturating_sub(2),
            title.into(),
            &mark.into(),
        );
        canvas.field(
            row(inner, inner.y),
            Span::raw(" narrow: "),
            &self.filter,
            true,
            "",
        );
        let list = Rect {
            y: inner.y.saturating_add(1),
            height: inner.height.saturating_sub(1),
            ..inner
        };
        let first = first_visible(self.index, rows.len(), usize::from(list.height));
        for (y, (i, (action, keys))) in
            (list.y..list.bottom()).zip(rows.iter().enumerate().skip(first))
        {
            let about = Span::raw(format!("{:<54}", action.about()));
            let line = Line::from(vec![
                Span::styled(format!(" {keys:<18} "), theme.strong()),
                about,
            ]);
            canvas.line(row(list, y), &line);
            if list.width >= 98 {
                let name = format!("{}.{}", action.table().name(), action.name());
                canvas.right(row(list, y), &Line::styled(name, theme.dim()));
            }
            if i == self.index {
                canvas.select(row(list, y), true);
            }
        }
        if rows.is_empty() {
            canvas.line(list, &Line::raw(" no key does that here"));
        }
    }
}

impl Dialog for Help {
    fn context(&self) -> Context {
        Context::Text
    }

    fn act(&mut self, action: Action, keys: &Keymap, _ticket: Ticket) -> Outcome {
        Self::act(self, action, keys)
    }

    fn insert(&mut self, text: &str) {
        Self::insert(self, text);
    }

    fn paste(&mut self, text: &str) -> Option<String> {
        Self::insert(self, text);
        None
    }

    fn is_help(&self) -> bool {
        true
    }

    fn draw(&self, _facts: &Facts, keys: &Keymap, canvas: &mut Canvas<'_>) {
        Self::draw(self, keys, canvas);
    }
}
