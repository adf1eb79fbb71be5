//! Runs: queueing, claiming, fencing, ending, cancelling, interrupting, answering, listing.

use std::collections::HashSet;

use opsroom::core::run::event::{EntryBody, Level};
use opsroom::core::run::plan::Plan;
use opsroom::core::run::queue::Lane;
use opsroom::core::run::step::StepSpec;
use opsroom::core::run::step::approve::Approve;
use opsroom::core::run::summary::RunSummary;
use opsroom::core::run::{RunId, RunStatus, RunStep, StepStatus, Transition};
use opsroom::store::{Found, QueuePosition as Spot, RunFilter, StoreError};

use super::{Place, at, event, line, message_of, plan};

async fn step_statuses(place: &Place, run: RunId) -> Vec<StepStatus> {
    let steps: Vec<RunStep> = place.store.steps(run).await.unwrap();
    assert!(steps.iter().zip(0..).all(|(s, i)| s.index == i), "in order");
    steps.iter().map(|s| s.status).collect()
}

async fn messages(place: &Place, run: RunId) -> Vec<String> {
    let entries = place.store.entries_after(run, 0, 1000).await.unwrap();
    assert!(
        entries.iter().zip(1..).all(|(e, seq)| e.seq == seq),
        "numbered from 1 without gaps"
    );
    entries
        .iter()
        .map(|e| message_of(&e.body).to_owned())
        .collect()
}

async fn audited(place: &Place) -> Vec<(String, String)> {
    let rows = place.store.audit(place.workspace, 100).await.unwrap();
    rows.into_iter()
        .map(|row| (row.action, row.object))
        .collect()
}

pub async fn a_submitted_run_is_whole(place: Place) {
    let mut wanted = plan("deploy");
    wanted
        .inputs
        .insert("note".into(), "with \0 and \u{1b}[31m".into());
    let run = place.submit(wanted.clone()).await;
    assert_eq!(
        (run.status, run.last_seq, run.plan.clone()),
        (RunStatus::Queued, 1, wanted)
    );
    assert_eq!(
        place.store.run(run.id).await.unwrap(),
        run,
        "what is returned is what is stored"
    );
    assert_eq!(
        (
            run.actor.as_str(),
            run.trigger.as_str(),
            run.reason.as_deref()
        ),
        ("ana", "console", Some("release 4"))
    );
    assert_eq!(
        step_statuses(&place, run.id).await,
        [StepStatus::Pending; 3],
        "two steps and a finally step"
    );
    let entries = place.store.entries_after(run.id, 0, 10).await.unwrap();
    let EntryBody::Event {
        level,
        source,
        message,
        ..
    } = &entries[0].body
    else {
        panic!("an event comes first")
    };
    assert_eq!((*level, source.as_str()), (Level::Info, "control"));
    assert_eq!(message, "queued by ana: deploy web → staging");
    let audit = place.store.audit(place.workspace, 10).await.unwrap();
    assert_eq!(
        (audit[0].action.as_str(), &audit[0].object),
        ("run.submit", &format!("run {}", run.id))
    );
    assert_eq!(
        (
            audit[0].actor.as_str(),
            audit[0].reason.as_deref(),
            audit[0].at
        ),
        ("ana", Some("release 4"), at(10))
    );
}

pub async fn a_run_needs_a_workspace(place: Place) {
    let mut new = place.new_run(plan("deploy"));
    new.workspace = 99;
    assert!(
        matches!(place.store.submit(new).await, Err(StoreError::NotFound(what)) if what.contains("99"))
    );
    let missing = RunId(4711);
    assert!(
        matches!(place.store.run(missing).await, Err(StoreError::NotFound(what)) if what == "run #4711")
    );
    assert!(matches!(
        place.store.entries_after(missing, 0, 1).await,
        Err(StoreError::NotFound(_))
    ));
    assert!(matches!(
        place
            .store
            .request_cancel(missing, "ana", None, at(0))
            .await,
        Err(StoreError::NotFound(_))
    ));
    assert!(
        place
            .store
            .runs(
                place.workspace,
                &RunFilter {
                    limit: 9,
                    ..RunFilter::default()
                }
            )
            .await
            .unwrap()
            .runs
            .is_empty()
    );
    assert!(audited(&place).await.is_empty(), "nothing happened");
}

pub async fn the_oldest_queued_run_is_claimed_first(place: Place) {
    assert!(!place.store.has_queued(None).await.unwrap() && place.store.is_idle().await.unwrap());
    assert!(
        place
            .store
            .claim(None, "host:1", at(1))
            .await
            .unwrap()
            .is_none()
    );
    let (first, second) = (
        place.submit(plan("deploy")).await,
        place.submit(plan("restart")).await,
    );
    assert!(
        place.store.has_queued(None).await.unwrap()
            && place.store.has_queued(Some(second.id)).await.unwrap()
    );
    let (claim, run) = place
        .store
        .claim(None, "host:1", at(1000))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        (claim.run, claim.workspace, run.id),
        (first.id, place.workspace, first.id)
    );
    assert_eq!(
        (run.status, run.holder.as_deref(), run.lease_until),
        (RunStatus::Claimed, Some("host:1"), Some(at(1000)))
    );
    assert_eq!(place.store.run(first.id).await.unwrap(), run);
    assert!(
        place
            .store
            .claim(Some(first.id), "host:2", at(1))
            .await
            .unwrap()
            .is_none(),
        "it is taken"
    );
    // After a release it is the oldest again, with a larger token.
    let status = place
        .store
        .transition(claim, Transition::Release, None, &[], at(25))
        .await
        .unwrap();
    let released = place.store.run(first.id).await.unwrap();
    assert_eq!(
        (status, released.holder, released.lease_until),
        (RunStatus::Queued, None, None)
    );
    let (again, _) = place
        .store
        .claim(None, "host:2", at(1000))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(again.run, first.id);
    assert!(again.token > claim.token);
    let (other, _) = place
        .store
        .claim(Some(second.id), "host:2", at(1000))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(other.run, second.id);
}

pub async fn a_run_of_a_newer_version_stays_queued(place: Place) {
    let mutating = Plan {
        mutates: true,
        ..plan("deploy")
    };
    let run = place.submit(mutating.clone()).await.id;
    super::opening::sql(
        &place.url,
        "update run set plan = '{\"steps\": \"of another kind\"}'",
    )
    .await;
    let mut passed = Spot::HEAD;
    for _ in 0..12 {
        let answer = place.store.claim(None, "host:1", at(1000)).await;
        assert!(
            matches!(&answer, Err(StoreError::Unreadable { place, .. }) if place.run == run),
            "{answer:?}"
        );
        if let Err(StoreError::Unreadable { place, .. }) = answer {
            passed = place;
        }
    }
    assert_eq!(
        place.store.glimpse_of(run).await.unwrap().status,
        RunStatus::Queued
    );
    // The runs behind it can be claimed, except for its targets.
    place.submit(mutating.clone()).await;
    let other = place
        .submit(Plan {
            services: vec!["db".into()],
            ..mutating
        })
        .await
        .id;
    let (claim, _) = place
        .store
        .claim_next(Lane::Interactive, passed, "host:1", at(1000))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(claim.run, other);
    // No engine holds it: it can still be cancelled.
    let status = place
        .store
        .request_cancel(run, "bob", None, at(30))
        .await
        .unwrap();
    assert_eq!(status, RunStatus::Cancelled);
}

pub async fn racing_claimers_get_each_run_once(place: Place) {
    for _ in 0..200 {
        place.submit(plan("deploy")).await;
    }
    let other = opsroom::store::Store::open(&place.url).await.unwrap();
    let claimer = |store: opsroom::store::Store, holder: &'static str| {
        tokio::spawn(async move {
            let mut mine = Vec::new();
            while let Some((claim, run)) = store.claim(None, holder, at(1000)).await.unwrap() {
                assert_eq!(run.holder.as_deref(), Some(holder));
                mine.push(claim.run);
            }
            mine
        })
    };
    let (one, two) = (
        claimer(place.store.clone(), "one"),
        claimer(other.clone(), "two"),
    );
    let (one, two) = (one.await.unwrap(), two.await.unwrap());
    let all: HashSet<RunId> = one.iter().chain(&two).copied().collect();
    assert_eq!((all.len(), one.len() + two.len()), (200, 200));
    assert_eq!(place.store.held().await.unwrap().runs.len(), 200);
    other.close().await;
}

pub async fn renewing_holds_off_the_sweeper(place: Place) {
    let claim = place.claimed().await;
    assert!(
        place.store.expired(at(1000)).await.unwrap().is_empty(),
        "not yet"
    );
    assert_eq!(
        place.store.expired(at(1001)).await.unwrap()[0].id,
        claim.run
    );
    place.store.renew(claim, at(2000)).await.unwrap();
    assert!(place.store.expired(at(1001)).await.unwrap().is_empty());
    let held = place.store.held().await.unwrap().runs;
    assert_eq!((held.len(), held[0].lease_until), (1, Some(at(2000))));
}

pub async fn a_stale_token_changes_nothing(place: Place) {
    let stale = place.claimed().await;
    place
        .store
        .transition(stale, Transition::Release, None, &[], at(21))
        .await
        .unwrap();
    let before = (
        place.store.run(stale.run).await.unwrap(),
        messages(&place, stale.run).await,
    );
    is_stale_everywhere(&place, stale).await;
    assert_eq!(
        (
            place.store.run(stale.run).await.unwrap(),
            messages(&place, stale.run).await
        ),
        before
    );
    // A refused start takes no lock either, not even briefly: the next claim succeeds.
    for _ in 0..10 {
        assert!(place.store.start(stale, at(39), &[], at(40)).await.is_err());
        let (claim, _) = place
            .store
            .claim(Some(stale.run), "host:2", at(1000))
            .await
            .unwrap()
            .unwrap();
        place
            .store
            .transition(claim, Transition::Release, None, &[], at(21))
            .await
            .unwrap();
    }
    // Nor while another engine holds it.
    let (claim, _) = place
        .store
        .claim(Some(stale.run), "host:2", at(1000))
        .await
        .unwrap()
        .unwrap();
    let before = place.store.run(stale.run).await.unwrap();
    is_stale_everywhere(&place, stale).await;
    assert_eq!(place.store.run(stale.run).await.unwrap(), before);
    // Nor after the end, even with the newest token.
    place
        .store
        .transition(claim, Transition::Cancel, None, &[], at(23))
        .await
        .unwrap();
    is_stale_everywhere(&place, claim).await;
    assert!(place.store.artifacts(stale.run).await.unwrap().is_empty());
    assert_eq!(
        place
            .store
            .runs(
                place.workspace,
                &RunFilter {
                    limit: 9,
                    ..RunFilter::default()
                }
            )
            .await
            .unwrap()
            .runs
            .len(),
        1
    );
}

async fn is_stale_everywhere(place: &Place, claim: opsroom::store::Claim) {
    let (store, entries) = (&place.store, [event("late")]);
    let next = Some(place.new_run(plan("next")));
    let left = opsroom::core::run::artifact::ArtifactDraft {
        kind: opsroom::core::run::artifact::ArtifactKind::File,
        title: "late".to_owned(),
        content: Vec::new(),
    };
    let left = opsroom::store::NewArtifact::pack(left).unwrap();
    let answers = [
        store.renew(claim, at(9000)).await.err(),
        store.append(claim, &entries).await.err(),
        store.append(claim, &[]).await.err(),
        store
            .leave(
                claim,
                None,
                &left,
                opsroom::core::run::artifact::Limits::default(),
                at(40),
            )
            .await
            .err(),
        store.start(claim, at(39), &entries, at(40)).await.err(),
        store
            .attempt_ended(claim, 0, (1, StepStatus::Failed), &entries, at(40))
            .await
            .err(),
        store
            .step(claim, 0, StepStatus::Running, 1, None, &entries, at(40))
            .await
            .err(),
        store
            .transition(claim, Transition::Start, None, &entries, at(40))
            .await
            .err(),
        store
            .succeed_and_chain(claim, None, &entries, next, at(40))
            .await
            .err(),
    ];
    for (i, answer) in answers.into_iter().enumerate() {
        assert!(
            matches!(answer, Some(StoreError::StaleToken(run)) if run == claim.run),
            "call {i}: {answer:?}"
        );
    }
}

pub async fn a_run_lives_and_ends(place: Place) {
    let claim = place.claimed().await;
    let store = &place.store;
    let status = store
        .transition(claim, Transition::Start, None, &[event("begins")], at(40))
        .await
        .unwrap();
    assert_eq!(status, RunStatus::Running);
    assert_eq!(
        store
            .transition(claim, Transition::Wait, Some("for ana"), &[], at(50))
            .await
            .unwrap(),
        RunStatus::Waiting
    );
    let waiting = store.run(claim.run).await.unwrap();
    assert_eq!(
        (waiting.message.as_deref(), waiting.started_at),
        (Some("for ana"), Some(at(40)))
    );
    store
        .transition(claim, Transition::Continue, None, &[], at(60))
        .await
        .unwrap();
    let end = [event("it broke"), event("the end")];
    let status = store
        .transition(claim, Transition::Fail, Some("exit code 2"), &end, at(70))
        .await
        .unwrap();
    assert_eq!(status, RunStatus::Failed);
    let run = store.run(claim.run).await.unwrap();
    assert_eq!(
        (run.started_at, run.finished_at, run.lease_until),
        (Some(at(40)), Some(at(70)), None)
    );
    assert_eq!(
        (run.message.as_deref(), run.holder.as_deref()),
        (Some("exit code 2"), Some("host:1")),
        "who held it stays"
    );
    assert_eq!(
        messages(&place, run.id).await[1..],
        ["begins", "it broke", "the end"]
    );
    assert_eq!(store.held().await.unwrap(), Found::default());
}

pub async fn an_end_leaves_no_step_open(place: Place) {
    let claim = place.claimed().await;
    place
        .store
        .transition(claim, Transition::Start, None, &[], at(40))
        .await
        .unwrap();
    place
        .store
        .step(claim, 0, StepStatus::Succeeded, 1, Some("ok"), &[], at(45))
        .await
        .unwrap();
    place
        .store
        .step(claim, 1, StepStatus::Running, 1, None, &[], at(50))
        .await
        .unwrap();
    place
        .store
        .transition(claim, Transition::TimeOut, None, &[], at(60))
        .await
        .unwrap();
    let expected = [
        StepStatus::Succeeded,
        StepStatus::Unknown,
        StepStatus::Skipped,
    ];
    assert_eq!(step_statuses(&place, claim.run).await, expected);
    let steps = place.store.steps(claim.run).await.unwrap();
    assert_eq!(
        (steps[0].finished_at, steps[1].finished_at),
        (Some(at(45)), Some(at(60)))
    );
    assert_eq!(
        (steps[2].started_at, steps[0].message.as_deref()),
        (None, Some("ok"))
    );
}

pub async fn the_chain_continues_only_with_the_end(place: Place) {
    let claim = place.claimed().await;
    let mut next = place.new_run(plan("healthcheck"));
    next.parent = Some(claim.run);
    // Still claimed: it cannot succeed, so no link may follow either.
    let refused = place
        .store
        .succeed_and_chain(claim, None, &[event("x")], Some(next.clone()), at(40))
        .await;
    assert!(matches!(
        refused,
        Err(StoreError::Refused {
            status: RunStatus::Claimed,
            ..
        })
    ));
    assert_eq!(messages(&place, claim.run).await.len(), 1);
    place
        .store
        .transition(claim, Transition::Start, None, &[], at(40))
        .await
        .unwrap();
    // When the next link cannot be queued, the end is rolled back.
    let invalid = opsroom::store::NewRun {
        workspace: 99,
        ..next.clone()
    };
    assert!(
        place
            .store
            .succeed_and_chain(claim, None, &[], Some(invalid), at(41))
            .await
            .is_err()
    );
    assert_eq!(
        place.store.run(claim.run).await.unwrap().status,
        RunStatus::Running
    );
    let queued = place
        .store
        .succeed_and_chain(
            claim,
            Some("all good"),
            &[event("done")],
            Some(next),
            at(42),
        )
        .await;
    let queued = queued.unwrap().expect("the next link");
    assert_eq!(
        (queued.status, queued.parent),
        (RunStatus::Queued, Some(claim.run))
    );
    let ended = place.store.run(claim.run).await.unwrap();
    assert_eq!(
        (ended.status, ended.message.as_deref()),
        (RunStatus::Succeeded, Some("all good"))
    );
    let (last, _) = place
        .store
        .claim(None, "host:1", at(1000))
        .await
        .unwrap()
        .unwrap();
    place
        .store
        .transition(last, Transition::Start, None, &[], at(44))
        .await
        .unwrap();
    assert_eq!(
        place
            .store
            .succeed_and_chain(last, None, &[], None, at(45))
            .await
            .unwrap(),
        None
    );
}

pub async fn steps_are_recorded(place: Place) {
    let claim = place.claimed().await;
    let store = &place.store;
    store
        .transition(claim, Transition::Start, None, &[], at(40))
        .await
        .unwrap();
    store
        .step(
            claim,
            0,
            StepStatus::Running,
            1,
            None,
            &[event("first try")],
            at(41),
        )
        .await
        .unwrap();
    store
        .step(
            claim,
            0,
            StepStatus::Running,
            2,
            Some("again"),
            &[line(0, "out"), event("second try")],
            at(42),
        )
        .await
        .unwrap();
    store
        .step(
            claim,
            0,
            StepStatus::Failed,
            2,
            Some("exit code 1"),
            &[],
            at(43),
        )
        .await
        .unwrap();
    store
        .step(claim, 1, StepStatus::Skipped, 0, None, &[], at(44))
        .await
        .unwrap();
    store
        .step(claim, 2, StepStatus::Succeeded, 1, None, &[], at(45))
        .await
        .unwrap();
    let steps = store.steps(claim.run).await.unwrap();
    let failed = RunStep {
        index: 0,
        status: StepStatus::Failed,
        attempt: 2,
        started_at: Some(at(41)),
        finished_at: Some(at(43)),
        message: Some("exit code 1".into()),
        taken_from: None,
    };
    assert_eq!(steps[0], failed);
    assert_eq!(
        (steps[1].status, steps[1].started_at, steps[1].finished_at),
        (StepStatus::Skipped, None, Some(at(44)))
    );
    assert_eq!(
        (steps[2].status, steps[2].finished_at),
        (StepStatus::Succeeded, Some(at(45))),
        "the finally step"
    );
    assert_eq!(
        messages(&place, claim.run).await[1..],
        ["first try", "out", "second try"]
    );
    let unknown = store
        .step(
            claim,
            3,
            StepStatus::Running,
            1,
            None,
            &[event("x")],
            at(46),
        )
        .await;
    assert!(
        matches!(unknown, Err(StoreError::NotFound(_))),
        "{unknown:?}"
    );
    assert_eq!(
        messages(&place, claim.run).await.len(),
        4,
        "its entries are gone with it"
    );
    // A skipped step stays skipped, so that status is left out.
    for status in StepStatus::ALL
        .into_iter()
        .filter(|s| *s != StepStatus::Skipped)
    {
        store
            .step(claim, 0, status, 7, None, &[], at(47))
            .await
            .unwrap();
        let step = &store.steps(claim.run).await.unwrap()[0];
        let open = matches!(
            status,
            StepStatus::Pending | StepStatus::Running | StepStatus::Waiting
        );
        assert_eq!(
            (step.status, step.attempt, step.finished_at.is_none()),
            (status, 7, open)
        );
    }
}

pub async fn cancelling_a_queued_run(place: Place) {
    let run = place.submit(plan("deploy")).await;
    let status = place
        .store
        .request_cancel(run.id, "bob", Some("wrong\0day"), at(50))
        .await
        .unwrap();
    let cancelled = place.store.run(run.id).await.unwrap();
    assert_eq!(
        (status, cancelled.status),
        (RunStatus::Cancelled, RunStatus::Cancelled)
    );
    assert_eq!(
        (
            cancelled.finished_at,
            cancelled.cancel_requested_by.as_deref()
        ),
        (Some(at(50)), Some("bob"))
    );
    assert_eq!(
        cancelled.message.as_deref(),
        Some("cancelled by bob: wrong␀day")
    );
    assert_eq!(
        messages(&place, run.id).await[1],
        "cancelled by bob: wrong␀day"
    );
    assert_eq!(
        step_statuses(&place, run.id).await,
        [StepStatus::Skipped; 3]
    );
    let audit = &place.store.audit(place.workspace, 1).await.unwrap()[0];
    assert_eq!(
        (
            audit.action.as_str(),
            audit.actor.as_str(),
            audit.reason.as_deref()
        ),
        ("run.cancel", "bob", Some("wrong␀day"))
    );
    assert_eq!(
        (audit.before.as_deref(), audit.after.as_deref()),
        (Some("queued"), Some("cancelled"))
    );
    let again = place
        .store
        .request_cancel(run.id, "eve", None, at(51))
        .await;
    assert!(matches!(
        again,
        Err(StoreError::Refused {
            status: RunStatus::Cancelled,
            ..
        })
    ));
    assert_eq!(
        (
            messages(&place, run.id).await.len(),
            audited(&place).await.len()
        ),
        (2, 2),
        "the refusal left no trace"
    );
    assert!(
        place
            .store
            .claim(None, "host:1", at(1))
            .await
            .unwrap()
            .is_none()
    );
}

pub async fn cancelling_a_held_run(place: Place) {
    let claim = place.claimed().await;
    let status = place
        .store
        .request_cancel(claim.run, "bob", None, at(50))
        .await
        .unwrap();
    assert_eq!(status, RunStatus::Claimed, "its engine ends it");
    place
        .store
        .request_cancel(claim.run, "eve", None, at(51))
        .await
        .unwrap();
    let run = place.store.run(claim.run).await.unwrap();
    assert_eq!(
        (run.cancel_requested_by.as_deref(), run.lease_until),
        (Some("bob"), Some(at(1000))),
        "the first requester"
    );
    assert_eq!(
        messages(&place, run.id).await[1..],
        [
            "cancellation requested by bob",
            "cancellation requested by eve"
        ]
    );
    assert_eq!(
        audited(&place)
            .await
            .iter()
            .filter(|(action, _)| action == "run.cancel")
            .count(),
        2
    );
    // The engine's own numbering goes on after entries it did not write.
    assert_eq!(
        place
            .store
            .append(claim, &[event("stopping")])
            .await
            .unwrap(),
        4
    );
}

pub async fn cancelling_races_with_finishing(place: Place) {
    for _ in 0..20 {
        let claim = place.claimed().await;
        place
            .store
            .transition(claim, Transition::Start, None, &[], at(40))
            .await
            .unwrap();
        let (canceller, store) = (place.store.clone(), place.store.clone());
        let cancel = tokio::spawn(async move {
            canceller
                .request_cancel(claim.run, "bob", None, at(50))
                .await
        });
        let finish = tokio::spawn(async move {
            store
                .transition(claim, Transition::Succeed, None, &[event("end")], at(50))
                .await
        });
        let (cancel, finish) = (cancel.await.unwrap(), finish.await.unwrap());
        assert_eq!(
            finish.unwrap(),
            RunStatus::Succeeded,
            "a request does not end it"
        );
        let lines = messages(&place, claim.run).await;
        match cancel {
            Ok(status) => assert_eq!(
                (status, lines.last().unwrap().as_str()),
                (RunStatus::Running, "end")
            ),
            Err(StoreError::Refused { status, .. }) => {
                assert_eq!((status, lines.len()), (RunStatus::Succeeded, 2));
            }
            Err(other) => panic!("{other}"),
        }
    }
}

pub async fn cancelling_races_with_claiming(place: Place) {
    for _ in 0..20 {
        let run = place.submit(plan("deploy")).await.id;
        let (canceller, claimer) = (place.store.clone(), place.store.clone());
        let cancel =
            tokio::spawn(async move { canceller.request_cancel(run, "bob", None, at(50)).await });
        let claim = tokio::spawn(async move { claimer.claim(Some(run), "host:1", at(1000)).await });
        let (cancel, claim) = (
            cancel.await.unwrap().unwrap(),
            claim.await.unwrap().unwrap(),
        );
        let now = place.store.run(run).await.unwrap();
        assert_eq!(now.cancel_requested_by.as_deref(), Some("bob"));
        match claim {
            Some(_) => assert_eq!(
                (cancel, now.status),
                (RunStatus::Claimed, RunStatus::Claimed)
            ),
            None => assert_eq!(
                (cancel, now.status),
                (RunStatus::Cancelled, RunStatus::Cancelled)
            ),
        }
    }
}

pub async fn an_interrupted_run_says_what_is_unknown(place: Place) {
    let claim = place.claimed().await;
    place
        .store
        .transition(claim, Transition::Start, None, &[], at(40))
        .await
        .unwrap();
    place
        .store
        .step(claim, 0, StepStatus::Running, 1, None, &[], at(41))
        .await
        .unwrap();
    let read = &place.store.expired(at(5000)).await.unwrap()[0];
    assert!(
        place
            .store
            .interrupt(read, "host:1 is gone", at(5000))
            .await
            .unwrap()
    );
    let run = place.store.run(claim.run).await.unwrap();
    let expected = "interrupted: host:1 is gone; the outcome of step prepare is unknown";
    assert_eq!(
        (run.status, run.message.as_deref()),
        (RunStatus::Interrupted, Some(expected))
    );
    assert_eq!(
        (run.finished_at, run.lease_until, run.holder.as_deref()),
        (Some(at(5000)), None, Some("host:1"))
    );
    let last = place
        .store
        .entries_after(run.id, run.last_seq - 1, 1)
        .await
        .unwrap();
    assert!(
        matches!(&last[0].body, EntryBody::Event { level: Level::Error, message, .. } if message == expected)
    );
    assert_eq!((last[0].step, last[0].seq), (Some(0), run.last_seq));
    assert_eq!(
        step_statuses(&place, run.id).await,
        [
            StepStatus::Unknown,
            StepStatus::Pending,
            StepStatus::Pending
        ]
    );
    assert!(
        !place
            .store
            .interrupt(read, "again", at(5001))
            .await
            .unwrap(),
        "once"
    );
    // The old engine was only slow: its write is refused.
    let late = place
        .store
        .step(claim, 0, StepStatus::Succeeded, 1, None, &[], at(5002))
        .await;
    assert!(matches!(late, Err(StoreError::StaleToken(_))));
    // Nothing begun: nothing is unknown.
    let idle = place.claimed().await;
    let read = place.store.run(idle.run).await.unwrap();
    assert!(
        place
            .store
            .interrupt(&read, "gone", at(5000))
            .await
            .unwrap()
    );
    assert_eq!(
        step_statuses(&place, idle.run).await,
        [StepStatus::Pending; 3]
    );
    assert_eq!(
        messages(&place, idle.run).await[1],
        "interrupted: gone; no step was under way"
    );
}

pub async fn a_renewal_beats_the_interruption(place: Place) {
    let claim = place.claimed().await;
    let read = &place.store.expired(at(5000)).await.unwrap()[0];
    place.store.renew(claim, at(9000)).await.unwrap();
    assert!(!place.store.interrupt(read, "gone", at(5000)).await.unwrap());
    assert_eq!(
        place.store.run(claim.run).await.unwrap().status,
        RunStatus::Claimed
    );
    let queued = place.submit(plan("deploy")).await;
    assert!(
        !place
            .store
            .interrupt(&queued, "gone", at(5000))
            .await
            .unwrap(),
        "no engine holds it"
    );
    assert_eq!(messages(&place, queued.id).await.len(), 1);
}

pub async fn manual_steps_are_answered_once_per_attempt(place: Place) {
    let claim = place.claimed().await;
    let store = &place.store;
    store
        .transition(claim, Transition::Start, None, &[], at(40))
        .await
        .unwrap();
    let early = store.answer(claim.run, 1, true, None, "bob", at(41)).await;
    assert!(
        matches!(
            early,
            Err(StoreError::Refused {
                status: RunStatus::Running,
                ..
            })
        ),
        "{early:?}"
    );
    store
        .step(claim, 1, StepStatus::Waiting, 1, None, &[], at(42))
        .await
        .unwrap();
    assert_eq!(store.answer_of(claim.run, 1).await.unwrap(), None);
    store
        .answer(claim.run, 1, false, Some("no\0t yet"), "bob", at(43))
        .await
        .unwrap();
    let expected = Some((false, "bob".to_owned(), Some("no␀t yet".to_owned())));
    assert_eq!(store.answer_of(claim.run, 1).await.unwrap(), expected);
    let twice = store.answer(claim.run, 1, true, None, "eve", at(44)).await;
    assert!(matches!(twice, Err(StoreError::Refused { .. })));
    assert_eq!(
        messages(&place, claim.run).await[1..],
        ["bob says switch is not done: no␀t yet"]
    );
    let audit = &store.audit(place.workspace, 1).await.unwrap()[0];
    assert_eq!(
        (audit.action.as_str(), audit.actor.as_str()),
        ("run.answer", "bob")
    );
    assert_eq!(
        (audit.after.as_deref(), audit.reason.as_deref()),
        (Some("not done"), Some("no␀t yet"))
    );
    // A repeated step needs a new answer.
    store
        .step(claim, 1, StepStatus::Waiting, 2, None, &[], at(45))
        .await
        .unwrap();
    assert_eq!(store.answer_of(claim.run, 1).await.unwrap(), None);
    store
        .answer(claim.run, 1, true, None, "eve", at(46))
        .await
        .unwrap();
    assert_eq!(
        store.answer_of(claim.run, 1).await.unwrap(),
        Some((true, "eve".to_owned(), None))
    );
    assert!(matches!(
        store.answer(claim.run, 9, true, None, "eve", at(47)).await,
        Err(StoreError::NotFound(_))
    ));
}

pub async fn lists_are_filtered_and_paged(place: Place) {
    let other = place
        .store
        .ensure_workspace("other", "UTC", at(0))
        .await
        .unwrap()
        .id;
    let mut ids = Vec::new();
    for (i, (runbook, env, service)) in [
        ("deploy", Some("prod"), "web"),
        ("deploy", None, "api"),
        ("restart", Some("prod"), "api"),
    ]
    .into_iter()
    .enumerate()
    {
        let mut wanted = plan(runbook);
        (wanted.env, wanted.services) = (env.map(Into::into), vec![service.into()]);
        let mut new = place.new_run(wanted);
        new.at = at(100 * i64::try_from(i).unwrap());
        ids.push(place.store.submit(new).await.unwrap().id);
    }
    let mut elsewhere = place.new_run(plan("deploy"));
    elsewhere.workspace = other;
    place.store.submit(elsewhere).await.unwrap();
    place
        .store
        .request_cancel(ids[0], "bob", None, at(500))
        .await
        .unwrap();
    let all = RunFilter {
        limit: 50,
        ..RunFilter::default()
    };
    let cases = [
        (all.clone(), vec![2, 1, 0]),
        (
            RunFilter {
                limit: 2,
                ..all.clone()
            },
            vec![2, 1],
        ),
        (
            RunFilter {
                before: Some(ids[2]),
                limit: 1,
                ..all.clone()
            },
            vec![1],
        ),
        (
            RunFilter {
                runbook: Some("deploy".into()),
                ..all.clone()
            },
            vec![1, 0],
        ),
        (
            RunFilter {
                actor: Some("ana".into()),
                ..all.clone()
            },
            vec![2, 1, 0],
        ),
        (
            RunFilter {
                actor: Some("an".into()),
                ..all.clone()
            },
            vec![],
        ),
        (
            RunFilter {
                actor: Some("ANA".into()),
                ..all.clone()
            },
            vec![],
        ),
        (
            RunFilter {
                env: Some("prod".into()),
                ..all.clone()
            },
            vec![2, 0],
        ),
        (
            RunFilter {
                service: Some("api".into()),
                ..all.clone()
            },
            vec![2, 1],
        ),
        (
            RunFilter {
                since: Some(at(100)),
                ..all.clone()
            },
            vec![2, 1],
        ),
        (
            RunFilter {
                status: vec![RunStatus::Cancelled, RunStatus::Failed],
                ..all.clone()
            },
            vec![0],
        ),
        (
            RunFilter {
                status: vec![RunStatus::Queued],
                service: Some("web".into()),
                ..all.clone()
            },
            vec![],
        ),
    ];
    for (filter, expected) in cases {
        let found: Vec<RunId> = place
            .store
            .runs(place.workspace, &filter)
            .await
            .unwrap()
            .runs
            .iter()
            .map(|r| r.id)
            .collect();
        let expected: Vec<RunId> = expected.into_iter().map(|i: usize| ids[i]).collect();
        assert_eq!(found, expected, "{filter:?}");
    }
    let asked = ["deploy", "backup", "restart"];
    let last = place.store.last_runs(place.workspace, &asked[..2]).await;
    let last = last.unwrap().into_iter().map(|(name, run)| (name, run.id));
    assert_eq!(last.collect::<Vec<_>>(), [("deploy".to_owned(), ids[1])]);
    let last = place
        .store
        .last_runs(place.workspace, &asked)
        .await
        .unwrap();
    let last = |runbook: &str| last.get(runbook).map(|run| run.id);
    assert_eq!(
        (last("deploy"), last("restart"), last("backup")),
        (Some(ids[1]), Some(ids[2]), None)
    );
}

pub async fn a_list_shows_runs_without_their_plans(place: Place) {
    let run = place.submit(plan("deploy")).await;
    place
        .store
        .request_cancel(run.id, "bob", Some("wrong branch"), at(20))
        .await
        .unwrap();
    let run = place.store.run(run.id).await.unwrap();
    let filter = RunFilter {
        limit: 9,
        ..RunFilter::default()
    };
    let listed = place.store.runs(place.workspace, &filter).await.unwrap();
    let wanted = RunSummary::from(&run);
    assert_eq!(wanted.services, ["api", "web"]);
    assert_eq!(listed.runs, [wanted]);
    let mut asks = plan("deploy");
    asks.steps[0].spec = StepSpec::Approve(Approve::default());
    place.submit(asks).await;
    let newest = place.store.runs(place.workspace, &filter).await.unwrap();
    let needs: Vec<bool> = newest.runs.iter().map(|run| run.needs_approval).collect();
    assert_eq!(needs, [true, false]);
    assert!(run.message.is_some() && run.finished_at.is_some() && run.last_seq > 1);
    assert_eq!(
        listed.runs[0].line(),
        format!("{} cancelled deploy web → staging ana", run.id)
    );
    let whole = async |workspace| {
        let found = place.store.whole_runs(workspace, &[run.id]).await;
        found.unwrap().runs
    };
    assert!(whole(place.workspace + 1).await.is_empty());
    assert_eq!(whole(place.workspace).await, [run]);
}

/// A search reads fifty runs per requested result, and continues where it stopped.
pub async fn a_search_reports_how_far_it_read(place: Place) {
    let mut ids = Vec::new();
    for n in 0..60 {
        let mut wanted = plan("deploy");
        let title = if n == 3 || n == 5 {
            "Restore the „Tape“ 100%"
        } else {
            "deploy web → staging"
        };
        wanted.title = title.into();
        ids.push(place.submit(wanted).await.id);
    }
    let search = async |holds: &str, before: Option<RunId>, limit: u32| {
        let filter = RunFilter {
            holds: Some(holds.into()),
            before,
            limit,
            ..RunFilter::default()
        };
        let found = place.store.runs(place.workspace, &filter).await.unwrap();
        (
            found.runs.iter().map(|run| run.id).collect::<Vec<_>>(),
            found.rest,
        )
    };
    assert_eq!(
        search("„TAPE“ 100%", None, 1).await,
        (vec![], Some(ids[10])),
        "the newest fifty hold none"
    );
    assert_eq!(
        search("„tape“ 100%", Some(ids[10]), 1).await,
        (vec![ids[5]], Some(ids[5]))
    );
    assert_eq!(
        search("tape", Some(ids[5]), 1).await,
        (vec![ids[3]], Some(ids[3]))
    );
    assert_eq!(
        search("tape", Some(ids[3]), 1).await,
        (vec![], None),
        "all were read"
    );
    assert_eq!(search("tape", None, 9).await, (vec![ids[5], ids[3]], None));
    assert_eq!(search("a%p", None, 9).await, (vec![], None), "no wildcards");
    assert_eq!(
        search(&format!("{} queued", ids[7]), None, 9).await,
        (vec![ids[7]], None),
        "number and status too"
    );
    place
        .store
        .request_cancel(ids[7], "bob", None, at(500))
        .await
        .unwrap();
    assert_eq!(search("CANCELLED", None, 9).await, (vec![ids[7]], None));
    assert_eq!(
        search("", None, 2).await,
        (vec![ids[59], ids[58]], None),
        "no text: a list like any other"
    );
}
