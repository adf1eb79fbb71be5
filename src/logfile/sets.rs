//! Sets of lines over all files in reading order (shown lines, matches), computed from the sets of
//! each file.

use super::bits::Bits;
use super::order::Order;

/// A set in reading order, filled as far as its parts are known.
#[derive(Debug, Default)]
pub struct Set {
    pub bits: Bits,
    /// With several files: lines of each file up to here.
    at: Vec<usize>,
}

/// The sets of the files, and how far each is known.
pub struct Parts<'a> {
    /// Lines known, by file.
    pub known: &'a dyn Fn(usize) -> usize,
    /// 64 lines of the single file at once.
    pub word: &'a dyn Fn(usize) -> u64,
    /// One line of a file.
    pub line: &'a dyn Fn(usize, usize) -> bool,
}

impl Set {
    /// Extends the set as far as the parts are known, at most to `len` lines.
    pub fn fill(&mut self, order: &Order, len: usize, parts: &Parts<'_>) {
        if order.is_single() {
            self.bits.extend_with((parts.known)(0).min(len), parts.word);
            return;
        }
        for line in self.bits.len()..len {
            let owner = order.owner(line);
            if self.at.len() <= owner {
                self.at.resize(owner + 1, 0);
            }
            let own = self.at[owner];
            if own >= (parts.known)(owner) {
                break;
            }
            if (parts.line)(owner, own) {
                self.bits.set_next(line);
            } else {
                self.bits.extend_to(line + 1);
            }
            self.at[owner] += 1;
        }
    }

    /// Goes back to line `own` of a file, which is to be scanned again.
    pub fn back_to(&mut self, order: &Order, file: usize, own: usize) {
        if order.is_single() {
            self.bits.truncate(own);
            return;
        }
        while self.at.get(file).is_some_and(|at| *at > own) {
            let last = self.bits.len() - 1;
            self.at[order.owner(last)] -= 1;
            self.bits.truncate(last);
        }
    }
}
