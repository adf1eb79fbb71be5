//! The store follows the table of transitions, for every pair of state and transition.

use opsroom::core::run::{RunStatus, StepStatus, Transition, next};
use opsroom::store::{Claim, StoreError};

use super::{Place, at, event, plan};

/// Transitions that lead a fresh claim into the state; `None` for `queued`, which no claim leads
/// to.
fn way_to(status: RunStatus) -> Option<Vec<Transition>> {
    use Transition as T;
    Some(match status {
        RunStatus::Queued => return None,
        RunStatus::Claimed => vec![],
        RunStatus::Running => vec![T::Start],
        RunStatus::Waiting => vec![T::Start, T::Wait],
        RunStatus::Succeeded => vec![T::Start, T::Succeed],
        RunStatus::Failed => vec![T::Start, T::Fail],
        RunStatus::TimedOut => vec![T::Start, T::TimeOut],
        RunStatus::Cancelled => vec![T::Cancel],
        RunStatus::Interrupted => vec![T::Interrupt],
        RunStatus::Skipped => vec![T::Start, T::Skip],
    })
}

pub async fn every_pair_of_state_and_transition(place: Place) {
    for from in RunStatus::ALL {
        for what in Transition::ALL {
            match way_to(from) {
                Some(way) if from.is_held() => with_a_claim(&place, &way, from, what).await,
                Some(way) => after_the_end(&place, &way, from, what).await,
                None => in_the_queue(&place, what).await,
            }
        }
    }
}

async fn arrive(place: &Place, way: &[Transition], at_status: RunStatus) -> Claim {
    let claim = place.claimed().await;
    for step in way {
        place
            .store
            .transition(claim, *step, None, &[], at(40))
            .await
            .unwrap();
    }
    assert_eq!(place.store.run(claim.run).await.unwrap().status, at_status);
    claim
}

async fn with_a_claim(place: &Place, way: &[Transition], from: RunStatus, what: Transition) {
    let claim = arrive(place, way, from).await;
    let before = place.store.run(claim.run).await.unwrap();
    let answer = place
        .store
        .transition(claim, what, None, &[event("moved")], at(50))
        .await;
    let after = place.store.run(claim.run).await.unwrap();
    match (next(from, what), answer) {
        (Some(expected), Ok(status)) => {
            assert_eq!(
                (status, after.status, after.last_seq),
                (expected, expected, before.last_seq + 1)
            );
            assert_eq!(
                after.lease_until.is_some(),
                expected.is_held(),
                "{from:?} {what:?}"
            );
            assert_eq!(
                after.finished_at.is_some(),
                expected.is_terminal(),
                "{from:?} {what:?}"
            );
            let steps = place.store.steps(claim.run).await.unwrap();
            // Pending steps of an interrupted run may still run: a person decides.
            let is_over = expected.is_terminal() && expected != RunStatus::Interrupted;
            let wanted = if is_over {
                StepStatus::Skipped
            } else {
                StepStatus::Pending
            };
            assert!(
                steps.iter().all(|s| s.status == wanted),
                "{from:?} {what:?}"
            );
        }
        (None, Err(StoreError::Refused { run, status, .. })) => {
            assert_eq!(
                (run, status, after),
                (claim.run, from, before),
                "{from:?} {what:?}"
            );
        }
        (expected, answer) => panic!("{from:?} {what:?}: {expected:?} expected, got {answer:?}"),
    }
}

async fn after_the_end(place: &Place, way: &[Transition], from: RunStatus, what: Transition) {
    // An interrupted run may continue, but not with the claim of the engine that lost it.
    let resumes =
        from == RunStatus::Interrupted && matches!(what, Transition::Resume | Transition::GiveUp);
    assert_eq!(next(from, what).is_some(), resumes);
    let claim = arrive(place, way, from).await;
    let before = place.store.run(claim.run).await.unwrap();
    let answer = place
        .store
        .transition(claim, what, None, &[event("moved")], at(50))
        .await;
    assert!(
        matches!(answer, Err(StoreError::StaleToken(_))),
        "{from:?} {what:?}: {answer:?}"
    );
    assert!(
        place
            .store
            .claim(Some(claim.run), "host:2", at(1))
            .await
            .unwrap()
            .is_none()
    );
    assert!(
        place
            .store
            .request_cancel(claim.run, "bob", None, at(50))
            .await
            .is_err()
    );
    assert!(
        !place
            .store
            .interrupt(&before, "gone", at(50))
            .await
            .unwrap()
    );
    assert_eq!(
        place.store.run(claim.run).await.unwrap(),
        before,
        "{from:?} {what:?}"
    );
}

/// No engine has a claim on a queued run, so only claiming and cancelling can be tried.
async fn in_the_queue(place: &Place, what: Transition) {
    let run = place.submit(plan("deploy")).await;
    let now = match what {
        Transition::Claim => place
            .store
            .claim(Some(run.id), "host:1", at(1))
            .await
            .unwrap()
            .map(|(_, run)| run.status),
        Transition::Cancel => place
            .store
            .request_cancel(run.id, "bob", None, at(50))
            .await
            .ok(),
        Transition::Interrupt => place
            .store
            .interrupt(&run, "gone", at(50))
            .await
            .unwrap()
            .then_some(RunStatus::Interrupted),
        _ => {
            let invented = Claim {
                run: run.id,
                token: 0,
                workspace: place.workspace,
            };
            place
                .store
                .transition(invented, what, None, &[], at(50))
                .await
                .ok()
        }
    };
    assert_eq!(now, next(RunStatus::Queued, what), "{what:?}");
    let status = place.store.run(run.id).await.unwrap().status;
    assert_eq!(status, now.unwrap_or(RunStatus::Queued), "{what:?}");
}
