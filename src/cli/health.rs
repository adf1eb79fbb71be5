//! `opsroom health`: the health score and what takes points away.

use serde::Serialize;

use super::out::Out;
use super::session::Start;
use super::stop::{Code, Stop};
use crate::core::check::score::{Health, Score};
use crate::core::time::Timestamp;

/// Show the health score and why it is what it is
#[derive(Debug, clap::Args)]
pub struct Args {
    /// One JSON object
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Report<'a> {
    at: Timestamp,
    workspace: &'a str,
    score: Option<&'a Score>,
    problems: &'a [String],
    simulated: bool,
}

pub(super) async fn perform(args: &Args, start: &Start) -> Result<Code, Stop> {
    let control = start.open_cli().await?;
    let overview = control.overview().await?;
    let simulated = control.settings().simulated;
    control.close(false).await;
    let mut out = Out::new();
    if args.json {
        out.json(&Report {
            at: overview.at,
            workspace: &overview.workspace,
            score: overview.score.as_ref(),
            problems: &overview.problems,
            simulated,
        })?;
        return Ok(Code::Succeeded);
    }
    match &overview.score {
        Some(score) => show(&mut out, score)?,
        None => out.line("health score –: nothing is declared yet (opsroom apply FILE)")?,
    }
    for problem in &overview.problems {
        out.line(&format!("note: {problem}"))?;
    }
    Ok(Code::Succeeded)
}

fn show(out: &mut Out, score: &Score) -> Result<(), Stop> {
    let value = score.value.map_or_else(|| "–".to_owned(), |v| v.to_string());
    out.line(&format!(
        "health score {value} {} ({} components, {} unknown)",
        word(score.health),
        score.components,
        score.unknown
    ))?;
    score.lines.iter().try_for_each(|line| out.line(&format!("  −{:<4}{}", line.points, line.text)))
}

const fn word(health: Health) -> &'static str {
    match health {
        Health::Healthy => "● healthy",
        Health::Warning => "▲ warning",
        Health::Critical => "✗ critical",
        Health::Unknown => "? unknown",
    }
}
