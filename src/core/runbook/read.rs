//! Reading strict TOML: typed access with spans, every problem collected with its line, unknown
//! keys with a suggestion.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::Problem;
use crate::base::time::parse_duration;

/// Collects the problems of one file.
pub(super) struct Reader<'f> {
    file: &'f str,
    line_starts: Vec<usize>,
    pub problems: Vec<Problem>,
}

impl<'f> Reader<'f> {
    pub fn new(file: &'f str, text: &str) -> Self {
        let after_breaks = text
            .bytes()
            .enumerate()
            .filter(|(_, b)| *b == b'\n')
            .map(|(at, _)| at + 1);
        Self {
            file,
            line_starts: std::iter::once(0).chain(after_breaks).collect(),
            problems: Vec::new(),
        }
    }

    pub const fn file(&self) -> &'f str {
        self.file
    }

    /// The line of a byte offset, from 1.
    pub fn line(&self, at: usize) -> usize {
        self.line_starts.partition_point(|start| *start <= at)
    }

    /// Adds a problem at a byte offset.
    pub fn problem(&mut self, at: usize, key: impl Into<String>, message: impl Into<String>) {
        let line = self.line(at);
        self.problems.push(Problem {
            file: self.file.to_owned(),
            line,
            key: key.into(),
            message: message.into(),
        });
    }
}

/// A table of the file, opened with the keys it may hold.
#[derive(Clone)]
pub(super) struct Section<'t> {
    table: &'t DeTable<'t>,
    /// Its position, for problems about missing keys.
    pub at: usize,
    /// `step "deploy"`, empty for the file itself.
    path: String,
}

/// A value and its position.
pub(super) struct At<T> {
    pub value: T,
    pub at: usize,
}

impl<'t> Section<'t> {
    /// Opens a table; keys not in `known` are problems.
    pub fn open(
        reader: &mut Reader<'_>,
        table: &'t DeTable<'t>,
        at: usize,
        path: &str,
        known: &[&str],
    ) -> Self {
        let section = Self {
            table,
            at,
            path: path.to_owned(),
        };
        for key in table
            .keys()
            .filter(|key| !known.contains(&key.get_ref().as_ref()))
        {
            let hint = nearest(key.get_ref(), known).map_or_else(
                || format!("known here: {}", known.join(", ")),
                |near| format!("did you mean `{near}`?"),
            );
            reader.problem(
                key.span().start,
                section.key(key.get_ref()),
                format!("unknown key; {hint}"),
            );
        }
        section
    }

    /// The key's full name in messages.
    pub fn key(&self, key: &str) -> String {
        if self.path.is_empty() {
            key.to_owned()
        } else {
            format!("{}.{key}", self.path)
        }
    }

    pub fn has(&self, key: &str) -> bool {
        self.table.contains_key(key)
    }

    /// Offset of a key's value, or of the section.
    pub fn at_of(&self, key: &str) -> usize {
        self.table.get(key).map_or(self.at, |v| v.span().start)
    }

    pub fn wrong(&self, reader: &mut Reader<'_>, key: &str, message: impl Into<String>) {
        reader.problem(self.at_of(key), self.key(key), message);
    }

    pub fn value(&self, key: &str) -> Option<&'t Spanned<DeValue<'t>>> {
        self.table.get(key)
    }

    fn typed<T>(
        &self,
        reader: &mut Reader<'_>,
        key: &str,
        wanted: &str,
        read: impl Fn(&'t DeValue<'t>) -> Option<T>,
    ) -> Option<T> {
        let value = self.value(key)?.get_ref();
        let found = read(value);
        if found.is_none() {
            self.wrong(
                reader,
                key,
                format!("must be {wanted}, not {}", article(value.type_str())),
            );
        }
        found
    }

    pub fn text(&self, reader: &mut Reader<'_>, key: &str) -> Option<&'t str> {
        let text = self.typed(reader, key, "a text in quotes", DeValue::as_str)?;
        if text.trim().is_empty() {
            self.wrong(reader, key, "must not be empty");
            return None;
        }
        Some(text)
    }

    pub fn required_text(&self, reader: &mut Reader<'_>, key: &str) -> Option<&'t str> {
        if !self.has(key) {
            reader.problem(self.at, self.key(key), "is missing");
        }
        self.text(reader, key)
    }

    pub fn boolean(&self, reader: &mut Reader<'_>, key: &str) -> Option<bool> {
        self.typed(reader, key, "true or false", DeValue::as_bool)
    }

    /// A whole number between two bounds.
    pub fn whole(&self, reader: &mut Reader<'_>, key: &str, range: &Range<i64>) -> Option<i64> {
        let number = self.typed(reader, key, "a whole number", |v| as_i64(v))?;
        if !range.contains(&number) {
            self.wrong(
                reader,
                key,
                format!("must be between {} and {}", range.start, range.end - 1),
            );
            return None;
        }
        Some(number)
    }

    /// A duration of at least 1 ms, in milliseconds.
    pub fn duration(&self, reader: &mut Reader<'_>, key: &str) -> Option<i64> {
        let text = self.typed(reader, key, "a duration like \"30s\"", DeValue::as_str)?;
        match parse_duration(text) {
            Ok(ms) if ms > 0 => Some(ms),
            Ok(_) => {
                self.wrong(reader, key, "must be longer than 0");
                None
            }
            Err(why) => {
                self.wrong(reader, key, why);
                None
            }
        }
    }

    pub fn texts(&self, reader: &mut Reader<'_>, key: &str) -> Option<Vec<String>> {
        let read = |v: &DeValue<'_>| {
            v.as_array()?
                .iter()
                .map(|v| v.get_ref().as_str().map(str::to_owned))
                .collect()
        };
        self.typed(reader, key, "a list of texts", read)
    }

    /// One of some words.
    pub fn word<T>(
        &self,
        reader: &mut Reader<'_>,
        key: &str,
        names: &[&str],
        read: impl Fn(&str) -> Option<T>,
    ) -> Option<T> {
        let text = self.text(reader, key)?;
        let found = read(text);
        if found.is_none() {
            let near = nearest(text, names)
                .map(|near| format!("; did you mean `{near}`?"))
                .unwrap_or_default();
            self.wrong(
                reader,
                key,
                format!("`{text}` is not one of {}{near}", names.join(", ")),
            );
        }
        found
    }

    /// An inline table or `[section]`.
    pub fn table(&self, reader: &mut Reader<'_>, key: &str, known: &[&str]) -> Option<Self> {
        let table = self.typed(reader, key, "a table", DeValue::as_table)?;
        Some(Self::open(
            reader,
            table,
            self.at_of(key),
            &self.key(key),
            known,
        ))
    }

    /// Texts by name.
    pub fn text_map(&self, reader: &mut Reader<'_>, key: &str) -> Option<Vec<(String, String)>> {
        let read = |v: &DeValue<'_>| {
            let entries = v.as_table()?.iter();
            entries
                .map(|(k, v)| Some((k.get_ref().to_string(), v.get_ref().as_str()?.to_owned())))
                .collect()
        };
        self.typed(reader, key, "a table of texts", read)
    }

    /// Texts, whole numbers and truth values by name, as texts.
    pub fn scalars(&self, reader: &mut Reader<'_>, key: &str) -> Option<Vec<(String, String)>> {
        let read = |v: &DeValue<'_>| {
            let entries = v.as_table()?.iter();
            entries
                .map(|(k, v)| Some((k.get_ref().to_string(), plain_text(v.get_ref())?)))
                .collect()
        };
        self.typed(
            reader,
            key,
            "a table of texts, numbers, true or false",
            read,
        )
    }

    /// The tables of an array of tables, with their offsets.
    pub fn tables(&self, reader: &mut Reader<'_>, key: &str) -> Vec<At<&'t DeTable<'t>>> {
        let read = |v: &'t DeValue<'t>| {
            let at = |v: &'t Spanned<DeValue<'t>>| {
                Some(At {
                    value: v.get_ref().as_table()?,
                    at: v.span().start,
                })
            };
            v.as_array()?.iter().map(at).collect()
        };
        self.typed(reader, key, &format!("written as [[{key}]]"), read)
            .unwrap_or_default()
    }
}

/// A text, a whole number or a truth value as text.
pub(super) fn plain_text(value: &DeValue<'_>) -> Option<String> {
    let text = value.as_str().map(str::to_owned);
    text.or_else(|| as_i64(value).map(|n| n.to_string()))
        .or_else(|| value.as_bool().map(|b| b.to_string()))
}

/// Reads a TOML integer of any radix.
pub(super) fn as_i64(value: &DeValue<'_>) -> Option<i64> {
    let integer = value.as_integer()?;
    i64::from_str_radix(integer.as_str(), integer.radix()).ok()
}

/// The known word most similar to a misspelt one, if any is similar enough.
pub(super) fn nearest<'k>(word: &str, known: &[&'k str]) -> Option<&'k str> {
    let word = word.to_lowercase();
    let far = if word.chars().count() > 4 { 2 } else { 1 };
    let distance = |k: &&'k str| strsim::damerau_levenshtein(&word, &k.to_lowercase());
    // Only a word of about the same length can be near; long input is not compared at all.
    let candidates = known
        .iter()
        .filter(|k| k.len().abs_diff(word.len()) <= 2)
        .map(|k| (distance(k), *k));
    candidates.filter(|(d, _)| *d <= far).min().map(|(_, k)| k)
}

fn article(type_name: &str) -> String {
    let vowel = type_name.starts_with(['a', 'e', 'i', 'o', 'u']);
    format!("{} {type_name}", if vowel { "an" } else { "a" })
}
