//! Observations: every probe of a target as a row, plus the newest per target; counted over a
//! window when read.

use std::collections::HashMap;

use sqlx::QueryBuilder;

use crate::core::base::time::Timestamp;
use crate::core::health::day::{Day, HOUR_MS};
use crate::core::health::observation::{Observation, TargetSummary};
use crate::core::run::plan::Target;
use crate::core::stack::state::State;

use super::db::dialect;
use super::db::{self, Tx, text};
use super::rows::{SummaryRow, all};
use super::{Store, StoreError};

const INSERT: &str =
    "insert into observation (workspace_id, service, env, at, state, latency_ms, message, run_id) ";
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
/// A probe that could not be made is no sample.
const SUMMARIES: &str = "select l.service, l.env, l.at, l.state, l.latency_ms, l.message, l.run_id, l.seen_at, l.seen_state, l.state_since, \
     coalesce(w.samples, 0) as samples, coalesce(w.up, 0) as up from latest_observation l left join \
     (select service, env, count(*) as samples, count(case when state <> 'failing' then 1 end) as up from observation \
     where workspace_id = $1 and at >= $2 and state <> 'unknown' group by service, env) w on w.service = l.service and w.env = l.env \
     where l.workspace_id = $1 order by l.service, l.env";
/// The 95th percentile by nearest rank.
const P95: &str = "select service, env, min(latency_ms) from (select service, env, latency_ms, \
     cume_dist() over (partition by service, env order by latency_ms) as part from observation \
     where workspace_id = $1 and at >= $2 and latency_ms is not null) ranked where part >= 0.95 group by service, env";
/// The worst state of each hour, without probes that could not be made.
const HOURS: &str = "select service, env, at / $3 as hour, \
     max(case state when 'failing' then 2 when 'degraded' then 1 else 0 end) as worst from observation \
     where workspace_id = $1 and at >= $2 and state <> 'unknown' group by service, env, at / $3";

impl Store {
    /// Writes observations made by a run.
    pub async fn observe(
        &self,
        workspace: i64,
        observations: &[Observation],
    ) -> Result<(), StoreError> {
        let mut tx = self.db.begin().await?;
        insert(&mut tx, workspace, observations).await?;
        tx.commit().await
    }

    /// Newest observation per target, with counts over the window since `since`.
    pub async fn summaries(
        &self,
        workspace: i64,
        since: Timestamp,
    ) -> Result<Vec<(Target, TargetSummary)>, StoreError> {
        let mut db = self.db.read().await?;
        all(fetch_all!(db, SummaryRow, SUMMARIES, workspace, since.0)?)
    }

    /// Latency and hours of all targets since `since`. It reads every observation of that time.
    pub async fn days(
        &self,
        workspace: i64,
        since: Timestamp,
    ) -> Result<HashMap<Target, Day>, StoreError> {
        type Latency = (String, String, i64);
        type Hour = (String, String, i64, i32);
        let mut db = self.db.read().await?;
        let mut days: HashMap<Target, Day> = HashMap::new();
        for (service, env, p95) in fetch_all!(db, Latency, P95, workspace, since.0)? {
            days.entry(target(service, env)).or_default().p95_ms = Some(p95);
        }
        for (service, env, hour, worst) in fetch_all!(db, Hour, HOURS, workspace, since.0, HOUR_MS)?
        {
            let state = match worst {
                0 => State::Ok,
                1 => State::Degraded,
                _ => State::Failing,
            };
            let day = days.entry(target(service, env)).or_default();
            day.hours.insert(hour, state);
        }
        Ok(days)
    }
}

pub(in crate::store) async fn insert(
    tx: &mut Tx,
    workspace: i64,
    observations: &[Observation],
) -> Result<(), StoreError> {
    for part in observations.chunks(dialect::ROWS_PER_INSERT) {
        on!(tx, conn: D => {
            let mut query = QueryBuilder::<D>::new(INSERT);
            query.push_values(part, |mut row, o| {
                row.push_bind(workspace)
                    .push_bind(text(&o.target.service))
                    .push_bind(text(env_key(o)))
                    .push_bind(o.at.0)
                    .push_bind(o.state.name())
                    .push_bind(o.latency_ms)
                    .push_bind(db::message(&o.message))
                    .push_bind(o.run.map(|run| run.0));
            });
            query.build().persistent(false).execute(&mut **conn).await.map(drop)
        })?;
    }
    remember_latest(tx, workspace, observations).await
}

/// In the order of their targets, so that two writers never deadlock; of one target all in the order
/// of their times, because each change of its state counts.
async fn remember_latest(
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

fn target(service: String, env: String) -> Target {
    Target {
        service,
        env: Some(env).filter(|env| !env.is_empty()),
    }
}

/// A target without environment has '' in its key.
fn env_key(observation: &Observation) -> &str {
    observation.target.env.as_deref().unwrap_or_default()
}
