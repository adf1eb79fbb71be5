//! Secret values never leave: found in any text, in the spellings of `spelling.rs`, and replaced by the secret's name before the
//! text reaches store, screen, log or export. A text is searched as it came, and as it reads once codes are taken out
//! (`view.rs`), escapes are resolved (`escape.rs`), numbers are bytes again (`dump.rs`) and line ends are gone (`wrapped.rs`).
//! Plain lines are searched once: one look tells that there is nothing to read in another way.

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
use self::view::Source;
use self::wrapped::Wrapped;

/// Values shorter than this are not looked for: they would mark half the log. They are refused as secrets instead.
pub const MIN_LEN: usize = 6;
/// In place of what cannot be searched.
const NOT_SEARCHED: &str = "[not shown: it could not be searched for secrets]";
/// So many of the first letters may stand on a line before, where nobody could know yet what they begin.
const BEFORE: usize = 3;
/// Escapes of escapes are resolved so often.
const DEPTH: usize = 3;
/// A longer text is read again in pieces of this size: a reading takes nine bytes for each of its own.
const PIECE: usize = 1024 * 1024;
/// Codes and escapes may make a value so many times as long, in all that programs print.
const WIDEST: usize = 16;

/// So much of a dump is held at least.
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
    /// A value holds a space, which forms write as `+`.
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
        for (name, value) in secrets {
            let mark = format!("[secret {name}]");
            let whole = spelling::codes(value.as_bytes());
            // Also without the first letters, which may stand on a line before.
            let rests =
                (0..=BEFORE).flat_map(|n| whole.iter().filter_map(move |code| code.get(n..)).map(<[u8]>::to_vec));
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
        values.retain(|value| value.len() >= MIN_LEN);
        let longest = patterns.iter().map(Vec::len).max().unwrap_or(0);
        let has_space = values.iter().any(|value| value.contains(&b' '));
        Self { finder: finder(&patterns), marks, longest, wrapped: Wrapped::new(codes), values, has_space }
    }

    /// Nothing to look for.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.marks.is_empty()
    }

    /// The most bytes a value takes with codes and escapes: how much of a cut text must be kept back to see a value across
    /// the cut.
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
        let Some(finder) = &self.finder else { return !self.is_empty() };
        finder.is_match(text) || {
            let mut found = Vec::new();
            self.read_again(text, &mut found);
            !found.is_empty()
        }
    }

    /// Whether a line (or several, joined by `\n`) ends within the beginning of an encoded value, as far as can be told:
    /// then only together with the next line can it be searched.
    #[must_use]
    pub fn goes_on(&self, lines: &[u8]) -> bool {
        if self.is_empty() {
            return false;
        }
        self.wrapped.goes_on(lines)
            || (view::end_has_codes(lines)
                && wrapped::ends_in_letters(&view::end(lines))
                && view::shown(lines).iter().any(|view| self.wrapped.goes_on(view.text())))
            || (lines.len() <= self.longest * dump::WIDEST + LEAST_HELD
                && dump::may_go_on(lines)
                && dump::views(lines).iter().any(|view| self.ends_within_a_value(view.text())))
    }

    fn ends_within_a_value(&self, bytes: &[u8]) -> bool {
        let begins = |value: &Vec<u8>| (1..value.len().min(bytes.len() + 1)).any(|n| bytes.ends_with(&value[..n]));
        self.values.iter().any(begins)
    }

    /// Where to cut these bytes, at `at` or before it, so that no value is cut in two. What follows must hold
    /// [`Self::longest`] bytes more than `at`, or be all there is.
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
        // A value as long as the piece has to be cut: then somewhere, rather than nowhere.
        across.map(|part| part.start).filter(|start| *start > 0).unwrap_or(at)
    }

    /// The text without the values.
    #[must_use]
    pub fn redact(&self, text: &str) -> String {
        match self.redact_bytes(text.as_bytes()) {
            Cow::Borrowed(_) => text.to_owned(),
            // Only whole characters were taken out.
            Cow::Owned(clean) => String::from_utf8_lossy(&clean).into_owned(),
        }
    }

    /// The same for contents of any kind.
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

    /// The parts of the text that are values, in order, none within another.
    fn found(&self, text: &[u8]) -> Vec<Part<'_>> {
        let mut found = Vec::new();
        self.search(Source::new(text), text, &mut found);
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

    /// Looks at the text in every other way it can be read.
    fn read_again<'r>(&'r self, text: &[u8], found: &mut Vec<Part<'r>>) {
        if view::is_plain(text) && !dump::is_dump(text) {
            return;
        }
        if text.len() <= PIECE + self.longest() {
            return self.read_piece(text, 0, found);
        }
        let mut at = 0;
        while at < text.len() {
            // Pieces lie over each other: what is cut by the end of one is whole in the next.
            let end = text.len().min(at + PIECE + self.longest());
            self.read_piece(&text[at..end], at, found);
            at += PIECE;
        }
    }

    fn read_piece<'r>(&'r self, text: &[u8], at: usize, found: &mut Vec<Part<'r>>) {
        let before = found.len();
        let source = Source::new(text);
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
    fn read<'r>(&'r self, source: Source<'_>, original: &[u8], found: &mut Vec<Part<'r>>) {
        let kinds = Kinds::of(source.text, self.has_space);
        self.wrapped.search(source.text, kinds.has_backslash(), &mut |part, mark| {
            push(source, original, part, mark, found);
        });
        for view in dump::views(source.text) {
            self.search(view.of(&source), original, found);
        }
        if kinds.is_none() {
            return;
        }
        // Each kind by itself, for the others may be letters of the value; then all of them, also where one hides another.
        let mut mixed = kinds.is_mixed();
        for kind in kinds.each() {
            mixed |= self.read_deeper(source, (kind, Kinds::default()), DEPTH, original, found);
        }
        if mixed {
            self.read_deeper(source, (kinds.plain(), Kinds::ALL), DEPTH, original, found);
        }
    }

    /// Resolves these kinds of escapes, and again what that brings to light: them, and those of `more`. Whether there were
    /// others.
    fn read_deeper<'r>(
        &'r self,
        source: Source<'_>,
        (kinds, more): (Kinds, Kinds),
        depth: usize,
        original: &[u8],
        found: &mut Vec<Part<'r>>,
    ) -> bool {
        let Some(view) = (depth > 0).then(|| escape::resolved(source.text, kinds)).flatten() else { return false };
        let resolved = view.of(&source);
        self.search_shown(resolved, original, found);
        let next = Kinds::of(resolved.text, false);
        let wanted = next.only(kinds.and(more));
        let other = !kinds.covers(next);
        other | (!wanted.is_none() && self.read_deeper(resolved, (wanted, more), depth - 1, original, found))
    }

    /// [`Self::search`], with and without the codes that were escaped.
    fn search_shown<'r>(&'r self, source: Source<'_>, original: &[u8], found: &mut Vec<Part<'r>>) {
        self.search(source, original, found);
        for view in view::shown(source.text) {
            self.search(view.of(&source), original, found);
        }
    }

    /// Finds the values in one reading.
    fn search<'r>(&'r self, source: Source<'_>, original: &[u8], found: &mut Vec<Part<'r>>) {
        let Some(finder) = &self.finder else { return };
        for hit in finder.find_iter(source.text) {
            let mark = self.marks[hit.pattern().as_usize()].as_str();
            push(source, original, hit.start()..hit.end(), mark, found);
        }
    }

    /// The same for every string inside a JSON value, keys and numbers too: a value of digits may have been read as one.
    pub fn redact_json(&self, json: &mut serde_json::Value) {
        match json {
            serde_json::Value::String(text) => *text = self.redact(text),
            serde_json::Value::Number(number) => {
                let text = number.to_string();
                if self.finds(&text) {
                    *json = serde_json::Value::String(self.redact(&text));
                }
            }
            serde_json::Value::Array(items) => items.iter_mut().for_each(|item| self.redact_json(item)),
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

/// Finds the longest of the patterns. Left to itself the crate would build a table of all states for few patterns, however
/// long: 50 MB for one token of 1 KB. This kind takes a fortieth of that and finds as fast.
/// `None` only beyond 2^31 states: then nothing may pass at all, which [`Redactor::redact`] sees to.
fn finder(patterns: &[Vec<u8>]) -> Option<AhoCorasick> {
    let kind = Some(AhoCorasickKind::ContiguousNFA);
    AhoCorasick::builder().kind(kind).match_kind(MatchKind::LeftmostLongest).build(patterns).ok()
}

/// Adds what bytes of a reading stand for in the original, a part for each line.
fn push<'r>(source: Source<'_>, original: &[u8], range: Range<usize>, mark: &'r str, found: &mut Vec<Part<'r>>) {
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
