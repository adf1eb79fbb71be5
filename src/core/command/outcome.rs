//! Decides whether a parsed link becomes a plan, a question or a suggestion.

use std::ops::Range;

use super::explain;
use super::fuzzy::Known;
use super::intent::{HELP, Intent, Need};
use super::lexer::{Gap, Kind};
use super::link::Link;
use super::pattern::Words;
use super::reading::{Mark, Reading};
use super::spelling;
use super::suggest;
use super::{ParseOutcome, Parsed};

/// Message for a command that contains a doubt.
pub(super) const UNDECIDED: &str = "that sounds undecided: say it without the doubt to do it";

/// Classifies a link whose slots were read. `tail`: words of a condition that was not understood.
pub(super) fn classify(
    mut r: Reading<'_>,
    intent: &'static Intent,
    tail: Option<&Range<usize>>,
) -> Link {
    let mutates = r.mutates(intent);
    let all = r.words.start..tail.map_or(r.words.end, |t| t.end.max(r.words.end));
    let all = tail.map_or(all.clone(), |t| t.start.min(all.start)..all.end);
    if let Some(tail) = tail {
        let typed = r.text.raw(tail);
        r.objections.push(format!(
            "the condition \"{typed}\" is not understood: say \"only if staging is healthy\""
        ));
    }
    if mutates {
        objections(&mut r, &all);
    }
    several_environments(&mut r, intent, mutates);
    environments_of_services(&mut r, intent);
    missing(&mut r, intent, mutates);
    let mut suspects = std::mem::take(&mut r.misspelt_notes);
    suspects.extend(spelling::suspects(&r, &r.words, |known| {
        !mutates || known != Known::Word
    }));
    if let Some(tail) = tail {
        // "if the tests pass": words of a condition can be names and states, but not verbs.
        suspects.extend(spelling::suspects(&r, tail, |known| {
            !matches!(known, Known::Verb(_))
        }));
    }
    unread(&mut r, &all);
    r.out.mutates = mutates;
    let nowhere = mutates
        && r.env_or_object_free()
        && !r.out.unknown.is_empty()
        && r.out
            .unknown
            .iter()
            .all(|w| r.lexicon.no_targets.contains(&w.to_lowercase()));
    if intent.outcome == ParseOutcome::Plan {
        r.out.inputs.extend(r.given.iter().cloned());
    }
    // Asking how to do something is not a command to do the rest.
    let doubt = r.doubt || intent == HELP;
    let mut link = Link {
        parsed: Parsed::default(),
        intent: Some(intent),
        mutates,
        refused: false,
        doubt,
        suspects,
    };
    r.out.outcome = if nowhere {
        suggest_nowhere(&mut r, intent);
        ParseOutcome::Suggest
    } else if r.unclear() {
        r.out.message = explain::question(&r.out, &r.objections, &r.catalogue.environments);
        ParseOutcome::Question
    } else {
        r.out.message = explain::restate(&r.out, intent);
        intent.outcome
    };
    if !intent.available {
        refuse_unavailable(&mut r.out, intent);
    }
    link.parsed = r.out;
    link
}

/// Keeps the parsed slots and drops the suggestions of an intent that is not available.
pub(super) fn refuse_unavailable(out: &mut Parsed, intent: &Intent) {
    out.unavailable = Some(intent.label());
    out.message = explain::unavailable(&intent.label());
    out.suggestions.clear();
    out.ambiguous.clear();
}

impl Reading<'_> {
    fn unclear(&self) -> bool {
        let o = &self.out;
        !(o.missing.is_empty()
            && o.unknown.is_empty()
            && o.ambiguous.is_empty()
            && self.objections.is_empty())
    }

    fn env_or_object_free(&self) -> bool {
        self.envs.is_empty()
            && self.out.services.is_empty()
            && self.out.routine.is_none()
            && self.out.inputs.is_empty()
    }
}

/// Objections to a changing command: a doubt, a question mark, an unclosed quotation.
fn objections(r: &mut Reading<'_>, words: &Range<usize>) {
    if r.doubt {
        r.objections.push(UNDECIDED.to_owned());
    }
    let open = words
        .clone()
        .any(|i| r.text.token(i).kind == Kind::Quoted { closed: false });
    if open {
        r.objections.push("a quotation is not closed".to_owned());
    }
    if is_question(r, words) {
        r.objections
            .push("was that a question? say it without the question mark to do it".to_owned());
    }
    if r.all_envs {
        r.objections
            .push("one environment at a time: chain them with \"then\"".to_owned());
    }
}

/// A question mark without "could you": the last one applies to the whole text, others to their own
/// link.
fn is_question(r: &Reading<'_>, words: &Range<usize>) -> bool {
    let Some(&last) = r.text.questions.last() else {
        return false;
    };
    let end = if words.end < r.text.words.len() {
        r.text.token(words.end).start
    } else {
        r.text.src.len()
    };
    let bytes = r.text.token(words.start).start..end;
    let all = r.text.words.len();
    let favour = (0..all).any(|i| r.lexicon.favours.longest_at(r, i, all).is_some());
    let whole = r.text.tokens.last().is_some_and(|t| t.start < last);
    !favour && (whole || r.text.questions.iter().any(|q| bytes.contains(q)))
}

/// Two environments without "then": both readings and the chain.
fn several_environments(r: &mut Reading<'_>, intent: &'static Intent, mutates: bool) {
    if r.envs.len() < 2 {
        return;
    }
    let one = |env: &String| {
        (intent.restate)(&Parsed {
            env: Some(env.clone()),
            ..r.out.clone()
        })
    };
    let mut readings: Vec<String> = r.envs.iter().map(one).collect();
    let mut chain = readings.first().cloned().unwrap_or_default();
    for reading in &readings[1..] {
        chain.push_str(" then ");
        chain.push_str(reading);
    }
    readings.push(chain);
    r.out.ambiguous = readings;
    if mutates {
        r.objections.push(format!(
            "two environments: {}? say \"then\" to do one after the other",
            explain::list(&r.envs, "or")
        ));
    }
}

/// Objects to services that do not run in the given environment.
fn environments_of_services(r: &mut Reading<'_>, intent: &Intent) {
    let Some(env) = r.out.env.clone() else { return };
    for service in &r.out.services.clone() {
        let Some(has) = r
            .catalogue
            .service_environments
            .get(service)
            .filter(|has| !has.contains(&env))
        else {
            continue;
        };
        let objection = match has.as_slice() {
            [] => format!("{service} has no environments"),
            _ => format!(
                "{service} runs in {}, not in {env}",
                explain::list(has, "and")
            ),
        };
        r.objections.push(objection);
        // A change in another environment is a different change: the message names it, no
        // suggestion.
        if !r.mutates(intent) {
            let there = |e: &String| {
                (intent.restate)(&Parsed {
                    env: Some(e.clone()),
                    ..r.out.clone()
                })
            };
            r.out.suggestions = has.iter().map(there).collect();
        }
    }
}

fn missing(r: &mut Reading<'_>, intent: &Intent, mutates: bool) {
    let o = &r.out;
    let has_input = |name: &str| {
        let given = intent.outcome == ParseOutcome::Plan && r.given.iter().any(|(n, _)| n == name);
        given || o.inputs.contains_key(name)
    };
    let mut slots: Vec<String> = Vec::new();
    for need in intent.needs {
        let (filled, slot) = match need {
            Need::Env => (!r.envs.is_empty(), "env"),
            Need::Services => (!o.services.is_empty(), "services"),
            Need::Routine => (o.routine.is_some(), "routine"),
            Need::Run => (o.inputs.contains_key("run"), "run"),
            Need::Runbook => (o.runbook.is_some(), "runbook"),
            Need::TwoRuns => (
                o.inputs.contains_key("from") && o.inputs.contains_key("to"),
                "run",
            ),
            Need::EnvOrServices => (!r.envs.is_empty() || !o.services.is_empty(), "env"),
            Need::AlertOrServices => (
                o.inputs.contains_key("alert") || !o.services.is_empty(),
                "alert",
            ),
            Need::RoutineOrServices => (o.routine.is_some() || !o.services.is_empty(), "routine"),
            Need::Input(name) => (has_input(name), *name),
        };
        if !filled {
            slots.push(slot.to_owned());
        }
    }
    if let Some(runbook) = r.runbook {
        let declared = |names: &[&str]| {
            runbook
                .inputs
                .iter()
                .any(|(n, required)| *required && names.contains(&n.as_str()))
        };
        let placed = mutates && !runbook.placeless;
        if (placed || declared(&["env", "environment"])) && r.envs.is_empty() {
            slots.push("env".to_owned());
        }
        if declared(&["service", "services"]) && o.services.is_empty() {
            slots.push("services".to_owned());
        }
        let plain = |name: &str| !matches!(name, "env" | "environment" | "service" | "services");
        slots.extend(
            runbook
                .inputs
                .iter()
                .filter(|(n, required)| *required && plain(n) && !has_input(n))
                .map(|(n, _)| n.clone()),
        );
    }
    r.out.missing = slots;
}

/// Lists the unread words, one entry per token.
fn unread(r: &mut Reading<'_>, words: &Range<usize>) {
    let mut last = None;
    for at in words.clone().filter(|&i| matches!(r.marks[i], Mark::Free)) {
        let token = r.text.words[at].token;
        if last != Some(token) {
            let t = &r.text.tokens[token];
            r.out.unknown.push(if t.raw.is_empty() {
                "\"\"".to_owned()
            } else {
                t.raw.clone()
            });
            r.out.unknown_at.push((t.start, t.end));
        }
        last = Some(token);
    }
}

/// "release notes": a noun phrase, not a command.
fn suggest_nowhere(r: &mut Reading<'_>, intent: &Intent) {
    r.out.mutates = false;
    let words = explain::list(&r.out.unknown, "and");
    r.out.message = format!("nothing here is called {words}: say \"{}\"", intent.form);
    r.out.suggestions = suggest::read_only_commands(r);
}

/// Doubts after the verb: "deploy web to prod maybe".
pub(super) fn late_doubts(r: &mut Reading<'_>) {
    for at in r.words.clone() {
        let n = r.phrase(&r.lexicon.doubts, at).unwrap_or(0);
        let filler = r.phrase(&r.lexicon.fillers, at).unwrap_or(0);
        if n > filler && r.spans.at(at).is_none() {
            r.mark(at..at + n, Mark::Doubt);
            r.doubt = true;
        }
    }
}

/// Whether the link is cancelled: "… never mind".
pub(super) fn dismissed(r: &Reading<'_>) -> bool {
    r.words.clone().any(|at| {
        let n = r
            .lexicon
            .dismissals
            .longest_at(r, at, r.words.end)
            .unwrap_or(0);
        let polite = r
            .lexicon
            .fillers
            .longest_at(r, at, r.words.end)
            .unwrap_or(0);
        let alone = r.words.start == at
            || r.text.gap(at) >= Gap::Comma
            || at + n >= r.words.end
            || r.glued(at);
        n > polite && alone
    })
}
