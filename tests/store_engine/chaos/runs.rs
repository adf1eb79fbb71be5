//! The plans of the runs, whose effects are counted outside the engines. Step k of run n leaves the
//! mark `n.k`, in a file or at the server, and locks its service's file while it works, so that
//! overlaps are seen.

use std::path::Path;

use opsroom::core::run::Phase;
use opsroom::core::run::concurrency::{Concurrency, Policy};
use opsroom::core::run::plan::{Plan, PlanStep, Retry, Rules, Target};
use opsroom::core::run::priority::Priority;
use opsroom::core::run::step::approve::{Approve, Comment};
use opsroom::core::run::step::{StepSpec, http::Http, shell::Shell, wait::Wait};
use opsroom::core::stack::service::HttpRequest;
use opsroom::core::stack::shell::ShellCommand;

/// The value no log may show.
pub const TOKEN: &str = "kq7-Zr3vW9-chaos-token";
/// How long a run that is to be cancelled waits before it goes on.
pub const WAITS_MS: i64 = 3000;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Shell steps, a pause, a request; a saved value, a secret.
    Plain,
    /// One request that takes long and may be repeated.
    Slow,
    /// Wants the votes of two people.
    Approval,
    /// Is cancelled while it waits.
    Cancelled,
    /// Its first request is answered with 503 and must not be repeated.
    Failing,
}

/// The countable effect of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Work {
    /// Waits, for a time or for people: leaves no mark.
    Timed,
    /// May leave its mark more than once.
    Repeatable,
    /// Leaves its mark once, from a command. Once its process group is ended the count is final.
    Command,
    /// Leaves its mark once, by a request that may still be on its way.
    Request,
}

impl Kind {
    pub fn work(self, step: u32) -> Work {
        match (self, step) {
            (Self::Plain | Self::Approval | Self::Cancelled, 1) => Work::Timed,
            (Self::Plain, 3) | (Self::Slow, 0) => Work::Repeatable,
            (Self::Plain, 2) | (Self::Failing, 0) => Work::Request,
            _ => Work::Command,
        }
    }
}

/// The folder and the port at which runs leave their marks.
pub struct Place<'a> {
    pub home: &'a Path,
    pub port: u16,
}

impl Place<'_> {
    /// The plan of run n on that service; `short` and `long`: how long its steps take, seconds.
    pub fn plan(&self, n: usize, kind: Kind, service: &str, short: &str, long: &str) -> Plan {
        // Every fourth is in a group, whatever its service.
        let group = (kind == Kind::Plain && n.is_multiple_of(4)).then_some("nightly");
        let mark = |k: usize, lasts: &str| self.mark(n, k, service, group, lasts);
        let (steps, finally) = match kind {
            Kind::Plain => self.plain(n, &mark, short, long),
            Kind::Slow => {
                let slow = step(
                    Phase::Action,
                    "slow",
                    self.request("GET", &format!("slow/{n}.0")),
                );
                (
                    vec![PlanStep {
                        idempotent: true,
                        ..slow
                    }],
                    mark(1, short),
                )
            }
            Kind::Approval => {
                let ask = Approve {
                    prompt: "go?".into(),
                    need: 2,
                    from: Vec::new(),
                    comment: Comment::Never,
                };
                let steps = vec![
                    step(Phase::Action, "before", shell(&mark(0, short))),
                    step(Phase::Action, "ask", StepSpec::Approve(ask)),
                    step(Phase::Action, "after", shell(&mark(2, short))),
                ];
                (steps, mark(3, short))
            }
            Kind::Cancelled => {
                let steps = vec![
                    step(Phase::Action, "before", shell(&mark(0, short))),
                    step(
                        Phase::Action,
                        "pause",
                        StepSpec::Wait(Wait { ms: WAITS_MS }),
                    ),
                    step(Phase::Action, "after", shell(&mark(2, short))),
                ];
                (steps, mark(3, short))
            }
            Kind::Failing => {
                let fails = step(
                    Phase::Action,
                    "fails",
                    self.request("POST", &format!("failing/{n}.0")),
                );
                // A breaker of its own: that of all other calls stays closed.
                let fails = fails.on(Target {
                    service: service.to_owned(),
                    env: Some("prod".to_owned()),
                });
                let retry = Some(Retry {
                    attempts: 3,
                    base_ms: 10,
                    cap_ms: 10,
                });
                (vec![PlanStep { retry, ..fails }], mark(1, short))
            }
        };
        Plan {
            runbook: "chaos".to_owned(),
            title: format!("chaos {n}"),
            env: Some("prod".to_owned()),
            services: vec![service.to_owned()],
            mutates: true,
            priority: Priority::ALL[n % 3],
            concurrency: group.map(|group| Concurrency {
                group: group.to_owned(),
                policy: Policy::Queue,
            }),
            steps,
            finally: vec![step(Phase::Summarize, "tidy", shell(&finally))],
            timeout_ms: 120_000,
            ..Plan::default()
        }
    }

    fn plain(
        &self,
        n: usize,
        mark: &dyn Fn(usize, &str) -> String,
        short: &str,
        long: &str,
    ) -> (Vec<PlanStep>, String) {
        let mut write = step(
            Phase::Action,
            "write",
            shell(&format!(
                "echo v={} >> \"$OPSROOM_OUTPUT\"; {}",
                value(n),
                mark(0, short)
            )),
        );
        let save = [("v".to_owned(), "response.outputs.v".to_owned())].into();
        write.rules = Rules {
            key: "write".to_owned(),
            save,
            ..Rules::default()
        };
        let home = self.home.display();
        // The output does not end with a line end: its last chunk holds the secret.
        let script = format!(
            "{}; echo \"{n} $VALUE\" >> '{home}/values'; echo two; printf 'token %s' \"$OPSROOM_SECRET_CHAOS\"",
            mark(4, short)
        );
        let mut last = Shell::new(ShellCommand::Script(script));
        last.env
            .insert("VALUE".to_owned(), "{steps.write.v}".to_owned());
        last.secrets.push("CHAOS".to_owned());
        let mut last = step(Phase::Verify, "last", StepSpec::Shell(last));
        last.rules.fills = true;
        let steps = vec![
            write,
            step(
                Phase::Action,
                "pause",
                StepSpec::Wait(Wait {
                    ms: 1 + i64::try_from(n % 40).unwrap(),
                }),
            ),
            step(
                Phase::Action,
                "call",
                self.request("POST", &format!("{n}.2")),
            ),
            PlanStep {
                idempotent: true,
                ..step(Phase::Action, "again", shell(&mark(3, long)))
            },
            last,
        ];
        (steps, mark(5, short))
    }

    fn request(&self, method: &str, path: &str) -> StepSpec {
        let url = format!("http://127.0.0.1:{}/{path}", self.port);
        let request = HttpRequest {
            method: method.to_owned(),
            url,
            ..HttpRequest::default()
        };
        StepSpec::Http(Http::new(request))
    }

    fn mark(&self, n: usize, k: usize, service: &str, group: Option<&str>, lasts: &str) -> String {
        let home = self.home.display();
        let alone = group.map_or(String::new(), |group| {
            format!(
                "exec 8>>'{home}/{group}.group'; flock -n 8 || echo {n}.{k} >> '{home}/overlaps'; "
            )
        });
        format!(
            "{alone}exec 9>>'{home}/{service}.lock'; flock -n 9 || echo {n}.{k} >> '{home}/overlaps'; \
             printf '%s\\n' {n}.{k} >> '{home}/effects'; sleep {lasts}; echo {n}.{k}"
        )
    }
}

/// The value that the first step of plain run n saves for a later one.
pub fn value(n: usize) -> String {
    format!("saved-{}", n * 7919 % 9973)
}

fn step(phase: Phase, name: &str, spec: StepSpec) -> PlanStep {
    PlanStep::new(name, phase, spec, 60_000)
}

fn shell(script: &str) -> StepSpec {
    StepSpec::Shell(Shell::new(ShellCommand::Script(script.to_owned())))
}
