//! Whether a stack has changed since it was read, by one small statement.

use crate::core::stack::service::Stack;
use crate::store::access::{self, APPLY};
use crate::store::db::Either;
use crate::store::{Store, StoreError};

/// Applying a stack updates the workspace's row, so its newest version names the last transaction that
/// did. Others update it too; then the stack is read once more than needed.
const POSTGRES_VERSION: &str =
    "select cast(cast(xmin as text) as bigint) from workspace where id = $1";
/// One writer at a time: rows are numbered in the order of their commits, and applying a stack writes
/// at least one.
const SQLITE_AFTER: &str = "select coalesce(max(id), $2), coalesce(max(case when action = $3 then id end), 0) \
     from audit where workspace_id = $1 and id > $2";

/// Which version of a stack was read; of use only to [`Store::stack_after`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StackVersion(i64);

impl Store {
    /// The version of the stack as it is now, and whether it may differ from the one `seen`. To be read
    /// before the stack: then one that is applied in between is read again the next time.
    async fn stack_version(
        &self,
        workspace: i64,
        seen: Option<StackVersion>,
    ) -> Result<(StackVersion, bool), StoreError> {
        let mut db = self.db.read().await?;
        if matches!(self.db.pools, Either::Postgres(_)) {
            let row = fetch_optional!(db, (i64,), POSTGRES_VERSION, workspace)?;
            let now = StackVersion(row.unwrap_or_default().0);
            return Ok((now, seen != Some(now)));
        }
        let Some(StackVersion(before)) = seen else {
            let newest = fetch_optional!(db, (i64,), access::NEWEST_ID, workspace)?;
            return Ok((StackVersion(newest.unwrap_or_default().0), true));
        };
        let row = fetch_optional!(db, (i64, i64), SQLITE_AFTER, workspace, before, APPLY)?;
        let (newest, applied) = row.unwrap_or((before, 0));
        Ok((StackVersion(newest), applied > 0))
    }

    /// The stack and its version, unless it is still the one `seen`.
    pub async fn stack_after(
        &self,
        workspace: i64,
        seen: Option<StackVersion>,
    ) -> Result<(StackVersion, Option<Stack>), StoreError> {
        let (version, changed) = self.stack_version(workspace, seen).await?;
        let stack = if changed {
            Some(self.stack(workspace).await?)
        } else {
            None
        };
        Ok((version, stack))
    }
}
