//! Strict TOML: typed access to tables with the position of every value. Every file that people write is
//! read here: settings, stack files, runbooks, front matter, keymaps. Reading continues after a problem,
//! all are collected. Unknown keys are problems; the nearest known one is suggested.

use std::collections::{BTreeSet, HashSet};

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::problem::Problem;
use super::suggest::nearest;

/// Limit of problems: a file with more is probably of another kind; the other values are skipped.
const MAX_PROBLEMS: usize = 500;
/// After this many problems there are no suggestions: they compare a name with all others.
const MAX_SUGGESTED: usize = 100;
/// Maximum length of a quote from the file in a message, characters.
const MAX_QUOTED: usize = 60;

/// Parses a document as far as possible; syntax errors become problems of the report.
pub fn parse<'t>(file: &str, text: &'t str) -> (Spanned<DeTable<'t>>, Report) {
    let mut report = Report::new(file, text);
    let (table, errors) = DeTable::parse_recoverable(text);
    for error in errors {
        let at = error.span().map_or(0, |s| s.start);
        let line_start = report.line_starts[report.line(at) - 1];
        report.lost_header |= text[line_start..].trim_start().starts_with('[');
        report.syntax_error(at, error.message());
    }
    (table, report)
}

/// The problems of one file.
pub struct Report {
    file: String,
    line_starts: Vec<usize>,
    /// With the byte offset of each.
    problems: Vec<(usize, Problem)>,
    /// Lines the TOML parser could not read. Values recovered around them may be wrong.
    broken: BTreeSet<usize>,
    /// A broken line was a table's header: the keys below it were read into another table.
    lost_header: bool,
}

impl Report {
    pub fn new(file: &str, text: &str) -> Self {
        let after_breaks = text
            .bytes()
            .enumerate()
            .filter(|(_, b)| *b == b'\n')
            .map(|(at, _)| at + 1);
        let line_starts = std::iter::once(0).chain(after_breaks).collect();
        Self {
            file: file.to_owned(),
            line_starts,
            problems: Vec::new(),
            broken: BTreeSet::new(),
            lost_header: false,
        }
    }

    /// The file's name in messages.
    pub fn file(&self) -> &str {
        &self.file
    }

    /// Whether a part of the file is not TOML.
    pub fn is_broken(&self) -> bool {
        !self.broken.is_empty()
    }

    /// Whether the line of a byte offset is not TOML: what was recovered from it may be wrong.
    pub fn is_broken_at(&self, at: usize) -> bool {
        self.broken.contains(&self.line(at))
    }

    /// The line (from 1) of a byte offset.
    pub fn line(&self, at: usize) -> usize {
        self.line_starts.partition_point(|start| *start <= at)
    }

    /// A problem of one value, at a byte offset.
    pub fn wrong(&mut self, at: usize, key: impl Into<String>, message: impl Into<String>) {
        if !self.is_broken_at(at) {
            self.push(at, key.into(), message.into());
        }
    }

    /// A problem between values (missing, duplicate, not found). Not reported for a file with
    /// syntax errors, where the other value may just not have been parsed.
    pub fn conflict(&mut self, at: usize, key: impl Into<String>, message: impl Into<String>) {
        if !self.is_broken() {
            self.wrong(at, key, message);
        }
    }

    /// Whether a suggestion is still made.
    pub fn may_suggest(&self) -> bool {
        self.problems.len() < MAX_SUGGESTED
    }

    /// All problems in the order of the file; the value when there are none.
    pub fn finish<T>(mut self, value: T) -> Result<T, Vec<Problem>> {
        if self.problems.is_empty() {
            return Ok(value);
        }
        self.problems.sort_by_key(|(at, _)| *at);
        let mut seen = HashSet::new();
        self.problems
            .retain(|(_, problem)| seen.insert(problem.clone()));
        let mut problems: Vec<Problem> = self
            .problems
            .into_iter()
            .map(|(_, problem)| problem)
            .collect();
        if problems.len() > MAX_PROBLEMS {
            problems.truncate(MAX_PROBLEMS);
            let message = "there are more problems; correct these first".to_owned();
            problems.push(Problem {
                file: self.file,
                line: 0,
                key: String::new(),
                message,
            });
        }
        Err(problems)
    }

    fn syntax_error(&mut self, at: usize, message: &str) {
        let line = self.line(at);
        // One mistake often causes more errors in the same line; the first one names the cause.
        if self.broken.insert(line) {
            self.push(at, String::new(), format!("not TOML: {message}"));
        }
    }

    fn push(&mut self, at: usize, key: String, message: String) {
        let line = self.line(at);
        self.problems.push((
            at,
            Problem {
                file: self.file.clone(),
                line,
                key,
                message,
            },
        ));
    }
}

/// A table that records which keys were read. A table whose keys are all known before is opened with them
/// instead: [`Section::open`].
#[derive(Clone)]
pub struct Section<'t> {
    table: &'t DeTable<'t>,
    /// Byte offset of its header or brace: the position of problems about missing keys.
    pub at: usize,
    path: String,
    known: Vec<&'static str>,
}

impl<'t> Section<'t> {
    pub fn root(table: &'t Spanned<DeTable<'t>>) -> Self {
        Self {
            table: table.get_ref(),
            at: 0,
            path: String::new(),
            known: Vec::new(),
        }
    }

    /// The same table, named `path` in messages; keys not in `known` are problems.
    #[must_use]
    pub fn open(&self, report: &mut Report, path: &str, known: &[&'static str]) -> Self {
        let opened = Self {
            path: path.to_owned(),
            known: known.to_vec(),
            ..self.clone()
        };
        opened.refuse_unknown(report);
        opened
    }

    /// Names this table in messages: `service "web"` instead of `service`.
    pub fn rename(&mut self, path: String) {
        self.path = path;
    }

    /// A key's full name in messages.
    pub fn key(&self, key: &str) -> String {
        if self.path.is_empty() {
            key.to_owned()
        } else {
            format!("{}.{key}", self.path)
        }
    }

    /// The table's own name in messages.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The value of a key, if present. Makes the key known.
    pub fn field(&mut self, key: &'static str) -> Option<Field<'t>> {
        self.known.push(key);
        self.get(key)
    }

    /// The value of a key, if present. Does not make the key known.
    pub fn get(&self, key: &str) -> Option<Field<'t>> {
        let (found, value) = self.table.get_key_value(key)?;
        Some(Field {
            key: self.key(key),
            at: found.span().start,
            value,
        })
    }

    /// The value of a key; a problem if it is missing, with `example` as the value to add.
    pub fn required(
        &mut self,
        report: &mut Report,
        key: &'static str,
        example: &str,
    ) -> Option<Field<'t>> {
        let field = self.field(key);
        if field.is_none() {
            let key_path = self.key(key);
            report.conflict(
                self.at,
                key_path,
                format!("is missing; add {key} = {example}"),
            );
        }
        field
    }

    /// A text checked and converted by a rule.
    pub fn text_by<T>(
        &mut self,
        report: &mut Report,
        key: &'static str,
        rule: impl Fn(&str) -> Result<T, String>,
    ) -> Option<T> {
        self.field(key)?.text_by(report, rule)
    }

    /// The text of a key, if it is one, for messages. Neither marks the key as known nor reports
    /// problems.
    pub fn peek(&self, key: &str) -> Option<&'t str> {
        self.table.get(key)?.get_ref().as_str()
    }

    pub fn has(&self, key: &str) -> bool {
        self.table.contains_key(key)
    }

    /// Every key with its value: for tables with arbitrary keys.
    pub fn entries(&self) -> impl Iterator<Item = (&'t str, Field<'t>)> + '_ {
        self.table.iter().map(|(key, value)| {
            let name = key.get_ref().as_ref();
            (
                name,
                Field {
                    key: self.key(&shown(name)),
                    at: key.span().start,
                    value,
                },
            )
        })
    }

    /// Reports every key that was not read.
    pub fn close(self, report: &mut Report) {
        self.refuse_unknown(report);
    }

    fn refuse_unknown(&self, report: &mut Report) {
        if report.lost_header {
            return;
        }
        for key in self
            .table
            .keys()
            .filter(|k| !self.known.contains(&k.get_ref().as_ref()))
        {
            let name = key.get_ref().as_ref();
            let hint = nearest(name, &self.known).map_or_else(
                || format!("known here: {}", self.known.join(", ")),
                |near| format!("did you mean `{near}`?"),
            );
            report.wrong(
                key.span().start,
                self.key(&shown(name)),
                format!("unknown key; {hint}"),
            );
        }
    }
}

/// A value, its full key and the byte offset for problems.
pub struct Field<'t> {
    pub key: String,
    pub at: usize,
    value: &'t Spanned<DeValue<'t>>,
}

impl<'t> Field<'t> {
    pub fn wrong(&self, report: &mut Report, message: impl Into<String>) {
        report.wrong(self.at, self.key.clone(), message);
    }

    pub fn conflict(&self, report: &mut Report, message: impl Into<String>) {
        report.conflict(self.at, self.key.clone(), message);
    }

    pub fn value(&self) -> &'t DeValue<'t> {
        self.value.get_ref()
    }

    pub fn text(&self, report: &mut Report) -> Option<&'t str> {
        self.typed(report, "a text in quotes", DeValue::as_str)
    }

    pub fn text_by<T>(
        &self,
        report: &mut Report,
        rule: impl Fn(&str) -> Result<T, String>,
    ) -> Option<T> {
        let text = self
            .text(report)
            .filter(|_| report.problems.len() <= MAX_PROBLEMS)?;
        self.accept(report, rule(text))
    }

    pub fn boolean(&self, report: &mut Report) -> Option<bool> {
        self.typed(report, "true or false", DeValue::as_bool)
    }

    /// A whole number within bounds.
    pub fn whole(&self, report: &mut Report, least: i64, most: i64) -> Option<i64> {
        let number = self.typed(report, "a whole number", whole)?;
        let checked = match number {
            n if n < least && least == 0 => Err(format!("{n} is negative; it must be 0 or more")),
            n if n < least => Err(format!("{n} is too small; the least is {least}")),
            n if n > most => Err(format!("{n} is too large; the most is {most}")),
            n => Ok(n),
        };
        self.accept(report, checked)
    }

    pub fn number(&self, report: &mut Report) -> Option<f64> {
        self.typed(report, "a number", number)
    }

    /// The elements of a list.
    pub fn list(&self, report: &mut Report) -> Option<Vec<Self>> {
        self.typed(report, "a list like [\"a\", \"b\"]", DeValue::as_array)?;
        Some(self.elements())
    }

    /// The elements if it is a list; none, without a problem, if it is not.
    pub fn elements(&self) -> Vec<Self> {
        let element = |value: &'t Spanned<DeValue<'t>>| Field {
            key: self.key.clone(),
            at: value.span().start,
            value,
        };
        self.value()
            .as_array()
            .into_iter()
            .flat_map(|list| list.iter().map(element))
            .collect()
    }

    pub fn table(&self, report: &mut Report) -> Option<Section<'t>> {
        let table = self.typed(report, "a table like { key = value }", DeValue::as_table)?;
        Some(Section {
            table,
            at: self.at,
            path: self.key.clone(),
            known: Vec::new(),
        })
    }

    /// The tables written as `[[key]]`.
    pub fn tables(&self, report: &mut Report) -> Vec<Section<'t>> {
        if !self.value().is_array() {
            self.wrong(
                report,
                format!("must be written as [[{}]], once for each", self.header()),
            );
        }
        self.elements()
            .iter()
            .filter_map(|element| element.table(report))
            .collect()
    }

    /// The value of an `Ok`; reports an `Err` as a problem of this field.
    pub fn accept<T>(&self, report: &mut Report, checked: Result<T, String>) -> Option<T> {
        checked.map_err(|message| self.wrong(report, message)).ok()
    }

    /// What `read` makes of the value; a problem if it is not `wanted`.
    pub fn typed<T>(
        &self,
        report: &mut Report,
        wanted: &str,
        read: impl Fn(&'t DeValue<'t>) -> Option<T>,
    ) -> Option<T> {
        let found = read(self.value());
        if found.is_none() {
            self.wrong(
                report,
                format!("must be {wanted}, not {}", kind(self.value())),
            );
        }
        found
    }

    /// The TOML header of the key: `service "web".action` is written `[[service.action]]`.
    fn header(&self) -> String {
        let outside_quotes = self.key.split('"').step_by(2);
        outside_quotes.map(str::trim_end).collect()
    }
}

/// Quotes a piece of the file for a message: one line, printable, not long, in backquotes.
pub fn quoted(text: &str) -> String {
    format!("`{}`", shown(text))
}

/// [`quoted`] without the quotes.
pub fn shown(text: &str) -> String {
    let mut out = String::new();
    for (n, c) in text.chars().enumerate() {
        if n == MAX_QUOTED {
            out.push('…');
            break;
        }
        if c.is_control() || is_invisible(c) {
            out.extend(c.escape_unicode());
        } else {
            out.push(c);
        }
    }
    out
}

/// A TOML integer of any radix.
pub fn whole(value: &DeValue<'_>) -> Option<i64> {
    let integer = value.as_integer()?;
    i64::from_str_radix(integer.as_str(), integer.radix()).ok()
}

#[expect(
    clippy::cast_precision_loss,
    reason = "whole numbers written where a fraction is meant are small"
)]
fn number(value: &DeValue<'_>) -> Option<f64> {
    match value {
        DeValue::Float(float) => float.as_str().parse().ok(),
        other => whole(other).map(|n| n as f64),
    }
}

fn kind(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a text",
        // The right type, but refused: it must be too large.
        DeValue::Integer(_) if whole(value).is_none() => "a number this large",
        DeValue::Integer(_) => "a whole number",
        DeValue::Float(_) => "a fraction",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}

/// Has no width on screen, or changes the reading direction: two names could look the same.
pub fn is_invisible(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
        | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{feff}'
        | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}')
}
