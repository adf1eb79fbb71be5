//! The log view of one reader: files, filters, a search and a position. It knows no threads or
//! screens: [`LogView::ask`] takes a request, [`LogView::work`] does a small piece of the pending
//! work,
//! [`LogView::shown`] returns what to show.

mod export;
mod rules;
mod seek;
mod view;

use std::io;
use std::path::PathBuf;

use regex::bytes::Regex;

use self::export::Job;
pub use self::export::{Export, What};
pub use self::rules::Rule;
use self::rules::Rules;
use self::seek::Seek;
pub use self::seek::{Jump, Sought};
use self::view::Viewport;
pub use self::view::{Hits, Move, Row, Shown};
use super::bits::Bits;
use super::file::{FileEvent, Tracked};
use super::head::Head;
use super::index::Line;
use super::levels::Levels;
use super::order::Order;
use super::records::LONGEST;
use crate::core::base::time::Timestamp;
use crate::core::run::event::Level;

/// A request of the reader.
#[derive(Debug, Clone)]
pub enum LogRequest {
    /// Rows of the screen, and columns of the strip.
    Resize {
        rows: usize,
        strip: usize,
    },
    Move(Move),
    /// Show only lines that pass these filters.
    Rules {
        rules: Vec<Rule>,
        floor: Level,
    },
    /// Highlight and find matches; `None` ends the search.
    Search(Option<Regex>),
    Seek {
        what: Sought,
        forward: bool,
    },
    Jump(Jump),
    /// The whole line, for the clipboard.
    Copy {
        line: usize,
    },
    /// The whole record around a line.
    Record {
        line: usize,
    },
    Export(Export),
    /// Poll the files: something may have been written.
    Poll,
    /// The view is hidden until the next `Resize`.
    Idle,
}

/// Compares the debug text: patterns cannot be compared otherwise.
impl PartialEq for LogRequest {
    fn eq(&self, other: &Self) -> bool {
        format!("{self:?}") == format!("{other:?}")
    }
}

/// An answer of the view besides the screen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    Copy {
        text: String,
    },
    Record {
        line: usize,
        text: String,
        /// What the store knows about it.
        head: Option<Head>,
        /// An event's data, as JSON.
        data: Option<String>,
    },
    /// One line for the reader.
    Notice(String),
}

/// The view; see the module.
#[expect(
    clippy::struct_excessive_bools,
    reason = "independent facts, each with its own use"
)]
#[derive(Debug)]
pub struct LogView {
    files: Vec<Tracked>,
    order: Order,
    levels: Vec<Levels>,
    rules: Rules,
    place: Viewport,
    seek: Option<Seek>,
    job: Option<Job>,
    now: Timestamp,
    /// Everything that existed when it was opened has been indexed.
    caught_up: bool,
    /// All files have ended for good and been read: there is nothing to follow.
    ended: bool,
    /// The screen has changed since it was last taken.
    changed: bool,
    answers: Vec<Answer>,
    /// Counts the events that invalidate line numbers.
    generation: u32,
    /// The view is on screen.
    watched: bool,
}

/// Bytes of a line kept for the screen.
pub const KEEP: usize = 16 * 1024;
/// Bytes of a line for the clipboard, about the limit of terminals. A longer line goes to a file.
const KEEP_COPY: usize = 54 * 1024;
/// Bytes of a line shown in the card of its record.
const KEEP_RECORD: usize = 128 * 1024;
const MOST_FILES: usize = 250;

impl LogView {
    /// A view of these files.
    #[must_use]
    pub fn new(files: Vec<Tracked>, follow: bool, now: Timestamp) -> Self {
        let levels = files.iter().map(|_| Levels::default()).collect();
        let mut log_view = Self {
            order: Order::of(files.len()),
            rules: Rules::default(),
            place: Viewport::new(follow),
            files,
            levels,
            seek: None,
            job: None,
            now,
            caught_up: false,
            ended: false,
            changed: true,
            answers: Vec::new(),
            generation: 0,
            watched: true,
        };
        log_view.answers.extend(
            log_view
                .files
                .iter()
                .filter_map(Tracked::warning)
                .map(Answer::Notice),
        );
        log_view
    }

    /// Handles a request.
    pub fn ask(&mut self, ask: LogRequest) {
        match ask {
            // Does not change whether the view is on screen.
            LogRequest::Poll => return,
            LogRequest::Idle => {
                self.watched = false;
                return;
            }
            _ => (self.changed, self.watched) = (true, true),
        }
        match ask {
            LogRequest::Poll | LogRequest::Idle => {}
            LogRequest::Resize { rows, strip } => self.place.fit(rows, strip),
            LogRequest::Move(movement) => self.go(movement),
            LogRequest::Rules { rules, floor } => self.rules.set(rules, floor, self.files.len()),
            LogRequest::Search(regex) => self.rules.search_for(regex, self.files.len()),
            LogRequest::Seek { what, forward } => self.start_seek(what, forward),
            LogRequest::Jump(jump) => self.jump(jump),
            LogRequest::Copy { line } => self.copy(line),
            LogRequest::Record { line } => self.record(line),
            LogRequest::Export(export) => self.start_export(export),
        }
        self.fill();
        self.continue_seek();
    }

    /// Does one small piece of work. False: there is nothing to do until files grow.
    pub fn work(&mut self) -> bool {
        let did = self.feed() || self.merge() || self.scan() || self.continue_export();
        if did {
            self.fill();
            self.continue_seek();
        }
        did
    }

    /// Checks whether files were truncated or replaced.
    pub fn check(&mut self) {
        for at in 0..self.files.len() {
            let event = self.files[at].check();
            self.apply(at, event);
        }
    }

    /// Takes the answers since the last call.
    pub fn answers(&mut self) -> Vec<Answer> {
        std::mem::take(&mut self.answers)
    }

    /// Whether the view is on screen.
    #[must_use]
    pub const fn is_watched(&self) -> bool {
        self.watched
    }

    /// Whether a file may grow without its writer waking the view.
    #[must_use]
    pub fn needs_polling(&self) -> bool {
        self.files.iter().any(Tracked::needs_polling)
    }

    #[must_use]
    pub fn files(&self) -> &[Tracked] {
        &self.files
    }

    /// Everything that existed when it was opened has been read.
    #[must_use]
    pub const fn has_read_all(&self) -> bool {
        self.caught_up
    }

    /// Lines that pass the filters, as far as they are known, and the rows of the screen.
    #[must_use]
    pub fn extent(&self) -> (u64, usize) {
        let all = || self.lines() as u64;
        let visible = self.rules.visible().map_or_else(all, Bits::count);
        (visible, self.place.height())
    }

    /// Whether the screen has changed since it was last taken.
    #[must_use]
    pub const fn has_changed(&self) -> bool {
        self.changed
    }

    /// Number of lines.
    #[must_use]
    pub fn lines(&self) -> usize {
        self.order.len(&self.files)
    }

    fn feed(&mut self) -> bool {
        let mut any = false;
        for at in 0..self.files.len() {
            let before = self.files[at].lines();
            let (fed, event) = self.files[at].feed();
            any |= fed;
            self.changed |= self.files[at].lines() != before;
            self.apply(at, event);
        }
        if !any && !self.caught_up && self.has_caught_up() {
            self.caught_up = true;
            self.place.seen = self.lines();
            self.changed = true;
        }
        let ended = !any && self.files.iter().all(Tracked::has_ended);
        self.changed |= ended != self.ended;
        self.ended = ended;
        any
    }

    /// Everything that existed at the start has been read and merged; lines from now on are new.
    fn has_caught_up(&self) -> bool {
        let waits = !self.order.is_single() && self.files.iter().any(Tracked::is_arriving);
        let read = |file: &Tracked| file.is_loaded() && file.is_read();
        self.files.iter().all(read) && !waits && self.order.is_whole(&self.files)
    }

    fn apply(&mut self, at: usize, event: FileEvent) {
        match event {
            FileEvent::Nothing => return,
            FileEvent::TailGrew { line, offset } => {
                self.levels[at].back_to(line, offset);
                let files = &self.files;
                self.rules
                    .back_to(&self.order, at, line, offset, |line| files[at].joined(line));
            }
            FileEvent::Truncated => {
                self.levels[at] = Levels::default();
                self.rules.restart(at);
                self.order = Order::of(self.files.len());
                self.place.restart();
                self.generation += 1;
                self.answers.push(Answer::Notice(format!(
                    "{} was truncated; shown from its new beginning",
                    self.files[at].name
                )));
            }
            FileEvent::Rotated(new) => {
                let text = if self.files.len() < MOST_FILES {
                    let text =
                        format!("{} was rotated; the new file follows the old one", new.name);
                    self.order.join(self.files[at].lines());
                    self.files.push(*new);
                    self.levels.push(Levels::default());
                    self.rules.join();
                    text
                } else {
                    format!("{} was rotated too often to go on; open it anew", new.name)
                };
                self.answers.push(Answer::Notice(text));
            }
            FileEvent::Notice(text) => self.answers.push(Answer::Notice(text)),
        }
        self.changed = true;
    }

    fn merge(&mut self) -> bool {
        let did = self.order.merge(&self.files, self.now, !self.caught_up);
        self.changed |= did;
        did
    }

    /// Scans one block; filters that decide what is shown come first.
    fn scan(&mut self) -> bool {
        let did = self.rules.step(&self.order, &self.files, &mut self.levels);
        self.changed |= did;
        did
    }

    fn fill(&mut self) {
        let len = self.lines();
        self.rules.fill(&self.order, len, &self.files, &self.levels);
    }

    /// Lines in reading order, at most `keep` bytes of each.
    fn read(&self, from: usize, count: usize, keep: usize) -> Vec<Line> {
        if self.order.is_single() {
            return self.files[0].read(from, count, keep);
        }
        let end = (from + count).min(self.lines());
        let one = |line: usize| {
            let (file, own) = self.order.locate(line);
            let mut read = self.files[file].read(own, 1, keep).pop()?;
            read.number = line;
            Some(read)
        };
        (from..end).filter_map(one).collect()
    }

    fn level(&self, line: &Line) -> Level {
        let (file, own) = self.order.locate(line.number);
        let levels = &self.levels[file];
        if own < levels.len() {
            levels.of(own)
        } else {
            line.level().unwrap_or(Level::Info)
        }
    }

    /// Whether a line belongs to the record of the one before.
    fn joined(&self, line: usize) -> bool {
        let (file, own) = self.order.locate(line);
        line > 0 && self.files[file].joined(own) && self.order.locate(line - 1).0 == file
    }

    /// Where the record of a line begins.
    fn record_start(&self, line: usize) -> usize {
        (line.saturating_sub(LONGEST)..=line)
            .rev()
            .find(|at| !self.joined(*at))
            .unwrap_or(line)
    }

    /// Where the record of a line ends: the first line after it.
    fn record_end(&self, line: usize) -> usize {
        let len = self.lines();
        (line + 1..len.min(line + LONGEST))
            .find(|at| !self.joined(*at))
            .unwrap_or_else(|| len.min(line + LONGEST))
    }

    fn copy(&mut self, line: usize) {
        let Some(read) = self.read(line, 1, KEEP_COPY).pop() else {
            return;
        };
        self.answers.push(if read.len > KEEP_COPY as u64 {
            let size = format!("{} KiB are more than a clipboard takes", read.len / 1024);
            Answer::Notice(match self.save_line(line) {
                Ok(path) => format!("{size}; saved whole to {}", path.display()),
                Err(error) => format!("{size}, and it could not be saved: {error}"),
            })
        } else {
            Answer::Copy {
                text: String::from_utf8_lossy(&read.bytes).into_owned(),
            }
        });
    }

    /// Writes the line into a new file that only its owner can read.
    fn save_line(&self, line: usize) -> io::Result<PathBuf> {
        let (file, own) = self.order.locate(line);
        let mut out = tempfile::Builder::new()
            .prefix("opsroom-line-")
            .suffix(".txt")
            .tempfile()?;
        self.files[file].copy(own, &mut out)?;
        Ok(out.keep()?.1)
    }

    fn record(&mut self, line: usize) {
        let first = self.record_start(line);
        let lines = self.read(
            first,
            self.record_end(line).saturating_sub(first),
            KEEP_RECORD,
        );
        let text = |read: &Line| String::from_utf8_lossy(&read.bytes).into_owned();
        let head = lines.first().and_then(|read| read.head.clone());
        let text = lines.iter().map(text).collect::<Vec<_>>().join("\n");
        let data = head
            .as_ref()
            .and_then(|head| self.files[self.order.locate(first).0].data(head));
        self.answers.push(Answer::Record {
            line: first,
            text,
            head,
            data,
        });
    }
}

#[cfg(test)]
mod tests;
