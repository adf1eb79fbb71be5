//! `opsroom log FILE…`: opens files for the viewer, or prints their lines.

mod grep;

use std::fs::File;
use std::io::{self, BufRead, BufReader, Cursor, IsTerminal as _, Read as _};
use std::path::Path;

use regex::bytes::Regex;

use self::grep::Ended;
use super::out::Out;
use super::run::pick::{Picker, RunQuery};
use super::stop::{Code, Stop, print_message};
use crate::core::base::text;
use crate::core::base::time::Timestamp;
use crate::core::logline;
use crate::core::run::event::Level;
use crate::logfile::file::Tracked;
use crate::logfile::scan::{OVERLAP, matches_in_piece};
use crate::logfile::unpack::{self, ByteSource};

/// Opens a file for the viewer.
pub(super) fn open(path: &str) -> Result<Tracked, Stop> {
    let opened = match path {
        "-" if io::stdin().is_terminal() => {
            return Err(Stop::Usage(
                "standard input is the keyboard; pipe the log: `… | opsroom log -`".to_owned(),
            ));
        }
        "-" => Tracked::spool("standard input", io::stdin()),
        path => Tracked::open(Path::new(path)),
    };
    opened.map_err(|error| Stop::Usage(format!("cannot read {path}: {error}")))
}

pub(super) fn print(
    paths: &[String],
    wanted: &RunQuery,
    json: bool,
    now: Timestamp,
) -> Result<Code, Stop> {
    let mut out = Out::new();
    let mut code = Code::Succeeded;
    for path in paths {
        let cannot = |error| Stop::Usage(format!("cannot read {path}: {error}"));
        let mut printer = Printer {
            path,
            wanted,
            json,
            now,
            lines: 0,
            searched: 0,
        };
        match printer.print(&mut out) {
            Ok(done) => done?,
            Err(error) if printer.lines == 0 && printer.searched == 0 => return Err(cannot(error)),
            Err(error) => {
                print_message(&format!("{path}: {error}; printed is what could be read"));
                code = Code::Failed;
            }
        }
    }
    Ok(code)
}

/// Prints the selected lines of one file.
struct Printer<'a> {
    path: &'a str,
    wanted: &'a RunQuery,
    json: bool,
    now: Timestamp,
    /// Lines read one by one so far.
    lines: u64,
    /// Bytes searched as blocks.
    searched: u64,
}

impl Printer<'_> {
    fn print(&mut self, out: &mut Out) -> io::Result<Result<(), Stop>> {
        if self.path == "-" {
            return self.print_each(unpack::reader(io::stdin())?.0, out);
        }
        // A pipe is read line by line: its writer may pause after any of them.
        let whole = std::fs::metadata(self.path)?.is_file();
        let input = self.input()?;
        match self.wanted.only_grep() {
            Some(regex) if whole && !self.json => self.print_matches(input, regex, out),
            _ => self.print_each(input, out),
        }
    }

    fn input(&self) -> io::Result<ByteSource> {
        Ok(unpack::reader(File::open(self.path)?)?.0)
    }

    fn print_matches(
        &mut self,
        mut input: ByteSource,
        regex: &Regex,
        out: &mut Out,
    ) -> io::Result<Result<(), Stop>> {
        let mut shown = String::new();
        let print = |lines: &[u8]| {
            shown.push_str(&text::show_lines(&String::from_utf8_lossy(lines)));
            if !shown.ends_with('\n') {
                shown.push('\n');
            }
            if shown.len() < WRITE {
                return Ok(());
            }
            out.raw(std::mem::take(&mut shown).as_bytes())
        };
        let ended = grep::search(&mut input, regex, self.now, &mut self.searched, print)
            .and_then(|ended| out.raw(shown.as_bytes()).map(|()| ended));
        match ended {
            Err(stop) => Ok(Err(stop)),
            Ok(Ended::Whole) => Ok(Ok(())),
            Ok(Ended::Failed(error)) => Err(error),
            Ok(Ended::TooLong(begun)) => {
                self.lines = lines_in(self.input()?.take(self.searched))?;
                self.print_each(Box::new(Cursor::new(begun).chain(input)), out)
            }
        }
    }

    fn print_each(&mut self, input: ByteSource, out: &mut Out) -> io::Result<Result<(), Stop>> {
        let mut records = Records::new(self.wanted.clone(), self.now);
        each_line(input, self.wanted.grep(), |line| {
            self.lines += 1;
            let printed = records.take(line);
            if let Some(whole) = line.whole.filter(|_| !printed.is_empty()) {
                print_message(&format!(
                    "{}: line {} has {whole} bytes; printed are the first {LONGEST}",
                    self.path, self.lines
                ));
            }
            printed.into_iter().try_for_each(|line| {
                let text = String::from_utf8_lossy(&line);
                if self.json {
                    out.json_line(&records.object(&text))
                } else {
                    out.line(&text)
                }
            })
        })
    }
}

/// Counts line ends.
fn lines_in(input: impl io::Read) -> io::Result<u64> {
    let mut input = BufReader::with_capacity(WRITE, input);
    let mut lines = 0;
    loop {
        let block = input.fill_buf()?;
        if block.is_empty() {
            return Ok(lines);
        }
        lines += memchr::memchr_iter(b'\n', block).count() as u64;
        let read = block.len();
        input.consume(read);
    }
}

/// Bytes of a line that are printed; the rest of a longer line is only searched.
const LONGEST: usize = 16 << 20;
/// Bytes that are written at once.
const WRITE: usize = 64 * 1024;
/// Bytes of the rest that are searched at once.
const PIECE: u64 = 4 << 20;

/// A line as read.
#[derive(Debug, Clone, Copy)]
struct Read<'a> {
    /// The part that is printed.
    text: &'a [u8],
    /// Its full length, when it is longer than `text`.
    whole: Option<u64>,
    /// Whether the line matches, when that cannot be decided from `text`.
    found: Option<bool>,
}

fn each_line(
    input: ByteSource,
    regex: Option<&Regex>,
    mut each: impl FnMut(&Read<'_>) -> Result<(), Stop>,
) -> io::Result<Result<(), Stop>> {
    let mut input = BufReader::with_capacity(1 << 16, input);
    let mut line = Vec::new();
    loop {
        line.clear();
        let read = (&mut input)
            .take(LONGEST as u64)
            .read_until(b'\n', &mut line);
        if line.is_empty() {
            return read.map(|_| Ok(()));
        }
        let is_whole = line.last() == Some(&b'\n') || line.len() < LONGEST;
        let end = line.len() - usize::from(line.last() == Some(&b'\n'));
        let text = &line[..end];
        let one = if is_whole {
            Read {
                text,
                whole: None,
                found: None,
            }
        } else {
            let (more, found) = rest_of_line(&mut input, regex, text)?;
            let begins =
                || regex.is_some_and(|regex| matches_in_piece(regex, text, false, more > 0));
            let whole = (more > 0).then_some(LONGEST as u64 + more);
            Read {
                text,
                whole,
                found: Some(found || begins()),
            }
        };
        if let Err(stop) = each(&one) {
            return Ok(Err(stop));
        }
        read?;
    }
}

/// Reads a line to its end: how many more bytes it has, and whether they match.
fn rest_of_line(
    input: &mut impl BufRead,
    regex: Option<&Regex>,
    begun: &[u8],
) -> io::Result<(u64, bool)> {
    let mut piece = begun[begun.len().saturating_sub(OVERLAP)..].to_vec();
    let (mut more, mut found) = (0, false);
    loop {
        let read = input.by_ref().take(PIECE).read_until(b'\n', &mut piece)?;
        let newline = piece.last() == Some(&b'\n');
        more += read as u64 - u64::from(newline);
        piece.truncate(piece.len() - usize::from(newline));
        let ends = newline || read == 0;
        found = found || regex.is_some_and(|regex| matches_in_piece(regex, &piece, true, !ends));
        if ends {
            return Ok((more, found));
        }
        piece.drain(..piece.len().saturating_sub(OVERLAP));
    }
}

/// The line without a carriage return at its end: `^$` matches an empty line only.
fn without_return(line: &[u8]) -> &[u8] {
    line.strip_suffix(b"\r").unwrap_or(line)
}

/// Whether lines that continue a record may follow this one.
fn heads_record(line: &[u8], now: Timestamp) -> bool {
    logline::heads(line) || logline::level(line).is_some() || logline::time(line, now).is_some()
}

/// The records of a file.
struct Records {
    picker: Picker<Vec<u8>>,
    now: Timestamp,
    /// Level and time of the current record; one without a time has that of the one before.
    level: Level,
    at: Option<Timestamp>,
    /// The first line of the record can head one.
    headed: bool,
}

impl Records {
    const fn new(wanted: RunQuery, now: Timestamp) -> Self {
        Self {
            picker: Picker::new(wanted),
            now,
            level: Level::Info,
            at: None,
            headed: false,
        }
    }

    /// Adds the next line; returns the lines of its record to be printed now.
    fn take(&mut self, read: &Read<'_>) -> Vec<Vec<u8>> {
        let line = read.text;
        if !(self.headed && logline::continues(line)) {
            let (level, at) = (logline::level(line), logline::time(line, self.now));
            self.headed = level.is_some() || at.is_some() || logline::heads(line);
            self.level = level.unwrap_or(Level::Info);
            self.at = at.or(self.at);
            self.picker.begin(self.level, self.at);
        }
        match read.found {
            Some(found) => self.picker.take_found(line.len(), found, || line.to_vec()),
            None => self.picker.take(without_return(line), || line.to_vec()),
        }
    }

    fn object(&self, text: &str) -> serde_json::Value {
        serde_json::json!({
            "time": self.at.map(Timestamp::rfc3339),
            "level": self.level.name(),
            "text": text.trim_end_matches('\r'),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_picked_whole() {
        let text = "2026-11-21T09:00:00Z INFO a\n2026-11-21T09:10:00Z ERROR b\n  at b\n2026-11-21T09:20:00Z WARN c\nERROR no time\r\n";
        let now = logline::time(b"2026-11-21T09:30:00Z", Timestamp(0)).unwrap();
        let run = |grep: Option<&str>, level, minutes: Option<i64>| {
            let since = minutes.map(|minutes| now.plus_ms(-minutes * 60_000));
            let wanted = RunQuery::new(grep, Some(level), since).unwrap();
            let mut records = Records::new(wanted.clone(), now);
            let mut got = Vec::new();
            each_line(Box::new(text.as_bytes()), wanted.grep(), |line| {
                got.extend(
                    records
                        .take(line)
                        .iter()
                        .map(|line| line[line.len().saturating_sub(4)..].to_vec()),
                );
                Ok(())
            })
            .unwrap()
            .unwrap();
            got.into_iter()
                .map(|l| String::from_utf8(l).unwrap().trim().to_owned())
                .collect::<Vec<_>>()
        };
        assert_eq!(run(None, Level::Error, None), ["OR b", "at b", "ime"]);
        assert_eq!(run(None, Level::Debug, Some(15)), ["RN c", "ime"]);
        assert_eq!(run(Some("warn"), Level::Info, None), ["RN c"]);
        assert_eq!(
            run(Some("at b"), Level::Info, None),
            ["OR b", "at b"],
            "a trace comes with its first line"
        );
        assert_eq!(run(Some("at b"), Level::Info, Some(15)), [""; 0]);
    }

    #[test]
    fn a_line_is_searched_to_its_end_and_printed_up_to_a_limit() {
        let text = format!(
            "{}needle{}pin\nneedle\n{}",
            "x".repeat(LONGEST - 2),
            "y".repeat(9 << 20),
            "z".repeat(LONGEST)
        );
        let read = |grep: &str| {
            let regex = crate::logfile::scan::pattern(grep).unwrap();
            let mut got = Vec::new();
            each_line(
                Box::new(Cursor::new(text.clone().into_bytes())),
                Some(&regex),
                |line| {
                    let found = line.found.unwrap_or_else(|| regex.is_match(line.text));
                    got.push((line.text.len(), line.whole, found));
                    Ok(())
                },
            )
            .unwrap()
            .unwrap();
            got
        };
        let whole = LONGEST as u64 - 2 + 9 + (9 << 20);
        let lines = |found: [bool; 3]| {
            vec![
                (LONGEST, Some(whole), found[0]),
                (6, None, found[1]),
                (LONGEST, None, found[2]),
            ]
        };
        assert_eq!(
            read("needle"),
            lines([true, true, false]),
            "across the limit"
        );
        assert_eq!(read("pin$"), lines([true, false, false]), "far beyond it");
        assert_eq!(read("^y"), lines([false; 3]));
        assert_eq!(read("z$"), lines([false, false, true]));
    }
}
