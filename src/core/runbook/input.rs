//! Inputs of a runbook: their types, and the values they accept.

use std::collections::BTreeMap;

use regex::Regex;

use super::find::{find_environment, find_service};
use crate::base::secret;
use crate::base::time::{parse_duration, write_duration};
use crate::stack::service::Stack;

/// Checked input values by name.
pub type Values = BTreeMap<String, String>;

/// The items of a list input.
pub(super) fn items_of(text: &str) -> impl Iterator<Item = &str> {
    text.split(',')
        .map(str::trim)
        .filter(|item| !item.is_empty())
}

/// A declared input.
#[derive(Debug, Clone, PartialEq)]
pub struct Input {
    pub name: String,
    pub kind: InputKind,
    pub required: bool,
    pub default: Option<String>,
}

/// The type of an input, with its bounds.
#[derive(Debug, Clone, PartialEq)]
pub enum InputKind {
    /// Text matching all of a regular expression, when there is one.
    Text {
        pattern: Option<String>,
    },
    Int {
        min: Option<i64>,
        max: Option<i64>,
    },
    Bool,
    Choice(Vec<String>),
    /// A version, tag or commit: one word of letters, digits and `. _ + - / @ :`.
    Version,
    /// Bounds in milliseconds.
    Duration {
        min: Option<i64>,
        max: Option<i64>,
    },
    Env,
    Service,
    /// The name of a secret of `opsroom.toml`, never its value.
    Secret,
    /// Several texts, separated by commas, each matching all of a regular expression, when there is
    /// one.
    List {
        pattern: Option<String>,
    },
}

impl InputKind {
    pub(super) const NAMES: [&'static str; 10] = [
        "text", "int", "bool", "choice", "version", "duration", "env", "service", "secret", "list",
    ];

    /// The right way to write a value of this type.
    ///
    /// # Errors
    /// Names the rule the value breaks.
    pub(super) fn check(&self, value: &str, stack: &Stack) -> Result<String, String> {
        if let Some(c) = value
            .chars()
            .find(|c| c.is_control() && !matches!(c, '\n' | '\t'))
        {
            return Err(format!(
                "holds the control character U+{:04X}",
                u32::from(c)
            ));
        }
        match self {
            Self::Text { pattern } => matches_all(value, pattern.as_deref()),
            Self::List { pattern } => list(value, pattern.as_deref()),
            Self::Int { min, max } => int(value, *min, *max),
            Self::Bool => boolean(value),
            Self::Choice(choices) if choices.iter().any(|c| c == value) => Ok(value.to_owned()),
            Self::Choice(choices) => Err(format!("is not one of {}", choices.join(", "))),
            Self::Version => version(value),
            Self::Duration { min, max } => duration(value, *min, *max),
            Self::Env => find_environment(stack, value).map(|e| e.name.clone()),
            Self::Secret => secret_name(value),
            Self::Service => find_service(stack, value).map(|s| s.name.clone()),
        }
    }
}

/// A pattern that must match the whole text; linear time, size-limited.
pub(super) fn compile(pattern: &str) -> Result<Regex, String> {
    let whole = format!("^(?:{pattern})$");
    regex::RegexBuilder::new(&whole)
        .size_limit(1 << 20)
        .build()
        .map_err(|why| format!("is not a pattern: {why}"))
}

fn matches_all(value: &str, pattern: Option<&str>) -> Result<String, String> {
    if value.trim().is_empty() {
        return Err("is empty".to_owned());
    }
    match pattern {
        Some(pattern) if !compile(pattern)?.is_match(value) => {
            Err(format!("does not match the pattern {pattern}"))
        }
        _ => Ok(value.to_owned()),
    }
}

/// Most items of a list: each becomes a step.
const MAX_ITEMS: usize = 1_000;

fn list(value: &str, pattern: Option<&str>) -> Result<String, String> {
    let items: Vec<&str> = items_of(value).collect();
    if items.len() > MAX_ITEMS {
        return Err(format!(
            "holds {} items, more than {MAX_ITEMS}",
            items.len()
        ));
    }
    if items.is_empty() {
        return Err("is empty".to_owned());
    }
    for item in &items {
        matches_all(item, pattern).map_err(|why| format!("holds {item:?}, which {why}"))?;
    }
    Ok(items.join(","))
}

fn int(value: &str, min: Option<i64>, max: Option<i64>) -> Result<String, String> {
    let number: i64 = value
        .trim()
        .parse()
        .map_err(|_| "is not a whole number".to_owned())?;
    within(number, min, max, |n| n.to_string())?;
    Ok(number.to_string())
}

fn duration(value: &str, min: Option<i64>, max: Option<i64>) -> Result<String, String> {
    let ms =
        parse_duration(value).map_err(|_| "is not a duration like 30s, 5m or 2h".to_owned())?;
    within(ms, min, max, write_duration)?;
    Ok(write_duration(ms))
}

fn within(
    number: i64,
    min: Option<i64>,
    max: Option<i64>,
    write: fn(i64) -> String,
) -> Result<(), String> {
    if let Some(min) = min.filter(|min| number < *min) {
        return Err(format!("is below {}, the least allowed", write(min)));
    }
    match max.filter(|max| number > *max) {
        Some(max) => Err(format!("is above {}, the most allowed", write(max))),
        None => Ok(()),
    }
}

fn secret_name(value: &str) -> Result<String, String> {
    // Not quoted: it may be the secret itself.
    let wrong = "is not the name of a secret (letters, digits, _ - . up to 100); never write the value here";
    if secret::is_name(value) {
        Ok(value.to_owned())
    } else {
        Err(wrong.to_owned())
    }
}

fn boolean(value: &str) -> Result<String, String> {
    match value.trim().to_lowercase().as_str() {
        "true" | "yes" => Ok("true".to_owned()),
        "false" | "no" => Ok("false".to_owned()),
        _ => Err("is neither true nor false".to_owned()),
    }
}

fn version(value: &str) -> Result<String, String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "._+-/@:".contains(c);
    // A leading dash would read as an option of the command that receives it.
    let right = !value.is_empty()
        && value.len() <= 200
        && value.chars().all(plain)
        && !value.starts_with('-');
    if right {
        Ok(value.to_owned())
    } else {
        Err("is not a version like 1.4.2 or v2.0-rc1".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stack::service::Environment;

    #[test]
    fn values_are_checked_and_written_one_way() {
        let prod = Environment {
            name: "prod".to_owned(),
            aliases: vec!["live".to_owned()],
            protected: true,
            approve: None,
        };
        let stack = Stack {
            environments: vec![prod],
            ..Stack::default()
        };
        let replicas = InputKind::Int {
            min: Some(0),
            max: Some(100),
        };
        let text = InputKind::Text {
            pattern: Some("[a-z]+|x1".to_owned()),
        };
        let window = InputKind::Duration {
            min: Some(1000),
            max: None,
        };
        for (kind, value, result) in [
            (&replicas, " 3 ", Ok("3")),
            (&replicas, "101", Err("is above 100, the most allowed")),
            (&replicas, "-1", Err("is below 0, the least allowed")),
            (&replicas, "three", Err("is not a whole number")),
            (&text, "abc", Ok("abc")),
            (&text, "x1", Ok("x1")),
            (&text, "abc1", Err("does not match the pattern [a-z]+|x1")),
            (
                &text,
                "abc\u{1b}[0m",
                Err("holds the control character U+001B"),
            ),
            (&InputKind::Bool, "Yes", Ok("true")),
            (&InputKind::Bool, "1", Err("is neither true nor false")),
            (&InputKind::Version, "v1.4.2", Ok("v1.4.2")),
            (
                &InputKind::Version,
                "--force",
                Err("is not a version like 1.4.2 or v2.0-rc1"),
            ),
            (
                &InputKind::Version,
                "1; rm -rf",
                Err("is not a version like 1.4.2 or v2.0-rc1"),
            ),
            (&window, "120s", Ok("2m")),
            (&window, "1ms", Err("is below 1s, the least allowed")),
            (&InputKind::Env, "live", Ok("prod")),
            (&InputKind::Secret, "DEPLOY_TOKEN", Ok("DEPLOY_TOKEN")),
            (
                &InputKind::Secret,
                "hunter2!",
                Err(
                    "is not the name of a secret (letters, digits, _ - . up to 100); never write the value here",
                ),
            ),
            (
                &InputKind::Choice(vec!["a".to_owned(), "b".to_owned()]),
                "c",
                Err("is not one of a, b"),
            ),
        ] {
            let result = result.map(str::to_owned).map_err(str::to_owned);
            assert_eq!(kind.check(value, &stack), result, "{kind:?} {value:?}");
        }
    }
}
