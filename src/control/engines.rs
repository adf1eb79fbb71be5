//! The engine of this process: started, woken and stopped here.

use std::sync::{Arc, PoisonError};

use tokio_util::sync::CancellationToken;

use super::{Control, ProcessKind, Refusal, watch};
use crate::adapter::Adapters;
use crate::core::run::RunId;
use crate::engine::{Engine, EngineConfig};
use crate::store::EngineRow;

/// Where runs are executed and targets probed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum EnginePlace {
    /// In this process.
    Here,
    /// In another process: `server ops1:4242`.
    Elsewhere(String),
    /// No console or server is alive: nothing is probed and no run starts.
    #[default]
    Nowhere,
}

impl EnginePlace {
    /// The consequence of having no engine.
    pub const NONE: &str = "no engine is running: nothing is probed and no run starts; start opsroom serve or a console";

    /// `here`, or the other process; absent: there is none.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        match self {
            Self::Here => Some("here"),
            Self::Elsewhere(who) => Some(who),
            Self::Nowhere => None,
        }
    }

    /// The sentence shown with states: which engine probes, or that none does.
    #[must_use]
    pub fn sentence(&self, read_only: bool) -> String {
        match self {
            Self::Nowhere if read_only => {
                "no engine is running; read-only consoles run nothing: start opsroom serve or a console".to_owned()
            }
            Self::Nowhere => Self::NONE.to_owned(),
            Self::Here | Self::Elsewhere(_) => self.to_string(),
        }
    }
}

impl std::fmt::Display for EnginePlace {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Here => f.write_str("engine: local"),
            Self::Elsewhere(who) => write!(f, "engine: {who}"),
            Self::Nowhere => f.write_str("NO ENGINE"),
        }
    }
}

/// The default period of the pulse, milliseconds: states are evaluated with it where nothing
/// pulses.
const USUAL_PULSE_MS: i64 = 60_000;

impl Control {
    /// The number of runs this process drives now.
    #[must_use]
    pub fn live(&self) -> usize {
        self.engine().map_or(0, |engine| engine.live())
    }

    /// How many of those wait for people.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.engine().map_or(0, |engine| engine.waiting())
    }

    /// Returns when this process drives no run any more and has none left to claim.
    pub async fn idle(&self) {
        if let Some(engine) = self.engine() {
            engine.idle().await;
        }
    }

    /// Stops the engine (active runs finish first when `wait`, else they are recorded as
    /// interrupted) and closes the store.
    pub async fn close(&self, wait: bool) {
        drop(
            self.0
                .stop_watch
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .take(),
        );
        if let Some(engine) = self.engine() {
            engine.stop(wait).await;
        }
        self.0.store.close().await;
    }

    pub(super) fn engine(&self) -> Option<Engine> {
        self.0
            .engine
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    pub(super) fn wake(&self) {
        if let Some(engine) = self.engine() {
            engine.wake();
        }
    }

    pub(super) fn start_engine(&self, only: Option<RunId>) {
        let settings = &self.0.settings;
        let config = EngineConfig {
            kind: settings.door.name().to_owned(),
            lease_ms: settings.lease_ms,
            renew_ms: settings.lease_ms / 3,
            sweep_ms: settings.lease_ms / 6,
            lanes: settings.lanes,
            planner: Some(self.planner()),
            routines: routines(only, self.workspace().map(|w| w.id), settings.pulse_ms),
            canaries: settings.canaries.clone(),
            only,
            adopt_ms: settings.adopt_ms,
        };
        let inner = &self.0;
        let engine = Engine::start(
            inner.store.for_engines().clone(),
            inner.bus.clone(),
            Adapters::real(settings.context.clone()),
            inner.clock,
            config,
        );
        *inner.engine.lock().unwrap_or_else(PoisonError::into_inner) = Some(engine);
    }

    pub(super) fn start_watch(&self) {
        let engine = self.engine();
        let token = CancellationToken::new();
        let watcher = watch::Watcher {
            store: self.0.store.for_engines().clone(),
            bus: self.0.bus.clone(),
            engine,
            console: Arc::downgrade(&self.0),
        };
        tokio::spawn(watch::watch(watcher, token.clone()));
        *self
            .0
            .stop_watch
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = Some(token.drop_guard());
    }

    /// Whether a console or server is alive, this one included; and the processes known to be gone.
    pub(super) async fn any_engine(&self) -> Result<(bool, Vec<String>), Refusal> {
        let drives = self.0.settings.door != ProcessKind::Cli && self.engine().is_some();
        let roll = crate::engine::roll(self.0.store.for_engines(), self.0.clock).await?;
        Ok((drives || !roll.alive.is_empty(), roll.gone))
    }

    /// Where runs are executed, and how often targets are probed there, milliseconds.
    pub(super) async fn engine_place(&self) -> Result<(EnginePlace, i64), Refusal> {
        let door = self.0.settings.door;
        let alive = crate::engine::roll(self.0.store.for_engines(), self.0.clock)
            .await?
            .alive;
        let others: Vec<_> = alive
            .iter()
            .filter(|e| e.holder != self.0.store.for_engines().process())
            .collect();
        let server = others
            .iter()
            .find(|e| e.kind == ProcessKind::Serve.name())
            .filter(|_| door != ProcessKind::Serve);
        let named = |e: &EngineRow| {
            let kind = if e.kind == ProcessKind::Serve.name() {
                "server"
            } else {
                &e.kind
            };
            EnginePlace::Elsewhere(format!("{kind} {}", crate::engine::short(&e.holder)))
        };
        let own = Some(self.0.settings.pulse_ms);
        let (place, period) = match (server, others.first()) {
            (Some(server), _) => (named(server), Some(server.pulse_ms)),
            (None, _) if door != ProcessKind::Cli && self.engine().is_some() => {
                (EnginePlace::Here, own)
            }
            (None, Some(other)) => (
                named(other),
                others
                    .iter()
                    .map(|e| e.pulse_ms)
                    .filter(|period_ms| *period_ms > 0)
                    .min(),
            ),
            (None, None) => (EnginePlace::Nowhere, own),
        };
        Ok((
            place,
            period
                .filter(|period_ms| *period_ms > 0)
                .unwrap_or(USUAL_PULSE_MS),
        ))
    }
}

/// The workspace whose routines an engine runs, and the interval of service probes in
/// milliseconds. `None`: it drives one run only, or there is no workspace yet.
fn routines(only: Option<RunId>, workspace: Option<i64>, probe_ms: i64) -> Option<(i64, i64)> {
    workspace
        .filter(|_| only.is_none())
        .map(|workspace| (workspace, probe_ms))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_engine_is_named_with_its_kind_and_a_missing_one_with_its_consequence() {
        let server = EnginePlace::Elsewhere("server ops1:42".to_owned());
        for (place, name, sentence, read_only) in [
            (EnginePlace::Here, Some("here"), "engine: local", None),
            (
                server,
                Some("server ops1:42"),
                "engine: server ops1:42",
                None,
            ),
            (
                EnginePlace::Nowhere,
                None,
                "no engine is running: nothing is probed and no run starts; start opsroom serve or a console",
                Some(
                    "no engine is running; read-only consoles run nothing: start opsroom serve or a console",
                ),
            ),
        ] {
            assert_eq!(place.name(), name);
            assert_eq!(place.sentence(false), sentence);
            assert_eq!(place.sentence(true), read_only.unwrap_or(sentence));
        }
        assert_eq!(EnginePlace::Nowhere.to_string(), "NO ENGINE");
        assert_eq!(EnginePlace::default(), EnginePlace::Nowhere);
    }

    /// Without a wake-up it would begin with the next sweep, after 15 seconds.
    #[tokio::test]
    async fn a_run_that_is_submitted_begins_at_once() {
        let control = crate::control::testing::opened(ProcessKind::Console).await;
        // The first sweep finds nothing to do.
        tokio::time::sleep(std::time::Duration::from_millis(500)).await;
        let plan = crate::core::run::plan::Plan::default();
        let run = control.submit(plan, None, None).await.unwrap().id;
        let wait = async {
            while !control.status(run).await.unwrap().is_terminal() {
                tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            }
        };
        let limit = std::time::Duration::from_secs(8);
        tokio::time::timeout(limit, wait).await.unwrap();
        control.close(true).await;
    }

    #[test]
    fn routines_belong_to_a_workspace_and_an_engine_of_one_run_has_none() {
        for (only, workspace, period_ms, wanted) in [
            (None, Some(7), 1, Some((7, 1))),
            (None, Some(7), 60_000, Some((7, 60_000))),
            (None, Some(7), 0, Some((7, 0))),
            (None, None, 60_000, None),
            (Some(RunId(1)), Some(7), 60_000, None),
        ] {
            assert_eq!(
                routines(only, workspace, period_ms),
                wanted,
                "{only:?} {workspace:?} {period_ms}"
            );
        }
    }
}
