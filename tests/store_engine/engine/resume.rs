//! Interrupted runs resume: by themselves where that is safe, otherwise with a person's decision.
//! On both databases.

use opsroom::adapter::{Act, Script};
use opsroom::clock::Clock;
use opsroom::core::run::plan::{Each, Plan, PlanStep, Rules};
use opsroom::core::run::resume::Decision;
use opsroom::core::run::step::{StepSpec, wait::Wait};
use opsroom::core::run::{Phase, RunId, RunStatus, StepStatus, Transition};
use opsroom::store::{Resumer, StoreError};

use super::bench::*;

const WHY: Resumer<'_> = Resumer {
    actor: "amos",
    reason: Some("looked at the server"),
};

/// An engine that has died left the run at its second step, which is in this state.
async fn broken_off(bench: &Bench, second: PlanStep, left: StepStatus) -> RunId {
    let steps = vec![
        get(Phase::Action, "first"),
        second,
        get(Phase::Verify, "third"),
    ];
    let id = bench.submit(plan(steps)).await;
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
    bench
        .store
        .step(claim, 1, left, 1, None, &[], now)
        .await
        .unwrap();
    if left == StepStatus::Waiting {
        bench
            .store
            .transition(claim, Transition::Wait, None, &[], now)
            .await
            .unwrap();
    }
    id
}

async fn interrupted(bench: &Bench, id: RunId) {
    let run = bench.store.run(id).await.unwrap();
    assert!(
        bench
            .store
            .interrupt(&run, "its engine is gone", Clock::System.now())
            .await
            .unwrap()
    );
}

fn asked(bench: &Bench) -> Vec<String> {
    bench
        .script
        .calls()
        .iter()
        .map(|call| format!("{call:?}"))
        .collect()
}

#[tokio::test]
async fn a_person_decides_the_outcome_of_an_interrupted_step() {
    on_both(async |url| {
        for (decision, calls, status) in [
            (Decision::Done, 1, RunStatus::Succeeded),
            (Decision::Repeat, 2, RunStatus::Succeeded),
            (Decision::GiveUp, 0, RunStatus::Failed),
        ] {
            let bench = Bench::scripted_on(url, Script::default()).await;
            let id = broken_off(
                &bench,
                http(Phase::Action, "second", "POST"),
                StepStatus::Running,
            )
            .await;
            interrupted(&bench, id).await;
            let now = Clock::System.now();
            assert_ended(&bench.store.run(id).await.unwrap(), RunStatus::Interrupted);
            let refused = bench.store.resume(id, None, WHY, now).await.unwrap_err();
            assert!(
                matches!(&refused, StoreError::Undecided { step, .. } if step == "second"),
                "{refused}"
            );
            bench
                .store
                .resume(id, Some(decision), WHY, now)
                .await
                .unwrap();
            let engine = bench.engine_with(only(id));
            engine.wake();
            let run = bench.ended(id).await;
            assert_ended(&run, status);
            assert_eq!(asked(&bench).len(), calls, "{decision:?}");
            let second = bench.steps(id).await.remove(1);
            match decision {
                Decision::Done => {
                    assert_eq!(
                        second.message.as_deref(),
                        Some("marked done by amos: looked at the server")
                    );
                }
                Decision::Repeat => assert_eq!(second.status, StepStatus::Succeeded),
                Decision::GiveUp => assert_eq!(second.status, StepStatus::Unknown),
            }
            let audit = bench
                .store
                .audit(bench.workspace, 1)
                .await
                .unwrap()
                .remove(0);
            assert_eq!(
                (audit.action.as_str(), audit.actor.as_str()),
                ("run.resume", "amos")
            );
            assert_eq!(audit.reason.as_deref(), Some("looked at the server"));
            assert!(
                bench
                    .store
                    .resume(id, Some(Decision::Repeat), WHY, now)
                    .await
                    .is_err(),
                "only once"
            );
            bench.entries(id).await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_run_resumes_by_itself_at_an_unfinished_idempotent_step() {
    on_both(async |url| {
        let bench = Bench::scripted_on(url, Script::default()).await;
        let second = PlanStep {
            idempotent: true,
            ..http(Phase::Action, "second", "PUT")
        };
        let id = broken_off(&bench, second, StepStatus::Running).await;
        let _engine = bench.engine_with(only(id));
        let run = bench.until(id, |r| r.status == RunStatus::Succeeded).await;
        assert_eq!(run.message, None);
        let calls = asked(&bench);
        assert_eq!(calls.len(), 2, "{calls:?}");
        assert!(
            calls[0].contains("second.test") && calls[1].contains("third.test"),
            "{calls:?}"
        );
        assert_eq!(bench.statuses(id).await, [StepStatus::Succeeded; 3]);
    })
    .await;
}

#[tokio::test]
async fn a_failure_from_before_still_counts() {
    let bench = Bench::scripted(Script::default()).await;
    let id = broken_off(
        &bench,
        http(Phase::Action, "second", "POST"),
        StepStatus::Failed,
    )
    .await;
    interrupted(&bench, id).await;
    bench
        .store
        .resume(id, None, WHY, Clock::System.now())
        .await
        .unwrap();
    let engine = bench.engine();
    engine.wake();
    assert_ended(&bench.ended(id).await, RunStatus::Failed);
    assert!(
        asked(&bench).is_empty(),
        "what comes after a failed step does not run"
    );
    assert_eq!(bench.statuses(id).await[2], StepStatus::Skipped);
}

#[tokio::test]
async fn a_run_that_was_to_be_cancelled_does_not_go_on_by_itself() {
    let bench = Bench::scripted(Script::default()).await;
    let id = broken_off(
        &bench,
        PlanStep {
            idempotent: true,
            ..get(Phase::Action, "second")
        },
        StepStatus::Running,
    )
    .await;
    bench
        .store
        .request_cancel(id, "naomi", None, Clock::System.now())
        .await
        .unwrap();
    interrupted(&bench, id).await;
    assert_ended(&bench.store.run(id).await.unwrap(), RunStatus::Interrupted);
}

#[tokio::test]
async fn a_question_outlives_the_engine_that_asked_it() {
    on_both(async |url| {
        let bench = Bench::scripted_on(url, Script::default()).await;
        let id = broken_off(&bench, manual(Phase::Action, "second"), StepStatus::Waiting).await;
        let asked_at = bench.steps(id).await[1].started_at;
        let _engine = bench.engine_with(only(id));
        bench.until_said(id, "resumed by engine").await;
        let waiting = bench.until(id, |r| r.status == RunStatus::Waiting).await;
        assert_eq!(bench.steps(id).await[1].started_at, asked_at, "{waiting:?}");
        bench
            .store
            .answer(id, 1, true, None, "amos", Clock::System.now())
            .await
            .unwrap();
        assert_ended(&bench.ended(id).await, RunStatus::Succeeded);
    })
    .await;
}

#[tokio::test]
async fn a_timer_remembers_when_it_began() {
    let bench = Bench::real().await;
    let wait = step(
        Phase::Action,
        "wait",
        StepSpec::Wait(Wait { ms: 3_600_000 }),
    );
    let id = bench.submit(plan(vec![wait])).await;
    // It began almost an hour ago.
    let began = Clock::System.now().plus_ms(-3_599_500);
    let (claim, _) = bench
        .store
        .claim(Some(id), "elsewhere:7:1:b:1:1", began)
        .await
        .unwrap()
        .unwrap();
    bench
        .store
        .transition(claim, Transition::Start, None, &[], began)
        .await
        .unwrap();
    bench
        .store
        .step(claim, 0, StepStatus::Running, 1, None, &[], began)
        .await
        .unwrap();
    let _engine = bench.engine();
    bench.until(id, |r| r.status == RunStatus::Succeeded).await;
}

#[tokio::test]
async fn runs_on_one_target_are_serialized_and_name_the_run_they_wait_for() {
    on_both(async |url| {
        let bench = Bench::scripted_on(url, Script::default()).await;
        let change = |service: &str| Plan {
            mutates: true,
            services: vec![service.to_owned()],
            env: Some("prod".to_owned()),
            ..plan(vec![get(Phase::Action, service)])
        };
        let now = Clock::System.now();
        let (web, again, third, api) = (
            bench.submit(change("web")).await,
            bench.submit(change("web")).await,
            bench.submit(change("web")).await,
            bench.submit(change("api")).await,
        );
        let until = now.plus_ms(60_000);
        let take = async |run: Option<RunId>| bench.store.claim(run, "me", until).await.unwrap();
        let (claim, _) = take(Some(web)).await.unwrap();
        assert!(take(Some(again)).await.is_none(), "its target is taken");
        let waiting = bench.waiting().await;
        let wait = format!("waits for web in prod, held by run {web}");
        assert_eq!(
            waiting,
            [
                (again, format!("{wait}, next in line")),
                (third, format!("{wait}, 1 before it"))
            ]
        );
        assert!(take(Some(api)).await.is_some(), "another target is free");
        bench
            .store
            .transition(claim, Transition::Release, None, &[], now)
            .await
            .unwrap();
        assert!(
            take(Some(again)).await.is_some(),
            "a released target can be taken"
        );
        let run = bench.store.run(again).await.unwrap();
        assert!(bench.store.interrupt(&run, "gone", now).await.unwrap());
        bench
            .store
            .request_cancel(web, "amos", None, now)
            .await
            .unwrap();
        let (claim, _) = take(Some(third)).await.unwrap();
        assert_eq!(bench.waiting().await, []);
        bench
            .store
            .transition(claim, Transition::Cancel, None, &[], now)
            .await
            .unwrap();
        let api = bench.store.run(api).await.unwrap();
        bench.store.interrupt(&api, "gone", now).await.unwrap();
        assert_eq!(bench.store.locks().await.unwrap(), 0);
    })
    .await;
}

/// An engine that has died left a run with its steps in these states; then a person resumed it.
async fn resumed_with(bench: &Bench, plan: Plan, left: &[StepStatus]) -> RunId {
    let id = bench.submit(plan).await;
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
    for (index, status) in (0..).zip(left) {
        bench
            .store
            .step(claim, index, *status, 1, None, &[], now)
            .await
            .unwrap();
    }
    interrupted(bench, id).await;
    let status = bench.store.run(id).await.unwrap().status;
    if status == RunStatus::Interrupted {
        bench
            .store
            .resume(id, Some(Decision::Repeat), WHY, now)
            .await
            .unwrap();
    }
    id
}

#[tokio::test]
async fn completed_steps_stay_completed_when_a_resumed_run_is_stopped_before_them() {
    let bench = Bench::scripted(Script::default().on("ask", Act::Hang)).await;
    let steps = vec![
        get(Phase::Preflight, "ask"),
        get(Phase::Action, "one"),
        get(Phase::Action, "two"),
    ];
    let plan = Plan {
        timeout_ms: 300,
        ..plan(steps)
    };
    let id = resumed_with(&bench, plan, &[StepStatus::Pending, StepStatus::Succeeded]).await;
    let engine = bench.engine_with(only(id));
    engine.wake();
    assert_ended(&bench.ended(id).await, RunStatus::TimedOut);
    assert_eq!(
        bench.statuses(id).await[1..],
        [StepStatus::Succeeded, StepStatus::Skipped]
    );
}

#[tokio::test]
async fn a_resumed_run_continues_an_interrupted_undo() {
    use StepStatus::{Failed, Pending, Succeeded};
    let bench = Bench::scripted(Script::default()).await;
    let undo = |n: u32, name: &str| {
        let rules = Rules {
            undoes: Some(n),
            ..Rules::default()
        };
        PlanStep {
            rules,
            ..get(Phase::Action, name)
        }
    };
    let steps = vec![
        get(Phase::Action, "one"),
        get(Phase::Action, "two"),
        get(Phase::Verify, "check"),
    ];
    let plan = Plan {
        undo: vec![undo(1, "undo-two"), undo(0, "undo-one")],
        ..plan(steps)
    };
    let id = resumed_with(
        &bench,
        plan,
        &[Succeeded, Succeeded, Failed, Succeeded, Pending],
    )
    .await;
    let engine = bench.engine_with(only(id));
    engine.wake();
    assert_ended(&bench.ended(id).await, RunStatus::Failed);
    let calls = asked(&bench);
    assert!(
        calls.len() == 1 && calls[0].contains("undo-one"),
        "{calls:?}"
    );
    assert_eq!(
        bench.statuses(id).await,
        [Succeeded, Succeeded, Failed, Succeeded, Succeeded]
    );
}

#[tokio::test]
async fn items_that_were_done_are_not_done_again() {
    use StepStatus::{Running, Succeeded};
    let bench = Bench::scripted(Script::default()).await;
    let item = |name: &str| {
        let each = Some(Each {
            group: 0,
            max_concurrency: 2,
            max_errors: 0,
        });
        PlanStep {
            rules: Rules {
                each,
                ..Rules::default()
            },
            ..get(Phase::Action, name)
        }
    };
    let plan = plan(vec![item("one"), item("two"), item("three")]);
    let id = resumed_with(&bench, plan, &[Running, Succeeded]).await;
    let engine = bench.engine_with(only(id));
    engine.wake();
    assert_ended(&bench.ended(id).await, RunStatus::Succeeded);
    let calls = asked(&bench);
    assert_eq!(
        calls.iter().filter(|call| call.contains("two")).count(),
        0,
        "{calls:?}"
    );
    assert_eq!(
        (calls.len(), bench.statuses(id).await),
        (2, vec![Succeeded; 3])
    );
}
