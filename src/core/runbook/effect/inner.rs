//! Commands, scripts and statements that a command is given to run.

use super::table::{Default, Runs};
use super::{Effect, Functions, Look, of_commands, of_words, reads_input, short, sql};
use crate::runbook::shell::{self, Command, Word};

impl Look<'_> {
    /// The command, script or statement it is given, when that decides.
    pub(super) fn inner(&self) -> Option<Effect> {
        let entry = self.entry;
        let scripts: Vec<&str> = entry
            .script
            .iter()
            .flat_map(|o| self.arguments.values_of(o, entry))
            .collect();
        // `bash x.sh -c ls` gives the option to the script.
        let before = self
            .arguments
            .words
            .first()
            .map_or(&[][..], |first| &self.arguments.all[..*first]);
        let of_script = entry.stdin.as_deref() == Some("shell")
            && !before.iter().any(|w| entry.script.contains(&w.text));
        if !scripts.is_empty() && !of_script {
            let effect = scripts
                .into_iter()
                .map(|s| self.script(s))
                .fold(Effect::default(), Effect::and);
            return Some(self.run().into_iter().fold(effect, Effect::and));
        }
        if entry.runs.is_some() {
            return self.run();
        }
        let mut statements: Vec<&str> = entry
            .statement
            .iter()
            .flat_map(|o| self.arguments.values_of(o, entry))
            .collect();
        let documents = || {
            self.command
                .redirects
                .iter()
                .filter(|r| r.operator.starts_with("<<"))
        };
        match entry.stdin.as_deref() {
            Some("sql") => {
                if !entry.statement.is_empty() {
                    let spoken = self
                        .arguments
                        .words
                        .iter()
                        .map(|at| self.arguments.all[*at].text.as_str());
                    statements.extend(spoken.filter(|text| text.contains(' ')));
                }
                statements.extend(documents().map(|r| r.target.text.as_str()));
                if statements.is_empty() {
                    return self
                        .reads_input()
                        .then(|| Effect::changing(format!("{} (it reads statements)", entry.why)));
                }
                let changes = statements.into_iter().any(|s| !sql::only_looks(s));
                Some(if changes {
                    Effect::changing(entry.why.clone())
                } else {
                    Effect::default()
                })
            }
            Some("shell") if self.arguments.words.is_empty() || self.is_any(&["-s".to_owned()]) => {
                let mut found = documents().map(|r| self.script(&r.target.text)).peekable();
                if found.peek().is_some() {
                    return Some(found.fold(Effect::default(), Effect::and));
                }
                self.reads_input()
                    .then(|| Effect::changing("runs what it reads"))
            }
            Some("any") => self
                .reads_input()
                .then(|| Effect::changing("sends what it reads")),
            // A prompt that is fed does what it reads.
            _ if entry.bare == Default::Terminal && self.arguments.words.is_empty() => self
                .reads_input()
                .then(|| Effect::changing("runs what it reads")),
            _ => None,
        }
    }

    pub(super) fn reads_input(&self) -> bool {
        reads_input(self.command)
    }

    /// Text for a shell, which reads what this command reads. The page's functions are not known in
    /// there.
    fn script(&self, text: &str) -> Effect {
        let Ok(script) = shell::parse(text) else {
            return Effect::changing("runs text that cannot be read");
        };
        let mut functions = Functions::default();
        functions.add(&script);
        let input = || {
            self.command
                .redirects
                .iter()
                .filter(|r| r.operator.starts_with('<'))
                .cloned()
        };
        let fed = |mut command: Command| {
            command.piped |= self.command.piped;
            command.redirects.extend(input());
            command
        };
        let commands: Vec<Command> = script.commands.into_iter().map(fed).collect();
        of_commands(&commands, &functions, self.depth + 1)
    }

    /// The words of the command it runs; nothing when its own verb decides.
    pub(super) fn inner_words(&self) -> Option<&[Word]> {
        let entry = self.entry;
        let rest = match (entry.runs?, self.arguments.dashes) {
            (Runs::Dashes, Some(at)) => &self.arguments.all[at + 1..],
            (Runs::Dashes, None) if !entry.looks.is_empty() => return None,
            _ => self.arguments.behind_words(entry.skip),
        };
        // `env A=1 command`
        let assigned = |w: &&Word| {
            ["env", "sudo", "doas"].contains(&self.full.as_str()) && w.text.contains('=')
        };
        Some(&rest[rest.iter().take_while(assigned).count()..])
    }

    /// The effect of the command it runs.
    fn run(&self) -> Option<Effect> {
        let entry = self.entry;
        let rest = self.inner_words()?;
        if rest.is_empty() {
            let shell = entry.opens && !self.reads_input();
            let terminal = shell.then(|| short(&self.full));
            let change = self.reads_input() && entry.opens;
            let change = change.then(|| "runs what it reads".to_owned());
            return Some(Effect {
                terminal,
                change,
                opens: shell,
                ..Effect::default()
            });
        }
        if ["ssh", "watch"].contains(&self.full.as_str()) || self.full.ends_with(" ssh") {
            let text: Vec<&str> = rest.iter().map(|w| w.text.as_str()).collect();
            return Some(self.script(&text.join(" ")));
        }
        let mut words = rest.to_vec();
        if self.full == "xargs" {
            // What it reads comes behind.
            words.push(Word {
                text: "{}".to_owned(),
                dynamic: true,
                ..Word::default()
            });
        }
        Some(of_words(&words, self.command, self.depth + 1))
    }
}
