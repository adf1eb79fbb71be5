//! What shell text does, by the table in `assets/commands.toml`: whether it changes something, and
//! whether its commands end by themselves. Programs that run others (`sudo`, `ssh`, `xargs`,
//! `kubectl exec`) are looked through.

mod arguments;
mod functions;
mod inner;
mod snippet;
mod sql;
mod table;
mod text;

use self::arguments::Arguments;
pub(super) use self::functions::Functions;
use self::table::{BreakerKey, Default, Program, fits, program};
use super::shell::{Command, Redirect, Script, Word};

/// How deep commands may run each other.
const MAX_DEPTH: usize = 12;

/// What a script, or one command of it, does.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Effect {
    /// What it changes, as in "it deletes files".
    pub change: Option<String>,
    /// The change is only feared: a program is not in the table.
    pub unknown: bool,
    /// The command that never ends by itself.
    pub endless: Option<String>,
    /// The command that wants a terminal.
    pub terminal: Option<String>,
    /// The terminal is a shell or prompt somewhere else.
    pub opens: bool,
}

impl Effect {
    fn changing(why: impl Into<String>) -> Self {
        Self {
            change: Some(why.into()),
            ..Self::default()
        }
    }

    /// Both, one after the other.
    fn and(mut self, other: Self) -> Self {
        // A known change says more than a feared one.
        if self.change.is_none() || (self.unknown && other.change.is_some() && !other.unknown) {
            (self.change, self.unknown) = (other.change, other.unknown);
        }
        self.endless = self.endless.or(other.endless);
        self.terminal = self.terminal.or(other.terminal);
        self.opens |= other.opens;
        self
    }
}

/// What a script does. `functions`: those of the blocks before it.
pub(super) fn of(script: &Script, functions: &Functions) -> Effect {
    let mut functions = functions.clone();
    functions.add(script);
    let mut effect = of_commands(&script.commands, &functions, 0);
    if script.endless && effect.endless.is_none() {
        effect.endless = Some("a loop without an end".to_owned());
    }
    effect
}

/// The word is the name of a program in the table.
pub(super) fn is_program(word: &str) -> bool {
    let somewhere = word.contains('/') && !word.contains("bin/");
    !somewhere && program(base_name(word)).is_some()
}

fn of_commands(commands: &[Command], known: &Functions, depth: usize) -> Effect {
    commands
        .iter()
        .map(|c| of_command(c, known, depth))
        .fold(Effect::default(), Effect::and)
}

fn of_command(command: &Command, known: &Functions, depth: usize) -> Effect {
    let written = command
        .redirects
        .iter()
        .any(|r| writes(r) && !(depth == 0 && notes_down(r, command)));
    let called = known.call(&command.words, reads_input(command));
    let called = called.or_else(|| of_builtin(&command.words, known, depth));
    let effect = called.unwrap_or_else(|| of_words(&command.words, command, depth));
    if written {
        effect.and(Effect::changing("writes to a file"))
    } else {
        effect
    }
}

/// Builtins whose effect is that of what they name.
fn of_builtin(words: &[Word], known: &Functions, depth: usize) -> Option<Effect> {
    let (first, rest) = words.split_first()?;
    let looks = match first.text.as_str() {
        "alias" => !rest.is_empty() && rest.iter().all(|word| names_anew(&word.text, known)),
        "." | "source" => matches!(rest, [file] if completes(&file.text)),
        "trap" => return trapped(rest, known, depth),
        _ => return None,
    };
    looks.then(Effect::default)
}

/// `trap 'echo stopped' INT`: what is run later does what it would do now.
fn trapped(words: &[Word], known: &Functions, depth: usize) -> Option<Effect> {
    let (body, signals) = words
        .split_first()
        .filter(|(_, signals)| !signals.is_empty())?;
    let is_signal = |w: &Word| {
        w.text
            .bytes()
            .all(|b| b.is_ascii_uppercase() || b.is_ascii_digit())
    };
    if depth > MAX_DEPTH
        || body.text.starts_with('-') && body.text != "-"
        || !signals.iter().all(is_signal)
    {
        return None;
    }
    if body.text == "-" {
        return Some(Effect::default());
    }
    let script = super::shell::parse(&body.text)
        .ok()
        .filter(|script| script.functions.is_empty())?;
    Some(of_commands(&script.commands, known, depth + 1))
}

/// `k=kubectl`, `ll='ls -la'`, or a name that neither the table nor the page knows: that one is
/// asked about when used.
fn names_anew(definition: &str, known: &Functions) -> bool {
    let Some((name, body)) = definition.split_once('=') else {
        return false;
    };
    if known.knows(name)
        || name.is_empty()
        || !name
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"_-".contains(&b))
    {
        return false;
    }
    let Some(entry) = program(name) else {
        return true;
    };
    let mut words = body.split_whitespace();
    let same = words
        .next()
        .and_then(program)
        .is_some_and(|other| other == entry);
    let options = words.all(|w| {
        w.starts_with('-')
            && w.bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"-=".contains(&b))
    });
    same && (entry.only_looks() || !body.contains(char::is_whitespace)) && options
}

/// `<(kubectl completion bash)`: what a tool prints for the shell to complete its words with.
fn completes(file: &str) -> bool {
    let command = file
        .strip_prefix("<(")
        .and_then(|f| f.strip_suffix(')'))
        .unwrap_or("");
    let words: Vec<&str> = command.split_whitespace().collect();
    matches!(words[..], [tool, "completion", "bash" | "zsh"] if program(tool).is_some_and(|entry| entry.has(BreakerKey::Helps)))
}

fn reads_input(command: &Command) -> bool {
    command.piped
        || command
            .redirects
            .iter()
            .any(|r| r.operator.starts_with('<'))
}

fn writes(redirect: &Redirect) -> bool {
    let file = redirect.target.text.as_str();
    let operator = redirect.operator.as_str();
    if operator == ">&" && (file == "-" || file.bytes().all(|b| b.is_ascii_digit())) {
        return false;
    }
    let harmless = ["/dev/null", "/dev/stdout", "/dev/stderr", "/dev/tty"].contains(&file);
    operator.contains('>') && operator != "<>" && !harmless
}

/// What a command prints goes to a file for notes that the page names in the folder for such: `>
/// /tmp/pods.yaml`.
fn notes_down(redirect: &Redirect, command: &Command) -> bool {
    const NOTES: [&str; 9] = [
        ".txt", ".json", ".yaml", ".yml", ".log", ".csv", ".out", ".md", ".html",
    ];
    let file = redirect.target.text.as_str();
    let name = file
        .strip_prefix("/tmp/")
        .filter(|_| !redirect.target.dynamic)
        .unwrap_or("");
    let plain = name
        .bytes()
        .all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b))
        && !name.starts_with('.');
    let prints = command
        .words
        .first()
        .is_some_and(|w| ![":", "true"].contains(&w.text.as_str()));
    plain
        && prints
        && [">", ">>", "&>"].contains(&redirect.operator.as_str())
        && NOTES.iter().any(|end| name.ends_with(end))
}

/// What stands after the last slash of a program's path; a path of this folder is a script of
/// somebody's own.
fn base_name(word: &str) -> &str {
    let absolute = word.starts_with('/') || word.starts_with("~/");
    if absolute {
        word.rsplit('/').next().unwrap_or(word)
    } else {
        word
    }
}

fn of_words(words: &[Word], command: &Command, depth: usize) -> Effect {
    let Some(first) = words.first() else {
        return Effect::default();
    };
    let name = base_name(&first.text);
    if name.is_empty() {
        return Effect::default();
    }
    if depth > MAX_DEPTH {
        return unknown(name);
    }
    let only = if let [_, only] = words {
        only.text.as_str()
    } else {
        ""
    };
    let Some(mut entry) = program(name) else {
        let asks_help = ["--help", "--version"].contains(&only) && !name.contains('/');
        return if asks_help || lists(name, &words[1..]) {
            Effect::default()
        } else {
            unknown(name)
        };
    };
    if ["--help", "--version", "-V"].contains(&only)
        || entry.alone.iter().any(|option| option == only)
    {
        return Effect::default();
    }
    let helps = entry.has(BreakerKey::Helps) && asks_help(&words[1..]);
    let mut arguments = Arguments::of(&words[1..], &entry.options);
    let mut full = name.to_owned();
    let mut flagged = None;
    while let Some(word) = arguments
        .words
        .first()
        .map(|at| arguments.all[*at].text.to_lowercase())
    {
        let Some(inner) = program(&format!("{full} {word}")) else {
            break;
        };
        // `git -c … log`: the options before the word are those of the program.
        let before = &arguments.all[..arguments.words[0]];
        if before
            .iter()
            .any(|w| entry.flags.iter().any(|flag| fits(flag, &w.text)))
        {
            flagged = Some(Effect::changing(entry.why.clone()));
        }
        full = format!("{full} {word}");
        arguments = arguments.behind_first(&inner.options);
        entry = inner;
    }
    if helps && entry.runs.is_none() && flagged.is_none() {
        return Effect::default();
    }
    let effect = Look {
        entry,
        arguments,
        command,
        depth,
        full,
    }
    .effect();
    flagged.into_iter().fold(effect, Effect::and)
}

/// `frobnicate list`, `frobnicate status web`: a tool that is not in the table is asked by a verb
/// that has one meaning everywhere. Another word or an option that could change something leaves
/// the doubt, and so does a script.
fn lists(name: &str, words: &[Word]) -> bool {
    const VERBS: [&str; 7] = [
        "list", "ls", "status", "describe", "show", "version", "whoami",
    ];
    const OPTIONS: [&str; 12] = [
        "-w",
        "-i",
        "-f",
        "-y",
        "-e",
        "-d",
        "--fix",
        "--force",
        "--yes",
        "--in-place",
        "--exec",
        "--prune",
    ];
    let Some((verb, rest)) = words.split_first() else {
        return false;
    };
    let tool = name.len() > 1
        && name
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-_".contains(&b));
    let harmless = |w: &Word| {
        let text = w.text.split('=').next().unwrap_or("");
        !table::may_change(text)
            && !OPTIONS.contains(&text)
            && !text.starts_with("--delete")
            && !text.starts_with("--out")
    };
    tool && !verb.quoted && VERBS.contains(&verb.text.as_str()) && rest.iter().all(harmless)
}

/// Words of a tool with `--help` behind them, and nothing that could be the value of an option.
fn asks_help(words: &[Word]) -> bool {
    let Some((last, before)) = words.split_last() else {
        return false;
    };
    // What these run may take the option for its own.
    let runs = |w: &Word| {
        w.text.starts_with("exec") || ["run", "ssh", "rsh", "debug"].contains(&w.text.as_str())
    };
    let is_word = |w: &Word| {
        !w.dynamic
            && !runs(w)
            && !w.text.starts_with('-')
            && w.text.bytes().all(|b| b.is_ascii_lowercase() || b == b'-')
    };
    last.text == "--help" && before.len() < 4 && before.iter().all(is_word)
}

fn unknown(name: &str) -> Effect {
    let change = Some(format!(
        "may change something (opsroom does not know `{}`)",
        short(name)
    ));
    Effect {
        change,
        unknown: true,
        ..Effect::default()
    }
}

fn short(text: &str) -> String {
    text.chars().take(40).collect()
}

/// One command beside its entry of the table.
struct Look<'a> {
    entry: &'static Program,
    arguments: Arguments<'a>,
    command: &'a Command,
    depth: usize,
    full: String,
}

impl Look<'_> {
    fn effect(&self) -> Effect {
        let mut effect = self.change();
        if self.is_dry() {
            return Effect {
                endless: self.endless(),
                ..Effect::default()
            };
        }
        effect.endless = effect.endless.or_else(|| self.endless());
        if let Some(terminal) = self.terminal().filter(|_| effect.terminal.is_none()) {
            effect.terminal = Some(terminal);
            effect.opens |= self.entry.opens;
        }
        if self.full == "find" {
            effect = self.find().into_iter().fold(effect, Effect::and);
        }
        effect
    }

    /// Where the command that it runs begins: options from there on belong to that one.
    fn own_end(&self) -> usize {
        let all = self.arguments.all.len();
        if self.entry.runs.is_some() {
            all - self.inner_words().map_or(0, <[Word]>::len)
        } else {
            all
        }
    }

    fn own_options(&self) -> impl Iterator<Item = (usize, &str)> {
        let end = self.own_end();
        self.arguments
            .options()
            .filter(move |(at, ..)| *at < end)
            .map(|(at, option, _)| (at, option))
    }

    fn is_any(&self, options: &[String]) -> bool {
        let entry = self.entry;
        options.iter().any(|wanted| {
            self.own_options()
                .any(|(_, o)| fits(wanted, o) || arguments::has_letter(wanted, o, entry))
        })
    }

    /// An option keeps it from changing anything. A letter counts before the first word only:
    /// behind it, it may belong to a script or mean something else.
    fn is_dry(&self) -> bool {
        let entry = self.entry;
        let first = self.arguments.words.first().copied().unwrap_or(usize::MAX);
        let counts = |at: usize, option: &str| {
            !self.arguments.is_value(at) && (option.starts_with("--") || at < first) && {
                entry.dry.iter().any(|dry| fits(dry, option))
            }
        };
        // `make -n` works out its variables, and what they name is run.
        let works_out = self.full.ends_with("make")
            && self
                .arguments
                .all
                .iter()
                .any(|w| w.text.contains(['$', '`', '!']));
        self.own_options().any(|(at, option)| counts(at, option))
            && !self.is_any(&entry.flags)
            && !self.is_given()
            && !works_out
    }

    /// A script or statement stands among its options.
    fn is_given(&self) -> bool {
        let entry = self.entry;
        entry
            .statement
            .iter()
            .chain(&entry.script)
            .any(|o| !self.arguments.values_of(o, entry).is_empty())
    }

    fn why(&self, word: &str) -> String {
        let reason = self
            .entry
            .reasons
            .iter()
            .find(|(pattern, _)| fits(pattern, word))
            .map(|(_, why)| why);
        reason.unwrap_or(&self.entry.why).clone()
    }

    fn change(&self) -> Effect {
        let entry = self.entry;
        if let Some(effect) = self.inner() {
            let flagged = self.is_any(&entry.flags);
            return if flagged {
                effect.and(Effect::changing(self.why("")))
            } else {
                effect
            };
        }
        let sent = entry.values.iter().any(|(option, fine)| {
            self.arguments
                .values_of(option, entry)
                .iter()
                .any(|value| !fine.iter().any(|f| f == value))
        });
        if self.program_acts() {
            return Effect::changing("writes a file or runs a program");
        }
        if self.snippet_looks() {
            return Effect::default();
        }
        if sent || (self.is_any(&entry.flags) && !self.only_asks()) {
            return Effect::changing(self.why(self.arguments.word(0)));
        }
        match self.verdict() {
            (Default::Changes, word) => Effect::changing(self.why(word)),
            (Default::Looks | Default::Terminal, _) => Effect::default(),
        }
    }

    /// `curl -G -d q=up`, `curl -X GET -d '{…}'`: its data are part of a question. A file's content
    /// is sent, not asked.
    fn only_asks(&self) -> bool {
        const DATA: [&str; 7] = [
            "-d",
            "--data",
            "--data-raw",
            "--data-binary",
            "--data-ascii",
            "--data-urlencode",
            "--json",
        ];
        let entry = self.entry;
        let of = |option: &str| self.arguments.values_of(option, entry);
        let asks = self.is_any(&["-G".to_owned(), "--get".to_owned()])
            || !(of("-X").is_empty() && of("--request").is_empty());
        let rest: Vec<String> = entry
            .flags
            .iter()
            .filter(|f| !["-d", "--data*", "--json*"].contains(&f.as_str()))
            .cloned()
            .collect();
        let sends_file = |value: &str| {
            value.starts_with('@') || value.split('=').next().unwrap_or("").contains('@')
        };
        self.full == "curl"
            && asks
            && !self.is_any(&rest)
            && !DATA.iter().flat_map(|o| of(o)).any(sends_file)
    }

    /// No more words than the table grants, and no option but those it names.
    fn is_within(&self) -> bool {
        let entry = self.entry;
        let letters = |option: &str| {
            let letters = option
                .strip_prefix('-')
                .filter(|l| entry.letters && !l.is_empty() && l.is_ascii());
            letters.is_some_and(|l| {
                l.chars()
                    .all(|c| entry.fine.iter().any(|f| f[1..] == c.to_string()))
            })
        };
        let fine = |option: &str| entry.fine.iter().any(|f| fits(f, option)) || letters(option);
        let mut named = false;
        let all_fine = self
            .arguments
            .options()
            .filter(|(at, ..)| !self.arguments.is_value(*at))
            .all(|(_, option, _)| {
                named |= fine(option);
                fine(option) || entry.options.iter().any(|o| o == option)
            });
        let some = named || !self.arguments.words.is_empty() || entry.bare == Default::Looks;
        entry
            .most
            .is_some_and(|most| self.arguments.words.len() <= most)
            && all_fine
            && some
    }

    /// What its words say, by the table, and the word that decided.
    fn verdict(&self) -> (Default, &str) {
        let entry = self.entry;
        let looks = |at: &usize| {
            entry
                .looks
                .iter()
                .any(|p| fits(p, &self.arguments.all[*at].text))
        };
        if entry.has(BreakerKey::Every) && !self.arguments.words.iter().all(looks) {
            return (entry.default, self.arguments.word(0));
        }
        if self.is_within() && !self.arguments.all.is_empty() {
            return (Default::Looks, "");
        }
        if self.arguments.all.is_empty() || (self.arguments.words.is_empty() && !entry.deep) {
            let first = self.arguments.all.first().map_or("", |w| w.text.as_str());
            let looks =
                entry.looks.iter().any(|p| fits(p, first)) || entry.default == Default::Looks;
            let bare = if entry.most.is_some() && !self.arguments.all.is_empty() {
                entry.default
            } else {
                entry.bare
            };
            return (if looks { Default::Looks } else { bare }, first);
        }
        let candidates: Vec<usize> = if entry.deep {
            (0..self.arguments.all.len())
                .filter(|at| !self.arguments.is_value(*at))
                .collect()
        } else {
            // `rpm -qa` and `kubectl get`: the verb is the first argument, or the first that is no
            // option.
            let option = self
                .arguments
                .all
                .first()
                .is_some_and(|w| w.text.starts_with('-'))
                .then_some(0);
            option
                .into_iter()
                .chain(self.arguments.words.first().copied())
                .collect()
        };
        let text = |at: usize| self.arguments.all[at].text.as_str();
        let found = |patterns: &[String], at: usize| patterns.iter().any(|p| fits(p, text(at)));
        // What stands behind an option that the table does not know may be its value.
        let sure = |at: usize| {
            !entry.deep || text(at).starts_with('-') || at == 0 || !self.may_have_value(at - 1)
        };
        let settles = |at: usize| {
            let word = text(at);
            let plain = ["list", "ls", "get", "show", "describe", "view", "wait"].contains(&word);
            plain
                || ["list-", "get-", "describe-"]
                    .iter()
                    .any(|start| word.starts_with(start))
        };
        let settled = candidates.iter().copied().find(|at| {
            entry.has(BreakerKey::Settled) && settles(*at) && sure(*at) && found(&entry.looks, *at)
        });
        // `aws deploy list-deployments`: the first word of it is a service.
        let service = self
            .arguments
            .words
            .first()
            .copied()
            .filter(|_| self.full == "aws");
        // A look that is written out counts before changes that only begin alike.
        let named = |at: usize| entry.looks.iter().any(|p| p.eq_ignore_ascii_case(text(at)));
        let changes = |at: usize| {
            let value =
                settled.is_some_and(|look| look < at) && at > 0 && text(at - 1).starts_with("--");
            found(&entry.changes, at)
                && !named(at)
                && service != Some(at)
                && !(value && self.may_have_value(at - 1))
        };
        if let Some(at) = candidates.iter().copied().find(|at| changes(*at)) {
            return (Default::Changes, text(at));
        }
        match candidates
            .into_iter()
            .find(|at| sure(*at) && found(&entry.looks, *at))
        {
            Some(at) => (Default::Looks, text(at)),
            None => (entry.default, self.arguments.word(0)),
        }
    }

    fn may_have_value(&self, at: usize) -> bool {
        let text = self.arguments.all[at].text.as_str();
        text.starts_with('-')
            && text.len() > 1
            && !text.contains('=')
            && !self.arguments.is_value(at)
    }

    fn endless(&self) -> Option<String> {
        let entry = self.entry;
        if self.is_any(&entry.unless) {
            return None;
        }
        let word = self.arguments.word(0);
        let always = entry
            .endless
            .iter()
            .any(|p| p == "*" || (!word.is_empty() && fits(p, word)));
        (always || self.is_any(&entry.endless_flags)).then(|| short(&self.full))
    }

    fn terminal(&self) -> Option<String> {
        let entry = self.entry;
        let has_word = |p: &String| {
            self.arguments
                .words
                .iter()
                .any(|at| fits(p, &self.arguments.all[*at].text))
        };
        if self.is_any(&entry.unless) || entry.unless.iter().any(has_word) {
            return None;
        }
        let given = self.is_given()
            || self.is_any(&entry.dry)
            || (entry.stdin.is_some() && self.is_any(&entry.flags));
        let wants = entry.stdin.is_none() || !(self.reads_input() || given);
        let bare = entry.bare == Default::Terminal
            && self.arguments.words.is_empty()
            && !given
            && !self.reads_input();
        let always = entry.terminal.iter().any(|p| p == "*" || has_word(p)) && wants && !given;
        // A pager at the end of a pipe writes through when its output is no terminal.
        let pager = self.command.piped && ["less", "more", "most"].contains(&self.full.as_str());
        ((bare || always || self.is_any(&entry.terminal_flags)) && !pager)
            .then(|| short(&self.full))
    }

    /// The program text that `sed` or `awk` is given writes or runs something.
    fn program_acts(&self) -> bool {
        let looks = if self.full.ends_with("awk") {
            text::awk_only_looks
        } else if self.full == "sed" {
            text::sed_only_looks
        } else {
            return false;
        };
        let named = ["-e", "--expression", "--source"]
            .iter()
            .flat_map(|o| self.arguments.values_of(o, self.entry));
        let mut programs: Vec<&str> = named.collect();
        if programs.is_empty() {
            programs.push(self.arguments.word(0));
        }
        !programs.into_iter().all(looks)
    }

    /// The commands of `-exec`.
    fn find(&self) -> Vec<Effect> {
        let all = self.arguments.all;
        let starts = all
            .iter()
            .enumerate()
            .filter(|(_, w)| ["-exec", "-execdir", "-ok", "-okdir"].contains(&&*w.text));
        starts
            .map(|(at, _)| {
                let rest = &all[at + 1..];
                let end = rest
                    .iter()
                    .position(|w| [";", "+"].contains(&&*w.text))
                    .unwrap_or(rest.len());
                of_words(&rest[..end], self.command, self.depth + 1)
            })
            .collect()
    }
}

#[cfg(test)]
mod everyday;
#[cfg(test)]
mod tests;
