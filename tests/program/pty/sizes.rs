//! Any size, in any order. `TestBackend` tests every size of every screen; here: real signals and
//! few repaints.

use std::thread;
use std::time::Duration;

use super::harness::Setup;

#[test]
fn any_size_is_survived() {
    let mut console = Setup::demo().start();
    console.home_screen();
    let sizes = [
        (1, 1),
        (200, 50),
        (2, 1),
        (1, 50),
        (200, 1),
        (79, 23),
        (40, 10),
        (20, 3),
        (81, 25),
        (3, 3),
        (120, 40),
    ];
    for (columns, rows) in sizes {
        let mark = console.count();
        console.resize(columns, rows);
        console.wait_bytes(mark, "\x1b[2J");
    }
    console.resize(80, 24);
    console.home_screen();
    console.send("q");
    assert_eq!(console.exit_restored(), 0);
}

#[test]
fn starts_in_any_size() {
    for (columns, rows) in [(1, 1), (10, 2), (200, 50), (500, 200)] {
        let mut console = Setup::demo().size(columns, rows).start();
        console.wait_bytes(0, "\x1b[?2026l");
        console.send("q");
        assert_eq!(console.exit_restored(), 0);
    }
}

/// Dragging a window's edge: a hundred resizes in a second cause few repaints.
#[test]
fn a_burst_of_resizes_causes_few_repaints() {
    let mut console = Setup::empty().start();
    console.home_screen();
    console.settle(Duration::from_millis(300));
    let mark = console.count();
    for step in 0..100 {
        console.resize(80 + step % 7, 24 + step % 5);
        thread::sleep(Duration::from_millis(10));
    }
    console.resize(90, 30);
    console.settle(Duration::from_millis(300));
    let repaints = console.bytes_since(mark).matches("\x1b[2J").count();
    assert!((1..=15).contains(&repaints), "{repaints} repaints");
    console.home_screen();
    console.send("q");
    assert_eq!(console.exit_restored(), 0);
}
