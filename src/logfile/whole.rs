//! Matches by record instead of by line: filters show or hide whole records, and a search counts
//! records.

use super::bits::Bits;

/// Which lines of a matching record belong to the set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Of {
    /// All lines.
    Every,
    /// The first line that matches.
    First,
}

/// A set of lines computed from the lines that match.
#[derive(Debug)]
pub struct Whole {
    of: Of,
    pub bits: Bits,
    /// First line of the last record, and whether a line of it matches.
    start: usize,
    matched: bool,
}

impl Whole {
    #[must_use]
    pub fn new(of: Of) -> Self {
        Self {
            of,
            bits: Bits::default(),
            start: 0,
            matched: false,
        }
    }

    /// Continues as far as matches are known; `joined` reports whether a line belongs to the one
    /// before. Returns the first line whose result has changed, if any.
    pub fn extend(
        &mut self,
        matches: &Bits,
        known: &Bits,
        joined: impl Fn(usize) -> bool,
    ) -> Option<usize> {
        let mut back: Option<usize> = None;
        while self.bits.len() < matches.len() {
            let at = self.bits.len();
            // 64 lines that are records of their own.
            let word = at / 64;
            if at.is_multiple_of(64)
                && at + 64 <= matches.len().min(known.len())
                && known.word(word) == 0
            {
                self.bits.extend_with(at + 64, |_| matches.word(word));
                (self.start, self.matched) = (at + 63, matches.contains(at + 63));
                continue;
            }
            if let Some(line) = self.line(at, matches.contains(at), at > 0 && joined(at)) {
                back = Some(back.map_or(line, |before| before.min(line)));
            }
        }
        back
    }

    fn line(&mut self, at: usize, matches: bool, joined: bool) -> Option<usize> {
        if !joined {
            (self.start, self.matched) = (at, matches);
            self.put(at, matches);
            return None;
        }
        let before = self.matched;
        self.matched |= matches;
        match self.of {
            Of::First => self.put(at, matches && !before),
            Of::Every if matches && !before => {
                self.bits.truncate(self.start);
                (self.start..=at).for_each(|line| self.bits.set_next(line));
                return Some(self.start);
            }
            Of::Every => self.put(at, self.matched),
        }
        None
    }

    fn put(&mut self, at: usize, set: bool) {
        if set {
            self.bits.set_next(at);
        } else {
            self.bits.extend_to(at + 1);
        }
    }

    /// Removes everything from the start of the record that `line`, which is to be scanned again,
    /// may belong to. Returns that start.
    pub fn back_to(&mut self, line: usize, joined: impl Fn(usize) -> bool) -> usize {
        if line >= self.bits.len() {
            return line;
        }
        let start = (1..line).rev().find(|at| !joined(*at)).unwrap_or(0);
        self.bits.truncate(start);
        (self.start, self.matched) = (start, false);
        start
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn set(lines: &[bool]) -> Bits {
        let mut bits = Bits::default();
        lines
            .iter()
            .enumerate()
            .filter(|(_, set)| **set)
            .for_each(|(at, _)| bits.set_next(at));
        bits.extend_to(lines.len());
        bits
    }

    proptest! {
        /// In steps of any size, and after scanning lines again, the set equals one computed record
        /// by record, and the returned line covers every change.
        #[test]
        fn records_match_whole(
            lines in prop::collection::vec((prop::bool::weighted(0.1), prop::bool::weighted(0.15)), 1..400),
            steps in prop::collection::vec(1usize..150, 1..8), again in prop::option::of(0usize..400),
        ) {
            let (matches, joined): (Vec<bool>, Vec<bool>) = lines.iter().copied().unzip();
            for of in [Of::Every, Of::First] {
                let mut whole = Whole::new(of);
                let mut seen: Vec<bool> = Vec::new();
                let mut end = 0;
                for step in steps.iter().chain([&400]) {
                    end = (end + step).min(lines.len());
                    let back = whole.extend(&set(&matches[..end]), &set(&joined[..end]), |at| joined[at]);
                    seen.truncate(back.unwrap_or(usize::MAX));
                    seen.extend((seen.len()..whole.bits.len()).map(|at| whole.bits.contains(at)));
                    if let Some(line) = again.filter(|line| *line < end) {
                        seen.truncate(whole.back_to(line, |at| joined[at]));
                        let back = whole.extend(&set(&matches[..end]), &set(&joined[..end]), |at| joined[at]);
                        seen.truncate(back.unwrap_or(usize::MAX));
                        seen.extend((seen.len()..whole.bits.len()).map(|at| whole.bits.contains(at)));
                    }
                }
                let mut wanted = vec![false; lines.len()];
                let mut at = 0;
                while at < lines.len() {
                    let end = (at + 1..lines.len()).find(|n| !joined[*n]).unwrap_or(lines.len());
                    if let Some(first) = (at..end).find(|n| matches[*n]) {
                        if of == Of::First { wanted[first] = true } else { wanted[at..end].fill(true) }
                    }
                    at = end;
                }
                prop_assert_eq!(&seen, &wanted);
                prop_assert_eq!(whole.bits.count(), wanted.iter().filter(|set| **set).count() as u64);
            }
        }
    }
}
