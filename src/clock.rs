//! The only place that reads the clock. Everything else gets `now` as an argument.

use crate::core::base::time::Timestamp;

/// The source of time. Cheap to copy.
#[derive(Debug, Clone, Copy, Default)]
pub enum Clock {
    /// The system's wall clock.
    #[default]
    System,
    /// The wall clock plus an offset in milliseconds: for tests of clock steps.
    Set(&'static std::sync::atomic::AtomicI64),
    /// tokio's clock starting at `base`, which tests may pause and advance.
    Tokio {
        base: Timestamp,
        started: tokio::time::Instant,
    },
}

impl Clock {
    /// A clock for tests: follows tokio's (pausable) time from `base`. Needs a runtime.
    #[must_use]
    pub fn tokio(base: Timestamp) -> Self {
        Self::Tokio {
            base,
            started: tokio::time::Instant::now(),
        }
    }

    /// The current time.
    #[must_use]
    pub fn now(self) -> Timestamp {
        match self {
            Self::System => {
                #[expect(clippy::disallowed_methods, reason = "this is the one place")]
                let now = std::time::SystemTime::now();
                let since = now
                    .duration_since(std::time::UNIX_EPOCH)
                    .unwrap_or_default();
                Timestamp(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
            }
            Self::Set(by) => Self::System
                .now()
                .plus_ms(by.load(std::sync::atomic::Ordering::Relaxed)),
            Self::Tokio { base, started } => {
                base.plus_ms(i64::try_from(started.elapsed().as_millis()).unwrap_or(i64::MAX))
            }
        }
    }
}
