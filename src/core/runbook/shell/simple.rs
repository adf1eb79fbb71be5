//! Simple commands: assignments, words, redirections.

use super::cursor::{Cursor, Document, is_name};
use super::{Command, Fault, Redirect, Variable, Word};

/// Builtins whose arguments are assignments.
const DECLARE: [&str; 5] = ["export", "declare", "typeset", "local", "readonly"];

impl Cursor<'_> {
    pub fn simple(&mut self) -> Result<(), Fault> {
        let start = self.at;
        // Added before the commands of its substitutions: reading order.
        let index = self.script.commands.len();
        self.script.commands.push(Command::default());
        let mut names = Vec::new();
        loop {
            self.blanks();
            if self.ends_simple() {
                break;
            }
            if let Some(redirect) = self.redirection()? {
                self.script.commands[index].redirects.push(redirect);
                continue;
            }
            if self.script.commands[index].words.is_empty()
                && let Some(name) = self.assignment()?
            {
                names.push(name);
                continue;
            }
            let declares = self.script.commands[index]
                .words
                .first()
                .is_some_and(|w| DECLARE.contains(&w.text.as_str()));
            if declares && let Some(name) = self.assignment()? {
                self.set(&name);
                continue;
            }
            let before = self.at;
            let word = self.word()?;
            if self.at == before {
                return Err(self.unexpected());
            }
            let first = self.script.commands[index].words.is_empty();
            if self.starts("(") {
                return if first {
                    self.function(index, word)
                } else {
                    Err(self.unexpected())
                };
            }
            self.script.commands[index].words.push(word);
        }
        if self.at == start {
            return Err(self.unexpected());
        }
        for name in &names {
            self.set(name);
        }
        self.effects(index);
        Ok(())
    }

    fn ends_simple(&self) -> bool {
        match self.peek() {
            None | Some('\n' | ';' | '|' | ')' | '#') => true,
            Some('&') => !self.starts("&>"),
            _ => false,
        }
    }

    /// `name() …`.
    fn function(&mut self, index: usize, name: Word) -> Result<(), Fault> {
        self.at += 1;
        self.blanks();
        if !self.starts(")") {
            return Err(self.unexpected());
        }
        self.at += 1;
        self.script.commands.remove(index);
        self.function_body(name.text)
    }

    /// `NAME=value`, `NAME+=value`, `NAME=(…)`, `NAME[n]=value`: the name.
    fn assignment(&mut self) -> Result<Option<String>, Fault> {
        let rest = self.rest();
        let end = rest
            .find(|c: char| !(c.is_ascii_alphanumeric() || c == '_'))
            .unwrap_or(rest.len());
        let name = rest[..end].to_owned();
        if !is_name(&name) {
            return Ok(None);
        }
        let mut sign = end;
        if rest[sign..].starts_with('[') {
            match rest[sign..].find(']') {
                Some(close) if rest[sign + close + 1..].starts_with(['=', '+']) => {
                    sign += close + 1;
                }
                _ => return Ok(None),
            }
        }
        let Some(length) = ["+=", "="]
            .into_iter()
            .find(|s| rest[sign..].starts_with(s))
            .map(str::len)
        else {
            return Ok(None);
        };
        let subscript = rest[end..sign].to_owned();
        self.at += sign + length;
        self.inner_text(&subscript)?;
        if self.eat("(") {
            self.script.bash = true;
            loop {
                self.lines()?;
                if self.eat(")") {
                    break;
                }
                let before = self.at;
                self.word()?;
                if self.at == before {
                    return Err(self.unexpected());
                }
            }
        } else {
            self.word()?;
        }
        Ok(Some(name))
    }

    /// Redirections after a compound command.
    pub fn redirections(&mut self) -> Result<(), Fault> {
        loop {
            self.blanks();
            match self.redirection()? {
                Some(redirect) => {
                    self.script.commands.push(Command {
                        redirects: vec![redirect],
                        ..Command::default()
                    });
                }
                None => return Ok(()),
            }
        }
    }

    fn redirection(&mut self) -> Result<Option<Redirect>, Fault> {
        const OPERATORS: [&str; 13] = [
            "&>>", "&>", "<<<", "<<-", "<<", "<&", "<>", "<", ">>", ">&", ">|", ">", ">!",
        ];
        let start = self.at;
        self.take_while(|c| c.is_ascii_digit());
        let Some(operator) = OPERATORS.into_iter().find(|o| self.starts(o)) else {
            self.at = start;
            return Ok(None);
        };
        if ["<", ">"].contains(&operator) && self.rest()[1..].starts_with('(') {
            self.at = start;
            return Ok(None);
        }
        self.at += operator.len();
        self.script.bash |= operator == "<<<" || operator.starts_with('&');
        self.blanks();
        let before = self.at;
        let target = self.word()?;
        if self.at == before {
            return Err(self.unexpected());
        }
        if ["<<", "<<-"].contains(&operator) {
            self.documents.push(Document {
                mark: target.text.clone(),
                tabs: operator == "<<-",
                quoted: target.quoted,
                operator: operator.to_owned(),
            });
        }
        Ok(Some(Redirect {
            operator: operator.to_owned(),
            target,
        }))
    }

    /// Effects of builtins on variables.
    fn effects(&mut self, index: usize) {
        let words = std::mem::take(&mut self.script.commands[index].words);
        let rest = words.get(1..).unwrap_or_default();
        let plain = || {
            rest.iter()
                .map(|w| w.text.as_str())
                .filter(|w| !w.starts_with('-') && is_name(w))
        };
        match words.first().map_or("", |w| w.text.as_str()) {
            "read" | "mapfile" | "readarray" => plain().for_each(|name| self.set(name)),
            "printf" if rest.first().is_some_and(|w| w.text == "-v") => {
                plain().take(1).for_each(|n| self.set(n));
            }
            "getopts" => plain().skip(1).for_each(|name| self.set(name)),
            "declare" | "local" | "typeset" => plain().for_each(|name| self.set(name)),
            "." | "source" | "eval" => self.script.variables.push(Variable::Unknown),
            _ => {}
        }
        self.script.commands[index].words = words;
    }
}
