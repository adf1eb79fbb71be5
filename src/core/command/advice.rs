//! What is suggested instead: for acts there are none of, and for texts without a verb.

use super::explain;
use super::intent::Intent;
use super::judge::Link;
use super::names::Name;
use super::pattern::Words;
use super::reading::Reading;
use super::slots;
use super::verb::Hit;
use super::{ParseOutcome, Parsed};

/// "stop web in prod": no such act; there are two that may be meant.
pub(super) fn stop_service(r: &mut Reading<'_>, hit: &Hit, intent: &Intent) -> Option<Link> {
    let stops = hit.found.used.len() == 1 && matches!(r.word(hit.found.used[0]), "stop" | "kill" | "terminate");
    let about_run = r.has_input("run")
        || r.words
            .clone()
            .any(|i| matches!(r.word(i), "run" | "runs" | "deploy" | "deployment" | "rollback" | "restart" | "job"));
    if !stops || intent.name != "cancel_run" || about_run || r.out.services.is_empty() {
        return None;
    }
    let what = explain::target(&r.out, "") + &explain::in_env(&r.out, " in ");
    let to_zero = format!("scale {} to 0{}", explain::target(&r.out, ""), explain::in_env(&r.out, " in "));
    let mut parsed = Parsed {
        outcome: ParseOutcome::Suggest,
        message: format!("services are not stopped: scale {what} to 0, or restart it"),
        ..r.out.clone()
    };
    parsed.suggestions = vec![to_zero, format!("restart {what}")];
    Some(Link { parsed, intent: None, mutates: false, refused: false, doubt: r.doubt, suspects: Vec::new() })
}

/// "start web in prod": as little an act as stopping.
pub(super) fn start_service(r: &Reading<'_>, hit: &Hit) -> Option<Link> {
    let starts = hit.found.used.len() == 1 && matches!(r.word(hit.found.used[0]), "start" | "launch");
    let service = r.spans.within(r.words.clone()).flat_map(|s| &s.names).find_map(Name::service)?;
    if !starts {
        return None;
    }
    let place = explain::in_env(&Parsed { env: r.envs.first().cloned(), ..Parsed::default() }, " in ");
    let suggestions = vec![
        format!("restart {service}{place}"),
        format!("scale {service} to 1{place}"),
        format!("deploy {service}{}", place.replace(" in ", " to ")),
    ];
    let message = format!("services are not started: restart, scale or deploy {service}");
    let parsed = Parsed { outcome: ParseOutcome::Suggest, message, suggestions, ..Parsed::default() };
    Some(Link { parsed, intent: None, mutates: false, refused: false, doubt: r.doubt, suspects: Vec::new() })
}

/// "skip step x of run 41": here "skip" says no to nothing; what it asks for is done elsewhere.
pub(super) fn skip_step(r: &Reading<'_>) -> Option<Link> {
    let mut at = r.words.start;
    while let Some(n) = r.phrase(&r.lexicon.fillers, at) {
        at += n;
    }
    let step = (at + 1..r.words.end).find(|&i| !r.skippable(i))?;
    if r.word(at) != "skip" || !matches!(r.word(step), "step" | "steps") {
        return None;
    }
    let number = r.find_run().map(|(_, run)| run).filter(|run| run.bytes().all(|b| b.is_ascii_digit()));
    let run = number.map_or_else(|| "show the last run".to_owned(), |run| format!("show run {run}"));
    let parsed = Parsed {
        outcome: ParseOutcome::Suggest,
        message: "steps are skipped in the view of the run, or with `opsroom skip RUN STEP --reason TEXT`".to_owned(),
        suggestions: vec![run],
        ..Parsed::default()
    };
    Some(Link { parsed, intent: None, mutates: false, refused: false, doubt: r.doubt, suspects: Vec::new() })
}

/// Commands about the objects that were understood, else general ones.
pub(super) fn examples(r: &Reading<'_>) -> Vec<String> {
    let mut read = r.clone();
    if let Some(check) = Intent::named("healthcheck") {
        slots::fill(&mut read, check);
    }
    let env = read.envs.first().or(r.catalogue.environments.first()).map_or("staging", String::as_str);
    let service = read.out.services.iter().find(|s| *s != "*").or(r.catalogue.services.first());
    let mut out = Vec::new();
    if let Some(routine) = r
        .spans
        .within(r.words.clone())
        .find_map(|s| s.names.iter().find_map(|n| if let Name::Routine(x) = n { Some(x) } else { None }))
    {
        out.extend([format!("run {routine} now"), format!("pause {routine} for 1h")]);
    }
    match service {
        Some(service) => out.extend([
            format!("check {service} in {env}"),
            format!("show {service}"),
            format!("deploy {service} to {env}"),
        ]),
        None => out.extend([format!("check {env}"), format!("deploy {env}")]),
    }
    out.push("help".to_owned());
    out
}
