//! Phrases of the lexicon and of runbooks: `roll_out|push`, `how is * doing`, `scale {service} to
//! {n}`.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Range;

/// Most words a gap matches: enough for any typed list, and it bounds the work.
const LONGEST_GAP: usize = 16;

/// One piece of a phrase.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Element {
    Word(String),
    /// `#`: digits or a number word.
    Number,
    /// `@state`: up, down, healthy …
    State,
    /// `@severity`: sev1 …
    Severity,
    /// `*`: one or more words.
    Gap,
    /// `{name}`: one or more words, kept.
    Capture(String),
}

/// A phrase without alternatives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pattern {
    pub elements: Vec<Element>,
    /// Number of required words; the phrase with the most wins.
    pub literals: usize,
}

/// A match of a phrase.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Match {
    /// Positions of the words of the phrase itself.
    pub used: Vec<usize>,
    pub end: usize,
    pub literals: usize,
    pub gaps: usize,
    pub captures: Vec<(String, Range<usize>)>,
}

/// The words a phrase is matched against.
pub(super) trait Words {
    /// The folded word; empty for values.
    fn key(&self, at: usize) -> &str;
    /// No phrase may start here or end before here.
    fn glued(&self, _at: usize) -> bool {
        false
    }
    /// Part of a longer name: no word of a phrase.
    fn blocked(&self, _at: usize) -> bool {
        false
    }
    fn is_number(&self, _at: usize) -> bool {
        false
    }
    fn is_state(&self, _at: usize) -> bool {
        false
    }
    fn is_severity(&self, _at: usize) -> bool {
        false
    }
    /// Words a phrase may be interrupted by: articles and the like.
    fn skippable(&self, _at: usize) -> bool {
        false
    }
}

/// Writes out the alternatives and options of a phrase.
pub(super) fn expand(phrase: &str, split: impl Fn(&str) -> Vec<String>) -> Vec<Pattern> {
    let mut all: Vec<Vec<Element>> = vec![Vec::new()];
    for piece in phrase.split_whitespace() {
        let (piece, optional) = piece
            .strip_prefix('[')
            .and_then(|p| p.strip_suffix(']'))
            .map_or((piece, false), |p| (p, true));
        let mut next = if optional { all.clone() } else { Vec::new() };
        for choice in piece.split('|') {
            let tail = elements(choice, &split);
            next.extend(
                all.iter()
                    .map(|head| head.iter().chain(&tail).cloned().collect()),
            );
        }
        all = next;
    }
    all.into_iter()
        .filter(|e| !e.is_empty())
        .map(Pattern::new)
        .collect()
}

fn elements(choice: &str, split: &impl Fn(&str) -> Vec<String>) -> Vec<Element> {
    match choice {
        "*" => vec![Element::Gap],
        "#" => vec![Element::Number],
        "@state" => vec![Element::State],
        "@severity" => vec![Element::Severity],
        _ => match choice.strip_prefix('{').and_then(|c| c.strip_suffix('}')) {
            Some(name) => vec![Element::Capture(name.to_owned())],
            None => choice
                .split('_')
                .flat_map(split)
                .map(Element::Word)
                .collect(),
        },
    }
}

impl Pattern {
    fn new(elements: Vec<Element>) -> Self {
        let literals = elements
            .iter()
            .filter(|e| !matches!(e, Element::Gap | Element::Capture(_)))
            .count();
        Self { elements, literals }
    }

    /// The phrase as plain words, when it has neither gaps nor classes.
    pub fn plain(&self) -> Option<String> {
        let words: Option<Vec<&str>> = self
            .elements
            .iter()
            .map(|e| {
                if let Element::Word(w) = e {
                    Some(w.as_str())
                } else {
                    None
                }
            })
            .collect();
        words.map(|w| w.join(" "))
    }

    pub fn match_at(&self, words: &impl Words, at: usize, end: usize) -> Option<Match> {
        if at >= end || words.glued(at) {
            return None;
        }
        let mut found = Match {
            used: Vec::new(),
            end: at,
            literals: self.literals,
            gaps: 0,
            captures: Vec::new(),
        };
        step(&self.elements, words, at, end, &mut found).then_some(found)
    }
}

/// Matches the elements from `at` on; backs out of a wrong choice.
fn step(
    elements: &[Element],
    words: &impl Words,
    at: usize,
    end: usize,
    found: &mut Match,
) -> bool {
    let Some((element, rest)) = elements.split_first() else {
        let whole = at >= end || !words.glued(at);
        found.end = at;
        return whole;
    };
    match element {
        Element::Gap => (at + 1..=end.min(at + LONGEST_GAP)).any(|next| {
            found.gaps += 1;
            let ok = !(next < end && words.glued(next)) && step(rest, words, next, end, found);
            found.gaps -= usize::from(!ok);
            ok
        }),
        Element::Capture(name) => (at + 1..=end.min(at + LONGEST_GAP)).any(|next| {
            found.captures.push((name.clone(), at..next));
            let ok = step(rest, words, next, end, found);
            if !ok {
                found.captures.pop();
            }
            ok
        }),
        _ => {
            let mut pos = at;
            // Articles between the words of a phrase, never before its first.
            while pos < end
                && !fits(element, words, pos)
                && !found.used.is_empty()
                && words.skippable(pos)
            {
                pos += 1;
            }
            if pos >= end || !fits(element, words, pos) {
                return false;
            }
            // Numbers and severities stay for the slots.
            let spent = !matches!(element, Element::Number | Element::Severity);
            if spent {
                found.used.push(pos);
            }
            let ok = step(rest, words, pos + 1, end, found);
            if spent && !ok {
                found.used.pop();
            }
            ok
        }
    }
}

fn fits(element: &Element, words: &impl Words, at: usize) -> bool {
    if words.blocked(at) {
        return false;
    }
    match element {
        Element::Word(word) => words.key(at) == word,
        Element::Number => words.is_number(at),
        Element::State => words.is_state(at),
        Element::Severity => words.is_severity(at),
        Element::Gap | Element::Capture(_) => true,
    }
}

/// Phrases found by their first word.
#[derive(Debug, Clone)]
pub(super) struct PatternSet<T> {
    /// Ordered, so that everything built by iterating over it is deterministic.
    by_word: BTreeMap<String, Vec<(Pattern, T)>>,
    /// Those that start with a class or a gap.
    others: Vec<(Pattern, T)>,
}

impl<T> Default for PatternSet<T> {
    fn default() -> Self {
        Self {
            by_word: BTreeMap::new(),
            others: Vec::new(),
        }
    }
}

impl<T: Clone> PatternSet<T> {
    pub fn insert(&mut self, pattern: Pattern, what: T) {
        match pattern.elements.first() {
            Some(Element::Word(word)) => self
                .by_word
                .entry(word.clone())
                .or_default()
                .push((pattern, what)),
            _ => self.others.push((pattern, what)),
        }
    }

    /// Every phrase that starts at `at`.
    pub fn at(&self, words: &impl Words, at: usize, end: usize) -> Vec<(Match, T)> {
        if at >= end {
            return Vec::new();
        }
        let near = self
            .by_word
            .get(words.key(at))
            .map_or(&[][..], Vec::as_slice);
        near.iter()
            .chain(&self.others)
            .filter_map(|(p, what)| p.match_at(words, at, end).map(|m| (m, what.clone())))
            .collect()
    }

    pub fn iter(&self) -> impl Iterator<Item = &(Pattern, T)> {
        self.by_word.values().flatten().chain(&self.others)
    }
}

/// Fixed phrases, found by all their words.
#[derive(Debug, Clone, Default)]
pub(super) struct PhraseSet {
    phrases: BTreeSet<String>,
    longest: HashMap<String, usize>,
}

impl PhraseSet {
    pub fn insert(&mut self, words: &[String]) {
        if let Some(first) = words.first() {
            let longest = self.longest.entry(first.clone()).or_default();
            *longest = (*longest).max(words.len());
            self.phrases.insert(words.join(" "));
        }
    }

    pub fn contains(&self, word: &str) -> bool {
        self.phrases.contains(word)
    }

    /// Length in words of the longest phrase at `at`.
    pub fn longest_at(&self, words: &impl Words, at: usize, end: usize) -> Option<usize> {
        if at >= end || words.glued(at) {
            return None;
        }
        let most = (*self.longest.get(words.key(at))?).min(end - at);
        (1..=most).rev().find(|&n| {
            let free = (at..at + n).all(|i| !words.blocked(i) && !words.key(i).is_empty());
            let whole = at + n >= end || !words.glued(at + n);
            free && whole && self.phrases.contains(&join(words, at, n))
        })
    }

    pub fn iter(&self) -> impl Iterator<Item = &String> {
        self.phrases.iter()
    }
}

/// The words from `at` on, with spaces between.
pub(super) fn join(words: &impl Words, at: usize, n: usize) -> String {
    let mut out = String::new();
    for i in at..at + n {
        if i > at {
            out.push(' ');
        }
        out.push_str(words.key(i));
    }
    out
}
