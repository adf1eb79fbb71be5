//! Output chunks: consecutive captured lines of one step, packed and compressed. Pure.
//!
//! Format: LZ4 block with its raw size in front (4 bytes, little endian) around lines, each: one
//! byte for the stream (0 stdout, 1 stderr), 8 bytes time in milliseconds, 4 bytes length, both
//! little endian, then the text as UTF-8.

use crate::core::base::time::Timestamp;
use crate::core::run::event::Stream;

/// A chunk is closed when the next line would make it larger than this; a larger line gets a chunk
/// of its own.
pub(in crate::store) const MAX_BYTES: usize = 256 * 1024;
pub(in crate::store) const MAX_LINES: usize = 1000;

const HEADER: usize = 1 + 8 + 4;
/// LZ4 cannot compress better than 1:255; a size that claims more is damage, and must not be
/// allocated.
const MAX_RATIO: usize = 255;

/// One captured line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::store) struct ChunkLine<'a> {
    pub at: Timestamp,
    pub stream: Stream,
    pub text: std::borrow::Cow<'a, str>,
}

/// How many of the lines, by their lengths, fit into the first chunk; at least one.
pub(in crate::store) fn fitting(lengths: impl Iterator<Item = usize>) -> usize {
    let mut bytes = 0_usize;
    let fitting = lengths.take(MAX_LINES).take_while(|length| {
        bytes = bytes.saturating_add(*length);
        bytes <= MAX_BYTES
    });
    fitting.count().max(1)
}

/// Packs lines. `None`: a line is 4 GiB or longer.
pub(in crate::store) fn pack(lines: &[ChunkLine<'_>]) -> Option<Vec<u8>> {
    let mut raw = Vec::with_capacity(lines.iter().map(|line| HEADER + line.text.len()).sum());
    for line in lines {
        raw.push(u8::from(line.stream == Stream::Stderr));
        raw.extend_from_slice(&line.at.0.to_le_bytes());
        raw.extend_from_slice(&u32::try_from(line.text.len()).ok()?.to_le_bytes());
        raw.extend_from_slice(line.text.as_bytes());
    }
    compress(&raw)
}

/// An LZ4 block with its raw size in front. `None`: 4 GiB or more.
pub(in crate::store) fn compress(raw: &[u8]) -> Option<Vec<u8>> {
    u32::try_from(raw.len()).ok()?;
    Some(lz4_flex::block::compress_prepend_size(raw))
}

/// Inverse of [`compress`]. `None`: the body is damaged.
pub(in crate::store) fn decompress(body: &[u8]) -> Option<Vec<u8>> {
    let (size, _) = lz4_flex::block::uncompressed_size(body).ok()?;
    if size > body.len().saturating_mul(MAX_RATIO) {
        return None;
    }
    lz4_flex::block::decompress_size_prepended(body).ok()
}

/// Inverse of [`pack`]. `None`: the body is damaged.
pub(in crate::store) fn unpack(body: &[u8]) -> Option<Vec<ChunkLine<'static>>> {
    let raw = decompress(body)?;
    let mut rest = raw.as_slice();
    let mut lines = Vec::new();
    while !rest.is_empty() {
        let (stream, after) = rest.split_first()?;
        let (at, after) = after.split_first_chunk::<8>()?;
        let (length, after) = after.split_first_chunk::<4>()?;
        let (text, after) = after.split_at_checked(u32::from_le_bytes(*length) as usize)?;
        lines.push(ChunkLine {
            at: Timestamp(i64::from_le_bytes(*at)),
            stream: if *stream == 0 {
                Stream::Stdout
            } else {
                Stream::Stderr
            },
            text: String::from_utf8(text.to_vec()).ok()?.into(),
        });
        rest = after;
    }
    Some(lines)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn lines_come_back_as_they_went_in(lines in prop::collection::vec((any::<i64>(), any::<bool>(), ".{0,80}"), 1..40)) {
            let lines: Vec<_> = lines
                .into_iter()
                .map(|(at, err, text)| ChunkLine {
                    at: Timestamp(at),
                    stream: if err { Stream::Stderr } else { Stream::Stdout },
                    text: text.into(),
                })
                .collect();
            prop_assert_eq!(unpack(&pack(&lines).unwrap()), Some(lines));
        }

        #[test]
        fn damage_is_noticed_or_harmless(mut body in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = unpack(&body);
            body.splice(0..0, [255, 255, 255, 255]);
            prop_assert_eq!(unpack(&body), None);
        }
    }

    #[test]
    fn chunks_close_at_both_limits_and_a_long_line_gets_its_own() {
        assert_eq!(fitting([10 << 20, 1].into_iter()), 1);
        assert_eq!(fitting([1, 10 << 20].into_iter()), 1);
        assert_eq!(fitting([MAX_BYTES / 2, MAX_BYTES / 2, 1].into_iter()), 2);
        assert_eq!(fitting(std::iter::repeat_n(0, 5000)), MAX_LINES);
    }
}
