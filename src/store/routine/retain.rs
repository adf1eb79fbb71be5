//! What is old enough is deleted, level by level, oldest first, each time at most a part of a table.
//! Samples go only when their day is counted, hours only when their day is.

use std::collections::BTreeMap;

use super::bundles::{self, BundleKey};
use super::{SHELF, count, delete_rows, months};
use crate::core::base::time::Timestamp;
use crate::core::metric::rollup::{Rollup, WindowLength};
use crate::core::metric::{bundle, shelf};
use crate::store::db::{Db, Tx};
use crate::store::{Store, StoreError};

/// Percent of a table that go at a time, unless more are asked for; at least one row.
const PERCENT: i64 = 15;
/// Chunks of days with their counts: those of a part of a day are not merged yet and stay.
const CHUNKS: &str = "select c.id, r.workspace_id, c.from_ms, c.routine_id, \
     c.ok + c.degraded + c.failing + c.unknown + c.skipped, c.level from probe_chunk c \
     join probe_routine r on r.id = c.routine_id where c.level in ('day', 'shelf') and c.until_ms < $1 \
     order by c.from_ms / 86400000, c.routine_id, c.id";
const SHELF_BYTES: &str = "select bytes from probe_chunk where id = $1";
const HOUR_BUNDLES: &str = "select id, workspace_id, from_ms, bundle from probe_rollup \
     where level = 'hour' and from_ms < $1 order by from_ms, id";
const DAY_BUNDLES: &str =
    "select id from probe_rollup where level = 'day' and from_ms < $1 order by from_ms, id";
const CHANGES: &str = "select id from routine_change where at < $1 order by at, id";

/// How long each level is kept, milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    pub samples_ms: i64,
    pub hours_ms: i64,
    pub days_ms: i64,
    pub changes_ms: i64,
    /// Delete everything that is old enough, also more than 15 % of a table.
    pub all: bool,
    /// Delete nothing, only report.
    pub dry_run: bool,
}

impl Default for Retention {
    /// Samples for 90 days, hours and changes for 400, days for five years.
    fn default() -> Self {
        const DAY_MS: i64 = 86_400_000;
        Self {
            samples_ms: 90 * DAY_MS,
            hours_ms: 400 * DAY_MS,
            days_ms: 5 * 366 * DAY_MS,
            changes_ms: 400 * DAY_MS,
            all: false,
            dry_run: false,
        }
    }
}

/// What of a level is old enough, in rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Expired {
    /// `samples`, `hours`, `days` or `changes`.
    pub level: &'static str,
    /// Deleted; in a dry run: would be.
    pub rows: usize,
    /// Old enough, but kept because what they hold is not counted in a rollup.
    pub uncounted: usize,
    /// Old enough, but more than go at a time; they go the next times.
    pub postponed: usize,
}

/// A table with a level in it.
struct Level {
    name: &'static str,
    /// How many rows there are.
    rows: &'static str,
    /// Those before a time, oldest first.
    old: &'static str,
    delete: &'static str,
}

const SAMPLES: Level = Level {
    name: "samples",
    rows: "select count(*) from probe_chunk",
    old: CHUNKS,
    delete: "delete from probe_chunk where id in (",
};
const HOURS: Level = Level {
    name: "hours",
    rows: "select count(*) from probe_rollup where level = 'hour'",
    old: HOUR_BUNDLES,
    delete: "delete from probe_rollup where id in (",
};
const DAYS: Level = Level {
    name: "days",
    rows: "select count(*) from probe_rollup where level = 'day'",
    old: DAY_BUNDLES,
    ..HOURS
};
const CHANGED: Level = Level {
    name: "changes",
    rows: "select count(*) from routine_change",
    old: CHANGES,
    delete: "delete from routine_change where id in (",
};

/// Rows of a level that are old enough and may go, and those that are kept or wait.
#[derive(Default)]
struct Old {
    ids: Vec<i64>,
    uncounted: usize,
    postponed: usize,
}

impl Store {
    /// Deletes what is older than its retention; one transaction a level. Returns what went, or in
    /// a dry run would go, in the order samples, hours, days, changes.
    pub async fn retain_probes(
        &self,
        now: Timestamp,
        keep: &Retention,
    ) -> Result<Vec<Expired>, StoreError> {
        let before = |ms: i64| now.0.saturating_sub(ms);
        let mut tx = self.db.begin().await?;
        let some = limit(&mut tx, &SAMPLES, keep).await?;
        let old = old_chunks(&mut tx, &self.db, before(keep.samples_ms), some).await?;
        let samples = delete(tx, &SAMPLES, old, keep).await?;
        let mut tx = self.db.begin().await?;
        let some = limit(&mut tx, &HOURS, keep).await?;
        let old = old_hours(&mut tx, &self.db, before(keep.hours_ms), some).await?;
        let hours = delete(tx, &HOURS, old, keep).await?;
        let days = self.expire(&DAYS, before(keep.days_ms), keep).await?;
        let changes = self.expire(&CHANGED, before(keep.changes_ms), keep).await?;
        if !keep.dry_run {
            let (hour, day) = (WindowLength::Hour, WindowLength::Day);
            for (table, before) in [
                (months::DAYS_OF_SAMPLES, before(keep.samples_ms)),
                (months::of_rollups(hour), before(keep.hours_ms)),
                (months::of_rollups(day), before(keep.days_ms)),
            ] {
                months::drop_empty(&self.db, table, before).await?;
            }
        }
        Ok(vec![samples, hours, days, changes])
    }

    /// Deletes what no other level depends on.
    async fn expire(
        &self,
        level: &Level,
        before: i64,
        keep: &Retention,
    ) -> Result<Expired, StoreError> {
        let mut tx = self.db.begin().await?;
        let limit = limit(&mut tx, level, keep).await?;
        let rows = fetch_all!(tx, (i64,), level.old, before)?;
        let old = Old {
            ids: rows.iter().take(limit).map(|(id,)| *id).collect(),
            uncounted: 0,
            postponed: rows.len().saturating_sub(limit),
        };
        delete(tx, level, old, keep).await
    }
}

/// How many rows of a level may go now.
async fn limit(tx: &mut Tx, level: &Level, keep: &Retention) -> Result<usize, StoreError> {
    if keep.all {
        return Ok(usize::MAX);
    }
    let row = fetch_optional!(tx, (i64,), level.rows)?;
    let part = row.unwrap_or_default().0.saturating_mul(PERCENT) / 100;
    Ok(usize::try_from(part.max(1)).unwrap_or(usize::MAX))
}

async fn delete(
    mut tx: Tx,
    level: &Level,
    old: Old,
    keep: &Retention,
) -> Result<Expired, StoreError> {
    let expired = Expired {
        level: level.name,
        rows: old.ids.len(),
        uncounted: old.uncounted,
        postponed: old.postponed,
    };
    if keep.dry_run {
        tx.rollback().await?;
    } else {
        delete_rows(&mut tx, level.delete, &old.ids).await?;
        tx.commit().await?;
    }
    Ok(expired)
}

/// Chunks whose samples are counted in the rollup of their day.
async fn old_chunks(tx: &mut Tx, db: &Db, before: i64, limit: usize) -> Result<Old, StoreError> {
    type Row = (i64, i64, i64, i64, i64, String);
    let (mut old, mut days) = (Old::default(), Days::default());
    for (id, workspace, from_ms, routine, n, level) in fetch_all!(tx, Row, SAMPLES.old, before)? {
        if old.ids.len() >= limit {
            old.postponed += 1;
            continue;
        }
        let key = day(workspace, from_ms, bundle::of(routine));
        let samples = if level == SHELF {
            shelved(tx, id).await?
        } else {
            Some(BTreeMap::from([(routine, n)]))
        };
        let day = days.get(tx, db, key).await?;
        let counted = |(routine, n): (&i64, &i64)| {
            day.get(routine).is_some_and(|d| count(d.totals.n()) >= *n)
        };
        if samples.is_some_and(|all| all.iter().all(counted)) {
            old.ids.push(id);
        } else {
            old.uncounted += 1;
        }
    }
    Ok(old)
}

/// How many samples a shelf has of each routine; none: it cannot be read.
async fn shelved(tx: &mut Tx, id: i64) -> Result<Option<BTreeMap<i64, i64>>, StoreError> {
    let Some((bytes,)) = fetch_optional!(tx, (Vec<u8>,), SHELF_BYTES, id)? else {
        return Ok(None);
    };
    let mut samples = BTreeMap::new();
    let Ok(chunks) = shelf::unpack(&bytes) else {
        return Ok(None);
    };
    for one in chunks {
        *samples.entry(one.routine).or_default() += count(one.n);
    }
    Ok(Some(samples))
}

/// Bundles of hours whose routines are all counted in the rollup of their day.
async fn old_hours(tx: &mut Tx, db: &Db, before: i64, limit: usize) -> Result<Old, StoreError> {
    type Row = (i64, i64, i64, i64);
    let (mut old, mut days) = (Old::default(), Days::default());
    for (id, workspace, from_ms, bundle) in fetch_all!(tx, Row, HOURS.old, before)? {
        if old.ids.len() >= limit {
            old.postponed += 1;
            continue;
        }
        let hour = BundleKey {
            workspace,
            length: WindowLength::Hour,
            from_ms,
            bundle,
        };
        let hour = bundles::read(tx, db, hour).await?.unwrap_or_default();
        let day = days.get(tx, db, day(workspace, from_ms, bundle)).await?;
        let counted = |routine: &i64, n| day.get(routine).is_some_and(|d| d.totals.n() >= n);
        if hour
            .iter()
            .all(|(routine, rollup)| counted(routine, rollup.totals.n()))
        {
            old.ids.push(id);
        } else {
            old.uncounted += 1;
        }
    }
    Ok(old)
}

const fn day(workspace: i64, from_ms: i64, bundle: i64) -> BundleKey {
    BundleKey {
        workspace,
        length: WindowLength::Day,
        from_ms: WindowLength::Day.begin(from_ms),
        bundle,
    }
}

/// The bundle of a day that was read last.
#[derive(Default)]
struct Days {
    key: Option<BundleKey>,
    rollups: BTreeMap<i64, Rollup>,
}

impl Days {
    async fn get(
        &mut self,
        tx: &mut Tx,
        db: &Db,
        key: BundleKey,
    ) -> Result<&BTreeMap<i64, Rollup>, StoreError> {
        if self.key != Some(key) {
            self.rollups = bundles::read(tx, db, key).await?.unwrap_or_default();
            self.key = Some(key);
        }
        Ok(&self.rollups)
    }
}
