//! The background task: claims queued runs, lets each be driven by a task of its own, sweeps, and leaves in good order.

use std::collections::HashSet;
use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures_util::FutureExt;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};
use tokio_util::task::AbortOnDropHandle;

use super::drive::Drive;
use super::halt::Halt;
use super::keep::Keeper;
use super::record::Recorder;
use super::{Mode, State, World, pulse, resume, sweep};
use crate::core::run::{Run, RunId, RunStatus};
use crate::core::time::Timestamp;
use crate::store::{Claim, EngineRow, StoreError};

/// Runs queued by another process, which `control` hears of, are found at latest after this (or with a sweep).
const POLL: Duration = Duration::from_secs(5);
/// After a store that failed.
const AGAIN: Duration = Duration::from_secs(1);

/// How often the engine shows itself to others: it is a write, and an idle console should leave the disk alone.
const SHOW: Duration = Duration::from_secs(30);
/// A server shows itself more often: others wait for it to be gone.
pub(super) const SHOW_SERVING: Duration = Duration::from_secs(5);

/// What a run's task leaves: the run, and the one that follows it.
type Left = (RunId, Option<RunId>);

struct Worker {
    world: World,
    only: Option<RunId>,
    in_hand: HashSet<RunId>,
    tasks: JoinSet<Left>,
    started_at: Timestamp,
    shown_at: Option<Instant>,
    /// Nothing was queued or under way anywhere when last looked.
    calm: bool,
}

/// How a look for work went.
#[derive(PartialEq)]
enum Looked {
    NothingLeft,
    HandsFull,
    StoreFailed,
}

enum Tick {
    Joined(Option<Left>),
    Look,
    Sweep,
}

/// Works until told to leave and nothing is in hand.
pub(super) async fn work(world: World) {
    let started_at = world.clock.now();
    let _pulse = AbortOnDropHandle::new(tokio::spawn(pulse::beat(world.clone())));
    let only = world.config.only;
    Worker { world, only, in_hand: HashSet::new(), tasks: JoinSet::new(), started_at, shown_at: None, calm: false }
        .run()
        .await;
}

impl Worker {
    async fn run(mut self) {
        let mut wake = self.world.signals.wake.subscribe();
        let mut mode = self.world.signals.mode.subscribe();
        self.sweep().await;
        let mut sweep_at = Instant::now() + self.sweep_every();
        loop {
            let asked = *wake.borrow_and_update();
            let working = *mode.borrow_and_update() == Mode::Working;
            let looked = if working { self.claim().await } else { Looked::NothingLeft };
            self.publish(looked == Looked::NothingLeft, asked);
            if !working && self.tasks.is_empty() {
                break;
            }
            // A sweep is followed by a look: with frequent sweeps, or nothing in the store to look for, there is no need to
            // wake up for it once more.
            let poll = match looked {
                Looked::StoreFailed => AGAIN,
                _ if self.calm || self.sweep_every() <= POLL => Duration::from_hours(1),
                _ => POLL,
            };
            let tick = tokio::select! {
                Some(joined) = self.tasks.join_next() => Tick::Joined(joined.ok()),
                Ok(()) = wake.changed() => Tick::Look,
                Ok(()) = mode.changed() => Tick::Look,
                () = sleep_until(sweep_at) => Tick::Sweep,
                () = tokio::time::sleep(poll) => Tick::Look,
            };
            match tick {
                Tick::Joined(left) => self.joined(left),
                // Somebody asked for it: things are moving.
                Tick::Look => {
                    self.calm = false;
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

    /// In calm times a run that somebody else takes on and abandons is still seen well before its lease ends.
    fn sweep_every(&self) -> Duration {
        let config = &self.world.config;
        let every = if self.calm { config.sweep_ms.max(config.lease_ms / 2) } else { config.sweep_ms };
        Duration::from_millis(u64::try_from(every).unwrap_or(0).max(10))
    }

    fn publish(&self, settled: bool, asked: u64) {
        let live = self.tasks.len();
        self.world.signals.state.send_if_modified(|state| {
            let settled = if settled { asked } else { state.settled };
            let next = State { live, settled };
            let changed = *state != next;
            *state = next;
            changed
        });
    }

    async fn claim(&mut self) -> Looked {
        while self.tasks.len() < self.world.config.concurrency.max(1) {
            match self.next_claim().await {
                Ok(Some((claim, run, until))) => {
                    self.in_hand.insert(run.id);
                    self.tasks.spawn(take_on(self.world.clone(), claim, run, until));
                    self.publish(false, 0);
                }
                Ok(None) => return Looked::NothingLeft,
                Err(e) => {
                    tracing::error!("cannot look for queued runs, trying again: {e}");
                    return Looked::StoreFailed;
                }
            }
        }
        Looked::HandsFull
    }

    /// The next queued run, unless a server takes care of it.
    async fn next_claim(&self) -> Result<Option<(Claim, Run, Timestamp)>, StoreError> {
        if self.world.defers().await? {
            return Ok(None);
        }
        let now = self.world.clock.now();
        let until = now.plus_ms(self.world.config.lease_ms);
        let claimed = self.world.store.claim(self.only, &self.world.holder, until, now).await?;
        Ok(claimed.map(|(claim, run)| (claim, run, until)))
    }

    fn joined(&mut self, left: Option<Left>) {
        if let Some((run, next)) = left {
            self.in_hand.remove(&run);
            if self.only == Some(run) && next.is_some() {
                self.only = next;
            }
        }
    }

    async fn sweep(&mut self) {
        let every = if self.world.serves() { SHOW_SERVING } else { SHOW };
        if self.shown_at.is_none_or(|at| at.elapsed() >= every) {
            self.show().await;
            self.shown_at = Some(Instant::now());
        }
        self.calm = self.tasks.is_empty() && self.world.store.is_calm().await.unwrap_or(false);
        if !self.calm {
            sweep::sweep(&self.world, &self.in_hand).await;
        }
    }

    async fn show(&self) {
        let me = EngineRow {
            holder: self.world.holder.to_string(),
            kind: self.world.config.kind.clone(),
            started_at: self.started_at,
            seen_at: self.world.clock.now(),
        };
        if let Err(e) = self.world.store.beat(&me).await {
            tracing::warn!("cannot show this engine to others: {e}");
        }
    }
}

/// Drives a claimed run and keeps it in hand. A panic in there ends this run, not the engine.
async fn take_on(world: World, claim: Claim, run: Run, lease_until: Timestamp) -> Left {
    let id = run.id;
    world.bus.tell(crate::bus::Notice::Run(id, RunStatus::Claimed));
    let limit = u64::try_from(run.plan.timeout_ms).ok().filter(|ms| *ms > 0);
    let deadline = limit.map(|ms| Instant::now() + Duration::from_millis(ms.min(1_000_000_000_000)));
    let rec = Recorder::new(world.clone(), claim, &run);
    let past = match resume::past(&world, &run).await {
        Ok(past) => past,
        Err(e) => {
            tracing::error!(run = %id, "cannot read what it did before: {e}");
            return (id, None);
        }
    };
    let drive = Drive {
        rec,
        run,
        halt: Halt::default(),
        last: Halt::default(),
        began: world.clock.now(),
        past,
        results: super::results::Results::default(),
    };
    let keeper = Keeper { rec: &drive.rec, lease_until, halt: &drive.halt, last: &drive.last, deadline };
    let work = async {
        tokio::select! {
            biased;
            next = drive.drive() => next.map_err(|e| e.to_string()),
            why = keeper.keep() => Err(why),
        }
    };
    match AssertUnwindSafe(work).catch_unwind().await {
        Ok(Ok(next)) => (id, next),
        Ok(Err(why)) => {
            tracing::error!(run = %id, "stopped driving: {why}");
            (id, None)
        }
        Err(panic) => {
            let panic = panic_words(panic.as_ref());
            tracing::error!(run = %id, "driving panicked: {panic}");
            if let Err(e) = drive.finish_broken(&panic).await {
                tracing::error!(run = %id, "could not record the panic: {e}");
            }
            (id, None)
        }
    }
}

fn panic_words(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|s| (*s).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "a panic without words".to_owned())
}
