//! The terminal as the loop uses it: one source of events, one target to draw on.

use std::io;
use std::sync::atomic::Ordering;
use std::time::Duration;

use ratatui::{Frame, Terminal};
use tokio::time::{Instant, sleep, sleep_until, timeout};

use super::ascii;
use super::clipboard::{self, Between};
use super::decode::Typed;
use super::guard::{Guard, MOUSE_OFF, MOUSE_ON, OnScreen, lock};
use super::input::{Input, Reader};
use super::manners::{Manners, SAVE_TITLE};
use super::output::{Output, Stats};
use super::signals::{SignalEvent, Signals};
use super::tty::Tty;
use crate::config::settings::ConsoleSettings;
use crate::tui::link::Links;

/// The terminal in use by the console. Dropping it restores the terminal.
#[derive(Debug)]
pub struct Screen {
    // Drop order: the reader stops before the modes are restored.
    reader: Option<Reader>,
    terminal: Terminal<Output>,
    guard: Guard,
    signals: Signals,
    between: Between,
    resize: Option<Resize>,
    /// How long to wait before offering a slow terminal the rest of a frame again.
    retry: Duration,
    /// Output limit, bytes per second.
    budget: Option<u64>,
    manners: Manners,
    /// The title that was set.
    title: Option<String>,
}

/// An event from the terminal or the process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TerminalEvent {
    Typed(Typed),
    /// The terminal is gone.
    Gone,
    /// A signal other than a size change.
    Signal(SignalEvent),
    /// The size has stopped changing: call [`Screen::resized`].
    Settled,
    /// A slow terminal may take more output: call [`Screen::push`].
    Retry,
    /// A background thread or task panicked; one line.
    Panicked(String),
}

/// A size change in progress: dragging a window's edge sends dozens, each of which needs a full
/// repaint.
#[derive(Debug, Clone, Copy)]
struct Resize {
    began: Instant,
    due: Instant,
}

/// A size is drawn after it has not changed for this long.
const DEBOUNCE: Duration = Duration::from_millis(40);
/// A size that keeps changing is drawn this often.
const MAX_DEBOUNCE: Duration = Duration::from_millis(200);
const RETRY: (Duration, Duration) = (Duration::from_millis(5), Duration::from_millis(100));

impl Screen {
    /// Opens the terminal of the process. Needs a runtime.
    pub fn open(console: ConsoleSettings) -> io::Result<Self> {
        let env = |name: &str| std::env::var(name).ok();
        let term = env("TERM").unwrap_or_default();
        let mut screen = Self::on(Tty::open()?, &term, Between::detect())?;
        screen
            .terminal
            .backend_mut()
            .set_ascii(ascii::is_wanted(env));
        screen.set_manners(Manners::new(console, &env));
        Ok(screen)
    }

    /// Sets what the terminal is used for beside frames.
    pub fn set_manners(&mut self, manners: Manners) {
        self.manners = manners;
        self.terminal.backend_mut().set_linked(manners.links);
    }

    /// Opens this terminal; `term` is the value of `TERM`.
    pub fn on(tty: Tty, term: &str, between: Between) -> io::Result<Self> {
        let signals = Signals::listen()?;
        let guard = Guard::enter(tty)?;
        let terminal = Terminal::new(Output::new(guard.held(), term))?;
        let reader = Some(Reader::start(guard.held())?);
        Ok(Self {
            reader,
            terminal,
            guard,
            signals,
            between,
            resize: None,
            retry: RETRY.0,
            budget: None,
            manners: Manners::default(),
            title: None,
        })
    }

    /// Limits output to this many bytes per second by drawing fewer frames.
    pub fn set_budget(&mut self, budget: Option<u64>) {
        self.budget = budget;
    }

    /// See [`Self::set_budget`].
    pub fn budget(&self) -> Option<u64> {
        self.budget
    }

    /// Columns and rows.
    pub fn size(&self) -> (u16, u16) {
        let size = self.terminal.backend().size_drawn_for();
        (size.width, size.height)
    }

    /// The next event: signals that end the process first, then keys.
    pub async fn next(&mut self) -> TerminalEvent {
        loop {
            let slow = !self.ready();
            let happened = tokio::select! {
                biased;
                signal = self.signals.next() => TerminalEvent::Signal(signal),
                input = typed(&mut self.reader) => input,
                line = self.guard.panicked() => TerminalEvent::Panicked(line),
                () = settled(self.resize) => TerminalEvent::Settled,
                () = sleep(self.retry), if slow => TerminalEvent::Retry,
            };
            match happened {
                TerminalEvent::Typed(Typed::Answer) => {
                    self.answered();
                    return TerminalEvent::Retry;
                }
                TerminalEvent::Signal(SignalEvent::Resized) => {
                    self.resize = Some(Resize::next(self.resize));
                }
                happened => return happened,
            }
        }
    }

    /// The next pending input, without waiting.
    pub fn try_typed(&mut self) -> Option<TerminalEvent> {
        loop {
            match self.reader.as_mut()?.try_next().map(TerminalEvent::from)? {
                TerminalEvent::Typed(Typed::Answer) => self.answered(),
                happened => return Some(happened),
            }
        }
    }

    fn answered(&mut self) {
        self.terminal
            .backend_mut()
            .pace()
            .answered(std::time::Instant::now());
    }

    /// When the next frame may be drawn without being queued behind output on a slow link.
    pub fn next_frame(&mut self, for_key: bool) -> Option<Instant> {
        self.terminal
            .backend_mut()
            .pace()
            .next(for_key)
            .map(Instant::from_std)
    }

    /// Waits for a pending answer of the terminal, which the shell would read as typed input.
    pub async fn quiesce(&mut self) {
        while let Some(left) = self
            .terminal
            .backend_mut()
            .pace()
            .waits(std::time::Instant::now())
            && let Ok(TerminalEvent::Typed(typed)) = timeout(left, typed(&mut self.reader)).await
        {
            if typed == Typed::Answer {
                self.answered();
            }
        }
    }

    /// Applies the new size. Repaints even if it is the old one: the screen contents are unknown.
    pub fn resized(&mut self) -> io::Result<(u16, u16)> {
        self.resize = None;
        let before = self.size();
        let (width, height) = self.guard.held().tty.size();
        self.terminal.backend_mut().resize(width, height);
        // Both clear the screen; once is enough.
        if (width, height) == before {
            self.redraw()?;
        } else {
            self.terminal.autoresize()?;
        }
        Ok((width, height))
    }

    /// Clears the screen; the next frame repaints everything.
    pub fn redraw(&mut self) -> io::Result<()> {
        self.terminal.clear()
    }

    /// Whether the last frame is written completely. If not, a frame drawn now would be queued.
    pub fn ready(&self) -> bool {
        self.terminal.backend().ready()
    }

    /// Draws a frame; an error means the terminal is gone.
    pub fn draw(&mut self, view: impl FnOnce(&mut Frame) -> Links) -> io::Result<()> {
        let _mark = self.guard.on_screen();
        let held = self.guard.held();
        let draw = |frame: &mut Frame| {
            let links = view(frame);
            *lock(&held.links) = links;
        };
        self.terminal.draw(draw).map(|_| ())
    }

    /// Writes the rest of a frame to a slow terminal; an error means the terminal is gone.
    pub fn push(&mut self) -> io::Result<()> {
        let before = self.terminal.backend().waiting();
        self.terminal.backend_mut().push()?;
        let moved = self.terminal.backend().waiting() < before;
        self.retry = if moved || before == 0 {
            RETRY.0
        } else {
            (self.retry * 2).min(RETRY.1)
        };
        Ok(())
    }

    /// Copies the text to the clipboard and returns a message for the operator.
    pub fn copy(&mut self, text: &str) -> io::Result<Result<String, String>> {
        match clipboard::copy(text, self.between) {
            Ok((sequence, message)) => self
                .terminal
                .backend_mut()
                .send(&sequence)
                .map(|()| Ok(message)),
            Err(why) => Ok(Err(why)),
        }
    }

    /// Sets the title of the terminal with the next frame, if it has changed; the one before is restored
    /// on exit.
    pub fn set_title(&mut self, title: &str) {
        if !self.manners.title || self.title.as_deref() == Some(title) {
            return;
        }
        self.title = Some(title.to_owned());
        let saved = self.guard.held().titled.swap(true, Ordering::SeqCst);
        let save = if saved { "" } else { SAVE_TITLE };
        let sequence = format!("{save}{}", self.manners.title(title));
        self.terminal.backend_mut().begin_with(&sequence);
    }

    /// Notifies a person who is elsewhere. The model says how often.
    pub fn notify(&mut self, text: &str) -> io::Result<()> {
        let sequence = self.manners.notify(text, self.between);
        if sequence.is_empty() {
            return Ok(());
        }
        self.terminal.backend_mut().send(&sequence)
    }

    /// Turns the reports of the mouse on or off.
    pub fn set_mouse(&mut self, on: bool) -> io::Result<()> {
        self.guard.held().mouse.store(on, Ordering::SeqCst);
        let sequence = if on { MOUSE_ON } else { MOUSE_OFF };
        self.terminal.backend_mut().send(sequence)
    }

    /// Marks that the screen's own code runs on this thread: a panic there ends the screen.
    pub fn mark(&self) -> OnScreen<'_> {
        self.guard.on_screen()
    }

    /// Restores the terminal, stops the process, and opens the terminal again when continued.
    /// `Some`: the signal that ended the process instead; the terminal stays restored.
    pub async fn suspend(&mut self) -> io::Result<Option<SignalEvent>> {
        self.quiesce().await;
        self.reader = None;
        self.guard.leave();
        let ended_by = self.signals.stop_self(&self.guard.held().tty).await?;
        if ended_by.is_none() {
            self.resume().await?;
        }
        Ok(ended_by)
    }

    /// Continues after a SIGSTOP: the shell has changed the modes and the screen.
    pub async fn continued(&mut self) -> io::Result<Option<SignalEvent>> {
        if !self.guard.held().tty.foreground() {
            return self.suspend().await;
        }
        self.resume().await.map(|()| None)
    }

    pub fn stats(&self) -> Stats {
        self.terminal.backend().stats()
    }

    async fn resume(&mut self) -> io::Result<()> {
        self.terminal.backend_mut().forget();
        self.title = None;
        // EIO while the shell still owns the terminal.
        let mut tries = 10;
        while let Err(error) = self.guard.reenter() {
            tries -= 1;
            if tries == 0 {
                return Err(error);
            }
            sleep(Duration::from_millis(20)).await;
        }
        if self.reader.is_none() {
            self.reader = Some(Reader::start(self.guard.held())?);
        }
        Ok(())
    }
}

impl Resize {
    fn next(under_way: Option<Self>) -> Self {
        let now = Instant::now();
        let began = under_way.map_or(now, |resize| resize.began);
        Self {
            began,
            due: (now + DEBOUNCE).min(began + MAX_DEBOUNCE),
        }
    }
}

impl From<Input> for TerminalEvent {
    fn from(input: Input) -> Self {
        match input {
            Input::Typed(typed) => Self::Typed(typed),
            Input::Gone => Self::Gone,
        }
    }
}

async fn typed(reader: &mut Option<Reader>) -> TerminalEvent {
    match reader {
        Some(reader) => reader.next().await.into(),
        None => std::future::pending().await,
    }
}

async fn settled(resize: Option<Resize>) {
    match resize {
        Some(resize) => sleep_until(resize.due).await,
        None => std::future::pending().await,
    }
}
