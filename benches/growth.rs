//! How long people wait in homes of all sizes: subcommands, the first screen, keys. `cargo bench
//! --bench growth -- [SERVICES,… [RUNS [RUNBOOKS]]]` makes the homes in a folder of its own (by
//! default 50, 500, 2,000 and 10,000 services with a day of results, 1,000 runs; 500 runbooks),
//! measures the built program, and prints what grew since the figures kept in
//! `benches/growth.csv`. `OPSROOM_BLESS=1` keeps those of now.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a bench prints its figures"
)]

#[expect(dead_code, reason = "the tests use the rest of it")]
#[path = "../tests/program/pty/harness.rs"]
mod harness;
#[path = "../tests/program/pty/line.rs"]
mod line;
#[path = "growth/stores.rs"]
mod stores;

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use harness::{Console, FOLDERS, Setup};
use tempfile::TempDir;

/// How often a subcommand or a console is started; how often a key is pressed.
const STARTS: usize = 9;
const PRESSES: usize = 40;
/// How much more than the kept figure is reported.
const GREW: f64 = 1.25;
const KEPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/growth.csv");

/// Milliseconds by what was measured.
type Figures = BTreeMap<String, f64>;

#[tokio::main]
async fn main() {
    // `cargo bench` adds a flag of its own.
    let args: Vec<String> = std::env::args()
        .skip(1)
        .filter(|a| !a.starts_with("--"))
        .collect();
    let sizes = args.first().map_or("50,500,2000,10000", String::as_str);
    let number = |at: usize, usual| args.get(at).map_or(usual, |n: &String| n.parse().unwrap());
    let (runs, runbooks) = (number(1, 1000), number(2, 500));
    let mut figures = Figures::new();
    for size in sizes.split(',') {
        let home = TempDir::new().unwrap();
        let services = size.parse().expect("a number of services");
        stores::make(home.path(), services, runs).await.unwrap();
        let of = format!("{services:>6} services");
        subcommands(home.path(), &of, &mut figures);
        let home = first_screens(home, &of, &mut figures);
        keys(home, &of, &mut figures);
    }
    let home = TempDir::new().unwrap();
    stores::make(home.path(), 50, 100).await.unwrap();
    stores::runbooks(home.path(), runbooks).unwrap();
    let of = format!("{runbooks:>6} runbooks");
    subcommands(home.path(), &of, &mut figures);
    first_screens(home, &of, &mut figures);
    report(&figures);
}

fn subcommands(home: &Path, of: &str, figures: &mut Figures) {
    let commands: [(&str, &[&str]); 4] = [
        ("parse", &["parse", "deploy web-00000 to prod"]),
        ("services", &["services"]),
        ("health", &["health"]),
        ("runs", &["runs"]),
    ];
    for (name, args) in commands {
        let took = (0..STARTS).map(|_| start(home, args)).collect();
        figures.insert(format!("{of}: {name}"), median(took));
    }
}

/// A start of a subcommand in a home until it has ended.
fn start(home: &Path, args: &[&str]) -> Duration {
    let mut command = Command::new(env!("CARGO_BIN_EXE_opsroom"));
    command.args(args).env_clear().current_dir(home);
    for (name, folder) in FOLDERS {
        command.env(name, home.join(folder));
    }
    command.stdout(Stdio::null()).stderr(Stdio::null());
    let began = Instant::now();
    let ended = command.status().unwrap();
    assert!(ended.success(), "{args:?}: {ended}");
    began.elapsed()
}

/// Read only: what the engine of a console does is no part of these figures.
fn console(home: TempDir) -> Console {
    Setup::new(&["--read-only"]).size(160, 45).start_in(home)
}

/// From the start of a console until services are on screen.
fn first_screens(home: TempDir, of: &str, figures: &mut Figures) -> TempDir {
    let (mut home, mut took) = (home, Vec::new());
    for _ in 0..STARTS {
        let began = Instant::now();
        let console = console(home);
        console.wait_for("web-00000");
        took.push(began.elapsed());
        console.settle(Duration::from_millis(150));
        home = console.leave();
    }
    figures.insert(format!("{of}: home with services"), median(took));
    home
}

/// From a key until the screen changes, p95.
fn keys(home: TempDir, of: &str, figures: &mut Figures) {
    let console = console(home);
    console.wait_for("web-00000");
    console.settle(Duration::from_millis(300));
    let moves = ["j", "j", "k"].iter().cycle().take(PRESSES);
    let took = moves.map(|key| pressed(&console, key)).collect();
    figures.insert(format!("{of}: j and k at home, p95"), p95(took));
    console.send("/");
    console.settle(Duration::from_millis(100));
    let letters = ["w", "e", "b", "\x7f", "\x7f", "\x7f"].iter().cycle();
    let took = letters
        .take(PRESSES)
        .map(|key| pressed(&console, key))
        .collect();
    figures.insert(format!("{of}: a letter in the filter, p95"), p95(took));
    console.escape("/");
    console.send(":");
    console.settle(Duration::from_millis(100));
    let line = "deploy web-00000 to prod then check staging";
    let took = line
        .chars()
        .map(|letter| pressed(&console, &letter.to_string()))
        .collect();
    figures.insert(format!("{of}: a letter in the bar, p95"), p95(took));
}

/// The time until something is painted, from a screen at rest.
fn pressed(console: &Console, key: &str) -> Duration {
    let mark = console.settle(Duration::from_millis(30));
    let began = Instant::now();
    console.send(key);
    while console.count() == mark {
        assert!(began.elapsed() < harness::limit(), "{key:?} paints nothing");
        std::thread::sleep(Duration::from_micros(50));
    }
    began.elapsed()
}

fn sorted(mut took: Vec<Duration>) -> Vec<f64> {
    took.sort();
    took.iter().map(|t| t.as_secs_f64() * 1000.0).collect()
}

fn median(took: Vec<Duration>) -> f64 {
    let took = sorted(took);
    took[took.len() / 2]
}

fn p95(took: Vec<Duration>) -> f64 {
    let took = sorted(took);
    took[took.len() * 95 / 100]
}

/// Prints the figures beside those that are kept.
fn report(figures: &Figures) {
    let kept = std::fs::read_to_string(KEPT).unwrap_or_default();
    let kept: BTreeMap<&str, f64> = kept
        .lines()
        .filter_map(|line| {
            let (what, ms) = line.rsplit_once(',')?;
            Some((what, ms.parse().ok()?))
        })
        .collect();
    for (what, ms) in figures {
        let before = kept.get(what.as_str());
        let grew = before.is_some_and(|before| *ms > before * GREW && *ms > before + 1.0);
        let before = before.map_or_else(|| "–".to_owned(), |before| format!("{before:.1}"));
        let mark = if grew { "  GREW" } else { "" };
        println!("{what:<48} {ms:>8.1} ms   kept {before:>8}{mark}");
    }
    if std::env::var_os("OPSROOM_BLESS").is_some() {
        let lines = figures.iter().map(|(what, ms)| format!("{what},{ms:.1}\n"));
        std::fs::write(KEPT, lines.collect::<String>()).unwrap();
    }
}
