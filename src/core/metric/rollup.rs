//! What is kept of a routine's samples in a window: counts by outcome, and the latencies as
//! minimum, maximum, sum and sketch. Rollups merge exactly: those of 24 hours are that of the day.

use super::bytes::{Reader, put};
use super::sample::{ProbeOutcome, Sample};
use super::sketch::Sketch;
use super::{DAY_MS, Damaged, HOUR_MS, MINUTE_MS};
use crate::stack::state::State;
use crate::words;

words! {
    /// The length of a window; windows begin at multiples of it since the Unix epoch, so days are
    /// days of UTC.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
    pub enum WindowLength {
        Minute = "minute",
        Hour = "hour",
        Day = "day",
    }
}

impl WindowLength {
    /// Milliseconds.
    #[must_use]
    pub const fn ms(self) -> i64 {
        match self {
            Self::Minute => MINUTE_MS,
            Self::Hour => HOUR_MS,
            Self::Day => DAY_MS,
        }
    }

    /// The begin of the window that `at` (milliseconds) is in.
    #[must_use]
    pub const fn begin(self, at: i64) -> i64 {
        at.saturating_sub(at.rem_euclid(self.ms()))
    }
}

/// Counts of samples and the span of their latencies, microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Totals {
    pub ok: u64,
    pub degraded: u64,
    pub failing: u64,
    pub unknown: u64,
    pub skipped: u64,
    /// Samples with a latency; `min_us` and `max_us` are 0 when there are none.
    pub timed: u64,
    pub min_us: u32,
    pub max_us: u32,
    pub sum_us: u64,
}

impl Totals {
    pub fn add(&mut self, sample: &Sample) {
        let count = match sample.outcome {
            ProbeOutcome::Ok => &mut self.ok,
            ProbeOutcome::Degraded => &mut self.degraded,
            ProbeOutcome::Failing => &mut self.failing,
            ProbeOutcome::Unknown => &mut self.unknown,
            ProbeOutcome::Skipped => &mut self.skipped,
        };
        *count = count.saturating_add(1);
        if let Some(us) = sample.latency_us {
            self.merge(&Self {
                timed: 1,
                min_us: us,
                max_us: us,
                sum_us: us.into(),
                ..Self::default()
            });
        }
    }

    pub fn merge(&mut self, other: &Self) {
        self.min_us = match (self.timed, other.timed) {
            (_, 0) => self.min_us,
            (0, _) => other.min_us,
            _ => self.min_us.min(other.min_us),
        };
        self.max_us = self.max_us.max(other.max_us);
        let pairs = [
            (&mut self.ok, other.ok),
            (&mut self.degraded, other.degraded),
            (&mut self.failing, other.failing),
            (&mut self.unknown, other.unknown),
            (&mut self.skipped, other.skipped),
            (&mut self.timed, other.timed),
            (&mut self.sum_us, other.sum_us),
        ];
        for (own, more) in pairs {
            *own = own.saturating_add(more);
        }
    }

    /// All samples, skipped slots too.
    #[must_use]
    pub const fn n(&self) -> u64 {
        self.answered()
            .saturating_add(self.unknown)
            .saturating_add(self.skipped)
    }

    /// Samples that say how the target was.
    #[must_use]
    pub const fn answered(&self) -> u64 {
        self.ok
            .saturating_add(self.degraded)
            .saturating_add(self.failing)
    }

    /// Percent of the answered samples that were not failing; `None`: none was answered.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "counts stay far below 2^52")]
    pub fn uptime_pct(&self) -> Option<f64> {
        let answered = self.answered();
        (answered > 0).then(|| (answered - self.failing) as f64 * 100.0 / answered as f64)
    }

    /// The worst state of the answered samples; `None`: none was answered.
    #[must_use]
    pub const fn worst(&self) -> Option<State> {
        match (self.failing, self.degraded, self.ok) {
            (1.., _, _) => Some(State::Failing),
            (_, 1.., _) => Some(State::Degraded),
            (_, _, 1..) => Some(State::Ok),
            _ => None,
        }
    }

    /// The state that a chart shows: the worst that was seen, unknown where checks could not be made,
    /// `None` where there were none.
    #[must_use]
    pub fn shown_state(&self) -> Option<State> {
        self.worst()
            .or_else(|| (self.unknown > 0).then_some(State::Unknown))
    }

    /// Mean latency, microseconds.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "sums stay far below 2^52")]
    pub fn mean_us(&self) -> Option<f64> {
        (self.timed > 0).then(|| self.sum_us as f64 / self.timed as f64)
    }

    fn put(&self, out: &mut Vec<u8>) {
        let counts = [self.ok, self.degraded, self.failing];
        let others = [self.unknown, self.skipped, self.timed];
        for count in counts.into_iter().chain(others) {
            put(out, count);
        }
        if self.timed > 0 {
            put(out, self.min_us.into());
            put(out, u64::from(self.max_us.saturating_sub(self.min_us)));
            put(out, self.sum_us);
        }
    }

    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self, Damaged> {
        let mut totals = Self {
            ok: reader.number()?,
            degraded: reader.number()?,
            failing: reader.number()?,
            unknown: reader.number()?,
            skipped: reader.number()?,
            timed: reader.number()?,
            ..Self::default()
        };
        if totals.timed > 0 {
            totals.min_us = reader.narrow()?;
            totals.max_us = totals.min_us.saturating_add(reader.narrow()?);
            totals.sum_us = reader.number()?;
        }
        Ok(totals)
    }
}

/// The rollup of one routine in one window, or in many after merging.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Rollup {
    pub totals: Totals,
    pub latency: Sketch,
}

impl Rollup {
    pub fn add(&mut self, sample: &Sample) {
        self.totals.add(sample);
        if let Some(us) = sample.latency_us {
            self.latency.add(us);
        }
    }

    pub fn merge(&mut self, other: &Self) {
        self.totals.merge(&other.totals);
        self.latency.merge(&other.latency);
    }

    /// The latency at the nearest rank of `q` (0 to 1), milliseconds: within 1 %, and never outside
    /// of what was measured.
    #[must_use]
    pub fn quantile_ms(&self, q: f64) -> Option<f64> {
        let us = self.latency.quantile(q)?;
        let (least, most) = (self.totals.min_us, self.totals.max_us);
        Some(us.max(f64::from(least)).min(f64::from(most)) / 1000.0)
    }

    pub(super) fn put(&self, out: &mut Vec<u8>) {
        self.totals.put(out);
        self.latency.put(out);
    }

    pub(super) fn merge_from(&mut self, reader: &mut Reader<'_>) -> Result<(), Damaged> {
        self.totals.merge(&Totals::read(reader)?);
        self.latency.merge_from(reader)?;
        reader.finished()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::sample::tests::any_sample;
    use super::*;

    fn of(samples: &[Sample]) -> Rollup {
        let mut rollup = Rollup::default();
        for sample in samples {
            rollup.add(sample);
        }
        rollup
    }

    proptest! {
        #[test]
        fn parts_merge_to_the_whole(samples in prop::collection::vec(any_sample(), 0..120), cut in any::<prop::sample::Index>()) {
            let (one, other) = samples.split_at(cut.index(samples.len() + 1));
            let mut merged = of(one);
            merged.merge(&of(other));
            prop_assert_eq!(&merged, &of(&samples));
            prop_assert_eq!(merged.totals.n(), samples.len() as u64);
            let times: Vec<u32> = samples.iter().filter_map(|s| s.latency_us).collect();
            prop_assert_eq!(merged.latency.n(), times.len() as u64);
            prop_assert_eq!(merged.totals.min_us, times.iter().min().copied().unwrap_or(0));
            prop_assert_eq!(merged.totals.max_us, times.iter().max().copied().unwrap_or(0));
        }

        #[test]
        fn a_window_begins_before_its_time(at in -DAY_MS * 9..DAY_MS * 30_000) {
            for length in WindowLength::ALL {
                let begin = length.begin(at);
                prop_assert!(begin <= at && at < begin + length.ms() && begin % length.ms() == 0);
            }
        }
    }

    #[test]
    fn a_quantile_is_within_what_was_measured() {
        let sample = Sample {
            latency_us: Some(95_123),
            ..Sample::default()
        };
        assert_eq!(of(&[sample; 3]).quantile_ms(0.5), Some(95.123));
        assert_eq!(Rollup::default().quantile_ms(0.5), None);
    }

    #[test]
    fn what_could_not_be_probed_is_no_downtime() {
        let sample = |outcome, latency_us| Sample {
            latency_us,
            outcome,
            ..Sample::default()
        };
        let rollup = of(&[
            sample(ProbeOutcome::Ok, Some(100)),
            sample(ProbeOutcome::Degraded, Some(300)),
            sample(ProbeOutcome::Failing, None),
            sample(ProbeOutcome::Failing, Some(0)),
            sample(ProbeOutcome::Unknown, None),
            sample(ProbeOutcome::Skipped, None),
        ]);
        assert_eq!(rollup.totals.uptime_pct(), Some(50.0));
        assert_eq!(rollup.totals.n(), 6);
        assert_eq!((rollup.totals.min_us, rollup.totals.max_us), (0, 300));
        assert_eq!(rollup.totals.mean_us().map(f64::round), Some(133.0));
        assert_eq!(Totals::default().uptime_pct(), None);
        let states = |outcomes: &[ProbeOutcome]| {
            let samples: Vec<Sample> = outcomes.iter().map(|o| sample(*o, None)).collect();
            let totals = of(&samples).totals;
            (totals.worst(), totals.shown_state())
        };
        let unknown = (None, Some(State::Unknown));
        assert_eq!(states(&[ProbeOutcome::Unknown]), unknown);
        assert_eq!(states(&[ProbeOutcome::Skipped]), (None, None));
        let ok = (Some(State::Ok), Some(State::Ok));
        assert_eq!(states(&[ProbeOutcome::Unknown, ProbeOutcome::Ok]), ok);
    }
}
