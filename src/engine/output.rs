//! Output of a step on its way into the store: batched, in order, nothing dropped; a slow store slows the child.

use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};

use super::record::{Event, Recorder};
use crate::adapter::Said;
use crate::core::event::{EntryBody, Level, NewEntry};
use crate::core::run::Phase;
use crate::store::StoreError;

/// A line waits at most this long to be written.
const DELAY: Duration = Duration::from_millis(50);
const MAX_BYTES: usize = 64 * 1024;
const MAX_LINES: usize = 500;

/// Batches on their way from an adapter. Each holds up to one read (64 KiB) and at most one long line.
pub(super) const CHANNEL: usize = 4;

/// Where the output belongs.
#[derive(Clone, Copy)]
pub(super) struct Origin<'a> {
    pub step: Option<u32>,
    pub phase: Option<Phase>,
    pub kind: &'a str,
}

/// Writes what comes until the sender is dropped.
pub(super) async fn pump(rec: &Recorder, mut said: mpsc::Receiver<Said>, origin: Origin<'_>) -> Result<(), StoreError> {
    let mut batch = Batch::default();
    loop {
        let next = if batch.entries.is_empty() {
            said.recv().await.map(Some)
        } else {
            tokio::select! {
                biased;
                () = sleep_until(batch.due) => Some(None),
                next = said.recv() => next.map(Some),
            }
        };
        match next {
            None => return rec.append(&batch.entries).await,
            Some(Some(said)) => batch.add(rec, said, origin),
            Some(None) => {}
        }
        if batch.is_due() {
            rec.append(&std::mem::take(&mut batch).entries).await?;
        }
    }
}

struct Batch {
    entries: Vec<NewEntry>,
    bytes: usize,
    due: Instant,
}

impl Default for Batch {
    fn default() -> Self {
        Self { entries: Vec::new(), bytes: 0, due: Instant::now() + DELAY }
    }
}

impl Batch {
    fn add(&mut self, rec: &Recorder, said: Said, origin: Origin<'_>) {
        if self.entries.is_empty() {
            self.due = Instant::now() + DELAY;
        }
        let Origin { step, phase, kind } = origin;
        match said {
            Said::Lines(lines) => {
                let at = rec.world.clock.now();
                self.bytes += lines.iter().map(|l| l.text.len() + 1).sum::<usize>();
                let entry = |line: crate::adapter::OutputLine| NewEntry {
                    at,
                    step,
                    body: EntryBody::Output { stream: line.stream, text: line.text },
                };
                self.entries.extend(lines.into_iter().map(entry));
            }
            Said::Note(message) => {
                let event = Event { step, phase, source: kind, level: Level::Warn, message, data: None };
                self.entries.push(rec.entry(event));
            }
        }
    }

    fn is_due(&self) -> bool {
        !self.entries.is_empty()
            && (self.entries.len() >= MAX_LINES || self.bytes >= MAX_BYTES || Instant::now() >= self.due)
    }
}
