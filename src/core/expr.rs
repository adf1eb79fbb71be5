//! Expressions: a total, bounded, typed subset of CEL's surface syntax. Checked when a file is
//! loaded, evaluated without loops, able to say why they held. Missing is neither 0 nor null;
//! unlike types do not compare: both are errors, never a pass.
//!
//! Literals (`1 2.5 "text" true null [1, 2]`), paths (`response.body.items[0].age`,
//! `steps.build.exit_code`), `! -`, `* / % + -`, `< <= > >= == != in`, `&& ||`, `c ? a : b`, and
//! the functions of `check`.

mod check;
mod eval;
mod lex;
mod parse;

use std::collections::{BTreeMap, BTreeSet};

pub use check::Type;
use serde::{Deserialize, Serialize};

/// Longest text accepted, bytes.
pub const MAX_LEN: usize = 4096;
/// Deepest nesting accepted.
pub const MAX_DEPTH: usize = 32;

/// A value. Integers and doubles compare with each other; nothing else compares across types.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Value {
    Null,
    Bool(bool),
    Int(i64),
    Double(f64),
    Text(String),
    /// Milliseconds.
    Duration(i64),
    /// Milliseconds since the Unix epoch.
    Time(i64),
    List(Vec<Self>),
    Map(BTreeMap<String, Self>),
}

impl Value {
    /// The type's name in messages.
    #[must_use]
    pub const fn type_name(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "bool",
            Self::Int(_) => "int",
            Self::Double(_) => "double",
            Self::Text(_) => "string",
            Self::Duration(_) => "duration",
            Self::Time(_) => "timestamp",
            Self::List(_) => "list",
            Self::Map(_) => "map",
        }
    }

    /// As JSON, for records; durations and times as text.
    #[must_use]
    pub fn to_json(&self) -> serde_json::Value {
        use serde_json::Value as J;
        match self {
            Self::Null => J::Null,
            Self::Bool(b) => J::Bool(*b),
            Self::Int(n) => J::from(*n),
            Self::Double(n) => J::from(*n),
            Self::Text(t) => J::String(t.clone()),
            Self::Duration(ms) => J::String(crate::base::time::write_duration(*ms)),
            Self::Time(ms) => J::String(crate::base::time::Timestamp(*ms).rfc3339()),
            Self::List(items) => J::Array(items.iter().map(Self::to_json).collect()),
            Self::Map(fields) => J::Object(
                fields
                    .iter()
                    .map(|(k, v)| (k.clone(), v.to_json()))
                    .collect(),
            ),
        }
    }

    /// As it is written into a URL, a body or a variable: a text without quotes, anything else as
    /// JSON.
    #[must_use]
    pub fn to_plain(&self) -> String {
        match self.to_json() {
            serde_json::Value::String(text) => text,
            other => other.to_string(),
        }
    }
}

impl std::fmt::Display for Value {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Null => f.write_str("null"),
            Self::Bool(b) => write!(f, "{b}"),
            Self::Int(n) => write!(f, "{n}"),
            Self::Double(n) => write!(f, "{n}"),
            Self::Text(t) => write!(f, "{t:?}"),
            Self::Duration(ms) => f.write_str(&crate::base::time::write_duration(*ms)),
            Self::Time(ms) => f.write_str(&crate::base::time::Timestamp(*ms).rfc3339()),
            Self::List(items) => write!(f, "a list of {}", items.len()),
            Self::Map(fields) => write!(f, "a map of {}", fields.len()),
        }
    }
}

impl From<&serde_json::Value> for Value {
    fn from(json: &serde_json::Value) -> Self {
        use serde_json::Value as J;
        match json {
            J::Null => Self::Null,
            J::Bool(b) => Self::Bool(*b),
            J::Number(n) => n
                .as_i64()
                .map_or_else(|| Self::Double(n.as_f64().unwrap_or(f64::NAN)), Self::Int),
            J::String(s) => Self::Text(s.clone()),
            J::Array(items) => Self::List(items.iter().map(Self::from).collect()),
            J::Object(fields) => Self::Map(
                fields
                    .iter()
                    .map(|(k, v)| (k.clone(), Self::from(v)))
                    .collect(),
            ),
        }
    }
}

/// An error and its place in the text (byte offsets).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExprError {
    pub message: String,
    pub start: usize,
    pub end: usize,
}

impl ExprError {
    fn new(message: impl Into<String>, (start, end): Span) -> Self {
        Self {
            message: message.into(),
            start,
            end,
        }
    }

    /// The message, and below it the text with carets under the wrong part.
    #[must_use]
    pub fn with_caret(&self, text: &str) -> String {
        let before = text.get(..self.start).unwrap_or(text);
        let line = before.rsplit('\n').next().unwrap_or("");
        let rest = text
            .get(self.start - line.len()..)
            .unwrap_or("")
            .lines()
            .next()
            .unwrap_or("");
        let marked = text
            .get(self.start..self.end.max(self.start))
            .unwrap_or("")
            .lines()
            .next()
            .unwrap_or("");
        let width = |t: &str| unicode_width::UnicodeWidthStr::width(t);
        let carets = " ".repeat(width(line)) + &"^".repeat(width(marked).max(1));
        format!("{}\n    {rest}\n    {carets}", self.message)
    }
}

impl std::fmt::Display for ExprError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)
    }
}

type Span = (usize, usize);

/// A parsed and checked expression. Keeps its text.
#[derive(Debug, Clone, PartialEq)]
pub struct Expr {
    text: String,
    root: parse::Node,
    result: Type,
}

impl Expr {
    /// Parses and checks `text` against the names in scope.
    ///
    /// # Errors
    /// Syntax, unknown names, unknown fields, wrong types, too long or too deep: the first one,
    /// with its place.
    pub fn new(text: &str, scope: &BTreeMap<String, Type>) -> Result<Self, ExprError> {
        let root = parse::parse(text)?;
        let result = check::check(&root, scope)?;
        Ok(Self {
            text: text.to_owned(),
            root,
            result,
        })
    }

    /// Like [`Expr::new`], and the result must be a truth value.
    ///
    /// # Errors
    /// Also when the result can never be a bool.
    pub fn condition(text: &str, scope: &BTreeMap<String, Type>) -> Result<Self, ExprError> {
        let expr = Self::new(text, scope)?;
        match expr.result {
            Type::Bool | Type::Any => Ok(expr),
            ref other => Err(ExprError::new(
                format!(
                    "a condition must be true or false, this is {}",
                    other.name()
                ),
                (0, text.len()),
            )),
        }
    }

    /// Reads an expression again that was checked when its file was loaded and then stored with a
    /// plan.
    ///
    /// # Errors
    /// Syntax only.
    pub fn stored(text: &str) -> Result<Self, ExprError> {
        Ok(Self {
            text: text.to_owned(),
            root: parse::parse(text)?,
            result: Type::Any,
        })
    }

    /// The names it starts from.
    #[must_use]
    pub fn names(&self) -> BTreeSet<String> {
        self.uses().into_iter().map(|(name, _)| name).collect()
    }

    /// Every name it starts from with the field taken of it first: `steps.build.exit_code` is
    /// `("steps", Some("build"))`.
    #[must_use]
    pub fn uses(&self) -> BTreeSet<(String, Option<String>)> {
        let first = |path: Vec<String>| {
            let mut path = path.into_iter();
            path.next().map(|name| (name, path.next()))
        };
        self.paths().into_iter().filter_map(first).collect()
    }

    /// Every path it reads, as far as its fields are known when it is read: `steps.build.exit_code`
    /// is `["steps", "build", "exit_code"]`, `items[0].age` is `["items"]`.
    #[must_use]
    pub fn paths(&self) -> BTreeSet<Vec<String>> {
        let mut found = BTreeSet::new();
        parse::paths(&self.root, &mut found);
        found
    }

    /// The text it was made from.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Evaluates against values.
    ///
    /// # Errors
    /// Something it needs is missing, types do not fit, a number overflows or is divided by zero.
    pub fn eval(&self, scope: &BTreeMap<String, Value>) -> Result<Value, ExprError> {
        eval::eval(&self.root, scope)
    }

    /// Evaluates a condition.
    ///
    /// # Errors
    /// As [`Expr::eval`]; also when the result is not a bool. An error is neither pass nor fail.
    pub fn holds(&self, scope: &BTreeMap<String, Value>) -> Result<bool, ExprError> {
        match self.eval(scope)? {
            Value::Bool(b) => Ok(b),
            other => Err(ExprError::new(
                format!(
                    "a condition must be true or false, this is {}",
                    other.type_name()
                ),
                (0, self.text.len()),
            )),
        }
    }

    /// The reason for the result: each comparison (or call) with the values its paths had, in the
    /// order written.
    #[must_use]
    pub fn explain(&self, scope: &BTreeMap<String, Value>) -> Vec<String> {
        let mut lines = Vec::new();
        eval::explain(&self.root, scope, &self.text, &mut lines);
        lines
    }
}

#[cfg(test)]
mod tests;
