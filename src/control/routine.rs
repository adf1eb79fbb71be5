//! Routines for people: the list, and one with its history.

mod act;
mod edit;
pub mod runbooks;
pub mod series;
mod text;
pub mod watch;
mod window;

pub use window::{WindowRow, maintenance_line, windows_of};

use std::collections::HashMap;
use std::ops::Range;

use jiff::tz::TimeZone;
use serde::Serialize;

pub use self::edit::next_slots;
pub use self::runbooks::LastRunOfRoutine;
use super::{Control, Refusal};
use crate::core::base::suggest::nearest;
use crate::core::base::time::Timestamp;
use crate::core::health::day::Day;
use crate::core::metric::rollup::{Rollup, Totals, WindowLength};
use crate::core::metric::sample::{ProbeOutcome, Sample, Trigger};
use crate::core::routine::check::{KeptAnswer, read_kept};
use crate::core::routine::class::FailureClass;
use crate::core::routine::misfire::{SLACK_MS, SkipReason};
use crate::core::routine::report::due_after;
use crate::core::routine::schedule::Schedule;
use crate::core::routine::scheduled::{Scheduled, probe_name};
use crate::core::routine::window::{InMaintenance, Window, in_maintenance, windows};
use crate::core::run::plan::{Target, targets_of};
use crate::core::runbook;
use crate::core::stack::routine::Routine;
use crate::core::stack::service::Stack;
use crate::core::stack::state::State;
use crate::store::{
    AnswerKind, RoutineChange, RoutinePause, RoutineRun, RoutineState, RoutineSummary, Scope,
};

/// The window of the numbers in lists, milliseconds.
pub const WINDOW_MS: i64 = 86_400_000;
/// Results of one routine that are shown.
const RESULTS: usize = 50;
/// Changes of state of one routine that are shown.
const CHANGES: u32 = 20;
/// Next slots of one routine that are shown.
const NEXT: usize = 10;

/// A routine in a list.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RoutineRow {
    pub name: String,
    pub kind: &'static str,
    pub service: Option<String>,
    pub env: Option<String>,
    /// `every 5m`, `30 2 * * * Europe/Berlin`.
    pub when: String,
    /// What the last check found; unknown before the first.
    pub state: State,
    /// Enough results in a row agree on it.
    pub hard: bool,
    pub flapping: bool,
    /// The first result in a row with this state.
    pub since: Option<Timestamp>,
    pub message: String,
    /// The newest slot with a result or a recorded skip.
    pub last_slot: Option<Timestamp>,
    /// The next slot; none: never.
    pub next: Option<Timestamp>,
    /// A slot that should have been run by now.
    pub overdue_since: Option<Timestamp>,
    pub pause: Option<RoutinePause>,
    /// The maintenance window it is in.
    pub maintenance: Option<InMaintenance>,
    /// Of the last 24 hours.
    pub numbers: Numbers,
    /// The worst outcome of each of the last 24 hours, the oldest first; none: no check.
    pub hours: Vec<Option<State>>,
    /// The last run that it has begun, when it runs a runbook.
    pub last_run: Option<LastRunOfRoutine>,
    /// Why it is never due.
    pub problem: Option<String>,
}

/// Counts and latencies of a window.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Numbers {
    /// Checks that say something about the other side.
    pub samples: u64,
    /// Percent of them that did not fail.
    pub uptime_pct: Option<f64>,
    pub unknown: u64,
    pub skipped: u64,
    pub failing_ms: i64,
    /// Milliseconds.
    pub p50_ms: Option<f64>,
    pub p95_ms: Option<f64>,
    pub p99_ms: Option<f64>,
}

impl Numbers {
    fn of(rollup: &Rollup, failing_ms: i64) -> Self {
        let totals = &rollup.totals;
        let ms = |q| rollup.latency.quantile(q).map(|us| us / 1000.0);
        Self {
            samples: totals.ok + totals.degraded + totals.failing,
            uptime_pct: totals.uptime_pct(),
            unknown: totals.unknown,
            skipped: totals.skipped,
            failing_ms,
            p50_ms: ms(0.5),
            p95_ms: ms(0.95),
            p99_ms: ms(0.99),
        }
    }
}

/// One result.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RoutineResult {
    pub slot: Timestamp,
    pub outcome: &'static str,
    /// Class of the failure, or why the slot was skipped.
    pub class: Option<&'static str>,
    /// HTTP status or exit code; of a skipped slot, how many were skipped.
    pub code: u16,
    pub lag_ms: u32,
    pub latency_us: Option<u32>,
    pub trigger: &'static str,
}

impl From<&Sample> for RoutineResult {
    fn from(s: &Sample) -> Self {
        let class = if s.outcome == ProbeOutcome::Skipped {
            SkipReason::from_number(s.class).map(SkipReason::name)
        } else {
            FailureClass::from_number(s.class).map(FailureClass::name)
        };
        Self {
            slot: Timestamp(s.slot),
            outcome: s.outcome.name(),
            class,
            code: s.code,
            lag_ms: s.lag_ms,
            latency_us: s.latency_us,
            trigger: s.trigger.name(),
        }
    }
}

/// A change of the confirmed state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StateChange {
    pub at: Timestamp,
    pub from: State,
    pub to: State,
    pub message: String,
    /// The maintenance window that muted it.
    pub muted_by: Option<String>,
}

impl From<RoutineChange> for StateChange {
    fn from(change: RoutineChange) -> Self {
        Self {
            at: change.at,
            from: change.from,
            to: change.to,
            message: change.message,
            muted_by: change.muted_by,
        }
    }
}

/// One routine with its history.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RoutineSheet {
    #[serde(flatten)]
    pub row: RoutineRow,
    /// What it calls.
    pub call: String,
    pub expect: Vec<String>,
    pub failure_threshold: u32,
    pub success_threshold: u32,
    pub next_slots: Vec<Timestamp>,
    /// The maintenance windows that are about it.
    pub windows: Vec<WindowRow>,
    /// Newest first.
    pub results: Vec<RoutineResult>,
    /// Of the shown results.
    pub manual: usize,
    /// Newest first.
    pub changes: Vec<StateChange>,
    /// The last result, as it was when the state was written: at each change, and each minute. Only
    /// of calls over the network.
    pub last: Option<KeptAnswer>,
    /// The last good and the last bad answer.
    pub good: Option<KeptAnswer>,
    pub bad: Option<KeptAnswer>,
}

/// What is known about the routines of a workspace.
struct Known {
    stack: std::sync::Arc<Stack>,
    scope: Scope,
    ids: HashMap<String, i64>,
    states: HashMap<i64, RoutineState>,
    last: HashMap<i64, i64>,
    runs: HashMap<i64, RoutineRun>,
    windows: Vec<Window>,
    now: Timestamp,
}

impl Control {
    /// All routines of the workspace, in the order of the stack file; then the probes of its
    /// services.
    pub async fn routines(&self) -> Result<Vec<RoutineRow>, Refusal> {
        let known = self.known_routines().await?;
        let ids: Vec<i64> = known.ids.values().copied().collect();
        let from = known.now.plus_ms(-WINDOW_MS);
        let summaries = known.scope.routine_summaries(&ids, from, known.now).await?;
        let days = days(&known.scope, &ids, known.now).await?;
        let all = self.scheduled(&known.stack);
        Ok(all
            .iter()
            .map(|one| known.row(one, &summaries, &days))
            .collect())
    }

    /// The last 24 hours of each target of the stack that was probed.
    pub async fn days(&self) -> Result<HashMap<Target, Day>, Refusal> {
        let Some(scope) = self.known_scope() else {
            return Ok(HashMap::new());
        };
        let targets = self.probed_targets(&scope).await?;
        let ids: Vec<i64> = targets.keys().copied().collect();
        let mut days = days(&scope, &ids, self.0.clock.now()).await?;
        let day = |(id, target)| Some((target, days.remove(&id)?));
        Ok(targets.into_iter().filter_map(day).collect())
    }

    /// How the probes of the last 24 hours ended, of each target of the stack that was probed: the
    /// counts of [`Control::days`] for a fraction of the work.
    pub async fn day_totals(&self) -> Result<HashMap<Target, Totals>, Refusal> {
        let Some(scope) = self.known_scope() else {
            return Ok(HashMap::new());
        };
        let targets = self.probed_targets(&scope).await?;
        let ids: Vec<i64> = targets.keys().copied().collect();
        let within = last_day(self.0.clock.now());
        let mut totals = scope.routine_totals(&ids, &within).await?;
        let of_target = |(id, target)| Some((target, totals.remove(&id)?));
        Ok(targets.into_iter().filter_map(of_target).collect())
    }

    /// The targets of the stack that were probed, by the numbers of their routines.
    async fn probed_targets(&self, scope: &Scope) -> Result<HashMap<i64, Target>, Refusal> {
        let stack = self.refresh().await?;
        let numbers = scope.routines().await?;
        let numbers: HashMap<String, i64> = numbers.into_iter().map(|r| (r.name, r.id)).collect();
        let targets = stack.services.iter().flat_map(targets_of);
        let numbered =
            targets.filter_map(|target| Some((*numbers.get(&probe_name(&target))?, target)));
        Ok(numbered.collect())
    }

    fn scheduled(&self, stack: &Stack) -> Vec<Scheduled> {
        runbook::scheduled(stack, self.0.settings.pulse_ms)
    }

    async fn known_routines(&self) -> Result<Known, Refusal> {
        let stack = self.refresh().await?;
        let scope = self.scope().await?;
        let routines = scope.routines().await?;
        let states = scope.routine_states().await?;
        let (windows, _) = windows(&stack, zone);
        Ok(Known {
            windows,
            ids: routines.into_iter().map(|r| (r.name, r.id)).collect(),
            states: states.into_iter().map(|s| (s.routine, s)).collect(),
            last: scope.last_slots().await?,
            runs: runs(&stack, &scope).await?,
            scope,
            stack,
            now: self.0.clock.now(),
        })
    }

    /// A routine with its history.
    pub async fn routine(&self, name: &str) -> Result<RoutineSheet, Refusal> {
        let known = self.known_routines().await?;
        let scheduled = self.routine_named(&known.stack, name)?;
        let id = known.ids.get(scheduled.name()).copied();
        let summaries = match id {
            Some(id) => {
                let from = known.now.plus_ms(-WINDOW_MS);
                known
                    .scope
                    .routine_summaries(&[id], from, known.now)
                    .await?
            }
            None => HashMap::new(),
        };
        let days = days(&known.scope, &id.into_iter().collect::<Vec<_>>(), known.now).await?;
        let row = known.row(&scheduled, &summaries, &days);
        let mut sheet = sheet(&known, &scheduled, row);
        if let Some(id) = id {
            let from = known.now.plus_ms(-WINDOW_MS);
            let samples = known.scope.samples(id, from, known.now.plus_ms(1)).await?;
            let newest = samples.iter().rev().take(RESULTS);
            sheet.results = newest.map(RoutineResult::from).collect();
            let manual = Trigger::Manual.name();
            sheet.manual = sheet.results.iter().filter(|r| r.trigger == manual).count();
            let changes = known.scope.routine_changes(id, CHANGES).await?;
            sheet.changes = changes.into_iter().map(StateChange::from).collect();
            for answer in known.scope.probe_evidence(id).await? {
                let kept = Some(read_kept(answer.at, answer.answer));
                match answer.kind {
                    AnswerKind::Last => sheet.last = kept,
                    AnswerKind::Good => sheet.good = kept,
                    AnswerKind::Bad => sheet.bad = kept,
                }
            }
        }
        Ok(sheet)
    }

    /// The routine of that name, of the stack file or the probe of a service.
    fn routine_named(&self, stack: &Stack, name: &str) -> Result<Scheduled, Refusal> {
        let mut all = self.scheduled(stack);
        if let Some(found) = all.iter().position(|one| one.name() == name) {
            return Ok(all.swap_remove(found));
        }
        let names: Vec<&str> = all.iter().map(Scheduled::name).collect();
        let hint = match nearest(name, &names) {
            Some(near) => format!("; did you mean `{near}`?"),
            None => "; `opsroom routines` lists them".to_owned(),
        };
        Err(Refusal::Invalid(format!(
            "there is no routine `{name}`{hint}"
        )))
    }
}

fn last_day(now: Timestamp) -> Range<Timestamp> {
    Timestamp(WindowLength::Hour.begin(now.0 - WINDOW_MS))..now
}

/// The last 24 hours of these routines, and the rest of the hour in which they begin.
async fn days(scope: &Scope, ids: &[i64], now: Timestamp) -> Result<HashMap<i64, Day>, Refusal> {
    let within = last_day(now);
    let windows = scope.rollups(ids, WindowLength::Hour, &within).await?;
    let of_routine = windows.chunk_by(|one, other| one.routine == other.routine);
    Ok(of_routine
        .map(|hours| {
            let rollups: Vec<(i64, &Rollup)> =
                hours.iter().map(|w| (w.from_ms, &w.rollup)).collect();
            (hours[0].routine, Day::of(&rollups))
        })
        .collect())
}

/// The last runs of routines; nothing is read where none has a runbook.
async fn runs(stack: &Stack, scope: &Scope) -> Result<HashMap<i64, RoutineRun>, Refusal> {
    if !stack.routines.iter().any(Routine::runs_runbook) {
        return Ok(HashMap::new());
    }
    let runs = scope.routine_runs().await?;
    Ok(runs.into_iter().map(|run| (run.of.routine, run)).collect())
}

fn zone(name: &str) -> Result<TimeZone, String> {
    TimeZone::get(name).map_err(|e| e.to_string())
}

impl Known {
    fn row(
        &self,
        one: &Scheduled,
        summaries: &HashMap<i64, RoutineSummary>,
        days: &HashMap<i64, Day>,
    ) -> RoutineRow {
        let id = self.ids.get(one.name());
        let state = id.and_then(|id| self.states.get(id));
        let last = id.and_then(|id| self.last.get(id)).copied().map(Timestamp);
        let run = id
            .and_then(|id| self.runs.get(id))
            .filter(|_| one.runs_runbook());
        // The slot of a run that has not ended has no result yet.
        let last = last.max(run.map(|run| run.of.slot));
        let numbers = id
            .and_then(|id| summaries.get(id))
            .map(|summary| Numbers::of(&summary.rollup, summary.failing_ms))
            .unwrap_or_default();
        let schedule = one.schedule(&self.stack.timezone, zone);
        let paused = state
            .and_then(|s| s.pause.clone())
            .filter(|pause| pause.until > self.now);
        let active = one.is_active();
        let schedule = schedule.as_ref();
        let next = schedule.ok().filter(|_| active);
        RoutineRow {
            name: one.name().to_owned(),
            kind: one.kind(),
            service: one.rules.service.clone(),
            env: one.rules.env.clone(),
            when: one.when(&self.stack.timezone),
            state: state.map_or(State::Unknown, |s| s.state),
            hard: state.is_some_and(|s| s.state == s.confirmed),
            flapping: state.is_some_and(|s| s.flapping),
            since: state.map(|s| s.since),
            message: state.map(|s| s.message.clone()).unwrap_or_default(),
            last_slot: last,
            next: self.next(one, schedule.ok(), state),
            overdue_since: next
                .filter(|_| paused.is_none())
                .and_then(|schedule| overdue(schedule, &one.rules, last, self.now)),
            pause: paused,
            maintenance: in_maintenance(&self.windows, &one.rules, self.now),
            numbers,
            hours: id
                .and_then(|id| days.get(id))
                .map(|day| day.last(24, self.now).collect())
                .unwrap_or_default(),
            last_run: run.map(LastRunOfRoutine::from),
            problem: schedule.err().cloned(),
        }
    }
}

impl Known {
    /// The next slot; of a routine that waits for reports, when the next one is due.
    fn next(
        &self,
        one: &Scheduled,
        schedule: Option<&Schedule>,
        state: Option<&RoutineState>,
    ) -> Option<Timestamp> {
        let schedule = schedule?;
        if one.is_active() {
            return schedule.next_after(self.now);
        }
        let state = state.filter(|_| one.is_reported())?;
        let last = state.last_ok_at.max(state.last_failed_at);
        due_after(schedule, &one.rules, last.unwrap_or(state.since))
    }
}

/// The last slot, when nothing is recorded for it and it is not just now.
fn overdue(
    schedule: &Schedule,
    rules: &Routine,
    last: Option<Timestamp>,
    now: Timestamp,
) -> Option<Timestamp> {
    // Results are written up to a second later, and a check may take its time.
    const GRACE_MS: i64 = 12_000 + SLACK_MS;
    let due = schedule.last_at(now.plus_ms(-GRACE_MS - rules.jitter_ms.unwrap_or(0)))?;
    last.filter(|last| *last < due).map(|_| due)
}

fn sheet(known: &Known, one: &Scheduled, row: RoutineRow) -> RoutineSheet {
    use crate::core::routine::threshold::Thresholds;
    let limits = Thresholds::from(&one.rules);
    let schedule = one.schedule(&known.stack.timezone, zone);
    RoutineSheet {
        row,
        call: one.describe(),
        expect: one.rules.expect.clone(),
        failure_threshold: limits.failures,
        success_threshold: limits.successes,
        next_slots: schedule
            .ok()
            .filter(|_| one.is_active())
            .map(|schedule| schedule.next_slots(known.now, NEXT))
            .unwrap_or_default(),
        windows: known
            .windows
            .iter()
            .filter(|window| window.rule.is_about(&one.rules))
            .map(|window| WindowRow::new(window, known.now))
            .collect(),
        results: Vec::new(),
        manual: 0,
        changes: Vec::new(),
        last: None,
        good: None,
        bad: None,
    }
}
