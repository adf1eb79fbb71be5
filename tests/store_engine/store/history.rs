//! The history of a run: the time of every change of it and of its steps.

use opsroom::core::run::orders::{Ending, Order};
use opsroom::core::run::resume::Decision;
use opsroom::core::run::{RunId, StepStatus, Transition};
use opsroom::store::{Orderer, Resumer};

use super::{Place, at, plan};

async fn changes(place: &Place, run: RunId) -> Vec<String> {
    let line = |c: opsroom::core::run::Change| {
        let step = c
            .step
            .map(|step| format!(" step {step}"))
            .unwrap_or_default();
        let attempt = c
            .attempt
            .map(|attempt| format!(" try {attempt}"))
            .unwrap_or_default();
        let by = c.by.map(|by| format!(" by {by}")).unwrap_or_default();
        format!("{}{step}{attempt} {}{by}", c.at.ms_since(at(0)), c.status)
    };
    place
        .store
        .history(run)
        .await
        .unwrap()
        .into_iter()
        .map(line)
        .collect()
}

pub async fn every_change_is_kept_with_its_time(place: Place) {
    let (store, claim) = (&place.store, place.claimed().await);
    let run = claim.run;
    store.start(claim, at(20), &[], at(21)).await.unwrap();
    store
        .step(claim, 0, StepStatus::Running, 1, None, &[], at(30))
        .await
        .unwrap();
    store
        .attempt_ended(claim, 0, (1, StepStatus::TimedOut), &[], at(31))
        .await
        .unwrap();
    store
        .step(claim, 0, StepStatus::Running, 2, None, &[], at(32))
        .await
        .unwrap();
    store
        .step(claim, 0, StepStatus::Succeeded, 2, None, &[], at(33))
        .await
        .unwrap();
    store
        .transition(claim, Transition::Wait, Some("held"), &[], at(34))
        .await
        .unwrap();
    let naomi = Orderer {
        actor: "naomi",
        reason: Some("not today"),
    };
    store
        .order(run, Order::Skip(1), naomi, at(35))
        .await
        .unwrap();
    store
        .transition(claim, Transition::Continue, None, &[], at(36))
        .await
        .unwrap();
    store
        .step(claim, 2, StepStatus::Running, 1, None, &[], at(37))
        .await
        .unwrap();
    let held = store.run(run).await.unwrap();
    assert!(store.interrupt(&held, "gone", at(40)).await.unwrap());
    let by = Resumer {
        actor: "amos",
        reason: Some("looked"),
    };
    store
        .resume(run, Some(Decision::Repeat), by, at(50))
        .await
        .unwrap();
    let wanted = [
        "10 queued by ana",
        "20 claimed by host:1",
        "21 running",
        "30 step 0 try 1 running",
        "31 step 0 try 1 timed_out",
        "32 step 0 try 2 running",
        "33 step 0 try 2 succeeded",
        "34 waiting",
        "35 step 1 skipped by naomi",
        "36 running",
        "37 step 2 try 1 running",
        "40 interrupted",
        "40 step 2 try 1 unknown",
        "50 step 2 pending by amos",
        "50 queued by amos",
    ];
    assert_eq!(changes(&place, run).await, wanted);
}

pub async fn a_run_that_never_began_has_a_history_too(place: Place) {
    let run = place.submit(plan("deploy")).await.id;
    let naomi = Orderer {
        actor: "naomi",
        reason: None,
    };
    place
        .store
        .order(run, Order::End(Ending::Cancel), naomi, at(15))
        .await
        .unwrap();
    let wanted = [
        "10 queued by ana",
        "15 cancelled by naomi",
        "15 step 0 skipped",
        "15 step 1 skipped",
        "15 step 2 skipped",
    ];
    assert_eq!(changes(&place, run).await, wanted);
}

pub async fn an_end_records_the_outcome_of_every_step(place: Place) {
    let store = &place.store;
    let (gone, failed) = (place.claimed().await, place.claimed().await);
    for claim in [gone, failed] {
        store.start(claim, at(20), &[], at(21)).await.unwrap();
        store
            .step(claim, 0, StepStatus::Waiting, 1, None, &[], at(30))
            .await
            .unwrap();
        store
            .step(claim, 1, StepStatus::Running, 1, None, &[], at(31))
            .await
            .unwrap();
    }
    let held = store.run(gone.run).await.unwrap();
    assert!(store.interrupt(&held, "gone", at(40)).await.unwrap());
    let by = Resumer {
        actor: "amos",
        reason: None,
    };
    store
        .resume(gone.run, Some(Decision::GiveUp), by, at(50))
        .await
        .unwrap();
    store
        .transition(failed, Transition::Fail, None, &[], at(40))
        .await
        .unwrap();
    let lines = changes(&place, gone.run).await;
    let wanted = [
        "40 interrupted",
        "40 step 0 try 1 pending",
        "40 step 1 try 1 unknown",
        "50 step 0 try 1 skipped",
        "50 step 2 skipped",
        "50 failed by amos",
    ];
    assert_eq!(lines[5..], wanted);
    let lines = changes(&place, failed.run).await;
    let wanted = [
        "40 failed",
        "40 step 1 try 1 unknown",
        "40 step 0 try 1 unknown",
        "40 step 2 skipped",
    ];
    assert_eq!(lines[5..], wanted);
}

/// The end of a step adds nothing when its last attempt has already ended.
pub async fn an_attempt_ends_once(place: Place) {
    let (store, claim) = (&place.store, place.claimed().await);
    store.start(claim, at(20), &[], at(21)).await.unwrap();
    for attempt in [1, 2] {
        store
            .step(claim, 0, StepStatus::Running, attempt, None, &[], at(30))
            .await
            .unwrap();
        store
            .attempt_ended(claim, 0, (attempt, StepStatus::Failed), &[], at(31))
            .await
            .unwrap();
    }
    store
        .step(claim, 0, StepStatus::Failed, 2, None, &[], at(32))
        .await
        .unwrap();
    let lines = changes(&place, claim.run).await;
    let wanted = [
        "30 step 0 try 1 running",
        "31 step 0 try 1 failed",
        "30 step 0 try 2 running",
        "31 step 0 try 2 failed",
    ];
    assert_eq!(lines[3..], wanted);
    assert_eq!(
        store.steps(claim.run).await.unwrap()[0].status,
        StepStatus::Failed
    );
}
