//! What `Control` answers, refuses and stores for each request of a person.

use std::collections::BTreeSet;

use opsroom::bus::Notice;
use opsroom::clock::Clock;
use opsroom::control::run::orders::Approval;
use opsroom::control::{
    AdapterContext, AuditFilter, Beginning, Control, PlanCard, ProcessKind, Refusal, RunFilter,
    Settings,
};
use opsroom::core::base::message::MAX_OUTCOME_BYTES;
use opsroom::core::base::secret::{Secret, Source};
use opsroom::core::base::time::Timestamp;
use opsroom::core::command::run_ref::{Newest, RunRef, Since};
use opsroom::core::command::{ParseOutcome, Parsed};
use opsroom::core::run::act::{Act, Acted};
use opsroom::core::run::again::Again;
use opsroom::core::run::approval::Tally;
use opsroom::core::run::breaker::BreakerKey;
use opsroom::core::run::concurrency::{Concurrency, Policy};
use opsroom::core::run::lockout::{self, LockEnd, Lockable};
use opsroom::core::run::need::{NeedReason, RunNeed};
use opsroom::core::run::orders::{Ending, Order, Pace};
use opsroom::core::run::plan::{Plan, PlanStep, Risk, RiskLevel, Rules, Target, plan_hash};
use opsroom::core::run::priority::Priority;
use opsroom::core::run::queue::Lane;
use opsroom::core::run::resume::Decision;
use opsroom::core::run::step::StepSpec;
use opsroom::core::run::step::approve::Approve;
use opsroom::core::run::step::manual::Manual;
use opsroom::core::run::summary::RunSummary;
use opsroom::core::run::{Phase, RunId, RunStatus, StepStatus, Transition};
use opsroom::core::stack::routine::Routine;
use opsroom::core::stack::routine_edit::RoutineEdit;
use opsroom::core::stack::service::{Contact, Environment, Service, Stack};
use opsroom::core::stack::{Change, diff};
use opsroom::store::{Claim, NewRun};
use opsroom::vault::Vault;

use super::{Place, at, event, plan};

const VALUE: &str = "correct-horse-7";

/// A subcommand in the place's workspace, run by ana. It has no engine before its first run.
pub fn settings(place: &Place) -> Settings {
    Settings {
        store_url: place.url.clone(),
        workspace: None,
        actor: "ana".to_owned(),
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
    }
}

pub async fn open(settings: Settings) -> Control {
    Control::open(settings, Clock::System).await.unwrap()
}

async fn opened_by(place: &Place, actor: &str) -> Control {
    let actor = actor.to_owned();
    open(Settings {
        actor,
        ..settings(place)
    })
    .await
}

/// A process that knows the secret `KEY`.
async fn keeping_a_secret(place: &Place, folder: &tempfile::TempDir) -> Control {
    let file = folder.path().join("key");
    std::fs::write(&file, VALUE).unwrap();
    let mode = <std::fs::Permissions as std::os::unix::fs::PermissionsExt>::from_mode(0o600);
    std::fs::set_permissions(&file, mode).unwrap();
    let secret = Secret {
        name: "KEY".to_owned(),
        source: Source::File(file.display().to_string()),
        hosts: Vec::new(),
    };
    let context = AdapterContext {
        vault: Vault::new(vec![secret]),
        ..AdapterContext::default()
    };
    open(Settings {
        context,
        ..settings(place)
    })
    .await
}

/// The act with this reason or note.
pub fn because(act: Act, why: Option<&str>) -> Act {
    act.because(why.map(str::to_owned))
}

const fn order(run: RunId, order: Order) -> Act {
    let reason = None;
    Act::Order { run, order, reason }
}

pub const fn start(run: RunId) -> Act {
    let (typed, reason) = (None, None);
    Act::Start { run, typed, reason }
}

pub const fn drop_queued(run: RunId) -> Act {
    Act::Drop { run, reason: None }
}

const fn retry(run: RunId) -> Act {
    let (typed, reason) = (None, None);
    Act::Retry {
        run,
        again: Again::All,
        typed,
        reason,
    }
}

const fn resume(run: RunId, decision: Option<Decision>) -> Act {
    Act::Resume {
        run,
        decision,
        reason: None,
    }
}

/// An answer to the first step.
pub const fn answer(run: RunId, done: bool) -> Act {
    Act::Answer {
        run,
        step: 0,
        done,
        note: None,
    }
}

fn approve(run: RunId, plan_hash: &str) -> Act {
    Act::Vote {
        run,
        approved: true,
        plan_hash: plan_hash.to_owned(),
        note: None,
    }
}

fn reset_breaker(target: &str, env: Option<&str>) -> Act {
    Act::ResetBreaker {
        target: target.to_owned(),
        env: env.map(str::to_owned),
        reason: None,
    }
}

/// A plan without steps.
fn empty(runbook: &str) -> Plan {
    Plan {
        steps: Vec::new(),
        finally: Vec::new(),
        ..plan(runbook)
    }
}

fn refused<T: std::fmt::Debug>(answer: Result<T, Refusal>) -> String {
    answer.unwrap_err().to_string()
}

fn news(bus: &mut tokio::sync::broadcast::Receiver<Notice>) -> Vec<Notice> {
    std::iter::from_fn(|| bus.try_recv().ok()).collect()
}

async fn all_runs(place: &Place) -> Vec<RunSummary> {
    let filter = RunFilter {
        limit: 99,
        ..RunFilter::default()
    };
    place
        .store
        .runs(place.workspace, &filter)
        .await
        .unwrap()
        .runs
}

fn stack() -> Stack {
    let service = |name: &str| Service {
        name: name.to_owned(),
        environments: vec!["staging".to_owned()],
        ..Service::default()
    };
    let staging = Environment {
        name: "staging".to_owned(),
        ..Environment::default()
    };
    Stack {
        workspace: "acme".to_owned(),
        timezone: "Europe/Berlin".to_owned(),
        environments: vec![staging],
        services: vec![service("web"), service("api")],
        ..Stack::default()
    }
}

async fn apply(place: &Place, stack: &Stack) {
    let before = place.store.stack(place.workspace).await.unwrap();
    place
        .store
        .apply(place.workspace, &diff(&before, stack), "ana", at(0))
        .await
        .unwrap();
}

async fn started(place: &Place, run: RunId) -> Claim {
    let (claim, _) = place
        .store
        .claim(Some(run), "far:1", Timestamp(i64::MAX))
        .await
        .unwrap()
        .unwrap();
    place
        .store
        .transition(claim, Transition::Start, None, &[], at(40))
        .await
        .unwrap();
    claim
}

/// The run waits in its first step, for a person.
async fn waiting(place: &Place, run: RunId) -> Claim {
    let claim = started(place, run).await;
    place
        .store
        .step(
            claim,
            0,
            StepStatus::Waiting,
            1,
            None,
            &[],
            Clock::System.now(),
        )
        .await
        .unwrap();
    place
        .store
        .transition(claim, Transition::Wait, None, &[], at(41))
        .await
        .unwrap();
    claim
}

async fn ended(place: &Place, plan: Plan, how: Transition) -> RunId {
    let run = place.submit(plan).await.id;
    let claim = started(place, run).await;
    place
        .store
        .transition(claim, how, None, &[], at(50))
        .await
        .unwrap();
    run
}

pub async fn every_open_question_of_a_run_is_a_need(place: Place) {
    let ask = |name: &str| {
        let ask = StepSpec::Manual(Manual {
            prompt: name.to_owned(),
        });
        PlanStep::new(name, Phase::Action, ask, 60_000)
    };
    let asking = Plan {
        steps: vec![ask("one"), ask("two")],
        ..plan("deploy")
    };
    let run = place.submit(asking).await.id;
    let claim = waiting(&place, run).await;
    let control = open(settings(&place)).await;
    let asked = async || {
        let needs = control.overview().await.unwrap().needs;
        let of = |need: &RunNeed| (need.reason, need.run, need.step);
        needs.iter().map(of).collect::<Vec<_>>()
    };
    let first = (NeedReason::Question, run, Some(0));
    assert_eq!(asked().await, [first]);
    let step = |number, status| {
        let now = Clock::System.now();
        place.store.step(claim, number, status, 1, None, &[], now)
    };
    step(1, StepStatus::Waiting).await.unwrap();
    let second = (NeedReason::Question, run, Some(1));
    assert_eq!(asked().await, [first, second]);
    step(0, StepStatus::Succeeded).await.unwrap();
    assert_eq!(asked().await, [second]);
    control.close(false).await;
}

pub async fn a_read_only_process_changes_nothing(place: Place) {
    let run = place.submit(plan("deploy")).await.id;
    let before = place.store.run(run).await.unwrap();
    let control = open(Settings {
        read_only: true,
        ..settings(&place)
    })
    .await;
    let hash = plan_hash(&plan("deploy"));
    let difference = control.difference(&stack()).await.unwrap();
    let read_only = |what: &str, answer: Result<(), Refusal>| {
        assert!(
            matches!(answer, Err(Refusal::ReadOnly)),
            "{what}: {answer:?}"
        );
    };
    let submitted = control.submit(plan("deploy"), None, None).await;
    read_only("submit", submitted.map(drop));
    read_only("apply", control.apply(&difference, true).await);
    for act in [
        answer(run, true),
        order(run, Order::Pause),
        order(run, Order::End(Ending::Cancel)),
        approve(run, &hash),
        resume(run, None),
        drop_queued(run),
        start(run),
        retry(run),
        reset_breaker("web", None),
    ] {
        let what = format!("{act:?}");
        read_only(&what, control.act(act).await.map(drop));
    }
    assert_eq!(place.store.run(run).await.unwrap(), before);
    assert_eq!(all_runs(&place).await.len(), 1);
    assert!(
        place
            .store
            .stack(place.workspace)
            .await
            .unwrap()
            .services
            .is_empty()
    );
    assert!(place.store.engines().await.unwrap().is_empty());
    // What it shows is what is there.
    assert_eq!(control.status(run).await.unwrap(), RunStatus::Queued);
    assert_eq!(control.run(run).await.unwrap().run, before);
    control.close(false).await;
}

pub async fn a_blocked_or_unconfirmed_plan_is_not_started(place: Place) {
    let control = open(settings(&place)).await;
    let risk = |level, code: &str| Risk {
        level,
        code: code.to_owned(),
        message: format!("{code} happened"),
    };
    let with = |risks| Plan {
        risks,
        ..empty("deploy")
    };
    let blocked = with(vec![
        risk(RiskLevel::Warn, "W"),
        risk(RiskLevel::Block, "B"),
    ]);
    let chained = Plan {
        then: vec![blocked.clone()],
        ..with(vec![risk(RiskLevel::Info, "I")])
    };
    for plan in [blocked, chained] {
        let answer = control.submit(plan, None, None).await;
        assert_eq!(refused(answer), "blocked by B: B happened");
    }
    let prod = Plan {
        protected: true,
        mutates: true,
        env: Some("prod".to_owned()),
        services: vec!["web".to_owned()],
        ..empty("deploy")
    };
    let later = Plan {
        then: vec![prod.clone()],
        ..empty("check")
    };
    for plan in [&prod, &later] {
        for typed in [None, Some(""), Some("web"), Some("prod")] {
            let answer = control.submit(plan.clone(), typed, None).await;
            assert_eq!(
                refused(answer),
                "prod is protected: type `prod web` to confirm",
                "{typed:?}"
            );
        }
    }
    assert!(all_runs(&place).await.is_empty(), "nothing was queued");
    for (plan, typed) in [
        (with(vec![risk(RiskLevel::Warn, "W")]), None),
        (prod, Some("prod web")),
        (later, Some(" PROD  web")),
    ] {
        control.submit(plan, typed, None).await.unwrap();
    }
    let mut first = 0;
    for run in all_runs(&place).await {
        let run = place.store.run(run.id).await.unwrap();
        first += usize::from(run.parent.is_none());
    }
    assert_eq!(first, 3);
    control.close(false).await;
}

pub async fn a_run_keeps_who_asked_for_it_where_and_why(place: Place) {
    let folder = tempfile::tempdir().unwrap();
    let control = keeping_a_secret(&place, &folder).await;
    let long = "x".repeat(MAX_OUTCOME_BYTES + 1);
    let fits = "y".repeat(MAX_OUTCOME_BYTES);
    for (reason, kept) in [
        (None, None),
        (Some(" \n"), None),
        (Some("  release 4 "), Some("release 4")),
        (Some("with correct-horse-7"), Some("with [secret KEY]")),
        (Some(fits.as_str()), Some(fits.as_str())),
    ] {
        let mut bus = control.subscribe();
        let run = control.submit(empty("deploy"), None, reason).await.unwrap();
        assert_eq!(run.reason.as_deref(), kept);
        assert_eq!(
            (run.actor.as_str(), run.trigger.as_str(), run.status),
            ("ana", "cli", RunStatus::Queued)
        );
        assert_eq!(
            bus.recv().await.unwrap(),
            Notice::Run(run.id, RunStatus::Queued)
        );
        control.idle().await;
        let ended = place.store.run(run.id).await.unwrap();
        assert_eq!(
            ended.status,
            RunStatus::Succeeded,
            "a subcommand drives its own run: {ended:?}"
        );
    }
    let run = control
        .submit(empty("deploy"), None, Some(&long))
        .await
        .unwrap();
    let reason = run.reason.unwrap();
    assert!(reason.len() <= MAX_OUTCOME_BYTES, "{}", reason.len());
    assert!(reason.contains("1,025 bytes"), "{reason}");
    control.close(true).await;

    let server = open(Settings {
        door: ProcessKind::Serve,
        ..settings(&place)
    })
    .await;
    let run = server.submit(empty("deploy"), None, None).await.unwrap();
    assert_eq!(run.trigger, "serve");
    server.close(true).await;
}

pub async fn a_plan_or_a_stack_that_holds_a_secret_is_refused_with_its_place(place: Place) {
    let folder = tempfile::tempdir().unwrap();
    let control = keeping_a_secret(&place, &folder).await;
    let input = Plan {
        inputs: [("token".to_owned(), VALUE.to_owned())].into(),
        ..empty("deploy")
    };
    let mut step = plan("deploy");
    step.finally[0] = PlanStep::new(
        "tidy",
        Phase::Action,
        StepSpec::Manual(Manual {
            prompt: format!("type {VALUE}"),
        }),
        1000,
    );
    let text = Plan {
        raw_text: format!("deploy {VALUE}"),
        ..empty("deploy")
    };
    let chained = Plan {
        then: vec![step.clone()],
        ..empty("check")
    };
    let in_step = "step tidy holds the value of a secret, which would be kept with the run; write the secret's name where \
         its value stands (secrets, auth, headers)";
    for (plan, why) in [
        (
            input,
            "the input token holds the value of a secret, which would be kept with the run; give the secret's name \
             to an input of type secret instead",
        ),
        (step, in_step),
        (chained, in_step),
        (
            text,
            "the request holds the value of a secret, which would be kept with the run; say it without",
        ),
    ] {
        let answer = control.submit(plan, None, None).await;
        assert_eq!(refused(answer), why);
    }
    assert!(all_runs(&place).await.is_empty());
    control.submit(empty("deploy"), None, None).await.unwrap();

    let mut services = stack();
    services.services[1].notes = Some(format!("the key is {VALUE}"));
    let mut elsewhere = stack();
    elsewhere.contacts = vec![Contact {
        name: VALUE.to_owned(),
        ..Contact::default()
    }];
    for (stack, place) in [(services, "service api"), (elsewhere, "the stack file")] {
        let answer = control.difference(&stack).await;
        assert_eq!(
            refused(answer),
            format!(
                "{place} holds the value of a secret, which would be kept in the store; write the secret's name where its \
                 value stands (secret_ref, secrets)"
            )
        );
    }
    control.difference(&stack()).await.unwrap();
    control.remember(&format!("deploy {VALUE}")).await.unwrap();
    control.remember("check web").await.unwrap();
    assert_eq!(
        control.remembered().await.unwrap(),
        ["check web", "deploy [secret KEY]"],
        "newest first"
    );
    control.close(false).await;
    let other = opened_by(&place, "ben").await;
    assert!(other.remembered().await.unwrap().is_empty());
    other.close(false).await;
}

pub async fn a_question_is_answered_with_its_word_or_with_no(place: Place) {
    let folder = tempfile::tempdir().unwrap();
    let control = keeping_a_secret(&place, &folder).await;
    let question = |word: Option<&str>| {
        let spec = StepSpec::Manual(Manual {
            prompt: "Grow it?".to_owned(),
        });
        let rules = Rules {
            word: word.map(str::to_owned),
            ..Rules::default()
        };
        Plan {
            steps: vec![PlanStep {
                rules,
                ..PlanStep::new("grow", Phase::Action, spec, 60_000)
            }],
            ..empty("grow")
        }
    };
    for (word, done, note, kept) in [
        (Some("grow"), true, Some("grew"), None),
        (Some("grow"), true, None, None),
        (Some("grow"), true, Some(" grow\n"), Some(Some(" grow\n"))),
        (Some("grow"), false, Some("grew"), Some(Some("grew"))),
        (Some("grow"), false, None, Some(None)),
        (None, true, None, Some(None)),
        (
            None,
            true,
            Some("with correct-horse-7"),
            Some(Some("with [secret KEY]")),
        ),
    ] {
        let run = place.submit(question(word)).await.id;
        let claim = waiting(&place, run).await;
        let mut bus = control.subscribe();
        let act = because(answer(run, done), note);
        let answered = control.act(act).await;
        let stored = place.store.answer_of(run, 0).await.unwrap();
        let Some(kept) = kept else {
            assert_eq!(
                refused(answered),
                "not confirmed: the note has to be `grow`"
            );
            assert_eq!(stored, None);
            assert_eq!(news(&mut bus), []);
            continue;
        };
        assert_eq!(answered.unwrap(), Acted::Answered(run));
        assert_eq!(
            stored,
            Some((done, "ana".to_owned(), kept.map(str::to_owned)))
        );
        assert_eq!(news(&mut bus), [Notice::Steps(run)]);
        let _ = claim;
    }
    control.close(false).await;
}

pub async fn an_order_is_announced_and_a_skip_needs_a_reason(place: Place) {
    let control = open(settings(&place)).await;
    let run = place.submit(plan("deploy")).await.id;
    started(&place, run).await;
    for reason in [None, Some(""), Some(" ")] {
        let skip = because(order(run, Order::Skip(1)), reason);
        assert_eq!(
            refused(control.act(skip).await),
            "skipping a step needs a reason: say why"
        );
    }
    for (what, reason, status) in [
        (Order::Pause, None, RunStatus::Running),
        (Order::Skip(1), Some(" not needed "), RunStatus::Running),
        (Order::End(Ending::AfterStep), None, RunStatus::Running),
    ] {
        let mut bus = control.subscribe();
        let act = because(order(run, what), reason);
        let ordered = Acted::Ordered {
            run,
            order: what,
            status,
        };
        assert_eq!(control.act(act).await.unwrap(), ordered);
        let last = place.store.run(run).await.unwrap().last_seq;
        assert_eq!(
            news(&mut bus),
            [
                Notice::Steps(run),
                Notice::Entries(run, last),
                Notice::Run(run, status)
            ],
            "{what:?}"
        );
    }
    assert_eq!(
        place.store.steps(run).await.unwrap()[1].message.as_deref(),
        Some("skipped by ana: not needed")
    );
    let cancel = Order::End(Ending::Cancel);
    let act = because(order(run, cancel), Some("enough"));
    assert_eq!(
        control.act(act).await.unwrap(),
        Acted::Ordered {
            run,
            order: cancel,
            status: RunStatus::Running
        }
    );
    let stored = place.store.run(run).await.unwrap();
    assert_eq!(
        (stored.orders.pace, stored.orders.ending),
        (Pace::Paused, Some(Ending::Cancel))
    );
    assert_eq!(stored.cancel_requested_by.as_deref(), Some("ana"));
    let filter = AuditFilter {
        run: Some(run),
        limit: 1,
        ..AuditFilter::default()
    };
    let audit = control.audit(&filter).await.unwrap();
    assert_eq!(
        (
            audit.len(),
            audit[0].actor.as_str(),
            audit[0].reason.as_deref()
        ),
        (1, "ana", Some("enough"))
    );
    control.close(false).await;
}

fn asking(need: u32, from: &[&str]) -> PlanStep {
    let ask = Approve {
        prompt: "ship it?".to_owned(),
        need,
        from: from.iter().map(ToString::to_string).collect(),
        ..Approve::default()
    };
    PlanStep::new("sign off", Phase::Action, StepSpec::Approve(ask), 60_000)
}

pub async fn an_approval_is_shown_with_its_votes_and_deadline(place: Place) {
    let plan = Plan {
        steps: vec![asking(2, &[]), asking(1, &[])],
        ..empty("deploy")
    };
    let hash = plan_hash(&plan);
    let run = place.submit(plan).await.id;
    let ben = opened_by(&place, "ben").await;
    assert_eq!(ben.run(run).await.unwrap().approval, None, "it is queued");
    let claim = waiting(&place, run).await;
    let shown = ben.run(run).await.unwrap();
    let approval = shown.approval.clone().unwrap();
    let asked_at = shown.steps[0].started_at.unwrap();
    assert_eq!(
        approval,
        Approval {
            step: 0,
            plan_hash: hash.clone(),
            requesters: vec!["ana".to_owned()],
            votes: Vec::new(),
            until: asked_at.plus_ms(60_000),
        }
    );
    let question = approval.question(&shown.run).unwrap();
    assert_eq!(
        (question.ask.need, question.plan_hash, question.until),
        (2, hash.as_str(), approval.until)
    );
    assert_eq!(question.tally(), Tally::Open(Vec::new()));
    let elsewhere = Approval {
        step: 7,
        ..approval
    };
    assert!(elsewhere.question(&shown.run).is_none());

    let mut bus = ben.subscribe();
    let vote = because(approve(run, &hash), Some(" fine "));
    let tally = Tally::Open(vec!["ben".to_owned()]);
    assert_eq!(ben.act(vote).await.unwrap(), Acted::Voted { run, tally });
    let last = place.store.run(run).await.unwrap().last_seq;
    assert_eq!(
        news(&mut bus),
        [Notice::Steps(run), Notice::Entries(run, last)]
    );
    let votes = ben.run(run).await.unwrap().approval.unwrap().votes;
    assert_eq!(votes.len(), 1);
    assert_eq!(
        (
            votes[0].actor.as_str(),
            votes[0].approved,
            votes[0].note.as_deref()
        ),
        ("ben", true, Some("fine"))
    );
    let cleo = opened_by(&place, "cleo").await;
    assert!(matches!(
        cleo.act(approve(run, &hash)).await.unwrap(),
        Acted::Voted {
            tally: Tally::Approved(_),
            ..
        }
    ));
    // The votes on another step are not those of this one.
    place
        .store
        .step(claim, 0, StepStatus::Succeeded, 1, None, &[], at(60))
        .await
        .unwrap();
    place
        .store
        .step(claim, 1, StepStatus::Waiting, 1, None, &[], at(61))
        .await
        .unwrap();
    let approval = ben.run(run).await.unwrap().approval.unwrap();
    assert_eq!((approval.step, approval.votes.len()), (1, 0));
    ben.close(false).await;
    cleo.close(false).await;
}

pub async fn a_person_does_not_start_what_only_they_could_approve(place: Place) {
    apply(&place, &stack()).await;
    let control = open(settings(&place)).await;
    let of = |need, from: &[&str]| Plan {
        steps: vec![asking(need, from)],
        ..empty("deploy")
    };
    let own = "step sign off wants 2 of ana, ben to approve, and you (ana) cannot approve what you ask for: another person \
               has to start it";
    let chained = Plan {
        then: vec![of(2, &["ana", "ben"])],
        ..empty("check")
    };
    for plan in [of(2, &["ana", "ben"]), chained] {
        assert_eq!(refused(control.submit(plan, None, None).await), own);
    }
    for plan in [
        of(1, &["ana", "ben"]),
        of(2, &["ben", "cleo"]),
        of(9, &[]),
        of(2, &["ana", "ben", "cleo"]),
    ] {
        let run = ended(&place, plan, Transition::Fail).await;
        control.act(retry(run)).await.unwrap();
    }
    // Those who requested the run that is repeated do not approve it either.
    let by_ben = NewRun {
        actor: "ben".to_owned(),
        ..place.new_run(of(2, &["ben", "cleo", "ana"]))
    };
    let run = place.store.submit(by_ben).await.unwrap().id;
    let claim = started(&place, run).await;
    place
        .store
        .transition(claim, Transition::Fail, None, &[], at(50))
        .await
        .unwrap();
    let dora = opened_by(&place, "dora").await;
    dora.act(retry(run)).await.unwrap();
    assert_eq!(
        refused(control.act(retry(run)).await),
        "step sign off wants 2 of ben, cleo, ana to approve, and you (ana) cannot approve what you ask for: another person \
         has to start it"
    );
    let only = NewRun {
        actor: "ben".to_owned(),
        ..place.new_run(of(2, &["ben", "cleo"]))
    };
    let run = place.store.submit(only).await.unwrap().id;
    let claim = started(&place, run).await;
    place
        .store
        .transition(claim, Transition::Fail, None, &[], at(50))
        .await
        .unwrap();
    assert_eq!(
        refused(dora.act(retry(run)).await),
        "step sign off wants 2 of ben, cleo to approve, and ben cannot approve what they asked for before: make a new plan \
         instead"
    );
    dora.close(false).await;
    control.close(false).await;
}

pub async fn a_retry_repeats_an_ended_run_whose_targets_are_still_there(place: Place) {
    apply(&place, &stack()).await;
    let control = open(settings(&place)).await;
    let queued = place.submit(empty("deploy")).await.id;
    assert_eq!(
        refused(control.act(retry(queued)).await),
        format!("run {queued} is queued; doing it again before it has ended is not possible")
    );
    let new = place.new_run(empty("deploy"));
    let beginning = Beginning {
        lane: Some(Lane::Routine),
        priority: Some(Priority::High),
        ..Beginning::default()
    };
    let old = place.store.submit_as(new, beginning).await.unwrap().id;
    let claim = started(&place, old).await;
    place
        .store
        .transition(claim, Transition::Fail, None, &[], at(50))
        .await
        .unwrap();
    for (why, kept) in [
        (None, format!("retry of run {old}")),
        (Some("again"), format!("retry of run {old}: again")),
    ] {
        let acted = control.act(because(retry(old), why)).await.unwrap();
        let Acted::Retried(run) = acted else {
            panic!("{acted:?}");
        };
        assert_eq!(run.reason, Some(kept));
        assert_eq!(
            (run.retry_of, run.lane, run.priority),
            (Some(old), Lane::Routine, Priority::High)
        );
        assert_eq!(run.plan, empty("deploy"));
    }
    let protected = Plan {
        protected: true,
        mutates: true,
        services: vec!["web".to_owned()],
        ..empty("deploy")
    };
    let run = ended(&place, protected, Transition::Fail).await;
    assert_eq!(
        refused(control.act(retry(run)).await),
        "staging is protected: type `staging web` to confirm"
    );
    let confirmed = retry(run).confirmed(Some("staging web".to_owned()));
    control.act(confirmed).await.unwrap();

    let elsewhere = |env: &str, service: &str| Plan {
        env: Some(env.to_owned()),
        services: vec!["web".to_owned(), service.to_owned()],
        ..empty("deploy")
    };
    let chained = Plan {
        then: vec![elsewhere("staging", "db")],
        ..empty("deploy")
    };
    for (plan, gone) in [
        (elsewhere("qa", "api"), "environment qa"),
        (elsewhere("staging", "db"), "service db"),
        (elsewhere("qa", "db"), "environment qa"),
        (chained, "service db"),
    ] {
        let run = ended(&place, plan, Transition::Fail).await;
        assert_eq!(
            refused(control.act(retry(run)).await),
            format!("the {gone} is no longer in the stack; make a new plan instead")
        );
    }
    control.close(false).await;
}

/// An interrupted run whose first step has an unknown outcome.
async fn interrupted(place: &Place) -> RunId {
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
    let run = place.store.run(claim.run).await.unwrap();
    assert!(place.store.interrupt(&run, "gone", at(9000)).await.unwrap());
    claim.run
}

pub async fn a_decision_about_an_interrupted_run_needs_a_reason(place: Place) {
    let run = interrupted(&place).await;
    let control = open(settings(&place)).await;
    for reason in [None, Some(" ")] {
        let decided = because(resume(run, Some(Decision::GiveUp)), reason);
        assert_eq!(
            refused(control.act(decided).await),
            "a decision about a step needs a reason: say why"
        );
    }
    let undecided = refused(control.act(resume(run, None)).await);
    assert!(undecided.contains("is unknown"), "{undecided}");
    let mut bus = control.subscribe();
    let decided = because(resume(run, Some(Decision::GiveUp)), Some(" replaced "));
    let acted = control.act(decided).await.unwrap();
    let Acted::Resumed(given_up) = acted else {
        panic!("{acted:?}");
    };
    assert_eq!((given_up.id, given_up.status), (run, RunStatus::Failed));
    assert_eq!(
        given_up.message.as_deref(),
        Some("given up by ana: replaced")
    );
    assert_eq!(
        news(&mut bus),
        [Notice::Run(run, RunStatus::Failed), Notice::Steps(run)]
    );
    tokio::time::sleep(std::time::Duration::from_millis(300)).await;
    assert!(
        place.store.engines().await.unwrap().is_empty(),
        "there is nothing to drive"
    );

    let run = interrupted(&place).await;
    let done = because(resume(run, Some(Decision::Done)), Some("checked"));
    let acted = control.act(done).await.unwrap();
    let Acted::Resumed(resumed) = acted else {
        panic!("{acted:?}");
    };
    assert!(!resumed.status.is_terminal(), "{resumed:?}");
    control.idle().await;
    let ended = place.store.run(run).await.unwrap();
    assert!(ended.status.is_terminal(), "it is driven here: {ended:?}");
    assert_ne!(ended.holder.as_deref(), Some("host:1"));
    control.close(false).await;
}

pub async fn the_record_of_a_run_is_everything_about_it(place: Place) {
    let run = place.submit(plan("deploy")).await.id;
    let claim = started(&place, run).await;
    place.store.append(claim, &[event("hello")]).await.unwrap();
    let draft = opsroom::core::run::artifact::ArtifactDraft {
        kind: opsroom::core::run::artifact::ArtifactKind::File,
        title: "notes".to_owned(),
        content: b"kept".to_vec(),
    };
    let artifact = opsroom::store::NewArtifact::pack(draft).unwrap();
    let limits = opsroom::core::run::artifact::Limits::default();
    place
        .store
        .leave(claim, Some(0), &artifact, limits, at(22))
        .await
        .unwrap()
        .unwrap();
    let control = open(settings(&place)).await;
    let record = control.record(run).await.unwrap();
    let store = &place.store;
    assert_eq!(record.run, store.run(run).await.unwrap());
    assert_eq!(record.plan_hash, plan_hash(&plan("deploy")));
    assert_eq!(record.steps, store.steps(run).await.unwrap());
    assert_eq!(record.steps.len(), 3);
    assert_eq!(record.changes, store.history(run).await.unwrap());
    assert_eq!(record.changes.len(), 2, "queued and started");
    assert_eq!(record.artifacts, store.artifacts(run).await.unwrap());
    assert_eq!(record.artifacts.len(), 1);
    let detail = control.run(run).await.unwrap();
    assert_eq!(
        (detail.steps, detail.artifacts, detail.queued),
        (record.steps, record.artifacts.clone(), None)
    );
    let (kept, content) = control.artifact(run, 1).await.unwrap();
    assert_eq!(
        (kept, content),
        (record.artifacts[0].clone(), b"kept".to_vec())
    );

    let entries = control.entries_after(run, 0, 99).await.unwrap();
    assert_eq!(entries, store.entries_after(run, 0, 99).await.unwrap());
    let second = control.entries_after(run, 1, 1).await.unwrap();
    assert_eq!(second, entries[1..2]);
    assert_eq!(control.status(run).await.unwrap(), RunStatus::Running);

    assert_eq!(control.next_link(run).await.unwrap(), None);
    let next = NewRun {
        parent: Some(run),
        ..place.new_run(plan("check"))
    };
    let next = store
        .succeed_and_chain(claim, None, &[], Some(next), at(30))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(control.next_link(run).await.unwrap(), Some(next));
    control.close(false).await;
}

fn check(service: &str) -> Parsed {
    Parsed {
        outcome: ParseOutcome::Plan,
        intent: "healthcheck".to_owned(),
        services: vec![service.to_owned()],
        env: Some("staging".to_owned()),
        ..Parsed::default()
    }
}

async fn card(control: &Control) -> PlanCard {
    let parsed = check("web");
    control.plan(&parsed, &[], "check web").await.unwrap()
}

pub async fn a_plan_card_shows_what_like_it_ran_before(place: Place) {
    apply(&place, &stack()).await;
    let control = open(settings(&place)).await;
    let first = card(&control).await;
    assert_eq!(first.plan.runbook, "healthcheck");
    assert!(first.last.is_empty() && first.changed.is_empty() && first.queue.is_empty());
    let ran = |services: &[&str]| Plan {
        services: services.iter().map(ToString::to_string).collect(),
        steps: Vec::new(),
        ..first.plan.clone()
    };
    let mut like_it = Vec::new();
    for (plan, like) in [
        (ran(&["web"]), true),
        (ran(&[]), true),
        (ran(&["api"]), false),
        (ran(&["api", "web"]), true),
        (
            Plan {
                env: Some("prod".to_owned()),
                ..ran(&["web"])
            },
            false,
        ),
        (
            Plan {
                runbook: "deploy".to_owned(),
                ..ran(&["web"])
            },
            false,
        ),
        (ran(&["web"]), true),
    ] {
        let run = place.submit(plan).await.id;
        if like {
            like_it.insert(0, run);
        }
    }
    like_it.truncate(3);
    let shown = card(&control).await;
    let last: Vec<RunId> = shown.last.iter().map(|run| run.id).collect();
    assert_eq!(last, like_it, "the newest three");
    assert!(shown.changed.is_empty(), "{:?}", shown.changed);

    let other = Plan {
        version: "0".to_owned(),
        definition_hash: "other".to_owned(),
        title: "look at web".to_owned(),
        ..ran(&["api"])
    };
    let run = place.submit(other).await.id;
    let changed = card(&control).await.changed;
    assert_eq!(
        changed[0],
        format!(
            "healthcheck was changed since run {run} (version 0 → {}); against the plan of that run:",
            first.plan.version
        )
    );
    assert!(
        changed.contains(&"~ title: look at web → check web in staging".to_owned()),
        "{changed:?}"
    );
    place.submit(ran(&["api"])).await;
    assert!(
        card(&control).await.changed.is_empty(),
        "the newest run decides"
    );
    control.close(false).await;
}

pub async fn a_plan_card_shows_what_its_run_would_wait_for(place: Place) {
    let control = open(settings(&place)).await;
    let mutating = |service: &str| Plan {
        mutates: true,
        services: vec![service.to_owned()],
        ..empty("deploy")
    };
    let grouped = |policy| Plan {
        concurrency: Some(Concurrency {
            group: "nightly".to_owned(),
            policy,
        }),
        ..empty("report")
    };
    let none: [String; 0] = [];
    assert_eq!(control.blockers(&mutating("web")).await.unwrap(), none);
    assert_eq!(
        control.blockers(&grouped(Policy::Queue)).await.unwrap(),
        none
    );
    let web = place.submit(mutating("web")).await.id;
    started(&place, web).await;
    let member = place.submit(grouped(Policy::Queue)).await.id;
    let on_web = format!("waits for web in staging, held by run {web}, next in line");
    assert_eq!(
        control.blockers(&mutating("web")).await.unwrap(),
        std::slice::from_ref(&on_web)
    );
    assert_eq!(control.blockers(&mutating("api")).await.unwrap(), none);
    for (policy, effect) in [
        (Policy::Queue, "waits for"),
        (Policy::Refuse, "is refused because of"),
        (Policy::CancelRunning, "cancels"),
    ] {
        let group = format!("{effect} run {member} (queued), of group nightly");
        assert_eq!(
            control.blockers(&grouped(policy)).await.unwrap(),
            std::slice::from_ref(&group),
            "its group is listed once"
        );
        let chain = Plan {
            then: vec![grouped(policy)],
            ..mutating("web")
        };
        let lines = control.blockers(&chain).await.unwrap();
        assert_eq!(lines, [group, on_web.clone()], "and those of every link");
    }
    // A run of a lower priority is not waited for.
    let low = Plan {
        priority: Priority::Low,
        ..mutating("api")
    };
    place
        .store
        .submit(NewRun {
            at: Clock::System.now(),
            ..place.new_run(low.clone())
        })
        .await
        .unwrap();
    assert_eq!(control.blockers(&mutating("api")).await.unwrap(), none);
    assert_eq!(
        control.blockers(&low).await.unwrap(),
        ["waits for api in staging, free, 1 before it"]
    );
    control.close(false).await;
}

pub async fn a_list_of_runs_has_the_positions_of_its_queued_ones(place: Place) {
    let control = open(settings(&place)).await;
    let of = |service: &str| Plan {
        services: vec![service.to_owned()],
        ..plan("deploy")
    };
    let ended = ended(&place, of("web"), Transition::Fail).await;
    let web = place.submit(of("web")).await.id;
    let api = place.submit(of("api")).await.id;
    let again = place.submit(of("web")).await.id;
    let of_web = RunFilter {
        service: Some("web".to_owned()),
        limit: 9,
        ..RunFilter::default()
    };
    let page = control.runs(&of_web).await.unwrap();
    let ids: Vec<RunId> = page.runs.iter().map(|run| run.id).collect();
    assert_eq!(ids, [again, web, ended]);
    let queue: Vec<_> = page.queue.iter().map(|q| (q.run, q.ahead)).collect();
    assert_eq!(queue, [(web, 0), (again, 2)], "not that of {api}");
    assert_eq!((page.unreadable.len(), page.rest), (0, None));
    let queued = control.run(api).await.unwrap().queued.unwrap();
    assert_eq!((queued.run, queued.ahead), (api, 1));
    assert_eq!(control.run(ended).await.unwrap().queued, None);
    let failed = RunFilter {
        status: vec![RunStatus::Failed],
        limit: 9,
        ..RunFilter::default()
    };
    let page = control.runs(&failed).await.unwrap();
    assert_eq!((page.runs.len(), page.queue.len()), (1, 0));
    let search = RunFilter {
        holds: Some("deploy".to_owned()),
        limit: 2,
        ..RunFilter::default()
    };
    let page = control.runs(&search).await.unwrap();
    assert_eq!((page.runs.len(), page.rest), (2, Some(api)));

    // A list reads no plans: it cannot show a run in a state of a newer version.
    let newer = format!("update run set status = 'held' where id = {}", again.0);
    super::opening::sql(&place.url, &newer).await;
    let page = control.runs(&of_web).await.unwrap();
    assert_eq!(page.runs.len(), 2);
    assert_eq!((page.unreadable.len(), page.unreadable[0].0), (1, again));
    let (run, why) = &page.unreadable[0];
    let newest = RunRef::Newest(Newest::default());
    assert_eq!(
        refused(control.find_run(&newest).await),
        opsroom::control::not_listed(*run, why),
        "no other is taken for it"
    );
    assert_eq!(
        opsroom::control::not_listed(RunId(7), "it is damaged"),
        "run #7 is not listed: it is damaged"
    );
    control.close(false).await;
}

pub async fn the_newest_run_that_fits_a_description_is_found(place: Place) {
    let control = open(settings(&place)).await;
    let of = |env: &str, services: &[&str]| Plan {
        env: Some(env.to_owned()),
        services: services.iter().map(ToString::to_string).collect(),
        title: format!("deploy to {env}"),
        ..empty("deploy")
    };
    let timed_out = ended(&place, of("prod", &["web"]), Transition::TimeOut).await;
    let failed = ended(&place, of("prod", &["web", "api"]), Transition::Fail).await;
    let late = ended(&place, of("dev", &["web"]), Transition::TimeOut).await;
    let good = ended(&place, of("prod", &["api"]), Transition::Succeed).await;
    let newest = |failed, services: &[&str], env: Option<&str>, since: Option<i64>| Newest {
        failed,
        runbook: None,
        services: services.iter().map(ToString::to_string).collect(),
        env: env.map(str::to_owned),
        since: since.map(|ms| Since {
            at: at(ms),
            text: "then".to_owned(),
        }),
    };
    for (meant, found) in [
        (newest(false, &[], None, None), good),
        (newest(true, &[], None, None), late),
        (newest(true, &[], Some("prod"), None), failed),
        (newest(false, &["web"], None, None), late),
        (newest(false, &["web"], Some("prod"), None), failed),
        (newest(true, &["web", "api"], Some("prod"), None), failed),
        (newest(false, &[], None, Some(10)), good),
        (
            Newest {
                runbook: Some("deploy".to_owned()),
                ..newest(false, &[], None, None)
            },
            good,
        ),
    ] {
        let text = meant.to_string();
        let chosen = control.find_run(&RunRef::Newest(meant)).await.unwrap();
        assert_eq!(chosen.run, found, "{text}");
        assert!(
            chosen.line.starts_with(&format!("{found} deploy to ")),
            "{text}: {}",
            chosen.line
        );
    }
    for (meant, why) in [
        (
            newest(false, &[], None, Some(11)),
            "there is no run since then; nothing was chosen",
        ),
        (
            newest(true, &["db"], Some("dev"), None),
            "there is no failed run of db in dev; nothing was chosen",
        ),
    ] {
        assert_eq!(refused(control.find_run(&RunRef::Newest(meant)).await), why);
    }
    let several = refused(
        control
            .find_run(&RunRef::Newest(newest(false, &["web", "api"], None, None)))
            .await,
    );
    assert!(
        several.starts_with(&format!(
            "the last run of web and api may be one of these, give its number: {good} deploy to prod, succeeded"
        )) && several.contains(&format!("; {late} deploy to dev, timed out")),
        "{several}"
    );
    let by_number = control.find_run(&RunRef::Number(timed_out)).await.unwrap();
    assert_eq!(
        (by_number.run, by_number.line),
        (timed_out, timed_out.to_string())
    );
    control.close(false).await;
}

async fn open_ones(control: &Control) -> Vec<BreakerKey> {
    let breakers = control.breakers().await.unwrap();
    breakers.into_iter().map(|breaker| breaker.way).collect()
}

pub async fn breakers_are_closed_by_service_environment_or_host(place: Place) {
    let control = open(settings(&place)).await;
    assert!(control.breakers().await.unwrap().is_empty());
    let key = |service: &str, env: &str| BreakerKey {
        target: Some(Target {
            service: service.to_owned(),
            env: Some(env.to_owned()),
        }),
        host: format!("{service}.test:8443"),
    };
    let all = [
        key("api", "prod"),
        key("web", "prod"),
        key("web", "staging"),
    ];
    for way in &all {
        let (store, now) = (&place.store, at(1));
        let pass = store
            .admit_call(place.workspace, way, 10, now)
            .await
            .unwrap();
        store
            .record_call(place.workspace, way, pass, Err("down"), now)
            .await
            .unwrap();
    }
    assert_eq!(open_ones(&control).await, all);
    for (target, env, place) in [
        ("db", None, "db"),
        ("web", Some("dev"), "web in dev"),
        ("api.test", Some("prod"), "api.test in prod"),
    ] {
        assert_eq!(
            refused(control.act(reset_breaker(target, env)).await),
            format!("no breaker of {place} is open or counting; `opsroom breakers` lists them")
        );
    }
    let mut bus = control.subscribe();
    let reset = because(reset_breaker("web", Some("staging")), Some(" fixed "));
    assert_eq!(
        control.act(reset).await.unwrap(),
        Acted::BreakersClosed(all[2..].to_vec())
    );
    assert_eq!(news(&mut bus), [Notice::Observations]);
    assert_eq!(open_ones(&control).await, all[..2]);
    let audit = place.store.audit(place.workspace, 1).await.unwrap();
    assert_eq!(
        (audit[0].actor.as_str(), audit[0].reason.as_deref()),
        ("ana", Some("fixed"))
    );
    assert_eq!(
        control.act(reset_breaker("api.test", None)).await.unwrap(),
        Acted::BreakersClosed(all[..1].to_vec())
    );
    assert_eq!(open_ones(&control).await, all[1..2]);
    control.close(false).await;
}

pub async fn applying_makes_the_changes_that_were_shown(place: Place) {
    let control = open(settings(&place)).await;
    let difference = control.difference(&stack()).await.unwrap();
    assert_eq!(difference.workspace, "acme");
    assert_eq!(
        (difference.changes.len(), difference.deletions.len()),
        (3, 0)
    );
    assert_eq!(difference.after(false), stack());
    let mut bus = control.subscribe();
    control.apply(&difference, false).await.unwrap();
    assert_eq!(news(&mut bus), [Notice::Stack]);
    assert_eq!(control.export().await.unwrap(), stack());
    assert_eq!(
        place.store.audit(place.workspace, 9).await.unwrap().len(),
        3,
        "a row for each change"
    );

    // The catalogue is the one of the new stack, and the same until the stack changes.
    let catalogue = control.catalogue().await.unwrap();
    let text = "check web in staging";
    let parsed = opsroom::core::command::parse(text, &catalogue);
    assert_eq!(parsed.services, ["web"]);
    let again = control.catalogue().await.unwrap();
    assert!(std::sync::Arc::ptr_eq(&catalogue, &again));

    let run = ended(
        &place,
        Plan {
            services: vec!["web".to_owned()],
            ..empty("deploy")
        },
        Transition::Fail,
    )
    .await;
    let mut smaller = stack();
    smaller.services.remove(0);
    smaller.services[0].owner = Some("ben".to_owned());
    let difference = control.difference(&smaller).await.unwrap();
    assert_eq!(
        (difference.changes.len(), difference.deletions.len()),
        (1, 1)
    );
    let deletion = &difference.deletions[0];
    assert_eq!(deletion.change.object(), "service web");
    assert_eq!(
        (deletion.attached.ended, deletion.attached.queued),
        (1, 0),
        "{run}"
    );
    let objects = |prune| -> Vec<String> { difference.wanted(prune).map(Change::object).collect() };
    assert_eq!(objects(false), ["service api"]);
    assert_eq!(objects(true), ["service web", "service api"]);
    let names = |stack: Stack| -> BTreeSet<String> {
        let names = stack.services.into_iter().map(|service| service.name);
        names.collect()
    };
    let both = BTreeSet::from(["api", "web"].map(str::to_owned));
    let one = BTreeSet::from(["api".to_owned()]);
    assert_eq!(names(difference.after(false)), both);
    assert_eq!(names(difference.after(true)), one);
    control.apply(&difference, false).await.unwrap();
    assert_eq!(names(control.export().await.unwrap()), both);
    let difference = control.difference(&smaller).await.unwrap();
    control.apply(&difference, true).await.unwrap();
    assert_eq!(control.export().await.unwrap(), smaller);
    let newer = control.catalogue().await.unwrap();
    assert!(!std::sync::Arc::ptr_eq(&catalogue, &newer));
    let parsed = opsroom::core::command::parse(text, &newer);
    assert!(parsed.services.is_empty(), "{parsed:?}");
    control.close(false).await;
}

fn with(place: &Place, door: ProcessKind, workspace: Option<&str>) -> Settings {
    Settings {
        door,
        workspace: workspace.map(str::to_owned),
        ..settings(place)
    }
}

/// The workspace in which such a process works, or why it does not open.
pub async fn an_edited_routine_is_announced_audited_and_must_still_be_as_it_was_opened(
    place: Place,
) {
    let routine = |every_ms| Routine {
        name: "web ping".to_owned(),
        every_ms: Some(every_ms),
        ..Routine::default()
    };
    let control = open(settings(&place)).await;
    let add = RoutineEdit::Add(vec![routine(60_000)]);
    let added = control.routine_difference(&add).await.unwrap();
    assert_eq!(added.lines(), ["+ routine web ping"]);
    let mut bus = control.subscribe();
    control.apply(&added, true).await.unwrap();
    assert_eq!(news(&mut bus), [Notice::Stack]);

    let replace = |opened, every_ms| RoutineEdit::Replace {
        opened: Box::new(routine(opened)),
        routine: Box::new(routine(every_ms)),
    };
    let [mine, theirs] = [replace(60_000, 120_000), replace(60_000, 180_000)];
    let shown = control.routine_difference(&mine).await.unwrap();
    let other = control.routine_difference(&theirs).await.unwrap();
    control.apply(&other, true).await.unwrap();
    assert!(
        control.apply(&shown, true).await.is_err(),
        "it was changed after the question"
    );
    let refused = control.routine_difference(&mine).await.unwrap_err();
    assert!(refused.to_string().contains("changed by somebody else"));
    let every = control.export().await.unwrap().routines[0].every_ms;
    assert_eq!(every, Some(180_000));

    let read_only = open(Settings {
        read_only: true,
        ..settings(&place)
    })
    .await;
    let answer = read_only.delete_routine("web ping").await;
    assert!(matches!(answer, Err(Refusal::ReadOnly)), "{answer:?}");
    assert_eq!(news(&mut bus), [Notice::Stack]);
    control.delete_routine("web ping").await.unwrap();
    assert_eq!(news(&mut bus), [Notice::Stack]);
    assert!(control.export().await.unwrap().routines.is_empty());
    let audit = place.store.audit(place.workspace, 9).await.unwrap();
    let rows = audit
        .iter()
        .map(|row| (row.before.is_some(), row.after.is_some()));
    let rows: Vec<_> = rows.collect();
    assert_eq!(rows, [(true, false), (true, true), (false, true)]);
    control.close(false).await;
}

async fn try_open(settings: Settings) -> Result<String, String> {
    let control = Control::open(settings, Clock::System)
        .await
        .map_err(|why| why.to_string())?;
    let known = control.require_workspace().await;
    let runs = control.runs(&RunFilter::default()).await.map(drop);
    let exported = control.export().await.map(|stack| stack.workspace);
    control.close(false).await;
    runs.unwrap();
    known.and(exported).map_err(|why| why.to_string())
}

pub async fn the_workspace_is_the_one_named_or_the_only_one(place: Place) {
    let (console, cli, serve) = (ProcessKind::Console, ProcessKind::Cli, ProcessKind::Serve);
    let unknown =
        "there is no workspace other in this store; `opsroom apply` creates the one its file names";
    for door in [console, cli, serve] {
        for (workspace, wanted) in [
            (None, Ok("acme")),
            (Some("acme"), Ok("acme")),
            (Some("other"), Err(unknown)),
        ] {
            let wanted = wanted.map(str::to_owned).map_err(str::to_owned);
            assert_eq!(
                try_open(with(&place, door, workspace)).await,
                wanted,
                "{door:?}"
            );
        }
    }
    let foreign = opened_by(&place, "ana").await;
    let mut other = stack();
    "other".clone_into(&mut other.workspace);
    let difference = foreign.difference(&other).await.unwrap();
    assert_eq!(difference.workspace, "other", "the stack's own");
    assert_eq!(difference.changes.len(), 3);
    foreign.apply(&difference, true).await.unwrap();
    foreign.close(false).await;
    let which = "the store holds several workspaces (acme, other): choose one with --workspace";
    for door in [console, cli, serve] {
        for (workspace, wanted) in [
            (None, Err(which)),
            (Some("acme"), Ok("acme")),
            (Some("other"), Ok("other")),
        ] {
            let wanted = wanted.map(str::to_owned).map_err(str::to_owned);
            assert_eq!(
                try_open(with(&place, door, workspace)).await,
                wanted,
                "{door:?}"
            );
        }
    }
    // The workspace chosen at the start wins over the one the file names.
    let acme = open(with(&place, cli, Some("acme"))).await;
    let difference = acme.difference(&other).await.unwrap();
    assert_eq!(difference.workspace, "acme");
    acme.close(false).await;
    // A console needs one; the others may be about to create it, or wait for it.
    let refused = Control::open(with(&place, console, None), Clock::System).await;
    assert!(matches!(refused, Err(Refusal::WhichWorkspace(_))));
    for door in [cli, serve] {
        open(with(&place, door, None)).await.close(false).await;
    }
}

pub async fn a_process_knows_its_store_and_its_clock(place: Place) {
    static LATE: std::sync::atomic::AtomicI64 = std::sync::atomic::AtomicI64::new(3_600_000);
    let control = Control::open(settings(&place), Clock::Set(&LATE))
        .await
        .unwrap();
    assert_eq!(control.settings().actor, "ana");
    let (scheme, kind) = if place.url.starts_with("sqlite") {
        ("sqlite:", "sqlite")
    } else {
        ("postgres", "postgres")
    };
    let url = control.store_url();
    assert!(url.starts_with(scheme), "{url}");
    assert_eq!(control.overview().await.unwrap().store_kind, kind);
    let ahead = control.clock().now().ms_since(Clock::System.now());
    assert!((3_590_000..=3_600_000).contains(&ahead), "{ahead}");
    let run = control.submit(empty("deploy"), None, None).await.unwrap();
    let ahead = run.requested_at.ms_since(Clock::System.now());
    assert!(ahead > 3_000_000, "it dates what it stores: {ahead}");
    assert!(control.library().get("deploy").is_some());
    control.close(true).await;
    let closed = control.status(run.id).await;
    assert!(closed.is_err(), "{closed:?}");
    assert!(closed.unwrap_err().is_unreachable());
}

pub async fn a_plan_made_before_the_end_of_a_lock_is_started_after_it(place: Place) {
    apply(&place, &stack()).await;
    let control = open(settings(&place)).await;
    let of = vec![Lockable::Target(Target {
        service: "web".to_owned(),
        env: Some("staging".to_owned()),
    })];
    let lock = Act::Lock {
        of: of.clone(),
        end: LockEnd::For(3_600_000),
        reason: Some("migration".to_owned()),
    };
    control.act(lock).await.unwrap();
    let mut stopped = Plan {
        mutates: true,
        services: vec!["web".to_owned()],
        ..empty("deploy")
    };
    lockout::set_risks(&mut stopped, &control.lockouts().await.unwrap());
    assert_eq!(stopped.blocks().count(), 1);
    let locked = refused(control.submit(stopped.clone(), None, None).await);
    assert!(locked.contains("web in staging, locked by ana"), "{locked}");
    control.act(Act::Unlock { of, reason: None }).await.unwrap();
    let run = control.submit(stopped.clone(), None, None).await.unwrap();
    assert_eq!(run.plan.blocks().count(), 0, "nothing locked it");
    stopped.risks.push(Risk {
        level: RiskLevel::Block,
        code: "OTHER".to_owned(),
        message: "another reason".to_owned(),
    });
    let other = refused(control.submit(stopped, None, None).await);
    assert!(other.contains("another reason"), "{other}");
    control.close(false).await;
}

pub async fn a_refused_address_shows_no_secret(place: Place) {
    let folder = tempfile::tempdir().unwrap();
    let control = keeping_a_secret(&place, &folder).await;
    let run = place.submit(empty("deploy")).await.id;
    for url in ["no address ", "ftp://acme.test/", "https://acme.test/?key="] {
        let link = Act::Link {
            run,
            url: format!("{url}{VALUE}"),
            title: None,
        };
        let why = refused(control.act(link).await);
        assert!(why.contains("secret") && !why.contains(VALUE), "{why}");
    }
    control.close(false).await;
}

pub async fn the_ended_run_is_announced_with_the_run_that_goes_on(place: Place) {
    apply(&place, &stack()).await;
    let control = open(settings(&place)).await;
    let plan = Plan {
        services: vec!["web".to_owned()],
        ..plan("deploy")
    };
    let old = place.submit(plan).await.id;
    let claim = started(&place, old).await;
    for (step, status) in [(0, StepStatus::Succeeded), (1, StepStatus::Failed)] {
        let log = [event("kept")];
        place
            .store
            .step(claim, step, status, 1, None, &log, at(45))
            .await
            .unwrap();
    }
    place
        .store
        .transition(claim, Transition::Fail, None, &[], at(50))
        .await
        .unwrap();
    let mut bus = control.subscribe();
    let again = Act::Retry {
        run: old,
        again: Again::FromFailed,
        typed: None,
        reason: None,
    };
    control.act(again).await.unwrap();
    let last = place.store.run(old).await.unwrap().last_seq;
    let news = news(&mut bus);
    for notice in [Notice::Steps(old), Notice::Entries(old, last)] {
        assert!(news.contains(&notice), "{notice:?} is not in {news:?}");
    }
    control.close(false).await;
}

pub async fn a_runbook_that_grew_too_large_is_shown_without_its_text(place: Place) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("look.md");
    let text = "# Look\n\n```sh\nls\n```\n";
    std::fs::write(&file, text).unwrap();
    let control = open(Settings {
        runbook_dir: Some(folder.path().to_owned()),
        cache_dir: None,
        ..settings(&place)
    })
    .await;
    let shown = async || control.runbook("look").await.unwrap().text;
    assert_eq!(shown().await.as_deref(), Some(text));
    std::fs::write(&file, "x".repeat(9 * 1024 * 1024)).unwrap();
    assert_eq!(shown().await, None);
    control.close(false).await;
}
