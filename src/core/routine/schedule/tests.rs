//! Slots of intervals and cron patterns.

use proptest::prelude::*;

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
