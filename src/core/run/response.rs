//! The answer to a call as expressions see it: the fields of `response` with their types, and the
//! values they have.

use std::collections::BTreeMap;

use crate::expr::{Type, Value};
use crate::run::step::Reply;
use crate::run::step::adapter::Progress;
use crate::run::step::sql::Rows;

/// The answer to a request.
#[must_use]
pub fn http() -> Type {
    Type::Map(BTreeMap::from([
        ("status".to_owned(), Type::Int),
        ("duration_ms".to_owned(), Type::Int),
        ("headers".to_owned(), Type::Open(Box::new(Type::Text))),
        ("body".to_owned(), Type::Any),
    ]))
}

/// The result of a statement.
#[must_use]
pub fn sql() -> Type {
    Type::Map(BTreeMap::from([
        (
            "rows".to_owned(),
            Type::List(Box::new(Type::Open(Box::new(Type::Any)))),
        ),
        ("columns".to_owned(), Type::List(Box::new(Type::Text))),
        ("row_count".to_owned(), Type::Int),
        ("affected".to_owned(), Type::Int),
        ("truncated".to_owned(), Type::Bool),
        ("duration_ms".to_owned(), Type::Int),
    ]))
}

/// The answer to the last request of an operation, and the values kept of all of them.
#[must_use]
pub fn adapter() -> Type {
    Type::Map(BTreeMap::from([
        ("status".to_owned(), Type::Int),
        ("duration_ms".to_owned(), Type::Int),
        ("body".to_owned(), Type::Any),
        ("result".to_owned(), Type::Open(Box::new(Type::Any))),
    ]))
}

/// The result of a process.
#[must_use]
pub fn shell() -> Type {
    Type::Map(BTreeMap::from([
        ("exit_code".to_owned(), Type::Int),
        ("duration_ms".to_owned(), Type::Int),
        ("outputs".to_owned(), Type::Open(Box::new(Type::Text))),
    ]))
}

/// The answer of a person.
#[must_use]
pub fn manual() -> Type {
    Type::Map(BTreeMap::from([
        ("done".to_owned(), Type::Bool),
        ("by".to_owned(), Type::Text),
        ("note".to_owned(), Type::Text),
    ]))
}

/// The answer as `response`.
#[must_use]
pub fn value(reply: &Reply) -> Value {
    let fields = match reply {
        Reply::Http {
            status,
            headers,
            body,
            truncated,
            ms,
        } => {
            let json = if *truncated {
                None
            } else {
                serde_json::from_str::<serde_json::Value>(body).ok()
            };
            let headers = headers
                .iter()
                .map(|(k, v)| (k.clone(), Value::Text(v.clone())))
                .collect();
            vec![
                ("status", Value::Int(i64::from(*status))),
                ("duration_ms", Value::Int(*ms)),
                ("headers", Value::Map(headers)),
                (
                    "body",
                    json.as_ref()
                        .map_or_else(|| Value::Text(body.clone()), Value::from),
                ),
            ]
        }
        Reply::Exited {
            code, outputs, ms, ..
        } => {
            let outputs = outputs
                .iter()
                .map(|(k, v)| (k.clone(), Value::Text(v.clone())))
                .collect();
            let mut fields = vec![
                ("duration_ms", Value::Int(*ms)),
                ("outputs", Value::Map(outputs)),
            ];
            fields.extend(code.map(|code| ("exit_code", Value::Int(i64::from(code)))));
            fields
        }
        Reply::Answered { done, by, note } => vec![
            ("done", Value::Bool(*done)),
            ("by", Value::Text(by.clone())),
            ("note", Value::Text(note.clone().unwrap_or_default())),
        ],
        Reply::Rows(rows) => rows_of(rows),
        Reply::Operated(progress) => progress_of(progress),
        Reply::Waited { .. }
        | Reply::Connected { .. }
        | Reply::Resolved { .. }
        | Reply::Echoed { .. }
        | Reply::Stored
        | Reply::Mailed { .. }
        | Reply::Declined { .. }
        | Reply::TimedOut { .. }
        | Reply::Unreachable { .. }
        | Reply::Refused { .. } => Vec::new(),
    };
    Value::Map(fields.into_iter().map(|(k, v)| (k.to_owned(), v)).collect())
}

fn rows_of(rows: &Rows) -> Vec<(&'static str, Value)> {
    let count = |n: usize| Value::Int(i64::try_from(n).unwrap_or(i64::MAX));
    let row = |row: &Vec<serde_json::Value>| {
        Value::Map(
            rows.columns
                .iter()
                .cloned()
                .zip(row.iter().map(Value::from))
                .collect(),
        )
    };
    vec![
        ("rows", Value::List(rows.rows.iter().map(row).collect())),
        (
            "columns",
            Value::List(rows.columns.iter().cloned().map(Value::Text).collect()),
        ),
        ("row_count", count(rows.rows.len())),
        (
            "affected",
            Value::Int(i64::try_from(rows.affected).unwrap_or(i64::MAX)),
        ),
        ("truncated", Value::Bool(rows.truncated)),
        ("duration_ms", Value::Int(rows.ms)),
    ]
}

/// The answer to the last request, and the values kept of all of them.
fn progress_of(progress: &Progress) -> Vec<(&'static str, Value)> {
    let Value::Map(last) = value(&progress.last) else {
        return Vec::new();
    };
    let mut fields: Vec<_> = ["status", "body"]
        .into_iter()
        .filter_map(|name| Some((name, last.get(name)?.clone())))
        .collect();
    let kept = progress
        .kept
        .iter()
        .map(|(name, value)| (name.clone(), Value::from(value)));
    fields.push(("result", Value::Map(kept.collect())));
    fields.push(("duration_ms", Value::Int(progress.ms)));
    fields
}
