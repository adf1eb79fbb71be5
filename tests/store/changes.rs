//! What another process writes is heard soon.

use std::time::{Duration, Instant};

use opsroom::core::run::{RunStatus, Transition};
use opsroom::store::Store;

use crate::{Place, at, event, line, plan};

const SOON: Duration = Duration::from_millis(200);

/// Waits until something is heard: told of it, and not because the pause is over.
async fn heard(changes: &mut opsroom::store::Changes) {
    let began = Instant::now();
    while !changes.heard(Duration::from_secs(20), Duration::from_millis(100)).await.unwrap() {}
    assert!(began.elapsed() < Duration::from_secs(5), "found, not heard");
}

pub async fn what_others_write_is_heard(place: Place) {
    let other = Store::open(&place.url).await.unwrap();
    let mut changes = place.store.changes().await.unwrap();
    assert!(place.store.is_shared());
    assert!(!changes.heard(SOON, SOON).await.unwrap(), "nothing has happened");
    let run = other.submit(place.new_run(plan("deploy"))).await.unwrap();
    heard(&mut changes).await;
    let glimpse = place.store.glimpse().await.unwrap().pop().unwrap();
    assert_eq!((glimpse.run, glimpse.status, glimpse.holder.as_deref()), (run.id, RunStatus::Queued, None));
    // A claim need not be told: what follows it at once is.
    let (claim, _) = other.claim(Some(run.id), "host:9", at(1000)).await.unwrap().unwrap();
    for entry in [event("one"), line(0, "two")] {
        let last = other.append(claim, &[entry]).await.unwrap();
        heard(&mut changes).await;
        let glimpse = place.store.glimpse().await.unwrap().pop().unwrap();
        assert_eq!((glimpse.last_seq, glimpse.holder.as_deref()), (last, Some("host:9")));
    }
    other.transition(claim, Transition::Cancel, None, &[], at(30)).await.unwrap();
    heard(&mut changes).await;
    other.close().await;
}
