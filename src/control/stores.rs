//! The store as `Control` may use it: directly for data of no workspace, and as one workspace for
//! everything else.

use crate::core::base::time::Timestamp;
use crate::store::{Scope, Store, StoreError, Workspace};

use super::{Control, Refusal};

/// The open store. Data of a workspace is reached through [`Stores::scope`] only.
#[derive(Debug)]
pub(super) struct Stores(Store);

impl Stores {
    /// Opens the store for this process, given by its engine's identity.
    pub async fn open(url: &str, process: &str) -> Result<Self, StoreError> {
        Ok(Self(Store::open(url).await?.of_process(process)))
    }

    pub fn url(&self) -> &str {
        self.0.url()
    }

    pub fn kind(&self) -> &'static str {
        self.0.kind()
    }

    pub async fn close(&self) {
        self.0.close().await;
    }

    pub async fn workspaces(&self) -> Result<Vec<Workspace>, StoreError> {
        self.0.workspaces().await
    }

    pub async fn ensure_workspace(
        &self,
        name: &str,
        timezone: &str,
        at: Timestamp,
    ) -> Result<Workspace, StoreError> {
        self.0.ensure_workspace(name, timezone, at).await
    }

    /// For engines and the code beside them: they serve every workspace.
    pub const fn for_engines(&self) -> &Store {
        &self.0
    }

    /// One workspace of it.
    pub fn scope(&self, workspace: Workspace) -> Scope {
        self.0.scope(workspace)
    }
}

impl Control {
    /// The workspace this console works in; refuses where there is none.
    pub(super) async fn scope(&self) -> Result<Scope, Refusal> {
        let workspace = match self.workspace() {
            Some(workspace) => workspace,
            None => self.chosen_workspace().await?.ok_or(Refusal::NoWorkspace)?,
        };
        Ok(self.0.store.scope(workspace))
    }

    /// The workspace this console works in, if there is one yet.
    pub(super) fn known_scope(&self) -> Option<Scope> {
        self.workspace()
            .map(|workspace| self.0.store.scope(workspace))
    }
}
