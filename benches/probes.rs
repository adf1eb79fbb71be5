//! What results of probes cost in a store, and how fast they are written and summarized. `cargo bench
//! --bench probes -- [postgres] [FIGURE …]` prints one line per figure (`rate`, `size`, `summaries`,
//! `kill`; all without one), on an `SQLite` file or on a throw-away `PostgreSQL`.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a bench prints its figures"
)]

#[path = "probes/kill.rs"]
mod kill;
#[expect(dead_code, reason = "it restarts no server")]
#[path = "../tests/support/postgres.rs"]
mod postgres;

use std::error::Error;
use std::path::Path;
use std::time::{Duration, Instant};

use opsroom::core::base::time::Timestamp;
use opsroom::core::metric::sample::{ProbeOutcome, Probed, Sample};
use opsroom::core::metric::{DAY_MS, HOUR_MS};
use opsroom::store::{Flush, NewRoutine, Store, StoreError};
use sqlx::{Connection, PgConnection};

type Failure = Box<dyn Error>;

/// The begin of a day, milliseconds.
const BEGIN: i64 = 20_776 * DAY_MS;
/// Samples of a flush.
const FLUSH: usize = 8192;
/// Bytes of all tables and indexes of a schema.
const RELATIONS: &str = "select cast(sum(pg_total_relation_size(c.oid)) as bigint) from pg_class c \
     where c.relnamespace = current_schema()::regnamespace and c.relkind = 'r'";

#[tokio::main]
async fn main() -> Result<(), Failure> {
    // `cargo bench` adds a flag of its own.
    let mut figures: Vec<String> = std::env::args()
        .skip(1)
        .filter(|a| !a.starts_with("--"))
        .collect();
    let on_server = figures.iter().any(|name| name == "postgres");
    figures.retain(|name| name != "postgres");
    for figure in ["rate", "size", "summaries", "kill"] {
        if !figures.is_empty() && !figures.iter().any(|name| name == figure) {
            continue;
        }
        let folder = tempfile::tempdir()?;
        let schema = if on_server {
            let schema = postgres::schema().await;
            Some(schema.ok_or("no PostgreSQL is installed")?)
        } else {
            None
        };
        let file = || format!("sqlite:{}", folder.path().join("probes.db").display());
        let url = schema
            .as_ref()
            .map_or_else(file, |schema| schema.url.clone());
        match figure {
            "rate" => rate(&url).await?,
            "size" => size(&url).await?,
            "summaries" => summaries(&url).await?,
            _ => kill::measure(&url, folder.path()).await?,
        }
        if let Some(schema) = schema {
            schema.remove().await;
        }
    }
    Ok(())
}

/// The bytes of a store that is closed.
async fn bytes_of(url: &str) -> Result<i64, Failure> {
    if let Some(file) = url.strip_prefix("sqlite:") {
        return Ok(i64::try_from(std::fs::metadata(Path::new(file))?.len())?);
    }
    let mut conn = PgConnection::connect(url).await?;
    Ok(sqlx::query_scalar(RELATIONS).fetch_one(&mut conn).await?)
}

/// A store with `n` routines in a workspace.
struct Bench {
    store: Store,
    workspace: i64,
    routines: Vec<i64>,
    seed: u64,
}

impl Bench {
    async fn new(url: &str, n: usize) -> Result<Self, StoreError> {
        let store = Store::open(url).await?;
        let at = Timestamp(BEGIN);
        let workspace = store.ensure_workspace("bench", "UTC", at).await?.id;
        let new: Vec<NewRoutine> = (0..n)
            .map(|i| NewRoutine {
                name: format!("probe service-{i} prod"),
                kind: "http".into(),
            })
            .collect();
        let known = store.ensure_routines(workspace, &new, at).await?;
        let mut routines: Vec<i64> = known.into_values().collect();
        routines.sort_unstable();
        Ok(Self {
            store,
            workspace,
            routines,
            seed: 7,
        })
    }

    /// A number from 0 to 1.
    fn random(&mut self) -> f64 {
        self.seed = self
            .seed
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        let high = u32::try_from(self.seed >> 32).unwrap_or_default();
        f64::from(high) / f64::from(u32::MAX)
    }

    /// Start 0 to 24 ms after the slot, latency around 80 ms (lognormal, sigma 0.18, with a wave of
    /// a day), 0.5 % take eight times as long, 0.1 % fail.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "latencies of about a second"
    )]
    fn sample(&mut self, slot: i64) -> Sample {
        let normal: f64 = (0..12).map(|_| self.random()).sum::<f64>() - 6.0;
        let day = (slot % DAY_MS) as f64 / DAY_MS as f64 * std::f64::consts::TAU;
        let spike = if self.random() < 0.005 { 8.0 } else { 1.0 };
        let failed = self.random() < 0.001;
        Sample {
            slot,
            lag_ms: (self.random() * 25.0) as u32,
            latency_us: Some(
                (80_000.0 * (0.18 * normal).exp() * (1.0 + 0.2 * day.sin()) * spike) as u32,
            ),
            outcome: if failed {
                ProbeOutcome::Failing
            } else {
                ProbeOutcome::Ok
            },
            code: if failed { 503 } else { 200 },
            ..Sample::default()
        }
    }

    async fn flush(&self, samples: Vec<Probed>) -> Result<(), StoreError> {
        let flush = Flush {
            at: Timestamp(BEGIN),
            samples,
            ..Flush::default()
        };
        self.store.flush_probes(self.workspace, &flush).await
    }

    /// Writes a sample of each routine every `interval` milliseconds of `days`, compacted every
    /// `compacted` milliseconds; returns how many.
    async fn write(
        &mut self,
        days: i64,
        interval: i64,
        compacted: i64,
    ) -> Result<usize, StoreError> {
        let (mut n, mut samples) = (0, Vec::new());
        let step = usize::try_from(interval).unwrap_or(1);
        for slot in (BEGIN..BEGIN + days * DAY_MS).step_by(step) {
            for routine in self.routines.clone() {
                // Each routine has its own place in the interval.
                let slot = slot + routine * 7919 % interval;
                let sample = self.sample(slot);
                samples.push(Probed { routine, sample });
            }
            n += self.routines.len();
            if samples.len() >= FLUSH {
                self.flush(std::mem::take(&mut samples)).await?;
            }
            if slot % compacted == 0 {
                self.store.compact_probes(Timestamp(slot)).await?;
            }
        }
        self.flush(samples).await?;
        let end = BEGIN + days * DAY_MS + 3 * HOUR_MS;
        self.store.compact_probes(Timestamp(end)).await?;
        Ok(n)
    }
}

/// Flushes of half a second at 10,000 results a second.
async fn rate(url: &str) -> Result<(), Failure> {
    let mut bench = Bench::new(url, 5000).await?;
    let mut took = Vec::new();
    for flush in 0..120 {
        let slot = BEGIN + flush * 500;
        let samples = bench
            .routines
            .clone()
            .into_iter()
            .map(|routine| Probed {
                routine,
                sample: bench.sample(slot),
            })
            .collect();
        let start = Instant::now();
        bench.flush(samples).await?;
        took.push(start.elapsed());
    }
    let busy: Duration = took.iter().sum();
    println!(
        "10,000 results a second in 2 transactions a second: {:.1} % of the time is spent in them",
        busy.as_secs_f64() * 100.0 / 60.0
    );
    report("flush of 5,000 results", &mut took);
    let start = Instant::now();
    let done = bench
        .store
        .compact_probes(Timestamp(BEGIN + 2 * HOUR_MS))
        .await?;
    println!(
        "compaction of {} results: {:.2} s",
        done.samples,
        start.elapsed().as_secs_f64()
    );
    bench.store.close().await;
    Ok(())
}

/// The file of ten days of a probe every 30 s, compacted each hour.
async fn size(url: &str) -> Result<(), Failure> {
    let mut bench = Bench::new(url, 192).await?;
    let start = Instant::now();
    let n = bench.write(10, 30_000, HOUR_MS).await?;
    let seconds = start.elapsed().as_secs_f64();
    let routine = bench.routines[5];
    let (from, to) = (Timestamp(BEGIN), Timestamp(BEGIN + DAY_MS));
    let start = Instant::now();
    let day = bench.store.samples(routine, from, to).await?.len();
    println!(
        "{day} samples of a day: {:.2} ms",
        start.elapsed().as_secs_f64() * 1000.0
    );
    bench.store.close().await;
    let bytes = u32::try_from(bytes_of(url).await?)?;
    println!(
        "{n} probes in {bytes} bytes: {:.2} bytes a probe, all in; written and compacted in {seconds:.0} s",
        f64::from(bytes) / f64::from(u32::try_from(n)?)
    );
    Ok(())
}

/// 30 days of 5,000 targets, 7 days of 2,000.
async fn summaries(url: &str) -> Result<(), Failure> {
    let mut bench = Bench::new(url, 5000).await?;
    bench.write(30, 600_000, DAY_MS).await?;
    let now = BEGIN + 30 * DAY_MS;
    for (days, n, offset) in [(30, 5000, 0), (7, 2000, 0), (7, 2000, 9 * HOUR_MS)] {
        let from = Timestamp(now - days * DAY_MS + offset);
        let (mut took, mut slowest) = (Vec::new(), 0.0_f64);
        for _ in 0..20 {
            let start = Instant::now();
            let found = bench
                .store
                .routine_summaries(bench.workspace, &bench.routines[..n], from, Timestamp(now))
                .await?;
            for summary in found.values() {
                let p95 = summary.rollup.latency.quantile(0.95);
                slowest = slowest.max(p95.ok_or("a routine without latencies")?);
            }
            took.push(start.elapsed());
        }
        let from = if offset == 0 { "midnight" } else { "09:00" };
        report(
            &format!("p95 of {n} routines, {days} days since {from}"),
            &mut took,
        );
        println!("  the highest: {:.0} ms", slowest / 1000.0);
    }
    bench.store.close().await;
    Ok(())
}

fn report(what: &str, took: &mut [Duration]) {
    took.sort();
    let ms = |time: Option<&Duration>| time.map_or(0.0, Duration::as_secs_f64) * 1000.0;
    println!(
        "{what}: median {:.1} ms, slowest of {} {:.1} ms",
        ms(took.get(took.len() / 2)),
        took.len(),
        ms(took.last())
    );
}
