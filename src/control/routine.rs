//! Routines for people: the list, one with its history, and acts on them.

use std::collections::HashMap;

use jiff::tz::TimeZone;
use serde::Serialize;

use super::{Control, Refusal};
use crate::bus::Notice;
use crate::core::base::suggest::nearest;
use crate::core::base::time::{Timestamp, age, human_ms};
use crate::core::health::day::{Day, HOUR_MS};
use crate::core::metric::rollup::{Rollup, WindowLength};
use crate::core::metric::sample::{ProbeOutcome, Sample, Trigger};
use crate::core::routine::class::FailureClass;
use crate::core::routine::misfire::{SLACK_MS, SkipReason};
use crate::core::routine::schedule::Schedule;
use crate::core::routine::scheduled::Scheduled;
use crate::core::run::act::Acted;
use crate::core::run::lockout::LockEnd;
use crate::core::runbook;
use crate::core::stack::service::Stack;
use crate::core::stack::state::State;
use crate::store::{RoutineChange, RoutinePause, RoutineState, RoutineSummary, Scope};

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
    pub pause: Option<Pause>,
    /// Of the last 24 hours.
    pub numbers: Numbers,
    /// The worst outcome of each of the last 24 hours, the oldest first; none: no check.
    pub hours: Vec<Option<State>>,
    /// Why it is never due.
    pub problem: Option<String>,
}

/// Until when a routine is paused, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Pause {
    pub until: Timestamp,
    pub by: String,
    pub reason: String,
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
}

impl From<RoutineChange> for StateChange {
    fn from(change: RoutineChange) -> Self {
        Self {
            at: change.at,
            from: change.from,
            to: change.to,
            message: change.message,
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
    /// Newest first.
    pub results: Vec<RoutineResult>,
    /// Of the shown results.
    pub manual: usize,
    /// Newest first.
    pub changes: Vec<StateChange>,
    /// The last good and the last bad answer, with their times.
    pub good: Option<(Timestamp, String)>,
    pub bad: Option<(Timestamp, String)>,
}

/// What is known about the routines of a workspace.
struct Known {
    stack: std::sync::Arc<Stack>,
    scope: Scope,
    ids: HashMap<String, i64>,
    states: HashMap<i64, RoutineState>,
    last: HashMap<i64, i64>,
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
        let days = known.days(&ids).await?;
        let all = self.scheduled(&known.stack);
        Ok(all
            .iter()
            .map(|one| known.row(one, &summaries, &days))
            .collect())
    }

    fn scheduled(&self, stack: &Stack) -> Vec<Scheduled> {
        runbook::scheduled(stack, self.0.settings.pulse_ms)
    }

    async fn known_routines(&self) -> Result<Known, Refusal> {
        let stack = self.refresh().await?;
        let scope = self.scope().await?;
        let routines = scope.routines().await?;
        let states = scope.routine_states().await?;
        Ok(Known {
            stack,
            ids: routines.into_iter().map(|r| (r.name, r.id)).collect(),
            states: states.into_iter().map(|s| (s.routine, s)).collect(),
            last: scope.last_slots().await?,
            scope,
            now: self.0.clock.now(),
        })
    }

    /// A routine with its history.
    pub async fn routine(&self, name: &str) -> Result<RoutineSheet, Refusal> {
        let known = self.known_routines().await?;
        let scheduled = self.routine_named(&known.stack, name)?;
        let id = known.ids.get(&scheduled.name).copied();
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
        let days = known.days(&id.into_iter().collect::<Vec<_>>()).await?;
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
                let kept = Some((answer.at, answer.answer));
                if answer.good {
                    sheet.good = kept;
                } else {
                    sheet.bad = kept;
                }
            }
        }
        Ok(sheet)
    }

    /// The routine of that name, of the stack file or the probe of a service.
    fn routine_named(&self, stack: &Stack, name: &str) -> Result<Scheduled, Refusal> {
        let mut all = self.scheduled(stack);
        if let Some(found) = all.iter().position(|one| one.name == name) {
            return Ok(all.swap_remove(found));
        }
        let names: Vec<&str> = all.iter().map(|one| one.name.as_str()).collect();
        let hint = match nearest(name, &names) {
            Some(near) => format!("; did you mean `{near}`?"),
            None => "; `opsroom routines` lists them".to_owned(),
        };
        Err(Refusal::Invalid(format!(
            "there is no routine `{name}`{hint}"
        )))
    }

    pub(super) async fn run_routine(
        &self,
        name: &str,
        reason: Option<&str>,
    ) -> Result<Acted, Refusal> {
        let stack = self.refresh().await?;
        let routine = self.routine_named(&stack, name)?;
        if !routine.is_active() {
            let kind = routine.kind();
            return Err(Refusal::Invalid(format!(
                "{name} cannot be run: a {kind} routine calls nothing"
            )));
        }
        let (scope, now) = (self.scope().await?, self.0.clock.now());
        let members = scope.routine_members().await?;
        if !members.iter().any(|member| member.alive_until >= now) {
            return Err(Refusal::Invalid(
                "no engine runs routines: start opsroom serve or a console".to_owned(),
            ));
        }
        let reason = self.clean_reason(reason);
        let by = (self.0.settings.actor.as_str(), reason.as_deref());
        let request = scope.request_routine(&routine.name, by, now).await?;
        self.wake();
        self.0.bus.publish(Notice::Routines);
        Ok(Acted::RoutineRequested {
            routine: routine.name,
            request,
        })
    }

    /// The result of a run of a routine that was asked for; none: there is none yet.
    pub async fn routine_result(&self, request: i64) -> Result<Option<(State, String)>, Refusal> {
        let scope = self.scope().await?;
        Ok(scope.routine_request_result(request).await?)
    }

    pub(super) async fn pause_routine(
        &self,
        name: &str,
        end: LockEnd,
        reason: Option<&str>,
    ) -> Result<Acted, Refusal> {
        let now = self.0.clock.now();
        let until = end.at(now).map_err(Refusal::Invalid)?;
        let (routine, id, scope) = self.numbered(name).await?;
        let pause = RoutinePause {
            until,
            by: self.0.settings.actor.clone(),
            reason: self.clean_reason(reason).unwrap_or_default(),
        };
        scope.pause_routine(id, &pause, now).await?;
        self.wake();
        self.0.bus.publish(Notice::Routines);
        Ok(Acted::RoutinePaused { routine, until })
    }

    pub(super) async fn resume_routine(&self, name: &str) -> Result<Acted, Refusal> {
        let (routine, id, scope) = self.numbered(name).await?;
        let actor = &self.0.settings.actor;
        if !scope.resume_routine(id, actor, self.0.clock.now()).await? {
            return Err(Refusal::Invalid(format!("{routine} is not paused")));
        }
        self.wake();
        self.0.bus.publish(Notice::Routines);
        Ok(Acted::RoutineResumed(routine))
    }

    async fn numbered(&self, name: &str) -> Result<(String, i64, Scope), Refusal> {
        let stack = self.refresh().await?;
        let routine = self.routine_named(&stack, name)?;
        let scope = self.scope().await?;
        let new = (routine.name.as_str(), routine.kind());
        let id = scope.routine_number(new, self.0.clock.now()).await?;
        Ok((routine.name, id, scope))
    }
}

fn zone(name: &str) -> Result<TimeZone, String> {
    TimeZone::get(name).map_err(|e| e.to_string())
}

impl Known {
    /// The worst outcome of each of the last 24 hours.
    async fn days(&self, ids: &[i64]) -> Result<HashMap<i64, Day>, Refusal> {
        let from = self.now.plus_ms(-WINDOW_MS);
        let (length, within) = (WindowLength::Hour, from..self.now);
        let windows = self.scope.rollups(ids, length, &within).await?;
        let mut days: HashMap<i64, Day> = HashMap::new();
        for window in windows {
            let totals = &window.rollup.totals;
            let worst = match (totals.failing, totals.degraded, totals.ok) {
                (1.., _, _) => State::Failing,
                (_, 1.., _) => State::Degraded,
                (_, _, 1..) => State::Ok,
                _ => continue,
            };
            let day = days.entry(window.routine).or_default();
            day.hours.insert(window.from_ms / HOUR_MS, worst);
        }
        Ok(days)
    }

    fn row(
        &self,
        one: &Scheduled,
        summaries: &HashMap<i64, RoutineSummary>,
        days: &HashMap<i64, Day>,
    ) -> RoutineRow {
        let id = self.ids.get(&one.name);
        let state = id.and_then(|id| self.states.get(id));
        let last = id.and_then(|id| self.last.get(id)).copied().map(Timestamp);
        let numbers = id
            .and_then(|id| summaries.get(id))
            .map(|summary| Numbers::of(&summary.rollup, summary.failing_ms))
            .unwrap_or_default();
        let schedule = one.schedule(&self.stack.timezone, zone);
        let paused = state
            .and_then(|s| s.pause.clone())
            .filter(|pause| pause.until > self.now)
            .map(|pause| Pause {
                until: pause.until,
                by: pause.by,
                reason: pause.reason,
            });
        let active = one.is_active();
        let schedule = schedule.as_ref();
        let next = schedule.ok().filter(|_| active);
        RoutineRow {
            name: one.name.clone(),
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
            next: next.and_then(|schedule| schedule.next_after(self.now)),
            overdue_since: next
                .filter(|_| paused.is_none())
                .and_then(|schedule| overdue(schedule, last, self.now)),
            pause: paused,
            numbers,
            hours: id
                .and_then(|id| days.get(id))
                .map(|day| day.last(24, self.now).collect())
                .unwrap_or_default(),
            problem: schedule.err().cloned(),
        }
    }
}

/// The last slot, when nothing is recorded for it and it is not just now.
fn overdue(schedule: &Schedule, last: Option<Timestamp>, now: Timestamp) -> Option<Timestamp> {
    // Results are written up to a second later, and a check may take its time.
    const GRACE_MS: i64 = 12_000 + SLACK_MS;
    let due = schedule.last_at(now.plus_ms(-GRACE_MS))?;
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
        results: Vec::new(),
        manual: 0,
        changes: Vec::new(),
        good: None,
        bad: None,
    }
}

impl RoutineRow {
    /// The state in a word, with what is not yet confirmed: `failing (1 of 3)`.
    #[must_use]
    pub fn state_word(&self) -> String {
        let name = self.state.name();
        match (&self.pause, self.last_slot) {
            (Some(_), _) => "paused".to_owned(),
            (None, None) => "not yet run".to_owned(),
            _ if self.flapping => format!("{name}, flapping"),
            _ if self.hard || self.state == State::Unknown => name.to_owned(),
            _ => format!("{name}, unconfirmed"),
        }
    }

    /// When it is due: `in 2 min`, `overdue 5 min`, `never`.
    #[must_use]
    pub fn due_word(&self, now: Timestamp) -> String {
        match (self.overdue_since, self.next) {
            (Some(since), _) => format!("overdue {}", age(now.ms_since(since).max(0))),
            (None, Some(next)) => match next.ms_since(now).max(0) / 1000 {
                seconds @ 0..60 => format!("in {seconds} s"),
                seconds => format!("in {}", age(seconds * 1000)),
            },
            (None, None) => "never".to_owned(),
        }
    }
}

impl Numbers {
    /// `99.95 % of 1,440 checks, p50 12 ms, p95 40 ms, p99 55 ms`.
    #[must_use]
    pub fn describe(&self) -> String {
        let Some(uptime) = self.uptime_pct else {
            return "no check was answered".to_owned();
        };
        let ms = |name: &str, value: Option<f64>| {
            value.map_or_else(String::new, |ms| format!(", {name} {ms:.1} ms"))
        };
        format!(
            "{uptime:.2} % ok of {} checks{}{}{}",
            self.samples,
            ms("p50", self.p50_ms),
            ms("p95", self.p95_ms),
            ms("p99", self.p99_ms),
        )
    }
}

impl RoutineResult {
    /// One line: time, outcome, why, latency.
    #[must_use]
    pub fn describe(&self) -> String {
        let latency = self.latency_us.map_or_else(
            || "–".to_owned(),
            |us| format!("{:.1} ms", f64::from(us) / 1000.0),
        );
        let late = if self.lag_ms > 0 {
            format!("  {} late", human_ms(i64::from(self.lag_ms)))
        } else {
            String::new()
        };
        let code = match (self.code, self.outcome) {
            (0, _) => String::new(),
            (n, "skipped") => format!(" {n} slots"),
            (n, _) => format!(" {n}"),
        };
        let manual = if self.trigger == Trigger::Manual.name() {
            "  asked for"
        } else {
            ""
        };
        let class = self.class.map(|c| format!(" {c}")).unwrap_or_default();
        format!(
            "{}  {:<9}{code}{class}  {latency}{late}{manual}",
            self.slot.rfc3339(),
            self.outcome
        )
    }
}

impl RoutineSheet {
    /// As lines for people. Texts of other programs are not escaped.
    #[must_use]
    pub fn lines(&self, now: Timestamp) -> Vec<String> {
        let row = &self.row;
        let mut lines = vec![
            format!(
                "{} {}  {}",
                row.state.symbol(),
                row.state_word(),
                row.message
            ),
            format!("kind      {}: {}", row.kind, self.call),
            format!("when      {}, next {}", row.when, row.due_word(now)),
            format!(
                "counts    failing after {} in a row, ok again after {}",
                self.failure_threshold, self.success_threshold
            ),
        ];
        let place = [&row.service, &row.env];
        let place: Vec<&str> = place.into_iter().filter_map(|p| p.as_deref()).collect();
        if !place.is_empty() {
            lines.push(format!("of        {}", place.join(" in ")));
        }
        lines.extend(row.since.map(|since| {
            format!(
                "since     {} ({})",
                since.rfc3339(),
                age(now.ms_since(since).max(0))
            )
        }));
        lines.extend(row.pause.as_ref().map(|pause| {
            let why = if pause.reason.is_empty() { "" } else { ": " };
            let (by, until) = (&pause.by, pause.until.rfc3339());
            format!("paused    until {until} by {by}{why}{}", pause.reason)
        }));
        lines.extend(row.problem.iter().map(|why| format!("problem   {why}")));
        lines.extend(self.expect.iter().map(|e| format!("expect    {e}")));
        self.history(&mut lines);
        lines
    }

    fn history(&self, lines: &mut Vec<String>) {
        let numbers = &self.row.numbers;
        lines.extend([
            String::new(),
            "Last 24 hours".to_owned(),
            format!("  {}", numbers.describe()),
            format!(
                "  failing for {}, {} unknown, {} skipped",
                human_ms(numbers.failing_ms),
                numbers.unknown,
                numbers.skipped
            ),
            String::new(),
            "Next".to_owned(),
        ]);
        match self.next_slots.as_slice() {
            [] => lines.push("  never".to_owned()),
            slots => lines.extend(slots.iter().map(|slot| format!("  {}", slot.rfc3339()))),
        }
        lines.extend([String::new(), "Changes".to_owned()]);
        if self.changes.is_empty() {
            lines.push("  none yet".to_owned());
        }
        lines.extend(self.changes.iter().map(|change| {
            let (from, to) = (change.from.name(), change.to.name());
            format!(
                "  {}  {from} → {to}  {}",
                change.at.rfc3339(),
                change.message
            )
        }));
        lines.extend([String::new(), "Results, the newest first".to_owned()]);
        lines.extend(self.results.iter().map(|r| format!("  {}", r.describe())));
        for (title, kept) in [
            ("Last good answer", &self.good),
            ("Last bad answer", &self.bad),
        ] {
            if let Some((at, answer)) = kept {
                lines.extend([String::new(), format!("{title}, {}", at.rfc3339())]);
                lines.extend(answer.lines().map(|line| format!("  {line}")));
            }
        }
    }
}
