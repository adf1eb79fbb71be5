//! A console at the far end of a slow line: 64 kbit/s and 200 ms each way, with room for any number
//! of bytes in between, like a connection over SSH. The tests check bytes: how many are queued when
//! a key is pressed decides how long its answer takes.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::time::Duration;

use tempfile::TempDir;

use super::harness::Setup;
use super::line::Line;

const LINE: Line = Line {
    bytes_per_second: 8000,
    latency: Duration::from_millis(200),
};

fn home(text: &str) -> TempDir {
    let home = TempDir::new().unwrap();
    std::fs::write(home.path().join("app.log"), text).unwrap();
    home
}

fn numbered(count: usize) -> String {
    (0..count)
        .map(|n| {
            format!("2026-11-21T09:00:00Z INFO line number {n}, of which there are some more\n")
        })
        .collect()
}

#[test]
fn keys_are_answered_soon_while_a_fast_log_is_followed() {
    let mut console = Setup::new(&["log", "-f", "./app.log"])
        .line(LINE)
        .start_in(home(&numbered(1000)));
    console.wait_for("line number 999");
    console.wait_for("following");
    let path = console.path("app.log");
    let writer = std::thread::spawn(move || {
        let mut file = OpenOptions::new().append(true).open(path).unwrap();
        for n in 0..400 {
            let lines: String = (0..50)
                .map(|i| format!("2026-11-21T09:00:01Z WARN fast line {}\n", n * 50 + i))
                .collect();
            file.write_all(lines.as_bytes()).unwrap();
            std::thread::sleep(Duration::from_millis(20));
        }
    });
    console.wait_for("fast line");
    let mut waits = Vec::new();
    for _ in 0..4 {
        // Pausing and following again, in the middle of the stream.
        waits.push(console.answer_in("k", |screen| !screen.contains("following")));
        waits.push(console.answer_in("F", |screen| screen.contains("following")));
    }
    writer.join().unwrap();
    console.wait_for("fast line 19999");
    eprintln!(
        "keys answered in {waits:?}; {} bytes were queued at most",
        console.most_in_line()
    );
    // A key and its answer take 400 ms. So many bytes before it take at most as long again.
    assert!(
        console.most_in_line() <= 3200,
        "{} bytes were queued",
        console.most_in_line()
    );
    console.send("q");
    assert_eq!(console.exit_restored(), 0);
}

#[test]
fn scrolling_and_searching_never_queue_up() {
    let mut console = Setup::new(&["log", "./app.log"])
        .line(LINE)
        .start_in(home(&numbered(3000)));
    console.wait_for("1 of 3000");
    for n in 2..12 {
        let place = format!("{n:>4} of 3000");
        console.answer_in("j", |screen| screen.contains(&place));
    }
    // A key repeats faster than screens can be sent: the ones in between are never made.
    for _ in 0..40 {
        console.send(" ");
        std::thread::sleep(Duration::from_millis(20));
    }
    console.wait_for(" 931 of 3000");
    console.send("/");
    console.wait_for("search:");
    console.send("number 2500,");
    console.wait_for("number 2500,");
    console.send("\r");
    console.wait_for("1 of 1");
    assert!(
        console.most_in_line() <= 6000,
        "{} bytes were queued",
        console.most_in_line()
    );
    console.send("q");
    assert_eq!(console.exit_restored(), 0);
}

#[test]
fn leaving_reads_the_terminals_answer() {
    let mut console = Setup::new(&["log", "./app.log"])
        .line(LINE)
        .size(200, 50)
        .start_in(home(&numbered(3000)));
    console.wait_for("1 of 3000");
    console.settle(Duration::from_millis(700));
    // A query follows the screenful; its answer is still on its way when the console quits.
    console.send(" q");
    assert_eq!(console.exit_restored(), 0);
    assert_eq!(console.left_over(), "", "the shell would read it as input");
}
