//! The terminal device. Opened separately, because the shell shares descriptors 0–2, which must not
//! become non-blocking.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{Mode, OFlags, open};
use rustix::io::Errno;
use rustix::termios::{
    OptionalActions, QueueSelector, Termios, isatty, tcflush, tcgetattr, tcgetpgrp, tcgetwinsize,
    tcsetattr, ttyname,
};

/// Maximum size, so that a false report does not allocate huge buffers.
const MAX_SIZE: (u16, u16) = (1000, 500);

/// The open terminal.
#[derive(Debug)]
pub struct Tty(OwnedFd);

impl Tty {
    /// Opens the terminal standard input is connected to.
    pub fn open() -> io::Result<Self> {
        let flags = OFlags::RDWR | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        let named = ttyname(io::stdin(), Vec::new())
            .and_then(|name| open(name.as_c_str(), flags, Mode::empty()));
        // After `su`, or in a container, the named device may not be accessible.
        Ok(Self(
            named.or_else(|_| open(c"/dev/tty", flags, Mode::empty()))?,
        ))
    }

    /// Columns and rows, at least 1×1; 80×24 if the terminal does not know (a serial line).
    pub fn size(&self) -> (u16, u16) {
        match tcgetwinsize(&self.0) {
            Ok(size) if size.ws_col > 0 && size.ws_row > 0 => {
                (size.ws_col.min(MAX_SIZE.0), size.ws_row.min(MAX_SIZE.1))
            }
            _ => (80, 24),
        }
    }

    pub fn modes(&self) -> io::Result<Termios> {
        Ok(tcgetattr(&self.0)?)
    }

    /// Sets the modes and drops unread input: a half-read paste must not reach the shell.
    pub fn set_modes(&self, modes: &Termios) -> io::Result<()> {
        // Not a draining variant: it would block on a terminal that takes no output.
        let _ = tcflush(&self.0, QueueSelector::IFlush);
        Ok(tcsetattr(&self.0, OptionalActions::Now, modes)?)
    }

    /// Whether this is the foreground process; changing modes in the background would stop it.
    pub fn foreground(&self) -> bool {
        tcgetpgrp(&self.0).map_or(true, |group| group == rustix::process::getpgrp())
    }

    /// Writes as much as the terminal takes now; 0 when it takes nothing.
    pub fn write(&self, bytes: &[u8]) -> io::Result<usize> {
        match rustix::io::write(&self.0, bytes) {
            Ok(written) => Ok(written),
            Err(Errno::AGAIN | Errno::INTR) => Ok(0),
            Err(error) => Err(error.into()),
        }
    }

    /// Writes all bytes, waiting at most `max_wait` for a slow terminal. True if all were written.
    pub fn write_within(&self, mut bytes: &[u8], max_wait: Duration) -> bool {
        let until = Instant::now() + max_wait;
        while !bytes.is_empty() {
            match self.write(bytes) {
                Ok(0) => {
                    let left = until.saturating_duration_since(Instant::now());
                    if left.is_zero() || !self.wait_writable(left.min(Duration::from_millis(20))) {
                        return false;
                    }
                }
                Ok(written) => bytes = &bytes[written..],
                Err(_) => return false,
            }
        }
        true
    }

    /// Waits up to `moment` until the terminal takes output; false if it is gone.
    fn wait_writable(&self, moment: Duration) -> bool {
        let mut fds = [PollFd::new(&self.0, PollFlags::OUT)];
        let moment = Timespec {
            tv_sec: 0,
            tv_nsec: i64::from(moment.subsec_nanos()),
        };
        match poll(&mut fds, Some(&moment)) {
            Ok(_) => !fds[0]
                .revents()
                .intersects(PollFlags::HUP | PollFlags::ERR | PollFlags::NVAL),
            Err(error) => error == Errno::INTR,
        }
    }
}

impl AsFd for Tty {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl From<OwnedFd> for Tty {
    /// Takes a descriptor that is already non-blocking.
    fn from(fd: OwnedFd) -> Self {
        Self(fd)
    }
}

/// Whether the viewer can run here: like [`check`], but standard input may be the log.
pub fn check_output() -> Result<(), String> {
    let term = std::env::var("TERM").unwrap_or_default();
    refusal(true, isatty(io::stdout()), &term).map_or(Ok(()), Err)
}

/// Checks that the console can run here; the error is one line with the fix.
pub fn check() -> Result<(), String> {
    let term = std::env::var("TERM").unwrap_or_default();
    refusal(isatty(io::stdin()), isatty(io::stdout()), &term).map_or(Ok(()), Err)
}

fn refusal(stdin: bool, stdout: bool, term: &str) -> Option<String> {
    let instead =
        "without one, type opsroom services, opsroom run \"check web in prod\", or opsroom help";
    match () {
        () if !stdin => Some(format!(
            "the console needs a terminal, and standard input is not one; {instead}"
        )),
        () if !stdout => Some(format!(
            "the console needs a terminal, and standard output is not one; {instead}"
        )),
        () if term.is_empty() => Some(format!(
            "the console needs a terminal, and TERM is not set; set it; {instead}"
        )),
        () if term == "dumb" || term == "unknown" => Some(format!(
            "the console cannot draw on this terminal (TERM={term}); {instead}"
        )),
        () => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_what_cannot_show_a_screen() {
        for (stdin, stdout, term, word) in [
            (false, true, "xterm", "standard input"),
            (true, false, "xterm", "standard output"),
            (true, true, "dumb", "TERM=dumb"),
            (true, true, "", "TERM is not set"),
        ] {
            let text = refusal(stdin, stdout, term).unwrap();
            assert!(text.contains(word) && !text.contains('\n'), "{text}");
            assert!(text.ends_with("or opsroom help"), "{text}");
        }
        assert_eq!(refusal(true, true, "vt100"), None);
    }
}
