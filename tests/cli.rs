//! Drives the real binary: exit codes, what goes to stdout and what to stderr, JSON, and the store it leaves behind.

#![expect(clippy::unwrap_used, reason = "what a test needs and does not get fails it")]

use std::io::{BufRead as _, BufReader};
use std::os::unix::ffi::OsStringExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};

use serde_json::Value;

/// A home of its own: nothing of the real one is read or written.
struct Desk {
    home: tempfile::TempDir,
}

impl Desk {
    fn new() -> Self {
        Self { home: tempfile::tempdir().unwrap() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
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
            .current_dir(self.home.path())
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.home.path())
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
        let desk = Self::new();
        desk.write("stack.toml", text);
        desk.run(&["apply", "--yes", "stack.toml"]).expect(0);
        desk
    }

    fn json(&self, args: &[&str]) -> Value {
        let ended = self.run(args).expect(0);
        serde_json::from_str(&ended.stdout).unwrap_or_else(|e| panic!("{e}: {ended:?}"))
    }
}

/// How a command ended.
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
    fn says(self, words: &[&str]) -> Self {
        for word in words {
            assert!(self.stderr.contains(word), "stderr lacks {word:?}: {self:#?}");
        }
        self
    }

    #[track_caller]
    fn prints(self, words: &[&str]) -> Self {
        for word in words {
            assert!(self.stdout.contains(word), "stdout lacks {word:?}: {self:#?}");
        }
        self
    }
}

/// A service on a port of its own: `/health` answers 200 until it is stopped.
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
            tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
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
        stack_of(self.port, &format!("http = {{ method = \"POST\", url = \"http://127.0.0.1:{}/deploy\" }}", self.port))
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
    let desk = Desk::with_stack(&service.stack());
    desk.run(&["run", "check web in prod"]).expect(0).prints(&["HTTP 200", "succeeded"]);
    service.stop();
    desk.run(&["run", "check web in prod"]).expect(1).prints(&["refused", "failed"]);
    let runs = desk.json(&["runs", "--json"]);
    let states: Vec<_> = runs.as_array().unwrap().iter().map(|r| r["status"].as_str().unwrap()).collect();
    assert_eq!(states, ["failed", "succeeded"]);
    desk.run(&["log", "last-failed"]).expect(0).prints(&["refused"]);
    desk.run(&["services"]).expect(0).prints(&["failing", "ana@acme.test"]);
    let health = desk.json(&["health", "--json"]);
    assert_eq!(health["score"]["health"], "critical", "{health:#}");
    // When it was seen and when it was worked out are two things, and nobody looks again by itself.
    let number = |value: &Value| value.as_i64().unwrap_or_else(|| panic!("{health:#}"));
    assert_eq!(number(&health["at"]) + number(&health["age_ms"]), number(&health["derived_at"]));
    assert!(health["engine"].is_null(), "{health:#}");
    desk.run(&["health"]).expect(0).prints(&["1 of 2 not seen; seen ", "no engine is running: nothing is probed"]);
    desk.run(&["services"]).expect(0).says(&["no engine is running: nothing is probed and no run starts"]);
    let services = desk.json(&["services", "--json"]);
    let target = &services[0]["targets"].as_array().unwrap().iter().find(|t| t["env"] == "prod").unwrap().clone();
    assert_eq!(number(&target["seen_at"]) + number(&target["age_ms"]), number(&services[0]["derived_at"]));
}

/// Two changes were queued by a process that is gone, with no engine there.
#[test]
fn what_is_left_over_is_listed_started_and_dropped_from_the_command_line() {
    let desk = Desk::with_stack(
        "workspace = \"acme\"\n[[environment]]\nname = \"dev\"\n[[service]]\nname = \"web\"\nenvironments = [\"dev\"]\n\
         [[service.action]]\ndo = \"restart\"\nshell = \"echo again >> ran; sleep 60\"\n",
    );
    desk.run(&["start"]).expect(0).prints(&["no run waits in the queue"]);
    let mut first = desk.command(&["run", "--yes", "restart web in dev"]).spawn().unwrap();
    let until = |what: &dyn Fn(&Value) -> bool| {
        while !desk.json(&["runs", "--json"]).as_array().unwrap().iter().any(what) {
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
    };
    until(&|run| run["status"] == "running");
    let mut second = desk.command(&["run", "--yes", "restart web in dev"]).spawn().unwrap();
    until(&|run| run["status"] == "queued");
    for child in [&mut second, &mut first] {
        child.kill().unwrap();
        child.wait().unwrap();
    }
    let runs = desk.run(&["runs"]).expect(0);
    runs.prints(&["no engine is running: start opsroom serve or a console, or `opsroom start 2`"]);
    assert_eq!(desk.json(&["runs", "--json"])[0]["queue"]["untaken"], "no_engine");
    desk.run(&["start"]).expect(0).prints(&["1 run waits since ", "opsroom start RUN", "#2"]);
    assert_eq!(desk.json(&["start", "--json"])[0]["run"], 2);
    desk.run(&["start", "1", "--yes"]).expect(2).says(&["run #1 is interrupted; starting what waits in the queue"]);
    desk.run(&["start", "2"]).expect(2).says(&["--yes"]);
    desk.run(&["cancel", "--waiting", "--reason", "no longer wanted"]).expect(0).prints(&["run #2 is cancelled"]);
    desk.run(&["start"]).expect(0).prints(&["no run waits in the queue"]);
    assert_eq!(std::fs::read_to_string(desk.path("ran")).unwrap(), "again\n", "only the first has run");
}

#[test]
fn a_chain_is_followed_to_its_end_and_stops_at_the_first_failure() {
    let service = Service::start();
    let desk = Desk::with_stack(&service.stack());
    let ended = desk.run(&["run", "check web in staging then check web in prod"]).expect(0);
    assert!(ended.stdout.contains("run #1 succeeded") && ended.stdout.contains("run #2 succeeded"), "{ended:#?}");
    service.stop();
    let ended = desk.run(&["run", "check web in staging then check web in prod"]).expect(1);
    assert!(ended.stdout.contains("run #3 failed") && !ended.stdout.contains("#4"), "{ended:#?}");
    let failed = desk.json(&["runs", "--json", "--status", "failed", "--env", "staging", "--since", "1h"]);
    assert_eq!(failed.as_array().unwrap().len(), 1, "{failed:#}");
    assert_eq!(desk.json(&["runs", "--json", "--runbook", "deploy"]), Value::Array(Vec::new()));
    let log = desk.run(&["log", "last", "--json"]).expect(0).stdout;
    let first: Value = serde_json::from_str(log.lines().next().unwrap()).unwrap();
    assert_eq!((&first["seq"], &first["body"]["kind"]), (&1.into(), &"event".into()));
}

#[test]
fn a_protected_environment_wants_its_word_and_yes_is_not_enough() {
    let service = Service::start();
    let desk = Desk::with_stack(&service.stack());
    for args in [
        &["run", "deploy web to prod"][..],
        &["run", "deploy web to prod", "--yes"],
        &["run", "deploy web to prod", "--yes", "--confirm", "Web"],
        &["run", "deploy web to prod", "--confirm", "prod"],
    ] {
        desk.run(args).expect(2).says(&["web"]);
    }
    assert_eq!(desk.json(&["runs", "--json"]), Value::Array(Vec::new()), "nothing was started");
    desk.run(&["run", "deploy web to prod", "--confirm", "web", "--reason", "release day"])
        .expect(0)
        .prints(&["succeeded"]);
    let runs = desk.json(&["runs", "--json"]);
    assert_eq!(runs[0]["reason"], "release day");
    assert_eq!(runs[0]["actor"], "tester");
    desk.run(&["--read-only", "run", "deploy web to prod", "--confirm", "web"]).expect(2).says(&["read-only"]);
    service.stop();
}

#[test]
fn a_changing_run_without_a_terminal_wants_yes() {
    let service = Service::start();
    let desk = Desk::with_stack(&service.stack());
    desk.run(&["run", "deploy web to staging"]).expect(2).says(&["--yes"]);
    let ended = desk.run(&["run", "deploy web to staging", "--yes", "--json"]).expect(0);
    let lines: Vec<Value> = ended.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.first().unwrap()["type"], "run");
    assert_eq!(lines.last().unwrap()["type"], "end");
    assert_eq!(lines.last().unwrap()["status"], "succeeded");
    let numbers: Vec<_> = lines.iter().filter_map(|l| l["entry"]["seq"].as_i64()).collect();
    assert_eq!(numbers, (1..=i64::try_from(numbers.len()).unwrap()).collect::<Vec<_>>(), "every entry once, in order");
    service.stop();
}

#[test]
fn what_is_no_plan_is_refused_with_what_to_say_instead() {
    let desk = Desk::with_stack(&stack_of(9, "shell = \"true\""));
    for text in ["deploy web", "deplyo web to staging", "don't deploy web to prod", "runs", "frobnicate the widgets"] {
        let ended = desk.run(&["run", text, "--yes"]).expect(2);
        assert!(!ended.stderr.trim().is_empty(), "{text}: {ended:?}");
        assert!(ended.stdout.is_empty(), "{text}: {ended:?}");
    }
    desk.run(&["plan", "deploy web to staging"]).expect(0).prints(&["deploy web", "sh -c", "action"]);
    let plan = desk.json(&["plan", "deploy web to prod", "--json"]);
    assert_eq!(plan["protected"], true);
    assert_eq!(desk.json(&["runs", "--json"]), Value::Array(Vec::new()));
}

#[test]
fn apply_shows_the_difference_and_is_idempotent_and_export_gives_it_back() {
    let desk = Desk::new();
    desk.write("stack.toml", &stack_of(9, "shell = \"true\""));
    desk.run(&["apply", "stack.toml", "--dry-run"]).expect(0).prints(&["+ service web", "dry run"]);
    desk.run(&["export"]).expect(2).says(&["apply"]);
    desk.run(&["apply", "--yes", "stack.toml"]).expect(0).prints(&["+ service web", "+ environment prod", "applied"]);
    desk.run(&["apply", "--yes", "stack.toml"]).expect(0).prints(&["nothing to change"]);
    let exported = desk.run(&["export"]).expect(0).stdout;
    desk.write("again.toml", &exported);
    desk.run(&["apply", "again.toml"]).expect(0).prints(&["nothing to change"]);
    desk.write(
        "stack.toml",
        &stack_of(9, "shell = \"true\"").replace("ana@acme.test\"\nenvironments", "bo@acme.test\"\nenvironments"),
    );
    desk.run(&["apply", "--yes", "stack.toml"])
        .expect(0)
        .prints(&["~ service web: owner ana@acme.test → bo@acme.test"]);
}

/// Two services in two environments, a routine and a contact.
const TWO: &str = "workspace = \"acme\"\n[[environment]]\nname = \"dev\"\n[[environment]]\nname = \"prod\"\n\
    [[service]]\nname = \"web\"\nenvironments = [\"dev\", \"prod\"]\n\
    [[service.action]]\ndo = \"probe\"\nshell = \"true\"\n\
    [[service]]\nname = \"api\"\nenvironments = [\"dev\"]\n\
    [[routine]]\nname = \"web-up\"\nservice = \"web\"\nenv = \"prod\"\nkind = \"http\"\nevery = \"1h\"\nrequest = { url = \"http://web.test/\" }\n";
const ONE: &str =
    "workspace = \"acme\"\n[[environment]]\nname = \"dev\"\n[[service]]\nname = \"api\"\nenvironments = [\"dev\"]\n";

#[test]
fn apply_without_a_terminal_wants_yes_and_deletes_only_with_prune() {
    let desk = Desk::new();
    desk.write("two.toml", TWO);
    desk.write("one.toml", ONE);
    for args in [&["apply", "two.toml"][..], &["apply", "two.toml", "--json"], &["apply", "two.toml", "--prune"]] {
        desk.run(args).expect(2).says(&["--yes"]);
    }
    desk.run(&["export"]).expect(2).says(&["the store is empty"]);
    desk.run(&["apply", "two.toml", "--yes"]).expect(0).prints(&["+ service web", "applied"]);
    desk.run(&["run", "check web in dev"]).expect(0);

    // What the file no longer names is kept and listed, also when nothing else changes.
    let kept = "kept: service web is in the store but not in the file; --prune deletes it";
    for args in [&["apply", "one.toml", "--yes"][..], &["apply", "one.toml"], &["apply", "one.toml", "--dry-run"]] {
        let ended = desk.run(args).expect(0).prints(&[
            "nothing to change",
            kept,
            "kept: environment prod",
            "kept: routine web-up",
        ]);
        assert!(ended.stdout.contains("(runs: 1 ended; routines: web-up; 1 observation)"), "{ended:#?}");
    }
    let exported = desk.run(&["export"]).expect(0).stdout;
    assert!(exported.contains("\"web\"") && exported.contains("\"prod\""), "{exported}");
    let json = desk.json(&["apply", "one.toml", "--yes", "--json"]);
    assert_eq!(
        (json[0]["changes"].as_array().map(Vec::len), json[0]["kept"].as_array().map(Vec::len)),
        (Some(0), Some(3))
    );

    // With --prune they are listed first, with what hangs on them.
    desk.write("one.toml", &(ONE.to_owned() + "[[contact]]\nname = \"Ana\"\n"));
    let shown = desk.run(&["apply", "one.toml", "--prune", "--dry-run"]).expect(0).prints(&["dry run"]).stdout;
    let lines: Vec<&str> = shown.lines().collect();
    assert_eq!(
        lines[1..5],
        [
            "- environment prod (routines: web-up)",
            "- service web (runs: 1 ended; routines: web-up; 1 observation)",
            "- routine web-up",
            "+ contact Ana"
        ]
    );
    desk.run(&["apply", "one.toml", "--prune"]).expect(2).says(&["--yes"]);
    assert_eq!(desk.run(&["export"]).expect(0).stdout, exported, "nothing was changed");
    desk.run(&["apply", "one.toml", "--prune", "--yes"]).expect(0).prints(&["- service web", "applied"]);
    let exported = desk.run(&["export"]).expect(0).stdout;
    assert!(!exported.contains("\"web\"") && !exported.contains("\"prod\"") && exported.contains("Ana"), "{exported}");
}

#[test]
fn what_is_kept_has_to_fit_with_the_file() {
    let desk = Desk::new();
    desk.write("old.toml", "workspace = \"acme\"\n[[environment]]\nname = \"production\"\n");
    desk.run(&["apply", "old.toml", "--yes"]).expect(0);
    let new = "workspace = \"acme\"\n[[environment]]\nname = \"prod\"\naliases = [\"production\"]\n";
    desk.write("new.toml", new);
    let refused = desk.run(&["apply", "new.toml", "--yes"]).expect(2);
    refused.says(&["new.toml does not fit with what the store keeps (environment production)", "--prune"]);
    desk.run(&["apply", "new.toml", "--yes", "--prune"])
        .expect(0)
        .prints(&["- environment production", "+ environment prod"]);
}

#[test]
fn a_run_is_found_by_service_environment_and_status_in_the_whole_store() {
    let probe = "[[service.action]]\ndo = \"probe\"\nshell = \"test $OPSROOM_ENV = dev\"\n";
    let stack = TWO.replace("shell = \"true\"", "shell = \"test $OPSROOM_ENV = dev\"");
    let desk = Desk::with_stack(&stack.replace("[[routine]]", &format!("{probe}[[routine]]")));
    desk.run(&["run", "check web in prod"]).expect(1);
    desk.run(&["run", "check web in dev"]).expect(0);
    for (words, chosen) in [
        ("last", "#2 "),
        ("last-failed", "#1 "),
        ("web", "#2 "),
        ("last run of web in prod", "#1 "),
        ("last failed run of web since yesterday", "#1 "),
        ("dev", "#2 "),
        ("logs of web in prod", "#1 "),
    ] {
        let ended = desk.run(&["log", words]).expect(0);
        assert!(ended.stderr.starts_with(chosen), "{words}: {ended:#?}");
    }
    desk.run(&["log", "last-failed"]).expect(0).says(&["#1 check web in prod", "failed under 1 min ago"]);
    // Nothing else is taken when none fits.
    desk.run(&["log", "last run of api"]).expect(2).says(&["there is no run of api"]);
    desk.run(&["retry", "last failed run of web in dev", "--yes"])
        .expect(2)
        .says(&["there is no failed run of web in dev"]);
    desk.run(&["cancel", "last failed run of web"]).expect(2).says(&["#1 check web in prod", "failed"]);
    desk.run(&["run", "logs of web in prod"]).expect(2).says(&["opsroom log \"last run of web in prod\""]);
    // What is done to a run wants it named: no misspelt name, no service alone.
    desk.run(&["cancel", "last run of wbe"]).expect(2).says(&["is no run", "wbe"]);
    for words in ["web", "everything", "prod", "last run of wbe"] {
        let refused = desk.run(&["retry", words, "--yes"]).expect(2).says(&["is no run"]);
        assert!(!refused.stderr.contains("started"), "{refused:#?}");
    }
    assert_eq!(desk.json(&["runs", "--json"]).as_array().map(Vec::len), Some(2));
    // Each of two services has another last run: both are listed.
    desk.run(&["run", "check api in dev"]).expect(0);
    let both = desk.run(&["log", "last run of web and api"]).expect(2);
    both.says(&["the last run of web and api may be one of these", "#3 check api in dev", "; #2 check web in dev"]);
    desk.run(&["log", "last run of nothing"]).expect(2).says(&["is no run", "not understood"]);
}

#[test]
fn a_phrase_in_the_place_of_a_subcommand_is_named_with_run() {
    let desk = Desk::new();
    let ended = desk.run(&["deploy", "web", "to", "staging"]).expect(2);
    ended.says(&["unrecognized subcommand 'deploy'", "opsroom run \"deploy web to staging\""]);
    let ended = desk.run(&["--read-only", "restart", "web"]).expect(2);
    ended.says(&["opsroom run \"restart web\""]);
    for other in [&["rnus"][..], &["deploy", "a\"b"], &["nonsense", "deploy"]] {
        let ended = desk.run(other).expect(2);
        assert!(!ended.stderr.contains("opsroom run"), "{ended:#?}");
    }
}

#[test]
fn the_audit_log_is_listed_and_filtered() {
    let desk = Desk::with_stack(TWO);
    desk.run(&["run", "check web in dev", "--reason", "just\nlooking"]).expect(0);
    let all =
        desk.run(&["audit"]).expect(0).prints(&["AT", "BY", "run.submit", "run #1", "just^Jlooking", "service web"]);
    let first = all.stdout.lines().nth(1).unwrap().to_owned();
    assert!(first.contains("run.submit"), "newest first: {first}");
    assert_eq!(desk.json(&["audit", "--json", "--limit", "1"])[0]["action"], "run.submit");
    assert_eq!(desk.json(&["audit", "--json", "--actor", "somebody"]), Value::Array(Vec::new()));
    assert!(desk.json(&["audit", "--json", "--actor", "tester", "--since", "1h"]).as_array().unwrap().len() > 3);
    desk.run(&["audit", "--since", "tomorrow"]).expect(2).says(&["--since", "tomorrow"]);
}

#[test]
fn runs_are_listed_since_a_clock_time_or_a_day() {
    let desk = Desk::with_stack(TWO);
    desk.run(&["run", "check web in dev"]).expect(0);
    for since in ["yesterday", "this year", "24h", "2020-01-01"] {
        assert_eq!(desk.json(&["runs", "--json", "--since", since]).as_array().unwrap().len(), 1, "{since}");
    }
    desk.run(&["runs", "--since", "02:00"]).expect(0);
}

#[test]
fn a_list_of_runs_is_one_line_each_whatever_they_say() {
    let desk = Desk::with_stack(TWO);
    desk.run(&["run", "check web in dev", "--reason", &"because ".repeat(1000)]).expect(0);
    let title = "x".repeat(9000);
    let page = format!(
        "name = \"long\"\ntitle = \"{title}\"\nversion = \"1\"\nmutates = false\n[[step]]\nname = \"one\"\nphase = \"action\"\nwait = \"1ms\"\n"
    );
    desk.write(".config/opsroom/runbooks/long.toml", &page);
    desk.run(&["run", "run long"]).expect(0);
    for args in [&["runs"][..], &["audit"]] {
        let listed = desk.run(args).expect(0).stdout;
        assert!(listed.lines().all(|line| line.chars().count() < 400), "{listed}");
    }
    let record = desk.json(&["runs", "1", "--json"]);
    let reason = record["run"]["reason"].as_str().unwrap();
    assert!(reason.len() <= 1024 && reason.contains("(7,999 bytes, first "), "{reason}");
}

#[test]
fn a_bad_stack_file_is_told_whole_and_changes_nothing() {
    let desk = Desk::new();
    let text = "workspace = \"acme\"\n\n[[environment]]\nname = \"prod\"\nprotectd = true\n\n[[service]]\nname = \"web\"\nenvironments = [\"moon\"]\n\n[[service]]\nname = \"web\"\n";
    desk.write("bad.toml", text);
    for command in ["apply", "check"] {
        let ended = desk.run(&[command, "bad.toml"]).expect(2);
        for place in ["bad.toml:5:", "bad.toml:9:", "bad.toml:12:"] {
            assert!(ended.stderr.contains(place), "{command} lacks {place}: {ended:#?}");
        }
    }
    desk.run(&["export"]).expect(3).says(&["there is no store", "opsroom apply"]);
    desk.run(&["apply", "missing.toml"]).expect(2).says(&["missing.toml"]);
}

#[test]
fn what_a_stack_file_holds_in_vain_is_warned_about() {
    let desk = Desk::new();
    let routine = |expect: &str| {
        format!(
            "workspace = \"acme\"\n\n[[routine]]\nname = \"r\"\nkind = \"http\"\nevery = \"5m\"\nrequest = {{ url = \"https://x.test\" }}\nexpect = \"{expect}\"\n"
        )
    };
    desk.write("stack.toml", &routine("response.status == 200"));
    let warning = "warning: stack.toml:3: routine: the routine of this file is kept, but nothing runs routines";
    desk.run(&["check", "stack.toml"]).expect(0).says(&[warning]).prints(&["no mistakes found"]);
    desk.run(&["apply", "--yes", "stack.toml"]).expect(0).says(&[warning]);
    desk.write("wrong.toml", &routine("response.status = 200"));
    for command in ["check", "apply"] {
        desk.run(&[command, "wrong.toml"])
            .expect(2)
            .says(&["wrong.toml:8: routine \"r\".expect: is no condition", "^"]);
    }
}

#[test]
fn what_this_version_cannot_do_is_refused_in_one_sentence() {
    let desk = Desk::with_stack("workspace = \"acme\"\n[[environment]]\nname = \"prod\"\n");
    for command in ["run", "plan"] {
        let ended = desk.run(&[command, "freeze prod"]).expect(2);
        assert!(ended.stderr.contains("freeze is not available in this version; nothing was done"), "{ended:#?}");
    }
    let parsed = desk.json(&["parse", "freeze prod", "--json"]);
    assert_eq!((&parsed["outcome"], &parsed["unavailable"]), (&"action".into(), &"freeze".into()));
    assert_eq!(parsed["message"], "freeze is not available in this version");
}

#[test]
fn packed_logs_are_printed_as_the_text_they_hold() {
    use std::io::Write as _;
    let desk = Desk::new();
    let text: String =
        (0..2000).map(|n| format!("2026-11-21T09:{:02}:{:02}Z INFO line {n}\n", n / 60 % 60, n % 60)).collect();
    let gzip = |text: &str| {
        let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        packed.write_all(text.as_bytes()).unwrap();
        packed.finish().unwrap()
    };
    let zstd = ruzstd::encoding::compress_to_vec(text.as_bytes(), ruzstd::encoding::CompressionLevel::Fastest);
    let (first, second) = text.split_at(text.len() / 2);
    let whole = [gzip(first), gzip(second)].concat();
    for (name, packed) in [("app.log.gz", &whole), ("app.log.zst", &zstd), ("app.log.1", &whole)] {
        std::fs::write(desk.path(name), packed).unwrap();
        let ended = desk.run(&["log", name]).expect(0);
        assert!(ended.stdout == text, "{name}: {} bytes", ended.stdout.len());
        desk.run(&["log", name, "--grep", "line 1999"]).expect(0).prints(&["INFO line 1999"]);
    }
    std::fs::write(desk.path("cut.gz"), &whole[..whole.len() * 3 / 4]).unwrap();
    let ended =
        desk.run(&["log", "cut.gz"]).expect(1).says(&["cut.gz: the packed file ends in the middle; printed is"]);
    assert!(ended.stdout.starts_with(first), "what there is of it is printed");
}

#[test]
fn a_line_of_many_megabytes_is_looked_at_to_its_end() {
    let desk = Desk::new();
    let line = format!("{}needle{}", "x".repeat(20 << 20), "y".repeat(1 << 20));
    desk.write("long.log", &format!("short\n{line}\nlast\n"));
    let ended = desk.run(&["log", "long.log", "--grep", "needle"]).expect(0);
    assert_eq!((ended.stdout.len(), ended.stdout.lines().count()), ((16 << 20) + 1, 1));
    assert!(
        ended.stderr.contains("long.log: line 2 has 22020102 bytes; printed are the first 16777216"),
        "{}",
        ended.stderr
    );
    assert_eq!(desk.run(&["log", "long.log", "--grep", "nothing"]).expect(0).stdout, "");
}

#[test]
fn check_finds_the_mistakes_of_every_file_at_once() {
    let desk = Desk::with_stack("workspace = \"acme\"\n");
    desk.write(".config/opsroom/opsroom.toml", "stroe = \"x\"\n");
    desk.write(".config/opsroom/keymap.toml", "[global]\nquti = \"q\"\n");
    desk.write(".config/opsroom/runbooks/mine.toml", "name = \"mine\"\nphrazes = []\n");
    desk.run(&["check"]).expect(2).says(&["opsroom.toml:1", "keymap.toml:2", "mine.toml:2"]);
    desk.write(".config/opsroom/opsroom.toml", "");
    desk.write(".config/opsroom/keymap.toml", "");
    desk.run(&["parse", "polish the widgets"]).expect(0).says(&["1 runbook file has mistakes: opsroom check"]);
    desk.run(&["run", "polish the widgets", "--yes"]).expect(2).says(&["1 runbook file has mistakes: opsroom check"]);
    std::fs::remove_file(desk.path(".config/opsroom/runbooks/mine.toml")).unwrap();
    desk.run(&["check"]).expect(0);
    assert!(!desk.run(&["parse", "polish the widgets"]).expect(0).stderr.contains("mistakes"));
}

#[test]
fn a_damaged_or_unreachable_store_is_exit_code_three() {
    let desk = Desk::new();
    desk.write("broken.db", &"this is no database ".repeat(500));
    desk.run(&["runs", "--store", "sqlite:broken.db"]).expect(3).says(&["broken.db"]);
    assert_eq!(
        std::fs::read_to_string(desk.path("broken.db")).unwrap(),
        "this is no database ".repeat(500),
        "left alone"
    );
    desk.run(&["runs", "--store", "postgres://nobody@127.0.0.1:1/none"]).expect(3).says(&["127.0.0.1:1"]);
    desk.run(&["runs", "--store", "/dev/null/opsroom.db"]).expect(3);
    let ended = desk.run(&["doctor", "--store", "postgres://nobody:hunter2@127.0.0.1:1/none"]).expect(3);
    assert!(!ended.stdout.contains("hunter2") && !ended.stderr.contains("hunter2"), "{ended:?}");
}

#[test]
fn what_is_mistyped_is_told_and_nothing_is_made_of_it() {
    let service = Service::start();
    let desk = Desk::with_stack(&service.stack());
    for args in [&["runs"][..], &["services"], &["log", "last"], &["run", "check web in prod"], &["cancel", "1"]] {
        let args: Vec<&str> = args.iter().copied().chain(["--store", "mistyped.db"]).collect();
        desk.run(&args).expect(3).says(&["there is no store at sqlite:mistyped.db", "--store"]);
        assert!(!desk.path("mistyped.db").exists(), "{args:?}");
    }
    desk.run(&["doctor", "--store", "mistyped.db"]).expect(0).prints(&["there is no store at sqlite:mistyped.db"]);
    assert!(!desk.path("mistyped.db").exists());
    desk.run(&["runs", "--workspace", "acne"]).expect(2).says(&["there is no workspace acne"]);
    desk.run(&["runs", "--env", "stagin"]).expect(2).says(&["--env", "`stagin`", "did you mean `staging`?"]);
    desk.run(&["runs", "--service", "wbe", "--json"]).expect(2).says(&["--service", "did you mean `web`?"]);
    desk.run(&["runs", "--runbook", "moonshot"]).expect(2).says(&["--runbook", "known: ", "deploy"]);
    for args in [["--env", "staging"], ["--service", "web"], ["--runbook", "deploy"]] {
        assert_eq!(desk.json(&["runs", "--json", args[0], args[1]]), Value::Array(Vec::new()));
    }
    desk.write("other.toml", "workspace = \"other\"\n[[environment]]\nname = \"dev\"\n");
    desk.run(&["apply", "--yes", "other.toml"]).expect(0);
    desk.run(&["runs"]).expect(2).says(&["several workspaces", "--workspace"]);
}

#[test]
fn read_only_executes_nothing() {
    let service = Service::start();
    let desk = Desk::with_stack(&service.stack());
    desk.run(&["--read-only", "run", "check web in prod"]).expect(2).says(&["read-only", "executes nothing"]);
    desk.run(&["--read-only", "run", "deploy web to staging", "--yes"]).expect(2).says(&["read-only"]);
    let both = "check web in prod then deploy web to staging";
    desk.run(&["--read-only", "run", both, "--yes"]).expect(2).says(&["read-only"]);
    desk.run(&["run", "check web in prod"]).expect(0);
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
        &["apply", "stack.toml", "--yes"],
        &["serve"],
    ] {
        desk.run(&[&["--read-only"], refused].concat()).expect(2).says(&["read-only: opsroom was started with"]);
    }
    assert_eq!(desk.json(&["runs", "--json"]).as_array().unwrap().len(), 1);
}

#[test]
fn parse_needs_no_store_and_makes_none() {
    let desk = Desk::new();
    desk.write("stack.toml", &stack_of(9, "shell = \"true\""));
    let parsed = desk.json(&["parse", "check", "web", "in", "production", "--json", "--stack", "stack.toml"]);
    assert_eq!(
        (&parsed["outcome"], &parsed["intent"], &parsed["env"], &parsed["services"]),
        (&"plan".into(), &"healthcheck".into(), &"prod".into(), &serde_json::json!(["web"]))
    );
    assert_eq!(desk.json(&["parse", "deploy nothing known", "--json"])["mutates"].as_bool(), Some(true));
    desk.run(&["parse", "qwertz uiop"]).expect(0);
    assert!(!desk.path(".local/share/opsroom").exists(), "no store was made");
    desk.run(&["apply", "--yes", "stack.toml"]).expect(0);
    assert_eq!(desk.json(&["parse", "is web up", "--json"])["services"], serde_json::json!(["web"]));
}

#[test]
fn arguments_that_are_not_text_are_refused() {
    let desk = Desk::new();
    let ended = Ended::from(
        desk.command(&["parse"]).arg(std::ffi::OsString::from_vec(b"check \xff web".to_vec())).output().unwrap(),
    );
    ended.expect(2).says(&["not UTF-8"]);
}

#[test]
fn usage_errors_and_help_go_where_they_belong() {
    let desk = Desk::with_stack(ONE);
    let wrong = desk.run(&["rnus"]).expect(2).says(&["runs"]);
    assert!(wrong.stdout.is_empty());
    let help = desk.run(&["--help"]).expect(0).prints(&["apply", "doctor", "Exit codes"]);
    assert!(help.stderr.is_empty());
    desk.run(&["log", "yesterday"]).expect(2).says(&["last-failed"]);
    desk.run(&["log", "last"]).expect(2).says(&["no run"]);
    desk.run(&["log", "41"]).expect(2).says(&["there is no run #41 in workspace acme"]);
    desk.run(&["runs", "--since", "soon"]).expect(2).says(&["soon"]);
}

#[test]
fn the_console_without_a_terminal_says_what_it_needs() {
    let desk = Desk::new();
    for args in [&[][..], &["demo"]] {
        let ended = desk.run(args).expect(2).says(&["terminal"]);
        assert!(ended.stdout.is_empty(), "{ended:?}");
    }
}

#[test]
fn a_reader_that_leaves_early_is_no_error() {
    let desk = Desk::with_stack(&stack_of(9, "shell = \"true\""));
    for args in [&["man"][..], &["completions", "bash"], &["keys"], &["services"]] {
        let mut child = desk.command(args).spawn().unwrap();
        drop(child.stdout.take());
        let ended = Ended::from(child.wait_with_output().unwrap());
        assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""), "{args:?}");
    }
}

#[test]
fn manuals_and_completions_cover_every_subcommand() {
    let desk = Desk::new();
    let man = desk.run(&["man"]).expect(0).stdout;
    let completions = desk.run(&["completions", "bash"]).expect(0).stdout;
    for sub in opsroom::cli::definition().get_subcommands() {
        let name = sub.get_name();
        assert!(
            man.contains(&format!("opsroom\\-{name}")) || man.contains(&format!("opsroom-{name}")),
            "man lacks {name}"
        );
        assert!(completions.contains(name), "completions lack {name}");
    }
    desk.run(&["man", "--out", "pages"]).expect(0);
    assert!(desk.path("pages/opsroom-run.1").exists());
}

/// Starts a slow deploy to staging and waits until its command has printed.
fn slow_deploy(desk: &Desk) -> (Child, BufReader<std::process::ChildStdout>) {
    let mut child = desk.command(&["run", "deploy web to staging", "--yes"]).process_group(0).spawn().unwrap();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    while !line.contains("hello from the deploy") {
        line.clear();
        assert_ne!(stdout.read_line(&mut line).unwrap(), 0, "it ended before it began");
    }
    (child, stdout)
}

#[test]
fn after_a_kill_the_run_is_interrupted_and_its_step_unknown() {
    let service = Service::start();
    let desk = Desk::with_stack(&stack_of(service.port, "shell = \"echo hello from the deploy; exec sleep 20\""));
    let (mut child, _stdout) = slow_deploy(&desk);
    child.kill().unwrap();
    child.wait().unwrap();
    let runs = desk.json(&["runs", "--json"]);
    assert_eq!(runs[0]["status"], "interrupted", "{runs:#}");
    desk.run(&["log", "last"]).expect(0).prints(&["hello from the deploy", "unknown"]);
    service.stop();
}

#[test]
fn an_interrupt_cancels_the_run() {
    let service = Service::start();
    let desk = Desk::with_stack(&stack_of(service.port, "shell = \"echo hello from the deploy; exec sleep 20\""));
    let (child, _stdout) = slow_deploy(&desk);
    signal(&child, "INT");
    let ended = Ended::from(child.wait_with_output().unwrap()).expect(130);
    assert!(ended.stderr.contains("asking run"), "{ended:?}");
    assert_eq!(desk.json(&["runs", "--json"])[0]["status"], "cancelled");
    service.stop();
}

#[test]
fn a_hang_up_or_a_lost_reader_lets_the_run_go_on() {
    let service = Service::start();
    let script = "shell = \"echo hello from the deploy; while [ ! -e go ]; do sleep 0.1; done; echo done\"";
    let desk = Desk::with_stack(&stack_of(service.port, script));
    let (mut child, stdout) = slow_deploy(&desk);
    signal(&child, "HUP");
    drop(stdout);
    desk.write("go", "");
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert_eq!(desk.json(&["runs", "--json"])[0]["status"], "succeeded");
    service.stop();
}

#[test]
fn a_run_of_another_process_can_be_followed_and_cancelled() {
    let service = Service::start();
    let desk = Desk::with_stack(&stack_of(service.port, "shell = \"echo hello from the deploy; exec sleep 20\""));
    let (child, _stdout) = slow_deploy(&desk);
    let follower = desk.command(&["log", "last", "-f"]).spawn().unwrap();
    desk.run(&["cancel", "last", "--reason", "wrong branch"]).expect(0).prints(&["asked to stop"]);
    Ended::from(child.wait_with_output().unwrap()).expect(130);
    Ended::from(follower.wait_with_output().unwrap()).expect(0).prints(&["hello from the deploy", "cancel"]);
    desk.run(&["cancel", "last"]).expect(2).says(&["cancelled"]);
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
name = "tell"
phase = "verify"
shell = "echo told"
"#;

/// A desk whose runbook asks first, and a run of it that has come so far.
fn signing_off(args: &[&str], waits_for: &str) -> (Desk, Child) {
    let desk = Desk::with_stack(&stack_of(9, "shell = \"true\""));
    desk.write(".config/opsroom/runbooks/sign_off.toml", SIGN_OFF);
    let child = desk.command(&[&["run", "publish the notes in staging", "--yes"], args].concat()).spawn().unwrap();
    waits(&desk, waits_for);
    (desk, child)
}

fn waits(desk: &Desk, what: &str) {
    let said = |run: &Value| run["message"].as_str().is_some_and(|m| m.contains(what));
    for _ in 0..200 {
        let runs = desk.json(&["runs", "--json"]);
        if runs.as_array().unwrap().iter().any(said) {
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    panic!("no run says {what}: {:#}", desk.json(&["runs", "--json"]));
}

fn as_actor(desk: &Desk, actor: &str, args: &[&str]) -> Ended {
    Ended::from(desk.command(args).env("OPSROOM_ACTOR", actor).output().unwrap())
}

#[test]
fn a_run_is_approved_by_somebody_else() {
    let (desk, child) = signing_off(&[], "waits for 1 approval");
    let unasked = as_actor(&desk, "ana", &["approve", "last"]).expect(2);
    unasked.says(&["without a terminal add --yes", "nothing was approved"]);
    desk.run(&["approve", "last", "--yes"])
        .expect(2)
        .says(&["tester asked for it, and nobody approves what they asked for"]);
    as_actor(&desk, "ana", &["approve", "last", "--plan", "0123456789"]).expect(2).says(&["look at it again"]);
    desk.run(&["skip", "last", "ask", "--reason", "hurry"]).expect(2).says(&["never skipped"]);
    let yes = as_actor(&desk, "ana", &["approve", "last", "--yes", "--note", "tests are green"]);
    yes.expect(0).says(&["ship it?", "plan "]).prints(&["approved by ana"]);
    Ended::from(child.wait_with_output().unwrap()).expect(0).prints(&["shipped"]).says(&["opsroom approve 1"]);
    as_actor(&desk, "ana", &["approve", "last"]).expect(2).says(&["it waits for no approval"]);
}

#[test]
fn a_rejected_run_is_cancelled_and_its_repetition_is_not_for_who_asked() {
    let (desk, child) = signing_off(&[], "waits for 1 approval");
    as_actor(&desk, "ana", &["reject", "last"]).expect(2).says(&["--reason"]);
    as_actor(&desk, "ana", &["reject", "last", "--reason", "not on a friday"]).expect(0).prints(&["rejected"]);
    let ended = Ended::from(child.wait_with_output().unwrap()).expect(130);
    assert!(ended.stdout.contains("cancelled: ask: denied by ana: not on a friday"), "{ended:?}");
    let mut again = desk.command(&["retry", "1", "--yes"]).env("OPSROOM_ACTOR", "ben").spawn().unwrap();
    waits(&desk, "waits for 1 approval");
    desk.run(&["approve", "2", "--yes"]).expect(2).says(&["tester asked for it"]);
    as_actor(&desk, "ana", &["approve", "2", "--yes"]).expect(0);
    assert_eq!(again.wait().unwrap().code(), Some(0));
}

#[test]
fn a_run_is_gone_through_step_by_step_from_another_terminal() {
    let (desk, child) = signing_off(&["--step"], "waits before step ask");
    desk.run(&["resume", "last", "--step"]).expect(0).prints(&["the step may go"]);
    waits(&desk, "waits for 1 approval");
    as_actor(&desk, "ana", &["approve", "last", "--yes"]).expect(0);
    waits(&desk, "waits before step say");
    desk.run(&["skip", "last", "no such step", "--reason", "x"]).expect(2).says(&["1 ask, 2 say, 3 tell"]);
    desk.run(&["skip", "last", "say", "--reason", "done by hand"]).expect(0).prints(&["say is skipped"]);
    waits(&desk, "waits before step tell");
    desk.run(&["resume", "last"]).expect(0).prints(&["may go on"]);
    let ended =
        Ended::from(child.wait_with_output().unwrap()).expect(0).prints(&["told", "skipped by tester: done by hand"]);
    assert!(!ended.stdout.contains("| shipped") && !ended.stdout.contains("|           shipped"), "{ended:?}");
    desk.run(&["pause", "last"]).expect(2).says(&["succeeded"]);
}

#[test]
fn a_paused_run_stops_when_it_is_told_to() {
    let (desk, child) = signing_off(&["--step"], "waits before step ask");
    desk.run(&["cancel", "last", "--after-step"]).expect(0).prints(&["stop after its step"]);
    Ended::from(child.wait_with_output().unwrap()).expect(130).prints(&["stopped after its step, as tester asked"]);
    desk.run(&["cancel", "last", "--after-step", "--kill"]).expect(2).says(&["cannot be used with"]);
}

/// Three runbooks of one group: one waits its turn, one is refused, one has the others cancelled.
fn sharing_a_group() -> Desk {
    let desk = Desk::with_stack(&stack_of(9, "shell = \"true\""));
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
        ("replace", runbook("replace the notes", "cancel_running", "shell = \"echo replaced\"")),
    ] {
        desk.write(&format!(".config/opsroom/runbooks/{file}.toml"), &text);
    }
    desk
}

#[test]
fn runs_of_a_group_wait_are_refused_or_take_over_and_everybody_is_told() {
    let desk = sharing_a_group();
    let start = |args: &[&str]| desk.command(&[&["run"], args].concat()).spawn().unwrap();
    let first = start(&["publish the notes in staging", "--yes"]);
    waits(&desk, "waits for 1 approval");
    let second = start(&["publish the notes in staging", "--yes", "--priority", "high", "--lane", "routine"]);
    let listed = || desk.json(&["runs", "--json"]);
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
    assert_eq!((&run["queue"], &run["priority"], &run["lane"]), (&queue, &"high".into(), &"routine".into()));
    assert_eq!(listed()[1]["queue"], Value::Null, "it is under way");
    let waits_for = "waits for group notes-staging, held by run #1, next in line";
    desk.run(&["pause", "2"]).expect(0);
    desk.run(&["runs"]).expect(0).prints(&["[high]", &format!("paused by tester; {waits_for}")]);

    let refused = "group notes-staging is taken by run #1 (waiting), and its runbook says policy = \"refuse\"";
    desk.run(&["run", "print the notes in staging", "--yes"]).expect(2).says(&[refused, "nothing was started"]);
    let card = desk.run(&["plan", "replace the notes in staging"]).expect(0);
    card.prints(&[
        "notes-staging: one run at a time",
        "cancels run #1 (waiting), run #2 (queued), of group notes-staging",
    ]);
    let replaced = desk.run(&["run", "replace the notes in staging", "--yes"]).expect(0);
    replaced.prints(&["group notes-staging: cancels run #1 (waiting), run #2 (queued)", "replaced"]);
    let first = Ended::from(first.wait_with_output().unwrap()).expect(130);
    first.prints(&["cancellation asked for by tester: run #3 takes its place in group notes-staging"]);
    let second = Ended::from(second.wait_with_output().unwrap()).expect(130);
    second.says(&[waits_for]).prints(&["cancelled by tester: run #3 takes its place in group notes-staging"]);
    // Done again, it matters as much as before.
    let again = desk.command(&["retry", "2", "--yes"]).spawn().unwrap();
    waits(&desk, "waits for 1 approval");
    let run = &listed()[0];
    assert_eq!((&run["retry_of"], &run["priority"], &run["lane"]), (&2.into(), &"high".into(), &"routine".into()));
    desk.run(&["cancel", "last"]).expect(0);
    Ended::from(again.wait_with_output().unwrap()).expect(130);
    // Another environment is another group.
    desk.run(&["plan", "print the notes in prod"]).expect(0).prints(&["notes-prod: one run at a time"]);
    desk.run(&["run", "replace the notes in staging", "--yes", "--priority", "asap"])
        .expect(2)
        .says(&["`asap` is none of low, normal, high, urgent"]);
}

#[test]
fn escape_sequences_of_a_service_never_reach_plain_output() {
    let service = Service::start();
    let script = r"shell = '''printf '\033[31mred\033]0;title\007 \001\000bell\n' '''";
    let desk = Desk::with_stack(&stack_of(service.port, script));
    let ended = desk.run(&["run", "deploy web to staging", "--yes"]).expect(0).prints(&["red"]);
    assert!(!ended.stdout.contains(['\u{1b}', '\u{7}', '\u{1}']), "{ended:?}");
    let log = desk.run(&["log", "last"]).expect(0);
    assert!(!log.stdout.contains(['\u{1b}', '\u{7}', '\u{1}']), "{log:?}");
    service.stop();
}

#[test]
fn a_runs_log_is_printed_in_whole_records_that_match() {
    let service = Service::start();
    let script = r"shell = '''printf 'ERROR boom\n  at x\n  at y\nplain\n' '''";
    let desk = Desk::with_stack(&stack_of(service.port, script));
    desk.run(&["run", "deploy web to staging", "--yes"]).expect(0);
    let texts = |args: &[&str]| {
        let printed = desk.run(&[&["log", "last", "--json"], args].concat()).expect(0).stdout;
        let text = |line: &str| serde_json::from_str::<Value>(line).unwrap()["body"]["text"].clone();
        printed.lines().map(text).collect::<Vec<_>>()
    };
    assert_eq!(texts(&["--grep", "^  at y"]), ["ERROR boom", "  at x", "  at y"]);
    assert_eq!(texts(&["--level", "error"]), ["ERROR boom", "  at x", "  at y"]);
    assert_eq!(texts(&["--grep", "^plain", "--since", "1h"]), ["plain"]);
    assert!(texts(&["--grep", "plain", "--level", "warn"]).is_empty());
    let plain = desk.run(&["log", "last", "1", "--grep", "at x", "--level", "warn"]).expect(0).stdout;
    assert_eq!(plain.matches("ERROR boom").count(), 2, "{plain}");
    desk.run(&["log", "last", "--grep", "("]).expect(2).says(&["--grep", "unclosed"]);
    desk.run(&["log", "last", "--budget", "8k"]).expect(2).says(&["--budget is for the viewer"]);
    service.stop();
}

#[test]
fn doctor_says_where_things_come_from() {
    let desk = Desk::with_stack(&stack_of(9, "shell = \"true\""));
    let mut command = desk.command(&["doctor"]);
    command.env("OPSROOM_LOG_LEVEL", "debug");
    let ended = Ended::from(command.output().unwrap());
    assert!(matches!(ended.code, Some(0 | 1)), "{ended:?}");
    ended.prints(&["time zones", "sqlite", "1 services", "$OPSROOM_LOG_LEVEL", "healthcheck"]);
    assert!(desk.path(".local/state/opsroom").exists(), "the log is where doctor says");
}

#[test]
fn the_demo_world_answers_its_own_runbooks() {
    let desk = Desk::new();
    let mut world = Minded(desk.command(&["demo", "--serve-only"]).spawn().unwrap());
    let mut line = String::new();
    BufReader::new(world.0.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let told: Value = serde_json::from_str(&line).unwrap();
    let store = told["store"].as_str().unwrap().to_owned();
    let run = |args: &[&str]| desk.run(&[args, &["--store", &store]].concat());
    run(&["run", "check api in staging"]).expect(0).prints(&["HTTP 200"]);
    run(&["run", "restart api in staging", "--yes"]).expect(0);
    run(&["run", "deploy web to staging", "--yes"]).expect(0).prints(&["test    112 passed", "is current"]);
    run(&["run", "scale api in staging to 4", "--yes"]).expect(0);
    run(&["run", "deploy prod", "--yes"]).expect(2).says(&["prod"]);
    run(&["run", "generate spec for dashboard"]).expect(0);
    run(&["run", "restart cdn in prod", "--confirm", "cdn"]).expect(2).says(&["cdn"]);
    signal(&world.0, "TERM");
    assert_eq!(world.0.wait().unwrap().code(), Some(0));
    assert!(!std::path::Path::new(store.trim_start_matches("sqlite:")).exists(), "the throw-away store is gone");
}

/// A child that does not outlive its test.
struct Minded(Child);

impl Drop for Minded {
    fn drop(&mut self) {
        // Already gone: nothing to end.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// By the process's id, through the shell's `kill`.
fn signal(child: &Child, name: &str) {
    let status = Command::new("kill").args([&format!("-{name}"), &child.id().to_string()]).status().unwrap();
    assert!(status.success());
}

#[test]
fn a_value_that_looks_like_shell_stays_a_value() {
    let desk = Desk::with_stack("workspace = \"w\"\n[[environment]]\nname = \"dev\"\n");
    desk.write(
        ".config/opsroom/runbooks/greet.toml",
        "name = \"greet\"\ntitle = \"greet\"\nversion = \"1\"\nmutates = false\n[[input]]\nname = \"who\"\ntype = \"text\"\n\
         required = true\n[[step]]\nname = \"say\"\nphase = \"action\"\nshell = 'printf \"[%s]\" \"$OPSROOM_INPUT_WHO\"'\n",
    );
    // Without the value it is asked for; `--set` answers.
    desk.run(&["run", "run greet", "--yes"]).expect(2).says(&["which who?"]);
    for value in ["$(touch pwned)", "a\"b'c", "`id`; touch pwned", "two\nlines", "--help"] {
        let ended = desk.run(&["run", "run greet", "--yes", "--set", &format!("who={value}")]).expect(0);
        for (at, line) in value.lines().enumerate() {
            let shown = if at == 0 { format!("[{line}") } else { line.to_owned() };
            assert!(ended.stdout.contains(&shown), "{value}: {}", ended.stdout);
        }
    }
    assert!(!desk.path("pwned").exists());
    desk.run(&["run", "run greet", "--yes", "--set", "who=\u{1b}[31m"]).expect(2).says(&["U+001B"]);
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
fn what_is_declared_by_name_is_listed_tried_and_told() {
    let desk = Desk::new();
    desk.run(&["notify"]).expect(0).prints(&["no notifiers: add [notify.NAME]"]);
    desk.write(".config/opsroom/opsroom.toml", NAMED);
    desk.run(&["notify"]).expect(0).prints(&["hook", "webhook http://127.0.0.1:1/in"]);
    desk.run(&["notify", "nobody", "--test", "x"]).expect(2).says(&["known are hook"]);
    desk.run(&["notify", "hook", "--test", "x", "--read-only"]).expect(2).says(&["read-only"]);
    desk.run(&["notify", "hook", "--test", "x"]).expect(1).says(&["$HOOK_KEY is not set"]);
    let ended: Ended =
        desk.command(&["notify", "hook", "--test", "x"]).env("HOOK_KEY", "hunter2-key").output().unwrap().into();
    ended.expect(1).says(&["connection refused by 127.0.0.1:1"]);
    desk.run(&["doctor"]).prints(&[
        "database    notes (sqlite:",
        "unable to open",
        "hook (webhook http://127.0.0.1:1/in) (not told",
    ]);
    let secret = format!(
        "{NAMED}[secret.URL]\nfrom = \"command:touch {}\"\n[database.far]\nurl = {{ secret_ref = \"URL\" }}\n",
        desk.path("ran").display()
    );
    desk.write(".config/opsroom/opsroom.toml", &secret);
    desk.run(&["doctor"]).prints(&["not tried: a command gives the secret URL; doctor --run-secrets"]);
    assert!(!desk.path("ran").exists());
    desk.run(&["doctor", "--run-secrets"]).prints(&["the secret URL"]);
    assert!(desk.path("ran").exists());
    desk.run(&["check"]).expect(0);
    desk.write(".config/opsroom/opsroom.toml", &NAMED.replace("[secret.HOOK]", "[secret.HOOKS]"));
    desk.run(&["check"]).expect(2).says(&["opsroom.toml:11: notify.hook.key: the secret HOOK is not declared"]);
}

#[test]
fn a_breaker_opens_is_listed_and_reset() {
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let desk = Desk::with_stack(&format!(
        "workspace = \"acme\"\n[[environment]]\nname = \"dev\"\n[[service]]\nname = \"web\"\nenvironments = [\"dev\"]\n\
         [[service.action]]\ndo = \"restart\"\nhttp = {{ method = \"POST\", url = \"http://127.0.0.1:{port}/restart\" }}\n"
    ));
    desk.run(&["breakers"]).expect(0).prints(&["every breaker is closed"]);
    desk.run(&["breakers", "--reset", "web"]).expect(2).says(&["no breaker of web is open"]);
    let restart = ["run", "--yes", "restart web in dev"];
    for _ in 0..5 {
        desk.run(&restart).expect(1).prints(&["connection refused"]);
    }
    desk.run(&restart).expect(1).prints(&["not called: the breaker of web in dev"]);
    desk.run(&["breakers"]).expect(0).prints(&["web in dev", "open since", "connection refused"]);
    assert_eq!(desk.json(&["breakers", "--json"])[0]["state"], "open");
    desk.run(&["run", "reset breaker of web in dev"]).expect(0).says(&["the breaker of web in dev", "is closed"]);
    desk.run(&["breakers"]).expect(0).prints(&["every breaker is closed"]);
}

/// What a run leaves behind, who asked for it and when each thing changed; and the value of a secret, which is in none of it.
#[test]
fn a_run_is_told_whole_and_gives_back_what_it_left() {
    let desk = Desk::with_stack("workspace = \"acme\"\n[[environment]]\nname = \"dev\"\n");
    let token = desk.write("token", "hunter2/hunter2");
    let settings = format!("pulse = \"off\"\n[secret.TOKEN]\nfrom = \"file:{}\"\n", token.display());
    desk.write(".config/opsroom/opsroom.toml", &settings);
    std::fs::set_permissions(&token, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    desk.write(
        ".config/opsroom/runbooks/report.toml",
        &format!(
            "name = \"report\"\ntitle = \"write the report\"\nversion = \"1\"\nphrases = [\"write the report\"]\nenv = \"none\"\nmutates = true\n\
             [[input]]\nname = \"for\"\ntype = \"text\"\ndefault = \"all\"\n\
             [[step]]\nname = \"build\"\nphase = \"action\"\ndir = {:?}\nsecrets = [\"TOKEN\"]\n\
             shell = \"printf 'a\\\\000%s' \\\"$OPSROOM_SECRET_TOKEN\\\" > report.bin; echo two > notes.txt\"\n\
             artifacts = [\"*.bin\", \"*.txt\", \"missing\"]\n",
            desk.home.path()
        ),
    );
    desk.run(&["run", "--yes", "write the report", "--reason", "because hunter2/hunter2"]).expect(0);

    let listed = desk.json(&["artifacts", "last", "--json"]);
    let titles: Vec<_> = listed.as_array().unwrap().iter().map(|a| a["title"].as_str().unwrap()).collect();
    assert_eq!(titles, ["report.bin", "notes.txt", "manifest of run #1"]);
    desk.run(&["artifacts", "1"]).expect(0).prints(&["build", "16 B", "notes.txt"]);
    let bytes = desk.command(&["artifacts", "1", "report.bin"]).output().unwrap().stdout;
    assert_eq!(bytes, b"a\0[secret TOKEN]");
    desk.run(&["artifacts", "1", "2"]).expect(0).prints(&["two"]);
    desk.run(&["artifacts", "1", "none"]).expect(2).says(&["it left no none; it left report.bin, notes.txt"]);
    desk.run(&["artifacts", "2"]).expect(2).says(&["there is no run #2"]);

    desk.run(&["runs", "1"]).expect(0).prints(&[
        "write the report: succeeded",
        "by          tester from cli",
        "reason      because [secret TOKEN]",
        "runbook     report 1 (definition ",
        "inputs      for=all",
        "claimed",
        "report.bin",
    ]);
    let record = desk.json(&["runs", "1", "--json"]);
    let became: Vec<_> = record["changes"].as_array().unwrap().iter().map(|c| c["status"].as_str().unwrap()).collect();
    assert_eq!(became, ["queued", "claimed", "running", "running", "succeeded", "succeeded"]);
    assert_eq!(record["run"]["plan"]["inputs"]["for"], "all");
    desk.run(&["runs", "1", "--limit", "3"]).expect(2).says(&["cannot be used with"]);

    desk.run(&["run", "--yes", "write the report", "--set", "for=hunter2/hunter2"])
        .expect(2)
        .says(&["the input for holds the value of a secret"]);
    desk.write("bad.toml", "workspace = \"acme\"\n[[service]]\nname = \"web\"\nnotes = \"it is hunter2/hunter2\"\n");
    desk.run(&["apply", "bad.toml"]).expect(2).says(&["service web holds the value of a secret"]);
    let data = std::fs::read_dir(desk.path(".local/share/opsroom")).unwrap();
    for file in data.chain(std::fs::read_dir(desk.path(".local/state/opsroom")).unwrap()) {
        let text = std::fs::read(file.unwrap().path()).unwrap();
        assert!(!text.windows(15).any(|w| w == b"hunter2/hunter2"));
    }
}

/// What a terminal would obey, or what changes how letters are seen.
const UNSAFE: [char; 6] = ['\u{1b}', '\u{9b}', '\u{7f}', '\u{202e}', '\u{200b}', '\u{2066}'];

#[test]
fn nothing_unsafe_reaches_a_terminal() {
    let desk = Desk::new();
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
        let ended = desk.run(&args);
        let shown = ended.stdout.clone() + &ended.stderr;
        assert!(!shown.is_empty() && !shown.contains(UNSAFE), "{args:?}: {shown:?}");
    }
    // What a command prints.
    let shell = r#"shell = "printf 'a\\342\\200\\256b\\302\\2331m\\177'""#;
    let service = Service::start();
    let desk = Desk::with_stack(&stack_of(service.port, shell));
    let ended = desk.run(&["run", "deploy web to staging", "--yes", "--json"]).expect(0);
    service.stop();
    let log = desk.run(&["log", "last", "--json"]).expect(0);
    for stdout in [ended.stdout, log.stdout] {
        assert!(!stdout.contains(UNSAFE) && stdout.contains(r"a\u202eb\u009b1m\u007f"), "{stdout}");
        let lines: Vec<Value> = stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert!(lines.iter().any(|line| line.to_string().contains("a\u{202e}b")), "it is the same value: {lines:?}");
    }
    assert!(!desk.run(&["log", "last"]).expect(0).stdout.contains(UNSAFE));
}
