//! Limits of the calls per minute and of the commands at once. Times are durations since an
//! arbitrary start.

use std::collections::VecDeque;
use std::time::Duration;

const MINUTE: Duration = Duration::from_mins(1);

/// The `[limits]` of the settings; `None` means no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Limits {
    /// Calls a minute to each host.
    pub http_per_minute: Option<u32>,
    /// Commands that run at the same time.
    pub shell_at_once: Option<u32>,
}

/// Times of the calls of the last minute and of the reserved later ones, in order. No window of one
/// minute holds more than the limit: a token bucket would let through nearly twice as many after a
/// pause, more than the called side allows.
#[derive(Debug, Clone, Default)]
pub struct Recent(VecDeque<Duration>);

impl Recent {
    /// Reserves the earliest free slot and returns its time.
    ///
    /// # Errors
    /// The delay until the next slot, when it is not below `max_wait`. Nothing is reserved.
    pub fn reserve(
        &mut self,
        now: Duration,
        per_minute: u32,
        max_wait: Duration,
    ) -> Result<Duration, Duration> {
        self.forget(now);
        let room = usize::try_from(per_minute.max(1)).unwrap_or(usize::MAX);
        let at = self
            .0
            .len()
            .checked_sub(room)
            .map_or(now, |before| (self.0[before] + MINUTE).max(now));
        let wait = at.saturating_sub(now);
        if !wait.is_zero() && wait >= max_wait {
            return Err(wait);
        }
        // Released slots may have left room before later ones.
        let place = self.0.partition_point(|booked| *booked <= at);
        self.0.insert(place, at);
        Ok(at)
    }

    /// Releases a slot that was not used.
    pub fn release(&mut self, at: Duration) {
        if let Ok(place) = self.0.binary_search(&at) {
            self.0.remove(place);
        }
    }

    /// Whether all its entries are older than a minute.
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
        // (now, the limit, when): one after the other, on the same value.
        for (now, limit, when) in [
            (0, 2, 0),
            (0, 2, 0),
            (0, 2, 60),
            (10, 2, 60),
            (20, 2, 120),
            (200, 2, 200),
            (259, 2, 259),
            (259, 2, 260),
        ] {
            assert_eq!(
                recent.reserve(seconds(now), limit, HOUR),
                Ok(seconds(when)),
                "{now}"
            );
        }
        assert_eq!(
            Recent::default().reserve(seconds(5), 0, HOUR),
            Ok(seconds(5)),
            "no limit lets nothing through"
        );
    }

    #[test]
    fn a_caller_that_cannot_wait_gets_the_delay_and_reserves_no_slot() {
        let mut recent = Recent::default();
        assert_eq!(
            recent.reserve(seconds(0), 1, Duration::ZERO),
            Ok(seconds(0))
        );
        for max_wait in [Duration::ZERO, seconds(39), seconds(40)] {
            assert_eq!(
                recent.reserve(seconds(20), 1, max_wait),
                Err(seconds(40)),
                "{max_wait:?}"
            );
        }
        assert_eq!(recent.reserve(seconds(20), 1, seconds(41)), Ok(seconds(60)));
    }

    #[test]
    fn a_released_slot_goes_to_the_next_caller() {
        let mut recent = Recent::default();
        let slots: Vec<_> = (0..4)
            .map(|_| recent.reserve(seconds(0), 1, HOUR).unwrap())
            .collect();
        assert_eq!(slots, [0, 60, 120, 180].map(seconds));
        recent.release(seconds(180));
        recent.release(seconds(7));
        assert_eq!(recent.reserve(seconds(0), 1, HOUR), Ok(seconds(180)));
        assert!(!recent.is_idle(seconds(239)));
        assert!(recent.is_idle(seconds(240)));
    }

    proptest! {
        /// Calls may wait, be cancelled or come late: no minute holds more than the limit, and the
        /// returned delay is exact.
        #[test]
        fn no_minute_holds_more_than_the_limit(
            limit in 1u32..6,
            asks in prop::collection::vec((0u64..30_000, 0u64..200_000, prop::option::of(0usize..8)), 1..80),
        ) {
            let (mut recent, mut now) = (Recent::default(), Duration::ZERO);
            let mut slots: Vec<Duration> = Vec::new();
            for (later, max_wait, gives_back) in asks {
                now += Duration::from_millis(later);
                match recent.reserve(now, limit, Duration::from_millis(max_wait)) {
                    Ok(at) => {
                        prop_assert!(at == now || at < now + Duration::from_millis(max_wait));
                        slots.push(at);
                    }
                    Err(wait) => {
                        let short = wait.saturating_sub(NANO);
                        prop_assert_eq!(recent.clone().reserve(now + short, limit, Duration::ZERO), Err(NANO));
                        prop_assert_eq!(recent.reserve(now, limit, wait + NANO), Ok(now + wait));
                        slots.push(now + wait);
                    }
                }
                let waiting: Vec<usize> = (0..slots.len()).filter(|n| slots[*n] > now).collect();
                if let Some(n) = gives_back.and_then(|n| waiting.get(n)) {
                    recent.release(slots.remove(*n));
                }
            }
            slots.sort();
            for (first, next) in slots.iter().zip(slots.iter().skip(limit as usize)) {
                prop_assert!(*next >= *first + MINUTE, "{:?}", slots);
            }
        }
    }
}
