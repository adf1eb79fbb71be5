//! Lists the log files of this machine that are likely to be read: in the working folder, the home
//! folder and `/var/log`.

use std::fs::{self, DirEntry};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use super::msg::LogFile;
use crate::core::base::time::Timestamp;

/// Most files listed.
const MAX_FILES: usize = 2000;
/// Most entries looked at in a folder.
const MAX_ENTRIES: usize = 10_000;
/// Ends of names of log files, packed ones included.
const ENDS: [&str; 6] = [".log", ".jsonl", ".ndjson", ".log.1", ".gz", ".zst"];

/// The log files, the last changed first. A folder that cannot be read has none.
pub(super) fn list() -> Vec<LogFile> {
    let mut files = Vec::new();
    let home = std::env::home_dir();
    let folders = [std::env::current_dir().ok(), home];
    for folder in folders.into_iter().flatten() {
        add(&folder, is_log, 0, &mut files);
    }
    let any = |_: &Path| true;
    add(Path::new("/var/log"), any, 1, &mut files);
    files.sort_by(|a, b| b.changed.cmp(&a.changed).then_with(|| a.path.cmp(&b.path)));
    files.dedup_by(|a, b| a.path == b.path);
    files.truncate(MAX_FILES);
    files
}

/// Adds the files of a folder, and of its folders down to `depth` below it.
fn add(folder: &Path, wanted: fn(&Path) -> bool, depth: usize, files: &mut Vec<LogFile>) {
    let Ok(entries) = fs::read_dir(folder) else {
        return;
    };
    for entry in entries.flatten().take(MAX_ENTRIES) {
        let path = entry.path();
        // Links are not followed: they may lead anywhere.
        match entry.file_type() {
            Ok(kind) if kind.is_dir() && depth > 0 => add(&path, wanted, depth - 1, files),
            Ok(kind) if kind.is_file() && wanted(&path) => files.extend(found(&entry, path)),
            _ => {}
        }
    }
}

fn is_log(path: &Path) -> bool {
    let name = path.to_string_lossy().to_lowercase();
    ENDS.iter().any(|end| name.ends_with(end))
}

fn found(entry: &DirEntry, path: PathBuf) -> Option<LogFile> {
    let facts = entry.metadata().ok()?;
    let since = facts.modified().ok()?.duration_since(UNIX_EPOCH).ok();
    let changed = since.and_then(|age| i64::try_from(age.as_millis()).ok());
    Some(LogFile {
        path: path.into_os_string().into_string().ok()?,
        bytes: facts.len(),
        changed: changed.map(Timestamp),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_found_by_name_and_depth_and_links_are_not_followed() {
        let folder = tempfile::tempdir().expect("a folder");
        let at = |name: &str| folder.path().join(name);
        fs::create_dir_all(at("deep/deeper")).expect("folders");
        for name in ["app.log", "notes.md", "deep/a.log.gz", "deep/deeper/b.log"] {
            fs::write(at(name), "x").expect("a file");
        }
        std::os::unix::fs::symlink("/etc/passwd", at("link.log")).expect("a link");
        for (depth, wanted) in [(0, vec!["app.log"]), (1, vec!["app.log", "deep/a.log.gz"])] {
            let mut files = Vec::new();
            add(folder.path(), is_log, depth, &mut files);
            let mut paths: Vec<_> = files.into_iter().map(|file| file.path).collect();
            paths.sort();
            let wanted: Vec<_> = wanted
                .into_iter()
                .map(|w| at(w).display().to_string())
                .collect();
            assert_eq!(paths, wanted);
        }
    }
}
