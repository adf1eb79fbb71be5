//! The axes of a chart: round values, and round times in a zone, as many as there is room for.

use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use super::{DAY_MS, HOUR_MS, MINUTE_MS};

/// Distances of marks on the time axis, milliseconds; above the last one they double.
const STEPS: [i64; 14] = [
    MINUTE_MS,
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
];

/// The end of a value axis that begins at 0, and its marks between.
#[derive(Debug, Clone, PartialEq)]
pub struct ValueAxis {
    pub top: f64,
    /// Multiples of 1, 2 or 5 times a power of ten, from 0 to `top`.
    pub marks: Vec<f64>,
}

impl ValueAxis {
    /// The axis for values up to `max` with at most so many marks above 0, but at least one.
    #[must_use]
    pub fn of(max: f64, most: u32) -> Self {
        let most = most.max(1);
        if !max.is_finite() || max <= 0.0 {
            return Self {
                top: 1.0,
                marks: vec![0.0, 1.0],
            };
        }
        let power = 10_f64.powf((max / f64::from(most)).log10().floor());
        let steps = [1.0, 2.0, 5.0, 10.0].map(|digit| digit * power);
        // Values that came out a little above a mark by rounding need none more.
        let marks_of = |step: f64| (max / step - 1e-9).ceil();
        let step = steps
            .into_iter()
            .find(|step| marks_of(*step) <= f64::from(most))
            .unwrap_or(10.0 * power);
        let count = (1..=most).find(|n| f64::from(*n) >= marks_of(step));
        let count = count.unwrap_or(most);
        Self {
            top: f64::from(count) * step,
            marks: (0..=count).map(|n| f64::from(n) * step).collect(),
        }
    }
}

/// A latency with its unit, three digits at most: `0.45 ms`, `41 ms`, `1.2 s`.
#[must_use]
pub fn latency(ms: f64) -> String {
    let trimmed = |text: String| {
        let text = text.trim_end_matches('0').trim_end_matches('.');
        if text.is_empty() { "0" } else { text }.to_owned()
    };
    if ms >= 99_500.0 {
        format!("{:.0} s", ms / 1000.0)
    } else if ms >= 999.5 {
        format!("{} s", trimmed(format!("{:.1}", ms / 1000.0)))
    } else if ms >= 9.95 || ms == 0.0 {
        format!("{ms:.0} ms")
    } else if ms >= 0.995 {
        format!("{} ms", trimmed(format!("{ms:.1}")))
    } else {
        format!("{} ms", trimmed(format!("{ms:.2}")))
    }
}

/// A mark of the time axis.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TimeMark {
    /// Milliseconds since the Unix epoch.
    pub at: i64,
    /// `14:00`; at midnight, or where marks are days apart, `21 Nov`.
    pub label: String,
}

/// At most so many marks from `from` until before `until`, milliseconds since the Unix epoch, at
/// round times of the zone.
#[must_use]
pub fn time_marks(from: i64, until: i64, most: usize, zone: &TimeZone) -> Vec<TimeMark> {
    let length = until.saturating_sub(from);
    let Some(last) = i64::try_from(most).ok().filter(|most| *most > 0) else {
        return Vec::new();
    };
    let doubled = std::iter::successors(STEPS.last().copied(), |ms| ms.checked_mul(2));
    let fits = |step: &i64| length.div_euclid(*step) < last;
    let Some(step) = STEPS.into_iter().chain(doubled).find(fits) else {
        return Vec::new();
    };
    let Some(begin) = shown_by_clocks(from, zone) else {
        return Vec::new();
    };
    let first = begin.saturating_sub(begin.rem_euclid(step));
    let mut marks: Vec<TimeMark> = Vec::new();
    // One more at each end: the offset of the zone may change in the window.
    for number in 0..=last.saturating_add(2) {
        let shown = first.saturating_add(number.saturating_mul(step));
        let Some((at, date)) = at_clocks(shown, zone) else {
            break;
        };
        let is_new = marks.last().is_none_or(|mark| mark.at < at);
        if (from..until).contains(&at) && is_new && marks.len() < most {
            let format = if shown.rem_euclid(DAY_MS) == 0 {
                "%-d %b"
            } else {
                "%H:%M"
            };
            marks.push(TimeMark {
                at,
                label: date.strftime(format).to_string(),
            });
        }
    }
    marks
}

/// What clocks of the zone show, as milliseconds since what they would show at the Unix epoch in
/// UTC.
fn shown_by_clocks(at: i64, zone: &TimeZone) -> Option<i64> {
    let at = jiff::Timestamp::from_millisecond(at).ok()?;
    let offset = i64::from(zone.to_offset(at).seconds());
    at.as_millisecond().checked_add(offset * 1000)
}

/// When clocks show that first; in an hour that is skipped, when they come out of it.
fn at_clocks(shown: i64, zone: &TimeZone) -> Option<(i64, DateTime)> {
    let shown = jiff::Timestamp::from_millisecond(shown).ok()?;
    let date = TimeZone::UTC.to_datetime(shown);
    let at = zone.to_ambiguous_timestamp(date).compatible().ok()?;
    Some((at.as_millisecond(), date))
}

/// A time as clocks of the zone show it: `21 Nov 14:00`. Outside of the range of calendars, the
/// number.
#[must_use]
pub fn moment(at: i64, zone: &TimeZone) -> String {
    shown(at, zone, "%-d %b %H:%M")
}

/// From one time to another: `21 Nov 14:00–14:30`, `21 Nov 12:00 – 22 Nov 00:00`.
#[must_use]
pub fn span(from: i64, until: i64, zone: &TimeZone) -> String {
    let day = |at| shown(at, zone, "%Y-%m-%d");
    if day(from) == day(until) {
        return format!("{}–{}", moment(from, zone), shown(until, zone, "%H:%M"));
    }
    format!("{} – {}", moment(from, zone), moment(until, zone))
}

/// A length of whole minutes in its largest whole unit: `30 min`, `90 min`, `2 h`, `1 d`.
#[must_use]
pub fn length(ms: i64) -> String {
    let minutes = ms / MINUTE_MS;
    match () {
        () if minutes % 1440 == 0 => format!("{} d", minutes / 1440),
        () if minutes % 60 == 0 => format!("{} h", minutes / 60),
        () => format!("{minutes} min"),
    }
}

/// The abbreviation of the zone at that time: `CET`, `+05`, `UTC`.
#[must_use]
pub fn zone_name(at: i64, zone: &TimeZone) -> String {
    shown(at, zone, "%Z")
}

fn shown(at: i64, zone: &TimeZone, format: &str) -> String {
    jiff::Timestamp::from_millisecond(at).map_or_else(
        |_| format!("{at} ms"),
        |at| at.to_zoned(zone.clone()).strftime(format).to_string(),
    )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(text: &str) -> i64 {
        text.parse::<jiff::Timestamp>().unwrap().as_millisecond()
    }

    #[test]
    fn value_axes_end_at_a_round_value() {
        for (max, most, marks) in [
            (41.4, 5, &[0.0, 10.0, 20.0, 30.0, 40.0, 50.0][..]),
            (41.4, 2, &[0.0, 50.0]),
            (100.0, 2, &[0.0, 50.0, 100.0]),
            (0.3, 3, &[0.0, 0.1, 0.2, 0.3]),
            (900.0, 1, &[0.0, 1000.0]),
            (0.0, 4, &[0.0, 1.0]),
            (f64::NAN, 4, &[0.0, 1.0]),
        ] {
            let axis = ValueAxis::of(max, most);
            let close = |(a, b): (&f64, &f64)| (a - b).abs() < 1e-9;
            assert!(
                axis.marks.len() == marks.len() && axis.marks.iter().zip(marks).all(close),
                "{max} in {most}: {axis:?}"
            );
        }
    }

    #[test]
    fn latencies_have_a_unit_and_few_digits() {
        for (ms, text) in [
            (0.0, "0 ms"),
            (0.054, "0.05 ms"),
            (0.5, "0.5 ms"),
            (4.0, "4 ms"),
            (4.25, "4.2 ms"),
            (41.4, "41 ms"),
            (999.4, "999 ms"),
            (1000.0, "1 s"),
            (1250.0, "1.2 s"),
            (30_000.0, "30 s"),
            (120_000.0, "120 s"),
        ] {
            assert_eq!(latency(ms), text, "{ms}");
        }
    }

    #[test]
    fn times_are_round_in_their_zone() {
        let labels = |from: &str, until: &str, most, zone: &str| {
            let zone = TimeZone::get(zone).unwrap();
            let marks = time_marks(at(from), at(until), most, &zone);
            marks.into_iter().map(|m| m.label).collect::<Vec<_>>()
        };
        let day = ("2026-11-20T21:04:11Z", "2026-11-21T21:04:11Z");
        assert_eq!(
            labels(day.0, day.1, 5, "UTC"),
            ["21 Nov", "06:00", "12:00", "18:00"]
        );
        assert_eq!(
            labels(day.0, day.1, 5, "Asia/Kolkata"),
            ["06:00", "12:00", "18:00", "22 Nov"]
        );
        assert_eq!(
            labels("2026-11-01T12:00:00Z", "2026-11-30T12:00:00Z", 4, "UTC"),
            ["5 Nov", "19 Nov"]
        );
        // The clocks of Berlin go from 02:00 to 03:00 at 01:00 UTC.
        assert_eq!(
            labels(
                "2026-03-28T23:30:00Z",
                "2026-03-29T03:30:00Z",
                5,
                "Europe/Berlin"
            ),
            ["01:00", "02:00", "04:00", "05:00"]
        );
        assert_eq!(labels(day.0, day.1, 0, "UTC"), [""; 0]);
    }

    #[test]
    fn spans_name_a_day_once() {
        let kolkata = TimeZone::get("Asia/Kolkata").unwrap();
        let (from, until) = (at("2026-11-21T09:00:00Z"), at("2026-11-21T09:30:00Z"));
        assert_eq!(span(from, until, &TimeZone::UTC), "21 Nov 09:00–09:30");
        assert_eq!(span(from, until, &kolkata), "21 Nov 14:30–15:00");
        assert_eq!(
            span(from, until + DAY_MS, &TimeZone::UTC),
            "21 Nov 09:00 – 22 Nov 09:30"
        );
        assert_eq!(moment(i64::MAX, &kolkata), format!("{} ms", i64::MAX));
        assert_eq!(zone_name(from, &kolkata), "IST");
        let lengths = [30, 60, 90, 1440].map(|minutes| length(minutes * MINUTE_MS));
        assert_eq!(lengths, ["30 min", "1 h", "90 min", "1 d"]);
    }

    proptest! {
        #[test]
        fn marks_are_in_order_and_fit(from in 0..4_000_000_000_000_i64, length in 0..400 * DAY_MS, most in 0_usize..40) {
            let zone = TimeZone::get("America/Sao_Paulo").unwrap();
            let marks = time_marks(from, from + length, most, &zone);
            prop_assert!(marks.len() <= most);
            prop_assert!(marks.windows(2).all(|two| two[0].at < two[1].at));
            prop_assert!(marks.iter().all(|m| (from..from + length).contains(&m.at)));
        }

        #[test]
        fn the_axis_holds_its_values(max in 0.001..1e9_f64, most in 1_u32..20) {
            let axis = ValueAxis::of(max, most);
            prop_assert!(axis.top >= max * (1.0 - 1e-6), "{axis:?}");
            prop_assert!(axis.marks.len() <= most as usize + 1 && axis.marks.len() >= 2, "{axis:?}");
        }
    }
}
