//! When a run and its steps changed: one row per change, written in the transaction that makes it.
//! The log reports the same, but not every change has a line there.

use crate::core::base::time::Timestamp;
use crate::core::run::event::NewEntry;
use crate::core::run::{Change, RunId, RunStatus, StepStatus};

use crate::store::db::{Tx, text_opt};
use crate::store::rows::ChangeRow;
use crate::store::run::journal;
use crate::store::{Claim, Store, StoreError, rows};

const INSERT: &str = "insert into run_change (run_id, at, position, attempt, status, actor) values ($1, $2, $3, $4, $5, $6)";
const CLAIMED: &str = "insert into run_change (run_id, at, status, actor) select id, $2, 'claimed', holder from run where id = $1";
/// Steps that change together. Zero attempts: it never began.
const OF_STEPS: &str = "insert into run_change (run_id, at, position, attempt, status) \
     select run_id, $2, position, nullif(attempt, 0), $4 from run_step where run_id = $1 and status = $3 order by position";
const LAST: &str = "select status, attempt from run_change where run_id = $1 and position = $2 order by id desc limit 1";
const LIST: &str =
    "select at, position, attempt, status, actor from run_change where run_id = $1 order by id";

impl Store {
    /// The changes of a run and its steps, oldest first.
    pub async fn history(&self, run: RunId) -> Result<Vec<Change>, StoreError> {
        let mut db = self.db.read().await?;
        rows::all(fetch_all!(db, ChangeRow, LIST, run.0)?)
    }

    /// Records the end of an attempt that is followed by another one. Conditional on the token.
    pub async fn attempt_ended(
        &self,
        claim: Claim,
        step: u32,
        (attempt, status): (u32, StepStatus),
        entries: &[NewEntry],
        at: Timestamp,
    ) -> Result<(), StoreError> {
        let mut tx = self.db.begin().await?;
        let (_, last_seq) = journal::number(&mut tx, claim, entries.len()).await?;
        of_step(&mut tx, claim.run, (step, Some(attempt)), status, None, at).await?;
        journal::write(&mut tx, claim.run, last_seq, entries).await?;
        tx.commit().await
    }
}

/// Records a change of the run itself. `by`: a person; an engine is named with its claim.
pub(in crate::store) async fn of_run(
    tx: &mut Tx,
    run: RunId,
    status: RunStatus,
    by: Option<&str>,
    at: Timestamp,
) -> Result<(), StoreError> {
    let none: Option<i64> = None;
    execute!(
        tx,
        INSERT,
        run.0,
        at.0,
        none,
        none,
        status.name(),
        text_opt(by)
    )
    .map(drop)
}

/// Records a change of a step.
pub(in crate::store) async fn of_step(
    tx: &mut Tx,
    run: RunId,
    (step, attempt): (u32, Option<u32>),
    status: StepStatus,
    by: Option<&str>,
    at: Timestamp,
) -> Result<(), StoreError> {
    let (step, attempt) = (i64::from(step), attempt.map(i64::from));
    execute!(
        tx,
        INSERT,
        run.0,
        at.0,
        step,
        attempt,
        status.name(),
        text_opt(by)
    )
    .map(drop)
}

/// Records the claim of the engine that holds the run. Written with its first change: the claim is
/// a single statement, which many engines race for.
pub(in crate::store) async fn claimed(
    tx: &mut Tx,
    run: RunId,
    at: Timestamp,
) -> Result<(), StoreError> {
    execute!(tx, CLAIMED, run.0, at.0).map(drop)
}

/// Records that every step in one state changes to another, with the run.
pub(in crate::store) async fn of_steps(
    tx: &mut Tx,
    run: RunId,
    from: StepStatus,
    to: StepStatus,
    at: Timestamp,
) -> Result<(), StoreError> {
    execute!(tx, OF_STEPS, run.0, at.0, from.name(), to.name()).map(drop)
}

/// Whether the last recorded change of the step is this end of this attempt, recorded as followed
/// by another.
pub(in crate::store) async fn is_recorded(
    tx: &mut Tx,
    run: RunId,
    step: u32,
    attempt: u32,
    status: StepStatus,
) -> Result<bool, StoreError> {
    if !matches!(status, StepStatus::Failed | StepStatus::TimedOut) {
        return Ok(false);
    }
    let last = fetch_optional!(tx, (String, Option<i64>), LAST, run.0, i64::from(step))?;
    Ok(last.is_some_and(|(was, of)| was == status.name() && of == Some(i64::from(attempt))))
}
