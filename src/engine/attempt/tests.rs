//! When a step is tried again, and after how long.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::core::run::Phase;
use crate::core::run::step::{http::Http, shell::Shell};
use crate::core::stack::service::HttpRequest;
use crate::core::stack::shell::ShellCommand;

const RETRY: Retry = Retry {
    attempts: 3,
    base_ms: 2000,
    cap_ms: 32_000,
};

fn step(spec: StepSpec, idempotent: bool) -> PlanStep {
    PlanStep {
        retry: Some(RETRY),
        idempotent,
        ..PlanStep::new("s", Phase::Action, spec, 1000)
    }
}

fn http(method: &str) -> StepSpec {
    StepSpec::Http(Http::new(HttpRequest {
        method: method.into(),
        ..HttpRequest::default()
    }))
}

fn shell() -> StepSpec {
    StepSpec::Shell(Shell::new(ShellCommand::Script("x".into())))
}

fn answer(status: u16, headers: &[(&str, &str)]) -> Reply {
    let headers = headers
        .iter()
        .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
        .collect();
    Reply::Http {
        status,
        headers,
        body: String::new(),
        truncated: false,
        ms: 1,
    }
}

fn after(step: &PlanStep, attempt: u32, reply: &Reply) -> Again {
    let evaluation = Evaluation {
        outcome: step.spec.outcome(reply),
        saved: BTreeMap::new(),
        links: Vec::new(),
        result: BTreeMap::new(),
    };
    let tried = Tried {
        attempt,
        reply: reply.clone(),
        evaluation,
        ms: 1,
    };
    again(step, &tried, 0.0)
}

#[test]
fn only_useful_and_safe_retries_are_made() {
    let late = Reply::TimedOut { after_ms: 5 };
    let table = [
        (
            step(http("GET"), true),
            answer(503, &[]),
            Again::After(2000),
        ),
        (step(http("get"), true), late.clone(), Again::After(2000)),
        (step(http("GET"), true), answer(404, &[]), Again::No),
        (step(http("GET"), true), answer(200, &[]), Again::No),
        (step(http("GET"), false), answer(503, &[]), Again::Unsafe),
        (step(http("POST"), false), answer(503, &[]), Again::Unsafe),
        (step(http("POST"), false), late.clone(), Again::Unsafe),
        (step(http("POST"), true), late.clone(), Again::After(2000)),
        (step(shell(), false), late.clone(), Again::Unsafe),
        (step(shell(), true), late.clone(), Again::After(2000)),
        (
            PlanStep {
                probe: true,
                ..step(shell(), false)
            },
            late.clone(),
            Again::After(2000),
        ),
        (
            PlanStep {
                retry: None,
                ..step(http("GET"), true)
            },
            late,
            Again::No,
        ),
    ];
    for (step, reply, wanted) in table {
        assert_eq!(after(&step, 1, &reply), wanted, "{:?} {reply:?}", step.spec);
    }
}

#[test]
fn attempts_end_and_the_server_may_ask_for_a_longer_pause() {
    let get = step(http("GET"), true);
    assert_eq!(after(&get, 2, &answer(503, &[])), Again::After(4000));
    assert_eq!(after(&get, 3, &answer(503, &[])), Again::No);
    assert_eq!(
        after(&get, 1, &answer(429, &[("retry-after", "7")])),
        Again::After(7000)
    );
    assert_eq!(
        after(&get, 1, &answer(429, &[("retry-after", "1")])),
        Again::After(2000)
    );
    assert_eq!(
        after(&get, 1, &answer(429, &[("retry-after", "99999")])),
        Again::After(300_000)
    );
    let dated = |at: &str| {
        answer(
            503,
            &[
                ("date", "Wed, 21 Oct 2015 07:28:00 GMT"),
                ("retry-after", at),
            ],
        )
    };
    assert_eq!(
        after(&get, 1, &dated("Wed, 21 Oct 2015 07:28:09 GMT")),
        Again::After(9000)
    );
    assert_eq!(
        after(&get, 1, &dated("Wed, 21 Oct 2099 07:28:09 GMT")),
        Again::After(300_000)
    );
    for at in ["Wed, 21 Oct 2015 07:27:00 GMT", "soon", "-5", ""] {
        assert_eq!(after(&get, 1, &dated(at)), Again::After(2000), "{at}");
    }
    let undated = answer(503, &[("retry-after", "Wed, 21 Oct 2099 07:28:09 GMT")]);
    assert_eq!(after(&get, 1, &undated), Again::After(2000));
}

#[test]
fn retries_by_status_code() {
    let get = step(http("GET"), true);
    for status in 300..600 {
        let worth = matches!(status, 408 | 425 | 429 | 500..);
        let wanted = if worth { Again::After(2000) } else { Again::No };
        assert_eq!(after(&get, 1, &answer(status, &[])), wanted, "{status}");
    }
    let message = || "because".to_owned();
    assert_eq!(
        after(&get, 1, &Reply::unreachable(message())),
        Again::After(2000)
    );
    assert_eq!(
        after(&get, 1, &Reply::refused(message())),
        Again::No,
        "we would refuse again"
    );
}

#[test]
fn jitter_lengthens_or_shortens_a_pause_by_a_quarter_and_never_below_zero() {
    let capped = Retry {
        cap_ms: 1800,
        ..RETRY
    };
    let negative = Retry {
        cap_ms: -1,
        ..RETRY
    };
    for (retry, attempt, jitter, wanted) in [
        (RETRY, 1, 1.0, 2500),
        (RETRY, 1, 0.0, 2000),
        (RETRY, 1, -1.0, 1500),
        (RETRY, 3, 0.5, 9000),
        (capped, 1, 1.0, 1800),
        (capped, 1, -1.0, 1500),
        (negative, 1, 0.0, 0),
    ] {
        assert_eq!(
            pause_ms(retry, attempt, jitter),
            wanted,
            "{attempt} {jitter}"
        );
    }
    assert_eq!(millis(-1), std::time::Duration::ZERO);
    assert_eq!(millis(1500), std::time::Duration::from_millis(1500));
}

#[test]
fn an_operation_waits_as_long_as_its_last_answer_asks_for() {
    let headers = [("retry-after", "7")];
    let progress = crate::core::run::step::adapter::Progress {
        stage: 0,
        last: Box::new(answer(429, &headers)),
        kept: BTreeMap::new(),
        ms: 1,
    };
    assert_eq!(retry_after_ms(&Reply::Operated(progress)), 7000);
    assert_eq!(retry_after_ms(&Reply::Stored), 0);
}

#[test]
fn an_outcome_has_a_status_a_level_and_a_duration() {
    let outcome = |verdict, state, latency_ms| Outcome {
        verdict,
        message: "HTTP 200".to_owned(),
        state,
        latency_ms,
    };
    let failed = Verdict::Failed { again: false };
    for (verdict, state, status, level) in [
        (
            Verdict::Succeeded,
            State::Ok,
            StepStatus::Succeeded,
            Level::Success,
        ),
        (
            Verdict::Succeeded,
            State::Degraded,
            StepStatus::Succeeded,
            Level::Warn,
        ),
        (
            Verdict::Succeeded,
            State::Failing,
            StepStatus::Succeeded,
            Level::Warn,
        ),
        (failed, State::Ok, StepStatus::Failed, Level::Error),
        (failed, State::Failing, StepStatus::Failed, Level::Error),
        (
            Verdict::TimedOut,
            State::Failing,
            StepStatus::TimedOut,
            Level::Error,
        ),
    ] {
        assert_eq!(
            verdict_of(&outcome(verdict, state, None)),
            (status, level),
            "{verdict:?} {state:?}"
        );
    }
    let get = step(http("GET"), true);
    let place = StepRef {
        index: Some(3),
        phase: Some(Phase::Verify),
    };
    for (latency_ms, wanted) in [(Some(41), "s: HTTP 200"), (None, "s: HTTP 200 (1.5 s)")] {
        let text = summary(
            &get,
            &outcome(Verdict::Succeeded, State::Ok, latency_ms),
            1500,
        );
        assert_eq!(text, wanted);
        let event = event(place, &get, Level::Info, text);
        assert_eq!(
            (event.step, event.phase, event.source, event.level),
            (Some(3), Some(Phase::Verify), "http", Level::Info)
        );
        assert_eq!((event.message.as_str(), event.data), (wanted, None));
    }
}

#[test]
fn only_questions_ask_people() {
    use crate::core::run::step::{approve::Approve, manual::Manual, wait::Wait};
    let prompt = "Grow it?".to_owned();
    for (spec, asks) in [
        (StepSpec::Manual(Manual { prompt }), true),
        (StepSpec::Approve(Approve::default()), true),
        (StepSpec::Wait(Wait { ms: 1 }), false),
        (shell(), false),
        (http("GET"), false),
    ] {
        assert_eq!(asks_people(&step(spec, true)), asks);
    }
}

/// Equal pauses would bring the retries of many runs at the same moment.
#[test]
fn jitter_spreads_to_both_sides() {
    let drawn: Vec<f64> = (0..100).map(|_| jitter()).collect();
    assert!(drawn.iter().any(|j| *j < 0.0), "{drawn:?}");
    assert!(drawn.iter().any(|j| *j > 0.0), "{drawn:?}");
}

proptest! {
    #[test]
    fn pauses_stay_within_a_quarter_and_under_the_cap(attempt in 1u32..70, jitter in -1.0f64..=1.0) {
        let bare = Retry { cap_ms: i64::MAX / 2, ..RETRY }.wait_ms(attempt);
        let pause = pause_ms(RETRY, attempt, jitter);
        prop_assert!(pause <= RETRY.cap_ms);
        prop_assert!(pause == RETRY.cap_ms || (pause - bare).abs() <= bare / 4 + 1, "{pause} of {bare}");
    }

    #[test]
    fn jitter_is_in_its_range(_n in 0..100) {
        prop_assert!((-1.0..=1.0).contains(&jitter()));
    }
}
