//! The newest observation of each target. What was observed before is kept as samples of routines
//! (`routine.rs`).

use crate::core::health::observation::{Observation, TargetSummary};
use crate::core::run::plan::Target;
use crate::core::stack::state::State;

use super::db::{self, Tx, text};
use super::rows::{SummaryRow, all};
use super::{Store, StoreError};

/// An observation that arrives late does not replace a newer one.
const REMEMBER_LATEST: &str = "insert into latest_observation \
     (workspace_id, service, env, at, state, latency_ms, message, run_id, seen_at, seen_state, state_since) \
     values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $4) \
     on conflict (workspace_id, service, env) do update set at = excluded.at, state = excluded.state, \
     latency_ms = excluded.latency_ms, message = excluded.message, run_id = excluded.run_id, \
     seen_at = coalesce(excluded.seen_at, latest_observation.seen_at), \
     seen_state = coalesce(excluded.seen_state, latest_observation.seen_state), \
     state_since = case when excluded.state = latest_observation.state then latest_observation.state_since else excluded.at end \
     where excluded.at >= latest_observation.at";
const SUMMARIES: &str = "select service, env, at, state, latency_ms, message, run_id, seen_at, seen_state, state_since \
     from latest_observation where workspace_id = $1 order by service, env";

impl Store {
    /// Newest observation per target.
    pub async fn summaries(
        &self,
        workspace: i64,
    ) -> Result<Vec<(Target, TargetSummary)>, StoreError> {
        let mut db = self.db.read().await?;
        all(fetch_all!(db, SummaryRow, SUMMARIES, workspace)?)
    }
}

/// In the order of their targets, so that two writers never deadlock; of one target all in the order
/// of their times, because each change of its state counts.
pub(in crate::store) async fn remember_latest(
    tx: &mut Tx,
    workspace: i64,
    observations: &[Observation],
) -> Result<(), StoreError> {
    let mut ordered: Vec<&Observation> = observations.iter().collect();
    ordered.sort_by(|one, other| (&one.target, one.at).cmp(&(&other.target, other.at)));
    for o in ordered {
        execute!(
            tx,
            REMEMBER_LATEST,
            workspace,
            text(&o.target.service),
            text(env_key(o)),
            o.at.0,
            o.state.name(),
            o.latency_ms,
            db::message(&o.message),
            o.run.map(|run| run.0),
            seen(o).map(|_| o.at.0),
            seen(o),
        )?;
    }
    Ok(())
}

/// The state of a probe that was answered.
fn seen(observation: &Observation) -> Option<&'static str> {
    Some(observation.state)
        .filter(|state| *state != State::Unknown)
        .map(State::name)
}

/// A target without environment has '' in its key.
fn env_key(observation: &Observation) -> &str {
    observation.target.env.as_deref().unwrap_or_default()
}
