//! Circuit breakers, shared by all engines of a store: asked before a call, updated after it, reset
//! by people.

use crate::core::base::time::Timestamp;
use crate::core::run::act::audit_word;
use crate::core::run::breaker::{Breaker, BreakerKey, Pass, State};
use crate::core::run::plan::Target;

use crate::store::access::{self, Decision};
use crate::store::db::{self, Tx, text};
use crate::store::{Store, StoreError};

const STATE: &str = "select failures, opened_at, probe_until from breaker \
     where workspace_id = $1 and service = $2 and env = $3 and host = $4";
const KNOW: &str = "insert into breaker (workspace_id, service, env, host, failures, message) \
     values ($1, $2, $3, $4, 0, '') on conflict (workspace_id, service, env, host) do nothing";
/// Changes nothing, but locks the row until the transaction ends: concurrent callers wait.
const HOLD: &str = "update breaker set failures = failures \
     where workspace_id = $1 and service = $2 and env = $3 and host = $4 returning failures, opened_at, probe_until";
const KEEP: &str = "update breaker set failures = $5, opened_at = $6, probe_until = $7 \
     where workspace_id = $1 and service = $2 and env = $3 and host = $4";
const EXPLAIN: &str = "update breaker set message = $5 \
     where workspace_id = $1 and service = $2 and env = $3 and host = $4";
const ALL: &str = "select service, env, host, failures, opened_at, probe_until, message from breaker \
     where workspace_id = $1 and (failures > 0 or opened_at is not null) order by service, env, host";
const FORGET: &str =
    "delete from breaker where workspace_id = $1 and service = $2 and env = $3 and host = $4";

/// failures, opened at, probe until
type Kept = (i64, Option<i64>, Option<i64>);

impl Store {
    /// Returns whether a call that takes at most `max_wait_ms` may be made.
    pub async fn admit_call(
        &self,
        workspace: i64,
        way: &BreakerKey,
        max_wait_ms: i64,
        at: Timestamp,
    ) -> Result<Pass, StoreError> {
        let mut db = self.db.read().await?;
        let (service, env) = key(way);
        let kept = fetch_optional!(
            db,
            Kept,
            STATE,
            workspace,
            text(service),
            text(env),
            text(&way.host)
        )?;
        drop(db);
        let (_, pass) = kept
            .map_or_else(State::default, state)
            .admit(at, max_wait_ms);
        if !matches!(pass, Pass::Probe { .. }) {
            return Ok(pass);
        }
        // Of all callers that find the probe due, one gets it.
        let mut tx = self.db.begin().await?;
        let (after, pass) = hold(&mut tx, workspace, way).await?.admit(at, max_wait_ms);
        keep(&mut tx, workspace, way, after).await?;
        tx.commit().await?;
        Ok(pass)
    }

    /// Reports the outcome of a call that was allowed: `Err` with its message when it counts as a
    /// failure. Returns the state before and after, when it changed.
    pub async fn record_call(
        &self,
        workspace: i64,
        way: &BreakerKey,
        pass: Pass,
        outcome: Result<(), &str>,
        at: Timestamp,
    ) -> Result<Option<(State, State)>, StoreError> {
        if outcome.is_ok() && pass == (Pass::Free { clean: true }) {
            return Ok(None);
        }
        let mut tx = self.db.begin().await?;
        let (service, env) = key(way);
        if outcome.is_err() {
            execute!(
                tx,
                KNOW,
                workspace,
                text(service),
                text(env),
                text(&way.host)
            )?;
        }
        let before = hold(&mut tx, workspace, way).await?;
        let after = before.after(pass, outcome.is_ok(), at);
        keep(&mut tx, workspace, way, after).await?;
        if let Err(message) = outcome {
            execute!(
                tx,
                EXPLAIN,
                workspace,
                text(service),
                text(env),
                text(&way.host),
                db::message(message)
            )?;
        }
        tx.commit().await?;
        Ok((before != after).then_some((before, after)))
    }

    /// The breakers of a workspace that are open or have counted failures.
    pub async fn breakers(&self, workspace: i64) -> Result<Vec<Breaker>, StoreError> {
        let mut db = self.db.read().await?;
        let rows = fetch_all!(
            db,
            (
                String,
                String,
                String,
                i64,
                Option<i64>,
                Option<i64>,
                String
            ),
            ALL,
            workspace
        )?;
        let breaker = |(service, env, host, failures, opened_at, probe_until, message)| {
            let target = Target {
                service,
                env: Some(env).filter(|env: &String| !env.is_empty()),
            };
            let target = Some(target).filter(|target| !target.service.is_empty());
            Breaker {
                way: BreakerKey { target, host },
                state: state((failures, opened_at, probe_until)),
                message,
            }
        };
        Ok(rows.into_iter().map(breaker).collect())
    }

    /// Closes these breakers (audited one by one); returns those that existed.
    pub async fn reset_breakers(
        &self,
        workspace: i64,
        ways: &[BreakerKey],
        actor: &str,
        reason: Option<&str>,
        at: Timestamp,
    ) -> Result<Vec<BreakerKey>, StoreError> {
        let mut tx = self.db.begin().await?;
        let mut reset = Vec::new();
        for way in ways {
            let before = hold(&mut tx, workspace, way).await?;
            let (service, env) = key(way);
            if execute!(
                tx,
                FORGET,
                workspace,
                text(service),
                text(env),
                text(&way.host)
            )? == 0
            {
                continue;
            }
            let decision = Decision {
                workspace,
                at,
                actor,
                action: audit_word::RESET_BREAKER,
                object: format!("breaker of {way}"),
                before: Some(before.name().into()),
                after: Some(State::default().name().into()),
                reason,
            };
            access::insert(&mut tx, decision).await?;
            reset.push(way.clone());
        }
        tx.commit().await?;
        Ok(reset)
    }
}

/// Service and environment; both '' for a host alone.
fn key(way: &BreakerKey) -> (&str, &str) {
    let target = way.target.as_ref();
    let env = target.and_then(|target| target.env.as_deref());
    (
        target.map_or("", |target| &target.service),
        env.unwrap_or_default(),
    )
}

fn state((failures, opened_at, probe_until): Kept) -> State {
    match (opened_at, probe_until) {
        (Some(since), Some(until)) => State::HalfOpen {
            since: Timestamp(since),
            until: Timestamp(until),
        },
        (Some(since), None) => State::Open {
            since: Timestamp(since),
        },
        (None, _) => State::Closed {
            failures: u32::try_from(failures).unwrap_or(u32::MAX),
        },
    }
}

/// The state of a breaker, locked until the transaction ends.
async fn hold(tx: &mut Tx, workspace: i64, way: &BreakerKey) -> Result<State, StoreError> {
    let (service, env) = key(way);
    let kept = fetch_optional!(
        tx,
        Kept,
        HOLD,
        workspace,
        text(service),
        text(env),
        text(&way.host)
    )?;
    Ok(kept.map_or_else(State::default, state))
}

async fn keep(
    tx: &mut Tx,
    workspace: i64,
    way: &BreakerKey,
    state: State,
) -> Result<(), StoreError> {
    let (service, env) = key(way);
    let (failures, opened_at, probe_until) = match state {
        State::Closed { failures } => (i64::from(failures), None, None),
        State::Open { since } => (0, Some(since.0), None),
        State::HalfOpen { since, until } => (0, Some(since.0), Some(until.0)),
    };
    execute!(
        tx,
        KEEP,
        workspace,
        text(service),
        text(env),
        text(&way.host),
        failures,
        opened_at,
        probe_until
    )?;
    Ok(())
}
