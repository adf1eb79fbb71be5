//! Reads a runbook file: strict TOML in, a checked [`Runbook`] out, or every problem of the file in one pass.

use std::collections::BTreeSet;

use toml::de::{DeTable, DeValue};

use super::condition::Condition;
use super::definition::{Body, Definition, Does, Missing, Need, RiskRule, StepTemplate};
use super::fill::{Piece, Slot, is_input_name, pieces};
use super::input::{Input, InputKind, compile};
use super::read::{At, Reader, Section, as_i64};
use super::{Problem, Runbook};
use crate::core::plan::{OnFailure, Retry, RiskLevel, hex_sha256};
use crate::core::run::Phase;
use crate::core::service::{HttpRequest, ShellCommand, Verb};
use crate::core::text::show;

const FILE_KEYS: [&str; 13] = [
    "name", "title", "version", "phrases", "mutates", "timeout", "env", "services", "restatement", "input", "risk",
    "step", "finally",
];
const INPUT_KEYS: [&str; 8] = ["name", "type", "required", "default", "choices", "pattern", "min", "max"];
const RISK_KEYS: [&str; 4] = ["level", "code", "message", "when"];
const STEP_KINDS: [&str; 6] = ["use", "http", "shell", "wait", "manual", "document"];
const STEP_KEYS: [&str; 14] = [
    "name", "use", "http", "shell", "wait", "manual", "document", "dir", "timeout", "retry", "on_failure", "idempotent",
    "for_each", "missing",
];
const HTTP_KEYS: [&str; 7] = ["method", "url", "headers", "body", "expect_status", "max", "contains"];
const DOCUMENT_KEYS: [&str; 3] = ["title", "content", "about"];
const RETRY_KEYS: [&str; 3] = ["attempts", "base", "cap"];

/// Reads a runbook file.
pub(super) fn parse(file: &str, text: &str) -> Result<Runbook, Vec<Problem>> {
    let mut reader = Reader::new(file, text);
    let (document, errors) = DeTable::parse_recoverable(text);
    for error in &errors {
        reader.problem(error.span().map_or(0, |span| span.start), "syntax", error.message());
    }
    // After a syntax error what was recovered is incomplete: judging it would accuse the reader of what the parser lost.
    let runbook = if errors.is_empty() { read_file(&mut reader, document.get_ref(), text) } else { None };
    reader.problems.sort();
    reader.problems.dedup();
    match runbook {
        Some(runbook) if reader.problems.is_empty() => Ok(runbook),
        _ => Err(reader.problems),
    }
}

fn read_file<'t>(r: &mut Reader<'_>, table: &'t DeTable<'t>, text: &str) -> Option<Runbook> {
    let file = Section::open(r, table, 0, "", &FILE_KEYS);
    let name = file.required_text(r, "name");
    let title = file.required_text(r, "title");
    let version = file.required_text(r, "version");
    let mutates = required_bool(r, &file, "mutates");
    let phrases = file.texts(r, "phrases").unwrap_or_default();
    if let Some(name) = name.filter(|n| show(n) != *n || n.trim() != *n || n.len() > 60) {
        file.wrong(r, "name", format!("{name:?} is not a name: at most 60 visible characters on one line"));
    }
    let inputs: Vec<Input> = file.tables(r, "input").iter().filter_map(|t| read_input(r, t)).collect();
    no_duplicates(r, &file, "input", inputs.iter().map(|i| i.name.as_str()));
    let context = Context::new(&inputs);
    let risks = file.tables(r, "risk").iter().filter_map(|t| read_risk(r, t, &context)).collect();
    let steps: Vec<StepTemplate> = file.tables(r, "step").iter().filter_map(|t| read_step(r, t, &context, true)).collect();
    let finally: Vec<StepTemplate> =
        file.tables(r, "finally").iter().filter_map(|t| read_step(r, t, &context, false)).collect();
    no_duplicates(r, &file, "step", steps.iter().chain(&finally).map(|s| s.name.as_str()));
    if !file.has("step") {
        r.problem(0, "step", "there is none; a runbook needs at least one [[step]]");
    }
    for key in ["title", "restatement"] {
        if let Some(text) = file.text(r, key) {
            context.placeholders(r, &file, key, text, Place::Title);
        }
    }
    let timeout_ms = file.duration(r, "timeout");
    let env = file.word(r, "env", &Need::NAMES, Need::from_name);
    let services = file.word(r, "services", &Need::NAMES, Need::from_name);
    let mutates = mutates?;
    let acts = steps.iter().chain(&finally).any(|s| s.for_each);
    let definition = Definition {
        title: title?.to_owned(),
        restatement: file.text(r, "restatement").map(str::to_owned),
        timeout_ms,
        env: env.unwrap_or(if mutates { Need::Required } else { Need::Optional }),
        services: services.unwrap_or(if acts { Need::Optional } else { Need::None }),
        inputs,
        risks,
        steps,
        finally,
    };
    fits_its_timeout(r, &file, &definition);
    Some(Runbook {
        name: name?.to_owned(),
        title: label(&definition.title),
        version: version?.to_owned(),
        mutates,
        phrases,
        inputs: names_required_first(&definition.inputs),
        hash: hex_sha256(text.as_bytes())[..16].to_owned(),
        definition,
    })
}

/// The title without what it says about its target.
fn label(title: &str) -> String {
    super::fill::Filler::default().phrase(title)
}

fn names_required_first(inputs: &[Input]) -> Vec<(String, bool)> {
    let mut names: Vec<_> = inputs.iter().map(|i| (i.name.clone(), i.required)).collect();
    names.sort_by_key(|(_, required)| !required);
    names
}

fn no_duplicates<'n>(r: &mut Reader<'_>, file: &Section<'_>, key: &str, names: impl Iterator<Item = &'n str>) {
    let mut seen = BTreeSet::new();
    for name in names.filter(|name| !seen.insert(*name)).collect::<BTreeSet<_>>() {
        r.problem(file.at_of(key), key, format!("two of them are named {name:?}; give each its own name"));
    }
}

/// Waiting alone must not eat the whole deadline.
fn fits_its_timeout(r: &mut Reader<'_>, file: &Section<'_>, definition: &Definition) {
    let waits = definition.steps.iter().map(|s| if let Does::Wait(ms) = s.does { ms } else { 0 });
    let total = waits.fold(0, i64::saturating_add);
    if definition.timeout_ms.is_some_and(|timeout| total >= timeout) {
        file.wrong(r, "timeout", "is no longer than its wait steps together: every run would time out");
    }
}

fn required_bool(r: &mut Reader<'_>, section: &Section<'_>, key: &str) -> Option<bool> {
    if !section.has(key) {
        r.problem(section.at, section.key(key), "is missing; write true or false");
    }
    section.boolean(r, key)
}

fn read_input<'t>(r: &mut Reader<'_>, table: &At<&'t DeTable<'t>>) -> Option<Input> {
    let section = Section::open(r, table.value, table.at, "input", &INPUT_KEYS);
    let name = section.required_text(r, "name");
    if let Some(name) = name.filter(|n| !is_input_name(n)) {
        section.wrong(r, "name", format!("{name:?} is not a name: a letter, then letters, digits and _"));
    }
    if !section.has("type") {
        r.problem(section.at, section.key("type"), format!("is missing; one of {}", InputKind::NAMES.join(", ")));
    }
    let kind = section.word(r, "type", &InputKind::NAMES, |n| InputKind::NAMES.iter().find(|k| **k == n).copied());
    let required = section.boolean(r, "required").unwrap_or(false);
    let kind = read_kind(r, &section, kind?);
    let default = section.value("default").and_then(|value| plain_text(value.get_ref()));
    if section.has("default") {
        check_default(r, &section, &kind, default.as_deref(), required);
    }
    Some(Input { name: name?.to_owned(), kind, required, default })
}

fn read_kind(r: &mut Reader<'_>, section: &Section<'_>, kind: &str) -> InputKind {
    for (key, kinds) in [("choices", &["choice"][..]), ("pattern", &["text"]), ("min", &["int", "duration"]), ("max", &["int", "duration"])] {
        if section.has(key) && !kinds.contains(&kind) {
            section.wrong(r, key, format!("is not for inputs of type {kind}"));
        }
    }
    let bound = |r: &mut Reader<'_>, key| section.whole(r, key, &(i64::MIN..i64::MAX));
    match kind {
        "int" => InputKind::Int { min: bound(r, "min"), max: bound(r, "max") },
        "bool" => InputKind::Bool,
        "choice" => InputKind::Choice(read_choices(r, section)),
        "version" => InputKind::Version,
        "duration" => InputKind::Duration { min: section.duration(r, "min"), max: section.duration(r, "max") },
        "env" => InputKind::Env,
        "service" => InputKind::Service,
        _ => InputKind::Text { pattern: read_pattern(r, section) },
    }
}

fn read_choices(r: &mut Reader<'_>, section: &Section<'_>) -> Vec<String> {
    let choices = section.texts(r, "choices").unwrap_or_default();
    if choices.is_empty() {
        section.wrong(r, "choices", "is missing or empty; list at least one text");
    }
    choices
}

fn read_pattern(r: &mut Reader<'_>, section: &Section<'_>) -> Option<String> {
    let pattern = section.text(r, "pattern")?;
    if let Err(why) = compile(pattern) {
        section.wrong(r, "pattern", why);
    }
    Some(pattern.to_owned())
}

fn plain_text(value: &DeValue<'_>) -> Option<String> {
    let text = value.as_str().map(str::to_owned);
    text.or_else(|| as_i64(value).map(|n| n.to_string())).or_else(|| value.as_bool().map(|b| b.to_string()))
}

fn check_default(r: &mut Reader<'_>, section: &Section<'_>, kind: &InputKind, default: Option<&str>, required: bool) {
    if required {
        section.wrong(r, "default", "a required input has no default; drop one of the two");
    }
    // Environments and services are only known once there is a stack.
    let checked = match (kind, default) {
        (InputKind::Env | InputKind::Service, Some(_)) => Ok(String::new()),
        (kind, Some(value)) => kind.check(value, &crate::core::service::Stack::default()),
        (_, None) => Err("must be a text, a whole number, true or false".to_owned()),
    };
    if let Err(why) = checked {
        section.wrong(r, "default", why);
    }
}

fn read_risk<'t>(r: &mut Reader<'_>, table: &At<&'t DeTable<'t>>, context: &Context<'_>) -> Option<RiskRule> {
    let section = Section::open(r, table.value, table.at, "risk", &RISK_KEYS);
    let code = section.required_text(r, "code");
    let message = section.required_text(r, "message");
    if let Some(code) = code.filter(|c| !c.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_')) {
        section.wrong(r, "code", format!("{code:?} is not a code: capital letters, digits and _"));
    }
    if let Some(message) = message {
        context.placeholders(r, &section, "message", message, Place::Title);
    }
    if !section.has("level") {
        r.problem(section.at, section.key("level"), "is missing; one of info, warn, block");
    }
    let level = section.word(r, "level", &["info", "warn", "block"], |name| {
        [RiskLevel::Info, RiskLevel::Warn, RiskLevel::Block].into_iter().find(|l| l.name() == name)
    });
    let when = read_when(r, &section, context);
    Some(RiskRule { level: level?, code: code?.to_owned(), message: message?.to_owned(), when })
}

fn read_when(r: &mut Reader<'_>, section: &Section<'_>, context: &Context<'_>) -> Option<Condition> {
    let text = section.text(r, "when")?;
    let condition = Condition::parse(text, &context.yes_no);
    condition.map_err(|why| section.wrong(r, "when", why)).ok()
}

fn read_step<'t>(
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
        section.wrong(r, "url", format!("{url:?} is not an address; it starts with http:// or https:// and holds no spaces"));
    }
    let headers = section.text_map(r, "headers").unwrap_or_default();
    for (name, value) in headers.iter().filter(|(name, value)| !is_header(name, value)) {
        section.wrong(r, "headers", format!("{name:?}: {value:?} is not a header of one line"));
    }
    let max_ms = section.duration(r, "max");
    Some(HttpRequest {
        method: method.to_owned(),
        url: url?.to_owned(),
        headers: headers.into_iter().collect(),
        body: section.text(r, "body").map(str::to_owned),
        expect_status: read_statuses(r, &section),
        max_ms,
        contains: section.text(r, "contains").map(str::to_owned),
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
        let status = |v: &toml::Spanned<DeValue<'_>>| u16::try_from(as_i64(v.get_ref())?).ok().filter(|s| (100..600).contains(s));
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

/// Where a text stands decides what it may refer to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Title,
    Once,
    PerService,
}

/// The names a file's texts may use.
struct Context<'i> {
    inputs: Vec<&'i str>,
    yes_no: Vec<&'i str>,
}

impl<'i> Context<'i> {
    fn new(inputs: &'i [Input]) -> Self {
        let yes_no = inputs.iter().filter(|i| i.kind == InputKind::Bool).map(|i| i.name.as_str()).collect();
        Self { inputs: inputs.iter().map(|i| i.name.as_str()).collect(), yes_no }
    }

    /// Every placeholder must be able to get a value.
    fn placeholders(&self, r: &mut Reader<'_>, section: &Section<'_>, key: &str, text: &str, place: Place) {
        for piece in pieces(text) {
            let why = match piece {
                Piece::Slot(Slot::Input(name)) if !self.inputs.contains(&name) => {
                    let near = super::read::nearest(name, &self.inputs);
                    let near = near.map(|near| format!("; did you mean `{{inputs.{near}}}`?")).unwrap_or_default();
                    format!("there is no input `{name}`{near}")
                }
                Piece::Slot(Slot::Service) if place != Place::PerService => {
                    "{service} is only known in a step with for_each = \"services\"".to_owned()
                }
                Piece::Unknown(name) if name != "results" => {
                    format!("unknown placeholder {{{name}}}; known: {{env}}, {{service}}, {{services}}, {{target}}, {{inputs.NAME}}")
                }
                _ => continue,
            };
            section.wrong(r, key, why);
        }
    }

    fn check_step(&self, r: &mut Reader<'_>, section: &Section<'_>, does: &Does, place: Place) {
        match does {
            Does::Http(request) => {
                self.placeholders(r, section, "http", &request.url, place);
                for value in request.headers.values() {
                    self.placeholders(r, section, "http", value, place);
                }
                self.known_inputs(r, section, request.body.as_deref().unwrap_or_default());
            }
            Does::Manual(prompt) => self.placeholders(r, section, "manual", prompt, place),
            Does::Document { title, body } => {
                self.placeholders(r, section, "document", title, place);
                if let Body::Text(content) = body {
                    self.known_inputs(r, section, content);
                }
                if *body == Body::Spec && !self.inputs.contains(&"subject") {
                    section.wrong(r, "document", "about = \"spec\" needs an input named subject");
                }
            }
            Does::Use(_) | Does::Shell { .. } | Does::Wait(_) => {}
        }
    }

    /// Bodies and documents may hold braces of their own; only what looks like an input is checked.
    fn known_inputs(&self, r: &mut Reader<'_>, section: &Section<'_>, text: &str) {
        for piece in pieces(text) {
            if let Piece::Slot(Slot::Input(name)) = piece
                && !self.inputs.contains(&name)
            {
                r.problem(section.at, section.key("text"), format!("there is no input `{name}`"));
            }
        }
    }
}
