//! Database rows, and their conversion to domain types.

use crate::core::base::time::Timestamp;
use crate::core::health::observation::{Observation, Seen, TargetSummary};
use crate::core::run::again::Again;
use crate::core::run::approval::Vote;
use crate::core::run::event::{Entry, EntryBody, Level};
use crate::core::run::note::RunNote;
use crate::core::run::orders::{Ending, Orders, Pace};
use crate::core::run::plan::{Plan, Target};
use crate::core::run::priority::Priority;
use crate::core::run::queue::Lane;
use crate::core::run::summary::RunSummary;
use crate::core::run::{AuditRow, Change, Phase, Run, RunId, RunStatus, RunStep, StepStatus};
use crate::core::stack::state::State;

use super::{EngineRow, StoreError, Workspace};

row! {
    pub(super) struct RunRow {
        pub id: i64,
        pub workspace_id: i64,
        parent_id: Option<i64>,
        plan: String,
        status: String,
        actor: String,
        started_by: String,
        reason: Option<String>,
        requested_at: i64,
        started_at: Option<i64>,
        finished_at: Option<i64>,
        message: Option<String>,
        holder: Option<String>,
        lease_until: Option<i64>,
        pub token: i64,
        cancel_requested_by: Option<String>,
        pace: String,
        paced_by: Option<String>,
        let_go: Option<i64>,
        ending: Option<String>,
        retry_of: Option<i64>,
        again: String,
        lane: String,
        priority: String,
        pub rank: i64,
        pub last_seq: i64,
    }
}

impl TryFrom<RunRow> for Run {
    type Error = StoreError;

    fn try_from(row: RunRow) -> Result<Self, StoreError> {
        Ok(Self {
            id: RunId(row.id),
            parent: row.parent_id.map(RunId),
            plan: read_plan(row.id, &row.plan)?,
            status: status(&row.status)?,
            actor: row.actor,
            trigger: row.started_by,
            reason: row.reason,
            requested_at: Timestamp(row.requested_at),
            started_at: row.started_at.map(Timestamp),
            finished_at: row.finished_at.map(Timestamp),
            message: row.message,
            holder: row.holder,
            lease_until: row.lease_until.map(Timestamp),
            cancel_requested_by: row.cancel_requested_by,
            orders: Orders {
                pace: pace(&row.pace)?,
                by: row.paced_by,
                let_go: row.let_go.map(small).transpose()?,
                ending: row.ending.as_deref().map(ending).transpose()?,
            },
            retry_of: row.retry_of.map(RunId),
            again: again(&row.again)?,
            lane: lane(&row.lane)?,
            priority: priority(&row.priority)?,
            last_seq: row.last_seq,
        })
    }
}

row! {
    pub(super) struct RunSummaryRow {
        pub id: i64,
        title: String,
        env: Option<String>,
        needs_approval: bool,
        status: String,
        actor: String,
        started_by: String,
        requested_at: i64,
        started_at: Option<i64>,
        finished_at: Option<i64>,
        message: Option<String>,
        pace: String,
        paced_by: Option<String>,
        let_go: Option<i64>,
        ending: Option<String>,
        priority: String,
        last_seq: i64,
    }
}

impl RunSummaryRow {
    pub(super) const COLUMNS: &str = "id, title, env, needs_approval, status, actor, started_by, \
         requested_at, started_at, finished_at, message, pace, paced_by, let_go, ending, priority, last_seq";
}

impl TryFrom<RunSummaryRow> for RunSummary {
    type Error = StoreError;

    fn try_from(row: RunSummaryRow) -> Result<Self, StoreError> {
        Ok(Self {
            id: RunId(row.id),
            title: row.title,
            env: row.env,
            services: Vec::new(),
            needs_approval: row.needs_approval,
            status: status(&row.status)?,
            actor: row.actor,
            trigger: row.started_by,
            requested_at: Timestamp(row.requested_at),
            started_at: row.started_at.map(Timestamp),
            finished_at: row.finished_at.map(Timestamp),
            message: row.message,
            orders: Orders {
                pace: pace(&row.pace)?,
                by: row.paced_by,
                let_go: row.let_go.map(small).transpose()?,
                ending: row.ending.as_deref().map(ending).transpose()?,
            },
            priority: priority(&row.priority)?,
            last_seq: row.last_seq,
        })
    }
}

row! {
    pub(super) struct StepRow {
        position: i64,
        status: String,
        attempt: i64,
        started_at: Option<i64>,
        finished_at: Option<i64>,
        message: Option<String>,
        taken_from: Option<i64>,
    }
}

impl StepRow {
    pub(super) const ALL: &str = "select position, status, attempt, started_at, finished_at, message, taken_from \
         from run_step where run_id = $1 order by position";
}

impl TryFrom<StepRow> for RunStep {
    type Error = StoreError;

    fn try_from(row: StepRow) -> Result<Self, StoreError> {
        Ok(Self {
            index: small(row.position)?,
            status: step_status(&row.status)?,
            attempt: small(row.attempt)?,
            started_at: row.started_at.map(Timestamp),
            finished_at: row.finished_at.map(Timestamp),
            message: row.message,
            taken_from: row.taken_from.map(RunId),
        })
    }
}

row! {
    pub(super) struct ChangeRow {
        at: i64,
        position: Option<i64>,
        attempt: Option<i64>,
        status: String,
        actor: Option<String>,
    }
}

impl TryFrom<ChangeRow> for Change {
    type Error = StoreError;

    fn try_from(row: ChangeRow) -> Result<Self, StoreError> {
        let (step, attempt) = (
            row.position.map(small).transpose()?,
            row.attempt.map(small).transpose()?,
        );
        Ok(Self {
            at: Timestamp(row.at),
            step,
            attempt,
            status: row.status,
            by: row.actor,
        })
    }
}

row! {
    pub(super) struct LockoutRow {
        pub run_id: i64,
        pub service: String,
        pub env: String,
        pub runbook: String,
        pub actor: String,
        pub reason: String,
        pub at: i64,
        pub until: i64,
    }
}

row! {
    pub(super) struct NoteRow {
        seq: i64,
        actor: String,
        note: String,
        at: i64,
    }
}

impl TryFrom<NoteRow> for RunNote {
    type Error = StoreError;

    fn try_from(row: NoteRow) -> Result<Self, StoreError> {
        Ok(Self {
            seq: row.seq,
            actor: row.actor,
            text: row.note,
            at: Timestamp(row.at),
        })
    }
}

row! {
    pub(super) struct VoteRow {
        position: i64,
        actor: String,
        approved: bool,
        note: Option<String>,
        plan_hash: String,
        at: i64,
    }
}

impl TryFrom<VoteRow> for Vote {
    type Error = StoreError;

    fn try_from(row: VoteRow) -> Result<Self, StoreError> {
        let (actor, approved, note, plan_hash) = (row.actor, row.approved, row.note, row.plan_hash);
        Ok(Self {
            step: small(row.position)?,
            actor,
            approved,
            note,
            plan_hash,
            at: Timestamp(row.at),
        })
    }
}

row! {
    pub(super) struct EventRow {
        run_id: i64,
        seq: i64,
        at: i64,
        step: Option<i64>,
        level: String,
        phase: Option<String>,
        source: String,
        message: String,
        data: Option<String>,
    }
}

impl TryFrom<EventRow> for Entry {
    type Error = StoreError;

    fn try_from(row: EventRow) -> Result<Self, StoreError> {
        let phase =
            |name: String| Phase::from_name(&name).ok_or_else(|| unreadable("phase", &name));
        let data =
            |text: String| serde_json::from_str(&text).map_err(|_| unreadable("event data", &text));
        Ok(Self {
            run: RunId(row.run_id),
            seq: row.seq,
            at: Timestamp(row.at),
            step: row.step.map(small).transpose()?,
            body: EntryBody::Event {
                level: Level::from_name(&row.level)
                    .ok_or_else(|| unreadable("level", &row.level))?,
                phase: row.phase.map(phase).transpose()?,
                source: row.source,
                message: row.message,
                data: row.data.map(data).transpose()?,
            },
        })
    }
}

row! {
    pub(super) struct ArtifactRow {
        pub run_id: i64,
        pub kind: String,
        pub title: String,
        pub step: Option<i64>,
        pub hash: Option<String>,
        pub bytes: Option<i64>,
        pub content: String,
        pub at: i64,
    }
}

row! {
    pub(super) struct SummaryRow {
        service: String,
        env: String,
        at: i64,
        state: String,
        latency_ms: Option<i64>,
        message: String,
        run_id: Option<i64>,
        seen_at: Option<i64>,
        seen_state: Option<String>,
        state_since: i64,
    }
}

impl TryFrom<SummaryRow> for (Target, TargetSummary) {
    type Error = StoreError;

    fn try_from(row: SummaryRow) -> Result<Self, StoreError> {
        let target = Target {
            service: row.service,
            env: Some(row.env).filter(|env| !env.is_empty()),
        };
        let latest = Observation {
            target: target.clone(),
            at: Timestamp(row.at),
            state: State::from_name(&row.state).ok_or_else(|| unreadable("state", &row.state))?,
            latency_ms: row.latency_ms,
            message: row.message,
            run: row.run_id.map(RunId),
        };
        let known = |name: &String| State::from_name(name).ok_or_else(|| unreadable("state", name));
        let state = row.seen_state.as_ref().map(known).transpose()?;
        let seen = row.seen_at.zip(state).map(|(at, state)| Seen {
            at: Timestamp(at),
            state,
        });
        Ok((
            target,
            TargetSummary {
                latest,
                seen,
                since: Timestamp(row.state_since),
            },
        ))
    }
}

row! {
    pub(super) struct LastChangeRow {
        pub service: String,
        pub env: Option<String>,
        pub run_id: Option<i64>,
        pub what: String,
        pub at: i64,
        pub actor: String,
    }
}

row! {
    pub(super) struct AuditRecord {
        id: i64,
        at: i64,
        actor: String,
        action: String,
        object: String,
        before: Option<String>,
        after: Option<String>,
        reason: Option<String>,
    }
}

impl From<AuditRecord> for AuditRow {
    fn from(row: AuditRecord) -> Self {
        Self {
            id: row.id,
            at: Timestamp(row.at),
            actor: row.actor,
            action: row.action,
            object: row.object,
            before: row.before,
            after: row.after,
            reason: row.reason,
        }
    }
}

row! {
    pub(super) struct WorkspaceRow {
        id: i64,
        name: String,
        timezone: String,
    }
}

impl From<WorkspaceRow> for Workspace {
    fn from(row: WorkspaceRow) -> Self {
        Self {
            id: row.id,
            name: row.name,
            timezone: row.timezone,
        }
    }
}

row! {
    pub(super) struct EngineRecord {
        holder: String,
        kind: String,
        started_at: i64,
        seen_at: i64,
        draining: bool,
        alive_until: i64,
        adopts_from: Option<i64>,
        pulse_ms: i64,
    }
}

impl From<EngineRecord> for EngineRow {
    fn from(row: EngineRecord) -> Self {
        Self {
            holder: row.holder,
            kind: row.kind,
            started_at: Timestamp(row.started_at),
            seen_at: Timestamp(row.seen_at),
            draining: row.draining,
            alive_until: Timestamp(row.alive_until),
            adopts_from: row.adopts_from.map(Timestamp),
            pulse_ms: row.pulse_ms,
        }
    }
}

/// Converts every row, or returns the error of the first bad one.
pub(super) fn all<R, T: TryFrom<R, Error = StoreError>>(
    rows: Vec<R>,
) -> Result<Vec<T>, StoreError> {
    rows.into_iter().map(T::try_from).collect()
}

pub(super) fn status(name: &str) -> Result<RunStatus, StoreError> {
    RunStatus::from_name(name).ok_or_else(|| unreadable("run status", name))
}

pub(super) fn step_status(name: &str) -> Result<StepStatus, StoreError> {
    StepStatus::from_name(name).ok_or_else(|| unreadable("step status", name))
}

pub(super) fn pace(name: &str) -> Result<Pace, StoreError> {
    Pace::from_name(name).ok_or_else(|| unreadable("pace", name))
}

fn again(name: &str) -> Result<Again, StoreError> {
    Again::from_name(name).ok_or_else(|| unreadable("again", name))
}

pub(super) fn lane(name: &str) -> Result<Lane, StoreError> {
    Lane::from_name(name).ok_or_else(|| unreadable("lane", name))
}

pub(super) fn priority(name: &str) -> Result<Priority, StoreError> {
    Priority::from_name(name).ok_or_else(|| unreadable("priority", name))
}

pub(super) fn ending(name: &str) -> Result<Ending, StoreError> {
    Ending::from_name(name).ok_or_else(|| unreadable("ending", name))
}

pub(super) fn read_plan(run: i64, json: &str) -> Result<Plan, StoreError> {
    serde_json::from_str(json)
        .map_err(|e| StoreError::Database(format!("the plan of run #{run} cannot be read: {e}")))
}

/// A position, an attempt: never negative, never large.
pub(super) fn small(number: i64) -> Result<u32, StoreError> {
    u32::try_from(number).map_err(|_| unreadable("number", &number.to_string()))
}

pub(super) fn unreadable(what: &str, found: &str) -> StoreError {
    StoreError::Database(format!(
        "it holds a {what} this version does not know: `{found}`; update opsroom"
    ))
}
