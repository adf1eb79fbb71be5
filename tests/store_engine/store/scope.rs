//! Isolation of workspaces: `Control` shows and changes only the workspace it was opened in.

use std::collections::BTreeSet;
use std::fmt::Debug;

use opsroom::clock::Clock;
use opsroom::control::routine::series::{ChartAsk, Fineness, SeriesAsk};
use opsroom::control::{
    AdapterContext, AuditFilter, Beginning, Control, ProcessKind, RunFilter, Settings,
};
use opsroom::core::base::time::Timestamp;
use opsroom::core::command::run_ref::{Newest, RunRef};
use opsroom::core::run::act::Act;
use opsroom::core::run::again::Again;
use opsroom::core::run::artifact::{ArtifactDraft, ArtifactKind, Limits};
use opsroom::core::run::breaker::BreakerKey;
use opsroom::core::run::lockout::{LockEnd, Lockable};
use opsroom::core::run::orders::{Ending, Order};
use opsroom::core::run::plan::{Plan, Target, plan_hash};
use opsroom::core::run::resume::Decision;
use opsroom::core::run::{RunId, RunStatus, StepStatus, Transition};
use opsroom::core::stack::diff;
use opsroom::core::stack::maintenance::Maintenance;
use opsroom::core::stack::routine::Routine;
use opsroom::core::stack::routine_edit::RoutineEdit;
use opsroom::core::stack::service::{Environment, Service, Stack};
use opsroom::store::{HomeView, NewArtifact, NewLock, ProbeSize};

use super::{Place, at, event, plan};

/// Methods of `Control` about one run: a run of another workspace is answered like one that does
/// not exist.
const ABOUT_A_RUN: &[&str] = &[
    "act",
    "artifact",
    "compare",
    "entries_after",
    "find_run",
    "next_link",
    "record",
    "run",
    "status",
    "submit_as",
];
/// Methods that show or change a whole workspace.
const ABOUT_A_WORKSPACE: &[&str] = &[
    "apply",
    "audit",
    "breakers",
    "lockouts",
    "maintenance",
    "catalogue",
    "day_totals",
    "days",
    "delete_routine",
    "difference",
    "export",
    "blockers",
    "home_view",
    "keep_home_view",
    "left_over",
    "overview",
    "plan",
    "remember",
    "remembered",
    "act",
    "routine",
    "routine_chart",
    "routine_difference",
    "routine_result",
    "routine_results",
    "routine_series",
    "routines",
    "schedulers",
    "stack",
    "stack_names",
    "runs",
    "runbook",
    "runbooks",
    "whole_runs",
    "submit",
];
/// Methods about the process, its settings or the runbook files.
const ABOUT_NEITHER: &[&str] = &[
    "clock",
    "close",
    "idle",
    "library",
    "subscribe",
    "live",
    "open",
    "waiting",
    "queued_here",
    "reload",
    "require_workspace",
    "settings",
    "store_url",
];

/// `Control` as another process would open it; it runs nothing by itself.
async fn open(place: &Place, workspace: &str) -> Control {
    let settings = Settings {
        store_url: place.url.clone(),
        workspace: Some(workspace.to_owned()),
        actor: "mallory".to_owned(),
        read_only: false,
        simulated: false,
        pulse_ms: 0,
        lease_ms: 30_000,
        lanes: opsroom::core::run::queue::Lanes::default(),
        canaries: Vec::new(),
        runbook_dir: None,
        cache_dir: None,
        adopt_ms: 0,
        door: ProcessKind::Cli,
        context: AdapterContext::default(),
    };
    Control::open(settings, Clock::System).await.unwrap()
}

fn service(name: &str) -> Service {
    Service {
        name: name.to_owned(),
        environments: vec!["staging".to_owned()],
        ..Service::default()
    }
}

/// A stack in the workspace, a run that failed with an artifact, a queued one, a breaker and a lock.
fn routine(name: &str) -> Routine {
    Routine {
        name: name.to_owned(),
        every_ms: Some(60_000),
        ..Routine::default()
    }
}

async fn fill(place: &Place) -> (RunId, RunId) {
    let staging = Environment {
        name: "staging".to_owned(),
        ..Environment::default()
    };
    let stack = Stack {
        environments: vec![staging],
        services: vec![service("web"), service("api")],
        maintenance: vec![Maintenance {
            name: "patches".to_owned(),
            from: "2026-12-05 22:00".to_owned(),
            for_ms: Some(1000),
            ..Maintenance::default()
        }],
        routines: vec![routine("web ping")],
        ..Stack::default()
    };
    let none = Stack {
        timezone: stack.timezone.clone(),
        ..Stack::default()
    };
    place
        .store
        .apply(place.workspace, &diff(&none, &stack), "ana", at(0))
        .await
        .unwrap();
    let claim = place.claimed().await;
    place
        .store
        .transition(claim, Transition::Start, None, &[event("hello")], at(20))
        .await
        .unwrap();
    place
        .store
        .step(claim, 0, StepStatus::Running, 1, None, &[], at(21))
        .await
        .unwrap();
    let left = ArtifactDraft {
        kind: ArtifactKind::File,
        title: "notes".to_owned(),
        content: b"secret plans".to_vec(),
    };
    let artifact = NewArtifact::pack(left).unwrap();
    place
        .store
        .leave(claim, Some(0), &artifact, Limits::default(), at(22))
        .await
        .unwrap()
        .unwrap();
    place
        .store
        .transition(claim, Transition::Fail, Some("no"), &[], at(23))
        .await
        .unwrap();
    let queued = place.submit(plan("deploy")).await.id;
    let target = Target {
        service: "web".to_owned(),
        env: Some("staging".to_owned()),
    };
    let way = BreakerKey {
        target: Some(target),
        host: "web.test".to_owned(),
    };
    let pass = place
        .store
        .admit_call(place.workspace, &way, 1000, at(30))
        .await
        .unwrap();
    place
        .store
        .record_call(place.workspace, &way, pass, Err("down"), at(30))
        .await
        .unwrap();
    let lock = NewLock {
        of: &[Lockable::Runbook("restart".to_owned())],
        end: LockEnd::For(3_600_000),
        until: Timestamp(i64::MAX),
        actor: "ana",
        reason: "migration",
    };
    place
        .store
        .lock(place.workspace, lock, at(40))
        .await
        .unwrap();
    (claim.run, queued)
}

/// Everything in the workspace that a call could have changed.
async fn everything(place: &Place, runs: [RunId; 2]) -> Vec<String> {
    let store = &place.store;
    let mut all = vec![format!(
        "{:#?}",
        store.audit(place.workspace, 99).await.unwrap()
    )];
    for run in runs {
        all.push(format!(
            "{:#?}{:#?}",
            store.run(run).await.unwrap(),
            store.steps(run).await.unwrap()
        ));
        all.push(format!(
            "{:#?}",
            store.entries_after(run, 0, 99).await.unwrap()
        ));
    }
    all.push(format!(
        "{:#?}",
        store.stack(place.workspace).await.unwrap()
    ));
    all.push(format!(
        "{:#?}",
        store.breakers(place.workspace).await.unwrap()
    ));
    all
}

fn plain<T: Debug, E: ToString>(answer: Result<T, E>) -> Result<String, String> {
    answer
        .map(|value| format!("{value:?}"))
        .map_err(|why| why.to_string())
}

/// Every kind of act on a run; the compiler asks for those of a new variant.
fn acts(run: RunId, hash: &str) -> Vec<Act> {
    let mine = || Some("mine".to_owned());
    let order = |order| Act::Order {
        run,
        order,
        reason: mine(),
    };
    let all = vec![
        order(Order::Pause),
        order(Order::Skip(0)),
        order(Order::End(Ending::Cancel)),
        Act::Start {
            run,
            typed: None,
            reason: None,
        },
        Act::Drop { run, reason: None },
        Act::Resume {
            run,
            decision: Some(Decision::Done),
            reason: mine(),
        },
        Act::Retry {
            run,
            again: Again::FromFailed,
            typed: None,
            reason: None,
        },
        Act::Answer {
            run,
            step: 0,
            done: true,
            note: None,
        },
        Act::Vote {
            run,
            approved: true,
            plan_hash: hash.to_owned(),
            note: None,
        },
        Act::Note { run, note: mine() },
        Act::Link {
            run,
            url: "https://acme.test/".to_owned(),
            title: None,
        },
    ];
    for act in &all {
        match act {
            Act::Order { .. }
            | Act::Start { .. }
            | Act::Drop { .. }
            | Act::Resume { .. }
            | Act::Retry { .. }
            | Act::Answer { .. }
            | Act::Vote { .. }
            | Act::Note { .. }
            | Act::Link { .. } => assert_eq!(act.run(), Some(&run)),
            Act::Lock { .. }
            | Act::Unlock { .. }
            | Act::ResetBreaker { .. }
            | Act::RunRoutine { .. }
            | Act::PauseRoutine { .. }
            | Act::ResumeRoutine { .. }
            | Act::ReportRoutine { .. } => panic!("not about a run"),
        }
    }
    all
}

/// The answer of each method about a run: its name, and the error without the run's number.
async fn answers(
    control: &Control,
    run: RunId,
    hash: &str,
) -> Vec<(&'static str, Result<(), String>)> {
    let mut all = Vec::new();
    let mut note = |name, answer: Result<String, String>| {
        all.push((
            name,
            answer
                .map(drop)
                .map_err(|why| why.replace(&run.to_string(), "#N")),
        ));
    };
    note("run", plain(control.run(run).await));
    note("status", plain(control.status(run).await));
    note("record", plain(control.record(run).await));
    note("compare", plain(control.compare(run, run).await));
    note(
        "entries_after",
        plain(control.entries_after(run, 0, 9).await),
    );
    note("artifact", plain(control.artifact(run, 1).await));
    note(
        "find_run",
        plain(control.find_run(&RunRef::Number(run)).await),
    );
    note("next_link", plain(control.next_link(run).await));
    for act in acts(run, hash) {
        note("act", plain(control.act(act).await));
    }
    let again = Beginning {
        retry_of: Some(run),
        ..Beginning::default()
    };
    note(
        "submit_as",
        plain(control.submit_as(plan("deploy"), None, None, again).await),
    );
    all
}

pub async fn a_run_of_another_workspace_does_not_exist(place: Place) {
    let (failed, queued) = fill(&place).await;
    let hash = plan_hash(&plan("deploy"));
    place
        .store
        .ensure_workspace("other", "UTC", at(0))
        .await
        .unwrap();
    let before = everything(&place, [failed, queued]).await;

    let other = open(&place, "other").await;
    let unknown = answers(&other, RunId(4711), &hash).await;
    for run in [failed, queued] {
        let foreign = answers(&other, run, &hash).await;
        assert_eq!(foreign, unknown, "run {run}");
    }
    for (name, answer) in &unknown {
        let why = answer.as_ref().expect_err(name);
        assert!(
            why.contains("there is no run #N in workspace other"),
            "{name}: {why}"
        );
    }
    let tested: BTreeSet<&str> = unknown.iter().map(|(name, _)| *name).collect();
    assert_eq!(tested, ABOUT_A_RUN.iter().copied().collect());
    assert_eq!(
        everything(&place, [failed, queued]).await,
        before,
        "nothing was changed"
    );
    other.close(false).await;

    // In its own workspace the same calls find the run.
    let own = open(&place, "acme").await;
    let rows = own.runbooks().await.unwrap();
    let last = |name: &str| {
        rows.iter()
            .find(|row| row.entry.name == name)?
            .last
            .as_ref()
    };
    assert_eq!(last("deploy").map(|run| run.run), Some(queued));
    let runs = own.runbook("Deploy").await.unwrap().runs;
    assert_eq!(runs.first().map(|run| run.run), Some(queued));
    let unknown = own.runbook("deplyo").await.unwrap_err().to_string();
    assert_eq!(unknown, "there is no runbook deplyo; did you mean deploy?");
    for (name, answer) in answers(&own, failed, &hash).await {
        let only_reads = [
            "run",
            "status",
            "record",
            "compare",
            "entries_after",
            "artifact",
            "find_run",
            "next_link",
        ];
        let refused = answer.as_ref().err().map_or("", String::as_str);
        assert!(
            !only_reads.contains(&name) || refused.is_empty(),
            "{name}: {refused}"
        );
        assert!(
            !refused.contains("there is no run") && !refused.contains("the store failed"),
            "{name}: {refused}"
        );
    }
    own.close(false).await;
}

pub async fn another_workspace_is_empty(place: Place) {
    let (failed, queued) = fill(&place).await;
    place
        .store
        .remember(place.workspace, "mallory", "deploy web to staging", at(1))
        .await
        .unwrap();
    place
        .store
        .ensure_workspace("other", "UTC", at(0))
        .await
        .unwrap();
    let before = everything(&place, [failed, queued]).await;
    let other = open(&place, "other").await;

    let overview = other.overview().await.unwrap();
    assert_eq!(
        (
            overview.runs.len(),
            overview.states.len(),
            overview.breakers.len(),
            overview.needs.len(),
            overview.changes.len()
        ),
        (0, 0, 0, 0, 0)
    );
    assert!(overview.stack.services.is_empty());
    let page = other
        .runs(&RunFilter {
            limit: 99,
            ..RunFilter::default()
        })
        .await
        .unwrap();
    assert!(page.runs.is_empty() && page.queue.is_empty() && page.unreadable.is_empty());
    let rows = other.runbooks().await.unwrap();
    assert!(!rows.is_empty() && rows.iter().all(|row| row.last.is_none()));
    assert!(other.runbook("deploy").await.unwrap().runs.is_empty());
    let whole = other.whole_runs(&[failed, queued]).await.unwrap();
    assert!(whole.runs.is_empty() && whole.unreadable.is_empty());
    let all = AuditFilter {
        limit: 99,
        ..AuditFilter::default()
    };
    assert!(other.audit(&all).await.unwrap().is_empty());
    assert!(
        other
            .audit(&AuditFilter {
                run: Some(failed),
                service: Some("web".into()),
                ..all.clone()
            })
            .await
            .unwrap()
            .is_empty()
    );
    assert!(other.left_over().await.unwrap().is_empty());
    assert!(other.breakers().await.unwrap().is_empty());
    assert!(other.lockouts().await.unwrap().is_empty());
    assert!(other.routines().await.unwrap().is_empty());
    assert!(other.maintenance().await.unwrap().is_empty());
    assert!(other.routine("web ping").await.is_err());
    let (from, until) = (Timestamp(1), Timestamp(2));
    let results = other.routine_results("web ping", from, until).await;
    assert!(results.is_err());
    let ask = SeriesAsk {
        name: "web ping".to_owned(),
        from,
        until,
        buckets: Fineness::AtMost(9),
    };
    assert!(other.routine_series(&ask).await.is_err());
    let chart = ChartAsk {
        name: "web ping".to_owned(),
        length_ms: 1,
        until: None,
        columns: 9,
        compare: true,
    };
    assert!(other.routine_chart(chart).await.is_err());
    assert_eq!(other.routine_result(1).await.unwrap(), None);
    let (schedulers, size) = other.schedulers().await.unwrap();
    assert_eq!((schedulers.len(), size), (0, ProbeSize::default()));
    let reset = Act::ResetBreaker {
        target: "web".to_owned(),
        env: None,
        reason: None,
    };
    assert!(
        other
            .act(reset)
            .await
            .unwrap_err()
            .to_string()
            .contains("no breaker of web")
    );
    assert!(other.days().await.unwrap().is_empty());
    assert!(other.day_totals().await.unwrap().is_empty());
    let looked = HomeView {
        looked_at: Some(at(7)),
        ..HomeView::default()
    };
    let actor = &other.settings().actor;
    place
        .store
        .keep_home_view(place.workspace, actor, looked)
        .await
        .unwrap();
    assert_eq!(other.home_view().await.unwrap(), HomeView::default());
    other.keep_home_view(HomeView::default()).await.unwrap();
    assert_eq!(
        place.store.home_view(place.workspace, actor).await.unwrap(),
        looked
    );
    assert!(other.remembered().await.unwrap().is_empty());
    other.remember("hello").await.unwrap();
    assert!(other.export().await.unwrap().services.is_empty());
    assert!(other.stack().await.unwrap().services.is_empty());
    assert!(other.stack_names().await.unwrap().services.is_empty());
    assert!(
        other.blockers(&plan("deploy")).await.unwrap().is_empty(),
        "their queue is not ours"
    );
    let newest = other
        .find_run(&RunRef::Newest(Newest::default()))
        .await
        .unwrap_err()
        .to_string();
    assert!(newest.contains("there is no run"), "{newest}");
    let parsed =
        opsroom::core::command::parse("deploy web to staging", &other.catalogue().await.unwrap());
    assert!(parsed.services.is_empty(), "{parsed:?}");
    assert!(
        other
            .plan(&parsed, &[], "deploy web to staging")
            .await
            .is_err()
    );

    // Its own changes stay in it.
    let stack = Stack {
        workspace: "other".to_owned(),
        timezone: "UTC".to_owned(),
        services: vec![Service {
            name: "mine".into(),
            ..Service::default()
        }],
        ..Stack::default()
    };
    let difference = other.difference(&stack).await.unwrap();
    assert_eq!(
        (difference.changes.len(), difference.deletions.len()),
        (1, 0),
        "acme's services are not its to delete"
    );
    other.apply(&difference, true).await.unwrap();
    assert!(other.delete_routine("web ping").await.is_err());
    let add = RoutineEdit::Add(vec![routine("web ping")]);
    let difference = other.routine_difference(&add).await.unwrap();
    other.apply(&difference, true).await.unwrap();
    other.delete_routine("web ping").await.unwrap();
    let run = other
        .submit(
            Plan {
                steps: Vec::new(),
                finally: Vec::new(),
                ..plan("deploy")
            },
            None,
            None,
        )
        .await
        .unwrap();
    assert_eq!(run.status, RunStatus::Queued);
    assert_eq!(other.audit(&all).await.unwrap().len(), 4);
    assert_eq!(
        everything(&place, [failed, queued]).await,
        before,
        "nothing was changed"
    );
    other.close(false).await;
}

/// A new method has to be put into one of the lists above, and so tested.
#[test]
fn every_public_method_of_control_is_behind_the_wall() {
    let text = super::sources("src/control");
    let mut found = BTreeSet::new();
    for block in text.split("\nimpl Control {\n").skip(1) {
        let block = block.split("\n}\n").next().unwrap_or_default();
        for head in ["    pub fn ", "    pub const fn ", "    pub async fn "] {
            let names = block
                .split(head)
                .skip(1)
                .filter_map(|rest| rest.split(['(', '<']).next());
            found.extend(names.map(str::to_owned));
        }
    }
    let listed = [ABOUT_A_RUN, ABOUT_A_WORKSPACE, ABOUT_NEITHER].concat();
    assert_eq!(
        found,
        listed.iter().map(|name| (*name).to_owned()).collect()
    );
    let this: String = include_str!("scope.rs").split_whitespace().collect();
    for name in ABOUT_A_WORKSPACE {
        assert!(
            this.contains(&format!("other.{name}(")),
            "Control::{name} is not called on another workspace"
        );
    }
}
