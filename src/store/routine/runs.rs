//! The runs that routines begin. A run and the slot it is for are written together, so that a
//! routine begins no second run while one is open, and gets its result, whatever becomes of its
//! engine.

use super::owner::{self, Membership};
use crate::core::base::time::Timestamp;
use crate::core::run::{Run, RunId, RunStatus};
use crate::store::db::Tx;
use crate::store::run::submit::{self, Beginning};
use crate::store::{NewRun, Store, StoreError, rows};

const OPEN: &str = "select run_id from routine_run where routine_id = $1 and not counted";
const BEGIN: &str = "insert into routine_run (routine_id, run_id, slot, request_id, counted) values ($1, $2, $3, $4, false) \
     on conflict (routine_id) do update set run_id = excluded.run_id, slot = excluded.slot, \
     request_id = excluded.request_id, counted = false";
const COUNT: &str = "update routine_run set counted = true where routine_id = $1 and run_id = $2";
const ALL: &str = "select o.routine_id, o.run_id, o.slot, o.request_id, o.counted, r.status, r.message, r.requested_at, \
     r.started_at, r.finished_at from routine_run o join run r on r.id = o.run_id \
     join probe_routine p on p.id = o.routine_id where p.workspace_id = $1 order by o.routine_id";

/// What a run of a routine is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SlotOfRun {
    pub routine: i64,
    pub slot: Timestamp,
    /// The request of the person who asked for it; none: its schedule.
    pub request: Option<i64>,
}

/// What became of a run that a routine wants to begin.
#[derive(Debug, Clone, PartialEq)]
pub enum RoutineBegan {
    Run(Box<Run>),
    /// The result of an earlier one is not there yet.
    Open(RunId),
    /// The engine is no member any more; nothing was written.
    Lost,
}

/// The last run that a routine has begun.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoutineRun {
    pub of: SlotOfRun,
    pub run: RunId,
    /// Its result is among those of the routine.
    pub counted: bool,
    pub status: RunStatus,
    pub message: Option<String>,
    pub requested_at: Timestamp,
    pub started_at: Option<Timestamp>,
    pub finished_at: Option<Timestamp>,
}

row! {
    struct Row {
        routine_id: i64,
        run_id: i64,
        slot: i64,
        request_id: Option<i64>,
        counted: bool,
        status: String,
        message: Option<String>,
        requested_at: i64,
        started_at: Option<i64>,
        finished_at: Option<i64>,
    }
}

impl TryFrom<Row> for RoutineRun {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        Ok(Self {
            of: SlotOfRun {
                routine: row.routine_id,
                slot: Timestamp(row.slot),
                request: row.request_id,
            },
            run: RunId(row.run_id),
            counted: row.counted,
            status: rows::status(&row.status)?,
            message: row.message,
            requested_at: Timestamp(row.requested_at),
            started_at: row.started_at.map(Timestamp),
            finished_at: row.finished_at.map(Timestamp),
        })
    }
}

impl Store {
    /// Queues a run for a slot of a routine, unless an earlier one is open. `until`: the membership
    /// that is renewed by it.
    pub async fn begin_routine_run(
        &self,
        (member, until): (Membership<'_>, Timestamp),
        of: SlotOfRun,
        new: &NewRun,
        beginning: Beginning,
    ) -> Result<RoutineBegan, StoreError> {
        let mut tx = self.db.begin().await?;
        if !owner::stay(&mut tx, member, until).await? {
            return Ok(RoutineBegan::Lost);
        }
        if let Some((run,)) = fetch_optional!(tx, (i64,), OPEN, of.routine)? {
            tx.rollback().await?;
            return Ok(RoutineBegan::Open(RunId(run)));
        }
        let run = match submit::queue(&mut tx, new, beginning, &self.process).await {
            Ok(run) => run,
            Err(refused) => return tx.rollback().await.and(Err(refused)),
        };
        execute!(tx, BEGIN, of.routine, run.id.0, of.slot.0, of.request)?;
        tx.commit().await?;
        Ok(RoutineBegan::Run(Box::new(run)))
    }

    /// The last run of each routine that has begun one.
    pub async fn routine_runs(&self, workspace: i64) -> Result<Vec<RoutineRun>, StoreError> {
        let mut db = self.db.read().await?;
        rows::all(fetch_all!(db, Row, ALL, workspace)?)
    }
}

/// Marks runs whose results are written in the same transaction.
pub(super) async fn count(tx: &mut Tx, runs: &[(i64, RunId)]) -> Result<(), StoreError> {
    for (routine, run) in runs {
        execute!(tx, COUNT, *routine, run.0)?;
    }
    Ok(())
}
