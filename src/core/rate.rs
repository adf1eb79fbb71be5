//! How much is asked of others: so many calls in any minute, so many commands at once. Times count from any beginning.

use std::collections::VecDeque;
use std::time::Duration;

const MINUTE: Duration = Duration::from_mins(1);

/// What `[limits]` of the settings says; what is absent has no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Limits {
    /// Calls a minute to each host.
    pub http_per_minute: Option<u32>,
    /// Commands that run at the same time.
    pub shell_at_once: Option<u32>,
}

/// When the calls of the last minute were made and when those that wait will be, in order. However a minute is laid, no
/// more than the limit fall into it: a bucket that refills would let through nearly twice as many after a rest, and
/// whoever counts on the other side would be right to complain.
#[derive(Debug, Clone, Default)]
pub struct Recent(VecDeque<Duration>);

impl Recent {
    /// Books the earliest turn there is; when it is.
    ///
    /// # Errors
    /// It is not within `patience`: how long until there is one. Nothing is booked.
    pub fn book(&mut self, now: Duration, per_minute: u32, patience: Duration) -> Result<Duration, Duration> {
        self.forget(now);
        let room = usize::try_from(per_minute.max(1)).unwrap_or(usize::MAX);
        let at = self.0.len().checked_sub(room).map_or(now, |before| (self.0[before] + MINUTE).max(now));
        let wait = at.saturating_sub(now);
        if !wait.is_zero() && wait >= patience {
            return Err(wait);
        }
        // Turns that were given back may have left room before those of others.
        let place = self.0.partition_point(|booked| *booked <= at);
        self.0.insert(place, at);
        Ok(at)
    }

    /// A turn was not used: it does not count.
    pub fn give_back(&mut self, at: Duration) {
        if let Ok(place) = self.0.binary_search(&at) {
            self.0.remove(place);
        }
    }

    /// Nothing in it matters any more.
    pub fn is_idle(&self, now: Duration) -> bool {
        self.0.back().is_none_or(|last| *last + MINUTE <= now)
    }

    fn forget(&mut self, now: Duration) {
        while self.0.front().is_some_and(|first| *first + MINUTE <= now) {
            self.0.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const HOUR: Duration = Duration::from_hours(1);
    const NANO: Duration = Duration::from_nanos(1);

    const fn seconds(n: u64) -> Duration {
        Duration::from_secs(n)
    }

    #[test]
    fn calls_are_spread_over_minutes_only_when_there_are_too_many() {
        let mut recent = Recent::default();
        // (now, the limit, when): one after the other, on the same book.
        for (now, limit, when) in
            [(0, 2, 0), (0, 2, 0), (0, 2, 60), (10, 2, 60), (20, 2, 120), (200, 2, 200), (259, 2, 259), (259, 2, 260)]
        {
            assert_eq!(recent.book(seconds(now), limit, HOUR), Ok(seconds(when)), "{now}");
        }
        assert_eq!(Recent::default().book(seconds(5), 0, HOUR), Ok(seconds(5)), "no limit lets nothing through");
    }

    #[test]
    fn whoever_cannot_wait_is_told_how_long_and_books_nothing() {
        let mut recent = Recent::default();
        assert_eq!(recent.book(seconds(0), 1, Duration::ZERO), Ok(seconds(0)));
        for patience in [Duration::ZERO, seconds(39), seconds(40)] {
            assert_eq!(recent.book(seconds(20), 1, patience), Err(seconds(40)), "{patience:?}");
        }
        assert_eq!(recent.book(seconds(20), 1, seconds(41)), Ok(seconds(60)));
    }

    #[test]
    fn what_is_given_back_can_be_had_by_the_next() {
        let mut recent = Recent::default();
        let turns: Vec<_> = (0..4).map(|_| recent.book(seconds(0), 1, HOUR).unwrap()).collect();
        assert_eq!(turns, [0, 60, 120, 180].map(seconds));
        recent.give_back(seconds(180));
        recent.give_back(seconds(7));
        assert_eq!(recent.book(seconds(0), 1, HOUR), Ok(seconds(180)));
        assert!(!recent.is_idle(seconds(239)));
        assert!(recent.is_idle(seconds(240)));
    }

    proptest! {
        /// Whoever asks, waits, gives up or comes late: no minute holds more than the limit, and what is told is exact.
        #[test]
        fn no_minute_holds_more_than_the_limit(
            limit in 1u32..6,
            asks in prop::collection::vec((0u64..30_000, 0u64..200_000, prop::option::of(0usize..8)), 1..80),
        ) {
            let (mut recent, mut now) = (Recent::default(), Duration::ZERO);
            let mut turns: Vec<Duration> = Vec::new();
            for (later, patience, gives_back) in asks {
                now += Duration::from_millis(later);
                match recent.book(now, limit, Duration::from_millis(patience)) {
                    Ok(at) => {
                        prop_assert!(at == now || at < now + Duration::from_millis(patience));
                        turns.push(at);
                    }
                    Err(wait) => {
                        let short = wait.saturating_sub(NANO);
                        prop_assert_eq!(recent.clone().book(now + short, limit, Duration::ZERO), Err(NANO));
                        prop_assert_eq!(recent.book(now, limit, wait + NANO), Ok(now + wait));
                        turns.push(now + wait);
                    }
                }
                let waiting: Vec<usize> = (0..turns.len()).filter(|n| turns[*n] > now).collect();
                if let Some(n) = gives_back.and_then(|n| waiting.get(n)) {
                    recent.give_back(turns.remove(*n));
                }
            }
            turns.sort();
            for (first, next) in turns.iter().zip(turns.iter().skip(limit as usize)) {
                prop_assert!(*next >= *first + MINUTE, "{:?}", turns);
            }
        }
    }
}
