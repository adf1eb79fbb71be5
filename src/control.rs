//! The only entry point of the console and the subcommands. Checks rights, confirmation and block
//! risks, writes audit, and answers with values.

mod act;
mod engines;
mod home;
pub mod integration;
mod overview;
mod plan;
pub mod routine;
pub mod run;
pub mod runbook;
mod stack;
mod stores;
#[cfg(test)]
mod testing;
mod watch;

use std::sync::{Arc, Mutex};

use tokio::sync::broadcast;
use tokio_util::sync::DropGuard;

pub use crate::adapter::AdapterContext;
use crate::bus::{Bus, Notice};
use crate::clock::Clock;
use crate::core::command::Parsed;
use crate::core::routine::canary::Canary;
use crate::core::run::artifact::Artifact;
use crate::core::run::event::Entry;
use crate::core::run::lockout;
use crate::core::run::note::RunNote;
use crate::core::run::plan::{Plan, is_confirmed};
use crate::core::run::queue::{Lanes, Queued};
use crate::core::run::summary::RunSummary;
use crate::core::run::{AuditRow, Run, RunId, RunStatus, RunStep};
use crate::core::runbook::for_routine::RoutineProblem;
use crate::engine::Engine;
pub use crate::store::{AuditFilter, Beginning, RunFilter, StoreError};
use crate::store::{NewRun, Scope};
pub use engines::EnginePlace;
pub use home::HomeView;
pub use overview::Overview;
pub use run::find::ChosenRun;
pub use run::left_over::LeftOver;
use run::orders::{Approval, approval};
pub use run::queue::{RunPage, not_listed};
use runbook::Library;
pub use stack::apply::Difference;
use stack::workspace::Known;
use stores::Stores;

/// Why a request is refused. Every refusal names its rule.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A block risk applies.
    #[error("blocked by {code}: {message}")]
    Blocked { code: String, message: String },
    /// A protected environment needs its word typed.
    #[error("{env} is protected: type `{word}` to confirm")]
    Unconfirmed { env: String, word: String },
    #[error(
        "read-only: opsroom was started with --read-only (or read_only = true): it executes nothing and changes nothing"
    )]
    ReadOnly,
    /// A subcommand that creates nothing was given a store that does not exist.
    #[error("there is no store at {0}: check --store, or make one with `opsroom apply FILE`")]
    NoStore(String),
    /// Nothing has been applied yet.
    #[error("the store is empty: apply a stack file first (opsroom apply FILE)")]
    NoWorkspace,
    #[error("the store holds several workspaces ({0}): choose one with --workspace")]
    WhichWorkspace(String),
    #[error(
        "there is no workspace {0} in this store; `opsroom apply` creates the one its file names"
    )]
    UnknownWorkspace(String),
    /// Routines could not run their runbooks.
    #[error("{}", each(.0))]
    Routines(Vec<RoutineProblem>),
    #[error("{0}")]
    Invalid(String),
}

fn each(problems: &[RoutineProblem]) -> String {
    let each: Vec<String> = problems.iter().map(ToString::to_string).collect();
    each.join("\n")
}

impl Refusal {
    /// The store itself could not be reached or read, as opposed to a refusal by it.
    #[must_use]
    pub const fn is_unreachable(&self) -> bool {
        use StoreError as E;
        matches!(
            self,
            Self::NoStore(_)
                | Self::Store(
                    E::Open { .. }
                        | E::Locked { .. }
                        | E::Corrupt { .. }
                        | E::Newer { .. }
                        | E::Database(_)
                )
        )
    }
}

/// Settings of a process.
#[derive(Debug, Clone)]
pub struct Settings {
    pub store_url: String,
    /// `None`: the only workspace there is.
    pub workspace: Option<String>,
    pub actor: String,
    pub read_only: bool,
    /// Everything is simulated: the demo.
    pub simulated: bool,
    /// Period of the pulse that probes every configured service, milliseconds; 0: none.
    pub pulse_ms: i64,
    pub lease_ms: i64,
    /// A server adopts runs queued by a process that is gone at most this long before the server
    /// started.
    pub adopt_ms: i64,
    /// How many runs of each lane the engine of this process drives at once.
    pub lanes: Lanes,
    /// Addresses that are up when the network of this machine is.
    pub canaries: Vec<Canary>,
    pub runbook_dir: Option<std::path::PathBuf>,
    /// Where what can be derived again may be kept; `None`: nowhere.
    pub cache_dir: Option<std::path::PathBuf>,
    pub door: ProcessKind,
    /// The secrets calls may use, and where they may go.
    pub context: AdapterContext,
}

/// The kind of process; decides which runs its engine claims.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProcessKind {
    /// Claims runs queued by live processes, and pulses.
    Console,
    /// Claims only runs it submitted itself.
    Cli,
    /// Claims all queued runs except those left over long ago, pulses, and has no screen; while it
    /// is alive, consoles only submit.
    Serve,
}

impl ProcessKind {
    /// The name kept as a run's trigger and an engine's kind.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Console => "console",
            Self::Cli => "cli",
            Self::Serve => "serve",
        }
    }
}

/// A run with everything about it but its log.
#[derive(Debug, Clone, PartialEq)]
pub struct RunDetail {
    pub run: Run,
    pub steps: Vec<RunStep>,
    pub artifacts: Vec<Artifact>,
    /// Notes of people, oldest first.
    pub notes: Vec<RunNote>,
    /// The approval it waits for.
    pub approval: Option<Approval>,
    /// Its position, when it is queued.
    pub queued: Option<Queued>,
}

/// A plan ready to be shown.
#[derive(Debug, Clone, PartialEq)]
pub struct PlanCard {
    pub plan: Plan,
    /// The last three runs of the same runbook on the same environment and service, newest first.
    pub last: Vec<RunSummary>,
    /// The effects on the plan of changes to the runbook since its last run, one line each.
    pub changed: Vec<String>,
    /// What the run would wait for now, one line each.
    pub queue: Vec<String>,
}

/// Outcomes shown on a plan card, and how many of the runbook's newest runs are searched for them.
const OUTCOMES: usize = 3;
const OUTCOMES_FROM: u32 = 30;

/// The entry point. Cheap to clone; dropping the last one stops the engine.
#[derive(Debug, Clone)]
pub struct Control(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    settings: Settings,
    store: Stores,
    bus: Bus,
    clock: Clock,
    /// `None`: not loaded yet.
    library: Mutex<Option<Arc<Library>>>,
    known: Mutex<Known>,
    refreshing: tokio::sync::Mutex<()>,
    engine: Mutex<Option<Engine>>,
    stop_watch: Mutex<Option<DropGuard>>,
}

impl Control {
    /// Opens store, workspace and runbooks. A console's engine starts at once, a subcommand's with
    /// its first run, that of a read-only process never.
    pub async fn open(settings: Settings, clock: Clock) -> Result<Self, Refusal> {
        if settings.read_only && settings.door == ProcessKind::Serve {
            return Err(Refusal::ReadOnly);
        }
        let store = Stores::open(&settings.store_url, &crate::engine::identity()).await?;
        let control = Self(Arc::new(Inner {
            settings,
            store,
            bus: Bus::default(),
            clock,
            library: Mutex::default(),
            known: Mutex::default(),
            refreshing: tokio::sync::Mutex::default(),
            engine: Mutex::default(),
            stop_watch: Mutex::default(),
        }));
        control.find_workspace().await?;
        if control.0.settings.door != ProcessKind::Cli {
            drop(control.library());
        }
        match control.0.settings.door {
            ProcessKind::Console | ProcessKind::Serve if control.0.settings.read_only => {
                control.start_watch();
            }
            ProcessKind::Cli if control.0.settings.read_only => {}
            ProcessKind::Console | ProcessKind::Serve => {
                control.start_engine(None);
                control.start_watch();
            }
            ProcessKind::Cli => {
                crate::engine::sweep_gone(control.0.store.for_engines(), &control.0.bus, clock)
                    .await;
            }
        }
        Ok(control)
    }

    /// The settings it was opened with.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.0.settings
    }

    /// The store's URL as it may be shown.
    #[must_use]
    pub fn store_url(&self) -> &str {
        self.0.store.url()
    }

    /// The clock used for all times here.
    #[must_use]
    pub fn clock(&self) -> Clock {
        self.0.clock
    }

    /// Subscribes to changes from now on.
    #[must_use]
    pub fn subscribe(&self) -> broadcast::Receiver<Notice> {
        self.0.bus.subscribe()
    }

    /// Makes the plan card of a parsed command whose outcome is `plan`. `inputs` override the
    /// command's.
    pub async fn plan(
        &self,
        parsed: &Parsed,
        inputs: &[(String, String)],
        raw_text: &str,
    ) -> Result<PlanCard, Refusal> {
        let stack = self.refresh().await?;
        let mut plan = plan::plan(
            &self.library(),
            &stack,
            parsed,
            inputs,
            raw_text,
            &self.0.settings.context.integrations,
        )?;
        let (last, changed) = match self.known_scope() {
            None => (Vec::new(), Vec::new()),
            Some(scope) => {
                let filter = RunFilter {
                    runbook: Some(plan.runbook.clone()),
                    env: plan.env.clone(),
                    limit: OUTCOMES_FROM,
                    ..RunFilter::default()
                };
                let mut last = scope.runs(&filter).await?.runs;
                last.retain(|run| run.services.is_empty() || plan.shares_a_service(&run.services));
                last.truncate(OUTCOMES);
                (last, changed(&scope, &plan).await?)
            }
        };
        let queue = self.blockers(&plan).await?;
        lockout::set_risks(&mut plan, &self.lockouts().await?);
        Ok(PlanCard {
            plan,
            last,
            changed,
            queue,
        })
    }

    /// Starts a plan. `typed` is the text typed into the confirmation, if one was needed.
    pub async fn submit(
        &self,
        plan: Plan,
        typed: Option<&str>,
        reason: Option<&str>,
    ) -> Result<Run, Refusal> {
        self.submit_as(plan, typed, reason, Beginning::default())
            .await
    }

    /// [`Control::submit`] with a non-default beginning: step by step, or as the repetition of
    /// another run.
    pub async fn submit_as(
        &self,
        plan: Plan,
        typed: Option<&str>,
        reason: Option<&str>,
        beginning: Beginning,
    ) -> Result<Run, Refusal> {
        let scope = self.scope().await?;
        self.refresh().await?;
        self.admit(&plan, typed)?;
        self.not_locked(&plan).await?;
        self.holds_no_secret(&plan)?;
        let mut plan = plan;
        lockout::set_risks(&mut plan, &[]);
        let new = NewRun {
            workspace: scope.workspace().id,
            plan,
            parent: None,
            actor: self.0.settings.actor.clone(),
            trigger: self.0.settings.door.name().to_owned(),
            reason: self.clean_reason(reason),
            at: self.0.clock.now(),
        };
        let run = scope.submit_as(new, beginning).await?;
        self.0.bus.publish(Notice::Run(run.id, run.status));
        if self.0.settings.door == ProcessKind::Cli {
            self.start_engine(Some(run.id));
        }
        self.wake();
        Ok(run)
    }

    /// One artifact of a run with its contents.
    pub async fn artifact(&self, run: RunId, number: u32) -> Result<(Artifact, Vec<u8>), Refusal> {
        Ok(self.scope().await?.artifact(run, number).await?)
    }

    /// One run with its steps and artifacts.
    pub async fn run(&self, run: RunId) -> Result<RunDetail, Refusal> {
        let scope = self.scope().await?;
        let (run, steps) = (scope.run(run).await?, scope.steps(run).await?);
        let approval = approval(&scope, &run, &steps).await?;
        let queued = self.queued(&run).await?;
        let artifacts = scope.artifacts(run.id).await?;
        let notes = scope.notes(run.id).await?;
        Ok(RunDetail {
            run,
            steps,
            artifacts,
            notes,
            approval,
            queued,
        })
    }

    /// The status of a run, without reading all of it.
    pub async fn status(&self, run: RunId) -> Result<RunStatus, Refusal> {
        Ok(self.scope().await?.glimpse_of(run).await?.status)
    }

    /// Entries with `after < seq`, oldest first.
    pub async fn entries_after(
        &self,
        run: RunId,
        after: i64,
        limit: u32,
    ) -> Result<Vec<Entry>, Refusal> {
        Ok(self.scope().await?.entries_after(run, after, limit).await?)
    }

    /// Rows of the audit log, newest first.
    pub async fn audit(&self, filter: &AuditFilter) -> Result<Vec<AuditRow>, Refusal> {
        match self.known_scope() {
            Some(scope) => Ok(scope.audit(filter).await?),
            None => Ok(Vec::new()),
        }
    }

    /// The run that was queued when this one succeeded, as the next link of its chain.
    pub async fn next_link(&self, run: RunId) -> Result<Option<Run>, Refusal> {
        Ok(self.scope().await?.next_link(run).await?)
    }

    /// Remembers a line of the command bar.
    pub async fn remember(&self, text: &str) -> Result<(), Refusal> {
        if let Some(scope) = self.known_scope().filter(|_| !self.0.settings.read_only) {
            let text = self.clean(Some(text)).unwrap_or_default();
            scope
                .remember(&self.0.settings.actor, &text, self.0.clock.now())
                .await?;
        }
        Ok(())
    }

    /// Lines of the command bar, newest first.
    pub async fn remembered(&self) -> Result<Vec<String>, Refusal> {
        match self.known_scope() {
            Some(scope) => Ok(scope.remembered(&self.0.settings.actor, 500).await?),
            None => Ok(Vec::new()),
        }
    }

    fn admit(&self, plan: &Plan, typed: Option<&str>) -> Result<(), Refusal> {
        self.writable()?;
        // A lock may have ended since the plan was made: `not_locked` looks at those of now.
        if let Some(risk) = plan.blocks().find(|risk| risk.code != lockout::LOCKED) {
            return Err(Refusal::Blocked {
                code: risk.code.clone(),
                message: risk.message.clone(),
            });
        }
        plan.links()
            .into_iter()
            .try_for_each(|link| self.asks_for_approval(link))?;
        self.can_be_approved(plan, &[])?;
        Self::confirmed(plan, typed)
    }

    /// Checks the confirmation word of a protected environment.
    fn confirmed(plan: &Plan, typed: Option<&str>) -> Result<(), Refusal> {
        match plan.confirm_word() {
            Some(word) if !typed.is_some_and(|typed| is_confirmed(&word, typed)) => {
                let link = plan.confirm_link();
                let places = link.map(|link| link.protected_places().join(", "));
                Err(Refusal::Unconfirmed {
                    env: places.unwrap_or_default(),
                    word,
                })
            }
            _ => Ok(()),
        }
    }

    fn writable(&self) -> Result<(), Refusal> {
        if self.0.settings.read_only {
            Err(Refusal::ReadOnly)
        } else {
            Ok(())
        }
    }
}

/// Compares the plan with that of the runbook's last run, if it was made from another definition.
async fn changed(scope: &Scope, plan: &Plan) -> Result<Vec<String>, Refusal> {
    let mut changed = Vec::new();
    for link in plan.links() {
        let filter = RunFilter {
            runbook: Some(link.runbook.clone()),
            limit: 1,
            ..RunFilter::default()
        };
        let last: Vec<RunId> = scope
            .runs(&filter)
            .await?
            .runs
            .iter()
            .map(|run| run.id)
            .collect();
        let last = scope.whole_runs(&last).await?.runs.pop();
        if let Some(run) = last.filter(|run| run.plan.definition_hash != link.definition_hash) {
            changed.push(plan::changed(&run, link));
            changed.extend(crate::core::run::plan::diff(&run.plan, link));
        }
    }
    Ok(changed)
}
