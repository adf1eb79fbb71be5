//! Engines that die, lose their claim, or share a store.

use std::time::Duration;

use opsroom::adapter::{Act, Script};
use opsroom::clock::Clock;
use opsroom::core::run::{Phase, RunId, RunStatus, StepStatus, Transition};
use opsroom::engine::EngineConfig;

use super::bench::*;

/// Claims a run like an engine, begins its first step, and never renews its lease.
pub async fn die_with(bench: &Bench, holder: &str, lease_ms: i64) -> RunId {
    let id = bench
        .submit(plan(vec![
            get(Phase::Action, "deploy"),
            get(Phase::Verify, "web"),
        ]))
        .await;
    let now = Clock::System.now();
    let (claim, _) = bench
        .store
        .claim(Some(id), holder, now.plus_ms(lease_ms))
        .await
        .unwrap()
        .unwrap();
    bench
        .store
        .transition(claim, Transition::Start, None, &[], now)
        .await
        .unwrap();
    bench
        .store
        .step(claim, 0, StepStatus::Running, 1, None, &[], now)
        .await
        .unwrap();
    id
}

/// This machine's identity with the number of a process that has ended.
pub fn dead_neighbour(living: &str) -> String {
    let mut child = std::process::Command::new("true").spawn().unwrap();
    child.wait().unwrap();
    let mut parts: Vec<_> = living.split(':').map(str::to_owned).collect();
    parts[1] = child.id().to_string();
    parts.join(":")
}

#[tokio::test]
async fn runs_of_a_dead_neighbour_are_interrupted_at_once() {
    let bench = Bench::scripted(Script::default()).await;
    let identity = bench.engine().holder().to_owned();
    let id = die_with(&bench, &dead_neighbour(&identity), 3_600_000).await;
    let _engine = bench.engine();
    let run = tokio::time::timeout(Duration::from_secs(5), bench.ended(id))
        .await
        .unwrap();
    assert_ended(&run, RunStatus::Interrupted);
    assert_eq!(
        bench.statuses(id).await,
        [StepStatus::Unknown, StepStatus::Pending]
    );
    assert!(
        bench.script.calls().is_empty(),
        "nothing is repeated by itself"
    );
}

#[tokio::test]
async fn runs_of_another_host_are_interrupted_when_their_lease_has_ended() {
    let bench = Bench::scripted(Script::default()).await;
    let living = die_with(&bench, "elsewhere:7:1:boot:1:1", 3_600_000).await;
    let dead = die_with(&bench, "elsewhere:8:1:boot:1:1", 300).await;
    let _engine = bench.engine();
    assert_ended(&bench.ended(dead).await, RunStatus::Interrupted);
    assert_eq!(
        bench.store.run(living).await.unwrap().status,
        RunStatus::Running
    );
}

#[tokio::test]
async fn a_slow_but_living_engine_keeps_its_run() {
    let bench = Bench::real().await;
    let config = EngineConfig {
        lease_ms: 500,
        ..config()
    };
    let (one, _other) = (bench.engine_with(config.clone()), bench.engine_with(config));
    let id = bench
        .submit(plan(vec![shell(Phase::Action, "long", "sleep 2")]))
        .await;
    one.wake();
    assert_ended(&bench.ended(id).await, RunStatus::Succeeded);
}

#[tokio::test]
async fn an_engine_that_lost_its_claim_stops_at_once() {
    let bench = Bench::real().await;
    let engine = bench.engine();
    let id = bench
        .submit(plan(vec![shell(
            Phase::Action,
            "long",
            "echo pid $$; sleep 30",
        )]))
        .await;
    engine.wake();
    bench.until_said(id, "> pid").await;
    let pids = super::process::pids(&bench, id).await;
    // A renewal may come in between; then the interruption is refused, and tried again.
    until(async || {
        let run = bench.store.run(id).await.unwrap();
        let now = Clock::System.now();
        let taken = bench.store.interrupt(&run, "taken away", now).await;
        taken.unwrap()
    })
    .await;
    tokio::time::timeout(Duration::from_secs(5), engine.idle())
        .await
        .unwrap();
    until(async || !pids.iter().any(|pid| super::process::is_running(pid))).await;
    let run = bench.store.run(id).await.unwrap();
    assert_ended(&run, RunStatus::Interrupted);
    assert_eq!(bench.statuses(id).await, [StepStatus::Unknown]);
}

#[tokio::test]
async fn an_engine_that_loses_its_store_ends_its_processes() {
    let bench = Bench::real().await;
    let engine = bench.engine_with(EngineConfig {
        lease_ms: 600,
        ..config()
    });
    let id = bench
        .submit(plan(vec![shell(
            Phase::Action,
            "long",
            "echo pid $$; sleep 30",
        )]))
        .await;
    engine.wake();
    bench.until_said(id, "> pid").await;
    let pids = super::process::pids(&bench, id).await;
    bench.store.close().await;
    let stopped = async {
        while engine.live() > 0 || pids.iter().any(|pid| super::process::is_running(pid)) {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), stopped)
        .await
        .unwrap();
}

#[tokio::test]
async fn two_engines_never_run_the_same_thing_twice() {
    let bench = Bench::scripted(Script::default()).await;
    let mut ids = Vec::new();
    for n in 0..30 {
        ids.push(
            bench
                .submit(plan(vec![get(Phase::Action, &format!("job{n}"))]))
                .await,
        );
    }
    let engines = [bench.engine(), bench.engine(), bench.engine()];
    for engine in &engines {
        engine.idle().await;
    }
    let calls: std::collections::HashSet<_> = bench
        .script
        .calls()
        .iter()
        .map(|c| format!("{c:?}"))
        .collect();
    assert_eq!((calls.len(), bench.script.calls().len()), (30, 30));
    for id in ids {
        assert_ended(&bench.ended(id).await, RunStatus::Succeeded);
    }
}

#[tokio::test]
async fn no_more_runs_are_active_than_allowed() {
    let bench = Bench::scripted(Script::default().on("job", Act::Hang)).await;
    let engine = bench.engine_with(EngineConfig {
        lanes: lanes(2),
        ..config()
    });
    let mut ids = Vec::new();
    for _ in 0..4 {
        ids.push(bench.submit(plan(vec![get(Phase::Action, "job")])).await);
    }
    engine.wake();
    for id in &ids[..2] {
        bench.until(*id, |r| r.status == RunStatus::Running).await;
    }
    assert_eq!(engine.live(), 2);
    bench
        .store
        .request_cancel(ids[0], "amos", None, Clock::System.now())
        .await
        .unwrap();
    engine.wake();
    bench
        .until(ids[2], |r| r.status == RunStatus::Running)
        .await;
    assert_eq!(engine.live(), 2);
    assert_eq!(
        bench.store.run(ids[3]).await.unwrap().status,
        RunStatus::Queued
    );
}
