//! In which order the lines of several files are read: merged by time, a file's own order kept, of equal times the file
//! named first. One byte a line. What comes late while the files are first read does not end up below what came early:
//! no line is placed before every file has shown its next one.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::file::Tracked;
use crate::core::time::Timestamp;

/// Lines between two remembered counts.
const STRIDE: usize = 4096;
/// Lines read ahead of each file while merging.
const AHEAD: usize = 2048;
/// Bytes of a line that can hold its time.
const HEAD: usize = 512;

/// The order. With one file nothing is kept: its own order it is.
#[derive(Debug, Default)]
pub struct Order {
    /// Whose each line is; empty with one file.
    owner: Vec<u8>,
    /// Per `STRIDE` lines: how many of each file came before.
    before: Vec<Vec<u32>>,
    feeds: Vec<Feed>,
}

/// One file's part in merging.
#[derive(Debug, Default)]
struct Feed {
    /// Lines merged.
    taken: usize,
    /// Times of the lines that follow, backwards; a line without one has that of the line before.
    ahead: Vec<i64>,
    last: i64,
}

impl Order {
    /// The order of so many files, nothing merged yet.
    #[must_use]
    pub fn of(files: usize) -> Self {
        let mut order = Self::default();
        order.feeds.resize_with(files, Feed::default);
        order
    }

    /// One file: its own order.
    #[must_use]
    pub fn is_single(&self) -> bool {
        self.feeds.len() == 1
    }

    /// Another file joins; the one before it so far had `lines`.
    pub fn join(&mut self, lines: usize) {
        if self.is_single() {
            for _ in 0..lines {
                self.push(0);
            }
        }
        self.feeds.push(Feed::default());
        self.before.iter_mut().for_each(|counts| counts.push(0));
    }

    /// Lines in order.
    #[must_use]
    pub fn len(&self, files: &[Tracked]) -> usize {
        if self.is_single() { files.first().map_or(0, Tracked::lines) } else { self.owner.len() }
    }

    /// Whose line this is, and its number there.
    #[must_use]
    pub fn locate(&self, line: usize) -> (usize, usize) {
        if self.is_single() {
            return (0, line);
        }
        let Some(owner) = self.owner.get(line) else { return (0, 0) };
        let mark = line / STRIDE;
        let since = memchr::memchr_iter(*owner, &self.owner[mark * STRIDE..line]).count();
        let owner = usize::from(*owner);
        (owner, self.before[mark][owner] as usize + since)
    }

    /// Whose line this is, with several files.
    #[must_use]
    pub fn owner(&self, line: usize) -> usize {
        self.owner.get(line).map_or(0, |o| usize::from(*o))
    }

    /// All lines of the files have their place.
    #[must_use]
    pub fn is_whole(&self, files: &[Tracked]) -> bool {
        self.is_single() || self.owner.len() == files.iter().map(Tracked::lines).sum::<usize>()
    }

    /// Merges some more lines; false when none were left. `wait`: until all that is arriving has come.
    pub fn merge(&mut self, files: &[Tracked], now: Timestamp, wait: bool) -> bool {
        if self.is_single() {
            return false;
        }
        let mut heap = BinaryHeap::new();
        for (at, (feed, file)) in self.feeds.iter_mut().zip(files).enumerate() {
            match feed.next(file, now) {
                Some(time) => heap.push(Reverse((time, at))),
                None if wait && file.is_arriving() => return false,
                None => {}
            }
        }
        let any = !heap.is_empty();
        for _ in 0..AHEAD * 4 {
            let Some(Reverse((_, at))) = heap.pop() else { break };
            self.push(at);
            self.feeds[at].ahead.pop();
            match self.feeds[at].next(&files[at], now) {
                Some(time) => heap.push(Reverse((time, at))),
                None if wait && files[at].is_arriving() => break,
                None => {}
            }
        }
        any
    }

    fn push(&mut self, at: usize) {
        if self.owner.len().is_multiple_of(STRIDE) {
            self.before.push(self.feeds.iter().map(|f| u32::try_from(f.taken).unwrap_or(u32::MAX)).collect());
        }
        self.owner.push(u8::try_from(at).unwrap_or(u8::MAX));
        self.feeds[at].taken += 1;
    }
}

impl Feed {
    fn next(&mut self, file: &Tracked, now: Timestamp) -> Option<i64> {
        if self.ahead.is_empty() {
            let times: Vec<Option<i64>> =
                file.read(self.taken, AHEAD, HEAD).iter().map(|line| line.time(now).map(|t| t.0)).collect();
            // What stands above the first time of a file has that.
            if self.taken == 0 {
                self.last = times.iter().find_map(|time| *time).unwrap_or_default();
            }
            for time in times {
                // A clock that went back does not tear a file's own order apart.
                self.last = time.map_or(self.last, |time| time.max(self.last));
                self.ahead.push(self.last);
            }
            self.ahead.reverse();
        }
        self.ahead.last().copied()
    }
}
