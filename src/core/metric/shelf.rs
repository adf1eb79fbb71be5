//! Chunks of up to [`ROUTINES`] routines of one day, as one stored row: a row for each chunk would
//! leave a quarter of the pages of an SQLite file empty.
//!
//! Block: number of chunks, then for each its routine (difference to the one before), its samples
//! and its length in bytes, then the chunks.

use super::bytes::{self, put, unzigzag, zigzag};
use super::chunk::Chunk;
use super::{Damaged, MAX_BLOCK};

/// Routines a row: their numbers divided by this are the same. An index of the store has this
/// number in it.
pub const ROUTINES: i64 = 16;

/// The row that a routine's days are in.
#[must_use]
pub const fn of(routine: i64) -> i64 {
    routine.div_euclid(ROUTINES)
}

/// A chunk within a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shelved<'a> {
    pub routine: i64,
    /// Samples in it.
    pub n: u64,
    /// As of [`Chunk::bytes`].
    pub bytes: &'a [u8],
}

/// Packs chunks with their routines, in the order given.
#[must_use]
pub fn pack(chunks: &[(i64, Chunk)]) -> Vec<u8> {
    let mut out = bytes::begin();
    put(&mut out, chunks.len() as u64);
    let mut before = 0_i64;
    for (routine, chunk) in chunks {
        put(&mut out, zigzag(routine.wrapping_sub(before)));
        before = *routine;
        put(&mut out, chunk.totals.n());
        put(&mut out, chunk.bytes.len() as u64);
    }
    for (_, chunk) in chunks {
        out.extend_from_slice(&chunk.bytes);
    }
    bytes::finish(out)
}

/// All chunks of a row.
pub fn unpack(block: &[u8]) -> Result<Vec<Shelved<'_>>, Damaged> {
    let mut reader = bytes::open(block)?;
    let n: usize = reader.narrow()?;
    if n > MAX_BLOCK {
        return Err(Damaged("it has too many chunks"));
    }
    let (mut routine, mut directory) = (0_i64, Vec::new());
    for _ in 0..n {
        routine = routine.wrapping_add(unzigzag(reader.number()?));
        let samples = reader.number()?;
        let length: usize = reader.narrow()?;
        directory.push((routine, samples, length));
    }
    let mut chunks = Vec::with_capacity(directory.len());
    for (routine, n, length) in directory {
        let bytes = reader.take(length)?;
        chunks.push(Shelved { routine, n, bytes });
    }
    reader.finished()?;
    Ok(chunks)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::chunk;
    use super::super::sample::tests::any_sample;
    use super::*;

    proptest! {
        #[test]
        fn chunks_come_back_with_their_routines(days in prop::collection::vec((any::<i64>(), prop::collection::vec(any_sample(), 1..60)), 0..9)) {
            let chunks: Vec<(i64, Chunk)> = days
                .into_iter()
                .flat_map(|(routine, samples)| chunk::pack(samples).into_iter().map(move |c| (routine, c)))
                .collect();
            let block = pack(&chunks);
            let found = unpack(&block).unwrap();
            let wanted: Vec<Shelved<'_>> = chunks
                .iter()
                .map(|(routine, c)| Shelved { routine: *routine, n: c.totals.n(), bytes: &c.bytes })
                .collect();
            prop_assert_eq!(found, wanted);
        }

        #[test]
        fn any_bytes_are_chunks_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
            let block = bytes::finish([bytes::begin(), bytes].concat());
            let _ = unpack(&block);
        }
    }

    #[test]
    fn a_changed_byte_is_found() {
        let mut block = pack(&[]);
        assert_eq!(unpack(&block), Ok(Vec::new()));
        block[1] ^= 1;
        assert!(unpack(&block).is_err());
    }
}
