//! What a day of observations says about a target: its latency, and its worst state in each hour.

use std::collections::BTreeMap;

use crate::base::time::Timestamp;
use crate::stack::state::State;

/// One hour, milliseconds.
pub const HOUR_MS: i64 = 3_600_000;

/// The last 24 hours of a target.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Day {
    /// 95th percentile of the latency.
    pub p95_ms: Option<i64>,
    /// The worst state in each hour with an answered probe. Hours are counted from the Unix epoch.
    pub hours: BTreeMap<i64, State>,
}

impl Day {
    /// The last `count` hours up to `now`, oldest first; `None`: no probe was answered.
    pub fn last(&self, count: usize, now: Timestamp) -> impl Iterator<Item = Option<State>> {
        let current = now.0.div_euclid(HOUR_MS);
        let count = i64::try_from(count).unwrap_or(0);
        (current - count + 1..=current).map(|hour| self.hours.get(&hour).copied())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_hours_end_now_and_have_gaps() {
        let day = Day {
            hours: BTreeMap::from([(7, State::Ok), (8, State::Failing), (10, State::Degraded)]),
            ..Day::default()
        };
        let at = |hour: i64| Timestamp(hour * HOUR_MS + 1);
        let last = |count, hour| day.last(count, at(hour)).collect::<Vec<_>>();
        assert_eq!(
            last(3, 10),
            [Some(State::Failing), None, Some(State::Degraded)]
        );
        assert_eq!(last(2, 12), [None, None]);
        assert_eq!(last(0, 10), []);
    }
}
