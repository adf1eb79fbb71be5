//! The current workspace and its inventory: found, read, applied, exported.

use std::sync::{Arc, PoisonError};

use crate::bus::Notice;
use crate::control::runbook::Library;
use crate::control::{Control, ProcessKind, Refusal};
use crate::core::command::Catalogue;
use crate::core::stack::service::Stack;
use crate::store::Workspace;

/// The inventory as last read, so that the catalogue is built once per change.
#[derive(Debug, Default)]
pub(in crate::control) struct Known {
    pub workspace: Option<Workspace>,
    pub stack: Arc<Stack>,
    /// The revision of `stack`; none: it was never read.
    revision: Option<i64>,
    pub catalogue: Option<Arc<Catalogue>>,
}

impl Control {
    /// The catalogue of the command language for the present stack and runbooks.
    pub async fn catalogue(&self) -> Result<Arc<Catalogue>, Refusal> {
        let stack = self.refresh().await?;
        let mut known = self.known();
        let catalogue = known
            .catalogue
            .get_or_insert_with(|| Arc::new(Catalogue::new(&stack, &self.library().names())));
        Ok(Arc::clone(catalogue))
    }

    /// Reads the runbooks again, and publishes that as a stack change. Returns how many there are
    /// now.
    pub async fn reload(&self) -> Result<usize, Refusal> {
        let dir = self.0.settings.runbook_dir.clone();
        let library = tokio::task::spawn_blocking(move || Library::load(dir.as_deref()))
            .await
            .map_err(|error| {
                Refusal::Invalid(format!("the runbooks were not read again: {error}"))
            })?;
        let count = library.all().len();
        *self
            .0
            .library
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = Arc::new(library);
        self.known().catalogue = None;
        self.0.bus.publish(Notice::Stack);
        Ok(count)
    }

    /// The stack as the store has it.
    pub async fn export(&self) -> Result<Stack, Refusal> {
        Ok(self.scope().await?.stack().await?)
    }

    /// Rereads the stack if it has another revision, and drops the catalogue then.
    pub(in crate::control) async fn refresh(&self) -> Result<Arc<Stack>, Refusal> {
        let Some(workspace) = self.resolve_workspace().await? else {
            return Ok(Arc::clone(&self.known().stack));
        };
        let scope = self.0.store.scope(workspace.clone());
        let revision = self.known().revision;
        let changed = scope.changed_stack(revision).await?;
        let mut known = self.known();
        let appeared = known.workspace.is_none();
        // Another read may have found a newer one meanwhile.
        if let Some(found) = changed.filter(|found| known.revision < Some(found.revision)) {
            known.revision = Some(found.revision);
            if *known.stack != found.stack {
                known.stack = Arc::new(found.stack);
                known.catalogue = None;
            }
        }
        let workspace = known.workspace.insert(workspace).id;
        let stack = Arc::clone(&known.stack);
        drop(known);
        if appeared && let Some(engine) = self.engine() {
            engine.run_routines(workspace, self.0.settings.pulse_ms);
        }
        Ok(stack)
    }

    pub(in crate::control) async fn resolve_workspace(&self) -> Result<Option<Workspace>, Refusal> {
        if let Some(workspace) = self.workspace() {
            return Ok(Some(workspace));
        }
        match (self.chosen_workspace().await, self.0.settings.door) {
            // A subcommand may be about to create it, and a server may be waiting for it.
            (
                Err(Refusal::UnknownWorkspace(_) | Refusal::WhichWorkspace(_)),
                ProcessKind::Cli | ProcessKind::Serve,
            ) => Ok(None),
            (chosen, _) => chosen,
        }
    }

    /// Refuses when the named workspace does not exist, or none was named and there are several.
    pub async fn require_workspace(&self) -> Result<(), Refusal> {
        self.chosen_workspace().await.map(drop)
    }

    pub(in crate::control) async fn chosen_workspace(&self) -> Result<Option<Workspace>, Refusal> {
        let mut all = self.0.store.workspaces().await?;
        match &self.0.settings.workspace {
            Some(name) => match all.into_iter().find(|w| w.name == *name) {
                None => Err(Refusal::UnknownWorkspace(name.clone())),
                found => Ok(found),
            },
            None if all.len() > 1 => {
                let names: Vec<_> = all.into_iter().map(|w| w.name).collect();
                Err(Refusal::WhichWorkspace(names.join(", ")))
            }
            None => Ok(all.pop()),
        }
    }

    pub(in crate::control) fn workspace(&self) -> Option<Workspace> {
        self.known().workspace.clone()
    }

    pub(in crate::control) fn known(&self) -> std::sync::MutexGuard<'_, Known> {
        self.0.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
