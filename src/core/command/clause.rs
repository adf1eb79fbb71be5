//! Chains: where one command ends and the next begins.

use std::ops::Range;

use super::Catalogue;
use super::condition;
use super::intent::{Free, SHOW_RUN};
use super::lexer::{Gap, Kind, Text};
use super::lexicon::Lexicon;
use super::pattern::Words;
use super::reading::{Reading, Spans};
use super::verb;

/// The links of a command, and whether it ends in the middle of a chain ("deploy staging then").
pub(super) fn split(
    text: &Text,
    catalogue: &Catalogue,
    lexicon: &'static Lexicon,
    spans: &Spans,
) -> (Vec<Range<usize>>, bool) {
    let all = 0..text.words.len();
    let reading = Reading::new(text, catalogue, lexicon, spans, all.clone());
    let mut splitter = Splitter {
        r: reading,
        links: Vec::new(),
        start: 0,
        verb: Cached::Unknown,
        dangling: false,
    };
    let mut at = 0;
    while at < all.end {
        at = splitter.next(at);
    }
    splitter.cut(all.end, all.end);
    (splitter.links, splitter.dangling)
}

/// Finding the verb is the expensive part; it is done once per link.
#[derive(Debug, Clone, Copy)]
enum Cached {
    Unknown,
    Known(Option<Opening>),
}

/// The verb of the link being collected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Opening {
    /// Position of its first word.
    at: usize,
    /// Its free text, if it takes any.
    free: Option<Free>,
}

struct Splitter<'a> {
    r: Reading<'a>,
    links: Vec<Range<usize>>,
    start: usize,
    /// Cached for the current `start`.
    verb: Cached,
    dangling: bool,
}

impl Splitter<'_> {
    /// Processes one word; returns where to continue.
    fn next(&mut self, at: usize) -> usize {
        let gap = self.r.text.gap(at);
        if gap == Gap::Hard && at > self.start {
            self.cut(at, at);
        }
        if self.r.blocked(at) || !self.r.text.is_word(at) {
            return at + 1;
        }
        if at > self.start && gap >= Gap::Comma && self.has_verb(at) && self.splits_before(at) {
            self.cut(at, at);
            return at + 1;
        }
        let lexicon = self.r.lexicon;
        if let Some(n) = self.r.phrase(&lexicon.chains, at) {
            let kept = match self.text_until(at) {
                None => self.closes_condition(at),
                Some(Free::Text(_)) => !verb::opens_with_verb(&self.r, at + n),
                Some(_) => true,
            };
            if kept {
                return at + n;
            }
            self.dangling = at + n >= self.r.words.end;
            self.cut(at, at + n);
            return at + n;
        }
        if let Some(n) = self.r.phrase(&lexicon.soft_chains, at)
            && at > self.start
            && self.has_verb(at)
            && self.splits_before(at + n)
        {
            self.cut(at, at + n);
            return at + n;
        }
        at + 1
    }

    /// "compare run 41 and run 42" is one command.
    fn splits_before(&self, at: usize) -> bool {
        let hit = verb::opening(&self.r, at);
        hit.is_some_and(|(_, h)| !h.noun && !h.intents.iter().all(|i| *i == SHOW_RUN))
    }

    fn cut(&mut self, end: usize, next: usize) {
        if self.start < end {
            self.links.push(self.start..end);
        }
        self.start = next;
        self.verb = Cached::Unknown;
    }

    /// Whether the link has its verb before `at`, so that another one starts another link.
    fn has_verb(&mut self, at: usize) -> bool {
        self.opening().is_some_and(|o| o.at < at) && self.text_until(at).is_none()
    }

    /// The free text that the link is in before `at`; a quotation has ended it.
    fn text_until(&mut self, at: usize) -> Option<Free> {
        let free = self.opening()?.free?;
        let quoted =
            (self.start..at).any(|i| matches!(self.r.text.token(i).kind, Kind::Quoted { .. }));
        (!quoted).then_some(free)
    }

    fn opening(&mut self) -> Option<Opening> {
        if let Cached::Known(known) = self.verb {
            return known;
        }
        let mut r = self.r.clone();
        r.words.start = self.start;
        let start = condition::leading(&r).map_or(self.start, |c| c.words.end);
        let opening = leading_verb(&r, start).map(|(at, hit)| Opening {
            at,
            free: hit
                .intents
                .iter()
                .map(|i| i.free)
                .find(|f| f.text().is_some()),
        });
        self.verb = Cached::Known(opening);
        opening
    }

    /// "if staging is healthy then deploy prod": this "then" belongs to the condition.
    fn closes_condition(&self, at: usize) -> bool {
        let mut r = self.r.clone();
        r.words.start = self.start;
        condition::leading(&r).is_some_and(|c| c.words.contains(&at))
    }
}

/// The verb at the start of a link, also after a place or topic: "in staging, bounce search".
fn leading_verb(r: &Reading<'_>, from: usize) -> Option<(usize, verb::Hit)> {
    let mut at = from;
    while at < r.words.end {
        // "prod is down, restart web": the first half is a statement, not a command.
        let statement = at > from && matches!(r.word(at), "is" | "are");
        if let Some(found) = verb::opening(r, at).filter(|_| !statement) {
            return Some(found);
        }
        if let Some(span) = r.spans.at(at) {
            at = span.words.end;
        } else if r.lexicon.connectives.contains(r.word(at))
            || r.lexicon.fillers.contains(r.word(at))
            || r.lexicon.env_words.contains(r.word(at))
        {
            at += 1;
        } else {
            return None;
        }
    }
    None
}
