//! The time a line begins with, in any of the usual spellings, as an instant. Without a zone it is
//! taken for UTC; without a year, for the last one in which it is not later than now.

use chrono::Datelike as _;

use super::json_value;
use crate::base::time::Timestamp;

const JSON_KEYS: [&str; 6] = ["time", "ts", "timestamp", "@timestamp", "t", "date"];
const LOGFMT_KEYS: [&str; 4] = ["time=", "ts=", "timestamp=", "t="];
const MONTHS: &[u8] = b"JanFebMarAprMayJunJulAugSepOctNovDec";
const DAY: i64 = 86_400_000;

/// When the line was written, if it has a time near its beginning.
#[must_use]
pub fn time(line: &[u8], now: Timestamp) -> Option<Timestamp> {
    let line = &line[..line.len().min(4096)];
    match *line.first()? {
        b'{' => JSON_KEYS
            .iter()
            .find_map(|key| value(json_value(line, key)?)),
        b'<' => {
            let rest = &line[memchr::memchr(b'>', &line[..line.len().min(5)])? + 1..];
            rest.strip_prefix(b"1 ")
                .map_or_else(|| yearless(rest, now).or_else(|| dated(rest)), dated)
        }
        b'[' => dated(&line[1..]),
        b'0'..=b'9' => dated(line).or_else(|| epoch(line)).or_else(|| access(line)),
        b'I' | b'W' | b'E' | b'F' if line.get(1).is_some_and(u8::is_ascii_digit) => glog(line, now),
        _ => yearless(line, now)
            .or_else(|| logfmt(line))
            .or_else(|| access(line)),
    }
    .map(Timestamp)
}

/// A JSON or logfmt value: quoted or bare, written time or seconds since the epoch.
fn value(bytes: &[u8]) -> Option<i64> {
    let bytes = bytes.strip_prefix(b"\"").unwrap_or(bytes);
    dated(bytes).or_else(|| epoch(bytes))
}

fn logfmt(line: &[u8]) -> Option<i64> {
    LOGFMT_KEYS.iter().find_map(|key| {
        let at = memchr::memmem::find(&line[..line.len().min(512)], key.as_bytes())?;
        (at == 0 || line[at - 1] == b' ').then(|| value(&line[at + key.len()..]))?
    })
}

/// `2026-11-21T09:30:00.250+01:00`, with a space or slashes too.
fn dated(line: &[u8]) -> Option<i64> {
    let year = digits(line, 0, 4)?;
    let dash = *line.get(4)?;
    if !matches!(dash, b'-' | b'/') || line.get(7) != Some(&dash) {
        return None;
    }
    let day = days(year, digits(line, 5, 2)?, digits(line, 8, 2)?)?;
    if !matches!(line.get(10), Some(b'T' | b't' | b' ' | b'_')) {
        return None;
    }
    let (ms, end) = clock(line, 11)?;
    Some(day * DAY + ms - zone(&line[end..]))
}

/// `HH:MM:SS` with a fraction after `.` or `,`; where it ends.
fn clock(line: &[u8], at: usize) -> Option<(i64, usize)> {
    let (hour, minute) = (digits(line, at, 2)?, digits(line, at + 3, 2)?);
    if line.get(at + 2) != Some(&b':') || hour > 24 || minute > 59 {
        return None;
    }
    let mut ms = (hour * 60 + minute) * 60_000;
    let mut end = at + 5;
    if line.get(end) == Some(&b':')
        && let Some(second) = digits(line, end + 1, 2)
    {
        ms += second.min(60) * 1000;
        end += 3;
    }
    if matches!(line.get(end), Some(b'.' | b','))
        && line.get(end + 1).is_some_and(u8::is_ascii_digit)
    {
        let mut unit = 100;
        end += 1;
        while let Some(digit) = line.get(end).filter(|b| b.is_ascii_digit()) {
            ms += i64::from(digit - b'0') * unit;
            unit /= 10;
            end += 1;
        }
    }
    Some((ms, end))
}

/// Milliseconds east of UTC: `Z`, `+01:00`, ` +0100`.
fn zone(rest: &[u8]) -> i64 {
    let rest = rest.strip_prefix(b" ").unwrap_or(rest);
    let sign = match rest.first() {
        Some(b'+') => 1,
        Some(b'-') => -1,
        _ => return 0,
    };
    let Some(hours) = digits(rest, 1, 2) else {
        return 0;
    };
    let minutes = digits(rest, if rest.get(3) == Some(&b':') { 4 } else { 3 }, 2).unwrap_or(0);
    sign * (hours * 60 + minutes) * 60_000
}

/// `Nov 21 09:30:00`, as syslog writes it.
fn yearless(line: &[u8], now: Timestamp) -> Option<i64> {
    let month = month(line)?;
    if line.get(3) != Some(&b' ') {
        return None;
    }
    let day = digits(line, 4, 2)
        .or_else(|| (line.get(4) == Some(&b' ')).then(|| digits(line, 5, 1))?)?;
    let (ms, _) = clock(line, 7)?;
    placed(month, day, ms, now)
}

/// `E1121 09:30:00.123456`.
fn glog(line: &[u8], now: Timestamp) -> Option<i64> {
    let (ms, _) = (line.get(5) == Some(&b' ')).then(|| clock(line, 6))??;
    placed(digits(line, 1, 2)?, digits(line, 3, 2)?, ms, now)
}

/// A day without a year, in the last year in which it is not after tomorrow.
fn placed(month: i64, day: i64, ms: i64, now: Timestamp) -> Option<i64> {
    let year = chrono::DateTime::from_timestamp_millis(now.0).map_or(1970, |t| i64::from(t.year()));
    let at = |year| days(year, month, day).map(|days| days * DAY + ms);
    at(year)
        .filter(|at| *at <= now.0 + DAY)
        .or_else(|| at(year - 1))
}

/// `10.0.0.1 - - [21/Nov/2026:09:30:00 +0000]`.
fn access(line: &[u8]) -> Option<i64> {
    let rest = &line[memchr::memchr(b'[', &line[..line.len().min(200)])? + 1..];
    if rest.get(2) != Some(&b'/') || rest.get(6) != Some(&b'/') || rest.get(11) != Some(&b':') {
        return None;
    }
    let day = days(digits(rest, 7, 4)?, month(&rest[3..])?, digits(rest, 0, 2)?)?;
    let (ms, end) = clock(rest, 12)?;
    Some(day * DAY + ms - zone(&rest[end..]))
}

/// Seconds (10 digits, perhaps a fraction), milli-, micro- or nanoseconds since 1970.
fn epoch(line: &[u8]) -> Option<i64> {
    let count = line
        .iter()
        .take(20)
        .take_while(|b| b.is_ascii_digit())
        .count();
    let number = digits(line, 0, count)?;
    match count {
        10 => {
            let fraction = line.get(10) == Some(&b'.');
            let ms = (0..3).map(|i| line.get(11 + i).filter(|b| fraction && b.is_ascii_digit()));
            let ms = ms.fold((0, true), |(sum, on), digit| match digit {
                Some(digit) if on => (sum * 10 + i64::from(digit - b'0'), true),
                _ => (sum * 10, false),
            });
            Some(number * 1000 + ms.0)
        }
        13 => Some(number),
        16 => Some(number / 1000),
        19 => Some(number / 1_000_000),
        _ => None,
    }
}

fn month(line: &[u8]) -> Option<i64> {
    let name = line.get(..3)?;
    MONTHS
        .chunks(3)
        .position(|m| m == name)
        .and_then(|m| i64::try_from(m + 1).ok())
}

fn digits(line: &[u8], at: usize, count: usize) -> Option<i64> {
    let bytes = line.get(at..at + count).filter(|b| !b.is_empty())?;
    bytes.iter().try_fold(0_i64, |sum, b| {
        b.is_ascii_digit().then(|| sum * 10 + i64::from(b - b'0'))
    })
}

/// Days since 1970-01-01 in the Gregorian calendar.
fn days(year: i64, month: i64, day: i64) -> Option<i64> {
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    let year = if month <= 2 { year - 1 } else { year };
    let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let of_year = (153 * (month + if month > 2 { -3 } else { 9 }) + 2) / 5 + day - 1;
    Some(era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468)
}
