//! Tells the bus of what other processes write. The store says when something was written (`Changes`); then the newest
//! runs are compared with what was last seen of them. While nothing happens, that costs one wake-up a second at the most.

use std::collections::HashMap;
use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::bus::{Bus, Notice};
use crate::core::run::{RunId, RunStatus};
use crate::store::{Changes, Glimpse, Store, StoreError};

/// Between two looks while something happens, and how long that is after the last news.
const BUSY: Duration = Duration::from_millis(100);
const AFTERWARDS: Duration = Duration::from_secs(5);
/// Between two looks while nothing happens.
const QUIET: Duration = Duration::from_secs(1);
/// After a store that failed.
const AGAIN: Duration = Duration::from_secs(2);

type Seen = HashMap<RunId, (RunStatus, i64)>;

/// Runs until `stop`. `holder` is this process's engine, whose own runs reach the bus directly.
pub(super) async fn watch(store: Store, bus: Bus, holder: String, stop: CancellationToken) {
    if !store.is_shared() {
        return;
    }
    let mut seen = None;
    let watching = async {
        loop {
            if let Err(error) = listen(&store, &bus, &holder, &mut seen).await {
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

async fn listen(store: &Store, bus: &Bus, holder: &str, seen: &mut Option<Seen>) -> Result<(), StoreError> {
    let mut changes: Changes = store.changes().await?;
    let mut news_at: Option<Instant> = None;
    let mut due = true;
    loop {
        if due && look(store, bus, holder, seen).await? {
            news_at = Some(Instant::now());
        }
        let pause = if news_at.is_some_and(|at| at.elapsed() < AFTERWARDS) { BUSY } else { QUIET };
        due = changes.heard(pause).await?;
    }
}

/// Tells what is new; whether anything was, or a foreign run is live.
async fn look(store: &Store, bus: &Bus, holder: &str, seen: &mut Option<Seen>) -> Result<bool, StoreError> {
    let glimpses = store.glimpse().await?;
    let foreign = glimpses.iter().filter(|g| g.holder.as_deref() != Some(holder));
    let latest: Seen = foreign.clone().map(|g| (g.run, (g.status, g.last_seq))).collect();
    let live = foreign.clone().any(|g| g.status.is_held());
    // What there was before we began to watch is no news.
    let Some(before) = seen.replace(latest) else { return Ok(live) };
    let mut any = false;
    for glimpse in foreign {
        any |= tell(bus, glimpse, before.get(&glimpse.run).copied());
    }
    Ok(any || live)
}

fn tell(bus: &Bus, now: &Glimpse, before: Option<(RunStatus, i64)>) -> bool {
    let (status, last_seq) = before.unzip();
    if last_seq != Some(now.last_seq) {
        bus.tell(Notice::Entries(now.run, now.last_seq));
        bus.tell(Notice::Steps(now.run));
    }
    if status != Some(now.status) {
        bus.tell(Notice::Run(now.run, now.status));
    }
    before != Some((now.status, now.last_seq))
}
