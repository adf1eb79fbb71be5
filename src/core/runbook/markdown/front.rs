//! Front matter: TOML, or the `key: value` lines people know from web pages, as lines of TOML with
//! their line numbers.

use crate::base::toml_doc::{Section, parse};
use crate::runbook::page::Page;

/// Keys that mark opsroom front matter; others (`title`, `weight`, `tags`) are found on any web
/// page.
const OURS: [&str; 8] = [
    "mutates",
    "phrases",
    "input",
    "risk",
    "step",
    "finally",
    "restatement",
    "concurrency",
];

/// Front matter as TOML.
#[derive(Debug, Default)]
pub(super) struct Front {
    keys: Vec<String>,
    /// Line of the page and TOML.
    pub lines: Vec<(usize, String)>,
    pub problems: Vec<(usize, String)>,
}

impl Front {
    pub fn has(&self, key: &str) -> bool {
        self.keys.iter().any(|k| k == key)
    }
}

/// TOML under construction, each line with the line of the page it comes from.
#[derive(Debug, Default)]
pub(super) struct Toml {
    pub text: String,
    lines: Vec<usize>,
}

impl Toml {
    pub fn line(&mut self, from: usize, text: &str) {
        self.text.push_str(text);
        self.text.push('\n');
        self.lines.push(from);
    }

    /// The page's line of a TOML line.
    pub fn line_of(&self, line: usize) -> usize {
        match line {
            0 => 0,
            line => self
                .lines
                .get(line - 1)
                .or(self.lines.last())
                .copied()
                .unwrap_or(1),
        }
    }
}

/// A text as TOML, on one line: JSON's escapes are TOML's, except for DEL, which JSON does not
/// escape.
pub(super) fn quoted(text: &str) -> String {
    serde_json::Value::from(text)
        .to_string()
        .replace('\u{7f}', "\\u007f")
}

/// The front matter of a page, when it is for opsroom.
pub(super) fn read(page: &Page) -> Option<Front> {
    let (text, first) = page.front.as_ref()?;
    let numbered = |text: &str| {
        (*first..)
            .zip(text.lines())
            .map(|(n, l)| (n, l.to_owned()))
            .collect::<Vec<_>>()
    };
    let (table, report) = parse("", text);
    let keys: Vec<String> = Section::root(&table)
        .entries()
        .map(|(key, _)| key.to_owned())
        .collect();
    if !report.is_broken() || keys.iter().any(|k| OURS.contains(&k.as_str())) {
        return is_ours(&keys).then(|| Front {
            keys,
            lines: numbered(text),
            problems: Vec::new(),
        });
    }
    let mut front = Front::default();
    for (number, line) in numbered(text) {
        key_value(&mut front, number, &line);
    }
    is_ours(&front.keys).then_some(front)
}

fn is_ours(keys: &[String]) -> bool {
    keys.iter().any(|key| OURS.contains(&key.as_str()))
}

/// `key: value` as a line of TOML.
fn key_value(front: &mut Front, number: usize, line: &str) {
    let text = line.trim_end();
    if text.trim().is_empty() || text.trim_start().starts_with('#') {
        return;
    }
    let is_key = |key: &str| {
        !key.is_empty()
            && key
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-')
    };
    let parts = text.split_once(':').filter(|(key, _)| is_key(key));
    let Some((key, value)) = parts.filter(|(_, value)| !value.trim().is_empty()) else {
        let message = "is not a line like `key: value`; for lists and tables write the front matter as TOML between +++";
        front.problems.push((number, message.to_owned()));
        return;
    };
    front.keys.push(key.to_owned());
    front
        .lines
        .push((number, format!("{key} = {}", scalar(value.trim()))));
}

fn scalar(value: &str) -> String {
    if matches!(value, "true" | "false")
        || value.parse::<i64>().is_ok_and(|n| n.to_string() == value)
    {
        return value.to_owned();
    }
    if let Some(list) = value.strip_prefix('[').and_then(|v| v.strip_suffix(']')) {
        let items: Vec<String> = list
            .split(',')
            .map(str::trim)
            .filter(|i| !i.is_empty())
            .map(|i| quoted(unquoted(i)))
            .collect();
        return format!("[{}]", items.join(", "));
    }
    quoted(unquoted(value))
}

fn unquoted(text: &str) -> &str {
    let inside = |quote: char| text.strip_prefix(quote)?.strip_suffix(quote);
    inside('"').or_else(|| inside('\'')).unwrap_or(text)
}
