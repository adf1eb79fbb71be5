//! `opsroom apply`: stack files into the store, the difference shown first; a second time there is nothing to change.

use std::path::PathBuf;

use super::out::{Out, ask, can_ask};
use super::session::Start;
use super::stop::{Code, Stop};
use crate::config;
use crate::core::runbook::Problem;
use crate::core::service::Stack;
use crate::core::stack::{Change, describe};

/// Bring the store in line with stack files
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Stack files, one per workspace: what a file no longer names is deleted
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Show the difference and change nothing
    #[arg(long)]
    dry_run: bool,
    /// Do not ask, also on a terminal
    #[arg(long, short = 'y')]
    yes: bool,
    /// The changes as one JSON array
    #[arg(long)]
    json: bool,
}

impl Args {
    pub(super) const fn changes(&self) -> bool {
        !self.dry_run
    }
}

pub(super) async fn perform(args: &Args, start: &Start) -> Result<Code, Stop> {
    let stacks = read(&args.files)?;
    let control = start.open_or_make().await?;
    let mut out = Out::new();
    let mut all = Vec::new();
    for stack in &stacks {
        let changes = control.apply(stack, true).await?;
        if !args.json {
            show(&mut out, stack, &changes)?;
        }
        all.extend(changes);
    }
    if !all.is_empty() && !args.dry_run {
        consent(args).await?;
        for stack in &stacks {
            control.apply(stack, false).await?;
        }
    }
    control.close(false).await;
    if args.json {
        out.json(&all)?;
    } else if !all.is_empty() {
        out.line(if args.dry_run { "dry run: nothing was changed" } else { "applied" })?;
    }
    Ok(Code::Succeeded)
}

async fn consent(args: &Args) -> Result<(), Stop> {
    if args.yes || args.json || !can_ask() {
        return Ok(());
    }
    match ask("apply these changes? [y/N] ").await?.as_deref().map(str::trim) {
        Some("y" | "Y" | "yes") => Ok(()),
        _ => Err(Stop::Usage("not confirmed; nothing was changed".to_owned())),
    }
}

/// One stack per workspace. All problems of all files, or none.
fn read(files: &[PathBuf]) -> Result<Vec<Stack>, Stop> {
    let mut stacks: Vec<Stack> = Vec::new();
    let mut problems = Vec::new();
    for file in files {
        let name = file.display().to_string();
        match config::read_text(file).and_then(|text| config::stack::read(&name, &text)) {
            Err(found) => problems.extend(found),
            Ok(stack) if stacks.iter().any(|s| s.workspace == stack.workspace) => problems.push(Problem {
                file: name,
                line: 0,
                key: "workspace".to_owned(),
                message: format!("{} is already in an earlier file; a workspace is one file", stack.workspace),
            }),
            Ok(stack) => stacks.push(stack),
        }
    }
    if problems.is_empty() { Ok(stacks) } else { Err(Stop::Problems(problems)) }
}

fn show(out: &mut Out, stack: &Stack, changes: &[Change]) -> Result<(), Stop> {
    if changes.is_empty() {
        return out.line(&format!("{}: nothing to change", stack.workspace));
    }
    out.line(&format!("{}: {} change(s)", stack.workspace, changes.len()))?;
    changes.iter().flat_map(describe).try_for_each(|line| out.line(&line))
}
