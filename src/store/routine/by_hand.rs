//! Samples that no scheduler made: those of runs, and the observations that earlier versions kept
//! as rows.

use std::collections::{BTreeMap, HashMap};

use super::flush::append;
use super::names;
use crate::core::base::time::Timestamp;
use crate::core::health::observation::Observation;
use crate::core::metric::sample::{Probed, Sample, Trigger};
use crate::core::routine::scheduled::probe_name;
use crate::core::run::plan::Target;
use crate::core::stack::state::State;
use crate::store::db::Tx;
use crate::store::{Store, StoreError, health};

/// Rows moved in one transaction.
const ROWS: i64 = 50_000;
const OLD: &str = "select id, workspace_id, service, env, at, state, latency_ms, run_id from observation order by id limit $1";
const DELETE: &str = "delete from observation where id <= $1";

row! {
    struct OldRow {
        id: i64,
        workspace_id: i64,
        service: String,
        env: String,
        at: i64,
        state: String,
        latency_ms: Option<i64>,
        run_id: Option<i64>,
    }
}

impl Store {
    /// Writes observations made by a run. In the history of its target each is a sample by hand.
    pub async fn observe(
        &self,
        workspace: i64,
        observations: &[Observation],
    ) -> Result<(), StoreError> {
        let mut tx = self.db.begin().await?;
        sample_by_hand(&mut tx, workspace, observations).await?;
        health::remember_latest(&mut tx, workspace, observations).await?;
        tx.commit().await
    }

    /// Moves observations of earlier versions to the samples of the routines of their targets; returns
    /// how many. Several processes may do it at once, and it may be stopped at any point.
    pub async fn import_observations(&self, now: Timestamp) -> Result<usize, StoreError> {
        let mut moved = 0;
        loop {
            let mut db = self.db.read().await?;
            let rows = fetch_all!(db, OldRow, OLD, ROWS)?;
            drop(db);
            let Some(last) = rows.last().map(|row| row.id) else {
                return Ok(moved);
            };
            let mut tx = self.db.begin().await?;
            if execute!(tx, DELETE, last)? < rows.len() as u64 {
                // Another process moves them.
                tx.rollback().await?;
                return Ok(moved);
            }
            moved += rows.len();
            import(&mut tx, rows, now).await?;
            tx.commit().await?;
        }
    }
}

async fn import(tx: &mut Tx, rows: Vec<OldRow>, now: Timestamp) -> Result<(), StoreError> {
    let mut numbers: HashMap<(i64, Target), i64> = HashMap::new();
    let mut samples: BTreeMap<i64, Vec<Probed>> = BTreeMap::new();
    for row in rows.into_iter().filter(|row| row.at >= 0) {
        let state = State::from_name(&row.state).unwrap_or(State::Unknown);
        let sample = Sample {
            trigger: row.run_id.map_or(Trigger::Schedule, |_| Trigger::Manual),
            ..sample(Timestamp(row.at), state, row.latency_ms)
        };
        let target = Target {
            service: row.service,
            env: Some(row.env).filter(|env| !env.is_empty()),
        };
        let workspace = row.workspace_id;
        let key = (workspace, target);
        let routine = if let Some(number) = numbers.get(&key) {
            *number
        } else {
            let number = names::number(tx, workspace, &probe_name(&key.1), now).await?;
            numbers.insert(key, number);
            number
        };
        let of_workspace = samples.entry(workspace).or_default();
        of_workspace.push(Probed { routine, sample });
    }
    for (workspace, samples) in samples {
        append(tx, workspace, &samples, now).await?;
    }
    Ok(())
}

/// Adds observations by a run to the samples of their targets.
async fn sample_by_hand(
    tx: &mut Tx,
    workspace: i64,
    observations: &[Observation],
) -> Result<(), StoreError> {
    // In the order of names, so that two writers never deadlock.
    let mut ordered: Vec<(String, &Observation)> = observations
        .iter()
        .map(|o| (probe_name(&o.target), o))
        .collect();
    ordered.sort_by(|(one, _), (other, _)| one.cmp(other));
    let mut samples = Vec::new();
    for (name, o) in &ordered {
        let routine = names::number(tx, workspace, name, o.at).await?;
        let sample = sample(o.at, o.state, o.latency_ms);
        samples.push(Probed { routine, sample });
    }
    let at = observations.iter().map(|o| o.at).max();
    append(tx, workspace, &samples, at.unwrap_or_default()).await
}

fn sample(at: Timestamp, state: State, latency_ms: Option<i64>) -> Sample {
    let us = latency_ms.map(|ms| ms.saturating_mul(1000).clamp(0, u32::MAX.into()));
    Sample {
        slot: at.0,
        latency_us: us.and_then(|us| u32::try_from(us).ok()),
        outcome: state.into(),
        trigger: Trigger::Manual,
        ..Sample::default()
    }
}
