//! Reading runs: one, a filtered list, the held ones.

use sqlx::QueryBuilder;

use crate::core::run::{Run, RunId, RunStep};
use crate::core::time::Timestamp;

use super::db::text;
use super::rows::{RunRow, StepRow, all};
use super::{RunFilter, Store, StoreError};

const ONE: &str = "select * from run where id = $1";
const HELD: &str = "select * from run where status in ('claimed', 'running', 'waiting') order by id";
const OPEN: &str = "select id from run where status in ('queued', 'claimed', 'running', 'waiting') limit 1";
const EXPIRED: &str =
    "select * from run where status in ('claimed', 'running', 'waiting') and lease_until < $1 order by id";
const STEPS: &str = "select position, status, attempt, started_at, finished_at, message from run_step \
     where run_id = $1 order by position";

const OF_WORKSPACE: &str = "select * from run where workspace_id = ";
/// Runs of one state stand in the order of their numbers in an index of its own. The plus keeps SQLite from going through
/// all runs of the workspace instead.
const OF_STATUS: &str = "select * from run where +workspace_id = ";

/// Runs that were asked for. One that this version cannot read stands beside the others, so that it hides none of them.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Found {
    pub runs: Vec<Run>,
    /// Written by a version that knows more, or damaged: which, and why they cannot be read.
    pub unreadable: Vec<(RunId, String)>,
}

impl Found {
    fn of(rows: Vec<RunRow>) -> Self {
        let mut found = Self::default();
        for row in rows {
            let id = RunId(row.id);
            match Run::try_from(row) {
                Ok(run) => found.runs.push(run),
                Err(why) => found.unreadable.push((id, why.to_string())),
            }
        }
        found
    }
}

impl Store {
    /// One run.
    pub async fn run(&self, run: RunId) -> Result<Run, StoreError> {
        let mut db = self.db.read().await?;
        let row = fetch_optional!(db, RunRow, ONE, run.0)?;
        row.ok_or_else(|| StoreError::NotFound(format!("run {run}")))?.try_into()
    }

    /// Runs that pass the filter, newest first.
    pub async fn runs(&self, workspace: i64, filter: &RunFilter) -> Result<Found, StoreError> {
        let mut db = self.db.read().await?;
        let rows = on!(db, conn: D => {
            let mut query = QueryBuilder::<D>::new(if filter.status.len() == 1 { OF_STATUS } else { OF_WORKSPACE });
            query.push_bind(workspace);
            if let [status] = filter.status.as_slice() {
                query.push(" and status = ").push_bind(status.name());
            } else if !filter.status.is_empty() {
                let mut names = query.push(" and status in (").separated(", ");
                for status in &filter.status {
                    names.push_bind(status.name());
                }
                query.push(")");
            }
            if let Some(runbook) = &filter.runbook {
                query.push(" and runbook = ").push_bind(text(runbook));
            }
            if let Some(service) = &filter.service {
                query.push(" and exists (select 1 from run_service s where s.run_id = run.id and s.service = ");
                query.push_bind(text(service)).push(")");
            }
            if let Some(env) = &filter.env {
                query.push(" and env = ").push_bind(text(env));
            }
            if let Some(since) = filter.since {
                query.push(" and requested_at >= ").push_bind(since.0);
            }
            if let Some(before) = filter.before {
                query.push(" and id < ").push_bind(before.0);
            }
            query.push(" order by id desc limit ").push_bind(i64::from(filter.limit));
            query.build_query_as::<RunRow>().fetch_all(&mut **conn).await
        })?;
        Ok(Found::of(rows))
    }

    /// Held runs with a lease that ended before `at`, with their holders.
    pub async fn expired(&self, at: Timestamp) -> Result<Vec<Run>, StoreError> {
        let mut db = self.db.read().await?;
        all(fetch_all!(db, RunRow, EXPIRED, at.0)?)
    }

    /// All held runs (claimed, running, waiting).
    pub async fn held(&self) -> Result<Found, StoreError> {
        let mut db = self.db.read().await?;
        Ok(Found::of(fetch_all!(db, RunRow, HELD)?))
    }

    /// Whether no run of any workspace is queued or under way.
    pub async fn is_calm(&self) -> Result<bool, StoreError> {
        let mut db = self.db.read().await?;
        Ok(fetch_optional!(db, (i64,), OPEN)?.is_none())
    }

    /// The steps of a run in order, the finally steps last.
    pub async fn steps(&self, run: RunId) -> Result<Vec<RunStep>, StoreError> {
        let mut db = self.db.read().await?;
        all(fetch_all!(db, StepRow, STEPS, run.0)?)
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
