//! Records what happens to a run: in the store first, then on the bus. A failing store is retried
//! for as long as a lease lasts; after that the run is abandoned, and nothing more is reported.

use std::borrow::Cow;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::{World, redact};
use crate::bus::Notice;
use crate::core::base::time::Timestamp;
use crate::core::health::observation::Observation;
use crate::core::run::artifact::{ArtifactDraft, NotKept};
use crate::core::run::breaker::{self, BreakerKey, Pass};
use crate::core::run::event::{EntryBody, Level, NewEntry};
use crate::core::run::{Phase, Run, RunId, RunStatus, StepStatus, Transition, next};
use crate::store::{Claim, NewArtifact, NewRun, Process, StoreError};

/// Writes the records of one run.
pub(super) struct Recorder {
    pub world: World,
    pub claim: Claim,
    /// The last number known to be written; entries by others may lie between.
    seq: AtomicI64,
    /// Set before the write that ends the run: from then on a stale token is expected.
    pub ending: AtomicBool,
    /// Lines of output that could not be written.
    lost: AtomicUsize,
}

/// An artifact as it is kept.
pub(super) struct Kept {
    pub hash: String,
    pub bytes: i64,
    /// Values of secrets were taken out of its contents.
    pub replaced: bool,
}

/// An event to be recorded.
pub(super) struct Event<'a> {
    pub step: Option<u32>,
    pub phase: Option<Phase>,
    pub source: &'a str,
    pub level: Level,
    pub message: String,
    pub data: Option<serde_json::Value>,
}

/// The state of a step to be recorded.
#[derive(Clone, Copy)]
pub(super) struct StepRecord<'a> {
    pub index: u32,
    pub status: StepStatus,
    pub attempt: u32,
    pub message: Option<&'a str>,
}

impl Recorder {
    pub(super) fn new(world: World, claim: Claim, run: &Run) -> Self {
        Self {
            world,
            claim,
            seq: AtomicI64::new(run.last_seq),
            ending: AtomicBool::new(false),
            lost: AtomicUsize::default(),
        }
    }

    pub(super) fn entry(&self, event: Event<'_>) -> NewEntry {
        let Event {
            step,
            phase,
            source,
            level,
            message,
            data,
        } = event;
        let body = EntryBody::Event {
            level,
            phase,
            source: source.to_owned(),
            message,
            data,
        };
        NewEntry {
            at: self.world.clock.now(),
            step,
            body,
        }
    }

    /// An event of the engine about the whole run.
    pub(super) fn note(
        &self,
        phase: Option<Phase>,
        level: Level,
        message: impl Into<String>,
    ) -> NewEntry {
        self.entry(Event {
            step: None,
            phase,
            source: "engine",
            level,
            message: message.into(),
            data: None,
        })
    }

    pub(super) async fn append(&self, entries: &[NewEntry]) -> Result<(), StoreError> {
        if entries.is_empty() {
            return Ok(());
        }
        let (store, claim) = (&self.world.store, self.claim);
        let before = self.known();
        let entries = &*self.clean(entries);
        let unwritten = Unwritten::of(entries, &self.lost);
        let seq = self
            .persist(
                move || store.append(claim, entries),
                move || self.written(before, entries),
            )
            .await?;
        unwritten.are_written();
        self.seq.fetch_max(seq, Ordering::AcqRel);
        self.world.bus.publish(Notice::Entries(claim.run, seq));
        Ok(())
    }

    pub(super) async fn step(
        &self,
        record: StepRecord<'_>,
        entries: &[NewEntry],
    ) -> Result<(), StoreError> {
        let (store, claim, at) = (&self.world.store, self.claim, self.world.clock.now());
        let before = self.known();
        let (message, entries) = (self.clean_text(record.message), &*self.clean(entries));
        let message = message.as_deref();
        planted!(LateOutcome => if record.status == StepStatus::Succeeded {
            self.step_later(StepRecord { message, ..record }, entries, at);
            return Ok(());
        });
        let StepRecord {
            index,
            status,
            attempt,
            ..
        } = record;
        let write = move || store.step(claim, index, status, attempt, message, entries, at);
        let written = move || async move { Ok(self.written(before, entries).await?.map(drop)) };
        self.persist(write, written).await?;
        self.world.bus.publish(Notice::Steps(claim.run));
        self.publish_entries(before, entries);
        Ok(())
    }

    #[cfg(feature = "faults")]
    fn step_later(&self, record: StepRecord<'_>, entries: &[NewEntry], at: Timestamp) {
        let (store, claim) = (self.world.store.clone(), self.claim);
        let (index, status, attempt) = (record.index, record.status, record.attempt);
        let (message, entries) = (record.message.map(str::to_owned), entries.to_vec());
        tokio::spawn(async move {
            sleep(Duration::from_millis(100)).await;
            let _ = store
                .step(
                    claim,
                    index,
                    status,
                    attempt,
                    message.as_deref(),
                    &entries,
                    at,
                )
                .await;
        });
    }

    pub(super) async fn transition(
        &self,
        what: Transition,
        message: Option<&str>,
        entries: &[NewEntry],
    ) -> Result<RunStatus, StoreError> {
        let (store, claim, at) = (&self.world.store, self.claim, self.world.clock.now());
        let before = self.known();
        let (message, entries) = (self.clean_text(message), &*self.clean(entries));
        let message = message.as_deref();
        let write = move || store.transition(claim, what, message, entries, at);
        let status = self
            .persist(write, move || self.moved(before, what, entries))
            .await?;
        self.world.bus.publish(Notice::Run(claim.run, status));
        self.publish_entries(before, entries);
        Ok(status)
    }

    /// Starts the run; this engine took it at `claimed_at`.
    pub(super) async fn start(
        &self,
        claimed_at: Timestamp,
        entries: &[NewEntry],
    ) -> Result<(), StoreError> {
        let (store, claim, at) = (&self.world.store, self.claim, self.world.clock.now());
        let before = self.known();
        let entries = &*self.clean(entries);
        let write = move || store.start(claim, claimed_at, entries, at);
        let status = self
            .persist(write, move || {
                self.moved(before, Transition::Start, entries)
            })
            .await?;
        self.world.bus.publish(Notice::Run(claim.run, status));
        self.publish_entries(before, entries);
        Ok(())
    }

    /// Records the end of an attempt that is followed by another one.
    pub(super) async fn attempt_ended(
        &self,
        record: StepRecord<'_>,
        entries: &[NewEntry],
    ) -> Result<(), StoreError> {
        let (store, claim, at) = (&self.world.store, self.claim, self.world.clock.now());
        let before = self.known();
        let entries = &*self.clean(entries);
        let attempt = (record.attempt, record.status);
        let write = move || store.attempt_ended(claim, record.index, attempt, entries, at);
        let written = move || async move { Ok(self.written(before, entries).await?.map(drop)) };
        self.persist(write, written).await?;
        self.publish_entries(before, entries);
        Ok(())
    }

    /// Ends the run as succeeded and queues the next link of its chain.
    pub(super) async fn succeed(
        &self,
        entries: &[NewEntry],
        next: Option<NewRun>,
    ) -> Result<Option<Run>, StoreError> {
        let (store, claim, at, next) =
            (&self.world.store, self.claim, self.world.clock.now(), &next);
        let before = self.known();
        let entries = &*self.clean(entries);
        let write = move || store.succeed_and_chain(claim, None, entries, next.clone(), at);
        let next = self
            .persist(write, move || self.succeeded(before, entries))
            .await?;
        self.world
            .bus
            .publish(Notice::Run(claim.run, RunStatus::Succeeded));
        self.publish_entries(before, entries);
        if let Some(next) = &next {
            self.world.bus.publish(Notice::Run(next.id, next.status));
        }
        Ok(next)
    }

    pub(super) async fn observe(&self, seen: Observation) -> Result<(), StoreError> {
        let (store, workspace) = (&self.world.store, self.claim.workspace);
        let seen = &[redact::observation(&self.world.adapters.redactor(), seen)];
        self.persist(
            move || store.observe(workspace, seen),
            || std::future::ready(Ok(None)),
        )
        .await?;
        self.world.bus.publish(Notice::Observations);
        Ok(())
    }

    /// Stores an artifact of a step (or of the run itself). The inner result: how it is kept, or
    /// why it is not.
    pub(super) async fn leave(
        &self,
        step: Option<u32>,
        left: ArtifactDraft,
    ) -> Result<Result<Kept, NotKept>, StoreError> {
        let (store, claim, at) = (&self.world.store, self.claim, self.world.clock.now());
        let limits = self.world.adapters.artifact_limits();
        let redactor = self.world.adapters.redactor();
        // Searching, hashing and packing megabytes would block this thread.
        let packed = tokio::task::spawn_blocking(move || {
            let (left, replaced) = redact::left(&redactor, left);
            (NewArtifact::pack(left), replaced)
        });
        let packed = packed
            .await
            .map_err(|e| StoreError::Database(format!("an artifact could not be packed: {e}")));
        let (packed, replaced) = packed?;
        let Some(artifact) = &packed else {
            return Ok(Err(NotKept::itself(
                "contents of 4 GiB and more are not kept".to_owned(),
            )));
        };
        let there = move || async move {
            let there = store.artifacts(claim.run).await?;
            Ok(there
                .iter()
                .any(|a| artifact.is(a, step, at))
                .then_some(Ok(())))
        };
        let kept = self
            .persist(
                move || store.leave(claim, step, artifact, limits, at),
                there,
            )
            .await?;
        Ok(kept.map(|()| Kept {
            hash: artifact.hash().to_owned(),
            bytes: artifact.bytes(),
            replaced,
        }))
    }

    /// Records a command that is about to start.
    pub(super) async fn began(&self, process: &Process) -> Result<(), StoreError> {
        let (store, claim) = (&self.world.store, self.claim);
        // Idempotent.
        self.persist(
            move || store.process_began(claim, process),
            || std::future::ready(Ok(None)),
        )
        .await
    }

    /// Records the end of a command.
    pub(super) async fn over(&self, process: &Process) -> Result<(), StoreError> {
        let (store, run) = (&self.world.store, self.claim.run);
        self.persist(
            move || store.process_ended(run, process),
            || std::future::ready(Ok(None)),
        )
        .await
    }

    /// Asks the breaker of a call's target whether the call may be made.
    pub(super) async fn admit_call(
        &self,
        way: &BreakerKey,
        max_wait_ms: i64,
    ) -> Result<Pass, StoreError> {
        let (store, workspace, at) = (
            &self.world.store,
            self.claim.workspace,
            self.world.clock.now(),
        );
        let ask = move || store.admit_call(workspace, way, max_wait_ms, at);
        self.persist(ask, || std::future::ready(Ok(None))).await
    }

    /// Reports the outcome of the call to the breaker. A lost answer may count a failure twice,
    /// which errs on the safe side.
    pub(super) async fn report_to_breaker(
        &self,
        way: &BreakerKey,
        pass: Pass,
        outcome: Result<(), &str>,
    ) -> Result<Option<(breaker::State, breaker::State)>, StoreError> {
        let (store, workspace, at) = (
            &self.world.store,
            self.claim.workspace,
            self.world.clock.now(),
        );
        let message = outcome
            .err()
            .map(|message| self.world.adapters.redactor().redact(message));
        let outcome = message.as_deref().map_or(Ok(()), Err);
        let report = move || store.record_call(workspace, way, pass, outcome, at);
        self.persist(report, || std::future::ready(Ok(None))).await
    }

    /// Publishes the number of the very last entry once the run has ended: listeners must not miss
    /// its end.
    pub(super) async fn publish_last(&self) {
        if let Ok(run) = self.world.store.run(self.claim.run).await {
            self.world
                .bus
                .publish(Notice::Entries(run.id, run.last_seq));
        }
    }

    /// Advances to a number written by others (a cancellation, an answer) and publishes it.
    pub(super) fn advance_to(&self, seq: i64) {
        if self.seq.fetch_max(seq, Ordering::AcqRel) < seq {
            self.world.bus.publish(Notice::Entries(self.claim.run, seq));
        }
    }

    /// How many lines of output could not be written so far.
    pub(super) fn lost(&self) -> usize {
        self.lost.load(Ordering::Acquire)
    }

    pub(super) const fn run(&self) -> RunId {
        self.claim.run
    }

    /// `before`: the last number known before the write. Never publishes a number that is not there
    /// yet.
    fn publish_entries(&self, before: i64, entries: &[NewEntry]) {
        if !entries.is_empty() {
            let now = before + i64::try_from(entries.len()).unwrap_or(0);
            let seq = self.seq.fetch_max(now, Ordering::AcqRel).max(now);
            self.world.bus.publish(Notice::Entries(self.claim.run, seq));
        }
    }

    /// Redacts the values of secrets: everything this run writes passes here.
    fn clean<'a>(&self, entries: &'a [NewEntry]) -> Cow<'a, [NewEntry]> {
        redact::entries(&self.world.adapters.redactor(), entries)
    }

    fn clean_text(&self, text: Option<&str>) -> Option<String> {
        text.map(|text| self.world.adapters.redactor().redact(text))
    }

    fn known(&self) -> i64 {
        self.seq.load(Ordering::Acquire)
    }

    /// The number of the last of these entries when a write of ours that seemed to fail was
    /// committed after all. `before`: a number from before that write.
    async fn written(&self, before: i64, entries: &[NewEntry]) -> Result<Option<i64>, StoreError> {
        self.world
            .store
            .written(self.claim.run, before, entries)
            .await
    }

    async fn moved(
        &self,
        before: i64,
        what: Transition,
        entries: &[NewEntry],
    ) -> Result<Option<RunStatus>, StoreError> {
        let there = self.written(before, entries).await?.is_some();
        let run = self.world.store.run(self.claim.run).await?;
        // Without entries only the state counts: the target of the transition cannot be its source.
        let status = run.status;
        let arrived = RunStatus::ALL
            .into_iter()
            .any(|from| next(from, what) == Some(status));
        Ok((arrived && (there || entries.is_empty())).then_some(status))
    }

    async fn succeeded(
        &self,
        before: i64,
        entries: &[NewEntry],
    ) -> Result<Option<Option<Run>>, StoreError> {
        if self
            .moved(before, Transition::Succeed, entries)
            .await?
            .is_none()
        {
            return Ok(None);
        }
        Ok(Some(self.world.store.next_link(self.claim.run).await?))
    }

    /// Writes, and retries while the store is locked or fails. A refusal is final. When a
    /// connection is lost at the commit it is unknown whether it happened: before another attempt,
    /// `written` checks.
    async fn persist<T, F, G>(
        &self,
        write: impl Fn() -> F,
        written: impl Fn() -> G,
    ) -> Result<T, StoreError>
    where
        F: Future<Output = Result<T, StoreError>>,
        G: Future<Output = Result<Option<T>, StoreError>>,
    {
        stop_point!(Before);
        let max_wait =
            Duration::from_millis(u64::try_from(self.world.config.lease_ms).unwrap_or(0));
        let began = Instant::now();
        let mut pause = Duration::from_millis(50);
        let mut checking = false;
        loop {
            let answer = if checking {
                written().await
            } else {
                write().await.map(Some)
            };
            match answer {
                Ok(Some(done)) => {
                    stop_point!(After);
                    return Ok(done);
                }
                Ok(None) => {
                    checking = false;
                    continue;
                }
                Err(e @ (StoreError::Locked { .. } | StoreError::Database(_)))
                    if began.elapsed() < max_wait =>
                {
                    tracing::warn!(run = %self.claim.run, "the store failed, trying again: {e}");
                    checking = true;
                }
                Err(e) => return Err(e),
            }
            sleep(pause).await;
            pause = (pause * 2).min(Duration::from_secs(2));
        }
    }
}

/// Lines on their way into the store: counted as lost when this is dropped before they are written,
/// by an error or because the run was abandoned.
struct Unwritten<'a> {
    lines: usize,
    lost: &'a AtomicUsize,
}

impl<'a> Unwritten<'a> {
    fn of(entries: &[NewEntry], lost: &'a AtomicUsize) -> Self {
        let lines = entries
            .iter()
            .filter(|e| matches!(e.body, EntryBody::Output { .. }))
            .count();
        Self { lines, lost }
    }

    fn are_written(mut self) {
        self.lines = 0;
    }
}

impl Drop for Unwritten<'_> {
    fn drop(&mut self) {
        self.lost.fetch_add(self.lines, Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests;
