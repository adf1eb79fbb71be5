//! Values in letters (base64, hexadecimal) that a program has wrapped over lines: they stand nowhere in one piece.

use std::collections::HashMap;
use std::ops::Range;

use aho_corasick::AhoCorasick;

/// A line that ends with fewer letters than this is no wrapped line.
const LEAST_RUN: usize = 20;
/// So many letters of a value at the end of a line, and its beginning is recognised; fewer could be anything.
const START: usize = 4;

/// Finds encoded values across line ends.
#[derive(Debug, Clone, Default)]
pub(super) struct Wrapped {
    pub(super) finder: Option<AhoCorasick>,
    /// Whole, and without a few letters that may stand on a line before.
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
        Self { finder, codes, marks, starts, longest }
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
            let begun = start.and_then(|start| self.starts.get(start)).into_iter().flatten();
            begun.into_iter().any(|which| {
                let code = &self.codes[*which];
                code.len() > rest.len() && code.starts_with(rest)
            })
        })
    }

    /// Hands on the parts of values that go over line ends, in order, and what replaces them. `backslash`: line ends may also
    /// be written as JSON does.
    pub(super) fn search<'w>(&'w self, text: &[u8], backslash: bool, found: &mut dyn FnMut(Range<usize>, &'w str)) {
        let Some(finder) = self.finder.as_ref().filter(|_| !self.codes.is_empty()) else { return };
        if !backslash && memchr::memchr(b'\n', text).is_none() {
            return;
        }
        let joined = Joined::of(text);
        if joined.breaks.is_empty() {
            return;
        }
        for hit in finder.find_iter(&joined.text) {
            let mark = self.marks[hit.pattern().as_usize()].as_str();
            joined.parts(hit.start()..hit.end()).into_iter().for_each(|part| found(part, mark));
        }
    }
}

/// A text without the line ends that stand between letters.
struct Joined {
    text: Vec<u8>,
    /// Where a line end was taken out: the place in the joined text, and the place behind it in the original.
    breaks: Vec<(usize, usize)>,
    /// How long each was.
    lengths: Vec<usize>,
}

impl Joined {
    fn of(text: &[u8]) -> Self {
        let mut joined = Self { text: Vec::with_capacity(text.len()), breaks: Vec::new(), lengths: Vec::new() };
        let mut at = 0;
        while let Some(found) = memchr::memchr3(b'\r', b'\n', b'\\', &text[at..]) {
            let from = at + found;
            joined.text.extend_from_slice(&text[at..from]);
            let to = from + line_end(&text[from..]);
            let between =
                joined.text.last().is_some_and(|b| is_letter(*b)) && text.get(to).is_some_and(|b| is_letter(*b));
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

    /// The parts of the original that a range of the joined text was made of; none when it was in one piece.
    fn parts(&self, range: Range<usize>) -> Vec<Range<usize>> {
        let first = self.breaks.partition_point(|(place, _)| *place <= range.start);
        let inside = self.breaks[first..].iter().take_while(|(place, _)| *place < range.end).count();
        if inside == 0 {
            return Vec::new();
        }
        // The original place of a joined one: behind the last break before it.
        let origin = |place: usize, breaks: usize| match breaks.checked_sub(1) {
            Some(last) => self.breaks[last].1 + (place - self.breaks[last].0),
            // Nothing is taken out before the first break.
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

/// How many bytes the line end at the beginning of `text` has, with the indentation of the next line; as JSON writes it too.
fn line_end(text: &[u8]) -> usize {
    let end = [&b"\r\n"[..], b"\n", b"\\r\\n", b"\\n"].into_iter().find(|end| text.starts_with(end));
    let Some(end) = end else { return 0 };
    end.len() + text[end.len()..].iter().take_while(|b| matches!(b, b' ' | b'\t')).count()
}

/// A line ends in so many letters that it may be a wrapped one.
pub(super) fn ends_in_letters<'b>(end: impl IntoIterator<Item = &'b u8>) -> bool {
    end.into_iter().take_while(|b| is_letter(**b)).take(LEAST_RUN).count() == LEAST_RUN
}

const fn is_letter(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'-' | b'_')
}
