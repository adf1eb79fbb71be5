//! Changes of a run without a claim: answers to manual steps, and the decision that its engine is
//! gone.

use crate::core::base::time::Timestamp;
use crate::core::run::act::audit_word;
use crate::core::run::event::{Level, NewEntry};
use crate::core::run::plan::Plan;
use crate::core::run::{Run, RunId, RunStatus, StepStatus};

use crate::store::access::{self, Decision};
use crate::store::db::{self, Tx, text, text_opt};
use crate::store::run::journal::Numbered;
use crate::store::run::{history, journal, locks, resume, runs};
use crate::store::{Store, StoreError, rows};

/// Takes the next number of a run that is not claimed here; the row stays locked until the
/// transaction ends.
const NUMBER: &str = "update run set last_seq = last_seq + 1 where id = $1 returning status, last_seq, workspace_id, plan";
const INTERRUPT: &str = "update run set status = 'interrupted', finished_at = $4, lease_until = null, last_seq = last_seq + 1 \
     where id = $1 and holder = $2 and lease_until = $3 and status in ('claimed', 'running', 'waiting') \
     returning status, last_seq, workspace_id, plan";
/// An engine that lost a run does not count as alive until its next heartbeat: runs it queued are
/// not started by others meanwhile.
const NOT_ALIVE: &str = "update engine set alive_until = 0 where holder = $1";
const EXPLAIN: &str = "update run set message = $2 where id = $1";
const IN_FLIGHT: &str =
    "select position from run_step where run_id = $1 and status = 'running' order by position";
const STEP: &str = "select status, attempt from run_step where run_id = $1 and position = $2";
const INSERT_ANSWER: &str = "insert into run_answer (run_id, position, attempt, done, note, actor, at) \
     values ($1, $2, $3, $4, $5, $6, $7) on conflict (run_id, position, attempt) do nothing";
const ANSWER: &str = "select a.done, a.actor, a.note from run_answer a join run_step s \
     on s.run_id = a.run_id and s.position = a.position and s.attempt = a.attempt where a.run_id = $1 and a.position = $2";

impl Store {
    /// Marks a held run interrupted: its running step becomes `unknown`, recorded in an event;
    /// steps not begun stay pending. If nothing it does next can harm, it is resumed at once, else
    /// a person decides. Conditional on the holder and lease read before: false when it was renewed
    /// meanwhile.
    pub async fn interrupt(&self, run: &Run, why: &str, at: Timestamp) -> Result<bool, StoreError> {
        let mut tx = self.db.begin().await?;
        let lease_until = run.lease_until.map(|at| at.0);
        let holder = text_opt(run.holder.as_deref());
        let row = fetch_optional!(tx, Numbered, INTERRUPT, run.id.0, holder, lease_until, at.0)?;
        let Some(numbered) = row else {
            return Ok(false);
        };
        let in_flight = fetch_all!(tx, (i64,), IN_FLIGHT, run.id.0)?;
        let names: Vec<String> = in_flight
            .iter()
            .map(|(position,)| step_name(&run.plan, *position))
            .collect();
        let message = match names.as_slice() {
            [] => format!("interrupted: {why}; no step was under way"),
            names => format!(
                "interrupted: {why}; the outcome of step {} is unknown",
                names.join(", ")
            ),
        };
        execute!(tx, EXPLAIN, run.id.0, db::message(&message))?;
        execute!(tx, NOT_ALIVE, text_opt(run.holder.as_deref()))?;
        history::of_run(&mut tx, run.id, RunStatus::Interrupted, None, at).await?;
        runs::end_steps(&mut tx, run.id, RunStatus::Interrupted, at).await?;
        locks::end(&mut tx, run.id).await?;
        let step = match in_flight.as_slice() {
            [(position,)] => Some(rows::small(*position)?),
            _ => None,
        };
        append_event(
            &mut tx,
            run.id,
            &numbered,
            journal::event(Level::Error, "engine", step, message, at),
        )
        .await?;
        resume::resume_if_harmless(&mut tx, run.id, at).await?;
        tx.commit().await?;
        Ok(true)
    }

    /// Answers a waiting manual step (audited). The engine that holds the run polls for it.
    pub async fn answer(
        &self,
        run: RunId,
        step: u32,
        done: bool,
        note: Option<&str>,
        actor: &str,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        let mut tx = self.db.begin().await?;
        let numbered = number(&mut tx, run).await?;
        let status = rows::status(&numbered.status)?;
        let attempt = waiting_attempt(&mut tx, run, step, status).await?;
        let position = i64::from(step);
        let inserted = execute!(
            tx,
            INSERT_ANSWER,
            run.0,
            position,
            attempt,
            done,
            text_opt(note),
            text(actor),
            at.0
        )?;
        if inserted == 0 {
            return Err(StoreError::Refused {
                run,
                status,
                what: "answering a step twice",
            });
        }
        let answer = if done { "done" } else { "not done" };
        let name = step_name(&rows::read_plan(run.0, &numbered.plan)?, position);
        let note_suffix = note.map(|note| format!(": {note}")).unwrap_or_default();
        let message = format!("{actor} says {name} is {answer}{note_suffix}");
        append_event(
            &mut tx,
            run,
            &numbered,
            journal::event(Level::Info, "operator", Some(step), message, at),
        )
        .await?;
        let decision = Decision {
            workspace: numbered.workspace_id,
            at,
            actor,
            action: audit_word::ANSWER,
            object: format!("run {run} step {name}"),
            before: None,
            after: Some(answer.into()),
            reason: note,
        };
        access::insert(&mut tx, decision).await?;
        tx.commit().await
    }

    /// The answer to the current attempt of a step, if any: done, by, note.
    pub async fn answer_of(
        &self,
        run: RunId,
        step: u32,
    ) -> Result<Option<(bool, String, Option<String>)>, StoreError> {
        let mut db = self.db.read().await?;
        fetch_optional!(
            db,
            (bool, String, Option<String>),
            ANSWER,
            run.0,
            i64::from(step)
        )
    }
}

pub(in crate::store) async fn number(tx: &mut Tx, run: RunId) -> Result<Numbered, StoreError> {
    let row = fetch_optional!(tx, Numbered, NUMBER, run.0)?;
    row.ok_or_else(|| StoreError::NotFound(format!("run {run}")))
}

pub(in crate::store) async fn append_event(
    tx: &mut Tx,
    run: RunId,
    numbered: &Numbered,
    event: NewEntry,
) -> Result<(), StoreError> {
    journal::write(tx, run, numbered.last_seq, &[event]).await
}

async fn waiting_attempt(
    tx: &mut Tx,
    run: RunId,
    step: u32,
    status: RunStatus,
) -> Result<i64, StoreError> {
    let row = fetch_optional!(tx, (String, i64), STEP, run.0, i64::from(step))?;
    let (step_status, attempt) =
        row.ok_or_else(|| StoreError::NotFound(format!("step {step} of run {run}")))?;
    if status.is_held() && step_status == StepStatus::Waiting.name() {
        return Ok(attempt);
    }
    Err(StoreError::Refused {
        run,
        status,
        what: "answering a step that does not wait for an answer",
    })
}

/// The step's name in the plan.
pub(in crate::store) fn step_name(plan: &Plan, position: i64) -> String {
    let step = u32::try_from(position)
        .ok()
        .and_then(|number| plan.numbered_step(number));
    step.map_or_else(
        || format!("number {position}"),
        |(step, _)| step.name.clone(),
    )
}
