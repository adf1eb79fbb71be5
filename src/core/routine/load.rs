//! Whether a scheduler keeps up with its routines.

use serde::{Deserialize, Serialize};

use crate::base::time::{Timestamp, human_ms};

/// A start this late is worth a warning, milliseconds.
const LATE_MS: i64 = 2000;

/// How the scheduler of an engine did in the last one to two minutes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct SchedulerLoad {
    /// The length of the time that was counted, milliseconds.
    pub over_ms: i64,
    /// Routines that the engine holds.
    pub routines: u64,
    /// Checks that were begun.
    pub checks: u64,
    /// The latest start of one, after the time it was planned for, milliseconds.
    pub lag_ms: i64,
    /// Slots that passed because checks before them had not begun.
    pub overload: u64,
    /// Checks that are due and not begun now.
    pub waiting: u64,
    /// No canary answers: our own network is down.
    #[serde(default)]
    pub offline: bool,
}

impl SchedulerLoad {
    /// Checks a second.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "counts of two minutes")]
    pub fn rate(&self) -> f64 {
        self.checks as f64 * 1000.0 / self.over_ms.max(1) as f64
    }

    /// What is wrong with it, as the end of a sentence; none: it keeps up.
    #[must_use]
    pub fn problem(&self) -> Option<String> {
        if self.offline {
            let what =
                "our own network is down: no canary answers, and what cannot be reached is unknown";
            return Some(what.to_owned());
        }
        if self.overload > 0 {
            return Some(format!(
                "{} slots were skipped and {} checks wait: it is asked for more than it can do",
                self.overload, self.waiting
            ));
        }
        (self.lag_ms >= LATE_MS).then(|| format!("checks begin {} late", human_ms(self.lag_ms)))
    }

    fn add(&mut self, other: &Self) {
        self.over_ms += other.over_ms;
        self.checks += other.checks;
        self.overload += other.overload;
        self.lag_ms = self.lag_ms.max(other.lag_ms);
    }
}

/// Counts for [`SchedulerLoad`]: this minute and the one before.
#[derive(Debug, Clone, Copy)]
pub struct LoadCounter {
    since: Timestamp,
    now: SchedulerLoad,
    before: SchedulerLoad,
}

impl LoadCounter {
    #[must_use]
    pub fn new(now: Timestamp) -> Self {
        Self {
            since: now,
            now: SchedulerLoad::default(),
            before: SchedulerLoad::default(),
        }
    }

    /// A check was begun this late, milliseconds.
    pub fn begun(&mut self, lag_ms: i64) {
        self.now.checks += 1;
        self.now.lag_ms = self.now.lag_ms.max(lag_ms);
    }

    /// Slots passed because checks before them had not begun.
    pub fn skipped(&mut self, slots: u64) {
        self.now.overload += slots;
    }

    /// What was counted until now.
    pub fn read(&mut self, now: Timestamp) -> SchedulerLoad {
        const MINUTE_MS: i64 = 60_000;
        self.now.over_ms = now.ms_since(self.since).max(0);
        let mut all = self.before;
        all.add(&self.now);
        // A clock that was set back begins anew too.
        if !(0..MINUTE_MS).contains(&now.ms_since(self.since)) {
            self.since = now;
            self.before = std::mem::take(&mut self.now);
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_minute_and_the_one_before_are_counted() {
        let mut counter = LoadCounter::new(Timestamp(0));
        for lag in [3, 900, 5] {
            counter.begun(lag);
        }
        let first = counter.read(Timestamp(30_000));
        assert_eq!(
            (first.checks, first.lag_ms, first.over_ms),
            (3, 900, 30_000)
        );
        assert!((first.rate() - 0.1).abs() < 1e-9);
        counter.read(Timestamp(60_000));
        counter.begun(2000);
        let second = counter.read(Timestamp(90_000));
        assert_eq!(
            (second.checks, second.lag_ms, second.over_ms),
            (4, 2000, 90_000)
        );
        counter.read(Timestamp(120_000));
        let third = counter.read(Timestamp(130_000));
        assert_eq!((third.checks, third.lag_ms), (1, 2000));
        counter.read(Timestamp(180_000));
        assert_eq!(counter.read(Timestamp(185_000)).checks, 0);
    }

    #[test]
    fn late_starts_and_skipped_slots_are_problems() {
        let load = |lag_ms, overload| SchedulerLoad {
            lag_ms,
            overload,
            waiting: 7,
            ..SchedulerLoad::default()
        };
        assert_eq!(load(1999, 0).problem(), None);
        let offline = SchedulerLoad {
            offline: true,
            ..load(12_000, 3)
        };
        assert_eq!(
            offline.problem().as_deref(),
            Some(
                "our own network is down: no canary answers, and what cannot be reached is unknown"
            )
        );
        assert_eq!(
            load(12_000, 0).problem().as_deref(),
            Some("checks begin 12.0 s late")
        );
        assert_eq!(
            load(12_000, 3).problem().as_deref(),
            Some("3 slots were skipped and 7 checks wait: it is asked for more than it can do")
        );
    }
}
