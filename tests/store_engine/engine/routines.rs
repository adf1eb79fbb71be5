//! Routines: each slot once, by whichever engine; what happens to slots that cannot be run; and what
//! the results say about the other side.

use std::time::Duration;

use opsroom::adapter::{Act, Script, ScriptedAnswer};
use opsroom::clock::Clock;
use opsroom::core::base::time::Timestamp;
use opsroom::core::metric::sample::{ProbeOutcome, Sample, Trigger};
use opsroom::core::routine::class::FailureClass;
use opsroom::core::routine::misfire::SkipReason;
use opsroom::core::routine::report::RoutineReport;
use opsroom::core::run::step::Reply;
use opsroom::core::stack::maintenance::{Maintenance, MaintenanceMode};
use opsroom::core::stack::routine::{Check, RequestCheck, Routine, RoutineRequest};
use opsroom::core::stack::state::State;
use opsroom::core::stack::{Change, Delta};
use opsroom::engine::Engine;
use opsroom::store::{Membership, RoutinePause};

use super::bench::*;

pub const EVERY_MS: i64 = 200;

pub fn routine(name: &str) -> Routine {
    Routine {
        name: name.to_owned(),
        check: Check::Http(RequestCheck {
            request: Some(RoutineRequest {
                method: "GET".to_owned(),
                url: format!("http://{name}.test/"),
                ..RoutineRequest::default()
            }),
        }),
        every_ms: Some(EVERY_MS),
        ..Routine::default()
    }
}

pub async fn declare(bench: &Bench, routines: Vec<Routine>) {
    let added = (0..).zip(routines).map(|(position, routine)| {
        Change::Routine(Delta {
            name: routine.name.clone(),
            before: None,
            after: Some(routine),
            position,
        })
    });
    let added: Vec<_> = added.collect();
    let now = Clock::System.now();
    bench
        .store
        .apply(bench.workspace, &added, "amos", now)
        .await
        .unwrap();
}

/// A window around now, from an hour ago to in an hour.
fn window(mode: MaintenanceMode) -> Maintenance {
    let hour = |n: i64| {
        let at = Clock::System.now().plus_ms(n * 3_600_000).rfc3339();
        format!("{} {}", &at[..10], &at[11..16])
    };
    Maintenance {
        name: "patches".to_owned(),
        from: hour(-1),
        until: Some(hour(1)),
        timezone: Some("UTC".to_owned()),
        routines: vec!["one".to_owned()],
        mode,
        ..Maintenance::default()
    }
}

async fn change_window(bench: &Bench, before: Option<Maintenance>, after: Option<Maintenance>) {
    let changes = [Change::Maintenance(Delta {
        name: "patches".to_owned(),
        before,
        after,
        position: 0,
    })];
    let now = Clock::System.now();
    let applied = bench.store.apply(bench.workspace, &changes, "amos", now);
    applied.await.unwrap();
    bench.bus.publish(opsroom::bus::Notice::Stack);
}

pub async fn number(bench: &Bench, name: &str) -> Option<i64> {
    let all = bench.store.routines(bench.workspace).await.unwrap();
    all.into_iter().find(|r| r.name == name).map(|r| r.id)
}

pub async fn samples(bench: &Bench, name: &str) -> Vec<Sample> {
    let Some(id) = number(bench, name).await else {
        return Vec::new();
    };
    let all = (Timestamp(0), Timestamp(i64::MAX));
    bench.store.samples(id, all.0, all.1).await.unwrap()
}

/// Waits until the routine has that many results of checks.
pub async fn until_checked(bench: &Bench, name: &str, times: usize) -> Vec<Sample> {
    until_samples(bench, name, times, |s| s.outcome != ProbeOutcome::Skipped).await
}

pub async fn until_samples(
    bench: &Bench,
    name: &str,
    times: usize,
    counts: impl Fn(&Sample) -> bool,
) -> Vec<Sample> {
    let wait = async {
        loop {
            let samples = samples(bench, name).await;
            if samples.iter().filter(|s| counts(s)).count() >= times {
                return samples;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let found = tokio::time::timeout(MAX_WAIT, wait).await;
    found.unwrap_or_else(|_| panic!("{name} has not {times} results"))
}

fn start(bench: &Bench) -> Engine {
    let engine = bench.engine();
    engine.run_routines(bench.workspace, 0);
    engine
}

/// After the first check, which is no slot, each slot is there once: as a result, or in the number of
/// a skip.
fn assert_slots(samples: &[Sample]) {
    let scheduled = samples.iter().filter(|s| s.trigger == Trigger::Schedule);
    let scheduled: Vec<&Sample> = scheduled.skip(1).collect();
    for pair in scheduled.windows(2) {
        let slots = match pair[1].outcome {
            ProbeOutcome::Skipped => i64::from(pair[1].code),
            _ => 1,
        };
        let apart = pair[1].slot - pair[0].slot;
        assert_eq!(apart, slots * EVERY_MS, "{scheduled:?}");
    }
}

#[tokio::test]
async fn a_routine_runs_in_its_slots_and_a_stopped_engine_is_replaced() {
    on_both(async |url| {
        let bench = Bench::scripted_on(url, Script::default()).await;
        declare(
            &bench,
            vec![routine("one"), routine("two"), routine("three")],
        )
        .await;
        let first = start(&bench);
        until_checked(&bench, "one", 4).await;
        let second = start(&bench);
        until_checked(&bench, "two", 8).await;
        first.stop(true).await;
        let before = samples(&bench, "three").await.len();
        until_checked(&bench, "three", before + 4).await;
        second.stop(true).await;
        for name in ["one", "two", "three"] {
            let samples = samples(&bench, name).await;
            assert_slots(&samples);
            let ok = |s: &&Sample| s.outcome == ProbeOutcome::Ok && s.code == 200;
            assert!(samples.iter().filter(ok).count() >= 4, "{samples:?}");
        }
        let members = bench.store.routine_members(bench.workspace).await.unwrap();
        assert!(members.is_empty(), "both have signed off: {members:?}");
    })
    .await;
}

#[tokio::test]
async fn a_paused_routine_records_its_slots_and_does_not_fire_when_it_is_resumed() {
    let bench = Bench::scripted(Script::default()).await;
    declare(&bench, vec![routine("one")]).await;
    let engine = start(&bench);
    until_checked(&bench, "one", 2).await;
    let (id, now) = (number(&bench, "one").await.unwrap(), Clock::System.now());
    let pause = RoutinePause {
        until: now.plus_ms(60_000),
        by: "ana".to_owned(),
        reason: "the host moves".to_owned(),
    };
    bench
        .store
        .pause_routine(bench.workspace, id, &pause, now)
        .await
        .unwrap();
    bench.bus.publish(opsroom::bus::Notice::Routines);
    let paused = SkipReason::Paused.number();
    let skipped = |s: &Sample| s.outcome == ProbeOutcome::Skipped && s.class == paused;
    until_samples(&bench, "one", 2, skipped).await;
    let now = Clock::System.now();
    assert!(
        bench
            .store
            .resume_routine(bench.workspace, id, "ana", now)
            .await
            .unwrap()
    );
    bench.bus.publish(opsroom::bus::Notice::Routines);
    let before = samples(&bench, "one").await.len();
    let after = until_checked(&bench, "one", before).await;
    engine.stop(true).await;
    assert_slots(&after);
}

#[tokio::test]
async fn jitter_delays_checks_and_moves_no_slot() {
    let bench = Bench::scripted(Script::default()).await;
    let late = Routine {
        jitter_ms: Some(EVERY_MS / 2),
        ..routine("one")
    };
    declare(&bench, vec![late]).await;
    let engine = start(&bench);
    let samples = until_checked(&bench, "one", 8).await;
    engine.stop(true).await;
    assert_slots(&samples);
}

#[tokio::test]
async fn a_window_that_skips_is_recorded_and_what_is_asked_for_runs() {
    let bench = Bench::scripted(Script::default()).await;
    declare(&bench, vec![routine("one"), routine("two")]).await;
    let skip = window(MaintenanceMode::Skip);
    change_window(&bench, None, Some(skip.clone())).await;
    let engine = start(&bench);
    let maintenance = SkipReason::Maintenance.number();
    let skipped = |s: &Sample| s.outcome == ProbeOutcome::Skipped && s.class == maintenance;
    let inside = until_samples(&bench, "one", 3, skipped).await;
    assert!(inside.iter().all(skipped), "{inside:?}");
    until_checked(&bench, "two", 2).await;
    let (workspace, now) = (bench.workspace, Clock::System.now());
    let asked = bench
        .store
        .request_routine(workspace, "one", ("ana", None), now);
    asked.await.unwrap();
    engine.wake();
    let manual = |s: &Sample| s.trigger == Trigger::Manual;
    until_samples(&bench, "one", 1, manual).await;
    change_window(&bench, Some(skip), None).await;
    let all = until_checked(&bench, "one", 4).await;
    engine.stop(true).await;
    assert_slots(&all);
}

#[tokio::test]
async fn a_change_in_a_window_that_mutes_is_kept_and_marked() {
    let refused = || Act::Reply(Reply::unreachable("connection refused"));
    let script = Script::default().on("one", refused()).on("two", refused());
    let bench = Bench::scripted(script).await;
    declare(&bench, vec![routine("one"), routine("two")]).await;
    change_window(&bench, None, Some(window(MaintenanceMode::Mute))).await;
    let engine = start(&bench);
    until_checked(&bench, "one", 4).await;
    until_checked(&bench, "two", 4).await;
    engine.stop(true).await;
    let mut muted = Vec::new();
    for name in ["one", "two"] {
        let id = number(&bench, name).await.unwrap();
        let changes = bench.store.routine_changes(bench.workspace, id, 9).await;
        let changes = changes.unwrap();
        assert_eq!(changes.len(), 1, "{changes:?}");
        assert_eq!(changes[0].to, State::Failing);
        muted.push(changes[0].muted_by.clone());
    }
    assert_eq!(muted, [Some("patches".to_owned()), None]);
}

#[tokio::test]
async fn a_slow_check_skips_its_own_slots_and_no_others() {
    let slow = ScriptedAnswer {
        to: "slow".to_owned(),
        says: Vec::new(),
        after_ms: 700,
        act: Act::Reply(Reply::Http {
            status: 200,
            headers: std::collections::BTreeMap::new(),
            body: String::new(),
            truncated: false,
            ms: 700,
        }),
    };
    let mut script = Script::default();
    script = script.answer(slow);
    let bench = Bench::scripted(script).await;
    declare(&bench, vec![routine("slow"), routine("quick")]).await;
    let engine = start(&bench);
    until_checked(&bench, "slow", 3).await;
    engine.stop(true).await;
    let (slow, quick) = (
        samples(&bench, "slow").await,
        samples(&bench, "quick").await,
    );
    let overlap = SkipReason::Overlap.number();
    assert!(
        slow.iter()
            .any(|s| s.outcome == ProbeOutcome::Skipped && s.class == overlap)
    );
    assert!(
        quick.iter().all(|s| s.outcome == ProbeOutcome::Ok),
        "{quick:?}"
    );
    assert_slots(&slow);
    assert_slots(&quick);
}

#[tokio::test]
async fn a_run_that_is_asked_for_does_not_move_the_schedule() {
    let bench = Bench::scripted(Script::default()).await;
    declare(&bench, vec![routine("one")]).await;
    let engine = start(&bench);
    until_checked(&bench, "one", 2).await;
    let (workspace, now) = (bench.workspace, Clock::System.now());
    let asked = bench
        .store
        .request_routine(workspace, "one", ("ana", None), now);
    let id = asked.await.unwrap();
    engine.wake();
    let result = loop {
        match bench
            .store
            .routine_request_result(workspace, id)
            .await
            .unwrap()
        {
            Some(result) => break result,
            None => tokio::time::sleep(Duration::from_millis(20)).await,
        }
    };
    assert_eq!(result.0, State::Ok);
    let before = samples(&bench, "one").await.len();
    let all = until_checked(&bench, "one", before + 2).await;
    engine.stop(true).await;
    assert_eq!(
        all.iter().filter(|s| s.trigger == Trigger::Manual).count(),
        1
    );
    assert_slots(&all);
}

#[tokio::test]
async fn a_state_is_confirmed_after_enough_failures_and_the_answer_is_kept() {
    let script = Script::default().on("one", Act::Reply(Reply::unreachable("connection refused")));
    let bench = Bench::scripted(script).await;
    declare(&bench, vec![routine("one")]).await;
    let engine = start(&bench);
    until_checked(&bench, "one", 4).await;
    engine.stop(true).await;
    let states = bench.store.routine_states(bench.workspace).await.unwrap();
    assert_eq!(
        (states[0].state, states[0].confirmed),
        (State::Failing, State::Failing)
    );
    assert_eq!(states[0].message, "connection refused");
    let changes = bench
        .store
        .routine_changes(bench.workspace, states[0].routine, 9)
        .await
        .unwrap();
    assert_eq!(changes.len(), 1);
    assert_eq!(
        (changes[0].from, changes[0].to),
        (State::Unknown, State::Failing)
    );
}

#[tokio::test]
async fn a_check_that_panics_is_a_result_and_its_routine_goes_on() {
    let script = Script::default().on("one", Act::Panic("out of cheese".to_owned()));
    let bench = Bench::scripted(script).await;
    declare(&bench, vec![routine("one")]).await;
    let engine = start(&bench);
    let samples = until_checked(&bench, "one", 3).await;
    engine.stop(true).await;
    // The first panic prints a backtrace, which may take longer than a slot.
    let expected = [ProbeOutcome::Unknown, ProbeOutcome::Skipped];
    assert!(
        samples.iter().all(|s| expected.contains(&s.outcome)),
        "{samples:?}"
    );
    assert_slots(&samples);
}

#[tokio::test]
async fn slots_that_a_removed_engine_may_have_run_are_not_run_again() {
    on_both(async |url| {
        let bench = Bench::scripted_on(url, Script::default()).await;
        declare(&bench, vec![routine("one")]).await;
        let engine = start(&bench);
        let last = until_checked(&bench, "one", 3).await.pop().unwrap();
        engine.stop(true).await;
        // Another engine has taken over, and is gone without a word.
        let (store, workspace) = (&bench.store, bench.workspace);
        let dead_until = Clock::System.now().plus_ms(600);
        let term = store.join_routines(workspace, "far:1:1:b:1:1", 0, dead_until);
        let dead = Membership {
            workspace,
            holder: "far:1:1:b:1:1",
            term: term.await.unwrap(),
        };
        let all: Vec<i64> = (0..64).collect();
        let taken = store.take_routine_shards(dead, &all, dead_until);
        assert_eq!(taken.await.unwrap().len(), 64);
        while Clock::System.now() <= dead_until {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let engine = start(&bench);
        let before = samples(&bench, "one").await.len();
        let all = until_checked(&bench, "one", before + 2).await;
        engine.stop(true).await;
        let later = all.iter().filter(|s| s.slot > last.slot);
        let (skipped, run): (Vec<&Sample>, Vec<&Sample>) =
            later.partition(|s| s.outcome == ProbeOutcome::Skipped);
        let takeover = SkipReason::Takeover.number();
        assert!(skipped.iter().any(|s| s.class == takeover), "{all:?}");
        assert!(run.iter().all(|s| s.slot > dead_until.0), "{all:?}");
    })
    .await;
}

#[tokio::test]
async fn a_restart_changes_no_threshold() {
    let ok = Reply::Http {
        status: 200,
        headers: std::collections::BTreeMap::new(),
        body: String::new(),
        truncated: false,
        ms: 1,
    };
    let failed = Reply::unreachable("connection refused");
    let script = Script::default()
        .on("one", Act::Reply(ok))
        .on("one", Act::Reply(failed));
    let bench = Bench::scripted(script).await;
    let patient = Routine {
        failure_threshold: Some(90),
        ..routine("one")
    };
    declare(&bench, vec![patient]).await;
    let state = async || {
        let states = bench.store.routine_states(bench.workspace).await.unwrap();
        let state = &states[0];
        assert_eq!((state.state, state.confirmed), (State::Failing, State::Ok));
        state.streak
    };
    let engine = start(&bench);
    until_checked(&bench, "one", 4).await;
    engine.stop(true).await;
    let before = state().await;
    assert!(before >= 3, "{before}");
    let engine = start(&bench);
    until_checked(&bench, "one", 7).await;
    engine.stop(true).await;
    assert!(state().await >= before + 2, "{before}");
}

/// A heartbeat each 400 ms with as much grace; reports are looked for 6 seconds long.
#[tokio::test]
async fn reports_are_results_and_a_missing_one_is_a_failure() {
    on_both(async |url| {
        let bench = Bench::scripted_on(url, Script::default()).await;
        let backup = Routine {
            check: Check::Heartbeat { grace_ms: 400 },
            every_ms: Some(400),
            ..routine("backup")
        };
        let task = Routine {
            check: Check::Manual {
                task: "test the pager".to_owned(),
            },
            every_ms: Some(3_600_000),
            ..routine("pager")
        };
        declare(&bench, vec![backup, task]).await;
        let report = async |name: &str, state, message: &str| {
            let report = RoutineReport {
                state,
                message: message.to_owned(),
            };
            let by = ("cron@db1", &report);
            let now = Clock::System.now();
            let kept = bench.store.report_routine(bench.workspace, name, by, now);
            kept.await.unwrap();
            now
        };
        // Before there is an engine: the time of the report counts.
        let done_at = report("pager", State::Ok, "heard it").await;
        let engine = start(&bench);
        let found =
            until_samples(&bench, "backup", 1, |s| s.outcome == ProbeOutcome::Failing).await;
        assert_eq!(
            found.len(),
            1,
            "what was missed until then is one failure: {found:?}"
        );
        let missing = FailureClass::Missing.number();
        assert_eq!(
            (found[0].class, found[0].trigger),
            (missing, Trigger::Schedule)
        );
        report("backup", State::Ok, "").await;
        let found = until_samples(&bench, "backup", 1, |s| s.outcome == ProbeOutcome::Ok).await;
        assert!(
            found
                .iter()
                .any(|s| s.outcome == ProbeOutcome::Ok && s.trigger == Trigger::Schedule)
        );
        report("backup", State::Failing, "disk full").await;
        let reported = FailureClass::Reported.number();
        until_samples(&bench, "backup", 1, |s| s.class == reported).await;
        let done = until_samples(&bench, "pager", 1, |s| s.outcome == ProbeOutcome::Ok).await;
        assert_eq!(
            (done[0].slot, done[0].trigger),
            (done_at.0, Trigger::Manual)
        );
        engine.stop(true).await;

        let ids = [
            number(&bench, "backup").await.unwrap(),
            number(&bench, "pager").await.unwrap(),
        ];
        let states = bench.store.routine_states(bench.workspace).await.unwrap();
        let state = |id| states.iter().find(|s| s.routine == id).unwrap();
        assert_eq!(state(ids[1]).last_ok_at, Some(done_at));
        assert!(state(ids[1]).message.contains("heard it"), "{states:?}");
        assert!(state(ids[0]).confirmed == State::Failing, "{states:?}");
        let changes = bench.store.routine_changes(bench.workspace, ids[0], 10);
        let changes = changes.await.unwrap();
        let turns: Vec<_> = changes.iter().rev().map(|c| (c.from, c.to)).collect();
        let wanted = [
            (State::Unknown, State::Failing),
            (State::Failing, State::Ok),
            (State::Ok, State::Failing),
        ];
        assert_eq!(turns[..3], wanted, "{changes:?}");
        let open = bench.store.routine_requests(bench.workspace).await.unwrap();
        assert!(open.is_empty(), "{open:?}");
    })
    .await;
}
