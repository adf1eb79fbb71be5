//! Cron patterns against what others say about them: slots that cronsim finds, and the rules of the
//! Open Cron Pattern Specification.

use std::collections::BTreeMap;

use jiff::tz::TimeZone;
use opsroom::core::base::time::Timestamp;
use opsroom::core::routine::schedule::{Cron, Schedule};

/// Written by tests/fixtures/cron/make.py.
const CRONSIM: &str = include_str!("../fixtures/cron/cronsim.txt");
const MINUTE_MS: i64 = 60_000;

/// Where we mean to differ from cronsim, and how many cases of the fixture are of that kind. All
/// others are equal.
const DIFFERENT: [(Kind, usize); 3] = [
    // cronsim reads `5-5/10` like `5/10`, to the end of the field. A range of one value has one.
    (Kind::StepOfOne, 15),
    // cronsim walks in whole hours of UTC when it looks for an hour. After a change by half an hour
    // it arrives at half past, and misses the slots before.
    (Kind::HalfHour, 26),
    // Where the clocks go forward at midnight, cronsim sets its clock to a midnight that does not
    // exist, and returns that as a slot of an hour of 0, or misses the hour of 1.
    (Kind::Midnight, 4),
];

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    StepOfOne,
    HalfHour,
    Midnight,
}

/// The kind of disagreement that a case may have.
fn kind(pattern: &str, zone: &str) -> Option<Kind> {
    let step_of_one = |part: &str| {
        let range = part.split_once('/').and_then(|(r, _)| r.split_once('-'));
        range.is_some_and(|(from, until)| from == until)
    };
    if pattern.split([' ', ',']).any(step_of_one) {
        return Some(Kind::StepOfOne);
    }
    let follows = pattern.split(' ').take(2).any(|f| f.starts_with('*'));
    match zone {
        "Australia/Lord_Howe" if follows => Some(Kind::HalfHour),
        "America/Sao_Paulo" if follows => Some(Kind::Midnight),
        _ => None,
    }
}

#[expect(
    clippy::unwrap_used,
    reason = "clippy knows tests by their attribute, not their helpers"
)]
fn schedule(pattern: &str, zone: &str) -> Schedule {
    let cron = Cron::parse(pattern, TimeZone::get(zone).unwrap(), 1);
    Schedule::Cron(Box::new(cron.unwrap()))
}

#[expect(
    clippy::unwrap_used,
    reason = "clippy knows tests by their attribute, not their helpers"
)]
fn at(text: &str) -> Timestamp {
    let at: jiff::Timestamp = text.parse().unwrap();
    Timestamp(at.as_millisecond())
}

#[test]
fn slots_are_those_of_cronsim() {
    let mut different: BTreeMap<Kind, usize> = BTreeMap::new();
    let mut compared = 0;
    for line in CRONSIM.lines().filter(|line| !line.starts_with('#')) {
        let [pattern, zone, start, gaps] = line.split('\t').collect::<Vec<_>>()[..] else {
            panic!("not four columns: {line}");
        };
        let mut theirs = vec![at(&start.replace('Z', ":00Z"))];
        for gap in gaps.split(' ').filter(|gap| !gap.is_empty()) {
            let gap: i64 = gap.parse().unwrap();
            theirs.push(theirs[theirs.len() - 1].plus_ms(gap * MINUTE_MS));
        }
        let start = theirs.remove(0);
        let ours = schedule(pattern, zone).next_slots(start, theirs.len().max(1));
        compared += 1;
        if ours != theirs {
            let kind = kind(pattern, zone);
            assert!(kind.is_some(), "{line}\n{ours:?}\n{theirs:?}");
            *different.entry(kind.unwrap()).or_default() += 1;
        }
    }
    assert_eq!(compared, 2400);
    assert_eq!(different, BTreeMap::from(DIFFERENT));
}

/// A rule of the specification: the pattern, instants that match and instants that do not.
type Rule = (
    &'static str,
    &'static [&'static str],
    &'static [&'static str],
);

/// Versions 1.0, 1.2 (seconds), 1.3 (`L`, `#`, `W`) and 1.4 (`+`) of the specification, and the
/// nicknames of 1.1.
const RULES: [Rule; 26] = [
    (
        "15 10 * * *",
        &["2025-03-10T10:15:00Z"],
        &["2025-03-10T10:14:00Z", "2025-03-10T10:15:30Z"],
    ),
    (
        "30 8 * jan Mon",
        &["2025-01-06T08:30:00Z"],
        &["2025-02-03T08:30:00Z"],
    ),
    (
        "5-59/15 9 * * *",
        &[
            "2025-03-10T09:05:00Z",
            "2025-03-10T09:20:00Z",
            "2025-03-10T09:50:00Z",
        ],
        &["2025-03-10T09:15:00Z"],
    ),
    (
        "0 12 1 * MON",
        &["2025-10-01T12:00:00Z", "2025-10-06T12:00:00Z"],
        &["2025-10-07T12:00:00Z"],
    ),
    (
        "0 12 * * MON",
        &["2025-10-06T12:00:00Z"],
        &["2025-10-07T12:00:00Z"],
    ),
    // Only a star leaves a field open; the range of all days does not.
    (
        "0 12 1-31 * MON",
        &["2025-10-06T12:00:00Z", "2025-10-07T12:00:00Z"],
        &["2025-10-08T11:00:00Z"],
    ),
    // A star with a step counts as a star, as in Debian's cron: both fields must match.
    (
        "0 12 */2 * MON",
        &["2025-10-13T12:00:00Z"],
        &["2025-10-06T12:00:00Z", "2025-10-03T12:00:00Z"],
    ),
    (
        "0 0 * * 7",
        &["2025-10-05T00:00:00Z"],
        &["2025-10-06T00:00:00Z"],
    ),
    (
        "@yearly",
        &["2026-01-01T00:00:00Z"],
        &["2026-01-02T00:00:00Z"],
    ),
    (
        "@annually",
        &["2026-01-01T00:00:00Z"],
        &["2026-02-01T00:00:00Z"],
    ),
    (
        "@monthly",
        &["2026-02-01T00:00:00Z"],
        &["2026-02-02T00:00:00Z"],
    ),
    (
        "@weekly",
        &["2025-10-05T00:00:00Z"],
        &["2025-10-06T00:00:00Z"],
    ),
    (
        "@daily",
        &["2025-10-07T00:00:00Z"],
        &["2025-10-07T00:01:00Z"],
    ),
    (
        "@midnight",
        &["2025-10-07T00:00:00Z"],
        &["2025-10-07T00:01:00Z"],
    ),
    (
        "@hourly",
        &["2025-10-07T10:00:00Z"],
        &["2025-10-07T10:01:00Z"],
    ),
    (
        "30 15 10 * * *",
        &["2025-03-10T10:15:30Z"],
        &["2025-03-10T10:15:29Z"],
    ),
    (
        "0 0 L * *",
        &["2025-02-28T00:00:00Z"],
        &["2025-02-27T00:00:00Z"],
    ),
    (
        "0 0 * * FRI#L",
        &["2025-02-28T00:00:00Z"],
        &["2025-02-21T00:00:00Z"],
    ),
    (
        "0 0 * * 5L",
        &["2025-02-28T00:00:00Z"],
        &["2025-02-21T00:00:00Z"],
    ),
    (
        "0 0 * * TUE#3",
        &["2025-06-17T00:00:00Z"],
        &["2025-06-10T00:00:00Z"],
    ),
    (
        "0 12 15W * *",
        &["2025-06-16T12:00:00Z"],
        &["2025-06-15T12:00:00Z"],
    ),
    (
        "0 12 1W * *",
        &["2025-02-03T12:00:00Z"],
        &["2025-02-01T12:00:00Z", "2025-01-31T12:00:00Z"],
    ),
    (
        "0 12 LW * *",
        &["2025-05-30T12:00:00Z"],
        &["2025-05-31T12:00:00Z"],
    ),
    (
        "0 12 ? * MON",
        &["2025-10-06T12:00:00Z"],
        &["2025-10-07T12:00:00Z"],
    ),
    (
        "0 12 1 * MON",
        &["2025-09-01T12:00:00Z", "2025-09-08T12:00:00Z"],
        &["2025-10-07T12:00:00Z"],
    ),
    (
        "0 12 1 * +MON",
        &["2025-09-01T12:00:00Z"],
        &["2025-09-08T12:00:00Z", "2025-10-01T12:00:00Z"],
    ),
];

#[test]
fn patterns_match_as_the_specification_says() {
    for (pattern, matching, other) in RULES {
        let schedule = schedule(pattern, "UTC");
        for (text, expected) in matching
            .iter()
            .map(|t| (t, true))
            .chain(other.iter().map(|t| (t, false)))
        {
            let at = at(text);
            let matches = schedule.next_after(at.plus_ms(-1)) == Some(at);
            assert_eq!(matches, expected, "{pattern} at {text}");
        }
    }
}

/// What the specification refuses, and we too.
const REFUSED: [&str; 9] = [
    "60 0 * * *",
    "0 0 10-5 * *",
    "0 0 /30 * *",
    "@daily 0 0 * * *",
    "0 12 1-15W * *",
    "0 12 +1 * MON",
    "? 12 * * *",
    "* * * *",
    "0 0 0 1 1 * 1969",
];

/// Where we differ from the specification: what it says, and why not.
const OUR_OWN: [(&str, bool, &str); 4] = [
    (
        "@Daily",
        true,
        "nicknames are lower case only; a capital letter is no reason to refuse a stack",
    ),
    (
        "@reboot",
        false,
        "is accepted when read; nothing of ours ever starts up, so it would never run",
    ),
    (
        "0 15 10 * * * 2025",
        false,
        "seven fields have a year; a routine that ends is removed from the file",
    ),
    ("0 0 0 1 1 * 1970-2199/2", false, "seven fields have a year"),
];

#[test]
fn patterns_are_refused_as_the_specification_says() {
    let read = |pattern: &str| Cron::parse(pattern, TimeZone::UTC, 1);
    for pattern in REFUSED {
        assert!(read(pattern).is_err(), "{pattern}");
    }
    for (pattern, accepted, why) in OUR_OWN {
        assert_eq!(read(pattern).is_ok(), accepted, "{pattern}: {why}");
    }
    // An impossible date can be read; it is never due.
    let never = schedule("* * 31 2 *", "UTC");
    assert_eq!(never.next_after(at("2025-01-01T00:00:00Z")), None);
    let daily = [
        schedule("@daily", "Europe/Paris"),
        schedule("0 0 * * *", "Europe/Paris"),
    ];
    let from = at("2026-03-01T00:00:00Z");
    assert_eq!(
        daily[0].next_slots(from, 300),
        daily[1].next_slots(from, 300)
    );
}
