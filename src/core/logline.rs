//! Parses log lines of any known shape into time, level, fields and message.
//!
//! [`time`] and [`level`] scan bytes and are made for millions of lines; [`read`] parses one line
//! in full.

mod level;
mod shape;
mod time;

pub use self::level::{continues, heads, level};
pub use self::shape::{Shape, read};
pub use self::time::time;

use crate::base::time::Timestamp;
use crate::run::event::Level;

/// One parsed line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    pub shape: Shape,
    pub time: Option<Timestamp>,
    pub level: Option<Level>,
    /// In the line's order (JSON: by name).
    pub fields: Vec<(String, String)>,
    /// The message, without the parts above.
    pub message: String,
}

/// The bytes after `key` as a quoted JSON name and its colon.
fn json_value<'a>(line: &'a [u8], key: &str) -> Option<&'a [u8]> {
    let mut rest = line;
    loop {
        let at = memchr::memmem::find(rest, key.as_bytes())?;
        let after = at + key.len();
        if at > 0 && rest[at - 1] == b'"' && rest.get(after) == Some(&b'"') {
            let value = rest[after + 1..].trim_ascii_start();
            if let Some(value) = value.strip_prefix(b":") {
                return Some(value.trim_ascii_start());
            }
        }
        rest = &rest[after..];
    }
}

#[cfg(test)]
mod tests;
