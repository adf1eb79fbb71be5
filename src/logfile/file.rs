//! One file (or spooled standard input) being read: its index, its growth, truncation and rotation.

use std::fs::File;
use std::io;
use std::os::unix::fs::{FileExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::head::Head;
use super::index::{BLOCK, Index, Line, Lines, read_some};
use super::progress::{ENDED, FULL, RUNNING};
use super::run_spool::{RunSpool, Writer};
use super::spool::{self, Pour};
use super::unpack::{self, ByteSource, Packing};

/// An unfinished last line that has not grown for this long counts as a line.
const QUIET: Duration = Duration::from_millis(200);
/// How long other files wait for standard input that keeps growing.
const MAX_WAIT: Duration = Duration::from_secs(30);

/// A file and its index.
#[expect(
    clippy::struct_excessive_bools,
    reason = "independent facts, each with its own use"
)]
#[derive(Debug)]
pub struct Tracked {
    pub name: String,
    file: File,
    /// `None`: standard input, which has no path to check for rotation.
    path: Option<PathBuf>,
    pub index: Index,
    /// The unfinished last line counts.
    tail: bool,
    grew: Instant,
    began: Instant,
    /// Reading it failed: nothing waits for it.
    failing: bool,
    buffer: Vec<u8>,
    /// The last read error, reported once.
    trouble: Option<String>,
    /// State of the thread that writes the spool or the run's log: `RUNNING`, `ENDED`, `FULL`, …
    ended: Option<Arc<AtomicU8>>,
    /// A message of the writer of the spool, reported once.
    message: Arc<Mutex<Option<String>>>,
    /// It is unpacked into a spool file: its whole text counts as already there.
    packed: bool,
    /// The writer of the spool was seen to have ended.
    over: bool,
    /// What the store knows about each line; only for a run's log.
    spool: Option<RunSpool>,
}

/// A change of a file other than growth.
#[derive(Debug)]
pub enum FileEvent {
    Nothing,
    /// The last line, unfinished but counted, has grown. It begins at this offset.
    TailGrew {
        line: usize,
        offset: u64,
    },
    /// It is shorter than before and is read from its start.
    Truncated,
    /// Another file has taken its name.
    Rotated(Box<Tracked>),
    Notice(String),
}

impl Tracked {
    /// Opens a file.
    ///
    /// # Errors
    /// When it cannot be read, or is a folder.
    pub fn open(path: &Path) -> io::Result<Self> {
        // Opening a pipe without a writer would wait for one.
        let kind = std::fs::metadata(path)?.file_type();
        if !kind.is_file() {
            return Err(io::Error::other(if kind.is_dir() {
                "it is a folder; name a file in it"
            } else {
                "it is no regular file; pipe it: `cat … | opsroom log -`"
            }));
        }
        let file = File::open(path)?;
        let name = path.file_name().map_or_else(
            || path.display().to_string(),
            |n| n.to_string_lossy().into_owned(),
        );
        match Packing::of(&head(&file)) {
            Some(packing) => Self::unpacked(&name, packing, file),
            None => Ok(Self::new(name, file, Some(path.to_owned()))),
        }
    }

    /// Copies `input`, unpacked if it is packed, into an unlinked file, in a thread of its own.
    ///
    /// # Errors
    /// When the temporary file cannot be made.
    pub fn spool(name: &str, input: impl io::Read + Send + 'static) -> io::Result<Self> {
        Self::pour(name, spool::room() / 2, move || unpack::reader(input))
    }

    /// Unpacks a packed file in a thread of its own into an unlinked file. It takes at most half of
    /// the free disk space: other programs need some too.
    fn unpacked(name: &str, packing: Packing, file: File) -> io::Result<Self> {
        let mut tracked = Self::pour(name, spool::room() / 2, move || {
            Ok((packing.reader(file), true))
        })?;
        tracked.packed = true;
        Ok(tracked)
    }

    fn pour(
        name: &str,
        most: u64,
        input: impl FnOnce() -> io::Result<(ByteSource, bool)> + Send + 'static,
    ) -> io::Result<Self> {
        let file = tempfile::tempfile()?;
        let (ended, message) = (Arc::new(AtomicU8::new(RUNNING)), Arc::default());
        let pour = Pour {
            into: file.try_clone()?,
            most,
            ended: Arc::downgrade(&ended),
            message: Arc::clone(&message),
        };
        std::thread::Builder::new()
            .name("spool".to_owned())
            .spawn(move || pour.run(input))?;
        let mut tracked = Self::new(name.to_owned(), file, None);
        (tracked.ended, tracked.message) = (Some(ended), message);
        Ok(tracked)
    }

    /// The log of a run, and the writer for its entries.
    ///
    /// # Errors
    /// When the temporary files cannot be made.
    pub fn run(name: &str) -> io::Result<(Self, Writer)> {
        let file = tempfile::tempfile()?;
        let ended = Arc::new(AtomicU8::new(RUNNING));
        let (writer, spool) = Writer::new(file.try_clone()?, Arc::clone(&ended))?;
        let mut tracked = Self::new(name.to_owned(), file, None);
        (tracked.ended, tracked.spool) = (Some(ended), Some(spool));
        Ok((tracked, writer))
    }

    fn new(name: String, file: File, path: Option<PathBuf>) -> Self {
        Self {
            name,
            file,
            path,
            index: Index::default(),
            tail: false,
            grew: Instant::now(),
            began: Instant::now(),
            failing: false,
            buffer: vec![0; BLOCK],
            trouble: None,
            ended: None,
            message: Arc::default(),
            packed: false,
            over: false,
            spool: None,
        }
    }

    /// Everything that existed when it was opened is in the file.
    #[must_use]
    pub fn is_loaded(&self) -> bool {
        (self.spool.is_none() && !self.packed) || !self.is_running()
    }

    /// A thread of this process still writes the file.
    fn is_running(&self) -> bool {
        self.ended
            .as_ref()
            .is_some_and(|ended| ended.load(Ordering::Acquire) == RUNNING)
    }

    /// All bytes there are have been read, or reading failed.
    #[must_use]
    pub fn is_read(&self) -> bool {
        self.failing || self.index.end() >= self.size()
    }

    /// Part of what existed when it was opened is still missing, so that lines of other files
    /// cannot be merged with it yet.
    #[must_use]
    pub fn is_arriving(&self) -> bool {
        let unfinished = !self.tail && self.index.tail() < self.index.end();
        let piped = self.path.is_none() && self.spool.is_none();
        let flowing = || {
            piped
                && self.is_running()
                && self.grew.elapsed() < QUIET
                && self.began.elapsed() < MAX_WAIT
        };
        !self.failing && (unfinished || !self.is_loaded() || flowing())
    }

    /// The log of a run that has ended for good: no line follows.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        self.spool.is_some()
            && self
                .ended
                .as_ref()
                .is_some_and(|ended| ended.load(Ordering::Acquire) == ENDED)
    }

    /// Whether it may grow without its writer waking the view.
    #[must_use]
    pub const fn needs_polling(&self) -> bool {
        self.spool.is_none() && !(self.packed && self.over)
    }

    /// Whether a line belongs to the record of the one before.
    #[must_use]
    pub fn joined(&self, line: usize) -> bool {
        self.index.joined(line)
    }

    #[must_use]
    pub const fn file(&self) -> &File {
        &self.file
    }

    /// Complete lines, and the unfinished last one if it counts.
    #[must_use]
    pub const fn lines(&self) -> usize {
        if self.tail {
            self.index.lines()
        } else {
            self.index.complete()
        }
    }

    /// Its path, unless it is a spool.
    #[must_use]
    pub fn path(&self) -> Option<&Path> {
        self.path.as_deref()
    }

    /// The unfinished last line counts.
    #[must_use]
    pub const fn tail_counts(&self) -> bool {
        self.tail
    }

    /// Current size in bytes; the bytes indexed if the size cannot be read.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.file.metadata().map_or(self.index.end(), |m| m.len())
    }

    /// Indexes one more block. True: there was one.
    pub fn feed(&mut self) -> (bool, FileEvent) {
        let (tail, complete, offset) = (self.tail, self.index.complete(), self.index.tail());
        match read_some(&self.file, &mut self.buffer, self.index.end()) {
            Ok(0) => (false, self.at_end()),
            Ok(count) => {
                self.index.feed(&self.buffer[..count]);
                self.join(complete);
                (self.grew, self.tail, self.trouble, self.failing) =
                    (Instant::now(), false, None, false);
                (
                    true,
                    if tail {
                        FileEvent::TailGrew {
                            line: complete,
                            offset,
                        }
                    } else {
                        FileEvent::Nothing
                    },
                )
            }
            Err(error) => (false, self.failed(&error)),
        }
    }

    /// For a run's lines from `from` on the store knows the records; they replace the guessed ones.
    fn join(&mut self, from: usize) {
        if let Some(spool) = &self.spool {
            let heads = spool.read(from, self.index.complete() - from);
            self.index
                .records
                .overwrite(from, heads.iter().map(|head| head.joined));
        }
    }

    fn at_end(&mut self) -> FileEvent {
        let over = self
            .ended
            .as_ref()
            .map_or(RUNNING, |ended| ended.load(Ordering::Acquire));
        self.over = matches!(over, ENDED | FULL);
        if !self.tail && (self.over || self.grew.elapsed() >= QUIET) {
            self.tail = self.index.tail() < self.index.end();
        }
        if over == FULL && self.trouble.is_none() {
            return self.failed(&io::Error::other("no room to keep more of it"));
        }
        if let Some(text) = self.spool.as_ref().and_then(RunSpool::trouble) {
            self.failing = true;
            return FileEvent::Notice(text);
        }
        if let Some(text) = self
            .message
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take()
        {
            return FileEvent::Notice(format!("{}: {text}", self.name));
        }
        FileEvent::Nothing
    }

    /// Whether the file under the name is still this one, and not shorter.
    pub fn check(&mut self) -> FileEvent {
        let Some(path) = &self.path else {
            return FileEvent::Nothing;
        };
        match (std::fs::metadata(path), self.file.metadata()) {
            (Ok(there), Ok(here)) if (there.dev(), there.ino()) != (here.dev(), here.ino()) => {
                match Self::open(path) {
                    // The rest of the old file is read first.
                    Ok(_) if here.len() > self.index.end() => FileEvent::Nothing,
                    Ok(mut new) => {
                        new.name.clone_from(&self.name);
                        self.path = None;
                        FileEvent::Rotated(Box::new(new))
                    }
                    Err(error) => self.failed(&error),
                }
            }
            (_, Ok(here)) if here.len() < self.index.end() => {
                (self.index, self.tail) = (Index::default(), false);
                FileEvent::Truncated
            }
            (Ok(_), Ok(_)) => FileEvent::Nothing,
            // Between the two steps of a rotation the file is missing: no notice.
            (Err(error), Ok(_))
                if error.kind() == io::ErrorKind::NotFound
                    && self.grew.elapsed() < Duration::from_secs(2) =>
            {
                FileEvent::Nothing
            }
            (Err(error), _) | (_, Err(error)) => self.failed(&error),
        }
    }

    fn failed(&mut self, error: &io::Error) -> FileEvent {
        self.failing = true;
        let text = format!("{}: {error}; shown is what could be read", self.name);
        if self.trouble.as_ref() == Some(&text) {
            return FileEvent::Nothing;
        }
        self.trouble = Some(text.clone());
        FileEvent::Notice(text)
    }

    /// Lines `from..from + count`, at most `keep` bytes of each; fewer when they cannot be read.
    #[must_use]
    pub fn read(&self, from: usize, count: usize, keep: usize) -> Vec<Line> {
        let count = count.min(self.lines().saturating_sub(from));
        let mut lines = Lines {
            file: &self.file,
            index: &self.index,
            keep,
        }
        .read(from, count)
        .unwrap_or_default();
        if !lines.is_empty() {
            lines
                .iter_mut()
                .zip(self.heads(from, count))
                .for_each(|(line, head)| line.head = Some(head));
        }
        lines
    }

    /// Writes a whole line.
    ///
    /// # Errors
    /// When it cannot be read or written.
    pub fn copy(&self, line: usize, out: &mut impl io::Write) -> io::Result<()> {
        Lines {
            file: &self.file,
            index: &self.index,
            keep: 0,
        }
        .copy(line, out)
    }

    /// What the store knows about these lines; empty for a file.
    #[must_use]
    pub fn heads(&self, from: usize, count: usize) -> Vec<Head> {
        self.spool
            .as_ref()
            .map(|spool| spool.read(from, count))
            .unwrap_or_default()
    }

    /// The first of these lines that a step of a run wrote.
    #[must_use]
    pub fn first_of_step(&self, step: u32, from: usize, to: usize) -> Option<usize> {
        self.spool.as_ref()?.first_of_step(step, from, to)
    }

    /// The data of an event of a run, as JSON.
    #[must_use]
    pub fn data(&self, head: &Head) -> Option<String> {
        self.spool.as_ref()?.data(head)
    }

    /// A notice when its first bytes show an unsupported packing or binary data.
    #[must_use]
    pub fn warning(&self) -> Option<String> {
        let head = head(&self.file);
        if let Some(command) = unpack::unpacked_by(&head) {
            return Some(format!(
                "{} is packed; `{command} FILE | opsroom log -` shows its text",
                self.name
            ));
        }
        let binary = memchr::memchr(0, &head).is_some();
        binary.then(|| {
            format!(
                "{} holds bytes that are no text; shown as tokens",
                self.name
            )
        })
    }
}

/// The first bytes.
fn head(file: &File) -> Vec<u8> {
    let mut head = [0; 1024];
    let got = file.read_at(&mut head, 0).unwrap_or(0);
    head[..got].to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pipe_without_a_writer_is_refused_and_not_waited_for() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("pipe");
        let made = std::process::Command::new("mkfifo").arg(&path).status();
        assert!(made.expect("mkfifo runs").success());
        let why = Tracked::open(&path).map(drop).expect_err("it is no file");
        assert!(why.to_string().contains("no regular file"), "{why}");
    }
}
