//! The picture of the README: home with the stack of the demo, as SVG.
//! `OPSROOM_BLESS=1 cargo test --test console picture` rewrites it. With `OPSROOM_PICTURES=FOLDER` the
//! same code paints every kind of screen in every theme and three sizes into that folder.

#![expect(clippy::expect_used, reason = "a broken stack file fails the test")]

use std::collections::HashMap;
use std::fmt::Write as _;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use opsroom::bus::Notice;
use opsroom::config;
use opsroom::config::palette::{self, Palette};
use opsroom::core::base::sgr::Colour;
use opsroom::core::health::day::{Day, HOUR_MS};
use opsroom::core::health::observation::{Observation, TargetSummary};
use opsroom::core::run::event::{Entry, EntryBody, Level, Stream};
use opsroom::core::run::plan::Target;
use opsroom::core::run::{Phase, RunId};
use opsroom::core::stack::service::{Stack, Verb};
use opsroom::core::stack::state::State;
use opsroom::tui::facts::Facts;
use opsroom::tui::msg::Msg;
use opsroom::tui::theme::Theme;
use ratatui::buffer::{Buffer, Cell};
use ratatui::style::{Color, Modifier};

use super::screen::{Console, text};
use super::world::{NOW, World, entry, plan};

const FILE: &str = "assets/home.svg";
const SIZE: (u16, u16) = (120, 32);
/// A cell in pixels.
const CELL: (usize, usize) = (9, 19);
const MARGIN: usize = 12;

/// The terminal's own colours in a picture.
#[derive(Clone, Copy)]
struct Paper {
    foreground: &'static str,
    background: &'static str,
}

const DARK: Paper = Paper {
    foreground: "#d4d4d4",
    background: "#1b1d21",
};
const LIGHT: Paper = Paper {
    foreground: "#202124",
    background: "#ffffff",
};

#[test]
fn the_picture_is_fresh() {
    let mut console = home();
    console.shows("SIMULATED").shows("payments-api");
    let fresh = svg(&console.paint(), DARK);
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(FILE);
    if std::env::var_os("OPSROOM_BLESS").is_some() {
        std::fs::write(path, fresh).expect("the picture can be written");
        return;
    }
    let before = std::fs::read_to_string(path).unwrap_or_default();
    assert!(
        before == fresh,
        "{FILE} is stale: OPSROOM_BLESS=1 cargo test --test console picture"
    );
}

#[test]
fn the_picture_has_every_text_of_the_screen() {
    let screen = home().paint();
    let svg = svg(&screen, DARK);
    let mut words = 0;
    for word in text(&screen)
        .split_whitespace()
        .filter(|w| w.chars().all(char::is_alphanumeric))
    {
        assert!(svg.contains(word), "{word}");
        words += 1;
    }
    assert!(words > 100, "{words} words");
    assert_eq!(svg.matches("<text").count(), svg.matches("</text>").count());
}

#[test]
fn every_text_can_be_read_on_dark_and_on_light() {
    let folder = std::env::var_os("OPSROOM_PICTURES");
    for size in [(80, 24), (120, 32), (200, 50)] {
        for (name, palette, paper) in [
            ("dark", Palette::dark(), DARK),
            ("light", Palette::light(), LIGHT),
            ("mono", Palette::mono(), DARK),
            ("auto", Palette::sixteen(), DARK),
        ] {
            for (view, console) in gallery(Theme::with(palette), size) {
                let (screen, (width, height)) = (console.paint(), size);
                if let Some(folder) = &folder {
                    let file = format!("{view}-{name}-{width}x{height}.svg");
                    std::fs::write(Path::new(folder).join(file), svg(&screen, paper))
                        .expect("the folder exists");
                }
                // The sixteen colours are what the terminal makes of them.
                if name != "auto" {
                    readable(&screen, name, view);
                }
            }
        }
    }
}

/// Every text that is not blank has a contrast of 4.5 on its background.
fn readable(screen: &Buffer, name: &str, view: &str) {
    let paper = match name {
        "light" => (Colour::Rgb(0, 0, 0), Colour::Rgb(255, 255, 255)),
        _ => (Colour::Rgb(255, 255, 255), Colour::Rgb(0, 0, 0)),
    };
    for y in 0..screen.area.height {
        for x in 0..screen.area.width {
            let cell = &screen[(x, y)];
            let text = numbered(cell.fg).unwrap_or(paper.0);
            let behind = numbered(cell.bg).unwrap_or(paper.1);
            let found = palette::contrast(text, behind);
            assert!(
                cell.symbol().trim().is_empty() || found >= 4.5,
                "{view} {name} at {x},{y}: `{}` has {found:.1}\n{}",
                cell.symbol(),
                super::screen::text(screen)
            );
        }
    }
}

/// A screen of every kind.
fn gallery(theme: Theme, size: (u16, u16)) -> Vec<(&'static str, Console)> {
    let at = |world| {
        let facts = Facts {
            actor: "ana".to_owned(),
            ..Facts::default()
        };
        Console::themed(world, facts, theme, size)
    };
    let keys = |mut console: Console, keys: &str| {
        console.press(keys);
        console
    };
    let command = |mut console: Console, text: &str| {
        console.command(text);
        console
    };
    let prod = || at(World::with_plan(plan("prod", true)));
    let typed = |mut console: Console| {
        console.press(":").type_text("deploy web to prod");
        console
    };
    let news = |keys: &str| {
        let mut console = at(World::default());
        console
            .send(Msg::Notice(Notice::Entries(RunId(40), 12)))
            .send(Msg::Tick(NOW.plus_ms(75_000)))
            .press(keys);
        console
    };
    let file = || {
        at(World {
            file: Some(include_str!("picture/app.log").to_owned()),
            ..World::default()
        })
    };
    vec![
        ("routines", command(at(World::default()), "routines")),
        (
            "routine",
            keys(command(at(World::default()), "routines"), "Enter"),
        ),
        ("runbooks", command(at(World::default()), "runbooks")),
        (
            "runbook",
            keys(command(at(World::default()), "runbooks"), "Enter"),
        ),
        ("verbs", keys(at(demo_world()), ".")),
        (
            "verbs-runbook",
            keys(command(at(World::default()), "runbooks"), "."),
        ),
        ("finder-menu", keys(at(demo_world()), ",")),
        ("finder", keys(at(demo_world()), ", s")),
        ("finder-commands", keys(at(demo_world()), ", c")),
        ("file", command(file(), "tail -f /var/log/app.log")),
        ("reader", command(at(World::default()), "help deploy")),
        ("news-home", news("1")),
        ("news-runs", news("r")),
        ("home", at(demo_world())),
        ("home-log", keys(at(demo_world()), "3")),
        ("run", keys(at(World::default()), "3 Enter")),
        ("run-steps", keys(at(World::default()), "3 Enter 1")),
        ("runs", keys(at(World::default()), "r")),
        ("service", keys(at(World::default()), "Enter")),
        ("score", keys(at(demo_world()), "h")),
        ("card", command(prod(), "deploy web to prod")),
        ("bar", typed(prod())),
        ("control", keys(at(World::default()), "3 Enter c")),
        ("help", keys(at(World::default()), "?")),
    ]
}

/// Home with the demo's stack: a deploy has just ended, one service is slow, one is down.
fn home() -> Console {
    let facts = Facts {
        actor: "ana".to_owned(),
        simulated: true,
        ..Facts::default()
    };
    Console::with(demo_world(), facts, true, SIZE)
}

fn demo_world() -> World {
    let mut world = World::at_rest();
    let stack = demo_stack();
    world.overview.states = states(&stack).into();
    world.overview.days = Arc::new(days(&world.overview.states));
    world.overview.stack = Arc::new(stack);
    world.overview.update_score(NOW);
    "check staging".clone_into(&mut world.overview.runs[1].title);
    "deploy web → staging".clone_into(&mut world.overview.runs[0].title);
    world.log = log();
    world.overview.runs[0].last_seq = world.log.last().map_or(0, |entry| entry.seq);
    world
}

fn demo_stack() -> Stack {
    let text = include_str!("../../assets/demo/stack.toml")
        .replace("{base}", "http://127.0.0.1:8000")
        .replace("{dir}", "/tmp");
    config::stack::read("stack.toml", &text).expect("the demo's stack file has no mistake")
}

fn states(stack: &Stack) -> Vec<(Target, TargetSummary)> {
    let mut states = Vec::new();
    for service in &stack.services {
        if !service.actions.iter().any(|a| a.verb == Verb::Probe) {
            continue;
        }
        for env in &service.environments {
            let target = Target {
                service: service.name.clone(),
                env: Some(env.clone()),
            };
            let latency = 8 + i64::try_from(target.to_string().len()).unwrap_or(0) * 3;
            let (state, latency, message) = match (service.name.as_str(), env.as_str()) {
                ("search", "prod") => (State::Degraded, 640, "slower than 500 ms"),
                ("billing worker", "prod") => (State::Failing, 12, "HTTP 500 in 12 ms"),
                _ => (State::Ok, latency, "HTTP 200"),
            };
            let latest = Observation {
                target: target.clone(),
                at: NOW.plus_ms(-4000),
                state,
                latency_ms: Some(latency),
                message: message.to_owned(),
                run: None,
            };
            states.push((target, TargetSummary::of(latest)));
        }
    }
    states
}

fn days(states: &[(Target, TargetSummary)]) -> HashMap<Target, Day> {
    let hour = NOW.0 / HOUR_MS;
    let day = |summary: &TargetSummary| {
        let (state, failing) = match summary.latest.state {
            State::Failing => (State::Failing, 49.0),
            state => (state, 2.0),
        };
        Day {
            samples: 1440,
            uptime_pct: Some(100.0 - failing * 100.0 / 1440.0),
            p95_ms: summary.latest.latency_ms.map(|ms| ms + ms / 4),
            hours: (0..24)
                .map(|ago| (hour - ago, if ago < 2 { state } else { State::Ok }))
                .collect(),
        }
    };
    states.iter().map(|(t, s)| (t.clone(), day(s))).collect()
}

/// The log of the deploy.
fn log() -> Vec<Entry> {
    let event = |phase, level, source: &str, message: &str| EntryBody::Event {
        level,
        phase: Some(phase),
        source: source.to_owned(),
        message: message.to_owned(),
        data: None,
    };
    let output = |text: &str| EntryBody::Output {
        stream: Stream::Stdout,
        text: text.to_owned(),
    };
    let lines = [
        event(
            Phase::Preflight,
            Level::Info,
            "engine",
            "deploy web → staging begins, requested by ana",
        ),
        event(
            Phase::Preflight,
            Level::Info,
            "http",
            "web in staging: HTTP 200 in 41 ms",
        ),
        event(Phase::Action, Level::Info, "shell", "release.sh 1.4.2"),
        output("fetching web 1.4.2"),
        output("checksum matches"),
        output("draining web-1, then web-2"),
        event(
            Phase::Action,
            Level::Warn,
            "shell",
            "web-2 needed a second attempt to drain",
        ),
        output("web-1 runs 1.4.2"),
        output("web-2 runs 1.4.2"),
        event(
            Phase::Verify,
            Level::Info,
            "http",
            "web in staging: HTTP 200 in 38 ms",
        ),
        event(
            Phase::Summarize,
            Level::Info,
            "engine",
            "succeeded after 9 s",
        ),
    ];
    (1..)
        .zip(lines)
        .map(|(seq, body)| Entry {
            at: NOW.plus_ms((seq - 12) * 800),
            step: Some(u32::from(seq > 2)),
            body,
            ..entry(seq)
        })
        .collect()
}

fn svg(buffer: &Buffer, paper: Paper) -> String {
    let (columns, rows) = (
        usize::from(buffer.area.width),
        usize::from(buffer.area.height),
    );
    let (width, height) = (columns * CELL.0 + 2 * MARGIN, rows * CELL.1 + 2 * MARGIN);
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" height=\"{height}\" font-family=\"ui-monospace,Menlo,Consolas,'DejaVu Sans Mono',monospace\" font-size=\"15\">\n<title>opsroom: the home screen of the demo</title>\n<rect width=\"{width}\" height=\"{height}\" rx=\"8\" fill=\"{}\"/>\n",
        paper.background
    );
    for y in 0..buffer.area.height {
        let mut x = 0;
        while x < buffer.area.width {
            let style = buffer[(x, y)].style();
            let end = (x..buffer.area.width)
                .find(|i| buffer[(*i, y)].style() != style)
                .unwrap_or(buffer.area.width);
            piece(&mut out, (buffer, paper), x..end, y);
            x = end;
        }
    }
    out.push_str("</svg>\n");
    out
}

/// Cells of one style.
fn piece(out: &mut String, (buffer, paper): (&Buffer, Paper), columns: Range<u16>, y: u16) {
    let cell = &buffer[(columns.start, y)];
    let symbols: String = columns.clone().map(|x| buffer[(x, y)].symbol()).collect();
    let (foreground, background) = colours(cell, paper);
    let (left, top) = (
        MARGIN + usize::from(columns.start) * CELL.0,
        MARGIN + usize::from(y) * CELL.1,
    );
    let (wide, high) = (columns.len() * CELL.0, CELL.1);
    if background != paper.background {
        let _ = writeln!(
            out,
            "<rect x=\"{left}\" y=\"{top}\" width=\"{wide}\" height=\"{high}\" fill=\"{background}\"/>"
        );
    }
    let looks = looks(cell);
    for (at, shown) in words(&symbols) {
        let (left, base) = (left + at * CELL.0, top + 15);
        let wide = shown.chars().count() * CELL.0;
        let shown = shown.replace('&', "&amp;").replace('<', "&lt;");
        let _ = writeln!(
            out,
            "<text x=\"{left}\" y=\"{base}\" textLength=\"{wide}\" fill=\"{foreground}\"{looks}>{shown}</text>"
        );
    }
}

/// A text without the gaps of two spaces and more, which not every program keeps: its parts, and the
/// columns they begin at.
fn words(symbols: &str) -> Vec<(usize, String)> {
    let (mut parts, mut part) = (Vec::new(), String::new());
    for (at, c) in symbols.chars().chain([' ', ' ']).enumerate() {
        if c == ' ' && (part.is_empty() || part.ends_with(' ')) {
            let begins = at - part.chars().count();
            let whole = std::mem::take(&mut part);
            parts.extend((!whole.is_empty()).then(|| (begins, whole.trim_end().to_owned())));
        } else {
            part.push(c);
        }
    }
    parts
}

fn looks(cell: &Cell) -> String {
    [
        (Modifier::BOLD, " font-weight=\"bold\""),
        (Modifier::DIM, " fill-opacity=\"0.6\""),
        (Modifier::UNDERLINED, " text-decoration=\"underline\""),
    ]
    .into_iter()
    .filter(|(modifier, _)| cell.modifier.contains(*modifier))
    .map(|(_, look)| look)
    .collect()
}

/// Foreground and background of a cell.
fn colours(cell: &Cell, paper: Paper) -> (String, String) {
    let foreground = hex(cell.fg, paper.foreground);
    let background = hex(cell.bg, paper.background);
    if cell.modifier.contains(Modifier::REVERSED) {
        (background, foreground)
    } else {
        (foreground, background)
    }
}

fn hex(colour: Color, default: &str) -> String {
    let named = match colour {
        Color::Black => "#000000",
        Color::Red => "#e06c75",
        Color::Green => "#98c379",
        Color::Yellow => "#e5c07b",
        Color::Blue => "#61afef",
        Color::Magenta => "#c678dd",
        Color::Cyan => "#56b6c2",
        Color::Gray => "#abb2bf",
        Color::DarkGray => "#5c6370",
        Color::LightRed => "#ff7a85",
        Color::LightGreen => "#b5e890",
        Color::LightYellow => "#ffe08a",
        Color::LightBlue => "#82c4ff",
        Color::LightMagenta => "#d99bf0",
        Color::LightCyan => "#7fd8e3",
        Color::White => "#ffffff",
        other => {
            let Some(colour) = numbered(other) else {
                return default.to_owned();
            };
            let (r, g, b) = palette::rgb(colour);
            return format!("#{r:02x}{g:02x}{b:02x}");
        }
    };
    named.to_owned()
}

fn numbered(colour: Color) -> Option<Colour> {
    match colour {
        Color::Indexed(index) => Some(Colour::Indexed(index)),
        Color::Rgb(r, g, b) => Some(Colour::Rgb(r, g, b)),
        _ => None,
    }
}
