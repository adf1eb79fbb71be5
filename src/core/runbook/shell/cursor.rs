//! The position in the text, and small moves over it.

use super::{Fault, Script, Variable};

/// How deep substitutions and compound commands may be nested.
const MAX_DEPTH: usize = 40;

/// A reader of a script.
pub(super) struct Cursor<'t> {
    pub text: &'t str,
    pub at: usize,
    pub script: Script,
    /// Here-documents whose text begins with the next line.
    pub documents: Vec<Document>,
    depth: usize,
}

/// A here-document that was announced.
pub(super) struct Document {
    /// The line that ends it.
    pub mark: String,
    /// Tabs before its lines do not count.
    pub tabs: bool,
    /// Variables in it are not filled in.
    pub quoted: bool,
    /// Its redirection is filled in there: number of the command's redirection.
    pub operator: String,
}

impl<'t> Cursor<'t> {
    pub fn new(text: &'t str, depth: usize) -> Self {
        Self {
            text,
            at: 0,
            script: Script::default(),
            documents: Vec::new(),
            depth,
        }
    }

    pub fn rest(&self) -> &'t str {
        &self.text[self.at..]
    }

    pub fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    pub fn starts(&self, what: &str) -> bool {
        self.rest().starts_with(what)
    }

    pub fn next(&mut self) -> Option<char> {
        let c = self.peek()?;
        self.at += c.len_utf8();
        Some(c)
    }

    /// Moves over `what` when it is here.
    pub fn eat(&mut self, what: &str) -> bool {
        let there = self.starts(what);
        if there {
            self.at += what.len();
        }
        there
    }

    /// Moves over characters while they fit; returns them.
    pub fn take_while(&mut self, fits: impl Fn(char) -> bool) -> &'t str {
        let rest = self.rest();
        let end = rest.find(|c| !fits(c)).unwrap_or(rest.len());
        self.at += end;
        &rest[..end]
    }

    /// Spaces and line continuations.
    pub fn blanks(&mut self) {
        loop {
            self.take_while(|c| matches!(c, ' ' | '\t' | '\r' | '\u{a0}'));
            if !self.eat("\\\n") && !self.eat("\\\r\n") {
                return;
            }
        }
    }

    /// Spaces, comments and line ends.
    pub fn lines(&mut self) -> Result<(), Fault> {
        loop {
            self.blanks();
            match self.peek() {
                Some('#') => drop(self.take_while(|c| c != '\n')),
                Some('\n') => self.line_end()?,
                _ => return Ok(()),
            }
        }
    }

    /// The end of a line, and the here-documents that begin after it.
    pub fn line_end(&mut self) -> Result<(), Fault> {
        self.at += 1;
        for document in std::mem::take(&mut self.documents) {
            self.document(&document)?;
        }
        Ok(())
    }

    fn document(&mut self, document: &Document) -> Result<(), Fault> {
        let start = self.at;
        while self.at < self.text.len() {
            let begin = self.at;
            let line = self.take_while(|c| c != '\n').trim_end_matches('\r');
            let line = if document.tabs {
                line.trim_start_matches('\t')
            } else {
                line
            };
            let ended = line == document.mark;
            if self.peek().is_some() {
                self.at += 1;
            }
            if ended {
                let body = &self.text[start..begin];
                self.keep_document(document, body);
                return if document.quoted {
                    Ok(())
                } else {
                    self.inner_text(body)
                };
            }
        }
        Err(self.open(&format!(
            "the here-document is never closed with {}",
            document.mark
        )))
    }

    /// The text becomes the target of its redirection: the newest one without a target.
    fn keep_document(&mut self, document: &Document, body: &str) {
        let redirects = self
            .script
            .commands
            .iter_mut()
            .flat_map(|c| c.redirects.iter_mut());
        let waiting =
            redirects.filter(|r| r.operator == document.operator && r.target.text == document.mark);
        if let Some(redirect) = waiting.last() {
            body.clone_into(&mut redirect.target.text);
            redirect.target.quoted = document.quoted;
        }
    }

    /// Expansions inside a text that is not a command.
    pub fn inner_text(&mut self, text: &str) -> Result<(), Fault> {
        let mut inner = Cursor::new(text, self.depth + 1);
        let mut found = super::Word::default();
        inner.deep()?;
        let read = inner.expansions(&mut found);
        self.join(inner);
        read.map_err(|fault| self.wrong(&fault.message))
    }

    /// A script inside this one.
    pub fn inner_script(&mut self, text: &str) -> Result<(), Fault> {
        let mut inner = Cursor::new(text, self.depth + 1);
        inner.deep()?;
        let read = inner.script();
        self.join(inner);
        read.map_err(|fault| self.wrong(&fault.message))
    }

    fn join(&mut self, inner: Cursor<'_>) {
        let Script {
            commands,
            functions,
            variables,
            endless,
            bash,
        } = inner.script;
        self.script.commands.extend(commands);
        self.script.functions.extend(functions);
        self.script.variables.extend(variables);
        self.script.endless |= endless;
        self.script.bash |= bash;
    }

    /// Goes one level down.
    pub fn deep(&mut self) -> Result<(), Fault> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(self.wrong("it is nested too deep to be read"));
        }
        Ok(())
    }

    pub fn up(&mut self) {
        self.depth -= 1;
    }

    pub fn used(&mut self, name: &str) {
        self.script.variables.push(Variable::Used(name.to_owned()));
    }

    pub fn set(&mut self, name: &str) {
        self.script.variables.push(Variable::Set(name.to_owned()));
    }

    pub fn wrong(&self, message: &str) -> Fault {
        let line = self.text[..self.at.min(self.text.len())]
            .matches('\n')
            .count();
        Fault {
            line,
            message: message.to_owned(),
            open: false,
        }
    }

    pub fn open(&self, message: &str) -> Fault {
        Fault {
            open: true,
            ..self.wrong(message)
        }
    }

    /// The error for an unexpected token.
    pub fn unexpected(&self) -> Fault {
        match self.peek() {
            None => self.open("it ends too early"),
            Some('\n') => self.wrong("a line ends too early"),
            Some(c) => {
                let word: String = self
                    .rest()
                    .chars()
                    .take_while(|c| !c.is_whitespace())
                    .take(20)
                    .collect();
                self.wrong(&format!(
                    "unexpected `{}`",
                    if word.is_empty() { c.to_string() } else { word }
                ))
            }
        }
    }
}

/// Letters, digits and `_`, not beginning with a digit.
pub(super) fn is_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}
