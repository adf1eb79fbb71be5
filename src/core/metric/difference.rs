//! What changed from one window of a routine to another, in words.

use super::axis::latency;
use super::rollup::Rollup;

/// Quantiles are within 1 %, so a smaller difference between two of them, percent, says nothing.
const SAME_PCT: f64 = 2.0;

/// The 95th percentile: `p95 41 ms, before 60 ms: 32 % faster`.
#[must_use]
pub fn p95(now: &Rollup, before: &Rollup) -> String {
    match (now.quantile_ms(0.95), before.quantile_ms(0.95)) {
        (None, None) => "no latency, now or before".to_owned(),
        (Some(now), None) => format!("p95 {}, none before", latency(now)),
        (None, Some(before)) => format!("no latency, p95 {} before", latency(before)),
        (Some(now), Some(before)) => {
            let change = if before > 0.0 {
                (now - before) / before * 100.0
            } else {
                0.0
            };
            let word = match change {
                c if c.abs() < SAME_PCT => "the same within 2 %".to_owned(),
                c if c >= 100.0 => format!("{:.1} times as long", now / before),
                c if c > 0.0 => format!("{c:.0} % slower"),
                c => format!("{:.0} % faster", -c),
            };
            format!("p95 {}, before {}: {word}", latency(now), latency(before))
        }
    }
}

/// The part of the answered checks that did not fail: `99.95 % up, before 100 %: 0.05 points less`.
#[must_use]
pub fn uptime(now: &Rollup, before: &Rollup) -> String {
    match (now.totals.uptime_pct(), before.totals.uptime_pct()) {
        (None, None) => "no check was answered, now or before".to_owned(),
        (Some(now), None) => format!("{} % up, no check before", percent(now)),
        (None, Some(before)) => format!("no check was answered, {} % up before", percent(before)),
        (Some(now), Some(before)) => {
            let word = match now - before {
                change if change.abs() < 0.005 => "the same".to_owned(),
                change if change > 0.0 => format!("{} points more", percent(change)),
                change => format!("{} points less", percent(-change)),
            };
            format!(
                "{} % up, before {} %: {word}",
                percent(now),
                percent(before)
            )
        }
    }
}

/// With two decimals, or none for a whole number.
#[must_use]
pub fn percent(pct: f64) -> String {
    let text = format!("{pct:.2}");
    text.strip_suffix(".00").unwrap_or(&text).to_owned()
}

#[cfg(test)]
mod tests {
    use super::super::sample::{ProbeOutcome, Sample};
    use super::*;

    fn of(ms: &[u32], failing: usize) -> Rollup {
        let mut rollup = Rollup::default();
        for ms in ms {
            rollup.add(&Sample {
                latency_us: Some(ms * 1000),
                ..Sample::default()
            });
        }
        for _ in 0..failing {
            rollup.add(&Sample {
                outcome: ProbeOutcome::Failing,
                ..Sample::default()
            });
        }
        rollup
    }

    #[test]
    fn a_difference_is_named() {
        for (now, before, p95_words, uptime_words) in [
            (
                of(&[40], 0),
                of(&[60], 1),
                "p95 40 ms, before 60 ms: 33 % faster",
                "100 % up, before 50 %: 50 points more",
            ),
            (
                of(&[75], 1),
                of(&[60], 0),
                "p95 75 ms, before 60 ms: 25 % slower",
                "50 % up, before 100 %: 50 points less",
            ),
            (
                of(&[300], 0),
                of(&[100], 0),
                "p95 300 ms, before 100 ms: 3.0 times as long",
                "100 % up, before 100 %: the same",
            ),
            (
                of(&[1010], 0),
                of(&[1000], 0),
                "p95 1 s, before 1 s: the same within 2 %",
                "100 % up, before 100 %: the same",
            ),
            (
                of(&[60], 0),
                of(&[], 0),
                "p95 60 ms, none before",
                "100 % up, no check before",
            ),
            (
                of(&[], 0),
                of(&[60], 0),
                "no latency, p95 60 ms before",
                "no check was answered, 100 % up before",
            ),
            (
                of(&[], 0),
                of(&[], 0),
                "no latency, now or before",
                "no check was answered, now or before",
            ),
        ] {
            assert_eq!(p95(&now, &before), p95_words);
            assert_eq!(uptime(&now, &before), uptime_words);
        }
    }
}
