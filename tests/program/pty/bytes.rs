//! Bytes on the wire: none when nothing changes, few for a key, whole frames only.

use std::thread;
use std::time::Duration;

use super::harness::Setup;

#[test]
fn an_idle_console_writes_nothing_and_sleeps() {
    let mut console = Setup::empty().start();
    console.home_screen();
    console.wait_for("opsroom apply"); // the store has been made and read
    console.settle(Duration::from_secs(1));
    // The clock shows minutes; it may change once in three seconds.
    let (mark, ticks, wakeups) = (
        console.count(),
        console.processor_ticks(),
        console.screen_wakeups(),
    );
    thread::sleep(Duration::from_secs(3));
    let (bytes, woke) = (
        console.bytes_since(mark),
        console.screen_wakeups() - wakeups,
    );
    assert!(
        bytes.len() <= 60 && bytes.matches("\x1b[?2026h").count() <= 1,
        "{bytes:?}"
    );
    assert!(console.processor_ticks() - ticks <= 3, "processor time");
    assert!(
        woke <= 2,
        "the screen's own threads woke {woke} times in 3 s"
    );
    console.send("q");
    assert_eq!(console.exit_restored(), 0);
}

#[test]
fn a_typed_letter_costs_little() {
    let mut console = Setup::empty().start();
    console.home_screen();
    console.wait_for("opsroom apply"); // the message of the new store
    console.send(":");
    console.send("che");
    console.wait_for(": che");
    console.settle(Duration::from_millis(300));
    let mark = console.count();
    console.send("z");
    console.wait_for(": chez");
    console.settle(Duration::from_millis(300));
    let bytes = console.bytes_since(mark);
    assert!(
        bytes.len() <= 800,
        "{} bytes for a letter and the message of the bar: {bytes:?}",
        bytes.len()
    );
    console.escape(": chez");
    console.send("q");
    assert_eq!(console.exit_restored(), 0);
}

#[test]
fn frames_are_whole_and_nothing_is_between_them() {
    let mut console = Setup::demo().start();
    console.home_screen();
    let mark = console.settle(Duration::from_millis(200));
    console.send("?");
    console.wait_for("Keys that work here");
    console.send("\x1b");
    console.wait_gone("Keys that work here");
    let repaint = console.count();
    console.send("\x0c");
    console.wait_bytes(repaint, "\x1b[2J");
    console.settle(Duration::from_millis(200));
    let bytes = console.bytes_since(mark);
    for frame in bytes.split_inclusive("\x1b[?2026l") {
        assert!(
            frame.starts_with("\x1b[?2026h"),
            "outside a frame: {frame:?}"
        );
        assert_eq!(frame.matches("\x1b[?2026h").count(), 1, "{frame:?}");
    }
    assert!(
        !bytes.contains("\x1b[6n") && !bytes.contains("\x1b[c"),
        "the terminal was queried"
    );
    console.send("q");
    assert_eq!(console.exit_restored(), 0);
}
