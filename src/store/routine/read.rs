//! Samples of a routine and rollups of many, from chunks, rollups and the journal. Each is read in
//! one statement: what compaction moves meanwhile is neither missed nor counted twice.

use std::collections::{BTreeMap, HashSet};
use std::ops::Range;

use super::{SHELF, damaged};
use crate::core::base::time::Timestamp;
use crate::core::metric::rollup::{Rollup, WindowLength};
use crate::core::metric::sample::Sample;
use crate::core::metric::{DAY_MS, Damaged, batch, bundle, chunk, shelf};
use crate::store::{Store, StoreError};

/// A row begins at most a day before its last sample. Shelves are found by an index over `routine_id / 16`
/// ([`shelf::ROUTINES`]).
const SAMPLES: &str = "select level as place, bytes from probe_chunk \
     where routine_id = $1 and level <> 'shelf' and from_ms >= $2 and from_ms < $4 and until_ms >= $3 \
     union all select 'shelf' as place, bytes from probe_chunk \
     where level = 'shelf' and routine_id / 16 = $5 and from_ms >= $2 and from_ms < $4 and until_ms >= $3 \
     union all select 'journal' as place, bytes from probe_batch \
     where workspace_id = (select workspace_id from probe_routine where id = $1) and until_ms >= $3 and from_ms < $4";
/// Windows that begin before $4; samples that are not compacted until the end of the last, $7.
const WINDOWS: &str = "select from_ms, bytes, 0 as journal from probe_rollup \
     where workspace_id = $1 and level = $2 and from_ms >= $3 and from_ms < $4 and bundle >= $5 and bundle <= $6 \
     union all select from_ms, bytes, 1 as journal from probe_batch \
     where workspace_id = $1 and until_ms >= $3 and from_ms < $7";

/// The rollup of a routine in one window.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoutineWindow {
    pub routine: i64,
    /// The begin of the window, milliseconds since the Unix epoch.
    pub from_ms: i64,
    pub rollup: Rollup,
}

row! {
    struct SampleRow {
        place: String,
        bytes: Vec<u8>,
    }
}

row! {
    struct WindowRow {
        from_ms: i64,
        bytes: Vec<u8>,
        journal: i32,
    }
}

/// The bundles of these routines lie between the first and the last.
pub(super) fn bundles(routines: &[i64]) -> (i64, i64) {
    let bundles = || routines.iter().map(|routine| bundle::of(*routine));
    (bundles().min().unwrap_or(0), bundles().max().unwrap_or(-1))
}

impl Store {
    /// The samples of a routine with `from` ≤ slot < `to`, as stored
    /// ([`Sample::as_stored`]), ordered by slot.
    pub async fn samples(
        &self,
        routine: i64,
        from: Timestamp,
        to: Timestamp,
    ) -> Result<Vec<Sample>, StoreError> {
        let mut db = self.db.read().await?;
        let chunk_from = from.0.saturating_sub(DAY_MS);
        let days = shelf::of(routine);
        let rows = fetch_all!(
            db, SampleRow, SAMPLES, routine, chunk_from, from.0, to.0, days
        )?;
        drop(db);
        let mut samples = Vec::new();
        for row in rows {
            let found = samples_of(routine, &row);
            samples.extend(found.map_err(|e| damaged(&self.db, e))?);
        }
        samples.retain(|sample| (from.0..to.0).contains(&sample.slot));
        samples.sort_by_key(|sample| sample.slot);
        Ok(samples)
    }

    /// The rollups of these routines in all windows that begin `within` and have samples, ordered by
    /// routine and time. Minutes are counted from the samples while these are kept; hours and days
    /// are stored.
    pub async fn rollups(
        &self,
        workspace: i64,
        routines: &[i64],
        length: WindowLength,
        within: &Range<Timestamp>,
    ) -> Result<Vec<RoutineWindow>, StoreError> {
        let (from, to) = (within.start, within.end);
        // The last window ends after it.
        let end = to.plus_ms(length.ms());
        let mut found = BTreeMap::new();
        if length == WindowLength::Minute {
            self.count_minutes(&mut found, routines, &(from..end))
                .await?;
        } else {
            let wanted: HashSet<i64> = routines.iter().copied().collect();
            let (first, last) = bundles(routines);
            let (workspace, level) = (workspace, length.name());
            let mut db = self.db.read().await?;
            let rows = fetch_all!(
                db, WindowRow, WINDOWS, workspace, level, from.0, to.0, first, last, end.0
            )?;
            drop(db);
            for row in rows {
                merge_row(&row, length, &wanted, &mut found).map_err(|e| damaged(&self.db, e))?;
            }
        }
        let windows = found.into_iter();
        Ok(windows
            .filter(|((_, from_ms), _)| (from.0..to.0).contains(from_ms))
            .map(|((routine, from_ms), rollup)| RoutineWindow {
                routine,
                from_ms,
                rollup,
            })
            .collect())
    }

    async fn count_minutes(
        &self,
        found: &mut BTreeMap<(i64, i64), Rollup>,
        routines: &[i64],
        within: &Range<Timestamp>,
    ) -> Result<(), StoreError> {
        let (from, to) = (within.start, within.end);
        for routine in routines {
            for sample in self.samples(*routine, from, to).await? {
                let begin = WindowLength::Minute.begin(sample.slot);
                found.entry((*routine, begin)).or_default().add(&sample);
            }
        }
        Ok(())
    }
}

/// The samples of a routine in a row.
fn samples_of(routine: i64, row: &SampleRow) -> Result<Vec<Sample>, Damaged> {
    match row.place.as_str() {
        "journal" => {
            let own = batch::unpack(&row.bytes)?.into_iter();
            let own = own.filter(|p| p.routine == routine);
            Ok(own.map(|p| p.sample).collect())
        }
        SHELF => {
            let mut samples = Vec::new();
            for one in shelf::unpack(&row.bytes)? {
                if one.routine == routine {
                    samples.extend(chunk::unpack(one.bytes)?);
                }
            }
            Ok(samples)
        }
        _ => chunk::unpack(&row.bytes),
    }
}

/// Adds a bundle, or a row of the journal, to the windows (routine, begin).
fn merge_row(
    row: &WindowRow,
    length: WindowLength,
    wanted: &HashSet<i64>,
    found: &mut BTreeMap<(i64, i64), Rollup>,
) -> Result<(), Damaged> {
    if row.journal != 0 {
        let probed = batch::unpack(&row.bytes)?;
        for one in probed.iter().filter(|p| wanted.contains(&p.routine)) {
            let begin = length.begin(one.sample.slot);
            found
                .entry((one.routine, begin))
                .or_default()
                .add(&one.sample);
        }
        return Ok(());
    }
    for (routine, rollup) in bundle::unpack(&row.bytes)? {
        if !wanted.contains(&routine) {
            continue;
        }
        found
            .entry((routine, row.from_ms))
            .or_default()
            .merge(&rollup);
    }
    Ok(())
}
