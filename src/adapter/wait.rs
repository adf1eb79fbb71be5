//! Waiting; the clock is tokio's, so tests can pause it.

use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use super::{cancelled, deadline, elapsed_ms};
use crate::core::run::step::Reply;

/// Waits `ms` milliseconds, or until `cancel` fires.
pub(super) async fn perform(ms: i64, cancel: CancellationToken) -> Reply {
    let start = Instant::now();
    if ms <= 0 {
        return Reply::Waited { ms: 0 };
    }
    tokio::select! {
        () = sleep(deadline(ms)) => Reply::Waited { ms: elapsed_ms(start) },
        () = cancel.cancelled() => cancelled(),
    }
}
