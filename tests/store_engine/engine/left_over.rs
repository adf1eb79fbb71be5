//! Which queued runs an engine starts by itself.

use opsroom::adapter::Script;
use opsroom::clock::Clock;
use opsroom::core::run::plan::Plan;
use opsroom::core::run::{Phase, RunId, RunStatus};
use opsroom::engine::{Engine, EngineConfig};
use opsroom::store::{EngineRow, NewRun, Orderer, Store};

use super::bench::*;
use super::crash::dead_neighbour;

const HOUR_MS: i64 = 3_600_000;

async fn queued(bench: &Bench, store: &Store, ago_ms: i64) -> RunId {
    let plan = Plan {
        mutates: true,
        ..plan(vec![get(Phase::Action, "restart")])
    };
    let at = Clock::System.now().plus_ms(-ago_ms);
    let (actor, trigger) = ("amos".to_owned(), "console".to_owned());
    let new = NewRun {
        workspace: bench.workspace,
        plan,
        parent: None,
        actor,
        trigger,
        reason: None,
        at,
    };
    store.submit(new).await.unwrap().id
}

fn engine(bench: &Bench, store: &Store, kind: &str) -> Engine {
    let config = EngineConfig {
        kind: kind.to_owned(),
        adopt_ms: 15 * 60_000,
        ..config()
    };
    Engine::start(
        store.clone(),
        bench.bus.clone(),
        bench.adapters.clone(),
        Clock::System,
        config,
    )
}

#[tokio::test]
async fn a_console_offers_runs_of_a_dead_process_and_starts_its_own() {
    let bench = Bench::scripted(Script::default()).await;
    let me = opsroom::engine::identity();
    let (mine, dead) = (
        bench.store.clone().of_process(&me),
        bench.store.clone().of_process(&dead_neighbour(&me)),
    );
    let leftover = queued(&bench, &dead, 1000).await;
    // Its heartbeat is recent, but its process is gone.
    let now = Clock::System.now();
    let shown = EngineRow {
        holder: dead.process().to_owned(),
        kind: "console".to_owned(),
        started_at: now,
        seen_at: now,
        draining: false,
        alive_until: now.plus_ms(HOUR_MS),
        adopts_from: None,
        pulse_ms: 0,
    };
    bench.store.beat(&shown).await.unwrap();
    let engine = engine(&bench, &mine, "console");
    let own = queued(&bench, &mine, 0).await;
    engine.wake();
    assert_ended(&bench.ended(own).await, RunStatus::Succeeded);
    engine.idle().await;
    assert_eq!(
        bench.store.run(leftover).await.unwrap().status,
        RunStatus::Queued
    );
    let waits = bench
        .store
        .left_over(bench.workspace, Clock::System.now(), true, &[])
        .await
        .unwrap();
    assert_eq!(waits.iter().map(|w| w.run).collect::<Vec<_>>(), [leftover]);

    mine.start_queued(
        leftover,
        Orderer {
            actor: "ana",
            reason: None,
        },
        Clock::System.now(),
    )
    .await
    .unwrap();
    engine.wake();
    assert_ended(&bench.ended(leftover).await, RunStatus::Succeeded);
}

#[tokio::test]
async fn a_server_starts_young_runs_and_offers_old_ones() {
    let bench = Bench::scripted(Script::default()).await;
    let me = opsroom::engine::identity();
    let dead = bench.store.clone().of_process(&dead_neighbour(&me));
    let (old, young) = (
        queued(&bench, &dead, HOUR_MS).await,
        queued(&bench, &dead, 60_000).await,
    );
    let engine = engine(&bench, &bench.store.clone().of_process(&me), "serve");
    assert_ended(&bench.ended(young).await, RunStatus::Succeeded);
    engine.idle().await;
    assert_eq!(
        bench.store.run(old).await.unwrap().status,
        RunStatus::Queued
    );
    let waits = bench
        .store
        .left_over(bench.workspace, Clock::System.now(), true, &[])
        .await
        .unwrap();
    assert_eq!(waits.iter().map(|w| w.run).collect::<Vec<_>>(), [old]);
}
