//! Workspaces and their stacks: one row per object, read in one statement, changed in one
//! transaction.

pub(super) mod attached;
mod names;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::core::base::time::Timestamp;
use crate::core::stack::service::Stack;
use crate::core::stack::{Change, Delta};

use super::access::{self, Decision};
use super::db::{Tx, dialect, text};
use super::rows::WorkspaceRow;
use super::{Store, StoreError, Workspace};

const WORKSPACES: &str = "select id, name, timezone from workspace order by id";
const BY_NAME: &str = "select id, name, timezone from workspace where name = $1";
const CREATE: &str = "insert into workspace (name, timezone, created_at) values ($1, $2, $3) on conflict (name) do nothing";
const REVISION: &str = "select stack_revision from workspace where id = $1";
/// One statement sees one moment: a stack is never read half applied. The position of the workspace is the revision.
const STACK: &str = "select 'workspace' as kind, name, timezone as body, stack_revision as position from workspace where id = $1 \
     union all select 'environment', name, body, position from environment where workspace_id = $1 \
     union all select 'service', name, body, position from service where workspace_id = $1 \
     union all select 'routine', name, body, position from routine where workspace_id = $1 \
     union all select 'maintenance', name, body, position from maintenance where workspace_id = $1 \
     union all select 'contact', name, body, position from contact where workspace_id = $1 \
     order by 4, 2";
/// Makes other appliers wait.
const REVISE: &str = "update workspace set stack_revision = stack_revision + 1 where id = $1 returning id, name, timezone";
const SET_TIMEZONE: &str = "update workspace set timezone = $2 where id = $1 and timezone = $3";

/// The statements for one kind of object.
struct Table {
    kind: &'static str,
    select: &'static str,
    insert: &'static str,
    update: &'static str,
    delete: &'static str,
}

macro_rules! table {
    ($name:literal) => {
        Table {
            kind: $name,
            select: concat!(
                "select body from ",
                $name,
                " where workspace_id = $1 and name = $2"
            ),
            insert: concat!(
                "insert into ",
                $name,
                " (workspace_id, name, position, body) values ($1, $2, $3, $4)"
            ),
            update: concat!(
                "update ",
                $name,
                " set position = $3, body = $4 where workspace_id = $1 and name = $2"
            ),
            delete: concat!(
                "delete from ",
                $name,
                " where workspace_id = $1 and name = $2"
            ),
        }
    };
}

const ENVIRONMENT: Table = table!("environment");
const SERVICE: Table = table!("service");
const ROUTINE: Table = table!("routine");
const MAINTENANCE: Table = table!("maintenance");
const CONTACT: Table = table!("contact");

/// A stack with the number of its revision, which grows with every change of it.
#[derive(Debug, Clone, PartialEq)]
pub struct RevisedStack {
    pub revision: i64,
    pub stack: Stack,
}

impl Store {
    /// All workspaces, oldest first.
    pub async fn workspaces(&self) -> Result<Vec<Workspace>, StoreError> {
        let mut db = self.db.read().await?;
        let rows = fetch_all!(db, WorkspaceRow, WORKSPACES)?;
        Ok(rows.into_iter().map(Workspace::from).collect())
    }

    /// The workspace of that name, created when missing.
    pub async fn ensure_workspace(
        &self,
        name: &str,
        timezone: &str,
        at: Timestamp,
    ) -> Result<Workspace, StoreError> {
        let mut db = self.db.read().await?;
        if let Some(row) = fetch_optional!(db, WorkspaceRow, BY_NAME, text(name))? {
            return Ok(row.into());
        }
        drop(db);
        let mut tx = self.db.begin().await?;
        execute!(tx, CREATE, text(name), text(timezone), at.0)?;
        let row = fetch_optional!(tx, WorkspaceRow, BY_NAME, text(name))?;
        tx.commit().await?;
        row.map(Workspace::from)
            .ok_or_else(|| StoreError::NotFound(format!("workspace {name}")))
    }

    /// The declared stack of the workspace, in the order of its file.
    pub async fn stack(&self, workspace: i64) -> Result<Stack, StoreError> {
        Ok(self.whole_stack(workspace).await?.stack)
    }

    /// The declared stack, if its revision is another than `known`. While it is the same, this
    /// reads one number.
    pub async fn changed_stack(
        &self,
        workspace: i64,
        known: Option<i64>,
    ) -> Result<Option<RevisedStack>, StoreError> {
        if known.is_some() {
            let mut db = self.db.read().await?;
            let row = fetch_optional!(db, (i64,), REVISION, workspace)?;
            if row.map(|(revision,)| revision) == known {
                return Ok(None);
            }
        }
        self.whole_stack(workspace).await.map(Some)
    }

    async fn whole_stack(&self, workspace: i64) -> Result<RevisedStack, StoreError> {
        let mut db = self.db.read().await?;
        let rows = fetch_all!(db, (String, String, String, i64), STACK, workspace)?;
        drop(db);
        let mut stack = Stack::default();
        let mut found = None;
        for (kind, name, body, position) in rows {
            match kind.as_str() {
                "workspace" => {
                    found = Some(position);
                    stack.workspace = name;
                    stack.timezone = body;
                }
                "environment" => stack.environments.push(read(&kind, &name, &body)?),
                "service" => stack.services.push(read(&kind, &name, &body)?),
                "routine" => stack.routines.push(read(&kind, &name, &body)?),
                "maintenance" => stack.maintenance.push(read(&kind, &name, &body)?),
                _ => stack.contacts.push(read(&kind, &name, &body)?),
            }
        }
        let revision = found.ok_or_else(|| no_workspace(workspace))?;
        Ok(RevisedStack { revision, stack })
    }

    /// Applies all changes and their audit rows in one transaction. Each object must still equal
    /// the change's `before`, or nothing is changed.
    pub async fn apply(
        &self,
        workspace: i64,
        changes: &[Change],
        actor: &str,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        let mut tx = self.db.begin().await?;
        let locked = fetch_optional!(tx, WorkspaceRow, REVISE, workspace)?;
        locked.ok_or_else(|| no_workspace(workspace))?;
        for change in changes {
            let (object, before, after) = match change {
                Change::Timezone { before, after } => {
                    set_timezone(&mut tx, workspace, before, after).await?
                }
                Change::Environment(delta) => {
                    change_object(&mut tx, workspace, &ENVIRONMENT, delta).await?
                }
                Change::Service(delta) => {
                    change_object(&mut tx, workspace, &SERVICE, delta).await?
                }
                Change::Routine(delta) => {
                    change_object(&mut tx, workspace, &ROUTINE, delta).await?
                }
                Change::Maintenance(delta) => {
                    change_object(&mut tx, workspace, &MAINTENANCE, delta).await?
                }
                Change::Contact(delta) => {
                    change_object(&mut tx, workspace, &CONTACT, delta).await?
                }
            };
            let action = access::APPLY;
            access::insert(
                &mut tx,
                Decision {
                    workspace,
                    at,
                    actor,
                    action,
                    object,
                    before,
                    after,
                    reason: None,
                },
            )
            .await?;
        }
        if let Some(wake) = dialect::wake_listeners(&self.db.pools) {
            execute!(tx, wake)?;
        }
        tx.commit().await
    }
}

/// Columns of the audit row: object, before, after.
type Audited = (String, Option<String>, Option<String>);

async fn set_timezone(
    tx: &mut Tx,
    workspace: i64,
    before: &str,
    after: &str,
) -> Result<Audited, StoreError> {
    match execute!(tx, SET_TIMEZONE, workspace, text(after), text(before))? {
        0 => Err(changed_meanwhile()),
        _ => Ok(("timezone".into(), Some(before.into()), Some(after.into()))),
    }
}

async fn change_object<T>(
    tx: &mut Tx,
    workspace: i64,
    table: &Table,
    delta: &Delta<T>,
) -> Result<Audited, StoreError>
where
    T: Serialize + DeserializeOwned + PartialEq,
{
    let name = text(&delta.name);
    let stored = fetch_optional!(tx, (String,), table.select, workspace, name.as_ref())?;
    let stored: Option<T> = stored
        .map(|(body,)| read(table.kind, &name, &body))
        .transpose()?;
    if stored != delta.before {
        return Err(changed_meanwhile());
    }
    let before = delta
        .before
        .as_ref()
        .map(|object| write(table.kind, object))
        .transpose()?;
    let after = delta
        .after
        .as_ref()
        .map(|object| write(table.kind, object))
        .transpose()?;
    let position = i64::from(delta.position);
    match (&before, &after) {
        (_, None) => execute!(tx, table.delete, workspace, name.as_ref())?,
        (None, Some(body)) => execute!(tx, table.insert, workspace, name.as_ref(), position, body)?,
        (Some(_), Some(body)) => {
            execute!(tx, table.update, workspace, name.as_ref(), position, body)?
        }
    };
    Ok((format!("{} {}", table.kind, delta.name), before, after))
}

fn read<T: DeserializeOwned>(kind: &str, name: &str, body: &str) -> Result<T, StoreError> {
    serde_json::from_str(body)
        .map_err(|e| StoreError::Database(format!("{kind} {name} cannot be read: {e}")))
}

fn write<T: Serialize>(kind: &str, object: &T) -> Result<String, StoreError> {
    serde_json::to_string(object)
        .map_err(|e| StoreError::Database(format!("a {kind} has no JSON: {e}")))
}

fn changed_meanwhile() -> StoreError {
    StoreError::Database("the stack changed meanwhile; run apply again".into())
}

fn no_workspace(workspace: i64) -> StoreError {
    StoreError::NotFound(format!("workspace number {workspace}"))
}
