//! What home reads: since when a target is in its state, the last changes, runs of concern, the day
//! of each target, and how a person has set home.

use std::collections::BTreeSet;

use opsroom::core::base::time::Timestamp;
use opsroom::core::health::matrix::{RowOrder, RowSort};
use opsroom::core::health::observation::Observation;
use opsroom::core::metric::sample::{ProbeOutcome, Sample, Trigger};
use opsroom::core::run::plan::{Plan, Target};
use opsroom::core::run::{RunId, RunStatus, Transition};
use opsroom::core::stack::service::{Service, Stack};
use opsroom::core::stack::state::State;
use opsroom::core::stack::{Change, diff};
use opsroom::store::{HomeView, Store};

use super::opening::sql;
use super::{Place, at, plan};

fn seen(service: &str, ms: i64, state: State) -> Observation {
    Observation {
        target: Target {
            service: service.to_owned(),
            env: Some("prod".to_owned()),
        },
        at: at(ms),
        state,
        latency_ms: Some(ms % 1000),
        message: format!("at {ms}"),
        run: None,
    }
}

async fn since(place: &Place, store: &Store) -> Vec<(String, Timestamp)> {
    let found = store.summaries(place.workspace).await.unwrap();
    let since = |(target, summary): (Target, _)| {
        let summary: opsroom::core::health::observation::TargetSummary = summary;
        (target.service, summary.since)
    };
    found.into_iter().map(since).collect()
}

pub async fn a_state_has_a_beginning(place: Place) {
    use State::{Degraded, Failing, Ok, Unknown};
    let store = place.store.clone();
    for (batch, wanted) in [
        (vec![(10, Failing)], 10),
        (vec![(20, Failing)], 10),
        (vec![(30, Ok)], 30),
        (vec![(40, Ok)], 30),
        // Late: it changes nothing.
        (vec![(35, Failing)], 30),
        (vec![(50, Unknown)], 50),
        (vec![(60, Unknown), (70, Unknown)], 50),
        // All in one batch, and not in order.
        (vec![(90, Failing), (80, Ok), (100, Failing)], 90),
        (vec![(110, Degraded), (120, Failing)], 120),
    ] {
        let all: Vec<_> = batch
            .iter()
            .map(|(ms, state)| seen("web", *ms, *state))
            .collect();
        store.observe(place.workspace, &all).await.unwrap();
        assert_eq!(
            since(&place, &store).await,
            [("web".to_owned(), at(wanted))],
            "{batch:?}"
        );
    }
}

/// Undoes the migration and opens the store again.
pub async fn earlier_states_get_their_beginning(place: Place) {
    use State::{Degraded, Failing, Ok};
    for (service, ms, state) in [
        ("always", 10, Ok),
        ("always", 20, Ok),
        ("changed", 10, Ok),
        ("changed", 20, Failing),
        ("changed", 30, Degraded),
        ("changed", 40, Failing),
        ("changed", 50, Failing),
        ("once", 60, Failing),
    ] {
        let one = [seen(service, ms, state)];
        place.store.observe(place.workspace, &one).await.unwrap();
        let (workspace, at, state) = (place.workspace, one[0].at.0, state.name());
        let row = format!(
            "insert into observation (workspace_id, service, env, at, state, message)
             values ({workspace}, '{service}', 'prod', {at}, '{state}', '')"
        );
        sql(&place.url, &row).await;
    }
    let changing = Plan {
        mutates: true,
        ..plan("deploy")
    };
    let mut runs = Vec::new();
    for plan in [
        changing,
        Plan {
            mutates: false,
            ..plan("check")
        },
    ] {
        let run = place.submit(plan).await.id;
        begin(&place, run).await;
        runs.push(run);
    }
    let wanted = since(&place, &place.store).await;
    let changes = place.store.last_changes(place.workspace).await.unwrap();
    assert_eq!(
        changes.iter().map(|c| c.run).collect::<Vec<_>>(),
        [Some(runs[0]); 2],
        "both services of the changing run"
    );
    place.store.close().await;
    let undo = "drop index run_changing;
         drop index run_unsettled;
         drop index run_failed;
         drop index audit_of_service;
         alter table run drop column mutates;
         alter table latest_observation drop column state_since;
         drop table home_view;
         drop index run_goes_on;
         drop index run_of_runbook;
         alter table run drop column again;
         alter table run_step drop column taken_from;
         drop table run_note;
         drop table lockout;
         drop table routine_run;
         drop table maintenance;
         alter table workspace drop column stack_revision;
         drop table routine_member;
         drop table routine_shard;
         drop table routine_request;
         drop table probe_evidence;
         drop table routine_change;
         drop table routine_state;
         drop table probe_rollup;
         drop table probe_chunk;
         drop table probe_batch;
         drop table probe_routine;
         delete from _sqlx_migrations where version >= 10";
    sql(&place.url, undo).await;
    let again = Store::open(&place.url).await.unwrap();
    assert_eq!(since(&place, &again).await, wanted);
    let [always, failing, once] = &wanted[..] else {
        panic!("{wanted:?}")
    };
    assert_eq!((always.1, failing.1, once.1), (at(10), at(40), at(60)));
    assert_eq!(again.last_changes(place.workspace).await.unwrap(), changes);
    again.close().await;
}

/// Claims, starts and ends the run.
async fn begin(place: &Place, run: RunId) {
    begin_at(place, run, run.0 * 1000).await;
}

pub(super) async fn begin_at(place: &Place, run: RunId, started: i64) {
    let (claim, ..) = place
        .store
        .claim(Some(run), "one", at(9_000_000))
        .await
        .unwrap()
        .unwrap();
    for (what, ms) in [
        (Transition::Start, started),
        (Transition::Succeed, 8_000_000),
    ] {
        place
            .store
            .transition(claim, what, None, &[], at(ms))
            .await
            .unwrap();
    }
}

pub async fn the_last_change_of_a_service_is_a_run_or_an_edit(place: Place) {
    let (store, workspace) = (&place.store, place.workspace);
    assert_eq!(store.last_changes(workspace).await.unwrap(), []);
    let change = |mutates, env: &str, services: &[&str]| Plan {
        mutates,
        env: Some(env.to_owned()),
        services: services.iter().map(|s| (*s).to_owned()).collect(),
        ..plan("deploy")
    };
    let mut runs = Vec::new();
    for plan in [
        change(true, "prod", &["web", "api"]),
        change(true, "prod", &["web"]),
        change(true, "dev", &["web"]),
        change(false, "prod", &["web"]),
    ] {
        let run = place.submit(plan).await.id;
        begin(&place, run).await;
        runs.push(run);
    }
    // Queued: it has changed nothing yet.
    place.submit(change(true, "prod", &["web", "api"])).await;
    let service = |name: &str, owner: Option<&str>| Service {
        name: name.to_owned(),
        owner: owner.map(str::to_owned),
        ..Service::default()
    };
    let stack = |services: Vec<Service>| Stack {
        workspace: "acme".to_owned(),
        timezone: "Europe/Berlin".to_owned(),
        services,
        ..Stack::default()
    };
    let all = [
        stack(vec![]),
        stack(vec![
            service("web", None),
            service("crm", None),
            service("old", None),
        ]),
        stack(vec![service("web", Some("ana")), service("crm", None)]),
    ];
    for (n, step) in all.windows(2).enumerate() {
        let changes: Vec<Change> = diff(&step[0], &step[1]);
        let when = at(100_000 + i64::try_from(n).unwrap());
        store.apply(workspace, &changes, "bea", when).await.unwrap();
    }
    let mut found: Vec<_> = store
        .last_changes(workspace)
        .await
        .unwrap()
        .into_iter()
        .map(|c| (c.service, c.env, c.run, c.what, c.at, c.actor))
        .collect();
    found.sort();
    let by_run = |service: &str, env: &str, run: RunId| {
        let (env, what) = (Some(env.to_owned()), "deploy".to_owned());
        (
            service.to_owned(),
            env,
            Some(run),
            what,
            at(run.0 * 1000),
            "ana".to_owned(),
        )
    };
    let edit = |service: &str, what: &str, ms| {
        (
            service.to_owned(),
            None,
            None,
            what.to_owned(),
            at(ms),
            "bea".to_owned(),
        )
    };
    assert_eq!(
        found,
        [
            by_run("api", "prod", runs[0]),
            edit("crm", "added", 100_000),
            edit("old", "removed", 100_001),
            edit("web", "edited", 100_001),
            by_run("web", "dev", runs[2]),
            by_run("web", "prod", runs[1]),
        ]
    );
}

/// The run with the higher number was requested later and started first.
pub async fn the_last_change_is_the_run_that_started_last(place: Place) {
    let change = |env: &str| Plan {
        mutates: true,
        env: Some(env.to_owned()),
        services: vec!["web".to_owned()],
        ..plan("deploy")
    };
    let mut runs = Vec::new();
    for env in ["prod", "prod", "dev"] {
        runs.push(place.submit(change(env)).await.id);
    }
    for (run, started) in runs.iter().zip([300, 100, 200]) {
        begin_at(&place, *run, started).await;
    }
    let found = place.store.last_changes(place.workspace).await.unwrap();
    let found: Vec<_> = found.into_iter().map(|c| (c.run, c.at)).collect();
    let wanted = [(Some(runs[2]), at(200)), (Some(runs[0]), at(300))];
    assert_eq!(found, wanted, "by the time they started");
}

pub async fn of_the_runs_that_wait_the_oldest_are_found(place: Place) {
    let mut ids = Vec::new();
    for end in [Transition::Wait, Transition::Interrupt, Transition::Fail] {
        let mut all = Vec::new();
        for _ in 0..51 {
            let plan = Plan {
                services: vec![],
                ..plan("deploy")
            };
            let run = place.submit(plan).await.id;
            let claim = place.store.claim(Some(run), "one", at(9_000_000)).await;
            let (claim, ..) = claim.unwrap().unwrap();
            for what in [Transition::Start, end] {
                let done = place.store.transition(claim, what, None, &[], at(20)).await;
                done.unwrap();
            }
            all.push(run);
        }
        ids.push(all);
    }
    let found = place.store.runs_of_concern(place.workspace).await.unwrap();
    let of = |status: RunStatus| -> BTreeSet<RunId> {
        let runs = found.iter().filter(|run| run.status == status);
        runs.map(|run| run.id).collect()
    };
    for (status, wanted) in [
        (RunStatus::Waiting, &ids[0][..50]),
        (RunStatus::Interrupted, &ids[1][1..]),
        (RunStatus::Failed, &ids[2][1..]),
    ] {
        assert_eq!(of(status), wanted.iter().copied().collect(), "{status:?}");
    }
}

pub async fn runs_of_concern_wait_were_interrupted_or_failed(place: Place) {
    let mut wanted = Vec::new();
    for end in [
        None,
        Some(Transition::Wait),
        Some(Transition::Succeed),
        Some(Transition::Fail),
        Some(Transition::Interrupt),
    ] {
        let run = place
            .submit(Plan {
                services: vec![],
                ..plan("deploy")
            })
            .await
            .id;
        let Some(end) = end else { continue };
        let (claim, ..) = place
            .store
            .claim(Some(run), "one", at(9_000_000))
            .await
            .unwrap()
            .unwrap();
        for what in [Transition::Start, end] {
            place
                .store
                .transition(claim, what, None, &[], at(20))
                .await
                .unwrap();
        }
        if end != Transition::Succeed {
            wanted.push(run);
        }
    }
    let found = place.store.runs_of_concern(place.workspace).await.unwrap();
    let mut ids: Vec<_> = found.iter().map(|run| run.id).collect();
    ids.sort();
    assert_eq!(ids, wanted);
    assert!(found.iter().all(|run| run.status != RunStatus::Succeeded));
    let other = place
        .store
        .ensure_workspace("other", "UTC", at(0))
        .await
        .unwrap()
        .id;
    assert_eq!(place.store.runs_of_concern(other).await.unwrap(), []);
}

pub async fn observations_of_earlier_versions_become_samples(place: Place) {
    use ProbeOutcome::{Degraded, Failing, Ok, Unknown};
    use Trigger::{Manual, Schedule};
    let other = place.store.ensure_workspace("other", "UTC", at(0)).await;
    let (workspace, other) = (place.workspace, other.unwrap().id);
    let run = place.submit(plan("check")).await.id.0;
    let rows = format!(
        "insert into observation (workspace_id, service, env, at, state, latency_ms, message, run_id) values
         ({workspace}, 'web', 'prod', 5000, 'ok', 41, '', null),
         ({workspace}, 'web', 'prod', 9000, 'failing', null, '', {run}),
         ({workspace}, 'crm', '', 6000, 'unknown', null, '', null),
         ({workspace}, 'crm', '', -6000, 'ok', 1, 'before 1970', null),
         ({other}, 'web', 'prod', 7000, 'degraded', 90000, '', null)"
    );
    sql(&place.url, &rows).await;
    let store = &place.store;
    assert_eq!(store.import_observations(at(9000)).await.unwrap(), 5);
    assert_eq!(store.import_observations(at(9000)).await.unwrap(), 0);
    let kept = async |workspace: i64, name: &str| {
        let routines = store.routines(workspace).await.unwrap();
        let routine = routines.iter().find(|r| r.name == name).unwrap();
        let all = store.samples(routine.id, Timestamp(0), Timestamp(99_000));
        let sample = |s: Sample| (s.slot, s.latency_us, s.outcome, s.trigger);
        all.await
            .unwrap()
            .into_iter()
            .map(sample)
            .collect::<Vec<_>>()
    };
    assert_eq!(
        kept(workspace, "probe web in prod").await,
        [
            (5000, Some(41_000), Ok, Schedule),
            (9000, None, Failing, Manual)
        ]
    );
    assert_eq!(
        kept(workspace, "probe crm").await,
        [(6000, None, Unknown, Schedule)]
    );
    assert_eq!(
        kept(other, "probe web in prod").await,
        [(7000, Some(90_000_000), Degraded, Schedule)]
    );
    let names = ["probe web in prod".to_owned(), "none".to_owned()];
    assert_eq!(store.result_count(workspace, &names).await.unwrap(), 2);
    store.compact_probes(at(9_999_000_000)).await.unwrap();
    assert_eq!(store.result_count(workspace, &names).await.unwrap(), 2);
    assert_eq!(store.result_count(workspace, &[]).await.unwrap(), 0);
}

pub async fn each_person_has_a_home(place: Place) {
    let (store, workspace) = (&place.store, place.workspace);
    let ana = HomeView {
        sort: RowSort::default()
            .chosen(RowOrder::Changed)
            .chosen(RowOrder::Changed),
        looked_at: Some(at(5)),
    };
    assert_eq!(
        store.home_view(workspace, "ana").await.unwrap(),
        HomeView::default()
    );
    for view in [
        HomeView {
            sort: RowSort::default().chosen(RowOrder::Name),
            looked_at: None,
        },
        ana,
    ] {
        store.keep_home_view(workspace, "ana", view).await.unwrap();
        assert_eq!(store.home_view(workspace, "ana").await.unwrap(), view);
    }
    // Another console of hers has not opened the list, or opened it earlier: the order is taken
    // from it, and what was looked at stays looked at.
    for (looked_at, kept) in [(None, 5), (Some(4), 5), (Some(6), 6)] {
        let view = HomeView {
            sort: RowSort::default().chosen(RowOrder::Name),
            looked_at: looked_at.map(at),
        };
        store.keep_home_view(workspace, "ana", view).await.unwrap();
        let wanted = HomeView {
            looked_at: Some(at(kept)),
            ..view
        };
        let found = store.home_view(workspace, "ana").await.unwrap();
        assert_eq!(found, wanted, "{looked_at:?}");
    }
    assert_eq!(
        store.home_view(workspace, "bob").await.unwrap(),
        HomeView::default()
    );
}
