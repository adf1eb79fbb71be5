//! One key is one key, however slow the link and wherever it is cut.

use std::time::Duration;

use super::harness::{Console, Setup};

/// Types into the command bar, sends the key in pieces, types on: the line is as wanted only if
/// exactly that key arrived.
fn check(console: &Console, key: &[u8], wanted: &str) {
    for gap in [5, 30, 120].map(Duration::from_millis) {
        for cut in 1..=key.len() {
            let mut pieces = vec![&key[..cut], &key[cut..]];
            if cut == key.len() {
                pieces = key.chunks(1).collect();
            }
            while !once(console, &pieces, gap, wanted) {}
        }
    }
}

/// False when the gaps grew too long: the console is back at home, for another try.
fn once(console: &Console, pieces: &[&[u8]], gap: Duration, wanted: &str) -> bool {
    console.send(":");
    console.send("vw");
    console.wait_for("vw");
    if !console.send_split(pieces.iter().copied(), gap) {
        console.send("\x1b");
        console.wait_gone("vw");
        return false;
    }
    console.send("Z");
    console.wait_for(wanted);
    console.escape(wanted);
    true
}

#[test]
fn cursor_keys_in_pieces() {
    let mut console = Setup::empty().start();
    console.home_screen();
    for (key, wanted) in [
        (&b"\x1b[D"[..], "vZw"),
        (b"\x1bOD", "vZw"),
        (b"\x1b[H", "Zvw"),
        (b"\x1b[1~", "Zvw"),
        (b"\x1b[I", "vwZ"),
        (b"\x1b[99~", "vwZ"),
        (b"\xc3\xa9", "vw\u{e9}Z"),
        (b"\xe2\x82\xac", "vw\u{20ac}Z"),
    ] {
        check(&console, key, wanted);
    }
    console.send("q");
    assert_eq!(console.exit_restored(), 0);
}

#[test]
fn a_sequence_cut_off_types_nothing() {
    let mut console = Setup::empty().start();
    console.home_screen();
    for cut in [&b"\x1b[1;5"[..], b"\x1bO", b"\xe2\x82", b"\x1b]0;q"] {
        console.send(":");
        console.send("vw");
        console.wait_for("vw");
        console.send(cut);
        std::thread::sleep(Duration::from_millis(600));
        console.send("Z");
        console.wait_for("vwZ");
        console.escape("vwZ");
    }
    console.send("q");
    assert_eq!(console.exit_restored(), 0);
}

#[test]
fn a_function_key_in_pieces_opens_the_help_and_escape_alone_closes_it() {
    let mut console = Setup::empty().start();
    console.home_screen();
    for gap in [5, 30, 120].map(Duration::from_millis) {
        for key in [&b"\x1bOP"[..], b"\x1b[11~", b"\x1b[[A"] {
            while !console.send_split(key.chunks(1), gap) {
                console.send("\x1b");
                console.wait_gone("Keys that work here");
            }
            console.wait_for("Keys that work here");
            console.send("\x1b");
            console.wait_gone("Keys that work here");
        }
    }
    console.send("q");
    assert_eq!(console.exit_restored(), 0);
}

#[test]
fn ctrl_c_drops_what_is_typed_and_ends_nothing() {
    let mut console = Setup::empty().start();
    console.home_screen();
    console.send(":");
    console.send("vw");
    console.wait_for("vw");
    console.send("\x03");
    console.wait_gone("vw");
    assert!(console.on_alternate_screen());
    console.send("q");
    assert_eq!(console.exit_restored(), 0);
}
