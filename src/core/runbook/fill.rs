//! Placeholders: `{env}`, `{service}`, `{services}`, `{target}`, `{inputs.NAME}`, filled in one
//! pass, so that braces in a value are never read as a placeholder. Shell text is never filled.
//! Other braces are left as they are.

use std::fmt::Write;

use super::definition::Values;

/// Values of the placeholders at one place of a plan.
#[derive(Debug, Clone, Default)]
pub(super) struct Filler<'a> {
    pub env: Option<&'a str>,
    pub service: Option<&'a str>,
    /// The item of a `for_each` over a list.
    pub item: Option<&'a str>,
    /// The list is an input.
    pub item_given: bool,
    /// `web and api`, `all services`.
    pub services: Option<&'a str>,
    /// `web in staging`, `staging`.
    pub target: Option<&'a str>,
    pub values: Option<&'a Values>,
}

/// How a value is escaped for its context.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Escape {
    /// Text for people.
    Plain,
    /// Percent-encoded, also `/`: a value never adds a path segment or a parameter.
    Url,
    /// Inside the quotes of a JSON string.
    Json,
    /// A header value: one line.
    Header,
}

/// A name between braces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Slot<'t> {
    Env,
    Service,
    Item,
    Services,
    Target,
    Input(&'t str),
    /// `steps.STEP.NAME`: a value a step saved, known only in the run.
    Saved(&'t str, &'t str),
}

impl<'t> Slot<'t> {
    fn parse(name: &'t str) -> Option<Self> {
        match name {
            "env" => Some(Self::Env),
            "service" => Some(Self::Service),
            "item" => Some(Self::Item),
            "services" => Some(Self::Services),
            "target" => Some(Self::Target),
            _ => match name
                .strip_prefix("steps.")
                .and_then(|rest| rest.split_once('.'))
            {
                Some((step, saved)) if !step.is_empty() && is_input_name(saved) => {
                    Some(Self::Saved(step, saved))
                }
                _ => name
                    .strip_prefix("inputs.")
                    .filter(|n| is_input_name(n))
                    .map(Self::Input),
            },
        }
    }
}

/// Letters, digits and `_`, starting with a letter.
pub(super) fn is_input_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.len() <= 64
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// A piece of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Piece<'t> {
    Literal(&'t str),
    Slot(Slot<'t>),
    /// One word between braces that is not a placeholder.
    Unknown(&'t str),
}

/// Splits a text at its placeholders.
pub(super) fn pieces(text: &str) -> Vec<Piece<'_>> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some(open) = rest.find('{') {
        let (before, inside) = rest.split_at(open);
        let name_end =
            inside[1..].find(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == '.'));
        let closed = name_end.filter(|end| inside[1 + end..].starts_with('}') && *end > 0);
        let Some(end) = closed else {
            found.push(Piece::Literal(&rest[..=open]));
            rest = &inside[1..];
            continue;
        };
        let name = &inside[1..=end];
        found.push(Piece::Literal(before));
        found.push(Slot::parse(name).map_or(Piece::Unknown(name), Piece::Slot));
        rest = &inside[end + 2..];
    }
    found.push(Piece::Literal(rest));
    found
}

impl Filler<'_> {
    /// Fills a text. Braces that are not placeholders are kept.
    ///
    /// # Errors
    /// The name of a placeholder without a value.
    pub fn fill(&self, text: &str, escape: Escape) -> Result<String, String> {
        self.fill_as(text, escape, None)
    }

    /// [`Self::fill`] with `stand_in` in the place of each value that is not from a file: inputs,
    /// and values that steps save.
    ///
    /// # Errors
    /// As for [`Self::fill`].
    pub fn fill_as(
        &self,
        text: &str,
        escape: Escape,
        stand_in: Option<&str>,
    ) -> Result<String, String> {
        let mut out = String::with_capacity(text.len());
        for piece in pieces(text) {
            match (piece, stand_in) {
                (Piece::Slot(slot), Some(stand_in)) if self.is_given(slot) => {
                    out.push_str(stand_in);
                }
                (piece, _) => self.piece(piece, escape, &mut out)?,
            }
        }
        Ok(out)
    }

    /// Whether its value is not from a file.
    const fn is_given(&self, slot: Slot<'_>) -> bool {
        match slot {
            Slot::Input(_) | Slot::Saved(..) => true,
            Slot::Item => self.item_given,
            Slot::Env | Slot::Service | Slot::Services | Slot::Target => false,
        }
    }

    fn piece(&self, piece: Piece<'_>, escape: Escape, out: &mut String) -> Result<(), String> {
        match piece {
            Piece::Literal(literal) => out.push_str(literal),
            Piece::Unknown(name) => {
                let _ = write!(out, "{{{name}}}"); // writing to a String cannot fail
            }
            // Filled in when the step runs; see [`fill_saved`].
            Piece::Slot(slot @ Slot::Saved(..)) => {
                let _ = write!(out, "{{{}}}", name_of(slot));
            }
            Piece::Slot(slot) => escape.write(out, self.value(slot).ok_or_else(|| name_of(slot))?),
        }
        Ok(())
    }

    /// Fills a short phrase word by word. A placeholder without a value is removed, with the
    /// preposition before it: `deploy {services} to {env}` without an environment is `deploy web`.
    pub fn phrase(&self, template: &str) -> String {
        let mut words: Vec<String> = Vec::new();
        for word in template.split_whitespace() {
            if let Ok(filled) = self.fill(word, Escape::Plain) {
                words.push(filled);
            } else if words
                .last()
                .is_some_and(|w| ["to", "in", "on", "for", "of", "→", "·"].contains(&w.as_str()))
            {
                words.pop();
            }
        }
        words.join(" ")
    }

    fn value(&self, slot: Slot<'_>) -> Option<&str> {
        match slot {
            Slot::Env => self.env,
            Slot::Service => self.service,
            Slot::Item => self.item,
            Slot::Services => self.services,
            Slot::Target => self.target,
            Slot::Saved(..) => None,
            Slot::Input(name) => self.values?.get(name).map(String::as_str),
        }
    }
}

/// Fills in values that earlier steps saved, and nothing else: other apparent placeholders are part
/// of a value.
///
/// # Errors
/// The error of `saved`.
pub(super) fn fill_saved(
    text: &str,
    escape: Escape,
    saved: &dyn Fn(&str, &str) -> Result<String, String>,
) -> Result<String, String> {
    let mut out = String::with_capacity(text.len());
    for piece in pieces(text) {
        match piece {
            Piece::Literal(literal) => out.push_str(literal),
            Piece::Slot(Slot::Saved(step, name)) => escape.write(&mut out, &saved(step, name)?),
            Piece::Slot(slot) => {
                let _ = write!(out, "{{{}}}", name_of(slot)); // writing to a String cannot fail
            }
            Piece::Unknown(name) => {
                let _ = write!(out, "{{{name}}}");
            }
        }
    }
    Ok(out)
}

/// Whether a text has a placeholder that only the run can fill in.
pub(super) fn has_saved(text: &str) -> bool {
    text.contains("{steps.")
        && pieces(text)
            .iter()
            .any(|p| matches!(p, Piece::Slot(Slot::Saved(..))))
}

pub(super) fn name_of(slot: Slot<'_>) -> String {
    match slot {
        Slot::Env => "env".to_owned(),
        Slot::Service => "service".to_owned(),
        Slot::Item => "item".to_owned(),
        Slot::Saved(step, name) => format!("steps.{step}.{name}"),
        Slot::Services => "services".to_owned(),
        Slot::Target => "target".to_owned(),
        Slot::Input(name) => format!("inputs.{name}"),
    }
}

impl Escape {
    fn write(self, out: &mut String, value: &str) {
        match self {
            Self::Plain => out.push_str(value),
            Self::Header => out.extend(value.chars().map(|c| if c.is_control() { ' ' } else { c })),
            Self::Url => percent_encode(out, value),
            // A JSON string of a str is always `"…"`: the body needs the part between the quotes.
            Self::Json => {
                let quoted = serde_json::Value::from(value).to_string();
                out.push_str(quoted.get(1..quoted.len() - 1).unwrap_or_default());
            }
        }
    }
}

fn percent_encode(out: &mut String, value: &str) {
    for byte in value.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}"); // writing to a String cannot fail
        }
    }
}

/// The input a secret is chosen with: all of the text is `{inputs.NAME}`.
pub(super) fn chosen_secret(text: &str) -> Option<&str> {
    match pieces(text).as_slice() {
        [
            Piece::Literal(""),
            Piece::Slot(Slot::Input(name)),
            Piece::Literal(""),
        ] => Some(*name),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn values() -> Values {
        let pairs = [("version", "1.4 \"x\"/../{env}"), ("notes", "two\nlines")];
        pairs.map(|(k, v)| (k.to_owned(), v.to_owned())).into()
    }

    #[test]
    fn each_surrounding_has_its_escape() {
        let values = values();
        let filler = Filler {
            env: Some("prod"),
            service: Some("billing worker"),
            values: Some(&values),
            ..Filler::default()
        };
        for (text, escape, result) in [
            (
                "https://{service}.test/{env}?v={inputs.version}",
                Escape::Url,
                "https://billing%20worker.test/prod?v=1.4%20%22x%22%2F..%2F%7Benv%7D",
            ),
            (
                r#"{"v": "{inputs.version}", "n": {"e": "{env}"}}"#,
                Escape::Json,
                r#"{"v": "1.4 \"x\"/../{env}", "n": {"e": "prod"}}"#,
            ),
            (
                r#"{"notes": "{inputs.notes}"}"#,
                Escape::Json,
                r#"{"notes": "two\nlines"}"#,
            ),
            ("{inputs.notes}", Escape::Header, "two lines"),
            (
                "{results} {} {{env}} {env",
                Escape::Plain,
                "{results} {} {prod} {env",
            ),
        ] {
            assert_eq!(filler.fill(text, escape).as_deref(), Ok(result), "{text}");
        }
        assert_eq!(
            filler.fill("{inputs.branch}", Escape::Url),
            Err("inputs.branch".to_owned())
        );
        assert_eq!(
            Filler::default().fill("{env}", Escape::Plain),
            Err("env".to_owned())
        );
    }

    #[test]
    fn a_phrase_drops_placeholders_without_a_value() {
        let full = Filler {
            env: Some("prod"),
            services: Some("web"),
            ..Filler::default()
        };
        let no_env = Filler {
            services: Some("web"),
            ..Filler::default()
        };
        let template = "deploy {services} to {env}";
        assert_eq!(full.phrase(template), "deploy web to prod");
        assert_eq!(no_env.phrase(template), "deploy web");
        assert_eq!(no_env.phrase("deploy {services} → {env}"), "deploy web");
        assert_eq!(
            full.phrase("roll back {services} in {env} to {inputs.version}"),
            "roll back web in prod"
        );
    }

    proptest! {
        #[test]
        fn splitting_loses_nothing(text in "[a{}. inputsenv\u{e9}]{0,40}") {
            let glued: String = pieces(&text).into_iter().map(|piece| match piece {
                Piece::Literal(l) => l.to_owned(),
                Piece::Slot(slot) => format!("{{{}}}", name_of(slot)),
                Piece::Unknown(name) => format!("{{{name}}}"),
            }).collect();
            prop_assert_eq!(glued, text);
        }

        #[test]
        fn a_value_stays_inside_its_json_string(value in any::<String>()) {
            let values = Values::from([("x".to_owned(), value.clone())]);
            let filler = Filler { values: Some(&values), ..Filler::default() };
            let body = filler.fill(r#"{"x": "{inputs.x}"}"#, Escape::Json).unwrap();
            let read: serde_json::Value = serde_json::from_str(&body).unwrap();
            prop_assert_eq!(read["x"].as_str(), Some(value.as_str()));
        }

        #[test]
        fn a_value_stays_inside_its_url_segment(value in any::<String>()) {
            let values = Values::from([("x".to_owned(), value)]);
            let filler = Filler { values: Some(&values), ..Filler::default() };
            let url = filler.fill("https://h/{inputs.x}", Escape::Url).unwrap();
            prop_assert!(url["https://h/".len()..].bytes().all(|b| b.is_ascii_alphanumeric() || b"-._~%".contains(&b)));
        }
    }
}
