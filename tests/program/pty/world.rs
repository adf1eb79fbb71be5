//! A home with one service whose restart takes as long as the test wants, and subcommands to
//! inspect it.

use std::path::Path;
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;

/// A fresh home whose store knows the service `web` in `dev`. Restarting it leaves the file
/// `begun`, prints the file `says` if there is one, waits for the file `go`, and leaves the file
/// `finished`.
pub fn home() -> TempDir {
    let home = TempDir::new().unwrap();
    let stack = home.path().join("stack.toml");
    std::fs::write(&stack, text(home.path())).unwrap();
    opsroom(home.path(), &["apply", "--yes", stack.to_str().unwrap()]);
    home
}

/// Runs a subcommand in this home; it must succeed.
#[track_caller]
pub fn opsroom(home: &Path, args: &[&str]) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_opsroom"));
    command
        .args(args)
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default());
    for (name, folder) in super::harness::FOLDERS {
        command.env(name, home.join(folder));
    }
    let output = command.output().unwrap();
    assert!(
        output.status.success(),
        "{args:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap()
}

/// All runs in the store, newest first.
pub fn runs(home: &Path) -> Vec<Value> {
    serde_json::from_str(&opsroom(home, &["runs", "--json"])).unwrap()
}

fn text(home: &Path) -> String {
    let file = |name: &str| home.join(name).display().to_string();
    let (begun, go, finished, says) = (file("begun"), file("go"), file("finished"), file("says"));
    format!(
        r#"
workspace = "pty"
timezone = "UTC"

[[environment]]
name = "dev"

[[service]]
name = "web"
environments = ["dev"]

[[service.action]]
do = "restart"
shell = "echo begun; touch {begun}; if test -e {says}; then cat {says}; fi; while ! test -e {go}; do sleep 0.05; done; touch {finished}; echo finished"
"#
    )
}
