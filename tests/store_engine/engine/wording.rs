//! What a run says about its course, word for word, where a person acts on it.

use opsroom::adapter::{Act, Script, ScriptedAnswer};
use opsroom::clock::Clock;
use opsroom::core::run::breaker::{BreakerKey, Pass, State, THRESHOLD};
use opsroom::core::run::event::EntryBody;
use opsroom::core::run::orders::{Ending, Order};
use opsroom::core::run::plan::{
    Each, OnFailure, Plan, PlanStep, Retry, Rules, RunCondition, Within,
};
use opsroom::core::run::step::wait::Wait;
use opsroom::core::run::step::{Reply, StepSpec, document::Document};
use opsroom::core::run::{Phase, RunId, RunStatus, StepStatus};
use opsroom::store::Orderer;

use super::bench::*;

const NAOMI: Orderer<'_> = Orderer {
    actor: "naomi",
    reason: None,
};

async fn order(bench: &Bench, id: RunId, order: Order) {
    let now = Clock::System.now();
    bench.store.order(id, order, NAOMI, now).await.unwrap();
}

/// The messages of the steps.
async fn messages(bench: &Bench, id: RunId) -> Vec<String> {
    let steps = bench.steps(id).await;
    let message = |step: opsroom::core::run::RunStep| step.message.unwrap_or_default();
    steps.into_iter().map(message).collect()
}

#[track_caller]
fn has(log: &[String], line: &str) {
    assert!(log.iter().any(|l| l == line), "{line}\n{log:#?}");
}

#[track_caller]
fn lacks(log: &[String], text: &str) {
    assert!(log.iter().all(|l| !l.contains(text)), "{text}\n{log:#?}");
}

/// A request that may be made twice.
fn read(name: &str) -> PlanStep {
    PlanStep {
        idempotent: true,
        ..get(Phase::Action, name)
    }
}

fn items(max_errors: u32, on_failure: OnFailure) -> Vec<PlanStep> {
    let each = Each {
        group: 1,
        max_concurrency: 1,
        max_errors,
    };
    let item = |name: &str| PlanStep {
        rules: Rules {
            each: Some(each),
            ..Rules::default()
        },
        on_failure,
        ..get(Phase::Action, name)
    };
    ["a", "bad1", "b", "bad2", "c"].map(item).to_vec()
}

#[tokio::test]
async fn a_group_counts_its_failures() {
    let http = "HTTP 400 in 5 ms";
    for (allowed, on_failure, counts, message, rest) in [
        (
            2,
            OnFailure::Stop,
            "warn for each: 2 of 5 failed, 2 allowed",
            None,
            "",
        ),
        (
            1,
            OnFailure::Stop,
            "error for each: 2 of 5 failed, 1 allowed",
            Some(format!("step bad1: {http} (2 of 5 failed, 1 allowed)")),
            "skipped: action failed",
        ),
        (
            1,
            OnFailure::Continue,
            "error for each: 2 of 5 failed, 1 allowed",
            Some(format!("step bad1: {http} (2 of 5 failed, 1 allowed)")),
            "skipped: 2 of 5 failed",
        ),
    ] {
        let bench = Bench::scripted(Script::default().on("bad", status(400))).await;
        let run = bench.run(plan(items(allowed, on_failure))).await;
        assert_eq!(run.message, message);
        let log = bench.log(run.id).await;
        has(&log, counts);
        let last = messages(&bench, run.id).await.pop().unwrap();
        if rest.is_empty() {
            assert!(last.starts_with("HTTP 200"), "{last}");
        } else {
            assert_eq!(last, rest);
        }
        let going_on = log.iter().any(|l| l.ends_with(", 2 failed, going on"));
        let failed = log
            .iter()
            .any(|l| l.starts_with("error action failed after"));
        assert_eq!(
            (going_on, failed),
            (
                message.is_some() && on_failure == OnFailure::Continue,
                message.is_some() && on_failure == OnFailure::Stop
            ),
            "{log:#?}"
        );
    }
    let bench = Bench::scripted(Script::default()).await;
    let run = bench.run(plan(items(0, OnFailure::Stop))).await;
    lacks(&bench.log(run.id).await, "for each");
}

/// Two changes that can be undone.
fn undoable(second: PlanStep) -> Plan {
    let undo = |n: u32, name: &str| PlanStep {
        rules: Rules {
            undoes: Some(n),
            ..Rules::default()
        },
        ..get(Phase::Action, &format!("undo-{name}"))
    };
    Plan {
        undo: vec![undo(1, "two"), undo(0, "one")],
        finally: vec![get(Phase::Summarize, "cleanup")],
        ..plan(vec![get(Phase::Action, "one"), second])
    }
}

#[tokio::test]
async fn an_undo_says_what_it_takes_back_and_what_it_does_not() {
    let bench = Bench::scripted(Script::default().on("//two", status(400))).await;
    let run = bench.run(undoable(get(Phase::Action, "two"))).await;
    assert_eq!(
        run.message.as_deref(),
        Some("step two: HTTP 400 in 5 ms; 1 step undone")
    );
    let log = bench.log(run.id).await;
    has(&log, "warn undo started: 1 step completed to take back");
    has(&log, "warn undo finished: 1 step undone");
    has(&log, "info finally started");
    has(&log, "info finally finished");
    lacks(&log, "not undone");
    assert_eq!(
        messages(&bench, run.id).await[3],
        "skipped: two did not complete"
    );

    let script = Script::default()
        .on("//two", status(400))
        .on("undo-one", status(500));
    let bench = Bench::scripted(script).await;
    let run = bench.run(undoable(get(Phase::Action, "two"))).await;
    has(
        &bench.log(run.id).await,
        "error undo finished: undo failed, look at it by hand: undo-one",
    );

    // A failed preflight has changed nothing.
    let bench = Bench::scripted(Script::default().on("//first", status(400))).await;
    let mut plan = undoable(get(Phase::Action, "two"));
    plan.steps.insert(0, get(Phase::Preflight, "first"));
    let run = bench.run(plan).await;
    assert_eq!(run.message.as_deref(), Some("step first: HTTP 400 in 5 ms"));
    let said = messages(&bench, run.id).await;
    assert_eq!(said[4..], ["skipped: nothing is to be undone"; 2]);
    lacks(&bench.log(run.id).await, "undo");

    let bench = Bench::scripted(Script::default()).await;
    let engine = bench.engine();
    let id = bench.submit(undoable(manual(Phase::Action, "two"))).await;
    engine.wake();
    bench
        .until(id, |run| run.status == RunStatus::Waiting)
        .await;
    order(&bench, id, Order::End(Ending::Cancel)).await;
    engine.wake();
    let run = bench.ended(id).await;
    assert_eq!(run.message.as_deref(), Some("by naomi during step two"));
    let said = messages(&bench, id).await;
    assert_eq!(
        said[3..],
        ["skipped: the run was cancelled, which undoes nothing"; 2]
    );
    let log = bench.log(id).await;
    has(&log, "warn cancelled: by naomi during step two");
    assert!(
        log.iter()
            .any(|l| l.starts_with("warn action stopped after ")
                && l.ends_with(": the run was cancelled")),
        "{log:#?}"
    );
}

#[tokio::test]
async fn a_cancellation_that_comes_too_late_is_reported() {
    let script = Script::default().answer(ScriptedAnswer {
        to: "cleanup".to_owned(),
        says: Vec::new(),
        after_ms: 2000,
        act: status(200),
    });
    let bench = Bench::scripted(script).await;
    let engine = bench.engine();
    let id = bench.submit(undoable(get(Phase::Action, "two"))).await;
    engine.wake();
    bench.until_said(id, "finally started").await;
    order(&bench, id, Order::End(Ending::AfterStep)).await;
    engine.wake();
    let run = bench.ended(id).await;
    assert_ended(&run, RunStatus::Succeeded);
    let log = bench.log(id).await;
    has(
        &log,
        "warn the cancellation by naomi came too late: nothing was left to cancel",
    );
    lacks(&log, "not undone");
}

#[tokio::test]
async fn what_an_engine_that_leaves_did_not_do_is_named() {
    let bench = Bench::scripted(Script::default().on("//two", Act::Hang)).await;
    let engine = bench.engine();
    let id = bench
        .submit(undoable(http(Phase::Action, "two", "POST")))
        .await;
    engine.wake();
    let is_running = |steps: &[StepStatus]| steps[1] == StepStatus::Running;
    until(async || is_running(&bench.statuses(id).await)).await;
    engine.stop(false).await;
    let log = bench.log(id).await;
    has(
        &log,
        "warn the engine left before all finally steps had run; check: cleanup",
    );
    has(&log, "warn not undone, because only a failure is: one");
    has(
        &log,
        "warn interrupted: the engine was stopped during step two",
    );
    lacks(&log, "undo started");
    lacks(&log, "finally started");
    let said = messages(&bench, id).await;
    assert!(
        said[1].starts_with("stopped after ")
            && said[1].ends_with(": the engine was stopped; whether it took effect is not known"),
        "{said:?}"
    );
    assert_eq!(
        bench.statuses(id).await,
        [
            StepStatus::Succeeded,
            StepStatus::Unknown,
            StepStatus::Pending,
            StepStatus::Pending,
            StepStatus::Pending
        ]
    );
    let left = bench.store.artifacts(id).await.unwrap();
    assert!(left.is_empty(), "it has no manifest before its end");
}

#[tokio::test]
async fn a_step_that_was_cut_short_is_unknown_only_if_it_may_have_an_effect() {
    let wait = || step(Phase::Action, "pause", StepSpec::Wait(Wait { ms: 60_000 }));
    for (cut, left, note) in [
        (wait(), StepStatus::Pending, ""),
        // It may be done again: the engine that resumes the run does so.
        (read("read"), StepStatus::Pending, ""),
        (
            http(Phase::Action, "write", "POST"),
            StepStatus::Unknown,
            "; whether it took effect is not known",
        ),
    ] {
        let name = cut.name.clone();
        let bench = Bench::scripted(
            Script::default()
                .on("http", Act::Hang)
                .on("wait", Act::Hang),
        )
        .await;
        let engine = bench.engine();
        let id = bench.submit(plan(vec![cut])).await;
        engine.wake();
        until(async || !bench.script.calls().is_empty()).await;
        engine.stop(false).await;
        let kept = bench.steps(id).await.remove(0);
        assert_eq!(kept.status, left, "{name}");
        let log = bench.log(id).await;
        let (begin, end) = (
            format!("warn {name}: stopped after "),
            format!(": the engine was stopped{note}"),
        );
        assert!(
            log.iter()
                .any(|l| l.starts_with(&begin) && l.ends_with(&end)),
            "{log:#?}"
        );
    }
}

#[tokio::test]
async fn a_deadline_names_its_time_and_the_step_it_cut() {
    let bench = Bench::scripted(Script::default().on("slow", Act::Hang)).await;
    let slow = Plan {
        timeout_ms: 400,
        ..plan(vec![read("slow"), get(Phase::Verify, "after")])
    };
    let run = bench.run(slow).await;
    assert_ended(&run, RunStatus::TimedOut);
    assert_eq!(
        run.message.as_deref(),
        Some("the run's deadline of 400 ms passed during step slow")
    );
    assert_eq!(
        bench.statuses(run.id).await,
        [StepStatus::TimedOut, StepStatus::Skipped]
    );
    let said = messages(&bench, run.id).await;
    assert!(said[0].ends_with(": the run's deadline passed"), "{said:?}");
    assert_eq!(said[1], "skipped: the run's deadline passed");
    let log = bench.log(run.id).await;
    has(
        &log,
        "error timed out: the run's deadline of 400 ms passed during step slow",
    );
    // Without a timeout a step may take as long as its run.
    let bench = Bench::scripted(Script::default()).await;
    let unlimited = PlanStep {
        timeout_ms: 0,
        ..get(Phase::Action, "quick")
    };
    let run = bench.run(plan(vec![unlimited])).await;
    assert_ended(&run, RunStatus::Succeeded);
}

fn gated(negated: bool, steps: Vec<PlanStep>) -> Plan {
    let gate = RunCondition {
        text: "staging is healthy".to_owned(),
        steps,
        negated,
    };
    Plan {
        only_if: Some(gate),
        ..plan(vec![get(Phase::Action, "deploy")])
    }
}

#[tokio::test]
async fn a_condition_says_why_it_holds_or_not() {
    let document = StepSpec::Document(Document {
        title: "a".to_owned(),
        content: "b".to_owned(),
    });
    let (good, bad) = ("good", "bad");
    let probes = |names: &[&str]| -> Vec<PlanStep> {
        names
            .iter()
            .map(|name| get(Phase::Validate, name))
            .collect()
    };
    for (negated, steps, says) in [
        (
            false,
            probes(&[good]),
            Ok("only if staging is healthy: holds"),
        ),
        (
            true,
            probes(&[good, bad]),
            Ok("unless staging is healthy: holds"),
        ),
        (
            false,
            probes(&[good, "bad1", "bad2"]),
            Err("only if staging is healthy, but bad1: HTTP 500 in 5 ms"),
        ),
        (
            true,
            probes(&[good]),
            Err("unless staging is healthy, and it is"),
        ),
        (
            false,
            Vec::new(),
            Err("only if staging is healthy: nothing is configured that could check it"),
        ),
        (
            true,
            vec![manual(Phase::Validate, "x")],
            Err("unless staging is healthy: cannot be checked: a condition cannot ask a person"),
        ),
        (
            false,
            vec![step(Phase::Validate, "x", document)],
            Err(
                "only if staging is healthy: cannot be checked: a condition cannot leave a document",
            ),
        ),
    ] {
        let bench = Bench::scripted(Script::default().on("bad", status(500))).await;
        let run = bench.run(gated(negated, steps)).await;
        let log = bench.log(run.id).await;
        match says {
            Ok(holds) => {
                assert_ended(&run, RunStatus::Succeeded);
                has(&log, &format!("success {holds}"));
            }
            Err(why) => {
                assert_ended(&run, RunStatus::Skipped);
                assert_eq!(run.message.as_deref(), Some(why));
                has(&log, &format!("warn condition not met: {why}"));
                assert_eq!(
                    messages(&bench, run.id).await,
                    ["skipped: the condition is not met"]
                );
            }
        }
    }
}

#[tokio::test]
async fn every_attempt_is_numbered_and_its_result_recorded() {
    let script = Script::default()
        .on("flaky", status(503))
        .on("flaky", status(503))
        .on("flaky", status(200));
    let bench = Bench::scripted(script).await;
    let flaky = PlanStep {
        retry: Some(Retry {
            attempts: 5,
            base_ms: 4,
            cap_ms: 4,
        }),
        ..read("flaky")
    };
    let run = bench
        .run(plan(vec![flaky, get(Phase::Verify, "once")]))
        .await;
    assert_ended(&run, RunStatus::Succeeded);
    let log = bench.log(run.id).await;
    let begun: Vec<_> = log.iter().filter(|l| l.contains(": GET ")).collect();
    assert_eq!(
        begun,
        [
            "info flaky: GET http://flaky.test/",
            "info flaky: GET http://flaky.test/ (attempt 2 of 5)",
            "info flaky: GET http://flaky.test/ (attempt 3 of 5)",
            "info once: GET http://once.test/",
        ]
    );
    let again = log.iter().filter(|l| {
        l.starts_with("warn flaky: HTTP 503 in 5 ms; trying again in ") && l.ends_with(" ms")
    });
    assert_eq!(again.count(), 2);
    let steps = bench.steps(run.id).await;
    assert_eq!((steps[0].attempt, steps[1].attempt), (3, 1));
    let ended = bench.entries(run.id).await.into_iter().filter_map(|entry| {
        let EntryBody::Event { data, .. } = entry.body else {
            return None;
        };
        let data = data?;
        Some((entry.step?, data["status"].clone(), data["attempt"].clone()))
    });
    let ended: Vec<_> = ended.collect();
    assert_eq!(
        ended,
        [
            (0, "succeeded".into(), 3.into()),
            (1, "succeeded".into(), 1.into())
        ]
    );
}

#[tokio::test]
async fn a_document_has_the_results_of_the_steps_before_it() {
    let document = || {
        step(
            Phase::Summarize,
            "write",
            StepSpec::Document(Document {
                title: "report".to_owned(),
                content: "{results}".to_owned(),
            }),
        )
    };
    let bench = Bench::scripted(Script::default().on("//two", status(400))).await;
    let mut plan = undoable(PlanStep {
        on_failure: OnFailure::Continue,
        ..get(Phase::Action, "two")
    });
    plan.steps.push(get(Phase::Verify, "three"));
    plan.finally.insert(0, document());
    let run = bench.run(plan).await;
    let content = bench.store.artifact(run.id, 1).await.unwrap().1;
    let text = String::from_utf8(content).unwrap();
    let lines: Vec<_> = text.lines().collect();
    assert_eq!(
        lines,
        [
            "- one: succeeded: HTTP 200 in 0 ms",
            "- two: failed: HTTP 400 in 5 ms",
            "- three: succeeded: HTTP 200 in 0 ms",
        ],
        "no undo that was not needed, and nothing that is still to come"
    );
}

#[tokio::test]
async fn a_time_that_is_over_is_the_shortest_of_those_around_the_step() {
    let within = |names: &[(&str, i64)]| Rules {
        within: names
            .iter()
            .map(|(name, timeout_ms)| Within {
                name: (*name).to_owned(),
                timeout_ms: *timeout_ms,
            })
            .collect(),
        ..Rules::default()
    };
    let bench = Bench::scripted(Script::default().on("slow", Act::Hang)).await;
    let rules = within(&[("outer", 90_000), ("inner", 150)]);
    let slow = PlanStep {
        rules: rules.clone(),
        on_failure: OnFailure::Continue,
        ..get(Phase::Action, "slow")
    };
    let late = PlanStep {
        rules,
        ..get(Phase::Action, "late")
    };
    let run = bench.run(plan(vec![slow, late])).await;
    let said = messages(&bench, run.id).await;
    assert!(said[0].starts_with("no answer within "), "{said:?}");
    assert_eq!(said[1], "not begun: the time of 150 ms for inner is over");
    let log = bench.log(run.id).await;
    has(
        &log,
        "error late: not begun: the time of 150 ms for inner is over",
    );
    assert_eq!(bench.steps(run.id).await[1].attempt, 1);
}

#[tokio::test]
async fn a_message_is_kept_up_to_its_length() {
    for (length, whole) in [(1023, true), (1024, true), (1025, false)] {
        let message = "x".repeat(length);
        let reply = Reply::unreachable(message.clone());
        let bench = Bench::scripted(Script::default().on("web", Act::Reply(reply))).await;
        let run = bench.run(plan(vec![get(Phase::Action, "web")])).await;
        let kept = messages(&bench, run.id).await.remove(0);
        let titles: Vec<_> = bench.store.artifacts(run.id).await.unwrap();
        let titles: Vec<_> = titles.iter().map(|a| a.title.as_str()).collect();
        assert_eq!(kept == message, whole, "{length}: {kept}");
        assert_eq!(titles.contains(&"web: whole message"), !whole, "{titles:?}");
        if !whole {
            assert!(
                kept.ends_with("the whole is the artifact \"web: whole message\")"),
                "{kept}"
            );
        }
    }
}

#[tokio::test]
async fn a_question_is_shown_on_one_line_and_may_run_out() {
    let bench = Bench::scripted(Script::default()).await;
    let engine = bench.engine();
    let mut ask = manual(Phase::Action, "grow");
    ask.timeout_ms = 1900;
    if let StepSpec::Manual(question) = &mut ask.spec {
        question.prompt = "  Grow it?\n\n now\n".to_owned();
    }
    let id = bench.submit(plan(vec![ask])).await;
    engine.wake();
    let run = bench
        .until(id, |run| run.status == RunStatus::Waiting)
        .await;
    assert_eq!(run.message.as_deref(), Some("Grow it? ⏎ now"));
    assert_eq!(messages(&bench, id).await, ["Grow it? ⏎ now"]);
    until(async || engine.waiting() == 1).await;
    let run = bench.ended(id).await;
    assert_ended(&run, RunStatus::Failed);
    assert_eq!(bench.statuses(id).await, [StepStatus::TimedOut]);
    let said = messages(&bench, id).await.remove(0);
    assert!(said.contains("1.9 s"), "{said}");
    engine.idle().await;
    assert_eq!((engine.waiting(), engine.live()), (0, 0));
}

/// A call that hangs while the breaker waits for its outcome.
async fn half_open(bench: &Bench, timeout_ms: i64) -> i64 {
    let way = BreakerKey {
        target: Some(target("web")),
        host: "act.test".to_owned(),
    };
    let then = Clock::System.now().plus_ms(-360_000);
    for _ in 0..THRESHOLD {
        let pass = Pass::Free { clean: false };
        bench
            .store
            .record_call(bench.workspace, &way, pass, Err("HTTP 503"), then)
            .await
            .unwrap();
    }
    let act = PlanStep {
        target: Some(target("web")),
        timeout_ms,
        ..http(Phase::Action, "act", "POST")
    };
    let id = bench.submit(plan(vec![act])).await;
    let engine = bench.engine();
    until(async || !bench.script.calls().is_empty()).await;
    let now = Clock::System.now();
    let state = bench.store.breakers(bench.workspace).await.unwrap()[0].state;
    let State::HalfOpen { until, .. } = state else {
        panic!("{state:?} of run {id}")
    };
    engine.stop(false).await;
    let after = bench.store.breakers(bench.workspace).await.unwrap()[0].state;
    assert_eq!(after, state, "a call that was stopped has no outcome");
    until.ms_since(now)
}

#[tokio::test]
async fn a_breaker_waits_for_a_call_a_little_longer_than_the_call_takes() {
    for (timeout_ms, wanted) in [(20_000, 30_000), (3_600_000, 610_000)] {
        let bench = Bench::scripted(Script::default().on("act", Act::Hang)).await;
        let wait_ms = half_open(&bench, timeout_ms).await;
        assert!(
            (wanted - 5000..=wanted).contains(&wait_ms),
            "{timeout_ms}: {wait_ms}"
        );
    }
}

#[tokio::test]
async fn a_run_that_may_go_on_says_so() {
    let bench = Bench::scripted(Script::default()).await;
    let id = bench.submit(plan(vec![get(Phase::Action, "one")])).await;
    let now = Clock::System.now();
    let by = Orderer {
        actor: "naomi",
        reason: Some("wait"),
    };
    bench.store.order(id, Order::Pause, by, now).await.unwrap();
    let engine = bench.engine();
    let run = bench
        .until(id, |run| run.status == RunStatus::Waiting)
        .await;
    assert_eq!(
        run.message.as_deref(),
        Some("paused by naomi; waits before step one")
    );
    order(&bench, id, Order::Continue).await;
    engine.wake();
    assert_ended(&bench.ended(id).await, RunStatus::Succeeded);
    let log = bench.log(id).await;
    has(&log, "info paused by naomi; waits before step one");
    has(&log, "info goes on before step one");
}

#[tokio::test]
async fn a_manifest_has_the_whole_course() {
    let bench = Bench::scripted(Script::default().on("//two", status(400))).await;
    let engine = bench.engine();
    let chained = Plan {
        title: "then this".to_owned(),
        ..plan(vec![get(Phase::Action, "never")])
    };
    let id = bench
        .submit(Plan {
            then: vec![chained],
            ..undoable(get(Phase::Verify, "two"))
        })
        .await;
    engine.wake();
    let run = bench.ended(id).await;
    has(
        &bench.log(id).await,
        "warn not started, because this run did not succeed: then this",
    );
    let content = bench.store.artifact(id, 1).await.unwrap().1;
    let manifest: serde_json::Value = serde_json::from_slice(&content).unwrap();
    assert_eq!(manifest["message"], run.message.unwrap());
    assert_eq!(manifest["engine"], engine.holder());
    assert_eq!(manifest["trigger"], "console");
    let ms = manifest["ms"].as_i64().unwrap();
    assert!((0..60_000).contains(&ms), "{ms}");
    let lines: Vec<_> = manifest["steps"].as_array().unwrap().iter().collect();
    let of = |key: &str| -> Vec<String> {
        let text = |line: &&serde_json::Value| line[key].as_str().unwrap().to_owned();
        lines.iter().map(text).collect()
    };
    assert_eq!(
        of("name"),
        ["one", "two", "cleanup", "undo-two", "undo-one"]
    );
    assert_eq!(of("phase"), ["action", "verify", "finally", "undo", "undo"]);
    assert_eq!(
        of("status"),
        ["succeeded", "failed", "succeeded", "skipped", "succeeded"]
    );
    assert_eq!(of("does")[0], "GET http://one.test/");
    assert_eq!(lines[0]["index"], 0);
    assert_eq!(lines[1]["attempt"], 1);
    let took = lines[0]["ms"].as_i64().unwrap();
    assert!((0..60_000).contains(&took), "{took}");
    assert!(lines[3]["ms"].is_null(), "it never began: {}", lines[3]);
}
