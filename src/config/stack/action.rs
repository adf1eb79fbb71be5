//! `[[service.action]]`: how a service is probed, deployed, restarted …

use std::collections::BTreeMap;

use super::names::Names;
use crate::config::rule::schedule::{MAX_TIMEOUT_MS, timeout};
use crate::config::rule::{self, web};
use crate::config::toml_doc::{Field, Report, Section, quoted, shown};
use crate::core::service::{Action, ActionCall, HttpRequest, ShellCommand, Verb};

/// Deadline of a probe that names none, milliseconds.
const PROBE_TIMEOUT_MS: i64 = 10_000;
/// Deadline of anything else that names none, milliseconds.
const OTHER_TIMEOUT_MS: i64 = 600_000;
const MAX_SCRIPT: usize = 64 * 1024;

/// The deadline of an action that names none.
pub(super) fn default_timeout_ms(verb: Verb) -> i64 {
    if verb == Verb::Probe { PROBE_TIMEOUT_MS } else { OTHER_TIMEOUT_MS }
}

/// Only looking is safe to repeat unless said otherwise.
pub(super) fn default_idempotent(verb: Verb) -> bool {
    verb == Verb::Probe
}

/// All actions of a service that runs in `runs_in`.
pub(super) fn read_all(
    service: &mut Section<'_>,
    report: &mut Report,
    environments: &Names,
    runs_in: &[String],
) -> Vec<Action> {
    let Some(field) = service.field("action") else { return Vec::new() };
    let mut actions: Vec<(Action, usize)> = Vec::new();
    for mut section in field.tables(report) {
        if let Some(verb) = section.peek("do") {
            section.rename(format!("{} \"{}\"", section.path(), shown(verb)));
        }
        let at = section.at;
        let env = section.field("env");
        let key = section.key("env");
        let Some(action) = read(section, report, environments, runs_in, env.as_ref()) else { continue };
        if let Some((_, first)) = actions.iter().find(|(other, _)| overlap(other, &action)) {
            let message = format!(
                "there is already a way to {} here (line {}); give each its own env",
                action.verb.name(),
                report.line(*first)
            );
            report.conflict(env.map_or(at, |f| f.at), key, message);
        }
        actions.push((action, at));
    }
    actions.into_iter().map(|(action, _)| action).collect()
}

/// One for all environments and one for a single one may stand side by side: the narrower wins.
fn overlap(a: &Action, b: &Action) -> bool {
    let same_place = match (a.environments.is_empty(), b.environments.is_empty()) {
        (true, true) => true,
        (false, false) => a.environments.iter().any(|e| b.environments.contains(e)),
        _ => false,
    };
    a.verb == b.verb && same_place
}

fn read(
    mut s: Section<'_>,
    report: &mut Report,
    environments: &Names,
    runs_in: &[String],
    env: Option<&Field<'_>>,
) -> Option<Action> {
    let verbs = Verb::ALL.map(|v| (v.name(), v));
    let verb = s.required(report, "do", "\"probe\"").and_then(|f| f.text_by(report, |t| rule::one_of(t, &verbs)));
    let environments = env.map(|f| places(f, report, environments, runs_in)).unwrap_or_default();
    let call = call(&mut s, report, verb);
    let timeout_ms = s.text(report, "timeout", timeout);
    let idempotent = s.field("idempotent").and_then(|f| f.boolean(report));
    s.close(report);
    let verb = verb?;
    Some(Action {
        verb,
        environments,
        call: call?,
        timeout_ms: timeout_ms.unwrap_or_else(|| default_timeout_ms(verb)),
        idempotent: idempotent.unwrap_or_else(|| default_idempotent(verb)),
    })
}

fn places(field: &Field<'_>, report: &mut Report, environments: &Names, runs_in: &[String]) -> Vec<String> {
    let list = field.list(report).unwrap_or_default();
    if field.value().as_array().is_some_and(|list| list.is_empty()) {
        field.wrong(report, "names no environment; leave env out for all");
    }
    for element in list.iter().filter(|f| !runs_in.is_empty() && environments.knows(f)) {
        check_runs_in(report, element, runs_in);
    }
    environments.resolve_list(report, &list)
}

/// A place must be one of the service's, when it says where it runs.
pub(super) fn check_runs_in(report: &mut Report, field: &Field<'_>, runs_in: &[String]) {
    if let Some(env) = field.value().as_str()
        && !runs_in.is_empty()
        && !runs_in.iter().any(|e| e == env)
    {
        let places = runs_in.join(", ");
        field.conflict(report, format!("the service does not run in {}, only in {places}", quoted(env)));
    }
}

/// Exactly one of `http` and `shell`.
fn call(s: &mut Section<'_>, report: &mut Report, verb: Option<Verb>) -> Option<ActionCall> {
    let (http, shell) = (s.field("http"), s.field("shell"));
    let read_http = |f: &Field<'_>, report: &mut Report| {
        f.table(report).and_then(|t| request(t, report, verb)).map(ActionCall::Http)
    };
    match (http, shell) {
        (Some(http), None) => read_http(&http, report),
        (None, Some(shell)) => command(&shell, report).map(ActionCall::Shell),
        (Some(http), Some(shell)) => {
            shell.conflict(report, "stands beside http; an action has one of the two");
            let _both_are_checked = (read_http(&http, report), command(&shell, report));
            None
        }
        (None, None) => {
            let key = s.key("http");
            report.conflict(s.at, key, "is missing; add http = { url = \"…\" } or shell = \"…\"");
            None
        }
    }
}

fn command(field: &Field<'_>, report: &mut Report) -> Option<ShellCommand> {
    if !field.value().is_array() {
        return field.text_by(report, script).map(ShellCommand::Script);
    }
    let parts = field.list(report)?;
    if parts.is_empty() {
        field.wrong(report, "names no program; write [\"program\", \"argument\"]");
    }
    let texts: Vec<String> = parts
        .iter()
        .enumerate()
        .filter_map(|(n, f)| f.text_by(report, |t| if n == 0 { script(t) } else { web::shell(t) }))
        .collect();
    (!parts.is_empty() && texts.len() == parts.len()).then_some(ShellCommand::Argv(texts))
}

fn script(text: &str) -> Result<String, String> {
    match text {
        t if t.trim().is_empty() => Err("is empty; write the command to run".to_owned()),
        t if t.len() > MAX_SCRIPT => Err("is larger than 64 KiB; put it into a file and call that".to_owned()),
        t => web::shell(t),
    }
}

fn request(mut t: Section<'_>, report: &mut Report, verb: Option<Verb>) -> Option<HttpRequest> {
    let method = method(&mut t, report, verb);
    let url = t.required(report, "url", "\"https://…\"").and_then(|f| f.text_by(report, web::url_template));
    let request = HttpRequest {
        headers: headers(&mut t, report),
        body: t.text(report, "body", web::body_template),
        expect_status: statuses(&mut t, report),
        max_ms: t.field("max_ms").and_then(|f| f.whole(report, 1, MAX_TIMEOUT_MS)),
        contains: t.text(report, "contains", rule::prose),
        ..HttpRequest::default()
    };
    t.close(report);
    Some(HttpRequest { method: method?, url: url?, ..request })
}

/// Looking is a GET unless said otherwise; what changes something must say how.
fn method(t: &mut Section<'_>, report: &mut Report, verb: Option<Verb>) -> Option<String> {
    let field = match verb {
        Some(Verb::Probe) | None => t.field("method"),
        Some(_) => t.required(report, "method", "\"POST\""),
    };
    match (field, verb) {
        (Some(field), _) => field.text_by(report, web::method),
        (None, Some(Verb::Probe)) => Some("GET".to_owned()),
        (None, _) => None,
    }
}

/// Stored headers; two that differ only by capitals are one.
pub(super) fn headers(t: &mut Section<'_>, report: &mut Report) -> BTreeMap<String, String> {
    let Some(table) = t.field("headers").and_then(|f| f.table(report)) else { return BTreeMap::new() };
    let mut headers: BTreeMap<String, String> = BTreeMap::new();
    for (name, field) in table.entries() {
        let name = field.judge(report, web::header_name(name));
        let value = field.text_by(report, web::header_value);
        let Some((name, value)) = name.zip(value) else { continue };
        if headers.keys().any(|other| other.eq_ignore_ascii_case(&name)) {
            field.conflict(report, "stands here twice; capitals make no difference in header names");
        }
        headers.insert(name, value);
    }
    headers
}

fn statuses(t: &mut Section<'_>, report: &mut Report) -> Vec<u16> {
    let list = t.field("expect_status").and_then(|f| f.list(report)).unwrap_or_default();
    list.iter().filter_map(|f| f.whole(report, 100, 599)).filter_map(|n| u16::try_from(n).ok()).collect()
}
