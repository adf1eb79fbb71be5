//! An editable text of several lines, for forms.

use tui_textarea::{CursorMove, TextArea};

use crate::core::base::text;
use crate::tui::field::edit;
use crate::tui::keys::Action;

/// Maximum length in bytes: four of the longest queries a routine may have.
const MAX_BYTES: usize = 64 * 1024;
/// What a tab is.
const TAB: &str = "  ";
/// Lines of a page.
const PAGE: usize = 10;

/// An editable text with a cursor.
#[derive(Debug, Clone, Default)]
pub struct TextBox {
    area: TextArea<'static>,
}

impl TextBox {
    /// A box with this text, the cursor at its beginning.
    #[must_use]
    pub fn with(text: &str) -> Self {
        let lines = text.lines().map(str::to_owned).collect();
        Self {
            area: TextArea::new(lines),
        }
    }

    /// The lines.
    #[must_use]
    pub fn lines(&self) -> &[String] {
        self.area.lines()
    }

    /// The text; every line ends with a line break.
    #[must_use]
    pub fn text(&self) -> String {
        self.lines()
            .iter()
            .map(|line| format!("{line}\n"))
            .collect()
    }

    /// The line of the cursor, and the characters before it in that line.
    #[must_use]
    pub fn cursor(&self) -> (usize, usize) {
        let cursor = self.area.cursor();
        (cursor.0, cursor.1)
    }

    /// Puts the cursor behind the first appearance of a text.
    pub fn go_behind(&mut self, wanted: &str) {
        let found = self.lines().iter().enumerate().find_map(|(row, line)| {
            let at = line.find(wanted)? + wanted.len();
            Some((row, line[..at].chars().count()))
        });
        if let Some((row, column)) = found {
            let short = |n: usize| u16::try_from(n).unwrap_or(u16::MAX);
            self.area
                .move_cursor(CursorMove::Jump(short(row), short(column)));
        }
    }

    /// Inserts text at the cursor. Invisible characters are made visible; text that does not fit is
    /// refused as a whole, which is false.
    pub fn insert(&mut self, typed: &str) -> bool {
        let plain = typed
            .replace("\r\n", "\n")
            .replace('\r', "\n")
            .replace('\t', TAB);
        let lines: Vec<_> = plain.split('\n').map(text::show).collect();
        let shown = lines.join("\n");
        let used: usize = self.lines().iter().map(|line| line.len() + 1).sum();
        if used + shown.len() > MAX_BYTES {
            return false;
        }
        self.area.insert_str(shown);
        true
    }

    /// Edits the text or moves the cursor; false if the action does neither.
    pub fn act(&mut self, action: Action) -> bool {
        let area = &mut self.area;
        match action {
            Action::Accept => return self.insert("\n"),
            Action::Complete => return self.insert(TAB),
            Action::Older | Action::Up => area.move_cursor(CursorMove::Up),
            Action::Newer | Action::Down => area.move_cursor(CursorMove::Down),
            Action::PageUp => (0..PAGE).for_each(|_| area.move_cursor(CursorMove::Up)),
            Action::PageDown => (0..PAGE).for_each(|_| area.move_cursor(CursorMove::Down)),
            _ => return edit(area, action),
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_split_joined_and_walked() {
        let mut text = TextBox::with("one\ntwo");
        for (action, wanted, cursor) in [
            (Action::LineEnd, "one\ntwo\n", (0, 3)),
            (Action::Accept, "one\n\ntwo\n", (1, 0)),
            (Action::Complete, "one\n  \ntwo\n", (1, 2)),
            (Action::DeleteToStart, "one\n\ntwo\n", (1, 0)),
            (Action::DeleteBack, "one\ntwo\n", (0, 3)),
            (Action::Delete, "onetwo\n", (0, 3)),
            (Action::DeleteToEnd, "one\n", (0, 3)),
            (Action::Older, "one\n", (0, 3)),
        ] {
            assert!(text.act(action));
            assert_eq!(
                (&*text.text(), text.cursor()),
                (wanted, cursor),
                "{action:?}"
            );
        }
        assert!(!text.act(Action::SaveText));
    }

    #[test]
    fn pasted_text_keeps_its_lines_and_shows_what_is_invisible() {
        let mut text = TextBox::with("");
        assert!(text.insert("a\r\nb\tc\r\u{1b}[31m\u{202e}"));
        assert_eq!(text.lines().len(), 3);
        assert_eq!(text.lines()[..2], ["a", "b  c"]);
        assert!(
            !text.text().contains(['\u{1b}', '\u{202e}']),
            "{:?}",
            text.text()
        );
        assert!(
            !text.insert(&"x".repeat(MAX_BYTES)),
            "nothing of it is taken"
        );
        assert_eq!(text.lines().len(), 3);
    }

    #[test]
    fn the_cursor_goes_behind_a_text() {
        let mut text = TextBox::with("# ä\nnäme = \"\"\nkind = \"\"");
        text.go_behind("= \"");
        assert_eq!(text.cursor(), (1, 8));
        text.go_behind("nowhere");
        assert_eq!(text.cursor(), (1, 8));
    }
}
