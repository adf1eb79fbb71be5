//! Suggestions for unsupported actions and for texts without a verb.

use super::explain;
use super::intent::{CANCEL_RUN, HEALTHCHECK, Intent, ROUTINES};
use super::link::Link;
use super::names::Name;
use super::pattern::Words;
use super::reading::Reading;
use super::slots;
use super::verb::Hit;
use super::{ParseOutcome, Parsed};

/// "stop web in prod": not supported; one of two commands may be meant.
pub(super) fn stop_service(r: &mut Reading<'_>, hit: &Hit, intent: &Intent) -> Option<Link> {
    let stops = hit.found.used.len() == 1
        && matches!(r.word(hit.found.used[0]), "stop" | "kill" | "terminate");
    let about_run = r.has_input("run")
        || r.words.clone().any(|i| {
            matches!(
                r.word(i),
                "run" | "runs" | "deploy" | "deployment" | "rollback" | "restart" | "job"
            )
        });
    if !stops || intent != CANCEL_RUN || about_run || r.out.services.is_empty() {
        return None;
    }
    let what = explain::target(&r.out, "") + &explain::in_env(&r.out, " in ");
    let to_zero = format!(
        "scale {} to 0{}",
        explain::target(&r.out, ""),
        explain::in_env(&r.out, " in ")
    );
    let mut parsed = Parsed {
        outcome: ParseOutcome::Suggest,
        message: format!("services are not stopped: scale {what} to 0, or restart it"),
        ..r.out.clone()
    };
    parsed.suggestions = vec![to_zero, format!("restart {what}")];
    Some(Link {
        parsed,
        intent: None,
        mutates: false,
        refused: false,
        doubt: r.doubt,
        suspects: Vec::new(),
    })
}

/// "start web in prod": not supported, like stopping.
pub(super) fn start_service(r: &Reading<'_>, hit: &Hit) -> Option<Link> {
    let starts =
        hit.found.used.len() == 1 && matches!(r.word(hit.found.used[0]), "start" | "launch");
    let service = r
        .spans
        .within(r.words.clone())
        .flat_map(|s| &s.names)
        .find_map(Name::service)?;
    if !starts {
        return None;
    }
    let message = format!(
        "services are not started here: to do it, say restart, scale or deploy, and where {service} runs"
    );
    let parsed = Parsed {
        outcome: ParseOutcome::Suggest,
        message,
        suggestions: read_only_commands(r),
        ..Parsed::default()
    };
    Some(Link {
        parsed,
        intent: None,
        mutates: false,
        refused: false,
        doubt: r.doubt,
        suspects: Vec::new(),
    })
}

/// "skip step x of run 41": here "skip" is not a refusal; steps are skipped elsewhere.
pub(super) fn skip_step(r: &Reading<'_>) -> Option<Link> {
    let mut at = r.words.start;
    while let Some(n) = r.phrase(&r.lexicon.fillers, at) {
        at += n;
    }
    let step = (at + 1..r.words.end).find(|&i| !r.skippable(i))?;
    if r.word(at) != "skip" || !matches!(r.word(step), "step" | "steps") {
        return None;
    }
    let number = r
        .find_run()
        .map(|(_, run)| run)
        .filter(|run| run.bytes().all(|b| b.is_ascii_digit()));
    let run = number.map_or_else(
        || "show the last run".to_owned(),
        |run| format!("show run {run}"),
    );
    let parsed = Parsed {
        outcome: ParseOutcome::Suggest,
        message: "steps are skipped in the view of the run, or with `opsroom skip RUN STEP --reason TEXT`".to_owned(),
        suggestions: vec![run],
        ..Parsed::default()
    };
    Some(Link {
        parsed,
        intent: None,
        mutates: false,
        refused: false,
        doubt: r.doubt,
        suspects: Vec::new(),
    })
}

/// Read-only commands about the named objects, as far as they exist: a service in an environment
/// that it has, a routine, a view that this version has. A suggestion never changes anything.
pub(super) fn read_only_commands(r: &Reading<'_>) -> Vec<String> {
    let mut read = r.clone();
    slots::fill(&mut read, HEALTHCHECK);
    let mut out = Vec::new();
    if let Some(routine) = routine_named(r).filter(|_| ROUTINES.available) {
        out.push(format!("show {routine}"));
    }
    let env = read.envs.first();
    let can_check = r.catalogue.runbooks.contains_key("healthcheck");
    match read.out.services.iter().find(|s| *s != "*") {
        Some(service) => {
            let has = r.catalogue.service_environments.get(service);
            let place = env
                .filter(|e| has.is_some_and(|has| has.contains(e)))
                .map(|e| format!(" in {e}"));
            if can_check {
                out.push(format!("check {service}{}", place.unwrap_or_default()));
            }
            let looks = ["show ", "runs of ", "logs of "];
            out.extend(looks.map(|look| format!("{look}{service}")));
        }
        None => match env {
            Some(env) if can_check => {
                out.extend([format!("check {env}"), format!("runs in {env}")]);
            }
            Some(env) => out.push(format!("runs in {env}")),
            None => out.extend([
                "health".to_owned(),
                "services".to_owned(),
                "runs".to_owned(),
            ]),
        },
    }
    out.push("help".to_owned());
    out
}

fn routine_named<'a>(r: &'a Reading<'_>) -> Option<&'a str> {
    let mut names = r.spans.within(r.words.clone()).flat_map(|s| &s.names);
    names.find_map(|n| {
        if let Name::Routine(name) = n {
            Some(name.as_str())
        } else {
            None
        }
    })
}
