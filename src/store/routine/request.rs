//! What people and programs ask the engine that holds a routine for: a run of it now, or to take a
//! report.

use crate::core::base::time::Timestamp;
use crate::core::routine::report::RoutineReport;
use crate::core::run::act::audit_word;
use crate::core::stack::state::State;
use crate::store::access::{self, Decision};
use crate::store::db::{self, text};
use crate::store::{Store, StoreError};

const ASK: &str = "insert into routine_request (workspace_id, routine, actor, at, report, note, taken_by, state, message) \
     values ($1, $2, $3, $4, '', '', '', '', '') returning id";
const REPORT: &str = "insert into routine_request (workspace_id, routine, actor, at, report, note, taken_by, state, message) \
     values ($1, $2, $3, $4, $5, $6, '', '', '')";
const OPEN: &str = "select id, routine, actor, at, report, note from routine_request \
     where workspace_id = $1 and done_at is null order by id";
const TAKE: &str =
    "update routine_request set taken_by = $2 where id = $1 and taken_by = '' and done_at is null";
const DONE: &str = "update routine_request set done_at = $2, state = $3, message = $4 where id = $1 and done_at is null";
const RESULT: &str = "select state, message from routine_request where workspace_id = $1 and id = $2 and done_at is not null";

/// A request about a routine that no engine has finished.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoutineRequested {
    pub id: i64,
    pub routine: String,
    pub actor: String,
    pub at: Timestamp,
    /// The report to take; without one the routine is to be run.
    pub report: Option<RoutineReport>,
}

impl Store {
    /// Asks for a run of the routine; returns the number of the request.
    pub async fn request_routine(
        &self,
        workspace: i64,
        routine: &str,
        (actor, reason): (&str, Option<&str>),
        now: Timestamp,
    ) -> Result<i64, StoreError> {
        let mut tx = self.db.begin().await?;
        let decision = Decision {
            workspace,
            at: now,
            actor,
            action: audit_word::RUN_ROUTINE,
            object: format!("routine {routine}"),
            before: None,
            after: None,
            reason,
        };
        access::insert(&mut tx, decision).await?;
        let id = fetch_optional!(
            tx,
            (i64,),
            ASK,
            workspace,
            text(routine),
            text(actor),
            now.0
        )?;
        tx.commit().await?;
        Ok(id.map_or(0, |(id,)| id))
    }

    /// Keeps a report about the routine for the engine that holds it.
    pub async fn report_routine(
        &self,
        workspace: i64,
        routine: &str,
        (actor, report): (&str, &RoutineReport),
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let mut tx = self.db.begin().await?;
        execute!(
            tx,
            REPORT,
            workspace,
            text(routine),
            text(actor),
            now.0,
            report.state.name(),
            db::message(&report.message)
        )?;
        tx.commit().await
    }

    /// Requests that are not done, oldest first.
    pub async fn routine_requests(
        &self,
        workspace: i64,
    ) -> Result<Vec<RoutineRequested>, StoreError> {
        type Row = (i64, String, String, i64, String, String);
        let mut db = self.db.read().await?;
        let rows = fetch_all!(db, Row, OPEN, workspace)?;
        let request = |(id, routine, actor, at, state, message): Row| RoutineRequested {
            id,
            routine,
            actor,
            at: Timestamp(at),
            report: State::from_name(&state).map(|state| RoutineReport { state, message }),
        };
        Ok(rows.into_iter().map(request).collect())
    }

    /// Takes a request; false: another engine has it.
    pub async fn take_routine_request(&self, id: i64, holder: &str) -> Result<bool, StoreError> {
        let mut tx = self.db.begin().await?;
        let taken = execute!(tx, TAKE, id, text(holder))? > 0;
        tx.commit().await?;
        Ok(taken)
    }

    /// Records the result of a request.
    pub async fn finish_routine_request(
        &self,
        id: i64,
        state: State,
        message: &str,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let mut tx = self.db.begin().await?;
        execute!(tx, DONE, id, now.0, state.name(), db::message(message))?;
        tx.commit().await
    }

    /// The result of a request, once there is one.
    pub async fn routine_request_result(
        &self,
        workspace: i64,
        id: i64,
    ) -> Result<Option<(State, String)>, StoreError> {
        let mut db = self.db.read().await?;
        let row = fetch_optional!(db, (String, String), RESULT, workspace, id)?;
        Ok(row.map(|(state, message)| {
            let state = State::from_name(&state).unwrap_or(State::Unknown);
            (state, message)
        }))
    }
}
