//! The rollups of a routine over a window as buckets of one length, for charts and tables. A bucket
//! is a multiple of the level that is read, so its counts and quantiles are merged exactly.

use super::rollup::{Rollup, WindowLength};
use super::{DAY_MS, HOUR_MS, MINUTE_MS};

/// Lengths of a bucket, milliseconds; above the last one they double.
const STEPS: [i64; 16] = [
    MINUTE_MS,
    2 * MINUTE_MS,
    5 * MINUTE_MS,
    10 * MINUTE_MS,
    15 * MINUTE_MS,
    30 * MINUTE_MS,
    HOUR_MS,
    2 * HOUR_MS,
    3 * HOUR_MS,
    6 * HOUR_MS,
    12 * HOUR_MS,
    DAY_MS,
    2 * DAY_MS,
    7 * DAY_MS,
    14 * DAY_MS,
    28 * DAY_MS,
];

/// The most buckets of a series.
pub const MAX_BUCKETS: i64 = 10_000;

/// The length of a bucket: a multiple of the windows that it is merged from. Buckets begin at
/// multiples of it since the Unix epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step {
    ms: i64,
    level: WindowLength,
}

impl Step {
    /// A bucket of that length; none unless it is whole minutes, at least one.
    #[must_use]
    pub const fn of(ms: i64) -> Option<Self> {
        if ms < MINUTE_MS || ms % MINUTE_MS != 0 {
            return None;
        }
        let level = if ms % DAY_MS == 0 {
            WindowLength::Day
        } else if ms % HOUR_MS == 0 {
            WindowLength::Hour
        } else {
            WindowLength::Minute
        };
        Some(Self { ms, level })
    }

    /// The shortest one with which at most so many buckets, but no fewer than two, cover the window.
    #[must_use]
    pub fn for_window(from: i64, until: i64, most: usize) -> Self {
        let most = i64::try_from(most).unwrap_or(MAX_BUCKETS).max(2);
        let doubled = std::iter::successors(STEPS.last().copied(), |ms| ms.checked_mul(2));
        let fits = |step: &Self| step.count(from, until) <= most;
        let mut all = STEPS.into_iter().chain(doubled).filter_map(Self::of);
        all.find(fits).unwrap_or(Self::LONGEST)
    }

    const LONGEST: Self = Self {
        ms: i64::MAX / DAY_MS * DAY_MS,
        level: WindowLength::Day,
    };

    /// Milliseconds.
    #[must_use]
    pub const fn ms(self) -> i64 {
        self.ms
    }

    /// The windows that its buckets are merged from.
    #[must_use]
    pub const fn level(self) -> WindowLength {
        self.level
    }

    /// The begin of the bucket that `at` is in.
    #[must_use]
    pub const fn begin(self, at: i64) -> i64 {
        at.saturating_sub(at.rem_euclid(self.ms))
    }

    /// The first begin of a bucket that is not before `at`.
    #[must_use]
    pub const fn end(self, at: i64) -> i64 {
        let begin = self.begin(at);
        if begin == at {
            at
        } else {
            begin.saturating_add(self.ms)
        }
    }

    /// How many buckets cover the window.
    #[must_use]
    pub const fn count(self, from: i64, until: i64) -> i64 {
        let (from, until) = (self.begin(from), self.end(until));
        let ms = until.saturating_sub(from);
        if ms <= 0 { 0 } else { ms / self.ms }
    }
}

/// What is known of a routine in one part of a window.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bucket {
    /// Milliseconds since the Unix epoch; the end is not part of it.
    pub from_ms: i64,
    pub until_ms: i64,
    pub rollup: Rollup,
}

/// Buckets without gap or overlap, oldest first. The first one may begin before the window, and the
/// last one end after it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Series {
    pub step: Step,
    pub buckets: Vec<Bucket>,
}

impl Series {
    /// The window from `from` to `until` from the rollups of its level, each with its begin. Those
    /// outside of the buckets are left out, and so are buckets above [`MAX_BUCKETS`].
    #[must_use]
    pub fn of<'a>(
        (from, until): (i64, i64),
        step: Step,
        windows: impl IntoIterator<Item = (i64, &'a Rollup)>,
    ) -> Self {
        let first = step.begin(from);
        let count = step.count(from, until).min(MAX_BUCKETS);
        let bucket = |number: i64| {
            let from_ms = first.saturating_add(number.saturating_mul(step.ms));
            Bucket {
                from_ms,
                until_ms: from_ms.saturating_add(step.ms),
                rollup: Rollup::default(),
            }
        };
        let mut buckets: Vec<Bucket> = (0..count).map(bucket).collect();
        for (begin, rollup) in windows {
            let number = begin.saturating_sub(first).div_euclid(step.ms);
            let bucket = usize::try_from(number).ok();
            if let Some(bucket) = bucket.and_then(|number| buckets.get_mut(number)) {
                bucket.rollup.merge(rollup);
            }
        }
        Self { step, buckets }
    }

    /// All buckets as one.
    #[must_use]
    pub fn whole(&self) -> Rollup {
        let mut whole = Rollup::default();
        for bucket in &self.buckets {
            whole.merge(&bucket.rollup);
        }
        whole
    }

    /// The begin of the first bucket and the end of the last; the same without any.
    #[must_use]
    pub fn span(&self) -> (i64, i64) {
        let from = self.buckets.first().map_or(0, |bucket| bucket.from_ms);
        (from, self.buckets.last().map_or(from, |b| b.until_ms))
    }

    /// There is no sample in it, not even a skipped slot.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.buckets.iter().all(|b| b.rollup.totals.n() == 0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::sample::tests::any_sample;
    use super::super::sample::{ProbeOutcome, Sample};
    use super::*;
    use crate::stack::state::State;

    #[test]
    fn the_shortest_step_that_fits_is_taken() {
        // 2026-11-21 21:04:11 UTC.
        let now = 1_795_295_051_000;
        for (window, most, step, level, count) in [
            (HOUR_MS, 70, MINUTE_MS, WindowLength::Minute, 61),
            (HOUR_MS, 60, 2 * MINUTE_MS, WindowLength::Minute, 31),
            (6 * HOUR_MS, 70, 10 * MINUTE_MS, WindowLength::Minute, 37),
            (DAY_MS, 70, 30 * MINUTE_MS, WindowLength::Minute, 49),
            (DAY_MS, 30, HOUR_MS, WindowLength::Hour, 25),
            (7 * DAY_MS, 70, 3 * HOUR_MS, WindowLength::Hour, 57),
            (30 * DAY_MS, 70, 12 * HOUR_MS, WindowLength::Hour, 61),
            (90 * DAY_MS, 70, 2 * DAY_MS, WindowLength::Day, 46),
            (90 * DAY_MS, 200, 12 * HOUR_MS, WindowLength::Hour, 181),
            (2000 * DAY_MS, 70, 56 * DAY_MS, WindowLength::Day, 37),
            (DAY_MS, 0, DAY_MS, WindowLength::Day, 2),
        ] {
            let found = Step::for_window(now - window, now, most);
            assert_eq!(
                (found.ms(), found.level(), found.count(now - window, now)),
                (step, level, count),
                "{window} ms in {most}"
            );
        }
    }

    #[test]
    fn a_step_is_whole_minutes() {
        for (ms, level) in [
            (MINUTE_MS, Some(WindowLength::Minute)),
            (90 * MINUTE_MS, Some(WindowLength::Minute)),
            (36 * HOUR_MS, Some(WindowLength::Hour)),
            (3 * DAY_MS, Some(WindowLength::Day)),
            (30_000, None),
            (90_000, None),
            (0, None),
            (-HOUR_MS, None),
        ] {
            assert_eq!(Step::of(ms).map(Step::level), level, "{ms}");
        }
    }

    #[test]
    fn a_bucket_has_counts_quantiles_and_the_worst_state() {
        let sample = |minute: i64, outcome, ms: Option<u32>| Sample {
            slot: minute * MINUTE_MS,
            outcome,
            latency_us: ms.map(|ms| ms * 1000),
            ..Sample::default()
        };
        let samples = [
            sample(0, ProbeOutcome::Ok, Some(10)),
            sample(1, ProbeOutcome::Ok, Some(10)),
            sample(1, ProbeOutcome::Degraded, Some(90)),
            sample(2, ProbeOutcome::Failing, None),
            sample(5, ProbeOutcome::Unknown, None),
            sample(12, ProbeOutcome::Skipped, None),
            sample(99, ProbeOutcome::Failing, None),
        ];
        let minutes = samples.map(|sample| {
            let mut rollup = Rollup::default();
            rollup.add(&sample);
            (WindowLength::Minute.begin(sample.slot), rollup)
        });
        let step = Step::of(5 * MINUTE_MS).unwrap();
        let window = (30_000, 14 * MINUTE_MS);
        let series = Series::of(window, step, minutes.iter().map(|(at, r)| (*at, r)));
        let rows: Vec<_> = series
            .buckets
            .iter()
            .map(|b| {
                let totals = &b.rollup.totals;
                let p50 = b.rollup.latency.quantile(0.5).map(f64::round);
                (b.from_ms / MINUTE_MS, totals.n(), totals.worst(), p50)
            })
            .collect();
        let p50 = rows[0].3.unwrap();
        assert!((9900.0..=10_100.0).contains(&p50), "{p50}");
        assert_eq!(
            rows,
            [
                (0, 4, Some(State::Failing), Some(p50)),
                (5, 1, None, None),
                (10, 1, None, None),
            ]
        );
        assert_eq!(series.span(), (0, 15 * MINUTE_MS));
        assert!(!series.is_empty());
        assert!(Series::of(window, step, []).is_empty());
    }

    #[test]
    fn a_series_has_a_limit() {
        let step = Step::of(MINUTE_MS).unwrap();
        let series = Series::of((0, i64::MAX), step, []);
        assert_eq!(i64::try_from(series.buckets.len()), Ok(MAX_BUCKETS));
        assert_eq!(Series::of((9, 9), step, []).span(), (0, MINUTE_MS));
        assert_eq!(Series::of((0, 0), step, []).span(), (0, 0));
    }

    proptest! {
        #[test]
        fn buckets_cover_the_window_without_gap_or_overlap(from in 0..i64::MAX / 4, length in 1..400 * DAY_MS, most in 2_usize..500) {
            let until = from + length;
            let step = Step::for_window(from, until, most);
            let series = Series::of((from, until), step, []);
            prop_assert!(!series.buckets.is_empty() && series.buckets.len() <= most, "{}", series.buckets.len());
            let (begin, end) = series.span();
            prop_assert!(begin <= from && from < begin + step.ms());
            prop_assert!(end >= until && until > end - step.ms());
            prop_assert!(series.buckets.windows(2).all(|two| two[0].until_ms == two[1].from_ms));
            prop_assert!(series.buckets.iter().all(|b| b.until_ms - b.from_ms == step.ms()));
            prop_assert_eq!(step.ms() % step.level().ms(), 0);
        }

        #[test]
        fn sums_equal_the_whole(samples in prop::collection::vec((any_sample(), 0..40 * DAY_MS), 0..120), most in 2_usize..200) {
            let (from, until) = (0, 40 * DAY_MS);
            let step = Step::for_window(from, until, most);
            let (mut whole, mut windows) = (Rollup::default(), Vec::new());
            for (sample, slot) in &samples {
                let mut one = Rollup::default();
                one.add(&Sample { slot: *slot, ..*sample });
                whole.merge(&one);
                windows.push((step.level().begin(*slot), one));
            }
            let series = Series::of((from, until), step, windows.iter().map(|(at, r)| (*at, r)));
            prop_assert_eq!(series.whole(), whole);
            let n = series.buckets.iter().map(|b| b.rollup.totals.n()).sum::<u64>();
            prop_assert_eq!(n, samples.len() as u64);
        }
    }
}
