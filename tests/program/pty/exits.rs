//! Every way to exit restores the terminal exactly.

use std::thread;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use super::harness::{Console, Setup};

fn demo() -> Console {
    let console = Setup::demo().start();
    console.home_screen();
    assert!(console.on_alternate_screen());
    assert_ne!(&console.modes(), console.modes_before());
    console
}

#[test]
fn quit_key() {
    let mut console = demo();
    console.send("q");
    assert_eq!(console.exit_restored(), 0);
    assert_eq!(console.stderr(), "", "fd 2 is the user's");
}

#[test]
fn terminating_signals() {
    for signal in [Signal::TERM, Signal::INT, Signal::QUIT] {
        let mut console = demo();
        console.signal(signal);
        assert_eq!(console.exit_restored(), 128 + signal.as_raw());
    }
}

#[test]
fn a_hang_up_signal_with_the_terminal_still_there() {
    let mut console = demo();
    console.signal(Signal::HUP);
    console.exit_restored();
}

#[test]
fn suspended_and_continued() {
    for by_key in [true, false] {
        let mut console = demo();
        for _ in 0..2 {
            if by_key {
                console.send("\x1a");
            } else {
                console.signal(Signal::TSTP);
            }
            console.wait_stopped();
            console.assert_restored();
            let mark = console.count();
            console.resize(100, 30);
            console.signal(Signal::CONT);
            console.wait_bytes(mark, "\x1b[?1049h");
            console.home_screen();
            assert!(console.on_alternate_screen());
            assert_ne!(&console.modes(), console.modes_before());
        }
        console.send("q");
        assert_eq!(console.exit_restored(), 0);
    }
}

#[test]
fn the_mouse_and_the_title_are_given_back_and_taken_again() {
    let mut console = Setup::demo().env("OPSROOM_MOUSE", "true").start();
    console.home_screen();
    console.wait_bytes(0, "\x1b[?1000h\x1b[?1006h");
    console.wait_bytes(0, "\x1b]2;opsroom acme SIMULATED");
    console.send("\x1a");
    console.wait_stopped();
    console.assert_restored();
    let mark = console.count();
    console.signal(Signal::CONT);
    console.wait_bytes(mark, "\x1b[?1000h\x1b[?1006h");
    console.wait_bytes(mark, "\x1b[22;0t\x1b]2;opsroom acme SIMULATED");
    console.signal(Signal::TERM);
    assert_eq!(console.exit_restored(), 128 + Signal::TERM.as_raw());
}

#[test]
fn stopped_by_another_process_and_continued() {
    let mut console = demo();
    console.signal(Signal::STOP);
    console.wait_stopped();
    let mark = console.count();
    console.signal(Signal::CONT);
    console.wait_bytes(mark, "\x1b[?1049h");
    console.wait_bytes(mark, "opsroom");
    console.send("q");
    assert_eq!(console.exit_restored(), 0);
}

#[test]
fn terminated_while_stopped() {
    let mut console = demo();
    console.send("\x1a");
    console.wait_stopped();
    console.signal(Signal::TERM);
    console.signal(Signal::CONT);
    console.exit_restored();
}

#[test]
fn the_terminal_goes_away() {
    let mut console = demo();
    console.hang_up();
    let started = Instant::now();
    console.exit();
    assert!(
        started.elapsed() < Duration::from_secs(5),
        "without an active run nothing keeps it"
    );
}

/// With HUP ignored only failing reads and polls show the loss. crossterm's reader spins here.
#[test]
fn the_terminal_goes_away_without_a_signal() {
    let mut console = Setup::demo()
        .through_shell("trap '' HUP; \"$@\"; exit $?")
        .start();
    console.home_screen();
    console.hang_up();
    console.exit();
}

#[test]
fn a_terminal_that_takes_no_output_does_not_block_the_exit() {
    let mut console = demo();
    console.stop_reading();
    // Full repaints until the terminal's buffer is surely full, then leave.
    for _ in 0..200 {
        console.send("\x0c");
        thread::sleep(Duration::from_millis(2));
    }
    console.send("q");
    console.exit();
    assert_eq!(&console.modes(), console.modes_before());
}
