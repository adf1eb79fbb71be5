//! Heartbeats and tasks of people: opsroom calls nothing; a program or a person reports. A report is
//! due one interval after the last one, or at the next time of the cron pattern, and missing once
//! the grace time after that is over.

use crate::base::time::{Timestamp, human_ms};
use crate::routine::check::CheckResult;
use crate::routine::class::FailureClass;
use crate::routine::schedule::Schedule;
use crate::stack::routine::{Check, Routine};
use crate::stack::state::State;

/// What a program or a person reports.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoutineReport {
    /// Unknown: the report says nothing about success.
    pub state: State,
    /// Details, possibly none.
    pub message: String,
}

impl RoutineReport {
    /// The result it means.
    #[must_use]
    pub fn result(&self, by: &str) -> CheckResult {
        let message = match self.message.trim() {
            "" => format!("reported by {by}"),
            text => format!("{by}: {text}"),
        };
        let failed = matches!(self.state, State::Failing | State::Degraded);
        CheckResult::reported(
            self.state,
            failed.then_some(FailureClass::Reported),
            &message,
        )
    }
}

/// How long after its due time a report is missing, milliseconds.
#[must_use]
pub const fn grace_ms(rules: &Routine) -> i64 {
    match &rules.check {
        Check::Heartbeat { grace_ms } => *grace_ms,
        _ => 0,
    }
}

/// When the report after one at `last` is due; none: never.
#[must_use]
pub fn due_after(schedule: &Schedule, rules: &Routine, last: Timestamp) -> Option<Timestamp> {
    match (&rules.cron, rules.every_ms) {
        (None, Some(every_ms)) => Some(last.plus_ms(every_ms)),
        _ => schedule.next_after(last),
    }
}

/// The newest report that is missing at `now`, when the last one was at `last`: when it was due.
#[must_use]
pub fn missing_at(
    schedule: &Schedule,
    rules: &Routine,
    (last, now): (Timestamp, Timestamp),
) -> Option<Timestamp> {
    let until = now.plus_ms(-grace_ms(rules));
    let due = match (&rules.cron, rules.every_ms) {
        (None, Some(every_ms)) => {
            let intervals = until.ms_since(last).div_euclid(every_ms.max(1));
            last.plus_ms(intervals.saturating_mul(every_ms))
        }
        _ => schedule.last_at(until)?,
    };
    (due > last).then_some(due)
}

/// The result of a report that is missing.
#[must_use]
pub fn missing(rules: &Routine, last: Option<Timestamp>, due: Timestamp) -> CheckResult {
    let what = match rules.check {
        Check::Manual { .. } => "not done",
        _ => "no report",
    };
    let since = last.map_or_else(
        || "none so far".to_owned(),
        |last| {
            format!(
                "the last was {} before",
                human_ms(due.ms_since(last).max(0))
            )
        },
    );
    let message = format!("{what}, due {}; {since}", due.rfc3339());
    CheckResult::reported(State::Failing, Some(FailureClass::Missing), &message)
}

#[cfg(test)]
mod tests {
    use jiff::tz::TimeZone;

    use super::*;
    use crate::routine::scheduled::Scheduled;

    const MIN: i64 = 60_000;

    fn routine(every_ms: Option<i64>, cron: Option<&str>) -> (Schedule, Routine) {
        let rules = Routine {
            name: "backup".to_owned(),
            every_ms,
            cron: cron.map(str::to_owned),
            check: Check::Heartbeat { grace_ms: 10 * MIN },
            ..Routine::default()
        };
        let zone = |name: &str| TimeZone::get(name).map_err(|e| e.to_string());
        let schedule = Scheduled::declared(&rules).schedule("UTC", zone);
        (schedule.unwrap(), rules)
    }

    #[test]
    fn a_report_is_missing_once_the_grace_after_its_due_time_is_over() {
        let at = |min: i64| Timestamp(min * MIN);
        let hourly = routine(Some(60 * MIN), None);
        // 00:00 UTC is minute 0.
        let daily = routine(None, Some("30 2 * * *"));
        for ((schedule, rules), last, now, due) in [
            (&hourly, 7, 67, None),
            (&hourly, 7, 76, None),
            (&hourly, 7, 77, Some(67)),
            (&hourly, 7, 136, Some(67)),
            (&hourly, 7, 137, Some(127)),
            (&hourly, 7, 100_000, Some(7 + 60 * 1666)),
            (&daily, 0, 159, None),
            (&daily, 0, 160, Some(150)),
            (&daily, 151, 161, None),
            (&daily, 151, 24 * 60 + 159, None),
            (&daily, 151, 24 * 60 + 160, Some(24 * 60 + 150)),
            (&daily, 0, 3 * 24 * 60, Some(2 * 24 * 60 + 150)),
        ] {
            let found = missing_at(schedule, rules, (at(last), at(now)));
            assert_eq!(found, due.map(at), "{last} {now} {:?}", rules.cron);
            if let Some(due) = found {
                let first = due_after(schedule, rules, at(last)).unwrap();
                assert!(
                    first <= due,
                    "the first that is missing is not after the newest"
                );
            }
        }
    }

    #[test]
    fn a_missing_report_and_a_failed_one_are_failures_of_their_own_class() {
        let (_, rules) = routine(Some(MIN), None);
        let missing = missing(&rules, Some(Timestamp(0)), Timestamp(90 * MIN));
        assert_eq!(missing.state, State::Failing);
        assert_eq!(missing.class, Some(FailureClass::Missing));
        assert_eq!(
            missing.message,
            "no report, due 1970-01-01T01:30:00.000Z; the last was 1 h 30 min before"
        );
        let report = |state, message: &str| RoutineReport {
            state,
            message: message.to_owned(),
        };
        let failed = report(State::Failing, "disk full").result("cron@db1");
        assert_eq!(failed.class, Some(FailureClass::Reported));
        assert_eq!(failed.message, "cron@db1: disk full");
        let done = report(State::Ok, " ").result("ana");
        assert_eq!(
            (done.class, done.message.as_str()),
            (None, "reported by ana")
        );
    }
}
