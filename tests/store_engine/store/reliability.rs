//! Breakers that all engines share, and the commands a dead engine may have left running.

use std::time::Duration;

use opsroom::core::run::breaker::{BreakerKey, Pass, REST_MS, State, THRESHOLD};
use opsroom::core::run::plan::Target;
use opsroom::core::run::{RunStatus, Transition};
use opsroom::store::{Process, StoreError};
use sqlx::{AssertSqlSafe, Connection as _, PgConnection, SqliteConnection};

use super::{Place, at, event};

fn way(service: &str) -> BreakerKey {
    let target = Target {
        service: service.into(),
        env: Some("prod".into()),
    };
    BreakerKey {
        target: Some(target),
        host: "api.test".into(),
    }
}

/// Opens the breaker with failures at that time.
async fn open(place: &Place, way: &BreakerKey, ms: i64) {
    for _ in 0..THRESHOLD {
        let pass = place
            .store
            .admit_call(place.workspace, way, 1000, at(ms))
            .await
            .unwrap();
        assert!(matches!(pass, Pass::Free { .. }));
        place
            .store
            .record_call(place.workspace, way, pass, Err("HTTP 503"), at(ms))
            .await
            .unwrap();
    }
}

pub async fn a_breaker_opens_for_all_engines_and_one_of_them_probes(place: Place) {
    let (web, request) = (way("web"), async |ms| {
        place
            .store
            .admit_call(place.workspace, &way("web"), 1000, at(ms))
            .await
    });
    assert!(
        place
            .store
            .breakers(place.workspace)
            .await
            .unwrap()
            .is_empty()
    );
    let clean = request(0).await.unwrap();
    assert_eq!(
        place
            .store
            .record_call(place.workspace, &web, clean, Ok(()), at(0))
            .await
            .unwrap(),
        None
    );
    assert!(
        place
            .store
            .breakers(place.workspace)
            .await
            .unwrap()
            .is_empty(),
        "no row without a failure"
    );
    open(&place, &web, 10).await;
    let refused = Pass::Refused {
        since: at(10),
        next: at(10 + REST_MS),
    };
    assert_eq!(request(10 + REST_MS - 1).await.unwrap(), refused);
    for other in [
        way("api"),
        BreakerKey {
            target: None,
            host: "api.test".into(),
        },
    ] {
        let pass = place
            .store
            .admit_call(place.workspace, &other, 1000, at(20))
            .await
            .unwrap();
        assert_eq!(pass, Pass::Free { clean: true }, "{other}");
    }
    let listed = place.store.breakers(place.workspace).await.unwrap();
    assert_eq!(listed.len(), 1);
    assert_eq!(
        (&listed[0].way, listed[0].state),
        (&web, State::Open { since: at(10) })
    );
    assert_eq!(listed[0].message, "HTTP 503");

    let due = 20 + REST_MS;
    let askers = (0..8).map(|_| {
        let (store, web, workspace) = (place.store.clone(), web.clone(), place.workspace);
        tokio::spawn(async move {
            store
                .admit_call(workspace, &web, 1000, at(due))
                .await
                .unwrap()
        })
    });
    let mut passes = Vec::new();
    for asker in askers.collect::<Vec<_>>() {
        passes.push(asker.await.unwrap());
    }
    let probe = Pass::Probe {
        until: at(due + 1000),
    };
    assert_eq!(
        passes.iter().filter(|pass| **pass == probe).count(),
        1,
        "{passes:?}"
    );
    assert_eq!(
        passes
            .iter()
            .filter(|pass| matches!(pass, Pass::Refused { .. }))
            .count(),
        7,
        "{passes:?}"
    );
    let news = place
        .store
        .record_call(place.workspace, &web, probe, Ok(()), at(due + 1))
        .await
        .unwrap();
    assert_eq!(
        news.map(|(_, after)| after),
        Some(State::Closed { failures: 0 })
    );
    assert!(
        place
            .store
            .breakers(place.workspace)
            .await
            .unwrap()
            .is_empty()
    );
}

pub async fn a_reset_is_audited(place: Place) {
    let (web, api) = (way("web"), way("api"));
    open(&place, &web, 10).await;
    let reset = place
        .store
        .reset_breakers(
            place.workspace,
            &[web.clone(), api],
            "ana",
            Some("fixed"),
            at(20),
        )
        .await;
    assert_eq!(
        reset.unwrap(),
        std::slice::from_ref(&web),
        "the other had no open breaker"
    );
    let pass = place
        .store
        .admit_call(place.workspace, &web, 1000, at(21))
        .await
        .unwrap();
    assert_eq!(pass, Pass::Free { clean: true });
    let row = place
        .store
        .audit(place.workspace, 1)
        .await
        .unwrap()
        .remove(0);
    assert_eq!(
        (row.action.as_str(), row.object.as_str()),
        ("breaker.reset", "breaker of web in prod (api.test)")
    );
    assert_eq!(
        (
            row.actor.as_str(),
            row.before.as_deref(),
            row.reason.as_deref()
        ),
        ("ana", Some("open"), Some("fixed"))
    );
}

fn process(step: Option<u32>, pgid: i32) -> Process {
    Process {
        step,
        holder: "host:1".into(),
        pgid,
        started: "77".into(),
        mark: "/tmp/opsroom-output-1".into(),
    }
}

/// An engine that takes a run over reads its commands after it has changed the token; a command that
/// is recorded at that moment must not begin.
pub async fn a_command_is_not_recorded_while_the_run_is_taken_over(place: Place) {
    let claim = place.claimed().await;
    place
        .store
        .transition(claim, Transition::Start, None, &[], at(21))
        .await
        .unwrap();
    let take_over = format!(
        "update run set token = token + 1 where id = {}",
        claim.run.0
    );
    let command = process(Some(0), 40);
    let (store, recorded) = (place.store.clone(), command.clone());
    let began = if let Some(file) = place.url.strip_prefix("sqlite:") {
        let options = sqlx::sqlite::SqliteConnectOptions::new().filename(file);
        let mut conn = SqliteConnection::connect_with(&options).await.unwrap();
        let text = format!("begin immediate; {take_over}");
        sqlx::raw_sql(AssertSqlSafe(text))
            .execute(&mut conn)
            .await
            .unwrap();
        let began = tokio::spawn(async move { store.process_began(claim, &recorded).await });
        tokio::time::sleep(Duration::from_millis(200)).await;
        sqlx::raw_sql("commit").execute(&mut conn).await.unwrap();
        began
    } else {
        let mut conn = PgConnection::connect(&place.url).await.unwrap();
        let text = format!("begin; {take_over}");
        sqlx::raw_sql(AssertSqlSafe(text))
            .execute(&mut conn)
            .await
            .unwrap();
        let began = tokio::spawn(async move { store.process_began(claim, &recorded).await });
        tokio::time::sleep(Duration::from_millis(200)).await;
        sqlx::raw_sql("commit").execute(&mut conn).await.unwrap();
        began
    };
    let began = began.await.unwrap();
    assert!(matches!(began, Err(StoreError::StaleToken(_))), "{began:?}");
    assert_eq!(place.store.processes(claim.run).await.unwrap(), []);
}

pub async fn commands_are_known_until_they_end(place: Place) {
    let claim = place.claimed().await;
    place
        .store
        .transition(claim, Transition::Start, None, &[], at(21))
        .await
        .unwrap();
    let (first, condition) = (process(Some(0), 41), process(None, 42));
    place
        .store
        .process_began(claim, &process(Some(0), 40))
        .await
        .unwrap();
    place.store.process_began(claim, &first).await.unwrap();
    place.store.process_began(claim, &condition).await.unwrap();
    assert_eq!(
        place.store.processes(claim.run).await.unwrap(),
        [condition.clone(), first.clone()]
    );
    // A late report about another process changes nothing.
    place
        .store
        .process_ended(claim.run, &process(Some(0), 40))
        .await
        .unwrap();
    place
        .store
        .process_ended(claim.run, &condition)
        .await
        .unwrap();
    assert_eq!(place.store.processes(claim.run).await.unwrap(), [first]);
    place
        .store
        .transition(claim, Transition::Fail, None, &[event("over")], at(30))
        .await
        .unwrap();
    assert!(place.store.processes(claim.run).await.unwrap().is_empty());
    let late = place
        .store
        .process_began(claim, &process(Some(1), 43))
        .await;
    assert!(matches!(late, Err(StoreError::StaleToken(_))), "{late:?}");
}

pub async fn a_takeover_fences_the_old_engine_off(place: Place) {
    let claim = place.claimed().await;
    place
        .store
        .transition(claim, Transition::Start, None, &[], at(21))
        .await
        .unwrap();
    let seen = place.store.run(claim.run).await.unwrap();
    place.store.renew(claim, at(1500)).await.unwrap();
    assert!(
        place
            .store
            .take_over(&seen, "host:2", at(3000))
            .await
            .unwrap()
            .is_none(),
        "it lives: it has renewed"
    );
    let seen = place.store.run(claim.run).await.unwrap();
    let mine = place
        .store
        .take_over(&seen, "host:2", at(3000))
        .await
        .unwrap()
        .expect("nothing came in between");
    assert_eq!(
        (mine.status, mine.holder.as_deref()),
        (RunStatus::Running, Some("host:2"))
    );
    assert!(
        place
            .store
            .take_over(&seen, "host:3", at(3000))
            .await
            .unwrap()
            .is_none(),
        "another engine was quicker"
    );
    for late in [
        place.store.renew(claim, at(9000)).await,
        place.store.append(claim, &[event("late")]).await.map(drop),
        place.store.process_began(claim, &process(Some(0), 7)).await,
    ] {
        assert!(matches!(late, Err(StoreError::StaleToken(_))), "{late:?}");
    }
    assert!(
        !place
            .store
            .interrupt(&seen, "it is gone", at(2000))
            .await
            .unwrap()
    );
    assert!(
        place
            .store
            .interrupt(&mine, "it is gone", at(2000))
            .await
            .unwrap()
    );
}
