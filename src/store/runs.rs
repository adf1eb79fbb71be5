//! Runs: queueing, claiming, the lease, the table of states, cancelling, reading.

use super::db::{on, write};
use super::journal::{self, append};
use super::{Claim, NewRun, RunFilter, Store, StoreError, column, from_json, json};
use crate::core::event::{EntryBody, Level, NewEntry};
use crate::core::run::{self, Run, RunId, RunStatus, RunStep, StepStatus, Transition};
use crate::core::time::Timestamp;

const INSERT: &str = "insert into run (workspace_id, parent_id, runbook, env, plan, status, actor, via, reason, requested_at) \
     values ($1, $2, $3, $4, $5, 'queued', $6, $7, $8, $9) returning id";
const INSERT_SERVICE: &str = "insert into run_service (run_id, service) values ($1, $2) on conflict do nothing";
const INSERT_STEP: &str = "insert into run_step (run_id, step, status) values ($1, $2, 'pending')";
pub(super) const AUDIT: &str = "insert into audit (workspace_id, at, actor, action, object, before, after, reason) \
     values ($1, $2, $3, $4, $5, $6, $7, $8)";

macro_rules! columns {
    () => {
        "id, workspace_id, parent_id, plan, status, actor, via, reason, requested_at, started_at, finished_at, message, \
         holder, token, lease_until, cancel_requested_by, last_seq"
    };
}

const CLAIM_SQLITE: &str = concat!(
    "update run set status = 'claimed', holder = $1, token = token + 1, lease_until = $2 where id = \
     (select id from run where status = 'queued' and (cast($3 as bigint) is null or id = $3) order by id limit 1) \
     and status = 'queued' returning ",
    columns!()
);
const CLAIM_POSTGRES: &str = concat!(
    "update run set status = 'claimed', holder = $1, token = token + 1, lease_until = $2 where id = \
     (select id from run where status = 'queued' and (cast($3 as bigint) is null or id = $3) order by id limit 1 \
     for update skip locked) and status = 'queued' returning ",
    columns!()
);
const RENEW: &str = "update run set lease_until = $3 where id = $1 and token = $2 \
     and status in ('claimed', 'running', 'waiting')";
const ONE: &str = concat!("select ", columns!(), " from run where id = $1");
const ONE_HELD: &str = concat!("select ", columns!(), " from run where id = $1 for update");
const HELD: &str =
    concat!("select ", columns!(), " from run where status in ('claimed', 'running', 'waiting') order by id");
const LIST: &str = concat!(
    "select ",
    columns!(),
    " from run where workspace_id = $1 and (cast($2 as text) is null or runbook = $2) \
     and (cast($3 as text) is null or env = $3) and ($4 = '' or $4 like '%,' || status || ',%') \
     and (cast($5 as bigint) is null or requested_at >= $5) and (cast($6 as bigint) is null or id < $6) \
     and (cast($7 as text) is null or exists (select 1 from run_service s where s.run_id = run.id and s.service = $7)) \
     order by id desc limit $8"
);
const MOVE: &str = "update run set status = $3, started_at = coalesce(started_at, $4), finished_at = $5, message = $6, \
     holder = case when $5 is null and $3 <> 'queued' then holder end, \
     lease_until = case when $5 is null and $3 <> 'queued' then lease_until end where id = $1 and token = $2";
const SKIP_PENDING: &str = "update run_step set status = 'skipped' where run_id = $1 and status = 'pending'";
const STEPS: &str =
    "select step, status, attempt, started_at, finished_at, message from run_step where run_id = $1 order by step";
const STEP: &str = "update run_step set status = $3, attempt = $4, started_at = coalesce(started_at, $5), \
     finished_at = $6, message = $7 where run_id = $1 and step = $2";
const REQUEST_CANCEL: &str = "update run set cancel_requested_by = $2 where id = $1";
const CANCEL_QUEUED: &str = "update run set status = 'cancelled', finished_at = $2, message = $3, cancel_requested_by = $4 \
     where id = $1 and status = 'queued'";
const INTERRUPT: &str = "update run set status = 'interrupted', finished_at = $4, message = $5, lease_until = null, \
     token = token + 1 where id = $1 and holder = $2 and lease_until = $3 and status in ('claimed', 'running', 'waiting')";
const IN_FLIGHT: &str =
    "select step from run_step where run_id = $1 and status in ('running', 'waiting') order by step";
const UNKNOWN: &str = "update run_step set status = 'unknown', finished_at = $2, \
     message = 'the engine went away while this step ran' where run_id = $1 and status in ('running', 'waiting')";
const ANSWER: &str = "update run_step set answer_done = $3, answer_by = $4, answer_note = $5 \
     where run_id = $1 and step = $2 and status = 'waiting' and answer_done is null";
const ANSWER_OF: &str = "select answer_done, answer_by, answer_note from run_step where run_id = $1 and step = $2";

#[derive(sqlx::FromRow)]
pub(super) struct RunRow {
    id: i64,
    pub workspace_id: i64,
    parent_id: Option<i64>,
    plan: String,
    status: String,
    actor: String,
    via: String,
    reason: Option<String>,
    requested_at: i64,
    started_at: Option<i64>,
    finished_at: Option<i64>,
    message: Option<String>,
    holder: Option<String>,
    token: i64,
    lease_until: Option<i64>,
    cancel_requested_by: Option<String>,
    last_seq: i64,
}

impl TryFrom<RunRow> for Run {
    type Error = StoreError;

    fn try_from(row: RunRow) -> Result<Self, StoreError> {
        Ok(Self {
            id: RunId(row.id),
            parent: row.parent_id.map(RunId),
            status: status(&row.status)?,
            plan: from_json(&row.plan, "a plan")?,
            actor: row.actor,
            trigger: row.via,
            reason: row.reason,
            requested_at: Timestamp(row.requested_at),
            started_at: row.started_at.map(Timestamp),
            finished_at: row.finished_at.map(Timestamp),
            message: row.message,
            holder: row.holder,
            lease_until: row.lease_until.map(Timestamp),
            cancel_requested_by: row.cancel_requested_by,
            last_seq: row.last_seq,
        })
    }
}

fn status(name: &str) -> Result<RunStatus, StoreError> {
    RunStatus::from_name(name).ok_or_else(|| StoreError::Database(format!("unknown run status {name}")))
}

#[derive(sqlx::FromRow)]
struct StepRow {
    step: i64,
    status: String,
    attempt: i64,
    started_at: Option<i64>,
    finished_at: Option<i64>,
    message: Option<String>,
}

impl TryFrom<StepRow> for RunStep {
    type Error = StoreError;

    fn try_from(row: StepRow) -> Result<Self, StoreError> {
        Ok(Self {
            index: u32::try_from(row.step).unwrap_or(u32::MAX),
            status: StepStatus::from_name(&row.status)
                .ok_or_else(|| StoreError::Database(format!("unknown step status {}", row.status)))?,
            attempt: u32::try_from(row.attempt).unwrap_or(u32::MAX),
            started_at: row.started_at.map(Timestamp),
            finished_at: row.finished_at.map(Timestamp),
            message: row.message,
        })
    }
}

/// Queues a run inside a transaction: row, services, steps, audit, first event. Gives its number.
macro_rules! queue {
    ($tx:ident, $new:expr) => {{
        let new: &NewRun = $new;
        let plan_json = json(&new.plan)?;
        let id: i64 = sqlx::query_scalar(INSERT)
            .bind(new.workspace)
            .bind(new.parent.map(|p| p.0))
            .bind(&new.plan.runbook)
            .bind(&new.plan.env)
            .bind(&plan_json)
            .bind(&new.actor)
            .bind(&new.trigger)
            .bind(new.reason.as_deref().map(column))
            .bind(new.at.0)
            .fetch_one(&mut *$tx)
            .await?;
        for service in &new.plan.services {
            sqlx::query(INSERT_SERVICE).bind(id).bind(service).execute(&mut *$tx).await?;
        }
        for step in 0..new.plan.numbered().count() {
            sqlx::query(INSERT_STEP).bind(id).bind(wide(step)).execute(&mut *$tx).await?;
        }
        audit!(
            $tx,
            new.workspace,
            new.at,
            &new.actor,
            "run.submit",
            format!("run #{id}"),
            None::<String>,
            Some(new.plan.restatement.clone()),
            new.reason.as_deref()
        );
        let first = [said(new.at, Level::Info, format!("queued by {}: {}", new.actor, new.plan.title))];
        append!($tx, RunId(id), 1_i64, &first);
        sqlx::query("update run set last_seq = 1 where id = $1").bind(id).execute(&mut *$tx).await?;
        id
    }};
}

/// One audit row inside a transaction.
macro_rules! audit {
    ($tx:ident, $workspace:expr, $at:expr, $actor:expr, $action:expr, $object:expr, $before:expr, $after:expr, $reason:expr) => {
        sqlx::query($crate::store::runs::AUDIT)
            .bind($workspace)
            .bind($at.0)
            .bind($actor)
            .bind($action)
            .bind($object)
            .bind($before)
            .bind($after)
            .bind($reason)
            .execute(&mut *$tx)
            .await?
    };
}
pub(super) use audit;

/// Writes entries that need no claim, numbering them in this transaction.
macro_rules! say {
    ($tx:ident, $run:expr, $entries:expr) => {{
        let entries: &[NewEntry] = $entries;
        let last: i64 = sqlx::query_scalar("update run set last_seq = last_seq + $2 where id = $1 returning last_seq")
            .bind($run.0)
            .bind(wide(entries.len()))
            .fetch_one(&mut *$tx)
            .await?;
        append!($tx, $run, last - wide(entries.len()) + 1, entries);
    }};
}

/// Reads the run's row for changing, checks token and table, moves it, writes the entries. Gives the new status.
macro_rules! advance {
    ($store:ident, $tx:ident, $claim:expr, $what:expr, $message:expr, $entries:expr, $at:expr) => {{
        let row: Option<RunRow> =
            sqlx::query_as($store.db.pick(ONE, ONE_HELD)).bind($claim.run.0).fetch_optional(&mut *$tx).await?;
        let row = row.ok_or_else(|| StoreError::NotFound(format!("run {}", $claim.run)))?;
        let from = status(&row.status)?;
        if row.token != $claim.token || !from.is_held() {
            return Err(StoreError::StaleToken($claim.run));
        }
        let to =
            run::next(from, $what).ok_or(StoreError::Refused { run: $claim.run, status: from, what: verb($what) })?;
        let finished = to.is_terminal().then_some($at.0);
        let started = (to == RunStatus::Running || to.is_terminal()).then_some($at.0);
        sqlx::query(MOVE)
            .bind($claim.run.0)
            .bind($claim.token)
            .bind(to.name())
            .bind(started)
            .bind(finished)
            .bind($message.map(column))
            .execute(&mut *$tx)
            .await?;
        if to.is_terminal() {
            sqlx::query(SKIP_PENDING).bind($claim.run.0).execute(&mut *$tx).await?;
        }
        if !$entries.is_empty() {
            say!($tx, $claim.run, $entries);
        }
        to
    }};
}

impl Store {
    /// Queues a run: run row, pending step rows (finally steps after the others), first event and audit row in one
    /// transaction.
    pub async fn submit(&self, new: NewRun) -> Result<Run, StoreError> {
        let id: i64 = write!(self, tx => { queue!(tx, &new) });
        self.run(RunId(id)).await
    }

    /// Claims the oldest queued run (or just `only`), or says there is none.
    pub async fn claim(
        &self,
        only: Option<RunId>,
        holder: &str,
        lease_until: Timestamp,
        _at: Timestamp,
    ) -> Result<Option<(Claim, Run)>, StoreError> {
        let sql = self.db.pick(CLAIM_SQLITE, CLAIM_POSTGRES);
        let row: Option<RunRow> = on!(self, pool => {
            sqlx::query_as(sql).bind(holder).bind(lease_until.0).bind(only.map(|r| r.0)).fetch_optional(pool).await?
        });
        row.map(|row| {
            let claim = Claim { run: RunId(row.id), token: row.token, workspace: row.workspace_id };
            Run::try_from(row).map(|run| (claim, run))
        })
        .transpose()
    }

    /// Prolongs the lease; `StaleToken` when the run was taken away.
    pub async fn renew(&self, claim: Claim, lease_until: Timestamp) -> Result<(), StoreError> {
        let changed = on!(self, pool => {
            sqlx::query(RENEW).bind(claim.run.0).bind(claim.token).bind(lease_until.0).execute(pool).await?.rows_affected()
        });
        if changed == 1 { Ok(()) } else { Err(StoreError::StaleToken(claim.run)) }
    }

    /// Moves the run along the table, conditional on the token; entries are written in the same transaction. Ending a
    /// run clears its lease and skips its pending steps. Returns the new status.
    pub async fn transition(
        &self,
        claim: Claim,
        what: Transition,
        message: Option<&str>,
        entries: &[NewEntry],
        at: Timestamp,
    ) -> Result<RunStatus, StoreError> {
        Ok(write!(self, tx => { advance!(self, tx, claim, what, message, entries, at) }))
    }

    /// Ends a run as succeeded and queues the next link of its chain, in one transaction. Returns the next run.
    pub async fn succeed_and_chain(
        &self,
        claim: Claim,
        message: Option<&str>,
        entries: &[NewEntry],
        next: Option<NewRun>,
        at: Timestamp,
    ) -> Result<Option<Run>, StoreError> {
        let id: Option<i64> = write!(self, tx => {
            advance!(self, tx, claim, Transition::Succeed, message, entries, at);
            match &next {
                Some(new) => Some(queue!(tx, new)),
                None => None,
            }
        });
        match id {
            Some(id) => self.run(RunId(id)).await.map(Some),
            None => Ok(None),
        }
    }

    /// Records a step's state (and attempt) with its entries, conditional on the token. Called before the effect
    /// (`Running`) and before the next step starts (outcome).
    #[expect(clippy::too_many_arguments, reason = "one row, one call")]
    pub async fn step(
        &self,
        claim: Claim,
        index: u32,
        state: StepStatus,
        attempt: u32,
        message: Option<&str>,
        entries: &[NewEntry],
        at: Timestamp,
    ) -> Result<(), StoreError> {
        let open = matches!(state, StepStatus::Pending | StepStatus::Running | StepStatus::Waiting);
        let started = (state != StepStatus::Pending && state != StepStatus::Skipped).then_some(at.0);
        write!(self, tx => {
            let last = journal::reserve!(tx, claim, entries.len());
            let changed = sqlx::query(STEP)
                .bind(claim.run.0)
                .bind(i64::from(index))
                .bind(state.name())
                .bind(i64::from(attempt))
                .bind(started)
                .bind((!open).then_some(at.0))
                .bind(message.map(column))
                .execute(&mut *tx)
                .await?
                .rows_affected();
            if changed != 1 {
                return Err(StoreError::NotFound(format!("step {index} of run {}", claim.run)));
            }
            append!(tx, claim.run, last - wide(entries.len()) + 1, entries);
        });
        Ok(())
    }

    /// Asks for cancellation (audited). A queued run is cancelled at once; a held one by its engine.
    pub async fn request_cancel(
        &self,
        run: RunId,
        actor: &str,
        reason: Option<&str>,
        at: Timestamp,
    ) -> Result<RunStatus, StoreError> {
        let because = reason.map(|r| format!(": {r}")).unwrap_or_default();
        Ok(write!(self, tx => {
            let row: Option<RunRow> =
                sqlx::query_as(self.db.pick(ONE, ONE_HELD)).bind(run.0).fetch_optional(&mut *tx).await?;
            let row = row.ok_or_else(|| StoreError::NotFound(format!("run {run}")))?;
            let from = status(&row.status)?;
            if from.is_terminal() {
                return Err(StoreError::Refused { run, status: from, what: "cancelling" });
            }
            let (to, words) = if from == RunStatus::Queued {
                let message = format!("cancelled by {actor} before it began{because}");
                sqlx::query(CANCEL_QUEUED).bind(run.0).bind(at.0).bind(column(&message)).bind(actor)
                    .execute(&mut *tx).await?;
                sqlx::query(SKIP_PENDING).bind(run.0).execute(&mut *tx).await?;
                (RunStatus::Cancelled, message)
            } else {
                sqlx::query(REQUEST_CANCEL).bind(run.0).bind(actor).execute(&mut *tx).await?;
                (from, format!("cancel requested by {actor}{because}"))
            };
            audit!(tx, row.workspace_id, at, actor, "run.cancel", format!("run {run}"), Some(from.name()),
                Some(to.name()), reason.map(column));
            say!(tx, run, &[said(at, Level::Warn, words)]);
            to
        }))
    }

    /// Held runs with a lease that ended before `at`.
    pub async fn expired(&self, at: Timestamp) -> Result<Vec<Run>, StoreError> {
        let held = self.held().await?;
        Ok(held.into_iter().filter(|run| run.lease_until.is_none_or(|until| until < at)).collect())
    }

    /// All held runs (claimed, running, waiting).
    pub async fn held(&self) -> Result<Vec<Run>, StoreError> {
        let rows: Vec<RunRow> = on!(self, pool => sqlx::query_as(HELD).fetch_all(pool).await?);
        rows.into_iter().map(Run::try_from).collect()
    }

    /// Declares a held run interrupted: its running step becomes `unknown`, said in an event. Conditional on the holder
    /// and lease read before, so that a renewal in between wins (then it returns false).
    pub async fn interrupt(&self, run: &Run, why: &str, at: Timestamp) -> Result<bool, StoreError> {
        let message = format!("interrupted: {why}");
        let done = write!(self, tx => {
            let changed = sqlx::query(INTERRUPT)
                .bind(run.id.0)
                .bind(&run.holder)
                .bind(run.lease_until.map(|t| t.0))
                .bind(at.0)
                .bind(column(&message))
                .execute(&mut *tx)
                .await?
                .rows_affected();
            if changed == 0 {
                return Ok(false);
            }
            let in_flight: Vec<i64> = sqlx::query_scalar(IN_FLIGHT).bind(run.id.0).fetch_all(&mut *tx).await?;
            sqlx::query(UNKNOWN).bind(run.id.0).bind(at.0).execute(&mut *tx).await?;
            say!(tx, run.id, &interruption(run, &message, &in_flight, at));
            true
        });
        Ok(done)
    }

    /// Answers a waiting manual step (audited). The engine that holds the run picks it up.
    pub async fn answer(
        &self,
        run: RunId,
        step: u32,
        done: bool,
        note: Option<&str>,
        actor: &str,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        let word = if done { "done" } else { "not done" };
        let because = note.map(|n| format!(": {n}")).unwrap_or_default();
        write!(self, tx => {
            let row: Option<RunRow> =
                sqlx::query_as(self.db.pick(ONE, ONE_HELD)).bind(run.0).fetch_optional(&mut *tx).await?;
            let row = row.ok_or_else(|| StoreError::NotFound(format!("run {run}")))?;
            let changed = sqlx::query(ANSWER)
                .bind(run.0)
                .bind(i64::from(step))
                .bind(done)
                .bind(actor)
                .bind(note.map(column))
                .execute(&mut *tx)
                .await?
                .rows_affected();
            if changed == 0 {
                return Err(StoreError::NotFound(format!("step of run {run} that waits for an answer")));
            }
            audit!(tx, row.workspace_id, at, actor, "step.answer", format!("run {run} step {step}"), None::<String>,
                Some(word), note.map(column));
            let event = NewEntry { step: Some(step), ..said(at, Level::Info, format!("{actor} says: {word}{because}")) };
            say!(tx, run, &[event]);
        });
        Ok(())
    }

    /// The answer given to a step, if any: done, by, note.
    pub async fn answer_of(&self, run: RunId, step: u32) -> Result<Option<(bool, String, Option<String>)>, StoreError> {
        let row: Option<(Option<bool>, Option<String>, Option<String>)> = on!(self, pool => {
            sqlx::query_as(ANSWER_OF).bind(run.0).bind(i64::from(step)).fetch_optional(pool).await?
        });
        Ok(row.and_then(|(done, by, note)| Some((done?, by.unwrap_or_default(), note))))
    }

    /// One run.
    pub async fn run(&self, run: RunId) -> Result<Run, StoreError> {
        let row: Option<RunRow> = on!(self, pool => sqlx::query_as(ONE).bind(run.0).fetch_optional(pool).await?);
        row.ok_or_else(|| StoreError::NotFound(format!("run {run}")))?.try_into()
    }

    /// Runs, newest first.
    pub async fn runs(&self, workspace: i64, filter: &RunFilter) -> Result<Vec<Run>, StoreError> {
        let statuses: String = filter.status.iter().fold(String::new(), |all, s| format!("{all},{}", s.name()));
        let statuses = if statuses.is_empty() { statuses } else { format!("{statuses},") };
        let rows: Vec<RunRow> = on!(self, pool => {
            sqlx::query_as(LIST)
                .bind(workspace)
                .bind(&filter.runbook)
                .bind(&filter.env)
                .bind(&statuses)
                .bind(filter.since.map(|t| t.0))
                .bind(filter.before.map(|r| r.0))
                .bind(&filter.service)
                .bind(i64::from(filter.limit))
                .fetch_all(pool)
                .await?
        });
        rows.into_iter().map(Run::try_from).collect()
    }

    /// The steps of a run, in order.
    pub async fn steps(&self, run: RunId) -> Result<Vec<RunStep>, StoreError> {
        let rows: Vec<StepRow> = on!(self, pool => sqlx::query_as(STEPS).bind(run.0).fetch_all(pool).await?);
        rows.into_iter().map(RunStep::try_from).collect()
    }
}

fn interruption(run: &Run, message: &str, in_flight: &[i64], at: Timestamp) -> Vec<NewEntry> {
    let mut entries = vec![said(at, Level::Error, message.to_owned())];
    for index in in_flight {
        let at_index = usize::try_from(*index).unwrap_or(usize::MAX);
        let name = run.plan.numbered().nth(at_index).map_or("?", |(_, s)| s.name.as_str());
        let words = format!("the outcome of step {name} is unknown: it had begun, nobody saw it end");
        entries.push(NewEntry { step: u32::try_from(*index).ok(), ..said(at, Level::Error, words) });
    }
    entries
}

fn said(at: Timestamp, level: Level, message: String) -> NewEntry {
    let body = EntryBody::Event { level, phase: None, source: "control".to_owned(), message, data: None };
    NewEntry { at, step: None, body }
}

const fn verb(what: Transition) -> &'static str {
    match what {
        Transition::Claim => "claiming",
        Transition::Release => "releasing",
        Transition::Start => "starting",
        Transition::Wait => "waiting",
        Transition::Continue => "continuing",
        Transition::Succeed => "succeeding",
        Transition::Fail => "failing",
        Transition::TimeOut => "timing out",
        Transition::Cancel => "cancelling",
        Transition::Interrupt => "interrupting",
        Transition::Skip => "skipping",
    }
}

pub(super) fn wide(n: usize) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}
