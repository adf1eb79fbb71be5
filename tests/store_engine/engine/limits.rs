//! Rate limits of calls: steps wait, or fail with the reason; probes are skipped.

use opsroom::adapter::AdapterContext;
use opsroom::clock::Clock;
use opsroom::core::base::rate::Limits;
use opsroom::core::run::plan::{Plan, PlanStep};
use opsroom::core::run::step::StepSpec;
use opsroom::core::run::step::http::Http;
use opsroom::core::run::{Phase, RunStatus};
use opsroom::core::stack::service::{ActionCall, HttpRequest, Service};
use opsroom::core::stack::{Change, Delta};
use wiremock::matchers::any;
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::bench::*;

async fn server() -> MockServer {
    let server = MockServer::start().await;
    Mock::given(any())
        .respond_with(ResponseTemplate::new(200))
        .mount(&server)
        .await;
    server
}

async fn limited(http_per_minute: u32) -> Bench {
    let limits = Limits {
        http_per_minute: Some(http_per_minute),
        shell_at_once: None,
    };
    Bench::real_with(AdapterContext {
        limits,
        ..AdapterContext::default()
    })
    .await
}

fn get(server: &MockServer) -> HttpRequest {
    HttpRequest {
        method: "GET".into(),
        url: server.uri(),
        ..HttpRequest::default()
    }
}

fn call(name: &str, server: &MockServer, timeout_ms: i64) -> PlanStep {
    let spec = StepSpec::Http(Http::new(get(server)));
    PlanStep {
        timeout_ms,
        target: Some(target("web")),
        ..step(Phase::Action, name, spec)
    }
}

#[tokio::test]
async fn a_step_that_cannot_wait_fails_without_a_call_and_no_breaker_counts_it() {
    let (server, bench) = (server().await, limited(1).await);
    let run = bench
        .run(plan(vec![
            call("first", &server, 20_000),
            call("second", &server, 20_000),
        ]))
        .await;
    assert_ended(&run, RunStatus::Failed);
    let message = run.message.unwrap();
    assert!(
        message.contains("not called: the limit of 1 call a minute to 127.0.0.1:"),
        "{message}"
    );
    assert!(
        message.contains("raise http_per_minute of [limits] in opsroom.toml"),
        "{message}"
    );
    assert_eq!(server.received_requests().await.unwrap().len(), 1);
    assert_eq!(bench.store.breakers(bench.workspace).await.unwrap(), []);
}

#[tokio::test]
async fn a_step_that_waits_says_so_and_can_be_cancelled() {
    let (server, bench) = (server().await, limited(1).await);
    let engine = bench.engine();
    let steps = vec![
        call("first", &server, 20_000),
        call("second", &server, 120_000),
    ];
    let id = bench
        .submit(Plan {
            timeout_ms: 300_000,
            ..plan(steps)
        })
        .await;
    engine.wake();
    bench
        .until_said(id, ": 1 call a minute to 127.0.0.1:")
        .await;
    bench
        .store
        .request_cancel(id, "ana", None, Clock::System.now())
        .await
        .unwrap();
    engine.wake();
    assert_ended(&bench.ended(id).await, RunStatus::Cancelled);
    assert_eq!(server.received_requests().await.unwrap().len(), 1);
}

#[tokio::test]
async fn the_pulse_skips_probes_that_would_have_to_wait() {
    let (server, bench) = (server().await, limited(1).await);
    let services = ["one", "two"].map(|name| probed(name, ActionCall::Http(get(&server))));
    let added: Vec<_> = (0..)
        .zip(services)
        .map(|(position, service): (_, Service)| {
            Change::Service(Delta {
                name: service.name.clone(),
                before: None,
                after: Some(service),
                position,
            })
        })
        .collect();
    bench
        .store
        .apply(bench.workspace, &added, "amos", Clock::System.now())
        .await
        .unwrap();
    let mut bus = bench.bus.subscribe();
    let engine = bench.engine();
    engine.run_routines(bench.workspace, 3_600_000);
    until_observed(&mut bus).await;
    assert_eq!(
        bench.store.summaries(bench.workspace).await.unwrap().len(),
        1
    );
    assert_eq!(server.received_requests().await.unwrap().len(), 1);
}
