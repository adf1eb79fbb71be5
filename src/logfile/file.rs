//! One file (or spooled standard input) being read: its index, what grows, and what befalls it.

use std::fs::File;
use std::io;
use std::os::unix::fs::{FileExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::index::{BLOCK, Index, Line, Lines, read_some};
use super::lanes::{Head, Lanes, Writer};
use super::spool::{self, Pour};
use super::unpack::{self, Input, Packing};

/// An unfinished last line that stood this long counts as a line.
const QUIET: Duration = Duration::from_millis(200);
/// How long others are kept waiting for standard input that goes on coming.
const PATIENCE: Duration = Duration::from_secs(30);

/// A file and what is known of it.
#[expect(clippy::struct_excessive_bools, reason = "independent facts, each with its own use")]
#[derive(Debug)]
pub struct Tracked {
    pub name: String,
    file: File,
    /// `None`: standard input, which is no path to look at again.
    path: Option<PathBuf>,
    pub index: Index,
    /// The unfinished last line counts.
    tail: bool,
    grew: Instant,
    began: Instant,
    /// It cannot be read to its end for now: nothing waits for it.
    failing: bool,
    buffer: Vec<u8>,
    /// The last failure to read, told once.
    trouble: Option<String>,
    /// The end of standard input or of a run's log, as whoever spools it leaves it.
    ended: Option<Arc<AtomicU8>>,
    /// A message of the writer of the spool, reported once.
    said: Arc<Mutex<Option<String>>>,
    /// It is being unpacked: all of it is to come.
    packed: bool,
    /// The writer of the spool has ended, and that was noticed.
    over: bool,
    /// What the store knows of each line: a run's log.
    lanes: Option<Lanes>,
}

/// What befell a file.
#[derive(Debug)]
pub enum Event {
    Nothing,
    /// The last line, unfinished but counted, went on: it begins here.
    TailGrew {
        line: usize,
        offset: u64,
    },
    /// Shorter than before: it begins anew.
    Truncated,
    /// Another file stands under the name.
    Rotated(Box<Tracked>),
    Told(String),
}

pub(super) const RUNNING: u8 = 0;
pub(super) const ENDED: u8 = 1;
pub(super) const FULL: u8 = 2;
pub(super) const CAUGHT_UP: u8 = 3;

impl Tracked {
    /// Opens a file.
    ///
    /// # Errors
    /// When it cannot be read, or is a folder.
    pub fn open(path: &Path) -> io::Result<Self> {
        let file = File::open(path)?;
        let kind = file.metadata()?.file_type();
        if !kind.is_file() {
            return Err(io::Error::other(if kind.is_dir() {
                "it is a folder; name a file in it"
            } else {
                "it is no regular file; pipe it: `cat … | opsroom log -`"
            }));
        }
        let name = path.file_name().map_or_else(|| path.display().to_string(), |n| n.to_string_lossy().into_owned());
        match Packing::of(&head(&file)) {
            Some(packing) => Self::unpacked(&name, packing, file),
            None => Ok(Self::new(name, file, Some(path.to_owned()))),
        }
    }

    /// Reads `input` to its end into an unlinked file, unpacked if it is packed, in a thread of its own.
    ///
    /// # Errors
    /// When there is no room for such a file.
    pub fn spool(name: &str, input: impl io::Read + Send + 'static) -> io::Result<Self> {
        Self::pour(name, spool::room() / 2, move || unpack::reader(input))
    }

    /// The text of a packed file, unpacked in a thread of its own into an unlinked file. It takes at most half of
    /// the room there is, for the machine has other work to do.
    fn unpacked(name: &str, packing: Packing, file: File) -> io::Result<Self> {
        let mut tracked = Self::pour(name, spool::room() / 2, move || Ok((packing.reader(file), true)))?;
        tracked.packed = true;
        Ok(tracked)
    }

    fn pour(
        name: &str,
        most: u64,
        input: impl FnOnce() -> io::Result<(Input, bool)> + Send + 'static,
    ) -> io::Result<Self> {
        let file = tempfile::tempfile()?;
        let (ended, said) = (Arc::new(AtomicU8::new(RUNNING)), Arc::default());
        let pour = Pour { into: file.try_clone()?, most, ended: Arc::downgrade(&ended), said: Arc::clone(&said) };
        std::thread::Builder::new().name("spool".to_owned()).spawn(move || pour.run(input))?;
        let mut tracked = Self::new(name.to_owned(), file, None);
        (tracked.ended, tracked.said) = (Some(ended), said);
        Ok(tracked)
    }

    /// The log of a run, and where its entries are to be written.
    ///
    /// # Errors
    /// When there is no room for such files.
    pub fn run(name: &str) -> io::Result<(Self, Writer)> {
        let file = tempfile::tempfile()?;
        let ended = Arc::new(AtomicU8::new(RUNNING));
        let (writer, lanes) = Writer::new(file.try_clone()?, Arc::clone(&ended))?;
        let mut tracked = Self::new(name.to_owned(), file, None);
        (tracked.ended, tracked.lanes) = (Some(ended), Some(lanes));
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
            said: Arc::default(),
            packed: false,
            over: false,
            lanes: None,
        }
    }

    /// What there was when it was opened has come.
    #[must_use]
    pub fn has_come(&self) -> bool {
        (self.lanes.is_none() && !self.packed) || !self.is_running()
    }

    /// Somebody still writes what is read here.
    fn is_running(&self) -> bool {
        self.ended.as_ref().is_some_and(|ended| ended.load(Ordering::Acquire) == RUNNING)
    }

    /// As many bytes as there are have been read, or as can be.
    #[must_use]
    pub fn is_read(&self) -> bool {
        self.failing || self.index.end() >= self.size()
    }

    /// Of what there was when it was opened more is to come, so that lines of other files cannot be put in their place yet.
    #[must_use]
    pub fn is_arriving(&self) -> bool {
        let unfinished = !self.tail && self.index.tail() < self.index.end();
        let piped = self.path.is_none() && self.lanes.is_none();
        let flowing = || piped && self.is_running() && self.grew.elapsed() < QUIET && self.began.elapsed() < PATIENCE;
        !self.failing && (unfinished || !self.has_come() || flowing())
    }

    /// The log of a run that has ended for good: nothing follows.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        self.lanes.is_some() && self.ended.as_ref().is_some_and(|ended| ended.load(Ordering::Acquire) == ENDED)
    }

    /// Whether it grows without anybody saying so, and has to be looked at.
    #[must_use]
    pub const fn has_to_be_watched(&self) -> bool {
        self.lanes.is_none() && !(self.packed && self.over)
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

    /// Lines that count.
    #[must_use]
    pub const fn lines(&self) -> usize {
        if self.tail { self.index.lines() } else { self.index.complete() }
    }

    /// The unfinished last line counts.
    #[must_use]
    pub const fn tail_counts(&self) -> bool {
        self.tail
    }

    /// Bytes there are now, as far as can be told.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.file.metadata().map_or(self.index.end(), |m| m.len())
    }

    /// Takes in one more block. True: there was something.
    pub fn feed(&mut self) -> (bool, Event) {
        let (tail, complete, offset) = (self.tail, self.index.complete(), self.index.tail());
        match read_some(&self.file, &mut self.buffer, self.index.end()) {
            Ok(0) => (false, self.stand_still()),
            Ok(count) => {
                self.index.feed(&self.buffer[..count]);
                self.join(complete);
                (self.grew, self.tail, self.trouble, self.failing) = (Instant::now(), false, None, false);
                (true, if tail { Event::TailGrew { line: complete, offset } } else { Event::Nothing })
            }
            Err(error) => (false, self.failed(&error)),
        }
    }

    /// A run's lines from `from` on: which belong together is known of them, not guessed.
    fn join(&mut self, from: usize) {
        if let Some(lanes) = &self.lanes {
            let heads = lanes.read(from, self.index.complete() - from);
            self.index.records.tell(from, heads.iter().map(|head| head.joined));
        }
    }

    fn stand_still(&mut self) -> Event {
        let over = self.ended.as_ref().map_or(RUNNING, |ended| ended.load(Ordering::Acquire));
        self.over = matches!(over, ENDED | FULL);
        if !self.tail && (self.over || self.grew.elapsed() >= QUIET) {
            self.tail = self.index.tail() < self.index.end();
        }
        if over == FULL && self.trouble.is_none() {
            return self.failed(&io::Error::other("no room to keep more of it"));
        }
        if let Some(text) = self.lanes.as_ref().and_then(Lanes::trouble) {
            self.failing = true;
            return Event::Told(text);
        }
        if let Some(text) = self.said.lock().unwrap_or_else(PoisonError::into_inner).take() {
            return Event::Told(format!("{}: {text}", self.name));
        }
        Event::Nothing
    }

    /// Whether the file under the name is still this one, and not shorter.
    pub fn check(&mut self) -> Event {
        let Some(path) = &self.path else { return Event::Nothing };
        match (std::fs::metadata(path), self.file.metadata()) {
            (Ok(there), Ok(here)) if (there.dev(), there.ino()) != (here.dev(), here.ino()) => {
                match Self::open(path) {
                    // What is left of the old file is read first.
                    Ok(_) if here.len() > self.index.end() => Event::Nothing,
                    Ok(mut new) => {
                        new.name.clone_from(&self.name);
                        self.path = None;
                        Event::Rotated(Box::new(new))
                    }
                    Err(error) => self.failed(&error),
                }
            }
            (_, Ok(here)) if here.len() < self.index.end() => {
                (self.index, self.tail) = (Index::default(), false);
                Event::Truncated
            }
            (Ok(_), Ok(_)) => Event::Nothing,
            // Between the two steps of a rotation there is no file; that is not worth a word.
            (Err(error), Ok(_))
                if error.kind() == io::ErrorKind::NotFound && self.grew.elapsed() < Duration::from_secs(2) =>
            {
                Event::Nothing
            }
            (Err(error), _) | (_, Err(error)) => self.failed(&error),
        }
    }

    fn failed(&mut self, error: &io::Error) -> Event {
        self.failing = true;
        let text = format!("{}: {error}; shown is what could be read", self.name);
        if self.trouble.as_ref() == Some(&text) {
            return Event::Nothing;
        }
        self.trouble = Some(text.clone());
        Event::Told(text)
    }

    /// Lines `from..from + count`, at most `keep` bytes of each; fewer when they cannot be read.
    #[must_use]
    pub fn read(&self, from: usize, count: usize, keep: usize) -> Vec<Line> {
        let count = count.min(self.lines().saturating_sub(from));
        let mut lines = Lines { file: &self.file, index: &self.index, keep }.read(from, count).unwrap_or_default();
        if !lines.is_empty() {
            lines.iter_mut().zip(self.heads(from, count)).for_each(|(line, head)| line.head = Some(head));
        }
        lines
    }

    /// Writes a whole line.
    ///
    /// # Errors
    /// When it cannot be read or written.
    pub fn copy(&self, line: usize, out: &mut impl io::Write) -> io::Result<()> {
        Lines { file: &self.file, index: &self.index, keep: 0 }.copy(line, out)
    }

    /// What the store knows of these lines; nothing of a file's.
    #[must_use]
    pub fn heads(&self, from: usize, count: usize) -> Vec<Head> {
        self.lanes.as_ref().map(|lanes| lanes.read(from, count)).unwrap_or_default()
    }

    /// The first of these lines that a step of a run wrote.
    #[must_use]
    pub fn first_of_step(&self, step: u32, from: usize, to: usize) -> Option<usize> {
        self.lanes.as_ref()?.first_of_step(step, from, to)
    }

    /// The data of an event of a run, as JSON.
    #[must_use]
    pub fn data(&self, head: &Head) -> Option<String> {
        self.lanes.as_ref()?.data(head)
    }

    /// What is unusual about its first bytes: packed in a format that is not supported, or binary data.
    #[must_use]
    pub fn strangeness(&self) -> Option<String> {
        let head = head(&self.file);
        if let Some(command) = unpack::unpacked_by(&head) {
            return Some(format!("{} is packed; `{command} FILE | opsroom log -` shows its text", self.name));
        }
        let binary = memchr::memchr(0, &head).is_some();
        binary.then(|| format!("{} holds bytes that are no text; shown as tokens", self.name))
    }
}

/// The first bytes.
fn head(file: &File) -> Vec<u8> {
    let mut head = [0; 1024];
    let got = file.read_at(&mut head, 0).unwrap_or(0);
    head[..got].to_vec()
}
