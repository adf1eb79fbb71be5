//! The engine of this process, as far as the door starts, wakes and stops it.

use std::sync::{Arc, PoisonError};

use tokio_util::sync::CancellationToken;

use super::{Control, Door, Refusal, watch};
use crate::adapter::Adapters;
use crate::core::run::RunId;
use crate::engine::{Engine, EngineConfig};

impl Control {
    /// Runs this process holds right now.
    #[must_use]
    pub fn live(&self) -> usize {
        self.engine().map_or(0, |engine| engine.live())
    }

    /// Of those, the ones that wait for people.
    #[must_use]
    pub fn parked(&self) -> usize {
        self.engine().map_or(0, |engine| engine.parked())
    }

    /// Returns when this process holds no run any more and has none left to claim.
    pub async fn idle(&self) {
        if let Some(engine) = self.engine() {
            engine.idle().await;
        }
    }

    /// Stops the engine (runs in hand finish first when `wait`, else they are interrupted truthfully), closes the store.
    pub async fn close(&self, wait: bool) {
        drop(self.0.stop_watch.lock().unwrap_or_else(PoisonError::into_inner).take());
        if let Some(engine) = self.engine() {
            engine.stop(wait).await;
        }
        self.0.store.close().await;
    }

    pub(super) fn engine(&self) -> Option<Engine> {
        self.0.engine.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn wake(&self) {
        if let Some(engine) = self.engine() {
            engine.wake();
        }
    }

    pub(super) fn start_engine(&self, only: Option<RunId>) {
        let settings = &self.0.settings;
        let config = EngineConfig {
            kind: settings.door.name().to_owned(),
            lease_ms: settings.lease_ms,
            renew_ms: settings.lease_ms / 3,
            sweep_ms: settings.lease_ms / 6,
            lanes: settings.lanes,
            pulse: match (only, self.workspace()) {
                (None, Some(workspace)) if settings.pulse_ms > 0 => Some((workspace.id, settings.pulse_ms)),
                _ => None,
            },
            only,
        };
        let inner = &self.0;
        let engine = Engine::start(
            inner.store.for_engines().clone(),
            inner.bus.clone(),
            Adapters::real(settings.outside.clone()),
            inner.clock,
            config,
        );
        *inner.engine.lock().unwrap_or_else(PoisonError::into_inner) = Some(engine);
    }

    pub(super) fn start_watch(&self) {
        let Some(engine) = self.engine() else { return };
        let token = CancellationToken::new();
        let watcher = watch::Watcher {
            store: self.0.store.for_engines().clone(),
            bus: self.0.bus.clone(),
            engine,
            console: Arc::downgrade(&self.0),
        };
        tokio::spawn(watch::watch(watcher, token.clone()));
        *self.0.stop_watch.lock().unwrap_or_else(PoisonError::into_inner) = Some(token.drop_guard());
    }

    pub(super) async fn engine_word(&self) -> Result<String, Refusal> {
        let door = self.0.settings.door;
        if door != Door::Serve && crate::engine::is_served(self.0.store.for_engines(), self.0.clock).await {
            return Ok("engine elsewhere".to_owned());
        }
        if self.engine().is_some() {
            return Ok("engine here".to_owned());
        }
        let engines = self.0.store.engines().await?;
        Ok(if engines.is_empty() { "no engine" } else { "engine elsewhere" }.to_owned())
    }
}
