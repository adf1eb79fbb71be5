//! From the links to the one answer: the worst of them decides.

use super::explain;
use super::judge;
use super::lexer::Text;
use super::resolve::Understanding;
use super::spelling;
use super::{ParseOutcome, Parsed};

/// The one answer of a text.
pub(super) fn combine(u: Understanding, text: &Text) -> Parsed {
    let mut links: Vec<Parsed> = Vec::with_capacity(u.links.len());
    let mut suspects = Vec::new();
    let mutates = u.links.iter().any(|l| l.mutates);
    let doubt = u.links.iter().any(|l| l.doubt);
    let refused = u.links.iter().any(|l| l.refused);
    for mut link in u.links {
        let worth = link.suspects.iter().any(spelling::Suspect::is_worth_saying);
        if worth && (link.mutates || link.intent.is_none() || link.suspects.iter().any(spelling::Suspect::may_mutate)) {
            link.parsed.outcome = ParseOutcome::Suggest;
            link.parsed.mutates = false;
            suspects.extend(link.suspects.into_iter().filter_map(spelling::Suspect::worth_saying));
        }
        links.push(link.parsed);
    }
    if refused {
        return Parsed { message: "nothing is done: that was a no".to_owned(), ..Parsed::default() };
    }
    suspects.sort_by_key(|s| s.tokens.start);
    let mut worst = links.iter().map(|l| l.outcome).min_by_key(|o| rank(*o)).unwrap_or_default();
    let mut message = explain::chain(&links, worst);
    let mut suggestions: Vec<String> = Vec::new();
    if !suspects.is_empty() {
        suggestions = spelling::suggestions(text, &suspects);
        message =
            format!("not understood as typed: did you mean \"{}\"?", suggestions.first().map_or("", String::as_str));
    }
    if mutates && doubt && rank(worst) == 3 {
        worst = ParseOutcome::Question;
        judge::UNDECIDED.clone_into(&mut message);
    }
    let mut hazards: Vec<String> = Vec::new();
    if mutates && !text.hazards.is_empty() && rank(worst) > rank(ParseOutcome::Suggest) {
        hazards.clone_from(&text.hazards);
        worst = ParseOutcome::Question;
        message = format!("the text holds {}: type it again by hand", explain::list(&hazards, "and"));
    }
    let chain = links.len() > 1;
    let unknown_at: Vec<(usize, usize)> = links.iter().flat_map(|l| l.unknown_at.iter().copied()).collect();
    let rest: Vec<String> =
        links.iter().skip(1).filter(|l| l.outcome == worst).flat_map(|l| l.suggestions.clone()).collect();
    let mut links = links.into_iter();
    let Some(mut top) = links.next() else {
        return Parsed { message: "type a command; \"help\" shows examples".to_owned(), ..Parsed::default() };
    };
    top.then = links.collect();
    top.outcome = if rank(worst) < 3 || !chain { worst } else { top.outcome };
    top.mutates = mutates && !matches!(top.outcome, ParseOutcome::Suggest | ParseOutcome::Nothing);
    if suggestions.is_empty() {
        top.suggestions.extend(rest);
    } else {
        top.suggestions = suggestions;
    }
    top.unknown.extend(hazards);
    top.unknown_at = unknown_at;
    top.message = message;
    top
}

/// Ruling order: nothing, suggest, question, then what is understood.
fn rank(outcome: ParseOutcome) -> u8 {
    match outcome {
        ParseOutcome::Nothing => 0,
        ParseOutcome::Suggest => 1,
        ParseOutcome::Question => 2,
        _ => 3,
    }
}
