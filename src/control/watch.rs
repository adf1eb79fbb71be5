//! Tells the bus of what other processes write: while somebody else's run is live, its row is read twice a second;
//! otherwise now and then, to notice one that begins.

use std::collections::HashMap;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::bus::{Bus, Notice};
use crate::core::run::{Run, RunId, RunStatus};
use crate::store::{Store, StoreError};

const BUSY: Duration = Duration::from_millis(500);
const QUIET: Duration = Duration::from_secs(5);

/// Runs until `stop`. `holder` is this process's engine, whose own runs reach the bus directly.
pub(super) async fn watch(store: Store, bus: Bus, holder: String, stop: CancellationToken) {
    let mut seen: HashMap<RunId, (RunStatus, i64)> = HashMap::new();
    loop {
        let foreign = store.held().await.map(|runs| others(runs, &holder));
        let pause = match foreign {
            Ok(runs) => {
                if let Err(error) = tell(&store, &bus, &mut seen, &runs).await {
                    tracing::warn!(%error, "watching other engines' runs");
                }
                if runs.is_empty() { QUIET } else { BUSY }
            }
            Err(error) => {
                tracing::warn!(%error, "watching other engines' runs");
                QUIET
            }
        };
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(pause) => {}
        }
    }
}

fn others(runs: Vec<Run>, holder: &str) -> Vec<Run> {
    runs.into_iter().filter(|r| r.holder.as_deref() != Some(holder)).collect()
}

async fn tell(
    store: &Store,
    bus: &Bus,
    seen: &mut HashMap<RunId, (RunStatus, i64)>,
    live: &[Run],
) -> Result<(), StoreError> {
    let gone: Vec<_> = seen.keys().copied().filter(|id| live.iter().all(|r| r.id != *id)).collect();
    for id in gone {
        seen.remove(&id);
        let run = store.run(id).await?;
        bus.tell(Notice::Entries(id, run.last_seq));
        bus.tell(Notice::Steps(id));
        bus.tell(Notice::Run(id, run.status));
    }
    for run in live {
        let now = (run.status, run.last_seq);
        let before = seen.insert(run.id, now);
        if before.is_none_or(|b| b.1 != now.1) {
            bus.tell(Notice::Entries(run.id, run.last_seq));
            bus.tell(Notice::Steps(run.id));
        }
        if before.is_none_or(|b| b.0 != now.0) {
            bus.tell(Notice::Run(run.id, run.status));
        }
    }
    Ok(())
}
