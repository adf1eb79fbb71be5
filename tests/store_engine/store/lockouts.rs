//! Locks of people: who may set and end them, which runs they keep in the queue, and until when.

use opsroom::core::base::time::Timestamp;
use opsroom::core::run::RunId;
use opsroom::core::run::lockout::{LockEnd, Lockable};
use opsroom::core::run::plan::{Plan, Target};
use opsroom::core::run::queue::Lane;
use opsroom::store::{Claimer, NewLock, QueuePosition, StoreError};

use super::{Place, at, plan};

fn target(service: &str) -> Lockable {
    Lockable::Target(Target {
        service: service.to_owned(),
        env: Some("staging".to_owned()),
    })
}

async fn lock(place: &Place, of: &[Lockable], actor: &str, until: i64) -> Result<(), StoreError> {
    let lock = NewLock {
        of,
        end: LockEnd::Until(at(until)),
        until: at(until),
        actor,
        reason: "migration",
    };
    place.store.lock(place.workspace, lock, at(100)).await
}

fn change(runbook: &str, services: &[&str]) -> Plan {
    Plan {
        mutates: true,
        services: services.iter().map(ToString::to_string).collect(),
        ..plan(runbook)
    }
}

/// The next run that an engine takes at this time.
async fn next(place: &Place, now: Timestamp) -> Option<RunId> {
    let by = Claimer {
        now,
        ..Claimer::from("host:1")
    };
    let claimed = place
        .store
        .claim_next(Lane::Interactive, QueuePosition::HEAD, by, at(99_000))
        .await;
    claimed.unwrap().map(|(claim, _)| claim.run)
}

async fn waits(place: &Place, run: RunId, now: i64) -> Vec<String> {
    let range = (run, run);
    let stopped = place.store.stopped(place.workspace, range, at(now)).await;
    let stopped = stopped.unwrap().into_iter();
    stopped.map(|(_, lock)| lock.to_string()).collect()
}

pub async fn a_locked_target_keeps_changing_runs_in_the_queue(place: Place) {
    let both = place.submit(change("deploy", &["web", "api"])).await.id;
    let check = Plan {
        mutates: false,
        ..change("healthcheck", &["web"])
    };
    let check = place.submit(check).await.id;
    let api = place.submit(change("deploy", &["api"])).await.id;
    lock(&place, &[target("web")], "ana", 5000).await.unwrap();
    assert_eq!(
        waits(&place, both, 200).await,
        [format!(
            "web in staging, locked by ana until {}: migration",
            at(5000).rfc3339()
        )]
    );
    assert!(waits(&place, check, 200).await.is_empty());
    // What only looks runs, and the run that waits for the lock keeps no other from its targets.
    assert_eq!(next(&place, at(200)).await, Some(check));
    assert_eq!(next(&place, at(200)).await, Some(api));
    assert_eq!(next(&place, at(200)).await, None);
    let one = Claimer {
        now: at(200),
        ..Claimer::from("host:1")
    };
    let claimed = place.store.claim(Some(both), one, at(99_000)).await;
    assert!(claimed.unwrap().is_none(), "not by its number either");
    place
        .store
        .order(
            api,
            opsroom::core::run::orders::Order::End(opsroom::core::run::orders::Ending::Cancel),
            opsroom::store::Orderer {
                actor: "ana",
                reason: None,
            },
            at(210),
        )
        .await
        .unwrap();
    let stale = place.store.run(api).await.unwrap();
    assert!(
        place
            .store
            .interrupt(&stale, "gone", at(220))
            .await
            .unwrap()
    );
    // It ends by itself.
    assert!(waits(&place, both, 5000).await.is_empty());
    assert_eq!(next(&place, at(4999)).await, None);
    assert_eq!(next(&place, at(5000)).await, Some(both));
}

pub async fn a_locked_runbook_keeps_its_runs_in_the_queue(place: Place) {
    let deploy = place.submit(change("deploy", &["web"])).await.id;
    let restart = place.submit(change("restart", &["api"])).await.id;
    let of = [Lockable::Runbook("deploy".to_owned())];
    lock(&place, &of, "ana", 5000).await.unwrap();
    assert_eq!(waits(&place, deploy, 200).await.len(), 1);
    assert_eq!(next(&place, at(200)).await, Some(restart));
    assert_eq!(next(&place, at(200)).await, None);
    let by = ("ben", Some("done early"));
    let ended = place.store.unlock(place.workspace, &of, by, at(300)).await;
    assert_eq!(ended.unwrap(), of);
    assert_eq!(next(&place, at(301)).await, Some(deploy));
}

pub async fn a_lock_is_audited_and_replaced_only_by_its_author(place: Place) {
    let store = &place.store;
    let both = [target("api"), target("web")];
    lock(&place, &both[1..], "ana", 5000).await.unwrap();
    let taken = lock(&place, &both, "ben", 6000)
        .await
        .unwrap_err()
        .to_string();
    assert!(
        taken.starts_with("web in staging, locked by ana until"),
        "{taken}"
    );
    let listed = async |now| {
        let all = store.lockouts(place.workspace, at(now)).await.unwrap();
        all.into_iter()
            .map(|lock| (lock.of, lock.actor))
            .collect::<Vec<_>>()
    };
    let of_ana = vec![(target("web"), "ana".to_owned())];
    assert_eq!(listed(200).await, of_ana, "all of them or none");
    lock(&place, &both[1..], "ana", 7000).await.unwrap();
    assert_eq!(listed(6999).await, of_ana);
    assert!(listed(7000).await.is_empty());
    let rows = store.audit(place.workspace, 2).await.unwrap();
    let words: Vec<_> = rows
        .iter()
        .map(|row| {
            (
                row.action.as_str(),
                row.object.as_str(),
                row.before.as_deref(),
            )
        })
        .collect();
    let before = Some("locked by ana: migration");
    assert_eq!(
        words,
        [
            ("lock.set", "web in staging", before),
            ("lock.set", "web in staging", None)
        ]
    );
    assert_eq!(rows[0].reason.as_deref(), Some("migration"));
    let by = ("ben", None);
    let ended = store
        .unlock(place.workspace, &both, by, at(300))
        .await
        .unwrap();
    assert_eq!(ended, both[1..]);
    assert!(listed(300).await.is_empty());
    let again = store
        .unlock(place.workspace, &both, by, at(301))
        .await
        .unwrap();
    assert!(again.is_empty());
    // Another workspace has its own.
    let other = store
        .ensure_workspace("other", "UTC", at(0))
        .await
        .unwrap()
        .id;
    lock(&place, &both, "ana", 5000).await.unwrap();
    assert!(store.lockouts(other, at(200)).await.unwrap().is_empty());
}

pub async fn a_stopped_run_keeps_no_place_before_others(place: Place) {
    let locked = place.submit(change("deploy", &["web", "api"])).await.id;
    let web = place.submit(change("restart", &["web"])).await.id;
    lock(&place, &[target("api")], "ana", 5000).await.unwrap();
    let ahead = async |now: i64| {
        let range = (web, web);
        let queue = place.store.queue(place.workspace, range, at(now)).await;
        let waits: Vec<i64> = queue.unwrap()[0]
            .waits_for
            .iter()
            .map(|b| b.ahead)
            .collect();
        let plan = change("restart", &["web"]);
        let met = place
            .store
            .blockers(place.workspace, &plan, i64::MAX, at(now))
            .await;
        let met: Vec<i64> = met.unwrap().iter().map(|b| b.ahead).collect();
        (waits, met)
    };
    assert_eq!(ahead(200).await, (vec![], vec![1]), "run {locked} waits");
    assert_eq!(ahead(5000).await, (vec![1], vec![2]), "the lock has ended");
}

pub async fn a_stopped_run_keeps_no_place_in_its_lane(place: Place) {
    place.submit(change("deploy", &["web"])).await;
    let of_web = place.submit(change("deploy", &["web"])).await.id;
    place.submit(change("deploy", &["db"])).await;
    let last = place.submit(change("restart", &["api"])).await.id;
    lock(&place, &[target("web")], "ana", 5000).await.unwrap();
    let ahead = async |run: RunId, now: i64| {
        let queue = place.store.queue(place.workspace, (run, run), at(now));
        queue.await.unwrap()[0].ahead
    };
    assert_eq!(ahead(last, 200).await, 1, "only the run of db comes before");
    assert_eq!(ahead(of_web, 200).await, 0, "it is stopped itself");
    assert_eq!(ahead(last, 5000).await, 3, "the lock has ended");
    assert_eq!(ahead(of_web, 5000).await, 1);
}

pub async fn targets_are_locked_once_in_one_order(place: Place) {
    let of = [target("web"), target("api"), target("web")];
    lock(&place, &of, "ana", 5000).await.unwrap();
    let by = ("ana", None);
    let ended = place.store.unlock(place.workspace, &of, by, at(300)).await;
    assert_eq!(ended.unwrap(), [target("api"), target("web")]);
    let rows = place.store.audit(place.workspace, 4).await.unwrap();
    let words: Vec<_> = rows
        .iter()
        .rev()
        .map(|row| (row.action.as_str(), row.object.as_str()))
        .collect();
    assert_eq!(
        words,
        [
            ("lock.set", "api in staging"),
            ("lock.set", "web in staging"),
            ("lock.end", "api in staging"),
            ("lock.end", "web in staging")
        ]
    );
}

pub async fn racing_people_end_a_lock_once(place: Place) {
    let (of, workspace) = ([target("web")], place.workspace);
    let end = async |actor: &str| {
        let ended = place.store.unlock(workspace, &of, (actor, None), at(300));
        ended.await.unwrap().len()
    };
    for round in 0..30 {
        lock(&place, &of, "ana", 5000).await.unwrap();
        let (ana, ben, cleo) = tokio::join!(end("ana"), end("ben"), end("cleo"));
        assert_eq!(ana + ben + cleo, 1, "round {round}");
    }
}
