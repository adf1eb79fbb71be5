//! Finds a run by number or description in the whole store: one resolver for the console, the
//! command bar and the subcommands.

use crate::control::{Control, Refusal, RunFilter, not_listed};
use crate::core::command::run_ref::{Newest, RunRef, one_line};
use crate::core::run::summary::RunSummary;
use crate::core::run::{RunId, RunStatus};
use crate::store::Scope;

/// The run that was found, and a line that describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChosenRun {
    pub run: RunId,
    pub line: String,
}

impl Control {
    /// The run a reference means. If none fits, or several services have different newest runs, it
    /// is refused.
    pub async fn find_run(&self, meant: &RunRef) -> Result<ChosenRun, Refusal> {
        let scope = self.scope().await?;
        let newest = match meant {
            RunRef::Number(run) => {
                scope.glimpse_of(*run).await?;
                return Ok(ChosenRun {
                    run: *run,
                    line: run.to_string(),
                });
            }
            RunRef::Newest(newest) => newest,
        };
        let mut found: Vec<RunSummary> = Vec::new();
        if newest.services.is_empty() {
            found.extend(find_newest(&scope, newest, None).await?);
        }
        for service in &newest.services {
            found.extend(find_newest(&scope, newest, Some(service)).await?);
        }
        found.sort_by_key(|run| std::cmp::Reverse(run.id));
        found.dedup_by_key(|run| run.id);
        let now = self.0.clock.now();
        match found.as_slice() {
            [] => Err(Refusal::Invalid(format!(
                "there is no {newest}; nothing was chosen"
            ))),
            [run] => Ok(ChosenRun {
                run: run.id,
                line: one_line(run, now),
            }),
            several => {
                let lines: Vec<String> = several.iter().map(|run| one_line(run, now)).collect();
                let several = lines.join("; ");
                Err(Refusal::Invalid(format!(
                    "the last {newest} may be one of these, give its number: {several}"
                )))
            }
        }
    }
}

/// The newest run of one service, or of any. Each state is looked up by itself, for which there is
/// an index.
async fn find_newest(
    scope: &Scope,
    newest: &Newest,
    service: Option<&String>,
) -> Result<Option<RunSummary>, Refusal> {
    let states = newest.status();
    let mut found = None;
    if states.is_empty() {
        found = find(scope, newest, service, Vec::new()).await?;
    }
    for status in states {
        let run = find(scope, newest, service, vec![status]).await?;
        found = found
            .into_iter()
            .chain(run)
            .max_by_key(|run: &RunSummary| run.id);
    }
    Ok(found)
}

async fn find(
    scope: &Scope,
    newest: &Newest,
    service: Option<&String>,
    status: Vec<RunStatus>,
) -> Result<Option<RunSummary>, Refusal> {
    let filter = RunFilter {
        status,
        runbook: newest.runbook.clone(),
        service: service.cloned(),
        env: newest.env.clone(),
        since: newest.since.as_ref().map(|since| since.at),
        limit: 1,
        ..RunFilter::default()
    };
    let mut found = scope.runs(&filter).await?;
    match found.unreadable.first() {
        Some((run, why)) => Err(Refusal::Invalid(not_listed(*run, why))),
        None => Ok(found.runs.pop()),
    }
}
