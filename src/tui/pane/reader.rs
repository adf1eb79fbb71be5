//! A text view: an artifact, the problems list, contacts.

use std::cell::{Ref, RefCell};

use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::{Opening, Reaction, Scene, View};
use crate::tui::frame::Frame;
use crate::tui::keys::Action;
use crate::tui::msg::Effect;
use crate::tui::picker::moved;
use crate::tui::view::canvas::{Canvas, wrapped};
use crate::tui::view::layout;

/// A text and its scroll position.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TextReader {
    title: String,
    /// Escaped lines.
    lines: Vec<String>,
    top: usize,
    /// The lines wrapped to the width of the last frame.
    laid_out: RefCell<(usize, Vec<String>)>,
}

impl TextReader {
    /// The view of a text.
    #[must_use]
    pub fn open(title: String, lines: Vec<String>, _: &Opening<'_>) -> Self {
        Self {
            title,
            lines,
            top: 0,
            laid_out: RefCell::default(),
        }
    }

    /// Shows other escaped lines, from the same place on.
    pub fn show(&mut self, lines: Vec<String>) {
        self.lines = lines;
        self.laid_out = RefCell::default();
    }

    /// The wrapped lines, cached by width because wrapping a long text is slow.
    fn laid_out(&self, width: usize) -> Ref<'_, Vec<String>> {
        if self.laid_out.borrow().0 != width {
            let lines = self
                .lines
                .iter()
                .flat_map(|line| indented(line, width))
                .collect();
            *self.laid_out.borrow_mut() = (width, lines);
        }
        Ref::map(self.laid_out.borrow(), |(_, lines)| lines)
    }
}

/// A line wrapped to the width, with its indentation before each part.
fn indented(line: &str, width: usize) -> Vec<String> {
    let text = line.trim_start_matches(' ');
    let indent = &line[..line.len() - text.len()];
    if indent.is_empty() || indent.len() * 2 > width {
        return wrapped(line, width);
    }
    wrapped(text, width - indent.len())
        .into_iter()
        .map(|part| format!("{indent}{part}"))
        .collect()
}

impl View for TextReader {
    fn act(&mut self, action: Action, scene: Scene<'_>) -> Reaction {
        if action == Action::CopyLine {
            return Reaction::Ask(Effect::Copy(self.lines.join("\n")));
        }
        let (height, width) = (layout::rows(scene.body), layout::columns(scene.body));
        let last = self.laid_out(width).len().saturating_sub(height);
        let Some(top) = moved(action, self.top.min(last), last, height) else {
            return Reaction::Ignored;
        };
        self.top = top;
        Reaction::Done
    }

    fn draw(&self, _frame: Frame<'_>, area: Rect, canvas: &mut Canvas<'_>) {
        let title = Span::styled(format!(" {} ", self.title), canvas.theme.strong());
        let all = self.laid_out(layout::columns(area));
        let top = self.top.min(all.len().saturating_sub(layout::rows(area)));
        let mark = layout::position(top, layout::rows(area), all.len());
        let inner = canvas.pane(area, title.into(), &mark.into(), true);
        let lines: Vec<Line<'_>> = all
            .iter()
            .skip(top)
            .take(layout::rows(area))
            .map(|l| Line::raw(l.as_str()))
            .collect();
        canvas.lines(inner, &lines);
        canvas.link_addresses(inner);
    }

    fn crumb(&self) -> String {
        self.title.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrapped_line_keeps_its_indentation() {
        for (line, wanted) in [
            ("  one two three", &["  one two", "  three"][..]),
            ("one two three", &["one two", "three"]),
            ("", &[""]),
            ("        deep", &["deep"]),
        ] {
            assert_eq!(indented(line, 9), wanted, "{line:?}");
        }
    }
}
