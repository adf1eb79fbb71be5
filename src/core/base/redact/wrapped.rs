//! Finds encoded values (base64, hexadecimal) that a program has wrapped over several lines.

use std::collections::HashMap;
use std::ops::Range;

use aho_corasick::AhoCorasick;

/// A line that ends with fewer letters than this is not a wrapped line.
const LEAST_RUN: usize = 20;
/// At the end of a line, a value is recognised by this many of its first letters; fewer could be
/// anything.
const START: usize = 4;

/// Finds encoded values across line ends.
#[derive(Debug, Clone, Default)]
pub(super) struct Wrapped {
    pub(super) finder: Option<AhoCorasick>,
    /// Whole codes, and codes without a few first letters, which may be on the line before.
    codes: Vec<Vec<u8>>,
    /// What replaces each.
    marks: Vec<String>,
    /// Codes by their first letters.
    starts: HashMap<[u8; START], Vec<usize>>,
    longest: usize,
}

impl Wrapped {
    /// For these codes and what replaces each.
    pub(super) fn new(codes: Vec<(Vec<u8>, String)>) -> Self {
        let (codes, marks): (Vec<Vec<u8>>, Vec<String>) = codes.into_iter().unzip();
        let finder = super::finder(&codes);
        let mut starts: HashMap<[u8; START], Vec<usize>> = HashMap::new();
        for (which, code) in codes.iter().enumerate() {
            if let Some(start) = code.first_chunk() {
                starts.entry(*start).or_default().push(which);
            }
        }
        let longest = codes.iter().map(Vec::len).max().unwrap_or(0);
        Self {
            finder,
            codes,
            marks,
            starts,
            longest,
        }
    }

    /// See [`super::Redactor::goes_on`].
    pub(super) fn goes_on(&self, lines: &[u8]) -> bool {
        if self.codes.is_empty() || !ends_in_letters(lines.iter().rev()) {
            return false;
        }
        let joined = Joined::of(lines);
        let text = joined.text.as_slice();
        let from = text.len().saturating_sub(self.longest);
        (from..text.len().saturating_sub(START - 1)).any(|at| {
            let (rest, start) = (&text[at..], text[at..].first_chunk());
            let begun = start
                .and_then(|start| self.starts.get(start))
                .into_iter()
                .flatten();
            begun.into_iter().any(|which| {
                let code = &self.codes[*which];
                code.len() > rest.len() && code.starts_with(rest)
            })
        })
    }

    /// Passes on the parts of values that cross line ends, in order, and what replaces them.
    /// `backslash`: line ends may also be escaped as in JSON.
    pub(super) fn search<'w>(
        &'w self,
        text: &[u8],
        backslash: bool,
        found: &mut dyn FnMut(Range<usize>, &'w str),
    ) {
        let Some(finder) = self.finder.as_ref().filter(|_| !self.codes.is_empty()) else {
            return;
        };
        if !backslash && memchr::memchr(b'\n', text).is_none() {
            return;
        }
        let joined = Joined::of(text);
        if joined.breaks.is_empty() {
            return;
        }
        for hit in finder.find_iter(&joined.text) {
            let mark = self.marks[hit.pattern().as_usize()].as_str();
            joined
                .parts(hit.start()..hit.end())
                .into_iter()
                .for_each(|part| found(part, mark));
        }
    }
}

/// A text without the line ends between letters.
struct Joined {
    text: Vec<u8>,
    /// Removed line ends: the position in the joined text, and the position after it in the
    /// original.
    breaks: Vec<(usize, usize)>,
    /// The length of each.
    lengths: Vec<usize>,
}

impl Joined {
    fn of(text: &[u8]) -> Self {
        let mut joined = Self {
            text: Vec::with_capacity(text.len()),
            breaks: Vec::new(),
            lengths: Vec::new(),
        };
        let mut at = 0;
        while let Some(found) = memchr::memchr3(b'\r', b'\n', b'\\', &text[at..]) {
            let from = at + found;
            joined.text.extend_from_slice(&text[at..from]);
            let to = from + line_end(&text[from..]);
            let between = joined.text.last().is_some_and(|b| is_letter(*b))
                && text.get(to).is_some_and(|b| is_letter(*b));
            if to > from && between {
                joined.breaks.push((joined.text.len(), to));
                joined.lengths.push(to - from);
                at = to;
            } else {
                let to = to.max(from + 1);
                joined.text.extend_from_slice(&text[from..to]);
                at = to;
            }
        }
        joined.text.extend_from_slice(&text[at..]);
        joined
    }

    /// The parts of the original that a range of the joined text comes from; none if it has no line
    /// end.
    fn parts(&self, range: Range<usize>) -> Vec<Range<usize>> {
        let first = self
            .breaks
            .partition_point(|(place, _)| *place <= range.start);
        let inside = self.breaks[first..]
            .iter()
            .take_while(|(place, _)| *place < range.end)
            .count();
        if inside == 0 {
            return Vec::new();
        }
        // The original position of a joined one, counted from the last break before it.
        let origin = |place: usize, breaks: usize| match breaks.checked_sub(1) {
            Some(last) => self.breaks[last].1 + (place - self.breaks[last].0),
            // Nothing is removed before the first break.
            None => place,
        };
        let mut parts = Vec::with_capacity(inside + 1);
        let mut from = range.start;
        for at in first..first + inside {
            let (place, behind) = self.breaks[at];
            let start = origin(from, at);
            parts.push(start..behind - self.lengths[at]);
            from = place;
        }
        let start = origin(from, first + inside);
        parts.push(start..start + (range.end - from));
        parts
    }
}

/// The length of the line end at the beginning of `text`, plain or escaped as in JSON, with the
/// indentation of the next line.
fn line_end(text: &[u8]) -> usize {
    let end = [&b"\r\n"[..], b"\n", b"\\r\\n", b"\\n"]
        .into_iter()
        .find(|end| text.starts_with(end));
    let Some(end) = end else { return 0 };
    end.len()
        + text[end.len()..]
            .iter()
            .take_while(|b| matches!(b, b' ' | b'\t'))
            .count()
}

/// Whether a line ends in so many letters that it may be wrapped. `end`: its bytes, the last first.
pub(super) fn ends_in_letters<'b>(end: impl IntoIterator<Item = &'b u8>) -> bool {
    end.into_iter()
        .take_while(|b| is_letter(**b))
        .take(LEAST_RUN)
        .count()
        == LEAST_RUN
}

const fn is_letter(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'-' | b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_end_is_taken_with_the_indentation_after_it() {
        for (text, len) in [
            ("\nx", 1),
            ("\r\n \tx", 4),
            (r"\nx", 2),
            ("\\n\tx", 3),
            (r"\r\n  x", 6),
            ("\r", 0),
            (r"\r", 0),
            (" \n", 0),
            ("x\n", 0),
            ("", 0),
        ] {
            assert_eq!(line_end(text.as_bytes()), len, "{text:?}");
        }
    }

    #[test]
    fn a_wrapped_line_ends_in_many_letters() {
        let ends = |text: &str| ends_in_letters(text.as_bytes().iter().rev());
        assert!(!ends(&"a".repeat(LEAST_RUN - 1)) && ends(&"a".repeat(LEAST_RUN)));
        assert!(ends(&"a".repeat(LEAST_RUN + 1)) && ends("~ABCXYZabcxyz0189+/-_"));
        assert!(!ends(&format!("{}=", "a".repeat(LEAST_RUN))));
        for byte in 0..=255_u8 {
            let letter = byte.is_ascii_alphanumeric() || b"+/-_".contains(&byte);
            assert_eq!(is_letter(byte), letter, "{byte}");
        }
    }

    #[test]
    fn line_ends_between_letters_are_removed() {
        for (text, joined, breaks, lengths) in [
            ("ab\ncd", "abcd", &[(2, 3)][..], &[1][..]),
            ("ab\r\n  cd\\nef", "abcdef", &[(2, 6), (4, 10)], &[4, 2]),
            ("ab \ncd", "ab \ncd", &[], &[]),
            ("ab\n", "ab\n", &[], &[]),
            ("\nab", "\nab", &[], &[]),
            ("ab\n=cd", "ab\n=cd", &[], &[]),
            ("ab\n\ncd", "ab\n\ncd", &[], &[]),
            ("ab\rcd\\ef", "ab\rcd\\ef", &[], &[]),
            ("=\n  ab\ncd", "=\n  abcd", &[(6, 7)], &[1]),
        ] {
            let found = Joined::of(text.as_bytes());
            assert_eq!(found.text, joined.as_bytes(), "{text:?}");
            assert_eq!(
                (&found.breaks[..], &found.lengths[..]),
                (breaks, lengths),
                "{text:?}"
            );
        }
    }

    #[test]
    fn the_parts_of_a_value_are_those_of_each_line() {
        let joined = Joined::of(b"ab\r\n  cd\\nef");
        for (range, parts) in [
            (0..6, &[0..2, 6..8, 10..12][..]),
            (0..4, &[0..2, 6..8]),
            (0..3, &[0..2, 6..7]),
            (1..3, &[1..2, 6..7]),
            (2..6, &[6..8, 10..12]),
            (3..5, &[7..8, 10..11]),
            (0..2, &[]),
            (2..4, &[]),
            (4..6, &[]),
        ] {
            assert_eq!(joined.parts(range.clone()), parts, "{range:?}");
        }
    }

    #[test]
    fn a_value_is_found_across_line_ends_alone() {
        let wrapped = Wrapped::new(vec![
            (b"QUJDREVG".to_vec(), "[one]".to_owned()),
            (b"73333363".to_vec(), "[two]".to_owned()),
        ]);
        let found = |text: &str, backslash| {
            let mut parts = Vec::new();
            wrapped.search(text.as_bytes(), backslash, &mut |part, mark| {
                parts.push((part.start, part.end, mark.to_owned()));
            });
            parts
        };
        let part = |from, to, mark: &str| (from, to, mark.to_owned());
        assert_eq!(
            found("aQUJD\nREVGa 7333\n3363", false),
            [
                part(1, 5, "[one]"),
                part(6, 10, "[one]"),
                part(12, 16, "[two]"),
                part(17, 21, "[two]")
            ]
        );
        assert_eq!(found("QUJDREVG\nab", false), []);
        assert_eq!(found("QUJDREVG", true), []);
        assert_eq!(found(r"QUJD\nREVG", false), []);
        assert_eq!(
            found(r"QUJD\nREVG", true),
            [part(0, 4, "[one]"), part(6, 10, "[one]")]
        );
        let mut none = 0;
        Wrapped::default().search(b"QUJD\nREVG", true, &mut |_, _| none += 1);
        assert_eq!(none, 0);
    }

    #[test]
    fn a_value_goes_on_that_is_not_whole_at_the_end_of_a_wrapped_line() {
        let code = "QUJDREVGRw1234ABCDEFGHIJ";
        let wrapped = Wrapped::new(vec![(code.as_bytes().to_vec(), String::new())]);
        let filled = |n: usize, end: usize| format!("{}{}", "x".repeat(n), &code[..end]);
        for (lines, goes_on) in [
            (filled(16, START), true),
            (filled(15, START), false),
            (filled(17, START - 1), false),
            (filled(100, START), true),
            (filled(9, code.len() - 1), true),
            (filled(0, code.len() - 1), true),
            (filled(9, code.len()), false),
            (filled(16, START) + "=", false),
            (filled(16, START) + "y", false),
            (filled(16, START) + "\n", false),
            ("QU\nJDREVGRw1234ABCDEFGHI".to_owned(), true),
            (format!("=\n{}", filled(16, START)), true),
            (code[1..].to_owned(), false),
            (String::new(), false),
        ] {
            assert_eq!(wrapped.goes_on(lines.as_bytes()), goes_on, "{lines:?}");
        }
        assert!(!Wrapped::default().goes_on(filled(16, START).as_bytes()));
    }
}
