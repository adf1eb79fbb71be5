//! Observations, the command bar's history, engines, audit.

use opsroom::core::base::message::MAX_BYTES;
use opsroom::core::health::observation::{Observation, Seen, TargetSummary};
use opsroom::core::metric::DAY_MS;
use opsroom::core::metric::sample::{ProbeOutcome, Sample, Trigger};
use opsroom::core::run::breaker::BreakerKey;
use opsroom::core::run::plan::{Plan, Target};
use opsroom::core::run::{StepStatus, Transition};
use opsroom::core::stack::diff;
use opsroom::core::stack::service::{Environment, Stack};
use opsroom::core::stack::state::State;
use opsroom::store::{AuditFilter, EngineRow};

use super::{Place, at, event, message_of, plan};

fn seen(service: &str, env: Option<&str>, ms: i64, state: State) -> Observation {
    Observation {
        target: Target {
            service: service.into(),
            env: env.map(Into::into),
        },
        at: at(ms),
        state,
        latency_ms: Some(ms),
        message: format!("at {ms}"),
        run: None,
    }
}

/// The samples of a routine.
async fn samples_of(place: &Place, name: &str) -> Vec<Sample> {
    let routines = place.store.routines(place.workspace).await.unwrap();
    let routine = routines.iter().find(|r| r.name == name).unwrap();
    let (from, to) = (at(0), at(DAY_MS));
    place.store.samples(routine.id, from, to).await.unwrap()
}

pub async fn a_workspace_has_its_own_observations(place: Place) {
    let observed = [
        seen("web", Some("prod"), 5, State::Ok),
        seen("crm", None, 6, State::Degraded),
    ];
    let (store, workspace) = (&place.store, place.workspace);
    store.observe(workspace, &observed).await.unwrap();
    let other = store.ensure_workspace("other", "UTC", at(0)).await.unwrap();
    let other = other.id;
    store.observe(other, &observed[..1]).await.unwrap();
    let summaries = place.store.summaries(place.workspace).await.unwrap();
    assert_eq!(
        summaries
            .iter()
            .map(|(target, _)| target.to_string())
            .collect::<Vec<_>>(),
        ["crm", "web in prod"]
    );
    assert_eq!(place.store.summaries(other).await.unwrap().len(), 1);
}

pub async fn an_unreachable_target_is_unknown_and_keeps_when_it_was_seen(place: Place) {
    let (store, workspace) = (&place.store, place.workspace);
    let web = |ms, state| seen("web", Some("prod"), ms, state);
    store
        .observe(workspace, &[web(1, State::Unknown)])
        .await
        .unwrap();
    let summary = |all: Vec<(Target, TargetSummary)>| all.into_iter().next().unwrap().1;
    let never = summary(store.summaries(workspace).await.unwrap());
    assert_eq!((never.latest.state, never.seen), (State::Unknown, None));
    for (ms, state) in [(2, State::Ok), (3, State::Unknown), (4, State::Unknown)] {
        store.observe(workspace, &[web(ms, state)]).await.unwrap();
    }
    let lost = summary(store.summaries(workspace).await.unwrap());
    assert_eq!(
        (
            lost.latest.state,
            lost.latest.at,
            lost.latest.message.as_str()
        ),
        (State::Unknown, at(4), "at 4")
    );
    assert_eq!(
        lost.seen,
        Some(Seen {
            at: at(2),
            state: State::Ok
        })
    );
    store
        .observe(workspace, &[web(5, State::Failing)])
        .await
        .unwrap();
    let back = summary(store.summaries(workspace).await.unwrap());
    assert_eq!(
        back.seen,
        Some(Seen {
            at: at(5),
            state: State::Failing
        })
    );
}

pub async fn an_observation_is_the_newest_and_a_sample(place: Place) {
    let (store, workspace) = (&place.store, place.workspace);
    assert!(store.summaries(workspace).await.unwrap().is_empty());
    let run = place.submit(plan("healthcheck")).await.id;
    let prod = |ms, state| seen("web", Some("prod"), ms, state);
    let by_run = Observation {
        run: Some(run),
        latency_ms: None,
        message: "a\0b".into(),
        ..prod(300, State::Degraded)
    };
    let batch = [
        prod(100, State::Failing),
        prod(200, State::Ok),
        by_run.clone(),
        prod(250, State::Failing),
    ];
    store.observe(workspace, &batch).await.unwrap();
    // A late observation does not replace newer ones.
    store
        .observe(workspace, &[prod(150, State::Ok)])
        .await
        .unwrap();
    store.observe(workspace, &[]).await.unwrap();
    let summaries = store.summaries(workspace).await.unwrap();
    assert_eq!(summaries.len(), 1);
    let (target, summary) = &summaries[0];
    assert_eq!(*target, by_run.target);
    assert_eq!(
        summary.latest,
        Observation {
            message: "a␀b".into(),
            ..by_run
        }
    );
    let kept = samples_of(&place, "probe web in prod").await;
    let kept: Vec<_> = kept
        .iter()
        .map(|s| (s.slot - at(0).0, s.latency_us, s.outcome, s.trigger))
        .collect();
    let sample = |ms: u32, outcome| {
        let latency = (ms != 300).then_some(ms * 1000);
        (i64::from(ms), latency, outcome, Trigger::Manual)
    };
    assert_eq!(
        kept,
        [
            sample(100, ProbeOutcome::Failing),
            sample(150, ProbeOutcome::Ok),
            sample(200, ProbeOutcome::Ok),
            sample(250, ProbeOutcome::Failing),
            sample(300, ProbeOutcome::Degraded),
        ]
    );
}

pub async fn racing_observers(place: Place) {
    let observers: Vec<_> = (0..4_usize)
        .map(|i| {
            let (store, workspace) = (place.store.clone(), place.workspace);
            let mut batch: Vec<_> = (0..8)
                .map(|n| seen(&format!("s{n}"), Some("prod"), 10, State::Ok))
                .collect();
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
    let summaries = place.store.summaries(place.workspace).await.unwrap();
    assert_eq!(summaries.len(), 8);
    for n in 0..8 {
        let kept = samples_of(&place, &format!("probe s{n} in prod")).await;
        assert_eq!(kept.len(), 40, "s{n}");
    }
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
        place
            .store
            .remember(place.workspace, actor, line, at(1))
            .await
            .unwrap();
    }
    assert_eq!(
        place
            .store
            .remembered(place.workspace, "ana", 9)
            .await
            .unwrap(),
        ["a␀b", "one", "two", "one"]
    );
    assert_eq!(
        place
            .store
            .remembered(place.workspace, "ana", 2)
            .await
            .unwrap(),
        ["a␀b", "one"]
    );
    assert_eq!(
        place
            .store
            .remembered(place.workspace, "bob", 9)
            .await
            .unwrap(),
        ["two"]
    );
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
    let later = EngineRow {
        seen_at: at(9),
        draining: true,
        ..one
    };
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
    assert!(
        place
            .store
            .audit(place.workspace + 1, 9)
            .await
            .unwrap()
            .is_empty(),
        "of this workspace only"
    );
}

pub async fn audit_rows_are_filtered(place: Place) {
    let store = &place.store;
    let web = place.submit(plan("deploy")).await.id;
    let other = Plan {
        services: vec!["mail".into()],
        env: Some("prod".into()),
        ..plan("deploy")
    };
    let mail = place.submit(other).await.id;
    store
        .request_cancel(mail, "ben", Some("no"), at(50))
        .await
        .unwrap();
    let prod = Environment {
        name: "prod".to_owned(),
        ..Environment::default()
    };
    let before = store.stack(place.workspace).await.unwrap();
    let after = Stack {
        environments: vec![prod],
        ..before.clone()
    };
    store
        .apply(place.workspace, &diff(&before, &after), "cleo", at(60))
        .await
        .unwrap();

    // A row about a step of a run is a row about the run.
    let claim = place
        .store
        .claim(Some(web), "host:1", at(900))
        .await
        .unwrap()
        .unwrap()
        .0;
    store
        .transition(claim, Transition::Start, None, &[], at(61))
        .await
        .unwrap();
    store
        .step(claim, 1, StepStatus::Waiting, 1, None, &[], at(62))
        .await
        .unwrap();
    store
        .answer(web, 1, true, None, "dora", at(63))
        .await
        .unwrap();
    let answered = store.audit(place.workspace, 1).await.unwrap()[0]
        .object
        .clone();
    assert!(
        answered.starts_with(&format!("run {web} step ")),
        "{answered}"
    );

    let all = AuditFilter {
        limit: 9,
        ..AuditFilter::default()
    };
    for (filter, objects) in [
        (
            all.clone(),
            vec![
                answered.clone(),
                "environment prod".to_owned(),
                format!("run {mail}"),
                format!("run {mail}"),
                format!("run {web}"),
            ],
        ),
        (
            AuditFilter {
                limit: 1,
                ..all.clone()
            },
            vec![answered.clone()],
        ),
        (
            AuditFilter {
                since: Some(at(60)),
                ..all.clone()
            },
            vec![answered.clone(), "environment prod".to_owned()],
        ),
        (
            AuditFilter {
                actor: Some("ben".into()),
                ..all.clone()
            },
            vec![format!("run {mail}")],
        ),
        (
            AuditFilter {
                run: Some(web),
                ..all.clone()
            },
            vec![answered.clone(), format!("run {web}")],
        ),
        (
            AuditFilter {
                service: Some("web".into()),
                ..all.clone()
            },
            vec![answered.clone(), format!("run {web}")],
        ),
        (
            AuditFilter {
                env: Some("prod".into()),
                ..all.clone()
            },
            vec![
                "environment prod".to_owned(),
                format!("run {mail}"),
                format!("run {mail}"),
            ],
        ),
        (
            AuditFilter {
                service: Some("prod".into()),
                ..all.clone()
            },
            vec![],
        ),
    ] {
        let rows = store.audit_rows(place.workspace, &filter).await.unwrap();
        assert_eq!(
            rows.into_iter().map(|row| row.object).collect::<Vec<_>>(),
            objects,
            "{filter:?}"
        );
    }
    assert!(
        store
            .audit_rows(place.workspace + 1, &all)
            .await
            .unwrap()
            .is_empty()
    );
}

pub async fn a_long_message_is_cut_wherever_it_is_stored(place: Place) {
    let (store, long) = (&place.store, "x".repeat(1 << 20));
    let claim = place.claimed().await;
    store
        .transition(claim, Transition::Start, None, &[event(&long)], at(20))
        .await
        .unwrap();
    let before = store.run(claim.run).await.unwrap().last_seq;
    let entries = [event(&long), event("short")];
    let last = store.append(claim, &entries).await.unwrap();
    // A write that seemed to fail is found though its message was cut.
    assert_eq!(
        store.written(claim.run, before, &entries).await.unwrap(),
        Some(last)
    );
    store
        .step(claim, 0, StepStatus::Failed, 1, Some(&long), &[], at(21))
        .await
        .unwrap();
    store
        .observe(
            place.workspace,
            &[Observation {
                message: long.clone(),
                ..seen("web", None, 22, State::Failing)
            }],
        )
        .await
        .unwrap();
    let way = BreakerKey {
        target: None,
        host: "web.test".to_owned(),
    };
    let pass = store
        .admit_call(place.workspace, &way, 1000, at(23))
        .await
        .unwrap();
    store
        .record_call(place.workspace, &way, pass, Err(&long), at(23))
        .await
        .unwrap();
    store
        .transition(claim, Transition::Fail, Some(&long), &[], at(24))
        .await
        .unwrap();

    let entries = store.entries_after(claim.run, 0, 99).await.unwrap();
    let mut kept: Vec<String> = entries
        .iter()
        .map(|entry| message_of(&entry.body).to_owned())
        .filter(|m| m.len() > 99)
        .collect();
    assert_eq!(kept.len(), 2);
    kept.extend(store.steps(claim.run).await.unwrap().remove(0).message);
    kept.extend(store.run(claim.run).await.unwrap().message);
    kept.extend(
        store
            .summaries(place.workspace)
            .await
            .unwrap()
            .into_iter()
            .map(|(_, s)| s.latest.message),
    );
    kept.extend(
        store
            .breakers(place.workspace)
            .await
            .unwrap()
            .into_iter()
            .map(|breaker| breaker.message),
    );
    assert_eq!(kept.len(), 6);
    for message in kept {
        assert!(
            message.len() <= MAX_BYTES && message.contains("(1,048,576 bytes, first "),
            "{}",
            message.len()
        );
    }
}
