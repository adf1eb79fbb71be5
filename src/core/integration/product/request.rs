//! The request of a stage of an operation. Pure: the dry run shows what an adapter sends.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use base64::Engine as _;
use serde_json::{Map, Value};

use super::{From, Operation, Shape, Stage};

/// Values that earlier stages kept, by name.
pub type Kept = BTreeMap<String, Value>;

/// A request, but for the token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    pub method: &'static str,
    /// From the first slash on.
    pub path: String,
    pub body: Option<String>,
}

/// The request of one stage. Values not known yet (in a dry run) stay `{name}`.
#[must_use]
pub fn request(
    operation: &Operation,
    stage: &Stage,
    args: &BTreeMap<String, String>,
    kept: &Kept,
) -> Request {
    let source = Source {
        operation,
        args,
        kept,
    };
    let mut path = source.path(stage.path);
    let mut joint = '?';
    for (key, from) in stage.query {
        let Some(value) = source.value(*from) else {
            continue;
        };
        let text = value
            .as_str()
            .map_or_else(|| value.to_string(), str::to_owned);
        // writing to a String cannot fail
        let _ = write!(path, "{joint}{key}={}", escaped(&text, false));
        joint = '&';
    }
    let mut body = Value::Object(Map::new());
    for (key, from) in stage.body {
        if let Some(value) = source.value(*from) {
            put(&mut body, key, value);
        }
    }
    let body = (!stage.body.is_empty()).then(|| body.to_string());
    Request {
        method: stage.method,
        path,
        body,
    }
}

struct Source<'a> {
    operation: &'a Operation,
    args: &'a BTreeMap<String, String>,
    kept: &'a Kept,
}

impl Source<'_> {
    fn path(&self, template: &str) -> String {
        let mut path = String::new();
        let mut rest = template;
        while let Some((before, after)) = rest.split_once('{') {
            let (name, after) = after.split_once('}').unwrap_or((after, ""));
            path.push_str(before);
            let whole = self
                .operation
                .arg(name)
                .is_some_and(|a| a.shape == Shape::Id || a.shape == Shape::Line);
            match (self.args.get(name), self.kept.get(name)) {
                (Some(value), _) => path.push_str(&escaped(value, !whole)),
                (None, Some(value)) => path.push_str(&escaped(
                    value.as_str().unwrap_or(&value.to_string()),
                    false,
                )),
                (None, None) => {
                    let _ = write!(path, "{{{name}}}"); // writing to a String cannot fail
                }
            }
            rest = after;
        }
        path + rest
    }

    fn value(&self, from: From) -> Option<Value> {
        let arg = |name: &str| self.args.get(name);
        match from {
            From::Fixed(text) => Some(text.into()),
            From::Kept(name) => self.kept.get(name).filter(|v| !v.is_null()).cloned(),
            From::Base64(name) => arg(name).map(|text| {
                base64::engine::general_purpose::STANDARD
                    .encode(text)
                    .into()
            }),
            From::After(front, name) => arg(name).map(|text| format!("{front}{text}").into()),
            From::Owner(name) => arg(name)?.split_once('/').map(|(owner, _)| owner.into()),
            From::Name(name) => arg(name)?.split_once('/').map(|(_, name)| name.into()),
            From::Arg(name) => {
                let text = arg(name)?;
                Some(match self.operation.arg(name).map(|a| a.shape) {
                    Some(Shape::Flag) => (text == "true").into(),
                    Some(Shape::Object) => serde_json::from_str(text).unwrap_or(Value::Null),
                    _ => text.clone().into(),
                })
            }
        }
    }
}

/// `git.ref` is the field `ref` of the object `git`.
fn put(body: &mut Value, key: &str, value: Value) {
    match key.split_once('.') {
        Some((front, rest)) => {
            if body[front].is_null() {
                body[front] = Value::Object(Map::new());
            }
            put(&mut body[front], rest, value);
        }
        None => body[key] = value,
    }
}

/// Percent-encoded; a path keeps its slashes.
fn escaped(text: &str, slashes: bool) -> String {
    text.bytes().fold(String::new(), |mut out, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) || slashes && byte == b'/' {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}"); // writing to a String cannot fail
        }
        out
    })
}

impl Shape {
    /// The right way to write a value.
    ///
    /// # Errors
    /// The rule it breaks.
    pub fn check(self, text: &str) -> Result<String, String> {
        let plain = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
        let piece = |p: &str| !p.is_empty() && p != "." && p != ".." && p.chars().all(plain);
        match self {
            Self::Text => Ok(text.to_owned()),
            Self::Line if text.trim().is_empty() || text.contains(char::is_control) => {
                Err("must be one line that is not empty".to_owned())
            }
            Self::Line => Ok(text.to_owned()),
            Self::Repo => match text.split_once('/') {
                Some((owner, name)) if piece(owner) && piece(name) => Ok(text.to_owned()),
                _ => Err("must be OWNER/NAME".to_owned()),
            },
            Self::Branch => branch(text),
            Self::Path => {
                let wrong =
                    |p: &str| p.is_empty() || p == "." || p == ".." || p.contains(char::is_control);
                if text.split('/').any(wrong) {
                    return Err("must be a path inside the repository, like docs/a.md".to_owned());
                }
                Ok(text.to_owned())
            }
            Self::Id if piece(text) => Ok(text.to_owned()),
            Self::Id => Err("must be one word of letters, digits and . _ -".to_owned()),
            Self::Flag if ["true", "false"].contains(&text) => Ok(text.to_owned()),
            Self::Flag => Err("must be true or false".to_owned()),
            Self::Object => match serde_json::from_str(text) {
                Ok(Value::Object(fields))
                    if fields.values().all(|v| !v.is_array() && !v.is_object()) =>
                {
                    Ok(text.to_owned())
                }
                _ => Err("must be a JSON object of texts, numbers and truth values".to_owned()),
            },
            Self::Word(words) if words.contains(&text) => Ok(text.to_owned()),
            Self::Word(words) => Err(format!("must be one of {}", words.join(", "))),
        }
    }
}

/// Characters that git refuses in the name of a branch become `-`.
fn branch(text: &str) -> Result<String, String> {
    let fine = |c: char| c.is_ascii_alphanumeric() || "/_-.".contains(c);
    let mut name = String::new();
    for c in text.chars().map(|c| if fine(c) { c } else { '-' }) {
        let doubled = "-/.".contains(c) && name.ends_with(['-', '/', '.']);
        if !doubled {
            name.push(c);
        }
    }
    let name = name.trim_matches(['-', '/', '.']);
    let name = name.strip_suffix(".lock").unwrap_or(name);
    if name.is_empty() {
        Err("must be the name of a branch".to_owned())
    } else {
        Ok(name.to_owned())
    }
}
