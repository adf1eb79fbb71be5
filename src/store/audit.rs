//! The audit log: one row per decision, written in the transaction of what was decided.

use crate::core::run::AuditRow;
use crate::core::time::Timestamp;

use super::db::{Tx, text, text_opt};
use super::rows::AuditRecord;
use super::{Store, StoreError};

const INSERT: &str = "insert into audit (workspace_id, at, actor, action, object, before, after, reason) \
     values ($1, $2, $3, $4, $5, $6, $7, $8)";
const NEWEST: &str = "select id, at, actor, action, object, before, after, reason from audit \
     where workspace_id = $1 order by id desc limit $2";

impl Store {
    /// The newest `limit` rows, newest first.
    pub async fn audit(&self, workspace: i64, limit: u32) -> Result<Vec<AuditRow>, StoreError> {
        let mut db = self.db.read().await?;
        let rows = fetch_all!(db, AuditRecord, NEWEST, workspace, i64::from(limit))?;
        Ok(rows.into_iter().map(AuditRow::from).collect())
    }
}

/// A decision about to be written down.
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
