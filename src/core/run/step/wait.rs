//! `wait`: lets time pass.

use serde::{Deserialize, Serialize};

use super::{CallKind, Outcome, Reply};
use crate::base::time::human_ms;

/// Waits for `ms` milliseconds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wait {
    pub ms: i64,
}

impl Wait {
    pub(super) fn describe(&self) -> String {
        format!("wait {}", human_ms(self.ms))
    }

    pub(super) fn call(&self) -> CallKind {
        CallKind::Wait(self.clone())
    }

    #[expect(clippy::unused_self, reason = "every step kind has the same shape")]
    pub(super) fn outcome(&self, reply: &Reply) -> Outcome {
        match reply {
            Reply::Waited { ms } => Outcome::ok(format!("waited {}", human_ms(*ms)), None),
            Reply::TimedOut { after_ms } => Outcome::timed_out(*after_ms),
            other => Outcome::unexpected("wait", other),
        }
    }
}
