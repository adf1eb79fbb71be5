//! `opsroom log`: what a run wrote, and with `-f` what it still writes; or log files, which are `file.rs`'s.

use std::time::Duration;

use super::out::Out;
use super::session::Start;
use super::stop::{Code, Stop};
use super::{Next, file};
use crate::control::{Control, RunFilter};
use crate::core::event::{Entry, EntryBody, Level, Stream};
use crate::core::run::{Phase, RunId, RunStatus};
use crate::core::time::parse_duration;

const PAGE: u32 = 500;
const POLL: Duration = Duration::from_millis(300);

/// Show the log of a run, or view log files
#[derive(Debug, clap::Args)]
pub struct Args {
    /// A run's number, `last` or `last-failed`; or files (several are merged by time), `-` for standard input
    #[arg(value_name = "RUN|FILE", required = true)]
    what: Vec<String>,
    /// Keep following until the run ends; a file: begin at its end
    #[arg(long, short = 'f')]
    follow: bool,
    /// One JSON object per line
    #[arg(long)]
    json: bool,
    /// Lines of files: only those that match this pattern
    #[arg(long, value_name = "REGEX")]
    grep: Option<String>,
    /// Lines of files: only this level and worse (debug, info, warn, error)
    #[arg(long, value_name = "LEVEL", value_parser = level)]
    level: Option<Level>,
    /// Lines of files: only from this long ago on (15m, 2h)
    #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
    since: Option<i64>,
    /// Bytes a second the viewer may send to the terminal (8k)
    #[arg(long, value_name = "BYTES", value_parser = bytes)]
    budget: Option<u64>,
}

fn level(text: &str) -> Result<Level, String> {
    Level::from_name(text).ok_or_else(|| format!("`{text}` is no level: debug, info, warn or error"))
}

fn bytes(text: &str) -> Result<u64, String> {
    let (number, factor) = text.strip_suffix(['k', 'K']).map_or((text, 1), |number| (number, 1024));
    let most = number.parse::<u64>().ok().and_then(|n| n.checked_mul(factor)).filter(|n| *n >= 512);
    most.ok_or_else(|| format!("`{text}` is no number of bytes: write 8k; at least 512"))
}

/// How a run is named on the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Which {
    Number(RunId),
    Last,
    LastFailed,
}

impl std::str::FromStr for Which {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "last" => Ok(Self::Last),
            "last-failed" | "last_failed" => Ok(Self::LastFailed),
            _ => match text.trim_start_matches('#').parse() {
                Ok(number) if number > 0 => Ok(Self::Number(RunId(number))),
                _ => Err(format!("`{text}` is no run: give its number, `last` or `last-failed`")),
            },
        }
    }
}

impl Which {
    /// The run that is meant.
    pub(super) async fn find(self, control: &Control) -> Result<RunId, Stop> {
        let status = match self {
            Self::Number(id) => return Ok(id),
            Self::Last => Vec::new(),
            Self::LastFailed => vec![RunStatus::Failed, RunStatus::TimedOut, RunStatus::Interrupted],
        };
        let found = control.runs(&RunFilter { status, limit: 1, ..RunFilter::default() }).await?;
        found.first().map(|run| run.id).ok_or_else(|| {
            Stop::Usage(if self == Self::Last { "there is no run yet" } else { "no run has failed" }.to_owned())
        })
    }
}

pub(super) async fn perform(args: &Args, start: &Start) -> Result<Next, Stop> {
    let is_file = |text: &String| text == "-" || text.contains(['/', '.']) || std::path::Path::new(text).exists();
    if args.what.iter().any(is_file) || args.what.len() > 1 {
        let wanted = file::Wanted {
            paths: &args.what,
            follow: args.follow,
            json: args.json,
            grep: args.grep.as_deref(),
            level: args.level,
            since: args.since,
            budget: args.budget,
        };
        return file::perform(&wanted, start);
    }
    if args.grep.is_some() || args.level.is_some() || args.since.is_some() || args.budget.is_some() {
        return Err(Stop::Usage(
            "--grep, --level, --since and --budget are for files; a run's log is searched with / in the console"
                .to_owned(),
        ));
    }
    let run: Which = args.what[0].parse().map_err(Stop::Usage)?;
    print_run(run, args, start).await.map(Next::Exit)
}

async fn print_run(run: Which, args: &Args, start: &Start) -> Result<Code, Stop> {
    let control = start.open_cli().await?;
    let id = run.find(&control).await?;
    let mut out = Out::new();
    let mut after = 0;
    loop {
        // Read the status first: what is written after it ends is nothing.
        let ended = control.run(id).await?.run.status.is_terminal();
        after = print_after(&control, &mut out, id, after, args.json).await?;
        if ended || !args.follow {
            break;
        }
        tokio::time::sleep(POLL).await;
    }
    control.close(false).await;
    Ok(Code::Succeeded)
}

async fn print_after(control: &Control, out: &mut Out, id: RunId, mut after: i64, json: bool) -> Result<i64, Stop> {
    loop {
        let entries = control.entries_after(id, after, PAGE).await?;
        let Some(newest) = entries.last() else { return Ok(after) };
        after = newest.seq;
        for entry in &entries {
            if json { out.json_line(entry)? } else { out.line(&entry_line(entry))? }
        }
    }
}

/// `21:04:08 warn    action     build cache cold`; output lines carry `|` or `!` (stderr) in place of a level.
pub(super) fn entry_line(entry: &Entry) -> String {
    let (level, phase, text) = match &entry.body {
        EntryBody::Event { level, phase, message, .. } => {
            (level.name(), phase.map_or("", Phase::name), message.as_str())
        }
        EntryBody::Output { stream: Stream::Stdout, text } => ("  |", "", text.as_str()),
        EntryBody::Output { stream: Stream::Stderr, text } => ("  !", "", text.as_str()),
    };
    format!("{} {level:<8}{phase:<10}{text}", entry.at.clock_utc())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_are_named_by_number_or_place() {
        for (text, which) in [
            ("41", Some(Which::Number(RunId(41)))),
            ("#41", Some(Which::Number(RunId(41)))),
            ("last", Some(Which::Last)),
            ("last-failed", Some(Which::LastFailed)),
            ("0", None),
            ("-1", None),
            ("latest", None),
            ("", None),
        ] {
            assert_eq!(text.parse().ok(), which, "{text}");
        }
    }
}
