//! Reads a runbook file: strict TOML in, a checked [`Runbook`] out, or every problem of the file in
//! one pass.

mod context;
mod integrations;
mod order;
mod step;
mod work;

use std::collections::{BTreeMap, BTreeSet};

use context::{Context, TextScope};
use integrations::check_documents;
use order::{check_jumps, known_steps};
use step::{Spot, read_step};

use super::Runbook;
use super::condition::Condition;
use super::definition::{Definition, Does, Group, Need, Origin, RiskRule, Source, StepTemplate};
use super::fill::Filler;
use super::input::{Input, InputKind, compile};
use super::read::plain_text;
use crate::base::problem::Problem;
use crate::base::text::show;
use crate::base::toml_doc::{Report, Section, parse as parse_toml};
use crate::expr::Type;
use crate::run::concurrency::Policy;
use crate::run::plan::placeholder::is_input_name;
use crate::run::plan::{RiskLevel, hex_sha256};
use crate::run::priority::Priority;

pub(super) const FILE_KEYS: [&str; 15] = [
    "name",
    "title",
    "version",
    "phrases",
    "mutates",
    "timeout",
    "priority",
    "concurrency",
    "env",
    "services",
    "restatement",
    "input",
    "risk",
    "step",
    "finally",
];
const INPUT_KEYS: [&str; 8] = [
    "name", "type", "required", "default", "choices", "pattern", "min", "max",
];
const CONCURRENCY_KEYS: [&str; 2] = ["group", "policy"];
const RISK_KEYS: [&str; 4] = ["level", "code", "message", "when"];

/// Reads a runbook file.
pub(super) fn parse(file: &str, text: &str) -> Result<Runbook, Vec<Problem>> {
    let (document, mut report) = parse_toml(file, text);
    // After a syntax error the recovered part is incomplete: checking it would report parts the
    // parser lost.
    let runbook = if report.is_broken() {
        None
    } else {
        read_file(&mut report, &Section::root(&document), text)
    };
    report.finish(runbook)?.ok_or_else(Vec::new)
}

fn read_file(r: &mut Report, root: &Section<'_>, text: &str) -> Option<Runbook> {
    let file = root.open(r, "", &FILE_KEYS);
    let name = file.required_text(r, "name");
    let title = file.required_text(r, "title");
    let version = file.required_text(r, "version");
    let mutates = required_bool(r, &file, "mutates");
    let phrases = file.texts(r, "phrases").unwrap_or_default();
    if let Some(name) = name.filter(|n| show(n) != *n || n.trim() != *n || n.len() > 60) {
        file.wrong(
            r,
            "name",
            format!("{name:?} is not a name: at most 60 visible characters on one line"),
        );
    }
    let inputs: Vec<Input> = file
        .tables(r, "input")
        .iter()
        .filter_map(|t| read_input(r, t))
        .collect();
    no_duplicates(r, &file, "input", inputs.iter().map(|i| i.name.as_str()));
    let (step_tables, finally_tables) = (file.tables(r, "step"), file.tables(r, "finally"));
    let context = Context::new(
        &inputs,
        known_steps(&step_tables, &finally_tables),
        mutates != Some(false),
    );
    let risks = file
        .tables(r, "risk")
        .iter()
        .filter_map(|t| read_risk(r, t, &context))
        .collect();
    let steps: Vec<StepTemplate> = step_tables
        .iter()
        .enumerate()
        .filter_map(|(at, t)| read_step(r, t, &context, Spot::Phase(at)))
        .collect();
    let finally: Vec<StepTemplate> = finally_tables
        .iter()
        .enumerate()
        .filter_map(|(at, t)| read_step(r, t, &context, Spot::Finally(at)))
        .collect();
    check_jumps(r, &step_tables, &steps);
    check_documents(r, &step_tables, &steps);
    no_duplicates(
        r,
        &file,
        "step",
        steps.iter().chain(&finally).map(|s| s.name.as_str()),
    );
    if !file.has("step") {
        r.wrong(
            0,
            "step",
            "there is none; a runbook needs at least one [[step]]",
        );
    }
    for key in ["title", "restatement"] {
        if let Some(text) = file.text(r, key) {
            context.placeholders(r, &file, key, text, TextScope::Title);
        }
    }
    let timeout_ms = file.duration(r, "timeout");
    let priority = file.word(r, "priority", &Priority::NAMES, Priority::from_name);
    let concurrency = read_concurrency(r, &file, &context);
    let env = file.word(r, "env", &Need::NAMES, Need::from_name);
    let services = file.word(r, "services", &Need::NAMES, Need::from_name);
    let mutates = mutates?;
    let acts = steps.iter().chain(&finally).any(|s| s.for_each);
    let definition = Definition {
        title: title?.to_owned(),
        restatement: file.text(r, "restatement").map(str::to_owned),
        timeout_ms,
        priority: priority.unwrap_or_default(),
        concurrency,
        env: env.unwrap_or(if mutates {
            Need::Required
        } else {
            Need::Optional
        }),
        services: services.unwrap_or(if acts { Need::Optional } else { Need::None }),
        inputs,
        risks,
        steps,
        finally,
        source: Source {
            file: r.file().to_owned(),
            name_line: r.line(file.at_of("name")),
            phrases_line: r.line(file.at_of("phrases")),
            call_lines: call_lines(r, &step_tables),
        },
        origin: Origin::Runbook,
    };
    fits_its_timeout(r, &file, &definition);
    Some(Runbook {
        also: Vec::new(),
        problems: Vec::new(),
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

fn call_lines(r: &Report, tables: &[Section<'_>]) -> BTreeMap<String, usize> {
    let line = |t: &Section<'_>| {
        let call = t.get("runbook")?;
        Some((t.peek("name")?.to_owned(), r.line(call.at)))
    };
    tables.iter().filter_map(line).collect()
}

/// The title without its target.
fn label(title: &str) -> String {
    Filler::default().phrase(title)
}

fn names_required_first(inputs: &[Input]) -> Vec<(String, bool)> {
    let mut names: Vec<_> = inputs
        .iter()
        .map(|i| (i.name.clone(), i.required))
        .collect();
    names.sort_by_key(|(_, required)| !required);
    names
}

fn no_duplicates<'n>(
    r: &mut Report,
    file: &Section<'_>,
    key: &str,
    names: impl Iterator<Item = &'n str>,
) {
    let mut seen = BTreeSet::new();
    for name in names
        .filter(|name| !seen.insert(*name))
        .collect::<BTreeSet<_>>()
    {
        r.wrong(
            file.at_of(key),
            key,
            format!("two of them are named {name:?}; give each its own name"),
        );
    }
}

/// Waiting alone must not use up the whole deadline.
fn fits_its_timeout(r: &mut Report, file: &Section<'_>, definition: &Definition) {
    let waits = definition
        .steps
        .iter()
        .map(|s| if let Does::Wait(ms) = s.does { ms } else { 0 });
    let total = waits.fold(0, i64::saturating_add);
    if definition
        .timeout_ms
        .is_some_and(|timeout| total >= timeout)
    {
        file.wrong(
            r,
            "timeout",
            "is no longer than its wait steps together: every run would time out",
        );
    }
}

fn required_bool(r: &mut Report, section: &Section<'_>, key: &str) -> Option<bool> {
    if !section.has(key) {
        r.wrong(
            section.at,
            section.key(key),
            "is missing; write true or false",
        );
    }
    section.boolean(r, key)
}

fn read_input(r: &mut Report, table: &Section<'_>) -> Option<Input> {
    let section = table.open(r, "input", &INPUT_KEYS);
    let name = section.required_text(r, "name");
    if let Some(name) = name.filter(|n| !is_input_name(n)) {
        section.wrong(
            r,
            "name",
            format!("{name:?} is not a name: a letter, then letters, digits and _"),
        );
    }
    if !section.has("type") {
        r.wrong(
            section.at,
            section.key("type"),
            format!("is missing; one of {}", InputKind::NAMES.join(", ")),
        );
    }
    let kind = section.word(r, "type", &InputKind::NAMES, |n| {
        InputKind::NAMES.iter().find(|k| **k == n).copied()
    });
    let required = section.boolean(r, "required").unwrap_or(false);
    let kind = read_kind(r, &section, kind?);
    let default = section
        .get("default")
        .and_then(|field| plain_text(field.value()));
    if section.has("default") {
        check_default(r, &section, &kind, default.as_deref(), required);
    }
    Some(Input {
        name: name?.to_owned(),
        kind,
        required,
        default,
    })
}

fn read_kind(r: &mut Report, section: &Section<'_>, kind: &str) -> InputKind {
    for (key, kinds) in [
        ("choices", &["choice"][..]),
        ("pattern", &["text", "list"]),
        ("min", &["int", "duration"]),
        ("max", &["int", "duration"]),
    ] {
        if section.has(key) && !kinds.contains(&kind) {
            section.wrong(r, key, format!("is not for inputs of type {kind}"));
        }
    }
    let bound = |r: &mut Report, key| section.whole(r, key, &(i64::MIN..i64::MAX));
    match kind {
        "int" => InputKind::Int {
            min: bound(r, "min"),
            max: bound(r, "max"),
        },
        "bool" => InputKind::Bool,
        "choice" => InputKind::Choice(read_choices(r, section)),
        "version" => InputKind::Version,
        "duration" => InputKind::Duration {
            min: section.duration(r, "min"),
            max: section.duration(r, "max"),
        },
        "env" => InputKind::Env,
        "service" => InputKind::Service,
        "secret" => InputKind::Secret,
        "list" => InputKind::List {
            pattern: read_pattern(r, section),
        },
        _ => InputKind::Text {
            pattern: read_pattern(r, section),
        },
    }
}

fn read_choices(r: &mut Report, section: &Section<'_>) -> Vec<String> {
    let choices = section.texts(r, "choices").unwrap_or_default();
    if choices.is_empty() {
        section.wrong(r, "choices", "is missing or empty; list at least one text");
    }
    choices
}

fn read_pattern(r: &mut Report, section: &Section<'_>) -> Option<String> {
    let pattern = section.text(r, "pattern")?;
    if let Err(why) = compile(pattern) {
        section.wrong(r, "pattern", why);
    }
    Some(pattern.to_owned())
}

fn check_default(
    r: &mut Report,
    section: &Section<'_>,
    kind: &InputKind,
    default: Option<&str>,
    required: bool,
) {
    if required {
        section.wrong(
            r,
            "default",
            "a required input has no default; drop one of the two",
        );
    }
    // Environments and services are only known once there is a stack.
    let checked = match (kind, default) {
        (InputKind::Env | InputKind::Service, Some(_)) => Ok(String::new()),
        (kind, Some(value)) => kind.check(value, &crate::stack::service::Stack::default()),
        (_, None) => Err("must be a text, a whole number, true or false".to_owned()),
    };
    if let Err(why) = checked {
        section.wrong(r, "default", why);
    }
}

fn read_risk(r: &mut Report, table: &Section<'_>, context: &Context<'_>) -> Option<RiskRule> {
    let section = table.open(r, "risk", &RISK_KEYS);
    let code = section.required_text(r, "code");
    let message = section.required_text(r, "message");
    if let Some(code) = code.filter(|c| {
        !c.chars()
            .all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_')
    }) {
        section.wrong(
            r,
            "code",
            format!("{code:?} is not a code: capital letters, digits and _"),
        );
    }
    if let Some(message) = message {
        context.placeholders(r, &section, "message", message, TextScope::Title);
    }
    if !section.has("level") {
        r.wrong(
            section.at,
            section.key("level"),
            format!("is missing; one of {}", RiskLevel::NAMES.join(", ")),
        );
    }
    let level = section.word(r, "level", &RiskLevel::NAMES, RiskLevel::from_name);
    let when = read_when(r, &section, context, context.early());
    Some(RiskRule {
        level: level?,
        code: code?.to_owned(),
        message: message?.to_owned(),
        when,
    })
}

fn read_concurrency(r: &mut Report, file: &Section<'_>, context: &Context<'_>) -> Option<Group> {
    let section = file.table(r, "concurrency", &CONCURRENCY_KEYS)?;
    let name = section.required_text(r, "group");
    if let Some(name) = name {
        context.placeholders(r, &section, "group", name, TextScope::Title);
        if show(name) != *name {
            section.wrong(
                r,
                "group",
                format!("{name:?} is not a name: visible characters on one line"),
            );
        }
    }
    if !section.has("policy") {
        r.wrong(
            section.at,
            section.key("policy"),
            format!("is missing; one of {}", Policy::NAMES.join(", ")),
        );
    }
    let policy = section.word(r, "policy", &Policy::NAMES, Policy::from_name);
    Some(Group {
        name: name?.to_owned(),
        policy: policy?,
    })
}

fn read_when(
    r: &mut Report,
    section: &Section<'_>,
    context: &Context<'_>,
    scope: &BTreeMap<String, Type>,
) -> Option<Condition> {
    let text = section.text(r, "when")?;
    let condition = Condition::parse(text, &context.yes_no, scope);
    condition
        .map_err(|why| section.wrong(r, "when", why.with_caret(text)))
        .ok()
}

#[cfg(test)]
mod tests;
