//! Samples of one routine, at most of one day, as columns.
//!
//! Block: number of samples, first slot, interval, the column of slots (each: its distance to the
//! slot before, less the interval; all 0 while the schedule is kept), then the columns of `sample`.

use super::bytes::{self, put, zigzag};
use super::codec::{Effort, put_column, read_column};
use super::rollup::Totals;
use super::sample::{Sample, put_columns, read_columns};
use super::{Damaged, MAX_BLOCK};

/// A packed chunk and its summary.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chunk {
    /// First and last slot, milliseconds.
    pub from_ms: i64,
    pub until_ms: i64,
    pub totals: Totals,
    pub bytes: Vec<u8>,
}

/// Packs samples, at most [`MAX_BLOCK`] a chunk, ordered by slot; no samples, no chunk.
#[must_use]
pub fn pack(mut samples: Vec<Sample>) -> Vec<Chunk> {
    samples.sort_by_key(|sample| sample.slot);
    samples.chunks(MAX_BLOCK).map(pack_one).collect()
}

fn pack_one(samples: &[Sample]) -> Chunk {
    let slot = |sample: Option<&Sample>| sample.map_or(0, |sample| sample.slot);
    let (first, last) = (slot(samples.first()), slot(samples.last()));
    let distances: Vec<i64> = samples
        .windows(2)
        .map(|pair| pair[1].slot.wrapping_sub(pair[0].slot))
        .collect();
    let interval = most_frequent(&distances);
    let slots: Vec<u64> = distances
        .iter()
        .map(|distance| zigzag(distance.wrapping_sub(interval)))
        .collect();
    let mut out = bytes::begin();
    put(&mut out, samples.len() as u64);
    put(&mut out, zigzag(first));
    put(&mut out, zigzag(interval));
    put_column(&mut out, &slots, Effort::Small);
    put_columns(&mut out, &samples.iter().collect::<Vec<_>>(), Effort::Small);
    let mut totals = Totals::default();
    for sample in samples {
        totals.add(&sample.as_stored());
    }
    Chunk {
        from_ms: first,
        until_ms: last,
        totals,
        bytes: bytes::finish(out),
    }
}

/// The interval of a schedule: the value that stands most often in it.
fn most_frequent(values: &[i64]) -> i64 {
    let mut ordered = values.to_vec();
    ordered.sort_unstable();
    let longest = ordered
        .chunk_by(|one, next| one == next)
        .max_by_key(|run| run.len());
    longest.map_or(0, |run| run[0])
}

/// The samples of a chunk as [`Sample::as_stored`], ordered by slot.
pub fn unpack(block: &[u8]) -> Result<Vec<Sample>, Damaged> {
    let mut reader = bytes::open(block)?;
    let n: usize = reader.narrow()?;
    if n > MAX_BLOCK {
        return Err(Damaged("it has too many samples"));
    }
    let mut slot = reader.signed()?;
    let interval = reader.signed()?;
    let mut slots = Vec::with_capacity(n);
    let differences = read_column(&mut reader, n.saturating_sub(1))?;
    slots.extend((n > 0).then_some(slot));
    for difference in differences {
        let distance = interval.wrapping_add(bytes::unzigzag(difference));
        slot = slot.wrapping_add(distance);
        slots.push(slot);
    }
    let samples = read_columns(&mut reader, &slots)?;
    reader.finished()?;
    Ok(samples)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::sample::ProbeOutcome;
    use super::super::sample::tests::any_sample;
    use super::*;

    proptest! {
        #[test]
        fn a_chunk_comes_back_ordered(samples in prop::collection::vec(any_sample(), 1..200)) {
            let mut expected: Vec<Sample> = samples.iter().map(|s| s.as_stored()).collect();
            expected.sort_by_key(|s| s.slot);
            let chunks = pack(samples);
            prop_assert_eq!(chunks.len(), 1);
            prop_assert_eq!(chunks[0].from_ms, expected[0].slot);
            prop_assert_eq!(chunks[0].until_ms, expected[expected.len() - 1].slot);
            prop_assert_eq!(chunks[0].totals.n(), expected.len() as u64);
            prop_assert_eq!(unpack(&chunks[0].bytes), Ok(expected));
        }

        #[test]
        fn a_changed_byte_is_found(samples in prop::collection::vec(any_sample(), 1..100), at in any::<prop::sample::Index>(), change in 1_u8..) {
            let mut block = pack(samples).remove(0).bytes;
            let place = at.index(block.len());
            block[place] ^= change;
            prop_assert!(unpack(&block).is_err());
            block.truncate(place);
            prop_assert!(unpack(&block).is_err());
        }

        /// A checksum that is right says nothing about the contents: the readers behind it are
        /// tried with bytes that were changed before it was made.
        #[test]
        fn damage_behind_the_checksum_is_no_panic(samples in prop::collection::vec(any_sample(), 60..200), at in any::<prop::sample::Index>(), byte in any::<u8>()) {
            let mut block = pack(samples).remove(0).bytes;
            block.truncate(block.len() - 4);
            let place = at.index(block.len());
            block[place] = byte;
            let _ = unpack(&bytes::finish(block));
        }
    }

    /// A day of a probe every 30 s: latency around 80 ms with a spread of a fifth, a few failures.
    fn day() -> Vec<Sample> {
        let mut seed = 7_u64;
        let mut random = move || {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            u32::try_from(seed >> 40).unwrap_or_default()
        };
        (0..2880)
            .map(|slot| {
                let bell: u32 = (0..8).map(|_| random() % 10_000).sum();
                let failed = random() % 1000 == 0;
                Sample {
                    slot: 1_795_000_000_000 + slot * 30_000,
                    lag_ms: random() % 25,
                    latency_us: Some(40_000 + bell),
                    outcome: if failed {
                        ProbeOutcome::Failing
                    } else {
                        ProbeOutcome::Ok
                    },
                    code: if failed { 503 } else { 200 },
                    ..Sample::default()
                }
            })
            .collect()
    }

    #[test]
    fn a_day_of_probes_is_small() {
        let chunks = pack(day());
        let length = chunks[0].bytes.len();
        assert!(length < 2880 * 5 / 4, "{length} bytes for 2,880 probes");
        assert_eq!(pack(Vec::new()), Vec::new());
    }

    #[test]
    fn more_than_a_block_becomes_several() {
        let samples = vec![Sample::default(); MAX_BLOCK + 1];
        let lengths: Vec<u64> = pack(samples).iter().map(|c| c.totals.n()).collect();
        assert_eq!(lengths, [MAX_BLOCK as u64, 1]);
    }
}
