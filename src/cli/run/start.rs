//! `opsroom start`: lists and starts queued runs whose submitting process is gone.

use serde::Serialize;

use crate::cli::out::Out;
use crate::cli::run::act::{self, Terms};
use crate::cli::run::log::Which;
use crate::cli::session::Start;
use crate::cli::stop::{Code, Stop};
use crate::control::run::left_over;
use crate::control::{Control, LeftOver};
use crate::core::base::time::Timestamp;
use crate::core::run::RunId;
use crate::core::run::act::{Act, Acted};

/// List queued runs that no engine takes by itself, or start one of them
#[derive(Debug, clap::Args)]
pub struct StartArgs {
    /// Its number, or `last`; without it they are listed
    #[arg(value_name = "RUN")]
    run: Option<Which>,
    /// Start all of them, one after the other
    #[arg(long, conflicts_with = "run")]
    all: bool,
    /// Do not ask before starting (protected environments still want --confirm)
    #[arg(short = 'y', long)]
    yes: bool,
    /// The words a protected environment asks for: `prod web`
    #[arg(long, value_name = "WORDS")]
    confirm: Option<String>,
    /// Why, kept in the log of the run and in the audit log
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    /// The list as one JSON array; of a run one JSON object per line: run, entries, end
    #[arg(long)]
    json: bool,
}

impl StartArgs {
    pub(in crate::cli) const fn changes(&self) -> bool {
        self.run.is_some() || self.all
    }
}

/// A queued run as `--json` lists it.
#[derive(Serialize)]
struct Listed<'a> {
    run: RunId,
    title: Option<&'a str>,
    actor: Option<&'a str>,
    queued_at: Timestamp,
    queued_by: Option<&'a str>,
}

pub(in crate::cli) async fn perform(args: &StartArgs, start: &Start) -> Result<Code, Stop> {
    let control = start.open_cli().await?;
    let runs = match &args.run {
        Some(which) => vec![which.find(&control).await?],
        None if args.all => control
            .left_over()
            .await?
            .iter()
            .map(|waits| waits.run)
            .collect(),
        None => return list(args, &control).await,
    };
    let Some((last, before)) = runs.split_last() else {
        control.close(false).await;
        Out::new().line("no run waits in the queue to be started")?;
        return Ok(Code::Succeeded);
    };
    for run in before {
        begin(args, &control, *run).await?;
        control.idle().await;
    }
    let acted = begin(args, &control, *last).await?;
    act::finish(&control, acted, args.json).await
}

async fn begin(args: &StartArgs, control: &Control, run: RunId) -> Result<Acted, Stop> {
    let start = Act::Start {
        run,
        typed: None,
        reason: args.reason.clone(),
    };
    let terms = Terms {
        yes: args.yes,
        confirm: args.confirm.as_ref(),
        json: args.json,
        ..Terms::default()
    };
    act::begin(control, start, terms).await
}

async fn list(args: &StartArgs, control: &Control) -> Result<Code, Stop> {
    let waiting = control.left_over().await?;
    let now = control.clock().now();
    control.close(false).await;
    let mut out = Out::new();
    if args.json {
        out.json(&waiting.iter().map(listed).collect::<Vec<_>>())?;
        return Ok(Code::Succeeded);
    }
    match left_over::describe(&waiting, now) {
        None => out.line("no run waits in the queue to be started")?,
        Some(what) => {
            let rows: Vec<_> = waiting.iter().map(row).collect();
            out.table(["RUN", "SINCE", "BY", "QUEUED BY", "WHAT"], &rows)?;
            out.line(&format!(
                "{what}: opsroom start RUN (or --all), opsroom cancel RUN (or --waiting)"
            ))?;
        }
    }
    Ok(Code::Succeeded)
}

fn listed(waits: &LeftOver) -> Listed<'_> {
    Listed {
        run: waits.run,
        title: waits.title.as_deref(),
        actor: waits.actor.as_deref(),
        queued_at: waits.queued_at,
        queued_by: waits.process.as_deref(),
    }
}

fn row(waits: &LeftOver) -> [String; 5] {
    let or_dash = |text: &Option<String>| text.clone().unwrap_or_else(|| "–".to_owned());
    [
        waits.run.to_string(),
        waits.queued_at.rfc3339(),
        or_dash(&waits.actor),
        or_dash(&waits.process),
        or_dash(&waits.title),
    ]
}
