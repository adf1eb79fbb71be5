//! Answers and what a routine makes of them.

use std::collections::BTreeMap;

use super::*;
use crate::run::step::{CallKind, CallRefusal, Certificate};
use crate::run::timing::{CallPhase, Phases};
use crate::stack::routine::{RequestCheck, RoutineRequest};

const NOW: Timestamp = Timestamp(1_700_000_000_000);
const DAY_MS: i64 = 86_400_000;

fn routine(check: Check, expect: &[&str]) -> Routine {
    Routine {
        check,
        expect: expect.iter().map(|&text| text.to_owned()).collect(),
        ..Routine::default()
    }
}

fn http_check() -> Check {
    Check::Http(RequestCheck {
        request: Some(RoutineRequest {
            method: "GET".to_owned(),
            url: "http://web.test/health".to_owned(),
            ..RoutineRequest::default()
        }),
    })
}

fn http_answer(status: u16, body: &str) -> CheckAnswer {
    let headers = BTreeMap::from([("location".to_owned(), "http://127.0.0.1/".to_owned())]);
    CheckAnswer::from(Reply::Http {
        status,
        headers,
        body: body.to_owned(),
        truncated: false,
        ms: 12,
    })
}

fn certificate(days: i64) -> Certificate {
    Certificate {
        subject: "web.test".to_owned(),
        issuer: "Test CA".to_owned(),
        not_before: Timestamp(0),
        not_after: NOW.plus_ms(days * DAY_MS + 1),
    }
}

fn connected(days: &[i64], distrust: Option<&str>) -> CheckAnswer {
    CheckAnswer::from(Reply::Connected {
        address: "10.0.0.1:443".to_owned(),
        certificates: days.iter().copied().map(certificate).collect(),
        distrust: distrust.map(str::to_owned),
        ms: 3,
    })
}

#[test]
fn each_answer_has_a_state_a_class_and_a_message() {
    use FailureClass as C;
    let http = |expect: &[&str]| routine(http_check(), expect);
    let tls = routine(
        Check::Tls {
            address: "web.test:443".to_owned(),
            server_name: None,
            min_days: 14,
        },
        &[],
    );
    let unreachable = |cause| {
        CheckAnswer::from(Reply::Unreachable {
            message: "why".to_owned(),
            cause,
        })
    };
    let rows: Vec<(Routine, CheckAnswer, State, Option<C>, &str)> = vec![
        (
            http(&[]),
            http_answer(204, ""),
            State::Ok,
            None,
            "HTTP 204 in 12 ms",
        ),
        (
            http(&[]),
            http_answer(500, ""),
            State::Failing,
            Some(C::Status),
            "HTTP 500 in 12 ms",
        ),
        (
            http(&[]),
            http_answer(302, ""),
            State::Failing,
            Some(C::Redirect),
            "HTTP 302 in 12 ms, redirects to http://127.0.0.1/ (not followed)",
        ),
        (
            http(&["response.status == 302"]),
            http_answer(302, ""),
            State::Ok,
            None,
            "HTTP 302 in 12 ms",
        ),
        (
            http(&["response.body.queue < 5"]),
            http_answer(200, r#"{"queue": 7}"#),
            State::Failing,
            Some(C::Condition),
            "HTTP 200 in 12 ms, but not as expected: response.body.queue < 5 does not hold (response.body.queue = 7)",
        ),
        (
            http(&[]),
            unreachable(Cause::Dns),
            State::Failing,
            Some(C::Dns),
            "why",
        ),
        (
            http(&[]),
            CheckAnswer::from(Reply::TimedOut { after_ms: 2000 }),
            State::Failing,
            Some(C::Timeout),
            "no answer within 2.0 s",
        ),
        (
            routine(
                Check::Icmp {
                    host: "web.test".to_owned(),
                },
                &["response.duration_ms < 5 && response.address == \"192.0.2.7\""],
            ),
            CheckAnswer::from(Reply::Echoed {
                address: "192.0.2.7".to_owned(),
                ms: 4,
            }),
            State::Ok,
            None,
            "echo from 192.0.2.7 in 4 ms",
        ),
        (
            http(&[]),
            CheckAnswer {
                timing: Timing {
                    ended_in: Some(CallPhase::FirstByte),
                    ..Timing::default()
                },
                ..CheckAnswer::from(Reply::TimedOut { after_ms: 4000 })
            },
            State::Failing,
            Some(C::Timeout),
            "no answer within 4.0 s: waiting for the first byte",
        ),
        (
            http(&[]),
            CheckAnswer::from(Reply::from(CallRefusal::by_policy(
                "not allowed".to_owned(),
            ))),
            State::Unknown,
            Some(C::Blocked),
            "not allowed",
        ),
        (
            http(&[]),
            CheckAnswer::from(Reply::refused("the secret WEB is missing")),
            State::Unknown,
            Some(C::Ours),
            "the secret WEB is missing",
        ),
        (
            routine(
                Check::Shell {
                    command: ShellCommand::Script("x".to_owned()),
                    secrets: Vec::new(),
                },
                &[],
            ),
            unreachable(Cause::Other),
            State::Unknown,
            Some(C::Ours),
            "why",
        ),
        (
            tls.clone(),
            connected(&[90, 400], None),
            State::Ok,
            None,
            "certificate of web.test is valid for 90 more days",
        ),
        (
            tls.clone(),
            connected(&[90, 3], None),
            State::Degraded,
            Some(C::Tls),
            "certificate of web.test ends in 3 days, on 2023-11-17; fewer than 14",
        ),
        (
            tls.clone(),
            connected(&[90], Some("certificate is not for web.test")),
            State::Failing,
            Some(C::Tls),
            "certificate is not for web.test",
        ),
        (
            tls,
            connected(&[-2], Some("certificate expired")),
            State::Failing,
            Some(C::Tls),
            "certificate expired: the certificate of web.test ended on 2023-11-12",
        ),
    ];
    for (routine, answer, state, class, message) in rows {
        let found = result(&routine, &answer, NOW);
        assert_eq!(
            (found.state, found.class, found.message.as_str()),
            (state, class, message),
            "{answer:?}"
        );
    }
}

#[test]
fn a_missing_value_is_a_failure_and_never_a_pass() {
    for condition in ["response.body.queue < 5", "response.body.queue != 1"] {
        let found = result(
            &routine(http_check(), &[condition]),
            &http_answer(200, "<html>oops</html>"),
            NOW,
        );
        assert_eq!(
            (found.state, found.class),
            (State::Failing, Some(FailureClass::Condition))
        );
        assert!(
            found.message.contains("cannot be decided"),
            "{}",
            found.message
        );
    }
}

#[test]
fn a_condition_about_a_body_that_was_cut_is_too_large() {
    let mut answer = http_answer(200, "{\"queue\": 1, ");
    if let Reply::Http { truncated, .. } = &mut answer.reply {
        *truncated = true;
    }
    for (condition, class) in [
        ("response.body.queue < 5", Some(FailureClass::TooLarge)),
        ("response.duration_ms > 100", Some(FailureClass::Condition)),
        ("response.duration_ms < 100", None),
    ] {
        let found = result(&routine(http_check(), &[condition]), &answer, NOW);
        assert_eq!(found.class, class, "{}", found.message);
    }
}

#[test]
fn a_query_without_series_is_an_answer() {
    let promql = |expect: &[&str]| {
        routine(
            Check::Promql {
                url: "http://prom.test/".to_owned(),
                query: "up == 0".to_owned(),
                secret_ref: None,
            },
            expect,
        )
    };
    let vector = |values: &[&str]| {
        let series: Vec<String> = values
            .iter()
            .map(|v| format!(r#"{{"metric":{{}},"value":[1,"{v}"]}}"#))
            .collect();
        http_answer(
            200,
            &format!(
                r#"{{"status":"success","data":{{"resultType":"vector","result":[{}]}}}}"#,
                series.join(",")
            ),
        )
    };
    for (values, expect, state, message) in [
        (&[][..], &[][..], State::Ok, "no series in 12 ms"),
        (
            &[],
            &["response.series == 0"],
            State::Ok,
            "no series in 12 ms",
        ),
        (
            &[],
            &["response.value < 5.0"],
            State::Failing,
            "cannot be decided",
        ),
        (&["3"], &["response.value < 5.0"], State::Ok, "3 in 12 ms"),
        (&["NaN"], &["response.value < 5.0"], State::Failing, ""),
        (&["+Inf"], &["response.value < 5.0"], State::Failing, ""),
        (
            &["-Inf", "2"],
            &["response.max <= 2.0"],
            State::Ok,
            "2 series in 12 ms, the largest 2",
        ),
        (
            &["1", "2"],
            &["response.value < 5.0"],
            State::Failing,
            "cannot be decided",
        ),
    ] {
        let found = result(&promql(expect), &vector(values), NOW);
        assert_eq!(
            found.state, state,
            "{values:?} {expect:?}: {}",
            found.message
        );
        assert!(found.message.contains(message), "{}", found.message);
    }
    let error =
        r#"{"status":"error","errorType":"bad_data","error":"parse error: unexpected end"}"#;
    let found = result(&promql(&[]), &http_answer(400, error), NOW);
    assert_eq!(found.class, Some(FailureClass::Status));
    assert!(
        found.message.ends_with("parse error: unexpected end"),
        "{}",
        found.message
    );
    let call = call(&promql(&[])).unwrap();
    let CallKind::Http(request) = call.kind else {
        panic!("a request")
    };
    assert_eq!(
        request.url,
        "http://prom.test/api/v1/query?query=up+%3D%3D+0"
    );
}

#[test]
fn a_unit_is_what_systemd_says() {
    let unit = routine(
        Check::Unit {
            unit: "nginx.service".to_owned(),
        },
        &[],
    );
    for (output, state) in [
        (
            "LoadState=loaded\nActiveState=active\nSubState=running\nResult=success\n",
            State::Ok,
        ),
        (
            "LoadState=loaded\nActiveState=failed\nSubState=failed\nResult=exit-code\n",
            State::Failing,
        ),
        (
            "LoadState=not-found\nActiveState=inactive\nSubState=dead\nResult=success\n",
            State::Failing,
        ),
        (
            "LoadState=loaded\nActiveState=activating\nSubState=auto-restart\n",
            State::Degraded,
        ),
        ("", State::Unknown),
    ] {
        let answer = CheckAnswer {
            reply: Reply::Exited {
                code: Some(0),
                signal: None,
                outputs: BTreeMap::new(),
                lacks: Vec::new(),
                ms: 5,
            },
            output: output.to_owned(),
            timing: Timing::default(),
        };
        assert_eq!(result(&unit, &answer, NOW).state, state, "{output}");
    }
}

#[test]
fn the_kept_part_of_an_answer_lacks_headers_that_may_hold_secrets() {
    let mut answer = http_answer(200, &"x".repeat(5000));
    if let Reply::Http { headers, .. } = &mut answer.reply {
        headers.insert("set-cookie".to_owned(), "session=abc".to_owned());
    }
    let kept = evidence(&answer);
    assert!(kept.starts_with("HTTP 200\nlocation: "), "{kept}");
    assert!(!kept.contains("abc") && kept.chars().count() <= 2000);
}

#[test]
fn conditions_see_the_phases_of_the_call_and_never_a_phase_it_did_not_have() {
    let answer = CheckAnswer {
        timing: Timing {
            address: Some("192.0.2.7:443".to_owned()),
            phases: Phases {
                connect_ms: Some(0.25),
                first_byte_ms: Some(41.5),
                ..Phases::default()
            },
            ended_in: None,
        },
        ..http_answer(200, "")
    };
    let found = |expect: &str| {
        let routine = routine(http_check(), &[expect]);
        let types = crate::routine::scope::routine_types(routine.kind());
        Expr::condition(expect, &types).unwrap();
        let found = result(&routine, &answer, NOW);
        (found.state, found.message)
    };
    let good = "HTTP 200 in 12 ms";
    for expect in [
        "response.phases.connect_ms < 1",
        "response.phases.first_byte_ms + response.phases.connect_ms == 41.75",
        "response.address == \"192.0.2.7:443\"",
    ] {
        assert_eq!(found(expect), (State::Ok, good.to_owned()), "{expect}");
    }
    let (state, message) = found("response.phases.tls_ms < 100");
    assert_eq!(state, State::Failing);
    assert!(
        message.contains("cannot be decided") && message.contains("field `tls_ms` is missing"),
        "{message}"
    );
}
