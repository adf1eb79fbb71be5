//! Classifies a fenced block: commands to run, text to show, or unclear. Prompts separate commands
//! from output. The prompt of another program, or a line that may be a command or output, makes the
//! block unclear: it is shown with a question, never run.

use super::output;
use crate::runbook::page::Block;
use crate::runbook::{effect, shell, shell_block};

/// Kind of a fenced block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Fence {
    Commands(Typed),
    /// Output, a query, a file.
    Shown,
    Unclear(Doubt),
}

/// Commands, without prompts and output.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Typed {
    pub script: String,
    /// Lines that are not run, with their number inside the fence (from 0).
    pub shown: Vec<(usize, String)>,
    /// The machine and user of the prompts, where they name one.
    pub host: Option<String>,
}

/// Why a fence is not run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Doubt {
    /// Line inside the fence, from 0.
    pub line: usize,
    /// Completes "it is not run: …".
    pub why: String,
    /// It is a mistake in the page, to be reported to its author.
    pub mistake: bool,
}

/// Tags of a transcript: lines without a prompt are output.
const TRANSCRIPT_TAGS: [&str; 6] = [
    "console",
    "terminal",
    "shell-session",
    "sh-session",
    "shellsession",
    "bash-session",
];

/// The prompt at the start of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Prompt<'t> {
    None,
    /// Of a shell: the command after it.
    Shell(&'t str),
    /// Of a shell, with user and machine: those, and the command.
    Host(&'t str, &'t str),
    /// `# `: a comment, or the prompt of root.
    Root(&'t str),
    /// Of a shell in a container, or of another program.
    Other(&'t str),
}

/// Classifies a block of shell text.
pub(super) fn read(block: &Block) -> Fence {
    let code = block.code.as_str();
    let doubt = |line, why: &str, mistake| {
        Fence::Unclear(Doubt {
            line,
            why: why.to_owned(),
            mistake,
        })
    };
    let lines = || code.lines().enumerate();
    if let Some((line, _)) =
        lines().find(|(_, l)| l.trim_start().starts_with("```") && l.trim() != "```")
    {
        return doubt(
            line,
            "another fence begins inside of it, so this one was probably never closed",
            true,
        );
    }
    let prompted = lines().any(|(_, l)| matches!(prompt(l), Prompt::Shell(_) | Prompt::Host(..)));
    if prompted {
        prompts(code)
    } else {
        plain(block)
    }
}

/// A block with prompts: lines without one are output, unless they continue a command.
fn prompts(code: &str) -> Fence {
    let mut typed = Typed::default();
    let mut command = Lines::default();
    let doubt = |line, why: String| {
        Fence::Unclear(Doubt {
            line,
            why,
            mistake: false,
        })
    };
    for (number, line) in code.lines().enumerate() {
        if command.read > MOST_READ {
            return doubt(number, TOO_LONG.to_owned());
        }
        if command.open {
            command.push(line.strip_prefix("> ").unwrap_or(line));
            continue;
        }
        typed.script.push_str(&std::mem::take(&mut command.text));
        match prompt(line) {
            Prompt::Shell(text) => command.push(text),
            Prompt::Host(host, text) => {
                if typed
                    .host
                    .as_deref()
                    .is_some_and(|other| machine(other) != machine(host))
                {
                    return doubt(
                        number,
                        format!("it is typed on several machines, here on {host}"),
                    );
                }
                typed.host = Some(host.to_owned());
                command.push(text);
            }
            Prompt::Other(mark) => return doubt(number, of_another(mark)),
            Prompt::Root(_) | Prompt::None if line.trim().is_empty() => {}
            Prompt::Root(_) => typed.shown.push((number, line.to_owned())),
            Prompt::None if reads_like_a_command(line) => {
                return doubt(
                    number,
                    format!("`{}` has no prompt but reads like a command", short(line)),
                );
            }
            Prompt::None => typed.shown.push((number, line.to_owned())),
        }
    }
    typed.script.push_str(&command.text);
    checked(typed)
}

/// A block without shell prompts.
fn plain(block: &Block) -> Fence {
    let code = block.code.as_str();
    let transcript = TRANSCRIPT_TAGS.contains(&block.language.as_str());
    let doubt = |line, why: String| {
        Fence::Unclear(Doubt {
            line,
            why,
            mistake: false,
        })
    };
    let mut before = Lines::default();
    let (mut commented, mut others) = (None, 0);
    for (number, line) in code.lines().enumerate() {
        if before.read > MOST_READ {
            return doubt(number, TOO_LONG.to_owned());
        }
        if !before.open {
            before.text.clear();
            match prompt(line) {
                Prompt::Other(mark) => return doubt(number, of_another(mark)),
                Prompt::Root(text) if first_word(text).is_some_and(effect::is_program) => {
                    commented = commented.or(Some(number));
                }
                Prompt::Root(_) => {}
                _ if line.trim().is_empty() => {}
                _ => others += 1,
            }
        }
        before.push(line);
    }
    let root = commented.filter(|_| others == 0 || (transcript && !begins_with_a_command(code)));
    if let Some(number) = root {
        return doubt(
            number,
            "`#` may be root's prompt here, or begin a comment".to_owned(),
        );
    }
    let kept = output::commands(block);
    if kept.is_empty() {
        return Fence::Shown;
    }
    if transcript && !begins_with_a_command(kept) {
        return Fence::Shown;
    }
    let first = kept.lines().count();
    let shown = (first..)
        .zip(code[kept.len()..].lines())
        .map(|(n, l)| (n, l.to_owned()))
        .collect();
    let fence = checked(Typed {
        script: kept.to_owned(),
        shown,
        host: None,
    });
    match (&fence, transcript) {
        (Fence::Commands(typed), true) => {
            unknown_line(typed).map_or(fence, |(line, why)| doubt(line, why))
        }
        _ => fence,
    }
}

/// Commands, when they parse and none of them looks like output.
fn checked(typed: Typed) -> Fence {
    let text = shell_block::commands(&typed.script).script;
    let script = match shell::parse(&text) {
        Ok(script) => script,
        Err(fault) => {
            let why = format!("it does not parse as shell text: {}", fault.message);
            return Fence::Unclear(Doubt {
                line: fault.line,
                why,
                mistake: true,
            });
        }
    };
    if script.commands.is_empty() {
        return Fence::Shown;
    }
    let odd = script.commands.iter().position(|c| {
        let name = c
            .words
            .first()
            .filter(|w| !w.quoted)
            .map(|w| w.text.as_str());
        name.is_some_and(|name| like_output(c, name) || like_table(&typed.script, name))
    });
    match odd {
        None => Fence::Commands(typed),
        Some(0) => Fence::Shown,
        Some(at) => {
            let name = &script.commands[at].words[0].text;
            let line = line_of(&typed.script, name);
            let why = format!("`{}` reads like output, not like a command", short(name));
            Fence::Unclear(Doubt {
                line,
                why,
                mistake: false,
            })
        }
    }
}

/// The first command of an unprompted transcript that opsroom does not know: it may be output.
fn unknown_line(typed: &Typed) -> Option<(usize, String)> {
    let script = shell::parse(&shell_block::commands(&typed.script).script).ok()?;
    let known =
        |name: &str| effect::is_program(name) || script.functions.iter().any(|f| f.name == name);
    let names = script
        .commands
        .iter()
        .filter_map(|c| c.words.first())
        .map(|w| w.text.as_str());
    let name = names.into_iter().find(|name| !known(name))?;
    Some((
        line_of(&typed.script, name),
        format!(
            "`{}` may be a command or output: it has no prompt",
            short(name)
        ),
    ))
}

fn line_of(text: &str, name: &str) -> usize {
    text.lines()
        .position(|l| l.trim_start().starts_with(name))
        .unwrap_or(0)
}

/// Numbers, labels, several capitalized words, rules and ellipses do not begin a command.
fn like_output(command: &shell::Command, name: &str) -> bool {
    let capital = |w: &str| {
        w.len() > 1
            && w.chars()
                .all(|c| c.is_ascii_uppercase() || matches!(c, '-' | '_' | '(' | ')'))
    };
    let second = command.words.get(1).map_or("", |w| w.text.as_str());
    let number = name.contains(|c: char| c.is_ascii_digit())
        && name
            .chars()
            .all(|c| c.is_ascii_digit() || matches!(c, '.' | ',' | '%' | '/' | ':'));
    let label = name.ends_with(':') && name.len() > 1;
    let rule = name.starts_with([
        '-', '+', '=', '|', '*', '<', '%', ',', '"', '}', '│', '┌', '●', '✔', '…', '~',
    ]) && !name.starts_with("~/");
    let headed = capital(name) && capital(second) && !effect::is_program(name);
    let sentence = name.starts_with(char::is_uppercase)
        && second.starts_with(char::is_lowercase)
        && command.words.len() > 3;
    number
        || label
        || rule
        || headed
        || sentence
        || name.starts_with("..") && !name.starts_with("../")
}

/// A row of a table: words far apart, and the first is not a known program.
fn like_table(text: &str, name: &str) -> bool {
    let Some(line) = text
        .lines()
        .map(str::trim)
        .find(|line| line.starts_with(name))
    else {
        return false;
    };
    let gaps = line
        .split("  ")
        .filter(|part| !part.trim().is_empty())
        .count()
        + line.matches('\t').count();
    gaps > 2 && !effect::is_program(name) && !line.contains('#')
}

fn begins_with_a_command(code: &str) -> bool {
    let first = code
        .lines()
        .map(str::trim)
        .find(|l| !l.is_empty() && !l.starts_with('#'))
        .unwrap_or("");
    reads_like_a_command(first) || first_word(first).is_some_and(effect::is_program)
}

/// Its first word is a program, an assignment or a loop.
fn reads_like_a_command(line: &str) -> bool {
    let mut words = line.split_whitespace();
    let (Some(first), Some(_)) = (words.next(), words.next()) else {
        return first_word(line).is_some_and(|word| {
            word.split_once('=').is_some_and(|(n, v)| {
                v.starts_with("$(") && n.bytes().all(|b| b.is_ascii_uppercase())
            })
        });
    };
    let assigned = first.split_once('=').is_some_and(|(name, value)| {
        !value.is_empty()
            && name.bytes().all(|b| b.is_ascii_uppercase() || b == b'_')
            && !name.is_empty()
    });
    let keyword = ["for", "while", "if", "until"].contains(&first) && line.contains(';');
    effect::is_program(first) || assigned || keyword
}

fn first_word(line: &str) -> Option<&str> {
    line.split_whitespace().next()
}

/// Bytes that are parsed in one fence to see where its commands end.
const MOST_READ: usize = 1 << 20;

const TOO_LONG: &str =
    "a command before this line goes on for too many lines: a quote or a loop may never be closed";

/// The lines of a command so far.
#[derive(Default)]
struct Lines {
    text: String,
    /// More lines belong to it.
    open: bool,
    /// What a line must contain to close it; `None`: any line may.
    needs: Option<Needs>,
    /// Bytes parsed, for this command and those before.
    read: usize,
}

enum Needs {
    Mark(String),
    Quote,
}

impl Lines {
    fn push(&mut self, line: &str) {
        self.text.push_str(line);
        self.text.push('\n');
        let closes = self.needs.as_ref().is_none_or(|needs| match needs {
            Needs::Mark(mark) => line.trim() == mark,
            Needs::Quote => line.contains(['\'', '"']),
        });
        if closes {
            self.update();
        }
    }

    fn update(&mut self) {
        (self.open, self.needs) = (false, None);
        let text = self.text.trim_end_matches('\n');
        if text.is_empty() || text.ends_with('\\') {
            self.open = !text.is_empty();
            return;
        }
        self.read += text.len();
        if let Err(fault) = shell::parse(&shell_block::commands(&self.text).script) {
            self.open = fault.open;
            self.needs = match fault
                .message
                .strip_prefix("the here-document is never closed with ")
            {
                Some(mark) if mark.bytes().all(|b| b.is_ascii_alphanumeric()) => {
                    Some(Needs::Mark(mark.to_owned()))
                }
                Some(_) => None,
                None => (fault.message == "a quote is never closed").then_some(Needs::Quote),
            };
            self.needs = self.needs.take().filter(|_| fault.open);
        }
    }
}

fn machine(host: &str) -> &str {
    host.rsplit('@')
        .next()
        .unwrap_or(host)
        .split([':', ' ', '~'])
        .next()
        .unwrap_or(host)
}

fn of_another(mark: &str) -> String {
    format!(
        "`{}` is the prompt of another program, or of a shell somewhere else",
        short(mark)
    )
}

fn short(text: &str) -> String {
    let cut: String = text.trim().chars().take(40).collect();
    if cut.len() < text.trim().len() {
        format!("{cut}…")
    } else {
        cut
    }
}

fn prompt(line: &str) -> Prompt<'_> {
    let line = line.trim_start();
    if let Some(rest) = ["$ ", "% ", "❯ ", "➜ "]
        .into_iter()
        .find_map(|p| line.strip_prefix(p))
    {
        return Prompt::Shell(rest);
    }
    if line == "$" {
        return Prompt::Shell("");
    }
    if let Some(rest) = line.strip_prefix("# ") {
        return Prompt::Root(rest);
    }
    host(line).or_else(|| other(line)).unwrap_or(Prompt::None)
}

/// `user@host:~$ `, `[user@host dir]# `.
fn host(line: &str) -> Option<Prompt<'_>> {
    let end = [line.find("$ "), line.find("# ")]
        .into_iter()
        .flatten()
        .min()?;
    let head = &line[..end];
    let is_host = head.contains('@')
        && !head.contains(['\'', '"', '=', '<'])
        && (head.starts_with('[') || !head.contains(' '));
    let name = head.trim_matches(['[', ']']);
    is_host.then(|| Prompt::Host(name, line[end + 2..].trim_start()))
}

/// `mysql> `, `postgres=# `, `>>> `, `irb(main):001:0> `, `sh-4.4# `, `/ # `.
fn other(line: &str) -> Option<Prompt<'_>> {
    let mut words = line.split_whitespace();
    let (first, second) = (words.next()?, words.next().unwrap_or(""));
    let sound =
        |word: &str| !word.contains(['<', '\'', '"', '$', '&', '`', '\\']) && !word.ends_with("->");
    let named = |word: &str| word.chars().any(char::is_alphabetic) && sound(word);
    let shell = first.strip_suffix(['#', '$']).is_some_and(|name| {
        let name = name.rsplit_once('-').map_or(name, |(shell, _)| shell);
        ["sh", "bash", "ash", "dash", "ksh", "zsh"].contains(&name)
    });
    let folder = (first.starts_with('/') || first == "~")
        && matches!(second, "#" | "$")
        && words.next().is_some();
    let database = ["=#", "=>", "-#", "(#", "=*#"]
        .iter()
        .any(|end| first.ends_with(end))
        && named(first);
    let address = first.contains('.') && first.contains(':') && sound(first);
    let marked = first.ends_with('>') && (named(first) || address) && !first.contains("=>");
    let bare = [">", ">>", ">>>", "->", "$>", "#>"].contains(&first);
    let bracketed = first.starts_with('[')
        && line
            .split_whitespace()
            .take(4)
            .any(|w| w.ends_with('>') && named(w));
    let server = second.ends_with(")]>") || second.ends_with("]>");
    // `$mac git status`: a label for the machine.
    let labelled = first.strip_prefix('$').is_some_and(|name| {
        !name.is_empty()
            && name.bytes().all(|b| b.is_ascii_lowercase())
            && effect::is_program(second)
    });
    let found = shell || folder || database || marked || bare || bracketed || server || labelled;
    found.then_some(Prompt::Other(first))
}

#[cfg(test)]
mod tests;
