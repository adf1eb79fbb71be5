//! Queued runs that no engine claims by itself, and starting one of them.

use crate::core::base::time::Timestamp;
use crate::core::run::act::audit_word;
use crate::core::run::event::Level;
use crate::core::run::{RunId, RunStatus};

use crate::store::access::{self, Decision};
use crate::store::db::text;
use crate::store::run::decisions::{append_event, number};
use crate::store::run::journal;
use crate::store::run::orders::Orderer;
use crate::store::{Store, StoreError, rows};

/// Queued by a process that is gone, with no live server that adopts them. The processes with
/// queued runs are found by stepping through their index. `$3`: the holders known to be gone.
const LEFT_OVER: &str = "with recursive process(holder) as (\
     select min(queued_by) from run where status = 'queued' and queued_by > '' union all \
     select (select min(queued_by) from run where status = 'queued' and queued_by > process.holder) from process \
     where process.holder is not null) \
     select r.id, r.queued_by, coalesce(r.queued_at, r.requested_at) as queued_at from run r \
     where r.workspace_id = $1 and r.status = 'queued' and (r.queued_by is null or r.queued_by in (\
     select holder from process where holder is not null and not exists (select 1 from engine p \
     where p.holder = process.holder and p.alive_until >= $2 and $3 not like '%' || p.holder || '%'))) \
     and not exists (select 1 from engine s where s.alive_until >= $2 and not s.draining and s.adopts_from <= r.queued_at \
     and $3 not like '%' || s.holder || '%') \
     order by r.rank, r.id limit 500";
/// With no engine alive, runs that any engine may claim wait too; only runs of a live process are
/// claimed.
const WAITING: &str = "select r.id, r.queued_by, coalesce(r.queued_at, r.requested_at) as queued_at from run r \
     where r.workspace_id = $1 and r.status = 'queued' and not exists (select 1 from engine p \
     where p.holder = r.queued_by and p.alive_until >= $2 and $3 not like '%' || p.holder || '%') \
     order by r.rank, r.id limit 500";
const QUEUED_HERE: &str = "select count(*) from run where status = 'queued' and queued_by = $1";
const START: &str = "update run set queued_by = $2, queued_at = $3 where id = $1";

/// A queued run that waits for a person: the process that queued it is gone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeftOver {
    pub run: RunId,
    /// The holder of the process; absent where it was not recorded, empty for runs any engine may
    /// claim.
    pub queued_by: Option<String>,
    pub queued_at: Timestamp,
}

impl Store {
    /// The queued runs of a workspace that no engine claims by itself at `now`, in queue order, up
    /// to 500. `any_engine`: one is alive. `gone`: holders known to be gone although their
    /// heartbeat is still valid.
    pub async fn left_over(
        &self,
        workspace: i64,
        now: Timestamp,
        any_engine: bool,
        gone: &[String],
    ) -> Result<Vec<LeftOver>, StoreError> {
        let mut db = self.db.read().await?;
        let which = if any_engine { LEFT_OVER } else { WAITING };
        let found = fetch_all!(
            db,
            (i64, Option<String>, i64),
            which,
            workspace,
            now.0,
            gone.join("\n")
        )?;
        let left_over = |(run, queued_by, queued_at): (i64, Option<String>, i64)| LeftOver {
            run: RunId(run),
            queued_by: queued_by.filter(|by| by != NO_PROCESS),
            queued_at: Timestamp(queued_at),
        };
        Ok(found.into_iter().map(left_over).collect())
    }

    /// The number of runs queued by this process, in all workspaces.
    pub async fn queued_here(&self) -> Result<i64, StoreError> {
        let mut db = self.db.read().await?;
        Ok(
            fetch_optional!(db, (i64,), QUEUED_HERE, text(&self.process))?
                .map_or(0, |(count,)| count),
        )
    }

    /// A person starts a queued run (audited): from now on it counts as queued by this process.
    pub async fn start_queued(
        &self,
        run: RunId,
        by: Orderer<'_>,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        let mut tx = self.db.begin().await?;
        let numbered = number(&mut tx, run).await?;
        let status = rows::status(&numbered.status)?;
        if status != RunStatus::Queued {
            let refused = StoreError::Refused {
                run,
                status,
                what: "starting what waits in the queue",
            };
            return tx.rollback().await.and(Err(refused));
        }
        execute!(tx, START, run.0, text(&self.process), at.0)?;
        let message = format!("started by {}{}", by.actor, by.because());
        append_event(
            &mut tx,
            run,
            &numbered,
            journal::event(Level::Warn, "operator", None, message, at),
        )
        .await?;
        let decision = Decision {
            workspace: numbered.workspace_id,
            at,
            actor: by.actor,
            action: audit_word::START,
            object: format!("run {run}"),
            before: Some(status.name().into()),
            after: Some("started".into()),
            reason: by.reason,
        };
        access::insert(&mut tx, decision).await?;
        tx.commit().await
    }
}

/// Marks a process that is never alive: a server adopts the run, or a person starts it.
pub(in crate::store) const NO_PROCESS: &str = "-";
