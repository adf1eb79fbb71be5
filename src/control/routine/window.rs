//! Maintenance windows for people.

use jiff::tz::TimeZone;
use serde::Serialize;

use crate::control::{Control, Refusal};
use crate::core::base::time::{Timestamp, age};
use crate::core::routine::window::{Occurrence, Window, windows};
use crate::core::stack::maintenance::MaintenanceMode;
use crate::core::stack::service::Stack;

/// A maintenance window in a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct WindowRow {
    pub name: String,
    /// `tue 22:00 to 04:00 Europe/Berlin`.
    pub when: String,
    pub mode: MaintenanceMode,
    /// What it is about: `web in prod`, `all routines`.
    pub scope: String,
    pub reason: Option<String>,
    /// It goes on.
    pub now: Option<Occurrence>,
    /// The next one; none: it is over.
    pub next: Option<Occurrence>,
    /// One of the two as people read it: `now, until …`, `from …`, `over`.
    pub stands: String,
}

impl WindowRow {
    /// As it stands at an instant.
    pub(super) fn new(window: &Window, at: Timestamp) -> Self {
        Self {
            name: window.rule.name.clone(),
            when: window.when(),
            mode: window.rule.mode,
            scope: window.rule.scope(),
            reason: window.rule.reason.clone(),
            now: window.at(at),
            next: window.next(at),
            stands: window.stands(at),
        }
    }
}

/// The maintenance windows of a stack, in the order of its file.
#[must_use]
pub fn windows_of(stack: &Stack, now: Timestamp) -> Vec<WindowRow> {
    let (windows, _) = windows(stack, super::zone);
    windows.iter().map(|w| WindowRow::new(w, now)).collect()
}

/// Windows that begin within this time are said at home, milliseconds.
const SOON_MS: i64 = 3_600_000;

/// The windows that are now or begin within the hour, as one line in the time of `zone`; none: there
/// are none. `patches until 04:00 Europe/Berlin: mutes web`, `patches in 42 min, from 22:00 …`. The rows
/// may have been read up to a day before.
#[must_use]
pub fn maintenance_line(windows: &[WindowRow], zone: &str, now: Timestamp) -> Option<String> {
    let near = |row: &&WindowRow| {
        row.near(now)
            .is_some_and(|one| one.begin.ms_since(now) <= SOON_MS)
    };
    let mut shown: Vec<&WindowRow> = windows.iter().filter(near).collect();
    shown.sort_by_key(|row| row.near(now).map(|one| (one.begin > now, one.end)));
    let (first, rest) = shown.split_first()?;
    let occurrence = first.near(now)?;
    let clock = |at: Timestamp| time_in(zone, at, now);
    let (begin, end) = (clock(occurrence.begin), clock(occurrence.end));
    let when = match occurrence.begin.ms_since(now) {
        ..=0 => format!("until {end} {zone}"),
        ms => format!("in {}, {begin} to {end} {zone}", age(ms)),
    };
    let does = match first.mode {
        MaintenanceMode::Mute => "mutes",
        MaintenanceMode::Skip => "skips",
    };
    let more = match rest.len() {
        0 => String::new(),
        n => format!("  +{n} more"),
    };
    Some(format!(
        "{} {when}: {does} {}{more}",
        first.name, first.scope
    ))
}

impl WindowRow {
    /// The occurrence that an instant is in, or the next one.
    fn near(&self, at: Timestamp) -> Option<Occurrence> {
        self.now
            .filter(|one| at < one.end)
            .or(self.next.filter(|one| at < one.end))
    }
}

/// A time of the day in a zone, with the weekday when it is on another day than `now`.
fn time_in(zone: &str, at: Timestamp, now: Timestamp) -> String {
    let zone = super::zone(zone).unwrap_or(TimeZone::UTC);
    let civil = |at: Timestamp| {
        let instant = jiff::Timestamp::from_millisecond(at.0).ok()?;
        Some(zone.to_datetime(instant))
    };
    let (Some(at), Some(now)) = (civil(at), civil(now)) else {
        return String::new();
    };
    let form = if at.date() == now.date() {
        "%H:%M"
    } else {
        "%a %H:%M"
    };
    at.strftime(form).to_string()
}

impl Control {
    /// The maintenance windows of the workspace.
    pub async fn maintenance(&self) -> Result<Vec<WindowRow>, Refusal> {
        let stack = self.refresh().await?;
        Ok(windows_of(&stack, self.0.clock.now()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::stack::maintenance::{Maintenance, Weekday};

    /// 2026-12-08, a Tuesday, at this time in Berlin.
    fn at(hour: i64, minute: i64) -> Timestamp {
        let midnight = 1_796_684_400_000;
        Timestamp(midnight + (hour * 60 + minute) * 60_000)
    }

    fn stack() -> Stack {
        let patches = Maintenance {
            name: "patches".to_owned(),
            days: vec![Weekday::Tuesday],
            from: "22:00".to_owned(),
            until: Some("04:00".to_owned()),
            services: vec!["web".to_owned()],
            ..Maintenance::default()
        };
        let backup = Maintenance {
            name: "backup".to_owned(),
            from: "23:30".to_owned(),
            for_ms: Some(1_800_000),
            until: None,
            services: Vec::new(),
            mode: MaintenanceMode::Skip,
            ..patches.clone()
        };
        Stack {
            timezone: "Europe/Berlin".to_owned(),
            maintenance: vec![patches, backup],
            ..Stack::default()
        }
    }

    #[test]
    fn windows_of_now_and_of_the_next_hour_are_one_line() {
        // Read once; the line follows the clock.
        let rows = windows_of(&stack(), at(20, 0));
        for (now, wanted) in [
            (at(20, 0), None),
            (at(20, 59), None),
            (
                at(21, 18),
                Some("patches in 42 min, 22:00 to Wed 04:00 Europe/Berlin: mutes web"),
            ),
            (
                at(22, 0),
                Some("patches until Wed 04:00 Europe/Berlin: mutes web"),
            ),
            (
                at(23, 0),
                Some("patches until Wed 04:00 Europe/Berlin: mutes web  +1 more"),
            ),
            (
                at(23, 45),
                Some("backup until Wed 00:00 Europe/Berlin: skips all routines  +1 more"),
            ),
            (
                at(27, 59),
                Some("patches until 04:00 Europe/Berlin: mutes web"),
            ),
            (at(28, 0), None),
        ] {
            let line = maintenance_line(&rows, "Europe/Berlin", now);
            assert_eq!(line.as_deref(), wanted, "{}", now.rfc3339());
        }
        assert_eq!(maintenance_line(&[], "UTC", at(22, 0)), None);
    }
}
