//! Rules for durations, cron patterns and time zones.

use jiff::tz::TimeZone;

use crate::core::base::time::{Timestamp, parse_duration, write_duration};
use crate::core::base::toml_doc::quoted;
use crate::core::routine::schedule::{Cron, Schedule};

/// The shortest time between two runs of a routine, milliseconds.
pub(in crate::config) const MIN_INTERVAL_MS: i64 = 10_000;
/// The longest: use a cron pattern for more than a year.
pub(in crate::config) const MAX_INTERVAL_MS: i64 = 366 * 86_400_000;
/// The longest deadline of one call.
pub(in crate::config) const MAX_TIMEOUT_MS: i64 = 7 * 86_400_000;

/// How often a routine runs.
pub(in crate::config) fn interval(text: &str) -> Result<i64, String> {
    within(text, MIN_INTERVAL_MS, MAX_INTERVAL_MS)
}

/// A total deadline.
pub(in crate::config) fn timeout(text: &str) -> Result<i64, String> {
    within(text, 1, MAX_TIMEOUT_MS)
}

/// A duration between two bounds, in milliseconds.
pub(in crate::config) fn within(text: &str, least: i64, most: i64) -> Result<i64, String> {
    let ms = parse_duration(text).map_err(|_| {
        format!(
            "{} is not a duration; write it like 30s, 5m or 1h30m",
            quoted(text)
        )
    })?;
    match ms {
        ms if ms < least => Err(format!(
            "{} is too short; the least is {}",
            quoted(text),
            write_duration(least)
        )),
        ms if ms > most => Err(format!(
            "{} is too long; the most is {}",
            quoted(text),
            write_duration(most)
        )),
        ms => Ok(ms),
    }
}

/// Slots that are compared to find the shortest distance of a pattern with seconds: all of an hour,
/// whose minutes have at most six slots that are far enough apart.
const COMPARED: usize = 400;

/// A cron pattern of five or six fields, or `@daily` and the like, whose slots are far enough apart.
/// One that never matches, such as February 30, is kept: it is shown as never due.
pub(in crate::config) fn cron(text: &str) -> Result<String, String> {
    // Zone and key change when it is due, not whether it can be read.
    let cron = Cron::parse(text, TimeZone::UTC, 0).map_err(|why| {
        format!(
            "{} is not a cron pattern: {why}; write it like \"30 2 * * *\"",
            quoted(text)
        )
    })?;
    match shortest_ms(cron) {
        Some(shortest) if shortest < MIN_INTERVAL_MS => Err(format!(
            "{} has slots {} apart; the least is {}",
            quoted(text),
            write_duration(shortest),
            write_duration(MIN_INTERVAL_MS)
        )),
        _ => Ok(text.to_owned()),
    }
}

/// The shortest distance of the slots of a pattern, milliseconds; none: there are no two.
fn shortest_ms(cron: Cron) -> Option<i64> {
    let slots = Schedule::Cron(Box::new(cron)).next_slots(Timestamp(0), COMPARED);
    let apart = slots.iter().zip(slots.iter().skip(1));
    apart.map(|(one, next)| next.ms_since(*one)).min()
}

/// The longest jitter of a routine with slots each `every_ms` or by a pattern, milliseconds: half
/// the distance of its slots, so that the check of one begins well before the next.
pub(in crate::config) fn most_jitter(every_ms: Option<i64>, cron: Option<&str>) -> i64 {
    let by_cron = || {
        Cron::parse(cron?, TimeZone::UTC, 0)
            .ok()
            .and_then(shortest_ms)
    };
    every_ms.or_else(by_cron).unwrap_or(MAX_INTERVAL_MS) / 2
}

/// A name of the IANA time zone database, spelt as there.
pub(in crate::config) fn zone(text: &str) -> Result<String, String> {
    let complain = |hint: String| {
        format!(
            "{} is not a time zone of the IANA database{hint}",
            quoted(text)
        )
    };
    let example = || "; write it like Europe/Berlin or UTC".to_owned();
    if text.len() > 100 || !text.is_ascii() || text.eq_ignore_ascii_case("local") {
        return Err(complain(example()));
    }
    let found =
        TimeZone::get(text).map_err(|_| complain(near_zone(text).unwrap_or_else(example)))?;
    match found.iana_name() {
        Some(name) if name == text && !found.is_unknown() => Ok(text.to_owned()),
        Some(name) if !found.is_unknown() => Err(complain(format!("; did you mean `{name}`?"))),
        _ => Err(complain(example())),
    }
}

fn near_zone(text: &str) -> Option<String> {
    let names: Vec<String> = jiff::tz::db()
        .available()
        .map(|name| name.as_str().to_owned())
        .collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    crate::core::base::suggest::nearest(text, &names)
        .map(|near| format!("; did you mean `{near}`?"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn durations_stay_within_bounds() {
        assert_eq!(interval("10s"), Ok(10_000));
        assert_eq!(
            interval("9s"),
            Err("`9s` is too short; the least is 10s".to_owned())
        );
        assert!(interval("400d").unwrap_err().contains("the most is 366d"));
        assert!(interval("soon").unwrap_err().contains("not a duration"));
        assert!(timeout("0s").is_err());
        assert_eq!(timeout("8s"), Ok(8000));
    }

    #[test]
    fn cron_patterns_have_five_or_six_fields() {
        for good in [
            "30 2 * * *",
            "*/5 * * * *",
            "0 0 29 2 *",
            "0 9 * * MON-FRI",
            "0 0 L * *",
            "@daily",
            "30 0 9 * * *",
            "H 2 * * *",
            "0 0 31 2 *",
        ] {
            assert_eq!(cron(good).as_deref(), Ok(good));
        }
        for bad in [
            "",
            "* * * *",
            "61 * * * *",
            "a b c d e",
            "@reboot",
            "0 0 0 * *",
            "ü * * * *",
        ] {
            assert!(
                cron(bad).unwrap_err().contains("is not a cron pattern"),
                "{bad}: {:?}",
                cron(bad)
            );
        }
        for (often, apart) in [
            ("* * * * * *", "1s"),
            ("0,5 0 3 * * *", "5s"),
            ("0,56 0,7,8 * * * *", "4s"),
        ] {
            assert_eq!(
                cron(often),
                Err(format!(
                    "`{often}` has slots {apart} apart; the least is 10s"
                ))
            );
        }
    }

    #[test]
    fn zones_are_spelt_as_in_the_database() {
        for good in ["UTC", "Europe/Berlin", "America/Argentina/Buenos_Aires"] {
            assert_eq!(zone(good).as_deref(), Ok(good));
        }
        for (bad, near) in [
            ("europe/berlin", "Europe/Berlin"),
            ("Europe/Berln", "Europe/Berlin"),
            ("utc", "UTC"),
        ] {
            let complaint = zone(bad).unwrap_err();
            assert!(
                complaint.ends_with(&format!("did you mean `{near}`?")),
                "{complaint}"
            );
        }
        for bad in [
            "",
            "Mars/Olympus",
            "../../etc/passwd",
            "local",
            "Etc/Unknown",
            "CET-1CEST,M3.5.0,M10.5.0/3",
        ] {
            assert!(zone(bad).is_err(), "{bad}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(200))]
        #[test]
        fn no_pattern_panics(text in "[-0-9*/,L#W?@a-zA-Z ]{0,30}", any in ".{0,40}") {
            let _ = (cron(&text), cron(&any), zone(&any), interval(&any));
        }
    }
}
