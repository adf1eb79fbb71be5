//! The scheduler: runs the routines of a workspace in their slots, and writes their results.
//!
//! One task per engine. It holds a part of the routines (`members.rs`, `holdings.rs`), computes when the next one
//! is due and sleeps until then. A check is a task of its own (`perform.rs`), so that a slow one
//! delays no other. Results are written together, at most once a second (`flush.rs`).

mod canary;
mod entry;
mod flush;
mod holdings;
mod members;
mod perform;
mod reports;
mod runs;
mod windows;

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use jiff::tz::TimeZone;
use tokio::sync::broadcast::error::RecvError;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until, timeout_at};
use tokio_util::task::AbortOnDropHandle;

use self::canary::Canaries;
use self::entry::RoutineEntry;
use self::flush::{Conditions, Pending};
use self::holdings::VALID_MS;
use self::members::Members;
use self::perform::{Done, Task};
use self::runs::Begun;
use self::windows::Windows;
use super::{Mode, World};
use crate::bus::Notice;
use crate::core::base::time::Timestamp;
use crate::core::metric::sample::Trigger;
use crate::core::routine::load::LoadCounter;
use crate::core::routine::misfire::{self, Situation, SkipReason};

/// Checks under way at once.
const AT_ONCE: usize = 256;
/// Checks of one host under way at once.
const AT_ONCE_PER_HOST: usize = 32;
/// The pause after a store error.
const AGAIN: Duration = Duration::from_secs(1);
const AGAIN_MS: i64 = 1000;
/// How long checks that are under way may take when the engine stops.
const GRACE: Duration = Duration::from_secs(2);
/// A scheduler that wakes up later than this after it wanted to is starved, milliseconds: timeouts
/// during that time say nothing about the other side.
const STARVED_MS: i64 = 500;

/// Runs the routines of the workspace that is asked for, until the engine is stopped.
pub(super) async fn work(world: World) {
    let mut requests = world.signals.routines.subscribe();
    let mut mode = world.signals.mode.subscribe();
    loop {
        let wanted = *requests.borrow_and_update();
        if *mode.borrow_and_update() != Mode::Working {
            return;
        }
        let Some((workspace, probe_ms)) = wanted else {
            tokio::select! {
                changed = requests.changed() => if changed.is_err() { return },
                changed = mode.changed() => if changed.is_err() { return },
            }
            continue;
        };
        let mut scheduler = Scheduler::new(world.clone(), workspace, probe_ms);
        tokio::select! {
            () = scheduler.run() => {}
            changed = requests.changed() => if changed.is_err() { return },
            _ = mode.changed() => {}
        }
        scheduler.end().await;
    }
}

/// What became of the results.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Flushed {
    Written,
    /// They are kept and written later.
    Failed,
    /// The membership was removed, and they are dropped.
    Lost,
}

struct Scheduler {
    world: World,
    workspace: i64,
    /// The interval of service probes, milliseconds; 0: none.
    probe_ms: i64,
    members: Members,
    /// The revision of the stack that `entries` were made of.
    revision: Option<i64>,
    /// All routines of the workspace, also those of other engines.
    entries: HashMap<i64, RoutineEntry>,
    by_name: HashMap<String, i64>,
    /// The next slots. An entry of the heap is stale when the routine has another `next` by now.
    heap: BinaryHeap<Reverse<(Timestamp, i64)>>,
    tasks: JoinSet<Done>,
    /// Runs of runbooks that are about to be queued.
    starting: JoinSet<Begun>,
    /// Results that wait for what the canaries say.
    in_doubt: JoinSet<Done>,
    canaries: Canaries,
    hosts: HashMap<String, usize>,
    /// Due, but not begun: too many are under way.
    waiting: VecDeque<Task>,
    pending: Pending,
    windows: Windows,
    /// Shards that go to another engine once their checks are done.
    leaving: Vec<i64>,
    starved_until: Option<Timestamp>,
    /// The time when it last looked at the clock.
    looked_at: Timestamp,
    load: LoadCounter,
    clean_at: Instant,
    cleaning: Option<AbortOnDropHandle<()>>,
    /// Asks the canaries again after they were offline.
    asking: Option<AbortOnDropHandle<()>>,
}

impl Scheduler {
    fn new(world: World, workspace: i64, probe_ms: i64) -> Self {
        let members = Members::new(workspace, VALID_MS.1);
        let looked_at = world.clock.now();
        let load = LoadCounter::new(looked_at);
        Self {
            world,
            workspace,
            probe_ms,
            members,
            revision: None,
            entries: HashMap::new(),
            by_name: HashMap::new(),
            heap: BinaryHeap::new(),
            tasks: JoinSet::new(),
            starting: JoinSet::new(),
            in_doubt: JoinSet::new(),
            canaries: Canaries::default(),
            hosts: HashMap::new(),
            waiting: VecDeque::new(),
            pending: Pending::default(),
            windows: Windows::default(),
            leaving: Vec::new(),
            starved_until: None,
            looked_at,
            load,
            clean_at: Instant::now(),
            cleaning: None,
            asking: None,
        }
    }

    async fn run(&mut self) {
        let mut notices = self.world.bus.subscribe();
        let mut wake = self.world.signals.wake.subscribe();
        let mut sync_at = Instant::now();
        let mut requests_at = Instant::now();
        let mut flush_at: Option<Instant> = None;
        let mut failing = false;
        loop {
            if Instant::now() >= sync_at {
                sync_at = Instant::now() + self.sync_or_wait().await;
            }
            if Instant::now() >= requests_at {
                requests_at = Instant::now() + self.requests_every();
                self.take_requests().await;
            }
            self.note_clock();
            self.start_due();
            if self.pending.is_empty() {
                flush_at = None;
            } else if flush_at.is_none() {
                flush_at = Some(Instant::now() + self.pending.linger());
            }
            let full = self.pending.is_full() && !failing;
            if full || flush_at.is_some_and(|at| Instant::now() >= at) {
                match self.flush().await {
                    Flushed::Written => (flush_at, failing) = (None, false),
                    Flushed::Failed => {
                        failing = true;
                        flush_at = Some(Instant::now() + AGAIN);
                    }
                    Flushed::Lost => {
                        (flush_at, failing) = (None, false);
                        sync_at = Instant::now();
                    }
                }
                continue;
            }
            let due_at = self.next_due();
            let wake_at = [Some(sync_at), Some(requests_at), flush_at, due_at]
                .into_iter()
                .flatten()
                .min()
                .unwrap_or(sync_at);
            tokio::select! {
                () = sleep_until(wake_at) => self.note_starvation(wake_at),
                Some(done) = self.tasks.join_next() => match done {
                    Ok(done) => self.ended(done),
                    // Only a check that was aborted: panics are results.
                    Err(e) => tracing::error!("a check ended without a result: {e}"),
                },
                Some(begun) = self.starting.join_next() => match begun {
                    Ok(begun) => self.begun(begun),
                    Err(e) => tracing::error!("a run of a routine was not begun: {e}"),
                },
                Some(Ok(done)) = self.in_doubt.join_next() => self.done(&done),
                notice = notices.recv() => match notice {
                    Ok(Notice::Stack | Notice::Routines) | Err(RecvError::Lagged(_)) => {
                        sync_at = Instant::now();
                    }
                    Ok(Notice::Run(run, status))
                        if status.is_terminal() && self.waits_for(run) =>
                    {
                        if let Err(e) = self.settle_runs().await {
                            tracing::warn!("the result of run {run} is read later: {e}");
                        }
                    }
                    Ok(_) => {}
                    Err(RecvError::Closed) => return,
                },
                Ok(()) = wake.changed() => self.take_requests().await,
            }
        }
    }

    /// How often requests of other processes are looked for; those of this one wake it.
    fn requests_every(&self) -> Duration {
        if self.world.serves() {
            Duration::from_secs(1)
        } else {
            Duration::from_secs(5)
        }
    }

    /// The instant at which the next slot begins.
    fn next_due(&mut self) -> Option<Instant> {
        while let Some(Reverse((at, routine))) = self.heap.peek().copied() {
            if self.is_current(at, routine) {
                let ms = at.ms_since(self.world.clock.now()).max(0);
                let pause = Duration::from_millis(u64::try_from(ms).unwrap_or(0));
                return Some(Instant::now() + pause);
            }
            self.heap.pop();
        }
        None
    }

    fn is_current(&self, at: Timestamp, routine: i64) -> bool {
        self.entries
            .get(&routine)
            .is_some_and(|entry| entry.next == Some(at))
    }

    fn note_starvation(&mut self, wanted: Instant) {
        let late = i64::try_from(wanted.elapsed().as_millis()).unwrap_or(i64::MAX);
        if late > STARVED_MS {
            tracing::warn!("this machine is too busy: the scheduler woke up {late} ms late");
            self.starved_until = Some(self.world.clock.now().plus_ms(2 * STARVED_MS));
        }
    }

    /// After the clock was set back nothing would be due until that time has come again: every
    /// routine is looked at anew.
    fn note_clock(&mut self) {
        let now = self.world.clock.now();
        let back = self.looked_at.ms_since(now);
        self.looked_at = now;
        if back <= misfire::SLACK_MS {
            return;
        }
        tracing::warn!("the clock was set back by {back} ms: routines go on by the new time");
        self.heap.clear();
        for (id, entry) in &mut self.entries {
            if entry.next.is_some() {
                entry.next = Some(now);
                self.heap.push(Reverse((now, *id)));
            }
        }
    }

    /// Starts everything that is due.
    fn start_due(&mut self) {
        let now = self.world.clock.now();
        while let Some(Reverse((at, routine))) = self.heap.peek().copied() {
            if at > now {
                break;
            }
            self.heap.pop();
            if self.is_current(at, routine) {
                self.decide(routine, (at, now));
            }
        }
        self.start_waiting();
    }

    /// Decides about the slots of a routine up to now, and when to look at it again. `planned`: when
    /// it was to be looked at.
    fn decide(&mut self, routine: i64, (planned, now): (Timestamp, Timestamp)) {
        let Some(entry) = self.entries.get_mut(&routine) else {
            return;
        };
        if !self.members.held.contains(&entry.shard) {
            entry.next = None;
            return;
        }
        if !self.members.holds(entry.shard) {
            // The membership could not be renewed in time: its slots are decided about once it is.
            let again = now.plus_ms(AGAIN_MS);
            entry.next = Some(again);
            self.heap.push(Reverse((again, routine)));
            return;
        }
        if entry.scheduled.is_reported() {
            return self.decide_report(routine, now);
        }
        if let Some(first) = entry.first.take() {
            entry.handled = Some(now);
            entry.next = entry.begin_after(now);
            if let Some(next) = entry.next {
                self.heap.push(Reverse((next, routine)));
            }
            if let Some(reason) = entry.hindered(&self.windows, now) {
                self.pending.skip(routine, first, 1, reason);
            } else {
                entry.queued += 1;
                self.waiting.push_back(entry.task(first, planned));
            }
            return;
        }
        let situation = Situation {
            handled: entry.handled,
            hindered: entry.hindered(&self.windows, now),
            now,
        };
        let due = misfire::due(&entry.schedule, &entry.scheduled.rules, situation);
        entry.handled = due.handled.or(Some(now));
        entry.next = due.next;
        let tasks: Vec<Task> = due
            .run
            .iter()
            .map(|slot| entry.task(*slot, planned))
            .collect();
        entry.queued += tasks.len();
        if let Some(next) = due.next {
            self.heap.push(Reverse((next, routine)));
        }
        for (slot, count, reason) in due.skipped {
            // Below the limit it only follows the first check of a new routine closely.
            if reason == SkipReason::Overload && self.tasks.len() >= AT_ONCE {
                self.load.skipped(count);
            }
            self.pending.skip(routine, slot, count, reason);
        }
        self.waiting.extend(tasks);
    }

    /// Starts waiting checks, as far as there is room. While one waits, later slots of its routine
    /// are recorded as skipped: what is made is not made twice to catch up.
    fn start_waiting(&mut self) {
        let now = self.world.clock.now();
        let mut blocked = VecDeque::new();
        while let Some(task) = self.waiting.pop_front() {
            let Some(entry) = self.entries.get_mut(&task.routine) else {
                continue;
            };
            let of_host = self.hosts.get(&task.host).copied().unwrap_or(0);
            if entry.running || entry.open.is_some() || of_host >= AT_ONCE_PER_HOST {
                blocked.push_back(task);
                continue;
            }
            if task.scheduled.runs_runbook() {
                entry.running = true;
                entry.queued -= 1;
                self.begin_run(task);
                continue;
            }
            if self.tasks.len() >= AT_ONCE {
                blocked.push_back(task);
                break;
            }
            entry.running = true;
            entry.queued -= 1;
            *self.hosts.entry(task.host.clone()).or_default() += 1;
            self.load.begun(now.ms_since(task.planned));
            self.tasks.spawn(perform::perform(self.world.clone(), task));
        }
        blocked.append(&mut self.waiting);
        self.waiting = blocked;
    }

    /// A check has ended: others may begin. Its result is taken now, or when the canaries were asked.
    fn ended(&mut self, done: Done) {
        if let Some(count) = self.hosts.get_mut(&done.host) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                self.hosts.remove(&done.host);
            }
        }
        if done.in_doubt {
            let judged = self.canaries.clone().judge(self.world.clone(), done);
            self.in_doubt.spawn(judged);
        } else {
            self.done(&done);
        }
    }

    /// Takes the result of a check.
    fn done(&mut self, done: &Done) {
        let Some(entry) = self.entries.get_mut(&done.routine) else {
            return self.pending.removed(done.request);
        };
        entry.running = false;
        let now = self.world.clock.now();
        let conditions = Conditions {
            starved: self.starved_until.is_some_and(|until| done.begun <= until),
            ..Conditions::of(&entry.scheduled.rules, &self.windows, now)
        };
        self.pending.result(entry, done, conditions);
    }

    /// Runs that people asked for.
    async fn take_requests(&mut self) {
        let Ok(requests) = self.world.store.routine_requests(self.workspace).await else {
            return;
        };
        for request in requests {
            let Some(id) = self.by_name.get(&request.routine).copied() else {
                continue;
            };
            let Some(entry) = self.entries.get_mut(&id) else {
                continue;
            };
            let fits = if request.report.is_some() {
                entry.scheduled.is_reported()
            } else {
                entry.scheduled.is_active()
            };
            if !self.members.holds(entry.shard) || !fits {
                continue;
            }
            let taken = self
                .world
                .store
                .take_routine_request(request.id, &self.world.holder);
            if !matches!(taken.await, Ok(true)) {
                continue;
            }
            if request.report.is_some() {
                self.take_report(id, request);
                continue;
            }
            if let Some(open) = entry.open {
                self.pending.refuse_run(request.id, open);
                continue;
            }
            entry.queued += 1;
            self.waiting.push_front(Task {
                routine: id,
                scheduled: Arc::clone(&entry.scheduled),
                host: entry.host.clone(),
                slot: self.world.clock.now(),
                planned: self.world.clock.now(),
                trigger: Trigger::Manual,
                request: Some(request.id),
            });
        }
    }

    async fn flush(&mut self) -> Flushed {
        let begun = Instant::now();
        let membership = self.members.membership(&self.world);
        match self.pending.write(&self.world, membership).await {
            Ok(true) => {
                self.members.renewed(begun);
                Flushed::Written
            }
            // Another engine has taken the routines over: it decides about these slots.
            Ok(false) => {
                self.members.lost();
                self.forget();
                Flushed::Lost
            }
            Err(e) => {
                tracing::warn!("results of routines were not written, trying again: {e}");
                Flushed::Failed
            }
        }
    }

    /// Drops everything that was begun under a membership that was removed: another engine decides
    /// about these slots.
    fn forget(&mut self) {
        self.tasks = JoinSet::new();
        self.starting = JoinSet::new();
        self.in_doubt = JoinSet::new();
        self.waiting.clear();
        self.hosts.clear();
        self.pending = Pending::default();
        for entry in self.entries.values_mut() {
            entry.running = false;
            entry.open = None;
            entry.queued = 0;
            entry.next = None;
        }
    }

    /// Finishes what is under way, writes it, and lets others take over.
    async fn end(&mut self) {
        self.waiting.clear();
        let until = Instant::now() + GRACE;
        while let Ok(Some(done)) = timeout_at(until, self.tasks.join_next()).await {
            if let Ok(done) = done {
                self.ended(done);
            }
        }
        while let Ok(Some(done)) = timeout_at(until, self.in_doubt.join_next()).await {
            if let Ok(done) = done {
                self.done(&done);
            }
        }
        while let Ok(Some(begun)) = timeout_at(until, self.starting.join_next()).await {
            if let Ok(begun) = begun {
                self.begun(begun);
            }
        }
        self.tasks.abort_all();
        self.in_doubt.abort_all();
        if !self.pending.is_empty() {
            self.flush().await;
        }
        self.members.leave(&self.world).await;
    }
}

/// The time zone of that name.
fn zone_named(name: &str) -> Result<TimeZone, String> {
    TimeZone::get(name).map_err(|e| e.to_string())
}

#[cfg(test)]
mod tests;
