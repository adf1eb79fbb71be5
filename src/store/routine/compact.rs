//! Compaction: rows of the journal that are older than the current hour become chunks and rollups,
//! and days that are over become one chunk a routine.
//!
//! Bounded memory: at most [`MAX_SAMPLES`] of the journal at a time, whatever was written in an hour,
//! and one shelf of routines of a day.

use std::collections::BTreeMap;

use super::bundles::{Bundles, PackedBundles};
use super::{HOUR, OfRoutine, apart, delete_rows, insert_chunks, keep_newest};
use crate::core::base::time::Timestamp;
use crate::core::metric::rollup::WindowLength;
use crate::core::metric::sample::{Probed, Sample};
use crate::core::metric::{batch, bundle, chunk};
use crate::store::{Store, StoreError};

/// Samples taken from the journal in one transaction.
const MAX_SAMPLES: i64 = 250_000;
/// Parts that the routines are packed in.
const PARTS: i64 = 8;
const DUE: &str =
    "select seq, n from probe_batch where seq > $1 and until_ms < $2 order by seq limit 4096";
const READ: &str = "select seq, workspace_id, bytes from probe_batch \
     where seq > $1 and seq <= $2 and until_ms < $3 order by seq";
const DELETE: &str = "delete from probe_batch where seq in (";

/// What a compaction did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Compacted {
    /// Rows of the journal that were moved, and the samples in them.
    pub batches: usize,
    pub samples: usize,
    /// Rows of days that were written, of up to 16 routines each.
    pub days: usize,
    /// Rows that cannot be read; they stay where they are.
    pub damaged: usize,
}

/// A row of the journal.
type Row = (i64, i64, Vec<u8>);

/// Rows of the journal as they are to be stored.
#[derive(Default)]
struct Packed {
    seqs: Vec<i64>,
    samples: usize,
    chunks: Vec<OfRoutine>,
    /// The last slot of each routine.
    newest: BTreeMap<i64, i64>,
    bundles: PackedBundles,
    damaged: usize,
}

impl Store {
    /// Compacts all workspaces. `now` only decides which hours and days are over. It may be called
    /// by several processes at once, and stopped at any point: each part is one transaction, which
    /// changes nothing when another process was faster.
    pub async fn compact_probes(&self, now: Timestamp) -> Result<Compacted, StoreError> {
        let over = WindowLength::Hour.begin(now.0);
        let (mut done, mut after) = (Compacted::default(), 0);
        while let Some(last) = self.due(after, over).await? {
            let mut db = self.db.read().await?;
            let rows = fetch_all!(db, Row, READ, after, last, over)?;
            drop(db);
            let packed = apart(move || pack(&rows)).await?;
            done.damaged += packed.damaged;
            self.move_rows(packed, &mut done).await?;
            after = last;
        }
        self.merge_days(now, &mut done).await?;
        Ok(done)
    }

    /// The last row of the next part of the journal.
    async fn due(&self, after: i64, over: i64) -> Result<Option<i64>, StoreError> {
        let mut db = self.db.read().await?;
        let mut sum = 0_i64;
        let rows = fetch_all!(db, (i64, i64), DUE, after, over)?;
        let fits = rows.iter().take_while(|(_, n)| {
            let before = sum;
            sum = sum.saturating_add(*n);
            before == 0 || sum <= MAX_SAMPLES
        });
        Ok(fits.last().map(|(seq, _)| *seq))
    }

    async fn move_rows(&self, packed: Packed, done: &mut Compacted) -> Result<(), StoreError> {
        packed.bundles.make_months(&self.db).await?;
        let mut tx = self.db.begin().await?;
        if delete_rows(&mut tx, DELETE, &packed.seqs).await? < packed.seqs.len() {
            // Another process compacted some of them.
            return tx.rollback().await;
        }
        insert_chunks(&mut tx, HOUR, &packed.chunks).await?;
        keep_newest(&mut tx, &packed.newest).await?;
        packed.bundles.write(&mut tx, &self.db).await?;
        tx.commit().await?;
        done.batches += packed.seqs.len();
        done.samples += packed.samples;
        Ok(())
    }
}

/// The routines are packed in parts: as values their samples and rollups take many times the room
/// of the rows, which are quickly unpacked again for each part.
fn pack(rows: &[Row]) -> Packed {
    let mut packed = Packed::default();
    for (seq, _, bytes) in rows {
        match batch::unpack(bytes) {
            Ok(probed) => {
                packed.seqs.push(*seq);
                packed.samples += probed.len();
            }
            Err(_) => packed.damaged += 1,
        }
    }
    for part in 0..PARTS {
        packed.pack_part(rows, part);
    }
    packed
}

impl Packed {
    /// Packs the samples of the routines whose bundles are in that part.
    fn pack_part(&mut self, rows: &[Row], part: i64) {
        let mut by_routine: BTreeMap<(i64, i64), Vec<Sample>> = BTreeMap::new();
        for (_, workspace, bytes) in rows {
            let probed = batch::unpack(bytes).unwrap_or_default().into_iter();
            for Probed { routine, sample } in probed {
                if bundle::of(routine).rem_euclid(PARTS) == part {
                    let of_routine = by_routine.entry((*workspace, routine)).or_default();
                    of_routine.push(sample);
                }
            }
        }
        let (mut bundles, mut of) = (Bundles::default(), None);
        for ((workspace, routine), samples) in by_routine {
            let bundle = Some((workspace, bundle::of(routine)));
            if of != bundle {
                self.bundles.take(std::mem::take(&mut bundles));
                of = bundle;
            }
            for sample in &samples {
                let sample = *sample;
                bundles.add(workspace, &Probed { routine, sample });
            }
            self.pack_days(routine, samples);
        }
        self.bundles.take(bundles);
    }

    /// The samples of a routine as chunks, each of one day.
    fn pack_days(&mut self, routine: i64, mut samples: Vec<Sample>) {
        samples.sort_by_key(|sample| sample.slot);
        let day = |sample: &Sample| WindowLength::Day.begin(sample.slot);
        for samples in samples.chunk_by(|one, next| day(one) == day(next)) {
            for chunk in chunk::pack(samples.to_vec()) {
                let newest = self.newest.entry(routine).or_default();
                *newest = chunk.until_ms.max(*newest);
                self.chunks.push(OfRoutine { routine, chunk });
            }
        }
    }
}
