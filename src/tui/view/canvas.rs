//! The canvas of panes: a buffer that clips all painting, so that it works at any terminal size.

use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, BorderType, Clear, Widget};

use crate::core::base::text;
use crate::tui::field::Field;
use crate::tui::link::{self, Links};
use crate::tui::theme::Theme;
use crate::tui::view::layout;

/// The frame being painted.
#[derive(Debug)]
pub struct Canvas<'a> {
    buffer: &'a mut Buffer,
    pub theme: Theme,
    /// The position of the terminal's cursor; `None`: hidden.
    pub cursor: Option<Position>,
    /// The addresses that cells lead to.
    pub links: Links,
}

impl<'a> Canvas<'a> {
    /// A canvas on this buffer.
    pub fn new(buffer: &'a mut Buffer, theme: Theme) -> Self {
        Self {
            buffer,
            theme,
            cursor: None,
            links: Links::default(),
        }
    }

    /// The whole screen.
    #[must_use]
    pub const fn area(&self) -> Rect {
        self.buffer.area
    }

    /// Paints one line at the top of `area`.
    pub fn line(&mut self, area: Rect, line: &Line<'_>) {
        let area = area.intersection(self.buffer.area);
        if !area.is_empty() {
            self.buffer.set_line(area.x, area.y, line, area.width);
        }
    }

    /// Paints lines from the top of `area`, as many as fit.
    pub fn lines<'l>(&mut self, area: Rect, lines: impl IntoIterator<Item = &'l Line<'l>>) {
        for (y, line) in (area.y..area.bottom()).zip(lines) {
            self.line(row(area, y), line);
        }
    }

    /// Paints lines, dimmed, at the bottom of `area`, at most `most` of them; returns the rest of the
    /// area.
    pub fn foot(&mut self, area: Rect, lines: Vec<String>, most: u16) -> Rect {
        let (rest, below) = foot_of(area, lines.len(), most);
        let style = self.theme.dim();
        let lines = lines.into_iter().map(|line| Line::styled(line, style));
        self.lines(below, &lines.collect::<Vec<_>>());
        rest
    }

    /// Paints a right-aligned line; omitted if it does not fit.
    pub fn right(&mut self, area: Rect, line: &Line<'_>) {
        let width = u16::try_from(line.width()).unwrap_or(u16::MAX);
        if width <= area.width {
            self.line(
                Rect {
                    x: area.right() - width,
                    width,
                    height: 1,
                    ..area
                },
                line,
            );
        }
    }

    /// Changes the style of everything in `area`.
    pub fn restyle(&mut self, area: Rect, style: Style) {
        self.buffer
            .set_style(area.intersection(self.buffer.area), style);
    }

    /// Makes the cells of `area` a link, if the address is one of the web.
    pub fn link(&mut self, area: Rect, address: &str) {
        let area = area.intersection(self.buffer.area);
        if let Some(mark) = self.links.add(address) {
            self.buffer
                .set_style(area, Style::new().underline_color(mark));
        }
    }

    /// Makes links of the addresses painted in `area`, in which text is wrapped and never cut.
    pub fn link_addresses(&mut self, area: Rect) {
        let area = area.intersection(self.buffer.area);
        for y in area.y..area.bottom() {
            let symbols = (area.x..area.right()).map(|x| self.buffer[(x, y)].symbol());
            let found = link::addresses(&symbols.collect::<Vec<_>>(), usize::from(area.width));
            for (at, width, address) in found {
                let (Ok(at), Ok(width)) = (u16::try_from(at), u16::try_from(width)) else {
                    continue;
                };
                let place = Rect {
                    x: area.x + at,
                    width,
                    ..row(area, y)
                };
                self.link(place, &address);
            }
        }
    }

    /// Marks the rows in `area` as selected. They have no other colours: a state's colour on the bar of
    /// the selection is hard to read, and its symbol says the same.
    pub fn select(&mut self, area: Rect, focused: bool) {
        let area = area.intersection(self.buffer.area);
        if focused {
            let plain = Style::reset();
            self.buffer.set_style(area, plain);
            self.buffer.set_style(area, self.theme.selected());
        } else {
            self.buffer.set_style(area, self.theme.selected_elsewhere());
        }
    }

    /// Paints the rule of a pane with a title and a mark on its right; returns the area of its text.
    pub fn pane(&mut self, area: Rect, title: Line<'_>, mark: &Line<'_>, focused: bool) -> Rect {
        self.rule(area, title, mark, focused);
        layout::inner(area)
    }

    /// Paints a frame with a title and a mark on its right; returns the inner area. A focused frame
    /// has a heavier line.
    pub fn frame(&mut self, area: Rect, title: Line<'_>, mark: &Line<'_>, focused: bool) -> Rect {
        let area = area.intersection(self.buffer.area);
        let kind = if focused {
            BorderType::Thick
        } else {
            BorderType::Plain
        };
        let block = Block::bordered()
            .border_type(kind)
            .border_style(self.theme.frame(focused));
        let inner = block.inner(area);
        block.render(area, self.buffer);
        if area.width < 5 || area.height == 0 {
            return inner;
        }
        let room = usize::from(area.width) - 4;
        let mark_width = mark.width();
        let title_room = if mark_width == 0 {
            room
        } else {
            room.saturating_sub(mark_width + 1)
        };
        let title = fit(title, title_room);
        let edge = Rect {
            x: area.x + 2,
            width: area.width - 4,
            height: 1,
            ..area
        };
        self.on_edge(edge, &title);
        if mark_width > 0 && mark_width + title.width() < room {
            let used = u16::try_from(mark_width)
                .unwrap_or(u16::MAX)
                .min(edge.width);
            self.on_edge(
                Rect {
                    x: edge.right() - used,
                    width: used,
                    ..edge
                },
                mark,
            );
        }
        inner
    }

    /// Paints a rule with a title and a mark on its right; returns the area below it. A focused one
    /// has a heavier line.
    pub fn rule(&mut self, area: Rect, title: Line<'_>, mark: &Line<'_>, focused: bool) -> Rect {
        let area = area.intersection(self.buffer.area);
        let below = layout::below_rule(area);
        if area.is_empty() {
            return below;
        }
        let edge = Rect { height: 1, ..area };
        let line = if focused { "━" } else { "─" };
        let line = line.repeat(usize::from(area.width));
        self.line(edge, &Line::styled(line, self.theme.frame(focused)));
        let room = usize::from(area.width).saturating_sub(2);
        let mark_width = mark.width();
        let title = fit(
            title,
            room.saturating_sub(mark_width + usize::from(mark_width > 0)),
        );
        let inner = Rect {
            x: area.x + 1,
            width: area.width.saturating_sub(2),
            ..edge
        };
        self.on_edge(inner, &title);
        if mark_width > 0 && mark_width + title.width() < room {
            let width = u16::try_from(mark_width)
                .unwrap_or(u16::MAX)
                .min(inner.width);
            let place = Rect {
                x: inner.right() - width,
                width,
                ..inner
            };
            self.on_edge(place, mark);
        }
        below
    }

    /// Paints the line left of a column.
    pub fn separator(&mut self, column: Rect) {
        let line = Line::styled("│", self.theme.dim());
        for y in column.y..column.bottom() {
            let place = Rect {
                x: column.x.saturating_sub(1),
                y,
                width: 1,
                height: 1,
            };
            self.line(place, &line);
        }
    }

    /// Paints text on a frame's line, without the style of the line.
    fn on_edge(&mut self, area: Rect, text: &Line<'_>) {
        let width = u16::try_from(text.width())
            .unwrap_or(u16::MAX)
            .min(area.width);
        self.clear(Rect { width, ..area });
        self.line(area, text);
    }

    /// Paints an empty framed box of at most this size, centred.
    pub fn window(&mut self, width: u16, height: u16, title: Line<'_>, mark: &Line<'_>) -> Rect {
        self.growing_window(width, (height, height), title, mark)
    }

    /// The same, with its top where a window of the second height would have it, so that it does not
    /// move when the first changes.
    pub fn growing_window(
        &mut self,
        width: u16,
        (height, tallest): (u16, u16),
        title: Line<'_>,
        mark: &Line<'_>,
    ) -> Rect {
        let screen = self.buffer.area;
        let tallest = tallest.min(screen.height);
        let (width, height) = (width.min(screen.width), height.min(tallest));
        let area = Rect {
            x: screen.x + (screen.width - width) / 2,
            y: screen.y + (screen.height - tallest) / 2,
            width,
            height,
        };
        // A column on each side keeps the text below apart from the frame.
        self.clear(Rect {
            x: area.x.saturating_sub(1),
            width: area.width.saturating_add(2),
            ..area
        });
        self.frame(area, title, mark, true)
    }

    /// Clears `area`.
    pub fn clear(&mut self, area: Rect) {
        Clear.render(area.intersection(self.buffer.area), self.buffer);
    }

    /// Paints a text field with its label, scrolled to the cursor. Shows the cursor if focused.
    pub fn field(
        &mut self,
        area: Rect,
        label: Span<'_>,
        field: &Field,
        focused: bool,
        ghost: &str,
    ) {
        let label_width = u16::try_from(label.width())
            .unwrap_or(u16::MAX)
            .min(area.width);
        self.line(area, &Line::from(label));
        let area = Rect {
            x: area.x + label_width,
            width: area.width - label_width,
            height: area.height.min(1),
            ..area
        };
        if area.is_empty() {
            return;
        }
        let (before, after) = field.text().split_at(field.cursor());
        let room = usize::from(area.width).saturating_sub(1);
        let before = tail(before, room);
        let at = u16::try_from(text::width(before)).unwrap_or(u16::MAX);
        let line = Line::from(vec![
            Span::raw(before),
            Span::raw(after),
            Span::styled(ghost, self.theme.dim()),
        ]);
        self.line(area, &line);
        if focused {
            self.cursor = Some(Position::new(area.x.saturating_add(at), area.y));
        }
    }
}

/// The area above a foot of so many lines, at most `most`, and the foot.
#[must_use]
pub fn foot_of(area: Rect, lines: usize, most: u16) -> (Rect, Rect) {
    let height = u16::try_from(lines).unwrap_or(u16::MAX).min(most);
    let rest = Rect {
        height: area.height.saturating_sub(height),
        ..area
    };
    let below = Rect {
        y: rest.bottom(),
        height,
        ..area
    };
    (rest, below)
}

/// The row `y` of `area`.
#[must_use]
pub const fn row(area: Rect, y: u16) -> Rect {
    Rect {
        x: area.x,
        y,
        width: area.width,
        height: 1,
    }
}

/// The badge of a protected environment: ` PROD `.
#[must_use]
pub fn badge(env: &str, theme: Theme) -> Span<'static> {
    Span::styled(format!(" {} ", safe(env).to_uppercase()), theme.badge())
}

/// Escapes untrusted text.
#[must_use]
pub fn safe(text: &str) -> String {
    text::show(text).into_owned()
}

/// Escapes untrusted text to exactly `width` cells: cut with `…` or padded with spaces.
#[must_use]
pub fn column(text: &str, width: usize) -> String {
    let cut = text::cut(&text::show(text), width);
    let fill = width.saturating_sub(text::width(&cut));
    format!("{cut}{}", " ".repeat(fill))
}

/// Cuts a line to `width` cells, with `…` at the cut.
#[must_use]
pub fn fit(line: Line<'_>, width: usize) -> Line<'static> {
    let mut left = width;
    let mut spans = Vec::new();
    for span in line.spans {
        let cut = text::cut(&span.content, left);
        left -= text::width(&cut).min(left);
        let ended = text::width(&span.content) > text::width(&cut);
        spans.push(Span::styled(cut, span.style));
        if ended {
            break;
        }
    }
    Line::from(spans).style(line.style)
}

/// Wraps text to lines of at most `width` cells; breaks words longer than a line.
#[must_use]
pub fn wrapped(text: &str, width: usize) -> Vec<String> {
    let width = width.max(1);
    let (mut lines, mut line) = (Vec::new(), String::new());
    for word in text.split(' ') {
        let mut word = word;
        let gap = usize::from(!line.is_empty());
        if text::width(&line) + gap + text::width(word) <= width {
            if gap == 1 {
                line.push(' ');
            }
            line.push_str(word);
            continue;
        }
        if !line.is_empty() {
            lines.push(std::mem::take(&mut line));
        }
        while text::width(word) > width && head_of(word, width) < word.len() {
            let (head, rest) = word.split_at(head_of(word, width));
            lines.push(head.to_owned());
            word = rest;
        }
        word.clone_into(&mut line);
    }
    lines.push(line);
    lines
}

/// Length in bytes of the prefix of at most `width` cells, at least one character.
#[must_use]
pub fn head_of(text: &str, width: usize) -> usize {
    let mut used = 0;
    for (at, c) in text.char_indices() {
        used += unicode_width::UnicodeWidthChar::width(c).unwrap_or(0);
        if used > width && at > 0 {
            return at;
        }
    }
    text.len()
}

/// The suffix of `text` that fits into `width` cells.
fn tail(text: &str, width: usize) -> &str {
    let mut start = 0;
    while text::width(&text[start..]) > width {
        start += text[start..].chars().next().map_or(1, char::len_utf8);
    }
    &text[start..]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_wrap_and_long_words_break() {
        assert_eq!(wrapped("one two three", 7), ["one two", "three"]);
        assert_eq!(wrapped("abcdefghij k", 4), ["abcd", "efgh", "ij k"]);
        assert_eq!(wrapped("", 4), [""]);
        assert_eq!(wrapped("日本語", 4), ["日本", "語"]);
        assert_eq!(
            wrapped("日", 1),
            ["日"],
            "a wide character alone still goes somewhere"
        );
    }

    #[test]
    fn columns_have_their_width() {
        assert_eq!(column("web", 5), "web  ");
        assert_eq!(column("payments", 5), "paym…");
        assert_eq!(text::width(&column("日本語", 5)), 5);
        assert!(!column("a\x1b[2Jb", 20).contains('\x1b'));
    }
}
