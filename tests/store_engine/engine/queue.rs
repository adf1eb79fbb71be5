//! Engines and the queue: concurrency groups, independent lanes, servers that drain.

use std::path::Path;
use std::time::Duration;

use opsroom::adapter::{Act, Script, ScriptedAnswer};
use opsroom::clock::Clock;
use opsroom::core::run::concurrency::{Concurrency, Policy};
use opsroom::core::run::plan::Plan;
use opsroom::core::run::priority::Priority;
use opsroom::core::run::queue::{Lane, Lanes};
use opsroom::core::run::{Phase, RunId, RunStatus, StepStatus};
use opsroom::engine::{Engine, EngineConfig};
use opsroom::store::{Beginning, EngineRow, NewRun};

use super::bench::*;
use super::crash::{dead_neighbour, die_with};

fn grouped(name: &str, policy: Policy) -> Plan {
    let concurrency = Some(Concurrency {
        group: "nightly".to_owned(),
        policy,
    });
    Plan {
        concurrency,
        finally: vec![get(Phase::Summarize, "tidy")],
        ..plan(vec![get(Phase::Action, name)])
    }
}

async fn submit_to(bench: &Bench, plan: Plan, lane: Lane, priority: Priority) -> RunId {
    let (actor, trigger, at) = ("amos".to_owned(), "cli".to_owned(), Clock::System.now());
    let new = NewRun {
        workspace: bench.workspace,
        plan,
        parent: None,
        actor,
        trigger,
        reason: None,
        at,
    };
    let beginning = Beginning {
        lane: Some(lane),
        priority: Some(priority),
        ..Beginning::default()
    };
    bench.store.submit_as(new, beginning).await.unwrap().id
}

#[tokio::test]
async fn two_engines_drive_one_run_of_a_group_at_a_time() {
    on_both(async |url| {
        let slow = ScriptedAnswer {
            to: "job".to_owned(),
            says: Vec::new(),
            after_ms: 5,
            act: status(200),
        };
        let bench = Bench::scripted_on(url, Script::default().answer(slow)).await;
        let mut ids = Vec::new();
        for n in 0..12 {
            ids.push(
                bench
                    .submit(grouped(&format!("job{n}"), Policy::Queue))
                    .await,
            );
        }
        let engines = [bench.engine(), bench.engine()];
        let mut spans = Vec::new();
        for id in &ids {
            // A run that one engine has released is found by the next poll of the other.
            engines.iter().for_each(Engine::wake);
            let run = bench.ended(*id).await;
            assert_ended(&run, RunStatus::Succeeded);
            spans.push((run.started_at.unwrap(), run.finished_at.unwrap(), run.id));
        }
        assert!(
            spans.is_sorted_by_key(|(from, ..)| *from),
            "in their order: {spans:?}"
        );
        assert!(
            spans.windows(2).all(|pair| pair[0].1 <= pair[1].0),
            "one after the other: {spans:?}"
        );
        assert_eq!(
            bench.script.calls().len(),
            24,
            "each once, and its finally step"
        );
        assert_eq!(bench.store.locks().await.unwrap(), 0);
    })
    .await;
}

#[tokio::test]
async fn a_run_that_cancels_others_starts_after_their_finally_steps() {
    on_both(async |url| {
        let bench = Bench::scripted_on(url, Script::default().on("old", Act::Hang)).await;
        let engines = [bench.engine(), bench.engine()];
        let old = bench.submit(grouped("old", Policy::Queue)).await;
        engines[0].wake();
        let began = async {
            while bench.statuses(old).await[0] != StepStatus::Running {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(10), began)
            .await
            .unwrap();
        let new = bench.submit(grouped("new", Policy::CancelRunning)).await;
        engines.iter().for_each(Engine::wake);
        let old = bench.ended(old).await;
        assert_ended(&old, RunStatus::Cancelled);
        assert_eq!(
            bench.statuses(old.id).await,
            [StepStatus::Cancelled, StepStatus::Succeeded]
        );
        engines.iter().for_each(Engine::wake);
        let new = bench.ended(new).await;
        assert_ended(&new, RunStatus::Succeeded);
        assert!(
            old.finished_at <= new.started_at,
            "{:?} {:?}",
            old.finished_at,
            new.started_at
        );
    })
    .await;
}

#[tokio::test]
async fn many_routine_runs_do_not_delay_interactive_runs() {
    let bench = Bench::scripted(Script::default().on("report", Act::Hang)).await;
    let engine = bench.engine_with(EngineConfig {
        lanes: Lanes {
            interactive: 1,
            routine: 2,
        },
        ..config()
    });
    let mut reports = Vec::new();
    for _ in 0..4 {
        let report = plan(vec![get(Phase::Action, "report")]);
        reports.push(submit_to(&bench, report, Lane::Routine, Priority::Urgent).await);
    }
    engine.wake();
    for id in &reports[..2] {
        bench.until(*id, |r| r.status == RunStatus::Running).await;
    }
    let person = submit_to(
        &bench,
        plan(vec![get(Phase::Action, "web")]),
        Lane::Interactive,
        Priority::Low,
    )
    .await;
    engine.wake();
    assert_ended(&bench.ended(person).await, RunStatus::Succeeded);
    for id in &reports[2..] {
        let status = bench.store.run(*id).await.unwrap().status;
        assert_eq!(
            status,
            RunStatus::Queued,
            "its slots for routine runs are taken"
        );
    }
    bench
        .store
        .request_cancel(reports[0], "amos", None, Clock::System.now())
        .await
        .unwrap();
    engine.wake();
    bench
        .until(reports[2], |r| r.status == RunStatus::Running)
        .await;
}

#[tokio::test]
async fn runs_start_in_order_of_priority() {
    let bench = Bench::scripted(Script::default()).await;
    for (name, priority) in [
        ("low", Priority::Low),
        ("normal", Priority::Normal),
        ("urgent", Priority::Urgent),
        ("high", Priority::High),
    ] {
        submit_to(
            &bench,
            plan(vec![get(Phase::Action, name)]),
            Lane::Interactive,
            priority,
        )
        .await;
    }
    let engine = bench.engine_with(EngineConfig {
        lanes: lanes(1),
        ..config()
    });
    engine.idle().await;
    let calls: Vec<_> = bench
        .script
        .calls()
        .iter()
        .map(|call| format!("{call:?}"))
        .collect();
    let places: Vec<_> = ["urgent", "high", "normal", "low"]
        .map(|name| calls.iter().position(|call| call.contains(name)))
        .into();
    assert_eq!(places, [Some(0), Some(1), Some(2), Some(3)], "{calls:#?}");
}

/// A console leaves the queue to a live server even when all slots of the server are taken.
#[tokio::test]
async fn while_there_is_a_server_consoles_leave_the_queue_to_it() {
    let bench = Bench::scripted(Script::default().on("long", Act::Hang)).await;
    assert!(!opsroom::engine::is_served(&bench.store, Clock::System).await);
    let server = bench.engine_with(EngineConfig {
        kind: "serve".to_owned(),
        lanes: lanes(1),
        ..config()
    });
    let long = bench.submit(plan(vec![get(Phase::Action, "long")])).await;
    server.wake();
    bench.until(long, |r| r.status == RunStatus::Running).await;
    assert!(opsroom::engine::is_served(&bench.store, Clock::System).await);
    let next = bench.submit(plan(vec![get(Phase::Action, "next")])).await;
    let console = bench.engine();
    console.idle().await;
    assert_eq!(
        bench.store.run(next).await.unwrap().status,
        RunStatus::Queued
    );
    bench
        .store
        .request_cancel(long, "amos", None, Clock::System.now())
        .await
        .unwrap();
    server.wake();
    let run = bench.ended(next).await;
    assert_eq!(run.holder.as_deref(), Some(server.holder()));
    server.stop(true).await;
    assert!(!opsroom::engine::is_served(&bench.store, Clock::System).await);
}

/// What counts as a live server: by its kind, when it was last seen, and whether it is draining.
#[tokio::test]
async fn a_server_counts_while_its_heartbeat_is_recent() {
    let now = Clock::System.now();
    for (holder, kind, seen_ms, draining, serves) in [
        ("elsewhere:7:1:boot:1:1", "serve", 0, false, true),
        ("elsewhere:7:1:boot:1:1", "serve", 10_000, false, true),
        ("elsewhere:7:1:boot:1:1", "serve", 15_000, false, false),
        ("elsewhere:7:1:boot:1:1", "serve", 0, true, false),
        ("elsewhere:7:1:boot:1:1", "console", 0, false, false),
    ] {
        let bench = Bench::scripted(Script::default()).await;
        let (holder, kind, seen_at) = (holder.to_owned(), kind.to_owned(), now.plus_ms(-seen_ms));
        let row = EngineRow {
            holder,
            kind,
            started_at: seen_at,
            seen_at,
            draining,
            alive_until: seen_at.plus_ms(15_000),
            adopts_from: None,
            pulse_ms: 0,
        };
        bench.store.beat(&row).await.unwrap();
        assert_eq!(
            opsroom::engine::is_served(&bench.store, Clock::System).await,
            serves,
            "{row:?}"
        );
        let mut gone = row.clone();
        gone.holder = dead_neighbour(bench.engine_with(config()).holder());
        let bench = Bench::scripted(Script::default()).await;
        bench.store.beat(&gone).await.unwrap();
        assert!(
            !opsroom::engine::is_served(&bench.store, Clock::System).await,
            "a process of this machine: {gone:?}"
        );
    }
}

#[tokio::test]
async fn a_draining_server_leaves_new_runs_to_consoles() {
    let bench = Bench::scripted(Script::default().on("long", Act::Hang)).await;
    let serve = EngineConfig {
        kind: "serve".to_owned(),
        ..config()
    };
    let server = bench.engine_with(serve);
    let long = bench.submit(plan(vec![get(Phase::Action, "long")])).await;
    server.wake();
    bench.until(long, |r| r.status == RunStatus::Running).await;
    let console = bench.engine();
    let leaving = tokio::spawn({
        let server = server.clone();
        async move { server.stop(true).await }
    });
    let seen = async {
        while !bench
            .store
            .engines()
            .await
            .unwrap()
            .iter()
            .any(|e| e.holder == server.holder() && e.draining)
        {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), seen)
        .await
        .unwrap();
    let next = bench.submit(plan(vec![get(Phase::Action, "next")])).await;
    console.wake();
    let run = bench.ended(next).await;
    assert_ended(&run, RunStatus::Succeeded);
    assert_eq!(run.holder.as_deref(), Some(console.holder()));
    assert_eq!(
        bench.store.run(long).await.unwrap().status,
        RunStatus::Running,
        "it still drives that one"
    );
    bench
        .store
        .request_cancel(long, "amos", None, Clock::System.now())
        .await
        .unwrap();
    leaving.await.unwrap();
    assert_ended(&bench.ended(long).await, RunStatus::Cancelled);
}

/// Makes a run unreadable for every engine.
async fn damage(file: &Path, run: RunId) {
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(file);
    let pool = sqlx::SqlitePool::connect_with(options).await.unwrap();
    sqlx::query("update run set plan = '{\"steps\": 4}' where id = $1")
        .bind(run.0)
        .execute(&pool)
        .await
        .unwrap();
    pool.close().await;
}

#[tokio::test]
async fn an_unreadable_run_does_not_block_a_more_urgent_one() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ops.db");
    let bench = Bench::scripted_on(&format!("sqlite:{}", file.display()), Script::default()).await;
    let bad = bench.submit(plan(vec![get(Phase::Action, "bad")])).await;
    damage(&file, bad).await;
    // No sweep during the test.
    let engine = bench.engine_with(EngineConfig {
        sweep_ms: 3_600_000,
        ..config()
    });
    engine.idle().await;
    let urgent = plan(vec![get(Phase::Action, "urgent")]);
    let urgent = submit_to(&bench, urgent, Lane::Interactive, Priority::Urgent).await;
    engine.idle().await;
    assert_ended(
        &bench.store.run(urgent).await.unwrap(),
        RunStatus::Succeeded,
    );
    assert_eq!(
        bench.store.glimpse_of(bad).await.unwrap().status,
        RunStatus::Queued,
        "for a version that can"
    );
}

#[tokio::test]
async fn an_engine_for_one_run_that_cannot_be_read_can_still_be_stopped() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ops.db");
    let bench = Bench::scripted_on(&format!("sqlite:{}", file.display()), Script::default()).await;
    let bad = bench.submit(plan(vec![get(Phase::Action, "bad")])).await;
    damage(&file, bad).await;
    let engine = bench.engine_with(only(bad));
    // By then it has polled once; there is no other run to take.
    tokio::time::sleep(Duration::from_millis(300)).await;
    tokio::time::timeout(Duration::from_secs(10), engine.stop(true))
        .await
        .expect("it pauses between polls");
    assert_eq!(
        bench.store.glimpse_of(bad).await.unwrap().status,
        RunStatus::Queued
    );
}

#[tokio::test]
async fn an_unreadable_run_does_not_stop_the_sweep_of_others() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ops.db");
    let bench = Bench::scripted_on(&format!("sqlite:{}", file.display()), Script::default()).await;
    let dead = dead_neighbour(bench.engine().holder());
    let (bad, good) = (
        die_with(&bench, &dead, 3_600_000).await,
        die_with(&bench, &dead, 3_600_000).await,
    );
    damage(&file, bad).await;
    let _engine = bench.engine();
    assert_ended(&bench.ended(good).await, RunStatus::Interrupted);
    assert_eq!(
        bench.store.glimpse_of(bad).await.unwrap().status,
        RunStatus::Running,
        "left to a version that can read it"
    );
}
