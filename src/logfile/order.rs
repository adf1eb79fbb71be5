//! The reading order of the lines of several files: merged by time, each file's own order kept; for
//! equal times the file named first comes first. One byte a line. While the files are first read,
//! no line is placed before the next line of every file is known.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::file::Tracked;
use crate::core::base::time::Timestamp;

/// Lines between two stored counts.
const STRIDE: usize = 4096;
/// Lines read ahead of each file while merging.
const AHEAD: usize = 2048;
/// Bytes of a line that are searched for its time.
const HEAD: usize = 512;

/// The order. Nothing is stored for a single file.
#[derive(Debug, Default)]
pub struct Order {
    /// The file of each line; empty with one file.
    owner: Vec<u8>,
    /// For every `STRIDE` lines: how many lines of each file came before.
    before: Vec<Vec<u32>>,
    feeds: Vec<Feed>,
}

/// The merge state of one file.
#[derive(Debug, Default)]
struct Feed {
    /// Lines merged.
    taken: usize,
    /// Times of the next lines in reverse; a line without a time has that of the line before.
    ahead: Vec<i64>,
    last: i64,
}

impl Order {
    /// The order of this many files, nothing merged yet.
    #[must_use]
    pub fn of(files: usize) -> Self {
        let mut order = Self::default();
        order.feeds.resize_with(files, Feed::default);
        order
    }

    /// Whether there is one file only.
    #[must_use]
    pub fn is_single(&self) -> bool {
        self.feeds.len() == 1
    }

    /// Adds a file; the existing one has `lines` if it was the only one.
    pub fn join(&mut self, lines: usize) {
        if self.is_single() {
            for _ in 0..lines {
                self.push(0);
            }
        }
        self.feeds.push(Feed::default());
        self.before.iter_mut().for_each(|counts| counts.push(0));
    }

    /// Number of lines merged.
    #[must_use]
    pub fn len(&self, files: &[Tracked]) -> usize {
        if self.is_single() {
            files.first().map_or(0, Tracked::lines)
        } else {
            self.owner.len()
        }
    }

    /// The file of a line, and its number in that file.
    #[must_use]
    pub fn locate(&self, line: usize) -> (usize, usize) {
        if self.is_single() {
            return (0, line);
        }
        let Some(owner) = self.owner.get(line) else {
            return (0, 0);
        };
        let mark = line / STRIDE;
        let since = memchr::memchr_iter(*owner, &self.owner[mark * STRIDE..line]).count();
        let owner = usize::from(*owner);
        (owner, self.before[mark][owner] as usize + since)
    }

    /// The file of a line; 0 with one file.
    #[must_use]
    pub fn owner(&self, line: usize) -> usize {
        self.owner.get(line).map_or(0, |o| usize::from(*o))
    }

    /// All lines of the files have been merged.
    #[must_use]
    pub fn is_whole(&self, files: &[Tracked]) -> bool {
        self.is_single() || self.owner.len() == files.iter().map(Tracked::lines).sum::<usize>()
    }

    /// Merges some more lines; false when none were left. `wait`: stop at files still arriving.
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
            let Some(Reverse((_, at))) = heap.pop() else {
                break;
            };
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
            self.before.push(
                self.feeds
                    .iter()
                    .map(|f| u32::try_from(f.taken).unwrap_or(u32::MAX))
                    .collect(),
            );
        }
        self.owner.push(u8::try_from(at).unwrap_or(u8::MAX));
        self.feeds[at].taken += 1;
    }
}

impl Feed {
    fn next(&mut self, file: &Tracked, now: Timestamp) -> Option<i64> {
        if self.ahead.is_empty() {
            let times: Vec<Option<i64>> = file
                .read(self.taken, AHEAD, HEAD)
                .iter()
                .map(|line| line.time(now).map(|t| t.0))
                .collect();
            // Lines above the first time of a file get that time.
            if self.taken == 0 {
                self.last = times.iter().find_map(|time| *time).unwrap_or_default();
            }
            for time in times {
                // Keeps the file's own order when its clock went back.
                self.last = time.map_or(self.last, |time| time.max(self.last));
                self.ahead.push(self.last);
            }
            self.ahead.reverse();
        }
        self.ahead.last().copied()
    }
}
