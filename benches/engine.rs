//! How much an engine gets done: two of them on one store with queued runs, each to be executed once, against the bare claims;
//! and a child that prints as fast as it can. `cargo bench --bench engine -- [RUNS] [LINES] [URL]`.

#![expect(clippy::cast_precision_loss, reason = "figures for people")]

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Instant;

use opsroom::adapter::{Adapters, Script};
use opsroom::bus::Bus;
use opsroom::clock::Clock;
use opsroom::core::plan::{OnFailure, Plan, PlanStep};
use opsroom::core::run::{Phase, RunId, RunStatus};
use opsroom::core::service::{HttpRequest, ShellCommand};
use opsroom::core::step::{Call, StepSpec, http::Http, shell::Shell};
use opsroom::engine::{Engine, EngineConfig};
use opsroom::store::{NewRun, Store};

type Failure = Box<dyn std::error::Error>;

#[tokio::main]
async fn main() -> Result<(), Failure> {
    // `cargo bench` adds a flag of its own.
    let args: Vec<String> = std::env::args().skip(1).filter(|a| !a.starts_with("--")).collect();
    let count = |at: usize, default| args.get(at).map_or(Ok(default), |n| n.parse::<usize>());
    let (runs, lines) = (count(0, 10_000)?, count(1, 1_000_000)?);
    let folder = tempfile::tempdir()?;
    let url = args.get(2).cloned().unwrap_or_else(|| format!("sqlite:{}", folder.path().join("bench.db").display()));
    let store = Store::open(&url).await?;
    let now = Clock::System.now();
    let workspace = store.ensure_workspace(&format!("bench-{}", now.0), "UTC", now).await?.id;
    claims(&store, workspace, runs).await?;
    executes(&store, workspace, runs).await?;
    output(&store, workspace, lines).await?;
    store.close().await;
    Ok(())
}

async fn submit(store: &Store, workspace: i64, steps: Vec<PlanStep>) -> Result<RunId, Failure> {
    let plan = Plan { runbook: "bench".into(), title: "bench".into(), steps, timeout_ms: 600_000, ..Plan::default() };
    let (actor, trigger) = ("bench".to_owned(), "cli".to_owned());
    let at = Clock::System.now();
    Ok(store.submit(NewRun { workspace, plan, parent: None, actor, trigger, reason: None, at }).await?.id)
}

/// The bare loop: two claimers take what is queued and do nothing with it.
async fn claims(store: &Store, workspace: i64, count: usize) -> Result<(), Failure> {
    for _ in 0..count {
        submit(store, workspace, Vec::new()).await?;
    }
    let start = Instant::now();
    let claimers = ["bench:1", "bench:2"].map(|holder| {
        let store = store.clone();
        tokio::spawn(async move {
            let now = Clock::System.now();
            let mut claimed = Vec::new();
            while let Some((claim, _)) = store.claim(None, holder, now.plus_ms(3_600_000), now).await? {
                claimed.push(claim);
            }
            Ok::<_, opsroom::store::StoreError>(claimed)
        })
    });
    let mut claimed = Vec::new();
    for claimer in claimers {
        claimed.extend(claimer.await??);
    }
    told(store, "bare claims, two claimers", claimed.len(), start);
    for claim in claimed {
        let end = opsroom::core::run::Transition::Cancel;
        store.transition(claim, end, None, &[], Clock::System.now()).await?;
    }
    Ok(())
}

/// Two engines, one step per run, each run's question asked once.
async fn executes(store: &Store, workspace: i64, count: usize) -> Result<(), Failure> {
    for n in 0..count {
        let (method, url) = ("POST".to_owned(), format!("http://job{n}.test/"));
        let request = HttpRequest { method, url, ..HttpRequest::default() };
        submit(store, workspace, vec![step(StepSpec::Http(Http { request }))]).await?;
    }
    let script = Arc::new(Script::default());
    let start = Instant::now();
    let engine =
        || Engine::start(store.clone(), Bus::default(), Adapters::scripted(script.clone()), Clock::System, config());
    let engines = [engine(), engine()];
    for engine in &engines {
        engine.idle().await;
    }
    told(store, "runs executed, two engines", count, start);
    let mut asked: HashMap<String, usize> = HashMap::new();
    for call in script.asked() {
        if let Call::Http { url, .. } = call {
            *asked.entry(url).or_default() += 1;
        }
    }
    let twice = asked.values().filter(|times| **times > 1).count();
    println!("  asked {} of {count}, {twice} of them more than once", asked.len());
    if asked.len() != count || twice > 0 {
        return Err("not each run was executed once".into());
    }
    Ok(())
}

async fn output(store: &Store, workspace: i64, lines: usize) -> Result<(), Failure> {
    let command = ShellCommand::Script(format!("seq 1 {lines}"));
    let shell = Shell { command, env: BTreeMap::new(), dir: None, secrets: Vec::new() };
    let id = submit(store, workspace, vec![step(StepSpec::Shell(shell))]).await?;
    let before = resident_kb();
    let start = Instant::now();
    let engine = Engine::start(
        store.clone(),
        Bus::default(),
        Adapters::real(opsroom::adapter::Outside::default()),
        Clock::System,
        config(),
    );
    engine.idle().await;
    told(store, "lines of output stored", lines, start);
    println!("  resident memory {} MiB before, {} MiB after", before / 1024, resident_kb() / 1024);
    let run = store.run(id).await?;
    let (mut after, mut next) = (0, 1_usize);
    loop {
        let page = store.entries_after(id, after, 10_000).await?;
        let Some(last) = page.last() else { break };
        after = last.seq;
        for entry in page {
            if let opsroom::core::event::EntryBody::Output { text, .. } = entry.body {
                if text != next.to_string() {
                    return Err(format!("line {next} is {text}").into());
                }
                next += 1;
            }
        }
    }
    println!("  read back {} of {lines} in order; the run is {}", next - 1, run.status.name());
    if next - 1 == lines && run.status == RunStatus::Succeeded { Ok(()) } else { Err("output is missing".into()) }
}

fn step(spec: StepSpec) -> PlanStep {
    PlanStep {
        name: "work".to_owned(),
        phase: Phase::Action,
        spec,
        timeout_ms: 600_000,
        retry: None,
        on_failure: OnFailure::Stop,
        idempotent: false,
        target: None,
        probe: false,
        rules: opsroom::core::plan::Rules::default(),
    }
}

fn config() -> EngineConfig {
    EngineConfig {
        kind: "bench".to_owned(),
        lease_ms: 30_000,
        renew_ms: 10_000,
        sweep_ms: 5000,
        concurrency: 8,
        pulse: None,
        only: None,
    }
}

/// Of this process; 0 where `/proc` is missing.
fn resident_kb() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|rest| rest.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}

fn told(store: &Store, what: &str, count: usize, start: Instant) {
    let took = start.elapsed();
    let rate = count as f64 / took.as_secs_f64();
    println!("{:<9} {what:<28} {count:>9} in {took:>8.2?}, {rate:>9.0} per second", store.kind());
}
