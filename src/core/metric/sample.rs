//! One result of a probe, and the columns that many of them are stored as.

use super::Damaged;
use super::bytes::Reader;
use super::codec::{Effort, put_column, read_column};
use crate::stack::state::State;
use crate::words;

words! {
    /// What a probe found.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
    pub enum ProbeOutcome {
        #[default]
        Ok = "ok",
        Degraded = "degraded",
        Failing = "failing",
        /// It could not be made, for a reason of ours.
        Unknown = "unknown",
        /// The slot passed without a probe; `class` of the sample is the reason.
        Skipped = "skipped",
    }
}

impl From<State> for ProbeOutcome {
    fn from(state: State) -> Self {
        match state {
            State::Ok => Self::Ok,
            State::Degraded => Self::Degraded,
            State::Failing => Self::Failing,
            State::Unknown => Self::Unknown,
        }
    }
}

words! {
    /// Why a probe was made.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
    pub enum Trigger {
        #[default]
        Schedule = "schedule",
        Manual = "manual",
    }
}

/// A result of one routine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Sample {
    /// When it was due, milliseconds since the Unix epoch. Of a manual one: when it began.
    pub slot: i64,
    /// How long after the slot and its jitter it began, milliseconds.
    pub lag_ms: u32,
    /// Microseconds; absent when there was no answer.
    pub latency_us: Option<u32>,
    pub outcome: ProbeOutcome,
    /// HTTP status; 0: none.
    pub code: u16,
    /// Class of a failure or reason of a skipped slot, as the scheduler numbers them; 0: none.
    pub class: u8,
    pub trigger: Trigger,
}

/// A result and the number of its routine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Probed {
    pub routine: i64,
    pub sample: Sample,
}

/// A start this soon after its slot is on time and stored as 0: exact lags would cost half as much
/// again as everything else. Milliseconds.
pub const ON_TIME_MS: u32 = 100;

impl Sample {
    /// The sample as it is stored: latency and lag with three significant digits (±0.5 %), a lag
    /// below [`ON_TIME_MS`] as 0.
    #[must_use]
    pub fn as_stored(self) -> Self {
        Self {
            lag_ms: rounded(late(self.lag_ms)),
            latency_us: self.latency_us.map(rounded),
            ..self
        }
    }
}

const fn late(lag_ms: u32) -> u32 {
    if lag_ms < ON_TIME_MS { 0 } else { lag_ms }
}

/// Three significant digits as steps without gaps: 0 to 999 are themselves, then 900 steps for
/// each further digit.
fn step(value: u32) -> u64 {
    let value = u64::from(value);
    let (mut power, mut digits) = (1, 0);
    while value / power >= 1000 {
        power *= 10;
        digits += 1;
    }
    if digits == 0 {
        return value;
    }
    // 999.5 rounds up to 1000, which is the first step of the next digit.
    900 * digits + (value + power / 2) / power
}

fn from_step(step: u64) -> Option<u32> {
    if step < 1000 {
        return u32::try_from(step).ok();
    }
    let digits = u32::try_from((step - 100) / 900).ok()?;
    let leading = step - 900 * u64::from(digits);
    u32::try_from(leading.checked_mul(10_u64.checked_pow(digits)?)?).ok()
}

fn rounded(value: u32) -> u32 {
    from_step(step(value)).unwrap_or(value)
}

/// Appends everything of the samples but their slots.
pub(super) fn put_columns(out: &mut Vec<u8>, samples: &[&Sample], effort: Effort) {
    let mut column = |value: &dyn Fn(&Sample) -> u64| {
        let values: Vec<u64> = samples.iter().map(|sample| value(sample)).collect();
        put_column(out, &values, effort);
    };
    column(&|s| u64::from(s.outcome as u8) | u64::from(s.trigger as u8) << 3);
    column(&|s| step(late(s.lag_ms)));
    column(&|s| s.latency_us.map_or(0, |us| step(us) + 1));
    column(&|s| s.code.into());
    column(&|s| s.class.into());
}

/// Reads what [`put_columns`] wrote, for samples with these slots.
pub(super) fn read_columns(reader: &mut Reader<'_>, slots: &[i64]) -> Result<Vec<Sample>, Damaged> {
    let n = slots.len();
    let flags = read_column(reader, n)?;
    let lags = read_column(reader, n)?;
    let latencies = read_column(reader, n)?;
    let codes = read_column(reader, n)?;
    let classes = read_column(reader, n)?;
    let mut samples = Vec::with_capacity(n);
    for (row, slot) in slots.iter().enumerate() {
        let sample = sample(flags[row], lags[row], latencies[row]);
        samples.push(Sample {
            slot: *slot,
            code: u16::try_from(codes[row]).map_err(|_| Damaged("a status is too large"))?,
            class: u8::try_from(classes[row]).map_err(|_| Damaged("a class is too large"))?,
            ..sample.ok_or(Damaged("a value is out of range"))?
        });
    }
    Ok(samples)
}

fn sample(flags: u64, lag: u64, latency: u64) -> Option<Sample> {
    Some(Sample {
        lag_ms: from_step(lag)?,
        latency_us: match latency.checked_sub(1) {
            Some(step) => Some(from_step(step)?),
            None => None,
        },
        outcome: *ProbeOutcome::ALL.get(usize::try_from(flags & 7).ok()?)?,
        trigger: *Trigger::ALL.get(usize::try_from(flags >> 3).ok()?)?,
        ..Sample::default()
    })
}

#[cfg(test)]
pub(super) mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Any sample, with latencies and lags of all magnitudes.
    pub fn any_sample() -> impl Strategy<Value = Sample> {
        let size = || (any::<u32>(), 0_u32..32).prop_map(|(value, shift)| value >> shift);
        let outcome = prop::sample::select(ProbeOutcome::ALL.to_vec());
        let trigger = prop::sample::select(Trigger::ALL.to_vec());
        let code = prop::sample::select(vec![0_u16, 200, 200, 200, 301, 503, u16::MAX]);
        let numbers = (any::<i64>(), size(), prop::option::of(size()));
        (numbers, outcome, code, any::<u8>(), trigger).prop_map(
            |((slot, lag_ms, latency_us), outcome, code, class, trigger)| Sample {
                slot,
                lag_ms,
                latency_us,
                outcome,
                code,
                class,
                trigger,
            },
        )
    }

    #[test]
    fn three_digits_are_kept() {
        for (value, kept) in [
            (0, 0),
            (999, 999),
            (1000, 1000),
            (1004, 1000),
            (1005, 1010),
            (9994, 9990),
            (9995, 10_000),
            (123_456, 123_000),
            (u32::MAX, 4_290_000_000),
        ] {
            assert_eq!(rounded(value), kept, "{value}");
        }
        let all = (0..30_000).map(step).collect::<Vec<_>>();
        assert!(all.is_sorted(), "the order is kept");
    }

    proptest! {
        #[test]
        fn rounding_is_within_half_a_percent_and_final(sample in any_sample()) {
            let stored = sample.as_stored();
            prop_assert_eq!(stored.as_stored(), stored);
            if let (Some(exact), Some(kept)) = (sample.latency_us, stored.latency_us) {
                prop_assert!(u64::from(exact.abs_diff(kept)) * 200 <= u64::from(exact), "{} {}", exact, kept);
            }
        }
    }
}
