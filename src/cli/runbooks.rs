//! `opsroom runbooks`: lists the runbooks, or shows one.

use super::out::Out;
use super::session::Start;
use super::stop::{Code, Stop};
use crate::control::runbook::{LastRun, RunbookRow};

/// List the runbooks, or show one with its text, inputs, steps and last runs
#[derive(Debug, clap::Args)]
pub struct RunbooksArgs {
    /// One runbook
    #[arg(value_name = "NAME")]
    name: Option<String>,
    /// One JSON array; of one runbook, one object
    #[arg(long)]
    json: bool,
}

pub(super) async fn perform(args: &RunbooksArgs, start: &Start) -> Result<Code, Stop> {
    print(args.name.as_deref(), args.json, start).await
}

pub(super) async fn print(name: Option<&str>, json: bool, start: &Start) -> Result<Code, Stop> {
    let control = start.open_cli().await?;
    let mut out = Out::new();
    if let Some(name) = name {
        let sheet = control.runbook(name).await?;
        let now = control.clock().now();
        control.close(false).await;
        if json {
            out.json(&sheet)?;
        } else {
            let lines = sheet.lines(now);
            lines.iter().try_for_each(|line| out.line(line))?;
        }
        return Ok(Code::Succeeded);
    }
    let rows = control.runbooks().await?;
    let now = control.clock().now();
    control.close(false).await;
    if json {
        out.json(&rows)?;
        return Ok(Code::Succeeded);
    }
    let cells = |row: &RunbookRow| {
        let entry = &row.entry;
        let last = row.last.as_ref().map(|run: &LastRun| run.describe(now));
        [
            entry.name.clone(),
            entry.kind.to_owned(),
            if entry.mutates { "yes" } else { "no" }.to_owned(),
            last.unwrap_or_else(|| "–".to_owned()),
            entry.title.clone(),
            entry.phrases.join("; "),
            entry.file.clone(),
        ]
    };
    let rows: Vec<_> = rows.iter().map(cells).collect();
    let heading = [
        "RUNBOOK", "KIND", "CHANGES", "LAST RUN", "TITLE", "PHRASES", "FILE",
    ];
    out.table(heading, &rows)?;
    Ok(Code::Succeeded)
}
