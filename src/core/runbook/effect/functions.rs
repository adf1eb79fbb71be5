//! The functions of a page: what calling them does.

use std::collections::BTreeMap;

use super::{Effect, of_commands, program};
use crate::core::runbook::shell::{Command, Function, Script};

/// Functions by name.
#[derive(Debug, Clone, Default)]
pub(in crate::core::runbook) struct Functions(BTreeMap<String, Called>);

/// What a call does.
#[derive(Debug, Clone, Default)]
struct Called {
    plain: Effect,
    /// With something to read.
    fed: Effect,
}

impl Functions {
    /// Those of a script, in the order of their ends: a body knows the functions before it.
    pub fn add(&mut self, script: &Script) {
        for function in &script.functions {
            let called = self.judge(function);
            let before = self.0.remove(&function.name).unwrap_or_default();
            let called = Called { plain: before.plain.and(called.plain), fed: before.fed.and(called.fed) };
            self.0.insert(function.name.clone(), called);
        }
    }

    fn judge(&self, function: &Function) -> Called {
        let name = &function.name;
        let why = if program(name).is_some() {
            Some(format!("may change something (the page has a function `{name}`)"))
        } else if function.arguments {
            Some(format!("may change something (the function `{name}` uses its arguments)"))
        } else {
            None
        };
        let doubt = Effect { unknown: why.is_some(), change: why, ..Effect::default() };
        let fed = |command: &Command| Command { piped: true, ..command.clone() };
        let commands: Vec<Command> = function.commands.iter().map(fed).collect();
        Called {
            plain: of_commands(&function.commands, self, 0).and(doubt.clone()),
            fed: of_commands(&commands, self, 0).and(doubt),
        }
    }

    pub(super) fn knows(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    pub(super) fn call(&self, name: &str, reads: bool) -> Option<Effect> {
        self.0.get(name).map(|called| if reads { called.fed.clone() } else { called.plain.clone() })
    }
}
