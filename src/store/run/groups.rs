//! Groups of runs that exclude each other. Holding a group is a lock like any other (`locks.rs`);
//! this is what a new run does about the others in its group: it waits, is refused, or has them
//! cancelled. Decided when it is queued, by one submitter at a time.

use crate::core::run::concurrency::{Member, Policy, group_effect};
use crate::core::run::event::Level;
use crate::core::run::orders::{Ending, Order};
use crate::core::run::{Run, RunId};

use crate::store::db::{Tx, text};
use crate::store::rows::{self, all};
use crate::store::run::decisions::{append_event, number};
use crate::store::run::journal;
use crate::store::run::orders::{self, Orderer};
use crate::store::{NewRun, Store, StoreError};

/// Locks the group's row until the transaction ends.
const LOCK: &str = "insert into run_group (workspace_id, name) values ($1, $2) \
     on conflict (workspace_id, name) do update set name = excluded.name";
const MEMBERS: &str = "select t.run_id, r.status from run_target t join run r on r.id = t.run_id \
     where t.workspace_id = $1 and t.service = '' and t.env = $2 and t.run_id <> $3 order by t.run_id";
/// Reads the run's status and locks it until the transaction ends.
const SETTLE: &str = "update run set last_seq = last_seq where id = $1 returning status";

row! {
    struct MemberRow {
        run_id: i64,
        status: String,
    }
}

impl TryFrom<MemberRow> for Member {
    type Error = StoreError;

    fn try_from(row: MemberRow) -> Result<Self, StoreError> {
        Ok(Self {
            run: RunId(row.run_id),
            status: rows::status(&row.status)?,
        })
    }
}

impl Store {
    /// The runs that are in a group now, oldest first.
    pub async fn members(&self, workspace: i64, group: &str) -> Result<Vec<Member>, StoreError> {
        let mut db = self.db.read().await?;
        all(fetch_all!(
            db,
            MemberRow,
            MEMBERS,
            workspace,
            text(group),
            0_i64
        )?)
    }
}

/// Locks the group until the transaction ends: no other process adds a run to it. Taken before all
/// other locks, so that transactions that lock both a run and its group do so in the same order.
pub(in crate::store) async fn lock(tx: &mut Tx, new: &NewRun) -> Result<(), StoreError> {
    if let Some(concurrency) = &new.plan.concurrency {
        execute!(tx, LOCK, new.workspace, text(&concurrency.group))?;
    }
    Ok(())
}

/// The run that keeps a new one out of its group, if the policy is to be refused.
pub(in crate::store) async fn blocked_by(
    tx: &mut Tx,
    new: &NewRun,
) -> Result<Option<Member>, StoreError> {
    match &new.plan.concurrency {
        Some(concurrency) if concurrency.policy == Policy::Refuse => {
            Ok(others(tx, new.workspace, &concurrency.group, RunId(0))
                .await?
                .into_iter()
                .next())
        }
        _ => Ok(None),
    }
}

/// Cancels the others of its group, if that is the policy of a run just queued. Returns the run as
/// it is then.
pub(in crate::store) async fn make_room(
    tx: &mut Tx,
    new: &NewRun,
    run: Run,
) -> Result<Run, StoreError> {
    let Some(concurrency) = new
        .plan
        .concurrency
        .as_ref()
        .filter(|c| c.policy == Policy::CancelRunning)
    else {
        return Ok(run);
    };
    let mut cancelled = Vec::new();
    for member in others(tx, new.workspace, &concurrency.group, run.id).await? {
        let reason = format!(
            "run {} takes its place in group {}",
            run.id, concurrency.group
        );
        if cancel(tx, member.run, new, &reason).await? {
            cancelled.push(member);
        }
    }
    let Some(effect) = group_effect(concurrency, &cancelled) else {
        return Ok(run);
    };
    let numbered = number(tx, run.id).await?;
    let message = format!("group {}: {effect}", concurrency.group);
    append_event(
        tx,
        run.id,
        &numbered,
        journal::event(Level::Warn, "control", None, message, new.at),
    )
    .await?;
    orders::read(tx, run.id).await
}

/// Cancels a link of a chain that was kept out of its group, with the reason in its log.
pub(in crate::store) async fn cancel_blocked(
    tx: &mut Tx,
    new: &NewRun,
    run: &Run,
    by: &Member,
) -> Result<Run, StoreError> {
    let group = new
        .plan
        .concurrency
        .as_ref()
        .map_or("", |c| c.group.as_str());
    cancel(
        tx,
        run.id,
        new,
        &format!("group {group} is taken by {by}, and its runbook refuses to wait"),
    )
    .await?;
    orders::read(tx, run.id).await
}

/// Asks a run to end, in the name of the requester of the new one; false: it has already ended.
async fn cancel(tx: &mut Tx, run: RunId, new: &NewRun, reason: &str) -> Result<bool, StoreError> {
    let Some((status,)) = fetch_optional!(tx, (String,), SETTLE, run.0)? else {
        return Ok(false);
    };
    if rows::status(&status)?.is_terminal() {
        return Ok(false);
    }
    let numbered = number(tx, run).await?;
    let by = Orderer {
        actor: &new.actor,
        reason: Some(reason),
    };
    orders::give(tx, run, &numbered, Order::End(Ending::Cancel), by, new.at).await?;
    Ok(true)
}

async fn others(
    tx: &mut Tx,
    workspace: i64,
    group: &str,
    but: RunId,
) -> Result<Vec<Member>, StoreError> {
    all(fetch_all!(
        tx,
        MemberRow,
        MEMBERS,
        workspace,
        text(group),
        but.0
    )?)
}
