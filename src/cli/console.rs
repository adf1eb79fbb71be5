//! The console (no subcommand): opens the store before the screen appears, and waits for runs
//! after it has closed.

use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};

use super::session::Start;
use super::stop::{Code, Stop, print_message};
use crate::control::{Control, ProcessKind};
use crate::demo::World;
use crate::tui::{Exit, check_terminal};

/// How often, after the screen has closed, the console polls whether its queued runs were claimed.
const POLL: Duration = Duration::from_secs(1);

/// An open store and, in the demo, its world. Pass `control` to the screen, then call
/// [`ConsoleSession::finish`].
#[derive(Debug)]
pub struct ConsoleSession {
    pub control: Control,
    /// Dropped last: its folder holds the store.
    world: Option<World>,
}

/// Opens the store for a console.
pub(super) async fn open(start: &Start) -> Result<ConsoleSession, Stop> {
    check_terminal().map_err(Stop::Usage)?;
    let control = Control::open(start.control(ProcessKind::Console)?, start.clock).await?;
    Ok(ConsoleSession::new(control, None))
}

impl From<Exit> for Code {
    fn from(exit: Exit) -> Self {
        match exit {
            Exit::Signal(number) => Self::Signal(number),
            Exit::Quit | Exit::Detached => Self::Succeeded,
        }
    }
}

/// Returns once the runs driven by this process have ended and none queued by it waits for a
/// target locked by another process.
async fn settled(control: &Control) {
    loop {
        control.idle().await;
        if control.queued_here().await.unwrap_or(0) == 0 {
            return;
        }
        tokio::time::sleep(POLL).await;
    }
}

impl ConsoleSession {
    pub(super) const fn new(control: Control, world: Option<World>) -> Self {
        Self { control, world }
    }

    /// Waits until the runs driven by this process have ended, then closes the store. After `Quit`
    /// the wait is printed and Ctrl-C interrupts the runs; after a hang-up nothing is printed.
    pub async fn finish(self, exit: Exit) -> Result<Code, Stop> {
        let mut interrupt = signal(SignalKind::interrupt()).map_err(Stop::System)?;
        let mut terminate = signal(SignalKind::terminate()).map_err(Stop::System)?;
        // Kept so that a hang-up does not end the process.
        let _hangup = signal(SignalKind::hangup()).map_err(Stop::System)?;
        let (live, waiting) = (self.control.live(), self.control.waiting());
        let queued = self.control.queued_here().await.unwrap_or(0);
        if exit == Exit::Quit && live > 0 && waiting >= live && queued == 0 {
            print_message(&format!(
                "{waiting} run(s) wait for people; the next console, or opsroom serve, goes on with them"
            ));
            self.control.close(false).await;
            return Ok(exit.into());
        }
        if exit == Exit::Quit && live > 0 {
            let wait = if waiting > 0 {
                format!(", {waiting} of them for people")
            } else {
                String::new()
            };
            print_message(&format!(
                "waiting for {live} run(s) to end{wait}; Ctrl-C exits and leaves them interrupted"
            ));
        }
        if exit == Exit::Quit && queued > 0 {
            print_message(&format!(
                "{queued} queued run(s) wait for their targets; after Ctrl-C they wait for `opsroom start`"
            ));
        }
        let ended = tokio::select! {
            () = settled(&self.control), if !matches!(exit, Exit::Signal(_)) => true,
            _ = interrupt.recv(), if exit == Exit::Quit => false,
            _ = terminate.recv(), if !matches!(exit, Exit::Signal(_)) => false,
            else => false,
        };
        self.control.close(ended).await;
        drop(self.world);
        Ok(exit.into())
    }
}
