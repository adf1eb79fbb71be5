//! How long reading a command takes with 1,000 services and 500 runbooks: p50 and p99 over many
//! phrases. Goal: p99 under 1 ms. The cost of a phrase is its quickest reading of many; the
//! percentiles of all readings include the noise of the machine.

use std::time::{Duration, Instant};

use opsroom::core::command::{Catalogue, RunbookName, complete, parse};
use opsroom::core::stack::routine::Routine;
use opsroom::core::stack::service::{Environment, Service, Stack};

const ROUNDS: usize = 40;

/// Phrases of the tests, written for another stack: most names are unknown here, the expensive
/// case.
const FIXTURES: [&str; 2] = [
    include_str!("../tests/fixtures/commands.toml"),
    include_str!("../tests/fixtures/commands_more.toml"),
];

const PHRASES: &[&str] = &[
    "deploy prod",
    "check staging status",
    "generate spec for dashboard",
    "deploy team-7 service 123 to staging then check staging",
    "restart backend 17, team-3 service 44 and team-9 service 999 in prod only if staging is healthy",
    "deplyo team-7 service 123 to prod",
    "restart bakcend 17 in prod",
    "chek team-7 service 123 in stagng",
    "run procedure 250 for backend 12 in prod with target=main",
    "rotate credentials 77 of team-1 service 5 in prod",
    "blorp zxcvb wibble wobble something entirely unrelated to anything we know about",
    "don't deploy prod",
    "failed runs of backend 12 since yesterday",
    "declare incident sev2 \"Search results are empty\"",
    "hey, could you please restart backend 400 in staging? thanks!",
    "pause routine 33 for an hour and a half",
];

fn main() {
    let catalogue = catalogue();
    report("parse", |text| {
        std::hint::black_box(parse(text, &catalogue));
    });
    report("complete", |text| {
        std::hint::black_box(complete(text, &catalogue, 8));
    });
    let huge = "deploy web to prod ".repeat(300_000);
    let started = Instant::now();
    std::hint::black_box(parse(&huge, &catalogue));
    println!("parse of {} bytes: {:?}", huge.len(), started.elapsed());
    let longest = "restart unknwon servcie in stagng and ".repeat(107);
    let started = Instant::now();
    std::hint::black_box(parse(&longest[..4096.min(longest.len())], &catalogue));
    println!("parse of 4 KiB of misspelt words: {:?}", started.elapsed());
}

fn report(what: &str, act: impl Fn(&str)) {
    let phrases = phrases();
    let mut times: Vec<Duration> = Vec::with_capacity(ROUNDS * phrases.len());
    let mut costs: Vec<(Duration, &str)> = Vec::with_capacity(phrases.len());
    for phrase in &phrases {
        let round = |_| {
            let started = Instant::now();
            act(phrase);
            started.elapsed()
        };
        let own: Vec<Duration> = (0..ROUNDS).map(round).collect();
        costs.extend(own.iter().min().map(|least| (*least, phrase.as_str())));
        times.extend(own);
    }
    times.sort_unstable();
    costs.sort_unstable();
    let at = |len: usize, percent: usize| (len * percent / 100).min(len - 1);
    let cost = |percent| costs[at(costs.len(), percent)].0;
    println!(
        "{what}: {} phrases, cost p50={:?} p99={:?}",
        costs.len(),
        cost(50),
        cost(99)
    );
    for (least, phrase) in costs.iter().rev().take(3) {
        println!("  {least:?}: {phrase:.80}");
    }
    let time = |percent| times[at(times.len(), percent)];
    println!(
        "  all readings: n={} p50={:?} p99={:?} max={:?}",
        times.len(),
        time(50),
        time(99),
        times[times.len() - 1]
    );
}

fn phrases() -> Vec<String> {
    let cases = FIXTURES
        .iter()
        .filter_map(|f| f.parse::<toml::Table>().ok());
    let cases = cases
        .filter_map(|t| t.get("case").and_then(|c| c.as_array().cloned()))
        .flatten();
    let texts = cases.filter_map(|c| c.get("text").and_then(|t| t.as_str().map(str::to_owned)));
    PHRASES
        .iter()
        .map(|p| (*p).to_owned())
        .chain(texts)
        .collect()
}

fn catalogue() -> Catalogue {
    let environments = ["dev", "staging", "prod"]
        .map(|name| Environment {
            name: name.to_owned(),
            ..Environment::default()
        })
        .to_vec();
    let services = (0..1000)
        .map(|i| Service {
            name: format!("team-{} service {i}", i % 12),
            aliases: vec![format!("backend {i}"), format!("svc{i}")],
            environments: environments.iter().map(|e| e.name.clone()).collect(),
            ..Service::default()
        })
        .collect();
    let routines = (0..200)
        .map(|i| Routine {
            name: format!("routine {i}"),
            ..Routine::default()
        })
        .collect();
    let runbooks: Vec<RunbookName> = (0..500)
        .map(|i| RunbookName {
            name: format!("procedure {i}"),
            phrases: vec![
                format!("rotate credentials {i} of {{service}} in {{env}}"),
                format!("do thing number {i}"),
            ],
            mutates: i % 2 == 0,
            inputs: vec![("target".to_owned(), false)],
            ..RunbookName::default()
        })
        .collect();
    Catalogue::new(
        &Stack {
            environments,
            services,
            routines,
            ..Stack::default()
        },
        &runbooks,
    )
}
