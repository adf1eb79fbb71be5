//! Adapters: the only code that touches the world on behalf of steps. One file per way; one arm in `perform`.

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::core::event::Stream;
use crate::core::step::{Call, Reply};

/// A captured line, before it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutputLine {
    pub stream: Stream,
    pub text: String,
}

/// Performs calls. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Adapters {}

#[expect(clippy::unused_async, clippy::todo, reason = "signatures first")]
impl Adapters {
    /// Adapters that really act.
    pub fn real() -> Self {
        todo!()
    }
    /// Performs one call. Output lines go to `output` (bounded: a slow reader slows the child). When `cancel` fires the
    /// call ends within 2 s (children: TERM to the process group, KILL after a grace period).
    pub async fn perform(&self, _call: Call, _output: mpsc::Sender<OutputLine>, _cancel: CancellationToken) -> Reply {
        todo!()
    }
}
