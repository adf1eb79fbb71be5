//! Brings the entries of runs from the store to where the viewer of logs reads them, and goes on until they have ended.

use std::io;
use std::time::Duration;

use tokio::sync::broadcast::Receiver;
use tokio::sync::oneshot::error::RecvError;
use tokio::sync::{oneshot, watch};
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::bus::Notice;
use crate::control::{Control, Door, Refusal};
use crate::core::run::{RunId, RunStatus};
use crate::core::time::Timestamp;
use crate::logfile::desk::{Ask, Desk};
use crate::logfile::file::Tracked;
use crate::logfile::lanes::Writer;
use crate::logfile::source::{Nudge, Source, Told};
use crate::store::StoreError;

/// Logs being read: a reader with a thread of its own, and what brings it the entries of runs. Dropping it ends both.
#[derive(Debug)]
pub struct OpenLog {
    source: Source,
    feeds: JoinSet<()>,
    /// Whether anybody looks at it: one that is only kept is fed again when somebody comes back.
    watched: watch::Sender<bool>,
}

/// Entries read at once.
const PAGE: u32 = 2000;
/// A store that failed costs this much, and so does news where nobody tells of other processes' writes.
const LOOK_AGAIN: Duration = Duration::from_millis(500);
/// A notice that got lost costs this much, where somebody tells of them.
const LOOK_ANYWAY: Duration = Duration::from_secs(15);

impl OpenLog {
    /// Begins to read. `tell` may block; false from it ends the reading.
    pub fn start(desk: Desk, tell: impl FnMut(Told) -> bool + Send + 'static) -> io::Result<Self> {
        Ok(Self::of(Source::start(move || Ok(desk), tell)?))
    }

    fn of(source: Source) -> Self {
        Self { source, feeds: JoinSet::new(), watched: watch::Sender::new(true) }
    }

    /// The log of a run, read at its end, from the entry after this one on.
    pub fn run(
        run: RunId,
        after: i64,
        control: &Control,
        now: Timestamp,
        tell: impl FnMut(Told) -> bool + Send + 'static,
    ) -> io::Result<Self> {
        let (sender, writer) = oneshot::channel();
        let make = move || {
            let (file, writer) = Tracked::run(&format!("run {run}"))?;
            // Without its feed this log was closed meanwhile.
            let _ = sender.send(writer);
            Ok(Desk::new(vec![file], true, now))
        };
        let mut log = Self::of(Source::start(make, tell)?);
        log.feed_when_made(run, after, writer, control);
        Ok(log)
    }

    /// Brings a run's entries.
    pub fn feed(&mut self, run: RunId, writer: Writer, control: &Control) {
        self.feed_when_made(run, 0, std::future::ready(Ok(writer)), control);
    }

    fn feed_when_made(
        &mut self,
        run: RunId,
        after: i64,
        writer: impl Future<Output = Result<Writer, RecvError>> + Send + 'static,
        control: &Control,
    ) {
        let (nudge, watched, control) = (self.source.nudge(), self.watched.subscribe(), control.clone());
        self.feeds.spawn(async move {
            if let Ok(writer) = writer.await {
                Feed { run, writer, control, nudge, watched, after }.run().await;
            }
        });
    }

    /// Hands over a wish.
    pub fn ask(&self, ask: Ask) {
        self.watched.send_replace(!matches!(ask, Ask::Rest));
        if !self.source.ask(ask) {
            tracing::warn!("the log's reader is too busy; a wish was dropped");
        }
    }
}

/// One run's entries on their way.
struct Feed {
    run: RunId,
    writer: Writer,
    control: Control,
    nudge: Nudge,
    watched: watch::Receiver<bool>,
    after: i64,
}

/// How far a feed has come.
enum Come {
    /// Nothing will follow.
    Over,
    /// All there was has been brought; more may be written.
    All,
    /// Nobody looks; there is more.
    Part,
}

impl Feed {
    async fn run(mut self) {
        let mut notices = self.control.listen();
        loop {
            match self.bring().await {
                Ok(Come::Over) => return,
                Ok(Come::All) => self.wait(&mut notices).await,
                Ok(Come::Part) => self.rest(&mut notices).await,
                Err(refusal) => {
                    self.writer.tell(format!("run {}: {refusal}; shown is what could be read", self.run));
                    if matches!(refusal, Refusal::Store(StoreError::NotFound(_))) {
                        self.writer.end();
                        let _ = self.nudge.tell();
                        return;
                    }
                    let _ = self.nudge.tell();
                    tokio::time::sleep(LOOK_AGAIN).await;
                    self.rest(&mut notices).await;
                }
            }
        }
    }

    /// Brings what there is, while somebody looks.
    async fn bring(&mut self) -> Result<Come, Refusal> {
        // The status first: after a run has ended, nothing is written, unless it was interrupted and is resumed.
        let status = self.control.status(self.run).await?;
        let ended = status.is_terminal() && status != RunStatus::Interrupted;
        loop {
            if !*self.watched.borrow() {
                return Ok(Come::Part);
            }
            let entries = self.control.entries_after(self.run, self.after, PAGE).await?;
            let Some(last) = entries.last() else { break };
            self.after = last.seq;
            let room = self.writer.push(&entries);
            if !self.nudge.tell() || !room {
                return Ok(Come::Over);
            }
        }
        if ended {
            self.writer.end();
        } else {
            self.writer.catch_up();
        }
        let _ = self.nudge.tell();
        Ok(if ended { Come::Over } else { Come::All })
    }

    /// Waits until somebody looks.
    async fn rest(&mut self, notices: &mut Receiver<Notice>) {
        if !*self.watched.borrow() {
            // Without its log this feed has ended.
            let _ = self.watched.wait_for(|watched| *watched).await;
            *notices = notices.resubscribe();
        }
    }

    /// Waits until something about this run is told, or long enough; while nobody looks, until somebody does.
    async fn wait(&mut self, notices: &mut Receiver<Notice>) {
        if !*self.watched.borrow() {
            return self.rest(notices).await;
        }
        let news = async {
            loop {
                match notices.recv().await {
                    Ok(Notice::Entries(run, seq)) if run == self.run && seq > self.after => return,
                    // It has ended, or goes on after it was interrupted.
                    Ok(Notice::Run(run, _)) if run == self.run => return,
                    Ok(_) => {}
                    Err(_) => return tokio::time::sleep(LOOK_AGAIN).await,
                }
            }
        };
        // A subcommand hears only of its own process's writes.
        let door = self.control.settings().door;
        let _ = timeout(if door == Door::Cli { LOOK_AGAIN } else { LOOK_ANYWAY }, news).await;
    }
}

#[cfg(test)]
mod tests;
