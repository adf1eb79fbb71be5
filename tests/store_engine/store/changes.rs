//! Writes of another process are noticed soon.

use std::time::{Duration, Instant};

use opsroom::core::run::{RunStatus, Transition};
use opsroom::store::Store;

use super::{Place, at, event, line, plan};

const SOON: Duration = Duration::from_millis(200);

/// Waits for a notification of a change, not for the end of the polling interval.
async fn wait_for_change(changes: &mut opsroom::store::Changes) {
    let began = Instant::now();
    while !changes
        .changed(Duration::from_secs(20), Duration::from_millis(100))
        .await
        .unwrap()
    {}
    assert!(
        began.elapsed() < Duration::from_secs(5),
        "found by polling, not by notification"
    );
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
    other.close().await;
}
