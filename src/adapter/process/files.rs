//! The files a command leaves as artifacts: looked for in its folder when it has ended, never outside of it, and handed on
//! one at a time, for they may be large. What is not taken is said, with the reason.

use std::collections::BTreeSet;
use std::fs::{File, Metadata, OpenOptions};
use std::io::{ErrorKind, Read as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use tokio::sync::{mpsc, oneshot};

use super::{Invocation, Said};
use crate::core::artifact::{ArtifactKind, Left, Limits, Pattern};

/// Files one step can leave, and names that are looked at for them: a pattern that means half a disk ends here.
const MOST_FILES: usize = 500;
const MOST_NAMES: usize = 100_000;
/// Clocks of file systems need not agree better than this.
const SLACK: Duration = Duration::from_secs(2);

/// Hands on what the command left. What it had to leave and did not, one sentence each.
pub(super) async fn gather(
    what: &Invocation,
    limits: Limits,
    began: Option<SystemTime>,
    output: &mpsc::Sender<Said>,
) -> Vec<String> {
    let mut lacks = Vec::new();
    let mut taken = BTreeSet::new();
    for text in &what.artifacts.paths {
        let folder = what.dir.clone().map_or_else(|| PathBuf::from("."), PathBuf::from);
        let pattern = match Pattern::parse(text) {
            Ok(pattern) => pattern,
            Err(why) => {
                lacks.push(format!("artifacts: {why}"));
                continue;
            }
        };
        let (found, mut troubles) = blocking(move || find(&folder, &pattern)).await.unwrap_or_default();
        if found.is_empty() {
            troubles.push(format!("it left no {text}"));
        }
        for path in found {
            if taken.len() >= MOST_FILES && !taken.contains(&path) {
                troubles.push(format!("it left more than {MOST_FILES} files; the others are not kept"));
                break;
            }
            if taken.insert(path.clone())
                && let Err(why) = take(what, path, limits, began, output).await
            {
                troubles.push(why);
            }
        }
        for trouble in troubles {
            // Nobody listening: then nobody wants the file either.
            let _ = output.send(Said::Note(trouble.clone())).await;
            lacks.push(trouble);
        }
    }
    if what.artifacts.required { lacks } else { Vec::new() }
}

/// Reads one file and hands it on; why it is not kept.
async fn take(
    what: &Invocation,
    path: String,
    limits: Limits,
    began: Option<SystemTime>,
    output: &mpsc::Sender<Said>,
) -> Result<(), String> {
    let folder = what.dir.clone().map_or_else(|| PathBuf::from("."), PathBuf::from);
    let name = path.clone();
    let read = blocking(move || read(&folder, &name, limits)).await;
    let (content, meta) = read.unwrap_or_else(|| Err(format!("{path} could not be read")))?;
    let changed = meta.modified().ok().and_then(|changed| changed.checked_add(SLACK));
    if changed.zip(began).is_some_and(|(changed, began)| changed < began) {
        let note = format!("{path} was last changed before the command began; it is kept as it is");
        let _ = output.send(Said::Note(note)).await;
    }
    let left = Left { kind: ArtifactKind::of_file(&path), title: path, content };
    let (told, answer) = oneshot::channel();
    if output.send(Said::Left(left, told)).await.is_err() {
        return Ok(());
    }
    // Without an answer the run is given up; nobody will ask for more.
    answer.await.unwrap_or(Ok(()))
}

/// The files that are meant, in order, and what stood in the way.
fn find(folder: &Path, pattern: &Pattern) -> (Vec<String>, Vec<String>) {
    if let Some(path) = pattern.path() {
        let there = folder.join(&path).symlink_metadata().is_ok();
        return (there.then_some(path).into_iter().collect(), Vec::new());
    }
    let (mut found, mut troubles) = (Vec::new(), Vec::new());
    let mut names = 0;
    let mut folders = vec![Vec::<String>::new()];
    while let Some(inner) = folders.pop() {
        let entries = match std::fs::read_dir(folder.join(inner.join("/"))) {
            Ok(entries) => entries,
            Err(e) => {
                troubles.push(format!("the folder {} cannot be read: {e}", shown(&inner)));
                continue;
            }
        };
        for entry in entries.flatten() {
            names += 1;
            if names > MOST_NAMES {
                troubles.push(format!("more than {MOST_NAMES} names were looked at; the rest was left out"));
                found.sort();
                return (found, troubles);
            }
            let Ok(name) = entry.file_name().into_string() else {
                troubles.push(format!("a file in {} has a name that is not UTF-8; it is not taken", shown(&inner)));
                continue;
            };
            let mut path = inner.clone();
            path.push(name);
            let parts: Vec<&str> = path.iter().map(String::as_str).collect();
            // A link is not followed here: whether it may be taken is seen when it is read.
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                if pattern.may_match_below(&parts) {
                    folders.push(path);
                }
            } else if pattern.matches(&parts) {
                found.push(path.join("/"));
            }
        }
    }
    found.sort();
    (found, troubles)
}

fn shown(names: &[String]) -> String {
    if names.is_empty() { "of the step".to_owned() } else { names.join("/") }
}

/// The contents of an ordinary file below the folder, links resolved.
fn read(folder: &Path, path: &str, limits: Limits) -> Result<(Vec<u8>, Metadata), String> {
    let cannot = |e: std::io::Error| match e.kind() {
        ErrorKind::NotFound => format!("it left no {path}"),
        _ => format!("{path} cannot be read: {e}"),
    };
    let folder = folder.canonicalize().map_err(|e| format!("the step's folder cannot be read: {e}"))?;
    let whole = folder.join(path).canonicalize().map_err(cannot)?;
    if !whole.starts_with(&folder) {
        return Err(format!("{path} is not taken: it leads out of the step's folder"));
    }
    let file = open(&whole).map_err(cannot)?;
    let meta = file.metadata().map_err(cannot)?;
    if meta.is_dir() {
        return Err(format!("{path} is a folder; `{path}/**` means the files in it"));
    }
    if !meta.is_file() {
        return Err(format!("{path} is not taken: it is no ordinary file"));
    }
    let bytes = i64::try_from(meta.len()).unwrap_or(i64::MAX);
    limits.admit(ArtifactKind::of_file(path), path, bytes, 0)?;
    let mut content = Vec::with_capacity(usize::try_from(meta.len()).unwrap_or(0));
    // It may grow while it is read.
    let most = u64::try_from(limits.each).unwrap_or(0);
    file.take(most.saturating_add(1)).read_to_end(&mut content).map_err(cannot)?;
    let bytes = i64::try_from(content.len()).unwrap_or(i64::MAX);
    limits.admit(ArtifactKind::of_file(path), path, bytes, 0)?;
    Ok((content, meta))
}

/// A pipe without a writer must not hold us.
fn open(path: &Path) -> std::io::Result<File> {
    let flags = rustix::fs::OFlags::NONBLOCK | rustix::fs::OFlags::NOFOLLOW;
    OpenOptions::new().read(true).custom_flags(i32::try_from(flags.bits()).unwrap_or(0)).open(path)
}

/// Files may lie on slow disks. Nothing when the work itself broke.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Option<T> {
    tokio::task::spawn_blocking(work).await.ok()
}
