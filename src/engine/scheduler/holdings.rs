//! What a scheduler runs: the routines of the stack, as far as this engine holds them.

use std::cmp::Reverse;
use std::collections::{HashMap, HashSet};
use std::time::Duration;

use tokio::time::Instant;
use tokio_util::task::AbortOnDropHandle;

use super::entry::RoutineEntry;
use super::members::Moved;
use super::{AGAIN, Scheduler};
use crate::core::base::time::Timestamp;
use crate::core::routine::load::SchedulerLoad;
use crate::core::routine::misfire::SkipReason;
use crate::core::routine::scheduled::Scheduled;
use crate::core::runbook;
use crate::core::stack::service::Stack;
use crate::store::{NewRoutine, Retention, RevisedStack, RoutineState, StoreError};

/// Validity of a membership, milliseconds: at least, and at most. In between it is the shortest
/// interval of the routines, so that a takeover misses at most one slot.
pub(super) const VALID_MS: (i64, i64) = (6000, 60_000);
/// How often results are compacted.
const CLEAN_EVERY: Duration = Duration::from_mins(10);
/// Within this time after the start routines that are new or late begin, so that they do not all
/// begin at once, milliseconds.
const SPREAD_MS: i64 = 5000;

impl Scheduler {
    /// Renews the membership and rereads what may have changed; returns when to do it again.
    pub(super) async fn sync_or_wait(&mut self) -> Duration {
        match self.sync().await {
            Ok(()) => self.members.renew_after(),
            Err(e) => {
                tracing::warn!("routines cannot be read: {e}");
                AGAIN
            }
        }
    }

    /// Whether no canary answered when they were asked last. They are asked again: checks that
    /// succeed would not ask them.
    fn is_offline(&mut self) -> bool {
        let offline = self.canaries.were_offline();
        let idle = self
            .asking
            .as_ref()
            .is_none_or(AbortOnDropHandle::is_finished);
        if offline && idle {
            let (canaries, world) = (self.canaries.clone(), self.world.clone());
            let asking = tokio::spawn(async move {
                canaries.are_offline(&world).await;
            });
            self.asking = Some(AbortOnDropHandle::new(asking));
        }
        offline
    }

    async fn sync(&mut self) -> Result<(), StoreError> {
        self.reload().await?;
        let shortest = self.entries.values().map(|e| e.interval_ms).min();
        self.members
            .set_validity(shortest.unwrap_or(VALID_MS.1).clamp(VALID_MS.0, VALID_MS.1));
        let rank = i64::from(self.world.serves());
        let held = |e: &&RoutineEntry| self.members.holds(e.shard);
        let load = SchedulerLoad {
            routines: self.entries.values().filter(held).count() as u64,
            waiting: self.waiting.len() as u64,
            offline: self.is_offline(),
            ..self.load.read(self.world.clock.now())
        };
        let Moved {
            taken,
            leaving,
            lost,
        } = self.members.sync(&self.world, rank, &load).await?;
        if lost {
            self.forget();
        }
        self.leaving = leaving;
        self.clean_up();
        self.hand_over().await?;
        self.begin(&taken).await?;
        self.settle_runs().await
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
                store.import_observations(now).await?;
                store.compact_probes(now).await?;
                store.retain_probes(now, &Retention::default()).await
            };
            if let Err(e) = done.await {
                tracing::warn!("results of routines were not compacted: {e}");
            }
        })));
    }

    /// Reads the stack if it has another revision, and the pauses.
    async fn reload(&mut self) -> Result<(), StoreError> {
        let store = &self.world.store;
        let found = store.changed_stack(self.workspace, self.revision).await?;
        let pauses = store.routine_pauses(self.workspace).await?;
        let mut changed = Vec::new();
        if let Some(RevisedStack { revision, stack }) = found {
            changed = self.take_stack(&stack).await?;
            self.revision = Some(revision);
        }
        for entry in self.entries.values_mut() {
            entry.paused_until = pauses.get(&entry.id).map(|pause| pause.until);
        }
        let now = self.world.clock.now();
        for id in changed {
            self.plan(id, now);
        }
        Ok(())
    }

    /// Takes over the routines of a stack; returns those that are new or have changed. After an error
    /// nothing has changed but in the store, where it can be done again.
    async fn take_stack(&mut self, stack: &Stack) -> Result<Vec<i64>, StoreError> {
        let scheduled = runbook::scheduled(stack, self.probe_ms);
        let now = self.world.clock.now();
        self.keep_names(&scheduled, now).await?;
        self.windows.read(stack);
        let mut kept = HashMap::with_capacity(scheduled.len());
        let mut changed = Vec::new();
        for one in scheduled {
            let Some(id) = self.by_name.get(one.name()).copied() else {
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
        self.entries = kept;
        Ok(changed)
    }

    /// Gives new routines a number, and notes which were removed from the stack. Their results are
    /// kept.
    async fn keep_names(
        &mut self,
        scheduled: &[Scheduled],
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let store = &self.world.store;
        let new: Vec<NewRoutine> = scheduled
            .iter()
            .filter(|s| !self.by_name.contains_key(s.name()))
            .map(|s| NewRoutine {
                name: s.name().to_owned(),
                kind: s.kind().to_owned(),
            })
            .collect();
        if !new.is_empty() {
            self.by_name = store.ensure_routines(self.workspace, &new, now).await?;
        }
        let declared: HashSet<&str> = scheduled.iter().map(Scheduled::name).collect();
        let names = self.entries.values().map(|entry| entry.scheduled.name());
        let gone: Vec<String> = names
            .filter(|name| !declared.contains(name))
            .map(str::to_owned)
            .collect();
        if !gone.is_empty() {
            store.remove_routines(self.workspace, &gone, now).await?;
        }
        for name in gone {
            self.by_name.remove(&name);
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

    /// Begins with the routines of shards that were taken: they have the state that their last holder
    /// wrote, and what it recorded decides which slots are left.
    async fn begin(&mut self, shards: &[(i64, Timestamp)]) -> Result<(), StoreError> {
        if shards.is_empty() {
            return Ok(());
        }
        let now = self.world.clock.now();
        let last = self.world.store.last_slots(self.workspace).await?;
        let runs = self.last_runs().await?;
        let states = self.world.store.routine_states(self.workspace).await?;
        let states: HashMap<i64, RoutineState> =
            states.into_iter().map(|s| (s.routine, s)).collect();
        let dead: HashMap<i64, Timestamp> = shards.iter().copied().collect();
        let of = |entry: &RoutineEntry| Some((entry.id, *dead.get(&entry.shard)?));
        let ids: Vec<(i64, Timestamp)> = self.entries.values().filter_map(of).collect();
        for (id, dead_until) in ids {
            if let Some(entry) = self.entries.get_mut(&id) {
                if let Some(state) = states.get(&id) {
                    entry.restore(state);
                }
                entry.handled = last.get(&id).copied().map(Timestamp);
                entry.take_over_run(runs.get(&id));
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
    pub(super) fn plan(&mut self, id: i64, now: Timestamp) {
        let Some(entry) = self.entries.get_mut(&id) else {
            return;
        };
        entry.first = None;
        entry.next = None;
        if !self.members.holds(entry.shard) {
            return;
        }
        if entry.scheduled.is_reported() {
            return self.plan_report(id);
        }
        if !entry.scheduled.is_active() {
            return;
        }
        let soon = now.plus_ms(entry.spread(SPREAD_MS));
        let regular = entry.begin_after(entry.handled.unwrap_or(now));
        if entry.scheduled.rules.cron.is_some() || entry.scheduled.runs_runbook() {
            // A new one has missed nothing, but its next slot is looked at a little later than it is.
            entry.handled = entry.handled.or(Some(now));
        }
        entry.next = match (entry.handled, regular) {
            // A first check of what has an interval; a pattern and a runbook wait for their time.
            (None, _) => {
                let first = entry
                    .schedule
                    .next_after(now)
                    .map_or(soon, |next| next.min(soon));
                entry.handled = Some(first.plus_ms(-1));
                entry.first = Some(first);
                Some(first)
            }
            (_, Some(next)) if next <= now => Some(soon),
            // By a clock that was ahead; what to do about that is decided when it is looked at.
            (Some(handled), _) if handled.ms_since(now) > entry.interval_ms => Some(soon),
            (_, next) => next,
        };
        if let Some(next) = entry.next {
            self.heap.push(Reverse((next, id)));
        }
    }
}
