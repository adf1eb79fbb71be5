//! Routines that run a runbook: one run for a slot, whatever becomes of the engine, and a result that
//! says how it ended.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use opsroom::adapter::Script;
use opsroom::bus::Notice;
use opsroom::clock::Clock;
use opsroom::core::metric::sample::{ProbeOutcome, Sample, Trigger};
use opsroom::core::routine::class::FailureClass;
use opsroom::core::routine::misfire::SkipReason;
use opsroom::core::run::lockout::{LockEnd, Lockable};
use opsroom::core::run::orders::{Ending, Order};
use opsroom::core::run::plan::{Plan, Target};
use opsroom::core::run::queue::Lane;
use opsroom::core::run::{Phase, Run, RunId, RunStatus};
use opsroom::core::stack::routine::{Check, Routine, RunbookCheck};
use opsroom::core::stack::service::Stack;
use opsroom::core::stack::state::State;
use opsroom::engine::{Engine, EngineConfig, Planner};
use opsroom::store::{NewLock, Orderer, RoutineRun, RunFilter};

use super::bench::*;
use super::routines::{EVERY_MS, declare, number, samples, until_checked, until_samples};

/// Plans as they are given; no runbooks.
#[derive(Debug, Clone)]
struct Given(Arc<Mutex<Result<Plan, String>>>);

impl Given {
    fn new(plan: Result<Plan, String>) -> Self {
        Self(Arc::new(Mutex::new(plan)))
    }

    fn set(&self, plan: Result<Plan, String>) {
        *self.0.lock().unwrap() = plan;
    }
}

impl Planner for Given {
    fn plan(&self, routine: &Routine, _stack: &Stack) -> Result<Plan, String> {
        assert_eq!(routine.name, "nightly");
        self.0.lock().unwrap().clone()
    }
}

fn nightly() -> Routine {
    Routine {
        name: "nightly".to_owned(),
        check: Check::Runbook(RunbookCheck {
            runbook: "backup".to_owned(),
            ..RunbookCheck::default()
        }),
        every_ms: Some(EVERY_MS),
        ..Routine::default()
    }
}

/// A plan with one step that asks for `NAME.test`.
fn asks(name: &str) -> Plan {
    plan(vec![get(Phase::Action, name)])
}

/// A plan that waits for a person.
fn waits() -> Plan {
    plan(vec![manual(Phase::Action, "sign")])
}

fn start(bench: &Bench, given: &Given, config: EngineConfig) -> Engine {
    let planner: Arc<dyn Planner> = Arc::new(given.clone());
    let engine = bench.engine_with(EngineConfig {
        planner: Some(planner),
        ..config
    });
    engine.run_routines(bench.workspace, 0);
    engine
}

/// An engine that runs routines, and takes no run itself.
fn scheduler(bench: &Bench, given: &Given) -> Engine {
    start(bench, given, only(RunId(i64::MAX)))
}

/// The runs of the routine, oldest first.
async fn runs(bench: &Bench) -> Vec<RunId> {
    let all = RunFilter {
        limit: 1000,
        ..RunFilter::default()
    };
    let found = bench.store.runs(bench.workspace, &all).await.unwrap().runs;
    found.iter().rev().map(|run| run.id).collect()
}

async fn last(bench: &Bench) -> Option<RoutineRun> {
    let mut all = bench.store.routine_runs(bench.workspace).await.unwrap();
    all.pop()
}

/// Waits for a run of the routine, and until it is as wanted.
async fn until_run(bench: &Bench, so: impl Fn(&Run) -> bool) -> Run {
    until(async || last(bench).await.is_some()).await;
    let run = last(bench).await.unwrap().run;
    bench.until(run, so).await
}

/// Asks for a run of the routine now, and waits for what comes of it.
async fn run_now(bench: &Bench, engine: &Engine) -> (State, String) {
    let (store, workspace) = (&bench.store, bench.workspace);
    let asked = store.request_routine(workspace, "nightly", ("ana", None), Clock::System.now());
    let asked = asked.await.unwrap();
    engine.wake();
    let result = async || {
        store
            .routine_request_result(workspace, asked)
            .await
            .unwrap()
    };
    until(async || result().await.is_some()).await;
    result().await.unwrap()
}

async fn confirmed(bench: &Bench) -> (State, String) {
    let states = bench.store.routine_states(bench.workspace).await.unwrap();
    (states[0].confirmed, states[0].message.clone())
}

fn overlaps(s: &Sample) -> bool {
    s.outcome == ProbeOutcome::Skipped && s.class == SkipReason::Overlap.number()
}

#[tokio::test]
async fn a_slot_is_a_run_in_the_lane_of_routines_and_its_end_is_the_result() {
    on_both(async |url| {
        let script = Script::default().on("broken", status(500));
        let bench = Bench::scripted_on(url, script).await;
        declare(&bench, vec![nightly()]).await;
        let given = Given::new(Ok(asks("fine")));
        let engine = start(&bench, &given, config());
        let ok = |s: &Sample| s.outcome == ProbeOutcome::Ok;
        until_samples(&bench, "nightly", 2, ok).await;
        given.set(Ok(asks("broken")));
        let failing = |s: &Sample| s.outcome == ProbeOutcome::Failing;
        let found = until_samples(&bench, "nightly", 1, failing).await;
        engine.stop(true).await;
        let failed = found.iter().find(|s| failing(s)).unwrap();
        assert_eq!(failed.class, FailureClass::Run.number());
        assert!(failed.latency_us.is_some(), "the duration of the run");
        let run = bench.store.run(runs(&bench).await[0]).await.unwrap();
        assert_eq!(
            (run.actor.as_str(), run.trigger.as_str(), run.lane),
            ("routine nightly", "routine", Lane::Routine)
        );
        let id = number(&bench, "nightly").await.unwrap();
        let changes = bench.store.routine_changes(bench.workspace, id, 9).await;
        let failure = changes
            .unwrap()
            .into_iter()
            .find(|c| c.to == State::Failing);
        let failure = failure.expect("one failed run counts");
        assert!(
            failure.message.starts_with("run #") && failure.message.contains(" failed after "),
            "{failure:?}"
        );
    })
    .await;
}

#[tokio::test]
async fn no_second_run_begins_while_one_is_open_and_a_cancelled_one_says_nothing() {
    let bench = Bench::scripted(Script::default()).await;
    declare(&bench, vec![nightly()]).await;
    let given = Given::new(Ok(waits()));
    let engine = start(&bench, &given, config());
    let run = until_run(&bench, |run| run.status == RunStatus::Waiting).await;
    until_samples(&bench, "nightly", 3, overlaps).await;
    let (state, why) = run_now(&bench, &engine).await;
    assert_eq!(state, State::Unknown);
    assert_eq!(
        why,
        format!("no run was begun: run {} of it has not ended", run.id)
    );
    assert_eq!(runs(&bench).await, [run.id]);

    given.set(Err("enough".to_owned()));
    let by = Orderer {
        actor: "ana",
        reason: None,
    };
    let order = Order::End(Ending::Cancel);
    let now = Clock::System.now();
    bench.store.order(run.id, order, by, now).await.unwrap();
    engine.wake();
    let found = until_checked(&bench, "nightly", 1).await;
    engine.stop(true).await;
    let first = found.iter().find(|s| s.outcome != ProbeOutcome::Skipped);
    let first = first.unwrap();
    assert_eq!(first.outcome, ProbeOutcome::Unknown);
    assert_eq!(first.class, FailureClass::Ours.number());
    let slots: Vec<i64> = found
        .iter()
        .filter(|s| overlaps(s))
        .map(|s| s.slot)
        .collect();
    assert!(slots.iter().all(|slot| *slot > first.slot), "{found:?}");
}

#[tokio::test]
async fn a_run_survives_the_engine_of_its_routine_and_is_counted_once() {
    on_both(async |url| {
        let bench = Bench::scripted_on(url, Script::default()).await;
        declare(&bench, vec![nightly()]).await;
        let given = Given::new(Ok(waits()));
        let first = scheduler(&bench, &given);
        let worker = bench.engine();
        let run = until_run(&bench, |run| run.status == RunStatus::Waiting).await;
        first.stop(true).await;
        let begun = last(&bench).await.unwrap();
        assert_eq!((begun.run, begun.counted), (run.id, false));

        let second = scheduler(&bench, &given);
        until_samples(&bench, "nightly", 2, overlaps).await;
        assert_eq!(runs(&bench).await, [run.id], "no second one");
        given.set(Err("enough".to_owned()));
        let now = Clock::System.now();
        let done = bench.store.answer(run.id, 0, true, None, "ana", now);
        done.await.unwrap();
        bench.bus.publish(Notice::Steps(run.id));
        assert_ended(&bench.ended(run.id).await, RunStatus::Succeeded);
        let ok = |s: &Sample| s.outcome == ProbeOutcome::Ok;
        let found = until_samples(&bench, "nightly", 1, ok).await;
        let slots: Vec<i64> = found.iter().filter(|s| ok(s)).map(|s| s.slot).collect();
        assert_eq!(slots, [begun.of.slot.0], "the slot it was begun for");
        second.stop(true).await;
        worker.stop(true).await;

        // It is not counted again.
        let third = scheduler(&bench, &given);
        let unknown = |s: &Sample| s.outcome == ProbeOutcome::Unknown;
        let before = samples(&bench, "nightly").await;
        let more = before.iter().filter(|s| unknown(s)).count() + 1;
        let found = until_samples(&bench, "nightly", more, unknown).await;
        third.stop(true).await;
        assert_eq!(found.iter().filter(|s| ok(s)).count(), 1);
        assert!(last(&bench).await.unwrap().counted);
    })
    .await;
}

#[tokio::test]
async fn what_may_not_run_begins_no_run_and_says_why() {
    let bench = Bench::scripted(Script::default()).await;
    declare(&bench, vec![nightly()]).await;
    let given = Given::new(Err("prod is protected".to_owned()));
    let engine = start(&bench, &given, config());
    until_checked(&bench, "nightly", 1).await;
    let unknown = State::Unknown;
    let why = "no run was begun: prod is protected".to_owned();
    assert_eq!(confirmed(&bench).await, (unknown, why));

    let now = Clock::System.now();
    let web = Target {
        service: "web".to_owned(),
        env: Some("prod".to_owned()),
    };
    let of = [Lockable::Target(web.clone())];
    let lock = NewLock {
        of: &of,
        end: LockEnd::For(600_000),
        until: now.plus_ms(600_000),
        actor: "ana",
        reason: "migration",
    };
    bench.store.lock(bench.workspace, lock, now).await.unwrap();
    let change = http(Phase::Action, "web", "POST").on(web);
    given.set(Ok(Plan {
        mutates: true,
        env: Some("prod".to_owned()),
        services: vec!["web".to_owned()],
        inputs: BTreeMap::new(),
        ..plan(vec![change])
    }));
    until(async || confirmed(&bench).await.1.contains("locked by ana")).await;
    engine.stop(true).await;
    assert_eq!(runs(&bench).await, []);
}

#[tokio::test]
async fn a_run_that_is_asked_for_is_one_of_the_routine_and_moves_no_slot() {
    let bench = Bench::scripted(Script::default()).await;
    let daily = Routine {
        every_ms: Some(86_400_000),
        ..nightly()
    };
    declare(&bench, vec![daily]).await;
    let given = Given::new(Ok(asks("fine")));
    let engine = start(&bench, &given, config());
    let (state, message) = run_now(&bench, &engine).await;
    assert_eq!(state, State::Ok);
    assert!(message.starts_with("run #1 succeeded"), "{message}");
    engine.stop(true).await;
    let found = samples(&bench, "nightly").await;
    let triggers: Vec<Trigger> = found.iter().map(|s| s.trigger).collect();
    assert_eq!(
        triggers,
        [Trigger::Manual],
        "a new one does not run at once"
    );
}
