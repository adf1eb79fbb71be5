//! An act is the same, whether the console, a subcommand or a phrase of `opsroom run` performs it:
//! all of them leave the same row in the audit log.

use opsroom::core::command::{Catalogue, intents, parse};
use opsroom::core::run::act::{Act, Confirmation};
use opsroom::core::run::again::Again;
use opsroom::core::run::breaker::BreakerKey;
use opsroom::core::run::lockout::{LockEnd, Lockable};
use opsroom::core::run::orders::{Ending, Order, Pace};
use opsroom::core::run::plan::{PlanStep, Target};
use opsroom::core::run::resume::Decision;
use opsroom::core::run::step::approve::Approve;
use opsroom::core::run::{AuditRow, StepStatus, Transition};
use opsroom::tui::msg::{Effect, Msg};
use opsroom::tui::perform::Performer;

use super::*;

/// What the acts are about.
#[derive(Debug, Clone, Copy)]
enum Subject {
    /// A run whose manual step waits.
    Asking,
    Paused,
    /// A run that waits for approval.
    Approval,
    Ended,
    /// A run that failed at its second step, which is about another service than the first.
    Failed,
    Interrupted,
    /// A queued run whose process is gone.
    LeftOver,
    /// A breaker that counts a failure.
    Breaker,
    /// The runbook `deploy`, unlocked or locked.
    Unlocked,
    Locked,
}

/// An act in the three ways; N is the number of the run.
struct Case {
    subject: Subject,
    subcommand: &'static str,
    phrase: &'static str,
    act: fn(RunId) -> Act,
}

const fn case(
    subject: Subject,
    subcommand: &'static str,
    phrase: &'static str,
    act: fn(RunId) -> Act,
) -> Case {
    Case {
        subject,
        subcommand,
        phrase,
        act,
    }
}

fn because() -> String {
    "because".to_owned()
}

fn deploy() -> Vec<Lockable> {
    vec![Lockable::Runbook("deploy".to_owned())]
}

fn order(run: RunId, order: Order) -> Act {
    let reason = Some(because());
    Act::Order { run, order, reason }
}

fn vote(run: RunId, approved: bool) -> Act {
    Act::Vote {
        run,
        approved,
        plan_hash: String::new(),
        note: Some(because()),
    }
}

const CASES: [Case; 16] = [
    case(
        Subject::Asking,
        "pause N --reason because",
        "pause run N",
        |run| order(run, Order::Pause),
    ),
    case(
        Subject::Paused,
        "resume N --reason because",
        "resume run N",
        |run| order(run, Order::Continue),
    ),
    case(
        Subject::Asking,
        "cancel N --reason because",
        "cancel run N",
        |run| order(run, Order::End(Ending::Cancel)),
    ),
    case(
        Subject::Asking,
        "cancel N --after-step --reason because",
        "stop run N after this step",
        |run| order(run, Order::End(Ending::AfterStep)),
    ),
    case(
        Subject::Approval,
        "approve N --yes --note because",
        "approve run N",
        |run| vote(run, true),
    ),
    case(
        Subject::Approval,
        "reject N --reason because",
        "reject run N",
        |run| vote(run, false),
    ),
    case(
        Subject::Ended,
        "retry N --yes --reason because",
        "retry run N",
        |run| Act::Retry {
            run,
            again: Again::All,
            typed: None,
            reason: Some(because()),
        },
    ),
    case(
        Subject::Failed,
        "resume N --failed --yes --reason because",
        "continue failed run N",
        |run| Act::Retry {
            run,
            again: Again::FromFailed,
            typed: None,
            reason: Some(because()),
        },
    ),
    case(
        Subject::Failed,
        "retry N --failed-targets --yes --reason because",
        "retry failed targets of run N",
        |run| Act::Retry {
            run,
            again: Again::FailedTargets,
            typed: None,
            reason: Some(because()),
        },
    ),
    case(
        Subject::Ended,
        "note N because",
        "note run N because",
        |run| Act::Note {
            run,
            note: Some(because()),
        },
    ),
    case(
        Subject::Ended,
        "link N https://acme.test/pull/7 because",
        "link run N https://acme.test/pull/7 \"because\"",
        |run| Act::Link {
            run,
            url: "https://acme.test/pull/7".to_owned(),
            title: Some(because()),
        },
    ),
    case(
        Subject::Interrupted,
        "resume N --reason because",
        "resume run N",
        |run| Act::Resume {
            run,
            decision: None,
            reason: Some(because()),
        },
    ),
    case(
        Subject::LeftOver,
        "start N --yes --reason because",
        "start run N",
        |run| Act::Start {
            run,
            typed: None,
            reason: Some(because()),
        },
    ),
    case(
        Subject::Unlocked,
        "lock --runbook deploy --for 2h --reason because",
        "lock runbook deploy for 2h because \"because\"",
        |_| Act::Lock {
            of: deploy(),
            end: LockEnd::For(7_200_000),
            reason: Some(because()),
        },
    ),
    case(
        Subject::Locked,
        "unlock --runbook deploy --reason because",
        "unlock runbook deploy",
        |_| Act::Unlock {
            of: deploy(),
            reason: Some(because()),
        },
    ),
    case(
        Subject::Breaker,
        "breakers --reset api.test --reason because",
        "reset breaker of api.test",
        |_| Act::ResetBreaker {
            target: "api.test".to_owned(),
            env: None,
            reason: Some(because()),
        },
    ),
];

fn on(service: &str, step: PlanStep) -> PlanStep {
    let (service, env) = (service.to_owned(), None);
    step.on(Target { service, env })
}

impl Home {
    /// A store in which runs are queued by a process that is gone: no engine takes them.
    async fn dead_process(&self) -> Store {
        let identity = opsroom::engine::identity();
        let dead: Vec<&str> = identity
            .split(':')
            .enumerate()
            .map(|(at, part)| if at == 1 { "999999999" } else { part })
            .collect();
        let store = Store::open(&self.control.settings().store_url)
            .await
            .unwrap();
        store.of_process(&dead.join(":"))
    }

    async fn subject(&self, subject: Subject) -> RunId {
        let dead = self.dead_process().await;
        let approve = StepSpec::Approve(Approve {
            prompt: "ship it?".to_owned(),
            need: 1,
            ..Approve::default()
        });
        let step = match subject {
            Subject::Asking | Subject::Paused => step(StepSpec::Manual(Manual {
                prompt: "Grow the disk?".to_owned(),
            })),
            Subject::Approval => step(approve),
            _ => shell("true"),
        };
        let workspace = dead.workspaces().await.unwrap()[0].id;
        let now = Clock::System.now();
        let new = NewRun {
            workspace,
            plan: Plan {
                runbook: "test".into(),
                title: "test".into(),
                steps: vec![on("web", step), on("api", shell("true"))],
                timeout_ms: 60_000,
                ..Plan::default()
            },
            parent: None,
            actor: "cleo".to_owned(),
            trigger: "console".to_owned(),
            reason: None,
            at: now,
        };
        let run = dead.submit(new).await.unwrap().id;
        let start = Act::Start {
            run,
            typed: None,
            reason: None,
        };
        match subject {
            Subject::Asking | Subject::Approval => {
                self.control.act(start).await.unwrap();
                self.until(run, |run| run.status == RunStatus::Waiting)
                    .await;
            }
            Subject::Paused => {
                self.control.act(start).await.unwrap();
                self.until(run, |run| run.status == RunStatus::Waiting)
                    .await;
                self.control.act(order(run, Order::Pause)).await.unwrap();
            }
            Subject::Ended => {
                self.control.act(start).await.unwrap();
                self.until(run, |run| run.status.is_terminal()).await;
            }
            Subject::Failed => {
                let lease = now.plus_ms(60_000);
                let claimed = dead.claim(Some(run), "gone:1", lease).await.unwrap();
                let (claim, _) = claimed.unwrap();
                dead.start(claim, now, &[], now).await.unwrap();
                dead.step(claim, 0, StepStatus::Succeeded, 1, None, &[], now)
                    .await
                    .unwrap();
                dead.transition(claim, Transition::Fail, Some("no"), &[], now)
                    .await
                    .unwrap();
            }
            Subject::Interrupted => {
                let lease = now.plus_ms(60_000);
                let (claim, _) = dead
                    .claim(Some(run), "gone:1", lease)
                    .await
                    .unwrap()
                    .unwrap();
                dead.transition(claim, Transition::Start, None, &[], now)
                    .await
                    .unwrap();
                let claimed = dead.run(run).await.unwrap();
                assert!(dead.interrupt(&claimed, "gone", now).await.unwrap());
            }
            Subject::LeftOver => {}
            Subject::Unlocked => {
                let (of, reason) = (deploy(), None);
                // It is locked only after another way of the same act.
                let _ = self.control.act(Act::Unlock { of, reason }).await;
            }
            Subject::Locked => {
                let lock = Act::Lock {
                    of: deploy(),
                    end: LockEnd::For(7_200_000),
                    reason: Some(because()),
                };
                self.control.act(lock).await.unwrap();
            }
            Subject::Breaker => {
                let key = BreakerKey {
                    target: None,
                    host: "api.test".to_owned(),
                };
                let pass = dead.admit_call(workspace, &key, 1000, now).await.unwrap();
                dead.record_call(workspace, &key, pass, Err("down"), now)
                    .await
                    .unwrap();
            }
        }
        dead.close().await;
        run
    }

    /// The newest row of the audit log.
    async fn last_audit_row(&self) -> AuditRow {
        let newest = AuditFilter {
            limit: 1,
            ..AuditFilter::default()
        };
        self.control.audit(&newest).await.unwrap().remove(0)
    }

    /// Performs the act as the console does.
    async fn act_in_the_console(&self, act: Act) {
        let act = match (act.confirmation(), act.run()) {
            (Confirmation::Question, Some(run)) => {
                let detail = self.control.run(*run).await.unwrap();
                act.confirmed(detail.approval.map(|approval| approval.plan_hash))
            }
            _ => act,
        };
        let (answers, mut received) = tokio::sync::mpsc::channel(1);
        Performer::new(&self.control, answers, Clock::System).perform(Effect::act(act));
        let answer = tokio::time::timeout(TIMEOUT, received.recv())
            .await
            .unwrap();
        assert!(
            matches!(&answer, Some(Msg::Acted(None, Ok(_)))),
            "{answer:?}"
        );
    }

    fn act_in_the_program(&self, args: &[&str]) {
        let output = self
            .command(args)
            .env("OPSROOM_ACTOR", "amos")
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(0), "{args:?}: {output:?}");
    }
}

/// The row without time, numbers of runs, and the kind of process that queued a run.
fn plain(row: AuditRow) -> [Option<String>; 6] {
    let numberless = |text: String| {
        let text = text.replace(r#""trigger":"cli""#, r#""trigger":"console""#);
        let parts = text.split('#');
        let parts = parts.map(|part| part.trim_start_matches(|c: char| c.is_ascii_digit()));
        parts.collect::<Vec<_>>().join("#")
    };
    [
        Some(row.actor),
        Some(row.action),
        Some(row.object),
        row.before,
        row.after,
        row.reason,
    ]
    .map(|text| text.map(numberless))
}

#[tokio::test(flavor = "multi_thread")]
async fn an_act_is_the_same_from_console_subcommand_and_phrase() {
    let home = Home::new().await;
    for case in CASES {
        let mut rows = Vec::new();
        for way in ["console", "subcommand", "phrase"] {
            let run = home.subject(case.subject).await;
            let before = home.last_audit_row().await.id;
            let number = run.0.to_string();
            match way {
                "console" => home.act_in_the_console((case.act)(run)).await,
                "subcommand" => {
                    let args: Vec<&str> = case.subcommand.split(' ').collect();
                    let args: Vec<&str> = args
                        .into_iter()
                        .map(|arg| if arg == "N" { &number } else { arg })
                        .collect();
                    home.act_in_the_program(&args);
                }
                _ => {
                    let phrase = case.phrase.replace('N', &number);
                    // The text of a note and the title of a link are in the phrase.
                    let texts = matches!((case.act)(run), Act::Note { .. } | Act::Link { .. });
                    let flags = ["--yes", "--reason", "because"];
                    let flags = if texts { &flags[..1] } else { &flags[..] };
                    home.act_in_the_program(&[&["run", &phrase], flags].concat());
                }
            }
            let row = home.last_audit_row().await;
            assert!(row.id > before, "{way}: {}: no row", case.phrase);
            rows.push(plain(row));
            let now = home.control.run(run).await.unwrap().run;
            if !now.status.is_terminal() {
                let cancel = order(run, Order::End(Ending::Kill));
                // Its own act may end it in the meantime, which refuses this one.
                let _ = home.control.act(cancel).await;
                home.until(run, |run| run.status.is_terminal()).await;
            }
        }
        let word = (case.act)(RunId(1)).audit_word();
        assert_eq!(rows[0][1].as_deref(), Some(word), "{}", case.phrase);
        assert_eq!(rows[0], rows[1], "{}", case.subcommand);
        assert_eq!(rows[0], rows[2], "{}", case.phrase);
    }
}

/// A command that acts has to be among the cases above.
#[test]
fn every_act_of_the_command_language_is_tried() {
    let catalogue = Catalogue::default();
    let number = |text: &str| {
        let text = text.replace("URL", "https://acme.test/");
        text.replace('N', "3").replace("TARGET", "api.test")
    };
    let tried = CASES.map(|case| parse(&number(case.phrase), &catalogue).intent);
    let mut acts = 0;
    for (name, form, _) in intents() {
        let parsed = parse(&number(form), &catalogue);
        if parsed.act(Clock::System.now()).is_some() {
            assert!(tried.contains(&parsed.intent), "{name} is not tried");
            acts += 1;
        }
    }
    assert!(acts >= 9, "only {acts} acts were found");
}

#[tokio::test]
async fn what_needs_a_reason_is_refused_without_one_and_a_decision_lets_no_paused_run_go_on() {
    let home = Home::new().await;
    let run = home.subject(Subject::Paused).await;
    for (act, why) in [
        (
            order(run, Order::Skip(0)).because(None),
            "skipping a step needs a reason: say why",
        ),
        (
            resume(run, Decision::Done).because(Some(" ".to_owned())),
            "a decision about a step needs a reason: say why",
        ),
        (resume(run, Decision::GiveUp), "run #1 is waiting"),
    ] {
        let refused = home.control.act(act).await.unwrap_err().to_string();
        assert!(refused.starts_with(why), "{refused}");
    }
    let now = home.control.run(run).await.unwrap().run;
    assert_eq!(
        (now.status, now.orders.pace),
        (RunStatus::Waiting, Pace::Paused)
    );
}

fn resume(run: RunId, decision: Decision) -> Act {
    Act::Resume {
        run,
        decision: Some(decision),
        reason: Some(because()),
    }
}
