//! The order of the queue, its lanes, and groups of runs that exclude each other.

use std::collections::HashSet;

use opsroom::core::run::concurrency::{Concurrency, Member, Policy};
use opsroom::core::run::plan::Plan;
use opsroom::core::run::priority::Priority;
use opsroom::core::run::queue::Lane;
use opsroom::core::run::resume::Decision;
use opsroom::core::run::{Run, RunId, RunStatus, Transition};
use opsroom::store::{Beginning, Claim, NewRun, Resumer, RunFilter, Store, StoreError};

use super::{Place, at, message_of, plan};

const HOUR: i64 = 3_600_000;

fn grouped(policy: Policy) -> Plan {
    Plan {
        concurrency: Some(Concurrency {
            group: "nightly".into(),
            policy,
        }),
        ..plan("report")
    }
}

async fn submit_at(place: &Place, ms: i64, lane: Lane, priority: Priority) -> RunId {
    let new = NewRun {
        at: at(ms),
        ..place.new_run(plan("deploy"))
    };
    let beginning = Beginning {
        lane: Some(lane),
        priority: Some(priority),
        ..Beginning::default()
    };
    place.store.submit_as(new, beginning).await.unwrap().id
}

async fn take(place: &Place, only: Option<RunId>) -> Option<Claim> {
    place
        .store
        .claim(only, "host:1", at(9000))
        .await
        .unwrap()
        .map(|(claim, _)| claim)
}

async fn taken(place: &Place) -> Vec<RunId> {
    let mut order = Vec::new();
    while let Some(claim) = take(place, None).await {
        order.push(claim.run);
    }
    order
}

async fn start(place: &Place, run: RunId) -> Claim {
    let claim = take(place, Some(run)).await.expect("it can start");
    place
        .store
        .transition(claim, Transition::Start, None, &[], at(40))
        .await
        .unwrap();
    claim
}

async fn end(place: &Place, claim: Claim, how: Transition) {
    place
        .store
        .transition(claim, how, None, &[], at(50))
        .await
        .unwrap();
}

async fn log(place: &Place, run: RunId) -> Vec<String> {
    let entries = place.store.entries_after(run, 0, 100).await.unwrap();
    assert!(
        entries.iter().zip(1..).all(|(e, seq)| e.seq == seq),
        "gapless"
    );
    assert_eq!(
        place.store.run(run).await.unwrap().last_seq,
        i64::try_from(entries.len()).unwrap()
    );
    entries
        .iter()
        .map(|e| message_of(&e.body).to_owned())
        .collect()
}

pub async fn urgent_runs_go_first_and_none_starves(place: Place) {
    use Priority::{High, Low, Normal, Urgent};
    let people = Lane::Interactive;
    let low = submit_at(&place, 0, people, Low).await;
    let normal = submit_at(&place, 1, people, Normal).await;
    let high = submit_at(&place, 2, people, High).await;
    let urgent = submit_at(&place, 3, people, Urgent).await;
    let second = submit_at(&place, 4, people, High).await;
    let late = submit_at(&place, HOUR + 2, people, Normal).await;
    let far = submit_at(&place, 2 * HOUR + 5, people, High).await;
    assert_eq!(
        taken(&place).await,
        [urgent, high, second, normal, low, late, far]
    );
    let run = place.store.run(urgent).await.unwrap();
    assert_eq!((run.priority, run.lane), (Urgent, people));
    assert_eq!(
        log(&place, urgent).await,
        ["queued by ana at urgent priority: deploy web → staging"]
    );
    let audit = place.store.audit(place.workspace, 20).await.unwrap();
    let row = audit
        .iter()
        .find(|row| row.object == format!("run {urgent}"))
        .unwrap();
    assert!(
        row.after
            .as_ref()
            .unwrap()
            .contains("\"priority\":\"urgent\""),
        "{row:?}"
    );
    // A plan brings its own priority, and waiting for a target follows the same order.
    let change = |priority| Plan {
        mutates: true,
        priority,
        ..plan("deploy")
    };
    let one = place.submit(change(Normal)).await.id;
    let two = place.submit(change(High)).await.id;
    let three = place.submit(change(Low)).await.id;
    for expected in [two, one, three] {
        let claim = take(&place, None).await.unwrap();
        assert_eq!(claim.run, expected);
        assert!(take(&place, None).await.is_none(), "its targets are taken");
        end(&place, claim, Transition::Cancel).await;
    }
}

pub async fn lanes_are_claimed_apart_and_a_chain_stays_in_its_lane(place: Place) {
    let store = &place.store;
    let routine = submit_at(&place, 0, Lane::Routine, Priority::High).await;
    let person = submit_at(&place, 1, Lane::Interactive, Priority::Low).await;
    let next = async |lane| {
        let claimed = store
            .claim_next(
                lane,
                opsroom::store::QueuePosition::HEAD,
                "host:1",
                at(9000),
            )
            .await
            .unwrap();
        claimed.map(|(claim, _)| claim)
    };
    let claim = next(Lane::Routine).await.unwrap();
    assert_eq!(claim.run, routine);
    assert!(
        next(Lane::Routine).await.is_none(),
        "interactive runs are not for routine workers"
    );
    assert_eq!(next(Lane::Interactive).await.unwrap().run, person);
    store
        .transition(claim, Transition::Start, None, &[], at(40))
        .await
        .unwrap();
    let link = NewRun {
        parent: Some(routine),
        ..place.new_run(plan("healthcheck"))
    };
    let link = store
        .succeed_and_chain(claim, None, &[], Some(link), at(50))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        (link.lane, link.priority),
        (Lane::Routine, Priority::High),
        "as the run it follows"
    );
}

pub async fn one_run_of_a_group_is_under_way_at_a_time(place: Place) {
    let first = place.submit(grouped(Policy::Queue)).await.id;
    let second = place
        .submit(Plan {
            runbook: "other".into(),
            ..grouped(Policy::Queue)
        })
        .await
        .id;
    let third = place.submit(grouped(Policy::Queue)).await.id;
    let outside = place.submit(plan("report")).await.id;
    let claim = take(&place, None).await.unwrap();
    assert_eq!((claim.run, place.store.locks().await.unwrap()), (first, 1));
    assert!(
        take(&place, Some(second)).await.is_none(),
        "its group is taken"
    );
    let held = format!("waits for group nightly, held by run {first}");
    assert_eq!(
        place.waiting().await,
        [
            (second, format!("{held}, next in line")),
            (third, format!("{held}, 1 before it"))
        ]
    );
    assert_eq!(
        take(&place, None).await.unwrap().run,
        outside,
        "it is in no group"
    );
    let members = place
        .store
        .members(place.workspace, "nightly")
        .await
        .unwrap();
    let member = |run, status| Member { run, status };
    assert_eq!(
        members,
        [
            member(first, RunStatus::Claimed),
            member(second, RunStatus::Queued),
            member(third, RunStatus::Queued)
        ]
    );
    place
        .store
        .transition(claim, Transition::Start, None, &[], at(40))
        .await
        .unwrap();
    assert!(take(&place, None).await.is_none());
    end(&place, claim, Transition::Fail).await;
    for expected in [second, third] {
        let claim = take(&place, None).await.unwrap();
        assert_eq!(claim.run, expected, "in their order");
        end(&place, claim, Transition::Cancel).await;
    }
    assert_eq!(place.store.locks().await.unwrap(), 0);
    assert!(
        place
            .store
            .members(place.workspace, "nightly")
            .await
            .unwrap()
            .is_empty()
    );
}

pub async fn racing_claimers_never_share_a_group(place: Place) {
    for n in 0..40 {
        let group = format!("group {}", n % 3);
        let concurrency = Some(Concurrency {
            group,
            policy: Policy::Queue,
        });
        place
            .submit(Plan {
                concurrency,
                ..plan("report")
            })
            .await;
    }
    let other = Store::open(&place.url).await.unwrap();
    let claimer = |store: Store, holder: &'static str, workspace: i64| {
        tokio::spawn(async move {
            let mut mine = Vec::new();
            while mine.len() < 40 {
                let Some((claim, run)) = store.claim(None, holder, at(9000)).await.unwrap() else {
                    let left = store
                        .queue(workspace, (RunId(0), RunId(i64::MAX)), at(100))
                        .await
                        .unwrap();
                    if left.is_empty() {
                        break;
                    }
                    tokio::task::yield_now().await;
                    continue;
                };
                let group = run.plan.concurrency.unwrap().group;
                let members = store.members(workspace, &group).await.unwrap();
                let under_way: Vec<_> = members.iter().filter(|m| m.status.is_held()).collect();
                assert!(
                    under_way.len() == 1 && under_way[0].run == claim.run,
                    "{members:?}"
                );
                store
                    .transition(claim, Transition::Cancel, None, &[], at(50))
                    .await
                    .unwrap();
                mine.push(claim.run);
            }
            mine
        })
    };
    let claimers = [
        claimer(place.store.clone(), "one", place.workspace),
        claimer(other.clone(), "two", place.workspace),
    ];
    let mut all = Vec::new();
    for claimer in claimers {
        all.extend(claimer.await.unwrap());
    }
    assert_eq!(
        (all.len(), all.iter().collect::<HashSet<_>>().len()),
        (40, 40),
        "each once"
    );
    other.close().await;
}

pub async fn a_taken_group_refuses_the_next_run(place: Place) {
    let store = &place.store;
    let first = place.submit(grouped(Policy::Refuse)).await;
    let again = async || store.submit(place.new_run(grouped(Policy::Refuse))).await;
    let refused = again().await.unwrap_err();
    let message = format!(
        "group nightly is taken by run {} (queued), and its runbook says policy = \"refuse\"",
        first.id
    );
    assert!(refused.to_string().starts_with(&message), "{refused}");
    let claim = start(&place, first.id).await;
    let refused = again().await.unwrap_err();
    assert!(
        matches!(&refused, StoreError::GroupTaken { by, .. } if by.status == RunStatus::Running),
        "{refused:?}"
    );
    let audit = store.audit(place.workspace, 9).await.unwrap();
    assert_eq!(audit.len(), 1, "nothing was started: {audit:?}");
    end(&place, claim, Transition::Fail).await;
    let second = again().await.unwrap();
    assert_eq!(
        (second.status, second.id.0),
        (RunStatus::Queued, first.id.0 + 1),
        "no number was used up"
    );
}

pub async fn racing_submitters_of_a_group_that_refuses(place: Place) {
    let other = Store::open(&place.url).await.unwrap();
    let submitter =
        |store: Store, new: NewRun| tokio::spawn(async move { store.submit(new).await });
    let tries: Vec<_> = (0..8)
        .map(|n| {
            let store = if n % 2 == 0 {
                place.store.clone()
            } else {
                other.clone()
            };
            submitter(store, place.new_run(grouped(Policy::Refuse)))
        })
        .collect();
    let mut accepted = 0;
    for one in tries {
        match one.await.unwrap() {
            Ok(_) => accepted += 1,
            Err(StoreError::GroupTaken { .. }) => {}
            Err(e) => panic!("{e}"),
        }
    }
    assert_eq!(accepted, 1);
    other.close().await;
}

pub async fn a_new_run_cancels_the_others_of_its_group(place: Place) {
    let store = &place.store;
    let running = place.submit(grouped(Policy::Queue)).await.id;
    let claim = start(&place, running).await;
    let waiting = place.submit(grouped(Policy::Queue)).await.id;
    let new = NewRun {
        actor: "ben".into(),
        ..place.new_run(grouped(Policy::CancelRunning))
    };
    let new = store.submit(new).await.unwrap();
    assert_eq!(
        log(&place, new.id).await[1],
        format!("group nightly: cancels run {running} (running), run {waiting} (queued)")
    );
    assert_eq!(
        store.run(new.id).await.unwrap(),
        new,
        "the returned run is the stored one"
    );
    let because = format!("run {} takes its place in group nightly", new.id);
    let ended = store.run(waiting).await.unwrap();
    assert_eq!(
        (ended.status, ended.message),
        (
            RunStatus::Cancelled,
            Some(format!("cancelled by ben: {because}"))
        )
    );
    let cancelling = store.run(running).await.unwrap();
    assert_eq!(
        (cancelling.status, cancelling.cancel_requested_by.as_deref()),
        (RunStatus::Running, Some("ben"))
    );
    assert_eq!(
        log(&place, running).await.last().unwrap(),
        &format!("cancellation requested by ben: {because}")
    );
    let audit = store.audit(place.workspace, 9).await.unwrap();
    let cancels: Vec<_> = audit
        .iter()
        .filter(|row| row.action == "run.cancel")
        .collect();
    assert_eq!(cancels.len(), 2);
    assert!(
        cancels
            .iter()
            .all(|row| row.actor == "ben" && row.reason.as_deref() == Some(&because)),
        "{cancels:?}"
    );
    // It begins when that one has ended, its finally steps included.
    assert!(take(&place, None).await.is_none());
    end(&place, claim, Transition::Cancel).await;
    assert_eq!(take(&place, None).await.unwrap().run, new.id);
}

pub async fn a_link_refused_by_its_group_is_cancelled_with_a_message(place: Place) {
    let store = &place.store;
    let first = place.submit(plan("deploy")).await.id;
    let claim = start(&place, first).await;
    let there = place.submit(grouped(Policy::Queue)).await.id;
    let link = NewRun {
        parent: Some(first),
        ..place.new_run(grouped(Policy::Refuse))
    };
    let link = store
        .succeed_and_chain(claim, None, &[], Some(link), at(50))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        store.run(first).await.unwrap().status,
        RunStatus::Succeeded,
        "it did what it was to do"
    );
    let message = format!(
        "cancelled by ana: group nightly is taken by run {there} (queued), and its runbook refuses to wait"
    );
    assert_eq!(
        (link.status, link.message.as_deref()),
        (RunStatus::Cancelled, Some(message.as_str()))
    );
    // A link with the policy `cancel_running` cancels, like any other run.
    let second = start(&place, place.submit(plan("deploy")).await.id).await;
    let link = NewRun {
        parent: Some(second.run),
        ..place.new_run(grouped(Policy::CancelRunning))
    };
    let link: Run = store
        .succeed_and_chain(second, None, &[], Some(link), at(50))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(link.status, RunStatus::Queued);
    assert_eq!(store.run(there).await.unwrap().status, RunStatus::Cancelled);
    // A link that follows a run of its own group finds the group free.
    let own = start(&place, link.id).await;
    let link = NewRun {
        parent: Some(link.id),
        ..place.new_run(grouped(Policy::Refuse))
    };
    let link = store
        .succeed_and_chain(own, None, &[], Some(link), at(60))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(link.status, RunStatus::Queued);
}

pub async fn an_interrupted_run_leaves_its_group_and_lines_up_again(place: Place) {
    let store = &place.store;
    let claim = start(&place, place.submit(grouped(Policy::Refuse)).await.id).await;
    store
        .step(
            claim,
            0,
            opsroom::core::run::StepStatus::Running,
            1,
            None,
            &[],
            at(41),
        )
        .await
        .unwrap();
    let run = store.run(claim.run).await.unwrap();
    assert!(store.interrupt(&run, "gone", at(10_000)).await.unwrap());
    assert!(
        store
            .members(place.workspace, "nightly")
            .await
            .unwrap()
            .is_empty()
    );
    let other = start(&place, place.submit(grouped(Policy::Refuse)).await.id).await;
    let by = Resumer {
        actor: "ana",
        reason: Some("looked"),
    };
    store
        .resume(run.id, Some(Decision::Repeat), by, at(10_001))
        .await
        .unwrap();
    let message = format!(
        "waits for group nightly, held by run {}, next in line",
        other.run
    );
    assert_eq!(
        place.waiting().await,
        [(run.id, message)],
        "it was accepted once: now it waits"
    );
    end(&place, other, Transition::Fail).await;
    assert_eq!(take(&place, None).await.unwrap().run, run.id);
}

pub async fn a_group_is_of_one_workspace(place: Place) {
    let other = place
        .store
        .ensure_workspace("other", "UTC", at(0))
        .await
        .unwrap()
        .id;
    place.submit(grouped(Policy::Refuse)).await;
    let there = NewRun {
        workspace: other,
        ..place.new_run(grouped(Policy::Refuse))
    };
    place.store.submit(there).await.unwrap();
    assert_eq!(taken(&place).await.len(), 2);
}

pub async fn places_in_the_queue_are_reported(place: Place) {
    let store = &place.store;
    let first = place.submit(plan("one")).await.id;
    let second = place.submit(plan("two")).await.id;
    let routine = submit_at(&place, 0, Lane::Routine, Priority::Normal).await;
    let urgent = submit_at(&place, 20, Lane::Interactive, Priority::Urgent).await;
    let all = store
        .queue(place.workspace, (RunId(0), RunId(i64::MAX)), at(100))
        .await
        .unwrap();
    let places: Vec<_> = all.iter().map(|q| (q.run, q.to_string())).collect();
    let people = |n: i64| format!("{n} before it in the interactive lane");
    assert_eq!(
        places,
        [
            (first, people(1)),
            (second, people(2)),
            (routine, "next in the routine lane".to_owned()),
            (urgent, "next in the interactive lane".to_owned())
        ]
    );
    assert_eq!(
        store
            .queue(place.workspace, (second, second), at(100))
            .await
            .unwrap(),
        [all[1].clone()]
    );
    // The runs that a new run would wait for.
    let change = Plan {
        mutates: true,
        ..grouped(Policy::Queue)
    };
    let holder = start(&place, place.submit(change.clone()).await.id)
        .await
        .run;
    place.submit(change.clone()).await;
    let conflicts = async |rank: i64| {
        let met = store
            .blockers(place.workspace, &change, rank, at(100))
            .await
            .unwrap();
        met.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    let all = |rest: &str| {
        ["api in staging", "web in staging", "group nightly"]
            .map(|w| format!("{w}, held by run {holder}, {rest}"))
    };
    assert_eq!(conflicts(at(20).0).await, all("1 before it"));
    assert_eq!(
        conflicts(at(5).0).await,
        all("next in line"),
        "it would go before"
    );
    assert!(
        store
            .blockers(place.workspace, &plan("look"), 0, at(100))
            .await
            .unwrap()
            .is_empty()
    );
    // A free target that an earlier run waits for.
    let free = Plan {
        mutates: true,
        services: vec!["db".to_owned()],
        ..plan("restart")
    };
    place.submit(free.clone()).await;
    for (rank, wanted) in [(at(20).0, vec![(None, 1)]), (at(5).0, vec![])] {
        let met = store
            .blockers(place.workspace, &free, rank, at(100))
            .await
            .unwrap();
        let met: Vec<_> = met.iter().map(|b| (b.holder, b.ahead)).collect();
        assert_eq!(met, wanted, "at rank {rank}");
    }
}

pub async fn an_unreadable_run_hides_no_other(place: Place) {
    let bad = start(&place, place.submit(plan("deploy")).await.id)
        .await
        .run;
    let good = start(&place, place.submit(plan("deploy")).await.id)
        .await
        .run;
    let damage = format!(
        "update run set plan = '{{\"steps\": 4}}' where id = {}",
        bad.0
    );
    super::opening::sql(&place.url, &damage).await;
    let held = place.store.held().await.unwrap();
    assert_eq!(
        held.runs.iter().map(|run| run.id).collect::<Vec<_>>(),
        [good]
    );
    assert!(
        held.unreadable.len() == 1 && held.unreadable[0].0 == bad,
        "{:?}",
        held.unreadable
    );
    assert!(
        held.unreadable[0].1.contains("cannot be read"),
        "{:?}",
        held.unreadable
    );
    let filter = RunFilter {
        limit: 9,
        ..RunFilter::default()
    };
    let listed = place.store.runs(place.workspace, &filter).await.unwrap();
    let ids: Vec<_> = listed.runs.iter().map(|run| run.id).collect();
    assert_eq!((&ids, listed.unreadable), (&vec![good, bad], Vec::new()));
    assert_eq!(listed.runs[1].title, plan("deploy").title, "without a plan");
    let store = &place.store;
    assert_eq!(store.whole_runs(place.workspace, &ids).await.unwrap(), held);
    super::opening::sql(
        &place.url,
        &format!("update run set priority = 'whenever' where id = {}", bad.0),
    )
    .await;
    for holds in [None, Some("deploy".to_owned())] {
        let filter = RunFilter {
            holds,
            ..filter.clone()
        };
        let listed = store.runs(place.workspace, &filter).await.unwrap();
        assert_eq!(
            (listed.runs.len(), listed.runs[0].id, listed.rest),
            (1, good, None)
        );
        assert!(
            listed.unreadable.len() == 1 && listed.unreadable[0].0 == bad,
            "{:?}",
            listed.unreadable
        );
    }
}
