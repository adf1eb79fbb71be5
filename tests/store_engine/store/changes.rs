//! Writes of another process are noticed soon.

use std::time::Duration;

use opsroom::core::run::lockout::{LockEnd, Lockable};
use opsroom::core::run::{RunStatus, Transition};
use opsroom::core::stack::service::Contact;
use opsroom::core::stack::{Change, Delta};
use opsroom::store::{NewLock, Store};

use super::{Place, at, event, line, plan};

const SOON: Duration = Duration::from_millis(200);

/// Waits for a notification of a change, not for the end of the polling interval.
async fn wait_for_change(changes: &mut opsroom::store::Changes) {
    let (pause, between) = (Duration::from_secs(20), Duration::from_millis(100));
    let wait = async { while !changes.changed(pause, between).await.unwrap() {} };
    tokio::time::timeout(Duration::from_secs(5), wait)
        .await
        .expect("found by notification, not by polling");
}

pub async fn writes_of_others_are_noticed(place: Place) {
    let other = Store::open(&place.url).await.unwrap();
    let mut changes = place.store.changes().await.unwrap();
    assert!(place.store.is_shared());
    assert!(
        !changes.changed(SOON, SOON).await.unwrap(),
        "nothing has happened"
    );
    let run = other.submit(place.new_run(plan("deploy"))).await.unwrap();
    wait_for_change(&mut changes).await;
    let glimpse = place.store.glimpse().await.unwrap().pop().unwrap();
    assert_eq!(
        (glimpse.run, glimpse.status, glimpse.holder.as_deref()),
        (run.id, RunStatus::Queued, None)
    );
    // A claim need not be notified: the write that follows it is.
    let (claim, _) = other
        .claim(Some(run.id), "host:9", at(1000))
        .await
        .unwrap()
        .unwrap();
    for entry in [event("one"), line(0, "two")] {
        let last = other.append(claim, &[entry]).await.unwrap();
        wait_for_change(&mut changes).await;
        let glimpse = place.store.glimpse().await.unwrap().pop().unwrap();
        assert_eq!(
            (glimpse.last_seq, glimpse.holder.as_deref()),
            (last, Some("host:9"))
        );
    }
    other
        .transition(claim, Transition::Cancel, None, &[], at(30))
        .await
        .unwrap();
    wait_for_change(&mut changes).await;
    let contact = Change::Contact(Delta {
        name: "ana".to_owned(),
        before: None,
        after: Some(Contact {
            name: "ana".to_owned(),
            ..Contact::default()
        }),
        position: 0,
    });
    let newest = async |after| {
        let found = place.store.written_after(place.workspace, after).await;
        let found = found.unwrap();
        (found.newest, found.stack, found.locks)
    };
    let (before, _, _) = newest(None).await;
    assert_eq!(newest(Some(before)).await, (before, false, false));
    other
        .apply(place.workspace, &[contact], "ana", at(40))
        .await
        .unwrap();
    wait_for_change(&mut changes).await;
    let (after, applied, locked) = newest(Some(before)).await;
    assert!(after > before && applied && !locked);
    assert_eq!(newest(Some(after)).await, (after, false, false));
    assert_eq!(newest(None).await, (after, false, false));
    let of = [Lockable::Runbook("deploy".to_owned())];
    let lock = NewLock {
        of: &of,
        end: LockEnd::For(1000),
        until: at(1000),
        actor: "ana",
        reason: "migration",
    };
    other.lock(place.workspace, lock, at(50)).await.unwrap();
    let (set, applied, locked) = newest(Some(after)).await;
    assert!(set > after && !applied && locked);
    let by = ("ana", None);
    let ended = other.unlock(place.workspace, &of, by, at(60)).await;
    assert_eq!(ended.unwrap(), of);
    assert!(newest(Some(set)).await.2, "its end is told too");
    other.close().await;
}
