//! A person pauses a routine for a time, with a reason, and resumes it.

use std::collections::HashMap;

use serde::Serialize;

use crate::core::base::time::Timestamp;
use crate::core::run::act::audit_word;
use crate::store::access::{self, Decision};
use crate::store::db::{Tx, text};
use crate::store::{Store, StoreError};

const NAME: &str = "select name from probe_routine where id = $1 and workspace_id = $2";
const PAUSE: &str = "insert into routine_state (routine_id, state, confirmed, since, streak, message, flapping, paused_until, \
     paused_by, pause_reason) values ($1, 'unknown', 'unknown', $2, 0, '', false, $3, $4, $5) \
     on conflict (routine_id) do update set paused_until = excluded.paused_until, paused_by = excluded.paused_by, \
     pause_reason = excluded.pause_reason";
const RESUME: &str = "update routine_state set paused_until = null, paused_by = null, pause_reason = null \
     where routine_id = $1 and paused_until is not null";
/// The first condition is that of the index.
const PAUSES: &str = "select s.routine_id, s.paused_until, s.paused_by, s.pause_reason from routine_state s \
     join probe_routine r on r.id = s.routine_id where s.paused_until is not null and r.workspace_id = $1";

/// Until when a routine makes no probes, and why. It ends by its time; nothing has to remove it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RoutinePause {
    pub until: Timestamp,
    pub by: String,
    pub reason: String,
}

impl Store {
    /// The pauses of a workspace by the numbers of their routines, also those that are over but were
    /// not ended by a person.
    pub async fn routine_pauses(
        &self,
        workspace: i64,
    ) -> Result<HashMap<i64, RoutinePause>, StoreError> {
        type Row = (i64, i64, Option<String>, Option<String>);
        let mut db = self.db.read().await?;
        let rows = fetch_all!(db, Row, PAUSES, workspace)?;
        let pause = |(routine, until, by, reason): Row| {
            let pause = RoutinePause {
                until: Timestamp(until),
                by: by.unwrap_or_default(),
                reason: reason.unwrap_or_default(),
            };
            (routine, pause)
        };
        Ok(rows.into_iter().map(pause).collect())
    }

    /// Pauses a routine, or changes its pause.
    pub async fn pause_routine(
        &self,
        workspace: i64,
        routine: i64,
        pause: &RoutinePause,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        let mut tx = self.db.begin().await?;
        let name = name(&mut tx, workspace, routine).await?;
        execute!(
            tx,
            PAUSE,
            routine,
            at.0,
            pause.until.0,
            text(&pause.by),
            text(&pause.reason)
        )?;
        let decision = Decision {
            workspace,
            at,
            actor: &pause.by,
            action: audit_word::PAUSE_ROUTINE,
            object: format!("routine {name}"),
            before: None,
            after: Some(pause.until.rfc3339()),
            reason: Some(&pause.reason),
        };
        access::insert(&mut tx, decision).await?;
        tx.commit().await
    }

    /// Ends the pause of a routine. False: it had none, and nothing was changed.
    pub async fn resume_routine(
        &self,
        workspace: i64,
        routine: i64,
        actor: &str,
        at: Timestamp,
    ) -> Result<bool, StoreError> {
        let mut tx = self.db.begin().await?;
        let name = name(&mut tx, workspace, routine).await?;
        if execute!(tx, RESUME, routine)? == 0 {
            return Ok(false);
        }
        let decision = Decision {
            workspace,
            at,
            actor,
            action: audit_word::RESUME_ROUTINE,
            object: format!("routine {name}"),
            before: None,
            after: None,
            reason: None,
        };
        access::insert(&mut tx, decision).await?;
        tx.commit().await?;
        Ok(true)
    }
}

async fn name(tx: &mut Tx, workspace: i64, routine: i64) -> Result<String, StoreError> {
    let row = fetch_optional!(tx, (String,), NAME, routine, workspace)?;
    row.map(|(name,)| name)
        .ok_or_else(|| StoreError::NotFound(format!("routine number {routine}")))
}
