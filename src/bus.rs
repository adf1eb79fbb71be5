//! Notices about writes to the store, broadcast to subscribers. They are only hints: a subscriber
//! that falls behind rereads the store from its last sequence number.

use tokio::sync::broadcast;

use crate::core::run::{RunId, RunStatus};

/// A change in the store.
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
    /// A routine was paused, resumed, or is to be run now.
    Routines,
    /// New results of routines.
    Results,
    /// New observations.
    Observations,
}

/// Bounded broadcast of 1024 notices. A slow subscriber loses the oldest, receives `Lagged`, and
/// rereads the store.
#[derive(Debug, Clone)]
pub struct Bus(broadcast::Sender<Notice>);

impl Default for Bus {
    fn default() -> Self {
        Self(broadcast::Sender::new(1024))
    }
}

impl Bus {
    /// Sends a notice to all subscribers, if any.
    pub fn publish(&self, notice: Notice) {
        let _ = self.0.send(notice);
    }

    /// Subscribes to later notices.
    #[must_use]
    pub fn subscribe(&self) -> broadcast::Receiver<Notice> {
        self.0.subscribe()
    }
}
