//! Each routine over a window, in one answer: counts, percentiles, downtime.

use std::collections::{BTreeMap, HashMap};

use futures_util::future::try_join_all;

use super::read::bundles;
use super::{apart, damaged, states};
use crate::core::base::time::Timestamp;
use crate::core::metric::downtime::{Turn, failing_ms};
use crate::core::metric::rollup::{Rollup, WindowLength};
use crate::core::metric::{DAY_MS, Damaged, batch, bundle};
use crate::core::stack::state::State;
use crate::store::db::Session;
use crate::store::{Store, StoreError};

/// Tasks that merge rollups at once.
const PARTS: usize = 4;
/// Days from $2, hours from $3 until there, and everything that is not compacted yet, as bundle -1.
const PIECES: &str = "select bytes, bundle from probe_rollup \
     where workspace_id = $1 and level = 'day' and from_ms >= $2 and bundle >= $4 and bundle <= $5 \
     union all select bytes, bundle from probe_rollup \
     where workspace_id = $1 and level = 'hour' and from_ms >= $3 and from_ms < $2 and bundle >= $4 and bundle <= $5 \
     union all select bytes, -1 as bundle from probe_batch where workspace_id = $1 and until_ms >= $3";
const TURNS: &str = "select c.routine_id, c.at, c.from_state, c.to_state from routine_change c \
     join probe_routine r on r.id = c.routine_id where r.workspace_id = $1 and c.at >= $2 \
     order by c.routine_id, c.at, c.id";
const FAILING: &str = "select s.routine_id from routine_state s join probe_routine r on r.id = s.routine_id \
     where r.workspace_id = $1 and s.state = 'failing'";

/// A routine over a window. Uptime and mean are methods of `rollup.totals`, percentiles of
/// `rollup.latency`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RoutineSummary {
    pub rollup: Rollup,
    /// How long its state was failing, milliseconds.
    pub failing_ms: i64,
}

row! {
    struct Piece {
        bytes: Vec<u8>,
        bundle: i64,
    }
}

impl Store {
    /// These routines from the hour that `from` is in until `now`, also those without results. A
    /// window of whole days of UTC is read from days alone.
    pub async fn routine_summaries(
        &self,
        workspace: i64,
        routines: &[i64],
        from: Timestamp,
        now: Timestamp,
    ) -> Result<HashMap<i64, RoutineSummary>, StoreError> {
        let hour = WindowLength::Hour.begin(from.0);
        let rollups = self.merged(workspace, routines, hour).await?;
        let mut db = self.db.read().await?;
        let mut turns = turns(&mut db, workspace, hour).await?;
        let failing = fetch_all!(db, (i64,), FAILING, workspace)?;
        drop(db);
        let mut summaries: HashMap<i64, RoutineSummary> = rollups
            .into_iter()
            .map(|(routine, rollup)| {
                (
                    routine,
                    RoutineSummary {
                        rollup,
                        failing_ms: 0,
                    },
                )
            })
            .collect();
        for (routine,) in failing {
            turns.entry(routine).or_default().is_failing = true;
        }
        for (routine, changes) in turns {
            if let Some(summary) = summaries.get_mut(&routine) {
                summary.failing_ms = failing_ms(hour, now.0, &changes.turns, changes.is_failing);
            }
        }
        Ok(summaries)
    }

    async fn merged(
        &self,
        workspace: i64,
        routines: &[i64],
        from: i64,
    ) -> Result<HashMap<i64, Rollup>, StoreError> {
        let (first, last) = bundles(routines);
        let today = WindowLength::Day.begin(from);
        let days = if today == from { from } else { today + DAY_MS };
        let mut db = self.db.read().await?;
        let pieces = fetch_all!(db, Piece, PIECES, workspace, days, from, first, last)?;
        drop(db);
        let (journal, pieces): (Vec<Piece>, Vec<Piece>) =
            pieces.into_iter().partition(|piece| piece.bundle < 0);
        let mut wanted = merge_bundles(routines, pieces)
            .await?
            .map_err(|e| damaged(&self.db, e))?;
        for piece in journal {
            let probed = batch::unpack(&piece.bytes).map_err(|e| damaged(&self.db, e))?;
            for one in probed.iter().filter(|p| p.sample.slot >= from) {
                if let Some(rollup) = wanted.get_mut(&one.routine) {
                    rollup.add(&one.sample);
                }
            }
        }
        Ok(wanted)
    }
}

/// The rollups of these routines, merged on several processors: those of a bundle depend on no other.
async fn merge_bundles(
    routines: &[i64],
    pieces: Vec<Piece>,
) -> Result<Result<HashMap<i64, Rollup>, Damaged>, StoreError> {
    let mut bundles: BTreeMap<i64, (HashMap<i64, Rollup>, Vec<Piece>)> = BTreeMap::new();
    for routine in routines {
        let (wanted, _) = bundles.entry(bundle::of(*routine)).or_default();
        wanted.insert(*routine, Rollup::default());
    }
    for piece in pieces {
        if let Some((_, pieces)) = bundles.get_mut(&piece.bundle) {
            pieces.push(piece);
        }
    }
    let mut parts: Vec<Vec<_>> = (0..PARTS).map(|_| Vec::new()).collect();
    for (n, bundle) in bundles.into_values().enumerate() {
        parts[n % PARTS].push(bundle);
    }
    let merged = parts
        .into_iter()
        .filter(|part| !part.is_empty())
        .map(|part| apart(move || merge_part(part)));
    let mut all = HashMap::new();
    for part in try_join_all(merged).await? {
        match part {
            Ok(rollups) => all.extend(rollups),
            Err(damaged) => return Ok(Err(damaged)),
        }
    }
    Ok(Ok(all))
}

/// Merges the pieces of bundles into the rollups that are wanted of each.
fn merge_part(
    part: Vec<(HashMap<i64, Rollup>, Vec<Piece>)>,
) -> Result<HashMap<i64, Rollup>, Damaged> {
    let mut all = HashMap::new();
    for (mut wanted, pieces) in part {
        for piece in pieces {
            bundle::merge_into(&piece.bytes, &mut wanted)?;
        }
        all.extend(wanted);
    }
    Ok(all)
}

/// The changes of a routine in the window, and whether it is failing now.
#[derive(Default)]
struct Turns {
    turns: Vec<Turn>,
    is_failing: bool,
}

async fn turns(
    db: &mut Session,
    workspace: i64,
    from: i64,
) -> Result<HashMap<i64, Turns>, StoreError> {
    type Row = (i64, i64, String, String);
    let mut found: HashMap<i64, Turns> = HashMap::new();
    for (routine, at, was, is) in fetch_all!(db, Row, TURNS, workspace, from)? {
        let turn = Turn {
            at,
            was_failing: states::state(&was)? == State::Failing,
            is_failing: states::state(&is)? == State::Failing,
        };
        found.entry(routine).or_default().turns.push(turn);
    }
    Ok(found)
}
