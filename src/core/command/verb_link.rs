//! Reads a link whose verb is known: its slots, its conditions and its outcome.

use super::ParseOutcome;
use super::choice;
use super::condition;
use super::intent::{self, Free, Intent, Need, Object};
use super::link::Link;
use super::outcome;
use super::reading::Reading;
use super::slots;
use super::suggest;
use super::verb::Hit;

/// Reads the rest of the link as this intent. `before`: the link it may take services from;
/// `leading`: the condition before the verb.
pub(super) fn read_intent(
    mut r: Reading<'_>,
    hit: &Hit,
    intent: &'static Intent,
    before: Option<&Link>,
    leading: Option<condition::Condition>,
) -> Link {
    let mut intent = intent;
    r.verb_end = hit.found.end;
    if intent.outcome == ParseOutcome::Plan
        && r.words.contains(&hit.found.end)
        && matches!(r.word(hit.found.end), "runbook" | "playbook")
    {
        r.soften(hit.found.end);
    }
    spend_verb(&mut r, hit, intent);
    if let Some(name) = &hit.runbook {
        r.runbook = r.catalogue.runbooks.get(name);
        r.out.runbook = Some(name.clone());
        take_captures(&mut r, hit);
    } else if intent.wants.contains(&Object::Runbook) {
        intent = named_runbook(&mut r, hit, intent);
    }
    let raw = intent.free.text().is_some();
    let mut tail = None;
    let mut conditions: Vec<condition::Condition> = leading.into_iter().collect();
    if !raw {
        outcome::late_doubts(&mut r);
        if let Some(c) = condition::trailing(&r)
            .filter(|c| c.check.is_some() || !matches!(intent.free, Free::Notes(_)))
        {
            r.words.end = c.words.start;
            conditions.push(c);
        }
    }
    slots::fill(&mut r, intent);
    name_plan(&mut r, intent);
    inherit(&mut r, intent, before, false);
    if conditions.len() > 1 {
        r.objections.push("one condition at a time".to_owned());
    }
    for condition in conditions {
        tail = condition.apply(&mut r).or(tail);
    }
    if let Some(link) = suggest::stop_service(&mut r, hit, intent) {
        return link;
    }
    let cancelled_what = intent == intent::CANCEL_RUN
        && r.out.inputs.is_empty()
        && r.out.services.is_empty()
        && r.envs.is_empty();
    if cancelled_what {
        let routines = Some(intent::PAUSE_ROUTINE)
            .filter(|i| i.available)
            .map(|i| i.form);
        let readings = ["cancel run N", "cancel the last run"]
            .into_iter()
            .chain(routines);
        r.out.ambiguous = readings.map(str::to_owned).collect();
    }
    outcome::classify(r, intent, tail.as_ref())
}

/// Marks the words of the verb, except words that are also a slot: "failed runs", "last run".
pub(super) fn spend_verb(r: &mut Reading<'_>, hit: &Hit, intent: &Intent) {
    let slot_words = |r: &Reading<'_>, at: usize| {
        let status = intent.inputs.contains(&"status")
            && r.lexicon
                .statuses
                .iter()
                .any(|(w, _)| w.len() == 1 && w[0] == r.word(at));
        status
            || (intent == intent::GO_ON_RUN
                && r.find_run_of_kind()
                    .is_some_and(|(run, ..)| run.contains(&at)))
            || (intent.takes_object(Object::Run)
                && r.find_run().is_some_and(|(run, _)| run.contains(&at)))
    };
    let used: Vec<usize> = hit
        .found
        .used
        .iter()
        .copied()
        .filter(|&at| !slot_words(r, at))
        .collect();
    let mut from = 0;
    while from < used.len() {
        let mut to = from + 1;
        while to < used.len() && used[to] == used[to - 1] + 1 {
            to += 1;
        }
        r.spend(&(used[from]..used[to - 1] + 1), "intent");
        from = to;
    }
}

/// `{input}` parts of a runbook's phrase. Environments and services are left to be read by name.
fn take_captures(r: &mut Reading<'_>, hit: &Hit) {
    for (name, words) in &hit.found.captures {
        if !matches!(
            name.as_str(),
            "env" | "environment" | "service" | "services"
        ) {
            let value = r.text.raw(words);
            r.set_input(name, value, words);
        }
    }
}

/// "run NAME": a built-in kind has its own intent.
fn named_runbook(r: &mut Reading<'_>, hit: &Hit, intent: &'static Intent) -> &'static Intent {
    let Some((words, name)) = choice::runbook_after(r, hit.found.end) else {
        return intent;
    };
    r.spend(&words, "runbook");
    for at in [words.start.wrapping_sub(1), words.end] {
        if r.words.contains(&at) && matches!(r.word(at), "runbook" | "playbook") {
            r.soften(at);
        }
    }
    if let Some(own) = intent::BUILT_IN
        .iter()
        .find(|n| **n == name)
        .and_then(|n| Intent::named(n))
    {
        return own;
    }
    r.runbook = r.catalogue.runbooks.get(&name);
    r.out.runbook = Some(name);
    intent
}

/// Intent and runbook name of the answer.
pub(super) fn name_plan(r: &mut Reading<'_>, intent: &Intent) {
    r.out.intent = match (&r.out.runbook, r.runbook) {
        (Some(name), Some(_)) => format!("runbook:{name}"),
        _ => intent.name.to_owned(),
    };
    if intent.outcome == ParseOutcome::Plan && r.out.runbook.is_none() {
        r.out.runbook = Some(intent.name.to_owned());
    }
}

/// A link takes the services of the one before, never its environment.
pub(super) fn inherit(r: &mut Reading<'_>, intent: &Intent, before: Option<&Link>, verb_too: bool) {
    let Some(before) =
        before.filter(|_| r.out.services.is_empty() && intent.takes_object(Object::Service))
    else {
        return;
    };
    let needed = intent
        .needs
        .iter()
        .any(|n| matches!(n, Need::Services | Need::AlertOrServices));
    let plan = intent.outcome == ParseOutcome::Plan
        && (intent.mutates || r.envs.is_empty())
        && !intent.inputs.contains(&"target");
    if verb_too || needed || plan {
        r.out.services.clone_from(&before.parsed.services);
    }
}
