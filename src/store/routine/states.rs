//! The state of each routine, its changes, and its last good and last bad answer.

use std::collections::BTreeMap;

use sqlx::QueryBuilder;

use super::pause::RoutinePause;
use crate::core::base::time::Timestamp;
use crate::core::stack::state::State;
use crate::core::words;
use crate::store::db::{self, Tx, dialect, text};
use crate::store::{Store, StoreError};

const KEEP: &str = "insert into routine_state (routine_id, state, confirmed, since, streak, last_ok_at, last_failed_at, \
     message, flapping) ";
/// A pause is not the engine's.
const REPLACE: &str = " on conflict (routine_id) do update set state = excluded.state, confirmed = excluded.confirmed, \
     since = excluded.since, streak = excluded.streak, last_ok_at = excluded.last_ok_at, \
     last_failed_at = excluded.last_failed_at, message = excluded.message, flapping = excluded.flapping";
const ALL: &str = "select s.routine_id, s.state, s.confirmed, s.since, s.streak, s.last_ok_at, s.last_failed_at, s.message, \
     s.flapping, s.paused_until, s.paused_by, s.pause_reason from routine_state s join probe_routine r on r.id = s.routine_id \
     where r.workspace_id = $1 order by s.routine_id";
const CHANGE: &str = "insert into routine_change (routine_id, at, from_state, to_state, reason, class, message, maintenance) \
     values ($1, $2, $3, $4, $5, $6, $7, $8)";
const CHANGES: &str = "select c.routine_id, c.at, c.from_state, c.to_state, c.reason, c.class, c.message, c.maintenance \
     from routine_change c join probe_routine r on r.id = c.routine_id \
     where r.workspace_id = $1 and c.routine_id = $2 order by c.at desc, c.id desc limit $3";
const ANSWER: &str = "insert into probe_evidence (routine_id, kind, at, answer) ";
const REPLACE_ANSWER: &str = " on conflict (routine_id, kind) do update set at = excluded.at, answer = excluded.answer \
     where excluded.at >= probe_evidence.at";
const ANSWERS: &str = "select e.routine_id, e.kind, e.at, e.answer from probe_evidence e join probe_routine r on r.id = e.routine_id \
     where r.workspace_id = $1 and e.routine_id = $2 order by e.kind";

/// The state of a routine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoutineState {
    pub routine: i64,
    pub state: State,
    /// What enough results in a row agree on; another state is seen, but not yet confirmed.
    pub confirmed: State,
    pub since: Timestamp,
    /// Results in a row with this state.
    pub streak: i64,
    pub last_ok_at: Option<Timestamp>,
    pub last_failed_at: Option<Timestamp>,
    pub message: String,
    pub flapping: bool,
    /// Set by a person; ignored when an engine writes the state.
    pub pause: Option<RoutinePause>,
}

/// A change of a routine's state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoutineChange {
    pub routine: i64,
    pub at: Timestamp,
    pub from: State,
    pub to: State,
    /// What made it: `threshold reached`, `resumed`.
    pub reason: String,
    /// Class of the failure, as in its sample; 0: none.
    pub class: u8,
    pub message: String,
    /// The maintenance window that muted it: it is no news. None: it is news.
    pub muted_by: Option<String>,
}

words! {
    /// Which answer of a routine is kept.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
    pub enum AnswerKind {
        Good = "good",
        Bad = "bad",
        /// That of the stored state.
        Last = "last",
    }
}

/// An answer that is kept. The caller has redacted it; it is cut to the length of a
/// message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Evidence {
    pub routine: i64,
    pub kind: AnswerKind,
    pub at: Timestamp,
    pub answer: String,
}

row! {
    struct StateRow {
        routine_id: i64,
        state: String,
        confirmed: String,
        since: i64,
        streak: i64,
        last_ok_at: Option<i64>,
        last_failed_at: Option<i64>,
        message: String,
        flapping: bool,
        paused_until: Option<i64>,
        paused_by: Option<String>,
        pause_reason: Option<String>,
    }
}

impl Store {
    /// The states of a workspace's routines; one that was never probed has none.
    pub async fn routine_states(&self, workspace: i64) -> Result<Vec<RoutineState>, StoreError> {
        let mut db = self.db.read().await?;
        let rows = fetch_all!(db, StateRow, ALL, workspace)?;
        rows.into_iter().map(RoutineState::try_from).collect()
    }

    /// The newest changes of a routine's state, newest first.
    pub async fn routine_changes(
        &self,
        workspace: i64,
        routine: i64,
        limit: u32,
    ) -> Result<Vec<RoutineChange>, StoreError> {
        let mut db = self.db.read().await?;
        let rows = fetch_all!(db, ChangeRow, CHANGES, workspace, routine, i64::from(limit))?;
        rows.into_iter().map(change).collect()
    }

    /// The last, the last bad and the last good answer of a routine, as far as there are any.
    pub async fn probe_evidence(
        &self,
        workspace: i64,
        routine: i64,
    ) -> Result<Vec<Evidence>, StoreError> {
        type Row = (i64, String, i64, String);
        let mut db = self.db.read().await?;
        let rows = fetch_all!(db, Row, ANSWERS, workspace, routine)?;
        let evidence = |(routine, kind, at, answer): Row| {
            Some(Evidence {
                routine,
                kind: AnswerKind::from_name(&kind)?,
                at: Timestamp(at),
                answer,
            })
        };
        Ok(rows.into_iter().filter_map(evidence).collect())
    }
}

impl TryFrom<StateRow> for RoutineState {
    type Error = StoreError;

    fn try_from(row: StateRow) -> Result<Self, StoreError> {
        let pause = row
            .paused_until
            .zip(row.paused_by)
            .map(|(until, by)| RoutinePause {
                until: Timestamp(until),
                by,
                reason: row.pause_reason.unwrap_or_default(),
            });
        Ok(Self {
            routine: row.routine_id,
            state: state(&row.state)?,
            confirmed: state(&row.confirmed)?,
            since: Timestamp(row.since),
            streak: row.streak,
            last_ok_at: row.last_ok_at.map(Timestamp),
            last_failed_at: row.last_failed_at.map(Timestamp),
            message: row.message,
            flapping: row.flapping,
            pause,
        })
    }
}

/// Routine, time, from, to, reason, class, message, the window that mutes it.
pub(super) type ChangeRow = (i64, i64, String, String, String, i64, String, String);

pub(super) fn change(row: ChangeRow) -> Result<RoutineChange, StoreError> {
    let (routine, at, from, to, reason, class, message, window) = row;
    Ok(RoutineChange {
        routine,
        at: Timestamp(at),
        from: state(&from)?,
        to: state(&to)?,
        reason,
        class: u8::try_from(class).unwrap_or(u8::MAX),
        message,
        muted_by: Some(window).filter(|window| !window.is_empty()),
    })
}

pub(super) fn state(name: &str) -> Result<State, StoreError> {
    State::from_name(name)
        .ok_or_else(|| StoreError::Database(format!("a routine has the unknown state {name}")))
}

/// Of each routine the last state, in the order of their numbers: no statement names a routine
/// twice, and two writers never deadlock.
pub(super) async fn keep(tx: &mut Tx, states: &[RoutineState]) -> Result<(), StoreError> {
    let last: BTreeMap<i64, &RoutineState> = states.iter().map(|s| (s.routine, s)).collect();
    let last: Vec<&RoutineState> = last.into_values().collect();
    for part in last.chunks(dialect::ROWS_PER_INSERT) {
        on!(tx, conn: D => {
            let mut query = QueryBuilder::<D>::new(KEEP);
            query.push_values(part, |mut row, s| {
                row.push_bind(s.routine)
                    .push_bind(s.state.name())
                    .push_bind(s.confirmed.name())
                    .push_bind(s.since.0)
                    .push_bind(s.streak)
                    .push_bind(s.last_ok_at.map(|at| at.0))
                    .push_bind(s.last_failed_at.map(|at| at.0))
                    .push_bind(db::message(&s.message))
                    .push_bind(s.flapping);
            });
            query.push(REPLACE);
            query.build().persistent(false).execute(&mut **conn).await.map(drop)
        })?;
    }
    Ok(())
}

pub(super) async fn record(tx: &mut Tx, changes: &[RoutineChange]) -> Result<(), StoreError> {
    for change in changes {
        execute!(
            tx,
            CHANGE,
            change.routine,
            change.at.0,
            change.from.name(),
            change.to.name(),
            text(&change.reason),
            i64::from(change.class),
            db::message(&change.message),
            text(change.muted_by.as_deref().unwrap_or_default()),
        )?;
    }
    Ok(())
}

/// An answer that arrives late does not replace a newer one. As with states, no statement names a
/// row twice.
pub(super) async fn keep_answers(tx: &mut Tx, evidence: &[Evidence]) -> Result<(), StoreError> {
    let mut newest = BTreeMap::<(i64, AnswerKind), &Evidence>::new();
    for e in evidence {
        let kept = newest.entry((e.routine, e.kind)).or_insert(e);
        if e.at >= kept.at {
            *kept = e;
        }
    }
    let newest: Vec<&Evidence> = newest.into_values().collect();
    for part in newest.chunks(dialect::ROWS_PER_INSERT) {
        on!(tx, conn: D => {
            let mut query = QueryBuilder::<D>::new(ANSWER);
            query.push_values(part, |mut row, e| {
                row.push_bind(e.routine)
                    .push_bind(e.kind.name())
                    .push_bind(e.at.0)
                    .push_bind(db::message(&e.answer));
            });
            query.push(REPLACE_ANSWER);
            query.build().persistent(false).execute(&mut **conn).await.map(drop)
        })?;
    }
    Ok(())
}
