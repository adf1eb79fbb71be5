//! Results of probes as columns: how they are packed for storage, and what is kept of them once
//! they are old. Pure: bytes in, values out.
//!
//! A flush of the engine becomes one [`batch`] (samples of many routines), compaction turns batches
//! into [`chunk`]s (samples of one routine; whole days of several lie on a [`shelf`]) and [`rollup`]s
//! (counts and a [`sketch`] of latencies of one routine in one window), which are stored as a
//! [`bundle`] of many routines.

pub mod axis;
pub mod batch;
pub mod bundle;
mod bytes;
pub mod chunk;
mod codec;
pub mod difference;
pub mod downtime;
pub mod rollup;
pub mod sample;
pub mod series;
pub mod shelf;
pub mod sketch;

/// One minute, milliseconds.
pub const MINUTE_MS: i64 = 60_000;
/// One hour, milliseconds.
pub const HOUR_MS: i64 = 60 * MINUTE_MS;
/// One day of UTC, milliseconds.
pub const DAY_MS: i64 = 24 * HOUR_MS;

/// The most samples in one block. It bounds what a damaged block can make a reader allocate: 2 MiB
/// a column.
pub const MAX_BLOCK: usize = 1 << 18;

/// Bytes that are not a block of this format: cut short, changed, or written by a newer version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a block of probe results cannot be read: {0}")]
pub struct Damaged(pub &'static str);
