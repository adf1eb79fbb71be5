//! The level of a line, from its first bytes, and whether a line belongs to the one before.

use super::{json_value, time};
use crate::base::time::Timestamp;
use crate::run::event::Level;

const JSON_KEYS: [&str; 6] = [
    "level",
    "severity",
    "lvl",
    "levelname",
    "log.level",
    "loglevel",
];
/// Bytes that are searched for a level; a later word is part of the message.
const WITHIN: usize = 160;
/// An indented line is a new record when a level is in this many of its first bytes.
const SHORT: usize = 12;

/// The level that the line states.
#[must_use]
pub fn level(line: &[u8]) -> Option<Level> {
    match *line.first()? {
        b'{' => json(&line[..line.len().min(4096)]),
        b'<' => priority(line),
        b'I' | b'W' | b'E' | b'F'
            if line.len() > 5 && line[1..5].iter().all(u8::is_ascii_digit) =>
        {
            Some(match line[0] {
                b'I' => Level::Info,
                b'W' => Level::Warn,
                _ => Level::Error,
            })
        }
        _ => level_word(&line[..line.len().min(WITHIN)]).or_else(|| status(line)),
    }
}

/// Whether the line goes on with the record before, if that [heads](heads) one: indented, or one of
/// the ways stack traces go on. An indented line with a time or level of its own does not.
#[must_use]
pub fn continues(line: &[u8]) -> bool {
    match line.first() {
        None | Some(b'}' | b')' | b'\r') => true,
        Some(b' ' | b'\t') => {
            let text = line.trim_ascii_start();
            time(text, Timestamp::default()).is_none()
                && level(&text[..text.len().min(SHORT)]).is_none()
        }
        Some(_) => {
            line.starts_with(b"Caused by") || line.starts_with(b"Traceback (") || is_exception(line)
        }
    }
}

/// Whether more lines can belong to this one: it has a time or level, or is the first of a trace or
/// of an indented object. In any other text (a table, prose) every line is its own record.
#[must_use]
pub fn heads(line: &[u8]) -> bool {
    let begins = [
        &b"Traceback ("[..],
        b"Exception in thread",
        b"thread '",
        b"panic: ",
    ];
    level(line).is_some()
        || time(line, Timestamp::default()).is_some()
        || is_exception(line)
        || line.trim_ascii_end() == b"{"
        || begins.iter().any(|begin| line.starts_with(begin))
}

/// `java.lang.IllegalStateException`, `ValueError`.
fn is_exception(line: &[u8]) -> bool {
    if !line.first().is_some_and(u8::is_ascii_alphabetic) {
        return false;
    }
    let end = line
        .iter()
        .position(|b| !(b.is_ascii_alphanumeric() || b"._$".contains(b)));
    let word = &line[..end.unwrap_or(line.len())];
    word.len() > 9 && (word.ends_with(b"Exception") || word.ends_with(b"Error"))
}

fn json(line: &[u8]) -> Option<Level> {
    let value = JSON_KEYS.iter().find_map(|key| json_value(line, key))?;
    match value.strip_prefix(b"\"") {
        Some(text) => named(&text[..text.iter().position(|b| !b.is_ascii_alphabetic())?]),
        None => numbered(
            std::str::from_utf8(&value[..value.iter().position(|b| !b.is_ascii_digit())?]).ok()?,
        ),
    }
}

/// pino's and bunyan's numbers (10 trace … 60 fatal), or syslog's (0 … 7).
fn numbered(text: &str) -> Option<Level> {
    Some(match text.parse::<u32>().ok()? {
        0..=3 | 50.. => Level::Error,
        4 | 40..50 => Level::Warn,
        5 | 6 | 30..40 => Level::Info,
        _ => Level::Debug,
    })
}

/// Syslog's `<34>`: facility × 8 + severity.
fn priority(line: &[u8]) -> Option<Level> {
    let end = memchr::memchr(b'>', &line[..line.len().min(5)])?;
    let number: u32 = std::str::from_utf8(&line[1..end]).ok()?.parse().ok()?;
    numbered(&(number % 8).to_string())
}

/// The first word that is a level: in capitals, after `level=`, or in lower case where only a level
/// can be.
fn level_word(line: &[u8]) -> Option<Level> {
    // A date at the start contains no level.
    let mut at = if line.len() > 19 && line[4] == b'-' && line[0].is_ascii_digit() {
        19
    } else {
        0
    };
    while at < line.len() {
        let byte = line[at];
        if byte == b'"' {
            return None;
        }
        if !byte.is_ascii_alphabetic() {
            at += 1;
            continue;
        }
        let end = line[at..]
            .iter()
            .position(|b| !b.is_ascii_alphanumeric())
            .map_or(line.len(), |n| at + n);
        let (word, next) = (&line[at..end], line.get(end));
        let before = at.checked_sub(1).map(|i| line[i]);
        if next == Some(&b'=') && matches!(word, b"level" | b"lvl" | b"severity") {
            let value = &line[end + 1..];
            let value = value.strip_prefix(b"\"").unwrap_or(value);
            return named(
                &value[..value
                    .iter()
                    .position(|b| !b.is_ascii_alphabetic())
                    .unwrap_or(value.len())],
            );
        }
        let alone = !matches!(before, Some(b'_' | b'-' | b'/' | b'.' | b'='))
            && !matches!(next, Some(b'_' | b'=' | b'/'));
        let capital = byte.is_ascii_uppercase() && word.iter().all(u8::is_ascii_uppercase);
        let framed = matches!(before, Some(b'[' | b'<' | b'(' | b'|'))
            && matches!(next, Some(b']' | b'>' | b')' | b'|'));
        let prior = line[..at].trim_ascii_end().last();
        let labelled =
            next == Some(&b':') && prior.is_none_or(|b| matches!(b, b':' | b']' | b'0'..=b'9'));
        if word.len() >= 3
            && alone
            && (capital || framed || labelled)
            && let Some(level) = named(word)
        {
            return Some(level);
        }
        at = end;
    }
    None
}

/// A level's name in any case.
fn named(word: &[u8]) -> Option<Level> {
    let is = |names: &[&str]| {
        names
            .iter()
            .any(|name| word.eq_ignore_ascii_case(name.as_bytes()))
    };
    match word.first()?.to_ascii_lowercase() {
        b'e' if is(&["error", "err", "emerg", "emergency"]) => Some(Level::Error),
        b'f' if is(&["fatal"]) => Some(Level::Error),
        b'c' if is(&["critical", "crit"]) => Some(Level::Error),
        b'a' if is(&["alert"]) => Some(Level::Error),
        b'p' if is(&["panic"]) => Some(Level::Error),
        b's' if is(&["severe"]) => Some(Level::Error),
        b'w' if is(&["warn", "warning"]) => Some(Level::Warn),
        b'i' if is(&["info", "information", "inf"]) => Some(Level::Info),
        b'n' if is(&["notice"]) => Some(Level::Info),
        b'd' if is(&["debug", "dbg"]) => Some(Level::Debug),
        b't' if is(&["trace"]) => Some(Level::Debug),
        _ => None,
    }
}

/// An access log's answer: 5xx is an error, 4xx a warning.
fn status(line: &[u8]) -> Option<Level> {
    let line = &line[..line.len().min(4096)];
    let request = memchr::memmem::find(&line[..line.len().min(200)], b"] \"")? + 3;
    let end = request + memchr::memchr(b'"', &line[request..])?;
    match line.get(end + 1..end + 5)? {
        [b' ', b'5', ..] => Some(Level::Error),
        [b' ', b'4', ..] => Some(Level::Warn),
        [b' ', b'1'..=b'3', ..] => Some(Level::Info),
        _ => None,
    }
}
