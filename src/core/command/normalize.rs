//! How letters are compared: NFKC and case folding, and which characters are suspicious in a
//! command.

use unicode_normalization::UnicodeNormalization;

/// The form in which words are compared.
pub(super) fn fold(text: &str) -> String {
    if text.is_ascii() {
        return text.to_ascii_lowercase();
    }
    let mut out = String::with_capacity(text.len());
    for c in text.nfkc().flat_map(char::to_lowercase) {
        match c {
            'ß' => out.push_str("ss"),
            'ς' => out.push('σ'),
            '’' | '‘' | 'ʼ' | '′' => out.push('\''),
            _ => out.push(c),
        }
    }
    out.nfkc().collect()
}

/// The ASCII form of punctuation in another form (full-width and the like).
pub(super) fn plain(c: char) -> char {
    if c.is_ascii() {
        return c;
    }
    let mut forms = std::iter::once(c).nfkc();
    match (forms.next(), forms.next()) {
        (Some(one), None) => one,
        _ => c,
    }
}

/// Why a character makes a changing command suspicious; `None` for ordinary text.
pub(super) fn hazard(c: char) -> Option<&'static str> {
    match c {
        '\u{200B}'..='\u{200D}'
        | '\u{2060}'..='\u{2064}'
        | '\u{FEFF}'
        | '\u{00AD}'
        | '\u{034F}'
        | '\u{115F}'
        | '\u{1160}'
        | '\u{17B4}'
        | '\u{17B5}'
        | '\u{180B}'..='\u{180F}'
        | '\u{3164}'
        | '\u{FFA0}'
        | '\u{FE00}'..='\u{FE0F}'
        | '\u{FFF9}'..='\u{FFFB}'
        | '\u{E0000}'..='\u{E0FFF}' => Some("zero-width character"),
        '\u{202A}'..='\u{202E}'
        | '\u{2066}'..='\u{206F}'
        | '\u{200E}'
        | '\u{200F}'
        | '\u{061C}' => Some("bidirectional control character"),
        c if is_line_break(c) => None,
        c if c.is_control() => Some("control character"),
        _ => None,
    }
}

/// Characters that end a line somewhere.
pub(super) fn is_line_break(c: char) -> bool {
    matches!(
        c,
        '\n' | '\r' | '\u{0B}' | '\u{0C}' | '\u{85}' | '\u{2028}' | '\u{2029}'
    )
}

/// The text without characters that must not reach a screen or a value.
pub(super) fn clean(text: &str) -> String {
    text.chars()
        .filter_map(|c| match hazard(c) {
            None if is_line_break(c) => Some(' '),
            None => Some(c),
            Some("control character") => Some(' '),
            Some(_) => None,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folds_case_width_and_ligatures() {
        for (text, folded) in [
            ("DEPLOY", "deploy"),
            ("ｄｅｐｌｏｙ", "deploy"),
            ("ﬁx", "fix"),
            ("Straße", "strasse"),
            ("ΟΔΟΣ", "οδοσ"),
        ] {
            assert_eq!(fold(text), folded, "{text}");
        }
        assert_ne!(
            fold("dерloy"),
            "deploy",
            "letters of another script stay another word"
        );
    }

    #[test]
    fn names_invisible_characters() {
        for c in ['\u{200B}', '\u{FEFF}', '\u{202E}', '\u{1B}', '\u{0}', '\t'] {
            assert!(hazard(c).is_some(), "{c:?}");
        }
        for c in ['a', 'é', ' ', '\n', '日'] {
            assert!(hazard(c).is_none(), "{c:?}");
        }
    }
}
