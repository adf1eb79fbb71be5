//! The runbooks as people look at them: the list with the last run of each, and one with its text.

use std::path::PathBuf;

use serde::Serialize;

use super::text_of;
use crate::control::{Control, Refusal, RunFilter};
use crate::core::base::suggest::nearest;
use crate::core::base::time::{Timestamp, age};
use crate::core::run::summary::RunSummary;
use crate::core::run::{RunId, RunStatus};
use crate::core::runbook::Runbook;
use crate::core::runbook::sheet::{RunbookEntry, Sheet};

/// Runs shown with a runbook.
const LAST_RUNS: u32 = 5;

/// A runbook in the list.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RunbookRow {
    #[serde(flatten)]
    pub entry: RunbookEntry,
    /// Its newest run; absent: never run here.
    pub last: Option<LastRun>,
}

/// A run of a runbook.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LastRun {
    pub run: RunId,
    pub title: String,
    pub status: RunStatus,
    pub actor: String,
    /// When it ended, or when it was requested if it has not.
    pub at: Timestamp,
}

/// One runbook with everything about it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RunbookSheet {
    #[serde(flatten)]
    pub sheet: Sheet,
    /// The text of its file; absent: it cannot be read any more.
    pub text: Option<String>,
    /// Its newest runs, newest first.
    pub runs: Vec<LastRun>,
}

impl From<&RunSummary> for LastRun {
    fn from(run: &RunSummary) -> Self {
        Self {
            run: run.id,
            title: run.title.clone(),
            status: run.status,
            actor: run.actor.clone(),
            at: run.finished_at.unwrap_or(run.requested_at),
        }
    }
}

impl LastRun {
    /// `#41 succeeded 12 min ago`.
    #[must_use]
    pub fn describe(&self, now: Timestamp) -> String {
        let status = self.status.name().replace('_', " ");
        format!(
            "{} {status} {} ago",
            self.run,
            age(now.ms_since(self.at).max(0))
        )
    }
}

impl RunbookSheet {
    /// As lines for people. Texts of files and runs are not escaped.
    #[must_use]
    pub fn lines(&self, now: Timestamp) -> Vec<String> {
        let mut lines = self.sheet.lines();
        lines.extend([String::new(), "Last runs".to_owned()]);
        if self.runs.is_empty() {
            lines.push("  never run here".to_owned());
        }
        lines.extend(
            self.runs
                .iter()
                .map(|run| format!("  {} by {}: {}", run.describe(now), run.actor, run.title)),
        );
        lines.extend([String::new(), "Text".to_owned()]);
        match &self.text {
            Some(text) => lines.extend(text.lines().map(|line| format!("  {line}"))),
            None => lines.push("  (the file cannot be read any more)".to_owned()),
        }
        lines
    }
}

impl Control {
    /// All runbooks, built-in ones first, with the newest run of each.
    pub async fn runbooks(&self) -> Result<Vec<RunbookRow>, Refusal> {
        let library = self.library();
        let last = match self.known_scope() {
            Some(scope) => {
                let names: Vec<&str> = library.names().map(|r| r.name.as_str()).collect();
                scope.last_runs(&names).await?
            }
            None => std::collections::HashMap::new(),
        };
        let row = |runbook: &Runbook| RunbookRow {
            entry: runbook.entry(),
            last: last.get(&runbook.name).map(LastRun::from),
        };
        Ok(library.all().map(row).collect())
    }

    /// A runbook, by its name in any case.
    pub async fn runbook(&self, name: &str) -> Result<RunbookSheet, Refusal> {
        let library = self.library();
        let exact = library.get(name);
        let alike = || {
            let mut all = library.names();
            let alike = all.find(|known| known.name.eq_ignore_ascii_case(name))?;
            library.get(&alike.name)
        };
        let Some(runbook) = exact.or_else(alike) else {
            let names: Vec<&str> = library.names().map(|r| r.name.as_str()).collect();
            let hint = nearest(name, &names).map_or_else(
                || "`opsroom runbooks` lists them".to_owned(),
                |near| format!("did you mean {near}?"),
            );
            return Err(Refusal::Invalid(format!(
                "there is no runbook {name}; {hint}"
            )));
        };
        let filter = RunFilter {
            runbook: Some(runbook.name.clone()),
            limit: LAST_RUNS,
            ..RunFilter::default()
        };
        let runs = match self.known_scope() {
            Some(scope) => scope.runs(&filter).await?.runs,
            None => Vec::new(),
        };
        let text = if let Some(text) = runbook.built_in_text() {
            Some(text.to_owned())
        } else {
            let file = PathBuf::from(&runbook.definition.source.file);
            let read = tokio::task::spawn_blocking(move || text_of(&file).ok()).await;
            read.ok().flatten()
        };
        Ok(RunbookSheet {
            sheet: runbook.sheet(),
            text,
            runs: runs.iter().map(LastRun::from).collect(),
        })
    }
}
