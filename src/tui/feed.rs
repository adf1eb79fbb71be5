//! Feeds the log entries of runs from the store to the log viewer until the runs have ended.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError as RecvFailed;
use tokio::sync::oneshot::error::RecvError;
use tokio::sync::{oneshot, watch};
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::bus::Notice;
use crate::control::{Control, ProcessKind, Refusal};
use crate::core::base::time::Timestamp;
use crate::core::run::{RunId, RunStatus};
use crate::logfile::file::Tracked;
use crate::logfile::log_view::{LogRequest, LogView};
use crate::logfile::run_spool::Writer;
use crate::logfile::source::{LogSource, LogUpdate, Waker};
use crate::store::StoreError;

/// An open log: a reader thread, and the tasks that feed it the entries of runs. Dropping it ends
/// both.
#[derive(Debug)]
pub struct OpenLog {
    source: LogSource,
    feeds: JoinSet<()>,
    /// Whether the log is on screen; feeds pause while it is not.
    watched: watch::Sender<bool>,
}

/// Entries per read.
const PAGE: u32 = 2000;
/// Poll interval after a store error, and where other processes' writes send no notices.
const POLL_INTERVAL: Duration = Duration::from_millis(500);
/// Poll interval where notices are sent, in case one is lost, and of runs that have ended.
const POLL_FALLBACK: Duration = Duration::from_secs(15);

impl OpenLog {
    /// Starts reading. `send` may block; if it returns false, the reader ends.
    pub fn start(
        log: LogView,
        send: impl FnMut(LogUpdate) -> bool + Send + 'static,
    ) -> io::Result<Self> {
        Ok(Self::of(LogSource::start(move || Ok(log), send)?))
    }

    fn of(source: LogSource) -> Self {
        Self {
            source,
            feeds: JoinSet::new(),
            watched: watch::Sender::new(true),
        }
    }

    /// Opens the log of a run at its end, with the entries after `after`.
    pub fn run(
        run: RunId,
        after: i64,
        control: &Control,
        now: Timestamp,
        send: impl FnMut(LogUpdate) -> bool + Send + 'static,
    ) -> io::Result<Self> {
        let (sender, writer) = oneshot::channel();
        let make = move || {
            let (file, writer) = Tracked::run(&format!("run {run}")).map_err(|e| no_room(&e))?;
            // Without a receiver the log has been closed.
            let _ = sender.send(writer);
            Ok(LogView::new(vec![file], true, now))
        };
        let mut log = Self::of(LogSource::start(make, send)?);
        log.feed_when_made(run, after, writer, control);
        Ok(log)
    }

    /// Opens a log file, and follows it while it is written.
    pub fn file(
        path: PathBuf,
        now: Timestamp,
        send: impl FnMut(LogUpdate) -> bool + Send + 'static,
    ) -> io::Result<Self> {
        let make = move || {
            let file = Tracked::open(&path)
                .map_err(|error| io::Error::other(format!("{}: {error}", path.display())))?;
            Ok(LogView::new(vec![file], false, now))
        };
        Ok(Self::of(LogSource::start(make, send)?))
    }

    /// Feeds the entries of a run.
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
        let (waker, watched, control) = (
            self.source.waker(),
            self.watched.subscribe(),
            control.clone(),
        );
        self.feeds.spawn(async move {
            if let Ok(writer) = writer.await {
                Feed {
                    run,
                    writer,
                    control,
                    waker,
                    watched,
                    after,
                }
                .run()
                .await;
            }
        });
    }

    /// Sends a request to the reader.
    pub fn ask(&self, ask: LogRequest) {
        self.watched.send_replace(!matches!(ask, LogRequest::Idle));
        if !self.source.ask(ask) {
            tracing::warn!("the log's reader is too busy; a request was dropped");
        }
    }
}

fn no_room(error: &io::Error) -> io::Error {
    io::Error::other(format!(
        "no room for it in the folder of temporary files: {error}"
    ))
}

/// Feeds the entries of one run.
struct Feed {
    run: RunId,
    writer: Writer,
    control: Control,
    waker: Waker,
    watched: watch::Receiver<bool>,
    after: i64,
}

/// Result of one pass of a feed.
enum Progress {
    /// The log was closed.
    Closed,
    /// The run has ended and all entries so far are fed; people may still add notes.
    Ended,
    /// All entries so far are fed; more may be written.
    UpToDate,
    /// Paused: the log is not on screen.
    Paused,
}

impl Feed {
    async fn run(mut self) {
        let mut notices = self.control.subscribe();
        loop {
            match self.feed_entries().await {
                Ok(Progress::Closed) => return,
                Ok(Progress::Ended) => {
                    if !self.wait_added(&mut notices).await {
                        return;
                    }
                }
                Ok(Progress::UpToDate) => self.wait(&mut notices).await,
                Ok(Progress::Paused) => self.wait_watched(&mut notices).await,
                Err(refusal) => {
                    self.writer.report(format!(
                        "run {}: {refusal}; shown is what could be read",
                        self.run
                    ));
                    if matches!(refusal, Refusal::Store(StoreError::NotFound(_))) {
                        self.writer.end();
                        let _ = self.waker.wake();
                        return;
                    }
                    let _ = self.waker.wake();
                    tokio::time::sleep(POLL_INTERVAL).await;
                    self.wait_watched(&mut notices).await;
                }
            }
        }
    }

    /// Feeds the entries so far, while the log is on screen.
    async fn feed_entries(&mut self) -> Result<Progress, Refusal> {
        // Status before entries: an ended run writes no more, unless it was interrupted and is
        // resumed, or a person adds something.
        let status = self.control.status(self.run).await?;
        let ended = status.is_terminal() && status != RunStatus::Interrupted;
        loop {
            if !*self.watched.borrow() {
                return Ok(Progress::Paused);
            }
            let entries = self
                .control
                .entries_after(self.run, self.after, PAGE)
                .await?;
            let Some(last) = entries.last() else { break };
            self.after = last.seq;
            let room = self.writer.push(&entries);
            if !self.waker.wake() || !room {
                return Ok(Progress::Closed);
            }
        }
        if ended {
            self.writer.end();
        } else {
            self.writer.catch_up();
        }
        let _ = self.waker.wake();
        Ok(if ended {
            Progress::Ended
        } else {
            Progress::UpToDate
        })
    }

    /// Waits until something is added to a run that has ended; false: nothing more will be shown.
    /// A subcommand does not wait: it gets notices only of its own process's writes.
    async fn wait_added(&self, notices: &mut Receiver<Notice>) -> bool {
        self.control.settings().door != ProcessKind::Cli
            && added(self.run, self.after, notices).await
    }

    /// Waits until the log is on screen.
    async fn wait_watched(&mut self, notices: &mut Receiver<Notice>) {
        if !*self.watched.borrow() {
            // An error means that the log was closed, which also ends this task.
            let _ = self.watched.wait_for(|watched| *watched).await;
            *notices = notices.resubscribe();
        }
    }

    /// Waits for a notice about this run or the poll interval, or until the log is on screen again.
    async fn wait(&mut self, notices: &mut Receiver<Notice>) {
        if !*self.watched.borrow() {
            return self.wait_watched(notices).await;
        }
        let news = async {
            loop {
                match notices.recv().await {
                    Ok(Notice::Entries(run, seq)) if run == self.run && seq > self.after => return,
                    // It has ended, or was resumed.
                    Ok(Notice::Run(run, _)) if run == self.run => return,
                    Ok(_) => {}
                    Err(_) => return tokio::time::sleep(POLL_INTERVAL).await,
                }
            }
        };
        // A subcommand gets notices only of its own process's writes.
        let door = self.control.settings().door;
        let _ = timeout(
            if door == ProcessKind::Cli {
                POLL_INTERVAL
            } else {
                POLL_FALLBACK
            },
            news,
        )
        .await;
    }
}

/// Waits until entries of the run may be in the store after `after`: a notice says so, notices were
/// lost, or the poll interval is over, as other processes write to an ended run without one. False:
/// there will be no more notices.
async fn added(run: RunId, after: i64, notices: &mut Receiver<Notice>) -> bool {
    let news = async {
        loop {
            match notices.recv().await {
                Ok(Notice::Entries(of, seq)) if of == run && seq > after => return true,
                Ok(_) => {}
                Err(RecvFailed::Lagged(_)) => return true,
                Err(RecvFailed::Closed) => return false,
            }
        }
    };
    timeout(POLL_FALLBACK, news).await.unwrap_or(true)
}

#[cfg(test)]
mod tests;
