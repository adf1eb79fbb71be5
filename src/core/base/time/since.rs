//! Parses a time in the past: `24h`, `02:00`, `today`, `yesterday 14:30`, `monday`, `2026-11-21`,
//! `2026-11-21T09:00:00Z`. Clock times and days are UTC, as everything on screen is.

use super::{Timestamp, parse_duration};

const MINUTE: i64 = 60_000;
const DAY: i64 = 86_400_000;
/// 1970-01-01 was a Thursday; Monday counts 0.
const EPOCH_WEEKDAY: i64 = 3;
const WEEKDAYS: [&str; 7] = [
    "monday",
    "tuesday",
    "wednesday",
    "thursday",
    "friday",
    "saturday",
    "sunday",
];

/// Reads an instant before `now`. A clock time alone is the last time the clock showed it.
///
/// # Errors
/// Lists the accepted forms.
pub fn parse_since(text: &str, now: Timestamp) -> Result<Timestamp, String> {
    let lower = text.trim().to_lowercase();
    let found = parse_duration(&lower)
        .ok()
        .map(|back| now.plus_ms(-back))
        .or_else(|| instant(text.trim(), &lower, now));
    found.ok_or_else(|| {
        format!(
            "`{text}` is not a time in the past: write 24h, 02:00, today, yesterday, monday, 2026-11-21 or \
             2026-11-21T09:00:00Z (UTC)"
        )
    })
}

fn instant(text: &str, lower: &str, now: Timestamp) -> Option<Timestamp> {
    if let Some(exact) = rfc3339(text) {
        return Some(exact);
    }
    if let Some(day) = day(lower, now) {
        return Some(day);
    }
    if let Some(ms) = clock(lower) {
        let at = midnight(now).plus_ms(ms);
        return Some(if at > now { at.plus_ms(-DAY) } else { at });
    }
    // "yesterday 14:00", "14:00 yesterday", "2026-11-21t10:00"
    let (first, last) = lower.split_once(' ').or_else(|| lower.split_once('t'))?;
    let at = |of: &str, clock_time: &str| Some(day(of, now)?.plus_ms(clock(clock_time)?));
    at(first, last)
        .or_else(|| at(last, first))
        .filter(|at| *at <= now)
}

/// Start of a day, or of another named period.
fn day(lower: &str, now: Timestamp) -> Option<Timestamp> {
    let today = midnight(now);
    let weekday = (today.0.div_euclid(DAY) + EPOCH_WEEKDAY).rem_euclid(7);
    let back = |days: i64| today.plus_ms(-days * DAY);
    match lower {
        "today" | "this morning" => return Some(today),
        "this afternoon" => return Some(today.plus_ms(12 * 60 * MINUTE)).filter(|at| *at <= now),
        "this evening" => return Some(today.plus_ms(18 * 60 * MINUTE)).filter(|at| *at <= now),
        "yesterday" => return Some(back(1)),
        // The evening that began last, also after midnight.
        "tonight" => {
            let evening = |days: i64| back(days).plus_ms(18 * 60 * MINUTE);
            return Some(evening(0))
                .filter(|at| *at <= now)
                .or(Some(evening(1)));
        }
        "last night" => return Some(back(1).plus_ms(18 * 60 * MINUTE)),
        "the day before yesterday" => return Some(back(2)),
        "this week" => return Some(back(weekday)),
        "this month" => return date(&format!("{}-01", now.rfc3339().get(..7)?)),
        "this year" => return date(&format!("{}-01-01", now.rfc3339().get(..4)?)),
        _ => {}
    }
    let name = lower.strip_prefix("last ").unwrap_or(lower);
    let wanted = WEEKDAYS
        .iter()
        .position(|day| *day == name || (name.len() == 3 && day.starts_with(name)));
    if let Some(wanted) = wanted.and_then(|at| i64::try_from(at).ok()) {
        let ago = (weekday - wanted).rem_euclid(7);
        return Some(back(if ago == 0 && name != lower { 7 } else { ago }));
    }
    date(lower)
}

pub(super) const fn midnight(now: Timestamp) -> Timestamp {
    now.plus_ms(-now.0.rem_euclid(DAY))
}

/// Milliseconds after midnight: `02:00`, `14:30:15`, `9am`, `9:30pm`, `noon`, `midnight`.
pub(super) fn clock(lower: &str) -> Option<i64> {
    let lower = lower.strip_suffix(" utc").unwrap_or(lower);
    let lower = lower.strip_suffix('z').unwrap_or(lower);
    match lower {
        "noon" => return Some(DAY / 2),
        "midnight" => return Some(0),
        _ => {}
    }
    let half = |suffix: &str| lower.strip_suffix(suffix).map(str::trim_end);
    let (body, afternoon) = match (half("am"), half("pm")) {
        (Some(body), _) => (body, Some(false)),
        (_, Some(body)) => (body, Some(true)),
        _ => (lower, None),
    };
    let numbers = body
        .split(':')
        .map(|part| part.parse::<i64>().ok().filter(|_| part.len() <= 2));
    let numbers = numbers.collect::<Option<Vec<_>>>()?;
    let (hour, minute, second) = match (numbers.as_slice(), afternoon) {
        ([hour], Some(_)) => (*hour, 0, 0),
        ([hour, minute], _) => (*hour, *minute, 0),
        ([hour, minute, second], _) => (*hour, *minute, *second),
        _ => return None,
    };
    let hour = match afternoon {
        None => hour,
        Some(afternoon) if (1..=12).contains(&hour) => hour % 12 + if afternoon { 12 } else { 0 },
        Some(_) => return None,
    };
    let valid = (0..24).contains(&hour) && (0..60).contains(&minute) && (0..60).contains(&second);
    valid.then_some((hour * 60 + minute) * MINUTE + second * 1000)
}

pub(super) fn date(lower: &str) -> Option<Timestamp> {
    let day: chrono::NaiveDate = lower.parse().ok()?;
    Some(Timestamp(
        day.and_time(chrono::NaiveTime::MIN)
            .and_utc()
            .timestamp_millis(),
    ))
}

pub(super) fn rfc3339(text: &str) -> Option<Timestamp> {
    chrono::DateTime::parse_from_rfc3339(text)
        .ok()
        .map(|at| Timestamp(at.timestamp_millis()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_in_the_past_are_parsed() {
        // A Sunday, 03:00.
        let now = rfc3339("2026-11-29T03:00:00Z").unwrap();
        for (text, expected) in [
            ("24h", "2026-11-28T03:00:00Z"),
            ("2d", "2026-11-27T03:00:00Z"),
            ("02:00", "2026-11-29T02:00:00Z"),
            ("04:00", "2026-11-28T04:00:00Z"),
            ("9pm", "2026-11-28T21:00:00Z"),
            ("12am", "2026-11-29T00:00:00Z"),
            ("9:30pm", "2026-11-28T21:30:00Z"),
            ("14:30:15", "2026-11-28T14:30:15Z"),
            ("noon", "2026-11-28T12:00:00Z"),
            ("today", "2026-11-29T00:00:00Z"),
            ("Yesterday", "2026-11-28T00:00:00Z"),
            ("yesterday 14:00", "2026-11-28T14:00:00Z"),
            ("14:00 yesterday", "2026-11-28T14:00:00Z"),
            ("last night", "2026-11-28T18:00:00Z"),
            ("this week", "2026-11-23T00:00:00Z"),
            ("this month", "2026-11-01T00:00:00Z"),
            ("this year", "2026-01-01T00:00:00Z"),
            ("monday", "2026-11-23T00:00:00Z"),
            ("sun", "2026-11-29T00:00:00Z"),
            ("last sunday", "2026-11-22T00:00:00Z"),
            ("2026-11-21", "2026-11-21T00:00:00Z"),
            ("2026-11-21 10:00", "2026-11-21T10:00:00Z"),
            ("2026-11-21T10:00", "2026-11-21T10:00:00Z"),
            ("2026-11-21T08:00:00+01:00", "2026-11-21T07:00:00Z"),
        ] {
            assert_eq!(
                parse_since(text, now).map(Timestamp::rfc3339),
                Ok(rfc3339(expected).unwrap().rfc3339()),
                "{text}"
            );
        }
        for text in [
            "",
            "25:00",
            "2:99",
            "yesterday-ish",
            "tomorrow",
            "13pm",
            "this evening",
            "today 04:00",
            "2026-13-01",
        ] {
            let refused = parse_since(text, now).unwrap_err();
            assert!(refused.contains("yesterday, monday"), "{text}: {refused}");
        }
    }
}
