//! Engines are killed while they work. `cargo bench --bench chaos -- 1000` does the same for longer.

#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "test code")]

#[path = "chaos/harness.rs"]
mod harness;
#[expect(dead_code, reason = "only the long version has a server of its own")]
#[path = "support/postgres.rs"]
mod postgres;

use harness::{Chaos, Figures, run, sqlite_url};

const KILLS: usize = 20;

fn seed() -> u64 {
    std::env::var("OPSROOM_SEED").ok().and_then(|s| s.parse().ok()).unwrap_or_else(|| u64::from(std::process::id()))
}

fn assert_violent(figures: &Figures) {
    eprintln!("{figures:?} in {:?}", figures.took);
    assert!(figures.kills >= KILLS && figures.succeeded > 0 && figures.interrupted > 0, "{figures:?}");
}

#[tokio::test]
async fn nothing_is_lost_or_done_twice_when_engines_are_killed_on_sqlite() {
    let folder = tempfile::tempdir().unwrap();
    let url = sqlite_url(folder.path());
    assert_violent(&run(Chaos { url, kills: KILLS, engines: 3, seed: seed() }, None).await);
}

#[tokio::test]
async fn nothing_is_lost_or_done_twice_when_engines_are_killed_on_postgres() {
    let Some(schema) = postgres::schema().await else { return };
    let url = schema.url.clone();
    assert_violent(&run(Chaos { url, kills: KILLS, engines: 3, seed: seed() }, None).await);
    schema.remove().await;
}
