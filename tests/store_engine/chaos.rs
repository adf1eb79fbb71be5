//! Kills and stops engines while they work. `cargo bench --bench chaos -- 1000` does the same for
//! longer; `tests/faults.rs` tests that it finds planted faults.

#![expect(clippy::unwrap_used, clippy::panic, reason = "test code")]

#[path = "chaos/harness.rs"]
mod harness;

use harness::{Chaos, run, sqlite_url};

const KILLS: usize = 20;

fn seed() -> u64 {
    std::env::var("OPSROOM_SEED")
        .ok()
        .and_then(|s| s.parse().ok())
        .unwrap_or_else(|| u64::from(std::process::id()))
}

async fn nothing_is_lost(url: String) {
    let chaos = Chaos {
        url,
        kills: KILLS,
        engines: 3,
        seed: seed(),
        stop_every: 12,
        fault: None,
    };
    let figures = run(chaos, None)
        .await
        .unwrap_or_else(|finding| panic!("{finding}"));
    eprintln!("{figures:?}");
    let violent = figures.kills >= KILLS
        && figures.stops > 0
        && figures.succeeded > 0
        && figures.interrupted > 0;
    assert!(violent, "{figures:?}");
}

#[tokio::test]
async fn nothing_is_lost_or_done_twice_when_engines_are_killed_on_sqlite() {
    let folder = tempfile::tempdir().unwrap();
    nothing_is_lost(sqlite_url(folder.path())).await;
}

#[tokio::test]
async fn nothing_is_lost_or_done_twice_when_engines_are_killed_on_postgres() {
    let Some(schema) = crate::postgres::schema().await else {
        return;
    };
    nothing_is_lost(schema.url.clone()).await;
    schema.remove().await;
}
