//! The available runbooks: the built-in ones and those in the user's folder, which win by name.
//! Loading only reads files; nothing in them is run.

mod sheet;

pub use self::sheet::{LastRun, RunbookRow, RunbookSheet};

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::core::base::problem::Problem;
use crate::core::command::RunbookName;
use crate::core::runbook::{self, Runbook};

/// Limits of the folder: depth, number of files, and size of a file.
const MAX_DEPTH: usize = 8;
const MAX_FILES: usize = 5_000;
const MAX_BYTES: u64 = 8 * 1024 * 1024;

/// Loaded runbooks by name, and the problems of files that did not load.
#[derive(Debug, Clone, Default)]
pub struct Library {
    runbooks: Vec<Runbook>,
    pub problems: Vec<Problem>,
}

impl Library {
    /// Loads the built-in runbooks and every `*.toml` and `*.md` of `dir` and its folders. A file
    /// that does not load is a problem and does not stop the others.
    #[must_use]
    pub fn load(dir: Option<&Path>) -> Self {
        let mut problems = Vec::new();
        let files = dir.map(|dir| files(dir, &mut problems)).unwrap_or_default();
        let mut library = Self::of_files_below(dir, &files);
        library.problems.append(&mut problems);
        library.problems.sort();
        library
    }

    /// The built-in runbooks and those of some files.
    #[must_use]
    pub fn of_files(files: &[PathBuf]) -> Self {
        Self::of_files_below(None, files)
    }

    fn of_files_below(dir: Option<&Path>, files: &[PathBuf]) -> Self {
        let mut problems = Vec::new();
        let mut read_ones = Vec::new();
        for path in files {
            match read(path) {
                Ok(new) => read_ones.push(new),
                Err(found) => problems.extend(found),
            }
        }
        let mut runbooks = runbook::built_in();
        let taken = runbooks.iter().map(|r| r.name.clone()).collect();
        let folder = dir.map(|dir| dir.display().to_string()).unwrap_or_default();
        problems.extend(runbook::naming::pages(&mut read_ones, &folder, &taken));
        let mut own: Vec<Runbook> = Vec::new();
        for new in read_ones {
            problems.extend(new.problems.iter().cloned());
            match own.iter().find(|r| r.name == new.name) {
                Some(first) => problems.push(runbook::cross_lint::same_name(first, &new)),
                None => own.push(new),
            }
        }
        for new in own {
            match runbooks.iter_mut().find(|r| r.name == new.name) {
                Some(built_in) => *built_in = new,
                None => runbooks.push(new),
            }
        }
        problems.extend(runbook::cross_lint::check(&runbooks));
        Self { runbooks, problems }
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

    /// How many files have mistakes, for a command that may depend on one of them.
    #[must_use]
    pub fn warning(&self) -> Option<String> {
        let files: BTreeSet<&str> = self.problems.iter().map(|p| p.file.as_str()).collect();
        match files.len() {
            0 => None,
            1 => Some("1 runbook file has mistakes: opsroom check".to_owned()),
            n => Some(format!("{n} runbook files have mistakes: opsroom check")),
        }
    }

    /// The names the command language needs.
    #[must_use]
    pub fn names(&self) -> Vec<RunbookName> {
        self.runbooks.iter().map(Runbook::as_name).collect()
    }
}

/// Reads one file.
///
/// # Errors
/// Its problems, with lines.
pub fn read(path: &Path) -> Result<Runbook, Vec<Problem>> {
    let text = text_of(path).map_err(|problem| vec![problem])?;
    runbook::parse(&path.display().to_string(), &text)
}

/// The text of a file that is not too large.
fn text_of(path: &Path) -> Result<String, Problem> {
    let file = path.display().to_string();
    let size = std::fs::metadata(path).map_or(0, |m| m.len());
    if size > MAX_BYTES {
        let message = format!("is larger than {} MiB; split it", MAX_BYTES / 1024 / 1024);
        return Err(whole(&file, message));
    }
    std::fs::read_to_string(path).map_err(|error| {
        let message = format!("cannot be read ({error}); it must be UTF-8 text");
        whole(&file, message)
    })
}

fn whole(file: &str, message: String) -> Problem {
    Problem {
        file: file.to_owned(),
        line: 0,
        key: String::new(),
        message,
    }
}

/// The runbook files of a folder, sorted. Hidden folders and links to folders are skipped.
fn files(dir: &Path, problems: &mut Vec<Problem>) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![(dir.to_owned(), 0)];
    while let Some((folder, depth)) = folders.pop() {
        let Ok(entries) = std::fs::read_dir(&folder) else {
            continue;
        };
        for entry in entries.filter_map(Result::ok) {
            let path = entry.path();
            let hidden = entry.file_name().to_string_lossy().starts_with('.');
            match entry.file_type() {
                Ok(kind) if kind.is_dir() && !hidden && depth < MAX_DEPTH => {
                    folders.push((path, depth + 1));
                }
                Ok(kind) if kind.is_dir() => {}
                Ok(_) if is_runbook(&path) && path.is_file() && !hidden => found.push(path),
                _ => {}
            }
        }
    }
    found.sort();
    if found.len() > MAX_FILES {
        let message = format!(
            "holds {} runbook files; only the first {MAX_FILES} are read",
            found.len()
        );
        problems.push(whole(&dir.display().to_string(), message));
        found.truncate(MAX_FILES);
    }
    found
}

fn is_runbook(path: &Path) -> bool {
    path.extension().is_some_and(|end| end == "toml") || path.to_str().is_some_and(runbook::is_page)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(dir: &Path, name: &str, text: &str) {
        let path = dir.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    const WAIT: &str = "name = \"NAME\"\ntitle = \"t\"\nversion = \"1\"\nmutates = false\n[[step]]\nname = \"w\"\nphase = \"action\"\nwait = \"1s\"\n";

    #[test]
    fn folders_are_read_whole_and_nothing_runs() {
        let dir = tempfile::tempdir().unwrap();
        let marker = dir.path().join("ran");
        write(dir.path(), "a.toml", &WAIT.replace("NAME", "alpha"));
        write(
            dir.path(),
            "deep/er/b.md",
            &format!("# B\n\n```sh\ntouch {}\n```\n", marker.display()),
        );
        write(dir.path(), "c.md", "# C\n\n```sh\nls\n");
        write(dir.path(), "zz/again.toml", &WAIT.replace("NAME", "alpha"));
        write(dir.path(), "deploy.toml", &WAIT.replace("NAME", "deploy"));
        write(dir.path(), ".git/x.md", "# hidden\n\n```sh\nls\n");
        write(dir.path(), "notes.txt", "not a runbook");
        let library = Library::load(Some(dir.path()));
        assert!(library.get("alpha").is_some() && library.get("b").is_some());
        assert_eq!(
            library.get("deploy").map(|r| r.title.as_str()),
            Some("t"),
            "the user's own wins"
        );
        let problems: Vec<String> = library
            .problems
            .iter()
            .map(|p| {
                p.to_string()
                    .replace(&dir.path().display().to_string(), "DIR")
            })
            .collect();
        assert_eq!(
            problems,
            [
                "DIR/c.md:3: this code block is never closed; end it with the same fence",
                "DIR/zz/again.toml:1: name: \"alpha\" is also the name of DIR/a.toml:1; the first is used",
            ]
        );
        assert!(!marker.exists());
    }

    #[test]
    fn a_file_beyond_the_limit_is_reported_and_one_of_five_megabytes_is_read() {
        let dir = tempfile::tempdir().unwrap();
        let comment = "# filler\n".repeat(5 * 1024 * 1024 / 9);
        write(
            dir.path(),
            "large.toml",
            &format!("{comment}{}", WAIT.replace("NAME", "large")),
        );
        write(dir.path(), "huge.md", &"x".repeat(9 * 1024 * 1024));
        let library = Library::load(Some(dir.path()));
        assert!(library.get("large").is_some());
        assert!(
            library.problems.len() == 1
                && library.problems[0].message.contains("larger than 8 MiB")
        );
    }

    #[test]
    fn a_file_is_read_up_to_its_largest_size_and_a_folder_down_to_its_depth() {
        let dir = tempfile::tempdir().unwrap();
        let text = WAIT.replace("NAME", "full");
        let most = usize::try_from(MAX_BYTES).unwrap();
        let filler = most - text.len();
        let full = format!("{text}#{}\n", "x".repeat(filler - 2));
        assert_eq!(full.len(), 8_388_608);
        write(dir.path(), "full.toml", &full);
        write(dir.path(), "more.toml", &format!("{full}\n"));
        let nested = |depth: usize| "d/".repeat(depth);
        for depth in [MAX_DEPTH, MAX_DEPTH + 1] {
            let name = format!("at-{depth}");
            let text = WAIT.replace("NAME", &name);
            write(dir.path(), &format!("{}{name}.toml", nested(depth)), &text);
        }
        write(dir.path(), ".hidden.toml", &WAIT.replace("NAME", "hidden"));
        write(dir.path(), "LOUD.MD", "# Loud\n\n```sh\nls\n```\n");
        std::fs::create_dir(dir.path().join("folder.toml")).unwrap();
        let library = Library::load(Some(dir.path()));
        for (name, found) in [
            ("full", true),
            ("at-8", true),
            ("at-9", false),
            ("hidden", false),
        ] {
            assert_eq!(library.get(name).is_some(), found, "{name}");
        }
        let is_loud = |runbook: &Runbook| runbook.title == "Loud";
        assert!(library.all().iter().any(is_loud), "whatever its case");
        let problems: Vec<_> = library.problems.iter().map(|p| &*p.message).collect();
        assert_eq!(problems, ["is larger than 8 MiB; split it"]);
    }

    #[test]
    fn files_with_mistakes_are_counted_and_every_runbook_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let path = |name: &str| dir.path().join(name);
        write(dir.path(), "good.toml", &WAIT.replace("NAME", "good"));
        write(dir.path(), "bad.toml", "version = 1\ntitle = 2\n");
        std::fs::write(path("binary.toml"), b"\xff\xfe").unwrap();
        let load = |names: &[&str]| {
            let files: Vec<_> = names.iter().map(|name| path(name)).collect();
            Library::of_files(&files)
        };
        let one = "1 runbook file has mistakes: opsroom check";
        let two = "2 runbook files have mistakes: opsroom check";
        for (names, wanted) in [
            (&["good.toml"][..], None),
            (&["good.toml", "bad.toml"], Some(one)),
            (&["bad.toml", "binary.toml"], Some(two)),
        ] {
            assert_eq!(load(names).warning().as_deref(), wanted, "{names:?}");
        }
        let bad = read(&path("bad.toml")).unwrap_err();
        assert!(bad.len() > 1, "several mistakes of one file: {bad:?}");
        let binary = read(&path("binary.toml")).unwrap_err();
        assert!(
            binary[0].message.starts_with("cannot be read (")
                && binary[0].message.ends_with("it must be UTF-8 text"),
            "{binary:?}"
        );
        let missing = read(&path("missing.toml")).unwrap_err();
        assert!(
            missing[0].message.starts_with("cannot be read ("),
            "{missing:?}"
        );

        let library = load(&["good.toml"]);
        let all: Vec<_> = library.all().iter().map(|r| r.name.clone()).collect();
        let names: Vec<_> = library.names().into_iter().map(|name| name.name).collect();
        assert_eq!(names, all);
        assert_eq!(all.len(), runbook::built_in().len() + 1);
        assert_eq!(all.last().map(String::as_str), Some("good"));
        assert_eq!(library.get("good").map(|r| r.name.as_str()), Some("good"));
    }

    #[test]
    fn a_folder_may_hold_as_many_files_as_are_read() {
        let dir = tempfile::tempdir().unwrap();
        for n in 0..MAX_FILES {
            write(dir.path(), &format!("{n}.md"), "");
        }
        let load = || {
            let mut problems = Vec::new();
            let found = files(dir.path(), &mut problems).len();
            let problems: Vec<String> = problems.into_iter().map(|p| p.message).collect();
            (found, problems)
        };
        assert_eq!(load(), (MAX_FILES, vec![]));
        write(dir.path(), "one more.md", "");
        let message = format!(
            "holds {} runbook files; only the first {MAX_FILES} are read",
            MAX_FILES + 1
        );
        assert_eq!(load(), (MAX_FILES, vec![message]));
    }
}
