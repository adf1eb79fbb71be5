//! Sets up the terminal and restores it exactly: on quit, error, signal and panic.

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

use super::manners::RESTORE_TITLE;
use super::tty::Tty;
use crate::core::base::text;
use crate::tui::link::Links;

/// No mouse (all protocols), bracketed paste, focus events, no cursor, an empty alternate screen.
const ENTER: &str = concat!(
    "\x1b[?1049h\x1b[r\x1b[0m\x1b[2J",
    "\x1b[?1000l\x1b[?1002l\x1b[?1003l\x1b[?1005l\x1b[?1006l\x1b[?1015l",
    "\x1b[?2004h\x1b[?1004h\x1b[?25l"
);

/// Turns all modes off, and resets margins that a cut frame may have left. Pops no kitty keyboard
/// flags: none are pushed, so a pop would change the shell's.
const LEAVE: &str = concat!(
    "\x1b[?2026l",
    "\x1b[?1000l\x1b[?1002l\x1b[?1003l\x1b[?1005l\x1b[?1006l\x1b[?1015l",
    "\x1b[?2004l\x1b[?1004l\x1b[r\x1b[0m\x1b[?1049l\x1b[?25h"
);

/// Reports presses and the wheel, with columns beyond 223.
pub const MOUSE_ON: &str = "\x1b[?1000h\x1b[?1006h";
/// See [`MOUSE_ON`].
pub const MOUSE_OFF: &str = "\x1b[?1006l\x1b[?1000l";

/// Cancels a cut sequence, so that the terminal does not read what follows as part of it.
const CANCEL: &str = "\x18";

/// Maximum wait for a terminal that takes no output.
const MAX_WAIT: Duration = Duration::from_millis(500);

/// Restores the terminal on drop.
#[derive(Debug)]
pub struct Guard(Arc<Held>);

/// State shared by the guard, the panic hook and the output.
#[derive(Debug)]
pub struct Held {
    pub tty: Tty,
    /// The modes to restore.
    before: Termios,
    active: AtomicBool,
    /// A frame is partly written to a slow terminal.
    pub torn: AtomicBool,
    /// The title was saved and has to be restored.
    pub titled: AtomicBool,
    /// The mouse is reported, and will be again after [`Guard::reenter`].
    pub mouse: AtomicBool,
    /// The links of the frame being drawn.
    pub links: Mutex<Links>,
    /// The thread that is drawing or updating: only its panic closes the screen.
    ui: Mutex<Option<ThreadId>>,
    panics: Mutex<Vec<String>>,
    panicked: Notify,
}

impl Guard {
    /// Sets raw mode and the alternate screen, and installs the panic hook.
    pub fn enter(tty: Tty) -> io::Result<Self> {
        let held = Arc::new(Held {
            before: tty.modes()?,
            tty,
            active: AtomicBool::new(false),
            torn: AtomicBool::new(false),
            titled: AtomicBool::new(false),
            mouse: AtomicBool::new(false),
            links: Mutex::default(),
            ui: Mutex::new(None),
            panics: Mutex::new(Vec::new()),
            panicked: Notify::new(),
        });
        watch_panics(Arc::downgrade(&held));
        let guard = Self(held);
        guard.reenter()?;
        Ok(guard)
    }

    /// Sets up the terminal again after [`Self::leave`], or after another process has changed it.
    pub fn reenter(&self) -> io::Result<()> {
        let mut raw = self.0.before.clone();
        raw.make_raw();
        self.0.active.store(true, Ordering::SeqCst);
        self.0.tty.set_modes(&raw)?;
        let mouse = if self.0.mouse.load(Ordering::SeqCst) {
            MOUSE_ON
        } else {
            ""
        };
        self.0
            .tty
            .write_within(format!("{ENTER}{mouse}").as_bytes(), MAX_WAIT);
        Ok(())
    }

    /// Restores the terminal; further calls do nothing.
    pub fn leave(&self) {
        self.0.leave();
    }

    /// The shared state.
    pub fn held(&self) -> &Arc<Held> {
        &self.0
    }

    /// Until the mark is dropped, a panic of this thread closes the screen.
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
        let cancel = if self.torn.swap(false, Ordering::SeqCst) {
            CANCEL
        } else {
            ""
        };
        let title = if self.titled.swap(false, Ordering::SeqCst) {
            RESTORE_TITLE
        } else {
            ""
        };
        self.tty
            .write_within(format!("{cancel}{title}{LEAVE}").as_bytes(), MAX_WAIT);
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

/// Installs a panic hook. Without a screen it only calls the previous one, so it is never removed.
fn watch_panics(held: Weak<Held>) {
    let previous = panic::take_hook();
    panic::set_hook(Box::new(move |info| match held.upgrade() {
        // In unit tests the terminal is a fake, and other tests panic too.
        Some(held) if held.active.load(Ordering::SeqCst) && !cfg!(test) => report(&held, info),
        _ => previous(info),
    }));
}

/// Handles a panic while the screen is open. On the UI thread: restores the terminal at once,
/// because unwinding may fail. Elsewhere: shows it on screen. Writes the full report to the log.
fn report(held: &Held, info: &PanicHookInfo<'_>) {
    let line = describe(info);
    let ends_screen = held.is_ui_thread();
    if ends_screen {
        held.leave();
    }
    tracing::error!(backtrace = %Backtrace::force_capture(), "panic: {line}");
    if ends_screen {
        // Not `eprintln!`: it panics if stderr is closed.
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
    let place = info
        .location()
        .map_or_else(String::new, |at| format!(" ({}:{})", at.file(), at.line()));
    format!("{}{place}", panic_text(info.payload()))
}

/// The message of a panic, on one line.
pub fn panic_text(payload: &(dyn Any + Send)) -> String {
    let text = payload
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| payload.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("no message").replace('\n', " ")
}

/// Ignores poisoning: a panic cannot leave the locked data inconsistent.
pub fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
