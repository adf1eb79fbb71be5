//! Finds runs whose engine is gone: at once when it was a process of this machine, else when its
//! lease has ended.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use futures_util::future::join_all;
use tokio::time::Instant;

use super::orphans::{self, Left};
use super::{World, identity};
use crate::bus::{Bus, Notice};
use crate::clock::Clock;
use crate::core::base::time::Timestamp;
use crate::core::run::{Run, RunId};
use crate::store::{Found, Store};

/// Runs this engine abandoned without being able to record that in the store, and why.
pub(super) type Abandoned = HashMap<RunId, String>;

/// How far wall clock and monotonic time may differ between two sweeps before it counts as a clock
/// change.
const STEP_MS: i64 = 2000;

/// Detects that the wall clock was set (or the machine slept): leases are wall clock times, so
/// after a step forward those of live engines seem to have ended, until they renew them.
#[derive(Debug)]
pub(super) struct Steadiness {
    wall: Timestamp,
    at: Instant,
    shaken_until: Option<Instant>,
}

impl Steadiness {
    pub(super) fn new(clock: Clock) -> Self {
        Self {
            wall: clock.now(),
            at: Instant::now(),
            shaken_until: None,
        }
    }

    /// Whether the clock has been steady for as long as two renewals take, or since the start.
    pub(super) fn is_steady(&mut self, clock: Clock, renew_ms: i64) -> bool {
        let (wall, at) = (clock.now(), Instant::now());
        let passed = i64::try_from(at.duration_since(self.at).as_millis()).unwrap_or(i64::MAX);
        if (wall.ms_since(self.wall) - passed).abs() > STEP_MS {
            tracing::warn!(
                "the clock was set, or the machine slept: leases are not judged until they can be renewed"
            );
            let grace = u64::try_from(renew_ms.saturating_mul(2)).unwrap_or(0);
            self.shaken_until = Some(at + Duration::from_millis(grace));
        }
        (self.wall, self.at) = (wall, at);
        self.shaken_until.is_none_or(|until| at >= until)
    }
}

/// Which ended leases count as a sign that the engine is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Leases {
    All,
    /// Not those of processes of this machine, which can be checked directly: a single check cannot
    /// distinguish an ended lease from a clock that was set.
    Elsewhere,
    /// The clock was set just now.
    None,
}

/// Interrupts runs that no engine drives any more. `active`: our own, never touched. Settled runs
/// are removed from `abandoned`. `steady`: the clock can be trusted. Returns the active runs that
/// this version cannot read, with the reason.
pub(super) async fn sweep(
    world: &World,
    active: &HashSet<RunId>,
    abandoned: &mut Abandoned,
    steady: bool,
) -> Vec<(RunId, String)> {
    let leases = if steady { Leases::All } else { Leases::None };
    let sweeper = Sweeper {
        store: &world.store,
        bus: &world.bus,
        clock: world.clock,
        holder: &world.holder,
        leases,
    };
    sweeper.sweep(active, abandoned).await
}

/// The same without an engine: run first by reading subcommands, so that they do not show a dead
/// run as running.
pub(super) async fn sweep_store(store: &Store, bus: &Bus, clock: Clock) {
    let holder = identity::identity();
    let sweeper = Sweeper {
        store,
        bus,
        clock,
        holder: &holder,
        leases: Leases::Elsewhere,
    };
    for (run, why) in sweeper.sweep(&HashSet::new(), &mut Abandoned::new()).await {
        tracing::error!(%run, "is under way, and cannot be looked after here: {why}");
    }
}

struct Sweeper<'a> {
    store: &'a Store,
    bus: &'a Bus,
    clock: Clock,
    holder: &'a str,
    leases: Leases,
}

impl Sweeper<'_> {
    async fn sweep(
        &self,
        active: &HashSet<RunId>,
        abandoned: &mut Abandoned,
    ) -> Vec<(RunId, String)> {
        let Found {
            runs: held,
            unreadable,
            ..
        } = match self.store.held().await {
            Ok(held) => held,
            Err(e) => {
                tracing::warn!("cannot look for abandoned runs: {e}");
                return Vec::new();
            }
        };
        abandoned.retain(|id, _| {
            held.iter()
                .any(|run| run.id == *id && run.holder.as_deref() == Some(self.holder))
        });
        let ours = |run: &Run| abandoned.get(&run.id).cloned();
        let left = held.iter().filter(|run| !active.contains(&run.id));
        let left = left.filter_map(|run| Some((run, ours(run).or_else(|| self.lost_reason(run))?)));
        // Each may have commands running that take time to end.
        join_all(left.map(|(run, why)| self.settle(run, why))).await;
        unreadable
    }

    /// Why no engine drives this run any more, if so.
    fn lost_reason(&self, run: &Run) -> Option<String> {
        planted!(DeadNotMissed => return None);
        let who = run.holder.as_deref()?;
        if identity::is_gone(who) {
            return Some(format!("its engine {} is gone", identity::short(who)));
        }
        match self.leases {
            Leases::None => return None,
            Leases::Elsewhere if identity::place_of(who) == identity::Location::Here => {
                return None;
            }
            Leases::All | Leases::Elsewhere => {}
        }
        let late = self.clock.now().ms_since(run.lease_until?);
        (late > planted!(LivingDeclaredDead, -2900, 0)).then(|| {
            let late = crate::core::base::time::human_ms(late);
            format!(
                "its engine {} did not renew the lease, which ended {late} ago",
                identity::short(who)
            )
        })
    }

    /// Ends the commands the run's engine left running, then marks the run interrupted.
    async fn settle(&self, run: &Run, why: String) {
        let until = self.clock.now().plus_ms(orphans::LEASE_MS);
        match orphans::end(self.store, run, self.holder, until).await {
            Ok(Left::Ended(run, None)) => self.interrupt(&run, &why).await,
            Ok(Left::Ended(run, Some(message))) => {
                self.interrupt(&run, &format!("{why}; {message}")).await;
            }
            // A renewal came in between: the engine is alive.
            Ok(Left::Alive) => {}
            Err(e) => tracing::warn!(run = %run.id, "cannot look for what it left running: {e}"),
        }
    }

    async fn interrupt(&self, run: &Run, why: &str) {
        match self.store.interrupt(run, why, self.clock.now()).await {
            Ok(true) => {
                tracing::warn!(run = %run.id, "interrupted: {why}");
                self.bus.publish(Notice::Steps(run.id));
                if let Ok(now) = self.store.run(run.id).await {
                    self.bus.publish(Notice::Entries(run.id, now.last_seq));
                    self.bus.publish(Notice::Run(run.id, now.status));
                }
            }
            // A renewal came in between: the engine is alive.
            Ok(false) => {}
            Err(e) => tracing::warn!(run = %run.id, "cannot mark it interrupted: {e}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicI64, Ordering};

    use super::*;
    use crate::core::run::RunStatus;
    use crate::core::run::plan::Plan;
    use crate::engine::testing::{config, queue, world};

    #[tokio::test(start_paused = true)]
    async fn a_clock_is_steady_again_after_two_renewals() {
        static AHEAD: AtomicI64 = AtomicI64::new(0);
        let clock = Clock::Set(&AHEAD);
        let mut steadiness = Steadiness::new(clock);
        // Time stands still here except where it is set: both move by this much.
        let mut pass = async |ms: u64, wall_ms: i64| {
            tokio::time::advance(Duration::from_millis(ms)).await;
            AHEAD.fetch_add(wall_ms, Ordering::Relaxed);
            steadiness.is_steady(clock, 1000)
        };
        for (ms, wall_ms, steady) in [
            (60_000, 60_000, true),
            (1000, 2500, true),
            (1000, 0, true),
            (1000, 4000, false),
            (1900, 1900, false),
            (200, 200, true),
            (5000, 0, false),
            (2100, 2100, true),
            (0, -3000, false),
        ] {
            assert_eq!(pass(ms, wall_ms).await, steady, "{ms} {wall_ms}");
        }
    }

    /// A run of `holder` whose lease ends that much later.
    async fn held(world: &World, holder: &str, left_ms: i64) -> Run {
        let run = queue(world, Plan::default()).await;
        let until = world.clock.now().plus_ms(left_ms);
        let claimed = world.store.claim(Some(run), holder, until).await.unwrap();
        claimed.unwrap().1
    }

    #[tokio::test]
    async fn a_run_is_lost_with_its_process_or_with_its_lease() {
        let world = world(config("test")).await;
        let here = identity::identity();
        let mut parts: Vec<_> = here.split(':').map(str::to_owned).collect();
        parts[1] = "999999999".to_owned();
        let gone = parts.join(":");
        let short = identity::short(&gone);
        let lost = format!("its engine {short} is gone");
        for (holder, left_ms, all, elsewhere, none) in [
            (gone.as_str(), 60_000, true, true, true),
            ("far:1:1:b:1:1", -3_600_000, true, true, false),
            ("far:1:1:b:1:1", 60_000, false, false, false),
            (here.as_str(), -3_600_000, true, false, false),
            (here.as_str(), 60_000, false, false, false),
        ] {
            let run = held(&world, holder, left_ms).await;
            for (leases, is_lost) in [
                (Leases::All, all),
                (Leases::Elsewhere, elsewhere),
                (Leases::None, none),
            ] {
                let sweeper = Sweeper {
                    store: &world.store,
                    bus: &world.bus,
                    clock: world.clock,
                    holder: "me",
                    leases,
                };
                let why = sweeper.lost_reason(&run);
                assert_eq!(why.is_some(), is_lost, "{holder} {left_ms} {leases:?}");
                let Some(why) = why else { continue };
                if holder == gone {
                    assert_eq!(why, lost);
                } else {
                    let engine = identity::short(holder);
                    let wanted = format!(
                        "its engine {engine} did not renew the lease, which ended 1 h 0 min ago"
                    );
                    assert_eq!(why, wanted);
                }
            }
        }
    }

    #[tokio::test]
    async fn a_sweep_interrupts_what_is_lost_and_touches_no_active_run() {
        let world = world(config("test")).await;
        let lost = held(&world, "far:1:1:b:1:1", -10).await.id;
        let alive = held(&world, "far:2:1:b:1:1", 60_000).await.id;
        let active = held(&world, "me", -10).await.id;
        let own = held(&world, "me", 60_000).await.id;
        let mut bus = world.bus.subscribe();
        let why = "it broke".to_owned();
        let mut abandoned = Abandoned::from([
            (own, why.clone()),
            (alive, why.clone()),
            (RunId(4711), why.clone()),
        ]);
        let ours = HashSet::from([active]);
        let unreadable = sweep(&world, &ours, &mut abandoned, false).await;
        assert!(unreadable.is_empty());
        let status = async |run| world.store.run(run).await.unwrap().status;
        assert_eq!(
            status(lost).await,
            RunStatus::Claimed,
            "leases are not judged after the clock was set"
        );
        assert_ne!(status(own).await, RunStatus::Claimed, "it was abandoned");
        assert_eq!(abandoned, Abandoned::from([(own, why)]));
        sweep(&world, &ours, &mut abandoned, true).await;
        assert!(abandoned.is_empty(), "it is settled");
        for (run, kept) in [(lost, false), (alive, true), (active, true)] {
            assert_eq!(status(run).await == RunStatus::Claimed, kept, "{run}");
        }
        let news: Vec<_> = std::iter::from_fn(|| bus.try_recv().ok()).collect();
        let now = world.store.run(lost).await.unwrap();
        for notice in [
            Notice::Steps(lost),
            Notice::Entries(lost, now.last_seq),
            Notice::Run(lost, now.status),
        ] {
            assert!(news.contains(&notice), "{notice:?} of {news:?}");
        }
        assert_eq!(news.len(), 6, "{news:?}");

        let here = held(&world, &identity::identity(), -10).await.id;
        let far = held(&world, "far:1:1:b:1:1", -10).await.id;
        sweep_store(&world.store, &world.bus, world.clock).await;
        assert_eq!(status(here).await, RunStatus::Claimed);
        assert_ne!(status(far).await, RunStatus::Claimed);
    }
}
