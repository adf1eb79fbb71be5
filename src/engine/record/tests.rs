//! A write whose answer was lost is not made twice.

use std::cell::Cell;
use std::sync::Arc;

use tokio::sync::watch;

use super::*;
use crate::adapter::{AdapterContext, Adapters};
use crate::bus::Bus;
use crate::clock::Clock;
use crate::core::run::plan::Plan;
use crate::engine::{EngineConfig, Mode, Signals, State};
use crate::store::Store;

async fn recorder() -> Recorder {
    let store = Store::open("sqlite::memory:").await.unwrap();
    let at = Clock::System.now();
    let workspace = store.ensure_workspace("acme", "UTC", at).await.unwrap().id;
    let (actor, trigger) = ("amos".to_owned(), "cli".to_owned());
    let plan = Plan::default();
    let new = NewRun {
        workspace,
        plan,
        parent: None,
        actor,
        trigger,
        reason: None,
        at,
    };
    store.submit(new).await.unwrap();
    let (claim, run) = store
        .claim(None, "me", at.plus_ms(60_000))
        .await
        .unwrap()
        .unwrap();
    let signals = Signals {
        wake: watch::Sender::new(1),
        mode: watch::Sender::new(Mode::Working),
        pulse: watch::Sender::new(None),
        waiting: crate::engine::Count::default(),
        state: watch::Sender::new(State::default()),
    };
    let config = EngineConfig {
        kind: "test".to_owned(),
        lease_ms: 5000,
        renew_ms: 1000,
        sweep_ms: 1000,
        lanes: crate::core::run::queue::Lanes::default(),
        pulse: None,
        only: None,
        adopt_ms: 0,
    };
    let world = World {
        store,
        bus: Bus::default(),
        adapters: Adapters::real(AdapterContext::default()),
        clock: Clock::System,
        config: config.into(),
        holder: Arc::from("me"),
        signals: Arc::new(signals),
    };
    Recorder::new(world, claim, &run)
}

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
