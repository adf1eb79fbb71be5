//! The whole table of states, and properties of any sequence of calls.

use proptest::prelude::*;

use super::*;
use std::collections::BTreeMap;

use crate::run::step::HttpCall;
use crate::run::step::adapter::Adapter;
use crate::run::step::sql::Sql;
use crate::run::step::wait::Wait;

const T: fn(i64) -> Timestamp = Timestamp;
const FREE: Pass = Pass::Free { clean: false };

#[test]
fn every_state_answers_every_question() {
    let open = State::Open { since: T(1000) };
    let half = State::HalfOpen {
        since: T(1000),
        until: T(400_000),
    };
    let due = 1000 + REST_MS;
    for (state, at, after, pass) in [
        (
            State::default(),
            0,
            State::default(),
            Pass::Free { clean: true },
        ),
        (
            State::Closed { failures: 4 },
            0,
            State::Closed { failures: 4 },
            Pass::Free { clean: false },
        ),
        (
            open,
            1000,
            open,
            Pass::Refused {
                since: T(1000),
                next: T(due),
            },
        ),
        (
            open,
            due - 1,
            open,
            Pass::Refused {
                since: T(1000),
                next: T(due),
            },
        ),
        (
            open,
            due,
            State::HalfOpen {
                since: T(1000),
                until: T(due + 50),
            },
            Pass::Probe { until: T(due + 50) },
        ),
        // The clock was set back.
        (
            open,
            10,
            State::HalfOpen {
                since: T(1000),
                until: T(60),
            },
            Pass::Probe { until: T(60) },
        ),
        (
            half,
            399_999,
            half,
            Pass::Refused {
                since: T(1000),
                next: T(400_000),
            },
        ),
        (
            half,
            400_000,
            State::HalfOpen {
                since: T(1000),
                until: T(400_050),
            },
            Pass::Probe { until: T(400_050) },
        ),
        (
            half,
            10,
            State::HalfOpen {
                since: T(1000),
                until: T(60),
            },
            Pass::Probe { until: T(60) },
        ),
    ] {
        assert_eq!(state.admit(T(at), 50), (after, pass), "{state:?} at {at}");
    }
}

#[test]
fn every_state_handles_every_outcome() {
    let open = State::Open { since: T(7) };
    let half = State::HalfOpen {
        since: T(7),
        until: T(90),
    };
    let (mine, late) = (Pass::Probe { until: T(90) }, Pass::Probe { until: T(80) });
    let refused = Pass::Refused {
        since: T(7),
        next: T(90),
    };
    let closed = |failures| State::Closed { failures };
    for (state, pass, good, after) in [
        (closed(3), FREE, true, closed(0)),
        (closed(3), FREE, false, closed(4)),
        (closed(4), FREE, false, State::Open { since: T(50) }),
        (closed(3), late, true, closed(0)),
        (closed(3), late, false, closed(4)),
        (closed(3), refused, true, closed(3)),
        (closed(3), refused, false, closed(3)),
        (open, FREE, true, open),
        (open, FREE, false, open),
        (open, late, true, open),
        (open, late, false, open),
        (open, refused, true, open),
        (open, refused, false, open),
        (half, mine, true, closed(0)),
        (half, mine, false, State::Open { since: T(50) }),
        (half, late, true, half),
        (half, late, false, half),
        (half, FREE, true, half),
        (half, FREE, false, half),
        (half, refused, true, half),
        (half, refused, false, half),
    ] {
        assert_eq!(
            state.after(pass, good, T(50)),
            after,
            "{state:?} {pass:?} {good}"
        );
    }
}

#[test]
fn a_breaker_is_named_by_its_target_and_shown_with_its_host() {
    let target = Target {
        service: "web".to_owned(),
        env: Some("prod".to_owned()),
    };
    let way = BreakerKey {
        target: Some(target),
        host: "api.test".to_owned(),
    };
    assert_eq!(
        (way.to_string().as_str(), way.name().as_str()),
        ("web in prod (api.test)", "web in prod")
    );
    let host = BreakerKey {
        target: None,
        host: "api.test".to_owned(),
    };
    assert_eq!(
        (host.to_string().as_str(), host.name().as_str()),
        ("api.test", "api.test")
    );
}

/// Possible actions: time passes, a call is requested, the oldest or newest active call ends.
#[derive(Debug, Clone, Copy)]
enum Action {
    Pass(i64),
    Ask,
    End { newest: bool, good: bool },
}

fn actions() -> impl Strategy<Value = Vec<Action>> {
    let end =
        (any::<bool>(), any::<bool>()).prop_map(|(newest, good)| Action::End { newest, good });
    prop::collection::vec(
        prop_oneof![
            (1..REST_MS).prop_map(Action::Pass),
            Just(Action::Ask),
            Just(Action::Ask),
            end
        ],
        0..200,
    )
}

proptest! {
    #[test]
    fn sequential_calls_are_refused_exactly_while_it_rests(outcomes in prop::collection::vec((any::<bool>(), 1..REST_MS), 1..100)) {
        let (mut state, mut now, mut failures, mut opened) = (State::default(), 0, 0_u32, None);
        for (good, pause) in outcomes {
            now += pause;
            let (after, pass) = state.admit(T(now), 1000);
            let rests = opened.is_some_and(|at| now - at < REST_MS);
            prop_assert_eq!(matches!(pass, Pass::Refused { .. }), rests);
            prop_assert_eq!(matches!(pass, Pass::Probe { .. }), opened.is_some() && !rests);
            state = after;
            if rests {
                continue;
            }
            state = state.after(pass, good, T(now));
            failures = if good { 0 } else { failures + 1 };
            if good {
                opened = None;
            } else if failures >= THRESHOLD {
                opened = Some(now);
            }
            prop_assert_eq!(state.is_open(), opened.is_some());
        }
    }

    #[test]
    fn never_two_probes_at_once_and_other_calls_never_close_it(actions in actions()) {
        const TIMEOUT_MS: i64 = 20_000;
        let (mut state, mut now) = (State::default(), 0);
        let mut under_way: Vec<(Pass, i64)> = Vec::new();
        for action in actions {
            match action {
                Action::Pass(ms) => now += ms,
                Action::Ask => {
                    let (after, pass) = state.admit(T(now), TIMEOUT_MS);
                    if matches!(pass, Pass::Probe { .. }) {
                        let probing = under_way.iter().any(|(p, at)| {
                            // One that is still within its time, and that the breaker waits for.
                            matches!((p, state), (Pass::Probe { until }, State::HalfOpen { until: wanted, .. })
                                if *until == wanted && now - at < TIMEOUT_MS)
                        });
                        prop_assert!(!probing, "two probes at {now}");
                    }
                    if !matches!(pass, Pass::Refused { .. }) {
                        under_way.push((pass, now));
                    }
                    state = after;
                }
                Action::End { newest, good } => {
                    let ended = if newest { under_way.pop() } else { (!under_way.is_empty()).then(|| under_way.remove(0)) };
                    let Some((pass, _)) = ended else { continue };
                    let after = state.after(pass, good, T(now));
                    if matches!(pass, Pass::Free { .. }) && state.is_open() {
                        prop_assert_eq!(after, state);
                    }
                    if state.is_open() && !after.is_open() {
                        let was_probe = matches!(pass, Pass::Probe { .. });
                        prop_assert!(good && was_probe);
                    }
                    state = after;
                }
            }
        }
    }
}

#[test]
fn changing_calls_are_guarded_by_their_host() {
    let http = |url: &str| {
        CallKind::Http(HttpCall {
            host: crate::base::outbound::HostFrom::File,
            method: "POST".to_owned(),
            url: url.to_owned(),
            headers: BTreeMap::new(),
            body: None,
            secrets: Vec::new(),
        })
    };
    let sql = |mutates| {
        CallKind::Sql(Sql {
            database: "shop".to_owned(),
            place: String::new(),
            statement: "delete from carts".to_owned(),
            params: Vec::new(),
            mutates,
            max_rows: 1,
        })
    };
    let operate = |operation: &str| {
        CallKind::Operation(Adapter {
            operation: operation.to_owned(),
            args: BTreeMap::new(),
            base_url: "https://ghe.test:8443/api/v3".to_owned(),
            token: "GH".to_owned(),
        })
    };
    let message = serde_json::from_str(r#"{"title": "x"}"#).unwrap();
    for (kind, host) in [
        (http("https://api.test/x"), Some("api.test")),
        (http("http://127.0.0.1:8080/"), Some("127.0.0.1:8080")),
        (http("no address"), None),
        (sql(true), Some("database.shop")),
        (sql(false), None),
        (operate("github.dispatch_workflow"), Some("ghe.test:8443")),
        (operate("github.combined_status"), None),
        (operate("github.no_such"), None),
        (
            CallKind::Notify {
                to: "ops".to_owned(),
                message,
            },
            Some("notify.ops"),
        ),
        (CallKind::Wait(Wait { ms: 1 }), None),
    ] {
        let call = Call {
            kind,
            timeout_ms: 1,
        };
        assert_eq!(
            BreakerKey::of(None, &call).map(|way| way.host).as_deref(),
            host,
            "{call:?}"
        );
    }
}
