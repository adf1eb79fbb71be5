//! Slots of a cron pattern in a time zone.
//!
//! A pattern says which wall clock times match; the zone says when a wall clock shows them. Where
//! the clocks change this does what Debian's cron does. A pattern whose minute or hour begins with
//! `*` follows the clock: it is due at every instant whose wall clock time matches. Any other is
//! due when the wall clock reaches or passes a matching time for the first time: a time inside the
//! gap is due at the first instant after it, and one that comes twice is due at the first pass.

use croner::Weekday;
use croner::parser::{CronParser, Seconds, Year};
use croner::{Cron as Parsed, CronPattern};
use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::spread::expand;
use crate::base::time::Timestamp;

const DAY_S: i64 = 86_400;
/// No two offsets of a zone are farther apart, seconds.
const WIDEST_CHANGE_S: i64 = 26 * 3600;
/// What a pattern matches comes again within this, days: February 29 falls on each weekday within 40
/// years, the century years without one included.
const SEARCHED_DAYS: i64 = 41 * 366;

/// Slots by a cron pattern in a time zone.
#[derive(Debug, Clone)]
pub struct Cron {
    pattern: CronPattern,
    zone: TimeZone,
    /// One bit for each matching value.
    seconds: u64,
    minutes: u64,
    hours: u64,
    months: u64,
    /// It follows the clock where it changes, instead of running each time of day once.
    follows: bool,
}

impl Cron {
    /// Reads a pattern of five or six fields (the first of six are seconds), or a nickname such as
    /// `@daily`. `H` and `~` stand for a value that `key` chooses; see [`expand`].
    ///
    /// # Errors
    /// What is wrong with the pattern, as the end of a sentence.
    pub fn parse(text: &str, zone: TimeZone, key: u64) -> Result<Self, String> {
        if text.len() > 200 || !text.is_ascii() {
            return Err("it has at most 200 plain characters".to_owned());
        }
        let nickname = text.trim_start().starts_with('@');
        let fields = text.split_whitespace().count();
        if !nickname && !(5..=6).contains(&fields) {
            return Err(
                "it has five fields: minute, hour, day, month, weekday (or six, with seconds first)"
                    .to_owned(),
            );
        }
        let plain = if text.trim().eq_ignore_ascii_case("@midnight") {
            "@daily".to_owned()
        } else {
            expand(text, key)?
        };
        let stars: Vec<bool> = plain
            .split_whitespace()
            .map(|field| field.starts_with('*'))
            .collect();
        let star = |from_end: usize| {
            let at = stars.len().checked_sub(from_end);
            at.and_then(|at| stars.get(at)).copied().unwrap_or(false)
        };
        let parser = CronParser::builder()
            .seconds(Seconds::Optional)
            .year(Year::Disallowed)
            // With a step (`*/2`) the library would take the field for a restricted one.
            .dom_and_dow(star(3) || star(1))
            .build();
        let Parsed { pattern } = parser.parse(&plain).map_err(|e| {
            let why = e.to_string();
            // The library's message without prefix and full stop, to be part of ours.
            let why = why.rsplit_once(": ").map_or(why.as_str(), |(_, why)| why);
            why.trim_end_matches('.').to_owned()
        })?;
        Ok(Self {
            seconds: bits(&pattern.seconds.values()),
            minutes: bits(&pattern.minutes.values()),
            hours: bits(&pattern.hours.values()),
            months: bits(&pattern.months.values()),
            follows: if nickname {
                pattern.hours.values().len() == 24
            } else {
                star(6) || star(5) || star(4)
            },
            pattern,
            zone,
        })
    }

    /// The first slot after `at`; none: the pattern never matches again.
    #[must_use]
    pub fn next_after(&self, at: Timestamp) -> Option<Timestamp> {
        let first = at.0.div_euclid(1000).checked_add(1)?;
        let last = first.checked_add(SEARCHED_DAYS * DAY_S)?;
        let slot = if self.follows {
            self.next_match(first, last)
        } else {
            self.next_reached(first)
        };
        slot.filter(|slot| *slot <= last).map(seconds)
    }

    /// The last slot at or before `at`.
    #[must_use]
    pub fn last_at(&self, at: Timestamp) -> Option<Timestamp> {
        let last = at.0.div_euclid(1000);
        let first = last.checked_sub(SEARCHED_DAYS * DAY_S)?;
        let slot = if self.follows {
            self.last_match(first, last)
        } else {
            self.last_reached(last)
        };
        slot.filter(|slot| *slot >= first).map(seconds)
    }

    /// The first instant from `from` on whose wall clock time matches.
    fn next_match(&self, mut from: i64, last: i64) -> Option<i64> {
        while from <= last {
            let offset = self.offset(from)?;
            let found = self.next_wall(from.checked_add(offset)?)? - offset;
            match self.change_after(from) {
                // No wall clock shows a matching time before the one that was found.
                Some(change) if change <= found => from = change.max(found - WIDEST_CHANGE_S),
                _ => return Some(found),
            }
        }
        None
    }

    /// The last instant up to `until` whose wall clock time matches.
    fn last_match(&self, first: i64, mut until: i64) -> Option<i64> {
        while until >= first {
            let offset = self.offset(until)?;
            let found = self.last_wall(until.checked_add(offset)?)? - offset;
            match self.change_until(until) {
                Some(change) if change > found => {
                    until = (change - 1).min(found + WIDEST_CHANGE_S);
                }
                _ => return Some(found),
            }
        }
        None
    }

    /// The first instant from `from` on at which the wall clock reaches a matching time for the
    /// first time.
    fn next_reached(&self, from: i64) -> Option<i64> {
        // What the wall clock has shown before.
        let shown = self.latest_wall(from - 1)?;
        let wall = self.next_wall(shown.checked_add(1)?)?;
        self.reached_at(wall)
    }

    /// The last instant up to `until` at which the wall clock reached a matching time for the first
    /// time.
    fn last_reached(&self, until: i64) -> Option<i64> {
        let wall = self.last_wall(self.latest_wall(until)?)?;
        self.reached_at(wall)
    }

    /// The latest wall clock time that was shown or left out up to an instant.
    fn latest_wall(&self, until: i64) -> Option<i64> {
        let mut latest = until.checked_add(self.offset(until)?)?;
        let mut at = until;
        while let Some(change) = self.change_until(at) {
            if change < until - WIDEST_CHANGE_S {
                break;
            }
            let before = change - 1;
            latest = latest.max(before + self.offset(before)?);
            at = before;
        }
        Some(latest)
    }

    /// The first instant at which the wall clock shows a time, or a later one.
    fn reached_at(&self, wall: i64) -> Option<i64> {
        // Offsets are within a day and a bit: the wall clock is earlier there.
        let mut from = wall.checked_sub(WIDEST_CHANGE_S)?;
        loop {
            let offset = self.offset(from)?;
            let shown = (wall - offset).max(from);
            match self.change_after(from) {
                Some(change) if change <= shown => from = change,
                _ => return Some(shown),
            }
        }
    }

    fn offset(&self, at: i64) -> Option<i64> {
        let at = jiff::Timestamp::from_second(at).ok()?;
        Some(self.zone.to_offset(at).seconds().into())
    }

    /// The first change of the offset after an instant.
    fn change_after(&self, at: i64) -> Option<i64> {
        let at = jiff::Timestamp::from_second(at).ok()?;
        let change = self.zone.following(at).next()?;
        Some(change.timestamp().as_second())
    }

    /// The last change of the offset at or before an instant.
    fn change_until(&self, at: i64) -> Option<i64> {
        let after = jiff::Timestamp::from_second(at.checked_add(1)?).ok()?;
        let change = self.zone.preceding(after).next()?;
        Some(change.timestamp().as_second())
    }

    /// The first matching wall clock time from `wall` on.
    fn next_wall(&self, wall: i64) -> Option<i64> {
        let (day, second) = (wall.div_euclid(DAY_S), wall.rem_euclid(DAY_S));
        if self.day_matches(date(day)?)
            && let Some(found) = self.time_from(second)
        {
            return Some(day * DAY_S + found);
        }
        let mut day = day + 1;
        let last = day + SEARCHED_DAYS;
        while day <= last {
            let date = date(day)?;
            if !self.month_matches(date) {
                day += i64::from(date.days_in_month() - date.day()) + 1;
            } else if self.day_matches(date) {
                return Some(day * DAY_S + self.time_from(0)?);
            } else {
                day += 1;
            }
        }
        None
    }

    /// The last matching wall clock time up to `wall`.
    fn last_wall(&self, wall: i64) -> Option<i64> {
        let (day, second) = (wall.div_euclid(DAY_S), wall.rem_euclid(DAY_S));
        if self.day_matches(date(day)?)
            && let Some(found) = self.time_until(second)
        {
            return Some(day * DAY_S + found);
        }
        let mut day = day - 1;
        let first = day - SEARCHED_DAYS;
        while day >= first {
            let date = date(day)?;
            if !self.month_matches(date) {
                day -= i64::from(date.day());
            } else if self.day_matches(date) {
                return Some(day * DAY_S + self.time_until(DAY_S - 1)?);
            } else {
                day -= 1;
            }
        }
        None
    }

    /// Each step of a search asks this once.
    fn month_matches(&self, date: Date) -> bool {
        #[cfg(test)]
        steps::add();
        self.months >> date.month() & 1 == 1
    }

    fn day_matches(&self, date: Date) -> bool {
        let number = |n: i8| u32::try_from(n).unwrap_or_default();
        let weekday = number(date.weekday().to_sunday_zero_offset());
        let weekday = Weekday::from_days_from_sunday(weekday);
        let (month, day) = (number(date.month()), number(date.day()));
        let year = i32::from(date.year());
        self.month_matches(date)
            && self
                .pattern
                .day_match(year, month, day, weekday)
                .unwrap_or(false)
    }

    /// The first matching second of the day from `second` on.
    fn time_from(&self, second: i64) -> Option<i64> {
        let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
        let in_hour = |minute, second| {
            let same = bit(self.minutes, minute).then(|| from(self.seconds, second));
            if let Some(second) = same.flatten() {
                return Some(minute * 60 + second);
            }
            Some(from(self.minutes, minute + 1)? * 60 + from(self.seconds, 0)?)
        };
        let same = bit(self.hours, hour).then(|| in_hour(minute, second));
        if let Some(rest) = same.flatten() {
            return Some(hour * 3600 + rest);
        }
        Some(
            from(self.hours, hour + 1)? * 3600
                + from(self.minutes, 0)? * 60
                + from(self.seconds, 0)?,
        )
    }

    /// The last matching second of the day up to `second`.
    fn time_until(&self, second: i64) -> Option<i64> {
        let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
        let in_hour = |minute, second| {
            let same = bit(self.minutes, minute).then(|| until(self.seconds, second));
            if let Some(second) = same.flatten() {
                return Some(minute * 60 + second);
            }
            Some(until(self.minutes, minute - 1)? * 60 + until(self.seconds, 59)?)
        };
        let same = bit(self.hours, hour).then(|| in_hour(minute, second));
        if let Some(rest) = same.flatten() {
            return Some(hour * 3600 + rest);
        }
        let hour = until(self.hours, hour - 1)?;
        Some(hour * 3600 + until(self.minutes, 59)? * 60 + until(self.seconds, 59)?)
    }
}

/// A day by its number since the Unix epoch.
fn date(day: i64) -> Option<Date> {
    let days = jiff::Span::new().try_days(day).ok()?;
    Date::constant(1970, 1, 1).checked_add(days).ok()
}

fn seconds(second: i64) -> Timestamp {
    Timestamp(second.saturating_mul(1000))
}

fn bits(values: &[u16]) -> u64 {
    values.iter().fold(0, |bits, value| bits | 1 << value)
}

const fn bit(bits: u64, value: i64) -> bool {
    bits >> value & 1 == 1
}

/// The first value from `value` on.
fn from(bits: u64, value: i64) -> Option<i64> {
    let left = bits.checked_shr(u32::try_from(value).ok()?)?;
    (left != 0).then(|| value + i64::from(left.trailing_zeros()))
}

/// The last value up to `value`.
fn until(bits: u64, value: i64) -> Option<i64> {
    let left = bits.checked_shl(63 - u32::try_from(value).ok()?)?;
    (left != 0).then(|| value - i64::from(left.leading_zeros()))
}

/// How many days a search looks at.
#[cfg(test)]
pub(super) mod steps {
    use std::cell::Cell;

    thread_local! {
        static STEPS: Cell<u32> = const { Cell::new(0) };
    }

    pub fn add() {
        STEPS.set(STEPS.get() + 1);
    }

    pub fn take() -> u32 {
        STEPS.take()
    }
}
