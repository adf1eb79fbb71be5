//! One line for a person: the interpretation, a question or a problem.

use super::intent::Intent;
use super::{ParseOutcome, Parsed};

/// "web and api", "everything", or `default` when nothing was named.
pub(super) fn target(p: &Parsed, default: &str) -> String {
    match p.services.as_slice() {
        [] => default.to_owned(),
        [all] if all == "*" => "everything".to_owned(),
        names => list(names, "and"),
    }
}

/// The services after `lead`; empty when none was named.
pub(super) fn services_of(p: &Parsed, lead: &str) -> String {
    if p.services.is_empty() {
        String::new()
    } else {
        format!("{lead}{}", target(p, ""))
    }
}

/// The environment after `lead`; empty when there is none.
pub(super) fn in_env(p: &Parsed, lead: &str) -> String {
    p.env
        .as_ref()
        .map_or_else(String::new, |env| format!("{lead}{env}"))
}

/// An input after `lead`; empty when it was not given.
pub(super) fn input(p: &Parsed, name: &str, lead: &str) -> String {
    p.inputs
        .get(name)
        .map_or_else(String::new, |value| format!("{lead}{value}"))
}

/// An input, or a question mark.
pub(super) fn text_of(p: &Parsed, name: &str) -> String {
    p.inputs
        .get(name)
        .cloned()
        .unwrap_or_else(|| "?".to_owned())
}

/// "run 41", "the last failed run of web in prod since 02:00": the criteria of
/// [`crate::command::run_ref::RunRef`].
pub(super) fn run_of(p: &Parsed) -> String {
    let last = match p.inputs.get("run").map(String::as_str) {
        None | Some("last") => "the last",
        Some("last_failed") => "the last failed",
        Some(number) => return format!("run {number}"),
    };
    format!("{last}{} run", input(p, "kind", " "))
        + &services_of(p, " of ")
        + &in_env(p, " in ")
        + &input(p, "since", " since ")
}

/// "for 2h", "until 18:00".
pub(super) fn until(p: &Parsed) -> String {
    input(p, "for", " for ") + &input(p, "until", " until ")
}

/// "a, b and c".
pub(super) fn list(names: &[String], last: &str) -> String {
    match names {
        [] => String::new(),
        [one] => one.clone(),
        [head @ .., tail] => format!("{} {last} {tail}", head.join(", ")),
    }
}

/// "staging is healthy", "api in staging is not healthy".
pub(super) fn condition(check: &Parsed) -> String {
    let what = match (&check.env, check.services.is_empty()) {
        (Some(env), true) => env.clone(),
        _ => target(check, "everything") + &in_env(check, " in "),
    };
    let many = check.services.len() > 1;
    format!(
        "{what} {}{}",
        if many { "are" } else { "is" },
        if check.negated {
            " not healthy"
        } else {
            " healthy"
        }
    )
}

/// The canonical sentence of an understood link, its condition included.
pub(super) fn restate(p: &Parsed, intent: &Intent) -> String {
    let mut sentence = (intent.restate)(p);
    if let Some(check) = &p.only_if {
        sentence.push_str(" only if ");
        sentence.push_str(&condition(check));
    }
    sentence
}

/// Message for an intent that is not available.
pub(super) fn unavailable(what: &str) -> String {
    format!("{what} is not available in this version")
}

/// The question for a missing slot.
pub(super) fn ask(slot: &str, p: &Parsed, environments: &[String]) -> String {
    match slot {
        "env" if environments.is_empty() => {
            "in which environment? none is known yet: apply a stack file first".to_owned()
        }
        "env" => format!("in which environment: {}?", list(environments, "or")),
        "services" => format!(
            "which services? say a name, or \"all services\"{}",
            in_env(p, " in ")
        ),
        "run" => "which run? say its number, \"last\" or \"last failed\"".to_owned(),
        "routine" => "which routine?".to_owned(),
        "runbook" => "which runbook? `runbooks` lists them".to_owned(),
        "replicas" => "to how many replicas?".to_owned(),
        "alert" => "which alert? say its number or its service".to_owned(),
        "title" => "what is its title? put it in quotes".to_owned(),
        "subject" => "about what?".to_owned(),
        "text" => "which text?".to_owned(),
        "value" => "to which value?".to_owned(),
        other => format!("which {other}?"),
    }
}

/// The line for a link that is not fully understood.
pub(super) fn question(p: &Parsed, objections: &[String], environments: &[String]) -> String {
    if let Some(first) = objections.first() {
        return first.clone();
    }
    if !p.unknown.is_empty() {
        return format!("not understood: {}", list(&p.unknown, "and"));
    }
    if let [one] = p.ambiguous.as_slice() {
        return format!("did you mean \"{one}\"?");
    }
    if !p.ambiguous.is_empty() {
        return format!("which one: {}?", list(&p.ambiguous, "or"));
    }
    p.missing
        .first()
        .map_or_else(String::new, |slot| ask(slot, p, environments))
}

/// The line of a whole chain.
pub(super) fn chain(links: &[Parsed], worst: ParseOutcome) -> String {
    let fine = matches!(
        worst,
        ParseOutcome::Plan | ParseOutcome::Action | ParseOutcome::View
    );
    if fine {
        return links
            .iter()
            .map(|l| l.message.as_str())
            .collect::<Vec<_>>()
            .join(", then ");
    }
    links
        .iter()
        .find(|l| l.outcome == worst)
        .map_or_else(String::new, |l| l.message.clone())
}
