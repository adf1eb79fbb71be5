//! Test harness: store, bus, script and engine, and helpers to make plans and wait for conditions.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use opsroom::adapter::{Act, AdapterContext, Adapters, Script};
use opsroom::bus::{Bus, Notice};
use opsroom::clock::Clock;
use opsroom::core::run::event::{Entry, EntryBody};
use opsroom::core::run::plan::{Plan, PlanStep, Target};
use opsroom::core::run::queue::Lanes;
use opsroom::core::run::step::{Reply, StepSpec, http::Http, manual::Manual, shell::Shell};
use opsroom::core::run::{Phase, Run, RunId, RunStatus, RunStep, StepStatus};
use opsroom::core::stack::service::{Action, ActionCall, HttpRequest, Service, Verb};
use opsroom::core::stack::shell::ShellCommand;
use opsroom::engine::{Engine, EngineConfig};
use opsroom::store::{NewRun, Store};
use tokio::sync::broadcast::Receiver;

/// Timeout of every wait; a test that reaches it has failed.
pub const MAX_WAIT: Duration = Duration::from_secs(30);

/// Asks again until `so` holds; a test for which it never does has failed.
pub async fn until(so: impl AsyncFn() -> bool) {
    let wait = async {
        while !so().await {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(MAX_WAIT, wait)
        .await
        .expect("what is waited for comes");
}

/// Waits for new observations.
pub async fn until_observed(bus: &mut Receiver<Notice>) {
    let wait = async { while bus.recv().await.unwrap() != Notice::Observations {} };
    tokio::time::timeout(MAX_WAIT, wait)
        .await
        .expect("observations are stored");
}

pub struct Bench {
    pub store: Store,
    pub bus: Bus,
    pub adapters: Adapters,
    pub script: Arc<Script>,
    pub workspace: i64,
}

impl Bench {
    /// With scripted adapters.
    pub async fn scripted(script: Script) -> Self {
        let script = Arc::new(script);
        Self::with(Adapters::scripted(script.clone()), script).await
    }

    /// With real adapters.
    pub async fn real() -> Self {
        Self::real_with(AdapterContext::default()).await
    }

    /// With real adapters that have secrets and limits.
    pub async fn real_with(context: AdapterContext) -> Self {
        Self::with(Adapters::real(context), Arc::default()).await
    }

    /// With scripted adapters, on the store at `url`; see [`on_both`].
    pub async fn scripted_on(url: &str, script: Script) -> Self {
        let script = Arc::new(script);
        Self::on(url, Adapters::scripted(script.clone()), script).await
    }

    /// With real adapters, on the store at `url`.
    pub async fn real_on(url: &str) -> Self {
        Self::on(
            url,
            Adapters::real(AdapterContext::default()),
            Arc::default(),
        )
        .await
    }

    async fn with(adapters: Adapters, script: Arc<Script>) -> Self {
        Self::on("sqlite::memory:", adapters, script).await
    }

    async fn on(url: &str, adapters: Adapters, script: Arc<Script>) -> Self {
        let store = Store::open(url).await.unwrap();
        let workspace = store
            .ensure_workspace("acme", "UTC", Clock::System.now())
            .await
            .unwrap()
            .id;
        Self {
            store,
            bus: Bus::default(),
            adapters,
            script,
            workspace,
        }
    }

    pub fn engine(&self) -> Engine {
        self.engine_with(config())
    }

    pub fn engine_with(&self, config: EngineConfig) -> Engine {
        Engine::start(
            self.store.clone(),
            self.bus.clone(),
            self.adapters.clone(),
            Clock::System,
            config,
        )
    }

    pub async fn submit(&self, plan: Plan) -> RunId {
        let (workspace, at) = (self.workspace, Clock::System.now());
        let (actor, trigger) = ("amos".to_owned(), "console".to_owned());
        let new = NewRun {
            workspace,
            plan,
            parent: None,
            actor,
            trigger,
            reason: None,
            at,
        };
        self.store.submit(new).await.unwrap().id
    }

    /// Queued runs that wait for something other than a free engine slot, and the reason.
    pub async fn waiting(&self) -> Vec<(RunId, String)> {
        let queue = self
            .store
            .queue(
                self.workspace,
                (RunId(0), RunId(i64::MAX)),
                Clock::System.now(),
            )
            .await
            .unwrap();
        queue
            .into_iter()
            .filter(|q| !q.waits_for.is_empty())
            .map(|q| (q.run, q.to_string()))
            .collect()
    }

    /// Submits, runs, and returns the ended run.
    pub async fn run(&self, plan: Plan) -> Run {
        let engine = self.engine();
        let id = self.submit(plan).await;
        engine.wake();
        self.ended(id).await
    }

    pub async fn ended(&self, id: RunId) -> Run {
        self.until(id, |run| run.status.is_terminal()).await
    }

    /// [`Bench::ended`] on a store that may not answer for a while.
    pub async fn ended_despite(&self, id: RunId) -> Run {
        let wait = async {
            loop {
                match self.store.run(id).await {
                    Ok(run) if run.status.is_terminal() => return run,
                    _ => tokio::time::sleep(Duration::from_millis(50)).await,
                }
            }
        };
        tokio::time::timeout(MAX_WAIT * 2, wait)
            .await
            .expect("the run ends")
    }

    /// Waits, woken by the bus, until `so` holds for the run.
    pub async fn until(&self, id: RunId, so: impl Fn(&Run) -> bool) -> Run {
        let mut bus = self.bus.subscribe();
        let wait = async {
            loop {
                let run = self.store.run(id).await.unwrap();
                if so(&run) {
                    return run;
                }
                let _ = tokio::time::timeout(Duration::from_millis(100), bus.recv()).await;
            }
        };
        if let Ok(run) = tokio::time::timeout(MAX_WAIT, wait).await {
            return run;
        }
        panic!("{:?}\n{:#?}", self.store.run(id).await, self.log(id).await)
    }

    /// Waits until the run's log has a line that contains `text`.
    pub async fn until_said(&self, id: RunId, text: &str) {
        let wait = async {
            while !self.log(id).await.iter().any(|line| line.contains(text)) {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(MAX_WAIT, wait)
            .await
            .unwrap_or_else(|_| panic!("never logged: {text}"));
    }

    pub async fn entries(&self, id: RunId) -> Vec<Entry> {
        let mut all: Vec<Entry> = Vec::new();
        loop {
            let after = all.last().map_or(0, |e| e.seq);
            let more = self.store.entries_after(id, after, 10_000).await.unwrap();
            if more.is_empty() {
                let gapless = all.iter().zip(1..).all(|(e, seq)| e.seq == seq);
                assert!(gapless, "the log of {id} has gaps");
                return all;
            }
            all.extend(more);
        }
    }

    /// Events as `level message`, output as `> text`.
    pub async fn log(&self, id: RunId) -> Vec<String> {
        let line = |e: Entry| match e.body {
            EntryBody::Event { level, message, .. } => format!("{} {message}", level.name()),
            EntryBody::Output { text, .. } => format!("> {text}"),
        };
        self.entries(id).await.into_iter().map(line).collect()
    }

    pub async fn output(&self, id: RunId) -> Vec<String> {
        let text = |e: Entry| match e.body {
            EntryBody::Output { text, .. } => Some(text),
            EntryBody::Event { .. } => None,
        };
        self.entries(id)
            .await
            .into_iter()
            .filter_map(text)
            .collect()
    }

    pub async fn steps(&self, id: RunId) -> Vec<RunStep> {
        self.store.steps(id).await.unwrap()
    }

    pub async fn statuses(&self, id: RunId) -> Vec<StepStatus> {
        self.steps(id).await.into_iter().map(|s| s.status).collect()
    }
}

/// Runs a test on both databases: `SQLite` in memory, and a schema of its own on a `PostgreSQL`
/// server where there is one.
pub async fn on_both(test: impl AsyncFn(&str)) {
    test("sqlite::memory:").await;
    if let Some(schema) = crate::postgres::schema().await {
        test(&schema.url).await;
        schema.remove().await;
    }
}

/// Config of an engine that claims only this run.
pub fn only(id: RunId) -> EngineConfig {
    EngineConfig {
        only: Some(id),
        ..config()
    }
}

/// The same width for each lane.
pub fn lanes(width: usize) -> Lanes {
    Lanes {
        interactive: width,
        routine: width,
    }
}

pub fn config() -> EngineConfig {
    EngineConfig {
        kind: "test".to_owned(),
        lease_ms: 3000,
        renew_ms: 100,
        sweep_ms: 100,
        lanes: lanes(4),
        canaries: Vec::new(),
        routines: None,
        planner: None,
        only: None,
        adopt_ms: 0,
    }
}

pub fn plan(steps: Vec<PlanStep>) -> Plan {
    let (runbook, title) = ("test".to_owned(), "test the engine".to_owned());
    Plan {
        runbook,
        title,
        steps,
        timeout_ms: 60_000,
        ..Plan::default()
    }
}

pub fn step(phase: Phase, name: &str, spec: StepSpec) -> PlanStep {
    PlanStep::new(name, phase, spec, 20_000)
}

/// `GET http://NAME.test/`.
pub fn get(phase: Phase, name: &str) -> PlanStep {
    http(phase, name, "GET")
}

pub fn http(phase: Phase, name: &str, method: &str) -> PlanStep {
    let (method, url) = (method.to_owned(), format!("http://{name}.test/"));
    step(
        phase,
        name,
        StepSpec::Http(Http::new(HttpRequest {
            method,
            url,
            ..HttpRequest::default()
        })),
    )
}

pub fn shell(phase: Phase, name: &str, script: &str) -> PlanStep {
    let command = ShellCommand::Script(script.to_owned());
    step(phase, name, StepSpec::Shell(Shell::new(command)))
}

pub fn manual(phase: Phase, name: &str) -> PlanStep {
    step(
        phase,
        name,
        StepSpec::Manual(Manual {
            prompt: format!("please do {name}"),
        }),
    )
}

pub fn target(service: &str) -> Target {
    Target {
        service: service.to_owned(),
        env: None,
    }
}

pub fn probed(name: &str, call: ActionCall) -> Service {
    let action = Action {
        verb: Verb::Probe,
        environments: Vec::new(),
        call,
        timeout_ms: 2000,
        idempotent: true,
        secrets: vec![],
    };
    Service {
        name: name.to_owned(),
        actions: vec![action],
        ..Service::default()
    }
}

pub fn status(status: u16) -> Act {
    Act::Reply(Reply::Http {
        status,
        headers: BTreeMap::new(),
        body: String::new(),
        truncated: false,
        ms: 5,
    })
}

pub fn assert_ended(run: &Run, wanted: RunStatus) {
    assert_eq!(run.status, wanted, "{:?}", run.message);
}
