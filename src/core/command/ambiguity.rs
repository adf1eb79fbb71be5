//! Conflicts of runbook phrases with the language or with each other. A text with two readings
//! becomes a question, so that a runbook never silently takes over a built-in command.

use super::condition::Condition;
use super::explain;
use super::lexer::Text;
use super::lexicon::lexicon;
use super::link::Link;
use super::names::Name;
use super::pattern::{Element, Pattern, Words};
use super::reading::{Reading, Spans};
use super::verb::{self, Hit, Verb};
use super::verb_link::read_intent;
use super::{Catalogue, ParseOutcome, Parsed, choice};

/// A question about the readings of a link; `None` when there is only one.
pub(super) fn settle(
    r: &Reading<'_>,
    hit: &Hit,
    before: Option<&Link>,
    leading: Option<&Condition>,
) -> Option<Link> {
    let name = hit.runbook.as_ref()?;
    let built_in = of_the_language(r, hit, before, leading);
    if built_in.is_none() && hit.rivals.is_empty() {
        return None;
    }
    let own = std::iter::once(hit).chain(&hit.rivals).filter_map(|hit| {
        let intent = hit.intents.first().copied()?;
        Some(read_intent(
            r.clone(),
            hit,
            intent,
            before,
            leading.cloned(),
        ))
    });
    let also_of_the_language = built_in.is_some();
    let links: Vec<Link> = built_in.into_iter().chain(own).collect();
    let ambiguous: Vec<String> = links.iter().flat_map(readings).collect();
    let question = format!("which one: {}?", explain::list(&ambiguous, "or"));
    let message = if also_of_the_language {
        format!("{question} a phrase of {name} means a command too: give it other words")
    } else {
        question
    };
    let mutates = links.iter().any(|l| l.mutates);
    let doubt = r.doubt || links.iter().any(|l| l.doubt);
    let first = links.into_iter().next()?;
    let parsed = Parsed {
        outcome: ParseOutcome::Question,
        intent: first.parsed.intent,
        env: first.parsed.env,
        services: first.parsed.services,
        ambiguous,
        mutates,
        message,
        ..Parsed::default()
    };
    Some(Link {
        parsed,
        intent: first.intent,
        mutates,
        refused: false,
        doubt,
        suspects: Vec::new(),
    })
}

/// How a reading is typed.
fn readings(link: &Link) -> Vec<String> {
    match link.intent {
        // Restated without the words that were not understood, it would be another command.
        Some(intent) if !link.parsed.unknown.is_empty() => vec![intent.form.to_owned()],
        Some(intent) if link.parsed.ambiguous.is_empty() => {
            vec![explain::restate(&link.parsed, intent)]
        }
        _ => link.parsed.ambiguous.clone(),
    }
}

/// The link read without the phrases of runbooks, when that is a reading: its verb opens the
/// runbook's phrase, or every word of the link is understood.
fn of_the_language(
    r: &Reading<'_>,
    hit: &Hit,
    before: Option<&Link>,
    leading: Option<&Condition>,
) -> Option<Link> {
    let mut bare = Reading::new(r.text, r.catalogue, r.lexicon, r.spans, r.words.clone());
    bare.own_phrases = false;
    let (Verb::Found(verb) | Verb::Late(verb)) = verb::find(&mut bare) else {
        return None;
    };
    let from = hit.found.used.first().copied()?;
    let to = verb.found.used.first().copied()?;
    let opens = !verb.noun && (from..to).all(|i| !bare.is_free(i));
    let intent = match choice::choose(&bare, &verb) {
        choice::Choice::One(intent) => intent,
        choice::Choice::Several => verb.intents.first().copied()?,
    };
    let link = read_intent(bare, &verb, intent, before, leading.cloned());
    let understood = link.parsed.unknown.is_empty() && link.intent.is_some();
    (understood || (opens && !is_whole(r, hit))).then_some(link)
}

/// Whether the runbook's phrase has no placeholder and is the whole link, an environment and
/// politeness aside: then a command that does not understand all of it is not meant.
fn is_whole(r: &Reading<'_>, hit: &Hit) -> bool {
    let is_place = |at: usize| {
        let span = r.spans.at(at);
        let names_env = span.is_some_and(|s| s.names.iter().any(|n| matches!(n, Name::Env(_))));
        names_env || r.lexicon.places.contains(r.word(at))
    };
    let covered = |at: usize| {
        !r.is_free(at) || hit.found.used.contains(&at) || r.skippable(at) || is_place(at)
    };
    hit.found.captures.is_empty() && r.words.clone().all(covered)
}

/// See [`super::begins_like`]. Checks every alternative of the phrase.
pub(super) fn begins_like(phrase: &str) -> Option<(String, &'static str)> {
    let catalogue = Catalogue::bare();
    lexicon().pattern(phrase).iter().find_map(|pattern| {
        let sample = example(pattern);
        let text = Text::new(&sample, lexicon());
        let spans = Spans::new(&text, catalogue);
        let reading = Reading::new(&text, catalogue, lexicon(), &spans, 0..text.words.len());
        let (_, hit) = verb::opening(&reading, 0).filter(|(_, hit)| !hit.noun)?;
        let words: Vec<&str> = hit.found.used.iter().map(|&i| reading.word(i)).collect();
        Some((words.join(" "), hit.intents.first()?.name))
    })
}

/// A text that the phrase fits.
fn example(pattern: &Pattern) -> String {
    let word = |element: &Element| match element {
        Element::Word(word) => word.clone(),
        Element::Number => "1".to_owned(),
        Element::State => "up".to_owned(),
        Element::Severity => "sev1".to_owned(),
        Element::Gap | Element::Capture(_) => "something".to_owned(),
    };
    pattern
        .elements
        .iter()
        .map(word)
        .collect::<Vec<_>>()
        .join(" ")
}
