//! A target that keeps failing is not called for a while; then one call decides whether it is used
//! again.

use std::collections::BTreeMap;

use opsroom::adapter::{Act, Script};
use opsroom::clock::Clock;
use opsroom::core::integration::product::Kept;
use opsroom::core::run::breaker::{BreakerKey, Pass, State, THRESHOLD};
use opsroom::core::run::plan::{Plan, PlanStep, Retry};
use opsroom::core::run::step::adapter::{Adapter, Progress};
use opsroom::core::run::step::notify::Notify;
use opsroom::core::run::step::sql::Sql;
use opsroom::core::run::step::{Reply, StepSpec};
use opsroom::core::run::{Phase, RunStatus};

use super::bench::*;

fn on_web(step: PlanStep) -> PlanStep {
    PlanStep {
        target: Some(target("web")),
        ..step
    }
}

fn act() -> Plan {
    plan(vec![on_web(http(Phase::Action, "act", "POST"))])
}

async fn breaker(bench: &Bench) -> Option<State> {
    bench
        .store
        .breakers(bench.workspace)
        .await
        .unwrap()
        .first()
        .map(|breaker| breaker.state)
}

/// Opens the breaker, with the last failure `ms_ago`.
async fn opened(bench: &Bench, ms_ago: i64) {
    let way = BreakerKey {
        target: Some(target("web")),
        host: "act.test".to_owned(),
    };
    let then = Clock::System.now().plus_ms(-ms_ago);
    for _ in 0..THRESHOLD {
        let pass = Pass::Free { clean: false };
        bench
            .store
            .record_call(bench.workspace, &way, pass, Err("HTTP 503 in 5 ms"), then)
            .await
            .unwrap();
    }
}

#[tokio::test]
async fn five_failures_in_a_row_open_it_and_then_nothing_is_called() {
    let bench = Bench::scripted(Script::default().on("act.test", status(503))).await;
    for n in 1..=THRESHOLD {
        let run = bench.run(act()).await;
        assert_ended(&run, RunStatus::Failed);
        let opened = bench
            .log(run.id)
            .await
            .iter()
            .any(|l| l.contains("the breaker of web (act.test) opened"));
        assert_eq!(opened, n == THRESHOLD);
    }
    let run = bench.run(act()).await;
    assert_ended(&run, RunStatus::Failed);
    let message = run.message.unwrap();
    assert!(
        message.contains("not called: the breaker of web (act.test) is open since"),
        "{message}"
    );
    assert!(
        message.contains("`reset breaker of web` closes it now"),
        "{message}"
    );
    assert_eq!(bench.script.calls().len(), THRESHOLD as usize);
}

#[tokio::test]
async fn a_read_only_get_is_not_refused() {
    for (method, phase, mutates, called) in [
        ("GET", Phase::Action, false, true),
        ("HEAD", Phase::Verify, false, true),
        ("GET", Phase::Verify, true, true),
        ("GET", Phase::Action, true, false),
        ("POST", Phase::Action, false, false),
    ] {
        let bench = Bench::scripted(Script::default().on("act.test", status(200))).await;
        opened(&bench, 1000).await;
        let step = on_web(http(phase, "act", method));
        let run = bench
            .run(Plan {
                mutates,
                ..plan(vec![step])
            })
            .await;
        let wanted = if called {
            RunStatus::Succeeded
        } else {
            RunStatus::Failed
        };
        assert_ended(&run, wanted);
        assert_eq!(
            bench.script.calls().len(),
            usize::from(called),
            "{method} {phase:?} {mutates}"
        );
        assert!(
            matches!(breaker(&bench).await, Some(State::Open { .. })),
            "a read does not count"
        );
    }
}

#[tokio::test]
async fn attempts_count_and_the_open_breaker_ends_them() {
    let bench = Bench::scripted(Script::default().on("act.test", status(503))).await;
    let retry = Some(Retry {
        attempts: 9,
        base_ms: 1,
        cap_ms: 1,
    });
    let step = PlanStep {
        retry,
        idempotent: true,
        ..on_web(http(Phase::Action, "act", "POST"))
    };
    let run = bench.run(plan(vec![step])).await;
    assert!(run.message.unwrap().contains("not called"));
    assert_eq!(bench.script.calls().len(), THRESHOLD as usize);
}

#[tokio::test]
async fn an_answer_below_500_or_a_refusal_is_no_failure() {
    let refused = Act::Reply(Reply::refused("no such secret"));
    for answer in [status(404), status(429), status(200), refused] {
        let bench = Bench::scripted(Script::default().on("act.test", answer.clone())).await;
        for _ in 0..=THRESHOLD {
            bench.run(act()).await;
        }
        assert_eq!(breaker(&bench).await, None, "{answer:?}");
    }
    for answer in [Act::Reply(Reply::TimedOut { after_ms: 5 }), unreachable()] {
        let bench = Bench::scripted(Script::default().on("act.test", answer.clone())).await;
        bench.run(act()).await;
        assert_eq!(
            breaker(&bench).await,
            Some(State::Closed { failures: 1 }),
            "{answer:?}"
        );
    }
}

fn unreachable() -> Act {
    Act::Reply(Reply::unreachable("connection refused"))
}

#[tokio::test]
async fn probes_and_finally_steps_are_neither_refused_nor_counted() {
    let bench = Bench::scripted(Script::default()).await;
    opened(&bench, 1000).await;
    let look = PlanStep {
        probe: true,
        name: "look".to_owned(),
        ..on_web(http(Phase::Preflight, "act", "GET"))
    };
    let tidy = PlanStep {
        name: "tidy".to_owned(),
        ..on_web(http(Phase::Summarize, "act", "DELETE"))
    };
    let run = bench
        .run(Plan {
            finally: vec![tidy],
            ..plan(vec![look, act().steps.remove(0)])
        })
        .await;
    assert_ended(&run, RunStatus::Failed);
    assert!(run.message.unwrap().contains("step act: not called"));
    assert_eq!(
        bench.script.calls().len(),
        2,
        "the probe and the finally step"
    );
    assert!(
        breaker(&bench).await.unwrap().is_open(),
        "their success does not close it"
    );
}

/// Statements that change something, operations of products and notifications are guarded like
/// requests; reads are not.
#[tokio::test]
async fn other_ways_of_acting_are_guarded_too() {
    let sql = |mutates| {
        let statement = if mutates {
            "delete from carts"
        } else {
            "select 1"
        };
        StepSpec::Sql(Sql {
            database: "shop".to_owned(),
            place: "postgres://db.test/shop".to_owned(),
            statement: statement.to_owned(),
            params: Vec::new(),
            mutates,
            max_rows: 1,
        })
    };
    let operate = |operation: &str| {
        StepSpec::Adapter(Adapter {
            operation: operation.to_owned(),
            args: [("repo", "acme/web"), ("workflow", "a.yml"), ("ref", "main")]
                .map(|(k, v)| (k.to_owned(), v.to_owned()))
                .into(),
            base_url: "https://ghe.test".to_owned(),
            token: "GH".to_owned(),
        })
    };
    let message = serde_json::from_str(r#"{"title": "disk full"}"#).unwrap();
    let notify = StepSpec::Notify(Notify {
        to: "ops".to_owned(),
        place: "webhook".to_owned(),
        message,
    });
    let later = Progress {
        stage: 0,
        last: Box::new(http_reply(503)),
        kept: Kept::new(),
        ms: 1,
    };
    for (to, spec, answer, host) in [
        (
            "delete from carts",
            sql(true),
            unreachable(),
            Some("database.shop"),
        ),
        ("select 1", sql(false), unreachable(), None),
        (
            "dispatch",
            operate("github.dispatch_workflow"),
            Act::Reply(Reply::Operated(later)),
            Some("ghe.test"),
        ),
        ("disk full", notify, status(502), Some("notify.ops")),
    ] {
        let bench = Bench::scripted(Script::default().on(to, answer)).await;
        let act = || plan(vec![on_web(step(Phase::Action, "act", spec.clone()))]);
        for _ in 0..THRESHOLD {
            assert_ended(&bench.run(act()).await, RunStatus::Failed);
        }
        let run = bench.run(act()).await;
        let refused = run
            .message
            .unwrap()
            .contains("not called: the breaker of web");
        assert_eq!(refused, host.is_some(), "{to}");
        let known = bench.store.breakers(bench.workspace).await.unwrap();
        assert_eq!(known.first().map(|breaker| breaker.way.host.as_str()), host);
        assert_eq!(
            bench.script.calls().len(),
            THRESHOLD as usize + usize::from(host.is_none())
        );
    }
}

fn http_reply(status: u16) -> Reply {
    Reply::Http {
        status,
        headers: BTreeMap::default(),
        body: String::new(),
        truncated: false,
        ms: 1,
    }
}

#[tokio::test]
async fn after_the_cooldown_one_call_decides() {
    for (answer, closes, says) in [
        (
            status(200),
            true,
            "success act: the breaker of web (act.test) closed: it answers again",
        ),
        (
            status(500),
            false,
            "warn act: the breaker of web (act.test) stays open: the call it let through failed as well",
        ),
    ] {
        let bench = Bench::scripted(Script::default().on("act.test", answer)).await;
        opened(&bench, 6 * 60_000).await;
        let run = bench.run(act()).await;
        let log = bench.log(run.id).await;
        assert!(
            log.iter()
                .any(|l| l == "info act: the breaker of web (act.test) lets this one call through"),
            "{log:#?}"
        );
        assert!(log.iter().any(|l| l == says), "{log:#?}");
        assert_eq!(
            breaker(&bench).await.is_none_or(|state| !state.is_open()),
            closes
        );
    }
}
