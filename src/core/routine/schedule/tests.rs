//! Slots of intervals and cron patterns.

use jiff::tz::TimeZone;
use proptest::prelude::*;

use super::cron::steps;
use super::*;

fn at(text: &str) -> Timestamp {
    let at: jiff::Timestamp = text.parse().unwrap();
    Timestamp(at.as_millisecond())
}

fn cron(pattern: &str, zone: &str) -> Schedule {
    let zone = TimeZone::get(zone).unwrap();
    Schedule::Cron(Box::new(Cron::parse(pattern, zone, 7).unwrap()))
}

fn next(schedule: &Schedule, after: &str, n: usize) -> Vec<String> {
    let slots = schedule.next_slots(at(after), n);
    slots
        .into_iter()
        .map(|slot| slot.rfc3339().replace(".000Z", "Z"))
        .collect()
}

proptest! {
    #[test]
    fn the_next_slot_is_later_and_congruent(every in 1_i64..400_000_000, key: u64, now in -1_000_000_000_000_i64..4_000_000_000_000) {
        let schedule = Every::spread(every, key);
        let next = schedule.next_after(Timestamp(now));
        prop_assert!(next.0 > now && next.0 - now <= every);
        prop_assert_eq!((next.0 - schedule.phase_ms).rem_euclid(every), 0);
        let last = schedule.last_at(Timestamp(now));
        prop_assert_eq!(next.0 - last.0, every);
        prop_assert_eq!(schedule.last_at(next), next);
        prop_assert_eq!(schedule.count(Timestamp(now), next), 1);
        prop_assert_eq!(schedule.count(Timestamp(now), Timestamp(now + 10 * every)), 10);
        if every % 60_000 == 0 {
            prop_assert_eq!(next.0 % 1000, 0);
        }
    }

    #[test]
    fn extreme_times_do_not_overflow(every in 1_i64..i64::MAX, key: u64, now: i64) {
        let schedule = Every::spread(every, key);
        let (_, _) = (schedule.next_after(Timestamp(now)), schedule.last_at(Timestamp(now)));
        let _ = schedule.count(Timestamp(i64::MIN), Timestamp(now));
    }

    #[test]
    fn spread_patterns_have_slots(key: u64) {
        for pattern in ["H * * * *", "H/15 * * * *", "H(10-20) H H * *", "~ 3~5 * * *", "H H * * H"] {
            let plain = expand(pattern, key).unwrap();
            prop_assert!(!plain.contains(['H', '~']));
            prop_assert!(Cron::parse(pattern, TimeZone::UTC, key).is_ok(), "{pattern}: {plain}");
        }
    }
}

/// Zones whose clocks change by an hour, by half an hour, at midnight, and one that left out a day.
const ZONES: [&str; 5] = [
    "UTC",
    "Europe/Paris",
    "America/Sao_Paulo",
    "Australia/Lord_Howe",
    "Pacific/Apia",
];
/// Instants near changes of the clocks of those zones, seconds.
const CHANGES: [i64; 8] = [
    1_774_746_000, // Paris, forward
    1_793_091_600, // Paris, back
    1_541_300_400, // São Paulo, forward at midnight
    1_518_919_200, // São Paulo, back at midnight
    1_791_043_200, // Lord Howe, forward
    1_775_314_800, // Lord Howe, back
    1_325_239_200, // Apia, a day forward
    1_709_164_800, // February 29
];

/// A pattern of five fields that is due within two days or so, or often, or never.
fn any_pattern() -> impl Strategy<Value = String> {
    let minute = prop_oneof![
        Just("*".to_owned()),
        (2_u32..40).prop_map(|n| format!("*/{n}")),
        (0_u32..60).prop_map(|n| n.to_string()),
        (0_u32..60, 0_u32..60).prop_map(|(a, b)| format!("{a},{b}")),
        (0_u32..30, 30_u32..60, 1_u32..20).prop_map(|(a, b, n)| format!("{a}-{b}/{n}")),
    ];
    let hour = prop_oneof![
        2 => Just("*".to_owned()),
        1 => (2_u32..6).prop_map(|n| format!("*/{n}")),
        3 => (0_u32..5).prop_map(|n| n.to_string()),
        1 => (0_u32..3, 3_u32..24).prop_map(|(a, b)| format!("{a}-{b}")),
    ];
    let day = prop::sample::select(vec!["*", "*", "*", "*/2", "L", "29", "15W", "28-31"]);
    let month = prop::sample::select(vec!["*", "*", "*", "2", "3,10,11,12"]);
    let weekday = prop::sample::select(vec!["*", "*", "SUN", "1-5", "SUN#L", "MON#1"]);
    (minute, hour, day, month, weekday).prop_map(|(minute, hour, day, month, weekday)| {
        format!("{minute} {hour} {day} {month} {weekday}")
    })
}

fn any_cron() -> impl Strategy<Value = (Cron, String, Timestamp)> {
    let zone = prop::sample::select(ZONES.to_vec());
    let near = (
        prop::sample::select(CHANGES.to_vec()),
        -200_000_i64..100_000,
    );
    let anywhen = 0_i64..4_000_000_000;
    let at = prop_oneof![
        3 => near.prop_map(|(change, by)| change + by),
        1 => anywhen,
    ];
    (any_pattern(), zone, at, 0_i64..1000).prop_filter_map("a pattern", |(text, name, at, ms)| {
        let zone = TimeZone::get(name).ok()?;
        let cron = Cron::parse(&text, zone, 7).ok()?;
        Some((cron, format!("{text} {name}"), Timestamp(at * 1000 + ms)))
    })
}

/// What a wall clock shows, in seconds.
fn wall(zone: &str, second: i64) -> i64 {
    let zone = TimeZone::get(zone).unwrap();
    let at = jiff::Timestamp::from_second(second).unwrap();
    second + i64::from(zone.to_offset(at).seconds())
}

proptest! {
    /// Next and previous are one order: nothing is between a slot and its neighbours.
    #[test]
    fn next_and_previous_slots_agree((cron, text, at) in any_cron()) {
        let (last, next) = (cron.last_at(at), cron.next_after(at));
        if let Some(last) = last {
            prop_assert!(last <= at && at.ms_since(last) >= 0, "{text}");
            prop_assert_eq!(cron.last_at(last), Some(last), "{}", text);
            prop_assert_eq!(cron.next_after(last), next, "{}", text);
            let between = Timestamp(last.0.midpoint(at.0));
            prop_assert_eq!(cron.next_after(between), next, "{}", text);
        }
        if let Some(next) = next {
            prop_assert!(next > at && next.0 % 1000 == 0, "{text}");
            prop_assert_eq!(cron.last_at(next), Some(next), "{}", text);
            prop_assert_eq!(cron.last_at(next.plus_ms(-1)), last, "{}", text);
            prop_assert_eq!(cron.next_after(next.plus_ms(-1)), Some(next), "{}", text);
        }
    }

    /// The rules of the module, minute by minute: a pattern with a star is due whenever the wall
    /// clock matches; any other at the first instant at which the clock has reached a match.
    #[test]
    fn slots_are_those_that_a_walk_by_minutes_finds((cron, text, at) in any_cron()) {
        const WALKED: i64 = 2 * 1440;
        let zone = text.rsplit_once(' ').unwrap().1;
        let follows = text.split(' ').take(2).any(|field| field.starts_with('*'));
        // The same pattern without a zone says which wall clock times match.
        let plain = Cron::parse(text.rsplit_once(' ').unwrap().0, TimeZone::UTC, 7).unwrap();
        let matches = |wall: i64| plain.last_at(Timestamp(wall * 1000)) == Some(Timestamp(wall * 1000));
        let first = at.0.div_euclid(60_000) + 1;
        // What the clock has shown in the day before counts as reached.
        let mut shown = (first - 1600..first).map(|m| wall(zone, m * 60)).max().unwrap();
        let found = (first..first + WALKED).map(|minute| minute * 60).find(|second| {
            let now = wall(zone, *second);
            if follows {
                return matches(now);
            }
            let before = shown;
            shown = shown.max(now);
            let reached = plain.last_at(Timestamp(shown * 1000));
            reached.is_some_and(|slot| slot.0 > before * 1000)
        });
        let ours = cron.next_after(at).filter(|slot| slot.0 / 60_000 < first + WALKED);
        prop_assert_eq!(ours.map(|slot| slot.0 / 1000), found, "{}", text);
    }

    /// An interval does not drift, and nothing but its name and length moves its slots.
    #[test]
    fn intervals_do_not_drift_in_ten_years(every in 10_000_i64..90_000_000, key: u64, from in 0_i64..4_000_000_000_000) {
        const TEN_YEARS_MS: i64 = 10 * 366 * 86_400_000;
        let schedule = Every::spread(every, key);
        let first = schedule.next_after(Timestamp(from));
        let n = TEN_YEARS_MS / every;
        let later = schedule.next_after(Timestamp(first.0 + n * every - 1));
        prop_assert_eq!(later.0, first.0 + n * every);
        prop_assert_eq!(schedule.count(first, later), u64::try_from(n).unwrap());
    }
}

/// The search is bounded: it would take seconds otherwise, for each look at the routine.
#[test]
fn what_never_matches_is_known_after_few_steps() {
    for text in [
        "0 0 30 2 *",
        "* * 31 2,4,6,9,11 *",
        // The last Sunday of March at two o'clock is in the gap, always.
        "* 2 * 3 SUN#L",
        "30 4 31 4 +MON",
    ] {
        let never = cron(text, "Europe/Paris");
        steps::take();
        assert_eq!(
            next(&never, "2026-01-30T10:00:00Z", 1),
            Vec::<String>::new(),
            "{text}"
        );
        assert_eq!(never.last_at(at("2026-01-30T10:00:00Z")), None, "{text}");
        let steps = steps::take();
        assert!(steps < 30_000, "{text}: {steps} days");
    }
    // The rarest day of all is found: over a century year that has none.
    let rare = cron("0 0 29 2 +SUN", "UTC");
    assert_eq!(
        next(&rare, "2072-03-01T00:00:00Z", 2),
        ["2088-02-29T00:00:00Z", "2128-02-29T00:00:00Z"]
    );
}

#[test]
fn a_fixed_time_in_the_gap_runs_at_the_first_valid_instant_and_once_in_the_overlap() {
    let paris = |pattern| cron(pattern, "Europe/Paris");
    assert_eq!(
        next(&paris("30 2 * * *"), "2026-03-28T12:00:00Z", 2),
        ["2026-03-29T01:00:00Z", "2026-03-30T00:30:00Z"]
    );
    assert_eq!(
        next(&paris("30 2 * * *"), "2026-10-24T12:00:00Z", 2),
        ["2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"]
    );
    assert_eq!(
        next(&paris("*/30 * * * *"), "2026-03-29T00:29:00Z", 3),
        [
            "2026-03-29T00:30:00Z",
            "2026-03-29T01:00:00Z",
            "2026-03-29T01:30:00Z"
        ]
    );
    assert_eq!(
        next(&paris("*/30 2 * * *"), "2026-10-24T23:59:00Z", 4),
        [
            "2026-10-25T00:00:00Z",
            "2026-10-25T00:30:00Z",
            "2026-10-25T01:00:00Z",
            "2026-10-25T01:30:00Z"
        ]
    );
}

#[test]
fn patterns_have_the_usual_forms() {
    let utc = |pattern| cron(pattern, "UTC");
    let from = "2026-01-30T10:00:00Z";
    for (pattern, first) in [
        ("@daily", "2026-01-31T00:00:00Z"),
        ("0 9 L * *", "2026-01-31T09:00:00Z"),
        ("0 9 * * MON#2", "2026-02-09T09:00:00Z"),
        ("0 9 15W * *", "2026-02-16T09:00:00Z"),
        ("30 0 9 * * *", "2026-01-31T09:00:30Z"),
        ("0 0 * FEB sun", "2026-02-01T00:00:00Z"),
    ] {
        assert_eq!(next(&utc(pattern), from, 1), [first], "{pattern}");
    }
    assert_eq!(next(&utc("0 0 30 2 *"), from, 1), Vec::<String>::new());
    for bad in [
        "* * * * * * * *",
        "* * * *",
        "60 * * * *",
        "@reboot",
        "H(70-80) * * * *",
        "H/0 * * * *",
        "9~3 * * * *",
        "Hx * * * *",
        "",
    ] {
        assert!(Cron::parse(bad, TimeZone::UTC, 1).is_err(), "{bad}");
    }
}

#[test]
fn missed_slots_are_the_last_ones_and_the_rest_is_counted() {
    let minute = Schedule::Every(Every::spread(60_000, 0));
    let (slots, before) = minute.slots(Timestamp(0), Timestamp(600_000), 3);
    assert_eq!(slots, [480_000, 540_000, 600_000].map(Timestamp));
    assert_eq!(before, 7);
    let daily = cron("0 2 * * *", "UTC");
    let (slots, before) = daily.slots(at("2026-01-01T12:00:00Z"), at("2026-01-06T12:00:00Z"), 1);
    assert_eq!((slots, before), (vec![at("2026-01-06T02:00:00Z")], 4));
    let (slots, before) = daily.slots(at("2026-01-01T12:00:00Z"), at("2026-01-01T13:00:00Z"), 1);
    assert_eq!((slots.len(), before), (0, 0));
}

#[test]
fn the_interval_of_a_pattern_is_the_distance_of_its_slots() {
    assert_eq!(
        cron("0 2 * * *", "UTC").interval_ms(Timestamp(0)),
        86_400_000
    );
    assert_eq!(
        Schedule::Every(Every::spread(5000, 3)).interval_ms(Timestamp(0)),
        5000
    );
}
