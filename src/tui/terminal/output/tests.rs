//! Output tests on a real terminal pair: frames, number of writes, a terminal that is not read.

use std::os::fd::OwnedFd;
use std::time::Duration;

use ratatui::Terminal;
use ratatui::layout::Position;
use ratatui::style::Stylize;
use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};

use super::*;
use crate::tui::terminal::guard::Guard;
use crate::tui::terminal::tty::Tty;

/// A guarded 80×24 terminal, its other end, and the bytes received there.
struct Pair {
    guard: Option<Guard>,
    terminal: Terminal<Output>,
    master: OwnedFd,
}

fn nonblocking(fd: &OwnedFd) {
    fcntl_setfl(fd, fcntl_getfl(fd).unwrap() | OFlags::NONBLOCK).unwrap();
}

impl Pair {
    fn new(term: &str) -> Self {
        let (master, slave) = crate::tui::terminal::tests::pair();
        nonblocking(&slave);
        nonblocking(&master);
        let guard = Guard::enter(Tty::from(slave)).unwrap();
        let terminal = Terminal::new(Output::new(guard.held(), term)).unwrap();
        let mut pair = Self {
            guard: Some(guard),
            terminal,
            master,
        };
        pair.arrived();
        pair
    }

    /// All bytes received at the other end.
    fn arrived(&mut self) -> String {
        let mut buffer = vec![0; 1 << 16];
        let mut all = Vec::new();
        while let Ok(count @ 1..) = rustix::io::read(&self.master, &mut buffer) {
            all.extend_from_slice(&buffer[..count]);
        }
        String::from_utf8(all).unwrap()
    }

    fn draw(&mut self, text: &str, cursor: Option<Position>) {
        self.terminal
            .draw(|frame| {
                frame.render_widget(text.reversed(), frame.area());
                if let Some(cursor) = cursor {
                    frame.set_cursor_position(cursor);
                }
            })
            .unwrap();
    }
}

#[test]
fn a_frame_is_one_write_inside_a_synchronized_update() {
    let mut pair = Pair::new("xterm-256color");
    pair.draw("hello", None);
    let frame = pair.arrived();
    assert!(
        frame.starts_with("\x1b[?2026h") && frame.ends_with("\x1b[?2026l"),
        "{frame:?}"
    );
    assert!(frame.contains("\x1b[7mhello\x1b[0m"), "{frame:?}");
    let stats = pair.terminal.backend().stats();
    assert_eq!(
        (stats.frames, stats.writes, stats.bytes),
        (1, 1, frame.len() as u64)
    );
    assert_eq!(stats.last_frame, stats.bytes);
}

#[test]
fn nothing_changed_writes_nothing() {
    let mut pair = Pair::new("xterm");
    let cursor = Some(Position::new(3, 0));
    pair.draw("same", cursor);
    assert!(pair.arrived().contains("\x1b[?25h"));
    for _ in 0..3 {
        pair.draw("same", cursor);
    }
    assert_eq!(pair.arrived(), "");
    pair.draw("same", Some(Position::new(4, 0)));
    assert_eq!(
        pair.arrived(),
        "\x1b[?2026h\x1b[1;5H\x1b[?2026l",
        "only the cursor moves"
    );
    pair.draw("same", None);
    assert_eq!(
        pair.arrived(),
        "\x1b[?2026h\x1b[?25l\x1b[?2026l",
        "only the cursor goes"
    );
}

#[test]
fn one_changed_cell_costs_little() {
    let mut pair = Pair::new("xterm");
    pair.draw("count 1", Some(Position::new(7, 0)));
    pair.arrived();
    pair.draw("count 2", Some(Position::new(7, 0)));
    let frame = pair.arrived();
    assert!(frame.len() < 50, "{} bytes: {frame:?}", frame.len());
}

#[test]
fn old_terminals_get_no_synchronized_update() {
    for term in ["linux", "vt100", "vt220"] {
        let mut pair = Pair::new(term);
        pair.draw("plain", None);
        assert!(!pair.arrived().contains("2026"), "{term}");
    }
}

#[test]
fn clearing_asks_the_terminal_nothing_and_repaints() {
    let mut pair = Pair::new("xterm");
    pair.draw("again", None);
    pair.arrived();
    pair.terminal.clear().unwrap();
    pair.draw("again", None);
    let frame = pair.arrived();
    assert!(
        frame.contains("\x1b[2J") && frame.contains("again") && !frame.contains("\x1b[6n"),
        "{frame:?}"
    );
}

#[test]
fn a_terminal_that_takes_nothing_blocks_nothing() {
    let mut pair = Pair::new("xterm");
    let mut text = String::new();
    for row in 0..1000 {
        text.clear();
        text.extend(
            (0..80 * 24).map(|cell| char::from(b'!' + u8::try_from((cell + row) % 90).unwrap())),
        );
        if !pair.terminal.backend().ready() {
            break;
        }
        pair.draw(&text, None);
    }
    assert!(
        !pair.terminal.backend().ready(),
        "the terminal's buffer is full"
    );
    let guard = pair.guard.take().unwrap();
    let started = Instant::now();
    guard.leave();
    assert!(
        started.elapsed() < Duration::from_secs(2),
        "giving back does not wait for ever"
    );

    guard.reenter().unwrap();
    let mut seen = pair.arrived();
    for _ in 0..1000 {
        pair.terminal.backend_mut().push().unwrap();
        seen.push_str(&pair.arrived());
        if pair.terminal.backend().ready() {
            break;
        }
    }
    assert!(
        pair.terminal.backend().ready(),
        "once it takes output again, the frame is completed"
    );
    assert!(seen.ends_with("\x1b[?2026l"));
}

#[test]
fn a_cut_frame_is_cancelled_before_giving_back() {
    let mut pair = Pair::new("xterm");
    let guard = pair.guard.take().unwrap();
    guard.held().torn.store(true, Ordering::SeqCst);
    guard.leave();
    let bytes = pair.arrived();
    assert!(
        bytes.starts_with('\x18') && bytes.ends_with("\x1b[?1049l\x1b[?25h"),
        "{bytes:?}"
    );
    guard.leave();
    assert_eq!(pair.arrived(), "", "a second time does nothing");
}

#[test]
fn a_dead_terminal_is_an_error_not_a_wait() {
    let mut pair = Pair::new("xterm");
    let (other, _) = crate::tui::terminal::tests::pair();
    drop(std::mem::replace(&mut pair.master, other));
    let drawn = pair
        .terminal
        .draw(|frame| frame.render_widget("nobody", frame.area()));
    assert!(drawn.is_err());
    let started = Instant::now();
    drop(pair.guard.take());
    assert!(started.elapsed() < Duration::from_millis(400));
}
