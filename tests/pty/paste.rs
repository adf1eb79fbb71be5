//! Pasted text is text. On a screen without a text field it does nothing; in the command bar it runs nothing.

use std::time::Duration;

use super::harness::{Console, Setup};

const RUNBOOK: &str =
    "# Restart web\r\n:deploy web to prod\r\nprod\r\ny\r\n```sh\r\nsystemctl restart web\r\n```\r\nq\r\nq\r\n";

/// Nothing was run or left: the console is still there, and no run beyond what stood there before.
fn nothing_ran(console: &Console) {
    console.settle(Duration::from_millis(300));
    let screen = console.contents();
    assert!(console.on_alternate_screen(), "a pasted q is not a q");
    for word in ["deploy web", "Run #", "queued", "running"] {
        assert!(!screen.contains(word) || screen.contains(": "), "{word:?} in\n{screen}");
    }
}

#[test]
fn a_runbook_pasted_outside_a_field() {
    for (begin, end) in [("\x1b[200~", "\x1b[201~"), ("", "")] {
        let mut console = Setup::empty().start();
        console.home_screen();
        console.send(format!("{begin}{RUNBOOK}{end}"));
        nothing_ran(&console);
        console.send("q");
        assert_eq!(console.exit_restored(), 0, "bracketed: {}", !begin.is_empty());
    }
}

#[test]
fn a_runbook_pasted_into_the_command_bar() {
    for (begin, end) in [("\x1b[200~", "\x1b[201~"), ("", "")] {
        let mut console = Setup::empty().start();
        console.home_screen();
        console.send(":");
        console.settle(Duration::from_millis(200));
        console.send(format!("{begin}{RUNBOOK}{end}"));
        nothing_ran(&console);
        // Esc for whatever the field offers, Esc for the bar.
        for _ in 0..3 {
            console.send("\x1b");
            console.settle(Duration::from_millis(300));
        }
        console.send("q");
        assert_eq!(console.exit_restored(), 0, "bracketed: {}", !begin.is_empty());
    }
}
