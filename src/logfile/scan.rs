//! Searches lines in file order, block by block; can be stopped between blocks.

use std::fs::File;
use std::io;

use regex::bytes::{Regex, RegexBuilder};

use super::bits::Bits;
use super::index::{BLOCK, Index, read_some};

/// Compiles a search pattern: smart case (ignored unless the pattern has a capital), `^` and `$`
/// match at lines, bounded size.
///
/// # Errors
/// The error in the pattern, in one line.
pub fn pattern(text: &str) -> Result<Regex, String> {
    RegexBuilder::new(text)
        .case_insensitive(!has_capital(text))
        .multi_line(true)
        .crlf(true)
        .size_limit(8 << 20)
        .build()
        .map_err(|error| {
            error
                .to_string()
                .lines()
                .last()
                .unwrap_or("not a pattern")
                .trim()
                .to_owned()
        })
}

/// A capital that is not part of an escape like `\S` or `\W`.
fn has_capital(text: &str) -> bool {
    let mut escaped = false;
    text.chars().any(|c| {
        let counts = c.is_uppercase() && !escaped;
        escaped = c == '\\' && !escaped;
        counts
    })
}

/// A search in progress. Call [`Scan::step`] for each block of the file.
#[derive(Debug)]
pub struct Scan {
    regex: Regex,
    /// Lines that match.
    pub hits: Bits,
    /// Next byte to scan: always the start of a line.
    offset: u64,
    line: usize,
    buffer: Vec<u8>,
    /// In a line too long to hold: all before `offset` has been scanned.
    inside: bool,
}

/// Bytes of a very long line that are scanned again with its next piece, so that no match of up to
/// this length is lost between two pieces.
pub const OVERLAP: usize = 64 * 1024;

/// Whether a piece of a long line matches. `begun`: the line begins before this piece, whose first
/// bytes were scanned before. `goes_on`: more of the line follows, so that a match at the very end
/// (`$`) does not count yet.
#[must_use]
pub fn matches_in_piece(regex: &Regex, piece: &[u8], begun: bool, goes_on: bool) -> bool {
    let at = usize::from(begun && !piece.is_empty());
    regex
        .shortest_match_at(piece, at)
        .is_some_and(|end| end < piece.len() || !goes_on)
}

/// Distance in bytes within which lines are counted without using the index.
const NEAR: usize = 64 * 1024;
/// A line up to this length is scanned as a whole, a longer one piece by piece.
const LONGEST: usize = 16 << 20;

impl Scan {
    /// A scan from the start of the file.
    #[must_use]
    pub fn new(regex: Regex) -> Self {
        Self {
            regex,
            hits: Bits::default(),
            offset: 0,
            line: 0,
            buffer: vec![0; BLOCK],
            inside: false,
        }
    }

    /// Goes back to the start of `line`, at `offset`: the line has grown.
    pub fn back_to(&mut self, line: usize, offset: u64) {
        if line < self.line {
            self.hits.truncate(line);
            (self.line, self.offset, self.inside) = (line, offset, false);
        }
    }

    /// Scans one more block of the indexed part. False: no complete line was left. An unfinished
    /// last line is scanned only when `at_end`.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn step(&mut self, file: &File, index: &Index, at_end: bool) -> io::Result<bool> {
        let end = index.end();
        if self.inside {
            return self.scan_piece(file, end, at_end);
        }
        let mut filled = 0;
        loop {
            let room = usize::try_from(end.saturating_sub(self.offset)).unwrap_or(usize::MAX);
            let wanted = room.min(self.buffer.len());
            while filled < wanted {
                let got = read_some(
                    file,
                    &mut self.buffer[filled..wanted],
                    self.offset + filled as u64,
                )?;
                if got == 0 {
                    break;
                }
                filled += got;
            }
            let last = memchr::memrchr(b'\n', &self.buffer[..filled]).map(|n| n + 1);
            let reached = filled >= room;
            match last {
                Some(cut) => {
                    self.scan_block(cut, index);
                    return Ok(true);
                }
                None if reached && at_end && filled > 0 => {
                    self.scan_block(filled, index);
                    return Ok(true);
                }
                None if reached || filled < wanted => return Ok(false),
                None if self.buffer.len() >= LONGEST => {
                    if matches_in_piece(&self.regex, &self.buffer, false, true) {
                        self.hits.set_next(self.line);
                    }
                    self.offset += self.buffer.len() as u64;
                    self.inside = true;
                    self.buffer.truncate(BLOCK);
                    self.buffer.shrink_to_fit();
                    return Ok(true);
                }
                // A line longer than the buffer is scanned at once.
                None => self.buffer.resize(self.buffer.len() * 2, 0),
            }
        }
    }

    /// Scans one more piece of a line that is too long to hold.
    fn scan_piece(&mut self, file: &File, end: u64, at_end: bool) -> io::Result<bool> {
        let begin = self.offset - OVERLAP as u64;
        let room = usize::try_from(end.saturating_sub(begin)).unwrap_or(usize::MAX);
        if self.buffer.len() < room.min(BLOCK) {
            self.buffer.resize(BLOCK, 0);
        }
        let wanted = room.min(self.buffer.len());
        let mut filled = 0;
        while filled < wanted {
            match read_some(
                file,
                &mut self.buffer[filled..wanted],
                begin + filled as u64,
            )? {
                0 => break,
                got => filled += got,
            }
        }
        let new = OVERLAP.min(filled);
        let newline = memchr::memchr(b'\n', &self.buffer[new..filled]).map(|at| new + at);
        let (stop, ends) = (
            newline.unwrap_or(filled),
            newline.is_some() || (at_end && filled >= room),
        );
        let known = self.hits.len() > self.line;
        if !known && matches_in_piece(&self.regex, &self.buffer[..stop], true, !ends) {
            self.hits.set_next(self.line);
        }
        self.offset = self.offset.max(begin + stop as u64) + u64::from(newline.is_some());
        if ends {
            self.inside = false;
            self.line += 1;
            self.hits.extend_to(self.line);
        }
        Ok(ends || filled > OVERLAP)
    }

    fn scan_block(&mut self, len: usize, index: &Index) {
        let bytes = &self.buffer[..len];
        let (mut at, mut line) = (0, self.line);
        while at < bytes.len() {
            let Some(found) = self.regex.find_at(bytes, at) else {
                break;
            };
            // A match that begins at the very end belongs to no line here.
            let start = found.start();
            if start >= bytes.len() {
                break;
            }
            line += self.lines_between(at, start, line, index);
            let end = memchr::memchr(b'\n', &bytes[start..]).map_or(bytes.len(), |n| start + n);
            if found.end() <= end || self.alone(bytes, start, end) {
                self.hits.set_next(line);
            }
            at = end + 1;
            line += 1;
        }
        if at < len {
            line += self.lines_between(at, len, line, index) + usize::from(bytes[len - 1] != b'\n');
        }
        self.line = line;
        self.hits.extend_to(line);
        self.offset += len as u64;
    }

    /// Lines that begin after position `at` of the buffer and up to `to`; `at` is in line `line`.
    /// Counting every line end costs a fifth of a search; the index knows most of them.
    fn lines_between(&self, at: usize, to: usize, line: usize, index: &Index) -> usize {
        let count = |from: usize| memchr::memchr_iter(b'\n', &self.buffer[from..to]).count();
        if to - at > NEAR {
            let (known, start) = index.mark_at(self.offset + to as u64);
            let start = start
                .checked_sub(self.offset)
                .and_then(|start| usize::try_from(start).ok());
            if let Some(start) = start.filter(|start| *start > at) {
                return known - line + count(start);
            }
        }
        count(at)
    }

    /// A match that extends into the next line (`\s`, `[^x]`) counts only if its line matches.
    fn alone(&self, bytes: &[u8], start: usize, end: usize) -> bool {
        let begin = memchr::memrchr(b'\n', &bytes[..start]).map_or(0, |n| n + 1);
        self.regex.is_match(&bytes[begin..end])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::io::Write;

    fn scan(text: &str, regex: &str) -> Bits {
        let (file, index) = indexed(text);
        let mut scan = Scan::new(pattern(regex).unwrap());
        scan.buffer = vec![0; 16];
        while scan.step(&file, &index, true).unwrap() {}
        scan.hits
    }

    fn indexed(text: &str) -> (File, Index) {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(text.as_bytes()).unwrap();
        let mut index = Index::default();
        index.feed(text.as_bytes());
        (file, index)
    }

    #[test]
    fn lines_far_apart_have_their_numbers() {
        // Hits within a block and across blocks, some far enough apart that the index is used.
        let hits = [0, 3, 4000, 4001, 9999, 20_000, 20_255, 20_256, 70_001];
        let line = |n: usize| {
            format!(
                "{:0width$}{}\n",
                n,
                if hits.contains(&n) { " here" } else { "" },
                width = 5 + n % 60
            )
        };
        let text: String = (0..70_002).map(line).collect();
        let (file, index) = indexed(&text);
        for block in [BLOCK, 100_000, 7000] {
            let mut scan = Scan::new(pattern("here$").unwrap());
            scan.buffer = vec![0; block];
            while scan.step(&file, &index, true).unwrap() {}
            assert_eq!(
                (0..scan.hits.len())
                    .filter(|n| scan.hits.contains(*n))
                    .collect::<Vec<_>>(),
                hits
            );
            assert_eq!(scan.hits.len(), 70_002);
        }
    }

    #[test]
    fn case_is_smart() {
        assert_eq!(scan("Error\nerror\nERROR\n", "error").count(), 3);
        assert_eq!(scan("Error\nerror\nERROR\n", "Error").count(), 1);
        assert_eq!(scan("a b\nab\n", r"a\Sb|a\sb").count(), 1);
        assert!(pattern("(").unwrap_err().contains("unclosed"));
    }

    #[test]
    fn a_line_too_long_to_hold_is_scanned_piece_by_piece() {
        for ended in [true, false] {
            let (long, more) = ("x".repeat(LONGEST - 3), "y".repeat(BLOCK));
            let text = format!(
                "a\n{long}needle{more}pin{}",
                if ended { "\nneedle\n" } else { "" }
            );
            let (file, index) = indexed(&text);
            let run = |regex: &str| {
                let mut scan = Scan::new(pattern(regex).unwrap());
                while scan.step(&file, &index, true).unwrap() {}
                assert!(scan.buffer.capacity() <= 2 * BLOCK);
                assert_eq!(scan.hits.len(), if ended { 3 } else { 2 });
                (0..3)
                    .filter(|line| *line < scan.hits.len() && scan.hits.contains(*line))
                    .collect::<Vec<_>>()
            };
            let both = if ended { vec![1, 2] } else { vec![1] };
            assert_eq!(run("needle"), both, "across the first two pieces");
            for (regex, found) in [
                ("^x", true),
                ("pin$", true),
                ("xneedley", true),
                ("needle.*", true),
                ("ypin", true),
                ("^y", false),
                ("^n.*pin", false),
                ("x$", false),
                ("y$", false),
                (r"y\b", false),
            ] {
                let hits = run(regex);
                assert_eq!(hits.contains(&1), found, "{regex}: {hits:?}");
            }
        }
    }

    #[test]
    fn scanning_goes_on_in_a_very_long_line_that_grows() {
        let mut file = tempfile::tempfile().unwrap();
        let (mut index, mut scan) = (Index::default(), Scan::new(pattern("needle").unwrap()));
        let mut add = |text: &str, scan: &mut Scan| {
            file.write_all(text.as_bytes()).unwrap();
            index.feed(text.as_bytes());
            while scan.step(&file, &index, false).unwrap() {}
        };
        add(&"x".repeat(LONGEST + 5), &mut scan);
        add("xxnee", &mut scan);
        add("dlex", &mut scan);
        assert_eq!((scan.hits.count(), scan.line), (1, 0));
        add("\nneedle\n", &mut scan);
        assert_eq!((scan.hits.count(), scan.hits.len()), (2, 2));
    }

    proptest! {
        #[test]
        fn hits_equal_matching_line_by_line(
            parts in prop::collection::vec("[abx ]{0,12}", 0..60), ended: bool,
            regex in prop::sample::select(vec!["x", "^a", "b$", "a.*x", "^$", "x?", "[ab]{3}", r"a\sb", r"\sa", "[^a]b", r"x\W*a"]),
        ) {
            let mut text = parts.join("\n");
            if ended { text.push('\n'); }
            let compiled = pattern(regex).unwrap();
            let hits = scan(&text, regex);
            let expected: Vec<usize> =
                text.lines().enumerate().filter(|(_, l)| compiled.is_match(l.as_bytes())).map(|(n, _)| n).collect();
            let got: Vec<usize> = (0..hits.len()).filter(|n| hits.contains(*n)).collect();
            prop_assert_eq!(got, expected);
            prop_assert_eq!(hits.len(), text.lines().count());
        }
    }
}
