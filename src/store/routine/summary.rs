//! Each routine over a window, in one answer: counts, percentiles, downtime.

use std::collections::HashMap;

use super::read::bundles;
use super::{damaged, states};
use crate::core::base::time::Timestamp;
use crate::core::metric::downtime::{Turn, failing_ms};
use crate::core::metric::rollup::{Rollup, WindowLength};
use crate::core::metric::{DAY_MS, batch, bundle};
use crate::core::stack::state::State;
use crate::store::db::Session;
use crate::store::{Store, StoreError};

/// Days from $2, hours from $3 until there, and everything that is not compacted yet.
const PIECES: &str = "select bytes, 0 as journal from probe_rollup \
     where workspace_id = $1 and level = 'day' and from_ms >= $2 and bundle >= $4 and bundle <= $5 \
     union all select bytes, 0 as journal from probe_rollup \
     where workspace_id = $1 and level = 'hour' and from_ms >= $3 and from_ms < $2 and bundle >= $4 and bundle <= $5 \
     union all select bytes, 1 as journal from probe_batch where workspace_id = $1 and until_ms >= $3";
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
        journal: i32,
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
        let mut wanted: HashMap<i64, Rollup> = routines
            .iter()
            .map(|routine| (*routine, Rollup::default()))
            .collect();
        for piece in pieces {
            if piece.journal == 0 {
                bundle::merge_into(&piece.bytes, &mut wanted).map_err(|e| damaged(&self.db, e))?;
                continue;
            }
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
