//! Votes on a step that needs approval. A vote is checked, counted, logged in the run and audited
//! in one transaction; the engine that drives the run polls for the result.

use crate::core::base::time::Timestamp;
use crate::core::run::act::audit_word;
use crate::core::run::approval::{Question, Tally, Vote, VoteError};
use crate::core::run::event::Level;
use crate::core::run::plan::plan_hash;
use crate::core::run::step::StepSpec;
use crate::core::run::step::approve::Approve;
use crate::core::run::{Run, RunId, RunStep, StepStatus};

use crate::store::access::{self, Decision};
use crate::store::db::{Tx, text, text_opt};
use crate::store::rows::{self, StepRow, VoteRow};
use crate::store::run::decisions::{append_event, number};
use crate::store::run::{journal, orders};
use crate::store::{Store, StoreError};

const VOTES: &str = "select position, actor, approved, note, plan_hash, at from run_vote where run_id = $1 \
     order by at, actor";
const INSERT: &str = "insert into run_vote (run_id, position, actor, approved, note, plan_hash, at) \
     values ($1, $2, $3, $4, $5, $6, $7)";
const FORGET: &str = "delete from run_vote where run_id = $1 and position = $2 and actor = $3";
const EXPLAIN: &str = "update run set message = $2 where id = $1 and status = 'waiting'";
/// For a run that repeats or follows other runs: the actors of all of them, newest first.
const REQUESTERS: &str = "with recursive line (id) as (select id from run where id = $1 \
     union select b.id from line join run r on r.id = line.id join run b on b.id in (r.parent_id, r.retry_of)) \
     select actor from run where id in (select id from line) group by actor order by max(id) desc";

/// A yes or a no.
#[derive(Debug, Clone, Copy)]
pub struct Ballot<'a> {
    pub actor: &'a str,
    pub approved: bool,
    pub note: Option<&'a str>,
    /// The hash of the plan the voter has read.
    pub plan_hash: &'a str,
}

impl Store {
    /// Votes on the step of a run that waits for approval (audited); returns the result of all
    /// votes.
    pub async fn vote(
        &self,
        run: RunId,
        ballot: Ballot<'_>,
        at: Timestamp,
    ) -> Result<Tally, StoreError> {
        let mut tx = self.db.begin().await?;
        match vote(&mut tx, run, ballot, at).await {
            Ok(tally) => tx.commit().await.map(|()| tally),
            Err(refused) => tx.rollback().await.and(Err(refused)),
        }
    }

    /// Every vote on a run's steps, oldest first.
    pub async fn votes(&self, run: RunId) -> Result<Vec<Vote>, StoreError> {
        let mut db = self.db.read().await?;
        rows::all(fetch_all!(db, VoteRow, VOTES, run.0)?)
    }

    /// The requesters of a run, and of the runs it repeats or follows.
    pub async fn requesters(&self, run: RunId) -> Result<Vec<String>, StoreError> {
        let mut db = self.db.read().await?;
        Ok(names(fetch_all!(db, (String,), REQUESTERS, run.0)?))
    }
}

/// The open approval a run waits for, also while no engine drives it.
#[must_use]
pub fn open_question<'p>(run: &'p Run, steps: &[RunStep]) -> Option<(u32, &'p Approve, Timestamp)> {
    if run.status.is_terminal() {
        return None;
    }
    let open = |s: &&RunStep| matches!(s.status, StepStatus::Waiting | StepStatus::Pending);
    steps.iter().filter(open).find_map(|s| {
        let (step, _) = run.plan.numbered_step(s.index)?;
        let StepSpec::Approve(ask) = &step.spec else {
            return None;
        };
        Some((s.index, ask, s.started_at?.plus_ms(step.timeout_ms)))
    })
}

async fn vote(
    tx: &mut Tx,
    id: RunId,
    ballot: Ballot<'_>,
    at: Timestamp,
) -> Result<Tally, StoreError> {
    let numbered = number(tx, id).await?;
    let run = orders::read(tx, id).await?;
    let refused = |why: VoteError| StoreError::Vote { run: id, why };
    let steps: Vec<RunStep> = rows::all(fetch_all!(tx, StepRow, StepRow::ALL, id.0)?)?;
    let Some((step, ask, until)) = open_question(&run, &steps) else {
        return Err(refused(VoteError::NotWaiting));
    };
    let mut votes: Vec<Vote> = rows::all(fetch_all!(tx, VoteRow, VOTES, id.0)?)?;
    votes.retain(|v| v.step == step);
    let (requesters, hash) = (
        names(fetch_all!(tx, (String,), REQUESTERS, id.0)?),
        plan_hash(&run.plan),
    );
    let new = Vote {
        step,
        actor: ballot.actor.to_owned(),
        approved: ballot.approved,
        note: ballot
            .note
            .map(str::trim)
            .filter(|n| !n.is_empty())
            .map(str::to_owned),
        plan_hash: ballot.plan_hash.to_owned(),
        at,
    };
    let question = Question {
        ask,
        plan_hash: &hash,
        requesters: &requesters,
        votes: &votes,
        until,
    };
    if !matches!(question.tally(), Tally::Open(_)) {
        return Err(refused(VoteError::NotWaiting));
    }
    question.check(&new).map_err(refused)?;
    let note = text_opt(new.note.as_deref());
    // A vote for another plan does not count and is replaced by the new one.
    execute!(tx, FORGET, id.0, i64::from(step), text(&new.actor))?;
    execute!(
        tx,
        INSERT,
        id.0,
        i64::from(step),
        text(&new.actor),
        new.approved,
        note,
        text(&hash),
        at.0
    )?;
    let with_new: Vec<Vote> = votes.iter().cloned().chain([new]).collect();
    let question = Question {
        votes: &with_new,
        ..question
    };
    record_vote(tx, &run, numbered, &question, step).await?;
    Ok(question.tally())
}

/// Writes the newest vote to the log of the run and to the audit log.
async fn record_vote(
    tx: &mut Tx,
    run: &Run,
    numbered: journal::Numbered,
    question: &Question<'_>,
    step: u32,
) -> Result<(), StoreError> {
    let Some(new) = question.votes.last() else {
        return Ok(());
    };
    let note = new
        .note
        .as_ref()
        .map(|n| format!(": {n}"))
        .unwrap_or_default();
    let word = if new.approved { "approves" } else { "refuses" };
    let count = match question.tally() {
        Tally::Open(by) => format!(" ({} of {})", by.len(), question.ask.need),
        Tally::Approved(by) => format!(" ({} of {})", by.len(), question.ask.need),
        Tally::Denied { .. } => String::new(),
    };
    let name = crate::store::run::decisions::step_name(&run.plan, i64::from(step));
    let message = format!("{} {word} {name}{count}{note}", new.actor);
    execute!(tx, EXPLAIN, run.id.0, text(&question.describe("")))?;
    let level = if new.approved {
        Level::Info
    } else {
        Level::Warn
    };
    append_event(
        tx,
        run.id,
        &numbered,
        journal::event(level, "operator", Some(step), message, new.at),
    )
    .await?;
    let decision = Decision {
        workspace: numbered.workspace_id,
        at: new.at,
        actor: &new.actor,
        action: if new.approved {
            audit_word::APPROVE
        } else {
            audit_word::REJECT
        },
        object: format!("run {} step {name}", run.id),
        before: None,
        after: Some(format!("plan {}{count}", question.plan_hash)),
        reason: new.note.as_deref(),
    };
    access::insert(tx, decision).await
}

fn names(rows: Vec<(String,)>) -> Vec<String> {
    rows.into_iter().map(|(name,)| name).collect()
}
