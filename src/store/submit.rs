//! Queueing a run: its row, its pending steps, its first event and the audit row, in one transaction.

use std::collections::BTreeSet;

use sqlx::QueryBuilder;

use crate::core::event::Level;
use crate::core::orders::Pace;
use crate::core::run::{Run, RunId, RunStatus};

use super::audit::{self, Decision};
use super::db::{Tx, text, text_opt};
use super::rows::RunRow;
use super::{NewRun, Store, StoreError, dialect, history, journal, locks, orders};

const INSERT: &str = "insert into run (workspace_id, parent_id, plan, runbook, env, status, actor, started_by, reason, \
     requested_at, token, last_seq) select id, $2, $3, $4, $5, 'queued', $6, $7, $8, $9, 0, 1 from workspace \
     where id = $1 returning *";
const BEGIN_AS: &str = "update run set pace = $2, paced_by = $3, retry_of = $4 where id = $1";
const INSERT_SERVICE: &str = "insert into run_service (run_id, service) values ($1, $2)";
const INSERT_STEPS: &str = "insert into run_step (run_id, position, status, attempt) ";

/// How a run begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Beginning {
    /// Paused or step by step from its first step on.
    pub pace: Pace,
    /// The ended run whose plan it does again.
    pub retry_of: Option<RunId>,
}

impl Store {
    /// Queues a run: run row, pending step rows, first event and audit row in one transaction.
    pub async fn submit(&self, new: NewRun) -> Result<Run, StoreError> {
        self.submit_as(new, Beginning::default()).await
    }

    /// [`Store::submit`] of a run that begins in another way than most.
    pub async fn submit_as(&self, new: NewRun, beginning: Beginning) -> Result<Run, StoreError> {
        let mut tx = self.db.begin().await?;
        let mut run = insert(&mut tx, &new).await?;
        if beginning != Beginning::default() {
            let (pace, retry_of) = (beginning.pace, beginning.retry_of);
            let by = (pace != Pace::Free).then(|| text(&new.actor));
            execute!(tx, BEGIN_AS, run.id.0, pace.name(), by, retry_of.map(|of| of.0))?;
            run = orders::read(&mut tx, run.id).await?;
        }
        tx.commit().await?;
        Ok(run)
    }
}

pub(super) async fn insert(tx: &mut Tx, new: &NewRun) -> Result<Run, StoreError> {
    let plan =
        serde_json::to_string(&new.plan).map_err(|e| StoreError::Database(format!("the plan has no JSON: {e}")))?;
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
    )?;
    let row = row.ok_or_else(|| StoreError::NotFound(format!("workspace number {}", new.workspace)))?;
    let run = RunId(row.id);
    insert_services(tx, run, &new.plan.services).await?;
    locks::want(tx, new.workspace, run, &new.plan).await?;
    history::of_run(tx, run, RunStatus::Queued, Some(&new.actor), new.at).await?;
    insert_steps(tx, run, new.plan.numbered().count()).await?;
    let message = format!("queued by {}: {}", new.actor, new.plan.title);
    journal::write(tx, run, row.last_seq, &[journal::event(Level::Info, "control", None, message, new.at)]).await?;
    let decision = Decision {
        workspace: new.workspace,
        at: new.at,
        actor: &new.actor,
        action: "run.submit",
        object: format!("run {run}"),
        before: None,
        after: Some(summary(new)),
        reason: new.reason.as_deref(),
    };
    audit::insert(tx, decision).await?;
    Run::try_from(row)
}

/// What was asked for; the whole plan is in the run's own row.
fn summary(new: &NewRun) -> String {
    let plan = &new.plan;
    serde_json::json!({
        "title": plan.title,
        "runbook": plan.runbook,
        "env": plan.env,
        "services": plan.services,
        "inputs": plan.inputs,
        "trigger": new.trigger,
        "parent": new.parent,
    })
    .to_string()
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
