//! `opsroom routines history`: what a routine found over a time, in buckets or as single results, as
//! a table, CSV, JSON or a chart in SVG.

mod csv;
mod svg;

use clap::ValueEnum;
use serde::Serialize;

use crate::cli::out::Out;
use crate::cli::session::Start;
use crate::cli::stop::{Code, Stop, print_message};
use crate::control::routine::series::{
    BucketNumbers, Fineness, RoutineSeries, SeriesAsk, ServiceChange,
};
use crate::control::routine::{Numbers, RoutineResult, StateChange};
use crate::core::base::time::{Timestamp, human_ms, parse_duration, parse_since, write_duration};
use crate::core::metric::DAY_MS;

/// Without `--step`, at most so many buckets are made.
const BUCKETS: usize = 100;
/// Without `--since` and `--from`, so many days up to the end.
const DAYS: i64 = 7;

/// What a routine found over a time, as a table, CSV, JSON or SVG
#[derive(Debug, clap::Args)]
pub(super) struct HistoryArgs {
    #[arg(value_name = "NAME")]
    name: String,
    /// From when: 24h, 7d, today, monday, 2026-11-21 or 2026-11-21T09:00:00Z (UTC); default 7 days
    /// before the end
    #[arg(long, value_name = "WHEN", conflicts_with = "from")]
    since: Option<String>,
    /// The same; reads well with --to
    #[arg(long, value_name = "TIME")]
    from: Option<String>,
    /// Until when; default now
    #[arg(long, value_name = "TIME")]
    to: Option<String>,
    /// The length of a bucket, in whole minutes: 1m, 90m, 1h, 1d; default: at most 100 buckets
    #[arg(long, value_name = "DURATION", conflicts_with = "samples")]
    step: Option<String>,
    /// Single results instead of buckets; they are kept for 90 days
    #[arg(long)]
    samples: bool,
    #[arg(long, value_name = "FORMAT", default_value = "table")]
    format: Format,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Table,
    /// With a head line, as RFC 4180 says
    Csv,
    Json,
    /// A chart of the buckets
    Svg,
}

impl HistoryArgs {
    /// The last days of a routine.
    pub(super) fn of(name: &str, json: bool) -> Self {
        Self {
            name: name.to_owned(),
            since: None,
            from: None,
            to: None,
            step: None,
            samples: false,
            format: if json { Format::Json } else { Format::Table },
        }
    }
}

/// What JSON has of the buckets.
#[derive(Serialize)]
struct SeriesJson<'a> {
    routine: &'a str,
    from: Timestamp,
    until: Timestamp,
    step_ms: i64,
    numbers: &'a Numbers,
    buckets: &'a [BucketNumbers],
    states: &'a [StateChange],
    changes: &'a [ServiceChange],
}

/// What JSON has of single results.
#[derive(Serialize)]
struct ResultsJson<'a> {
    routine: &'a str,
    from: Timestamp,
    until: Timestamp,
    samples: &'a [RoutineResult],
}

pub(super) async fn perform(args: &HistoryArgs, start: &Start) -> Result<Code, Stop> {
    let (from, until) = window(args, start.clock.now())?;
    if args.samples && args.format == Format::Svg {
        return Err(Stop::Usage(
            "a chart is made of buckets: leave --samples out, or take --format csv".to_owned(),
        ));
    }
    let buckets = match &args.step {
        None => Fineness::AtMost(BUCKETS),
        Some(step) => Fineness::Step(
            parse_duration(step).map_err(|why| Stop::Usage(format!("--step: {why}")))?,
        ),
    };
    let control = start.open_cli().await?;
    if args.samples {
        let samples = control.routine_results(&args.name, from, until).await;
        control.close(false).await;
        print_samples(args, (from, until), &samples?)?;
        return Ok(Code::Succeeded);
    }
    let ask = SeriesAsk {
        name: args.name.clone(),
        from,
        until,
        buckets,
    };
    let series = control.routine_series(&ask).await;
    control.close(false).await;
    print_series(args, &series?)?;
    Ok(Code::Succeeded)
}

/// The time that the options name.
fn window(args: &HistoryArgs, now: Timestamp) -> Result<(Timestamp, Timestamp), Stop> {
    let read = |name: &str, text: &Option<String>| {
        let read = |text: &String| {
            parse_since(text, now).map_err(|why| Stop::Usage(format!("--{name}: {why}")))
        };
        text.as_ref().map(read).transpose()
    };
    let until = read("to", &args.to)?.unwrap_or(now);
    let from = match read("since", &args.since)? {
        Some(since) => Some(since),
        None => read("from", &args.from)?,
    };
    Ok((from.unwrap_or(until.plus_ms(-DAYS * DAY_MS)), until))
}

/// Says that there is nothing, on stderr where stdout is read by a program.
fn say_empty(args: &HistoryArgs, (from, until): (Timestamp, Timestamp)) -> Result<(), Stop> {
    let none = format!(
        "no check of {} from {} to {}",
        args.name,
        from.rfc3339(),
        until.rfc3339()
    );
    if args.format == Format::Table {
        return Out::new().line(&none);
    }
    print_message(&none);
    Ok(())
}

fn print_series(args: &HistoryArgs, series: &RoutineSeries) -> Result<(), Stop> {
    let empty = series.series.is_empty();
    if empty {
        say_empty(args, (series.from, series.until))?;
    }
    if series.coarser {
        print_message(&format!(
            "results of that time are kept in buckets of {} only",
            write_duration(series.series.step.ms())
        ));
    }
    let rows = series.rows();
    let mut out = Out::new();
    match args.format {
        Format::Table if empty => Ok(()),
        Format::Table => {
            out.line(&summary(series))?;
            let rows: Vec<_> = rows.iter().map(cells).collect();
            out.table(HEADING, &rows)
        }
        Format::Csv => out.raw(csv::buckets(&rows).as_bytes()),
        Format::Svg => out.raw(svg::chart(series).as_bytes()),
        Format::Json => out.json(&SeriesJson {
            routine: &series.name,
            from: series.from,
            until: series.until,
            step_ms: series.series.step.ms(),
            numbers: &series.numbers,
            buckets: &rows,
            states: &series.states,
            changes: &series.changes,
        }),
    }
}

/// `web ping: 99.95 % ok of 1440 checks, p50 12 ms …, failing for 3 min 0 s; times are UTC`.
fn summary(series: &RoutineSeries) -> String {
    let numbers = &series.numbers;
    format!(
        "{}: {}, failing for {}; times are UTC, buckets of {}",
        series.name,
        numbers.describe(),
        human_ms(numbers.failing_ms),
        write_duration(series.series.step.ms())
    )
}

const HEADING: [&str; 10] = [
    "FROM", "CHECKS", "UP_PCT", "FAILING", "DEGRADED", "UNKNOWN", "SKIPPED", "P50_MS", "P95_MS",
    "P99_MS",
];

fn cells(row: &BucketNumbers) -> [String; 10] {
    let answered = row.ok + row.degraded + row.failing;
    let number = |value: Option<f64>, digits: usize| {
        value.map_or_else(|| "–".to_owned(), |value| format!("{value:.digits$}"))
    };
    let from = row.from.rfc3339();
    [
        // Whole minutes.
        from.get(..16).unwrap_or(&from).replace('T', " "),
        answered.to_string(),
        number(row.uptime_pct, 2),
        row.failing.to_string(),
        row.degraded.to_string(),
        row.unknown.to_string(),
        row.skipped.to_string(),
        number(row.p50_ms, 1),
        number(row.p95_ms, 1),
        number(row.p99_ms, 1),
    ]
}

const SAMPLE_HEADING: [&str; 7] = [
    "SLOT",
    "OUTCOME",
    "CLASS",
    "CODE",
    "LAG_MS",
    "LATENCY_MS",
    "TRIGGER",
];

fn print_samples(
    args: &HistoryArgs,
    window: (Timestamp, Timestamp),
    samples: &[RoutineResult],
) -> Result<(), Stop> {
    if samples.is_empty() {
        say_empty(args, window)?;
    }
    let mut out = Out::new();
    match args.format {
        Format::Table if samples.is_empty() => Ok(()),
        Format::Table => {
            let rows: Vec<_> = samples.iter().map(csv::sample).collect();
            out.table(SAMPLE_HEADING, &rows)
        }
        Format::Csv => out.raw(csv::samples(samples).as_bytes()),
        Format::Json => out.json(&ResultsJson {
            routine: &args.name,
            from: window.0,
            until: window.1,
            samples,
        }),
        // Refused before.
        Format::Svg => Ok(()),
    }
}
