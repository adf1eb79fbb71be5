//! Reads one step of a runbook file: when and how it runs. Its work is read by `work.rs`.

use std::collections::BTreeMap;

use toml::de::DeValue;

use super::context::{Context, TextScope};
use super::read_when;
use super::work::{STEP_KINDS, read_does};
use crate::base::toml_doc::{Report, Section, whole};
use crate::expr::Expr;
use crate::run::Phase;
use crate::run::plan::placeholder::is_input_name;
use crate::run::plan::{OnFailure, Retry};
use crate::run::repeat::{Work, is_idempotent};
use crate::runbook::condition::Condition;
use crate::runbook::definition::{Bounds, Does, Items, Missing, StepTemplate, Tolerance};
use crate::runbook::scope::{RESULT_FIELDS, key_of};

const STEP_KEYS: [&str; 22] = [
    "name",
    "dir",
    "env",
    "secrets",
    "artifacts",
    "sensitive",
    "inputs",
    "with",
    "optional",
    "timeout",
    "retry",
    "on_failure",
    "idempotent",
    "for_each",
    "max_concurrency",
    "max_errors",
    "missing",
    "when",
    "expect",
    "save",
    "links",
    "notes",
];
const RETRY_KEYS: [&str; 3] = ["attempts", "base", "cap"];
/// Default retry of notifications: receiving a message twice is better than not at all.
const NOTIFY_RETRY: Retry = Retry {
    attempts: 3,
    base_ms: 2_000,
    cap_ms: 32_000,
};

/// The place of a step in its file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Spot {
    /// In the phases, with its number there.
    Phase(usize),
    Finally(usize),
    /// Inside the step of that phase and number.
    Undo(Phase, usize),
}

impl Spot {
    /// Keys allowed only here.
    const fn keys(self) -> &'static [&'static str] {
        match self {
            Self::Phase(_) => &["phase", "undo"],
            Self::Finally(_) | Self::Undo(..) => &[],
        }
    }

    /// Place in the order steps run in; undo steps come after all phases.
    pub(super) const fn order(self, phase: Phase) -> (usize, usize) {
        match self {
            Self::Phase(at) => (phase as usize, at),
            Self::Undo(_, at) => (Phase::ALL.len(), at),
            Self::Finally(at) => (Phase::ALL.len() + 1, at),
        }
    }
}

/// A step of a phase, a `finally` step, or an `undo`; the last two have no phase of their own.
pub(super) fn read_step(
    r: &mut Report,
    table: &Section<'_>,
    context: &Context<'_>,
    spot: Spot,
) -> Option<StepTemplate> {
    let known: Vec<&'static str> = STEP_KEYS
        .iter()
        .chain(&STEP_KINDS)
        .chain(spot.keys())
        .copied()
        .collect();
    let name = table.peek("name");
    let path = name.map_or_else(|| "step".to_owned(), |name| format!("step {name:?}"));
    let section = table.open(r, &path, &known);
    let name = section.required_text(r, "name");
    let phase = match spot {
        Spot::Phase(_) => read_phase(r, &section),
        Spot::Finally(_) => Some(Phase::Summarize),
        Spot::Undo(phase, _) => Some(phase),
    };
    read_body(r, &section, context, spot, name, phase)
}

/// The undo of a step: `undo = { shell = "…" }`; its default name is that of the step it undoes.
fn read_undo(
    r: &mut Report,
    step: &Section<'_>,
    context: &Context<'_>,
    (name, phase, at): (&str, Phase, usize),
    repeated: TextScope,
) -> Option<Box<StepTemplate>> {
    let known: Vec<&'static str> = [
        "name",
        "dir",
        "env",
        "secrets",
        "artifacts",
        "sensitive",
        "with",
        "timeout",
        "retry",
        "idempotent",
        "expect",
        "links",
        "notes",
    ]
    .iter()
    .chain(&STEP_KINDS)
    .copied()
    .collect();
    let section = step.table(r, "undo", &known)?;
    if section.has("runbook") {
        section.wrong(
            r,
            "runbook",
            "an undo is a single step; a runbook cannot stand here",
        );
        return None;
    }
    let own = section
        .text(r, "name")
        .map_or_else(|| format!("undo {name}"), str::to_owned);
    let undo = read_body(
        r,
        &section,
        context,
        Spot::Undo(phase, at),
        Some(&own),
        Some(phase),
    )?;
    let place = if undo.for_each {
        TextScope::PerService
    } else {
        repeated
    };
    if place != repeated {
        section.wrong(
            r,
            "use",
            "only the undo of a step that is repeated per service can use a service's action",
        );
    }
    context.check_step(
        r,
        &section,
        &undo.does,
        repeated,
        Spot::Undo(phase, at).order(phase),
    );
    Some(Box::new(undo))
}

fn read_body(
    r: &mut Report,
    section: &Section<'_>,
    context: &Context<'_>,
    spot: Spot,
    name: Option<&str>,
    phase: Option<Phase>,
) -> Option<StepTemplate> {
    let does = read_does(r, section);
    let (per_service, items) = read_for_each(r, section, context);
    let uses = section.has("use");
    let place = if per_service || uses {
        TextScope::PerService
    } else if items.is_some() {
        TextScope::PerItem
    } else {
        TextScope::Once
    };
    let retry = read_retry(r, section)
        .or_else(|| matches!(does, Some(Does::Notify { .. })).then_some(NOTIFY_RETRY));
    let idempotent = section.boolean(r, "idempotent");
    let sensitive = section.boolean(r, "sensitive").unwrap_or(false);
    let missing = section.word(r, "missing", &Missing::NAMES, Missing::from_name);
    if missing.is_some() && !uses {
        section.wrong(r, "missing", "is only for steps with `use`");
    }
    let optional = section.boolean(r, "optional").unwrap_or(false);
    if optional && !section.has("manual") {
        section.wrong(
            r,
            "optional",
            "is only for steps with `manual`: \"no\" is then an answer like any other",
        );
    }
    let (on_failure, jump) = read_on_failure(r, section, spot);
    let timeout_ms = section.duration(r, "timeout");
    let bounds = read_bounds(r, section, place, does.as_ref());
    let notes = section.text(r, "notes").map(str::to_owned);
    let (name, does, phase) = (name?, does?, phase?);
    let idempotent = is_idempotent(work_of(&does), idempotent);
    if retry.is_some() && matches!(does, Does::Runbook { .. }) {
        section.wrong(
            r,
            "retry",
            "a runbook is not repeated as a whole; give retry to its own steps",
        );
    } else if retry.is_some() && !idempotent && !uses {
        section.wrong(
            r,
            "retry",
            "only what is safe to repeat may be retried; add idempotent = true if it is",
        );
    }
    let order = spot.order(phase);
    let scope = context.late(place, &does);
    let when = read_when(r, section, context, &scope);
    if let Some(when) = &when {
        context.refers_back(r, section, "when", when.expr(), order);
        if matches!(does, Does::Runbook { .. }) && !when.is_early() {
            section.wrong(
                r,
                "when",
                "whether a runbook is called is decided by the plan: ask inputs, env or protected",
            );
        }
    }
    context.may_change(r, section, &does, when.as_ref().map(Condition::expr));
    let expect = read_expect(r, section, context, &does, &scope, order);
    let save = read_save(r, section, context, &does, &scope, order);
    let links = read_links(r, section, &does, &scope);
    for expr in links.values() {
        context.refers_back(r, section, "links", expr, order);
    }
    if !matches!(spot, Spot::Undo(..)) {
        context.placeholders(r, section, "name", name, place);
        context.check_step(r, section, &does, place, order);
    }
    if matches!(does, Does::Approve { .. }) && !matches!(spot, Spot::Phase(_)) {
        section.wrong(
            r,
            "approve",
            "an approval must be in a phase: finally and undo steps do not wait for people",
        );
    }
    let undo = match spot {
        Spot::Phase(at) if section.has("undo") => {
            if matches!(does, Does::Runbook { .. }) {
                section.wrong(
                    r,
                    "undo",
                    "what a sub-runbook did is undone by its own steps",
                );
            }
            read_undo(r, section, context, (name, phase, at), place)
        }
        _ => None,
    };
    Some(StepTemplate {
        name: name.to_owned(),
        key: key_of(name),
        phase,
        does,
        timeout_ms,
        retry,
        on_failure,
        idempotent,
        sensitive,
        for_each: place == TextScope::PerService,
        missing: missing.unwrap_or_default(),
        optional,
        when,
        expect,
        save,
        links,
        undo,
        jump,
        items,
        bounds,
        notes,
    })
}

fn read_phase(r: &mut Report, section: &Section<'_>) -> Option<Phase> {
    if !section.has("phase") {
        r.wrong(
            section.at,
            section.key("phase"),
            format!("is missing; one of {}", Phase::NAMES.join(", ")),
        );
    }
    section.word(r, "phase", &Phase::NAMES, Phase::from_name)
}

/// `stop`, `continue`, or the name of a later step, which is checked when all steps are known.
fn read_on_failure(
    r: &mut Report,
    section: &Section<'_>,
    spot: Spot,
) -> (OnFailure, Option<String>) {
    match section.text(r, "on_failure") {
        None | Some("stop") => (OnFailure::Stop, None),
        Some("continue") => (OnFailure::Continue, None),
        Some(name) if matches!(spot, Spot::Phase(_)) => (OnFailure::Stop, Some(name.to_owned())),
        Some(_) => {
            section.wrong(r, "on_failure", "is `stop` or `continue` in a finally step");
            (OnFailure::Stop, None)
        }
    }
}

/// Per service, or once per item of a list.
fn read_for_each(
    r: &mut Report,
    section: &Section<'_>,
    context: &Context<'_>,
) -> (bool, Option<Items>) {
    let Some(field) = section.get("for_each") else {
        return (false, None);
    };
    if field.value().is_array() {
        let items = section.texts(r, "for_each").unwrap_or_default();
        if items.is_empty() || items.iter().any(|i| i.trim().is_empty()) {
            section.wrong(r, "for_each", "lists at least one text, none of them empty");
        }
        return (false, Some(Items::Listed(items)));
    }
    match section.text(r, "for_each") {
        Some("services") => (true, None),
        Some(word) => {
            let Some(name) = word
                .strip_prefix("inputs.")
                .filter(|name| context.lists.contains(name))
            else {
                let message = format!(
                    "`{word}` is not one of services, inputs.NAME (type list), or a list of texts"
                );
                section.wrong(r, "for_each", message);
                return (false, None);
            };
            (false, Some(Items::Input(name.to_owned())))
        }
        None => (false, None),
    }
}

fn read_bounds(
    r: &mut Report,
    section: &Section<'_>,
    place: TextScope,
    does: Option<&Does>,
) -> Option<Bounds> {
    let keys = ["max_concurrency", "max_errors"];
    let key = keys.into_iter().find(|key| section.has(key))?;
    if place == TextScope::Once {
        section.wrong(r, key, "is only for steps with for_each");
    }
    let max_concurrency = section.whole(r, "max_concurrency", &(1..65)).unwrap_or(1);
    match does {
        Some(Does::Manual(_)) if max_concurrency > 1 => {
            section.wrong(r, "max_concurrency", "questions are asked one at a time");
        }
        Some(Does::Runbook { .. }) => section.wrong(r, key, "is not for steps with `runbook`"),
        _ => {}
    }
    let max_errors = read_tolerance(r, section).unwrap_or(Tolerance::Count(0));
    Some(Bounds {
        max_concurrency: u32::try_from(max_concurrency).unwrap_or(1),
        max_errors,
    })
}

fn read_tolerance(r: &mut Report, section: &Section<'_>) -> Option<Tolerance> {
    let percent = |text: &str| {
        text.strip_suffix('%')?
            .trim()
            .parse()
            .ok()
            .filter(|p| *p <= 100)
    };
    let found = match section.get("max_errors")?.value() {
        DeValue::String(text) => percent(text).map(Tolerance::Percent),
        other => whole(other)
            .and_then(|n| u32::try_from(n).ok())
            .map(Tolerance::Count),
    };
    if found.is_none() {
        section.wrong(
            r,
            "max_errors",
            "must be a whole number or a percentage like \"20%\"",
        );
    }
    found
}

fn read_expect(
    r: &mut Report,
    section: &Section<'_>,
    context: &Context<'_>,
    does: &Does,
    scope: &BTreeMap<String, crate::expr::Type>,
    order: (usize, usize),
) -> Option<Expr> {
    let text = section.text(r, "expect")?;
    if !answers(does) {
        section.wrong(r, "expect", "this kind of step has no answer to judge");
        return None;
    }
    match Expr::condition(text, scope) {
        Ok(expr) => {
            context.refers_back(r, section, "expect", &expr, order);
            Some(expr)
        }
        Err(why) => {
            section.wrong(r, "expect", why.with_caret(text));
            None
        }
    }
}

/// `save = { name = "expression" }`.
fn read_save(
    r: &mut Report,
    section: &Section<'_>,
    context: &Context<'_>,
    does: &Does,
    scope: &BTreeMap<String, crate::expr::Type>,
    order: (usize, usize),
) -> BTreeMap<String, Expr> {
    let mut saved = BTreeMap::new();
    for (name, text) in section.text_map(r, "save").unwrap_or_default() {
        if !answers(does) {
            section.wrong(r, "save", "this kind of step has no answer to save from");
            break;
        }
        if !is_input_name(&name) || RESULT_FIELDS.contains(&name.as_str()) {
            let taken = RESULT_FIELDS.join(", ");
            section.wrong(
                r,
                "save",
                format!("{name:?} cannot be a name: letters, digits and _, and not {taken}"),
            );
            continue;
        }
        match Expr::new(&text, scope) {
            Ok(expr) => {
                context.refers_back(r, section, "save", &expr, order);
                saved.insert(name, expr);
            }
            Err(why) => section.wrong(r, "save", format!("{name}: {}", why.with_caret(&text))),
        }
    }
    saved
}

/// `links = { "title" = "expression" }`: the value of each expression is an address.
fn read_links(
    r: &mut Report,
    section: &Section<'_>,
    does: &Does,
    scope: &BTreeMap<String, crate::expr::Type>,
) -> BTreeMap<String, Expr> {
    let mut links = BTreeMap::new();
    if !section.has("links") {
        return links;
    }
    if !answers(does) {
        section.wrong(r, "links", "this kind of step has no answer to link from");
        return links;
    }
    if section.boolean(r, "sensitive") == Some(true) {
        section.wrong(r, "links", "what a sensitive step answers is not kept");
        return links;
    }
    for (title, text) in section.text_map(r, "links").unwrap_or_default() {
        if title.trim().is_empty() {
            section.wrong(r, "links", "a link needs a title: { \"pull request\" = … }");
            continue;
        }
        match Expr::new(&text, scope) {
            Ok(expr) => {
                links.insert(title, expr);
            }
            Err(why) => section.wrong(r, "links", format!("{title}: {}", why.with_caret(&text))),
        }
    }
    links
}

const fn answers(does: &Does) -> bool {
    match does {
        Does::Http(_) | Does::Shell { .. } | Does::Use(_) | Does::Manual(_) | Does::Ask { .. } => {
            true
        }
        Does::Sql { .. } | Does::Adapter { .. } => true,
        Does::Wait(_)
        | Does::Approve { .. }
        | Does::Document { .. }
        | Does::Runbook { .. }
        | Does::Notify { .. } => false,
    }
}

/// Its kind of work, for the rule about repeating it.
fn work_of(does: &Does) -> Work<'_> {
    match does {
        Does::Http(request) => Work::Request(&request.method),
        Does::Shell { .. } => Work::Command,
        Does::Sql { .. } => Work::Statement {
            mutates: does.mutates(),
        },
        Does::Adapter { .. } => Work::Operation {
            mutates: does.mutates(),
        },
        Does::Notify { .. } => Work::Message,
        Does::Wait(_) => Work::Pause,
        Does::Manual(_) | Does::Approve { .. } | Does::Ask { .. } => Work::Question,
        Does::Document { .. } => Work::Document,
        Does::Use(_) | Does::Runbook { .. } => Work::Elsewhere,
    }
}

fn read_retry(r: &mut Report, step: &Section<'_>) -> Option<Retry> {
    let section = step.table(r, "retry", &RETRY_KEYS)?;
    if !section.has("attempts") {
        r.wrong(
            section.at,
            section.key("attempts"),
            "is missing; how often to try in total",
        );
    }
    let attempts = section.whole(r, "attempts", &(1..101));
    let base_ms = section.duration(r, "base").unwrap_or(2_000);
    let cap_ms = section.duration(r, "cap").unwrap_or(base_ms.max(32_000));
    Some(Retry {
        attempts: u32::try_from(attempts?).ok()?,
        base_ms,
        cap_ms,
    })
}
