//! A routine in the memory of the scheduler.

use std::sync::Arc;

use super::perform::Task;
use super::windows::Windows;
use super::zone_named;
use crate::core::base::outbound::host_of;
use crate::core::base::time::Timestamp;
use crate::core::metric::sample::Trigger;
use crate::core::routine::jitter::begin_of;
use crate::core::routine::misfire::SkipReason;
use crate::core::routine::schedule::Schedule;
use crate::core::routine::scheduled::Scheduled;
use crate::core::routine::shard::{key_of, shard_of};
use crate::core::routine::threshold::{RoutineHealth, Thresholds};
use crate::core::run::RunId;
use crate::core::run::step::CallKind;
use crate::core::stack::maintenance::MaintenanceMode;
use crate::store::{RoutineRun, RoutineState};

pub(super) struct RoutineEntry {
    pub id: i64,
    pub shard: i64,
    pub scheduled: Arc<Scheduled>,
    pub schedule: Schedule,
    /// The distance of its slots, milliseconds.
    pub interval_ms: i64,
    /// The host it calls; '' for a local command.
    pub host: String,
    /// A check is under way.
    pub running: bool,
    /// The run of its runbook whose result is not there yet.
    pub open: Option<RunId>,
    /// Checks that are due and wait.
    pub queued: usize,
    /// The last slot that was run or recorded as skipped.
    pub handled: Option<Timestamp>,
    /// The first check of a new routine, which is not a slot of its schedule.
    pub first: Option<Timestamp>,
    pub next: Option<Timestamp>,
    pub paused_until: Option<Timestamp>,
    pub health: RoutineHealth,
    pub limits: Thresholds,
    pub last_ok_at: Option<Timestamp>,
    pub last_failed_at: Option<Timestamp>,
    /// Of a routine that waits for reports: the last report, or the last one that was missing.
    pub reported_at: Timestamp,
    /// When an answer was kept last: a good one, a bad one.
    pub kept_at: [Option<Timestamp>; 2],
    key: u64,
}

impl RoutineEntry {
    /// `old`: the same routine before its definition changed. An edit that leaves the schedule as
    /// it is keeps the place in it.
    ///
    /// # Errors
    /// Why it has no schedule.
    pub fn new(
        id: i64,
        scheduled: Scheduled,
        zone: &str,
        old: Option<Self>,
        now: Timestamp,
    ) -> Result<Self, String> {
        let key = key_of(scheduled.name());
        let schedule = scheduled.schedule(zone, zone_named)?;
        let interval_ms = schedule.interval_ms(now);
        let host = scheduled
            .call()
            .map(|call| host(&call.kind))
            .unwrap_or_default();
        let base = Self {
            id,
            shard: shard_of(scheduled.name()),
            limits: Thresholds::from(&scheduled.rules),
            scheduled: Arc::new(scheduled),
            schedule,
            interval_ms,
            host,
            running: false,
            open: None,
            queued: 0,
            handled: None,
            first: None,
            next: None,
            paused_until: None,
            health: RoutineHealth::new(now),
            last_ok_at: None,
            last_failed_at: None,
            reported_at: now,
            kept_at: [None, None],
            key,
        };
        let Some(old) = old else {
            return Ok(base);
        };
        Ok(Self {
            running: old.running,
            open: old.open.filter(|_| base.scheduled.runs_runbook()),
            queued: old.queued,
            // The slots until the edit are dealt with: a new interval begins now.
            handled: old.handled.map(|handled| handled.max(now)),
            paused_until: old.paused_until,
            health: old.health,
            last_ok_at: old.last_ok_at,
            last_failed_at: old.last_failed_at,
            reported_at: old.reported_at,
            kept_at: old.kept_at,
            ..base
        })
    }

    /// Takes over the state that another engine has written.
    pub fn restore(&mut self, stored: &RoutineState) {
        let streak = u32::try_from(stored.streak).unwrap_or(u32::MAX);
        self.health = RoutineHealth::stored(stored.state, stored.confirmed, stored.since, streak);
        self.health.flapping = stored.flapping;
        self.last_ok_at = stored.last_ok_at;
        self.last_failed_at = stored.last_failed_at;
        let last = self.last_ok_at.max(self.last_failed_at);
        // A whole interval is left for the first report after a pause.
        let paused = stored.pause.as_ref().map(|pause| pause.until);
        self.reported_at = last
            .unwrap_or(stored.since)
            .max(paused.unwrap_or(stored.since));
    }

    /// Takes over the last run of its runbook, as another engine has left it.
    pub fn take_over_run(&mut self, last: Option<&RoutineRun>) {
        let last = last.filter(|_| self.scheduled.runs_runbook());
        self.open = last.filter(|run| !run.counted).map(|run| run.run);
        let of_schedule = last.filter(|run| run.of.request.is_none());
        self.handled = self.handled.max(of_schedule.map(|run| run.of.slot));
    }

    /// The slots after the last recorded one and until `until`: the last of them and how many. Their
    /// engine is gone and may have run them, so they are not run again.
    pub fn uncertain(&self, until: Timestamp) -> Option<(Timestamp, u64)> {
        // A run and its slot are recorded together: nothing about them is uncertain.
        let recorded = !self.scheduled.is_active() || self.scheduled.runs_runbook();
        let from = self.handled.filter(|_| !recorded)?;
        let (slots, before) = self.schedule.slots(from, until, 1);
        slots.last().map(|slot| (*slot, before + 1))
    }

    /// Why no slot may run now.
    pub fn hindered(&self, windows: &Windows, now: Timestamp) -> Option<SkipReason> {
        if self.paused_until.is_some_and(|until| until > now) {
            return Some(SkipReason::Paused);
        }
        let window = windows.of(&self.scheduled.rules, now);
        if window.is_some_and(|window| window.mode == MaintenanceMode::Skip) {
            return Some(SkipReason::Maintenance);
        }
        if self.running || self.open.is_some() {
            return Some(SkipReason::Overlap);
        }
        (self.queued > 0).then_some(SkipReason::Overload)
    }

    /// When the first slot after an instant begins, with its jitter.
    pub fn begin_after(&self, at: Timestamp) -> Option<Timestamp> {
        let slot = self.schedule.next_after(at)?;
        Some(begin_of(&self.scheduled.rules, slot))
    }

    pub fn task(&self, slot: Timestamp, planned: Timestamp) -> Task {
        Task {
            routine: self.id,
            scheduled: Arc::clone(&self.scheduled),
            host: self.host.clone(),
            slot,
            planned,
            trigger: Trigger::Schedule,
            request: None,
        }
    }

    /// A time of this routine below `within_ms`, and below its interval.
    pub fn spread(&self, within_ms: i64) -> i64 {
        let within = u64::try_from(within_ms.min(self.interval_ms).max(1)).unwrap_or(1);
        i64::try_from(self.key % within).unwrap_or(0)
    }
}

/// The host that a call goes to.
fn host(call: &CallKind) -> String {
    match call {
        CallKind::Http(request) => host_of(&request.url).unwrap_or_default(),
        CallKind::Connect(connection) => format!("{}:{}", connection.host, connection.port),
        CallKind::Ping { host } => host.clone(),
        CallKind::Sql(sql) => format!("database.{}", sql.database),
        _ => String::new(),
    }
}
