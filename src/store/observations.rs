//! Observations: what probes saw; pulses, once per slot; the newest look and the window of each target.

use super::db::{on, write};
use super::{Store, StoreError, column};
use crate::core::observation::{Observation, State, TargetSummary};
use crate::core::plan::Target;
use crate::core::run::RunId;
use crate::core::time::Timestamp;

const CLAIM_SLOT: &str = "insert into pulse (workspace_id, slot, observations) values ($1, $2, $3) on conflict (workspace_id, slot) do nothing";
const INSERT: &str = "insert into observation (workspace_id, service, env, at, state, latency_ms, message, run_id) \
     values ($1, $2, $3, $4, $5, $6, $7, $8)";
/// The newest row of each target is joined to the counts of its window.
const SUMMARIES: &str = "select o.service, o.env, o.at, o.state, o.latency_ms, o.message, o.run_id, \
     (select count(*) from observation w where w.workspace_id = $1 and w.service = o.service and w.env = o.env and w.at >= $2), \
     (select count(*) from observation w where w.workspace_id = $1 and w.service = o.service and w.env = o.env and w.at >= $2 \
        and w.state <> 'failing') \
     from observation o where o.id in (select max(m.id) from observation m where m.workspace_id = $1 group by m.service, m.env) \
     order by o.service, o.env";

type Row = (String, String, i64, String, Option<i64>, String, Option<i64>, i64, i64);

macro_rules! insert {
    ($tx:ident, $workspace:expr, $observations:expr) => {
        for seen in $observations {
            sqlx::query(INSERT)
                .bind($workspace)
                .bind(&seen.target.service)
                .bind(seen.target.env.as_deref().unwrap_or(""))
                .bind(seen.at.0)
                .bind(seen.state.name())
                .bind(seen.latency_ms)
                .bind(column(&seen.message))
                .bind(seen.run.map(|r| r.0))
                .execute(&mut *$tx)
                .await?;
        }
    };
}

impl Store {
    /// Writes one pulse: all its observations in one transaction, once per (workspace, slot). False: somebody did it.
    pub async fn pulse(
        &self,
        workspace: i64,
        slot: Timestamp,
        observations: &[Observation],
    ) -> Result<bool, StoreError> {
        let count = super::runs::wide(observations.len());
        Ok(write!(self, tx => {
            let first = sqlx::query(CLAIM_SLOT).bind(workspace).bind(slot.0).bind(count)
                .execute(&mut *tx).await?.rows_affected() == 1;
            if first {
                insert!(tx, workspace, observations);
            }
            first
        }))
    }

    /// Writes observations made by a run.
    pub async fn observe(&self, workspace: i64, observations: &[Observation]) -> Result<(), StoreError> {
        write!(self, tx => { insert!(tx, workspace, observations); });
        Ok(())
    }

    /// Newest observation per target, with counts over the window since `since`.
    pub async fn summaries(
        &self,
        workspace: i64,
        since: Timestamp,
    ) -> Result<Vec<(Target, TargetSummary)>, StoreError> {
        let rows: Vec<Row> =
            on!(self, pool => sqlx::query_as(SUMMARIES).bind(workspace).bind(since.0).fetch_all(pool).await?);
        rows.into_iter().map(summary).collect()
    }
}

fn summary(row: Row) -> Result<(Target, TargetSummary), StoreError> {
    let (service, env, at, state, latency_ms, message, run, samples, up) = row;
    let target = Target { service, env: (!env.is_empty()).then_some(env) };
    let state =
        State::from_name(&state).ok_or_else(|| StoreError::Database(format!("unknown component state {state}")))?;
    let latest =
        Observation { target: target.clone(), at: Timestamp(at), state, latency_ms, message, run: run.map(RunId) };
    Ok((target, TargetSummary { latest, samples, up }))
}
