//! Data of consoles and engines themselves: lines of the command bar, and heartbeats.

use crate::core::base::time::Timestamp;

use super::db::text;
use super::rows::EngineRecord;
use super::{EngineRow, Store, StoreError};

const NEWEST: &str = "select body from console_line where workspace_id = $1 and actor = $2 order by id desc limit $3";
const REMEMBER: &str =
    "insert into console_line (workspace_id, actor, body, at) values ($1, $2, $3, $4)";
const BEAT: &str = "insert into engine (holder, kind, started_at, seen_at, draining, alive_until, adopts_from, pulse_ms) \
     values ($1, $2, $3, $4, $5, $6, $7, $8) \
     on conflict (holder) do update set kind = excluded.kind, started_at = excluded.started_at, seen_at = excluded.seen_at, \
     draining = excluded.draining, alive_until = excluded.alive_until, adopts_from = excluded.adopts_from, \
     pulse_ms = excluded.pulse_ms";
const ENGINES: &str = "select holder, kind, started_at, seen_at, draining, alive_until, adopts_from, pulse_ms from engine \
     order by started_at, holder";
const LEAVE: &str = "delete from engine where holder = $1";

impl Store {
    /// Remembers a line of the command bar; a repetition of the newest is not stored twice.
    pub async fn remember(
        &self,
        workspace: i64,
        actor: &str,
        line: &str,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        let mut tx = self.db.begin().await?;
        let newest = fetch_optional!(tx, (String,), NEWEST, workspace, text(actor), 1_i64)?;
        if newest.is_some_and(|(newest,)| newest == text(line)) {
            return Ok(());
        }
        execute!(tx, REMEMBER, workspace, text(actor), text(line), at.0)?;
        tx.commit().await
    }

    /// The newest `limit` lines, newest first.
    pub async fn remembered(
        &self,
        workspace: i64,
        actor: &str,
        limit: u32,
    ) -> Result<Vec<String>, StoreError> {
        let mut db = self.db.read().await?;
        let rows = fetch_all!(
            db,
            (String,),
            NEWEST,
            workspace,
            text(actor),
            i64::from(limit)
        )?;
        Ok(rows.into_iter().map(|(line,)| line).collect())
    }

    /// Records a heartbeat.
    pub async fn beat(&self, engine: &EngineRow) -> Result<(), StoreError> {
        let mut tx = self.db.begin().await?;
        execute!(
            tx,
            BEAT,
            text(&engine.holder),
            text(&engine.kind),
            engine.started_at.0,
            engine.seen_at.0,
            engine.draining,
            engine.alive_until.0,
            engine.adopts_from.map(|at| at.0),
            engine.pulse_ms,
        )?;
        tx.commit().await
    }

    /// Engines that have sent a heartbeat and not signed off, oldest first.
    pub async fn engines(&self) -> Result<Vec<EngineRow>, StoreError> {
        let mut db = self.db.read().await?;
        let rows = fetch_all!(db, EngineRecord, ENGINES)?;
        Ok(rows.into_iter().map(EngineRow::from).collect())
    }

    /// Signs an engine off.
    pub async fn leave_engine(&self, holder: &str) -> Result<(), StoreError> {
        let mut tx = self.db.begin().await?;
        execute!(tx, LEAVE, text(holder))?;
        tx.commit().await
    }
}
