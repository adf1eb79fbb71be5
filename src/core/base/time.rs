//! Time as values: an instant in milliseconds since the Unix epoch, durations in milliseconds, and
//! how both are written.

mod since;
mod until;

use serde::{Deserialize, Serialize};

pub use since::parse_since;
pub use until::parse_until;

/// An instant: milliseconds since 1970-01-01T00:00:00Z. Stored as a bigint on both databases.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// The instant `ms` milliseconds later (negative: earlier); saturates.
    #[must_use]
    pub const fn plus_ms(self, ms: i64) -> Self {
        Self(self.0.saturating_add(ms))
    }

    /// Milliseconds from `earlier` to `self`; negative when `earlier` is later.
    #[must_use]
    pub const fn ms_since(self, earlier: Self) -> i64 {
        self.0.saturating_sub(earlier.0)
    }

    /// `HH:MM:SS` in UTC.
    #[must_use]
    pub fn clock_utc(self) -> String {
        let s = self.0.div_euclid(1000).rem_euclid(86_400);
        format!("{:02}:{:02}:{:02}", s / 3600, s / 60 % 60, s % 60)
    }

    /// RFC 3339 in UTC with milliseconds, `2026-11-21T09:30:00.250Z`; the number itself when
    /// outside chrono's range.
    #[must_use]
    pub fn rfc3339(self) -> String {
        chrono::DateTime::from_timestamp_millis(self.0).map_or_else(
            || format!("{} ms", self.0),
            |t| t.to_rfc3339_opts(chrono::SecondsFormat::Millis, true),
        )
    }
}

/// A duration in people's units, two at the most: `840 ms`, `4.2 s`, `3 min 20 s`, `5 h 12 min`, `3
/// d 4 h`.
#[must_use]
pub fn human_ms(ms: i64) -> String {
    let ms = ms.max(0);
    let (s, m, h, d) = (ms / 1000, ms / 60_000, ms / 3_600_000, ms / 86_400_000);
    match () {
        () if ms < 1000 => format!("{ms} ms"),
        () if s < 60 => format!("{}.{} s", s, ms % 1000 / 100),
        () if m < 60 => format!("{m} min {} s", s % 60),
        () if h < 48 => format!("{h} h {} min", m % 60),
        () => format!("{d} d {} h", h % 24),
    }
}

/// An age for a screen that is refreshed once a minute: `under 1 min`, `14 min`, `7 h`, `3 d`.
#[must_use]
pub fn age(ms: i64) -> String {
    match ms {
        ..60_000 => "under 1 min".to_owned(),
        60_000..3_600_000 => format!("{} min", ms / 60_000),
        3_600_000..172_800_000 => format!("{} h", ms / 3_600_000),
        _ => format!("{} d", ms / 86_400_000),
    }
}

/// Reads `250ms`, `8s`, `5m`, `1h30m`, `2d` (whole numbers, units ms s m h d w, largest first) as
/// milliseconds.
///
/// # Errors
/// The expected form, when the text is empty, has no unit, an unknown unit, or overflows.
pub fn parse_duration(text: &str) -> Result<i64, String> {
    let wanted = || format!("`{text}` is not a duration: write it like 30s, 5m, 1h30m or 2d");
    let mut rest = text.trim();
    if rest.is_empty() {
        return Err(wanted());
    }
    let mut total: i64 = 0;
    while !rest.is_empty() {
        let digits = rest
            .find(|c: char| !c.is_ascii_digit())
            .ok_or_else(wanted)?;
        let number: i64 = rest[..digits].parse().map_err(|_| wanted())?;
        rest = &rest[digits..];
        let end = rest
            .find(|c: char| !c.is_ascii_alphabetic())
            .unwrap_or(rest.len());
        let unit = match &rest[..end] {
            "ms" => 1,
            "s" => 1000,
            "m" | "min" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            "w" => 604_800_000,
            _ => return Err(wanted()),
        };
        total = number
            .checked_mul(unit)
            .and_then(|n| total.checked_add(n))
            .ok_or_else(wanted)?;
        rest = &rest[end..];
    }
    Ok(total)
}

/// The shortest exact way to write a duration `parse_duration` reads: `90m`, `8s`, `250ms`.
#[must_use]
pub fn write_duration(ms: i64) -> String {
    for (unit, name) in [
        (86_400_000, "d"),
        (3_600_000, "h"),
        (60_000, "m"),
        (1000, "s"),
    ] {
        if ms != 0 && ms % unit == 0 {
            return format!("{}{name}", ms / unit);
        }
    }
    format!("{ms}ms")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_and_written() {
        for (text, ms) in [
            ("8s", 8000),
            ("1h30m", 5_400_000),
            ("250ms", 250),
            ("2d", 172_800_000),
            ("1w", 604_800_000),
        ] {
            assert_eq!(parse_duration(text), Ok(ms), "{text}");
            assert_eq!(parse_duration(&write_duration(ms)), Ok(ms), "{text}");
        }
        for bad in ["", "90", "5 m", "m", "1y", "-3s", "99999999999999999d"] {
            assert!(parse_duration(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn people_read_two_units() {
        assert_eq!(human_ms(840), "840 ms");
        assert_eq!(human_ms(4_250), "4.2 s");
        assert_eq!(human_ms(200_000), "3 min 20 s");
        assert_eq!(human_ms(18_720_000), "5 h 12 min");
        assert_eq!(human_ms(273_600_000), "3 d 4 h");
    }
}
