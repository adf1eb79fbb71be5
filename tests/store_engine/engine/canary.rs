//! Results during an outage of our own network, and the phases that are kept of a call.

use opsroom::adapter::{Act, Script};
use opsroom::core::metric::sample::ProbeOutcome;
use opsroom::core::routine::canary::Canary;
use opsroom::core::routine::class::FailureClass;
use opsroom::core::run::step::{CallKind, Reply};
use opsroom::core::run::timing::{Phases, Timing};
use opsroom::core::stack::routine::{Check, Routine};
use opsroom::core::stack::state::State;
use opsroom::engine::{Engine, EngineConfig};
use opsroom::store::AnswerKind;

use super::bench::*;
use super::routines::{declare, number, routine, until_checked};

fn down() -> Act {
    Act::Reply(Reply::unreachable("no network"))
}

fn start(bench: &Bench) -> Engine {
    let canaries = ["1.1.1.1:443", "9.9.9.9:443"];
    let engine = bench.engine_with(EngineConfig {
        canaries: canaries.iter().map(|c| Canary::new(c).unwrap()).collect(),
        ..config()
    });
    engine.run_routines(bench.workspace, 0);
    engine
}

fn tcp(name: &str, address: &str) -> Routine {
    Routine {
        check: Check::Tcp {
            address: address.to_owned(),
        },
        ..routine(name)
    }
}

/// The state and the message of a routine.
async fn found(bench: &Bench, name: &str) -> (State, String) {
    let id = number(bench, name).await.unwrap();
    let states = bench.store.routine_states(bench.workspace).await.unwrap();
    let state = states.into_iter().find(|s| s.routine == id).unwrap();
    (state.state, state.message)
}

fn asked(bench: &Bench) -> usize {
    let is_canary = |kind: &CallKind| matches!(kind, CallKind::Connect(c) if c.host == "1.1.1.1");
    let calls = bench.script.calls();
    calls.iter().filter(|call| is_canary(&call.kind)).count()
}

#[tokio::test]
async fn while_no_canary_answers_a_failure_is_ours_except_near_by() {
    let script = Script::default()
        .on("far.test", down())
        .on("connect 127.0.0.1:5432", down())
        .on("connect 10.0.0.9:22", down())
        .on("connect 1.1.1.1:443", down())
        .on("connect 9.9.9.9:443", down());
    let bench = Bench::scripted(script).await;
    let local = tcp("local", "127.0.0.1:5432");
    let private = tcp("private", "10.0.0.9:22");
    let fine = routine("fine");
    declare(&bench, vec![routine("far"), local, private, fine]).await;
    let engine = start(&bench);
    let far = until_checked(&bench, "far", 4).await;
    for name in ["local", "private", "fine"] {
        until_checked(&bench, name, 4).await;
    }
    engine.stop(true).await;
    let checked = far.iter().filter(|s| s.outcome != ProbeOutcome::Skipped);
    for sample in checked {
        assert_eq!(sample.outcome, ProbeOutcome::Unknown, "{far:?}");
        assert_eq!(sample.class, FailureClass::Ours.number());
    }
    let (state, message) = found(&bench, "far").await;
    assert_eq!(state, State::Unknown);
    assert_eq!(
        message,
        "our own network is down: no canary answered (1.1.1.1:443, 9.9.9.9:443); no network"
    );
    assert_eq!(found(&bench, "local").await.0, State::Failing);
    assert_eq!(found(&bench, "private").await.0, State::Failing);
    assert_eq!(found(&bench, "fine").await.0, State::Ok);
    let id = number(&bench, "far").await.unwrap();
    let changes = bench.store.routine_changes(bench.workspace, id, 9).await;
    let failing = |to: State| to == State::Failing;
    assert!(!changes.unwrap().iter().any(|change| failing(change.to)));
    let asked = asked(&bench);
    assert!((1..far.len()).contains(&asked), "{asked} of {}", far.len());
}

#[tokio::test]
async fn one_canary_that_answers_makes_the_failure_that_of_the_target() {
    let script = Script::default()
        .on("far.test", down())
        .on("connect 1.1.1.1:443", down());
    let bench = Bench::scripted(script).await;
    declare(&bench, vec![routine("far"), routine("fine")]).await;
    let engine = start(&bench);
    until_checked(&bench, "far", 4).await;
    engine.stop(true).await;
    let far = (State::Failing, "no network".to_owned());
    assert_eq!(found(&bench, "far").await, far);
}

#[tokio::test]
async fn the_phases_of_the_last_the_good_and_the_bad_call_are_kept() {
    let timing = |first_byte_ms| Timing {
        address: Some("192.0.2.7:80".to_owned()),
        phases: Phases {
            first_byte_ms: Some(first_byte_ms),
            ..Phases::default()
        },
        ended_in: None,
    };
    let answer = |status| Reply::Http {
        status,
        headers: std::collections::BTreeMap::new(),
        body: String::new(),
        truncated: false,
        ms: 1,
    };
    let script = Script::default()
        .on("one", Act::Timed(answer(200), timing(1.5)))
        .on("one", Act::Timed(answer(503), timing(70.25)));
    let bench = Bench::scripted(script).await;
    declare(&bench, vec![routine("one")]).await;
    let engine = start(&bench);
    until_checked(&bench, "one", 3).await;
    engine.stop(true).await;
    let id = number(&bench, "one").await.unwrap();
    let kept = bench.store.probe_evidence(bench.workspace, id).await;
    let kept: Vec<_> = kept
        .unwrap()
        .into_iter()
        .map(|e| (e.kind, e.answer))
        .collect();
    let line = |ms: &str| {
        format!(r#"timing {{"address":"192.0.2.7:80","phases":{{"first_byte_ms":{ms}}}}}"#)
    };
    let (fast, slow) = (line("1.5"), line("70.25"));
    let text = |status: u16| format!("HTTP {status} in 1 ms\nHTTP {status}\n\n");
    assert_eq!(
        kept,
        [
            (AnswerKind::Bad, format!("{slow}\n{}", text(503))),
            (AnswerKind::Good, format!("{fast}\n{}", text(200))),
            (AnswerKind::Last, format!("{slow}\nHTTP 503 in 1 ms")),
        ]
    );
}
