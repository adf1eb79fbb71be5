//! A menu of entries, each with a key of one character: what can be done with a row, the orders of
//! a list, the places to go. An entry may lead to another menu; Backspace goes back to the one
//! before it.

use ratatui::text::{Line, Span};

use super::{Dialog, FindKind, Outcome, Popup};
use crate::tui::destination::Destination;
use crate::tui::facts::Facts;
use crate::tui::keys::{Action, Context, Keymap};
use crate::tui::msg::{Effect, Ticket};
use crate::tui::picker::{first_visible, moved};
use crate::tui::view::canvas::{Canvas, column, row, safe};

/// Widest label, in cells.
const LABEL: usize = 34;

/// What an entry does.
#[derive(Debug, Clone)]
pub enum MenuChoice {
    /// Types this command and accepts it, exactly as at the command bar.
    Command(String),
    /// Puts this text into the command bar and runs nothing.
    Type(String),
    Open(Destination),
    /// Copies, or another effect that changes nothing.
    Perform(Effect),
    Popup(Popup),
    /// Goes on in another menu.
    Menu(Menu),
    /// Searches among things of this kind.
    Find(FindKind),
    /// Performs this action in the view, on its selected row.
    Act(Action),
    /// Shows the list in this order, by its place in the view's orders.
    Order(usize),
    /// It cannot be done, with the reason.
    Impossible(String),
}

/// One line of a menu.
#[derive(Debug, Clone)]
pub struct MenuEntry {
    key: char,
    label: String,
    note: String,
    choice: MenuChoice,
    /// It changes something: painted as not available in a read-only console.
    changes: bool,
}

impl MenuEntry {
    /// An entry that changes nothing.
    #[must_use]
    pub fn new(key: char, label: impl Into<String>, choice: MenuChoice) -> Self {
        Self {
            key,
            label: label.into(),
            note: String::new(),
            choice,
            changes: false,
        }
    }

    /// With a remark behind the label.
    #[must_use]
    pub fn noted(mut self, note: impl Into<String>) -> Self {
        self.note = note.into();
        self
    }

    /// It leads to a change.
    #[must_use]
    pub const fn changing(mut self) -> Self {
        self.changes = true;
        self
    }
}

/// A menu.
#[derive(Debug, Clone)]
pub struct Menu {
    title: String,
    entries: Vec<MenuEntry>,
    index: usize,
    /// The menu this one was opened from.
    parent: Option<Box<Menu>>,
    /// Why the last key did nothing.
    message: Option<String>,
}

impl Menu {
    /// A menu with its first entry selected. The title is escaped here.
    #[must_use]
    pub fn new(title: &str, entries: Vec<MenuEntry>) -> Self {
        Self {
            title: safe(title),
            entries,
            index: 0,
            parent: None,
            message: None,
        }
    }

    /// With this entry selected.
    #[must_use]
    pub const fn at(mut self, index: usize) -> Self {
        self.index = index;
        self
    }

    /// Whether it has no entry.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    fn choose(&mut self, index: usize) -> Outcome {
        let Some(entry) = self.entries.get(index) else {
            return Outcome::Stay;
        };
        (self.index, self.message) = (index, None);
        match entry.choice.clone() {
            MenuChoice::Command(line) => Outcome::Command(line),
            MenuChoice::Type(text) => Outcome::Type(text),
            MenuChoice::Open(destination) => Outcome::Go(destination),
            MenuChoice::Perform(effect) => Outcome::Finish(effect),
            MenuChoice::Popup(popup) => Outcome::Replace(popup),
            MenuChoice::Find(kind) => Outcome::Find(kind),
            MenuChoice::Order(order) => Outcome::Order(order),
            MenuChoice::Act(action) => Outcome::Run(action),
            MenuChoice::Impossible(why) => {
                self.message = Some(why);
                Outcome::Stay
            }
            MenuChoice::Menu(mut next) => {
                next.parent = Some(Box::new(self.clone()));
                *self = next;
                Outcome::Stay
            }
        }
    }

    fn entry_line(&self, entry: &MenuEntry, facts: &Facts, canvas: &Canvas<'_>) -> Line<'static> {
        let theme = canvas.theme;
        let off =
            (entry.changes && facts.read_only) || matches!(entry.choice, MenuChoice::Impossible(_));
        let label = column(&safe(&entry.label), self.label_width());
        let more = if matches!(entry.choice, MenuChoice::Menu(_)) {
            "›"
        } else {
            " "
        };
        let note = match (&entry.choice, entry.changes && facts.read_only) {
            (MenuChoice::Impossible(why), _) => why.clone(),
            (_, true) => "read-only".to_owned(),
            _ => entry.note.clone(),
        };
        let style = if off { theme.dim() } else { theme.plain() };
        Line::from(vec![
            Span::styled(format!(" {} ", entry.key), theme.strong()),
            Span::styled(format!(" {label} {more} "), style),
            Span::styled(safe(&note), theme.dim()),
        ])
    }

    fn label_width(&self) -> usize {
        let widest = self
            .entries
            .iter()
            .map(|entry| Span::raw(&*entry.label).width());
        widest.max().unwrap_or(0).min(LABEL)
    }
}

impl Dialog for Menu {
    fn context(&self) -> Context {
        Context::Text
    }

    fn insert(&mut self, text: &str) {
        self.message = Some(format!("no entry has the key {}", safe(text)));
    }

    fn press(&mut self, text: &str) -> Option<Outcome> {
        let mut chars = text.chars();
        let key = chars.next().filter(|_| chars.next().is_none())?;
        let index = self.entries.iter().position(|entry| entry.key == key)?;
        Some(self.choose(index))
    }

    fn act(&mut self, action: Action, _keys: &Keymap, _ticket: Ticket) -> Outcome {
        let movement = match action {
            Action::Older | Action::PreviousChoice => Action::Up,
            Action::Newer | Action::Complete => Action::Down,
            other => other,
        };
        let last = self.entries.len().saturating_sub(1);
        if let Some(index) = moved(movement, self.index, last, 10) {
            (self.index, self.message) = (index, None);
            return Outcome::Stay;
        }
        match action {
            Action::Accept => self.choose(self.index),
            Action::DeleteBack | Action::CharLeft => match self.parent.take() {
                Some(parent) => {
                    *self = *parent;
                    Outcome::Stay
                }
                None if action == Action::DeleteBack => Outcome::Close,
                None => Outcome::Stay,
            },
            Action::CharRight if matches!(self.entries.get(self.index), Some(e) if matches!(e.choice, MenuChoice::Menu(_))) => {
                self.choose(self.index)
            }
            _ => Outcome::Stay,
        }
    }

    fn draw(&self, facts: &Facts, keys: &Keymap, canvas: &mut Canvas<'_>) {
        let theme = canvas.theme;
        let screen = canvas.area();
        let lines: Vec<Line<'static>> = self
            .entries
            .iter()
            .map(|entry| self.entry_line(entry, facts, canvas))
            .collect();
        let hint = format!(
            "{}{}",
            if self.parent.is_some() {
                "Backspace back  "
            } else {
                ""
            },
            format_args!("{} close", keys.name(Action::Back)),
        );
        let widest = lines.iter().map(Line::width).max().unwrap_or(0);
        let head = Span::raw(&*self.title).width().max(hint.len()) + 6;
        let message = self
            .message
            .as_deref()
            .map_or(0, |m| Span::raw(m).width() + 2);
        let width = widest.max(head).max(message).max(30) + 3;
        let width = u16::try_from(width).unwrap_or(u16::MAX).min(screen.width);
        let wanted = lines.len() + 3;
        let height = u16::try_from(wanted)
            .unwrap_or(u16::MAX)
            .min(screen.height.saturating_sub(2));
        let title = Span::styled(format!(" {} ", self.title), theme.strong());
        let inner = canvas.window(width, height, title.into(), &Line::default());
        let room = usize::from(inner.height).saturating_sub(1);
        let first = first_visible(self.index, lines.len(), room);
        for (y, (i, line)) in (inner.y..inner.bottom())
            .zip(lines.iter().enumerate().skip(first))
            .take(room)
        {
            canvas.line(row(inner, y), line);
            if i == self.index {
                canvas.restyle(row(inner, y), theme.selected());
            }
        }
        let foot = match &self.message {
            Some(message) => Line::styled(format!(" {message}"), theme.attention()),
            None => Line::styled(format!(" {hint}"), theme.dim()),
        };
        canvas.line(row(inner, inner.bottom().saturating_sub(1)), &foot);
    }
}

/// A key for each name: its first letter that is still free, else a digit, else any letter.
#[must_use]
pub fn keys_for<'a>(names: impl IntoIterator<Item = &'a str>) -> Vec<char> {
    let mut taken = Vec::new();
    for name in names {
        let own = name.chars().filter(char::is_ascii_alphanumeric);
        let own = own.map(|c| c.to_ascii_lowercase());
        let key = own
            .chain('1'..='9')
            .chain('a'..='z')
            .chain('A'..='Z')
            .find(|c| !taken.contains(c));
        taken.push(key.unwrap_or('·'));
    }
    taken
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_gets_a_key_of_its_own() {
        assert_eq!(keys_for(["dev", "staging", "prod"]), ['d', 's', 'p']);
        assert_eq!(keys_for(["prod", "preprod", "p"]), ['p', 'r', '1']);
        assert_eq!(keys_for(["é", "–"]), ['1', '2']);
    }
}
