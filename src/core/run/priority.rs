//! The priority of a run; [`crate::run::queue::rank`] makes its place in the queue of it.

use crate::{serde_by_word, words};

words! {
    /// Priority of a run in the queue, least first.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Hash)]
    pub enum Priority {
        Low = "low",
        #[default]
        Normal = "normal",
        High = "high",
        Urgent = "urgent",
    }
}

serde_by_word!(Priority);

const HOUR_MS: i64 = 3_600_000;

impl Priority {
    /// Whether it is the default, which is not shown.
    #[must_use]
    pub const fn is_normal(&self) -> bool {
        matches!(self, Self::Normal)
    }

    /// Waiting time that is added to the real one, milliseconds.
    pub(super) const fn head_start_ms(self) -> i64 {
        match self {
            Self::Low => -HOUR_MS,
            Self::Normal => 0,
            Self::High => HOUR_MS,
            Self::Urgent => 24 * HOUR_MS,
        }
    }
}
