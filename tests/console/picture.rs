//! The picture of the README: home with the stack of the demo, as SVG.
//! `OPSROOM_BLESS=1 cargo test --test console picture` rewrites it.

#![expect(clippy::expect_used, reason = "a broken stack file fails the test")]

use std::fmt::Write as _;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use opsroom::config;
use opsroom::core::health::observation::{Observation, TargetSummary};
use opsroom::core::run::Phase;
use opsroom::core::run::event::{Entry, EntryBody, Level, Stream};
use opsroom::core::run::plan::Target;
use opsroom::core::stack::service::{Stack, Verb};
use opsroom::core::stack::state::State;
use opsroom::tui::facts::Facts;
use ratatui::buffer::{Buffer, Cell};
use ratatui::style::{Color, Modifier};

use super::screen::{Console, text};
use super::world::{NOW, World, entry};

const FILE: &str = "assets/home.svg";
const SIZE: (u16, u16) = (120, 32);
/// A cell in pixels.
const CELL: (usize, usize) = (9, 19);
const MARGIN: usize = 12;
const FOREGROUND: &str = "#d4d4d4";
const BACKGROUND: &str = "#1b1d21";

#[test]
fn the_picture_is_fresh() {
    let mut console = home();
    console.shows("SIMULATED").shows("payments-api");
    let fresh = svg(&console.paint());
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
    let svg = svg(&screen);
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

/// Home with the demo's stack: a deploy has just ended, one service is slow, one is down.
fn home() -> Console {
    let mut world = World::at_rest();
    let stack = demo_stack();
    world.overview.states = states(&stack);
    world.overview.stack = Arc::new(stack);
    world.overview.update_score(NOW);
    "check staging".clone_into(&mut world.overview.runs[1].title);
    "deploy web → staging".clone_into(&mut world.overview.runs[0].title);
    world.log = log();
    world.overview.runs[0].last_seq = world.log.last().map_or(0, |entry| entry.seq);
    let facts = Facts {
        actor: "ana".to_owned(),
        simulated: true,
        ..Facts::default()
    };
    Console::with(world, facts, true, SIZE)
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
            let up = if state == State::Failing { 1391 } else { 1438 };
            states.push((target, TargetSummary::of(latest, 1440, up)));
        }
    }
    states
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

fn svg(buffer: &Buffer) -> String {
    let (columns, rows) = (
        usize::from(buffer.area.width),
        usize::from(buffer.area.height),
    );
    let (width, height) = (columns * CELL.0 + 2 * MARGIN, rows * CELL.1 + 2 * MARGIN);
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" height=\"{height}\" font-family=\"ui-monospace,Menlo,Consolas,'DejaVu Sans Mono',monospace\" font-size=\"15\">\n<title>opsroom: the home screen of the demo</title>\n<rect width=\"{width}\" height=\"{height}\" rx=\"8\" fill=\"{BACKGROUND}\"/>\n"
    );
    for y in 0..buffer.area.height {
        let mut x = 0;
        while x < buffer.area.width {
            let style = buffer[(x, y)].style();
            let end = (x..buffer.area.width)
                .find(|i| buffer[(*i, y)].style() != style)
                .unwrap_or(buffer.area.width);
            piece(&mut out, buffer, x..end, y);
            x = end;
        }
    }
    out.push_str("</svg>\n");
    out
}

/// Cells of one style.
fn piece(out: &mut String, buffer: &Buffer, columns: Range<u16>, y: u16) {
    let cell = &buffer[(columns.start, y)];
    let symbols: String = columns.clone().map(|x| buffer[(x, y)].symbol()).collect();
    let (foreground, background) = colours(cell);
    let (left, top) = (
        MARGIN + usize::from(columns.start) * CELL.0,
        MARGIN + usize::from(y) * CELL.1,
    );
    let (wide, high) = (columns.len() * CELL.0, CELL.1);
    if background != BACKGROUND {
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
fn colours(cell: &Cell) -> (&'static str, &'static str) {
    let (foreground, background) = (hex(cell.fg, FOREGROUND), hex(cell.bg, BACKGROUND));
    if cell.modifier.contains(Modifier::REVERSED) {
        (background, foreground)
    } else {
        (foreground, background)
    }
}

const fn hex(colour: Color, default: &'static str) -> &'static str {
    match colour {
        Color::Black => "#000000",
        Color::Red => "#e06c75",
        Color::Green => "#98c379",
        Color::Yellow => "#d19a66",
        Color::Blue => "#61afef",
        Color::Magenta => "#c678dd",
        Color::Cyan => "#56b6c2",
        Color::Gray => "#abb2bf",
        Color::DarkGray => "#5c6370",
        Color::LightRed => "#ff7a85",
        Color::LightGreen => "#b5e890",
        Color::LightYellow => "#e5c07b",
        Color::LightBlue => "#82c4ff",
        Color::LightMagenta => "#d99bf0",
        Color::LightCyan => "#7fd8e3",
        Color::White => "#ffffff",
        _ => default,
    }
}
