//! Signals as values. Once listened to, a signal no longer has its default effect, even after the listener is gone:
//! whoever keeps the process alive afterwards listens on.

use std::io;
use std::time::Duration;

use rustix::process::{Signal, getpid, kill_process};
use tokio::signal::unix::{Signal as Stream, SignalKind, signal};

use super::tty::Tty;

/// What the process was told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Told {
    /// TERM, INT or QUIT (its number): end.
    Stop(i32),
    /// HUP: the terminal is going away.
    HangUp,
    /// TSTP: give the terminal back and stop.
    Suspend,
    /// CONT: we were stopped, perhaps without being asked, and go on.
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

    /// The next signal; the ones that end come first.
    pub async fn next(&mut self) -> Told {
        tokio::select! {
            biased;
            _ = self.term.recv() => Told::Stop(Signal::TERM.as_raw()),
            _ = self.int.recv() => Told::Stop(Signal::INT.as_raw()),
            _ = self.quit.recv() => Told::Stop(Signal::QUIT.as_raw()),
            _ = self.hup.recv() => Told::HangUp,
            _ = self.tstp.recv() => Told::Suspend,
            _ = self.cont.recv() => Told::Continued,
            _ = self.winch.recv() => Told::Resized,
        }
    }

    /// Stops the whole process until it is continued in the foreground (`None`), or told to end.
    ///
    /// `SIGSTOP`, because a self-sent `SIGTSTP` is dropped when no shell watches our process group. Continued in the
    /// background (`bg`) it stops again: the terminal is the shell's. Not by touching it, which would stop us too, but in
    /// the middle of a call that a TERM could not end.
    pub async fn stop_self(&mut self, tty: &Tty) -> io::Result<Option<Told>> {
        loop {
            kill_process(getpid(), Signal::STOP)?;
            for _ in 0..5 {
                // With a time limit: a container's first process is never stopped, so CONT may never come. Nor is the
                // call above sure to return after the stop: another thread may have taken the signal.
                match self.ended_or_continued().await {
                    told @ Some(_) => return Ok(told),
                    None if tty.foreground() => return Ok(None),
                    None => {}
                }
            }
        }
    }

    async fn ended_or_continued(&mut self) -> Option<Told> {
        tokio::time::timeout(CONTINUES, async {
            loop {
                match self.next().await {
                    told @ (Told::Stop(_) | Told::HangUp) => return Some(told),
                    Told::Continued => return None,
                    Told::Suspend | Told::Resized => {}
                }
            }
        })
        .await
        .unwrap_or(None)
    }
}

/// How long after its own stop the process looks whether it goes on.
const CONTINUES: Duration = Duration::from_millis(50);
