//! `opsroom log FILE…`: files for the viewer, or their lines.

use std::io::{IsTerminal as _, Read};
use std::path::Path;

use super::out::Out;
use super::pick::{Picker, Wanted};
use super::stop::{Code, Stop};
use crate::core::event::Level;
use crate::core::record;
use crate::core::time::Timestamp;
use crate::logfile::file::Tracked;

/// For the viewer.
pub(super) fn open(path: &str) -> Result<Tracked, Stop> {
    let opened = match path {
        "-" if std::io::stdin().is_terminal() => {
            return Err(Stop::Usage("standard input is the keyboard; pipe the log: `… | opsroom log -`".to_owned()));
        }
        "-" => Tracked::spool("standard input", std::io::stdin()),
        path => Tracked::open(Path::new(path)),
    };
    opened.map_err(|error| Stop::Usage(format!("cannot read {path}: {error}")))
}

pub(super) fn print(paths: &[String], wanted: &Wanted, json: bool, now: Timestamp) -> Result<Code, Stop> {
    let mut out = Out::new();
    for path in paths {
        let mut records = Records::new(wanted.clone(), now);
        let input: Box<dyn Read> = match path.as_str() {
            "-" => Box::new(std::io::stdin()),
            path => Box::new(
                std::fs::File::open(path).map_err(|error| Stop::Usage(format!("cannot read {path}: {error}")))?,
            ),
        };
        let cannot = |error| Stop::Usage(format!("cannot read {path}: {error}"));
        each_line(input, |line| {
            records.take(line).into_iter().try_for_each(|line| {
                let text = String::from_utf8_lossy(&line);
                if json { out.json_line(&records.object(&text)) } else { out.line(&text) }
            })
        })
        .map_err(cannot)??;
    }
    Ok(Code::Succeeded)
}

/// Bytes of a line that are printed; the rest of a longer one is left out.
const LONGEST: usize = 16 << 20;

fn each_line(
    input: Box<dyn Read>,
    mut each: impl FnMut(&[u8]) -> Result<(), Stop>,
) -> std::io::Result<Result<(), Stop>> {
    use std::io::BufRead as _;
    let mut input = std::io::BufReader::with_capacity(1 << 16, input);
    let mut line = Vec::new();
    loop {
        line.clear();
        if (&mut input).take(LONGEST as u64).read_until(b'\n', &mut line)? == 0 {
            return Ok(Ok(()));
        }
        if line.last() != Some(&b'\n') && line.len() == LONGEST {
            input.skip_until(b'\n')?;
        }
        let end = line.len() - usize::from(line.last() == Some(&b'\n'));
        if let Err(stop) = each(&line[..end]) {
            return Ok(Err(stop));
        }
    }
}

/// The records of a file.
struct Records {
    picker: Picker<Vec<u8>>,
    now: Timestamp,
    /// Of the record there is now; one without a time has that of the one before.
    level: Level,
    at: Option<Timestamp>,
    /// The record's first line looks like one.
    headed: bool,
}

impl Records {
    const fn new(wanted: Wanted, now: Timestamp) -> Self {
        Self { picker: Picker::new(wanted), now, level: Level::Info, at: None, headed: false }
    }

    /// The next line; what of the record is to be printed now.
    fn take(&mut self, line: &[u8]) -> Vec<Vec<u8>> {
        if !(self.headed && record::continues(line)) {
            self.headed = record::heads(line);
            self.level = record::level(line).unwrap_or(Level::Info);
            self.at = record::time(line, self.now).or(self.at);
            self.picker.begin(self.level, self.at);
        }
        self.picker.take(line, || line.to_vec())
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
        let now = record::time(b"2026-11-21T09:30:00Z", Timestamp(0)).unwrap();
        let run = |grep: Option<&str>, level, minutes: Option<i64>| {
            let since = minutes.map(|minutes| now.plus_ms(-minutes * 60_000));
            let mut records = Records::new(Wanted::new(grep, Some(level), since).unwrap(), now);
            let mut got = Vec::new();
            each_line(Box::new(text.as_bytes()), |line| {
                got.extend(records.take(line).iter().map(|line| line[line.len().saturating_sub(4)..].to_vec()));
                Ok(())
            })
            .unwrap()
            .unwrap();
            got.into_iter().map(|l| String::from_utf8(l).unwrap().trim().to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(run(None, Level::Error, None), ["OR b", "at b", "ime"]);
        assert_eq!(run(None, Level::Debug, Some(15)), ["RN c", "ime"]);
        assert_eq!(run(Some("warn"), Level::Info, None), ["RN c"]);
        assert_eq!(run(Some("at b"), Level::Info, None), ["OR b", "at b"], "a trace comes with its first line");
        assert_eq!(run(Some("at b"), Level::Info, Some(15)), [""; 0]);
    }
}
