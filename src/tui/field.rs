//! An editable line of text, for the command bar, search prompts and text fields.

use tui_textarea::{CursorMove, TextArea};

use crate::core::base::text;
use crate::tui::keys::Action;

/// Maximum length in bytes, the limit of the command language.
const MAX_BYTES: usize = 4096;

/// An editable line with a cursor.
#[derive(Debug, Clone, Default)]
pub struct Field {
    area: TextArea<'static>,
}

impl Field {
    /// A line with this text, the cursor at its end.
    #[must_use]
    pub fn with(text: &str) -> Self {
        let mut line = Self::default();
        line.set(text);
        line
    }

    /// The text.
    #[must_use]
    pub fn text(&self) -> &str {
        self.area.lines().first().map_or("", String::as_str)
    }

    /// The cursor position in bytes.
    #[must_use]
    pub fn cursor(&self) -> usize {
        let column = self.area.cursor().1;
        self.text()
            .char_indices()
            .nth(column)
            .map_or(self.text().len(), |(at, _)| at)
    }

    /// The cursor is at the end.
    #[must_use]
    pub fn at_end(&self) -> bool {
        self.cursor() == self.text().len()
    }

    /// Replaces everything; the cursor goes to the end.
    pub fn set(&mut self, text: &str) {
        self.area = TextArea::default();
        self.insert(text);
    }

    /// Inserts text at the cursor. Line breaks become spaces, invisible characters are made
    /// visible, and text over the limit is dropped.
    pub fn insert(&mut self, typed: &str) {
        let flat = typed
            .trim_end_matches(['\r', '\n'])
            .replace("\r\n", " ")
            .replace(['\r', '\n', '\t'], " ");
        let shown = text::show(&flat);
        let room = MAX_BYTES.saturating_sub(self.text().len());
        let end = (0..=shown.len().min(room))
            .rev()
            .find(|at| shown.is_char_boundary(*at))
            .unwrap_or(0);
        self.area.insert_str(&shown[..end]);
    }

    /// Edits the line or moves the cursor; false if the action does neither.
    pub fn act(&mut self, action: Action) -> bool {
        edit(&mut self.area, action)
    }
}

/// Edits a line or moves the cursor in it; false if the action does neither.
pub(super) fn edit(area: &mut TextArea<'_>, action: Action) -> bool {
    match action {
        Action::CharLeft => area.move_cursor(CursorMove::Back),
        Action::CharRight => area.move_cursor(CursorMove::Forward),
        Action::WordLeft => area.move_cursor(CursorMove::WordBack),
        Action::WordRight => area.move_cursor(CursorMove::WordForward),
        Action::LineStart => area.move_cursor(CursorMove::Head),
        Action::LineEnd => area.move_cursor(CursorMove::End),
        Action::DeleteBack => drop(area.delete_char()),
        Action::Delete => drop(area.delete_next_char()),
        Action::DeleteWord => drop(area.delete_word()),
        Action::DeleteToStart => drop(area.delete_line_by_head()),
        Action::DeleteToEnd => drop(area.delete_line_by_end()),
        _ => return false,
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn editing() {
        let mut line = Field::with("deploy web to prod");
        for (action, text, cursor) in [
            (Action::DeleteWord, "deploy web to ", 14),
            (Action::DeleteBack, "deploy web to", 13),
            (Action::LineStart, "deploy web to", 0),
            (Action::WordRight, "deploy web to", 7),
            (Action::DeleteToStart, "web to", 0),
            (Action::Delete, "eb to", 0),
            (Action::CharRight, "eb to", 1),
            (Action::DeleteToEnd, "e", 1),
            (Action::CharRight, "e", 1),
            (Action::CharLeft, "e", 0),
            (Action::CharLeft, "e", 0),
            (Action::DeleteBack, "e", 0),
        ] {
            assert!(line.act(action));
            assert_eq!((line.text(), line.cursor()), (text, cursor), "{action:?}");
        }
        assert!(!line.act(Action::Accept));
    }

    #[test]
    fn pasted_text_stays_one_visible_line() {
        let mut line = Field::with("a");
        line.insert("b\r\nc\td\n");
        assert_eq!(line.text(), "ab c d");
        line.insert("\x1b[31m");
        assert!(!line.text().contains('\x1b') && line.text().contains("[31m"));
        line.set("grüße");
        line.act(Action::CharLeft);
        assert_eq!(line.cursor(), "grüß".len());
        line.set(&"é".repeat(4000));
        assert_eq!(line.text().len(), MAX_BYTES);
    }
}
