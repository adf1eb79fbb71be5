//! The scheduler: runs the routines of a workspace in their slots, and writes their results.
//!
//! One task per engine. It holds a part of the routines (`members.rs`), computes when the next one
//! is due and sleeps until then. A check is a task of its own (`perform.rs`), so that a slow one
//! delays no other. Results are written together, at most once a second (`flush.rs`).

mod entry;
mod flush;
mod members;
mod perform;

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::broadcast::error::RecvError;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until, timeout_at};
use tokio_util::task::AbortOnDropHandle;

use self::entry::RoutineEntry;
use self::flush::Pending;
use self::members::{Members, Moved};
use self::perform::{Done, Task};
use super::{Mode, World};
use crate::bus::Notice;
use crate::core::base::time::Timestamp;
use crate::core::metric::sample::Trigger;
use crate::core::routine::misfire::{self, Situation, SkipReason};
use crate::core::runbook;
use crate::store::{NewRoutine, Retention, StoreError};

/// Checks under way at once.
const AT_ONCE: usize = 256;
/// Checks of one host under way at once.
const AT_ONCE_PER_HOST: usize = 32;
/// Validity of a membership, milliseconds: at least, and at most. In between it is the shortest
/// interval of the routines, so that a takeover misses at most one slot.
const VALID_MS: (i64, i64) = (6000, 60_000);
/// How often results are compacted.
const CLEAN_EVERY: Duration = Duration::from_mins(10);
/// The pause after a store error.
const AGAIN: Duration = Duration::from_secs(1);
const AGAIN_MS: i64 = 1000;
/// How long checks that are under way may take when the engine stops.
const GRACE: Duration = Duration::from_secs(2);
/// Within this time after the start routines that are new or late begin, so that they do not all
/// begin at once, milliseconds.
const SPREAD_MS: i64 = 5000;
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
    /// All routines of the workspace, also those of other engines.
    entries: HashMap<i64, RoutineEntry>,
    by_name: HashMap<String, i64>,
    /// The next slots. An entry of the heap is stale when the routine has another `next` by now.
    heap: BinaryHeap<Reverse<(Timestamp, i64)>>,
    tasks: JoinSet<Done>,
    hosts: HashMap<String, usize>,
    /// Due, but not begun: too many are under way.
    waiting: VecDeque<Task>,
    pending: Pending,
    /// Shards that go to another engine once their checks are done.
    leaving: Vec<i64>,
    starved_until: Option<Timestamp>,
    clean_at: Instant,
    cleaning: Option<AbortOnDropHandle<()>>,
}

impl Scheduler {
    fn new(world: World, workspace: i64, probe_ms: i64) -> Self {
        let members = Members::new(&world, workspace, VALID_MS.1);
        Self {
            world,
            workspace,
            probe_ms,
            members,
            entries: HashMap::new(),
            by_name: HashMap::new(),
            heap: BinaryHeap::new(),
            tasks: JoinSet::new(),
            hosts: HashMap::new(),
            waiting: VecDeque::new(),
            pending: Pending::default(),
            leaving: Vec::new(),
            starved_until: None,
            clean_at: Instant::now(),
            cleaning: None,
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
                    Ok(done) => self.done(done),
                    // Only a check that was aborted: panics are results.
                    Err(e) => tracing::error!("a check ended without a result: {e}"),
                },
                notice = notices.recv() => match notice {
                    Ok(Notice::Stack | Notice::Routines) | Err(RecvError::Lagged(_)) => {
                        sync_at = Instant::now();
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

    /// Starts everything that is due.
    fn start_due(&mut self) {
        let now = self.world.clock.now();
        while let Some(Reverse((at, routine))) = self.heap.peek().copied() {
            if at > now {
                break;
            }
            self.heap.pop();
            if self.is_current(at, routine) {
                self.decide(routine, now);
            }
        }
        self.start_waiting();
    }

    /// Decides about the slots of a routine up to now, and when to look at it again.
    fn decide(&mut self, routine: i64, now: Timestamp) {
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
        if let Some(first) = entry.first.take() {
            entry.handled = Some(now);
            entry.next = entry.schedule.next_after(now);
            if let Some(next) = entry.next {
                self.heap.push(Reverse((next, routine)));
            }
            if let Some(reason) = entry.hindered(now) {
                self.pending.skip(routine, first, 1, reason);
            } else {
                entry.queued += 1;
                self.waiting.push_back(entry.task(first));
            }
            return;
        }
        let situation = Situation {
            handled: entry.handled,
            hindered: entry.hindered(now),
            now,
        };
        let due = misfire::due(&entry.schedule, &entry.scheduled.rules, situation);
        entry.handled = due.handled.or(Some(now));
        entry.next = due.next;
        let tasks: Vec<Task> = due.run.iter().map(|slot| entry.task(*slot)).collect();
        entry.queued += tasks.len();
        if let Some(next) = due.next {
            self.heap.push(Reverse((next, routine)));
        }
        for (slot, count, reason) in due.skipped {
            self.pending.skip(routine, slot, count, reason);
        }
        self.waiting.extend(tasks);
    }

    /// Starts waiting checks, as far as there is room. While one waits, later slots of its routine
    /// are recorded as skipped: what is made is not made twice to catch up.
    fn start_waiting(&mut self) {
        let mut blocked = VecDeque::new();
        while let Some(task) = self.waiting.pop_front() {
            let Some(entry) = self.entries.get_mut(&task.routine) else {
                continue;
            };
            let of_host = self.hosts.get(&task.host).copied().unwrap_or(0);
            if entry.running || of_host >= AT_ONCE_PER_HOST {
                blocked.push_back(task);
                continue;
            }
            if self.tasks.len() >= AT_ONCE {
                blocked.push_back(task);
                break;
            }
            entry.running = true;
            entry.queued -= 1;
            *self.hosts.entry(task.host.clone()).or_default() += 1;
            self.tasks.spawn(perform::perform(self.world.clone(), task));
        }
        blocked.append(&mut self.waiting);
        self.waiting = blocked;
    }

    /// Takes the result of a check.
    fn done(&mut self, done: Done) {
        if let Some(count) = self.hosts.get_mut(&done.host) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                self.hosts.remove(&done.host);
            }
        }
        let Some(entry) = self.entries.get_mut(&done.routine) else {
            return self.pending.removed(done.request);
        };
        entry.running = false;
        let starved = self.starved_until.is_some_and(|until| done.begun <= until);
        self.pending
            .result(entry, done, starved, self.world.clock.now());
    }

    /// Renews the membership and rereads what may have changed; returns when to do it again.
    async fn sync_or_wait(&mut self) -> Duration {
        match self.sync().await {
            Ok(()) => self.members.renew_after(),
            Err(e) => {
                tracing::warn!("routines cannot be read: {e}");
                AGAIN
            }
        }
    }

    async fn sync(&mut self) -> Result<(), StoreError> {
        self.reload().await?;
        let shortest = self.entries.values().map(|e| e.interval_ms).min();
        self.members
            .set_validity(shortest.unwrap_or(VALID_MS.1).clamp(VALID_MS.0, VALID_MS.1));
        let rank = i64::from(self.world.serves());
        let Moved {
            taken,
            leaving,
            lost,
        } = self.members.sync(&self.world, rank).await?;
        if lost {
            self.forget();
        }
        self.leaving = leaving;
        self.clean_up();
        self.hand_over().await?;
        self.begin(&taken).await?;
        Ok(())
    }

    /// Compacts and expires results, by the holder of the first shard, beside everything else.
    fn clean_up(&mut self) {
        let finished = self
            .cleaning
            .as_ref()
            .is_none_or(AbortOnDropHandle::is_finished);
        if !self.members.holds(0) || !finished || Instant::now() < self.clean_at {
            return;
        }
        self.clean_at = Instant::now() + CLEAN_EVERY;
        let (store, now) = (self.world.store.clone(), self.world.clock.now());
        self.cleaning = Some(AbortOnDropHandle::new(tokio::spawn(async move {
            let done = async {
                store.compact_probes(now).await?;
                store.retain_probes(now, &Retention::default()).await
            };
            if let Err(e) = done.await {
                tracing::warn!("results of routines were not compacted: {e}");
            }
        })));
    }

    /// Reads the stack, the pauses, and gives new routines a number.
    async fn reload(&mut self) -> Result<(), StoreError> {
        let stack = self.world.store.stack(self.workspace).await?;
        let scheduled = runbook::scheduled(&stack, self.probe_ms);
        let names: Vec<NewRoutine> = scheduled
            .iter()
            .filter(|s| !self.by_name.contains_key(&s.name))
            .map(|s| NewRoutine {
                name: s.name.clone(),
                kind: s.kind().to_owned(),
            })
            .collect();
        let now = self.world.clock.now();
        if !names.is_empty() {
            let known = self
                .world
                .store
                .ensure_routines(self.workspace, &names, now);
            self.by_name = known.await?;
        }
        let mut kept = HashMap::with_capacity(scheduled.len());
        let mut changed = Vec::new();
        for one in scheduled {
            let Some(id) = self.by_name.get(&one.name).copied() else {
                continue;
            };
            let entry = match self.entries.remove(&id) {
                Some(entry) if *entry.scheduled == one => entry,
                old => {
                    changed.push(id);
                    match RoutineEntry::new(id, one, &stack.timezone, old, now) {
                        Ok(entry) => entry,
                        Err(why) => {
                            tracing::warn!("{why}");
                            continue;
                        }
                    }
                }
            };
            kept.insert(id, entry);
        }
        // What is left was removed from the stack. Its results are kept.
        let gone: Vec<String> = self
            .entries
            .drain()
            .map(|(_, entry)| entry.scheduled.name.clone())
            .collect();
        self.entries = kept;
        if !gone.is_empty() {
            for name in &gone {
                self.by_name.remove(name);
            }
            self.world
                .store
                .remove_routines(self.workspace, &gone, now)
                .await?;
        }
        self.read_pauses().await?;
        for id in changed {
            self.plan(id, now);
        }
        Ok(())
    }

    async fn read_pauses(&mut self) -> Result<(), StoreError> {
        for state in self.world.store.routine_states(self.workspace).await? {
            if let Some(entry) = self.entries.get_mut(&state.routine) {
                entry.paused_until = state.pause.as_ref().map(|pause| pause.until);
                if !self.members.held.contains(&entry.shard) {
                    entry.restore(&state);
                }
            }
        }
        Ok(())
    }

    /// Gives up the shards of another engine whose checks are done.
    async fn hand_over(&mut self) -> Result<(), StoreError> {
        let busy = |shard: &i64| {
            self.entries
                .values()
                .any(|e| e.shard == *shard && (e.running || e.queued > 0))
        };
        let free: Vec<i64> = self.leaving.iter().copied().filter(|s| !busy(s)).collect();
        if free.is_empty() {
            return Ok(());
        }
        self.flush().await;
        self.members.release(&self.world, &free).await
    }

    /// Begins with the routines of shards that were taken: what was recorded by their last holder
    /// decides which slots are left.
    async fn begin(&mut self, shards: &[(i64, Timestamp)]) -> Result<(), StoreError> {
        if shards.is_empty() {
            return Ok(());
        }
        let now = self.world.clock.now();
        let last = self.world.store.last_slots(self.workspace).await?;
        let dead: HashMap<i64, Timestamp> = shards.iter().copied().collect();
        let of = |entry: &RoutineEntry| Some((entry.id, *dead.get(&entry.shard)?));
        let ids: Vec<(i64, Timestamp)> = self.entries.values().filter_map(of).collect();
        for (id, dead_until) in ids {
            if let Some(entry) = self.entries.get_mut(&id) {
                entry.handled = last.get(&id).copied().map(Timestamp);
                let uncertain = entry.uncertain(dead_until.min(now));
                if let Some((slot, count)) = uncertain {
                    self.pending.skip(id, slot, count, SkipReason::Takeover);
                    entry.handled = Some(slot);
                }
            }
            self.plan(id, now);
        }
        Ok(())
    }

    /// When to look at a routine first. New ones and late ones begin soon, but not all at once.
    fn plan(&mut self, id: i64, now: Timestamp) {
        let Some(entry) = self.entries.get_mut(&id) else {
            return;
        };
        entry.first = None;
        entry.next = None;
        if !entry.scheduled.is_active() || !self.members.holds(entry.shard) {
            return;
        }
        let soon = now.plus_ms(entry.spread(SPREAD_MS));
        let regular = entry.schedule.next_after(entry.handled.unwrap_or(now));
        entry.next = match (entry.handled, regular) {
            // A first check of what has an interval; a pattern waits for its time.
            (None, _) if entry.scheduled.rules.cron.is_none() => {
                let first = entry
                    .schedule
                    .next_after(now)
                    .map_or(soon, |next| next.min(soon));
                entry.handled = Some(first.plus_ms(-1));
                entry.first = Some(first);
                Some(first)
            }
            (_, Some(next)) if next <= now => Some(soon),
            (_, next) => next,
        };
        if let Some(next) = entry.next {
            self.heap.push(Reverse((next, id)));
        }
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
            if !self.members.holds(entry.shard) || !entry.scheduled.is_active() {
                continue;
            }
            let taken = self
                .world
                .store
                .take_routine_request(request.id, &self.world.holder);
            if !matches!(taken.await, Ok(true)) {
                continue;
            }
            entry.queued += 1;
            self.waiting.push_front(Task {
                routine: id,
                scheduled: Arc::clone(&entry.scheduled),
                host: entry.host.clone(),
                slot: self.world.clock.now(),
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
        self.waiting.clear();
        self.hosts.clear();
        self.pending = Pending::default();
        for entry in self.entries.values_mut() {
            entry.running = false;
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
                self.done(done);
            }
        }
        self.tasks.abort_all();
        if !self.pending.is_empty() {
            self.flush().await;
        }
        self.members.leave(&self.world).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::routine::scheduled::Scheduled;
    use crate::core::stack::routine::Routine;
    use crate::engine::testing::{config, world};

    /// Without this a store that does not answer for a while would end a routine for good.
    #[tokio::test]
    async fn a_membership_that_is_not_renewed_in_time_puts_slots_off() {
        let mut scheduler = Scheduler::new(world(config("serve")).await, 1, 0);
        let now = scheduler.world.clock.now();
        let routine = Routine {
            name: "ping".to_owned(),
            every_ms: Some(10_000),
            ..Routine::default()
        };
        let scheduled = Scheduled::declared(&routine);
        let mut entry = RoutineEntry::new(7, scheduled, "UTC", None, now).unwrap();
        entry.handled = Some(now.plus_ms(-60_000));
        let shard = entry.shard;
        scheduler.entries.insert(7, entry);
        let mut decide = |held: bool, renewed: bool| {
            scheduler.members.held = held.then_some(shard).into_iter().collect();
            if renewed {
                scheduler.members.renewed(Instant::now());
            }
            scheduler.decide(7, now);
            (scheduler.entries[&7].next, scheduler.waiting.len())
        };
        assert_eq!(decide(false, false), (None, 0), "another engine has it");
        assert_eq!(decide(true, false), (Some(now.plus_ms(AGAIN_MS)), 0));
        let (next, waiting) = decide(true, true);
        assert!(next.is_some_and(|next| next > now));
        assert_eq!(waiting, 1, "the missed slots are one run");
    }
}
