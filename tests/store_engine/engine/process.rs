//! Real commands under the engine: output complete, nothing left running.

use std::time::{Duration, Instant};

use opsroom::clock::Clock;
use opsroom::core::run::plan::{Plan, PlanStep};
use opsroom::core::run::{Phase, RunStatus, StepStatus};

use super::bench::*;

/// Two processes that ignore TERM; each prints its pid.
const STUBBORN: &str = "trap '' TERM; sh -c 'trap \"\" TERM; echo pid $$; while :; do sleep 0.1; done' & echo pid $$; wait; wait";

pub fn is_running(pid: &str) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|s| {
        s.rsplit_once(')')
            .is_some_and(|(_, rest)| !rest.trim_start().starts_with(['Z', 'X']))
    })
}

pub async fn pids(bench: &Bench, id: opsroom::core::run::RunId) -> Vec<String> {
    bench
        .output(id)
        .await
        .iter()
        .filter_map(|l| l.strip_prefix("pid ").map(str::to_owned))
        .collect()
}

#[tokio::test]
async fn a_hundred_thousand_lines_are_stored_whole_and_in_order() {
    let bench = Bench::real().await;
    let run = bench
        .run(plan(vec![shell(Phase::Action, "count", "seq 1 100000")]))
        .await;
    assert_ended(&run, RunStatus::Succeeded);
    let lines = bench.output(run.id).await;
    assert_eq!(lines.len(), 100_000);
    assert!(
        lines
            .iter()
            .zip(1..)
            .all(|(line, n): (_, i32)| *line == n.to_string())
    );
}

#[tokio::test]
async fn a_ten_megabyte_line_is_stored_whole() {
    let bench = Bench::real().await;
    let script = "head -c 10000000 /dev/zero | tr '\\0' x; echo; printf 'no newline'";
    let run = bench
        .run(plan(vec![shell(Phase::Action, "long", script)]))
        .await;
    assert_ended(&run, RunStatus::Succeeded);
    let sizes: Vec<_> = bench.output(run.id).await.iter().map(String::len).collect();
    assert_eq!(sizes, [10_000_000, 10]);
}

#[tokio::test]
async fn a_finally_step_has_its_own_timeout() {
    let bench = Bench::real().await;
    let tidy = PlanStep {
        timeout_ms: 200,
        ..shell(Phase::Summarize, "tidy", "sleep 20")
    };
    let run = bench
        .run(Plan {
            finally: vec![tidy],
            ..plan(vec![shell(Phase::Action, "deploy", "true")])
        })
        .await;
    assert_ended(&run, RunStatus::Failed);
    let took = run.finished_at.unwrap().ms_since(run.started_at.unwrap());
    assert!((200..15_000).contains(&took), "{took} ms");
}

#[tokio::test]
async fn cancelling_ends_the_whole_group_and_finally_still_runs() {
    let bench = Bench::real().await;
    let engine = bench.engine();
    let finally = vec![shell(Phase::Summarize, "clean up", "echo cleaned")];
    let steps = vec![
        shell(Phase::Action, "stubborn", STUBBORN),
        shell(Phase::Verify, "never", "echo never"),
    ];
    let id = bench
        .submit(Plan {
            finally,
            ..plan(steps)
        })
        .await;
    engine.wake();
    until(async || pids(&bench, id).await.len() >= 2).await;
    let requested = Instant::now();
    bench
        .store
        .request_cancel(id, "naomi", Some("wrong env"), Clock::System.now())
        .await
        .unwrap();
    engine.wake();
    let run = bench.ended(id).await;
    assert!(
        requested.elapsed() < Duration::from_secs(4),
        "{:?}",
        requested.elapsed()
    );
    assert_ended(&run, RunStatus::Cancelled);
    assert_eq!(
        run.message.as_deref(),
        Some("by naomi during step stubborn")
    );
    assert!(pids(&bench, id).await.iter().all(|pid| !is_running(pid)));
    assert_eq!(bench.output(id).await.last().unwrap(), "cleaned");
    let statuses = bench.statuses(id).await;
    assert_eq!(statuses[..2], [StepStatus::Cancelled, StepStatus::Skipped]);
    let message = bench.steps(id).await.remove(0).message.unwrap();
    assert!(
        message.contains("whether it took effect is not known"),
        "{message}"
    );
}

#[tokio::test]
async fn a_cancellation_without_a_wake_up_is_noticed() {
    let bench = Bench::real().await;
    let engine = bench.engine();
    let id = bench
        .submit(plan(vec![shell(
            Phase::Action,
            "long",
            "echo on; sleep 30",
        )]))
        .await;
    engine.wake();
    bench.until_said(id, "> on").await;
    let requested = Instant::now();
    bench
        .store
        .request_cancel(id, "naomi", None, Clock::System.now())
        .await
        .unwrap();
    assert_ended(&bench.ended(id).await, RunStatus::Cancelled);
    assert!(
        requested.elapsed() < Duration::from_secs(2),
        "{:?}",
        requested.elapsed()
    );
}

#[tokio::test]
async fn the_deadline_of_the_run_ends_its_running_step() {
    let bench = Bench::real().await;
    let finally = vec![shell(Phase::Summarize, "clean up", "echo cleaned")];
    let steps = vec![
        shell(Phase::Action, "long", "echo pid $$; sleep 30"),
        shell(Phase::Verify, "never", "echo never"),
    ];
    let run = bench
        .run(Plan {
            timeout_ms: 400,
            finally,
            ..plan(steps)
        })
        .await;
    assert_ended(&run, RunStatus::TimedOut);
    assert!(
        run.message.as_ref().unwrap().ends_with("during step long"),
        "{:?}",
        run.message
    );
    assert!(
        pids(&bench, run.id)
            .await
            .iter()
            .all(|pid| !is_running(pid))
    );
    let output = bench.output(run.id).await;
    assert_eq!(output.last().unwrap(), "cleaned");
    assert!(!output.contains(&"never".to_owned()));
}

#[tokio::test]
async fn a_step_that_takes_too_long_times_out_alone() {
    let bench = Bench::real().await;
    let slow = PlanStep {
        timeout_ms: 200,
        ..shell(Phase::Action, "slow", "sleep 30")
    };
    let run = bench.run(plan(vec![slow])).await;
    assert_ended(&run, RunStatus::Failed);
    assert_eq!(bench.statuses(run.id).await, [StepStatus::TimedOut]);
}

#[tokio::test]
async fn results_and_warnings_of_a_command_are_kept() {
    let bench = Bench::real().await;
    let script = "echo VERSION=1.2 > $OPSROOM_OUTPUT; (sleep 5) & echo pid $!";
    let run = bench
        .run(plan(vec![shell(Phase::Action, "build", script)]))
        .await;
    assert_ended(&run, RunStatus::Succeeded);
    let entries = bench.entries(run.id).await;
    let outputs = entries.iter().find_map(|e| match &e.body {
        opsroom::core::run::event::EntryBody::Event {
            data: Some(data), ..
        } => data.get("outputs"),
        _ => None,
    });
    assert_eq!(outputs, Some(&serde_json::json!({ "VERSION": "1.2" })));
    assert!(
        bench
            .log(run.id)
            .await
            .iter()
            .any(|l| l.starts_with("warn") && l.contains("background process"))
    );
}
