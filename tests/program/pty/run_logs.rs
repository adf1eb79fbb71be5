//! Logs of runs in the viewer: finished and live, merged by time with other runs and with files,
//! from the shell and in the console.

use std::process::{Child, Command, Stdio};
use std::time::Duration;

use super::harness::{Console, FOLDERS, Setup};
use super::world;

/// A run that waits for the file `go`.
fn live_run(console: &Console) -> Child {
    let mut command = Command::new(env!("CARGO_BIN_EXE_opsroom"));
    command
        .args(["run", "restart web in dev", "--yes"])
        .env_clear()
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
    for (name, folder) in FOLDERS {
        command.env(name, console.path(folder));
    }
    command.spawn().unwrap()
}

/// A home in which one run has ended.
fn home() -> tempfile::TempDir {
    let home = world::home();
    std::fs::write(home.path().join("go"), "").unwrap();
    world::opsroom(home.path(), &["run", "restart web in dev", "--yes"]);
    std::fs::write(
        home.path().join("app.log"),
        "2999-01-01T00:00:00Z ERROR from the file\n  and its trace\n",
    )
    .unwrap();
    home
}

#[test]
fn a_finished_run_is_searched_filtered_and_taken_apart() {
    let mut console = Setup::new(&["log", "last"]).size(140, 24).start_in(home());
    console.wait_for("run #1");
    console.wait_for("finished");
    console.wait_for("out");
    console.send("/");
    console.wait_for("search:");
    console.send("^begun$");
    console.wait_for("^begun$");
    console.send("\r");
    console.wait_for(": 1 of 1 ");
    console.send("\r");
    console.wait_for("Record at line");
    console.wait_for("stdout");
    console.send("\x1b");
    console.wait_gone("Record at line");
    console.send("/");
    console.wait_for("search:");
    console.send("exit code 0 in");
    console.wait_for("search: exit code 0 in");
    console.send("\r");
    console.wait_for("/exit code 0 in: 1 of 1 · 11 of");
    // The rows may come after the numbers.
    console.settle(Duration::from_millis(200));
    console.send("\r");
    console.wait_for("\"attempt\": 1");
    console.send("\x1b");
    console.wait_gone("Record at line");
    console.send("&");
    console.wait_for("show only:");
    console.send("^(begun|finished)$");
    console.wait_for("^(begun|finished)$");
    console.send("\r");
    console.wait_for("hidden");
    console.send("L");
    console.wait_gone("│");
    console.send("s");
    console.wait_for("save (");
    console.send("./out.jsonl");
    console.wait_for("./out.jsonl");
    console.send("\r");
    console.wait_for("saved 2 lines");
    let saved = std::fs::read_to_string(console.path("out.jsonl")).unwrap();
    let first: serde_json::Value = serde_json::from_str(saved.lines().next().unwrap()).unwrap();
    assert_eq!(
        (&first["text"], &first["stream"]),
        (&"begun".into(), &"stdout".into()),
        "{first}"
    );
    console.send("q");
    assert_eq!(console.exit_restored(), 0);
}

#[test]
fn runs_and_files_are_merged_and_a_live_one_is_followed() {
    let home = home();
    std::fs::remove_file(home.path().join("go")).unwrap();
    std::fs::remove_file(home.path().join("begun")).unwrap();
    let waiting = Setup::new(&["log", "1"]).start_in(home);
    waiting.wait_for("run #1");
    let mut run = live_run(&waiting);
    let home = waiting.leave();
    while !home.path().join("begun").exists() {
        std::thread::yield_now();
    }
    let mut console = Setup::new(&["log", "1", "2", "./app.log"])
        .size(140, 40)
        .start_in(home);
    console.wait_for("3 logs by time");
    console.wait_for("following");
    console.wait_for("from the file");
    console.wait_for("run #2");
    let before = console.contents().matches("finished").count();
    std::fs::write(console.path("go"), "").unwrap();
    console.wait_until("the live run's end", |screen| {
        screen.matches("finished").count() > before
    });
    assert!(run.wait().unwrap().success());
    console.send("q");
    assert_eq!(console.exit_restored(), 0);
    let home = console.path("");
    let printed = world::opsroom(&home, &["log", "1", "2"]);
    let times: Vec<&str> = printed.lines().map(|line| &line[7..15]).collect();
    assert!(
        times.is_sorted() && printed.contains("#1 ") && printed.contains("#2 "),
        "{printed}"
    );
}

#[test]
fn the_console_shows_the_same_log_on_its_whole_screen_and_finds_it_again() {
    let mut console = Setup::empty().size(100, 30).start_in(home());
    console.home_screen();
    console.wait_for("#1");
    console.send("3");
    console.settle(Duration::from_millis(200));
    console.send("f");
    console.wait_for("log of run #1");
    console.wait_for("ended");
    console.send("/");
    console.wait_for("search:");
    console.send("^begun$");
    console.wait_for("search: ^begun$");
    console.send("\r");
    console.wait_for("$: 1 of 1 ");
    console.send("q");
    console.wait_for("last change");
    console.send("f");
    console.wait_for("$: 1 of 1 ");
    console.send("q");
    console.wait_for("last change");
    console.send("q");
    assert_eq!(console.exit_restored(), 0);
}

#[test]
fn a_file_is_read_in_the_console_and_a_missing_one_is_an_error() {
    let mut console = Setup::empty().start_in(home());
    console.home_screen();
    let path = console.path("app.log");
    command(&console, &format!("open {}", path.display()));
    console.wait_for("and its trace");
    console.send("q");
    console.wait_gone("and its trace");
    command(&console, "log /nowhere/app.log");
    console.wait_for("the log cannot be shown: /nowhere/app.log");
    console.send("q");
    console.exit();
}

/// Types a command and accepts it.
fn command(console: &Console, text: &str) {
    console.send(":");
    // `:` and the text in one read would be taken for a paste.
    console.settle(Duration::from_millis(200));
    console.send(text);
    console.wait_for(text);
    console.settle(Duration::from_millis(200));
    console.send("\r");
}
