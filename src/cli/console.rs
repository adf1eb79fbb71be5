//! The console without a subcommand: what is opened before the screen appears, and what happens once it is gone.

use tokio::signal::unix::{SignalKind, signal};

use super::session::Start;
use super::stop::{Code, Stop, tell};
use crate::control::{Control, Door};
use crate::demo::World;
use crate::tui::check_terminal;

/// An open door with, in the demo, the world behind it. Hand `control` to the screen, then call [`Session::finish`].
#[derive(Debug)]
pub struct Session {
    pub control: Control,
    /// Dropped last: its folder holds the store.
    world: Option<World>,
}

/// Opens the store for a console.
pub(super) async fn open(start: &Start) -> Result<Session, Stop> {
    check_terminal().map_err(Stop::Usage)?;
    let control = Control::open(start.control(Door::Console)?, start.clock).await?;
    Ok(Session::new(control, None))
}

impl Session {
    pub(super) const fn new(control: Control, world: Option<World>) -> Self {
        Self { control, world }
    }

    /// After the screen: waits for the runs this process drives, then closes the store. With `terminal` still there the
    /// operator is told, and Ctrl-C leaves the runs behind, interrupted; without one nothing more is said or heard.
    pub async fn finish(self, terminal: bool) -> Result<Code, Stop> {
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut terminate = signal(SignalKind::terminate())?;
        // Held so that a hang-up, from now on, ends nothing.
        let _hangup = signal(SignalKind::hangup())?;
        let live = self.control.live();
        if terminal && live > 0 {
            tell(&format!("waiting for {live} run(s) to end; Ctrl-C leaves them behind, interrupted"));
        }
        let ended = tokio::select! {
            () = self.control.idle() => true,
            _ = interrupt.recv(), if terminal => false,
            _ = terminate.recv() => false,
        };
        self.control.close(ended).await;
        drop(self.world);
        Ok(Code::Succeeded)
    }
}
