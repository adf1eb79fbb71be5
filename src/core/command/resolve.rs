//! Parses a text into links: verb, condition, slots and outcome of each.

use std::ops::Range;

use super::ambiguity;
use super::called;
use super::choice::{self, Choice};
use super::clause;
use super::condition;
use super::explain;
use super::intent::{self, Intent, Object};
use super::lexer::Text;
use super::lexicon::Lexicon;
use super::link::Link;
use super::outcome;
use super::reading::{Mark, Reading, Spans};
use super::slots;
use super::spelling;
use super::suggest;
use super::verb::{self, Hit, Verb};
use super::verb_link::{inherit, name_plan, read_intent, spend_verb};
use super::{Catalogue, ParseOutcome, Parsed};

/// All links of a text.
#[derive(Debug, Clone)]
pub(super) struct Understanding {
    pub links: Vec<Link>,
}

/// Reads every link; each on its own, but a link may take verb and services from the one before.
/// `given`: inputs that are not in the text.
pub(super) fn understand(
    text: &Text,
    given: &[(String, String)],
    catalogue: &Catalogue,
    lexicon: &'static Lexicon,
) -> Understanding {
    let spans = Spans::new(text, catalogue);
    let (ranges, dangling) = clause::split(text, catalogue, lexicon, &spans);
    let mut links: Vec<Link> = Vec::new();
    for words in ranges {
        let reading = Reading {
            given,
            ..Reading::new(text, catalogue, lexicon, &spans, words)
        };
        if let Some(link) = read_link(reading, links.last()) {
            links.push(link);
        }
    }
    if let (true, Some(last)) = (dangling, links.last_mut()) {
        last.parsed.outcome = last.parsed.outcome.max_question();
        "what comes after \"then\"?".clone_into(&mut last.parsed.message);
    }
    Understanding { links }
}

impl ParseOutcome {
    /// A question, unless it is already something weaker.
    fn max_question(self) -> Self {
        match self {
            Self::Nothing | Self::Suggest => self,
            _ => Self::Question,
        }
    }
}

/// `None` for a link of nothing but politeness.
fn read_link(mut r: Reading<'_>, before: Option<&Link>) -> Option<Link> {
    let all = r.words.clone();
    let leading = condition::leading(&r);
    if let Some(condition) = &leading {
        r.words.start = condition.words.end;
    }
    if let Some(link) = suggest::skip_step(&r) {
        return Some(link);
    }
    let called = called::hit(&r);
    let sure = called.as_ref().is_some_and(|(_, sure)| *sure);
    if !sure && let Some(link) = built_in(r.clone(), before, leading.as_ref(), &all) {
        return Some(link);
    }
    let found = called.map_or_else(|| verb::find(&mut r), |(hit, _)| Verb::Found(hit));
    read_verb(r, found, before, leading, &all)
}

/// The link read as a built-in command, which wins over a page named like its object: "follow run
/// 41".
fn built_in(
    mut r: Reading<'_>,
    before: Option<&Link>,
    leading: Option<&condition::Condition>,
    all: &Range<usize>,
) -> Option<Link> {
    let Verb::Found(mut hit) = verb::find(&mut r) else {
        return None;
    };
    let page = !called::is_sure(&r, &hit) && choice::runbook_after(&r, hit.found.end).is_some();
    hit.intents
        .retain(|intent| *intent != intent::RUNBOOK && intent.available);
    if !page || hit.runbook.is_some() || hit.intents.is_empty() {
        return None;
    }
    let link = read_verb(r, Verb::Found(hit), before, leading.cloned(), all)?;
    let whole = matches!(
        link.parsed.outcome,
        ParseOutcome::Plan | ParseOutcome::Action | ParseOutcome::View
    );
    whole.then_some(link)
}

fn read_verb(
    mut r: Reading<'_>,
    found: Verb,
    before: Option<&Link>,
    leading: Option<condition::Condition>,
    all: &Range<usize>,
) -> Option<Link> {
    if outcome::dismissed(&r) && !takes_text(&found) {
        return Some(refused());
    }
    let hit = match found {
        Verb::Refused => return Some(refused()),
        Verb::Found(hit) => hit,
        Verb::Late(hit) => {
            r.objections.push(late_objection(&r, &hit));
            hit
        }
        Verb::Noun(hit) => return Some(noun(r, &hit, all)),
        Verb::None => {
            let nothing = r.words.clone().all(|i| !r.is_free(i)) && leading.is_none() && !r.doubt;
            return if nothing {
                None
            } else {
                Some(without_verb(r, before, leading.as_ref(), all))
            };
        }
    };
    if let Some(link) = ambiguity::settle(&r, &hit, before, leading.as_ref()) {
        return Some(link);
    }
    let intent = match choice::choose(&r, &hit) {
        Choice::One(intent) => intent,
        Choice::Several => return Some(several(r, &hit, all)),
    };
    Some(read_intent(r, &hit, intent, before, leading))
}

fn takes_text(found: &Verb) -> bool {
    matches!(found, Verb::Found(hit) if hit.intents.iter().any(|i| i.free.text().is_some()))
}

fn refused() -> Link {
    let parsed = Parsed {
        message: "nothing is done".to_owned(),
        ..Parsed::default()
    };
    Link {
        parsed,
        intent: None,
        mutates: false,
        refused: true,
        doubt: false,
        suspects: Vec::new(),
    }
}

fn late_objection(r: &Reading<'_>, hit: &Hit) -> String {
    let verb: Vec<&str> = hit.found.used.iter().map(|&i| r.word(i)).collect();
    format!("say \"{}\" first if that is what to do", verb.join(" "))
}

/// A verb with several readings and no object to decide.
fn several(mut r: Reading<'_>, hit: &Hit, all: &Range<usize>) -> Link {
    let action = hit
        .intents
        .iter()
        .find(|i| i.outcome == ParseOutcome::Action);
    let Some(first) = action.or(hit.intents.first()).copied() else {
        return refused();
    };
    spend_verb(&mut r, hit, first);
    slots::fill(&mut r, first);
    if let Some(link) = suggest::start_service(&r, hit) {
        return link;
    }
    let cancel = intent::CANCEL_RUN;
    if hit.intents.contains(&cancel) {
        let mut retry = r.clone();
        slots::fill(&mut retry, cancel);
        if let Some(link) = suggest::stop_service(&mut retry, hit, cancel) {
            return link;
        }
    }
    r.words = all.clone();
    let mut link = outcome::classify(r, first, None);
    link.mutates = hit.intents.iter().any(|i| i.mutates);
    link.parsed.mutates = link.mutates;
    first.name.clone_into(&mut link.parsed.intent);
    link.parsed.outcome = ParseOutcome::Question;
    let available: Vec<&Intent> = hit
        .intents
        .iter()
        .copied()
        .filter(|i| i.available)
        .collect();
    if available.is_empty() {
        outcome::refuse_unavailable(&mut link.parsed, first);
        return link;
    }
    link.parsed.unavailable = None;
    link.parsed.ambiguous = available.iter().map(|i| i.form.to_owned()).collect();
    if link.parsed.unknown.is_empty() {
        link.parsed.missing.clear();
    }
    link.parsed.message = explain::question(&link.parsed, &[], &[]);
    link
}

/// "the deploy of web to prod": a noun is not a command. The message names the command form;
/// suggestions are read-only.
fn noun(mut r: Reading<'_>, hit: &Hit, all: &Range<usize>) -> Link {
    r.words = all.clone();
    let Some(intent) = hit.intents.first().copied() else {
        return refused();
    };
    let suspects = spelling::suspects(&r, all, |_| true);
    let parsed = Parsed {
        outcome: ParseOutcome::Suggest,
        message: format!(
            "no order in that: an order begins with its verb, as in \"{}\"",
            intent.form
        ),
        suggestions: suggest::read_only_commands(&r),
        ..Parsed::default()
    };
    Link {
        parsed,
        intent: None,
        mutates: false,
        refused: false,
        doubt: r.doubt,
        suspects,
    }
}

/// "web?", "prod?", "web in prod?", "redis prod": names alone with a question mark, or a service and
/// its place, ask how they are.
fn bare_names(r: &Reading<'_>) -> Option<Link> {
    let asks = !r.text.questions.is_empty();
    let intent = match (r.mentions(Object::Service), r.mentions(Object::Env)) {
        _ if r.doubt => return None,
        (true, true) => intent::SHOW_SERVICE,
        (true, false) if asks => intent::SHOW_SERVICE,
        (false, true) if asks => intent::SERVICES,
        _ => return None,
    };
    let mut read = r.clone();
    slots::fill(&mut read, intent);
    name_plan(&mut read, intent);
    let link = outcome::classify(read, intent, None);
    (link.parsed.outcome == ParseOutcome::View).then_some(link)
}

/// No verb: objects alone reuse the verb of the link before; anything else is a suggestion.
fn without_verb(
    mut r: Reading<'_>,
    before: Option<&Link>,
    leading: Option<&condition::Condition>,
    all: &Range<usize>,
) -> Link {
    if let Some((before, intent)) = before.and_then(|b| Some((b, b.intent?))) {
        let mut next = r.clone();
        next.runbook = before
            .parsed
            .runbook
            .as_ref()
            .and_then(|n| next.catalogue.runbooks.get(n))
            .filter(|_| before.parsed.intent.starts_with("runbook:"));
        let mut tail = None;
        let mut conditions: Vec<condition::Condition> = leading.cloned().into_iter().collect();
        if let Some(c) = condition::trailing(&next) {
            next.words.end = c.words.start;
            conditions.push(c);
        }
        slots::fill(&mut next, intent);
        let has_slots = !next.envs.is_empty()
            || !next.out.services.is_empty()
            || !next.out.inputs.is_empty()
            || next.out.routine.is_some();
        let understood = next.words.clone().all(|i| next.marks[i] != Mark::Free);
        if has_slots && understood && intent.free.text().is_none() {
            next.out.runbook.clone_from(&before.parsed.runbook);
            next.out.intent.clone_from(&before.parsed.intent);
            inherit(&mut next, intent, Some(before), true);
            for condition in conditions {
                tail = condition.apply(&mut next).or(tail);
            }
            return outcome::classify(next, intent, tail.as_ref());
        }
    }
    r.words = all.clone();
    if let Some(link) = bare_names(&r).filter(|_| before.is_none() && leading.is_none()) {
        return link;
    }
    let suspects = spelling::suspects(&r, all, |_| true);
    let suggestions = suggest::read_only_commands(&r);
    let doubt = r.doubt;
    let parsed = Parsed {
        outcome: ParseOutcome::Suggest,
        unknown: Vec::new(),
        message: if doubt {
            "no command in that: try one of these".to_owned()
        } else {
            "no verb understood: try one of these".to_owned()
        },
        suggestions,
        ..Parsed::default()
    };
    Link {
        parsed,
        intent: None,
        mutates: false,
        refused: false,
        doubt: r.doubt,
        suspects,
    }
}
