//! A run's log as a file of lines, kept in three unlinked files: the texts, a record of fixed size
//! for each line with what the store knows about it, and the data of events. So the viewer treats
//! runs and files alike, and neither is held in memory.

use std::fs::File;
use std::io::{self, Write as _};
use std::os::unix::fs::FileExt as _;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use super::head::{Head, SpoolEntry};
use super::index::read_some;
use super::progress::{CAUGHT_UP, ENDED, FULL};
use crate::core::base::time::Timestamp;
use crate::core::logline;
use crate::core::run::Phase;
use crate::core::run::event::{Entry, EntryBody, Level, Stream};

/// Bytes of a record.
const SIZE: usize = 48;
/// Bytes of it for the source of an event; a longer name is cut off.
const SOURCE: usize = 12;
/// Offset in a record of the position and size of the event's data.
const DATA: usize = 24 + SOURCE;

impl Head {
    fn of(entry: &Entry) -> Self {
        let origin = match &entry.body {
            EntryBody::Event {
                level,
                phase,
                source,
                ..
            } => SpoolEntry::Event {
                level: *level,
                phase: *phase,
                source: source.clone(),
            },
            EntryBody::Output { stream, .. } => SpoolEntry::Output(*stream),
        };
        Self {
            seq: entry.seq,
            at: entry.at,
            step: entry.step,
            origin,
            joined: false,
            data: None,
        }
    }

    fn write(&self) -> [u8; SIZE] {
        let mut bytes = [0; SIZE];
        bytes[..8].copy_from_slice(&self.seq.to_le_bytes());
        bytes[8..16].copy_from_slice(&self.at.0.to_le_bytes());
        bytes[16..20].copy_from_slice(
            &self
                .step
                .map_or(0, |step| step.saturating_add(1))
                .to_le_bytes(),
        );
        bytes[20] = u8::from(self.joined);
        if let Some((place, size)) = self.data {
            bytes[DATA..DATA + 8].copy_from_slice(&place.to_le_bytes());
            bytes[DATA + 8..].copy_from_slice(&size.to_le_bytes());
        }
        match &self.origin {
            SpoolEntry::Output(stream) => bytes[21] = if *stream == Stream::Stdout { 1 } else { 2 },
            SpoolEntry::Event {
                level,
                phase,
                source,
            } => {
                bytes[22] = place(&Level::ALL, level);
                bytes[23] = phase.map_or(0, |phase| 1 + place(&Phase::ALL, &phase));
                let source = &source.as_bytes()[..source.floor_char_boundary(SOURCE)];
                bytes[24..24 + source.len()].copy_from_slice(source);
            }
        }
        bytes
    }

    fn read(bytes: &[u8; SIZE]) -> Self {
        let number = |at: usize| i64::from_le_bytes(std::array::from_fn(|i| bytes[at + i]));
        let short = |at: usize| u32::from_le_bytes(std::array::from_fn(|i| bytes[at + i]));
        let (step, size) = (short(16), short(DATA + 8));
        let origin = match bytes[21] {
            1 => SpoolEntry::Output(Stream::Stdout),
            2 => SpoolEntry::Output(Stream::Stderr),
            _ => SpoolEntry::Event {
                level: Level::ALL
                    .get(usize::from(bytes[22]))
                    .copied()
                    .unwrap_or(Level::Info),
                phase: usize::from(bytes[23])
                    .checked_sub(1)
                    .and_then(|at| Phase::ALL.get(at))
                    .copied(),
                source: String::from_utf8_lossy(&bytes[24..DATA])
                    .trim_end_matches('\0')
                    .to_owned(),
            },
        };
        // Size 0 means no data: JSON text is never empty.
        let data = (size > 0).then(|| (number(DATA).cast_unsigned(), size));
        Self {
            seq: number(0),
            at: Timestamp(number(8)),
            step: step.checked_sub(1),
            origin,
            joined: bytes[20] == 1,
            data,
        }
    }
}

fn place<T: PartialEq>(all: &[T], one: &T) -> u8 {
    all.iter()
        .position(|other| other == one)
        .and_then(|at| u8::try_from(at).ok())
        .unwrap_or(0)
}

/// The records of a run's lines.
#[derive(Debug)]
pub struct RunSpool {
    heads: File,
    data: File,
    trouble: Arc<Mutex<Option<String>>>,
}

impl RunSpool {
    /// The heads of lines `from..from + count`; fewer when they cannot be read.
    #[must_use]
    pub fn read(&self, from: usize, count: usize) -> Vec<Head> {
        self.bytes(from, count)
            .as_chunks()
            .0
            .iter()
            .map(Head::read)
            .collect()
    }

    fn bytes(&self, from: usize, count: usize) -> Vec<u8> {
        let mut bytes = vec![0; count * SIZE];
        let (mut filled, start) = (0, (from * SIZE) as u64);
        while filled < bytes.len() {
            match read_some(&self.heads, &mut bytes[filled..], start + filled as u64) {
                Ok(got @ 1..) => filled += got,
                _ => break,
            }
        }
        bytes.truncate(filled);
        bytes
    }

    /// The first of these lines that a step wrote.
    pub(super) fn first_of_step(&self, step: u32, from: usize, to: usize) -> Option<usize> {
        const PIECE: usize = 4096;
        let wanted = step.saturating_add(1).to_le_bytes();
        (from..to).step_by(PIECE).find_map(|start| {
            let bytes = self.bytes(start, PIECE.min(to - start));
            let at = bytes
                .as_chunks::<SIZE>()
                .0
                .iter()
                .position(|head| head[16..20] == wanted)?;
            Some(start + at)
        })
    }

    /// The data of an event, as JSON.
    #[must_use]
    pub fn data(&self, head: &Head) -> Option<String> {
        let (place, size) = head.data?;
        let mut bytes = vec![0; size as usize];
        Some(match self.data.read_exact_at(&mut bytes, place) {
            Ok(()) => String::from_utf8_lossy(&bytes).into_owned(),
            Err(error) => format!("cannot be read: {error}"),
        })
    }

    /// The message of the writer, returned once.
    pub(super) fn trouble(&self) -> Option<String> {
        self.trouble
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take()
    }
}

/// Writes a run's entries into the files that are read as lines.
#[derive(Debug)]
pub struct Writer {
    text: File,
    heads: File,
    data: File,
    /// Bytes of data written.
    place: u64,
    trouble: Arc<Mutex<Option<String>>>,
    ended: Arc<AtomicU8>,
    joining: Joining,
}

/// Decides which entries of a run continue the one before. Fed entry by entry.
#[derive(Debug, Default)]
pub struct Joining {
    before: Before,
}

/// The entry before.
#[derive(Debug, Default, PartialEq, Eq)]
enum Before {
    /// It cannot be continued.
    #[default]
    Closed,
    /// Output of this step that may be continued.
    Open(Option<u32>),
}

impl Joining {
    /// Whether it is output of the same step that continues the entry before.
    pub fn joins(&mut self, entry: &Entry) -> bool {
        let EntryBody::Output { text, .. } = &entry.body else {
            self.before = Before::Closed;
            return false;
        };
        let joined = self.before == Before::Open(entry.step) && logline::continues(text.as_bytes());
        if !joined {
            let heads = logline::heads(text.as_bytes());
            self.before = if heads {
                Before::Open(entry.step)
            } else {
                Before::Closed
            };
        }
        joined
    }
}

impl Writer {
    /// The writing and the reading end.
    ///
    /// # Errors
    /// When the temporary files cannot be made.
    pub(super) fn new(text: File, ended: Arc<AtomicU8>) -> io::Result<(Self, RunSpool)> {
        let (heads, data) = (tempfile::tempfile()?, tempfile::tempfile()?);
        let trouble = Arc::default();
        let spool = RunSpool {
            heads: heads.try_clone()?,
            data: data.try_clone()?,
            trouble: Arc::clone(&trouble),
        };
        Ok((
            Self {
                text,
                heads,
                data,
                place: 0,
                trouble,
                ended,
                joining: Joining::default(),
            },
            spool,
        ))
    }

    /// Appends entries. False: the disk is full; no more can be shown.
    pub fn push(&mut self, entries: &[Entry]) -> bool {
        let (mut texts, mut heads, mut data) = (Vec::new(), Vec::new(), Vec::new());
        for entry in entries {
            let (EntryBody::Event { message: text, .. } | EntryBody::Output { text, .. }) =
                &entry.body;
            let mut head = Head::of(entry);
            head.joined = self.joining.joins(entry);
            if let EntryBody::Event {
                data: Some(value), ..
            } = &entry.body
            {
                let json = value.to_string();
                head.data = u32::try_from(json.len())
                    .ok()
                    .map(|size| (self.place + data.len() as u64, size));
                data.extend_from_slice(json.as_bytes());
            }
            for line in text.split('\n') {
                texts.extend_from_slice(line.as_bytes());
                texts.push(b'\n');
                heads.extend_from_slice(&head.write());
                head.joined = true;
            }
        }
        self.place += data.len() as u64;
        // Data, then heads, then text: a visible line has its head, and a head its data.
        let beside = self
            .data
            .write_all(&data)
            .and_then(|()| self.heads.write_all(&heads));
        let written = beside.and_then(|()| self.text.write_all(&texts)).is_ok();
        if !written {
            self.ended.store(FULL, Ordering::Release);
        }
        written
    }

    /// Leaves a message about a failure for the reader.
    pub fn report(&self, text: String) {
        *self.trouble.lock().unwrap_or_else(PoisonError::into_inner) = Some(text);
    }

    /// The entries that existed at the start have been written; those that follow are new.
    pub fn catch_up(&self) {
        self.ended.store(CAUGHT_UP, Ordering::Release);
    }

    /// No entry follows.
    pub fn end(&self) {
        self.ended.store(ENDED, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::run::RunId;
    use crate::logfile::file::Tracked;
    use proptest::prelude::*;

    fn output(seq: i64, step: u32, text: &str) -> Entry {
        let body = EntryBody::Output {
            stream: Stream::Stderr,
            text: text.to_owned(),
        };
        Entry {
            run: RunId(1),
            seq,
            at: Timestamp(seq * 1000),
            step: Some(step),
            body,
        }
    }

    #[test]
    fn entries_become_lines_and_traces_stay_with_their_step() {
        let (mut file, mut writer) = Tracked::run("run #1").unwrap();
        let body = EntryBody::Event {
            level: Level::Warn,
            phase: None,
            source: "engine".into(),
            message: "a\nb".into(),
            data: Some(serde_json::json!({"took": 3})),
        };
        assert!(writer.push(&[
            Entry {
                body,
                ..output(1, 0, "")
            },
            output(2, 3, "ERROR x"),
            output(3, 3, "  at y"),
            output(4, 4, "  of another step"),
            output(5, 4, "plain"),
        ]));
        writer.end();
        while file.feed().0 {}
        let lines = file.read(0, 10, 100);
        let got: Vec<_> = lines
            .iter()
            .map(|line| {
                let head = line.head.clone().unwrap();
                (
                    String::from_utf8_lossy(&line.bytes).into_owned(),
                    head.seq,
                    head.joined,
                    file.joined(line.number),
                )
            })
            .collect();
        let expected = [
            ("a", 1, false),
            ("b", 1, true),
            ("ERROR x", 2, false),
            ("  at y", 3, true),
        ];
        let expected = expected
            .iter()
            .chain(&[("  of another step", 4, false), ("plain", 5, false)]);
        assert_eq!(
            got,
            expected
                .map(|(text, seq, j)| ((*text).to_owned(), *seq, *j, *j))
                .collect::<Vec<_>>()
        );
        assert_eq!(
            (lines[0].level(), lines[2].level(), lines[5].level()),
            (Some(Level::Warn), Some(Level::Error), None)
        );
        let data = |line: usize| file.data(lines[line].head.as_ref().unwrap());
        assert_eq!((data(0).as_deref(), data(2)), (Some("{\"took\":3}"), None));
        assert_eq!(lines[4].time(Timestamp(0)), Some(Timestamp(4000)));
    }

    proptest! {
        #[test]
        fn the_head_of_a_line_survives_writing_and_reading(
            seq: i64, at: i64, step in prop::option::of(0..u32::MAX - 1), joined: bool, output: bool, out: bool,
            level in 0usize..5, data in prop::option::of((any::<u64>(), 1..u32::MAX)), phase in prop::option::of(0usize..5), source in "[a-zé]{0,6}",
        ) {
            let stream = if out { Stream::Stdout } else { Stream::Stderr };
            let event = SpoolEntry::Event { level: Level::ALL[level], phase: phase.map(|p| Phase::ALL[p]), source };
            let origin = if output { SpoolEntry::Output(stream) } else { event };
            let head = Head { seq, at: Timestamp(at), step, origin, joined, data };
            prop_assert_eq!(Head::read(&head.write()), head);
        }
    }
}
