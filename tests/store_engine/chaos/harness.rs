//! The chaos test: engine processes on one store are killed at random, or stopped at a write and
//! continued when others have their runs; the server is restarted under them. Effects are counted
//! outside the engines (`server.rs`, `runs.rs`), `people.rs` resumes, votes and cancels, and
//! `judge.rs` compares the store with the counts, during the test and at its end.

mod judge;
mod lockouts;
mod people;
mod runs;
mod server;
mod stops;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use opsroom::clock::Clock;
use opsroom::core::base::time::Timestamp;
use opsroom::core::run::{RunId, RunStatus};
use opsroom::store::{NewRun, RunFilter, Store, StoreError};

use self::runs::{Kind, TOKEN};
use self::server::Server;
use self::stops::Stopped;
use crate::postgres::Cluster;

/// The shortest lease an engine accepts.
const LEASE: Duration = Duration::from_secs(3);
const LEASE_MS: i64 = 3000;
/// Time from the end of a lease to the sweep that finds it, on a busy machine.
const SLACK: Duration = Duration::from_secs(10);
/// Runs waiting or under way at any time.
const BACKLOG: usize = 24;
const SERVICES: usize = 10;
/// Number of live runs of each slow kind at any time.
const LONG_KINDS: [(Kind, usize); 3] = [(Kind::Slow, 2), (Kind::Approval, 2), (Kind::Cancelled, 3)];

/// Parameters of a chaos test.
#[derive(Debug, Clone)]
pub struct Chaos {
    pub url: String,
    pub kills: usize,
    pub engines: usize,
    pub seed: u64,
    /// Approximate number of kills per stopped engine.
    pub stop_every: u64,
    /// The fault all engines have.
    pub fault: Option<&'static str>,
}

/// Results of a chaos test.
#[derive(Debug, Default, Clone)]
pub struct Figures {
    pub runs: usize,
    pub succeeded: usize,
    pub interrupted: usize,
    pub cancelled: usize,
    pub failed: usize,
    pub unknown_steps: usize,
    pub effects: usize,
    pub entries: usize,
    pub kills: usize,
    pub stops: usize,
    /// Runs that others had taken from a stopped engine when it was woken.
    pub taken: usize,
    /// Runs that a person resumed.
    pub resumed: usize,
    pub approved: usize,
    /// Locks of a person that were set, and those ended by hand before their time.
    pub locked: usize,
    pub unlocked: usize,
    /// Queued runs that waited for the end of a lock.
    pub locked_out: usize,
    /// Restarts of the database server.
    pub restarts: usize,
    /// Interruptions that found processes of the dead engine still running.
    pub orphans: usize,
    /// The longest time a run stayed held after its lease had ended.
    pub longest_overdue: Duration,
    pub took: Duration,
}

/// A violated invariant, and the check that found it.
pub struct Finding {
    pub check: &'static str,
    pub what: String,
    pub figures: Figures,
}

impl std::fmt::Display for Finding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Figures {
            kills, stops, took, ..
        } = self.figures;
        write!(
            f,
            "{} after {kills} kills and {stops} stops, {took:.0?}: {}",
            self.check, self.what
        )
    }
}

/// The result of a check: its name and what it found.
type Verdict = Result<(), (&'static str, String)>;

/// A small seeded generator, good enough to choose victims.
struct Dice(u64);

impl Dice {
    fn below(&mut self, n: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % n
    }

    fn index(&mut self, len: usize) -> usize {
        usize::try_from(self.below(len.max(1) as u64)).unwrap()
    }
}

struct Engine {
    child: Child,
    stopped: Option<Stopped>,
    /// Not killed before this time, so that it can go on where it was stopped.
    spared_until: Option<Instant>,
}

struct Submitted {
    id: RunId,
    kind: Kind,
    /// It has ended and was checked.
    checked: bool,
    /// How often a person resumed it.
    resumed: usize,
    /// When the first of two people voted for it.
    voted: Option<Instant>,
    /// The second has voted too.
    decided: bool,
    cancelled: Option<people::Cancelled>,
}

struct Field {
    chaos: Chaos,
    /// A server that may be restarted.
    server: Option<Cluster>,
    store: Store,
    workspace: i64,
    home: tempfile::TempDir,
    calls: Server,
    port: u16,
    engines: Vec<Engine>,
    submitted: Vec<Submitted>,
    by_id: HashMap<RunId, usize>,
    /// Processes that were killed or stopped.
    hurt: HashSet<u32>,
    /// Times when the store was stalled by an engine stopped within a write or by a server restart.
    stalls: Vec<(Timestamp, Timestamp)>,
    /// Locks of a person that have not ended.
    locks: Vec<lockouts::InForce>,
    past_locks: Vec<lockouts::Past>,
    /// Requests that must be closed at the first time if they began before the second: their engine
    /// was stopped and lost them.
    to_close: Vec<(Instant, String, Instant)>,
    progress: judge::Progress,
    leases: judge::LeasesSeen,
    /// Interruptions already checked, and how many were of engines neither killed nor stopped.
    deaths: HashSet<(RunId, i64)>,
    wrongly_dead: usize,
    /// Runs held by an engine when it was stopped.
    stopped_with: HashSet<RunId>,
    /// No more kills and no more resumptions.
    closing: bool,
    dice: Dice,
    figures: Figures,
}

impl Drop for Field {
    fn drop(&mut self) {
        self.end_engines();
    }
}

/// Runs the chaos test; an error when the store and the counts disagree.
/// `server`: the database server of the store, when it may be restarted.
pub async fn run(chaos: Chaos, server: Option<Cluster>) -> Result<Figures, Box<Finding>> {
    let began = Instant::now();
    eprintln!(
        "chaos: {} kills on {}, seed {}",
        chaos.kills, chaos.url, chaos.seed
    );
    let mut field = Field::new(chaos, server).await;
    for _ in 0..field.chaos.engines {
        let engine = field.spawn();
        field.engines.push(engine);
    }
    let outcome = field.play().await;
    let figures = Figures {
        took: began.elapsed(),
        ..std::mem::take(&mut field.figures)
    };
    let setup = format!("seed {} on {}", field.chaos.seed, field.chaos.url);
    field.end_engines();
    field.store.close().await;
    if let Some(server) = field.server.take() {
        server.stop();
    }
    match outcome {
        Ok(()) => Ok(figures),
        Err((check, what)) => Err(Box::new(Finding {
            check,
            what: format!("{what}; {setup}"),
            figures,
        })),
    }
}

/// Retries while the store is locked by a stopped engine or its server is down.
async fn retry<T>(what: impl AsyncFn() -> Result<T, StoreError>) -> Result<T, StoreError> {
    let deadline = Instant::now() + Duration::from_secs(40);
    loop {
        match what().await {
            Err(StoreError::Locked { .. } | StoreError::Database(_))
                if Instant::now() < deadline => {}
            answer => return answer,
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

impl Field {
    async fn new(chaos: Chaos, server: Option<Cluster>) -> Self {
        let store = Store::open(&chaos.url).await.unwrap();
        let now = Clock::System.now();
        // A workspace per test: a database may be reused.
        let workspace = store
            .ensure_workspace(&format!("chaos-{}", now.0), "UTC", now)
            .await
            .unwrap()
            .id;
        let (calls, port) = Server::start().await;
        let home = tempfile::tempdir().unwrap();
        let config = home.path().join(".config/opsroom");
        std::fs::create_dir_all(&config).unwrap();
        std::fs::create_dir_all(home.path().join("stops")).unwrap();
        std::fs::write(
            config.join("opsroom.toml"),
            "[secret.CHAOS]\nfrom = \"env:CHAOS_TOKEN\"\n",
        )
        .unwrap();
        let dice = Dice(chaos.seed | 1);
        Self {
            chaos,
            server,
            store,
            workspace,
            home,
            calls,
            port,
            dice,
            engines: Vec::new(),
            submitted: Vec::new(),
            by_id: HashMap::new(),
            hurt: HashSet::new(),
            stalls: Vec::new(),
            locks: Vec::new(),
            past_locks: Vec::new(),
            to_close: Vec::new(),
            progress: judge::Progress::default(),
            leases: judge::LeasesSeen::default(),
            deaths: HashSet::new(),
            wrongly_dead: 0,
            stopped_with: HashSet::new(),
            closing: false,
            figures: Figures::default(),
        }
    }

    fn spawn(&self) -> Engine {
        let home = self.home.path();
        // Tests another build: a release, or one that is kept while the sources change.
        let program =
            std::env::var_os("OPSROOM_BIN").unwrap_or_else(|| env!("CARGO_BIN_EXE_opsroom").into());
        let mut command = Command::new(program);
        command
            .args(["serve", "--store", &self.chaos.url])
            .current_dir(home)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", home)
            .env("USER", "chaos")
            .env("CHAOS_TOKEN", TOKEN)
            .env("OPSROOM_LEASE", "3s")
            .env("OPSROOM_PULSE", "off")
            .env("OPSROOM_STOPS", home.join("stops"));
        if let Some(fault) = self.chaos.fault {
            command.env("OPSROOM_FAULT", fault);
        }
        let child = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        Engine {
            child,
            stopped: None,
            spared_until: None,
        }
    }

    fn end_engines(&mut self) {
        for engine in &mut self.engines {
            let _ = engine.child.kill();
            let _ = engine.child.wait();
        }
        self.engines.clear();
    }

    /// Kills until the limit is reached and a run was interrupted, at most ten times the limit: on
    /// a quiet machine every run may end before the next kill.
    async fn play(&mut self) -> Verdict {
        let most = self.chaos.kills * 10;
        while self.figures.kills < self.chaos.kills
            || (self.figures.kills < most && !self.has_interrupted().await)
        {
            self.feed().await;
            self.strike().await;
            self.poll().await?;
        }
        self.closing = true;
        self.calls.hurry();
        self.settle().await?;
        self.check_end().await
    }

    /// One round of waking engines, people's actions and checks.
    async fn poll(&mut self) -> Verdict {
        self.wake_stopped().await;
        self.act_as_people().await?;
        self.watch().await
    }

    async fn has_interrupted(&self) -> bool {
        !self.with(&[RunStatus::Interrupted], 1).await.is_empty()
    }

    /// Runs of these statuses, the newest first.
    async fn with(&self, status: &[RunStatus], limit: u32) -> Vec<opsroom::core::run::Run> {
        let filter = RunFilter {
            status: status.to_vec(),
            limit,
            ..RunFilter::default()
        };
        let listed = retry(async || self.store.runs(self.workspace, &filter).await)
            .await
            .unwrap();
        let ids: Vec<RunId> = listed.runs.iter().map(|run| run.id).collect();
        let mut found = retry(async || self.store.whole_runs(self.workspace, &ids).await)
            .await
            .unwrap()
            .runs;
        // Some have changed since they were listed.
        found.retain(|run| status.contains(&run.status));
        found
    }

    async fn live(&self) -> Vec<opsroom::core::run::Run> {
        self.with(
            &[
                RunStatus::Queued,
                RunStatus::Claimed,
                RunStatus::Running,
                RunStatus::Waiting,
            ],
            1000,
        )
        .await
    }

    async fn feed(&mut self) {
        let mut alive: BTreeMap<usize, usize> = BTreeMap::new();
        let live = self.live().await;
        self.leases.record(&live, Clock::System.now());
        for run in &live {
            if let Some(n) = self.by_id.get(&run.id) {
                *alive.entry(self.submitted[*n].kind as usize).or_default() += 1;
            }
        }
        for _ in live.len()..BACKLOG {
            let n = self.submitted.len();
            let wanted = LONG_KINDS
                .iter()
                .find(|(kind, few)| alive.get(&(*kind as usize)).copied().unwrap_or(0) < *few);
            let kind = wanted.map_or(
                if n % 7 == 3 {
                    Kind::Failing
                } else {
                    Kind::Plain
                },
                |(kind, _)| *kind,
            );
            *alive.entry(kind as usize).or_default() += 1;
            self.submit(n, kind).await;
        }
    }

    async fn submit(&mut self, n: usize, kind: Kind) {
        // A slow run gets a service of its own, so that it blocks no other.
        let service = match kind {
            Kind::Plain => format!("svc{}", self.dice.below(SERVICES as u64)),
            _ => format!("own{n}"),
        };
        // Some outlive their engine until another one ends its orphans.
        let short = format!("0.0{:02}", self.dice.below(90));
        let long = if self.dice.below(8) == 0 {
            "1.5".to_owned()
        } else {
            short.clone()
        };
        let place = runs::Place {
            home: self.home.path(),
            port: self.port,
        };
        let plan = place.plan(n, kind, &service, &short, &long);
        let new = NewRun {
            workspace: self.workspace,
            plan,
            parent: None,
            actor: "chaos".to_owned(),
            trigger: "cli".to_owned(),
            reason: None,
            at: Clock::System.now(),
        };
        let id = retry(async || self.store.submit(new.clone()).await)
            .await
            .unwrap()
            .id;
        self.by_id.insert(id, n);
        let (checked, resumed, voted, decided, cancelled) = (false, 0, None, false, None);
        self.submitted.push(Submitted {
            id,
            kind,
            checked,
            resumed,
            voted,
            decided,
            cancelled,
        });
    }

    /// Kills an engine and starts another; sometimes stops one instead.
    async fn strike(&mut self) {
        // Other engines need time to take over the runs of a stopped one.
        let (least, more) = if self.engines.iter().any(|e| e.stopped.is_some()) {
            (120, 330)
        } else {
            (20, 130)
        };
        let pause = least + self.dice.below(more);
        tokio::time::sleep(Duration::from_millis(pause)).await;
        let awake = |e: &Engine| {
            e.stopped.is_none() && e.spared_until.is_none_or(|until| until < Instant::now())
        };
        let victims: Vec<usize> = (0..self.engines.len())
            .filter(|i| awake(&self.engines[*i]))
            .collect();
        if victims.is_empty() {
            return;
        }
        let victim = victims[self.dice.index(victims.len())];
        if self.server.is_some() && self.dice.below(60) == 0 {
            return self.restart_server().await;
        }
        let stopped = self.engines.iter().filter(|e| e.stopped.is_some()).count();
        let due = self.figures.stops as u64 * self.chaos.stop_every <= self.figures.kills as u64;
        let may_stop = due && stopped * 2 < self.chaos.engines && victims.len() > 1;
        if may_stop && self.stop_one(&victims).await {
            return;
        }
        let engine = &mut self.engines[victim].child;
        self.hurt.insert(engine.id());
        engine.kill().unwrap();
        engine.wait().unwrap();
        self.engines[victim] = self.spawn();
        self.figures.kills += 1;
    }

    /// Restarts the server: breaks all connections, or makes it crash and recover.
    async fn restart_server(&mut self) {
        let how = if self.dice.below(2) == 0 {
            "fast"
        } else {
            "immediate"
        };
        let from = Clock::System.now();
        if let Some(server) = &mut self.server {
            server.restart(how);
            self.figures.restarts += 1;
        }
        // Our own connections are tested only after they were idle for a while.
        tokio::time::sleep(Duration::from_millis(600)).await;
        self.stalls.push((from, Clock::System.now()));
    }

    /// Waits until no run is queued or held.
    async fn settle(&mut self) -> Verdict {
        let deadline = Instant::now() + LEASE + SLACK + Duration::from_mins(2);
        loop {
            let live = self.live().await;
            if live.is_empty()
                && self.to_close.is_empty()
                && self.engines.iter().all(|e| e.stopped.is_none())
            {
                break;
            }
            if Instant::now() > deadline {
                return Err((
                    "the end",
                    format!("{} runs never ended: {:?}", live.len(), live.first()),
                ));
            }
            self.poll().await?;
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        // By now the children of killed engines have ended too.
        tokio::time::sleep(Duration::from_millis(300)).await;
        Ok(())
    }

    fn effects(&self) -> PathBuf {
        self.home.path().join("effects")
    }
}

/// The URL of an SQLite store in this folder.
pub fn sqlite_url(folder: &Path) -> String {
    format!("sqlite:{}", folder.join("chaos.db").display())
}
