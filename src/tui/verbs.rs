//! What can be done with the selected rows: the menus behind one key. A change becomes the command
//! that a person would type, and goes through the same plan card.

use super::destination::Destination;
use super::msg::{Effect, Overview, RunFilter};
use super::pane::stack::service;
use super::popup::confirm::Confirm;
use super::popup::menu::{Menu, MenuChoice, MenuEntry, keys_for};
use crate::core::base::time::Timestamp;
use crate::core::command::typed_name;
use crate::core::run::RunStatus;
use crate::core::run::orders::Pace;
use crate::core::run::summary::RunSummary;
use crate::core::stack::service::{Service, Stack, Verb};

/// How a verb is offered and typed.
struct Offer {
    key: char,
    verb: Verb,
    label: &'static str,
    /// The command for the services `of` in the environment `place`.
    command: fn(of: &str, place: &str) -> String,
}

const OFFERS: [Offer; 7] = [
    Offer {
        key: 'c',
        verb: Verb::Probe,
        label: "check",
        command: |of, place| format!("check {of}{place}"),
    },
    Offer {
        key: 'r',
        verb: Verb::Restart,
        label: "restart",
        command: |of, place| format!("restart {of}{place}"),
    },
    Offer {
        key: 'd',
        verb: Verb::Deploy,
        label: "deploy",
        command: |of, place| format!("deploy {of}{place}"),
    },
    Offer {
        key: 'b',
        verb: Verb::Rollback,
        label: "roll back",
        command: |of, place| format!("roll back {of}{place}"),
    },
    Offer {
        key: 's',
        verb: Verb::Scale,
        label: "scale",
        command: |of, place| format!("scale {of}{place}"),
    },
    Offer {
        key: 'k',
        verb: Verb::Backup,
        label: "back up",
        command: |of, place| format!("back up {of}{place}"),
    },
    Offer {
        key: 'm',
        verb: Verb::SchemaSync,
        label: "sync schema",
        command: |of, place| format!("sync schema of {of}{place}"),
    },
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
            MenuChoice::Command((offer.command)(&of, ""))
        }
        [] if offer.verb == Verb::Probe => MenuChoice::Command((offer.command)(&of, "")),
        [] if services.len() == 1 => {
            MenuChoice::Impossible("in none of its environments".to_owned())
        }
        [] => MenuChoice::Impossible("no environment that all of them have".to_owned()),
        [(env, _)] => MenuChoice::Command((offer.command)(&of, &in_env(env))),
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
            let command = (offer.command)(of, &in_env(env));
            let entry = MenuEntry::new(key, label, MenuChoice::Command(command)).noted(note);
            if reads { entry } else { entry.changing() }
        })
        .collect();
    if reads {
        let command = (offer.command)(of, "");
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
    let about = service::log_of(&name, None, overview, now);
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
