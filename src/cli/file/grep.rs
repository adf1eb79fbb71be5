//! A search that only a pattern decides: blocks of a file are searched as a whole, and only the
//! lines around a match are looked at.

use std::io;

use regex::bytes::Regex;

use super::{LONGEST, heads_record, without_return};
use crate::cli::stop::Stop;
use crate::core::base::time::Timestamp;
use crate::core::logline;
use crate::logfile::unpack::ByteSource;

/// Bytes of a block; it grows up to [`LONGEST`] to hold the whole of a record.
const BLOCK: usize = 256 * 1024;

/// How a search ended.
pub(super) enum Ended {
    /// At the end of the input.
    Whole,
    /// At a record that is too long to hold. It begins with these bytes; the rest of the input has
    /// not been read.
    TooLong(Vec<u8>),
    /// The input could not be read any further.
    Failed(io::Error),
}

/// Reads an input and passes on the records with a line that matches, as blocks of whole lines.
/// Counts the bytes of the records that it has dealt with in `done`.
pub(super) fn search(
    input: &mut ByteSource,
    regex: &Regex,
    now: Timestamp,
    done: &mut u64,
    mut each: impl FnMut(&[u8]) -> Result<(), Stop>,
) -> Result<Ended, Stop> {
    let mut buffer = vec![0; BLOCK];
    let mut filled = 0;
    loop {
        let mut ended = None;
        while ended.is_none() && filled < buffer.len() {
            match input.read(&mut buffer[filled..]) {
                Ok(0) => ended = Some(Ended::Whole),
                Ok(read) => filled += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => ended = Some(Ended::Failed(error)),
            }
        }
        let cut = match ended {
            Some(_) => filled,
            None => last_record(&buffer),
        };
        if cut == 0 && ended.is_none() {
            if buffer.len() >= LONGEST {
                return Ok(Ended::TooLong(buffer));
            }
            buffer.resize(buffer.len() * 2, 0);
            continue;
        }
        let block = &buffer[..cut];
        each_match(block, regex, now, &mut each)?;
        *done += cut as u64;
        if let Some(ended) = ended {
            return Ok(ended);
        }
        buffer.copy_within(cut..filled, 0);
        filled -= cut;
    }
}

/// Start of the last whole line that begins a record whatever is before it.
fn last_record(block: &[u8]) -> usize {
    let mut end = memchr::memrchr(b'\n', block).unwrap_or(0);
    while end > 0 {
        let start = line_start(block, end);
        if !logline::continues(&block[start..end]) {
            return start;
        }
        end = start.saturating_sub(1);
    }
    0
}

/// Passes on each record of a block that matches. The block begins with a record.
fn each_match(
    block: &[u8],
    regex: &Regex,
    now: Timestamp,
    each: &mut impl FnMut(&[u8]) -> Result<(), Stop>,
) -> Result<(), Stop> {
    // No record begins between `floor` and `at`, or the one at `floor` does not match.
    let (mut floor, mut at) = (0, 0);
    while at < block.len() {
        let Some(found) = regex.find_at(block, at) else {
            break;
        };
        // After the last line end there is no line; a carriage return may be the end of one.
        if found.start() == block.len() && matches!(block.last(), Some(b'\n' | b'\r')) {
            break;
        }
        let start = line_start(block, found.start());
        let end = line_end(block, start);
        // A match across lines is none, but the line may have another.
        if found.end() > end && !regex.is_match(without_return(&block[start..end])) {
            at = end + 1;
            continue;
        }
        let (from, next) = record(block, floor, start, now);
        each(&block[from..next])?;
        (floor, at) = (next, next);
    }
    Ok(())
}

/// Start of the record of the line at `line`, and of the next record. A record begins at `floor`.
fn record(block: &[u8], floor: usize, line: usize, now: Timestamp) -> (usize, usize) {
    let text = |start: usize| &block[start..line_end(block, start)];
    let mut from = line;
    while from > floor && logline::continues(text(from)) {
        from = line_start(block, from - 1);
    }
    let mut headed = heads_record(text(from), now);
    let mut next = line_end(block, from) + 1;
    while next < block.len() {
        if !(headed && logline::continues(text(next))) {
            if next > line {
                return (from, next);
            }
            (from, headed) = (next, heads_record(text(next), now));
        }
        next = line_end(block, next) + 1;
    }
    (from, block.len())
}

/// Start of the line that byte `at` is in; a line end is in the line that it ends.
fn line_start(block: &[u8], at: usize) -> usize {
    memchr::memrchr(b'\n', &block[..at]).map_or(0, |newline| newline + 1)
}

/// The end of the line that begins at `start`, without its line end.
fn line_end(block: &[u8], start: usize) -> usize {
    memchr::memchr(b'\n', &block[start..]).map_or(block.len(), |at| start + at)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::{Records, RunQuery, each_line};
    use super::*;

    const NOW: Timestamp = Timestamp(1_790_000_000_000);

    fn searched(text: &str, pattern: &str) -> (String, u64) {
        let regex = crate::logfile::scan::pattern(pattern).unwrap();
        let mut input: ByteSource = Box::new(io::Cursor::new(text.to_owned().into_bytes()));
        let (mut got, mut done) = (Vec::new(), 0);
        let ended = search(&mut input, &regex, NOW, &mut done, |lines| {
            got.extend_from_slice(lines);
            if !got.ends_with(b"\n") {
                got.push(b'\n');
            }
            Ok(())
        });
        assert!(matches!(ended, Ok(Ended::Whole)));
        (String::from_utf8(got).unwrap(), done)
    }

    /// The same by looking at each line.
    fn picked(text: &str, pattern: &str) -> String {
        let wanted = RunQuery::new(Some(pattern), None, None).unwrap();
        let mut records = Records::new(wanted.clone(), NOW);
        let mut got = String::new();
        let input = Box::new(io::Cursor::new(text.to_owned().into_bytes()));
        each_line(input, wanted.grep(), |line| {
            for line in records.take(line) {
                got.push_str(&String::from_utf8(line).unwrap());
                got.push('\n');
            }
            Ok(())
        })
        .unwrap()
        .unwrap();
        got
    }

    const LINES: &[&str] = &[
        "2026-11-21T09:00:00Z INFO a",
        "ERROR b",
        "plain",
        "",
        "  at x",
        "\tat y",
        "Caused by: z",
        "Traceback (most recent call last):",
        "}",
        "a\r",
        "b x",
    ];

    proptest! {
        #[test]
        fn blocks_give_what_lines_give(
            lines in prop::collection::vec(prop::sample::select(LINES), 0..30),
            ends in any::<bool>(),
            pattern in prop::sample::select(&[
                "a", "at x", "^$", "$", "a$", "x*", "b\\s", "a\\s+E", "[^q]+", "z|ERROR", "^b", "y",
            ][..]),
        ) {
            let mut text = lines.join("\n");
            if ends && !text.is_empty() {
                text.push('\n');
            }
            prop_assert_eq!(searched(&text, pattern), (picked(&text, pattern), text.len() as u64));
        }
    }

    #[test]
    fn a_record_across_blocks_comes_whole() {
        let line = format!("INFO {}\n", "x".repeat(90));
        let trace = format!("ERROR needle\n{}", "  at y\n".repeat(BLOCK / 4));
        let text = format!("{}{trace}{line}ERROR needle\n", line.repeat(BLOCK / 97));
        assert_eq!(
            searched(&text, "needle").0,
            format!("{trace}ERROR needle\n")
        );
        let last = format!("ERROR\n{}  at needle\n", "  at y\n".repeat(BLOCK / 4));
        assert_eq!(searched(&(text + &last), "at needle").0, last);
    }

    #[test]
    fn a_record_that_is_too_long_is_left_to_the_caller() {
        let text = format!("INFO a\nINFO c\nINFO b{}", "x".repeat(LONGEST + 5));
        let regex = crate::logfile::scan::pattern("a").unwrap();
        let mut input: ByteSource = Box::new(io::Cursor::new(text.clone().into_bytes()));
        let mut done = 0;
        let ended = search(&mut input, &regex, NOW, &mut done, |lines| {
            assert_eq!(lines, b"INFO a\n");
            Ok(())
        });
        let Ok(Ended::TooLong(begun)) = ended else {
            panic!("it was held");
        };
        assert_eq!(done, 7);
        assert!(begun == text.as_bytes()[7..7 + LONGEST]);
    }
}
