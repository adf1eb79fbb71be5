//! Reading runs: one, a filtered list, the held ones.

use std::collections::HashMap;

use sqlx::QueryBuilder;

use crate::core::base::time::Timestamp;
use crate::core::run::summary::RunSummary;
use crate::core::run::{Run, RunId, RunStep};

use crate::store::db::dialect;
use crate::store::db::{Session, text};
use crate::store::rows::{RunRow, RunSummaryRow, StepRow, all};
use crate::store::{RunFilter, Store, StoreError};

const ONE: &str = "select * from run where id = $1";
const HELD: &str =
    "select * from run where status in ('claimed', 'running', 'waiting') order by id";
const OPEN: &str =
    "select id from run where status in ('queued', 'claimed', 'running', 'waiting') limit 1";
const EXPIRED: &str = "select * from run where status in ('claimed', 'running', 'waiting') and lease_until < $1 order by id";

/// How the conditions of a filter begin; `conditions!` follows. Runs of one state are ordered by
/// number in an index of their own: the plus keeps SQLite from scanning all runs of the workspace
/// instead.
const fn start(filter: &RunFilter) -> &'static str {
    if filter.status.len() == 1 {
        " from run where +workspace_id = "
    } else {
        " from run where workspace_id = "
    }
}

/// Whole runs. Those this version cannot read are listed apart, so that they hide none of the
/// others.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Found {
    pub runs: Vec<Run>,
    /// Written by a newer version, or damaged: which, and why they cannot be read.
    pub unreadable: Vec<(RunId, String)>,
}

/// Runs as a list shows them.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Listed {
    pub runs: Vec<RunSummary>,
    /// Of a state or priority of a newer version: which, and why they cannot be listed.
    pub unreadable: Vec<(RunId, String)>,
    /// For a search: older runs than this one were not searched. `None`: all were.
    pub rest: Option<RunId>,
}

/// Runs scanned by a search per requested match: 5,000 for a page of a hundred.
const SCANNED_PER_MATCH: u32 = 50;

/// The conditions of a filter on the runs of a workspace, after `where workspace_id = `.
macro_rules! conditions {
    ($query:ident, $workspace:expr, $filter:expr) => {{
        let filter: &RunFilter = $filter;
        $query.push_bind($workspace);
        if let [status] = filter.status.as_slice() {
            $query.push(" and status = ").push_bind(status.name());
        } else if !filter.status.is_empty() {
            let mut names = $query.push(" and status in (").separated(", ");
            for status in &filter.status {
                names.push_bind(status.name());
            }
            $query.push(")");
        }
        if let Some(runbook) = &filter.runbook {
            $query.push(" and runbook = ").push_bind(text(runbook));
        }
        if let Some(service) = &filter.service {
            $query.push(
                " and exists (select 1 from run_service s where s.run_id = run.id and s.service = ",
            );
            $query.push_bind(text(service)).push(")");
        }
        if let Some(env) = &filter.env {
            $query.push(" and env = ").push_bind(text(env));
        }
        if let Some(actor) = &filter.actor {
            $query.push(" and actor = ").push_bind(text(actor));
        }
        if let Some(since) = filter.since {
            $query.push(" and requested_at >= ").push_bind(since.0);
        }
        if let Some(before) = filter.before {
            $query.push(" and id < ").push_bind(before.0);
        }
    }};
}

/// The numbers of runs, separated by commas.
macro_rules! ids {
    ($query:ident, $runs:expr) => {{
        let mut list = $query.separated(", ");
        for run in $runs {
            list.push_bind(run.0);
        }
    }};
}

impl Found {
    fn extend(&mut self, rows: Vec<RunRow>) {
        for row in rows {
            let id = RunId(row.id);
            match Run::try_from(row) {
                Ok(run) => self.runs.push(run),
                Err(why) => self.unreadable.push((id, why.to_string())),
            }
        }
    }
}

impl Listed {
    /// The first `limit` runs for which `wanted` holds; those that cannot be read count too. `rest`
    /// is the last of them when there are so many.
    fn of(rows: Vec<RunSummaryRow>, limit: usize, wanted: impl Fn(&RunSummary) -> bool) -> Self {
        let mut listed = Self::default();
        for row in rows {
            let id = RunId(row.id);
            match RunSummary::try_from(row) {
                Ok(run) if wanted(&run) => listed.runs.push(run),
                Ok(_) => continue,
                Err(why) => listed.unreadable.push((id, why.to_string())),
            }
            if listed.runs.len() + listed.unreadable.len() == limit {
                listed.rest = Some(id);
                break;
            }
        }
        listed
    }
}

/// Sets the services of some runs.
async fn name_services(db: &mut Session, runs: &mut [RunSummary]) -> Result<(), StoreError> {
    if runs.is_empty() {
        return Ok(());
    }
    let named = on!(db, conn: D => {
        let mut query =
            QueryBuilder::<D>::new("select run_id, service from run_service where run_id in (");
        ids!(query, runs.iter().map(|run| run.id));
        query.push(") order by run_id, service");
        query.build_query_as::<(i64, String)>().fetch_all(&mut **conn).await
    })?;
    let mut services: HashMap<i64, Vec<String>> = HashMap::new();
    for (run, service) in named {
        services.entry(run).or_default().push(service);
    }
    for run in runs {
        run.services = services.remove(&run.id.0).unwrap_or_default();
    }
    Ok(())
}

impl Store {
    /// One run.
    pub async fn run(&self, run: RunId) -> Result<Run, StoreError> {
        let mut db = self.db.read().await?;
        let row = fetch_optional!(db, RunRow, ONE, run.0)?;
        row.ok_or_else(|| StoreError::NotFound(format!("run {run}")))?
            .try_into()
    }

    /// Runs that pass the filter, newest first, without their plans. A search for a text reads
    /// `SCANNED_PER_MATCH` runs for each one that it may find.
    pub async fn runs(&self, workspace: i64, filter: &RunFilter) -> Result<Listed, StoreError> {
        let holds = filter.holds.as_deref().unwrap_or_default().to_lowercase();
        let most = if holds.is_empty() {
            filter.limit
        } else {
            filter.limit.saturating_mul(SCANNED_PER_MATCH)
        };
        let mut db = self.db.read().await?;
        let rows = on!(db, conn: D => {
            let mut query = QueryBuilder::<D>::new("select ");
            query.push(RunSummaryRow::COLUMNS).push(start(filter));
            conditions!(query, workspace, filter);
            query.push(" order by id desc limit ").push_bind(i64::from(most));
            query.build_query_as::<RunSummaryRow>().fetch_all(&mut **conn).await
        })?;
        let mut listed = if holds.is_empty() {
            Listed::of(rows, usize::MAX, |_| true)
        } else {
            let all = rows.len() < most as usize;
            let last = rows.last().map(|row| RunId(row.id));
            let listed = Listed::of(rows, filter.limit as usize, |run| {
                run.line().to_lowercase().contains(&holds)
            });
            Listed {
                rest: listed.rest.or(last.filter(|_| !all)),
                ..listed
            }
        };
        for part in listed.runs.chunks_mut(dialect::ROWS_PER_INSERT) {
            name_services(&mut db, part).await?;
        }
        Ok(listed)
    }

    /// The newest run of each of these runbooks in the workspace, by its runbook. Each is looked up in
    /// the index by itself: how many runs there are does not matter.
    pub async fn last_runs(
        &self,
        workspace: i64,
        runbooks: &[&str],
    ) -> Result<HashMap<String, RunSummary>, StoreError> {
        let mut db = self.db.read().await?;
        let mut found = HashMap::new();
        for part in runbooks.chunks(dialect::ROWS_PER_INSERT) {
            let newest = on!(db, conn: D => {
                let mut query = QueryBuilder::<D>::new(
                    "select column1, (select r.id from run r where r.workspace_id = ",
                );
                query.push_bind(workspace);
                query.push(" and r.runbook = n.column1 order by r.id desc limit 1) from (values (");
                let mut names = query.separated("), (");
                for runbook in part {
                    names.push_bind(text(runbook));
                }
                query.push(")) as n");
                query.build_query_as::<(String, Option<i64>)>().fetch_all(&mut **conn).await
            })?;
            let mut newest: HashMap<i64, String> = newest
                .into_iter()
                .filter_map(|(runbook, run)| Some((run?, runbook)))
                .collect();
            if newest.is_empty() {
                continue;
            }
            let rows = on!(db, conn: D => {
                let mut query = QueryBuilder::<D>::new("select ");
                query.push(RunSummaryRow::COLUMNS);
                query.push(" from run where id in (");
                ids!(query, newest.keys().map(|id| RunId(*id)));
                query.push(")");
                query.build_query_as::<RunSummaryRow>().fetch_all(&mut **conn).await
            })?;
            let listed = Listed::of(rows, usize::MAX, |_| true);
            for run in listed.runs {
                found.extend(newest.remove(&run.id.0).map(|runbook| (runbook, run)));
            }
        }
        Ok(found)
    }

    /// These runs of the workspace with their plans, newest first.
    pub async fn whole_runs(&self, workspace: i64, runs: &[RunId]) -> Result<Found, StoreError> {
        let mut found = Found::default();
        let mut db = self.db.read().await?;
        for part in runs.chunks(dialect::ROWS_PER_INSERT) {
            let rows = on!(db, conn: D => {
                let mut query = QueryBuilder::<D>::new("select * from run where workspace_id = ");
                query.push_bind(workspace).push(" and id in (");
                ids!(query, part.iter());
                query.push(") order by id desc");
                query.build_query_as::<RunRow>().fetch_all(&mut **conn).await
            })?;
            found.extend(rows);
        }
        Ok(found)
    }

    /// Held runs with a lease that ended before `at`, with their holders.
    pub async fn expired(&self, at: Timestamp) -> Result<Vec<Run>, StoreError> {
        let mut db = self.db.read().await?;
        all(fetch_all!(db, RunRow, EXPIRED, at.0)?)
    }

    /// All held runs (claimed, running, waiting).
    pub async fn held(&self) -> Result<Found, StoreError> {
        let mut db = self.db.read().await?;
        let mut held = Found::default();
        held.extend(fetch_all!(db, RunRow, HELD)?);
        Ok(held)
    }

    /// Whether no run of any workspace is queued or active.
    pub async fn is_idle(&self) -> Result<bool, StoreError> {
        let mut db = self.db.read().await?;
        Ok(fetch_optional!(db, (i64,), OPEN)?.is_none())
    }

    /// The steps of a run in order, the finally steps last.
    pub async fn steps(&self, run: RunId) -> Result<Vec<RunStep>, StoreError> {
        let mut db = self.db.read().await?;
        all(fetch_all!(db, StepRow, StepRow::ALL, run.0)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::run::RunStatus;

    #[test]
    fn the_sql_knows_exactly_the_held_states() {
        for status in RunStatus::ALL {
            let named = HELD.contains(&format!("'{}'", status.name()));
            assert_eq!(named, status.is_held(), "{status:?}");
        }
    }
}
