//! Steps with rules: conditions, expectations, what they save, undo, jumps, groups.

use std::collections::BTreeMap;

use opsroom::adapter::{Act, Script};
use opsroom::core::expr::Value;
use opsroom::core::integration::Integrations;
use opsroom::core::run::plan::{Each, OnFailure, Plan, PlanStep, Rules, Within};
use opsroom::core::run::step::{Call, CallKind, Reply, StepSpec};
use opsroom::core::run::{Phase, RunStatus, StepStatus};
use opsroom::core::runbook::{self, Request, plan_in};
use opsroom::core::stack::service::Stack;

use super::bench::*;

fn named(step: PlanStep, rules: Rules) -> PlanStep {
    PlanStep {
        rules: Rules {
            key: step.name.clone(),
            ..rules
        },
        ..step
    }
}

fn when(step: PlanStep, text: &str) -> PlanStep {
    let known = BTreeMap::from([("env".to_owned(), Value::Text("prod".to_owned()))]);
    named(
        step,
        Rules {
            when: Some(text.to_owned()),
            known,
            ..Rules::default()
        },
    )
}

fn json(status: u16, body: &str) -> Act {
    let headers = BTreeMap::from([("server".to_owned(), "unit".to_owned())]);
    Act::Reply(Reply::Http {
        status,
        headers,
        body: body.to_owned(),
        truncated: false,
        ms: 5,
    })
}

#[tokio::test]
async fn a_condition_runs_skips_or_fails_its_step_and_says_why() {
    for (text, wanted, says) in [
        (
            "env == 'prod'",
            StepStatus::Succeeded,
            "runs because env == 'prod' holds (env = \"prod\")",
        ),
        (
            "env == 'dev'",
            StepStatus::Skipped,
            "skipped: env == 'dev' does not hold (env = \"prod\")",
        ),
        (
            "inputs.force",
            StepStatus::Failed,
            "cannot be decided: `inputs` is missing",
        ),
        (
            "steps.one.status == 'succeeded'",
            StepStatus::Succeeded,
            "runs because",
        ),
        (
            "steps.one.response.body.age < 26",
            StepStatus::Skipped,
            "steps.one.response.body.age = 30",
        ),
        (
            "steps.one.response.body.none < 26",
            StepStatus::Failed,
            "field `none` is missing",
        ),
    ] {
        let bench = Bench::scripted(Script::default().on("one", json(200, r#"{"age": 30}"#))).await;
        let one = named(get(Phase::Preflight, "one"), Rules::default());
        let run = bench
            .run(plan(vec![one, when(get(Phase::Action, "two"), text)]))
            .await;
        assert_eq!(bench.statuses(run.id).await[1], wanted, "{text}");
        let failed = wanted == StepStatus::Failed;
        assert_ended(
            &run,
            if failed {
                RunStatus::Failed
            } else {
                RunStatus::Succeeded
            },
        );
        let log = bench.log(run.id).await;
        assert!(log.iter().any(|l| l.contains(says)), "{text}: {log:#?}");
        assert_eq!(
            bench.script.calls().len(),
            if wanted == StepStatus::Succeeded {
                2
            } else {
                1
            }
        );
    }
}

#[tokio::test]
async fn an_expectation_decides_the_status_of_a_step() {
    for (act, expect, wanted, says) in [
        (
            json(200, r#"{"ok": true}"#),
            "response.body.ok",
            RunStatus::Succeeded,
            "HTTP 200",
        ),
        (
            json(200, r#"{"ok": false}"#),
            "response.body.ok",
            RunStatus::Failed,
            "not as expected: response.body.ok does",
        ),
        (
            json(200, "plain"),
            "response.body.ok",
            RunStatus::Failed,
            "cannot be decided",
        ),
        (
            json(404, ""),
            "response.status == 404",
            RunStatus::Succeeded,
            "HTTP 404",
        ),
        (
            json(500, "[]"),
            "size(response.body) == 0",
            RunStatus::Failed,
            "HTTP 500",
        ),
        (
            json(200, ""),
            "response.headers.server == 'unit' && response.duration_ms < 100",
            RunStatus::Succeeded,
            "",
        ),
    ] {
        let bench = Bench::scripted(Script::default().on("web", act)).await;
        let rules = Rules {
            expect: Some(expect.to_owned()),
            ..Rules::default()
        };
        let run = bench
            .run(plan(vec![named(get(Phase::Verify, "web"), rules)]))
            .await;
        assert_ended(&run, wanted);
        let message = bench.steps(run.id).await.remove(0).message.unwrap();
        assert!(message.contains(says), "{expect}: {message}");
    }
}

#[tokio::test]
async fn saved_values_reach_later_steps_escaped() {
    let bench = Bench::scripted(
        Script::default().on("build", json(200, r#"{"image": "a/b \"c\"", "n": 3}"#)),
    )
    .await;
    let save = [
        ("image", "response.body.image"),
        ("n", "response.body.n + 1"),
    ];
    let save = save.map(|(k, v)| (k.to_owned(), v.to_owned())).into();
    let build = named(
        get(Phase::Preflight, "build"),
        Rules {
            save,
            ..Rules::default()
        },
    );
    let mut deploy = http(Phase::Action, "deploy", "POST");
    if let StepSpec::Http(http) = &mut deploy.spec {
        http.request.url = "http://deploy.test/{steps.build.image}?n={steps.build.n}".to_owned();
        http.request.body =
            Some(r#"{"image": "{steps.build.image}", "other": {"env": "{env}"}}"#.to_owned());
    }
    deploy.rules.fills = true;
    let run = bench.run(plan(vec![build, deploy])).await;
    assert_ended(&run, RunStatus::Succeeded);
    let CallKind::Http(request) = bench.script.calls().remove(1).kind else {
        panic!()
    };
    assert_eq!(request.url, "http://deploy.test/a%2Fb%20%22c%22?n=4");
    assert_eq!(
        request.body.unwrap(),
        r#"{"image": "a/b \"c\"", "other": {"env": "{env}"}}"#
    );
    let entries = serde_json::to_string(&bench.entries(run.id).await).unwrap();
    assert!(
        entries.contains(r#""saved":{"image":"a/b \"c\"","n":4}"#),
        "{entries}"
    );
}

#[tokio::test]
async fn a_value_that_cannot_be_saved_or_filled_in_is_a_failure() {
    let bench = Bench::scripted(Script::default()).await;
    let save = BTreeMap::from([("image".to_owned(), "response.body.image".to_owned())]);
    let build = PlanStep {
        on_failure: OnFailure::Continue,
        ..named(
            get(Phase::Preflight, "build"),
            Rules {
                save,
                ..Rules::default()
            },
        )
    };
    let mut deploy = get(Phase::Action, "deploy");
    if let StepSpec::Http(http) = &mut deploy.spec {
        http.request.url = "http://deploy.test/{steps.build.image}".to_owned();
    }
    deploy.rules.fills = true;
    let run = bench.run(plan(vec![build, deploy])).await;
    assert_ended(&run, RunStatus::Failed);
    assert_eq!(
        bench.statuses(run.id).await,
        [StepStatus::Failed, StepStatus::Failed]
    );
    assert_eq!(
        bench.script.calls().len(),
        1,
        "no call is made with a missing value"
    );
    let messages: Vec<_> = bench
        .steps(run.id)
        .await
        .into_iter()
        .filter_map(|s| s.message)
        .collect();
    assert!(
        messages[0].contains("`image` cannot be saved")
            && messages[1].contains("did not save `image`"),
        "{messages:?}"
    );
}

/// Three deploys, each with an undo; a check.
fn undoable() -> Plan {
    let undo = |n: u32, name: &str| {
        let rules = Rules {
            undoes: Some(n),
            ..Rules::default()
        };
        PlanStep {
            rules,
            ..get(Phase::Action, &format!("undo-{name}"))
        }
    };
    let steps = vec![
        get(Phase::Action, "one"),
        get(Phase::Action, "two"),
        get(Phase::Action, "three"),
        get(Phase::Verify, "check"),
    ];
    let undo = vec![undo(2, "three"), undo(1, "two"), undo(0, "one")];
    Plan {
        undo,
        finally: vec![get(Phase::Summarize, "cleanup")],
        ..plan(steps)
    }
}

fn hosts(bench: &Bench) -> Vec<String> {
    let host = |call: Call| match call.kind {
        CallKind::Http(request) => request
            .url
            .trim_start_matches("http://")
            .split('.')
            .next()
            .unwrap_or("")
            .to_owned(),
        other => format!("{other:?}"),
    };
    bench.script.calls().into_iter().map(host).collect()
}

#[tokio::test]
async fn a_failure_undoes_completed_steps_in_reverse_then_finally() {
    use StepStatus::{Failed, Skipped, Succeeded};

    let bench = Bench::scripted(Script::default().on("//three", status(400))).await;
    let run = bench.run(undoable()).await;
    assert_ended(&run, RunStatus::Failed);
    assert_eq!(
        hosts(&bench),
        ["one", "two", "three", "undo-two", "undo-one", "cleanup"]
    );
    // Order: steps, finally, undo.
    assert_eq!(
        bench.statuses(run.id).await,
        [
            Succeeded, Succeeded, Failed, Skipped, Succeeded, Skipped, Succeeded, Succeeded
        ]
    );
    assert!(run.message.unwrap().ends_with("; 2 steps undone"));
    let log = bench.log(run.id).await;
    assert!(
        log.iter().any(|l| l.contains("undo started: 2 steps")),
        "{log:#?}"
    );
}

#[tokio::test]
async fn a_failing_check_undoes_everything_and_a_failing_undo_is_reported() {
    let bench = Bench::scripted(
        Script::default()
            .on("//check", status(500))
            .on("undo-two", status(500)),
    )
    .await;
    let run = bench.run(undoable()).await;
    assert_eq!(
        hosts(&bench),
        [
            "one",
            "two",
            "three",
            "check",
            "undo-three",
            "undo-two",
            "undo-one",
            "cleanup"
        ]
    );
    let message = run.message.unwrap();
    assert!(
        message.contains("step check: HTTP 500")
            && message.ends_with("look at it by hand: undo-two"),
        "{message}"
    );
}

#[tokio::test]
async fn success_undoes_nothing_and_says_so() {
    let bench = Bench::scripted(Script::default()).await;
    let run = bench.run(undoable()).await;
    assert_ended(&run, RunStatus::Succeeded);
    assert_eq!(hosts(&bench), ["one", "two", "three", "check", "cleanup"]);
    let steps = bench.steps(run.id).await;
    assert!(
        steps[5..]
            .iter()
            .all(|s| s.message.as_deref() == Some("skipped: nothing is to be undone")),
        "{steps:#?}"
    );
}

#[tokio::test]
async fn a_cancelled_run_is_not_undone_but_finally_runs() {
    let bench = Bench::scripted(Script::default()).await;
    let engine = bench.engine();
    let mut plan = undoable();
    plan.steps[1] = manual(Phase::Action, "two");
    let id = bench.submit(plan).await;
    engine.wake();
    bench.until(id, |r| r.status == RunStatus::Waiting).await;
    bench
        .store
        .request_cancel(id, "naomi", None, opsroom::clock::Clock::System.now())
        .await
        .unwrap();
    engine.wake();
    assert_ended(&bench.ended(id).await, RunStatus::Cancelled);
    assert_eq!(hosts(&bench), ["one", "cleanup"]);
    let log = bench.log(id).await;
    assert!(
        log.iter()
            .any(|l| l.ends_with("not undone, because only a failure is: one")),
        "{log:#?}"
    );
}

#[tokio::test]
async fn a_failure_jumps_to_the_step_it_names() {
    let bench = Bench::scripted(Script::default().on("one", status(400))).await;
    let one = PlanStep {
        on_failure: OnFailure::Jump(2),
        ..get(Phase::Action, "one")
    };
    let steps = vec![
        one,
        get(Phase::Action, "two"),
        get(Phase::Verify, "three"),
        get(Phase::Verify, "four"),
    ];
    let run = bench.run(plan(steps)).await;
    assert_ended(&run, RunStatus::Failed);
    assert_eq!(hosts(&bench), ["one", "three", "four"]);
    let two = bench.steps(run.id).await.remove(1);
    assert_eq!(
        (two.status, two.message.as_deref()),
        (
            StepStatus::Skipped,
            Some("skipped: one failed, going on at three")
        )
    );
    let bench = Bench::scripted(Script::default()).await;
    let one = PlanStep {
        on_failure: OnFailure::Jump(2),
        ..get(Phase::Action, "one")
    };
    let run = bench
        .run(plan(vec![
            one,
            get(Phase::Action, "two"),
            get(Phase::Action, "three"),
        ]))
        .await;
    assert_ended(&run, RunStatus::Succeeded);
    assert_eq!(hosts(&bench), ["one", "two", "three"]);
}

fn each(max_concurrency: u32, max_errors: u32, names: &[&str]) -> Vec<PlanStep> {
    let each = Some(Each {
        group: 1,
        max_concurrency,
        max_errors,
    });
    let item = |name: &&str| PlanStep {
        rules: Rules {
            each,
            ..Rules::default()
        },
        ..get(Phase::Action, name)
    };
    names
        .iter()
        .map(item)
        .chain([get(Phase::Verify, "check")])
        .collect()
}

#[tokio::test]
async fn a_group_ends_when_it_has_more_errors_than_allowed() {
    for (allowed, wanted, called) in [
        (
            2,
            RunStatus::Succeeded,
            vec!["a", "bad1", "b", "bad2", "c", "check"],
        ),
        (1, RunStatus::Failed, vec!["a", "bad1", "b", "bad2"]),
        (0, RunStatus::Failed, vec!["a", "bad1"]),
    ] {
        let bench = Bench::scripted(Script::default().on("bad", status(400))).await;
        let run = bench
            .run(plan(each(1, allowed, &["a", "bad1", "b", "bad2", "c"])))
            .await;
        assert_ended(&run, wanted);
        assert_eq!(hosts(&bench), called);
        let pending = bench
            .statuses(run.id)
            .await
            .into_iter()
            .filter(|s| *s == StepStatus::Pending)
            .count();
        assert_eq!(pending, 0);
    }
}

#[tokio::test]
async fn a_group_has_no_more_active_items_than_allowed() {
    let bench = Bench::scripted(Script::default().on("http", Act::Hang)).await;
    let engine = bench.engine();
    let id = bench
        .submit(plan(each(3, 0, &["a", "b", "c", "d", "e"])))
        .await;
    engine.wake();
    until(async || bench.script.calls().len() >= 3).await;
    let running = bench
        .statuses(id)
        .await
        .into_iter()
        .filter(|s| *s == StepStatus::Running)
        .count();
    assert_eq!(running, 3);
    bench
        .store
        .request_cancel(id, "naomi", None, opsroom::clock::Clock::System.now())
        .await
        .unwrap();
    engine.wake();
    assert_ended(&bench.ended(id).await, RunStatus::Cancelled);
    assert_eq!(bench.script.calls().len(), 3);
}

#[tokio::test]
async fn a_sub_runbook_has_its_own_timeout() {
    let within = |name: &str, ms| Rules {
        within: vec![Within {
            name: name.to_owned(),
            timeout_ms: ms,
        }],
        ..Rules::default()
    };
    let bench = Bench::scripted(Script::default().on("slow", Act::Hang)).await;
    let slow = PlanStep {
        rules: within("sub", 30),
        on_failure: OnFailure::Continue,
        ..get(Phase::Action, "slow")
    };
    let after = PlanStep {
        rules: within("sub", 30),
        ..get(Phase::Action, "after")
    };
    let run = bench.run(plan(vec![slow, after])).await;
    assert_ended(&run, RunStatus::Failed);
    assert_eq!(
        bench.statuses(run.id).await,
        [StepStatus::TimedOut, StepStatus::TimedOut]
    );
    assert!(
        bench
            .steps(run.id)
            .await
            .remove(1)
            .message
            .unwrap()
            .contains("for sub is over")
    );
    assert_eq!(hosts(&bench), ["slow"]);
}

#[tokio::test]
async fn finally_and_undo_of_a_sub_runbook_run_after_its_timeout() {
    let read = |name: &str, text: &str| {
        let head =
            format!("name = \"{name}\"\ntitle = \"{name}\"\nversion = \"1\"\nmutates = true\n");
        runbook::parse(&format!("{name}.toml"), &(head + text)).unwrap_or_else(|p| panic!("{p:#?}"))
    };
    let http = |host: &str, method: &str| {
        format!("http = {{ method = \"{method}\", url = \"http://{host}.test/\" }}\n")
    };
    let sub = read(
        "sub",
        &format!(
            "timeout = \"200ms\"\n[[step]]\nname = \"make\"\nphase = \"action\"\n{}undo = {{ {} }}\n\
             [[step]]\nname = \"slow\"\nphase = \"action\"\n{}[[finally]]\nname = \"tidy\"\n{}",
            http("make", "POST"),
            http("unmake", "DELETE").trim(),
            http("slow", "GET"),
            http("tidy", "GET"),
        ),
    );
    let top = read(
        "top",
        "[[step]]\nname = \"call\"\nphase = \"action\"\nrunbook = \"sub\"\n",
    );
    let library = [top.clone(), sub];
    let plan = plan_in(
        &top,
        &Request::default(),
        &Stack::default(),
        &library,
        &Integrations::default(),
    );
    assert_eq!(plan.blocks().count(), 0, "{:?}", plan.risks);
    let bench = Bench::scripted(Script::default().on("slow", Act::Hang)).await;
    let run = bench.run(plan).await;
    assert_ended(&run, RunStatus::Failed);
    assert_eq!(hosts(&bench), ["make", "slow", "unmake", "tidy"]);
    let statuses = bench.statuses(run.id).await;
    assert_eq!(
        statuses,
        [
            StepStatus::Succeeded,
            StepStatus::TimedOut,
            StepStatus::Succeeded,
            StepStatus::Succeeded
        ]
    );
}

#[tokio::test]
async fn optional_questions_and_questions_that_require_a_word() {
    for (rules, done, note, wanted, later) in [
        (
            Rules {
                optional: true,
                ..Rules::default()
            },
            false,
            None,
            RunStatus::Succeeded,
            StepStatus::Skipped,
        ),
        (
            Rules {
                optional: true,
                ..Rules::default()
            },
            true,
            None,
            RunStatus::Succeeded,
            StepStatus::Succeeded,
        ),
        (
            Rules {
                word: Some("disk".to_owned()),
                ..Rules::default()
            },
            true,
            Some("yes"),
            RunStatus::Failed,
            StepStatus::Skipped,
        ),
        (
            Rules {
                word: Some("disk".to_owned()),
                ..Rules::default()
            },
            true,
            Some(" disk "),
            RunStatus::Succeeded,
            StepStatus::Succeeded,
        ),
    ] {
        let bench = Bench::scripted(Script::default()).await;
        let engine = bench.engine();
        let ask = named(manual(Phase::Action, "ask"), rules);
        let id = bench
            .submit(plan(vec![
                ask,
                when(get(Phase::Action, "web"), "steps.ask.done"),
            ]))
            .await;
        engine.wake();
        bench.until(id, |r| r.status == RunStatus::Waiting).await;
        bench
            .store
            .answer(
                id,
                0,
                done,
                note,
                "naomi",
                opsroom::clock::Clock::System.now(),
            )
            .await
            .unwrap();
        engine.wake();
        assert_ended(&bench.ended(id).await, wanted);
        assert_eq!(bench.statuses(id).await[1], later, "{done} {note:?}");
    }
}
