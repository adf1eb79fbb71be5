//! Pasted text is only text: on a screen without a text field it does nothing, in the command bar
//! it runs nothing. Keys typed while the network stalls also arrive in one read: they open the line
//! they begin with, and Enter among them submits nothing.

use std::time::Duration;

use super::harness::{Console, Setup};
use super::world;

/// A runbook copied from a wiki: every line would do something if it were typed.
const RUNBOOK: &str = "# Restart web\r\n:restart web in dev\r\ny\r\n\r\nrestart web in dev\r\ny\r\n```sh\r\nq\r\n```\r\nq\r\nq\r\n";

fn pasted(into: &str, begin: &str, end: &str) {
    let mut console = Setup::empty().start_in(world::home());
    console.home_screen();
    console.wait_for("web");
    console.send(into);
    console.settle(Duration::from_millis(300));
    console.send(format!("{begin}{RUNBOOK}{end}"));
    console.settle(Duration::from_millis(500));
    assert!(console.on_alternate_screen(), "a pasted q is not a q");
    leave(&mut console);
    assert!(!console.path("begun").exists(), "nothing was restarted");
    assert_eq!(
        world::runs(&console.path("")),
        Vec::<serde_json::Value>::new()
    );
}

/// Closes what the paste opened, then quits.
fn leave(console: &mut Console) {
    for _ in 0..4 {
        console.send("\x1b");
        console.settle(Duration::from_millis(300));
    }
    console.send("q");
    assert_eq!(console.exit_restored(), 0);
}

#[test]
fn a_runbook_pasted_outside_a_field() {
    pasted("", "\x1b[200~", "\x1b[201~");
}

#[test]
fn a_runbook_pasted_outside_a_field_without_brackets() {
    pasted("", "", "");
}

#[test]
fn a_runbook_pasted_into_the_command_bar() {
    pasted(":", "\x1b[200~", "\x1b[201~");
}

#[test]
fn a_runbook_pasted_into_the_command_bar_without_brackets() {
    pasted(":", "", "");
}

fn at_home() -> Console {
    let console = Setup::empty().start_in(world::home());
    console.home_screen();
    console.wait_for("web");
    // The names of the stack are read beside the first screen.
    console.send(":services");
    console.wait_for("→ services");
    console.send("\x1b");
    console.wait_for("type a command");
    console
}

#[test]
fn a_line_typed_during_a_stall_is_in_the_bar_and_waits_for_enter() {
    let mut console = at_home();
    console.send(":services\r");
    console.wait_for("press it again");
    assert!(
        console.contents().contains(": services"),
        "{}",
        console.contents()
    );
    console.send("\r");
    console.wait_for("type a command");
    console.send(":restart web in dev\ry\r");
    console.wait_for("press it again");
    assert!(
        console.contents().contains(": restart web in dev"),
        "{}",
        console.contents()
    );
    assert!(
        !console.contents().contains("Start"),
        "no plan card: Enter was not taken\n{}",
        console.contents()
    );
    leave(&mut console);
    assert!(!console.path("begun").exists(), "nothing was restarted");
    assert_eq!(
        world::runs(&console.path("")),
        Vec::<serde_json::Value>::new()
    );
}

#[test]
fn a_search_typed_during_a_stall_is_a_search() {
    let mut console = at_home();
    console.send("/billing worker\r");
    console.wait_for("press it again");
    assert!(
        console.contents().contains("billing worker"),
        "{}",
        console.contents()
    );
    leave(&mut console);
}

#[test]
fn any_other_burst_is_ignored_and_quoted() {
    let mut console = at_home();
    console.send("restart web in dev\ry\rqqq");
    console.wait_for("ignored 24 characters");
    assert!(
        console.contents().contains("\"restart web in dev"),
        "{}",
        console.contents()
    );
    assert!(console.on_alternate_screen(), "none of it was a key");
    leave(&mut console);
    assert!(!console.path("begun").exists(), "nothing was restarted");
}
