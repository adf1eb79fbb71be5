//! Locks that people set on targets and runbooks. The claim's own statement keeps the runs they stop in
//! the queue (`not_stopped!` in `store/db/dialect.rs`); a lock whose end has passed stops nothing.

use std::collections::BTreeSet;

use crate::core::base::time::Timestamp;
use crate::core::run::RunId;
use crate::core::run::act::audit_word;
use crate::core::run::lockout::{LockEnd, Lockable, Lockout};
use crate::core::run::plan::Target;

use crate::store::access::{self, Decision};
use crate::store::db::{self, Tx, text};
use crate::store::rows::LockoutRow;
use crate::store::{Store, StoreError};

const ALL: &str = "select cast(0 as bigint) as run_id, service, env, runbook, actor, reason, at, until from lockout \
     where workspace_id = $1 and until > $2 order by service, env, runbook";
const ONE: &str = "select cast(0 as bigint) as run_id, service, env, runbook, actor, reason, at, until from lockout \
     where workspace_id = $1 and until > $2 and service = $3 and env = $4 and runbook = $5";
/// The queued runs of a range, and the locks that keep each of them there.
const STOPPED: &str = "select r.id as run_id, k.service, k.env, k.runbook, k.actor, k.reason, k.at, k.until \
     from run r join lockout k on k.workspace_id = r.workspace_id and k.until > $4 \
     where r.workspace_id = $1 and r.status = 'queued' and r.id >= $2 and r.id <= $3 \
     and ((k.runbook = r.runbook and r.mutates) or (k.runbook = '' and exists (select 1 from run_target t \
     where t.run_id = r.id and t.service = k.service and t.env = k.env))) order by r.id, k.service, k.env, k.runbook";
const SET: &str = "insert into lockout (workspace_id, service, env, runbook, actor, reason, at, until) \
     values ($1, $2, $3, $4, $5, $6, $7, $8) on conflict (workspace_id, service, env, runbook) \
     do update set actor = excluded.actor, reason = excluded.reason, at = excluded.at, until = excluded.until \
     where lockout.until <= excluded.at or lockout.actor = excluded.actor";
const REMOVE: &str = "delete from lockout where workspace_id = $1 and service = $2 and env = $3 and runbook = $4 and actor = $5 and at = $6";

/// A lock to set.
#[derive(Debug, Clone, Copy)]
pub struct NewLock<'a> {
    pub of: &'a [Lockable],
    pub end: LockEnd,
    /// When it ends.
    pub until: Timestamp,
    pub actor: &'a str,
    pub reason: &'a str,
}

impl Store {
    /// The locks of a workspace that have not ended, by what they lock.
    pub async fn lockouts(
        &self,
        workspace: i64,
        now: Timestamp,
    ) -> Result<Vec<Lockout>, StoreError> {
        let mut db = self.db.read().await?;
        let rows = fetch_all!(db, LockoutRow, ALL, workspace, now.0)?;
        Ok(rows.into_iter().map(|row| row.read().1).collect())
    }

    /// The locks that keep the queued runs with numbers from `first` to `last` waiting.
    pub async fn stopped(
        &self,
        workspace: i64,
        (first, last): (RunId, RunId),
        now: Timestamp,
    ) -> Result<Vec<(RunId, Lockout)>, StoreError> {
        let mut db = self.db.read().await?;
        let rows = fetch_all!(db, LockoutRow, STOPPED, workspace, first.0, last.0, now.0)?;
        Ok(rows.into_iter().map(LockoutRow::read).collect())
    }

    /// Locks all of these, or none (audited). A person's own lock is replaced; one of another person
    /// is refused with [`StoreError::LockTaken`].
    pub async fn lock(
        &self,
        workspace: i64,
        lock: NewLock<'_>,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        let mut tx = self.db.begin().await?;
        for of in in_order(lock.of) {
            let before = one(&mut tx, workspace, of, at).await?;
            let (service, env, runbook) = columns(of);
            let set = execute!(
                tx,
                SET,
                workspace,
                text(service),
                text(env),
                text(runbook),
                text(lock.actor),
                db::message(lock.reason),
                at.0,
                lock.until.0
            )?;
            if set == 0 {
                let by = one(&mut tx, workspace, of, at).await?;
                let refused = StoreError::LockTaken(Box::new(by.map(|by| by.to_string())));
                return tx.rollback().await.and(Err(refused));
            }
            let decision = Decision {
                workspace,
                at,
                actor: lock.actor,
                action: audit_word::LOCK,
                object: of.to_string(),
                before: before.as_ref().map(describe),
                after: Some(format!("locked {}", lock.end)),
                reason: Some(lock.reason),
            };
            access::insert(&mut tx, decision).await?;
        }
        tx.commit().await
    }

    /// Ends the locks of these (audited); returns those that were locked.
    pub async fn unlock(
        &self,
        workspace: i64,
        of: &[Lockable],
        (actor, reason): (&str, Option<&str>),
        at: Timestamp,
    ) -> Result<Vec<Lockable>, StoreError> {
        let mut tx = self.db.begin().await?;
        let mut ended = Vec::new();
        for of in in_order(of) {
            let Some(before) = one(&mut tx, workspace, of, at).await? else {
                continue;
            };
            let (service, env, runbook) = columns(of);
            let removed = execute!(
                tx,
                REMOVE,
                workspace,
                text(service),
                text(env),
                text(runbook),
                text(&before.actor),
                before.at.0
            )?;
            // Somebody else ended or replaced it meanwhile.
            if removed == 0 {
                continue;
            }
            let decision = Decision {
                workspace,
                at,
                actor,
                action: audit_word::UNLOCK,
                object: of.to_string(),
                before: Some(describe(&before)),
                after: Some("unlocked".to_owned()),
                reason,
            };
            access::insert(&mut tx, decision).await?;
            ended.push(of.clone());
        }
        tx.commit().await?;
        Ok(ended)
    }
}

/// Each once, and in one order for all writers, so that two of them never wait for each other.
fn in_order(of: &[Lockable]) -> BTreeSet<&Lockable> {
    of.iter().collect()
}

fn describe(lock: &Lockout) -> String {
    format!("locked by {}: {}", lock.actor, lock.reason)
}

async fn one(
    tx: &mut Tx,
    workspace: i64,
    of: &Lockable,
    now: Timestamp,
) -> Result<Option<Lockout>, StoreError> {
    let (service, env, runbook) = columns(of);
    let row = fetch_optional!(
        tx,
        LockoutRow,
        ONE,
        workspace,
        now.0,
        text(service),
        text(env),
        text(runbook)
    )?;
    Ok(row.map(|row| row.read().1))
}

/// The columns `service`, `env` and `runbook`; empty where there is none.
fn columns(of: &Lockable) -> (&str, &str, &str) {
    match of {
        Lockable::Target(target) => (
            &target.service,
            target.env.as_deref().unwrap_or_default(),
            "",
        ),
        Lockable::Runbook(name) => ("", "", name),
    }
}

impl LockoutRow {
    fn read(self) -> (RunId, Lockout) {
        let of = if self.runbook.is_empty() {
            Lockable::Target(Target {
                service: self.service,
                env: Some(self.env).filter(|env| !env.is_empty()),
            })
        } else {
            Lockable::Runbook(self.runbook)
        };
        let lock = Lockout {
            of,
            actor: self.actor,
            reason: self.reason,
            at: Timestamp(self.at),
            until: Timestamp(self.until),
        };
        (RunId(self.run_id), lock)
    }
}
