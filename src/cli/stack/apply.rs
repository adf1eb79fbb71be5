//! `opsroom apply`: shows the difference between stack files and the store, then applies it. A
//! second time there is nothing to change.

use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::cli::out::{Out, ask, can_ask};
use crate::cli::session::Start;
use crate::cli::stop::{Code, Stop, print_message};
use crate::config;
use crate::control::Difference;
use crate::core::base::problem::Problem;
use crate::core::stack::service::Stack;
use crate::core::stack::{Change, Deletion, describe};

/// Bring the store in line with stack files
#[derive(Debug, clap::Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own")]
pub struct ApplyArgs {
    /// Stack files, one per workspace
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Show the difference and change nothing
    #[arg(long)]
    dry_run: bool,
    /// Delete what the store has and the file does not name; without it that is kept
    #[arg(long)]
    prune: bool,
    /// Do not ask; needed where there is no terminal
    #[arg(long, short = 'y')]
    yes: bool,
    /// One JSON array, an object for each file: changes (deletions with --prune), and what is kept
    /// without it
    #[arg(long)]
    json: bool,
}

impl ApplyArgs {
    pub(in crate::cli) const fn changes(&self) -> bool {
        !self.dry_run
    }
}

pub(in crate::cli) async fn perform(args: &ApplyArgs, start: &Start) -> Result<Code, Stop> {
    let stacks = read(&args.files)?;
    for file in &args.files {
        let warnings = config::read_text(file)
            .map(|text| config::stack::warnings(&file.display().to_string(), &text));
        for warning in warnings.into_iter().flatten() {
            print_message(&format!("warning: {warning}"));
        }
    }
    let control = start.open_or_make().await?;
    let mut out = Out::new();
    let mut all = Vec::new();
    for (file, stack) in &stacks {
        let difference = control.difference(stack).await;
        let difference = difference.map_err(|refusal| {
            let text = config::read_text(Path::new(file)).unwrap_or_default();
            Stop::of_file(refusal, file, &text)
        })?;
        if !args.prune {
            fits_with_what_is_kept(file, &difference)?;
        }
        if !args.json {
            show(&mut out, &difference, args)?;
        }
        all.push(difference);
    }
    let changes = all
        .iter()
        .any(|difference| difference.wanted(args.prune).next().is_some());
    if changes && !args.dry_run {
        consent(args).await?;
        for difference in &all {
            control.apply(difference, args.prune).await?;
        }
    }
    control.close(false).await;
    if args.json {
        out.json(
            &all.iter()
                .map(|difference| Applied::of(difference, args.prune))
                .collect::<Vec<_>>(),
        )?;
    } else if changes {
        out.line(if args.dry_run {
            "dry run: nothing was changed"
        } else {
            "applied"
        })?;
    }
    Ok(Code::Succeeded)
}

async fn consent(args: &ApplyArgs) -> Result<(), Stop> {
    if args.yes {
        return Ok(());
    }
    if args.json || !can_ask() {
        return Err(Stop::Usage(
            "this changes the store: add --yes to apply it without a question".to_owned(),
        ));
    }
    match ask("apply these changes? [y/N] ")
        .await?
        .as_deref()
        .map(str::trim)
    {
        Some("y" | "Y" | "yes") => Ok(()),
        _ => Err(Stop::Usage("not confirmed; nothing was changed".to_owned())),
    }
}

/// Reads one stack per workspace, with the name of its file. Errors are collected over all files.
fn read(files: &[PathBuf]) -> Result<Vec<(String, Stack)>, Stop> {
    let mut stacks: Vec<(String, Stack)> = Vec::new();
    let mut problems = Vec::new();
    for file in files {
        let name = file.display().to_string();
        match config::read_text(file).and_then(|text| config::stack::read(&name, &text)) {
            Err(found) => problems.extend(found),
            Ok(stack) if stacks.iter().any(|(_, s)| s.workspace == stack.workspace) => problems
                .push(Problem {
                    file: name,
                    line: 0,
                    key: "workspace".to_owned(),
                    message: format!(
                        "{} is already in an earlier file; a workspace is one file",
                        stack.workspace
                    ),
                }),
            Ok(stack) => stacks.push((name, stack)),
        }
    }
    if problems.is_empty() {
        Ok(stacks)
    } else {
        Err(Stop::Problems(problems))
    }
}

/// Checks that the file and the objects kept in the store form a valid stack: an alias in the file
/// may be the name of a kept object.
fn fits_with_what_is_kept(file: &str, difference: &Difference) -> Result<(), Stop> {
    if difference.deletions.is_empty() {
        return Ok(());
    }
    let together = config::stack::write(&difference.after(false));
    let Err(problems) = config::stack::read(file, &together) else {
        return Ok(());
    };
    let kept: Vec<String> = difference
        .deletions
        .iter()
        .map(|deletion| deletion.change.object())
        .collect();
    let problems: Vec<&str> = problems
        .iter()
        .map(|problem| problem.message.as_str())
        .collect();
    Err(Stop::Usage(format!(
        "{file} does not fit with what the store keeps ({}): {}; delete that with --prune, or name it in the file",
        kept.join(", "),
        problems.join("; ")
    )))
}

fn show(out: &mut Out, difference: &Difference, args: &ApplyArgs) -> Result<(), Stop> {
    let workspace = &difference.workspace;
    match difference.wanted(args.prune).count() {
        0 => out.line(&format!("{workspace}: nothing to change"))?,
        count => out.line(&format!("{workspace}: {count} change(s)"))?,
    }
    for Deletion { change, attached } in &difference.deletions {
        let (object, attached) = (change.object(), attached.to_string());
        let attached = if attached.is_empty() {
            attached
        } else {
            format!(" ({attached})")
        };
        out.line(&if args.prune {
            format!("- {object}{attached}")
        } else {
            format!(
                "kept: {object} is in the store but not in the file; --prune deletes it{attached}"
            )
        })?;
    }
    difference
        .changes
        .iter()
        .flat_map(describe)
        .try_for_each(|line| out.line(&line))
}

/// The output of `--json` for one file.
#[derive(Serialize)]
struct Applied<'a> {
    workspace: &'a str,
    changes: Vec<&'a Change>,
    /// In the store but not in the file, and not deleted.
    kept: &'a [Deletion],
}

impl<'a> Applied<'a> {
    fn of(difference: &'a Difference, prune: bool) -> Self {
        Self {
            workspace: &difference.workspace,
            changes: difference.wanted(prune).collect(),
            kept: if prune { &[] } else { &difference.deletions },
        }
    }
}
