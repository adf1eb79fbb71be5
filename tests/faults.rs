//! Tests that the chaos test can fail: each fault of `src/fault.rs`, planted into every engine, is
//! found within 250 kills, and without a fault nothing is found.
//! `cargo test --features faults --test faults [NAME]`.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "test code"
)]

#[path = "store_engine/chaos/harness.rs"]
mod harness;
#[expect(dead_code, reason = "only the long version has a server of its own")]
#[path = "support/postgres.rs"]
mod postgres;

use harness::{Chaos, run, sqlite_url};
use opsroom::fault::Fault;

const KILLS: usize = 250;

fn seed() -> u64 {
    std::env::var("OPSROOM_SEED")
        .ok()
        .and_then(|s| s.parse().ok())
        .unwrap_or_else(|| u64::from(std::process::id()))
}

fn chaos(url: String, kills: usize, fault: Option<&'static str>) -> Chaos {
    Chaos {
        url,
        kills,
        engines: 4,
        seed: seed(),
        stop_every: 10,
        fault,
    }
}

/// Prints past the test harness, which captures output.
fn report(line: &str) {
    use std::io::Write as _;
    let _ = writeln!(std::io::stderr(), "{line}");
}

async fn is_found(url: String, fault: Fault) {
    let name = fault.name();
    match run(chaos(url, KILLS, Some(name)), None).await {
        Err(finding) => report(&format!(
            "{name}: found by {}",
            finding.to_string().lines().next().unwrap_or_default()
        )),
        Ok(figures) => panic!("{name} was not found in {KILLS} kills: {figures:?}"),
    }
}

macro_rules! faults {
    ($($fault:ident: $name:ident),+ $(,)?) => {
        mod planted {
            use super::*;
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $name() {
                    let folder = tempfile::tempdir().unwrap();
                    is_found(sqlite_url(folder.path()), Fault::$fault).await;
                }
            )+
        }

        #[test]
        fn every_fault_is_tried() {
            assert_eq!(Fault::ALL, [$(Fault::$fault),+]);
            for (fault, name) in Fault::ALL.iter().zip([$(stringify!($name)),+]) {
                assert_eq!(fault.name(), name);
            }
        }
    };
}

faults! {
    UnfencedWrites: unfenced_writes,
    LocksKept: locks_kept,
    LocksReleasedEarly: locks_released_early,
    ClaimWithoutLocks: claim_without_locks,
    LockoutIgnored: lockout_ignored,
    GroupNotLocked: group_not_locked,
    NumberingGap: numbering_gap,
    NumberTwice: number_twice,
    VoteCountedTwice: vote_counted_twice,
    UnknownRepeated: unknown_repeated,
    UnsafeRetry: unsafe_retry,
    LateOutcome: late_outcome,
    StartNotRecorded: start_not_recorded,
    CommandNotRecorded: command_not_recorded,
    OrphanLeft: orphan_left,
    LostLeaseIgnored: lost_lease_ignored,
    LivingDeclaredDead: living_declared_dead,
    DeadNotMissed: dead_not_missed,
    SavedValuesLost: saved_values_lost,
    FinallySkipped: finally_skipped,
    CancelIgnored: cancel_ignored,
    LastChunkUnredacted: last_chunk_unredacted,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_missing_fencing_token_is_found_on_postgres() {
    let Some(schema) = postgres::schema().await else {
        return;
    };
    is_found(schema.url.clone(), Fault::UnfencedWrites).await;
    schema.remove().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_fault_nothing_is_found_though_engines_stop_within_their_writes() {
    let folder = tempfile::tempdir().unwrap();
    let figures = run(chaos(sqlite_url(folder.path()), 100, None), None)
        .await
        .unwrap_or_else(|f| panic!("{f}"));
    report(&format!("no fault: {figures:?}"));
    assert!(figures.taken > 0 && figures.resumed > 0, "{figures:?}");
}
