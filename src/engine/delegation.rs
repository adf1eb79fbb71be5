//! Whether a server executes runs on this store: then other processes only submit, and take over
//! when it is gone.

use super::{Roll, World, identity};
use crate::clock::Clock;
use crate::core::base::time::Timestamp;
use crate::store::{EngineRow, Store, StoreError};

/// The kind of an engine without a screen.
const SERVE: &str = "serve";
const CLI: &str = "cli";
const CONSOLE: &str = "console";

/// Whether an engine is alive: its heartbeat is still valid, and it is no process of this machine
/// that is gone.
fn is_alive(engine: &EngineRow, now: Timestamp) -> bool {
    engine.alive_until >= now && !identity::is_gone(&engine.holder)
}

/// Whether a live server on the store claims queued runs.
pub(super) async fn is_served(store: &Store, clock: Clock) -> Result<bool, StoreError> {
    let now = clock.now();
    Ok(store
        .engines()
        .await?
        .iter()
        .any(|e| e.kind == SERVE && !e.draining && is_alive(e, now)))
}

/// See [`super::roll`].
pub(super) async fn roll(store: &Store, clock: Clock) -> Result<Roll, StoreError> {
    let now = clock.now();
    let engines = store.engines().await?;
    let gone = engines
        .iter()
        .filter(|e| identity::is_gone(&e.holder))
        .map(|e| e.holder.clone())
        .collect();
    let takes = |e: &EngineRow| e.kind != CLI && !e.draining && is_alive(e, now);
    Ok(Roll {
        alive: engines.into_iter().filter(takes).collect(),
        gone,
    })
}

/// Removes processes of this machine that are gone from the store: their queued runs are left over
/// from then on.
pub(super) async fn sign_off_gone(store: &Store) -> Result<(), StoreError> {
    for engine in store
        .engines()
        .await?
        .iter()
        .filter(|e| identity::is_gone(&e.holder))
    {
        store.leave_engine(&engine.holder).await?;
    }
    Ok(())
}

impl World {
    pub(super) fn serves(&self) -> bool {
        self.config.kind == SERVE
    }

    /// Whether this engine adopts the queued runs of processes that are gone.
    pub(super) fn adopts(&self) -> bool {
        self.config.only.is_none() && ![CLI, CONSOLE].contains(&self.config.kind.as_str())
    }

    /// Whether this engine leaves the work to a server.
    pub(super) async fn defers(&self) -> Result<bool, StoreError> {
        if self.serves() {
            Ok(false)
        } else {
            is_served(&self.store, self.clock).await
        }
    }
}
