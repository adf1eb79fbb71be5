//! Differences between stacks: their description, and that applying them gives the new stack.

use std::collections::BTreeMap;

use proptest::prelude::*;
use proptest::sample::{select, subsequence};

use super::*;
use crate::stack::service::{Action, ActionCall, HttpRequest, Sla, Verb};
use crate::stack::shell::ShellCommand;

fn service(name: &str) -> Service {
    Service {
        name: name.to_owned(),
        ..Service::default()
    }
}

fn stack(services: Vec<Service>) -> Stack {
    Stack {
        workspace: "acme".to_owned(),
        timezone: "UTC".to_owned(),
        services,
        ..Stack::default()
    }
}

fn names(services: &[Service]) -> Vec<&str> {
    services.iter().map(|s| s.name.as_str()).collect()
}

/// The described difference of two services.
fn described(before: Service, after: Service) -> Vec<String> {
    diff(&stack(vec![before]), &stack(vec![after]))
        .iter()
        .flat_map(describe)
        .collect()
}

#[test]
fn new_deleted_and_changed_objects_are_distinguished() {
    let mut old = stack(vec![service("web"), service("crm")]);
    let mut new = stack(vec![service("api"), service("web")]);
    old.services[0].owner = Some("ana@acme.test".to_owned());
    new.services[1].owner = Some("bo@acme.test".to_owned());
    new.timezone = "Europe/Berlin".to_owned();
    new.contacts.push(Contact {
        name: "Ana".to_owned(),
        ..Contact::default()
    });
    let lines: Vec<String> = diff(&old, &new).iter().flat_map(describe).collect();
    assert_eq!(
        lines,
        [
            "~ timezone: UTC → Europe/Berlin",
            "- service crm",
            "+ service api",
            "~ service web: owner ana@acme.test → bo@acme.test",
            "+ contact Ana",
        ]
    );
}

#[test]
fn a_different_order_is_not_a_change() {
    let old = stack(vec![service("a"), service("b"), service("c")]);
    let new = stack(vec![service("c"), service("a"), service("b")]);
    assert_eq!(diff(&old, &new), []);
}

#[test]
fn new_objects_take_their_place_in_the_file() {
    let old = stack(vec![service("a"), service("b"), service("c")]);
    let new = stack(vec![
        service("x"),
        service("y"),
        service("a"),
        service("z"),
        service("c"),
    ]);
    assert_eq!(
        names(&apply_to(&old, &diff(&old, &new)).services),
        ["x", "y", "a", "z", "c"]
    );
}

#[test]
fn fields_are_called_as_in_the_file() {
    let call = |url: &str| {
        ActionCall::Http(HttpRequest {
            method: "GET".to_owned(),
            url: url.to_owned(),
            ..HttpRequest::default()
        })
    };
    let action = |call, timeout_ms| Action {
        verb: Verb::Deploy,
        environments: vec!["prod".to_owned()],
        call,
        timeout_ms,
        idempotent: false,
        secrets: vec![],
    };
    let before = Service {
        actions: vec![action(call("http://a.test"), 5000)],
        ..service("web")
    };
    let after = Service {
        actions: vec![action(call("http://b.test"), 60_000)],
        environments: vec!["prod".to_owned(), "dev".to_owned()],
        sla: Some(Sla {
            uptime_pct: Some(99.9),
            ..Sla::default()
        }),
        links: BTreeMap::from([("repo".to_owned(), "acme/web".to_owned())]),
        ..service("web")
    };
    assert_eq!(
        described(before, after),
        [
            "~ service web: action deploy (prod).http.url http://a.test → http://b.test",
            "~ service web: action deploy (prod).timeout 5s → 1m",
            "~ service web: environments – → [prod, dev]",
            "~ service web: links.repo – → acme/web",
            "~ service web: sla.uptime_pct – → 99.9",
        ]
    );
}

#[test]
fn differences_that_look_alike_are_still_described() {
    let with = |aliases: &[&str]| Service {
        aliases: aliases.iter().map(|&a| a.to_owned()).collect(),
        ..service("web")
    };
    assert_eq!(
        described(with(&["a", "b"]), with(&["a, b"])),
        ["~ service web: aliases [a, b] → [\"a, b\"]"]
    );
    let empty = Service {
        sla: Some(Sla::default()),
        ..service("web")
    };
    assert_eq!(
        described(service("web"), empty),
        ["~ service web: sla – → {}"]
    );
    let shell = |command| Service {
        actions: vec![Action {
            verb: Verb::Backup,
            environments: vec![],
            call: ActionCall::Shell(command),
            timeout_ms: 1,
            idempotent: false,
            secrets: vec![],
        }],
        ..service("web")
    };
    assert_eq!(
        described(
            shell(ShellCommand::Script("ls".to_owned())),
            shell(ShellCommand::Argv(vec!["ls".to_owned()]))
        ),
        ["~ service web: action backup.shell ls → [ls]"]
    );
    let notes = |text: &str| Service {
        notes: Some(text.to_owned()),
        ..service("web")
    };
    let long = "x".repeat(200);
    let lines = described(notes(&format!("{long}a")), notes(&format!("{long}b\n")));
    assert_eq!(lines.len(), 1);
    assert!(
        lines[0].contains("a → …") && lines[0].ends_with("b\\n"),
        "{lines:?}"
    );
}

fn some_service() -> impl Strategy<Value = Service> {
    let text = || {
        select(vec![
            None,
            Some("x".to_owned()),
            Some("y, z".to_owned()),
            Some("two\nlines".to_owned()),
        ])
    };
    (
        text(),
        text(),
        prop::collection::vec(select(vec!["a".to_owned(), "b".to_owned()]), 0..3),
    )
        .prop_map(|(owner, notes, environments)| Service {
            owner,
            notes,
            environments,
            ..Service::default()
        })
}

/// Stacks over a few names, so that two of them share some; in any order.
fn some_stack() -> impl Strategy<Value = Stack> {
    let services = subsequence(vec!["a", "b", "c", "d", "e", "f"], 0..=6)
        .prop_shuffle()
        .prop_flat_map(|names| {
            names
                .into_iter()
                .map(|n| {
                    some_service().prop_map(move |s| Service {
                        name: n.to_owned(),
                        ..s
                    })
                })
                .collect::<Vec<_>>()
        });
    let environments = subsequence(vec!["dev", "staging", "prod"], 0..=3)
        .prop_shuffle()
        .prop_flat_map(|names| {
            let one = |n: &'static str| {
                any::<bool>().prop_map(move |protected| Environment {
                    name: n.to_owned(),
                    protected,
                    ..Environment::default()
                })
            };
            names.into_iter().map(one).collect::<Vec<_>>()
        });
    let routines = subsequence(vec!["ping", "backup"], 0..=2).prop_flat_map(|names| {
        let one = |n: &'static str| {
            prop::option::of(1..3i64).prop_map(move |every_ms| Routine {
                name: n.to_owned(),
                every_ms,
                ..Routine::default()
            })
        };
        names.into_iter().map(one).collect::<Vec<_>>()
    });
    let maintenance = subsequence(vec!["patches", "move"], 0..=2).prop_flat_map(|names| {
        let one = |n: &'static str| {
            any::<bool>().prop_map(move |long| Maintenance {
                name: n.to_owned(),
                for_ms: Some(if long { 7_200_000 } else { 60_000 }),
                ..Maintenance::default()
            })
        };
        names.into_iter().map(one).collect::<Vec<_>>()
    });
    let contacts = subsequence(vec!["Ana", "Bo"], 0..=2).prop_map(|names| {
        names
            .into_iter()
            .map(|n| Contact {
                name: n.to_owned(),
                ..Contact::default()
            })
            .collect()
    });
    (
        select(vec!["UTC", "Europe/Berlin"]),
        environments,
        services,
        routines,
        maintenance,
        contacts,
    )
        .prop_map(
            |(timezone, environments, services, routines, maintenance, contacts)| Stack {
                workspace: "acme".to_owned(),
                timezone: timezone.to_owned(),
                environments,
                services,
                routines,
                maintenance,
                contacts,
            },
        )
}

fn sorted(mut stack: Stack) -> Stack {
    stack.environments.sort_by(|a, b| a.name.cmp(&b.name));
    stack.services.sort_by(|a, b| a.name.cmp(&b.name));
    stack.routines.sort_by(|a, b| a.name.cmp(&b.name));
    stack.maintenance.sort_by(|a, b| a.name.cmp(&b.name));
    stack.contacts.sort_by(|a, b| a.name.cmp(&b.name));
    stack
}

proptest! {
    #[test]
    fn applying_the_difference_gives_the_new_stack(old in some_stack(), new in some_stack()) {
        let reached = apply_to(&old, &diff(&old, &new));
        prop_assert_eq!(diff(&reached, &new), []);
        prop_assert_eq!(sorted(reached), sorted(new));
    }

    /// When the unchanged objects keep their order, the new order is reached too.
    #[test]
    fn the_order_of_the_file_is_reached(old in some_stack(), new in some_stack()) {
        let (old, new) = (sorted(old), sorted(new));
        prop_assert_eq!(apply_to(&old, &diff(&old, &new)), new);
    }

    #[test]
    fn nothing_differs_from_itself(stack in some_stack()) {
        prop_assert_eq!(diff(&stack, &stack), []);
    }

    #[test]
    fn every_change_is_described_on_lines_of_its_own(old in some_stack(), new in some_stack()) {
        for change in diff(&old, &new) {
            let lines = describe(&change);
            prop_assert!(!lines.is_empty(), "{:?}", change);
            prop_assert!(lines.iter().all(|l| !l.contains(char::is_control)), "{:?}", lines);
        }
    }

    #[test]
    fn changes_survive_json(old in some_stack(), new in some_stack()) {
        let changes = diff(&old, &new);
        let json = serde_json::to_string(&changes).unwrap();
        prop_assert_eq!(serde_json::from_str::<Vec<Change>>(&json).unwrap(), changes);
    }
}
