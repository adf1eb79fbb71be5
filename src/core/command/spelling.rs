//! Misspelt words: similar known words, and the corrected text.

use std::collections::HashSet;
use std::ops::Range;

use super::fuzzy::{Known, Near};
use super::lexer::{Gap, Kind, Text};
use super::names::Name;
use super::normalize::clean;
use super::pattern::{Words, join};
use super::reading::{Mark, Reading};

/// Most words checked in one text; a command with more unknown ones is not a typo.
const MOST: usize = 24;
/// Longest name compared, in words.
const WIDEST: usize = 4;

/// Words that are near known ones.
#[derive(Debug, Clone)]
pub(super) struct Suspect {
    /// Tokens of the text.
    pub tokens: Range<usize>,
    /// All at the same distance.
    pub near: Vec<Near>,
}

impl Suspect {
    /// Whether it may be a verb that changes something.
    pub fn may_mutate(&self) -> bool {
        self.near.iter().any(|n| n.what == Known::Verb(true))
    }

    /// Whether a candidate is a verb or a name; small words are only used for corrections.
    pub fn is_worth_suggesting(&self) -> bool {
        self.near.iter().any(|n| n.what != Known::Word)
    }

    pub fn worth_suggesting(mut self) -> Option<Self> {
        self.near.retain(|n| n.what != Known::Word);
        (!self.near.is_empty()).then_some(self)
    }

    /// Letters typed.
    pub fn letters(&self, text: &Text) -> usize {
        text.tokens[self.tokens.clone()]
            .iter()
            .map(|t| t.raw.chars().count())
            .sum()
    }

    /// The correction, when all candidates agree.
    pub fn single(&self) -> Option<&Near> {
        let mut shown: Vec<&str> = self.near.iter().map(|n| n.show.as_str()).collect();
        shown.dedup();
        if shown.len() == 1 {
            self.near.first()
        } else {
            None
        }
    }
}

/// The suspects among the unread words of a link; only candidates that are `wanted`, read-only ones
/// first.
pub(super) fn suspects(
    r: &Reading<'_>,
    words: &Range<usize>,
    wanted: impl Fn(Known) -> bool,
) -> Vec<Suspect> {
    let mut found: Vec<(Range<usize>, Suspect)> = Vec::new();
    let unread = words
        .clone()
        .filter(|&i| r.marks[i] == Mark::Free && r.text.is_word(i))
        .take(MOST);
    for at in unread {
        let named = || r.catalogue.written_names.holds(&r.text.token(at).raw);
        let known = r.spans.at(at).is_some() || r.lexicon.knows(r.key(at)) || named();
        if known || found.iter().any(|(range, _)| range.contains(&at)) {
            continue;
        }
        if let Some((range, mut near)) = best_window(r, words, at) {
            near.retain(|n| wanted(n.what));
            let typed = range
                .clone()
                .map(|i| r.key(i).chars().count())
                .sum::<usize>()
                + range.len()
                - 1;
            near.sort_by_key(|n| {
                (
                    n.what == Known::Verb(true),
                    n.key.chars().count().abs_diff(typed),
                )
            });
            narrow(r, &join(r, range.start, range.len()), &mut near);
            if near.is_empty() {
                continue;
            }
            let tokens = r.text.words[range.start].token..r.text.words[range.end - 1].token + 1;
            found.push((range, Suspect { tokens, near }));
        }
    }
    found.into_iter().map(|(_, s)| s).collect()
}

/// Drops redundant candidates: of names for the same object ("prod", "production") only the best
/// one stays, and exchanged letters ("prdo") are more likely than a missing one ("prd"). Changing
/// verbs stay: they forbid a correction.
fn narrow(r: &Reading<'_>, typed: &str, near: &mut Vec<Near>) {
    if near.iter().any(|n| n.is_exchange_of(typed)) {
        near.retain(|n| n.what == Known::Verb(true) || n.is_exchange_of(typed));
    }
    let mut seen: Vec<&[Name]> = Vec::new();
    near.retain(|n| {
        let means = r.catalogue.names.get(&n.key);
        let again = n.what == Known::Name && !means.is_empty() && seen.contains(&means);
        seen.push(means);
        !again
    });
}

/// The nearest known words for the word at `at`, alone or with its neighbours; the longer window
/// wins a tie.
fn best_window(
    r: &Reading<'_>,
    words: &Range<usize>,
    at: usize,
) -> Option<(Range<usize>, Vec<Near>)> {
    let mut best: Option<(Range<usize>, Vec<Near>)> = None;
    for size in 1..=WIDEST {
        let first = at.saturating_sub(size - 1).max(words.start);
        for start in first..=at {
            let window = start..start + size;
            if window.end > words.end || !usable(r, &window) {
                continue;
            }
            let key = join(r, start, size);
            let near = r.catalogue.near.nearest(&key);
            let Some(distance) = near.first().map(|n| n.distance) else {
                continue;
            };
            if best
                .as_ref()
                .is_none_or(|(_, b)| distance <= b.first().map_or(usize::MAX, |n| n.distance))
            {
                best = Some((window, near));
            }
        }
    }
    best
}

fn usable(r: &Reading<'_>, window: &Range<usize>) -> bool {
    let plain = window.clone().all(|i| r.text.is_word(i) && !r.blocked(i));
    let together = window.clone().skip(1).all(|i| r.text.gap(i) == Gap::Space);
    let whole =
        !r.glued(window.start) && (window.end >= r.text.words.len() || !r.glued(window.end));
    plain && together && whole
}

/// The text with each suspect replaced; the `choice`-th candidate for the first one that has
/// several.
pub(super) fn replaced(text: &Text, suspects: &[Suspect], choice: usize) -> String {
    let mut out = String::with_capacity(text.src.len());
    let mut at = 0;
    for suspect in suspects {
        let near = &suspect.near[choice.min(suspect.near.len() - 1)];
        let (start, end) = (
            text.tokens[suspect.tokens.start].start,
            text.tokens[suspect.tokens.end - 1].end,
        );
        out.push_str(&text.src[at..start]);
        out.push_str(&near.show);
        at = end;
    }
    out.push_str(&text.src[at..]);
    let cleaned = clean(&out);
    cleaned.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Up to three texts with the suspects replaced, best first.
pub(super) fn suggestions(text: &Text, suspects: &[Suspect]) -> Vec<String> {
    let most = suspects
        .iter()
        .map(|s| s.near.len())
        .max()
        .unwrap_or(0)
        .min(3);
    let mut seen = HashSet::new();
    (0..most)
        .map(|choice| replaced(text, suspects, choice))
        .filter(|s| seen.insert(s.clone()))
        .collect()
}

/// The typed and the corrected words; only the differing word when both have as many.
pub(super) fn correction(text: &Text, suspect: &Suspect, near: &Near) -> (String, String) {
    let typed: Vec<&str> = text.tokens[suspect.tokens.clone()]
        .iter()
        .filter(|t| t.kind == Kind::Word)
        .map(|t| t.raw.as_str())
        .collect();
    let read: Vec<&str> = near.show.split(' ').collect();
    if typed.len() == read.len() && typed.len() > 1 {
        let differing: Vec<(&&str, &&str)> = typed
            .iter()
            .zip(&read)
            .filter(|(a, b)| !a.eq_ignore_ascii_case(b))
            .collect();
        if let [(from, to)] = differing.as_slice() {
            return ((**from).to_owned(), (**to).to_owned());
        }
    }
    (typed.join(" "), near.show.clone())
}
