//! Log files in the viewer, on a real terminal: keys, growth, standard input, hostile bytes, the
//! cost of scrolling.

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
    (0..count)
        .map(|n| {
            format!(
                "2026-11-21T09:00:00Z {} line number {n}, of which there are some\n",
                word(n)
            )
        })
        .collect()
}

fn view(home: TempDir) -> Console {
    Setup::new(&["log", "./app.log"])
        .size(100, 20)
        .start_in(home)
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
    assert!(
        console.contents().contains("line number 257,"),
        "the place is kept:\n{}",
        console.contents()
    );
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
    let mut file = OpenOptions::new()
        .append(true)
        .open(console.path("app.log"))
        .unwrap();
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
    let mut console = Setup::new(&["log", "-"])
        .through_shell(script)
        .size(80, 20)
        .start();
    console.wait_for("the end");
    console.send("g");
    console.wait_for("1 of 501");
    console.send("q");
    console.exit();
    assert!(!console.on_alternate_screen());
}

#[test]
fn scrolling_by_a_line_costs_a_line() {
    // Every line differs from its neighbours in every column, as log lines do.
    let number = |n: usize, k: usize| format!("{:07}", (n * 7919 + k * 104_729) * 31 % 9_999_991);
    let line =
        |n: usize| (0..20).map(|k| number(n, k)).collect::<String>()[..139].to_owned() + "\n";
    let text: String = (0..2000).map(line).collect();
    let mut console = Setup::new(&["log", "./app.log"])
        .size(200, 50)
        .start_in(home(text));
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
    assert!(
        good && text.lines().count() == 1 && text.contains("line number 57"),
        "{text}"
    );
    let (good, text) = run(&["log", "app.log", "--level", "error", "--json"]);
    assert!(
        good && text.lines().all(|l| l.contains("\"level\":\"error\"")),
        "{text}"
    );
    let (good, text) = run(&["log", "nowhere.log"]);
    assert!(!good && text.contains("cannot read nowhere.log"), "{text}");
    let (good, text) = run(&["log", "/"]);
    assert!(!good && text.contains("cannot read /"), "{text}");
}

#[test]
fn a_packed_log_is_read_as_its_text_and_a_cut_one_says_so() {
    let packed = |text: &str| {
        let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        packed.write_all(text.as_bytes()).unwrap();
        packed.finish().unwrap()
    };
    let whole = packed(&numbered(5000));
    let mut console = view(home(&whole));
    console.wait_for("1 of 5000");
    console.send("G");
    console.wait_for("line number 4999");
    console.send("q");
    assert_eq!(console.exit_restored(), 0);
    let mut console = view(home(&whole[..whole.len() / 2]));
    console.wait_for("ends in the middle; shown is what could be read");
    // The message may come with a screen of its own.
    console.wait_for("line number 1,");
    console.send("q");
    assert_eq!(console.exit_restored(), 0);
}

#[test]
fn other_packed_formats_are_named_with_the_command_that_unpacks_them() {
    let mut console = view(home(b"\xfd7zXZ\x00\x00\x04not really\n"));
    console.wait_for("xz -dc FILE | opsroom log -");
    console.send("q");
    assert_eq!(console.exit_restored(), 0);
}
