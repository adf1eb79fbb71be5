//! A new run goes on with a failed one: what succeeded is not done again, and what it saved is used.
//! On both databases.

use std::collections::BTreeMap;

use opsroom::adapter::{Act, Script};
use opsroom::clock::Clock;
use opsroom::core::run::again::Again;
use opsroom::core::run::plan::{Plan, PlanStep, Rules};
use opsroom::core::run::resume::Decision;
use opsroom::core::run::step::Reply;
use opsroom::core::run::{Phase, RunId, RunStatus, StepStatus};
use opsroom::store::{Beginning, NewRun, Resumer};

use super::bench::*;

/// `build` saves a number, `deploy` fails at first, `look` runs only with that number.
fn three_steps() -> Plan {
    let saves = Rules {
        key: "build".to_owned(),
        save: BTreeMap::from([("n".to_owned(), "response.body.n".to_owned())]),
        ..Rules::default()
    };
    let uses = Rules {
        when: Some("steps.build.n == 3".to_owned()),
        ..Rules::default()
    };
    let with = |rules, step: PlanStep| PlanStep { rules, ..step };
    Plan {
        finally: vec![get(Phase::Summarize, "tidy")],
        ..plan(vec![
            with(saves, get(Phase::Preflight, "build")),
            http(Phase::Action, "deploy", "POST"),
            with(uses, get(Phase::Verify, "look")),
        ])
    }
}

fn script() -> Script {
    let built = Act::Reply(Reply::Http {
        status: 200,
        headers: BTreeMap::new(),
        body: r#"{"n": 3}"#.to_owned(),
        truncated: false,
        ms: 5,
    });
    let script = Script::default().on("build", built);
    script.on("deploy", status(500)).on("deploy", status(200))
}

async fn go_on(bench: &Bench, of: RunId) -> RunId {
    let new = NewRun {
        workspace: bench.workspace,
        plan: three_steps(),
        parent: None,
        actor: "amos".to_owned(),
        trigger: "console".to_owned(),
        reason: None,
        at: Clock::System.now(),
    };
    let beginning = Beginning {
        retry_of: Some(of),
        again: Again::FromFailed,
        ..Beginning::default()
    };
    bench.store.submit_as(new, beginning).await.unwrap().id
}

/// How often each step was called.
fn calls(bench: &Bench) -> [usize; 4] {
    let calls = bench.script.calls();
    ["build", "deploy", "look", "tidy"].map(|name| {
        let of_step = calls
            .iter()
            .filter(|call| format!("{call:?}").contains(name));
        of_step.count()
    })
}

#[tokio::test]
async fn nothing_that_succeeded_runs_again_and_its_values_are_used() {
    on_both(async |url| {
        let bench = Bench::scripted_on(url, script()).await;
        let old = bench.run(three_steps()).await;
        assert_ended(&old, RunStatus::Failed);
        assert_eq!(calls(&bench), [1, 1, 0, 1]);
        let engine = bench.engine();
        let new = go_on(&bench, old.id).await;
        engine.wake();
        assert_ended(&bench.ended(new).await, RunStatus::Succeeded);
        assert_eq!(calls(&bench), [1, 2, 1, 2], "finally runs again");
        assert_eq!(bench.statuses(new).await, [StepStatus::Succeeded; 4]);
        bench.store.close().await;
    })
    .await;
}

#[tokio::test]
async fn a_crash_while_it_goes_on_loses_nothing() {
    on_both(async |url| {
        let bench = Bench::scripted_on(url, script()).await;
        let old = bench.run(three_steps()).await;
        let new = go_on(&bench, old.id).await;
        // An engine takes it, begins the deploy, and dies.
        let now = Clock::System.now();
        let claim = bench
            .store
            .claim(Some(new), "elsewhere:7:1:b:1:1", now)
            .await;
        let (claim, _) = claim.unwrap().unwrap();
        bench.store.start(claim, now, &[], now).await.unwrap();
        bench
            .store
            .step(claim, 1, StepStatus::Running, 1, None, &[], now)
            .await
            .unwrap();
        let read = bench.store.run(new).await.unwrap();
        assert!(bench.store.interrupt(&read, "gone", now).await.unwrap());
        let run = bench.store.run(new).await.unwrap();
        assert_eq!(run.status, RunStatus::Interrupted);
        let states = bench.statuses(new).await;
        assert_eq!(states[..2], [StepStatus::Succeeded, StepStatus::Unknown]);
        let by = Resumer {
            actor: "amos",
            reason: Some("looked"),
        };
        bench
            .store
            .resume(new, Some(Decision::Repeat), by, now)
            .await
            .unwrap();
        let engine = bench.engine();
        engine.wake();
        assert_ended(&bench.ended(new).await, RunStatus::Succeeded);
        assert_eq!(calls(&bench), [1, 2, 1, 2]);
        bench.store.close().await;
    })
    .await;
}
