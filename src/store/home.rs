//! What home shows beside states and runs: the last changes of services, runs that may need a
//! person, and how a person has set home.

use sqlx::QueryBuilder;

use crate::core::base::time::Timestamp;
use crate::core::health::change::LastChange;
use crate::core::health::matrix::RowSort;
use crate::core::run::RunId;
use crate::core::run::summary::RunSummary;

use super::db::text;
use super::rows::{LastChangeRow, RunSummaryRow};
use super::{Store, StoreError};

/// The run of each service and environment among the newest 5,000 that change something, and
/// the newest edit of each service among the newest 5,000 edits; by service, oldest first.
const CHANGES: &str = "select newest.service, run.env, run.id as run_id, run.runbook as what, \
     run.started_at as at, run.actor from (select s.service, r.id, \
     row_number() over (partition by s.service, r.env order by r.started_at desc, r.id desc) as n from \
     (select id, env, started_at from run where workspace_id = $1 and mutates and started_at is not null \
     order by id desc limit 5000) r join run_service s on s.run_id = r.id) newest join run on run.id = newest.id \
     where newest.n = 1 \
     union all select substr(a.object, 9), null, null, \
     case when a.before is null then 'added' when a.after is null then 'removed' else 'edited' end, a.at, a.actor \
     from audit a where a.id in (select max(id) from (select id, object from audit \
     where workspace_id = $1 and substr(object, 1, 8) = 'service ' order by id desc limit 5000) edits group by object) \
     order by 1, 5, 4";
/// The first condition is that of the index.
const WAITING: &str =
    "status in ('waiting', 'interrupted') and status = 'waiting' order by id limit 50";
const INTERRUPTED: &str =
    "status in ('waiting', 'interrupted') and status = 'interrupted' order by id desc limit 50";
const FAILED: &str = "status in ('failed', 'timed_out') order by id desc limit 50";
const HOME_VIEW: &str =
    "select sort, looked_at from home_view where workspace_id = $1 and actor = $2";
const KEEP_HOME_VIEW: &str = "insert into home_view (workspace_id, actor, sort, looked_at) values ($1, $2, $3, $4) \
     on conflict (workspace_id, actor) do update set sort = excluded.sort, \
     looked_at = case when excluded.looked_at is null or excluded.looked_at < home_view.looked_at \
     then home_view.looked_at else excluded.looked_at end";

/// How a person has set home.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct HomeView {
    pub sort: RowSort,
    /// When the list of runs was last opened; absent: never.
    pub looked_at: Option<Timestamp>,
}

impl Store {
    /// The last changes of the services of a workspace.
    pub async fn last_changes(&self, workspace: i64) -> Result<Vec<LastChange>, StoreError> {
        let mut db = self.db.read().await?;
        let rows = fetch_all!(db, LastChangeRow, CHANGES, workspace)?;
        Ok(rows.into_iter().map(LastChange::from).collect())
    }

    /// Runs that wait (the oldest 50), that were interrupted, and that failed (the newest 50 each).
    /// One that cannot be read is left out: lists of runs report it.
    pub async fn runs_of_concern(&self, workspace: i64) -> Result<Vec<RunSummary>, StoreError> {
        let mut db = self.db.read().await?;
        let mut runs = Vec::new();
        for which in [WAITING, INTERRUPTED, FAILED] {
            let rows = on!(db, conn: D => {
                let mut query = QueryBuilder::<D>::new("select ");
                query.push(RunSummaryRow::COLUMNS).push(" from run where workspace_id = ");
                query.push_bind(workspace).push(" and ").push(which);
                query.build_query_as::<RunSummaryRow>().fetch_all(&mut **conn).await
            })?;
            runs.extend(
                rows.into_iter()
                    .filter_map(|row| RunSummary::try_from(row).ok()),
            );
        }
        Ok(runs)
    }

    /// How a person has set home.
    pub async fn home_view(&self, workspace: i64, actor: &str) -> Result<HomeView, StoreError> {
        let mut db = self.db.read().await?;
        let row = fetch_optional!(db, (String, Option<i64>), HOME_VIEW, workspace, text(actor))?;
        Ok(
            row.map_or_else(HomeView::default, |(sort, looked_at)| HomeView {
                sort: RowSort::from_name(&sort).unwrap_or_default(),
                looked_at: looked_at.map(Timestamp),
            }),
        )
    }

    /// Keeps how a person has set home.
    pub async fn keep_home_view(
        &self,
        workspace: i64,
        actor: &str,
        view: HomeView,
    ) -> Result<(), StoreError> {
        let mut tx = self.db.begin().await?;
        let (sort, looked_at) = (view.sort.name(), view.looked_at.map(|at| at.0));
        execute!(tx, KEEP_HOME_VIEW, workspace, text(actor), sort, looked_at)?;
        tx.commit().await
    }
}

impl From<LastChangeRow> for LastChange {
    fn from(row: LastChangeRow) -> Self {
        Self {
            service: row.service,
            env: row.env,
            run: row.run_id.map(RunId),
            what: row.what,
            at: Timestamp(row.at),
            actor: row.actor,
        }
    }
}
