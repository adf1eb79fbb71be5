//! A list of named rows on the whole screen: what was read, its filter and its selection. `/`
//! filters, Enter opens a row, `.` lists what can be done with it.

use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::filter::Filter;
use super::keys::{Action, Context};
use super::msg::Effect;
use super::pane::{Destination, Reaction, Scene};
use super::picker::{Picker, first_visible};
use super::popup::menu::Menu;
use super::view::canvas::{Canvas, row, safe};
use super::view::layout;

/// A row of such a list.
pub trait NamedRow: Clone {
    /// Its name, which no other row has.
    fn name(&self) -> &str;
    /// The text that a filter searches.
    fn search_text(&self) -> String;
    /// Where Enter goes.
    fn opens(name: String) -> Destination;
    /// What `.` lists.
    fn verbs(name: &str) -> Menu;
}

/// The rows, in the order they are shown.
#[derive(Debug, Clone)]
pub struct NamedList<R> {
    rows: Option<Vec<R>>,
    filter: Filter,
    picker: Picker<String>,
    /// It has to be read again.
    stale: bool,
    in_flight: bool,
    error: Option<String>,
}

impl<R> Default for NamedList<R> {
    /// A list that was not read yet.
    fn default() -> Self {
        Self {
            rows: None,
            filter: Filter::default(),
            picker: Picker::default(),
            stale: true,
            in_flight: false,
            error: None,
        }
    }
}

impl<R: NamedRow> NamedList<R> {
    /// All rows, whatever the filter.
    #[must_use]
    pub fn all(&self) -> &[R] {
        self.rows.as_deref().unwrap_or_default()
    }

    /// The rows that pass the filter.
    #[must_use]
    pub fn shown(&self) -> Vec<&R> {
        let wanted = self.filter.text().to_lowercase();
        let holds = |row: &&R| row.search_text().to_lowercase().contains(&wanted);
        self.all().iter().filter(holds).collect()
    }

    /// The name of the selected row.
    #[must_use]
    pub fn selected(&self) -> Option<&str> {
        self.picker.key().map(String::as_str)
    }

    fn keys(&self) -> Vec<String> {
        let shown = self.shown();
        shown.iter().map(|row| row.name().to_owned()).collect()
    }

    fn sync(&mut self) {
        let keys = self.keys();
        self.picker.sync(&keys);
    }

    /// The key context.
    #[must_use]
    pub fn context(&self) -> Context {
        if self.filter.is_typing() {
            Context::Text
        } else {
            // It has no marks and one order.
            Context::Reader
        }
    }

    /// Performs an action.
    pub fn act(&mut self, action: Action, scene: Scene<'_>) -> Reaction {
        if self.filter.is_typing() && self.filter.act(action) {
            self.sync();
            return Reaction::Done;
        }
        match (action, self.picker.key()) {
            (Action::Find, _) => self.filter.open(),
            (Action::Open, Some(name)) => return Reaction::Open(R::opens(name.clone())),
            (Action::Verbs, Some(name)) => return Reaction::Popup(R::verbs(name).into()),
            (Action::CopyLine, Some(name)) => return Reaction::Ask(Effect::Copy(safe(name))),
            _ => {
                let keys = self.keys();
                let page = layout::rows(scene.body).saturating_sub(1);
                if !self.picker.act(action, &keys, page) {
                    return Reaction::Ignored;
                }
            }
        }
        Reaction::Done
    }

    /// Esc: clears the filter; false if there is none.
    pub fn back(&mut self) -> bool {
        let was = self.filter.clear();
        self.sync();
        was
    }

    /// Typed text.
    pub fn insert(&mut self, text: &str) {
        if self.filter.is_typing() {
            self.filter.insert(text);
            self.sync();
        }
    }

    /// Whether it has to be asked for now; true once.
    pub fn wants(&mut self) -> bool {
        if self.in_flight || !std::mem::take(&mut self.stale) {
            return false;
        }
        self.in_flight = true;
        true
    }

    /// It has to be read again.
    pub const fn invalidate(&mut self) {
        self.stale = true;
    }

    /// Takes what was read.
    pub fn receive(&mut self, rows: Result<Vec<R>, String>) {
        self.in_flight = false;
        match rows {
            Ok(rows) => (self.rows, self.error) = (Some(rows), None),
            Err(why) => self.error = Some(why),
        }
        self.sync();
    }

    /// Paints a pane with the head and the rows in it; `line` paints one row. `things` is what the
    /// rows are called, `none` what there is to say when there are none at all.
    pub fn draw(&self, area: Rect, canvas: &mut Canvas<'_>, look: &Look<'_, R>) {
        let theme = canvas.theme;
        let mark = Span::styled(self.filter.mark(), theme.attention());
        let inner = canvas.pane(area, look.title.clone(), &mark.into(), true);
        let shown = self.shown();
        if shown.is_empty() {
            let none = match (&self.error, &self.rows) {
                (Some(why), _) => why.clone(),
                (None, None) => "reading …".to_owned(),
                (None, Some(rows)) if rows.is_empty() => look.none.to_owned(),
                (None, Some(_)) => format!("no {} holds `{}`", look.thing, self.filter.text()),
            };
            return canvas.line(inner, &Line::raw(safe(&none)));
        }
        canvas.line(inner, &Line::styled((look.head)(inner.width), theme.dim()));
        let list = Rect {
            y: inner.y + 1,
            height: inner.height.saturating_sub(1),
            ..inner
        };
        let first = first_visible(self.picker.index(), shown.len(), usize::from(list.height));
        for (y, (i, entry)) in (list.y..list.bottom()).zip(shown.iter().enumerate().skip(first)) {
            canvas.line(row(list, y), &(look.line)(entry, inner.width));
            if i == self.picker.index() {
                canvas.select(row(list, y), true);
            }
        }
    }
}

/// How such a list looks.
pub struct Look<'a, R> {
    pub title: Line<'static>,
    /// What a row is: `routine`.
    pub thing: &'a str,
    /// The text instead of rows when there are none.
    pub none: &'a str,
    /// The head of the columns, and a row, in that many cells.
    pub head: &'a dyn Fn(u16) -> String,
    pub line: &'a dyn Fn(&R, u16) -> Line<'static>,
}
