//! Manual control of runs: pause, step through, skip, stop, kill; and approval steps. On both
//! databases where stored data matters.

use std::collections::BTreeMap;
use std::time::Duration;

use opsroom::adapter::{Act, Script};
use opsroom::clock::Clock;
use opsroom::core::run::orders::{Ending, Order, Pace};
use opsroom::core::run::plan::{Each, Plan, PlanStep, Rules, RunCondition, plan_hash};
use opsroom::core::run::step::approve::Approve;
use opsroom::core::run::step::{Reply, StepSpec};
use opsroom::core::run::{Phase, Run, RunId, RunStatus, StepStatus, Transition};
use opsroom::core::runbook::{self, Request, built_in};
use opsroom::core::stack::service::{
    Action, ActionCall, ApprovalRule, Environment, HttpRequest, Service, Stack, Verb,
};
use opsroom::engine::EngineConfig;
use opsroom::store::{Ballot, Beginning, NewRun, Orderer};

use super::bench::*;
use super::process::{is_running, pids};

const NAOMI: Orderer<'_> = Orderer {
    actor: "naomi",
    reason: Some("looks odd"),
};

fn three() -> Plan {
    let names = [
        (Phase::Preflight, "first"),
        (Phase::Action, "second"),
        (Phase::Verify, "third"),
    ];
    plan(names.map(|(phase, name)| get(phase, name)).to_vec())
}

async fn submit_at(bench: &Bench, plan: Plan, pace: Pace) -> RunId {
    let (actor, trigger) = ("amos".to_owned(), "console".to_owned());
    let at = Clock::System.now();
    let new = NewRun {
        workspace: bench.workspace,
        plan,
        parent: None,
        actor,
        trigger,
        reason: None,
        at,
    };
    bench
        .store
        .submit_as(
            new,
            Beginning {
                pace,
                ..Beginning::default()
            },
        )
        .await
        .unwrap()
        .id
}

async fn order(bench: &Bench, id: RunId, order: Order) {
    bench
        .store
        .order(id, order, NAOMI, Clock::System.now())
        .await
        .unwrap();
}

fn hosts(bench: &Bench) -> usize {
    bench.script.calls().len()
}

#[tokio::test]
async fn a_paused_run_waits_before_its_next_step_until_it_may_go_on() {
    on_both(async |url| {
        let bench = Bench::scripted_on(url, Script::default()).await;
        let id = submit_at(&bench, three(), Pace::Paused).await;
        let engine = bench.engine_with(only(id));
        engine.wake();
        let run = bench.until(id, |r| r.status == RunStatus::Waiting).await;
        assert_eq!(
            run.message.as_deref(),
            Some("paused by amos; waits before step first")
        );
        assert_eq!(
            (hosts(&bench), bench.statuses(id).await),
            (0, vec![StepStatus::Pending; 3])
        );
        order(&bench, id, Order::Continue).await;
        engine.wake();
        let run = bench.ended(id).await;
        assert_ended(&run, RunStatus::Succeeded);
        assert_eq!(
            (run.message, hosts(&bench)),
            (None, 3),
            "the message of the wait is gone"
        );
        let log = bench.log(id).await;
        assert!(
            log.iter()
                .any(|l| l == "warn naomi lets it go on: looks odd"),
            "{log:#?}"
        );
    })
    .await;
}

#[tokio::test]
async fn stepping_releases_each_step_and_can_skip_one() {
    on_both(async |url| {
        let bench = Bench::scripted_on(url, Script::default()).await;
        let id = submit_at(&bench, three(), Pace::Stepping).await;
        let engine = bench.engine_with(only(id));
        bench.until_said(id, "waits before step first").await;
        order(&bench, id, Order::LetGo(0)).await;
        engine.wake();
        bench.until_said(id, "waits before step second").await;
        assert_eq!(hosts(&bench), 1);
        order(&bench, id, Order::Skip(1)).await;
        engine.wake();
        bench.until_said(id, "waits before step third").await;
        assert_eq!(hosts(&bench), 1, "a skipped step asks nothing");
        order(&bench, id, Order::LetGo(2)).await;
        engine.wake();
        assert_ended(&bench.ended(id).await, RunStatus::Succeeded);
        let skipped = bench.steps(id).await.remove(1);
        assert_eq!(skipped.status, StepStatus::Skipped);
        assert_eq!(
            skipped.message.as_deref(),
            Some("skipped by naomi: looks odd")
        );
    })
    .await;
}

#[tokio::test]
async fn items_of_a_group_are_held_back_one_by_one() {
    let bench = Bench::scripted(Script::default()).await;
    let each = Rules {
        each: Some(Each {
            group: 1,
            max_concurrency: 3,
            max_errors: 0,
        }),
        ..Rules::default()
    };
    let item = |name| PlanStep {
        rules: each.clone(),
        ..get(Phase::Action, name)
    };
    let id = submit_at(
        &bench,
        plan(vec![item("one"), item("two"), item("three")]),
        Pace::Stepping,
    )
    .await;
    let engine = bench.engine();
    for (at, name) in (0..).zip(["one", "two"]) {
        bench
            .until_said(id, &format!("waits before step {name}"))
            .await;
        assert_eq!(hosts(&bench), at);
        order(&bench, id, Order::LetGo(u32::try_from(at).unwrap())).await;
        engine.wake();
    }
    bench.until_said(id, "waits before step three").await;
    order(&bench, id, Order::End(Ending::AfterStep)).await;
    engine.wake();
    assert_ended(&bench.ended(id).await, RunStatus::Cancelled);
    assert_eq!(
        bench.statuses(id).await,
        [
            StepStatus::Succeeded,
            StepStatus::Succeeded,
            StepStatus::Skipped
        ]
    );
}

#[tokio::test]
async fn a_step_that_needs_a_value_of_a_skipped_step_fails() {
    let bench = Bench::scripted(Script::default()).await;
    let save = BTreeMap::from([("token".to_owned(), "response.body.token".to_owned())]);
    let first = PlanStep {
        rules: Rules {
            key: "first".into(),
            save,
            ..Rules::default()
        },
        ..get(Phase::Action, "first")
    };
    let mut second = get(Phase::Action, "second");
    second.rules.fills = true;
    if let StepSpec::Http(http) = &mut second.spec {
        http.request.url = "http://second.test/{steps.first.token}".to_owned();
    }
    let id = submit_at(&bench, plan(vec![first, second]), Pace::Paused).await;
    let engine = bench.engine();
    bench.until_said(id, "waits before").await;
    order(&bench, id, Order::Skip(0)).await;
    bench.until_said(id, "fail rather than guess: second").await;
    order(&bench, id, Order::Continue).await;
    engine.wake();
    assert_ended(&bench.ended(id).await, RunStatus::Failed);
    let message = bench.steps(id).await.remove(1).message.unwrap();
    assert!(
        message.ends_with("(first was skipped, so it left nothing)"),
        "{message}"
    );
    assert_eq!(hosts(&bench), 0);
}

#[tokio::test]
async fn stopping_after_the_step_lets_it_end_and_runs_finally() {
    let bench = Bench::real().await;
    let engine = bench.engine();
    let steps = vec![
        shell(Phase::Action, "long", "echo on; sleep 0.5; echo done"),
        shell(Phase::Verify, "never", "true"),
    ];
    let id = bench
        .submit(Plan {
            finally: vec![shell(Phase::Summarize, "tidy", "echo tidied")],
            ..plan(steps)
        })
        .await;
    engine.wake();
    bench.until_said(id, "> on").await;
    order(&bench, id, Order::End(Ending::AfterStep)).await;
    engine.wake();
    let run = bench.ended(id).await;
    assert_ended(&run, RunStatus::Cancelled);
    assert_eq!(
        run.message.as_deref(),
        Some("stopped after its step, as naomi asked")
    );
    let (over, skipped) = (StepStatus::Succeeded, StepStatus::Skipped);
    assert_eq!(bench.statuses(id).await, [over, skipped, over]);
    assert_eq!(bench.output(id).await, ["on", "done", "tidied"]);
}

#[tokio::test]
async fn stopping_after_the_step_leaves_a_condition_undecided() {
    let bench = Bench::real().await;
    let engine = bench.engine();
    let steps = vec![
        shell(Phase::Validate, "look", "echo on; sleep 0.5; exit 1"),
        shell(Phase::Validate, "more", "true"),
    ];
    let gate = RunCondition {
        text: "staging is healthy".to_owned(),
        steps,
        negated: false,
    };
    let id = bench
        .submit(Plan {
            only_if: Some(gate),
            ..plan(vec![shell(Phase::Action, "deploy", "true")])
        })
        .await;
    engine.wake();
    bench.until_said(id, "> on").await;
    order(&bench, id, Order::End(Ending::AfterStep)).await;
    engine.wake();
    assert_ended(&bench.ended(id).await, RunStatus::Cancelled);
    let log = bench.log(id).await;
    assert!(
        !log.iter().any(|line| line.contains("condition not met")),
        "{log:#?}"
    );
}

#[tokio::test]
async fn a_kill_leaves_no_grace_also_when_a_cancel_came_before_it() {
    const STUBBORN: &str = "trap 'echo tidying' TERM; echo pid $$; while :; do sleep 0.1; done";
    for before in [None, Some(Ending::Cancel)] {
        let bench = Bench::real().await;
        let engine = bench.engine();
        let id = bench
            .submit(plan(vec![shell(Phase::Action, "stubborn", STUBBORN)]))
            .await;
        engine.wake();
        bench.until_said(id, "> pid").await;
        if let Some(ending) = before {
            order(&bench, id, Order::End(ending)).await;
            engine.wake();
            bench.until_said(id, "> tidying").await;
        }
        order(&bench, id, Order::End(Ending::Kill)).await;
        engine.wake();
        assert_ended(&bench.ended(id).await, RunStatus::Cancelled);
        assert!(pids(&bench, id).await.iter().all(|pid| !is_running(pid)));
        let log = bench.log(id).await;
        assert!(
            log.iter()
                .any(|l| l.contains("killed at once, as requested")),
            "{log:#?}"
        );
        let tidied = bench.output(id).await.iter().any(|line| line == "tidying");
        assert_eq!(tidied, before.is_some(), "no TERM came before the KILL");
    }
}

fn ask(need: u32, within_ms: i64) -> PlanStep {
    let approve = Approve {
        prompt: "ship it?".to_owned(),
        need,
        ..Approve::default()
    };
    PlanStep {
        timeout_ms: within_ms,
        ..step(Phase::Action, "sign off", StepSpec::Approve(approve))
    }
}

fn gated(need: u32, within_ms: i64) -> Plan {
    let steps = vec![
        get(Phase::Preflight, "before"),
        ask(need, within_ms),
        get(Phase::Action, "after"),
    ];
    Plan {
        finally: vec![get(Phase::Summarize, "tidy")],
        ..plan(steps)
    }
}

async fn vote(bench: &Bench, run: &Run, actor: &str, approved: bool) {
    let hash = plan_hash(&run.plan);
    let ballot = Ballot {
        actor,
        approved,
        note: Some("looked"),
        plan_hash: &hash,
    };
    bench
        .store
        .vote(run.id, ballot, Clock::System.now())
        .await
        .unwrap();
}

#[tokio::test]
async fn a_run_goes_on_when_enough_have_approved_it() {
    on_both(async |url| {
        let bench = Bench::scripted_on(url, Script::default()).await;
        let id = bench.submit(gated(2, 600_000)).await;
        let engine = bench.engine_with(only(id));
        engine.wake();
        let run = bench.until(id, |r| r.status == RunStatus::Waiting).await;
        assert!(
            run.message
                .as_deref()
                .unwrap()
                .starts_with("waits for 2 of 2 approvals; until "),
            "{run:?}"
        );
        vote(&bench, &run, "ana", true).await;
        let run = bench.store.run(id).await.unwrap();
        assert!(
            run.message
                .as_deref()
                .unwrap()
                .starts_with("waits for 1 of 2 approvals: ana approved "),
            "{run:?}"
        );
        engine.wake();
        vote(&bench, &run, "ben", true).await;
        engine.wake();
        assert_ended(&bench.ended(id).await, RunStatus::Succeeded);
        assert_eq!(
            bench.steps(id).await[1].message.as_deref(),
            Some("approved by ana, ben")
        );
        let log = bench.log(id).await;
        assert!(
            log.iter()
                .any(|l| l == "info ana approves sign off (1 of 2): looked"),
            "{log:#?}"
        );
        assert_eq!(hosts(&bench), 3);
    })
    .await;
}

/// The stack of one service whose environment demands the approval of bo or cy.
fn bound() -> Stack {
    let restart = Action {
        verb: Verb::Restart,
        environments: Vec::new(),
        call: ActionCall::Http(HttpRequest {
            method: "POST".to_owned(),
            url: "http://web.test/restart".to_owned(),
            ..HttpRequest::default()
        }),
        timeout_ms: 5000,
        idempotent: true,
        secrets: Vec::new(),
    };
    Stack {
        environments: vec![Environment {
            name: "prod".to_owned(),
            approve: Some(ApprovalRule {
                need: 1,
                from: vec!["bo".to_owned(), "cy".to_owned(), "amos".to_owned()],
            }),
            ..Environment::default()
        }],
        services: vec![Service {
            name: "web".to_owned(),
            environments: vec!["prod".to_owned()],
            actions: vec![restart],
            ..Service::default()
        }],
        ..Stack::default()
    }
}

#[tokio::test]
async fn a_built_in_change_waits_for_the_approval_that_the_stack_demands() {
    let request = Request {
        env: Some("prod".to_owned()),
        services: vec!["web".to_owned()],
        ..Request::default()
    };
    let all = built_in();
    let restart = all.iter().find(|r| r.name == "restart").unwrap();
    let plan = runbook::plan(restart, &request, &bound());
    on_both(async |url| {
        let bench = Bench::scripted_on(url, Script::default()).await;
        let id = submit_at(&bench, plan.clone(), Pace::Free).await;
        let engine = bench.engine_with(only(id));
        engine.wake();
        let run = bench.until(id, |r| r.status == RunStatus::Waiting).await;
        assert_eq!(hosts(&bench), 0, "nothing was called before the approval");
        let hash = plan_hash(&run.plan);
        for (actor, refused) in [("amos", "requested it"), ("eve", "is not among those")] {
            let ballot = Ballot {
                actor,
                approved: true,
                note: None,
                plan_hash: &hash,
            };
            let answer = bench.store.vote(id, ballot, Clock::System.now()).await;
            let why = answer.unwrap_err().to_string();
            assert!(why.contains(refused), "{actor}: {why}");
        }
        vote(&bench, &run, "cy", true).await;
        engine.wake();
        assert_ended(&bench.ended(id).await, RunStatus::Succeeded);
        assert_eq!(hosts(&bench), 1);
    })
    .await;
}

#[tokio::test]
async fn denied_or_expired_it_is_cancelled_and_finally_runs() {
    for denied in [true, false] {
        let bench = Bench::scripted(Script::default()).await;
        let engine = bench.engine();
        let id = bench
            .submit(gated(2, if denied { 600_000 } else { 3000 }))
            .await;
        engine.wake();
        let run = bench.until(id, |r| r.status == RunStatus::Waiting).await;
        vote(&bench, &run, "ana", true).await;
        if denied {
            vote(&bench, &run, "ben", false).await;
            engine.wake();
        }
        let run = bench.ended(id).await;
        assert_ended(&run, RunStatus::Cancelled);
        let (why, step) = if denied {
            ("sign off: denied by ben: looked", StepStatus::Failed)
        } else {
            ("sign off: not approved within 3.0 s", StepStatus::TimedOut)
        };
        assert_eq!(run.message.as_deref(), Some(why));
        let over = StepStatus::Succeeded;
        assert_eq!(
            bench.statuses(id).await,
            [over, step, StepStatus::Skipped, over]
        );
    }
}

#[tokio::test]
async fn a_vote_just_within_the_time_counts() {
    let bench = Bench::scripted(Script::default()).await;
    let engine = bench.engine();
    // The time is over before the engine polls again by itself, and it is not woken.
    let id = bench.submit(gated(1, 900)).await;
    engine.wake();
    let run = bench.until(id, |r| r.status == RunStatus::Waiting).await;
    vote(&bench, &run, "ana", true).await;
    assert_ended(&bench.ended(id).await, RunStatus::Succeeded);
}

#[tokio::test]
async fn an_approval_outlives_its_engine_with_the_votes_there_are() {
    on_both(async |url| {
        let bench = Bench::scripted_on(url, Script::default()).await;
        let id = bench.submit(gated(2, 600_000)).await;
        let engine = bench.engine_with(only(id));
        engine.wake();
        let run = bench.until(id, |r| r.status == RunStatus::Waiting).await;
        let asked_at = bench.steps(id).await[1].started_at;
        vote(&bench, &run, "ana", true).await;
        engine.stop(false).await;
        let run = bench.store.run(id).await.unwrap();
        assert_eq!(
            run.status,
            RunStatus::Queued,
            "waiting longer harms nothing"
        );
        vote(&bench, &run, "ben", true).await;
        let _engine = bench.engine_with(only(id));
        assert_ended(&bench.ended(id).await, RunStatus::Succeeded);
        let step = bench.steps(id).await.remove(1);
        assert_eq!(
            (step.started_at, step.message.as_deref()),
            (asked_at, Some("approved by ana, ben"))
        );
        assert_eq!(hosts(&bench), 3, "what was done before is not done again");
    })
    .await;
}

#[tokio::test]
async fn the_time_to_approve_goes_on_while_no_engine_waits() {
    let bench = Bench::scripted(Script::default()).await;
    let id = bench.submit(gated(1, 1_800_000)).await;
    let began = Clock::System.now().plus_ms(-3_600_000);
    let (claim, run) = bench
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
        .step(claim, 0, StepStatus::Succeeded, 1, None, &[], began)
        .await
        .unwrap();
    bench
        .store
        .step(claim, 1, StepStatus::Waiting, 1, None, &[], began)
        .await
        .unwrap();
    let hash = plan_hash(&run.plan);
    let late = Ballot {
        actor: "ana",
        approved: true,
        note: None,
        plan_hash: &hash,
    };
    let late = bench
        .store
        .vote(id, late, Clock::System.now())
        .await
        .unwrap_err();
    assert!(
        late.to_string().contains("the time for it ended at"),
        "{late}"
    );
    let _engine = bench.engine();
    let run = bench.until(id, |r| r.status == RunStatus::Cancelled).await;
    assert_eq!(
        run.message.as_deref(),
        Some("sign off: not approved within 30 min 0 s")
    );
}

#[tokio::test]
async fn a_run_that_waits_for_approval_takes_no_engine_slot() {
    let bench = Bench::scripted(Script::default()).await;
    let engine = bench.engine_with(EngineConfig {
        lanes: lanes(1),
        ..config()
    });
    let waits = bench.submit(gated(1, 600_000)).await;
    engine.wake();
    let run = bench.until(waits, |r| r.status == RunStatus::Waiting).await;
    let works = bench.submit(plan(vec![get(Phase::Action, "other")])).await;
    engine.wake();
    assert_ended(&bench.ended(works).await, RunStatus::Succeeded);
    vote(&bench, &run, "ana", true).await;
    engine.wake();
    assert_ended(&bench.ended(waits).await, RunStatus::Succeeded);
}

#[tokio::test]
async fn saved_values_survive_an_interruption() {
    on_both(async |url| {
        let reply = |body: &str| {
            let headers = BTreeMap::from([("server".to_owned(), "unit".to_owned())]);
            Act::Reply(Reply::Http {
                status: 200,
                headers,
                body: body.to_owned(),
                truncated: false,
                ms: 5,
            })
        };
        let script = Script::default().on("build", reply(r#"{"image": "web:7", "n": 3}"#));
        let bench = Bench::scripted_on(url, script).await;
        let save = [("image", "response.body.image"), ("n", "response.body.n")];
        let save = save.map(|(k, v)| (k.to_owned(), v.to_owned())).into();
        let mut build = get(Phase::Preflight, "build");
        build.rules = Rules {
            key: "build".to_owned(),
            save,
            ..Rules::default()
        };
        let mut deploy = http(Phase::Action, "deploy", "POST");
        deploy.rules = Rules {
            when: Some("steps.build.n + 1 == 4".to_owned()),
            fills: true,
            ..Rules::default()
        };
        if let StepSpec::Http(http) = &mut deploy.spec {
            http.request.url = "http://deploy.test/{steps.build.image}".to_owned();
        }
        let mut look = get(Phase::Verify, "look");
        look.rules.when = Some("steps.build.response.body.n == 3".to_owned());
        let id = bench
            .submit(plan(vec![
                build,
                manual(Phase::Preflight, "go?"),
                deploy,
                look,
            ]))
            .await;
        let engine = bench.engine_with(only(id));
        engine.wake();
        bench.until(id, |r| r.status == RunStatus::Waiting).await;
        engine.stop(false).await;
        bench
            .store
            .answer(id, 1, true, None, "amos", Clock::System.now())
            .await
            .unwrap_err();
        let engine = bench.engine_with(only(id));
        bench.until(id, |r| r.status == RunStatus::Waiting).await;
        bench
            .store
            .answer(id, 1, true, None, "amos", Clock::System.now())
            .await
            .unwrap();
        engine.wake();
        assert_ended(&bench.ended(id).await, RunStatus::Failed);
        let calls: Vec<_> = bench
            .script
            .calls()
            .iter()
            .map(|call| format!("{call:?}"))
            .collect();
        assert!(calls[1].contains("http://deploy.test/web%3A7"), "{calls:?}");
        assert_eq!(calls.len(), 2, "built once, deployed once");
        // A body is not kept: a condition that reads it fails, with the reason.
        let look = bench.steps(id).await.remove(3).message.unwrap();
        assert!(
            look.ends_with("of its answer only what it saved was kept)"),
            "{look}"
        );
    })
    .await;
}

#[tokio::test]
async fn a_pause_ends_when_the_run_is_cancelled() {
    let bench = Bench::scripted(Script::default()).await;
    let id = submit_at(&bench, three(), Pace::Paused).await;
    let engine = bench.engine();
    engine.wake();
    bench.until(id, |r| r.status == RunStatus::Waiting).await;
    bench
        .store
        .request_cancel(id, "naomi", None, Clock::System.now())
        .await
        .unwrap();
    engine.wake();
    assert_ended(&bench.ended(id).await, RunStatus::Cancelled);
    tokio::time::timeout(Duration::from_secs(10), engine.idle())
        .await
        .unwrap();
}
