//! The progress of a run: phases, outcomes, retries, conditions, chains, questions, artifacts.

use opsroom::adapter::{OutputLine, Script, ScriptedAnswer};
use opsroom::core::run::artifact::ArtifactKind;
use opsroom::core::run::event::{EntryBody, Stream};
use opsroom::core::run::plan::{OnFailure, Plan, PlanStep, Retry, RunCondition};
use opsroom::core::run::step::{StepSpec, document::Document};
use opsroom::core::run::{Phase, RunStatus, StepStatus};
use opsroom::core::stack::state::State;
use opsroom::store::RunFilter;

use super::bench::*;

fn without_durations(line: &str) -> String {
    let mut words: Vec<&str> = line.split(' ').collect();
    for at in 1..words.len() {
        if ["ms", "s"].contains(&words[at].trim_matches(['(', ')'])) {
            words[at - 1] = "N";
        }
    }
    words.join(" ")
}

#[tokio::test]
async fn a_small_plan_logs_exactly_these_events() {
    let says = vec![OutputLine {
        stream: Stream::Stdout,
        text: "deployed".to_owned(),
    }];
    let act = status(200);
    let script = Script::default().answer(ScriptedAnswer {
        to: "deploy".to_owned(),
        says,
        after_ms: 0,
        act,
    });
    let bench = Bench::scripted(script).await;
    let run = bench
        .run(plan(vec![
            get(Phase::Preflight, "api"),
            http(Phase::Action, "deploy", "POST"),
        ]))
        .await;
    assert_ended(&run, RunStatus::Succeeded);
    assert_eq!(run.message, None);
    let log: Vec<_> = bench
        .log(run.id)
        .await
        .iter()
        .map(|l| without_durations(l))
        .collect();
    let at = log
        .iter()
        .position(|l| l.contains("started: test the engine"))
        .unwrap();
    let wanted = [
        "info started: test the engine",
        "debug validate reached",
        "debug validate skipped: nothing to do",
        "info preflight started",
        "info api: GET http://api.test/",
        "success api: HTTP 200 in N ms",
        "info preflight finished in N ms",
        "info action started",
        "info deploy: POST http://deploy.test/",
        "> deployed",
        "success deploy: HTTP 200 in N ms",
        "info action finished in N ms",
        "debug verify reached",
        "debug verify skipped: nothing to do",
        "debug summarize reached",
        "debug summarize skipped: nothing to do",
        "success succeeded in N ms",
    ];
    assert_eq!(log[at..], wanted);
    let marks = bench
        .entries(run.id)
        .await
        .into_iter()
        .filter_map(|e| match (e.step, e.body) {
            (Some(step), EntryBody::Event { phase, source, .. }) => Some((step, phase, source)),
            _ => None,
        });
    let (pre, act) = (Some(Phase::Preflight), Some(Phase::Action));
    let wanted = [(0, pre), (0, pre), (1, act), (1, act)].map(|(i, p)| (i, p, "http".to_owned()));
    assert_eq!(marks.collect::<Vec<_>>(), wanted);
    assert_eq!(bench.statuses(run.id).await, [StepStatus::Succeeded; 2]);
    assert!(
        run.started_at.is_some() && run.finished_at >= run.started_at && run.lease_until.is_none()
    );
}

#[tokio::test]
async fn a_failing_preflight_stops_before_the_action() {
    let bench = Bench::scripted(Script::default().on("api", status(404))).await;
    let steps = vec![
        get(Phase::Preflight, "api"),
        http(Phase::Action, "deploy", "POST"),
        get(Phase::Verify, "web"),
    ];
    let run = bench.run(plan(steps)).await;
    assert_ended(&run, RunStatus::Failed);
    assert_eq!(run.message.as_deref(), Some("step api: HTTP 404 in 5 ms"));
    assert_eq!(
        bench.script.calls().len(),
        1,
        "only the preflight was called"
    );
    assert_eq!(
        bench.statuses(run.id).await,
        [StepStatus::Failed, StepStatus::Skipped, StepStatus::Skipped]
    );
    let log = bench.log(run.id).await;
    for line in [
        "info action skipped: preflight failed",
        "info verify skipped: preflight failed",
    ] {
        assert!(log.iter().any(|l| l == line), "{log:#?}");
    }
    assert_eq!(
        log.last().unwrap(),
        "error failed: step api: HTTP 404 in 5 ms"
    );
    assert_eq!(
        log.iter().filter(|l| l.contains("failed: step")).count(),
        1,
        "one final event"
    );
}

#[tokio::test]
async fn a_failure_that_continues_still_fails_the_run() {
    let bench = Bench::scripted(Script::default().on("one", status(500))).await;
    let one = PlanStep {
        on_failure: OnFailure::Continue,
        ..get(Phase::Action, "one")
    };
    let run = bench
        .run(plan(vec![
            one,
            get(Phase::Action, "two"),
            get(Phase::Verify, "three"),
        ]))
        .await;
    assert_ended(&run, RunStatus::Failed);
    assert_eq!(
        bench.statuses(run.id).await,
        [
            StepStatus::Failed,
            StepStatus::Succeeded,
            StepStatus::Succeeded
        ]
    );
}

#[tokio::test]
async fn reads_are_retried_and_writes_are_not() {
    let script = Script::default();
    let script = script
        .on("GET", status(503))
        .on("GET", status(502))
        .on("GET", status(200))
        .on("POST", status(503));
    let bench = Bench::scripted(script).await;
    let retry = Some(Retry {
        attempts: 3,
        base_ms: 20,
        cap_ms: 50,
    });
    let get = PlanStep {
        retry,
        idempotent: true,
        ..get(Phase::Preflight, "api")
    };
    let run = bench
        .run(plan(vec![
            get,
            PlanStep {
                retry,
                ..http(Phase::Action, "deploy", "POST")
            },
        ]))
        .await;
    assert_ended(&run, RunStatus::Failed);
    let steps = bench.steps(run.id).await;
    assert_eq!(
        (steps[0].status, steps[0].attempt),
        (StepStatus::Succeeded, 3)
    );
    assert_eq!((steps[1].status, steps[1].attempt), (StepStatus::Failed, 1));
    assert_eq!(bench.script.calls().len(), 4);
    let log = bench.log(run.id).await;
    let has = |text: &str| log.iter().filter(|l| l.contains(text)).count();
    assert_eq!(
        (
            has("trying again in"),
            has("attempt 3 of 3"),
            has("not tried again")
        ),
        (2, 1, 1),
        "{log:#?}"
    );
    let history = bench.store.history(run.id).await.unwrap();
    let of_first: Vec<_> = history
        .iter()
        .filter(|c| c.step == Some(0))
        .map(|c| (c.attempt, c.status.as_str()))
        .collect();
    let tries = [
        (1, "running"),
        (1, "failed"),
        (2, "running"),
        (2, "failed"),
        (3, "running"),
        (3, "succeeded"),
    ];
    assert_eq!(
        of_first,
        tries.map(|(attempt, status)| (Some(attempt), status)),
        "every attempt has its times"
    );
    let of_run: Vec<_> = history
        .iter()
        .filter(|c| c.step.is_none())
        .map(|c| c.status.as_str())
        .collect();
    assert_eq!(of_run, ["queued", "claimed", "running", "failed"]);
}

fn gated(negated: bool) -> Plan {
    let gate = RunCondition {
        text: "staging is healthy".to_owned(),
        steps: vec![get(Phase::Validate, "staging")],
        negated,
    };
    let finally = vec![get(Phase::Summarize, "cleanup")];
    Plan {
        only_if: Some(gate),
        finally,
        ..plan(vec![get(Phase::Action, "deploy")])
    }
}

#[tokio::test]
async fn a_condition_decides_whether_anything_runs() {
    let cases = [
        (200, false, true),
        (500, false, false),
        (200, true, false),
        (500, true, true),
    ];
    for (code, negated, runs) in cases {
        let bench = Bench::scripted(Script::default().on("staging", status(code))).await;
        let run = bench.run(gated(negated)).await;
        assert_ended(
            &run,
            if runs {
                RunStatus::Succeeded
            } else {
                RunStatus::Skipped
            },
        );
        assert_eq!(
            bench.script.calls().len(),
            if runs { 3 } else { 1 },
            "{code} {negated}"
        );
        if !runs {
            assert!(run.message.unwrap().contains("staging is healthy"));
            // A condition that does not hold is an answer and no failure of its phase.
            let log = bench.log(run.id).await;
            assert!(
                log.iter()
                    .any(|line| line.starts_with("info validate finished in ")
                        && line.ends_with(": the condition is not met")),
                "{log:#?}"
            );
            assert!(
                log.iter().all(|line| !line.contains("validate failed")),
                "{log:#?}"
            );
            assert!(
                bench
                    .statuses(run.id)
                    .await
                    .iter()
                    .all(|s| *s == StepStatus::Skipped)
            );
        }
    }
}

#[tokio::test]
async fn a_condition_without_a_check_holds_neither_way() {
    for negated in [false, true] {
        let bench = Bench::scripted(Script::default()).await;
        let mut plan = gated(negated);
        plan.only_if.as_mut().unwrap().steps.clear();
        assert_ended(&bench.run(plan).await, RunStatus::Skipped);
        assert!(bench.script.calls().is_empty());
    }
}

fn chain_of(names: [&str; 3]) -> Plan {
    let [first, second, third] = names.map(|n| Plan {
        title: n.to_owned(),
        ..plan(vec![get(Phase::Action, n)])
    });
    Plan {
        then: vec![second, third],
        ..first
    }
}

#[tokio::test]
async fn a_chain_goes_on_after_success_only() {
    let bench = Bench::scripted(Script::default().on("three", status(500))).await;
    // One engine for all of it: another would have to wait until a dropped engine no longer owns
    // the next link.
    let engine = bench.engine();
    let first = bench.submit(chain_of(["one", "two", "three"])).await;
    engine.wake();
    bench.ended(first).await;
    engine.idle().await;
    let runs = bench
        .store
        .runs(
            bench.workspace,
            &RunFilter {
                limit: 10,
                ..RunFilter::default()
            },
        )
        .await
        .unwrap()
        .runs;
    let links: Vec<_> = runs
        .iter()
        .rev()
        .map(|r| (r.title.as_str(), r.status, r.trigger.as_str()))
        .collect();
    let (ok, bad) = (RunStatus::Succeeded, RunStatus::Failed);
    assert_eq!(
        links,
        [
            ("one", ok, "console"),
            ("two", ok, "chain"),
            ("three", bad, "chain")
        ]
    );
    let follower = async |run| bench.store.next_link(run).await.unwrap().map(|run| run.id);
    assert_eq!(
        (follower(first).await, follower(runs[1].id).await),
        (Some(runs[1].id), Some(runs[0].id))
    );
    assert!(runs.iter().all(|r| r.actor == "amos"));
}

#[tokio::test]
async fn links_that_do_not_start_are_named() {
    let bench = Bench::scripted(Script::default().on("one", status(500))).await;
    let run = bench.run(chain_of(["one", "two", "three"])).await;
    assert_ended(&run, RunStatus::Failed);
    let log = bench.log(run.id).await;
    assert!(
        log.iter()
            .any(|l| l.contains("not started") && l.ends_with("two; three")),
        "{log:#?}"
    );
    let runs = bench
        .store
        .runs(
            bench.workspace,
            &RunFilter {
                limit: 10,
                ..RunFilter::default()
            },
        )
        .await
        .unwrap()
        .runs;
    assert_eq!(runs.len(), 1);
}

#[tokio::test]
async fn an_engine_for_one_run_follows_its_chain_and_nothing_else() {
    let bench = Bench::scripted(Script::default()).await;
    let other = bench.submit(plan(vec![get(Phase::Action, "other")])).await;
    let mine = bench.submit(chain_of(["one", "two", "three"])).await;
    let engine = bench.engine_with(opsroom::engine::EngineConfig {
        only: Some(mine),
        ..config()
    });
    engine.idle().await;
    assert_eq!(
        bench.store.run(other).await.unwrap().status,
        RunStatus::Queued
    );
    assert_eq!(bench.script.calls().len(), 3);
}

#[tokio::test]
async fn a_question_waits_for_its_answer() {
    for (done, wanted) in [(true, RunStatus::Succeeded), (false, RunStatus::Failed)] {
        let bench = Bench::scripted(Script::default()).await;
        let engine = bench.engine();
        let id = bench
            .submit(plan(vec![
                manual(Phase::Action, "the thing"),
                get(Phase::Verify, "web"),
            ]))
            .await;
        engine.wake();
        bench.until(id, |r| r.status == RunStatus::Waiting).await;
        assert_eq!(
            bench.statuses(id).await,
            [StepStatus::Waiting, StepStatus::Pending]
        );
        let at = opsroom::clock::Clock::System.now();
        bench
            .store
            .answer(id, 0, done, Some("by hand"), "naomi", at)
            .await
            .unwrap();
        engine.wake();
        let run = bench.ended(id).await;
        assert_ended(&run, wanted);
        let message = bench.steps(id).await.remove(0).message.unwrap();
        assert!(
            message.contains("naomi") && message.contains("by hand"),
            "{message}"
        );
    }
}

#[tokio::test]
async fn documents_and_a_manifest_are_artifacts() {
    let bench = Bench::scripted(Script::default()).await;
    let document = StepSpec::Document(Document {
        title: "spec.md".to_owned(),
        content: "# Spec".to_owned(),
    });
    let steps = vec![
        get(Phase::Action, "deploy"),
        step(Phase::Summarize, "write", document),
    ];
    let run = bench.run(plan(steps)).await;
    assert_ended(&run, RunStatus::Succeeded);
    let left = bench.store.artifacts(run.id).await.unwrap();
    assert_eq!(
        left.iter().map(|a| a.kind).collect::<Vec<_>>(),
        [ArtifactKind::File, ArtifactKind::Manifest]
    );
    assert!(left.iter().all(|a| a.run == run.id && a.at.0 > 0));
    assert_eq!(
        left.iter().map(|a| a.step).collect::<Vec<_>>(),
        [Some(1), None]
    );
    assert_eq!(bench.store.artifact(run.id, 1).await.unwrap().1, b"# Spec");
    let content = bench.store.artifact(run.id, 2).await.unwrap().1;
    let manifest: serde_json::Value = serde_json::from_slice(&content).unwrap();
    assert_eq!(manifest["status"], "succeeded");
    assert_eq!(manifest["actor"], "amos");
    assert_eq!(
        manifest["plan_hash"],
        opsroom::core::run::plan::plan_hash(&run.plan)
    );
    assert_eq!(manifest["steps"][0]["name"], "deploy");
    assert_eq!(manifest["steps"][1]["status"], "succeeded");
}

#[tokio::test]
async fn probes_store_observations() {
    let bench = Bench::scripted(Script::default().on("web", status(500))).await;
    let probe = |name: &str| PlanStep {
        probe: true,
        on_failure: OnFailure::Continue,
        target: Some(target(name)),
        ..get(Phase::Verify, name)
    };
    let run = bench
        .run(plan(vec![
            probe("web"),
            probe("api"),
            get(Phase::Verify, "plain"),
        ]))
        .await;
    let mut seen = bench.store.summaries(bench.workspace).await.unwrap();
    seen.sort_by(|a, b| a.0.cmp(&b.0));
    let states: Vec<_> = seen
        .iter()
        .map(|(t, s)| (t.service.as_str(), s.latest.state, s.latest.run))
        .collect();
    assert_eq!(
        states,
        [
            ("api", State::Ok, Some(run.id)),
            ("web", State::Failing, Some(run.id))
        ]
    );
}

#[tokio::test]
async fn a_panic_ends_its_run_and_nothing_else() {
    let script = Script::default().on(
        "bad",
        opsroom::adapter::Act::Panic("out of cheese".to_owned()),
    );
    let bench = Bench::scripted(script).await;
    let engine = bench.engine();
    let bad = bench
        .submit(plan(vec![
            get(Phase::Action, "bad"),
            get(Phase::Verify, "web"),
        ]))
        .await;
    let good = bench.submit(plan(vec![get(Phase::Action, "good")])).await;
    engine.wake();
    assert_ended(&bench.ended(good).await, RunStatus::Succeeded);
    let run = bench.ended(bad).await;
    assert_ended(&run, RunStatus::Failed);
    assert!(run.message.unwrap().contains("out of cheese"));
    assert_eq!(bench.statuses(bad).await[0], StepStatus::Unknown);
    engine.idle().await;
    assert_eq!(engine.live(), 0);
}
