//! Which engines take a queued run by themselves, and the runs left over when a process is gone.

use opsroom::core::base::time::Timestamp;
use opsroom::core::run::plan::{Plan, PlanStep};
use opsroom::core::run::queue::Lane;
use opsroom::core::run::step::StepSpec;
use opsroom::core::run::step::approve::Approve;
use opsroom::core::run::{Phase, RunId, RunStatus, StepStatus, Transition};
use opsroom::store::{Claimer, EngineRow, NewRun, Orderer, Store, StoreError};

use super::{Place, at, message_of, plan};

const NEVER: Timestamp = Timestamp(i64::MAX);

/// The row of a console that counts as alive until `alive_until`.
fn console(holder: &str, alive_until: i64) -> EngineRow {
    EngineRow {
        holder: holder.into(),
        kind: "console".into(),
        started_at: at(0),
        seen_at: at(0),
        draining: false,
        alive_until: at(alive_until),
        adopts_from: None,
        pulse_ms: 0,
    }
}

fn changing(runbook: &str, service: &str) -> Plan {
    Plan {
        mutates: true,
        services: vec![service.into()],
        ..plan(runbook)
    }
}

async fn queue(place: &Place, process: &str, ms: i64, plan: Plan) -> RunId {
    let store = place.store.clone().of_process(process);
    store
        .submit(NewRun {
            at: at(ms),
            ..place.new_run(plan)
        })
        .await
        .unwrap()
        .id
}

/// The run that `holder` takes at `now` when it polls for work; `adopts_from`: see [`Claimer`].
async fn poll(store: &Store, holder: &str, adopts_from: Timestamp, now: i64) -> Option<RunId> {
    let by = Claimer {
        holder,
        adopts_from,
        now: at(now),
    };
    let claimed = store
        .claim_next(
            Lane::Interactive,
            opsroom::store::QueuePosition::HEAD,
            by,
            at(now + 9000),
        )
        .await
        .unwrap();
    claimed.map(|(_, run)| run.id)
}

async fn left_over(place: &Place, now: i64, any_engine: bool) -> Vec<RunId> {
    let found = place
        .store
        .left_over(place.workspace, at(now), any_engine, &[])
        .await
        .unwrap();
    found.into_iter().map(|waits| waits.run).collect()
}

pub async fn a_console_takes_only_runs_queued_by_live_processes(place: Place) {
    let store = &place.store;
    store
        .beat(&EngineRow {
            seen_at: at(100),
            ..console("alive:1", 500)
        })
        .await
        .unwrap();
    store.beat(&console("silent:1", 99)).await.unwrap();
    let gone = queue(&place, "gone:1", 1, changing("restart", "web")).await;
    let silent = queue(&place, "silent:1", 2, changing("restart", "web")).await;
    let alive = queue(&place, "alive:1", 3, changing("restart", "web")).await;
    let own = queue(&place, "me:1", 4, changing("restart", "api")).await;
    assert_eq!(
        left_over(&place, 100, true).await,
        [gone, silent, own],
        "until its process has sent a heartbeat"
    );
    // Leftover runs before it in line for web do not block it: they may never start.
    assert_eq!(poll(store, "me:1", NEVER, 100).await, Some(alive));
    assert_eq!(poll(store, "me:1", NEVER, 100).await, Some(own));
    assert_eq!(poll(store, "me:1", NEVER, 100).await, None);
    assert_eq!(
        store.claim(Some(gone), "me:1", at(900)).await.unwrap(),
        None,
        "web is taken"
    );
    let next = queue(&place, "alive:1", 5, changing("restart", "web")).await;
    let waiting = store
        .queue(place.workspace, (next, next), at(100))
        .await
        .unwrap();
    assert_eq!(
        (
            waiting[0].waits_for[0].holder,
            waiting[0].waits_for[0].ahead
        ),
        (Some(alive), 0)
    );
    let met = store
        .blockers(
            place.workspace,
            &changing("restart", "web"),
            i64::MAX,
            at(100),
        )
        .await
        .unwrap();
    assert_eq!(
        (met.len(), met[0].ahead),
        (1, 1),
        "the next one, and no leftover run"
    );

    // A server continues with young runs, a console that returns with its own.
    assert_eq!(poll(store, "server:1", at(3), 100).await, None);
    let other = queue(&place, "gone:1", 6, changing("restart", "mail")).await;
    assert_eq!(
        poll(store, "server:1", at(7), 100).await,
        None,
        "queued before"
    );
    assert_eq!(poll(store, "server:1", at(6), 100).await, Some(other));
}

/// The end of a process on another machine cannot be seen; its lease ends before it stops counting
/// as alive.
pub async fn an_engine_that_lost_a_run_is_not_alive_for_its_queued_runs(place: Place) {
    let store = &place.store;
    store.beat(&console("far:1", 900)).await.unwrap();
    let held = queue(&place, "far:1", 1, changing("restart", "web")).await;
    let waits = queue(&place, "far:1", 2, changing("restart", "web")).await;
    let (claim, _) = store
        .claim(Some(held), "far:1", at(60))
        .await
        .unwrap()
        .unwrap();
    store
        .transition(claim, Transition::Start, None, &[], at(41))
        .await
        .unwrap();
    let run = store.run(held).await.unwrap();
    assert!(left_over(&place, 50, true).await.is_empty());
    assert!(
        store
            .interrupt(&run, "its lease ended", at(100))
            .await
            .unwrap()
    );
    assert!(left_over(&place, 100, true).await.contains(&waits));
    assert_ne!(
        poll(store, "me:1", NEVER, 100).await,
        Some(waits),
        "no person started it"
    );
    store.beat(&console("far:1", 900)).await.unwrap();
    assert!(
        !left_over(&place, 100, true).await.contains(&waits),
        "it has sent a heartbeat again"
    );
}

pub async fn a_person_starts_a_leftover_run(place: Place) {
    let run = queue(&place, "gone:1", 1, changing("restart", "web")).await;
    let mine = place.store.clone().of_process("me:1");
    assert_eq!(left_over(&place, 100, true).await, [run]);
    assert_eq!(poll(&mine, "me:1", NEVER, 100).await, None);
    let by = Orderer {
        actor: "ana",
        reason: Some("still wanted"),
    };
    mine.start_queued(run, by, at(50)).await.unwrap();
    let waits = &place
        .store
        .left_over(place.workspace, at(100), true, &[])
        .await
        .unwrap()[0];
    assert_eq!(
        (waits.queued_by.as_deref(), waits.queued_at),
        (Some("me:1"), at(50)),
        "until its process has sent a heartbeat"
    );
    mine.beat(&console("me:1", 500)).await.unwrap();
    assert!(left_over(&place, 100, true).await.is_empty());
    let known = place
        .store
        .left_over(place.workspace, at(100), true, &["x".into(), "me:1".into()])
        .await
        .unwrap();
    assert_eq!(known.len(), 1, "it is known to be gone");
    assert_eq!(poll(&mine, "me:1", NEVER, 100).await, Some(run));
    let entries = place.store.entries_after(run, 0, 9).await.unwrap();
    assert!(
        entries
            .iter()
            .any(|e| message_of(&e.body) == "started by ana: still wanted"),
        "{entries:?}"
    );
    let audited = &place.store.audit(place.workspace, 1).await.unwrap()[0];
    assert_eq!(
        (audited.action.as_str(), audited.reason.as_deref()),
        ("run.start", Some("still wanted"))
    );
    let late = mine.start_queued(run, by, at(60)).await;
    assert!(
        matches!(
            late,
            Err(StoreError::Refused {
                status: RunStatus::Claimed,
                ..
            })
        ),
        "{late:?}"
    );
    // A run started meanwhile is not dropped; one that still waits is.
    let late = mine.drop_queued(run, by, at(60)).await;
    assert!(
        matches!(
            late,
            Err(StoreError::Refused {
                status: RunStatus::Claimed,
                ..
            })
        ),
        "{late:?}"
    );
    let waits = queue(&place, "me:1", 61, changing("restart", "api")).await;
    assert_eq!(mine.queued_here().await.unwrap(), 1);
    assert_eq!(
        mine.drop_queued(waits, by, at(62)).await.unwrap(),
        RunStatus::Cancelled
    );
    assert_eq!(mine.queued_here().await.unwrap(), 0);
}

pub async fn without_an_engine_every_run_waits_and_a_server_adopts_young_ones(place: Place) {
    let free = queue(&place, "", 1, plan("check")).await;
    let old = queue(&place, "gone:1", 2, plan("check")).await;
    let young = queue(&place, "gone:1", 30, plan("check")).await;
    assert_eq!(left_over(&place, 100, false).await, [free, old, young]);
    assert_eq!(left_over(&place, 100, true).await, [old, young]);
    let server = EngineRow {
        kind: "serve".into(),
        adopts_from: Some(at(20)),
        ..console("server:1", 500)
    };
    place.store.beat(&server).await.unwrap();
    assert_eq!(left_over(&place, 100, true).await, [old]);
    place
        .store
        .beat(&EngineRow {
            draining: true,
            ..server
        })
        .await
        .unwrap();
    assert_eq!(
        left_over(&place, 100, true).await,
        [old, young],
        "it takes nothing more"
    );
}

/// An engine claims the run and dies with its step in this state; the next one interrupts it.
async fn die(place: &Place, run: RunId, step: StepStatus) {
    let (claim, _) = place
        .store
        .claim(Some(run), "gone:1", at(60))
        .await
        .unwrap()
        .unwrap();
    place
        .store
        .transition(claim, Transition::Start, None, &[], at(41))
        .await
        .unwrap();
    place
        .store
        .step(claim, 0, step, 1, None, &[], at(42))
        .await
        .unwrap();
    let dead = place.store.run(run).await.unwrap();
    let mine = place
        .store
        .take_over(&dead, "me:1", at(900))
        .await
        .unwrap()
        .unwrap();
    assert!(
        place
            .store
            .interrupt(&mine, "its engine is gone", at(70))
            .await
            .unwrap()
    );
}

pub async fn no_console_continues_a_change_by_itself(place: Place) {
    let spec = Approve {
        prompt: "Ship it?".into(),
        ..Approve::default()
    };
    let approval = PlanStep::new("ask", Phase::Action, StepSpec::Approve(spec), 60_000);
    let gentle = |mutates| {
        let mut plan = Plan {
            mutates,
            ..plan("restart")
        };
        plan.steps[0].idempotent = true;
        plan
    };
    let change = queue(
        &place,
        "gone:1",
        1,
        Plan {
            services: vec!["web".into()],
            ..gentle(true)
        },
    )
    .await;
    let check = queue(
        &place,
        "gone:1",
        2,
        Plan {
            services: vec!["api".into()],
            ..gentle(false)
        },
    )
    .await;
    let mut approved = changing("deploy", "mail");
    approved.steps.insert(0, approval);
    let approving = queue(&place, "gone:1", 3, approved).await;
    die(&place, change, StepStatus::Running).await;
    die(&place, check, StepStatus::Running).await;
    die(&place, approving, StepStatus::Waiting).await;
    for run in [change, check, approving] {
        assert_eq!(
            place.store.run(run).await.unwrap().status,
            RunStatus::Queued,
            "{run}"
        );
    }
    assert_eq!(left_over(&place, 100, true).await, [change]);
    assert_eq!(poll(&place.store, "me:1", NEVER, 100).await, Some(check));
    assert_eq!(
        poll(&place.store, "me:1", NEVER, 100).await,
        Some(approving),
        "nothing happens before a person has acted"
    );
    assert_eq!(poll(&place.store, "me:1", NEVER, 100).await, None);
    assert_eq!(
        poll(&place.store, "server:1", at(70), 100).await,
        Some(change)
    );
}

pub async fn a_chain_belongs_to_the_process_that_continues_it(place: Place) {
    let mine = place.store.clone().of_process("me:1");
    let first = queue(&place, "gone:1", 1, plan("one")).await;
    let (claim, _) = mine
        .claim(Some(first), "me:1", at(900))
        .await
        .unwrap()
        .unwrap();
    mine.transition(claim, Transition::Start, None, &[], at(41))
        .await
        .unwrap();
    let next = NewRun {
        parent: Some(first),
        ..place.new_run(changing("two", "web"))
    };
    let second = mine
        .succeed_and_chain(claim, None, &[], Some(next), at(50))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(poll(&place.store, "other:1", NEVER, 100).await, None);
    assert_eq!(poll(&mine, "me:1", NEVER, 100).await, Some(second.id));
}
