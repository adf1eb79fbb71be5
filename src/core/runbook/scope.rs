//! Names that the expressions of a runbook may use: `inputs`, `env`, `service`, `item`, `protected`
//! and `configured` (names of `opsroom.toml`: `"database.shop"`, `"notify.ops"`,
//! `"adapter.github"`) are known when the plan is made; `steps.NAME`, `response` and `now` only
//! when a step runs.

use std::collections::BTreeMap;

use super::fill::Filler;
use super::input::Values;
use super::input::{Input, InputKind, items_of};
use crate::base::time::parse_duration;
use crate::expr::{Type, Value};
use crate::integration::Integrations;

/// The names known when the plan is made.
pub(super) const KNOWN_EARLY: [&str; 6] = [
    "inputs",
    "env",
    "service",
    "item",
    "protected",
    "configured",
];

/// Fields that every result of a step has, besides the saved values.
pub const RESULT_FIELDS: [&str; 7] = [
    "status",
    "exit_code",
    "outputs",
    "response",
    "done",
    "note",
    "duration_ms",
];

/// A step of the file as other expressions may name it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct KnownStep {
    pub key: String,
    /// Names it saves.
    pub saves: Vec<String>,
    /// Place in the order steps run in.
    pub order: (usize, usize),
    /// Whether it is a question to a person.
    pub asks: bool,
    /// The kind of its answer, if it has one.
    pub response: Type,
    /// It becomes several steps of the plan, so that its name is ambiguous.
    pub repeated: bool,
}

/// The name of a step in expressions: every run of other characters than letters and digits becomes
/// `_`.
#[must_use]
pub fn key_of(name: &str) -> String {
    let mut key = String::with_capacity(name.len());
    for c in name.chars() {
        if c.is_ascii_alphanumeric() {
            key.push(c);
        } else if !key.ends_with('_') {
            key.push('_');
        }
    }
    let key = key.trim_matches('_');
    if key.starts_with(|c: char| c.is_ascii_digit()) {
        format!("_{key}")
    } else {
        key.to_owned()
    }
}

/// The type of an input's value.
fn type_of(kind: &InputKind) -> Type {
    match kind {
        InputKind::Int { .. } => Type::Int,
        InputKind::Bool => Type::Bool,
        InputKind::Duration { .. } => Type::Duration,
        InputKind::List { .. } => Type::List(Box::new(Type::Text)),
        _ => Type::Text,
    }
}

/// An input's value, typed; the text was checked before.
fn value_of(kind: &InputKind, text: &str) -> Value {
    match kind {
        InputKind::Int { .. } => text
            .parse()
            .map_or_else(|_| Value::Text(text.to_owned()), Value::Int),
        InputKind::Bool => Value::Bool(text == "true"),
        InputKind::Duration { .. } => {
            parse_duration(text).map_or_else(|_| Value::Text(text.to_owned()), Value::Duration)
        }
        InputKind::List { .. } => Value::List(
            items_of(text)
                .map(|item| Value::Text(item.to_owned()))
                .collect(),
        ),
        _ => Value::Text(text.to_owned()),
    }
}

/// Names and types a risk or an early condition may use.
pub(super) fn early_types(inputs: &[Input]) -> BTreeMap<String, Type> {
    let inputs = inputs
        .iter()
        .map(|i| (i.name.clone(), type_of(&i.kind)))
        .collect();
    BTreeMap::from([
        ("inputs".to_owned(), Type::Map(inputs)),
        ("env".to_owned(), Type::Text),
        ("protected".to_owned(), Type::Bool),
        ("configured".to_owned(), Type::List(Box::new(Type::Text))),
    ])
}

/// Also names known only when a step runs.
pub(super) fn late_types(inputs: &[Input], steps: &[KnownStep]) -> BTreeMap<String, Type> {
    let mut types = early_types(inputs);
    types.insert("now".to_owned(), Type::Time);
    let result = |step: &KnownStep| {
        let mut fields = BTreeMap::from([
            ("status".to_owned(), Type::Text),
            ("exit_code".to_owned(), Type::Int),
            ("outputs".to_owned(), Type::Open(Box::new(Type::Text))),
            ("response".to_owned(), step.response.clone()),
            ("done".to_owned(), Type::Bool),
            ("note".to_owned(), Type::Text),
            ("duration_ms".to_owned(), Type::Int),
        ]);
        fields.extend(step.saves.iter().map(|name| (name.clone(), Type::Any)));
        (step.key.clone(), Type::Map(fields))
    };
    types.insert(
        "steps".to_owned(),
        Type::Map(steps.iter().map(result).collect()),
    );
    types
}

/// The values known when the plan is made.
pub(super) fn early_values(
    inputs: &[Input],
    values: &Values,
    protected: bool,
    filler: &Filler<'_>,
    declared: &Integrations,
) -> BTreeMap<String, Value> {
    let typed = inputs
        .iter()
        .filter_map(|i| Some((i.name.clone(), value_of(&i.kind, values.get(&i.name)?))));
    let mut scope = BTreeMap::from([
        ("inputs".to_owned(), Value::Map(typed.collect())),
        ("protected".to_owned(), Value::Bool(protected)),
        (
            "configured".to_owned(),
            Value::List(declared.names().map(Value::Text).collect()),
        ),
    ]);
    let places = [
        ("env", filler.env),
        ("service", filler.service),
        ("item", filler.item),
    ];
    scope.extend(
        places
            .into_iter()
            .filter_map(|(name, v)| Some((name.to_owned(), Value::Text(v?.to_owned())))),
    );
    scope
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_steps_become_names_of_expressions() {
        for (name, key) in [
            ("build", "build"),
            ("probe web before", "probe_web_before"),
            ("roll-out (2)", "roll_out_2"),
            ("1st", "_1st"),
            ("für alle", "f_r_alle"),
            ("→", ""),
        ] {
            assert_eq!(key_of(name), key);
        }
    }
}
