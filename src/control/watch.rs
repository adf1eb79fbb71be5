//! Tells the bus, and this process's engine, of what other processes write. The store says when something was written (`Changes`); then the newest
//! runs are compared with what was last seen of them. While nothing happens, that costs nothing where the system tells of
//! writes, and one wake-up a second where it does not.

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

/// Between two looks while something happens, and how long that is after the last news.
const BUSY: Duration = Duration::from_millis(100);
const AFTERWARDS: Duration = Duration::from_secs(5);
/// Between two looks while nothing happens, where nobody tells.
const QUIET: Duration = Duration::from_secs(1);
/// After so long the store is looked at whatever was heard.
const WHATEVER: Duration = Duration::from_mins(1);
/// After a store that failed.
const AGAIN: Duration = Duration::from_secs(2);

type Seen = HashMap<RunId, (RunStatus, i64)>;

/// Who is told.
pub(super) struct Watcher {
    pub store: Store,
    pub bus: Bus,
    /// Its own runs reach the bus directly; what others queue, it may have to take. A read-only process has none.
    pub engine: Option<Engine>,
    /// The console, which hears of the runs of its own workspace only.
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
            if let Err(error) = watcher.listen(&mut seen).await {
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
    async fn listen(&self, seen: &mut Option<Seen>) -> Result<(), StoreError> {
        let mut changes: Changes = self.store.changes().await?;
        let mut news_at: Option<Instant> = None;
        let mut due = true;
        loop {
            if due {
                if self.look(seen).await? {
                    news_at = Some(Instant::now());
                }
                // The first news is told at once; what follows close behind is told together.
                tokio::time::sleep(BUSY).await;
            }
            let between = if news_at.is_some_and(|at| at.elapsed() < AFTERWARDS) { BUSY } else { QUIET };
            due = changes.heard(WHATEVER, between).await?;
        }
    }

    /// Tells what is new; whether anything was, or a foreign run is live.
    async fn look(&self, seen: &mut Option<Seen>) -> Result<bool, StoreError> {
        let holder = self.engine.as_ref().map(Engine::holder);
        let glimpses = self.store.glimpse().await?;
        let foreign = glimpses.iter().filter(|g| holder.is_none() || g.holder.as_deref() != holder);
        let latest: Seen = foreign.clone().map(|g| (g.run, (g.status, g.last_seq))).collect();
        let live = foreign.clone().any(|g| g.status.is_held());
        // What there was before we began to watch is no news.
        let Some(before) = seen.replace(latest) else { return Ok(live) };
        let own = self.console.upgrade().and_then(|inner| Control(inner).workspace()).map(|workspace| workspace.id);
        let mut any = false;
        for glimpse in foreign {
            let then = before.get(&glimpse.run).copied();
            let new = then != Some((glimpse.status, glimpse.last_seq));
            if new && Some(glimpse.workspace) == own {
                tell(&self.bus, glimpse, then);
            }
            if let Some(engine) = self.engine.as_ref().filter(|_| new && glimpse.status == RunStatus::Queued) {
                engine.wake();
            }
            any |= new;
        }
        Ok(any || live)
    }
}

fn tell(bus: &Bus, now: &Glimpse, before: Option<(RunStatus, i64)>) {
    let (status, last_seq) = before.unzip();
    if last_seq != Some(now.last_seq) {
        bus.tell(Notice::Entries(now.run, now.last_seq));
        bus.tell(Notice::Steps(now.run));
    }
    if status != Some(now.status) {
        bus.tell(Notice::Run(now.run, now.status));
    }
}
