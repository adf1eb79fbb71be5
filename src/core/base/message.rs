//! Length limits of messages in events, records of steps and runs, observations and breakers. The
//! output of a request, a statement or a program may be megabytes; a list of such messages would be
//! unreadable.

use std::borrow::Cow;

/// Most bytes of a kept message, including the note about the cut.
pub const MAX_BYTES: usize = 2048;
/// Most bytes of the message of a step: it is part of longer messages, of its event and its run.
pub const MAX_OUTCOME_BYTES: usize = MAX_BYTES / 2;

/// The message, cut to [`MAX_BYTES`]. A cut is stated with the whole size.
#[must_use]
pub fn cut(text: &str) -> Cow<'_, str> {
    if text.len() <= MAX_BYTES {
        Cow::Borrowed(text)
    } else {
        Cow::Owned(cut_to(text, MAX_BYTES, None))
    }
}

/// A text that is longer than `max` bytes, cut to that; `whole` says where all of it can be read.
#[must_use]
pub fn cut_to(text: &str, max: usize, whole: Option<&str>) -> String {
    let note = |shown: usize| {
        let whole = whole.map(|whole| format!("; {whole}")).unwrap_or_default();
        format!(
            " … ({} bytes, first {} shown{whole})",
            grouped(text.len()),
            grouped(shown)
        )
    };
    let room = max.saturating_sub(note(text.len()).len());
    let shown = text.floor_char_boundary(room);
    format!("{}{}", &text[..shown], note(shown))
}

/// `1,048,576`.
fn grouped(number: usize) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cut_is_stated() {
        assert_eq!(cut("HTTP 200"), "HTTP 200");
        let fits = "x".repeat(MAX_BYTES);
        assert_eq!(cut(&fits), fits);
        let long = "x".repeat(1 << 20);
        let short = cut(&long);
        assert!(
            short.len() <= MAX_BYTES && short.starts_with("xxx"),
            "{}",
            short.len()
        );
        let shown = short.matches('x').count();
        assert!(
            shown > 1900
                && short.ends_with(&format!(
                    " … (1,048,576 bytes, first {} shown)",
                    grouped(shown)
                ))
        );
        assert_eq!(cut(&short), short, "it is cut once");
        let noted = cut_to(
            &long,
            MAX_OUTCOME_BYTES,
            Some("the whole is the artifact \"a\""),
        );
        assert!(
            noted.len() <= MAX_OUTCOME_BYTES
                && noted.ends_with("shown; the whole is the artifact \"a\")"),
            "{noted}"
        );
    }

    #[test]
    fn characters_stay_whole() {
        for text in ["é".repeat(3000), "x".to_owned() + &"语".repeat(3000)] {
            let short = cut(&text);
            assert!(
                short.len() <= MAX_BYTES && short.chars().all(|c| c != char::REPLACEMENT_CHARACTER)
            );
        }
        assert_eq!(
            (grouped(7), grouped(1000), grouped(1_234_567)),
            ("7".into(), "1,000".into(), "1,234,567".into())
        );
    }
}
