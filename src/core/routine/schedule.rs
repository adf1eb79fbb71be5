//! When a routine is due.
//!
//! An interval has slots at `anchor + k * every`: they never drift, and the next one is a division
//! away. A cron pattern has slots in its time zone (`cron.rs`).

mod cron;
mod spread;

use crate::base::time::Timestamp;

pub use cron::Cron;
pub use spread::expand;

const MINUTE_MS: i64 = 60_000;

/// When a routine is due.
#[derive(Debug, Clone)]
pub enum Schedule {
    Every(Every),
    Cron(Box<Cron>),
}

/// Slots at equal distances.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Every {
    every_ms: i64,
    /// One of the slots, in `[0, every_ms)`.
    phase_ms: i64,
}

impl Every {
    /// Slots each `every_ms` milliseconds, the phase chosen by `key`, so that not all routines are
    /// due at once. An interval of whole minutes has its slots at whole seconds.
    #[must_use]
    pub fn spread(every_ms: i64, key: u64) -> Self {
        let every_ms = every_ms.max(1);
        let step = if every_ms % MINUTE_MS == 0 { 1000 } else { 1 };
        let steps = u64::try_from((every_ms / step).max(1)).unwrap_or(1);
        let phase = i64::try_from(key % steps).unwrap_or(0) * step;
        Self {
            every_ms,
            phase_ms: phase,
        }
    }

    /// The first slot after `at`.
    #[must_use]
    pub fn next_after(self, at: Timestamp) -> Timestamp {
        let past = at.0.saturating_sub(self.phase_ms).rem_euclid(self.every_ms);
        Timestamp(at.0.saturating_add(self.every_ms - past))
    }

    /// The last slot at or before `at`.
    #[must_use]
    pub fn last_at(self, at: Timestamp) -> Timestamp {
        let past = at.0.saturating_sub(self.phase_ms).rem_euclid(self.every_ms);
        Timestamp(at.0.saturating_sub(past))
    }

    /// The number of slots after `from` and at or before `until`.
    #[must_use]
    pub fn count(self, from: Timestamp, until: Timestamp) -> u64 {
        let (first, last) = (self.next_after(from), self.last_at(until));
        if last < first {
            return 0;
        }
        let between = last.0.saturating_sub(first.0) / self.every_ms;
        u64::try_from(between).unwrap_or(0) + 1
    }
}

impl Schedule {
    /// The first slot after `at`; none: there is none any more.
    #[must_use]
    pub fn next_after(&self, at: Timestamp) -> Option<Timestamp> {
        match self {
            Self::Every(every) => Some(every.next_after(at)),
            Self::Cron(cron) => cron.next_after(at),
        }
    }

    /// The last slot at or before `at`.
    #[must_use]
    pub fn last_at(&self, at: Timestamp) -> Option<Timestamp> {
        match self {
            Self::Every(every) => Some(every.last_at(at)),
            Self::Cron(cron) => cron.last_at(at),
        }
    }

    /// The slots after `from` and at or before `until`: at most the last `most` of them, oldest
    /// first, and how many there were before those (for a cron pattern counted up to 1,000).
    #[must_use]
    pub fn slots(&self, from: Timestamp, until: Timestamp, most: usize) -> (Vec<Timestamp>, u64) {
        let mut slots = Vec::new();
        let mut at = self.last_at(until);
        while let Some(slot) = at.filter(|slot| *slot > from) {
            if slots.len() == most {
                break;
            }
            slots.push(slot);
            at = self.last_at(slot.plus_ms(-1));
        }
        slots.reverse();
        let first = slots.first().map_or(until, |first| first.plus_ms(-1));
        (slots, self.count(from, first))
    }

    fn count(&self, from: Timestamp, until: Timestamp) -> u64 {
        const MOST: u64 = 1000;
        match self {
            Self::Every(every) => every.count(from, until),
            Self::Cron(cron) => {
                let mut at = cron.next_after(from);
                let mut count = 0;
                while let Some(slot) = at.filter(|slot| *slot <= until && count < MOST) {
                    count += 1;
                    at = cron.next_after(slot);
                }
                count
            }
        }
    }

    /// The next `n` slots after `at`.
    #[must_use]
    pub fn next_slots(&self, at: Timestamp, n: usize) -> Vec<Timestamp> {
        let next = |slot: &Timestamp| self.next_after(*slot);
        std::iter::successors(self.next_after(at), next)
            .take(n)
            .collect()
    }

    /// The distance between the two slots around `at`, milliseconds: what counts as late for it.
    #[must_use]
    pub fn interval_ms(&self, at: Timestamp) -> i64 {
        match self {
            Self::Every(every) => every.every_ms,
            Self::Cron(cron) => {
                let next = cron.next_after(at);
                let second = next.and_then(|next| cron.next_after(next));
                next.zip(second)
                    .map_or(86_400_000, |(one, other)| other.ms_since(one))
            }
        }
    }
}

#[cfg(test)]
mod tests;
