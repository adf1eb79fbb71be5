//! `opsroom log FILE…`: files for the viewer, or their lines.

use std::io::{IsTerminal as _, Read};
use std::path::Path;

use super::out::Out;
use super::session::Start;
use super::stop::{Code, Stop};
use crate::core::event::Level;
use crate::core::record;
use crate::core::time::Timestamp;
use crate::logfile::file::Tracked;
use crate::logfile::scan::pattern;

/// Which lines, and how.
pub(super) struct Wanted<'a> {
    pub(super) paths: &'a [String],
    pub(super) follow: bool,
    pub(super) json: bool,
    pub(super) grep: Option<&'a str>,
    pub(super) level: Option<Level>,
    pub(super) since: Option<i64>,
}

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

pub(super) fn print(wanted: &Wanted<'_>, start: &Start) -> Result<Code, Stop> {
    if wanted.follow {
        return Err(Stop::Usage(
            "--follow needs a terminal; to print what is added, pipe: `tail -f FILE | opsroom log -`".to_owned(),
        ));
    }
    let now = start.clock.now();
    let mut picked = Picked {
        grep: wanted.grep.map(pattern).transpose().map_err(|why| Stop::Usage(format!("--grep: {why}")))?,
        level: wanted.level.unwrap_or(Level::Debug),
        from: wanted.since.map(|ms| now.plus_ms(-ms)),
        now,
        last: (Level::Info, None),
        headed: false,
    };
    let mut out = Out::new();
    for path in wanted.paths {
        let input: Box<dyn Read> = match path.as_str() {
            "-" => Box::new(std::io::stdin()),
            path => Box::new(
                std::fs::File::open(path).map_err(|error| Stop::Usage(format!("cannot read {path}: {error}")))?,
            ),
        };
        let cannot = |error| Stop::Usage(format!("cannot read {path}: {error}"));
        each_line(input, |line| {
            if !picked.takes(line) {
                return Ok(());
            }
            let text = String::from_utf8_lossy(line);
            if wanted.json { out.json_line(&picked.object(&text)) } else { out.line(&text) }
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

/// Which lines are printed. A line that goes on with a record shares its fate.
struct Picked {
    grep: Option<regex::bytes::Regex>,
    level: Level,
    from: Option<Timestamp>,
    now: Timestamp,
    last: (Level, Option<Timestamp>),
    /// The record's first line looks like one.
    headed: bool,
}

impl Picked {
    fn takes(&mut self, line: &[u8]) -> bool {
        let (level, time) = (record::level(line), record::time(line, self.now));
        if !(self.headed && record::continues(line)) {
            self.headed = record::heads(line);
            self.last = (level.unwrap_or(Level::Info), time.or(self.last.1));
        }
        self.last.0 >= self.level
            && self.from.is_none_or(|from| self.last.1.is_some_and(|at| at >= from))
            && self.grep.as_ref().is_none_or(|regex| regex.is_match(line))
    }

    fn object(&self, text: &str) -> serde_json::Value {
        serde_json::json!({
            "time": self.last.1.map(Timestamp::rfc3339),
            "level": self.last.0.name(),
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
        let run = |grep: Option<&str>, level, from| {
            let now = Timestamp(0);
            let grep = grep.map(|g| pattern(g).unwrap());
            let mut picked = Picked { grep, level, from, now, last: (Level::Info, None), headed: false };
            let mut got = Vec::new();
            each_line(Box::new(text.as_bytes()), |line| {
                got.extend(picked.takes(line).then(|| line[line.len().saturating_sub(4)..].to_vec()));
                Ok(())
            })
            .unwrap()
            .unwrap();
            got.into_iter().map(|l| String::from_utf8(l).unwrap().trim().to_owned()).collect::<Vec<_>>()
        };
        let at = |text: &str| record::time(text.as_bytes(), Timestamp(0));
        assert_eq!(run(None, Level::Error, None), ["OR b", "at b", "ime"]);
        assert_eq!(run(None, Level::Debug, at("2026-11-21T09:15:00Z")), ["RN c", "ime"]);
        assert_eq!(run(Some("warn"), Level::Info, None), ["RN c"]);
    }
}
