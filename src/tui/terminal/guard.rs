//! Takes the terminal and gives it back exactly as it was: on quit, error, signal and panic.

use std::any::Any;
use std::backtrace::Backtrace;
use std::io::{self, Write};
use std::panic::{self, PanicHookInfo};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::thread::{self, ThreadId};
use std::time::Duration;

use rustix::termios::Termios;
use tokio::sync::Notify;

use super::tty::Tty;
use crate::core::text;

/// No mouse (all protocols), pastes bracketed, focus told, no cursor, an empty alternate screen.
const ENTER: &str = concat!(
    "\x1b[?1049h\x1b[r\x1b[0m\x1b[2J",
    "\x1b[?1000l\x1b[?1002l\x1b[?1003l\x1b[?1005l\x1b[?1006l\x1b[?1015l",
    "\x1b[?2004h\x1b[?1004h\x1b[?25l"
);

/// Everything off again, whoever turned it on; a frame cut short may have left margins. We never push kitty keyboard flags, so none are popped: popping without
/// having pushed would change the shell's.
const LEAVE: &str = concat!(
    "\x1b[?2026l",
    "\x1b[?1000l\x1b[?1002l\x1b[?1003l\x1b[?1005l\x1b[?1006l\x1b[?1015l",
    "\x1b[?2004l\x1b[?1004l\x1b[r\x1b[0m\x1b[?1049l\x1b[?25h"
);

/// Cancels a sequence cut in the middle, so that what follows is not taken for the rest of it.
const CANCEL: &str = "\x18";

/// How long giving back waits for a terminal that takes no output.
const PATIENCE: Duration = Duration::from_millis(500);

/// The duty to give the terminal back. Dropping it does so.
#[derive(Debug)]
pub struct Guard(Arc<Held>);

/// What the guard shares with the panic hook and the output.
#[derive(Debug)]
pub struct Held {
    pub tty: Tty,
    /// The modes before us.
    before: Termios,
    active: AtomicBool,
    /// A frame was cut in the middle by a slow terminal.
    pub torn: AtomicBool,
    /// The thread that is drawing or updating right now: its panic ends the screen, others' do not.
    ui: Mutex<Option<ThreadId>>,
    panics: Mutex<Vec<String>>,
    panicked: Notify,
}

impl Guard {
    /// Takes the terminal: raw modes, alternate screen. From here on a panic is dealt with too.
    pub fn enter(tty: Tty) -> io::Result<Self> {
        let held = Arc::new(Held {
            before: tty.modes()?,
            tty,
            active: AtomicBool::new(false),
            torn: AtomicBool::new(false),
            ui: Mutex::new(None),
            panics: Mutex::new(Vec::new()),
            panicked: Notify::new(),
        });
        watch_panics(Arc::downgrade(&held));
        let guard = Self(held);
        guard.reenter()?;
        Ok(guard)
    }

    /// Takes the terminal again after [`Self::leave`], or after somebody else changed it behind our back.
    pub fn reenter(&self) -> io::Result<()> {
        let mut raw = self.0.before.clone();
        raw.make_raw();
        self.0.active.store(true, Ordering::SeqCst);
        self.0.tty.set_modes(&raw)?;
        self.0.tty.write_within(ENTER.as_bytes(), PATIENCE);
        Ok(())
    }

    /// Gives the terminal back. Once is enough; more does nothing.
    pub fn leave(&self) {
        self.0.leave();
    }

    /// What guard, hook and output share.
    pub fn held(&self) -> &Arc<Held> {
        &self.0
    }

    /// Marks this thread as the one whose panic ends the screen, until the mark is dropped.
    pub fn on_screen(&self) -> OnScreen<'_> {
        *lock(&self.0.ui) = Some(thread::current().id());
        OnScreen(&self.0)
    }

    /// The next panic of a background thread or task, as one line.
    pub async fn panicked(&self) -> String {
        loop {
            if let Some(line) = lock(&self.0.panics).pop() {
                return line;
            }
            self.0.panicked.notified().await;
        }
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.0.leave();
    }
}

impl Held {
    fn leave(&self) {
        if !self.active.swap(false, Ordering::SeqCst) {
            return;
        }
        let cancel = if self.torn.swap(false, Ordering::SeqCst) { CANCEL } else { "" };
        self.tty.write_within(format!("{cancel}{LEAVE}").as_bytes(), PATIENCE);
        if self.tty.foreground() {
            let _ = self.tty.set_modes(&self.before);
        }
    }

    fn is_ui_thread(&self) -> bool {
        *lock(&self.ui) == Some(thread::current().id())
    }
}

/// See [`Guard::on_screen`].
pub struct OnScreen<'a>(&'a Held);

impl Drop for OnScreen<'_> {
    fn drop(&mut self) {
        *lock(&self.0.ui) = None;
    }
}

/// Chains a hook before the present one. Without a screen it only passes on; it never needs to be taken out.
fn watch_panics(held: Weak<Held>) {
    let previous = panic::take_hook();
    panic::set_hook(Box::new(move |info| match held.upgrade() {
        // In unit tests the terminal is not the one the tests report to, and other tests panic too.
        Some(held) if held.active.load(Ordering::SeqCst) && !cfg!(test) => report(&held, info),
        _ => previous(info),
    }));
}

/// A panic while the screen is up. In the screen's own code: the terminal is given back at once, before unwinding (which
/// may itself fail). Elsewhere the screen stays and is told. The full report goes to the log either way.
fn report(held: &Held, info: &PanicHookInfo<'_>) {
    let line = describe(info);
    let ends_screen = held.is_ui_thread();
    if ends_screen {
        held.leave();
    }
    tracing::error!(backtrace = %Backtrace::force_capture(), "panic: {line}");
    if ends_screen {
        // Not `eprintln!`: it panics when nobody reads.
        let _ = writeln!(
            io::stderr(),
            "opsroom: internal error, the screen was closed: {}; the log has the details",
            text::show(&line)
        );
    } else {
        lock(&held.panics).insert(0, line);
        held.panicked.notify_one();
    }
}

fn describe(info: &PanicHookInfo<'_>) -> String {
    let place = info.location().map_or_else(String::new, |at| format!(" ({}:{})", at.file(), at.line()));
    format!("{}{place}", panic_text(info.payload()))
}

/// What a panic said, on one line.
pub fn panic_text(payload: &(dyn Any + Send)) -> String {
    let text = payload.downcast_ref::<&str>().copied().or_else(|| payload.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("no message").replace('\n', " ")
}

/// A panic while holding one of these locks leaves nothing half-done.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
