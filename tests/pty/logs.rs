//! Log files in the viewer, on a real terminal: keys, growth, standard input, hostile bytes, what scrolling costs.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::time::Duration;

use tempfile::TempDir;

use super::harness::{Console, Setup};

const QUIET: Duration = Duration::from_millis(400);

fn home(text: impl AsRef<[u8]>) -> TempDir {
    let home = TempDir::new().unwrap();
    std::fs::write(home.path().join("app.log"), text).unwrap();
    home
}

fn numbered(count: usize) -> String {
    let word = |n: usize| if n % 50 == 7 { "ERROR" } else { "INFO" };
    (0..count).map(|n| format!("2026-11-21T09:00:00Z {} line number {n}, of which there are some\n", word(n))).collect()
}

fn view(home: TempDir) -> Console {
    Setup::new(&["log", "./app.log"]).size(100, 20).start_in(home)
}

#[test]
fn a_file_is_read_searched_filtered_and_left_clean() {
    let mut console = view(home(numbered(3000)));
    console.wait_for("1 of 3000");
    console.send("G");
    console.wait_for("line number 2999");
    console.wait_for("following");
    console.send("e");
    console.wait_for("on at the top");
    console.wait_for("line number 7,");
    console.send("/");
    console.wait_for("search:");
    for c in "number 2[05]7,".chars() {
        console.send(c.to_string());
    }
    console.wait_for("number 2[05]7,");
    console.send("\r");
    console.wait_for("1 of 2");
    console.send("n");
    console.wait_for("2 of 2");
    console.send("&");
    console.wait_for("show only:");
    console.send("7");
    console.wait_for("show only: 7");
    console.send("\r");
    console.wait_for("hidden");
    assert!(console.contents().contains("line number 257,"), "the place is kept:\n{}", console.contents());
    console.send("\r");
    console.wait_for("Record at line");
    console.wait_for("text with time");
    console.send("\x1b");
    console.wait_gone("Record at line");
    console.send("q");
    assert_eq!(console.exit_restored(), 0);
}

#[test]
fn growth_is_followed_and_a_pause_is_safe() {
    let mut console = view(home(numbered(100)));
    console.wait_for("1 of 100");
    let mut file = OpenOptions::new().append(true).open(console.path("app.log")).unwrap();
    console.send("G");
    console.wait_for("following");
    writeln!(file, "first of the new").unwrap();
    console.wait_for("first of the new");
    console.send("k");
    console.wait_gone("following");
    file.write_all(numbered(40).as_bytes()).unwrap();
    console.wait_for("40 new");
    assert!(console.contents().contains("first of the new"));
    std::fs::write(console.path("app.log"), "all anew\n").unwrap();
    console.wait_for("truncated");
    console.wait_for("all anew");
    console.send("q");
    assert_eq!(console.exit_restored(), 0);
}

#[test]
fn standard_input_is_a_log_and_keys_still_work() {
    let script = r#"(seq 1 500; sleep 0.3; echo the end) | "$@""#;
    let mut console = Setup::new(&["log", "-"]).through_shell(script).size(80, 20).start();
    console.wait_for("the end");
    console.send("g");
    console.wait_for("1 of 501");
    console.send("q");
    console.exit();
    assert!(!console.on_alternate_screen());
}

/// What a log must never be able to send to the terminal it is read on.
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
    "admin\u{430} homoglyph \u{61c}\u{200e}\u{200f}\u{2067}marks\u{2069} \u{1f1e6}\u{1f3fb}\u{200d}\u{fe0f} joined".as_bytes(),
    "\u{301}\u{489}\u{20dd} first a mark, \u{e000}\u{10ffff} nobody's, \u{fff9}a\u{fffb} \u{115f}\u{3164}\u{2800} blank".as_bytes(),
    b"\x18\x1a cancel and substitute \x1b\x1b\x1b[A",
];

#[test]
fn no_escape_reaches_the_terminal_that_is_not_ours() {
    let mut text = Vec::new();
    for attack in ATTACKS {
        text.extend_from_slice(attack);
        text.push(b'\n');
    }
    let mut console = Setup::new(&["log", "./app.log"]).size(120, 40).start_in(home(&text));
    console.wait_for("cancel and substitute");
    console.send("z");
    console.send("\r");
    console.wait_for("Record at line");
    console.send("\x1b");
    console.wait_gone("Record at line");
    console.send("/");
    console.wait_for("search:");
    console.send("e");
    console.wait_for("search: e");
    console.send("\r");
    console.wait_for(" of ");
    console.settle(QUIET);
    let wire = console.bytes_since(0);
    for sequence in sequences(&wire) {
        assert!(is_ours(&sequence), "{sequence:?} was sent");
    }
    let strange = wire.chars().find(|c| {
        (c.is_control() && !matches!(c, '\x1b' | '\r' | '\n'))
            || matches!(*c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{e0000}'..='\u{e0fff}' | '\u{200e}' | '\u{200f}' | '\u{61c}')
    });
    assert_eq!(strange, None);
    console.send("q");
    assert_eq!(console.exit_restored(), 0);
}

/// Every escape sequence on the wire.
fn sequences(wire: &str) -> Vec<String> {
    let starts = wire.split('\x1b').skip(1);
    let ends = |rest: &str| match rest.strip_prefix('[') {
        Some(body) => body.find(|c: char| ('@'..='~').contains(&c)).map_or(rest.len(), |at| at + 2),
        None => rest.chars().next().map_or(0, char::len_utf8),
    };
    starts.map(|rest| rest[..ends(rest)].to_owned()).collect()
}

/// What our renderer writes: cursor, looks, clearing, margins, the modes taken and given back.
fn is_ours(sequence: &str) -> bool {
    let Some(body) = sequence.strip_prefix('[') else { return sequence == "M" };
    let (parameters, last) = body.split_at(body.len() - 1);
    let plain = parameters.chars().all(|c| c.is_ascii_digit() || c == ';');
    let modes = ["1049", "2026", "1000", "1002", "1003", "1005", "1006", "1015", "2004", "1004", "25"];
    match last {
        "H" | "C" | "m" | "r" => plain,
        "J" => parameters == "2",
        "n" => parameters == "5",
        "h" | "l" => parameters.strip_prefix('?').is_some_and(|mode| modes.contains(&mode)),
        _ => false,
    }
}

#[test]
fn scrolling_by_a_line_costs_a_line() {
    // Every line differs from its neighbours everywhere, as log lines do.
    let number = |n: usize, k: usize| format!("{:07}", (n * 7919 + k * 104_729) * 31 % 9_999_991);
    let line = |n: usize| (0..20).map(|k| number(n, k)).collect::<String>()[..139].to_owned() + "\n";
    let text: String = (0..2000).map(line).collect();
    let mut console = Setup::new(&["log", "./app.log"]).size(200, 50).start_in(home(text));
    console.wait_for("1 of 2000");
    console.send("G");
    console.wait_for("following");
    console.settle(QUIET);
    console.send("\x1b[5~");
    console.settle(QUIET);
    console.send("\x1b[5~");
    console.settle(QUIET);
    let mut sent = 0;
    for _ in 0..4 {
        let mark = console.count();
        console.send("j");
        console.wait_bytes(mark, "\x1b[?2026l");
        console.settle(Duration::from_millis(150));
        sent += console.bytes_since(mark).len();
    }
    assert!(sent / 4 <= 211, "{} bytes a line of 139", sent / 4);
    console.send("q");
    assert_eq!(console.exit_restored(), 0);
}

#[test]
fn without_a_terminal_lines_are_printed() {
    let home = home(numbered(60));
    let run = |args: &[&str]| {
        let output = std::process::Command::new(env!("CARGO_BIN_EXE_opsroom"))
            .args(args)
            .current_dir(home.path())
            .env("HOME", home.path())
            .output()
            .unwrap();
        (
            output.status.success(),
            String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap(),
        )
    };
    let (good, text) = run(&["log", "./app.log", "--level", "error", "--grep", "number 5"]);
    assert!(good && text.lines().count() == 1 && text.contains("line number 57"), "{text}");
    let (good, text) = run(&["log", "app.log", "--level", "error", "--json"]);
    assert!(good && text.lines().all(|l| l.contains("\"level\":\"error\"")), "{text}");
    let (good, text) = run(&["log", "nowhere.log"]);
    assert!(!good && text.contains("cannot read nowhere.log"), "{text}");
    let (good, text) = run(&["log", "/"]);
    assert!(!good && text.contains("cannot read /"), "{text}");
}
