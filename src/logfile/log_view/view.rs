//! The reader's position, moving it, and the lines on screen. The position is a line and its row on
//! screen, so that lines that appear or are hidden elsewhere do not move it.

use super::{KEEP, LogView};
use crate::core::run::event::Level;
use crate::logfile::Bits;
use crate::logfile::head::Head;

/// Lines evaluated directly for one screen where the background scan has not been yet.
const TRIED: usize = 30_000;
/// Lines of them evaluated at once.
const PIECE: usize = 512;

#[derive(Debug)]
pub(super) struct Viewport {
    pub(super) line: usize,
    /// Rows above it.
    offset: usize,
    rows: usize,
    strip: usize,
    pub(super) follow: bool,
    /// Number of lines when following stopped.
    pub(super) seen: usize,
}

/// A movement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Move {
    /// Shown lines down (negative: up).
    By(isize),
    /// Half screens down (negative: up).
    Halves(isize),
    Top,
    /// Go to the end and follow.
    End,
    Line(usize),
    /// Toggle following.
    Follow,
}

/// One line as shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// From 0, over all files.
    pub number: usize,
    pub file: usize,
    pub level: Level,
    pub bytes: Vec<u8>,
    /// Its whole length.
    pub len: u64,
    /// What the store knows about it; only for a run's log.
    pub head: Option<Head>,
}

/// State of the search.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hits {
    /// Number of the match on the current line, from 1.
    pub here: Option<u64>,
    pub count: u64,
    /// All lines have been scanned.
    pub complete: bool,
}

/// The screen.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Shown {
    pub rows: Vec<Row>,
    /// The reader's row.
    pub cursor: usize,
    pub follow: bool,
    /// There is nothing to follow any more.
    pub ended: bool,
    /// Lines added since following stopped.
    pub new: usize,
    pub lines: usize,
    /// Lines that pass the filters, and whether that is all of them.
    pub visible: Option<(u64, bool)>,
    pub hits: Option<Hits>,
    /// Per cent read and scanned; `None`: all.
    pub busy: Option<u8>,
    /// Number of errors and warnings in equal parts of the file.
    pub strip: Vec<(u64, u64)>,
    /// When this number changes, line numbers refer to other lines.
    pub generation: u32,
}

impl Viewport {
    pub(super) const fn new(follow: bool) -> Self {
        Self {
            line: 0,
            offset: 0,
            rows: 24,
            strip: 0,
            follow,
            seen: 0,
        }
    }

    /// Rows of the screen.
    pub(super) const fn height(&self) -> usize {
        self.rows
    }

    pub(super) fn fit(&mut self, rows: usize, strip: usize) {
        (self.rows, self.strip) = (rows.max(1), strip);
        self.offset = self.offset.min(self.rows - 1);
    }

    pub(super) fn restart(&mut self) {
        (self.line, self.offset, self.seen) = (0, 0, 0);
    }
}

impl LogView {
    pub(super) fn go(&mut self, movement: Move) {
        self.seek = None;
        match movement {
            Move::By(lines) => self.by(lines),
            Move::Halves(halves) => {
                let rows = isize::try_from(self.place.rows).unwrap_or(1);
                self.page((rows * halves / 2).clamp(-rows, rows));
            }
            Move::Top => {
                self.stop_following();
                (self.place.line, self.place.offset) = (0, 0);
            }
            Move::Follow if self.place.follow => self.stop_following(),
            Move::End | Move::Follow => self.follow(),
            Move::Line(line) => self.go_to_line(line),
        }
    }

    /// Goes to a line; one that was not on screen is placed a third down.
    pub(super) fn go_to_line(&mut self, line: usize) {
        self.stop_following();
        let shown = self.around();
        self.place.offset = shown
            .iter()
            .position(|l| *l == line)
            .unwrap_or(self.place.rows / 3);
        self.place.line = line.min(self.lines().saturating_sub(1));
    }

    fn by(&mut self, lines: isize) {
        self.settle();
        if lines > 0 && self.place.follow {
            return;
        }
        let found = self.neighbours(self.place.line, lines < 0, lines.unsigned_abs());
        let Some(to) = found.last() else {
            if lines > 0 {
                self.follow();
            }
            return;
        };
        self.stop_following();
        self.place.line = *to;
        let offset = isize::try_from(self.place.offset).unwrap_or(0) + lines;
        self.place.offset = usize::try_from(offset)
            .unwrap_or(0)
            .min(self.place.rows - 1);
    }

    /// Moves the screen; the cursor stays on its row.
    fn page(&mut self, lines: isize) {
        self.settle();
        let found = self.neighbours(self.place.line, lines < 0, lines.unsigned_abs());
        let short = found.len() < lines.unsigned_abs();
        if short && lines > 0 {
            return self.follow();
        }
        self.stop_following();
        if let Some(to) = found.last() {
            self.place.line = *to;
        }
        if short {
            self.place.offset = 0;
        }
    }

    fn follow(&mut self) {
        self.place.follow = true;
        self.seek = None;
    }

    pub(super) fn stop_following(&mut self) {
        if self.place.follow {
            self.settle();
            self.place.follow = false;
            self.place.seen = self.lines();
        }
    }

    /// Moves the cursor to a line that is shown: the last one when following, else the nearest.
    fn settle(&mut self) {
        let len = self.lines();
        if self.place.follow {
            self.place.line = self.neighbours(len, true, 1).first().copied().unwrap_or(0);
            self.place.offset = self.place.rows - 1;
            return;
        }
        self.place.line = self.place.line.min(len.saturating_sub(1));
        let line = self.place.line;
        if !self.shows(line) {
            let near = self.neighbours(line, false, 1).first().copied();
            self.place.line = near
                .or_else(|| self.neighbours(line, true, 1).first().copied())
                .unwrap_or(line);
        }
    }

    fn shows(&self, line: usize) -> bool {
        match self.rules.visible() {
            None => line < self.lines(),
            Some(bits) if line < bits.len() => bits.contains(line),
            Some(_) => self.evaluated(line, 1).first() == Some(&line),
        }
    }

    /// Up to `count` shown lines before or after `line`, the nearest first.
    pub(super) fn neighbours(&self, line: usize, before: bool, count: usize) -> Vec<usize> {
        let len = self.lines();
        let Some(bits) = self.rules.visible() else {
            return if before {
                (line.saturating_sub(count)..line.min(len)).rev().collect()
            } else {
                (line + 1..len.min((line + 1).saturating_add(count))).collect()
            };
        };
        let (mut found, mut at, mut tried) =
            (Vec::with_capacity(count.min(1024)), line.min(len), 0);
        while found.len() < count {
            let from = if before { at } else { at + 1 };
            let known = if before {
                from <= bits.len()
            } else {
                from < bits.len()
            };
            if known {
                let next = if before {
                    bits.previous(from)
                } else {
                    bits.next(from)
                };
                if let Some(next) = next {
                    found.push(next);
                    at = next;
                    continue;
                }
                if before || bits.len() >= len {
                    break;
                }
                at = bits.len() - 1;
                continue;
            }
            // Not scanned yet: evaluate the lines themselves, as many as are fast enough.
            let (start, end) = if before {
                (at.saturating_sub(PIECE).max(bits.len()), at)
            } else {
                (from, (from + PIECE).min(len))
            };
            if start >= end || tried >= TRIED {
                break;
            }
            let mut piece = self.evaluated(start, end - start);
            if before {
                piece.reverse();
            }
            found.extend(piece.into_iter().take(count - found.len()));
            tried += PIECE;
            at = if before { start } else { end - 1 };
        }
        found
    }

    /// Which of these lines are shown, by their records. Records at both ends are read whole.
    fn evaluated(&self, from: usize, count: usize) -> Vec<usize> {
        let (start, end) = (self.record_start(from), self.record_end(from + count - 1));
        let lines = self.read(start, end.saturating_sub(start), KEEP);
        let records = lines.chunk_by(|_, next| self.joined(next.number));
        let shown = records.filter(|record| self.rules.would_show(record, self.level(&record[0])));
        let wanted = |number: &usize| (from..from + count).contains(number);
        shown
            .flatten()
            .map(|line| line.number)
            .filter(wanted)
            .collect()
    }

    /// The lines on screen.
    fn around(&mut self) -> Vec<usize> {
        self.settle();
        let (line, rows) = (self.place.line, self.place.rows);
        if !self.shows(line) {
            return Vec::new();
        }
        let mut above = self.neighbours(line, true, self.place.offset);
        let below = self.neighbours(line, false, rows - 1 - above.len().min(rows - 1));
        // At the end of the file the screen stays full.
        let wanted = (rows - 1).saturating_sub(below.len());
        if wanted > above.len() {
            above = self.neighbours(line, true, wanted);
        }
        self.place.offset = above.len();
        above.reverse();
        above.push(line);
        above.extend(below);
        above
    }

    /// The current screen.
    pub fn shown(&mut self) -> Shown {
        self.changed = false;
        let numbers = self.around();
        let len = self.lines();
        let line = self.place.line;
        let hits = self.rules.found().map(|found| Hits {
            here: found.contains(line).then(|| found.rank(line) + 1),
            count: found.count(),
            complete: self.caught_up && found.len() >= len,
        });
        if self.place.follow {
            self.place.seen = len;
        }
        Shown {
            cursor: numbers.iter().position(|n| *n == line).unwrap_or(0),
            rows: self.rows(&numbers),
            follow: self.place.follow,
            ended: self.ended,
            new: if self.caught_up {
                len.saturating_sub(self.place.seen)
            } else {
                0
            },
            lines: len,
            visible: self
                .rules
                .visible()
                .map(|bits| (bits.count(), self.caught_up && bits.len() >= len)),
            hits,
            busy: self.busy(len),
            strip: self.strip(len),
            generation: self.generation,
        }
    }

    fn rows(&self, numbers: &[usize]) -> Vec<Row> {
        let mut rows = Vec::with_capacity(numbers.len());
        let mut at = 0;
        while at < numbers.len() {
            let run = numbers[at..]
                .iter()
                .enumerate()
                .take_while(|(i, n)| **n == numbers[at] + i)
                .count();
            for line in self.read(numbers[at], run, KEEP) {
                rows.push(Row {
                    number: line.number,
                    file: self.order.owner(line.number),
                    level: self.level(&line),
                    bytes: line.bytes,
                    len: line.len,
                    head: line.head,
                });
            }
            at += run;
        }
        rows
    }

    fn busy(&self, len: usize) -> Option<u8> {
        let (size, read) = self
            .files
            .iter()
            .fold((0, 0), |(s, r), f| (s + f.size(), r + f.index.end()));
        let scanned = self
            .rules
            .visible()
            .map_or(len, Bits::len)
            .min(self.rules.found().map_or(len, Bits::len));
        let share = |part: u64, of: u64| {
            u8::try_from((part * 100).checked_div(of).unwrap_or(100).min(100)).unwrap_or(100)
        };
        if !self.caught_up {
            return Some(share(read, size));
        }
        (scanned < len)
            .then(|| share(scanned as u64, len as u64))
            .filter(|p| *p < 100)
    }

    fn strip(&self, len: usize) -> Vec<(u64, u64)> {
        let columns = self.place.strip;
        let (errors, warnings) = (self.rules.errors(), self.rules.warnings());
        let edge = |column: usize| {
            usize::try_from(column as u128 * len as u128 / columns as u128).unwrap_or(len)
        };
        let count = |column: usize| {
            let (from, to) = (edge(column), edge(column + 1));
            let of = |bits: &Bits| bits.rank(to).saturating_sub(bits.rank(from));
            (of(errors), of(warnings).saturating_sub(of(errors)))
        };
        (0..columns).map(count).collect()
    }
}
