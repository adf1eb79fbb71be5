//! A write whose answer was lost is not made twice.

use std::cell::Cell;

use super::*;
use crate::core::run::event::Stream;
use crate::engine::testing::recorder;

fn lost<T>() -> Result<T, StoreError> {
    Err(StoreError::Database("the connection was lost".to_owned()))
}

#[tokio::test]
async fn entries_committed_before_the_connection_was_lost_are_there_once() {
    let rec = recorder().await;
    let store = &rec.world.store;
    let entries = [
        rec.note(None, Level::Info, "one\0"),
        rec.note(None, Level::Info, "two"),
    ];
    for commits_first in [true, false] {
        let (before, calls) = (store.run(rec.run()).await.unwrap().last_seq, Cell::new(0));
        let write = || async {
            calls.set(calls.get() + 1);
            if commits_first || calls.get() > 1 {
                let seq = store.append(rec.claim, &entries).await;
                return if calls.get() > 1 { seq } else { lost() };
            }
            lost()
        };
        let seq = rec
            .persist(write, || rec.written(before, &entries))
            .await
            .unwrap();
        assert_eq!(seq, before + 2);
        assert_eq!(
            store.run(rec.run()).await.unwrap().last_seq,
            before + 2,
            "{commits_first}"
        );
        assert_eq!(calls.get(), if commits_first { 1 } else { 2 });
    }
}

#[tokio::test]
async fn a_transition_committed_before_the_connection_was_lost_is_not_refused() {
    let rec = recorder().await;
    let store = &rec.world.store;
    let started = [rec.note(None, Level::Info, "started")];
    for (what, entries, wanted) in [
        (Transition::Start, &started[..], RunStatus::Running),
        (Transition::Wait, &[], RunStatus::Waiting),
        (Transition::Continue, &[], RunStatus::Running),
        (Transition::Fail, &started[..], RunStatus::Failed),
    ] {
        let before = rec.known();
        assert_eq!(
            rec.moved(before, what, entries).await.unwrap(),
            None,
            "{what:?} was not written yet"
        );
        let write = || async {
            store
                .transition(rec.claim, what, None, entries, rec.world.clock.now())
                .await?;
            lost()
        };
        let status = rec
            .persist(write, || rec.moved(before, what, entries))
            .await
            .unwrap();
        assert_eq!(
            (status, store.run(rec.run()).await.unwrap().status),
            (wanted, wanted)
        );
        rec.advance_to(store.run(rec.run()).await.unwrap().last_seq);
    }
}

/// A person may write to a run after the engine last read how far its log reaches: the numbers that
/// the engine publishes itself then end too early.
#[tokio::test]
async fn the_last_number_published_counts_the_entries_of_others() {
    let rec = recorder().await;
    let store = &rec.world.store;
    rec.append(&[rec.note(None, Level::Info, "ours")])
        .await
        .unwrap();
    let theirs = [rec.note(None, Level::Info, "theirs")];
    let last = store.append(rec.claim, &theirs).await.unwrap();
    let mut news = rec.world.bus.subscribe();
    rec.publish_last().await;
    assert_eq!(news.try_recv(), Ok(Notice::Entries(rec.run(), last)));
    assert!(news.try_recv().is_err(), "it is published once");
}

fn news(bus: &mut tokio::sync::broadcast::Receiver<Notice>) -> Vec<Notice> {
    std::iter::from_fn(|| bus.try_recv().ok()).collect()
}

/// Each write is announced with the numbers of what it wrote, and only after it.
#[tokio::test]
async fn every_write_is_published_with_its_last_number() {
    let rec = recorder().await;
    let (store, run) = (&rec.world.store, rec.run());
    let mut bus = rec.world.bus.subscribe();
    let note = |text: &str| rec.note(None, Level::Info, text);
    let first = store.run(run).await.unwrap().last_seq;

    rec.append(&[]).await.unwrap();
    assert_eq!(news(&mut bus), [], "nothing was written");
    rec.start(rec.world.clock.now(), &[note("started")])
        .await
        .unwrap();
    assert_eq!(
        news(&mut bus),
        [
            Notice::Run(run, RunStatus::Running),
            Notice::Entries(run, first + 1)
        ]
    );
    rec.append(&[note("one"), note("two")]).await.unwrap();
    assert_eq!(news(&mut bus), [Notice::Entries(run, first + 3)]);
    let status = rec.transition(Transition::Wait, Some("for ana"), &[]).await;
    assert_eq!(status.unwrap(), RunStatus::Waiting);
    assert_eq!(
        store.run(run).await.unwrap().message.as_deref(),
        Some("for ana")
    );
    assert_eq!(news(&mut bus), [Notice::Run(run, RunStatus::Waiting)]);
    rec.transition(Transition::Continue, None, &[note("goes on")])
        .await
        .unwrap();
    assert_eq!(
        news(&mut bus),
        [
            Notice::Run(run, RunStatus::Running),
            Notice::Entries(run, first + 4)
        ]
    );
    for (seq, published) in [
        (first + 4, vec![]),
        (first + 3, vec![]),
        (first + 9, vec![Notice::Entries(run, first + 9)]),
        (first + 9, vec![]),
    ] {
        rec.advance_to(seq);
        assert_eq!(news(&mut bus), published, "{seq}");
    }
    assert_eq!(rec.known(), first + 9);
    let next = rec.succeed(&[note("succeeded")], None).await.unwrap();
    assert_eq!(next, None);
    assert_eq!(
        news(&mut bus),
        [
            Notice::Run(run, RunStatus::Succeeded),
            Notice::Entries(run, first + 10)
        ]
    );
    assert_eq!(store.run(run).await.unwrap().last_seq, first + 5);
}

/// Without entries only the state counts; with entries they have to be there as well.
#[tokio::test]
async fn a_transition_is_found_by_its_state_and_its_entries() {
    let rec = recorder().await;
    let store = &rec.world.store;
    let note = [rec.note(None, Level::Info, "started")];
    let before = rec.known();
    assert_eq!(
        rec.moved(before, Transition::Start, &[]).await.unwrap(),
        None
    );
    store
        .transition(
            rec.claim,
            Transition::Start,
            None,
            &[],
            rec.world.clock.now(),
        )
        .await
        .unwrap();
    for (what, entries, wanted) in [
        (Transition::Start, &[][..], Some(RunStatus::Running)),
        (Transition::Continue, &[], Some(RunStatus::Running)),
        (Transition::Wait, &[], None),
        (Transition::Start, &note, None),
    ] {
        let found = rec.moved(before, what, entries).await.unwrap();
        assert_eq!(found, wanted, "{what:?}");
    }
    assert_eq!(rec.succeeded(before, &[]).await.unwrap(), None);
    store.append(rec.claim, &note).await.unwrap();
    assert_eq!(
        rec.moved(before, Transition::Start, &note).await.unwrap(),
        Some(RunStatus::Running)
    );
    rec.transition(Transition::Succeed, None, &[])
        .await
        .unwrap();
    assert_eq!(rec.succeeded(rec.known(), &[]).await.unwrap(), Some(None));
}

#[tokio::test]
async fn a_refusal_is_final_and_a_failure_is_retried_within_the_lease() {
    let rec = recorder().await;
    let calls = Cell::new(0);
    let counted = |error: fn() -> StoreError| {
        let calls = &calls;
        move || {
            calls.set(calls.get() + 1);
            std::future::ready(Err::<(), _>(error()))
        }
    };
    let none = || std::future::ready(Ok(None));
    let stale = || StoreError::StaleToken(RunId(1));
    assert!(rec.persist(counted(stale), none).await.is_err());
    assert_eq!(calls.get(), 1);

    tokio::time::pause();
    for error in [
        || StoreError::Database("gone".to_owned()),
        || StoreError::Locked {
            url: "x".to_owned(),
        },
    ] as [fn() -> StoreError; 2]
    {
        calls.set(0);
        let began = Instant::now();
        let answer = rec.persist(counted(error), none).await;
        assert!(answer.is_err());
        let took = began.elapsed();
        assert!(
            took >= Duration::from_secs(5) && took < Duration::from_secs(8),
            "as long as a lease lasts: {took:?}"
        );
        // 50 ms, twice as much each time, two seconds at the most.
        assert_eq!(calls.get(), 8, "{took:?}");
    }
    // What could not be checked is checked again, not written again.
    calls.set(0);
    let checks = Cell::new(0);
    let check = || {
        checks.set(checks.get() + 1);
        let answer = match checks.get() {
            1 => Err(StoreError::Database("still gone".to_owned())),
            _ => Ok(Some(())),
        };
        std::future::ready(answer)
    };
    let gone = || StoreError::Database("gone".to_owned());
    rec.persist(counted(gone), check).await.unwrap();
    assert_eq!((calls.get(), checks.get()), (1, 2));
}

#[tokio::test]
async fn lines_that_were_not_written_are_counted() {
    let rec = recorder().await;
    let line = NewEntry {
        at: rec.world.clock.now(),
        step: None,
        body: EntryBody::Output {
            stream: Stream::Stdout,
            text: "x".to_owned(),
        },
    };
    let entries = [
        line.clone(),
        rec.note(None, Level::Info, "no line"),
        line.clone(),
    ];
    rec.append(&entries).await.unwrap();
    assert_eq!(rec.lost(), 0);
    rec.world
        .store
        .transition(rec.claim, Transition::Cancel, None, &[], line.at)
        .await
        .unwrap();
    assert!(rec.append(&entries).await.is_err());
    assert_eq!(rec.lost(), 2);
    assert!(rec.append(&[line]).await.is_err());
    assert_eq!(rec.lost(), 3);
}
