//! Parses one line by its shape.

use serde_json::{Map, Value};

use super::{Record, level, time};
use crate::base::time::Timestamp;

/// The known shapes of lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Shape {
    Json,
    Logfmt,
    Syslog,
    Access,
    Glog,
    /// `TIME LEVEL target: message`, as Rust's tracing writes it.
    Tracing,
    /// `TIME - name - LEVEL - message`, Python's usual format.
    Python,
    /// A time, then anything.
    Timed,
    Plain,
}

impl Shape {
    /// The name on screen.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Json => "JSON",
            Self::Logfmt => "logfmt",
            Self::Syslog => "syslog",
            Self::Access => "access log",
            Self::Glog => "glog",
            Self::Tracing => "tracing",
            Self::Python => "Python logging",
            Self::Timed => "text with time",
            Self::Plain => "text",
        }
    }
}

type Parts = (Shape, Vec<(String, String)>, String);

/// Parses a line. `now` gives the year of lines without one.
#[must_use]
pub fn read(line: &str, now: Timestamp) -> Record {
    let bytes = line.as_bytes();
    let written = time(bytes, now);
    let (shape, fields, message) = json(line)
        .or_else(|| syslog(line))
        .or_else(|| glog(line))
        .or_else(|| access(line))
        .or_else(|| python(line))
        .or_else(|| tracing(line))
        .or_else(|| logfmt(line))
        .unwrap_or_else(|| {
            (
                if written.is_some() {
                    Shape::Timed
                } else {
                    Shape::Plain
                },
                Vec::new(),
                line.trim_end().to_owned(),
            )
        });
    Record {
        shape,
        time: written,
        level: level(bytes),
        fields,
        message,
    }
}

fn json(line: &str) -> Option<Parts> {
    let map: Map<String, Value> = line
        .starts_with('{')
        .then(|| serde_json::from_str(line).ok())??;
    let text = |value: &Value| {
        value
            .as_str()
            .map_or_else(|| value.to_string(), str::to_owned)
    };
    let message = ["message", "msg", "event"]
        .iter()
        .find_map(|key| map.get(*key))
        .map(text)
        .unwrap_or_default();
    Some((
        Shape::Json,
        map.iter()
            .map(|(key, value)| (key.clone(), text(value)))
            .collect(),
        message,
    ))
}

fn syslog(line: &str) -> Option<Parts> {
    let rest = line
        .strip_prefix('<')
        .and_then(|l| l.split_once('>'))
        .filter(|(p, _)| p.len() <= 3)
        .map_or(line, |(_, r)| r);
    let owned = |names: &[&str], parts: &[&str]| -> Vec<(String, String)> {
        let pairs = names
            .iter()
            .zip(parts)
            .filter(|(_, part)| !matches!(**part, "-" | ""));
        pairs
            .map(|(name, part)| ((*name).to_owned(), (*part).to_owned()))
            .collect()
    };
    if let Some(new) = rest.strip_prefix("1 ").filter(|_| rest.len() < line.len()) {
        let parts: Vec<&str> = new.splitn(6, ' ').collect();
        let [_, host, app, process, id, rest] = *parts else {
            return None;
        };
        return Some((
            Shape::Syslog,
            owned(&["host", "app", "pid", "id"], &[host, app, process, id]),
            rest.strip_prefix("- ").unwrap_or(rest).to_owned(),
        ));
    }
    time(rest.as_bytes(), Timestamp(0)).filter(|_| rest.as_bytes()[0].is_ascii_uppercase())?;
    let (host, rest) = rest.get(16..)?.split_once(' ')?;
    let (tag, message) = rest.split_once(": ")?;
    let (app, process) = tag
        .split_once('[')
        .map_or((tag, ""), |(app, p)| (app, p.trim_end_matches(']')));
    Some((
        Shape::Syslog,
        owned(&["host", "app", "pid"], &[host, app, process]),
        message.to_owned(),
    ))
}

fn glog(line: &str) -> Option<Parts> {
    let bytes = line.as_bytes();
    if !(bytes.len() > 6
        && b"IWEF".contains(&bytes[0])
        && bytes[1..5].iter().all(u8::is_ascii_digit))
    {
        return None;
    }
    let (head, message) = line.split_once("] ")?;
    let mut words = head.split_ascii_whitespace().skip(2);
    let fields = [("thread", words.next()?), ("source", words.next()?)];
    Some((
        Shape::Glog,
        fields.map(|(k, v)| (k.to_owned(), v.to_owned())).to_vec(),
        message.to_owned(),
    ))
}

fn access(line: &str) -> Option<Parts> {
    let (who, rest) = line.split_once(" [")?;
    let (_, rest) = rest.split_once("] \"")?;
    let (request, rest) = rest.split_once("\" ")?;
    let mut who = who.split(' ');
    let (client, user) = (who.next()?, who.nth(1)?);
    let (numbers, tail) = rest.split_once(" \"").unwrap_or((rest, ""));
    let (status, bytes) = numbers.split_once(' ')?;
    status.parse::<u16>().ok()?;
    let (referer, agent) = tail.split_once("\" \"").unwrap_or((tail, ""));
    let all = [
        ("client", client),
        ("user", user),
        ("status", status),
        ("bytes", bytes.trim_end()),
        ("referer", referer),
        ("agent", agent.trim_end_matches('"')),
    ];
    let fields = all
        .into_iter()
        .filter(|(_, v)| !matches!(*v, "" | "-"))
        .map(|(k, v)| (k.to_owned(), v.to_owned()));
    Some((Shape::Access, fields.collect(), request.to_owned()))
}

/// `2026-11-21 09:30:00,250 - app.db - WARNING - slow query`.
fn python(line: &str) -> Option<Parts> {
    let parts: Vec<&str> = line.splitn(4, " - ").collect();
    let [stamp, name, word, message] = *parts else {
        return None;
    };
    time(stamp.as_bytes(), Timestamp(0))?;
    level(word.as_bytes())?;
    Some((
        Shape::Python,
        vec![("logger".to_owned(), name.to_owned())],
        message.to_owned(),
    ))
}

/// `2026-11-21T09:30:00Z  WARN app::db: slow query took=3s`.
fn tracing(line: &str) -> Option<Parts> {
    let (stamp, rest) = line.split_once(' ')?;
    time(stamp.as_bytes(), Timestamp(0))?;
    let (word, rest) = rest.trim_start().split_once(' ')?;
    if !matches!(word, "ERROR" | "WARN" | "INFO" | "DEBUG" | "TRACE") {
        return None;
    }
    let (target, message) = rest
        .split_once(": ")
        .filter(|(target, _)| !target.contains(' '))?;
    let mut fields = vec![("target".to_owned(), target.to_owned())];
    fields.extend(pairs(message));
    Some((Shape::Tracing, fields, message.to_owned()))
}

fn logfmt(line: &str) -> Option<Parts> {
    let fields = pairs(line);
    let first = line.split_once('=').map(|(key, _)| key)?;
    if fields.len() < 2 || fields[0].0 != first {
        return None;
    }
    let message = fields
        .iter()
        .find(|(k, _)| matches!(k.as_str(), "msg" | "message"))
        .map(|(_, v)| v.clone());
    Some((Shape::Logfmt, fields, message.unwrap_or_default()))
}

/// The `key=value` and `key="some value"` in a text.
fn pairs(text: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('=') {
        let key = before.rsplit(' ').next().unwrap_or(before);
        let (value, next) = if let Some(quoted) = after.strip_prefix('"') {
            unquoted(quoted)
        } else {
            let end = after.find(' ').unwrap_or(after.len());
            (after[..end].to_owned(), &after[end..])
        };
        let is_name = |c: char| c.is_ascii_alphanumeric() || "_.-@/".contains(c);
        if !key.is_empty() && key.chars().all(is_name) {
            found.push((key.to_owned(), value));
        }
        rest = next;
    }
    found
}

/// A quoted value up to its closing quote, and what follows.
fn unquoted(text: &str) -> (String, &str) {
    let (mut value, mut escaped) = (String::new(), false);
    for (at, c) in text.char_indices() {
        match c {
            _ if escaped => {
                value.push(match c {
                    'n' => '\n',
                    't' => '\t',
                    other => other,
                });
                escaped = false;
            }
            '\\' => escaped = true,
            '"' => return (value, &text[at + 1..]),
            c => value.push(c),
        }
    }
    (value, "")
}
