//! Violence: engines as processes of their own on one store, killed at random or put to sleep at a write and woken when others
//! have their runs, and the server restarted under them. What the runs did is counted outside, where no engine can embellish
//! it (`server.rs`, `runs.rs`); `people.rs` resumes, votes and cancels as people would; `judge.rs` holds the store's account
//! against the count, while the game goes on and when it is over.

mod judge;
mod people;
mod runs;
mod server;
mod stops;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use opsroom::clock::Clock;
use opsroom::core::run::{RunId, RunStatus};
use opsroom::core::time::Timestamp;
use opsroom::store::{NewRun, RunFilter, Store, StoreError};

use self::runs::{Kind, TOKEN};
use self::server::Server;
use self::stops::Sleep;
use crate::postgres::Cluster;

/// The shortest lease an engine accepts.
const LEASE: Duration = Duration::from_secs(3);
const LEASE_MS: i64 = 3000;
/// From the end of a lease to the sweep that notices, on a machine with other things to do.
const SLACK: Duration = Duration::from_secs(10);
/// Runs waiting or under way at any time.
const BACKLOG: usize = 24;
const SERVICES: usize = 10;
/// Of the kinds that take their time, so many are there at any time.
const LONG_KINDS: [(Kind, usize); 3] = [(Kind::Slow, 2), (Kind::Approval, 2), (Kind::Cancelled, 3)];

/// What to do.
#[derive(Debug, Clone)]
pub struct Chaos {
    pub url: String,
    pub kills: usize,
    pub engines: usize,
    pub seed: u64,
    /// Strikes from one sleep of an engine to the next, about.
    pub stop_every: u64,
    /// The fault all engines have.
    pub fault: Option<&'static str>,
}

/// What came of it.
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
    /// Runs that others had taken from a sleeping engine when it was woken.
    pub taken: usize,
    /// Runs that a person resumed.
    pub resumed: usize,
    pub approved: usize,
    /// Of the database server.
    pub restarts: usize,
    /// Interruptions that found something of the dead engine still running.
    pub orphans: usize,
    /// The longest any run stood in the store as held after its lease had ended.
    pub longest_overdue: Duration,
    pub took: Duration,
}

/// Something is wrong: who saw it, and what.
pub struct Finding {
    pub judge: &'static str,
    pub what: String,
    pub figures: Figures,
}

impl std::fmt::Display for Finding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Figures { kills, stops, took, .. } = self.figures;
        write!(f, "{} after {kills} kills and {stops} stops, {took:.0?}: {}", self.judge, self.what)
    }
}

/// What a judge says.
type Verdict = Result<(), (&'static str, String)>;

/// Small, seeded, good enough to choose victims.
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
    asleep: Option<Sleep>,
    /// Left alone until then, so that it can do what it was about to do when it fell asleep.
    spared_until: Option<Instant>,
}

struct Submitted {
    id: RunId,
    kind: Kind,
    /// It has ended, and was judged.
    judged: bool,
    /// How often a person resumed it.
    resumed: usize,
    /// When the first of two people voted for it.
    voted: Option<Instant>,
    /// The second has voted too, or the run was given up.
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
    /// Processes that were killed or put to sleep.
    hurt: HashSet<u32>,
    /// When the whole store stood still, because somebody fell asleep within a write, or the server was restarted.
    stalls: Vec<(Timestamp, Timestamp)>,
    /// Requests that must be closed at that time, if they began before this one: their engine was asleep and has lost them.
    to_close: Vec<(Instant, String, Instant)>,
    progress: judge::Progress,
    leases: judge::LeasesSeen,
    /// Interruptions that were judged, and how many of engines nobody had touched.
    deaths: HashSet<(RunId, i64)>,
    wrongly_dead: usize,
    /// Runs that were in the hands of an engine when it fell asleep.
    slept_on: HashSet<RunId>,
    /// Nobody is killed any more, and nothing resumed.
    closing: bool,
    dice: Dice,
    figures: Figures,
}

impl Drop for Field {
    fn drop(&mut self) {
        self.end_engines();
    }
}

/// Does it; an error when the store's account and the world disagree.
/// `server`: the one the store is on, when it is ours to restart.
pub async fn run(chaos: Chaos, server: Option<Cluster>) -> Result<Figures, Box<Finding>> {
    let began = Instant::now();
    eprintln!("chaos: {} kills on {}, seed {}", chaos.kills, chaos.url, chaos.seed);
    let mut field = Field::new(chaos, server).await;
    for _ in 0..field.chaos.engines {
        let engine = field.spawn();
        field.engines.push(engine);
    }
    let found = field.play().await;
    let figures = Figures { took: began.elapsed(), ..std::mem::take(&mut field.figures) };
    let said = format!("seed {} on {}", field.chaos.seed, field.chaos.url);
    field.end_engines();
    field.store.close().await;
    if let Some(server) = field.server.take() {
        server.stop();
    }
    match found {
        Ok(()) => Ok(figures),
        Err((judge, what)) => Err(Box::new(Finding { judge, what: format!("{what}; {said}"), figures })),
    }
}

/// Asks the store again while it does not answer: it may be locked by an engine that is asleep, or its server away.
async fn ask<T>(what: impl AsyncFn() -> Result<T, StoreError>) -> Result<T, StoreError> {
    let patience = Instant::now() + Duration::from_secs(40);
    loop {
        match what().await {
            Err(StoreError::Locked { .. } | StoreError::Database(_)) if Instant::now() < patience => {}
            answer => return answer,
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

impl Field {
    async fn new(chaos: Chaos, server: Option<Cluster>) -> Self {
        let store = Store::open(&chaos.url).await.unwrap();
        let now = Clock::System.now();
        // A workspace per game: a database may be used again.
        let workspace = store.ensure_workspace(&format!("chaos-{}", now.0), "UTC", now).await.unwrap().id;
        let (calls, port) = Server::start().await;
        let home = tempfile::tempdir().unwrap();
        let config = home.path().join(".config/opsroom");
        std::fs::create_dir_all(&config).unwrap();
        std::fs::create_dir_all(home.path().join("stops")).unwrap();
        std::fs::write(config.join("opsroom.toml"), "[secret.CHAOS]\nfrom = \"env:CHAOS_TOKEN\"\n").unwrap();
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
            to_close: Vec::new(),
            progress: judge::Progress::default(),
            leases: judge::LeasesSeen::default(),
            deaths: HashSet::new(),
            wrongly_dead: 0,
            slept_on: HashSet::new(),
            closing: false,
            figures: Figures::default(),
        }
    }

    fn spawn(&self) -> Engine {
        let home = self.home.path();
        // Another build can be tried: a release, or one that is kept while the sources change.
        let program = std::env::var_os("OPSROOM_BIN").unwrap_or_else(|| env!("CARGO_BIN_EXE_opsroom").into());
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
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        Engine { child, asleep: None, spared_until: None }
    }

    fn end_engines(&mut self) {
        for engine in &mut self.engines {
            let _ = engine.child.kill();
            let _ = engine.child.wait();
        }
        self.engines.clear();
    }

    /// Until there were enough kills; a quiet machine may be done with every run before the next one: then a few more, until
    /// a run was struck in the act.
    async fn play(&mut self) -> Verdict {
        let most = self.chaos.kills * 10;
        while self.figures.kills < self.chaos.kills || (self.figures.kills < most && !self.has_struck().await) {
            self.feed().await;
            self.strike().await;
            self.look().await?;
        }
        self.closing = true;
        self.calls.hurry();
        self.settle().await?;
        self.judge().await
    }

    /// Everything that is to be looked at all the time.
    async fn look(&mut self) -> Verdict {
        self.look_after_sleepers().await;
        self.play_people().await?;
        self.watch().await
    }

    async fn has_struck(&self) -> bool {
        !self.with(&[RunStatus::Interrupted], 1).await.is_empty()
    }

    /// Runs of these statuses, the newest first.
    async fn with(&self, status: &[RunStatus], limit: u32) -> Vec<opsroom::core::run::Run> {
        let filter = RunFilter { status: status.to_vec(), limit, ..RunFilter::default() };
        ask(async || self.store.runs(self.workspace, &filter).await).await.unwrap().runs
    }

    async fn live(&self) -> Vec<opsroom::core::run::Run> {
        self.with(&[RunStatus::Queued, RunStatus::Claimed, RunStatus::Running, RunStatus::Waiting], 1000).await
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
            let wanted =
                LONG_KINDS.iter().find(|(kind, few)| alive.get(&(*kind as usize)).copied().unwrap_or(0) < *few);
            let kind = wanted.map_or(if n % 7 == 3 { Kind::Failing } else { Kind::Plain }, |(kind, _)| *kind);
            *alive.entry(kind as usize).or_default() += 1;
            self.submit(n, kind).await;
        }
    }

    async fn submit(&mut self, n: usize, kind: Kind) {
        // Those that take long stand in nobody's way.
        let service = match kind {
            Kind::Plain => format!("svc{}", self.dice.below(SERVICES as u64)),
            _ => format!("own{n}"),
        };
        // Some outlive their engine until somebody looks for what it left.
        let short = format!("0.0{:02}", self.dice.below(90));
        let long = if self.dice.below(8) == 0 { "1.5".to_owned() } else { short.clone() };
        let place = runs::Place { home: self.home.path(), port: self.port };
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
        let id = ask(async || self.store.submit(new.clone()).await).await.unwrap().id;
        self.by_id.insert(id, n);
        let (judged, resumed, voted, decided, cancelled) = (false, 0, None, false, None);
        self.submitted.push(Submitted { id, kind, judged, resumed, voted, decided, cancelled });
    }

    /// Kills an engine and starts another; now and then one is put to sleep.
    async fn strike(&mut self) {
        // Somebody has to take over what a sleeping engine had.
        let (least, more) = if self.engines.iter().any(|e| e.asleep.is_some()) { (120, 330) } else { (20, 130) };
        let pause = least + self.dice.below(more);
        tokio::time::sleep(Duration::from_millis(pause)).await;
        let awake = |e: &Engine| e.asleep.is_none() && e.spared_until.is_none_or(|until| until < Instant::now());
        let victims: Vec<usize> = (0..self.engines.len()).filter(|i| awake(&self.engines[*i])).collect();
        if victims.is_empty() {
            return;
        }
        let victim = victims[self.dice.index(victims.len())];
        if self.server.is_some() && self.dice.below(60) == 0 {
            return self.restart_server().await;
        }
        let asleep = self.engines.iter().filter(|e| e.asleep.is_some()).count();
        let due = self.figures.stops as u64 * self.chaos.stop_every <= self.figures.kills as u64;
        let may_sleep = due && asleep * 2 < self.chaos.engines && victims.len() > 1;
        if may_sleep && self.put_to_sleep(&victims).await {
            return;
        }
        let engine = &mut self.engines[victim].child;
        self.hurt.insert(engine.id());
        engine.kill().unwrap();
        engine.wait().unwrap();
        self.engines[victim] = self.spawn();
        self.figures.kills += 1;
    }

    /// Breaks all connections, or lets the server crash and recover.
    async fn restart_server(&mut self) {
        let how = if self.dice.below(2) == 0 { "fast" } else { "immediate" };
        let from = Clock::System.now();
        if let Some(server) = &mut self.server {
            server.restart(how);
            self.figures.restarts += 1;
        }
        // Our own connections are looked at again only when they have rested for a while.
        tokio::time::sleep(Duration::from_millis(600)).await;
        self.stalls.push((from, Clock::System.now()));
    }

    /// Until nothing is queued or held any more.
    async fn settle(&mut self) -> Verdict {
        let patience = Instant::now() + LEASE + SLACK + Duration::from_mins(2);
        loop {
            let live = self.live().await;
            if live.is_empty() && self.to_close.is_empty() && self.engines.iter().all(|e| e.asleep.is_none()) {
                break;
            }
            if Instant::now() > patience {
                return Err(("the end", format!("{} runs never ended: {:?}", live.len(), live.first())));
            }
            self.look().await?;
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        // What a killed engine's child still does, it does by now.
        tokio::time::sleep(Duration::from_millis(300)).await;
        Ok(())
    }

    fn effects(&self) -> PathBuf {
        self.home.path().join("effects")
    }
}

/// A file in a folder of its own.
pub fn sqlite_url(folder: &Path) -> String {
    format!("sqlite:{}", folder.join("chaos.db").display())
}
