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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::testing::{config, world};

    fn engine(holder: &str, kind: &str, alive_until: i64, draining: bool) -> EngineRow {
        EngineRow {
            holder: holder.to_owned(),
            kind: kind.to_owned(),
            started_at: Timestamp(0),
            seen_at: Timestamp(0),
            draining,
            alive_until: Timestamp(alive_until),
            adopts_from: None,
            pulse_ms: 0,
        }
    }

    /// The holder of a process of this machine that has ended.
    fn gone() -> String {
        let mut ended = std::process::Command::new("true").spawn().unwrap();
        ended.wait().unwrap();
        let me = identity::identity();
        let mut parts: Vec<_> = me.split(':').map(str::to_owned).collect();
        parts[1] = ended.id().to_string();
        parts.join(":")
    }

    #[test]
    fn an_engine_is_alive_while_its_heartbeat_is_valid_and_its_process_is_there() {
        let here = identity::identity();
        for (holder, alive_until, alive) in [
            ("far:1:1:b:1:1", 10, true),
            ("far:1:1:b:1:1", 9, false),
            (here.as_str(), 11, true),
            (here.as_str(), 9, false),
            (gone().as_str(), 99, false),
        ] {
            let row = engine(holder, SERVE, alive_until, false);
            assert_eq!(is_alive(&row, Timestamp(10)), alive, "{holder}");
        }
    }

    #[tokio::test]
    async fn servers_take_the_work_of_others_unless_they_are_draining() {
        let never = i64::MAX;
        for (kind, alive_until, draining, served, listed) in [
            (SERVE, never, false, true, true),
            (SERVE, never, true, false, false),
            (SERVE, 0, false, false, false),
            (CONSOLE, never, false, false, true),
            (CONSOLE, never, true, false, false),
            (CLI, never, false, false, false),
        ] {
            let console = world(config(CONSOLE)).await;
            let (store, clock) = (&console.store, console.clock);
            assert!(!is_served(store, clock).await.unwrap());
            let row = engine("far:1:1:b:1:1", kind, alive_until, draining);
            store.beat(&row).await.unwrap();
            assert_eq!(is_served(store, clock).await.unwrap(), served, "{row:?}");
            assert_eq!(crate::engine::is_served(store, clock).await, served);
            assert_eq!(console.defers().await.unwrap(), served);
            let alive: &[EngineRow] = if listed { &[row] } else { &[] };
            let found = roll(store, clock).await.unwrap();
            assert_eq!((found.alive.as_slice(), found.gone.len()), (alive, 0));
            let server = World {
                config: std::sync::Arc::new(config(SERVE)),
                ..console.clone()
            };
            assert!(!server.defers().await.unwrap(), "a server is one itself");
            assert!(server.serves() && !console.serves());
        }
    }

    #[tokio::test]
    async fn processes_that_are_gone_are_listed_and_signed_off() {
        let world = world(config(SERVE)).await;
        let (store, clock) = (&world.store, world.clock);
        let dead = engine(&gone(), CLI, i64::MAX, false);
        let far = engine("far:1:1:b:1:1", CONSOLE, 0, false);
        let here = engine(&identity::identity(), CONSOLE, i64::MAX, false);
        for row in [&dead, &far, &here] {
            store.beat(row).await.unwrap();
        }
        let found = roll(store, clock).await.unwrap();
        assert_eq!(found.gone, [dead.holder]);
        assert_eq!(found.alive, std::slice::from_ref(&here));
        sign_off_gone(store).await.unwrap();
        let mut left: Vec<_> = store.engines().await.unwrap();
        left.sort_by_key(|row| row.alive_until);
        assert_eq!(left, [far, here]);
    }
}
