//! Drives one run: performs what comes next in its progress, and decides nothing. Everything is
//! recorded before the next effect.

use std::sync::atomic::AtomicBool;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio::sync::watch;
use tokio::time::Instant;

use super::limit::Limit;
use super::record::{Recorder, StepRecord};
use super::results::Results;
use super::step_ref::{StepRef, StepRun};
use super::stop_signal::StopSignal;
use crate::core::base::time::Timestamp;
use crate::core::run::event::{Level, NewEntry};
use crate::core::run::orders::Orders;
use crate::core::run::progress::{Next, Note, Performed, Progress, Requests, Task};
use crate::core::run::{Run, RunId, RunStep, StepStatus};
use crate::store::StoreError;

/// An active run.
pub(super) struct Drive {
    pub rec: Recorder,
    pub run: Run,
    /// Stops the phases.
    pub stop_signal: StopSignal,
    /// Stops the `finally` steps.
    pub last: StopSignal,
    pub limit: Limit,
    /// Requests by people, as last read from the store.
    pub orders: watch::Sender<Orders>,
    /// When this engine took it.
    pub began: Timestamp,
    /// Results of its steps, for the expressions of later ones.
    pub results: Results,
    /// The recorded steps of a resumed run.
    pub past: Vec<RunStep>,
    /// Whether this engine has run a block of its session.
    pub session_used: AtomicBool,
}

impl Drive {
    /// Drives the run to its end; returns the next link of its chain, when there is one.
    pub(super) async fn drive(&self) -> Result<Option<RunId>, StoreError> {
        self.stop_signal
            .apply(self.run.cancel_requested_by.clone(), self.run.orders.ending);
        let started = format!("started: {}", self.run.plan.title);
        self.rec
            .start(self.began, &[self.rec.note(None, Level::Info, started)])
            .await?;
        let mut progress = Progress::new(&self.run.plan, &self.past);
        self.perform(&mut progress).await?;
        self.end_session(&progress);
        self.finish(&progress).await
    }

    /// Performs what comes next until the run is to be ended.
    async fn perform(&self, progress: &mut Progress<'_>) -> Result<(), StoreError> {
        let mut phase_began = Instant::now();
        let mut active = FuturesUnordered::new();
        loop {
            let mut performed = Performed::Done;
            match self.next(progress) {
                Next::Log(notes) => self.log(notes).await?,
                Next::StartPhase(note) => {
                    phase_began = Instant::now();
                    self.log(vec![note]).await?;
                }
                Next::EndPhase(end) => {
                    let ms = phase_began.elapsed().as_millis();
                    let ms = i64::try_from(ms).unwrap_or(i64::MAX);
                    self.log(vec![end.note(ms)]).await?;
                }
                Next::Ask(step) => performed = Performed::Asked(self.ask_condition(step).await?),
                Next::Hold(hold) => self.hold(&hold).await?,
                Next::Skip { step, message } => {
                    let record = StepRecord {
                        index: step,
                        status: StepStatus::Skipped,
                        attempt: 0,
                        message: Some(&message),
                    };
                    self.rec.step(record, &[]).await?;
                }
                Next::Run(task) => active.push(self.task(task)),
                Next::Await => match active.next().await {
                    Some(ended) => performed = ended?,
                    None => return Err(StoreError::NotFound("step in flight".to_owned())),
                },
                Next::End => return Ok(()),
            }
            progress.on(performed);
        }
    }

    /// What comes next, with the requests that are known now.
    fn next<'p>(&self, progress: &mut Progress<'p>) -> Next<'p> {
        progress.next(Requests {
            stop: self.stop_signal.due(),
            last: self.last.due(),
            orders: &self.orders.borrow(),
        })
    }

    async fn task(&self, task: Task<'_>) -> Result<Performed, StoreError> {
        planted!(FinallySkipped => if !self.past.is_empty() && self.run.plan.finally.contains(task.step) {
            return Ok(Performed::Ended { step: task.index, end: crate::core::run::progress::StepEnd::new(StepStatus::Skipped, "") });
        });
        let run = StepRun {
            place: StepRef {
                index: Some(task.index),
                phase: task.phase,
            },
            step: task.step,
            timeout_ms: task.timeout_ms,
            stop_signal: match task.phase {
                Some(_) => &self.stop_signal,
                None => &self.last,
            },
        };
        let (step, end) = (task.index, self.step(run).await?);
        Ok(Performed::Ended { step, end })
    }

    async fn log(&self, notes: Vec<Note>) -> Result<(), StoreError> {
        let entries: Vec<_> = notes.into_iter().map(|note| self.entry_of(note)).collect();
        self.rec.append(&entries).await
    }

    pub(super) fn entry_of(&self, note: Note) -> NewEntry {
        self.rec.note(note.phase, note.level, note.message)
    }
}
