//! Doing ended runs again: a run that goes on takes over what succeeded, once.

use opsroom::core::run::again::Again;
use opsroom::core::run::event::EntryBody;
use opsroom::core::run::plan::Plan;
use opsroom::core::run::{Run, RunId, RunStatus, StepStatus, Transition};
use opsroom::store::{Beginning, Claim, StoreError};

use super::{Place, at, event, plan};

async fn step(place: &Place, claim: Claim, index: u32, status: StepStatus) {
    let (store, log) = (&place.store, [event("kept")]);
    store
        .step(claim, index, status, 2, Some("so"), &log, at(42))
        .await
        .unwrap();
}

/// A run whose first step succeeded and whose second failed.
async fn failed(place: &Place, plan: Plan) -> RunId {
    let store = &place.store;
    let run = place.submit(plan).await.id;
    let claim = store.claim(Some(run), "host:1", at(1000)).await.unwrap();
    let (claim, _) = claim.unwrap();
    store
        .transition(claim, Transition::Start, None, &[], at(40))
        .await
        .unwrap();
    step(place, claim, 0, StepStatus::Succeeded).await;
    step(place, claim, 1, StepStatus::Failed).await;
    store
        .transition(claim, Transition::Fail, Some("no"), &[], at(50))
        .await
        .unwrap();
    run
}

async fn go_on(place: &Place, of: RunId, plan: Plan) -> Result<Run, StoreError> {
    let beginning = Beginning {
        retry_of: Some(of),
        again: Again::FromFailed,
        ..Beginning::default()
    };
    place.store.submit_as(place.new_run(plan), beginning).await
}

fn refused(answer: Result<Run, StoreError>) -> String {
    match answer {
        Err(StoreError::NotAgain { why, .. }) => why,
        other => panic!("{other:?}"),
    }
}

async fn messages(place: &Place, run: RunId) -> Vec<String> {
    let entries = place.store.entries_after(run, 0, 99).await.unwrap();
    let last = place.store.run(run).await.unwrap().last_seq;
    let numbers: Vec<i64> = entries.iter().map(|entry| entry.seq).collect();
    assert_eq!(numbers, (1..=last).collect::<Vec<_>>(), "without gaps");
    entries
        .into_iter()
        .filter_map(|entry| match entry.body {
            EntryBody::Event { message, .. } => Some(message),
            EntryBody::Output { .. } => None,
        })
        .collect()
}

pub async fn a_run_goes_on_with_what_succeeded(place: Place) {
    let store = &place.store;
    let old = failed(&place, plan("deploy")).await;
    let before = store.run(old).await.unwrap();
    let new = go_on(&place, old, plan("deploy")).await.unwrap();
    assert_eq!(
        (new.status, new.retry_of, new.again, &new.plan),
        (
            RunStatus::Queued,
            Some(old),
            Again::FromFailed,
            &before.plan
        )
    );
    let steps = store.steps(new.id).await.unwrap();
    let was = store.steps(old).await.unwrap();
    assert_eq!(steps[0].taken_from, Some(old));
    let mut taken = steps[0].clone();
    taken.taken_from = None;
    assert_eq!(taken, was[0], "the record is that of the old run");
    assert_eq!(steps[0].result().unwrap(), format!("in run {old}: so"));
    for open in &steps[1..] {
        let place = (open.status, open.attempt, open.taken_from);
        assert_eq!(place, (StepStatus::Pending, 0, None));
    }
    let log = messages(&place, new.id).await;
    assert_eq!(log[1], format!("prepare: succeeded in run {old}"));
    assert_eq!(new.last_seq, 2);
    let ended = store.run(old).await.unwrap();
    assert_eq!(
        (ended.status, &ended.message),
        (before.status, &before.message),
        "a run that has ended stays as it ended"
    );
    let log = messages(&place, old).await;
    let id = new.id;
    assert_eq!(
        log.last(),
        Some(&format!("run {id} goes on with it, as ana asked"))
    );
    let audit = store.audit(place.workspace, 1).await.unwrap().remove(0);
    let after = audit.after.unwrap();
    assert_eq!(
        (audit.action.as_str(), audit.object),
        ("run.submit", format!("run {id}"))
    );
    assert!(after.contains(r#""again":"from_failed""#), "{after}");
    let history = store.history(id).await.unwrap();
    let of_step = history
        .iter()
        .find(|change| change.step == Some(0))
        .unwrap();
    assert_eq!(
        (of_step.status.as_str(), of_step.by.as_deref()),
        ("succeeded", Some("ana"))
    );
}

pub async fn only_one_run_goes_on_with_a_run(place: Place) {
    let store = &place.store;
    let old = failed(&place, plan("deploy")).await;
    let (one, other) = tokio::join!(
        go_on(&place, old, plan("deploy")),
        go_on(&place, old, plan("deploy"))
    );
    let (won, lost) = match (one, other) {
        (Ok(won), lost) | (lost, Ok(won)) => (won.id, lost),
        both => panic!("{both:?}"),
    };
    let why = refused(lost);
    assert!(
        why.starts_with(&format!("run {won} goes on with it already")),
        "{why}"
    );
    // The one that goes on can be gone on with in its turn: what succeeded keeps its origin.
    let (claim, _) = store
        .claim(Some(won), "host:1", at(1000))
        .await
        .unwrap()
        .unwrap();
    store
        .transition(claim, Transition::Start, None, &[], at(60))
        .await
        .unwrap();
    step(&place, claim, 1, StepStatus::Succeeded).await;
    store
        .transition(claim, Transition::TimeOut, None, &[], at(70))
        .await
        .unwrap();
    let third = go_on(&place, won, plan("deploy")).await.unwrap();
    let steps = store.steps(third.id).await.unwrap();
    let origins: Vec<_> = steps.iter().map(|step| step.taken_from).collect();
    assert_eq!(origins, [Some(old), Some(won), None]);
    assert_eq!(
        messages(&place, third.id).await[1],
        format!("prepare: succeeded in run {old}")
    );
}

pub async fn what_cannot_be_gone_on_with_is_refused_and_nothing_is_written(place: Place) {
    let store = &place.store;
    let old = failed(&place, plan("deploy")).await;
    let other = Plan {
        timeout_ms: 1,
        ..plan("deploy")
    };
    let queued = place.submit(plan("deploy")).await.id;
    let before = (
        messages(&place, old).await,
        store.audit(place.workspace, 99).await.unwrap(),
    );
    for (run, plan, why) in [
        (old, other, "it had another plan"),
        (
            queued,
            plan("deploy"),
            "it is queued; only a run that failed",
        ),
    ] {
        let refused = refused(go_on(&place, run, plan).await);
        assert!(refused.starts_with(why), "{refused}");
    }
    let after = (
        messages(&place, old).await,
        store.audit(place.workspace, 99).await.unwrap(),
    );
    assert_eq!(before, after);
}
