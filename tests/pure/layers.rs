//! Reads the sources and fails, with file, line and rule, on a forbidden dependency between
//! modules, a file without a head comment, and debugging code.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot read the sources has failed"
)]

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

/// (files of the rule, names that may not appear in them). A rule applies to paths that start with
/// its prefix.
const FORBIDDEN: &[(&str, &[&str])] = &[
    (
        "src/core",
        &[
            "std::fs",
            "std::net",
            "std::process",
            "std::env",
            "SystemTime",
            "Utc::now",
            "Local::now",
            "Instant::now",
        ],
    ),
    (
        "src/config",
        &[
            "tokio",
            "sqlx",
            "reqwest",
            "ratatui",
            "crate::store",
            "crate::engine",
            "crate::control",
            "crate::tui",
            "crate::cli",
        ],
    ),
    (
        "src/store",
        &[
            "crate::adapter",
            "crate::engine",
            "crate::control",
            "crate::tui",
            "crate::cli",
            "reqwest",
            "ratatui",
            "crate::clock",
        ],
    ),
    (
        "src/adapter",
        &[
            "crate::store",
            "crate::engine",
            "crate::control",
            "crate::tui",
            "crate::cli",
            "sqlx",
            "ratatui",
        ],
    ),
    (
        "src/logfile",
        &[
            "tokio",
            "sqlx",
            "reqwest",
            "ratatui",
            "crossterm",
            "crate::store",
            "crate::engine",
            "crate::adapter",
            "crate::control",
            "crate::tui",
            "crate::cli",
            "crate::config",
        ],
    ),
    (
        "src/engine",
        &[
            "crate::control",
            "crate::tui",
            "crate::cli",
            "sqlx",
            "reqwest",
            "ratatui",
        ],
    ),
    (
        "src/control",
        &[
            "ratatui",
            "crossterm",
            "clap",
            "axum",
            "crate::tui",
            "crate::cli",
            "sqlx",
            "reqwest",
        ],
    ),
    (
        "src/demo",
        &[
            "sqlx",
            "reqwest",
            "ratatui",
            "crossterm",
            "crate::store",
            "crate::engine",
            "crate::tui",
            "crate::cli",
        ],
    ),
    (
        "src/tui",
        &[
            "crate::engine",
            "crate::adapter",
            "crate::cli",
            "sqlx",
            "reqwest",
        ],
    ),
    (
        "src/cli",
        &["crate::engine", "crate::adapter", "sqlx", "reqwest"],
    ),
    (
        "src/program.rs",
        &[
            "crate::store",
            "crate::engine",
            "crate::adapter",
            "sqlx",
            "reqwest",
        ],
    ),
    ("src/tui/app", &["tokio", "crate::control::Control"]),
    ("src/tui/msg", &["tokio", "crate::control::Control"]),
    ("src/tui/keys", &["tokio", "crate::control"]),
    ("src/tui/home", &["tokio", "crate::control::Control"]),
    ("src/tui/pane", &["tokio", "crate::control::Control"]),
    ("src/tui/popup", &["tokio", "crate::control::Control"]),
    ("src/tui/viewer", &["tokio", "crate::control"]),
    ("src/tui/view", &["tokio", "crate::control::Control"]),
    ("src", &["todo!(", "unimplemented!(", "dbg!(", "#[allow("]),
];

/// (files, name, why): exceptions to the rules above.
const EXCEPTIONS: &[(&str, &str, &str)] = &[(
    "src/adapter/sql",
    "sqlx",
    "connects to the databases that runbooks name, never to the store",
)];

/// Only subcommands print: output would damage the screen of the console.
const PRINTING: &[&str] = &["println!(", "print!(", "eprintln!(", "eprint!("];
const MAY_PRINT: &[&str] = &["src/cli", "src/main.rs"];

#[test]
fn dependencies_point_one_way() {
    let mut wrong = String::new();
    for file in sources() {
        let name = file.display().to_string();
        let text = fs::read_to_string(&file).unwrap();
        if !text.starts_with("//!") {
            let _ = writeln!(
                wrong,
                "{name}:1: every file starts with //! lines that say what it is"
            );
        }
        for (number, line) in production_lines(&text) {
            for (prefix, words) in FORBIDDEN
                .iter()
                .filter(|(prefix, _)| name.starts_with(prefix))
            {
                let excepted = |word: &str| {
                    EXCEPTIONS
                        .iter()
                        .any(|(file, w, _)| name.starts_with(file) && *w == word)
                };
                for word in words
                    .iter()
                    .filter(|word| uses(line, word) && !excepted(word))
                {
                    let _ = writeln!(
                        wrong,
                        "{name}:{number}: {prefix} may not use {word}: {}",
                        line.trim()
                    );
                }
            }
            if PRINTING.iter().any(|p| uses(line, p))
                && !MAY_PRINT.iter().any(|p| name.starts_with(p))
            {
                let _ = writeln!(
                    wrong,
                    "{name}:{number}: only subcommands print: {}",
                    line.trim()
                );
            }
        }
    }
    assert!(wrong.is_empty(), "\n{wrong}");
}

/// The rooms of the core, each of which may use those before it.
const ROOMS: &[&str] = &[
    "base",
    "stack",
    "expr",
    "integration",
    "run",
    "metric",
    "health",
    "routine",
    "access",
    "logline",
    "command",
    "runbook",
];

#[test]
fn rooms_of_the_core_use_only_earlier_ones() {
    let mut wrong = String::new();
    for file in sources() {
        let name = file.display().to_string();
        let Some(room) = name.strip_prefix("src/core/") else {
            continue;
        };
        let room = room.split(['/', '.']).next().unwrap_or_default();
        let Some(own) = ROOMS.iter().position(|r| *r == room) else {
            assert_eq!(room, "lib", "{name} is in no room: list it in ROOMS");
            continue;
        };
        if name.ends_with("tests.rs") {
            continue;
        }
        let text = fs::read_to_string(&file).unwrap();
        for (number, line) in production_lines(&text) {
            for later in ROOMS[own + 1..]
                .iter()
                .filter(|r| uses(line, &format!("crate::{r}")))
            {
                let _ = writeln!(wrong, "{name}:{number}: {room} may not use {later}");
            }
        }
    }
    assert!(wrong.is_empty(), "\n{wrong}");
}

/// The frame of the console: it opens views and popups, hands them messages and paints them, all
/// without knowing which there are.
const FRAME: &[&str] = &[
    "src/tui/app.rs",
    "src/tui/app/",
    "src/tui/msg.rs",
    "src/tui/perform.rs",
    "src/tui/view.rs",
    "src/tui/view/",
];

#[test]
fn the_frame_of_the_console_names_no_view_and_no_popup() {
    let (mut wrong, mut seen) = (String::new(), 0);
    for file in sources() {
        let name = file.display().to_string();
        if !FRAME.iter().any(|frame| name.starts_with(frame)) {
            continue;
        }
        seen += 1;
        let text = fs::read_to_string(&file).unwrap();
        for (number, path) in paths(&text) {
            if names_a_view(&path) {
                let _ = writeln!(
                    wrong,
                    "{name}:{number}: only pane.rs and popup.rs name a view or popup: {path}"
                );
            }
        }
    }
    assert!(seen > 10, "{seen} files");
    assert!(wrong.is_empty(), "\n{wrong}");
}

#[test]
fn a_named_view_is_found() {
    for (line, found) in [
        ("use crate::tui::pane::run::RunScreen;", 1),
        ("use crate::tui::pane::{Destination, View};", 0),
        (
            "use super::{\n    keys::Key,\n    pane::{Screen, reader::{self, TextReader}},\n};",
            2,
        ),
        ("use super::popup::{Popup, help::Help};", 1),
        ("use crate::tui::pane::*;", 1),
        ("let view = pane::runs::RunsScreen::open(filter);", 1),
        ("if matches!(top, Some(Screen::Run(_))) {}", 1),
        ("popups.push(Popup::Help(Box::new(help)));", 1),
        ("popups.push(Popup::help(context));", 0),
        (
            "self.open(Destination::Run { run, request }); // Screen::Run",
            0,
        ),
    ] {
        let named = paths(line)
            .into_iter()
            .filter(|(_, path)| names_a_view(path))
            .count();
        assert_eq!(named, found, "{line}: {:?}", paths(line));
    }
}

/// A module of a view or popup, or a variant of the enums of all of them.
fn names_a_view(path: &str) -> bool {
    let segments: Vec<&str> = path.split("::").collect();
    segments.windows(2).any(|pair| {
        let upper = pair[1].starts_with(char::is_uppercase);
        match pair[0] {
            "pane" | "popup" => !upper && pair[1] != "self",
            "Screen" | "Popup" => upper,
            _ => false,
        }
    })
}

/// All paths of more than one part, with their lines; those of a `use` one by one.
fn paths(text: &str) -> Vec<(usize, String)> {
    let (mut found, mut import) = (Vec::new(), None::<(usize, String)>);
    for (number, line) in production_lines(text) {
        let begins = line
            .trim_start()
            .trim_start_matches("pub ")
            .trim_start_matches("pub(crate) ")
            .trim_start_matches("pub(super) ")
            .starts_with("use ");
        if import.is_none() && !begins {
            let inline = line
                .split(|c: char| !c.is_alphanumeric() && !"_:".contains(c))
                .filter(|path| path.contains("::"));
            found.extend(inline.map(|path| (number, path.to_owned())));
            continue;
        }
        let (begin, mut whole) = import.take().unwrap_or((number, String::new()));
        whole.push_str(line);
        if whole.contains(';') {
            let path = whole.split_once("use ").unwrap().1;
            let path = path.split(';').next().unwrap_or_default();
            found.extend(imported(path).into_iter().map(|path| (begin, path)));
        } else {
            import = Some((begin, whole));
        }
    }
    found
}

/// The paths of a `use`: `a::{b, c::{d}}` is `a::b` and `a::c::d`.
fn imported(path: &str) -> Vec<String> {
    let Some((before, group)) = path.split_once('{') else {
        return vec![path.trim().to_owned()];
    };
    let group = group.rsplit_once('}').map_or(group, |(inside, _)| inside);
    let (mut parts, mut depth) = (vec![String::new()], 0);
    for c in group.chars() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(String::new());
                continue;
            }
            _ => {}
        }
        parts.last_mut().unwrap().push(c);
    }
    parts
        .iter()
        .filter(|part| !part.trim().is_empty())
        .flat_map(|part| imported(part))
        .map(|part| format!("{}{part}", before.trim()))
        .collect()
}

/// A file that its parent module does not declare would be ignored silently.
#[test]
fn every_file_is_listed() {
    let mut missing = String::new();
    for file in sources() {
        let stem = file.file_stem().unwrap().to_string_lossy().into_owned();
        let dir = file.parent().unwrap();
        let parent = if [Path::new("src"), Path::new("src/core")].contains(&dir) {
            dir.join("lib.rs")
        } else {
            dir.with_extension("rs")
        };
        if ["lib", "main"].contains(&stem.as_str()) {
            continue;
        }
        let listed = fs::read_to_string(&parent)
            .unwrap_or_default()
            .lines()
            .any(|l| {
                l.trim_start_matches("pub ")
                    .trim_start_matches("pub(crate) ")
                    .trim_start_matches("pub(super) ")
                    == format!("mod {stem};")
            });
        if !listed {
            let _ = writeln!(
                missing,
                "{} is not declared in {}",
                file.display(),
                parent.display()
            );
        }
    }
    assert!(missing.is_empty(), "\n{missing}");
}

/// Lines that are neither comments nor inside the file's test module (which comes last).
fn production_lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.lines()
        .enumerate()
        .take_while(|(_, line)| line.trim() != "#[cfg(test)]")
        .map(|(index, line)| (index + 1, line.split("//").next().unwrap_or("")))
}

/// Whether `line` contains `word` as a whole name.
fn uses(line: &str, word: &str) -> bool {
    line.match_indices(word).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        let after = line[at + word.len()..].chars().next();
        let joined = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
        !joined(before) && (word.ends_with('(') || !joined(after))
    })
}

fn sources() -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![PathBuf::from("src")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == "rs") {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}
