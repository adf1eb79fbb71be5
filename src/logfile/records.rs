//! Which lines go on with the record before: stack traces, indented objects. One bit a line.

use super::bits::Bits;
use crate::core::record;

/// Lines of one record, at most: beyond that nobody reads it as one.
pub const LONGEST: usize = 500;
/// Bytes of a line that are looked at.
const HEAD: usize = 160;

/// How far records are known. Fed line by line.
#[derive(Debug, Clone, Default)]
pub struct Records {
    joined: Bits,
    /// The beginning of the line that began the record, and whether it heads one (asked when a second line comes).
    first: Vec<u8>,
    heads: Option<bool>,
    /// Lines of the record so far.
    lines: usize,
    /// The beginning of the line that has not ended.
    open: Vec<u8>,
}

impl Records {
    /// Lines that belong to the one before, of the complete ones.
    #[must_use]
    pub const fn joined(&self) -> &Bits {
        &self.joined
    }

    /// The next line, ended. What came of it before is in `open`.
    pub fn end(&mut self, number: usize, rest: &[u8]) {
        if self.open.is_empty() {
            self.judge(number, &rest[..rest.len().min(HEAD)]);
        } else {
            self.keep(rest);
            let line = std::mem::take(&mut self.open);
            self.judge(number, &line);
        }
    }

    /// A part of a line that has not ended.
    pub fn keep(&mut self, part: &[u8]) {
        let room = HEAD.saturating_sub(self.open.len());
        self.open.extend_from_slice(&part[..part.len().min(room)]);
    }

    /// All lines below `complete` have ended.
    pub fn reach(&mut self, complete: usize) {
        self.joined.extend_to(complete);
    }

    /// What is known from elsewhere of the lines from `from` on takes the place of what was guessed.
    pub fn tell(&mut self, from: usize, joined: impl Iterator<Item = bool>) {
        let complete = self.joined.len();
        self.joined.truncate(from);
        joined.enumerate().filter(|(_, joined)| *joined).for_each(|(at, _)| self.joined.set_next(from + at));
        self.joined.extend_to(complete);
    }

    /// Whether the unfinished last line would belong to the one before.
    #[must_use]
    pub fn open_joins(&self) -> bool {
        self.lines > 0 && self.lines < LONGEST && record::continues(&self.open) && self.first_heads()
    }

    fn first_heads(&self) -> bool {
        self.heads.unwrap_or_else(|| record::heads(&self.first))
    }

    fn judge(&mut self, number: usize, line: &[u8]) {
        if self.lines > 0 && self.lines < LONGEST && record::continues(line) {
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
