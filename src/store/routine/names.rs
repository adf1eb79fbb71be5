//! Which routines a workspace has. A routine is never deleted: its results keep their name.

use std::collections::HashMap;

use crate::core::base::time::Timestamp;
use crate::store::db::{Tx, text};
use crate::store::{Store, StoreError};

const ENSURE: &str = "insert into probe_routine (workspace_id, name, kind, created_at) values ($1, $2, $3, $4) \
     on conflict (workspace_id, name) do update set kind = excluded.kind, removed_at = null \
     where probe_routine.kind <> excluded.kind or probe_routine.removed_at is not null";
const ADD: &str = "insert into probe_routine (workspace_id, name, kind, created_at) values ($1, $2, $3, $4) \
     on conflict (workspace_id, name) do nothing";
const NUMBER: &str = "select id from probe_routine where workspace_id = $1 and name = $2";
const REMOVE: &str = "update probe_routine set removed_at = $3 where workspace_id = $1 and name = $2 and removed_at is null";
const ALL: &str = "select id, name, kind, created_at, removed_at from probe_routine \
     where workspace_id = $1 order by id";

/// A routine as its owner declares it. The name is unique in a workspace; of a service's probe it
/// is `probe SERVICE ENVIRONMENT`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewRoutine {
    pub name: String,
    pub kind: String,
}

/// A routine that has a number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownRoutine {
    pub id: i64,
    pub name: String,
    pub kind: String,
    pub created_at: Timestamp,
    /// Since then it is not declared any more.
    pub removed_at: Option<Timestamp>,
}

/// The number of the routine that probes a target, a new one if it has none.
pub(super) async fn number(
    tx: &mut Tx,
    workspace: i64,
    name: &str,
    at: Timestamp,
) -> Result<i64, StoreError> {
    if let Some((id,)) = fetch_optional!(tx, (i64,), NUMBER, workspace, text(name))? {
        return Ok(id);
    }
    execute!(tx, ADD, workspace, text(name), "probe", at.0)?;
    let number = fetch_optional!(tx, (i64,), NUMBER, workspace, text(name))?;
    number
        .map(|(id,)| id)
        .ok_or_else(|| StoreError::NotFound(format!("routine {name}")))
}

impl Store {
    /// Gives each routine a number, keeps the number of one that is known, brings back a removed
    /// one. Returns all numbers of the workspace by name.
    pub async fn ensure_routines(
        &self,
        workspace: i64,
        routines: &[NewRoutine],
        at: Timestamp,
    ) -> Result<HashMap<String, i64>, StoreError> {
        // In the order of names, so that two writers never deadlock.
        let mut ordered: Vec<&NewRoutine> = routines.iter().collect();
        ordered.sort_by(|one, other| one.name.cmp(&other.name));
        let mut tx = self.db.begin().await?;
        for routine in ordered {
            execute!(
                tx,
                ENSURE,
                workspace,
                text(&routine.name),
                text(&routine.kind),
                at.0
            )?;
        }
        tx.commit().await?;
        let known = self.routines(workspace).await?;
        Ok(known.into_iter().map(|r| (r.name, r.id)).collect())
    }

    /// Notes that routines are not declared any more; their results stay.
    pub async fn remove_routines(
        &self,
        workspace: i64,
        names: &[String],
        at: Timestamp,
    ) -> Result<(), StoreError> {
        let mut ordered: Vec<&String> = names.iter().collect();
        ordered.sort();
        let mut tx = self.db.begin().await?;
        for name in ordered {
            execute!(tx, REMOVE, workspace, text(name), at.0)?;
        }
        tx.commit().await
    }

    /// All routines of a workspace, also removed ones, in the order of their numbers.
    pub async fn routines(&self, workspace: i64) -> Result<Vec<KnownRoutine>, StoreError> {
        type Row = (i64, String, String, i64, Option<i64>);
        let mut db = self.db.read().await?;
        let rows = fetch_all!(db, Row, ALL, workspace)?;
        let known = |(id, name, kind, created_at, removed_at): Row| KnownRoutine {
            id,
            name,
            kind,
            created_at: Timestamp(created_at),
            removed_at: removed_at.map(Timestamp),
        };
        Ok(rows.into_iter().map(known).collect())
    }
}
