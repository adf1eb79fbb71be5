//! Placeholders: `{env}`, `{service}`, `{services}`, `{target}`, `{inputs.NAME}`, filled in one
//! pass, so that braces in a value are never read as a placeholder. Shell text is never filled.
//! Other braces are left as they are.

use std::fmt::Write;

use super::input::Values;
use crate::run::plan::placeholder::{Escape, Piece, Slot, name_of, pieces};

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
