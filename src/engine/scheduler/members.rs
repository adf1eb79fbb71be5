//! Which shards of the routines this engine holds.
//!
//! A membership is valid here until a deadline on the steady clock that is earlier than the one in
//! the store, so that this engine stops before another one may take its shards, whatever happens to
//! the wall clock. Another member is gone when its process is, or when it has not renewed its
//! membership for as long as that holds, by the steady clock of this engine: clocks of two machines
//! are never compared.

use std::collections::{BTreeSet, HashMap};

use tokio::time::{Duration, Instant};

use crate::core::base::time::Timestamp;
use crate::core::routine::load::SchedulerLoad;
use crate::core::routine::shard::{SHARDS, owner};
use crate::engine::{World, identity};
use crate::store::{Membership, RoutineMember, StoreError};

/// The part of the time in the store during which this engine still trusts its membership.
const TRUSTED: (u64, u64) = (4, 5);

/// The membership of this engine.
pub(super) struct Members {
    workspace: i64,
    /// Validity of a membership, milliseconds.
    valid_ms: i64,
    term: Option<i64>,
    valid_until: Instant,
    pub held: BTreeSet<i64>,
    /// The last renewal of each member, as its term and end, and when it was first seen.
    renewals: HashMap<String, (i64, Timestamp, Instant)>,
}

/// What changed about the shards this engine holds.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Moved {
    /// Each with the time until which a removed holder may have run slots without recording them.
    pub taken: Vec<(i64, Timestamp)>,
    /// Shards of another member from now on; still held until [`Members::release`].
    pub leaving: Vec<i64>,
    /// The membership was removed meanwhile: nothing that was begun under it counts.
    pub lost: bool,
}

impl Members {
    pub fn new(workspace: i64, valid_ms: i64) -> Self {
        Self {
            workspace,
            valid_ms,
            term: None,
            valid_until: Instant::now(),
            held: BTreeSet::new(),
            renewals: HashMap::new(),
        }
    }

    /// How long until the membership should be renewed.
    pub fn renew_after(&self) -> Duration {
        Duration::from_millis(u64::try_from(self.valid_ms / 3).unwrap_or(1000))
    }

    pub fn set_validity(&mut self, valid_ms: i64) {
        self.valid_ms = valid_ms;
    }

    /// Whether this engine may start a check of that shard now.
    pub fn holds(&self, shard: i64) -> bool {
        self.held.contains(&shard) && Instant::now() < self.valid_until
    }

    /// The right to write, and until when a write renews it; none when it was lost.
    pub fn membership<'a>(&self, world: &'a World) -> Option<(Membership<'a>, Timestamp)> {
        let member = Membership {
            workspace: self.workspace,
            holder: &world.holder,
            term: self.term?,
        };
        Some((member, world.clock.now().plus_ms(self.valid_ms)))
    }

    /// A write has renewed the membership; `begun`: when the write was begun.
    pub fn renewed(&mut self, begun: Instant) {
        let valid = u64::try_from(self.valid_ms).unwrap_or(0);
        self.valid_until = begun + Duration::from_millis(valid * TRUSTED.0 / TRUSTED.1);
    }

    /// The membership was removed: nothing is held any more.
    pub fn lost(&mut self) {
        self.term = None;
        self.held.clear();
    }

    /// Renews the membership, or joins; removes members that are gone; takes free shards that
    /// belong to this engine.
    pub async fn sync(
        &mut self,
        world: &World,
        rank: i64,
        load: &SchedulerLoad,
    ) -> Result<Moved, StoreError> {
        let lost = self.stay_or_join(world, rank, load).await?;
        let mut members = world.store.routine_members(self.workspace).await?;
        self.note_renewals(&members);
        let others = |m: &&RoutineMember| m.holder != *world.holder;
        let gone = |m: &&RoutineMember| self.is_silent(m) || identity::is_gone(&m.holder);
        let gone = members.iter().filter(others).filter(gone);
        let gone: BTreeSet<String> = gone.map(|m| m.holder.clone()).collect();
        for member in members.iter().filter(|m| gone.contains(&m.holder)) {
            let removed = world
                .store
                .remove_routine_member(self.workspace, member)
                .await?;
            if removed {
                tracing::info!("routines of {} are taken over", member.holder);
            }
        }
        members.retain(|m| !gone.contains(&m.holder));
        let best = members.iter().map(|m| m.rank).max().unwrap_or(rank);
        let holders: Vec<&str> = members
            .iter()
            .filter(|m| m.rank == best)
            .map(|m| m.holder.as_str())
            .collect();
        let mine: BTreeSet<i64> = (0..SHARDS)
            .filter(|shard| owner(*shard, holders.iter().copied()) == Some(&*world.holder))
            .collect();
        let leaving = self.held.difference(&mine).copied().collect();
        let wanted: Vec<i64> = mine.difference(&self.held).copied().collect();
        let taken = self.take(world, &wanted).await?;
        self.held.extend(taken.iter().map(|(shard, _)| *shard));
        Ok(Moved {
            taken,
            leaving,
            lost,
        })
    }

    fn note_renewals(&mut self, members: &[RoutineMember]) {
        let now = Instant::now();
        let seen = |m: &RoutineMember| {
            let known = self.renewals.get(&m.holder);
            let known = known.filter(|(term, until, _)| (*term, *until) == (m.term, m.alive_until));
            let first = known.map_or(now, |(.., first)| *first);
            (m.holder.clone(), (m.term, m.alive_until, first))
        };
        self.renewals = members.iter().map(seen).collect();
    }

    /// Whether a member has let its membership run out.
    fn is_silent(&self, member: &RoutineMember) -> bool {
        let valid = Duration::from_millis(u64::try_from(self.valid_ms).unwrap_or(0));
        let renewal = self.renewals.get(&member.holder);
        renewal.is_some_and(|(.., first)| first.elapsed() > valid)
    }

    /// Whether the membership was removed meanwhile.
    async fn stay_or_join(
        &mut self,
        world: &World,
        rank: i64,
        load: &SchedulerLoad,
    ) -> Result<bool, StoreError> {
        let begun = Instant::now();
        let was_member = self.term.is_some();
        if let Some((member, until)) = self.membership(world) {
            if world.store.stay_in_routines(member, until, load).await? {
                self.renewed(begun);
                return Ok(false);
            }
            tracing::warn!("another engine took the routines over; joining again");
            self.lost();
        }
        let until = world.clock.now().plus_ms(self.valid_ms);
        let term = world
            .store
            .join_routines(self.workspace, &world.holder, rank, until)
            .await?;
        self.term = Some(term);
        self.renewed(begun);
        Ok(was_member)
    }

    async fn take(
        &mut self,
        world: &World,
        wanted: &[i64],
    ) -> Result<Vec<(i64, Timestamp)>, StoreError> {
        let begun = Instant::now();
        let Some((member, until)) = self.membership(world).filter(|_| !wanted.is_empty()) else {
            return Ok(Vec::new());
        };
        let taken = world
            .store
            .take_routine_shards(member, wanted, until)
            .await?;
        if !taken.is_empty() {
            self.renewed(begun);
        }
        Ok(taken)
    }

    /// Gives shards to their next holder, once none of their checks is under way.
    pub async fn release(&mut self, world: &World, shards: &[i64]) -> Result<(), StoreError> {
        if let Some((member, _)) = self.membership(world).filter(|_| !shards.is_empty()) {
            world.store.release_routine_shards(member, shards).await?;
        }
        for shard in shards {
            self.held.remove(shard);
        }
        Ok(())
    }

    /// Ends the membership.
    pub async fn leave(&mut self, world: &World) {
        if let Some((member, _)) = self.membership(world)
            && let Err(e) = world.store.leave_routines(member).await
        {
            tracing::warn!("the routines of this engine are taken over late: {e}");
        }
        self.lost();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn renewed(until: i64) -> [RoutineMember; 1] {
        [RoutineMember {
            holder: "far:1:1:b:1:1".to_owned(),
            term: 1,
            rank: 0,
            alive_until: Timestamp(until),
            load: None,
        }]
    }

    /// Engines whose clocks differ would take over from each other again and again.
    #[tokio::test(start_paused = true)]
    async fn a_member_is_judged_by_its_renewals_and_not_by_its_clock() {
        let mut members = Members::new(1, 6000);
        // Its clock is years behind.
        for until in 0..5 {
            members.note_renewals(&renewed(until));
            assert!(!members.is_silent(&renewed(until)[0]), "{until}");
            tokio::time::advance(Duration::from_secs(5)).await;
        }
        members.note_renewals(&renewed(4));
        assert!(!members.is_silent(&renewed(4)[0]), "the last is 5 s old");
        tokio::time::advance(Duration::from_millis(1001)).await;
        members.note_renewals(&renewed(4));
        assert!(members.is_silent(&renewed(4)[0]));
    }
}
