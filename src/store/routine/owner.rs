//! Which engine runs which routines of a workspace.
//!
//! Engines join as members and stay by renewing `alive_until`. The routines are divided into shards
//! by the hash of their names; a shard has one holder. Every write of results renews the
//! membership in its own transaction, so a member that was removed can write nothing: the removal
//! is the fence. A shard is free only after its holder has released it, or was removed.

use crate::core::base::time::Timestamp;
use crate::core::routine::load::SchedulerLoad;
use crate::store::db::{Tx, text};
use crate::store::{Store, StoreError};

const JOIN: &str = "insert into routine_member (workspace_id, holder, term, rank, alive_until) values ($1, $2, 1, $3, $4) \
     on conflict (workspace_id, holder) do update set term = routine_member.term + 1, rank = excluded.rank, \
     alive_until = excluded.alive_until returning term";
const STAY: &str = "update routine_member set alive_until = $4 where workspace_id = $1 and holder = $2 and term = $3";
const LOAD: &str =
    "update routine_member set load = $4 where workspace_id = $1 and holder = $2 and term = $3";
const LEAVE: &str =
    "delete from routine_member where workspace_id = $1 and holder = $2 and term = $3";
const REMOVE: &str = "delete from routine_member where workspace_id = $1 and holder = $2 and term = $3 and alive_until = $4";
const MEMBERS: &str = "select holder, term, rank, alive_until, load from routine_member where workspace_id = $1 order by holder";
const SHARDS: &str =
    "select shard, holder from routine_shard where workspace_id = $1 and holder <> ''";
const TAKE: &str = "insert into routine_shard (workspace_id, shard, holder, term, dead_until) values ($1, $2, $3, 1, 0) \
     on conflict (workspace_id, shard) do update set holder = excluded.holder, term = routine_shard.term + 1 \
     where routine_shard.holder = '' returning dead_until";
const RELEASE: &str = "update routine_shard set holder = '', term = term + 1, dead_until = 0 where workspace_id = $1 and holder = $2 and shard = $3";
const RELEASE_ALL: &str = "update routine_shard set holder = '', term = term + 1, dead_until = $3 where workspace_id = $1 and holder = $2";

/// An engine that runs routines of a workspace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoutineMember {
    pub holder: String,
    /// Grows each time the holder joins.
    pub term: i64,
    /// Members of a lower rank run nothing while one of a higher rank is alive.
    pub rank: i64,
    pub alive_until: Timestamp,
    /// Whether it keeps up; none: not counted yet.
    pub load: Option<SchedulerLoad>,
}

/// The right of one member to write results.
#[derive(Debug, Clone, Copy)]
pub struct Membership<'a> {
    pub workspace: i64,
    pub holder: &'a str,
    pub term: i64,
}

impl Store {
    /// Joins as a member, or joins again; returns the term. A holder that joins again holds no
    /// shard.
    pub async fn join_routines(
        &self,
        workspace: i64,
        holder: &str,
        rank: i64,
        until: Timestamp,
    ) -> Result<i64, StoreError> {
        let mut tx = self.db.begin().await?;
        let term = fetch_optional!(tx, (i64,), JOIN, workspace, text(holder), rank, until.0)?;
        // What it held before, it may have run without recording it.
        execute!(tx, RELEASE_ALL, workspace, text(holder), until.0)?;
        tx.commit().await?;
        Ok(term.map_or(0, |(term,)| term))
    }

    /// Renews a membership, and says whether the member keeps up; false: it was removed, and nothing
    /// was changed.
    pub async fn stay_in_routines(
        &self,
        member: Membership<'_>,
        until: Timestamp,
        load: &SchedulerLoad,
    ) -> Result<bool, StoreError> {
        let mut tx = self.db.begin().await?;
        let stayed = stay(&mut tx, member, until).await?;
        if stayed {
            let (workspace, holder, term) = (member.workspace, text(member.holder), member.term);
            let load = serde_json::to_string(load).unwrap_or_default();
            execute!(tx, LOAD, workspace, holder.as_ref(), term, load)?;
        }
        tx.commit().await?;
        Ok(stayed)
    }

    /// Ends a membership and frees its shards.
    pub async fn leave_routines(&self, member: Membership<'_>) -> Result<(), StoreError> {
        let mut tx = self.db.begin().await?;
        let (workspace, holder) = (member.workspace, text(member.holder));
        if execute!(tx, LEAVE, workspace, holder.as_ref(), member.term)? > 0 {
            execute!(tx, RELEASE_ALL, workspace, holder.as_ref(), 0_i64)?;
        }
        tx.commit().await
    }

    /// Removes a member that is gone, and frees its shards; false: it has renewed its membership
    /// since it was read.
    pub async fn remove_routine_member(
        &self,
        workspace: i64,
        member: &RoutineMember,
    ) -> Result<bool, StoreError> {
        let mut tx = self.db.begin().await?;
        let holder = text(&member.holder);
        let (term, until) = (member.term, member.alive_until.0);
        let removed = execute!(tx, REMOVE, workspace, holder.as_ref(), term, until)? > 0;
        if removed {
            execute!(tx, RELEASE_ALL, workspace, holder.as_ref(), until)?;
        }
        tx.commit().await?;
        Ok(removed)
    }

    /// All members, also those that are gone.
    pub async fn routine_members(&self, workspace: i64) -> Result<Vec<RoutineMember>, StoreError> {
        type Row = (String, i64, i64, i64, String);
        let mut db = self.db.read().await?;
        let rows = fetch_all!(db, Row, MEMBERS, workspace)?;
        let member = |(holder, term, rank, until, load): Row| RoutineMember {
            holder,
            term,
            rank,
            alive_until: Timestamp(until),
            load: serde_json::from_str(&load).ok(),
        };
        Ok(rows.into_iter().map(member).collect())
    }

    /// The shards that have a holder.
    pub async fn routine_shards(&self, workspace: i64) -> Result<Vec<(i64, String)>, StoreError> {
        let mut db = self.db.read().await?;
        fetch_all!(db, (i64, String), SHARDS, workspace)
    }

    /// Takes those of the shards that are free, if the member is still one; returns them, each with
    /// the time until which a removed holder may have run slots without recording them.
    pub async fn take_routine_shards(
        &self,
        member: Membership<'_>,
        wanted: &[i64],
        until: Timestamp,
    ) -> Result<Vec<(i64, Timestamp)>, StoreError> {
        let mut tx = self.db.begin().await?;
        let mut taken = Vec::new();
        if !stay(&mut tx, member, until).await? {
            return Ok(taken);
        }
        // In one order, so that two engines never deadlock.
        let mut wanted = wanted.to_vec();
        wanted.sort_unstable();
        for shard in wanted {
            let (workspace, holder) = (member.workspace, text(member.holder));
            if let Some((dead,)) = fetch_optional!(tx, (i64,), TAKE, workspace, shard, holder)? {
                taken.push((shard, Timestamp(dead)));
            }
        }
        tx.commit().await?;
        Ok(taken)
    }

    /// Frees shards, so that another member can take them.
    pub async fn release_routine_shards(
        &self,
        member: Membership<'_>,
        shards: &[i64],
    ) -> Result<(), StoreError> {
        let mut tx = self.db.begin().await?;
        let mut shards = shards.to_vec();
        shards.sort_unstable();
        for shard in shards {
            execute!(tx, RELEASE, member.workspace, text(member.holder), shard)?;
        }
        tx.commit().await
    }
}

/// Renews a membership within a transaction, and locks its row until the end of it: a removal waits
/// for the writes of this transaction, or they see that it was removed.
pub(in crate::store) async fn stay(
    tx: &mut Tx,
    member: Membership<'_>,
    until: Timestamp,
) -> Result<bool, StoreError> {
    let (workspace, holder, term) = (member.workspace, text(member.holder), member.term);
    Ok(execute!(tx, STAY, workspace, holder.as_ref(), term, until.0)? > 0)
}
