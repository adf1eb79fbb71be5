//! Blocks of a page share one session, across processes and engines.

use std::os::unix::fs::DirBuilderExt as _;

use opsroom::clock::Clock;
use opsroom::core::run::plan::PlanStep;
use opsroom::core::run::step::StepSpec;
use opsroom::core::run::step::shell::Session;
use opsroom::core::run::{Phase, RunStatus, StepStatus, Transition};

use super::bench::*;

/// A step that is a block of a page.
fn block(name: &str, script: &str, limit_ms: Option<i64>) -> PlanStep {
    let mut step = PlanStep {
        idempotent: true,
        ..shell(Phase::Action, name, script)
    };
    if let StepSpec::Shell(shell) = &mut step.spec {
        shell.session = Some(Session::default());
        shell.limit_ms = limit_ms;
    }
    step
}

#[tokio::test]
async fn blocks_share_variables_and_folder_until_the_run_ends() {
    let bench = Bench::real().await;
    let steps = vec![
        block("set", "set -eu\nA='a b'; export B=c; cd /usr", None),
        block("watch", "sleep 60", Some(300)),
        block(
            "use",
            "set -eu\necho \"$A $B $(pwd)\"; ls -d ${XDG_RUNTIME_DIR:-/tmp}/opsroom-session-* /tmp/opsroom-session-*",
            None,
        ),
    ];
    let run = bench.run(plan(steps)).await;
    assert_ended(&run, RunStatus::Succeeded);
    let output = bench.output(run.id).await;
    // The shell may print that its child was ended before it is ended itself.
    assert!(output.iter().any(|line| line == "a b c /usr"), "{output:?}");
    let own = format!("opsroom-session-{}-{}-", run.id.0, run.requested_at.0);
    let folder = output
        .iter()
        .find(|line| line.contains(&own))
        .unwrap_or_else(|| panic!("{output:?}"));
    assert!(
        !std::path::Path::new(folder).exists(),
        "{folder} is still there"
    );
    let watched = bench.steps(run.id).await.remove(1);
    assert_eq!(watched.status, StepStatus::Succeeded);
    assert!(
        watched.message.unwrap_or_default().ends_with("as planned"),
        "a command that never ends is ended"
    );
}

#[tokio::test]
async fn a_block_is_not_run_without_the_state_of_the_blocks_before_it() {
    let bench = Bench::real().await;
    let id = bench
        .submit(plan(vec![
            block("set", "A=1", None),
            block("use", "echo ${A-none}", None),
        ]))
        .await;
    let now = Clock::System.now();
    let (claim, _) = bench
        .store
        .claim(Some(id), "elsewhere:7:1:b:1:1", now)
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
        .step(claim, 0, StepStatus::Succeeded, 1, Some("done"), &[], now)
        .await
        .unwrap();
    let run = bench.store.run(id).await.unwrap();
    // A run that only reads resumes by itself.
    assert!(
        bench
            .store
            .interrupt(&run, "its engine is gone", now)
            .await
            .unwrap()
    );
    let engine = bench.engine_with(only(id));
    engine.wake();
    let run = bench.ended(id).await;
    assert_ended(&run, RunStatus::Failed);
    let entries = bench.entries(id).await;
    assert!(
        format!("{entries:?}").contains("not on this machine any more"),
        "{entries:#?}"
    );
    assert!(bench.output(id).await.is_empty(), "nothing was run");

    // The folder is removed while an engine drives the run.
    let gone = "rm -rf ${XDG_RUNTIME_DIR:-/tmp}/opsroom-session-*-* /tmp/opsroom-session-*-*";
    let own = gone.replace("session-*-*", &format!("session-{}-*", id.0 + 1));
    let mut helper = shell(Phase::Action, "clean up", &own);
    helper.idempotent = true;
    let run = bench
        .run(plan(vec![
            block("set", "A=1", None),
            helper,
            block("use", "echo ran", None),
        ]))
        .await;
    assert_eq!(run.id.0, id.0 + 1);
    assert_ended(&run, RunStatus::Failed);
    assert!(!bench.output(run.id).await.contains(&"ran".to_owned()));
}

#[tokio::test]
async fn sessions_of_runs_that_ended_without_an_engine_are_removed_at_the_next_start() {
    let bench = Bench::real().await;
    let submit = || bench.submit(plan(vec![block("set", "A=1", None)]));
    let (cancelled, queued) = (submit().await, submit().await);
    let place = std::env::var_os("XDG_RUNTIME_DIR")
        .map_or_else(std::env::temp_dir, std::path::PathBuf::from);
    let mut folders = Vec::new();
    for id in [cancelled, queued] {
        let run = bench.store.run(id).await.unwrap();
        let hash = opsroom::core::run::plan::plan_hash(&run.plan);
        let folder = place.join(format!(
            "opsroom-session-{}-{}-{}",
            id.0,
            run.requested_at.0,
            &hash[..16]
        ));
        std::fs::DirBuilder::new()
            .mode(0o700)
            .create(&folder)
            .unwrap();
        folders.push(folder);
    }
    bench
        .store
        .request_cancel(cancelled, "ana", None, Clock::System.now())
        .await
        .unwrap();
    let other = bench.submit(plan(vec![block("set", "A=1", None)])).await;
    let engine = bench.engine_with(only(other));
    engine.wake();
    bench.ended(other).await;
    assert_eq!((folders[0].exists(), folders[1].exists()), (false, true));
    std::fs::remove_dir(&folders[1]).unwrap();
}
