//! The available runbooks: the built-in ones and those in the user's folder, which win by name.
//! Loading only reads files; nothing in them is run.

mod index;
mod sheet;

pub use self::sheet::{LastRun, RunbookRow, RunbookSheet};

use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use self::index::Index;
use crate::core::base::problem::Problem;
use crate::core::command::RunbookName;
use crate::core::runbook::{self, Runbook};
use crate::core::stack::routine::{Check, Routine};

/// Limits of the folder: depth, number of files, and size of a file.
const MAX_DEPTH: usize = 8;
const MAX_FILES: usize = 5_000;
const MAX_BYTES: u64 = 8 * 1024 * 1024;

/// Runbooks by name, and the problems of files that did not load. A file whose names are known from
/// an earlier load is parsed when its runbook is asked for, from the text that was read here.
#[derive(Debug, Clone, Default)]
pub struct Library {
    books: Vec<Book>,
    by_name: HashMap<String, usize>,
    pub problems: Vec<Problem>,
}

/// A runbook by its names, which were checked beside those of the others.
#[derive(Debug, Clone)]
struct Book {
    name: RunbookName,
    /// `None`: it ships with opsroom.
    file: Option<RunbookText>,
    /// `None` within: the file does not parse, which its index excludes.
    parsed: OnceLock<Option<Runbook>>,
}

/// A file as it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
struct RunbookText {
    file: String,
    text: String,
}

impl Book {
    fn runbook(&self) -> Option<&Runbook> {
        let Some(source) = &self.file else {
            return runbook::built_in_named(&self.name.name);
        };
        let parse = || {
            let parsed = runbook::parse(&source.file, &source.text).ok()?;
            Some(Runbook {
                name: self.name.name.clone(),
                also: self.name.also.clone(),
                phrases: self.name.phrases.clone(),
                ..parsed
            })
        };
        self.parsed.get_or_init(parse).as_ref()
    }
}

impl Library {
    /// Loads the built-in runbooks and every `*.toml` and `*.md` of `dir` and its folders. A file
    /// that does not load is a problem and does not stop the others. What checking them found is
    /// kept below the folder `cache`; while no file changes, they are not checked again.
    #[must_use]
    pub fn load(dir: Option<&Path>, cache: Option<&Path>) -> Self {
        let mut problems = Vec::new();
        let files = dir.map(|dir| files(dir, &mut problems)).unwrap_or_default();
        let texts = texts(&files);
        let place = cache.and_then(|cache| index::Place::of(cache, dir, &texts));
        let mut library = if let Some(index) = place.as_ref().and_then(Index::read) {
            Self::of_index(index, texts)
        } else {
            let library = Self::of_texts(dir, texts);
            if let Some(place) = &place {
                Index::of(&library).write(place);
            }
            library
        };
        library.problems.append(&mut problems);
        library.problems.sort();
        library
    }

    /// The built-in runbooks and those of some files.
    #[must_use]
    pub fn of_files(files: &[PathBuf]) -> Self {
        Self::of_texts(None, texts(files))
    }

    fn of_texts(dir: Option<&Path>, texts: Vec<ReadText>) -> Self {
        let mut problems = Vec::new();
        let mut read_ones = Vec::new();
        for text in &texts {
            match text.parse() {
                Ok(new) => read_ones.push(new),
                Err(found) => problems.extend(found),
            }
        }
        let mut runbooks = runbook::built_in();
        let taken = runbooks.iter().map(|r| r.name.clone()).collect();
        let folder = dir.map(|dir| dir.display().to_string()).unwrap_or_default();
        problems.extend(runbook::naming::pages(&mut read_ones, &folder, &taken));
        let mut own: Vec<Runbook> = Vec::new();
        let mut named: HashMap<String, usize> = HashMap::new();
        for new in read_ones {
            problems.extend(new.problems.iter().cloned());
            if let Some(first) = named.get(&new.name) {
                problems.push(runbook::cross_lint::same_name(&own[*first], &new));
            } else {
                named.insert(new.name.clone(), own.len());
                own.push(new);
            }
        }
        let shipped = runbooks.len();
        for new in own {
            match runbooks[..shipped].iter_mut().find(|r| r.name == new.name) {
                Some(built_in) => *built_in = new,
                None => runbooks.push(new),
            }
        }
        problems.extend(runbook::cross_lint::check(&runbooks));
        let mut sources = sources(texts);
        let book = |runbook: Runbook| Book {
            name: runbook.as_name(),
            file: sources.remove(&runbook.definition.source.file),
            parsed: OnceLock::from(Some(runbook)),
        };
        Self::of_books(runbooks.into_iter().map(book).collect(), problems)
    }

    /// What was found when the same files were loaded before.
    fn of_index(index: Index, texts: Vec<ReadText>) -> Self {
        let mut sources = sources(texts);
        let book = |known: index::IndexedBook| Book {
            name: known.name,
            file: known.file.and_then(|file| sources.remove(&file)),
            parsed: OnceLock::new(),
        };
        Self::of_books(index.books.into_iter().map(book).collect(), index.problems)
    }

    fn of_books(books: Vec<Book>, problems: Vec<Problem>) -> Self {
        let numbered = books.iter().enumerate();
        let by_name = numbered.map(|(at, book)| (book.name.name.clone(), at));
        Self {
            by_name: by_name.collect(),
            books,
            problems,
        }
    }

    /// The runbook of that name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Runbook> {
        self.books.get(*self.by_name.get(name)?)?.runbook()
    }

    /// Whether there is a runbook of that name.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.by_name.contains_key(name)
    }

    /// The runbook and those that it calls, each once: what its plan may need.
    #[must_use]
    pub fn with_called(&self, runbook: &Runbook) -> Vec<Runbook> {
        let mut found = vec![runbook.clone()];
        let mut at = 0;
        while let Some(next) = found.get(at) {
            let called: BTreeSet<&str> = next.definition.calls().map(|(_, name)| name).collect();
            let new = called
                .into_iter()
                .filter(|name| found.iter().all(|known| known.name != **name));
            let new: Vec<Runbook> = new.filter_map(|name| self.get(name).cloned()).collect();
            found.extend(new);
            at += 1;
        }
        found
    }

    /// What routines may need: their runbooks with those that they call; all when one is missing, so
    /// that a similar name can be offered.
    #[must_use]
    pub fn of_routines<'a>(&self, routines: impl IntoIterator<Item = &'a Routine>) -> Vec<Runbook> {
        let mut found: Vec<Runbook> = Vec::new();
        for routine in routines {
            let Check::Runbook(check) = &routine.check else {
                continue;
            };
            let Some(runbook) = self.get(&check.runbook) else {
                return self.all().cloned().collect();
            };
            for needed in self.with_called(runbook) {
                if found.iter().all(|known| known.name != needed.name) {
                    found.push(needed);
                }
            }
        }
        found
    }

    /// All of them, built-in ones first. Parses every file.
    pub fn all(&self) -> impl Iterator<Item = &Runbook> {
        self.books.iter().filter_map(Book::runbook)
    }

    /// How many there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.books.len()
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

    /// The names of each, built-in ones first: what the command language needs.
    pub fn names(&self) -> impl Iterator<Item = &RunbookName> {
        self.books.iter().map(|book| &book.name)
    }
}

/// A file of the folder, as far as it could be read.
#[derive(Debug)]
struct ReadText {
    file: String,
    text: Result<String, Problem>,
}

impl ReadText {
    fn parse(&self) -> Result<Runbook, Vec<Problem>> {
        match &self.text {
            Ok(text) => runbook::parse(&self.file, text),
            Err(problem) => Err(vec![problem.clone()]),
        }
    }
}

/// The texts that could be read, by the names of their files.
fn sources(texts: Vec<ReadText>) -> HashMap<String, RunbookText> {
    let readable = texts.into_iter().filter_map(|read| {
        let (file, text) = (read.file, read.text.ok()?);
        Some((file.clone(), RunbookText { file, text }))
    });
    readable.collect()
}

fn texts(files: &[PathBuf]) -> Vec<ReadText> {
    let read = |path: &PathBuf| ReadText {
        file: path.display().to_string(),
        text: text_of(path),
    };
    files.iter().map(read).collect()
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
        let library = Library::load(Some(dir.path()), None);
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
        let library = Library::load(Some(dir.path()), None);
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
        let library = Library::load(Some(dir.path()), None);
        for (name, found) in [
            ("full", true),
            ("at-8", true),
            ("at-9", false),
            ("hidden", false),
        ] {
            assert_eq!(library.get(name).is_some(), found, "{name}");
        }
        let is_loud = |runbook: &&Runbook| runbook.title == "Loud";
        assert!(
            library.all().any(|runbook| is_loud(&runbook)),
            "whatever its case"
        );
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
        let read = |name: &str| texts(&[path(name)])[0].parse();
        let bad = read("bad.toml").unwrap_err();
        assert!(bad.len() > 1, "several mistakes of one file: {bad:?}");
        let binary = read("binary.toml").unwrap_err();
        assert!(
            binary[0].message.starts_with("cannot be read (")
                && binary[0].message.ends_with("it must be UTF-8 text"),
            "{binary:?}"
        );
        let missing = read("missing.toml").unwrap_err();
        assert!(
            missing[0].message.starts_with("cannot be read ("),
            "{missing:?}"
        );

        let library = load(&["good.toml"]);
        let all: Vec<_> = library.all().map(|r| r.name.clone()).collect();
        let names: Vec<_> = library.names().map(|name| name.name.clone()).collect();
        assert_eq!(names, all);
        assert_eq!(all.len(), runbook::built_in().len() + 1);
        assert_eq!(all.last().map(String::as_str), Some("good"));
        assert_eq!(library.get("good").map(|r| r.name.as_str()), Some("good"));
    }

    /// How many of the runbooks of the folder have been parsed.
    fn parsed(library: &Library) -> usize {
        let own = library.books.iter().filter(|book| book.file.is_some());
        own.filter(|book| book.parsed.get().is_some()).count()
    }

    #[test]
    fn files_that_were_checked_are_parsed_only_when_they_are_asked_for() {
        let dir = tempfile::tempdir().unwrap();
        let (books, cache) = (dir.path().join("books"), dir.path().join("cache"));
        for n in 0..20 {
            let text = WAIT.replace("NAME", &format!("wait-{n}"));
            write(&books, &format!("{n}.toml"), &text);
        }
        write(&books, "page.md", "# Free the disk\n\n```sh\nls\n```\n");
        write(&books, "unclosed.md", "# Unclosed\n\n```sh\nls\n");
        let load = || Library::load(Some(&books), Some(&cache));
        let first = load();
        assert_eq!(parsed(&first), 22, "nothing was kept yet");
        let again = load();
        assert_eq!(parsed(&again), 0, "their names are known");
        assert_eq!(again.problems, first.problems);
        assert_eq!(again.problems.len(), 1);
        assert!(again.names().eq(first.names()));
        assert_eq!(again.get("wait-7"), first.get("wait-7"));
        assert_eq!(again.get("page"), first.get("page"));
        assert_eq!(again.get("deploy"), first.get("deploy"));
        assert_eq!(parsed(&again), 2, "the two that were asked for");
        assert!(again.all().eq(first.all()));
    }

    #[test]
    fn any_change_of_the_folder_is_seen_and_a_damaged_index_is_not_used() {
        let dir = tempfile::tempdir().unwrap();
        let (books, cache) = (dir.path().join("books"), dir.path().join("cache"));
        let load = || {
            let library = Library::load(Some(&books), Some(&cache));
            let own = library.books.iter().filter(|book| book.file.is_some());
            let names: Vec<String> = own.map(|book| book.name.name.clone()).collect();
            (names.join(" "), parsed(&library))
        };
        let loaded = |names: &str, parsed| (names.to_owned(), parsed);
        write(&books, "a.toml", &WAIT.replace("NAME", "alpha"));
        write(&books, "b.toml", &WAIT.replace("NAME", "beta"));
        assert_eq!(load(), loaded("alpha beta", 2));
        assert_eq!(load(), loaded("alpha beta", 0));
        // Of the same length.
        write(&books, "b.toml", &WAIT.replace("NAME", "zeta"));
        assert_eq!(load(), loaded("alpha zeta", 2));
        std::fs::rename(books.join("a.toml"), books.join("c.toml")).unwrap();
        assert_eq!(load(), loaded("zeta alpha", 2));
        std::fs::remove_file(books.join("c.toml")).unwrap();
        assert_eq!(load(), loaded("zeta", 1));
        assert_eq!(load(), loaded("zeta", 0));
        let index = std::fs::read_dir(&cache).unwrap().next().unwrap().unwrap();
        let text = std::fs::read_to_string(index.path()).unwrap();
        std::fs::write(index.path(), &text[..text.len() / 2]).unwrap();
        assert_eq!(load(), loaded("zeta", 1));
        assert_eq!(load(), loaded("zeta", 0), "it was written again");
        std::fs::remove_dir_all(&cache).unwrap();
        assert_eq!(load(), loaded("zeta", 1));
        // A folder that cannot be made costs only time.
        std::fs::remove_dir_all(&cache).unwrap();
        std::fs::write(&cache, "").unwrap();
        assert_eq!(load(), loaded("zeta", 1));
    }

    #[test]
    fn a_plan_gets_the_runbooks_that_are_called_and_no_others() {
        let dir = tempfile::tempdir().unwrap();
        let calls = |name: &str, called: &str| {
            let step =
                format!("[[step]]\nname = \"c\"\nphase = \"action\"\nrunbook = \"{called}\"\n");
            WAIT.replace("NAME", name) + &step
        };
        write(dir.path(), "a.toml", &calls("a", "b"));
        write(dir.path(), "b.toml", &calls("b", "c"));
        write(dir.path(), "c.toml", &WAIT.replace("NAME", "c"));
        write(dir.path(), "d.toml", &WAIT.replace("NAME", "d"));
        let library = Library::load(Some(dir.path()), None);
        let called = |name: &str| {
            let all = library.with_called(library.get(name).unwrap());
            let names: Vec<String> = all.into_iter().map(|r| r.name).collect();
            names.join(" ")
        };
        assert_eq!(called("a"), "a b c");
        assert_eq!(called("c"), "c");
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
