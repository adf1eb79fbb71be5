//! Files a command leaves as artifacts: searched in its folder when it has ended, never outside of
//! it, and handed on one at a time, because they may be large. Files not taken are reported with
//! the reason.
//!
//! A folder may hang (a dead mount), and a blocked read cannot be cancelled: the wait is limited.

use std::collections::BTreeSet;
use std::fs::{DirEntry, File, Metadata, OpenOptions};
use std::io::{ErrorKind, Read as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;

use super::CallEvent;
use crate::core::run::artifact::{ArtifactDraft, ArtifactKind, Limits, Pattern};
use crate::core::run::step::ShellCall;

/// Limits of one step: files it can leave, and names examined to find them.
const MOST_FILES: usize = 500;
const MOST_NAMES: usize = 100_000;
/// Messages of one kind that are reported; the rest are only counted.
const MAX_REPORTED: usize = 20;
/// Tolerated difference between the clocks of file systems.
const SLACK: Duration = Duration::from_secs(2);
/// Even a command that took all of its time gets this long for its files.
const MIN_WAIT: Duration = Duration::from_secs(5);
const MAX_WAIT: Duration = Duration::from_mins(1);

/// How long finding and reading files may take: the rest of the command's own time, within limits.
pub(super) fn max_wait(limit: Duration, used: Duration) -> Duration {
    limit.saturating_sub(used).clamp(MIN_WAIT, MAX_WAIT)
}

/// Hands on the files the command left. Returns one message per required file that is missing.
pub(super) async fn gather(
    what: &ShellCall,
    limits: Limits,
    began: Option<SystemTime>,
    max_wait: Duration,
    output: &mpsc::Sender<CallEvent>,
    cancel: &CancellationToken,
) -> Vec<String> {
    if what.artifacts.is_none() {
        return Vec::new();
    }
    let folder = what
        .dir
        .clone()
        .map_or_else(|| PathBuf::from("."), PathBuf::from);
    let (taken, lacks, skipped, old) = (
        BTreeSet::new(),
        Few::default(),
        Few::default(),
        Few::default(),
    );
    let gathering = Gathering {
        folder,
        limits,
        began,
        max_wait,
        output,
        taken,
        lacks,
        skipped,
        old,
    };
    let lacks = tokio::select! {
        biased;
        () = cancel.cancelled() => vec!["it was stopped before all of its files were read".to_owned()],
        lacks = gathering.all(&what.artifacts.paths) => lacks,
    };
    if what.artifacts.required {
        lacks
    } else {
        Vec::new()
    }
}

/// The first of many messages, and how many more there were.
#[derive(Debug, Default)]
struct Few {
    first: Vec<String>,
    more: usize,
}

impl Few {
    /// Whether the message is kept (one of the first).
    fn add(&mut self, message: String) -> bool {
        let is_first = self.first.len() < MAX_REPORTED;
        if is_first {
            self.first.push(message);
        } else {
            self.more += 1;
        }
        is_first
    }

    fn rest(&self, text: &str) -> Option<String> {
        (self.more > 0).then(|| format!("{} more {text}", self.more))
    }
}

/// Why a file is not handed on.
#[derive(Debug)]
enum Untaken {
    /// Not an ordinary file of the folder: a pattern does not match it.
    NoFile(String),
    /// Matched, but it cannot be read or kept.
    Lacking(String),
}

/// Gathering stops, with the reason.
struct Stop(String);

struct Gathering<'a> {
    folder: PathBuf,
    limits: Limits,
    began: Option<SystemTime>,
    /// Remaining time for the disk. Time spent waiting for the listener does not count: a slow
    /// store must not cost files.
    max_wait: Duration,
    output: &'a mpsc::Sender<CallEvent>,
    taken: BTreeSet<String>,
    lacks: Few,
    skipped: Few,
    old: Few,
}

impl Gathering<'_> {
    async fn all(mut self, paths: &[String]) -> Vec<String> {
        for text in paths {
            if let Err(Stop(why)) = self.gather_matches(text).await {
                self.lack(why).await;
                break;
            }
        }
        let lacking = self.lacks.rest("of what it was to leave are not kept");
        let rest = [
            lacking.clone(),
            self.skipped.rest("files or folders were skipped"),
            self.old
                .rest("files were last changed before the command began"),
        ];
        for note in rest.into_iter().flatten() {
            self.note(note).await;
        }
        self.lacks.first.into_iter().chain(lacking).collect()
    }

    async fn gather_matches(&mut self, text: &str) -> Result<(), Stop> {
        let pattern = match Pattern::parse(text) {
            Ok(pattern) => pattern,
            Err(why) => {
                self.lack(format!("artifacts: {why}")).await;
                return Ok(());
            }
        };
        let named = pattern.path().is_some();
        let folder = self.folder.clone();
        let (found, skipped) = self
            .read(move || find(&folder, &pattern))
            .await?
            .unwrap_or_default();
        for why in skipped.first {
            self.skip(why).await;
        }
        self.skipped.more += skipped.more;
        let mut some = false;
        for path in found {
            if self.taken.contains(&path) {
                some = true;
                continue;
            }
            if self.taken.len() >= MOST_FILES {
                self.lack(format!(
                    "it left more than {MOST_FILES} files; the others are not kept"
                ))
                .await;
                return Ok(());
            }
            some |= self.take(path, named).await?;
        }
        if !some {
            self.lack(format!("it left no {text}")).await;
        }
        Ok(())
    }

    /// Reads one file and hands it on, or reports why not. Whether it was a file that matches.
    async fn take(&mut self, path: String, named: bool) -> Result<bool, Stop> {
        let (folder, name, limits) = (self.folder.clone(), path.clone(), self.limits);
        let read = self.read(move || read(&folder, &name, limits)).await?;
        let (content, meta) = match read
            .unwrap_or_else(|| Err(Untaken::Lacking(format!("{path} could not be read"))))
        {
            Ok(file) => file,
            Err(Untaken::NoFile(why)) if !named => {
                self.skip(why).await;
                return Ok(false);
            }
            Err(Untaken::NoFile(why) | Untaken::Lacking(why)) => {
                self.taken.insert(path);
                self.lack(why).await;
                return Ok(true);
            }
        };
        self.taken.insert(path.clone());
        let changed = meta
            .modified()
            .ok()
            .and_then(|changed| changed.checked_add(SLACK));
        if changed
            .zip(self.began)
            .is_some_and(|(changed, began)| changed < began)
        {
            let note =
                format!("{path} was last changed before the command began; it is kept as it is");
            if self.old.add(note.clone()) {
                self.note(note).await;
            }
        }
        let left = ArtifactDraft {
            kind: ArtifactKind::of_file(&path),
            title: path,
            content,
        };
        let (reply, answer) = oneshot::channel();
        if self
            .output
            .send(CallEvent::Artifact(left, reply))
            .await
            .is_err()
        {
            return Ok(true);
        }
        // Without an answer the run is abandoned: no more files are needed.
        if let Ok(Err(no)) = answer.await {
            // Reading and packing further files would be wasted.
            if no.run_is_full {
                return Err(Stop(format!(
                    "{}; nothing the step left after it is kept either",
                    no.why
                )));
            }
            self.lack(no.why).await;
        }
        Ok(true)
    }

    async fn lack(&mut self, why: String) {
        if self.lacks.add(why.clone()) {
            self.note(why).await;
        }
    }

    async fn skip(&mut self, why: String) {
        if self.skipped.add(why.clone()) {
            self.note(why).await;
        }
    }

    async fn note(&self, message: String) {
        // No listener: the files are not needed either.
        let _ = self.output.send(CallEvent::Note(message)).await;
    }

    /// Runs disk work within `max_wait`. `None` when the work itself panicked.
    async fn read<T: Send + 'static>(
        &mut self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<Option<T>, Stop> {
        let late =
            || Stop("its files could not be read in time; what is missing is not kept".to_owned());
        if self.max_wait.is_zero() {
            return Err(late());
        }
        let begun = Instant::now();
        let done = timeout(self.max_wait, tokio::task::spawn_blocking(work)).await;
        self.max_wait = self.max_wait.saturating_sub(begun.elapsed());
        done.map(Result::ok).map_err(|_| late())
    }
}

/// The matching files, in order, and the skipped ones. A plain path is examined when it is read.
fn find(folder: &Path, pattern: &Pattern) -> (Vec<String>, Few) {
    if let Some(path) = pattern.path() {
        let there = folder.join(&path).symlink_metadata().is_ok();
        return (there.then_some(path).into_iter().collect(), Few::default());
    }
    let (mut found, mut skipped) = (Vec::new(), Few::default());
    let mut names = 0;
    let mut folders = vec![Vec::<String>::new()];
    while let Some(inner) = folders.pop() {
        let entries = match std::fs::read_dir(folder.join(inner.join("/"))) {
            Ok(entries) => entries,
            Err(e) => {
                skipped.add(format!("the folder {} cannot be read: {e}", shown(&inner)));
                continue;
            }
        };
        for entry in entries.flatten() {
            names += 1;
            if names > MOST_NAMES {
                skipped.add(format!(
                    "more than {MOST_NAMES} names were looked at; the rest was left out"
                ));
                found.sort();
                return (found, skipped);
            }
            let Ok(name) = entry.file_name().into_string() else {
                skipped.add(format!(
                    "a file in {} has a name that is not UTF-8; it is not taken",
                    shown(&inner)
                ));
                continue;
            };
            let mut path = inner.clone();
            path.push(name);
            let parts: Vec<&str> = path.iter().map(String::as_str).collect();
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                if pattern.may_match_below(&parts) {
                    folders.push(path);
                }
            } else if pattern.matches(&parts) {
                let path = path.join("/");
                if is_file(&entry) {
                    found.push(path);
                } else {
                    skipped.add(format!("{path} is not taken: it is no ordinary file"));
                }
            }
        }
    }
    found.sort();
    (found, skipped)
}

/// A link to a file counts; whether it leads out of the folder is checked when it is read.
fn is_file(entry: &DirEntry) -> bool {
    std::fs::metadata(entry.path()).is_ok_and(|meta| meta.is_file())
}

fn shown(names: &[String]) -> String {
    if names.is_empty() {
        "of the step".to_owned()
    } else {
        names.join("/")
    }
}

/// The contents of an ordinary file below the folder, links resolved.
fn read(folder: &Path, path: &str, limits: Limits) -> Result<(Vec<u8>, Metadata), Untaken> {
    let cannot = |e: std::io::Error| match e.kind() {
        ErrorKind::NotFound => Untaken::NoFile(format!("it left no {path}")),
        _ => Untaken::Lacking(format!("{path} cannot be read: {e}")),
    };
    let folder = folder
        .canonicalize()
        .map_err(|e| Untaken::Lacking(format!("the step's folder cannot be read: {e}")))?;
    let whole = folder.join(path).canonicalize().map_err(cannot)?;
    if !whole.starts_with(&folder) {
        return Err(Untaken::NoFile(format!(
            "{path} is not taken: it leads out of the step's folder"
        )));
    }
    let file = open(&whole).map_err(cannot)?;
    let meta = file.metadata().map_err(cannot)?;
    if meta.is_dir() {
        return Err(Untaken::NoFile(format!(
            "{path} is a folder; `{path}/**` means the files in it"
        )));
    }
    if !meta.is_file() {
        return Err(Untaken::NoFile(format!(
            "{path} is not taken: it is no ordinary file"
        )));
    }
    let admit = |bytes| {
        limits
            .admit(ArtifactKind::of_file(path), path, bytes, 0)
            .map_err(|no| Untaken::Lacking(no.why))
    };
    admit(i64::try_from(meta.len()).unwrap_or(i64::MAX))?;
    let mut content = Vec::with_capacity(usize::try_from(meta.len()).unwrap_or(0));
    // The file may grow while it is read.
    let most = u64::try_from(limits.each).unwrap_or(0);
    file.take(most.saturating_add(1))
        .read_to_end(&mut content)
        .map_err(cannot)?;
    admit(i64::try_from(content.len()).unwrap_or(i64::MAX))?;
    Ok((content, meta))
}

/// Non-blocking, so that a pipe without a writer does not block us.
fn open(path: &Path) -> std::io::Result<File> {
    let flags = rustix::fs::OFlags::NONBLOCK | rustix::fs::OFlags::NOFOLLOW;
    OpenOptions::new()
        .read(true)
        .custom_flags(i32::try_from(flags.bits()).unwrap_or(0))
        .open(path)
}

#[cfg(test)]
mod tests;
