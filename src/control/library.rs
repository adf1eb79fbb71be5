//! The runbooks at hand: those that ship with opsroom and those in the user's folder, which win by name.

use std::path::Path;

use crate::core::command::RunbookName;
use crate::core::runbook::{self, Problem, Runbook};

/// Loaded runbooks by name, and what was wrong with files that did not load.
#[derive(Debug, Clone, Default)]
pub struct Library {
    runbooks: Vec<Runbook>,
    pub problems: Vec<Problem>,
}

impl Library {
    /// Loads the built-in runbooks and every `*.toml` of `dir`. A file that does not load is a problem, never a stop.
    #[must_use]
    pub fn load(dir: Option<&Path>) -> Self {
        let mut library = Self { runbooks: runbook::built_in(), problems: Vec::new() };
        for path in dir.map(files).unwrap_or_default() {
            library.add(&path);
        }
        library
    }

    /// The runbook of that name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Runbook> {
        self.runbooks.iter().find(|r| r.name == name)
    }

    /// All of them, built-in ones first.
    #[must_use]
    pub fn all(&self) -> &[Runbook] {
        &self.runbooks
    }

    /// What the command language needs to know of them.
    #[must_use]
    pub fn names(&self) -> Vec<RunbookName> {
        self.runbooks.iter().map(Runbook::as_name).collect()
    }

    fn add(&mut self, path: &Path) {
        let file = path.display().to_string();
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) => {
                let message = format!("cannot be read ({error}); it must be UTF-8 text");
                self.problems.push(Problem { file, line: 0, key: String::new(), message });
                return;
            }
        };
        match runbook::parse(&file, &text) {
            Ok(new) => match self.runbooks.iter_mut().find(|r| r.name == new.name) {
                Some(old) => *old = new,
                None => self.runbooks.push(new),
            },
            Err(problems) => self.problems.extend(problems),
        }
    }
}

fn files(dir: &Path) -> Vec<std::path::PathBuf> {
    let Ok(entries) = std::fs::read_dir(dir) else { return Vec::new() };
    let mut files: Vec<_> = entries
        .filter_map(|entry| entry.ok().map(|e| e.path()))
        .filter(|path| path.extension().is_some_and(|e| e == "toml"))
        .collect();
    files.sort();
    files
}
