//! Maintenance windows: times at which routines make no noise, or are not run, as the stack file
//! declares them. `core/routine/window.rs` says when they are.

use serde::{Deserialize, Serialize};

use super::routine::Routine;
use crate::{serde_by_word, words};

words! {
    /// What a window does to the routines it is about.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
    pub enum MaintenanceMode {
        /// They run and their results are kept; a change of state in the window is marked.
        #[default]
        Mute = "mute",
        /// They are not run: their slots are recorded as skipped.
        Skip = "skip",
    }
}

words! {
    #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
    pub enum Weekday {
        Monday = "mon",
        Tuesday = "tue",
        Wednesday = "wed",
        Thursday = "thu",
        Friday = "fri",
        Saturday = "sat",
        Sunday = "sun",
    }
}

words! {
    /// Which of the days of a month that have the same weekday.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
    pub enum Nth {
        First = "first",
        Second = "second",
        Third = "third",
        Fourth = "fourth",
        /// Not each month has one.
        Fifth = "fifth",
        Last = "last",
    }
}

serde_by_word!(MaintenanceMode, Weekday, Nth);

/// A weekday of each month, `second tue`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct MonthDay {
    pub nth: Nth,
    pub day: Weekday,
}

/// A maintenance window: once when it has neither `days` nor `monthly`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Maintenance {
    pub name: String,
    /// The days of each week on which it begins.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub days: Vec<Weekday>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub monthly: Option<MonthDay>,
    /// What the wall clock shows when it begins: `22:00`; of a window that is once,
    /// `2026-12-05 22:00`.
    pub from: String,
    /// The same for its end: a time of day at or before `from` is of the next day.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<String>,
    /// How long it lasts, milliseconds. Exactly one of this and `until` is set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub for_ms: Option<i64>,
    /// IANA name of its zone; none: the stack's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timezone: Option<String>,
    /// What it is about: routines of all that is named here. Empty: of all services.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub services: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub environments: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub routines: Vec<String>,
    #[serde(default)]
    pub mode: MaintenanceMode,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

impl Maintenance {
    /// Whether it is about a routine: every list that is not empty has to name it.
    #[must_use]
    pub fn is_about(&self, routine: &Routine) -> bool {
        let among = |list: &[String], value: Option<&String>| {
            list.is_empty() || value.is_some_and(|value| list.contains(value))
        };
        among(&self.services, routine.service.as_ref())
            && among(&self.environments, routine.env.as_ref())
            && among(&self.routines, Some(&routine.name))
    }

    /// When it is, as people read it: `tue, wed 22:00 to 04:00`.
    #[must_use]
    pub fn when(&self) -> String {
        let days: Vec<&str> = self.days.iter().map(|day| day.name()).collect();
        let days = match self.monthly {
            Some(MonthDay { nth, day }) => format!("{} {} of the month ", nth.name(), day.name()),
            None if days.is_empty() => String::new(),
            None => format!("{} ", days.join(", ")),
        };
        let end = match (&self.until, self.for_ms) {
            (Some(until), _) => format!("to {until}"),
            (None, ms) => format!(
                "for {}",
                crate::base::time::write_duration(ms.unwrap_or_default())
            ),
        };
        format!("{days}{} {end}", self.from)
    }

    /// What it is about, as people read it: `web, api in prod`.
    #[must_use]
    pub fn scope(&self) -> String {
        let mut parts = Vec::new();
        if !self.routines.is_empty() {
            parts.push(format!("routines {}", self.routines.join(", ")));
        }
        if !self.services.is_empty() {
            parts.push(self.services.join(", "));
        }
        if !self.environments.is_empty() {
            parts.push(format!("in {}", self.environments.join(", ")));
        }
        if parts.is_empty() {
            "all routines".to_owned()
        } else {
            parts.join(" ")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_list_that_is_not_empty_has_to_name_the_routine() {
        let ping = Routine {
            name: "ping".to_owned(),
            service: Some("web".to_owned()),
            env: Some("prod".to_owned()),
            ..Routine::default()
        };
        let list = |names: &[&str]| names.iter().map(|n| (*n).to_owned()).collect::<Vec<_>>();
        for (services, environments, routines, about) in [
            (&[][..], &[][..], &[][..], true),
            (&["web", "api"], &[], &[], true),
            (&["api"], &[], &[], false),
            (&["web"], &["dev"], &[], false),
            (&["web"], &["prod"], &["ping"], true),
            (&[], &[], &["pong"], false),
        ] {
            let window = Maintenance {
                services: list(services),
                environments: list(environments),
                routines: list(routines),
                ..Maintenance::default()
            };
            assert_eq!(window.is_about(&ping), about, "{window:?}");
            let bare = Routine::default();
            assert_eq!(window.is_about(&bare), window == Maintenance::default());
        }
    }
}
