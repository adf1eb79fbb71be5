//! Searching many lines: which of them match, in file order, block by block, stoppable between blocks.

use std::fs::File;
use std::io;

use regex::bytes::{Regex, RegexBuilder};

use super::bits::Bits;
use super::index::{BLOCK, Index, read_some};

/// Compiles a search pattern: smart case (ignored unless the pattern holds a capital), `^` and `$` at lines, bounded size.
///
/// # Errors
/// What is wrong with the pattern, in one line.
pub fn pattern(text: &str) -> Result<Regex, String> {
    RegexBuilder::new(text)
        .case_insensitive(!has_capital(text))
        .multi_line(true)
        .crlf(true)
        .size_limit(8 << 20)
        .build()
        .map_err(|error| error.to_string().lines().last().unwrap_or("not a pattern").trim().to_owned())
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

/// How far a scan has come. Feed it the file block by block with [`Scan::step`].
#[derive(Debug)]
pub struct Scan {
    regex: Regex,
    /// Lines that match.
    pub hits: Bits,
    /// Next byte to look at: always the start of a line.
    offset: u64,
    line: usize,
    buffer: Vec<u8>,
    /// In the rest of a line whose beginning was too long to hold and has been looked at.
    inside: bool,
}

/// A distance within which lines are counted without asking where the nearest remembered one is.
const NEAR: usize = 64 * 1024;
/// Of a line longer than this only so much is looked at.
const LONGEST: usize = 16 << 20;

impl Scan {
    /// A scan from the start of the file.
    #[must_use]
    pub fn new(regex: Regex) -> Self {
        Self { regex, hits: Bits::default(), offset: 0, line: 0, buffer: vec![0; BLOCK], inside: false }
    }

    /// Goes back to where `line` begins, at `offset`: the line has grown.
    pub fn back_to(&mut self, line: usize, offset: u64) {
        if line < self.line {
            self.hits.truncate(line);
            (self.line, self.offset, self.inside) = (line, offset, false);
        }
    }

    /// What is looked for.
    #[must_use]
    pub const fn regex(&self) -> &Regex {
        &self.regex
    }

    /// Bytes done.
    #[must_use]
    pub const fn done(&self) -> u64 {
        self.offset
    }

    /// Looks at one more block of what is indexed by now. False: nothing complete was left. An unfinished last line is
    /// looked at only when `at_end`.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn step(&mut self, file: &File, index: &Index, at_end: bool) -> io::Result<bool> {
        let end = index.end();
        if self.inside {
            return self.skip(file, end, at_end);
        }
        let mut filled = 0;
        loop {
            let room = usize::try_from(end.saturating_sub(self.offset)).unwrap_or(usize::MAX);
            let wanted = room.min(self.buffer.len());
            while filled < wanted {
                let got = read_some(file, &mut self.buffer[filled..wanted], self.offset + filled as u64)?;
                if got == 0 {
                    break;
                }
                filled += got;
            }
            let last = memchr::memrchr(b'\n', &self.buffer[..filled]).map(|n| n + 1);
            let reached = filled >= room;
            match last {
                Some(cut) => {
                    self.look(cut, index);
                    return Ok(true);
                }
                None if reached && at_end && filled > 0 => {
                    self.look(filled, index);
                    return Ok(true);
                }
                None if reached || filled < wanted => return Ok(false),
                None if self.buffer.len() >= LONGEST => {
                    if self.regex.is_match(&self.buffer) {
                        self.hits.set_next(self.line);
                    }
                    self.offset += self.buffer.len() as u64;
                    self.inside = true;
                    self.buffer.truncate(BLOCK);
                    self.buffer.shrink_to_fit();
                    return Ok(true);
                }
                // A line longer than the buffer: look at all of it at once.
                None => self.buffer.resize(self.buffer.len() * 2, 0),
            }
        }
    }

    /// Goes over the rest of a line that is too long.
    fn skip(&mut self, file: &File, end: u64, at_end: bool) -> io::Result<bool> {
        let room = usize::try_from(end.saturating_sub(self.offset)).unwrap_or(usize::MAX).min(self.buffer.len());
        let got = read_some(file, &mut self.buffer[..room], self.offset)?;
        let newline = memchr::memchr(b'\n', &self.buffer[..got]);
        self.offset += newline.map_or(got, |at| at + 1) as u64;
        if newline.is_some() || (at_end && self.offset >= end) {
            self.inside = false;
            self.line += 1;
            self.hits.extend_to(self.line);
        }
        Ok(got > 0 || !self.inside)
    }

    fn look(&mut self, len: usize, index: &Index) {
        let bytes = &self.buffer[..len];
        let (mut at, mut line) = (0, self.line);
        while at < bytes.len() {
            let Some(found) = self.regex.find_at(bytes, at) else { break };
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

    /// Lines that begin after one place of the buffer and up to another, where `line` is the one the first place is in.
    /// Counting every line end costs a fifth of a search; the index knows most of them.
    fn lines_between(&self, at: usize, to: usize, line: usize, index: &Index) -> usize {
        let count = |from: usize| memchr::memchr_iter(b'\n', &self.buffer[from..to]).count();
        if to - at > NEAR {
            let (known, start) = index.mark_at(self.offset + to as u64);
            let start = start.checked_sub(self.offset).and_then(|start| usize::try_from(start).ok());
            if let Some(start) = start.filter(|start| *start > at) {
                return known - line + count(start);
            }
        }
        count(at)
    }

    /// A match that runs into the next line (`\s`, `[^x]`) counts only if the line matches by itself.
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
        // Hits within a block and across blocks, far enough apart that the index is asked, and near each other.
        let hits = [0, 3, 4000, 4001, 9999, 20_000, 20_255, 20_256, 70_001];
        let line =
            |n: usize| format!("{:0width$}{}\n", n, if hits.contains(&n) { " here" } else { "" }, width = 5 + n % 60);
        let text: String = (0..70_002).map(line).collect();
        let (file, index) = indexed(&text);
        for block in [BLOCK, 100_000, 7000] {
            let mut scan = Scan::new(pattern("here$").unwrap());
            scan.buffer = vec![0; block];
            while scan.step(&file, &index, true).unwrap() {}
            assert_eq!((0..scan.hits.len()).filter(|n| scan.hits.contains(*n)).collect::<Vec<_>>(), hits);
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
    fn a_line_too_long_to_hold_is_looked_at_by_its_beginning() {
        for ended in [true, false] {
            let long = "x".repeat(LONGEST + (3 << 20));
            let text = format!("a\n{long}needle{}", if ended { "\nneedle\n" } else { "" });
            let (file, index) = indexed(&text);
            let run = |regex: &str| {
                let mut scan = Scan::new(pattern(regex).unwrap());
                while scan.step(&file, &index, true).unwrap() {}
                assert!(scan.buffer.capacity() <= 2 * BLOCK);
                (scan.hits.len(), scan.hits.next(0), scan.hits.count())
            };
            assert_eq!(run("^x"), (if ended { 3 } else { 2 }, Some(1), 1));
            assert_eq!(run("needle"), if ended { (3, Some(2), 1) } else { (2, None, 0) });
        }
    }

    proptest! {
        #[test]
        fn hits_are_what_looking_at_each_line_gives(
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
