//! Homes of any size: a store with services and a day of results of their probes, finished runs, and
//! a folder of runbooks.

use std::error::Error;
use std::path::Path;

use opsroom::clock::Clock;
use opsroom::core::base::time::Timestamp;
use opsroom::core::health::observation::Observation;
use opsroom::core::metric::DAY_MS;
use opsroom::core::metric::sample::{ProbeOutcome, Probed, Sample};
use opsroom::core::routine::scheduled::probe_name;
use opsroom::core::run::Transition;
use opsroom::core::run::plan::{Plan, Target, targets_of};
use opsroom::core::stack;
use opsroom::core::stack::service::{
    Action, ActionCall, Environment, HttpRequest, Service, Stack, Verb,
};
use opsroom::core::stack::state::State;
use opsroom::store::{Flush, NewRoutine, NewRun, Store};

type Failure = Box<dyn Error>;

/// Samples in a flush.
const FLUSH: usize = 20_000;
/// At most this many samples are made, so that large stores have longer intervals: what is read
/// depends on hours, not on samples.
const SAMPLES: i64 = 3_000_000;
const MINUTE_MS: i64 = 60_000;
const WORDS: [&str; 12] = [
    "web", "api", "auth", "cart", "mail", "search", "bill", "pay", "user", "order", "stock", "ship",
];

/// Makes the store of a home.
pub async fn make(home: &Path, services: usize, runs: usize) -> Result<(), Failure> {
    let folder = home.join("data/opsroom");
    std::fs::create_dir_all(&folder)?;
    let url = format!("sqlite:{}", folder.join("opsroom.db").display());
    let store = Store::open(&url).await?;
    let now = Clock::System.now();
    let workspace = store.ensure_workspace("acme", "UTC", now).await?.id;
    let stack = stack(services);
    let changes = stack::diff(&Stack::default(), &stack);
    store.apply(workspace, &changes, "bench", now).await?;
    let targets: Vec<Target> = stack.services.iter().flat_map(targets_of).collect();
    results(&store, workspace, &targets, now).await?;
    for at in 0..runs {
        run(&store, workspace, &stack, at).await?;
    }
    store.close().await;
    Ok(())
}

fn stack(services: usize) -> Stack {
    let environment = |name: &str, protected| Environment {
        name: name.to_owned(),
        protected,
        ..Environment::default()
    };
    let action = |verb, url: String| Action {
        verb,
        environments: Vec::new(),
        call: ActionCall::Http(HttpRequest {
            method: "GET".to_owned(),
            url,
            ..HttpRequest::default()
        }),
        timeout_ms: 5000,
        idempotent: true,
        secrets: Vec::new(),
    };
    let service = |n: usize| {
        let name = format!("{}-{n:05}", WORDS[n % WORDS.len()]);
        let url = |path: &str| format!("http://{name}.acme.test/{path}");
        Service {
            owner: Some("ana@acme.test".to_owned()),
            environments: vec!["staging".to_owned(), "prod".to_owned()],
            actions: vec![
                action(Verb::Probe, url("health")),
                action(Verb::Deploy, url("deploy")),
            ],
            name,
            ..Service::default()
        }
    };
    Stack {
        timezone: "UTC".to_owned(),
        environments: vec![environment("staging", false), environment("prod", true)],
        services: (0..services).map(service).collect(),
        ..Stack::default()
    }
}

/// A day of results of each target, compacted hour by hour as an engine does, and its newest state.
async fn results(
    store: &Store,
    workspace: i64,
    targets: &[Target],
    now: Timestamp,
) -> Result<(), Failure> {
    let named = |target: &Target| NewRoutine {
        name: probe_name(target),
        kind: "http".into(),
    };
    let new: Vec<NewRoutine> = targets.iter().map(named).collect();
    let known = store.ensure_routines(workspace, &new, now).await?;
    let mut routines: Vec<i64> = known.into_values().collect();
    routines.sort_unstable();
    let count = i64::try_from(routines.len().max(1))?;
    let minutes = (1440 * count / SAMPLES + 1).min(30);
    let (interval, begin) = (minutes * MINUTE_MS, now.0 - DAY_MS);
    let mut samples = Vec::new();
    for slot in (begin..now.0).step_by(usize::try_from(interval)?) {
        for routine in &routines {
            let noise = (slot / MINUTE_MS * 7919 + routine * 104_729) % 1000;
            let failed = noise == 999;
            let outcome = if failed {
                ProbeOutcome::Failing
            } else {
                ProbeOutcome::Ok
            };
            let sample = Sample {
                slot: slot + routine % interval,
                latency_us: Some(u32::try_from(60_000 + noise * 40)?),
                outcome,
                code: if failed { 503 } else { 200 },
                ..Sample::default()
            };
            samples.push(Probed {
                routine: *routine,
                sample,
            });
        }
        if samples.len() >= FLUSH {
            flush(store, workspace, std::mem::take(&mut samples), Vec::new()).await?;
            store.compact_probes(Timestamp(slot)).await?;
        }
    }
    let observed = |target: &Target| Observation {
        target: target.clone(),
        at: now,
        state: State::Ok,
        latency_ms: Some(61),
        message: "HTTP 200 in 61 ms".to_owned(),
        run: None,
    };
    let observations = targets.iter().map(observed).collect();
    flush(store, workspace, samples, observations).await?;
    store.compact_probes(now).await?;
    Ok(())
}

async fn flush(
    store: &Store,
    workspace: i64,
    samples: Vec<Probed>,
    observations: Vec<Observation>,
) -> Result<(), Failure> {
    let flush = Flush {
        at: Clock::System.now(),
        samples,
        observations,
        ..Flush::default()
    };
    Ok(store.flush_probes(workspace, &flush).await?)
}

/// A run of a service that has ended.
async fn run(store: &Store, workspace: i64, stack: &Stack, at: usize) -> Result<(), Failure> {
    let now = Clock::System.now();
    let service = stack.services.get(at % stack.services.len().max(1));
    let services: Vec<String> = service.iter().map(|s| s.name.clone()).collect();
    let plan = Plan {
        runbook: "healthcheck".into(),
        title: format!("healthcheck {} in prod", services.join(" ")),
        env: Some("prod".to_owned()),
        services,
        timeout_ms: 1000,
        ..Plan::default()
    };
    let new = NewRun {
        workspace,
        plan,
        parent: None,
        actor: "bench".to_owned(),
        trigger: "cli".to_owned(),
        reason: None,
        at: now,
    };
    let id = store.submit(new).await?.id;
    let until = now.plus_ms(3_600_000);
    if let Some((claim, _)) = store.claim(Some(id), "bench", until).await? {
        store
            .transition(claim, Transition::Cancel, None, &[], now)
            .await?;
    }
    Ok(())
}

/// Writes runbooks with two phrases each; every fifth is a page.
pub fn runbooks(home: &Path, count: usize) -> Result<(), Failure> {
    let folder = home.join("config/opsroom/runbooks");
    std::fs::create_dir_all(&folder)?;
    for n in 0..count {
        let (name, text) = if n % 5 == 4 {
            let text =
                format!("# Recover queue number {n}\n\n```sh\nps aux | grep queue{n}\n```\n");
            (format!("page-{n:04}.md"), text)
        } else {
            (format!("flush-queue-{n:04}.toml"), runbook(n))
        };
        std::fs::write(folder.join(name), text)?;
    }
    Ok(())
}

fn runbook(n: usize) -> String {
    format!(
        r#"name = "flush-queue-{n:04}"
title = "flush queue {n}"
version = "1.0"
mutates = true
env = "required"
services = "optional"
phrases = ["flush the queue {n}", "flush all queue entries {n} of {{service}}"]

[[input]]
name = "target"
type = "text"
default = "main"

[[step]]
name = "flush"
phase = "action"
shell = ["/bin/echo", "{n}"]
timeout = "2m"
"#
    )
}
