//! Violence: engines as processes of their own on one store, killed or stopped at random while many runs are under way, and
//! the server restarted under them. What the runs did is counted outside, where no engine can embellish it; afterwards the
//! store's account is held against the count. A step holds a lock on its service's file while it works: two at once are seen.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::extract::{Path as Segment, State};
use opsroom::clock::Clock;
use opsroom::core::event::{Entry, EntryBody};
use opsroom::core::plan::{Plan, PlanStep};
use opsroom::core::queue::{Concurrency, Policy, Priority};
use opsroom::core::run::{Phase, Run, RunId, RunStatus, StepStatus};
use opsroom::core::service::{HttpRequest, ShellCommand};
use opsroom::core::step::{StepSpec, http::Http, shell::Shell, wait::Wait};
use opsroom::store::{NewRun, RunFilter, Store};

use crate::postgres::Cluster;

/// The shortest lease an engine accepts.
const LEASE: Duration = Duration::from_secs(3);
/// From the end of a lease to the sweep that notices, on a machine with other things to do.
const SLACK: Duration = Duration::from_secs(5);
/// Runs waiting or under way at any time.
const BACKLOG: usize = 24;
const SERVICES: usize = 10;

/// What to do.
#[derive(Debug, Clone)]
pub struct Chaos {
    pub url: String,
    pub kills: usize,
    pub engines: usize,
    pub seed: u64,
}

/// What came of it.
#[derive(Debug, Default)]
pub struct Figures {
    pub runs: usize,
    pub succeeded: usize,
    pub interrupted: usize,
    pub unknown_steps: usize,
    pub effects: usize,
    pub entries: usize,
    pub kills: usize,
    pub stops: usize,
    /// Of the database server.
    pub restarts: usize,
    /// Interruptions that found something of the dead engine still running.
    pub orphans: usize,
    /// The longest any run stood in the store as held after its lease had ended.
    pub longest_overdue: Duration,
    pub took: Duration,
}

/// Small, seeded, good enough to choose victims.
struct Dice(u64);

impl Dice {
    fn below(&mut self, n: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % n
    }
}

/// Counts the requests it gets, by the name in their path.
type Calls = Arc<Mutex<HashMap<String, usize>>>;

struct Field {
    chaos: Chaos,
    /// A server that may be restarted.
    server: Option<Cluster>,
    store: Store,
    workspace: i64,
    home: tempfile::TempDir,
    calls: Calls,
    port: u16,
    engines: Vec<Child>,
    /// Engines that are stopped, and until when nobody touches them.
    stopped: HashMap<usize, Instant>,
    submitted: Vec<RunId>,
    dice: Dice,
    figures: Figures,
}

impl Drop for Field {
    fn drop(&mut self) {
        self.end_engines();
    }
}

/// Does it; panics, with the seed, when the store's account and the world disagree.
/// `server`: the one the store is on, when it is ours to restart.
pub async fn run(chaos: Chaos, server: Option<Cluster>) -> Figures {
    let began = Instant::now();
    eprintln!("chaos: {} kills on {}, seed {}", chaos.kills, chaos.url, chaos.seed);
    let mut field = Field::new(chaos, server).await;
    for _ in 0..field.chaos.engines {
        let engine = field.spawn();
        field.engines.push(engine);
    }
    // A quiet machine may be done with every run before the next kill: then a few more, until one was struck in the act.
    let most = field.chaos.kills * 10;
    while field.figures.kills < field.chaos.kills || (field.figures.kills < most && !field.has_struck().await) {
        field.feed().await;
        field.strike().await;
        field.watch_leases().await;
    }
    field.settle().await;
    field.judge().await;
    let figures = std::mem::take(&mut field.figures);
    field.store.close().await;
    field.end_engines();
    if let Some(server) = field.server.take() {
        server.stop();
    }
    Figures { took: began.elapsed(), ..figures }
}

impl Field {
    async fn new(chaos: Chaos, server: Option<Cluster>) -> Self {
        let store = Store::open(&chaos.url).await.unwrap();
        let now = Clock::System.now();
        // A workspace per game: a database may be used again.
        let workspace = store.ensure_workspace(&format!("chaos-{}", now.0), "UTC", now).await.unwrap().id;
        let (calls, port) = counter().await;
        let home = tempfile::tempdir().unwrap();
        let dice = Dice(chaos.seed | 1);
        Self {
            chaos,
            server,
            store,
            workspace,
            home,
            calls,
            port,
            engines: Vec::new(),
            stopped: HashMap::new(),
            submitted: Vec::new(),
            dice,
            figures: Figures::default(),
        }
    }

    fn spawn(&self) -> Child {
        let home = self.home.path();
        // Another build can be tried: a release, or one that is kept while the sources change.
        let program = std::env::var_os("OPSROOM_BIN").unwrap_or_else(|| env!("CARGO_BIN_EXE_opsroom").into());
        Command::new(program)
            .args(["serve", "--store", &self.chaos.url])
            .current_dir(home)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", home)
            .env("USER", "chaos")
            .env("OPSROOM_LEASE", "3s")
            .env("OPSROOM_PULSE", "off")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap()
    }

    fn end_engines(&mut self) {
        for engine in &mut self.engines {
            let _ = engine.kill();
            let _ = engine.wait();
        }
        self.engines.clear();
    }

    fn effects(&self) -> PathBuf {
        self.home.path().join("effects")
    }

    async fn live(&self) -> usize {
        let status = vec![RunStatus::Queued, RunStatus::Claimed, RunStatus::Running, RunStatus::Waiting];
        let filter = RunFilter { status, limit: 1000, ..RunFilter::default() };
        self.store.runs(self.workspace, &filter).await.unwrap().runs.len()
    }

    async fn has_struck(&self) -> bool {
        let filter = RunFilter { status: vec![RunStatus::Interrupted], limit: 1, ..RunFilter::default() };
        !self.store.runs(self.workspace, &filter).await.unwrap().runs.is_empty()
    }

    async fn feed(&mut self) {
        for _ in self.live().await..BACKLOG {
            let n = self.submitted.len();
            let plan = self.plan(n);
            let (actor, trigger) = ("chaos".to_owned(), "cli".to_owned());
            let at = Clock::System.now();
            let new = NewRun { workspace: self.workspace, plan, parent: None, actor, trigger, reason: None, at };
            self.submitted.push(self.store.submit(new).await.unwrap().id);
        }
    }

    /// Steps whose effects are counted outside: step k of run n leaves the mark `n.k`.
    fn plan(&mut self, n: usize) -> Plan {
        let service = format!("svc{}", self.dice.below(SERVICES as u64));
        let home = self.home.path().display().to_string();
        // Some outlive their engine until somebody looks for what it left.
        let (short, outlives) = (self.dice.below(90), self.dice.below(8) == 0);
        // Every fourth is in a group, whatever its service.
        let group = n.is_multiple_of(4).then_some("nightly");
        let mark = |k: usize| {
            let lasts = if outlives && k == 3 { "1.5".to_owned() } else { format!("0.0{short:02}") };
            let alone = group.map_or(String::new(), |group| {
                format!("exec 8>>'{home}/{group}.group'; flock -n 8 || echo {n}.{k} >> '{home}/overlaps'; ")
            });
            format!(
                "{alone}exec 9>>'{home}/{service}.lock'; flock -n 9 || echo {n}.{k} >> '{home}/overlaps'; \
                 printf '%s\\n' {n}.{k} >> '{home}/effects'; sleep {lasts}; echo {n}.{k}"
            )
        };
        let url = format!("http://127.0.0.1:{}/{n}.2", self.port);
        let request = HttpRequest { method: "POST".into(), url, ..HttpRequest::default() };
        let steps = vec![
            step(Phase::Action, "write", shell(&mark(0))),
            step(Phase::Action, "pause", StepSpec::Wait(Wait { ms: 1 + i64::try_from(n % 40).unwrap() })),
            step(Phase::Action, "call", StepSpec::Http(Http::new(request))),
            PlanStep { idempotent: true, ..step(Phase::Action, "again", shell(&mark(3))) },
            step(Phase::Verify, "last", shell(&mark(4))),
        ];
        Plan {
            runbook: "chaos".to_owned(),
            title: format!("chaos {n}"),
            env: Some("prod".to_owned()),
            services: vec![service.clone()],
            mutates: true,
            priority: Priority::ALL[n % 3],
            concurrency: group.map(|group| Concurrency { group: group.to_owned(), policy: Policy::Queue }),
            steps,
            finally: vec![step(Phase::Summarize, "tidy", shell(&mark(5)))],
            timeout_ms: 120_000,
            ..Plan::default()
        }
    }

    /// Kills an engine and starts another; now and then one is only stopped until its leases are gone.
    async fn strike(&mut self) {
        let pause = 20 + self.dice.below(130);
        tokio::time::sleep(Duration::from_millis(pause)).await;
        let victim = usize::try_from(self.dice.below(self.engines.len() as u64)).unwrap();
        if self.stopped.get(&victim).is_some_and(|until| Instant::now() < *until) {
            return;
        }
        if self.server.is_some() && self.dice.below(60) == 0 {
            return self.restart_server().await;
        }
        if self.dice.below(40) == 0 {
            self.figures.stops += 1;
            let asleep = LEASE + Duration::from_secs(1);
            self.stopped.insert(victim, Instant::now() + asleep + Duration::from_secs(1));
            let process = rustix::process::Pid::from_child(&self.engines[victim]);
            let _ = rustix::process::kill_process(process, rustix::process::Signal::STOP);
            tokio::spawn(async move {
                tokio::time::sleep(asleep).await;
                let _ = rustix::process::kill_process(process, rustix::process::Signal::CONT);
            });
            return;
        }
        self.engines[victim].kill().unwrap();
        self.engines[victim].wait().unwrap();
        self.engines[victim] = self.spawn();
        self.figures.kills += 1;
    }

    /// Breaks all connections, or lets the server crash and recover.
    async fn restart_server(&mut self) {
        let how = if self.dice.below(2) == 0 { "fast" } else { "immediate" };
        if let Some(server) = &mut self.server {
            server.restart(how);
            self.figures.restarts += 1;
        }
        // Our own connections are looked at again only when they have rested for a while.
        tokio::time::sleep(Duration::from_millis(600)).await;
    }

    /// No run is held for long after its lease has ended.
    async fn watch_leases(&mut self) {
        let now = Clock::System.now();
        for run in self.store.expired(now).await.unwrap() {
            let late = run.lease_until.map_or(0, |until| now.ms_since(until));
            let late = Duration::from_millis(u64::try_from(late).unwrap_or(0));
            assert!(late < LEASE + SLACK, "run {} is held {late:?} after its lease; {}", run.id, self.said());
            self.figures.longest_overdue = self.figures.longest_overdue.max(late);
        }
    }

    /// Until nothing is queued or held any more.
    async fn settle(&mut self) {
        let patience = Instant::now() + LEASE + SLACK + Duration::from_mins(1);
        while self.live().await > 0 {
            assert!(Instant::now() < patience, "{} runs never ended; {}", self.live().await, self.said());
            self.watch_leases().await;
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        // What a killed engine's child still does, it does by now.
        tokio::time::sleep(Duration::from_millis(300)).await;
    }

    fn said(&self) -> String {
        format!("seed {} on {}", self.chaos.seed, self.chaos.url)
    }

    async fn judge(&mut self) {
        assert_eq!(self.store.locks().await.unwrap(), 0, "locks are left; {}", self.said());
        let overlaps = std::fs::read_to_string(self.home.path().join("overlaps")).unwrap_or_default();
        assert_eq!(overlaps, "", "steps worked on one service at once; {}", self.said());
        let marks = self.marks();
        self.figures.effects = marks.values().sum();
        let mut held: BTreeMap<String, Vec<(i64, i64, RunId)>> = BTreeMap::new();
        for (n, id) in self.submitted.clone().into_iter().enumerate() {
            let run = self.store.run(id).await.unwrap();
            let entries = self.entries(&run).await;
            self.figures.entries += entries.len();
            self.figures.orphans += entries.iter().filter(|e| found_orphans(e)).count();
            let spells = spells(&entries);
            self.judge_steps(n, &run, &marks, spells.len()).await;
            self.figures.runs += 1;
            match run.status {
                RunStatus::Succeeded => self.figures.succeeded += 1,
                RunStatus::Interrupted => self.figures.interrupted += 1,
                other => panic!("run {id} is {other:?}: {:?}; {}", run.message, self.said()),
            }
            let target = held.entry(run.plan.services[0].clone()).or_default();
            target.extend(spells.into_iter().map(|(from, to)| (from, to, id)));
        }
        self.judge_turns(held);
    }

    /// What is recorded of each step agrees with what it did. `spells`: how many engines worked on the run.
    async fn judge_steps(&mut self, n: usize, run: &Run, marks: &HashMap<String, usize>, spells: usize) {
        for step in self.store.steps(run.id).await.unwrap() {
            let (k, did) = (step.index, marks.get(&format!("{n}.{}", step.index)).copied().unwrap_or(0));
            let told = format!("run {} step {k}: {:?}, done {did} times; {}", run.id, step, self.said());
            let (timed, repeatable) = (k == 1, k == 3);
            // Ten claims; an engine that died before it could say that it started left no trace in the log.
            let worn_out = spells >= 6;
            match step.status {
                StepStatus::Succeeded if timed => {}
                StepStatus::Succeeded => assert!(did == 1 || (repeatable && did > 1), "{told}"),
                StepStatus::Unknown => {
                    // What is repeatable is left to a person only after it brought ten engines down.
                    let is_open = if repeatable { worn_out } else { did <= 1 };
                    assert!(is_open && run.status == RunStatus::Interrupted, "{told}");
                    self.figures.unknown_steps += 1;
                }
                StepStatus::Pending => {
                    let untouched = did == 0 || (repeatable && worn_out);
                    assert!(untouched && run.status == RunStatus::Interrupted, "{told}");
                }
                _ => panic!("{told}"),
            }
        }
    }

    /// Never two runs on one target at once.
    fn judge_turns(&self, held: BTreeMap<String, Vec<(i64, i64, RunId)>>) {
        for (service, mut turns) in held {
            turns.sort_unstable();
            for pair in turns.windows(2) {
                let ((_, ended, one), (began, _, other)) = (pair[0], pair[1]);
                assert!(began >= ended, "runs {one} and {other} were on {service} at once; {}", self.said());
            }
        }
    }

    /// Every mark and how often it was left, by file and by request.
    fn marks(&self) -> HashMap<String, usize> {
        let mut marks = self.calls.lock().unwrap().clone();
        for line in std::fs::read_to_string(self.effects()).unwrap_or_default().lines() {
            *marks.entry(line.to_owned()).or_default() += 1;
        }
        marks
    }

    /// The whole log, gapless and without a repetition.
    async fn entries(&self, run: &Run) -> Vec<Entry> {
        let mut all: Vec<Entry> = Vec::new();
        loop {
            let after = all.last().map_or(0, |e| e.seq);
            let more = self.store.entries_after(run.id, after, 10_000).await.unwrap();
            if more.is_empty() {
                break;
            }
            all.extend(more);
        }
        assert!(all.iter().zip(1..).all(|(e, seq)| e.seq == seq), "the log of {} has gaps; {}", run.id, self.said());
        assert_eq!(all.last().map(|e| e.seq), Some(run.last_seq), "run {}; {}", run.id, self.said());
        let twice = all.windows(2).find(|pair| pair[0].at == pair[1].at && pair[0].body == pair[1].body);
        assert!(twice.is_none(), "run {} says something twice: {twice:?}; {}", run.id, self.said());
        all
    }
}

fn found_orphans(entry: &Entry) -> bool {
    matches!(&entry.body, EntryBody::Event { message, .. } if message.contains("was still running"))
}

/// When engines were at work on a run: from each start to the entry that tells its end.
fn spells(entries: &[Entry]) -> Vec<(i64, i64)> {
    let mut spells = Vec::new();
    let mut began = None;
    for entry in entries {
        let EntryBody::Event { message, source, .. } = &entry.body else { continue };
        if source != "engine" {
            continue;
        }
        if message.starts_with("started: ") {
            began = Some(entry.at.0);
        } else if message.starts_with("interrupted: ") || message.starts_with("succeeded in ") {
            spells.extend(began.take().map(|from| (from, entry.at.0)));
        }
    }
    spells
}

fn step(phase: Phase, name: &str, spec: StepSpec) -> PlanStep {
    PlanStep::new(name, phase, spec, 60_000)
}

fn shell(script: &str) -> StepSpec {
    StepSpec::Shell(Shell::new(ShellCommand::Script(script.to_owned())))
}

/// A server that counts.
async fn counter() -> (Calls, u16) {
    let calls = Calls::default();
    let count = |State(calls): State<Calls>, Segment(name): Segment<String>| async move {
        *calls.lock().unwrap().entry(name).or_default() += 1;
        "ok"
    };
    let app = axum::Router::new().route("/{name}", axum::routing::post(count)).with_state(calls.clone());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move { axum::serve(listener, app).await });
    (calls, port)
}

/// A file in a folder of its own.
pub fn sqlite_url(folder: &Path) -> String {
    format!("sqlite:{}", folder.join("chaos.db").display())
}
