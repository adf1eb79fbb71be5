//! `opsroom serve` and other processes while it runs and after it; `resume` and `retry` on the CLI.

#![expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

mod acts;

use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use opsroom::bus::Notice;
use opsroom::clock::Clock;
use opsroom::control::{
    AdapterContext, AuditFilter, Control, EnginePlace, ProcessKind, Refusal, Settings,
};
use opsroom::core::health::observation::Observation;
use opsroom::core::run::act::Act;
use opsroom::core::run::plan::{Plan, PlanStep, Rules, Target};
use opsroom::core::run::step::{StepSpec, manual::Manual, shell::Shell, wait::Wait};
use opsroom::core::run::{Phase, Run, RunId, RunStatus, StepStatus};
use opsroom::core::stack::service::{Action, ActionCall, Environment, HttpRequest, Service, Verb};
use opsroom::core::stack::shell::ShellCommand;
use opsroom::core::stack::state::State;
use opsroom::core::stack::{Change, Delta};
use opsroom::store::{NewRun, Store};
use rustix::process::{Pid, Signal, kill_process};

const TIMEOUT: Duration = Duration::from_secs(30);

/// A temporary store, reached by a [`Control`] in this process and by the program.
struct Home {
    dir: tempfile::TempDir,
    control: Control,
}

impl Home {
    async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}", dir.path().join("ops.db").display());
        let store = Store::open(&url).await.unwrap();
        store
            .ensure_workspace("acme", "UTC", Clock::System.now())
            .await
            .unwrap();
        store.close().await;
        let settings = Settings {
            store_url: url,
            workspace: None,
            actor: "amos".to_owned(),
            read_only: false,
            simulated: false,
            pulse_ms: 0,
            lease_ms: 3000,
            lanes: opsroom::core::run::queue::Lanes::default(),
            adopt_ms: 900_000,
            canaries: Vec::new(),
            runbook_dir: Some(dir.path().join("runbooks")),
            cache_dir: Some(dir.path().join("cache")),
            door: ProcessKind::Console,
            context: AdapterContext::default(),
        };
        Self {
            dir,
            control: Control::open(settings, Clock::System).await.unwrap(),
        }
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_opsroom"));
        command
            .args(args)
            .args(["--store", "ops.db"])
            .current_dir(self.dir.path())
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.dir.path())
            .env("USER", "tester")
            .env("OPSROOM_LEASE", "3s")
            .env("OPSROOM_PULSE", "off")
            .stdin(Stdio::null());
        command
    }

    /// Runs the program to its end: exit code, stdout and stderr.
    fn run(&self, args: &[&str]) -> (i32, String) {
        let Output {
            status,
            stdout,
            stderr,
        } = self.command(args).output().unwrap();
        (
            status.code().unwrap(),
            String::from_utf8([stdout, stderr].concat()).unwrap(),
        )
    }

    /// Starts a server and waits until its engine is visible.
    async fn serve(&self) -> Server {
        let mut command = self.command(&["serve"]);
        let server = Server(
            command
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .unwrap(),
        );
        let wait = async {
            while !matches!(
                self.control.overview().await.unwrap().engine,
                EnginePlace::Elsewhere(_)
            ) {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(TIMEOUT, wait).await.unwrap();
        server
    }

    async fn submit(&self, step: PlanStep) -> RunId {
        let plan = Plan {
            runbook: "test".into(),
            title: "test".into(),
            steps: vec![step],
            ..Plan::default()
        };
        self.control
            .submit(
                Plan {
                    timeout_ms: 60_000,
                    ..plan
                },
                None,
                None,
            )
            .await
            .unwrap()
            .id
    }

    async fn until(&self, id: RunId, condition: impl Fn(&Run) -> bool) -> Run {
        let wait = async {
            loop {
                let run = self.control.run(id).await.unwrap().run;
                if condition(&run) {
                    return run;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(TIMEOUT, wait).await.unwrap()
    }

    fn path(&self, name: &str) -> String {
        self.dir.path().join(name).display().to_string()
    }
}

/// The answer that the first step of a run is done.
fn done(run: RunId, note: Option<&str>) -> Act {
    Act::Answer {
        run,
        step: 0,
        done: true,
        note: note.map(str::to_owned),
    }
}

#[tokio::test]
async fn done_without_the_required_word_is_refused_and_fails_nothing() {
    let home = Home::new().await;
    let spec = StepSpec::Manual(Manual {
        prompt: "Grow the disk?".to_owned(),
    });
    let rules = Rules {
        word: Some("grow".to_owned()),
        ..Rules::default()
    };
    let id = home
        .submit(PlanStep {
            rules,
            ..step(spec)
        })
        .await;
    home.until(id, |run| run.status == RunStatus::Waiting).await;
    for note in [None, Some("yes")] {
        let refused = home
            .control
            .act(done(id, note))
            .await
            .unwrap_err()
            .to_string();
        assert_eq!(refused, "not confirmed: the note has to be `grow`");
    }
    home.control.act(done(id, Some(" grow "))).await.unwrap();
    let run = home.until(id, |run| run.status.is_terminal()).await;
    assert_eq!(run.status, RunStatus::Succeeded, "{:?}", run.message);
}

#[tokio::test]
async fn runbooks_written_meanwhile_are_loaded_by_a_reload() {
    let home = Home::new().await;
    let folder = home.dir.path().join("runbooks");
    std::fs::create_dir(&folder).unwrap();
    std::fs::write(folder.join("tidy.md"), "# Tidy\n\n```sh\nls\n```\n").unwrap();
    let before = home.control.library().count();
    assert!(home.control.library().get("tidy").is_none());
    let mut news = home.control.subscribe();
    assert_eq!(home.control.reload().await.unwrap(), before + 1);
    assert!(home.control.library().get("tidy").is_some());
    assert_eq!(
        news.recv().await.unwrap(),
        Notice::Stack,
        "readers of the stack are notified"
    );

    std::fs::write(folder.join("broken.toml"), "no runbook").unwrap();
    home.control.reload().await.unwrap();
    let problems = home.control.overview().await.unwrap().problems;
    assert!(
        problems
            .iter()
            .any(|problem| problem.contains("broken.toml:1")),
        "{problems:?}"
    );
}

#[tokio::test]
async fn a_plan_says_what_changed_in_its_runbook_since_the_last_run() {
    let home = Home::new().await;
    let folder = home.dir.path().join("runbooks");
    std::fs::create_dir(&folder).unwrap();
    let write = |script: &str| {
        let text = format!("# Tidy\n\n```sh\n{script}\n```\n");
        std::fs::write(folder.join("tidy.md"), text).unwrap();
    };
    let staging = Change::Environment(Delta {
        name: "staging".to_owned(),
        before: None,
        after: Some(Environment {
            name: "staging".to_owned(),
            ..Environment::default()
        }),
        position: 0,
    });
    let store = Store::open(&home.control.settings().store_url)
        .await
        .unwrap();
    let workspace = store.workspaces().await.unwrap()[0].id;
    store
        .apply(workspace, &[staging], "amos", Clock::System.now())
        .await
        .unwrap();
    let text = "run tidy in staging";
    let card = async || {
        home.control.reload().await.unwrap();
        let catalogue = home.control.catalogue().await.unwrap();
        let parsed = opsroom::core::command::parse(text, &catalogue);
        home.control.plan(&parsed, &[], text).await.unwrap()
    };
    write("true");
    let first = card().await;
    assert!(
        first.changed.is_empty(),
        "it never ran: {:?}",
        first.changed
    );
    home.control.submit(first.plan, None, None).await.unwrap();
    let same = card().await.changed;
    assert!(same.is_empty(), "it is the same file: {same:?}");
    write("echo other");
    let changed = card().await.changed;
    assert!(changed.len() > 1, "{changed:?}");
    assert!(changed[0].contains("tidy"), "{changed:?}");
    assert!(
        changed.iter().any(|line| line.contains("echo other")),
        "{changed:?}"
    );
}

/// Killed when the test ends.
struct Server(Child);

impl Server {
    fn holds(&self, run: &Run) -> bool {
        run.holder
            .as_ref()
            .is_some_and(|holder| holder.split(':').nth(1) == Some(&self.0.id().to_string()))
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.0), signal).unwrap();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn step(spec: StepSpec) -> PlanStep {
    PlanStep::new("work", Phase::Action, spec, 60_000)
}

fn shell(script: &str) -> PlanStep {
    let command = ShellCommand::Script(script.to_owned());
    step(StepSpec::Shell(Shell::new(command)))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_console_only_submits_while_a_server_lives_and_takes_over_when_it_is_gone() {
    let home = Home::new().await;
    let mut server = home.serve().await;
    let id = home.submit(shell("true")).await;
    let run = home.until(id, |r| r.status.is_terminal()).await;
    assert_eq!(run.status, RunStatus::Succeeded);
    assert!(server.holds(&run), "{:?}", run.holder);

    let id = home.submit(step(StepSpec::Wait(Wait { ms: 2000 }))).await;
    home.until(id, |r| r.status == RunStatus::Running).await;
    server.0.kill().unwrap();
    server.0.wait().unwrap();
    let run = home.until(id, |r| r.status == RunStatus::Succeeded).await;
    assert!(
        !server.holds(&run),
        "the console has taken over: {:?}",
        run.holder
    );
    assert_eq!(
        home.control.overview().await.unwrap().engine,
        EnginePlace::Here
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_read_only_process_claims_and_probes_nothing_and_says_what_could_run() {
    let home = Home::new().await;
    let settings = home.control.settings().clone();
    home.control.close(false).await;
    let store = Store::open(&settings.store_url).await.unwrap();
    let plan = Plan {
        runbook: "test".into(),
        title: "test".into(),
        steps: vec![shell("true")],
        ..Plan::default()
    };
    let (actor, trigger, at) = ("amos".to_owned(), "console".to_owned(), Clock::System.now());
    let workspace = store.workspaces().await.unwrap()[0].id;
    // Queued by no process: any engine would take it.
    let new = NewRun {
        workspace,
        plan,
        parent: None,
        actor,
        trigger,
        reason: None,
        at,
    };
    let run = store.submit(new).await.unwrap().id;
    let read_only = Settings {
        read_only: true,
        pulse_ms: 1000,
        ..settings.clone()
    };
    let control = Control::open(read_only.clone(), Clock::System)
        .await
        .unwrap();
    control.idle().await;
    let overview = control.overview().await.unwrap();
    assert_eq!(overview.engine, EnginePlace::Nowhere);
    assert!(
        overview.problems[0].contains("read-only consoles run nothing"),
        "{:?}",
        overview.problems
    );
    let queued = control.run(run).await.unwrap().queued.unwrap();
    assert!(
        queued.to_string().starts_with("no engine is running"),
        "{queued}"
    );
    assert!(store.engines().await.unwrap().is_empty(), "it is no engine");
    control.remember("show the runs").await.unwrap();
    assert!(
        control.remembered().await.unwrap().is_empty(),
        "not even the history is written"
    );
    let (typed, reason) = (None, None);
    for act in [
        Act::Start { run, typed, reason },
        done(run, None),
        Act::ResetBreaker {
            target: "web".to_owned(),
            env: None,
            reason: None,
        },
    ] {
        let refused = control.act(act).await;
        assert!(matches!(refused, Err(Refusal::ReadOnly)), "{refused:?}");
    }
    let served = Settings {
        door: ProcessKind::Serve,
        ..read_only
    };
    assert!(matches!(
        Control::open(served, Clock::System).await,
        Err(Refusal::ReadOnly)
    ));
    assert_eq!(store.run(run).await.unwrap().status, RunStatus::Queued);

    // A console that may write takes the run, and the read-only one shows its engine.
    let other = Control::open(settings, Clock::System).await.unwrap();
    let wait = async {
        while store.run(run).await.unwrap().status != RunStatus::Succeeded {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(TIMEOUT, wait).await.unwrap();
    let seen = control.overview().await.unwrap().engine.to_string();
    assert!(
        seen.starts_with("engine: console ") && seen.contains(&format!(":{}", std::process::id())),
        "{seen}"
    );
    other.close(false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_stops_everything_is_listed_before_targets_and_targets_before_advice() {
    let home = Home::new().await;
    let settings = home.control.settings().clone();
    let store = Store::open(&settings.store_url).await.unwrap();
    let workspace = store.workspaces().await.unwrap()[0].id;
    let probe = Action {
        verb: Verb::Probe,
        environments: Vec::new(),
        call: ActionCall::Http(HttpRequest::default()),
        timeout_ms: 1000,
        idempotent: true,
        secrets: Vec::new(),
    };
    let web = Service {
        name: "web".to_owned(),
        actions: vec![probe],
        ..Service::default()
    };
    let added = Change::Service(Delta {
        name: "web".to_owned(),
        before: None,
        after: Some(web),
        position: 0,
    });
    let now = Clock::System.now();
    store.apply(workspace, &[added], "amos", now).await.unwrap();
    let seen = Observation {
        target: Target {
            service: "web".to_owned(),
            env: None,
        },
        at: now,
        state: State::Unknown,
        latency_ms: None,
        message: "curl is not installed".to_owned(),
        run: None,
    };
    store.observe(workspace, &[seen]).await.unwrap();
    let target = "web cannot be probed: curl is not installed";
    let advice = "no on-call contacts: add [[contact]] to the stack file";
    assert_eq!(
        home.control.overview().await.unwrap().problems,
        [target, advice]
    );
    home.control.close(false).await;
    let read_only = Settings {
        read_only: true,
        ..settings
    };
    let control = Control::open(read_only, Clock::System).await.unwrap();
    let none = EnginePlace::Nowhere.sentence(true);
    assert_eq!(
        control.overview().await.unwrap().problems,
        [none.as_str(), target, advice]
    );
    control.close(false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_looks_for_runs_of_dead_engines_and_a_read_only_one_does_not() {
    let home = Home::new().await;
    let settings = Settings {
        door: ProcessKind::Cli,
        ..home.control.settings().clone()
    };
    home.control.close(false).await;
    let store = Store::open(&settings.store_url).await.unwrap();
    let now = Clock::System.now();
    let new = NewRun {
        workspace: store.workspaces().await.unwrap()[0].id,
        plan: Plan {
            runbook: "test".into(),
            title: "test".into(),
            steps: vec![shell("true")],
            ..Plan::default()
        },
        parent: None,
        actor: "amos".to_owned(),
        trigger: "console".to_owned(),
        reason: None,
        at: now,
    };
    let run = store.submit(new).await.unwrap().id;
    // A process of this machine that has ended; its lease has not.
    let mut ended = Command::new("true").spawn().unwrap();
    ended.wait().unwrap();
    let me = opsroom::engine::identity();
    let mut parts: Vec<_> = me.split(':').map(str::to_owned).collect();
    parts[1] = ended.id().to_string();
    let lease = now.plus_ms(3_600_000);
    store
        .claim(Some(run), &parts.join(":"), lease)
        .await
        .unwrap()
        .unwrap();

    let read_only = Settings {
        read_only: true,
        ..settings.clone()
    };
    let control = Control::open(read_only, Clock::System).await.unwrap();
    assert_eq!(control.status(run).await.unwrap(), RunStatus::Claimed);
    control.close(false).await;

    let control = Control::open(settings, Clock::System).await.unwrap();
    let seen = control.status(run).await.unwrap();
    assert_ne!(seen, RunStatus::Claimed, "its engine is gone");
    control.close(false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn queued_runs_are_left_over_by_a_console_that_no_server_follows() {
    let home = Home::new().await;
    let settings = Settings {
        lanes: opsroom::core::run::queue::Lanes {
            interactive: 1,
            routine: 1,
        },
        ..home.control.settings().clone()
    };
    home.control.close(false).await;
    let home = Home {
        control: Control::open(settings, Clock::System).await.unwrap(),
        ..home
    };
    assert_eq!(home.control.queued_here().await.unwrap(), 0);
    let first = home.submit(shell("sleep 60")).await;
    home.until(first, |run| run.status == RunStatus::Running)
        .await;
    home.submit(shell("true")).await;
    home.submit(shell("true")).await;
    assert_eq!(home.control.queued_here().await.unwrap(), 2);
    let _server = home.serve().await;
    assert_eq!(home.control.queued_here().await.unwrap(), 0, "it adopts");
    home.control.close(false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_console_pulses_at_the_period_of_its_settings() {
    let home = Home::new().await;
    let settings = Settings {
        pulse_ms: 3_600_000,
        ..home.control.settings().clone()
    };
    home.control.close(false).await;
    let store = Store::open(&settings.store_url).await.unwrap();
    let control = Control::open(settings, Clock::System).await.unwrap();
    let wait = async {
        while !store
            .engines()
            .await
            .unwrap()
            .iter()
            .any(|engine| engine.pulse_ms == 3_600_000)
        {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(TIMEOUT, wait).await.unwrap();
    let overview = control.overview().await.unwrap();
    assert_eq!(overview.store_kind, "sqlite");
    let shown = control.store_url();
    assert!(
        shown.starts_with("sqlite:") && shown.ends_with("ops.db"),
        "{shown}"
    );
    let stale_ms = overview.stale_ms;
    assert!(
        stale_ms >= 3_600_000,
        "an observation is stale before the next pulse: {stale_ms} ms"
    );
    control.close(false).await;
}

#[tokio::test]
async fn a_run_that_waits_for_people_is_counted_apart() {
    let home = Home::new().await;
    assert_eq!(home.control.waiting(), 0);
    let id = home
        .submit(step(StepSpec::Manual(Manual {
            prompt: "Grow the disk?".to_owned(),
        })))
        .await;
    let wait = async {
        while home.control.waiting() != 1 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(TIMEOUT, wait).await.unwrap();
    home.control.act(done(id, None)).await.unwrap();
    home.until(id, |run| run.status.is_terminal()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_terminated_server_finishes_its_active_runs() {
    let home = Home::new().await;
    let mut server = home.serve().await;
    let id = home.submit(shell("sleep 1")).await;
    home.until(id, |r| r.status == RunStatus::Running).await;
    server.signal(Signal::TERM);
    assert_eq!(server.0.wait().unwrap().code(), Some(0));
    let run = home.control.run(id).await.unwrap().run;
    assert!(
        run.status == RunStatus::Succeeded && server.holds(&run),
        "{run:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_terminated_twice_interrupts_its_run_with_an_unknown_outcome() {
    let home = Home::new().await;
    let mut server = home.serve().await;
    let flag = home.path("flag");
    let id = home
        .submit(shell(&format!("touch {flag}; exec sleep 60")))
        .await;
    // Running alone is too early: an engine that stops before the step has begun returns the run.
    while !std::path::Path::new(&flag).exists() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    server.signal(Signal::TERM);
    let mut tries = 0;
    while server.0.try_wait().unwrap().is_none() {
        tries += 1;
        assert!(tries < 300, "it never ended");
        server.signal(Signal::TERM);
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let detail = home.control.run(id).await.unwrap();
    assert_eq!(
        (detail.run.status, detail.steps[0].status),
        (RunStatus::Interrupted, StepStatus::Unknown)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_line_resolves_an_unknown_outcome_and_retries_a_run() {
    let home = Home::new().await;
    let mut server = home.serve().await;
    let (flag, pid) = (home.path("flag"), home.path("pid"));
    let id = home
        .submit(shell(&format!(
            "test -e {flag} || {{ touch {flag}; echo $$ > {pid}; exec sleep 60; }}"
        )))
        .await;
    while !std::path::Path::new(&flag).exists() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    server.0.kill().unwrap();
    server.0.wait().unwrap();
    home.until(id, |r| r.status == RunStatus::Interrupted).await;

    let (code, output) = home.run(&["resume", "1"]);
    assert!(
        code == 2 && output.contains("the outcome of step work of run #1 is unknown"),
        "{output}"
    );
    let (code, output) = home.run(&["resume", "1", "--done"]);
    assert!(code == 2 && output.contains("--reason"), "{output}");
    let (code, output) = home.run(&[
        "resume",
        "1",
        "--give-up",
        "--reason",
        "the server was replaced",
    ]);
    assert!(
        code == 0 && output.contains("given up by tester: the server was replaced"),
        "{output}"
    );
    let (code, output) = home.run(&["resume", "1", "--repeat", "--reason", "again"]);
    assert!(
        code == 2 && output.contains("resuming it is not possible"),
        "{output}"
    );

    let (code, output) = home.run(&["retry", "last-failed"]);
    assert!(code == 0 && output.contains("run #2 succeeded"), "{output}");
    let run = home.control.run(RunId(2)).await.unwrap().run;
    assert_eq!(run.reason.as_deref(), Some("retry of run #1"));
    let orphan = std::fs::read_to_string(pid)
        .unwrap()
        .trim()
        .parse()
        .unwrap();
    let _ = kill_process(Pid::from_raw(orphan).unwrap(), Signal::KILL);
}

#[tokio::test(flavor = "multi_thread")]
async fn entries_of_another_process_are_noticed_within_200_ms() {
    let home = Home::new().await;
    let _server = home.serve().await;
    let mut news = home.control.subscribe();
    let id = home
        .submit(shell(
            "for i in 1 2 3 4 5 6 7 8 9; do echo $i; sleep 0.15; done",
        ))
        .await;
    let (mut lags, mut after) = (Vec::new(), 0);
    while home.control.run(id).await.unwrap().run.status != RunStatus::Succeeded {
        let notice = tokio::time::timeout(TIMEOUT, news.recv()).await.unwrap();
        if !matches!(notice, Ok(Notice::Entries(run, _)) if run == id) {
            continue;
        }
        let now = Clock::System.now();
        for entry in home.control.entries_after(id, after, 100).await.unwrap() {
            after = entry.seq;
            lags.push(now.ms_since(entry.at));
        }
    }
    lags.sort_unstable();
    assert!(lags.len() > 15, "{lags:?}");
    // The median: the first entries may wait for a one-second poll, and the machine may be busy.
    assert!(
        lags[lags.len() / 2] <= 200,
        "milliseconds from written to noticed: {lags:?}"
    );
}
