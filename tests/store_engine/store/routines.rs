//! Which engine may write results of routines, and runs that people ask for.

use opsroom::core::base::time::Timestamp;
use opsroom::core::metric::sample::{Probed, Sample};
use opsroom::core::routine::load::SchedulerLoad;
use opsroom::core::routine::report::RoutineReport;
use opsroom::core::run::plan::Plan;
use opsroom::core::run::queue::Lane;
use opsroom::core::run::{RunId, RunStatus};
use opsroom::core::stack::state::State;
use opsroom::store::{Beginning, Flush, Membership, NewRoutine, RoutineBegan, SlotOfRun};

use super::{Place, at};

fn member<'a>(place: &Place, holder: &'a str, term: i64) -> Membership<'a> {
    Membership {
        workspace: place.workspace,
        holder,
        term,
    }
}

/// Shards whose last holder released them.
fn free(shards: &[i64]) -> Vec<(i64, Timestamp)> {
    shards.iter().map(|shard| (*shard, Timestamp(0))).collect()
}

async fn flush(place: &Place, member: Membership<'_>, slot: i64) -> bool {
    let new = NewRoutine {
        name: "ping".to_owned(),
        kind: "http".to_owned(),
    };
    let new = [new];
    let ids = place.store.ensure_routines(place.workspace, &new, at(0));
    let routine = ids.await.unwrap()["ping"];
    let sample = Sample {
        slot,
        ..Sample::default()
    };
    let flush = Flush {
        at: at(slot),
        samples: vec![Probed { routine, sample }],
        ..Flush::default()
    };
    let written = place.store.flush_as_member(member, at(slot + 10), &flush);
    written.await.unwrap()
}

pub async fn a_removed_member_writes_nothing(place: Place) {
    let store = &place.store;
    let term = store
        .join_routines(place.workspace, "a:1", 1, at(10))
        .await
        .unwrap();
    let a = member(&place, "a:1", term);
    let taken = store
        .take_routine_shards(a, &[3, 1, 2], at(20))
        .await
        .unwrap();
    assert_eq!(taken, free(&[1, 2, 3]));
    assert!(flush(&place, a, 5).await);
    let last = store.last_slots(place.workspace).await.unwrap();
    assert_eq!(last.into_values().collect::<Vec<_>>(), [5]);

    let seen = store.routine_members(place.workspace).await.unwrap();
    assert_eq!(
        (seen[0].term, seen[0].rank, seen[0].alive_until),
        (term, 1, at(15))
    );
    // It renews its membership after it was read: it is not gone.
    let load = SchedulerLoad {
        lag_ms: 12,
        ..SchedulerLoad::default()
    };
    assert_eq!(seen[0].load, None);
    assert!(store.stay_in_routines(a, at(30), &load).await.unwrap());
    assert!(
        !store
            .remove_routine_member(place.workspace, &seen[0])
            .await
            .unwrap()
    );
    let seen = store.routine_members(place.workspace).await.unwrap();
    assert_eq!(seen[0].load, Some(load));
    assert!(
        store
            .remove_routine_member(place.workspace, &seen[0])
            .await
            .unwrap()
    );
    assert!(
        !store
            .stay_in_routines(a, at(40), &SchedulerLoad::default())
            .await
            .unwrap()
    );
    assert!(!flush(&place, a, 6).await);
    assert!(
        store
            .take_routine_shards(a, &[9], at(40))
            .await
            .unwrap()
            .is_empty()
    );
    assert!(
        store
            .routine_shards(place.workspace)
            .await
            .unwrap()
            .is_empty()
    );

    let b = store.join_routines(place.workspace, "b:1", 1, at(50));
    let b = member(&place, "b:1", b.await.unwrap());
    // The removed holder may have run slots until then without recording them.
    let taken = store.take_routine_shards(b, &[2], at(50)).await.unwrap();
    assert_eq!(taken, [(2, at(30))]);
    store.leave_routines(b).await.unwrap();

    // Joining again is a new term: what was begun under the old one stays fenced.
    let again = store
        .join_routines(place.workspace, "a:1", 1, at(50))
        .await
        .unwrap();
    assert!(again >= 1);
    store
        .leave_routines(member(&place, "a:1", again))
        .await
        .unwrap();
    let term = store
        .join_routines(place.workspace, "a:1", 1, at(50))
        .await
        .unwrap();
    let second = store
        .join_routines(place.workspace, "a:1", 1, at(50))
        .await
        .unwrap();
    assert_eq!(second, term + 1);
    assert!(!flush(&place, member(&place, "a:1", term), 7).await);
    assert!(flush(&place, member(&place, "a:1", second), 8).await);
}

pub async fn a_shard_has_one_holder_until_it_is_released(place: Place) {
    let store = &place.store;
    let workspace = place.workspace;
    let (a, b) = ("a:1", "b:1");
    let a = member(
        &place,
        a,
        store.join_routines(workspace, a, 0, at(10)).await.unwrap(),
    );
    let b = member(
        &place,
        b,
        store.join_routines(workspace, b, 0, at(10)).await.unwrap(),
    );
    assert_eq!(
        store.take_routine_shards(a, &[1, 2], at(20)).await.unwrap(),
        free(&[1, 2])
    );
    assert_eq!(
        store
            .take_routine_shards(b, &[1, 2, 3], at(20))
            .await
            .unwrap(),
        free(&[3])
    );
    store.release_routine_shards(a, &[1]).await.unwrap();
    // Only its own shards.
    store.release_routine_shards(b, &[2]).await.unwrap();
    assert_eq!(
        store.take_routine_shards(b, &[1, 2], at(20)).await.unwrap(),
        free(&[1])
    );
    let mut held = store.routine_shards(workspace).await.unwrap();
    held.sort();
    let held: Vec<(i64, &str)> = held
        .iter()
        .map(|(n, holder)| (*n, holder.as_str()))
        .collect();
    assert_eq!(held, [(1, "b:1"), (2, "a:1"), (3, "b:1")]);
    store.leave_routines(a).await.unwrap();
    assert_eq!(
        store.take_routine_shards(b, &[2], at(20)).await.unwrap(),
        free(&[2])
    );
}

pub async fn a_routine_that_is_asked_for_is_taken_once(place: Place) {
    let store = &place.store;
    let workspace = place.workspace;
    let acme = store.ensure_workspace("acme", "UTC", at(0)).await.unwrap();
    let scope = store.scope(acme);
    let ping = scope.routine_number(("ping", "http"), at(1)).await.unwrap();
    assert_eq!(
        scope.routine_number(("ping", "tcp"), at(2)).await.unwrap(),
        ping
    );
    assert!(scope.routine_number(("pong", "http"), at(2)).await.unwrap() > ping);
    let by = ("ana", Some("after the fix"));
    let id = store
        .request_routine(workspace, "ping", by, at(5))
        .await
        .unwrap();
    let open = store.routine_requests(workspace).await.unwrap();
    assert_eq!(
        (open[0].id, open[0].routine.as_str(), open[0].actor.as_str()),
        (id, "ping", "ana")
    );
    assert!(store.take_routine_request(id, "a:1").await.unwrap());
    assert!(!store.take_routine_request(id, "b:1").await.unwrap());
    assert_eq!(
        store.routine_request_result(workspace, id).await.unwrap(),
        None
    );
    store
        .finish_routine_request(id, State::Failing, "HTTP 500", at(9))
        .await
        .unwrap();
    store
        .finish_routine_request(id, State::Ok, "late", at(10))
        .await
        .unwrap();
    let result = store.routine_request_result(workspace, id).await.unwrap();
    assert_eq!(result, Some((State::Failing, "HTTP 500".to_owned())));
    assert_eq!(
        store
            .routine_request_result(workspace + 1, id)
            .await
            .unwrap(),
        None
    );
    assert!(store.routine_requests(workspace).await.unwrap().is_empty());
    let report = RoutineReport {
        state: State::Degraded,
        message: "slow".to_owned(),
    };
    let by = ("cron", &report);
    scope.report_routine("ping", by, at(7)).await.unwrap();
    store
        .report_routine(workspace + 1, "ping", by, at(7))
        .await
        .unwrap_err();
    let open = store.routine_requests(workspace).await.unwrap();
    assert_eq!((open.len(), open[0].at), (1, at(7)));
    assert_eq!(open[0].report.as_ref(), Some(&report));
    let audit = store.audit(workspace, 5).await.unwrap();
    assert_eq!(
        (
            audit[0].action.as_str(),
            audit[0].object.as_str(),
            audit[0].reason.as_deref()
        ),
        ("routine.run", "routine ping", Some("after the fix"))
    );
}

pub async fn a_run_of_a_routine_is_begun_once_and_counted_with_its_result(place: Place) {
    let store = &place.store;
    let workspace = place.workspace;
    let acme = store.ensure_workspace("acme", "UTC", at(0)).await.unwrap();
    let scope = store.scope(acme);
    let new = ("nightly", "runbook");
    let routine = scope.routine_number(new, at(0)).await.unwrap();
    let term = store
        .join_routines(workspace, "a:1", 1, at(10))
        .await
        .unwrap();
    let of = |slot| SlotOfRun {
        routine,
        slot: at(slot),
        request: None,
    };
    let begin = async |holder: &str, term: i64, slot: i64| {
        let member = (member(&place, holder, term), at(slot + 10));
        let new = place.new_run(Plan::default());
        let beginning = Beginning {
            lane: Some(Lane::Routine),
            ..Beginning::default()
        };
        let began = store.begin_routine_run(member, of(slot), &new, beginning);
        began.await.unwrap()
    };
    assert!(scope.routine_runs().await.unwrap().is_empty());
    assert_eq!(begin("b:1", 1, 3).await, RoutineBegan::Lost);
    assert!(store.routine_runs(workspace).await.unwrap().is_empty());
    let RoutineBegan::Run(run) = begin("a:1", term, 5).await else {
        panic!("a member begins a run");
    };
    assert_eq!(run.lane, Lane::Routine);
    assert_eq!(begin("a:1", term, 6).await, RoutineBegan::Open(run.id));
    let known = scope.routine_runs().await.unwrap();
    assert_eq!(
        (known[0].of, known[0].run, known[0].counted, known[0].status),
        (of(5), run.id, false, RunStatus::Queued)
    );
    assert_eq!(
        store.routine_runs(workspace + 1).await.unwrap(),
        [],
        "another workspace"
    );
    let a = member(&place, "a:1", term);
    for (counted, wanted) in [(RunId(run.id.0 + 1), false), (run.id, true)] {
        let flush = Flush {
            counted: vec![(routine, counted)],
            ..Flush::default()
        };
        assert!(store.flush_as_member(a, at(30), &flush).await.unwrap());
        assert_eq!(
            store.routine_runs(workspace).await.unwrap()[0].counted,
            wanted
        );
    }
    let RoutineBegan::Run(next) = begin("a:1", term, 7).await else {
        panic!("the one before is counted");
    };
    let known = store.routine_runs(workspace).await.unwrap();
    assert_eq!(
        (known.len(), known[0].run, known[0].of),
        (1, next.id, of(7))
    );
}
