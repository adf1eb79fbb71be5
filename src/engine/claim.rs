//! The background task: claims queued runs, drives each in a task of its own, sweeps, and stops
//! cleanly.

use std::collections::{HashMap, HashSet};
use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::FutureExt;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};
use tokio_util::task::AbortOnDropHandle;

use super::drive::Drive;
use super::lease::LeaseKeeper;
use super::limit::Limit;
use super::record::Recorder;
use super::stop_signal::StopSignal;
use super::sweep::{Abandoned, Steadiness};
use super::{EngineConfig, Mode, State, World, delegation, resume, scheduler, session, sweep};
use crate::core::base::time::Timestamp;
use crate::core::run::queue::Lane;
use crate::core::run::{Run, RunId, RunStatus};
use crate::store::{Claim, Claimer, EngineRow, QueuePosition, StoreError};

/// `control` wakes the engine for runs queued by another process; at the latest they are found
/// after this (or with a sweep).
const POLL: Duration = Duration::from_secs(5);
/// The pause after a store error.
const AGAIN: Duration = Duration::from_secs(1);

/// Heartbeat interval: it is a write, and an idle console should leave the disk alone.
const HEARTBEAT: Duration = Duration::from_secs(30);
/// Validity of a heartbeat: two may be missed.
const ALIVE_MS: i64 = 75_000;
/// The same for a server.
const ALIVE_SERVING_MS: i64 = 15_000;
/// Heartbeat interval of a server: shorter, because others wait for it to be gone.
pub(super) const HEARTBEAT_SERVING: Duration = Duration::from_secs(5);
/// Maximum sweep interval: however long leases are, a dead process of this machine is found within
/// this.
const SWEEP_AT_LEAST: Duration = Duration::from_secs(15);

/// Result of a run's task.
struct Left {
    run: RunId,
    /// The run that follows it in its chain.
    next: Option<RunId>,
    /// Why the run was abandoned before its end, when that could not be recorded in the store.
    abandoned: Option<String>,
}

struct Worker {
    world: World,
    only: Option<RunId>,
    active: HashMap<RunId, Lane>,
    abandoned: Abandoned,
    steadiness: Steadiness,
    tasks: JoinSet<Left>,
    started_at: Timestamp,
    heartbeat_at: Option<Instant>,
    /// Since when others could see this engine without a break; minus `adopt_ms`, the oldest queued
    /// runs it adopts.
    visible_since: Timestamp,
    alive_until: Timestamp,
    /// Others know that it claims nothing more.
    announced_draining: bool,
    /// At the last sweep nothing was queued or active anywhere.
    calm: bool,
    /// Per lane, the queue position up to which runs that are still queued cannot be read here.
    /// Cleared at the next poll or wake-up: newer runs may be queued before it.
    unreadable_up_to: HashMap<Lane, QueuePosition>,
    /// Queued runs that cannot be read here and were reported.
    left_queued: HashSet<RunId>,
    /// Active runs that cannot be read here and were reported.
    unreadable: HashSet<RunId>,
}

/// Result of a poll for work.
#[derive(PartialEq)]
enum Polled {
    NothingLeft,
    Full,
    StoreFailed,
}

enum Tick {
    Joined(Option<Left>),
    Poll,
    Sweep,
}

/// Works until the engine is stopped and no run is active.
pub(super) async fn work(world: World) {
    let started_at = world.clock.now();
    let routines = AbortOnDropHandle::new(tokio::spawn(scheduler::work(world.clone())));
    let only = world.config.only;
    let steadiness = Steadiness::new(world.clock);
    Worker {
        world,
        only,
        steadiness,
        active: HashMap::new(),
        abandoned: Abandoned::new(),
        tasks: JoinSet::new(),
        started_at,
        heartbeat_at: None,
        visible_since: started_at,
        alive_until: started_at,
        announced_draining: false,
        calm: false,
        unreadable_up_to: HashMap::new(),
        left_queued: HashSet::new(),
        unreadable: HashSet::new(),
    }
    .run()
    .await;
    // It ends at the same signal, within its own time.
    let _ = routines.await;
}

impl Worker {
    async fn run(mut self) {
        let mut wake = self.world.signals.wake.subscribe();
        let mut mode = self.world.signals.mode.subscribe();
        self.sweep().await;
        session::sweep(&self.world).await;
        let mut sweep_at = Instant::now() + self.sweep_every();
        loop {
            let requested = *wake.borrow_and_update();
            let working = *mode.borrow_and_update() == Mode::Working;
            if !working && !self.announced_draining {
                self.announced_draining = true;
                self.send_heartbeat().await;
            }
            let looked = if working {
                self.claim().await
            } else {
                Polled::NothingLeft
            };
            self.publish(looked == Polled::NothingLeft, requested);
            if !working && self.tasks.is_empty() {
                break;
            }
            let poll = poll_after(looked == Polled::StoreFailed, self.calm, self.sweep_every());
            let tick = tokio::select! {
                Some(joined) = self.tasks.join_next() => Tick::Joined(joined.ok()),
                Ok(()) = wake.changed() => Tick::Poll,
                Ok(()) = mode.changed() => Tick::Poll,
                () = sleep_until(sweep_at) => Tick::Sweep,
                () = tokio::time::sleep(poll) => Tick::Poll,
            };
            match tick {
                Tick::Joined(left) => self.joined(left),
                // Woken up: things are moving.
                Tick::Poll => {
                    self.calm = false;
                    self.unreadable_up_to.clear();
                    sweep_at = sweep_at.min(Instant::now() + self.sweep_every());
                }
                Tick::Sweep => {
                    self.sweep().await;
                    sweep_at = Instant::now() + self.sweep_every();
                }
            }
        }
        if let Err(e) = self.world.store.leave_engine(&self.world.holder).await {
            tracing::warn!("cannot sign off: {e}");
        }
    }

    fn sweep_every(&self) -> Duration {
        sweep_every(&self.world.config, self.world.serves(), self.calm)
    }

    fn publish(&self, settled: bool, requested: u64) {
        let live = self.tasks.len();
        self.world.signals.state.send_if_modified(|state| {
            let settled = if settled { requested } else { state.settled };
            let next = State { live, settled };
            let changed = *state != next;
            *state = next;
            changed
        });
    }

    /// Claims runs up to the lane limits, unless a server does.
    async fn claim(&mut self) -> Polled {
        match self.is_needed().await {
            Ok(true) => {}
            Ok(false) => return Polled::NothingLeft,
            Err(e) => return store_failed(&e),
        }
        let mut full = false;
        for lane in Lane::ALL {
            match self.claim_in(lane).await {
                Polled::NothingLeft => {}
                Polled::Full => full = true,
                Polled::StoreFailed => return Polled::StoreFailed,
            }
        }
        if full {
            Polled::Full
        } else {
            Polled::NothingLeft
        }
    }

    async fn claim_in(&mut self, lane: Lane) -> Polled {
        while self.driven(lane) < self.world.config.lanes.width(lane) {
            match self.next_claim(lane).await {
                Ok(Some((claim, run, until))) => {
                    self.active.insert(run.id, run.lane);
                    self.tasks
                        .spawn(drive_run(self.world.clone(), claim, run, until));
                    self.publish(false, 0);
                }
                Ok(None) => return Polled::NothingLeft,
                // The runs queued after it may be readable.
                Err(StoreError::Unreadable { place, why }) if self.only.is_none() => {
                    if self.left_queued.insert(place.run) {
                        tracing::warn!(run = %place.run, "stays in the queue: {why}");
                    }
                    self.unreadable_up_to.insert(lane, place);
                }
                Err(e) => return store_failed(&e),
            }
        }
        Polled::Full
    }

    /// Active runs of a lane that do not wait for people.
    fn driven(&self, lane: Lane) -> usize {
        let active = self.active.values().filter(|of| **of == lane).count();
        active.saturating_sub(self.world.signals.waiting.of(lane).load(Ordering::Acquire))
    }

    /// Whether something is queued, and no server claims it.
    async fn is_needed(&self) -> Result<bool, StoreError> {
        let store = &self.world.store;
        if !store.has_queued(self.only).await? {
            return Ok(false);
        }
        // Processes that are gone are signed off first, so that their runs do not count as those of
        // live ones.
        delegation::sign_off_gone(store).await?;
        Ok(!self.world.defers().await?)
    }

    async fn next_claim(
        &mut self,
        lane: Lane,
    ) -> Result<Option<(Claim, Run, Timestamp)>, StoreError> {
        let now = self.world.clock.now();
        let until = now.plus_ms(self.world.config.lease_ms);
        self.notice_absence(now);
        let (store, holder) = (&self.world.store, &self.world.holder);
        let claimed = if let Some(run) = self.only {
            let by = Claimer {
                holder,
                adopts_from: Timestamp(i64::MIN),
                now,
            };
            store.claim(Some(run), by, until).await?
        } else {
            let passed = self
                .unreadable_up_to
                .get(&lane)
                .copied()
                .unwrap_or(QueuePosition::HEAD);
            let adopts_from = self.adopts_from().unwrap_or(Timestamp(i64::MAX));
            let by = Claimer {
                holder,
                adopts_from,
                now,
            };
            store.claim_next(lane, passed, by, until).await?
        };
        Ok(claimed.map(|(claim, run)| (claim, run, until)))
    }

    /// After an absence (asleep or cut off), runs queued meanwhile are as old to this engine as to
    /// a new one.
    fn notice_absence(&mut self, now: Timestamp) {
        if now > self.alive_until.plus_ms(self.world.config.adopt_ms) {
            self.visible_since = now;
        }
    }

    /// Runs queued since then are claimed, no matter which process queued them.
    fn adopts_from(&self) -> Option<Timestamp> {
        self.world
            .adopts()
            .then(|| self.visible_since.plus_ms(-self.world.config.adopt_ms))
    }

    fn joined(&mut self, left: Option<Left>) {
        let Some(Left {
            run,
            next,
            abandoned,
        }) = left
        else {
            return;
        };
        self.active.remove(&run);
        if self.only == Some(run) && next.is_some() {
            self.only = next;
        }
        self.abandoned.extend(abandoned.map(|why| (run, why)));
    }

    async fn sweep(&mut self) {
        self.unreadable_up_to.clear();
        if let Err(e) = delegation::sign_off_gone(&self.world.store).await {
            tracing::warn!("cannot take processes that are gone out of the store: {e}");
        }
        let every = if self.world.serves() {
            HEARTBEAT_SERVING
        } else {
            HEARTBEAT
        };
        if self.heartbeat_at.is_none_or(|at| at.elapsed() >= every) {
            self.send_heartbeat().await;
            self.heartbeat_at = Some(Instant::now());
        }
        let steady = self
            .steadiness
            .is_steady(self.world.clock, self.world.config.renew_ms);
        self.calm = self.tasks.is_empty() && self.world.store.is_idle().await.unwrap_or(false);
        if !self.calm {
            let active = self.active.keys().copied().collect();
            let unreadable = sweep::sweep(&self.world, &active, &mut self.abandoned, steady).await;
            for (run, why) in &unreadable {
                if !self.unreadable.contains(run) {
                    tracing::error!(%run, "is under way, and cannot be looked after here: {why}");
                }
            }
            self.unreadable = unreadable.into_iter().map(|(run, _)| run).collect();
        }
    }

    async fn send_heartbeat(&mut self) {
        let now = self.world.clock.now();
        self.notice_absence(now);
        let alive_until = now.plus_ms(if self.world.serves() {
            ALIVE_SERVING_MS
        } else {
            ALIVE_MS
        });
        let routines = *self.world.signals.routines.borrow();
        let me = EngineRow {
            holder: self.world.holder.to_string(),
            kind: self.world.config.kind.clone(),
            started_at: self.started_at,
            seen_at: now,
            draining: self.announced_draining,
            alive_until,
            adopts_from: self.adopts_from(),
            pulse_ms: routines.map_or(0, |(_, probe_ms)| probe_ms),
        };
        match self.world.store.beat(&me).await {
            Ok(()) => self.alive_until = alive_until,
            Err(e) => tracing::warn!("cannot show this engine to others: {e}"),
        }
    }
}

/// When to poll for queued runs if nothing happens. A sweep is followed by a poll: with frequent
/// sweeps, or nothing in the store to find, no extra wake-up is needed.
fn poll_after(failed: bool, calm: bool, sweep_every: Duration) -> Duration {
    match failed {
        true => AGAIN,
        false if calm || sweep_every <= POLL => Duration::from_hours(1),
        false => POLL,
    }
}

/// Even when calm, a run that another engine takes on and abandons is found well before its lease
/// ends. Heartbeats come with sweeps, so a server never pauses longer than others wait for one.
fn sweep_every(config: &EngineConfig, serves: bool, calm: bool) -> Duration {
    let every = if calm {
        config.sweep_ms.max(config.lease_ms / 2)
    } else {
        config.sweep_ms
    };
    let every = Duration::from_millis(u64::try_from(every).unwrap_or(0).max(10));
    every.min(if serves {
        HEARTBEAT_SERVING
    } else {
        SWEEP_AT_LEAST
    })
}

fn store_failed(e: &StoreError) -> Polled {
    tracing::error!("cannot look for queued runs, trying again: {e}");
    Polled::StoreFailed
}

/// Drives a claimed run and keeps its lease. A panic in there ends this run, not the engine.
async fn drive_run(world: World, claim: Claim, run: Run, lease_until: Timestamp) -> Left {
    let id = run.id;
    world
        .bus
        .publish(crate::bus::Notice::Run(id, RunStatus::Claimed));
    let rec = Recorder::new(world.clone(), claim, &run);
    let (past, results) = match resume::past(&world, &run).await {
        Ok(past) => past,
        Err(e) => {
            tracing::error!(run = %id, "cannot read what it did before: {e}");
            let why = format!("its engine could not read what it had done before: {e}");
            return Left {
                run: id,
                next: None,
                abandoned: Some(why),
            };
        }
    };
    let drive = Drive {
        rec,
        limit: Limit::new(run.plan.timeout_ms),
        orders: watch::Sender::new(run.orders.clone()),
        run,
        stop_signal: StopSignal::default(),
        last: StopSignal::default(),
        began: world.clock.now(),
        past,
        session_used: AtomicBool::new(false),
        results,
    };
    let (stop_signal, last, limit, orders) =
        (&drive.stop_signal, &drive.last, &drive.limit, &drive.orders);
    let keeper = LeaseKeeper {
        rec: &drive.rec,
        lease_until,
        stop_signal,
        last,
        limit,
        orders,
    };
    let work = async {
        tokio::select! {
            biased;
            next = drive.drive() => next.map_err(|e| e.to_string()),
            why = keeper.keep() => Err(why),
        }
    };
    match AssertUnwindSafe(work).catch_unwind().await {
        Ok(Ok(next)) => Left {
            run: id,
            next,
            abandoned: None,
        },
        Ok(Err(why)) => {
            tracing::error!(run = %id, "stopped driving: {why}");
            let why = format!(
                "its engine abandoned it: {why}{}",
                lost_message(drive.rec.lost())
            );
            Left {
                run: id,
                next: None,
                abandoned: Some(why),
            }
        }
        Err(panic) => {
            let panic = panic_message(panic.as_ref());
            tracing::error!(run = %id, "driving panicked: {panic}");
            if let Err(e) = drive.finish_broken(&panic).await {
                tracing::error!(run = %id, "could not record the panic: {e}");
                let why = format!("opsroom itself failed: {panic}");
                return Left {
                    run: id,
                    next: None,
                    abandoned: Some(why),
                };
            }
            Left {
                run: id,
                next: None,
                abandoned: None,
            }
        }
    }
}

fn lost_message(lines: usize) -> String {
    match lines {
        0 => String::new(),
        n => format!(
            "; {n} lines of its output could not be stored, nor what it would have printed after them"
        ),
    }
}

fn panic_message(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|s| (*s).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "a panic without a message".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::run::plan::Plan;
    use crate::core::run::queue::Lanes;
    use crate::engine::testing::{config, queue, world};

    async fn worker(config: EngineConfig) -> Worker {
        let world = world(config).await;
        let now = world.clock.now();
        Worker {
            only: world.config.only,
            steadiness: Steadiness::new(world.clock),
            world,
            active: HashMap::new(),
            abandoned: Abandoned::new(),
            tasks: JoinSet::new(),
            started_at: now,
            heartbeat_at: None,
            visible_since: now,
            alive_until: now,
            announced_draining: false,
            calm: false,
            unreadable_up_to: HashMap::new(),
            left_queued: HashSet::new(),
            unreadable: HashSet::new(),
        }
    }

    fn left(run: i64, next: Option<i64>, abandoned: Option<&str>) -> Left {
        Left {
            run: RunId(run),
            next: next.map(RunId),
            abandoned: abandoned.map(str::to_owned),
        }
    }

    #[tokio::test]
    async fn a_run_that_ended_frees_its_place_and_its_chain_goes_on() {
        let mut worker = worker(EngineConfig {
            only: Some(RunId(1)),
            ..config("cli")
        })
        .await;
        for run in 1..=3 {
            worker.active.insert(RunId(run), Lane::Interactive);
        }
        worker.joined(None);
        assert_eq!(worker.active.len(), 3);
        for (joined, only, active) in [
            (left(2, Some(9), None), 1, 2),
            (left(1, None, None), 1, 1),
            (left(1, Some(4), None), 4, 1),
            (left(3, Some(5), Some("it broke")), 4, 0),
        ] {
            worker.joined(Some(joined));
            assert_eq!(worker.only, Some(RunId(only)));
            assert_eq!(worker.active.len(), active);
        }
        let abandoned: Vec<_> = worker.abandoned.into_iter().collect();
        assert_eq!(abandoned, [(RunId(3), "it broke".to_owned())]);
    }

    #[tokio::test]
    async fn runs_that_wait_for_people_take_no_place_in_their_lane() {
        let mut worker = worker(config("console")).await;
        for (run, lane) in [
            (1, Lane::Interactive),
            (2, Lane::Interactive),
            (3, Lane::Routine),
        ] {
            worker.active.insert(RunId(run), lane);
        }
        let driven = |worker: &Worker| Lane::ALL.map(|lane| worker.driven(lane));
        assert_eq!(driven(&worker), [2, 1]);
        let waiting = |lane, n| {
            worker
                .world
                .signals
                .waiting
                .of(lane)
                .store(n, Ordering::Release);
        };
        waiting(Lane::Interactive, 1);
        assert_eq!(driven(&worker), [1, 1]);
        waiting(Lane::Routine, 5);
        assert_eq!(driven(&worker), [1, 0]);
    }

    #[tokio::test]
    async fn after_an_absence_an_engine_adopts_like_a_new_one() {
        for (kind, only, adopts) in [
            ("serve", None, true),
            ("serve", Some(RunId(1)), false),
            ("console", None, false),
            ("cli", None, false),
            ("another", None, true),
        ] {
            let mut worker = worker(EngineConfig {
                adopt_ms: 100,
                only,
                ..config(kind)
            })
            .await;
            let start = worker.visible_since;
            for (now, since) in [(100, 0), (101, 101), (50, 101)] {
                worker.notice_absence(start.plus_ms(now));
                let since = start.plus_ms(since);
                assert_eq!(worker.visible_since, since, "{kind} {now}");
                let from = adopts.then(|| since.plus_ms(-100));
                assert_eq!(worker.adopts_from(), from, "{kind} {now}");
            }
        }
    }

    #[tokio::test]
    async fn a_heartbeat_shows_the_engine_to_others() {
        for (kind, valid_ms, pulse, pulse_ms) in [
            ("console", 75_000, Some((1, 30_000)), 30_000),
            ("serve", 15_000, None, 0),
        ] {
            let mut worker = worker(config(kind)).await;
            worker.world.signals.routines.send_replace(pulse);
            worker.announced_draining = kind == "serve";
            let before = worker.world.clock.now();
            worker.send_heartbeat().await;
            let rows = worker.world.store.engines().await.unwrap();
            let [row] = rows.as_slice() else {
                panic!("{rows:?}")
            };
            assert_eq!((row.holder.as_str(), row.kind.as_str()), ("me", kind));
            assert_eq!(row.started_at, worker.started_at);
            assert!(row.seen_at >= before && row.seen_at.ms_since(before) < 30_000);
            assert_eq!(row.alive_until.ms_since(row.seen_at), valid_ms);
            assert_eq!(worker.alive_until, row.alive_until);
            assert_eq!(row.pulse_ms, pulse_ms);
            assert_eq!(row.draining, kind == "serve");
            assert_eq!(row.adopts_from, worker.adopts_from());
        }
    }

    #[tokio::test]
    async fn a_lost_heartbeat_is_not_valid() {
        let mut worker = worker(config("console")).await;
        let before = worker.alive_until;
        worker.world.store.close().await;
        worker.send_heartbeat().await;
        assert_eq!(worker.alive_until, before);
        assert!(worker.claim().await == Polled::StoreFailed);
    }

    #[tokio::test]
    async fn a_sweep_sends_heartbeats_in_their_interval_and_notices_calm() {
        let mut worker = worker(config("console")).await;
        let beats = async |worker: &Worker| worker.world.store.engines().await.unwrap();
        worker.sweep().await;
        let first = beats(&worker).await;
        assert_eq!(first.len(), 1);
        assert!(worker.calm, "there is nothing to do anywhere");
        tokio::time::sleep(Duration::from_millis(5)).await;
        worker.sweep().await;
        assert_eq!(beats(&worker).await, first, "it is too early for another");
        worker.heartbeat_at = Instant::now().checked_sub(HEARTBEAT);
        let passed = (Lane::Interactive, QueuePosition::HEAD);
        worker.unreadable_up_to.extend([passed]);
        let run = queue(&worker.world, Plan::default()).await;
        worker.sweep().await;
        assert_ne!(beats(&worker).await, first);
        assert!(worker.unreadable_up_to.is_empty(), "it looks again");
        assert!(!worker.calm, "{run} is queued");
        let now = worker.world.clock.now();
        let store = worker.world.store.clone();
        let (claim, _) = store
            .claim(Some(run), "me", now.plus_ms(60_000))
            .await
            .unwrap()
            .unwrap();
        let cancel = crate::core::run::Transition::Cancel;
        store
            .transition(claim, cancel, None, &[], now)
            .await
            .unwrap();
        worker.tasks.spawn(std::future::pending());
        worker.sweep().await;
        assert!(!worker.calm, "a run is driven here");
    }

    #[tokio::test]
    async fn a_lane_is_filled_and_no_further() {
        let mut worker = worker(EngineConfig {
            lanes: Lanes {
                interactive: 2,
                routine: 1,
            },
            ..config("console")
        })
        .await;
        assert!(worker.claim().await == Polled::NothingLeft);
        let wait = crate::core::run::step::wait::Wait { ms: 60_000 };
        let spec = crate::core::run::step::StepSpec::Wait(wait);
        let step = crate::core::run::plan::PlanStep::new(
            "wait",
            crate::core::run::Phase::Action,
            spec,
            90_000,
        );
        let plan = Plan {
            steps: vec![step],
            ..Plan::default()
        };
        for (queued, polled, active) in [
            (1, Polled::NothingLeft, 1),
            (1, Polled::Full, 2),
            (1, Polled::Full, 2),
        ] {
            for _ in 0..queued {
                queue(&worker.world, plan.clone()).await;
            }
            assert!(worker.claim().await == polled, "{active}");
            assert_eq!((worker.active.len(), worker.tasks.len()), (active, active));
            let state = *worker.world.signals.state.borrow();
            assert_eq!((state.live, state.settled), (active, 0));
        }
        for (settled, requested, wanted) in [(false, 7, 0), (true, 7, 7), (false, 9, 7)] {
            worker.publish(settled, requested);
            let state = *worker.world.signals.state.borrow();
            assert_eq!((state.live, state.settled), (2, wanted));
        }
    }

    #[test]
    fn lost_lines_and_panics_are_described() {
        assert_eq!(lost_message(0), "");
        assert_eq!(
            lost_message(3),
            "; 3 lines of its output could not be stored, nor what it would have printed after them"
        );
        for (panic, text) in [
            (
                Box::new("literal") as Box<dyn std::any::Any + Send>,
                "literal",
            ),
            (Box::new("formatted".to_owned()), "formatted"),
            (Box::new(7), "a panic without a message"),
        ] {
            assert_eq!(panic_message(panic.as_ref()), text);
        }
    }

    #[test]
    fn an_idle_engine_wakes_up_for_its_sweeps_alone() {
        let s = Duration::from_secs;
        for (failed, calm, sweep_every, wanted) in [
            (false, true, s(15), s(3600)),
            (false, false, s(5), s(3600)),
            (false, false, s(6), s(5)),
            (true, true, s(15), s(1)),
            (true, false, s(5), s(1)),
        ] {
            assert_eq!(
                poll_after(failed, calm, sweep_every),
                wanted,
                "{failed} {calm} {sweep_every:?}"
            );
        }
    }

    #[test]
    fn a_server_is_seen_in_time_however_long_leases_are_and_an_idle_console_seldom_wakes() {
        for (lease_s, serves, calm, wanted_s) in [
            (30, false, false, 5),
            (30, false, true, 15),
            (30, true, true, 5),
            (3600, false, true, 15),
            (3600, true, false, 5),
            (6, true, true, 3),
        ] {
            let config = EngineConfig {
                kind: "any".to_owned(),
                lease_ms: lease_s * 1000,
                renew_ms: lease_s * 333,
                sweep_ms: lease_s * 1000 / 6,
                lanes: Lanes::default(),
                canaries: Vec::new(),
                routines: None,
                planner: None,
                only: None,
                adopt_ms: 0,
            };
            let every = sweep_every(&config, serves, calm);
            assert_eq!(
                every,
                Duration::from_secs(wanted_s),
                "{lease_s} {serves} {calm}"
            );
        }
    }
}
