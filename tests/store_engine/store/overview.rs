//! What `Control` says about the engines of a store, about runs that wait for one, and about
//! targets.

use std::time::Duration;

use opsroom::bus::Notice;
use opsroom::clock::Clock;
use opsroom::control::{Control, EnginePlace, LeftOver, ProcessKind, RunFilter, Settings};
use opsroom::core::base::time::Timestamp;
use opsroom::core::health::observation::Observation;
use opsroom::core::run::act::Acted;
use opsroom::core::run::plan::{Plan, PlanStep, Target};
use opsroom::core::run::queue::Untaken;
use opsroom::core::run::step::StepSpec;
use opsroom::core::run::step::manual::Manual;
use opsroom::core::run::step::wait::Wait;
use opsroom::core::run::{Phase, RunId, RunStatus};
use opsroom::core::stack::diff;
use opsroom::core::stack::service::{
    Action, ActionCall, Contact, HttpRequest, Service, Stack, Verb,
};
use opsroom::core::stack::state::State;
use opsroom::store::{EngineRow, NewRun, Store};

use super::entry::{answer, because, drop_queued, open, settings, start};
use super::{Place, at, plan};

const TIMEOUT: Duration = Duration::from_secs(20);

async fn until<F: Future<Output = bool>>(condition: impl Fn() -> F) {
    let wait = async {
        while !condition().await {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(TIMEOUT, wait).await.unwrap();
}

/// An engine of another machine.
async fn beat(place: &Place, kind: &str, n: i64, pulse_ms: i64) {
    let now = Clock::System.now();
    let row = EngineRow {
        holder: format!("ops{n}:{n}:1:b:1:1"),
        kind: kind.to_owned(),
        started_at: at(n),
        seen_at: now,
        draining: false,
        alive_until: now.plus_ms(60_000),
        adopts_from: None,
        pulse_ms,
    };
    place.store.beat(&row).await.unwrap();
}

async fn sign_off(place: &Place, n: i64) {
    place
        .store
        .leave_engine(&format!("ops{n}:{n}:1:b:1:1"))
        .await
        .unwrap();
}

fn working(spec: StepSpec) -> Plan {
    Plan {
        steps: vec![PlanStep::new("work", Phase::Action, spec, 60_000)],
        finally: Vec::new(),
        ..plan("work")
    }
}

async fn shown(control: &Control) -> (String, i64) {
    let overview = control.overview().await.unwrap();
    (overview.engine.to_string(), overview.stale_ms)
}

pub async fn the_engine_shown_is_a_server_or_the_own_one_or_another_console(place: Place) {
    let with = |door, read_only, pulse_ms| Settings {
        door,
        read_only,
        pulse_ms,
        ..settings(&place)
    };
    let reader = open(with(ProcessKind::Console, true, 0)).await;
    let cli = open(with(ProcessKind::Cli, false, 45_000)).await;
    let row = |place: &str, stale_ms| (place.to_owned(), stale_ms);
    assert_eq!(shown(&reader).await, row("NO ENGINE", 180_000));
    assert_eq!(shown(&cli).await, row("NO ENGINE", 135_000));
    assert_eq!(
        reader.overview().await.unwrap().problems[0],
        EnginePlace::Nowhere.sentence(true)
    );
    assert_eq!(cli.overview().await.unwrap().problems[0], EnginePlace::NONE);

    // The shortest period of several consoles counts.
    beat(&place, "cli", 1, 500).await;
    beat(&place, "console", 2, 0).await;
    assert_eq!(shown(&reader).await, row("engine: console ops2:2", 180_000));
    beat(&place, "console", 3, 90_000).await;
    beat(&place, "console", 4, 20_000).await;
    for control in [&reader, &cli] {
        assert_eq!(shown(control).await, row("engine: console ops2:2", 60_000));
        let problems = control.overview().await.unwrap().problems;
        assert!(!problems[0].contains("no engine"), "{problems:?}");
    }
    let own = open(with(ProcessKind::Console, false, 45_000)).await;
    assert_eq!(shown(&own).await, row("engine: local", 135_000));
    // A server's period counts also when a console has a shorter one.
    beat(&place, "serve", 5, 120_000).await;
    for control in [&reader, &cli, &own] {
        assert_eq!(shown(control).await, row("engine: server ops5:5", 360_000));
    }
    beat(&place, "serve", 5, 0).await;
    assert_eq!(shown(&own).await, row("engine: server ops5:5", 180_000));
    let server = open(with(ProcessKind::Serve, false, 30_000)).await;
    assert_eq!(shown(&server).await, row("engine: local", 90_000));
    for control in [own, server] {
        control.close(false).await;
    }
    for n in 1..=5 {
        sign_off(&place, n).await;
    }
    // The engine of a command drives its own run only.
    cli.submit(working(StepSpec::Wait(Wait { ms: 60_000 })), None, None)
        .await
        .unwrap();
    until(|| async { place.store.engines().await.unwrap().len() == 1 }).await;
    until(|| async { cli.live() == 1 }).await;
    assert_eq!(shown(&cli).await, row("NO ENGINE", 135_000));
    cli.close(false).await;
    reader.close(false).await;
}

/// Why no engine takes this run.
async fn untaken(control: &Control, run: RunId) -> Option<Untaken> {
    let detail = control.run(run).await.unwrap();
    detail.queued.unwrap().untaken
}

/// The runs that wait for a person: which, whether any engine would claim it, and who queued it.
async fn listed(control: &Control) -> Vec<(RunId, bool, Option<String>)> {
    let left_over = control.left_over().await.unwrap();
    let line = |waits: LeftOver| (waits.run, waits.free, waits.process);
    left_over.into_iter().map(line).collect()
}

pub async fn a_queued_run_waits_for_an_engine_or_for_a_person(place: Place) {
    let free = place.submit(plan("deploy")).await.id;
    let gone = place.store.clone().of_process("gone:1:1:b:1:1");
    let left = gone.submit(place.new_run(plan("deploy"))).await.unwrap().id;
    let reader = open(Settings {
        door: ProcessKind::Console,
        read_only: true,
        ..settings(&place)
    })
    .await;
    for run in [free, left] {
        assert_eq!(untaken(&reader, run).await, Some(Untaken::NoEngine));
    }
    assert_eq!(
        listed(&reader).await,
        [(free, true, None), (left, false, Some("gone:1".to_owned()))]
    );
    beat(&place, "console", 2, 0).await;
    assert_eq!(untaken(&reader, free).await, None);
    assert_eq!(untaken(&reader, left).await, Some(Untaken::LeftOver));
    assert_eq!(
        listed(&reader).await,
        [(left, false, Some("gone:1".to_owned()))]
    );
    assert_eq!(reader.overview().await.unwrap().left_over.len(), 1);
    sign_off(&place, 2).await;

    // The engine of a command takes its own run only; a console's counts before its first heartbeat.
    let cli = open(settings(&place)).await;
    cli.submit(working(StepSpec::Wait(Wait { ms: 60_000 })), None, None)
        .await
        .unwrap();
    assert_eq!(untaken(&cli, free).await, Some(Untaken::NoEngine));
    cli.close(false).await;
    let console = open(Settings {
        door: ProcessKind::Console,
        lanes: opsroom::core::run::queue::Lanes {
            interactive: 1,
            routine: 1,
        },
        ..settings(&place)
    })
    .await;
    until(|| async { console.status(free).await.unwrap() != RunStatus::Queued }).await;
    for engine in place.store.engines().await.unwrap() {
        place.store.leave_engine(&engine.holder).await.unwrap();
    }
    assert_eq!(untaken(&console, left).await, Some(Untaken::LeftOver));
    console.close(false).await;
    reader.close(false).await;
}

pub async fn twenty_runs_that_wait_are_shown_whole_and_the_rest_by_number(place: Place) {
    let protected = Plan {
        protected: true,
        mutates: true,
        env: Some("prod".to_owned()),
        services: vec!["web".to_owned()],
        ..plan("deploy")
    };
    let gone = place.store.clone().of_process("gone:1:1:b:1:1");
    let mut runs = Vec::new();
    for n in 0..22 {
        let plan = if n == 0 {
            protected.clone()
        } else {
            plan("deploy")
        };
        let new = NewRun {
            at: at(n),
            ..place.new_run(plan)
        };
        runs.push(gone.submit(new).await.unwrap().id);
    }
    let damage = format!("update run set plan = '{{}}' where id = {}", runs[1].0);
    super::opening::sql(&place.url, &damage).await;
    let control = open(settings(&place)).await;
    let left_over = control.left_over().await.unwrap();
    let ids: Vec<RunId> = left_over.iter().map(|waits| waits.run).collect();
    assert_eq!(ids, runs, "in the order of the queue");
    for (n, waits) in left_over.iter().enumerate() {
        let whole = n < 20 && n != 1;
        assert_eq!(waits.title.is_some(), whole, "{n}");
        assert_eq!(waits.actor.as_deref(), whole.then_some("ana"), "{n}");
        assert_eq!(waits.word.as_deref(), (n == 0).then_some("prod web"), "{n}");
    }
    assert_eq!(left_over[0].title.as_deref(), Some("deploy web → staging"));
    assert_eq!(left_over[3].queued_at, at(3));
    control.close(false).await;
}

async fn left(by: &Store, place: &Place, plan: Plan) -> RunId {
    by.submit(place.new_run(plan)).await.unwrap().id
}

async fn refused(control: &Control, run: RunId, typed: Option<&str>) -> String {
    let act = start(run).confirmed(typed.map(str::to_owned));
    control.act(act).await.unwrap_err().to_string()
}

pub async fn a_run_that_waits_is_started_or_dropped_by_a_person(place: Place) {
    let place = &place;
    let stack = Stack {
        workspace: "acme".to_owned(),
        timezone: "Europe/Berlin".to_owned(),
        environments: vec![opsroom::core::stack::service::Environment {
            name: "staging".to_owned(),
            ..Default::default()
        }],
        services: vec![Service {
            name: "web".to_owned(),
            ..Service::default()
        }],
        ..Stack::default()
    };
    apply(place, &stack).await;
    let gone = place.store.clone().of_process("gone:1:1:b:1:1");
    let on = |env: &str, service: &str| Plan {
        env: Some(env.to_owned()),
        services: vec![service.to_owned()],
        steps: Vec::new(),
        finally: Vec::new(),
        ..plan("deploy")
    };
    let control = open(settings(place)).await;
    for (plan, what) in [
        (on("qa", "web"), "environment qa"),
        (on("staging", "db"), "service db"),
    ] {
        let run = left(&gone, place, plan).await;
        assert_eq!(
            refused(&control, run, None).await,
            format!("the {what} is no longer in the stack; make a new plan instead")
        );
        assert_eq!(control.status(run).await.unwrap(), RunStatus::Queued);
    }
    let protected = Plan {
        protected: true,
        mutates: true,
        ..on("staging", "web")
    };
    let run = left(&gone, place, protected).await;
    assert_eq!(
        refused(&control, run, Some("staging")).await,
        "staging is protected: type `staging web` to confirm"
    );
    let mut bus = control.subscribe();
    let confirmed = start(run).confirmed(Some("staging web".to_owned()));
    let act = because(confirmed, Some(" still wanted "));
    let acted = control.act(act).await.unwrap();
    assert!(
        matches!(&acted, Acted::Started(queued) if queued.id == run),
        "{acted:?}"
    );
    let mut news = Vec::new();
    let wait = async {
        while news.len() < 20 && !news.contains(&Notice::Run(run, RunStatus::Succeeded)) {
            news.push(bus.recv().await.unwrap());
        }
    };
    tokio::time::timeout(TIMEOUT, wait).await.unwrap();
    // Those of the request itself have been published by now.
    news.extend(std::iter::from_fn(|| bus.try_recv().ok()));
    assert!(news.contains(&Notice::Steps(run)), "{news:?}");
    assert!(
        news.contains(&Notice::Run(run, RunStatus::Queued)),
        "{news:?}"
    );
    let audit = place.store.audit(place.workspace, 1).await.unwrap();
    assert_eq!(
        (audit[0].action.as_str(), audit[0].reason.as_deref()),
        ("run.start", Some("still wanted"))
    );
    assert_eq!(
        refused(&control, run, Some("staging web")).await,
        format!("run {run} is succeeded; starting what waits in the queue is not possible")
    );

    // What an engine takes by itself needs no person.
    beat(place, "console", 2, 0).await;
    let free = place.submit(on("staging", "web")).await.id;
    assert_eq!(
        refused(&control, free, None).await,
        format!("run {free} does not wait for a person: an engine takes it")
    );
    sign_off(place, 2).await;

    let run = left(&gone, place, on("staging", "web")).await;
    let mut bus = control.subscribe();
    let act = because(drop_queued(run), Some(" "));
    assert_eq!(control.act(act).await.unwrap(), Acted::Dropped(run));
    let stored = place.store.run(run).await.unwrap();
    assert_eq!(stored.status, RunStatus::Cancelled);
    let published: Vec<_> = std::iter::from_fn(|| bus.try_recv().ok()).collect();
    assert_eq!(
        published,
        [
            Notice::Steps(run),
            Notice::Entries(run, stored.last_seq),
            Notice::Run(run, RunStatus::Cancelled)
        ]
    );
    let audit = place.store.audit(place.workspace, 1).await.unwrap();
    assert_eq!(audit[0].reason, None);
    let run = left(&gone, place, on("staging", "web")).await;
    let act = because(drop_queued(run), Some(" not now "));
    control.act(act).await.unwrap();
    let audit = place.store.audit(place.workspace, 1).await.unwrap();
    assert_eq!(audit[0].reason.as_deref(), Some("not now"));
    let late = control.act(drop_queued(run)).await.unwrap_err();
    assert_eq!(
        late.to_string(),
        format!(
            "run {run} is cancelled and no longer waits; `cancel run {}` stops it",
            run.0
        )
    );
    control.close(false).await;
}

async fn apply(place: &Place, stack: &Stack) {
    let before = place.store.stack(place.workspace).await.unwrap();
    place
        .store
        .apply(place.workspace, &diff(&before, stack), "ana", at(0))
        .await
        .unwrap();
}

pub async fn the_overview_is_what_the_store_has(place: Place) {
    let probe = Action {
        verb: Verb::Probe,
        environments: Vec::new(),
        call: ActionCall::Http(HttpRequest::default()),
        timeout_ms: 90_000,
        idempotent: true,
        secrets: Vec::new(),
    };
    let contact = |name: &str, email: Option<&str>, phone: Option<&str>| Contact {
        name: name.to_owned(),
        email: email.map(str::to_owned),
        phone: phone.map(str::to_owned),
    };
    let mut stack = Stack {
        workspace: "acme".to_owned(),
        timezone: "Europe/Berlin".to_owned(),
        services: vec![Service {
            name: "web".to_owned(),
            actions: vec![probe],
            ..Service::default()
        }],
        ..Stack::default()
    };
    apply(&place, &stack).await;
    let target = Target {
        service: "web".to_owned(),
        env: None,
    };
    let now = Clock::System.now();
    for (hours_ago, state) in [(25, State::Failing), (23, State::Failing), (0, State::Ok)] {
        let seen = Observation {
            target: target.clone(),
            at: now.plus_ms(-hours_ago * 3_600_000),
            state,
            latency_ms: Some(5),
            message: "HTTP 200".to_owned(),
            run: None,
        };
        place.store.observe(place.workspace, &[seen]).await.unwrap();
    }
    for _ in 0..52 {
        place.submit(plan("deploy")).await;
    }
    let control = open(Settings {
        read_only: true,
        ..settings(&place)
    })
    .await;
    let overview = control.overview().await.unwrap();
    assert_eq!(
        (overview.workspace.as_str(), overview.stack.services.len()),
        ("acme", 1)
    );
    assert!((0..60_000).contains(&overview.at.ms_since(now)));
    assert_eq!(overview.stale_ms, 270_000, "a probe may take that long");
    assert_eq!(overview.runs.len(), 50);
    assert_eq!(overview.runs[0].id, RunId(52), "newest first");
    let (seen, summary) = &overview.states[0];
    assert_eq!((seen, summary.latest.state), (&target, State::Ok));
    let days = control.days().await.unwrap();
    let day = &days[&target];
    assert_eq!(
        (days.len(), day.samples, day.uptime_pct),
        (1, 2, Some(50.0)),
        "of the last 24 hours"
    );
    assert_eq!(day.p95_ms, Some(5));
    let totals = control.day_totals().await.unwrap();
    let counted = &totals[&target];
    assert_eq!(
        (totals.len(), counted.answered(), counted.uptime_pct()),
        (1, day.samples, day.uptime_pct)
    );
    let now = Clock::System.now();
    let hours: Vec<_> = day.last(24, now).flatten().collect();
    assert_eq!(hours, [State::Failing, State::Ok]);
    assert_eq!(overview.current_state(&target, now).state, State::Ok);
    assert!(overview.score.is_some());
    let advice = "no on-call contacts: add [[contact]] to the stack file";
    assert_eq!(
        overview.problems,
        [EnginePlace::Nowhere.sentence(true).as_str(), advice]
    );
    assert_eq!(overview.left_over.len(), 52);
    assert!(overview.breakers.is_empty());

    stack.contacts = vec![
        contact("Ana", Some("ana@acme.test"), None),
        contact("Ben", None, Some("+49")),
        contact("Cleo", None, None),
    ];
    apply(&place, &stack).await;
    let newer = "update run set status = 'held' where id = 52";
    super::opening::sql(&place.url, newer).await;
    let problems = control.overview().await.unwrap().problems;
    assert_eq!(problems.len(), 3, "{problems:?}");
    assert_eq!(problems[1], "contact Cleo has neither e-mail nor phone");
    assert!(
        problems[2].starts_with("run #52 is not listed: "),
        "{problems:?}"
    );
    control.close(false).await;
}

async fn lease(place: &Place, run: RunId) -> Option<Timestamp> {
    place.store.run(run).await.unwrap().lease_until
}

pub async fn a_process_waits_for_its_runs_and_stops_with_or_without_them(place: Place) {
    let console = Settings {
        door: ProcessKind::Console,
        lease_ms: 900,
        ..settings(&place)
    };
    let control = open(console.clone()).await;
    assert_eq!((control.live(), control.waiting()), (0, 0));
    control.idle().await;
    let run = control
        .submit(working(StepSpec::Wait(Wait { ms: 2400 })), None, None)
        .await
        .unwrap()
        .id;
    until(|| async { control.live() == 1 }).await;
    assert_eq!(control.waiting(), 0);
    // The lease is renewed well before it ends.
    until(|| async { lease(&place, run).await.is_some() }).await;
    let first = lease(&place, run).await.unwrap();
    until(|| async { lease(&place, run).await > Some(first) }).await;
    control.idle().await;
    assert_eq!(
        place.store.run(run).await.unwrap().status,
        RunStatus::Succeeded
    );
    assert_eq!(control.live(), 0);

    let ask = StepSpec::Manual(Manual {
        prompt: "Grow it?".to_owned(),
    });
    let run = control.submit(working(ask), None, None).await.unwrap().id;
    until(|| async { control.waiting() == 1 }).await;
    assert_eq!(control.live(), 1);
    control.act(answer(run, true)).await.unwrap();
    control.idle().await;
    assert_eq!(control.waiting(), 0);

    let wait = working(StepSpec::Wait(Wait { ms: 1000 }));
    let run = control.submit(wait, None, None).await.unwrap().id;
    until(|| async { control.live() == 1 }).await;
    control.close(true).await;
    let ended = place.store.run(run).await.unwrap();
    assert_eq!(ended.status, RunStatus::Succeeded, "{ended:?}");
    assert!(place.store.engines().await.unwrap().is_empty());

    let control = open(Settings {
        lease_ms: 30_000,
        ..console
    })
    .await;
    let wait = working(StepSpec::Wait(Wait { ms: 60_000 }));
    let run = control.submit(wait, None, None).await.unwrap().id;
    until(|| async { control.status(run).await.unwrap() == RunStatus::Running }).await;
    let first = place.store.run(run).await.unwrap().lease_until;
    tokio::time::sleep(Duration::from_millis(500)).await;
    let later = place.store.run(run).await.unwrap().lease_until;
    assert_eq!(later, first, "a long lease is not renewed all the time");
    control.close(false).await;
    let left = place.store.run(run).await.unwrap();
    assert_ne!(left.status, RunStatus::Running, "{left:?}");
}

pub async fn a_run_of_a_dead_engine_is_found_within_its_lease(place: Place) {
    let control = open(Settings {
        door: ProcessKind::Console,
        lease_ms: 3000,
        ..settings(&place)
    })
    .await;
    control.idle().await;
    let mut bus = control.subscribe();
    // The console does not take it by itself.
    let gone = place.store.clone().of_process("gone:1:1:b:1:1");
    let run = gone.submit(place.new_run(plan("deploy"))).await.unwrap().id;
    let far = "far:1:1:b:1:1";
    let now = Clock::System.now();
    place
        .store
        .claim(Some(run), far, now)
        .await
        .unwrap()
        .unwrap();
    let began = std::time::Instant::now();
    until(|| async {
        let run = place.store.run(run).await.unwrap();
        run.status != RunStatus::Claimed || run.holder.as_deref() != Some(far)
    })
    .await;
    assert!(
        began.elapsed() < Duration::from_secs(10),
        "a sweep comes several times within a lease: {:?}",
        began.elapsed()
    );
    // What others wrote is published here too.
    let wait = async {
        loop {
            if let Notice::Run(of, _) | Notice::Steps(of) = bus.recv().await.unwrap()
                && of == run
            {
                return;
            }
        }
    };
    tokio::time::timeout(TIMEOUT, wait).await.unwrap();
    control.close(false).await;
}

pub async fn an_empty_store_shows_nothing(place: Place) {
    let control = open(Settings {
        workspace: Some("new".to_owned()),
        ..settings(&place)
    })
    .await;
    let overview = control.overview().await.unwrap();
    assert_eq!((overview.workspace.as_str(), overview.score), ("", None));
    assert_eq!(overview.problems, [EnginePlace::NONE]);
    assert!(control.left_over().await.unwrap().is_empty());
    assert!(control.breakers().await.unwrap().is_empty());
    assert!(control.remembered().await.unwrap().is_empty());
    control.remember("check web").await.unwrap();
    let page = control.runs(&RunFilter::default()).await.unwrap();
    assert_eq!(page, opsroom::control::RunPage::default());
    assert_eq!(
        control.export().await.unwrap_err().to_string(),
        "there is no workspace new in this store; `opsroom apply` creates the one its file names"
    );
    control.close(false).await;
}
