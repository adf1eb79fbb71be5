//! Lists, pipelines and compound commands.

use super::cursor::{Cursor, is_name};
use super::{Fault, Function, Word};

/// Reserved words in the place of a command.
const RESERVED: [&str; 17] = [
    "if", "then", "elif", "else", "fi", "for", "select", "while", "until", "do", "done", "case",
    "esac", "function", "{", "}", "[[",
];

impl Cursor<'_> {
    /// The whole text.
    pub fn script(&mut self) -> Result<(), Fault> {
        self.list(&[])?;
        match self.documents.first() {
            Some(document) => Err(self.open(&format!(
                "the here-document is never closed with {}",
                document.mark
            ))),
            None => Ok(()),
        }
    }

    /// A list inside a compound command.
    pub fn list_in(&mut self, ends: &[&str]) -> Result<(), Fault> {
        self.deep()?;
        self.list(ends)?;
        self.up();
        Ok(())
    }

    /// Commands up to one of `ends`, which is not consumed; up to the end of the text when there
    /// are none.
    fn list(&mut self, ends: &[&str]) -> Result<(), Fault> {
        loop {
            self.lines()?;
            if self.peek().is_none() {
                return if ends.is_empty() {
                    Ok(())
                } else {
                    Err(self.open(&format!("`{}` is missing", ends[0])))
                };
            }
            if self.ends_here(ends) {
                return Ok(());
            }
            self.and_or()?;
            self.blanks();
            match self.peek() {
                None | Some('\n' | '#') => {}
                Some(';') if !self.starts(";;") && !self.starts(";&") => self.at += 1,
                Some('&') => self.at += 1,
                _ if self.ends_here(ends) => {}
                _ => return Err(self.unexpected()),
            }
        }
    }

    fn ends_here(&self, ends: &[&str]) -> bool {
        let symbol = |end: &&&str| end.starts_with([')', ';']) && self.starts(end);
        ends.iter()
            .any(|end| symbol(&end) || (RESERVED.contains(end) && self.reserved() == Some(*end)))
    }

    /// The reserved word at this place.
    fn reserved(&self) -> Option<&'static str> {
        let rest = self.rest();
        let end = rest
            .find(|c: char| c.is_whitespace() || ";&|()<>".contains(c))
            .unwrap_or(rest.len());
        RESERVED.into_iter().find(|word| *word == &rest[..end])
    }

    fn and_or(&mut self) -> Result<(), Fault> {
        loop {
            self.pipeline()?;
            self.blanks();
            if !self.eat("&&") && !self.eat("||") {
                return Ok(());
            }
            self.lines()?;
        }
    }

    fn pipeline(&mut self) -> Result<(), Fault> {
        let mut reads = false;
        loop {
            self.blanks();
            let first = self.script.commands.len();
            self.prefix();
            self.command()?;
            self.blanks();
            let pipes = self.starts("|") && !self.starts("||");
            // Any command of a compound one may read and write the pipe.
            for command in &mut self.script.commands[first..] {
                command.piped |= reads;
                command.pipes |= pipes;
            }
            if !pipes {
                return Ok(());
            }
            if !self.eat("|&") {
                self.at += 1;
            }
            self.lines()?;
            reads = true;
        }
    }

    /// `!` and `time` before a pipeline.
    fn prefix(&mut self) {
        loop {
            let rest = self.rest();
            let Some(word) = ["!", "time"].into_iter().find(|w| {
                rest.strip_prefix(w)
                    .is_some_and(|r| r.starts_with([' ', '\t']))
            }) else {
                return;
            };
            self.at += word.len();
            self.blanks();
        }
    }

    fn command(&mut self) -> Result<(), Fault> {
        self.deep()?;
        if self.starts("((") && self.arithmetic_end().is_some() {
            self.script.bash = true;
            self.arithmetic()?;
        } else if self.eat("(") {
            self.list(&[")"])?;
            self.close(")")?;
        } else {
            match self.reserved() {
                None => {
                    self.simple()?;
                    self.up();
                    return Ok(());
                }
                Some(word) => self.compound(word)?,
            }
        }
        self.redirections()?;
        self.up();
        Ok(())
    }

    fn compound(&mut self, word: &'static str) -> Result<(), Fault> {
        let start = self.unexpected();
        self.at += word.len();
        match word {
            "{" => self.block(&["}"]),
            "if" => self.condition(),
            "while" | "until" => self.repetition(word),
            "for" | "select" => self.each(),
            "case" => self.choice(),
            "function" => self.named_function(),
            "[[" => self.test(),
            _ => Err(start),
        }
    }

    fn close(&mut self, end: &str) -> Result<(), Fault> {
        if self.eat(end) {
            Ok(())
        } else {
            Err(self.unexpected())
        }
    }

    /// At least one command, and its end.
    fn block(&mut self, ends: &[&str]) -> Result<(), Fault> {
        self.lines()?;
        if self.ends_here(ends) {
            return Err(self.unexpected());
        }
        self.list(ends)?;
        let end = ends
            .iter()
            .find(|end| self.ends_here(&[end]))
            .copied()
            .unwrap_or("");
        self.close(end)
    }

    fn condition(&mut self) -> Result<(), Fault> {
        self.block(&["then"])?;
        loop {
            self.lines()?;
            self.list(&["elif", "else", "fi"])?;
            if self.eat("fi") {
                return Ok(());
            }
            if self.eat("else") {
                return self.block(&["fi"]);
            }
            self.at += "elif".len();
            self.block(&["then"])?;
        }
    }

    fn repetition(&mut self, word: &str) -> Result<(), Fault> {
        let first = self.script.commands.len();
        self.block(&["do"])?;
        let condition = &self.script.commands[first..];
        let always = if word == "while" { "true" } else { "false" };
        let endless = condition.len() == 1
            && condition[0].words.len() == 1
            && [always, if word == "while" { ":" } else { "" }]
                .contains(&condition[0].words[0].text.as_str());
        let body = self.script.commands.len();
        self.block(&["done"])?;
        let leaves = |c: &super::Command| {
            c.words
                .first()
                .is_some_and(|w| ["break", "exit", "return"].contains(&w.text.as_str()))
        };
        self.script.endless |= endless && !self.script.commands[body..].iter().any(leaves);
        Ok(())
    }

    fn each(&mut self) -> Result<(), Fault> {
        self.blanks();
        if self.starts("((") {
            self.script.bash = true;
            self.arithmetic()?;
        } else {
            let name = self.word()?;
            if !is_name(&name.text) {
                return Err(self.unexpected());
            }
            self.lines()?;
            if self.starts("in") && !self.rest()[2..].starts_with(|c: char| c.is_alphanumeric()) {
                self.at += 2;
                while self.list_word()?.is_some() {}
            }
            self.set(&name.text);
        }
        self.blanks();
        self.eat(";");
        self.lines()?;
        if self.reserved() == Some("{") {
            self.at += 1;
            return self.block(&["}"]);
        }
        if self.reserved() != Some("do") {
            return Err(self.unexpected());
        }
        self.at += 2;
        self.block(&["done"])
    }

    /// A word of a list on this line.
    fn list_word(&mut self) -> Result<Option<Word>, Fault> {
        self.blanks();
        match self.peek() {
            None | Some('\n' | ';' | '#') => Ok(None),
            _ => {
                let before = self.at;
                let word = self.word()?;
                if self.at == before {
                    Err(self.unexpected())
                } else {
                    Ok(Some(word))
                }
            }
        }
    }

    fn choice(&mut self) -> Result<(), Fault> {
        self.blanks();
        self.word()?;
        self.lines()?;
        if !self.eat("in") {
            return Err(self.unexpected());
        }
        loop {
            self.lines()?;
            if self.reserved() == Some("esac") {
                self.at += "esac".len();
                return Ok(());
            }
            self.eat("(");
            loop {
                self.blanks();
                let before = self.at;
                self.word()?;
                self.blanks();
                if self.at == before {
                    return Err(self.unexpected());
                }
                if !self.eat("|") {
                    break;
                }
            }
            self.close(")")?;
            self.list(&[";;", ";&", "esac"])?;
            if !self.eat(";;&") && !self.eat(";;") {
                self.eat(";&");
            }
        }
    }

    fn named_function(&mut self) -> Result<(), Fault> {
        self.blanks();
        let name = self.word()?;
        self.blanks();
        if self.eat("(") {
            self.blanks();
            self.close(")")?;
        }
        self.function_body(name.text)
    }

    /// The body after `name()`.
    pub fn function_body(&mut self, name: String) -> Result<(), Fault> {
        self.lines()?;
        let compound = self.starts("(") || self.reserved().is_some_and(|word| word != "[[");
        if !compound {
            return Err(self.unexpected());
        }
        let (start, first) = (self.at, self.script.commands.len());
        self.command()?;
        let commands = self.script.commands[first..].to_vec();
        let arguments = names_arguments(&self.text[start..self.at]);
        self.script.functions.push(Function {
            name,
            commands,
            arguments,
        });
        Ok(())
    }

    /// `[[ … ]]`.
    fn test(&mut self) -> Result<(), Fault> {
        self.script.bash = true;
        loop {
            self.lines()?;
            if self.eat("]]") {
                return Ok(());
            }
            if self.peek().is_none() {
                return Err(self.open("`]]` is missing"));
            }
            let before = self.at;
            self.word()?;
            if self.at == before {
                self.next();
            }
        }
    }
}

/// A text has `$1`, `${2}`, `"$@"`, `$*`.
fn names_arguments(text: &str) -> bool {
    text.split('$').skip(1).any(|after| {
        let after = after.trim_start_matches(['{', '!', '#']);
        after.starts_with(|c: char| c.is_ascii_digit() || c == '@' || c == '*')
    })
}
