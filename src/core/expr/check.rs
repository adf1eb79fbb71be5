//! Static checks of names, fields and types. Whatever is `Any` (parsed JSON) is checked when
//! evaluated.
//!
//! | function | takes | gives |
//! |---|---|---|
//! | `size(x)`, `x.size()` | string, list, map | int |
//! | `has(path)` | a field or an element | bool: it is there |
//! | `s.startsWith(t)`, `s.endsWith(t)`, `s.contains(t)` | strings | bool |
//! | `s.matches(r)` | string, regular expression (a literal is compiled at load) | bool |
//! | `int(x)`, `double(x)` | number or string | int, double |
//! | `string(x)` | number, bool, string | string |
//! | `duration(s)` | string like `"90s"`, `"1h30m"` | duration |
//! | `timestamp(s)` | string in RFC 3339 | timestamp |

use std::collections::BTreeMap;

use super::parse::{ExprKind, Node, Op};
use super::{ExprError, Span, Value};
use crate::base::suggest::nearest;

/// The static type of a value.
#[derive(Debug, Clone, PartialEq)]
pub enum Type {
    /// Decided when evaluated (JSON).
    Any,
    Null,
    Bool,
    Int,
    Double,
    Text,
    Duration,
    Time,
    List(Box<Self>),
    /// These fields and no others.
    Map(BTreeMap<String, Self>),
    /// Any field, each of this type.
    Open(Box<Self>),
}

impl Type {
    /// The type's name in messages.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Any => "anything",
            Self::Null => "null",
            Self::Bool => "bool",
            Self::Int => "int",
            Self::Double => "double",
            Self::Text => "string",
            Self::Duration => "duration",
            Self::Time => "timestamp",
            Self::List(_) => "list",
            Self::Map(_) | Self::Open(_) => "map",
        }
    }

    const fn is_number(&self) -> bool {
        matches!(self, Self::Int | Self::Double | Self::Any)
    }

    /// The two may be compared for equality.
    fn meets(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Any | Self::Null, _) | (_, Self::Any | Self::Null) => true,
            (Self::List(a), Self::List(b)) => a.meets(b),
            (Self::Map(_) | Self::Open(_), Self::Map(_) | Self::Open(_)) => true,
            (a, b) => a == b || (a.is_number() && b.is_number()),
        }
    }

    fn of(value: &Value) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Bool(_) => Self::Bool,
            Value::Int(_) => Self::Int,
            Value::Double(_) => Self::Double,
            Value::Text(_) => Self::Text,
            Value::Duration(_) => Self::Duration,
            Value::Time(_) => Self::Time,
            Value::List(_) | Value::Map(_) => Self::Any,
        }
    }
}

pub(super) fn check(node: &Node, scope: &BTreeMap<String, Type>) -> Result<Type, ExprError> {
    match &node.kind {
        ExprKind::Literal(value) => Ok(Type::of(value)),
        ExprKind::List(items) => {
            let mut types = items
                .iter()
                .map(|i| check(i, scope))
                .collect::<Result<Vec<_>, _>>()?;
            let first = types.pop().unwrap_or(Type::Any);
            let same = types.iter().all(|t| *t == first);
            Ok(Type::List(Box::new(if same { first } else { Type::Any })))
        }
        ExprKind::Name(name) => scope.get(name).cloned().ok_or_else(|| {
            let known: Vec<_> = scope.keys().map(String::as_str).collect();
            ExprError::new(
                format!(
                    "unknown name `{name}`{}; known are {}",
                    near(name, &known),
                    known.join(", ")
                ),
                node.span,
            )
        }),
        ExprKind::Field(of, name) => field(&check(of, scope)?, name, node.span),
        ExprKind::Index(of, index) => element(&check(of, scope)?, &check(index, scope)?, node.span),
        ExprKind::Not(inner) => {
            wants(&check(inner, scope)?, &Type::Bool, inner.span)?;
            Ok(Type::Bool)
        }
        ExprKind::Negate(inner) => {
            let t = check(inner, scope)?;
            if t.is_number() || t == Type::Duration {
                return Ok(t);
            }
            Err(ExprError::new(
                format!("- needs a number, this is {}", t.name()),
                inner.span,
            ))
        }
        ExprKind::Choice(condition, yes, no) => {
            wants(&check(condition, scope)?, &Type::Bool, condition.span)?;
            let (yes, no) = (check(yes, scope)?, check(no, scope)?);
            Ok(if yes == no { yes } else { Type::Any })
        }
        ExprKind::Binary(op, left, right) => {
            let (l, r) = (check(left, scope)?, check(right, scope)?);
            binary(*op, &l, &r, (left.span, right.span), node.span)
        }
        ExprKind::Call(name, arguments) => call(name, arguments, scope, node.span),
    }
}

fn field(of: &Type, name: &str, span: Span) -> Result<Type, ExprError> {
    match of {
        Type::Any => Ok(Type::Any),
        Type::Open(inner) => Ok((**inner).clone()),
        Type::Map(fields) => fields.get(name).cloned().ok_or_else(|| {
            let known: Vec<_> = fields.keys().map(String::as_str).collect();
            ExprError::new(
                format!(
                    "no field `{name}`{}; there are {}",
                    near(name, &known),
                    known.join(", ")
                ),
                span,
            )
        }),
        other => Err(ExprError::new(
            format!("{} has no fields", other.name()),
            span,
        )),
    }
}

fn element(of: &Type, index: &Type, span: Span) -> Result<Type, ExprError> {
    match (of, index) {
        (Type::Any, Type::Int | Type::Text | Type::Any)
        | (Type::Map(_), Type::Text | Type::Any) => Ok(Type::Any),
        (Type::List(inner), Type::Int | Type::Any)
        | (Type::Open(inner), Type::Text | Type::Any) => Ok((**inner).clone()),
        (of, index) => Err(ExprError::new(
            format!("{} cannot be indexed by {}", of.name(), index.name()),
            span,
        )),
    }
}

fn binary(
    op: Op,
    l: &Type,
    r: &Type,
    (ls, rs): (Span, Span),
    whole: Span,
) -> Result<Type, ExprError> {
    let mismatch = || {
        let message = format!(
            "{} {} {}: these types do not go together",
            l.name(),
            op.text(),
            r.name()
        );
        Err(ExprError::new(message, whole))
    };
    match op {
        Op::And | Op::Or => {
            wants(l, &Type::Bool, ls)?;
            wants(r, &Type::Bool, rs)?;
            Ok(Type::Bool)
        }
        Op::Eq | Op::Ne if l.meets(r) => Ok(Type::Bool),
        Op::Lt | Op::Le | Op::Gt | Op::Ge => {
            let ordered =
                |t: &Type| t.is_number() || matches!(t, Type::Text | Type::Duration | Type::Time);
            if ordered(l) && ordered(r) && l.meets(r) {
                Ok(Type::Bool)
            } else {
                mismatch()
            }
        }
        Op::In => match r {
            Type::List(inner) if l.meets(inner) => Ok(Type::Bool),
            Type::Map(_) | Type::Open(_) if matches!(l, Type::Text | Type::Any) => Ok(Type::Bool),
            Type::Any => Ok(Type::Bool),
            _ => mismatch(),
        },
        Op::Add | Op::Sub | Op::Mul | Op::Div | Op::Rem => {
            arithmetic(op, l, r).map_or_else(mismatch, Ok)
        }
        _ => mismatch(),
    }
}

fn arithmetic(op: Op, l: &Type, r: &Type) -> Option<Type> {
    match (op, l, r) {
        (_, Type::Any, _) | (_, _, Type::Any) => Some(Type::Any),
        (_, Type::Int, Type::Int) => Some(Type::Int),
        (Op::Add | Op::Sub | Op::Mul | Op::Div, Type::Double, Type::Double) => Some(Type::Double),
        (Op::Add, Type::Text, Type::Text) => Some(Type::Text),
        (Op::Add | Op::Sub, Type::Duration, Type::Duration) | (Op::Sub, Type::Time, Type::Time) => {
            Some(Type::Duration)
        }
        (Op::Add | Op::Sub, Type::Time, Type::Duration) | (Op::Add, Type::Duration, Type::Time) => {
            Some(Type::Time)
        }
        _ => None,
    }
}

const FUNCTIONS: [&str; 11] = [
    "size",
    "has",
    "startsWith",
    "endsWith",
    "contains",
    "matches",
    "int",
    "double",
    "string",
    "duration",
    "timestamp",
];

fn call(
    name: &str,
    arguments: &[Node],
    scope: &BTreeMap<String, Type>,
    span: Span,
) -> Result<Type, ExprError> {
    let types = arguments
        .iter()
        .map(|a| check(a, scope))
        .collect::<Result<Vec<_>, _>>()?;
    let arity = |n: usize| {
        if types.len() == n {
            Ok(())
        } else {
            Err(ExprError::new(
                format!("{name} takes {n} value(s), here are {}", types.len()),
                span,
            ))
        }
    };
    match name {
        "size" => {
            arity(1)?;
            match &types[0] {
                Type::Any | Type::Text | Type::List(_) | Type::Map(_) | Type::Open(_) => {
                    Ok(Type::Int)
                }
                other => Err(ExprError::new(
                    format!("{} has no size", other.name()),
                    span,
                )),
            }
        }
        "has" => {
            arity(1)?;
            match arguments[0].kind {
                ExprKind::Field(..) | ExprKind::Index(..) => Ok(Type::Bool),
                _ => Err(ExprError::new(
                    "has() takes a path like response.body.age",
                    arguments[0].span,
                )),
            }
        }
        "startsWith" | "endsWith" | "contains" | "matches" => {
            arity(2)?;
            for (t, a) in types.iter().zip(arguments) {
                wants(t, &Type::Text, a.span)?;
            }
            if name == "matches"
                && let ExprKind::Literal(Value::Text(pattern)) = &arguments[1].kind
            {
                super::eval::regex(pattern)
                    .map_err(|message| ExprError::new(message, arguments[1].span))?;
            }
            Ok(Type::Bool)
        }
        "int" | "double" | "string" | "duration" | "timestamp" => {
            arity(1)?;
            convert(name, &types[0], arguments[0].span)?;
            if let ("duration" | "timestamp", ExprKind::Literal(literal)) =
                (name, &arguments[0].kind)
            {
                super::eval::convert(name, literal, arguments[0].span)?;
            }
            Ok(match name {
                "int" => Type::Int,
                "double" => Type::Double,
                "string" => Type::Text,
                "duration" => Type::Duration,
                _ => Type::Time,
            })
        }
        _ => {
            let message = format!(
                "unknown function `{name}`{}; known are {}",
                near(name, &FUNCTIONS),
                FUNCTIONS.join(", ")
            );
            Err(ExprError::new(message, span))
        }
    }
}

fn convert(name: &str, from: &Type, span: Span) -> Result<(), ExprError> {
    let fits = match name {
        "int" | "double" => matches!(from, Type::Int | Type::Double | Type::Text | Type::Any),
        "string" => matches!(
            from,
            Type::Int | Type::Double | Type::Bool | Type::Text | Type::Any
        ),
        _ => matches!(from, Type::Text | Type::Any),
    };
    if fits {
        Ok(())
    } else {
        Err(ExprError::new(
            format!("{name}() cannot be made of {}", from.name()),
            span,
        ))
    }
}

fn wants(found: &Type, wanted: &Type, span: Span) -> Result<(), ExprError> {
    if *found == Type::Any || found == wanted {
        return Ok(());
    }
    Err(ExprError::new(
        format!("needs {}, this is {}", wanted.name(), found.name()),
        span,
    ))
}

fn near(name: &str, known: &[&str]) -> String {
    nearest(name, known).map_or_else(String::new, |k| format!(", did you mean `{k}`?"))
}
