//! How long reading a command takes with 1,000 services and 500 runbooks: p50 and p99 over many phrases. Goal: p99 under 1 ms.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use opsroom::core::command::{Catalogue, RunbookName, complete, parse};
use opsroom::core::service::{Environment, Routine, Service, Stack};

const ROUNDS: usize = 200;

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
    let mut totals: BTreeMap<&str, Duration> = BTreeMap::new();
    let mut times: Vec<Duration> = Vec::with_capacity(ROUNDS * PHRASES.len());
    for _ in 0..ROUNDS {
        for phrase in PHRASES {
            let started = Instant::now();
            act(phrase);
            let took = started.elapsed();
            times.push(took);
            let total = totals.entry(*phrase).or_default();
            *total += took;
        }
    }
    let slowest = totals.iter().max_by_key(|(_, total)| **total);
    if let Some((phrase, total)) = slowest {
        println!("{what}: slowest on average {:?}: {phrase}", *total / u32::try_from(ROUNDS).unwrap_or(1));
    }
    times.sort_unstable();
    let at = |percent: usize| times[(times.len() * percent / 100).min(times.len() - 1)];
    println!("{what}: n={} p50={:?} p99={:?} max={:?}", times.len(), at(50), at(99), times[times.len() - 1]);
}

fn catalogue() -> Catalogue {
    let environments =
        ["dev", "staging", "prod"].map(|name| Environment { name: name.to_owned(), ..Environment::default() }).to_vec();
    let services = (0..1000)
        .map(|i| Service {
            name: format!("team-{} service {i}", i % 12),
            aliases: vec![format!("backend {i}"), format!("svc{i}")],
            environments: environments.iter().map(|e| e.name.clone()).collect(),
            ..Service::default()
        })
        .collect();
    let routines = (0..200).map(|i| Routine { name: format!("routine {i}"), ..Routine::default() }).collect();
    let runbooks: Vec<RunbookName> = (0..500)
        .map(|i| RunbookName {
            name: format!("procedure {i}"),
            phrases: vec![format!("rotate credentials {i} of {{service}} in {{env}}"), format!("do thing number {i}")],
            mutates: i % 2 == 0,
            inputs: vec![("target".to_owned(), false)],
        })
        .collect();
    Catalogue::new(&Stack { environments, services, routines, ..Stack::default() }, &runbooks)
}
