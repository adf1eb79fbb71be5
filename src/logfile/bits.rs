//! A set of line numbers, one bit a line, with fast counting (`rank`) and finding (`select`).

/// Bits per counted block: 64 words.
const BLOCK: usize = 64 * 64;

/// A growing set of line numbers. 5 million lines take 625 KiB.
#[derive(Debug, Clone, Default)]
pub struct Bits {
    words: Vec<u64>,
    /// Number of set bits before each block.
    before: Vec<u64>,
    total: u64,
    len: usize,
}

impl Bits {
    /// Numbers known so far (set or not).
    #[must_use]
    pub const fn len(&self) -> usize {
        self.len
    }

    /// No numbers known.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Set bits.
    #[must_use]
    pub const fn count(&self) -> u64 {
        self.total
    }

    /// Sets `line`, which must not be below what is already known; numbers in between are unset.
    pub fn set_next(&mut self, line: usize) {
        self.extend_to(line);
        self.grow(line + 1);
        if let Some(word) = self.words.get_mut(line / 64) {
            *word |= 1 << (line % 64);
        }
        self.total += 1;
    }

    /// Marks all numbers below `len` as known.
    pub fn extend_to(&mut self, len: usize) {
        if len > self.len {
            self.grow(len);
        }
    }

    /// Extends the set to `len` with bits of `word`: bit `b` of `word(w)` is number `64 * w + b`.
    pub fn extend_with(&mut self, len: usize, word: impl Fn(usize) -> u64) {
        while self.len < len {
            let (at, from) = (self.len / 64, self.len % 64);
            let until = (len - at * 64).min(64);
            let below = |bits: usize| {
                if bits == 64 {
                    u64::MAX
                } else {
                    (1 << bits) - 1
                }
            };
            let new = word(at) & below(until) & !below(from);
            self.grow(at * 64 + until);
            self.words[at] |= new;
            self.total += u64::from(new.count_ones());
        }
    }

    /// Bits `64 * index` to `64 * index + 63`.
    #[must_use]
    pub fn word(&self, index: usize) -> u64 {
        self.words.get(index).copied().unwrap_or(0)
    }

    /// Removes all numbers from `len` on.
    pub fn truncate(&mut self, len: usize) {
        if len >= self.len {
            return;
        }
        self.total = self.rank(len);
        self.len = len;
        self.words.truncate(len.div_ceil(64));
        self.before.truncate(len.div_ceil(64).div_ceil(64));
        if let Some(last) = self.words.last_mut().filter(|_| !len.is_multiple_of(64)) {
            *last &= (1 << (len % 64)) - 1;
        }
    }

    /// Whether `line` is set.
    #[must_use]
    pub fn contains(&self, line: usize) -> bool {
        self.words
            .get(line / 64)
            .is_some_and(|word| word >> (line % 64) & 1 == 1)
    }

    /// How many are set below `line`.
    #[must_use]
    pub fn rank(&self, line: usize) -> u64 {
        let line = line.min(self.len);
        let block = line / BLOCK;
        let Some(before) = self.before.get(block) else {
            return self.total;
        };
        let words = &self.words[block * 64..(line / 64).min(self.words.len())];
        let whole: u64 = words.iter().map(|w| u64::from(w.count_ones())).sum();
        let rest = line % 64;
        let part = if rest == 0 {
            0
        } else {
            self.words
                .get(line / 64)
                .map_or(0, |w| w & ((1 << rest) - 1))
        };
        before + whole + u64::from(part.count_ones())
    }

    /// The `n`th set line, from 0.
    #[must_use]
    pub fn select(&self, n: u64) -> Option<usize> {
        if n >= self.total {
            return None;
        }
        let block = self.before.partition_point(|before| *before <= n) - 1;
        let mut left = n - self.before[block];
        for (index, word) in self.words.iter().enumerate().skip(block * 64) {
            let ones = u64::from(word.count_ones());
            if left < ones {
                return Some(index * 64 + nth_one(*word, left));
            }
            left -= ones;
        }
        None
    }

    /// The first set line at or after `line`.
    #[must_use]
    pub fn next(&self, line: usize) -> Option<usize> {
        self.select(self.rank(line))
    }

    /// The last set line before `line`.
    #[must_use]
    pub fn previous(&self, line: usize) -> Option<usize> {
        self.rank(line).checked_sub(1).and_then(|n| self.select(n))
    }

    fn grow(&mut self, len: usize) {
        self.len = self.len.max(len);
        let words = self.len.div_ceil(64);
        while self.words.len() < words {
            if self.words.len().is_multiple_of(64) {
                self.before.push(self.total);
            }
            self.words.push(0);
        }
    }
}

fn nth_one(mut word: u64, n: u64) -> usize {
    for _ in 0..n {
        word &= word - 1;
    }
    word.trailing_zeros() as usize
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn it_is_a_sorted_set(lines in prop::collection::btree_set(0usize..20_000, 0..400), known in 0usize..30_000) {
            let mut bits = Bits::default();
            for line in &lines {
                bits.set_next(*line);
            }
            bits.extend_to(known);
            let sorted: Vec<usize> = lines.iter().copied().collect();
            prop_assert_eq!(bits.count(), sorted.len() as u64);
            for at in [0, 1, 63, 64, 4095, 4096, 4097, 9999, 19_999, 25_000] {
                prop_assert_eq!(bits.rank(at), sorted.iter().filter(|l| **l < at).count() as u64, "rank {}", at);
                prop_assert_eq!(bits.next(at), sorted.iter().copied().find(|l| *l >= at));
                prop_assert_eq!(bits.previous(at), sorted.iter().copied().rfind(|l| *l < at));
                prop_assert_eq!(bits.contains(at), lines.contains(&at));
            }
            for (n, line) in sorted.iter().enumerate() {
                prop_assert_eq!(bits.select(n as u64), Some(*line));
            }
            prop_assert_eq!(bits.select(sorted.len() as u64), None);
        }

        #[test]
        fn words_are_taken_and_ends_cut_off(
            lines in prop::collection::btree_set(0usize..9000, 0..300), steps in prop::collection::vec(0usize..9000, 1..6), cut in 0usize..9500,
        ) {
            let mut all = Bits::default();
            for line in &lines {
                all.set_next(*line);
            }
            all.extend_to(9000);
            let mut copy = Bits::default();
            let mut ends = steps;
            ends.sort_unstable();
            for end in &ends {
                copy.extend_with(*end, |w| all.word(w));
            }
            copy.truncate(cut);
            copy.extend_with(9000, |w| !all.word(w));
            let split = cut.min(ends.last().copied().unwrap_or(0));
            for at in 0..9000 {
                prop_assert_eq!(copy.contains(at), lines.contains(&at) == (at < split), "{}", at);
            }
            let set = (0..9000).filter(|at| copy.contains(*at)).count();
            prop_assert_eq!(copy.count(), set as u64);
            prop_assert_eq!(copy.rank(9000), set as u64);
            prop_assert_eq!(copy.select(set as u64 / 2), (0..9000).filter(|at| copy.contains(*at)).nth(set / 2));
        }
    }
}
