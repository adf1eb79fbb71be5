//! Rollups of up to [`ROUTINES`] routines in one window, as one stored row: a month of thousands of
//! routines is read in a few thousand rows, and a rollup costs about 50 bytes.
//!
//! Block: number of rollups, then each: its routine (difference to the one before), its length in
//! bytes, counts, latencies and sketch. The length lets a reader pass over routines that were not
//! asked for.

use std::collections::{BTreeMap, HashMap};
use std::hash::BuildHasher;

use super::Damaged;
use super::bytes::{self, Reader, put, unzigzag, zigzag};
use super::rollup::{Rollup, Totals};

/// Routines a bundle: their numbers divided by this are the same.
pub const ROUTINES: i64 = 64;

/// The bundle that a routine's rollups are on.
#[must_use]
pub const fn of(routine: i64) -> i64 {
    routine.div_euclid(ROUTINES)
}

#[must_use]
pub fn pack(rollups: &BTreeMap<i64, Rollup>) -> Vec<u8> {
    let mut out = bytes::begin();
    put(&mut out, rollups.len() as u64);
    let (mut before, mut one) = (0_i64, Vec::new());
    for (routine, rollup) in rollups {
        put(&mut out, zigzag(routine.wrapping_sub(before)));
        before = *routine;
        one.clear();
        rollup.put(&mut one);
        put(&mut out, one.len() as u64);
        out.extend_from_slice(&one);
    }
    bytes::finish(out)
}

/// Passes on each routine of a bundle with the bytes of its rollup, which need not be read.
fn each(
    block: &[u8],
    mut take: impl FnMut(i64, &mut Reader<'_>) -> Result<(), Damaged>,
) -> Result<(), Damaged> {
    let mut reader = bytes::open(block)?;
    let (n, mut routine) = (reader.number()?, 0_i64);
    for _ in 0..n {
        routine = routine.wrapping_add(unzigzag(reader.number()?));
        let length = reader.narrow()?;
        take(routine, &mut reader.part(length)?)?;
    }
    reader.finished()
}

/// Merges the rollups of a bundle into those of `wanted`, whose keys are the routines asked for. After
/// an error some may have been merged.
pub fn merge_into<S: BuildHasher>(
    block: &[u8],
    wanted: &mut HashMap<i64, Rollup, S>,
) -> Result<(), Damaged> {
    each(block, |routine, part| match wanted.get_mut(&routine) {
        Some(rollup) => rollup.merge_from(part),
        None => Ok(()),
    })
}

/// Merges the counts of a bundle into those of `wanted`, without reading latencies and sketches. After
/// an error some may have been merged.
pub fn totals_into<S: BuildHasher>(
    block: &[u8],
    wanted: &mut HashMap<i64, Totals, S>,
) -> Result<(), Damaged> {
    each(block, |routine, part| {
        if let Some(totals) = wanted.get_mut(&routine) {
            totals.merge(&Totals::read(part)?);
        }
        Ok(())
    })
}

/// All rollups of a bundle.
pub fn unpack(block: &[u8]) -> Result<BTreeMap<i64, Rollup>, Damaged> {
    let mut rollups: BTreeMap<i64, Rollup> = BTreeMap::new();
    each(block, |routine, part| {
        rollups.entry(routine).or_default().merge_from(part)
    })?;
    Ok(rollups)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::sample::tests::any_sample;
    use super::*;

    fn any_bundle() -> impl Strategy<Value = BTreeMap<i64, Rollup>> {
        let rollup = prop::collection::vec(any_sample(), 0..30).prop_map(|samples| {
            let mut rollup = Rollup::default();
            for sample in &samples {
                rollup.add(sample);
            }
            rollup
        });
        prop::collection::btree_map(any::<i64>(), rollup, 0..12)
    }

    proptest! {
        #[test]
        fn a_bundle_comes_back(bundle in any_bundle()) {
            prop_assert_eq!(unpack(&pack(&bundle)), Ok(bundle));
        }

        #[test]
        fn only_what_is_wanted_is_merged(bundle in any_bundle(), times in 1..3) {
            let routine = bundle.keys().next().copied().unwrap_or_default();
            let mut wanted = HashMap::from([(routine, Rollup::default())]);
            let mut expected = Rollup::default();
            for _ in 0..times {
                merge_into(&pack(&bundle), &mut wanted).unwrap();
                expected.merge(bundle.get(&routine).unwrap_or(&Rollup::default()));
            }
            prop_assert_eq!(wanted, HashMap::from([(routine, expected)]));
        }

        #[test]
        fn counts_are_those_of_the_rollups(bundle in any_bundle()) {
            let mut wanted: HashMap<i64, Totals> =
                bundle.keys().skip(1).map(|routine| (*routine, Totals::default())).collect();
            totals_into(&pack(&bundle), &mut wanted).unwrap();
            let expected = bundle.iter().skip(1).map(|(routine, rollup)| (*routine, rollup.totals));
            prop_assert_eq!(wanted, expected.collect::<HashMap<_, _>>());
        }

        #[test]
        fn damage_is_an_error(bundle in any_bundle(), at in any::<prop::sample::Index>(), change in 1_u8..) {
            let mut block = pack(&bundle);
            let place = at.index(block.len());
            block[place] ^= change;
            prop_assert!(unpack(&block).is_err());
            block.truncate(block.len() - 4);
            let _ = unpack(&bytes::finish(block));
        }
    }
}
