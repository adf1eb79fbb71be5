//! One key is one key, however slow the link and wherever it is cut.

use std::time::Duration;

use super::harness::{Console, Setup};

/// Types into the command bar, moves with the key in pieces, types on: only if the key arrived as itself, and nothing
/// else did, does the line read as wanted.
fn check(console: &Console, key: &[u8], wanted: &str) {
    for gap in [5, 30, 120].map(Duration::from_millis) {
        for cut in 1..=key.len() {
            let mut pieces = vec![&key[..cut], &key[cut..]];
            if cut == key.len() {
                pieces = key.chunks(1).collect();
            }
            console.send(":");
            console.send("ab");
            console.wait_for("ab");
            console.send_split(pieces, gap);
            console.send("Z");
            console.wait_for(wanted);
            console.send("\x1b");
            console.wait_gone(wanted);
        }
    }
}

#[test]
fn cursor_keys_in_pieces() {
    let mut console = Setup::empty().start();
    console.home_screen();
    for (key, wanted) in [
        (&b"\x1b[D"[..], "aZb"),
        (b"\x1bOD", "aZb"),
        (b"\x1b[H", "Zab"),
        (b"\x1b[1~", "Zab"),
        (b"\x1b[I", "abZ"),
        (b"\x1b[99~", "abZ"),
        (b"\xc3\xa9", "ab\u{e9}Z"),
        (b"\xe2\x82\xac", "ab\u{20ac}Z"),
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
        console.send("ab");
        console.wait_for("ab");
        console.send(cut);
        std::thread::sleep(Duration::from_millis(600));
        console.send("Z");
        console.wait_for("abZ");
        console.send("\x1b");
        console.wait_gone("abZ");
    }
    console.send("q");
    assert_eq!(console.exit_restored(), 0);
}
