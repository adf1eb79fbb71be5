//! A lost terminal loses nothing: the run goes on without a screen and is whole in the store afterwards.

use std::path::Path;
use std::process::Command;
use std::time::Instant;

use rustix::process::Signal;
use tempfile::TempDir;

use super::harness::{Console, Setup, limit};

/// A service whose restart takes long enough for the terminal to go away meanwhile.
fn stack(home: &Path) -> String {
    let file = |name: &str| home.join(name).display().to_string();
    format!(
        "workspace = \"pty\"\ntimezone = \"UTC\"\n\n[[environment]]\nname = \"dev\"\n\n\
         [[service]]\nname = \"web\"\nenvironments = [\"dev\"]\n\n\
         [[service.action]]\ndo = \"restart\"\nshell = \"echo begun; touch {}; while ! test -e {}; do sleep 0.05; done; touch {}; echo finished\"\n",
        file("begun"),
        file("go"),
        file("finished"),
    )
}

fn opsroom(home: &Path, args: &[&str]) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_opsroom"));
    command.args(args).env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default()).env("HOME", home);
    for (name, folder) in [("XDG_CONFIG_HOME", "config"), ("XDG_DATA_HOME", "data"), ("XDG_STATE_HOME", "state")] {
        command.env(name, home.join(folder));
    }
    let output = command.output().unwrap();
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn wait_for_file(console: &Console, name: &str) {
    let until = Instant::now() + limit();
    while !console.path(name).exists() {
        assert!(Instant::now() < until, "{name} never appeared; the screen:\n{}", console.contents());
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
}

/// A console with the restart of `web` under way.
fn restarting() -> Console {
    let home = TempDir::new().unwrap();
    let file = home.path().join("stack.toml");
    std::fs::write(&file, stack(home.path())).unwrap();
    opsroom(home.path(), &["apply", "--yes", file.to_str().unwrap()]);
    let console = Setup::empty().start_in(home);
    console.home_screen();
    console.wait_for("web");
    console.send(":");
    console.send("restart web in dev");
    console.wait_for("restart web in dev");
    console.send("\r");
    console.wait_for("Start");
    console.send("y");
    console.send("\r");
    wait_for_file(&console, "begun");
    console
}

/// The run, once it may go on, is finished by the process without a screen.
fn finishes(mut console: Console) {
    std::fs::write(console.path("go"), "").unwrap();
    console.exit();
    assert!(console.path("finished").exists());
    let home = console.path("");
    let runs: serde_json::Value = serde_json::from_str(&opsroom(&home, &["runs", "--json"])).unwrap();
    let run = &runs.as_array().unwrap()[0];
    assert_eq!(run["status"], "succeeded", "{run}");
    let log = opsroom(&home, &["log", &run["id"].to_string()]);
    assert_eq!((log.matches("begun").count(), log.matches("finished").count()), (1, 1), "every line once:\n{log}");
}

#[test]
fn hung_up_by_signal() {
    let console = restarting();
    console.signal(Signal::HUP);
    console.assert_restored();
    finishes(console);
}

#[test]
fn the_connection_drops() {
    let mut console = restarting();
    console.hang_up();
    // Nothing to do without a terminal: no spinning while the run goes on.
    let before = console.processor_ticks();
    std::thread::sleep(std::time::Duration::from_secs(2));
    let spent = console.processor_ticks() - before;
    assert!(spent <= 20, "{spent} ticks of 10 ms in 2 s");
    finishes(console);
}
