//! A store that fails during a run, and a clock that is set: survived and reported, without silent
//! loss.

use std::process::Command;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use opsroom::adapter::{AdapterContext, Adapters, Script};
use opsroom::clock::Clock;
use opsroom::core::run::{Phase, RunId, RunStatus};
use opsroom::engine::{Engine, EngineConfig};

use super::bench::*;
use crate::postgres::Cluster;

/// Lines that do not compress, each with its number.
const NOISE: &str = "head -c 9000000 /dev/urandom | base64 -w 100 | awk '{ print NR, $0 }'";
const NOISE_LINES: usize = 120_000;

#[tokio::test(flavor = "multi_thread")]
async fn a_database_restart_during_a_run_loses_no_line() {
    let mut cluster = match Cluster::start() {
        Ok(cluster) => cluster,
        Err(why) => {
            return assert!(
                std::env::var("CI").as_deref() != Ok("true"),
                "CI needs PostgreSQL: {why}"
            );
        }
    };
    let bench = Bench::real_on(&cluster.durable_url()).await;
    let engine = bench.engine_with(EngineConfig {
        lease_ms: 30_000,
        renew_ms: 500,
        ..config()
    });
    let script = "for i in $(seq 1 300); do echo $i; sleep 0.02; done";
    let id = bench
        .submit(plan(vec![shell(Phase::Action, "long", script)]))
        .await;
    engine.wake();
    bench.until_said(id, "> 20").await;
    for how in ["fast", "immediate"] {
        cluster = tokio::task::spawn_blocking(move || {
            cluster.restart(how);
            cluster
        })
        .await
        .unwrap();
    }
    let run = bench.ended_despite(id).await;
    assert_ended(&run, RunStatus::Succeeded);
    let output = bench.output(id).await;
    let wanted: Vec<String> = (1..=300).map(|n| n.to_string()).collect();
    assert_eq!(output, wanted);
    engine.stop(true).await;
    bench.store.close().await;
    cluster.stop();
}

/// A small file system that can be enlarged. `None`: only root can mount it.
struct Disk(tempfile::TempDir);

impl Disk {
    fn new(size: &str) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let mounted = mount(
            &["-t", "tmpfs", "-o", &format!("size={size}"), "opsroom-test"],
            &folder,
        );
        if !mounted {
            let ci = std::env::var("CI").as_deref() == Ok("true");
            assert!(
                !ci,
                "CI needs to be root, to mount a small file system that gets full"
            );
            eprintln!(
                "the test of a full disk is left out: a small file system cannot be mounted here"
            );
        }
        mounted.then_some(Self(folder))
    }

    fn grow(&self, size: &str) {
        assert!(mount(&["-o", &format!("remount,size={size}")], &self.0));
    }

    fn url(&self) -> String {
        format!("sqlite:{}", self.0.path().join("opsroom.db").display())
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.0.path()).status();
    }
}

fn mount(options: &[&str], folder: &tempfile::TempDir) -> bool {
    let ended = Command::new("mount")
        .args(options)
        .arg(folder.path())
        .output();
    ended.is_ok_and(|ended| ended.status.success())
}

/// Waits until the store refuses to grow.
async fn full(bench: &Bench) {
    let mut answers = Vec::new();
    for n in 0..1500 {
        let line = format!("{n}{}", "x".repeat(8000));
        let answer = bench
            .store
            .remember(bench.workspace, "ana", &line, Clock::System.now())
            .await;
        match answer.map_err(|e| e.to_string()) {
            Err(why) if why.contains("the disk is full") => return,
            answer => answers.push(answer),
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!(
        "the disk never got full: {:?}",
        &answers[answers.len() - 5..]
    );
}

fn numbers(output: &[String]) -> Vec<usize> {
    output
        .iter()
        .map(|line| line.split(' ').next().unwrap().parse().unwrap())
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_blocks_the_command_until_there_is_space() {
    let Some(disk) = Disk::new("4m") else { return };
    let bench = Bench::real_on(&disk.url()).await;
    let engine = bench.engine_with(EngineConfig {
        lease_ms: 60_000,
        renew_ms: 500,
        ..config()
    });
    let id = bench
        .submit(plan(vec![shell(Phase::Action, "noise", NOISE)]))
        .await;
    engine.wake();
    full(&bench).await;
    assert_eq!(
        bench.store.run(id).await.unwrap().status,
        RunStatus::Running,
        "it can still be read"
    );
    disk.grow("100m");
    let run = bench.ended(id).await;
    assert_ended(&run, RunStatus::Succeeded);
    let numbers = numbers(&bench.output(id).await);
    assert!(numbers.len() >= NOISE_LINES, "{}", numbers.len());
    assert!(numbers.iter().copied().eq(1..=numbers.len()));
    engine.stop(true).await;
    bench.store.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_stays_full_interrupts_the_run_and_reports_lost_lines() {
    let Some(disk) = Disk::new("4m") else { return };
    let bench = Bench::real_on(&disk.url()).await;
    let engine = bench.engine_with(EngineConfig {
        lease_ms: 1500,
        renew_ms: 200,
        ..config()
    });
    let id = bench
        .submit(plan(vec![shell(
            Phase::Action,
            "noise",
            &format!("{NOISE}; sleep 100"),
        )]))
        .await;
    engine.wake();
    full(&bench).await;
    until(async || engine.live() == 0).await;
    assert_eq!(
        bench.store.run(id).await.unwrap().status,
        RunStatus::Running,
        "no engine could write another status"
    );
    disk.grow("100m");
    let run = bench.ended(id).await;
    assert_ended(&run, RunStatus::Interrupted);
    let message = run.message.unwrap();
    assert!(message.contains("its engine abandoned it"), "{message}");
    assert!(
        message.contains("lines of its output could not be stored"),
        "{message}"
    );
    let numbers = numbers(&bench.output(id).await);
    assert!(
        numbers.iter().copied().eq(1..=numbers.len()),
        "what is there has no gap"
    );
    assert_eq!(bench.store.processes(id).await.unwrap(), []);
    engine.stop(true).await;
    bench.store.close().await;
}

/// Two engines on one store; the clock that both read is set during a run.
async fn set_clock(by_ms: i64) -> (Bench, RunId) {
    let bench = Bench::real().await;
    let by: &'static AtomicI64 = Box::leak(Box::default());
    let engine = || {
        let (store, bus) = (bench.store.clone(), bench.bus.clone());
        Engine::start(
            store,
            bus,
            Adapters::real(AdapterContext::default()),
            Clock::Set(by),
            config(),
        )
    };
    let (one, _other) = (engine(), engine());
    let id = bench
        .submit(plan(vec![shell(
            Phase::Action,
            "long",
            "echo on; sleep 1.5",
        )]))
        .await;
    one.wake();
    bench.until_said(id, "> on").await;
    by.store(by_ms, Ordering::Relaxed);
    bench.ended(id).await;
    (bench, id)
}

#[tokio::test]
async fn a_clock_that_is_set_interrupts_no_living_run() {
    const HOUR: i64 = 3_600_000;
    for by in [HOUR, -HOUR] {
        let (bench, id) = set_clock(by).await;
        assert_ended(&bench.store.run(id).await.unwrap(), RunStatus::Succeeded);
    }
}

#[tokio::test]
async fn after_the_clock_was_set_dead_engines_are_still_noticed() {
    let bench = Bench::scripted(Script::default()).await;
    let by: &'static AtomicI64 = Box::leak(Box::default());
    let (store, bus) = (bench.store.clone(), bench.bus.clone());
    let _engine = Engine::start(store, bus, bench.adapters.clone(), Clock::Set(by), config());
    let id = super::crash::die_with(&bench, "elsewhere:8:1:boot:1:1", 60_000).await;
    by.store(3_600_000, Ordering::Relaxed);
    assert_ended(&bench.ended(id).await, RunStatus::Interrupted);
}
