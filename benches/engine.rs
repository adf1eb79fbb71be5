//! Engine throughput: two engines execute the queued runs of one store, each run once; bare claims
//! against a raw loop on a plain table of the same database, alternating because machine speed
//! varies; a child that prints as fast as it can, against a reader that only counts.
//! `cargo bench --bench engine -- [RUNS] [LINES] [URL]`.

#![expect(
    clippy::cast_precision_loss,
    clippy::print_stdout,
    reason = "figures for people"
)]

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use opsroom::adapter::{Adapters, Script};
use opsroom::bus::Bus;
use opsroom::clock::Clock;
use opsroom::core::run::plan::{Plan, PlanStep};
use opsroom::core::run::step::{CallKind, StepSpec, http::Http, shell::Shell};
use opsroom::core::run::{Phase, RunId, RunStatus};
use opsroom::core::stack::service::HttpRequest;
use opsroom::core::stack::shell::ShellCommand;
use opsroom::engine::{Engine, EngineConfig};
use opsroom::store::{NewRun, Store};

#[path = "engine/raw.rs"]
mod raw;

/// How often bare claims and the raw loop alternate.
const ROUNDS: usize = 5;

type Failure = Box<dyn std::error::Error>;

#[tokio::main]
async fn main() -> Result<(), Failure> {
    // `cargo bench` adds a flag of its own.
    let args: Vec<String> = std::env::args()
        .skip(1)
        .filter(|a| !a.starts_with("--"))
        .collect();
    let count = |at: usize, default| args.get(at).map_or(Ok(default), |n| n.parse::<usize>());
    let (runs, lines) = (count(0, 10_000)?, count(1, 1_000_000)?);
    let folder = tempfile::tempdir()?;
    let url = args
        .get(2)
        .cloned()
        .unwrap_or_else(|| format!("sqlite:{}", folder.path().join("bench.db").display()));
    let store = Store::open(&url).await?;
    let now = Clock::System.now();
    let workspace = store
        .ensure_workspace(&format!("bench-{}", now.0), "UTC", now)
        .await?
        .id;
    let mut shares = Vec::new();
    for _ in 0..ROUNDS {
        let raw = raw::claims(&url, runs / ROUNDS).await?;
        shares.push(claims(&store, workspace, runs / ROUNDS).await? / raw);
    }
    shares.sort_by(f64::total_cmp);
    println!(
        "  claims reach {:.0} % of the raw loop (median of {ROUNDS} rounds)",
        shares[ROUNDS / 2] * 100.0
    );
    one_run_per_service(&store, workspace, runs).await?;
    executes(&store, workspace, runs).await?;
    floor(lines).await?;
    output(&store, workspace, lines).await?;
    store.close().await;
    Ok(())
}

async fn submit(store: &Store, workspace: i64, steps: Vec<PlanStep>) -> Result<RunId, Failure> {
    submit_for(store, workspace, steps, Vec::new()).await
}

/// A run that changes those services, when there are any.
async fn submit_for(
    store: &Store,
    workspace: i64,
    steps: Vec<PlanStep>,
    services: Vec<String>,
) -> Result<RunId, Failure> {
    let mutates = !services.is_empty();
    let plan = Plan {
        runbook: "bench".into(),
        title: "bench".into(),
        steps,
        services,
        mutates,
        timeout_ms: 600_000,
        ..Plan::default()
    };
    let (actor, trigger) = ("bench".to_owned(), "cli".to_owned());
    let at = Clock::System.now();
    Ok(store
        .submit(NewRun {
            workspace,
            plan,
            parent: None,
            actor,
            trigger,
            reason: None,
            at,
        })
        .await?
        .id)
}

/// Bare claims: two claimers take queued runs and do nothing with them. Claims per second.
async fn claims(store: &Store, workspace: i64, count: usize) -> Result<f64, Failure> {
    for _ in 0..count {
        submit(store, workspace, Vec::new()).await?;
    }
    let start = Instant::now();
    let claimers = ["bench:1", "bench:2"].map(|holder| {
        let store = store.clone();
        tokio::spawn(async move {
            let now = Clock::System.now();
            let mut claimed = Vec::new();
            while let Some((claim, _)) = store.claim(None, holder, now.plus_ms(3_600_000)).await? {
                claimed.push(claim);
            }
            Ok::<_, opsroom::store::StoreError>(claimed)
        })
    });
    let mut claimed = Vec::new();
    for claimer in claimers {
        claimed.extend(claimer.await??);
    }
    let rate = report(store, "bare claims, two claimers", claimed.len(), start);
    for claim in claimed {
        let end = opsroom::core::run::Transition::Cancel;
        store
            .transition(claim, end, None, &[], Clock::System.now())
            .await?;
    }
    Ok(rate)
}

/// Claims and ends runs of 500 services, each of which allows one run at a time.
async fn one_run_per_service(store: &Store, workspace: i64, count: usize) -> Result<(), Failure> {
    for n in 0..count {
        submit_for(
            store,
            workspace,
            Vec::new(),
            vec![format!("svc{}", n % 500)],
        )
        .await?;
    }
    let start = Instant::now();
    let claimers = ["bench:1", "bench:2"].map(|holder| {
        let store = store.clone();
        tokio::spawn(async move {
            let now = Clock::System.now();
            let (mut ended, mut claiming) = (0, std::time::Duration::ZERO);
            loop {
                let requested = Instant::now();
                let Some((claim, _)) = store.claim(None, holder, now.plus_ms(3_600_000)).await?
                else {
                    break;
                };
                claiming += requested.elapsed();
                store
                    .transition(
                        claim,
                        opsroom::core::run::Transition::Cancel,
                        None,
                        &[],
                        now,
                    )
                    .await?;
                ended += 1;
            }
            Ok::<_, opsroom::store::StoreError>((ended, claiming))
        })
    });
    let (mut ended, mut claiming) = (0, std::time::Duration::ZERO);
    for claimer in claimers {
        let (count, time) = claimer.await??;
        (ended, claiming) = (ended + count, claiming + time);
    }
    report(store, "claimed and ended, 500 services", ended, start);
    println!(
        "  a claim took {:.2} ms on average",
        claiming.as_secs_f64() * 1000.0 / ended.max(1) as f64
    );
    if ended == count {
        Ok(())
    } else {
        Err(format!("{ended} of {count} were claimed").into())
    }
}

/// The throughput of a pipe whose lines are only counted.
async fn floor(lines: usize) -> Result<(), Failure> {
    use tokio::io::AsyncReadExt;
    let start = Instant::now();
    let mut command = tokio::process::Command::new("sh");
    command
        .args(["-c", &printer(lines)])
        .stdout(std::process::Stdio::piped());
    let mut child = command.spawn()?;
    let mut pipe = child.stdout.take().ok_or("the child has no output")?;
    let (mut buf, mut seen) = (vec![0; 64 * 1024], 0);
    loop {
        let n = pipe.read(&mut buf).await?;
        if n == 0 {
            break;
        }
        seen += memchr::memchr_iter(b'\n', &buf[..n]).count();
    }
    let rate = seen as f64 / start.elapsed().as_secs_f64();
    println!(
        "pipe      lines read and counted       {seen:>9} in {:>8.2?}, {rate:>9.0} per second",
        start.elapsed()
    );
    Ok(())
}

/// Numbered lines of about eighty bytes.
fn printer(lines: usize) -> String {
    format!(
        "seq -f 'line %.0f of a long log, with the kind of text that a build prints for every file' 1 {lines}"
    )
}

/// Two engines, one HTTP step per run, each request sent once.
async fn executes(store: &Store, workspace: i64, count: usize) -> Result<(), Failure> {
    for n in 0..count {
        let (method, url) = ("POST".to_owned(), format!("http://job{n}.test/"));
        let request = HttpRequest {
            method,
            url,
            ..HttpRequest::default()
        };
        submit(
            store,
            workspace,
            vec![step(StepSpec::Http(Http::new(request)))],
        )
        .await?;
    }
    let script = Arc::new(Script::default());
    let start = Instant::now();
    let engine = || {
        Engine::start(
            store.clone(),
            Bus::default(),
            Adapters::scripted(script.clone()),
            Clock::System,
            config(),
        )
    };
    let engines = [engine(), engine()];
    for engine in &engines {
        engine.idle().await;
    }
    report(store, "runs executed, two engines", count, start);
    let mut requests: HashMap<String, usize> = HashMap::new();
    for call in script.calls() {
        if let CallKind::Http(request) = call.kind {
            *requests.entry(request.url).or_default() += 1;
        }
    }
    let twice = requests.values().filter(|times| **times > 1).count();
    println!(
        "  asked {} of {count}, {twice} of them more than once",
        requests.len()
    );
    if requests.len() != count || twice > 0 {
        return Err("not each run was executed once".into());
    }
    Ok(())
}

async fn output(store: &Store, workspace: i64, lines: usize) -> Result<(), Failure> {
    let command = ShellCommand::Script(printer(lines));
    let shell = Shell::new(command);
    let id = submit(store, workspace, vec![step(StepSpec::Shell(shell))]).await?;
    let before = memory_kb("VmRSS:");
    let start = Instant::now();
    let engine = Engine::start(
        store.clone(),
        Bus::default(),
        Adapters::real(opsroom::adapter::AdapterContext::default()),
        Clock::System,
        config(),
    );
    engine.idle().await;
    report(store, "lines of output stored", lines, start);
    println!(
        "  resident memory {} MiB before, {} MiB at its peak",
        before / 1024,
        memory_kb("VmHWM:") / 1024
    );
    let run = store.run(id).await?;
    let (mut after, mut next) = (0, 1_usize);
    loop {
        let page = store.entries_after(id, after, 10_000).await?;
        let Some(last) = page.last() else { break };
        after = last.seq;
        for entry in page {
            if let opsroom::core::run::event::EntryBody::Output { text, .. } = entry.body {
                if text.split(' ').nth(1) != Some(next.to_string().as_str()) {
                    return Err(format!("line {next} is {text}").into());
                }
                next += 1;
            }
        }
    }
    println!(
        "  read back {} of {lines} in order; the run is {}",
        next - 1,
        run.status.name()
    );
    if next - 1 == lines && run.status == RunStatus::Succeeded {
        Ok(())
    } else {
        Err("output is missing".into())
    }
}

fn step(spec: StepSpec) -> PlanStep {
    PlanStep::new("work", Phase::Action, spec, 600_000)
}

fn config() -> EngineConfig {
    EngineConfig {
        kind: "bench".to_owned(),
        lease_ms: 30_000,
        renew_ms: 10_000,
        sweep_ms: 5000,
        lanes: opsroom::core::run::queue::Lanes::default(),
        canaries: Vec::new(),
        routines: None,
        planner: None,
        only: None,
        adopt_ms: 0,
    }
}

/// A memory figure of this process; 0 where `/proc` is missing.
fn memory_kb(which: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(which));
    line.and_then(|rest| rest.split_whitespace().next()?.parse().ok())
        .unwrap_or(0)
}

fn report(store: &Store, what: &str, count: usize, start: Instant) -> f64 {
    let took = start.elapsed();
    let rate = count as f64 / took.as_secs_f64();
    println!(
        "{:<9} {what:<28} {count:>9} in {took:>8.2?}, {rate:>9.0} per second",
        store.kind()
    );
    rate
}
