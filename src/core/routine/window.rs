//! When maintenance windows are, in their time zones.
//!
//! A window covers every instant at which the wall clock shows a time within it. Where the clocks
//! change it begins at the first of two passes, and ends at the second; a begin or end that is left
//! out is the first instant after the gap. A window with a duration lasts that long.

use jiff::civil::{Date, DateTime, Time};
use jiff::tz::{AmbiguousOffset, Offset, TimeZone};
use jiff::{SignedDuration, Timestamp as Instant};
use serde::Serialize;

use crate::base::time::Timestamp;
use crate::stack::maintenance::{Maintenance, MaintenanceMode, MonthDay, Nth, Weekday};
use crate::stack::routine::Routine;
use crate::stack::service::Stack;

/// The longest duration of a window that comes again, milliseconds.
pub const MAX_REPEATED_MS: i64 = 7 * DAY_MS;
const DAY_MS: i64 = 86_400_000;
/// Days before an instant on which a window that covers it may have begun.
const LOOKED_BACK: i64 = 9;
/// Days within which a window comes again: some months have no fifth Monday.
const LOOKED_AHEAD: i64 = 130;

/// A window with its times worked out.
#[derive(Debug, Clone)]
pub struct Window {
    pub rule: Maintenance,
    /// The name of its zone.
    pub zone_name: String,
    zone: TimeZone,
    begin: Begin,
    end: End,
}

#[derive(Debug, Clone, Copy)]
enum Begin {
    Once(DateTime),
    Daily(Time),
}

#[derive(Debug, Clone, Copy)]
enum End {
    At(DateTime),
    Daily(Time),
    After(i64),
}

/// From its begin until just before its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Occurrence {
    pub begin: Timestamp,
    pub end: Timestamp,
}

/// The window that a routine is in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct InMaintenance {
    pub window: String,
    pub mode: MaintenanceMode,
    pub until: Timestamp,
    pub reason: Option<String>,
}

impl InMaintenance {
    /// `in maintenance until 2026-12-09T03:00:00Z (patches: kernel updates)`.
    #[must_use]
    pub fn describe(&self) -> String {
        let why = self.reason.as_ref().map(|why| format!(": {why}"));
        format!(
            "in maintenance until {} ({}{})",
            to_the_second(self.until),
            self.window,
            why.unwrap_or_default()
        )
    }
}

impl Window {
    /// Works out the times of a window. `zone` finds a time zone by its name; `default` is the
    /// stack's.
    ///
    /// # Errors
    /// What is wrong with it, as the end of a sentence.
    pub fn new(
        rule: &Maintenance,
        default: &str,
        zone: impl Fn(&str) -> Result<TimeZone, String>,
    ) -> Result<Self, String> {
        let name = rule.timezone.as_deref().unwrap_or(default);
        let once = rule.days.is_empty() && rule.monthly.is_none();
        let end = match (&rule.until, rule.for_ms) {
            (Some(until), None) if once => End::At(day_and_time(until)?),
            (Some(until), None) => End::Daily(time_of_day(until)?),
            (None, Some(ms)) if ms > 0 && (once || ms <= MAX_REPEATED_MS) => End::After(ms),
            _ => return Err("it needs an end: until, or for".to_owned()),
        };
        let window = Self {
            begin: if once {
                Begin::Once(day_and_time(&rule.from)?)
            } else {
                Begin::Daily(time_of_day(&rule.from)?)
            },
            end,
            zone: zone(name)?,
            zone_name: name.to_owned(),
            rule: rule.clone(),
        };
        match (window.begin, window.end) {
            (Begin::Once(from), End::At(until)) if until <= from => {
                Err("it ends before it begins".to_owned())
            }
            (Begin::Daily(from), End::Daily(until)) if until == from => {
                Err("it ends when it begins; write for = \"24h\" for a whole day".to_owned())
            }
            _ => Ok(window),
        }
    }

    /// The occurrence that an instant is in; of several the one that ends last.
    #[must_use]
    pub fn at(&self, at: Timestamp) -> Option<Occurrence> {
        let inside = |one: &Occurrence| one.begin <= at && at < one.end;
        let found: Vec<Occurrence> = match self.begin {
            Begin::Once(from) => self.beginning(from).into_iter().collect(),
            Begin::Daily(time) => self
                .days(at, -LOOKED_BACK..2)
                .filter_map(|day| self.beginning(day.to_datetime(time)))
                .collect(),
        };
        found.into_iter().filter(inside).max_by_key(|one| one.end)
    }

    /// The first occurrence that begins after an instant; none: there is none any more.
    #[must_use]
    pub fn next(&self, at: Timestamp) -> Option<Occurrence> {
        let later = |one: &Occurrence| one.begin > at;
        match self.begin {
            Begin::Once(from) => self.beginning(from).filter(later),
            Begin::Daily(time) => self
                .days(at, -1..LOOKED_AHEAD)
                .filter_map(|day| self.beginning(day.to_datetime(time)))
                .find(later),
        }
    }

    /// Where it stands: `now, until 2026-12-09T03:00:00Z`, `from 2026-12-08T21:00:00Z`, `over`.
    #[must_use]
    pub fn stands(&self, at: Timestamp) -> String {
        match (self.at(at), self.next(at)) {
            (Some(inside), _) => format!("now, until {}", to_the_second(inside.end)),
            (None, Some(next)) => format!("from {}", to_the_second(next.begin)),
            (None, None) => "over".to_owned(),
        }
    }

    /// When it is, with its zone.
    #[must_use]
    pub fn when(&self) -> String {
        format!("{} {}", self.rule.when(), self.zone_name)
    }

    /// Its days among those around an instant, the earliest first.
    fn days(
        &self,
        at: Timestamp,
        around: std::ops::Range<i64>,
    ) -> impl Iterator<Item = Date> + use<'_> {
        let at = Instant::from_millisecond(at.0).ok();
        let today = at.map(|at| self.zone.to_datetime(at).date());
        let day = move |n: i64| today?.checked_add(SignedDuration::from_hours(24 * n)).ok();
        around.filter_map(day).filter(|day| self.has(*day))
    }

    /// Whether it begins on a day.
    fn has(&self, day: Date) -> bool {
        let weekday = weekday(day);
        match self.rule.monthly {
            None => self.rule.days.contains(&weekday),
            Some(MonthDay { day: asked, .. }) if asked != weekday => false,
            Some(MonthDay { nth: Nth::Last, .. }) => day.day() + 7 > day.days_in_month(),
            Some(MonthDay { nth, .. }) => (day.day() - 1) / 7 == place(nth),
        }
    }

    /// The occurrence that begins when the wall clock shows `from`; none: the clocks leave all of it
    /// out.
    fn beginning(&self, from: DateTime) -> Option<Occurrence> {
        let begin = self.instant(from, false)?;
        let end = match self.end {
            End::After(ms) => begin.plus_ms(ms),
            End::At(until) => self.instant(until, true)?,
            End::Daily(until) => {
                let day = if until <= from.time() {
                    from.date().tomorrow().ok()?
                } else {
                    from.date()
                };
                self.instant(day.to_datetime(until), true)?
            }
        };
        (begin < end).then_some(Occurrence { begin, end })
    }

    /// When the wall clock shows a time, or has left it out.
    fn instant(&self, wall: DateTime, second_pass: bool) -> Option<Timestamp> {
        let with = |offset: Offset| offset.to_timestamp(wall).ok();
        let at = match self.zone.to_ambiguous_timestamp(wall).offset() {
            AmbiguousOffset::Unambiguous { offset } => with(offset)?,
            AmbiguousOffset::Fold { after, .. } if second_pass => with(after)?,
            AmbiguousOffset::Fold { before, .. } => with(before)?,
            AmbiguousOffset::Gap { before, .. } => {
                // By the clock before the change this is after it.
                let change = self.zone.preceding(with(before)? + SECOND).next()?;
                change.timestamp()
            }
        };
        Some(Timestamp(at.as_millisecond()))
    }
}

const SECOND: SignedDuration = SignedDuration::from_secs(1);

/// An instant; seconds are enough for a window.
fn to_the_second(at: Timestamp) -> String {
    at.rfc3339().replace(".000Z", "Z")
}

/// The windows of a stack, and why some of them are never.
#[must_use]
pub fn windows(
    stack: &Stack,
    zone: impl Fn(&str) -> Result<TimeZone, String>,
) -> (Vec<Window>, Vec<String>) {
    let (mut windows, mut problems) = (Vec::new(), Vec::new());
    for rule in &stack.maintenance {
        match Window::new(rule, &stack.timezone, &zone) {
            Ok(window) => windows.push(window),
            Err(why) => problems.push(format!("maintenance {} is never: {why}", rule.name)),
        }
    }
    (windows, problems)
}

/// The window that a routine is in: one that skips it before one that mutes it, then the one that
/// ends last.
#[must_use]
pub fn in_maintenance(
    windows: &[Window],
    routine: &Routine,
    at: Timestamp,
) -> Option<InMaintenance> {
    let about = windows
        .iter()
        .filter(|window| window.rule.is_about(routine));
    let inside = about.filter_map(|window| Some((window, window.at(at)?.end)));
    let (window, until) =
        inside.max_by_key(|(window, end)| (window.rule.mode == MaintenanceMode::Skip, *end))?;
    Some(InMaintenance {
        window: window.rule.name.clone(),
        mode: window.rule.mode,
        until,
        reason: window.rule.reason.clone(),
    })
}

/// Reads `22:00`.
///
/// # Errors
/// What is wrong with it, as the end of a sentence.
pub fn time_of_day(text: &str) -> Result<Time, String> {
    let wrong = || format!("`{text}` is not a time of day; write it like 22:00");
    let (hour, minute) = text.split_once(':').ok_or_else(wrong)?;
    let number = |part: &str| {
        let digits = part.len() == 2 && part.bytes().all(|b| b.is_ascii_digit());
        digits.then(|| part.parse::<i8>().ok()).flatten()
    };
    let (hour, minute) = number(hour).zip(number(minute)).ok_or_else(wrong)?;
    Time::new(hour, minute, 0, 0).map_err(|_| wrong())
}

/// Reads `2026-12-05 22:00`.
///
/// # Errors
/// What is wrong with it, as the end of a sentence.
pub fn day_and_time(text: &str) -> Result<DateTime, String> {
    let wrong = || format!("`{text}` is not a day and a time; write it like 2026-12-05 22:00");
    let (day, time) = text.split_once(' ').ok_or_else(wrong)?;
    let day: Date = (day.len() == 10)
        .then(|| day.parse().ok())
        .flatten()
        .ok_or_else(wrong)?;
    Ok(day.to_datetime(time_of_day(time).map_err(|_| wrong())?))
}

fn weekday(day: Date) -> Weekday {
    let place = day.weekday().to_monday_zero_offset();
    let place = usize::try_from(place).unwrap_or(0);
    Weekday::ALL.get(place).copied().unwrap_or(Weekday::Monday)
}

/// How many days with the same weekday the month has before it.
const fn place(nth: Nth) -> i8 {
    match nth {
        Nth::First => 0,
        Nth::Second => 1,
        Nth::Third => 2,
        Nth::Fourth => 3,
        Nth::Fifth | Nth::Last => 4,
    }
}

#[cfg(test)]
mod tests;
