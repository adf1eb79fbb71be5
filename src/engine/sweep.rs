//! Finds runs whose engine is gone: at once when it was a process of this machine, else when its lease has ended.

use std::collections::HashSet;

use super::{World, holder};
use crate::bus::Notice;
use crate::core::run::{Run, RunId, RunStatus};

/// Interrupts what nobody drives any more. `in_hand`: our own, never touched.
pub(super) async fn sweep(world: &World, in_hand: &HashSet<RunId>) {
    let held = match world.store.held().await {
        Ok(held) => held,
        Err(e) => return tracing::warn!("cannot look for abandoned runs: {e}"),
    };
    for run in held.iter().filter(|r| !in_hand.contains(&r.id)) {
        if let Some(why) = abandoned(world, run) {
            interrupt(world, run, &why).await;
        }
    }
}

fn abandoned(world: &World, run: &Run) -> Option<String> {
    let who = run.holder.as_deref()?;
    if holder::is_gone(who) {
        return Some(format!("its engine {} is gone", holder::short(who)));
    }
    let until = run.lease_until?;
    let late = world.clock.now().ms_since(until);
    (late > 0).then(|| {
        let late = crate::core::time::human_ms(late);
        format!("its engine {} did not renew the lease, which ended {late} ago", holder::short(who))
    })
}

async fn interrupt(world: &World, run: &Run, why: &str) {
    match world.store.interrupt(run, why, world.clock.now()).await {
        Ok(true) => {
            tracing::warn!(run = %run.id, "interrupted: {why}");
            world.bus.tell(Notice::Run(run.id, RunStatus::Interrupted));
            world.bus.tell(Notice::Steps(run.id));
            if let Ok(now) = world.store.run(run.id).await {
                world.bus.tell(Notice::Entries(run.id, now.last_seq));
            }
        }
        // A renewal came in between: it lives.
        Ok(false) => {}
        Err(e) => tracing::warn!(run = %run.id, "cannot mark it interrupted: {e}"),
    }
}
