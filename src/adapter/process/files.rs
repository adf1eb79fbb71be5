//! The files a command leaves as artifacts: looked for in its folder when it has ended, never outside of it, and handed on
//! one at a time, for they may be large. What is not taken is said, with the reason.
//!
//! A folder may hang (a mount that is gone), and nothing ends a read that does: it is waited for only so long.

use std::collections::BTreeSet;
use std::fs::{DirEntry, File, Metadata, OpenOptions};
use std::io::{ErrorKind, Read as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;

use super::{Invocation, Said};
use crate::core::artifact::{ArtifactKind, Left, Limits, Pattern};

/// Files one step can leave, and names that are looked at for them: a pattern that means half a disk ends here.
const MOST_FILES: usize = 500;
const MOST_NAMES: usize = 100_000;
/// Sentences of one sort that are told; of the others only how many they are.
const MOST_TOLD: usize = 20;
/// Clocks of file systems need not agree better than this.
const SLACK: Duration = Duration::from_secs(2);
/// A command that took all of its time has left files nevertheless.
const LEAST_PATIENCE: Duration = Duration::from_secs(5);
const MOST_PATIENCE: Duration = Duration::from_mins(1);

/// How long files may take to be found and read: what is left of the command's own time, within reason.
pub(super) fn patience(limit: Duration, used: Duration) -> Duration {
    limit.saturating_sub(used).clamp(LEAST_PATIENCE, MOST_PATIENCE)
}

/// Hands on what the command left. What it had to leave and did not, one sentence each.
pub(super) async fn gather(
    what: &Invocation,
    limits: Limits,
    began: Option<SystemTime>,
    patience: Duration,
    output: &mpsc::Sender<Said>,
    cancel: &CancellationToken,
) -> Vec<String> {
    if what.artifacts.is_none() {
        return Vec::new();
    }
    let folder = what.dir.clone().map_or_else(|| PathBuf::from("."), PathBuf::from);
    let (taken, lacks, skipped, old) = (BTreeSet::new(), Few::default(), Few::default(), Few::default());
    let gathering = Gathering { folder, limits, began, patience, output, taken, lacks, skipped, old };
    let lacks = tokio::select! {
        biased;
        () = cancel.cancelled() => vec!["it was stopped before all of its files were read".to_owned()],
        lacks = gathering.all(&what.artifacts.paths) => lacks,
    };
    if what.artifacts.required { lacks } else { Vec::new() }
}

/// The first of many sentences, and how many more there were.
#[derive(Debug, Default)]
struct Few {
    first: Vec<String>,
    more: usize,
}

impl Few {
    /// Whether it is one of the first.
    fn add(&mut self, sentence: String) -> bool {
        let is_first = self.first.len() < MOST_TOLD;
        if is_first {
            self.first.push(sentence);
        } else {
            self.more += 1;
        }
        is_first
    }

    fn rest(&self, words: &str) -> Option<String> {
        (self.more > 0).then(|| format!("{} more {words}", self.more))
    }
}

/// Why there is nothing to hand on.
#[derive(Debug)]
enum Untaken {
    /// It is no ordinary file of the folder: a pattern does not mean it.
    NoFile(String),
    /// It is, and it cannot be had.
    Lacking(String),
}

/// Nothing more is gathered; why.
struct Stop(String);

struct Gathering<'a> {
    folder: PathBuf,
    limits: Limits,
    began: Option<SystemTime>,
    /// For the disk. Time spent waiting for the listener does not count: a slow store must not cost files.
    patience: Duration,
    output: &'a mpsc::Sender<Said>,
    taken: BTreeSet<String>,
    lacks: Few,
    skipped: Few,
    old: Few,
}

impl Gathering<'_> {
    async fn all(mut self, paths: &[String]) -> Vec<String> {
        for text in paths {
            if let Err(Stop(why)) = self.meant_by(text).await {
                self.lack(why).await;
                break;
            }
        }
        let lacking = self.lacks.rest("of what it was to leave are not kept");
        let rest = [
            lacking.clone(),
            self.skipped.rest("files or folders were passed over"),
            self.old.rest("files were last changed before the command began"),
        ];
        for note in rest.into_iter().flatten() {
            self.say(note).await;
        }
        self.lacks.first.into_iter().chain(lacking).collect()
    }

    async fn meant_by(&mut self, text: &str) -> Result<(), Stop> {
        let pattern = match Pattern::parse(text) {
            Ok(pattern) => pattern,
            Err(why) => {
                self.lack(format!("artifacts: {why}")).await;
                return Ok(());
            }
        };
        let named = pattern.path().is_some();
        let folder = self.folder.clone();
        let (found, skipped) = self.read(move || find(&folder, &pattern)).await?.unwrap_or_default();
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
                self.lack(format!("it left more than {MOST_FILES} files; the others are not kept")).await;
                return Ok(());
            }
            some |= self.take(path, named).await?;
        }
        if !some {
            self.lack(format!("it left no {text}")).await;
        }
        Ok(())
    }

    /// Reads one file and hands it on, or says why not. Whether it was a file that is meant.
    async fn take(&mut self, path: String, named: bool) -> Result<bool, Stop> {
        let (folder, name, limits) = (self.folder.clone(), path.clone(), self.limits);
        let read = self.read(move || read(&folder, &name, limits)).await?;
        let (content, meta) = match read.unwrap_or_else(|| Err(Untaken::Lacking(format!("{path} could not be read")))) {
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
        let changed = meta.modified().ok().and_then(|changed| changed.checked_add(SLACK));
        if changed.zip(self.began).is_some_and(|(changed, began)| changed < began) {
            let note = format!("{path} was last changed before the command began; it is kept as it is");
            if self.old.add(note.clone()) {
                self.say(note).await;
            }
        }
        let left = Left { kind: ArtifactKind::of_file(&path), title: path, content };
        let (told, answer) = oneshot::channel();
        if self.output.send(Said::Left(left, told)).await.is_err() {
            return Ok(true);
        }
        // Without an answer the run is given up; nobody will ask for more.
        if let Ok(Err(no)) = answer.await {
            // Reading and packing what comes after it would be for nothing.
            if no.run_is_full {
                return Err(Stop(format!("{}; nothing the step left after it is kept either", no.why)));
            }
            self.lack(no.why).await;
        }
        Ok(true)
    }

    async fn lack(&mut self, why: String) {
        if self.lacks.add(why.clone()) {
            self.say(why).await;
        }
    }

    async fn skip(&mut self, why: String) {
        if self.skipped.add(why.clone()) {
            self.say(why).await;
        }
    }

    async fn say(&self, note: String) {
        // Nobody listening: then nobody wants the files either.
        let _ = self.output.send(Said::Note(note)).await;
    }

    /// Works on the disk for as long as there is patience. Nothing when the work itself broke.
    async fn read<T: Send + 'static>(&mut self, work: impl FnOnce() -> T + Send + 'static) -> Result<Option<T>, Stop> {
        let late = || Stop("its files could not be read in time; what is missing is not kept".to_owned());
        if self.patience.is_zero() {
            return Err(late());
        }
        let begun = Instant::now();
        let done = timeout(self.patience, tokio::task::spawn_blocking(work)).await;
        self.patience = self.patience.saturating_sub(begun.elapsed());
        done.map(Result::ok).map_err(|_| late())
    }
}

/// The files that are meant, in order, and what was passed over. A path is looked at when it is read.
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
                skipped.add(format!("more than {MOST_NAMES} names were looked at; the rest was left out"));
                found.sort();
                return (found, skipped);
            }
            let Ok(name) = entry.file_name().into_string() else {
                skipped.add(format!("a file in {} has a name that is not UTF-8; it is not taken", shown(&inner)));
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

/// A link to a file counts: whether it leads out of the folder is seen when it is read.
fn is_file(entry: &DirEntry) -> bool {
    std::fs::metadata(entry.path()).is_ok_and(|meta| meta.is_file())
}

fn shown(names: &[String]) -> String {
    if names.is_empty() { "of the step".to_owned() } else { names.join("/") }
}

/// The contents of an ordinary file below the folder, links resolved.
fn read(folder: &Path, path: &str, limits: Limits) -> Result<(Vec<u8>, Metadata), Untaken> {
    let cannot = |e: std::io::Error| match e.kind() {
        ErrorKind::NotFound => Untaken::NoFile(format!("it left no {path}")),
        _ => Untaken::Lacking(format!("{path} cannot be read: {e}")),
    };
    let folder =
        folder.canonicalize().map_err(|e| Untaken::Lacking(format!("the step's folder cannot be read: {e}")))?;
    let whole = folder.join(path).canonicalize().map_err(cannot)?;
    if !whole.starts_with(&folder) {
        return Err(Untaken::NoFile(format!("{path} is not taken: it leads out of the step's folder")));
    }
    let file = open(&whole).map_err(cannot)?;
    let meta = file.metadata().map_err(cannot)?;
    if meta.is_dir() {
        return Err(Untaken::NoFile(format!("{path} is a folder; `{path}/**` means the files in it")));
    }
    if !meta.is_file() {
        return Err(Untaken::NoFile(format!("{path} is not taken: it is no ordinary file")));
    }
    let admit =
        |bytes| limits.admit(ArtifactKind::of_file(path), path, bytes, 0).map_err(|no| Untaken::Lacking(no.why));
    admit(i64::try_from(meta.len()).unwrap_or(i64::MAX))?;
    let mut content = Vec::with_capacity(usize::try_from(meta.len()).unwrap_or(0));
    // It may grow while it is read.
    let most = u64::try_from(limits.each).unwrap_or(0);
    file.take(most.saturating_add(1)).read_to_end(&mut content).map_err(cannot)?;
    admit(i64::try_from(content.len()).unwrap_or(i64::MAX))?;
    Ok((content, meta))
}

/// A pipe without a writer must not hold us.
fn open(path: &Path) -> std::io::Result<File> {
    let flags = rustix::fs::OFlags::NONBLOCK | rustix::fs::OFlags::NOFOLLOW;
    OpenOptions::new().read(true).custom_flags(i32::try_from(flags.bits()).unwrap_or(0)).open(path)
}

#[cfg(test)]
mod tests;
