//! SQL statements of runbooks and their placeholders. A placeholder becomes a bound parameter and
//! never text, so it must not be inside quotes; and a step is one statement.

use std::fmt::Write as _;

use crate::run::plan::placeholder::{Piece, Slot, name_of, pieces};

/// First words of read-only statements.
pub(super) const READS: [&str; 6] = ["select", "with", "values", "table", "show", "explain"];

/// First words of statements that outlive the statement itself, or reach beyond its database.
const NEVER: [&str; 19] = [
    "begin",
    "start",
    "commit",
    "end",
    "rollback",
    "abort",
    "savepoint",
    "release",
    "prepare",
    "execute",
    "deallocate",
    "set",
    "reset",
    "attach",
    "detach",
    "copy",
    "listen",
    "declare",
    "pragma",
];

/// A statement with `$1`, `$2` … in the places of its placeholders.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement {
    pub text: String,
    /// The placeholder of each parameter, as written: `{inputs.region}`.
    pub params: Vec<String>,
}

impl Statement {
    /// Reads a statement. `mutates`: it may change things.
    ///
    /// # Errors
    /// The first rule it breaks.
    pub(super) fn parse(text: &str, mutates: bool) -> Result<Self, String> {
        let mut statement = Self {
            text: String::with_capacity(text.len()),
            params: Vec::new(),
        };
        let mut ended = false;
        let mut rest = text;
        while let Some(c) = rest.chars().next() {
            let (length, kind) = token(rest)?;
            let (piece, tail) = rest.split_at(length);
            rest = tail;
            match kind {
                Token::Comment => statement.text.push_str(piece),
                Token::End => ended = true,
                _ if ended && !c.is_whitespace() => {
                    return Err(
                        "holds more than one statement; give each a step of its own".to_owned()
                    );
                }
                Token::Quoted => {
                    if let Some(slot) = first_slot(piece) {
                        return Err(format!(
                            "{{{slot}}} is inside quotes; it is sent as a parameter, so leave the quotes out"
                        ));
                    }
                    statement.text.push_str(piece);
                }
                Token::Slot => statement.slot(piece)?,
                Token::Plain => statement.text.push_str(piece),
            }
        }
        statement.text.truncate(statement.text.trim_end().len());
        check_verb(&statement.text, mutates)?;
        Ok(statement)
    }

    /// The same placeholder is the same parameter.
    fn slot(&mut self, piece: &str) -> Result<(), String> {
        match pieces(piece).as_slice() {
            [
                Piece::Literal(""),
                Piece::Slot(Slot::Services | Slot::Target),
                ..,
            ] => {
                return Err(format!(
                    "{piece} is a phrase for people; use {{service}}, {{env}} or an input"
                ));
            }
            [Piece::Literal(""), Piece::Slot(_), ..] => {}
            _ => {
                return Err(format!(
                    "unknown placeholder {piece}; known: {{env}}, {{service}}, {{item}}, {{inputs.NAME}}, {{steps.NAME.SAVED}}"
                ));
            }
        }
        let at = self
            .params
            .iter()
            .position(|p| p == piece)
            .unwrap_or_else(|| {
                self.params.push(piece.to_owned());
                self.params.len() - 1
            });
        let _ = write!(self.text, "${}", at + 1); // writing to a String cannot fail
        Ok(())
    }
}

fn first_slot(text: &str) -> Option<String> {
    pieces(text).into_iter().find_map(|piece| match piece {
        Piece::Slot(slot) => Some(name_of(slot)),
        _ => None,
    })
}

fn check_verb(text: &str, mutates: bool) -> Result<(), String> {
    let verb = first_word(text);
    if verb.is_empty() {
        return Err("holds no statement".to_owned());
    }
    if NEVER.contains(&verb.as_str()) {
        return Err(format!(
            "`{verb}` is not for a step: every statement has a connection and a transaction of its own"
        ));
    }
    if !mutates && !READS.contains(&verb.as_str()) {
        let reads = READS.join(", ");
        return Err(format!(
            "`{verb}` changes things; add mutates = true to it (without that: {reads})"
        ));
    }
    Ok(())
}

/// The first word outside of comments, in small letters.
fn first_word(text: &str) -> String {
    let opens = |c: char| c.is_whitespace() || c == '(';
    let mut rest = text;
    while !rest.is_empty() {
        match token(rest) {
            Ok((length, Token::Comment)) => rest = &rest[length..],
            _ if rest.starts_with(opens) => rest = rest.trim_start_matches(opens),
            _ => break,
        }
    }
    rest.chars()
        .take_while(|c| c.is_alphanumeric() || *c == '_')
        .collect::<String>()
        .to_lowercase()
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Token {
    Plain,
    Quoted,
    Comment,
    Slot,
    End,
}

/// The piece at the beginning of a text: its length in bytes and its kind.
fn token(text: &str) -> Result<(usize, Token), String> {
    let unclosed = |what: &str| format!("has {what} that is never closed");
    let mut chars = text.chars();
    let first = chars.next().unwrap_or_default();
    let second = chars.next();
    match (first, second) {
        ('-', Some('-')) => Ok((
            text.find('\n').map_or(text.len(), |at| at + 1),
            Token::Comment,
        )),
        ('/', Some('*')) => comment(text)
            .map(|end| (end, Token::Comment))
            .ok_or_else(|| unclosed("a comment")),
        ('E' | 'e', Some('\'')) => quoted(&text[1..], true)
            .map(|end| (end + 1, Token::Quoted))
            .ok_or_else(|| unclosed("a quote")),
        ('\'' | '"', _) => quoted(text, false)
            .map(|end| (end, Token::Quoted))
            .ok_or_else(|| unclosed("a quote")),
        ('$', Some(next)) if next.is_ascii_digit() => {
            Err("numbers its own parameters; write {inputs.NAME} where a value belongs".to_owned())
        }
        ('$', _) => match dollar_quoted(text) {
            Dollar::Closed(end) => Ok((end, Token::Quoted)),
            Dollar::Open => Err(unclosed("a quote")),
            Dollar::None => Ok((1, Token::Plain)),
        },
        ('{', _) => {
            let end = text.find('}').ok_or_else(|| unclosed("a brace"))?;
            Ok((end + 1, Token::Slot))
        }
        (';', _) => Ok((1, Token::End)),
        // A word is read as a whole: the e of `value'` does not begin a quote.
        (c, _) if is_word(c) => Ok((
            text.find(|c| !is_word(c)).unwrap_or(text.len()),
            Token::Plain,
        )),
        (c, _) => Ok((c.len_utf8(), Token::Plain)),
    }
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// The end of a quoted text; the quote doubled is the quote itself.
fn quoted(text: &str, escapes: bool) -> Option<usize> {
    let mut chars = text.char_indices().peekable();
    let (_, quote) = chars.next()?;
    while let Some((at, c)) = chars.next() {
        if escapes && c == '\\' {
            chars.next();
        } else if c == quote {
            if chars.peek().is_none_or(|(_, next)| *next != quote) {
                return Some(at + c.len_utf8());
            }
            chars.next();
        }
    }
    None
}

/// The end of a comment; they nest.
fn comment(text: &str) -> Option<usize> {
    let mut depth = 0_usize;
    let mut at = 0;
    while at < text.len() {
        let rest = text.get(at..).unwrap_or_default();
        if rest.starts_with("/*") {
            depth += 1;
            at += 2;
        } else if rest.starts_with("*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return Some(at);
            }
        } else {
            at += rest.chars().next().map_or(1, char::len_utf8);
        }
    }
    None
}

enum Dollar {
    None,
    Open,
    Closed(usize),
}

/// `$$ … $$` and `$tag$ … $tag$`.
fn dollar_quoted(text: &str) -> Dollar {
    let Some(tag_end) = text[1..].find('$').map(|at| at + 2) else {
        return Dollar::None;
    };
    let tag = &text[..tag_end];
    if !tag[1..tag.len() - 1].chars().all(is_word) {
        return Dollar::None;
    }
    text[tag_end..]
        .find(tag)
        .map_or(Dollar::Open, |at| Dollar::Closed(tag_end + at + tag.len()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn placeholders_become_parameters() {
        for (text, sql, params) in [
            ("select 1", "select 1", &[][..]),
            (
                "select {env}, {inputs.a}, {env};",
                "select $1, $2, $1",
                &["{env}", "{inputs.a}"],
            ),
            (
                "select {inputs.id}::uuid",
                "select $1::uuid",
                &["{inputs.id}"],
            ),
            (
                "-- why {env} (it's)\nselect ';{x}' ; -- done",
                "-- why {env} (it's)\nselect ';{x}'  -- done",
                &[],
            ),
            (
                "select e'it\\'s', value'x' from \"a;b\"",
                "select e'it\\'s', value'x' from \"a;b\"",
                &[],
            ),
            (
                "select $q$;'$q$, 'it''s' /* a /* ; */ */",
                "select $q$;'$q$, 'it''s' /* a /* ; */ */",
                &[],
            ),
            (
                "(select {steps.count.n})",
                "(select $1)",
                &["{steps.count.n}"],
            ),
        ] {
            let read = Statement::parse(text, false).unwrap_or_else(|why| panic!("{text}: {why}"));
            assert_eq!(
                (read.text.as_str(), read.params.as_slice()),
                (
                    sql,
                    &params.iter().map(|p| (*p).to_owned()).collect::<Vec<_>>()[..]
                )
            );
        }
        assert!(Statement::parse("delete from x where id = {inputs.id}", true).is_ok());
    }

    #[test]
    fn mistakes_are_named() {
        for (text, mutates, why) in [
            ("select '{inputs.a}'", false, "is inside quotes"),
            ("select $$ {env} $$", false, "is inside quotes"),
            ("select 1; drop table x", false, "more than one statement"),
            ("select {oops}", false, "unknown placeholder {oops}"),
            ("select {services}", false, "a phrase for people"),
            ("select $1", false, "numbers its own parameters"),
            ("select 'x", false, "never closed"),
            ("select /* x", false, "never closed"),
            ("select $a$ x", false, "never closed"),
            ("select {env", false, "never closed"),
            ("-- nothing", false, "holds no statement"),
            ("", true, "holds no statement"),
            ("/* x */ DELETE from x", false, "`delete` changes things"),
            ("Commit", true, "is not for a step"),
            ("attach 'x' as y", true, "is not for a step"),
        ] {
            let message = Statement::parse(text, mutates).unwrap_err();
            assert!(message.contains(why), "{text}: {message}");
        }
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "[a-z'\"$;{}/*\\-\\\\ \u{e9}\n]{0,60}") {
            let _ = (Statement::parse(&text, true), Statement::parse(&text, false));
        }

        /// Every placeholder becomes a parameter: the text never contains one.
        #[test]
        fn no_placeholder_stays_in_the_text(before in "[a-z ,()]{0,10}", after in "[a-z ,()]{0,10}") {
            let read = Statement::parse(&format!("select {before} {{inputs.x}} {after}"), false).unwrap();
            let filled = read.text.contains("$1") && !read.text.contains('{');
            prop_assert!(filled, "{}", read.text);
        }
    }
}
