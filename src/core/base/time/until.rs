//! Parses a time in the future: `18:00`, `tomorrow`, `tomorrow 09:00`, `2026-11-21`,
//! `2026-11-21T09:00:00Z`, in UTC like everything on screen.

use super::Timestamp;
use super::since::{clock, date, midnight, rfc3339};

const DAY: i64 = 86_400_000;

/// Reads an instant after `now`. A clock time alone is the next time the clock shows it.
///
/// # Errors
/// Lists the accepted forms.
pub fn parse_until(text: &str, now: Timestamp) -> Result<Timestamp, String> {
    let lower = text.trim().to_lowercase();
    let found = rfc3339(text.trim()).or_else(|| instant(&lower, now));
    found.filter(|at| *at > now).ok_or_else(|| {
        format!(
            "`{text}` is not a time in the future: write 18:00, tomorrow 09:00, 2026-11-21 or 2026-11-21T09:00:00Z (UTC)"
        )
    })
}

fn instant(lower: &str, now: Timestamp) -> Option<Timestamp> {
    if let Some(ms) = clock(lower) {
        let at = midnight(now).plus_ms(ms);
        return Some(if at > now { at } else { at.plus_ms(DAY) });
    }
    if let Some(day) = day(lower, now) {
        return Some(day);
    }
    let (first, last) = lower.split_once(' ')?;
    let at = |of: &str, time: &str| Some(day(of, now)?.plus_ms(clock(time)?));
    at(first, last).or_else(|| at(last, first))
}

fn day(lower: &str, now: Timestamp) -> Option<Timestamp> {
    match lower {
        "today" | "tonight" => Some(midnight(now)),
        "tomorrow" => Some(midnight(now).plus_ms(DAY)),
        other => date(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_in_the_future_is_read_and_no_other() {
        let now = rfc3339("2026-11-21T12:00:00Z").unwrap();
        for (text, wanted) in [
            ("18:00", "2026-11-21T18:00:00Z"),
            ("09:00", "2026-11-22T09:00:00Z"),
            ("tomorrow", "2026-11-22T00:00:00Z"),
            ("Tomorrow 09:30", "2026-11-22T09:30:00Z"),
            ("09:30 tomorrow", "2026-11-22T09:30:00Z"),
            ("today 13:00", "2026-11-21T13:00:00Z"),
            ("2026-11-30", "2026-11-30T00:00:00Z"),
            ("2026-11-30 08:00", "2026-11-30T08:00:00Z"),
            ("2026-11-21T12:00:01Z", "2026-11-21T12:00:01Z"),
        ] {
            assert_eq!(parse_until(text, now).ok(), rfc3339(wanted), "{text}");
        }
        for text in [
            "",
            "later",
            "today 11:00",
            "2026-11-20",
            "2026-11-21T12:00:00Z",
            "25:00",
        ] {
            assert!(parse_until(text, now).is_err(), "{text}");
        }
    }
}
