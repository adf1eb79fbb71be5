//! Which lines continue the record before (stack traces, indented objects). One bit a line.

use super::bits::Bits;
use crate::core::logline;

/// Maximum number of lines of a record; longer ones are split.
pub const LONGEST: usize = 500;
/// Bytes of a line that are evaluated.
const HEAD: usize = 160;

/// The records found so far. Fed line by line.
#[derive(Debug, Clone, Default)]
pub struct Records {
    joined: Bits,
    /// Beginning of the first line of the record, and whether it may head one (evaluated when a
    /// second line comes).
    first: Vec<u8>,
    heads: Option<bool>,
    /// Lines of the record so far.
    lines: usize,
    /// Beginning of the unfinished line.
    open: Vec<u8>,
}

impl Records {
    /// The complete lines that belong to the one before.
    #[must_use]
    pub const fn joined(&self) -> &Bits {
        &self.joined
    }

    /// Adds the end of a line. Earlier parts of it are in `open`.
    pub fn end(&mut self, number: usize, rest: &[u8]) {
        if self.open.is_empty() {
            self.add(number, &rest[..rest.len().min(HEAD)]);
        } else {
            self.keep(rest);
            let line = std::mem::take(&mut self.open);
            self.add(number, &line);
        }
    }

    /// Adds a part of an unfinished line.
    pub fn keep(&mut self, part: &[u8]) {
        let room = HEAD.saturating_sub(self.open.len());
        self.open.extend_from_slice(&part[..part.len().min(room)]);
    }

    /// Marks all lines below `complete` as ended.
    pub fn reach(&mut self, complete: usize) {
        self.joined.extend_to(complete);
    }

    /// Replaces the guesses for the lines from `from` on.
    pub fn overwrite(&mut self, from: usize, joined: impl Iterator<Item = bool>) {
        let complete = self.joined.len();
        self.joined.truncate(from);
        joined
            .enumerate()
            .filter(|(_, joined)| *joined)
            .for_each(|(at, _)| self.joined.set_next(from + at));
        self.joined.extend_to(complete);
    }

    /// Whether the unfinished last line would belong to the one before.
    #[must_use]
    pub fn open_joins(&self) -> bool {
        self.lines > 0
            && self.lines < LONGEST
            && logline::continues(&self.open)
            && self.first_heads()
    }

    fn first_heads(&self) -> bool {
        self.heads.unwrap_or_else(|| logline::heads(&self.first))
    }

    fn add(&mut self, number: usize, line: &[u8]) {
        if self.lines > 0 && self.lines < LONGEST && logline::continues(line) {
            let heads = self.first_heads();
            self.heads = Some(heads);
            if heads {
                self.joined.set_next(number);
                self.lines += 1;
                return;
            }
        }
        self.first.clear();
        self.first.extend_from_slice(line);
        (self.heads, self.lines) = (None, 1);
    }
}
