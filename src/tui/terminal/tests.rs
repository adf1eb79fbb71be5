//! Tests of guard and reader on a real terminal pair.

use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::fs::{OFlags, fcntl_setfl};
use rustix::pty::{OpenptFlags, grantpt, ioctl_tiocgptpeer, openpt, unlockpt};
use rustix::termios::{Termios, Winsize, tcgetattr, tcsetwinsize};

use super::decode::Typed;
use super::guard::Guard;
use super::input::{Input, Reader};
use super::sequence::plain;
use super::tty::Tty;

/// Both ends of an 80×24 terminal.
pub fn pair() -> (OwnedFd, OwnedFd) {
    let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
    let master = openpt(flags).unwrap();
    grantpt(&master).unwrap();
    unlockpt(&master).unwrap();
    let slave = ioctl_tiocgptpeer(&master, flags).unwrap();
    tcsetwinsize(
        &master,
        Winsize {
            ws_col: 80,
            ws_row: 24,
            ws_xpixel: 0,
            ws_ypixel: 0,
        },
    )
    .unwrap();
    (master, slave)
}

fn guarded() -> (OwnedFd, Guard) {
    let (master, slave) = pair();
    fcntl_setfl(&slave, OFlags::RDWR | OFlags::NONBLOCK).unwrap();
    (master, Guard::enter(Tty::from(slave)).unwrap())
}

fn flags(modes: &Termios) -> String {
    format!(
        "{:?} {:?} {:?} {:?}",
        modes.input_modes, modes.output_modes, modes.control_modes, modes.local_modes
    )
}

async fn next(reader: &mut Reader) -> Input {
    tokio::time::timeout(Duration::from_secs(5), reader.next())
        .await
        .unwrap()
}

#[test]
fn modes_come_back_exactly() {
    let (master, slave) = pair();
    let before = flags(&tcgetattr(&slave).unwrap());
    fcntl_setfl(&slave, OFlags::RDWR | OFlags::NONBLOCK).unwrap();
    let guard = Guard::enter(Tty::from(slave)).unwrap();
    assert_ne!(flags(&tcgetattr(&master).unwrap()), before);
    guard.leave();
    assert_eq!(flags(&tcgetattr(&master).unwrap()), before);
    guard.reenter().unwrap();
    assert_ne!(flags(&tcgetattr(&master).unwrap()), before);
    drop(guard);
    // The slave is closed: Linux keeps the modes on the pair as long as the master lives.
    assert_eq!(flags(&tcgetattr(&master).unwrap()), before);
}

#[test]
fn unread_input_does_not_reach_the_shell() {
    let (master, guard) = guarded();
    rustix::io::write(&master, b"rm -rf important\r").unwrap();
    let unread = || rustix::io::ioctl_fionread(&guard.held().tty).unwrap();
    while unread() < 17 {
        std::thread::yield_now();
    }
    guard.leave();
    assert_eq!(unread(), 0);
}

#[tokio::test]
async fn keys_arrive_from_the_terminal() {
    let (master, guard) = guarded();
    let mut reader = Reader::start(guard.held()).unwrap();
    for bytes in [&b"q"[..], b"\x1b[", b"A"] {
        rustix::io::write(&master, bytes).unwrap();
    }
    assert_eq!(
        next(&mut reader).await,
        Input::Typed(Typed::Key(plain('q')))
    );
    let up = crossterm::event::KeyEvent::from(crossterm::event::KeyCode::Up);
    assert_eq!(next(&mut reader).await, Input::Typed(Typed::Key(up)));
}

#[tokio::test]
async fn a_lone_escape_arrives_without_anything_after_it() {
    let (master, guard) = guarded();
    let mut reader = Reader::start(guard.held()).unwrap();
    rustix::io::write(&master, b"\x1b").unwrap();
    let escape = crossterm::event::KeyEvent::from(crossterm::event::KeyCode::Esc);
    assert_eq!(next(&mut reader).await, Input::Typed(Typed::Key(escape)));
}

#[tokio::test]
async fn a_terminal_that_goes_away_is_reported_once_and_ends_the_reader() {
    let (master, guard) = guarded();
    let mut reader = Reader::start(guard.held()).unwrap();
    rustix::io::write(&master, b"q").unwrap();
    assert_eq!(
        next(&mut reader).await,
        Input::Typed(Typed::Key(plain('q')))
    );
    drop(master);
    assert_eq!(next(&mut reader).await, Input::Gone);
    drop(reader);
    assert_eq!(Arc::strong_count(guard.held()), 1, "the thread is gone");
}

#[tokio::test]
async fn input_after_a_stopped_reader_goes_to_the_next_one() {
    let (master, guard) = guarded();
    let reader = Reader::start(guard.held()).unwrap();
    let started = Instant::now();
    drop(reader);
    assert!(started.elapsed() < Duration::from_secs(1));
    rustix::io::write(&master, b"x").unwrap();
    let mut reader = Reader::start(guard.held()).unwrap();
    assert_eq!(
        next(&mut reader).await,
        Input::Typed(Typed::Key(plain('x')))
    );
}
