//! The engine: claims queued runs, drives them, renews leases, sweeps dead ones, pulses. The only place that spawns work.

use crate::adapter::Adapters;
use crate::bus::Bus;
use crate::clock::Clock;
use crate::core::run::RunId;
use crate::store::Store;

/// How an engine works. Times in milliseconds.
#[derive(Debug, Clone)]
pub struct EngineConfig {
    /// `console`, `cli`, `serve`: shown to others.
    pub kind: String,
    pub lease_ms: i64,
    pub renew_ms: i64,
    pub sweep_ms: i64,
    /// Runs driven at once.
    pub concurrency: usize,
    /// Workspace to pulse and the period; `None`: no pulse.
    pub pulse: Option<(i64, i64)>,
    /// Only this run (and its chain) is claimed: `opsroom run`.
    pub only: Option<RunId>,
}

/// A running engine. Dropping it stops it.
#[derive(Debug, Clone)]
pub struct Engine {}

#[expect(clippy::unused_async, clippy::todo, reason = "signatures first")]
impl Engine {
    /// Starts the background task.
    pub fn start(_store: Store, _bus: Bus, _adapters: Adapters, _clock: Clock, _config: EngineConfig) -> Self {
        todo!()
    }
    /// Something was queued, cancelled or answered: look now.
    pub fn wake(&self) {
        todo!()
    }
    /// This engine's identity as the store shows it: `host:pid:…`.
    pub fn holder(&self) -> &str {
        todo!()
    }
    /// Runs in hand.
    pub fn live(&self) -> usize {
        todo!()
    }
    /// Returns once no run is in hand and none it may claim is queued.
    pub async fn idle(&self) {
        todo!()
    }
    /// Claims nothing more, lets runs in hand finish when `wait` (else they are interrupted, truthfully), and leaves.
    pub async fn stop(&self, _wait: bool) {
        todo!()
    }
}
