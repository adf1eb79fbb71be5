//! Finds runs whose engine is gone: at once when it was a process of this machine, else when its lease has ended.

use std::collections::{HashMap, HashSet};

use futures_util::future::join_all;

use super::orphans::{self, Left};
use super::{World, holder};
use crate::bus::{Bus, Notice};
use crate::clock::Clock;
use crate::core::run::{Run, RunId};
use crate::store::Store;

/// Runs this engine had to let go of without being able to say so in the store, and why.
pub(super) type GivenUp = HashMap<RunId, String>;

/// Interrupts what nobody drives any more. `in_hand`: our own, never touched. What is settled leaves `given_up`.
pub(super) async fn sweep(world: &World, in_hand: &HashSet<RunId>, given_up: &mut GivenUp) {
    let sweeper = Sweeper { store: &world.store, bus: &world.bus, clock: world.clock, holder: &world.holder };
    sweeper.sweep(in_hand, given_up).await;
}

/// The same without an engine: what a reading subcommand does first, so that it does not show a dead run as running.
pub(super) async fn sweep_store(store: &Store, bus: &Bus, clock: Clock) {
    let holder = holder::identity();
    Sweeper { store, bus, clock, holder: &holder }.sweep(&HashSet::new(), &mut GivenUp::new()).await;
}

struct Sweeper<'a> {
    store: &'a Store,
    bus: &'a Bus,
    clock: Clock,
    holder: &'a str,
}

impl Sweeper<'_> {
    async fn sweep(&self, in_hand: &HashSet<RunId>, given_up: &mut GivenUp) {
        let held = match self.store.held().await {
            Ok(held) => held,
            Err(e) => return tracing::warn!("cannot look for abandoned runs: {e}"),
        };
        given_up.retain(|id, _| held.iter().any(|run| run.id == *id && run.holder.as_deref() == Some(self.holder)));
        let ours = |run: &Run| given_up.get(&run.id).cloned();
        let left = held.iter().filter(|run| !in_hand.contains(&run.id));
        let left = left.filter_map(|run| Some((run, ours(run).or_else(|| abandoned(self.clock, run))?)));
        // Each may have something left running that takes its time to end.
        join_all(left.map(|(run, why)| self.settle(run, why))).await;
    }

    /// Ends what the run's engine left running, then declares the run interrupted.
    async fn settle(&self, run: &Run, why: String) {
        let until = self.clock.now().plus_ms(orphans::LEASE_MS);
        match orphans::end(self.store, run, self.holder, until).await {
            Ok(Left::Nothing) => self.interrupt(run, &why).await,
            Ok(Left::Told(run, words)) => self.interrupt(&run, &format!("{why}; {words}")).await,
            // A renewal came in between: it lives.
            Ok(Left::Alive) => {}
            Err(e) => tracing::warn!(run = %run.id, "cannot look for what it left running: {e}"),
        }
    }

    async fn interrupt(&self, run: &Run, why: &str) {
        match self.store.interrupt(run, why, self.clock.now()).await {
            Ok(true) => {
                tracing::warn!(run = %run.id, "interrupted: {why}");
                self.bus.tell(Notice::Steps(run.id));
                if let Ok(now) = self.store.run(run.id).await {
                    self.bus.tell(Notice::Entries(run.id, now.last_seq));
                    self.bus.tell(Notice::Run(run.id, now.status));
                }
            }
            // A renewal came in between: it lives.
            Ok(false) => {}
            Err(e) => tracing::warn!(run = %run.id, "cannot mark it interrupted: {e}"),
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
