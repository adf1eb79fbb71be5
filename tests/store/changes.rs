//! What another process writes is heard soon.

use std::time::{Duration, Instant};

use opsroom::core::run::{RunStatus, Transition};
use opsroom::store::Store;

use crate::{Place, at, event, line, plan};

const SOON: Duration = Duration::from_millis(200);

/// Waits until something is heard; how long it took.
async fn heard(changes: &mut opsroom::store::Changes) -> Duration {
    let began = Instant::now();
    while !changes.heard(Duration::from_millis(100), Duration::from_millis(10)).await.unwrap() {
        assert!(began.elapsed() < Duration::from_secs(20), "never heard");
    }
    began.elapsed()
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
    let (claim, _) = other.claim(Some(run.id), "host:9", at(1000), at(20)).await.unwrap().unwrap();
    heard(&mut changes).await;
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
