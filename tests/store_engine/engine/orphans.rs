//! Processes that a dead engine left running are ended before another run gets their target.

use std::os::unix::process::CommandExt;
use std::process::Command;

use opsroom::adapter::Script;
use opsroom::clock::Clock;
use opsroom::core::run::plan::Plan;
use opsroom::core::run::{Phase, RunId, RunStatus, StepStatus, Transition};
use opsroom::store::Process;

use super::bench::*;
use super::crash::dead_neighbour;
use super::process::is_running;

/// A command of an engine that is gone: a process group that still runs, and its record in the
/// store.
fn left_running(script: &str) -> (u32, Process) {
    let mark = format!("/tmp/opsroom-output-test-{}", std::process::id());
    let mut child = Command::new("sh")
        .args(["-c", script])
        .env("OPSROOM_OUTPUT", &mark)
        .process_group(0)
        .spawn()
        .unwrap();
    let pid = child.id();
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let started = stat
        .rsplit_once(')')
        .unwrap()
        .1
        .split_whitespace()
        .nth(19)
        .unwrap()
        .to_owned();
    // Reaped when it ends, as init does with an orphan.
    std::thread::spawn(move || child.wait());
    (
        pid,
        Process {
            step: Some(0),
            holder: String::new(),
            pgid: i32::try_from(pid).unwrap(),
            started,
            mark,
        },
    )
}

/// A run of that engine, whose first step has started this process.
async fn under_way(bench: &Bench, holder: &str, process: &Process, lease_ms: i64) -> RunId {
    let target = |p: Plan| Plan {
        mutates: true,
        services: vec!["web".to_owned()],
        ..p
    };
    let id = bench
        .submit(target(plan(vec![shell(Phase::Action, "deploy", "true")])))
        .await;
    let now = Clock::System.now();
    let (claim, _) = bench
        .store
        .claim(Some(id), holder, now.plus_ms(lease_ms))
        .await
        .unwrap()
        .unwrap();
    bench
        .store
        .transition(claim, Transition::Start, None, &[], now)
        .await
        .unwrap();
    bench
        .store
        .step(claim, 0, StepStatus::Running, 1, None, &[], now)
        .await
        .unwrap();
    bench.store.process_began(claim, process).await.unwrap();
    id
}

#[tokio::test]
async fn an_orphan_is_ended_before_its_run_is_interrupted() {
    let bench = Bench::scripted(Script::default()).await;
    let identity = bench.engine().holder().to_owned();
    let (pid, process) = left_running("sleep 100 & sleep 100");
    let id = under_way(&bench, &dead_neighbour(&identity), &process, 3_600_000).await;
    let _engine = bench.engine();
    let run = bench.ended(id).await;
    assert!(!is_running(&pid.to_string()));
    assert_ended(&run, RunStatus::Interrupted);
    let wanted = format!(
        "process group {pid} of step deploy was still running and was ended; the outcome of step deploy"
    );
    assert!(
        run.message.as_ref().unwrap().contains(&wanted),
        "{:?}",
        run.message
    );
    assert_eq!(bench.store.locks().await.unwrap(), 0);
}

#[tokio::test]
async fn a_process_that_only_has_the_same_pid_is_left_alone() {
    let bench = Bench::scripted(Script::default()).await;
    let identity = bench.engine().holder().to_owned();
    let (pid, process) = left_running("sleep 100");
    let stranger = Process {
        started: "1".to_owned(),
        mark: "/tmp/another".to_owned(),
        ..process
    };
    let id = under_way(&bench, &dead_neighbour(&identity), &stranger, 3_600_000).await;
    let _engine = bench.engine();
    let run = bench.ended(id).await;
    assert!(
        run.message.as_ref().unwrap().contains("was still running"),
        "{:?}",
        run.message
    );
    assert!(is_running(&pid.to_string()));
    Command::new("kill").arg(pid.to_string()).status().unwrap();
}

#[tokio::test]
async fn a_command_on_another_host_is_reported_as_possibly_running() {
    let bench = Bench::scripted(Script::default()).await;
    let process = Process {
        step: Some(0),
        holder: String::new(),
        pgid: 77,
        started: "1".into(),
        mark: "/x".into(),
    };
    let id = under_way(&bench, "far:7:1:boot:1:1", &process, 200).await;
    let _engine = bench.engine();
    let run = bench.ended(id).await;
    let message = run.message.unwrap();
    assert!(
        message.contains("process group 77 of step deploy may still be running on far"),
        "{message}"
    );
}

#[tokio::test]
async fn a_running_command_is_recorded_in_the_store_until_it_ends() {
    let bench = Bench::real().await;
    let engine = bench.engine();
    let id = bench
        .submit(plan(vec![shell(
            Phase::Action,
            "work",
            "echo pid $$; until [ -e \"$OPSROOM_OUTPUT.go\" ]; do sleep 0.02; done; rm \"$OPSROOM_OUTPUT.go\"",
        )]))
        .await;
    engine.wake();
    bench.until_said(id, "> pid").await;
    let known = bench.store.processes(id).await.unwrap();
    let pid = super::process::pids(&bench, id).await.remove(0);
    assert_eq!(
        (known.len(), known[0].pgid.to_string(), known[0].step),
        (1, pid, Some(0))
    );
    assert_eq!(known[0].holder, engine.holder());
    std::fs::write(format!("{}.go", known[0].mark), "").unwrap();
    assert_ended(&bench.ended(id).await, RunStatus::Succeeded);
    assert!(bench.store.processes(id).await.unwrap().is_empty());
}
