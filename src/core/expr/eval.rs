//! Evaluates the tree. Every failure is an error with a place, never a silent false.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use super::parse::{ExprKind, Node, Op};
use super::{ExprError, Span, Value};

pub(super) fn eval(node: &Node, scope: &BTreeMap<String, Value>) -> Result<Value, ExprError> {
    match &node.kind {
        ExprKind::Literal(value) => Ok(value.clone()),
        ExprKind::List(items) => Ok(Value::List(
            items
                .iter()
                .map(|i| eval(i, scope))
                .collect::<Result<_, _>>()?,
        )),
        ExprKind::Name(_) | ExprKind::Field(..) | ExprKind::Index(..) => {
            path(node, scope).map(std::borrow::Cow::into_owned)
        }
        ExprKind::Not(inner) => Ok(Value::Bool(!truth(inner, scope)?)),
        ExprKind::Negate(inner) => negate(&eval(inner, scope)?, inner.span),
        ExprKind::Choice(condition, yes, no) => {
            eval(if truth(condition, scope)? { yes } else { no }, scope)
        }
        ExprKind::Binary(Op::And, left, right) => logic(left, right, false, scope),
        ExprKind::Binary(Op::Or, left, right) => logic(left, right, true, scope),
        ExprKind::Binary(op, left, right) => {
            binary(*op, &eval(left, scope)?, &eval(right, scope)?, node.span)
        }
        ExprKind::Call(name, arguments) => call(name, arguments, scope, node.span),
    }
}

/// Evaluates a path without copying the values on it.
fn path<'a>(
    node: &Node,
    scope: &'a BTreeMap<String, Value>,
) -> Result<std::borrow::Cow<'a, Value>, ExprError> {
    use std::borrow::Cow;
    let missing = |what: String| ExprError::new(format!("{what} is missing"), node.span);
    let pick = |of: Cow<'a, Value>, key: &Value| -> Result<Cow<'a, Value>, ExprError> {
        match (of, key) {
            (Cow::Borrowed(Value::Map(m)), Value::Text(k)) => m
                .get(k)
                .map(Cow::Borrowed)
                .ok_or_else(|| missing(format!("field `{k}`"))),
            (Cow::Borrowed(Value::List(l)), Value::Int(i)) => usize::try_from(*i)
                .ok()
                .and_then(|i| l.get(i))
                .map(Cow::Borrowed)
                .ok_or_else(|| missing(format!("element {i} (of {})", l.len()))),
            (Cow::Owned(Value::Map(mut m)), Value::Text(k)) => m
                .remove(k)
                .map(Cow::Owned)
                .ok_or_else(|| missing(format!("field `{k}`"))),
            (Cow::Owned(Value::List(l)), Value::Int(i)) => usize::try_from(*i)
                .ok()
                .and_then(|i| l.into_iter().nth(i))
                .map(Cow::Owned)
                .ok_or_else(|| missing(format!("element {i}"))),
            (of, key) => {
                let message = format!(
                    "{} cannot be indexed by {}",
                    of.type_name(),
                    key.type_name()
                );
                Err(ExprError::new(message, node.span))
            }
        }
    };
    match &node.kind {
        ExprKind::Name(name) => scope
            .get(name)
            .map(Cow::Borrowed)
            .ok_or_else(|| missing(format!("`{name}`"))),
        ExprKind::Field(of, name) => {
            let of = path(of, scope)?;
            if !matches!(*of, Value::Map(_)) {
                return Err(ExprError::new(
                    format!("{} has no fields", of.type_name()),
                    node.span,
                ));
            }
            pick(of, &Value::Text(name.clone()))
        }
        ExprKind::Index(of, index) => {
            let index = eval(index, scope)?;
            pick(path(of, scope)?, &index)
        }
        _ => eval(node, scope).map(Cow::Owned),
    }
}

fn truth(node: &Node, scope: &BTreeMap<String, Value>) -> Result<bool, ExprError> {
    match eval(node, scope)? {
        Value::Bool(b) => Ok(b),
        other => Err(ExprError::new(
            format!("needs bool, this is {}", other.type_name()),
            node.span,
        )),
    }
}

/// `&&` and `||` as CEL has them: one side that decides makes an error on the other side
/// irrelevant.
fn logic(
    left: &Node,
    right: &Node,
    decides: bool,
    scope: &BTreeMap<String, Value>,
) -> Result<Value, ExprError> {
    let l = truth(left, scope);
    if l == Ok(decides) {
        return Ok(Value::Bool(decides));
    }
    let r = truth(right, scope);
    if r == Ok(decides) {
        return Ok(Value::Bool(decides));
    }
    l?;
    r.map(Value::Bool)
}

fn negate(value: &Value, span: Span) -> Result<Value, ExprError> {
    let overflow = || ExprError::new("number out of range", span);
    match value {
        Value::Int(n) => n.checked_neg().map(Value::Int).ok_or_else(overflow),
        Value::Duration(n) => n.checked_neg().map(Value::Duration).ok_or_else(overflow),
        Value::Double(n) => Ok(Value::Double(-n)),
        other => Err(ExprError::new(
            format!("- needs a number, this is {}", other.type_name()),
            span,
        )),
    }
}

fn binary(op: Op, l: &Value, r: &Value, span: Span) -> Result<Value, ExprError> {
    match op {
        Op::Eq => equal(l, r, span).map(Value::Bool),
        Op::Ne => equal(l, r, span).map(|e| Value::Bool(!e)),
        Op::Lt => order(l, r, op, span).map(|o| Value::Bool(o == Some(Ordering::Less))),
        Op::Le => order(l, r, op, span)
            .map(|o| Value::Bool(matches!(o, Some(Ordering::Less | Ordering::Equal)))),
        Op::Gt => order(l, r, op, span).map(|o| Value::Bool(o == Some(Ordering::Greater))),
        Op::Ge => order(l, r, op, span)
            .map(|o| Value::Bool(matches!(o, Some(Ordering::Greater | Ordering::Equal)))),
        Op::In => member(l, r, span),
        _ => arithmetic(op, l, r, span),
    }
}

fn unlike(l: &Value, what: &str, r: &Value, span: Span) -> ExprError {
    ExprError::new(
        format!(
            "{} {what} {}: these types do not go together",
            l.type_name(),
            r.type_name()
        ),
        span,
    )
}

fn equal(l: &Value, r: &Value, span: Span) -> Result<bool, ExprError> {
    match (l, r) {
        (Value::Null, Value::Null) => Ok(true),
        (Value::Null, _) | (_, Value::Null) => Ok(false),
        (Value::Bool(a), Value::Bool(b)) => Ok(a == b),
        (Value::List(a), Value::List(b)) => {
            if a.len() != b.len() {
                return Ok(false);
            }
            a.iter()
                .zip(b)
                .try_fold(true, |all, (a, b)| Ok(all & equal(a, b, span)?))
        }
        (Value::Map(a), Value::Map(b)) => {
            if !a.keys().eq(b.keys()) {
                return Ok(false);
            }
            a.values()
                .zip(b.values())
                .try_fold(true, |all, (a, b)| Ok(all & equal(a, b, span)?))
        }
        _ => order(l, r, Op::Eq, span).map(|o| o == Some(Ordering::Equal)),
    }
}

/// `None`: not a number is involved.
fn order(l: &Value, r: &Value, op: Op, span: Span) -> Result<Option<Ordering>, ExprError> {
    match (l, r) {
        (Value::Int(a), Value::Int(b))
        | (Value::Duration(a), Value::Duration(b))
        | (Value::Time(a), Value::Time(b)) => Ok(Some(a.cmp(b))),
        (Value::Double(a), Value::Double(b)) => Ok(a.partial_cmp(b)),
        (Value::Int(a), Value::Double(b)) => Ok(int_with_double(*a, *b)),
        (Value::Double(a), Value::Int(b)) => Ok(int_with_double(*b, *a).map(Ordering::reverse)),
        (Value::Text(a), Value::Text(b)) => Ok(Some(a.cmp(b))),
        _ => Err(unlike(l, op.text(), r, span)),
    }
}

/// Exact, also beyond 2^53 where a double cannot hold every integer.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    reason = "the ranges are checked first"
)]
fn int_with_double(int: i64, double: f64) -> Option<Ordering> {
    if double.is_nan() {
        return None;
    }
    if double >= i64::MAX as f64 {
        return Some(Ordering::Less);
    }
    if double < i64::MIN as f64 {
        return Some(Ordering::Greater);
    }
    let whole = double.trunc() as i64;
    Some(int.cmp(&whole).then_with(|| {
        0.0_f64
            .partial_cmp(&double.fract())
            .unwrap_or(Ordering::Equal)
    }))
}

fn member(l: &Value, r: &Value, span: Span) -> Result<Value, ExprError> {
    match (l, r) {
        (_, Value::List(items)) => {
            let mut found = false;
            for item in items {
                found |= equal(l, item, span)?;
            }
            Ok(Value::Bool(found))
        }
        (Value::Text(key), Value::Map(fields)) => Ok(Value::Bool(fields.contains_key(key))),
        _ => Err(unlike(l, "in", r, span)),
    }
}

fn arithmetic(op: Op, l: &Value, r: &Value, span: Span) -> Result<Value, ExprError> {
    let done = |n: Option<i64>, make: fn(i64) -> Value| {
        n.map(make)
            .ok_or_else(|| ExprError::new("number out of range, or divided by zero", span))
    };
    match (l, r) {
        (Value::Int(a), Value::Int(b)) => done(
            match op {
                Op::Add => a.checked_add(*b),
                Op::Sub => a.checked_sub(*b),
                Op::Mul => a.checked_mul(*b),
                Op::Div => a.checked_div(*b),
                _ => a.checked_rem(*b),
            },
            Value::Int,
        ),
        (Value::Double(a), Value::Double(b)) => match op {
            Op::Add => Ok(Value::Double(a + b)),
            Op::Sub => Ok(Value::Double(a - b)),
            Op::Mul => Ok(Value::Double(a * b)),
            Op::Div => Ok(Value::Double(a / b)),
            _ => Err(unlike(l, op.text(), r, span)),
        },
        (Value::Text(a), Value::Text(b)) if op == Op::Add => Ok(Value::Text(format!("{a}{b}"))),
        (Value::Duration(a), Value::Duration(b)) if op == Op::Add => {
            done(a.checked_add(*b), Value::Duration)
        }
        (Value::Duration(a), Value::Duration(b)) if op == Op::Sub => {
            done(a.checked_sub(*b), Value::Duration)
        }
        (Value::Time(a), Value::Time(b)) if op == Op::Sub => {
            done(a.checked_sub(*b), Value::Duration)
        }
        (Value::Time(a), Value::Duration(b)) | (Value::Duration(b), Value::Time(a))
            if op == Op::Add =>
        {
            done(a.checked_add(*b), Value::Time)
        }
        (Value::Time(a), Value::Duration(b)) if op == Op::Sub => {
            done(a.checked_sub(*b), Value::Time)
        }
        _ => Err(unlike(l, op.text(), r, span)),
    }
}

fn call(
    name: &str,
    arguments: &[Node],
    scope: &BTreeMap<String, Value>,
    span: Span,
) -> Result<Value, ExprError> {
    if name == "has" {
        return present(&arguments[0], scope).map(Value::Bool);
    }
    let values = arguments
        .iter()
        .map(|a| eval(a, scope))
        .collect::<Result<Vec<_>, _>>()?;
    match (name, values.as_slice()) {
        ("size", [Value::Text(t)]) => Ok(count(t.chars().count())),
        ("size", [Value::List(l)]) => Ok(count(l.len())),
        ("size", [Value::Map(m)]) => Ok(count(m.len())),
        ("startsWith", [Value::Text(a), Value::Text(b)]) => {
            Ok(Value::Bool(a.starts_with(b.as_str())))
        }
        ("endsWith", [Value::Text(a), Value::Text(b)]) => Ok(Value::Bool(a.ends_with(b.as_str()))),
        ("contains", [Value::Text(a), Value::Text(b)]) => Ok(Value::Bool(a.contains(b.as_str()))),
        ("matches", [Value::Text(a), Value::Text(b)]) => regex(b)
            .map(|r| Value::Bool(r.is_match(a)))
            .map_err(|m| ExprError::new(m, span)),
        ("int" | "double" | "string" | "duration" | "timestamp", [value]) => {
            convert(name, value, span)
        }
        _ => {
            let types: Vec<_> = values.iter().map(Value::type_name).collect();
            Err(ExprError::new(
                format!("{name}({}): it does not take these", types.join(", ")),
                span,
            ))
        }
    }
}

/// Only the last part of the path may be absent; the parts before it must be there.
fn present(node: &Node, scope: &BTreeMap<String, Value>) -> Result<bool, ExprError> {
    match &node.kind {
        ExprKind::Field(of, name) => match &*path(of, scope)? {
            Value::Map(fields) => Ok(fields.contains_key(name)),
            other => Err(ExprError::new(
                format!("{} has no fields", other.type_name()),
                of.span,
            )),
        },
        ExprKind::Index(of, index) => match (&*path(of, scope)?, eval(index, scope)?) {
            (Value::List(items), Value::Int(i)) => {
                Ok(usize::try_from(i).is_ok_and(|i| i < items.len()))
            }
            (Value::Map(fields), Value::Text(key)) => Ok(fields.contains_key(&key)),
            (of, index) => {
                let message = format!(
                    "{} cannot be indexed by {}",
                    of.type_name(),
                    index.type_name()
                );
                Err(ExprError::new(message, node.span))
            }
        },
        _ => Err(ExprError::new(
            "has() takes a path like response.body.age",
            node.span,
        )),
    }
}

fn count(n: usize) -> Value {
    Value::Int(i64::try_from(n).unwrap_or(i64::MAX))
}

#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    reason = "the requested conversion"
)]
pub(super) fn convert(name: &str, value: &Value, span: Span) -> Result<Value, ExprError> {
    let wrong = || ExprError::new(format!("{value} cannot become {name}"), span);
    match (name, value) {
        ("int", Value::Int(n)) => Ok(Value::Int(*n)),
        ("int", Value::Double(n)) if n.is_finite() && n.abs() < 9.2e18 => {
            Ok(Value::Int(n.trunc() as i64))
        }
        ("int", Value::Text(t)) => t.parse().map(Value::Int).map_err(|_| wrong()),
        ("double", Value::Int(n)) => Ok(Value::Double(*n as f64)),
        ("double", Value::Double(n)) => Ok(Value::Double(*n)),
        ("double", Value::Text(t)) => t.parse().map(Value::Double).map_err(|_| wrong()),
        ("string", Value::Text(t)) => Ok(Value::Text(t.clone())),
        ("string", Value::Int(_) | Value::Double(_) | Value::Bool(_)) => {
            Ok(Value::Text(value.to_string()))
        }
        ("duration", Value::Text(t)) => crate::base::time::parse_duration(t)
            .map(Value::Duration)
            .map_err(|m| ExprError::new(m, span)),
        ("timestamp", Value::Text(t)) => chrono::DateTime::parse_from_rfc3339(t)
            .map(|t| Value::Time(t.timestamp_millis()))
            .map_err(|_| {
                ExprError::new(
                    format!("{t:?} is not a time like 2026-11-21T09:30:00Z"),
                    span,
                )
            }),
        _ => Err(wrong()),
    }
}

/// One line per comparison or call that yields a bool, with the values of the paths in it.
pub(super) fn explain(
    node: &Node,
    scope: &BTreeMap<String, Value>,
    text: &str,
    lines: &mut Vec<String>,
) {
    match &node.kind {
        ExprKind::Binary(Op::And | Op::Or, left, right) => {
            explain(left, scope, text, lines);
            explain(right, scope, text, lines);
        }
        ExprKind::Not(inner) => explain(inner, scope, text, lines),
        ExprKind::Choice(condition, yes, no) => {
            explain(condition, scope, text, lines);
            let taken = truth(condition, scope).map(|c| if c { yes } else { no });
            if let Ok(taken) = taken {
                explain(taken, scope, text, lines);
            }
        }
        _ => {
            let written = text.get(node.span.0..node.span.1).unwrap_or("").trim();
            let outcome = match eval(node, scope) {
                Ok(Value::Bool(true)) => "holds".to_owned(),
                Ok(Value::Bool(false)) => "does not hold".to_owned(),
                Ok(other) => format!("is {other}"),
                Err(error) => format!("cannot be decided: {error}"),
            };
            let mut values = Vec::new();
            paths(node, scope, text, &mut values);
            let given = if values.is_empty() {
                String::new()
            } else {
                format!(" ({})", values.join(", "))
            };
            lines.push(format!("{written} {outcome}{given}"));
        }
    }
}

fn paths(node: &Node, scope: &BTreeMap<String, Value>, text: &str, into: &mut Vec<String>) {
    match &node.kind {
        ExprKind::Name(_) | ExprKind::Field(..) | ExprKind::Index(..) => {
            if let Ok(value) = path(node, scope) {
                let line = format!(
                    "{} = {}",
                    text.get(node.span.0..node.span.1).unwrap_or(""),
                    *value
                );
                if !into.contains(&line) {
                    into.push(line);
                }
            }
        }
        ExprKind::Literal(_) => {}
        ExprKind::List(nodes) | ExprKind::Call(_, nodes) => {
            for node in nodes {
                paths(node, scope, text, into);
            }
        }
        ExprKind::Not(a) | ExprKind::Negate(a) => paths(a, scope, text, into),
        ExprKind::Binary(_, a, b) => [a, b].iter().for_each(|n| paths(n, scope, text, into)),
        ExprKind::Choice(a, b, c) => [a, b, c].iter().for_each(|n| paths(n, scope, text, into)),
    }
}

/// Compiles a pattern with a bounded program.
pub(super) fn regex(pattern: &str) -> Result<regex::Regex, String> {
    regex::RegexBuilder::new(pattern)
        .size_limit(1 << 20)
        .build()
        .map_err(|error| {
            format!(
                "not a regular expression: {}",
                error.to_string().lines().last().unwrap_or("").trim()
            )
        })
}
