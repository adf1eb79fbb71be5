//! Text that narrows a list while it is typed.

use super::field::Field;
use crate::core::text;
use crate::tui::keys::Action;

/// A list's filter.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    field: Field,
    typing: bool,
}

impl Filter {
    /// What must be part of a row; empty: everything is shown.
    #[must_use]
    pub fn text(&self) -> &str {
        self.field.text().trim()
    }

    /// Keys go into it.
    #[must_use]
    pub const fn is_typing(&self) -> bool {
        self.typing
    }

    /// Begins to type.
    pub const fn open(&mut self) {
        self.typing = true;
    }

    /// Types text.
    pub fn insert(&mut self, text: &str) {
        self.field.insert(text);
    }

    /// Performs an action while typing; Enter keeps the filter and ends typing. False when it is none of a text field.
    pub fn act(&mut self, action: Action) -> bool {
        if action == Action::Accept {
            self.typing = false;
            return true;
        }
        self.field.act(action)
    }

    /// Esc: everything is shown again; false when it was.
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
