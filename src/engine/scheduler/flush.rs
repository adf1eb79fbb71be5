//! Results that are not written yet. They are written together: at most once a second, or when
//! there are many of them, in one transaction with the changes of state they made.

use std::collections::BTreeMap;
use std::time::Duration;

use super::entry::RoutineEntry;
use super::perform::{Done, Task};
use super::windows::Windows;
use crate::bus::Notice;
use crate::core::base::time::Timestamp;
use crate::core::health::observation::Observation;
use crate::core::metric::sample::{ProbeOutcome, Probed, Sample, Trigger};
use crate::core::routine::check::{CheckResult, write_kept};
use crate::core::routine::class::FailureClass;
use crate::core::routine::jitter::begin_of;
use crate::core::routine::misfire::SkipReason;
use crate::core::routine::threshold::HardChange;
use crate::core::run::RunId;
use crate::core::run::timing::Timing;
use crate::core::stack::routine::Routine;
use crate::core::stack::state::State;
use crate::engine::World;
use crate::store::{
    AnswerKind, Evidence, Flush, Membership, RoutineChange, RoutineState, StoreError,
};

/// The longest time that results are not written.
const LINGER: Duration = Duration::from_millis(900);
/// The same for a change of state: people wait for it.
const LINGER_CHANGED: Duration = Duration::from_millis(50);
/// Results that are written without waiting for more: 10,000 a second are two transactions.
const MANY: usize = 8192;
/// Results kept while the store cannot be written; the oldest are dropped beyond that.
const MOST: usize = 200_000;
/// How often an unchanged state is written, milliseconds: so old is `last ok` after a crash.
const STATE_EVERY_MS: i64 = 60_000;
/// How often a good and a bad answer are kept, milliseconds.
const KEEP_EVERY_MS: [i64; 2] = [600_000, 30_000];
/// How often an unchanged state of a target is written, milliseconds.
const OBSERVE_EVERY_MS: i64 = 15_000;

/// How often observations that changed no state are announced, milliseconds: consoles read the
/// overview again each time.
const ANNOUNCE_EVERY_MS: i64 = 30_000;

/// Under which conditions a result came in.
#[derive(Debug)]
pub(super) struct Conditions {
    /// This machine was too busy while the check was made.
    pub starved: bool,
    /// The maintenance window that the routine is in.
    pub muted_by: Option<String>,
    pub now: Timestamp,
}

impl Conditions {
    /// Those of a routine now, on a machine that keeps up.
    pub fn of(rules: &Routine, windows: &Windows, now: Timestamp) -> Self {
        Self {
            starved: false,
            muted_by: windows.of(rules, now).map(|window| window.window),
            now,
        }
    }
}

/// What the next write contains.
#[derive(Debug, Default)]
pub(super) struct Pending {
    samples: Vec<Probed>,
    states: BTreeMap<i64, RoutineState>,
    changes: Vec<RoutineChange>,
    evidence: Vec<Evidence>,
    observations: Vec<Observation>,
    /// Requests of people that were done.
    requests: Vec<(i64, State, String)>,
    /// Runs of routines whose results are among the samples.
    counted: Vec<(i64, RunId)>,
    /// When the state of a routine was written last.
    written: BTreeMap<i64, Timestamp>,
    observed: BTreeMap<i64, (Timestamp, State)>,
    /// The state of a target changed since observations were announced last.
    turned: bool,
    announced: Option<Timestamp>,
}

impl Pending {
    pub fn is_empty(&self) -> bool {
        self.samples.is_empty() && self.states.is_empty() && self.requests.is_empty()
    }

    pub fn is_full(&self) -> bool {
        self.samples.len() >= MANY
    }

    /// How long to wait for more results.
    pub fn linger(&self) -> Duration {
        if self.changes.is_empty() && self.requests.is_empty() {
            LINGER
        } else {
            LINGER_CHANGED
        }
    }

    /// Slots without a check: one sample at the last of them, with their number.
    pub fn skip(&mut self, routine: i64, slot: Timestamp, count: u64, reason: SkipReason) {
        self.push(Probed {
            routine,
            sample: Sample {
                slot: slot.0,
                outcome: ProbeOutcome::Skipped,
                code: u16::try_from(count).unwrap_or(u16::MAX),
                class: reason.number(),
                ..Sample::default()
            },
        });
    }

    fn push(&mut self, probed: Probed) {
        if self.samples.len() >= MOST {
            tracing::error!("the store cannot be written: {MANY} results of routines are dropped");
            self.samples.drain(..MANY);
        }
        self.samples.push(probed);
    }

    /// The routine that a person asked for was removed from the stack meanwhile.
    pub fn removed(&mut self, request: Option<i64>) {
        let why = "the routine was removed".to_owned();
        self.requests
            .extend(request.map(|id| (id, State::Unknown, why)));
    }

    /// Notes that the result of a run is among the results of its routine.
    pub fn counted(&mut self, routine: i64, run: RunId) {
        self.counted.push((routine, run));
    }

    /// No second run begins while one is open.
    pub fn not_ended(&mut self, entry: &RoutineEntry, task: &Task, run: RunId) {
        match task.request {
            Some(request) => self.refuse_run(request, run),
            None => self.skip(entry.id, task.slot, 1, SkipReason::Overlap),
        }
    }

    /// A person asked for a run while one is open.
    pub fn refuse_run(&mut self, request: i64, open: RunId) {
        let why = format!("no run was begun: run {open} of it has not ended");
        self.requests.push((request, State::Unknown, why));
    }

    /// Takes a result into account.
    pub fn result(&mut self, entry: &mut RoutineEntry, done: &Done, conditions: Conditions) {
        let Conditions {
            starved,
            muted_by,
            now,
        } = conditions;
        let result = match &done.result {
            Ok(result) => own_timeout(result.clone(), starved),
            Err(reason) => {
                self.skip(entry.id, done.slot, 1, *reason);
                let why = format!("no check was made: {}", reason.name());
                self.requests
                    .extend(done.request.map(|id| (id, State::Unknown, why)));
                return;
            }
        };
        self.push(Probed {
            routine: entry.id,
            sample: sample(entry, done, &result),
        });
        let soft = entry.health.soft;
        let flapping = entry.health.flapping;
        let change = entry.health.add(result.state, now, entry.limits);
        match result.state {
            State::Ok | State::Degraded => entry.last_ok_at = Some(now),
            State::Failing => entry.last_failed_at = Some(now),
            State::Unknown => {}
        }
        if let Some(change) = change {
            self.changes.push(RoutineChange {
                muted_by,
                ..changed(entry.id, change, &result, now)
            });
        }
        let differs =
            soft != entry.health.soft || change.is_some() || flapping != entry.health.flapping;
        let written = self.written.get(&entry.id).copied();
        let stale = written.is_none_or(|at| now.ms_since(at) >= STATE_EVERY_MS);
        // Until it is confirmed, the number of results in a row has to survive a restart.
        let rare = entry.scheduled.is_reported() || entry.scheduled.runs_runbook();
        if differs || stale || !entry.health.is_hard() || rare {
            self.written.insert(entry.id, now);
            self.states.insert(entry.id, state(entry, &result));
            if !done.timing.is_empty() {
                self.evidence.push(Evidence {
                    routine: entry.id,
                    kind: AnswerKind::Last,
                    at: now,
                    answer: write_kept(&done.timing, &result.message),
                });
            }
        }
        if !done.answer.is_empty() || !done.timing.is_empty() {
            self.keep_answer(entry, &result, (&done.timing, &done.answer), now);
        }
        self.observe(entry, &result, now);
        self.requests
            .extend(done.request.map(|id| (id, result.state, result.message)));
    }

    /// Keeps since when a routine waits for its first report.
    pub fn awaits(&mut self, entry: &RoutineEntry) {
        let none = CheckResult::reported(State::Unknown, None, "no report yet");
        self.states.insert(entry.id, state(entry, &none));
    }

    fn keep_answer(
        &mut self,
        entry: &mut RoutineEntry,
        result: &CheckResult,
        (timing, answer): (&Timing, &str),
        now: Timestamp,
    ) {
        let (kind, at) = match result.state {
            State::Ok => (AnswerKind::Good, 0),
            State::Degraded | State::Failing => (AnswerKind::Bad, 1),
            State::Unknown => return,
        };
        let began = entry.health.streak <= 1;
        let recent = entry.kept_at[at].is_some_and(|kept| now.ms_since(kept) < KEEP_EVERY_MS[at]);
        if recent && (kind == AnswerKind::Good || !began) {
            return;
        }
        entry.kept_at[at] = Some(now);
        self.evidence.push(Evidence {
            routine: entry.id,
            kind,
            at: now,
            answer: write_kept(timing, &format!("{}\n{answer}", result.message)),
        });
    }

    /// The state of the target, for home.
    fn observe(&mut self, entry: &RoutineEntry, result: &CheckResult, now: Timestamp) {
        let Some(target) = entry.scheduled.target.clone() else {
            return;
        };
        let last = self.observed.get(&entry.id);
        if last.is_some_and(|(at, state)| {
            *state == result.state && now.ms_since(*at) < OBSERVE_EVERY_MS
        }) {
            return;
        }
        self.turned |= last.is_none_or(|(_, state)| *state != result.state);
        self.observed.insert(entry.id, (now, result.state));
        self.observations.push(Observation {
            target,
            at: now,
            state: result.state,
            latency_ms: result.latency_ms,
            message: result.message.clone(),
            run: None,
        });
    }

    /// Writes everything, if this engine is still a member. False: it is not, and what it found is
    /// dropped: the engine that took over decides about these slots.
    pub async fn write(
        &mut self,
        world: &World,
        member: Option<(Membership<'_>, Timestamp)>,
    ) -> Result<bool, StoreError> {
        let now = world.clock.now();
        let flush = Flush {
            at: now,
            samples: std::mem::take(&mut self.samples),
            states: std::mem::take(&mut self.states).into_values().collect(),
            changes: std::mem::take(&mut self.changes),
            evidence: std::mem::take(&mut self.evidence),
            observations: std::mem::take(&mut self.observations),
            counted: std::mem::take(&mut self.counted),
        };
        let observed = !flush.observations.is_empty();
        let Some((member, until)) = member else {
            return Ok(false);
        };
        match world.store.flush_as_member(member, until, &flush).await {
            Ok(true) => {}
            Ok(false) => return Ok(false),
            Err(e) => {
                self.put_back(flush);
                return Err(e);
            }
        }
        while let Some((id, state, message)) = self.requests.first() {
            let finished = world
                .store
                .finish_routine_request(*id, *state, message, now);
            finished.await?;
            self.requests.remove(0);
        }
        world.bus.publish(Notice::Results);
        let due = |at: Timestamp| now.ms_since(at) >= ANNOUNCE_EVERY_MS;
        if self.turned || (observed && self.announced.is_none_or(due)) {
            self.turned = false;
            self.announced = Some(now);
            world.bus.publish(Notice::Observations);
        }
        Ok(true)
    }

    /// What was not written comes before what was found meanwhile.
    fn put_back(&mut self, flush: Flush) {
        let mut samples = flush.samples;
        samples.append(&mut self.samples);
        self.samples = samples;
        for state in flush.states {
            self.states.entry(state.routine).or_insert(state);
        }
        self.changes.splice(..0, flush.changes);
        self.evidence.splice(..0, flush.evidence);
        self.observations.splice(..0, flush.observations);
        self.counted.splice(..0, flush.counted);
    }
}

/// A timeout while this machine was too busy says nothing about the other side.
fn own_timeout(result: CheckResult, starved: bool) -> CheckResult {
    if starved && result.class == Some(FailureClass::Timeout) {
        let why = format!("this machine was too busy: {}", result.message);
        return CheckResult::unknown(FailureClass::Ours, &why);
    }
    result
}

fn sample(entry: &RoutineEntry, done: &Done, result: &CheckResult) -> Sample {
    let begin = begin_of(&entry.scheduled.rules, done.slot);
    let lag = match done.trigger {
        Trigger::Schedule => done.begun.ms_since(begin).max(0),
        Trigger::Manual => 0,
    };
    Sample {
        slot: done.slot.0,
        lag_ms: u32::try_from(lag).unwrap_or(u32::MAX),
        latency_us: done.latency_us,
        outcome: result.state.into(),
        code: result.code,
        class: result.class.map_or(0, FailureClass::number),
        trigger: done.trigger,
    }
}

fn state(entry: &RoutineEntry, result: &CheckResult) -> RoutineState {
    RoutineState {
        routine: entry.id,
        state: entry.health.soft,
        confirmed: entry.health.hard,
        since: entry.health.since,
        streak: i64::from(entry.health.streak),
        last_ok_at: entry.last_ok_at,
        last_failed_at: entry.last_failed_at,
        message: result.message.clone(),
        flapping: entry.health.flapping,
        pause: None,
    }
}

fn changed(routine: i64, change: HardChange, result: &CheckResult, at: Timestamp) -> RoutineChange {
    RoutineChange {
        routine,
        at,
        from: change.from,
        to: change.to,
        reason: result.class.map_or("", FailureClass::name).to_owned(),
        class: result.class.map_or(0, FailureClass::number),
        message: result.message.clone(),
        muted_by: None,
    }
}
