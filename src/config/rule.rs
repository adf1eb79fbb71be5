//! Rules for single values: each turns a text into a value, or into a message about what to write
//! instead.

pub(super) mod address;
pub(super) mod header;
pub(super) mod schedule;
pub(super) mod web;

use chrono::NaiveDate;

use crate::core::base::suggest::nearest;
use crate::core::base::toml_doc::{is_invisible, quoted};

const MAX_NAME: usize = 80;
const MAX_LINE: usize = 200;
const MAX_PROSE: usize = 20_000;

/// A name, as typed and shown in lists.
pub(super) fn name(text: &str) -> Result<String, String> {
    let length = text.chars().count();
    if length > MAX_NAME {
        return Err(format!(
            "is {length} characters long; a name has at most {MAX_NAME}"
        ));
    }
    if let Some(c) = text
        .chars()
        .find(|c| !is_printable(*c) || is_invisible(*c) || (c.is_whitespace() && *c != ' '))
    {
        return Err(format!(
            "holds the invisible character {}; remove it",
            c.escape_unicode()
        ));
    }
    if !text.chars().any(char::is_alphanumeric) {
        return Err(format!(
            "{} is no name; it needs a letter or digit",
            quoted(text)
        ));
    }
    if text.starts_with(' ') || text.ends_with(' ') {
        return Err(format!(
            "{} starts or ends with a space; remove it",
            quoted(text)
        ));
    }
    Ok(text.to_owned())
}

/// One line of free text.
pub(super) fn line(text: &str) -> Result<String, String> {
    let length = text.chars().count();
    if text.trim().is_empty() {
        return Err("is empty; leave the key out instead".to_owned());
    }
    if length > MAX_LINE {
        return Err(format!(
            "is {length} characters long; at most {MAX_LINE} fit"
        ));
    }
    match text.chars().find(|c| !is_printable(*c)) {
        Some(c) => Err(format!(
            "holds the character {}; only one line of plain text fits",
            c.escape_unicode()
        )),
        None => Ok(text.to_owned()),
    }
}

/// Free text of several lines.
pub(super) fn prose(text: &str) -> Result<String, String> {
    let length = text.chars().count();
    if text.trim().is_empty() {
        return Err("is empty; leave the key out instead".to_owned());
    }
    if length > MAX_PROSE {
        return Err(format!(
            "is {length} characters long; at most {MAX_PROSE} fit"
        ));
    }
    match text
        .chars()
        .find(|c| !is_printable(*c) && !matches!(c, '\n' | '\t'))
    {
        Some(c) => Err(format!(
            "holds the character {}; remove it",
            c.escape_unicode()
        )),
        None => Ok(text.to_owned()),
    }
}

/// An e-mail address: one `@`, something before it, a domain with a dot after it.
pub(super) fn email(text: &str) -> Result<String, String> {
    let good = text
        .split_once('@')
        .is_some_and(|(local, domain)| is_local_part(local) && is_domain(domain));
    let text = line(text)?;
    if good {
        Ok(text)
    } else {
        Err(format!(
            "{} is not an e-mail address like ana@example.com",
            quoted(&text)
        ))
    }
}

/// A person or team: free text, but what holds an `@` must be an e-mail address.
pub(super) fn person(text: &str) -> Result<String, String> {
    if text.contains('@') {
        email(text)
    } else {
        line(text)
    }
}

pub(super) fn phone(text: &str) -> Result<String, String> {
    let digits = text.chars().filter(char::is_ascii_digit).count();
    let plain = text
        .chars()
        .all(|c| c.is_ascii_digit() || " +-./()".contains(c));
    if plain && (3..=20).contains(&digits) {
        Ok(text.to_owned())
    } else {
        Err(format!(
            "{} is not a phone number like +49 30 1234567",
            quoted(text)
        ))
    }
}

/// A calendar date `YYYY-MM-DD`.
pub(super) fn date(text: &str) -> Result<NaiveDate, String> {
    let shaped = text.len() == 10
        && text.bytes().enumerate().all(|(i, b)| match i {
            4 | 7 => b == b'-',
            _ => b.is_ascii_digit(),
        });
    if !shaped {
        return Err(format!(
            "{} is not a date; write it as YYYY-MM-DD",
            quoted(text)
        ));
    }
    NaiveDate::parse_from_str(text, "%Y-%m-%d")
        .map_err(|_| format!("there is no {text} in the calendar"))
}

/// An ISO 4217 code. Only its shape is checked: the list changes every few years.
pub(super) fn currency(text: &str) -> Result<String, String> {
    if text.len() == 3 && text.bytes().all(|b| b.is_ascii_uppercase()) {
        Ok(text.to_owned())
    } else {
        Err(format!(
            "{} is not a currency; write three capital letters like EUR",
            quoted(text)
        ))
    }
}

/// One of several words.
pub(super) fn one_of<T: Copy>(text: &str, choices: &[(&str, T)]) -> Result<T, String> {
    if let Some((_, found)) = choices.iter().find(|(word, _)| *word == text) {
        return Ok(*found);
    }
    let words: Vec<&str> = choices.iter().map(|(word, _)| *word).collect();
    let hint = nearest(text, &words)
        .map(|near| format!("; did you mean `{near}`?"))
        .unwrap_or_default();
    Err(format!(
        "{} is not one of {}{hint}",
        quoted(text),
        words.join(", ")
    ))
}

/// The name of a secret, never its value.
pub(super) fn secret_ref(text: &str) -> Result<String, String> {
    if crate::core::base::secret::is_name(text) {
        Ok(text.to_owned())
    } else {
        // Not quoted: it may be the secret itself.
        Err("is not the name of a secret (letters, digits, _ - . up to 100); never write the value here".to_owned())
    }
}

/// Neither a control character nor one that changes the reading direction.
fn is_printable(c: char) -> bool {
    !c.is_control()
        && !matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

fn is_local_part(text: &str) -> bool {
    (1..=64).contains(&text.len())
        && !text
            .chars()
            .any(|c| c.is_whitespace() || c.is_control() || "@<>,;\"".contains(c))
}

fn is_domain(text: &str) -> bool {
    let label = |l: &str| {
        !l.is_empty()
            && !l.starts_with('-')
            && !l.ends_with('-')
            && l.chars().all(|c| c.is_alphanumeric() || c == '-')
    };
    text.contains('.') && text.split('.').all(label)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_visible_text_of_at_most_80_characters() {
        for good in [
            "web",
            "billing worker",
            "Grüße 2",
            "a",
            "日本",
            &"x".repeat(80),
        ] {
            assert_eq!(name(good).as_deref(), Ok(good));
        }
        for bad in [
            "",
            " ",
            "*",
            "–",
            " web",
            "web ",
            "a\tb",
            "a\u{0}b",
            "a\u{202e}b",
            "a\u{200b}b",
            "a\u{a0}b",
            "a\u{e0041}",
        ] {
            assert!(name(bad).is_err(), "{bad:?}");
        }
        assert!(name(&"x".repeat(81)).is_err());
    }

    #[test]
    fn free_text_is_printable() {
        assert!(line("a b – ü 👩‍🚀").is_ok());
        assert!(line("two\nlines").is_err());
        assert!(prose("two\nlines\tand a tab").is_ok());
        for bad in ["\u{1b}[31m", "\u{0}", "\u{202e}abc", "\r"] {
            assert!(line(bad).is_err() && prose(bad).is_err(), "{bad:?}");
        }
        assert!(line(" ").is_err() && prose("\n").is_err());
    }

    #[test]
    fn mail_addresses() {
        for good in ["ana@acme.test", "a.b+c@x-y.example.org", "ü@bücher.example"] {
            assert!(email(good).is_ok(), "{good}");
        }
        for bad in [
            "ana",
            "ana@",
            "@acme.test",
            "ana@acme",
            "a b@acme.test",
            "ana@@acme.test",
            "ana@acme..test",
            "ana@-a.test",
        ] {
            assert!(email(bad).is_err(), "{bad}");
        }
        assert!(person("Platform team").is_ok());
        assert!(person("ana@acme").is_err());
    }

    #[test]
    fn phones() {
        for good in ["+490000001", "030 / 123-45", "112"] {
            assert!(phone(good).is_ok(), "{good}");
        }
        for bad in ["", "12", "call me", "+49x0000", "123456789012345678901"] {
            assert!(phone(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn dates_are_of_the_calendar() {
        assert_eq!(
            date("2024-02-29"),
            Ok(NaiveDate::from_ymd_opt(2024, 2, 29).unwrap())
        );
        assert_eq!(
            date("2025-02-29"),
            Err("there is no 2025-02-29 in the calendar".to_owned())
        );
        for bad in [
            "",
            "15.01.2025",
            "2025-1-15",
            "2025-01-15T00:00",
            "+025-01-15",
            "２０２５-01-15",
        ] {
            assert!(date(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn currencies_and_secrets() {
        assert!(currency("EUR").is_ok());
        for bad in ["eur", "EURO", "€", "EU1", ""] {
            assert!(currency(bad).is_err(), "{bad}");
        }
        assert!(secret_ref("BACKUP_TOKEN").is_ok());
        let complaint = secret_ref("Bearer abc123").unwrap_err();
        assert!(
            !complaint.contains("abc123"),
            "a secret must not be repeated: {complaint}"
        );
    }

    #[test]
    fn words_are_suggested() {
        let choices = [("critical", 1), ("standard", 2)];
        assert_eq!(one_of("critical", &choices), Ok(1));
        assert!(
            one_of("critcal", &choices)
                .unwrap_err()
                .ends_with("did you mean `critical`?")
        );
        assert!(
            one_of("urgent", &choices)
                .unwrap_err()
                .ends_with("critical, standard")
        );
    }
}
