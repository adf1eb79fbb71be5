//! The offset of every 256th line. Reading a line means reading from the offset before it and
//! counting line ends.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use super::head::Head;
use super::records::Records;
use crate::core::base::time::Timestamp;
use crate::core::logline;
use crate::core::run::event::Level;

/// Lines between two stored offsets.
const STRIDE: usize = 256;
/// The end of a line longer than this is stored.
const LONG: u64 = 256 * 1024;
/// Bytes read at once while indexing.
pub const BLOCK: usize = 1 << 20;

/// Offsets of line starts. 5 million lines take 160 KiB.
#[derive(Debug, Clone, Default)]
pub struct Index {
    /// `marks[i]` is the offset of line `i * STRIDE`.
    marks: Vec<u64>,
    /// Complete lines (ended by a newline).
    complete: usize,
    /// Bytes indexed.
    end: u64,
    /// Offset of the unfinished last line.
    tail: u64,
    /// Number and end of every line longer than `LONG`, to skip it without reading it.
    long: Vec<(usize, u64)>,
    /// Which lines belong to the one before.
    pub records: Records,
}

impl Index {
    /// Lines, counting an unfinished last one.
    #[must_use]
    pub const fn lines(&self) -> usize {
        self.complete + if self.tail < self.end { 1 } else { 0 }
    }

    /// Lines ended by a newline.
    #[must_use]
    pub const fn complete(&self) -> usize {
        self.complete
    }

    /// Bytes indexed so far.
    #[must_use]
    pub const fn end(&self) -> u64 {
        self.end
    }

    /// Offset of the unfinished last line (the end, when there is none).
    #[must_use]
    pub const fn tail(&self) -> u64 {
        self.tail
    }

    /// Takes the next bytes of the file, in order.
    pub fn feed(&mut self, bytes: &[u8]) {
        if self.marks.is_empty() {
            self.marks.push(0);
        }
        let mut wanted = STRIDE - self.complete % STRIDE;
        let mut at = 0;
        // Newlines that are not the next mark only have to be counted.
        for newline in memchr::memchr_iter(b'\n', bytes) {
            self.records.end(self.complete, &bytes[at..newline]);
            let start = if at == 0 {
                self.tail
            } else {
                self.end + at as u64
            };
            if self.end + newline as u64 - start > LONG {
                self.long.push((self.complete, self.end + newline as u64));
            }
            wanted -= 1;
            at = newline + 1;
            self.complete += 1;
            if wanted == 0 {
                self.marks.push(self.end + at as u64);
                wanted = STRIDE;
            }
        }
        if at > 0 {
            self.tail = self.end + at as u64;
        }
        self.records.keep(&bytes[at..]);
        self.records.reach(self.complete);
        self.end += bytes.len() as u64;
    }

    /// The end of a very long line.
    fn long_end(&self, line: usize) -> Option<u64> {
        if line == self.complete {
            return (self.end - self.tail > LONG).then_some(self.end);
        }
        self.long
            .binary_search_by_key(&line, |(line, _)| *line)
            .ok()
            .map(|at| self.long[at].1)
    }

    /// Whether a line belongs to the record of the one before.
    #[must_use]
    pub fn joined(&self, line: usize) -> bool {
        if line < self.complete {
            self.records.joined().contains(line)
        } else {
            self.records.open_joins()
        }
    }

    /// The stored line at or before `line`, and its offset.
    #[must_use]
    pub fn mark(&self, line: usize) -> (usize, u64) {
        let mark = (line / STRIDE).min(self.marks.len().saturating_sub(1));
        (mark * STRIDE, self.marks.get(mark).copied().unwrap_or(0))
    }

    /// The stored line at or before the byte at `offset`, and its offset.
    #[must_use]
    pub fn mark_at(&self, offset: u64) -> (usize, u64) {
        let mark = self
            .marks
            .partition_point(|start| *start <= offset)
            .saturating_sub(1);
        (mark * STRIDE, self.marks.get(mark).copied().unwrap_or(0))
    }
}

/// Reads lines of an indexed file.
#[derive(Debug)]
pub struct Lines<'a> {
    pub file: &'a File,
    pub index: &'a Index,
    /// Bytes of a line that are kept; the rest is only counted.
    pub keep: usize,
}

/// A line as read: at most `keep` bytes of it, and its full length.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    pub number: usize,
    pub bytes: Vec<u8>,
    pub len: u64,
    /// What the store knows about it; only for a run's log.
    pub head: Option<Head>,
}

impl Line {
    /// When it was written, if that is known.
    #[must_use]
    pub fn time(&self, now: Timestamp) -> Option<Timestamp> {
        self.head
            .as_ref()
            .map_or_else(|| logline::time(&self.bytes, now), |head| Some(head.at))
    }

    /// Its level: of a run's event, else as read from the text.
    #[must_use]
    pub fn level(&self) -> Option<Level> {
        self.head
            .as_ref()
            .and_then(Head::level)
            .or_else(|| logline::level(&self.bytes))
    }
}

impl Lines<'_> {
    /// Lines `from..from + count` (fewer at the end), without their line ends.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn read(&self, from: usize, count: usize) -> io::Result<Vec<Line>> {
        let mut lines = Vec::with_capacity(count.min(1024));
        let count = count.min(self.index.lines().saturating_sub(from));
        if count == 0 {
            return Ok(lines);
        }
        let (mut number, mut offset) = self.index.mark(from);
        let mut buffer = vec![0_u8; 64 * 1024];
        let mut current = Line {
            number,
            bytes: Vec::new(),
            len: 0,
            head: None,
        };
        while lines.len() < count && offset < self.index.end() {
            if (number < from || current.bytes.len() >= self.keep)
                && let Some(end) = self.index.long_end(number).filter(|end| *end > offset)
            {
                current.len += if number < from { 0 } else { end - offset };
                offset = end;
                continue;
            }
            let room = usize::try_from(self.index.end() - offset)
                .unwrap_or(usize::MAX)
                .min(buffer.len());
            let got = read_some(self.file, &mut buffer[..room], offset)?;
            if got == 0 {
                break;
            }
            offset += got as u64;
            let mut rest = &buffer[..got];
            while let Some(newline) = memchr::memchr(b'\n', rest) {
                if number >= from {
                    self.take(&mut current, &rest[..newline]);
                    lines.push(finish(&mut current, number));
                    if lines.len() == count {
                        return Ok(lines);
                    }
                }
                number += 1;
                rest = &rest[newline + 1..];
            }
            if number >= from {
                self.take(&mut current, rest);
            }
        }
        if lines.len() < count
            && number >= from
            && (current.len > 0 || self.index.tail() < self.index.end())
        {
            lines.push(finish(&mut current, number));
        }
        Ok(lines)
    }

    /// Writes a whole line, however long, without its end.
    ///
    /// # Errors
    /// When the file cannot be read, or `out` not be written.
    pub fn copy(&self, line: usize, out: &mut impl io::Write) -> io::Result<()> {
        let (mut number, mut offset) = self.index.mark(line);
        let mut buffer = vec![0_u8; 64 * 1024];
        while offset < self.index.end() {
            if number < line
                && let Some(end) = self.index.long_end(number).filter(|end| *end > offset)
            {
                offset = end;
            }
            let got = read_some(self.file, &mut buffer, offset)?;
            if got == 0 {
                break;
            }
            let mut rest = &buffer[..got];
            while let Some(newline) = memchr::memchr(b'\n', rest) {
                if number == line {
                    return out.write_all(&rest[..newline]);
                }
                number += 1;
                rest = &rest[newline + 1..];
            }
            if number == line {
                out.write_all(rest)?;
            }
            offset += got as u64;
        }
        Ok(())
    }

    fn take(&self, line: &mut Line, bytes: &[u8]) {
        let room = self.keep.saturating_sub(line.bytes.len());
        line.bytes
            .extend_from_slice(&bytes[..bytes.len().min(room)]);
        line.len += bytes.len() as u64;
    }
}

fn finish(line: &mut Line, number: usize) -> Line {
    let mut done = std::mem::replace(
        line,
        Line {
            number: number + 1,
            bytes: Vec::new(),
            len: 0,
            head: None,
        },
    );
    done.number = number;
    if done.bytes.len() as u64 == done.len && done.bytes.last() == Some(&b'\r') {
        done.bytes.pop();
        done.len -= 1;
    }
    done
}

/// Like `read_at`, going on after an interruption.
pub(super) fn read_some(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    loop {
        match file.read_at(buffer, offset) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            other => return other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::io::Write;

    fn indexed(bytes: &[u8], piece: usize) -> (File, Index) {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(bytes).unwrap();
        let mut index = Index::default();
        bytes.chunks(piece.max(1)).for_each(|c| index.feed(c));
        (file, index)
    }

    #[test]
    fn a_line_longer_than_kept_is_cut_and_has_its_full_length() {
        let long = "x".repeat(300_000);
        let (file, index) = indexed(format!("a\n{long}\r\nb").as_bytes(), 1000);
        let lines = Lines {
            file: &file,
            index: &index,
            keep: 10,
        }
        .read(0, 9)
        .unwrap();
        assert_eq!(lines.len(), 3);
        assert_eq!((lines[1].bytes.len(), lines[1].len), (10, 300_001));
        assert_eq!(lines[2].bytes, b"b");
        for (line, whole) in [(0, "a"), (1, &*format!("{long}\r")), (2, "b"), (3, "")] {
            let mut out = Vec::new();
            Lines {
                file: &file,
                index: &index,
                keep: 0,
            }
            .copy(line, &mut out)
            .unwrap();
            assert!(out == whole.as_bytes(), "{line}");
        }
    }

    proptest! {
        #[test]
        fn lines_equal_those_of_splitting_the_text(
            parts in prop::collection::vec(prop_oneof![200 => "[a-c]{0,3}", 1 => Just("y".repeat(300_000))], 0..900), ended: bool, piece in 1usize..700, from in 0usize..950, count in 0usize..20,
        ) {
            let mut text = parts.join("\n");
            if ended { text.push('\n'); }
            let (file, index) = indexed(text.as_bytes(), piece);
            let expected: Vec<&str> = text.lines().collect();
            prop_assert_eq!(index.lines(), expected.len());
            let got = Lines { file: &file, index: &index, keep: 100 }.read(from, count).unwrap();
            let wanted: Vec<_> = expected.iter().enumerate().skip(from).take(count).collect();
            prop_assert_eq!(got.len(), wanted.len());
            for (line, (number, text)) in got.iter().zip(wanted) {
                prop_assert_eq!(line.number, number);
                prop_assert_eq!(&line.bytes, &text.as_bytes()[..text.len().min(100)]);
                prop_assert_eq!(line.len, text.len() as u64);
            }
        }
    }
}
