//! One `[[maintenance]]`.

use jiff::tz::TimeZone;

use super::names::Names;
use crate::config::rule::{self, schedule};
use crate::core::base::toml_doc::{Field, Report, Section, quoted};
use crate::core::routine::window::{MAX_REPEATED_MS, Window, day_and_time, time_of_day};
use crate::core::stack::maintenance::{Maintenance, MaintenanceMode, MonthDay, Nth, Weekday};

/// The shortest duration, milliseconds.
const MIN_MS: i64 = 60_000;

/// What a window may be about.
#[derive(Clone, Copy)]
pub(super) struct Declared<'a> {
    pub environments: &'a Names,
    pub services: &'a Names,
    pub routines: &'a Names,
}

pub(super) fn read(mut s: Section<'_>, report: &mut Report, known: Declared<'_>) -> Maintenance {
    let modes = MaintenanceMode::ALL.map(|mode| (mode.name(), mode));
    let rule = Maintenance {
        name: super::name(&mut s, report),
        timezone: s.text_by(report, "timezone", schedule::zone),
        services: scope(&mut s, report, "services", known.services),
        environments: scope(&mut s, report, "environments", known.environments),
        routines: scope(&mut s, report, "routines", known.routines),
        mode: s
            .text_by(report, "mode", |t| rule::one_of(t, &modes))
            .unwrap_or_default(),
        reason: s.text_by(report, "reason", rule::line),
        ..times(&mut s, report)
    };
    s.close(report);
    rule
}

/// What it is about; an empty list is no list of everything.
fn scope(
    s: &mut Section<'_>,
    report: &mut Report,
    key: &'static str,
    names: &Names,
) -> Vec<String> {
    let Some(field) = s.field(key) else {
        return Vec::new();
    };
    let list = field.list(report).unwrap_or_default();
    if list.is_empty() && field.value().is_array() {
        field.wrong(report, format!("names nothing; leave {key} out for all"));
    }
    names.resolve_list(report, &list)
}

/// Days, begin and end.
fn times(s: &mut Section<'_>, report: &mut Report) -> Maintenance {
    let (days, monthly) = (s.field("days"), s.field("monthly"));
    if let (Some(_), Some(monthly)) = (&days, &monthly) {
        monthly.conflict(
            report,
            "is set together with days; a window has one of the two",
        );
    }
    let once = days.is_none() && monthly.is_none();
    let example = if once {
        "\"2026-12-05 22:00\""
    } else {
        "\"22:00\""
    };
    let from = s.required(report, "from", example);
    let (until, length) = (s.field("until"), s.field("for"));
    match (&until, &length) {
        (Some(_), Some(length)) => {
            length.conflict(
                report,
                "is set together with until; a window has one of the two",
            );
        }
        (None, None) => {
            let key = s.key("until");
            let message = format!("is missing; add until = {example} or for = \"6h\"");
            report.conflict(s.at, key, message);
        }
        _ => {}
    }
    let at = until.as_ref().or(from.as_ref()).map(|field| field.at);
    let most = if once {
        schedule::MAX_INTERVAL_MS
    } else {
        MAX_REPEATED_MS
    };
    let read = Maintenance {
        days: days.map(|f| weekdays(report, &f)).unwrap_or_default(),
        monthly: monthly.and_then(|f| f.text_by(report, month_day)),
        from: time(report, from.as_ref(), once).unwrap_or_default(),
        until: time(report, until.as_ref(), once),
        for_ms: length.and_then(|f| f.text_by(report, |t| schedule::within(t, MIN_MS, most))),
        ..Maintenance::default()
    };
    let complete = read.until.is_some() != read.for_ms.is_some();
    // Without days or with a wrong time the order of begin and end says nothing.
    let known = once || !read.days.is_empty() || read.monthly.is_some();
    if let Some(at) = at.filter(|_| complete && known && !read.from.is_empty())
        && let Err(why) = Window::new(&read, "UTC", |_| Ok(TimeZone::UTC))
    {
        let key = s.key("until");
        report.wrong(at, key, format!("does not fit: {why}"));
    }
    read
}

/// A begin or an end: a time of day, with the day when the window is once.
fn time(report: &mut Report, field: Option<&Field<'_>>, once: bool) -> Option<String> {
    let check = |text: &str| {
        let read = if once {
            day_and_time(text).map(drop)
        } else {
            time_of_day(text).map(drop)
        };
        read.map(|()| text.to_owned())
    };
    field?.text_by(report, check)
}

fn weekdays(report: &mut Report, field: &Field<'_>) -> Vec<Weekday> {
    let known = Weekday::ALL.map(|day| (day.name(), day));
    let list = field.list(report).unwrap_or_default();
    if list.is_empty() && field.value().is_array() {
        field.wrong(
            report,
            "names no day; leave days out for a window that is once",
        );
    }
    let mut days = Vec::new();
    for field in &list {
        match field.text_by(report, |text| rule::one_of(text, &known)) {
            Some(day) if days.contains(&day) => {
                let twice = format!("{} is listed twice; remove one", quoted(day.name()));
                field.wrong(report, twice);
            }
            Some(day) => days.push(day),
            None => {}
        }
    }
    days
}

/// `second tue`.
fn month_day(text: &str) -> Result<MonthDay, String> {
    let Some((nth, day)) = text.split_once(' ') else {
        return Err(format!(
            "{} is not a day of a month; write it like \"second tue\"",
            quoted(text)
        ));
    };
    Ok(MonthDay {
        nth: rule::one_of(nth, &Nth::ALL.map(|nth| (nth.name(), nth)))?,
        day: rule::one_of(day, &Weekday::ALL.map(|day| (day.name(), day)))?,
    })
}
