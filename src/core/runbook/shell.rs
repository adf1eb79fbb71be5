//! Shell text taken apart without running it: its commands with their words and redirections, the variables it sets and
//! uses, and where it does not parse. Enough of the grammar of `sh` and `bash` to judge what people write on pages.

mod cursor;
mod grammar;
mod simple;
mod word;

/// A script that parses.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Script {
    /// Every simple command, those inside substitutions, loops and functions included, in reading order.
    pub commands: Vec<Command>,
    /// The functions it defines.
    pub functions: Vec<Function>,
    /// What happens to variables, in reading order.
    pub variables: Vec<Variable>,
    /// A loop without an end: `while true` without a way out.
    pub endless: bool,
    /// It uses what only bash has: `[[`, arrays, `<(…)`.
    pub bash: bool,
}

/// A function. Its commands stand among those of the script as well.
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
    /// Without its quotes; `$NAME` and `$(…)` stand as they are written.
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

/// What a script does with a variable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Variable {
    /// It must have a value here.
    Used(String),
    Set(String),
    /// A file or a text that may set anything is read (`source`, `eval`).
    Unknown,
}

/// Why a text is no script.
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
