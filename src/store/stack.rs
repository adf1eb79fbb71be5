//! Workspaces and what they declare: one row per object, its body as JSON.

use super::db::{on, write};
use super::runs::audit;
use super::{Store, StoreError, Workspace, column, from_json, json};
use crate::core::service::Stack;
use crate::core::stack::{Change, Delta};
use crate::core::time::Timestamp;

const WORKSPACES: &str = "select id, name, timezone from workspace order by id";
const ENSURE: &str =
    "insert into workspace (name, timezone, created_at) values ($1, $2, $3) on conflict (name) do nothing";
const OBJECTS: &str = "select kind, body from stack_object where workspace_id = $1 order by kind, position, name";
const ONE: &str = "select body from stack_object where workspace_id = $1 and kind = $2 and name = $3";
const TIMEZONE: &str = "update workspace set timezone = $3 where id = $1 and timezone = $2";
const PUT: &str = "insert into stack_object (workspace_id, kind, name, position, body, updated_at) \
     values ($1, $2, $3, $4, $5, $6) on conflict (workspace_id, kind, name) \
     do update set position = excluded.position, body = excluded.body, updated_at = excluded.updated_at";
const DELETE: &str = "delete from stack_object where workspace_id = $1 and kind = $2 and name = $3";

/// A change in the form the rows have.
struct Row {
    kind: &'static str,
    name: String,
    position: i64,
    before: Option<String>,
    after: Option<String>,
}

impl Store {
    /// All workspaces, oldest first.
    pub async fn workspaces(&self) -> Result<Vec<Workspace>, StoreError> {
        let rows: Vec<(i64, String, String)> = on!(self, pool => sqlx::query_as(WORKSPACES).fetch_all(pool).await?);
        Ok(rows.into_iter().map(|(id, name, timezone)| Workspace { id, name, timezone }).collect())
    }

    /// The workspace of that name, created when missing.
    pub async fn ensure_workspace(&self, name: &str, timezone: &str, at: Timestamp) -> Result<Workspace, StoreError> {
        write!(self, tx => {
            sqlx::query(ENSURE).bind(name).bind(timezone).bind(at.0).execute(&mut *tx).await?;
        });
        let all = self.workspaces().await?;
        all.into_iter().find(|w| w.name == name).ok_or_else(|| StoreError::NotFound(format!("workspace {name}")))
    }

    /// What the workspace declares, in the order it was written.
    pub async fn stack(&self, workspace: i64) -> Result<Stack, StoreError> {
        let all = self.workspaces().await?;
        let owner = all
            .into_iter()
            .find(|w| w.id == workspace)
            .ok_or_else(|| StoreError::NotFound(format!("workspace {workspace}")))?;
        let mut stack = Stack { workspace: owner.name, timezone: owner.timezone, ..Stack::default() };
        let rows: Vec<(String, String)> =
            on!(self, pool => sqlx::query_as(OBJECTS).bind(workspace).fetch_all(pool).await?);
        for (kind, body) in rows {
            match kind.as_str() {
                "environment" => stack.environments.push(from_json(&body, "an environment")?),
                "service" => stack.services.push(from_json(&body, "a service")?),
                "routine" => stack.routines.push(from_json(&body, "a routine")?),
                "contact" => stack.contacts.push(from_json(&body, "a contact")?),
                other => return Err(StoreError::Database(format!("unknown kind of object {other}"))),
            }
        }
        Ok(stack)
    }

    /// Applies all changes and their audit rows in one transaction. Refuses when somebody else changed the stack since
    /// the changes were computed.
    pub async fn apply(
        &self,
        workspace: i64,
        changes: &[Change],
        actor: &str,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        let rows = changes.iter().map(row).collect::<Result<Vec<_>, _>>()?;
        write!(self, tx => {
            for row in &rows {
                if row.kind == "timezone" {
                    let changed = sqlx::query(TIMEZONE).bind(workspace).bind(&row.before).bind(&row.after)
                        .execute(&mut *tx).await?.rows_affected();
                    if changed != 1 {
                        return Err(moved());
                    }
                } else {
                    let stored: Option<String> = sqlx::query_scalar(ONE).bind(workspace).bind(row.kind).bind(&row.name)
                        .fetch_optional(&mut *tx).await?;
                    if stored != row.before {
                        return Err(moved());
                    }
                    match &row.after {
                        Some(body) => {
                            sqlx::query(PUT).bind(workspace).bind(row.kind).bind(&row.name).bind(row.position)
                                .bind(body).bind(at.0).execute(&mut *tx).await?
                        }
                        None => {
                            sqlx::query(DELETE).bind(workspace).bind(row.kind).bind(&row.name).execute(&mut *tx).await?
                        }
                    };
                }
                audit!(tx, workspace, at, actor, "stack.apply", column(&format!("{} {}", row.kind, row.name)).into_owned(),
                    &row.before, &row.after, None::<String>);
            }
        });
        Ok(())
    }
}

fn row(change: &Change) -> Result<Row, StoreError> {
    match change {
        Change::Timezone { before, after } => Ok(Row {
            kind: "timezone",
            name: String::new(),
            position: 0,
            before: Some(before.clone()),
            after: Some(after.clone()),
        }),
        Change::Environment(delta) => object("environment", delta),
        Change::Service(delta) => object("service", delta),
        Change::Routine(delta) => object("routine", delta),
        Change::Contact(delta) => object("contact", delta),
    }
}

fn object<T: serde::Serialize>(kind: &'static str, delta: &Delta<T>) -> Result<Row, StoreError> {
    Ok(Row {
        kind,
        name: delta.name.clone(),
        position: i64::from(delta.position),
        before: delta.before.as_ref().map(json).transpose()?,
        after: delta.after.as_ref().map(json).transpose()?,
    })
}

fn moved() -> StoreError {
    StoreError::Database("the stack changed meanwhile; look at the difference again and repeat the apply".to_owned())
}
