//! `opsroom runs`: lists the newest runs, filtered; or prints the whole record of one.

use serde::Serialize;

use crate::cli::out::Out;
use crate::cli::run::log::Which;
use crate::cli::session::Start;
use crate::cli::stop::{Code, Stop, print_message};
use crate::control::{RunFilter, RunPage, not_listed};
use crate::core::base::suggest::nearest;
use crate::core::base::time::{Timestamp, human_ms};
use crate::core::run::queue::Queued;
use crate::core::run::summary::RunSummary;
use crate::core::run::{Run, RunId, RunStatus};

/// List runs, newest first, or show the record of one
#[derive(Debug, clap::Args)]
pub struct RunsArgs {
    /// One run and its whole record: a number, `last` or `last-failed`
    #[arg(conflicts_with_all = ["status", "runbook", "service", "env", "actor", "since", "limit"])]
    pub(in crate::cli) run: Option<Which>,
    /// Only runs in this state; may be given several times
    #[arg(long, value_name = "STATUS", value_parser = status)]
    pub(in crate::cli) status: Vec<RunStatus>,
    /// Only runs of this runbook
    #[arg(long, value_name = "NAME")]
    pub(in crate::cli) runbook: Option<String>,
    /// Only runs on this service
    #[arg(long, value_name = "NAME")]
    pub(in crate::cli) service: Option<String>,
    /// Only runs in this environment
    #[arg(long, value_name = "NAME")]
    pub(in crate::cli) env: Option<String>,
    /// Only runs that this person asked for
    #[arg(long, value_name = "NAME")]
    pub(in crate::cli) actor: Option<String>,
    /// Only runs requested since: 24h, 02:00, today, yesterday, monday, 2026-11-21 or
    /// 2026-11-21T09:00:00Z (UTC)
    #[arg(long, value_name = "WHEN")]
    pub(in crate::cli) since: Option<String>,
    /// At most this many
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub(in crate::cli) limit: u32,
    /// One JSON array; of one run, one object
    #[arg(long)]
    pub(in crate::cli) json: bool,
}

pub(in crate::cli) async fn perform(args: &RunsArgs, start: &Start) -> Result<Code, Stop> {
    if let Some(which) = &args.run {
        return crate::cli::run::record::print(which, args.json, start).await;
    }
    let now = start.clock.now();
    let since = start.since(args.since.as_deref())?;
    let filter = RunFilter {
        status: args.status.clone(),
        runbook: args.runbook.clone(),
        service: args.service.clone(),
        env: args.env.clone(),
        actor: args.actor.clone(),
        since,
        limit: args.limit,
        ..RunFilter::default()
    };
    let control = start.open_cli().await?;
    let RunPage {
        runs,
        queue,
        unreadable,
        ..
    } = control.runs(&filter).await?;
    let is_named = args.env.is_some() || args.service.is_some() || args.runbook.is_some();
    if is_named && runs.is_empty() && unreadable.is_empty() {
        let stack = control.stack().await?;
        let library = control.library();
        for (option, requested, known) in [
            (
                "--env",
                &args.env,
                stack
                    .environments
                    .iter()
                    .map(|e| &*e.name)
                    .collect::<Vec<_>>(),
            ),
            (
                "--service",
                &args.service,
                stack.services.iter().map(|s| &*s.name).collect(),
            ),
            (
                "--runbook",
                &args.runbook,
                library.names().map(|r| &*r.name).collect(),
            ),
        ] {
            known_name(option, requested.as_deref(), &known)?;
        }
    }
    let whole = if args.json {
        let ids: Vec<RunId> = runs.iter().map(|run| run.id).collect();
        Some(control.whole_runs(&ids).await?)
    } else {
        None
    };
    control.close(false).await;
    let mut out = Out::new();
    if let Some(whole) = &whole {
        let rows = whole.runs.iter().map(|run| Listed {
            run,
            queue: queue.iter().find(|q| q.run == run.id),
        });
        out.json(&rows.collect::<Vec<_>>())?;
    } else {
        let rows: Vec<_> = runs.iter().map(|run| row(run, now, &queue)).collect();
        out.table(["RUN", "STATUS", "REQUESTED", "TOOK", "BY", "WHAT"], &rows)?;
    }
    let damaged = whole.iter().flat_map(|whole| &whole.unreadable);
    for (run, why) in unreadable.iter().chain(damaged) {
        print_message(&not_listed(*run, why));
    }
    Ok(Code::Succeeded)
}

/// For an empty result: an unknown name is an error, not an empty list. Deleted names may still
/// have runs.
fn known_name(option: &str, requested: Option<&str>, known: &[&str]) -> Result<(), Stop> {
    let Some(requested) = requested.filter(|requested| !known.contains(requested)) else {
        return Ok(());
    };
    let hint = match (nearest(requested, known), known) {
        (Some(near), _) => format!("did you mean `{near}`?"),
        (None, []) => "none is known; `opsroom apply FILE` brings some".to_owned(),
        (None, known) => format!("known: {}", known.join(", ")),
    };
    Err(Stop::Usage(format!(
        "{option}: there is no `{requested}`, and no run of it; {hint}"
    )))
}

/// A run as `--json` lists it.
#[derive(Serialize)]
struct Listed<'a> {
    #[serde(flatten)]
    run: &'a Run,
    /// Its position, when it is queued.
    queue: Option<&'a Queued>,
}

fn row(run: &RunSummary, now: Timestamp, queue: &[Queued]) -> [String; 6] {
    let took = run.started_at.map_or_else(
        || "–".to_owned(),
        |from| human_ms(run.finished_at.unwrap_or(now).ms_since(from)),
    );
    let why = run
        .status_reason(queue.iter().find(|q| q.run == run.id))
        .map(|m| format!(": {m}"))
        .unwrap_or_default();
    let priority = if run.priority.is_normal() {
        String::new()
    } else {
        format!(" [{}]", run.priority.name())
    };
    [
        run.id.to_string(),
        run.status.name().to_owned(),
        run.requested_at.rfc3339(),
        took,
        run.actor.clone(),
        format!("{}{priority}{why}", run.title),
    ]
}

fn status(text: &str) -> Result<RunStatus, String> {
    RunStatus::from_name(text)
        .ok_or_else(|| format!("`{text}` is none of {}", RunStatus::NAMES.join(", ")))
}
