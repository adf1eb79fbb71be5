//! How fast the store is on SQLite: opening, events one by one and in batches, captured output,
//! claims. `cargo bench --bench store` prints one line per figure. `OPSROOM_BENCH_STORE` names
//! another (empty) store.

use std::time::{Duration, Instant};

use opsroom::core::base::time::Timestamp;
use opsroom::core::run::event::{EntryBody, Level, NewEntry, Stream};
use opsroom::core::run::plan::{Plan, PlanStep};
use opsroom::core::run::step::StepSpec;
use opsroom::core::run::step::shell::Shell;
use opsroom::core::run::{Phase, RunId};
use opsroom::core::stack::shell::ShellCommand;
use opsroom::store::{Claim, NewRun, RunFilter, Store, StoreError};

const NOW: Timestamp = Timestamp(1_795_000_000_000);
const LATER: Timestamp = Timestamp(1_795_000_600_000);

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = tempfile::tempdir()?;
    let file = format!("sqlite:{}", folder.path().join("bench.db").display());
    let url = std::env::var("OPSROOM_BENCH_STORE").unwrap_or(file);
    let store = Store::open(&url).await?;
    let workspace = store.ensure_workspace("bench", "UTC", NOW).await?.id;
    opening(&url).await?;
    let claim = hold(&store, workspace).await?;
    events(&store, claim, 2000, 1).await?;
    events(&store, claim, 50_000, 100).await?;
    output(&store, claim, 200_000).await?;
    paging(&store, claim).await?;
    claims(&store, workspace, 1000).await?;
    lists(&store).await?;
    store.close().await;
    Ok(())
}

async fn opening(url: &str) -> Result<(), StoreError> {
    let mut took = Vec::new();
    for _ in 0..20 {
        let start = Instant::now();
        let store = Store::open(url).await?;
        took.push(start.elapsed());
        store.close().await;
    }
    took.sort();
    let ms = |time: &Duration| time.as_secs_f64() * 1000.0;
    println!(
        "open an existing store     median {:.1} ms, slowest of 20 {:.1} ms",
        ms(&took[10]),
        ms(&took[19])
    );
    Ok(())
}

async fn hold(store: &Store, workspace: i64) -> Result<Claim, Box<dyn std::error::Error>> {
    submit(store, workspace, 0).await?;
    let claimed = store.claim(None, "bench", LATER).await?;
    Ok(claimed.ok_or("the run is not queued")?.0)
}

async fn submit(store: &Store, workspace: i64, steps: usize) -> Result<(), StoreError> {
    let command = ShellCommand::Script("./release.sh deploy --service web --env prod".into());
    let step = StepSpec::Shell(Shell::new(command));
    let plan = Plan {
        runbook: "bench".into(),
        title: "bench".into(),
        services: vec!["web".into(); steps.min(1)],
        steps: vec![PlanStep::new("release web", Phase::Action, step, 1000); steps],
        timeout_ms: 1000,
        ..Plan::default()
    };
    let (actor, trigger) = ("bench".to_owned(), "cli".to_owned());
    store
        .submit(NewRun {
            workspace,
            plan,
            parent: None,
            actor,
            trigger,
            reason: None,
            at: NOW,
        })
        .await?;
    Ok(())
}

async fn events(store: &Store, claim: Claim, count: usize, batch: usize) -> Result<(), StoreError> {
    let body = EntryBody::Event {
        level: Level::Info,
        phase: Some(Phase::Action),
        source: "http".into(),
        message: "GET /health answered 200 in 41 ms".into(),
        data: None,
    };
    let entries = vec![
        NewEntry {
            at: NOW,
            step: Some(0),
            body
        };
        batch
    ];
    let start = Instant::now();
    for _ in 0..count / batch {
        store.append(claim, &entries).await?;
    }
    report(&format!("events, {batch} per append"), count, start);
    Ok(())
}

async fn output(store: &Store, claim: Claim, count: usize) -> Result<(), StoreError> {
    let line = |i: usize| NewEntry {
        at: NOW,
        step: Some(0),
        body: EntryBody::Output {
            stream: Stream::Stdout,
            text: format!("layer {i}: pulled 12.{} MB of 80 MB", i % 100),
        },
    };
    let batches: Vec<Vec<NewEntry>> = (0..count / 1000)
        .map(|n| (n * 1000..(n + 1) * 1000).map(line).collect())
        .collect();
    let start = Instant::now();
    for batch in &batches {
        store.append(claim, batch).await?;
    }
    report("output lines, 1000 per append", count, start);
    Ok(())
}

async fn paging(store: &Store, claim: Claim) -> Result<(), StoreError> {
    let start = Instant::now();
    let mut seen = 0;
    loop {
        let page = store.entries_after(claim.run, seen, 500).await?;
        let Some(last) = page.last() else { break };
        seen = last.seq;
    }
    report(
        "entries read, 500 per page",
        usize::try_from(seen).unwrap_or_default(),
        start,
    );
    Ok(())
}

async fn claims(store: &Store, workspace: i64, count: usize) -> Result<(), StoreError> {
    let start = Instant::now();
    for _ in 0..count {
        submit(store, workspace, 0).await?;
    }
    report("runs submitted", count, start);
    let start = Instant::now();
    let mut claimed = 0;
    while store.claim(None, "bench", LATER).await?.is_some() {
        claimed += 1;
    }
    report("runs claimed", claimed, start);
    Ok(())
}

fn report(what: &str, count: usize, start: Instant) {
    let seconds = start.elapsed().as_secs_f64();
    let count = u32::try_from(count).unwrap_or(u32::MAX);
    println!("{what:<30} {:>10.0} per second", f64::from(count) / seconds);
}

/// A list of 500 of 20,000 runs with twelve steps, in a workspace of their own.
async fn lists(store: &Store) -> Result<(), StoreError> {
    let workspace = store.ensure_workspace("lists", "UTC", NOW).await?.id;
    for _ in 0..20_000 {
        submit(store, workspace, 12).await?;
    }
    let filter = RunFilter {
        limit: 500,
        ..RunFilter::default()
    };
    let (start, mut listed) = (Instant::now(), 0);
    for _ in 0..20 {
        listed += store.runs(workspace, &filter).await?.runs.len();
    }
    report("runs listed, 500 of 20,000", listed, start);
    let ids: Vec<RunId> = store
        .runs(workspace, &filter)
        .await?
        .runs
        .iter()
        .map(|run| run.id)
        .collect();
    let (start, mut read) = (Instant::now(), 0);
    for _ in 0..20 {
        read += store.whole_runs(workspace, &ids).await?.runs.len();
    }
    report("the same runs with their plans", read, start);
    Ok(())
}
