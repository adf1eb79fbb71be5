//! Engines are killed while they work. `cargo bench --bench chaos -- 1000` does the same for longer.
//!
//! PostgreSQL: the server of `OPSROOM_TEST_POSTGRES`, else the local one; the test makes a database of its own there.

#![expect(clippy::unwrap_used, clippy::panic, reason = "test code")]

#[path = "chaos/harness.rs"]
mod harness;

use std::process::Command;

use harness::{Chaos, Figures, run, sqlite_url};

const KILLS: usize = 20;

fn seed() -> u64 {
    std::env::var("OPSROOM_SEED").ok().and_then(|s| s.parse().ok()).unwrap_or_else(|| u64::from(std::process::id()))
}

fn assert_violent(figures: &Figures) {
    eprintln!("{figures:?} in {:?}", figures.took);
    assert!(figures.kills >= KILLS && figures.succeeded > KILLS, "{figures:?}");
}

#[tokio::test]
async fn nothing_is_lost_or_done_twice_when_engines_are_killed_on_sqlite() {
    let folder = tempfile::tempdir().unwrap();
    let url = sqlite_url(folder.path());
    assert_violent(&run(Chaos { url, kills: KILLS, engines: 3, seed: seed() }).await);
}

#[tokio::test]
async fn nothing_is_lost_or_done_twice_when_engines_are_killed_on_postgres() {
    let server = std::env::var("OPSROOM_TEST_POSTGRES").unwrap_or_else(|_| "postgres://postgres@127.0.0.1:5432".into());
    let url = postgres_url(&server, &format!("opsroom_chaos_{}", std::process::id()));
    assert_violent(&run(Chaos { url, kills: KILLS, engines: 3, seed: seed() }).await);
}

/// Makes an empty database on the server and gives its URL.
fn postgres_url(server: &str, name: &str) -> String {
    let admin = format!("{}/postgres", server.trim_end_matches('/'));
    for sql in [format!("drop database if exists {name} with (force)"), format!("create database {name}")] {
        let done = Command::new("psql").args([&admin, "-qc", &sql]).output();
        let done = done.unwrap_or_else(|e| panic!("psql is needed to make a database for this test: {e}"));
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    }
    format!("{}/{name}", server.trim_end_matches('/'))
}
