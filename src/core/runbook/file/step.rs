//! Reads one step of a runbook file.

use toml::de::{DeTable, DeValue};

use super::context::{Context, Place};
use super::read_when;
use crate::core::plan::{OnFailure, Retry};
use crate::core::run::Phase;
use crate::core::runbook::definition::{Body, Does, Missing, StepTemplate};
use crate::core::runbook::read::{At, Reader, Section, as_i64};
use crate::core::service::{HttpRequest, ShellCommand, Verb};

const STEP_KINDS: [&str; 6] = ["use", "http", "shell", "wait", "manual", "document"];
const STEP_KEYS: [&str; 14] = [
    "name",
    "use",
    "http",
    "shell",
    "wait",
    "manual",
    "document",
    "dir",
    "timeout",
    "retry",
    "on_failure",
    "idempotent",
    "for_each",
    "missing",
];
const HTTP_KEYS: [&str; 7] = ["method", "url", "headers", "body", "expect_status", "max_ms", "contains"];
const DOCUMENT_KEYS: [&str; 3] = ["title", "content", "about"];
const RETRY_KEYS: [&str; 3] = ["attempts", "base", "cap"];

/// A step of a phase, or a `finally` step, which has no phase of its own.
pub(super) fn read_step<'t>(
    r: &mut Reader<'_>,
    table: &At<&'t DeTable<'t>>,
    context: &Context<'_>,
    in_phases: bool,
) -> Option<StepTemplate> {
    let own_keys: &[&str] = if in_phases { &["phase", "when"] } else { &["when"] };
    let known: Vec<&str> = STEP_KEYS.iter().chain(own_keys).copied().collect();
    let name = table.value.get("name").and_then(|v| v.get_ref().as_str());
    let path = name.map_or_else(|| "step".to_owned(), |name| format!("step {name:?}"));
    let section = Section::open(r, table.value, table.at, &path, &known);
    let name = section.required_text(r, "name");
    let phase = if in_phases { read_phase(r, &section) } else { Some(Phase::Summarize) };
    let does = read_does(r, &section);
    let for_each = section.word(r, "for_each", &["services"], |word| (word == "services").then_some(()));
    let uses = section.has("use");
    let retry = read_retry(r, &section);
    let idempotent = section.boolean(r, "idempotent");
    let missing = section.word(r, "missing", &Missing::NAMES, Missing::from_name);
    if missing.is_some() && !uses {
        section.wrong(r, "missing", "is only for steps with `use`");
    }
    let on_failure = section.word(r, "on_failure", &["stop", "continue"], |word| match word {
        "stop" => Some(OnFailure::Stop),
        "continue" => Some(OnFailure::Continue),
        _ => None,
    });
    let timeout_ms = section.duration(r, "timeout");
    let when = read_when(r, &section, context);
    let (name, does) = (name?, does?);
    let idempotent = idempotent.unwrap_or_else(|| is_idempotent(&does));
    if retry.is_some() && !idempotent && !uses {
        section.wrong(r, "retry", "only what is safe to repeat may be retried; add idempotent = true if it is");
    }
    let place = if for_each.is_some() || uses { Place::PerService } else { Place::Once };
    context.placeholders(r, &section, "name", name, place);
    context.check_step(r, &section, &does, place);
    Some(StepTemplate {
        name: name.to_owned(),
        phase: phase?,
        does,
        timeout_ms,
        retry,
        on_failure: on_failure.unwrap_or_default(),
        idempotent,
        for_each: place == Place::PerService,
        missing: missing.unwrap_or_default(),
        when,
    })
}

fn read_phase(r: &mut Reader<'_>, section: &Section<'_>) -> Option<Phase> {
    let names = Phase::ALL.map(Phase::name);
    if !section.has("phase") {
        r.problem(section.at, section.key("phase"), format!("is missing; one of {}", names.join(", ")));
    }
    section.word(r, "phase", &names, Phase::from_name)
}

fn is_idempotent(does: &Does) -> bool {
    match does {
        Does::Http(request) => ["GET", "HEAD", "OPTIONS"].contains(&request.method.as_str()),
        Does::Wait(_) | Does::Document { .. } => true,
        Does::Use(_) | Does::Shell { .. } | Does::Manual(_) => false,
    }
}

fn read_retry(r: &mut Reader<'_>, step: &Section<'_>) -> Option<Retry> {
    let section = step.table(r, "retry", &RETRY_KEYS)?;
    if !section.has("attempts") {
        r.problem(section.at, section.key("attempts"), "is missing; how often to try in total");
    }
    let attempts = section.whole(r, "attempts", &(1..101));
    let base_ms = section.duration(r, "base").unwrap_or(2_000);
    let cap_ms = section.duration(r, "cap").unwrap_or(base_ms.max(32_000));
    Some(Retry { attempts: u32::try_from(attempts?).ok()?, base_ms, cap_ms })
}

fn read_does(r: &mut Reader<'_>, section: &Section<'_>) -> Option<Does> {
    let kinds: Vec<&str> = STEP_KINDS.into_iter().filter(|kind| section.has(kind)).collect();
    let [kind] = kinds.as_slice() else {
        let found = if kinds.is_empty() { "none".to_owned() } else { kinds.join(" and ") };
        let message = format!("a step does exactly one of {}; found {found}", STEP_KINDS.join(", "));
        r.problem(section.at, section.key("kind"), message);
        return None;
    };
    if section.has("dir") && *kind != "shell" {
        section.wrong(r, "dir", "is only for steps with `shell`");
    }
    match *kind {
        "use" => section.word(r, "use", &Verb::ALL.map(Verb::name), verb_from_name).map(Does::Use),
        "http" => read_http(r, section).map(Does::Http),
        "shell" => read_shell(r, section),
        "wait" => section.duration(r, "wait").map(Does::Wait),
        "manual" => section.text(r, "manual").map(|prompt| Does::Manual(prompt.to_owned())),
        _ => read_document(r, section),
    }
}

fn verb_from_name(name: &str) -> Option<Verb> {
    Verb::ALL.into_iter().find(|verb| verb.name() == name)
}

fn read_http(r: &mut Reader<'_>, step: &Section<'_>) -> Option<HttpRequest> {
    let section = step.table(r, "http", &HTTP_KEYS)?;
    let method = section.text(r, "method").unwrap_or("GET");
    if !method.bytes().all(|b| b.is_ascii_uppercase()) {
        section.wrong(r, "method", format!("{method:?} is not a method; write it in capitals, like GET or POST"));
    }
    let url = section.required_text(r, "url");
    if let Some(url) = url.filter(|url| !is_url(url)) {
        section.wrong(
            r,
            "url",
            format!("{url:?} is not an address; it starts with http:// or https:// and holds no spaces"),
        );
    }
    let headers = section.text_map(r, "headers").unwrap_or_default();
    for (name, value) in headers.iter().filter(|(name, value)| !is_header(name, value)) {
        section.wrong(r, "headers", format!("{name:?}: {value:?} is not a header of one line"));
    }
    let max_ms = section.whole(r, "max_ms", &(1..86_400_001));
    Some(HttpRequest {
        method: method.to_owned(),
        url: url?.to_owned(),
        headers: headers.into_iter().collect(),
        body: section.text(r, "body").map(str::to_owned),
        expect_status: read_statuses(r, &section),
        max_ms,
        contains: section.text(r, "contains").map(str::to_owned),
        ..HttpRequest::default()
    })
}

fn is_url(url: &str) -> bool {
    let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
    rest.is_some_and(|rest| !rest.is_empty() && !rest.starts_with(['/', '?', '#']))
        && !url.contains(|c: char| c.is_whitespace() || c.is_control())
}

fn is_header(name: &str, value: &str) -> bool {
    let token = |b: u8| b.is_ascii_alphanumeric() || b"-_!#$%&'*+.^`|~".contains(&b);
    !name.is_empty() && name.bytes().all(token) && !value.contains(char::is_control)
}

fn read_statuses(r: &mut Reader<'_>, section: &Section<'_>) -> Vec<u16> {
    let Some(value) = section.value("expect_status") else { return Vec::new() };
    let list = value.get_ref().as_array().map(|list| {
        let status = |v: &toml::Spanned<DeValue<'_>>| {
            u16::try_from(as_i64(v.get_ref())?).ok().filter(|s| (100..600).contains(s))
        };
        list.iter().map(status).collect::<Option<Vec<u16>>>()
    });
    match list.flatten() {
        Some(statuses) if !statuses.is_empty() => statuses,
        _ => {
            section.wrong(r, "expect_status", "must be a list of HTTP statuses, like [200, 204]");
            Vec::new()
        }
    }
}

fn read_shell(r: &mut Reader<'_>, section: &Section<'_>) -> Option<Does> {
    let is_list = section.value("shell").is_some_and(|v| v.get_ref().is_array());
    let command = if is_list {
        ShellCommand::Argv(section.texts(r, "shell")?)
    } else {
        ShellCommand::Script(section.text(r, "shell")?.to_owned())
    };
    let parts: &[String] = match &command {
        ShellCommand::Argv(argv) => argv,
        ShellCommand::Script(script) => std::slice::from_ref(script),
    };
    if parts.first().is_none_or(|program| program.trim().is_empty()) {
        section.wrong(r, "shell", "names no program");
    }
    if parts.iter().any(|part| part.contains("{inputs.")) {
        section.wrong(r, "shell", "inputs never become shell text; use the variable \"$OPSROOM_INPUT_NAME\"");
    }
    if parts.iter().any(|part| part.contains('\0')) {
        section.wrong(r, "shell", "holds a NUL character");
    }
    Some(Does::Shell { command, dir: section.text(r, "dir").map(str::to_owned) })
}

fn read_document(r: &mut Reader<'_>, step: &Section<'_>) -> Option<Does> {
    let section = step.table(r, "document", &DOCUMENT_KEYS)?;
    let title = section.required_text(r, "title");
    let content = section.text(r, "content").map(|text| Body::Text(text.to_owned()));
    let about = section.word(r, "about", &["spec", "incident"], |word| match word {
        "spec" => Some(Body::Spec),
        "incident" => Some(Body::Incident),
        _ => None,
    });
    if section.has("content") == section.has("about") {
        r.problem(section.at, section.key("content"), "a document has either `content` or `about`");
    }
    Some(Does::Document { title: title?.to_owned(), body: content.or(about)? })
}
