//! Blocks of bytes: a version in front, whole numbers in 7-bit groups (LEB128), a checksum at the
//! end.

use crc::Crc;

use super::Damaged;

/// The version that this build writes and reads.
const VERSION: u8 = 1;
/// CRC-32 as of zlib and Ethernet.
const CHECKSUM: Crc<u32> = Crc::<u32>::new(&crc::CRC_32_ISO_HDLC);
/// Groups of 7 bits in the longest number.
const GROUPS: u32 = 10;

/// An empty block to append to.
pub fn begin() -> Vec<u8> {
    vec![VERSION]
}

/// Appends the checksum.
pub fn finish(mut block: Vec<u8>) -> Vec<u8> {
    let sum = CHECKSUM.checksum(&block);
    block.extend_from_slice(&sum.to_le_bytes());
    block
}

/// A reader over the contents of a block whose checksum is right.
pub fn open(block: &[u8]) -> Result<Reader<'_>, Damaged> {
    let (body, sum) = block.split_last_chunk::<4>().ok_or(Damaged("too short"))?;
    if CHECKSUM.checksum(body) != u32::from_le_bytes(*sum) {
        return Err(Damaged("its checksum is wrong"));
    }
    match body.split_first() {
        Some((&VERSION, rest)) => Ok(Reader(rest)),
        Some(_) => Err(Damaged("it has another version")),
        None => Err(Damaged("too short")),
    }
}

/// Appends a number: 7 bits a byte, lowest first, the top bit set on all but the last.
pub fn put(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(low_bits(value) | 0x80);
        value >>= 7;
    }
    out.push(low_bits(value));
}

fn low_bits(value: u64) -> u8 {
    value.to_le_bytes()[0] & 0x7f
}

/// A signed number as an unsigned one: 0, -1, 1, -2 … become 0, 1, 2, 3 …
pub const fn zigzag(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)).cast_unsigned()
}

/// Inverse of [`zigzag`].
pub const fn unzigzag(value: u64) -> i64 {
    (value >> 1).cast_signed() ^ -((value & 1).cast_signed())
}

/// Reads from the front of a block.
#[derive(Debug)]
pub struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    /// Bytes that were not read.
    pub const fn len(&self) -> usize {
        self.0.len()
    }

    pub fn byte(&mut self) -> Result<u8, Damaged> {
        let (first, rest) = self.0.split_first().ok_or(Damaged("it ends early"))?;
        self.0 = rest;
        Ok(*first)
    }

    pub fn number(&mut self) -> Result<u64, Damaged> {
        let mut value = 0_u64;
        for group in 0..GROUPS {
            let byte = self.byte()?;
            let bits = u64::from(byte & 0x7f);
            if group == GROUPS - 1 && bits > 1 {
                break;
            }
            value |= bits << (group * 7);
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(Damaged("a number is too large"))
    }

    pub fn signed(&mut self) -> Result<i64, Damaged> {
        self.number().map(unzigzag)
    }

    pub fn narrow<T: TryFrom<u64>>(&mut self) -> Result<T, Damaged> {
        T::try_from(self.number()?).map_err(|_| Damaged("a number is too large"))
    }

    /// The next `length` bytes as a reader of their own.
    pub fn part(&mut self, length: usize) -> Result<Reader<'a>, Damaged> {
        self.take(length).map(Reader)
    }

    pub fn take(&mut self, length: usize) -> Result<&'a [u8], Damaged> {
        let (part, rest) = self
            .0
            .split_at_checked(length)
            .ok_or(Damaged("it ends early"))?;
        self.0 = rest;
        Ok(part)
    }

    /// Refuses bytes after the end.
    pub const fn finished(&self) -> Result<(), Damaged> {
        if self.0.is_empty() {
            Ok(())
        } else {
            Err(Damaged("bytes follow its end"))
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn numbers_come_back(values in prop::collection::vec(any::<u64>().prop_flat_map(|v| (0..64_u32).prop_map(move |s| v >> s)), 0..40), signed in any::<i64>()) {
            let mut block = begin();
            for value in &values {
                put(&mut block, *value);
            }
            put(&mut block, zigzag(signed));
            let block = finish(block);
            let mut reader = open(&block).unwrap();
            for value in values {
                prop_assert_eq!(reader.number(), Ok(value));
            }
            prop_assert_eq!(reader.signed(), Ok(signed));
            prop_assert_eq!(reader.finished(), Ok(()));
        }
    }

    #[test]
    fn bytes_that_are_no_block_are_refused() {
        let refused = |block: &[u8]| open(block).map(|_| ()).unwrap_err().0;
        assert_eq!(refused(&[]), "too short");
        assert_eq!(refused(&[1, 0, 0, 0, 0]), "its checksum is wrong");
        assert_eq!(refused(&finish(vec![9])), "it has another version");
        assert_eq!(refused(&finish(Vec::new())), "too short");
        let endless = finish([&[VERSION][..], &[0xff; 12]].concat());
        let number = open(&endless).unwrap().number();
        assert_eq!(number, Err(Damaged("a number is too large")));
    }
}
