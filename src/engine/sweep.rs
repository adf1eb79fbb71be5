//! Finds runs whose engine is gone: at once when it was a process of this machine, else when its lease has ended.

use std::collections::HashSet;

use super::{World, holder};
use crate::bus::{Bus, Notice};
use crate::clock::Clock;
use crate::core::run::{Run, RunId};
use crate::store::Store;

/// Interrupts what nobody drives any more. `in_hand`: our own, never touched.
pub(super) async fn sweep(world: &World, in_hand: &HashSet<RunId>) {
    sweep_store(&world.store, &world.bus, world.clock, in_hand).await;
}

/// The same without an engine: what a reading subcommand does first, so that it does not show a dead run as running.
pub(super) async fn sweep_store(store: &Store, bus: &Bus, clock: Clock, in_hand: &HashSet<RunId>) {
    let held = match store.held().await {
        Ok(held) => held,
        Err(e) => return tracing::warn!("cannot look for abandoned runs: {e}"),
    };
    for run in held.iter().filter(|r| !in_hand.contains(&r.id)) {
        if let Some(why) = abandoned(clock, run) {
            interrupt(store, bus, clock, run, &why).await;
        }
    }
}

fn abandoned(clock: Clock, run: &Run) -> Option<String> {
    let who = run.holder.as_deref()?;
    if holder::is_gone(who) {
        return Some(format!("its engine {} is gone", holder::short(who)));
    }
    let until = run.lease_until?;
    let late = clock.now().ms_since(until);
    (late > 0).then(|| {
        let late = crate::core::time::human_ms(late);
        format!("its engine {} did not renew the lease, which ended {late} ago", holder::short(who))
    })
}

async fn interrupt(store: &Store, bus: &Bus, clock: Clock, run: &Run, why: &str) {
    match store.interrupt(run, why, clock.now()).await {
        Ok(true) => {
            tracing::warn!(run = %run.id, "interrupted: {why}");
            bus.tell(Notice::Steps(run.id));
            if let Ok(now) = store.run(run.id).await {
                bus.tell(Notice::Entries(run.id, now.last_seq));
                bus.tell(Notice::Run(run.id, now.status));
            }
        }
        // A renewal came in between: it lives.
        Ok(false) => {}
        Err(e) => tracing::warn!(run = %run.id, "cannot mark it interrupted: {e}"),
    }
}
