//! An entry point for unit tests, on a store in memory.

use super::{AdapterContext, Control, ProcessKind, Settings};
use crate::clock::Clock;
use crate::core::run::queue::Lanes;
use crate::core::stack::service::{Environment, Stack};

/// A process on an empty store.
pub(super) async fn empty(door: ProcessKind) -> Control {
    let settings = Settings {
        store_url: "sqlite::memory:".to_owned(),
        workspace: None,
        actor: "ana".to_owned(),
        read_only: false,
        simulated: false,
        pulse_ms: 0,
        lease_ms: 60_000,
        adopt_ms: 0,
        lanes: Lanes::default(),
        canaries: Vec::new(),
        runbook_dir: None,
        cache_dir: None,
        door,
        context: AdapterContext::default(),
    };
    Control::open(settings, Clock::System).await.unwrap()
}

/// A process that works in workspace `acme`.
pub(super) async fn opened(door: ProcessKind) -> Control {
    let control = empty(door).await;
    let staging = Environment {
        name: "staging".to_owned(),
        ..Environment::default()
    };
    let stack = Stack {
        workspace: "acme".to_owned(),
        timezone: "UTC".to_owned(),
        environments: vec![staging],
        ..Stack::default()
    };
    let difference = control.difference(&stack).await.unwrap();
    control.apply(&difference, false).await.unwrap();
    assert_eq!(control.export().await.unwrap(), stack);
    control.refresh().await.unwrap();
    control
}
