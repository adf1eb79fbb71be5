//! Panics: on the screen's thread the terminal is restored; elsewhere the screen reports it.

use super::harness::Setup;

#[test]
fn in_the_screen() {
    let mut console = Setup::demo().env("OPSROOM_TEST_PANIC", "ui").start();
    console.home_screen();
    console.send("x");
    assert_eq!(console.exit_restored(), 101);
    let stderr = console.stderr();
    assert_eq!(stderr.lines().count(), 1, "{stderr}");
    assert!(
        stderr.contains("internal error") && stderr.contains("asked to panic in the screen's code"),
        "{stderr}"
    );
}

#[test]
fn in_a_task() {
    let mut console = Setup::demo().env("OPSROOM_TEST_PANIC", "worker").start();
    console.home_screen();
    let mark = console.count();
    console.send("x");
    console.wait_for("asked to panic in a task");
    assert!(console.on_alternate_screen());
    assert!(
        !console.bytes_since(mark).contains("\x1b[?1049"),
        "the screen was not torn down"
    );
    assert_eq!(console.stderr(), "", "fd 2 is the user's");
    console.send("q");
    assert_eq!(console.exit_restored(), 0);
}
