//! Parses shell text without running it: its commands with words and redirections, the variables it
//! sets and uses, and syntax errors. Covers enough of the grammar of `sh` and `bash` for commands
//! on pages.

mod cursor;
mod grammar;
mod simple;
mod word;

/// A script that parses.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Script {
    /// Every simple command, those inside substitutions, loops and functions included, in reading
    /// order.
    pub commands: Vec<Command>,
    /// The functions it defines.
    pub functions: Vec<Function>,
    /// Uses and changes of variables, in reading order.
    pub variables: Vec<Variable>,
    /// It has an endless loop: `while true` without an exit.
    pub endless: bool,
    /// It uses features of bash only: `[[`, arrays, `<(…)`.
    pub bash: bool,
}

/// A function. Its commands are among those of the script as well.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Function {
    pub name: String,
    pub commands: Vec<Command>,
    /// Its body names `$1`, `$@` or the like.
    pub arguments: bool,
}

/// A simple command.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Command {
    /// Name and arguments; empty for assignments and redirections alone.
    pub words: Vec<Word>,
    pub redirects: Vec<Redirect>,
    /// It reads the output of another command.
    pub piped: bool,
    /// Its output goes to another command.
    pub pipes: bool,
}

/// A word of a command.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Word {
    /// Without its quotes; `$NAME` and `$(…)` stay as written.
    pub text: String,
    /// A part of it is quoted or escaped: no reserved word, no prompt.
    pub quoted: bool,
    /// A part of it is known only when it runs.
    pub dynamic: bool,
}

/// A redirection.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Redirect {
    /// `>`, `>>`, `<`, `<<`, `<<<`, `>&` …
    pub operator: String,
    /// The file or descriptor; for a here-document its text.
    pub target: Word,
}

/// A use or change of a variable by a script.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Variable {
    /// It must have a value here.
    Used(String),
    Set(String),
    /// A file or a text that may set anything is read (`source`, `eval`).
    Unknown,
}

/// A syntax error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fault {
    /// Line inside the text, from 0.
    pub line: usize,
    /// As in "unexpected `)`".
    pub message: String,
    /// More lines could make it one: a quote, a loop or a here-document is open.
    pub open: bool,
}

/// Reads a script.
///
/// # Errors
/// The first place where it does not parse.
pub(super) fn parse(text: &str) -> Result<Script, Fault> {
    let mut cursor = cursor::Cursor::new(text, 0);
    cursor.script()?;
    Ok(cursor.script)
}

#[cfg(test)]
mod tests;
