//! The values of a runbook file: what its keys hold beyond the types of TOML, and the words of
//! messages about them.

use std::ops::Range;

use toml::de::DeValue;

use crate::base::suggest::nearest;
use crate::base::time::parse_duration;
use crate::base::toml_doc::{Report, Section, whole};

impl<'t> Section<'t> {
    /// Offset of a key, or of the section.
    pub(super) fn at_of(&self, key: &str) -> usize {
        self.get(key).map_or(self.at, |field| field.at)
    }

    pub(super) fn wrong(&self, r: &mut Report, key: &str, message: impl Into<String>) {
        r.wrong(self.at_of(key), self.key(key), message);
    }

    pub(super) fn text(&self, r: &mut Report, key: &str) -> Option<&'t str> {
        let text = self.get(key)?.text(r)?;
        if text.trim().is_empty() {
            self.wrong(r, key, "must not be empty");
            return None;
        }
        Some(text)
    }

    pub(super) fn required_text(&self, r: &mut Report, key: &str) -> Option<&'t str> {
        if !self.has(key) {
            r.wrong(self.at, self.key(key), "is missing");
        }
        self.text(r, key)
    }

    pub(super) fn boolean(&self, r: &mut Report, key: &str) -> Option<bool> {
        self.get(key)?.boolean(r)
    }

    /// A whole number between two bounds.
    pub(super) fn whole(&self, r: &mut Report, key: &str, range: &Range<i64>) -> Option<i64> {
        let number = self.get(key)?.typed(r, "a whole number", whole)?;
        if !range.contains(&number) {
            self.wrong(
                r,
                key,
                format!("must be between {} and {}", range.start, range.end - 1),
            );
            return None;
        }
        Some(number)
    }

    /// A duration of at least 1 ms, in milliseconds.
    pub(super) fn duration(&self, r: &mut Report, key: &str) -> Option<i64> {
        let field = self.get(key)?;
        let text = field.typed(r, "a duration like \"30s\"", DeValue::as_str)?;
        match parse_duration(text) {
            Ok(ms) if ms > 0 => Some(ms),
            Ok(_) => {
                field.wrong(r, "must be longer than 0");
                None
            }
            Err(why) => {
                field.wrong(r, why);
                None
            }
        }
    }

    pub(super) fn texts(&self, r: &mut Report, key: &str) -> Option<Vec<String>> {
        self.get(key)?.typed(r, "a list of texts", |v| {
            v.as_array()?
                .iter()
                .map(|v| v.get_ref().as_str().map(str::to_owned))
                .collect()
        })
    }

    /// One of some words.
    pub(super) fn word<T>(
        &self,
        r: &mut Report,
        key: &str,
        names: &[&str],
        read: impl Fn(&str) -> Option<T>,
    ) -> Option<T> {
        let text = self.text(r, key)?;
        let found = read(text);
        if found.is_none() {
            let near = nearest(text, names)
                .map(|near| format!("; did you mean `{near}`?"))
                .unwrap_or_default();
            self.wrong(
                r,
                key,
                format!("`{text}` is not one of {}{near}", names.join(", ")),
            );
        }
        found
    }

    /// An inline table or `[section]`.
    pub(super) fn table(&self, r: &mut Report, key: &str, known: &[&'static str]) -> Option<Self> {
        let table = self.get(key)?.table(r)?;
        Some(table.open(r, &self.key(key), known))
    }

    /// Texts by name.
    pub(super) fn text_map(&self, r: &mut Report, key: &str) -> Option<Vec<(String, String)>> {
        self.by_name(r, key, "a table of texts", |v| {
            v.as_str().map(str::to_owned)
        })
    }

    /// Texts, whole numbers and truth values by name, as texts.
    pub(super) fn scalars(&self, r: &mut Report, key: &str) -> Option<Vec<(String, String)>> {
        self.by_name(
            r,
            key,
            "a table of texts, numbers, true or false",
            plain_text,
        )
    }

    fn by_name(
        &self,
        r: &mut Report,
        key: &str,
        wanted: &str,
        read: impl Fn(&DeValue<'_>) -> Option<String>,
    ) -> Option<Vec<(String, String)>> {
        self.get(key)?.typed(r, wanted, |v| {
            v.as_table()?
                .iter()
                .map(|(k, v)| Some((k.get_ref().to_string(), read(v.get_ref())?)))
                .collect()
        })
    }

    /// The tables of an array of tables.
    pub(super) fn tables(&self, r: &mut Report, key: &str) -> Vec<Self> {
        self.get(key).map(|f| f.tables(r)).unwrap_or_default()
    }
}

/// A text, a whole number or a truth value as text.
pub(super) fn plain_text(value: &DeValue<'_>) -> Option<String> {
    let text = value.as_str().map(str::to_owned);
    text.or_else(|| whole(value).map(|n| n.to_string()))
        .or_else(|| value.as_bool().map(|b| b.to_string()))
}
