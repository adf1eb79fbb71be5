//! What loading a folder of runbooks found, kept in a file so that the next start need not check them
//! all again. It is good for exactly the same files and the same program, and may be deleted at any
//! time.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use serde::{Deserialize, Serialize};

use super::{Library, ReadText};
use crate::core::base::problem::Problem;
use crate::core::command::RunbookName;
use crate::core::run::plan::hex_sha256;

/// Of the form of the file.
const FORMAT: u32 = 1;

/// Where the index of a folder is, and what it has to be of.
#[derive(Debug)]
pub(super) struct Place {
    file: PathBuf,
    /// The hash of the program and of all files.
    key: String,
}

impl Place {
    /// `None`: the program cannot be identified, so nothing is kept.
    pub fn of(cache: &Path, dir: Option<&Path>, texts: &[ReadText]) -> Option<Self> {
        let dir = dir?.display().to_string();
        let mut all = program()?;
        // A name has no line end but as part of a longer hash below: lengths keep them apart.
        let _ = writeln!(all, "{} {dir}", dir.len());
        for read in texts {
            let state = match &read.text {
                Ok(text) => hex_sha256(text.as_bytes()),
                Err(problem) => format!("{} {problem}", problem.to_string().len()),
            };
            let _ = writeln!(all, "{} {} {state}", read.file.len(), read.file);
        }
        let folder = &hex_sha256(dir.as_bytes())[..16];
        Some(Self {
            file: cache.join(format!("runbooks-{folder}.json")),
            key: hex_sha256(all.as_bytes()),
        })
    }
}

/// The program itself: another build may read files differently.
fn program() -> Option<String> {
    let about = std::fs::metadata(std::env::current_exe().ok()?).ok()?;
    let built = about.modified().ok()?.duration_since(UNIX_EPOCH).ok()?;
    let (version, size) = (env!("CARGO_PKG_VERSION"), about.len());
    Some(format!("{FORMAT} {version} {size} {}\n", built.as_nanos()))
}

/// The names of all runbooks, and every problem.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Index {
    key: String,
    pub books: Vec<IndexedBook>,
    pub problems: Vec<Problem>,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct IndexedBook {
    pub name: RunbookName,
    /// Absent: it ships with opsroom.
    pub file: Option<String>,
}

impl Index {
    /// The index of a library that was just loaded.
    pub fn of(library: &Library) -> Self {
        let entry = |book: &super::Book| IndexedBook {
            name: book.name.clone(),
            file: book.file.as_ref().map(|source| source.file.clone()),
        };
        Self {
            key: String::new(),
            books: library.books.iter().map(entry).collect(),
            problems: library.problems.clone(),
        }
    }

    /// The index, if there is one of exactly these files.
    pub fn read(place: &Place) -> Option<Self> {
        let bytes = std::fs::read(&place.file).ok()?;
        let index: Self = serde_json::from_slice(&bytes).ok()?;
        (index.key == place.key).then_some(index)
    }

    /// Replaces the file. Where that fails, the next start checks all runbooks again.
    pub fn write(mut self, place: &Place) {
        self.key.clone_from(&place.key);
        if let Err(error) = self.replace(&place.file) {
            tracing::info!(%error, file = %place.file.display(), "the index of the runbooks is not kept");
        }
    }

    fn replace(&self, file: &Path) -> std::io::Result<()> {
        let folder = file.parent().unwrap_or(file);
        std::fs::create_dir_all(folder)?;
        let mut new = tempfile::NamedTempFile::new_in(folder)?;
        new.write_all(&serde_json::to_vec(self)?)?;
        new.persist(file)?;
        Ok(())
    }
}
