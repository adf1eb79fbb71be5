//! Active process groups, so that an engine that takes over a run can end commands of the dead one.

use crate::core::base::time::Timestamp;
use crate::core::run::{Run, RunId};

use crate::store::db::{Either, Tx, text};
use crate::store::rows::RunRow;
use crate::store::{Claim, Store, StoreError};

macro_rules! began {
    ($lock:literal) => {
        concat!(
            "insert into run_process (run_id, position, holder, pgid, started, mark) ",
            "select id, $3, coalesce(holder, ''), $4, $5, $6 from run where id = $1 and token = $2 ",
            "and status in ('claimed', 'running', 'waiting')",
            $lock,
            " on conflict (run_id, position) do update set holder = excluded.holder, ",
            "pgid = excluded.pgid, started = excluded.started, mark = excluded.mark",
        )
    };
}
const ENDED: &str =
    "delete from run_process where run_id = $1 and position = $2 and pgid = $3 and mark = $4";
const OF_RUN: &str = "select position, holder, pgid, started, mark from run_process where run_id = $1 order by position";
const FORGET: &str = "delete from run_process where run_id = $1";
const TAKE_OVER: &str = "update run set holder = $4, lease_until = $5, token = token + 1, taken_over = taken_over + 1 \
     where id = $1 and holder = $2 and lease_until = $3 and status in ('claimed', 'running', 'waiting') returning *";

/// An active command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Process {
    /// The step's number; absent for a step of a condition.
    pub step: Option<u32>,
    /// The engine that started it. Set by the store when it is written.
    pub holder: String,
    pub pgid: i32,
    /// When the group's leader started, in clock ticks since boot.
    pub started: String,
    /// A value that only its processes have in their environment.
    pub mark: String,
}

impl Store {
    /// Records a command that is about to begin, conditional on the token.
    pub async fn process_began(&self, claim: Claim, process: &Process) -> Result<(), StoreError> {
        let mut tx = self.db.begin().await?;
        let Process {
            step,
            pgid,
            started,
            mark,
            ..
        } = process;
        let (run, token, pgid) = (claim.run.0, claim.token, i64::from(*pgid));
        // The row of the run is locked until the commit: an engine that takes the run over meanwhile
        // waits for it, and then finds this command.
        let began = match &self.db.pools {
            Either::Sqlite(_) => began!(""),
            Either::Postgres(_) => began!(" for no key update"),
        };
        match execute!(
            tx,
            began,
            run,
            token,
            position(*step),
            pgid,
            text(started),
            text(mark)
        )? {
            0 => Err(StoreError::StaleToken(claim.run)),
            _ => tx.commit().await,
        }
    }

    /// Records that the command has ended, no matter which engine holds the run now.
    pub async fn process_ended(&self, run: RunId, process: &Process) -> Result<(), StoreError> {
        let mut tx = self.db.begin().await?;
        let Process {
            step, pgid, mark, ..
        } = process;
        execute!(
            tx,
            ENDED,
            run.0,
            position(*step),
            i64::from(*pgid),
            text(mark)
        )?;
        tx.commit().await
    }

    /// The commands of a run without a recorded end.
    pub async fn processes(&self, run: RunId) -> Result<Vec<Process>, StoreError> {
        let mut db = self.db.read().await?;
        let rows = fetch_all!(db, (i64, String, i64, String, String), OF_RUN, run.0)?;
        let process = |(position, holder, pgid, started, mark)| Process {
            step: u32::try_from(position).ok(),
            holder,
            pgid: i32::try_from(pgid).unwrap_or(0),
            started,
            mark,
        };
        Ok(rows.into_iter().map(process).collect())
    }

    /// Takes over a run from an engine that is gone, with a new lease, so that its commands can be
    /// ended before the targets are free again. Conditional on the holder and lease read before:
    /// `None` when it was renewed or taken in between. The run stays as it is; [`Store::interrupt`]
    /// comes next.
    pub async fn take_over(
        &self,
        run: &Run,
        holder: &str,
        lease_until: Timestamp,
    ) -> Result<Option<Run>, StoreError> {
        let mut tx = self.db.begin().await?;
        let (old, until) = (
            crate::store::db::text_opt(run.holder.as_deref()),
            run.lease_until.map(|at| at.0),
        );
        let row = fetch_optional!(
            tx,
            RunRow,
            TAKE_OVER,
            run.id.0,
            old,
            until,
            text(holder),
            lease_until.0
        )?;
        tx.commit().await?;
        row.map(Run::try_from).transpose()
    }
}

/// The run has ended: none of its commands is active.
pub(in crate::store) async fn forget(tx: &mut Tx, run: RunId) -> Result<(), StoreError> {
    execute!(tx, FORGET, run.0)?;
    Ok(())
}

fn position(step: Option<u32>) -> i64 {
    step.map_or(-1, i64::from)
}
