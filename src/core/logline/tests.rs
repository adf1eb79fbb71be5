//! Lines of every shape, and their parsed parts.

use proptest::prelude::*;

use super::*;

/// 2026-11-21T12:00:00Z.
const NOW: Timestamp = Timestamp(1_795_262_400_000);

fn at(line: &str) -> Option<String> {
    time(line.as_bytes(), NOW).map(Timestamp::rfc3339)
}

#[test]
fn times_and_levels_of_every_shape() {
    use Level::{Debug, Error, Info, Warn};
    use Shape::{Access, Glog, Json, Logfmt, Plain, Python, Syslog, Timed, Tracing};
    for (line, shape, written, level) in [
        (
            r#"{"ts":"2026-11-21T09:30:00.25Z","level":"warn","msg":"slow"}"#,
            Json,
            Some("2026-11-21T09:30:00.250Z"),
            Some(Warn),
        ),
        (
            r#"{"level":50,"time":1795253400250,"msg":"pino"}"#,
            Json,
            Some("2026-11-21T09:30:00.250Z"),
            Some(Error),
        ),
        (
            r#"{"severity": "NOTICE", "timestamp": 1795253400.5}"#,
            Json,
            Some("2026-11-21T09:30:00.500Z"),
            Some(Info),
        ),
        (r#"{"msg":"ERROR in the text only"}"#, Json, None, None),
        (
            r#"ts=2026-11-21T10:30:00+01:00 level=error msg="disk \"a\" full" n=3"#,
            Logfmt,
            Some("2026-11-21T09:30:00.000Z"),
            Some(Error),
        ),
        (
            "lvl=debug t=1795253400 caller=x.go:3",
            Logfmt,
            Some("2026-11-21T09:30:00.000Z"),
            Some(Debug),
        ),
        (
            "Nov 21 09:30:00 web1 sshd[912]: Accepted key",
            Syslog,
            Some("2026-11-21T09:30:00.000Z"),
            None,
        ),
        (
            "Dec  3 09:30:00 web1 cron: ERROR no mail",
            Syslog,
            Some("2025-12-03T09:30:00.000Z"),
            Some(Error),
        ),
        (
            "<34>Nov 21 09:30:00 web1 su: root failed",
            Syslog,
            Some("2026-11-21T09:30:00.000Z"),
            Some(Error),
        ),
        (
            "<165>1 2026-11-21T09:30:00.003Z web1 app 88 ID47 - started",
            Syslog,
            Some("2026-11-21T09:30:00.003Z"),
            Some(Info),
        ),
        (
            r#"10.0.0.9 - eve [21/Nov/2026:10:30:00 +0100] "GET /ERROR HTTP/1.1" 502 0 "-" "curl/8""#,
            Access,
            Some("2026-11-21T09:30:00.000Z"),
            Some(Error),
        ),
        (
            r#"::1 - - [21/Nov/2026:09:30:00 +0000] "GET / HTTP/1.0" 404 12"#,
            Access,
            Some("2026-11-21T09:30:00.000Z"),
            Some(Warn),
        ),
        (
            "W1121 09:30:00.123456   712 pool.cc:44] backing off",
            Glog,
            Some("2026-11-21T09:30:00.123Z"),
            Some(Warn),
        ),
        (
            "F1231 23:59:59.000001 1 main.go:1] gone",
            Glog,
            Some("2025-12-31T23:59:59.000Z"),
            Some(Error),
        ),
        (
            "2026-11-21T09:30:00.000001Z  WARN app::db: slow took=3s",
            Tracing,
            Some("2026-11-21T09:30:00.000Z"),
            Some(Warn),
        ),
        (
            "2026-11-21 09:30:00,250 - app.db - CRITICAL - lost",
            Python,
            Some("2026-11-21T09:30:00.250Z"),
            Some(Error),
        ),
        (
            "2026/11/21 09:30:00 [error] 31#31: upstream timed out",
            Timed,
            Some("2026-11-21T09:30:00.000Z"),
            Some(Error),
        ),
        (
            "[2026-11-21 09:30] cleanup INFO done",
            Timed,
            Some("2026-11-21T09:30:00.000Z"),
            Some(Info),
        ),
        (
            "1795253400 something",
            Timed,
            Some("2026-11-21T09:30:00.000Z"),
            None,
        ),
        ("WARNING:root:careful", Plain, None, Some(Warn)),
        ("cc: error: no input files", Plain, None, Some(Error)),
        (
            "an error happened in ERROR_PATH=/x/ERROR",
            Plain,
            None,
            None,
        ),
        ("no information: none", Plain, None, None),
        ("2026-13-41T09:30:00Z nonsense", Plain, None, None),
        ("", Plain, None, None),
    ] {
        let record = read(line, NOW);
        assert_eq!(record.shape, shape, "{line}");
        assert_eq!(at(line).as_deref(), written, "{line}");
        assert_eq!(record.level, level, "{line}");
    }
}

#[test]
fn fields_are_taken_out() {
    for (line, name, value) in [
        (r#"{"a":{"b":1},"msg":"x"}"#, "a", r#"{"b":1}"#),
        (r#"ts=1 msg="say \"hi\"" k=v"#, "msg", "say \"hi\""),
        ("Nov 21 09:30:00 web1 sshd[912]: x", "pid", "912"),
        (
            "<165>1 2026-11-21T09:30:00Z web1 app 88 ID47 - x",
            "id",
            "ID47",
        ),
        (
            r#"10.0.0.9 - eve [21/Nov/2026:10:30:00 +0100] "GET / HTTP/1.1" 502 0 "-" "curl/8""#,
            "agent",
            "curl/8",
        ),
        (
            "W1121 09:30:00.123456   712 pool.cc:44] x",
            "source",
            "pool.cc:44",
        ),
        (
            "2026-11-21T09:30:00Z  WARN app::db: slow took=3s",
            "took",
            "3s",
        ),
        (
            "2026-11-21 09:30:00,250 - app.db - ERROR - lost",
            "logger",
            "app.db",
        ),
    ] {
        let fields = read(line, NOW).fields;
        assert!(
            fields.iter().any(|(k, v)| k == name && v == value),
            "{line}: {fields:?}"
        );
    }
}

#[test]
fn stack_traces_go_on() {
    for (line, goes_on) in [
        ("    at com.example.Main.run(Main.java:3)", true),
        ("\tat x", true),
        ("Caused by: java.io.IOException: gone", true),
        ("java.lang.IllegalStateException: no", true),
        ("Traceback (most recent call last):", true),
        ("ValueError: bad", true),
        ("", true),
        ("2026-11-21T09:30:00Z ERROR x", false),
        ("Error: x", false),
        ("hello", false),
        ("  INFO indented, and a record of its own", false),
        ("  2026-11-21T09:30:00Z as well", false),
        ("  42 of a table", true),
    ] {
        assert_eq!(continues(line.as_bytes()), goes_on, "{line}");
    }
}

#[test]
fn only_lines_that_begin_a_record_have_more_lines() {
    for (line, heads_one) in [
        ("2026-11-21T09:30:00Z x", true),
        ("ERROR x", true),
        ("Exception in thread \"main\" java.lang.Error", true),
        ("thread 'main' panicked at src/main.rs:3", true),
        ("Traceback (most recent call last):", true),
        ("{", true),
        ("  PID TTY", false),
        ("some prose", false),
        ("", false),
    ] {
        assert_eq!(heads(line.as_bytes()), heads_one, "{line}");
    }
}

proptest! {
    #[test]
    fn no_line_is_too_strange(line in prop_oneof![
        any::<String>(),
        "[<{\\[IWEF0-9][0-9:/ \\-\\[\\]\"T,.a-zA-Z=]{0,60}",
        "\\{\"(time|level|ts)\":?[0-9\"a-z]{0,30}\\}?",
    ]) {
        let _ = read(&line, NOW);
        let _ = (continues(line.as_bytes()), heads(line.as_bytes()));
    }

    #[test]
    fn dates_are_chronos_dates(ms in 0_i64..4_102_444_800_000) {
        let text = Timestamp(ms).rfc3339();
        prop_assert_eq!(time(text.as_bytes(), NOW), Some(Timestamp(ms)));
    }
}
