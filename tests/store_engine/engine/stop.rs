//! Stopping an engine: gracefully, at once, or by dropping it. And its pulse.

use std::time::Duration;

use opsroom::adapter::Script;
use opsroom::bus::Notice;
use opsroom::clock::Clock;
use opsroom::core::run::{Phase, RunStatus, StepStatus};
use opsroom::core::stack::service::{ActionCall, HttpRequest};
use opsroom::core::stack::shell::ShellCommand;
use opsroom::core::stack::state::State;
use opsroom::core::stack::{Change, Delta};
use opsroom::engine::EngineConfig;

use super::bench::*;
use super::process::{is_running, pids};

#[tokio::test]
async fn a_graceful_stop_lets_runs_finish_and_claims_no_more() {
    let bench = Bench::real().await;
    let engine = bench.engine_with(EngineConfig {
        lanes: lanes(1),
        ..config()
    });
    let first = bench
        .submit(plan(vec![shell(
            Phase::Action,
            "short",
            "echo on; sleep 0.5",
        )]))
        .await;
    let second = bench
        .submit(plan(vec![shell(Phase::Action, "next", "echo next")]))
        .await;
    engine.wake();
    bench.until_said(first, "> on").await;
    engine.stop(true).await;
    assert_eq!(
        bench.store.run(first).await.unwrap().status,
        RunStatus::Succeeded
    );
    assert_eq!(
        bench.store.run(second).await.unwrap().status,
        RunStatus::Queued
    );
    assert!(
        bench.store.engines().await.unwrap().is_empty(),
        "it has removed its row"
    );
    engine.idle().await;
}

#[tokio::test]
async fn an_immediate_stop_interrupts_runs_and_reports_it() {
    let bench = Bench::real().await;
    let engine = bench.engine();
    let steps = vec![
        shell(Phase::Action, "long", "echo pid $$; sleep 30"),
        shell(Phase::Verify, "after", "true"),
    ];
    let id = bench.submit(plan(steps)).await;
    engine.wake();
    bench.until_said(id, "> pid").await;
    assert_eq!(
        bench.store.engines().await.unwrap()[0].holder,
        engine.holder()
    );
    engine.stop(false).await;
    let run = bench.store.run(id).await.unwrap();
    assert_ended(&run, RunStatus::Interrupted);
    assert!(pids(&bench, id).await.iter().all(|pid| !is_running(pid)));
    assert_eq!(
        bench.statuses(id).await,
        [StepStatus::Unknown, StepStatus::Pending]
    );
    let last = bench.log(id).await.pop().unwrap();
    assert_eq!(
        last,
        "warn interrupted: the engine was stopped during step long"
    );
}

#[tokio::test]
async fn a_dropped_engine_leaves_nothing_running() {
    let bench = Bench::real().await;
    let engine = bench.engine();
    let id = bench
        .submit(plan(vec![shell(
            Phase::Action,
            "long",
            "sh -c 'echo pid $$; sleep 30' & wait",
        )]))
        .await;
    engine.wake();
    bench.until_said(id, "> pid").await;
    let pids = pids(&bench, id).await;
    drop(engine);
    until(async || !pids.iter().any(|pid| is_running(pid))).await;
    let _engine = bench.engine();
    // This process is still alive, so only the expired lease shows that the engine is gone.
    assert_ended(&bench.ended(id).await, RunStatus::Interrupted);
}

#[tokio::test]
async fn the_pulse_stores_results_and_probes_that_could_not_run() {
    let bench = Bench::real().await;
    let server = wiremock::MockServer::start().await;
    wiremock::Mock::given(wiremock::matchers::any())
        .respond_with(wiremock::ResponseTemplate::new(200))
        .mount(&server)
        .await;
    let get = |url: &str| {
        ActionCall::Http(HttpRequest {
            method: "GET".into(),
            url: url.into(),
            ..HttpRequest::default()
        })
    };
    let services = vec![
        probed("up", get(&server.uri())),
        probed("down", get("http://127.0.0.1:1/")),
        probed(
            "script",
            ActionCall::Shell(ShellCommand::Script("exit 1".to_owned())),
        ),
        probed(
            "ours",
            ActionCall::Shell(ShellCommand::Argv(vec!["no-such-probe".to_owned()])),
        ),
    ];
    let added = (0..).zip(services).map(|(position, service)| {
        Change::Service(Delta {
            name: service.name.clone(),
            before: None,
            after: Some(service),
            position,
        })
    });
    let added: Vec<_> = added.collect();
    bench
        .store
        .apply(bench.workspace, &added, "amos", Clock::System.now())
        .await
        .unwrap();
    let mut bus = bench.bus.subscribe();
    let engine = bench.engine();
    engine.run_routines(bench.workspace, 3_600_000);
    let summaries = async || {
        let found = bench.store.summaries(bench.workspace).await;
        found.unwrap()
    };
    // They begin within the first seconds, not all at once.
    while summaries().await.len() < 4 {
        until_observed(&mut bus).await;
    }
    let mut seen = summaries().await;
    seen.sort_by(|a, b| a.0.cmp(&b.0));
    let states: Vec<_> = seen
        .iter()
        .map(|(t, s)| (t.service.as_str(), s.latest.state))
        .collect();
    let ours = ("ours", State::Unknown);
    assert_eq!(
        states,
        [
            ("down", State::Failing),
            ours,
            ("script", State::Failing),
            ("up", State::Ok)
        ]
    );
    assert!(
        seen.iter().all(|(_, s)| s.latest.run.is_none()
            && (s.latest.state == State::Unknown) == s.seen.is_none())
    );
    let why = &seen[1].1.latest.message;
    assert!(why.contains("no-such-probe"), "{why}");
}

#[tokio::test]
async fn of_several_engines_one_probes_in_each_slot() {
    let bench = Bench::real().await;
    let server = wiremock::MockServer::start().await;
    wiremock::Mock::given(wiremock::matchers::any())
        .respond_with(wiremock::ResponseTemplate::new(200))
        .mount(&server)
        .await;
    let request = HttpRequest {
        method: "GET".into(),
        url: server.uri(),
        ..HttpRequest::default()
    };
    let service = probed("up", ActionCall::Http(request));
    let added = Change::Service(Delta {
        name: "up".into(),
        before: None,
        after: Some(service),
        position: 0,
    });
    bench
        .store
        .apply(bench.workspace, &[added], "amos", Clock::System.now())
        .await
        .unwrap();
    let mut bus = bench.bus.subscribe();
    let engines: Vec<_> = (0..4).map(|_| bench.engine()).collect();
    for engine in &engines {
        engine.run_routines(bench.workspace, 3_600_000);
    }
    until_observed(&mut bus).await;
    // Requested again at once: the slot is taken, by the engine itself or by another.
    for engine in &engines {
        engine.run_routines(bench.workspace, 3_600_001);
        engine.run_routines(bench.workspace, 3_600_000);
        engine.idle().await;
    }
    let requests = server.received_requests().await.unwrap().len();
    assert!(
        requests <= 2,
        "one slot of either period, not {requests} requests"
    );
}

#[tokio::test]
async fn a_period_of_0_stops_the_pulse() {
    let bench = Bench::real().await;
    let server = wiremock::MockServer::start().await;
    let request = HttpRequest {
        method: "GET".into(),
        url: server.uri(),
        ..HttpRequest::default()
    };
    let service = probed("up", ActionCall::Http(request));
    let added = Change::Service(Delta {
        name: "up".into(),
        before: None,
        after: Some(service),
        position: 0,
    });
    bench
        .store
        .apply(bench.workspace, &[added], "amos", Clock::System.now())
        .await
        .unwrap();
    let mut bus = bench.bus.subscribe();
    let engine = bench.engine();
    engine.run_routines(bench.workspace, 3_600_000);
    until_observed(&mut bus).await;
    // Were 0 a period, it would be the shortest there is, a slot of it would be free, and the probe
    // sent at once.
    engine.run_routines(bench.workspace, 0);
    let again = async { while bus.recv().await.unwrap() != Notice::Observations {} };
    let again = tokio::time::timeout(Duration::from_millis(500), again).await;
    assert!(again.is_err(), "the pulse goes on");
    assert_eq!(server.received_requests().await.unwrap().len(), 1);
}

#[tokio::test]
async fn an_engine_without_work_settles() {
    let bench = Bench::scripted(Script::default()).await;
    let engine = bench.engine();
    tokio::time::timeout(Duration::from_secs(5), engine.idle())
        .await
        .unwrap();
    assert_eq!(engine.live(), 0);
}

#[tokio::test]
async fn the_bus_announces_only_stored_entries_and_also_the_last() {
    let bench = Bench::scripted(Script::default()).await;
    let mut bus = bench.bus.subscribe();
    let run = bench
        .run(plan(vec![
            get(Phase::Preflight, "api"),
            get(Phase::Action, "deploy"),
        ]))
        .await;
    let mut announced = 0;
    while announced < run.last_seq {
        match tokio::time::timeout(Duration::from_secs(5), bus.recv())
            .await
            .unwrap()
            .unwrap()
        {
            Notice::Entries(id, seq) if id == run.id => announced = announced.max(seq),
            _ => {}
        }
    }
    assert_eq!(announced, run.last_seq);
    assert_eq!(
        bench.entries(run.id).await.last().unwrap().seq,
        run.last_seq
    );
}
