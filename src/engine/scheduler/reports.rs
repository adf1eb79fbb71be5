//! Routines that call nothing: a program or a person reports, and a report that does not come in
//! time is a failure.

use std::cmp::Reverse;

use super::Scheduler;
use super::entry::RoutineEntry;
use super::flush::Conditions;
use super::perform::Done;
use crate::core::base::time::Timestamp;
use crate::core::metric::sample::Trigger;
use crate::core::routine::check::CheckResult;
use crate::core::routine::report::{due_after, grace_ms, missing, missing_at};
use crate::core::run::timing::Timing;
use crate::core::stack::routine::Check;
use crate::core::stack::state::State;
use crate::store::RoutineRequested;

/// A report may be found this long after it was made: another process wrote it. Only then a missing
/// one is recorded. Milliseconds; more than the interval at which requests are looked for.
const FOUND_MS: i64 = 6000;

impl Scheduler {
    /// When to look whether a report is missing.
    pub(super) fn plan_report(&mut self, id: i64) {
        let Some(entry) = self.entries.get_mut(&id) else {
            return;
        };
        if entry.last_ok_at.is_none() && entry.last_failed_at.is_none() {
            // Kept, so that a restart does not begin to wait anew.
            self.pending.awaits(entry);
        }
        let due = due_after(&entry.schedule, &entry.scheduled.rules, entry.reported_at);
        entry.next = due.map(|due| due.plus_ms(grace_ms(&entry.scheduled.rules) + FOUND_MS));
        if let Some(next) = entry.next {
            self.heap.push(Reverse((next, id)));
        }
    }

    /// Records a report that is missing.
    pub(super) fn decide_report(&mut self, id: i64, now: Timestamp) {
        let Some(entry) = self.entries.get_mut(&id) else {
            return;
        };
        let rules = &entry.scheduled.rules;
        let window = (entry.reported_at, now.plus_ms(-FOUND_MS));
        if let Some(due) = missing_at(&entry.schedule, rules, window) {
            if let Some(reason) = entry.hindered(&self.windows, now) {
                self.pending.skip(id, due, 1, reason);
                // A whole interval is left for the first report after the pause or window.
                let pause = entry.paused_until.filter(|until| *until > now);
                let window = self.windows.of(rules, now).map(|window| window.until);
                let end = pause.or(window);
                entry.reported_at = end.unwrap_or(due);
            } else {
                let last = [entry.last_ok_at, entry.last_failed_at];
                let last = last.into_iter().flatten().max();
                let found = missing(rules, last, due);
                let done = reported(entry, due, (found, Trigger::Schedule), None);
                let conditions = Conditions::of(&entry.scheduled.rules, &self.windows, now);
                self.pending.result(entry, &done, conditions);
                entry.reported_at = due;
            }
        }
        self.plan_report(id);
    }

    /// Takes a report.
    pub(super) fn take_report(&mut self, id: i64, request: RoutineRequested) {
        let Some(entry) = self.entries.get_mut(&id) else {
            return;
        };
        let trigger = match entry.scheduled.rules.check {
            Check::Manual { .. } => Trigger::Manual,
            _ => Trigger::Schedule,
        };
        let Some(report) = request.report else { return };
        let found = report.result(&request.actor);
        let done = reported(entry, request.at, (found, trigger), Some(request.id));
        let conditions = Conditions::of(&entry.scheduled.rules, &self.windows, request.at);
        self.pending.result(entry, &done, conditions);
        entry.reported_at = entry.reported_at.max(request.at);
        self.plan_report(id);
    }
}

/// A result that no check has made.
fn reported(
    entry: &RoutineEntry,
    slot: Timestamp,
    (result, trigger): (CheckResult, Trigger),
    request: Option<i64>,
) -> Done {
    let answer = match result.state {
        State::Unknown => String::new(),
        _ => result.message.clone(),
    };
    Done {
        routine: entry.id,
        host: String::new(),
        slot,
        begun: slot,
        result: Ok(result),
        latency_us: None,
        answer,
        timing: Timing::default(),
        in_doubt: false,
        trigger,
        request,
    }
}
