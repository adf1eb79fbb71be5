//! Words: quotes, variables and substitutions.

use super::cursor::{Cursor, is_name};
use super::{Fault, Word};

impl Cursor<'_> {
    /// A word; empty when there is none here.
    pub fn word(&mut self) -> Result<Word, Fault> {
        let mut word = Word::default();
        while let Some(c) = self.peek() {
            match c {
                ' ' | '\t' | '\n' | '\r' | ';' | '&' | '|' | ')' | '\u{a0}' => break,
                '<' | '>' if self.rest()[1..].starts_with('(') => self.process(&mut word)?,
                '<' | '>' => break,
                '(' if word.text.ends_with(['?', '*', '+', '@', '!']) && !word.quoted => {
                    self.pattern(&mut word)?;
                }
                '(' => break,
                '\\' => self.escape(&mut word),
                '\'' => self.single(&mut word)?,
                '"' => self.double(&mut word)?,
                '$' => self.dollar(&mut word, false)?,
                '`' => self.backquotes(&mut word)?,
                _ => {
                    word.text.push(c);
                    self.at += c.len_utf8();
                }
            }
        }
        Ok(word)
    }

    fn escape(&mut self, word: &mut Word) {
        self.at += 1;
        match self.next() {
            Some('\n') | None => {}
            Some(c) => {
                word.quoted = true;
                word.text.push(c);
            }
        }
    }

    fn single(&mut self, word: &mut Word) -> Result<(), Fault> {
        let opened = self.open("a quote is never closed");
        self.at += 1;
        let inside = self.take_while(|c| c != '\'');
        word.quoted = true;
        word.text.push_str(inside);
        if self.eat("'") { Ok(()) } else { Err(opened) }
    }

    fn double(&mut self, word: &mut Word) -> Result<(), Fault> {
        let opened = self.open("a quote is never closed");
        self.at += 1;
        word.quoted = true;
        loop {
            match self.peek() {
                None => return Err(opened),
                Some('"') => {
                    self.at += 1;
                    return Ok(());
                }
                Some('\\') => {
                    self.at += 1;
                    match self.next() {
                        Some(c @ ('"' | '\\' | '$' | '`')) => word.text.push(c),
                        Some('\n') | None => {}
                        Some(c) => word.text.extend(['\\', c]),
                    }
                }
                Some('$') => self.dollar(word, true)?,
                Some('`') => self.backquotes(word)?,
                Some(c) => {
                    word.text.push(c);
                    self.at += c.len_utf8();
                }
            }
        }
    }

    /// `$NAME`, `${…}`, `$(…)`, `$((…))`, `$'…'`.
    pub fn dollar(&mut self, word: &mut Word, in_double: bool) -> Result<(), Fault> {
        let start = self.at;
        self.at += 1;
        match self.peek() {
            Some('\'') if !in_double => {
                self.script.bash = true;
                return self.ansi(word);
            }
            Some('"') if !in_double => return self.double(word),
            Some('(') if self.starts("((") && self.arithmetic_end().is_some() => {
                self.arithmetic()?;
            }
            Some('(') => {
                self.at += 1;
                self.list_in(&[")"])?;
                if !self.eat(")") {
                    return Err(self.open("$( is never closed"));
                }
            }
            Some('{') => self.parameter(in_double)?,
            Some(c) if c.is_ascii_alphabetic() || c == '_' => {
                let name = self
                    .take_while(|c| c.is_ascii_alphanumeric() || c == '_')
                    .to_owned();
                self.used(&name);
            }
            Some('0'..='9' | '?' | '#' | '@' | '*' | '!' | '$' | '-') => self.at += 1,
            // A lone dollar is one.
            _ => {
                word.text.push('$');
                return Ok(());
            }
        }
        word.dynamic = true;
        word.text.push_str(&self.text[start..self.at]);
        Ok(())
    }

    fn ansi(&mut self, word: &mut Word) -> Result<(), Fault> {
        let opened = self.open("a quote is never closed");
        self.at += 1;
        word.quoted = true;
        while let Some(c) = self.next() {
            match c {
                '\'' => return Ok(()),
                '\\' => word.text.extend(self.next()),
                c => word.text.push(c),
            }
        }
        Err(opened)
    }

    /// `${NAME}`, `${NAME:-word}`, `${#NAME}` …
    fn parameter(&mut self, in_double: bool) -> Result<(), Fault> {
        let opened = self.open("${ is never closed");
        self.at += 1;
        let lengthy = self.eat("#") || self.eat("!");
        let name = self
            .take_while(|c| c.is_ascii_alphanumeric() || c == '_')
            .to_owned();
        if name.is_empty() && !self.starts("}") {
            self.next(); // ${@}, ${?} …
        }
        let operator = self.rest();
        let handled = operator.starts_with([':', '-', '+', '=', '?']) && !lengthy;
        let plain = operator.strip_prefix(':').unwrap_or(operator);
        match plain.chars().next() {
            Some('=') if handled => self.set(&name),
            Some('-' | '+') if handled => {}
            _ if is_name(&name) => self.used(&name),
            _ => {}
        }
        let mut ignored = Word::default();
        loop {
            match self.peek() {
                None => return Err(opened),
                Some('}') => {
                    self.at += 1;
                    return Ok(());
                }
                Some('\\') => {
                    self.at += 1;
                    self.next();
                }
                Some('\'') => {
                    // Inside double quotes it is an ordinary character, and what follows is
                    // expanded.
                    let end = if in_double {
                        None
                    } else {
                        self.rest()[1..].find('\'')
                    };
                    self.at += end.map_or(1, |end| end + 2);
                }
                Some('"') => self.double(&mut ignored)?,
                Some('$') => self.dollar(&mut ignored, in_double)?,
                Some('`') => self.backquotes(&mut ignored)?,
                Some(c) => self.at += c.len_utf8(),
            }
        }
    }

    /// Where `((` here ends with `))`.
    pub fn arithmetic_end(&self) -> Option<usize> {
        let mut depth = 0_usize;
        for (at, c) in self.rest().char_indices() {
            match c {
                '(' => depth += 1,
                ')' => {
                    depth = depth.checked_sub(1)?;
                    if depth == 0 {
                        return self.rest()[..at].ends_with(')').then_some(at + 1);
                    }
                }
                '\n' if depth < 2 => return None,
                _ => {}
            }
        }
        None
    }

    /// `((…))`.
    pub fn arithmetic(&mut self) -> Result<(), Fault> {
        let end = self
            .arithmetic_end()
            .ok_or_else(|| self.open("(( is never closed"))?;
        let inside = self.rest()[2..end - 2].to_owned();
        self.at += end;
        self.inner_text(&inside)
    }

    fn backquotes(&mut self, word: &mut Word) -> Result<(), Fault> {
        let opened = self.open("a backquote is never closed");
        let start = self.at;
        self.at += 1;
        let mut inside = String::new();
        loop {
            match self.next() {
                None => return Err(opened),
                Some('`') => break,
                Some('\\') => match self.next() {
                    Some(c @ ('`' | '\\' | '$')) => inside.push(c),
                    Some(c) => inside.extend(['\\', c]),
                    None => return Err(opened),
                },
                Some(c) => inside.push(c),
            }
        }
        word.dynamic = true;
        word.text.push_str(&self.text[start..self.at]);
        self.inner_script(&inside)
    }

    /// `<(…)`.
    fn process(&mut self, word: &mut Word) -> Result<(), Fault> {
        let start = self.at;
        self.at += 2;
        self.script.bash = true;
        self.list_in(&[")"])?;
        if !self.eat(")") {
            return Err(self.open("<( is never closed"));
        }
        word.dynamic = true;
        word.text.push_str(&self.text[start..self.at]);
        Ok(())
    }

    /// `@(a|b)`.
    fn pattern(&mut self, word: &mut Word) -> Result<(), Fault> {
        let inside = self.take_while(|c| !matches!(c, ')' | '\n'));
        word.text.push_str(inside);
        if !self.eat(")") {
            return Err(self.unexpected());
        }
        word.text.push(')');
        Ok(())
    }

    /// The expansions of a text: a here-document, an arithmetic expression.
    pub fn expansions(&mut self, word: &mut Word) -> Result<(), Fault> {
        while let Some(c) = self.peek() {
            match c {
                '\\' => {
                    self.at += 1;
                    self.next();
                }
                '$' => self.dollar(word, true)?,
                '`' => self.backquotes(word)?,
                c => self.at += c.len_utf8(),
            }
        }
        Ok(())
    }
}
