//! A row of the journal: the samples of many routines that one flush wrote, as columns.
//!
//! Block: number of samples, first slot, the column of routines (each as the difference to the one
//! before), the column of slots (difference to the first), then the columns of `sample`. Not
//! compressed: a row lives about an hour.

use super::bytes::{self, put, zigzag};
use super::codec::{Effort, put_column, read_column};
use super::sample::{Probed, Sample, put_columns, read_columns};
use super::{Damaged, MAX_BLOCK};

/// Packs samples, ordered by routine and slot. `None`: more than [`MAX_BLOCK`].
#[must_use]
pub fn pack(probed: &[Probed]) -> Option<Vec<u8>> {
    if probed.len() > MAX_BLOCK {
        return None;
    }
    let mut ordered: Vec<&Probed> = probed.iter().collect();
    ordered.sort_by_key(|p| (p.routine, p.sample.slot));
    let base = ordered.first().map_or(0, |p| p.sample.slot);
    let mut before = 0_i64;
    let routines: Vec<u64> = ordered
        .iter()
        .map(|p| {
            zigzag(
                p.routine
                    .wrapping_sub(std::mem::replace(&mut before, p.routine)),
            )
        })
        .collect();
    let slots: Vec<u64> = ordered
        .iter()
        .map(|p| zigzag(p.sample.slot.wrapping_sub(base)))
        .collect();
    let samples: Vec<&Sample> = ordered.iter().map(|p| &p.sample).collect();
    let mut out = bytes::begin();
    put(&mut out, ordered.len() as u64);
    put(&mut out, zigzag(base));
    put_column(&mut out, &routines, Effort::Fast);
    put_column(&mut out, &slots, Effort::Fast);
    put_columns(&mut out, &samples, Effort::Fast);
    Some(bytes::finish(out))
}

/// Inverse of [`pack`]: samples as [`Sample::as_stored`], ordered by routine and slot.
pub fn unpack(block: &[u8]) -> Result<Vec<Probed>, Damaged> {
    let mut reader = bytes::open(block)?;
    let n: usize = reader.narrow()?;
    if n > MAX_BLOCK {
        return Err(Damaged("it has too many samples"));
    }
    let base = reader.signed()?;
    let mut routine = 0_i64;
    let routines: Vec<i64> = read_column(&mut reader, n)?
        .into_iter()
        .map(|difference| {
            routine = routine.wrapping_add(bytes::unzigzag(difference));
            routine
        })
        .collect();
    let slots: Vec<i64> = read_column(&mut reader, n)?
        .into_iter()
        .map(|difference| base.wrapping_add(bytes::unzigzag(difference)))
        .collect();
    let samples = read_columns(&mut reader, &slots)?;
    reader.finished()?;
    let pairs = routines.into_iter().zip(samples);
    Ok(pairs
        .map(|(routine, sample)| Probed { routine, sample })
        .collect())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::sample::tests::any_sample;
    use super::*;

    fn any_probed() -> impl Strategy<Value = Vec<Probed>> {
        let routine = (0_i64..40).boxed().prop_union(any::<i64>().boxed());
        let one = (routine, any_sample()).prop_map(|(routine, sample)| Probed { routine, sample });
        prop::collection::vec(one, 0..120)
    }

    proptest! {
        #[test]
        fn a_batch_comes_back_ordered(probed in any_probed()) {
            let mut expected: Vec<Probed> = probed
                .iter()
                .map(|p| Probed { sample: p.sample.as_stored(), ..*p })
                .collect();
            expected.sort_by_key(|p| (p.routine, p.sample.slot));
            prop_assert_eq!(unpack(&pack(&probed).unwrap()), Ok(expected));
        }

        #[test]
        fn a_changed_byte_is_found(probed in any_probed(), at in any::<prop::sample::Index>(), change in 1_u8..) {
            let mut block = pack(&probed).unwrap();
            let place = at.index(block.len());
            block[place] ^= change;
            prop_assert!(unpack(&block).is_err());
            block.truncate(place);
            prop_assert!(unpack(&block).is_err());
        }

        /// With a right checksum, so that the readers behind it are tried.
        #[test]
        fn contents_that_make_no_sense_are_an_error(mut block in prop::collection::vec(any::<u8>(), 0..200)) {
            block.insert(0, 1);
            let _ = unpack(&bytes::finish(block));
        }
    }

    #[test]
    fn a_count_that_cannot_be_is_not_allocated() {
        let mut block = bytes::begin();
        put(&mut block, u64::from(u32::MAX));
        let refused = Err(Damaged("it has too many samples"));
        assert_eq!(unpack(&bytes::finish(block)), refused);
        assert_eq!(pack(&vec![Probed::default(); MAX_BLOCK + 1]), None);
    }
}
