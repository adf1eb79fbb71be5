//! Windows where the clocks change, and their order.

use proptest::prelude::*;

use super::*;

fn at(text: &str) -> Timestamp {
    let at: Instant = text.parse().unwrap();
    Timestamp(at.as_millisecond())
}

fn zone(name: &str) -> Result<TimeZone, String> {
    TimeZone::get(name).map_err(|e| e.to_string())
}

fn weekly(days: &[Weekday], from: &str, until: &str) -> Maintenance {
    Maintenance {
        name: "patches".to_owned(),
        days: days.to_vec(),
        from: from.to_owned(),
        until: Some(until.to_owned()),
        ..Maintenance::default()
    }
}

fn monthly(nth: Nth, day: Weekday, from: &str, for_ms: i64) -> Maintenance {
    Maintenance {
        monthly: Some(MonthDay { nth, day }),
        from: from.to_owned(),
        for_ms: Some(for_ms),
        ..Maintenance::default()
    }
}

fn once(from: &str, until: &str) -> Maintenance {
    weekly(&[], from, until)
}

fn window(rule: &Maintenance, name: &str) -> Window {
    Window::new(rule, name, zone).unwrap()
}

/// Begin and end of the first occurrence after an instant.
fn next(window: &Window, after: &str) -> Option<[String; 2]> {
    let found = window.next(at(after))?;
    let text = |at: Timestamp| at.rfc3339().replace(":00.000Z", "Z");
    Some([text(found.begin), text(found.end)])
}

#[test]
fn windows_are_by_the_wall_clock_of_their_zone() {
    use Weekday::{Saturday, Sunday, Tuesday};
    let night = weekly(&[Tuesday], "22:00", "04:00");
    let hour = 3_600_000;
    for (rule, name, after, found) in [
        // Summer and winter.
        (
            night.clone(),
            "Europe/Paris",
            "2026-07-01T00:00:00Z",
            ["2026-07-07T20:00Z", "2026-07-08T02:00Z"],
        ),
        (
            night,
            "Europe/Paris",
            "2026-12-02T00:00:00Z",
            ["2026-12-08T21:00Z", "2026-12-09T03:00Z"],
        ),
        // The night in which the clocks go forward is an hour shorter, the other an hour longer.
        (
            weekly(&[Saturday], "22:00", "04:00"),
            "Europe/Paris",
            "2026-03-27T00:00:00Z",
            ["2026-03-28T21:00Z", "2026-03-29T02:00Z"],
        ),
        (
            weekly(&[Saturday], "22:00", "04:00"),
            "Europe/Paris",
            "2026-10-23T00:00:00Z",
            ["2026-10-24T20:00Z", "2026-10-25T03:00Z"],
        ),
        // A begin and an end that are left out, and ones that come twice.
        (
            weekly(&[Sunday], "02:30", "03:30"),
            "Europe/Paris",
            "2026-03-27T00:00:00Z",
            ["2026-03-29T01:00Z", "2026-03-29T01:30Z"],
        ),
        (
            weekly(&[Sunday], "01:30", "02:30"),
            "Europe/Paris",
            "2026-03-27T00:00:00Z",
            ["2026-03-29T00:30Z", "2026-03-29T01:00Z"],
        ),
        (
            weekly(&[Sunday], "02:15", "02:45"),
            "Europe/Paris",
            "2026-10-23T00:00:00Z",
            ["2026-10-25T00:15Z", "2026-10-25T01:45Z"],
        ),
        // One that is left out as a whole is in the next week.
        (
            weekly(&[Sunday], "02:00", "03:00"),
            "Europe/Paris",
            "2026-03-27T00:00:00Z",
            ["2026-04-05T00:00Z", "2026-04-05T01:00Z"],
        ),
        // A duration is that long, whatever the clocks do.
        (
            monthly(Nth::Last, Sunday, "01:00", 4 * hour),
            "Europe/Paris",
            "2026-03-27T00:00:00Z",
            ["2026-03-29T00:00Z", "2026-03-29T04:00Z"],
        ),
        (
            monthly(Nth::First, Sunday, "00:00", hour),
            "America/Sao_Paulo",
            "2018-11-01T00:00:00Z",
            ["2018-11-04T03:00Z", "2018-11-04T04:00Z"],
        ),
        (
            monthly(Nth::First, Sunday, "01:45", hour),
            "Australia/Lord_Howe",
            "2026-04-01T00:00:00Z",
            ["2026-04-04T14:45Z", "2026-04-04T15:45Z"],
        ),
        (
            monthly(Nth::Fifth, Sunday, "12:00", hour),
            "UTC",
            "2026-01-01T00:00:00Z",
            ["2026-03-29T12:00Z", "2026-03-29T13:00Z"],
        ),
        (
            monthly(Nth::Second, Tuesday, "22:00", 8 * hour),
            "UTC",
            "2026-12-08T22:00:00Z",
            ["2027-01-12T22:00Z", "2027-01-13T06:00Z"],
        ),
        (
            once("2026-10-25 02:00", "2026-10-25 02:30"),
            "Europe/Paris",
            "2026-01-01T00:00:00Z",
            ["2026-10-25T00:00Z", "2026-10-25T01:30Z"],
        ),
    ] {
        let window = window(&rule, name);
        let got = next(&window, after);
        assert_eq!(
            got,
            Some(found.map(str::to_owned)),
            "{} {name}",
            rule.when()
        );
    }
    let over = window(&once("2026-10-25 02:00", "2026-10-26 02:00"), "UTC");
    assert_eq!(next(&over, "2026-10-25T02:00:00Z"), None);
    assert!(over.at(at("2026-10-25T02:00:00Z")).is_some());
    assert!(
        over.at(at("2026-10-26T02:00:00Z")).is_none(),
        "the end is not in it"
    );
}

#[test]
fn a_window_that_skips_comes_before_one_that_mutes() {
    let mute = Maintenance {
        services: vec!["web".to_owned()],
        ..once("2026-12-05 10:00", "2026-12-05 20:00")
    };
    let skip = Maintenance {
        name: "move".to_owned(),
        mode: MaintenanceMode::Skip,
        reason: Some("new racks".to_owned()),
        ..once("2026-12-05 12:00", "2026-12-05 13:00")
    };
    let stack = Stack {
        timezone: "UTC".to_owned(),
        maintenance: vec![
            mute,
            skip,
            Maintenance {
                name: "bad".to_owned(),
                ..once("2026-12-05 12:00", "2026-12-05 12:00")
            },
        ],
        ..Stack::default()
    };
    let (windows, problems) = windows(&stack, zone);
    assert_eq!(
        problems,
        ["maintenance bad is never: it ends before it begins"]
    );
    let routine = |service: &str| Routine {
        service: Some(service.to_owned()),
        ..Routine::default()
    };
    let found = |service: &str, time: &str| {
        let at = at(&format!("2026-12-05T{time}:00Z"));
        let found = in_maintenance(&windows, &routine(service), at)?;
        let until = found.until.rfc3339()[11..16].to_owned();
        Some((found.window, found.mode, until))
    };
    let (patches, moved) = ("patches".to_owned(), "move".to_owned());
    let (mute, skip) = (MaintenanceMode::Mute, MaintenanceMode::Skip);
    assert_eq!(found("web", "09:59"), None);
    assert_eq!(
        found("web", "11:00"),
        Some((patches, mute, "20:00".to_owned()))
    );
    assert_eq!(
        found("web", "12:00"),
        Some((moved.clone(), skip, "13:00".to_owned()))
    );
    assert_eq!(
        found("api", "12:59"),
        Some((moved, skip, "13:00".to_owned()))
    );
    assert_eq!(found("api", "13:00"), None);
}

#[test]
fn times_have_one_spelling() {
    for bad in [
        "", "22", "9:00", "24:00", "22:60", "22:00:00", "+1:00", "22:0x",
    ] {
        assert!(time_of_day(bad).is_err(), "{bad}");
        assert!(day_and_time(&format!("2026-12-05 {bad}")).is_err(), "{bad}");
    }
    for bad in [
        "2026-12-05",
        "2026-02-30 10:00",
        "2026-12-05T10:00",
        "26-12-05 10:00",
        "x 10:00",
    ] {
        assert!(day_and_time(bad).is_err(), "{bad}");
    }
    assert!(time_of_day("00:00").is_ok() && day_and_time("2026-02-28 23:59").is_ok());
}

/// A window of any kind but once.
fn any_rule() -> impl Strategy<Value = Maintenance> {
    let days = prop::collection::vec(prop::sample::select(Weekday::ALL.to_vec()), 1..4);
    let month = (
        prop::sample::select(Nth::ALL.to_vec()),
        prop::sample::select(Weekday::ALL.to_vec()),
    );
    let begin = prop_oneof![
        days.prop_map(|days| (days, None)),
        month.prop_map(|(nth, day)| (Vec::new(), Some(MonthDay { nth, day }))),
    ];
    let end = prop_oneof![
        (0_u32..1440).prop_map(|m| (Some(m), None)),
        (1_i64..MAX_REPEATED_MS).prop_map(|ms| (None, Some(ms))),
    ];
    let text = |m: u32| format!("{:02}:{:02}", m / 60, m % 60);
    (begin, 0_u32..1440, end)
        .prop_filter("not empty", |(_, from, (until, _))| Some(*from) != *until)
        .prop_map(
            move |((days, monthly), from, (until, for_ms))| Maintenance {
                days,
                monthly,
                from: text(from),
                until: until.map(text),
                for_ms,
                ..Maintenance::default()
            },
        )
}

proptest! {
    /// An occurrence is found from each instant in it, and from none outside of all of them.
    #[test]
    fn the_instants_of_a_window_are_those_between_its_begins_and_ends(
        rule in any_rule(),
        name in prop::sample::select(vec!["UTC", "Europe/Paris", "America/Sao_Paulo", "Australia/Lord_Howe"]),
        from in 1_500_000_000_000_i64..1_900_000_000_000,
        place in 0_i64..1000,
    ) {
        let window = window(&rule, name);
        let after = Timestamp(from);
        let one = window.next(after).unwrap();
        prop_assert!(one.begin > after && one.end > one.begin);
        let inside = one.begin.plus_ms((one.end.ms_since(one.begin) - 1) * place / 1000);
        for at in [one.begin, inside, one.end.plus_ms(-1)] {
            let found = window.at(at);
            prop_assert!(found.is_some_and(|f| f.begin <= at && at < f.end && f.end >= one.end), "{:?}", found);
        }
        // Until it begins only an earlier occurrence can cover anything.
        let before = window.at(one.begin.plus_ms(-1));
        prop_assert!(before.is_none_or(|f| f.begin <= after), "{:?}", before);
        let ended = window.at(one.end);
        prop_assert!(ended.is_none_or(|f| f.begin > one.begin), "{:?}", ended);
    }
}
