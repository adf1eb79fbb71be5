//! The current workspace and its inventory: found, read, applied, exported.

use std::sync::{Arc, PoisonError};

use crate::bus::Notice;
use crate::control::runbook::Library;
use crate::control::{Control, ProcessKind, Refusal, Settings};
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

fn load(settings: &Settings) -> Library {
    let (dir, cache) = (&settings.runbook_dir, &settings.cache_dir);
    Library::load(dir.as_deref(), cache.as_deref())
}

impl Control {
    /// The catalogue of the command language for the present stack and runbooks.
    pub async fn catalogue(&self) -> Result<Arc<Catalogue>, Refusal> {
        let stack = self.refresh().await?;
        if let Some(catalogue) = &self.known().catalogue {
            return Ok(Arc::clone(catalogue));
        }
        let names: Vec<_> = self.library().names().cloned().collect();
        let catalogue = Arc::new(Catalogue::new(&stack, &names));
        let mut known = self.known();
        // Another one may have been applied meanwhile.
        if Arc::ptr_eq(&known.stack, &stack) {
            known.catalogue = Some(Arc::clone(&catalogue));
        }
        Ok(catalogue)
    }

    /// Reads the runbooks again, and publishes that as a stack change. Returns how many there are
    /// now.
    pub async fn reload(&self) -> Result<usize, Refusal> {
        let settings = self.0.settings.clone();
        let library = tokio::task::spawn_blocking(move || load(&settings))
            .await
            .map_err(|error| {
                Refusal::Invalid(format!("the runbooks were not read again: {error}"))
            })?;
        let count = library.count();
        *self.loaded() = Some(Arc::new(library));
        self.known().catalogue = None;
        self.0.bus.publish(Notice::Stack);
        Ok(count)
    }

    /// The stack as the store has it.
    pub async fn export(&self) -> Result<Stack, Refusal> {
        Ok(self.scope().await?.stack().await?)
    }

    /// The stack as the store has it now.
    pub async fn stack(&self) -> Result<Arc<Stack>, Refusal> {
        self.refresh().await
    }

    /// The stack of the store with nothing but what a phrase can name.
    pub async fn stack_names(&self) -> Result<Stack, Refusal> {
        match self.find_workspace().await? {
            Some(workspace) => Ok(self.0.store.scope(workspace).stack_names().await?),
            None => Ok(Stack::default()),
        }
    }

    /// The stack as the store has it now, which is read when it has changed; then the catalogue is
    /// dropped.
    pub(in crate::control) async fn refresh(&self) -> Result<Arc<Stack>, Refusal> {
        let Some(workspace) = self.find_workspace().await? else {
            return Ok(Arc::clone(&self.known().stack));
        };
        // One at a time: a slow one never brings an older stack back, and those that wait read nothing.
        let _alone = self.0.refreshing.lock().await;
        let seen = self.known().revision;
        let changed = self.0.store.scope(workspace).changed_stack(seen).await?;
        let mut known = self.known();
        if let Some(found) = changed {
            known.revision = Some(found.revision);
            if *known.stack != found.stack {
                known.stack = Arc::new(found.stack);
                known.catalogue = None;
            }
        }
        Ok(Arc::clone(&known.stack))
    }

    /// The workspace this process works in, as soon as there is one. Its routines run from then on.
    pub(in crate::control) async fn find_workspace(&self) -> Result<Option<Workspace>, Refusal> {
        let Some(workspace) = self.resolve_workspace().await? else {
            return Ok(None);
        };
        let appeared = self.known().workspace.replace(workspace.clone()).is_none();
        if appeared && let Some(engine) = self.engine() {
            engine.run_routines(workspace.id, self.0.settings.pulse_ms);
        }
        Ok(Some(workspace))
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

    /// The runbooks and the problems of files that did not load. A subcommand loads them when it asks
    /// for them first.
    #[must_use]
    pub fn library(&self) -> Arc<Library> {
        let mut loaded = self.loaded();
        Arc::clone(loaded.get_or_insert_with(|| Arc::new(load(&self.0.settings))))
    }

    fn loaded(&self) -> std::sync::MutexGuard<'_, Option<Arc<Library>>> {
        self.0
            .library
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    pub(in crate::control) fn known(&self) -> std::sync::MutexGuard<'_, Known> {
        self.0.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
