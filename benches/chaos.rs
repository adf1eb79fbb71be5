//! A longer chaos test: `cargo bench --bench chaos -- [KILLS] [URL] [SEED]`, by default 1,000 kills
//! on a fresh `SQLite` file. The URL `postgres` starts a throw-away server, which is restarted
//! during the test. Panics, with the seed, when something is lost or done twice.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::cast_precision_loss,
    reason = "a bench prints its figures"
)]

#[path = "../tests/store_engine/chaos/harness.rs"]
mod harness;
#[expect(dead_code, reason = "it needs a whole server, not a schema in one")]
#[path = "../tests/support/postgres.rs"]
mod postgres;

use harness::{Chaos, run};

#[tokio::main]
async fn main() {
    // `cargo bench` adds a flag of its own.
    let args: Vec<String> = std::env::args()
        .skip(1)
        .filter(|a| !a.starts_with("--"))
        .collect();
    let folder = tempfile::tempdir().unwrap();
    let kills = args.first().map_or(1000, |n| n.parse().unwrap());
    let requested = args
        .get(1)
        .cloned()
        .unwrap_or_else(|| harness::sqlite_url(folder.path()));
    let server = (requested == "postgres").then(|| postgres::Cluster::start().unwrap());
    let url = server
        .as_ref()
        .map_or(requested, postgres::Cluster::durable_url);
    let seed = args.get(2).map_or(20_261_121, |n| n.parse().unwrap());
    let chaos = Chaos {
        url,
        kills,
        engines: 4,
        seed,
        stop_every: 25,
        fault: None,
    };
    let figures = run(chaos, server)
        .await
        .unwrap_or_else(|finding| panic!("{finding}"));
    println!(
        "{figures:#?}\n{:.1} kills per second",
        figures.kills as f64 / figures.took.as_secs_f64()
    );
}
