//! The engine: claims queued runs, drives them, renews leases, sweeps dead ones, runs routines. The only
//! place that spawns work.
//!
//! One background task claims and sweeps; each active run is a task of its own in that task's set,
//! so that dropping the last [`Engine`] ends them all, children included. `identity.rs` reads
//! `/proc`: the one place here that asks the system.

mod approval;
mod attempt;
mod breaker;
mod claim;
mod condition;
mod delegation;
mod drive;
mod finish;
mod identity;
mod lease;
mod limit;
mod links;
mod orphans;
mod output;
mod pause;
mod question;
mod ready;
mod record;
mod redact;
mod results;
mod resume;
mod scheduler;
mod session;
mod shorten;
mod step_ref;
mod stop_signal;
mod sweep;
#[cfg(test)]
mod testing;
mod wait;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use crate::adapter::Adapters;
use crate::bus::Bus;
use crate::clock::Clock;
use crate::core::routine::canary::Canary;
use crate::core::run::RunId;
use crate::core::run::plan::Plan;
use crate::core::run::queue::{Lane, Lanes};
use crate::core::stack::routine::Routine;
use crate::core::stack::service::Stack;
use crate::store::{EngineRow, Store, StoreError};

/// Settings of an engine. Times in milliseconds.
#[derive(Debug, Clone)]
pub struct EngineConfig {
    /// `console`, `cli`, `serve`: shown to others.
    pub kind: String,
    pub lease_ms: i64,
    pub renew_ms: i64,
    pub sweep_ms: i64,
    /// Runs driven at once.
    pub lanes: Lanes,
    /// The workspace whose routines it runs, and the interval of service probes (0: none). `None`: it
    /// runs none until [`Engine::run_routines`].
    pub routines: Option<(i64, i64)>,
    /// Who makes the plans of routines that run a runbook; without it these are not run.
    pub planner: Option<Arc<dyn Planner>>,
    /// Addresses that are up when our own network is; none: it is never doubted.
    pub canaries: Vec<Canary>,
    /// Only this run (and its chain) is claimed: `opsroom run`.
    pub only: Option<RunId>,
    /// Runs queued by a process that is gone are adopted if they were queued at most this long
    /// before this engine started, milliseconds. A console adopts nothing, whatever the value.
    pub adopt_ms: i64,
}

/// Makes the plans of routines that run a runbook. The process that starts an engine has the runbooks.
pub trait Planner: Send + Sync + std::fmt::Debug {
    /// The plan of a routine, as it is now.
    ///
    /// # Errors
    /// Why its runbook may not be run.
    fn plan(&self, routine: &Routine, stack: &Stack) -> Result<Plan, String>;
}

/// A running engine. Cheap to clone; dropping the last clone stops it.
#[derive(Debug, Clone)]
pub struct Engine(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    holder: Arc<str>,
    signals: Arc<Signals>,
    ended: CancellationToken,
    _task: AbortOnDropHandle<()>,
}

/// Signals to and from the background task.
#[derive(Debug)]
struct Signals {
    /// Counts the wake-ups.
    wake: watch::Sender<u64>,
    mode: watch::Sender<Mode>,
    /// The workspace whose routines are run, and the interval of service probes.
    routines: watch::Sender<Option<(i64, i64)>>,
    state: watch::Sender<State>,
    waiting: Count,
}

/// Active runs that wait for people, by lane.
#[derive(Debug, Default)]
struct Count {
    interactive: AtomicUsize,
    routine: AtomicUsize,
}

impl Count {
    fn of(&self, lane: Lane) -> &AtomicUsize {
        match lane {
            Lane::Interactive => &self.interactive,
            Lane::Routine => &self.routine,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    Working,
    /// Claims nothing more, lets active runs finish.
    Draining,
    /// Ends active runs as interrupted.
    Leaving,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct State {
    live: usize,
    /// The wake-up after which nothing was left to claim; 0: not yet.
    settled: u64,
}

/// Shared by all parts of an engine.
#[derive(Debug, Clone)]
struct World {
    store: Store,
    bus: Bus,
    adapters: Adapters,
    clock: Clock,
    config: Arc<EngineConfig>,
    holder: Arc<str>,
    signals: Arc<Signals>,
}

/// The identity of this process, for its store and the engine it may start.
#[must_use]
pub fn identity() -> String {
    identity::identity()
}

/// A holder's display name: `host:pid`.
#[must_use]
pub fn short(holder: &str) -> String {
    identity::short(holder)
}

/// The engines of a store.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Roll {
    /// Live engines that claim queued runs or probe: consoles and servers, not those of single
    /// commands.
    pub alive: Vec<EngineRow>,
    /// Holders, of any kind, that are known to be gone.
    pub gone: Vec<String>,
}

/// The live engines and the ones that are gone.
///
/// # Errors
/// The store's.
pub async fn roll(store: &Store, clock: Clock) -> Result<Roll, StoreError> {
    delegation::roll(store, clock).await
}

/// Interrupts runs whose engine is gone, without starting an engine.
pub async fn sweep_gone(store: &Store, bus: &Bus, clock: Clock) {
    sweep::sweep_store(store, bus, clock).await;
}

/// Whether a live server executes runs on this store, so that others only submit.
pub async fn is_served(store: &Store, clock: Clock) -> bool {
    delegation::is_served(store, clock).await.unwrap_or(false)
}

impl Engine {
    /// Starts the background task. Needs a tokio runtime.
    pub fn start(
        store: Store,
        bus: Bus,
        adapters: Adapters,
        clock: Clock,
        config: EngineConfig,
    ) -> Self {
        let signals = Arc::new(Signals {
            wake: watch::Sender::new(1),
            mode: watch::Sender::new(Mode::Working),
            routines: watch::Sender::new(config.routines),
            state: watch::Sender::new(State::default()),
            waiting: Count::default(),
        });
        let holder: Arc<str> = match store.process() {
            "" => identity::identity().into(),
            process => process.into(),
        };
        let world = World {
            store,
            bus,
            adapters,
            clock,
            config: config.into(),
            holder: holder.clone(),
            signals: signals.clone(),
        };
        let ended = CancellationToken::new();
        let over = ended.clone().drop_guard();
        let task = tokio::spawn(async move {
            let _over = over;
            claim::work(world).await;
        });
        Self(Arc::new(Inner {
            holder,
            signals,
            ended,
            _task: AbortOnDropHandle::new(task),
        }))
    }

    /// Wakes the engine: something was queued, cancelled or answered.
    pub fn wake(&self) {
        self.0.signals.wake.send_modify(|n| *n += 1);
    }

    /// Runs the routines of this workspace from now on, and probes each service once in
    /// `probe_ms` milliseconds; 0: it probes none.
    pub fn run_routines(&self, workspace: i64, probe_ms: i64) {
        self.0
            .signals
            .routines
            .send_replace(Some((workspace, probe_ms.max(0))));
    }

    /// This engine's identity as the store shows it: `host:pid:…`.
    pub fn holder(&self) -> &str {
        &self.0.holder
    }

    /// The number of active runs.
    pub fn live(&self) -> usize {
        self.0.signals.state.borrow().live
    }

    /// The number of active runs that wait for people.
    pub fn waiting(&self) -> usize {
        Lane::ALL
            .iter()
            .map(|lane| self.0.signals.waiting.of(*lane).load(Ordering::Acquire))
            .sum()
    }

    /// Returns once no run is active and none it may claim is queued (or the engine has stopped).
    pub async fn idle(&self) {
        self.wake();
        let requested = *self.0.signals.wake.borrow();
        let mut state = self.0.signals.state.subscribe();
        tokio::select! {
            _ = state.wait_for(|s| s.live == 0 && s.settled >= requested) => {}
            () = self.0.ended.cancelled() => {}
        }
    }

    /// Claims nothing more, lets active runs finish when `wait` (else they are recorded as
    /// interrupted), and stops.
    pub async fn stop(&self, wait: bool) {
        let mode = if wait { Mode::Draining } else { Mode::Leaving };
        self.0.signals.mode.send_replace(mode);
        self.0.ended.cancelled().await;
    }
}
