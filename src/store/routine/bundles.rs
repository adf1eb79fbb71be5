//! Rollups in their bundles. A bundle is read, merged and written within one transaction that holds
//! the workspace, so that no two compactions change one bundle at a time.

use std::collections::BTreeMap;

use super::{count, damaged, months};
use crate::core::metric::bundle;
use crate::core::metric::rollup::{Rollup, WindowLength};
use crate::core::metric::sample::{Probed, Sample};
use crate::store::StoreError;
use crate::store::db::{Db, Tx};

/// Changes nothing, but locks the row until the transaction ends.
const HOLD: &str = "update workspace set timezone = timezone where id = $1";
const READ: &str = "select bytes from probe_rollup \
     where workspace_id = $1 and level = $2 and from_ms = $3 and bundle = $4";
const WRITE: &str = "insert into probe_rollup (workspace_id, level, from_ms, bundle, routines, bytes) \
     values ($1, $2, $3, $4, $5, $6) on conflict (workspace_id, level, from_ms, bundle) \
     do update set routines = excluded.routines, bytes = excluded.bytes";

/// Which bundle: of which workspace, of the windows of which length that begin when, milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct BundleKey {
    pub workspace: i64,
    pub length: WindowLength,
    pub from_ms: i64,
    pub bundle: i64,
}

/// Rollups of a few routines.
#[derive(Debug, Default)]
pub(super) struct Bundles(BTreeMap<BundleKey, BTreeMap<i64, Rollup>>);

impl Bundles {
    /// Counts a sample in its hour.
    pub(super) fn add(&mut self, workspace: i64, probed: &Probed) {
        self.rollup(workspace, WindowLength::Hour, probed)
            .add(&probed.sample);
    }

    fn rollup(&mut self, workspace: i64, length: WindowLength, probed: &Probed) -> &mut Rollup {
        let key = BundleKey {
            workspace,
            length,
            from_ms: length.begin(probed.sample.slot),
            bundle: bundle::of(probed.routine),
        };
        self.0
            .entry(key)
            .or_default()
            .entry(probed.routine)
            .or_default()
    }

    /// The days of the hours that were counted.
    fn add_days(&mut self) {
        let mut days = Self::default();
        for (key, rollups) in &self.0 {
            for (routine, rollup) in rollups {
                let sample = Sample {
                    slot: key.from_ms,
                    ..Sample::default()
                };
                let probed = Probed {
                    routine: *routine,
                    sample,
                };
                days.rollup(key.workspace, WindowLength::Day, &probed)
                    .merge(rollup);
            }
        }
        self.0.extend(days.0);
    }
}

/// Rollups of many routines that are to be merged into the stored ones, as bytes: a twentieth of
/// their size as values.
#[derive(Debug, Default)]
pub(super) struct PackedBundles(BTreeMap<BundleKey, Vec<u8>>);

impl PackedBundles {
    /// Takes the hours that were counted, and their days. Each bundle comes once.
    pub(super) fn take(&mut self, mut bundles: Bundles) {
        bundles.add_days();
        let packed = bundles.0.into_iter();
        let packed = packed.map(|(key, rollups)| (key, bundle::pack(&rollups)));
        self.0.extend(packed);
    }

    /// Makes the partitions of all.
    pub(super) async fn make_months(&self, db: &Db) -> Result<(), StoreError> {
        for length in [WindowLength::Hour, WindowLength::Day] {
            let of_length = self.0.keys().filter(|key| key.length == length);
            let times = of_length.map(|key| key.from_ms);
            months::make(db, months::of_rollups(length), times).await?;
        }
        Ok(())
    }

    /// Merges all into the stored bundles.
    pub(super) async fn write(self, tx: &mut Tx, db: &Db) -> Result<(), StoreError> {
        let mut held = None;
        for (key, bytes) in self.0 {
            let mut rollups = bundle::unpack(&bytes).map_err(|e| damaged(db, e))?;
            if held != Some(key.workspace) {
                execute!(tx, HOLD, key.workspace)?;
                held = Some(key.workspace);
            }
            if let Some(stored) = read(tx, db, key).await? {
                for (routine, rollup) in stored {
                    rollups.entry(routine).or_default().merge(&rollup);
                }
            }
            let BundleKey {
                workspace,
                length,
                from_ms,
                bundle,
            } = key;
            let n = count(rollups.len() as u64);
            let bytes = bundle::pack(&rollups);
            execute!(
                tx,
                WRITE,
                workspace,
                length.name(),
                from_ms,
                bundle,
                n,
                bytes
            )?;
        }
        Ok(())
    }
}

/// A stored bundle.
pub(super) async fn read(
    tx: &mut Tx,
    db: &Db,
    key: BundleKey,
) -> Result<Option<BTreeMap<i64, Rollup>>, StoreError> {
    let BundleKey {
        workspace,
        length,
        from_ms,
        bundle,
    } = key;
    let row = fetch_optional!(
        tx,
        (Vec<u8>,),
        READ,
        workspace,
        length.name(),
        from_ms,
        bundle
    )?;
    row.map(|(bytes,)| bundle::unpack(&bytes).map_err(|e| damaged(db, e)))
        .transpose()
}
