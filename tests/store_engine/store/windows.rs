//! A routine over a window: its state before and within, what changed its service, and its buckets as
//! `Control` answers them.

use opsroom::control::routine::series::{ChartAsk, Fineness, SeriesAsk};
use opsroom::core::base::time::Timestamp;
use opsroom::core::metric::sample::{ProbeOutcome, Probed, Sample};
use opsroom::core::metric::{DAY_MS, HOUR_MS, MINUTE_MS};
use opsroom::core::run::RunId;
use opsroom::core::run::plan::Plan;
use opsroom::core::stack::diff;
use opsroom::core::stack::routine::Routine;
use opsroom::core::stack::service::{Service, Stack};
use opsroom::core::stack::state::State;
use opsroom::store::{Flush, NewRoutine, Retention, RoutineChange, RoutineState, RoutineTurns};

use super::home::begin_at;
use super::{Place, at, entry, plan};

/// The begin of a day that is long over, milliseconds.
const DAY: i64 = 20_000 * DAY_MS;

async fn routine(place: &Place, name: &str) -> i64 {
    let new = [NewRoutine {
        name: name.to_owned(),
        kind: "http".to_owned(),
    }];
    let known = place.store.ensure_routines(place.workspace, &new, at(0));
    known.await.unwrap()[name]
}

fn change(routine: i64, ms: i64, from: State, to: State) -> RoutineChange {
    RoutineChange {
        routine,
        at: Timestamp(ms),
        from,
        to,
        reason: String::new(),
        class: 0,
        message: format!("at {ms}"),
        muted_by: None,
    }
}

pub async fn a_window_has_a_state_before_it(place: Place) {
    use State::{Failing, Ok};
    let (changed, steady) = (routine(&place, "a").await, routine(&place, "b").await);
    let never = routine(&place, "c").await;
    let state = RoutineState {
        routine: steady,
        state: Ok,
        confirmed: Failing,
        since: Timestamp(5),
        streak: 1,
        last_ok_at: None,
        last_failed_at: None,
        message: String::new(),
        flapping: false,
        pause: None,
    };
    let all = [
        change(changed, 100, Ok, Failing),
        change(changed, 200, Failing, Ok),
        change(changed, 300, Ok, Failing),
    ];
    let flush = Flush {
        at: at(0),
        states: vec![state],
        changes: all.to_vec(),
        ..Flush::default()
    };
    let (store, workspace) = (&place.store, place.workspace);
    store.flush_probes(workspace, &flush).await.unwrap();
    let turns = async |workspace, routine, from, until, most| {
        let within = Timestamp(from)..Timestamp(until);
        let found = store.routine_turns(workspace, routine, &within, most).await;
        let RoutineTurns { before, changes } = found.unwrap();
        (before, changes)
    };
    for (from, until, most, before, changes) in [
        (0, 50, 9, Ok, &all[..0]),
        (0, 101, 9, Ok, &all[..1]),
        (100, 200, 9, Ok, &all[..1]),
        (150, 160, 9, Failing, &all[..0]),
        (150, 999, 9, Failing, &all[1..]),
        (0, 999, 2, Failing, &all[1..]),
        (400, 999, 9, Failing, &all[..0]),
    ] {
        let found = turns(workspace, changed, from, until, most).await;
        assert_eq!(found, (Some(before), changes.to_vec()), "{from} to {until}");
    }
    let none = Vec::new();
    let found = turns(workspace, steady, 0, 999, 9).await;
    assert_eq!(found, (Some(Failing), none.clone()), "what is confirmed");
    let found = turns(workspace, never, 0, 999, 9).await;
    assert_eq!(found, (None, none.clone()));
    assert_eq!(turns(workspace + 1, changed, 0, 999, 9).await, (None, none));
}

pub async fn a_service_changes_by_runs_and_edits(place: Place) {
    let (store, workspace) = (&place.store, place.workspace);
    let of = |mutates, env: Option<&str>, service: &str| Plan {
        mutates,
        env: env.map(str::to_owned),
        services: vec![service.to_owned()],
        ..plan("deploy")
    };
    let mut runs = Vec::new();
    for (started, plan) in [
        (100, of(true, Some("prod"), "web")),
        (200, of(true, Some("dev"), "web")),
        (300, of(true, None, "web")),
        (400, of(false, Some("prod"), "web")),
        (500, of(true, Some("prod"), "api")),
        (600, of(true, Some("prod"), "web")),
    ] {
        let run = place.submit(plan).await.id;
        begin_at(&place, run, started).await;
        runs.push(run);
    }
    let none = Stack {
        timezone: "Europe/Berlin".to_owned(),
        ..Stack::default()
    };
    let web = |owner: Option<&str>| Stack {
        services: vec![Service {
            name: "web".to_owned(),
            owner: owner.map(str::to_owned),
            ..Service::default()
        }],
        ..none.clone()
    };
    for (ms, from, to) in [
        (150, none.clone(), web(None)),
        (450, web(None), web(Some("ana"))),
        (650, web(Some("ana")), none.clone()),
    ] {
        let changes = diff(&from, &to);
        store
            .apply(workspace, &changes, "bea", at(ms))
            .await
            .unwrap();
    }
    let found = async |env: Option<&str>, from, until, most| -> Vec<(String, Option<RunId>)> {
        let within = at(from)..at(until);
        let found = store.service_changes(workspace, "web", env, &within, most);
        let found = found.await.unwrap();
        assert!(found.is_sorted_by_key(|change| change.at), "oldest first");
        found.into_iter().map(|c| (c.what, c.run)).collect()
    };
    let run = |n: usize| ("deploy".to_owned(), Some(runs[n]));
    let edit = |what: &str| (what.to_owned(), None);
    assert_eq!(
        found(Some("prod"), 0, 999, 99).await,
        [
            run(0),
            edit("added"),
            run(2),
            edit("edited"),
            run(5),
            edit("removed")
        ]
    );
    assert_eq!(
        found(None, 100, 300, 99).await,
        [run(0), edit("added"), run(1)]
    );
    assert_eq!(
        found(Some("prod"), 0, 640, 1).await,
        [edit("edited"), run(5)]
    );
    assert_eq!(found(Some("prod"), 700, 999, 99).await, []);
    let within = at(0)..at(999);
    let other = store.service_changes(workspace + 1, "web", None, &within, 9);
    assert_eq!(other.await.unwrap(), []);
}

/// A check each ten minutes for two days; the first ten of the second day fail.
async fn checked(place: &Place) -> i64 {
    let routines = vec![Routine {
        name: "web ping".to_owned(),
        every_ms: Some(10 * MINUTE_MS),
        ..Routine::default()
    }];
    let none = Stack {
        timezone: "Europe/Berlin".to_owned(),
        ..Stack::default()
    };
    let stack = Stack {
        routines,
        ..none.clone()
    };
    let changes = diff(&none, &stack);
    let applied = place.store.apply(place.workspace, &changes, "ana", at(0));
    applied.await.unwrap();
    let id = routine(place, "web ping").await;
    let samples = (0..288).map(|n| {
        let failing = (144..154).contains(&n);
        let outcome = if failing {
            ProbeOutcome::Failing
        } else {
            ProbeOutcome::Ok
        };
        Probed {
            routine: id,
            sample: Sample {
                slot: DAY + n * 10 * MINUTE_MS,
                latency_us: (!failing).then_some(40_000),
                outcome,
                ..Sample::default()
            },
        }
    });
    let turn = |ms, from, to| change(id, DAY + DAY_MS + ms, from, to);
    let flush = Flush {
        at: at(0),
        samples: samples.collect(),
        changes: vec![
            turn(0, State::Ok, State::Failing),
            turn(100 * MINUTE_MS, State::Failing, State::Ok),
        ],
        ..Flush::default()
    };
    place
        .store
        .flush_probes(place.workspace, &flush)
        .await
        .unwrap();
    id
}

fn ask(from: i64, until: i64, buckets: Fineness) -> SeriesAsk {
    SeriesAsk {
        name: "web ping".to_owned(),
        from: Timestamp(from),
        until: Timestamp(until),
        buckets,
    }
}

pub async fn a_routine_is_counted_in_buckets(place: Place) {
    checked(&place).await;
    let control = entry::open(entry::settings(&place)).await;
    for buckets in [
        Fineness::AtMost(100),
        Fineness::Step(10 * MINUTE_MS),
        Fineness::Step(90 * MINUTE_MS),
        Fineness::Step(HOUR_MS),
        Fineness::Step(DAY_MS),
    ] {
        let ask = ask(DAY, DAY + 2 * DAY_MS, buckets);
        let found = control.routine_series(&ask).await.unwrap();
        let rows = found.rows();
        let sum = |n: fn(&opsroom::control::routine::series::BucketNumbers) -> u64| {
            rows.iter().map(n).sum::<u64>()
        };
        assert_eq!((sum(|r| r.n), sum(|r| r.failing)), (288, 10), "{buckets:?}");
        assert_eq!(found.numbers.samples, 288);
        assert_eq!(found.numbers.failing_ms, 100 * MINUTE_MS);
        assert_eq!(found.states.len(), 2);
        assert!(!found.coarser);
        let p95 = rows[0].p95_ms;
        assert_eq!((p95, rows[0].worst), (Some(40.0), Some("ok")));
    }
    let chart = ChartAsk {
        name: "web ping".to_owned(),
        length_ms: DAY_MS,
        until: Some(Timestamp(DAY + 2 * DAY_MS)),
        columns: 60,
        compare: true,
    };
    let chart = control.routine_chart(chart).await.unwrap();
    let before = chart.before.expect("the day before");
    assert_eq!(
        (chart.shown.numbers.samples, before.numbers.samples),
        (144, 144)
    );
    assert_eq!(
        (before.from, before.until),
        (Timestamp(DAY), chart.shown.from)
    );
    assert_eq!(before.numbers.uptime_pct, Some(100.0));
    assert_eq!(before.series.step, chart.shown.series.step);

    let (from, until) = (Timestamp(DAY + DAY_MS), Timestamp(DAY + DAY_MS + HOUR_MS));
    let results = control
        .routine_results("web ping", from, until)
        .await
        .unwrap();
    let outcomes: Vec<&str> = results.iter().map(|r| r.outcome).collect();
    assert_eq!(outcomes, ["failing"; 6]);
    control.close(false).await;
}

pub async fn a_window_that_cannot_be_answered_is_refused(place: Place) {
    checked(&place).await;
    let control = entry::open(entry::settings(&place)).await;
    let most = Fineness::AtMost(9);
    for (from, until, buckets, why) in [
        (DAY, DAY, most, "before it begins"),
        (DAY, DAY - 1, most, "before it begins"),
        (
            4_102_444_800_000,
            4_102_444_900_000,
            most,
            "has not been yet",
        ),
        (DAY - 6 * 366 * DAY_MS, DAY, most, "five years at most"),
        (-1, DAY_MS, most, "five years at most"),
        (
            DAY,
            DAY + HOUR_MS,
            Fineness::Step(90_000),
            "whole minutes, at least one: `90s`",
        ),
        (
            DAY,
            DAY + 30 * DAY_MS,
            Fineness::Step(MINUTE_MS),
            "that makes 43200 buckets",
        ),
    ] {
        let refused = control.routine_series(&ask(from, until, buckets)).await;
        let refused = refused.unwrap_err().to_string();
        assert!(refused.contains(why), "{refused}");
    }
    let refused = control
        .routine_results("web ping", Timestamp(DAY), Timestamp(DAY + 91 * DAY_MS))
        .await;
    let refused = refused.unwrap_err().to_string();
    assert!(refused.contains("kept for 90 days"), "{refused}");
    control.close(false).await;
}

pub async fn where_results_are_gone_longer_buckets_are_read(place: Place) {
    checked(&place).await;
    let (store, end) = (&place.store, DAY + 3 * DAY_MS);
    store.compact_probes(Timestamp(end)).await.unwrap();
    let control = entry::open(entry::settings(&place)).await;
    let day = ask(DAY, DAY + DAY_MS, Fineness::Step(10 * MINUTE_MS));
    let found = async || {
        let found = control.routine_series(&day).await.unwrap();
        (found.coarser, found.series.step.ms(), found.numbers.samples)
    };
    assert_eq!(found().await, (false, 10 * MINUTE_MS, 144));
    let keep = Retention {
        samples_ms: 0,
        hours_ms: 9 * DAY_MS,
        days_ms: 9 * DAY_MS,
        changes_ms: 9 * DAY_MS,
        all: true,
        dry_run: false,
    };
    store.retain_probes(Timestamp(end), &keep).await.unwrap();
    assert_eq!(found().await, (true, HOUR_MS, 144));
    let keep = Retention {
        hours_ms: 0,
        ..keep
    };
    store.retain_probes(Timestamp(end), &keep).await.unwrap();
    assert_eq!(found().await, (true, DAY_MS, 144));
    let keep = Retention { days_ms: 0, ..keep };
    store.retain_probes(Timestamp(end), &keep).await.unwrap();
    assert_eq!(found().await, (false, 10 * MINUTE_MS, 0));
    control.close(false).await;
}
