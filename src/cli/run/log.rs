//! `opsroom log`: on a terminal opens the viewer with runs and files merged by time; else prints
//! the logs of runs as plain lines, and with `-f` new lines too. `file.rs` reads files, `pick.rs`
//! selects the records to print.

use std::collections::VecDeque;
use std::io::IsTerminal as _;
use std::time::Duration;

use crate::cli::out::Out;
use crate::cli::run::pick::{Picker, RunQuery};
use crate::cli::session::Start;
use crate::cli::stop::{Code, Stop, print_message};
use crate::cli::{Next, file};
use crate::control::Control;
use crate::core::base::time::Timestamp;
use crate::core::command::run_ref::RunRef;
use crate::core::command::{self, ParseOutcome, Parsed, ViewCommand};
use crate::core::logline;
use crate::core::run::event::{Entry, EntryBody, Level, Stream};
use crate::core::run::{Phase, RunId};
use crate::logfile::file::Tracked;
use crate::logfile::run_spool::Joining;
use crate::tui::{Log, RunLog, View};

const PAGE: u32 = 4000;
const POLL: Duration = Duration::from_millis(300);

/// View the logs of runs, and log files
#[derive(Debug, clap::Args)]
pub struct LogArgs {
    /// Runs (a number, `last`, `last-failed`) and files (`-`: standard input); several are merged
    /// by time
    #[arg(value_name = "RUN|FILE", required = true)]
    what: Vec<String>,
    /// Begin at the end and follow; printing: keep on until the runs have ended
    #[arg(long, short = 'f')]
    follow: bool,
    /// One JSON object per line
    #[arg(long)]
    json: bool,
    /// Printing: only records that match this pattern
    #[arg(long, value_name = "REGEX")]
    grep: Option<String>,
    /// Printing: only records of this level and worse (debug, info, warn, error)
    #[arg(long, value_name = "LEVEL", value_parser = level)]
    level: Option<Level>,
    /// Printing: only records since: 15m, 02:00, today, yesterday, 2026-11-21 or
    /// 2026-11-21T09:00:00Z (UTC)
    #[arg(long, value_name = "WHEN")]
    since: Option<String>,
    /// Bytes a second the viewer may send to the terminal (8k)
    #[arg(long, value_name = "BYTES", value_parser = bytes)]
    budget: Option<u64>,
}

fn level(text: &str) -> Result<Level, String> {
    Level::from_name(text)
        .ok_or_else(|| format!("`{text}` is no level: debug, info, warn or error"))
}

fn bytes(text: &str) -> Result<u64, String> {
    let (number, factor) = text
        .strip_suffix(['k', 'K'])
        .map_or((text, 1), |number| (number, 1024));
    let most = number
        .parse::<u64>()
        .ok()
        .and_then(|n| n.checked_mul(factor))
        .filter(|n| *n >= 512);
    most.ok_or_else(|| format!("`{text}` is no number of bytes: write 8k; at least 512"))
}

/// A run as named on the command line: its number, or a phrase of the command language.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::cli) enum Which {
    Number(RunId),
    Phrase(String),
}

impl std::str::FromStr for Which {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.trim_start_matches('#').parse() {
            Ok(number) if number > 0 => Ok(Self::Number(RunId(number))),
            Err(_) if text.contains(char::is_alphabetic) => Ok(Self::Phrase(text.to_owned())),
            _ => Err(no_run(text)),
        }
    }
}

fn no_run(text: &str) -> String {
    format!(
        "`{text}` is no run: give its number, `last`, `last-failed`, or words: \"last failed run of web in prod\""
    )
}

impl Which {
    /// The run to act on. A phrase has to contain "last". The chosen run is printed.
    pub(in crate::cli) async fn find(&self, control: &Control) -> Result<RunId, Stop> {
        self.choose(control, false).await
    }

    /// The run to show: a service or an environment is enough ("web", "logs of api in prod").
    pub(in crate::cli) async fn find_to_read(&self, control: &Control) -> Result<RunId, Stop> {
        self.choose(control, true).await
    }

    async fn choose(&self, control: &Control, to_read: bool) -> Result<RunId, Stop> {
        let text = match self {
            Self::Number(run) => return Ok(*run),
            Self::Phrase(text) => text,
        };
        let catalogue = control.catalogue().await?;
        let phrase = text
            .replace("last-failed", "last failed run")
            .replace("last_failed", "last failed run");
        let is_of_a_run =
            |p: &Parsed| matches!(p.view(), Some(ViewCommand::Run | ViewCommand::Log));
        let parsed =
            Some(command::parse(&phrase, &catalogue)).filter(|p| to_read && is_of_a_run(p));
        let parsed =
            parsed.unwrap_or_else(|| command::parse(&format!("tail {phrase}"), &catalogue));
        let place = parsed.services.iter().any(|name| name != "*") || parsed.env.is_some();
        let named = parsed.inputs.contains_key("run") || (to_read && place);
        // A misspelt name is not corrected: the command may change the run.
        if !is_of_a_run(&parsed) || !named || !parsed.corrections.is_empty() {
            let near = parsed
                .corrections
                .iter()
                .map(|fix| format!("did you mean {}?", fix.to))
                .next();
            let question = Some(parsed.message)
                .filter(|why| parsed.outcome == ParseOutcome::Question && !why.is_empty());
            return Err(Stop::Usage(
                no_run(text)
                    + &near
                        .or(question)
                        .map(|why| format!(" ({why})"))
                        .unwrap_or_default(),
            ));
        }
        let chosen = control
            .find_run(&RunRef::of(&parsed, control.clock().now()).map_err(Stop::Usage)?)
            .await?;
        print_message(&chosen.line);
        Ok(chosen.run)
    }
}

pub(in crate::cli) async fn perform(args: &LogArgs, start: &Start) -> Result<Next, Stop> {
    let is_file = |text: &String| {
        text == "-" || text.contains(['/', '.']) || std::path::Path::new(text).exists()
    };
    if args.what.iter().filter(|text| *text == "-").count() > 1 {
        return Err(Stop::Usage(
            "standard input can be read once: give `-` once".to_owned(),
        ));
    }
    let picks = args.grep.is_some() || args.level.is_some() || args.since.is_some();
    if !args.json && !picks && std::io::stdout().is_terminal() {
        return view(args, start, is_file).await;
    }
    let refuse = |why: &str| Err(Stop::Usage(why.to_owned()));
    if args.budget.is_some() {
        return refuse("--budget is for the viewer: leave it out to print lines");
    }
    let now = start.clock.now();
    let since = start.since(args.since.as_deref())?;
    let wanted = RunQuery::new(args.grep.as_deref(), args.level, since)?;
    if args.what.iter().all(is_file) {
        if args.follow {
            return refuse(
                "--follow needs a terminal; to print what is added, pipe: `tail -f FILE | opsroom log -`",
            );
        }
        return file::print(&args.what, &wanted, args.json, now).map(Next::Exit);
    }
    if args.what.iter().any(is_file) {
        return refuse(
            "runs and files together are for the viewer; to print, name only runs or only files",
        );
    }
    let runs = args
        .what
        .iter()
        .map(|text| text.parse().map_err(Stop::Usage))
        .collect::<Result<Vec<Which>, _>>()?;
    print_runs(&runs, &wanted, args, start)
        .await
        .map(Next::Exit)
}

/// Opens runs and files in the viewer.
async fn view(
    args: &LogArgs,
    start: &Start,
    is_file: impl Fn(&String) -> bool,
) -> Result<Next, Stop> {
    crate::tui::check_viewer().map_err(Stop::Usage)?;
    let mut follow = args.follow || args.what.iter().any(|text| text == "-");
    let mut logs = Vec::new();
    let mut control = None;
    for text in &args.what {
        if is_file(text) {
            logs.push(Log {
                file: file::open(text)?,
                run: None,
            });
            continue;
        }
        let which: Which = text.parse().map_err(Stop::Usage)?;
        let control = match &mut control {
            Some(control) => control,
            none => none.insert(start.open_cli().await?),
        };
        let (log, live) = run_log(&which, control).await?;
        logs.push(log);
        follow |= live;
    }
    let timezone = match &control {
        Some(control) => Some(control.stack().await?.timezone.clone()),
        None => None,
    };
    Ok(Next::View(Box::new(View {
        logs,
        follow,
        budget: args.budget,
        timezone,
    })))
}

/// The log of a run, and whether the run is still active.
async fn run_log(which: &Which, control: &Control) -> Result<(Log, bool), Stop> {
    let run = control.run(which.find_to_read(control).await?).await?.run;
    let (file, writer) = Tracked::run(&format!("run {}", run.id)).map_err(Stop::System)?;
    let steps = run
        .plan
        .numbered()
        .map(|(_, step)| step.name.clone())
        .collect();
    let run_log = RunLog {
        id: run.id,
        steps,
        writer,
        control: control.clone(),
    };
    Ok((
        Log {
            file,
            run: Some(run_log),
        },
        !run.status.is_terminal(),
    ))
}

/// The entries of a run, read page by page.
struct Entries {
    run: RunId,
    after: i64,
    page: VecDeque<Entry>,
    joining: Joining,
    picker: Picker<Entry>,
}

impl Entries {
    fn new(run: RunId, wanted: RunQuery) -> Self {
        Self {
            run,
            after: 0,
            page: VecDeque::new(),
            joining: Joining::default(),
            picker: Picker::new(wanted),
        }
    }

    /// The next entry, if it has been written.
    async fn peek(&mut self, control: &Control) -> Result<Option<&Entry>, Stop> {
        if self.page.is_empty() {
            self.page = control
                .entries_after(self.run, self.after, PAGE)
                .await?
                .into();
            self.after = self.page.back().map_or(self.after, |entry| entry.seq);
        }
        Ok(self.page.front())
    }

    /// Takes the next entry; returns the entries of its record to be printed now.
    fn take(&mut self) -> Vec<Entry> {
        let Some(entry) = self.page.pop_front() else {
            return Vec::new();
        };
        if !self.joining.joins(&entry) {
            let level = match &entry.body {
                EntryBody::Event { level, .. } => *level,
                EntryBody::Output { text, .. } => {
                    logline::level(text.as_bytes()).unwrap_or(Level::Info)
                }
            };
            self.picker.begin(level, Some(entry.at));
        }
        let (EntryBody::Event { message: text, .. } | EntryBody::Output { text, .. }) = &entry.body;
        let (bytes, found) = (text.len(), self.picker.finds(text.as_bytes()));
        self.picker.take_found(bytes, found, || entry)
    }
}

/// Prints the log of a run as far as it was written, from a level on.
pub(in crate::cli) async fn print(
    run: RunId,
    level: Option<Level>,
    json: bool,
    start: &Start,
) -> Result<Code, Stop> {
    let args = LogArgs {
        what: Vec::new(),
        follow: false,
        json,
        grep: None,
        level,
        since: None,
        budget: None,
    };
    let wanted = RunQuery::new(None, level, None)?;
    print_runs(&[Which::Number(run)], &wanted, &args, start).await
}

async fn print_runs(
    runs: &[Which],
    wanted: &RunQuery,
    args: &LogArgs,
    start: &Start,
) -> Result<Code, Stop> {
    let control = start.open_cli().await?;
    let mut all = Vec::new();
    for which in runs {
        all.push(Entries::new(
            which.find_to_read(&control).await?,
            wanted.clone(),
        ));
    }
    let mut out = Out::new();
    loop {
        // The states are read before the entries: nothing is written after a run has ended.
        let mut ended = true;
        for entries in &all {
            ended &= control.run(entries.run).await?.run.status.is_terminal();
        }
        print_merged(&control, &mut out, &mut all, args.json).await?;
        if ended || !args.follow {
            break;
        }
        tokio::time::sleep(POLL).await;
    }
    control.close(false).await;
    Ok(Code::Succeeded)
}

/// Prints the entries written so far, merged by time.
async fn print_merged(
    control: &Control,
    out: &mut Out,
    all: &mut [Entries],
    json: bool,
) -> Result<(), Stop> {
    let several = all.len() > 1;
    out.hold();
    loop {
        let mut first: Option<(Timestamp, usize)> = None;
        for (at, entries) in all.iter_mut().enumerate() {
            if let Some(entry) = entries.peek(control).await?
                && first.is_none_or(|(time, _)| entry.at < time)
            {
                first = Some((entry.at, at));
            }
        }
        let Some((_, at)) = first else {
            return out.release();
        };
        for entry in all[at].take() {
            match (json, several) {
                (true, _) => out.json_line(&entry)?,
                (false, false) => out.line(&entry_line(&entry))?,
                (false, true) => out.line(&format!(
                    "{:<6} {}",
                    entry.run.to_string(),
                    entry_line(&entry)
                ))?,
            }
        }
    }
}

/// `21:04:08 warn    action     build cache cold`; output lines have `|` or `!` (stderr) instead of
/// a level.
pub(in crate::cli) fn entry_line(entry: &Entry) -> String {
    let (level, phase, text) = match &entry.body {
        EntryBody::Event {
            level,
            phase,
            message,
            ..
        } => (
            level.name(),
            phase.map_or("", Phase::name),
            message.as_str(),
        ),
        EntryBody::Output {
            stream: Stream::Stdout,
            text,
        } => ("  |", "", text.as_str()),
        EntryBody::Output {
            stream: Stream::Stderr,
            text,
        } => ("  !", "", text.as_str()),
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
            ("last", Some(Which::Phrase("last".to_owned()))),
            (
                "last run of web",
                Some(Which::Phrase("last run of web".to_owned())),
            ),
            ("0", None),
            ("-1", None),
            ("#", None),
            ("", None),
        ] {
            assert_eq!(text.parse().ok(), which, "{text}");
        }
    }
}
