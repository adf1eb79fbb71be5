//! Redaction: finds secret values in any text, in the spellings of `spelling.rs`, and replaces them
//! with the secret's name before the text reaches store, screen, log or export.
//!
//! A text is searched as it is, and again with control codes removed (`view.rs`), escapes resolved
//! (`escape.rs`), numbers converted to bytes (`dump.rs`) and line ends removed (`wrapped.rs`).
//! Plain lines are searched once: a fast check shows that they have no other reading.

mod dump;
mod escape;
mod spelling;
mod view;
mod wrapped;

use std::borrow::Cow;
use std::collections::HashSet;
use std::ops::Range;

use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};

use self::escape::Kinds;
use self::view::ViewSource;
use self::wrapped::Wrapped;

/// Shorter values are not searched, because half the log would match. They are refused as secrets
/// instead.
pub const MIN_LEN: usize = 6;
/// Replaces a text that cannot be searched.
const NOT_SEARCHED: &str = "[not shown: it could not be searched for secrets]";
/// Up to this many first letters of a value may be on the line before, where they are too few to be
/// recognised.
const BEFORE: usize = 3;
/// Nested escapes are resolved up to this depth.
const DEPTH: usize = 3;
/// A longer text is decoded in pieces of this size: decoding takes nine bytes of memory per byte of
/// text.
const PIECE: usize = 1024 * 1024;
/// Codes and escapes make a value at most this many times as long in the output of programs.
const WIDEST: usize = 16;

/// At least this many bytes of a dump may be held back.
const LEAST_HELD: usize = 4096;

/// Finds and replaces the values of some secrets. Cheap to use, not to build.
#[derive(Debug, Clone, Default)]
pub struct Redactor {
    finder: Option<AhoCorasick>,
    /// For each pattern, what replaces it.
    marks: Vec<String>,
    longest: usize,
    wrapped: Wrapped,
    /// The values themselves.
    values: Vec<Vec<u8>>,
    /// Whether a value holds a space, which forms write as `+`.
    has_space: bool,
}

/// A part of a text, and what replaces it.
type Part<'m> = (Range<usize>, &'m str);

impl Redactor {
    /// A redactor for these (name, value) pairs. Values shorter than [`MIN_LEN`] are skipped.
    #[must_use]
    pub fn new<'a>(secrets: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let mut patterns: Vec<Vec<u8>> = Vec::new();
        let mut marks = Vec::new();
        let mut known = HashSet::new();
        let mut codes = Vec::new();
        let mut values = Vec::new();
        let long = secrets
            .into_iter()
            .filter(|(_, value)| value.len() >= MIN_LEN);
        for (name, value) in long {
            let mark = format!("[secret {name}]");
            let whole = spelling::codes(value.as_bytes());
            // Also without the first letters, which may be on the line before.
            let rests = (0..=BEFORE).flat_map(|n| {
                whole
                    .iter()
                    .filter_map(move |code| code.get(n..))
                    .map(<[u8]>::to_vec)
            });
            let letters: Vec<Vec<u8>> = rests.filter(|rest| rest.len() >= MIN_LEN).collect();
            codes.extend(letters.iter().map(|code| (code.clone(), mark.clone())));
            for form in spelling::forms(value).into_iter().chain(letters) {
                if form.len() >= MIN_LEN && known.insert(form.clone()) {
                    patterns.push(form);
                    marks.push(mark.clone());
                }
            }
            values.push(value.as_bytes().to_vec());
        }
        if patterns.is_empty() {
            return Self::default();
        }
        let longest = patterns.iter().map(Vec::len).max().unwrap_or(0);
        let has_space = values.iter().any(|value| value.contains(&b' '));
        Self {
            finder: finder(&patterns),
            marks,
            longest,
            wrapped: Wrapped::new(codes),
            values,
            has_space,
        }
    }

    /// Whether there are no values to look for.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.marks.is_empty()
    }

    /// The most bytes a value takes with codes and escapes: a cut text must hold back this much to
    /// find a value across the cut.
    #[must_use]
    pub const fn longest(&self) -> usize {
        self.longest * WIDEST
    }

    /// Whether the text holds any of the values (or cannot be searched).
    #[must_use]
    pub fn finds(&self, text: &str) -> bool {
        self.finds_in(text.as_bytes())
    }

    fn finds_in(&self, text: &[u8]) -> bool {
        let Some(finder) = &self.finder else {
            return !self.is_empty();
        };
        finder.is_match(text) || {
            let mut found = Vec::new();
            self.read_again(text, &mut found);
            !found.is_empty()
        }
    }

    /// Whether a line (or several, joined by `\n`) seems to end inside an encoded value: then it
    /// can only be searched together with the next line.
    #[must_use]
    pub fn goes_on(&self, lines: &[u8]) -> bool {
        if self.is_empty() {
            return false;
        }
        self.wrapped.goes_on(lines)
            || (view::end_has_codes(lines)
                && wrapped::ends_in_letters(&view::end(lines))
                && view::shown(lines)
                    .iter()
                    .any(|view| self.wrapped.goes_on(view.text())))
            || (lines.len() <= self.longest * dump::WIDEST + LEAST_HELD
                && dump::may_go_on(lines)
                && dump::views(lines)
                    .iter()
                    .any(|view| self.ends_within_a_value(view.text())))
    }

    fn ends_within_a_value(&self, bytes: &[u8]) -> bool {
        let begins = |value: &Vec<u8>| {
            (1..value.len().min(bytes.len() + 1)).any(|n| bytes.ends_with(&value[..n]))
        };
        self.values.iter().any(begins)
    }

    /// Where to cut these bytes, at `at` or before it, so that no value is split. They must extend
    /// [`Self::longest`] bytes beyond `at`, or to the end of the text.
    #[must_use]
    pub fn cut_before(&self, bytes: &[u8], at: usize) -> usize {
        if self.is_empty() {
            return at;
        }
        let from = at.saturating_sub(self.longest());
        let window = &bytes[from..bytes.len().min(at + self.longest())];
        let across = self
            .found(window)
            .into_iter()
            .map(|(part, _)| from + part.start..from + part.end)
            .find(|part| part.contains(&at));
        // A value as long as the whole piece has to be cut.
        across
            .map(|part| part.start)
            .filter(|start| *start > 0)
            .unwrap_or(at)
    }

    /// The text with the values replaced.
    #[must_use]
    pub fn redact(&self, text: &str) -> String {
        match self.redact_bytes(text.as_bytes()) {
            Cow::Borrowed(_) => text.to_owned(),
            // Only whole characters were replaced.
            Cow::Owned(clean) => String::from_utf8_lossy(&clean).into_owned(),
        }
    }

    /// [`Self::redact`] for bytes of any kind.
    #[must_use]
    pub fn redact_bytes<'b>(&self, bytes: &'b [u8]) -> Cow<'b, [u8]> {
        if self.finder.is_none() && !self.is_empty() {
            return Cow::Owned(NOT_SEARCHED.as_bytes().to_vec());
        }
        let found = self.found(bytes);
        if found.is_empty() {
            return Cow::Borrowed(bytes);
        }
        let mut clean = Vec::with_capacity(bytes.len());
        let mut at = 0;
        for (part, mark) in found {
            clean.extend_from_slice(&bytes[at..part.start]);
            clean.extend_from_slice(mark.as_bytes());
            at = part.end;
        }
        clean.extend_from_slice(&bytes[at..]);
        Cow::Owned(clean)
    }

    /// The parts of the text that are values, in order, without overlaps.
    fn found(&self, text: &[u8]) -> Vec<Part<'_>> {
        let mut found = Vec::new();
        self.search(ViewSource::new(text), text, &mut found);
        self.read_again(text, &mut found);
        found.sort_by_key(|(part, _)| (part.start, std::cmp::Reverse(part.end)));
        let mut apart: Vec<Part<'_>> = Vec::with_capacity(found.len());
        for (part, mark) in found {
            match apart.last_mut() {
                Some((last, _)) if part.start < last.end => last.end = last.end.max(part.end),
                _ => apart.push((part, mark)),
            }
        }
        apart
    }

    /// Searches every other reading of the text: decoded, unescaped, joined.
    fn read_again<'r>(&'r self, text: &[u8], found: &mut Vec<Part<'r>>) {
        if view::is_plain(text) && !dump::is_dump(text) {
            return;
        }
        if text.len() <= PIECE + self.longest() {
            return self.read_piece(text, 0, found);
        }
        let mut at = 0;
        while at < text.len() {
            // Pieces overlap: a value cut by the end of one is whole in the next.
            let end = text.len().min(at + PIECE + self.longest());
            self.read_piece(&text[at..end], at, found);
            at += PIECE;
        }
    }

    fn read_piece<'r>(&'r self, text: &[u8], at: usize, found: &mut Vec<Part<'r>>) {
        let before = found.len();
        let source = ViewSource::new(text);
        self.read(source, text, found);
        for view in view::shown(text) {
            let shown = view.of(&source);
            self.search(shown, text, found);
            self.read(shown, text, found);
        }
        for (part, _) in &mut found[before..] {
            *part = at + part.start..at + part.end;
        }
    }

    /// Resolves escapes, reads numbers, and joins lines.
    fn read<'r>(&'r self, source: ViewSource<'_>, original: &[u8], found: &mut Vec<Part<'r>>) {
        let kinds = Kinds::of(source.text, self.has_space);
        self.wrapped
            .search(source.text, kinds.has_backslash(), &mut |part, mark| {
                push(source, original, part, mark, found);
            });
        for view in dump::views(source.text) {
            self.search(view.of(&source), original, found);
        }
        if kinds.is_none() {
            return;
        }
        // Each kind by itself, because the others may be letters of the value; then all of them
        // together, because one may hide another.
        let mut mixed = kinds.is_mixed();
        for kind in kinds.each() {
            mixed |= self.read_deeper(source, (kind, Kinds::default()), DEPTH, original, found);
        }
        if mixed {
            self.read_deeper(source, (kinds.plain(), Kinds::ALL), DEPTH, original, found);
        }
    }

    /// Resolves these kinds of escapes, then again those kinds and those of `more` in the result.
    /// Returns whether the result has other kinds.
    fn read_deeper<'r>(
        &'r self,
        source: ViewSource<'_>,
        (kinds, more): (Kinds, Kinds),
        depth: usize,
        original: &[u8],
        found: &mut Vec<Part<'r>>,
    ) -> bool {
        let Some(view) = (depth > 0)
            .then(|| escape::resolved(source.text, kinds))
            .flatten()
        else {
            return false;
        };
        let resolved = view.of(&source);
        self.search_shown(resolved, original, found);
        let next = Kinds::of(resolved.text, false);
        let wanted = next.only(kinds.and(more));
        let other = !kinds.covers(next);
        other
            | (!wanted.is_none()
                && self.read_deeper(resolved, (wanted, more), depth - 1, original, found))
    }

    /// [`Self::search`], with and without the codes that were escaped.
    fn search_shown<'r>(
        &'r self,
        source: ViewSource<'_>,
        original: &[u8],
        found: &mut Vec<Part<'r>>,
    ) {
        self.search(source, original, found);
        for view in view::shown(source.text) {
            self.search(view.of(&source), original, found);
        }
    }

    /// Finds the values in one reading.
    fn search<'r>(&'r self, source: ViewSource<'_>, original: &[u8], found: &mut Vec<Part<'r>>) {
        let Some(finder) = &self.finder else { return };
        for hit in finder.find_iter(source.text) {
            let mark = self.marks[hit.pattern().as_usize()].as_str();
            push(source, original, hit.start()..hit.end(), mark, found);
        }
    }

    /// [`Self::redact`] for every string in a JSON value, and for keys and numbers: a value of
    /// digits may have been parsed as a number.
    pub fn redact_json(&self, json: &mut serde_json::Value) {
        match json {
            serde_json::Value::String(text) => *text = self.redact(text),
            serde_json::Value::Number(number) => {
                let text = number.to_string();
                if self.finds(&text) {
                    *json = serde_json::Value::String(self.redact(&text));
                }
            }
            serde_json::Value::Array(items) => {
                for item in items.iter_mut() {
                    self.redact_json(item);
                }
            }
            serde_json::Value::Object(fields) => {
                let old = std::mem::take(fields);
                for (key, mut value) in old {
                    self.redact_json(&mut value);
                    fields.insert(self.redact(&key), value);
                }
            }
            _ => {}
        }
    }
}

/// Finds the longest match of the patterns. By default the crate builds a table of all states when
/// the patterns are few, however long: 50 MB for one token of 1 KB. This kind takes a fortieth of
/// that and is as fast. `None` only beyond 2^31 states: then [`Redactor::redact`] shows nothing of
/// the text.
fn finder(patterns: &[Vec<u8>]) -> Option<AhoCorasick> {
    let kind = Some(AhoCorasickKind::ContiguousNFA);
    AhoCorasick::builder()
        .kind(kind)
        .match_kind(MatchKind::LeftmostLongest)
        .build(patterns)
        .ok()
}

/// Adds the parts of the original that a range of a reading comes from, one per line.
fn push<'r>(
    source: ViewSource<'_>,
    original: &[u8],
    range: Range<usize>,
    mark: &'r str,
    found: &mut Vec<Part<'r>>,
) {
    if source.is_original() {
        return found.push((range, mark));
    }
    let mut part: Option<Range<usize>> = None;
    for at in range {
        let place = source.place(at..at + 1);
        match &mut part {
            Some(last) if !original[last.end.min(place.start)..place.start].contains(&b'\n') => {
                last.end = last.end.max(place.end);
            }
            _ => found.extend(part.replace(place).map(|part| (part, mark))),
        }
    }
    found.extend(part.map(|part| (part, mark)));
}

#[cfg(test)]
mod tests;
