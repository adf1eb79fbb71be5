//! Locks on targets and groups: a run takes all of its locks with its claim, or none, and releases
//! them when it ends.

use crate::core::run::RunId;
use crate::core::run::plan::Plan;
use crate::core::run::queue::{Lock, wanted};

use crate::store::db::{Tx, text};
use crate::store::run::processes;
use crate::store::{Store, StoreError};

const WANT: &str = "insert into run_target (run_id, workspace_id, service, env, rank) \
     select id, $2, $3, $4, rank from run where id = $1 on conflict (run_id, service, env) do nothing";
const LEAVE: &str = "delete from run_lock where run_id = $1";
const FORGET: &str = "delete from run_target where run_id = $1";
const LOCKS: &str = "select count(*) from run_lock";

impl Store {
    /// How many targets and groups are locked in the whole store.
    pub async fn locks(&self) -> Result<i64, StoreError> {
        let mut db = self.db.read().await?;
        Ok(fetch_optional!(db, (i64,), LOCKS)?.map_or(0, |(count,)| count))
    }
}

/// Records the locks a queued run needs.
pub(in crate::store) async fn want(
    tx: &mut Tx,
    workspace: i64,
    run: RunId,
    plan: &Plan,
) -> Result<(), StoreError> {
    for wanted in wanted(plan) {
        let (service, env) = columns(&wanted);
        execute!(tx, WANT, run.0, workspace, text(service), text(env))?;
    }
    Ok(())
}

/// The columns `service` and `env`. No service has an empty name, so it marks a group.
pub(in crate::store) fn columns(wanted: &Lock) -> (&str, &str) {
    match wanted {
        Lock::Target(target) => (&target.service, target.env.as_deref().unwrap_or_default()),
        Lock::Group(name) => ("", name),
    }
}

/// Releases a run's locks; it still needs them.
pub(in crate::store) async fn release(tx: &mut Tx, run: RunId) -> Result<(), StoreError> {
    execute!(tx, LEAVE, run.0)?;
    Ok(())
}

/// The run has ended: it neither holds nor needs locks any more.
pub(in crate::store) async fn end(tx: &mut Tx, run: RunId) -> Result<(), StoreError> {
    planted!(LocksKept => return processes::forget(tx, run).await);
    execute!(tx, LEAVE, run.0)?;
    execute!(tx, FORGET, run.0)?;
    processes::forget(tx, run).await
}
