//! Output of a step on its way into the store: batched, in order, nothing dropped (a slow store
//! slows the child); and the record of a command before it starts.

use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};

use super::record::{Event, Kept, Recorder};
use crate::adapter::{Birth, CallEvent, OutputLine};
use crate::core::run::Phase;
use crate::core::run::artifact::{ArtifactDraft, NotKept, human_bytes};
use crate::core::run::event::{EntryBody, Level, NewEntry};
use crate::store::{Process, StoreError};

/// Maximum delay before a line is written.
const DELAY: Duration = Duration::from_millis(50);
const MAX_BYTES: usize = 256 * 1024;
const MAX_LINES: usize = 4000;

/// Batches on their way from an adapter. Each holds up to one read (64 KiB) and at most one long
/// line.
pub(super) const CHANNEL: usize = 4;

/// The origin of the output.
#[derive(Clone, Copy)]
pub(super) struct OutputOrigin<'a> {
    pub step: Option<u32>,
    pub phase: Option<Phase>,
    pub kind: &'a str,
    /// Lines are counted, not kept.
    pub sensitive: bool,
}

/// Writes events until the sender is dropped.
pub(super) async fn pump(
    rec: &Recorder,
    mut events: mpsc::Receiver<CallEvent>,
    origin: OutputOrigin<'_>,
) -> Result<(), StoreError> {
    let mut batch = Batch::default();
    let mut begun = None;
    let mut unkept = 0;
    loop {
        let next = if batch.entries.is_empty() {
            events.recv().await.map(Some)
        } else {
            tokio::select! {
                biased;
                () = sleep_until(batch.due) => Some(None),
                next = events.recv() => next.map(Some),
            }
        };
        match next {
            None => break,
            Some(Some(CallEvent::Ready(birth, go))) => {
                let process = process(birth, origin.step);
                planted!(CommandNotRecorded, (), rec.began(&process).await?);
                // An error: the receiver was cancelled, and the command ends without starting.
                let _ = go.send(());
                begun = Some(process);
            }
            Some(Some(CallEvent::Lines(lines))) if origin.sensitive => unkept += lines.len(),
            Some(Some(CallEvent::Lines(lines))) => batch.lines(rec, lines, origin),
            Some(Some(CallEvent::Artifact(left, answer))) => {
                // Output printed before the file is recorded before it.
                rec.append(&std::mem::take(&mut batch).entries).await?;
                let kept = leave(rec, left, origin).await?;
                // An error: the receiver was cancelled; the file is kept all the same.
                let _ = answer.send(kept);
            }
            // The record of a run has the duration of its steps only.
            Some(None | Some(CallEvent::Timed(_))) => {}
            Some(Some(CallEvent::Note(message))) => batch.note(rec, Level::Warn, message, origin),
        }
        if batch.is_due() {
            rec.append(&std::mem::take(&mut batch).entries).await?;
        }
    }
    if unkept > 0 {
        batch.note(
            rec,
            Level::Info,
            format!("{unkept} lines of output were not kept: the step is sensitive"),
            origin,
        );
    }
    planted!(LastChunkUnredacted => if !batch.entries.is_empty() {
        rec.world.store.append(rec.claim, &std::mem::take(&mut batch).entries).await?;
    });
    rec.append(&batch.entries).await?;
    match begun {
        Some(process) => rec.over(&process).await,
        None => Ok(()),
    }
}

/// Keeps a file and records an event.
async fn leave(
    rec: &Recorder,
    left: ArtifactDraft,
    origin: OutputOrigin<'_>,
) -> Result<Result<(), NotKept>, StoreError> {
    let title = left.title.clone();
    let kept = rec.leave(origin.step, left).await?;
    if let Ok(Kept {
        hash,
        bytes,
        replaced,
    }) = &kept
    {
        let short: String = hash.chars().take(12).collect();
        let how = if *replaced {
            "; not as it was: values of secrets in it were replaced"
        } else {
            ""
        };
        let message = format!(
            "left {title} ({}, sha256 {short}…{how})",
            human_bytes(*bytes)
        );
        let level = if *replaced { Level::Warn } else { Level::Info };
        rec.append(&[event(rec, level, message, origin)]).await?;
    }
    Ok(kept.map(drop))
}

fn event(rec: &Recorder, level: Level, message: String, origin: OutputOrigin<'_>) -> NewEntry {
    let OutputOrigin {
        step, phase, kind, ..
    } = origin;
    rec.entry(Event {
        step,
        phase,
        source: kind,
        level,
        message,
        data: None,
    })
}

fn process(birth: Birth, step: Option<u32>) -> Process {
    let Birth {
        pgid,
        started,
        mark,
    } = birth;
    Process {
        step,
        holder: String::new(),
        pgid,
        started,
        mark,
    }
}

struct Batch {
    entries: Vec<NewEntry>,
    bytes: usize,
    due: Instant,
}

impl Default for Batch {
    fn default() -> Self {
        Self {
            entries: Vec::new(),
            bytes: 0,
            due: Instant::now() + DELAY,
        }
    }
}

impl Batch {
    fn lines(&mut self, rec: &Recorder, lines: Vec<OutputLine>, origin: OutputOrigin<'_>) {
        self.begin();
        let (at, step) = (rec.world.clock.now(), origin.step);
        self.bytes += lines.iter().map(|l| l.text.len() + 1).sum::<usize>();
        let entry = |line: OutputLine| {
            let body = EntryBody::Output {
                stream: line.stream,
                text: line.text,
            };
            NewEntry { at, step, body }
        };
        self.entries.extend(lines.into_iter().map(entry));
    }

    fn note(&mut self, rec: &Recorder, level: Level, message: String, origin: OutputOrigin<'_>) {
        self.begin();
        self.entries.push(event(rec, level, message, origin));
    }

    /// The first of a batch sets the time it is due.
    fn begin(&mut self) {
        if self.entries.is_empty() {
            self.due = Instant::now() + DELAY;
        }
    }

    fn is_due(&self) -> bool {
        !self.entries.is_empty()
            && (self.entries.len() >= MAX_LINES
                || self.bytes >= MAX_BYTES
                || Instant::now() >= self.due)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::run::event::Stream;
    use crate::engine::testing::recorder;

    const ORIGIN: OutputOrigin<'static> = OutputOrigin {
        step: Some(1),
        phase: Some(Phase::Action),
        kind: "shell",
        sensitive: false,
    };

    fn lines(count: usize, bytes: usize) -> Vec<OutputLine> {
        let line = OutputLine {
            stream: Stream::Stdout,
            text: "x".repeat(bytes),
        };
        vec![line; count]
    }

    #[tokio::test]
    async fn a_batch_is_written_when_it_is_full_or_50_ms_old() {
        let rec = recorder().await;
        tokio::time::pause();
        for (count, bytes, due) in [
            (3999, 0, false),
            (4000, 0, true),
            // Each line counts with its end.
            (4, 65_534, false),
            (4, 65_535, true),
        ] {
            let mut batch = Batch::default();
            assert!(!batch.is_due());
            batch.lines(&rec, lines(count - 1, bytes), ORIGIN);
            assert!(!batch.is_due(), "{count} {bytes}");
            batch.lines(&rec, lines(1, bytes), ORIGIN);
            assert_eq!(batch.is_due(), due, "{count} {bytes}");
            assert_eq!(batch.entries.len(), count);
        }
        let mut batch = Batch::default();
        tokio::time::advance(Duration::from_secs(1)).await;
        assert!(!batch.is_due(), "it is empty");
        for (wait_ms, due) in [(0, false), (40, false), (9, false), (1, true)] {
            tokio::time::advance(Duration::from_millis(wait_ms)).await;
            batch.note(&rec, Level::Warn, "slow".to_owned(), ORIGIN);
            assert_eq!(batch.is_due(), due, "{wait_ms}");
        }
        assert_eq!(batch.entries[0].step, Some(1));
    }

    #[tokio::test]
    async fn output_of_a_sensitive_step_is_counted() {
        for (sensitive, batches, wanted) in [
            (false, &[2, 1][..], vec!["x", "x", "x"]),
            (
                true,
                &[2, 1],
                vec!["3 lines of output were not kept: the step is sensitive"],
            ),
            (true, &[], vec![]),
        ] {
            let rec = recorder().await;
            let before = rec.world.store.run(rec.run()).await.unwrap().last_seq;
            let (send, events) = mpsc::channel(CHANNEL);
            for count in batches {
                send.send(CallEvent::Lines(lines(*count, 1))).await.unwrap();
            }
            drop(send);
            let origin = OutputOrigin {
                sensitive,
                ..ORIGIN
            };
            pump(&rec, events, origin).await.unwrap();
            let written = rec.world.store.entries_after(rec.run(), before, 9).await;
            let texts: Vec<String> = written
                .unwrap()
                .into_iter()
                .map(|entry| match entry.body {
                    EntryBody::Output { text, .. } => text,
                    EntryBody::Event { message, .. } => message,
                })
                .collect();
            assert_eq!(texts, wanted, "{sensitive}");
        }
    }

    #[tokio::test]
    async fn a_kept_file_is_recorded_with_its_size_and_hash() {
        use crate::core::run::artifact::ArtifactKind;
        let rec = recorder().await;
        let draft = ArtifactDraft {
            kind: ArtifactKind::File,
            title: "notes.txt".to_owned(),
            content: b"hello".to_vec(),
        };
        let kept = leave(&rec, draft, ORIGIN).await.unwrap();
        assert!(kept.is_ok());
        let entries = rec
            .world
            .store
            .entries_after(rec.run(), 1, 9)
            .await
            .unwrap();
        let EntryBody::Event {
            level,
            phase,
            source,
            message,
            ..
        } = &entries[0].body
        else {
            panic!("{entries:?}")
        };
        assert_eq!(
            (*level, *phase, source.as_str()),
            (Level::Info, ORIGIN.phase, "shell")
        );
        assert_eq!(
            message,
            &format!("left notes.txt ({}, sha256 2cf24dba5fb0…)", human_bytes(5))
        );
    }
}
