//! One line of a log as cells: made safe, scrolled or wrapped, matches marked.

use ratatui::style::Style;
use ratatui::text::{Line, Span};
use regex::bytes::Regex;
use unicode_segmentation::UnicodeSegmentation as _;

use crate::core::text;
use crate::logfile::desk::Row;

/// The line as text that is safe to show, at most `cells` of it. What was not kept is told.
pub(super) fn safe(row: &Row, cells: usize) -> String {
    let line = String::from_utf8_lossy(&row.bytes);
    if row.len <= row.bytes.len() as u64 {
        return text::strip_sgr_limited(&line, cells);
    }
    let note = format!("… ({} KiB)", row.len / 1024);
    let text = text::strip_sgr_limited(&line, cells.saturating_sub(note.len()));
    format!("{}{note}", text.trim_end_matches('…'))
}

/// What is seen of the text in `width` cells from column `left` on.
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

/// Pieces of at most `width` cells, as places in the text; an empty text is one piece.
pub(super) fn wrapped(shown: &str, width: usize) -> Vec<(usize, usize)> {
    let (mut pieces, mut at) = (Vec::new(), 0);
    while at < shown.len() {
        let (_, end) = window(&shown[at..], 0, width.max(1));
        // A character wider than the screen still goes somewhere.
        let end = if end == 0 { shown[at..].chars().next().map_or(1, char::len_utf8) } else { end };
        pieces.push((at, at + end));
        at += end;
    }
    if pieces.is_empty() {
        pieces.push((0, 0));
    }
    pieces
}

/// The piece of a text as spans, its matches marked.
pub(super) fn marked(
    shown: &str,
    piece: (usize, usize),
    hits: Option<&Regex>,
    style: Style,
    hit: Style,
) -> Line<'static> {
    let mut spans = Vec::new();
    let mut at = piece.0;
    for found in hits.iter().flat_map(|regex| regex.find_iter(shown.as_bytes())) {
        // Only whole characters: a pattern over bytes may match inside one.
        let whole = shown.is_char_boundary(found.start()) && shown.is_char_boundary(found.end());
        let (start, end) = (found.start().max(at), found.end().min(piece.1));
        if !whole || start >= end {
            continue;
        }
        spans.push(Span::styled(shown[at..start].to_owned(), style));
        spans.push(Span::styled(shown[start..end].to_owned(), hit));
        at = end;
    }
    spans.push(Span::styled(shown[at..piece.1].to_owned(), style));
    Line::from(spans)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::logfile::scan::pattern;
    use proptest::prelude::*;

    #[test]
    fn matches_are_marked_where_they_are_seen() {
        let regex = pattern("b+").unwrap();
        let line = marked("abbcab", (2, 6), Some(&regex), Style::new(), Style::new().bold());
        let texts: Vec<_> =
            line.spans.iter().map(|s| (s.content.to_string(), s.style == Style::new().bold())).collect();
        let seen: Vec<_> = texts.iter().filter(|(t, _)| !t.is_empty()).collect();
        assert_eq!(seen, [&("b".to_owned(), true), &("ca".to_owned(), false), &("b".to_owned(), true)]);
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
