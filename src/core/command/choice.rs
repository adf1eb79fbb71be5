//! Phrases that several intents share: the named objects decide.

use super::called;
use super::intent::{Intent, Object, SERVICES, SHOW_SERVICE};
use super::pattern::Words;
use super::reading::Reading;
use super::verb::Hit;

/// The intent of a phrase that several intents share, by the named objects.
pub(super) enum Choice {
    One(&'static Intent),
    /// None of the objects they want was named.
    Several,
}

/// Takes the intent whose objects are there.
pub(super) fn choose(r: &Reading<'_>, hit: &Hit) -> Choice {
    const ORDER: [Object; 5] = [
        Object::Run,
        Object::Routine,
        Object::Runbook,
        Object::Service,
        Object::Env,
    ];
    let wanting = ORDER.iter().find_map(|&object| {
        let there = if object == Object::Runbook {
            runbook_after(r, hit.found.end).is_some()
        } else {
            r.mentions(object)
        };
        hit.intents
            .iter()
            .copied()
            .find(|i| there && i.wants.contains(&object))
    });
    if let Some(intent) = wanting {
        return Choice::One(intent);
    }
    let rest: Vec<&'static Intent> = hit
        .intents
        .iter()
        .copied()
        .filter(|i| i.wants.is_empty())
        .collect();
    let chosen = match (rest.as_slice(), hit.intents.as_slice()) {
        ([], [one]) => one,
        ([], _) => return Choice::Several,
        (all, _) => all
            .iter()
            .find(|i| i.with_objects.is_some())
            .unwrap_or(&all[0]),
    };
    let env_alone = r.mentions(Object::Env) && !r.mentions(Object::Service) && !r.mentions_all();
    if *chosen == SHOW_SERVICE && env_alone && is_show(r, hit) {
        return Choice::One(SERVICES);
    }
    let objects = r.mentions(Object::Env) || r.mentions(Object::Service) || r.mentions_all();
    Choice::One(chosen.with_objects.filter(|_| objects).unwrap_or(chosen))
}

/// The runbook named right after "run": where its name ends, and its name.
pub(super) fn runbook_after(
    r: &Reading<'_>,
    from: usize,
) -> Option<(std::ops::Range<usize>, String)> {
    if let Some(called) = called::name_after(r, from) {
        return Some(called);
    }
    let mut at = from;
    while at < r.words.end && (r.skippable(at) || matches!(r.word(at), "runbook" | "playbook")) {
        at += 1;
    }
    let (n, names) = r.catalogue.runbook_names.longest_at(r, at, r.words.end)?;
    let inside = r.spans.at(at).is_some_and(|s| s.words.len() > n);
    // Several names with the same words are ambiguous.
    let [name] = names else { return None };
    (!inside && r.is_free(at)).then(|| (at..at + n, name.clone()))
}

/// Whether the phrase only says to show: "show me prod".
fn is_show(r: &Reading<'_>, hit: &Hit) -> bool {
    let words: Vec<&str> = hit.found.used.iter().map(|&at| r.word(at)).collect();
    r.lexicon.show_verbs.contains(&words.join(" "))
}
