//! What consoles and engines keep beside runs: audit reading, command history, who is there.

use super::db::{on, write};
use super::{EngineRow, Store, StoreError, column};
use crate::core::run::AuditRow;
use crate::core::time::Timestamp;

const AUDIT: &str = "select id, at, actor, action, object, before, after, reason from audit \
     where workspace_id = $1 order by id desc limit $2";
const NEWEST: &str = "select text from command_history where workspace_id = $1 and actor = $2 order by id desc limit 1";
const REMEMBER: &str = "insert into command_history (workspace_id, actor, at, text) values ($1, $2, $3, $4)";
const REMEMBERED: &str =
    "select text from command_history where workspace_id = $1 and actor = $2 order by id desc limit $3";
const BEAT: &str = "insert into engine (holder, kind, started_at, seen_at) values ($1, $2, $3, $4) \
     on conflict (holder) do update set seen_at = excluded.seen_at";
const ENGINES: &str = "select holder, kind, started_at, seen_at from engine order by started_at";
const GONE: &str = "delete from engine where holder = $1";

type StoredAudit = (i64, i64, String, String, String, Option<String>, Option<String>, Option<String>);

impl Store {
    /// The newest `limit` audit rows, newest first.
    pub async fn audit(&self, workspace: i64, limit: u32) -> Result<Vec<AuditRow>, StoreError> {
        let rows: Vec<StoredAudit> = on!(self, pool => {
            sqlx::query_as(AUDIT).bind(workspace).bind(i64::from(limit)).fetch_all(pool).await?
        });
        let audit = |(id, at, actor, action, object, before, after, reason)| AuditRow {
            id,
            at: Timestamp(at),
            actor,
            action,
            object,
            before,
            after,
            reason,
        };
        Ok(rows.into_iter().map(audit).collect())
    }

    /// Remembers a line of the command bar; a repetition of the newest is not stored twice.
    pub async fn remember(&self, workspace: i64, actor: &str, text: &str, at: Timestamp) -> Result<(), StoreError> {
        let text = column(text);
        write!(self, tx => {
            let newest: Option<String> =
                sqlx::query_scalar(NEWEST).bind(workspace).bind(actor).fetch_optional(&mut *tx).await?;
            if newest.as_deref() != Some(&text) {
                sqlx::query(REMEMBER).bind(workspace).bind(actor).bind(at.0).bind(text.as_ref())
                    .execute(&mut *tx).await?;
            }
        });
        Ok(())
    }

    /// The newest `limit` lines, newest first.
    pub async fn remembered(&self, workspace: i64, actor: &str, limit: u32) -> Result<Vec<String>, StoreError> {
        Ok(on!(self, pool => {
            sqlx::query_scalar(REMEMBERED).bind(workspace).bind(actor).bind(i64::from(limit)).fetch_all(pool).await?
        }))
    }

    /// An engine shows itself.
    pub async fn beat(&self, engine: &EngineRow) -> Result<(), StoreError> {
        write!(self, tx => {
            sqlx::query(BEAT)
                .bind(&engine.holder)
                .bind(&engine.kind)
                .bind(engine.started_at.0)
                .bind(engine.seen_at.0)
                .execute(&mut *tx)
                .await?;
        });
        Ok(())
    }

    /// Engines that have shown themselves and not left.
    pub async fn engines(&self) -> Result<Vec<EngineRow>, StoreError> {
        let rows: Vec<(String, String, i64, i64)> = on!(self, pool => sqlx::query_as(ENGINES).fetch_all(pool).await?);
        let engine = |(holder, kind, started_at, seen_at)| EngineRow {
            holder,
            kind,
            started_at: Timestamp(started_at),
            seen_at: Timestamp(seen_at),
        };
        Ok(rows.into_iter().map(engine).collect())
    }

    /// An engine leaves.
    pub async fn leave_engine(&self, holder: &str) -> Result<(), StoreError> {
        write!(self, tx => { sqlx::query(GONE).bind(holder).execute(&mut *tx).await?; });
        Ok(())
    }
}
