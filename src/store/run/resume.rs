//! Resumes an interrupted run: back into the queue, by a person's decision or, where it is
//! harmless, automatically.

use crate::core::base::time::Timestamp;
use crate::core::run::act::audit_word;
use crate::core::run::event::Level;
use crate::core::run::orders::next_step;
use crate::core::run::plan::Plan;
use crate::core::run::resume::{Decision, ResumeState, has_failed, is_timed, standing, step_at};
use crate::core::run::step::StepSpec;
use crate::core::run::{RunId, RunStatus, RunStep, StepStatus, Transition, next};

use crate::store::access::{self, Decision as Decided};
use crate::store::db::{self, Tx};
use crate::store::rows::{self, StepRow};
use crate::store::run::decisions::{append_event, number};
use crate::store::run::journal::Numbered;
use crate::store::run::left_over::NO_PROCESS;
use crate::store::run::{history, journal, locks, orders, runs};
use crate::store::{Store, StoreError};

const CLAIMS: &str = "select token - taken_over from run where id = $1";
const REQUEUE: &str = "update run set status = $2, holder = null, lease_until = null, finished_at = null, message = null, \
     cancel_requested_by = null, ending = null, queued_by = $3, queued_at = $4 where id = $1";
const FAIL: &str = "update run set status = $2, finished_at = $3, message = $4 where id = $1";
const DONE: &str =
    "update run_step set status = 'succeeded', message = $3 where run_id = $1 and position = $2";
/// A step that waits keeps its start time.
const AGAIN: &str = "update run_step set status = 'pending', finished_at = null, message = null, \
     started_at = case when $3 then started_at else null end where run_id = $1 and position = $2";
/// A run that has lost this many engines is left to a person.
const MAX_CLAIMS: i64 = 10;

/// The person who resumes a run, and why.
#[derive(Debug, Clone, Copy)]
pub struct Resumer<'a> {
    pub actor: &'a str,
    pub reason: Option<&'a str>,
}

impl Store {
    /// Resumes an interrupted run (audited). Steps with an unknown outcome need a decision, unless
    /// repeating them is harmless. Returns the status the run has now: queued, or failed when a
    /// person gave it up.
    pub async fn resume(
        &self,
        run: RunId,
        decision: Option<Decision>,
        by: Resumer<'_>,
        at: Timestamp,
    ) -> Result<RunStatus, StoreError> {
        let mut tx = self.db.begin().await?;
        let numbered = number(&mut tx, run).await?;
        match resume(&mut tx, run, &numbered, decision, (by, &self.process), at).await {
            Ok(status) => tx.commit().await.map(|()| status),
            Err(refused) => tx.rollback().await.and(Err(refused)),
        }
    }
}

/// Resumes a run that is being interrupted in this transaction if nothing it does next can harm;
/// returns whether it did. In the same transaction, because an engine that dies between the two
/// would leave the run unattended.
///
/// Any engine continues a run that changes nothing, or that waits for a person before it does
/// anything. One that changes something is queued for a server, or for a person to start it: no
/// console claims it by itself.
pub(in crate::store) async fn resume_if_harmless(
    tx: &mut Tx,
    run: RunId,
    at: Timestamp,
) -> Result<bool, StoreError> {
    let row = fetch_optional!(tx, (i64,), CLAIMS, run.0)?;
    let Some((claims,)) = row else {
        return Ok(false);
    };
    let run_now = orders::read(tx, run).await?;
    let (plan, steps) = (&run_now.plan, steps(tx, run).await?);
    // A run that is paused before its next step only continues to wait.
    let held = || next_step(plan, &steps).is_some_and(|next| run_now.orders.holds(next));
    let harmless = match standing(plan, &steps) {
        ResumeState::Harmless => true,
        ResumeState::Ready => !has_failed(plan, &steps) && held(),
        ResumeState::Undecided(_) => planted!(UnknownRepeated, true, false),
    };
    // A person requested a stop: then it is not resumed automatically.
    if !harmless || claims >= MAX_CLAIMS || run_now.cancel_requested_by.is_some() {
        return Ok(false);
    }
    let numbered = number(tx, run).await?;
    let waits = || !has_failed(plan, &steps) && (held() || waits_for_person(plan, &steps));
    let watched = !plan.changes_something() || waits();
    let (process, reason) = if watched {
        ("", "nothing it does next can harm")
    } else {
        (
            NO_PROCESS,
            "nothing it does next can harm; a server goes on with it, or a person starts it",
        )
    };
    let by = Resumer {
        actor: "engine",
        reason: Some(reason),
    };
    let decision = planted!(UnknownRepeated, Some(Decision::Repeat), None);
    resume(tx, run, &numbered, decision, (by, process), at).await?;
    Ok(true)
}

/// Whether its first open step waits for a person to act: it continues to wait, and does nothing
/// else before.
fn waits_for_person(plan: &Plan, steps: &[RunStep]) -> bool {
    let open = |s: &&RunStep| matches!(s.status, StepStatus::Pending | StepStatus::Unknown);
    let next = steps
        .iter()
        .find(open)
        .filter(|s| s.status == StepStatus::Pending && s.started_at.is_some());
    let spec = next
        .and_then(|s| step_at(plan, s.index))
        .map(|step| &step.spec);
    matches!(spec, Some(StepSpec::Manual(_) | StepSpec::Approve(_)))
}

async fn resume(
    tx: &mut Tx,
    run: RunId,
    numbered: &Numbered,
    decision: Option<Decision>,
    (by, process): (Resumer<'_>, &str),
    at: Timestamp,
) -> Result<RunStatus, StoreError> {
    let from = rows::status(&numbered.status)?;
    let what = if decision == Some(Decision::GiveUp) {
        Transition::GiveUp
    } else {
        Transition::Resume
    };
    let to = next(from, what).ok_or(StoreError::Refused {
        run,
        status: from,
        what: runs::describe(what),
    })?;
    let plan = rows::read_plan(run.0, &numbered.plan)?;
    let steps = steps(tx, run).await?;
    let name = |index: u32| {
        step_at(&plan, index).map_or_else(|| format!("number {index}"), |s| s.name.clone())
    };
    if let (ResumeState::Undecided(open), None) = (standing(&plan, &steps), decision) {
        return Err(StoreError::Undecided {
            run,
            step: open.iter().map(|i| name(*i)).collect::<Vec<_>>().join(", "),
        });
    }
    let because = by
        .reason
        .map(|reason| format!(": {reason}"))
        .unwrap_or_default();
    let unknown: Vec<_> = steps
        .iter()
        .filter(|s| s.status == StepStatus::Unknown)
        .map(|s| s.index)
        .collect();
    for index in &unknown {
        match decision {
            Some(Decision::Done) => {
                let message = format!("marked done by {}{because}", by.actor);
                execute!(tx, DONE, run.0, i64::from(*index), db::message(&message))?;
                history::of_step(
                    tx,
                    run,
                    (*index, None),
                    StepStatus::Succeeded,
                    Some(by.actor),
                    at,
                )
                .await?;
            }
            Some(Decision::Repeat) | None => {
                let keeps_time = step_at(&plan, *index).is_some_and(is_timed);
                execute!(tx, AGAIN, run.0, i64::from(*index), keeps_time)?;
                history::of_step(
                    tx,
                    run,
                    (*index, None),
                    StepStatus::Pending,
                    Some(by.actor),
                    at,
                )
                .await?;
            }
            Some(Decision::GiveUp) => {}
        }
    }
    let about: Vec<_> = unknown
        .iter()
        .map(|i| format!("step {}", name(*i)))
        .collect();
    let decided = decision
        .filter(|_| !unknown.is_empty())
        .unwrap_or(Decision::Repeat);
    let about = if about.is_empty() {
        String::new()
    } else {
        format!(", {} {}", about.join(", "), decided.label())
    };
    let message = if to == RunStatus::Failed {
        let message = format!("given up by {}{because}", by.actor);
        execute!(tx, FAIL, run.0, to.name(), at.0, db::message(&message))?;
        runs::skip_steps(tx, run, at).await?;
        message
    } else {
        execute!(tx, REQUEUE, run.0, to.name(), db::text(process), at.0)?;
        locks::want(tx, numbered.workspace_id, run, &plan).await?;
        format!("resumed by {}{about}{because}", by.actor)
    };
    history::of_run(tx, run, to, Some(by.actor), at).await?;
    let level = if to == RunStatus::Failed {
        Level::Error
    } else {
        Level::Warn
    };
    append_event(
        tx,
        run,
        numbered,
        journal::event(level, "control", None, message.clone(), at),
    )
    .await?;
    let decision = Decided {
        workspace: numbered.workspace_id,
        at,
        actor: by.actor,
        action: audit_word::RESUME,
        object: format!("run {run}"),
        before: Some(from.name().into()),
        after: Some(message),
        reason: by.reason,
    };
    access::insert(tx, decision).await?;
    Ok(to)
}

pub(in crate::store) async fn steps(tx: &mut Tx, run: RunId) -> Result<Vec<RunStep>, StoreError> {
    rows::all(fetch_all!(tx, StepRow, StepRow::ALL, run.0)?)
}
