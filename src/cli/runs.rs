//! `opsroom runs`: the newest runs, filtered; or the whole record of one.

use super::log::Which;
use super::out::Out;
use super::session::Start;
use super::stop::{Code, Stop};
use crate::control::RunFilter;
use crate::control::record::Record;
use crate::control::resume::Blocked;
use crate::core::run::{Change, Run, RunStatus, RunStep};
use crate::core::time::{Timestamp, human_ms, parse_duration};

/// List runs, newest first, or tell all about one
#[derive(Debug, clap::Args)]
pub struct Args {
    /// One run and its whole record: a number, `last` or `last-failed`
    #[arg(conflicts_with_all = ["status", "runbook", "service", "env", "since", "limit"])]
    run: Option<Which>,
    /// Only runs in this state; may be given several times
    #[arg(long, value_name = "STATUS", value_parser = status)]
    status: Vec<RunStatus>,
    /// Only runs of this runbook
    #[arg(long, value_name = "NAME")]
    runbook: Option<String>,
    /// Only runs on this service
    #[arg(long, value_name = "NAME")]
    service: Option<String>,
    /// Only runs in this environment
    #[arg(long, value_name = "NAME")]
    env: Option<String>,
    /// Only runs requested since: a duration back (24h) or an instant (2026-11-21T09:00:00Z, 2026-11-21)
    #[arg(long, value_name = "WHEN")]
    since: Option<String>,
    /// At most this many
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    limit: u32,
    /// One JSON array; of one run, one object
    #[arg(long)]
    json: bool,
}

pub(super) async fn perform(args: &Args, start: &Start) -> Result<Code, Stop> {
    if let Some(which) = args.run {
        return tell(which, args.json, start).await;
    }
    let now = start.clock.now();
    let since = args.since.as_deref().map(|text| since(text, now)).transpose().map_err(Stop::Usage)?;
    let filter = RunFilter {
        status: args.status.clone(),
        runbook: args.runbook.clone(),
        service: args.service.clone(),
        env: args.env.clone(),
        since,
        before: None,
        limit: args.limit,
    };
    let control = start.open_cli().await?;
    let runs = control.runs(&filter).await?;
    let blocked = control.blocked().await?;
    control.close(false).await;
    let mut out = Out::new();
    if args.json {
        out.json(&runs)?;
    } else {
        let rows: Vec<_> = runs.iter().map(|run| row(run, now, &blocked)).collect();
        out.table(["RUN", "STATUS", "REQUESTED", "TOOK", "BY", "WHAT"], &rows)?;
    }
    Ok(Code::Succeeded)
}

async fn tell(which: Which, json: bool, start: &Start) -> Result<Code, Stop> {
    let control = start.open_cli().await?;
    let record = control.record(which.find(&control).await?).await?;
    control.close(false).await;
    let mut out = Out::new();
    if json {
        out.json(&record)?;
        return Ok(Code::Succeeded);
    }
    head(&record, &mut out)?;
    let steps: Vec<_> = record.steps.iter().map(|step| step_row(step, &record.run)).collect();
    out.line("")?;
    out.table(["STEP", "PHASE", "STATUS", "TRIES", "TOOK", "WHAT CAME OF IT"], &steps)?;
    out.line("")?;
    let changes: Vec<_> = record.changes.iter().map(|change| change_row(change, &record.run)).collect();
    out.table(["WHEN", "WHAT", "BECAME", "BY"], &changes)?;
    if !record.artifacts.is_empty() {
        let rows: Vec<_> = record.artifacts.iter().map(|a| super::artifacts::row(a, &record.run)).collect();
        out.line("")?;
        out.table(["NO", "KIND", "SIZE", "STEP", "SHA256", "LEFT BEHIND"], &rows)?;
    }
    Ok(Code::Succeeded)
}

/// Who, why, what and from which definition.
fn head(record: &Record, out: &mut Out) -> Result<(), Stop> {
    let (run, plan) = (&record.run, &record.run.plan);
    let why = run.why().map(|why| format!(": {why}")).unwrap_or_default();
    out.line(&format!("run {} {}: {}{why}", run.id, plan.title, run.status.name()))?;
    let inputs: Vec<String> = plan.inputs.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let after = run.parent.map(|parent| format!(", after run {parent}"));
    let again = run.retry_of.map(|of| format!(", run {of} again"));
    let from = format!("{} from {}{}{}", run.actor, run.trigger, after.unwrap_or_default(), again.unwrap_or_default());
    let definition = format!("{} {} (definition {})", plan.runbook, plan.version, plan.definition_hash);
    for (name, value) in [
        ("by", from.as_str()),
        ("reason", run.reason.as_deref().unwrap_or_default()),
        ("asked", plan.raw_text.as_str()),
        ("understood", plan.restatement.as_str()),
        ("runbook", definition.as_str()),
        ("plan", record.plan_hash.as_str()),
        ("environment", plan.env.as_deref().unwrap_or_default()),
        ("services", plan.services.join(", ").as_str()),
        ("inputs", inputs.join(", ").as_str()),
        ("engine", run.holder.as_deref().unwrap_or_default()),
    ] {
        if !value.is_empty() {
            out.line(&format!("  {name:<12}{value}"))?;
        }
    }
    Ok(())
}

fn step_row(step: &RunStep, run: &Run) -> [String; 6] {
    let (name, phase) =
        run.plan.numbered_step(step.index).map_or(("?", "?"), |(planned, phase)| (planned.name.as_str(), phase));
    let took = step.started_at.zip(step.finished_at).map(|(from, to)| human_ms(to.ms_since(from)));
    [
        name.to_owned(),
        phase.to_owned(),
        step.status.name().to_owned(),
        step.attempt.to_string(),
        took.unwrap_or_else(|| "–".to_owned()),
        step.why().unwrap_or_default().to_owned(),
    ]
}

fn change_row(change: &Change, run: &Run) -> [String; 4] {
    let what = change.step.map_or_else(
        || format!("run {}", run.id),
        |step| run.plan.numbered_step(step).map_or_else(|| format!("step {step}"), |(step, _)| step.name.clone()),
    );
    let attempt = change.attempt.filter(|attempt| *attempt > 1).map(|n| format!(" (attempt {n})")).unwrap_or_default();
    let by = change.by.clone().unwrap_or_default();
    [change.at.rfc3339(), format!("{what}{attempt}"), change.status.clone(), by]
}

fn row(run: &Run, now: Timestamp, blocked: &[Blocked]) -> [String; 6] {
    let took =
        run.started_at.map_or_else(|| "–".to_owned(), |from| human_ms(run.finished_at.unwrap_or(now).ms_since(from)));
    let waits = blocked.iter().find(|b| b.run == run.id).map(ToString::to_string);
    let why = run.why().map(str::to_owned).or(waits).map(|m| format!(": {m}")).unwrap_or_default();
    [
        run.id.to_string(),
        run.status.name().to_owned(),
        run.requested_at.rfc3339(),
        took,
        run.actor.clone(),
        format!("{}{why}", run.plan.title),
    ]
}

fn status(text: &str) -> Result<RunStatus, String> {
    RunStatus::from_name(text).ok_or_else(|| {
        let names: Vec<_> = RunStatus::ALL.iter().map(|s| s.name()).collect();
        format!("`{text}` is none of {}", names.join(", "))
    })
}

fn since(text: &str, now: Timestamp) -> Result<Timestamp, String> {
    if let Ok(back) = parse_duration(text) {
        return Ok(now.plus_ms(-back));
    }
    if let Ok(instant) = chrono::DateTime::parse_from_rfc3339(text) {
        return Ok(Timestamp(instant.timestamp_millis()));
    }
    match text.parse::<chrono::NaiveDate>() {
        Ok(day) => Ok(Timestamp(day.and_time(chrono::NaiveTime::MIN).and_utc().timestamp_millis())),
        Err(_) => Err(format!("`{text}` is no time: write 24h, 2026-11-21 (UTC) or 2026-11-21T09:00:00Z")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn since_takes_durations_dates_and_instants() {
        let now = Timestamp(1_800_000_000_000);
        for (text, expected) in [
            ("24h", Some(1_799_913_600_000)),
            ("2027-01-15", Some(1_799_971_200_000)),
            ("2027-01-15T08:00:00+01:00", Some(1_799_996_400_000)),
            ("yesterday-ish", None),
            ("", None),
        ] {
            assert_eq!(since(text, now).ok(), expected.map(Timestamp), "{text}");
        }
    }
}
