//! Observations, the command bar's memory, engines, audit.

use opsroom::core::observation::{Observation, Seen, State, TargetSummary};
use opsroom::core::plan::Target;
use opsroom::store::EngineRow;

use crate::{Place, at, plan};

fn seen(service: &str, env: Option<&str>, ms: i64, state: State) -> Observation {
    Observation {
        target: Target { service: service.into(), env: env.map(Into::into) },
        at: at(ms),
        state,
        latency_ms: Some(ms),
        message: format!("at {ms}"),
        run: None,
    }
}

pub async fn a_pulse_is_written_once_per_slot(place: Place) {
    let pulse = [seen("web", Some("prod"), 5, State::Ok), seen("crm", None, 6, State::Degraded)];
    let racers: Vec<_> = (0..4)
        .map(|_| {
            let (store, workspace, pulse) = (place.store.clone(), place.workspace, pulse.clone());
            tokio::spawn(async move { store.pulse(workspace, at(0), &pulse).await.unwrap() })
        })
        .collect();
    let mut wrote = 0;
    for racer in racers {
        wrote += i32::from(racer.await.unwrap());
    }
    assert_eq!(wrote, 1);
    assert!(place.store.pulse(place.workspace, at(60_000), &[]).await.unwrap(), "the next slot, with nothing to see");
    let other = place.store.ensure_workspace("other", "UTC", at(0)).await.unwrap().id;
    assert!(place.store.pulse(other, at(0), &pulse[..1]).await.unwrap());
    let summaries = place.store.summaries(place.workspace, at(0)).await.unwrap();
    assert_eq!(
        summaries.iter().map(|(target, s)| (target.to_string(), s.samples)).collect::<Vec<_>>(),
        [("crm".into(), 1), ("web in prod".into(), 1)]
    );
    assert_eq!(place.store.summaries(other, at(0)).await.unwrap().len(), 1);
}

pub async fn a_slot_is_taken_by_one(place: Place) {
    let (store, workspace) = (&place.store, place.workspace);
    let racers: Vec<_> = (0..8)
        .map(|_| {
            let store = store.clone();
            tokio::spawn(async move { store.take_slot(workspace, at(60_000)).await.unwrap() })
        })
        .collect();
    let mut taken = 0;
    for racer in racers {
        taken += i32::from(racer.await.unwrap());
    }
    assert_eq!(taken, 1);
    assert!(
        store.pulse(workspace, at(60_000), &[seen("web", None, 5, State::Ok)]).await.unwrap(),
        "it is written once"
    );
    assert!(!store.pulse(workspace, at(60_000), &[seen("web", None, 6, State::Failing)]).await.unwrap());
    assert!(!store.take_slot(workspace, at(60_000)).await.unwrap());
    assert!(store.take_slot(workspace, at(120_000)).await.unwrap(), "the next slot");
    assert_eq!(store.summaries(workspace, at(0)).await.unwrap()[0].1.latest.state, State::Ok);
}

pub async fn what_cannot_be_asked_is_known_and_when_it_was_seen(place: Place) {
    let (store, workspace) = (&place.store, place.workspace);
    let web = |ms, state| seen("web", Some("prod"), ms, state);
    store.observe(workspace, &[web(1, State::Unknown)]).await.unwrap();
    let summary = |all: Vec<(Target, TargetSummary)>| all.into_iter().next().unwrap().1;
    let never = summary(store.summaries(workspace, at(0)).await.unwrap());
    assert_eq!((never.latest.state, never.seen, never.samples), (State::Unknown, None, 0));
    for (ms, state) in [(2, State::Ok), (3, State::Unknown), (4, State::Unknown)] {
        store.observe(workspace, &[web(ms, state)]).await.unwrap();
    }
    let lost = summary(store.summaries(workspace, at(0)).await.unwrap());
    assert_eq!((lost.latest.state, lost.latest.at, lost.latest.message.as_str()), (State::Unknown, at(4), "at 4"));
    assert_eq!(lost.seen, Some(Seen { at: at(2), state: State::Ok }));
    assert_eq!((lost.samples, lost.up), (1, 1), "a look that could not be made is no sample");
    store.observe(workspace, &[web(5, State::Failing)]).await.unwrap();
    let back = summary(store.summaries(workspace, at(0)).await.unwrap());
    assert_eq!(back.seen, Some(Seen { at: at(5), state: State::Failing }));
}

pub async fn summaries_count_a_window(place: Place) {
    let (store, workspace) = (&place.store, place.workspace);
    assert!(store.summaries(workspace, at(0)).await.unwrap().is_empty());
    let run = place.submit(plan("healthcheck")).await.id;
    let prod = |ms, state| seen("web", Some("prod"), ms, state);
    let by_run = Observation { run: Some(run), latency_ms: None, message: "a\0b".into(), ..prod(300, State::Degraded) };
    let batch = [prod(100, State::Failing), prod(200, State::Ok), by_run.clone(), prod(250, State::Failing)];
    store.observe(workspace, &batch).await.unwrap();
    // Late news does not replace newer ones.
    store.observe(workspace, &[prod(150, State::Ok)]).await.unwrap();
    store.observe(workspace, &[]).await.unwrap();
    let summaries = store.summaries(workspace, at(150)).await.unwrap();
    assert_eq!(summaries.len(), 1);
    let (target, summary) = &summaries[0];
    assert_eq!(*target, by_run.target);
    assert_eq!(summary.latest, Observation { message: "a␀b".into(), ..by_run });
    assert_eq!((summary.samples, summary.up), (4, 3), "150, 200, 250 failing, 300");
    let empty = &store.summaries(workspace, at(5000)).await.unwrap()[0].1;
    assert_eq!((empty.samples, empty.up, empty.latest.at), (0, 0, at(300)), "known, but not in the window");
}

pub async fn racing_observers(place: Place) {
    let observers: Vec<_> = (0..4_usize)
        .map(|i| {
            let (store, workspace) = (place.store.clone(), place.workspace);
            let mut batch: Vec<_> = (0..8).map(|n| seen(&format!("s{n}"), Some("prod"), 10, State::Ok)).collect();
            batch.rotate_left(2 * i);
            tokio::spawn(async move {
                for _ in 0..10 {
                    store.observe(workspace, &batch).await.unwrap();
                }
            })
        })
        .collect();
    for observer in observers {
        observer.await.unwrap();
    }
    let summaries = place.store.summaries(place.workspace, at(0)).await.unwrap();
    assert!(summaries.len() == 8 && summaries.iter().all(|(_, s)| s.samples == 40), "{summaries:?}");
}

pub async fn the_command_bar_remembers(place: Place) {
    for (actor, line) in [
        ("ana", "one"),
        ("ana", "two"),
        ("bob", "two"),
        ("ana", "two"),
        ("ana", "one"),
        ("ana", "a\0b"),
        ("ana", "a\0b"),
    ] {
        place.store.remember(place.workspace, actor, line, at(1)).await.unwrap();
    }
    assert_eq!(place.store.remembered(place.workspace, "ana", 9).await.unwrap(), ["a␀b", "one", "two", "one"]);
    assert_eq!(place.store.remembered(place.workspace, "ana", 2).await.unwrap(), ["a␀b", "one"]);
    assert_eq!(place.store.remembered(place.workspace, "bob", 9).await.unwrap(), ["two"]);
}

pub async fn engines_come_and_go(place: Place) {
    let one = EngineRow {
        holder: "host:1".into(),
        kind: "console".into(),
        started_at: at(1),
        seen_at: at(1),
        draining: false,
        alive_until: at(75),
        adopts_from: None,
        pulse_ms: 60_000,
    };
    let two = EngineRow {
        holder: "host:2".into(),
        kind: "serve".into(),
        started_at: at(0),
        seen_at: at(2),
        draining: false,
        alive_until: at(17),
        adopts_from: Some(at(-900)),
        pulse_ms: 0,
    };
    place.store.beat(&one).await.unwrap();
    place.store.beat(&two).await.unwrap();
    let later = EngineRow { seen_at: at(9), draining: true, ..one };
    place.store.beat(&later).await.unwrap();
    assert_eq!(place.store.engines().await.unwrap(), [two.clone(), later]);
    place.store.leave_engine("host:1").await.unwrap();
    place.store.leave_engine("host:1").await.unwrap();
    assert_eq!(place.store.engines().await.unwrap(), [two]);
}

pub async fn audit_is_newest_first(place: Place) {
    for runbook in ["one", "two", "three"] {
        place.submit(plan(runbook)).await;
    }
    let rows = place.store.audit(place.workspace, 2).await.unwrap();
    assert!(rows.len() == 2 && rows[0].id > rows[1].id);
    assert!(rows[0].after.as_deref().unwrap().contains("three"));
    assert!(place.store.audit(place.workspace + 1, 9).await.unwrap().is_empty(), "of this workspace only");
}
