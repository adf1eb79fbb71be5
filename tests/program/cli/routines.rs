//! `opsroom routines` as a person uses it: without an engine, and with a server.

use std::time::{Duration, Instant};

use super::{Ended, Home};

/// How long something may take that a server does.
const TIMEOUT: Duration = Duration::from_mins(1);

/// Routines that are due on one day of four years only, so that a test decides when they run. The
/// interval of the heartbeat makes a server look for requests every few seconds.
const STACK: &str = r#"
workspace = "acme"

[[environment]]
name = "prod"

[[service]]
name = "web"
environments = ["prod"]

[[routine]]
name = "web ping"
service = "web"
env = "prod"
kind = "shell"
cron = "0 0 29 2 *"
timezone = "Europe/Berlin"
shell = "echo fine"
expect = 'response.output == "fine"'

[[routine]]
name = "disk"
kind = "shell"
cron = "0 0 29 2 *"
shell = "echo full; exit 3"
failure_threshold = 2

[[routine]]
name = "nightly job"
kind = "heartbeat"
every = "10s"
grace = "5m"
"#;

/// A server, ended with the test.
struct Serving(std::process::Child);

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn serve(home: &Home) -> Serving {
    let mut command = home.command(&["serve"]);
    let command = command.stdout(std::process::Stdio::null());
    Serving(command.stderr(std::process::Stdio::null()).spawn().unwrap())
}

/// Runs a routine as soon as the server is there to run it.
fn run_once_served(home: &Home, name: &str) -> Ended {
    let begun = Instant::now();
    loop {
        let ended = home.run(&["routines", "run", name]);
        if !ended.stderr.contains("no engine runs routines") {
            return ended;
        }
        assert!(begun.elapsed() < TIMEOUT, "{ended:#?}");
    }
}

#[test]
fn maintenance_windows_are_checked_listed_and_shown() {
    let home = Home::new();
    let windows = r#"
[[maintenance]]
name = "patches"
monthly = "second tue"
from = "22:00"
for = "6h"
timezone = "Europe/Berlin"
services = ["web"]
reason = "kernel updates"

[[maintenance]]
name = "the move"
from = "2026-01-05 22:00"
until = "2099-01-06 04:00"
routines = ["disk"]
mode = "skip"
"#;
    home.write("stack.toml", &format!("{STACK}{windows}"));
    home.run(&["check", "stack.toml"]).expect(0).prints(&[
        "no mistakes found",
        "stack.toml: maintenance \"patches\": mute web, second tue of the month 22:00 for 6h Europe/Berlin; ",
        "stack.toml: maintenance \"the move\": skip routines disk, 2026-01-05 22:00 to 2099-01-06 04:00 UTC; now, until 2099-01-06T04:00:00Z",
    ]);
    home.run(&["apply", "--yes", "stack.toml"])
        .expect(0)
        .prints(&["+ maintenance patches", "+ maintenance the move"]);
    let export = home.run(&["export"]);
    export.expect(0).prints(&[windows.trim()]);
    home.run(&["routines"]).expect(0).prints(&[
        "MAINTENANCE",
        "patches",
        "kernel updates",
        "now, until 2099-01-06T04:00:00Z",
    ]);
    let rows = home.json(&["routines", "--json"]);
    let disk = rows
        .as_array()
        .unwrap()
        .iter()
        .find(|r| r["name"] == "disk");
    assert_eq!(disk.unwrap()["maintenance"]["window"], "the move");
    home.run(&["routines", "disk"]).expect(0).prints(&[
        "? maintenance",
        "skip      in maintenance until 2099-01-06T04:00:00Z (the move)",
        "  the move  skip  2026-01-05 22:00 to 2099-01-06 04:00 UTC  now, until 2099",
    ]);
    home.run(&["routines", "web ping"])
        .expect(0)
        .prints(&["  patches  mute  second tue of the month 22:00 for 6h Europe/Berlin  "]);
}

/// What the policy refuses and what we cannot do have different classes; neither is a failure.
#[test]
fn checks_that_are_not_made_say_whose_reason_it_is() {
    let routines = r#"
[[routine]]
name = "metadata"
kind = "http"
cron = "0 0 29 2 *"
request = { url = "http://169.254.169.254/latest" }

[[routine]]
name = "port"
kind = "tcp"
cron = "0 0 29 2 *"
address = "169.254.169.254:80"

[[routine]]
name = "secret"
kind = "http"
cron = "0 0 29 2 *"
request = { url = "https://acme.test/", auth = { secret_ref = "NOWHERE" } }

[[routine]]
name = "database"
kind = "sql"
cron = "0 0 29 2 *"
database = "nowhere"
query = "select 1"
"#;
    let home = Home::with_stack(&format!("{STACK}{routines}"));
    let _server = serve(&home);
    for (name, class, why) in [
        (
            "metadata",
            "blocked",
            "the outbound policy refuses 169.254.169.254",
        ),
        (
            "port",
            "blocked",
            "the outbound policy refuses 169.254.169.254",
        ),
        ("secret", "ours", "NOWHERE"),
        ("database", "ours", "there is no database nowhere here"),
    ] {
        run_once_served(&home, name).expect(1).prints(&["? ", why]);
        let sheet = home.json(&["routines", name, "--json"]);
        assert_eq!(sheet["state"], "unknown", "{name}");
        assert_eq!(sheet["results"][0]["class"], class, "{name}: {sheet:#}");
    }
}

#[test]
fn routines_are_listed_and_shown() {
    let home = Home::with_stack(STACK);
    home.run(&["routines"]).expect(0).prints(&[
        "ROUTINE",
        "web ping",
        "0 0 29 2 * Europe/Berlin",
        "not yet run",
        "disk",
        "nightly job",
    ]);
    let rows = home.json(&["routines", "--json"]);
    let names: Vec<_> = rows
        .as_array()
        .unwrap()
        .iter()
        .map(|r| &r["name"])
        .collect();
    assert_eq!(names, ["web ping", "disk", "nightly job"]);
    let web = &rows[0];
    assert_eq!(
        (&web["kind"], &web["service"], &web["env"], &web["state"]),
        (
            &"shell".into(),
            &"web".into(),
            &"prod".into(),
            &"unknown".into()
        )
    );
    assert!(web["next"].is_i64(), "{web}");
    assert!(rows[2]["next"].is_null(), "{rows}");

    home.run(&["routines", "disk"]).expect(0).prints(&[
        "routine disk",
        "kind      shell: sh -c \"echo full; exit 3\"",
        "failing after 2 in a row, ok again after 2",
        "no check was answered",
    ]);
    let disk = home.json(&["routines", "disk", "--json"]);
    assert_eq!(disk["failure_threshold"], 2);
    assert_eq!(disk["results"], serde_json::json!([]));
    home.run(&["run", "routines"])
        .expect(0)
        .prints(&["web ping", "disk"]);
    home.run(&["run", "show web ping"])
        .expect(0)
        .prints(&["expect    response.output == \"fine\""]);

    let empty = Home::with_stack("workspace = \"acme\"\n[[environment]]\nname = \"prod\"\n");
    empty
        .run(&["routines"])
        .expect(0)
        .prints(&["there are no routines: add [[routine]] to the stack file"]);
}

#[test]
fn a_routine_that_is_not_there_or_cannot_run_is_refused_with_the_reason() {
    let home = Home::with_stack(STACK);
    for command in [
        &["routines", "web pin"][..],
        &["routines", "run", "web pin"],
        &["routines", "pause", "web pin", "--for", "1h"],
        &["routines", "resume", "web pin"],
    ] {
        home.run(command)
            .expect(2)
            .says(&["there is no routine `web pin`; did you mean `web ping`?"]);
    }
    home.run(&["routines", "something else"])
        .expect(2)
        .says(&["`opsroom routines` lists them"]);
    home.run(&["routines", "run", "nightly job"])
        .expect(2)
        .says(&["nightly job cannot be run: a heartbeat routine calls nothing"]);
    for command in [
        &["routines", "run", "web ping"][..],
        &["run", "run web ping now"],
    ] {
        home.run(command)
            .expect(2)
            .says(&["no engine runs routines: start opsroom serve or a console"]);
    }
}

#[test]
fn a_routine_is_paused_and_resumed_and_both_are_audited() {
    let home = Home::with_stack(STACK);
    home.run(&["routines", "resume", "disk"])
        .expect(2)
        .says(&["disk is not paused"]);
    home.run(&["routines", "pause", "disk"])
        .expect(2)
        .says(&["--for"]);
    home.run(&["routines", "pause", "disk", "--for", "31d"])
        .expect(2)
        .says(&["30 days"]);
    home.run(&["routines", "pause", "disk", "--for", "soon"])
        .expect(2)
        .says(&["soon"]);
    home.run(&[
        "routines",
        "pause",
        "disk",
        "--for",
        "2h",
        "--reason",
        "disk is swapped",
    ])
    .expect(0)
    .prints(&["disk is paused until 2"]);
    home.run(&["routines", "disk"])
        .expect(0)
        .prints(&["paused", "by tester: disk is swapped"]);
    let rows = home.json(&["routines", "--json"]);
    assert_eq!(rows[1]["pause"]["reason"], "disk is swapped", "{rows}");
    assert!(rows[0]["pause"].is_null(), "{rows}");
    home.run(&["run", "resume disk"])
        .expect(0)
        .prints(&["disk goes on"]);
    home.run(&["run", "pause web ping for 30m because \"the host moves\""])
        .expect(0)
        .prints(&["web ping is paused until 2"]);

    for refused in [
        &["routines", "run", "disk"][..],
        &["routines", "pause", "disk", "--for", "1h"],
        &["routines", "resume", "web ping"],
    ] {
        let args = [&["--read-only"], refused].concat();
        home.run(&args).expect(2).says(&["read-only"]);
    }
    home.run(&["--read-only", "routines"])
        .expect(0)
        .prints(&["web ping"]);

    let rows = home.json(&["audit", "--json"]);
    let of_routines: Vec<_> = rows
        .as_array()
        .unwrap()
        .iter()
        .filter(|row| row["action"].as_str().unwrap().contains("routine"))
        .map(|row| {
            let text = |key: &str| row[key].as_str().unwrap_or_default().to_owned();
            (text("action"), text("object"), text("reason"))
        })
        .collect();
    let row = |action: &str, object: &str, reason: &str| {
        (action.to_owned(), object.to_owned(), reason.to_owned())
    };
    assert_eq!(
        of_routines,
        [
            row("routine.pause", "routine web ping", "the host moves"),
            row("routine.resume", "routine disk", ""),
            row("routine.pause", "routine disk", "disk is swapped"),
        ]
    );
}

#[test]
fn a_server_runs_a_routine_that_is_asked_for() {
    let home = Home::with_stack(STACK);
    let _server = serve(&home);
    run_once_served(&home, "web ping")
        .expect(0)
        .prints(&["● web ping: exit code 0"]);
    home.run(&["routines", "run", "disk"])
        .expect(1)
        .prints(&["✗ disk: exit code 3"]);
    let ended = home
        .run(&["routines", "run", "disk", "--reason", "once more", "--json"])
        .expect(1);
    let result: serde_json::Value = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!(
        (&result["routine"], &result["state"]),
        (&"disk".into(), &"failing".into())
    );
    let disk = home.json(&["routines", "disk", "--json"]);
    let results = disk["results"].as_array().unwrap();
    assert_eq!(results.len(), 2, "{disk}");
    for result in results {
        assert_eq!(
            (&result["outcome"], &result["class"], &result["code"]),
            (&"failing".into(), &"exit".into(), &3.into())
        );
        assert_eq!(result["trigger"], "manual");
    }
    assert_eq!(disk["manual"], 2);
    assert_eq!(
        disk["bad"]["text"].as_str().map(|a| a.contains("full")),
        Some(true)
    );
    home.run(&["routines", "web ping"]).expect(0).prints(&[
        "100.00 % ok of 1 checks",
        "Last good answer",
        "asked for",
    ]);
    let audit = home.json(&["audit", "--json"]);
    let asked: Vec<_> = audit
        .as_array()
        .unwrap()
        .iter()
        .filter(|row| row["action"] == "routine.run")
        .map(|row| row["reason"].as_str())
        .collect();
    assert_eq!(asked, [Some("once more"), None, None], "{audit}");
}

/// The records of a CSV text by RFC 4180; panics where it is none.
fn csv(text: &str) -> Vec<Vec<String>> {
    assert!(text.ends_with("\r\n"), "{text:?}");
    let (mut records, mut record, mut field) = (Vec::new(), Vec::new(), String::new());
    let (mut chars, mut quoted) = (text.chars().peekable(), false);
    while let Some(c) = chars.next() {
        match c {
            '"' if quoted && chars.peek() == Some(&'"') => {
                chars.next();
                field.push('"');
            }
            '"' => quoted = !quoted,
            ',' if !quoted => record.push(std::mem::take(&mut field)),
            '\r' if !quoted => {
                assert_eq!(chars.next(), Some('\n'), "{text:?}");
                record.push(std::mem::take(&mut field));
                records.push(std::mem::take(&mut record));
            }
            '\n' if !quoted => panic!("a line ends without CR: {text:?}"),
            c => field.push(c),
        }
    }
    records
}

/// The names of the elements of an XML document in the order they begin; panics where it is not well
/// formed.
fn xml(text: &str) -> Vec<String> {
    let mut rest = text
        .strip_prefix("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n")
        .unwrap();
    let (mut open, mut seen) = (Vec::<String>::new(), Vec::new());
    while let Some(at) = rest.find('<') {
        check_text(&rest[..at]);
        assert!(rest[..at].trim().is_empty() || !open.is_empty(), "{rest}");
        let end = rest.find('>').unwrap();
        let tag = &rest[at + 1..end];
        rest = &rest[end + 1..];
        if let Some(name) = tag.strip_prefix('/') {
            assert_eq!(open.pop().as_deref(), Some(name), "{tag}");
            continue;
        }
        let (tag, empty) = tag
            .strip_suffix('/')
            .map_or((tag, false), |tag| (tag, true));
        let (name, mut attributes) = tag.split_once(' ').unwrap_or((tag, ""));
        while !attributes.is_empty() {
            let (key, value) = attributes.split_once("=\"").unwrap();
            assert!(
                key.chars().all(|c| c.is_alphanumeric() || c == '-'),
                "{tag}"
            );
            let (value, more) = value.split_once('"').unwrap();
            check_text(value);
            attributes = more.trim_start();
        }
        assert!(
            !open.is_empty() || seen.is_empty(),
            "one element holds all others"
        );
        seen.push(name.to_owned());
        if !empty {
            open.push(name.to_owned());
        }
    }
    assert!(open.is_empty() && rest.trim().is_empty(), "{open:?} {rest}");
    seen
}

/// Text and values of attributes: no sign of a tag, and only the entities that XML knows by itself.
fn check_text(text: &str) {
    assert!(!text.contains(['<', '>']), "{text}");
    for part in text.split('&').skip(1) {
        let known = ["amp;", "lt;", "gt;", "quot;"];
        assert!(
            known.iter().any(|entity| part.starts_with(entity)),
            "{text}"
        );
    }
}

#[test]
fn the_history_of_a_routine_is_a_table_csv_json_or_a_chart() {
    let home = Home::with_stack(&STACK.replace("web ping", "web <ping> & co"));
    let name = "web <ping> & co";
    let serving = serve(&home);
    run_once_served(&home, name).expect(0);
    drop(serving);
    let history = |more: &[&str]| {
        let all = [&["routines", "history", name], more].concat();
        home.run(&all).expect(0)
    };
    history(&["--since", "1h", "--step", "10m"]).prints(&[
        "web <ping> & co: 100.00 % ok of 1 checks",
        "buckets of 10m",
        "P95_MS",
        "100.00",
    ]);

    let text = history(&["--since", "1h", "--step", "10m", "--format", "csv"]).stdout;
    let records = csv(&text);
    let column = |name: &str| records[0].iter().position(|n| n == name).expect(name);
    let (n, p95, worst) = (column("n"), column("p95_ms"), column("worst"));
    assert!(records.len() >= 7, "{text}");
    assert!(
        records.iter().all(|r| r.len() == records[0].len()),
        "{text}"
    );
    let checked: Vec<_> = records[1..].iter().filter(|r| r[n] == "1").collect();
    let [checked] = checked[..] else {
        panic!("one bucket has a check: {text}")
    };
    assert!(checked[p95].parse::<f64>().unwrap() > 0.0, "{text}");
    assert_eq!(checked[worst], "ok");

    let text = history(&["--samples", "--format", "csv"]).stdout;
    let records = csv(&text);
    assert_eq!((records.len(), records[0][5].as_str()), (2, "latency_ms"));
    assert_eq!(
        (records[1][1].as_str(), records[1][6].as_str()),
        ("ok", "manual")
    );
    history(&["--samples"]).prints(&["LATENCY_MS", "manual"]);

    let json = home.json(&["routines", "history", name, "--format", "json"]);
    assert_eq!(
        (&json["routine"], &json["numbers"]["samples"]),
        (&name.into(), &1.into())
    );
    let buckets = json["buckets"].as_array().unwrap();
    assert_eq!(buckets.iter().filter(|b| b["n"] == 1).count(), 1);
    assert_eq!(buckets[0]["until"], buckets[1]["from"]);
    let json = home.json(&["routines", "history", name, "--format", "json", "--samples"]);
    assert_eq!(json["samples"][0]["outcome"], "ok");

    let text = history(&["--format", "svg"]).stdout;
    let elements = xml(&text);
    assert_eq!(elements[0], "svg");
    assert!(
        elements.iter().filter(|e| *e == "path").count() >= 3,
        "{text}"
    );
    assert!(text.contains(">web &lt;ping&gt; &amp; co</text>"), "{text}");
    assert!(text.contains("prefers-color-scheme:dark"), "{text}");
    home.run(&["--read-only", "routines", "history", name])
        .expect(0);
}

#[test]
fn an_empty_history_is_said_and_a_bad_one_refused() {
    let home = Home::with_stack(STACK);
    let history = |more: &[&str]| home.run(&[&["routines", "history", "disk"], more].concat());
    history(&["--from", "2026-01-01", "--to", "2026-01-02"])
        .expect(0)
        .prints(&["no check of disk from 2026-01-01T00:00:00.000Z to 2026-01-02T00:00:00.000Z"]);
    let empty = history(&["--format", "csv", "--samples"]).expect(0);
    assert_eq!(csv(&empty.stdout).len(), 1);
    empty.says(&["no check of disk from"]);
    let empty = history(&["--format", "svg"]).expect(0);
    assert!(xml(&empty.stdout).contains(&"text".to_owned()));
    empty
        .prints(&["no check in this time"])
        .says(&["no check of disk"]);
    for (options, why) in [
        (
            &["--from", "2026-01-02", "--to", "2026-01-01"][..],
            "before it begins",
        ),
        (&["--since", "soon"], "--since: `soon` is not a time"),
        (&["--step", "30s"], "whole minutes"),
        (&["--step", "often"], "--step: `often` is not a duration"),
        (
            &["--since", "60d", "--step", "1m"],
            "buckets; at most 10000",
        ),
        (&["--since", "2000d"], "five years at most"),
        (&["--samples", "--since", "100d"], "kept for 90 days"),
        (&["--samples", "--format", "svg"], "leave --samples out"),
    ] {
        history(options).expect(2).says(&[why]);
    }
    home.run(&["routines", "history", "web pin"])
        .expect(2)
        .says(&["there is no routine `web pin`; did you mean `web ping`?"]);
}

/// The rows of the audit log that are about this routine, the oldest first: before and after.
fn audited(home: &Home, object: &str) -> Vec<(bool, bool)> {
    let rows = home.json(&["audit", "--json"]);
    let rows = rows.as_array().unwrap().iter().rev();
    rows.filter(|row| row["object"] == object)
        .map(|row| (!row["before"].is_null(), !row["after"].is_null()))
        .collect()
}

const NEW: &str = "[[routine]]\nname = \"mail\"\nkind = \"tcp\"\naddress = \"mail:25\"\nevery = \"1h\"\n\
    [[routine]]\nname = \"report\"\nkind = \"collect\"\nrequest = { url = \"https://x.test/\" }\nevery = \"1h\"\n";

#[test]
fn routines_of_a_file_are_added_to_the_stack() {
    let home = Home::with_stack(STACK);
    home.write("new.toml", NEW);
    let create = ["routines", "create", "--file", "new.toml"];
    home.run(&[&create[..], &["--dry-run"]].concat())
        .expect(0)
        .prints(&["+ routine mail\n+ routine report\ndry run: nothing was changed"]);
    home.run(&["routines", "mail"]).expect(2);
    home.run(&create)
        .expect(0)
        .prints(&[
            "+ routine mail\n+ routine report\nsaved\n",
            "changes it back",
        ])
        .says(&["warning: new.toml:6: routine \"report\": is kept, but"]);
    home.run(&["routines", "mail"])
        .expect(0)
        .prints(&["mail:25"]);
    home.run(&create).expect(2).says(&[
        "new.toml:2: routine \"mail\".name: `mail` is the name of a routine that is stored",
    ]);
    assert_eq!(audited(&home, "routine mail"), [(false, true)]);

    home.write(
        "bad.toml",
        "[[service]]\n\n[[routine]]\nname = \"x\"\nkind = \"tcp\"\nevery = \"1s\"\n",
    );
    home.run(&["routines", "create", "--file", "bad.toml"])
        .expect(2)
        .says(&[
            "bad.toml:1: service: unknown key; known here: routine",
            "bad.toml:3: routine \"x\".address: is missing",
            "bad.toml:6: routine \"x\".every: ",
        ]);
    home.run(&["--read-only", "routines", "create", "--file", "new.toml"])
        .expect(2)
        .says(&["read-only"]);
    home.run(&["routines", "create", "--file", "none.toml"])
        .expect(2)
        .says(&["none.toml: there is no such file"]);
}

#[test]
fn routines_are_read_from_standard_input() {
    let home = Home::with_stack(STACK);
    home.write("new.toml", NEW);
    let from = |file: &str, json: &[&str]| {
        let args = [&["routines", "create", "--file", "-"], json].concat();
        let file = std::fs::File::open(home.path(file)).unwrap();
        Ended::from(home.command(&args).stdin(file).output().unwrap())
    };
    let ended = from("new.toml", &["--json"]).expect(0);
    let changes: serde_json::Value = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!(changes[1]["name"], "report", "{changes}");
    from("new.toml", &[])
        .expect(2)
        .says(&["standard input:2: routine \"mail\".name: "]);
}

/// Edits a routine with a command as the editor.
fn edit(home: &Home, args: &[&str], editor: &str) -> Ended {
    let args = [&["routines", "edit"], args].concat();
    let mut command = home.command(&args);
    command.env("EDITOR", editor).env("TMPDIR", home.path(""));
    Ended::from(command.output().unwrap())
}

/// The files that an editor has been given and that are still there.
fn kept(home: &Home) -> Vec<std::path::PathBuf> {
    let files = std::fs::read_dir(home.path("")).unwrap();
    files
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.to_str().unwrap().contains("opsroom-routine-"))
        .collect()
}

#[test]
fn a_routine_is_edited_with_the_editor() {
    let home = Home::with_stack(STACK);
    edit(&home, &["disk"], "sed -i s/full/fine/")
        .expect(0)
        .prints(&["~ routine disk: command echo full; exit 3 → echo fine; exit 3\nsaved\n"]);
    edit(&home, &["disk"], "true")
        .expect(0)
        .prints(&["nothing was changed"]);
    edit(&home, &["disk", "--dry-run"], "sed -i s/fine/good/")
        .expect(0)
        .prints(&["dry run: nothing was changed"]);
    edit(&home, &["disk"], "false")
        .expect(2)
        .says(&["the editor (false) ended with"]);
    edit(&home, &["web pin"], "true")
        .expect(2)
        .says(&["there is no routine `web pin` in the stack; did you mean `web ping`?"]);
    assert_eq!(kept(&home), [""; 0].map(std::path::PathBuf::from));
    home.run(&["routines", "disk"])
        .expect(0)
        .prints(&["echo fine; exit 3"]);
    edit(&home, &["disk"], "sed -i s/\\\"disk\\\"/\\\"disks\\\"/")
        .expect(0)
        .prints(&["- routine disk\n+ routine disks\nsaved\n"]);
    assert_eq!(
        audited(&home, "routine disk"),
        [(false, true), (true, true), (true, false)]
    );
}

#[test]
fn what_was_written_for_a_routine_is_kept_when_it_is_wrong() {
    let home = Home::with_stack(STACK);
    let ended = edit(&home, &["web ping"], "sed -i s/cron/crn/")
        .expect(2)
        .says(&[
            ": routine \"web ping\".crn: unknown key",
            ": what you wrote is kept here; `opsroom routines edit 'web ping' --file ",
        ]);
    let [file] = &kept(&home)[..] else {
        panic!("{ended:#?}");
    };
    let text = std::fs::read_to_string(file).unwrap();
    assert!(text.contains("crn = "), "{text}");
    std::fs::write(file, text.replace("crn", "cron").replace("fine", "well")).unwrap();
    home.run(&[
        "routines",
        "edit",
        "web ping",
        "--file",
        file.to_str().unwrap(),
    ])
    .expect(0)
    .prints(&["~ routine web ping: command echo fine → echo well", "saved"]);
    // Somebody else changes it while the editor is open.
    let other = home.write("other.sh", "");
    let opsroom = env!("CARGO_BIN_EXE_opsroom");
    let script = format!(
        "sed 's/well/other/' \"$1\" | '{opsroom}' routines edit 'web ping' --file -\nsed -i s/well/mine/ \"$1\"\n"
    );
    std::fs::write(&other, script).unwrap();
    edit(&home, &["web ping"], &format!("sh {}", other.display()))
        .expect(2)
        .says(&[
            "`web ping` was changed by somebody else",
            "what you wrote is kept here",
        ]);
    assert_eq!(kept(&home).len(), 2);
}

#[test]
fn a_routine_is_deleted_and_a_stack_file_brings_it_back() {
    let home = Home::with_stack(STACK);
    home.run(&["routines", "delete", "disk"])
        .expect(2)
        .says(&["add --yes"]);
    home.run(&["routines", "disk"]).expect(0);
    home.run(&["routines", "delete", "disk", "--yes"])
        .expect(0)
        .prints(&[
            "- routine disk\ndeleted; its results are kept\n",
            "brings it back with the next `opsroom apply`",
        ]);
    home.run(&["routines", "disk"])
        .expect(2)
        .says(&["there is no routine `disk`"]);
    home.run(&["routines", "delete", "disk", "--yes"])
        .expect(2)
        .says(&["there is no routine `disk` in the stack"]);
    home.run(&["--read-only", "routines", "delete", "web ping", "--yes"])
        .expect(2)
        .says(&["read-only"]);
    home.run(&["apply", "--yes", "stack.toml"])
        .expect(0)
        .prints(&["+ routine disk"]);
    assert_eq!(
        audited(&home, "routine disk"),
        [(false, true), (true, false), (false, true)]
    );
}

#[test]
fn a_report_is_kept_until_an_engine_takes_it() {
    let home = Home::with_stack(STACK);
    let report = ["routines", "report", "nightly job"];
    home.run(&[&report[..], &["41 GB", "--degraded"]].concat())
        .expect(0)
        .prints(&["nightly job: reported as degraded"]);
    home.run(&["routines", "report", "disk"])
        .expect(2)
        .says(&["disk takes no reports: a shell routine checks by itself"]);
    home.run(&[&report[..], &["--failing", "--degraded"]].concat())
        .expect(2);
    home.run(&[&["--read-only"], &report[..]].concat())
        .expect(2)
        .says(&["read-only"]);
    let before = home.json(&["routines", "nightly job", "--json"]);
    assert_eq!(
        before["state"], "unknown",
        "no engine has taken it: {before}"
    );
    let _serving = serve(&home);
    let begun = Instant::now();
    loop {
        let sheet = home.json(&["routines", "nightly job", "--json"]);
        if sheet["state"] == "degraded" {
            assert_eq!(sheet["hard"], true, "one report counts: {sheet}");
            let message = sheet["message"].as_str().unwrap();
            assert!(message.ends_with(": 41 GB"), "{message}");
            break;
        }
        assert!(begun.elapsed() < TIMEOUT, "{sheet}");
        std::thread::sleep(Duration::from_millis(100));
    }
    home.run(&["routines", "run", "nightly job"])
        .expect(2)
        .says(&["a heartbeat routine calls nothing", "routines report NAME"]);
}
