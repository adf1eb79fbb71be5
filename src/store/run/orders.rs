//! Requests by people about an active run, written where the engine that drives it polls: pause,
//! step through, go on, skip, end. Each is an event of the run and a row of the audit log, in one
//! transaction.

use crate::core::base::time::Timestamp;
use crate::core::run::event::Level;
use crate::core::run::orders::{Ending, Order, Orders, Pace, SKIPPED_BY, dependents, skippable};
use crate::core::run::plan::Plan;
use crate::core::run::{Run, RunId, RunStatus, StepStatus};

use crate::store::access::{self, Decision};
use crate::store::db::{self, Tx, text};
use crate::store::rows::{self, RunRow};
use crate::store::run::decisions::{append_event, number, step_name};
use crate::store::run::journal::Numbered;
use crate::store::run::{history, journal, locks, runs};
use crate::store::{Store, StoreError};

const RUN: &str = "select * from run where id = $1";
const CURRENT: &str = "select pace, let_go, ending from run where id = $1";
const PACE: &str = "update run set pace = $2, paced_by = $3, let_go = null where id = $1";
const LET_GO: &str = "update run set let_go = $2 where id = $1";
const END_QUEUED: &str = "update run set status = 'cancelled', cancel_requested_by = $2, ending = $3, finished_at = $4, \
     message = $5 where id = $1";
const ASK_TO_END: &str = "update run set cancel_requested_by = $2, ending = $3 where id = $1";
const STEP: &str = "select status from run_step where run_id = $1 and position = $2";
const SKIP: &str = "update run_step set status = 'skipped', message = $3, finished_at = $4 \
     where run_id = $1 and position = $2 and status = 'pending'";
const IN_FLIGHT: &str = "select position from run_step where run_id = $1 and status in ('running', 'waiting') order by position limit 1";
const HELD_BACK: &str = "select r.pace, r.let_go, s.status from run r join run_step s on s.run_id = r.id \
     where r.id = $1 and s.position = $2";

/// The person who gives an order, and why.
#[derive(Debug, Clone, Copy)]
pub struct Orderer<'a> {
    pub actor: &'a str,
    pub reason: Option<&'a str>,
}

impl Orderer<'_> {
    pub(in crate::store) fn because(&self) -> String {
        self.reason
            .map(|reason| format!(": {reason}"))
            .unwrap_or_default()
    }
}

impl Store {
    /// Gives an order to a run (audited); the engine that drives it sees it within a second. A
    /// queued run is cancelled at once. Returns the status the run has now.
    pub async fn order(
        &self,
        run: RunId,
        order: Order,
        by: Orderer<'_>,
        at: Timestamp,
    ) -> Result<RunStatus, StoreError> {
        let mut tx = self.db.begin().await?;
        let numbered = number(&mut tx, run).await?;
        match give(&mut tx, run, &numbered, order, by, at).await {
            Ok(status) => tx.commit().await.map(|()| status),
            Err(refused) => tx.rollback().await.and(Err(refused)),
        }
    }

    /// Cancels a run that waits in the queue (audited). Refused if it was started meanwhile.
    pub async fn drop_queued(
        &self,
        run: RunId,
        by: Orderer<'_>,
        at: Timestamp,
    ) -> Result<RunStatus, StoreError> {
        let mut tx = self.db.begin().await?;
        let numbered = number(&mut tx, run).await?;
        let status = rows::status(&numbered.status)?;
        if status != RunStatus::Queued {
            let refused = StoreError::Refused {
                run,
                status,
                what: "dropping what waits in the queue",
            };
            return tx.rollback().await.and(Err(refused));
        }
        match give(&mut tx, run, &numbered, Order::End(Ending::Cancel), by, at).await {
            Ok(status) => tx.commit().await.map(|()| status),
            Err(refused) => tx.rollback().await.and(Err(refused)),
        }
    }

    /// [`Order::End`] with [`Ending::Cancel`].
    pub async fn request_cancel(
        &self,
        run: RunId,
        actor: &str,
        reason: Option<&str>,
        at: Timestamp,
    ) -> Result<RunStatus, StoreError> {
        self.order(
            run,
            Order::End(Ending::Cancel),
            Orderer { actor, reason },
            at,
        )
        .await
    }

    /// Whether a step that has not begun still has to wait: false as soon as its run may go on, or
    /// it was skipped.
    pub async fn is_held_back(&self, run: RunId, step: u32) -> Result<bool, StoreError> {
        let mut db = self.db.read().await?;
        let row = fetch_optional!(
            db,
            (String, Option<i64>, String),
            HELD_BACK,
            run.0,
            i64::from(step)
        )?;
        let Some((pace, let_go, status)) = row else {
            return Ok(false);
        };
        let orders = Orders {
            pace: rows::pace(&pace)?,
            let_go: let_go.map(rows::small).transpose()?,
            ..Orders::default()
        };
        Ok(status == StepStatus::Pending.name() && orders.holds(step))
    }
}

/// The run as it is in this transaction.
pub(in crate::store) async fn read(tx: &mut Tx, run: RunId) -> Result<Run, StoreError> {
    let row = fetch_optional!(tx, RunRow, RUN, run.0)?;
    row.ok_or_else(|| StoreError::NotFound(format!("run {run}")))?
        .try_into()
}

/// The target of an order. The plan is read only where it is needed: a run of a newer version can
/// still be cancelled.
struct To<'a> {
    run: RunId,
    status: RunStatus,
    orders: Orders,
    plan: &'a str,
}

impl To<'_> {
    fn plan(&self) -> Result<Plan, StoreError> {
        rows::read_plan(self.run.0, self.plan)
    }
}

async fn current<'a>(
    tx: &mut Tx,
    run: RunId,
    numbered: &'a Numbered,
) -> Result<To<'a>, StoreError> {
    let row = fetch_optional!(tx, (String, Option<i64>, Option<String>), CURRENT, run.0)?;
    let (pace, let_go, ending) = row.ok_or_else(|| StoreError::NotFound(format!("run {run}")))?;
    let orders = Orders {
        pace: rows::pace(&pace)?,
        by: None,
        let_go: let_go.map(rows::small).transpose()?,
        ending: ending.as_deref().map(rows::ending).transpose()?,
    };
    Ok(To {
        run,
        status: rows::status(&numbered.status)?,
        orders,
        plan: &numbered.plan,
    })
}

/// Result of an order: data of the audit row, message in the run's log, the status the
/// run has now.
struct Given {
    after: String,
    step: Option<u32>,
    message: String,
    status: RunStatus,
}

pub(in crate::store) async fn give(
    tx: &mut Tx,
    run: RunId,
    numbered: &Numbered,
    order: Order,
    by: Orderer<'_>,
    at: Timestamp,
) -> Result<RunStatus, StoreError> {
    let before = current(tx, run, numbered).await?;
    let status = before.status;
    order
        .check(status, &before.orders)
        .map_err(|what| StoreError::Refused { run, status, what })?;
    let (actor, because) = (by.actor, by.because());
    let pace = async |tx: &mut Tx, pace: Pace, message| {
        execute!(
            tx,
            PACE,
            run.0,
            pace.name(),
            (pace != Pace::Free).then(|| text(actor))
        )?;
        Ok::<_, StoreError>(Given {
            after: pace.name().to_owned(),
            step: None,
            message,
            status,
        })
    };
    let given = match order {
        Order::Pause => {
            let message = format!("{actor} asks it to pause before its next step{because}");
            pace(tx, Pace::Paused, message).await?
        }
        Order::StepThrough => {
            let message = format!("{actor} goes through it step by step{because}");
            pace(tx, Pace::Stepping, message).await?
        }
        Order::Continue => pace(tx, Pace::Free, format!("{actor} lets it go on{because}")).await?,
        Order::LetGo(step) => let_go(tx, &before, step, by).await?,
        Order::Skip(step) => skip(tx, &before, step, by, at).await?,
        Order::End(ending) => end(tx, &before, ending, by, at).await?,
    };
    let event = journal::event(Level::Warn, "operator", given.step, given.message, at);
    append_event(tx, run, numbered, event).await?;
    let decision = Decision {
        workspace: numbered.workspace_id,
        at,
        actor,
        action: order.audit_word(),
        object: format!("run {run}"),
        before: Some(status.name().into()),
        after: Some(given.after),
        reason: by.reason,
    };
    access::insert(tx, decision).await?;
    Ok(given.status)
}

async fn status_of(tx: &mut Tx, run: RunId, step: u32) -> Result<StepStatus, StoreError> {
    let row = fetch_optional!(tx, (String,), STEP, run.0, i64::from(step))?;
    let (name,) = row.ok_or_else(|| StoreError::NotFound(format!("step {step} of run {run}")))?;
    rows::step_status(&name)
}

async fn let_go(tx: &mut Tx, to: &To<'_>, step: u32, by: Orderer<'_>) -> Result<Given, StoreError> {
    let name = step_name(&to.plan()?, i64::from(step));
    if status_of(tx, to.run, step).await? != StepStatus::Pending {
        return Err(StoreError::Step {
            run: to.run,
            step: name,
            why: "it has begun already",
        });
    }
    // It would begin right after that step, before a person has seen how it ended.
    if fetch_optional!(tx, (i64,), IN_FLIGHT, to.run.0)?.is_some() {
        return Err(StoreError::Step {
            run: to.run,
            step: name,
            why: "the step before it has not ended",
        });
    }
    execute!(tx, LET_GO, to.run.0, i64::from(step))?;
    let message = format!("{} lets step {name} go{}", by.actor, by.because());
    let after = format!("step {name} may go");
    Ok(Given {
        after,
        step: Some(step),
        message,
        status: to.status,
    })
}

async fn skip(
    tx: &mut Tx,
    to: &To<'_>,
    step: u32,
    by: Orderer<'_>,
    at: Timestamp,
) -> Result<Given, StoreError> {
    let plan = to.plan()?;
    let name = step_name(&plan, i64::from(step));
    let found = status_of(tx, to.run, step).await?;
    skippable(&plan, step, found).map_err(|why| StoreError::Step {
        run: to.run,
        step: name.clone(),
        why,
    })?;
    let label = format!("{SKIPPED_BY}{}{}", by.actor, by.because());
    execute!(
        tx,
        SKIP,
        to.run.0,
        i64::from(step),
        db::message(&label),
        at.0
    )?;
    history::of_step(
        tx,
        to.run,
        (step, None),
        StepStatus::Skipped,
        Some(by.actor),
        at,
    )
    .await?;
    let uses = dependents(&plan, step);
    let uses = if uses.is_empty() {
        String::new()
    } else {
        format!(
            "; later steps use what it would have left and fail rather than guess: {}",
            uses.join(", ")
        )
    };
    let message = format!("{name}: {label}{uses}");
    let after = format!("step {name} skipped");
    Ok(Given {
        after,
        step: Some(step),
        message,
        status: to.status,
    })
}

/// A harsher end replaces a milder one requested before, never the other way round.
async fn end(
    tx: &mut Tx,
    to: &To<'_>,
    ending: Ending,
    by: Orderer<'_>,
    at: Timestamp,
) -> Result<Given, StoreError> {
    let (actor, because) = (by.actor, by.because());
    let given = |message, status: RunStatus| {
        let how = if ending == Ending::Cancel {
            String::new()
        } else {
            format!(", {}", ending.name())
        };
        let after = format!("{}{how}", status.name());
        Ok(Given {
            after,
            step: None,
            message,
            status,
        })
    };
    if to.status == RunStatus::Queued {
        let message = format!("cancelled by {actor}{because}");
        execute!(
            tx,
            END_QUEUED,
            to.run.0,
            text(actor),
            ending.name(),
            at.0,
            db::message(&message)
        )?;
        history::of_run(tx, to.run, RunStatus::Cancelled, Some(actor), at).await?;
        runs::end_steps(tx, to.run, RunStatus::Cancelled, at).await?;
        locks::end(tx, to.run).await?;
        return given(message, RunStatus::Cancelled);
    }
    if to.orders.ending.is_none_or(|before| before < ending) {
        execute!(tx, ASK_TO_END, to.run.0, text(actor), ending.name())?;
    }
    given(
        format!("{} requested by {actor}{because}", ending.label()),
        to.status,
    )
}
