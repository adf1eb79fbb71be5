//! The counts of many routines over some hours, without their latencies: what a list of uptimes needs,
//! for a fraction of the work.

use std::collections::HashMap;
use std::ops::Range;

use super::damaged;
use super::read::bundles;
use crate::core::base::time::Timestamp;
use crate::core::metric::rollup::{Totals, WindowLength};
use crate::core::metric::{batch, bundle};
use crate::store::{Store, StoreError};

/// Hours that begin before $3; samples that are not compacted until the end of the last, $6.
const PIECES: &str = "select bytes, 0 as journal from probe_rollup \
     where workspace_id = $1 and level = 'hour' and from_ms >= $2 and from_ms < $3 and bundle >= $4 and bundle <= $5 \
     union all select bytes, 1 as journal from probe_batch where workspace_id = $1 and until_ms >= $2 and from_ms < $6";

row! {
    struct Piece {
        bytes: Vec<u8>,
        journal: i32,
    }
}

impl Store {
    /// The counts of these routines in all hours that begin `within`; none for a routine without
    /// results in them.
    pub async fn routine_totals(
        &self,
        workspace: i64,
        routines: &[i64],
        within: &Range<Timestamp>,
    ) -> Result<HashMap<i64, Totals>, StoreError> {
        let (from, to) = (within.start, within.end);
        let end = to.plus_ms(WindowLength::Hour.ms());
        let (first, last) = bundles(routines);
        let mut db = self.db.read().await?;
        let pieces = fetch_all!(
            db, Piece, PIECES, workspace, from.0, to.0, first, last, end.0
        )?;
        drop(db);
        let none = routines.iter().map(|routine| (*routine, Totals::default()));
        let mut wanted: HashMap<i64, Totals> = none.collect();
        for piece in pieces {
            if piece.journal == 0 {
                bundle::totals_into(&piece.bytes, &mut wanted).map_err(|e| damaged(&self.db, e))?;
                continue;
            }
            let probed = batch::unpack(&piece.bytes).map_err(|e| damaged(&self.db, e))?;
            let hour = |slot| WindowLength::Hour.begin(slot);
            for one in probed
                .iter()
                .filter(|p| (from.0..to.0).contains(&hour(p.sample.slot)))
            {
                if let Some(totals) = wanted.get_mut(&one.routine) {
                    totals.add(&one.sample);
                }
            }
        }
        wanted.retain(|_, totals| *totals != Totals::default());
        Ok(wanted)
    }
}
