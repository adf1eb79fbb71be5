//! Damaged logs: empty, not text, one endless line, deleted while they are read. Each is shown as
//! far as possible, its problem is reported, nothing is lost, and the console goes on.

use std::fs::{self, File, OpenOptions};
use std::io::Write as _;
use std::time::Duration;

use tempfile::TempDir;

use super::harness::{Console, Setup};

const QUIET: Duration = Duration::from_millis(60);

fn view(text: impl AsRef<[u8]>) -> Console {
    let home = TempDir::new().unwrap();
    fs::create_dir(home.path().join("logs")).unwrap();
    fs::write(home.path().join("logs/app.log"), text).unwrap();
    Setup::new(&["log", "./logs/app.log"])
        .size(100, 20)
        .start_in(home)
}

fn append(console: &Console, text: &str) {
    OpenOptions::new()
        .append(true)
        .open(console.path("logs/app.log"))
        .unwrap()
        .write_all(text.as_bytes())
        .unwrap();
}

fn leave(mut console: Console) {
    console.send("q");
    assert_eq!(console.exit_restored(), 0);
}

#[test]
fn an_empty_file_waits_for_its_first_line() {
    let console = view("");
    console.wait_for("nothing was written yet");
    for key in "eEwWnNjkgy\rG".chars() {
        console.send(key.to_string());
        console.settle(QUIET);
    }
    console.wait_for("0 of 0");
    append(&console, "the first line");
    console.wait_for("the first line");
    console.wait_for("1 of 1");
    append(&console, " goes on\nand a second");
    console.wait_for("the first line goes on");
    console.wait_for("2 of 2");
    leave(console);
}

#[test]
fn bytes_that_are_no_text_are_reported_and_shown() {
    let console = view(b"before\n\0\0\0 nul\n\xff\xfe\x80 not UTF-8\n\xe2\x82 cut off\r\nafter");
    console.wait_for("holds bytes that are no text");
    console.wait_for("^@^@^@ nul");
    console.wait_for("not UTF-8");
    console.wait_for("after");
    console.send("/");
    console.wait_for("search:");
    console.send("cut");
    console.wait_for("search: cut");
    console.send("\r");
    console.wait_for("1 of 1");
    leave(console);
}

#[test]
fn a_line_of_a_hundred_megabytes_is_cut_on_screen_and_costs_no_memory() {
    let home = TempDir::new().unwrap();
    fs::create_dir(home.path().join("tmp")).unwrap();
    let folder = home.path().join("tmp").display().to_string();
    let mut file = File::create(home.path().join("app.log")).unwrap();
    file.write_all(b"INFO before\nERROR ").unwrap();
    let piece = vec![b'x'; 1 << 20];
    (0..100).for_each(|_| file.write_all(&piece).unwrap());
    file.write_all(b"\nINFO after\n").unwrap();
    let mut console = Setup::new(&["log", "./app.log"])
        .size(160, 20)
        .env("TMPDIR", &folder)
        .start_in(home);
    console.wait_for("INFO before");
    console.wait_for("of 3");
    console.wait_for("INFO after");
    console.send("e");
    console.wait_for("2 of 3");
    console.wait_for("(102400 KiB)");
    console.send("z");
    console.wait_gone("INFO after");
    console.send("z\r");
    console.wait_for("Record at line 2");
    console.send("\x1b");
    console.wait_gone("Record at line 2");
    console.send("y");
    console.wait_for("saved whole to");
    let saved = fs::read_dir(console.path("tmp"))
        .unwrap()
        .next()
        .unwrap()
        .unwrap()
        .path();
    assert_eq!(
        fs::metadata(saved).unwrap().len(),
        "ERROR ".len() as u64 + (100 << 20)
    );
    console.send("/");
    console.wait_for("search:");
    console.send("after");
    console.wait_for("search: after");
    console.send("\r");
    console.wait_for("1 of 1");
    assert!(
        console.most_memory() < 120 << 20,
        "{} MiB",
        console.most_memory() >> 20
    );
    console.send("q");
    assert_eq!(console.exit_restored(), 0);
}

#[test]
fn a_million_lines_that_are_the_same_are_all_counted() {
    let console = view("2026-11-21T09:00:00Z WARN the same thing again\n".repeat(1_000_000));
    console.wait_for("of 1000000");
    console.send("/");
    console.wait_for("search:");
    console.send("same");
    console.wait_for("search: same");
    console.send("\r");
    console.wait_for("2 of 1000000 ·");
    console.send("G");
    console.wait_for("1000000 of 1000000");
    console.send("!");
    console.wait_for("hide:");
    console.send("again");
    console.wait_for("hide: again");
    console.send("\r");
    console.wait_for("1000000 hidden");
    console.wait_for("every line is hidden");
    leave(console);
}

#[test]
fn a_clock_that_goes_back_breaks_nothing() {
    let line = |minute: usize, word: &str| format!("2026-11-21T09:{minute:02}:00Z INFO {word}\n");
    let text: String = [
        line(10, "one"),
        line(20, "two"),
        line(5, "back"),
        line(6, "again"),
        line(30, "three"),
    ]
    .concat();
    let console = view(text);
    console.wait_for("1 of 5");
    console.send("@");
    console.wait_for("go to");
    console.send("09:25");
    console.wait_for("09:25");
    console.send("\r");
    console.wait_for("5 of 5");
    leave(console);
}

#[test]
fn a_deleted_file_or_folder_is_reported_and_stays_readable() {
    let console = view("INFO one\nINFO two\n");
    console.wait_for("1 of 2");
    console.send("G");
    console.wait_for("following");
    append(&console, "INFO three\n");
    console.wait_for("INFO three");
    fs::remove_dir_all(console.path("logs")).unwrap();
    console.wait_for("No such file");
    console.send("g");
    console.wait_for("1 of 3");
    assert!(console.contents().contains("INFO three"));
    fs::create_dir(console.path("logs")).unwrap();
    fs::write(console.path("logs/app.log"), "INFO it is back\n").unwrap();
    console.wait_for("was rotated");
    console.wait_for("INFO it is back");
    leave(console);
}

#[test]
fn a_file_that_is_rotated_while_it_is_followed_loses_no_line() {
    let console = view("INFO 0\n");
    console.wait_for("1 of 1");
    console.send("G");
    console.wait_for("following");
    for n in 1..4 {
        append(&console, &format!("INFO last of {n}\n"));
        fs::rename(
            console.path("logs/app.log"),
            console.path(&format!("logs/app.log.{n}")),
        )
        .unwrap();
        fs::write(
            console.path("logs/app.log"),
            format!("INFO first after {n}\n"),
        )
        .unwrap();
        console.wait_for(&format!("INFO first after {n}"));
        assert!(
            console.contents().contains(&format!("INFO last of {n}")),
            "{}",
            console.contents()
        );
    }
    append(&console, "INFO the end\n");
    console.wait_for("INFO the end");
    console.wait_for("8 of 8");
    leave(console);
}
