//! Order, columns and heads of the matrix.

use super::*;
use crate::health::observation::Observation;
use crate::stack::service::{Action, ActionCall, Environment, HttpRequest};

const NOW: Timestamp = Timestamp(10_000_000);

fn stack() -> Stack {
    let env = |name: &str, protected| Environment {
        name: name.to_owned(),
        protected,
        ..Environment::default()
    };
    let service = |name: &str, tier, envs: &[&str]| Service {
        name: name.to_owned(),
        tier,
        environments: envs.iter().map(|e| (*e).to_owned()).collect(),
        actions: vec![Action {
            verb: Verb::Probe,
            environments: Vec::new(),
            call: ActionCall::Http(HttpRequest::default()),
            timeout_ms: 1000,
            idempotent: true,
            secrets: Vec::new(),
        }],
        ..Service::default()
    };
    let mut stack = Stack {
        environments: vec![env("prod", true), env("dev", false)],
        services: vec![
            service("web", Tier::Standard, &["prod", "dev"]),
            service("mail", Tier::Critical, &["prod", "dev"]),
            service("queue", Tier::Standard, &["dev"]),
            service("api", Tier::Low, &["prod"]),
            service("crm", Tier::Low, &[]),
        ],
        ..Stack::default()
    };
    stack.services[4].actions.clear();
    stack
}

fn seen(service: &str, env: &str, state: State) -> (Target, TargetSummary) {
    let target = Target {
        service: service.to_owned(),
        env: Some(env.to_owned()),
    };
    let latest = Observation {
        target: target.clone(),
        at: NOW,
        state,
        latency_ms: None,
        message: "HTTP 200".to_owned(),
        run: None,
    };
    (target, TargetSummary::of(latest))
}

fn change(service: &str, at: i64) -> LastChange {
    LastChange {
        service: service.to_owned(),
        env: None,
        run: None,
        what: "edited".to_owned(),
        at: Timestamp(at),
        actor: "ana".to_owned(),
    }
}

fn matrix(
    states: &[(Target, TargetSummary)],
    changes: &[LastChange],
    sort: RowSort,
) -> (Matrix, Vec<String>) {
    let stack = stack();
    // Half of the probes of each observed target failed.
    let half = |(target, _): &(Target, TargetSummary)| {
        let day = Day {
            samples: 2,
            uptime_pct: Some(50.0),
            ..Day::default()
        };
        (target.clone(), day)
    };
    let data = MatrixData {
        stack: &stack,
        states,
        changes,
        days: &states.iter().map(half).collect(),
        now: NOW,
        max_age_ms: 1000,
    };
    let matrix = Matrix::new(data, sort);
    let rows = matrix.rows.iter().map(|row| row.target().to_string());
    let rows = rows.collect();
    (matrix, rows)
}

#[test]
fn the_worst_is_first_and_failing_in_a_protected_environment_before_all() {
    use State::{Degraded, Failing, Ok};
    for (states, wanted) in [
        (
            vec![],
            [
                "mail in prod",
                "web in prod",
                "api in prod",
                "queue in dev",
                "crm",
            ],
        ),
        (
            vec![
                seen("web", "dev", Ok),
                seen("web", "prod", Ok),
                seen("mail", "dev", Failing),
                seen("mail", "prod", Degraded),
                seen("queue", "dev", Degraded),
                seen("api", "prod", Failing),
            ],
            [
                "api in prod",
                "mail in dev",
                "queue in dev",
                "web in prod",
                "crm",
            ],
        ),
        (
            vec![
                seen("web", "dev", Degraded),
                seen("web", "prod", Ok),
                seen("mail", "dev", Ok),
                seen("mail", "prod", Ok),
                seen("queue", "dev", Ok),
            ],
            [
                "web in dev",
                "api in prod",
                "mail in prod",
                "queue in dev",
                "crm",
            ],
        ),
    ] {
        assert_eq!(matrix(&states, &[], RowSort::default()).1, wanted);
    }
}

#[test]
fn rows_are_also_in_the_order_of_names_or_changes() {
    let changes = [
        change("queue", 3),
        change("crm", 9),
        change("crm", 2),
        change("web", 5),
    ];
    let by = |sort: RowSort| matrix(&[], &changes, sort).1;
    let name = RowSort::default().chosen(RowOrder::Name);
    let mut rows = [
        "api in prod",
        "crm",
        "mail in prod",
        "queue in dev",
        "web in prod",
    ];
    assert_eq!(by(name), rows);
    rows.reverse();
    assert_eq!(by(name.chosen(RowOrder::Name)), rows, "the same again");
    assert_eq!(
        by(name.chosen(RowOrder::Changed)),
        [
            "crm",
            "web in prod",
            "queue in dev",
            "mail in prod",
            "api in prod"
        ]
    );
}

#[test]
fn rows_are_also_in_the_order_of_times_uptime_and_owners() {
    use State::{Failing, Ok};
    let states = [
        seen("web", "dev", Ok),
        seen("web", "prod", Failing),
        seen("mail", "dev", Ok),
    ];
    for (order, first) in [
        (RowOrder::Since, "web in prod"),
        (RowOrder::Uptime, "web in prod"),
        (RowOrder::Owner, "web in prod"),
    ] {
        let rows = matrix(&states, &[], RowSort::default().chosen(order)).1;
        assert_eq!((rows.len(), rows[0].as_str()), (5, first), "{order:?}");
    }
}

#[test]
fn a_sort_is_kept_as_text() {
    for order in RowOrder::ALL {
        for reversed in [false, true] {
            let sort = RowSort { order, reversed };
            assert_eq!(RowSort::from_name(&sort.name()), Some(sort));
        }
    }
    assert_eq!(RowSort::from_name("size"), None);
}

#[test]
fn protected_columns_are_last_and_a_row_knows_its_cells() {
    let states = [
        seen("web", "dev", State::Ok),
        seen("web", "prod", State::Failing),
    ];
    let (matrix, _) = matrix(&states, &[change("web", 5)], RowSort::default());
    let columns: Vec<_> = matrix
        .columns
        .iter()
        .map(|c| (c.env.as_str(), c.protected))
        .collect();
    assert_eq!(columns, [("dev", false), ("prod", true)]);
    let web = &matrix.rows[0];
    assert_eq!(web.service, "web");
    let state = |env: &str| web.cell(env).map(|cell| cell.now.state);
    assert_eq!(
        (state("dev"), state("prod"), state("staging")),
        (Some(State::Ok), Some(State::Failing), None)
    );
    assert_eq!(
        (web.worst().uptime_pct, web.worst().now.since),
        (Some(50.0), Some(NOW))
    );
    assert_eq!(web.change, Some(change("web", 5)));
    assert_eq!(matrix.failing_protected(), 1);
}

#[test]
fn a_head_is_never_cut_so_that_it_could_be_another() {
    for (names, width, wanted) in [
        (
            vec!["dev", "staging", "prod"],
            4,
            vec!["dev", "sta", "prod"],
        ),
        (
            vec!["dev", "staging", "prod"],
            7,
            vec!["dev", "staging", "prod"],
        ),
        (
            vec!["prod-eu", "prod-us", "dev"],
            5,
            vec!["prod-e", "prod-u", "dev"],
        ),
        (
            vec!["production", "production-eu"],
            4,
            vec!["production", "production-"],
        ),
    ] {
        assert_eq!(heads(&names, width), wanted, "{width}");
    }
}
