//! Tests of the viewer: requests sent by keys, and painting. Reading lines is tested in `logfile`.

use crossterm::event::{KeyCode, KeyModifiers};
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::style::Color;

use super::*;
use crate::logfile::log_view::{Hits, Jump, Move, Row, Sought};

fn viewer(names: &[&str]) -> Viewer {
    let files = names
        .iter()
        .map(|name| Named {
            name: (*name).to_owned(),
            steps: None,
        })
        .collect();
    let facts = Facts {
        files,
        zone: TimeZone::UTC,
        budget: None,
        simulated: false,
    };
    let mut viewer = Viewer::new(
        Ticket::default(),
        facts,
        Keymap::built_in(),
        Theme::new(true),
    );
    viewer.update(Msg::Resize(60, 6));
    viewer
}

fn row(number: usize, text: &str) -> Row {
    Row {
        number,
        file: 0,
        level: Level::Info,
        bytes: text.as_bytes().to_vec(),
        len: text.len() as u64,
        head: None,
    }
}

fn show(viewer: &mut Viewer, texts: &[&str]) {
    let rows = texts
        .iter()
        .enumerate()
        .map(|(n, text)| row(n, text))
        .collect();
    let shown = Shown {
        rows,
        cursor: 1,
        lines: 100,
        ..Shown::default()
    };
    viewer.update(Msg::File(
        Ticket::default(),
        LogUpdate::Shown(Box::new(shown)),
    ));
}

fn press(viewer: &mut Viewer, c: char) -> Vec<Effect> {
    viewer.update(Msg::Key(KeyEvent::new(
        KeyCode::Char(c),
        KeyModifiers::NONE,
    )))
}

fn enter(viewer: &mut Viewer) -> Vec<Effect> {
    viewer.update(Msg::Key(KeyEvent::from(KeyCode::Enter)))
}

/// Types into the prompt opened by a key, and presses Enter.
fn typed(viewer: &mut Viewer, key: char, text: &str) -> Vec<Effect> {
    press(viewer, key);
    text.chars().for_each(|c| drop(press(viewer, c)));
    enter(viewer)
}

fn asks(effects: Vec<Effect>) -> Vec<LogRequest> {
    let ask = |effect| {
        if let Effect::File(_, ask) = effect {
            Some(*ask)
        } else {
            None
        }
    };
    effects.into_iter().filter_map(ask).collect()
}

fn screen(viewer: &Viewer) -> Vec<String> {
    let (width, height) = viewer.size;
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    terminal.draw(|frame| drop(viewer.draw(frame))).unwrap();
    let buffer = terminal.backend().buffer();
    buffer
        .content
        .chunks(usize::from(width))
        .map(|r| {
            r.iter()
                .map(ratatui::buffer::Cell::symbol)
                .collect::<String>()
                .trim_end()
                .to_owned()
        })
        .collect()
}

#[test]
fn keys_send_their_requests() {
    let mut v = viewer(&["a.log"]);
    show(&mut v, &["one", "two"]);
    for (key, ask) in [
        ('j', LogRequest::Move(Move::By(1))),
        ('k', LogRequest::Move(Move::By(-1))),
        ('g', LogRequest::Move(Move::Top)),
        ('G', LogRequest::Move(Move::End)),
        (' ', LogRequest::Move(Move::Halves(2))),
        ('b', LogRequest::Move(Move::Halves(-2))),
        ('F', LogRequest::Move(Move::Follow)),
        (
            'e',
            LogRequest::Seek {
                what: Sought::Error,
                forward: true,
            },
        ),
        (
            'W',
            LogRequest::Seek {
                what: Sought::Warning,
                forward: false,
            },
        ),
        (
            'N',
            LogRequest::Seek {
                what: Sought::Hit,
                forward: false,
            },
        ),
        ('y', LogRequest::Copy { line: 1 }),
        ('d', LogRequest::Resize { rows: 4, strip: 60 }),
    ] {
        assert_eq!(asks(press(&mut v, key)), [ask], "{key}");
    }
    assert_eq!(asks(enter(&mut v)), [LogRequest::Record { line: 1 }]);
    assert_eq!(
        asks(typed(&mut v, '@', "-15m")),
        [LogRequest::Jump(Jump::By(-900_000))]
    );
    assert_eq!(press(&mut v, 'q'), [Effect::Quit]);
}

#[test]
fn a_bad_pattern_is_reported_and_the_old_one_kept() {
    let mut v = viewer(&["a.log"]);
    show(&mut v, &["one two", "three"]);
    assert_eq!(asks(typed(&mut v, '/', "two")).len(), 2);
    assert!(typed(&mut v, '/', "(").is_empty());
    let foot = screen(&v).pop().unwrap();
    assert!(
        foot.contains("unclosed") && foot.contains("again: ("),
        "{foot}"
    );
    assert_eq!(
        v.search.as_ref().map(|(text, _)| text.as_str()),
        Some("two")
    );
    v.update(Msg::Key(KeyEvent::from(KeyCode::Esc)));
    assert!(v.over.is_none() && v.search.is_some());
    assert_eq!(
        asks(v.update(Msg::Key(KeyEvent::from(KeyCode::Esc)))),
        [LogRequest::Search(None)]
    );
}

#[test]
fn filters_stack_and_are_turned_off_one_by_one_or_all() {
    let mut v = viewer(&["a.log"]);
    show(&mut v, &["one", "two"]);
    let count = |effects: Vec<Effect>| match asks(effects).pop() {
        Some(LogRequest::Rules { rules, floor }) => {
            (rules.len(), rules.iter().filter(|r| r.hide).count(), floor)
        }
        other => panic!("{other:?}"),
    };
    assert_eq!(count(typed(&mut v, '&', "a")), (1, 0, Level::Debug));
    assert_eq!(count(typed(&mut v, '!', "b")), (2, 1, Level::Debug));
    assert_eq!(count(press(&mut v, 'V')), (0, 0, Level::Debug));
    assert_eq!(count(press(&mut v, 'V')), (2, 1, Level::Debug));
    assert_eq!(count(press(&mut v, 'l')), (2, 1, Level::Info));
    press(&mut v, 'v');
    assert_eq!(
        count(enter(&mut v)),
        (1, 0, Level::Info),
        "the last one is selected"
    );
    assert!(
        screen(&v).iter().any(|l| l.contains("off hide b")),
        "{:#?}",
        screen(&v)
    );
    assert_eq!(count(press(&mut v, 'x')), (1, 0, Level::Info));
    assert_eq!(count(press(&mut v, 'x')), (0, 0, Level::Info));
    assert!(v.over.is_none(), "an empty list closes");
}

#[test]
fn marks_have_notes_and_can_be_jumped_to_and_saved() {
    let mut v = viewer(&["a.log"]);
    show(&mut v, &["one", "two", "three"]);
    typed(&mut v, 'm', "look here");
    assert!(screen(&v)[1].starts_with("Mtwo"));
    v.shown.cursor = 2;
    assert_eq!(asks(press(&mut v, 'u')), [LogRequest::Move(Move::Line(1))]);
    assert!(screen(&v).last().unwrap().contains("mark: look here"));
    press(&mut v, 's');
    v.update(Msg::Key(KeyEvent::new(
        KeyCode::Char('u'),
        KeyModifiers::CONTROL,
    )));
    "marked out.jsonl"
        .chars()
        .for_each(|c| drop(press(&mut v, c)));
    let export = format!("{:?}", asks(enter(&mut v)));
    assert!(
        export.contains("Marked([1])") && export.contains("out.jsonl"),
        "{export}"
    );
    v.shown.cursor = 1;
    press(&mut v, 'm');
    assert!(v.marks.is_empty());
    typed(&mut v, 'm', "");
    let moved = Shown {
        generation: 1,
        ..v.shown.clone()
    };
    v.update(Msg::File(
        Ticket::default(),
        LogUpdate::Shown(Box::new(moved)),
    ));
    assert!(
        v.marks.is_empty(),
        "line numbers of a truncated file mean other lines"
    );
}

#[test]
fn the_status_line_shows_the_state() {
    let mut v = viewer(&["a.log"]);
    v.update(Msg::Resize(150, 4));
    show(&mut v, &["one", "two"]);
    typed(&mut v, '/', "t");
    typed(&mut v, '&', "o");
    v.shown.hits = Some(Hits {
        here: Some(1),
        count: 7,
        complete: false,
    });
    v.shown.visible = Some((40, true));
    v.shown.new = 3;
    v.shown.busy = Some(41);
    let foot = screen(&v).pop().unwrap();
    for part in [
        "a.log",
        "41% read",
        "1 of 1 filters",
        "60 hidden",
        "/t: 1 of 7 so far",
        "3 new",
        "  2 of 100",
    ] {
        assert!(foot.contains(part), "{part}: {foot}");
    }
    v.shown.follow = true;
    assert!(screen(&v).pop().unwrap().contains("following"));
}

#[test]
fn lines_are_safe_cut_scrolled_and_wrapped() {
    let mut v = viewer(&["a.log"]);
    let evil = "\x1b]52;c;aGk=\x07 \u{202e}x \x1b[31mred\x1b[0m \u{9b}2J";
    show(&mut v, &[&"0123456789".repeat(20), evil, "日本語"]);
    let lines = screen(&v);
    assert_eq!(
        lines[0],
        format!(" {}", "0123456789".repeat(6)[..58].to_owned() + "…")
    );
    assert_eq!(lines[1], ">^[]52;c;aGk=^G <U+202E>x red \\x9b2J");
    v.update(Msg::Key(KeyEvent::from(KeyCode::Right)));
    assert!(screen(&v)[0].starts_with(" 6789"));
    press(&mut v, 'z');
    let lines = screen(&v);
    assert_eq!(
        lines[4].chars().next(),
        Some('>'),
        "the cursor line stays on screen whatever the others take: {lines:#?}"
    );
    for (width, height) in [(1, 1), (2, 2), (5, 1), (300, 3)] {
        v.update(Msg::Resize(width, height));
        for key in ['z', 'd', 't', '?'] {
            press(&mut v, key);
            screen(&v);
        }
        v.update(Msg::Key(KeyEvent::from(KeyCode::Esc)));
    }
}

#[test]
fn the_colours_of_lines_are_shown_if_wanted() {
    let mut v = viewer(&["a.log"]);
    show(&mut v, &["\x1b[32mgreen\x1b[2J", "plain"]);
    let colour = |v: &Viewer, x, y| {
        let mut terminal = Terminal::new(TestBackend::new(60, 6)).unwrap();
        terminal.draw(|frame| drop(v.draw(frame))).unwrap();
        terminal.backend().buffer()[(x, y)].fg
    };
    let before = screen(&v);
    assert_eq!(
        (colour(&v, 1, 0), colour(&v, 1, 1)),
        (Color::Reset, Color::Reset)
    );
    press(&mut v, 'C');
    assert_eq!(
        (colour(&v, 1, 0), colour(&v, 1, 1)),
        (Color::Green, Color::Reset),
        "they end with the line"
    );
    assert_eq!(screen(&v), before, "colours change no text");
    press(&mut v, 'z');
    assert_eq!(colour(&v, 1, 0), Color::Green);
    press(&mut v, 'C');
    assert_eq!(colour(&v, 1, 0), Color::Reset);
}

#[test]
fn times_and_sources_have_columns() {
    let mut v = viewer(&["alpha.log", "beta.log"]);
    v.update(Msg::Resize(80, 4));
    show(&mut v, &["2026-11-21T10:30:00+01:00 x", "no time"]);
    assert!(screen(&v)[0].starts_with(" alpha.log"));
    press(&mut v, 't');
    assert!(
        screen(&v)[0].starts_with(" 09:30:00.000 alpha.log"),
        "{:?}",
        screen(&v)
    );
    assert!(screen(&v).pop().unwrap().contains("times in UTC"));
    v.facts.zone = zone(Some("Asia/Kolkata"));
    press(&mut v, 't');
    assert!(
        screen(&v)[0].starts_with(" 15:00:00.000 alpha.log"),
        "{:?}",
        screen(&v)
    );
    assert!(screen(&v).pop().unwrap().contains("times in Asia/Kolkata"));
    press(&mut v, 't');
    assert!(
        screen(&v)[0].starts_with(" alpha.log")
            && screen(&v).pop().unwrap().contains("no column of times")
    );
}

#[test]
fn help_lists_the_viewers_keys_and_runs_them() {
    let mut v = viewer(&["a.log"]);
    v.update(Msg::Resize(100, 60));
    press(&mut v, '?');
    let all = screen(&v).join("\n");
    for (action, keys) in Keymap::built_in().live(Context::File) {
        assert!(
            all.contains(action.about()) && all.contains(&keys[0].to_string()),
            "{}",
            action.name()
        );
    }
    "go to a time".chars().for_each(|c| drop(press(&mut v, c)));
    enter(&mut v);
    assert!(screen(&v).pop().unwrap().contains("go to ("));
}
