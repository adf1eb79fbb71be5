//! What a routine does: the keys of its kind.

use std::collections::BTreeMap;

use crate::config::rule::address::{address, host};
use crate::config::rule::{self, schedule, web};
use crate::config::stack::action::{auth, command, headers, secrets};
use crate::core::base::toml_doc::{Field, Report, Section, whole};
use crate::core::stack::routine::{Check, RequestCheck, RoutineKind, RoutineRequest, RunbookCheck};

/// A certificate that ends within this many days makes a `tls` check degraded.
const MIN_DAYS: i64 = 14;
/// The longest warning before a certificate ends, days.
const MAX_DAYS: i64 = 3650;
/// The longest statement or query, bytes.
const MAX_QUERY: usize = 16 * 1024;

/// Reads the keys of `kind`; `None` when one of them is wrong.
pub(super) fn read(s: &mut Section<'_>, report: &mut Report, kind: RoutineKind) -> Option<Check> {
    Some(match kind {
        RoutineKind::Http => Check::Http(request_check(s, report, "GET")?),
        RoutineKind::Webhook => Check::Webhook(request_check(s, report, "POST")?),
        RoutineKind::Collect => Check::Collect(request_check(s, report, "GET")?),
        RoutineKind::Tcp => Check::Tcp {
            address: required(s, report, "address", "\"db.acme.test:5432\"", address)?,
        },
        RoutineKind::Dns => Check::Dns {
            host: required(s, report, "host", "\"acme.test\"", host)?,
        },
        RoutineKind::Icmp => Check::Icmp {
            host: required(s, report, "host", "\"router.acme.test\"", host)?,
        },
        RoutineKind::Tls => tls(s, report)?,
        RoutineKind::Shell => shell(s, report)?,
        RoutineKind::Sql => {
            let database = required(s, report, "database", "\"NAME\"", rule::name);
            let query = required(s, report, "query", "\"select …\"", query);
            Check::Sql {
                database: database?,
                query: query?,
            }
        }
        RoutineKind::Promql => {
            let url = required(s, report, "url", "\"http://prometheus:9090\"", web::url);
            let query = required(s, report, "query", "\"up == 0\"", query);
            Check::Promql {
                secret_ref: auth(s, report),
                url: url?,
                query: query?,
            }
        }
        RoutineKind::Unit => Check::Unit {
            unit: required(s, report, "unit", "\"nginx.service\"", unit)?,
        },
        RoutineKind::Runbook => Check::Runbook(runbook_check(s, report)?),
        RoutineKind::Heartbeat => Check::Heartbeat {
            grace_ms: required(s, report, "grace", "\"5m\"", schedule::timeout)?,
        },
        RoutineKind::Manual => Check::Manual {
            task: required(s, report, "task", "\"Rotate the key of …\"", rule::prose)?,
        },
    })
}

fn required<T>(
    s: &mut Section<'_>,
    report: &mut Report,
    key: &'static str,
    example: &str,
    check: fn(&str) -> Result<T, String>,
) -> Option<T> {
    s.required(report, key, example)
        .and_then(|f| f.text_by(report, check))
}

fn tls(s: &mut Section<'_>, report: &mut Report) -> Option<Check> {
    let address = required(s, report, "address", "\"acme.test:443\"", address);
    let server_name = s.text_by(report, "server_name", host);
    let min_days = s
        .field("min_days")
        .map_or(Some(MIN_DAYS), |f| f.whole(report, 0, MAX_DAYS));
    Some(Check::Tls {
        address: address?,
        server_name,
        min_days: min_days?,
    })
}

fn shell(s: &mut Section<'_>, report: &mut Report) -> Option<Check> {
    let command = s
        .required(report, "shell", "\"./check.sh\"")
        .and_then(|f| command(&f, report));
    let secrets = secrets(s, report, None);
    Some(Check::Shell {
        command: command?,
        secrets,
    })
}

fn runbook_check(s: &mut Section<'_>, report: &mut Report) -> Option<RunbookCheck> {
    let runbook = required(s, report, "runbook", "\"backup\"", rule::name);
    let table = s.field("inputs").and_then(|f| f.table(report));
    let mut inputs = BTreeMap::new();
    for (name, field) in table.iter().flat_map(Section::entries) {
        let value = input(&field, report);
        inputs.extend(value.map(|value| (name.to_owned(), value)));
    }
    let unattended = s.field("unattended").map(|f| f.boolean(report));
    Some(RunbookCheck {
        runbook: runbook?,
        inputs,
        unattended: unattended.flatten().unwrap_or_default(),
    })
}

/// The value of an input as a text; its runbook decides whether it fits.
fn input(field: &Field<'_>, report: &mut Report) -> Option<String> {
    let wanted = "a text, a whole number, true or false";
    let text = field.typed(report, wanted, |value| match value.as_bool() {
        Some(flag) => Some(flag.to_string()),
        None => whole(value)
            .map(|number| number.to_string())
            .or_else(|| value.as_str().map(str::to_owned)),
    })?;
    field.accept(report, rule::prose(&text))
}

fn request_check(s: &mut Section<'_>, report: &mut Report, method: &str) -> Option<RequestCheck> {
    let field = s.required(
        report,
        "request",
        "{ method = \"GET\", url = \"https://…\" }",
    )?;
    let request = field
        .table(report)
        .and_then(|t| request(t, report, method))?;
    Some(RequestCheck {
        request: Some(request),
    })
}

fn request(mut t: Section<'_>, report: &mut Report, default: &str) -> Option<RoutineRequest> {
    let method = match t.field("method") {
        Some(field) => field.text_by(report, web::method),
        None => Some(default.to_owned()),
    };
    let url = t
        .required(report, "url", "\"https://…\"")
        .and_then(|f| f.text_by(report, web::url));
    let request = RoutineRequest {
        timeout_ms: t.text_by(report, "timeout", schedule::timeout),
        headers: headers(&mut t, report),
        secret_ref: auth(&mut t, report),
        body: t.text_by(report, "body", body),
        ..RoutineRequest::default()
    };
    t.close(report);
    Some(RoutineRequest {
        method: method?,
        url: url?,
        ..request
    })
}

/// A body without placeholders: a routine has no inputs.
fn body(text: &str) -> Result<String, String> {
    if text.len() > MAX_QUERY {
        return Err("is larger than 16 KiB".to_owned());
    }
    web::shell(text)
}

fn query(text: &str) -> Result<String, String> {
    if text.len() > MAX_QUERY {
        return Err("is larger than 16 KiB".to_owned());
    }
    rule::prose(text)
}

/// A unit of systemd; without a suffix it is a service.
fn unit(text: &str) -> Result<String, String> {
    let fits = |c: char| c.is_ascii_alphanumeric() || ":-_.\\@".contains(c);
    match text {
        t if t.is_empty() || t.len() > 255 || t.starts_with('-') || !t.chars().all(fits) => Err(
            format!("`{text}` is not the name of a unit, like nginx.service"),
        ),
        t if t.contains('.') => Ok(t.to_owned()),
        t => Ok(format!("{t}.service")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_unit_without_a_suffix_is_a_service() {
        assert_eq!(unit("nginx"), Ok("nginx.service".to_owned()));
        assert_eq!(
            unit("getty@tty1.service"),
            Ok("getty@tty1.service".to_owned())
        );
        for bad in ["", "-x", "a b", "x;y", "a/b"] {
            assert!(unit(bad).is_err(), "{bad}");
        }
    }
}
