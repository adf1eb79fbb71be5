//! A lost terminal loses nothing: the run goes on without a screen and is complete in the store.

use std::thread;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use super::harness::{Console, Setup, limit};
use super::world;

/// A console with the restart of `web` under way.
fn restarting() -> Console {
    let console = Setup::empty().start_in(world::home());
    console.home_screen();
    console.wait_for("web");
    console.send(":");
    // `:` and the text in one read would be taken for a paste.
    console.settle(Duration::from_millis(200));
    console.send("restart web in dev");
    console.wait_for("restart web in dev");
    console.send("\r");
    console.wait_for("Start");
    console.send("y");
    console.send("\r");
    let until = Instant::now() + limit();
    while !console.path("begun").exists() {
        assert!(
            Instant::now() < until,
            "never started; the screen:\n{}",
            console.contents()
        );
        thread::sleep(Duration::from_millis(5));
    }
    console
}

/// Lets the run go on and checks that the process finishes it without a screen.
fn finishes(mut console: Console) {
    std::fs::write(console.path("go"), "").unwrap();
    console.exit();
    assert!(console.path("finished").exists());
    let home = console.path("");
    let runs = world::runs(&home);
    assert_eq!(
        (runs.len(), &runs[0]["status"]),
        (1, &"succeeded".into()),
        "{runs:?}"
    );
    let log = world::opsroom(&home, &["log", &runs[0]["id"].to_string()]);
    for word in ["begun", "finished"] {
        let lines = log.lines().filter(|line| line.ends_with(word)).count();
        assert_eq!(lines, 1, "{word} is there once:\n{log}");
    }
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
    thread::sleep(Duration::from_secs(2));
    let spent = console.processor_ticks() - before;
    assert!(spent <= 20, "{spent} ticks of 10 ms in 2 s");
    finishes(console);
}
