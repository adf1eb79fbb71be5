//! Output lines packed for keeping: stream, time and text of each, compressed together.

use super::StoreError;
use crate::core::event::{Entry, EntryBody, Stream};
use crate::core::run::RunId;
use crate::core::time::Timestamp;

/// Most lines and bytes (before compression) of one chunk.
const MAX_LINES: usize = 1000;
const MAX_BYTES: usize = 256 * 1024;

/// One line on its way in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Line<'a> {
    pub at: Timestamp,
    pub stream: Stream,
    pub text: &'a str,
}

/// How many of `lines` go into the next chunk: at least one.
pub(super) fn fill(lines: &[Line<'_>]) -> usize {
    let mut bytes = 0;
    let fitting = lines.iter().take(MAX_LINES).take_while(|line| {
        bytes += line.text.len() + 13;
        bytes <= MAX_BYTES
    });
    fitting.count().max(1)
}

pub(super) fn pack(lines: &[Line<'_>]) -> Vec<u8> {
    let mut raw = Vec::with_capacity(lines.iter().map(|l| l.text.len() + 13).sum());
    for line in lines {
        raw.push(u8::from(line.stream == Stream::Stderr));
        raw.extend(line.at.0.to_le_bytes());
        // A line is at most 10 MiB: the adapter cuts longer ones.
        raw.extend(u32::try_from(line.text.len()).unwrap_or(u32::MAX).to_le_bytes());
        raw.extend(line.text.as_bytes());
    }
    lz4_flex::compress_prepend_size(&raw)
}

pub(super) fn unpack(run: RunId, first: i64, step: Option<u32>, body: &[u8]) -> Result<Vec<Entry>, StoreError> {
    let broken = || StoreError::Database(format!("output of run {run} from line {first} on cannot be read"));
    let raw = lz4_flex::decompress_size_prepended(body).map_err(|_| broken())?;
    let mut rest = raw.as_slice();
    let mut entries = Vec::new();
    let mut seq = first;
    while let Some((head, tail)) = rest.split_at_checked(13) {
        let stream = if head[0] == 1 { Stream::Stderr } else { Stream::Stdout };
        let at = i64::from_le_bytes(head[1..9].try_into().map_err(|_| broken())?);
        let len = u32::from_le_bytes(head[9..13].try_into().map_err(|_| broken())?) as usize;
        let (text, tail) = tail.split_at_checked(len).ok_or_else(broken)?;
        let text = String::from_utf8_lossy(text).into_owned();
        entries.push(Entry { run, seq, at: Timestamp(at), step, body: EntryBody::Output { stream, text } });
        seq += 1;
        rest = tail;
    }
    if rest.is_empty() { Ok(entries) } else { Err(broken()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        #[test]
        fn lines_come_back_as_they_went_in(texts in proptest::collection::vec("(\\PC|\0|\u{1b}){0,50}", 1..60)) {
            let lines: Vec<_> = texts.iter().enumerate().map(|(i, text)| Line {
                at: Timestamp(i as i64), stream: if i % 3 == 0 { Stream::Stderr } else { Stream::Stdout }, text,
            }).collect();
            let back = unpack(RunId(1), 7, Some(2), &pack(&lines)).unwrap();
            proptest::prop_assert_eq!(back.len(), lines.len());
            for (i, (entry, line)) in back.iter().zip(&lines).enumerate() {
                proptest::prop_assert_eq!(entry.seq, 7 + i as i64);
                proptest::prop_assert_eq!(&entry.body, &EntryBody::Output { stream: line.stream, text: line.text.to_owned() });
            }
        }
    }
}
