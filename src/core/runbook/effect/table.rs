//! The table itself. Its keys are described at its top.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::LazyLock;

use serde::Deserialize;

/// What a command means when nothing more special fits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, std::default::Default)]
#[serde(rename_all = "lowercase")]
pub(super) enum Default {
    Looks,
    #[default]
    Changes,
    Terminal,
}

/// Which of its arguments are a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Runs {
    Rest,
    Dashes,
}

/// How its words are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum BreakerKey {
    Helps,
    Settled,
    Every,
}

/// An entry.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, std::default::Default)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Program {
    pub names: Vec<String>,
    pub options: Vec<String>,
    pub looks: Vec<String>,
    pub changes: Vec<String>,
    pub default: Default,
    pub bare: Default,
    pub deep: bool,
    pub why: String,
    pub reasons: BTreeMap<String, String>,
    pub flags: Vec<String>,
    pub dry: Vec<String>,
    pub letters: bool,
    pub values: BTreeMap<String, Vec<String>>,
    pub runs: Option<Runs>,
    pub skip: usize,
    pub script: Vec<String>,
    pub statement: Vec<String>,
    pub stdin: Option<String>,
    pub terminal: Vec<String>,
    pub terminal_flags: Vec<String>,
    pub unless: Vec<String>,
    pub endless: Vec<String>,
    pub endless_flags: Vec<String>,
    pub opens: bool,
    pub most: Option<usize>,
    pub fine: Vec<String>,
    pub alone: Vec<String>,
    pub ways: Vec<BreakerKey>,
}

impl Program {
    pub fn has(&self, way: BreakerKey) -> bool {
        self.ways.contains(&way)
    }

    /// Nothing that it is given makes it a change.
    pub fn only_looks(&self) -> bool {
        let Self {
            flags,
            changes,
            values,
            runs,
            script,
            statement,
            stdin,
            ..
        } = self;
        let plain =
            flags.is_empty() && changes.is_empty() && values.is_empty() && script.is_empty();
        self.default == Default::Looks
            && plain
            && runs.is_none()
            && statement.is_empty()
            && stdin.is_none()
    }
}

#[derive(Debug, Deserialize)]
struct File {
    program: Vec<Program>,
}

const TEXT: &str = include_str!("../../../../assets/commands.toml");

/// Read once; a test sees to it that it is right.
static PROGRAMS: LazyLock<HashMap<String, Program>> = LazyLock::new(|| {
    let programs = toml::from_str::<File>(TEXT)
        .map(|file| file.program)
        .unwrap_or_default();
    let named = |program: &Program| {
        program
            .names
            .clone()
            .into_iter()
            .map(|n| (n, program.clone()))
            .collect::<Vec<_>>()
    };
    programs.iter().flat_map(named).collect()
});

pub(super) fn program(name: &str) -> Option<&'static Program> {
    PROGRAMS.get(name)
}

/// A word that changes something for one program at least.
static CHANGES: LazyLock<HashSet<String>> = LazyLock::new(|| {
    let words = PROGRAMS
        .values()
        .flat_map(|program| program.changes.iter().chain(program.reasons.keys()));
    words
        .filter(|word| !word.starts_with('-'))
        .map(|word| word.to_lowercase())
        .collect()
});

pub(super) fn may_change(word: &str) -> bool {
    CHANGES.contains(&word.to_lowercase())
}

/// `word` is what `pattern` says: the word itself, any case, a beginning with `*`, or a part
/// between two of them.
pub(super) fn fits(pattern: &str, word: &str) -> bool {
    // Options differ by case.
    let same = |a: &str, b: &str| {
        if b.starts_with('-') {
            a == b
        } else {
            a.eq_ignore_ascii_case(b)
        }
    };
    if let Some(part) = pattern.strip_prefix('*').and_then(|p| p.strip_suffix('*')) {
        return !word.starts_with('-') && word.contains(part);
    }
    match pattern.strip_suffix('*') {
        Some(start) => {
            word.len() >= start.len()
                && word.is_char_boundary(start.len())
                && same(start, &word[..start.len()])
        }
        None => same(pattern, word),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_right_and_names_each_program_once() {
        let file: File = toml::from_str(TEXT).unwrap_or_else(|e| panic!("{e}"));
        let mut seen = std::collections::BTreeSet::new();
        for program in &file.program {
            for name in &program.names {
                assert!(seen.insert(name), "{name} stands in the table twice");
            }
            assert!(!program.names.is_empty());
            let both: Vec<_> = program
                .looks
                .iter()
                .filter(|w| program.changes.contains(w))
                .collect();
            assert!(
                both.is_empty(),
                "{:?} looks and changes with {both:?}",
                program.names
            );
            let says = program.default == Default::Looks
                || program.runs.is_some()
                || !program.why.is_empty();
            let decided = !program.changes.is_empty() || program.default == Default::Changes;
            assert!(
                says || !decided,
                "{:?}: what does it change?",
                program.names
            );
            let flagged = !program.flags.is_empty() || !program.values.is_empty();
            assert!(
                !flagged || !program.why.is_empty(),
                "{:?}: what do its options change?",
                program.names
            );
        }
    }
}
