//! The log of a run: events as rows, output as compressed chunks, one gapless sequence over both.

use super::chunk::{self, Line};
use super::db::{on, write};
use super::runs::wide;
use super::{Claim, Store, StoreError, column, from_json, json};
use crate::core::event::{Entry, EntryBody, Level, NewEntry};
use crate::core::run::{Artifact, ArtifactKind, Phase, RunId};
use crate::core::time::Timestamp;

pub(super) const RESERVE: &str = "update run set last_seq = last_seq + $3 where id = $1 and token = $2 \
     and status in ('claimed', 'running', 'waiting') returning last_seq";
pub(super) const INSERT_EVENTS: &str =
    "insert into event (run_id, seq, at, step, level, phase, source, message, data) ";
pub(super) const INSERT_CHUNK: &str =
    "insert into output_chunk (run_id, first_seq, last_seq, step, body) values ($1, $2, $3, $4, $5)";
const EVENTS_AFTER: &str = "select seq, at, step, level, phase, source, message, data from event \
     where run_id = $1 and seq > $2 order by seq limit $3";
const EVENTS_BEFORE: &str = "select seq, at, step, level, phase, source, message, data from event \
     where run_id = $1 and seq < $2 order by seq desc limit $3";
const CHUNKS_AFTER: &str = "select first_seq, last_seq, step, body from output_chunk \
     where run_id = $1 and last_seq > $2 order by first_seq limit 4";
const CHUNKS_BEFORE: &str = "select first_seq, last_seq, step, body from output_chunk \
     where run_id = $1 and first_seq < $2 order by first_seq desc limit 4";
const INSERT_ARTIFACT: &str = "insert into artifact (run_id, kind, title, content, at) values ($1, $2, $3, $4, $5)";
const ARTIFACTS: &str = "select kind, title, content, at from artifact where run_id = $1 order by id";

/// Rows of one multi-row insert: 9 values each, far below either database's limit of bound values.
pub(super) const ROWS: usize = 500;

/// Takes the next numbers for `n` entries, if the claim still holds. Gives the last of them.
macro_rules! reserve {
    ($tx:ident, $claim:expr, $n:expr) => {{
        let last: Option<i64> = sqlx::query_scalar($crate::store::journal::RESERVE)
            .bind($claim.run.0)
            .bind($claim.token)
            .bind(wide($n))
            .fetch_optional(&mut *$tx)
            .await?;
        last.ok_or(StoreError::StaleToken($claim.run))?
    }};
}
pub(super) use reserve;

/// Writes entries from number `first` on, inside a transaction.
macro_rules! append {
    ($tx:ident, $run:expr, $first:expr, $entries:expr) => {{
        let (events, chunks) = $crate::store::journal::split($first, $entries)?;
        for rows in events.chunks($crate::store::journal::ROWS) {
            let mut insert = sqlx::QueryBuilder::new($crate::store::journal::INSERT_EVENTS);
            insert.push_values(rows, |mut row, event| {
                row.push_bind($run.0)
                    .push_bind(event.seq)
                    .push_bind(event.at)
                    .push_bind(event.step)
                    .push_bind(event.level)
                    .push_bind(event.phase)
                    .push_bind(event.source.as_ref())
                    .push_bind(event.message.as_ref())
                    .push_bind(event.data.as_deref());
            });
            insert.build().execute(&mut *$tx).await?;
        }
        for chunk in &chunks {
            sqlx::query($crate::store::journal::INSERT_CHUNK)
                .bind($run.0)
                .bind(chunk.first)
                .bind(chunk.last)
                .bind(chunk.step)
                .bind(chunk.body.as_slice())
                .execute(&mut *$tx)
                .await?;
        }
    }};
}
pub(super) use append;

pub(super) struct EventRow<'a> {
    pub seq: i64,
    pub at: i64,
    pub step: Option<i64>,
    pub level: &'static str,
    pub phase: Option<&'static str>,
    pub source: std::borrow::Cow<'a, str>,
    pub message: std::borrow::Cow<'a, str>,
    pub data: Option<String>,
}

pub(super) struct Chunk {
    pub first: i64,
    pub last: i64,
    pub step: Option<i64>,
    pub body: Vec<u8>,
}

/// Numbers entries and parts them: events become rows, neighbouring output lines of one step become chunks.
pub(super) fn split(first: i64, entries: &[NewEntry]) -> Result<(Vec<EventRow<'_>>, Vec<Chunk>), StoreError> {
    let (mut events, mut chunks) = (Vec::new(), Vec::new());
    let mut at = 0;
    while let Some(entry) = entries.get(at) {
        let seq = first + wide(at);
        if let EntryBody::Event { level, phase, source, message, data } = &entry.body {
            events.push(EventRow {
                seq,
                at: entry.at.0,
                step: entry.step.map(i64::from),
                level: level.name(),
                phase: phase.map(Phase::name),
                source: column(source),
                message: column(message),
                data: data.as_ref().map(json).transpose()?,
            });
            at += 1;
            continue;
        }
        let lines: Vec<_> = entries[at..]
            .iter()
            .take_while(|next| next.step == entry.step)
            .map_while(|next| match &next.body {
                EntryBody::Output { stream, text } => Some(Line { at: next.at, stream: *stream, text }),
                EntryBody::Event { .. } => None,
            })
            .collect();
        let taken = chunk::fill(&lines);
        chunks.push(Chunk {
            first: seq,
            last: seq + wide(taken) - 1,
            step: entry.step.map(i64::from),
            body: chunk::pack(&lines[..taken]),
        });
        at += taken;
    }
    Ok((events, chunks))
}

type StoredEvent = (i64, i64, Option<i64>, String, Option<String>, String, String, Option<String>);
type StoredChunk = (i64, i64, Option<i64>, Vec<u8>);

impl Store {
    /// Appends entries in order; numbers them without gaps; returns the last number. Conditional on the token.
    pub async fn append(&self, claim: Claim, entries: &[NewEntry]) -> Result<i64, StoreError> {
        Ok(write!(self, tx => {
            let last = reserve!(tx, claim, entries.len());
            append!(tx, claim.run, last - wide(entries.len()) + 1, entries);
            last
        }))
    }

    /// Entries with `after < seq`, oldest first, at most `limit`.
    pub async fn entries_after(&self, run: RunId, after: i64, limit: u32) -> Result<Vec<Entry>, StoreError> {
        let limit = limit as usize;
        let events: Vec<StoredEvent> = on!(self, pool => {
            sqlx::query_as(EVENTS_AFTER).bind(run.0).bind(after).bind(wide(limit)).fetch_all(pool).await?
        });
        let mut entries = events.into_iter().map(|row| event(run, row)).collect::<Result<Vec<_>, _>>()?;
        let mut output = Vec::new();
        let mut from = after;
        while output.len() < limit {
            let chunks: Vec<StoredChunk> =
                on!(self, pool => sqlx::query_as(CHUNKS_AFTER).bind(run.0).bind(from).fetch_all(pool).await?);
            let Some(last) = chunks.last().map(|c| c.1) else { break };
            for (first, _, step, body) in chunks {
                output.extend(lines(run, first, step, &body)?.into_iter().filter(|e| e.seq > after));
            }
            from = last;
        }
        entries.extend(output);
        entries.sort_unstable_by_key(|e| e.seq);
        entries.truncate(limit);
        Ok(entries)
    }

    /// The last `limit` entries with `seq < before`, oldest first.
    pub async fn entries_before(&self, run: RunId, before: i64, limit: u32) -> Result<Vec<Entry>, StoreError> {
        let limit = limit as usize;
        let events: Vec<StoredEvent> = on!(self, pool => {
            sqlx::query_as(EVENTS_BEFORE).bind(run.0).bind(before).bind(wide(limit)).fetch_all(pool).await?
        });
        let mut entries = events.into_iter().map(|row| event(run, row)).collect::<Result<Vec<_>, _>>()?;
        let mut output = 0;
        let mut to = before;
        while output < limit {
            let chunks: Vec<StoredChunk> =
                on!(self, pool => sqlx::query_as(CHUNKS_BEFORE).bind(run.0).bind(to).fetch_all(pool).await?);
            let Some(first) = chunks.last().map(|c| c.0) else { break };
            for (first, _, step, body) in chunks {
                let found = lines(run, first, step, &body)?.into_iter().filter(|e| e.seq < before);
                let known = entries.len();
                entries.extend(found);
                output += entries.len() - known;
            }
            to = first;
        }
        entries.sort_unstable_by_key(|e| e.seq);
        Ok(entries.split_off(entries.len().saturating_sub(limit)))
    }

    /// Adds artifacts, conditional on the token. Their `run` is the claim's.
    pub async fn leave(&self, claim: Claim, artifacts: &[Artifact]) -> Result<(), StoreError> {
        write!(self, tx => {
            reserve!(tx, claim, 0);
            for artifact in artifacts {
                sqlx::query(INSERT_ARTIFACT)
                    .bind(claim.run.0)
                    .bind(artifact.kind.name())
                    .bind(column(&artifact.title))
                    .bind(column(&artifact.content))
                    .bind(artifact.at.0)
                    .execute(&mut *tx)
                    .await?;
            }
        });
        Ok(())
    }

    /// What a run left behind, in order.
    pub async fn artifacts(&self, run: RunId) -> Result<Vec<Artifact>, StoreError> {
        let rows: Vec<(String, String, String, i64)> =
            on!(self, pool => sqlx::query_as(ARTIFACTS).bind(run.0).fetch_all(pool).await?);
        let artifact = |(kind, title, content, at): (String, String, String, i64)| {
            let kind = ArtifactKind::from_name(&kind)
                .ok_or_else(|| StoreError::Database(format!("unknown artifact kind {kind}")))?;
            Ok(Artifact { run, kind, title, content, at: Timestamp(at) })
        };
        rows.into_iter().map(artifact).collect()
    }
}

fn lines(run: RunId, first: i64, step: Option<i64>, body: &[u8]) -> Result<Vec<Entry>, StoreError> {
    chunk::unpack(run, first, step.and_then(|s| u32::try_from(s).ok()), body)
}

fn event(run: RunId, row: StoredEvent) -> Result<Entry, StoreError> {
    let (seq, at, step, level, phase, source, message, data) = row;
    let body = EntryBody::Event {
        level: Level::from_name(&level).ok_or_else(|| StoreError::Database(format!("unknown level {level}")))?,
        phase: phase.as_deref().and_then(Phase::from_name),
        source,
        message,
        data: data.map(|d| from_json(&d, "an event's data")).transpose()?,
    };
    Ok(Entry { run, seq, at: Timestamp(at), step: step.and_then(|s| u32::try_from(s).ok()), body })
}
