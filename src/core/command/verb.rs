//! The verb decides the intent: the walk from the start of a link to its verb.

use super::ParseOutcome;
use super::intent::{self, Intent, Object};
use super::lexer::Gap;
use super::pattern::{Match, Words};
use super::reading::{Mark, Reading};

/// A matched phrase and the intents it can mean.
#[derive(Debug, Clone)]
pub(super) struct Hit {
    pub found: Match,
    pub intents: Vec<&'static Intent>,
    /// The user's runbook whose phrase it is.
    pub runbook: Option<String>,
    /// Other runbooks whose phrases match equally well.
    pub rivals: Vec<Hit>,
    /// A noun ("alerts"), not a verb.
    pub noun: bool,
}

impl Hit {
    pub fn mutates(&self, reading: &Reading<'_>) -> bool {
        let runbook = self
            .runbook
            .as_ref()
            .and_then(|n| reading.catalogue.runbooks.get(n));
        self.intents.iter().any(|i| i.mutates)
            || runbook.is_some_and(|r| r.mutates)
            || self.rivals.iter().any(|rival| rival.mutates(reading))
    }
}

/// Result of the walk.
#[derive(Debug, Clone)]
pub(super) enum Verb {
    Found(Hit),
    /// A changing verb after words that were not understood, or after bare names ("web restart"):
    /// becomes a question.
    Late(Hit),
    /// A changing verb used as a noun ("the deploy of web"), and nothing else.
    Noun(Hit),
    /// A negation before the verb, or without a verb.
    Refused,
    None,
}

/// Finds the verb of a link. Marks the politeness, doubts and refusals it skips.
pub(super) fn find(r: &mut Reading<'_>) -> Verb {
    Walk {
        at: r.words.start,
        passed: Passed::Little,
        refused: false,
        placed: false,
        noun: None,
        show: None,
    }
    .run(r)
}

/// Words skipped before the verb; later variants outweigh earlier ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Passed {
    /// Politeness, places, topics.
    Little,
    /// A name without preposition.
    Names,
    /// An unknown word.
    Strays,
}

struct Walk {
    at: usize,
    passed: Passed,
    refused: bool,
    /// The last word was a preposition.
    placed: bool,
    noun: Option<Hit>,
    /// "show": a noun after it decides the intent, else "show" does.
    show: Option<Hit>,
}

enum Step {
    Go,
    Done(Verb),
}

impl Walk {
    fn run(mut self, r: &mut Reading<'_>) -> Verb {
        while self.at < r.words.end {
            if let Step::Done(verb) = self.step(r) {
                return verb;
            }
        }
        match (self.show, self.noun) {
            _ if self.refused => Verb::Refused,
            (Some(hit), _) => Verb::Found(hit),
            (None, Some(hit)) => Verb::Noun(hit),
            (None, None) => Verb::None,
        }
    }

    fn step(&mut self, r: &mut Reading<'_>) -> Step {
        let at = self.at;
        if !r.is_free(at) {
            self.at += 1;
            return Step::Go;
        }
        let hit = best(r, at);
        // "ok" at the start is politeness, after a name it is a state.
        let small = hit
            .as_ref()
            .is_some_and(|h| self.starts_here() && is_state(r, at, h));
        let weight = hit
            .as_ref()
            .map_or(0, |h| if small { 0 } else { h.found.literals });
        if self.soft(r, weight) {
            return Step::Go;
        }
        let name = r
            .spans
            .at(at)
            .filter(|s| s.words.start == at)
            .map(|s| s.words.end);
        if let Some(hit) =
            hit.filter(|h| name.is_none() || h.found.literals > 1 || self.starts_here())
        {
            return self.meet(r, hit);
        }
        if let Some(end) = name {
            let topic = end < r.words.end && r.text.gap(end) >= Gap::Comma;
            if !self.placed && !topic {
                self.passed = self.passed.max(Passed::Names);
            }
            self.at = end;
            self.skip_kind_words(r);
            return Step::Go;
        }
        // "at 22:00 restart web", "until noon mute web": a time before the verb.
        let lead = usize::from(matches!(r.word(at), "until" | "till"));
        let time = r.time_at(at + lead).map(|(n, ..)| n);
        if let Some(n) = time.or_else(|| r.duration_at(at + lead).map(|(n, _)| n)) {
            self.placed = false;
            self.at += lead + n;
            return Step::Go;
        }
        // "everything ok in prod?"
        if let Some(n) = r.phrase(&r.lexicon.all_words, at) {
            self.passed = self.passed.max(Passed::Names);
            self.at += n;
            return Step::Go;
        }
        let word = r.word(at);
        if r.lexicon.connectives.contains(word)
            || r.lexicon
                .connectives
                .longest_at(r, at, r.words.end)
                .is_some()
        {
            self.placed = r.lexicon.places.contains(word);
        } else {
            self.passed = Passed::Strays;
            self.placed = false;
        }
        self.at += 1;
        Step::Go
    }

    /// Only small words so far: here a verb wins over a name with the same spelling.
    fn starts_here(&self) -> bool {
        self.passed == Passed::Little && !self.placed
    }

    /// Skips politeness, doubt and refusal phrases longer than the verb phrase found here.
    fn soft(&mut self, r: &mut Reading<'_>, weight: usize) -> bool {
        let lexicon = r.lexicon;
        let phrase = |set| r.phrase(set, self.at).unwrap_or(0);
        let reminder = phrase(&lexicon.reminders);
        let (doubt, refusal, filler) = (
            phrase(&lexicon.doubts),
            phrase(&lexicon.refusals),
            phrase(&lexicon.fillers),
        );
        let (n, mark) = if reminder > 0 {
            (reminder, Mark::Doubt)
        } else if doubt > 0 && doubt >= refusal && doubt >= filler && doubt >= weight {
            (doubt, Mark::Doubt)
        } else if refusal > 0 && refusal >= filler && refusal >= weight {
            (refusal, Mark::Refusal)
        } else if filler > weight {
            (filler, Mark::Soft)
        } else {
            return false;
        };
        r.mark(self.at..self.at + n, mark);
        r.doubt |= mark == Mark::Doubt;
        self.refused |= mark == Mark::Refusal;
        self.at += n;
        true
    }

    fn skip_kind_words(&mut self, r: &Reading<'_>) {
        let lexicon = r.lexicon;
        while self.at < r.words.end
            && (lexicon.service_words.contains(r.word(self.at))
                || lexicon.env_words.contains(r.word(self.at)))
        {
            self.at += 1;
        }
        self.placed = false;
    }

    fn meet(&mut self, r: &mut Reading<'_>, hit: Hit) -> Step {
        // "web up" asks for the state of web; "up" among other words means nothing.
        if is_state(r, self.at, &hit)
            && (self.passed == Passed::Strays
                || !(r.mentions(Object::Env) || r.mentions(Object::Service) || r.mentions_all()))
        {
            self.passed = Passed::Strays;
            self.at += 1;
            return Step::Go;
        }
        if self.show.is_some() {
            return self.meet_after_show(r, hit);
        }
        if !hit.mutates(r) {
            return self.meet_reading(r, hit);
        }
        if adjective(r, &hit) {
            r.mark(self.at..hit.found.end, Mark::Soft);
            self.at = hit.found.end;
            return Step::Go;
        }
        if used_as_noun(r, self.at, &hit) {
            self.at = hit.found.end;
            self.passed = Passed::Strays;
            self.noun.get_or_insert(hit);
            return Step::Go;
        }
        if self.refused {
            return Step::Done(Verb::Refused);
        }
        Step::Done(if self.passed > Passed::Little {
            Verb::Late(hit)
        } else {
            Verb::Found(hit)
        })
    }

    fn meet_reading(&mut self, r: &mut Reading<'_>, hit: Hit) -> Step {
        if self.refused {
            return Step::Done(Verb::Refused);
        }
        let words: Vec<&str> = hit.found.used.iter().map(|&i| r.word(i)).collect();
        let words = words.join(" ");
        if r.lexicon.show_verbs.contains(&words) {
            self.at = hit.found.end;
            self.show = Some(hit);
            return Step::Go;
        }
        if r.lexicon.check_verbs.contains(&words)
            && let Some(noun) = noun_of(r, hit.found.end)
        {
            spend_show(r, &hit);
            return Step::Done(Verb::Found(noun));
        }
        Step::Done(Verb::Found(hit))
    }

    /// After "show" only read-only phrases count; a changing verb is a noun there.
    fn meet_after_show(&mut self, r: &mut Reading<'_>, hit: Hit) -> Step {
        let show = hit.found.used.len() == 1 && r.lexicon.show_verbs.contains(r.word(self.at));
        if hit.mutates(r) || show {
            self.at += 1;
            return Step::Go;
        }
        if let Some(first) = self.show.take() {
            spend_show(r, &first);
        }
        Step::Done(Verb::Found(hit))
    }
}

/// Marks "show" in "show alerts" as read; the noun decides the intent.
fn spend_show(r: &mut Reading<'_>, hit: &Hit) {
    for &at in &hit.found.used {
        r.soften(at);
    }
}

/// The phrase with most words at `at`, with every intent that shares it.
fn best(r: &Reading<'_>, at: usize) -> Option<Hit> {
    let end = r.words.end;
    let tag = |noun: bool| move |(m, i): (Match, &'static Intent)| (m, i, noun);
    let mut hits: Vec<(Match, &'static Intent, bool)> = r
        .lexicon
        .verbs
        .at(r, at, end)
        .into_iter()
        .map(tag(false))
        .collect();
    hits.extend(r.lexicon.nouns.at(r, at, end).into_iter().map(tag(true)));
    hits.retain(|(m, ..)| m.used.iter().all(|&i| r.is_free(i)));
    let top = hits
        .iter()
        .map(|(m, ..)| (m.literals, usize::MAX - m.gaps))
        .max();
    if let Some(own) = of_runbooks(r, at).filter(|own| top.is_none_or(|t| own.found.literals > t.0))
    {
        return Some(own);
    }
    let top = top?;
    hits.retain(|(m, ..)| (m.literals, usize::MAX - m.gaps) == top);
    let noun = hits.iter().all(|h| h.2);
    let found = hits
        .iter()
        .map(|h| &h.0)
        .max_by_key(|m| usize::MAX - m.end)?
        .clone();
    let mut intents: Vec<&'static Intent> = Vec::new();
    for (_, intent, _) in &hits {
        if !intents.contains(intent) {
            intents.push(intent);
        }
    }
    Some(Hit {
        found,
        intents,
        runbook: None,
        rivals: Vec::new(),
        noun,
    })
}

/// The best matching runbook phrase at `at`, and the runbooks whose phrases match equally well.
fn of_runbooks(r: &Reading<'_>, at: usize) -> Option<Hit> {
    if !r.own_phrases {
        return None;
    }
    let weight = |m: &Match| (m.literals, usize::MAX - m.gaps);
    let all = r.catalogue.phrases.at(&Unblocked(r), at, r.words.end);
    let top = all.iter().map(|(m, _)| weight(m)).max()?;
    let mut hits: Vec<Hit> = Vec::new();
    for (found, name) in all.into_iter().filter(|(m, _)| weight(m) == top) {
        let runbook = Some(name);
        if hits.iter().all(|h| h.runbook != runbook) {
            hits.push(Hit {
                found,
                intents: vec![intent::RUNBOOK],
                runbook,
                rivals: Vec::new(),
                noun: false,
            });
        }
    }
    let rivals = hits.split_off(1);
    hits.pop().map(|hit| Hit { rivals, ..hit })
}

/// Runbook phrases may contain catalogue names as words.
struct Unblocked<'a, 'b>(&'a Reading<'b>);

impl Words for Unblocked<'_, '_> {
    fn key(&self, at: usize) -> &str {
        self.0.key(at)
    }
    fn glued(&self, at: usize) -> bool {
        self.0.glued(at)
    }
    fn blocked(&self, _: usize) -> bool {
        false
    }
    fn is_number(&self, at: usize) -> bool {
        self.0.is_number(at)
    }
    fn is_state(&self, at: usize) -> bool {
        self.0.is_state(at)
    }
    fn is_severity(&self, at: usize) -> bool {
        self.0.is_severity(at)
    }
    fn skippable(&self, at: usize) -> bool {
        self.0.skippable(at)
    }
}

/// A lone state: "up".
fn is_state(r: &Reading<'_>, at: usize, hit: &Hit) -> bool {
    hit.noun && hit.found.used.len() == 1 && r.is_state(at)
}

/// "deploy status", "restart history": the verb only qualifies the noun.
fn adjective(r: &Reading<'_>, hit: &Hit) -> bool {
    let next = hit.found.end;
    let plan = hit.intents.iter().all(|i| i.outcome == ParseOutcome::Plan);
    plan && hit.found.used.len() == 1
        && next < r.words.end
        && r.spans.at(next).is_none()
        && r.text.gap(next) == Gap::Space
        && r.lexicon.head_nouns.contains(r.word(next))
}

/// "the deploy", "restart of", "release for".
fn used_as_noun(r: &Reading<'_>, at: usize, hit: &Hit) -> bool {
    if hit.found.used.len() > 1 || hit.runbook.is_some() {
        return false;
    }
    let before = at > r.words.start
        && r.text.gap(at) == Gap::Space
        && r.marks[at - 1] != Mark::Doubt
        && r.lexicon.determiners.contains(r.word(at - 1))
        && !polite(r, at);
    let plan = hit.intents.iter().all(|i| i.outcome == ParseOutcome::Plan);
    let after = hit.found.end < r.words.end
        && (r.word(hit.found.end) == "of" || (plan && r.word(hit.found.end) == "for"));
    before || after
}

/// The word before is part of a longer polite phrase: "i need to".
fn polite(r: &Reading<'_>, at: usize) -> bool {
    let whole = |n: &usize| r.lexicon.fillers.longest_at(r, at - n, at) == Some(*n);
    (2..=6)
        .filter(|n| at >= r.words.start + n)
        .any(|n| whole(&n))
}

/// The noun that "check" applies to: "check the alerts".
fn noun_of(r: &Reading<'_>, from: usize) -> Option<Hit> {
    (from..r.words.end)
        .filter(|&i| r.spans.at(i).is_none() && r.is_free(i))
        .find_map(|i| {
            let hit = best(r, i)?;
            let wanted = hit.noun
                && hit
                    .intents
                    .iter()
                    .all(|n| r.lexicon.check_nouns_of.iter().any(|w| w == n.name));
            wanted.then_some(hit)
        })
}

/// Whether a verb phrase starts here, politeness aside. This decides where "and" and commas split a
/// command.
pub(super) fn opens_with_verb(r: &Reading<'_>, from: usize) -> bool {
    opening(r, from).is_some_and(|(_, hit)| !hit.noun)
}

/// The verb phrase that starts here and its place, politeness, doubts and refusals aside.
pub(super) fn opening(r: &Reading<'_>, from: usize) -> Option<(usize, Hit)> {
    let mut at = from;
    while at < r.words.end {
        let hit = best(r, at);
        let weight = hit.as_ref().map_or(0, |h| h.found.literals);
        let lexicon = r.lexicon;
        let sets = [
            &lexicon.fillers,
            &lexicon.doubts,
            &lexicon.refusals,
            &lexicon.reminders,
        ];
        let soft = sets
            .iter()
            .filter_map(|s| r.phrase(s, at))
            .max()
            .unwrap_or(0);
        if soft > weight {
            at += soft;
            continue;
        }
        let name = r.spans.at(at).is_some();
        return hit
            .filter(|h| !name || h.found.literals > 1)
            .map(|h| (at, h));
    }
    None
}
