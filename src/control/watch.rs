//! Notifies the bus and this process's engine of writes by other processes. The store reports that
//! something was written (`Changes`); then the newest runs are compared with their last known
//! state. When idle this costs nothing where the system reports writes, and one wake-up a second
//! elsewhere.

use std::collections::HashMap;
use std::sync::Weak;
use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::{Control, Inner};
use crate::bus::{Bus, Notice};
use crate::core::run::{RunId, RunStatus};
use crate::engine::Engine;
use crate::store::{Changes, Glimpse, Store, StoreError};

/// The poll interval while something happens, and how long that counts after the last news.
const BUSY: Duration = Duration::from_millis(100);
const AFTERWARDS: Duration = Duration::from_secs(5);
/// The poll interval when idle, where the system does not report writes.
const QUIET: Duration = Duration::from_secs(1);
/// The maximum time between two polls, whether or not a write was reported.
const MAX_INTERVAL: Duration = Duration::from_mins(1);
/// The pause after a store error.
const AGAIN: Duration = Duration::from_secs(2);

type Seen = HashMap<RunId, (RunStatus, i64)>;

/// The receivers of the notifications.
pub(super) struct Watcher {
    pub store: Store,
    pub bus: Bus,
    /// Its own runs reach the bus directly; runs queued by others may have to be claimed. A
    /// read-only process has none.
    pub engine: Option<Engine>,
    /// The console, which is notified of the runs of its own workspace only.
    pub console: Weak<Inner>,
}

/// Runs until `stop`.
pub(super) async fn watch(watcher: Watcher, stop: CancellationToken) {
    if !watcher.store.is_shared() {
        return;
    }
    let mut seen = None;
    let watching = async {
        loop {
            if let Err(error) = watcher.subscribe(&mut seen).await {
                tracing::warn!(%error, "watching other engines' runs");
            }
            tokio::time::sleep(AGAIN).await;
        }
    };
    tokio::select! {
        () = stop.cancelled() => {}
        () = watching => {}
    }
}

impl Watcher {
    async fn subscribe(&self, seen: &mut Option<Seen>) -> Result<(), StoreError> {
        let mut changes: Changes = self.store.changes().await?;
        let mut news_at: Option<Instant> = None;
        let mut due = true;
        loop {
            if due {
                if self.poll(seen).await? {
                    news_at = Some(Instant::now());
                }
                // The first news is published at once; news close behind is published together.
                tokio::time::sleep(BUSY).await;
            }
            let between = if news_at.is_some_and(|at| at.elapsed() < AFTERWARDS) {
                BUSY
            } else {
                QUIET
            };
            due = changes.changed(MAX_INTERVAL, between).await?;
        }
    }

    /// Publishes the news; returns whether there was any, or a foreign run is live.
    async fn poll(&self, seen: &mut Option<Seen>) -> Result<bool, StoreError> {
        let holder = self.engine.as_ref().map(Engine::holder);
        let glimpses = self.store.glimpse().await?;
        let foreign = glimpses
            .iter()
            .filter(|g| holder.is_none() || g.holder.as_deref() != holder);
        let latest: Seen = foreign
            .clone()
            .map(|g| (g.run, (g.status, g.last_seq)))
            .collect();
        let live = foreign.clone().any(|g| g.status.is_held());
        // Runs from before the watch began are no news.
        let Some(before) = seen.replace(latest) else {
            return Ok(live);
        };
        let own = self
            .console
            .upgrade()
            .and_then(|inner| Control(inner).workspace())
            .map(|workspace| workspace.id);
        let mut any = false;
        for glimpse in foreign {
            let then = before.get(&glimpse.run).copied();
            let new = then != Some((glimpse.status, glimpse.last_seq));
            if new && Some(glimpse.workspace) == own {
                publish(&self.bus, glimpse, then);
            }
            if let Some(engine) = self
                .engine
                .as_ref()
                .filter(|_| new && glimpse.status == RunStatus::Queued)
            {
                engine.wake();
            }
            any |= new;
        }
        Ok(any || live)
    }
}

fn publish(bus: &Bus, now: &Glimpse, before: Option<(RunStatus, i64)>) {
    let (status, last_seq) = before.unzip();
    if last_seq != Some(now.last_seq) {
        bus.publish(Notice::Entries(now.run, now.last_seq));
        bus.publish(Notice::Steps(now.run));
    }
    if status != Some(now.status) {
        bus.publish(Notice::Run(now.run, now.status));
    }
}
