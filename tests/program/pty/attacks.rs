//! Hostile text on a real terminal: whatever a log holds, only the renderer's own escape sequences
//! reach the terminal, no character that hides or reorders others, and nothing panics. The cases
//! follow known collections: terminal test suites (every form of control sequence), strings that
//! break programs, and source code that reads differently from how it is displayed.

use std::time::Duration;

use tempfile::TempDir;

use super::harness::{Console, Setup};
use super::world;

const QUIET: Duration = Duration::from_millis(400);
/// The last line of each text, on screen only after paging through all of it.
const END: &str = "all attacks are over";

/// Sequences that a log must never send to the terminal it is read on.
const ATTACKS: &[&[u8]] = &[
    b"\x1b]52;c;ZXZpbA==\x07 clipboard",
    b"\x1b]0;title\x1b\\ title",
    b"\x1b[2J\x1b[H wiped",
    b"\x1b[6n\x1b[c\x1b[>q answers wanted",
    b"\x1bP+q544e\x1b\\ dcs",
    b"\x1b]8;;http://evil\x1b\\link\x1b]8;;\x1b\\",
    b"\x1b[?1049l\x1b[?2004h\x1bc modes",
    b"\x9b31m\x9d0;x\x9c bare C1",
    "\u{9b}31m \u{90}x\u{9c} C1 in UTF-8".as_bytes(),
    b"\xc0\x9b[31m overlong ESC \xe0\x80\x9b \xf0\x80\x80\x9b",
    b"\x1b[31mred without end",
    b"\x1b[38;5;1;48;2;1;2;3m\x1b[999999999999999999m numbers",
    b"half a sequence \x1b[",
    b"31m the other half",
    b"carriage\rreturn \x08\x08\x08 back \x0e\x0f shift \x07 bell \x00 nul \x7f",
    "\u{202e}desrever\u{202c} \u{2066}x\u{2069} \u{200b}\u{feff} bidi".as_bytes(),
    "\u{e0001}\u{e0041}\u{e007f} tags \u{fe0f} \u{e0100}".as_bytes(),
    "e\u{301}\u{302}\u{303}\u{304}\u{305}\u{306} marks \u{2028}\u{2029} ends".as_bytes(),
    b"\x1b_Gf=100;AAAA\x1b\\ kitty image \x1b^pm\x1b\\ \x1bXsos\x1b\\",
    b"\x1bPq#0;2;0;0;0~-\x1b\\ sixel \x1bP$qm\x1b\\ settings asked \x05 who are you",
    b"\x1b]1337;File=inline=1:AAAA\x07 \x1b]9;note\x07 \x1b]777;notify;a;b\x07 notifications",
    b"\x1b]11;?\x07 \x1b]4;1;?\x07 colours asked \x1b[21t title asked \x1b[8;1;1t resized \x1b[5i printed",
    b"\x1b#8 \x1b(0 lqk \x1b)0 \x1b[!p \x1b[?3h \x1b[999b charsets, resets, repeats",
    b"\x1b[?1003h\x1b[?1006h\x1b[>4;2m\x1b[=1u mouse and keyboard \x1b[1;1r\x1b[?6h margins \x1b7\x1b8",
    b"\x1b\x1b]0;nested \x1b[\x1b]52;c;eA==\x07 in one another \x90\x9b\x9d\x9e\x9f",
    "admin\u{430} homoglyph \u{61c}\u{200e}\u{200f}\u{2067}marks\u{2069} \u{1f1e6}\u{1f3fb}\u{200d}\u{fe0f} joined"
        .as_bytes(),
    "\u{301}\u{489}\u{20dd} first a mark, \u{e000}\u{10ffff} private, \u{fff9}a\u{fffb} \u{115f}\u{3164}\u{2800} blank"
        .as_bytes(),
    b"\x18\x1a cancel and substitute \x1b\x1b\x1b[A",
];

/// Strings that have broken programs; none of them is dangerous to a terminal.
const BREAKING: &[&str] = &[
    "%s%n%x{0}${HOME}$(reboot)`reboot` <script>alert(1)</script> ' OR 1=1 -- \\0 \\x1b[31m \\e[0m \\u001b[2J",
    "undefined null NaN -Infinity 1e999 0x7fffffffffffffff 99999999999999999999999999999999 ٠١٢ ½ ² Ⅷ",
    "T\u{337}\u{302}\u{301}\u{30a}\u{352}\u{32e}o\u{334}\u{313}\u{30c}\u{356} \u{489}\u{489}\u{489}i\u{327}\u{321}nvoke",
    "\u{5d1}\u{5b0}\u{5bc}\u{5e8}\u{5b5}\u{5d0} \u{645}\u{631}\u{62d}\u{628}\u{627} \u{200f}mixed 123\u{200e} \u{fdfd}\u{fdfa}",
    "\u{1f468}\u{200d}\u{1f469}\u{200d}\u{1f467}\u{200d}\u{1f466} \u{1f3f4}\u{e0067}\u{e0062}\u{e007f} \u{1f1fa}\u{1f1f8}\u{1f1f8} \u{1f44d}\u{1f3fd}\u{1f3fd} 1\u{fe0f}\u{20e3}",
    "\u{ff21}\u{ff22} \u{7530}\u{4e2d} \u{1100}\u{1161}\u{11a8} \u{d55c} \u{0e01}\u{0e47}\u{0e47}\u{0e47} \u{0c1c}\u{0c4d}\u{0c1e}\u{200c}\u{0c3e} \u{a9c5}\u{1242b}",
    "\u{feff}\u{fffe}\u{ffff}\u{fdd0} \u{2000}\u{2003}\u{3000}\u{00a0}\u{1680}\u{180e}\u{2060}\u{2061}\u{00ad}| \u{1d173}\u{1bca0}",
    "if admin\u{202e} \u{2066}// only for admins\u{2069} \u{2066}{ begin",
    "/* \u{202b}\u{202d} the rest is\u{2067}code\u{2068} */ \u{2069}\u{2069}\u{202c}\u{202c} return;",
    "let is\u{200b}Admin = \u{0430}dmin\u{2063}; // \u{2028}drop_everything(); \u{0085} \u{000b} \u{000c}",
];

/// Every form of control sequence: all final bytes with all markers and intermediates, all short
/// escapes, all strings, all C1 in both encodings, and invalid UTF-8.
fn forms() -> Vec<u8> {
    let mut text = Vec::new();
    let mut column = 0;
    let mut put = |piece: &[u8]| {
        text.extend_from_slice(piece);
        text.extend_from_slice(b". ");
        column += piece.len() + 2;
        if column > 90 {
            text.push(b'\n');
            column = 0;
        }
    };
    for marker in ["", "?", ">", "=", "<"] {
        for between in ["", " ", "!", "\"", "#", "$", "%", "&", "'", "*", "+"] {
            for last in b'@'..=b'~' {
                put(format!("\x1b[{marker}1;2{between}{}", char::from(last)).as_bytes());
            }
        }
    }
    for first in b' '..=b'~' {
        put(&[0x1b, first]);
        put(&[0x1b, b' ', first]);
        put(&[0x1b, b'(', first]);
    }
    for (begin, end) in [
        ("]", "\x07"),
        ("]", "\x1b\\"),
        ("]", "\u{9c}"),
        ("P", "\x1b\\"),
        ("_", "\x1b\\"),
        ("k", "\x1b\\"),
    ] {
        for number in [0, 1, 2, 4, 7, 8, 9, 10, 52, 99, 104, 133, 633, 777, 1337] {
            put(format!("\x1b{begin}{number};c;?{end}").as_bytes());
        }
    }
    put(b"\x1bPtmux;\x1b\x1b]52;c;eA==\x07\x1b\\");
    for c1 in 0x80..=0x9f_u8 {
        put(&[c1, b'2', b'J']);
        put(format!("{}2J", char::from(c1)).as_bytes());
    }
    for control in (0..b' ').filter(|c| *c != b'\n') {
        put(&[b'a', control, b'b']);
    }
    for broken in [
        &b"\x80\xbf"[..],
        b"\xc0\x80 \xc1\xbf",
        b"\xe0\x80\x9b[2J",
        b"\xf0\x80\x80\x9b[2J",
        b"\xf8\x80\x80\x80\x9b",
        b"\xfc\x80\x80\x80\x80\x9b",
        b"\xed\xa0\x80\xed\xb0\x80",
        b"\xf4\x90\x80\x80",
        b"\xe2\x82",
        b"\xf0\x9f\x98",
        b"\xfe\xff\xff\xfe",
        b"\xc2\x1b[2J",
        b"\xe2\x1b]0;x\x07",
    ] {
        put(broken);
    }
    text
}

fn everything() -> Vec<u8> {
    let mut text = Vec::new();
    for attack in ATTACKS
        .iter()
        .copied()
        .chain(BREAKING.iter().map(|text| text.as_bytes()))
    {
        text.extend_from_slice(attack);
        text.push(b'\n');
    }
    text.extend(forms());
    // Long enough to be visible at every horizontal scroll position.
    text.extend_from_slice(format!("\n{}\n", format!("{END} ").repeat(6)).as_bytes());
    text
}

/// Pages through all of it from the top.
fn page_through(console: &Console) {
    console.send("g");
    console.settle(QUIET);
    for _ in 0..200 {
        if console.contents().contains(END) {
            return;
        }
        console.send(" ");
        console.settle(Duration::from_millis(60));
    }
    panic!("never at the end:\n{}", console.contents());
}

/// Checks that only our renderer wrote escape sequences.
#[track_caller]
fn assert_clean(console: &Console) {
    let wire = console.bytes_since(0);
    for sequence in sequences(&wire) {
        assert!(is_ours(&sequence), "{sequence:?} was sent");
    }
    let strange = wire.chars().find(|c| {
        (c.is_control() && !matches!(c, '\x1b' | '\r' | '\n'))
            || matches!(*c, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{e0000}'..='\u{e0fff}')
    });
    assert_eq!(strange, None);
    // The renderer enters and leaves the screen once; a log has not done so.
    assert_eq!(
        wire.matches("\x1b[?1049l").count(),
        0,
        "the screen was left"
    );
    assert_eq!(wire.matches("\x1b[?1049h").count(), 1);
}

#[test]
fn no_escape_reaches_the_terminal_that_is_not_ours() {
    let home = TempDir::new().unwrap();
    std::fs::write(home.path().join("app.log"), everything()).unwrap();
    let mut console = Setup::new(&["log", "./app.log"])
        .size(120, 40)
        .start_in(home);
    console.wait_for("1 of ");
    // Plain, with the colours of the lines, wrapped, scrolled sideways.
    for keys in ["", "C", "z", "z\x1b[C\x1b[C"] {
        console.send(keys);
        page_through(&console);
    }
    console.send("\r");
    console.wait_for("Record at line");
    console.send("\x1b");
    console.wait_gone("Record at line");
    console.send("/");
    console.wait_for("search:");
    console.send("e");
    console.wait_for("search: e");
    console.send("\r");
    console.wait_for("/e: ");
    page_through(&console);
    assert_clean(&console);
    console.send("q");
    assert_eq!(console.exit_restored(), 0);
}

#[test]
fn command_output_is_harmless_in_every_pane() {
    let home = world::home();
    std::fs::write(home.path().join("go"), "").unwrap();
    std::fs::write(home.path().join("says"), everything()).unwrap();
    world::opsroom(home.path(), &["run", "restart web in dev", "--yes"]);
    let mut console = Setup::new(&[]).size(140, 40).start_in(home);
    console.home_screen();
    console.send("3");
    console.wait_for("ended");
    page_through(&console);
    console.send("C");
    page_through(&console);
    console.send("\r");
    console.wait_for("Steps");
    page_through(&console);
    console.send("f");
    console.wait_for("log of run #1");
    page_through(&console);
    console.send("k\r");
    console.wait_for("Record at line");
    assert_clean(&console);
    console.send("\x1b");
    console.wait_gone("Record at line");
    console.send("q");
    console.wait_for("Steps");
    console.send("q");
    console.wait_gone("Steps");
    console.send("q");
    assert_eq!(console.exit_restored(), 0);
}

/// Every escape sequence on the wire.
fn sequences(wire: &str) -> Vec<String> {
    let starts = wire.split('\x1b').skip(1);
    let ends = |rest: &str| match rest.strip_prefix('[') {
        None if rest.starts_with(']') => rest.len(),
        Some(body) => body
            .find(|c: char| ('@'..='~').contains(&c))
            .map_or(rest.len(), |at| at + 2),
        None => rest.chars().next().map_or(0, char::len_utf8),
    };
    starts.map(|rest| rest[..ends(rest)].to_owned()).collect()
}

/// Whether our renderer writes it: cursor, styles, clearing, margins, modes set and reset, the title.
fn is_ours(sequence: &str) -> bool {
    let Some(body) = sequence.strip_prefix('[') else {
        return matches!(sequence, "M" | "\\") || sequence.starts_with("]2;opsroom ");
    };
    let (parameters, last) = body.split_at(body.len() - 1);
    let plain = parameters.chars().all(|c| c.is_ascii_digit() || c == ';');
    let modes = [
        "1049", "2026", "1000", "1002", "1003", "1005", "1006", "1015", "2004", "1004", "25",
    ];
    match last {
        "H" | "C" | "m" | "r" => plain,
        "J" => parameters == "2",
        "n" => parameters == "5",
        "t" => parameters == "22;0",
        "h" | "l" => parameters
            .strip_prefix('?')
            .is_some_and(|mode| modes.contains(&mode)),
        _ => false,
    }
}
