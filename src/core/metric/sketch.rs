//! A histogram of latencies whose quantiles have a stated relative error, as `DDSketch` (Masson, Rim,
//! Lee: "`DDSketch`: a fast and fully-mergeable quantile sketch with relative-error guarantees", VLDB
//! 2019): bucket `i` counts the values in (γ^(i-1), γ^i], with γ = (1 + α) / (1 - α). Sums of
//! counts are the same in any order, so merging is exact.

use super::Damaged;
use super::bytes::{Reader, put};

/// The relative error α of a quantile: within 1 % of the value at its rank.
pub const RELATIVE_ERROR: f64 = 0.01;
const GAMMA: f64 = (1.0 + RELATIVE_ERROR) / (1.0 - RELATIVE_ERROR);
/// The bucket of the largest value, 2^32 - 1, is number 1,109.
const BUCKETS: usize = 1_110;
/// In the bytes of a bucket: 3 bits for the empty buckets before it, 5 bits for its count less one.
/// The largest value of each means that the rest follows as a number.
const GAP_MAX: u64 = 7;
const COUNT_MAX: u64 = 31;

/// Counts of values, microseconds.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Sketch {
    /// Values of 0, which have no logarithm.
    zeros: u64,
    /// The bucket of the first count. First and last count are not 0, so that equal contents are
    /// equal values.
    first: usize,
    counts: Vec<u64>,
}

impl Sketch {
    pub fn add(&mut self, value: u32) {
        if value == 0 {
            self.zeros = self.zeros.saturating_add(1);
        } else {
            self.add_to(bucket(value), 1);
        }
    }

    fn add_to(&mut self, bucket: usize, count: u64) {
        if self.counts.is_empty() {
            self.first = bucket;
        }
        if bucket < self.first {
            let missing = self.first - bucket;
            self.counts.splice(0..0, std::iter::repeat_n(0, missing));
            self.first = bucket;
        }
        let place = bucket - self.first;
        if place >= self.counts.len() {
            self.counts.resize(place + 1, 0);
        }
        self.counts[place] = self.counts[place].saturating_add(count);
    }

    /// Adds all counts of another one.
    pub fn merge(&mut self, other: &Self) {
        self.zeros = self.zeros.saturating_add(other.zeros);
        for (place, count) in other.counts.iter().enumerate().filter(|(_, n)| **n > 0) {
            self.add_to(other.first + place, *count);
        }
    }

    /// How many values were counted.
    #[must_use]
    pub fn n(&self) -> u64 {
        self.counts
            .iter()
            .fold(self.zeros, |sum, count| sum.saturating_add(*count))
    }

    /// The value at the nearest rank of `q` (0 to 1), within [`RELATIVE_ERROR`]. `None`: there are
    /// no values.
    #[must_use]
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "counts stay far below 2^52, and a rank is between 1 and the count"
    )]
    pub fn quantile(&self, q: f64) -> Option<f64> {
        let n = self.n();
        let rank = ((q.clamp(0.0, 1.0) * n as f64).ceil() as u64).clamp(1, n.max(1));
        let mut seen = self.zeros;
        if rank <= seen {
            return (n > 0).then_some(0.0);
        }
        for (place, count) in self.counts.iter().enumerate() {
            seen = seen.saturating_add(*count);
            if rank <= seen {
                return Some(middle(self.first + place));
            }
        }
        None
    }

    /// Appends the counts that are not 0: one byte for most of them.
    pub(super) fn put(&self, out: &mut Vec<u8>) {
        put(out, self.zeros);
        put(out, self.counts.iter().filter(|n| **n > 0).count() as u64);
        let mut next = 0;
        for (place, count) in self.counts.iter().enumerate().filter(|(_, n)| **n > 0) {
            let bucket = self.first + place;
            let (gap, more) = ((bucket - next) as u64, count - 1);
            let (gap_bits, count_bits) = (gap.min(GAP_MAX), more.min(COUNT_MAX));
            out.extend((gap_bits << 5 | count_bits).to_le_bytes().first());
            if gap_bits == GAP_MAX {
                put(out, gap - GAP_MAX);
            }
            if count_bits == COUNT_MAX {
                put(out, more - COUNT_MAX);
            }
            next = bucket + 1;
        }
    }

    /// Adds the counts that [`Sketch::put`] wrote.
    pub(super) fn merge_from(&mut self, reader: &mut Reader<'_>) -> Result<(), Damaged> {
        self.zeros = self.zeros.saturating_add(reader.number()?);
        let buckets = reader.number()?;
        let mut next = 0_usize;
        for _ in 0..buckets {
            let byte = u64::from(reader.byte()?);
            let (mut gap, mut more) = (byte >> 5, byte & COUNT_MAX);
            if gap == GAP_MAX {
                gap = gap.saturating_add(reader.number()?);
            }
            if more == COUNT_MAX {
                more = more.saturating_add(reader.number()?);
            }
            let bucket = usize::try_from(gap).unwrap_or(BUCKETS).saturating_add(next);
            if bucket >= BUCKETS {
                return Err(Damaged("a bucket does not exist"));
            }
            self.add_to(bucket, more.saturating_add(1));
            next = bucket + 1;
        }
        Ok(())
    }
}

/// The bucket of a value from 1 up.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "between 0 and 1,109"
)]
fn bucket(value: u32) -> usize {
    (f64::from(value).ln() / GAMMA.ln()).ceil() as usize
}

/// The value that is within α of every value of the bucket.
fn middle(bucket: usize) -> f64 {
    let power = i32::try_from(bucket).unwrap_or(i32::MAX);
    2.0 * GAMMA.powi(power) / (GAMMA + 1.0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::bytes::{begin, finish, open};
    use super::*;

    fn values() -> impl Strategy<Value = Vec<u32>> {
        let one = (any::<u32>(), 0_u32..33).prop_map(|(value, shift)| value.checked_shr(shift));
        prop::collection::vec(one.prop_map(Option::unwrap_or_default), 0..200)
    }

    fn of(values: &[u32]) -> Sketch {
        let mut sketch = Sketch::default();
        for value in values {
            sketch.add(*value);
        }
        sketch
    }

    fn merged(one: &Sketch, other: &Sketch) -> Sketch {
        let mut all = one.clone();
        all.merge(other);
        all
    }

    proptest! {
        #[test]
        fn a_quantile_is_within_its_error(mut values in values(), q in 0.0..=1.0_f64) {
            let found = of(&values).quantile(q);
            values.sort_unstable();
            #[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "at most 200")]
            let rank = (q * values.len() as f64).ceil().max(1.0) as usize;
            match (values.get(rank - 1), found) {
                (None, None) => {}
                (Some(exact), Some(found)) => {
                    let exact = f64::from(*exact);
                    prop_assert!((found - exact).abs() <= exact * (RELATIVE_ERROR + 1e-9), "{found} for {exact}");
                }
                other => prop_assert!(false, "{other:?}"),
            }
        }

        #[test]
        fn merging_is_exact_in_any_order(a in values(), b in values(), c in values()) {
            let all = of(&[a.clone(), b.clone(), c.clone()].concat());
            let (a, b, c) = (of(&a), of(&b), of(&c));
            prop_assert_eq!(&merged(&merged(&a, &b), &c), &all);
            prop_assert_eq!(&merged(&a, &merged(&b, &c)), &all);
            prop_assert_eq!(&merged(&merged(&c, &b), &a), &all);
        }

        #[test]
        fn bytes_are_merged_as_the_value(a in values(), b in values()) {
            let mut block = begin();
            of(&b).put(&mut block);
            let block = finish(block);
            let mut sketch = of(&a);
            let mut reader = open(&block).unwrap();
            sketch.merge_from(&mut reader).unwrap();
            prop_assert_eq!(reader.finished(), Ok(()));
            prop_assert_eq!(sketch, of(&[a, b].concat()));
        }

        #[test]
        fn any_bytes_are_counts_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..60)) {
            let block = finish([begin(), bytes].concat());
            let mut sketch = Sketch::default();
            let _ = sketch.merge_from(&mut open(&block).unwrap());
            prop_assert!(sketch.counts.len() <= BUCKETS);
        }
    }

    #[test]
    fn the_largest_value_has_a_bucket() {
        assert_eq!(bucket(1), 0);
        assert!(bucket(u32::MAX) < BUCKETS);
    }
}
