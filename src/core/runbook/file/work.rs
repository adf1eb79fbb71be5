//! Reads the work of a step of a runbook file: its kind and the kind's own keys.

use toml::de::DeValue;

use super::super::definition::{Body, Does};
use super::integrations::{read_adapter, read_notify, read_sql};
use crate::base::toml_doc::{Report, Section, whole};
use crate::run::artifact::{ArtifactSpec, Pattern};
use crate::run::plan::placeholder::chosen_secret;
use crate::run::step::approve::{Approve, Comment};
use crate::stack::service::{HttpRequest, Verb};
use crate::stack::shell::ShellCommand;

pub(super) const STEP_KINDS: [&str; 11] = [
    "use", "http", "shell", "wait", "manual", "approve", "document", "runbook", "sql", "notify",
    "adapter",
];
const HTTP_KEYS: [&str; 8] = [
    "method",
    "url",
    "headers",
    "body",
    "auth",
    "expect_status",
    "max_ms",
    "contains",
];
const APPROVE_KEYS: [&str; 5] = ["prompt", "need", "from", "within", "comment"];
const DOCUMENT_KEYS: [&str; 3] = ["title", "content", "about"];

pub(super) fn read_does(r: &mut Report, section: &Section<'_>) -> Option<Does> {
    let kinds: Vec<&str> = STEP_KINDS
        .into_iter()
        .filter(|kind| section.has(kind))
        .collect();
    let [kind] = kinds.as_slice() else {
        let found = if kinds.is_empty() {
            "none".to_owned()
        } else {
            kinds.join(" and ")
        };
        let message = format!(
            "a step does exactly one of {}; found {found}",
            STEP_KINDS.join(", ")
        );
        r.wrong(section.at, section.key("kind"), message);
        return None;
    };
    for key in ["dir", "env", "secrets", "artifacts"] {
        if section.has(key) && *kind != "shell" {
            section.wrong(r, key, "is only for steps with `shell`");
        }
    }
    if section.has("inputs") && *kind != "runbook" {
        section.wrong(r, "inputs", "is only for steps with `runbook`");
    }
    if section.has("with") && *kind != "adapter" {
        section.wrong(r, "with", "is only for steps with `adapter`");
    }
    match *kind {
        "sql" => read_sql(r, section),
        "notify" => read_notify(r, section),
        "adapter" => read_adapter(r, section),
        "use" => section
            .word(r, "use", &Verb::NAMES, Verb::from_name)
            .map(Does::Use),
        "http" => read_http(r, section).map(Does::Http),
        "shell" => read_shell(r, section),
        "wait" => section.duration(r, "wait").map(Does::Wait),
        "manual" => section
            .text(r, "manual")
            .map(|prompt| Does::Manual(prompt.to_owned())),
        "approve" => read_approve(r, section),
        "runbook" => read_runbook(r, section),
        _ => read_document(r, section),
    }
}

/// `approve = "prompt"`, or a table with how many, who, how long and whether to say why.
fn read_approve(r: &mut Report, step: &Section<'_>) -> Option<Does> {
    for key in ["timeout", "retry", "on_failure"] {
        if step.has(key) {
            let message = "is not for steps with `approve`: `within` bounds it, and a refusal cancels the run";
            step.wrong(r, key, message);
        }
    }
    if step.has("for_each") {
        step.wrong(
            r,
            "for_each",
            "an approval is asked once, for the whole run",
        );
    }
    if step.peek("approve").is_some() {
        let ask = Approve {
            prompt: step.text(r, "approve")?.to_owned(),
            ..Approve::default()
        };
        return Some(Does::Approve {
            ask,
            within_ms: None,
        });
    }
    let section = step.table(r, "approve", &APPROVE_KEYS)?;
    let prompt = section.required_text(r, "prompt");
    let need = section.whole(r, "need", &(1..21)).unwrap_or(1);
    let from = section.texts(r, "from").unwrap_or_default();
    if section.has("from") && (from.is_empty() || from.iter().any(|p| p.trim().is_empty())) {
        section.wrong(r, "from", "names at least one person, none of them empty");
    }
    let people: std::collections::BTreeSet<_> = from.iter().collect();
    if !from.is_empty() && i64::try_from(people.len()).is_ok_and(|n| n < need) {
        section.wrong(
            r,
            "need",
            format!(
                "{need} different people cannot agree among {}",
                people.len()
            ),
        );
    }
    let comment = section
        .word(r, "comment", &Comment::NAMES, Comment::from_name)
        .unwrap_or_default();
    let within_ms = section.duration(r, "within");
    let need = u32::try_from(need).unwrap_or(1);
    Some(Does::Approve {
        ask: Approve {
            prompt: prompt?.to_owned(),
            need,
            from,
            comment,
        },
        within_ms,
    })
}

fn read_runbook(r: &mut Report, section: &Section<'_>) -> Option<Does> {
    let name = section.text(r, "runbook")?;
    Some(Does::Runbook {
        name: name.to_owned(),
        inputs: section.scalars(r, "inputs").unwrap_or_default(),
    })
}

/// Variables of a shell step's own.
fn read_env(r: &mut Report, section: &Section<'_>) -> Vec<(String, String)> {
    let env = section.text_map(r, "env").unwrap_or_default();
    for (name, value) in &env {
        let starts = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
        if !starts || !name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
            section.wrong(r, "env", format!("{name:?} is not the name of a variable"));
        }
        if name.starts_with("OPSROOM_") {
            section.wrong(
                r,
                "env",
                format!("{name}: names that start with OPSROOM_ are opsroom's own"),
            );
        }
        if value.contains('\0') {
            section.wrong(r, "env", format!("{name} holds a NUL character"));
        }
    }
    env
}

fn read_http(r: &mut Report, step: &Section<'_>) -> Option<HttpRequest> {
    let section = step.table(r, "http", &HTTP_KEYS)?;
    let method = section.text(r, "method").unwrap_or("GET");
    if !method.bytes().all(|b| b.is_ascii_uppercase()) {
        section.wrong(
            r,
            "method",
            format!("{method:?} is not a method; write it in capitals, like GET or POST"),
        );
    }
    let url = section.required_text(r, "url");
    if let Some(url) = url.filter(|url| !is_url(url)) {
        section.wrong(
            r,
            "url",
            format!(
                "{url:?} is not an address; it starts with http:// or https:// and holds no spaces"
            ),
        );
    }
    let (headers, secret_headers) = read_headers(r, &section);
    for (name, value) in headers
        .iter()
        .filter(|(name, value)| !is_header(name, value))
    {
        section.wrong(
            r,
            "headers",
            format!("{name:?}: {value:?} is not a header of one line"),
        );
    }
    let max_ms = section.whole(r, "max_ms", &(1..86_400_001));
    Some(HttpRequest {
        method: method.to_owned(),
        url: url?.to_owned(),
        headers: headers.into_iter().collect(),
        secret_ref: read_auth(r, &section),
        secret_headers: secret_headers.into_iter().collect(),
        body: section.text(r, "body").map(str::to_owned),
        expect_status: read_statuses(r, &section),
        max_ms,
        contains: section.text(r, "contains").map(str::to_owned),
    })
}

fn is_url(url: &str) -> bool {
    let rest = url
        .strip_prefix("https://")
        .or_else(|| url.strip_prefix("http://"));
    rest.is_some_and(|rest| !rest.is_empty() && !rest.starts_with(['/', '?', '#']))
        && !url.contains(|c: char| c.is_whitespace() || c.is_control())
}

fn is_header(name: &str, value: &str) -> bool {
    let token = |b: u8| b.is_ascii_alphanumeric() || b"-_!#$%&'*+.^`|~".contains(&b);
    !name.is_empty() && name.bytes().all(token) && !value.contains(char::is_control)
}

fn read_statuses(r: &mut Report, section: &Section<'_>) -> Vec<u16> {
    let Some(field) = section.get("expect_status") else {
        return Vec::new();
    };
    let list = field.value().as_array().map(|list| {
        let status = |v: &toml::Spanned<DeValue<'_>>| {
            u16::try_from(whole(v.get_ref())?)
                .ok()
                .filter(|s| (100..600).contains(s))
        };
        list.iter().map(status).collect::<Option<Vec<u16>>>()
    });
    match list.flatten() {
        Some(statuses) if !statuses.is_empty() => statuses,
        _ => {
            section.wrong(
                r,
                "expect_status",
                "must be a list of HTTP statuses, like [200, 204]",
            );
            Vec::new()
        }
    }
}

/// Headers that are texts, and those that are secrets: `{ secret_ref = "NAME" }`.
type Headers = (Vec<(String, String)>, Vec<(String, String)>);

fn read_headers(r: &mut Report, section: &Section<'_>) -> Headers {
    let (mut plain, mut secret) = (Vec::new(), Vec::new());
    let Some(field) = section.get("headers") else {
        return (plain, secret);
    };
    let Some(table) = field.value().as_table() else {
        section.wrong(r, "headers", "must be a table: { \"Name\" = \"value\" }");
        return (plain, secret);
    };
    for (name, value) in table {
        let name = name.get_ref().to_string();
        match (value.get_ref().as_str(), secret_ref(value.get_ref())) {
            (Some(text), _) => plain.push((name, text.to_owned())),
            (None, Some(text)) => {
                check_secret(r, section, "headers", text);
                secret.push((name, text.to_owned()));
            }
            _ => section.wrong(
                r,
                "headers",
                format!("{name:?}: must be a text or {{ secret_ref = \"NAME\" }}"),
            ),
        }
    }
    (plain, secret)
}

fn read_auth(r: &mut Report, section: &Section<'_>) -> Option<String> {
    let Some(text) = secret_ref(section.get("auth")?.value()) else {
        section.wrong(
            r,
            "auth",
            "must be { secret_ref = \"NAME\" }, the name of a secret",
        );
        return None;
    };
    check_secret(r, section, "auth", text);
    Some(text.to_owned())
}

/// The name in `{ secret_ref = "NAME" }`.
fn secret_ref<'v>(value: &'v DeValue<'_>) -> Option<&'v str> {
    let table = value.as_table().filter(|table| table.len() == 1)?;
    table.get("secret_ref")?.get_ref().as_str()
}

fn check_secret(r: &mut Report, section: &Section<'_>, key: &str, text: &str) {
    if chosen_secret(text).is_none() && !crate::base::secret::is_name(text) {
        // Not quoted: it may be the secret itself.
        section.wrong(
            r,
            key,
            "is neither the name of a secret nor {inputs.NAME}; never write the value here",
        );
    }
}

fn read_shell(r: &mut Report, section: &Section<'_>) -> Option<Does> {
    let is_list = section.get("shell").is_some_and(|f| f.value().is_array());
    let command = if is_list {
        ShellCommand::Argv(section.texts(r, "shell")?)
    } else {
        ShellCommand::Script(section.text(r, "shell")?.to_owned())
    };
    let parts: &[String] = match &command {
        ShellCommand::Argv(argv) => argv,
        ShellCommand::Script(script) => std::slice::from_ref(script),
    };
    if parts
        .first()
        .is_none_or(|program| program.trim().is_empty())
    {
        section.wrong(r, "shell", "names no program");
    }
    if parts.iter().any(|part| part.contains("{inputs.")) {
        section.wrong(
            r,
            "shell",
            "inputs never become shell text; use the variable \"$OPSROOM_INPUT_NAME\"",
        );
    }
    if parts.iter().any(|part| part.contains('\0')) {
        section.wrong(r, "shell", "holds a NUL character");
    }
    if parts.iter().any(|part| part.contains("{steps.")) {
        section.wrong(
            r,
            "shell",
            "results never become shell text; give them a name with env = { NAME = \"{steps.…}\" }",
        );
    }
    let env = read_env(r, section);
    let secrets = section.texts(r, "secrets").unwrap_or_default();
    for secret in &secrets {
        check_secret(r, section, "secrets", secret);
    }
    let artifacts = read_artifacts(r, section);
    let dir = section.text(r, "dir").map(str::to_owned);
    Some(Does::Shell {
        command,
        dir,
        env,
        secrets,
        artifacts,
        block: None,
    })
}

/// `artifacts = ["report.json", "logs/*.log"]`, or a table that says whether the step has failed
/// without them.
fn read_artifacts(r: &mut Report, step: &Section<'_>) -> ArtifactSpec {
    let Some(field) = step.get("artifacts") else {
        return ArtifactSpec::default();
    };
    let (paths, required) = if field.value().is_table() {
        let Some(section) = step.table(r, "artifacts", &["paths", "required"]) else {
            return ArtifactSpec::default();
        };
        if !section.has("paths") {
            r.wrong(
                section.at,
                section.key("paths"),
                "is missing; the files, from the step's folder on",
            );
        }
        (
            section.texts(r, "paths"),
            section.boolean(r, "required").unwrap_or(false),
        )
    } else {
        (step.texts(r, "artifacts"), false)
    };
    let paths = paths.unwrap_or_default();
    for path in &paths {
        // The value of a placeholder is checked when it is known.
        if let Err(why) = Pattern::parse(path) {
            step.wrong(r, "artifacts", why);
        }
    }
    if paths.is_empty() {
        step.wrong(r, "artifacts", "names no file");
    }
    if step.boolean(r, "sensitive") == Some(true) {
        step.wrong(
            r,
            "artifacts",
            "a sensitive step leaves nothing behind; take one of the two out",
        );
    }
    ArtifactSpec { paths, required }
}

fn read_document(r: &mut Report, step: &Section<'_>) -> Option<Does> {
    let section = step.table(r, "document", &DOCUMENT_KEYS)?;
    let title = section.required_text(r, "title");
    let content = section
        .text(r, "content")
        .map(|text| Body::Text(text.to_owned()));
    let about = section.word(r, "about", &["spec", "incident"], |word| match word {
        "spec" => Some(Body::Spec),
        "incident" => Some(Body::Incident),
        _ => None,
    });
    if section.has("content") == section.has("about") {
        r.wrong(
            section.at,
            section.key("content"),
            "a document has either `content` or `about`",
        );
    }
    Some(Does::Document {
        title: title?.to_owned(),
        body: content.or(about)?,
    })
}
