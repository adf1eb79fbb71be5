//! Whether a server executes runs on this store: then everybody else only submits, and takes over when it is gone.

use super::{World, holder};
use crate::clock::Clock;
use crate::store::{Store, StoreError};

/// The kind of an engine without a screen.
const SERVE: &str = "serve";
/// A server that has not shown itself for so long is taken to be gone (one of this machine is known to be at once).
/// It shows itself every [`super::claim::SHOW_SERVING`].
const SILENT_MS: i64 = 15_000;

/// Whether a live server is on the store that takes what is queued.
pub(super) async fn is_served(store: &Store, clock: Clock) -> Result<bool, StoreError> {
    let now = clock.now();
    let engines = store.engines().await?;
    Ok(engines
        .iter()
        .any(|e| e.kind == SERVE && !e.draining && now.ms_since(e.seen_at) < SILENT_MS && !holder::is_gone(&e.holder)))
}

impl World {
    pub(super) fn serves(&self) -> bool {
        self.config.kind == SERVE
    }

    /// Whether this engine leaves the work to a server.
    pub(super) async fn defers(&self) -> Result<bool, StoreError> {
        if self.serves() { Ok(false) } else { is_served(&self.store, self.clock).await }
    }
}
