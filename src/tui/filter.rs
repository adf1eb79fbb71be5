//! A filter text that narrows a list while it is typed.

use super::field::Field;
use crate::core::base::text;
use crate::tui::keys::Action;

/// A list's filter.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    field: Field,
    typing: bool,
}

impl Filter {
    /// The text a row must contain; empty: all rows are shown.
    #[must_use]
    pub fn text(&self) -> &str {
        self.field.text().trim()
    }

    /// It has keyboard focus.
    #[must_use]
    pub const fn is_typing(&self) -> bool {
        self.typing
    }

    /// Starts typing.
    pub const fn open(&mut self) {
        self.typing = true;
    }

    /// Inserts text.
    pub fn insert(&mut self, text: &str) {
        self.field.insert(text);
    }

    /// Performs an action while typing; Enter keeps the filter and ends typing. False if it is not
    /// an action of a text field.
    pub fn act(&mut self, action: Action) -> bool {
        if action == Action::Accept {
            self.typing = false;
            return true;
        }
        self.field.act(action)
    }

    /// Esc: clears the filter; false if it was not set.
    pub fn clear(&mut self) -> bool {
        let was = self.typing || !self.field.text().is_empty();
        *self = Self::default();
        was
    }

    /// `/web` for the frame, with a cursor while typing.
    #[must_use]
    pub fn mark(&self) -> String {
        let shown = text::cut(self.field.text(), 20);
        match (self.typing, shown.is_empty()) {
            (true, _) => format!(" /{shown}_ "),
            (false, true) => String::new(),
            (false, false) => format!(" /{shown} "),
        }
    }
}
