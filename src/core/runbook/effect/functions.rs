//! The functions of a page: what calling them does.

use std::collections::BTreeMap;

use super::{Effect, of_commands, program};
use crate::runbook::shell::{Command, Function, Script, Word};

/// Functions by name.
#[derive(Debug, Clone, Default)]
pub(in crate::runbook) struct Functions(BTreeMap<String, Called>);

/// What a call does.
#[derive(Debug, Clone, Default)]
struct Called {
    plain: Effect,
    /// With something to read.
    fed: Effect,
    /// It uses its arguments, and options may change what it does with them.
    plain_only: bool,
}

/// Programs that change nothing, whatever they are given.
const PRINTERS: [&str; 21] = [
    "echo", "printf", "test", "[", "local", "declare", "typeset", "readonly", "shift", "return",
    "exit", "break", "continue", "true", "false", ":", "cat", "ls", "head", "wc", "grep",
];

impl Functions {
    /// Those of a script, in the order of their ends: a body knows the functions before it.
    pub fn add(&mut self, script: &Script) {
        for function in &script.functions {
            let called = self.judge(function);
            let before = self.0.remove(&function.name).unwrap_or_default();
            let plain_only = before.plain_only || called.plain_only;
            let called = Called {
                plain: before.plain.and(called.plain),
                fed: before.fed.and(called.fed),
                plain_only,
            };
            self.0.insert(function.name.clone(), called);
        }
    }

    fn judge(&self, function: &Function) -> Called {
        let name = &function.name;
        let prints = function.commands.iter().all(|command| self.prints(command));
        let why = if program(name).is_some() {
            Some(format!(
                "may change something (the page has a function `{name}`)"
            ))
        } else if function.arguments && !prints {
            Some(format!(
                "may change something (the function `{name}` uses its arguments)"
            ))
        } else {
            None
        };
        let doubt = Effect {
            unknown: why.is_some(),
            change: why,
            ..Effect::default()
        };
        let fed = |command: &Command| Command {
            piped: true,
            ..command.clone()
        };
        let commands: Vec<Command> = function.commands.iter().map(fed).collect();
        Called {
            plain: of_commands(&function.commands, self, 0).and(doubt.clone()),
            fed: of_commands(&commands, self, 0).and(doubt),
            plain_only: function.arguments && !function.commands.iter().all(only_prints),
        }
    }

    /// The function's arguments stand only where they are printed, tested or named.
    fn prints(&self, command: &Command) -> bool {
        let Some((first, rest)) = command.words.split_first() else {
            return true;
        };
        let printer = PRINTERS.contains(&first.text.as_str()) || self.knows(&first.text);
        !names_argument(&first.text)
            && (printer || !rest.iter().any(|word| names_argument(&word.text)))
    }

    pub(super) fn knows(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    pub(super) fn call(&self, words: &[Word], reads: bool) -> Option<Effect> {
        let (name, rest) = words.split_first()?;
        let called = self.0.get(&name.text)?;
        let effect = if reads {
            called.fed.clone()
        } else {
            called.plain.clone()
        };
        // `f -delete`: what was found harmless in the body was so without options.
        let options = |word: &Word| {
            word.text.starts_with(['-', '+', '@'])
                || word.text.contains('=')
                || word.text.contains(" -")
        };
        if !called.plain_only || !rest.iter().any(options) {
            return Some(effect);
        }
        let why = format!(
            "may change something (the function `{}` uses its arguments)",
            name.text
        );
        Some(effect.and(Effect {
            unknown: true,
            change: Some(why),
            ..Effect::default()
        }))
    }
}

/// It prints, or takes nothing from a variable.
fn only_prints(command: &Command) -> bool {
    let printer = command
        .words
        .first()
        .is_none_or(|name| PRINTERS.contains(&name.text.as_str()));
    printer || !command.words.iter().any(|word| word.text.contains('$'))
}

/// `$1`, `${2:-x}`, `$@` or `$*` stands in the word.
fn names_argument(text: &str) -> bool {
    text.match_indices('$').any(|(at, _)| {
        let rest = text[at + 1..].trim_start_matches(['{', '!', '#']);
        rest.starts_with(|c: char| c.is_ascii_digit() || c == '@' || c == '*')
    })
}
