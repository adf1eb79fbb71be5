//! Parts of an engine for unit tests, on a store in memory.

use std::sync::Arc;

use tokio::sync::watch;

use super::record::Recorder;
use super::{Count, EngineConfig, Mode, Signals, State, World};
use crate::adapter::{AdapterContext, Adapters};
use crate::bus::Bus;
use crate::clock::Clock;
use crate::core::run::RunId;
use crate::core::run::plan::Plan;
use crate::core::run::queue::Lanes;
use crate::store::{NewRun, Store};

pub(super) fn config(kind: &str) -> EngineConfig {
    EngineConfig {
        kind: kind.to_owned(),
        lease_ms: 5000,
        renew_ms: 1000,
        sweep_ms: 1000,
        lanes: Lanes::default(),
        canaries: Vec::new(),
        routines: None,
        planner: None,
        only: None,
        adopt_ms: 0,
    }
}

/// An engine of the holder `me`, without its background task.
pub(super) async fn world(config: EngineConfig) -> World {
    let store = Store::open("sqlite::memory:").await.unwrap();
    let signals = Signals {
        wake: watch::Sender::new(1),
        mode: watch::Sender::new(Mode::Working),
        routines: watch::Sender::new(None),
        waiting: Count::default(),
        state: watch::Sender::new(State::default()),
    };
    World {
        store,
        bus: Bus::default(),
        adapters: Adapters::real(AdapterContext::default()),
        clock: Clock::System,
        config: config.into(),
        holder: Arc::from("me"),
        signals: Arc::new(signals),
    }
}

pub(super) async fn queue(world: &World, plan: Plan) -> RunId {
    let at = Clock::System.now();
    let workspace = world.store.ensure_workspace("acme", "UTC", at).await;
    let new = NewRun {
        workspace: workspace.unwrap().id,
        plan,
        parent: None,
        actor: "amos".to_owned(),
        trigger: "cli".to_owned(),
        reason: None,
        at,
    };
    world.store.submit(new).await.unwrap().id
}

/// The recorder of a claimed run.
pub(super) async fn recorder() -> Recorder {
    let world = world(config("test")).await;
    let run = queue(&world, Plan::default()).await;
    let until = Clock::System.now().plus_ms(60_000);
    let claimed = world.store.claim(Some(run), "me", until).await.unwrap();
    let (claim, run) = claimed.unwrap();
    Recorder::new(world, claim, &run)
}
