//! What can be done with the selected rows: the menus behind one key. A change becomes the command
//! that a person would type, and goes through the same plan card.

use super::destination::Destination;
use super::keys::Action;
use super::msg::{Effect, Overview, RunFilter};
use super::pane::stack::target::log_of;
use super::popup::confirm::Confirm;
use super::popup::menu::{Menu, MenuChoice, MenuEntry, keys_for};
use crate::core::base::time::Timestamp;
use crate::core::command::typed_name;
use crate::core::run::RunStatus;
use crate::core::run::act::Act;
use crate::core::run::lockout::LockEnd;
use crate::core::run::orders::Pace;
use crate::core::run::summary::RunSummary;
use crate::core::stack::service::{Service, Stack, Verb};
use crate::core::stack::state::State;

/// How a verb is offered and typed.
struct Offer {
    key: char,
    verb: Verb,
    label: &'static str,
    /// The words before the services of the command.
    words: &'static str,
}

impl Offer {
    const fn new(key: char, verb: Verb, label: &'static str, words: &'static str) -> Self {
        Self {
            key,
            verb,
            label,
            words,
        }
    }

    /// The command for the services `of` in the environment `place`.
    fn command(&self, of: &str, place: &str) -> String {
        format!("{} {of}{place}", self.words)
    }
}

const OFFERS: [Offer; 7] = [
    Offer::new('c', Verb::Probe, "check", "check"),
    Offer::new('r', Verb::Restart, "restart", "restart"),
    Offer::new('d', Verb::Deploy, "deploy", "deploy"),
    Offer::new('b', Verb::Rollback, "roll back", "roll back"),
    Offer::new('s', Verb::Scale, "scale", "scale"),
    Offer::new('k', Verb::Backup, "back up", "back up"),
    Offer::new('m', Verb::SchemaSync, "sync schema", "sync schema of"),
];

/// The menu for services; `None` if none of them exists any more.
#[must_use]
pub fn of_services(names: &[String], overview: &Overview, now: Timestamp) -> Option<Menu> {
    let stack = &*overview.stack;
    let services: Vec<&Service> = names.iter().filter_map(|n| stack.service(n)).collect();
    let (title, one) = match services.as_slice() {
        [] => return None,
        [one] => (one.name.clone(), Some(*one)),
        many => (format!("{} services", many.len()), None),
    };
    let mut entries: Vec<MenuEntry> = OFFERS
        .iter()
        .filter_map(|offer| verb_entry(offer, &services, stack))
        .collect();
    entries.extend(one.into_iter().flat_map(|one| looks(one, overview, now)));
    let all: Vec<&str> = services.iter().map(|s| s.name.as_str()).collect();
    entries.push(MenuEntry::new(
        'y',
        if one.is_some() {
            "copy the name"
        } else {
            "copy the names"
        },
        MenuChoice::Perform(Effect::Copy(all.join("\n"))),
    ));
    Some(Menu::new(&title, entries))
}

/// The entry of a verb, if one of the services has it.
fn verb_entry(offer: &Offer, services: &[&Service], stack: &Stack) -> Option<MenuEntry> {
    let able = |s: &&&Service| s.actions.iter().any(|action| action.verb == offer.verb);
    let count = services.iter().filter(able).count();
    if count == 0 {
        return None;
    }
    let entry = |choice| {
        let entry = MenuEntry::new(offer.key, offer.label, choice);
        if offer.verb == Verb::Probe {
            entry
        } else {
            entry.changing()
        }
    };
    if count < services.len() {
        let why = format!("{count} of {} have this", services.len());
        return Some(entry(MenuChoice::Impossible(why)));
    }
    let of: Vec<&str> = services.iter().map(|s| s.name.as_str()).collect();
    let of = of.join(" and ");
    let places = places(offer.verb, services, stack);
    let choice = match places.as_slice() {
        [] if services.iter().all(|s| s.environments.is_empty()) => {
            MenuChoice::Command(offer.command(&of, ""))
        }
        [] if offer.verb == Verb::Probe => MenuChoice::Command(offer.command(&of, "")),
        [] if services.len() == 1 => {
            MenuChoice::Impossible("in none of its environments".to_owned())
        }
        [] => MenuChoice::Impossible("no environment that all of them have".to_owned()),
        [(env, _)] => MenuChoice::Command(offer.command(&of, &in_env(env))),
        many => MenuChoice::Menu(env_menu(offer, &of, many)),
    };
    let note = match (places.as_slice(), &choice) {
        ([(env, protected)], MenuChoice::Command(_)) => place_note(env, *protected),
        _ => String::new(),
    };
    Some(entry(choice).noted(note))
}

/// The environments in which all of the services have the verb, protected ones last.
fn places<'a>(verb: Verb, services: &[&Service], stack: &'a Stack) -> Vec<(&'a str, bool)> {
    let has = |service: &&Service, env: &str| {
        service.environments.iter().any(|own| own == env)
            && service.action(verb, Some(env)).is_some()
    };
    let mut places: Vec<(&str, bool)> = stack
        .environments
        .iter()
        .filter(|env| services.iter().all(|s| has(s, &env.name)))
        .map(|env| (env.name.as_str(), env.protected))
        .collect();
    places.sort_by_key(|(_, protected)| *protected);
    places
}

fn in_env(env: &str) -> String {
    format!(" in {env}")
}

fn place_note(env: &str, protected: bool) -> String {
    if protected {
        format!("in {} (protected)", env.to_uppercase())
    } else {
        format!("in {env}")
    }
}

fn env_menu(offer: &Offer, of: &str, places: &[(&str, bool)]) -> Menu {
    let reads = offer.verb == Verb::Probe;
    let keys = keys_for(places.iter().map(|(env, _)| *env));
    let mut entries: Vec<MenuEntry> = places
        .iter()
        .zip(keys)
        .map(|((env, protected), key)| {
            let label = if *protected {
                env.to_uppercase()
            } else {
                (*env).to_owned()
            };
            let note = if *protected { "protected" } else { "" };
            let command = offer.command(of, &in_env(env));
            let entry = MenuEntry::new(key, label, MenuChoice::Command(command)).noted(note);
            if reads { entry } else { entry.changing() }
        })
        .collect();
    if reads {
        let command = offer.command(of, "");
        entries.push(MenuEntry::new(
            '*',
            "everywhere",
            MenuChoice::Command(command),
        ));
    }
    Menu::new(&format!("{} {of} in …", offer.label), entries)
}

/// What one service leads to.
fn looks(service: &Service, overview: &Overview, now: Timestamp) -> Vec<MenuEntry> {
    let name = service.name.clone();
    let about = log_of(&name, None, overview, now);
    let log = about.map_or_else(
        || MenuChoice::Impossible("none of the newest runs worked on it".to_owned()),
        |run| MenuChoice::Open(Destination::Log { run }),
    );
    let note = about.map(|run| format!("of run {run}")).unwrap_or_default();
    let runs = RunFilter {
        service: Some(name.clone()),
        ..RunFilter::default()
    };
    let mut entries = vec![
        MenuEntry::new('l', "log", log).noted(note),
        MenuEntry::new(
            'u',
            "runs",
            MenuChoice::Open(Destination::Runs { filter: runs }),
        ),
        MenuEntry::new(
            'o',
            "open",
            MenuChoice::Open(Destination::Service { name, env: None }),
        )
        .noted("state, owner, changes, what needs it"),
        MenuEntry::new(
            'a',
            "audit log",
            MenuChoice::Command(format!("what changed on {}", service.name)),
        ),
    ];
    let lock = MenuChoice::Type(format!("lock {} in ", service.name));
    entries.push(MenuEntry::new('x', "lock", lock).changing());
    let links: Vec<MenuEntry> = keys_for(service.links.keys().map(String::as_str))
        .into_iter()
        .zip(&service.links)
        .map(|(key, (title, url))| {
            MenuEntry::new(key, title, MenuChoice::Perform(Effect::Copy(url.clone()))).noted(url)
        })
        .collect();
    if !links.is_empty() {
        let menu = Menu::new("copy the address of …", links);
        entries.push(MenuEntry::new('w', "links", MenuChoice::Menu(menu)));
    }
    entries
}

/// The menu for a runbook.
#[must_use]
pub fn of_runbook(name: &str) -> Menu {
    let runs = RunFilter {
        runbook: Some(name.to_owned()),
        ..RunFilter::default()
    };
    let entries = vec![
        MenuEntry::new(
            'r',
            "run",
            MenuChoice::Type(format!("run {} ", typed_name(name))),
        )
        .noted("puts it into the command bar"),
        MenuEntry::new(
            'o',
            "open",
            MenuChoice::Open(Destination::Runbook {
                name: name.to_owned(),
            }),
        )
        .noted("text, inputs, risks, steps"),
        MenuEntry::new(
            'u',
            "runs",
            MenuChoice::Open(Destination::Runs { filter: runs }),
        ),
        MenuEntry::new(
            'y',
            "copy the name",
            MenuChoice::Perform(Effect::Copy(name.to_owned())),
        ),
    ];
    Menu::new(name, entries)
}

/// The menu for a routine.
#[must_use]
pub fn of_routine(name: &str) -> Menu {
    let routine = || name.to_owned();
    let act = |act| MenuChoice::Perform(Effect::act(act));
    let reason = None;
    let run = Act::RunRoutine {
        routine: routine(),
        reason: reason.clone(),
    };
    let resume = Act::ResumeRoutine {
        routine: routine(),
        reason,
    };
    let entries = vec![
        MenuEntry::new(
            'o',
            "open",
            MenuChoice::Open(Destination::Routine { name: routine() }),
        )
        .noted("state, history, answers"),
        MenuEntry::new(
            'v',
            "chart",
            MenuChoice::Open(Destination::Chart { name: routine() }),
        )
        .noted("latency and states over time"),
        MenuEntry::new('r', "run now", act(run))
            .noted("its schedule stays as it is")
            .changing(),
        MenuEntry::new('p', "pause …", MenuChoice::Menu(pauses_of(name))).changing(),
        MenuEntry::new('c', "continue", act(resume))
            .noted("ends the pause")
            .changing(),
        MenuEntry::new('w', "report …", MenuChoice::Menu(reports_of(name)))
            .noted("of a heartbeat, or a task of a person")
            .changing(),
        MenuEntry::new('e', "edit", MenuChoice::Act(Action::EditRoutine)).changing(),
        MenuEntry::new('d', "delete …", MenuChoice::Act(Action::DeleteRoutine))
            .noted("its results are kept")
            .changing(),
        MenuEntry::new(
            'y',
            "copy the name",
            MenuChoice::Perform(Effect::Copy(routine())),
        ),
    ];
    Menu::new(name, entries)
}

/// How a routine that waits for reports went.
fn reports_of(name: &str) -> Menu {
    let report = |(key, label, state): (char, &str, State)| {
        let report = Act::ReportRoutine {
            routine: name.to_owned(),
            state,
            note: None,
        };
        MenuEntry::new(key, label, MenuChoice::Perform(Effect::act(report))).changing()
    };
    let states = [
        ('o', "done, ok", State::Ok),
        ('d', "done with problems", State::Degraded),
        ('f', "failed", State::Failing),
    ];
    Menu::new(&format!("report {name}"), states.map(report).into())
}

/// For how long a routine is paused.
fn pauses_of(name: &str) -> Menu {
    const HOUR_MS: i64 = 3_600_000;
    let pause = |(key, label, ms): (char, &str, i64)| {
        let pause = Act::PauseRoutine {
            routine: name.to_owned(),
            end: LockEnd::For(ms),
            reason: None,
        };
        MenuEntry::new(key, label, MenuChoice::Perform(Effect::act(pause))).changing()
    };
    let lengths = [
        ('m', "30 minutes", HOUR_MS / 2),
        ('h', "1 hour", HOUR_MS),
        ('f', "4 hours", 4 * HOUR_MS),
        ('d', "1 day", 24 * HOUR_MS),
    ];
    Menu::new(&format!("pause {name}"), lengths.map(pause).into())
}

/// The menu for runs.
#[must_use]
pub fn of_runs(runs: &[&RunSummary]) -> Option<Menu> {
    match runs {
        [] => None,
        [run] => Some(of_run(run)),
        many => Some(of_many_runs(many)),
    }
}

fn of_run(run: &RunSummary) -> Menu {
    let id = run.id;
    let act = |key, label: &str, phrase: &str| {
        MenuEntry::new(
            key,
            label,
            MenuChoice::Command(format!("{phrase} {}", id.0)),
        )
        .changing()
    };
    let mut entries = vec![
        MenuEntry::new('o', "open", MenuChoice::Open(Destination::run(id)))
            .noted("steps, log, artifacts"),
        MenuEntry::new('l', "log", MenuChoice::Open(Destination::Log { run: id })),
    ];
    match run.status {
        RunStatus::Interrupted => entries.push(act('g', "resume", "resume run")),
        ended if ended.is_terminal() => {
            entries.push(act('t', "retry", "retry run"));
            if ended != RunStatus::Succeeded {
                let go_on = act('g', "go on from its failed step", "continue failed run");
                entries.push(go_on.noted("what succeeded is kept"));
            }
            if ended != RunStatus::Succeeded && run.services.len() > 1 {
                let targets = "retry failed targets of run";
                entries.push(act('f', "retry its failed targets", targets));
            }
        }
        _ => {
            entries.push(match run.orders.pace {
                Pace::Free => act('p', "pause", "pause run"),
                _ => act('g', "continue", "resume run"),
            });
            entries.push(act('x', "cancel", "cancel run"));
        }
    }
    let note = MenuChoice::Type(format!("note run {} ", id.0));
    entries.push(MenuEntry::new('n', "note", note).changing());
    if let [service] = run.services.as_slice() {
        let to = Destination::Service {
            name: service.clone(),
            env: run.env.clone(),
        };
        entries.push(MenuEntry::new('s', "its service", MenuChoice::Open(to)).noted(service));
    }
    let audit = MenuChoice::Command(format!("audit run {}", id.0));
    entries.push(MenuEntry::new('a', "audit log", audit));
    entries.push(MenuEntry::new(
        'y',
        "copy the line",
        MenuChoice::Perform(Effect::Copy(run.line())),
    ));
    Menu::new(&format!("run {id} {}", run.title), entries)
}

fn of_many_runs(runs: &[&RunSummary]) -> Menu {
    let live: Vec<&RunSummary> = runs
        .iter()
        .copied()
        .filter(|run| !run.status.is_terminal())
        .collect();
    let cancel = if live.is_empty() {
        MenuChoice::Impossible("all of them have ended".to_owned())
    } else {
        MenuChoice::Popup(Confirm::cancel_all(&live).into())
    };
    let lines: Vec<String> = runs.iter().map(|run| run.line()).collect();
    let entries = vec![
        MenuEntry::new('x', "cancel", cancel)
            .noted(format!("{} of {}", live.len(), runs.len()))
            .changing(),
        MenuEntry::new(
            't',
            "retry",
            MenuChoice::Impossible("one at a time: each has a plan to confirm".to_owned()),
        )
        .changing(),
        MenuEntry::new(
            'y',
            "copy the lines",
            MenuChoice::Perform(Effect::Copy(lines.join("\n"))),
        ),
    ];
    Menu::new(&format!("{} runs", runs.len()), entries)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::command::{Catalogue, parse};
    use crate::core::stack::service::Environment;

    #[test]
    fn every_offer_is_understood_as_its_verb_for_all_services_and_the_environment() {
        let service = |name: &str| Service {
            name: name.to_owned(),
            environments: vec!["staging".to_owned()],
            ..Service::default()
        };
        let stack = Stack {
            environments: vec![Environment {
                name: "staging".to_owned(),
                ..Environment::default()
            }],
            services: vec![service("web"), service("billing worker")],
            ..Stack::default()
        };
        let catalogue = Catalogue::new(&stack, &[]);
        let intents = [
            "healthcheck",
            "restart",
            "deploy",
            "rollback",
            "scale",
            "backup",
            "schema_sync",
        ];
        for (offer, intent) in OFFERS.iter().zip(intents) {
            let text = offer.command("billing worker and web", &in_env("staging"));
            let read = parse(&text, &catalogue);
            assert_eq!(read.intent, intent, "{text}: {read:?}");
            assert_eq!(read.env.as_deref(), Some("staging"), "{text}");
            assert_eq!(read.services, ["billing worker", "web"], "{text}");
            assert!(read.unknown.is_empty(), "{text}: {:?}", read.unknown);
        }
    }
}
