//! Continuing a run: decisions about unknown outcomes, target locks, writes that seemed to fail.

use opsroom::core::run::plan::Plan;
use opsroom::core::run::resume::Decision;
use opsroom::core::run::{RunId, RunStatus, StepStatus, Transition};
use opsroom::store::{Claim, Resumer, StoreError};

use super::{Place, at, event, line, plan};

const WHY: Resumer<'_> = Resumer {
    actor: "ana",
    reason: Some("looked"),
};

async fn interrupted(place: &Place) -> Claim {
    let claim = place.claimed().await;
    place
        .store
        .transition(claim, Transition::Start, None, &[], at(40))
        .await
        .unwrap();
    place
        .store
        .step(claim, 0, StepStatus::Running, 1, None, &[], at(41))
        .await
        .unwrap();
    let read = place.store.run(claim.run).await.unwrap();
    assert!(
        place
            .store
            .interrupt(&read, "gone", at(5000))
            .await
            .unwrap()
    );
    claim
}

pub async fn an_unknown_outcome_requires_a_decision(place: Place) {
    let store = &place.store;
    for (decision, step, status) in [
        (Decision::Done, StepStatus::Succeeded, RunStatus::Queued),
        (Decision::Repeat, StepStatus::Pending, RunStatus::Queued),
        (Decision::GiveUp, StepStatus::Unknown, RunStatus::Failed),
    ] {
        let old = interrupted(&place).await;
        let refused = store.resume(old.run, None, WHY, at(6000)).await;
        assert!(matches!(refused, Err(StoreError::Undecided { step, .. }) if step == "prepare"));
        assert_eq!(
            store
                .resume(old.run, Some(decision), WHY, at(6000))
                .await
                .unwrap(),
            status
        );
        let run = store.run(old.run).await.unwrap();
        assert_eq!(
            (run.status, run.finished_at.is_some()),
            (status, status.is_terminal())
        );
        assert_eq!(store.steps(old.run).await.unwrap()[0].status, step);
        let audit = store.audit(place.workspace, 1).await.unwrap().remove(0);
        assert_eq!(
            (audit.action.as_str(), audit.reason.as_deref()),
            ("run.resume", Some("looked"))
        );
        let again = store.resume(old.run, Some(decision), WHY, at(6001)).await;
        assert!(matches!(again, Err(StoreError::Refused { .. })));
        if status == RunStatus::Queued {
            let (new, _) = store
                .claim(Some(old.run), "host:2", at(9000))
                .await
                .unwrap()
                .unwrap();
            assert!(
                new.token > old.token,
                "the engine that was taken for dead is fenced off"
            );
            assert!(matches!(
                store.append(old, &[event("late")]).await,
                Err(StoreError::StaleToken(_))
            ));
            store
                .transition(new, Transition::Cancel, None, &[], at(6003))
                .await
                .unwrap();
        }
    }
}

fn change(services: &[&str]) -> Plan {
    Plan {
        mutates: true,
        services: services.iter().map(ToString::to_string).collect(),
        ..plan("deploy")
    }
}

pub async fn targets_are_taken_all_or_none_and_given_back(place: Place) {
    let store = &place.store;
    let take = async |run: Option<RunId>| store.claim(run, "host:1", at(1000)).await.unwrap();
    let both = place.submit(change(&["web", "api"])).await.id;
    let web = place.submit(change(&["web"])).await.id;
    let db = place.submit(change(&["db"])).await.id;
    let check = place
        .submit(Plan {
            mutates: false,
            ..change(&["web"])
        })
        .await
        .id;
    let (claim, _) = take(None).await.unwrap();
    assert_eq!((claim.run, store.locks().await.unwrap()), (both, 2));
    assert!(take(Some(web)).await.is_none());
    let waits = place.waiting().await;
    assert_eq!(waits.len(), 1);
    assert_eq!(
        waits[0].1,
        format!("waits for web in staging, held by run {both}, next in line")
    );
    assert_eq!(
        take(None).await.unwrap().0.run,
        db,
        "the first that can start"
    );
    assert_eq!(
        take(None).await.unwrap().0.run,
        check,
        "a run that changes nothing needs no lock"
    );
    assert!(take(None).await.is_none());
    store
        .transition(claim, Transition::Start, None, &[], at(40))
        .await
        .unwrap();
    store
        .transition(claim, Transition::Fail, None, &[], at(41))
        .await
        .unwrap();
    assert_eq!(place.waiting().await, []);
    let (claim, _) = take(None).await.unwrap();
    assert_eq!(claim.run, web);
    let read = store.run(db).await.unwrap();
    assert!(store.interrupt(&read, "gone", at(2000)).await.unwrap());
    store
        .transition(claim, Transition::Release, None, &[], at(42))
        .await
        .unwrap();
    assert_eq!(store.locks().await.unwrap(), 0);
}

pub async fn racing_claimers_never_share_a_target(place: Place) {
    for services in [
        &["web", "api"][..],
        &["api", "db"],
        &["db", "web"],
        &["web"],
        &["api"],
        &["db"],
    ]
    .repeat(4)
    {
        place.submit(change(services)).await;
    }
    let racers = (0..4).map(|n| {
        let store = place.store.clone();
        tokio::spawn(async move {
            let mut done = 0;
            while let Some((claim, run)) = store
                .claim(None, &format!("host:{n}"), at(1000))
                .await
                .unwrap()
            {
                let wanted = i64::try_from(run.plan.services.len()).unwrap();
                assert!(
                    store.locks().await.unwrap() >= wanted && store.locks().await.unwrap() <= 3
                );
                store
                    .transition(claim, Transition::Start, None, &[], at(40))
                    .await
                    .unwrap();
                tokio::task::yield_now().await;
                store
                    .transition(claim, Transition::Succeed, None, &[], at(41))
                    .await
                    .unwrap();
                done += 1;
            }
            done
        })
    });
    let racers: Vec<_> = racers.collect();
    let mut done = 0;
    for racer in racers {
        done += racer.await.unwrap();
    }
    // A claimer that finds every target taken ends; the one that holds them continues.
    assert_eq!((done, place.store.locks().await.unwrap()), (24, 0));
}

pub async fn a_write_that_only_seemed_to_fail_is_found(place: Place) {
    let claim = place.claimed().await;
    let entries = [
        event("one\0"),
        line(0, "two"),
        line(0, "two"),
        event("three"),
    ];
    let before = place.store.run(claim.run).await.unwrap().last_seq;
    assert_eq!(
        place
            .store
            .written(claim.run, before, &entries)
            .await
            .unwrap(),
        None
    );
    place
        .store
        .append(claim, &[event("another writer's")])
        .await
        .unwrap();
    let last = place.store.append(claim, &entries).await.unwrap();
    assert_eq!(
        place
            .store
            .written(claim.run, before, &entries)
            .await
            .unwrap(),
        Some(last)
    );
    assert_eq!(
        place
            .store
            .written(claim.run, last, &entries)
            .await
            .unwrap(),
        None,
        "that was another write"
    );
    assert_eq!(
        place
            .store
            .written(claim.run, before, &[event("never")])
            .await
            .unwrap(),
        None
    );
    assert_eq!(place.store.next_link(claim.run).await.unwrap(), None);
    let next = opsroom::store::NewRun {
        parent: Some(claim.run),
        ..place.new_run(plan("check"))
    };
    let next = place.store.submit(next).await.unwrap();
    assert_eq!(
        place
            .store
            .next_link(claim.run)
            .await
            .unwrap()
            .map(|run| run.id),
        Some(next.id)
    );
}
