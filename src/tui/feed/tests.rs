//! Tests of the feed on a real store: resumed and missing runs; and of its wait for additions.

use std::sync::mpsc::{Receiver, sync_channel};

use super::*;
use crate::bus::Bus;
use crate::clock::Clock;
use crate::control::{AdapterContext, Settings};
use crate::core::run::act::Act;
use crate::core::run::plan::{Plan, PlanStep};
use crate::core::run::resume::Decision;
use crate::core::run::step::StepSpec;
use crate::core::run::step::shell::Shell;
use crate::core::run::step::wait::Wait;
use crate::core::run::{Phase, StepStatus, Transition};
use crate::core::stack::shell::ShellCommand;
use crate::logfile::log_view::Shown;
use crate::store::{NewRun, Store};

/// A console, and a run that was interrupted in its first step.
async fn interrupted(home: &std::path::Path) -> (Control, RunId) {
    let url = format!("sqlite:{}", home.join("ops.db").display());
    let store = Store::open(&url).await.unwrap();
    let now = Clock::System.now();
    let workspace = store.ensure_workspace("acme", "UTC", now).await.unwrap();
    // Not idempotent: a person has to decide whether it is repeated.
    let command = StepSpec::Shell(Shell::new(ShellCommand::Script("true".to_owned())));
    let step = |name: &str, spec| PlanStep::new(name, Phase::Action, spec, 60_000);
    let steps = vec![
        step("one", command),
        step("two", StepSpec::Wait(Wait { ms: 1 })),
    ];
    let plan = Plan {
        title: "work".to_owned(),
        steps,
        timeout_ms: 60_000,
        ..Plan::default()
    };
    let new = NewRun {
        workspace: workspace.id,
        plan,
        parent: None,
        actor: "ana".to_owned(),
        trigger: "console".to_owned(),
        reason: None,
        at: now,
    };
    let run = store.submit(new).await.unwrap().id;
    let (claim, _) = store
        .claim(Some(run), "gone:1", now.plus_ms(60_000))
        .await
        .unwrap()
        .unwrap();
    store
        .transition(claim, Transition::Start, None, &[], now)
        .await
        .unwrap();
    store
        .step(claim, 0, StepStatus::Running, 1, None, &[], now)
        .await
        .unwrap();
    assert!(
        store
            .interrupt(&store.run(run).await.unwrap(), "gone", now)
            .await
            .unwrap()
    );
    store.close().await;
    let settings = Settings {
        store_url: url,
        workspace: None,
        actor: "ana".to_owned(),
        read_only: false,
        simulated: false,
        pulse_ms: 0,
        lease_ms: 3000,
        lanes: crate::core::run::queue::Lanes::default(),
        canaries: Vec::new(),
        adopt_ms: 900_000,
        runbook_dir: None,
        cache_dir: None,
        door: ProcessKind::Console,
        context: AdapterContext::default(),
    };
    (Control::open(settings, Clock::System).await.unwrap(), run)
}

fn open(run: RunId, control: &Control) -> (OpenLog, Receiver<LogUpdate>) {
    let (sender, events) = sync_channel(64);
    let log = OpenLog::run(run, 0, control, Clock::System.now(), move |event| {
        sender.send(event).is_ok()
    })
    .unwrap();
    log.ask(LogRequest::Resize {
        rows: 100,
        strip: 0,
    });
    (log, events)
}

fn until(events: &Receiver<LogUpdate>, fact: impl Fn(&Shown) -> bool) -> Shown {
    loop {
        match events.recv_timeout(Duration::from_secs(20)).unwrap() {
            LogUpdate::Shown(shown) if fact(&shown) => return *shown,
            _ => {}
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_interrupted_run_is_followed_after_resume() {
    let home = tempfile::tempdir().unwrap();
    let (control, run) = interrupted(home.path()).await;
    let (log, events) = open(run, &control);
    let before = until(&events, |shown| shown.busy.is_none() && shown.lines > 0);
    assert!(!before.ended, "it may go on");
    let resume = Act::Resume {
        run,
        decision: Some(Decision::Done),
        reason: Some("looked".to_owned()),
    };
    control.act(resume).await.unwrap();
    let after = until(&events, |shown| shown.ended);
    assert!(after.lines > before.lines, "{after:?}");
    drop(log);
    control.close(false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_of_a_missing_run_ends_at_once() {
    let home = tempfile::tempdir().unwrap();
    let (control, _) = interrupted(home.path()).await;
    let (log, events) = open(RunId(99_999), &control);
    assert_eq!(until(&events, |shown| shown.ended).lines, 0);
    drop(log);
    control.close(false).await;
}

#[tokio::test(start_paused = true)]
async fn an_ended_run_is_read_again_after_lost_notices_and_at_the_poll_interval() {
    let (run, bus) = (RunId(41), Bus::default());
    let mut notices = bus.subscribe();
    let within =
        async |limit: Duration, notices: &mut _| timeout(limit, added(run, 7, notices)).await.ok();
    let soon = POLL_FALLBACK / 2;
    bus.publish(Notice::Entries(RunId(40), 9));
    bus.publish(Notice::Entries(run, 7));
    assert_eq!(within(soon, &mut notices).await, None, "nothing new of it");
    bus.publish(Notice::Entries(run, 8));
    assert_eq!(within(soon, &mut notices).await, Some(true));
    for _ in 0..2000 {
        bus.publish(Notice::Results);
    }
    assert_eq!(
        within(soon, &mut notices).await,
        Some(true),
        "some are lost"
    );
    let quiet = &mut bus.subscribe();
    assert_eq!(within(POLL_FALLBACK * 2, quiet).await, Some(true));
    drop(bus);
    assert_eq!(within(soon, quiet).await, Some(false));
}
