//! Columns of whole numbers as bytes. A byte in front says how a column is written, so that a block
//! stays readable when another way is added.

use pco::ChunkConfig;
use pco::standalone::{simple_compress, simple_decompress_into};

use super::Damaged;
use super::bytes::{Reader, put};

/// Numbers in 7-bit groups.
const PLAIN: u8 = 0;
/// Compressed by the crate `pco`, with its length in front.
const PCO: u8 = 1;
/// One number that stands for all.
const CONSTANT: u8 = 2;
/// Below this many numbers the header of `pco` costs more than it saves.
const PCO_MIN: usize = 48;

/// How a writer trades time for size.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effort {
    /// Written often, read once: no compression.
    Fast,
    /// Kept for long: the smallest of all ways.
    Small,
}

/// Appends a column.
pub fn put_column(out: &mut Vec<u8>, values: &[u64], effort: Effort) {
    let first = values.first().copied().unwrap_or_default();
    if values.iter().all(|value| *value == first) {
        out.push(CONSTANT);
        put(out, first);
        return;
    }
    let mut plain = Vec::with_capacity(values.len() * 2);
    for value in values {
        put(&mut plain, *value);
    }
    let packed = (effort == Effort::Small && values.len() >= PCO_MIN)
        .then(|| simple_compress(values, &ChunkConfig::default()).ok())
        .flatten()
        .filter(|packed| packed.len() + 3 < plain.len());
    if let Some(packed) = packed {
        out.push(PCO);
        put(out, packed.len() as u64);
        out.extend_from_slice(&packed);
    } else {
        out.push(PLAIN);
        out.extend_from_slice(&plain);
    }
}

/// Reads a column of `n` numbers. The caller bounds `n`.
pub fn read_column(reader: &mut Reader<'_>, n: usize) -> Result<Vec<u64>, Damaged> {
    match reader.byte()? {
        CONSTANT => Ok(vec![reader.number()?; n]),
        PLAIN if n > reader.len() => Err(Damaged("it ends early")),
        PLAIN => (0..n).map(|_| reader.number()).collect(),
        PCO => {
            let length = reader.narrow()?;
            unpack(reader.take(length)?, n)
        }
        _ => Err(Damaged("a column has an unknown form")),
    }
}

fn unpack(bytes: &[u8], n: usize) -> Result<Vec<u64>, Damaged> {
    let mut values = vec![0_u64; n];
    let progress = simple_decompress_into(bytes, &mut values)
        .map_err(|_| Damaged("a compressed column is damaged"))?;
    if progress.finished && progress.n_processed == n {
        Ok(values)
    } else {
        Err(Damaged("a compressed column has another length"))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::metric::bytes::{begin, finish, open};

    proptest! {
        #[test]
        fn columns_come_back(values in prop::collection::vec((0_u64..5000).boxed().prop_union(any::<u64>().boxed()), 0..300), small in any::<bool>()) {
            let effort = if small { Effort::Small } else { Effort::Fast };
            let mut block = begin();
            put_column(&mut block, &values, effort);
            let block = finish(block);
            let mut reader = open(&block).unwrap();
            prop_assert_eq!(read_column(&mut reader, values.len()), Ok(values));
            prop_assert_eq!(reader.finished(), Ok(()));
        }

        /// With a right checksum, so that the reader of columns itself is tried.
        #[test]
        fn damage_is_an_error_or_other_numbers(values in prop::collection::vec(0_u64..5000, 50..300), at in any::<prop::sample::Index>(), byte in any::<u8>(), cut in any::<prop::sample::Index>()) {
            let mut block = begin();
            put_column(&mut block, &values, Effort::Small);
            let place = at.index(block.len() - 1) + 1;
            block[place] = byte;
            let whole = finish(block.clone());
            let _ = read_column(&mut open(&whole).unwrap(), values.len());
            block.truncate(cut.index(block.len()).max(1));
            let short = finish(block);
            let _ = read_column(&mut open(&short).unwrap(), values.len());
        }
    }

    #[test]
    fn the_smallest_form_is_taken() {
        let size = |values: &[u64], effort| {
            let mut out = Vec::new();
            put_column(&mut out, values, effort);
            (out[0], out.len())
        };
        assert_eq!(size(&vec![200; 2880], Effort::Small), (CONSTANT, 3));
        let ramp: Vec<u64> = (0..2880).map(|i| 1_000_000 + i * 37).collect();
        let (form, length) = size(&ramp, Effort::Small);
        assert!(form == PCO && length < 100, "{form} {length}");
        assert_eq!(size(&ramp, Effort::Fast), (PLAIN, 1 + 2880 * 3));
        assert_eq!(size(&ramp[..10], Effort::Small), (PLAIN, 31));
    }
}
