//! `[[service.action]]`: how to probe, deploy or restart a service.

mod request;

use super::names::Names;
use crate::config::rule::schedule::timeout;
use crate::config::rule::{self, web};
use crate::core::base::secret::variable;
use crate::core::base::toml_doc::{Field, Report, Section, quoted, shown};
use crate::core::stack::service::{Action, ActionCall, Verb};
use crate::core::stack::shell::ShellCommand;

pub(super) use request::{auth, headers};

/// Default deadline of a probe, milliseconds.
const PROBE_TIMEOUT_MS: i64 = 10_000;
/// Default deadline of other actions, milliseconds.
const OTHER_TIMEOUT_MS: i64 = 600_000;
const MAX_SCRIPT: usize = 64 * 1024;

/// The default deadline of an action.
pub(super) fn default_timeout_ms(verb: Verb) -> i64 {
    if verb == Verb::Probe {
        PROBE_TIMEOUT_MS
    } else {
        OTHER_TIMEOUT_MS
    }
}

/// By default only a probe is safe to repeat.
pub(super) fn default_idempotent(verb: Verb) -> bool {
    verb == Verb::Probe
}

/// Reads all actions of a service that runs in `runs_in`.
pub(super) fn read_all(
    service: &mut Section<'_>,
    report: &mut Report,
    environments: &Names,
    runs_in: &[String],
) -> Vec<Action> {
    let Some(field) = service.field("action") else {
        return Vec::new();
    };
    let mut earlier: Vec<Place> = Vec::new();
    let mut actions = Vec::new();
    for mut section in field.tables(report) {
        if let Some(verb) = section.peek("do") {
            section.rename(format!("{} \"{}\"", section.path(), shown(verb)));
        }
        let verb = verb(&mut section, report);
        let env = section
            .field("env")
            .map(|f| places(&f, report, environments, runs_in));
        if let Some(place) = verb.zip(env.clone().unwrap_or(Some(Vec::new()))) {
            let place = Place {
                verb: place.0,
                environments: place.1,
                at: section.at,
            };
            place.check(report, &section, &earlier);
            earlier.push(place);
        }
        actions.extend(read(
            section,
            report,
            verb,
            env.flatten().unwrap_or_default(),
        ));
    }
    actions
}

/// Verb and environments of an action, to find duplicates even when the rest of it is wrong.
struct Place {
    verb: Verb,
    environments: Vec<String>,
    at: usize,
}

impl Place {
    fn check(&self, report: &mut Report, section: &Section<'_>, earlier: &[Self]) {
        if let Some(first) = earlier.iter().find(|other| self.overlaps(other)) {
            let (verb, line) = (self.verb.name(), report.line(first.at));
            let message = format!(
                "line {line} already says how to {verb} there; give each its own env, or remove one"
            );
            report.conflict(section.at, section.key("env"), message);
        }
    }

    /// An action for all environments and one for a single one do not overlap: the narrower wins.
    fn overlaps(&self, other: &Self) -> bool {
        let same = match (self.environments.is_empty(), other.environments.is_empty()) {
            (true, true) => true,
            (false, false) => self
                .environments
                .iter()
                .any(|e| other.environments.contains(e)),
            _ => false,
        };
        self.verb == other.verb && same
    }
}

fn verb(s: &mut Section<'_>, report: &mut Report) -> Option<Verb> {
    let verbs = Verb::ALL.map(|v| (v.name(), v));
    s.required(report, "do", "\"probe\"")?
        .text_by(report, |t| rule::one_of(t, &verbs))
}

/// The environments of an action; `None` when one of them is wrong.
fn places(
    field: &Field<'_>,
    report: &mut Report,
    environments: &Names,
    runs_in: &[String],
) -> Option<Vec<String>> {
    let list = field.list(report)?;
    if list.is_empty() {
        field.wrong(report, "names no environment; leave env out for all");
    }
    for element in list.iter().filter(|f| environments.knows(f)) {
        check_runs_in(report, element, runs_in);
    }
    let found = environments.resolve_list(report, &list);
    (!found.is_empty() && found.len() == list.len()).then_some(found)
}

fn read(
    mut s: Section<'_>,
    report: &mut Report,
    verb: Option<Verb>,
    environments: Vec<String>,
) -> Option<Action> {
    let call = call(&mut s, report, verb);
    let timeout_ms = s.text_by(report, "timeout", timeout);
    let idempotent = s.field("idempotent").and_then(|f| f.boolean(report));
    let secrets = secrets(&mut s, report, call.as_ref());
    s.close(report);
    let (verb, call) = verb.zip(call)?;
    Some(Action {
        verb,
        environments,
        call,
        timeout_ms: timeout_ms.unwrap_or_else(|| default_timeout_ms(verb)),
        idempotent: idempotent.unwrap_or_else(|| default_idempotent(verb)),
        secrets,
    })
}

/// `secrets = ["NAME"]` of a shell action.
pub(super) fn secrets(
    s: &mut Section<'_>,
    report: &mut Report,
    call: Option<&ActionCall>,
) -> Vec<String> {
    let Some(field) = s.field("secrets") else {
        return Vec::new();
    };
    let names: Vec<String> = field
        .list(report)
        .unwrap_or_default()
        .iter()
        .filter_map(|name| name.text_by(report, rule::secret_ref))
        .collect();
    if matches!(call, Some(ActionCall::Http(_))) {
        field.conflict(
            report,
            "is for shell actions; write auth = { secret_ref = \"NAME\" } in http",
        );
    }
    let twice = names.iter().enumerate().any(|(n, name)| {
        names[..n]
            .iter()
            .any(|other| variable(other) == variable(name))
    });
    if twice {
        field.conflict(
            report,
            "names the same variable twice; rename one of the secrets",
        );
    }
    names
}

/// An environment must be one of the service's, if it declares any.
pub(super) fn check_runs_in(report: &mut Report, field: &Field<'_>, runs_in: &[String]) {
    if let Some(env) = field.value().as_str()
        && !runs_in.is_empty()
        && !runs_in.iter().any(|e| e == env)
    {
        let places = runs_in.join(", ");
        field.conflict(
            report,
            format!(
                "the service does not run in {}, only in {places}",
                quoted(env)
            ),
        );
    }
}

/// Exactly one of `http` and `shell`.
fn call(s: &mut Section<'_>, report: &mut Report, verb: Option<Verb>) -> Option<ActionCall> {
    let (http, shell) = (s.field("http"), s.field("shell"));
    let read_http = |f: &Field<'_>, report: &mut Report| {
        f.table(report)
            .and_then(|t| request::read(t, report, verb))
            .map(ActionCall::Http)
    };
    match (http, shell) {
        (Some(http), None) => read_http(&http, report),
        (None, Some(shell)) => command(&shell, report).map(ActionCall::Shell),
        (Some(http), Some(shell)) => {
            shell.conflict(
                report,
                "is set together with http; an action has one of the two",
            );
            let _both_are_checked = (read_http(&http, report), command(&shell, report));
            None
        }
        (None, None) => {
            let key = s.key("http");
            report.conflict(
                s.at,
                key,
                "is missing; add http = { url = \"…\" } or shell = \"…\"",
            );
            None
        }
    }
}

pub(super) fn command(field: &Field<'_>, report: &mut Report) -> Option<ShellCommand> {
    if !field.value().is_array() {
        return field.text_by(report, script).map(ShellCommand::Script);
    }
    let parts = field.list(report)?;
    if parts.is_empty() {
        field.wrong(
            report,
            "names no program; write [\"program\", \"argument\"]",
        );
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
        t if t.len() > MAX_SCRIPT => {
            Err("is larger than 64 KiB; put it into a file and call that".to_owned())
        }
        t => web::shell(t),
    }
}
