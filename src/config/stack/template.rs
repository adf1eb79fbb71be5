//! The text that a new routine begins with: the keys its kind needs, and as comments those it may
//! have.

use crate::core::stack::routine::RoutineKind;

/// What every routine may have.
const COMMON: &str = "\
# timezone = \"Europe/Berlin\" # of cron
# service = \"web\"            # what it is about, with env
# env = \"prod\"
# timeout = \"8s\"             # total deadline
# failure_threshold = 3      # failures in a row until it is failing
# success_threshold = 2      # then so many others until it is not
# misfire = \"once\"           # missed slots: skip, once or all
";

/// A `[[routine]]` of this kind whose blanks are to be filled in.
#[must_use]
pub fn routine_template(kind: RoutineKind) -> String {
    let (required, optional) = keys(kind);
    // A runbook has its own deadline.
    let fits = |line: &&str| kind != RoutineKind::Runbook || !line.starts_with("# timeout");
    let common: String = COMMON.split_inclusive('\n').filter(fits).collect();
    let kind = kind.name();
    let required: String = required.iter().map(|line| format!("{line}\n")).collect();
    let optional: String = optional.iter().map(|line| format!("# {line}\n")).collect();
    format!(
        "[[routine]]\nname = \"\"\nkind = \"{kind}\"\n{required}every = \"1m\"\n\
         # cron = \"30 2 * * 1-5\"     # instead of every\n\
         {optional}{common}"
    )
}

/// The lines of a kind: required ones, and those that may be added.
const fn keys(kind: RoutineKind) -> (&'static [&'static str], &'static [&'static str]) {
    match kind {
        RoutineKind::Http => (
            &["request = { method = \"GET\", url = \"\" }"],
            &["expect = [\"response.status == 200\", \"response.duration_ms < 800\"]"],
        ),
        RoutineKind::Webhook => (
            &["request = { method = \"POST\", url = \"\", body = \"{}\" }"],
            &["expect = \"response.status == 202\""],
        ),
        RoutineKind::Collect => (&["request = { method = \"GET\", url = \"\" }"], &[]),
        RoutineKind::Tcp => (
            &["address = \"\""],
            &["expect = \"response.duration_ms < 100\""],
        ),
        RoutineKind::Dns | RoutineKind::Icmp => (
            &["host = \"\""],
            &["expect = \"response.duration_ms < 100\""],
        ),
        RoutineKind::Tls => (
            &["address = \"\""],
            &["server_name = \"web.acme.test\"", "min_days = 14"],
        ),
        RoutineKind::Shell => (
            &["shell = \"\""],
            &[
                "expect = 'response.output == \"fine\"'",
                "secrets = [\"WEB\"]",
            ],
        ),
        RoutineKind::Sql => (
            &["database = \"\"", "query = \"\""],
            &["expect = \"response.row_count == 0\""],
        ),
        RoutineKind::Promql => (
            &["url = \"\"", "query = \"\""],
            &[
                "expect = \"response.value < 100\"",
                "auth = { secret_ref = \"WEB\" }",
            ],
        ),
        RoutineKind::Unit => (
            &["unit = \"\""],
            &["expect = 'response.sub == \"running\"'"],
        ),
        RoutineKind::Runbook => (
            &["runbook = \"\""],
            &[
                "inputs = { keep = \"7\" }",
                "unattended = true          # it may change what is protected",
            ],
        ),
        RoutineKind::Heartbeat => (&["grace = \"5m\""], &[]),
        RoutineKind::Manual => (&["task = \"\""], &[]),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::config::stack::{Amount, RoutineReader, has_comments, read};

    fn reader() -> RoutineReader {
        let stack = "workspace = \"acme\"\n[[environment]]\nname = \"prod\"\n\
            [[service]]\nname = \"web\"\nenvironments = [\"prod\"]\n";
        RoutineReader::new(&Arc::new(read("stack.toml", stack).unwrap()), None)
    }

    /// With something in every blank.
    fn filled(template: &str) -> String {
        template
            .replacen("name = \"\"", "name = \"x\"", 1)
            .replace("url = \"\"", "url = \"https://web.test/\"")
            .replace("address = \"\"", "address = \"web:443\"")
            .replace("= \"\"", "= \"web\"")
    }

    #[test]
    fn a_template_stores_nothing_before_its_blanks_are_filled_in() {
        for kind in RoutineKind::ALL {
            let template = routine_template(kind);
            let problems = reader().read("draft", &template, Amount::One).unwrap_err();
            assert_eq!(problems[0].line, 2, "{}: {problems:#?}", kind.name());
            assert!(has_comments(&template));
            let read = reader().read("draft", &filled(&template), Amount::One);
            let routine = read.unwrap_or_else(|why| panic!("{}: {why:#?}", kind.name()));
            assert_eq!(routine[0].kind(), kind);
        }
    }

    #[test]
    fn every_key_in_the_comments_of_a_template_is_one() {
        for kind in RoutineKind::ALL {
            let text = filled(&routine_template(kind));
            for (at, comment) in text
                .lines()
                .enumerate()
                .filter(|(_, l)| l.starts_with("# "))
            {
                let lines: Vec<String> = text
                    .lines()
                    .enumerate()
                    .filter(|(_, line)| {
                        !(comment.starts_with("# cron") && line.starts_with("every"))
                    })
                    .map(|(n, line)| match line.strip_prefix("# ") {
                        // env stands after the service that it is about.
                        Some(on) if n == at || on.starts_with("service") => on.to_owned(),
                        _ => line.to_owned(),
                    })
                    .collect();
                let text = lines.join("\n");
                let read = reader().read("draft", &text, Amount::One);
                assert!(read.is_ok(), "{}: {comment}: {read:#?}", kind.name());
            }
        }
    }
}
