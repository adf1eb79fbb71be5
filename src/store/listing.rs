//! Reading runs: one, a filtered list, the held ones.

use sqlx::QueryBuilder;

use crate::core::base::time::Timestamp;
use crate::core::run::queue::Priority;
use crate::core::run::{Run, RunId, RunStatus, RunStep, listed};

use super::db::text;
use super::rows::{RunRow, StepRow, all};
use super::{RunFilter, Store, StoreError};

const ONE: &str = "select * from run where id = $1";
const HELD: &str =
    "select * from run where status in ('claimed', 'running', 'waiting') order by id";
const OPEN: &str =
    "select id from run where status in ('queued', 'claimed', 'running', 'waiting') limit 1";
const EXPIRED: &str = "select * from run where status in ('claimed', 'running', 'waiting') and lease_until < $1 order by id";
const STEPS: &str = "select position, status, attempt, started_at, finished_at, message from run_step \
     where run_id = $1 order by position";

const OF_WORKSPACE: &str = "select * from run where workspace_id = ";
/// Runs of one state are ordered by number in an index of their own. The plus keeps SQLite from
/// scanning all runs of the workspace instead.
const OF_STATUS: &str = "select * from run where +workspace_id = ";

/// How the query of a filter begins; [`conditions`] follows.
const fn start(filter: &RunFilter) -> &'static str {
    if filter.status.len() == 1 {
        OF_STATUS
    } else {
        OF_WORKSPACE
    }
}

/// The runs found. Runs this version cannot read are listed apart, so that they hide none of the
/// others.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Found {
    pub runs: Vec<Run>,
    /// Written by a newer version, or damaged: which, and why they cannot be read.
    pub unreadable: Vec<(RunId, String)>,
    /// For a search: older runs than this one were not searched. `None`: all were.
    pub rest: Option<RunId>,
}

/// Runs scanned by a search per requested match: 5,000 for a page of a hundred.
const SCANNED_PER_MATCH: u32 = 50;
/// The title is within this many characters of a stored plan.
const TITLE_WITHIN: i32 = 1024;

/// The columns a run's line in a list is made of: number, status, priority, actor, and the
/// beginning of its plan.
type Listed = (i64, String, String, String, String);

/// Whether its line may contain a lower-case text. If parts cannot be read here, the whole run
/// decides.
fn may_hold((id, status, priority, actor, plan): &Listed, text: &str) -> bool {
    let known = RunStatus::from_name(status)
        .zip(Priority::from_name(priority))
        .zip(title(plan));
    known.is_none_or(|((status, priority), title)| {
        listed(RunId(*id), status, priority, &title, actor)
            .to_lowercase()
            .contains(text)
    })
}

/// The title in the beginning of a stored plan.
fn title(head: &str) -> Option<String> {
    let (_, from) = head.split_once("\"title\":")?;
    serde_json::Deserializer::from_str(from)
        .into_iter::<String>()
        .next()?
        .ok()
}

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
        if let Some(since) = filter.since {
            $query.push(" and requested_at >= ").push_bind(since.0);
        }
        if let Some(before) = filter.before {
            $query.push(" and id < ").push_bind(before.0);
        }
    }};
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
        row.ok_or_else(|| StoreError::NotFound(format!("run {run}")))?
            .try_into()
    }

    /// Runs that pass the filter, newest first.
    pub async fn runs(&self, workspace: i64, filter: &RunFilter) -> Result<Found, StoreError> {
        if let Some(holds) = filter
            .holds
            .as_deref()
            .map(str::to_lowercase)
            .filter(|holds| !holds.is_empty())
        {
            return self.search(workspace, filter, &holds).await;
        }
        let mut db = self.db.read().await?;
        let rows = on!(db, conn: D => {
            let mut query = QueryBuilder::<D>::new(start(filter));
            conditions!(query, workspace, filter);
            query.push(" order by id desc limit ").push_bind(i64::from(filter.limit));
            query.build_query_as::<RunRow>().fetch_all(&mut **conn).await
        })?;
        Ok(Found::of(rows))
    }

    /// Runs whose line in a list contains a text: at most the filter's limit, among the newest
    /// ([`SCANNED_PER_MATCH`] for each).
    async fn search(
        &self,
        workspace: i64,
        filter: &RunFilter,
        holds: &str,
    ) -> Result<Found, StoreError> {
        let most = filter.limit.saturating_mul(SCANNED_PER_MATCH);
        let mut db = self.db.read().await?;
        let scanned = on!(db, conn: D => {
            let mut query = QueryBuilder::<D>::new("select id, status, priority, actor, substr(plan, 1, ");
            query.push_bind(TITLE_WITHIN).push(") as head from run where workspace_id = ");
            conditions!(query, workspace, filter);
            query.push(" order by id desc limit ").push_bind(i64::from(most));
            query.build_query_as::<Listed>().fetch_all(&mut **conn).await
        })?;
        let limit = filter.limit as usize;
        let ids: Vec<i64> = scanned
            .iter()
            .filter(|run| may_hold(run, holds))
            .take(limit)
            .map(|run| run.0)
            .collect();
        let ended = scanned.len() < most as usize;
        let rest = if ids.len() == limit {
            ids.last().copied()
        } else {
            scanned.last().map(|run| run.0)
        };
        let rest = rest.filter(|_| !ended || ids.len() == limit).map(RunId);
        if ids.is_empty() {
            return Ok(Found {
                rest,
                ..Found::default()
            });
        }
        let rows = on!(db, conn: D => {
            let mut query = QueryBuilder::<D>::new("select * from run where id in (");
            let mut list = query.separated(", ");
            for id in &ids {
                list.push_bind(*id);
            }
            query.push(") order by id desc");
            query.build_query_as::<RunRow>().fetch_all(&mut **conn).await
        })?;
        let mut found = Found {
            rest,
            ..Found::of(rows)
        };
        let line = |run: &Run| {
            listed(
                run.id,
                run.status,
                run.priority,
                &run.plan.title,
                &run.actor,
            )
            .to_lowercase()
        };
        found.runs.retain(|run| line(run).contains(holds));
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
        Ok(Found::of(fetch_all!(db, RunRow, HELD)?))
    }

    /// Whether no run of any workspace is queued or active.
    pub async fn is_idle(&self) -> Result<bool, StoreError> {
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

    #[test]
    fn the_title_is_read_from_the_beginning_of_a_plan() {
        let plan = crate::core::run::plan::Plan {
            title: "say \"hi\" → prod".into(),
            ..crate::core::run::plan::Plan::default()
        };
        let stored = serde_json::to_string(&plan).unwrap();
        assert_eq!(title(&stored[..200]).as_deref(), Some("say \"hi\" → prod"));
        assert_eq!(
            (title("{\"runbook\":\"x\""), title("\"title\":\"cut o")),
            (None, None)
        );
    }

    #[test]
    fn the_sql_knows_exactly_the_held_states() {
        for status in RunStatus::ALL {
            let named = HELD.contains(&format!("'{}'", status.name()));
            assert_eq!(named, status.is_held(), "{status:?}");
        }
    }
}
