//! One reader's log view over real files: positions are kept, the sets are right in any order of
//! the work, and failures are reported.

use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::PathBuf;

use proptest::prelude::*;
use tempfile::TempDir;

use super::*;
use crate::core::run::RunId;
use crate::core::run::event::{Entry, EntryBody, Stream};
use crate::logfile::scan::pattern;

const NOW: Timestamp = Timestamp(1_795_262_400_000);

struct World {
    dir: TempDir,
    log_view: LogView,
}

impl World {
    fn new(texts: &[&str]) -> Self {
        let dir = TempDir::new().unwrap();
        let path = |i: usize| dir.path().join(format!("{i}.log"));
        texts
            .iter()
            .enumerate()
            .for_each(|(i, text)| fs::write(path(i), text).unwrap());
        let files = (0..texts.len())
            .map(|i| Tracked::open(&path(i)).unwrap())
            .collect();
        let mut log_view = LogView::new(files, false, NOW);
        log_view.ask(LogRequest::Resize { rows: 5, strip: 0 });
        Self { dir, log_view }
    }

    fn path(&self, i: usize) -> PathBuf {
        self.dir.path().join(format!("{i}.log"))
    }

    fn append(&self, text: &str) {
        OpenOptions::new()
            .append(true)
            .open(self.path(0))
            .unwrap()
            .write_all(text.as_bytes())
            .unwrap();
    }

    fn work(&mut self) {
        while self.log_view.work() {}
    }

    /// Works until this many lines count: an unfinished last line counts only after a delay.
    fn until(&mut self, lines: usize) {
        while self.log_view.lines() != lines {
            self.log_view.work();
            std::thread::yield_now();
        }
        self.work();
    }

    fn texts(&mut self) -> Vec<String> {
        let shown = self.log_view.shown();
        shown
            .rows
            .iter()
            .map(|row| String::from_utf8_lossy(&row.bytes).into_owned())
            .collect()
    }

    fn rules(&mut self, rules: &[(&str, bool)], floor: Level) {
        let rules = rules
            .iter()
            .map(|(text, hide)| Rule {
                regex: pattern(text).unwrap(),
                hide: *hide,
            })
            .collect();
        self.log_view.ask(LogRequest::Rules { rules, floor });
    }

    fn notices(&mut self) -> String {
        let text = |answer| match answer {
            Answer::Notice(text) => text,
            other => format!("{other:?}"),
        };
        self.log_view
            .answers()
            .into_iter()
            .map(text)
            .collect::<Vec<_>>()
            .join("; ")
    }
}

fn numbered(count: usize) -> String {
    (0..count)
        .map(|n| format!("{} line {n}\n", if n % 10 == 0 { "ERROR" } else { "INFO" }))
        .collect()
}

#[test]
fn moving_through_a_file() {
    let mut world = World::new(&[&numbered(100)]);
    world.work();
    for (movement, first, cursor, follow) in [
        (Move::By(2), 0, 2, false),
        (Move::By(2), 0, 4, false),
        (Move::By(1), 1, 4, false),
        (Move::By(-1), 1, 3, false),
        (Move::Halves(2), 6, 3, false),
        (Move::Halves(-2), 1, 3, false),
        (Move::Halves(-2), 0, 0, false),
        (Move::End, 95, 4, true),
        (Move::By(1), 95, 4, true),
        (Move::By(-1), 95, 3, false),
        (Move::By(1), 95, 4, false),
        (Move::By(1), 95, 4, true),
        (Move::Top, 0, 0, false),
        (Move::Line(50), 49, 1, false),
        (Move::Line(52), 49, 3, false),
        (Move::Follow, 95, 4, true),
    ] {
        world.log_view.ask(LogRequest::Move(movement));
        let shown = world.log_view.shown();
        assert_eq!(
            (shown.rows[0].number, shown.cursor, shown.follow),
            (first, cursor, follow),
            "{movement:?}"
        );
    }
}

#[test]
fn filters_keep_the_focused_line_where_it_is() {
    let mut world = World::new(&[&numbered(200)]);
    world.work();
    world.log_view.ask(LogRequest::Move(Move::Line(100)));
    world.log_view.ask(LogRequest::Move(Move::By(1)));
    world.log_view.ask(LogRequest::Move(Move::By(-1)));
    let before = world.log_view.shown();
    assert_eq!(before.rows[before.cursor].number, 100);
    world.rules(&[("error", false)], Level::Debug);
    // Before the background scan has begun.
    let filtered = world.log_view.shown();
    assert_eq!(filtered.rows[filtered.cursor].number, 100);
    assert_eq!(filtered.cursor, before.cursor);
    assert!(
        filtered.rows.iter().all(|row| row.number % 10 == 0),
        "{filtered:?}"
    );
    world.work();
    let known = world.log_view.shown();
    assert_eq!(
        (&known.rows, known.visible),
        (&filtered.rows, Some((20, true)))
    );
    world.rules(&[], Level::Debug);
    let after = world.log_view.shown();
    assert_eq!(
        (after.cursor, after.rows[after.cursor].number),
        (before.cursor, 100)
    );
    world.rules(&[("1", false), ("11", true)], Level::Error);
    world.work();
    assert_eq!(
        world.texts(),
        [
            "ERROR line 10",
            "ERROR line 100",
            "ERROR line 120",
            "ERROR line 130",
            "ERROR line 140"
        ]
    );
}

#[test]
fn matches_are_counted_found_and_wrapped() {
    let mut world = World::new(&[&numbered(100)]);
    world.work();
    world
        .log_view
        .ask(LogRequest::Search(Some(pattern("line [23]5").unwrap())));
    world.log_view.ask(LogRequest::Seek {
        what: Sought::Hit,
        forward: true,
    });
    world.work();
    let mut here = |forward| {
        world.log_view.ask(LogRequest::Seek {
            what: Sought::Hit,
            forward,
        });
        world.work();
        let shown = world.log_view.shown();
        (
            shown.rows[shown.cursor].number,
            shown.hits.and_then(|h| h.here),
            world.notices(),
        )
    };
    assert_eq!(here(true), (35, Some(2), String::new()));
    assert_eq!(
        here(true),
        (25, Some(1), "no match below; on at the top".to_owned())
    );
    assert_eq!(
        here(false),
        (35, Some(2), "no match above; on at the bottom".to_owned())
    );
    world.log_view.ask(LogRequest::Seek {
        what: Sought::Error,
        forward: false,
    });
    world.work();
    let shown = world.log_view.shown();
    assert_eq!(shown.rows[shown.cursor].number, 30);
    world
        .log_view
        .ask(LogRequest::Search(Some(pattern("nowhere").unwrap())));
    world.log_view.ask(LogRequest::Seek {
        what: Sought::Hit,
        forward: true,
    });
    world.work();
    assert_eq!(world.notices(), "no match");
}

#[test]
fn records_are_shown_hidden_and_counted_whole() {
    let text =
        "INFO start\nERROR boom\n  at a\n  at b\nINFO fine\n  with a detail\nERROR again\n  at b\n";
    let mut world = World::new(&[text]);
    world
        .log_view
        .ask(LogRequest::Resize { rows: 20, strip: 2 });
    while world.log_view.lines() < 8 {
        world.log_view.work();
    }
    for (rules, expected) in [
        (
            &[("at [ab]$", false)][..],
            &["ERROR boom", "  at a", "  at b", "ERROR again", "  at b"][..],
        ),
        (
            &[("at b", false), ("at a", true)],
            &["ERROR again", "  at b"],
        ),
        (
            &[("detail", true), ("boom", true)],
            &["INFO start", "ERROR again", "  at b"],
        ),
    ] {
        world.rules(rules, Level::Debug);
        assert_eq!(
            world.texts(),
            expected,
            "before the background scan: {rules:?}"
        );
        world.work();
        assert_eq!(world.texts(), expected, "{rules:?}");
    }
    world.rules(&[], Level::Error);
    world.work();
    assert_eq!(
        world.texts(),
        ["ERROR boom", "  at a", "  at b", "ERROR again", "  at b"]
    );
    world.rules(&[], Level::Debug);
    world
        .log_view
        .ask(LogRequest::Search(Some(pattern("at [ab]").unwrap())));
    world.log_view.ask(LogRequest::Move(Move::Top));
    world.work();
    assert_eq!(
        world.log_view.shown().hits.unwrap().count,
        2,
        "a record counts once"
    );
    let mut stops = Vec::new();
    for what in [
        Sought::Hit,
        Sought::Hit,
        Sought::Hit,
        Sought::Error,
        Sought::Error,
    ] {
        world.log_view.ask(LogRequest::Seek {
            what,
            forward: true,
        });
        let shown = world.log_view.shown();
        stops.push(shown.rows[shown.cursor].number);
    }
    assert_eq!(
        stops,
        [2, 7, 2, 6, 1],
        "a record counts as one error, however many lines it has"
    );
    assert_eq!(world.log_view.shown().strip, [(1, 0), (1, 0)]);
    world.log_view.ask(LogRequest::Record { line: 3 });
    assert!(
        world
            .notices()
            .contains("line: 1, text: \"ERROR boom\\n  at a\\n  at b\"")
    );
}

#[test]
fn a_record_that_grows_is_evaluated_again() {
    let mut world = World::new(&["INFO a\nERROR b\n"]);
    world.rules(&[("cause", false)], Level::Debug);
    world.work();
    assert_eq!(world.log_view.shown().visible, Some((0, true)));
    world.append("  at c\n");
    world.work();
    assert_eq!(world.log_view.shown().visible, Some((0, true)));
    world.append("  the cause\nINFO d\n");
    world.work();
    assert_eq!(world.texts(), ["ERROR b", "  at c", "  the cause"]);
    assert_eq!(world.log_view.shown().visible, Some((3, true)));
}

#[test]
fn a_table_has_no_records() {
    let mut world = World::new(&["  PID COMMAND\n    1 init\n   42 nginx\n"]);
    world.rules(&[("nginx", false)], Level::Debug);
    world.work();
    assert_eq!(world.texts(), ["   42 nginx"]);
}

#[test]
fn growth_is_followed_or_counted() {
    let mut world = World::new(&[&numbered(10)]);
    world.work();
    world.log_view.ask(LogRequest::Move(Move::End));
    world.append("INFO a\nINFO b\n");
    world.work();
    assert_eq!(world.texts().last().unwrap(), "INFO b");
    world.log_view.ask(LogRequest::Move(Move::By(-1)));
    let before = world.texts();
    world.append("INFO c\nINFO d\nINFO e\n");
    world.work();
    let shown = world.log_view.shown();
    assert_eq!((shown.new, world.texts()), (3, before));
    world
        .log_view
        .ask(LogRequest::Search(Some(pattern("half").unwrap())));
    world.append("INFO ha");
    world.until(16);
    assert_eq!(world.log_view.shown().hits.unwrap().count, 0);
    world.append("lf\n");
    world.work();
    assert_eq!(
        world.log_view.shown().hits.unwrap().count,
        1,
        "a line that grew is scanned again"
    );
}

#[test]
fn files_that_shrink_or_are_replaced_are_reported_and_nothing_is_lost() {
    let mut world = World::new(&[&numbered(30)]);
    world.work();
    world.log_view.ask(LogRequest::Move(Move::End));
    world.append("INFO last of the old\n");
    fs::rename(world.path(0), world.path(9)).unwrap();
    fs::write(world.path(0), "INFO first of the new\n").unwrap();
    world.log_view.check();
    world.work();
    world.log_view.check();
    world.work();
    assert!(world.notices().contains("rotated"));
    assert_eq!(
        world.texts()[3..],
        ["INFO last of the old", "INFO first of the new"]
    );
    fs::write(world.path(0), "x\n").unwrap();
    world.log_view.check();
    world.work();
    assert!(world.notices().contains("truncated"));
    assert_eq!(world.log_view.lines(), 32);
}

#[test]
fn several_files_are_merged_by_time_without_tearing_records() {
    let a = "2026-11-21T09:00:01Z a1\n  more of a1\n2026-11-21T09:00:03Z a3\n2026-11-21T09:00:02Z a's clock went back\n";
    let b = "2026-11-21T09:00:02Z b2\n2026-11-21T09:00:04Z b4\n";
    let mut world = World::new(&[a, b]);
    world.work();
    world
        .log_view
        .ask(LogRequest::Resize { rows: 20, strip: 4 });
    let order: Vec<String> = world
        .texts()
        .iter()
        .map(|t| t.trim().rsplit(' ').next().unwrap().to_owned())
        .collect();
    assert_eq!(order, ["a1", "a1", "b2", "a3", "back", "b4"]);
    world.rules(&[("b", false)], Level::Debug);
    world.work();
    assert_eq!(
        world.log_view.shown().visible,
        Some((3, true)),
        "b2, back and b4"
    );
    world.append("2026-11-21T09:00:09Z b-like\n");
    world.work();
    assert_eq!(world.log_view.shown().visible, Some((4, true)));
}

fn entry(run: i64, seq: i64, second: i64) -> Entry {
    let body = EntryBody::Output {
        stream: Stream::Stdout,
        text: format!("run {run} at {second}"),
    };
    Entry {
        run: RunId(run),
        seq,
        at: Timestamp(second * 1000),
        step: Some(0),
        body,
    }
}

/// Lines are ordered by time, and by the command line for equal times, whichever run's log is read
/// first from the store. None of them counts as new.
#[test]
fn runs_are_merged_by_time_whichever_is_read_first() {
    for late_first in [false, true] {
        let (first, writer) = Tracked::run("run 1").unwrap();
        let (second, other) = Tracked::run("run 2").unwrap();
        let mut log_view = LogView::new(vec![first, second], false, NOW);
        log_view.ask(LogRequest::Resize { rows: 20, strip: 0 });
        let mut come = [
            (
                writer,
                vec![entry(1, 1, 10), entry(1, 2, 11), entry(1, 3, 20)],
            ),
            (other, vec![entry(2, 1, 11), entry(2, 2, 12)]),
        ];
        if late_first {
            come.reverse();
        }
        for (writer, entries) in &mut come {
            for entry in entries {
                assert!(writer.push(std::slice::from_ref(entry)));
                while log_view.work() {}
            }
            writer.end();
            while log_view.work() {}
        }
        let shown = log_view.shown();
        let texts: Vec<_> = shown
            .rows
            .iter()
            .map(|row| String::from_utf8_lossy(&row.bytes).into_owned())
            .collect();
        let expected = [
            "run 1 at 10",
            "run 1 at 11",
            "run 2 at 11",
            "run 2 at 12",
            "run 1 at 20",
        ];
        assert_eq!(texts, expected, "{late_first}");
        assert_eq!((shown.new, shown.busy), (0, None), "{late_first}");
    }
}

#[test]
fn a_run_that_cannot_be_read_holds_nothing_up() {
    let (first, writer) = Tracked::run("run 1").unwrap();
    let (second, mut other) = Tracked::run("run 2").unwrap();
    let mut log_view = LogView::new(vec![first, second], false, NOW);
    assert!(other.push(&[entry(2, 1, 5)]));
    other.end();
    while log_view.work() {}
    assert_eq!(log_view.lines(), 0, "run 1 may still have older lines");
    writer.report("run 1: the store is gone".to_owned());
    while log_view.work() {}
    assert_eq!(log_view.lines(), 1);
}

#[test]
fn nothing_of_files_that_do_not_grow_is_new() {
    let lines = |at: u32| -> String {
        (0..9000)
            .map(|n| format!("2026-11-21T09:{:02}:{at:02}Z x\n", n / 200))
            .collect()
    };
    let mut world = World::new(&[&lines(1), &lines(2)]);
    world.work();
    world.log_view.ask(LogRequest::Move(Move::By(3)));
    let shown = world.log_view.shown();
    assert_eq!((shown.new, shown.lines, shown.busy), (0, 18_000, None));
    world.append("2026-11-21T10:00:00Z later\n");
    world.work();
    assert_eq!(world.log_view.shown().new, 1);
}

#[test]
fn lines_above_the_first_time_of_a_file_stay_with_it() {
    let a = "2026-11-21T09:00:01Z a1\n2026-11-21T09:00:05Z a5\n";
    let b = "# a header\n# without a time\n2026-11-21T09:00:03Z b3\n";
    let mut world = World::new(&[a, b]);
    world
        .log_view
        .ask(LogRequest::Resize { rows: 20, strip: 0 });
    world.work();
    let order: Vec<String> = world
        .texts()
        .iter()
        .map(|t| t.trim().rsplit(' ').next().unwrap().to_owned())
        .collect();
    assert_eq!(order, ["a1", "header", "time", "b3", "a5"]);
}

#[test]
fn times_are_jumped_to() {
    let lines: String = (0..600)
        .map(|n| format!("2026-11-21T09:{:02}:{:02}Z x{n}\n trace\n", n / 60, n % 60))
        .collect();
    let mut world = World::new(&[&lines]);
    world.work();
    for (jump, text) in [
        (Jump::Clock((9 * 3600 + 5 * 60) * 1000), "x300"),
        (Jump::By(-60_000), "x240"),
        (Jump::To(Timestamp(1_795_251_600_000)), "x0"),
        (Jump::By(1500), "x2"),
    ] {
        world.log_view.ask(LogRequest::Jump(jump));
        let shown = world.log_view.shown();
        let line = String::from_utf8_lossy(&shown.rows[shown.cursor].bytes).into_owned();
        assert!(line.ends_with(text), "{jump:?}: {line}");
    }
    world.log_view.ask(LogRequest::Jump(Jump::By(86_400_000)));
    assert!(world.notices().contains("no line is that late"));
    let mut timeless = World::new(&["a\nb\n"]);
    timeless.work();
    timeless.log_view.ask(LogRequest::Jump(Jump::By(1)));
    assert!(timeless.notices().contains("no time"));
}

#[test]
fn strange_files_are_shown() {
    for (text, lines, notice) in [
        ("", 0, ""),
        ("no end", 1, ""),
        ("\n\n\n", 3, ""),
        ("a\0b\n\u{fffd}\n", 2, "no text"),
    ] {
        let mut world = World::new(&[text]);
        world.until(lines);
        assert_eq!(world.texts().len(), lines, "{text:?}");
        assert!(world.notices().contains(notice));
        world.rules(&[("x", false)], Level::Warn);
        world.log_view.ask(LogRequest::Move(Move::Halves(2)));
        world.work();
        assert_eq!(world.texts().len(), 0);
    }
    let mut world = World::new(&[&format!("{}\nshort\n", "long ".repeat(1 << 20))]);
    world.work();
    let shown = world.log_view.shown();
    assert_eq!(
        (shown.rows[0].bytes.len(), shown.rows[0].len),
        (KEEP, 5 << 20)
    );
    world.log_view.ask(LogRequest::Copy { line: 1 });
    assert!(world.notices().contains("short"));
}

#[test]
fn lines_are_saved_and_never_over_a_file() {
    let mut world = World::new(&[&numbered(30)]);
    world.work();
    world.rules(&[("error", false)], Level::Debug);
    let (text, json) = (
        world.dir.path().join("out.txt"),
        world.dir.path().join("out.jsonl"),
    );
    let notes = BTreeMap::from([
        (7, "the first sign".to_owned()),
        (10, "then this".to_owned()),
        (20, String::new()),
    ]);
    world.log_view.ask(LogRequest::Export(Export {
        what: What::Visible,
        path: text.clone(),
        simulated: false,
        notes: notes.clone(),
    }));
    world.work();
    assert!(world.notices().contains("saved 3 lines to "));
    assert_eq!(
        fs::read_to_string(&text).unwrap(),
        "ERROR line 0\nERROR line 10\n    # note: then this\nERROR line 20\n"
    );
    world.log_view.ask(LogRequest::Export(Export {
        what: What::Marked(vec![7]),
        path: json.clone(),
        simulated: true,
        notes,
    }));
    world.work();
    let line: serde_json::Value =
        serde_json::from_str(&fs::read_to_string(&json).unwrap()).unwrap();
    assert_eq!(line["simulated"], true);
    assert_eq!(
        (&line["marked"], &line["note"]),
        (&true.into(), &"the first sign".into())
    );
    assert_eq!(
        (&line["line"], &line["level"], &line["text"]),
        (&8.into(), &"info".into(), &"INFO line 7".into())
    );
    world.log_view.ask(LogRequest::Export(Export {
        what: What::All,
        path: world.path(0),
        simulated: false,
        notes: BTreeMap::new(),
    }));
    assert!(world.notices().contains("exists"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]
    /// After any request, at any point of the background scan, the screen holds lines that pass, in
    /// order and without gaps.
    #[test]
    fn the_screen_is_always_a_piece_of_what_passes(
        words in prop::collection::vec("(INFO|ERROR|WARN) [ab]{1,3}", 1..900),
        asks in prop::collection::vec((0u8..9, 0usize..900), 1..25),
        works in 0usize..3,
    ) {
        let text = words.join("\n") + "\n";
        let mut world = World::new(&[&text]);
        world.log_view.work();
        let (mut passes, mut floor): (Vec<(&str, bool)>, Level) = (Vec::new(), Level::Debug);
        for (kind, n) in asks {
            match kind {
                0 => world.log_view.ask(LogRequest::Move(Move::By(isize::try_from(n).unwrap() % 40 - 20))),
                1 => world.log_view.ask(LogRequest::Move(Move::Halves(if n % 2 == 0 { 2 } else { -1 }))),
                2 => world.log_view.ask(LogRequest::Move(Move::Line(n))),
                3 => world.log_view.ask(LogRequest::Move(Move::Follow)),
                4 => passes.push((["a", "b", "ab", "ERR"][n % 4], n % 3 == 0)),
                5 => drop(passes.pop()),
                6 => floor = [Level::Debug, Level::Warn, Level::Error][n % 3],
                7 => world.log_view.ask(LogRequest::Resize { rows: n % 12 + 1, strip: 3 }),
                _ => { world.log_view.ask(LogRequest::Search(Some(pattern("bb").unwrap()))); world.log_view.ask(LogRequest::Seek { what: Sought::Hit, forward: n % 2 == 0 }); }
            }
            if (4..7).contains(&kind) {
                world.rules(&passes, floor);
            }
            for _ in 0..works {
                world.log_view.work();
            }
            let regexes: Vec<_> = passes.iter().map(|(p, hide)| (pattern(p).unwrap(), *hide)).collect();
            let shows = |line: &str| regexes.iter().all(|(r, hide)| r.is_match(line.as_bytes()) != *hide)
                && (floor == Level::Debug || line.starts_with("ERR") || (floor == Level::Warn && line.starts_with("WARN")));
            let all: Vec<usize> = words.iter().enumerate().filter(|(_, l)| shows(l)).map(|(n, _)| n).collect();
            let shown = world.log_view.shown();
            let numbers: Vec<usize> = shown.rows.iter().map(|row| row.number).collect();
            prop_assert!(shown.cursor < numbers.len().max(1));
            match numbers.first() {
                None => prop_assert!(all.is_empty()),
                Some(first) => {
                    let at = all.iter().position(|n| n == first);
                    prop_assert_eq!(Some(&numbers[..]), at.and_then(|at| all.get(at..at + numbers.len())));
                }
            }
        }
    }
}
