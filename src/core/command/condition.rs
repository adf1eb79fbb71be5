//! Conditions: "only if staging is healthy". An understood condition becomes a healthcheck, any
//! other a question.

use std::ops::Range;

use super::intent::DEPLOY;
use super::names::Name;
use super::reading::{Mark, Reading};
use super::{ParseOutcome, Parsed};

/// Position of a condition and how it was understood.
#[derive(Debug, Clone)]
pub(super) struct Condition {
    pub words: Range<usize>,
    /// `None`: not understood.
    pub check: Option<Parsed>,
    /// Whether its subject is "it", the services of the link.
    pub pronoun: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Marker {
    If,
    Unless,
    Other,
}

/// A condition that opens a link: "if staging is healthy, deploy prod". Ends where it is understood
/// to end, else at the first comma or "then".
pub(super) fn leading(r: &Reading<'_>) -> Option<Condition> {
    let mut at = r.words.start;
    while let Some(n) = r.phrase(&r.lexicon.fillers, at) {
        at += n;
    }
    let (n, marker) = marker_at(r, at)?;
    if marker == Marker::Other && super::verb::opens_with_verb(r, at) {
        return None;
    }
    if let Some((end, check, pronoun)) = read(r, at + n, marker) {
        let end = end + usize::from(end < r.words.end && r.word(end) == "then");
        return Some(Condition {
            words: at..end,
            check: Some(check),
            pronoun,
        });
    }
    let order = |i: usize| {
        i > at + n
            && !matches!(r.word(i), "is" | "are")
            && super::verb::opens_with_verb(r, i)
            && !small(r, i)
    };
    let end = (at + n..r.words.end)
        .find(|&i| r.text.gap(i) > super::lexer::Gap::Space || r.word(i) == "then" || order(i));
    let end = end.map_or(r.words.end, |e| e + usize::from(r.word(e) == "then"));
    Some(Condition {
        words: at..end,
        check: None,
        pronoun: false,
    })
}

/// A condition after the verb: it takes the rest of the link.
pub(super) fn trailing(r: &Reading<'_>) -> Option<Condition> {
    let (at, n, marker) = r
        .words
        .clone()
        .filter(|&i| r.is_free(i))
        .find_map(|i| marker_at(r, i).map(|(n, m)| (i, n, m)))?;
    let words = at..r.words.end;
    let understood = read(r, at + n, marker).filter(|(end, ..)| only_fillers(r, *end..words.end));
    Some(match understood {
        Some((_, check, pronoun)) => Condition {
            words,
            check: Some(check),
            pronoun,
        },
        None => Condition {
            words,
            check: None,
            pronoun: false,
        },
    })
}

/// Politeness; a verb after it is found at its own position.
fn small(r: &Reading<'_>, at: usize) -> bool {
    r.phrase(&r.lexicon.fillers, at).is_some()
}

fn only_fillers(r: &Reading<'_>, mut words: Range<usize>) -> bool {
    while !words.is_empty() {
        match r.lexicon.fillers.longest_at(r, words.start, words.end) {
            Some(n) => words.start += n,
            None => return false,
        }
    }
    true
}

fn marker_at(r: &Reading<'_>, at: usize) -> Option<(usize, Marker)> {
    if at >= r.words.end || r.spans.at(at).is_some() {
        return None;
    }
    let sets = [
        (&r.lexicon.unless_words, Marker::Unless),
        (&r.lexicon.if_words, Marker::If),
        (&r.lexicon.other_conditions, Marker::Other),
    ];
    let (n, marker) = sets
        .into_iter()
        .filter_map(|(set, m)| r.phrase(set, at).map(|n| (n, m)))
        .max_by_key(|(n, _)| *n)?;
    // "if possible" is politeness.
    if r.phrase(&r.lexicon.fillers, at)
        .is_some_and(|polite| polite > n)
    {
        return None;
    }
    // "after 02:00", "until tomorrow", "in 2 hours": times, not conditions.
    let time = marker == Marker::Other
        && at + n < r.words.end
        && (r.time_at(at + n).is_some() || r.duration_at(at + n).is_some());
    (!time).then_some((n, marker))
}

/// "web and api are healthy in staging": where it ends, and the check it asks for.
fn read(r: &Reading<'_>, from: usize, marker: Marker) -> Option<(usize, Parsed, bool)> {
    if marker == Marker::Other {
        return None;
    }
    let mut c = Subject {
        check: Parsed::default(),
        env: None,
        pronoun: false,
    };
    let mut at = from;
    let copula = loop {
        if let Some(n) = r.lexicon.copulas.longest_at(r, at, r.words.end) {
            break n;
        }
        at = c.take(r, at)?;
    };
    at += copula;
    while at < r.words.end && matches!(r.word(at), "all" | "still" | "both" | "currently" | "now") {
        at += 1;
    }
    let not = at < r.words.end && r.word(at) == "not";
    at += usize::from(not);
    let (n, good) = state_at(r, at)?;
    at += n;
    while let Some(next) = c.take_place(r, at) {
        at = next;
    }
    let about_nothing = c.env.is_none() && c.check.services.is_empty() && !c.pronoun;
    if about_nothing {
        return None;
    }
    let check = Parsed {
        outcome: ParseOutcome::Plan,
        intent: "healthcheck".to_owned(),
        runbook: Some("healthcheck".to_owned()),
        env: c.env,
        // "unless X is down" and "if X is healthy" both require X to be healthy.
        negated: (marker == Marker::Unless) == (good != not),
        ..c.check
    };
    Some((at, check, c.pronoun))
}

fn state_at(r: &Reading<'_>, at: usize) -> Option<(usize, bool)> {
    let (good, bad) = (&r.lexicon.good, &r.lexicon.bad);
    let first = good
        .longest_at(r, at, r.words.end)
        .map(|n| (n, true))
        .or_else(|| bad.longest_at(r, at, r.words.end).map(|n| (n, false)))?;
    // "up and healthy"
    let next = at + first.0;
    if next + 1 < r.words.end && r.word(next) == "and" {
        let set = if first.1 { good } else { bad };
        if let Some(n) = set.longest_at(r, next + 1, r.words.end) {
            return Some((first.0 + 1 + n, first.1));
        }
    }
    Some(first)
}

struct Subject {
    check: Parsed,
    env: Option<String>,
    pronoun: bool,
}

impl Subject {
    /// Takes one piece of the subject; `None` when it is not understood.
    fn take(&mut self, r: &Reading<'_>, at: usize) -> Option<usize> {
        if at >= r.words.end {
            return None;
        }
        if let Some(span) = r.spans.at(at) {
            self.name(&span.names)?;
            return Some(span.words.end);
        }
        if let Some(n) = r.lexicon.all_words.longest_at(r, at, r.words.end) {
            self.check.services = vec!["*".to_owned()];
            return Some(at + n);
        }
        let word = r.word(at);
        self.pronoun |= matches!(word, "it" | "they" | "that");
        let small = [
            &r.lexicon.connectives,
            &r.lexicon.fillers,
            &r.lexicon.service_words,
            &r.lexicon.env_words,
        ];
        (matches!(word, "they") || small.iter().any(|s| s.contains(word))).then_some(at + 1)
    }

    /// "in staging" after the state.
    fn take_place(&mut self, r: &Reading<'_>, at: usize) -> Option<usize> {
        let mut next = at;
        while next < r.words.end
            && (r.lexicon.places.contains(r.word(next)) || matches!(r.word(next), "the" | "our"))
        {
            next += 1;
        }
        let span = r
            .spans
            .at(next)
            .filter(|s| next > at && s.words.start == next && next < r.words.end)?;
        let env = span.names.iter().any(|n| matches!(n, Name::Env(_)));
        if !env {
            return None;
        }
        self.name(&span.names)?;
        let end = span.words.end;
        Some(end + usize::from(end < r.words.end && r.lexicon.env_words.contains(r.word(end))))
    }

    fn name(&mut self, names: &[Name]) -> Option<()> {
        match names
            .iter()
            .find(|n| matches!(n, Name::Env(_) | Name::Service(_)))?
        {
            Name::Env(env) if self.env.as_ref().is_none_or(|e| e == env) => {
                self.env = Some(env.clone());
            }
            Name::Service(service) if !self.check.services.contains(service) => {
                self.check.services.push(service.clone());
            }
            Name::Service(_) => {}
            _ => return None,
        }
        Some(())
    }
}

impl Condition {
    /// Adds the condition to the link: as a check, or as words that were not understood.
    pub fn apply(self, r: &mut Reading<'_>) -> Option<Range<usize>> {
        let Some(mut check) = self.check else {
            return Some(self.words);
        };
        if self.pronoun && check.services.is_empty() {
            check.services.clone_from(&r.out.services);
            // For a deploy the check is not limited to the target environment; for other intents it
            // is.
            if check.env.is_none() && r.out.intent != DEPLOY.name {
                check.env.clone_from(&r.out.env);
            }
            if check.services.is_empty() && check.env.is_none() {
                return Some(self.words);
            }
        }
        check.message = super::explain::condition(&check);
        r.mark(self.words.clone(), Mark::Spent);
        r.explain(&self.words, "only_if");
        r.out.only_if = Some(Box::new(check));
        None
    }
}
