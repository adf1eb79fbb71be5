//! Orders to a run under way, and votes on a step that needs approval.

use opsroom::core::run::approval::{Tally, VoteError};
use opsroom::core::run::event::EntryBody;
use opsroom::core::run::orders::{Ending, Order, Orders, Pace};
use opsroom::core::run::plan::{Plan, PlanStep, plan_hash};
use opsroom::core::run::step::StepSpec;
use opsroom::core::run::step::approve::Approve;
use opsroom::core::run::{RunId, RunStatus, StepStatus, Transition};
use opsroom::store::{Ballot, Beginning, Claim, NewRun, Orderer, StoreError};

use super::{Place, at, plan};

const ANA: Orderer<'_> = Orderer {
    actor: "ana",
    reason: Some("looks odd"),
};

async fn started(place: &Place) -> Claim {
    let claim = place.claimed().await;
    place
        .store
        .transition(claim, Transition::Start, None, &[], at(40))
        .await
        .unwrap();
    claim
}

pub async fn orders_are_stored_logged_and_audited(place: Place) {
    let store = &place.store;
    let claim = started(&place).await;
    let run = claim.run;
    store
        .transition(claim, Transition::Wait, None, &[], at(45))
        .await
        .unwrap();
    for (order, action, orders) in [
        (
            Order::Pause,
            "run.pause",
            Orders {
                pace: Pace::Paused,
                by: Some("ana".to_owned()),
                ..Orders::default()
            },
        ),
        (
            Order::StepThrough,
            "run.step_through",
            Orders {
                pace: Pace::Stepping,
                by: Some("ana".to_owned()),
                ..Orders::default()
            },
        ),
        (
            Order::LetGo(1),
            "run.let_go",
            Orders {
                pace: Pace::Stepping,
                by: Some("ana".to_owned()),
                let_go: Some(1),
                ending: None,
            },
        ),
        (Order::Continue, "run.continue", Orders::default()),
    ] {
        let before = store.run(run).await.unwrap().last_seq;
        assert_eq!(
            store.order(run, order, ANA, at(50)).await.unwrap(),
            RunStatus::Waiting
        );
        let now = store.run(run).await.unwrap();
        assert_eq!(
            (now.orders, now.last_seq),
            (orders, before + 1),
            "{order:?}"
        );
        let audit = store.audit(place.workspace, 1).await.unwrap().remove(0);
        assert_eq!(
            (audit.action.as_str(), audit.actor.as_str()),
            (action, "ana")
        );
        assert_eq!(audit.reason.as_deref(), Some("looks odd"));
    }
    let refused = store.order(run, Order::Continue, ANA, at(51)).await;
    assert!(
        matches!(refused, Err(StoreError::Refused { .. })),
        "{refused:?}"
    );
    let last = store
        .entries_after(run, 0, 100)
        .await
        .unwrap()
        .last()
        .map(|e| e.seq);
    assert_eq!(
        Some(store.run(run).await.unwrap().last_seq),
        last,
        "a refused order leaves no gap"
    );
}

pub async fn only_a_run_that_waits_before_a_step_has_it_released(place: Place) {
    let store = &place.store;
    let claim = started(&place).await;
    store
        .order(claim.run, Order::StepThrough, ANA, at(50))
        .await
        .unwrap();
    let running = store.order(claim.run, Order::LetGo(1), ANA, at(51)).await;
    assert!(
        matches!(
            running,
            Err(StoreError::Refused {
                status: RunStatus::Running,
                ..
            })
        ),
        "{running:?}"
    );
    // An open question of the step before it blocks the release.
    store
        .step(claim, 0, StepStatus::Waiting, 1, None, &[], at(52))
        .await
        .unwrap();
    store
        .transition(claim, Transition::Wait, None, &[], at(52))
        .await
        .unwrap();
    let waiting = store.order(claim.run, Order::LetGo(1), ANA, at(53)).await;
    assert!(
        matches!(&waiting, Err(StoreError::Step { why, .. }) if why.contains("has not ended")),
        "{waiting:?}"
    );
    store
        .step(claim, 0, StepStatus::Succeeded, 1, None, &[], at(54))
        .await
        .unwrap();
    store
        .order(claim.run, Order::LetGo(1), ANA, at(55))
        .await
        .unwrap();
    assert!(!store.is_held_back(claim.run, 1).await.unwrap());
}

pub async fn a_paused_run_that_has_failed_does_not_go_on_by_itself(place: Place) {
    let store = &place.store;
    let claim = started(&place).await;
    store
        .order(claim.run, Order::Pause, ANA, at(50))
        .await
        .unwrap();
    store
        .step(claim, 0, StepStatus::Failed, 1, None, &[], at(51))
        .await
        .unwrap();
    let run = store.run(claim.run).await.unwrap();
    assert!(store.interrupt(&run, "gone", at(5000)).await.unwrap());
    let status = store.run(claim.run).await.unwrap().status;
    assert_eq!(
        status,
        RunStatus::Interrupted,
        "its finally steps are not held back"
    );
}

pub async fn a_harsher_end_replaces_a_milder_one_and_not_the_other_way_round(place: Place) {
    let store = &place.store;
    let claim = started(&place).await;
    let ben = Orderer {
        actor: "ben",
        reason: None,
    };
    for (ending, by, expected) in [
        (Ending::AfterStep, ANA, (Ending::AfterStep, "ana")),
        (Ending::Kill, ben, (Ending::Kill, "ben")),
        (Ending::Cancel, ANA, (Ending::Kill, "ben")),
    ] {
        store
            .order(claim.run, Order::End(ending), by, at(50))
            .await
            .unwrap();
        let run = store.run(claim.run).await.unwrap();
        assert_eq!(
            (run.orders.ending, run.cancel_requested_by.as_deref()),
            (Some(expected.0), Some(expected.1))
        );
    }
    let queued = place.submit(plan("deploy")).await.id;
    let ended = store
        .order(queued, Order::End(Ending::AfterStep), ANA, at(50))
        .await
        .unwrap();
    assert_eq!(ended, RunStatus::Cancelled, "nothing is in flight");
    let late = store.order(queued, Order::Pause, ANA, at(51)).await;
    assert!(
        matches!(
            late,
            Err(StoreError::Refused {
                status: RunStatus::Cancelled,
                ..
            })
        ),
        "{late:?}"
    );
}

pub async fn a_skipped_step_never_begins(place: Place) {
    let store = &place.store;
    let claim = started(&place).await;
    store
        .step(claim, 0, StepStatus::Running, 1, None, &[], at(41))
        .await
        .unwrap();
    let begun = store.order(claim.run, Order::Skip(0), ANA, at(42)).await;
    assert!(
        matches!(&begun, Err(StoreError::Step { why, .. }) if why.contains("has begun")),
        "{begun:?}"
    );
    store
        .order(claim.run, Order::Skip(1), ANA, at(43))
        .await
        .unwrap();
    let steps = store.steps(claim.run).await.unwrap();
    assert_eq!(steps[1].status, StepStatus::Skipped);
    assert_eq!(
        steps[1].message.as_deref(),
        Some("skipped by ana: looks odd")
    );
    let before = store.run(claim.run).await.unwrap().last_seq;
    for status in [StepStatus::Running, StepStatus::Waiting, StepStatus::Failed] {
        let begins = store
            .step(claim, 1, status, 1, None, &[super::event("begins")], at(44))
            .await;
        assert!(
            matches!(&begins, Err(StoreError::Skipped { step: 1, .. })),
            "{begins:?}"
        );
    }
    assert_eq!(
        store.run(claim.run).await.unwrap().last_seq,
        before,
        "and leaves no trace"
    );
    store
        .step(
            claim,
            1,
            StepStatus::Skipped,
            0,
            Some("for another reason"),
            &[],
            at(45),
        )
        .await
        .unwrap();
    assert_eq!(
        store.steps(claim.run).await.unwrap()[1].message.as_deref(),
        Some("skipped by ana: looks odd")
    );
    let unknown = store.order(claim.run, Order::Skip(99), ANA, at(46)).await;
    assert!(
        matches!(unknown, Err(StoreError::NotFound(_))),
        "{unknown:?}"
    );
}

pub async fn a_paused_run_whose_engine_is_gone_keeps_waiting(place: Place) {
    let store = &place.store;
    assert!(store.is_idle().await.unwrap());
    let claim = started(&place).await;
    assert!(!store.is_idle().await.unwrap());
    store
        .order(claim.run, Order::Pause, ANA, at(50))
        .await
        .unwrap();
    let run = store.run(claim.run).await.unwrap();
    assert!(store.interrupt(&run, "gone", at(5000)).await.unwrap());
    assert_eq!(
        store.run(claim.run).await.unwrap().status,
        RunStatus::Queued,
        "a waiting run does no harm"
    );
    assert!(store.is_held_back(claim.run, 0).await.unwrap());
    store
        .order(claim.run, Order::Continue, ANA, at(5001))
        .await
        .unwrap();
    assert!(!store.is_held_back(claim.run, 0).await.unwrap());
}

pub async fn outcomes_are_found_by_step_oldest_first(place: Place) {
    let store = &place.store;
    let claim = started(&place).await;
    let outcome = |step: Option<u32>, data: Option<&str>| {
        let mut entry = super::event("done");
        entry.step = step;
        if let EntryBody::Event { data: place, .. } = &mut entry.body {
            *place = data.map(|text| serde_json::json!({ "kept": text }));
        }
        entry
    };
    let entries = [
        outcome(Some(1), Some("\u{0}first")),
        outcome(Some(0), Some("other")),
        outcome(Some(1), None),
        outcome(None, Some("whole run")),
        outcome(Some(1), Some("second")),
    ];
    store.append(claim, &entries).await.unwrap();
    let found = store.outcomes(claim.run).await.unwrap();
    let found: Vec<_> = found
        .iter()
        .map(|(step, data)| (*step, data["kept"].as_str().unwrap()))
        .collect();
    assert_eq!(found, [(1, "\u{0}first"), (0, "other"), (1, "second")]);
}

fn needing_approval(need: u32, from: &[&str]) -> Plan {
    let from = from.iter().map(ToString::to_string).collect();
    let mut plan = plan("deploy");
    plan.steps[0] = PlanStep {
        spec: StepSpec::Approve(Approve {
            prompt: "ship it?".to_owned(),
            need,
            from,
            ..Approve::default()
        }),
        timeout_ms: 1000,
        ..plan.steps[0].clone()
    };
    plan
}

/// A run of that plan, requested by ana, that has waited for approval since 100.
async fn waiting(place: &Place, plan: Plan, beginning: Beginning) -> (Claim, String) {
    let hash = plan_hash(&plan);
    let run = place
        .store
        .submit_as(place.new_run(plan), beginning)
        .await
        .unwrap();
    let (claim, _) = place
        .store
        .claim(Some(run.id), "host:1", at(1000))
        .await
        .unwrap()
        .unwrap();
    place
        .store
        .transition(claim, Transition::Start, None, &[], at(40))
        .await
        .unwrap();
    place
        .store
        .step(claim, 0, StepStatus::Waiting, 1, None, &[], at(100))
        .await
        .unwrap();
    place
        .store
        .transition(claim, Transition::Wait, None, &[], at(100))
        .await
        .unwrap();
    (claim, hash)
}

async fn vote(
    place: &Place,
    run: RunId,
    actor: &str,
    approved: bool,
    hash: &str,
) -> Result<Tally, StoreError> {
    let ballot = Ballot {
        actor,
        approved,
        note: Some("looked"),
        plan_hash: hash,
    };
    place.store.vote(run, ballot, at(200)).await
}

fn unfit(result: Result<Tally, StoreError>) -> VoteError {
    match result {
        Err(StoreError::Vote { why, .. }) => why,
        other => panic!("{other:?}"),
    }
}

pub async fn an_approval_needs_enough_people_other_than_the_requester(place: Place) {
    let (claim, hash) = waiting(&place, needing_approval(2, &[]), Beginning::default()).await;
    let run = claim.run;
    let requester = place.store.run(run).await.unwrap().actor;
    assert_eq!(
        unfit(vote(&place, run, &requester, true, &hash).await),
        VoteError::Requester(requester.clone())
    );
    assert_eq!(
        unfit(vote(&place, run, "ben", true, "another").await),
        VoteError::AnotherPlan
    );
    assert_eq!(
        vote(&place, run, "ben", true, &hash).await.unwrap(),
        Tally::Open(vec!["ben".to_owned()])
    );
    assert_eq!(
        unfit(vote(&place, run, "ben", true, &hash).await),
        VoteError::Again("ben".to_owned())
    );
    let both = vec!["ben".to_owned(), "cleo".to_owned()];
    assert_eq!(
        vote(&place, run, "cleo", true, &hash).await.unwrap(),
        Tally::Approved(both)
    );
    assert_eq!(
        unfit(vote(&place, run, "dora", false, &hash).await),
        VoteError::NotWaiting,
        "it is decided"
    );
    let audit = place.store.audit(place.workspace, 2).await.unwrap();
    assert!(
        audit
            .iter()
            .all(|row| row.action == "run.approve" && row.after.as_ref().unwrap().contains(&hash))
    );
    assert_eq!(
        (audit[0].actor.as_str(), audit[0].reason.as_deref()),
        ("cleo", Some("looked"))
    );
    let skip = place.store.order(run, Order::Skip(0), ANA, at(201)).await;
    assert!(
        matches!(&skip, Err(StoreError::Step { why, .. }) if why.contains("never skipped")),
        "{skip:?}"
    );
}

pub async fn votes_outlive_the_engine_and_are_bound_to_their_time(place: Place) {
    let (claim, hash) = waiting(
        &place,
        needing_approval(2, &["ben", "cleo"]),
        Beginning::default(),
    )
    .await;
    let run = claim.run;
    vote(&place, run, "ben", true, &hash).await.unwrap();
    let read = place.store.run(run).await.unwrap();
    assert!(
        place
            .store
            .interrupt(&read, "gone", at(5000))
            .await
            .unwrap()
    );
    assert_eq!(
        place.store.run(run).await.unwrap().status,
        RunStatus::Queued
    );
    let dora = unfit(vote(&place, run, "dora", true, &hash).await);
    assert!(matches!(dora, VoteError::NotAsked { .. }), "{dora}");
    let late = Ballot {
        actor: "cleo",
        approved: true,
        note: None,
        plan_hash: &hash,
    };
    let late = place.store.vote(run, late, at(1101)).await;
    assert_eq!(
        unfit(late),
        VoteError::Late(at(1100)),
        "a second after the approval was requested"
    );
    let tally = vote(&place, run, "cleo", true, &hash).await.unwrap();
    assert_eq!(
        tally,
        Tally::Approved(vec!["ben".to_owned(), "cleo".to_owned()]),
        "it counts though no engine holds the run"
    );
    assert_eq!(place.store.votes(run).await.unwrap().len(), 2);
}

pub async fn the_requester_of_a_run_does_not_approve_its_retry(place: Place) {
    let (claim, hash) = waiting(&place, needing_approval(1, &[]), Beginning::default()).await;
    let requester = place.store.run(claim.run).await.unwrap().actor;
    let denied = Ballot {
        actor: "ben",
        approved: false,
        note: None,
        plan_hash: &hash,
    };
    assert_eq!(
        unfit(place.store.vote(claim.run, denied, at(150)).await),
        VoteError::NoReason
    );
    let tally = vote(&place, claim.run, "ben", false, &hash).await.unwrap();
    assert_eq!(
        tally,
        Tally::Denied {
            by: "ben".to_owned(),
            note: Some("looked".to_owned())
        }
    );
    place
        .store
        .transition(claim, Transition::Cancel, None, &[], at(300))
        .await
        .unwrap();
    assert_eq!(
        unfit(vote(&place, claim.run, "cleo", true, &hash).await),
        VoteError::NotWaiting
    );
    let again = NewRun {
        actor: "eve".to_owned(),
        ..place.new_run(needing_approval(1, &[]))
    };
    let run = place
        .store
        .submit_as(
            again,
            Beginning {
                retry_of: Some(claim.run),
                ..Beginning::default()
            },
        )
        .await
        .unwrap();
    assert_eq!(run.retry_of, Some(claim.run));
    assert_eq!(
        place.store.requesters(run.id).await.unwrap(),
        ["eve".to_owned(), requester]
    );
    let paced = Beginning {
        pace: Pace::Stepping,
        ..Beginning::default()
    };
    let run = place
        .store
        .submit_as(place.new_run(plan("deploy")), paced)
        .await
        .unwrap();
    assert_eq!(run.orders.pace, Pace::Stepping);
}
