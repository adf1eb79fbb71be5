//! What shell text does, by the table in `assets/commands.toml`: whether it changes something, and whether its commands
//! end by themselves. Programs that run others (`sudo`, `ssh`, `xargs`, `kubectl exec`) are looked through.

mod arguments;
mod sql;
mod table;

use self::arguments::Arguments;
use self::table::{Default, Program, Runs, fits, program};
use super::shell::{self, Command, Redirect, Script, Word};

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
        Self { change: Some(why.into()), ..Self::default() }
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

/// What a script does. `functions`: names that are defined elsewhere on the page.
pub(super) fn of(script: &Script, functions: &[String]) -> Effect {
    let known = |name: &str| script.functions.iter().chain(functions).any(|f| f == name);
    let mut effect = of_script(script, &known, 0);
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

fn of_script(script: &Script, known: &dyn Fn(&str) -> bool, depth: usize) -> Effect {
    script.commands.iter().map(|c| of_command(c, known, depth)).fold(Effect::default(), Effect::and)
}

fn of_command(command: &Command, known: &dyn Fn(&str) -> bool, depth: usize) -> Effect {
    let written = command.redirects.iter().any(writes);
    let effect = of_words(&command.words, command, known, depth);
    if written { effect.and(Effect::changing("writes to a file")) } else { effect }
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

/// What stands after the last slash of a program's path; a path of this folder is a script of somebody's own.
fn base_name(word: &str) -> &str {
    let absolute = word.starts_with('/') || word.starts_with("~/");
    if absolute { word.rsplit('/').next().unwrap_or(word) } else { word }
}

fn of_words(words: &[Word], command: &Command, known: &dyn Fn(&str) -> bool, depth: usize) -> Effect {
    let Some(first) = words.first() else { return Effect::default() };
    let name = base_name(&first.text);
    if known(name) || name.is_empty() {
        return Effect::default();
    }
    if depth > MAX_DEPTH {
        return unknown(name);
    }
    let Some(mut entry) = program(name) else {
        let asks_help = words.iter().skip(1).any(|w| ["--help", "--version"].contains(&w.text.as_str()));
        return if asks_help && !name.contains('/') { Effect::default() } else { unknown(name) };
    };
    let mut arguments = Arguments::of(&words[1..], &entry.options);
    let mut full = name.to_owned();
    while let Some(word) = arguments.words.first().map(|at| arguments.all[*at].text.to_lowercase()) {
        let Some(inner) = program(&format!("{full} {word}")) else { break };
        full = format!("{full} {word}");
        arguments = arguments.behind_first(&inner.options);
        entry = inner;
    }
    Look { entry, arguments, command, known, depth, full }.effect()
}

fn unknown(name: &str) -> Effect {
    let change = Some(format!("may change something (opsroom does not know `{}`)", short(name)));
    Effect { change, unknown: true, ..Effect::default() }
}

fn short(text: &str) -> String {
    text.chars().take(40).collect()
}

/// One command beside its entry of the table.
struct Look<'a> {
    entry: &'static Program,
    arguments: Arguments<'a>,
    command: &'a Command,
    known: &'a dyn Fn(&str) -> bool,
    depth: usize,
    full: String,
}

impl Look<'_> {
    fn effect(&self) -> Effect {
        let options = || self.arguments.options().map(|(o, _)| o);
        if options().any(|o| ["--help", "--version"].contains(&o)) {
            return Effect::default();
        }
        let mut effect = self.change();
        if self.is_any(&self.entry.dry) && !self.is_any(&self.entry.flags) {
            return Effect { endless: self.endless(), ..Effect::default() };
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

    fn is_any(&self, options: &[String]) -> bool {
        let written = || self.arguments.options().map(|(option, _)| option);
        options.iter().any(|wanted| written().any(|o| fits(wanted, o)) || self.arguments.has_letter(wanted, self.entry))
    }

    fn why(&self, word: &str) -> String {
        let reason = self.entry.reasons.iter().find(|(pattern, _)| fits(pattern, word)).map(|(_, why)| why);
        reason.unwrap_or(&self.entry.why).clone()
    }

    fn change(&self) -> Effect {
        let entry = self.entry;
        if let Some(effect) = self.inner() {
            let flagged = self.is_any(&entry.flags);
            return if flagged { effect.and(Effect::changing(self.why(""))) } else { effect };
        }
        let sent = entry.values.iter().any(|(option, fine)| {
            self.arguments.values_of(option, entry).iter().any(|value| !fine.iter().any(|f| f == value))
        });
        if sent || self.is_any(&entry.flags) || self.awk_acts() {
            return Effect::changing(self.why(self.arguments.word(0)));
        }
        match self.verdict() {
            (Default::Changes, word) => Effect::changing(self.why(word)),
            (Default::Looks | Default::Terminal, _) => Effect::default(),
        }
    }

    /// What its words say, by the table, and the word that decided.
    fn verdict(&self) -> (Default, &str) {
        let entry = self.entry;
        if ["help", "version"].contains(&self.arguments.word(0)) {
            return (Default::Looks, "help");
        }
        if self.arguments.words.is_empty() && (!entry.deep || self.arguments.all.is_empty()) {
            let first = self.arguments.all.first().map_or("", |w| w.text.as_str());
            let looks = entry.looks.iter().any(|p| fits(p, first)) || entry.default == Default::Looks;
            return (if looks { Default::Looks } else { entry.bare }, first);
        }
        let candidates: Vec<usize> = if entry.deep {
            (0..self.arguments.all.len()).collect()
        } else {
            // `rpm -qa` and `kubectl get`: the verb is the first argument, or the first that is no option.
            let option = self.arguments.all.first().is_some_and(|w| w.text.starts_with('-')).then_some(0);
            option.into_iter().chain(self.arguments.words.first().copied()).collect()
        };
        for at in candidates {
            let word = self.arguments.all[at].text.as_str();
            if entry.changes.iter().any(|p| fits(p, word)) {
                return (Default::Changes, word);
            }
            if entry.looks.iter().any(|p| fits(p, word)) {
                return (Default::Looks, word);
            }
        }
        (entry.default, self.arguments.word(0))
    }

    /// The command, script or statement it is given, when that decides.
    fn inner(&self) -> Option<Effect> {
        let entry = self.entry;
        let scripts: Vec<&str> = entry.script.iter().flat_map(|o| self.arguments.values_of(o, entry)).collect();
        if !scripts.is_empty() {
            return Some(scripts.into_iter().map(|s| self.script(s)).fold(Effect::default(), Effect::and));
        }
        if let Some(runs) = entry.runs {
            return self.run(runs);
        }
        let mut statements: Vec<&str> =
            entry.statement.iter().flat_map(|o| self.arguments.values_of(o, entry)).collect();
        let documents = || self.command.redirects.iter().filter(|r| r.operator.starts_with("<<"));
        match entry.stdin.as_deref() {
            Some("sql") => {
                if !entry.statement.is_empty() {
                    let spoken = self.arguments.words.iter().map(|at| self.arguments.all[*at].text.as_str());
                    statements.extend(spoken.filter(|text| text.contains(' ')));
                }
                statements.extend(documents().map(|r| r.target.text.as_str()));
                if statements.is_empty() {
                    return self
                        .reads_input()
                        .then(|| Effect::changing(format!("{} (it reads statements)", entry.why)));
                }
                let changes = statements.into_iter().any(|s| !sql::only_looks(s));
                Some(if changes { Effect::changing(entry.why.clone()) } else { Effect::default() })
            }
            Some("shell") if self.arguments.words.is_empty() || self.is_any(&["-s".to_owned()]) => {
                let mut found = documents().map(|r| self.script(&r.target.text)).peekable();
                if found.peek().is_some() {
                    return Some(found.fold(Effect::default(), Effect::and));
                }
                self.reads_input().then(|| Effect::changing("runs what it reads"))
            }
            _ => None,
        }
    }

    fn reads_input(&self) -> bool {
        self.command.piped || self.command.redirects.iter().any(|r| r.operator.starts_with('<'))
    }

    fn script(&self, text: &str) -> Effect {
        match shell::parse(text) {
            Ok(script) => of_script(&script, self.known, self.depth + 1),
            Err(_) => Effect::changing("runs text that cannot be read"),
        }
    }

    /// The effect of the command it runs; nothing when its own verb decides.
    fn run(&self, runs: Runs) -> Option<Effect> {
        let entry = self.entry;
        let rest = match runs {
            Runs::Rest => self.arguments.behind_words(entry.skip),
            Runs::Dashes => match self.arguments.dashes {
                Some(at) => &self.arguments.all[at + 1..],
                None if entry.looks.is_empty() => self.arguments.behind_words(entry.skip),
                None => return None,
            },
        };
        // `env A=1 command`
        let assigned = |w: &&Word| self.full == "env" && w.text.contains('=');
        let rest = &rest[rest.iter().take_while(assigned).count()..];
        if rest.is_empty() {
            let shell = entry.opens && !self.reads_input();
            let terminal = shell.then(|| short(&self.full));
            let change = self.reads_input() && entry.opens;
            let change = change.then(|| "runs what it reads".to_owned());
            return Some(Effect { terminal, change, opens: shell, ..Effect::default() });
        }
        if self.full == "ssh" || self.full.ends_with(" ssh") || self.full == "eval" {
            let text: Vec<&str> = rest.iter().map(|w| w.text.as_str()).collect();
            return Some(self.script(&text.join(" ")));
        }
        Some(of_words(rest, self.command, self.known, self.depth + 1))
    }

    fn endless(&self) -> Option<String> {
        let entry = self.entry;
        if self.is_any(&entry.unless) {
            return None;
        }
        let word = self.arguments.word(0);
        let always = entry.endless.iter().any(|p| p == "*" || (!word.is_empty() && fits(p, word)));
        (always || self.is_any(&entry.endless_flags)).then(|| short(&self.full))
    }

    fn terminal(&self) -> Option<String> {
        let entry = self.entry;
        let has_word = |p: &String| self.arguments.words.iter().any(|at| fits(p, &self.arguments.all[*at].text));
        if self.is_any(&entry.unless) || entry.unless.iter().any(has_word) {
            return None;
        }
        let given = entry.statement.iter().chain(&entry.script).any(|o| !self.arguments.values_of(o, entry).is_empty())
            || self.is_any(&entry.dry)
            || (entry.stdin.is_some() && self.is_any(&entry.flags));
        let wants = entry.stdin.is_none() || !(self.reads_input() || given);
        let bare = entry.bare == Default::Terminal && self.arguments.words.is_empty() && !given && !self.reads_input();
        let always = entry.terminal.iter().any(|p| p == "*" || has_word(p)) && wants && !given;
        // A pager at the end of a pipe writes through when its output is no terminal.
        let pager = self.command.piped && ["less", "more", "most"].contains(&self.full.as_str());
        ((bare || always || self.is_any(&entry.terminal_flags)) && !pager).then(|| short(&self.full))
    }

    fn awk_acts(&self) -> bool {
        let acts = |w: &Word| ["system(", "print >", "print>", "| \"", "> \""].iter().any(|a| w.text.contains(a));
        self.full.ends_with("awk") && self.arguments.all.iter().any(acts)
    }

    /// The commands of `-exec`.
    fn find(&self) -> Vec<Effect> {
        let all = self.arguments.all;
        let starts = all.iter().enumerate().filter(|(_, w)| ["-exec", "-execdir", "-ok", "-okdir"].contains(&&*w.text));
        starts
            .map(|(at, _)| {
                let rest = &all[at + 1..];
                let end = rest.iter().position(|w| [";", "+"].contains(&&*w.text)).unwrap_or(rest.len());
                of_words(&rest[..end], self.command, self.known, self.depth + 1)
            })
            .collect()
    }
}

#[cfg(test)]
mod tests;
