//! End-to-end tests of the binary: exit codes, stdout, stderr, JSON output and the store it writes.

#![expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

mod routines;

use std::io::{BufRead as _, BufReader};
use std::os::unix::ffi::OsStringExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};

use serde_json::Value;

/// A temporary home directory: the real one is neither read nor written.
struct Home {
    dir: tempfile::TempDir,
}

impl Home {
    fn new() -> Self {
        Self {
            dir: tempfile::tempdir().unwrap(),
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        path
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_opsroom"));
        command
            .args(args)
            .current_dir(self.dir.path())
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.dir.path())
            .env("USER", "tester")
            .env("LC_ALL", "C.UTF-8")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    fn run(&self, args: &[&str]) -> Ended {
        Ended::from(self.command(args).output().unwrap())
    }

    /// A store with a stack file applied.
    fn with_stack(text: &str) -> Self {
        let home = Self::new();
        home.write("stack.toml", text);
        home.run(&["apply", "--yes", "stack.toml"]).expect(0);
        home
    }

    fn json(&self, args: &[&str]) -> Value {
        let ended = self.run(args).expect(0);
        serde_json::from_str(&ended.stdout).unwrap_or_else(|e| panic!("{e}: {ended:?}"))
    }
}

/// Exit code and output of a command.
#[derive(Debug)]
struct Ended {
    code: Option<i32>,
    stdout: String,
    stderr: String,
}

impl From<Output> for Ended {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

impl Ended {
    #[track_caller]
    fn expect(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{self:#?}");
        self
    }

    #[track_caller]
    fn says(self, texts: &[&str]) -> Self {
        for text in texts {
            assert!(
                self.stderr.contains(text),
                "stderr lacks {text:?}: {self:#?}"
            );
        }
        self
    }

    #[track_caller]
    fn prints(self, texts: &[&str]) -> Self {
        for text in texts {
            assert!(
                self.stdout.contains(text),
                "stdout lacks {text:?}: {self:#?}"
            );
        }
        self
    }
}

/// An HTTP service on a free port: `/health` answers 200 until it is stopped.
struct Service {
    port: u16,
    stop: tokio::sync::oneshot::Sender<()>,
    thread: std::thread::JoinHandle<()>,
}

impl Service {
    fn start() -> Self {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let port = listener.local_addr().unwrap().port();
        let (stop, stopped) = tokio::sync::oneshot::channel();
        let thread = std::thread::spawn(move || {
            tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap()
                .block_on(async {
                    let router = axum::Router::new()
                        .route("/health", axum::routing::get(|| async { "fine" }))
                        .route("/deploy", axum::routing::post(|| async { "deployed" }));
                    let listener = tokio::net::TcpListener::from_std(listener).unwrap();
                    tokio::select! {
                        served = async { axum::serve(listener, router).await } => served.unwrap(),
                        _ = stopped => {}
                    }
                });
        });
        Self { port, stop, thread }
    }

    fn stop(self) {
        self.stop.send(()).unwrap();
        self.thread.join().unwrap();
    }

    fn stack(&self) -> String {
        stack_of(
            self.port,
            &format!(
                "http = {{ method = \"POST\", url = \"http://127.0.0.1:{}/deploy\" }}",
                self.port
            ),
        )
    }
}

/// `web` in staging and in protected prod.
fn stack_of(port: u16, deploy: &str) -> String {
    format!(
        r#"
workspace = "acme"

[[environment]]
name = "staging"

[[environment]]
name = "prod"
aliases = ["production"]
protected = true

[[service]]
name = "web"
owner = "ana@acme.test"
environments = ["staging", "prod"]

[[service.action]]
do = "probe"
http = {{ url = "http://127.0.0.1:{port}/health" }}
timeout = "2s"

[[service.action]]
do = "deploy"
{deploy}
timeout = "1m"

[[contact]]
name = "Ana"
email = "ana@acme.test"
"#
    )
}

#[test]
fn a_check_succeeds_while_the_service_runs_and_fails_with_the_reason_once_it_is_stopped() {
    let service = Service::start();
    let home = Home::with_stack(&service.stack());
    home.run(&["run", "check web in prod"])
        .expect(0)
        .prints(&["HTTP 200", "succeeded"]);
    service.stop();
    home.run(&["run", "check web in prod"])
        .expect(1)
        .prints(&["refused", "failed"]);
    let runs = home.json(&["runs", "--json"]);
    let states: Vec<_> = runs
        .as_array()
        .unwrap()
        .iter()
        .map(|r| r["status"].as_str().unwrap())
        .collect();
    assert_eq!(states, ["failed", "succeeded"]);
    home.run(&["log", "last-failed"])
        .expect(0)
        .prints(&["refused"]);
    home.run(&["services"])
        .expect(0)
        .prints(&["failing", "ana@acme.test"]);
    let health = home.json(&["health", "--json"]);
    assert_eq!(health["score"]["health"], "critical", "{health:#}");
    // `at` is when targets were seen, `derived_at` when health was computed; nothing probes here.
    let number = |value: &Value| value.as_i64().unwrap_or_else(|| panic!("{health:#}"));
    assert_eq!(
        number(&health["at"]) + number(&health["age_ms"]),
        number(&health["derived_at"])
    );
    assert!(health["engine"].is_null(), "{health:#}");
    home.run(&["health"]).expect(0).prints(&[
        "1 of 2 not seen; seen ",
        "no engine is running: nothing is probed",
    ]);
    home.run(&["services"])
        .expect(0)
        .says(&["no engine is running: nothing is probed and no run starts"]);
    let services = home.json(&["services", "--json"]);
    let target = &services[0]["targets"]
        .as_array()
        .unwrap()
        .iter()
        .find(|t| t["env"] == "prod")
        .unwrap()
        .clone();
    assert_eq!(
        number(&target["seen_at"]) + number(&target["age_ms"]),
        number(&services[0]["derived_at"])
    );
}

/// Two changes queued by a process that has exited, with no engine running.
#[test]
fn leftover_runs_are_listed_started_and_dropped_from_the_command_line() {
    let home = Home::with_stack(
        "workspace = \"acme\"\n[[environment]]\nname = \"dev\"\n[[service]]\nname = \"web\"\nenvironments = [\"dev\"]\n\
         [[service.action]]\ndo = \"restart\"\nshell = \"echo again >> ran; sleep 60\"\n",
    );
    home.run(&["start"])
        .expect(0)
        .prints(&["no run waits in the queue"]);
    let mut first = home
        .command(&["run", "--yes", "restart web in dev"])
        .spawn()
        .unwrap();
    let until = |what: &dyn Fn(&Value) -> bool| {
        while !home
            .json(&["runs", "--json"])
            .as_array()
            .unwrap()
            .iter()
            .any(what)
        {
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
    };
    until(&|run| run["status"] == "running");
    let mut second = home
        .command(&["run", "--yes", "restart web in dev"])
        .spawn()
        .unwrap();
    until(&|run| run["status"] == "queued");
    for child in [&mut second, &mut first] {
        child.kill().unwrap();
        child.wait().unwrap();
    }
    let runs = home.run(&["runs"]).expect(0);
    runs.prints(&["no engine is running: start opsroom serve or a console, or `opsroom start 2`"]);
    assert_eq!(
        home.json(&["runs", "--json"])[0]["queue"]["untaken"],
        "no_engine"
    );
    home.run(&["start"])
        .expect(0)
        .prints(&["1 run waits since ", "opsroom start RUN", "#2"]);
    assert_eq!(home.json(&["start", "--json"])[0]["run"], 2);
    home.run(&["start", "1", "--yes"])
        .expect(2)
        .says(&["run #1 is interrupted; starting what waits in the queue"]);
    home.run(&["start", "2"]).expect(2).says(&["--yes"]);
    home.run(&["cancel", "--waiting", "--reason", "no longer wanted"])
        .expect(0)
        .prints(&["run #2 is cancelled"]);
    home.run(&["start"])
        .expect(0)
        .prints(&["no run waits in the queue"]);
    assert_eq!(
        std::fs::read_to_string(home.path("ran")).unwrap(),
        "again\n",
        "only the first has run"
    );
}

#[test]
fn a_chain_is_followed_to_its_end_and_stops_at_the_first_failure() {
    let service = Service::start();
    let home = Home::with_stack(&service.stack());
    let ended = home
        .run(&["run", "check web in staging then check web in prod"])
        .expect(0);
    assert!(
        ended.stdout.contains("run #1 succeeded") && ended.stdout.contains("run #2 succeeded"),
        "{ended:#?}"
    );
    service.stop();
    let ended = home
        .run(&["run", "check web in staging then check web in prod"])
        .expect(1);
    assert!(
        ended.stdout.contains("run #3 failed") && !ended.stdout.contains("#4"),
        "{ended:#?}"
    );
    let failed = home.json(&[
        "runs", "--json", "--status", "failed", "--env", "staging", "--since", "1h",
    ]);
    assert_eq!(failed.as_array().unwrap().len(), 1, "{failed:#}");
    assert_eq!(
        home.json(&["runs", "--json", "--runbook", "deploy"]),
        Value::Array(Vec::new())
    );
    let log = home.run(&["log", "last", "--json"]).expect(0).stdout;
    let first: Value = serde_json::from_str(log.lines().next().unwrap()).unwrap();
    assert_eq!(
        (&first["seq"], &first["body"]["kind"]),
        (&1.into(), &"event".into())
    );
}

#[test]
fn a_protected_environment_requires_its_word_and_yes_is_not_enough() {
    let service = Service::start();
    let home = Home::with_stack(&service.stack());
    for args in [
        &["run", "deploy web to prod"][..],
        &["run", "deploy web to prod", "--yes"],
        &["run", "deploy web to prod", "--yes", "--confirm", "web"],
        &["run", "deploy web to prod", "--confirm", "prod"],
    ] {
        home.run(args).expect(2).says(&["prod web"]);
    }
    assert_eq!(
        home.json(&["runs", "--json"]),
        Value::Array(Vec::new()),
        "nothing was started"
    );
    home.run(&[
        "run",
        "deploy web to prod",
        "--confirm",
        "Prod web",
        "--reason",
        "release day",
    ])
    .expect(0)
    .prints(&["succeeded"]);
    let runs = home.json(&["runs", "--json"]);
    assert_eq!(runs[0]["reason"], "release day");
    assert_eq!(runs[0]["actor"], "tester");
    home.run(&[
        "--read-only",
        "run",
        "deploy web to prod",
        "--confirm",
        "prod web",
    ])
    .expect(2)
    .says(&["read-only"]);
    service.stop();
}

#[test]
fn a_changing_run_without_a_terminal_requires_yes() {
    let service = Service::start();
    let home = Home::with_stack(&service.stack());
    home.run(&["run", "deploy web to staging"])
        .expect(2)
        .says(&["--yes"]);
    let ended = home
        .run(&["run", "deploy web to staging", "--yes", "--json"])
        .expect(0);
    let lines: Vec<Value> = ended
        .stdout
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines.first().unwrap()["type"], "run");
    assert_eq!(lines.last().unwrap()["type"], "end");
    assert_eq!(lines.last().unwrap()["status"], "succeeded");
    let numbers: Vec<_> = lines
        .iter()
        .filter_map(|l| l["entry"]["seq"].as_i64())
        .collect();
    assert_eq!(
        numbers,
        (1..=i64::try_from(numbers.len()).unwrap()).collect::<Vec<_>>(),
        "every entry once, in order"
    );
    service.stop();
}

#[test]
fn a_look_takes_no_condition_nothing_after_it_and_no_option_of_a_run() {
    let home = Home::with_stack(TWO);
    home.run(&["run", "check web in dev"]).expect(0);
    for args in [
        &["show web then check web in dev", "--yes"][..],
        &["show web", "--step"],
        &["show web", "--set", "a=b"],
        &["show web", "--confirm", "dev web"],
        &["show web", "--reason", "x"],
        &["show web", "--lane", "routine"],
        &["show web", "--priority", "high"],
    ] {
        let ended = home.run(&[&["run"], args].concat()).expect(2);
        ended.says(&["only looks", "nothing was done"]);
    }
    for phrase in ["note run 1 \"seen\"", "link run 1 https://acme.test/ \"t\""] {
        home.run(&["run", phrase, "--reason", "other"])
            .expect(2)
            .says(&["--reason", "nothing was done"]);
        home.run(&["run", phrase]).expect(0);
    }
    home.run(&["log", "1"])
        .expect(0)
        .prints(&["note by tester: seen", "t https://acme.test/"]);
    assert_eq!(home.json(&["runs", "--json"]).as_array().unwrap().len(), 1);
}

#[test]
fn a_look_is_about_every_name_and_run_in_it() {
    let home = Home::with_stack(TWO);
    home.run(&["run", "check web in dev"]).expect(0);
    home.run(&["run", "check web in dev"]).expect(0);
    home.run(&["run", "services web and api"])
        .expect(0)
        .prints(&["web", "api"]);
    home.run(&["run", "runs of web and api"])
        .expect(2)
        .says(&["one service", "web and api"]);
    home.run(&["run", "who owns everything"])
        .expect(0)
        .prints(&["web: owner", "api: owner"]);
    home.run(&["run", "locks"])
        .expect(0)
        .prints(&["nothing is locked"]);
    for args in [&["run", "changes of run 1"][..], &["audit", "--run", "1"]] {
        let ended = home.run(args).expect(0).prints(&["run #1"]);
        assert!(!ended.stdout.contains("run #2"), "{ended:#?}");
        assert!(!ended.stdout.contains("service web"), "{ended:#?}");
    }
    home.write("web.log", "one\ntwo\n");
    home.run(&["run", "tail ./web.log"])
        .expect(0)
        .prints(&["one", "two"]);
}

#[test]
fn text_that_is_no_plan_is_refused_with_a_suggestion() {
    let home = Home::with_stack(&stack_of(9, "shell = \"true\""));
    for text in [
        "deploy web",
        "deplyo web to staging",
        "don't deploy web to prod",
        "frobnicate the widgets",
    ] {
        let ended = home.run(&["run", text, "--yes"]).expect(2);
        assert!(!ended.stderr.trim().is_empty(), "{text}: {ended:?}");
        assert!(ended.stdout.is_empty(), "{text}: {ended:?}");
    }
    home.run(&["plan", "deploy web to staging"])
        .expect(0)
        .prints(&["deploy web", "sh -c", "action"]);
    let plan = home.json(&["plan", "deploy web to prod", "--json"]);
    assert_eq!(plan["protected"], true);
    assert_eq!(home.json(&["runs", "--json"]), Value::Array(Vec::new()));
}

#[test]
fn apply_shows_the_difference_and_is_idempotent_and_export_gives_it_back() {
    let home = Home::new();
    home.write("stack.toml", &stack_of(9, "shell = \"true\""));
    home.run(&["apply", "stack.toml", "--dry-run"])
        .expect(0)
        .prints(&["+ service web", "dry run"]);
    home.run(&["export"]).expect(2).says(&["apply"]);
    home.run(&["apply", "--yes", "stack.toml"])
        .expect(0)
        .prints(&["+ service web", "+ environment prod", "applied"]);
    home.run(&["apply", "--yes", "stack.toml"])
        .expect(0)
        .prints(&["nothing to change"]);
    let exported = home.run(&["export"]).expect(0).stdout;
    home.write("again.toml", &exported);
    home.run(&["apply", "again.toml"])
        .expect(0)
        .prints(&["nothing to change"]);
    home.write(
        "stack.toml",
        &stack_of(9, "shell = \"true\"").replace(
            "ana@acme.test\"\nenvironments",
            "bo@acme.test\"\nenvironments",
        ),
    );
    home.run(&["apply", "--yes", "stack.toml"])
        .expect(0)
        .prints(&["~ service web: owner ana@acme.test → bo@acme.test"]);
}

/// Two services in two environments, a routine and a contact.
const TWO: &str = "workspace = \"acme\"\n[[environment]]\nname = \"dev\"\n[[environment]]\nname = \"prod\"\n\
    [[service]]\nname = \"web\"\nenvironments = [\"dev\", \"prod\"]\n\
    [[service.action]]\ndo = \"probe\"\nshell = \"true\"\n\
    [[service]]\nname = \"api\"\nenvironments = [\"dev\"]\n\
    [[routine]]\nname = \"web-up\"\nservice = \"web\"\nenv = \"prod\"\nkind = \"http\"\nevery = \"1h\"\nrequest = { url = \"http://web.test/\" }\n";
const ONE: &str = "workspace = \"acme\"\n[[environment]]\nname = \"dev\"\n[[service]]\nname = \"api\"\nenvironments = [\"dev\"]\n";

#[test]
fn apply_without_a_terminal_requires_yes_and_deletes_only_with_prune() {
    let home = Home::new();
    home.write("two.toml", TWO);
    home.write("one.toml", ONE);
    for args in [
        &["apply", "two.toml"][..],
        &["apply", "two.toml", "--json"],
        &["apply", "two.toml", "--prune"],
    ] {
        home.run(args).expect(2).says(&["--yes"]);
    }
    home.run(&["export"])
        .expect(2)
        .says(&["the store is empty"]);
    home.run(&["apply", "two.toml", "--yes"])
        .expect(0)
        .prints(&["+ service web", "applied"]);
    home.run(&["run", "check web in dev"]).expect(0);

    // Objects the file no longer names are kept and listed, also when nothing else changes.
    let kept = "kept: service web is in the store but not in the file; --prune deletes it";
    for args in [
        &["apply", "one.toml", "--yes"][..],
        &["apply", "one.toml"],
        &["apply", "one.toml", "--dry-run"],
    ] {
        let ended = home.run(args).expect(0).prints(&[
            "nothing to change",
            kept,
            "kept: environment prod",
            "kept: routine web-up",
        ]);
        assert!(
            ended
                .stdout
                .contains("(runs: 1 ended; routines: web-up; 1 result)"),
            "{ended:#?}"
        );
    }
    let exported = home.run(&["export"]).expect(0).stdout;
    assert!(
        exported.contains("\"web\"") && exported.contains("\"prod\""),
        "{exported}"
    );
    let json = home.json(&["apply", "one.toml", "--yes", "--json"]);
    assert_eq!(
        (
            json[0]["changes"].as_array().map(Vec::len),
            json[0]["kept"].as_array().map(Vec::len)
        ),
        (Some(0), Some(3))
    );

    // With --prune they are listed first, with their dependents.
    home.write(
        "one.toml",
        &(ONE.to_owned() + "[[contact]]\nname = \"Ana\"\n"),
    );
    let shown = home
        .run(&["apply", "one.toml", "--prune", "--dry-run"])
        .expect(0)
        .prints(&["dry run"])
        .stdout;
    let lines: Vec<&str> = shown.lines().collect();
    assert_eq!(
        lines[1..5],
        [
            "- environment prod (routines: web-up)",
            "- service web (runs: 1 ended; routines: web-up; 1 result)",
            "- routine web-up",
            "+ contact Ana"
        ]
    );
    home.run(&["apply", "one.toml", "--prune"])
        .expect(2)
        .says(&["--yes"]);
    assert_eq!(
        home.run(&["export"]).expect(0).stdout,
        exported,
        "nothing was changed"
    );
    home.run(&["apply", "one.toml", "--prune", "--yes"])
        .expect(0)
        .prints(&["- service web", "applied"]);
    let exported = home.run(&["export"]).expect(0).stdout;
    assert!(
        !exported.contains("\"web\"") && !exported.contains("\"prod\"") && exported.contains("Ana"),
        "{exported}"
    );
}

#[test]
fn kept_objects_must_fit_the_file() {
    let home = Home::new();
    home.write(
        "old.toml",
        "workspace = \"acme\"\n[[environment]]\nname = \"production\"\n",
    );
    home.run(&["apply", "old.toml", "--yes"]).expect(0);
    let new =
        "workspace = \"acme\"\n[[environment]]\nname = \"prod\"\naliases = [\"production\"]\n";
    home.write("new.toml", new);
    let refused = home.run(&["apply", "new.toml", "--yes"]).expect(2);
    refused.says(&[
        "new.toml does not fit with what the store keeps (environment production)",
        "--prune",
    ]);
    home.run(&["apply", "new.toml", "--yes", "--prune"])
        .expect(0)
        .prints(&["- environment production", "+ environment prod"]);
}

/// A store whose `cutover` runbook builds, and then needs the file `ready`.
fn home_with_a_cutover() -> Home {
    let home = Home::new();
    home.write(
        ".config/opsroom/runbooks/cutover.toml",
        r#"name = "cutover"
title = "cut over web → {env}"
version = "1"
phrases = ["cut over web in {env}"]
mutates = true

[[step]]
name = "build"
phase = "preflight"
shell = "echo built; echo n=3 >> $OPSROOM_OUTPUT"
save = { n = "response.outputs.n" }

[[step]]
name = "switch"
phase = "action"
shell = "test -e ready"

[[step]]
name = "look"
phase = "verify"
when = "steps.build.n == '3'"
shell = "echo looked"
"#,
    );
    home.write("stack.toml", TWO);
    home.run(&["apply", "--yes", "stack.toml"]).expect(0);
    home
}

#[test]
fn a_failed_run_goes_on_from_its_failed_step() {
    let home = home_with_a_cutover();
    home.run(&["run", "cut over web in dev", "--yes"])
        .expect(1)
        .prints(&["built"]);
    home.run(&["resume", "1", "--failed"]).expect(2).says(&[
        "goes on with run #1 at step switch; not run again: build",
        "add --yes",
    ]);
    home.write("ready", "");
    let ended = home
        .run(&[
            "resume",
            "1",
            "--failed",
            "--yes",
            "--reason",
            "it is ready",
        ])
        .expect(0)
        .prints(&["build: succeeded in run #1", "looked"]);
    assert!(!ended.stdout.contains("> built"), "{ended:#?}");
    home.run(&["runs", "2"]).expect(0).prints(&[
        "tester from cli, goes on with run #1",
        "goes on with run #1: it is ready",
        "in run #1",
    ]);
    let record = home.json(&["runs", "2", "--json"]);
    assert_eq!(record["run"]["again"], "from_failed");
    assert_eq!(record["steps"][0]["taken_from"], 1);
    home.run(&["resume", "1", "--failed", "--yes"])
        .expect(2)
        .says(&["run #2 goes on with it already"]);
    home.run(&["resume", "2", "--failed", "--yes"])
        .expect(2)
        .says(&["it is succeeded; only a run that failed"]);
}

#[test]
fn notes_and_links_are_added_to_a_run_that_has_ended() {
    let home = Home::with_stack(TWO);
    home.run(&["run", "check web in dev"]).expect(0);
    home.run(&["note", "1", "looks", "good"])
        .expect(0)
        .prints(&["run #1: noted"]);
    home.run(&["link", "last", "https://acme.test/pull/7", "pull request"])
        .expect(0)
        .prints(&["run #1: linked to https://acme.test/pull/7"]);
    home.run(&["log", "1"]).expect(0).prints(&[
        "note by tester: looks good",
        "link by tester: pull request https://acme.test/pull/7",
    ]);
    home.run(&["runs", "1"])
        .expect(0)
        .prints(&["NOTE", "looks good", "pull request"]);
    let record = home.json(&["runs", "1", "--json"]);
    assert_eq!(record["notes"][0]["text"], "looks good");
    assert_eq!(record["run"]["status"], "succeeded");
    home.run(&["artifacts", "1", "pull request"])
        .expect(0)
        .prints(&["https://acme.test/pull/7"]);
    home.run(&["link", "1", "file:///etc/passwd"])
        .expect(2)
        .says(&["an address begins with http:// or https://"]);
    home.run(&["note", "1", " "])
        .expect(2)
        .says(&["the note is empty"]);
    for refused in [
        &["note", "1", "x"][..],
        &["link", "1", "https://acme.test/"],
    ] {
        let args = [&["--read-only"], refused].concat();
        home.run(&args).expect(2).says(&["read-only"]);
    }
}

#[test]
fn a_locked_target_blocks_every_door_until_it_is_unlocked() {
    let home = home_with_a_cutover();
    home.write("ready", "");
    home.run(&["lock", "web", "--for", "2h", "--reason", "migration"])
        .expect(2)
        .says(&["say in which environment: web runs in dev, prod"]);
    for (args, why) in [
        (&["--for", "31d"][..], "at most 30 days"),
        (&["--until", "2020-01-01"], "not a time in the future"),
        (&["--for", "soon"], "soon"),
    ] {
        let lock = ["lock", "web", "--env", "dev", "--reason", "x"];
        home.run(&[&lock, args].concat()).expect(2).says(&[why]);
    }
    home.run(&[
        "lock", "wbe", "--env", "dev", "--for", "2h", "--reason", "x",
    ])
    .expect(2)
    .says(&["there is no service wbe; did you mean `web`?"]);
    home.run(&["run", "lock web in dev for 2h because \"migration\""])
        .expect(0)
        .prints(&["locked until", "web in dev"]);
    home.run(&["locks"])
        .expect(0)
        .prints(&["web in dev", "tester", "migration"]);
    assert_eq!(
        home.json(&["locks", "--json"])[0]["target"]["service"],
        "web"
    );
    let blocked = "LOCKED: web in dev, locked by tester until";
    home.run(&["plan", "deploy web to dev"])
        .expect(0)
        .prints(&["risk         block LOCKED: web in dev, locked by tester"]);
    home.run(&["run", "deploy web to dev", "--yes"])
        .expect(2)
        .says(&[blocked, "migration"]);
    let elsewhere = home.run(&["plan", "deploy web to prod"]).expect(0);
    assert!(!elsewhere.stdout.contains("LOCKED"), "{elsewhere:#?}");
    home.run(&["run", "check web in dev"]).expect(0);
    home.run(&[
        "lock",
        "--runbook",
        "cutover",
        "--for",
        "1h",
        "--reason",
        "broken",
    ])
    .expect(0);
    home.run(&["run", "cut over web in dev", "--yes"])
        .expect(2)
        .says(&["LOCKED: runbook cutover, locked by tester until", "broken"]);
    home.run(&["run", "unlock runbook cutover", "--reason", "mended"])
        .expect(0)
        .prints(&["unlocked: runbook cutover"]);
    home.run(&["run", "cut over web in dev", "--yes"]).expect(0);
    // A run that is done again shows the locks of now, before it asks for anything.
    home.run(&["run", "lock runbook cutover for 1h because \"again\""])
        .expect(0);
    home.run(&["retry", "2"])
        .expect(2)
        .says(&["risk         block LOCKED: runbook cutover", "again"]);
    home.run(&["run", "unlock runbook cutover"]).expect(0);
    home.run(&["retry", "2", "--yes"]).expect(0);
    home.run(&["unlock", "web", "--env", "dev"])
        .expect(0)
        .prints(&["unlocked: web in dev"]);
    home.run(&["unlock", "web", "--env", "dev"])
        .expect(2)
        .says(&["web in dev is not locked"]);
    home.run(&["--read-only", "unlock", "web", "--env", "dev"])
        .expect(2)
        .says(&["read-only"]);
    home.run(&["locks"])
        .expect(0)
        .prints(&["nothing is locked"]);
}

#[test]
fn only_the_failed_items_of_a_run_are_retried() {
    let home = Home::new();
    home.write(
        ".config/opsroom/runbooks/patch.toml",
        r#"name = "patch"
title = "patch hosts → {env}"
version = "1"
phrases = ["patch hosts in {env}"]
mutates = true

[[step]]
name = "patch {item}"
phase = "action"
for_each = ["one", "two", "three"]
on_failure = "continue"
shell = 'echo "patching $HOST"; test "$HOST" != two || test -e ready'
env = { HOST = "{item}" }
"#,
    );
    home.write("stack.toml", TWO);
    home.run(&["apply", "--yes", "stack.toml"]).expect(0);
    home.run(&["run", "patch hosts in dev", "--yes"]).expect(1);
    home.write("ready", "");
    let ended = home
        .run(&["retry", "1", "--failed-targets", "--yes"])
        .expect(0)
        .says(&[
            "patch hosts → dev, only two",
            "only two of run #1; done there: one, three",
        ])
        .prints(&["patching two"]);
    assert!(!ended.stdout.contains("patching one"), "{ended:#?}");
    home.run(&["runs", "2"])
        .expect(0)
        .prints(&["the failed targets of run #1 again"]);
    home.run(&["retry", "2", "--failed-targets", "--yes"])
        .expect(2)
        .says(&["it is not about several services or items; retry it whole"]);
}

#[test]
fn a_run_is_found_by_service_environment_and_status_in_the_whole_store() {
    let probe = "[[service.action]]\ndo = \"probe\"\nshell = \"test $OPSROOM_ENV = dev\"\n";
    let stack = TWO.replace("shell = \"true\"", "shell = \"test $OPSROOM_ENV = dev\"");
    let home = Home::with_stack(&stack.replace("[[routine]]", &format!("{probe}[[routine]]")));
    home.run(&["run", "check web in prod"]).expect(1);
    home.run(&["run", "check web in dev"]).expect(0);
    for (reference, chosen) in [
        ("last", "#2 "),
        ("last-failed", "#1 "),
        ("web", "#2 "),
        ("last run of web in prod", "#1 "),
        ("last failed run of web since yesterday", "#1 "),
        ("dev", "#2 "),
        ("logs of web in prod", "#1 "),
    ] {
        let ended = home.run(&["log", reference]).expect(0);
        assert!(ended.stderr.starts_with(chosen), "{reference}: {ended:#?}");
    }
    home.run(&["log", "last-failed"])
        .expect(0)
        .says(&["#1 check web in prod", "failed under 1 min ago"]);
    // No other run is chosen when none matches.
    home.run(&["log", "last run of api"])
        .expect(2)
        .says(&["there is no run of api"]);
    home.run(&["retry", "last failed run of web in dev", "--yes"])
        .expect(2)
        .says(&["there is no failed run of web in dev"]);
    home.run(&["cancel", "last failed run of web"])
        .expect(2)
        .says(&["#1 check web in prod", "failed"]);
    home.run(&["run", "logs of web in prod"])
        .expect(0)
        .says(&["#1 check web in prod"]);
    // Commands that change a run need it named: no misspelt name, no service alone.
    home.run(&["cancel", "last run of wbe"])
        .expect(2)
        .says(&["is no run", "wbe"]);
    for reference in ["web", "everything", "prod", "last run of wbe"] {
        let refused = home
            .run(&["retry", reference, "--yes"])
            .expect(2)
            .says(&["is no run"]);
        assert!(!refused.stderr.contains("started"), "{refused:#?}");
    }
    assert_eq!(
        home.json(&["runs", "--json"]).as_array().map(Vec::len),
        Some(2)
    );
    // The two services have different last runs: both are listed.
    home.run(&["run", "check api in dev"]).expect(0);
    let both = home.run(&["log", "last run of web and api"]).expect(2);
    both.says(&[
        "the last run of web and api may be one of these",
        "#3 check api in dev",
        "; #2 check web in dev",
    ]);
    home.run(&["log", "last run of nothing"])
        .expect(2)
        .says(&["is no run", "not understood"]);
}

#[test]
fn a_phrase_in_the_place_of_a_subcommand_is_named_with_run() {
    let home = Home::new();
    let ended = home.run(&["deploy", "web", "to", "staging"]).expect(2);
    ended.says(&[
        "unrecognized subcommand 'deploy'",
        "opsroom run \"deploy web to staging\"",
    ]);
    let ended = home.run(&["--read-only", "restart", "web"]).expect(2);
    ended.says(&["opsroom run \"restart web\""]);
    let ended = home.run(&["stop", "run", "41", "after", "this", "step"]);
    ended
        .expect(2)
        .says(&["opsroom run \"stop run 41 after this step\""]);
    for other in [&["rnus"][..], &["deploy", "a\"b"], &["nonsense", "deploy"]] {
        let ended = home.run(other).expect(2);
        assert!(!ended.stderr.contains("opsroom run"), "{ended:#?}");
    }
}

#[test]
fn the_audit_log_is_listed_and_filtered() {
    let home = Home::with_stack(TWO);
    home.run(&["run", "check web in dev", "--reason", "just\nlooking"])
        .expect(0);
    let all = home.run(&["audit"]).expect(0).prints(&[
        "AT",
        "BY",
        "run.submit",
        "run #1",
        "just^Jlooking",
        "service web",
    ]);
    let first = all.stdout.lines().nth(1).unwrap().to_owned();
    assert!(first.contains("run.submit"), "newest first: {first}");
    assert_eq!(
        home.json(&["audit", "--json", "--limit", "1"])[0]["action"],
        "run.submit"
    );
    assert_eq!(
        home.json(&["audit", "--json", "--actor", "somebody"]),
        Value::Array(Vec::new())
    );
    assert!(
        home.json(&["audit", "--json", "--actor", "tester", "--since", "1h"])
            .as_array()
            .unwrap()
            .len()
            > 3
    );
    home.run(&["audit", "--since", "tomorrow"])
        .expect(2)
        .says(&["--since", "tomorrow"]);
}

#[test]
fn runs_are_listed_since_a_clock_time_or_a_day() {
    let home = Home::with_stack(TWO);
    home.run(&["run", "check web in dev"]).expect(0);
    for since in ["yesterday", "this year", "24h", "2020-01-01"] {
        assert_eq!(
            home.json(&["runs", "--json", "--since", since])
                .as_array()
                .unwrap()
                .len(),
            1,
            "{since}"
        );
    }
    home.run(&["runs", "--since", "02:00"]).expect(0);
}

#[test]
fn a_list_of_runs_has_one_line_per_run_however_long_its_texts() {
    let home = Home::with_stack(TWO);
    home.run(&[
        "run",
        "check web in dev",
        "--reason",
        &"because ".repeat(1000),
    ])
    .expect(0);
    let title = "x".repeat(9000);
    let page = format!(
        "name = \"long\"\ntitle = \"{title}\"\nversion = \"1\"\nmutates = false\n[[step]]\nname = \"one\"\nphase = \"action\"\nwait = \"1ms\"\n"
    );
    home.write(".config/opsroom/runbooks/long.toml", &page);
    home.run(&["run", "run long"]).expect(0);
    for args in [&["runs"][..], &["audit"]] {
        let listed = home.run(args).expect(0).stdout;
        assert!(
            listed.lines().all(|line| line.chars().count() < 400),
            "{listed}"
        );
    }
    let record = home.json(&["runs", "1", "--json"]);
    let reason = record["run"]["reason"].as_str().unwrap();
    assert!(
        reason.len() <= 1024 && reason.contains("(7,999 bytes, first "),
        "{reason}"
    );
}

#[test]
fn a_bad_stack_file_is_reported_in_full_and_changes_nothing() {
    let home = Home::new();
    let text = "workspace = \"acme\"\n\n[[environment]]\nname = \"prod\"\nprotectd = true\n\n[[service]]\nname = \"web\"\nenvironments = [\"moon\"]\n\n[[service]]\nname = \"web\"\n";
    home.write("bad.toml", text);
    for command in ["apply", "check"] {
        let ended = home.run(&[command, "bad.toml"]).expect(2);
        for place in ["bad.toml:5:", "bad.toml:9:", "bad.toml:12:"] {
            assert!(
                ended.stderr.contains(place),
                "{command} lacks {place}: {ended:#?}"
            );
        }
    }
    home.run(&["export"])
        .expect(3)
        .says(&["there is no store", "opsroom apply"]);
    home.run(&["apply", "missing.toml"])
        .expect(2)
        .says(&["missing.toml"]);
}

#[test]
fn unused_parts_of_a_stack_file_are_warned_about() {
    let home = Home::new();
    let routine = |expect: &str| {
        format!(
            "workspace = \"acme\"\n\n[[routine]]\nname = \"r\"\nkind = \"http\"\nevery = \"5m\"\nrequest = {{ url = \"https://x.test\" }}\nexpect = \"{expect}\"\n"
        )
    };
    home.write(
        "stack.toml",
        "workspace = \"acme\"\n\n[[routine]]\nname = \"r\"\nkind = \"collect\"\nevery = \"5m\"\nrequest = { url = \"https://x.test\" }\n",
    );
    let warning = "warning: stack.toml:3: routine \"r\": is kept, but this version does not run routines of kind collect";
    home.run(&["check", "stack.toml"])
        .expect(0)
        .says(&[warning])
        .prints(&["no mistakes found"]);
    home.run(&["apply", "--yes", "stack.toml"])
        .expect(0)
        .says(&[warning]);
    home.write("wrong.toml", &routine("response.status = 200"));
    for command in ["check", "apply"] {
        home.run(&[command, "wrong.toml"])
            .expect(2)
            .says(&["wrong.toml:8: routine \"r\".expect: is no condition", "^"]);
    }
}

#[test]
fn an_unavailable_intent_is_refused_in_one_sentence() {
    let home = Home::with_stack("workspace = \"acme\"\n[[environment]]\nname = \"prod\"\n");
    for command in ["run", "plan"] {
        let ended = home.run(&[command, "freeze prod"]).expect(2);
        assert!(
            ended
                .stderr
                .contains("freeze is not available in this version; nothing was done"),
            "{ended:#?}"
        );
    }
    let parsed = home.json(&["parse", "freeze prod", "--json"]);
    assert_eq!(
        (&parsed["outcome"], &parsed["unavailable"]),
        (&"action".into(), &"freeze".into())
    );
    assert_eq!(parsed["message"], "freeze is not available in this version");
}

#[test]
fn packed_logs_are_printed_unpacked() {
    use std::io::Write as _;
    let home = Home::new();
    let text: String = (0..2000)
        .map(|n| {
            format!(
                "2026-11-21T09:{:02}:{:02}Z INFO line {n}\n",
                n / 60 % 60,
                n % 60
            )
        })
        .collect();
    let gzip = |text: &str| {
        let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        packed.write_all(text.as_bytes()).unwrap();
        packed.finish().unwrap()
    };
    let zstd = ruzstd::encoding::compress_to_vec(
        text.as_bytes(),
        ruzstd::encoding::CompressionLevel::Fastest,
    );
    let (first, second) = text.split_at(text.len() / 2);
    let whole = [gzip(first), gzip(second)].concat();
    for (name, packed) in [
        ("app.log.gz", &whole),
        ("app.log.zst", &zstd),
        ("app.log.1", &whole),
    ] {
        std::fs::write(home.path(name), packed).unwrap();
        let ended = home.run(&["log", name]).expect(0);
        assert!(ended.stdout == text, "{name}: {} bytes", ended.stdout.len());
        home.run(&["log", name, "--grep", "line 1999"])
            .expect(0)
            .prints(&["INFO line 1999"]);
    }
    std::fs::write(home.path("cut.gz"), &whole[..whole.len() * 3 / 4]).unwrap();
    let ended = home
        .run(&["log", "cut.gz"])
        .expect(1)
        .says(&["cut.gz: the packed file ends in the middle; printed is"]);
    assert!(
        ended.stdout.starts_with(first),
        "the readable part is printed"
    );
}

#[test]
fn a_line_of_many_megabytes_is_searched_to_its_end() {
    let home = Home::new();
    let line = format!("{}needle{}", "x".repeat(20 << 20), "y".repeat(1 << 20));
    home.write("long.log", &format!("short\n{line}\nlast\n"));
    let ended = home.run(&["log", "long.log", "--grep", "needle"]).expect(0);
    assert_eq!(
        (ended.stdout.len(), ended.stdout.lines().count()),
        ((16 << 20) + 1, 1)
    );
    assert!(
        ended
            .stderr
            .contains("long.log: line 2 has 22020102 bytes; printed are the first 16777216"),
        "{}",
        ended.stderr
    );
    assert_eq!(
        home.run(&["log", "long.log", "--grep", "nothing"])
            .expect(0)
            .stdout,
        ""
    );
}

#[test]
fn check_finds_the_mistakes_of_every_file_at_once() {
    let home = Home::with_stack("workspace = \"acme\"\n");
    home.write(".config/opsroom/opsroom.toml", "stroe = \"x\"\n");
    home.write(".config/opsroom/keymap.toml", "[global]\nquti = \"q\"\n");
    home.write(
        ".config/opsroom/runbooks/mine.toml",
        "name = \"mine\"\nphrazes = []\n",
    );
    home.run(&["check"])
        .expect(2)
        .says(&["opsroom.toml:1", "keymap.toml:2", "mine.toml:2"]);
    home.write(".config/opsroom/opsroom.toml", "");
    home.write(".config/opsroom/keymap.toml", "");
    home.run(&["parse", "polish the widgets"])
        .expect(0)
        .says(&["1 runbook file has mistakes: opsroom check"]);
    home.run(&["run", "polish the widgets", "--yes"])
        .expect(2)
        .says(&["1 runbook file has mistakes: opsroom check"]);
    std::fs::remove_file(home.path(".config/opsroom/runbooks/mine.toml")).unwrap();
    home.run(&["check"]).expect(0);
    assert!(
        !home
            .run(&["parse", "polish the widgets"])
            .expect(0)
            .stderr
            .contains("mistakes")
    );
}

#[test]
fn a_damaged_or_unreachable_store_is_exit_code_three() {
    let home = Home::new();
    home.write("broken.db", &"this is no database ".repeat(500));
    home.run(&["runs", "--store", "sqlite:broken.db"])
        .expect(3)
        .says(&["broken.db"]);
    assert_eq!(
        std::fs::read_to_string(home.path("broken.db")).unwrap(),
        "this is no database ".repeat(500),
        "left alone"
    );
    home.run(&["runs", "--store", "postgres://nobody@127.0.0.1:1/none"])
        .expect(3)
        .says(&["127.0.0.1:1"]);
    home.run(&["runs", "--store", "/dev/null/opsroom.db"])
        .expect(3);
    let ended = home
        .run(&[
            "doctor",
            "--store",
            "postgres://nobody:hunter2@127.0.0.1:1/none",
        ])
        .expect(3);
    assert!(
        !ended.stdout.contains("hunter2") && !ended.stderr.contains("hunter2"),
        "{ended:?}"
    );
}

#[test]
fn a_mistyped_store_or_filter_is_reported_and_nothing_is_created() {
    let service = Service::start();
    let home = Home::with_stack(&service.stack());
    for args in [
        &["runs"][..],
        &["services"],
        &["log", "last"],
        &["run", "check web in prod"],
        &["cancel", "1"],
    ] {
        let args: Vec<&str> = args
            .iter()
            .copied()
            .chain(["--store", "mistyped.db"])
            .collect();
        home.run(&args)
            .expect(3)
            .says(&["there is no store at sqlite:mistyped.db", "--store"]);
        assert!(!home.path("mistyped.db").exists(), "{args:?}");
    }
    home.run(&["doctor", "--store", "mistyped.db"])
        .expect(0)
        .prints(&["there is no store at sqlite:mistyped.db"]);
    assert!(!home.path("mistyped.db").exists());
    home.run(&["runs", "--workspace", "acne"])
        .expect(2)
        .says(&["there is no workspace acne"]);
    home.run(&["runs", "--env", "stagin"]).expect(2).says(&[
        "--env",
        "`stagin`",
        "did you mean `staging`?",
    ]);
    home.run(&["runs", "--service", "wbe", "--json"])
        .expect(2)
        .says(&["--service", "did you mean `web`?"]);
    home.run(&["runs", "--runbook", "moonshot"])
        .expect(2)
        .says(&["--runbook", "known: ", "deploy"]);
    for args in [
        ["--env", "staging"],
        ["--service", "web"],
        ["--runbook", "deploy"],
    ] {
        assert_eq!(
            home.json(&["runs", "--json", args[0], args[1]]),
            Value::Array(Vec::new())
        );
    }
    home.write(
        "other.toml",
        "workspace = \"other\"\n[[environment]]\nname = \"dev\"\n",
    );
    home.run(&["apply", "--yes", "other.toml"]).expect(0);
    home.run(&["runs"])
        .expect(2)
        .says(&["several workspaces", "--workspace"]);
}

#[test]
fn read_only_executes_nothing() {
    let service = Service::start();
    let home = Home::with_stack(&service.stack());
    home.run(&["--read-only", "run", "check web in prod"])
        .expect(2)
        .says(&["read-only", "executes nothing"]);
    home.run(&["--read-only", "run", "deploy web to staging", "--yes"])
        .expect(2)
        .says(&["read-only"]);
    let both = "check web in prod then deploy web to staging";
    home.run(&["--read-only", "run", both, "--yes"])
        .expect(2)
        .says(&["read-only"]);
    home.run(&["--read-only", "run", "frobnicate the widgets"])
        .expect(2)
        .says(&["try"]);
    home.run(&["run", "check web in prod"]).expect(0);
    for refused in [
        &["cancel", "1"][..],
        &["cancel", "--waiting"],
        &["pause", "1"],
        &["skip", "1", "x", "--reason", "y"],
        &["approve", "1", "--yes"],
        &["reject", "1", "--reason", "y"],
        &["resume", "1"],
        &["retry", "1", "--yes"],
        &["start", "1"],
        &["start", "--all"],
        &["breakers", "--reset", "web"],
        &["run", "cancel run 1"],
        &["run", "retry the last run", "--yes"],
        &["apply", "stack.toml", "--yes"],
        &["serve"],
    ] {
        home.run(&[&["--read-only"], refused].concat())
            .expect(2)
            .says(&["read-only: opsroom was started with"]);
    }
    assert_eq!(home.json(&["runs", "--json"]).as_array().unwrap().len(), 1);
}

#[test]
fn parse_needs_no_store_and_makes_none() {
    let home = Home::new();
    home.write("stack.toml", &stack_of(9, "shell = \"true\""));
    let parsed = home.json(&[
        "parse",
        "check",
        "web",
        "in",
        "production",
        "--json",
        "--stack",
        "stack.toml",
    ]);
    assert_eq!(
        (
            &parsed["outcome"],
            &parsed["intent"],
            &parsed["env"],
            &parsed["services"]
        ),
        (
            &"plan".into(),
            &"healthcheck".into(),
            &"prod".into(),
            &serde_json::json!(["web"])
        )
    );
    assert_eq!(
        home.json(&["parse", "deploy nothing known", "--json"])["mutates"].as_bool(),
        Some(true)
    );
    home.run(&["parse", "qwertz uiop"]).expect(0);
    assert!(
        !home.path(".local/share/opsroom").exists(),
        "no store was made"
    );
    home.run(&["apply", "--yes", "stack.toml"]).expect(0);
    assert_eq!(
        home.json(&["parse", "is web up", "--json"])["services"],
        serde_json::json!(["web"])
    );
}

#[test]
fn arguments_that_are_not_text_are_refused() {
    let home = Home::new();
    let ended = Ended::from(
        home.command(&["parse"])
            .arg(std::ffi::OsString::from_vec(b"check \xff web".to_vec()))
            .output()
            .unwrap(),
    );
    ended.expect(2).says(&["not UTF-8"]);
}

#[test]
fn usage_errors_and_help_go_where_they_belong() {
    let home = Home::with_stack(ONE);
    let wrong = home.run(&["rnus"]).expect(2).says(&["runs"]);
    assert!(wrong.stdout.is_empty());
    let help = home
        .run(&["--help"])
        .expect(0)
        .prints(&["apply", "doctor", "Exit codes"]);
    assert!(help.stderr.is_empty());
    home.run(&["log", "yesterday"])
        .expect(2)
        .says(&["last-failed"]);
    home.run(&["log", "last"]).expect(2).says(&["no run"]);
    home.run(&["log", "41"])
        .expect(2)
        .says(&["there is no run #41 in workspace acme"]);
    home.run(&["runs", "--since", "soon"])
        .expect(2)
        .says(&["soon"]);
}

#[test]
fn the_console_without_a_terminal_says_what_it_needs() {
    let home = Home::new();
    for args in [&[][..], &["demo"]] {
        let ended = home.run(args).expect(2);
        let ended = ended.says(&["terminal", "type opsroom services", "opsroom help"]);
        assert!(ended.stdout.is_empty(), "{ended:?}");
    }
}

#[test]
fn a_reader_that_leaves_early_is_no_error() {
    let home = Home::with_stack(&stack_of(9, "shell = \"true\""));
    for args in [
        &["man"][..],
        &["completions", "bash"],
        &["keys"],
        &["services"],
    ] {
        let mut child = home.command(args).spawn().unwrap();
        drop(child.stdout.take());
        let ended = Ended::from(child.wait_with_output().unwrap());
        assert_eq!(
            (ended.code, ended.stderr.as_str()),
            (Some(0), ""),
            "{args:?}"
        );
    }
}

#[test]
fn manuals_and_completions_cover_every_subcommand() {
    let home = Home::new();
    let man = home.run(&["man"]).expect(0).stdout;
    let completions = home.run(&["completions", "bash"]).expect(0).stdout;
    for sub in opsroom::cli::definition().get_subcommands() {
        let name = sub.get_name();
        assert!(
            man.contains(&format!("opsroom\\-{name}")) || man.contains(&format!("opsroom-{name}")),
            "man lacks {name}"
        );
        assert!(completions.contains(name), "completions lack {name}");
    }
    home.run(&["man", "--out", "pages"]).expect(0);
    assert!(home.path("pages/opsroom-run.1").exists());
    assert!(home.path("pages/opsroom-queue.7").exists());
}

#[test]
fn help_and_man_show_pages_and_subcommands() {
    let home = Home::new();
    let overview = home.run(&["help"]).expect(0);
    let overview = overview.prints(&["Usage: opsroom", "Exit codes", "Pages of the manual"]);
    for topic in opsroom::cli::manual::TOPICS {
        let line = format!("  {}", topic.title());
        assert!(overview.stdout.contains(&line), "{overview:?}");
        home.run(&["help", topic.name])
            .expect(0)
            .prints(&[&topic.title().to_uppercase()]);
        home.run(&["man", topic.name])
            .expect(0)
            .prints(&["DESCRIPTION", topic.title()]);
    }
    home.run(&["help", "run"]).expect(0).prints(&[
        "Usage: opsroom run",
        "--confirm",
        "Examples:",
        "opsroom run \"check",
    ]);
    home.run(&["man", "run"])
        .expect(0)
        .prints(&["opsroom\\-run", "EXAMPLES", "check web in prod"]);
    for args in [["help", "runbook"], ["man", "runbook"]] {
        let wrong = home.run(&args).expect(2).says(&["did you mean runbooks?"]);
        assert!(wrong.stdout.is_empty(), "{wrong:?}");
    }
}

#[test]
fn init_writes_a_stack_file_that_apply_takes_and_overwrites_none() {
    let home = Home::new();
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = port.local_addr().unwrap().port();
    home.write("compose.yaml", "services:\n  web:\n    image: x\n");
    home.write(
        ".kube/config",
        "contexts:\n- context: {}\n  name: kind-prod\n",
    );
    // A systemctl of its own: it must not be called unless it is chosen.
    home.write(
        "bin/systemctl",
        "#!/bin/sh\ntouch called\necho 'app.service loaded active running My app'\n",
    );
    let bin = home.path("bin/systemctl");
    std::fs::set_permissions(&bin, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let init = |args: &[&str]| {
        let mut command = home.command(args);
        let path = std::env::var("PATH").unwrap_or_default();
        command.env("PATH", format!("{}:{path}", home.path("bin").display()));
        Ended::from(command.output().unwrap())
    };
    init(&["init"]).expect(2).says(&["--yes", "--print"]);
    init(&["init", "--yes"])
        .expect(0)
        .prints(&["wrote stack.toml", "opsroom apply stack.toml"]);
    let text = std::fs::read_to_string(home.path("stack.toml")).unwrap();
    assert!(
        text.contains("\"kind-prod\"") && text.contains("protected = true"),
        "{text}"
    );
    assert!(
        text.contains("name = \"web\"") && !text.contains("app.service"),
        "{text}"
    );
    assert!(
        !text.contains(&format!("port-{port}")),
        "the kernel gave it out"
    );
    assert!(!home.path("called").exists());
    home.run(&["check", "stack.toml"]).expect(0);
    home.run(&["apply", "stack.toml", "--yes"]).expect(0);
    for args in [&["init", "--yes"][..], &["init", "stack.toml", "--yes"]] {
        init(args)
            .expect(2)
            .says(&["stack.toml exists and is not overwritten"]);
    }
    assert_eq!(
        std::fs::read_to_string(home.path("stack.toml")).unwrap(),
        text
    );
    let printed = init(&["init", "--print", "--look", "units", "--workspace", "shop"]).expect(0);
    let printed = printed.prints(&["workspace = \"shop\"", "# app.service: My app"]);
    assert!(!printed.stdout.contains("kind-prod"), "{printed:?}");
    assert!(home.path("called").exists());
    init(&["init", "--print", "--look", "none"])
        .expect(0)
        .prints(&["A service looks like this"]);
    init(&["init", "--print", "--look", "pods"])
        .expect(2)
        .says(&["ports, units, compose, kubectl"]);
}

#[test]
fn init_names_broken_files_quotes_names_and_writes_nothing_read_only() {
    let home = Home::new();
    home.write("compose.yaml", "services:\n  web:\n  db: [\n");
    home.write(".kube/config", "contexts:\n- context: {}\n");
    let args = [
        "init",
        "--yes",
        "--look",
        "compose,kubectl",
        "my stack.toml",
    ];
    let mut read_only = args.to_vec();
    read_only.push("--read-only");
    home.run(&read_only).expect(2).says(&["init --print"]);
    assert!(!home.path("my stack.toml").exists());
    let ended = home.run(&args).expect(0);
    ended
        .says(&[
            "compose.yaml:4: this is not YAML",
            "config:2: this context has no name",
        ])
        .prints(&[
            "wrote my stack.toml",
            "opsroom apply 'my stack.toml'",
            "$EDITOR 'my stack.toml'",
        ]);
    home.run(&["init", "--print", "--look", "none", "--read-only"])
        .expect(0)
        .prints(&["[[environment]]"]);
    home.write(".config/opsroom/opsroom.toml", "stroe = \"x\"\n");
    home.run(&["init", "--print", "--look", "none"])
        .expect(0)
        .prints(&["[[environment]]"]);
}

#[test]
fn examples_are_listed_and_printed_as_they_are() {
    let home = Home::new();
    let list = home.run(&["examples"]).expect(0).stdout;
    for example in opsroom::cli::examples::EXAMPLES {
        assert!(list.contains(example.about()), "{list}");
        let printed = home.run(&["examples", example.name()]).expect(0).stdout;
        assert_eq!(printed, example.text);
        home.write(example.file, &printed);
        home.run(&["check", example.file]).expect(0);
    }
    home.run(&["examples", "stack-wep"])
        .expect(2)
        .says(&["did you mean stack-web?"]);
}

/// Starts a slow deploy to staging and waits until its command has printed.
fn slow_deploy(home: &Home) -> (Child, BufReader<std::process::ChildStdout>) {
    let mut child = home
        .command(&["run", "deploy web to staging", "--yes"])
        .process_group(0)
        .spawn()
        .unwrap();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    while !line.contains("hello from the deploy") {
        line.clear();
        assert_ne!(
            stdout.read_line(&mut line).unwrap(),
            0,
            "it ended before it began"
        );
    }
    (child, stdout)
}

#[test]
fn after_a_kill_the_run_is_interrupted_and_its_step_unknown() {
    let service = Service::start();
    let home = Home::with_stack(&stack_of(
        service.port,
        "shell = \"echo hello from the deploy; exec sleep 20\"",
    ));
    let (mut child, _stdout) = slow_deploy(&home);
    child.kill().unwrap();
    child.wait().unwrap();
    let runs = home.json(&["runs", "--json"]);
    assert_eq!(runs[0]["status"], "interrupted", "{runs:#}");
    home.run(&["log", "last"])
        .expect(0)
        .prints(&["hello from the deploy", "unknown"]);
    service.stop();
}

#[test]
fn an_interrupt_cancels_the_run() {
    let service = Service::start();
    let home = Home::with_stack(&stack_of(
        service.port,
        "shell = \"echo hello from the deploy; exec sleep 20\"",
    ));
    let (child, _stdout) = slow_deploy(&home);
    signal(&child, "INT");
    let ended = Ended::from(child.wait_with_output().unwrap()).expect(130);
    assert!(ended.stderr.contains("asking run"), "{ended:?}");
    assert_eq!(home.json(&["runs", "--json"])[0]["status"], "cancelled");
    service.stop();
}

#[test]
fn a_hang_up_or_a_lost_reader_lets_the_run_go_on() {
    let service = Service::start();
    let script =
        "shell = \"echo hello from the deploy; while [ ! -e go ]; do sleep 0.1; done; echo done\"";
    let home = Home::with_stack(&stack_of(service.port, script));
    let (mut child, stdout) = slow_deploy(&home);
    signal(&child, "HUP");
    drop(stdout);
    home.write("go", "");
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert_eq!(home.json(&["runs", "--json"])[0]["status"], "succeeded");
    service.stop();
}

#[test]
fn a_run_of_another_process_can_be_followed_and_cancelled() {
    let service = Service::start();
    let home = Home::with_stack(&stack_of(
        service.port,
        "shell = \"echo hello from the deploy; exec sleep 20\"",
    ));
    let (child, _stdout) = slow_deploy(&home);
    let follower = home.command(&["log", "last", "-f"]).spawn().unwrap();
    home.run(&["cancel", "last", "--reason", "wrong branch"])
        .expect(0)
        .prints(&["asked to stop"]);
    Ended::from(child.wait_with_output().unwrap()).expect(130);
    Ended::from(follower.wait_with_output().unwrap())
        .expect(0)
        .prints(&["hello from the deploy", "cancel"]);
    home.run(&["cancel", "last"]).expect(2).says(&["cancelled"]);
    service.stop();
}

const SIGN_OFF: &str = r#"
name = "sign off"
title = "publish the notes"
version = "1"
mutates = true
env = "required"
phrases = ["publish the notes"]
[[step]]
name = "ask"
phase = "validate"
approve = { prompt = "ship it?", within = "1h" }
[[step]]
name = "say"
phase = "action"
shell = "echo shipped"
[[step]]
name = "report"
phase = "verify"
shell = "echo reported"
"#;

/// A home whose runbook needs approval, and its run once its message contains `waits_for`.
fn signing_off(args: &[&str], waits_for: &str) -> (Home, Child) {
    let home = Home::with_stack(&stack_of(9, "shell = \"true\""));
    home.write(".config/opsroom/runbooks/sign_off.toml", SIGN_OFF);
    let child = home
        .command(&[&["run", "publish the notes in staging", "--yes"], args].concat())
        .spawn()
        .unwrap();
    waits(&home, waits_for);
    (home, child)
}

fn waits(home: &Home, what: &str) {
    let matches = |run: &Value| run["message"].as_str().is_some_and(|m| m.contains(what));
    for _ in 0..200 {
        let runs = home.json(&["runs", "--json"]);
        if runs.as_array().unwrap().iter().any(matches) {
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    panic!("no run says {what}: {:#}", home.json(&["runs", "--json"]));
}

fn as_actor(home: &Home, actor: &str, args: &[&str]) -> Ended {
    Ended::from(
        home.command(args)
            .env("OPSROOM_ACTOR", actor)
            .output()
            .unwrap(),
    )
}

#[test]
fn a_run_is_approved_by_another_person() {
    let (home, child) = signing_off(&[], "waits for 1 approval");
    let refused = as_actor(&home, "ana", &["approve", "last"]).expect(2);
    refused.says(&["without a terminal add --yes", "nothing was approved"]);
    home.run(&["approve", "last", "--yes"])
        .expect(2)
        .says(&["tester requested it, and requesters cannot approve their own run"]);
    as_actor(&home, "ana", &["approve", "last", "--plan", "0123456789"])
        .expect(2)
        .says(&["review it again"]);
    home.run(&["skip", "last", "ask", "--reason", "hurry"])
        .expect(2)
        .says(&["never skipped"]);
    let yes = as_actor(
        &home,
        "ana",
        &["approve", "last", "--yes", "--note", "tests are green"],
    );
    yes.expect(0)
        .says(&["ship it?", "plan "])
        .prints(&["approved by ana"]);
    Ended::from(child.wait_with_output().unwrap())
        .expect(0)
        .prints(&["shipped"])
        .says(&["opsroom approve 1"]);
    as_actor(&home, "ana", &["approve", "last"])
        .expect(2)
        .says(&["it waits for no approval"]);
}

#[test]
fn a_phrase_acts_on_a_run_and_confirms_like_the_subcommand() {
    let (home, child) = signing_off(&[], "waits for 1 approval");
    let act =
        |phrase: &str, flags: &[&str]| as_actor(&home, "ana", &[&["run", phrase], flags].concat());
    act("approve run 1", &[])
        .expect(2)
        .says(&["ship it?", "add --yes; nothing was approved"]);
    act("reject run 1", &["--yes"])
        .expect(2)
        .says(&["a refusal needs a reason: add --reason TEXT"]);
    act("cancel run 99", &[]).expect(2).says(&["no run #99"]);
    for (phrase, flags, why) in [
        (
            "cancel run 1 then check web in prod",
            &[][..],
            "nothing can follow it",
        ),
        ("cancel run 1", &["--priority", "high"], "are for runbooks"),
        ("cancel run 1", &["--step"], "are for runbooks"),
        ("cancel run 1", &["--lane", "routine"], "are for runbooks"),
        ("cancel run 1", &["--set", "tag=1"], "are for runbooks"),
    ] {
        act(phrase, flags).expect(2).says(&[why]);
    }
    home.run(&["plan", "cancel run 1"])
        .expect(2)
        .says(&["this is no runbook; `opsroom run` does it"]);
    let paused = act("pause the last run in staging", &["--json"])
        .expect(0)
        .says(&["#1 publish the notes"]);
    let message = "run #1 asked to pause before its next step (waiting)";
    let object = serde_json::json!({"type": "act", "run": 1, "message": message});
    let printed: Vec<Value> = paused
        .stdout
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}")))
        .collect();
    assert_eq!(printed, [object]);
    act("resume run 1", &[])
        .expect(0)
        .prints(&["run #1 may go on"]);
    act("cancel run 1", &["--reason", "too early"])
        .expect(0)
        .prints(&["run #1 has been asked to stop (waiting)"]);
    let ended = Ended::from(child.wait_with_output().unwrap()).expect(130);
    ended.prints(&["cancellation requested by ana: too early"]);
    act("cancel run 1", &[])
        .expect(2)
        .says(&["run #1 is cancelled"]);
}

#[test]
fn a_rejected_run_is_cancelled_and_its_requester_cannot_approve_the_retry() {
    let (home, child) = signing_off(&[], "waits for 1 approval");
    as_actor(&home, "ana", &["reject", "last"])
        .expect(2)
        .says(&["--reason"]);
    as_actor(
        &home,
        "ana",
        &["reject", "last", "--reason", "not on a friday"],
    )
    .expect(0)
    .prints(&["rejected"]);
    let ended = Ended::from(child.wait_with_output().unwrap()).expect(130);
    assert!(
        ended
            .stdout
            .contains("cancelled: ask: denied by ana: not on a friday"),
        "{ended:?}"
    );
    let mut again = home
        .command(&["retry", "1", "--yes"])
        .env("OPSROOM_ACTOR", "ben")
        .spawn()
        .unwrap();
    waits(&home, "waits for 1 approval");
    home.run(&["approve", "2", "--yes"])
        .expect(2)
        .says(&["tester requested it"]);
    as_actor(&home, "ana", &["approve", "2", "--yes"]).expect(0);
    assert_eq!(again.wait().unwrap().code(), Some(0));
}

#[test]
fn a_run_is_stepped_through_from_another_terminal() {
    let (home, child) = signing_off(&["--step"], "waits before step ask");
    home.run(&["resume", "last", "--step"])
        .expect(0)
        .prints(&["the step may go"]);
    waits(&home, "waits for 1 approval");
    as_actor(&home, "ana", &["approve", "last", "--yes"]).expect(0);
    waits(&home, "waits before step say");
    home.run(&["skip", "last", "no such step", "--reason", "x"])
        .expect(2)
        .says(&["1 ask, 2 say, 3 report"]);
    home.run(&["skip", "last", "say", "--reason", "done by hand"])
        .expect(0)
        .prints(&["say is skipped"]);
    waits(&home, "waits before step report");
    home.run(&["resume", "last"])
        .expect(0)
        .prints(&["may go on"]);
    let ended = Ended::from(child.wait_with_output().unwrap())
        .expect(0)
        .prints(&["reported", "skipped by tester: done by hand"]);
    assert!(
        !ended.stdout.contains("| shipped") && !ended.stdout.contains("|           shipped"),
        "{ended:?}"
    );
    home.run(&["pause", "last"]).expect(2).says(&["succeeded"]);
}

#[test]
fn a_paused_run_stops_when_cancelled_after_its_step() {
    let (home, child) = signing_off(&["--step"], "waits before step ask");
    home.run(&["cancel", "last", "--after-step"])
        .expect(0)
        .prints(&["stop after its step"]);
    Ended::from(child.wait_with_output().unwrap())
        .expect(130)
        .prints(&["stopped after its step, as tester asked"]);
    home.run(&["cancel", "last", "--after-step", "--kill"])
        .expect(2)
        .says(&["cannot be used with"]);
}

/// Three runbooks of one group, with the policies `queue`, `refuse` and `cancel_running`.
fn sharing_a_group() -> Home {
    let home = Home::with_stack(&stack_of(9, "shell = \"true\""));
    let runbook = |phrase: &str, policy: &str, step: &str| {
        format!(
            "name = \"{phrase}\"\ntitle = \"{phrase}\"\nversion = \"1\"\nmutates = true\nenv = \"required\"\n\
             services = \"none\"\nphrases = [\"{phrase}\"]\nconcurrency = {{ group = \"notes-{{env}}\", policy = \"{policy}\" }}\n\
             [[step]]\nname = \"one\"\nphase = \"action\"\n{step}\n"
        )
    };
    let ask = "approve = { prompt = \"ship it?\", within = \"1h\" }";
    for (file, text) in [
        ("publish", runbook("publish the notes", "queue", ask)),
        ("print", runbook("print the notes", "refuse", ask)),
        (
            "replace",
            runbook(
                "replace the notes",
                "cancel_running",
                "shell = \"echo replaced\"",
            ),
        ),
    ] {
        home.write(&format!(".config/opsroom/runbooks/{file}.toml"), &text);
    }
    home
}

#[test]
fn runs_of_a_group_wait_are_refused_or_take_over_and_each_reports_it() {
    let home = sharing_a_group();
    let start = |args: &[&str]| home.command(&[&["run"], args].concat()).spawn().unwrap();
    let first = start(&["publish the notes in staging", "--yes"]);
    waits(&home, "waits for 1 approval");
    let second = start(&[
        "publish the notes in staging",
        "--yes",
        "--priority",
        "high",
        "--lane",
        "routine",
    ]);
    let listed = || home.json(&["runs", "--json"]);
    let found = (0..200).any(|_| {
        std::thread::sleep(std::time::Duration::from_millis(50));
        listed().as_array().unwrap().len() == 2
    });
    assert!(found, "{:#}", listed());
    let run = &listed()[0];
    let queue = serde_json::json!({
        "lane": "routine", "ahead": 0, "waits_for": [{ "group": "notes-staging", "holder": 1, "ahead": 0 }],
        "untaken": null,
    });
    assert_eq!(
        (&run["queue"], &run["priority"], &run["lane"]),
        (&queue, &"high".into(), &"routine".into())
    );
    assert_eq!(listed()[1]["queue"], Value::Null, "it is under way");
    let waits_for = "waits for group notes-staging, held by run #1, next in line";
    home.run(&["pause", "2"]).expect(0);
    home.run(&["runs"])
        .expect(0)
        .prints(&["[high]", &format!("paused by tester; {waits_for}")]);

    let refused = "group notes-staging is taken by run #1 (waiting), and its runbook says policy = \"refuse\"";
    home.run(&["run", "print the notes in staging", "--yes"])
        .expect(2)
        .says(&[refused, "nothing was started"]);
    let card = home
        .run(&["plan", "replace the notes in staging"])
        .expect(0);
    card.prints(&[
        "notes-staging: one run at a time",
        "cancels run #1 (waiting), run #2 (queued), of group notes-staging",
    ]);
    let replaced = home
        .run(&["run", "replace the notes in staging", "--yes"])
        .expect(0);
    replaced.prints(&[
        "group notes-staging: cancels run #1 (waiting), run #2 (queued)",
        "replaced",
    ]);
    let first = Ended::from(first.wait_with_output().unwrap()).expect(130);
    first.prints(&[
        "cancellation requested by tester: run #3 takes its place in group notes-staging",
    ]);
    let second = Ended::from(second.wait_with_output().unwrap()).expect(130);
    second
        .says(&[waits_for])
        .prints(&["cancelled by tester: run #3 takes its place in group notes-staging"]);
    // A retry keeps priority and lane.
    let again = home.command(&["retry", "2", "--yes"]).spawn().unwrap();
    waits(&home, "waits for 1 approval");
    let run = &listed()[0];
    assert_eq!(
        (&run["retry_of"], &run["priority"], &run["lane"]),
        (&2.into(), &"high".into(), &"routine".into())
    );
    home.run(&["cancel", "last"]).expect(0);
    Ended::from(again.wait_with_output().unwrap()).expect(130);
    // Another environment is another group.
    home.run(&["plan", "print the notes in prod"])
        .expect(0)
        .prints(&["notes-prod: one run at a time"]);
    home.run(&[
        "run",
        "replace the notes in staging",
        "--yes",
        "--priority",
        "asap",
    ])
    .expect(2)
    .says(&["`asap` is none of low, normal, high, urgent"]);
}

#[test]
fn escape_sequences_of_a_service_never_reach_plain_output() {
    let service = Service::start();
    let script = r"shell = '''printf '\033[31mred\033]0;title\007 \001\000bell\n' '''";
    let home = Home::with_stack(&stack_of(service.port, script));
    let ended = home
        .run(&["run", "deploy web to staging", "--yes"])
        .expect(0)
        .prints(&["red"]);
    assert!(
        !ended.stdout.contains(['\u{1b}', '\u{7}', '\u{1}']),
        "{ended:?}"
    );
    let log = home.run(&["log", "last"]).expect(0);
    assert!(
        !log.stdout.contains(['\u{1b}', '\u{7}', '\u{1}']),
        "{log:?}"
    );
    service.stop();
}

#[test]
fn a_runs_log_is_printed_in_whole_records_that_match() {
    let service = Service::start();
    let script = r"shell = '''printf 'ERROR boom\n  at x\n  at y\nplain\n' '''";
    let home = Home::with_stack(&stack_of(service.port, script));
    home.run(&["run", "deploy web to staging", "--yes"])
        .expect(0);
    let texts = |args: &[&str]| {
        let printed = home
            .run(&[&["log", "last", "--json"], args].concat())
            .expect(0)
            .stdout;
        let text =
            |line: &str| serde_json::from_str::<Value>(line).unwrap()["body"]["text"].clone();
        printed.lines().map(text).collect::<Vec<_>>()
    };
    assert_eq!(
        texts(&["--grep", "^  at y"]),
        ["ERROR boom", "  at x", "  at y"]
    );
    assert_eq!(
        texts(&["--level", "error"]),
        ["ERROR boom", "  at x", "  at y"]
    );
    assert_eq!(texts(&["--grep", "^plain", "--since", "1h"]), ["plain"]);
    assert!(texts(&["--grep", "plain", "--level", "warn"]).is_empty());
    let plain = home
        .run(&["log", "last", "1", "--grep", "at x", "--level", "warn"])
        .expect(0)
        .stdout;
    assert_eq!(plain.matches("ERROR boom").count(), 2, "{plain}");
    home.run(&["log", "last", "--grep", "("])
        .expect(2)
        .says(&["--grep", "unclosed"]);
    home.run(&["log", "last", "--budget", "8k"])
        .expect(2)
        .says(&["--budget is for the viewer"]);
    service.stop();
}

#[test]
fn doctor_says_where_things_come_from() {
    let home = Home::with_stack(&stack_of(9, "shell = \"true\""));
    let mut command = home.command(&["doctor"]);
    command.env("OPSROOM_LOG_LEVEL", "debug");
    let ended = Ended::from(command.output().unwrap());
    assert!(matches!(ended.code, Some(0 | 1)), "{ended:?}");
    ended.prints(&[
        "time zones",
        "sqlite",
        "1 services",
        "$OPSROOM_LOG_LEVEL",
        "healthcheck",
    ]);
    assert!(
        home.path(".local/state/opsroom").exists(),
        "the log is where doctor says"
    );
}

#[test]
fn the_demo_world_answers_its_own_runbooks() {
    let home = Home::new();
    let mut world = KillOnDrop(home.command(&["demo", "--serve-only"]).spawn().unwrap());
    let mut line = String::new();
    BufReader::new(world.0.stdout.take().unwrap())
        .read_line(&mut line)
        .unwrap();
    let announced: Value = serde_json::from_str(&line).unwrap();
    let store = announced["store"].as_str().unwrap().to_owned();
    let run = |args: &[&str]| home.run(&[args, &["--store", &store]].concat());
    run(&["run", "check api in staging"])
        .expect(0)
        .prints(&["HTTP 200"]);
    run(&["run", "restart api in staging", "--yes"]).expect(0);
    run(&["run", "deploy web to staging", "--yes"])
        .expect(0)
        .prints(&["test    112 passed", "is current"]);
    run(&["run", "scale api in staging to 4", "--yes"]).expect(0);
    run(&["run", "deploy prod", "--yes"])
        .expect(2)
        .says(&["prod"]);
    run(&["run", "generate spec for dashboard"]).expect(0);
    run(&["run", "restart cdn in prod", "--confirm", "prod cdn"])
        .expect(2)
        .says(&["cdn"]);
    signal(&world.0, "TERM");
    assert_eq!(world.0.wait().unwrap().code(), Some(0));
    assert!(
        !std::path::Path::new(store.trim_start_matches("sqlite:")).exists(),
        "the throw-away store is gone"
    );
}

/// Kills its child when the test ends.
struct KillOnDrop(Child);

impl Drop for KillOnDrop {
    fn drop(&mut self) {
        // Both fail when the child has already exited.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Sends a signal with the `kill` program.
fn signal(child: &Child, name: &str) {
    let status = Command::new("kill")
        .args([&format!("-{name}"), &child.id().to_string()])
        .status()
        .unwrap();
    assert!(status.success());
}

#[test]
fn a_value_that_looks_like_shell_stays_a_value() {
    let home = Home::with_stack("workspace = \"w\"\n[[environment]]\nname = \"dev\"\n");
    home.write(
        ".config/opsroom/runbooks/greet.toml",
        "name = \"greet\"\ntitle = \"greet\"\nversion = \"1\"\nmutates = false\n[[input]]\nname = \"who\"\ntype = \"text\"\n\
         required = true\n[[step]]\nname = \"say\"\nphase = \"action\"\nshell = 'printf \"[%s]\" \"$OPSROOM_INPUT_WHO\"'\n",
    );
    // A missing value is prompted for; `--set` supplies it.
    home.run(&["run", "run greet", "--yes"])
        .expect(2)
        .says(&["which who?"]);
    for value in [
        "$(touch pwned)",
        "a\"b'c",
        "`id`; touch pwned",
        "two\nlines",
        "--help",
        "with who=me",
        "me then run greet",
        "an open \"quotation",
        "if dev is healthy",
    ] {
        let ended = home
            .run(&[
                "run",
                "run greet please",
                "--yes",
                "--set",
                &format!("who={value}"),
            ])
            .expect(0);
        for (at, line) in value.lines().enumerate() {
            let shown = if at == 0 {
                format!("[{line}")
            } else {
                line.to_owned()
            };
            assert!(ended.stdout.contains(&shown), "{value}: {}", ended.stdout);
        }
    }
    assert!(!home.path("pwned").exists());
    let chain = home.json(&[
        "parse",
        "run greet then run greet",
        "--set",
        "who=a then b",
        "--json",
    ]);
    assert_eq!(
        (&chain["inputs"]["who"], &chain["then"][0]["inputs"]["who"]),
        (&"a then b".into(), &"a then b".into())
    );
    home.run(&["run", "run greet", "--yes", "--set", "who=\u{1b}[31m"])
        .expect(2)
        .says(&["U+001B"]);
}

const NAMED: &str = r#"
[secret.HOOK]
from = "env:HOOK_KEY"

[database.notes]
url = "sqlite:notes.db"

[notify.hook]
kind = "webhook"
url = "http://127.0.0.1:1/in"
key = { secret_ref = "HOOK" }
"#;

#[test]
fn declared_databases_and_notifiers_are_listed_and_tested() {
    let home = Home::new();
    home.run(&["notify"])
        .expect(0)
        .prints(&["no notifiers: add [notify.NAME]"]);
    home.write(".config/opsroom/opsroom.toml", NAMED);
    home.run(&["notify"])
        .expect(0)
        .prints(&["hook", "webhook http://127.0.0.1:1/in"]);
    home.run(&["notify", "nobody", "--test", "x"])
        .expect(2)
        .says(&["known are hook"]);
    home.run(&["notify", "hook", "--test", "x", "--read-only"])
        .expect(2)
        .says(&["read-only"]);
    home.run(&["notify", "hook", "--test", "x"])
        .expect(1)
        .says(&["$HOOK_KEY is not set"]);
    let ended: Ended = home
        .command(&["notify", "hook", "--test", "x"])
        .env("HOOK_KEY", "hunter2-key")
        .output()
        .unwrap()
        .into();
    ended.expect(1).says(&["connection refused by 127.0.0.1:1"]);
    home.run(&["doctor"]).prints(&[
        "database    notes (sqlite:",
        "unable to open",
        "hook (webhook http://127.0.0.1:1/in) (not tested",
    ]);
    let secret = format!(
        "{NAMED}[secret.URL]\nfrom = \"command:touch {}\"\n[database.far]\nurl = {{ secret_ref = \"URL\" }}\n",
        home.path("ran").display()
    );
    home.write(".config/opsroom/opsroom.toml", &secret);
    home.run(&["doctor"])
        .prints(&["not tried: a command gives the secret URL; doctor --run-secrets"]);
    assert!(!home.path("ran").exists());
    home.run(&["doctor", "--run-secrets"])
        .prints(&["the secret URL"]);
    assert!(home.path("ran").exists());
    home.run(&["check"]).expect(0);
    home.write(
        ".config/opsroom/opsroom.toml",
        &NAMED.replace("[secret.HOOK]", "[secret.HOOKS]"),
    );
    home.run(&["check"])
        .expect(2)
        .says(&["opsroom.toml:11: notify.hook.key: the secret HOOK is not declared"]);
}

#[test]
fn a_breaker_opens_is_listed_and_reset() {
    let port = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let home = Home::with_stack(&format!(
        "workspace = \"acme\"\n[[environment]]\nname = \"dev\"\n[[service]]\nname = \"web\"\nenvironments = [\"dev\"]\n\
         [[service.action]]\ndo = \"restart\"\nhttp = {{ method = \"POST\", url = \"http://127.0.0.1:{port}/restart\" }}\n"
    ));
    home.run(&["breakers"])
        .expect(0)
        .prints(&["every breaker is closed"]);
    home.run(&["breakers", "--reset", "web"])
        .expect(2)
        .says(&["no breaker of web is open"]);
    let restart = ["run", "--yes", "restart web in dev"];
    for _ in 0..5 {
        home.run(&restart).expect(1).prints(&["connection refused"]);
    }
    home.run(&restart)
        .expect(1)
        .prints(&["not called: the breaker of web in dev"]);
    home.run(&["breakers"])
        .expect(0)
        .prints(&["web in dev", "open since", "connection refused"]);
    assert_eq!(home.json(&["breakers", "--json"])[0]["state"], "open");
    home.run(&["run", "reset breaker of web in dev"])
        .expect(0)
        .prints(&["the breaker of web in dev", "is closed"]);
    home.run(&["breakers"])
        .expect(0)
        .prints(&["every breaker is closed"]);
}

/// A run's artifacts, requester and status changes are shown; a secret's value appears nowhere.
#[test]
fn a_run_is_shown_in_full_and_its_artifacts_are_printed() {
    let home = Home::with_stack("workspace = \"acme\"\n[[environment]]\nname = \"dev\"\n");
    let token = home.write("token", "hunter2/hunter2");
    let settings = format!(
        "pulse = \"off\"\n[secret.TOKEN]\nfrom = \"file:{}\"\n",
        token.display()
    );
    home.write(".config/opsroom/opsroom.toml", &settings);
    std::fs::set_permissions(&token, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    home.write(
        ".config/opsroom/runbooks/report.toml",
        &format!(
            "name = \"report\"\ntitle = \"write the report\"\nversion = \"1\"\nphrases = [\"write the report\"]\nenv = \"none\"\nmutates = true\n\
             [[input]]\nname = \"for\"\ntype = \"text\"\ndefault = \"all\"\n\
             [[step]]\nname = \"build\"\nphase = \"action\"\ndir = {:?}\nsecrets = [\"TOKEN\"]\n\
             shell = \"printf 'a\\\\000%s' \\\"$OPSROOM_SECRET_TOKEN\\\" > report.bin; echo two > notes.txt\"\n\
             artifacts = [\"*.bin\", \"*.txt\", \"missing\"]\n",
            home.dir.path()
        ),
    );
    home.run(&[
        "run",
        "--yes",
        "write the report",
        "--reason",
        "because hunter2/hunter2",
    ])
    .expect(0);

    let listed = home.json(&["artifacts", "last", "--json"]);
    let titles: Vec<_> = listed
        .as_array()
        .unwrap()
        .iter()
        .map(|a| a["title"].as_str().unwrap())
        .collect();
    assert_eq!(titles, ["report.bin", "notes.txt", "manifest of run #1"]);
    home.run(&["artifacts", "1"])
        .expect(0)
        .prints(&["build", "16 B", "notes.txt"]);
    let bytes = home
        .command(&["artifacts", "1", "report.bin"])
        .output()
        .unwrap()
        .stdout;
    assert_eq!(bytes, b"a\0[secret TOKEN]");
    home.run(&["artifacts", "1", "2"])
        .expect(0)
        .prints(&["two"]);
    home.run(&["artifacts", "1", "none"])
        .expect(2)
        .says(&["it has no artifact none; it has report.bin, notes.txt"]);
    home.run(&["artifacts", "2"])
        .expect(2)
        .says(&["there is no run #2"]);

    home.run(&["runs", "1"]).expect(0).prints(&[
        "write the report: succeeded",
        "by          tester from cli",
        "reason      because [secret TOKEN]",
        "runbook     report 1 (definition ",
        "inputs      for=all",
        "claimed",
        "report.bin",
    ]);
    let record = home.json(&["runs", "1", "--json"]);
    let statuses: Vec<_> = record["changes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|c| c["status"].as_str().unwrap())
        .collect();
    assert_eq!(
        statuses,
        [
            "queued",
            "claimed",
            "running",
            "running",
            "succeeded",
            "succeeded"
        ]
    );
    assert_eq!(record["run"]["plan"]["inputs"]["for"], "all");
    home.run(&["runs", "1", "--limit", "3"])
        .expect(2)
        .says(&["cannot be used with"]);

    home.run(&[
        "run",
        "--yes",
        "write the report",
        "--set",
        "for=hunter2/hunter2",
    ])
    .expect(2)
    .says(&["the input for holds the value of a secret"]);
    home.write(
        "bad.toml",
        "workspace = \"acme\"\n[[service]]\nname = \"web\"\nnotes = \"it is hunter2/hunter2\"\n",
    );
    home.run(&["apply", "bad.toml"])
        .expect(2)
        .says(&["service web holds the value of a secret"]);
    let data = std::fs::read_dir(home.path(".local/share/opsroom")).unwrap();
    for file in data.chain(std::fs::read_dir(home.path(".local/state/opsroom")).unwrap()) {
        let text = std::fs::read(file.unwrap().path()).unwrap();
        assert!(!text.windows(15).any(|w| w == b"hunter2/hunter2"));
    }
}

/// Control characters, and characters that change how text is displayed.
const UNSAFE: [char; 6] = [
    '\u{1b}', '\u{9b}', '\u{7f}', '\u{202e}', '\u{200b}', '\u{2066}',
];

#[test]
fn nothing_unsafe_reaches_a_terminal() {
    let home = Home::new();
    let hostile: String = UNSAFE.iter().flat_map(|c| [*c, 'x']).collect();
    for args in [
        vec![hostile.as_str()],
        vec!["--flag", &hostile],
        vec!["runs", &hostile],
        vec!["runs", "--status", &hostile],
        vec!["completions", &hostile],
        vec!["log", &hostile],
        vec!["parse", &hostile],
        vec!["plan", &hostile],
        vec!["run", &hostile],
        vec!["--config", &hostile, "check"],
    ] {
        let ended = home.run(&args);
        let shown = ended.stdout.clone() + &ended.stderr;
        assert!(
            !shown.is_empty() && !shown.contains(UNSAFE),
            "{args:?}: {shown:?}"
        );
    }
    // The output of a step's command.
    let shell = r#"shell = "printf 'a\\342\\200\\256b\\302\\2331m\\177'""#;
    let service = Service::start();
    let home = Home::with_stack(&stack_of(service.port, shell));
    let ended = home
        .run(&["run", "deploy web to staging", "--yes", "--json"])
        .expect(0);
    service.stop();
    let log = home.run(&["log", "last", "--json"]).expect(0);
    for stdout in [ended.stdout, log.stdout] {
        assert!(
            !stdout.contains(UNSAFE) && stdout.contains(r"a\u202eb\u009b1m\u007f"),
            "{stdout}"
        );
        let lines: Vec<Value> = stdout
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        assert!(
            lines
                .iter()
                .any(|line| line.to_string().contains("a\u{202e}b")),
            "it is the same value: {lines:?}"
        );
    }
    assert!(!home.run(&["log", "last"]).expect(0).stdout.contains(UNSAFE));
}

/// Written by the program of November 2026 (migration 0008), with what that program printed of it.
#[test]
fn a_store_of_an_earlier_version_reads_the_same() {
    let old = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/store-2026-11");
    let read = |name: &str| std::fs::read_to_string(old.join(name)).unwrap();
    let home = Home::new();
    let store = home.path(".local/share/opsroom/opsroom.db");
    std::fs::create_dir_all(store.parent().unwrap()).unwrap();
    std::fs::copy(old.join("opsroom.db"), &store).unwrap();

    assert_eq!(
        home.json(&["runs", "--json"]),
        serde_json::from_str::<Value>(&read("runs.json")).unwrap()
    );
    for run in ["2", "3", "6", "7", "8"] {
        let expected: Value = serde_json::from_str(&read(&format!("run{run}.json"))).unwrap();
        assert_eq!(home.json(&["runs", run, "--json"]), expected, "run {run}");
        assert_eq!(
            home.run(&["log", run]).expect(0).stdout,
            read(&format!("log{run}.txt")),
            "run {run}"
        );
    }
    assert_eq!(home.run(&["export"]).expect(0).stdout, read("stack.toml"));
    home.run(&["retry", "1", "--yes"])
        .expect(0)
        .prints(&["run #10 succeeded"]);
}

#[test]
fn a_phrase_that_looks_prints_its_data_and_works_read_only() {
    let service = Service::start();
    let home = Home::with_stack(&service.stack());
    home.run(&["run", "check web in staging"]).expect(0);
    for (phrase, printed) in [
        ("who owns web", "web: owner ana@acme.test"),
        ("what depends on web", "web is needed by: nothing"),
        ("what does web need", "web needs: nothing"),
        ("prod?", "prod"),
        ("web?", "staging"),
        ("runs of web", "check web"),
        ("runs by tester", "check web"),
        ("logs web", "probe web"),
        ("show run 1", "check web"),
        ("what changed today", "tester"),
        ("what is waiting for me", "nothing needs you"),
        ("who is on call", "ana@acme.test"),
        ("who am i", "you are tester in the workspace acme"),
        ("help deploy", "deploy web to staging"),
        ("health", "web"),
        ("runbooks", "healthcheck"),
        ("show runbook deploy", "the deploy action of each service"),
        ("compare run 1 and 1", "no difference"),
        ("systemctl status web", "web"),
    ] {
        for flags in [&[][..], &["--read-only"]] {
            home.run(&[flags, &["run", phrase]].concat())
                .expect(0)
                .prints(&[printed]);
        }
    }
    home.run(&["run", "kubectl get pods"])
        .expect(0)
        .says(&["read kubectl get pods as services"])
        .prints(&["web"]);
    for phrase in [
        "kubectl delete pod web",
        "systemctl restart web",
        "rm -rf /",
    ] {
        home.run(&["run", phrase, "--yes"])
            .expect(2)
            .says(&["is a command of the shell", "try: "]);
    }
    let runs = home.json(&["runs", "--json"]);
    assert_eq!(runs.as_array().unwrap().len(), 1, "looking starts no run");
    home.run(&["run", "check web in staging"]).expect(0);
    let listed = |phrase: &str| {
        let rows = home.json(&["run", phrase, "--json"]);
        rows.as_array().unwrap().len()
    };
    assert_eq!((listed("runs"), listed("last 1 runs")), (2, 1));
    assert_eq!((listed("changes") > 1, listed("last 1 changes")), (true, 1));
    let none = home.run(&["runs", "--actor", "bo"]).expect(0);
    assert!(!none.stdout.contains("check web"), "{none:?}");
    service.stop();
}

#[test]
fn runbooks_are_listed_and_shown_and_a_title_is_a_phrase() {
    let service = Service::start();
    let home = Home::with_stack(&service.stack());
    let page = "# Restart the queue worker\n\nLook first.\n\n```sh\ndf -h\n```\n";
    home.write(".config/opsroom/runbooks/queue.md", page);
    home.write(
        ".config/opsroom/runbooks/check.md",
        "# Check everything\n\n```sh\nls\n```\n",
    );
    home.run(&["check"]).says(&[
        "check.md:1: title: \"Check everything\" already means healthcheck",
        "type run",
    ]);
    home.run(&["runbooks"]).expect(0).prints(&[
        "queue",
        "page",
        "restart the queue worker",
        "built in",
    ]);
    home.run(&["runbooks", "queue"]).expect(0).prints(&[
        "or  restart the queue worker",
        "never run here",
        "# Restart the queue worker",
    ]);
    home.run(&["runbooks", "quue"])
        .expect(2)
        .says(&["did you mean queue?"]);
    let rows = home.json(&["runbooks", "--json"]);
    let row = rows
        .as_array()
        .unwrap()
        .iter()
        .find(|r| r["name"] == "queue");
    assert_eq!(row.unwrap()["kind"], "page");
    let one = home.json(&["runbooks", "deploy", "--json"]);
    assert_eq!(one["inputs"][0]["name"], "version");
    let parsed = home.json(&[
        "parse",
        "please restart the queue worker in staging",
        "--json",
    ]);
    assert_eq!(
        (&parsed["outcome"], &parsed["runbook"]),
        (&Value::from("plan"), &Value::from("queue"))
    );
    service.stop();
}

#[test]
fn two_runs_are_compared_as_text_and_as_json() {
    let service = Service::start();
    let home = Home::with_stack(&service.stack());
    home.run(&["run", "check web in staging"]).expect(0);
    home.run(&["run", "deploy web to staging version=2", "--yes"])
        .expect(0);
    home.run(&["compare", "1", "last"]).expect(0).prints(&[
        "#1",
        "+ input version=2",
        "Steps",
        "succeeded",
    ]);
    let both = home.json(&["compare", "1", "2", "--json"]);
    assert_eq!(both["second"]["inputs"]["version"], "2");
    assert!(!both["steps"].as_array().unwrap().is_empty());
    home.run(&["compare", "1", "77"])
        .expect(2)
        .says(&["there is no run #77"]);
    service.stop();
}

#[test]
fn an_approval_of_the_stack_file_is_exported_and_is_part_of_every_change() {
    let service = Service::start();
    let rule = "approve = { need = 1, from = [\"bo\", \"cy\"] }";
    let stack = service
        .stack()
        .replace("protected = true", &format!("protected = true\n{rule}"));
    let home = Home::with_stack(&stack);
    home.run(&["export"]).expect(0).prints(&[rule]);
    home.run(&["plan", "deploy web to prod"])
        .expect(0)
        .prints(&[
            "APPROVAL: prod demands approval before anything changes: 1 of bo, cy",
            "approval for prod",
        ]);
    let staging = home.run(&["plan", "deploy web to staging"]).expect(0);
    assert!(!staging.stdout.contains("approval for"), "{staging:?}");
    service.stop();
}
