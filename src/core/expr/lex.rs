//! Splits a text into tokens with their places.

use super::{ExprError, MAX_LEN, Span};

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Token {
    Name(String),
    Int(i64),
    Double(f64),
    Text(String),
    /// An operator or punctuation: `&&`, `(`, `?` …
    Op(&'static str),
}

/// Longest first, so that `<=` is not read as `<`.
const OPS: [&str; 24] = [
    "&&", "||", "==", "!=", "<=", ">=", "<", ">", "!", "+", "-", "*", "/", "%", "(", ")", "[", "]",
    "{", "}", ".", ",", "?", ":",
];

pub(super) fn lex(text: &str) -> Result<Vec<(Token, Span)>, ExprError> {
    if text.len() > MAX_LEN {
        return Err(ExprError::new(
            format!("longer than {MAX_LEN} bytes; split it"),
            (0, 0),
        ));
    }
    let mut tokens = Vec::new();
    let mut at = 0;
    while let Some(c) = text[at..].chars().next() {
        let start = at;
        if c.is_whitespace() {
            at += c.len_utf8();
            continue;
        }
        let token = if c.is_ascii_alphabetic() || c == '_' {
            at += run(&text[at..], |c| c.is_ascii_alphanumeric() || c == '_');
            Token::Name(text[start..at].to_owned())
        } else if c.is_ascii_digit() {
            number(text, &mut at)?
        } else if c == '"' || c == '\'' {
            string(text, &mut at, c)?
        } else if let Some(op) = OPS.into_iter().find(|op| text[at..].starts_with(op)) {
            at += op.len();
            Token::Op(op)
        } else {
            let hint = match c {
                '=' => "; compare with ==",
                '&' => "; \"and\" is &&",
                '|' => "; \"or\" is ||",
                _ => "",
            };
            return Err(ExprError::new(
                format!("unexpected {c:?}{hint}"),
                (start, start + c.len_utf8()),
            ));
        };
        tokens.push((token, (start, at)));
    }
    Ok(tokens)
}

fn run(text: &str, keep: impl Fn(char) -> bool) -> usize {
    text.find(|c| !keep(c)).unwrap_or(text.len())
}

fn number(text: &str, at: &mut usize) -> Result<Token, ExprError> {
    let start = *at;
    *at += run(&text[*at..], |c| c.is_ascii_digit());
    let fraction = text[*at..]
        .strip_prefix('.')
        .is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
    if fraction {
        *at += 1;
        *at += run(&text[*at..], |c| c.is_ascii_digit());
    }
    let written = &text[start..*at];
    if text[*at..].starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') {
        let hint = format!(
            "a number cannot be followed by a letter; a duration is written duration(\"{written}s\")"
        );
        return Err(ExprError::new(hint, (start, *at + 1)));
    }
    let token = if fraction {
        written.parse().map(Token::Double).ok()
    } else {
        written.parse().map(Token::Int).ok()
    };
    token.ok_or_else(|| ExprError::new("number out of range", (start, *at)))
}

fn string(text: &str, at: &mut usize, quote: char) -> Result<Token, ExprError> {
    let start = *at;
    let mut value = String::new();
    let mut chars = text[start + 1..].char_indices();
    while let Some((offset, c)) = chars.next() {
        let here = start + 1 + offset;
        match c {
            c if c == quote => {
                *at = here + 1;
                return Ok(Token::Text(value));
            }
            '\\' => match chars.next().map(|(_, c)| c) {
                Some('n') => value.push('\n'),
                Some('t') => value.push('\t'),
                Some('r') => value.push('\r'),
                Some(c @ ('\\' | '"' | '\'')) => value.push(c),
                Some(c) => {
                    let message =
                        format!("unknown escape \\{c}; known are \\n \\t \\r \\\\ \\\" \\'");
                    return Err(ExprError::new(message, (here, here + 1 + c.len_utf8())));
                }
                None => break,
            },
            '\n' => break,
            c => value.push(c),
        }
    }
    Err(ExprError::new(
        "this quote is never closed",
        (start, start + 1),
    ))
}
