//! A target that keeps failing is left in peace, and asked once before everybody calls it again.

use opsroom::adapter::{Act, Script};
use opsroom::clock::Clock;
use opsroom::core::breaker::{Pass, State, THRESHOLD, Way};
use opsroom::core::plan::{Plan, PlanStep, Retry};
use opsroom::core::run::{Phase, RunStatus};
use opsroom::core::step::Reply;

use crate::bench::*;

fn on_web(step: PlanStep) -> PlanStep {
    PlanStep { target: Some(target("web")), ..step }
}

fn act() -> Plan {
    plan(vec![on_web(http(Phase::Action, "act", "POST"))])
}

async fn breaker(bench: &Bench) -> Option<State> {
    bench.store.breakers(bench.workspace).await.unwrap().first().map(|breaker| breaker.state)
}

/// As if it had failed its last time so long ago.
async fn opened(bench: &Bench, ms_ago: i64) {
    let way = Way { target: Some(target("web")), host: "act.test".to_owned() };
    let then = Clock::System.now().plus_ms(-ms_ago);
    for _ in 0..THRESHOLD {
        let pass = Pass::Free { clean: false };
        bench.store.tell_breaker(bench.workspace, &way, pass, Err("HTTP 503 in 5 ms"), then).await.unwrap();
    }
}

#[tokio::test]
async fn five_failures_in_a_row_open_it_and_then_nothing_is_called() {
    let bench = Bench::scripted(Script::default().on("act.test", status(503))).await;
    for n in 1..=THRESHOLD {
        let run = bench.run(act()).await;
        assert_ended(&run, RunStatus::Failed);
        let opened = bench.log(run.id).await.iter().any(|l| l.contains("the breaker of web (act.test) opened"));
        assert_eq!(opened, n == THRESHOLD);
    }
    let run = bench.run(act()).await;
    assert_ended(&run, RunStatus::Failed);
    let message = run.message.unwrap();
    assert!(message.contains("not called: the breaker of web (act.test) is open since"), "{message}");
    assert!(message.contains("`reset breaker of web` closes it now"), "{message}");
    assert_eq!(bench.script.asked().len(), THRESHOLD as usize);
}

#[tokio::test]
async fn attempts_count_and_the_open_breaker_ends_them() {
    let bench = Bench::scripted(Script::default().on("act.test", status(503))).await;
    let retry = Some(Retry { attempts: 9, base_ms: 1, cap_ms: 1 });
    let step = PlanStep { retry, idempotent: true, ..on_web(http(Phase::Action, "act", "POST")) };
    let run = bench.run(plan(vec![step])).await;
    assert!(run.message.unwrap().contains("not called"));
    assert_eq!(bench.script.asked().len(), THRESHOLD as usize);
}

#[tokio::test]
async fn an_answer_of_any_kind_is_no_failure() {
    let refused = Act::Reply(Reply::Refused { message: "no such secret".to_owned() });
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
        assert_eq!(breaker(&bench).await, Some(State::Closed { failures: 1 }), "{answer:?}");
    }
}

fn unreachable() -> Act {
    Act::Reply(Reply::Unreachable { message: "connection refused".to_owned() })
}

#[tokio::test]
async fn looking_and_cleaning_up_are_neither_refused_nor_counted() {
    let bench = Bench::scripted(Script::default()).await;
    opened(&bench, 1000).await;
    let look = PlanStep { probe: true, name: "look".to_owned(), ..on_web(http(Phase::Preflight, "act", "GET")) };
    let tidy = PlanStep { name: "tidy".to_owned(), ..on_web(http(Phase::Summarize, "act", "DELETE")) };
    let run = bench.run(Plan { finally: vec![tidy], ..plan(vec![look, act().steps.remove(0)]) }).await;
    assert_ended(&run, RunStatus::Failed);
    assert!(run.message.unwrap().contains("step act: not called"));
    assert_eq!(bench.script.asked().len(), 2, "the probe and the finally step");
    assert!(breaker(&bench).await.unwrap().is_open(), "their success does not close it");
}

#[tokio::test]
async fn after_its_rest_one_call_decides() {
    for (answer, closes, says) in [
        (status(200), true, "success act: the breaker of web (act.test) closed: it answers again"),
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
            log.iter().any(|l| l == "info act: the breaker of web (act.test) lets this one call through"),
            "{log:#?}"
        );
        assert!(log.iter().any(|l| l == says), "{log:#?}");
        assert_eq!(breaker(&bench).await.is_none_or(|state| !state.is_open()), closes);
    }
}
