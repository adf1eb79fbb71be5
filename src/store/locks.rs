//! Locks by what is touched: a run takes its targets with its claim, all or none, and leaves them when it ends.

use crate::core::plan::{Plan, Target};
use crate::core::run::RunId;
use crate::core::touch::touched;

use super::db::{Tx, text};
use super::{Store, StoreError, processes};

const WANT: &str = "insert into run_target (run_id, workspace_id, service, env) values ($1, $2, $3, $4) \
     on conflict (run_id, service, env) do nothing";
const LEAVE: &str = "delete from run_lock where run_id = $1";
const FORGET: &str = "delete from run_target where run_id = $1";
const BLOCKED: &str = "select t.run_id, t.service, t.env, l.run_id, (select count(*) from run_target e \
     join run q on q.id = e.run_id where e.workspace_id = t.workspace_id and e.service = t.service and e.env = t.env \
     and e.run_id < t.run_id and q.status = 'queued') from run_target t join run r on r.id = t.run_id \
     left join run_lock l on l.workspace_id = t.workspace_id and l.service = t.service and l.env = t.env \
     where t.workspace_id = $1 and r.status = 'queued' order by t.run_id, t.service, t.env";
const LOCKS: &str = "select count(*) from run_lock";

/// A queued run that waits for a target somebody else has, or is before it in line for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Blocked {
    pub run: RunId,
    pub target: Target,
    /// The run that has the target now.
    pub holder: Option<RunId>,
    /// Queued runs that are before it in line.
    pub ahead: i64,
}

impl std::fmt::Display for Blocked {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "waits for {}", self.target)?;
        match self.holder {
            Some(holder) => write!(f, ", held by run {holder}")?,
            None => f.write_str(", free")?,
        }
        if self.ahead > 0 { write!(f, ", {} before it", self.ahead) } else { f.write_str(", next in line") }
    }
}

impl Store {
    /// The queued runs of a workspace that cannot start yet, and what each of them waits for.
    pub async fn blocked(&self, workspace: i64) -> Result<Vec<Blocked>, StoreError> {
        let mut db = self.db.read().await?;
        let rows = fetch_all!(db, (i64, String, String, Option<i64>, i64), BLOCKED, workspace)?;
        let blocked = rows.into_iter().map(|(run, service, env, holder, ahead)| Blocked {
            run: RunId(run),
            target: Target { service, env: Some(env).filter(|env| !env.is_empty()) },
            holder: holder.map(RunId),
            ahead,
        });
        Ok(blocked.filter(|b| b.holder.is_some() || b.ahead > 0).collect())
    }

    /// How many targets are locked in the whole store.
    pub async fn locks(&self) -> Result<i64, StoreError> {
        let mut db = self.db.read().await?;
        Ok(fetch_optional!(db, (i64,), LOCKS)?.map_or(0, |(count,)| count))
    }
}

/// Notes what a queued run will lock.
pub(super) async fn want(tx: &mut Tx, workspace: i64, run: RunId, plan: &Plan) -> Result<(), StoreError> {
    for target in touched(plan) {
        let env = target.env.as_deref().unwrap_or_default();
        execute!(tx, WANT, run.0, workspace, text(&target.service), text(env))?;
    }
    Ok(())
}

/// Gives a run's targets back; it still wants them.
pub(super) async fn release(tx: &mut Tx, run: RunId) -> Result<(), StoreError> {
    execute!(tx, LEAVE, run.0)?;
    Ok(())
}

/// The run has ended: it neither holds nor wants anything any more.
pub(super) async fn end(tx: &mut Tx, run: RunId) -> Result<(), StoreError> {
    execute!(tx, LEAVE, run.0)?;
    execute!(tx, FORGET, run.0)?;
    processes::forget(tx, run).await
}
