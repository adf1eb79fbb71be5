//! Layout of one log line: escaped, scrolled or wrapped, with matches marked.

use ratatui::style::{Modifier, Style};
use ratatui::text::{Line, Span};
use regex::bytes::Regex;
use unicode_segmentation::UnicodeSegmentation as _;

use crate::core::base::text::{self, Coloured};
use crate::logfile::log_view::Row;
use crate::tui::theme::Theme;

/// An escaped line and its styles.
#[derive(Debug, Clone)]
pub(super) struct Safe {
    pub(super) text: String,
    /// Start byte of each style; the first is 0.
    styles: Vec<(usize, Style)>,
}

impl Safe {
    /// At most `cells` of the line, in one style. If the line is longer than kept, its size is
    /// shown.
    pub(super) fn plain(row: &Row, cells: usize, style: Style) -> Self {
        Self {
            text: safe(row, cells, text::strip_sgr_limited),
            styles: vec![(0, style)],
        }
    }

    /// The same, with the styles in the line on top of `style`, up to the end of the line.
    pub(super) fn coloured(row: &Row, cells: usize, style: Style, theme: Theme) -> Self {
        let mut styles = Vec::new();
        let text = safe(row, cells, |line, cells| {
            let coloured: Coloured = text::coloured_limited(line, cells);
            styles = coloured.styles;
            coloured.text
        });
        let styles = styles
            .into_iter()
            .map(|(at, look)| (at, style.patch(theme.style(look))));
        Self {
            text,
            styles: std::iter::once((0, style)).chain(styles).collect(),
        }
    }

    /// Adds the spans between two byte positions.
    fn push(&self, spans: &mut Vec<Span<'static>>, start: usize, end: usize) {
        let first = self
            .styles
            .partition_point(|(at, _)| *at <= start)
            .saturating_sub(1);
        for (i, (at, style)) in self
            .styles
            .iter()
            .enumerate()
            .skip(first)
            .take_while(|(_, (at, _))| *at < end)
        {
            let next = self
                .styles
                .get(i + 1)
                .map_or(end, |(next, _)| end.min(*next));
            spans.push(Span::styled(
                self.text[start.max(*at)..next].to_owned(),
                *style,
            ));
        }
    }

    fn style_at(&self, place: usize) -> Style {
        self.styles[self
            .styles
            .partition_point(|(at, _)| *at <= place)
            .saturating_sub(1)]
        .1
    }
}

fn safe(row: &Row, cells: usize, show: impl FnOnce(&str, usize) -> String) -> String {
    let line = String::from_utf8_lossy(&row.bytes);
    if row.len <= row.bytes.len() as u64 {
        return show(&line, cells);
    }
    let note = format!("… ({} KiB)", row.len / 1024);
    let text = show(&line, cells.saturating_sub(note.len()));
    format!("{}{note}", text.trim_end_matches('…'))
}

/// The byte range visible in `width` cells from column `left` on.
pub(super) fn window(shown: &str, left: usize, width: usize) -> (usize, usize) {
    if shown.is_ascii() {
        let start = left.min(shown.len());
        return (start, (left + width).min(shown.len()).max(start));
    }
    let (mut column, mut start, mut end) = (0, None, 0);
    for (at, cluster) in shown.grapheme_indices(true) {
        let cells = text::width(cluster);
        if column >= left && start.is_none() {
            start = Some(at);
        }
        column += cells;
        if column > left + width {
            break;
        }
        end = at + cluster.len();
    }
    let start = start.unwrap_or(shown.len());
    (start, end.max(start))
}

/// Byte ranges of at most `width` cells each; an empty text is one range.
pub(super) fn wrapped(shown: &str, width: usize) -> Vec<(usize, usize)> {
    let (mut pieces, mut at) = (Vec::new(), 0);
    while at < shown.len() {
        let (_, end) = window(&shown[at..], 0, width.max(1));
        // A character wider than the screen still gets a row.
        let end = if end == 0 {
            shown[at..].chars().next().map_or(1, char::len_utf8)
        } else {
            end
        };
        pieces.push((at, at + end));
        at += end;
    }
    if pieces.is_empty() {
        pieces.push((0, 0));
    }
    pieces
}

/// A piece of the line as spans, with its matches marked.
pub(super) fn marked(
    safe: &Safe,
    piece: (usize, usize),
    hits: Option<&Regex>,
    hit: Style,
) -> Line<'static> {
    let shown = &*safe.text;
    let mut spans = Vec::new();
    let mut at = piece.0;
    for found in hits
        .iter()
        .flat_map(|regex| regex.find_iter(shown.as_bytes()))
    {
        // Only whole characters: a pattern over bytes may match inside one.
        let whole = shown.is_char_boundary(found.start()) && shown.is_char_boundary(found.end());
        let (start, end) = (found.start().max(at), found.end().min(piece.1));
        if !whole || start >= end {
            continue;
        }
        safe.push(&mut spans, at, start);
        // In reversed text, a match is shown not reversed.
        let is_reversed = safe
            .style_at(start)
            .add_modifier
            .contains(Modifier::REVERSED);
        let hit = if is_reversed {
            hit.remove_modifier(Modifier::REVERSED)
        } else {
            hit
        };
        spans.push(Span::styled(shown[start..end].to_owned(), hit));
        at = end;
    }
    safe.push(&mut spans, at, piece.1);
    Line::from(spans)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::run::event::Level;
    use crate::logfile::scan::pattern;
    use proptest::prelude::*;

    #[test]
    fn visible_matches_are_marked() {
        let regex = pattern("b+").unwrap();
        let safe = Safe {
            text: "abbcab".to_owned(),
            styles: vec![(0, Style::new())],
        };
        let line = marked(&safe, (2, 6), Some(&regex), Style::new().bold());
        let texts: Vec<_> = line
            .spans
            .iter()
            .map(|s| (s.content.to_string(), s.style == Style::new().bold()))
            .collect();
        let seen: Vec<_> = texts.iter().filter(|(t, _)| !t.is_empty()).collect();
        assert_eq!(
            seen,
            [
                &("b".to_owned(), true),
                &("ca".to_owned(), false),
                &("b".to_owned(), true)
            ]
        );
    }

    #[test]
    fn styles_of_a_line_are_cut_and_marked_with_it() {
        let bytes = b"ab\x1b[31mcd\x1b[7mef\x1b[0mgh".to_vec();
        let row = Row {
            number: 0,
            file: 0,
            level: Level::Info,
            len: bytes.len() as u64,
            bytes,
            head: None,
        };
        let base = Style::new().bold();
        let regex = pattern("[be]").unwrap();
        let hit = Style::new().reversed();
        let spans = |theme, piece| {
            let safe = Safe::coloured(&row, 80, base, theme);
            let line = marked(&safe, piece, Some(&regex), hit);
            line.spans
                .into_iter()
                .map(|s| (s.content.into_owned(), s.style))
                .collect::<Vec<_>>()
        };
        let owned = |all: &[(&str, Style)]| {
            all.iter()
                .map(|(t, s)| ((*t).to_owned(), *s))
                .collect::<Vec<_>>()
        };
        let plain = hit.remove_modifier(Modifier::REVERSED);
        let red = base.red();
        assert_eq!(
            spans(Theme::new(true), (0, 8)),
            owned(&[
                ("a", base),
                ("b", hit),
                ("cd", red),
                ("e", plain),
                ("f", red.reversed()),
                ("gh", base)
            ])
        );
        assert_eq!(spans(Theme::new(true), (3, 4)), owned(&[("d", red)]));
        assert_eq!(
            spans(Theme::new(false), (2, 4)),
            owned(&[("cd", base)]),
            "no colours, attributes only"
        );
        assert_eq!(
            spans(Theme::new(false), (5, 7)),
            owned(&[("f", base.reversed()), ("g", base)])
        );
        assert_eq!(
            Safe::plain(&row, 80, base).text,
            Safe::coloured(&row, 80, base, Theme::new(true)).text
        );
    }

    proptest! {
        #[test]
        fn windows_and_pieces_fit_and_lose_nothing(text in "[a-z日本👍🏽é ]{0,60}", left in 0usize..70, width in 2usize..30) {
            let shown = text::show(&text).into_owned();
            let (start, end) = window(&shown, left, width);
            prop_assert!(text::width(&shown[start..end]) <= width);
            let pieces = wrapped(&shown, width);
            prop_assert_eq!(pieces.iter().map(|(a, b)| &shown[*a..*b]).collect::<String>(), shown.clone());
            prop_assert!(pieces.iter().all(|(a, b)| text::width(&shown[*a..*b]) <= width));
        }
    }
}
