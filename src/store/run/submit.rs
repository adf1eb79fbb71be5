//! Queueing a run: its row, its pending steps, its first event and the audit row, in one
//! transaction.

use std::collections::BTreeSet;

use sqlx::QueryBuilder;

use crate::core::run::act::audit_word;
use crate::core::run::again::Again;
use crate::core::run::event::Level;
use crate::core::run::orders::Pace;
use crate::core::run::priority::Priority;
use crate::core::run::queue::{Lane, rank};
use crate::core::run::{Run, RunId, RunStatus};

use crate::store::access::{self, Decision};
use crate::store::db::dialect;
use crate::store::db::{Tx, text, text_opt};
use crate::store::rows::RunRow;
use crate::store::run::{carry, groups, history, journal, locks, orders};
use crate::store::{NewRun, Store, StoreError, rows};

const INSERT: &str = "insert into run (workspace_id, parent_id, plan, runbook, env, status, actor, started_by, reason, \
     requested_at, lane, priority, rank, queued_by, queued_at, token, last_seq, title, needs_approval, mutates) \
     select id, $2, $3, $4, $5, 'queued', $6, $7, $8, $9, $10, $11, $12, $13, $9, 0, 1, $14, $15, $16 from workspace \
     where id = $1 returning *";
const PLACE_OF: &str = "select lane, priority from run where id = $1";
const BEGIN_AS: &str =
    "update run set pace = $2, paced_by = $3, retry_of = $4, again = $5 where id = $1";
const INSERT_SERVICE: &str = "insert into run_service (run_id, service) values ($1, $2)";
const INSERT_STEPS: &str = "insert into run_step (run_id, position, status, attempt) ";

/// How a run begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Beginning {
    /// Paused or step by step from its first step on.
    pub pace: Pace,
    /// The ended run whose plan it does again.
    pub retry_of: Option<RunId>,
    /// How much of that run it does again.
    pub again: Again,
    /// Absent: people's; for a link of a chain the one of the run it follows. Same for the
    /// priority, or the plan's.
    pub lane: Option<Lane>,
    pub priority: Option<Priority>,
}

impl Store {
    /// Queues a run: run row, pending step rows, first event and audit row in one transaction.
    pub async fn submit(&self, new: NewRun) -> Result<Run, StoreError> {
        self.submit_as(new, Beginning::default()).await
    }

    /// [`Store::submit`] with a non-default beginning.
    pub async fn submit_as(&self, new: NewRun, beginning: Beginning) -> Result<Run, StoreError> {
        let mut tx = self.db.begin().await?;
        match queue(&mut tx, &new, beginning, &self.process).await {
            Ok(run) => tx.commit().await.map(|()| run),
            Err(refused) => tx.rollback().await.and(Err(refused)),
        }
    }
}

/// Queues a run within a transaction.
pub(in crate::store) async fn queue(
    tx: &mut Tx,
    new: &NewRun,
    beginning: Beginning,
    process: &str,
) -> Result<Run, StoreError> {
    groups::lock(tx, new).await?;
    if let (Some(by), Some(concurrency)) =
        (groups::blocked_by(tx, new).await?, &new.plan.concurrency)
    {
        return Err(StoreError::GroupTaken {
            group: concurrency.group.clone(),
            by,
        });
    }
    let carried = match (beginning.again, beginning.retry_of) {
        (Again::FromFailed, Some(of)) => Some(carry::read(tx, new, of).await?),
        _ => None,
    };
    let mut run = insert(tx, new, beginning, process).await?;
    let (pace, retry_of) = (beginning.pace, beginning.retry_of);
    if pace != Pace::Free || retry_of.is_some() {
        let by = (pace != Pace::Free).then(|| text(&new.actor));
        execute!(
            tx,
            BEGIN_AS,
            run.id.0,
            pace.name(),
            by,
            retry_of.map(|of| of.0),
            beginning.again.name(),
        )?;
        run = orders::read(tx, run.id).await?;
    }
    if let Some(carried) = carried {
        run = carry::take_over(tx, new, run.id, carried).await?;
    }
    groups::make_room(tx, new, run).await
}

/// Queues the next link of a chain, whose group was locked before ([`groups::lock`]). A link that
/// its group keeps out has ended when this returns: the run before it has succeeded all the same.
/// `process`: the process whose engine continues the chain.
pub(in crate::store) async fn follow(
    tx: &mut Tx,
    new: &NewRun,
    process: &str,
) -> Result<Run, StoreError> {
    let kept_out = groups::blocked_by(tx, new).await?;
    let run = insert(tx, new, Beginning::default(), process).await?;
    match kept_out {
        Some(by) => groups::cancel_blocked(tx, new, &run, &by).await,
        None => groups::make_room(tx, new, run).await,
    }
}

/// The default lane and priority of a run.
async fn place(tx: &mut Tx, new: &NewRun) -> Result<(Lane, Priority), StoreError> {
    let usual = (Lane::default(), new.plan.priority);
    let Some(parent) = new.parent else {
        return Ok(usual);
    };
    match fetch_optional!(tx, (String, String), PLACE_OF, parent.0)? {
        Some((lane, priority)) => Ok((rows::lane(&lane)?, rows::priority(&priority)?)),
        None => Ok(usual),
    }
}

async fn insert(
    tx: &mut Tx,
    new: &NewRun,
    beginning: Beginning,
    process: &str,
) -> Result<Run, StoreError> {
    let (lane, priority) = place(tx, new).await?;
    let (lane, priority) = (
        beginning.lane.unwrap_or(lane),
        beginning.priority.unwrap_or(priority),
    );
    let plan = serde_json::to_string(&new.plan)
        .map_err(|e| StoreError::Database(format!("the plan has no JSON: {e}")))?;
    let row = fetch_optional!(
        tx,
        RunRow,
        INSERT,
        new.workspace,
        new.parent.map(|run| run.0),
        plan,
        text(&new.plan.runbook),
        text_opt(new.plan.env.as_deref()),
        text(&new.actor),
        text(&new.trigger),
        text_opt(new.reason.as_deref()),
        new.at.0,
        lane.name(),
        priority.name(),
        rank(new.at, priority, lane),
        text(process),
        text(&new.plan.title),
        new.plan.needs_approval(),
        new.plan.mutates,
    )?;
    let row =
        row.ok_or_else(|| StoreError::NotFound(format!("workspace number {}", new.workspace)))?;
    let run = RunId(row.id);
    insert_services(tx, run, &new.plan.services).await?;
    locks::want(tx, new.workspace, run, &new.plan).await?;
    history::of_run(tx, run, RunStatus::Queued, Some(&new.actor), new.at).await?;
    insert_steps(tx, run, new.plan.numbered().count()).await?;
    let how = if priority.is_normal() {
        String::new()
    } else {
        format!(" at {} priority", priority.name())
    };
    let message = format!("queued by {}{how}: {}", new.actor, new.plan.title);
    journal::write(
        tx,
        run,
        row.last_seq,
        &[journal::event(
            Level::Info,
            "control",
            None,
            message,
            new.at,
        )],
    )
    .await?;
    let decision = Decision {
        workspace: new.workspace,
        at: new.at,
        actor: &new.actor,
        action: audit_word::SUBMIT,
        object: format!("run {run}"),
        before: None,
        after: Some(summary(new, beginning, (lane, priority))),
        reason: new.reason.as_deref(),
    };
    access::insert(tx, decision).await?;
    Run::try_from(row)
}

/// A summary of the request; the whole plan is in the run's own row.
fn summary(new: &NewRun, beginning: Beginning, (lane, priority): (Lane, Priority)) -> String {
    let plan = &new.plan;
    let mut summary = serde_json::json!({
        "title": plan.title,
        "runbook": plan.runbook,
        "env": plan.env,
        "services": plan.services,
        "inputs": plan.inputs,
        "trigger": new.trigger,
        "parent": new.parent,
        "lane": lane,
        "priority": priority,
    });
    if let Some(of) = beginning.retry_of {
        summary["retry_of"] = serde_json::json!(of.to_string());
        summary["again"] = serde_json::json!(beginning.again);
    }
    summary.to_string()
}

async fn insert_services(tx: &mut Tx, run: RunId, services: &[String]) -> Result<(), StoreError> {
    let once: BTreeSet<&String> = services.iter().collect();
    for service in once {
        execute!(tx, INSERT_SERVICE, run.0, text(service))?;
    }
    Ok(())
}

async fn insert_steps(tx: &mut Tx, run: RunId, count: usize) -> Result<(), StoreError> {
    let positions: Vec<i64> = (0..).take(count).collect();
    for part in positions.chunks(dialect::ROWS_PER_INSERT) {
        on!(tx, conn: D => {
            let mut query = QueryBuilder::<D>::new(INSERT_STEPS);
            query.push_values(part, |mut row, position| {
                row.push_bind(run.0).push_bind(*position).push("'pending', 0");
            });
            query.build().persistent(false).execute(&mut **conn).await.map(drop)
        })?;
    }
    Ok(())
}
