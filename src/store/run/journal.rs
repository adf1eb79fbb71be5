//! The journal of a run: events as rows, captured output as chunks, one gapless sequence over both.
//!
//! Because there are no gaps, a page is a range of numbers: nothing has to be counted or sorted to
//! find it.

use sqlx::QueryBuilder;

use crate::core::base::time::Timestamp;
use crate::core::run::event::{Entry, EntryBody, NewEntry};
use crate::core::run::{Phase, RunId};

use crate::store::db::dialect;
use crate::store::db::{self, Session, Tx, text};
use crate::store::rows::{EventRow, all, small};
use crate::store::run::chunk::{self, ChunkLine};
use crate::store::{Claim, Store, StoreError};

/// Takes `$2` numbers for a holder of the token; the row stays locked until the transaction ends.
const NUMBER: &str = "update run set last_seq = last_seq + $2 where id = $1 and token = $3 \
     and status in ('claimed', 'running', 'waiting') returning status, last_seq";
#[cfg(feature = "faults")]
const NUMBER_UNFENCED: &str = "update run set last_seq = last_seq + $2 where id = $1 and $3 > 0 \
     and status in ('claimed', 'running', 'waiting') returning status, last_seq";
const LAST: &str = "select last_seq from run where id = $1";
const EVENTS: &str = "select run_id, seq, at, step, level, phase, source, message, data from event \
     where run_id = $1 and seq >= $2 and seq <= $3 order by seq";
pub(in crate::store) const OUTCOMES: &str = "select step, data from event where run_id = $1 and step is not null and data is not null order by seq";
const INSERT_EVENTS: &str =
    "insert into event (run_id, seq, at, step, level, phase, source, message, data) ";
const INSERT_CHUNK: &str = "insert into output_chunk (run_id, first_seq, last_seq, step, at, raw_bytes, body) \
     values ($1, $2, $3, $4, $5, $6, $7)";
const CHUNK_SIZES: &str = "select first_seq, last_seq, raw_bytes from output_chunk \
     where run_id = $1 and last_seq >= $2 and first_seq <= $3 order by first_seq";
const CHUNKS: &str = "select first_seq, step, body from output_chunk \
     where run_id = $1 and last_seq >= $2 and first_seq <= $3 order by first_seq";

/// A page holds at most this much captured text, unless a single chunk is larger: a page of
/// ten-megabyte lines would not fit into memory.
const PAGE_BYTES: i64 = 32 * 1024 * 1024;

impl Store {
    /// Appends entries in order; numbers them without gaps; returns the last number. Conditional on
    /// the token.
    pub async fn append(&self, claim: Claim, entries: &[NewEntry]) -> Result<i64, StoreError> {
        let mut tx = self.db.begin().await?;
        let count = planted!(
            NumberTwice,
            entries
                .len()
                .saturating_sub(usize::from(is_output(entries))),
            entries.len()
        );
        let (_, last_seq) = number(&mut tx, claim, count).await?;
        write(&mut tx, claim.run, last_seq, entries).await?;
        tx.commit().await?;
        Ok(last_seq)
    }

    /// Entries with `after < seq`, oldest first, at most `limit`. A page with very long lines may
    /// end earlier; only an empty one means that there is nothing more.
    pub async fn entries_after(
        &self,
        run: RunId,
        after: i64,
        limit: u32,
    ) -> Result<Vec<Entry>, StoreError> {
        let mut db = self.db.read().await?;
        let last = last_seq(&mut db, run).await?;
        let from = after.max(0).saturating_add(1);
        let mut to = last.min(after.max(0).saturating_add(i64::from(limit)));
        let sizes: Vec<(i64, i64, i64)> =
            fetch_all!(db, (i64, i64, i64), CHUNK_SIZES, run.0, from, to)?;
        if let Some((first, ..)) = over_budget(sizes.iter()) {
            to = first - 1;
        }
        page(&mut db, run, from, to).await
    }

    /// The data of the events of a run's steps, oldest first.
    pub async fn outcomes(&self, run: RunId) -> Result<Vec<(u32, serde_json::Value)>, StoreError> {
        let mut db = self.db.read().await?;
        let rows = fetch_all!(db, (i64, String), OUTCOMES, run.0)?;
        let read = |(step, data): (i64, String)| Ok((small(step)?, read_data(&data)?));
        rows.into_iter().map(read).collect()
    }
}

/// The data of an event.
pub(in crate::store) fn read_data(data: &str) -> Result<serde_json::Value, StoreError> {
    serde_json::from_str(data).map_err(|e| StoreError::Database(format!("event data: {e}")))
}

row! {
    /// A run's row inside a transaction that has locked it.
    pub(in crate::store) struct Numbered {
        pub status: String,
        pub last_seq: i64,
        pub workspace_id: i64,
        pub plan: String,
    }
}

/// Checks the token and takes `count` numbers; returns the run's status, and the last number.
pub(in crate::store) async fn number(
    tx: &mut Tx,
    claim: Claim,
    count: usize,
) -> Result<(String, i64), StoreError> {
    let count = i64::try_from(count).unwrap_or(i64::MAX);
    let statement = planted!(UnfencedWrites, NUMBER_UNFENCED, NUMBER);
    let count = count.saturating_add(planted!(NumberingGap, 1, 0));
    let row = fetch_optional!(
        tx,
        (String, i64),
        statement,
        claim.run.0,
        count,
        claim.token
    )?;
    row.ok_or(StoreError::StaleToken(claim.run))
}

/// Writes entries whose numbers have been taken: the last one gets `last_seq`.
pub(in crate::store) async fn write(
    tx: &mut Tx,
    run: RunId,
    last_seq: i64,
    entries: &[NewEntry],
) -> Result<(), StoreError> {
    let first_seq = last_seq - i64::try_from(entries.len()).unwrap_or(i64::MAX) + 1;
    let numbered: Vec<(i64, &NewEntry)> = (first_seq..).zip(entries).collect();
    for part in numbered.chunk_by(|(_, a), (_, b)| belong_together(a, b)) {
        match part {
            [
                (
                    _,
                    NewEntry {
                        body: EntryBody::Event { .. },
                        ..
                    },
                ),
                ..,
            ] => insert_events(tx, run, part).await?,
            _ => insert_output(tx, run, part).await?,
        }
    }
    Ok(())
}

#[cfg(feature = "faults")]
fn is_output(entries: &[NewEntry]) -> bool {
    entries
        .iter()
        .all(|entry| matches!(entry.body, EntryBody::Output { .. }))
}

fn belong_together(a: &NewEntry, b: &NewEntry) -> bool {
    match (&a.body, &b.body) {
        (EntryBody::Event { .. }, EntryBody::Event { .. }) => true,
        (EntryBody::Output { .. }, EntryBody::Output { .. }) => a.step == b.step,
        _ => false,
    }
}

async fn insert_events(
    tx: &mut Tx,
    run: RunId,
    events: &[(i64, &NewEntry)],
) -> Result<(), StoreError> {
    for part in events.chunks(dialect::ROWS_PER_INSERT) {
        on!(tx, conn: D => {
            let mut query = QueryBuilder::<D>::new(INSERT_EVENTS);
            query.push_values(part, |mut row, (seq, entry)| {
                let EntryBody::Event { level, phase, source, message, data } = &entry.body else { return };
                row.push_bind(run.0)
                    .push_bind(*seq)
                    .push_bind(entry.at.0)
                    .push_bind(entry.step.map(i64::from))
                    .push_bind(level.name())
                    .push_bind(phase.map(Phase::name))
                    .push_bind(text(source))
                    .push_bind(db::message(message))
                    .push_bind(data.as_ref().map(ToString::to_string));
            });
            // Only the single event is frequent enough to keep its prepared form.
            query.build().persistent(part.len() == 1).execute(&mut **conn).await.map(drop)
        })?;
    }
    Ok(())
}

async fn insert_output(
    tx: &mut Tx,
    run: RunId,
    lines: &[(i64, &NewEntry)],
) -> Result<(), StoreError> {
    let mut rest = lines;
    while let [(first_seq, first), ..] = rest {
        let (now, later) =
            rest.split_at(chunk::fitting(rest.iter().map(|(_, entry)| length(entry))));
        let raw_bytes: usize = now.iter().map(|(_, entry)| length(entry)).sum();
        let packed: Vec<ChunkLine<'_>> = now.iter().filter_map(|(_, entry)| line(entry)).collect();
        let too_long = || StoreError::Database("a line of output is 4 GiB or longer".into());
        let body = chunk::pack(&packed).ok_or_else(too_long)?;
        let last_seq = first_seq + i64::try_from(now.len()).unwrap_or(i64::MAX) - 1;
        let raw_bytes = i64::try_from(raw_bytes).unwrap_or(i64::MAX);
        let step = first.step.map(i64::from);
        execute!(
            tx,
            INSERT_CHUNK,
            run.0,
            *first_seq,
            last_seq,
            step,
            first.at.0,
            raw_bytes,
            body
        )?;
        rest = later;
    }
    Ok(())
}

fn length(entry: &NewEntry) -> usize {
    line(entry).map_or(0, |line| line.text.len())
}

fn line(entry: &NewEntry) -> Option<ChunkLine<'_>> {
    match &entry.body {
        EntryBody::Output { stream, text } => Some(ChunkLine {
            at: entry.at,
            stream: *stream,
            text: text.into(),
        }),
        EntryBody::Event { .. } => None,
    }
}

async fn last_seq(db: &mut Session, run: RunId) -> Result<i64, StoreError> {
    let row = fetch_optional!(db, (i64,), LAST, run.0)?;
    row.map(|(last,)| last)
        .ok_or_else(|| StoreError::NotFound(format!("run {run}")))
}

/// The first chunk, in reading order, that makes a page too large; never the very first one.
fn over_budget<'a>(sizes: impl Iterator<Item = &'a (i64, i64, i64)>) -> Option<(i64, i64, i64)> {
    let mut total = 0_i64;
    let mut running = sizes.map(|chunk| {
        total = total.saturating_add(chunk.2);
        (total, *chunk)
    });
    running.next()?;
    running
        .find(|(total, _)| *total > PAGE_BYTES)
        .map(|(_, chunk)| chunk)
}

/// The entries numbered `from..=to`.
async fn page(db: &mut Session, run: RunId, from: i64, to: i64) -> Result<Vec<Entry>, StoreError> {
    if from > to {
        return Ok(Vec::new());
    }
    let mut entries: Vec<Entry> = all(fetch_all!(db, EventRow, EVENTS, run.0, from, to)?)?;
    let chunks = fetch_all!(db, (i64, Option<i64>, Vec<u8>), CHUNKS, run.0, from, to)?;
    for (first_seq, step, body) in chunks {
        let damaged = || damaged_output(&db.url, run, first_seq);
        let lines = chunk::unpack(&body).ok_or_else(damaged)?;
        let step = step.map(small).transpose()?;
        let lines = (first_seq..)
            .zip(lines)
            .filter(|(seq, _)| (from..=to).contains(seq));
        entries.extend(lines.map(|(seq, line)| Entry {
            run,
            seq,
            at: line.at,
            step,
            body: EntryBody::Output {
                stream: line.stream,
                text: line.text.into_owned(),
            },
        }));
    }
    entries.sort_unstable_by_key(|entry| entry.seq);
    Ok(entries)
}

fn damaged_output(url: &str, run: RunId, first_seq: i64) -> StoreError {
    StoreError::Corrupt {
        url: url.into(),
        why: format!("output of run {run} from entry {first_seq} on cannot be read"),
    }
}

/// An event about a whole run, or one of its steps.
pub(in crate::store) fn event(
    level: crate::core::run::event::Level,
    source: &str,
    step: Option<u32>,
    message: String,
    at: Timestamp,
) -> NewEntry {
    NewEntry {
        at,
        step,
        body: EntryBody::Event {
            level,
            phase: None,
            source: source.into(),
            message,
            data: None,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_as_large_as_it_may_be_and_never_empty() {
        let half = PAGE_BYTES / 2;
        for (sizes, first_left_out) in [
            (&[][..], None),
            (&[PAGE_BYTES + 1], None),
            (&[half, half], None),
            (&[half, half, 1], Some(2)),
            (&[half, half + 1], Some(1)),
            (&[PAGE_BYTES + 1, 0], Some(1)),
            (&[i64::MAX, i64::MAX], Some(1)),
        ] {
            let chunks: Vec<_> = (0..)
                .zip(sizes)
                .map(|(seq, size)| (seq, seq, *size))
                .collect();
            assert_eq!(
                over_budget(chunks.iter()).map(|(seq, ..)| seq),
                first_left_out,
                "{sizes:?}"
            );
        }
    }
}
