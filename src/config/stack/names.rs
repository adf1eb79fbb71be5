//! Names and aliases of one kind of object: clashes are reported, references resolved.

use std::collections::BTreeMap;

use unicode_normalization::UnicodeNormalization;

use crate::core::base::suggest::nearest;
use crate::core::base::toml_doc::{Field, Report, Section, quoted, shown};

/// All names and aliases of one kind of object.
#[derive(Debug, Clone)]
pub(super) struct Names {
    kind: &'static str,
    /// Canonical name by folded name or alias.
    canonical: BTreeMap<String, String>,
    /// The objects are not in the file that is read.
    stored: bool,
}

impl Names {
    /// Collects `name` and `aliases` of the sections; a duplicate is a problem at its second use.
    pub fn collect(report: &mut Report, kind: &'static str, sections: &[Section<'_>]) -> Self {
        let mut taken: BTreeMap<String, Taken> = BTreeMap::new();
        let mut canonical = BTreeMap::new();
        for section in sections {
            let Some(name) = section.peek("name") else {
                continue;
            };
            for (field, text, what) in own_names(section) {
                let folded = fold(text);
                if let Some(first) = taken.get(&folded) {
                    let line = report.line(first.at);
                    field.conflict(
                        report,
                        format!(
                            "{} is already {} (line {line}){}",
                            quoted(text),
                            first.what,
                            first.rule(text)
                        ),
                    );
                } else {
                    let what = format!("{what} {kind} {}", quoted(name));
                    taken.insert(
                        folded.clone(),
                        Taken {
                            text: text.to_owned(),
                            at: field.at,
                            what,
                        },
                    );
                    canonical.insert(folded, name.to_owned());
                }
            }
        }
        Self {
            kind,
            canonical,
            stored: false,
        }
    }

    /// Names and aliases of objects that are stored.
    pub fn of<'a>(
        kind: &'static str,
        objects: impl Iterator<Item = (&'a str, &'a [String])>,
    ) -> Self {
        let spellings = |(name, aliases): (&'a str, &'a [String])| {
            let all = std::iter::once(name).chain(aliases.iter().map(String::as_str));
            all.map(|spelling| (fold(spelling), name.to_owned()))
                .collect::<Vec<_>>()
        };
        Self {
            kind,
            canonical: objects.flat_map(spellings).collect(),
            stored: true,
        }
    }

    /// Reports the name of a section that one of these objects has.
    pub fn refuse(&self, report: &mut Report, section: &Section<'_>) {
        let Some(field) = section.get("name") else {
            return;
        };
        let text = field.value().as_str().unwrap_or_default();
        if let Some(name) = self.canonical.get(&fold(text)) {
            let (text, kind, name) = (quoted(text), self.kind, shown(name));
            field.conflict(
                report,
                format!(
                    "{text} is the name of a {kind} that is stored ({name}); choose another one"
                ),
            );
        }
    }

    /// Resolves a reference; it must be written as declared, so that a file can be searched for it.
    pub fn resolve(&self, report: &mut Report, field: &Field<'_>) -> Option<String> {
        let text = field.text(report)?;
        let meant = self.canonical.get(&fold(text));
        if meant.is_some_and(|name| name == text) {
            return Some(text.to_owned());
        }
        let (kind, shown) = (self.kind, quoted(text));
        let message = match meant {
            Some(name) => format!(
                "{shown} is another name of {kind} {name}; write {name}",
                name = quoted(name)
            ),
            None => match report.may_suggest().then(|| self.nearest(text)).flatten() {
                Some(near) => format!("there is no {kind} {shown}; did you mean {}?", quoted(near)),
                None if self.stored => format!(
                    "there is no {kind} {shown} in the stack; apply a stack file with it, or correct it"
                ),
                None => format!("there is no {kind} {shown}; add it as [[{kind}]] or correct it"),
            },
        };
        field.conflict(report, message);
        None
    }

    /// Whether a value is a name as declared.
    pub fn knows(&self, field: &Field<'_>) -> bool {
        field.value().as_str().is_some_and(|text| {
            self.canonical
                .get(&fold(text))
                .is_some_and(|name| name == text)
        })
    }

    /// Resolves a list; an entry listed twice is a problem.
    pub fn resolve_list(&self, report: &mut Report, list: &[Field<'_>]) -> Vec<String> {
        let mut found: Vec<String> = Vec::new();
        for field in list {
            let Some(name) = self.resolve(report, field) else {
                continue;
            };
            if found.contains(&name) {
                field.wrong(
                    report,
                    format!("{} is listed twice; remove one", quoted(&name)),
                );
            } else {
                found.push(name);
            }
        }
        found
    }

    /// The canonical name of the nearest name or alias.
    fn nearest(&self, text: &str) -> Option<&str> {
        let spellings: Vec<&str> = self.canonical.keys().map(String::as_str).collect();
        nearest(&fold(text), &spellings)
            .and_then(|near| self.canonical.get(near))
            .map(String::as_str)
    }
}

struct Taken {
    text: String,
    at: usize,
    /// `the name of service …`.
    what: String,
}

impl Taken {
    fn rule(&self, text: &str) -> &'static str {
        if self.text == text {
            ""
        } else {
            "; capitals, spaces, - and _ make no difference"
        }
    }
}

/// Name and aliases that are texts, each with a description.
fn own_names<'t>(section: &Section<'t>) -> Vec<(Field<'t>, &'t str, &'static str)> {
    let mut own = Vec::new();
    for (key, field) in section.entries() {
        match (key, field.value().as_str(), field.value().as_array()) {
            ("name", Some(text), _) => own.insert(0, (field, text, "the name of")),
            ("aliases", _, Some(_)) => own.extend(
                field
                    .elements()
                    .into_iter()
                    .filter_map(|f| f.value().as_str().map(|text| (f, text, "an alias of"))),
            ),
            _ => {}
        }
    }
    own
}

/// Folds a name for comparison: compatibility forms, capitals and separators are ignored.
pub(super) fn fold(text: &str) -> String {
    let plain: String = text.nfkc().flat_map(char::to_lowercase).nfkc().collect();
    let words = plain.split(|c: char| c.is_whitespace() || matches!(c, '-' | '_'));
    words
        .filter(|w| !w.is_empty())
        .collect::<Vec<_>>()
        .join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn separators_capitals_and_compatibility_forms_are_equal() {
        for same in [
            "billing worker",
            "Billing-Worker",
            "BILLING_worker",
            "billing  worker",
            "ｂilling worker",
        ] {
            assert_eq!(fold(same), "billing worker");
        }
        assert_ne!(fold("billingworker"), fold("billing worker"));
    }
}
