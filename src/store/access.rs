//! The audit log: one row per decision, written in the transaction that applies it.

use sqlx::QueryBuilder;

use crate::core::base::time::Timestamp;
use crate::core::run::act::audit_word;
use crate::core::run::{AuditRow, RunId};

use super::db::{Tx, text, text_opt};
use super::rows::AuditRecord;
use super::{Store, StoreError};

const INSERT: &str = "insert into audit (workspace_id, at, actor, action, object, before, after, reason) \
     values ($1, $2, $3, $4, $5, $6, $7, $8)";
const NEWEST: &str = "select id, at, actor, action, object, before, after, reason from audit \
     where workspace_id = $1 order by id desc limit $2";
const ROWS: &str =
    "select id, at, actor, action, object, before, after, reason from audit where workspace_id = ";
/// The newest row; the newest after $2, and the newest of those that is of an applied stack, or of a
/// lock. Each reads the end of an index.
pub(super) const NEWEST_ID: &str = "select coalesce(max(id), 0) from audit where workspace_id = $1";
const AFTER: &str = "select coalesce(max(id), $2), coalesce(max(case when action = $3 then id end), 0), \
     coalesce(max(case when action in ($4, $5) then id end), 0) from audit where workspace_id = $1 and id > $2";
/// The action of the rows of an applied stack.
pub(super) const APPLY: &str = "stack.apply";
/// The number of the run a row is about; null when it is about something else. A step's row is
/// `run #41 step deploy web`: only the part before the first blank is a number.
const RUN: &str = "case when object like 'run #%' then cast(nullif(substr(object, 6, \
     length(object) - 5 - length(ltrim(substr(object, 6), '0123456789'))), '') as bigint) end";

/// Which rows of the audit log; newest first.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AuditFilter {
    pub since: Option<Timestamp>,
    pub actor: Option<String>,
    pub run: Option<RunId>,
    /// Decisions about the service itself, and about the runs that worked on it.
    pub service: Option<String>,
    pub env: Option<String>,
    /// At most this many.
    pub limit: u32,
}

/// What rows of the audit log are of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Written {
    /// The number of the newest row.
    pub newest: i64,
    /// An applied stack.
    pub stack: bool,
    /// Locks that people have set or ended.
    pub locks: bool,
}

impl Store {
    /// The newest `limit` rows, newest first.
    pub async fn audit(&self, workspace: i64, limit: u32) -> Result<Vec<AuditRow>, StoreError> {
        let mut db = self.db.read().await?;
        let rows = fetch_all!(db, AuditRecord, NEWEST, workspace, i64::from(limit))?;
        Ok(rows.into_iter().map(AuditRow::from).collect())
    }

    /// The newest row, and what the rows after `after` are of; without `after` of nothing. A row that
    /// is committed after one with a higher number can be missed.
    pub async fn written_after(
        &self,
        workspace: i64,
        after: Option<i64>,
    ) -> Result<Written, StoreError> {
        let mut db = self.db.read().await?;
        let Some(after) = after else {
            let newest = fetch_optional!(db, (i64,), NEWEST_ID, workspace)?;
            return Ok(Written {
                newest: newest.unwrap_or_default().0,
                ..Written::default()
            });
        };
        let row = fetch_optional!(
            db,
            (i64, i64, i64),
            AFTER,
            workspace,
            after,
            APPLY,
            audit_word::LOCK,
            audit_word::UNLOCK
        )?;
        let (newest, applied, locked) = row.unwrap_or((after, 0, 0));
        Ok(Written {
            newest,
            stack: applied > 0,
            locks: locked > 0,
        })
    }

    /// Rows that pass the filter, newest first.
    pub async fn audit_rows(
        &self,
        workspace: i64,
        filter: &AuditFilter,
    ) -> Result<Vec<AuditRow>, StoreError> {
        let mut db = self.db.read().await?;
        let rows = on!(db, conn: D => {
            let mut query = QueryBuilder::<D>::new(ROWS);
            query.push_bind(workspace);
            if let Some(since) = filter.since {
                query.push(" and at >= ").push_bind(since.0);
            }
            if let Some(actor) = &filter.actor {
                query.push(" and actor = ").push_bind(text(actor));
            }
            if let Some(run) = filter.run {
                query.push(" and (object = ").push_bind(format!("run {run}"));
                query.push(" or object like ").push_bind(format!("run {run} step %")).push(")");
            }
            if let Some(service) = &filter.service {
                query.push(" and (object = ").push_bind(format!("service {}", text(service))).push(" or ").push(RUN);
                query.push(" in (select run_id from run_service where service = ").push_bind(text(service)).push("))");
            }
            if let Some(env) = &filter.env {
                query.push(" and (object = ").push_bind(format!("environment {}", text(env))).push(" or ").push(RUN);
                query.push(" in (select id from run where workspace_id = ").push_bind(workspace);
                query.push(" and env = ").push_bind(text(env)).push("))");
            }
            query.push(" order by id desc limit ").push_bind(i64::from(filter.limit));
            query.build_query_as::<AuditRecord>().fetch_all(&mut **conn).await
        })?;
        Ok(rows.into_iter().map(AuditRow::from).collect())
    }
}

/// A decision to be recorded.
pub(super) struct Decision<'a> {
    pub workspace: i64,
    pub at: Timestamp,
    pub actor: &'a str,
    pub action: &'static str,
    /// `run #41`, `service web`.
    pub object: String,
    pub before: Option<String>,
    pub after: Option<String>,
    pub reason: Option<&'a str>,
}

pub(super) async fn insert(tx: &mut Tx, decision: Decision<'_>) -> Result<(), StoreError> {
    let d = &decision;
    execute!(
        tx,
        INSERT,
        d.workspace,
        d.at.0,
        text(d.actor),
        d.action,
        text(&d.object),
        text_opt(d.before.as_deref()),
        text_opt(d.after.as_deref()),
        text_opt(d.reason),
    )?;
    Ok(())
}
