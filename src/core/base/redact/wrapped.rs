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
