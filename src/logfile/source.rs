//! A log view on a thread of its own: takes requests, works in small pieces between them and sends
//! what to show.

mod pace;

use std::io;
use std::sync::mpsc::{
    Receiver, RecvTimeoutError, SyncSender, TryRecvError, TrySendError, sync_channel,
};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use self::pace::Pacing;
use super::log_view::{Answer, LogRequest, LogView, Shown};
use super::watch::Watch;

/// A message from the thread of a log view.
#[derive(Debug, Clone)]
pub enum LogUpdate {
    Shown(Box<Shown>),
    Answer(Answer),
    /// The log view could not be opened, with the reason. No further message follows.
    Unopened(String),
}

/// A running log view. Dropping it and its wakers ends the thread after the current piece of work.
#[derive(Debug)]
pub struct LogSource {
    asks: Arc<SyncSender<LogRequest>>,
}

/// Wakes a log view after something was written to what it reads.
#[derive(Debug, Clone)]
pub struct Waker(Arc<SyncSender<LogRequest>>);

/// The same, without keeping the view alive.
pub(super) type WeakWaker = Weak<SyncSender<LogRequest>>;

impl Waker {
    /// False: the view is gone.
    #[must_use]
    pub fn wake(&self) -> bool {
        wake(&self.0)
    }
}

/// A full queue is fine: the view looks at its files after each request. False: the view is gone.
pub(super) fn wake(asks: &SyncSender<LogRequest>) -> bool {
    !matches!(
        asks.try_send(LogRequest::Poll),
        Err(TrySendError::Disconnected(_))
    )
}

/// Requests that may wait in the queue.
const WAITING: usize = 256;
/// How often files that cannot be watched are polled for growth: `POLL` until `QUIET` has passed
/// without any.
const POLL: Duration = Duration::from_millis(50);
const POLL_QUIET: Duration = Duration::from_millis(200);
const QUIET: Duration = Duration::from_secs(5);
/// Files that are watched are polled for this long after they woke the view: whether a last line
/// without its end stays so, and whether a renamed file gets a successor, shows a little later.
const SETTLES: Duration = Duration::from_millis(700);
/// How often they are polled otherwise: a folder on the way to a file may have become a link to
/// another, which nothing reports.
const POLL_WATCHED: Duration = Duration::from_secs(15);
/// Logs whose writer wakes the view are not polled.
const NEVER: Duration = Duration::from_hours(1);
/// How often files are checked for having been replaced or truncated.
const CHECK: Duration = Duration::from_millis(250);

impl LogSource {
    /// Starts the thread, which calls `make` itself: the caller does not wait for files to open.
    /// `send` may block; false from it ends the thread.
    ///
    /// # Errors
    /// When the thread cannot be started.
    pub fn start(
        make: impl FnOnce() -> io::Result<LogView> + Send + 'static,
        mut send: impl FnMut(LogUpdate) -> bool + Send + 'static,
    ) -> io::Result<Self> {
        let (asks, requests) = sync_channel(WAITING);
        let asks = Arc::new(asks);
        let waker = Arc::downgrade(&asks);
        std::thread::Builder::new()
            .name("log".to_owned())
            .spawn(move || match make() {
                Ok(log_view) => run(log_view, &requests, &waker, send),
                Err(error) => drop(send(LogUpdate::Unopened(error.to_string()))),
            })?;
        Ok(Self { asks })
    }

    /// Queues a request; false when the queue is full.
    #[must_use]
    pub fn ask(&self, ask: LogRequest) -> bool {
        self.asks.try_send(ask).is_ok()
    }

    /// For the writer of a log that the view reads.
    #[must_use]
    pub fn waker(&self) -> Waker {
        Waker(Arc::clone(&self.asks))
    }
}

fn run(
    mut log_view: LogView,
    requests: &Receiver<LogRequest>,
    waker: &WeakWaker,
    mut send: impl FnMut(LogUpdate) -> bool,
) {
    let mut pace = Pacing::default();
    let mut checked = Instant::now();
    let mut growth = Growth::new();
    let mut idle = false;
    loop {
        let mut urgent = !pace.has_shown();
        let request = if idle {
            growth.watch(&log_view, waker);
            let pause = growth.pause(&log_view);
            let pause = match pace.due(&log_view) {
                Some(due) if log_view.has_changed() => pause.min(due),
                _ => pause,
            };
            match requests.recv_timeout(pause) {
                Ok(request) => Some(request),
                Err(RecvTimeoutError::Timeout) => None,
                Err(RecvTimeoutError::Disconnected) => return,
            }
        } else {
            match requests.try_recv() {
                Ok(request) => Some(request),
                Err(TryRecvError::Empty) => None,
                Err(TryRecvError::Disconnected) => return,
            }
        };
        let mut next = request;
        while let Some(request) = next {
            growth.woken = Instant::now();
            urgent |= request != LogRequest::Poll;
            log_view.ask(request);
            next = requests.try_recv().ok();
        }
        if !urgent || !pace.has_shown() {
            let loading = !log_view.has_read_all();
            idle = !log_view.work();
            urgent |= loading && log_view.has_read_all();
            growth.seen = if idle { growth.seen } else { Instant::now() };
        } else {
            // The request is answered first; the background work it causes follows.
            idle = false;
        }
        if checked.elapsed() >= CHECK {
            log_view.check();
            checked = Instant::now();
        }
        for answer in log_view.answers() {
            if !send(LogUpdate::Answer(answer)) {
                return;
            }
        }
        let due = urgent || pace.due(&log_view).is_some_and(|due| due.is_zero());
        if log_view.has_changed() && due {
            pace.shown(&log_view);
            if !send(LogUpdate::Shown(Box::new(log_view.shown()))) {
                return;
            }
        }
    }
}

/// How the growth of the files is noticed.
struct Growth {
    watch: Option<Watch>,
    /// Files when the watch was set up; with each rotation there is one more.
    watched: usize,
    /// When a file was last seen to have grown.
    seen: Instant,
    /// When a request or a watched file last woke the view.
    woken: Instant,
}

impl Growth {
    fn new() -> Self {
        let now = Instant::now();
        Self {
            watch: None,
            watched: 0,
            seen: now,
            woken: now,
        }
    }

    /// Watches the files while the view is on screen.
    fn watch(&mut self, log_view: &LogView, waker: &WeakWaker) {
        let files = match log_view.files() {
            files if log_view.is_watched() && log_view.needs_polling() => files,
            _ => &[],
        };
        if files.len() != self.watched {
            self.watched = files.len();
            self.watch = match files {
                [] => None,
                files => Watch::on(files, waker.clone()),
            };
            // What was written before the watch was there is found by the next poll.
            self.woken = Instant::now();
        }
    }

    /// How long to wait for a request before polling again.
    fn pause(&self, log_view: &LogView) -> Duration {
        match () {
            () if !log_view.is_watched() || !log_view.needs_polling() => NEVER,
            () if self.watch.is_some() && self.woken.elapsed() >= SETTLES => POLL_WATCHED,
            () if self.watch.is_some() || self.seen.elapsed() >= QUIET => POLL_QUIET,
            () => POLL,
        }
    }
}

#[cfg(test)]
mod tests {

    use super::*;
    use crate::core::base::time::Timestamp;
    use crate::logfile::file::Tracked;
    use crate::logfile::log_view::{Move, Sought};
    use crate::logfile::scan::pattern;

    fn source(text: &str) -> (LogSource, Receiver<LogUpdate>) {
        let file = Tracked::spool("test", io::Cursor::new(text.to_owned().into_bytes())).unwrap();
        let (sender, messages) = sync_channel(8);
        let log_view = LogView::new(vec![file], false, Timestamp(0));
        (
            LogSource::start(move || Ok(log_view), move |t| sender.send(t).is_ok()).unwrap(),
            messages,
        )
    }

    fn until(messages: &Receiver<LogUpdate>, fact: impl Fn(&Shown) -> bool) -> Shown {
        loop {
            match messages.recv_timeout(Duration::from_secs(20)).unwrap() {
                LogUpdate::Shown(shown) if fact(&shown) => return *shown,
                _ => {}
            }
        }
    }

    #[test]
    fn requests_are_answered_while_and_after_the_work_is_done() {
        let text: String = (0..200_000).map(|n| format!("INFO line {n}\n")).collect();
        let (source, messages) = source(&text);
        assert!(source.ask(LogRequest::Resize { rows: 10, strip: 0 }));
        assert!(source.ask(LogRequest::Search(Some(pattern("7$").unwrap()))));
        let all = until(&messages, |shown| {
            shown.hits.is_some_and(|hits| hits.complete) && shown.lines == 200_000
        });
        assert_eq!(all.hits.unwrap().count, 20_000);
        assert!(source.ask(LogRequest::Move(Move::Line(100))));
        assert!(source.ask(LogRequest::Seek {
            what: Sought::Hit,
            forward: true
        }));
        until(&messages, |shown| shown.rows[shown.cursor].number == 107);
    }

    #[test]
    fn a_view_that_cannot_be_made_is_reported() {
        let (sender, messages) = sync_channel(8);
        let made = LogSource::start(
            || Err(io::Error::other("no room")),
            move |t| sender.send(t).is_ok(),
        )
        .unwrap();
        assert!(
            matches!(messages.recv_timeout(Duration::from_secs(20)), Ok(LogUpdate::Unopened(why)) if why == "no room")
        );
        drop(made);
    }

    #[test]
    fn dropping_ends_the_thread() {
        let (source, messages) = source("a\nb\n");
        until(&messages, |shown| shown.lines == 2);
        drop(source);
        // The sender is dropped when the thread ends.
        while messages.recv_timeout(Duration::from_secs(20)).is_ok() {}
        assert_eq!(
            messages.recv_timeout(Duration::from_secs(20)).unwrap_err(),
            RecvTimeoutError::Disconnected
        );
    }
}
