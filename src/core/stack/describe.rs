//! A change as the lines shown before it is confirmed.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

use super::{Change, Delta};
use crate::base::time::write_duration;

/// Longest value shown, characters.
const MAX_SHOWN: usize = 80;

/// `+ service web`, `- routine x`, `~ service web: owner ana@acme.test → bo@acme.test`: one line
/// per changed field. Fields are called as in stack files. Control characters are escaped; other
/// untrusted text is escaped by the sink.
#[must_use]
pub fn describe(change: &Change) -> Vec<String> {
    match change {
        Change::Timezone { before, after } => {
            vec![format!("~ timezone: {} → {}", shown(before), shown(after))]
        }
        Change::Environment(delta) => lines("environment", delta),
        Change::Service(delta) => lines("service", delta),
        Change::Routine(delta) => lines("routine", delta),
        Change::Maintenance(delta) => lines("maintenance", delta),
        Change::Contact(delta) => lines("contact", delta),
    }
}

fn lines<T: Serialize>(kind: &str, delta: &Delta<T>) -> Vec<String> {
    let name = shown(&delta.name);
    match (&delta.before, &delta.after) {
        (Some(before), Some(after)) => {
            let differences = differences(&fields(before), &fields(after));
            differences
                .into_iter()
                .map(|difference| format!("~ {kind} {name}: {difference}"))
                .collect()
        }
        (None, _) => vec![format!("+ {kind} {name}")],
        (Some(_), None) => vec![format!("- {kind} {name}")],
    }
}

fn differences(before: &BTreeMap<String, String>, after: &BTreeMap<String, String>) -> Vec<String> {
    let mut keys: Vec<&String> = before.keys().chain(after.keys()).collect();
    keys.sort();
    keys.dedup();
    let differing = keys
        .into_iter()
        .filter(|key| before.get(*key) != after.get(*key));
    let side = |value: Option<&String>, from| {
        value.map_or_else(|| "–".to_owned(), |v| shown_from(v, from))
    };
    differing
        .map(|key| {
            let (before, after) = (before.get(key), after.get(key));
            let from = first_shown(
                before.map_or("", String::as_str),
                after.map_or("", String::as_str),
            );
            format!(
                "{} {} → {}",
                shown(key),
                side(before, from),
                side(after, from)
            )
        })
        .collect()
}

/// Where long texts begin to be shown: a little before they begin to differ. In characters.
fn first_shown(before: &str, after: &str) -> usize {
    let same = before
        .chars()
        .zip(after.chars())
        .take_while(|(a, b)| a == b)
        .count();
    let long = before.chars().count().max(after.chars().count()) > MAX_SHOWN;
    if long {
        same.saturating_sub(MAX_SHOWN / 4)
    } else {
        0
    }
}

/// Every field with its value; through JSON, so that no field can be forgotten here.
fn fields<T: Serialize>(object: &T) -> BTreeMap<String, String> {
    let mut out = BTreeMap::new();
    flatten(
        "",
        &serde_json::to_value(object).unwrap_or_default(),
        &mut out,
    );
    out
}

fn flatten(path: &str, value: &Value, out: &mut BTreeMap<String, String>) {
    match value {
        Value::Null => {}
        Value::Object(map) => {
            let known = out.len();
            map.iter()
                .for_each(|(key, value)| flatten_key(path, key, value, out));
            // A group without a value differs from no group; an empty list of links does not differ
            // from none.
            if out.len() == known && !path.is_empty() && !map.is_empty() {
                out.insert(path.to_owned(), "{}".to_owned());
            }
        }
        Value::Array(list) if list.is_empty() => {}
        Value::Array(list) if list.iter().any(Value::is_object) => list.iter().for_each(|item| {
            flatten(&format!("{path} {}", title(item)), item, out);
        }),
        Value::Array(list) => drop(out.insert(path.to_owned(), format!("[{}]", joined(list)))),
        other => drop(out.insert(path.to_owned(), plain(other))),
    }
}

/// The store's names of fields, turned into the stack file's.
fn flatten_key(path: &str, key: &str, value: &Value, out: &mut BTreeMap<String, String>) {
    let join = |key: &str| {
        if path.is_empty() {
            key.to_owned()
        } else {
            format!("{path}.{key}")
        }
    };
    match (key, value.as_i64()) {
        ("timeout_ms" | "every_ms" | "for_ms" | "jitter_ms", Some(ms)) => {
            drop(out.insert(join(key.trim_end_matches("_ms")), write_duration(ms)));
        }
        ("actions", _) => flatten(&join("action"), value, out),
        ("environments", _) if path.starts_with("action ") => flatten(&join("env"), value, out),
        ("secret_ref", _) => flatten(&join("auth.secret_ref"), value, out),
        ("secret_headers", _) => {
            value
                .as_object()
                .into_iter()
                .flatten()
                .for_each(|(header, name)| {
                    flatten(
                        &format!("{}.{header}.secret_ref", join("headers")),
                        name,
                        out,
                    );
                });
        }
        // The variant is not a level of the file.
        ("call", _) => flatten(path, value, out),
        _ => flatten(&join(key), value, out),
    }
}

/// The key of an action: `deploy`, or `deploy (staging, prod)`.
fn title(action: &Value) -> String {
    let verb = action.get("verb").map(plain).unwrap_or_default();
    match action.get("environments").and_then(Value::as_array) {
        Some(list) if !list.is_empty() => format!("{verb} ({})", joined(list)),
        _ => verb,
    }
}

/// Elements that contain the separator are quoted.
fn joined(list: &[Value]) -> String {
    let element = |v: &Value| match plain(v) {
        text if text.contains([',', '"']) => format!("{text:?}"),
        text => text,
    };
    list.iter().map(element).collect::<Vec<_>>().join(", ")
}

fn plain(value: &Value) -> String {
    value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_owned)
}

fn shown(text: &str) -> String {
    shown_from(text, 0)
}

fn shown_from(text: &str, from: usize) -> String {
    let mut out = if from > 0 {
        "…".to_owned()
    } else {
        String::new()
    };
    for (n, c) in text.chars().skip(from).enumerate() {
        match c {
            _ if n == MAX_SHOWN => {
                out.push('…');
                break;
            }
            c if c.is_control() => out.extend(c.escape_default()),
            c => out.push(c),
        }
    }
    out
}
