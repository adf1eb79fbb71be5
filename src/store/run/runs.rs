//! A run while an engine drives it: renewals, steps, transitions. Every write carries the fencing
//! token.

use crate::core::base::time::Timestamp;
use crate::core::run::event::NewEntry;
use crate::core::run::{Run, RunId, RunStatus, StepStatus, Transition, next};

use crate::store::db::{Tx, message_opt};
use crate::store::rows;
use crate::store::run::{groups, history, journal, locks, resume, submit};
use crate::store::{Claim, NewRun, Store, StoreError};

const RENEW: &str = "update run set lease_until = $3 where id = $1 and token = $2 \
     and status in ('claimed', 'running', 'waiting')";
const START: &str = "update run set status = $2, started_at = coalesce(started_at, $3), message = coalesce($4, message) where id = $1";
const RELEASE: &str = "update run set status = $2, holder = null, lease_until = null, message = coalesce($3, message) \
     where id = $1";
/// The message of a wait is no longer true once the run goes on.
const GO_ON: &str = "update run set status = $2, message = $3 where id = $1";
const END: &str = "update run set status = $2, finished_at = $3, lease_until = null, message = coalesce($4, message) \
     where id = $1";
/// A step that only waited had nothing in flight: it continues to wait when the run is resumed.
const WAITING_STEPS: &str =
    "update run_step set status = 'pending' where run_id = $1 and status = 'waiting'";
/// The end of a step that was still running is not recorded.
const LOST_STEPS: &str = "update run_step set finished_at = $2, status = 'unknown' \
     where run_id = $1 and status in ('running', 'waiting')";
/// Pending steps will not run any more.
const SKIP_STEPS: &str = "update run_step set finished_at = $2, status = 'skipped' \
     where run_id = $1 and status = 'pending'";
/// Skipped steps stay skipped.
const STEP: &str = "update run_step set status = $3, attempt = $4, message = $5, finished_at = $6, \
     started_at = coalesce(started_at, $7) where run_id = $1 and position = $2 and status <> 'skipped'";
const CURRENT: &str = "select status, message from run_step where run_id = $1 and position = $2";

impl Store {
    /// Extends the lease; `StaleToken` when the run was taken away.
    pub async fn renew(&self, claim: Claim, lease_until: Timestamp) -> Result<(), StoreError> {
        let mut tx = self.db.begin().await?;
        match execute!(tx, RENEW, claim.run.0, claim.token, lease_until.0)? {
            0 => Err(StoreError::StaleToken(claim.run)),
            _ => tx.commit().await,
        }
    }

    /// Applies a transition of the table, conditional on the token; entries are written in the same
    /// transaction. Ending a run (terminal status) clears its lease. Returns the new status: queued
    /// when it was interrupted and resumed.
    pub async fn transition(
        &self,
        claim: Claim,
        what: Transition,
        message: Option<&str>,
        entries: &[NewEntry],
        at: Timestamp,
    ) -> Result<RunStatus, StoreError> {
        let mut tx = self.db.begin().await?;
        let to = step_along(&mut tx, claim, what, message, entries, at).await?;
        tx.commit().await?;
        Ok(to)
    }

    /// Starts the run: the first change of an engine that claimed it at `claimed_at`.
    pub async fn start(
        &self,
        claim: Claim,
        claimed_at: Timestamp,
        entries: &[NewEntry],
        at: Timestamp,
    ) -> Result<RunStatus, StoreError> {
        let mut tx = self.db.begin().await?;
        let (from, last_seq) = journal::number(&mut tx, claim, entries.len()).await?;
        history::claimed(&mut tx, claim.run, claimed_at).await?;
        let to = apply(
            &mut tx,
            claim.run,
            &from,
            (Transition::Start, None),
            (last_seq, entries),
            at,
        )
        .await?;
        tx.commit().await?;
        Ok(to)
    }

    /// Ends a run as succeeded and queues the next link of its chain, in one transaction. Returns
    /// the next run.
    pub async fn succeed_and_chain(
        &self,
        claim: Claim,
        message: Option<&str>,
        entries: &[NewEntry],
        next: Option<NewRun>,
        at: Timestamp,
    ) -> Result<Option<Run>, StoreError> {
        let mut tx = self.db.begin().await?;
        if let Some(new) = &next {
            groups::lock(&mut tx, new).await?;
        }
        step_along(&mut tx, claim, Transition::Succeed, message, entries, at).await?;
        let run = match &next {
            Some(new) => Some(submit::follow(&mut tx, new, &self.process).await?),
            None => None,
        };
        tx.commit().await?;
        Ok(run)
    }

    /// Records a step's state (and attempt) with its entries, conditional on the token. Called
    /// before the effect (`Running`) and before the next step starts (outcome). `index` counts the
    /// plan's steps, then its finally steps.
    pub async fn step(
        &self,
        claim: Claim,
        index: u32,
        status: StepStatus,
        attempt: u32,
        message: Option<&str>,
        entries: &[NewEntry],
        at: Timestamp,
    ) -> Result<(), StoreError> {
        let mut tx = self.db.begin().await?;
        let (_, last_seq) = journal::number(&mut tx, claim, entries.len()).await?;
        let (started_at, finished_at) = times(status, at);
        let found = execute!(
            tx,
            STEP,
            claim.run.0,
            i64::from(index),
            status.name(),
            i64::from(attempt),
            message_opt(message),
            finished_at,
            started_at,
        )?;
        if found == 0 && status != StepStatus::Skipped {
            let why = not_to_begin(&mut tx, claim.run, index).await?;
            return tx.rollback().await.and(Err(why));
        }
        if found > 0 && !history::is_recorded(&mut tx, claim.run, index, attempt, status).await? {
            history::of_step(&mut tx, claim.run, (index, Some(attempt)), status, None, at).await?;
        }
        journal::write(&mut tx, claim.run, last_seq, entries).await?;
        planted!(LocksReleasedEarly => if status == StepStatus::Succeeded { locks::release(&mut tx, claim.run).await? });
        tx.commit().await
    }
}

/// Why a step was not written.
async fn not_to_begin(tx: &mut Tx, run: RunId, step: u32) -> Result<StoreError, StoreError> {
    let current = fetch_optional!(
        tx,
        (String, Option<String>),
        CURRENT,
        run.0,
        i64::from(step)
    )?;
    Ok(match current {
        Some((status, message)) => StoreError::Skipped {
            run,
            step,
            message: message.unwrap_or(status),
        },
        None => StoreError::NotFound(format!("step {step} of run {run}")),
    })
}

/// When a step in this state has started and finished, if it has.
fn times(status: StepStatus, at: Timestamp) -> (Option<i64>, Option<i64>) {
    match status {
        StepStatus::Pending => (None, None),
        StepStatus::Running | StepStatus::Waiting => (Some(at.0), None),
        // A step skipped or cancelled before it began has no start.
        StepStatus::Skipped | StepStatus::Cancelled => (None, Some(at.0)),
        StepStatus::Succeeded | StepStatus::Failed | StepStatus::TimedOut | StepStatus::Unknown => {
            (Some(at.0), Some(at.0))
        }
    }
}

async fn step_along(
    tx: &mut Tx,
    claim: Claim,
    what: Transition,
    message: Option<&str>,
    entries: &[NewEntry],
    at: Timestamp,
) -> Result<RunStatus, StoreError> {
    // Before anything else: a writer whose token is stale locks nothing, and so blocks no other
    // writer.
    let (from, last_seq) = journal::number(tx, claim, entries.len()).await?;
    apply(
        tx,
        claim.run,
        &from,
        (what, message),
        (last_seq, entries),
        at,
    )
    .await
}

/// Applies a transition to a run whose token was checked.
async fn apply(
    tx: &mut Tx,
    run: RunId,
    from: &str,
    (what, message): (Transition, Option<&str>),
    (last_seq, entries): (i64, &[NewEntry]),
    at: Timestamp,
) -> Result<RunStatus, StoreError> {
    let from = rows::status(from)?;
    let to = next(from, what).ok_or(StoreError::Refused {
        run,
        status: from,
        what: describe(what),
    })?;
    journal::write(tx, run, last_seq, entries).await?;
    history::of_run(tx, run, to, None, at).await?;
    let message = message_opt(message);
    match (what, to.is_terminal()) {
        (_, true) => {
            execute!(tx, END, run.0, to.name(), at.0, message)?;
            end_steps(tx, run, to, at).await?;
            locks::end(tx, run).await?;
            if to == RunStatus::Interrupted && resume::resume_if_harmless(tx, run, at).await? {
                return Ok(RunStatus::Queued);
            }
        }
        (Transition::Start, _) => drop(execute!(tx, START, run.0, to.name(), at.0, message)?),
        (Transition::Release, _) => {
            execute!(tx, RELEASE, run.0, to.name(), message)?;
            locks::release(tx, run).await?;
        }
        _ => drop(execute!(tx, GO_ON, run.0, to.name(), message)?),
    }
    Ok(to)
}

/// Ends the steps of a run that has ended. An interrupted run keeps its pending steps: they neither
/// ran nor were skipped, and a person may decide to go on with them.
pub(in crate::store) async fn end_steps(
    tx: &mut Tx,
    run: RunId,
    ended: RunStatus,
    at: Timestamp,
) -> Result<(), StoreError> {
    use StepStatus::{Pending, Running, Unknown, Waiting};
    if ended == RunStatus::Interrupted {
        history::of_steps(tx, run, Waiting, Pending, at).await?;
        execute!(tx, WAITING_STEPS, run.0)?;
    }
    for open in [Running, Waiting] {
        history::of_steps(tx, run, open, Unknown, at).await?;
    }
    execute!(tx, LOST_STEPS, run.0, at.0)?;
    if ended != RunStatus::Interrupted {
        skip_steps(tx, run, at).await?;
    }
    Ok(())
}

/// Skips the pending steps.
pub(in crate::store) async fn skip_steps(
    tx: &mut Tx,
    run: RunId,
    at: Timestamp,
) -> Result<(), StoreError> {
    history::of_steps(tx, run, StepStatus::Pending, StepStatus::Skipped, at).await?;
    execute!(tx, SKIP_STEPS, run.0, at.0)?;
    Ok(())
}

/// The transition as a refusal names it: "run #4 is running; releasing it is not possible".
pub(in crate::store) const fn describe(what: Transition) -> &'static str {
    match what {
        Transition::Claim => "claiming it",
        Transition::Release => "releasing it",
        Transition::Start => "starting it",
        Transition::Wait => "waiting",
        Transition::Continue => "continuing it",
        Transition::Succeed => "succeeding",
        Transition::Fail => "failing",
        Transition::TimeOut => "timing out",
        Transition::Cancel => "cancelling it",
        Transition::Interrupt => "interrupting it",
        Transition::Skip => "skipping it",
        Transition::Resume => "resuming it",
        Transition::GiveUp => "giving it up",
    }
}
