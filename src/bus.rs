//! What was written, told to whoever listens. A hint, never the truth: a listener that falls behind rereads the store
//! from its last sequence number.

use tokio::sync::broadcast;

use crate::core::run::{RunId, RunStatus};

/// Something in the store changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Notice {
    /// A run was created or changed its status.
    Run(RunId, RunStatus),
    /// Entries up to this number are in the store.
    Entries(RunId, i64),
    /// A step of the run changed.
    Steps(RunId),
    /// Services, environments, routines or contacts changed.
    Stack,
    /// New observations.
    Observations,
}

/// Bounded broadcast: 1024 notices; the slowest listener loses the oldest and is told (`Lagged`), then rereads.
#[derive(Debug, Clone)]
pub struct Bus(broadcast::Sender<Notice>);

impl Default for Bus {
    fn default() -> Self {
        Self(broadcast::Sender::new(1024))
    }
}

impl Bus {
    /// Tells all listeners; nobody listening is fine.
    pub fn tell(&self, notice: Notice) {
        let _ = self.0.send(notice);
    }

    /// Listens from now on.
    #[must_use]
    pub fn listen(&self) -> broadcast::Receiver<Notice> {
        self.0.subscribe()
    }
}
