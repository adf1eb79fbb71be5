//! From the links to the one answer: the worst of them decides.

use super::explain;
use super::lexer::Text;
use super::outcome;
use super::resolve::Understanding;
use super::spelling;
use super::worth::Worth;
use super::{ParseOutcome, Parsed};

/// The one answer of a text. `rate` decides which corrections are worth suggesting.
pub(super) fn combine(u: Understanding, text: &Text, rate: &dyn Fn(&str) -> Worth) -> Parsed {
    let mut links: Vec<Parsed> = Vec::with_capacity(u.links.len());
    let mut suspects = Vec::new();
    let mutates = u.links.iter().any(|l| l.mutates);
    // "check web, note seen": what is not available makes no changing plan of what is.
    let changes = u
        .links
        .iter()
        .enumerate()
        .any(|(at, link)| link.mutates && (at == 0 || link.parsed.unavailable.is_none()));
    let doubt = u.links.iter().any(|l| l.doubt);
    let refused = u.links.iter().any(|l| l.refused);
    for mut link in u.links {
        let worth = link
            .suspects
            .iter()
            .any(spelling::Suspect::is_worth_suggesting);
        if worth
            && (link.mutates
                || link.intent.is_none()
                || link.suspects.iter().any(spelling::Suspect::may_mutate))
        {
            link.parsed.outcome = ParseOutcome::Suggest;
            link.parsed.mutates = false;
            suspects.extend(
                link.suspects
                    .into_iter()
                    .filter_map(spelling::Suspect::worth_suggesting),
            );
        }
        links.push(link.parsed);
    }
    if refused {
        return Parsed {
            message: "nothing is done: that was a no".to_owned(),
            ..Parsed::default()
        };
    }
    suspects.sort_by_key(|s| s.tokens.start);
    let mut worst = links
        .iter()
        .map(|l| l.outcome)
        .min_by_key(|o| rank(*o))
        .unwrap_or_default();
    let mut message = explain::chain(&links, worst);
    let unavailable = links.iter().find_map(|l| l.unavailable.clone());
    let mut suggestions = spelling::suggestions(text, &suspects);
    let rated = rated(&mut suggestions, rate);
    if let Some(what) = &unavailable {
        message = explain::unavailable(what);
    } else if let Some(first) = suggestions.first() {
        message = format!("not understood as typed: did you mean \"{first}\"?");
    } else if let Some((text, Worth::Unavailable)) = &rated {
        let refused = explain::unavailable(&format!("the nearest, \"{text}\","));
        message = format!("not understood as typed: {refused}");
    } else if let Some((text, Worth::NoCommand(alternatives))) = rated {
        message = format!("no verb understood; \"{text}\" was read: try one of these");
        suggestions = alternatives;
    }
    if mutates && doubt && rank(worst) == 3 {
        worst = ParseOutcome::Question;
        outcome::UNDECIDED.clone_into(&mut message);
    }
    let mut hazards: Vec<String> = Vec::new();
    if mutates && !text.hazards.is_empty() && rank(worst) > rank(ParseOutcome::Suggest) {
        hazards.clone_from(&text.hazards);
        worst = ParseOutcome::Question;
        message = format!(
            "the text holds {}: type it again by hand",
            explain::list(&hazards, "and")
        );
    }
    let chain = links.len() > 1;
    let unknown_at: Vec<(usize, usize)> = links
        .iter()
        .flat_map(|l| l.unknown_at.iter().copied())
        .collect();
    let rest: Vec<String> = links
        .iter()
        .skip(1)
        .filter(|l| l.outcome == worst)
        .flat_map(|l| l.suggestions.clone())
        .collect();
    let mut links = links.into_iter();
    let Some(mut top) = links.next() else {
        return Parsed {
            message: "type a command; \"help\" shows examples".to_owned(),
            ..Parsed::default()
        };
    };
    top.then = links.collect();
    top.outcome = if rank(worst) < 3 || !chain {
        worst
    } else {
        top.outcome
    };
    top.mutates = changes && !matches!(top.outcome, ParseOutcome::Suggest | ParseOutcome::Nothing);
    if suggestions.is_empty() {
        top.suggestions.extend(rest);
    } else {
        top.suggestions = suggestions;
    }
    top.unavailable = unavailable;
    top.unknown.extend(hazards);
    top.unknown_at = unknown_at;
    top.message = message;
    top
}

/// Keeps the suggestions worth offering; returns the first other one and why.
fn rated(suggestions: &mut Vec<String>, rate: &dyn Fn(&str) -> Worth) -> Option<(String, Worth)> {
    let mut first = None;
    suggestions.retain(|suggestion| match rate(suggestion) {
        Worth::Offered => true,
        other => {
            first.get_or_insert_with(|| (suggestion.clone(), other));
            false
        }
    });
    first
}

/// Order of precedence: nothing, suggest, question, then what is understood.
fn rank(outcome: ParseOutcome) -> u8 {
    match outcome {
        ParseOutcome::Nothing => 0,
        ParseOutcome::Suggest => 1,
        ParseOutcome::Question => 2,
        _ => 3,
    }
}
