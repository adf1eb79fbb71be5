//! What a day of probes says about a target: uptime, latency, and its worst state in each hour.

use std::collections::BTreeMap;

use crate::base::time::Timestamp;
use crate::metric::rollup::Rollup;
use crate::stack::state::State;

/// One hour, milliseconds.
pub const HOUR_MS: i64 = 3_600_000;

/// The last 24 hours of a target.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Day {
    /// Probes that say how the target was.
    pub samples: u64,
    /// Percent of them that were not failing; none without any.
    pub uptime_pct: Option<f64>,
    /// 95th percentile of the latency, within 1 %.
    pub p95_ms: Option<i64>,
    /// The worst state in each hour with an answered probe. Hours are counted from the Unix epoch.
    pub hours: BTreeMap<i64, State>,
}

impl Day {
    /// The day of a target from what is kept of its hours, each with its begin in milliseconds since
    /// the Unix epoch.
    #[must_use]
    pub fn of(hours: &[(i64, &Rollup)]) -> Self {
        let mut all = Rollup::default();
        for (_, hour) in hours {
            all.merge(hour);
        }
        let worst =
            |(from_ms, hour): &(i64, &Rollup)| Some((from_ms / HOUR_MS, hour.totals.worst()?));
        Self {
            samples: all.totals.answered(),
            uptime_pct: all.totals.uptime_pct(),
            p95_ms: all.latency.quantile(0.95).map(whole_ms),
            hours: hours.iter().filter_map(worst).collect(),
        }
    }

    /// The last `count` hours up to `now`, oldest first; `None`: no probe was answered.
    pub fn last(&self, count: usize, now: Timestamp) -> impl Iterator<Item = Option<State>> {
        let current = now.0.div_euclid(HOUR_MS);
        let count = i64::try_from(count).unwrap_or(0);
        (current - count + 1..=current).map(|hour| self.hours.get(&hour).copied())
    }
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "a latency is at most 2^32 µs"
)]
fn whole_ms(us: f64) -> i64 {
    (us / 1000.0).round() as i64
}

#[cfg(test)]
mod tests {
    use crate::metric::sample::{ProbeOutcome, Sample};

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

    #[test]
    fn hours_make_a_day_and_an_unanswered_probe_counts_for_nothing() {
        let hour = |hour: i64, outcomes: &[(ProbeOutcome, u32)]| {
            let mut rollup = Rollup::default();
            for (outcome, ms) in outcomes {
                rollup.add(&Sample {
                    outcome: *outcome,
                    latency_us: (*ms > 0).then_some(ms * 1000),
                    ..Sample::default()
                });
            }
            (hour * HOUR_MS, rollup)
        };
        let hours = [
            hour(7, &[(ProbeOutcome::Ok, 100), (ProbeOutcome::Failing, 0)]),
            hour(8, &[(ProbeOutcome::Unknown, 0), (ProbeOutcome::Skipped, 0)]),
            hour(9, &[(ProbeOutcome::Ok, 100), (ProbeOutcome::Degraded, 100)]),
        ];
        let hours: Vec<(i64, &Rollup)> = hours.iter().map(|(at, hour)| (*at, hour)).collect();
        let day = Day::of(&hours);
        let hours = BTreeMap::from([(7, State::Failing), (9, State::Degraded)]);
        assert_eq!((day.samples, day.uptime_pct), (4, Some(75.0)));
        assert_eq!(day.hours, hours);
        assert!(
            day.p95_ms.is_some_and(|ms| (99..=101).contains(&ms)),
            "{day:?}"
        );
        assert_eq!(Day::of(&[]), Day::default());
    }
}
