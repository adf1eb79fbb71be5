//! When a step is tried again, and after how long.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::core::run::Phase;
use crate::core::run::step::{http::Http, shell::Shell};
use crate::core::stack::service::{HttpRequest, ShellCommand};

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
        after(&get, 1, &Reply::Unreachable { message: message() }),
        Again::After(2000)
    );
    assert_eq!(
        after(&get, 1, &Reply::Refused { message: message() }),
        Again::No,
        "we would refuse again"
    );
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
