//! Whether a write that seemed to fail was committed after all, as when a connection is lost at the
//! commit.

use crate::core::run::event::{Entry, EntryBody, NewEntry};
use crate::core::run::{Run, RunId};

use crate::store::db::message;
use crate::store::rows::RunRow;
use crate::store::{Store, StoreError};

/// Waits until no active transaction writes to the run: one whose connection is gone may still be
/// committing.
const SETTLE: &str = "update run set last_seq = last_seq where id = $1 returning last_seq";
const NEXT_LINK: &str = "select * from run where parent_id = $1 order by id limit 1";
/// Entries by others (a cancellation, an answer) may lie between ours; never many.
const SLACK: usize = 100;

impl Store {
    /// The number of the last of `entries` when they were written, without a gap, after entry
    /// `after`. `None`: they were not, and no active transaction can still write them.
    pub async fn written(
        &self,
        run: RunId,
        after: i64,
        entries: &[NewEntry],
    ) -> Result<Option<i64>, StoreError> {
        let mut tx = self.db.begin().await?;
        fetch_optional!(tx, (i64,), SETTLE, run.0)?;
        tx.commit().await?;
        if entries.is_empty() {
            return Ok(None);
        }
        let limit = u32::try_from(entries.len().saturating_add(SLACK)).unwrap_or(u32::MAX);
        let there = self.entries_after(run, after, limit).await?;
        let ours = |part: &[Entry]| {
            part.iter()
                .zip(entries)
                .all(|(entry, new)| is_same(entry, new))
        };
        Ok(there
            .windows(entries.len())
            .find(|part| ours(part))
            .and_then(|part| part.last())
            .map(|entry| entry.seq))
    }

    /// The run that was queued as the next link of this one's chain.
    pub async fn next_link(&self, run: RunId) -> Result<Option<Run>, StoreError> {
        let mut db = self.db.read().await?;
        fetch_optional!(db, RunRow, NEXT_LINK, run.0)?
            .map(Run::try_from)
            .transpose()
    }
}

/// Whether a stored entry is that new one: U+0000 is stored differently in events.
fn is_same(entry: &Entry, new: &NewEntry) -> bool {
    let same_body = match (&entry.body, &new.body) {
        (
            EntryBody::Event {
                message: a, level, ..
            },
            EntryBody::Event {
                message: b,
                level: wanted,
                ..
            },
        ) => *a == message(b) && level == wanted,
        (a, b) => a == b,
    };
    entry.step == new.step && entry.at == new.at && same_body
}
