//! Signals as values. A signal with a listener loses its default effect for good, even after the
//! listener is dropped: code that runs afterwards has to keep listening.

use std::io;
use std::time::Duration;

use rustix::process::{Signal, getpid, kill_process};
use tokio::signal::unix::{Signal as Stream, SignalKind, signal};

use super::tty::Tty;

/// A signal sent to the process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignalEvent {
    /// TERM, INT or QUIT (its number): end.
    Stop(i32),
    /// HUP: the terminal is going away.
    HangUp,
    /// TSTP: give the terminal back and stop.
    Suspend,
    /// CONT: the process was stopped, maybe by SIGSTOP, and continues.
    Continued,
    /// WINCH: the size changed.
    Resized,
}

/// The signals a console listens to.
#[derive(Debug)]
pub struct Signals {
    term: Stream,
    int: Stream,
    quit: Stream,
    hup: Stream,
    tstp: Stream,
    cont: Stream,
    winch: Stream,
}

impl Signals {
    /// Starts listening. Needs a runtime.
    pub fn listen() -> io::Result<Self> {
        Ok(Self {
            term: signal(SignalKind::terminate())?,
            int: signal(SignalKind::interrupt())?,
            quit: signal(SignalKind::quit())?,
            hup: signal(SignalKind::hangup())?,
            tstp: signal(SignalKind::from_raw(Signal::TSTP.as_raw()))?,
            cont: signal(SignalKind::from_raw(Signal::CONT.as_raw()))?,
            winch: signal(SignalKind::window_change())?,
        })
    }

    /// The next signal; those that end the process come first.
    pub async fn next(&mut self) -> SignalEvent {
        tokio::select! {
            biased;
            _ = self.term.recv() => SignalEvent::Stop(Signal::TERM.as_raw()),
            _ = self.int.recv() => SignalEvent::Stop(Signal::INT.as_raw()),
            _ = self.quit.recv() => SignalEvent::Stop(Signal::QUIT.as_raw()),
            _ = self.hup.recv() => SignalEvent::HangUp,
            _ = self.tstp.recv() => SignalEvent::Suspend,
            _ = self.cont.recv() => SignalEvent::Continued,
            _ = self.winch.recv() => SignalEvent::Resized,
        }
    }

    /// Stops the whole process until it is continued in the foreground (`None`) or a signal ends
    /// it.
    ///
    /// `SIGSTOP`, because the kernel drops a self-sent `SIGTSTP` in an orphaned process group.
    /// Continued in the background (`bg`), it stops again, because the terminal is the shell's.
    /// Using the terminal would stop it as well, but inside a call that TERM cannot interrupt.
    pub async fn stop_self(&mut self, tty: &Tty) -> io::Result<Option<SignalEvent>> {
        loop {
            kill_process(getpid(), Signal::STOP)?;
            for _ in 0..5 {
                // With a timeout: SIGSTOP has no effect on PID 1 of a container, so CONT may never
                // come. And the call above may return before the stop if another thread takes the
                // signal.
                match self.ended_or_continued().await {
                    ended_by @ Some(_) => return Ok(ended_by),
                    None if tty.foreground() => return Ok(None),
                    None => {}
                }
            }
        }
    }

    async fn ended_or_continued(&mut self) -> Option<SignalEvent> {
        tokio::time::timeout(CONTINUE_TIMEOUT, async {
            loop {
                match self.next().await {
                    ended_by @ (SignalEvent::Stop(_) | SignalEvent::HangUp) => {
                        return Some(ended_by);
                    }
                    SignalEvent::Continued => return None,
                    SignalEvent::Suspend | SignalEvent::Resized => {}
                }
            }
        })
        .await
        .unwrap_or(None)
    }
}

/// How long to wait for CONT before checking whether the process is in the foreground.
const CONTINUE_TIMEOUT: Duration = Duration::from_millis(50);
