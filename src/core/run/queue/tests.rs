//! The order of the queue, what runs wait for, and the messages about it.

use proptest::prelude::*;

use super::*;
use crate::run::concurrency::{Concurrency, Policy};

const NOW: Timestamp = Timestamp(1_795_000_000_000);

#[test]
fn higher_goes_first_and_waiting_weighs_as_much_as_priority() {
    use Lane::{Interactive, Routine};
    use Priority::{High, Low, Normal, Urgent};
    let rank = |minutes: i64, priority, lane| rank(NOW.plus_ms(minutes * 60_000), priority, lane);
    for (first, second) in [
        // Asked for at the same time, or a little later.
        ((0, Urgent, Interactive), (0, High, Interactive)),
        ((0, High, Interactive), (0, Normal, Interactive)),
        ((0, Normal, Interactive), (0, Low, Interactive)),
        ((59, High, Interactive), (0, Normal, Interactive)),
        ((1439, Urgent, Interactive), (0, Normal, Interactive)),
        ((5, Normal, Interactive), (0, Normal, Routine)),
        ((0, High, Routine), (1, Normal, Interactive)),
        // The same priority: the older one.
        ((0, Low, Interactive), (1, Low, Interactive)),
        // A run that has waited long enough goes first.
        ((0, Normal, Interactive), (61, High, Interactive)),
        ((0, Low, Interactive), (61, Normal, Interactive)),
        ((0, Low, Interactive), (1501, Urgent, Interactive)),
        ((0, Normal, Routine), (61, Normal, Interactive)),
    ] {
        let (a, b) = (
            rank(first.0, first.1, first.2),
            rank(second.0, second.1, second.2),
        );
        assert!(a < b, "{first:?} before {second:?}");
    }
}

proptest! {
    /// No run starves: one requested 26 hours later never goes first, whatever priorities the two
    /// have.
    #[test]
    fn a_run_requested_a_day_later_waits(a in 0..4_usize, b in 0..4_usize, routine in any::<bool>(), more in 0..1_000_000_i64) {
        let lane = if routine { Lane::Routine } else { Lane::Interactive };
        let late = rank(NOW.plus_ms(26 * HOUR_MS + 1 + more), Priority::ALL[a], Lane::Interactive);
        prop_assert!(rank(NOW, Priority::ALL[b], lane) < late);
    }
}

#[test]
fn a_read_only_plan_wants_its_group_and_a_changing_one_its_targets_too() {
    let concurrency = Some(Concurrency {
        group: "deploy-prod".to_owned(),
        policy: Policy::Queue,
    });
    let plan = Plan {
        services: vec!["web".to_owned()],
        concurrency,
        ..Plan::default()
    };
    let names = |plan: &Plan| {
        wanted(plan)
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
    };
    assert_eq!(names(&plan), ["group deploy-prod"]);
    assert_eq!(
        names(&Plan {
            mutates: true,
            ..plan
        }),
        ["web", "group deploy-prod"]
    );
}

#[test]
fn the_position_in_the_queue_is_shown_with_its_reason() {
    let target = Target {
        service: "web".to_owned(),
        env: Some("prod".to_owned()),
    };
    let on_web = Blocked {
        wanted: Lock::Target(target),
        holder: Some(RunId(3)),
        ahead: 0,
    };
    let in_group = Blocked {
        wanted: Lock::Group("migrations".to_owned()),
        holder: None,
        ahead: 2,
    };
    let queued = |ahead, waits_for: &[&Blocked]| Queued {
        run: RunId(9),
        lane: Lane::Routine,
        ahead,
        waits_for: waits_for.iter().map(|b| (*b).clone()).collect(),
        locked: Vec::new(),
        untaken: None,
    };
    for (queued, expected) in [
        (queued(0, &[]), "next in the routine lane"),
        (queued(4, &[]), "4 before it in the routine lane"),
        (
            queued(4, &[&on_web]),
            "waits for web in prod, held by run #3, next in line",
        ),
        (
            queued(0, &[&on_web, &in_group]),
            "waits for web in prod, held by run #3, next in line; group migrations, free, 2 before it",
        ),
    ] {
        assert_eq!(queued.to_string(), expected);
    }
    // No engine takes it, so other reasons to wait do not matter.
    let untaken = |why| Queued {
        untaken: Some(why),
        ..queued(4, &[&on_web])
    };
    for (why, expected) in [
        (
            Untaken::NoEngine,
            "no engine is running: start opsroom serve or a console, or `opsroom start 9`",
        ),
        (
            Untaken::LeftOver,
            "the process that queued it is gone: `start run 9` (`opsroom start 9`) or `cancel run 9`",
        ),
    ] {
        assert_eq!(untaken(why).to_string(), expected);
    }
    assert_eq!(
        serde_json::to_value(untaken(Untaken::NoEngine)).unwrap()["untaken"],
        "no_engine"
    );
    assert_eq!(
        serde_json::to_value(queued(1, &[&in_group])).unwrap(),
        serde_json::json!({
            "lane": "routine", "ahead": 1, "waits_for": [{ "group": "migrations", "holder": null, "ahead": 2 }],
            "untaken": null,
        }),
    );
}
