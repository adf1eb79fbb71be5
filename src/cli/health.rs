//! `opsroom health`: the health score and the reasons for lost points.

use serde::Serialize;

use super::out::Out;
use super::session::Start;
use super::stop::{Code, Stop};
use crate::core::base::time::{Timestamp, human_ms};
use crate::core::health::check::score::{Health, Score};

/// Show the health score and why it is what it is
#[derive(Debug, clap::Args)]
pub struct HealthArgs {
    /// One JSON object
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Serialize)]
struct Report<'a> {
    /// Time of the oldest observation in the score. Absent: nothing was ever observed.
    at: Option<Timestamp>,
    /// Age of that observation.
    age_ms: Option<i64>,
    /// When the score was computed.
    derived_at: Timestamp,
    workspace: &'a str,
    score: Option<&'a Score>,
    /// Where targets are probed; absent: no engine is running.
    engine: Option<&'a str>,
    problems: &'a [String],
    simulated: bool,
}

pub(super) async fn perform(args: &HealthArgs, start: &Start) -> Result<Code, Stop> {
    let control = start.open_cli().await?;
    let overview = control.overview().await?;
    let simulated = control.settings().simulated;
    control.close(false).await;
    let mut out = Out::new();
    if args.json {
        let seen_at = overview.score.as_ref().and_then(|score| score.seen_at);
        out.json(&Report {
            at: seen_at,
            age_ms: seen_at.map(|at| overview.at.ms_since(at).max(0)),
            derived_at: overview.at,
            engine: overview.engine.name(),
            workspace: &overview.workspace,
            score: overview.score.as_ref(),
            problems: &overview.problems,
            simulated,
        })?;
        return Ok(Code::Succeeded);
    }
    match &overview.score {
        Some(score) => show(&mut out, score, overview.at)?,
        None => out.line("health score –: nothing is declared yet (opsroom apply FILE)")?,
    }
    for problem in &overview.problems {
        out.line(&format!("note: {problem}"))?;
    }
    Ok(Code::Succeeded)
}

fn show(out: &mut Out, score: &Score, now: Timestamp) -> Result<(), Stop> {
    let value = score
        .value
        .map_or_else(|| "–".to_owned(), |v| v.to_string());
    let ago = |at| format!("; seen {} ago", human_ms(now.ms_since(at).max(0)));
    let seen = score.seen_at.map(ago).unwrap_or_default();
    out.line(&format!(
        "health score {value} {} ({} components, {}{seen})",
        label(score.health),
        score.components,
        score.unseen().unwrap_or_else(|| "all seen".to_owned()),
    ))?;
    score
        .lines
        .iter()
        .try_for_each(|line| out.line(&format!("  −{:<4}{}", line.points, line.text)))
}

const fn label(health: Health) -> &'static str {
    match health {
        Health::Healthy => "● healthy",
        Health::Warning => "▲ warning",
        Health::Critical => "✗ critical",
        Health::Unknown => "? unknown",
    }
}
